"""What goes wrong beside: workers that are behind, threads that publish meanwhile, ports that fail, odd audiences."""

import threading

import pytest

from flowkit.adapters.clock import VirtualClock
from flowkit.adapters.profiles import MemoryProfiles
from flowkit.conditions import ALWAYS, parse
from flowkit.engine.sync import Engine
from flowkit.errors import ConfigurationError
from flowkit.events import Event
from flowkit.stores.memory import MemoryStore
from flowkit.testing.recording import RecordingSender
from flowkit.triggers.model import Backfill, EntryPolicy, On, Trigger, TriggerType
from flowkit.triggers.rules import At
from flowkit.workflows.model import Action, UpdateProfile, Workflow
from tests.support.between import Between
from tests.support.journeys import DAY, HOUR, START, node, signup, wait, workflow
from tests.support.sweeping import NINE, VIP, World, timed


def level(condition=VIP, workflow_id="w", *, on=On.ENTER, active=True, **trigger):
    return Workflow(
        workflow_id,
        workflow_id,
        trigger=Trigger("t", trigger_type=TriggerType.CONDITION_BASED, condition=condition, on=on, **trigger),
        nodes=(node("start", wait(90 * DAY)),),
        active=active,
    )


class Meanwhile(MemoryProfiles):
    """Profiles after whose next reading something else happens."""

    happening = None

    def facts(self, ids, needs):
        found = super().facts(ids, needs)
        happening, self.happening = self.happening, None
        if happening is not None:
            happening()
        return found


# ------------------------------------------------------------------------------------------------------------
# Workers that are behind


def test_what_the_publisher_did_not_plan_is_planned_by_whoever_advances(any_store):
    """The publisher died in between, and the worker hears of the new version by an event first."""
    publisher = World(any_store, {"s": {}})
    publisher.audience.zones = lambda: 1 / 0
    with pytest.raises(ZeroDivisionError):
        publisher.engine.publish(timed(NINE))
    other = World(any_store, {"s": {}})
    other.engine.ingest([Event("visit", "s", id="1")])
    other.until(START + 2 * DAY)
    assert len(other.engine.runs()) == 2


def test_a_worker_that_does_not_know_the_workflow_yet_stops_no_backfill(any_store):
    world = World(any_store, {"s": {}})
    worker = world.another()
    worker.advance()

    class Late:
        def claim_sweep(self, now, *, lease):
            if not world.engine.runs() and not world.engine.sweeps():
                world.engine.publish(workflow(node("start", wait())))
                world.engine.backfill("w", where=ALWAYS, backfill_id="b")
            return any_store.claim_sweep(now, lease=lease)

        def __getattr__(self, name):
            return getattr(any_store, name)

    world.store = Late()
    behind = world.another()
    behind.advance()
    assert [run.subscriber_id for run in world.engine.runs()] == ["s"]


def test_a_workflow_that_was_out_is_gone_through_again_when_it_is_back(any_store):
    """Who came to fit meanwhile is marked, or filled in; who ceased to fit is free for the next edge."""
    for backfill, filled in ((Backfill.NONE, 0), (Backfill.CURRENT, 1)):
        name = f"w_{backfill}"
        policy = EntryPolicy(backfill=backfill)
        world = World(any_store, {"s": {}, "t": {}}, level(workflow_id=name, entry=policy))
        world.profiles.place("t", "vip")
        world.engine.changed(["t"])
        world.engine.advance()
        world.engine.publish(level(workflow_id=name, active=False))
        world.engine.advance()
        world.profiles.place("s", "vip")
        world.profiles.place("t")
        world.engine.publish(level(workflow_id=name, entry=policy))
        assert world.engine.advance().started == filled
        assert world.engine.changed(["s"]).started == 0
        world.profiles.place("t", "vip")
        assert world.engine.changed(["t"]).started == 1


# ------------------------------------------------------------------------------------------------------------
# Threads


