"""Where a sweep stands, and what comes next: pure, and written as the text that the store keeps.

A firing has a place: its instant, its wall time, and which dates of profiles it is for. Firings are gone through in the
order of their places, and a plan notes the last one that is settled. So the audience may change at any time: whoever
comes to a zone where there was nobody is found with the next firing there.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from datetime import timedelta, tzinfo
from functools import lru_cache
from typing import Any, Final, NamedTuple

from attrs import evolve, frozen

from flowkit.events import from_micros, to_micros
from flowkit.hashing import content_hash
from flowkit.triggers.model import Schedule
from flowkit.triggers.profile_dates import Wanted, wanted_dates
from flowkit.triggers.rules import DateProperty
from flowkit.triggers.schedule import Firing, next_firing, together
from flowkit.triggers.schedule_documents import dump_rule
from flowkit.triggers.zones import find_zone, zone

__all__ = [
    "LOOK",
    "Plan",
    "Stop",
    "due_of",
    "looked",
    "next_stop",
    "passed",
    "read_plan",
    "schedule_hash",
    "settled",
    "stop_under_way",
    "write_plan",
]

LOOK: Final = timedelta(hours=1) // timedelta(microseconds=1)
"""How often the audience is asked for new zones, in microseconds: somebody may come to one where nobody was."""

_ALL: Final = "~"  # Sorts after every place: places begin with a digit.
_LAST_ON_EARTH: Final = "Etc/GMT+12"
_MOST_SKIPPED: Final = 1_000
_encode: Final = json.JSONEncoder(ensure_ascii=False, separators=(",", ":"), sort_keys=True).encode


@frozen(kw_only=True)
class Plan:
    """Where a sweep stands.

    Attributes:
        of: The hash of what it was made for, by which a changed definition is noticed.
        after: The instant up to which firings are settled, in microseconds; None for a backfill.
        done: The last place that is settled at that instant.
        at: The place of the firing that is under way; empty where none is.
        last: The last subscriber that was looked at; None before the first.
        entered: How many runs have begun.
        missed: How many firings were found too late and left out.
        where: Whom a host's own backfill is for, as a condition's document.
        stopped: Whether it ended before its end, because its workflow was taken out.
        everyone: Whether those are looked at too for whom the condition does not hold, since it may have before.
        failures: How often in a row a page could not be taken.
    """

    of: str
    after: int | None = None
    done: str = _ALL
    at: str = ""
    last: str | None = None
    entered: int = 0
    missed: int = 0
    where: Mapping[str, Any] | None = None
    stopped: bool = False
    everyone: bool = False
    failures: int = 0


_NAMES: Final = ("of", "after", "done", "at", "last", "entered", "missed", "where", "stopped", "everyone", "failures")
_START: Final = Plan(of="")


def write_plan(plan: Plan) -> str:
    """Write a plan as JSON text, without what is as at the start."""
    return _encode({name: value for name in _NAMES if (value := getattr(plan, name)) != getattr(_START, name)})


def read_plan(text: str) -> Plan:
    """Read what `write_plan` wrote."""
    document: dict[str, Any] = json.loads(text)
    return Plan(**document)


def schedule_hash(schedule: Schedule) -> str:
    """Name a schedule by what decides when it fires."""
    return content_hash(_encode([dump_rule(schedule.rule), schedule.timezone, schedule.fallback_timezone]))


class Stop(NamedTuple):
    """One firing, for all who share instant, wall time and wanted dates.

    Attributes:
        instant: When it fires, in microseconds.
        firing: The firing.
        zones: The zones, as the audience names them; None among them for subscribers without one. None for everybody.
        on: The wanted dates; None where the rule asks for none.
        tz: The zone in which dates are read.
    """

    instant: int
    firing: Firing
    zones: Sequence[str | None] | None
    on: Wanted | None
    tz: tzinfo

    @property
    def place(self) -> str:
        """Where it comes among those of its instant, as text that tells it apart from them."""
        return self.firing.key if self.on is None else f"{self.firing.key} {self.on}"


def next_stop(schedule: Schedule, zones: Iterable[str], plan: Plan) -> Stop | None:
    """Find the first firing that is not settled; None where there is none any more in the zones of the audience."""
    names, after = tuple(sorted(zones)), plan.after or 0
    if plan.done != _ALL:
        for stop in _stops(schedule, names, after - 1):
            if stop.instant == after and stop.place > plan.done:
                return stop
    return next(iter(_stops(schedule, names, after)), None)


def stop_under_way(schedule: Schedule, zones: Iterable[str], plan: Plan) -> Stop | None:
    """Find the firing that is under way; None where there is none, or clocks and zones were changed since."""
    if not plan.at:
        return None
    instant, _, place = plan.at.partition(" ")
    stops = _stops(schedule, tuple(sorted(zones)), int(instant) - 1)
    return next((stop for stop in stops if (stop.instant, stop.place) == (int(instant), place)), None)


def settled(plan: Plan, stop: Stop) -> Plan:
    """Give a plan after a firing."""
    return evolve(plan, after=stop.instant, done=stop.place, at="", last=None)


def looked(plan: Plan, now: int) -> Plan:
    """Give a plan after nothing was found to fire until now."""
    return evolve(plan, after=now, done=_ALL)


def passed(schedule: Schedule, zones: Iterable[str], plan: Plan, not_before: int) -> Plan:
    """Settle the firings before an instant, since they are found too late; they are counted, up to a thousand."""
    missed = 0
    names = tuple(sorted(zones))
    while (stop := next_stop(schedule, names, plan)) is not None and stop.instant < not_before:
        plan = settled(plan, stop)
        missed += 1
        if missed == _MOST_SKIPPED:
            plan = evolve(plan, after=not_before - 1, done=_ALL)
    return evolve(plan, missed=plan.missed + missed)


def due_of(schedule: Schedule, zones: Iterable[str], plan: Plan, now: int) -> int | None:
    """Say when the next firing is to be looked for, in microseconds; None where it fires nowhere any more."""
    stop = next_stop(schedule, zones, plan)
    if schedule.timezone is not None:
        return None if stop is None else stop.instant
    if stop is None and next_firing(schedule.rule, zone(_LAST_ON_EARTH).tz, from_micros(now)) is None:
        return None
    return now + LOOK if stop is None else min(stop.instant, now + LOOK)


@lru_cache(maxsize=256)
def _stops(schedule: Schedule, zones: tuple[str, ...], after: int) -> Sequence[Stop]:
    """Give the next firing in each zone, put together, in the order of their places."""
    moment = from_micros(after)
    if schedule.timezone is not None:
        tz = zone(schedule.timezone, schedule.fallback_timezone).tz
        firing = next_firing(schedule.rule, tz, moment)
        return [] if firing is None else [_stop(schedule, firing, None, tz)]
    fallback = zone(None, schedule.fallback_timezone).name
    members: dict[str, list[str | None]] = {fallback: [None]}
    for name in zones:
        members.setdefault(name if find_zone(name) is not None else fallback, []).append(name)
    stops: dict[tuple[int, str], Stop] = {}
    for group in together(schedule.rule, members, moment):
        for name in group.zones:
            stop = _stop(schedule, group.firing, members[name], zone(name).tz)
            known = stops.get((stop.instant, stop.place))
            if known is not None:
                stop = known._replace(zones=[*(known.zones or ()), *members[name]])
            stops[stop.instant, stop.place] = stop
    return [stops[place] for place in sorted(stops)]


def _stop(schedule: Schedule, firing: Firing, zones: Sequence[str | None] | None, tz: tzinfo) -> Stop:
    rule = schedule.rule
    on = wanted_dates(rule, tz, firing.wall.date()) if isinstance(rule, DateProperty) else None
    return Stop(to_micros(firing.instant), firing, zones, on, tz)
