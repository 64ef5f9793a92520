"""What is done to a run from outside, by the step function alone."""

from datetime import timedelta

import pytest
from attrs import evolve

from flowkit.events import NO_FACTS
from flowkit.hashing import run_id
from flowkit.runs.effects import (
    DONE,
    WOKEN,
    Exited,
    Outcome,
    PauseClock,
    Paused,
    Requeued,
    Result,
    Resumed,
    Settled,
    Started,
)
from flowkit.runs.model import Kind, Run, State, Status, Waiting
from flowkit.runs.program import compile_workflow
from flowkit.runs.step import step
from tests.support.journeys import DAY, HOUR, NOW, START, node, send, wait, workflow

MICRO = 1_000_000
FIRST = compile_workflow(workflow(node("start", send(), default="rest"), node("rest", wait())), 1)
WAITING = compile_workflow(workflow(node("start", wait())), 1)


def begun(program, at=START):
    run = Run(run_id("w", "s", "1"), "s", "w", 1, NOW, "{}", State(), None)
    return step(program, run, Started(), NO_FACTS, at).run


def seen(done):
    return [entry.kind for entry in done.entries]


@pytest.mark.parametrize("own", [False, True])
@pytest.mark.parametrize("clock", PauseClock)
def test_a_pause_keeps_what_the_run_goes_on_with(clock, own):
    run = begun(WAITING)
    done = step(WAITING, run, Paused(NOW + 5, clock, own), NO_FACTS, START)
    pause = done.run.state.pause
    assert (done.run.status, done.run.due) == (Status.PAUSED, None)
    assert (pause.since, pause.due, pause.clock, pause.own) == (NOW + 5, run.due, clock, own)
    assert pause.was_due is False
    assert evolve(done.run.state, status=Status.ACTIVE, pause=None) == run.state
    assert seen(done) == [Kind.PAUSED]
    again = step(WAITING, done.run, Resumed(NOW + 5 + MICRO), NO_FACTS, START + HOUR)
    assert (again.run.state, again.run.due) == (run.state, run.due + (MICRO if clock is PauseClock.FREEZE else 0))
    assert seen(again) == [Kind.RESUMED]


def test_what_is_done_already_is_not_done_again():
    run = begun(WAITING)
    still = step(WAITING, run, Paused(NOW), NO_FACTS, START).run
    for signal in (Paused(NOW + 9, PauseClock.RUN), WOKEN):
        done = step(WAITING, still, signal, NO_FACTS, START + DAY)
        assert (done.run.state, done.run.due, done.entries) == (still.state, None, ())
    done = step(WAITING, run, Resumed(NOW + 9), NO_FACTS, START)
    assert (done.run, done.entries) == (run, ())
    ended = step(WAITING, still, Exited("over"), NO_FACTS, START)
    assert (ended.run.state, ended.run.due) == (State(Status.EXITED, reason="over"), None)
    assert [(entry.kind, entry.node, entry.data) for entry in ended.entries] == [
        (Kind.EXITED, "start", {"reason": "over"})
    ]
    for signal in (Exited("again"), Paused(NOW), Resumed(NOW)):
        done = step(WAITING, ended.run, signal, NO_FACTS, START)
        assert (done.run, done.entries) == (ended.run, ())


def test_a_paused_run_may_be_paused_by_itself_as_well():
    still = step(WAITING, begun(WAITING), Paused(NOW), NO_FACTS, START).run
    done = step(WAITING, still, Paused(NOW + 9, own=True), NO_FACTS, START)
    assert done.run.state.pause == evolve(still.state.pause, own=True)
    assert done.entries == ()


def test_an_outcome_moves_a_paused_run_and_it_stands_still_after_it():
    run = begun(FIRST)
    still = step(FIRST, run, Paused(NOW), NO_FACTS, START).run
    assert still.state.pause.was_due
    done = step(FIRST, still, Settled(run.state.pending, DONE), NO_FACTS, START + HOUR)
    state = done.run.state
    assert (state.status, state.node, state.waiting, done.run.due) == (Status.PAUSED, "rest", Waiting.DURATION, None)
    hour = HOUR // timedelta(microseconds=1)
    assert (state.pause.since, state.pause.due) == (NOW + hour, NOW + 2 * hour)
    resumed = step(FIRST, done.run, Resumed(NOW + 3 * hour), NO_FACTS, START + 3 * HOUR)
    assert resumed.run.due == NOW + 4 * hour


def test_a_paused_run_that_fails_is_paused_no_more():
    run = begun(FIRST)
    still = step(FIRST, run, Paused(NOW), NO_FACTS, START).run
    failed = step(FIRST, still, Settled(run.state.pending, Outcome(Result.FAILED, "gone")), NO_FACTS, START).run
    assert (failed.status, failed.state.pause) == (Status.FAILED, None)
    assert step(FIRST, failed, Requeued(anew=True), NO_FACTS, START).run.status is Status.ACTIVE
