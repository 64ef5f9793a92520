"""What a condition reads, so that nothing else is fetched, kept or asked."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from typing import Final, assert_never

from attrs import evolve

from flowkit.conditions.history import VALUE
from flowkit.conditions.matchers import Between, Compares, Differs, Equals, Fails, Matcher, NoneOf, OneOf, Ops
from flowkit.conditions.matching import reads_dates
from flowkit.conditions.model import (
    AllOf,
    AnyOf,
    Condition,
    Custom,
    EngagementAtLeast,
    EventHas,
    EventIs,
    Leaf,
    Not,
    Performed,
    RunHas,
    Sample,
    Segments,
    Sequence,
    SubscriberHas,
    ValueAtLeast,
)
from flowkit.conditions.walk import leaves
from flowkit.events import NO_NEEDS, HistoryNeed, Needs, together

__all__ = ["event_types", "is_personal", "is_timed", "needs"]

_NO_TYPES: Final[frozenset[str]] = frozenset()


def needs(condition: Condition) -> Needs:
    """Name the facts that a condition may read; evaluating it reads nothing else."""
    match condition:
        case AllOf(conditions) | AnyOf(conditions):
            return together(needs(one) for one in conditions)
        case Not(inner):
            return needs(inner)
        case _:
            return _of_leaf(condition)


def _of_leaf(condition: Leaf) -> Needs:
    zone = reads_zone(condition)
    match condition:
        case SubscriberHas(properties):
            return Needs(attributes=_tops(properties), zone=zone)
        case EngagementAtLeast(minimums):
            return Needs(engagement=frozenset(minimums), zone=zone)
        case Segments():
            return Needs(segments=frozenset((*condition.any, *condition.all, *condition.none)))
        case Performed():
            return Needs(history={condition.event: _of_performed(condition)}, zone=zone)
        case Sequence(steps):
            return together(Needs(history={step.event: _of_where(step.where)}, zone=zone) for step in steps)
        case EventIs() | EventHas() | ValueAtLeast() | RunHas() | Sample() | Custom():
            return Needs(zone=True) if zone else NO_NEEDS
        case _:
            assert_never(condition)


def _tops(paths: Iterable[str]) -> frozenset[str]:
    """Name the keys at which reading paths begins: each is tried as it is, and dotted then."""
    return frozenset(key for path in paths for key in (path, path.split(".", 1)[0]))


def _of_where(where: Mapping[str, Matcher], *more: str) -> HistoryNeed:
    paths = {*where, *more}
    return HistoryNeed(value=VALUE in paths, properties=_tops(paths - {VALUE}))


def _of_performed(asked: Performed) -> HistoryNeed:
    need = _of_where(asked.where, *([] if asked.of is None else [asked.of]))
    return evolve(
        need,
        window=None if asked.within is None else asked.within.micros,
        latest=_enough(asked.passes) if asked.of is None and not asked.where else None,
    )


def _enough(matcher: Matcher) -> int | None:
    """Give a number such that all counts from it on pass alike; None where there may be none."""
    match matcher:
        case Ops(tests):
            return _most(_enough(test) for test in tests)
        case Fails(inner):
            return _enough(inner)
        case Equals(wanted) | Differs(wanted) | Compares(bound=wanted):
            return _past(wanted)
        case Between(low, high):
            return _most((_past(low), _past(high)))
        case OneOf(values) | NoneOf(values):
            return _most(_past(value) for value in values)
        case _:
            return None


def _past(bound: object) -> int | None:
    if isinstance(bound, (int, float)) and math.isfinite(bound):
        return max(1, math.floor(bound) + 1)
    return None


def _most(numbers: Iterable[int | None]) -> int | None:
    most = 1
    for number in numbers:
        if number is None:
            return None
        most = max(most, number)
    return most


def reads_zone(condition: Leaf) -> bool:
    """Whether a condition that holds no other reads the subscriber's time zone: a date may be one without an offset."""
    match condition:
        case EventHas(properties) | SubscriberHas(properties) | RunHas(properties):
            return any(map(reads_dates, properties.values()))
        case EngagementAtLeast(minimums):
            return any(not isinstance(wanted, (int, float)) and reads_dates(wanted) for wanted in minimums.values())
        case Performed(where=where, passes=passes):
            return reads_dates(passes) or any(map(reads_dates, where.values()))
        case Sequence(steps):
            return any(reads_dates(matcher) for step in steps for matcher in step.where.values())
        case EventIs() | ValueAtLeast() | Segments() | Sample() | Custom():
            return False
        case _:
            assert_never(condition)


def is_timed(condition: Condition) -> bool:
    """Whether a condition may change by itself as time passes: it reads dates, or how long ago something was."""
    return any(
        reads_zone(leaf) or (isinstance(leaf, (Performed, Sequence)) and leaf.within is not None)
        for leaf in leaves(condition)
    )


def is_personal(condition: Condition) -> bool:
    """Whether a condition reads more than the event and the profile: the past, a sample, or a host's predicate."""
    return any(isinstance(leaf, (Performed, Sequence, Sample, Custom)) for leaf in leaves(condition))


def event_types(condition: Condition) -> frozenset[str] | None:
    """Name the event types without which a condition cannot hold; None where any type may do."""
    match condition:
        case EventIs(types):
            return frozenset(types)
        case AllOf(conditions):
            named = [each for one in conditions if (each := event_types(one)) is not None]
            return named[0].intersection(*named[1:]) if named else None
        case AnyOf(conditions):
            named = [each for one in conditions if (each := event_types(one)) is not None]
            return _NO_TYPES.union(*named) if len(named) == len(conditions) else None
        case _:
            return None
