"""What was never alone: held-out runs under orders, events for workflows that stand still, chains over a migration."""

import pytest
from attrs import evolve

from flowkit.adapters.clock import VirtualClock
from flowkit.conditions import EventIs
from flowkit.engine.sync import Engine
from flowkit.events import NO_NEEDS
from flowkit.runs.effects import Outcome, Result
from flowkit.runs.model import Kind, Status
from flowkit.testing.recording import RecordingSender
from flowkit.workflows.control import LookBack
from flowkit.workflows.goals import ExitCriterion, Goal, Holdout
from tests.support.journeys import DAY, HOUR, START, node, opened, send, signup, wait, workflow
from tests.unit.engine.test_links import MAX_HOPS, await_, emit, ends, enter

GONE = Outcome(Result.FAILED, "refused with 550")
CROWD = [f"s{number}" for number in range(12)]


def engine_on(store, *flows, sender=None, **ports):
    sender = sender or RecordingSender(needs=NO_NEEDS)
    engine = Engine(store, clock=VirtualClock(START), sender=sender, **ports)
    for flow in flows:
        engine.publish(flow)
    return engine


def of(engine, status, workflow_id="w"):
    return {run.subscriber_id for run in engine.runs(workflow_id=workflow_id, status=status)}


# ------------------------------------------------------------------------------------------------------------
# Held-out runs


def halved(*nodes, **fields):
    return evolve(workflow(*nodes), holdout=Holdout(0.5), **fields)


@pytest.mark.parametrize("order", ["pause", "resume", "drain", "stop"])
def test_no_order_touches_who_is_held_out(any_store, order):
    """They have no run that could stand still or end, and their goals are counted on."""
    sender = RecordingSender(needs=NO_NEEDS)
    goal = Goal("see", event=EventIs(("visit",)), within=9 * DAY)
    engine = engine_on(any_store, halved(node("start", wait(), send()), goals=[goal]), sender=sender)
    engine.ingest([signup(name) for name in CROWD])
    out = of(engine, Status.HELD_OUT)
    assert out
    before = {run.id: run for run in engine.runs(status=Status.HELD_OUT)}
    getattr(engine, order)("w")
    assert {run.id: run for run in engine.runs(status=Status.HELD_OUT)} == before
    engine.ingest([evolve(opened(name), type="visit") for name in CROWD], now=START + HOUR)
    counted = {line.subscriber_id for line in engine.journal() if line.entry.kind is Kind.GOAL}
    assert out <= counted
    assert order == "stop" or counted == set(CROWD)
    engine.advance(now=START + 9 * DAY)
    assert not out & {message.subscriber_id for message in sender.messages}


def test_who_is_held_out_cannot_be_let_go_on(any_store):
    """Nor be paused, resumed or taken out: there is nothing that could."""
    sender = RecordingSender({"hello": [GONE] * len(CROWD)}, needs=NO_NEEDS)
    engine = engine_on(any_store, halved(node("start", send())), sender=sender)
    engine.ingest([signup(name) for name in CROWD])
    engine.advance()
    out, failed = of(engine, Status.HELD_OUT), of(engine, Status.FAILED)
    assert out | failed == set(CROWD)
    held = engine.runs(status=Status.HELD_OUT)
    assert engine.requeue(engine.runs()).runs == len(failed)
    assert set(engine.requeue(held).refused.values()) == {"not_failed"}
    for verb in (engine.pause_runs, engine.resume_runs, engine.exit_runs):
        assert set(verb(held).refused.values()) == {"ended"}
    assert engine.exit(held[0].subscriber_id).runs == 0
    engine.advance()
    assert {message.subscriber_id for message in sender.messages} == failed
    assert of(engine, Status.HELD_OUT) == out


def test_who_is_held_out_stays_so_over_a_migration(any_store):
    engine = engine_on(any_store, halved(node("start", wait(), send())))
    engine.ingest([signup(name) for name in CROWD])
    before = {run.id: (run.version, run.state) for run in engine.runs(status=Status.HELD_OUT)}
    engine.publish(halved(node("start", wait(9 * DAY), send())))
    living = len(CROWD) - len(before)
    assert engine.migrate("w").total.retimed == living
    assert {run.id: (run.version, run.state) for run in engine.runs(status=Status.HELD_OUT)} == before
    assert {version.number: version.living for version in engine.versions("w")} == {1: 0, 2: living}


