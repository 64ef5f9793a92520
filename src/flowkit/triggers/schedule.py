"""When a rule fires in a zone: the local date first, then its instant.

A day has one instant for a time of day, whatever its clocks do: a time that the day skips moves on by the gap, and
of one that it has twice the first counts. Nothing is ever found by adding 24 hours to the last firing.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from datetime import UTC, date, datetime, time, timedelta, tzinfo
from itertools import count, takewhile
from typing import Final, TypeAlias, assert_never

from attrs import field, frozen

from flowkit.triggers.calendar import MonthDay, Unit, Weekday, in_month, on_day_of_year
from flowkit.triggers.cron import cron_walls
from flowkit.triggers.rules import At, Cron, DateProperty, Every, Rule
from flowkit.triggers.zones import LAST_WALL, find_zone, instant, wall, wall_text

__all__ = ["Firing", "Together", "firing_on", "firings", "next_firing", "together"]

_MICROSECOND: Final = timedelta(microseconds=1)
# A gap is at most a day: the one in which Samoa went over the date line.
_LONGEST_GAP: Final = timedelta(hours=25)
_DAYS_BEFORE: Final = 2
_FIRST_DAY: Final = date.min.toordinal()
_LAST_DAY: Final = date.max.toordinal()
_WEEK: Final = 7
_MONTHS: Final = 12

_Walls: TypeAlias = Iterator[datetime]


@frozen
class Firing:
    """One firing of a rule in a zone.

    Attributes:
        wall: For which wall time it is scheduled; where the day skips that, the clock shows a later one at the instant.
            For a rule that names an instant it is UTC's.
        instant: When it fires, in UTC.
    """

    wall: datetime
    instant: datetime

    @property
    def key(self) -> str:
        """The scheduled wall time as text, such as ``2026-03-08T02:30``.

        Fired once for each (workflow, trigger, subscriber, key), neither a move to another zone nor a clock that is set
        back repeats it.
        """
        return wall_text(self.wall)


def next_firing(rule: Rule, tz: tzinfo, after: datetime) -> Firing | None:
    """Find the first firing after an instant.

    A `DateProperty` fires on every local day, for the dates that `flowkit.triggers.profile_dates.wanted_dates` names.

    Args:
        rule: The rule.
        tz: The zone in which it is read.
        after: An aware instant; a firing at it is not after it.

    Returns:
        The firing; None where there is none until the year 9999.
    """
    match rule:
        case At(at) if at.tzinfo is not None:
            return Firing(at.replace(tzinfo=None), at) if at > after else None
        case At(at):
            return _first(iter([at]), tz, after)
        case Cron(expression):
            return _first(cron_walls(expression, _earliest(tz, after)), tz, after)
        case Every(_, at):
            return _first(_at_time(days_of(rule, _first_day(tz, after)), at), tz, after)
        case DateProperty(at=at):
            return _first(_at_time(_every_day(_first_day(tz, after), 1), at), tz, after)
        case _:
            assert_never(rule)


def firings(rule: Rule, tz: tzinfo, start: datetime, end: datetime) -> Iterator[Firing]:
    """Give the firings from one instant to before another, in order; no two are at the same instant."""
    after = max(start, datetime.min.replace(tzinfo=UTC) + _MICROSECOND) - _MICROSECOND
    while (found := next_firing(rule, tz, after)) is not None and found.instant < end:
        yield found
        after = found.instant


def firing_on(day: date, at: time, tz: tzinfo) -> Firing | None:
    """Give the firing that is scheduled for a time of one local day; None outside the years 1 to 9999 of UTC."""
    moment = instant(day, at, tz)
    return None if moment is None else Firing(datetime.combine(day, at.replace(fold=0)), moment)


@frozen
class Together:
    """Zones in which a rule fires next at the same instant, for the same wall time.

    Attributes:
        firing: The firing.
        zones: Their names, in the order in which they were given.
    """

    firing: Firing
    zones: tuple[str, ...] = field(converter=tuple[str, ...])


def together(rule: Rule, zones: Iterable[str], after: datetime) -> tuple[Together, ...]:
    """Put zones together whose next firing is the same.

    All zones of the world share about 38 instants for one time of day, so one wake-up serves many of them. Zones on
    the two sides of the date line may share an instant and not the day: they are not together.

    Args:
        rule: The rule.
        zones: IANA names; what is none is left out, and so is a zone in which the rule does not fire any more.
        after: An aware instant.

    Returns:
        By instant, then by wall time.
    """
    groups: dict[Firing, list[str]] = {}
    for name in zones:
        tz = find_zone(name)
        found = None if tz is None else next_firing(rule, tz, after)
        if found is not None:
            groups.setdefault(found, []).append(name)
    return tuple(
        Together(found, tuple(groups[found])) for found in sorted(groups, key=lambda one: (one.instant, one.wall))
    )


# ------------------------------------------------------------------------------------------------------------
# From wall times to instants


def _first(walls: _Walls, tz: tzinfo, after: datetime) -> Firing | None:
    """Take from ascending wall times the one whose instant is the first after another.

    Wall times of a gap move on past the ones behind it, so the instants need not ascend. Where two are at one instant,
    the later wall time is the one that the clock shows.
    """
    best: Firing | None = None
    shown_then = LAST_WALL
    for shown in walls:
        if shown > shown_then:
            break
        moment = instant(shown.date(), shown.time(), tz)
        if moment is not None and moment > after and (best is None or moment <= best.instant):
            best, shown_then = Firing(shown, moment), wall(moment, tz)
    return best


def _earliest(tz: tzinfo, after: datetime) -> datetime:
    """Give a wall time before which none has an instant after this one, nor one that it would have to wait for."""
    now = wall(after, tz)
    try:
        gap = now - wall(after - _LONGEST_GAP, tz) - _LONGEST_GAP
        return now - gap if gap > timedelta() else now
    except OverflowError:
        return now


def _first_day(tz: tzinfo, after: datetime) -> int:
    return max(wall(after, tz).toordinal() - _DAYS_BEFORE, _FIRST_DAY)


# ------------------------------------------------------------------------------------------------------------
# The days of a rule, as ordinals: the proleptic Gregorian calendar counts them from 1


def days_of(rule: Every, first: int) -> Iterator[int]:
    """Give the days of a rule from one on, in order."""
    start = _FIRST_DAY if rule.start is None else rule.start.toordinal()
    first = max(first, start)
    match rule.unit:
        case Unit.DAY:
            return _every_day(first + (start - first) % rule.interval, rule.interval)
        case Unit.WEEK:
            periods = _weeks(rule, first, start)
        case Unit.MONTH:
            periods = _months(rule, first)
        case Unit.YEAR:
            periods = _years(rule, first)
        case _:
            assert_never(rule.unit)
    return (day for days in periods for day in sorted(days) if first <= day <= _LAST_DAY)


def _every_day(first: int, interval: int) -> Iterator[int]:
    return iter(range(first, _LAST_DAY + 1, interval))


def _at_time(days: Iterator[int], at: time) -> _Walls:
    return (datetime.combine(date.fromordinal(day), at) for day in days)


def _steps(first: int, base: int, interval: int) -> Iterator[int]:
    """Count from the last multiple, seen from a base, that is not after the first."""
    return count(first - (first - base) % interval, interval)


def _weeks(rule: Every, first: int, start: int) -> Iterator[set[int]]:
    # Day 1 of year 1 is a Monday.
    on = {int(day) for day in rule.on if isinstance(day, Weekday)} or {(start - 1) % _WEEK}
    weeks = takewhile(
        lambda week: week * _WEEK < _LAST_DAY, _steps((first - 1) // _WEEK, (start - 1) // _WEEK, rule.interval)
    )
    return ({week * _WEEK + 1 + day for day in on} for week in weeks)


def _months(rule: Every, first: int) -> Iterator[set[int]]:
    start = rule.start or date.min
    on = {day for day in rule.on if isinstance(day, int)} or {start.day}
    months = _steps(_month(date.fromordinal(first)), _month(start), rule.interval)
    places = takewhile(lambda place: place[0] <= date.max.year, (divmod(month, _MONTHS) for month in months))
    return ({in_month(year, index + 1, day).toordinal() for day in on} for year, index in places)


def _month(day: date) -> int:
    return day.year * _MONTHS + day.month - 1


def _years(rule: Every, first: int) -> Iterator[set[int]]:
    start = rule.start or date.min
    on = {day for day in rule.on if isinstance(day, MonthDay)} or {MonthDay.of(start)}
    years = takewhile(
        lambda year: year <= date.max.year, _steps(date.fromordinal(first).year, start.year, rule.interval)
    )
    return ({on_day_of_year(day, year).toordinal() for day in on} for year in years)
