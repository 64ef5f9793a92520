"""A walk: a run on its way from one place to the next, and what the actions on the way decide.

To walk is to take the actions of the node in order until one has to be waited for or carried out, then to leave the
node by a label, without recursion. A branch and a split leave their node at once, an exit ends the run, and a node that
was entered as often as it may be is left by ``exhausted`` before its first action. A walk of ``MAX_STEPS`` actions and
nodes takes a turn: it parks, due at once.

A wait by the clock is computed once, on arrival, by ``waits.py``; one that is over by then is passed.
"""

from __future__ import annotations

from datetime import timedelta
from typing import Final, assert_never

from attrs import define, evolve, field

from flowkit.conditions import ALWAYS, Operand, evaluate, is_personal, needs
from flowkit.events import NO_FACTS, Facts, from_micros, to_micros
from flowkit.runs import awaiting, watching
from flowkit.runs.awaiting import Arrival, Met
from flowkit.runs.beside import Beside
from flowkit.runs.choices import asks_facts, choose, is_shared, of_facts
from flowkit.runs.effects import Asks, Effect, Outcome
from flowkit.runs.model import (
    Deferred,
    Entry,
    Kind,
    Member,
    State,
    Status,
    Waiting,
    Watch,
    operand_data,
    origin_instant,
)
from flowkit.runs.program import COUNTED_EVENTS, Program
from flowkit.runs.splits import Assigned
from flowkit.runs.telling import CROWDED, told_of
from flowkit.runs.variables import variables_of
from flowkit.runs.waits import Due, due_of
from flowkit.workflows.control import EXHAUSTED, Branch, Exit, LookBack, Split, WaitForEvent
from flowkit.workflows.model import END, Action, CheckEngagement, Node, Wait, WaitUntil
from flowkit.workflows.waits import GoTo, Instead, InsteadOfWaiting, ProfileDate, WaitRule

__all__ = ["ASSIGNED", "DRAWN", "MAX_STEPS", "Walk", "passed", "seconds_of"]

MAX_STEPS: Final = 64
ASSIGNED: Final = "assigned"
"""Before a dot, in what was read: the label that was assigned before."""
DRAWN: Final = "drawn"
"""Likewise: the label that is drawn at a node."""
_MICROSECOND: Final = timedelta(microseconds=1)


