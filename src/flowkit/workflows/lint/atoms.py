"""A condition in single tests: each is about one value, and holds or does not.

The tree of a condition is brought into negation normal form, matchers included, so that what is left are choices, and
tests on values that are named by keys. What cannot be told apart from the outside (a host's predicate) may hold.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from enum import Enum
from typing import Final, TypeAlias, assert_never

from attrs import field, frozen

from flowkit.conditions import (
    AllOf,
    AnyOf,
    Between,
    Compares,
    Condition,
    Contains,
    Custom,
    Differs,
    Empty,
    EngagementAtLeast,
    Equals,
    EventHas,
    EventIs,
    Exists,
    Fails,
    HasAny,
    HasNone,
    Lacks,
    Leaf,
    Matcher,
    Measure,
    NoneOf,
    Not,
    OneOf,
    Ops,
    Order,
    Performed,
    RunHas,
    Sample,
    Segments,
    Sequence,
    Size,
    SubscriberHas,
    ValueAtLeast,
)
from flowkit.conditions.matchers import Test

__all__ = [
    "MAY_HOLD",
    "Atom",
    "Either",
    "Every",
    "Floor",
    "Formula",
    "Key",
    "Single",
    "Values",
    "attribute",
    "formula",
    "member",
]


class Values(Enum):
    """What a value can be at all."""

    ANY = "any"
    """Missing, or whatever JSON holds."""
    COUNT = "count"
    """A whole number of at least 0."""
    LENGTH = "length"
    """Missing, or a whole number of at least 0."""
    SHARE = "share"
    """Missing, or a number of at least 0 and below 100."""
    NOTHING = "nothing"
    """Missing."""


@frozen
class Key:
    """The name of a value.

    Attributes:
        name: As people are told it, such as ``subscriber.plan``.
        values: What it can be.
        about: What tells it from others of that name; two keys that are equal name one and the same value.
    """

    name: str
    values: Values = Values.ANY
    about: str = ""


@frozen
class Floor:
    """A number is at least another; a missing one counts as 0."""

    minimum: float


Single: TypeAlias = Test | Floor
"""One test on one value."""


@frozen
class Atom:
    """A test on a value, which is to hold or to fail.

    Attributes:
        key: The value's name.
        test: The test; never one that others spell as well (`Differs`, `NoneOf`, `Lacks`, `HasNone`, `Between`,
            `Fails`, `Size`).
        holds: Whether it is to hold.
        ci: Whether upper and lower case are the same.
    """

    key: Key
    test: Single
    holds: bool = field(default=True, kw_only=True)
    ci: bool = field(default=False, kw_only=True)


@frozen
class Every:
    """All of them hold; without any it holds always."""

    parts: tuple[Formula, ...] = ()


@frozen
class Either:
    """One of them holds; without any it never does."""

    parts: tuple[Formula, ...] = ()


Formula: TypeAlias = Atom | Every | Either
"""What a condition comes to."""

MAY_HOLD: Final = Every()
_IN: Final = Equals(value=True)


def formula(condition: Condition, *, event: bool = True, scope: str = "", holds: bool = True) -> Formula:
    """Bring a condition into single tests.

    Args:
        condition: The condition.
        event: Whether an event may be at hand.
        scope: What tells the past from the one that conditions asked at another time look back on.
        holds: Whether it is to hold, or to fail.

    Returns:
        A formula that holds wherever the condition does; where it never holds, neither does the condition.
    """
    return _Reader(event, scope).formula(condition, holds=holds)


def attribute(path: str) -> Key:
    """Name an attribute of the subscriber."""
    return Key(f"subscriber.{path}")


def member(segment: str, *, holds: bool) -> Atom:
    """Say that the subscriber is in a segment, or is not."""
    return Atom(Key(f"segments.{segment}"), _IN, holds=holds)


@frozen
class _Reader:
    """Names the values that a condition is about."""

    event: bool
    scope: str

    def formula(self, condition: Condition, *, holds: bool) -> Formula:
        match condition:
            case Not(inner):
                return self.formula(inner, holds=not holds)
            case AllOf(conditions):
                return _joined((self.formula(one, holds=holds) for one in conditions), every=holds)
            case AnyOf(conditions):
                return _joined((self.formula(one, holds=holds) for one in conditions), every=not holds)
            case _:
                return self._leaf(condition, holds=holds)

    def _leaf(self, leaf: Leaf, *, holds: bool) -> Formula:
        match leaf:
            case EventIs(types):
                return Atom(self._of_event("type"), OneOf(types), holds=holds)
            case EventHas(properties):
                keys = {path: self._of_event(f"properties.{path}") for path in properties}
                return _all((_matched(keys[path], one, holds=holds) for path, one in properties.items()), holds=holds)
            case ValueAtLeast(minimum):
                return Atom(self._of_event("value"), Floor(minimum), holds=holds)
            case SubscriberHas(properties):
                return _all(
                    (_matched(attribute(path), one, holds=holds) for path, one in properties.items()), holds=holds
                )
            case RunHas(properties):
                keys = {path: Key(f"variables.{path}") for path in properties}
                return _all((_matched(keys[path], one, holds=holds) for path, one in properties.items()), holds=holds)
            case EngagementAtLeast(minimums):
                return _all(_metrics(minimums, holds=holds), holds=holds)
            case Segments():
                return _all(_segments(leaf, holds=holds), holds=holds)
            case Performed():
                return _matched(self._of_past(leaf), leaf.passes, holds=holds)
            case Sequence():
                return Atom(Key("sequence", Values.ANY, f"{self.scope} {leaf!r}"), _IN, holds=holds)
            case Sample(percent, salt):
                return Atom(Key(f"sample.{salt}", Values.SHARE), Compares(Order.LT, percent), holds=holds)
            case Custom():
                return MAY_HOLD
            case _:
                assert_never(leaf)

    def _of_event(self, name: str) -> Key:
        return Key(f"event.{name}", Values.ANY if self.event else Values.NOTHING)

    def _of_past(self, asked: Performed) -> Key:
        counts = asked.measure in {Measure.COUNT, Measure.DISTINCT}
        about = repr((self.scope, asked.where, asked.within, asked.since, asked.of))
        return Key(f"performed.{asked.event}.{asked.measure}", Values.COUNT if counts else Values.ANY, about)


def _joined(parts: Iterable[Formula], *, every: bool) -> Formula:
    found = tuple(parts)
    if len(found) == 1:
        return found[0]
    return Every(found) if every else Either(found)


def _all(parts: Iterable[Formula], *, holds: bool) -> Formula:
    """Put together what is to hold as a whole: to fail it is enough that one part does."""
    return _joined(parts, every=holds)


def _metrics(minimums: Mapping[str, float | Matcher], *, holds: bool) -> Iterator[Formula]:
    for name, wanted in minimums.items():
        key = Key(f"engagement.{name}")
        if isinstance(wanted, (int, float)):
            yield Atom(key, Floor(wanted), holds=holds)
        else:
            yield _matched(key, wanted, holds=holds)


def _segments(asked: Segments, *, holds: bool) -> Iterator[Formula]:
    if asked.any:
        yield _joined((member(name, holds=holds) for name in asked.any), every=not holds)
    for name in asked.all:
        yield member(name, holds=holds)
    for name in asked.none:
        yield member(name, holds=not holds)


def _matched(key: Key, matcher: Matcher, *, holds: bool, ci: bool = False) -> Formula:
    match matcher:
        case Ops(tests, ci=folds):
            return _all((_matched(key, test, holds=holds, ci=folds) for test in tests), holds=holds)
        case Fails(inner):
            return _matched(key, inner, holds=not holds)
        case Size(inner):
            values = Values.NOTHING if key.values is Values.NOTHING else Values.LENGTH
            return _matched(Key(f"the size of {key.name}", values, key.about), inner, holds=holds)
        case Between(low, high):
            bounds = (Compares(Order.GTE, low), Compares(Order.LTE, high))
            return _all((Atom(key, bound, holds=holds, ci=ci) for bound in bounds), holds=holds)
        case Differs(value):
            return Atom(key, Equals(value), holds=not holds, ci=ci)
        case NoneOf(values):
            return Atom(key, OneOf(values), holds=not holds, ci=ci)
        case Lacks(value):
            return Atom(key, Contains(value), holds=not holds, ci=ci)
        case HasNone(values):
            return Atom(key, HasAny(values), holds=not holds, ci=ci)
        case Exists(wanted):
            return Atom(key, Exists(), holds=holds is wanted)
        case Empty(wanted):
            return Atom(key, Empty(), holds=holds is wanted)
        case _:
            return Atom(key, matcher, holds=holds, ci=ci)
