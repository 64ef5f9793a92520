"""The parameters of what leads to other workflows as a document, and back again.

They are written as::

    {"event": {"type": "trial_over", "value": 3, "plan": "pro"}}
    {"workflow_id": "winback", "properties": {"plan": "pro"}}
"""

from __future__ import annotations

from typing import Final

from flowkit.errors import DocumentError, Problem
from flowkit.fields import Fields
from flowkit.problems import pointer
from flowkit.workflows.links import EmitEvent, StartWorkflow

__all__ = ["dump_emit", "dump_start", "read_emit", "read_start"]

_NEVER: Final = frozenset({"type", "value", "timestamp", "id"})
"""What is no property of an event, as documents of events have it; instant and id are the engine's to give."""


def read_emit(fields: Fields) -> EmitEvent:
    """Read what emits an event from its parameters; what is wrong with them is noted there."""
    event = fields.child("event")
    kind, value = event.id("type"), event.any("value", None)
    for name in ("timestamp", "id"):
        if event.has(name):
            event.wrong(name, "reserved_field", "is given by the engine; leave it out")
    return EmitEvent(kind, value=value, properties=event.rest(), parameters=fields.rest())


def dump_emit(emit: EmitEvent, path: str) -> dict[str, object]:
    """Write the parameters of what emits an event.

    Args:
        emit: What emits it.
        path: The JSON Pointer of the parameters, for the error.

    Raises:
        DocumentError: A property has a name that is none of a property.
    """
    for name in emit.properties:
        if name in _NEVER:
            message = "is no property of an event; set it as an attribute, or leave it out"
            raise DocumentError([Problem("reserved_field", pointer(f"{path}/event", name), message=message)])
    value = {} if emit.value is None else {"value": emit.value}
    return {"event": {"type": emit.event_type, **value, **emit.properties}}


def read_start(fields: Fields) -> StartWorkflow:
    """Read what starts a workflow from its parameters; what is wrong with them is noted there."""
    properties = fields.child("properties", {})
    return StartWorkflow(fields.id("workflow_id"), properties=dict(properties.values), parameters=fields.rest())


def dump_start(start: StartWorkflow) -> dict[str, object]:
    """Write the parameters of what starts a workflow."""
    properties = {"properties": dict(start.properties)} if start.properties else {}
    return {"workflow_id": start.workflow_id, **properties}
