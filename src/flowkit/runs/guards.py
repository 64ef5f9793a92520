"""What holds a message up though somebody may get it: its expiry, its lateness, quiet hours, and caps that are full.

These are decisions alone; ``turns.py`` has those of rate limits. Who asks them, and in which order, is the engine's.
"""

from __future__ import annotations

from datetime import date, datetime, time, timedelta, tzinfo
from enum import StrEnum
from typing import Final, TypeAlias, assert_never

from flowkit.events import from_micros, to_micros
from flowkit.runs.effects import Deferral, Outcome, Result
from flowkit.runs.waits import clock_words
from flowkit.triggers.calendar import Unit, add_months
from flowkit.triggers.windows import Window, closes, next_open
from flowkit.triggers.zones import Zone, instant, wall
from flowkit.workflows.timing import Late

__all__ = [
    "Guard",
    "Told",
    "deferred",
    "expired",
    "guard_of",
    "is_late",
    "late_until",
    "moment_text",
    "period",
    "quiet_until",
]

Told: TypeAlias = tuple[tuple[str, object], ...]
"""What the journal says besides, by name."""
_MICROSECOND: Final = timedelta(microseconds=1)
_MIDNIGHT: Final = time()
_MONTHS: Final = 12
_FIRST: Final = to_micros(datetime.fromisoformat("0001-01-01T00:00Z"))
_LAST: Final = to_micros(datetime.fromisoformat("9999-12-31T23:59:59.999999Z"))


class Guard(StrEnum):
    """What holds a message up, in the words of the journal."""

    EXPIRED = "expired"
    LATE = "late"
    QUIET_HOURS = "quiet_hours"
    RATE_LIMIT = "rate_limit"
    FREQUENCY_CAP = "frequency_cap"


def guard_of(name: str) -> str:
    """Name the guard that deferred an effect, of a name that says more than the journal does."""
    return name.partition(":")[0]


def moment_text(micros: int) -> str:
    """Write an instant as the journal does."""
    return f"{from_micros(micros).replace(tzinfo=None).isoformat()}Z"


def expired(since: int, now: int, expires_after: timedelta | None) -> Outcome | None:
    """Skip a message that is too late by now; at the very end of its time it still goes out.

    Args:
        since: When it came due first, in microseconds.
        now: The engine's instant.
        expires_after: For how long it may go out from then on; None for ever.
    """
    if expires_after is None or now - since <= expires_after // _MICROSECOND:
        return None
    return Outcome(Result.SKIPPED, str(Guard.EXPIRED), told=(("late_seconds", (now - since) // 1_000_000),))


def is_late(late: Late | None, due: int, now: int) -> bool:
    """Whether a message that is due at an instant is late by now, as it says itself; both are in microseconds."""
    return late is not None and now - due > late.after // _MICROSECOND


def late_until(late: Late, due: int, now: int, where: Zone | None) -> tuple[int, Told] | Outcome | None:
    """Tell until when a late message waits for its window, and what the journal says of it.

    Args:
        late: What the message says of being late.
        due: When it was due, in microseconds.
        now: The engine's instant; the message is late by then.
        where: The zone by whose clock the window is meant.

    Returns:
        That; the outcome of one that is skipped; None where the window is open, and the message goes out.
    """
    told: Told = (("late_seconds", (now - due) // 1_000_000),)
    opens = None
    if late.window is not None and where is not None:
        opens = next_open(late.window, from_micros(now), where.tz)
    if opens is None or where is None:
        return Outcome(Result.SKIPPED, str(Guard.LATE), told=told)
    until = to_micros(opens)
    return None if until <= now else (until, (*told, *clock_words(opens, where).items()))


def deferred(later: Deferral, expires_after: timedelta | None, told: Told) -> Outcome:
    """Let a message wait; one that would have expired by then is skipped at once."""
    told = (("until", moment_text(later.until)), *told)
    if expires_after is not None and later.until - later.since > expires_after // _MICROSECOND:
        return Outcome(Result.SKIPPED, str(Guard.EXPIRED), told=(("by", guard_of(later.by)), *told))
    return Outcome(Result.DEFERRED, deferral=later, told=told)


def quiet_until(window: Window, now: int, zone: Zone) -> tuple[int, Told] | None:
    """Tell until when quiet hours last, and what the journal says of it; None where they do not hold.

    Args:
        window: The quiet hours.
        now: The engine's instant, in microseconds.
        zone: The zone by whose clock they are meant.
    """
    until = closes(window, from_micros(now), zone.tz)
    return None if until is None else (to_micros(until), tuple(clock_words(until, zone).items()))


def period(unit: Unit, now: int, tz: tzinfo) -> tuple[int, int]:
    """Give when the day, week, month or year of an instant began, and when the next one does, in microseconds.

    A day begins when its midnight comes for the first time, and where there is none, right after the gap.
    """
    day = wall(from_micros(now), tz).date()
    after = _begins(_next(Unit.DAY, day), tz)
    if after <= now:  # Clocks went back over midnight: the new day has begun, though they show the old one again.
        day = _next(Unit.DAY, day) or day
    first = _first(unit, day)
    # In the first year a day may begin before all instants, and a clock show less than its beginning.
    return min(_begins(first, tz, _FIRST), now), _begins(_next(unit, first), tz)


def _first(unit: Unit, day: date) -> date:
    match unit:
        case Unit.DAY:
            return day
        case Unit.WEEK:
            return date.fromordinal(max(1, day.toordinal() - day.weekday()))
        case Unit.MONTH:
            return day.replace(day=1)
        case Unit.YEAR:
            return day.replace(month=1, day=1)
        case _:
            assert_never(unit)


def _next(unit: Unit, first: date) -> date | None:
    match unit:
        case Unit.DAY | Unit.WEEK:
            ordinal = first.toordinal() + (1 if unit is Unit.DAY else 7 - first.weekday())
            return date.fromordinal(ordinal) if ordinal <= date.max.toordinal() else None
        case Unit.MONTH | Unit.YEAR:
            return add_months(first, 1 if unit is Unit.MONTH else _MONTHS)
        case _:
            assert_never(unit)


def _begins(day: date | None, tz: tzinfo, otherwise: int = _LAST) -> int:
    found = None if day is None else instant(day, _MIDNIGHT, tz)
    return otherwise if found is None else to_micros(found)
