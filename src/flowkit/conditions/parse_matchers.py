"""Reading matchers: bare values, and objects of operators."""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Mapping, Sequence
from datetime import UTC
from typing import Any, Final, NoReturn, TypeGuard

from flowkit.conditions.dates import iso, read_date
from flowkit.conditions.matchers import (
    OPERATORS,
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
    Test,
    When,
    Within,
)
from flowkit.conditions.matching import compared
from flowkit.conditions.patterns import BadPattern, compile_pattern
from flowkit.conditions.spans import Duration, Offset, Span, Unit, read_duration, read_offset, too_long
from flowkit.documents import is_list, is_object
from flowkit.errors import DocumentError, Problem
from flowkit.problems import Problems, pointer, short, suggestion

__all__ = ["is_operators", "read_matcher", "read_number", "read_numeric", "read_operators", "read_window"]

_LIKE_A_DATE: Final = re.compile(r"[0-9]{4}-", re.ASCII)
_MAX_DEPTH: Final = 16
_PAIR: Final = 2
_MOST_DAYS: Final = 366
_DAYS: Final = {Unit.DAY: 1, Unit.WEEK: 7}
_NO_NULL: Final = 'null is nothing to compare with here; ask {"$exists": false}'
_SPAN: Final = 'a span from now such as "30d", "-12h", "+7d" or "-1mo"'
_ROUGHLY: Final = {Unit.DAY: 86_400, Unit.WEEK: 604_800, Unit.MONTH: 2_629_746, Unit.YEAR: 31_556_952}


def is_operators(value: object) -> TypeGuard[Mapping[Any, object]]:
    """Tell an object in which at least one key looks like an operator."""
    return is_object(value) and any(str(key).startswith("$") for key in value)


def _refuse(code: str, path: str, message: str) -> NoReturn:
    raise DocumentError([Problem(code, path, message=message)])


def read_number(value: object, path: str) -> float:
    """Read a finite number.

    Raises:
        DocumentError: It is none.
    """
    if isinstance(value, bool) or not isinstance(value, (int, float)):
        _refuse("wrong_type", path, f"must be a number, not {short(value)}")
    if isinstance(value, float) and not math.isfinite(value):
        _refuse("out_of_range", path, "must be a finite number")
    return value


def read_matcher(value: object, path: str) -> Matcher:
    """Read a matcher: operators, or any other value, which is to be equaled.

    Raises:
        DocumentError: All that is wrong with it.
    """
    return read_operators(value, path) if is_operators(value) else Equals(value)


def read_numeric(value: object, path: str, depth: int = 0) -> Matcher:
    """Read what a number is held against: a number, which is to be equaled, or operators.

    Raises:
        DocumentError: All that is wrong with it.
    """
    return read_operators(value, path, depth) if is_object(value) else Equals(read_number(value, path))


def read_operators(value: object, path: str, depth: int = 0) -> Matcher:
    """Read an object of operators.

    Raises:
        DocumentError: All that is wrong with it.
    """
    if depth > _MAX_DEPTH:
        _refuse("too_deep", path, f"operators nest at most {_MAX_DEPTH} deep")
    if not is_object(value):
        _refuse("wrong_type", path, f'must be an object of operators such as {{"$gt": 1}}, not {short(value)}')
    problems = Problems()
    tests: list[Test] = []
    ci = False
    for key, wanted in value.items():
        name, where = str(key), pointer(path, str(key))
        try:
            if name == "$ci":
                ci = _flag(wanted, where)
            else:
                tests.append(_test(name, wanted, where, depth))
        except DocumentError as error:
            problems.extend(error)
    problems.done()
    if not tests:
        _refuse("too_short", path, "must name at least one operator")
    return tests[0] if len(tests) == 1 and not ci else Ops(tests, ci=ci)


