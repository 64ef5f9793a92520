"""Conditions as functions: the verdict of `evaluate` at one instant, and nothing else, as fast as closures are."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import UTC
from typing import Final, TypeAlias

from flowkit.conditions.dates import find_zone
from flowkit.conditions.evaluate import Reading
from flowkit.conditions.matchers import Compares, Equals, Exists, Matcher, OneOf, Ops
from flowkit.conditions.matching import at_least, compared, comparison, equal, look_up, reads_dates, timeline
from flowkit.conditions.model import (
    AllOf,
    AnyOf,
    Condition,
    EngagementAtLeast,
    EventHas,
    EventIs,
    Not,
    SubscriberHas,
    ValueAtLeast,
)
from flowkit.conditions.moment import Moment
from flowkit.events import Event, Facts

__all__ = ["Asked", "predicate"]

Asked: TypeAlias = Callable[[Event | None, Facts, Moment], bool]
"""A compiled condition: whether it holds for an event and facts at a moment."""

_Check: TypeAlias = Callable[[object, Facts, Moment], bool]
_NUMBERS: Final = frozenset({int, float})


def predicate(condition: Condition) -> Asked:
    """Compile a condition to a function of an event, facts and a moment: the verdict of ``evaluate``, faster."""
    match condition:
        case AllOf(conditions):
            return _all([predicate(one) for one in conditions])
        case AnyOf(conditions):
            tests = [predicate(one) for one in conditions]
            return lambda event, facts, moment: any(test(event, facts, moment) for test in tests)
        case Not(inner):
            test = predicate(inner)
            return lambda event, facts, moment: not test(event, facts, moment)
        case EventIs(types):
            wanted = frozenset(types)
            return lambda event, _facts, _moment: event is not None and event.type in wanted
        case EventHas(properties):
            return _all([_event_property(path, matcher) for path, matcher in properties.items()])
        case SubscriberHas(properties):
            return _all([_attribute(path, matcher) for path, matcher in properties.items()])
        case ValueAtLeast(minimum):
            return lambda event, _facts, _moment: at_least(event.value if event else None, minimum)
        case EngagementAtLeast(minimums):
            return _all([_metric(name, wanted) for name, wanted in minimums.items()])
        case _:
            leaf = condition
            return lambda event, facts, moment: Reading(facts, event, moment).leaf(leaf).holds


def _all(tests: Sequence[Asked]) -> Asked:
    match tests:
        case []:
            return lambda _event, _facts, _moment: True
        case [only]:
            return only
        case [first, second]:
            return lambda event, facts, moment: first(event, facts, moment) and second(event, facts, moment)
        case _:
            return lambda event, facts, moment: all(test(event, facts, moment) for test in tests)


def _event_property(path: str, matcher: Matcher) -> Asked:
    if isinstance(matcher, Equals) and type(matcher.value) is str and "." not in path:
        wanted = matcher.value
        return lambda event, _facts, _moment: (
            event is not None
            and (found == wanted if type(found := event.properties.get(path)) is str else equal(found, wanted))
        )
    check = _check(matcher)
    if "." not in path:
        return lambda event, facts, moment: check(event.properties.get(path) if event else None, facts, moment)
    return lambda event, facts, moment: check(look_up(event.properties, path) if event else None, facts, moment)


def _attribute(path: str, matcher: Matcher) -> Asked:
    check = _check(matcher)
    if "." not in path:
        return lambda _event, facts, moment: check(facts.attributes.get(path), facts, moment)
    return lambda _event, facts, moment: check(look_up(facts.attributes, path), facts, moment)


def _metric(name: str, wanted: float | Matcher) -> Asked:
    if isinstance(wanted, (int, float)):
        return lambda _event, facts, _moment: at_least(facts.engagement.get(name), wanted)
    check = _check(wanted)
    return lambda _event, facts, moment: check(facts.engagement.get(name), facts, moment)


def _check(matcher: Matcher) -> _Check:
    """Compile a matcher; what is seldom is left to `timeline`."""
    match matcher:
        case Equals(wanted):
            return lambda value, _facts, _moment: equal(value, wanted)
        case Compares(order, bound) if type(bound) in _NUMBERS:
            compare = comparison(order)
            return lambda value, _facts, _moment: (
                compare(value, bound) if type(value) in _NUMBERS else compared(value, order, bound)
            )
        case OneOf(values) if all(type(value) is str for value in values):
            words = frozenset(values)
            return lambda value, _facts, _moment: (
                value in words if type(value) is str else value is not None and any(equal(value, one) for one in values)
            )
        case Exists(wanted):
            return lambda value, _facts, _moment: (value is not None) is wanted
        case Ops(tests, ci=False):
            checks = [_check(test) for test in tests]
            return lambda value, facts, moment: all(check(value, facts, moment) for check in checks)
        case _ if reads_dates(matcher):
            return lambda value, facts, moment: timeline(matcher, value, find_zone(facts.zone), moment.now).holds
        case _:
            return lambda value, _facts, moment: timeline(matcher, value, UTC, moment.now).holds
