"""The past: events that conditions still read, oldest first, and what is dropped of them with each write."""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Iterable, Mapping, Sequence
from typing import Final, TypeAlias

from flowkit.events import HistoryNeed, Occurrence
from flowkit.stores.rows import read_occurrence
from flowkit.stores.sqlite import schema as sql

__all__ = ["Past", "has_newer_past", "prune", "read_latest", "read_past"]

Past: TypeAlias = Mapping[str, Mapping[str, Sequence[Occurrence]]]
"""Past events by subscriber and type."""
_LARGEST: Final = 2**63 - 1
"""The largest integer of SQLite: a window or a number beyond it reads all there can be."""
_encode: Final = json.JSONEncoder(ensure_ascii=False, separators=(",", ":")).encode


def read_past(cursor: sqlite3.Cursor, subscriber_ids: Sequence[str], types: Sequence[str]) -> Past:
    """Read past events, oldest first; see ``Store.history``."""
    past: dict[str, dict[str, list[Occurrence]]] = {}
    rows = cursor.execute(sql.PAST, (_encode(subscriber_ids), _encode(types))).fetchall()
    for subscriber_id, kind, at, body in rows:
        past.setdefault(subscriber_id, {}).setdefault(kind, []).append(read_occurrence(at, body))
    return past


def read_latest(cursor: sqlite3.Cursor, handles: str) -> Mapping[int, int]:
    """Read the number of the newest past event by subscriber.

    Args:
        cursor: The cursor.
        handles: The subscribers, as a JSON list.
    """
    return dict(cursor.execute(sql.LATEST, (handles,)).fetchall())


def has_newer_past(cursor: sqlite3.Cursor, latest: Sequence[tuple[int, int]]) -> bool:
    """Whether a subscriber has a past event with a larger number than the one that was recalled."""
    return cursor.execute(sql.NEWER_PAST, (_encode(latest),)).fetchone() is not None


def prune(
    cursor: sqlite3.Cursor, needs: Mapping[str, HistoryNeed], written: Iterable[tuple[int, str]], at: int
) -> None:
    """Drop what is no longer read.

    Args:
        cursor: The transaction's cursor.
        needs: How much is read, by type; all of a type that is missing here is kept.
        written: The subscribers and types of which something was written just now, by handle.
        at: The engine's instant, in microseconds.
    """
    whose: dict[str, dict[int, None]] = {}
    for handle, kind in written:
        whose.setdefault(kind, {})[handle] = None
    for kind, handles in whose.items():
        need = needs.get(kind)
        if need is None:
            continue
        if need.window is not None:
            cursor.execute(sql.PRUNE_OLD, (_encode(list(handles)), kind, max(at - need.window, -_LARGEST)))
        if need.latest is not None:
            latest = min(need.latest, _LARGEST)
            cursor.executemany(sql.PRUNE_SURPLUS, [(handle, kind, latest) for handle in handles])