def _test(name: str, value: object, path: str, depth: int) -> Test:
    if name in _LISTS:
        return _LISTS[name](_list(value, path))
    if name in _READERS:
        return _READERS[name](value, path)
    match name:
        case "$size":
            return Size(read_numeric(value, path, depth + 1))
        case "$not":
            return Fails(read_operators(value, path, depth + 1))
        case "$gt" | "$gte" | "$lt" | "$lte":
            return Compares(Order(name), _bound(value, path))
        case _ if name.startswith("$"):
            _refuse("unknown_field", path, f"unknown operator; {suggestion(name, (*OPERATORS, '$ci'))}")
        case _:
            message = 'operators and other keys do not mix; an object to be equaled is written {"$eq": {...}}'
            _refuse("conflicting_fields", path, message)


def _flag(value: object, path: str) -> bool:
    if not isinstance(value, bool):
        _refuse("wrong_type", path, f"must be true or false, not {short(value)}")
    return value


def _text(value: object, path: str) -> str:
    if not isinstance(value, str):
        _refuse("wrong_type", path, f"must be text, not {short(value)}")
    return value


def _present(value: object, path: str) -> object:
    if value is None:
        _refuse("wrong_type", path, _NO_NULL)
    return value


def _list(value: object, path: str) -> tuple[object, ...]:
    if not is_list(value):
        _refuse("wrong_type", path, f"must be a list of values, not {short(value)}")
    if not value:
        _refuse("too_short", path, "must hold at least one value")
    return tuple(_present(one, pointer(path, index)) for index, one in enumerate(value))


def _pair(value: Sequence[object], path: str, what: str) -> tuple[tuple[object, str], tuple[object, str]]:
    if len(value) != _PAIR:
        _refuse("wrong_type", path, f"must be a list of two {what}, the smaller first")
    return (value[0], pointer(path, 0)), (value[1], pointer(path, 1))


def _bound(value: object, path: str) -> float | str:
    if isinstance(value, str):
        return value
    if isinstance(value, bool) or not isinstance(value, (int, float)):
        _refuse("wrong_type", path, f"must be a number or text, not {short(value)}")
    return read_number(value, path)


def _between(value: object, path: str) -> Between:
    if not is_list(value):
        _refuse("wrong_type", path, f"must be a list of two bounds, not {short(value)}")
    low, high = (_bound(*one) for one in _pair(value, path, "bounds"))
    if isinstance(low, str) is not isinstance(high, str):
        _refuse("wrong_type", path, "must be two numbers or two texts")
    if not compared(low, Order.LTE, high):
        _refuse("out_of_range", path, "the lower bound comes first")
    return Between(low, high)


def _regex(value: object, path: str) -> Matches:
    text = _text(value, path)
    try:
        compile_pattern(text)
    except BadPattern as error:
        _refuse("bad_pattern", path, f"the pattern {error}")
    return Matches(text)


# ------------------------------------------------------------------------------------------------------------
# Time


def read_window(value: object, path: str) -> Duration:
    """Read a duration that is longer than nothing, such as ``30d``.

    Raises:
        DocumentError: It is none.
    """
    found = read_duration(value) if isinstance(value, str) else None
    if found is None or found[0]:
        message = f'must be a duration such as "45s", "90m", "12h", "30d" or "2w", not {short(value)}'
        _refuse("bad_duration" if isinstance(value, str) else "wrong_type", path, message)
    if found[1].seconds <= 0 or too_long(found[1]):
        _refuse("out_of_range", path, "must be more than nothing and at most 100 years")
    return found[1]


def _when(value: object, path: str) -> When:
    if isinstance(value, str):
        found = iso(value)
        if found is not None:
            return found
        if _LIKE_A_DATE.match(value):
            _refuse("bad_instant", path, f"{short(value)} is no date of the calendar")
        return _signed(value, path, 'a date such as "2026-03-07", or a span such as "-30d"')
    if isinstance(value, bool) or not isinstance(value, (int, float)):
        message = f'must be a date as ISO text or Unix seconds, or a span such as "-30d", not {short(value)}'
        _refuse("wrong_type", path, message)
    if not value or read_date(value, UTC) is None:
        _refuse("out_of_range", path, "must be Unix seconds in the years 1 to 9999, and not 0")
    return value


