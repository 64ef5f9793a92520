"""The state machine: every signal that moves a run is taken here, and nothing here reads a clock or calls a port.

The law. A run is in one of six places; a signal moves it or leaves it where it is.

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

Beside its place a run may have detached actions open, each due at an instant of its own. Settled(effect, outcome)
closes one, retry postpones it, and the run stays in its place, whatever comes of it. A run that comes to its end with
some open is at no node, observes nothing, and is over with the last of them: complete, or failed where one of them
failed. The run's due instant is the earliest of all; Woken moves the place alone, and only where its own has come.

With each of them, before anything else but the lines about what happened, goals are counted, and an exit criterion that
is met ends the run where it is; ``aims.py`` says how. A run that waits for something may be looked at before it comes:
``State.then`` says when it comes.

Observed(event) counts the event in any living run. It moves what waits for it, and what waits for a condition that
holds by then; so does Looked, which brings no event for the run. Nothing else is moved, but goals are counted by an
event after the end, too. Requeued() lets a run that
failed go on where it did, at once: its effect is carried out as if for the first time, under the same key or a new one,
and so is each detached action that failed.

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

from datetime import datetime, timedelta
from typing import Final, NamedTuple, assert_never

from attrs import evolve, frozen

from flowkit.conditions import Operand
from flowkit.events import NO_FACTS, Event, Facts, to_micros
from flowkit.hashing import digest64
from flowkit.runs import aims, awaiting, controls, watching
from flowkit.runs.awaiting import Arrival
from flowkit.runs.beside import reopened
from flowkit.runs.effects import (
    Asks,
    Deferral,
    Effect,
    Exited,
    Looked,
    Observed,
    Outcome,
    Paused,
    Requeued,
    Result,
    Resumed,
    Settled,
    Signal,
    Started,
    Woken,
)
from flowkit.runs.guards import guard_of
from flowkit.runs.model import Deferred, Entry, Kind, Member, Run, State, Status, Waiting
from flowkit.runs.program import Program
from flowkit.runs.splits import Assigned
from flowkit.runs.variables import take, variables_of
from flowkit.runs.walk import MAX_STEPS, Walk, passed, seconds_of
from flowkit.workflows.control import Branch, Exit, Split, WaitForEvent
from flowkit.workflows.links import EmitEvent, StartWorkflow
from flowkit.workflows.model import (
    EMAIL,
    Action,
    CallHandler,
    CallWebhook,
    CheckEngagement,
    OnSkip,
    Operation,
    SendEmail,
    UpdateProfile,
    UpdateSegments,
    Wait,
    WaitUntil,
)

__all__ = ["MAX_ATTEMPTS", "MAX_STEPS", "Member", "Step", "Transition", "decide", "step"]

MAX_ATTEMPTS: Final = 10
_FIRST_RETRY: Final = timedelta(minutes=1)
_LONGEST_RETRY: Final = timedelta(hours=6)
_LONGEST_ASKED: Final = timedelta(days=36_525)
_MICROSECOND: Final = timedelta(microseconds=1)


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
    if state.then is not None:
        walk.let_wait(state.then)
    match signal:
        case Started():
            _started(walk)
        case Woken(called):
            _woken(walk, called=called)
        case Observed(event, hops):
            _observed(walk, event, hops)
        case Looked(event):
            if not aims.ends(walk, event):
                _looked(walk, event, mine=False)
        case Settled(effect, outcome, at):
            _settled(walk, effect, outcome, now if at is None else min(at, now))
        case Requeued(anew, beside):
            _requeued(walk, beside, anew=anew)
        case Paused() | Resumed() | Exited():
            controls.control(walk, signal)
        case _:
            assert_never(signal)
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


def _with_beside(walk: Walk) -> Transition:
    """Give the transition of a run that has, or had, detached actions open: it holds at this instant only.

    The due instant of its place stands in its state, so the run's own is not asked.
    """
    state, due, beside = walk.state, walk.due, walk.state.beside
    if beside is not None:
        if beside.due != due:
            beside = evolve(beside, due=due)
            state = evolve(state, beside=beside)
        due = beside.earliest if state.status is Status.ACTIVE else due
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
            walk.entries.append(Entry(Kind.WOKEN, walk.state.node, _action(walk).action_id))
            walk.skip()
            walk.on()
        case Waiting.DELAY:
            walk.on(delayed=True)
        case Waiting.TURN:
            walk.state = evolve(walk.state, waiting=None)
            walk.on()
        case Waiting.EVENT:
            _looked(walk, None, mine=False, woken=True)
        case None:
            return
        case _:
            assert_never(walk.state.waiting)


def _action(walk: Walk) -> Action:
    node = walk.program.node(walk.state.node or "")
    return node.actions[walk.state.action]


def _observed(walk: Walk, event: Event, hops: int) -> None:
    program = walk.program
    mine = _is_mine(walk, event)
    if not walk.state.alive:
        aims.measure(walk, event, mine=mine)
        return
    if not walk.state.on_its_way:
        aims.ends(walk, event, mine=mine)
        return
    if walk.facts is None and any(awaiting.asks_facts(post.wait) for post in program.posts):
        walk.asks = Asks(program.needs)
        return
    if mine and event.type in program.counted:
        counts = dict(walk.state.counts)
        counts[event.type] = counts.get(event.type, 0) + 1
        walk.note(Kind.OBSERVED, type=event.type, count=counts[event.type])
        walk.state = evolve(walk.state, counts=tuple(sorted(counts.items())))
    if mine and hops > walk.state.hops:
        walk.state = evolve(walk.state, hops=hops)
    if aims.ends(walk, event, mine=mine):
        return
    facts = walk.facts or NO_FACTS
    if mine and program.posts:
        member, pause = walk.member, walk.state.pause
        entered, due = member.entered, member.due is not None and member.due <= walk.now
        due = due or (pause is not None and pause.was_due)
        walk.keep(watching.seen(walk.state.watch, program.posts, event, facts, entered=entered, now=walk.now, due=due))
        controls.note_met(walk, event, facts)
    if not _looked(walk, event, mine=mine) and mine:
        for post, met in watching.late(walk.state.watch, program.posts, event, facts, walk.now):
            action = program.node(post.node).actions[post.action]
            walk.entries.append(Entry(Kind.LATE, post.node, action.action_id, met.data))


def _is_mine(walk: Walk, event: Event) -> bool:
    """Whether an event is one for the run: one that its workflow asks for, and that names no send of another run."""
    named = event.properties.get("send_key")
    return event.type in walk.program.listens and (named is None or str(named).startswith(walk.member.run_id))


def _looked(walk: Walk, event: Event | None, *, mine: bool, woken: bool = False) -> bool:
    """Look at a run that may be in a wait for what happens; tell whether it goes on."""
    state, watch = walk.state, walk.state.watch
    if state.status is not Status.ACTIVE or state.waiting is not Waiting.EVENT or watch.since is None:
        return False
    node, action = walk.program.node(state.node or ""), _action(walk)
    wait = action.do
    if not isinstance(wait, WaitForEvent):
        return False
    is_over = watch.until is not None and watch.until <= walk.now
    if walk.facts is None and awaiting.asks_facts(wait) and not (woken and walk.due == watch.until):
        walk.asks = Asks(walk.program.needs)
        return False
    if watch.met is not None and awaiting.in_time(watch.met[0], watch.since, watch.until):
        at, place, kind = watch.met
        passed(walk, node, action, awaiting.by_event(wait, place, at, kind))
        walk.on()
        return True
    facts = walk.facts or NO_FACTS
    after = facts if event is None else awaiting.with_event(facts, walk.program.needs, event, walk.now)
    met, again = awaiting.look(
        wait,
        Arrival(now=walk.now, since=watch.since, until=watch.until, variables=variables_of(state.variables)),
        (facts, after),
        walk.due,
        started_at=walk.member.entered,
        predicates=walk.program.predicates,
        event=event if mine else None,
    )
    if met is None and woken and is_over and watch.until is not None:
        met = awaiting.timed_out(wait, watch.until)
    walk.own = True
    if met is None:
        if again != walk.due:
            walk.park(again, waiting=Waiting.EVENT)
        return False
    walk.facts = None if walk.facts is None else after
    passed(walk, node, action, met)
    walk.on()
    return True


def _settled(walk: Walk, effect: Effect, outcome: Outcome, at: int) -> None:
    detached = walk.state.beside is not None and effect in walk.state.beside.effects
    if not detached and (walk.state.pending != effect or not walk.state.alive):
        data = {"result": outcome.result.value, **_because(outcome)}
        walk.entries.append(Entry(Kind.LATE, effect.node, effect.action_id, data))
        return
    walk.forget_due(effect)
    outcome = _heard(outcome)
    action = walk.program.node(effect.node).actions[effect.action]
    told = {**_told(action.do), **({"attempt": effect.attempt + 1} if effect.attempt else {}), **_because(outcome)}
    match outcome.result:
        case Result.DONE:
            _done(walk, effect, outcome, at, told)
        case Result.SKIPPED:
            _tell(walk, Kind.SKIPPED, effect, told)
            if not aims.ends(walk):
                _skipped(walk, effect, action, outcome, detached=detached)
        case Result.DEFERRED if outcome.deferral is not None:
            _tell(walk, Kind.DEFERRED, effect, {**_held_up(outcome.deferral, walk.now), **told})
            if not aims.ends(walk):
                _deferred(walk, effect, outcome.deferral)
        case Result.RETRY if effect.attempt + 1 < MAX_ATTEMPTS:
            _retried(walk, effect, outcome, told)
        case Result.RETRY | Result.FAILED | Result.UNKNOWN | Result.DEFERRED:
            _tell(walk, Kind.FAILED, effect, {"result": outcome.result.value, **told})
            if not aims.ends(walk):
                _failed(walk, effect, outcome, detached=detached)
        case _:
            assert_never(outcome.result)


def _skipped(walk: Walk, effect: Effect, action: Action, outcome: Outcome, *, detached: bool) -> None:
    if isinstance(action.do, SendEmail) and action.do.on_skip is OnSkip.EXIT and not detached:
        walk.end(Status.EXITED, outcome.reason)
        walk.entries.append(Entry(Kind.EXITED, None, None, {"reason": outcome.reason}))
    else:
        _onward(walk, effect, action.failure_path, "failure_path", "failure")


def _heard(outcome: Outcome) -> Outcome:
    """Take a deferral that a port gives for what it was: an attempt."""
    is_attempt = outcome.result is Result.DEFERRED and outcome.deferral is None
    return evolve(outcome, result=Result.RETRY) if is_attempt else outcome


def _held_up(later: Deferral, now: int) -> dict[str, object]:
    """Say what holds an effect up, and for how long."""
    return {"by": guard_of(later.by), "seconds": seconds_of(max(later.until - now, 0))}


def _deferred(walk: Walk, effect: Effect, later: Deferral) -> None:
    """Carry an effect out later, as the same attempt."""
    walk.again(effect, effect, max(later.until, walk.now))
    walk.keep_due(Deferred(effect, later.since, later.by, later.mark))
    walk.dated = True


def _retried(walk: Walk, effect: Effect, outcome: Outcome, told: dict[str, object]) -> None:
    """Carry an effect out later, as another attempt."""
    walk.own = True
    again = evolve(effect, attempt=effect.attempt + 1)
    pause = _pause(walk.member.run_id, again, outcome)
    _tell(walk, Kind.RETRYING, effect, {"seconds": seconds_of(pause), **told})
    if aims.ends(walk):
        return
    walk.again(effect, again, walk.now + pause)
    if outcome.deferral is not None:
        walk.keep_due(Deferred(again, outcome.deferral.since))


def _done(walk: Walk, effect: Effect, outcome: Outcome, at: int, told: dict[str, object]) -> None:
    """Take what came of an effect that was carried out, and go on behind it."""
    action = walk.program.node(effect.node).actions[effect.action]
    detached = walk.state.pending != effect
    variables = walk.state.variables
    if isinstance(action.do, CallWebhook | CallHandler):
        taken = take(variables, action.do, outcome.output)
        told |= taken.data
        walk.state = evolve(walk.state, variables=taken.text)
    _tell(walk, Kind.DONE, effect, told)
    if walk.program.notes_sends and isinstance(action.do, SendEmail):
        _sent(walk, at, detached=detached)
    if aims.ends(walk):
        return
    _onward(walk, effect, action.success_path, "success_path", "success")
    if detached and walk.state.variables != variables:
        _looked(walk, None, mine=False)


def _failed(walk: Walk, effect: Effect, outcome: Outcome, *, detached: bool) -> None:
    """Go on behind an effect that failed for good, where there is a way; else the run fails."""
    node = walk.program.node(effect.node)
    path = node.actions[effect.action].failure_path
    last = effect.action + 1 == len(node.actions)
    if detached:
        walk.let_go(effect, outcome)
    elif path is not None or (last and "failure" in node.next_nodes):
        _onward(walk, effect, path, "failure_path", "failure")
    else:
        reason = outcome.reason or outcome.result.value
        walk.state = evolve(walk.state, status=Status.FAILED, reason=reason, result=outcome.result)
        walk.due, walk.timed = None, True
        walk.entries.append(Entry(Kind.FAILED, None, None, {"reason": reason}))


def _sent(walk: Walk, at: int, *, detached: bool) -> None:
    """Keep in mind when the run's last message was sent; a worker that died may have sent a detached one before it."""
    last = walk.state.watch.sent if detached else None
    if walk.state.node is not None and (last is None or last <= at):
        walk.keep(watching.sent(walk.state.watch, walk.program.posts, at))


