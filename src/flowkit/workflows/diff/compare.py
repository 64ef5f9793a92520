"""What is different between two versions of a workflow, and where runs that are under way would go on."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Final, TypeVar

from attrs import field, fields, frozen, has

from flowkit.documents import is_list, is_object
from flowkit.triggers.model import EntryPolicy, Trigger
from flowkit.workflows.diff.changes import (
    ActionAdded,
    ActionRemoved,
    ActionReplaced,
    ActionsReordered,
    Change,
    ConditionChanged,
    ContentChanged,
    DetachedChanged,
    EdgeChanged,
    NodeAdded,
    NodeRemoved,
    NodeRenamed,
    ParameterChanged,
    ThresholdChanged,
    TimeChanged,
    TimePart,
    TriggerChanged,
    VisitsChanged,
    WorkflowChanged,
)
from flowkit.workflows.diff.words import change_words, place_words
from flowkit.workflows.model import Action, Node, SendEmail, Wait, Workflow

__all__ = ["Continuation", "Diff", "Fate", "Place", "continuations", "diff", "spelled"]

_V = TypeVar("_V")
_OF_WORKFLOW: Final = tuple(one.name for one in fields(Workflow) if one.name not in {"trigger", "nodes"})
_OF_TRIGGER: Final = tuple(one.name for one in fields(Trigger) if one.name != "entry")
_OF_ENTRY: Final = tuple(one.name for one in fields(EntryPolicy))
_CONTENT: Final = frozenset({"template_id", "subject"})
_PATHS: Final = ("success_path", "failure_path")


@frozen
class Place:
    """Where a run can stand.

    Attributes:
        node_id: At which node.
        action_id: At which of its actions; None at its end, or in a node that has none.
    """

    node_id: str
    action_id: str | None = None


class Fate(StrEnum):
    """What becomes of a place in the new version."""

    KEPT = "kept"
    """The node is there, and the action in it."""
    MOVED = "moved"
    """The action is not in its node any more, and came into one other."""
    PASSED_ON = "passed_on"
    """The action is gone and its node is there: the next of its old actions that is left, or else its end."""
    NEEDS_TARGET = "needs_target"
    """The node is gone: somebody has to say where its runs go on."""


@frozen
class Continuation:
    """Where the runs that stand at one place go on.

    Attributes:
        old: Where they stand.
        fate: What becomes of the place.
        new: Where they go on; None where they need a target.
    """

    old: Place
    fate: Fate = field(kw_only=True)
    new: Place | None = field(kw_only=True)


@frozen
class Diff:
    """What is different between two versions.

    Attributes:
        changes: What changed: the workflow, its trigger, then its nodes in the old order, and the new ones last. Within
            a node its name, its actions, what it asks, and its edges.
        continuations: For each place at which a run of the old version can stand, in order, where it goes on.
    """

    changes: tuple[Change, ...] = field(kw_only=True)
    continuations: tuple[Continuation, ...] = field(kw_only=True)

    @property
    def needing_targets(self) -> tuple[Place, ...]:
        """The places whose runs cannot go on by themselves."""
        return tuple(one.old for one in self.continuations if one.fate is Fate.NEEDS_TARGET)

    @property
    def text(self) -> str:
        """The changes in sentences, a line each, then the places that are not kept."""
        lines = [change_words(change) for change in self.changes] or ["nothing changed"]
        lines += [_continuation_words(one) for one in self.continuations if one.fate is not Fate.KEPT]
        return "\n".join(lines)

    def __str__(self) -> str:
        return self.text


def diff(old: Workflow, new: Workflow) -> Diff:
    """Compare two versions of a workflow.

    Values differ where documents spell them differently, so 1 differs from true and from 1.0. The order of nodes, and
    that of names in an object, is no difference.

    Args:
        old: The old version, as `load` or `validate` gives it.
        new: The new one, likewise.

    Returns:
        All that is different; no changes where nothing is.
    """
    return Diff(changes=tuple(_changes(old, new)), continuations=tuple(continuations(old, new)))


# ------------------------------------------------------------------------------------------------------------
# Changes


def _changes(old: Workflow, new: Workflow) -> Iterator[Change]:
    for name, before, after in _differing(old, new, _OF_WORKFLOW):
        yield WorkflowChanged(name=name, old=before, new=after)
    for name, before, after in _differing(old.trigger, new.trigger, _OF_TRIGGER):
        yield TriggerChanged(name=name, old=before, new=after)
    for name, before, after in _differing(old.trigger.entry, new.trigger.entry, _OF_ENTRY):
        yield TriggerChanged(name=f"entry.{name}", old=before, new=after)
    for key, node in old.nodes.items():
        if key in new.nodes:
            yield from _in_node(key, node, new.nodes[key])
        else:
            yield NodeRemoved(node)
    for key, node in new.nodes.items():
        if key not in old.nodes:
            yield NodeAdded(node)


def _in_node(key: str, old: Node, new: Node) -> Iterator[Change]:
    if old.name != new.name:
        yield NodeRenamed(node_id=key, old=old.name, new=new.name)
    yield from _in_actions(key, old.actions, new.actions)
    for name, before, after in _differing_items(old.engagement_threshold, new.engagement_threshold):
        yield ThresholdChanged(node_id=key, name=name, old=before, new=after)
    if old.max_visits != new.max_visits:
        yield VisitsChanged(node_id=key, old=old.max_visits, new=new.max_visits)
    if spelled(old.condition) != spelled(new.condition):
        yield ConditionChanged(node_id=key, old=old.condition, new=new.condition)
    for label, source, target in _differing_items(old.next_nodes, new.next_nodes):
        yield EdgeChanged(node_id=key, label=label, old=source, new=target)


def _in_actions(key: str, old: Sequence[Action], new: Sequence[Action]) -> Iterator[Change]:
    before, after = _by_id(old), _by_id(new)
    for index, action in enumerate(old):
        if action.action_id not in after:
            yield ActionRemoved(node_id=key, index=index, action=action)
    stayed = tuple(name for name in before if name in after)
    ordered = tuple(name for name in after if name in before)
    if stayed != ordered:
        yield ActionsReordered(node_id=key, old=stayed, new=ordered)
    for index, action in enumerate(new):
        if action.action_id not in before:
            yield ActionAdded(node_id=key, index=index, action=action)
    for name in stayed:
        yield from _in_action(key, before[name], after[name])


def _by_id(actions: Sequence[Action]) -> Mapping[str, Action]:
    return {action.action_id: action for action in actions}


def _in_action(key: str, old: Action, new: Action) -> Iterator[Change]:
    name = new.action_id
    if old.delay != new.delay:
        yield TimeChanged(node_id=key, action_id=name, part=TimePart.DELAY, old=old.delay, new=new.delay)
    if old.detached != new.detached:
        yield DetachedChanged(node_id=key, action_id=name, old=old.detached, new=new.detached)
    if type(old.do) is not type(new.do):
        yield ActionReplaced(node_id=key, action_id=name, old=old.do, new=new.do)
    else:
        yield from _in_operation(key, old, new)
    for label, before, after in _differing(old, new, _PATHS):
        yield EdgeChanged(node_id=key, action_id=name, label=label, old=_text(before), new=_text(after))


def _in_operation(key: str, old: Action, new: Action) -> Iterator[Change]:
    name = new.action_id
    for parameter, before, after in _differing(old.do, new.do, tuple(one.name for one in fields(type(old.do)))):
        if isinstance(old.do, Wait) and isinstance(new.do, Wait) and parameter == "duration":
            spans = {"old": old.do.duration, "new": new.do.duration}
            yield TimeChanged(node_id=key, action_id=name, part=TimePart.DURATION, **spans)
        elif isinstance(before, timedelta) and isinstance(after, timedelta) and parameter == "timeout":
            yield TimeChanged(node_id=key, action_id=name, part=TimePart.TIMEOUT, old=before, new=after)
        elif isinstance(old.do, SendEmail) and parameter in _CONTENT:
            yield ContentChanged(node_id=key, action_id=name, name=parameter, old=_text(before), new=_text(after))
        else:
            yield ParameterChanged(node_id=key, action_id=name, name=parameter, old=before, new=after)


def _text(value: object) -> str | None:
    return value if isinstance(value, str) else None


# ------------------------------------------------------------------------------------------------------------
# Differences


def _differing(old: object, new: object, names: Sequence[str]) -> Iterator[tuple[str, object, object]]:
    """Give the attributes in which two objects of one class differ."""
    for name in names:
        before: object = getattr(old, name)
        after: object = getattr(new, name)
        if spelled(before) != spelled(after):
            yield name, before, after


def _differing_items(old: Mapping[str, _V], new: Mapping[str, _V]) -> Iterator[tuple[str, _V | None, _V | None]]:
    for name in dict.fromkeys((*old, *new)):
        if spelled(old.get(name)) != spelled(new.get(name)):
            yield name, old.get(name), new.get(name)


def spelled(value: object) -> object:
    """Give something that is equal for two values where a document spells both in the same way."""
    kind = type(value)
    if has(kind):
        return kind, tuple(spelled(getattr(value, one.name)) for one in fields(kind))
    if is_object(value):
        return "object", frozenset((name, spelled(one)) for name, one in value.items())
    if is_list(value):
        return "list", tuple(spelled(one) for one in value)
    if isinstance(value, datetime):
        return "instant", value.utcoffset() is None, value
    return repr(value)


# ------------------------------------------------------------------------------------------------------------
# Runs that are under way


def continuations(old: Workflow, new: Workflow) -> Iterator[Continuation]:
    """Say for each place at which a run of the old version can stand where it goes on in the new one."""
    arrived = _arrived(old, new)
    for key, node in old.nodes.items():
        for index, action in enumerate(node.actions):
            yield _continued(Place(key, action.action_id), node.actions[index + 1 :], new, arrived)
        if not node.actions:
            yield _continued(Place(key), (), new, arrived)


def _arrived(old: Workflow, new: Workflow) -> Mapping[str, Sequence[str]]:
    """Name for each action id the nodes that have it now and had it not, where one node alone has it no more."""
    left = _without(new, old)
    return {action_id: nodes for action_id, nodes in _without(old, new).items() if len(left.get(action_id, ())) == 1}


def _without(one: Workflow, other: Workflow) -> Mapping[str, Sequence[str]]:
    """Name for each action id the nodes that have it in the other version and have it not in this one."""
    found: dict[str, list[str]] = {}
    for key, node in other.nodes.items():
        here = _by_id(one.nodes[key].actions if key in one.nodes else ())
        for action in node.actions:
            if action.action_id not in here:
                found.setdefault(action.action_id, []).append(key)
    return found


def _continued(
    place: Place, behind: Sequence[Action], new: Workflow, arrived: Mapping[str, Sequence[str]]
) -> Continuation:
    node = new.nodes.get(place.node_id)
    left = _by_id(() if node is None else node.actions)
    if node is not None and (place.action_id is None or place.action_id in left):
        return Continuation(place, fate=Fate.KEPT, new=place)
    there = arrived.get(place.action_id or "", ())
    if len(there) == 1:
        return Continuation(place, fate=Fate.MOVED, new=Place(there[0], place.action_id))
    if node is None:
        return Continuation(place, fate=Fate.NEEDS_TARGET, new=None)
    following = next((action.action_id for action in behind if action.action_id in left), None)
    return Continuation(place, fate=Fate.PASSED_ON, new=Place(place.node_id, following))


def _continuation_words(one: Continuation) -> str:
    stands = f"runs at {place_words(one.old.node_id, one.old.action_id)}"
    if one.new is None:
        return f"{stands} need a target: the node is gone"
    if one.new.action_id is None:
        return f"{stands} go on at the end of {place_words(one.new.node_id)}"
    return f"{stands} go on at {place_words(one.new.node_id, one.new.action_id)}"
