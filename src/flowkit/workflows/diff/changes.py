"""What may be different between two versions of a workflow: one class for each kind of change.

Together the changes are complete: whoever carries them out on the old version has the new one.
"""

from __future__ import annotations

from datetime import timedelta
from enum import StrEnum
from typing import TypeAlias

from attrs import field, frozen

from flowkit.conditions import Condition
from flowkit.workflows.model import Action, Node, Operation

__all__ = [
    "ActionAdded",
    "ActionRemoved",
    "ActionReplaced",
    "ActionsReordered",
    "Change",
    "ConditionChanged",
    "ContentChanged",
    "DetachedChanged",
    "EdgeChanged",
    "NodeAdded",
    "NodeRemoved",
    "NodeRenamed",
    "ParameterChanged",
    "ThresholdChanged",
    "TimeChanged",
    "TimePart",
    "TriggerChanged",
    "VisitsChanged",
    "WorkflowChanged",
]


@frozen(kw_only=True)
class WorkflowChanged:
    """Something about the workflow as a whole.

    Attributes:
        name: Which attribute of `Workflow`, such as ``entry_node``.
        old: Its old value.
        new: Its new value.
    """

    name: str
    old: object
    new: object


@frozen(kw_only=True)
class TriggerChanged:
    """Something about who enters.

    Attributes:
        name: Which attribute of `Trigger`, such as ``condition``; those of its `EntryPolicy` begin with ``entry.``.
        old: Its old value.
        new: Its new value.
    """

    name: str
    old: object
    new: object


@frozen
class NodeAdded:
    """A node that was not there before, with all that is in it."""

    node: Node


@frozen
class NodeRemoved:
    """A node that is not there any more, with all that was in it."""

    node: Node


@frozen(kw_only=True)
class NodeRenamed:
    """A node that people call something else; its id is the same.

    Attributes:
        node_id: Which node.
        old: What it was called.
        new: What it is called.
    """

    node_id: str
    old: str
    new: str


@frozen(kw_only=True)
class ActionAdded:
    """An action that was not in the node before.

    Attributes:
        node_id: In which node.
        index: Its place among the new actions of the node.
        action: The action.
    """

    node_id: str
    index: int
    action: Action


@frozen(kw_only=True)
class ActionRemoved:
    """An action that is not in the node any more.

    Attributes:
        node_id: In which node.
        index: Its place among the old actions of the node.
        action: The action.
    """

    node_id: str
    index: int
    action: Action


@frozen(kw_only=True)
class ActionsReordered:
    """The actions that were there and still are come in another order.

    Attributes:
        node_id: In which node.
        old: Their ids in the old order.
        new: Their ids in the new order.
    """

    node_id: str
    old: tuple[str, ...]
    new: tuple[str, ...]


@frozen(kw_only=True)
class ActionReplaced:
    """An action that does something of another kind under its old id.

    Attributes:
        node_id: In which node.
        action_id: Which action.
        old: What it did.
        new: What it does.
    """

    node_id: str
    action_id: str
    old: Operation
    new: Operation


@frozen(kw_only=True)
class ParameterChanged:
    """A parameter of an action.

    Attributes:
        node_id: In which node.
        action_id: Of which action.
        name: Which attribute of the operation, such as ``add``; ``parameters`` for the open bag.
        old: Its old value.
        new: Its new value.
    """

    node_id: str
    action_id: str
    name: str
    old: object
    new: object


@frozen(kw_only=True)
class DetachedChanged:
    """Whether the run goes on without an action, or waits for it.

    Attributes:
        node_id: In which node.
        action_id: Which action.
        old: Whether it was detached.
        new: Whether it is.
    """

    node_id: str
    action_id: str
    old: bool
    new: bool


class TimePart(StrEnum):
    """What of an action takes time."""

    DURATION = "duration"
    """A wait lasts so long."""
    TIMEOUT = "timeout"
    """A wait for what happens lasts so long at the most."""
    DELAY = "delay"
    """The action is postponed by so much."""


@frozen(kw_only=True)
class TimeChanged:
    """How long a wait lasts, or an action is postponed.

    Attributes:
        node_id: In which node.
        action_id: Of which action.
        part: Which of the two.
        old: How long it was.
        new: How long it is.
    """

    node_id: str
    action_id: str
    part: TimePart
    old: timedelta
    new: timedelta

    @property
    def is_longer(self) -> bool:
        """Whether it takes longer than before."""
        return self.new > self.old


@frozen(kw_only=True)
class ContentChanged:
    """What a message says.

    Attributes:
        node_id: In which node.
        action_id: Of which action.
        name: ``template_id`` or ``subject``.
        old: Its old value; None for the template's own subject.
        new: Its new value.
    """

    node_id: str
    action_id: str
    name: str
    old: str | None
    new: str | None


@frozen(kw_only=True)
class ConditionChanged:
    """What a node asks.

    Attributes:
        node_id: Which node.
        old: Its old condition.
        new: Its new condition.
    """

    node_id: str
    old: Condition
    new: Condition


@frozen(kw_only=True)
class ThresholdChanged:
    """How often something must have happened in a node.

    Attributes:
        node_id: Which node.
        name: What is counted.
        old: The old number; None where it was not asked for.
        new: The new number; None where it is not asked for any more.
    """

    node_id: str
    name: str
    old: float | None
    new: float | None


@frozen(kw_only=True)
class VisitsChanged:
    """How often a run may enter a node.

    Attributes:
        node_id: Which node.
        old: The old number; None where there was no bound.
        new: The new number; None where there is none any more.
    """

    node_id: str
    old: int | None
    new: int | None


@frozen(kw_only=True)
class EdgeChanged:
    """Where a way out leads.

    Attributes:
        node_id: Out of which node.
        label: By which label; ``success_path`` or ``failure_path`` of an action.
        old: Where it led; None where there was none.
        new: Where it leads; None where there is none any more.
        action_id: Of which action the path is; None for an edge of the node.
    """

    node_id: str
    label: str
    old: str | None
    new: str | None
    action_id: str | None = field(default=None)


Change: TypeAlias = (
    WorkflowChanged
    | TriggerChanged
    | NodeAdded
    | NodeRemoved
    | NodeRenamed
    | ActionAdded
    | ActionRemoved
    | ActionsReordered
    | ActionReplaced
    | ParameterChanged
    | TimeChanged
    | ContentChanged
    | DetachedChanged
    | ConditionChanged
    | ThresholdChanged
    | VisitsChanged
    | EdgeChanged
)
"""One thing that is different."""