def _tell(walk: Walk, kind: Kind, effect: Effect, data: dict[str, object]) -> None:
    walk.entries.append(Entry(kind, effect.node, effect.action_id, data))


def _requeued(walk: Walk, beside: tuple[bool, ...], *, anew: bool) -> None:
    state = walk.state
    if state.status is not Status.FAILED or (state.node is None and state.beside is None):
        return
    pending = state.pending
    if pending is not None:
        pending = evolve(pending, attempt=0, generation=pending.generation + anew)
    walk.state = evolve(state, status=Status.ACTIVE, reason="", result=None, deferred=())
    action = None if pending is None else _action(walk)
    is_new = (anew and pending is not None) or any(beside)
    walk.note(Kind.REQUEUED, action, after=state.reason, key="new" if is_new else "same")
    if state.beside is not None:
        walk.hold(reopened(state.beside, walk.now, beside))
    if state.node is not None:
        # Where workers died over what was beside it, the place itself may have to wait still.
        waits = state.beside is not None and (walk.due is not None or state.waiting is Waiting.EVENT)
        due = walk.due if waits else walk.now
        walk.park(due, pending=pending, waiting=state.waiting or (None if pending else Waiting.TURN))


def _onward(walk: Walk, effect: Effect, path: str | None, by: str, label: str) -> None:
    """Go on behind an effect that is settled; one beside the place leads nowhere."""
    if walk.state.pending != effect:
        walk.let_go(effect)
    elif path is None:
        walk.skip()
        walk.on(label)
    else:
        walk.go(path, by)
        walk.on()


