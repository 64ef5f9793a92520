"""What must be the case for a trigger to match: the part of its condition that an index can look up.

A condition is brought into negation normal form (negations stand at single tests only) and written as alternatives.
Each asks for event types, for properties that equal plain values and for numbers that are at least others: an index
finds those. What cannot be looked up (negations, choices that would be multiplied out too widely) is left over, to be
tested where the rest holds. A condition of any other kind makes an alternative inexact: there the condition itself
has to be asked.
"""

from __future__ import annotations

import math
from collections.abc import Iterable
from typing import Final, TypeAlias, assert_never

from attrs import frozen

from flowkit.conditions import (
    AllOf,
    AnyOf,
    Compares,
    Condition,
    EngagementAtLeast,
    Equals,
    EventHas,
    EventIs,
    Matcher,
    Not,
    OneOf,
    Order,
    SubscriberHas,
    ValueAtLeast,
)

__all__ = ["Alternative", "AtLeast", "Denied", "Either", "Every", "Formula", "Has", "Is", "Unknown", "alternatives"]

_WIDEST: Final = 16
_PLAIN: Final = (str, int, bool, type(None))


@frozen
class Is:
    """The event has one of these types."""

    types: frozenset[str]


@frozen
class Has:
    """A property equals a plain value: text, a number that is no NaN, true, false, or None for missing.

    Attributes:
        event: Whether it is a property of the event; else it is one of the subscriber.
        path: Its path.
        value: The value.
    """

    event: bool
    path: str
    value: object


@frozen
class AtLeast:
    """A number is at least another; a missing one counts as 0.

    Attributes:
        metric: A metric of the subscriber; None for the event's value.
        minimum: A finite number.
    """

    metric: str | None
    minimum: float


@frozen
class Denied:
    """A test does not hold."""

    test: Is | Has | AtLeast


@frozen
class Unknown:
    """A condition that an index knows nothing of."""


@frozen
class Every:
    """All of them hold."""

    parts: tuple[Formula, ...]


@frozen
class Either:
    """One of them holds."""

    parts: tuple[Formula, ...]


Formula: TypeAlias = Is | Has | AtLeast | Denied | Unknown | Every | Either
"""A condition in negation normal form."""


@frozen
class Alternative:
    """One way in which a condition may hold.

    Attributes:
        types: The event types that it asks for; None for any.
        tests: What else can be looked up.
        rest: What is left to be tested where those hold.
        exact: Whether the condition holds wherever all these do; else it has to be asked itself.
    """

    types: frozenset[str] | None = None
    tests: tuple[Has | AtLeast, ...] = ()
    rest: tuple[Formula, ...] = ()
    exact: bool = True

    @property
    def guards(self) -> bool:
        """Whether it asks for anything that can be looked up."""
        return self.types is not None or bool(self.tests)


_Alternatives: TypeAlias = tuple[Alternative, ...]
_UNKNOWN: Final = Unknown()
_ALWAYS: Final = Alternative()


def alternatives(condition: Condition) -> tuple[Alternative, ...]:
    """Write a condition as alternatives, one of which holds wherever the condition does; none where it never can."""
    return _written(_formula(condition, negated=False))


# ------------------------------------------------------------------------------------------------------------
# Negation normal form


def _formula(condition: Condition, *, negated: bool) -> Formula:
    match condition:
        case Not(inner):
            return _formula(inner, negated=not negated)
        case AllOf(conditions) | AnyOf(conditions):
            parts = [_formula(one, negated=negated) for one in conditions]
            return _joined(parts, every=isinstance(condition, AllOf) is not negated)
        case EventIs(types):
            found: Formula = Is(frozenset(types))
        case EventHas(properties):
            found = _joined([_property(path, each, event=True) for path, each in properties.items()], every=True)
        case SubscriberHas(properties):
            found = _joined([_property(path, each, event=False) for path, each in properties.items()], every=True)
        case ValueAtLeast(minimum):
            found = _minimum(None, minimum)
        case EngagementAtLeast(minimums):
            found = _joined([_metric(name, wanted) for name, wanted in minimums.items()], every=True)
        case _:
            return _UNKNOWN
    return _denied(found) if negated else found


