"""Days of the calendar: weekdays, days of a year, and steps that clamp at the ends of months."""

from __future__ import annotations

import re
from calendar import monthrange
from datetime import UTC, date, datetime, tzinfo
from enum import IntEnum, StrEnum
from typing import Final, assert_never

from attrs import frozen

from flowkit.errors import DocumentError, Problem
from flowkit.triggers.zones import wall

__all__ = [
    "WEEKDAYS",
    "MonthDay",
    "Offset",
    "Unit",
    "Weekday",
    "add_months",
    "in_month",
    "on_day_of_year",
    "profile_date",
    "read_date",
]

_MONTHS: Final = 12
_WEEK: Final = 7
_FEBRUARY: Final = 2
_LEAP_DAY: Final = 29
_LEAP_YEAR: Final = 2000
_DATE: Final = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}", re.ASCII)
_MOMENT: Final = re.compile(
    r"[0-9]{4}-[0-9]{2}-[0-9]{2}([T ][0-9]{2}:[0-9]{2}(:[0-9]{2}([.,][0-9]{1,12})?)?(Z|[+-][0-9]{2}:?[0-9]{2})?)?",
    re.ASCII,
)
_MONTH_DAY: Final = re.compile(r"([0-9]{2})-([0-9]{2})", re.ASCII)
_OFFSET: Final = re.compile(r"([+-]?)([0-9]{1,6})(d|w|mo|y)", re.ASCII)


class Weekday(IntEnum):
    """A day of the week, numbered as ``date.weekday`` does."""

    MON = 0
    TUE = 1
    WED = 2
    THU = 3
    FRI = 4
    SAT = 5
    SUN = 6

    @property
    def word(self) -> str:
        """How a document spells it: ``mon`` to ``sun``."""
        return self.name.lower()


WEEKDAYS: Final = {day.word: day for day in Weekday}
"""The days of the week by the words of the document."""


class Unit(StrEnum):
    """A unit of the calendar, in the words of the document."""

    DAY = "day"
    WEEK = "week"
    MONTH = "month"
    YEAR = "year"


_LETTERS: Final = {Unit.DAY: "d", Unit.WEEK: "w", Unit.MONTH: "mo", Unit.YEAR: "y"}
_UNITS: Final = {letter: unit for unit, letter in _LETTERS.items()}
_CENTURY: Final = {Unit.DAY: 36_525, Unit.WEEK: 5_218, Unit.MONTH: 1_200, Unit.YEAR: 100}


@frozen(order=True)
class MonthDay:
    """A day of the year, 29 February included.

    Attributes:
        month: 1 to 12.
        day: 1 to the last day of that month in a leap year.

    Raises:
        DocumentError: No year has such a day.
    """

    month: int
    day: int

    def __attrs_post_init__(self) -> None:
        if not (1 <= self.month <= _MONTHS and 1 <= self.day <= monthrange(_LEAP_YEAR, self.month)[1]):
            message = "no year has this day; write it as 12-24, the month first"
            raise DocumentError([Problem("out_of_range", "", message=message)])

    @classmethod
    def of(cls, day: date) -> MonthDay:
        """Take the month and day of a date."""
        return cls(day.month, day.day)

    @classmethod
    def read(cls, text: str) -> MonthDay:
        """Read ``12-24``.

        Raises:
            DocumentError: It is none.
        """
        match = _MONTH_DAY.fullmatch(text)
        return cls(int(match[1]), int(match[2])) if match else cls(0, 0)

    def __str__(self) -> str:
        return f"{self.month:02}-{self.day:02}"


