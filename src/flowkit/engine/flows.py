"""What an engine can be asked, written once as coroutines that await nothing but ports."""

from __future__ import annotations

from collections.abc import Iterable
from collections.abc import Sequence as SequenceOf
from datetime import datetime
from typing import assert_never

from flowkit.conditions import Custom, Performed, Sample, Sequence
from flowkit.conditions.walk import leaves
from flowkit.engine.advance import Advanced, advance
from flowkit.engine.catalogue import edition_of
from flowkit.engine.drive import resolve
from flowkit.engine.ingest import Ingested, ingest
from flowkit.engine.parts import Parts
from flowkit.errors import ConfigurationError
from flowkit.events import Event, from_micros
from flowkit.ports import Edition
from flowkit.runs.model import Line, Run
from flowkit.workflows.codec import validate
from flowkit.workflows.model import (
    CallWebhook,
    CheckEngagement,
    Operation,
    SendEmail,
    UpdateProfile,
    UpdateSegments,
    Wait,
    Workflow,
)

__all__ = ["accept", "journal", "next_due", "proceed", "publish", "runs"]


async def publish(parts: Parts, workflow: Workflow) -> Edition:
    """Check a workflow against its rules and against the ports at hand, and make it live.

    Raises:
        DocumentError: The workflow is not sound.
        ConfigurationError: It needs a port that this engine was not given, or asks what this version cannot answer.
    """
    workflow = validate(workflow)
    _refuse_missing_ports(parts, workflow)
    _refuse_unanswered(workflow)
    edition, sources = await edition_of(workflow, parts.templates)
    stored = await resolve("store.publish", parts.store.publish(edition, sources))
    await parts.catalogue.refresh()
    return stored


def _refuse_missing_ports(parts: Parts, workflow: Workflow) -> None:
    for node in workflow.nodes.values():
        for action in node.actions:
            name = _port_of(action.do)
            if name is not None and getattr(parts, name) is None:
                message = (
                    f"workflow {workflow.workflow_id!r}, node {node.node_id!r}, action {action.action_id!r} "
                    f"needs a {name} port: give the engine one"
                )
                raise ConfigurationError(message)


def _refuse_unanswered(workflow: Workflow) -> None:
    """Refuse conditions that this engine could only ever answer with no."""
    asked = {"trigger": workflow.trigger.condition}
    asked.update({f"node {node.node_id!r}": node.condition for node in workflow.nodes.values()})
    for place, condition in asked.items():
        for leaf in leaves(condition):
            if isinstance(leaf, (Performed, Sequence)):
                what = "asks for events of the past, which the stores of this version do not keep"
            elif isinstance(leaf, Sample):
                what = "asks for a sample, which engines of this version do not draw"
            elif isinstance(leaf, Custom):
                what = f"asks the host's predicate {leaf.name!r}, which engines of this version cannot be given"
            else:
                continue
            message = f"workflow {workflow.workflow_id!r}, {place}: the condition {what}"
            raise ConfigurationError(message)


def _port_of(operation: Operation) -> str | None:
    match operation:
        case SendEmail():
            return "sender"
        case UpdateSegments() | UpdateProfile():
            return "profiles"
        case CallWebhook():
            return "webhooks"
        case Wait() | CheckEngagement():
            return None
        case _:
            assert_never(operation)


async def accept(parts: Parts, events: Iterable[Event], now: datetime | None, connection: object) -> Ingested:
    """Accept events, within the host's open transaction where a connection is given."""
    store = parts.store if connection is None else parts.store.joined(connection)
    return await ingest(parts, store, events, parts.clock.now() if now is None else now)


async def proceed(parts: Parts, now: datetime | None, limit: int | None) -> Advanced:
    """Do everything that is due."""
    return await advance(parts, now, limit)


async def next_due(parts: Parts) -> datetime | None:
    """Tell when the next run wants to go on."""
    due = await resolve("store.next_due", parts.store.next_due())
    return None if due is None else from_micros(due)


async def runs(
    parts: Parts, subscriber_id: str | None, workflow_id: str | None, after: int, limit: int
) -> SequenceOf[Run]:
    """Read a page of runs."""
    page = parts.store.runs(subscriber_id=subscriber_id, workflow_id=workflow_id, after=after, limit=limit)
    return await resolve("store.runs", page)


async def journal(parts: Parts, subscriber_id: str | None, run: Run | None, after: int, limit: int) -> SequenceOf[Line]:
    """Read a page of the journal."""
    page = parts.store.lines(subscriber_id=subscriber_id, run=run, after=after, limit=limit)
    return await resolve("store.lines", page)
