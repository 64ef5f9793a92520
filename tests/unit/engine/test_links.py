"""What leads from one workflow to another: emitted events and started workflows, once each, and not for ever."""

import asyncio
import json
from collections import Counter

import pytest

from flowkit.adapters.clock import VirtualClock
from flowkit.adapters.profiles import MemoryProfiles
from flowkit.conditions import parse
from flowkit.engine.aio import AsyncEngine
from flowkit.engine.links import MAX_HOPS
from flowkit.engine.sync import Engine
from flowkit.events import NO_NEEDS, Event
from flowkit.hashing import run_id
from flowkit.runs.effects import Effect, effect_key
from flowkit.runs.model import Kind, Status
from flowkit.stores.memory import MemoryStore
from flowkit.testing.recording import RecordingSender
from flowkit.triggers.model import EntryPolicy, On, Reentry, TriggerType
from flowkit.workflows.control import Awaited, LookBack, WaitForEvent
from flowkit.workflows.links import EmitEvent, StartWorkflow
from flowkit.workflows.model import Action
from tests.support.between import Between
from tests.support.journeys import (
    DAY,
    HOUR,
    START,
    kinds,
    node,
    send,
    signup,
    signups,
    stand,
    told,
    wait,
    workflow,
)
from tests.support.worlds import Waiting


def emit(event_type="ping", action_id="emit", delay=HOUR * 0, **fields):
    paths = {name: fields.pop(name) for name in ("success_path", "failure_path", "detached") if name in fields}
    return Action(action_id, EmitEvent(event_type, **fields), delay=delay, **paths)


def enter(workflow_id="v", action_id="enter", *, properties=None, **fields):
    return Action(action_id, StartWorkflow(workflow_id, properties=properties or {}), **fields)


def await_(event_type="ping", look_back=LookBack.LAST_SEND):
    return Action(
        "await",
        WaitForEvent([Awaited("came", parse({"event_type": event_type}))], timeout=DAY, look_back=look_back),
    )


def staying(workflow_id="v", event="ping", **fields):
    """A workflow in which whoever comes in stays."""
    return workflow(node("start", wait(90 * DAY)), workflow_id=workflow_id, event=event, **fields)


def engine_on(store, *workflows, people=None, **ports):
    ports = {"sender": RecordingSender(needs=NO_NEEDS), "profiles": MemoryProfiles(people or {"s": {}})} | ports
    engine = Engine(store, clock=VirtualClock(START), **ports)
    for each in workflows:
        engine.publish(each)
    return engine


def ends(engine, workflow_id="w"):
    """How the effects of a workflow ended: kinds and reasons."""
    wanted = {Kind.DONE, Kind.SKIPPED, Kind.FAILED, Kind.RETRYING}
    return [
        (line.entry.kind.value, line.entry.data.get("reason", ""))
        for line in engine.journal(limit=100_000)
        if line.workflow_id == workflow_id and line.entry.kind in wanted and line.entry.action
    ]


class Dying:
    """A store whose worker dies after others have been let in, and before that is settled."""

    def __init__(self, store, *, deaths=1):
        self._store = store
        self._deaths = deaths

    def commit(self, changes):
        if changes.claim is not None and self._deaths:
            self._deaths -= 1
            raise KeyboardInterrupt
        return self._store.commit(changes)

    def __getattr__(self, name):
        return getattr(self._store, name)


# ------------------------------------------------------------------------------------------------------------
# Emitted events


def test_an_emitted_event_is_as_one_of_the_host(any_store):
    listener = workflow(
        node("start", wait()),
        workflow_id="v",
        event="ping",
        condition=parse({"event_properties": {"plan": "pro"}, "min_value": 3}),
    )
    engine = engine_on(
        any_store,
        workflow(node("start", emit(value=3, properties={"plan": "pro"}), default="next"), node("next", wait())),
        listener,
        workflow(node("start", wait()), workflow_id="u", event="ping", condition=parse({"min_value": 4})),
    )
    engine.ingest([signup("s"), signup("t")])
    assert engine.runs(workflow_id="v") == [], "nothing is emitted while an event is taken"
    advanced = engine.advance()
    assert (advanced.done, advanced.failed) == (2, 0)
    found = engine.runs(workflow_id="v")
    assert [(run.subscriber_id, run.event.properties, run.event.value) for run in found] == [
        ("s", {"plan": "pro"}, 3),
        ("t", {"plan": "pro"}, 3),
    ]
    assert engine.runs(workflow_id="u") == []
    assert [run.state.node for run in engine.runs(workflow_id="w")] == ["next", "next"]