@define
class Walk:
    """A run on its way from one place to the next.

    Attributes:
        program: The version that it is pinned to.
        state: Where it stands by now.
        facts: What is known about the subscriber; None where that was not asked yet.
        now: The engine's instant in microseconds.
        due: When it wants to go on, in microseconds; None where it does not.
        member: What is the run's own.
        entries: The lines of the journal so far.
        reads: The facts that the walk depended on.
        own: Whether it depended on more than these: on whose run it is, or on what time it is.
        timed: Whether the due instant was set anew.
        dated: Whether a wait was computed from the instant.
        assigned: The labels that were assigned on the way, in order.
        flip: When a goal or an exit criterion may come to hold by itself, in microseconds; None for never.
        asks: What has to be known before it can go on; what is decided then is decided anew.
    """

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
    assigned: list[Assigned] = field(factory=list[Assigned])
    flip: int | None = None
    asks: Asks | None = None

    @property
    def action(self) -> Action:
        """The action at hand; there is one wherever a run waits, or has an effect pending."""
        return self.program.node(self.state.node or "").actions[self.state.action]

    def note(self, kind: Kind, action: Action | None = None, **data: object) -> None:
        """Write a line of the journal about the node at hand."""
        self.entries.append(Entry(kind, self.state.node, action.action_id if action else None, data))

    def enter(self, node_id: str) -> None:
        """Come to a node, and count the visit where it lies on a loop."""
        visits = self.state.visits
        if node_id in self.program.loops:
            counted = dict(visits)
            counted[node_id] = counted.get(node_id, 0) + 1
            most = self.program.node(node_id).max_visits
            if most is not None:  # One more than may be tells that the node is to be left, however often it comes up.
                counted[node_id] = min(counted[node_id], most + 1)
            visits = tuple(counted.items())
        self.state = evolve(self.state, node=node_id, action=0, pending=None, waiting=None, visits=visits)
        if self.state.skips:
            self.state = evolve(self.state, skips=())

    def park(
        self,
        due: int | None,
        *,
        pending: Effect | None = None,
        waiting: Waiting | None = None,
    ) -> None:
        """Stand still until an instant; None for one that nobody knows."""
        self.state = evolve(self.state, pending=pending, waiting=waiting)
        self.due = due
        self.timed = True

    def let_wait(self, then: int) -> None:
        """Take what the run waits for as its due instant, though it was to be looked at before."""
        self.flip, self.due = self.due, then
        self.state = evolve(self.state, then=None)
        self.own = True

    def look_at(self, flip: int) -> None:
        """Have the run looked at at an instant, where what it waits for does not come before."""
        if self.state.status is not Status.ACTIVE or (self.due is not None and self.due <= flip):
            return
        self.state = evolve(self.state, then=self.due)
        self.due = flip
        self.timed = self.own = True

    def keep(self, watch: Watch) -> None:
        """Keep something in mind for waits; the instants in it are the run's own."""
        if watch is not self.state.watch:
            self.state = evolve(self.state, watch=watch)
            self.own = True

    def end(self, status: Status, reason: str = "") -> None:
        """End the run, and forget where it was, but what it reached.

        What is open beside it is dropped, but where the run is complete.
        """
        before = self.state
        self.state = State(status, reason=reason, goals=before.goals)
        self.due = None
        self.timed = True
        if before.beside is not None and status is Status.COMPLETED:
            self.state = State(
                before.status,
                pause=before.pause,
                variables=before.variables,
                hops=before.hops,
                deferred=before.deferred,
                goals=before.goals,
            )
            self.hold(before.beside)

    def detach(self, effect: Effect, due: int) -> None:
        """Open an effect beside the run's place, and go on."""
        self.skip()
        self.hold((self.state.beside or Beside()).opened(effect, due))

    def again(self, effect: Effect, later: Effect, due: int) -> None:
        """Carry an effect out again later, be it at the place or beside it."""
        if self.state.pending == effect or self.state.beside is None:
            self.park(due, pending=later)
        else:
            self.hold(self.state.beside.closed(effect).opened(later, due))

    def keep_due(self, deferred: Deferred) -> None:
        """Keep in mind when an effect that is carried out later came due first."""
        self.state = evolve(self.state, deferred=(*self.state.deferred, deferred))

    def forget_due(self, effect: Effect) -> None:
        """Forget when an effect came due first."""
        if self.state.deferred:
            left = tuple(one for one in self.state.deferred if one.effect != effect)
            self.state = evolve(self.state, deferred=left)

    def let_go(self, effect: Effect, failure: Outcome | None = None) -> None:
        """Have done with a detached action; it stays known where it failed for good."""
        beside = self.state.beside
        if beside is not None:
            self.hold(beside.closed(effect) if failure is None else beside.given_up(effect, failure))

    def hold(self, beside: Beside) -> None:
        """Have this beside the place; a run at its end that has nothing open any more is over."""
        self.state = evolve(self.state, beside=beside if beside.open or beside.failed else None)
        if beside.open or self.state.node is not None or not self.state.alive:
            return
        if not beside.failed:
            self.state = State(Status.COMPLETED, goals=self.state.goals)
            return
        _, _, reason = beside.failed[0]
        self.state = evolve(self.state, status=Status.FAILED, reason=reason)
        self.entries.append(Entry(Kind.FAILED, None, None, {"reason": reason}))

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
        if self.state.skips and action.action_id in self.state.skips:
            self.skip()
            return ""
        delay = 0 if delayed else action.delay // _MICROSECOND
        match action.do:
            case Wait(duration):
                length = delay + duration // _MICROSECOND
                if length:
                    self.note(Kind.WAITING, action, seconds=seconds_of(length))
                    self.park(self.now + length, waiting=Waiting.DURATION)
                    return None
                self.skip()
                return ""
            case CheckEngagement() | WaitUntil() | Branch() | Split() | Exit() | WaitForEvent():
                if delay:
                    self.note(Kind.WAITING, action, seconds=seconds_of(delay))
                    self.park(self.now + delay, waiting=Waiting.DELAY)
                    return None
                return _steer(self, node, action, action.do)
            case _:
                if action.detached and self._is_crowded(action):
                    return ""
                if delay:
                    beside = {"detached": True} if action.detached else {}
                    self.note(Kind.WAITING, action, seconds=seconds_of(delay), **beside)
                visit = dict(self.state.visits).get(node.node_id, 1) + self.state.era
                effect = Effect(node.node_id, visit, self.state.action, action.action_id)
                if action.detached:
                    self.detach(effect, self.now + delay)
                    return ""
                self.park(self.now + delay, pending=effect)
                return None

    def _is_crowded(self, action: Action) -> bool:
        """Leave a detached action out where as many are open as may be."""
        beside, most = self.state.beside, self.program.workflow.max_detached
        if beside is None or len(beside.open) < most:
            return False
        self.note(Kind.SKIPPED, action, **told_of(action.do), reason=CROWDED, max_detached=most)
        self.skip()
        return True

    def exhaust(self, node: Node, most: int) -> None:
        """Go on instead of entering a node that was entered as often as it may be."""
        self.note(Kind.DECIDED, label=EXHAUSTED, operands={"visits": most, "max_visits": most})
        self.go(node.next_nodes.get(EXHAUSTED), EXHAUSTED)

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


