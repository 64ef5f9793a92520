"""What lets one workflow lead to another: events that a run emits, and workflows that it starts."""

from __future__ import annotations

from typing import Any

from attrs import field, frozen

from flowkit.events import Properties

__all__ = ["EmitEvent", "StartWorkflow"]


@frozen
class EmitEvent:
    """Let an event of the subscriber happen (``emit_event``), as if the host had ingested it.

    Attributes:
        event_type: Its type.
        value: Its value, any JSON value.
        properties: Its properties.
        parameters: Whatever else the document gave.
    """

    event_type: str
    value: Any = field(default=None, kw_only=True)
    properties: Properties = field(factory=dict[str, Any], kw_only=True)
    parameters: Properties = field(factory=dict[str, Any], kw_only=True)


@frozen
class StartWorkflow:
    """Let the subscriber enter another workflow, whatever its trigger (``start_workflow``).

    Attributes:
        workflow_id: Which workflow; its rules of entry hold.
        properties: What the run's event has for properties.
        parameters: Whatever else the document gave.
    """

    workflow_id: str
    properties: Properties = field(factory=dict[str, Any], kw_only=True)
    parameters: Properties = field(factory=dict[str, Any], kw_only=True)