def test_the_id_of_an_emitted_event_is_the_key_of_its_effect(any_store):
    engine = engine_on(any_store, workflow(node("start", emit())), staying())
    engine.ingest([signup()])
    engine.advance()
    [run] = engine.runs(workflow_id="v")
    key = effect_key(run_id("w", "s", "1"), Effect("start", 1, 0, "emit"))
    assert run.event.id == key
    assert run.id == run_id("v", "s", key)
    assert engine.ingest([Event("ping", "s", id=key)]).duplicates == 1


def test_a_key_that_is_too_long_for_an_id_is_shortened_and_stays_one(any_store):
    """The key of a long name has up to 256 characters, and an id 255."""
    long = "a" * (256 - 32 - len(":start:1:"))
    dying = engine_on(Dying(any_store), workflow(node("start", emit(action_id=long))), staying())
    dying.ingest([signup()])
    with pytest.raises(KeyboardInterrupt):
        dying.advance()
    engine_on(any_store).advance()
    [run] = dying.runs(workflow_id="v")
    assert run.event.id.startswith("~")


def test_a_run_hears_what_another_emits_and_what_it_emits_itself(any_store):
    engine = engine_on(
        any_store,
        workflow(node("start", await_(), came="end", timeout="start"), workflow_id="u"),
        workflow(node("start", wait(HOUR), emit(), await_(), came="end", timeout="start")),
    )
    engine.ingest([signup()])
    engine.advance(now=START + HOUR)
    assert Counter((run.workflow_id, run.status) for run in engine.runs()) == {
        ("u", Status.COMPLETED): 1,
        ("w", Status.COMPLETED): 1,
    }
    assert ends(engine) == [("done", "")]


def test_a_delay_postpones_what_is_emitted(any_store):
    engine = engine_on(any_store, workflow(node("start", emit(delay=HOUR))), staying())
    engine.ingest([signup()])
    engine.advance(now=START)
    assert engine.runs(workflow_id="v") == []
    engine.advance(now=START + HOUR)
    assert len(engine.runs(workflow_id="v")) == 1


@pytest.mark.parametrize("deaths", [1, 2])
def test_a_crash_between_emitting_and_settling_emits_once(any_store, deaths):
    dying = engine_on(Dying(any_store, deaths=deaths), workflow(node("start", emit(), default="end")), staying())
    dying.ingest(signups(3))
    for _ in range(deaths):
        with pytest.raises(KeyboardInterrupt):
            dying.advance()
    assert len(dying.runs(workflow_id="v")) == 3
    engine = engine_on(any_store)
    engine.advance()
    assert len(engine.runs(workflow_id="v")) == 3
    assert ends(engine) == [("done", "")] * 3
    assert {run.status for run in engine.runs(workflow_id="w")} == {Status.COMPLETED}


def test_where_others_write_at_every_attempt_it_is_emitted_later(any_store):
    """The event is not lost, and nobody else of the batch waits for it."""
    other = engine_on(any_store, staying("u", "visit"))
    number = iter(range(1_000))

    def always():
        other.ingest([Event("visit", "s0", id=f"v{next(number)}")])

    engine = engine_on(
        any_store, workflow(node("start", wait(HOUR), emit())), staying(entry=EntryPolicy(max_concurrent=1))
    )
    engine.ingest(signups(2))
    crowded = engine_on(Between(any_store, *[always] * 8))
    crowded.advance(now=START + HOUR)
    assert sorted(ends(engine)) == [("done", ""), ("retrying", "others wrote to the subscriber at every attempt")]
    engine.advance(now=START + DAY)
    assert [run.subscriber_id for run in engine.runs(workflow_id="v")] == ["s1", "s0"]


# ------------------------------------------------------------------------------------------------------------
# Started workflows


