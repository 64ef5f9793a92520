"""Holding a value against a matcher: total, whatever the value is."""

from __future__ import annotations

from calendar import isleap
from collections.abc import Callable, Iterable, Iterator, Mapping
from datetime import date, datetime, tzinfo
from operator import ge, gt, le, lt
from typing import Any, Final, TypeAlias, assert_never

from flowkit.conditions.dates import LAST, read_date, shifted, start_of
from flowkit.conditions.matchers import (
    After,
    Anniversary,
    Before,
    Between,
    Compares,
    Contains,
    Differs,
    Empty,
    Ends,
    Equals,
    Exists,
    Fails,
    HasAll,
    HasAny,
    HasNone,
    Lacks,
    Matcher,
    Matches,
    NoneOf,
    OneOf,
    Ops,
    Order,
    Size,
    Starts,
    Within,
)
from flowkit.conditions.patterns import BadPattern, compile_pattern
from flowkit.conditions.spans import Duration, Offset
from flowkit.conditions.timeline import FALSE, Timeline, always, during, every, negated
from flowkit.documents import is_list, is_object
from flowkit.events import from_micros, to_micros

__all__ = ["at_least", "compared", "comparison", "equal", "is_number", "look_up", "reads_dates", "size", "timeline"]

_ORDERS: Final[Mapping[Order, Callable[[Any, Any], bool]]] = {
    Order.GT: gt,
    Order.GTE: ge,
    Order.LT: lt,
    Order.LTE: le,
}
_LEAP_DAY: Final = (2, 29)
_LAST_YEAR: Final = 9_999
_HORIZON: Final = 102  # years: more than `evaluate` looks ahead
_ALL_YEAR: Final = 365  # days from the first to the last, both included: 366


def look_up(values: Mapping[str, object], path: str) -> object:
    """Read a path: as a literal key first, then dotted through objects; None where nothing is there."""
    if path in values:
        return values[path]
    found: object = values
    for part in path.split("."):
        if not is_object(found) or part not in found:
            return None
        found = found[part]
    return found


def equal(value: object, wanted: object) -> bool:
    """Compare as Python does, but total: a value whose comparison fails is not equal."""
    try:
        return bool(value == wanted)
    except Exception:  # noqa: BLE001 - a host's object may raise anything; it equals nothing then
        return False


def is_number(value: object) -> bool:
    """Tell a number; a boolean is none."""
    return isinstance(value, (int, float)) and not isinstance(value, bool)


def comparison(order: Order) -> Callable[[Any, Any], bool]:
    """Give the comparison of Python for an order."""
    return _ORDERS[order]


def compared(value: object, order: Order, bound: float | str) -> bool:
    """Compare two numbers or two texts; anything else does not hold."""
    try:
        if isinstance(value, bool) or not isinstance(value, str if isinstance(bound, str) else (int, float)):
            return False
        return bool(_ORDERS[order](value, bound))
    except Exception:  # noqa: BLE001 - a subclass of a number may raise anything; it is no number then
        return False


def at_least(value: object, minimum: float) -> bool:
    """Compare with one of the seed's bare thresholds: a missing value counts as 0."""
    return minimum <= 0 if value is None else compared(value, Order.GTE, minimum)


def timeline(matcher: Matcher, value: object, zone: tzinfo, now: int, *, ci: bool = False) -> Timeline:
    """Hold a value against a matcher.

    Args:
        matcher: What it is held against.
        value: The value; None where there is none.
        zone: Where naive dates are.
        now: The instant at which it is asked, in microseconds.
        ci: Whether upper and lower case are the same.
    """
    match matcher:
        case Ops(tests, ci=folds):
            return every(timeline(test, value, zone, now, ci=folds) for test in tests)
        case Fails(inner):
            return negated(timeline(inner, value, zone, now))
        case Size(inner):
            return timeline(inner, size(value), zone, now)
        case Before() | After() | Within() | Anniversary():
            found = None if value is None else read_date(value, zone)
            return FALSE if found is None else _dated(matcher, found, zone, now)
        case _:
            folds = ci and not isinstance(matcher, Matches)
            return always(_passes(matcher, _folded(value) if folds else value, ci=ci))


_Positive: TypeAlias = (
    Equals | Compares | Between | OneOf | Contains | Starts | Ends | Matches | Exists | Empty | HasAny | HasAll
)
_Plain: TypeAlias = _Positive | Differs | NoneOf | Lacks | HasNone


def _passes(test: _Plain, value: object, *, ci: bool) -> bool:
    """Try a test that knows no time."""
    match test:
        case Differs(wanted):
            return not _positive(Equals(wanted), value, ci=ci)
        case NoneOf(values):
            return not _positive(OneOf(values), value, ci=ci)
        case Lacks(wanted):
            return not _positive(Contains(wanted), value, ci=ci)
        case HasNone(values):
            return not _positive(HasAny(values), value, ci=ci)
        case _:
            return _positive(test, value, ci=ci)