def _pause(run_id: str, effect: Effect, outcome: Outcome) -> int:
    """Back off exponentially with full jitter from the run's own seed; never sooner than the receiver asked for.

    A receiver is a stranger: what it asks for beyond a hundred years is not heard.
    """
    ceiling = min(_LONGEST_RETRY, _FIRST_RETRY * (1 << (effect.attempt - 1))) // _MICROSECOND
    share = digest64("retry", run_id, effect.suffix, str(effect.attempt))
    asked = min(outcome.retry_after or timedelta(), _LONGEST_ASKED) // _MICROSECOND
    return max(1 + (ceiling * share >> 64), asked)


def _because(outcome: Outcome) -> dict[str, object]:
    data: dict[str, object] = {}
    if outcome.reason:
        data["reason"] = outcome.reason
    if outcome.reference is not None:
        data["reference"] = outcome.reference
    return {**data, **dict(outcome.told)} if outcome.told else data


def _told(operation: Operation) -> dict[str, object]:
    """What the journal says about an operation that was carried out."""
    match operation:
        case SendEmail(template_id, channel=channel):
            if channel != EMAIL:
                return {"type": "send", "channel": channel, "template_id": template_id}
            return {"type": "send_email", "template_id": template_id}
        case UpdateSegments(add=add, remove=remove):
            return {"type": "segment_update", "add": list(add), "remove": list(remove)}
        case UpdateProfile(set=values, unset=unset, increment=increment):
            return {"type": "personalization_update", "names": sorted({*values, *unset, *increment})}
        case CallWebhook(method=method):
            return {"type": "webhook", "method": method}
        case CallHandler(name):
            return {"type": "custom", "name": name}
        case EmitEvent(event_type):
            return {"type": "emit_event", "event": event_type}
        case StartWorkflow(workflow_id):
            return {"type": "start_workflow", "workflow": workflow_id}
        case Wait() | WaitUntil() | CheckEngagement() | Branch() | Split() | Exit() | WaitForEvent():
            return {}
        case _:
            assert_never(operation)
