"""What of a workflow leads to others, or back to itself: events that it emits, and workflows that it starts."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Final

from attrs import frozen

from flowkit.conditions import evaluate, event_types, is_personal, needs
from flowkit.errors import DocumentError
from flowkit.events import NO_FACTS, Event
from flowkit.problems import pointer
from flowkit.triggers.model import On, TriggerType
from flowkit.workflows.links import EmitEvent, StartWorkflow
from flowkit.workflows.model import Workflow

__all__ = ["Lead", "leads", "may_let_in"]

_SOMEBODY: Final = "somebody"
_SOMETIME: Final = datetime(1970, 1, 1, tzinfo=UTC)


@frozen
class Lead:
    """An action that may let a subscriber into a workflow, and where it stands."""

    path: str
    do: EmitEvent | StartWorkflow


def leads(workflow: Workflow) -> Iterator[Lead]:
    """Find the actions of a workflow that emit events, or start workflows."""
    for key, node in workflow.nodes.items():
        for index, action in enumerate(node.actions):
            if isinstance(action.do, EmitEvent | StartWorkflow):
                yield Lead(f"{pointer('/nodes', key)}/actions/{index}", action.do)


def may_let_in(do: EmitEvent | StartWorkflow, workflow: Workflow) -> bool:
    """Whether an action may let somebody into a workflow, where its rules of entry do."""
    trigger = workflow.trigger
    if not trigger.active:
        return False
    if isinstance(do, StartWorkflow):
        return do.workflow_id == workflow.workflow_id
    if trigger.trigger_type is TriggerType.TIME_BASED or trigger.on is not On.EVENT:
        return False
    types = event_types(trigger.condition)
    if types is not None and do.event_type not in types:
        return False
    if needs(trigger.condition) or is_personal(trigger.condition):
        return True  # For some it may hold.
    try:
        event = Event(do.event_type, _SOMEBODY, properties=do.properties, value=do.value)
    except DocumentError:
        return False  # A workflow that nobody has checked may hold any text for a type.
    return evaluate(trigger.condition, NO_FACTS, event, _SOMETIME).holds