# ------------------------------------------------------------------------------------------------------------
# Events for what stands still


def test_an_emitted_event_finds_a_paused_workflow_as_one_of_the_host_does(any_store):
    """Who comes in meanwhile, by either, and who was there before, goes on when it is resumed."""
    sender = RecordingSender(needs=NO_NEEDS)
    there = workflow(node("start", wait(HOUR), send()), workflow_id="v", event="ping")
    engine = engine_on(any_store, workflow(node("start", emit())), there, sender=sender)
    engine.pause("v")
    engine.ingest([signup("a"), evolve(signup("b"), type="ping")])
    engine.advance()
    assert ends(engine) == [("done", "")]
    by_emitted, by_host = (
        [run.status for run in engine.runs(subscriber_id=name, workflow_id="v")] for name in ("a", "b")
    )
    assert by_emitted == by_host
    engine.advance(now=START + DAY)
    assert sender.messages == []
    engine.resume("v", now=START + DAY)
    engine.advance(now=START + 3 * DAY)
    assert sorted(message.subscriber_id for message in sender.messages) == sorted(
        run.subscriber_id for run in engine.runs(workflow_id="v", status=Status.COMPLETED)
    )


def test_a_paused_run_hears_what_is_emitted_when_it_goes_on(any_store):
    sender = RecordingSender(needs=NO_NEEDS)
    waiting = workflow(
        node("start", await_("ping", LookBack.ARRIVAL), came="told", timeout="end"),
        node("told", send()),
        workflow_id="v",
    )
    engine = engine_on(any_store, waiting, workflow(node("start", wait(HOUR), emit())), sender=sender)
    engine.ingest([signup()])
    engine.pause("v")
    engine.advance(now=START + HOUR)
    assert sender.messages == []
    engine.resume("v", now=START + 2 * HOUR)
    engine.advance(now=START + 2 * HOUR)
    assert len(sender.messages) == 1


def test_an_exit_criterion_ends_a_paused_run_on_an_emitted_event(any_store):
    leaving = evolve(
        workflow(node("start", wait(DAY), send()), workflow_id="v"),
        exit_criteria=[ExitCriterion("pinged", event=EventIs(("ping",)))],
    )
    engine = engine_on(any_store, leaving, workflow(node("start", emit())))
    engine.ingest([signup()])
    engine.pause("v")
    engine.advance()
    assert [(run.status, run.state.reason) for run in engine.runs(workflow_id="v")] == [(Status.EXITED, "pinged")]


def test_what_starts_a_stopped_workflow_is_told_so(any_store):
    there = workflow(node("start", send()), workflow_id="v", event="never")
    engine = engine_on(any_store, workflow(node("start", enter("v", failure_path="end"))), there)
    engine.stop("v")
    engine.ingest([signup()])
    engine.advance()
    assert engine.runs(workflow_id="v") == []
    [(result, reason)] = ends(engine)
    assert (result in {"failed", "skipped"}, bool(reason)) == (True, True)


# ------------------------------------------------------------------------------------------------------------
# Chains over a migration


def test_a_migration_begins_no_chain_anew(any_store):
    """Each run of the chain goes over to another version before it emits, and the hops stay what they are."""
    chain = [workflow(node("start", wait((1 + number) * HOUR), emit("signup"))) for number in range(2)]
    engine = engine_on(any_store, chain[0])
    engine.ingest([signup()])
    now = START
    for number in range(2 * MAX_HOPS + 6):
        now += HOUR
        engine.publish(chain[(number + 1) % 2])
        engine.migrate("w", now=now)
        engine.advance(now=now)
    while (due := engine.next_due()) is not None and due <= now + 90 * DAY:
        engine.advance(now=due)
    assert len(engine.runs(limit=100)) == MAX_HOPS + 1
    found = ends(engine)
    assert (found.count(("done", "")), found.count(("failed", "causation_chain"))) == (MAX_HOPS, 1)
