"""Reading back: runs and the journal, a page at a time."""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Sequence
from typing import Final, NamedTuple

from flowkit.errors import UnknownRun
from flowkit.events import from_micros
from flowkit.ports import Living
from flowkit.runs.model import Line, Run, Status
from flowkit.stores.rows import STATUS_CODES, STATUSES, read_entries
from flowkit.stores.sqlite import schema as sql
from flowkit.stores.sqlite.decode import Decoder

__all__ = ["Wanted", "read_again", "read_lines", "read_living", "read_runs"]

_encode: Final = json.JSONEncoder(separators=(",", ":")).encode


def read_again(cursor: sqlite3.Cursor, decoder: Decoder, runs: Sequence[Run]) -> Sequence[Run]:
    """Read runs again, in order.

    Raises:
        UnknownRun: One of them is not there.
    """
    rows = cursor.execute(sql.THESE, (_encode([run.handle for run in runs]),)).fetchall()
    found = {run.handle: run for run in decoder.runs(rows)}
    missing = [run.id for run in runs if run.handle not in found]
    if missing:
        message = f"no run has the id {missing[0]}"
        raise UnknownRun(message)
    return [found[run.handle] for run in runs]


class Wanted(NamedTuple):
    """Which runs are read; see ``Store.runs``."""

    subscriber_id: str | None
    workflow_id: str | None
    status: Status | None
    living: bool


def read_runs(cursor: sqlite3.Cursor, decoder: Decoder, wanted: Wanted, after: int, limit: int) -> Sequence[Run]:
    """Read a page of runs; see ``Store.runs``."""
    subscriber_id, workflow_id, status, living = wanted
    where: list[str] = ["r.id > ?"]
    values: list[int | str] = [after]
    if subscriber_id is not None:
        where.append("s.name = ?")
        values.append(subscriber_id)
    if workflow_id is not None:
        where.append(
            "r.version IN (SELECT e.number FROM flowkit_edition e JOIN flowkit_workflow w ON w.id = e.workflow"
            " WHERE w.name = ?)"
        )
        values.append(workflow_id)
    if status is not None:
        # Written out, so that the index of the failed is used for them.
        where.append(f"r.status = {STATUS_CODES[status]}")
    if living:
        where.append("r.status < 2")
    query = f"{sql.RUN} WHERE {' AND '.join(where)} ORDER BY r.id LIMIT ?"
    return decoder.runs(cursor.execute(query, (*values, limit)).fetchall())


def read_living(cursor: sqlite3.Cursor, workflow_id: str) -> Sequence[Living]:
    """Count the living runs of a workflow by version, status and node."""
    rows = cursor.execute(sql.LIVING_COUNTS, (workflow_id,)).fetchall()
    return [Living(version, STATUSES[status], node, runs) for version, status, node, runs in rows]


def read_lines(
    cursor: sqlite3.Cursor, decoder: Decoder, subscriber_id: str | None, run: Run | None, after: int, limit: int
) -> Sequence[Line]:
    """Read a page of the journal; see ``Store.lines``."""
    where: list[str] = ["j.id > ?"]
    values: list[int | str] = [after]
    # One index serves both: a run's lines are among its subscriber's.
    whose = subscriber_id if run is None else run.subscriber_id
    if whose is not None:
        where.append("s.name = ?")
        values.append(whose)
    if run is not None:
        where.append("j.run = ?")
        values.append(run.handle)
    query = f"{sql.LINES} WHERE {' AND '.join(where)} ORDER BY j.id LIMIT ?"
    rows = cursor.execute(query, (*values, limit)).fetchall()
    return [
        Line(number, from_micros(at), subscriber, workflow, None if key is None else key.hex(), entry)
        for number, at, subscriber, workflow, key, place in rows
        for entry in read_entries(decoder.text(place))
    ]
