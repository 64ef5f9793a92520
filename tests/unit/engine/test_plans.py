"""Where a sweep stands and what comes next, against firings that are found zone by zone."""

from datetime import UTC, date, datetime, time, timedelta
from zoneinfo import ZoneInfo

import pytest

from flowkit.engine.plans import (
    Plan,
    first_stop,
    next_stop,
    planned,
    read_plan,
    schedule_hash,
    stop_at,
    write_plan,
)
from flowkit.events import from_micros, to_micros
from flowkit.triggers.calendar import Offset, Unit, Weekday
from flowkit.triggers.model import Schedule
from flowkit.triggers.profile_dates import OnYearDays
from flowkit.triggers.rules import At, DateProperty, Every, Repeat
from flowkit.triggers.schedule import next_firing
from tests.support.journeys import DAY, HOUR, NOW, START

NINE = Every(Unit.DAY, time(9))
ZONES = ["America/New_York", "Asia/Tokyo", "Europe/Berlin", "Mars/Olympus"]


def walked(schedule, zones, *, until, late=timedelta(days=1)):
    """Every stop from the start on, as a sweep goes through them."""
    stops = []
    stop = first_stop(schedule, zones, NOW)
    plan = planned(Plan(of="x"), stop)
    while stop is not None and stop.firing.instant < until:
        stops.append(stop)
        instant = to_micros(stop.firing.instant)
        stop, skipped = next_stop(schedule, zones, plan, instant - late // timedelta(microseconds=1))
        assert skipped == 0
        plan = planned(plan, stop)
    return stops


def places(stops):
    return {(zone, stop.firing.key, stop.firing.instant) for stop in stops for zone in stop.zones or ()}


@pytest.mark.parametrize("start", [START, datetime(2026, 3, 6, tzinfo=UTC), datetime(2026, 10, 23, tzinfo=UTC)])
def test_every_zone_fires_as_it_would_alone(start):
    """Whoever has no zone, or one that is none, fires with the fallback."""
    schedule = Schedule(NINE, fallback_timezone="America/Los_Angeles")
    end = start + 4 * DAY
    stop = first_stop(schedule, ZONES, to_micros(start))
    plan, found = planned(Plan(of="x"), stop), []
    while stop.firing.instant < end:
        found.append(stop)
        stop, _ = next_stop(schedule, ZONES, plan, to_micros(stop.firing.instant))
        plan = planned(plan, stop)
    expected = set()
    for name in [*ZONES, None]:
        tz = ZoneInfo(name if name in ZONES[:3] else "America/Los_Angeles")
        firing = next_firing(NINE, tz, start)
        while firing.instant < end:
            expected.add((name, firing.key, firing.instant))
            firing = next_firing(NINE, tz, firing.instant)
    assert places(found) == expected
    order = [(stop.firing.instant, stop.place) for stop in found]
    assert order == sorted(set(order))


def test_a_zone_of_nobody_is_stopped_at_all_the_same():
    """Somebody may be there by then."""
    stops = walked(Schedule(NINE), [], until=START + DAY)
    assert 30 < len(stops) < 45
    assert [stop.firing.instant for stop in stops if stop.zones] == [START + 9 * HOUR]


def test_in_one_zone_everybody_fires_at_once():
    stops = walked(Schedule(NINE, timezone="Asia/Tokyo"), ZONES, until=START + 3 * DAY + HOUR)
    assert [stop.zones for stop in stops] == [None, None, None]
    assert [stop.firing.key for stop in stops] == ["2026-01-02T09:00", "2026-01-03T09:00", "2026-01-04T09:00"]


def test_zones_at_one_instant_and_on_two_days_are_two_stops():
    """Where it is nine on Friday in one and nine on Saturday in the other, 24 hours apart on the wall."""
    zones = ["Pacific/Honolulu", "Pacific/Kiritimati"]
    both = [stop for stop in walked(Schedule(NINE), zones, until=START + 2 * DAY) if stop.zones]
    instants = [stop.firing.instant for stop in both if "UTC" not in str(stop.zones) and None not in stop.zones]
    assert len(instants) == 4
    assert len(set(instants)) == 2
    assert len({stop.firing.key for stop in both}) >= 3


def test_a_date_rule_names_the_dates_of_its_day():
    rule = DateProperty(path="birthday", at=time(9), offset=Offset.read("-7d"), repeat=Repeat.YEAR)
    stop = first_stop(Schedule(rule, timezone="Europe/Berlin"), (), NOW)
    assert isinstance(stop.on, OnYearDays)
    assert stop.firing.key == "2026-01-01T09:00"
    assert [str(day) for day in stop.on.days] == ["01-08"]
    assert stop.on.until == date(2026, 1, 8)


def test_a_rule_that_fires_once_has_no_next_stop():
    schedule = Schedule(At(START + DAY))
    stop = first_stop(schedule, ZONES, NOW)
    assert set(stop.zones) == {*ZONES, None}
    plan = planned(Plan(of="x"), stop)
    assert next_stop(schedule, ZONES, plan, NOW) == (None, 0)
    assert first_stop(schedule, ZONES, to_micros(START + DAY)) is None


def test_what_was_missed_is_counted_and_left_out():
    schedule = Schedule(NINE, timezone="UTC")
    plan = planned(Plan(of="x"), first_stop(schedule, (), NOW))
    stop, skipped = next_stop(schedule, (), plan, to_micros(START + 10 * DAY))
    assert (stop.firing.key, skipped) == ("2026-01-11T09:00", 9)
    assert planned(plan, stop, missed=skipped).missed == 9


def test_after_years_of_downtime_nothing_is_walked_through_one_by_one():
    schedule = Schedule(Every(Unit.WEEK, time(9), on=(Weekday.MON,)), timezone="UTC")
    plan = planned(Plan(of="x"), first_stop(schedule, (), NOW))
    late = datetime(2526, 1, 1, tzinfo=UTC)
    stop, skipped = next_stop(schedule, (), plan, to_micros(late))
    assert stop.firing.instant > late
    assert stop.firing.instant - late < timedelta(days=8)
    assert skipped >= 1_000


def test_a_plan_finds_the_stop_at_which_it_is():
    schedule = Schedule(NINE)
    for stop in walked(schedule, ZONES, until=START + DAY):
        assert stop_at(schedule, ZONES, planned(Plan(of="x"), stop)) == stop
    assert stop_at(schedule, ZONES, Plan(of="x", instant=NOW, wall="2026-01-01T00:00")) is None


def test_a_plan_is_read_as_it_was_written():
    plan = Plan(of="h", instant=NOW, wall="2026-01-01T09:00", wanted="w", last="ann", entered=3, missed=1, stopped=True)
    assert read_plan(write_plan(plan)) == plan
    assert write_plan(Plan(of="h")) == '{"of":"h"}'
    assert read_plan('{"of":"h"}') == Plan(of="h")
    where = Plan(of="h", where={"segments": "vip"})
    assert read_plan(write_plan(where)) == where


def test_only_what_decides_the_firings_changes_the_hash():
    base = Schedule(NINE)
    assert schedule_hash(base) == schedule_hash(Schedule(NINE, late=DAY))
    others = [
        Schedule(Every(Unit.DAY, time(10))),
        Schedule(NINE, timezone="UTC"),
        Schedule(NINE, fallback_timezone="Asia/Tokyo"),
    ]
    assert len({schedule_hash(one) for one in [base, *others]}) == 4


def test_instants_go_through_microseconds_unchanged():
    stop = first_stop(Schedule(NINE), ZONES, NOW)
    assert from_micros(to_micros(stop.firing.instant)) == stop.firing.instant
