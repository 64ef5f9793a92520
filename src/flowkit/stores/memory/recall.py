"""How subscribers are recalled: what is remembered of each, from every table."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from flowkit.ports import Recall, Recalled
from flowkit.stores.memory.tables import Tables

__all__ = ["recall"]


def recall(
    tables: Tables,
    events: Mapping[str, Sequence[str]],
    *,
    runs: bool,
    history: Sequence[str],
    totals: Sequence[str],
    splits: Sequence[str],
    ended: int | None,
) -> Recall:
    """Read what is remembered about subscribers; see ``Store.recall``."""
    stored = tables.runs.all
    found: dict[str, Recalled] = {}
    for subscriber_id, handle in tables.subscribers.known(events).items():
        found[subscriber_id] = Recalled(
            handle,
            tables.subscribers.seen(subscriber_id, events[subscriber_id]),
            tables.ledgers.read(subscriber_id),
            [stored[living - 1] for living in tables.runs.living(subscriber_id)] if runs else (),
            tables.past.read(subscriber_id, history) if history else {},
            tables.past.latest(subscriber_id) if history else 0,
            tables.assignments.read(subscriber_id, splits) if splits else {},
            tables.suppressions.of(subscriber_id),
            () if ended is None else tables.runs.ended_since(subscriber_id, ended),
        )
    return Recall(tables.editions.stamp, found, tables.ledgers.entered(totals))
