"""Triggers by the clock, and backfills: who is found, when, once, and what becomes of it after downtime or a crash."""

import asyncio
from collections import Counter
from datetime import UTC, date, datetime, time, timedelta
from zoneinfo import ZoneInfo

import pytest

from flowkit.adapters.clock import VirtualClock
from flowkit.adapters.profiles import MemoryProfiles
from flowkit.conditions import ALWAYS, parse
from flowkit.engine.aio import AsyncEngine
from flowkit.engine.sync import Engine
from flowkit.errors import ConfigurationError, UnknownWorkflow
from flowkit.events import Event
from flowkit.ports import SweepKind
from flowkit.runs.model import Kind
from flowkit.triggers.calendar import Offset, Unit
from flowkit.triggers.model import Backfill, EntryPolicy, Reentry, Trigger
from flowkit.triggers.rules import At, DateProperty, Every, Repeat
from flowkit.workflows.model import Workflow
from tests.support.audiences import Listed
from tests.support.journeys import DAY, HOUR, START, check, host, node, signup, sqlite_store, wait, workflow
from tests.support.sweeping import MICROSECOND, NINE, VIP, World, level, timed
from tests.support.worlds import Waiting

# ------------------------------------------------------------------------------------------------------------
# By the clock


def test_everybody_fires_at_nine_where_they_are(any_store):
    """Over both changes of the clocks; once a local day, whatever the zone, and UTC for who has none."""
    zones = ["America/New_York", "Asia/Tokyo", "Europe/Berlin", "Pacific/Kiritimati", "Nowhere/At_All", None, 7]
    people = {f"p{number}": {"timezone": zone} for number, zone in enumerate(zones)}
    world = World(any_store, people)
    world.clock.set(datetime(2026, 3, 27, tzinfo=UTC))
    world.engine.publish(timed(NINE, stay=timedelta(seconds=1)))
    end = datetime(2026, 3, 31, tzinfo=UTC)
    world.until(end)
    expected = []
    for number, name in enumerate(zones):
        tz = ZoneInfo(name) if number < 4 else UTC
        for day in range(26, 33):
            shown = datetime.combine(date(2026, 3, 1) + timedelta(days=day - 1), time(9), tz).astimezone(UTC)
            if datetime(2026, 3, 27, tzinfo=UTC) < shown <= end:
                expected.append((f"p{number}", shown))
    assert sorted(world.entered()) == sorted(expected)


def test_a_run_by_the_clock_says_for_which_wall_time(any_store):
    world = World(any_store, {"s": {"timezone": "Asia/Tokyo"}}, timed(NINE))
    world.until(START + DAY)
    [run] = world.engine.runs()
    assert run.event.type == "flowkit.scheduled"
    assert run.event.properties == {"wall": "2026-01-02T09:00"}
    assert run.event.occurred_at == START + DAY
    sweep = world.sweep()
    assert (sweep.kind, sweep.workflow_id, sweep.entered, sweep.missed) == (SweepKind.SCHEDULE, "w", 1, 0)


def test_in_one_zone_all_fire_at_once_page_after_page(any_store):
    people = {f"p{number:02d}": {"timezone": "Asia/Tokyo"} for number in range(10)}
    world = World(any_store, people, timed(NINE, timing={"timezone": "Europe/Berlin"}))
    assert world.until(START + 8 * HOUR).started == 10
    assert {at for _, at in world.entered()} == {START + 8 * HOUR}
    assert world.audience.pages == [(None, after) for after in (None, "p02", "p05", "p08")]


def test_a_condition_chooses_among_them(any_store):
    people = {"a": {"plan": "pro"}, "b": {"plan": "free"}, "c": {"plan": "pro"}}
    world = World(any_store, people, timed(NINE, where=parse({"subscriber_properties": {"plan": "pro"}})))
    world.audience.names.append("stranger")
    world.until(START + DAY)
    assert [name for name, _ in world.entered()] == ["a", "c"]


