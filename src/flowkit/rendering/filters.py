"""The filters that templates have, as plain functions: no template engine is known here.

Each takes a value that is there, and is bounded: what it makes is announced to the meter before it is made.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence, Sized
from datetime import date, datetime, timedelta
from decimal import ROUND_CEILING, ROUND_FLOOR, ROUND_HALF_UP, Decimal, InvalidOperation
from itertools import islice
from types import MappingProxyType
from typing import Final, TypeAlias, cast
from urllib.parse import quote

from flowkit.rendering.limits import Meter
from flowkit.rendering.values import BadValueError, Printable, is_blank, printable

__all__ = ["FILTERS", "SIZES", "date_text", "with_default"]

_Filter: TypeAlias = Callable[..., object]
_DIGITS: Final = 15
_LARGEST: Final = 300
"""How many digits a number may have before its point."""
_NUMBER_LENGTH: Final = 1000
_DATE_LENGTH: Final = 100
_WORD: Final = re.compile(r"[^\s\-(\[{<]+")
_MONTHS: Final = (
    "January", "February", "March", "April", "May", "June", "July", "August", "September", "October", "November",
    "December",
)  # fmt: skip
_DAYS: Final = ("Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday")
_DIRECTIVE: Final = re.compile(r"%(-?)([A-Za-z%])|%")
_STANDARD_DATE: Final = "%-d %B %Y"
_SYMBOLS: Final = MappingProxyType({"USD": "$", "EUR": "€", "GBP": "£", "JPY": "¥", "INR": "₹"})
_WHOLE: Final = frozenset({"JPY", "KRW", "CLP", "VND"})


def with_default(value: object, fallback: object = "") -> tuple[object, bool]:
    """Let a fallback stand in for a value that is missing, and tell whether it did."""
    return (fallback, True) if is_blank(value) else (value, False)


# -- text --------------------------------------------------------------------------------------------------------------


def _text(meter: Meter, value: object) -> str:
    text = str(printable(value))
    meter.room(len(text))
    return text


def _upper(meter: Meter, value: object) -> str:
    return _text(meter, value).upper()


def _lower(meter: Meter, value: object) -> str:
    return _text(meter, value).lower()


def _capitalize(meter: Meter, value: object) -> str:
    return _text(meter, value).capitalize()


def _title(meter: Meter, value: object) -> str:
    return _WORD.sub(lambda word: word[0][0].upper() + word[0][1:].lower(), _text(meter, value))


def _trim(meter: Meter, value: object) -> str:
    return _text(meter, value).strip()


def _escape(meter: Meter, value: object) -> Printable:
    """Leave a value alone: it is escaped where it stands anyhow."""
    return printable(value)


def _truncate(meter: Meter, value: object, length: object = 255, end: object = "...") -> str:
    """Cut a text to a length that counts its end, at the last space where there is one."""
    text, tail = _text(meter, value), str(printable(end))
    most = _integer(length)
    if len(text) <= most:
        return text
    kept = text[: max(most - len(tail), 0)]
    if not text[len(kept)].isspace() and " " in kept.strip():
        kept = kept.rsplit(" ", 1)[0]
    return (kept.rstrip() + tail)[: max(most, 0)]


def _replace(meter: Meter, value: object, old: object, new: object) -> str:
    text, one, two = _text(meter, value), str(printable(old)), str(printable(new))
    if not one:
        return text
    meter.room(len(text) + text.count(one) * max(len(two) - len(one), 0))
    return text.replace(one, two)


def _urlencode(meter: Meter, value: object) -> str:
    text = str(printable(value))
    meter.room(3 * len(text))
    return quote(text.encode("utf-8", "replace"), safe="")


def _plural(meter: Meter, value: object, one: object = "", many: object = "s") -> Printable:
    """Choose between the word for one and the word for many, by a number."""
    return printable(one if _decimal(value) == 1 else many)


# -- numbers -----------------------------------------------------------------------------------------------------------


def _decimal(value: object) -> Decimal:
    text = str(printable(value))
    if len(text) > _NUMBER_LENGTH:
        raise BadValueError("not_a_number")
    try:
        number = Decimal(text)
    except InvalidOperation:
        raise BadValueError("not_a_number") from None
    if not number.is_finite() or number.adjusted() > _LARGEST:
        raise BadValueError("not_a_number")
    return number


def _integer(value: object) -> int:
    if isinstance(value, bool) or not isinstance(value, int):
        message = "a whole number is needed"
        raise TypeError(message)
    return value


def _places(digits: object) -> Decimal:
    places = _integer(digits)
    if not 0 <= places <= _DIGITS:
        raise BadValueError("too_large")
    return Decimal(1).scaleb(-places)


def _rounded(value: object, digits: object, rounding: str) -> int | float | Decimal:
    number = _decimal(value)
    try:
        found = number.quantize(_places(digits), rounding=rounding)
    except InvalidOperation:
        found = number  # It has so many digits before the point that none behind it is known.
    if _integer(digits) == 0:
        return int(found)
    return found if isinstance(value, Decimal) else float(found)


def _round(meter: Meter, value: object, digits: object = 0, method: object = "common") -> int | float | Decimal:
    """Round half away from zero; with ``ceil`` or ``floor`` up or down."""
    ways = {"common": ROUND_HALF_UP, "ceil": ROUND_CEILING, "floor": ROUND_FLOOR}
    if not isinstance(method, str) or method not in ways:
        message = "round goes by 'common', 'ceil' or 'floor'"
        raise TypeError(message)
    return _rounded(value, digits, ways[method])


def _abs(meter: Meter, value: object) -> int | float | Decimal:
    if isinstance(value, bool) or not isinstance(value, (int, float, Decimal)):
        message = "abs takes a number"
        raise TypeError(message)
    return -value if value < 0 else value


def _int(meter: Meter, value: object, fallback: object = 0) -> object:
    try:
        return int(_decimal(value))
    except BadValueError:
        return fallback


def _float(meter: Meter, value: object, fallback: object = 0.0) -> object:
    try:
        return float(_decimal(value))
    except BadValueError:
        return fallback


def _number(meter: Meter, value: object, digits: object = 0) -> str:
    """Write a number with commas between thousands."""
    return f"{_fixed(value, digits):,}"


def _fixed(value: object, digits: object) -> Decimal:
    number = _decimal(value)
    try:
        return number.quantize(_places(digits), rounding=ROUND_HALF_UP)
    except InvalidOperation:
        raise BadValueError("too_large") from None


def _money(meter: Meter, value: object, currency: object = "USD") -> str:
    """Write an amount with its currency, as in ``$1,299.00`` or ``CHF 12.50``."""
    code = str(printable(currency)).upper()
    amount = _fixed(value, 0 if code in _WHOLE else 2)
    sign = "-" if amount < 0 else ""
    symbol = _SYMBOLS.get(code)
    return f"{sign}{symbol}{abs(amount):,}" if symbol else f"{sign}{code} {abs(amount):,}"


# -- dates -------------------------------------------------------------------------------------------------------------


def _date(meter: Meter, value: object, form: object = _STANDARD_DATE) -> str:
    moment = _moment(value)
    if isinstance(moment, datetime) and moment.tzinfo is not None:
        moment = moment.astimezone(meter.zone)
    return date_text(moment, str(printable(form)))


def _moment(value: object) -> date:
    if isinstance(value, date):
        return value
    if isinstance(value, str) and len(value) <= _DATE_LENGTH:
        text = value.strip()
        try:
            return date.fromisoformat(text) if len(text) == len("2026-01-01") else datetime.fromisoformat(text)
        except ValueError as error:
            raise BadValueError("not_a_date") from error
    raise BadValueError("not_a_date")


def date_text(moment: date, form: str) -> str:
    """Write a date by a form of ``strftime``; names are English, and no field has a width.

    Raises:
        BadValueError: ``bad_date_form``: a directive is not known, or asks a date without a time for one.
    """
    return _DIRECTIVE.sub(lambda found: _field(moment, found), form)


def _field(moment: date, found: re.Match[str]) -> str:
    hour = moment.hour if isinstance(moment, datetime) else 0
    fields: Mapping[str, Callable[[], str]] = {
        "a": lambda: _DAYS[moment.weekday()][:3],
        "A": lambda: _DAYS[moment.weekday()],
        "b": lambda: _MONTHS[moment.month - 1][:3],
        "B": lambda: _MONTHS[moment.month - 1],
        "d": lambda: f"{moment.day:02}",
        "e": lambda: str(moment.day),
        "H": lambda: f"{hour:02}",
        "I": lambda: f"{hour % 12 or 12:02}",
        "j": lambda: f"{moment.timetuple().tm_yday:03}",
        "m": lambda: f"{moment.month:02}",
        "M": lambda: f"{moment.minute if isinstance(moment, datetime) else 0:02}",
        "p": lambda: "AM" if hour < 12 else "PM",  # noqa: PLR2004 - noon
        "S": lambda: f"{moment.second if isinstance(moment, datetime) else 0:02}",
        "y": lambda: f"{moment.year % 100:02}",
        "Y": lambda: str(moment.year),
        "Z": lambda: (moment.tzname() or "") if isinstance(moment, datetime) else "",
        "%": lambda: "%",
    }
    letter: str | None = found[2]
    if letter is None or letter not in fields:
        raise BadValueError("bad_date_form")
    text = fields[letter]()
    return (text.lstrip("0") or "0") if found[1] and text.isdigit() else text


def _plus_days(meter: Meter, value: object, days: object) -> date:
    """Give the date so many days later; earlier, where they are negative."""
    try:
        return _moment(value) + timedelta(days=_integer(days))
    except OverflowError:
        raise BadValueError("not_a_date") from None


# -- lists -------------------------------------------------------------------------------------------------------------


def _listed(values: object) -> Sequence[object] | Mapping[object, object]:
    if isinstance(values, (str, list, tuple, Mapping)):
        return cast("Sequence[object] | Mapping[object, object]", values)
    message = "a list is needed"
    raise TypeError(message)


def _items(meter: Meter, values: object) -> list[object]:
    several = _listed(values)
    meter.room(len(several))
    return list(several)


def _join(meter: Meter, values: object, between: object = "") -> str:
    """Join what a list holds, without its nulls."""
    texts = [str(printable(value)) for value in _items(meter, values) if value is not None]
    separator = str(printable(between))
    meter.room(sum(map(len, texts)) + len(separator) * len(texts))
    return separator.join(texts)


def _first(meter: Meter, values: object) -> object:
    return next(iter(_listed(values)), None)


def _last(meter: Meter, values: object) -> object:
    several = _listed(values)
    return next(reversed(_items(meter, several) if isinstance(several, Mapping) else several), None)


def _reverse(meter: Meter, values: object) -> list[object]:
    return _items(meter, values)[::-1]


def _limit(meter: Meter, values: object, most: object) -> list[object]:
    """Give the first few of a list."""
    several, most = _listed(values), max(_integer(most), 0)
    meter.room(min(len(several), most))
    return list(islice(several, most))


def _length(meter: Meter, value: object) -> int:
    if isinstance(value, (str, list, tuple, Mapping)):
        return len(cast("Sized", value))
    message = "length takes a text or a list"
    raise TypeError(message)


SIZES: Final = frozenset({"count", "length"})
"""The filters that take a missing value for an empty one; all others but ``default`` pass it on."""

FILTERS: Final[Mapping[str, _Filter]] = MappingProxyType({
    "abs": _abs, "capitalize": _capitalize, "count": _length, "date": _date, "e": _escape, "escape": _escape,
    "first": _first, "float": _float, "int": _int, "join": _join, "last": _last, "length": _length, "limit": _limit,
    "lower": _lower, "money": _money, "number": _number, "plural": _plural, "plus_days": _plus_days,
    "replace": _replace, "reverse": _reverse, "round": _round, "title": _title, "trim": _trim,
    "truncate": _truncate, "upper": _upper, "urlencode": _urlencode,
})  # fmt: skip
"""Each filter by its name, but for ``default``: a function of the meter, the value and what the template adds."""
