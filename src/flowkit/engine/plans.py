"""Where a sweep stands, and what comes next: pure, and written as the text that the store keeps."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from datetime import date, tzinfo
from functools import lru_cache
from typing import Any, Final, NamedTuple
from zoneinfo import available_timezones

from attrs import evolve, frozen

from flowkit.events import from_micros, to_micros
from flowkit.hashing import content_hash
from flowkit.triggers.model import Schedule
from flowkit.triggers.profile_dates import Wanted, wanted_dates
from flowkit.triggers.rules import DateProperty
from flowkit.triggers.schedule import Firing, next_firing, together
from flowkit.triggers.schedule_documents import dump_rule
from flowkit.triggers.zones import find_zone, zone

__all__ = ["Plan", "Stop", "first_stop", "next_stop", "planned", "read_plan", "schedule_hash", "stop_at", "write_plan"]

_MOST_SKIPPED: Final = 1_000
_encode: Final = json.JSONEncoder(ensure_ascii=False, separators=(",", ":"), sort_keys=True).encode


@frozen(kw_only=True)
class Plan:
    """Where a sweep stands.

    Attributes:
        of: The hash of what it was made for, by which a changed definition is noticed.
        instant: At which firing it is, in microseconds; None for a backfill.
        wall: For which wall time that is scheduled.
        wanted: Which dates of profiles it is for, as text that tells them apart.
        last: The last subscriber that was looked at; None before the first.
        entered: How many runs have begun.
        missed: How many firings were found too late and left out.
        where: Whom a host's own backfill is for, as a condition's document.
        stopped: Whether it ended before its end, because its workflow was taken out.
    """

    of: str
    instant: int | None = None
    wall: str = ""
    wanted: str = ""
    last: str | None = None
    entered: int = 0
    missed: int = 0
    where: Mapping[str, Any] | None = None
    stopped: bool = False


_START: Final = Plan(of="")
_NAMES: Final = ("of", "instant", "wall", "wanted", "last", "entered", "missed", "where", "stopped")


def write_plan(plan: Plan) -> str:
    """Write a plan as JSON text, without what is as at the start."""
    return _encode({name: value for name in _NAMES if (value := getattr(plan, name)) != getattr(_START, name)})


def read_plan(text: str) -> Plan:
    """Read what `write_plan` wrote."""
    return Plan(**{"of": "", **json.loads(text)})


def schedule_hash(schedule: Schedule) -> str:
    """Name a schedule by what decides when it fires."""
    return content_hash(_encode([dump_rule(schedule.rule), schedule.timezone, schedule.fallback_timezone]))


class Stop(NamedTuple):
    """One firing, for all who share instant, wall time and wanted dates.

    Attributes:
        firing: The firing.
        wanted: The wanted dates as text.
        zones: The zones, as the audience names them, of which there may be none; None among them for subscribers
            without one. None for everybody.
        on: The wanted dates; None where the rule asks for none.
        tz: The zone in which dates are read.
    """

    firing: Firing
    wanted: str
    zones: Sequence[str | None] | None
    on: Wanted | None
    tz: tzinfo

    @property
    def place(self) -> tuple[str, str]:
        """Where it comes among those of its instant."""
        return self.firing.key, self.wanted


def first_stop(schedule: Schedule, zones: Iterable[str], after: int) -> Stop | None:
    """Find the first firing after an instant in microseconds; None where there is none any more."""
    stops = _stops(schedule, zones, after)
    return stops[0] if stops else None


def stop_at(schedule: Schedule, zones: Iterable[str], plan: Plan) -> Stop | None:
    """Find the firing at which a plan is; None where clocks or zones were changed since, and it is none any more."""
    for stop in _stops_of(schedule, zones, plan):
        if stop.place == (plan.wall, plan.wanted):
            return stop
    return None


def next_stop(schedule: Schedule, zones: Sequence[str], plan: Plan, not_before: int) -> tuple[Stop | None, int]:
    """Find the firing after the one at which a plan is, that is not too late.

    Args:
        schedule: The schedule.
        zones: The zones of the audience.
        plan: Where it stands.
        not_before: What fires before this instant is found too late and left out.

    Returns:
        The firing, None where there is none any more; and how many were left out, at least.
    """
    if plan.instant is None:
        return first_stop(schedule, zones, not_before), 0
    skipped = turns = 0
    instant = plan.instant
    left = [stop for stop in _stops_of(schedule, zones, plan) if stop.place > (plan.wall, plan.wanted)]
    while True:
        if not left:
            left = _stops(schedule, zones, instant)
        if not left or to_micros(left[0].firing.instant) >= not_before:
            return (left[0] if left else None), skipped
        instant = to_micros(left[0].firing.instant)
        together_now = [stop for stop in left if to_micros(stop.firing.instant) == instant]
        skipped += sum(stop.zones is None or bool(stop.zones) for stop in together_now)
        turns += 1
        left = []
        if turns >= _MOST_SKIPPED:
            instant = max(instant, not_before - 1)


def planned(plan: Plan, stop: Stop | None, *, missed: int = 0) -> Plan:
    """Give a plan that goes on with a firing."""
    if stop is None:
        return evolve(plan, last=None, missed=plan.missed + missed)
    return evolve(
        plan,
        instant=to_micros(stop.firing.instant),
        wall=stop.firing.key,
        wanted=stop.wanted,
        last=None,
        missed=plan.missed + missed,
    )


def _stops_of(schedule: Schedule, zones: Iterable[str], plan: Plan) -> list[Stop]:
    """Give the firings at the instant at which a plan is."""
    if plan.instant is None:
        return []
    return [
        stop for stop in _stops(schedule, zones, plan.instant - 1) if to_micros(stop.firing.instant) == plan.instant
    ]


def _stops(schedule: Schedule, zones: Iterable[str], after: int) -> list[Stop]:
    """Give the next firing in each zone of the world, put together, in order.

    In zones without anybody too: somebody may have come there by then.
    """
    return list(_world(schedule, tuple(sorted(zones)), after))


@lru_cache(maxsize=256)
def _world(schedule: Schedule, zones: Sequence[str], after: int) -> Sequence[Stop]:
    moment = from_micros(after)
    if schedule.timezone is not None:
        tz = zone(schedule.timezone, schedule.fallback_timezone).tz
        firing = next_firing(schedule.rule, tz, moment)
        return [] if firing is None else [_stop(schedule, firing, None, tz)]
    fallback = zone(None, schedule.fallback_timezone).name
    members: dict[str, list[str | None]] = {name: [] for name in sorted(available_timezones())}
    members[fallback] = [None]
    for name in zones:
        members.setdefault(name if find_zone(name) is not None else fallback, []).append(name)
    stops: dict[tuple[Firing, str], Stop] = {}
    for group in together(schedule.rule, members, moment):
        for name in group.zones:
            stop = _stop(schedule, group.firing, members[name], zone(name).tz)
            known = stops.get((stop.firing, stop.wanted))
            stops[stop.firing, stop.wanted] = (
                stop if known is None else known._replace(zones=[*(known.zones or ()), *(stop.zones or ())])
            )
    return sorted(stops.values(), key=lambda stop: (stop.firing.instant, *stop.place))


def _stop(schedule: Schedule, firing: Firing, zones: Sequence[str | None] | None, tz: tzinfo) -> Stop:
    rule = schedule.rule
    if not isinstance(rule, DateProperty):
        return Stop(firing, "", zones, None, tz)
    day: date = firing.wall.date()
    on = wanted_dates(rule, tz, day)
    return Stop(firing, str(on), zones, on, tz)
