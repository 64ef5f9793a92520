"""Recall: what is remembered about a batch of subscribers, with a few statements for all of it.

The statements need no snapshot in common: each part is fenced by the commit against what came after it was read.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Final

from flowkit.events import Occurrence
from flowkit.ports import Ledger, Recall, Recalled
from flowkit.runs.consent import Ban
from flowkit.runs.model import Run
from flowkit.stores.postgres import statements as sql
from flowkit.stores.postgres.decode import Decoder
from flowkit.stores.postgres.history import Past, read_latest, read_past
from flowkit.stores.postgres.link import Link, columns
from flowkit.stores.postgres.suppressions import read_bans
from flowkit.stores.rows import read_pending

__all__ = ["read_assigned", "recall"]

_NOTHING: Final[Past] = {}
_NO_TYPES: Final[Mapping[str, Sequence[Occurrence]]] = {}
_NO_LABELS: Final[Mapping[str, Mapping[str, str]]] = {}
_NO_LABEL: Final[Mapping[str, str]] = {}


def recall(
    link: Link,
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
    known = link.rows(sql.KNOWN, list(events))
    stamp: int = known[0][0]
    entries: dict[str, int] = dict(link.rows(sql.TOTALS, list(totals))) if totals else {}
    handles: dict[str, int] = {name: handle for _, name, handle, _ in known if name is not None}
    if not handles:
        return Recall(stamp, {}, entries)
    numbers = list(handles.values())
    asked = [(handle, event) for name, handle in handles.items() for event in events[name]]
    seen: dict[int, set[str]] = {}
    for subscriber, event in link.rows(sql.SEEN, *columns(asked, 2)) if asked else ():
        seen.setdefault(subscriber, set()).add(event)
    ledgers = _ledgers(link, decoder, numbers)
    bans: Mapping[str, Sequence[Ban]] = read_bans(link, handles) if known[0][3] else {}
    living: Mapping[str, Sequence[Run]] = {}
    if runs:
        living = _by_subscriber(decoder.runs(link, link.rows(sql.LIVING, numbers)))
    over: Mapping[str, Sequence[Run]] = {}
    if ended is not None:
        entered = [
            handle for handle, some in ledgers.items() if any((one.last_entry or 0) >= ended for one in some.values())
        ]
        over = _by_subscriber(decoder.runs(link, link.rows(sql.ENDED, entered, ended))) if entered else {}
    past: Past = _NOTHING
    latest: Mapping[int, int] = {}
    if history:
        # In this order: what comes in between is then read as past, and yet found to be newer by the commit.
        latest = read_latest(link, numbers)
        past = read_past(link, list(handles), history)
    assigned = read_assigned(link, list(handles), splits) if splits else _NO_LABELS
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


def _by_subscriber(runs: Sequence[Run]) -> Mapping[str, Sequence[Run]]:
    found: dict[str, list[Run]] = {}
    for run in runs:
        found.setdefault(run.subscriber_id, []).append(run)
    return found


def _ledgers(link: Link, decoder: Decoder, numbers: Sequence[int]) -> Mapping[int, Mapping[str, Ledger]]:
    ledgers: dict[int, dict[str, Ledger]] = {}
    rows = link.rows(sql.LEDGERS, numbers)
    for subscriber, workflow, entries, last_entry, sequence, held, watch, pending in rows:
        name = decoder.workflow(link, workflow)
        ledgers.setdefault(subscriber, {})[name] = Ledger(
            name, entries, last_entry, sequence, held, watch, read_pending(pending) if pending else ()
        )
    return ledgers


def read_assigned(link: Link, subscriber_ids: Sequence[str], splits: Sequence[str]) -> dict[str, dict[str, str]]:
    """Read labels by subscriber and by what they belong to; see ``Store.assigned``."""
    found: dict[str, dict[str, str]] = {}
    for subscriber_id, split, label in link.rows(sql.ASSIGNED, list(subscriber_ids), list(splits)):
        found.setdefault(subscriber_id, {})[split] = label
    return found
