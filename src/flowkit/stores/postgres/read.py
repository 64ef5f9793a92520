"""Reading back: runs and the journal, a page at a time."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Sequence
from typing import NamedTuple

from flowkit.errors import UnknownRun
from flowkit.events import from_micros
from flowkit.ports import Living
from flowkit.runs.model import Line, Run, Status
from flowkit.stores.postgres import statements as sql
from flowkit.stores.postgres.decode import Decoder
from flowkit.stores.postgres.link import Link
from flowkit.stores.rows import STATUS_CODES, STATUSES, read_entries

__all__ = ["Wanted", "read_again", "read_lines", "read_living", "read_runs"]


def read_again(link: Link, decoder: Decoder, runs: Sequence[Run]) -> Sequence[Run]:
    """Read runs again, in order.

    Raises:
        UnknownRun: One of them is not there.
    """
    rows = link.rows(sql.THESE, [run.handle for run in runs]) if runs else []
    found = {run.handle: run for run in decoder.runs(link, rows)}
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


def read_runs(link: Link, decoder: Decoder, wanted: Wanted, after: int, limit: int) -> Sequence[Run]:
    """Read a page of runs; see ``Store.runs``."""
    subscriber_id, workflow_id, status, living = wanted
    where: list[str] = ["r.id > %s"]
    values: list[int | str] = [after]
    if subscriber_id is not None:
        where.append("s.name = %s")
        values.append(subscriber_id)
    if workflow_id is not None:
        where.append(
            "r.version IN (SELECT e.number FROM flowkit.edition e JOIN flowkit.workflow w ON w.id = e.workflow"
            " WHERE w.name = %s)"
        )
        values.append(workflow_id)
    if status is not None:
        # Written out, so that the index of the failed is used for them.
        where.append(f"r.status = {STATUS_CODES[status]}")
    if living:
        where.append("r.status < 2")
    query = f"{sql.RUN} WHERE {' AND '.join(where)} ORDER BY r.id LIMIT %s"
    return decoder.runs(link, link.rows(query, *values, limit))


def read_living(link: Link, workflow_id: str) -> Sequence[Living]:
    """Count the living runs of a workflow by version, status and node."""
    counts: Counter[tuple[int, int, str | None]] = Counter()
    for version, status, node, runs in link.rows(sql.LIVING_COUNTS, workflow_id):
        # One node may be written in two ways: where its text holds what is written as an escape.
        counts[version, status, None if node is None else json.loads(node)] += runs
    in_order = sorted(counts.items(), key=lambda one: (one[0][:2], one[0][2] is not None, one[0][2] or ""))
    return [Living(version, STATUSES[status], node, runs) for (version, status, node), runs in in_order]


def read_lines(
    link: Link, decoder: Decoder, subscriber_id: str | None, run: Run | None, after: int, limit: int
) -> Sequence[Line]:
    """Read a page of the journal; see ``Store.lines``."""
    where: list[str] = ["j.id > %s"]
    values: list[int | str] = [after]
    # One index serves both: a run's lines are among its subscriber's.
    whose = subscriber_id if run is None else run.subscriber_id
    if whose is not None:
        where.append("s.name = %s")
        values.append(whose)
    if run is not None:
        where.append("j.run = %s")
        values.append(run.handle)
    rows = link.rows(f"{sql.LINES} WHERE {' AND '.join(where)} ORDER BY j.id LIMIT %s", *values, limit)
    texts = decoder.texts(link, [(phrase, body) for *_, phrase, body in rows])
    return [
        Line(number, from_micros(at), subscriber, workflow, None if key is None else key.hex(), entry)
        for (number, at, subscriber, workflow, key, _, _), text in zip(rows, texts, strict=True)
        for entry in read_entries(text)
    ]
