"""Runs that workers died over while more than one instant was ahead of them: a failed run is never due."""

import pytest
from attrs import evolve

from flowkit.conditions import Before, Duration, EventIs, SubscriberHas
from flowkit.events import NO_FACTS, Event, Facts
from flowkit.runs.beside import Beside
from flowkit.runs.effects import DONE, WOKEN, Effect, Observed, Requeued, Settled
from flowkit.runs.model import Kind, Run, State, Status, Waiting
from flowkit.runs.program import compile_workflow
from flowkit.runs.step import step
from flowkit.workflows.goals import ExitCriterion, Goal
from tests.support.journeys import DAY, HOUR, NOW, START, node, send, wait, workflow

LATER = Effect("start", 1, 0, "later")
HOURS = 3_600_000_000
GUARDED = compile_workflow(
    evolve(
        workflow(node("start", send("later", "later", delay=5 * HOUR, detached=True), wait(DAY))),
        goals=[Goal("bought", event=EventIs(("purchase",)), within=3 * DAY)],
        exit_criteria=[ExitCriterion("over", when=SubscriberHas({"renewal": Before(Duration(0))}))],
    ),
    1,
)
FACTS = Facts({"renewal": "2026-01-01T10:00:00Z"})
BOUGHT = Observed(Event("purchase", "s", id="p"))


def given_up(**fields):
    """Give a run in its wait, due at its end after a day, that failed since workers died over it."""
    state = State(Status.FAILED, "start", 1, waiting=Waiting.DURATION, reason="died", **fields)
    return Run("0" * 32, "s", "w", 1, NOW, '{"type":"signup"}', state, None)


LOOKED_AT = given_up(then=NOW + 24 * HOURS)
WITH_DETACHED = given_up(beside=Beside(((LATER, NOW + 5 * HOURS),), NOW + 24 * HOURS))


@pytest.mark.parametrize("run", [LOOKED_AT, WITH_DETACHED])
@pytest.mark.parametrize("signal", [BOUGHT, WOKEN, Settled(Effect("start", 1, 7, "gone"), DONE)])
def test_whatever_comes_afterwards_does_not_make_it_due(run, signal):
    after, entries = step(GUARDED, run, signal, NO_FACTS, START + HOUR)
    assert (after.status, after.due) == (Status.FAILED, None)
    assert (after.state.then, after.state.beside) == (run.state.then, run.state.beside)
    assert [entry.kind for entry in entries] == ([Kind.GOAL] if signal is BOUGHT else after_kinds(signal))


def after_kinds(signal):
    return [] if signal is WOKEN else [Kind.LATE]


def test_it_waits_for_the_rest_of_its_wait_when_it_is_requeued_after_a_look():
    """It is looked at at once, and its wait is over no sooner than it would have been."""
    run, _ = step(GUARDED, LOOKED_AT, Requeued(anew=False), NO_FACTS, START + HOUR)
    assert (run.status, run.due, run.state.then) == (Status.ACTIVE, NOW + HOURS, NOW + 24 * HOURS)
    run, entries = step(GUARDED, run, WOKEN, FACTS, START + HOUR)
    assert (entries, run.state.waiting) == ((), Waiting.DURATION)
    assert (run.due, run.state.then) == (NOW + 10 * HOURS + 1, NOW + 24 * HOURS)
    run, entries = step(GUARDED, run, WOKEN, FACTS, START + 11 * HOUR)
    assert (run.status, run.state.reason) == (Status.EXITED, "over")


def test_a_requeued_run_without_anything_to_look_at_is_woken_at_the_end_of_its_wait():
    run, _ = step(GUARDED, LOOKED_AT, Requeued(anew=False), NO_FACTS, START + HOUR)
    run, _ = step(GUARDED, run, WOKEN, NO_FACTS, START + HOUR)
    assert (run.due, run.state.then) == (NOW + 24 * HOURS, None)
    run, entries = step(GUARDED, run, WOKEN, NO_FACTS, START + DAY)
    assert entries[0].kind is Kind.WOKEN
    assert run.status is Status.COMPLETED