def _span(value: object, path: str, wanted: str = _SPAN) -> tuple[str, Span]:
    """Read a span from now, absolute or in months or years, with the sign in front of it."""
    if not isinstance(value, str):
        _refuse("wrong_type", path, f"must be {wanted}, not {short(value)}")
    found: tuple[str, Span] | None = read_duration(value) or read_offset(value)
    if found is None:
        _refuse("bad_duration", path, f"must be {wanted}, not {short(value)}")
    if too_long(found[1]):
        _refuse("out_of_range", path, "must be at most 100 years")
    return found


def _signed(value: object, path: str, wanted: str = _SPAN) -> Span:
    sign, span = _span(value, path, wanted)
    if not sign and _roughly(span):
        _refuse("bad_duration", path, f'needs a sign: "-{value}" is the past, "+{value}" the future')
    return span


def _roughly(span: Span) -> int:
    return span.seconds if isinstance(span, Duration) else span.count * _ROUGHLY[span.unit]


def _within(value: object, path: str) -> Within:
    if is_list(value):
        low, high = (_signed(*one) for one in _pair(value, path, "spans from now"))
        if _roughly(low) > _roughly(high):
            _refuse("out_of_range", path, "the earlier end comes first")
        return Within(low, high)
    sign, span = _span(value, path)
    if not _roughly(span):
        _refuse("out_of_range", path, "must be more than nothing")
    if sign == "+":
        return Within(Duration(0), span)
    return Within(span if sign else _backwards(span), Duration(0))


def _backwards(span: Span) -> Span:
    return Duration(-span.seconds) if isinstance(span, Duration) else Offset(-span.count, span.unit)


def _anniversary(value: object, path: str) -> Anniversary:
    if not is_list(value):
        days = _days(value, path)
        return Anniversary(min(days, 0), max(days, 0))
    low, high = (_days(*one) for one in _pair(value, path, "offsets"))
    if low > high:
        _refuse("out_of_range", path, "the earlier end comes first")
    return Anniversary(low, high)


def _days(value: object, path: str) -> int:
    found = read_offset(value) if isinstance(value, str) else None
    if found is None or found[1].unit not in _DAYS or (found[1].count and not found[0]):
        message = f'must be a signed offset of days or weeks such as "+7d", "-1w" or "0d", not {short(value)}'
        _refuse("bad_duration" if isinstance(value, str) else "wrong_type", path, message)
    days = found[1].count * _DAYS[found[1].unit]
    if abs(days) > _MOST_DAYS:
        _refuse("out_of_range", path, f"must be at most {_MOST_DAYS} days")
    return days


_LISTS: Final[Mapping[str, Callable[[tuple[object, ...]], Test]]] = {
    "$in": OneOf,
    "$nin": NoneOf,
    "$any": HasAny,
    "$all": HasAll,
    "$none": HasNone,
}
_READERS: Final[Mapping[str, Callable[[object, str], Test]]] = {
    "$eq": lambda value, _: Equals(value),
    "$ne": lambda value, _: Differs(value),
    "$between": _between,
    "$contains": lambda value, path: Contains(_present(value, path)),
    "$ncontains": lambda value, path: Lacks(_present(value, path)),
    "$starts": lambda value, path: Starts(_text(value, path)),
    "$ends": lambda value, path: Ends(_text(value, path)),
    "$regex": _regex,
    "$exists": lambda value, path: Exists(_flag(value, path)),
    "$empty": lambda value, path: Empty(_flag(value, path)),
    "$before": lambda value, path: Before(_when(value, path)),
    "$after": lambda value, path: After(_when(value, path)),
    "$within": _within,
    "$anniversary": _anniversary,
}
