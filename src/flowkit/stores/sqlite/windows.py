"""Windows: what is being handed over, and whether it still may be."""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Iterable, Mapping, Sequence
from typing import Final

from flowkit.ports import OPEN, Claim, Fence
from flowkit.runs.effects import RUN_ID_LENGTH
from flowkit.runs.model import Run
from flowkit.stores.sqlite import schema as sql
from flowkit.stores.sqlite.notes import is_abandoned, read_window
from flowkit.stores.sqlite.shared import Shared
from flowkit.stores.sqlite.suppressions import read_bans_at

__all__ = ["open_window", "read_flight"]

_encode: Final = json.JSONEncoder(ensure_ascii=False, separators=(",", ":")).encode


def open_window(cursor: sqlite3.Cursor, shared: Shared, claim: Claim, runs: Mapping[str, Run]) -> Fence:
    """Note what is about to be handed over, and look whether it may be; see ``Store.open_window``."""
    shared.notes[claim.token].open_window(runs)
    tides = shared.tides
    tide = tides.now(cursor)
    if tide == tides.of(claim.token) == tides.empty:
        return OPEN
    moved = _find_moved(cursor, runs.values())
    return Fence(moved, read_bans_at(tide, cursor, (run.subscriber_id for run in runs.values()), tides))


def _find_moved(cursor: sqlite3.Cursor, runs: Iterable[Run]) -> frozenset[int]:
    """Find the runs that others have written to since they were read, by handle."""
    handles: dict[int, list[int]] = {}
    for run in runs:
        handles.setdefault(run.sequence, []).append(run.handle)
    moved: list[int] = []
    for sequence, some in handles.items():
        moved += [handle for (handle,) in cursor.execute(sql.MOVED, (_encode(some), sequence)).fetchall()]
    return frozenset(moved)


def read_flight(cursor: sqlite3.Cursor, subscriber_ids: Sequence[str], clock: float) -> Sequence[str]:
    """Name what is being handed over; see ``Store.in_flight``."""
    flying: list[str] = []
    for token, runs, notes in cursor.execute(sql.HOLDING, (clock,)).fetchall():
        window = () if is_abandoned(notes) else read_window(notes, str(token))
        if window:
            rows = cursor.execute(sql.HELD_FOR, (runs, _encode(subscriber_ids))).fetchall()
            mine = {key.hex() for (key,) in rows}
            flying += [key for key in window if key[:RUN_ID_LENGTH] in mine]
    return flying