@frozen
class Offset:
    """A step on the calendar, of up to 100 years; by months and years it clamps at the end of the month.

    Attributes:
        amount: How many units, negative for the past.
        unit: Of what.

    Raises:
        DocumentError: It is longer.
    """

    amount: int = 0
    unit: Unit = Unit.DAY

    def __attrs_post_init__(self) -> None:
        most = _CENTURY[self.unit]
        if not -most <= self.amount <= most:
            message = f"must be from -{most} to {most} {self.unit}s"
            raise DocumentError([Problem("out_of_range", "", message=message)])

    @classmethod
    def read(cls, text: str) -> Offset:
        """Read ``-7d``, ``+1w``, ``+1mo``, ``-1y`` or, without a sign, a step ahead.

        Raises:
            DocumentError: It is none, or longer than 100 years.
        """
        match = _OFFSET.fullmatch(text)
        if match is None:
            message = "must be written as -7d, +1w, +1mo or -1y"
            raise DocumentError([Problem("bad_offset", "", message=message)])
        amount = int(match[2])
        return cls(-amount if match[1] == "-" else amount, _UNITS[match[3]])

    def __str__(self) -> str:
        return f"{self.amount:+}{_LETTERS[self.unit]}"

    def apply(self, day: date) -> date | None:
        """Step from a day; None where that leaves the years 1 to 9999."""
        match self.unit:
            case Unit.DAY:
                return _from_ordinal(day.toordinal() + self.amount)
            case Unit.WEEK:
                return _from_ordinal(day.toordinal() + self.amount * _WEEK)
            case Unit.MONTH:
                return add_months(day, self.amount)
            case Unit.YEAR:
                return add_months(day, self.amount * _MONTHS)
            case _:
                assert_never(self.unit)

    def sources(self, day: date) -> list[date]:
        """Give every day from which the step leads to this one: none or several, where months are clamped."""
        match self.unit:
            case Unit.DAY | Unit.WEEK:
                back = Offset(-self.amount, self.unit).apply(day)
                return [] if back is None else [back]
            case Unit.MONTH | Unit.YEAR:
                months = self.amount if self.unit is Unit.MONTH else self.amount * _MONTHS
                first = add_months(day.replace(day=1), -months)
                if first is None:
                    return []
                length = monthrange(first.year, first.month)[1]
                return [found for n in range(1, length + 1) if self.apply(found := first.replace(day=n)) == day]
            case _:
                assert_never(self.unit)


def _from_ordinal(ordinal: int) -> date | None:
    return date.fromordinal(ordinal) if 1 <= ordinal <= date.max.toordinal() else None


def in_month(year: int, month: int, day: int) -> date:
    """Give a day of a month, or the month's last where it has fewer."""
    return date(year, month, min(day, monthrange(year, month)[1]))


def add_months(day: date, months: int) -> date | None:
    """Step by months, clamped at the end of the month; None where that leaves the years 1 to 9999."""
    year, index = divmod(day.year * _MONTHS + day.month - 1 + months, _MONTHS)
    return in_month(year, index + 1, day.day) if date.min.year <= year <= date.max.year else None


def on_day_of_year(day: MonthDay, year: int, *, leap_day_in_march: bool = False) -> date:
    """Give a day of the year in one year; 29 February is, in a year without it, the 28th or the 1st of March."""
    if leap_day_in_march and day == MonthDay(_FEBRUARY, _LEAP_DAY) and monthrange(year, _FEBRUARY)[1] < _LEAP_DAY:
        return date(year, _FEBRUARY + 1, 1)
    return in_month(year, day.month, day.day)


def read_date(text: str) -> date | None:
    """Read ``2026-03-08``; None for anything else."""
    try:
        return date.fromisoformat(text) if _DATE.fullmatch(text) else None
    except ValueError:
        return None


def profile_date(value: object, tz: tzinfo) -> date | None:
    """Read the date that a profile holds.

    Args:
        value: ISO 8601 text of a date or an instant, Unix seconds, ``date`` or ``datetime``.
        tz: The subscriber's zone: the date of an instant is the one on the calendar there, and what has no offset is
            meant there.

    Returns:
        The date; None where the value is missing, empty, 0 or none of these: an unreadable date is missing.
    """
    match value:
        case datetime():
            return (value if value.tzinfo is None else wall(value, tz)).date()
        case date():
            return value
        case str() if _MOMENT.fullmatch(value):
            try:
                return profile_date(datetime.fromisoformat(value), tz)
            except ValueError:
                return None
        case bool() | 0:
            return None
        case int() | float():
            try:
                return wall(datetime.fromtimestamp(value, UTC), tz).date()
            except (OverflowError, ValueError, OSError):
                return None
        case _:
            return None
