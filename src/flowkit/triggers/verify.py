"""Formulas as functions of what an event brings, as fast as closures are.

They compare without care: a value of the host that fails to be compared raises, and whoever calls falls back on the
trigger's own condition, which never does.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, Final, TypeAlias, TypeGuard, assert_never

from flowkit.conditions import Moment
from flowkit.events import Event, Facts
from flowkit.triggers.guards import AtLeast, Denied, Either, Every, Formula, Has, Is, Unknown

__all__ = ["Holds", "Numbers", "Read", "together"]

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


def together(formulas: Sequence[Formula]) -> Holds | None:
    """Compile formulas that have to hold together; None where there are none."""
    tests = [_holds(formula) for formula in formulas]
    match tests:
        case []:
            return None
        case [only]:
            return only
        case [first, second]:
            return lambda kind, event, subscriber, numbers: (
                first(kind, event, subscriber, numbers) and second(kind, event, subscriber, numbers)
            )
        case _:
            return _all(tests)


def _all(tests: Sequence[Holds]) -> Holds:
    def every(kind: str, event: Read, subscriber: Read, numbers: Numbers) -> bool:
        for test in tests:  # noqa: SIM110 - a generator costs more than what it asks
            if not test(kind, event, subscriber, numbers):
                return False
        return True

    return every


def _any(tests: Sequence[Holds]) -> Holds:
    def either(kind: str, event: Read, subscriber: Read, numbers: Numbers) -> bool:
        for test in tests:  # noqa: SIM110 - likewise
            if test(kind, event, subscriber, numbers):
                return True
        return False

    return either


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
            return _denied(test)
        case Every(parts):
            return _all([_holds(part) for part in parts])
        case Either(parts):
            return _any([_holds(part) for part in parts])
        case Unknown():
            message = "what is not known cannot be tested"
            raise AssertionError(message)
        case _:
            assert_never(formula)


def _denied(test: Is | Has | AtLeast) -> Holds:
    match test:
        case Is(types):
            return lambda kind, _event, _subscriber, _numbers: kind not in types
        case Has(True, path, value):
            return lambda _kind, event, _subscriber, _numbers: not event(path) == value  # noqa: SIM201 - its complement
        case Has(_, path, value):
            return lambda _kind, _event, subscriber, _numbers: not subscriber(path) == value  # noqa: SIM201 - likewise
        case AtLeast(metric, minimum):
            return lambda _kind, _event, _subscriber, numbers: numbers[metric] < minimum
        case _:
            assert_never(test)
