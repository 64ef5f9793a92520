"""Formulas as functions of what an event brings, as fast as closures are.

They compare without care: a value of the host that fails to be compared raises, and whoever calls falls back on the
trigger's own condition, which never does.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, Final, TypeAlias, TypeGuard, assert_never

from flowkit.conditions import Asked, Moment
from flowkit.events import Event, Facts
from flowkit.triggers.guards import AtLeast, Denied, Either, Every, Formula, Has, Is, Unknown

__all__ = ["Holds", "Numbers", "Read", "asking", "together"]

_NO_NUMBER: Final = float("-inf")

Read: TypeAlias = Callable[[str], Any]
"""Reads a path; None where nothing is there."""


class Numbers(dict[str | None, float]):
    """The numbers that minimums are held against, each read when it is first asked for; the event's value under None.

    A missing one counts as 0; what is no number is below every minimum.
    """

    __slots__ = ("event", "facts", "moment")
    event: Event
    facts: Facts
    moment: Moment

    def __missing__(self, metric: str | None) -> float:
        value = self.event.value if metric is None else self.facts.engagement.get(metric)
        number = self[metric] = 0 if value is None else value if _is_number(value) else _NO_NUMBER
        return number


def _is_number(value: object) -> TypeGuard[float]:
    """Tell a number that can be compared; neither a boolean nor NaN is one."""
    kind = type(value)
    if kind is not int and kind is not float and (kind is bool or not isinstance(value, (int, float))):
        return False
    return value == value  # noqa: PLR0124 - NaN does not equal itself


Holds: TypeAlias = Callable[[str, Read, Read, Numbers], bool]
"""Whether a formula holds for an event's type, its properties, the subscriber's and the numbers."""

_Pairs: TypeAlias = Sequence[tuple[str, object]]
_Floors: TypeAlias = Sequence[tuple[str | None, float]]


def together(formulas: Sequence[Formula]) -> Holds | None:
    """Compile formulas that have to hold together; None where there are none."""
    match formulas:
        case []:
            return None
        case [only]:
            return _holds(only)
        case _:
            return _every(formulas)


def asking(check: Asked) -> Holds:
    """Let a condition itself be asked."""
    return lambda _kind, _event, _subscriber, numbers: check(numbers.event, numbers.facts, numbers.moment)


def _holds(formula: Formula) -> Holds:
    match formula:
        case Is(types):
            return lambda kind, _event, _subscriber, _numbers: kind in types
        case Has(True, path, value):
            return lambda _kind, event, _subscriber, _numbers: event(path) == value
        case Has(_, path, value):
            return lambda _kind, _event, subscriber, _numbers: subscriber(path) == value
        case AtLeast(metric, minimum):
            return lambda _kind, _event, _subscriber, numbers: numbers[metric] >= minimum
        case Denied(test):
            return _denied([test])
        case Every(parts):
            return _every(parts)
        case Either(parts):
            denied = [part.test for part in parts if isinstance(part, Denied)]
            return _denied(denied) if len(denied) == len(parts) else _any([_holds(part) for part in parts])
        case Unknown():
            message = "what is not known cannot be tested"
            raise AssertionError(message)
        case _:
            assert_never(formula)


def _every(formulas: Sequence[Formula]) -> Holds:
    """Test in one function what is usual: a call for each of the tests would cost more than they do."""
    events, subscribers = _pairs(formulas, event=True), _pairs(formulas, event=False)
    floors = _floors(formulas)
    others = [_holds(formula) for formula in formulas if not isinstance(formula, Has | AtLeast)]

    def every(kind: str, event: Read, subscriber: Read, numbers: Numbers) -> bool:
        for path, value in events:
            if not event(path) == value:  # noqa: SIM201 - what is unequal need not be its complement
                return False
        for path, value in subscribers:
            if not subscriber(path) == value:  # noqa: SIM201 - likewise
                return False
        for metric, minimum in floors:
            if not numbers[metric] >= minimum:
                return False
        for test in others:  # noqa: SIM110 - a generator costs more than what it asks
            if not test(kind, event, subscriber, numbers):
                return False
        return True

    return every


def _denied(tests: Sequence[Is | Has | AtLeast]) -> Holds:
    """Test whether one of them does not hold."""
    types = [test.types for test in tests if isinstance(test, Is)]
    events, subscribers = _pairs(tests, event=True), _pairs(tests, event=False)
    floors = _floors(tests)

    def denied(kind: str, event: Read, subscriber: Read, numbers: Numbers) -> bool:
        for wanted in types:
            if kind not in wanted:
                return True
        for path, value in events:
            if not event(path) == value:  # noqa: SIM201 - what is unequal need not be its complement
                return True
        for path, value in subscribers:
            if not subscriber(path) == value:  # noqa: SIM201 - likewise
                return True
        for metric, minimum in floors:  # noqa: SIM110 - a generator costs more than what it asks
            if not numbers[metric] >= minimum:
                return True
        return False

    return denied


def _pairs(formulas: Sequence[Formula], *, event: bool) -> _Pairs:
    return [(test.path, test.value) for test in formulas if isinstance(test, Has) and test.event is event]


def _floors(formulas: Sequence[Formula]) -> _Floors:
    return [(test.metric, test.minimum) for test in formulas if isinstance(test, AtLeast)]


def _any(tests: Sequence[Holds]) -> Holds:
    def either(kind: str, event: Read, subscriber: Read, numbers: Numbers) -> bool:
        for test in tests:  # noqa: SIM110 - a generator costs more than what it asks
            if test(kind, event, subscriber, numbers):
                return True
        return False

    return either