def _positive(test: _Positive, value: object, *, ci: bool) -> bool:
    match test:
        case Equals(wanted):
            return equal(value, _folded(wanted) if ci else wanted)
        case Compares(order, bound):
            return compared(value, order, _fold_text(bound) if ci else bound)
        case Between(low, high):
            bounds = (Compares(Order.GTE, low), Compares(Order.LTE, high))
            return all(_positive(bound, value, ci=ci) for bound in bounds)
        case OneOf(values):
            return value is not None and _among(value, values, ci=ci)
        case Contains(wanted):
            return _holds(value, _folded(wanted) if ci else wanted)
        case Starts() | Ends() | Matches():
            return isinstance(value, str) and _text_passes(test, value, ci=ci)
        case Exists(wanted):
            return (value is not None) is wanted
        case Empty(wanted):
            return (value is None or size(value) == 0) is wanted
        case HasAny(values):
            return any(_has(value, wanted, ci=ci) for wanted in values)
        case HasAll(values):
            return all(_has(value, wanted, ci=ci) for wanted in values)
        case _:
            assert_never(test)


def _text_passes(test: Starts | Ends | Matches, value: str, *, ci: bool) -> bool:
    try:
        match test:
            case Starts(text):
                return value.startswith(text.casefold() if ci else text)
            case Ends(text):
                return value.endswith(text.casefold() if ci else text)
            case Matches(pattern):
                return compile_pattern(pattern, ci=ci).found(value)
            case _:
                assert_never(test)
    except BadPattern:  # only where a condition was made in Python, and never loaded
        return False


def size(value: object) -> int | None:
    """Give the length of a text, list or object; None for anything else."""
    try:
        return len(value) if isinstance(value, str) or is_list(value) or is_object(value) else None
    except Exception:  # noqa: BLE001 - a host's list may raise anything; it has no length then
        return None


def _among(value: object, values: Iterable[object], *, ci: bool) -> bool:
    return any(equal(value, _folded(wanted) if ci else wanted) for wanted in values)


def _holds(value: object, wanted: object) -> bool:
    if isinstance(value, str):
        return isinstance(wanted, str) and wanted in value
    try:
        return is_list(value) and any(equal(member, wanted) for member in value)
    except Exception:  # noqa: BLE001 - a host's list may raise anything; it holds nothing then
        return False


def _has(value: object, wanted: object, *, ci: bool) -> bool:
    return not isinstance(value, str) and _holds(value, _folded(wanted) if ci else wanted)


def _fold_text(value: float | str) -> float | str:
    return value.casefold() if isinstance(value, str) else value


def _folded(value: object) -> object:
    """Put text, or the texts of a list, into one case."""
    if isinstance(value, str):
        return value.casefold()
    try:
        if is_list(value):
            return [member.casefold() if isinstance(member, str) else member for member in value]
    except Exception:  # noqa: BLE001 - a host's list may raise anything; it is left as it is
        return value
    return value


# ------------------------------------------------------------------------------------------------------------
# Dates


def _dated(test: Before | After | Within | Anniversary, found: datetime, zone: tzinfo, now: int) -> Timeline:
    at = to_micros(found)
    match test:
        case Before(Duration() | Offset() as span):
            return during(shifted(found, span, zone, times=-1) + 1, None, now)
        case After(Duration() | Offset() as span):
            return during(None, shifted(found, span, zone, times=-1), now)
        case Before(bound):
            limit = read_date(bound, zone)
            return always(limit is not None and at < to_micros(limit))
        case After(bound):
            limit = read_date(bound, zone)
            return always(limit is not None and at > to_micros(limit))
        case Within(low, high):
            return during(shifted(found, high, zone, times=-1), shifted(found, low, zone, times=-1), now)
        case Anniversary(low, high):
            return _returning(found.date(), low, high, zone, now)
        case _:
            assert_never(test)


def _returning(day: date, low: int, high: int, zone: tzinfo, now: int) -> Timeline:
    if high < low:
        return FALSE
    if high - low >= _ALL_YEAR:
        return always(holds=True)
    spans = _spans(day, low, high, zone, now)
    start, end = next(spans, (LAST + 1, LAST + 1))
    holds = start <= now
    return Timeline(holds, _edges(start, end, spans, now), timed=True)


def _edges(start: int, end: int, spans: Iterator[tuple[int, int]], now: int) -> Iterator[int]:
    if start > now:
        yield start
    for later, close in spans:
        if later > end:
            yield end
            yield later
        end = close
    if end <= LAST:
        yield end


def _spans(day: date, low: int, high: int, zone: tzinfo, now: int) -> Iterator[tuple[int, int]]:
    """Give the times at which a day of the year is near, from the one that is not over yet."""
    this_year = from_micros(now).year
    for year in range(max(1, this_year - 2), min(_LAST_YEAR, this_year + _HORIZON) + 1):
        short = (day.month, day.day) == _LEAP_DAY and not isleap(year)
        here = date(year, day.month, 28 if short else day.day)
        end = start_of(here, 1 - low, zone)
        if end > now:
            yield start_of(here, -high, zone), end


# ------------------------------------------------------------------------------------------------------------
# What a matcher reads


def reads_dates(matcher: Matcher) -> bool:
    """Whether a matcher reads dates, and so the subscriber's zone."""
    match matcher:
        case Ops(tests):
            return any(reads_dates(test) for test in tests)
        case Fails(inner) | Size(inner):
            return reads_dates(inner)
        case Before() | After() | Within() | Anniversary():
            return True
        case _:
            return False