def test_a_thread_that_read_less_undoes_nothing_of_what_another_read():
    store = MemoryStore()
    publisher = Engine(store, clock=VirtualClock(START))
    reading, registered = threading.Event(), threading.Event()

    class Slow:
        def editions(self, since=0):
            found = store.editions(since)
            if threading.current_thread().name == "slow":
                reading.set()
                assert registered.wait(30)
            return found

        def __getattr__(self, name):
            return getattr(store, name)

    engine = Engine(Slow(), clock=VirtualClock(START))
    engine.ingest([Event("visit", "q", id="0")])
    publisher.publish(workflow(node("start", wait(HOUR))))
    slow = threading.Thread(target=engine.ingest, args=([Event("visit", "q", id="1")],), name="slow")
    slow.start()
    assert reading.wait(30)
    publisher.publish(workflow(node("start", wait(2 * HOUR))))
    engine.ingest([Event("visit", "q", id="2")])
    registered.set()
    slow.join(30)
    engine.ingest([signup()])
    assert [run.version for run in engine.runs()] == [2]


def test_many_threads_hear_of_many_publications():
    store = MemoryStore()
    publisher, engine = Engine(store, clock=VirtualClock(START)), Engine(store, clock=VirtualClock(START))
    errors = []

    def listen(name):
        try:
            for number in range(60):
                engine.ingest([signup(f"{name}{number}", "1")])
        except Exception as error:  # noqa: BLE001 - whatever it is, the test says so
            errors.append(error)

    threads = [threading.Thread(target=listen, args=(name,)) for name in "abcd"]
    for thread in threads:
        thread.start()
    for hours in range(1, 30):
        publisher.publish(workflow(node("start", wait(hours * HOUR))))
        publisher.publish(level(workflow_id=f"w{hours % 3}", active=hours % 2 == 0))
    for thread in threads:
        thread.join(60)
    assert errors == []
    engine.ingest([signup("last", "1")])
    assert [run.version for run in engine.runs(subscriber_id="last")] == [
        publisher.publish(workflow(node("start", wait(29 * HOUR)))).number
    ]


def test_what_is_published_while_profiles_are_read_is_asked_with_facts_of_its_own():
    profiles = Meanwhile({"s": {}})
    profiles.place("s", "vip")
    engine = Engine(MemoryStore(), clock=VirtualClock(START), profiles=profiles)
    engine.publish(level(parse({"subscriber_properties": {"plan": "never"}}), "old"))
    profiles.happening = lambda: engine.publish(level(parse({"not": {"segments": "vip"}}), "not_vip"))
    assert engine.ingest([Event("visit", "s", id="1")]).started == 0


def test_a_limit_that_is_published_while_profiles_are_read_holds():
    profiles = Meanwhile({"s": {}, "t": {}})
    for name in "st":
        profiles.place(name, "vip")
    engine = Engine(MemoryStore(), clock=VirtualClock(START), profiles=profiles)
    engine.publish(level(workflow_id="old"))
    profiles.happening = lambda: engine.publish(level(workflow_id="one", max_executions_total=1))
    engine.ingest([Event("visit", "s", id="1"), Event("visit", "t", id="1")])
    assert len(engine.runs(workflow_id="one")) == 1


# ------------------------------------------------------------------------------------------------------------
# Ports that fail


def test_a_sweep_that_fails_holds_up_no_other_and_is_tried_again(any_store):
    bad = level(workflow_id="bad", entry=EntryPolicy(backfill=Backfill.CURRENT))
    world = World(any_store, {"s": {}}, bad, timed(At(START + 2 * HOUR), "good"))
    world.profiles.place("s", "vip")
    members = world.audience.members

    def unable(*, where, **asked):
        if where == VIP:
            raise LookupError
        return members(where=where, **asked)

    world.audience.members = unable
    for hours in (1, 2):
        world.clock.set(START + hours * HOUR)
        with pytest.raises(LookupError):
            world.engine.advance()
    assert [run.workflow_id for run in world.engine.runs()] == ["good"]
    assert world.sweep("enter:bad").failures == 2
    world.audience.members = members
    world.until(START + 4 * HOUR)
    assert {run.workflow_id for run in world.engine.runs()} == {"good", "bad"}
    assert world.sweep("enter:bad").failures == 0


def test_a_profile_that_cannot_be_read_holds_up_no_other(any_store):
    class Odd(MemoryProfiles):
        broken = True

        def facts(self, ids, needs):
            if self.broken and "c" in ids:
                raise LookupError
            return super().facts(ids, needs)

    profiles = Odd({name: {} for name in "abcde"})
    profiles.broken = False
    engine = Engine(any_store, clock=VirtualClock(START), profiles=profiles)
    engine.publish(level(parse({"not": {"performed": {"event": "visit", "within": "30d"}}})))
    engine.ingest([Event("visit", name, id="1") for name in "abcde"])
    profiles.broken = True
    with pytest.raises(LookupError):
        engine.advance(now=START + 30 * DAY)
    assert sorted(run.subscriber_id for run in engine.runs()) == ["a", "b", "d", "e"]
    profiles.broken = False
    assert engine.advance(now=START + 30 * DAY).started == 1


