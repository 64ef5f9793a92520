"""Where a sweep stands and what comes next, against firings that are found zone by zone."""

from datetime import UTC, date, datetime, time
from zoneinfo import ZoneInfo

import pytest

from flowkit.engine.plans import (
    LOOK,
    Plan,
    due_of,
    looked,
    next_stop,
    passed,
    read_plan,
    schedule_hash,
    settled,
    stop_under_way,
    write_plan,
)
from flowkit.events import to_micros
from flowkit.triggers.calendar import Offset, Unit
from flowkit.triggers.model import Schedule
from flowkit.triggers.profile_dates import OnYearDays
from flowkit.triggers.rules import At, DateProperty, Every, Repeat
from flowkit.triggers.schedule import next_firing
from tests.support.journeys import DAY, HOUR, NOW, START

NINE = Every(Unit.DAY, time(9))
ZONES = ["America/New_York", "Asia/Tokyo", "Europe/Berlin", "Mars/Olympus"]


def walked(schedule, zones, *, start=NOW, until):
    """Every stop from an instant on, as a sweep goes through them."""
    stops = []
    plan = Plan(of="x", after=start)
    while (stop := next_stop(schedule, zones, plan)) is not None and stop.firing.instant < until:
        stops.append(stop)
        plan = settled(plan, stop)
    return stops


def places(stops):
    return {(zone, stop.firing.key, stop.firing.instant) for stop in stops for zone in stop.zones or ()}


@pytest.mark.parametrize("start", [START, datetime(2026, 3, 6, tzinfo=UTC), datetime(2026, 10, 23, tzinfo=UTC)])
def test_every_zone_fires_as_it_would_alone(start):
    """Whoever has no zone, or one that is none, fires with the fallback."""
    schedule = Schedule(NINE, fallback_timezone="America/Los_Angeles")
    end = start + 4 * DAY
    found = walked(schedule, ZONES, start=to_micros(start), until=end)
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


def test_a_zone_of_nobody_is_looked_for_every_hour():
    """Somebody may be there by then; in one zone for all nobody has to be looked for."""
    plan = Plan(of="x", after=NOW)
    assert due_of(Schedule(NINE), [], plan, NOW) == NOW + LOOK
    assert due_of(Schedule(NINE), ["Asia/Karachi"], looked(plan, NOW + 3 * LOOK), NOW + 3 * LOOK) == NOW + 4 * LOOK
    assert due_of(Schedule(NINE, timezone="UTC"), [], plan, NOW) == NOW + 9 * LOOK
    settled_late = looked(plan, NOW + 3 * LOOK)
    stop = next_stop(Schedule(NINE), ["Asia/Tashkent"], settled_late)
    assert stop.instant == NOW + 4 * LOOK
    assert next_stop(Schedule(NINE), ["Asia/Tashkent"], looked(plan, NOW + 5 * LOOK)).zones == [None]


def test_what_fires_once_is_looked_for_until_it_fired_all_over_the_world():
    schedule = Schedule(At(datetime(2026, 1, 1, 9)))  # noqa: DTZ001 - a wall time
    plan = looked(Plan(of="x"), NOW + 10 * LOOK)
    assert due_of(schedule, ["Asia/Tokyo"], plan, NOW + 10 * LOOK) == NOW + 11 * LOOK
    assert due_of(schedule, ["Asia/Tokyo"], looked(plan, NOW + 21 * LOOK), NOW + 21 * LOOK) is None


def test_in_one_zone_everybody_fires_at_once():
    stops = walked(Schedule(NINE, timezone="Asia/Tokyo"), ZONES, until=START + 3 * DAY + HOUR)
    assert [stop.zones for stop in stops] == [None, None, None]
    assert [stop.firing.key for stop in stops] == ["2026-01-02T09:00", "2026-01-03T09:00", "2026-01-04T09:00"]


def test_zones_at_one_instant_and_on_two_days_are_two_stops():
    """Where it is nine on Friday in one and nine on Saturday in the other, 24 hours apart on the wall."""
    zones = ["Pacific/Honolulu", "Pacific/Kiritimati"]
    both = [stop for stop in walked(Schedule(NINE), zones, until=START + 2 * DAY) if stop.zones != [None]]
    assert [(stop.firing.key, stop.zones) for stop in both] == [
        ("2026-01-01T09:00", ["Pacific/Honolulu"]),
        ("2026-01-02T09:00", ["Pacific/Kiritimati"]),
        ("2026-01-02T09:00", ["Pacific/Honolulu"]),
        ("2026-01-03T09:00", ["Pacific/Kiritimati"]),
    ]
    assert both[0].instant == both[1].instant
    assert both[2].instant == both[3].instant


def test_a_date_rule_names_the_dates_of_its_day():
    rule = DateProperty(path="birthday", at=time(9), offset=Offset.read("-7d"), repeat=Repeat.YEAR)
    stop = next_stop(Schedule(rule, timezone="Europe/Berlin"), (), Plan(of="x", after=NOW))
    assert isinstance(stop.on, OnYearDays)
    assert stop.firing.key == "2026-01-01T09:00"
    assert [str(day) for day in stop.on.days] == ["01-08"]
    assert stop.on.until == date(2026, 1, 8)


def test_a_rule_that_fires_once_has_no_next_stop():
    schedule = Schedule(At(START + DAY))
    plan = Plan(of="x", after=NOW)
    stop = next_stop(schedule, ZONES, plan)
    assert set(stop.zones) == {*ZONES, None}
    assert next_stop(schedule, ZONES, settled(plan, stop)) is None
    assert next_stop(schedule, ZONES, looked(plan, to_micros(START + DAY))) is None


def test_what_was_missed_is_counted_and_left_out():
    schedule = Schedule(NINE, timezone="UTC")
    plan = passed(schedule, (), Plan(of="x", after=NOW, missed=1), to_micros(START + 10 * DAY))
    assert plan.missed == 1 + 10
    assert next_stop(schedule, (), plan).firing.key == "2026-01-11T09:00"
    exactly = passed(schedule, (), Plan(of="x", after=NOW), to_micros(START + 9 * HOUR))
    assert (exactly.missed, next_stop(schedule, (), exactly).firing.key) == (0, "2026-01-01T09:00")


def test_after_years_of_downtime_nothing_is_walked_through_one_by_one():
    schedule = Schedule(NINE, timezone="UTC")
    late = datetime(2526, 1, 1, tzinfo=UTC)
    plan = passed(schedule, (), Plan(of="x", after=NOW), to_micros(late))
    assert next_stop(schedule, (), plan).firing.instant == late + 9 * HOUR
    assert plan.missed == 1_000


def test_a_plan_finds_the_stop_at_which_it_is():
    schedule = Schedule(NINE)
    for stop in walked(schedule, ZONES, until=START + DAY):
        assert stop_under_way(schedule, ZONES, Plan(of="x", at=f"{stop.instant} {stop.place}")) == stop
    assert stop_under_way(schedule, ZONES, Plan(of="x", at=f"{NOW} 2026-01-01T00:00")) is None
    assert stop_under_way(schedule, ZONES, Plan(of="x")) is None


def test_a_plan_is_read_as_it_was_written():
    plan = Plan(of="h", after=NOW, done="2026", at=f"{NOW} x", last="ann", entered=3, missed=1, stopped=True)
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