@pytest.mark.parametrize(
    "trigger",
    [
        {"event": "never"},
        {"trigger_type": TriggerType.CONDITION_BASED, "on": On.ENTER, "condition": parse({"segments": "vip"})},
    ],
)
def test_a_subscriber_is_let_in_whatever_the_trigger(any_store, trigger):
    engine = engine_on(
        any_store,
        workflow(node("start", enter(properties={"plan": "pro"}), default="next"), node("next", wait())),
        workflow(node("start", wait(90 * DAY)), workflow_id="v", **trigger),
    )
    engine.ingest([signup()])
    assert engine.advance().done == 1
    [run] = engine.runs(workflow_id="v")
    key = effect_key(run_id("w", "s", "1"), Effect("start", 1, 0, "enter"))
    assert run.id == run_id("v", "s", key)
    assert run.event.properties == {"plan": "pro"}
    [done] = [line.entry.data for line in engine.journal(limit=100) if line.entry.kind is Kind.DONE]
    assert done == {"type": "start_workflow", "workflow": "v", "reference": run.id}
    assert [one.state.node for one in engine.runs(workflow_id="w")] == ["next"]


@pytest.mark.parametrize(
    ("rules", "reason"),
    [
        ({"max_executions": 1}, "max_executions"),
        ({"cooldown": DAY}, "cooldown"),
        ({"entry": EntryPolicy(reentry=Reentry.AFTER_EXIT)}, "reentry"),
        ({"entry": EntryPolicy(max_concurrent=1)}, "max_concurrent"),
        ({"entry": EntryPolicy(filter=parse({"subscriber_properties": {"plan": "pro"}}))}, "filter"),
        ({"max_executions_total": 1}, "max_executions_total"),
    ],
)
def test_its_rules_of_entry_hold_and_a_refusal_is_a_skip(any_store, rules, reason):
    engine = engine_on(
        any_store,
        workflow(node("start", enter(failure_path="no"), default="yes"), node("yes", wait()), node("no", wait())),
        staying(event="visit", **rules),
    )
    engine.ingest([Event("visit", "s", id="0"), signup()])
    engine.advance()
    assert ends(engine) == [("skipped", reason)]
    assert [run.state.node for run in engine.runs(workflow_id="w")] == ["no"]
    [refused] = [line for line in engine.journal(limit=100) if line.entry.data.get("event") == "flowkit.started"]
    assert (refused.workflow_id, refused.entry.data["reason"]) == ("v", reason)


def test_the_key_of_a_run_is_read_off_the_properties(any_store):
    keyed = EntryPolicy(max_concurrent=1, key="order")
    first, second = ({"properties": {"order": number}} for number in (1, 2))
    engine = engine_on(
        any_store,
        workflow(node("start", enter("v", "a", **first), enter("v", "b", **first), enter("v", "c", **second))),
        staying(entry=keyed),
    )
    engine.ingest([signup()])
    engine.advance()
    assert ends(engine) == [("done", ""), ("skipped", "max_concurrent"), ("done", "")]


def test_an_entry_that_waits_for_its_filter_is_done(any_store):
    patient = EntryPolicy(filter=parse({"segments": "vip"}), grace=DAY)
    profiles = MemoryProfiles({"s": {}})
    engine = engine_on(any_store, workflow(node("start", enter())), staying(entry=patient), profiles=profiles)
    engine.ingest([signup()])
    engine.advance()
    assert ends(engine) == [("done", "waits for the filter")]
    profiles.place("s", "vip")
    engine.changed(["s"])
    assert len(engine.runs(workflow_id="v")) == 1


@pytest.mark.parametrize(
    ("target", "reason"),
    [(None, "unknown_workflow"), ({"active": False}, "inactive_workflow")],
)
@pytest.mark.parametrize("path", [{}, {"failure_path": "no"}])
def test_what_cannot_be_started_is_a_failure_with_its_reason(any_store, target, reason, path):
    engine = engine_on(any_store, workflow(node("start", enter(**path)), node("no", wait())))
    if target is not None:
        v = staying()
        engine.publish(type(v)("v", "V", trigger=v.trigger, nodes=v.nodes, **target))
    engine.ingest([signup()])
    engine.advance()
    assert ends(engine) == [("failed", reason)]
    [run] = engine.runs(workflow_id="w")
    assert (run.status, run.state.node) == ((Status.ACTIVE, "no") if path else (Status.FAILED, "start"))
    if not path:
        engine.publish(staying())
        engine.requeue(engine.runs(status=Status.FAILED))
        engine.advance()
        assert len(engine.runs(workflow_id="v")) == 1


def test_a_worker_that_is_behind_reads_what_was_published(any_store):
    worker = engine_on(any_store, workflow(node("start", wait(HOUR), enter())))
    worker.ingest([signup()])
    engine_on(any_store, staying())
    worker.advance(now=START + HOUR)
    assert len(worker.runs(workflow_id="v")) == 1


