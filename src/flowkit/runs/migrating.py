"""Where a run that is under way goes on in another version of its workflow, and when; pure, and total.

The law. A run keeps its place where the new version has it: the node by its id, the action within it by its own. A wait
counts from when it began, whatever it is that changed: one that is over by its new length is due at once, and none is
due before the instant that the new version would have set. An action that left its node is followed into the one node
that it came to. One that is gone is passed by, and its run goes on with the next that is left. Where the node is gone
the caller has to name a target. Actions that were taken in the same visit are not taken again where they come later.

An effect that was not begun keeps its key where node, action and kind of operation are the same. One that was tried
before, or may have been, keeps its run on the old version until it is settled: its key must not come again elsewhere.
After a migration new keys are made in another era, so that none that was used before, whatever was taken by then, comes
again.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import timedelta
from enum import StrEnum
from typing import Final, TypeAlias

from attrs import evolve, field, frozen

from flowkit.events import Facts, from_micros, to_micros
from flowkit.runs.beside import Beside
from flowkit.runs.effects import Effect
from flowkit.runs.model import Deferred, Entry, Kind, Member, State, Status, Waiting, Watch
from flowkit.runs.program import Program
from flowkit.runs.waits import due_of
from flowkit.runs.walk import Walk, seconds_of
from flowkit.workflows.control import LookBack, WaitForEvent
from flowkit.workflows.diff.compare import Fate, Place, continuations, spelled
from flowkit.workflows.model import Action, CallHandler, SendEmail, Wait, WaitUntil

__all__ = ["EXIT", "AsksWhen", "Course", "Passage", "Stays", "Went", "migrate"]

EXIT: Final = "exit"
"""The target of nodes whose runs are to end."""
MIGRATED: Final = "migrated"
_MICROSECOND: Final = timedelta(microseconds=1)


class Course(StrEnum):
    """What becomes of a run in a migration."""

    MAPPED = "mapped"
    """It stands at the same place, until the same instant."""
    RETIMED = "retimed"
    """It stands at the same place, until another instant."""
    MOVED = "moved"
    """It goes on at another place."""
    EXITED = "exited"
    """It ends."""
    KEPT = "kept"
    """It stays on its version."""


@frozen
class Went:
    """A run goes over.

    Attributes:
        course: How.
        state: Where it stands then.
        due: When it wants to go on, in microseconds; None where it does not.
        entries: The lines for its journal.
    """

    course: Course
    state: State
    due: int | None
    entries: tuple[Entry, ...]


@frozen
class Stays:
    """A run stays on its version.

    Attributes:
        reason: ``retrying``: its effect was tried, and is to be tried again; ``effect_pending``: its effect is due, and
            has another key, or is gone, in the new version, or a detached one is; ``needs_target``: its node is gone;
            ``at_end``: it came to its end, and only detached actions of it are open.
    """

    reason: str


@frozen
class AsksWhen:
    """It has to be known when the wait of the run began, and what is known about the subscriber."""


@frozen(eq=False)
class Passage:
    """The way from one version to another, laid out once.

    Attributes:
        old: The version that runs are on.
        new: The one that they are to go on in.
        targets: By node of the old version, the node of the new one at which runs go on, or ``exit``.
        places: Where each place goes on by itself; None where it needs a target.
    """

    old: Program
    new: Program
    targets: Mapping[str, str]
    places: Mapping[Place, Place | None] = field(init=False)
    followed: frozenset[Place] = field(init=False)

    def __attrs_post_init__(self) -> None:
        found = list(continuations(self.old.workflow, self.new.workflow))
        object.__setattr__(self, "places", {one.old: one.new for one in found})
        # Those whose action is still there, be it in another node.
        followed = frozenset(one.old for one in found if one.fate in {Fate.KEPT, Fate.MOVED})
        object.__setattr__(self, "followed", followed)


_Where: TypeAlias = tuple[str, int]
"""A node of the new version, and the index of an action in it, or their number for its end."""


def migrate(
    passage: Passage,
    state: State,
    member: Member,
    now: int,
    *,
    began: int | None = None,
    facts: Facts | None = None,
) -> Went | Stays | AsksWhen:
    """Find where a living run goes on in another version.

    Args:
        passage: From which version to which.
        state: Where the run stands.
        member: What is its own; its due instant is the one that the run has, or had before it was paused.
        now: The engine's instant in microseconds.
        began: When the wait at hand began, in microseconds, where that was asked.
        facts: What is known about the subscriber, likewise.
    """
    if state.node is None:
        return Stays("at_end")
    beside = state.beside
    due = member.due if beside is None else beside.due
    due = due if state.pause is None else state.pause.due
    if state.then is not None:  # It was to be looked at before what it waits for comes.
        state, due = evolve(state, then=None), state.then
    # A paused run goes on from where its time stands still.
    now = now if state.pause is None else state.pause.since
    node = state.node or ""
    actions = passage.old.node(node).actions
    action = actions[state.action] if state.action < len(actions) else None
    place = Place(node, None if action is None else action.action_id)
    if any(effect.attempt for effect in state.effects):
        return Stays("retrying")
    open_beside = _beside(passage, beside, now)
    if open_beside is None:
        return Stays("effect_pending")
    state = evolve(state, beside=open_beside if open_beside.open or open_beside.failed else None)
    target = passage.targets.get(node)
    kept = target is None and action is not None and place in passage.followed
    where = None if target is not None else _new_place(passage, place, at_end=action is None)
    begun = state.pending is not None and (due is None or due <= now)
    if begun and not (kept and action is not None and where is not None and _same_effect(passage, action, node, where)):
        return Stays("effect_pending")
    if target == EXIT and EXIT not in passage.new.workflow.nodes:
        ended = State(Status.EXITED, reason=MIGRATED, goals=state.goals)
        return Went(Course.EXITED, ended, None, (Entry(Kind.EXITED, node, None, {"reason": MIGRATED}),))
    if target is not None:
        where = (target, 0)
    if where is None:
        return Stays("needs_target")
    ahead = _Ahead(passage, state, node, action, where, due, now, target is not None)
    return ahead.timed(began, facts) if kept else ahead.taken()


def _new_place(passage: Passage, place: Place, *, at_end: bool) -> _Where | None:
    nodes = passage.new.workflow.nodes
    if at_end and place not in passage.places:
        return (place.node_id, len(nodes[place.node_id].actions)) if place.node_id in nodes else None
    found = passage.places[place]
    if found is None:
        return None
    actions = nodes[found.node_id].actions
    index = next((at for at, one in enumerate(actions) if one.action_id == found.action_id), None)
    if index is None:
        index = len(actions) if passage.old.node(place.node_id).actions else 0
    return found.node_id, index


def _same_effect(passage: Passage, action: Action, node: str, where: _Where) -> bool:
    """Whether an effect keeps its key, and what it does."""
    return where[0] == node and _does_alike(action, passage.new.node(where[0]).actions[where[1]])


def _does_alike(action: Action, other: Action) -> bool:
    """Whether two actions are carried out by the same receiver, in the same way."""
    one, two = action.do, other.do
    if isinstance(one, SendEmail) and isinstance(two, SendEmail):
        return one.channel == two.channel
    if isinstance(one, CallHandler) and isinstance(two, CallHandler):
        return one.name == two.name
    return type(one) is type(two)


@frozen
class _Ahead:
    """A run before a place of the new version."""

    passage: Passage
    state: State
    node: str
    action: Action | None
    where: _Where
    due: int | None
    now: int
    entered: bool

    @property
    def there(self) -> Action:
        """The action at the new place."""
        return self.passage.new.node(self.where[0]).actions[self.where[1]]

    # -- an action that is still there ----------------------------------------------------------------------------

    def timed(self, began: int | None, facts: Facts | None) -> Went | AsksWhen:
        """Let what is pending, or waited for, go on under the action as it is now."""
        old, new = self.action, self.there
        if old is None:
            return self.taken()
        match self.state.waiting:
            case None if self.state.pending is not None:
                return self._pending(old, new)
            case Waiting.DURATION if isinstance(new.do, (Wait, WaitUntil)):
                return self._waiting(old, new, began, facts)
            case Waiting.DELAY:
                return self._stood(self._later(old.delay, new.delay))
            case Waiting.EVENT if isinstance(new.do, WaitForEvent) and isinstance(old.do, WaitForEvent):
                return self._listening(old.do, new.do)
            case Waiting.TURN:
                return self._stood(self.due)
            case _:
                return self.taken()

    def _pending(self, old: Action, new: Action) -> Went:
        pending = self.state.pending
        if pending is None or self.where[0] != self.node or not _does_alike(old, new):
            return self.taken()
        due = self.due
        if due is not None and due > self.now:
            due = self._later(old.delay, new.delay)
        return self._stood(due, pending=True)

    def _later(self, old: timedelta, new: timedelta) -> int | None:
        """Count a length of time that has changed from when it began."""
        if self.due is None or old == new:
            return self.due
        return max(self.now, self.due + (new - old) // _MICROSECOND)

    def _waiting(self, old: Action, new: Action, began: int | None, facts: Facts | None) -> Went | AsksWhen:
        match old.do, new.do:
            case Wait(before), Wait(after):
                return self._stood(self._later(old.delay + before, new.delay + after))
            case _ if self._same_rule(old, new):
                return self._stood(self.due)
            case Wait(before), _ if self.due is not None:
                began = self.due - (old.delay + before) // _MICROSECOND
            case _:
                pass
        if began is None or facts is None:
            return AsksWhen()
        if isinstance(new.do, Wait):
            return self._stood(max(self.now, began + new.do.duration // _MICROSECOND))
        if not isinstance(new.do, WaitUntil):
            return self.taken()
        at = due_of(new.do.rule, facts, self.passage.new.workflow.timezone, from_micros(began)).at
        # Where it cannot be told, the action is come to anew: it says what to do then.
        return self.taken() if at is None else self._stood(max(self.now, to_micros(at)))

    def _same_rule(self, old: Action, new: Action) -> bool:
        zones = (self.passage.old.workflow.timezone, self.passage.new.workflow.timezone)
        return spelled(old.do) == spelled(new.do) and zones[0] == zones[1]

    def _listening(self, old: WaitForEvent, new: WaitForEvent) -> Went:
        watch = self.state.watch
        if spelled(old) == spelled(new):
            return self._stood(self.due)
        until = _deadline(old, new, watch, self.now)
        course = Course.MAPPED if until == watch.until else Course.RETIMED
        watch = evolve(watch, until=until, met=_met(old, new, watch))
        # It is to be looked at, for what it waits for may be there.
        return self._stood(self.now, watch=watch, course=course)

    # -- the place itself -------------------------------------------------------------------------------------------

    def taken(self) -> Went:
        """Go on with the action at the new place as if the run had just come to it."""
        walk = Walk(self.passage.new, self.state, None, self.now, self.now, Member("", None, 0))
        node, index = self.where
        if node != self.node or self.entered:
            walk.enter(node)
        state = evolve(walk.state, node=node, action=index, pending=None, waiting=Waiting.TURN)
        watch = self.state.watch
        if self.state.waiting is Waiting.EVENT:
            watch = evolve(watch, since=None, until=None, met=None)
        return self._over(Course.MOVED, evolve(state, watch=watch), self.now)

    def _stood(
        self, due: int | None, *, watch: Watch | None = None, pending: bool = False, course: Course | None = None
    ) -> Went:
        """Stand at the new place as at the old one."""
        node, index = self.where
        state = evolve(self.state, node=node, action=index)
        if pending and state.pending is not None:
            state = evolve(state, pending=evolve(state.pending, action=index))
        if watch is not None:
            state = evolve(state, watch=watch)
        course = course or (Course.MAPPED if due == self.due else Course.RETIMED)
        return self._over(course if node == self.node else Course.MOVED, state, due)

    def _over(self, course: Course, state: State, due: int | None) -> Went:
        old, new = self.passage.old, self.passage.new
        most = max((count for _, count in self.state.visits), default=1)
        visits = state.visits
        if state.node in new.loops and state.node not in dict(visits):
            visits = (*visits, (state.node, 1))
        state = evolve(
            state,
            visits=visits,
            era=self.state.era + most,
            skips=self._skips(state),
            watch=_remapped(old, new, state),
            deferred=_held_up(state),
        )
        action = None if self.action is None else self.action.action_id
        data: dict[str, object] = {"from": old.version, "to": new.version, "node": state.node, "course": course.value}
        before, after = self.due, due
        if self.state.waiting is Waiting.EVENT is state.waiting:  # It is looked at now; what counts is its deadline.
            before, after = self.state.watch.until, state.watch.until
        if after is not None and before is not None and after != before:
            data["seconds"] = seconds_of(after - before)
        entries = [Entry(Kind.MIGRATED, self.node, action, data)]
        if state.node != self.node or self.entered:
            entries.append(Entry(Kind.LEFT, self.node, None, {"by": MIGRATED, "to": state.node}))
        if new.guarded and state.pause is None and (due is None or due > self.now):
            state, due = evolve(state, then=due), self.now  # Its new goals and exit criteria are looked at.
        if state.beside is not None:
            beside = evolve(state.beside, due=due if state.pause is None else None)
            state = evolve(state, beside=beside)
        if state.pause is not None:
            state, due = evolve(state, pause=evolve(state.pause, due=due)), None
        elif state.beside is not None:
            due = state.beside.earliest
        return Went(course, state, due, tuple(entries))

    def _skips(self, state: State) -> tuple[str, ...]:
        """Name the actions ahead, in the node at hand, that were taken in this visit already."""
        if state.node != self.node or self.entered:
            return ()
        taken = {action.action_id for action in self.passage.old.node(self.node).actions[: self.state.action]}
        taken |= set(self.state.skips)
        ahead = self.passage.new.node(self.node).actions[state.action :]
        return tuple(action.action_id for action in ahead if action.action_id in taken)


def _held_up(state: State) -> tuple[Deferred, ...]:
    """Name the effects that are held up as they are now: their actions may stand elsewhere in the node."""
    found = {(one.node, one.visit, one.action_id): one for one in state.effects}
    names = ((one, found.get((one.effect.node, one.effect.visit, one.effect.action_id))) for one in state.deferred)
    return tuple(evolve(one, effect=effect) for one, effect in names if effect is not None)


def _beside(passage: Passage, beside: Beside | None, now: int) -> Beside | None:
    """Name what is open beside a place by the new version; what is gone is dropped before it is due.

    Returns:
        None where something is due that has no place any more.
    """
    if beside is None:
        return Beside()
    found: list[tuple[Effect, int]] = []
    for effect, due in beside.open:
        there = _detached(passage, effect)
        if there is not None:
            found.append((there, due))
        elif due <= now:
            return None
    failed = (
        (there, result, reason)
        for effect, result, reason in beside.failed
        if (there := _detached(passage, effect)) is not None
    )
    return evolve(beside, open=tuple(found), failed=tuple(failed))


def _detached(passage: Passage, effect: Effect) -> Effect | None:
    node = passage.new.workflow.nodes.get(effect.node)
    before = passage.old.node(effect.node).actions[effect.action]
    for index, action in enumerate(() if node is None else node.actions):
        if action.action_id == effect.action_id and _does_alike(before, action):
            return evolve(effect, action=index)
    return None


def _deadline(old: WaitForEvent, new: WaitForEvent, watch: Watch, now: int) -> int | None:
    """Count the time for a wait from when it began; where nobody knows that any more, from now."""
    if new.timeout is None:
        return None
    if watch.until is not None and old.timeout is not None:
        return watch.until + (new.timeout - old.timeout) // _MICROSECOND
    began = watch.since if old.look_back is LookBack.ARRIVAL and watch.since is not None else now
    return began + new.timeout // _MICROSECOND


def _met(old: WaitForEvent, new: WaitForEvent, watch: Watch) -> tuple[int, int, str] | None:
    if watch.met is None:
        return None
    at, place, kind = watch.met
    there = _branch(old, new, place)
    return None if there is None else (at, there, kind)


def _branch(old: WaitForEvent, new: WaitForEvent, place: int) -> int | None:
    """Find a branch of the same label that waits for the same."""
    branch = old.branches[place]
    return next((at for at, one in enumerate(new.branches) if spelled(one) == spelled(branch)), None)


def _remapped(old: Program, new: Program, state: State) -> Watch:
    """Name what a run keeps in mind by the places of the new version; what has none there is forgotten."""
    watch = state.watch
    if not watch.seen and not watch.lapsed:
        return watch
    seen: list[tuple[str, int, int, int]] = []
    for node, index, place, at in watch.seen:
        there = _post(old, new, node, index)
        if there is not None:
            branch = _branch(there[1], there[2], place)
            if branch is not None:
                seen.append((node, there[0], branch, at))
    lapsed = [
        (node, there[0], since, until)
        for node, index, since, until in watch.lapsed
        if (there := _post(old, new, node, index)) is not None
    ]
    return evolve(watch, seen=tuple(sorted(seen)), lapsed=tuple(lapsed))


def _post(old: Program, new: Program, node: str, index: int) -> tuple[int, WaitForEvent, WaitForEvent] | None:
    before = old.node(node).actions[index]
    if node not in new.workflow.nodes or not isinstance(before.do, WaitForEvent):
        return None
    for at, action in enumerate(new.node(node).actions):
        if action.action_id == before.action_id and isinstance(action.do, WaitForEvent):
            return at, before.do, action.do
    return None
