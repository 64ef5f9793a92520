"""Editions: the versions of workflows, and the template sources that they name by hash."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import Final

from flowkit.errors import StoreError
from flowkit.ports import Edition, Hold, HoldKind
from flowkit.stores.postgres import statements as sql
from flowkit.stores.postgres.link import Link
from flowkit.stores.rows import read_hold, write_hold

__all__ = ["hold_workflow", "publish", "read_editions", "read_source", "read_stamp", "share_stamp"]

_encode: Final = json.JSONEncoder(ensure_ascii=False, separators=(",", ":")).encode


def publish(link: Link, edition: Edition, sources: Mapping[str, str]) -> Edition:
    """Write a version, the only live one from now on or a draft; see ``Store.publish``."""
    stamp = _stamped(link)
    if sources:
        link.write(
            "INSERT INTO flowkit.source(hash, content) SELECT * FROM unnest(%s::text[], %s::text[])"
            " ON CONFLICT DO NOTHING",
            list(sources),
            list(sources.values()),
        )
    link.write("INSERT INTO flowkit.workflow(name) VALUES(%s) ON CONFLICT DO NOTHING", edition.workflow_id)
    workflow = link.number("SELECT id FROM flowkit.workflow WHERE name = %s", edition.workflow_id)
    if edition.live:
        link.write(
            "UPDATE flowkit.edition SET live = false, changed = %s WHERE workflow = %s AND live", stamp, workflow
        )
        ended = "UPDATE flowkit.workflow SET hold = NULL WHERE id = %s AND hold::json ->> 'kind' <> %s"
        link.write(ended, workflow, HoldKind.PAUSE.value)
        instead = "UPDATE SET live = true, changed = excluded.changed, published = excluded.published"
    else:
        instead = "NOTHING"
    link.write(
        "INSERT INTO flowkit.edition(workflow, hash, document, templates, live, changed, published)"
        f" VALUES(%s, %s, %s, %s, %s, %s, %s) ON CONFLICT(workflow, hash) DO {instead}",
        workflow,
        edition.content_hash,
        edition.document,
        _encode(dict(edition.templates)),
        edition.live,
        stamp,
        edition.published,
    )
    [stored] = _editions(link, "e.workflow = %s AND e.hash = %s", workflow, edition.content_hash)
    return stored


def hold_workflow(link: Link, workflow_id: str, hold: Hold | None) -> Edition:
    """Write what is ordered for a workflow; give its live version.

    Raises:
        StoreError: None is live.
    """
    stamp = _stamped(link)
    link.write("UPDATE flowkit.workflow SET hold = %s WHERE name = %s", write_hold(hold), workflow_id)
    link.write(
        "UPDATE flowkit.edition e SET changed = %s FROM flowkit.workflow w"
        " WHERE e.live AND w.id = e.workflow AND w.name = %s",
        stamp,
        workflow_id,
    )
    found = _editions(link, "e.live AND w.name = %s", workflow_id)
    if not found:
        message = f"no version of workflow {workflow_id!r} is live"
        raise StoreError(message)
    return found[0]


def _stamped(link: Link) -> int:
    """Move the stamp, when all have committed who decided under the one before."""
    link.rows(sql.OWN_STAMP, link.schema.lock)
    return link.number(sql.NEXT_STAMP)


def share_stamp(link: Link) -> int:
    """Read the stamp, and keep it where it is up to the end of the transaction."""
    link.rows(sql.SHARE_STAMP, link.schema.lock)
    return read_stamp(link)


def read_stamp(link: Link) -> int:
    """Read the stamp."""
    return link.number(sql.STAMP)


def read_editions(link: Link, since: int) -> Sequence[Edition]:
    """Read the versions that were changed after a stamp, by number."""
    return _editions(link, "e.changed > %s", since)


def _editions(link: Link, where: str, *values: object) -> Sequence[Edition]:
    rows = link.rows(f"{sql.EDITIONS} WHERE {where} ORDER BY e.number", *values)
    return [
        Edition(
            name,
            number,
            digest,
            document,
            json.loads(templates),
            live,
            published,
            read_hold(hold) if live else None,
        )
        for number, name, digest, document, templates, live, published, hold in rows
    ]


def read_source(link: Link, content_hash: str) -> str:
    """Read a template source.

    Raises:
        StoreError: There is none of that hash.
    """
    row = link.row("SELECT content FROM flowkit.source WHERE hash = %s", content_hash)
    if row is None:
        message = f"no template source has the hash {content_hash}"
        raise StoreError(message)
    return str(row[0])