@pytest.mark.parametrize(
    ("rules", "settled"),
    [
        ({}, ("done", "")),
        ({"max_executions": 1}, ("skipped", "max_executions")),
        ({"entry": EntryPolicy(filter=parse({"segments": "vip"}), grace=DAY)}, ("done", "waits for the filter")),
    ],
)
def test_a_crash_between_starting_and_settling_starts_once_and_tells_what_came_of_it(any_store, rules, settled):
    dying = engine_on(
        Dying(any_store), workflow(node("start", enter())), staying(event="visit", **rules), staying("u", "signup")
    )
    dying.ingest([Event("visit", "s", id="0"), signup()])
    with pytest.raises(KeyboardInterrupt):
        dying.advance()
    before = stand(dying.runs(workflow_id="v"))
    engine = engine_on(any_store)
    engine.advance()
    assert stand(engine.runs(workflow_id="v")) == before
    assert ends(engine) == [settled]
    assert sum(line.entry.kind is Kind.REFUSED for line in engine.journal(limit=100)) == (settled[0] == "skipped")


def test_what_was_started_before_a_crash_is_done_though_the_workflow_is_gone_since(any_store):
    dying = engine_on(Dying(any_store), workflow(node("start", enter())), staying())
    dying.ingest([signup()])
    with pytest.raises(KeyboardInterrupt):
        dying.advance()
    v = staying()
    dying.publish(type(v)("v", "V", trigger=v.trigger, nodes=v.nodes, active=False))
    engine = engine_on(any_store)
    engine.advance()
    assert ends(engine) == [("done", "")]


def test_what_came_of_an_earlier_attempt_is_found_in_a_long_journal(any_store):
    """Also where the subscriber has had more runs and lines than a page holds."""
    dying = engine_on(Dying(any_store), workflow(node("start", wait(HOUR), enter())), staying(max_executions=1_100))
    dying.ingest([Event("ping", "s", id=str(number)) for number in range(1_099)])
    dying.ingest([signup("s", "a"), signup("s", "b")])
    with pytest.raises(KeyboardInterrupt):
        dying.advance(now=START + HOUR)
    engine = engine_on(any_store)
    engine.advance(now=START + HOUR)
    assert ends(engine) == [("done", ""), ("skipped", "max_executions")]


# ------------------------------------------------------------------------------------------------------------
# Chains


def test_a_chain_of_events_is_cut(any_store):
    """The host's event, and one more for each hop; what would be the next fails with its reason."""
    engine = engine_on(any_store, workflow(node("start", emit("signup"))))
    engine.ingest([signup()])
    engine.advance()
    assert len(engine.runs(limit=100)) == MAX_HOPS + 1
    assert ends(engine) == [("done", "")] * MAX_HOPS + [("failed", "causation_chain")]
    assert [json.loads(run.origin).get("hops", 0) for run in engine.runs()] == list(range(MAX_HOPS + 1))


def test_a_chain_of_starts_is_cut(any_store):
    there = workflow(node("start", enter("v", failure_path="end")))
    back = workflow(node("start", enter("w", failure_path="end")), workflow_id="v", event="never")
    engine = engine_on(any_store, there, back)
    engine.ingest([signup()])
    engine.advance()
    assert Counter(run.workflow_id for run in engine.runs()) == {"w": 9, "v": 8}
    assert Counter([*ends(engine, "w"), *ends(engine, "v")]) == {("done", ""): 16, ("failed", "causation_chain"): 1}


def test_two_runs_that_wait_for_each_other_are_cut(any_store):
    """No run begins on the way: the hops come with the events that are waited for."""
    ping = workflow(
        node("start", emit("ping", failure_path="end"), await_("pong", LookBack.ARRIVAL), came="pause", timeout="end"),
        node("pause", wait(HOUR), default="start"),
    )
    pong = workflow(
        node("start", await_("ping", LookBack.ARRIVAL), came="answer", timeout="end"),
        node("answer", wait(HOUR), emit("pong", failure_path="end"), default="start"),
        workflow_id="v",
    )
    engine = engine_on(any_store, ping, pong)
    engine.ingest([signup()])
    for hour in range(60):
        engine.advance(now=START + hour * HOUR)
    found = [*ends(engine, "w"), *ends(engine, "v")]
    assert found.count(("failed", "causation_chain")) == 1
    assert MAX_HOPS - 1 <= found.count(("done", "")) <= MAX_HOPS
    assert {run.state.hops for run in engine.runs()} == {0}, "a run that has ended keeps nothing in mind"


