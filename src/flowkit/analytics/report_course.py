"""How many runs began and ended over time, in steps of hours or days: few enough to be drawn."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Final

from attrs import frozen

from flowkit.analytics.tally import HOUR, Slot, Tally
from flowkit.events import from_micros
from flowkit.runs.model import Kind

__all__ = ["Course", "CoursePoint", "course_of"]

_MOST: Final = 60
_DAY: Final = 24
_STEPS: Final = (1, 2, 3, 6, 12, _DAY)
_ENDS: Final = (Kind.COMPLETED, Kind.EXITED, Kind.FAILED)


@frozen
class CoursePoint:
    """One step of a course.

    Attributes:
        start: When it begins (UTC).
        began: How many runs began in it.
        ended: How many ended, however.
    """

    start: datetime
    began: int
    ended: int


@frozen
class Course:
    """Runs over time.

    Attributes:
        hours: How long each step is.
        points: The steps in order, none left out; the first and the last may reach beyond the window.
    """

    hours: int
    points: Sequence[CoursePoint] = ()


def course_of(slots: Mapping[Slot, Tally], now: int, since: int | None = None, until: int | None = None) -> Course:
    """Count runs in at most 60 steps of equal length: of 1, 2, 3, 6 or 12 hours, or of whole days.

    Args:
        slots: What was counted, by hour.
        now: The hour at hand, as whole hours since 1970 (UTC).
        since: The hour from which on it is counted; None for the first in which a run began or ended.
        until: The hour before which it is counted; None up to now. What lies ahead is not drawn.
    """
    runs: dict[int, list[int]] = {}
    for slot, counted in slots.items():
        began, ended = counted.count(Kind.ENTERED), sum(counted.count(kind) for kind in _ENDS)
        if began or ended:
            both = runs.setdefault(slot.hour, [0, 0])
            both[0] += began
            both[1] += ended
    first = min(runs, default=now) if since is None else since
    end = max([now, *runs]) + 1 if until is None else min(until, max([now, *runs]) + 1)
    if end <= first:
        return Course(1)
    hours = _step(first, end)
    origin = first // min(hours, _DAY) * min(hours, _DAY)  # Days begin at midnight, whatever the hour of the first.
    steps = [[0, 0] for _ in range(-(-(end - origin) // hours))]
    for hour, (began, ended) in runs.items():
        step = steps[(hour - origin) // hours]
        step[0] += began
        step[1] += ended
    starts = (from_micros((origin + index * hours) * HOUR) for index in range(len(steps)))
    return Course(hours, [CoursePoint(start, *step) for start, step in zip(starts, steps, strict=True)])


def _step(first: int, end: int) -> int:
    for hours in _STEPS:
        if -(-end // hours) - first // hours <= _MOST:
            return hours
    days = -(-end // _DAY) - first // _DAY
    return -(-days // _MOST) * _DAY
