"""Waits by the clock on the wall: for what a run waits, told in the local time of the subscriber.

What cannot be one is refused when it is made, by a `DocumentError` whose paths name the fields as documents do.
"""

from __future__ import annotations

from collections.abc import Iterable
from datetime import time
from enum import StrEnum
from typing import Final, TypeAlias, assert_never

from attrs import field, frozen

from flowkit.errors import DocumentError, Problem
from flowkit.events import id_problem
from flowkit.triggers.calendar import Offset, Unit, Weekday
from flowkit.triggers.rules import Every, time_problem
from flowkit.triggers.windows import Window

__all__ = [
    "CalendarDays",
    "GoTo",
    "Instead",
    "InsteadOfWaiting",
    "LocalTime",
    "PreferredTime",
    "ProfileDate",
    "WaitRule",
    "takes_time",
    "ways",
]

_MOST_DAYS: Final = 36_525
_NO_OFFSET: Final = Offset()


def _refuse(*found: tuple[str, Problem | None]) -> None:
    problems = [Problem(one.code, path + one.path, message=one.message) for path, one in found if one is not None]
    if problems:
        raise DocumentError(problems)


def _path_problem(path: str) -> Problem | None:
    problem = id_problem(path)
    return None if problem is None else Problem("bad_id", "", message=problem)


@frozen
class CalendarDays:
    """Some days on by the calendar, so that the wall time stays where clocks are changed in between.

    Attributes:
        days: How many local days, 0 to 36,525.
        at: At which wall time of that day, to the minute; None keeps the wall time of the arrival.

    Raises:
        DocumentError: There are too few or too many days, or the time is none of a wall clock.
    """

    days: int
    at: time | None = field(default=None, kw_only=True)

    def __attrs_post_init__(self) -> None:
        few = Problem("out_of_range", "", message=f"must be from 0 to {_MOST_DAYS}, not {self.days}")
        _refuse(
            ("/calendar_days", None if 0 <= self.days <= _MOST_DAYS else few),
            ("/at", None if self.at is None else time_problem(self.at)),
        )


def _in_order(on: Iterable[Weekday]) -> tuple[Weekday, ...]:
    return tuple(sorted({Weekday(day) for day in on}))


@frozen
class LocalTime:
    """The next time that the clock on the wall shows something, the instant of the arrival included.

    Attributes:
        at: The wall time, to the minute.
        on: On which weekdays; none means all.

    Raises:
        DocumentError: The time is none of a wall clock.
    """

    at: time
    on: tuple[Weekday, ...] = field(default=(), kw_only=True, converter=_in_order)

    def __attrs_post_init__(self) -> None:
        _refuse(("/until/at", time_problem(self.at)))

    @property
    def rule(self) -> Every:
        """The rule of a time trigger that fires at the same instants."""
        return Every(Unit.WEEK, self.at, on=self.on) if self.on else Every(Unit.DAY, self.at)


class Instead(StrEnum):
    """What becomes of a run that has nothing to wait for, in the words of the document."""

    PROCEED = "proceed"
    """It goes on, as after the wait."""
    EXIT = "exit"
    """It ends."""


@frozen
class GoTo:
    """A run that has nothing to wait for leaves the node at once.

    Attributes:
        target: For which node; or ``"end"``.
    """

    target: str


InsteadOfWaiting: TypeAlias = Instead | GoTo
"""What becomes of a run that has nothing to wait for."""


@frozen
class ProfileDate:
    """On, before or after a date that the profile holds; it is read once, on arrival.

    Attributes:
        path: Where the profile holds the date.
        offset: How far from it, on the calendar.
        at: At which time of that day, to the minute; None takes the time that the profile holds, midnight for a date
            without one.
        on_missing: What happens where there is no date, or one that cannot be read.
        on_past: What happens where the instant has passed.

    Raises:
        DocumentError: The path is no name, or the time is none of a wall clock.
    """

    path: str
    offset: Offset = field(default=_NO_OFFSET, kw_only=True)
    at: time | None = field(default=None, kw_only=True)
    on_missing: InsteadOfWaiting = field(default=Instead.PROCEED, kw_only=True)
    on_past: InsteadOfWaiting = field(default=Instead.PROCEED, kw_only=True)

    def __attrs_post_init__(self) -> None:
        _refuse(
            ("/profile_date/path", _path_problem(self.path)),
            ("/profile_date/at", None if self.at is None else time_problem(self.at)),
        )


@frozen
class PreferredTime:
    """The next time that the clock shows what the profile names, the instant of the arrival included.

    Attributes:
        path: Where the profile holds the time: an hour from 0 to 23, or text such as ``09:30``.
        fallback: The time where it holds none that can be read, to the minute.

    Raises:
        DocumentError: The path is no name, or the time is none of a wall clock.
    """

    path: str
    fallback: time = field(kw_only=True)

    def __attrs_post_init__(self) -> None:
        _refuse(
            ("/preferred_time/path", _path_problem(self.path)),
            ("/preferred_time/fallback", time_problem(self.fallback)),
        )


WaitRule: TypeAlias = CalendarDays | LocalTime | Window | ProfileDate | PreferredTime
"""For what a run waits. In a `Window` it goes on at once; outside it waits until the window opens."""


def takes_time(rule: WaitRule) -> bool:
    """Tell whether a wait always takes time, whenever a run arrives and whatever the profile holds.

    A day ahead on the calendar is always later. A time of day is not: who arrives at it to the microsecond, as a run
    does that has just waited for the same time, goes on at once, and so does who arrives in an open window.
    """
    match rule:
        case CalendarDays(days):
            return days > 0
        case LocalTime() | Window() | ProfileDate() | PreferredTime():
            return False
        case _:
            assert_never(rule)


def ways(rule: WaitRule) -> tuple[tuple[str, str], ...]:
    """Name the targets to which a wait may send a run, each after the field that says so."""
    if not isinstance(rule, ProfileDate):
        return ()
    named = (("on_missing", rule.on_missing), ("on_past", rule.on_past))
    return tuple((name, way.target) for name, way in named if isinstance(way, GoTo))
