"""What the journal says about what is carried out, whatever became of it."""

from __future__ import annotations

from typing import Final, assert_never

from flowkit.workflows.control import Branch, Exit, Split, WaitForEvent
from flowkit.workflows.links import EmitEvent, StartWorkflow
from flowkit.workflows.model import (
    EMAIL,
    CallHandler,
    CallWebhook,
    CheckEngagement,
    Operation,
    SendEmail,
    UpdateProfile,
    UpdateSegments,
    Wait,
    WaitUntil,
)

__all__ = ["CROWDED", "told_of"]

CROWDED: Final = "max_detached"
"""Why a detached action is left out: as many are open as may be."""


def told_of(operation: Operation) -> dict[str, object]:
    """Name an operation, and what tells it from others of its kind; nothing of one that is only decided."""
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
