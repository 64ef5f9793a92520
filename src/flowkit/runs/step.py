"""The state machine: every transition of a run stands in this file, and nothing here reads a clock or calls a port.

The law. A run is in one of six places; a signal moves it or leaves it where it is.

====================  ==================  ======================  =====================================================
place                 Started             Woken, at the due time  Settled(effect, outcome)
====================  ==================  ======================  =====================================================
not begun             walk from entry     -                       -
effect pending        -                   - (it is carried out)   done: ``success_path``, else on
                                                                  skipped: ``failure_path``, else on
                                                                  failed, unknown: ``failure_path``, else the edge
                                                                  ``failure`` of a last action, else the run fails
                                                                  retry: the same effect again, later; the last: failed
waiting for a time    -                   on with the walk        journaled as late
waiting for its turn  -                   on with the walk        journaled as late
waiting for an event  -                   on, by a condition or   journaled as late
                                          by ``timeout``
ended                 -                   -                       journaled as late
====================  ==================  ======================  =====================================================

Observed(event) counts the event in any living run. It moves what waits for it, and what waits for a condition that
holds by then; so does Looked, which brings no event for the run. Nothing else is moved. Requeued() lets a run that
failed go on where it did, at once: its effect is carried out as if for the first time, under the same key or a new one.

To walk is to take the actions of the node in order until one has to be waited for or carried out, then to leave the
node by a label, without recursion. A branch leaves its node at once, an exit ends the run, and a node that was entered
as often as it may be is left by ``exhausted`` before its first action. A walk of ``MAX_STEPS`` actions and nodes takes
a turn: it parks, due at once.

A wait by the clock is computed once, on arrival, by ``waits.py``; one that is over by then is passed.

What a transition depends on is written into it: the facts that were read, whether anything else of the run was, and
the instant where a wait was computed from it. Runs of one version that stand in the same state, and whose facts agree
on what was read, make the same transition; so the engine decides once for all of them.
"""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Final, NamedTuple, assert_never

from attrs import define, evolve, field, frozen

from flowkit.conditions import ALWAYS, Operand, evaluate, is_personal, needs
from flowkit.events import NO_FACTS, Event, Facts, from_micros, to_micros
from flowkit.hashing import digest64
from flowkit.runs import awaiting, watching
from flowkit.runs.awaiting import Arrival, Met
from flowkit.runs.choices import asks_facts, choose, is_shared
from flowkit.runs.effects import (
    Asks,
    Effect,
    Looked,
    Observed,
    Outcome,
    Requeued,
    Result,
    Settled,
    Signal,
    Started,
    Woken,
)
from flowkit.runs.model import Entry, Kind, Run, State, Status, Waiting, Watch, operand_data, origin_instant
from flowkit.runs.program import COUNTED_EVENTS, Program
from flowkit.runs.waits import Due, due_of
from flowkit.workflows.control import EXHAUSTED, Branch, Exit, LookBack, WaitForEvent
from flowkit.workflows.model import (
    END,
    Action,
    CallWebhook,
    CheckEngagement,
    Node,
    Operation,
    SendEmail,
    UpdateProfile,
    UpdateSegments,
    Wait,
    WaitUntil,
)
from flowkit.workflows.waits import GoTo, Instead, InsteadOfWaiting, ProfileDate, WaitRule

__all__ = ["MAX_ATTEMPTS", "MAX_STEPS", "Member", "Step", "Transition", "decide", "step"]

MAX_STEPS: Final = 64
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
    """

    state: State
    delay: int | None
    entries: tuple[Entry, ...]
    reads: tuple[Operand, ...] = ()
    own: bool = False
    only_at: int | None = None

    def due(self, now: int) -> int | None:
        """Give the due instant after it, in microseconds; None where the run waits for nothing."""
        return None if self.delay is None else now + self.delay


class Member(NamedTuple):
    """One of the runs that stand in a state, with what is its own.

    Attributes:
        run_id: Its id.
        due: When it is due, in microseconds; None where it is not.
        entered: When it was entered, in microseconds.
        origin: The event that led to it, as the run keeps it; empty where that is not known yet.
    """

    run_id: str
    due: int | None
    entered: int
    origin: str = ""

    @classmethod
    def of(cls, run: Run, due: int | None) -> Member:
        """Take what is a run's own."""
        return cls(run.id, due, run.entered, run.origin)


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
    walk = _Walk(program, state, facts, now, member.due, member)
    match signal:
        case Started():
            if state.node is None and state.alive:
                trigger = program.workflow.trigger.trigger_id
                walk.entries.append(Entry(Kind.ENTERED, program.workflow.entry_node, None, {"trigger": trigger}))
                walk.enter(program.workflow.entry_node)
                walk.on()
        case Woken():
            _woken(walk)
        case Observed(event):
            _observed(walk, event)
        case Looked(event):
            _looked(walk, event, mine=False)
        case Settled(effect, outcome):
            _settled(walk, member.run_id, effect, outcome)
        case Requeued(anew):
            _requeued(walk, anew=anew)
        case _:
            assert_never(signal)
    if walk.asks is not None:
        return walk.asks
    delay = None if walk.due is None else walk.due - now
    own = walk.own or not walk.timed
    return Transition(walk.state, delay, tuple(walk.entries), tuple(walk.reads), own, now if walk.dated else None)