# ------------------------------------------------------------------------------------------------------------
# Actions that decide where or when a run goes on


def _steer(
    walk: Walk,
    node: Node,
    action: Action,
    operation: CheckEngagement | WaitUntil | Branch | Split | Exit | WaitForEvent,
) -> str | None:
    """Take an action that decides where or when the run goes on; give what it decided, or None where it cannot."""
    match operation:
        case WaitUntil(rule):
            return _wait(walk, action, rule)
        case CheckEngagement():
            return _check(walk, node, action)
        case Branch():
            return _branch(walk, node, action, operation)
        case Split():
            return _split(walk, node, action, operation)
        case WaitForEvent():
            return _arrive(walk, node, action, operation)
        case Exit(reason):
            walk.note(Kind.EXITED, action, reason=reason)
            walk.end(Status.EXITED, reason)
            return ""
        case _:
            assert_never(operation)


def _wait(walk: Walk, action: Action, rule: WaitRule) -> str | None:
    """Wait by the clock, or pass where there is nothing to wait for."""
    if walk.facts is None:
        walk.asks = Asks(walk.program.needs)
        return None
    due = due_of(rule, walk.facts, walk.program.workflow.timezone, from_micros(walk.now))
    walk.reads += [Operand("zone", walk.facts.zone, holds=True), *due.operands]
    walk.dated = True
    on_missing: InsteadOfWaiting = Instead.PROCEED
    on_past: InsteadOfWaiting = Instead.PROCEED
    if isinstance(rule, ProfileDate):
        on_missing, on_past = rule.on_missing, rule.on_past
    if due.at is None:
        return _pass_by(walk, action, due, "missing", on_missing)
    length = to_micros(due.at) - walk.now
    if length > 0:
        walk.note(Kind.WAITING, action, seconds=seconds_of(length), **due.told)
        walk.park(walk.now + length, waiting=Waiting.DURATION)
        return None
    if length < 0:
        return _pass_by(walk, action, due, "past", on_past)
    return _pass_by(walk, action, due, "on_time", Instead.PROCEED)


def _pass_by(walk: Walk, action: Action, due: Due, result: str, instead: InsteadOfWaiting) -> str | None:
    """Do what is to be done instead of waiting."""
    walk.note(Kind.PASSED, action, result=result, **due.told)
    match instead:
        case Instead.PROCEED:
            walk.skip()
        case GoTo(target):
            walk.go(target, f"on_{result}")
        case Instead.EXIT:
            reason = f"{result}_date"
            walk.note(Kind.EXITED, reason=reason)
            walk.end(Status.EXITED, reason)
            return None
        case _:
            assert_never(instead)
    return ""


def _branch(walk: Walk, node: Node, action: Action, branch: Branch) -> str | None:
    """Leave the node by the label that a branch chooses."""
    if walk.facts is None and asks_facts(branch):
        walk.asks = Asks(walk.program.needs)
        return None
    choice = choose(
        branch,
        walk.facts or NO_FACTS,
        from_micros(walk.now),
        started_at=from_micros(walk.member.entered),
        predicates=walk.program.predicates,
        variables=variables_of(walk.state.variables),
    )
    walk.reads += of_facts(choice.operands)
    walk.own = walk.own or choice.timed or not is_shared(choice.operands)
    walk.note(Kind.DECIDED, action, **choice.data)
    walk.leave_by(node, choice.label)
    return ""


