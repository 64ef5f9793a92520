"""Editions: the versions of workflows, and the template sources that they name by hash."""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Mapping, Sequence
from typing import Final

from flowkit.errors import StoreError
from flowkit.ports import Edition, Hold, HoldKind
from flowkit.stores.rows import read_hold, write_hold
from flowkit.stores.sqlite import schema as sql

__all__ = ["hold_workflow", "publish", "read_editions", "read_source", "read_stamp"]

_encode: Final = json.JSONEncoder(ensure_ascii=False, separators=(",", ":")).encode


def publish(cursor: sqlite3.Cursor, edition: Edition, sources: Mapping[str, str]) -> Edition:
    """Write a version, the only live one from now on or a draft, within an open transaction; see ``Store.publish``."""
    cursor.executemany("INSERT OR IGNORE INTO flowkit_source(hash, content) VALUES(?, ?)", sources.items())
    cursor.execute("INSERT OR IGNORE INTO flowkit_workflow(name) VALUES(?)", (edition.workflow_id,))
    [workflow] = cursor.execute("SELECT id FROM flowkit_workflow WHERE name = ?", (edition.workflow_id,)).fetchone()
    stamp = _stamped(cursor)
    if edition.live:
        cursor.execute(
            "UPDATE flowkit_edition SET live = 0, changed = ? WHERE workflow = ? AND live", (stamp, workflow)
        )
        ended = "UPDATE flowkit_workflow SET hold = NULL WHERE id = ? AND json_extract(hold, '$.kind') <> ?"
        cursor.execute(ended, (workflow, HoldKind.PAUSE.value))
        instead = "UPDATE SET live = 1, changed = excluded.changed, published = excluded.published"
    else:
        instead = "NOTHING"
    cursor.execute(
        "INSERT INTO flowkit_edition(workflow, hash, document, templates, live, changed, published)"
        f" VALUES(?, ?, ?, ?, ?, ?, ?) ON CONFLICT(workflow, hash) DO {instead}",
        (
            workflow,
            edition.content_hash,
            edition.document,
            _encode(dict(edition.templates)),
            edition.live,
            stamp,
            edition.published,
        ),
    )
    [stored] = _editions(cursor, "e.workflow = ? AND e.hash = ?", (workflow, edition.content_hash))
    return stored


def hold_workflow(cursor: sqlite3.Cursor, workflow_id: str, hold: Hold | None) -> Edition:
    """Write what is ordered for a workflow, within an open transaction; give its live version.

    Raises:
        StoreError: None is live.
    """
    stamp = _stamped(cursor)
    cursor.execute("UPDATE flowkit_workflow SET hold = ? WHERE name = ?", (write_hold(hold), workflow_id))
    live = "live AND workflow IN (SELECT id FROM flowkit_workflow WHERE name = ?)"
    cursor.execute(f"UPDATE flowkit_edition SET changed = ? WHERE {live}", (stamp, workflow_id))  # noqa: S608 - constants
    found = _editions(cursor, "e.live AND w.name = ?", (workflow_id,))
    if not found:
        message = f"no version of workflow {workflow_id!r} is live"
        raise StoreError(message)
    return found[0]


def _stamped(cursor: sqlite3.Cursor) -> int:
    """Move the stamp."""
    cursor.execute("UPDATE flowkit_meta SET value = value + 1 WHERE name = 'stamp'")
    return read_stamp(cursor)


def read_stamp(cursor: sqlite3.Cursor) -> int:
    """Read the stamp."""
    return int(cursor.execute(sql.STAMP).fetchone()[0])


def read_editions(cursor: sqlite3.Cursor, since: int) -> Sequence[Edition]:
    """Read the versions that were changed after a stamp, by number."""
    return _editions(cursor, "e.changed > ?", (since,))


def _editions(cursor: sqlite3.Cursor, where: str, values: tuple[object, ...]) -> Sequence[Edition]:
    rows = cursor.execute(
        f"{sql.EDITIONS} WHERE {where} ORDER BY e.number",
        values,
    ).fetchall()
    return [
        Edition(
            name,
            number,
            digest,
            document,
            json.loads(templates),
            bool(live),
            published,
            read_hold(hold) if live else None,
        )
        for number, name, digest, document, templates, live, published, hold in rows
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
