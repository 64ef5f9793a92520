"""Rules about workflows that let subscribers into each other, or themselves: by changes, by events, by starts.

A trigger on ``change`` fires on every change after which its condition holds. One on ``enter`` fires only where its
condition ceased to hold before, so a circle needs an action that ends it and another that brings it back. What a
workflow emits or starts needs neither.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from datetime import timedelta
from typing import Final, TypeAlias

from attrs import frozen

from flowkit.conditions import Compares, Equals, Exists, Order, needs
from flowkit.events import Needs
from flowkit.problems import pointer, short
from flowkit.triggers.model import On, Reentry, Trigger, TriggerType
from flowkit.triggers.windows import Window
from flowkit.workflows.control import WaitForEvent
from flowkit.workflows.lint.atoms import Atom, Formula, attribute, formula, member
from flowkit.workflows.lint.contradiction import conflict
from flowkit.workflows.lint.entry import is_once
from flowkit.workflows.lint.graph import Graph, graph_of, inner_ways, knots, shortest, shown
from flowkit.workflows.lint.links import leads, may_let_in
from flowkit.workflows.lint.model import Breach, JointBreach
from flowkit.workflows.model import Operation, UpdateProfile, UpdateSegments, Wait, WaitUntil, Workflow
from flowkit.workflows.waits import CalendarDays, LocalTime, PreferredTime, ProfileDate

__all__ = ["self_triggers", "triggers_of_each_other"]

_NO_TIME: Final = timedelta()
_DAY: Final = timedelta(days=1)
_INFINITE: Final = float("inf")
_LIMIT: Final = f"limit it by max_executions, a cooldown or another reentry, such as {short(str(Reentry.NEVER))}"
_Update: TypeAlias = UpdateSegments | UpdateProfile


@frozen
class _Change:
    """An action that changes a subscriber, and where it stands."""

    node: str
    index: int
    do: _Update

    @property
    def path(self) -> str:
        return f"{pointer('/nodes', self.node)}/actions/{self.index}"


@frozen
class _Effect:
    """What a change does to the condition of a trigger."""

    ends: bool
    may_bring: bool


@frozen
class _Listener:
    """A trigger that fires on changes.

    Attributes:
        trigger: The trigger.
        asked: Its condition.
        read: What that reads of a subscriber.
    """

    trigger: Trigger
    asked: Formula
    read: Needs

    @classmethod
    def of(cls, workflow: Workflow) -> _Listener:
        trigger = workflow.trigger
        return cls(trigger, formula(trigger.condition), needs(trigger.condition))

    def hears(self, do: _Update) -> bool:
        """Whether a change has a part in what the trigger looks at; any change is one."""
        if self.trigger.on is On.CHANGE:
            return True
        of = self.read.segments if isinstance(do, UpdateSegments) else self.read.attributes
        return not _names(do).isdisjoint(of)


def _changes(workflow: Workflow) -> Iterator[_Change]:
    for key, node in workflow.nodes.items():
        for index, action in enumerate(node.actions):
            match action.do:
                case UpdateSegments() | UpdateProfile() as do if _names(do):
                    yield _Change(key, index, do)
                case _:
                    continue


def _names(do: _Update) -> frozenset[str]:
    match do:
        case UpdateSegments(add=add, remove=remove):
            return frozenset((*add, *remove))
        case UpdateProfile(set=values, unset=unset, increment=numbers):
            return frozenset((*values, *unset, *numbers))


# ------------------------------------------------------------------------------------------------------------
# What a change does to a condition


def _effect(listener: _Listener, do: _Update) -> _Effect:
    """Say whether a condition can hold after a change, and whether the change has a part in it."""
    if not listener.hears(do):
        return _Effect(ends=False, may_bring=False)
    possible = conflict([listener.asked, *_after(do)]) is None
    return _Effect(ends=not possible, may_bring=possible)


def _after(do: _Update) -> Sequence[Formula]:
    """Say what holds of a subscriber after a change."""
    match do:
        case UpdateSegments(add=add, remove=remove):
            joined = dict.fromkeys(name for name in add if name not in remove)
            return [
                *(member(name, holds=True) for name in joined),
                *(member(name, holds=False) for name in dict.fromkeys(remove)),
            ]
        case UpdateProfile(set=values, unset=unset, increment=numbers):
            return [
                *(_set_to(name, value) for name, value in values.items() if name not in {*unset, *numbers}),
                # Without the name itself a dotted path leads into objects.
                *(
                    Atom(attribute(name), Exists(), holds=False)
                    for name in unset
                    if "." not in name and name not in numbers
                ),
                *(Atom(attribute(name), Compares(Order.LTE, _INFINITE)) for name in numbers),
            ]


def _set_to(name: str, value: object) -> Formula:
    return Atom(attribute(name), Exists(), holds=False) if value is None else Atom(attribute(name), Equals(value))


def _fires_on_changes(trigger: Trigger) -> bool:
    """Whether changes alone may let the same subscriber in again."""
    on_changes = trigger.trigger_type is TriggerType.CONDITION_BASED and trigger.on in {On.ENTER, On.CHANGE}
    return on_changes and trigger.active and not is_once(trigger)


# ------------------------------------------------------------------------------------------------------------
# One workflow


def self_triggers(workflow: Workflow) -> Iterator[Breach]:
    """Find changes, events and starts that let the same subscriber in again."""
    trigger = workflow.trigger
    while_alive = trigger.entry.reentry is Reentry.AFTER_EXIT or trigger.entry.max_concurrent == 1
    if is_once(trigger) or while_alive or not _may_outlast(workflow, trigger.cooldown):
        return
    for lead in leads(workflow):
        if may_let_in(lead.do, workflow):
            yield Breach(lead.path, f"may let the same subscriber into this workflow again; {_LIMIT}")
    if not _fires_on_changes(trigger):
        return
    listener = _Listener.of(workflow)
    changes = [(change, _effect(listener, change.do)) for change in _changes(workflow)]
    bringing = [change for change, effect in changes if effect.may_bring]
    if trigger.on is On.CHANGE:
        for change in bringing:
            yield Breach(
                change.path,
                f"is a change after which this workflow's own trigger may fire again; {_LIMIT}",
            )
        return
    ended = _ended(workflow, [change for change, effect in changes if effect.ends])
    for change in bringing:
        before = ended(change)
        if before is not None:
            yield Breach(
                change.path,
                f"may bring back what {short(before)} ended, and so fire this workflow's own trigger again; {_LIMIT}",
            )


def _ended(workflow: Workflow, changes: Iterable[_Change]) -> Callable[[_Change], str | None]:
    """Give what names a node in which a change of these may have been made before another change."""
    graph = graph_of(workflow.nodes, inner_ways(workflow))
    first: dict[str, int] = {}
    for change in changes:
        first.setdefault(change.node, change.index)
    came_from: dict[str, str] = {}
    queue = deque((target, node) for node in first for target in graph[node])
    while queue:
        node, source = queue.popleft()
        if node not in came_from:
            came_from[node] = source
            queue.extend((target, source) for target in graph[node])

    def before(change: _Change) -> str | None:
        return change.node if first.get(change.node, change.index) < change.index else came_from.get(change.node)

    return before


def _may_outlast(workflow: Workflow, cooldown: timedelta) -> bool:
    """Whether a run may take as long: by the sum of all waits, or because it may go round."""
    graph = graph_of(workflow.nodes, inner_ways(workflow))
    knot_of = knots(graph)
    if any(knot_of[node] == knot_of[target] for node in graph for target in graph[node]):
        return True
    rest = cooldown
    for node in workflow.nodes.values():
        for action in node.actions:
            longest = _longest(action.do)
            if longest is None:
                return True
            rest -= longest if action.detached else action.delay + longest
            if rest <= _NO_TIME:
                return True
    return rest <= _NO_TIME


def _longest(operation: Operation) -> timedelta | None:
    """Say how long an operation may take at the most, or somewhat more; None where nothing bounds it."""
    match operation:
        case Wait(duration):
            return duration
        case WaitForEvent(timeout=timeout):
            return timeout
        case WaitUntil(CalendarDays(days)):
            return _DAY * (days + 1)
        case WaitUntil(LocalTime() | Window() | PreferredTime()):
            return _DAY * 8
        case WaitUntil(ProfileDate()):
            return None
        case _:
            return _NO_TIME


# ------------------------------------------------------------------------------------------------------------
# Several


def triggers_of_each_other(workflows: Sequence[Workflow]) -> Iterator[JointBreach]:
    """Find circles of workflows each of which may let a subscriber into the next."""
    by_id = {workflow.workflow_id: workflow for workflow in workflows}
    fired = {key: _Listener.of(one) for key, one in by_id.items() if _fires_on_changes(one.trigger)}
    led = _led(by_id)
    brings = {**_brings(by_id, fired), **led}
    graph: Graph[str] = {key: [other for other in by_id if (key, other) in brings and other != key] for key in by_id}
    knot_of = knots(graph)
    for members in _knots_of_several(graph, knot_of):
        changes = [change for key in members for change in _changes(by_id[key])]
        if all(any((other, key) in led for other in members) or _is_ended(fired[key], changes) for key in members):
            loop = _circle(graph, members)
            message = (
                f"may fire each other's triggers without end: {shown(loop)}; limit one by max_executions or reentry"
            )
            yield JointBreach(loop[0], brings[loop[0], loop[1]], message)


def _brings(by_id: Mapping[str, Workflow], fired: Mapping[str, _Listener]) -> Mapping[tuple[str, str], str]:
    """Name which workflow may fire which trigger, with the path of the first action that does."""
    found: dict[tuple[str, str], str] = {}
    for key, workflow in by_id.items():
        for change in _changes(workflow):
            for other, listener in fired.items():
                if (key, other) not in found and _effect(listener, change.do).may_bring:
                    found[key, other] = change.path
    return found


def _led(by_id: Mapping[str, Workflow]) -> Mapping[tuple[str, str], str]:
    """Name which workflow may let a subscriber into which, by what it emits or starts, with the path of the first."""
    found: dict[tuple[str, str], str] = {}
    for key, workflow in by_id.items():
        for lead in leads(workflow):
            for other, target in by_id.items():
                if (key, other) not in found and not is_once(target.trigger) and may_let_in(lead.do, target):
                    found[key, other] = lead.path
    return found


def _knots_of_several(graph: Graph[str], knot_of: Mapping[str, int]) -> Iterator[list[str]]:
    members: dict[int, list[str]] = {}
    for key in graph:
        members.setdefault(knot_of[key], []).append(key)
    return (keys for keys in members.values() if len(keys) > 1)


def _is_ended(listener: _Listener, changes: Iterable[_Change]) -> bool:
    """Whether a trigger can fire again: one on ``enter`` needs a change that ends its condition."""
    return listener.trigger.on is On.CHANGE or any(_effect(listener, change.do).ends for change in changes)


def _circle(graph: Graph[str], members: Sequence[str]) -> Sequence[str]:
    inside = set(members)
    within = {key: [other for other in graph[key] if other in inside] for key in members}
    first = members[0]
    return [first, *shortest(within, within[first][0], first)]
