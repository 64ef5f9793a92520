"""Rules around a date of the profile: whose date fires on a day, and when one's date fires next.

The first question is asked once a day and zone, of all profiles; the second once a profile. They agree on every day.
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import date, datetime, timedelta, tzinfo
from typing import Final, TypeAlias, assert_never

from attrs import frozen

from flowkit.triggers.calendar import MonthDay, Offset, Weekday, add_months, on_day_of_year
from flowkit.triggers.rules import DateProperty, LeapDay, Repeat
from flowkit.triggers.schedule import Firing, firing_on
from flowkit.triggers.zones import instant, wall

__all__ = ["OnDates", "OnDays", "OnWeekdays", "OnYearDays", "Wanted", "firing_of", "wanted_dates", "wants"]

_WEEK: Final = 7
_MONTHS: Final = 12
_LAST_DAY: Final = 31
_DAY: Final = timedelta(days=1)
# How far before its own day a firing can lie in another zone, and how far a clamped step can be off, with room.
_SLACK: Final = timedelta(days=10)


@frozen
class OnDates:
    """Profiles with exactly one of these dates.

    Attributes:
        dates: The dates, in order; without any, nobody.
    """

    dates: tuple[date, ...]


@frozen
class OnWeekdays:
    """Profiles with a date on one of these weekdays, and not after a day.

    Attributes:
        weekdays: In order.
        until: The last date that counts.
    """

    weekdays: tuple[Weekday, ...]
    until: date


@frozen
class OnDays:
    """Profiles with a date on one of these days of any month, and not after a day.

    Attributes:
        days: From 1 to 31, in order.
        until: The last date that counts.
    """

    days: tuple[int, ...]
    until: date


@frozen
class OnYearDays:
    """Profiles with a date on one of these days of any year, and not after a day.

    Attributes:
        days: In order.
        until: The last date that counts.
    """

    days: tuple[MonthDay, ...]
    until: date


Wanted: TypeAlias = OnDates | OnWeekdays | OnDays | OnYearDays
"""Which dates of profiles are asked for."""


def wanted_dates(rule: DateProperty, tz: tzinfo, day: date) -> Wanted:
    """Say which dates of profiles fire on a local day.

    Args:
        rule: The rule.
        tz: The zone. Where it went over the date line and left a day out, the dates of that day fire on the next.
        day: The day for which the firing is scheduled: ``firing.wall.date()``.
    """
    days = _scheduled_with(rule, tz, day)
    bases = sorted({base for scheduled in days for base in rule.offset.sources(scheduled)})
    if not bases or rule.repeat is Repeat.NONE:
        return OnDates(tuple(bases))
    until = bases[-1]
    match rule.repeat:
        case Repeat.WEEK:
            return OnWeekdays(tuple(sorted({Weekday(base.weekday()) for base in bases})), until)
        case Repeat.MONTH:
            return OnDays(tuple(sorted({number for base in bases for number in _days_at(base)})), until)
        case Repeat.YEAR:
            return OnYearDays(tuple(sorted({found for base in bases for found in _year_days_at(rule, base)})), until)
        case _:
            assert_never(rule.repeat)


def wants(wanted: Wanted, day: date) -> bool:
    """Tell whether a profile's date is asked for."""
    match wanted:
        case OnDates(dates):
            return day in dates
        case OnWeekdays(weekdays, until):
            return day <= until and Weekday(day.weekday()) in weekdays
        case OnDays(days, until):
            return day <= until and day.day in days
        case OnYearDays(days, until):
            return day <= until and MonthDay.of(day) in days
        case _:
            assert_never(wanted)


def firing_of(rule: DateProperty, day: date, tz: tzinfo, *, after: datetime) -> Firing | None:
    """Find the first firing for one profile's date that is after an instant.

    Args:
        rule: The rule.
        day: The profile's date, as `flowkit.triggers.calendar.profile_date` reads it.
        tz: The subscriber's zone.
        after: An aware instant; a firing at it is not after it.

    Returns:
        The firing; None where there is none until the year 9999.
    """
    for base in _rounds(rule, day, _not_before(rule, wall(after, tz).date())):
        scheduled = rule.offset.apply(base)
        found = None if scheduled is None else firing_on(scheduled, rule.at, tz)
        if found is not None and found.instant > after:
            return found
    return None


def _scheduled_with(rule: DateProperty, tz: tzinfo, day: date) -> list[date]:
    """Give the day, and the days before it that the zone left out, whose firings fall on this one's."""
    days = [day]
    moment = instant(day, rule.at, tz)
    while days[-1] > date.min and moment is not None and instant(days[-1] - _DAY, rule.at, tz) == moment:
        days.append(days[-1] - _DAY)
    return days


def _days_at(base: date) -> range:
    """Give the days of a month that come round on a date: on a month's last also those that it has not."""
    next_day = _shifted(base, _DAY)
    return range(base.day, _LAST_DAY + 1 if next_day is None or next_day.day == 1 else base.day + 1)


def _year_days_at(rule: DateProperty, base: date) -> set[MonthDay]:
    leap_day = MonthDay(2, 29)
    days = {MonthDay.of(base)}
    return days | {leap_day} if _on_year(rule, leap_day, base.year) == base else days


def _on_year(rule: DateProperty, day: MonthDay, year: int) -> date:
    return on_day_of_year(day, year, leap_day_in_march=rule.feb29 is LeapDay.MAR1)


def _shifted(day: date, by: timedelta) -> date | None:
    try:
        return day + by
    except OverflowError:
        return None


def _not_before(rule: DateProperty, today: date) -> date:
    """Give a date from before every one whose firing may still be ahead."""
    back = _shifted(today, -_SLACK) or date.min
    source = Offset(-rule.offset.amount, rule.offset.unit).apply(back)
    return source or (date.min if rule.offset.amount > 0 else date.max)


def _rounds(rule: DateProperty, day: date, first: date) -> Iterator[date]:
    """Give the dates on which a profile's date comes round, from not after `first` on, but from itself on."""
    match rule.repeat:
        case Repeat.NONE:
            yield day
        case Repeat.WEEK:
            ordinal = day.toordinal() + max(0, (first - day).days // _WEEK) * _WEEK
            yield from map(date.fromordinal, range(ordinal, date.max.toordinal() + 1, _WEEK))
        case Repeat.MONTH:
            months = max(0, (first.year - day.year) * _MONTHS + first.month - day.month - 1)
            while (base := add_months(day, months)) is not None:
                yield base
                months += 1
        case Repeat.YEAR:
            for year in range(max(day.year, first.year - 1), date.max.year + 1):
                yield _on_year(rule, MonthDay.of(day), year)
        case _:
            assert_never(rule.repeat)