def _joined(parts: Iterable[Formula], *, every: bool) -> Formula:
    kind = Every if every else Either
    flat = dict.fromkeys(each for part in parts for each in (part.parts if isinstance(part, kind) else (part,)))
    return next(iter(flat)) if len(flat) == 1 else kind(tuple(flat))


def _denied(formula: Formula) -> Formula:
    match formula:
        case Is() | Has() | AtLeast():
            return Denied(formula)
        case Denied(test):
            return test
        case Every(parts) | Either(parts):
            return _joined(map(_denied, parts), every=isinstance(formula, Either))
        case Unknown():
            return formula
        case _:
            assert_never(formula)


def _property(path: str, matcher: Matcher, *, event: bool) -> Formula:
    match matcher:
        case Equals(wanted) if _is_plain(wanted):
            return Has(event, path, wanted)
        case OneOf(values) if all(map(_is_plain, values)):
            # What is missing is none of any values, None among them.
            return _joined((Has(event, path, value) for value in values if value is not None), every=False)
        case _:
            return _UNKNOWN


def _is_plain(value: object) -> bool:
    """Whether a value can be looked up in a dictionary, and equals itself."""
    return type(value) in _PLAIN or (type(value) is float and not math.isnan(value))


def _metric(name: str, wanted: float | Matcher) -> Formula:
    match wanted:
        case Compares(Order.GTE, bound) if isinstance(bound, (int, float)) and bound > 0:
            return _minimum(name, bound)  # above 0 it is the same whether what is missing counts as 0
        case int() | float():
            return _minimum(name, wanted)
        case _:
            return _UNKNOWN


def _minimum(metric: str | None, minimum: float) -> Formula:
    finite = type(minimum) is int or (type(minimum) is float and math.isfinite(minimum))
    return AtLeast(metric, minimum) if finite else _UNKNOWN


# ------------------------------------------------------------------------------------------------------------
# Alternatives


def _written(formula: Formula) -> _Alternatives:
    match formula:
        case Is(types):
            return (Alternative(types),)
        case Has() | AtLeast():
            return (Alternative(tests=(formula,)),)
        case Denied() | Unknown():
            return (_left_over(formula),)
        case Either(parts):
            return _either(formula, parts)
        case Every(parts):
            return _every(parts)
        case _:
            assert_never(formula)


def _left_over(formula: Formula) -> Alternative:
    return Alternative(rest=(formula,)) if _is_known(formula) else Alternative(exact=False)


def _is_known(formula: Formula) -> bool:
    match formula:
        case Unknown():
            return False
        case Every(parts) | Either(parts):
            return all(map(_is_known, parts))
        case _:
            return True


def _either(formula: Formula, parts: tuple[Formula, ...]) -> _Alternatives:
    found = tuple(dict.fromkeys(one for part in parts for one in _written(part)))
    if _ALWAYS in found:
        return (_ALWAYS,)
    # Where one of them cannot be looked up, looking the others up saves nothing.
    return found if len(found) <= _WIDEST and all(one.guards for one in found) else (_left_over(formula),)


def _every(parts: tuple[Formula, ...]) -> _Alternatives:
    found: _Alternatives = (_ALWAYS,)
    for part in sorted(parts, key=lambda part: isinstance(part, Either)):  # what multiplies comes last
        others = _written(part)
        if len(found) * len(others) > _WIDEST:
            others = (_left_over(part),)
        both = (_both(one, other) for one in found for other in others)
        found = tuple(dict.fromkeys(each for each in both if each is not None))
    return found


def _both(one: Alternative, other: Alternative) -> Alternative | None:
    """Put two alternatives together; None where they exclude each other."""
    types = one.types if other.types is None else other.types if one.types is None else one.types & other.types
    if types is not None and not types:
        return None
    tests = dict.fromkeys(one.tests)
    for test in other.tests:
        if isinstance(test, Has) and any(_exclude(test, known) for known in one.tests):
            return None
        tests[test] = None
    return Alternative(types, tuple(tests), one.rest + other.rest, one.exact and other.exact)


def _exclude(test: Has, known: Has | AtLeast) -> bool:
    return (
        isinstance(known, Has) and known.path == test.path and known.event is test.event and known.value != test.value
    )
