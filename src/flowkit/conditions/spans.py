"""Lengths of time as a definition writes them: absolute durations, and offsets on the calendar."""

from __future__ import annotations

import re
from calendar import monthrange
from datetime import date, timedelta
from enum import StrEnum
from typing import Final, TypeAlias

from attrs import frozen

__all__ = ["Duration", "Offset", "Span", "Unit", "read_duration", "read_offset", "too_long"]

_CENTURY: Final = 36_525 * 86_400
_MOST_DIGITS: Final = 12
_MONTHS: Final = 12
_SECONDS: Final = {"w": 604_800, "d": 86_400, "h": 3_600, "m": 60, "s": 1}
_DURATION: Final = re.compile(rf"([+-]?)([0-9]{{1,{_MOST_DIGITS}}})([smhdw])", re.ASCII)
_OFFSET: Final = re.compile(rf"([+-]?)([0-9]{{1,{_MOST_DIGITS}}})(d|w|mo|y)", re.ASCII)


class Unit(StrEnum):
    """A unit of the calendar."""

    DAY = "d"
    WEEK = "w"
    MONTH = "mo"
    YEAR = "y"


_LONGEST: Final = {Unit.DAY: 36_525, Unit.WEEK: 5_217, Unit.MONTH: 1_200, Unit.YEAR: 100}


@frozen
class Duration:
    """An absolute length of time: a day is 86,400 seconds, whatever clocks on the wall do.

    Attributes:
        seconds: Whole seconds; negative where it leads into the past; at most 100 years either way.
    """

    seconds: int

    @property
    def micros(self) -> int:
        """Its length in microseconds."""
        return self.seconds * 1_000_000

    @property
    def text(self) -> str:
        """Its shortest spelling, such as ``30d``; a minus stands in front of a negative one."""
        unit = next(unit for unit, size in _SECONDS.items() if self.seconds % size == 0) if self.seconds else "s"
        return f"{self.seconds // _SECONDS[unit]}{unit}"

    @property
    def signed(self) -> str:
        """Its spelling with a sign, such as ``-30d`` or ``+7d``."""
        return self.text if self.seconds < 0 else f"+{self.text}"


@frozen
class Offset:
    """A step on the calendar: it keeps the time of day, and clamps to the end of a month that is too short.

    Attributes:
        count: How many units, at most 100 years of them; negative where it leads into the past.
        unit: Of which unit.
    """

    count: int
    unit: Unit

    @property
    def signed(self) -> str:
        """Its spelling with a sign, such as ``-1mo``."""
        return f"{self.count:+d}{self.unit}"

    def shift(self, day: date, times: int = 1) -> date | None:
        """Go from a day to the one that lies the offset away, several times it, or backwards for -1.

        Returns:
            The day; None where it leaves the years 1 to 9999.
        """
        count = self.count * times
        try:
            match self.unit:
                case Unit.DAY:
                    return day + timedelta(days=count)
                case Unit.WEEK:
                    return day + timedelta(weeks=count)
                case Unit.MONTH:
                    return _by_months(day, count)
                case _:
                    return _by_months(day, count * _MONTHS)
        except (OverflowError, ValueError):
            return None


Span: TypeAlias = Duration | Offset
"""A way from now into the past or the future: absolute, or by months and years."""


def _by_months(day: date, months: int) -> date:
    year, month = divmod(day.year * _MONTHS + day.month - 1 + months, _MONTHS)
    return day.replace(year=year, month=month + 1, day=min(day.day, monthrange(year, month + 1)[1]))


def read_duration(text: str) -> tuple[str, Duration] | None:
    """Read a duration such as ``30d`` or ``-12h``.

    Returns:
        The sign that stands in front, empty where there is none, and the duration; None for other text.
    """
    found = _DURATION.fullmatch(text)
    if found is None:
        return None
    sign, digits, unit = found.groups()
    seconds = int(digits) * _SECONDS[unit]
    return sign, Duration(-seconds if sign == "-" else seconds)


def read_offset(text: str) -> tuple[str, Offset] | None:
    """Read an offset such as ``+7d`` or ``-1mo``.

    Returns:
        The sign that stands in front, empty where there is none, and the offset; None for other text.
    """
    found = _OFFSET.fullmatch(text)
    if found is None:
        return None
    sign, digits, unit = found.groups()
    return sign, Offset(-int(digits) if sign == "-" else int(digits), Unit(unit))


def too_long(span: Span) -> bool:
    """Whether a span is longer than 100 years."""
    match span:
        case Duration(seconds):
            return abs(seconds) > _CENTURY
        case Offset(count, unit):
            return abs(count) > _LONGEST[unit]