def test_a_host_starts_a_chain_anew_whatever_its_events_say(any_store):
    engine = engine_on(any_store, workflow(node("start", emit("ping"))), staying())
    engine.ingest([signup(properties={"hops": 99, "flowkit": {"hops": 99}, '"hops":': 99})])
    engine.advance()
    assert ends(engine) == [("done", "")]
    [run] = engine.runs(workflow_id="v")
    assert json.loads(run.origin)["hops"] == 1


# ------------------------------------------------------------------------------------------------------------
# In batches, and on an event loop


def test_a_batch_is_emitted_and_started_together(any_store):
    engine = engine_on(
        any_store,
        workflow(node("start", wait(HOUR), emit(), enter("u"))),
        staying(),
        staying("u", "never"),
    )
    engine.ingest(signups(120))
    engine.advance(now=START + HOUR)
    assert len(engine.runs(workflow_id="v")) == len(engine.runs(workflow_id="u")) == 120
    assert Counter(ends(engine)) == {("done", ""): 240}


def test_who_comes_in_by_it_goes_on_in_the_same_call(any_store):
    sender = RecordingSender(needs=NO_NEEDS)
    engine = engine_on(
        any_store,
        workflow(node("start", emit(), enter("u"))),
        workflow(node("start", send("by_event")), workflow_id="v", event="ping"),
        workflow(node("start", send("by_start")), workflow_id="u", event="never"),
        sender=sender,
    )
    engine.ingest([signup()])
    engine.advance()
    assert sorted(message.template_id for message in sender.delivered) == ["by_event", "by_start"]


def test_an_engine_on_an_event_loop_does_the_same(any_store):
    journeys = (
        workflow(node("start", emit(), enter("u"), enter("nowhere", "no", failure_path="end"))),
        staying(),
        staying("u", "never", max_executions=1),
    )

    async def lived():
        engine = AsyncEngine(Waiting(any_store), clock=VirtualClock(START))
        for each in journeys:
            await engine.publish(each)
        await engine.ingest([signup("s", "1"), signup("s", "2")])
        await engine.advance()
        return told(await engine.journal(limit=1000))

    found = asyncio.run(lived())
    other = Engine(MemoryStore(), clock=VirtualClock(START))
    for each in journeys:
        other.publish(each)
    other.ingest([signup("s", "1"), signup("s", "2")])
    other.advance()
    assert sorted(map(repr, found)) == sorted(map(repr, told(other.journal(limit=1000))))


def test_neither_needs_a_port():
    engine = Engine(MemoryStore(), clock=VirtualClock(START))
    engine.publish(workflow(node("start", emit(), enter())))
    engine.ingest([signup()])
    assert engine.advance().failed == 1
    assert kinds(engine.journal())[-3:] == ["done@start", "failed@start", "failed@start"]


# ------------------------------------------------------------------------------------------------------------
# Beside the run


@pytest.mark.parametrize("action", [emit(delay=HOUR, detached=True), enter(delay=HOUR, detached=True)])
def test_what_is_detached_leads_on_later_and_once(any_store, action):
    dying = engine_on(Dying(any_store, deaths=0), workflow(node("start", action, wait(DAY))), staying())
    dying.ingest([signup()])
    dying.advance(now=START)
    assert dying.runs(workflow_id="v") == []
    dying = engine_on(Dying(any_store))
    with pytest.raises(KeyboardInterrupt):
        dying.advance(now=START + HOUR)
    engine = engine_on(any_store)
    engine.advance(now=START + HOUR)
    assert len(engine.runs(workflow_id="v")) == 1
    assert ends(engine) == [("done", "")]


def test_the_hops_of_a_run_stay_with_what_is_open_at_its_end(any_store):
    """The event that it had waited for counts, though the run is at no node any more."""
    listener = workflow(
        node("start", await_("ping"), came="next", timeout="end"),
        node("next", emit("pong", delay=HOUR, detached=True)),
        workflow_id="v",
    )
    engine = engine_on(any_store, workflow(node("start", emit("ping"))), listener, staying("u", "pong"))
    engine.ingest([signup()])
    engine.advance(now=START + HOUR)
    engine.advance(now=START + 2 * HOUR)
    [run] = engine.runs(workflow_id="u")
    assert json.loads(run.origin)["hops"] == 2