def test_who_moves_to_another_zone_is_not_fired_at_again(any_store):
    """It was nine in Tokyo; it will be nine in New York for the same date, which was fired for."""
    world = World(any_store, {"s": {"timezone": "Asia/Tokyo"}}, timed(NINE))
    world.until(START + DAY)
    world.profiles.put("s", timezone="America/New_York")
    world.until(START + 2 * DAY)
    assert [run.event.properties["wall"] for run in world.engine.runs()] == ["2026-01-02T09:00"]
    world.until(START + 3 * DAY)
    assert [run.event.properties["wall"] for run in world.engine.runs()] == ["2026-01-02T09:00", "2026-01-03T09:00"]


def test_who_comes_later_in_a_zone_of_nobody_is_found(any_store):
    world = World(any_store, {}, timed(NINE))
    world.clock.set(START + HOUR)
    world.engine.advance()
    world.profiles.put("s", timezone="Asia/Kolkata")
    world.audience.names.append("s")
    world.until(START + 5 * HOUR)
    assert world.entered() == [("s", START + 3.5 * HOUR)]


def test_a_birthday_is_found_on_its_day(any_store):
    """Those of 29 February on the 28th of a year without one, and in each zone on its own day."""
    rule = DateProperty(path="birthday", at=time(9), repeat=Repeat.YEAR)
    people = {
        "leap": {"birthday": "2000-02-29", "timezone": "Europe/Berlin"},
        "last": {"birthday": "1999-02-28", "timezone": "Asia/Tokyo"},
        "first": {"birthday": "1999-03-01", "timezone": "America/New_York"},
        "unborn": {"birthday": "2026-12-01"},
        "unknown": {"birthday": "soon"},
        "silent": {},
    }
    world = World(any_store, people)
    world.clock.set(datetime(2026, 2, 25, tzinfo=UTC))
    world.engine.publish(timed(rule))
    world.until(datetime(2026, 3, 10, tzinfo=UTC))
    assert world.entered() == [
        ("last", datetime(2026, 2, 28, 0, tzinfo=UTC)),
        ("leap", datetime(2026, 2, 28, 8, tzinfo=UTC)),
        ("first", datetime(2026, 3, 1, 14, tzinfo=UTC)),
    ]


def test_a_week_before_the_trial_ends(any_store):
    rule = DateProperty(path="trial.ends", at=time(10), offset=Offset.read("-7d"))
    people = {"s": {"trial": {"ends": "2026-01-12"}}, "t": {"trial": {"ends": "2026-02-12"}}}
    world = World(any_store, people, timed(rule))
    world.audience.members = lambda *, after, **_: [] if after else ["s", "t"]  # gives too many: the engine asks again
    world.until(START + 20 * DAY)
    assert world.entered() == [("s", datetime(2026, 1, 5, 10, tzinfo=UTC))]


def test_once_is_once(any_store):
    world = World(any_store, {"s": {}, "t": {}}, timed(At(START + DAY)))
    assert world.until(START + 10 * DAY).started == 2
    assert world.sweep().due_at is None


# ------------------------------------------------------------------------------------------------------------
# Late


@pytest.mark.parametrize(("late", "started"), [(6 * HOUR, 1), (6 * HOUR + MICROSECOND, 0)])
def test_what_is_found_too_late_is_left_out_and_counted(any_store, late, started):
    world = World(any_store, {"s": {}}, timed(At(START + DAY)))
    world.clock.set(START + DAY + late)
    advanced = world.engine.advance()
    assert (advanced.started, advanced.missed) == (started, 1 - started)
    assert world.sweep().missed == 1 - started


def test_after_a_long_weekend_there_is_no_backlog(any_store):
    """Of three mornings that nobody worked at, the last one is still in time."""
    world = World(any_store, {"s": {}}, timed(NINE, timing={"late": 3 * HOUR}))
    world.clock.set(START + 3 * DAY + 10 * HOUR)
    advanced = world.engine.advance()
    assert (advanced.started, advanced.missed) == (1, 3)
    assert [run.event.properties["wall"] for run in world.engine.runs()] == ["2026-01-04T09:00"]
    world.until(START + 5 * DAY)
    assert len(world.engine.runs()) == 2


# ------------------------------------------------------------------------------------------------------------
# Editions


