"""Conflicts: what of a batch was decided on rows that others have written since, found with a look at each row."""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Callable, Sequence
from typing import Any, Final

from flowkit.ports import Change, Changes, Refused
from flowkit.runs.model import Run
from flowkit.stores.labels import Labels, wanted_labels
from flowkit.stores.sqlite import schema as sql
from flowkit.stores.sqlite.assignments import read_assigned
from flowkit.stores.sqlite.history import has_newer_past

__all__ = ["has_newer", "held_runs", "stale"]

_encode: Final = json.JSONEncoder(separators=(",", ":")).encode


def stale(cursor: sqlite3.Cursor, changes: Changes, workflows: Callable[[str], int]) -> Refused:
    """Look at every row that a batch was decided on, and say what of it others wrote since, or does not fit a limit."""
    room = _room(cursor, changes)
    wanted, splits = wanted_labels(changes)
    labels = Labels(read_assigned(cursor, wanted, splits) if wanted else {})
    refused: list[str] = []
    for change in changes.changes:
        fits = all(added <= room[workflow_id] for workflow_id, added in change.totals if workflow_id in room)
        stands = (
            fits and not _is_stale(cursor, change, workflows) and labels.takes(change.subscriber_id, change.assigned)
        )
        if not stands:
            refused.append(change.subscriber_id)
            continue
        for workflow_id, added in change.totals:
            if workflow_id in room:
                room[workflow_id] -= added
    runs = [run for move in changes.moves for run in move.runs]
    held = held_runs(cursor, changes) if changes.unclaimed else frozenset[int]()
    moved = {run.handle for run in _moved(cursor, runs)}
    stood_back = [run for run in runs if run.handle in moved or run.handle in held]
    return Refused(refused, [*stood_back, *labels.refused(changes.moves, stood_back)])


def held_runs(cursor: sqlite3.Cursor, changes: Changes) -> frozenset[int]:
    """Find those runs of the moves of a batch that a worker holds."""
    asked = _encode([run.handle for move in changes.moves for run in move.runs])
    return frozenset(handle for (handle,) in cursor.execute(sql.HELD, (asked,)))


def _room(cursor: sqlite3.Cursor, changes: Changes) -> dict[str, int]:
    """Tell how many may still enter, by workflow, where all subscribers together have a limit."""
    counted = {workflow_id for change in changes.changes for workflow_id, _ in change.totals}
    if not counted:
        return {}
    totals = dict(cursor.execute(sql.TOTALS, (_encode(sorted(counted)),)).fetchall())
    limits = changes.limits
    return {workflow_id: limits[workflow_id] - totals.get(workflow_id, 0) for workflow_id in counted & limits.keys()}


def _is_stale(cursor: sqlite3.Cursor, change: Change, workflows: Callable[[str], int]) -> bool:
    known = cursor.execute("SELECT id FROM flowkit_subscriber WHERE name = ?", (change.subscriber_id,)).fetchone()
    if known is None or change.handle is None:
        return known is not None or change.handle is not None
    if change.newest is not None and has_newer(cursor, [(change.handle, change.newest)]):
        return True
    if change.latest is not None and has_newer_past(cursor, [(change.handle, change.latest)]):
        return True
    for event in change.seen:
        if cursor.execute(
            "SELECT 1 FROM flowkit_seen WHERE subscriber = ? AND event = ?", (change.handle, event)
        ).fetchone():
            return True
    for ledger in change.ledgers:
        row: Any = cursor.execute(
            "SELECT sequence FROM flowkit_ledger WHERE subscriber = ? AND workflow = ?",
            (change.handle, workflows(ledger.workflow_id)),
        ).fetchone()
        if (row[0] if row else 0) != ledger.sequence:
            return True
    return bool(_moved(cursor, [run for move in change.moves for run in move.runs]))


def has_newer(cursor: sqlite3.Cursor, newest: Sequence[tuple[int, int]]) -> bool:
    """Whether a subscriber has a living run that began after the newest one that was recalled."""
    return cursor.execute(sql.NEWER, (_encode(newest),)).fetchone() is not None


def _moved(cursor: sqlite3.Cursor, runs: Sequence[Run]) -> list[Run]:
    if not runs:
        return []
    rows = cursor.execute(
        "SELECT id, sequence FROM flowkit_run WHERE id IN (SELECT value FROM json_each(?))",
        (_encode([run.handle for run in runs]),),
    )
    current = dict(rows.fetchall())
    return [run for run in runs if current.get(run.handle) != run.sequence]
