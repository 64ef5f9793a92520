"""The frozen inputs of effects: an effect that is tried again is made from what it was made from first."""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Mapping
from typing import Final

from flowkit.ports import Changes, Claim
from flowkit.runs.effects import RUN_ID_LENGTH
from flowkit.stores.inputs import thawed
from flowkit.stores.sqlite import schema as sql

__all__ = ["freeze", "thaw"]

_encode: Final = json.JSONEncoder(separators=(",", ":")).encode


def freeze(cursor: sqlite3.Cursor, claim: Claim, inputs: Mapping[str, str]) -> Mapping[str, str]:
    """Keep the inputs of effects; see ``Store.freeze``."""
    handles = {run.id: run.handle for run in claim.runs}
    rows = [(handles[key[:RUN_ID_LENGTH]], key, text) for key, text in inputs.items()]
    cursor.executemany("INSERT OR IGNORE INTO flowkit_frozen(run, key, inputs) VALUES(?, ?, ?)", rows)
    kept = cursor.execute(
        "SELECT key, inputs FROM flowkit_frozen WHERE run IN (SELECT value FROM json_each(?))",
        (_encode([row[0] for row in rows]),),
    ).fetchall()
    return {key: text for key, text in kept if key in inputs}


def thaw(cursor: sqlite3.Cursor, changes: Changes, *, frozen: bool) -> None:
    """Let go of the inputs of effects that are settled, and are not tried again under the same key.

    Args:
        cursor: The transaction's cursor.
        changes: What is written.
        frozen: Whether inputs were kept under the claim.
    """
    over = thawed(changes, frozen=frozen)
    if over:
        cursor.execute(sql.THAW, (_encode(over),))