def test_another_text_does_not_move_the_clock(any_store):
    world = World(any_store, {f"p{number}": {} for number in range(5)}, timed(NINE), batch=2)
    due = world.sweep().due_at
    world.engine.publish(timed(NINE, stay=2 * HOUR))
    assert world.sweep().due_at == due
    world.until(START + DAY)
    assert {run.version for run in world.engine.runs()} == {2}
    assert len(world.engine.runs()) == 5


def test_another_rule_counts_from_its_publishing(any_store):
    world = World(any_store, {"s": {}}, timed(NINE))
    world.clock.set(START + 9 * HOUR)
    world.engine.publish(timed(Every(Unit.DAY, time(8))))
    world.until(START + DAY + 8 * HOUR)
    assert world.entered() == [("s", START + DAY + 8 * HOUR)]


def test_who_is_taken_out_fires_no_more_and_begins_anew(any_store):
    world = World(any_store, {"s": {}}, timed(NINE))
    world.engine.publish(timed(NINE, active=False))
    assert world.sweep().due_at is None
    world.until(START + 3 * DAY)
    assert world.entered() == []
    world.engine.publish(timed(NINE))
    world.until(START + 4 * DAY)
    assert world.entered() == [("s", START + 3 * DAY + 9 * HOUR)]


def test_another_worker_learns_of_what_was_published(any_store):
    world = World(any_store, {"s": {}})
    other = world.another()
    other.advance()
    world.engine.publish(timed(NINE))
    world.until(START + DAY, other)
    assert len(world.engine.runs()) == 1


def test_without_an_audience_it_is_refused(any_store):
    engine = Engine(any_store, clock=VirtualClock(START))
    with pytest.raises(ConfigurationError, match="audience"):
        engine.publish(timed(NINE))
    with pytest.raises(ConfigurationError, match="audience"):
        engine.publish(level(backfill=Backfill.CURRENT))
    with pytest.raises(ConfigurationError, match="audience"):
        engine.backfill("w", where=ALWAYS, backfill_id="b")


# ------------------------------------------------------------------------------------------------------------
# Crashes


class Broken(Exception):
    """The end of a worker."""


@pytest.mark.parametrize("at", range(1, 6))
def test_a_page_that_was_cut_off_is_taken_again_and_nobody_enters_twice(any_store, at):
    """The worker dies before its n-th commit of a page, or before it has noted how far it came."""
    people = {f"p{number}": {} for number in range(8)}

    class Dying:
        left = at

        def put_sweep(self, sweep):
            if sweep.sequence:
                self.left -= 1
                if not self.left:
                    raise Broken
            return any_store.put_sweep(sweep)

        def __getattr__(self, name):
            return getattr(any_store, name)

    # A lease that is over at once stands for the time that passes until somebody else takes over.
    world = World(Dying(), people, timed(NINE), lease=MICROSECOND)
    with pytest.raises(Broken):
        world.until(START + 3 * DAY)
    world.store = any_store
    fresh = world.another()
    assert any_store.next_due() is not None
    world.engine = fresh
    world.until(START + 5 * DAY)
    entered = Counter((run.subscriber_id, run.event.properties["wall"]) for run in fresh.runs(limit=1000))
    assert set(entered.values()) == {1}
    walls = {wall for _, wall in entered}
    assert len(entered) == 8 * len(walls)


def test_two_workers_share_the_pages(any_store):
    people = {f"p{number:02d}": {} for number in range(20)}
    world = World(any_store, people, timed(NINE), batch=2)
    other = world.another()
    world.clock.set(START + 9 * HOUR)
    started = world.engine.advance(limit=None).started + other.advance().started
    assert started == len(world.engine.runs()) == 20


# ------------------------------------------------------------------------------------------------------------
# Backfills


def placed(store, *workflows, vips=("p1", "p4", "p6")):
    world = World(store, {f"p{number}": {} for number in range(7)})
    for name in vips:
        world.profiles.place(name, "vip")
    for each in workflows:
        world.engine.publish(each)
    return world


def test_who_is_in_already_enters_where_that_is_asked_for(any_store):
    world = placed(any_store, level(backfill=Backfill.CURRENT))
    assert world.engine.advance().started == 3
    assert [name for name, _ in world.entered()] == ["p1", "p4", "p6"]
    assert world.engine.changed(["p1", "p2"]).started == 0
    world.engine.publish(level(backfill=Backfill.CURRENT))
    assert world.engine.advance().started == 0


