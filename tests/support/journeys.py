"""Small workflows, the events that lead into them, and what an engine made of both."""

import sqlite3
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from flowkit.conditions import ALWAYS, AllOf, Condition, EventIs
from flowkit.events import Event, to_micros
from flowkit.ports import Store
from flowkit.runs.model import Line, Run
from flowkit.stores.sqlite import SqliteStore
from flowkit.triggers.model import Trigger, TriggerType
from flowkit.workflows.model import Action, CheckEngagement, Node, SendEmail, UpdateSegments, Wait, Workflow

START = datetime(2026, 1, 1, tzinfo=UTC)
NOW = to_micros(START)
HOUR = timedelta(hours=1)
DAY = timedelta(days=1)


class Ticks:
    """A lease clock that is moved by hand."""

    def __init__(self) -> None:
        self.seconds = 0.0

    def __call__(self) -> float:
        return self.seconds

    def advance(self, by: timedelta) -> None:
        self.seconds += by.total_seconds()


def workflow(
    *nodes: Node,
    workflow_id: str = "w",
    event: str = "signup",
    condition: Condition = ALWAYS,
    trigger_type: TriggerType = TriggerType.BEHAVIOR_BASED,
    **trigger: Any,
) -> Workflow:
    """A workflow that begins at the first of its nodes, on an event of a type that meets a condition."""
    asked = EventIs((event,)) if condition is ALWAYS else AllOf((EventIs((event,)), condition))
    return Workflow(
        workflow_id,
        workflow_id.title(),
        trigger=Trigger(f"{workflow_id}-trigger", condition=asked, trigger_type=trigger_type, **trigger),
        nodes=nodes or (node("start", send()),),
        entry_node=nodes[0].node_id if nodes else "start",
    )


def node(node_id: str, *actions: Action, **fields: Any) -> Node:
    """A node; what is no field of one is a way out by its label."""
    known = {name: fields.pop(name) for name in ("engagement_threshold", "condition", "max_visits") if name in fields}
    return Node(node_id, node_id.title(), actions=actions, next_nodes=fields, **known)


def send(template_id: str = "hello", action_id: str = "send", *, subject: str | None = None, **fields: Any) -> Action:
    return Action(action_id, SendEmail(template_id, subject=subject), **fields)


def wait(duration: timedelta = HOUR, action_id: str = "wait", **fields: Any) -> Action:
    return Action(action_id, Wait(duration), **fields)


def check(action_id: str = "check", **fields: Any) -> Action:
    return Action(action_id, CheckEngagement(), **fields)


def tag(*segments: str, action_id: str = "tag", **fields: Any) -> Action:
    return Action(action_id, UpdateSegments(add=segments), **fields)


def signup(subscriber_id: str = "s", event_id: str = "1", **fields: Any) -> Event:
    return Event("signup", subscriber_id, id=event_id, **fields)


def opened(subscriber_id: str = "s", event_id: str = "open", **properties: Any) -> Event:
    return Event("email_open", subscriber_id, id=event_id, properties=properties)


def signups(count: int) -> list[Event]:
    return [signup(f"s{number}") for number in range(count)]


# ------------------------------------------------------------------------------------------------------------
# What came of it


def told(lines: Iterable[Line]) -> list[tuple[object, ...]]:
    """The journal without the store's own numbers, in order."""
    return [
        (
            line.at,
            line.subscriber_id,
            line.workflow_id,
            line.run_id,
            line.entry.kind,
            line.entry.node,
            line.entry.action,
            dict(line.entry.data),
        )
        for line in lines
    ]


def kinds(lines: Iterable[Line]) -> list[str]:
    """The journal as one word a line: what happened, and where it was at a node, there."""
    return [f"{line.entry.kind}@{line.entry.node}" if line.entry.node else str(line.entry.kind) for line in lines]


def stand(runs: Iterable[Run]) -> dict[str, tuple[object, ...]]:
    """Where runs stand, without the store's own numbers."""
    return {
        run.id: (run.subscriber_id, run.workflow_id, run.version, run.entered, run.event, run.state, run.due)
        for run in runs
    }


def whole_journal(store: Store) -> list[Line]:
    """All lines of a store that does not wait, read in small pages."""
    lines: list[Line] = []
    while page := store.lines(after=lines[-1].number if lines else 0, limit=50):
        lines += page
    return lines


# ------------------------------------------------------------------------------------------------------------
# A host's own connection


@contextmanager
def sqlite_store(path: Path, **options: Any) -> Iterator[SqliteStore]:
    store = SqliteStore(path, **options)
    try:
        yield store
    finally:
        store.close()


@contextmanager
def host(path: Path, begin: str | None = "BEGIN IMMEDIATE", **options: Any) -> Iterator[sqlite3.Connection]:
    """A host's connection to a database, with a transaction begun; whatever is still open at the end is undone."""
    connection = sqlite3.connect(path, isolation_level=None, **options)
    try:
        if begin:
            connection.execute(begin)
        yield connection
    finally:
        connection.close()