@define
class _Walk:
    """A run on its way from one place to the next."""

    program: Program
    state: State
    facts: Facts | None
    now: int
    due: int | None
    member: Member
    entries: list[Entry] = field(factory=list[Entry])
    reads: list[Operand] = field(factory=list[Operand])
    own: bool = False
    timed: bool = False
    dated: bool = False
    asks: Asks | None = None

    def note(self, kind: Kind, action: Action | None = None, **data: object) -> None:
        self.entries.append(Entry(kind, self.state.node, action.action_id if action else None, data))

    def enter(self, node_id: str) -> None:
        visits = self.state.visits
        if node_id in self.program.loops:
            counted = dict(visits)
            counted[node_id] = counted.get(node_id, 0) + 1
            most = self.program.node(node_id).max_visits
            if most is not None:  # One more than may be tells that the node is to be left, however often it comes up.
                counted[node_id] = min(counted[node_id], most + 1)
            visits = tuple(counted.items())
        self.state = evolve(self.state, node=node_id, action=0, pending=None, waiting=None, visits=visits)

    def park(self, due: int | None, *, pending: Effect | None = None, waiting: Waiting | None = None) -> None:
        self.state = evolve(self.state, pending=pending, waiting=waiting)
        self.due = due
        self.timed = True

    def keep(self, watch: Watch) -> None:
        """Keep something in mind for waits; the instants in it are the run's own."""
        if watch is not self.state.watch:
            self.state = evolve(self.state, watch=watch)
            self.own = True

    def end(self, status: Status, reason: str = "") -> None:
        self.state = State(status, reason=reason)
        self.due = None
        self.timed = True

    def skip(self) -> None:
        """Go on to the next action of the node."""
        self.state = evolve(self.state, action=self.state.action + 1, pending=None, waiting=None)

    def on(self, label: str = "", *, delayed: bool = False) -> None:
        """Walk until something has to be waited for or carried out.

        Args:
            label: What the action before decided, which counts where it was the node's last.
            delayed: Whether the delay of the action at hand is over.
        """
        for _ in range(MAX_STEPS):
            if self.state.node is None:
                return
            node = self.program.node(self.state.node)
            if node.max_visits is not None and dict(self.state.visits).get(node.node_id, 0) > node.max_visits:
                self.exhaust(node, node.max_visits)
                label, delayed = "", False
                continue
            if self.state.action < len(node.actions):
                decided = self.take(node, node.actions[self.state.action], delayed=delayed)
                if decided is None:
                    return
                label, delayed = decided, False
                if self.state.action < len(node.actions):
                    continue  # with the next action, or in the node that a path led to
            # In one step with the last action: a turn in between would forget the label.
            self.leave(node, label)
            label = ""
        if self.state.node is not None:
            self.park(self.now, waiting=Waiting.TURN)

    def take(self, node: Node, action: Action, *, delayed: bool) -> str | None:
        """Take one action; give what it decided, or None where the run parks or must ask."""
        delay = 0 if delayed else action.delay // _MICROSECOND
        match action.do:
            case Wait(duration):
                length = delay + duration // _MICROSECOND
                if length:
                    self.note(Kind.WAITING, action, seconds=_seconds(length))
                    self.park(self.now + length, waiting=Waiting.DURATION)
                    return None
                self.skip()
                return ""
            case CheckEngagement() | WaitUntil() | Branch() | Exit() | WaitForEvent():
                if delay:
                    self.note(Kind.WAITING, action, seconds=_seconds(delay))
                    self.park(self.now + delay, waiting=Waiting.DELAY)
                    return None
                return self.steer(node, action, action.do)
            case _:
                if delay:
                    self.note(Kind.WAITING, action, seconds=_seconds(delay))
                visit = dict(self.state.visits).get(node.node_id, 1)
                effect = Effect(node.node_id, visit, self.state.action, action.action_id)
                self.park(self.now + delay, pending=effect)
                return None

    def wait(self, action: Action, rule: WaitRule) -> str | None:
        """Wait by the clock, or pass where there is nothing to wait for."""
        if self.facts is None:
            self.asks = Asks(self.program.needs)
            return None
        due = due_of(rule, self.facts, self.program.workflow.timezone, from_micros(self.now))
        self.reads += [Operand("zone", self.facts.zone, holds=True), *due.operands]
        self.dated = True
        on_missing: InsteadOfWaiting = Instead.PROCEED
        on_past: InsteadOfWaiting = Instead.PROCEED
        if isinstance(rule, ProfileDate):
            on_missing, on_past = rule.on_missing, rule.on_past
        if due.at is None:
            return self.pass_by(action, due, "missing", on_missing)
        length = to_micros(due.at) - self.now
        if length > 0:
            self.note(Kind.WAITING, action, seconds=_seconds(length), **due.told)
            self.park(self.now + length, waiting=Waiting.DURATION)
            return None
        if length < 0:
            return self.pass_by(action, due, "past", on_past)
        return self.pass_by(action, due, "on_time", Instead.PROCEED)

    def pass_by(self, action: Action, due: Due, result: str, instead: InsteadOfWaiting) -> str | None:
        """Do what is to be done instead of waiting."""
        self.note(Kind.PASSED, action, result=result, **due.told)
        match instead:
            case Instead.PROCEED:
                self.skip()
            case GoTo(target):
                self.go(target, f"on_{result}")
            case Instead.EXIT:
                reason = f"{result}_date"
                self.end(Status.EXITED, reason)
                self.entries.append(Entry(Kind.EXITED, None, None, {"reason": reason}))
                return None
            case _:
                assert_never(instead)
        return ""

    def steer(
        self, node: Node, action: Action, operation: CheckEngagement | WaitUntil | Branch | Exit | WaitForEvent
    ) -> str | None:
        """Take an action that decides where or when the run goes on; give what it decided, or None where it cannot."""
        match operation:
            case WaitUntil(rule):
                return self.wait(action, rule)
            case CheckEngagement():
                return self.check(node, action)
            case Branch():
                return self.branch(node, action, operation)
            case WaitForEvent():
                return self.arrive(node, action, operation)
            case Exit(reason):
                self.note(Kind.EXITED, action, reason=reason)
                self.end(Status.EXITED, reason)
                return ""
            case _:
                assert_never(operation)

    def branch(self, node: Node, action: Action, branch: Branch) -> str | None:
        """Leave the node by the label that a branch chooses."""
        if self.facts is None and asks_facts(branch):
            self.asks = Asks(self.program.needs)
            return None
        choice = choose(
            branch,
            self.facts or NO_FACTS,
            from_micros(self.now),
            started_at=from_micros(self.member.entered),
            predicates=self.program.predicates,
        )
        self.reads += choice.operands
        self.own = self.own or choice.timed or not is_shared(choice.operands)
        self.note(Kind.DECIDED, action, **choice.data)
        self.leave_by(node, choice.label)
        return ""

    def arrive(self, node: Node, action: Action, wait: WaitForEvent) -> str | None:
        """Come to a wait for what happens."""
        if self.facts is None and awaiting.asks_facts(wait):
            self.asks = Asks(self.program.needs)
            return None
        watch, entered = self.state.watch, self.member.entered
        since = awaiting.since(wait, entered=entered, sent=watch.sent, now=self.now)
        until = None if wait.timeout is None else self.now + wait.timeout // _MICROSECOND
        here = (node.node_id, self.state.action)
        arrival = Arrival(
            now=self.now,
            since=since,
            until=until,
            seen={place: at for *post, place, at in watch.seen if tuple(post) == here},
            origin=None if isinstance(wait.look_back, LookBack) else origin_instant(self.member.origin),
        )
        met, again = awaiting.arrive(
            wait, arrival, self.facts or NO_FACTS, started_at=entered, predicates=self.program.predicates
        )
        self.keep(evolve(watch, since=since, until=until))
        if met is not None:
            self.passed(node, action, met)
            return ""
        length = {} if until is None else {"seconds": _seconds(until - self.now)}
        self.note(Kind.WAITING, action, labels=[branch.label for branch in wait.branches], **length)
        self.park(again, waiting=Waiting.EVENT)
        return None

    def passed(self, node: Node, action: Action, met: Met) -> None:
        """Leave a wait by the branch that was met, or by its timeout."""
        self.note(Kind.DECIDED, action, **met.data)
        self.keep(watching.left(self.state.watch, node.node_id, self.state.action, met.label))
        self.leave_by(node, met.label)

    def exhaust(self, node: Node, most: int) -> None:
        """Go on instead of entering a node that was entered as often as it may be."""
        self.note(Kind.DECIDED, label=EXHAUSTED, operands={"visits": most, "max_visits": most})
        self.go(node.next_nodes.get(EXHAUSTED), EXHAUSTED)

    def check(self, node: Node, action: Action) -> str | None:
        """Decide between ``engaged`` and ``not_engaged``."""
        if self.facts is None and (needs(node.condition) or is_personal(node.condition)):
            self.asks = Asks(self.program.needs)
            return None
        counts = dict(self.state.counts)
        operands = [
            Operand(f"count.{name}", count := counts.get(COUNTED_EVENTS.get(name, name), 0), count >= minimum)
            for name, minimum in node.engagement_threshold.items()
        ]
        holds = all(operand.holds for operand in operands)
        if holds and node.condition != ALWAYS:
            verdict = evaluate(
                node.condition,
                self.facts or NO_FACTS,
                None,
                from_micros(self.now),
                started_at=from_micros(self.member.entered),
                predicates=self.program.predicates,
            )
            operands += verdict.operands
            self.reads += verdict.operands
            self.own = self.own or verdict.timed or not is_shared(verdict.operands)
            holds = verdict.holds
        label = "engaged" if holds else "not_engaged"
        self.note(Kind.DECIDED, action, label=label, **operand_data(operands))
        path = action.success_path if holds else action.failure_path
        if path is not None:
            self.go(path, "success_path" if holds else "failure_path")
            return ""
        self.skip()
        return label

    def leave(self, node: Node, label: str) -> None:
        """Leave a node by its label, ``success`` or ``failure``, or ``default``; with no edge the run is complete."""
        outcome = {"engaged": "success", "not_engaged": "failure"}.get(label, label)
        self.leave_by(node, label, outcome)

    def leave_by(self, node: Node, *labels: str) -> None:
        """Leave a node by the first of some labels that it has a way for, else by ``default``."""
        by = next((name for name in labels if name in node.next_nodes), "default")
        self.go(node.next_nodes.get(by), by)

    def go(self, target: str | None, by: str) -> None:
        """Leave the node for a target; None completes the run, even where a node is called ``end``."""
        self.note(Kind.LEFT, by=by, to=target or END)
        if target is None or (target == END and END not in self.program.workflow.nodes):
            self.entries.append(Entry(Kind.COMPLETED))
            self.end(Status.COMPLETED)
        else:
            self.enter(target)


