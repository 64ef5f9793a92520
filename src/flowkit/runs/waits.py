"""When a wait by the clock is over: the due instant, from the rule, the facts and the instant of the arrival.

A wall time that the day skips moves on by the gap; one that it has twice is the first. No wait is over early, and one
whose instant has passed is over at once.
"""

from __future__ import annotations

from datetime import UTC, date, datetime, time, timedelta, tzinfo
from enum import StrEnum
from typing import Final, TypeAlias, assert_never

from attrs import field, frozen

from flowkit.conditions import Operand, look_up
from flowkit.conditions.dates import iso, read_date
from flowkit.events import Facts, Needs
from flowkit.runs.model import operand_data
from flowkit.triggers.schedule import next_firing
from flowkit.triggers.schedule_documents import parse_time
from flowkit.triggers.windows import Window, calendar_days, next_open
from flowkit.triggers.zones import Zone, ZoneSource, instant, wall, wall_text, zone
from flowkit.workflows.waits import CalendarDays, LocalTime, PreferredTime, ProfileDate, WaitRule

__all__ = ["Due", "Why", "clock_words", "due_of", "needs_of_wait"]

_MICROSECOND: Final = timedelta(microseconds=1)
_FIRST: Final = datetime.min.replace(tzinfo=UTC)
_LAST: Final = datetime.max.replace(tzinfo=UTC)
_MIDNIGHT: Final = time()
_LAST_HOUR: Final = 23
_WHOSE: Final = {ZoneSource.GIVEN: "subscriber", ZoneSource.FALLBACK: "workflow", ZoneSource.UTC: "utc"}

_Found: TypeAlias = tuple[datetime | None, "Why", tuple[Operand, ...]]


class Why(StrEnum):
    """For what a run waits, in the words of the journal."""

    CALENDAR_DAYS = "calendar_days"
    UNTIL = "until"
    WINDOW = "window"
    PROFILE_DATE = "profile_date"
    PREFERRED_TIME = "preferred_time"
    FALLBACK_TIME = "fallback_time"
    """The preferred time of the profile is missing, or cannot be read."""


@frozen(kw_only=True)
class Due:
    """When a wait is over, and what that was computed from.

    Attributes:
        at: The instant, in UTC; not after the arrival where the wait is over at once. None where there is no date. What
            lies after the year 9999 is its end.
        why: For what the run waits.
        zone: The zone that holds, and which name it was.
        operands: What was read of the profile.
    """

    at: datetime | None
    why: Why
    zone: Zone
    operands: tuple[Operand, ...] = field(default=())

    @property
    def told(self) -> dict[str, object]:
        """What the journal says of it: the reason, the zone and whose it is, the instant, and what was read."""
        data: dict[str, object] = {"why": str(self.why), "zone": self.zone.name, "zone_of": _WHOSE[self.zone.source]}
        if self.at is not None:
            data["until"] = f"{self.at.replace(tzinfo=None).isoformat()}Z"
            data |= clock_words(self.at, self.zone)
        if self.operands:
            data |= operand_data(self.operands)
        return data


def clock_words(at: datetime, zone: Zone) -> dict[str, object]:
    """Say what the clock of a zone shows at an instant, and whose zone that is, as the journal does."""
    return {"zone": zone.name, "zone_of": _WHOSE[zone.source], "wall": wall_text(wall(at, zone.tz))}


def needs_of_wait(rule: WaitRule) -> Needs:
    """Name the facts that a wait reads."""
    match rule:
        case CalendarDays() | LocalTime() | Window():
            return Needs(zone=True)
        case ProfileDate(path) | PreferredTime(path):
            # A path is tried as it is, and dotted then.
            return Needs(attributes=frozenset({path, path.partition(".")[0]}), zone=True)
        case _:
            assert_never(rule)


def due_of(rule: WaitRule, facts: Facts, fallback_zone: str, now: datetime) -> Due:
    """Find when a wait is over.

    Args:
        rule: For what the run waits.
        facts: What is known about the subscriber.
        fallback_zone: The zone of the workflow, for a subscriber without a valid one.
        now: When the run arrives, an aware instant.
    """
    found = zone(facts.zone, fallback_zone)
    at, why, operands = _found(rule, facts, found.tz, now)
    return Due(at=at, why=why, zone=found, operands=operands)


def _found(rule: WaitRule, facts: Facts, tz: tzinfo, now: datetime) -> _Found:
    match rule:
        case CalendarDays(days, at=at):
            return _days_on(now, days, tz, at), Why.CALENDAR_DAYS, ()
        case LocalTime():
            return _next(rule, tz, now), Why.UNTIL, ()
        case Window():
            return next_open(rule, now, tz) or _LAST, Why.WINDOW, ()
        case ProfileDate(path):
            value = look_up(facts.attributes, path)
            moment = _date_instant(rule, value, tz)
            return moment, Why.PROFILE_DATE, (Operand(f"subscriber.{path}", value, moment is not None),)
        case PreferredTime(path, fallback=fallback):
            value = look_up(facts.attributes, path)
            preferred = _clock(value)
            operand = Operand(f"subscriber.{path}", value, preferred is not None)
            why = Why.FALLBACK_TIME if preferred is None else Why.PREFERRED_TIME
            return _next(LocalTime(preferred or fallback), tz, now), why, (operand,)
        case _:
            assert_never(rule)


def _days_on(now: datetime, days: int, tz: tzinfo, at: time | None) -> datetime:
    found = calendar_days(now, days, tz, at=at)
    if found is None:
        return _LAST
    if days and at is not None and found <= now:
        # Clocks went back over midnight: that day had begun, and shown the time, once before. It will once more.
        day = date.fromordinal(wall(now, tz).toordinal() + days)
        return datetime.combine(day, at.replace(fold=1), tz).astimezone(UTC)
    return found


def _next(asked: LocalTime, tz: tzinfo, now: datetime) -> datetime:
    # A firing is after an instant, and a wait is over at it too.
    before = max(now, _FIRST + _MICROSECOND) - _MICROSECOND
    found = next_firing(asked.rule, tz, before)
    return _LAST if found is None else found.instant


def _clock(value: object) -> time | None:
    """Read a preferred time: an hour from 0 to 23, or text such as ``09:30``; None for anything else."""
    match value:
        case bool():
            return None
        case int():
            return time(value) if 0 <= value <= _LAST_HOUR else None
        case str():
            return parse_time(value)
        case _:
            return None


def _date_instant(rule: ProfileDate, value: object, tz: tzinfo) -> datetime | None:
    """Find the instant that a rule makes of what a profile holds; None where that is no date."""
    moment = read_date(value, tz)
    if moment is None:
        return None
    shown = _shown(value, moment, tz)
    if rule.at is None and not rule.offset.amount:
        # The very instant, also where the clock shows its wall time twice.
        return moment.astimezone(UTC)
    day = rule.offset.apply(shown.date())
    found = None if day is None else instant(day, shown.time() if rule.at is None else rule.at, tz)
    if found is not None:
        return found
    return _FIRST if rule.offset.amount < 0 or shown.year == 1 else _LAST


def _shown(value: object, moment: datetime, tz: tzinfo) -> datetime:
    """Give the wall time of a date as the profile holds it, also one that the zone skips."""
    held = iso(value) if isinstance(value, str) else value
    match held:
        case datetime() if held.utcoffset() is None:
            return held.replace(tzinfo=None)
        case datetime():
            return wall(moment, tz)
        case date():
            return datetime.combine(held, _MIDNIGHT)
        case _:
            return wall(moment, tz)
