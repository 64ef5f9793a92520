"""Editions: the versions of workflows, and the template sources that they name by hash."""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Mapping, Sequence
from typing import Final

from attrs import evolve

from flowkit.errors import StoreError
from flowkit.ports import Edition
from flowkit.stores.sqlite import schema as sql

__all__ = ["publish", "read_editions", "read_source", "read_stamp"]

_encode: Final = json.JSONEncoder(ensure_ascii=False, separators=(",", ":")).encode


def publish(cursor: sqlite3.Cursor, edition: Edition, sources: Mapping[str, str]) -> Edition:
    """Write a version, the only live one from now on, within an open transaction; give it with its number."""
    cursor.executemany("INSERT OR IGNORE INTO flowkit_source(hash, content) VALUES(?, ?)", sources.items())
    cursor.execute("INSERT OR IGNORE INTO flowkit_workflow(name) VALUES(?)", (edition.workflow_id,))
    [workflow] = cursor.execute("SELECT id FROM flowkit_workflow WHERE name = ?", (edition.workflow_id,)).fetchone()
    cursor.execute("UPDATE flowkit_meta SET value = value + 1 WHERE name = 'stamp'")
    stamp = read_stamp(cursor)
    cursor.execute("UPDATE flowkit_edition SET live = 0, changed = ? WHERE workflow = ? AND live", (stamp, workflow))
    cursor.execute(
        "INSERT INTO flowkit_edition(workflow, hash, document, templates, live, changed) VALUES(?, ?, ?, ?, 1, ?)"
        " ON CONFLICT(workflow, hash) DO UPDATE SET live = 1, changed = excluded.changed",
        (workflow, edition.content_hash, edition.document, _encode(dict(edition.templates)), stamp),
    )
    [number] = cursor.execute(
        "SELECT number FROM flowkit_edition WHERE workflow = ? AND hash = ?", (workflow, edition.content_hash)
    ).fetchone()
    return evolve(edition, number=number, live=True)


def read_stamp(cursor: sqlite3.Cursor) -> int:
    """Read the stamp."""
    return int(cursor.execute(sql.STAMP).fetchone()[0])


def read_editions(cursor: sqlite3.Cursor, since: int) -> Sequence[Edition]:
    """Read the versions that were changed after a stamp, by number."""
    rows = cursor.execute(
        "SELECT e.number, w.name, e.hash, e.document, e.templates, e.live"
        " FROM flowkit_edition e JOIN flowkit_workflow w ON w.id = e.workflow WHERE e.changed > ? ORDER BY e.number",
        (since,),
    ).fetchall()
    return [
        Edition(name, number, digest, document, json.loads(templates), bool(live))
        for number, name, digest, document, templates, live in rows
    ]


def read_source(cursor: sqlite3.Cursor, content_hash: str) -> str:
    """Read a template source.

    Raises:
        StoreError: There is none of that hash.
    """
    row = cursor.execute("SELECT content FROM flowkit_source WHERE hash = ?", (content_hash,)).fetchone()
    if row is None:
        message = f"no template source has the hash {content_hash}"
        raise StoreError(message)
    return str(row[0])
