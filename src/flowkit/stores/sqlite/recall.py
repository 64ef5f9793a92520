"""Recall: what is remembered about a batch of subscribers, with a few statements for all of it."""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Mapping, Sequence
from typing import Final

from flowkit.events import Occurrence
from flowkit.ports import Ledger, Recall, Recalled
from flowkit.runs.consent import Ban
from flowkit.runs.model import Run
from flowkit.stores.rows import read_pending
from flowkit.stores.sqlite import schema as sql
from flowkit.stores.sqlite.assignments import read_assigned
from flowkit.stores.sqlite.decode import Decoder
from flowkit.stores.sqlite.history import Past, read_latest, read_past
from flowkit.stores.sqlite.suppressions import read_bans

__all__ = ["recall"]

_NOTHING: Final[Past] = {}
_NO_TYPES: Final[Mapping[str, Sequence[Occurrence]]] = {}
_NO_LABELS: Final[Mapping[str, Mapping[str, str]]] = {}
_NO_LABEL: Final[Mapping[str, str]] = {}
_encode: Final = json.JSONEncoder(ensure_ascii=False, separators=(",", ":")).encode


def recall(
    cursor: sqlite3.Cursor,
    decoder: Decoder,
    events: Mapping[str, Sequence[str]],
    *,
    runs: bool,
    history: Sequence[str],
    totals: Sequence[str],
    splits: Sequence[str],
    ended: int | None,
) -> Recall:
    """Read what is remembered; see ``Store.recall``."""
    known = cursor.execute(sql.KNOWN, (_encode(list(events)),)).fetchall()
    stamp: int = known[0][0]
    entries: dict[str, int] = dict(cursor.execute(sql.TOTALS, (_encode(totals),)).fetchall()) if totals else {}
    handles: dict[str, int] = {name: handle for _, name, handle, _ in known if name is not None}
    if not handles:
        return Recall(stamp, {}, entries)
    numbers = _encode(list(handles.values()))
    asked = [[handle, event] for name, handle in handles.items() for event in events[name]]
    seen: dict[int, set[str]] = {}
    for subscriber, event in cursor.execute(sql.SEEN, (_encode(asked),)):
        seen.setdefault(subscriber, set()).add(event)
    ledgers = _ledgers(cursor, decoder, numbers)
    bans: Mapping[str, Sequence[Ban]] = read_bans(cursor, handles) if known[0][3] else {}
    living: dict[str, list[Run]] = {}
    if runs:
        for run in decoder.runs(cursor.execute(sql.LIVING, (numbers,)).fetchall()):
            living.setdefault(run.subscriber_id, []).append(run)
    over: dict[str, list[Run]] = {}
    if ended is not None:
        entered = [
            handle for handle, some in ledgers.items() if any((one.last_entry or 0) >= ended for one in some.values())
        ]
        rows = cursor.execute(sql.ENDED, (_encode(entered), ended)).fetchall() if entered else ()
        for run in decoder.runs(rows):
            over.setdefault(run.subscriber_id, []).append(run)
    past: Past = _NOTHING
    latest: Mapping[int, int] = {}
    if history:
        # In this order: what comes in between is then read as past, and yet found to be newer by the commit.
        latest = read_latest(cursor, numbers)
        past = read_past(cursor, list(handles), history)
    assigned = read_assigned(cursor, list(handles), splits) if splits else _NO_LABELS
    return Recall(
        stamp,
        {
            name: Recalled(
                handle,
                frozenset(seen.get(handle, ())),
                ledgers.get(handle, {}),
                tuple(living.get(name, ())),
                past.get(name, _NO_TYPES),
                latest.get(handle, 0),
                assigned.get(name, _NO_LABEL),
                bans.get(name, ()),
                tuple(over.get(name, ())),
            )
            for name, handle in handles.items()
        },
        entries,
    )


def _ledgers(cursor: sqlite3.Cursor, decoder: Decoder, numbers: str) -> Mapping[int, Mapping[str, Ledger]]:
    ledgers: dict[int, dict[str, Ledger]] = {}
    for subscriber, workflow, entries, last_entry, sequence, held, watch, pending in cursor.execute(
        sql.LEDGERS, (numbers,)
    ).fetchall():
        name = decoder.workflow(workflow)
        ledgers.setdefault(subscriber, {})[name] = Ledger(
            name, entries, last_entry, sequence, held, watch, read_pending(pending) if pending else ()
        )
    return ledgers