def _seconds(micros: int) -> float:
    whole, rest = divmod(micros, 1_000_000)
    return micros / 1_000_000 if rest else whole


def _woken(walk: _Walk) -> None:
    if walk.state.status is not Status.ACTIVE or walk.due is None or walk.due > walk.now:
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


def _action(walk: _Walk) -> Action:
    node = walk.program.node(walk.state.node or "")
    return node.actions[walk.state.action]


def _observed(walk: _Walk, event: Event) -> None:
    program, run_id = walk.program, walk.member.run_id
    if not walk.state.alive:
        return
    if walk.facts is None and any(awaiting.asks_facts(post.wait) for post in program.posts):
        walk.asks = Asks(program.needs)
        return
    named = event.properties.get("send_key")
    mine = event.type in program.listens and (named is None or str(named).startswith(run_id))
    if mine and event.type in program.counted:
        counts = dict(walk.state.counts)
        counts[event.type] = counts.get(event.type, 0) + 1
        walk.note(Kind.OBSERVED, type=event.type, count=counts[event.type])
        walk.state = evolve(walk.state, counts=tuple(sorted(counts.items())))
    facts = walk.facts or NO_FACTS
    if mine and program.posts:
        entered = walk.member.entered
        walk.keep(watching.seen(walk.state.watch, program.posts, event, facts, entered=entered, now=walk.now))
    if not _looked(walk, event, mine=mine) and mine:
        for post, met in watching.late(walk.state.watch, program.posts, event, facts, walk.now):
            action = program.node(post.node).actions[post.action]
            walk.entries.append(Entry(Kind.LATE, post.node, action.action_id, met.data))


