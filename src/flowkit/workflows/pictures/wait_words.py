"""Waits by the clock in words short enough for a line of a box."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import time
from typing import assert_never

from flowkit.triggers.calendar import Weekday
from flowkit.triggers.windows import Window
from flowkit.workflows.pictures.phrases import plural
from flowkit.workflows.pictures.trigger_words import clock_words, day_words, distance_words
from flowkit.workflows.waits import CalendarDays, LocalTime, PreferredTime, ProfileDate, WaitRule

__all__ = ["wait_words"]


def wait_words(rule: WaitRule) -> str:
    """Say for what a run waits."""
    match rule:
        case CalendarDays(days, at=at):
            return f"{plural(days, 'calendar day')}{_at(at)}"
        case LocalTime(at, on=on):
            return f"until {clock_words(at)}{_on(on)}"
        case Window(opens_at=opens_at, closes_at=closes_at, on=on):
            return f"for {clock_words(opens_at)} to {clock_words(closes_at)}{_on(on)}"
        case ProfileDate(path, offset=offset, at=at):
            distance = f"{distance_words(offset)} " if offset.amount else ""
            return f"until {distance}{path}{_at(at)}"
        case PreferredTime(path, fallback=fallback):
            return f"until the time in {path}, else {clock_words(fallback)}"
        case _:
            assert_never(rule)


def _at(at: time | None) -> str:
    return "" if at is None else f" at {clock_words(at)}"


def _on(on: Iterable[Weekday]) -> str:
    days = ", ".join(day_words(day) for day in on)
    return f" on {days}" if days else ""
