"""The rules of time triggers: once, by cron, every so often, and around a date of the profile.

A rule speaks of wall clocks and knows no zone: `flowkit.triggers.schedule` says when it fires in one. Times of day
are whole minutes. What cannot be a rule is refused when it is made, by a `DocumentError` whose paths name the
fields as documents do.
"""

from __future__ import annotations

from collections.abc import Iterable
from datetime import UTC, date, datetime, time
from enum import StrEnum
from typing import Final, TypeAlias, assert_never

from attrs import field, frozen

from flowkit.errors import DocumentError, Problem
from flowkit.events import id_problem
from flowkit.triggers.calendar import MonthDay, Offset, Unit, Weekday
from flowkit.triggers.cron import check_cron

__all__ = ["At", "Cron", "DateProperty", "Day", "Every", "LeapDay", "Repeat", "Rule", "time_problem"]

_LONGEST_INTERVAL: Final = 10_000
_LAST_DAY: Final = 31
_NO_OFFSET: Final = Offset()

Day: TypeAlias = Weekday | MonthDay | int
"""Which day of its unit a rule names: of a week, of a year, or of a month, where 31 is always the last."""


class Repeat(StrEnum):
    """How often the date of a profile comes round, in the words of the document."""

    NONE = "none"
    WEEK = "week"
    MONTH = "month"
    YEAR = "year"


class LeapDay(StrEnum):
    """Where 29 February is in a year that has none, in the words of the document."""

    FEB28 = "feb28"
    MAR1 = "mar1"


def time_problem(at: time) -> Problem | None:
    """Say what makes a time unfit to be one of a wall clock's, or None: it has no zone and is a whole minute."""
    if at.tzinfo is None and not at.second and not at.microsecond:
        return None
    return Problem("bad_time", "", message="must be a time of day to the minute and without a zone, such as 09:00")


def _raise(path: str, problem: Problem | None) -> None:
    if problem is not None:
        raise DocumentError([Problem(problem.code, path + problem.path, message=problem.message)])


def _in_utc(at: datetime) -> datetime:
    try:
        return at.replace(fold=0) if at.tzinfo is None else at.astimezone(UTC)
    except OverflowError:
        message = "must lie in the years 1 to 9999 of UTC"
        raise DocumentError([Problem("out_of_range", "/at", message=message)]) from None


@frozen
class At:
    """Once.

    Attributes:
        at: An instant, the same for the whole world; or, without an offset, what the clock shows, wherever one is.

    Raises:
        DocumentError: The instant lies outside the years 1 to 9999 of UTC.
    """

    at: datetime = field(converter=_in_utc)


@frozen
class Cron:
    """By a cron expression of five fields, read by the clock on the wall.

    A time that a day skips moves on by the gap, one that a day has twice counts once: so ``0 * * * *`` fires once for
    each hour that the clock shows. Needs the extra ``cron``.

    Attributes:
        expression: Minute, hour, day of month, month, day of week, as Debian's cron reads them; ``L``, ``LW``, ``5L``
            and ``5#3`` are known.

    Raises:
        DocumentError: It is no expression, it never fires, or the extra is not installed.
    """

    expression: str

    def __attrs_post_init__(self) -> None:
        _raise("/cron", check_cron(self.expression))


def _in_order(on: Iterable[Day]) -> tuple[Day, ...]:
    return tuple(sorted(set(on), key=lambda day: (day.month, day.day) if isinstance(day, MonthDay) else (day, 0)))


@frozen
class Every:
    """Every so many days, weeks, months or years.

    Attributes:
        unit: What is counted.
        at: At which time of day, to the minute.
        interval: Every how many units; more than 1 needs a `start` to count from. Weeks are counted from the Monday of
            the first week.
        on: On which days of it: weekdays of a week; days of a month from 1 to 31, where 31 is always the last and a day
            that a month has not is its last too; days of a year, where 29 February is the 28th in other years. None
            for days. By default the day of `start`.
        start: The first day on which it may fire; in documents ``from``.

    Raises:
        DocumentError: The fields contradict each other, or leave the day open.
    """

    unit: Unit
    at: time
    interval: int = field(default=1, kw_only=True)
    on: tuple[Day, ...] = field(default=(), kw_only=True, converter=_in_order)
    start: date | None = field(default=None, kw_only=True)

    def __attrs_post_init__(self) -> None:
        _raise("/every/at", time_problem(self.at))
        if not 1 <= self.interval <= _LONGEST_INTERVAL:
            _raise("/every/interval", Problem("out_of_range", "", message=f"must be from 1 to {_LONGEST_INTERVAL}"))
        if self.interval > 1 and self.start is None:
            message = "is needed where interval is more than 1: from which day to count"
            _raise("/every/from", Problem("missing_field", "", message=message))
        if isinstance(self.start, datetime):
            _raise("/every/from", Problem("wrong_type", "", message="must be a date, and not a moment of one"))
        self._check_days()

    def _check_days(self) -> None:
        if not self.on:
            if self.unit is not Unit.DAY and self.start is None:
                message = f"is needed: on which days of the {self.unit}; or give `from`, whose day is taken"
                _raise("/every/on", Problem("missing_field", "", message=message))
        elif self.unit is Unit.DAY:
            message = 'a rule for every day takes none; for some weekdays write "unit": "week"'
            _raise("/every/on", Problem("conflicting_fields", "", message=message))
        elif not all(_fits(self.unit, day) for day in self.on):
            _raise("/every/on", Problem("out_of_range", "", message=f"not all are days of a {self.unit}"))


def _fits(unit: Unit, day: Day) -> bool:
    match unit:
        case Unit.DAY:
            return False
        case Unit.WEEK:
            return isinstance(day, Weekday)
        case Unit.MONTH:
            return isinstance(day, int) and not isinstance(day, (Weekday, bool)) and 1 <= day <= _LAST_DAY
        case Unit.YEAR:
            return isinstance(day, MonthDay)
        case _:
            assert_never(unit)


@frozen(kw_only=True)
class DateProperty:
    """On, before or after a date that each profile holds.

    The date comes round first (with 29 February where `feb29` says, the end of a month clamped from the date itself
    each time), then the offset is stepped.

    Attributes:
        path: Where the profile holds the date.
        at: At which time of day, to the minute.
        offset: How far from the date.
        repeat: How often the date comes round; its first time is the date itself, and there is none before.
        feb29: Where 29 February is in other years.

    Raises:
        DocumentError: The path is no name, or the time is none of a wall clock.
    """

    path: str
    at: time
    offset: Offset = _NO_OFFSET
    repeat: Repeat = Repeat.NONE
    feb29: LeapDay = LeapDay.FEB28

    def __attrs_post_init__(self) -> None:
        problem = id_problem(self.path)
        _raise("/date_property/path", Problem("bad_id", "", message=problem) if problem else None)
        _raise("/date_property/at", time_problem(self.at))


Rule: TypeAlias = At | Cron | Every | DateProperty
"""When a time trigger fires."""