def test_who_is_in_already_does_not_enter_by_default(any_store):
    """Everybody for whom it holds is marked; it has to cease to hold, and hold again."""
    world = placed(any_store, level())
    assert world.engine.advance().started == 0
    assert world.engine.changed(["p1", "p4", "p6"]).started == 0
    world.profiles.place("p1")
    world.engine.changed(["p1"])
    world.profiles.place("p1", "vip")
    world.profiles.place("p2", "vip")
    assert world.engine.changed(["p1", "p2"]).started == 2


def test_who_came_in_alone_meanwhile_is_not_filled_in(any_store):
    world = placed(any_store, level(backfill=Backfill.CURRENT))
    assert world.engine.changed(["p4"]).started == 1
    assert world.engine.advance().started == 2


def test_who_was_marked_is_filled_in_when_that_is_asked_for_later(any_store):
    world = placed(any_store, level())
    world.engine.advance()
    world.engine.publish(level(backfill=Backfill.CURRENT))
    assert world.engine.advance().started == 3


def test_a_condition_on_the_past_and_the_time_is_marked_with_its_timer(any_store):
    asleep = parse({"not": {"performed": {"event": "visit", "within": "30d"}}})
    world = World(any_store, {"a": {}, "b": {}}, level(condition=asleep))
    world.engine.advance()
    world.engine.ingest([Event("visit", "a", id="1")])
    world.until(START + 40 * DAY)
    assert world.entered() == [("a", START + 30 * DAY)], "b was asleep all the time"


def test_a_host_fills_a_workflow_once(any_store):
    """Whatever its trigger; the rules of entry hold."""
    series = workflow(node("start", wait(DAY)), entry=EntryPolicy(reentry=Reentry.NEVER))
    world = placed(any_store, series)
    world.engine.ingest([signup("p4")])
    assert world.engine.backfill("w", where=VIP, backfill_id="spring")
    assert not world.engine.backfill("w", where=VIP, backfill_id="spring")
    assert world.engine.advance().started == 2
    assert sorted(name for name, _ in world.entered()) == ["p1", "p4", "p6"]
    refused = [line for line in world.engine.journal() if line.entry.kind is Kind.REFUSED]
    assert [(line.subscriber_id, line.entry.data["reason"]) for line in refused] == [("p4", "reentry")]
    sweep = world.sweep("backfill:1:w:spring")
    assert (sweep.due_at, sweep.entered, sweep.kind) == (None, 2, SweepKind.BACKFILL)
    assert world.engine.backfill("w", where=VIP, backfill_id="summer")


def test_one_name_for_a_backfill_of_two_workflows_is_two_backfills(any_store):
    series = [workflow(node("start", wait(DAY)), workflow_id=name) for name in ("w1", "w2")]
    world = placed(any_store, *series)
    assert [world.engine.backfill(name, where=VIP, backfill_id="spring") for name in ("w1", "w2")] == [True, True]
    assert world.engine.advance().started == 6


def test_two_workflows_with_one_condition_are_filled_both(any_store):
    both = [level(backfill=Backfill.CURRENT, workflow_id=name) for name in ("w1", "w2")]
    assert placed(any_store, *both).engine.advance().started == 6


def test_a_backfill_may_ask_for_a_sample_and_for_the_past(any_store):
    """Of the past there is what is kept for what is published."""
    bought = parse({"performed": {"event": "purchase"}})
    asking = workflow(node("start", check(), condition=bought), workflow_id="asks")
    world = placed(any_store, workflow(node("start", wait(DAY))), asking)
    world.engine.backfill("w", where=parse({"sample": {"percent": 50, "salt": "half"}}), backfill_id="share")
    share = world.engine.advance().started
    assert 0 < share < 7
    world.engine.ingest([Event("purchase", "p3", id="1")])
    world.engine.backfill("w", where=bought, backfill_id="buyers")
    assert world.engine.advance().started == 1


