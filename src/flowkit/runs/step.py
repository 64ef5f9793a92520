"""The state machine: every signal that moves a run is taken here; it reads no clock and calls no port.

The law. A run is in one of seven places; a signal moves it or leaves it where it is.

====================  ==================  ======================  =====================================================
place                 Started             Woken, at the due time  Settled(effect, outcome)
====================  ==================  ======================  =====================================================
not begun             walk from entry     -                       -
effect pending        -                   - (it is carried out)   done: ``success_path``, else on
                                                                  skipped: ``failure_path``, else on; a message
                                                                  may say that the run ends instead
                                                                  failed, unknown: ``failure_path``, else the edge
                                                                  ``failure`` of a last action, else the run fails
                                                                  retry: the same effect again, later; the last: failed
                                                                  deferred: the same attempt, when it is due again
waiting for a time    -                   on with the walk        journaled as late
waiting for its turn  -                   on with the walk        journaled as late
waiting for an event  -                   on, by a condition or   journaled as late
                                          by ``timeout``
paused                -                   -                       as without the pause; it stands still after it
ended, held out       -                   -                       journaled as late
====================  ==================  ======================  =====================================================

What an outcome leads to stands in ``settling.py``. Beside its place a run may have detached actions open, each due at
an instant of its own (``beside.py``). Settled(effect, outcome) closes one, retry postpones it, and the run stays in its
place, whatever comes of it. A run that comes to its end with some open is at no node, observes nothing, and is over
with the last of them: complete, or failed where one of them failed. The run's due instant is the earliest of all; Woken
moves the place alone, and only where its own has come.

With each of them, before anything else but the lines about what happened, goals are counted, and an exit criterion that
is met ends the run where it is; ``aims.py`` says how. A run that waits for something may be looked at before it comes:
``State.then`` says when it comes.

Observed(event) counts the event in any living run (``observing.py``). It moves what waits for it, and what waits for a
condition that holds by then; so does Looked, which brings no event for the run. Nothing else is moved, but goals are
counted by an event after the end, too. Requeued() lets a run that failed go on where it did, at once: its effect is
carried out as if for the first time, under the same key or a new one, and so is each detached action that failed.

What comes back of a webhook or of an action of the host's own, where it is done, sets variables, which are part of the
state (``variables.py``). They are the run's until it ends. Where a detached action sets some, a wait for a condition is
looked at.

Paused, Resumed and Exited come from outside (``controls.py``): any active run can be paused, any paused one resumed
where it was, and any living one ended. Each does nothing where it is done already.

Between two places a run walks; ``walk.py`` says how, and what the actions on the way decide.

What a transition depends on is written into it: the facts that were read, whether anything else of the run was, and
the instant where a wait was computed from it. Runs of one version that stand in the same state, and whose facts agree
on what was read, make the same transition; so the engine decides once for all of them.
"""

from __future__ import annotations

from datetime import datetime
from typing import NamedTuple, assert_never

from attrs import evolve, frozen

from flowkit.conditions import Operand
from flowkit.events import Facts, to_micros
from flowkit.runs import aims, controls
from flowkit.runs.beside import reopened
from flowkit.runs.effects import (
    Asks,
    Exited,
    Looked,
    Observed,
    Paused,
    Requeued,
    Resumed,
    Settled,
    Signal,
    Started,
    Woken,
)
from flowkit.runs.model import Entry, Kind, Member, Run, State, Status, Waiting
from flowkit.runs.observing import look, observe
from flowkit.runs.program import Program
from flowkit.runs.settling import MAX_ATTEMPTS, settle
from flowkit.runs.splits import Assigned
from flowkit.runs.walk import MAX_STEPS, Walk

__all__ = ["MAX_ATTEMPTS", "MAX_STEPS", "Member", "Step", "Transition", "decide", "step"]


class Step(NamedTuple):
    """What a signal did to a run: the run as it stands now, and the lines for its journal."""

    run: Run
    entries: tuple[Entry, ...]


@frozen
class Transition:
    """What a signal does to every run in one state.

    Attributes:
        state: The state after it.
        delay: Microseconds from now to the due instant after it; None where the run waits for nothing.
        entries: The lines for the journal.
        reads: The facts that it depends on.
        own: Whether it depends on more than state, signal and those facts: on the identity of the run, on when it was
            due, or, for a condition, on what time it is.
        only_at: The one instant at which it holds, in microseconds, where a wait by the clock was computed from it;
            None where it holds at any. What is decided for one run holds for all at the same instant.
        assigned: The labels that are assigned to the subscriber, to be written with the state.
    """

    state: State
    delay: int | None
    entries: tuple[Entry, ...]
    reads: tuple[Operand, ...] = ()
    own: bool = False
    only_at: int | None = None
    assigned: tuple[Assigned, ...] = ()

    def due(self, now: int) -> int | None:
        """Give the due instant after it, in microseconds; None where the run waits for nothing."""
        return None if self.delay is None else now + self.delay


def step(program: Program, run: Run, signal: Signal, facts: Facts, now: datetime) -> Step:
    """Move a run by one signal: total and deterministic; the same arguments give the same step.

    Args:
        program: The version that the run is pinned to.
        run: The run as it was read.
        signal: What happened.
        facts: What is known about the subscriber.
        now: The engine's instant.

    Returns:
        The run as it stands now, and the lines of the journal. What the run wants done stands in ``run.state.pending``.
    """
    if program.forks and facts.subscriber_id is None:
        facts = evolve(facts, subscriber_id=run.subscriber_id)
    transition = decide(program, run.state, signal, facts, to_micros(now), Member.of(run, run.due))
    if isinstance(transition, Asks):
        message = "decide asks for facts only where it was given none"
        raise AssertionError(message)
    return Step(run.moved(transition.state, transition.due(to_micros(now))), transition.entries)


