"""What became of a message after it was handed over: opens, clicks, bounces and the like, by the workflow that sent it.

Feedback is an event like any other: triggers, waits and conditions see it. Where it says which workflow's message it is
about, the journal says it too, and so it is counted.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from datetime import datetime
from enum import StrEnum
from hashlib import sha256
from typing import Any, Final

from flowkit.events import Event
from flowkit.runs.model import Entry, Kind

__all__ = ["FEEDBACK", "FeedbackKind", "feedback", "feedback_of"]

_LONGEST: Final = 255


class FeedbackKind(StrEnum):
    """What became of a message; the value is the type of the event."""

    DELIVERY = "email_delivered"
    OPEN = "email_open"
    CLICK = "email_click"
    CONVERSION = "conversion"
    BOUNCE = "bounce"
    COMPLAINT = "complaint"
    UNSUBSCRIBE = "unsubscribe"


FEEDBACK: Final = frozenset(kind.value for kind in FeedbackKind)
"""The types of events that may be feedback."""


def feedback(  # noqa: PLR0913 - a keyword for each thing that a mail service tells
    kind: FeedbackKind,
    subscriber_id: str,
    *,
    key: str,
    workflow_id: str,
    template_id: str | None = None,
    node: str | None = None,
    action: str | None = None,
    machine: bool = False,
    value: float | None = None,
    id: str | None = None,  # noqa: A002 - as the event calls it
    occurred_at: datetime | None = None,
    properties: Mapping[str, Any] | None = None,
) -> Event:
    """Make the event that tells what became of a message, to be ingested.

    The first open of a message counts, and the second is the same event: what a rate is made of are messages, and not
    how often a picture was loaded. What a machine did is another event, so that who reads a message that a machine had
    loaded before still counts. A conversion needs an id of its own, such as the order's.

    Args:
        kind: What became of it.
        subscriber_id: Whose message it was.
        key: The message's key.
        workflow_id: The workflow that sent it; it stands in the message's metadata, as do node and action.
        template_id: Its template.
        node: At which node.
        action: By which action.
        machine: Whether a machine did it, such as a mail programme that loads all pictures: it is left out of rates.
        value: What a conversion is worth.
        id: The event's id; None derives it from the kind, the key, and whether a machine did it.
        occurred_at: When.
        properties: What is to be known of it besides, such as ``bounce_type``.

    Raises:
        DocumentError: An id is not fit to be one.
    """
    given = {"template_id": template_id, "node": node, "action": action, "machine": machine or None}
    told = {name: one for name, one in given.items() if one is not None}
    return Event(
        kind.value,
        subscriber_id,
        id=id or _identity(f"machine_{kind.value}" if machine else kind.value, key),
        occurred_at=occurred_at,
        properties={**(properties or {}), "send_key": key, "workflow_id": workflow_id, **told},
        value=value,
    )


def feedback_of(event: Event) -> tuple[str, Entry] | None:
    """Say of which workflow an event is feedback, and what its journal says of it; None where it is none."""
    if event.type not in FEEDBACK:
        return None
    workflow_id = event.properties.get("workflow_id")
    if not isinstance(workflow_id, str):
        return None
    node, action, template, key = (_text(event, name) for name in ("node", "action", "template_id", "send_key"))
    data: dict[str, Any] = {"type": event.type}
    if template is not None:
        data["template_id"] = template
    if key is not None:
        data["key"] = key
    if event.properties.get("machine") is True:
        data["machine"] = True
    if _is_amount(event.value):
        data["value"] = event.value
    return workflow_id, Entry(Kind.FEEDBACK, node, action, data)


def _is_amount(value: object) -> bool:
    if isinstance(value, bool) or not isinstance(value, int | float):
        return False
    try:
        return math.isfinite(value)
    except OverflowError:  # A whole number beyond all floats, which JSON can hold.
        return False


def _text(event: Event, name: str) -> str | None:
    found = event.properties.get(name)
    return found if isinstance(found, str) and found else None


def _identity(kind: str, key: str) -> str:
    name = f"{kind}:{key}"
    return name if len(name) <= _LONGEST else f"{kind}:{sha256(key.encode()).hexdigest()}"
