"""Assignments: the label that each subscriber has at each split, for good."""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Sequence
from typing import Final

from flowkit.runs.splits import Assigned
from flowkit.stores.sqlite import schema as sql

__all__ = ["assign_all", "assign_runs", "read_assigned"]

_encode: Final = json.JSONEncoder(ensure_ascii=False, separators=(",", ":")).encode


def read_assigned(
    cursor: sqlite3.Cursor, subscriber_ids: Sequence[str], splits: Sequence[str]
) -> dict[str, dict[str, str]]:
    """Read labels by subscriber and by what they belong to; see ``Store.assigned``."""
    found: dict[str, dict[str, str]] = {}
    rows = cursor.execute(sql.ASSIGNED, (_encode(list(subscriber_ids)), _encode(list(splits)))).fetchall()
    for subscriber_id, split, label in rows:
        found.setdefault(subscriber_id, {})[split] = label
    return found


def assign_all(cursor: sqlite3.Cursor, assigned: Sequence[tuple[int, Assigned]]) -> bool:
    """Write labels, each with the handle of its subscriber; False where one of them has another label by then."""
    rows = [(handle, split, label, before) for handle, (split, label, before) in assigned]
    return cursor.executemany(sql.ASSIGN, rows).rowcount == len(rows)


def assign_runs(cursor: sqlite3.Cursor, handles: Sequence[int], assigned: Sequence[Assigned]) -> bool:
    """Write the same labels for the subscribers of runs; False where one of them has another label by then."""
    runs = _encode(list(handles))
    for split, label, before in assigned:
        if cursor.execute(sql.ASSIGN_ALIKE, (split, label, runs, before)).rowcount != len(handles):
            return False
    return True