def test_an_audience_that_goes_round_in_a_circle_is_told_so(any_store):
    world = World(any_store, {f"p{number}": {} for number in range(5)}, timed(At(START + HOUR)))
    world.audience.members = lambda *, limit, **_: ["p0", "p1", "p2"][:limit]
    world.clock.set(START + HOUR)
    with pytest.raises(ConfigurationError, match=r"audience\.members"):
        world.engine.advance()
    assert len(world.engine.runs()) == 3


# ------------------------------------------------------------------------------------------------------------
# Entries that wait, and places that are given back


def test_an_entry_that_waits_counts_its_own_event_once(any_store):
    twice = parse({"performed": {"event": "purchase", "count": {"$gte": 2}}})
    series = workflow(node("start", wait()), event="purchase", entry=EntryPolicy(filter=twice, grace=DAY))
    engine = Engine(any_store, clock=VirtualClock(START), profiles=MemoryProfiles({"s": {}}))
    engine.publish(series)
    engine.ingest([Event("purchase", "s", id="1")])
    assert engine.changed(["s"], now=START + HOUR).started == 0
    engine.ingest([Event("purchase", "s", id="2")], now=START + 2 * HOUR)
    assert engine.changed(["s"], now=START + 3 * HOUR).started == 1
    assert [run.event.id for run in engine.runs()] == ["2", "1"], "the first is asked again after the second is past"


def test_who_waits_is_judged_by_what_the_new_version_reads_and_limits(any_store):
    pro = parse({"subscriber_properties": {"plan": "pro"}})
    other = parse({"subscriber_properties": {"plan": {"$ne": "free"}}})
    engine = Engine(
        any_store,
        clock=VirtualClock(START),
        profiles=MemoryProfiles({name: {"plan": "free" if name == "a" else "team"} for name in "abc"}),
    )
    engine.publish(workflow(node("start", wait()), entry=EntryPolicy(filter=pro, grace=2 * HOUR)))
    engine.ingest([signup(name, "1") for name in "abc"])
    engine.publish(workflow(node("start", wait()), entry=EntryPolicy(filter=other), max_executions_total=1))
    engine.advance(now=START + 2 * HOUR)
    assert [run.subscriber_id for run in engine.runs()] == ["b"]


def test_a_place_that_a_refused_change_had_taken_goes_to_the_next(any_store):
    group = EntryPolicy(exclusion_group="g")
    other = Engine(any_store, clock=VirtualClock(START))
    other.publish(workflow(node("start", wait()), entry=group, max_executions_total=1))
    other.publish(workflow(node("start", wait()), workflow_id="x", event="y", entry=group))
    other.ingest([Event("visit", "a", id="0")])
    between = Between(any_store, lambda: other.ingest([Event("y", "a", id="y")]))
    engine = Engine(between, clock=VirtualClock(START))
    assert engine.ingest([signup("a", "1"), signup("b", "1")]).refused == 1
    assert [run.subscriber_id for run in engine.runs(workflow_id="w")] == ["b"]


def test_changes_of_several_runs_count_each_however_they_are_claimed(any_store):
    add = workflow(node("start", Action("add", UpdateProfile(increment={"n": 1}))))
    for batch in (1, 500):
        name = f"s{batch}"
        engine = Engine(
            any_store,
            clock=VirtualClock(START),
            profiles=MemoryProfiles({name: {}}),
            sender=RecordingSender(),
            batch=batch,
        )
        engine.publish(add)
        engine.publish(level(parse({"subscriber_properties": {"n": {"$gte": 1}}}), "changes", on=On.CHANGE))
        engine.ingest([signup(name, "1"), signup(name, "2")])
        engine.advance()
        assert len(engine.runs(subscriber_id=name, workflow_id="changes")) == 2


def test_two_backfills_whose_names_run_together_are_two(any_store):
    both = [workflow(node("start", wait()), workflow_id=name) for name in ("a", "a:b")]
    world = World(any_store, {"s": {}}, *both)
    assert world.engine.backfill("a", where=ALWAYS, backfill_id="b:c")
    assert world.engine.backfill("a:b", where=ALWAYS, backfill_id="c")