def _split(walk: Walk, node: Node, action: Action, split: Split) -> str | None:
    """Leave the node by the label that is assigned to the subscriber: the one that it has, else one that is drawn."""
    if walk.facts is None:
        walk.asks = Asks(walk.program.needs)
        return None
    fork = walk.program.forks[node.node_id]
    label = next((one.label for one in reversed(walk.assigned) if one.split == fork.split), None)
    if label is None:
        label = walk.facts.assigned.get(fork.split)
        walk.reads.append(Operand(f"{ASSIGNED}.{fork.split}", label, holds=True))
    kept = label in split.labels
    if label is None or not kept:
        before, label = label, fork.drawn(walk.facts.subscriber_id or "")
        walk.reads.append(Operand(f"{DRAWN}.{node.node_id}", label, holds=True))
        walk.assigned.append(Assigned(fork.split, label, before))
    walk.note(Kind.DECIDED, action, label=label, share=split.share(label), assigned="before" if kept else "now")
    walk.leave_by(node, label)
    return ""


def _arrive(walk: Walk, node: Node, action: Action, wait: WaitForEvent) -> str | None:
    """Come to a wait for what happens."""
    if walk.facts is None and awaiting.asks_facts(wait):
        walk.asks = Asks(walk.program.needs)
        return None
    watch, entered = walk.state.watch, walk.member.entered
    since = awaiting.since(wait, entered=entered, sent=watch.sent, now=walk.now)
    until = None if wait.timeout is None else walk.now + wait.timeout // _MICROSECOND
    arrival = Arrival(
        now=walk.now,
        since=since,
        until=until,
        seen=watching.first_seen(watch, node.node_id, walk.state.action),
        origin=None if isinstance(wait.look_back, LookBack) else origin_instant(walk.member.origin),
        variables=variables_of(walk.state.variables),
    )
    met, again = awaiting.arrive(
        wait, arrival, walk.facts or NO_FACTS, started_at=entered, predicates=walk.program.predicates
    )
    walk.keep(evolve(watch, since=since, until=until))
    if met is not None:
        passed(walk, node, action, met)
        return ""
    length = {} if until is None else {"seconds": seconds_of(until - walk.now)}
    walk.note(Kind.WAITING, action, labels=[branch.label for branch in wait.branches], **length)
    walk.park(again, waiting=Waiting.EVENT)
    return None


def passed(walk: Walk, node: Node, action: Action, met: Met) -> None:
    """Leave a wait by the branch that was met, or by its timeout."""
    walk.note(Kind.DECIDED, action, **met.data)
    walk.keep(watching.left(walk.state.watch, node.node_id, walk.state.action, met.label))
    walk.leave_by(node, met.label)


def _check(walk: Walk, node: Node, action: Action) -> str | None:
    """Decide between ``engaged`` and ``not_engaged``."""
    if walk.facts is None and (needs(node.condition) or is_personal(node.condition)):
        walk.asks = Asks(walk.program.needs)
        return None
    counts = dict(walk.state.counts)
    operands = [
        Operand(f"count.{name}", count := counts.get(COUNTED_EVENTS.get(name, name), 0), count >= minimum)
        for name, minimum in node.engagement_threshold.items()
    ]
    holds = all(operand.holds for operand in operands)
    if holds and node.condition != ALWAYS:
        verdict = evaluate(
            node.condition,
            walk.facts or NO_FACTS,
            None,
            from_micros(walk.now),
            started_at=from_micros(walk.member.entered),
            predicates=walk.program.predicates,
            variables=variables_of(walk.state.variables),
        )
        operands += verdict.operands
        walk.reads += of_facts(verdict.operands)
        walk.own = walk.own or verdict.timed or not is_shared(verdict.operands)
        holds = verdict.holds
    label = "engaged" if holds else "not_engaged"
    walk.note(Kind.DECIDED, action, label=label, **operand_data(operands))
    path = action.success_path if holds else action.failure_path
    if path is not None:
        walk.go(path, "success_path" if holds else "failure_path")
        return ""
    walk.skip()
    return label


def seconds_of(micros: int) -> float:
    """Give microseconds in seconds: an integer where that is exact."""
    whole, rest = divmod(micros, 1_000_000)
    return micros / 1_000_000 if rest else whole
