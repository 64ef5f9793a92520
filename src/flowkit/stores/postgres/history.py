"""The past: events that conditions still read, oldest first, and what is dropped of them with each write."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Final, TypeAlias

from flowkit.events import HistoryNeed, Occurrence
from flowkit.stores.postgres import statements as sql
from flowkit.stores.postgres.link import Link, columns
from flowkit.stores.rows import read_occurrence

__all__ = ["Past", "prune", "read_latest", "read_past"]

Past: TypeAlias = Mapping[str, Mapping[str, Sequence[Occurrence]]]
"""Past events by subscriber and type."""
_LARGEST: Final = 2**63 - 1
"""The largest bigint: a window or a number beyond it reads all there can be."""


def read_past(link: Link, subscriber_ids: Sequence[str], types: Sequence[str]) -> Past:
    """Read past events, oldest first; see ``Store.history``."""
    past: dict[str, dict[str, list[Occurrence]]] = {}
    for subscriber_id, kind, at, body in link.rows(sql.PAST, list(subscriber_ids), list(types)):
        past.setdefault(subscriber_id, {}).setdefault(kind, []).append(read_occurrence(at, body))
    return past


def read_latest(link: Link, handles: Sequence[int]) -> Mapping[int, int]:
    """Read the number of the newest past event by subscriber."""
    return {subscriber: number for subscriber, number in link.rows(sql.LATEST, handles)}  # noqa: C416 - tells of what


def prune(link: Link, needs: Mapping[str, HistoryNeed], written: Iterable[tuple[int, str]], at: int) -> None:
    """Drop what is no longer read.

    Args:
        link: Where.
        needs: How much is read, by type; all of a type that is missing here is kept.
        written: The subscribers and types of which something was written just now, by handle.
        at: The engine's instant, in microseconds.
    """
    old: list[tuple[int, str, int]] = []
    surplus: list[tuple[int, str, int]] = []
    for handle, kind in dict.fromkeys(written):
        need = needs.get(kind)
        if need is None:
            continue
        if need.window is not None:
            old.append((handle, kind, max(at - need.window, -_LARGEST)))
        if need.latest is not None:
            surplus.append((handle, kind, min(need.latest, _LARGEST)))
    if old:
        link.write(sql.PRUNE_OLD, *columns(old, 3))
    if surplus:
        link.write(sql.PRUNE_SURPLUS, *columns(surplus, 3))