def test_a_backfill_that_asks_an_unknown_predicate_is_refused(any_store):
    world = placed(any_store, workflow(node("start", wait(DAY))))
    with pytest.raises(ConfigurationError, match="'mine'"):
        world.engine.backfill("w", where=parse({"custom": {"name": "mine"}}), backfill_id="b")


def test_who_does_not_fit_yet_gets_the_timer_at_which_time_makes_it_fit(any_store):
    """Nobody has to be looked at before: the sweep that marks sets it."""
    ending = parse({"subscriber_properties": {"trial_ends": {"$before": "+3d"}}})
    world = World(any_store, {"a": {"trial_ends": "2026-01-20"}, "b": {}}, level(condition=ending))
    world.until(START + 30 * DAY)
    assert world.entered() == [("a", START + 16 * DAY + MICROSECOND)]


def test_another_condition_holds_for_nobody_yet(any_store):
    """Who fitted the old one enters when the new one comes to hold, and not before."""
    world = placed(any_store, level(), vips=("p1", "p2"))
    world.engine.advance()
    world.engine.publish(level(condition=parse({"segments": "gold"})))
    world.engine.advance()
    world.profiles.place("p1", "vip", "gold")
    assert world.engine.changed(["p1", "p2"]).started == 1


def test_a_workflow_that_is_none_is_not_filled(any_store):
    world = placed(any_store)
    with pytest.raises(UnknownWorkflow, match="'w'"):
        world.engine.backfill("w", where=VIP, backfill_id="b")


def test_a_backfill_into_what_is_taken_out_meanwhile_stops(any_store):
    world = placed(any_store, workflow(node("start", wait(DAY))))
    world.engine.backfill("w", where=ALWAYS, backfill_id="b")
    inactive = Workflow("w", "W", trigger=Trigger("t", active=False), nodes=(node("start", wait(DAY)),))
    world.engine.publish(inactive)
    world.engine.advance()
    assert world.entered() == []
    assert world.sweep("backfill:1:w:b").due_at is None


# ------------------------------------------------------------------------------------------------------------
# Ports that wait, and a transaction of the host's


def test_with_an_event_loop_it_is_the_same(any_store):
    """Every port goes to the event loop before it answers."""
    profiles = MemoryProfiles({"p1": {}, "p2": {}, "p3": {}})
    profiles.place("p2", "vip")

    async def journey():
        engine = AsyncEngine(
            Waiting(any_store),
            clock=VirtualClock(START),
            profiles=Waiting(profiles),
            audience=Waiting(Listed(profiles, "p1", "p2", "p3")),
        )
        await engine.publish(timed(NINE, "daily"))
        await engine.publish(level(workflow_id="vips", backfill=Backfill.CURRENT))
        await engine.backfill("daily", where=VIP, backfill_id="b")
        first = await engine.advance()
        profiles.place("p1", "vip")
        changed = await engine.changed(["p1"])
        daily = await engine.advance(now=START + 9 * HOUR)
        found = [(run.workflow_id, run.subscriber_id) for run in await engine.runs()]
        return first.started, changed.started, daily.started, sorted(found), await engine.sweeps()

    first, changed, daily, found, sweeps = asyncio.run(journey())
    assert (first, changed, daily) == (2, 1, 3)
    assert found == [("daily", f"p{number}") for number in (1, 2, 2, 3)] + [("vips", "p1"), ("vips", "p2")]
    assert [sweep.name for sweep in sweeps] == ["backfill:5:daily:b", "enter:vips", "schedule:daily"]


@pytest.mark.parametrize("commits", [True, False])
def test_a_change_is_told_within_the_transaction_that_makes_it(tmp_path, commits):
    path = tmp_path / "flowkit.db"
    with sqlite_store(path) as store:
        world = placed(store, level(), vips=())
        world.engine.advance()
        world.engine.ingest([Event("seen", "p1", id="1")])
        world.profiles.place("p1", "vip")
        with host(path) as connection:
            assert world.engine.changed(["p1"], connection=connection).started == 1
            connection.execute("COMMIT" if commits else "ROLLBACK")
        assert len(world.engine.runs()) == commits
        assert world.engine.changed(["p1"]).started == (not commits)
