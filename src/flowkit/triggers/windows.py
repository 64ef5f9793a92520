"""Windows of local time, such as 22:00 to 06:00: when they are open, and when they open next.

A window opens at the instant of its opening time on a local day and closes right before that of its closing time: both
move on by a gap, and both are the first where the day has a time twice. A window that a gap swallows does not open
on that day.
"""

from __future__ import annotations

from collections.abc import Iterable
from datetime import UTC, date, datetime, time, tzinfo
from typing import Final

from attrs import field, frozen

from flowkit.errors import DocumentError, Problem
from flowkit.triggers.calendar import Weekday
from flowkit.triggers.rules import time_problem
from flowkit.triggers.zones import instant, wall

__all__ = ["Window", "calendar_days", "closes", "contains", "next_open"]

_WEEK: Final = 7
_LAST_DAY: Final = date.max.toordinal()


def _in_order(on: Iterable[Weekday]) -> tuple[Weekday, ...]:
    return tuple(sorted({Weekday(day) for day in on}))


@frozen(kw_only=True)
class Window:
    """A time of day that is open, on all days or some; it may cross midnight.

    Attributes:
        opens_at: From when, to the minute.
        closes_at: Until right before when; where that is earlier than `opens_at`, on the next day.
        on: The weekdays on which it opens; none means all. What is open past midnight belongs to the day before.

    Raises:
        DocumentError: It has no length, or a time is none of a wall clock.
    """

    opens_at: time
    closes_at: time
    on: tuple[Weekday, ...] = field(default=(), converter=_in_order)

    def __attrs_post_init__(self) -> None:
        found = [
            Problem(problem.code, path, message=problem.message)
            for path, at in (("/opens_at", self.opens_at), ("/closes_at", self.closes_at))
            if (problem := time_problem(at))
        ]
        if not found and self.opens_at == self.closes_at:
            message = "must differ from opens_at: a window that opens and closes at one time has no length"
            found = [Problem("out_of_range", "/closes_at", message=message)]
        if found:
            raise DocumentError(found)


def contains(window: Window, moment: datetime, tz: tzinfo) -> bool:
    """Tell whether a window is open at an instant."""
    return closes(window, moment, tz) is not None


def closes(window: Window, moment: datetime, tz: tzinfo) -> datetime | None:
    """Find when a window closes that is open at an instant.

    Returns:
        The instant of its closing, in UTC, which is after `moment`; None where it is not open.
    """
    today = wall(moment, tz).toordinal()
    # Yesterday's may still be open, and that of the day before where a clock went over the date line.
    spans = (_span(window, day, tz) for day in range(today - 2, today + 1))
    return max((span[1] for span in spans if span is not None and span[0] <= moment < span[1]), default=None)


def next_open(window: Window, moment: datetime, tz: tzinfo) -> datetime | None:
    """Find when a window is open: at once, or when it opens next.

    Returns:
        The instant itself where the window is open, else that of the next opening, in UTC; None where there is none
        until the year 9999.
    """
    if contains(window, moment, tz):
        return moment.astimezone(UTC)
    today = wall(moment, tz).toordinal()
    # Two weeks, since a gap may swallow the one opening of a week.
    opened = (_span(window, day, tz) for day in range(today - 2, today + 2 * _WEEK + 1))
    return min((span[0] for span in opened if span is not None and span[0] > moment), default=None)


def calendar_days(moment: datetime, days: int, tz: tzinfo, *, at: time | None = None) -> datetime | None:
    """Go some days on by the calendar, so that the wall time stays where clocks are changed in between.

    Args:
        moment: From when.
        days: How many local days; 0 for the same day.
        tz: In which zone.
        at: At which wall time of that day; by default the one of `moment`.

    Returns:
        The instant, in UTC; with 0 days and a time that has passed it is not after `moment`. None where it lies outside
        the years 1 to 9999.
    """
    shown = wall(moment, tz)
    if days == 0 and at is None:
        return moment.astimezone(UTC)
    ordinal = shown.toordinal() + days
    if not 1 <= ordinal <= _LAST_DAY:
        return None
    return instant(date.fromordinal(ordinal), shown.time() if at is None else at, tz)


def _span(window: Window, day: int, tz: tzinfo) -> tuple[datetime, datetime] | None:
    """Give from when to when the window of a local day is open; None where it does not open on it."""
    last = day if window.closes_at > window.opens_at else day + 1
    if not (day >= 1 and last <= _LAST_DAY) or (window.on and (day - 1) % _WEEK not in window.on):
        return None
    opens = instant(date.fromordinal(day), window.opens_at, tz)
    closes = instant(date.fromordinal(last), window.closes_at, tz)
    return (opens, closes) if opens is not None and closes is not None and opens < closes else None
