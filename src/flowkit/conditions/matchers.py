"""What a value is held against: one class for each operator, and `Ops` where several are to hold together."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import date, datetime
from enum import StrEnum
from typing import Any, Final, TypeAlias

from attrs import field, frozen

from flowkit.conditions.spans import Duration, Offset, Span, Unit
from flowkit.errors import DocumentError, Problem

__all__ = [
    "OPERATORS",
    "After",
    "Anniversary",
    "Before",
    "Between",
    "Compares",
    "Contains",
    "Differs",
    "Empty",
    "Ends",
    "Equals",
    "Exists",
    "Fails",
    "HasAll",
    "HasAny",
    "HasNone",
    "Lacks",
    "Matcher",
    "Matches",
    "NoneOf",
    "OneOf",
    "Ops",
    "Order",
    "Size",
    "Starts",
    "Test",
    "When",
    "Within",
    "operator",
]


class Order(StrEnum):
    """How a value is to stand to a bound."""

    GT = "$gt"
    GTE = "$gte"
    LT = "$lt"
    LTE = "$lte"


def _spans_of_the_clock(*spans: object) -> None:
    """Refuse calendar days where an absolute duration stands: both are written as ``7d``."""
    if any(isinstance(span, Offset) and span.unit in {Unit.DAY, Unit.WEEK} for span in spans):
        message = "days and weeks from now are a Duration; an Offset is for months and years"
        raise DocumentError([Problem("wrong_type", "", message=message)])


@frozen
class Equals:
    """A value equals another as in Python (1 == 1.0 == True); None stands for missing; NaN equals nothing."""

    value: Any


@frozen
class Differs:
    """A value does not equal another; what is missing differs from all but None."""

    value: Any


@frozen
class Compares:
    """A value stands above or below a bound: two numbers or two texts; a boolean is no number."""

    order: Order
    bound: float | str


@frozen
class Between:
    """A value lies between two bounds of one kind, both of which belong to it."""

    low: float | str
    high: float | str


@frozen
class OneOf:
    """A value equals one of these."""

    values: tuple[Any, ...]


@frozen
class NoneOf:
    """A value equals none of these; what is missing holds."""

    values: tuple[Any, ...]


@frozen
class Contains:
    """A text holds another, or a list holds a member."""

    value: Any


@frozen
class Lacks:
    """A text does not hold another, a list does not hold a member; what is missing or neither of them holds."""

    value: Any


@frozen
class Starts:
    """A text starts with another."""

    text: str


@frozen
class Ends:
    """A text ends with another."""

    text: str


@frozen
class Matches:
    """A regular expression is found somewhere in a text, whose length is bounded; see `patterns`."""

    pattern: str


@frozen
class Exists:
    """A value is there, null being none; or, with False, is not."""

    wanted: bool = True


@frozen
class Empty:
    """A value is missing, or is an empty text, list or object; or, with False, is something else."""

    wanted: bool = True


@frozen
class HasAny:
    """A list holds at least one of these."""

    values: tuple[Any, ...]


@frozen
class HasAll:
    """A list holds all of these."""

    values: tuple[Any, ...]


@frozen
class HasNone:
    """A list holds none of these; what is missing or no list holds."""

    values: tuple[Any, ...]


@frozen
class Size:
    """The length of a text, list or object passes a matcher; of anything else it is missing."""

    matcher: Matcher


When: TypeAlias = date | datetime | int | float | Duration | Offset
"""An instant: a date (naive ones in the subscriber's zone), Unix seconds, or a span from now."""


@frozen
class Before:
    """A date lies before an instant."""

    bound: When

    def __attrs_post_init__(self) -> None:
        _spans_of_the_clock(self.bound)


@frozen
class After:
    """A date lies after an instant."""

    bound: When

    def __attrs_post_init__(self) -> None:
        _spans_of_the_clock(self.bound)


@frozen
class Within:
    """A date lies between two spans from now: after the first, and not after the second."""

    low: Span
    high: Span

    def __attrs_post_init__(self) -> None:
        _spans_of_the_clock(self.low, self.high)


@frozen
class Anniversary:
    """Month and day of a date come round within a span of local days around today, both ends included.

    Attributes:
        low: The first day, counted from today.
        high: The last day. 29 February comes round on 28 February in other years.
    """

    low: int = 0
    high: int = 0


@frozen
class Fails:
    """A value does not pass a matcher."""

    matcher: Matcher


Test: TypeAlias = (
    Equals
    | Differs
    | Compares
    | Between
    | OneOf
    | NoneOf
    | Contains
    | Lacks
    | Starts
    | Ends
    | Matches
    | Exists
    | Empty
    | HasAny
    | HasAll
    | HasNone
    | Size
    | Before
    | After
    | Within
    | Anniversary
    | Fails
)
"""One operator."""

OPERATORS: Final = (
    "$eq",
    "$ne",
    "$gt",
    "$gte",
    "$lt",
    "$lte",
    "$between",
    "$in",
    "$nin",
    "$contains",
    "$ncontains",
    "$starts",
    "$ends",
    "$regex",
    "$exists",
    "$empty",
    "$any",
    "$all",
    "$none",
    "$size",
    "$before",
    "$after",
    "$within",
    "$anniversary",
    "$not",
)
"""The operators, in the order in which they are tried."""


def operator(test: Test) -> str:
    """Name the operator of a test, as a document writes it."""
    match test:
        case Compares(order):
            return order.value
        case _:
            return _NAMES[type(test)]


_NAMES: Final[dict[type, str]] = {
    Equals: "$eq",
    Differs: "$ne",
    Between: "$between",
    OneOf: "$in",
    NoneOf: "$nin",
    Contains: "$contains",
    Lacks: "$ncontains",
    Starts: "$starts",
    Ends: "$ends",
    Matches: "$regex",
    Exists: "$exists",
    Empty: "$empty",
    HasAny: "$any",
    HasAll: "$all",
    HasNone: "$none",
    Size: "$size",
    Before: "$before",
    After: "$after",
    Within: "$within",
    Anniversary: "$anniversary",
    Fails: "$not",
}


def _in_order(tests: Iterable[Test]) -> tuple[Test, ...]:
    return tuple(sorted(tests, key=lambda test: OPERATORS.index(operator(test))))


@frozen
class Ops:
    """Several operators on one value, all of which are to hold; each at most once.

    Attributes:
        tests: The tests; they are put into one order.
        ci: Whether upper and lower case are the same in them; it does not reach into `Fails` and `Size`.

    Raises:
        DocumentError: There is no test, or one operator is there twice.
    """

    tests: tuple[Test, ...] = field(converter=_in_order)
    ci: bool = field(default=False, kw_only=True)

    def __attrs_post_init__(self) -> None:
        names = [operator(test) for test in self.tests]
        if not names or len(set(names)) < len(names):
            message = "needs at least one test, and each operator at most once; put others into AllOf"
            raise DocumentError([Problem("conflicting_fields", "", message=message)])


Matcher: TypeAlias = Test | Ops
"""What a property is held against."""