def _looked(walk: _Walk, event: Event | None, *, mine: bool, woken: bool = False) -> bool:
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
    facts = walk.facts or NO_FACTS
    after = facts if event is None else awaiting.with_event(facts, walk.program.needs, event, walk.now)
    met, again = awaiting.look(
        wait,
        Arrival(now=walk.now, since=watch.since, until=watch.until),
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
    walk.passed(node, action, met)
    walk.on()
    return True


def _settled(walk: _Walk, run_id: str, effect: Effect, outcome: Outcome) -> None:
    if walk.state.pending != effect or not walk.state.alive:
        data = {"result": outcome.result.value, **_because(outcome)}
        walk.entries.append(Entry(Kind.LATE, effect.node, effect.action_id, data))
        return
    node = walk.program.node(effect.node)
    action = node.actions[effect.action]
    told = {**_told(action.do), **({"attempt": effect.attempt + 1} if effect.attempt else {}), **_because(outcome)}
    match outcome.result:
        case Result.DONE:
            walk.note(Kind.DONE, action, **told)
            if walk.program.notes_sends and isinstance(action.do, SendEmail):
                walk.keep(watching.sent(walk.state.watch, walk.program.posts, walk.now))
            _onward(walk, action.success_path, "success_path", "success")
        case Result.SKIPPED:
            walk.note(Kind.SKIPPED, action, **told)
            _onward(walk, action.failure_path, "failure_path", "failure")
        case Result.RETRY if effect.attempt + 1 < MAX_ATTEMPTS:
            walk.own = True
            again = evolve(effect, attempt=effect.attempt + 1)
            pause = _pause(run_id, again, outcome)
            walk.note(Kind.RETRYING, action, seconds=_seconds(pause), **told)
            walk.park(walk.now + pause, pending=again)
        case Result.RETRY | Result.FAILED | Result.UNKNOWN:
            walk.note(Kind.FAILED, action, result=outcome.result.value, **told)
            last = effect.action + 1 == len(node.actions)
            if action.failure_path is not None or (last and "failure" in node.next_nodes):
                _onward(walk, action.failure_path, "failure_path", "failure")
            else:
                reason = outcome.reason or outcome.result.value
                walk.state = evolve(walk.state, status=Status.FAILED, reason=reason, result=outcome.result)
                walk.due, walk.timed = None, True
                walk.entries.append(Entry(Kind.FAILED, None, None, {"reason": reason}))
        case _:
            assert_never(outcome.result)


def _requeued(walk: _Walk, *, anew: bool) -> None:
    state = walk.state
    if state.status is not Status.FAILED or state.node is None:
        return
    pending = state.pending
    if pending is not None:
        pending = evolve(pending, attempt=0, generation=pending.generation + anew)
    walk.state = evolve(state, status=Status.ACTIVE, reason="", result=None)
    action = None if pending is None else _action(walk)
    walk.note(Kind.REQUEUED, action, after=state.reason, key="new" if anew and pending is not None else "same")
    walk.park(walk.now, pending=pending, waiting=state.waiting or (None if pending else Waiting.TURN))


def _onward(walk: _Walk, path: str | None, by: str, label: str) -> None:
    if path is None:
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
    return data


def _told(operation: Operation) -> dict[str, object]:
    """What the journal says about an operation that was carried out."""
    match operation:
        case SendEmail(template_id):
            return {"type": "send_email", "template_id": template_id}
        case UpdateSegments(add=add, remove=remove):
            return {"type": "segment_update", "add": list(add), "remove": list(remove)}
        case UpdateProfile(set=values, unset=unset, increment=increment):
            return {"type": "personalization_update", "names": sorted({*values, *unset, *increment})}
        case CallWebhook(method=method):
            return {"type": "webhook", "method": method}
        case Wait() | WaitUntil() | CheckEngagement() | Branch() | Exit() | WaitForEvent():
            return {}
        case _:
            assert_never(operation)