def decide(
    program: Program,
    state: State,
    signal: Signal,
    facts: Facts | None,
    now: int,
    member: Member,
) -> Transition | Asks:
    """Find the transition of a state, for all runs that share it.

    Args:
        program: The version that the runs are pinned to.
        state: Where the runs stand.
        signal: What happened.
        facts: What is known about the subscriber; None asks whether the transition can do without.
        now: The engine's instant in microseconds.
        member: One of the runs; which one matters where the transition says so.

    Returns:
        The transition, or the facts that it asks for.
    """
    walk = Walk(program, state, facts, now, member.due if state.beside is None else state.beside.due, member)
    if state.then is not None and (state.alive or isinstance(signal, Requeued)):
        walk.let_wait(state.then)
    _take(walk, signal)
    if walk.asks is not None:
        return walk.asks
    if walk.flip is not None:
        walk.look_at(walk.flip)
    if walk.state.pause is not None:
        controls.still(walk)
    if state.beside is not None or walk.state.beside is not None:
        return _with_beside(walk)
    delay = None if walk.due is None else walk.due - now
    own = walk.own or not walk.timed
    return Transition(
        walk.state,
        delay,
        tuple(walk.entries),
        tuple(walk.reads),
        own,
        now if walk.dated else None,
        tuple(walk.assigned),
    )


def _take(walk: Walk, signal: Signal) -> None:
    match signal:
        case Started():
            _started(walk)
        case Woken(called):
            _woken(walk, called=called)
        case Observed(event, hops):
            observe(walk, event, hops)
        case Looked(event):
            if not aims.ends(walk, event):
                look(walk, event, mine=False)
        case Settled(effect, outcome, at):
            settle(walk, effect, outcome, walk.now if at is None else min(at, walk.now))
        case Requeued(anew, beside):
            _requeued(walk, beside, anew=anew)
        case Paused() | Resumed() | Exited():
            controls.control(walk, signal)
        case _:
            assert_never(signal)


def _with_beside(walk: Walk) -> Transition:
    """Give the transition of a run that has, or had, detached actions open: it holds at this instant only.

    The due instant of its place stands in its state, so the run's own is not asked.
    """
    state, due, beside = walk.state, walk.due, walk.state.beside
    if beside is not None:
        if beside.due != due:
            beside = evolve(beside, due=due)
            state = evolve(state, beside=beside)
        due = beside.earliest if state.status is Status.ACTIVE else None
    delay = None if due is None else due - walk.now
    lines, reads = tuple(walk.entries), tuple(walk.reads)
    return Transition(state, delay, lines, reads, walk.own, walk.now, tuple(walk.assigned))


def _started(walk: Walk) -> None:
    workflow = walk.program.workflow
    if walk.state.node is None and walk.state.on_its_way:
        data = {"trigger": workflow.trigger.trigger_id}
        walk.entries.append(Entry(Kind.ENTERED, workflow.entry_node, None, data))
        walk.enter(workflow.entry_node)
        if not aims.ends(walk):
            walk.on()


def _woken(walk: Walk, *, called: bool) -> None:
    looked_at = walk.due if walk.flip is None else walk.flip
    if walk.state.status is not Status.ACTIVE or looked_at is None or looked_at > walk.now or walk.state.pending:
        return
    if not called and aims.ends(walk):
        return
    if walk.due is None or walk.due > walk.now:
        return
    match walk.state.waiting:
        case Waiting.DURATION:
            walk.entries.append(Entry(Kind.WOKEN, walk.state.node, walk.action.action_id))
            walk.skip()
            walk.on()
        case Waiting.DELAY:
            walk.on(delayed=True)
        case Waiting.TURN:
            walk.state = evolve(walk.state, waiting=None)
            walk.on()
        case Waiting.EVENT:
            look(walk, None, mine=False, woken=True)
        case None:
            return
        case _:
            assert_never(walk.state.waiting)


def _requeued(walk: Walk, beside: tuple[bool, ...], *, anew: bool) -> None:
    state = walk.state
    if state.status is not Status.FAILED or (state.node is None and state.beside is None):
        return
    pending = state.pending
    if pending is not None:
        pending = evolve(pending, attempt=0, generation=pending.generation + anew)
    walk.state = evolve(state, status=Status.ACTIVE, reason="", result=None, deferred=())
    action = None if pending is None else walk.action
    is_new = (anew and pending is not None) or any(beside)
    walk.note(Kind.REQUEUED, action, after=state.reason, key="new" if is_new else "same")
    if state.beside is not None:
        walk.hold(reopened(state.beside, walk.now, beside))
    if state.node is not None:
        # Where workers died over what was beside it, or over a look at it, the place itself may have to wait still.
        waits = walk.due is not None or (state.beside is not None and state.waiting is Waiting.EVENT)
        due = walk.due if waits else walk.now
        walk.park(due, pending=pending, waiting=state.waiting or (None if pending else Waiting.TURN))
        walk.flip = walk.now if waits and walk.program.guarded else None
