"""Short ways to say in Python what a document says in a word."""

from __future__ import annotations

from flowkit.conditions.matchers import Compares, Order, Within
from flowkit.conditions.parse_matchers import read_operators, read_window
from flowkit.conditions.spans import Duration

__all__ = ["at_least", "at_most", "duration", "less_than", "more_than", "within"]


def more_than(bound: float | str) -> Compares:
    """Match what is larger than a bound: ``$gt``."""
    return Compares(Order.GT, bound)


def at_least(bound: float | str) -> Compares:
    """Match what is as large as a bound, or larger: ``$gte``."""
    return Compares(Order.GTE, bound)


def less_than(bound: float | str) -> Compares:
    """Match what is smaller than a bound: ``$lt``."""
    return Compares(Order.LT, bound)


def at_most(bound: float | str) -> Compares:
    """Match what is as small as a bound, or smaller: ``$lte``."""
    return Compares(Order.LTE, bound)


def duration(text: str) -> Duration:
    """Give the length of time that a text such as ``30d`` names.

    Raises:
        DocumentError: It names none that is longer than nothing and at most 100 years.
    """
    return read_window(text, "")


def within(*ends: str) -> Within:
    """Match dates in a window around now, by its one end or both: ``within("30d")``, ``within("-20d", "-10d")``.

    Raises:
        DocumentError: An end is no span of time, or the earlier does not come first.
    """
    found = read_operators({"$within": ends[0] if len(ends) == 1 else list(ends)}, "")
    if not isinstance(found, Within):
        raise AssertionError("an object with one operator is that operator")
    return found
