"""Assignments: the label that each subscriber has at each split, for good."""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Mapping, Sequence
from typing import Final, Self

from flowkit.ports import Changes, Move
from flowkit.runs.model import Run
from flowkit.runs.splits import Assigned
from flowkit.stores.sqlite import schema as sql

__all__ = ["Labels", "assign_all", "assign_runs", "read_assigned"]

_encode: Final = json.JSONEncoder(ensure_ascii=False, separators=(",", ":")).encode


def read_assigned(
    cursor: sqlite3.Cursor, subscriber_ids: Sequence[str], splits: Sequence[str]
) -> dict[str, dict[str, str]]:
    """Read labels by subscriber and by what they belong to; see ``Store.assigned``."""
    found: dict[str, dict[str, str]] = {}
    rows = cursor.execute(sql.ASSIGNED, (_encode(list(subscriber_ids)), _encode(list(splits)))).fetchall()
    for subscriber_id, split, label in rows:
        found.setdefault(subscriber_id, {})[split] = label
    return found


def assign_all(cursor: sqlite3.Cursor, assigned: Sequence[tuple[int, Assigned]]) -> bool:
    """Write labels, each with the handle of its subscriber; False where one of them has another label by then."""
    rows = [(handle, split, label, before) for handle, (split, label, before) in assigned]
    return cursor.executemany(sql.ASSIGN, rows).rowcount == len(rows)


def assign_runs(cursor: sqlite3.Cursor, handles: Sequence[int], assigned: Sequence[Assigned]) -> bool:
    """Write the same labels for the subscribers of runs; False where one of them has another label by then."""
    runs = _encode(list(handles))
    for split, label, before in assigned:
        if cursor.execute(sql.ASSIGN_ALIKE, (split, label, runs, before)).rowcount != len(handles):
            return False
    return True


class Labels:
    """The labels as they stand while a batch is looked through, part by part.

    Args:
        known: What is written, by subscriber and by what it belongs to.
    """

    def __init__(self, known: dict[str, dict[str, str]]) -> None:
        self._known = known

    @classmethod
    def of(cls, cursor: sqlite3.Cursor, changes: Changes) -> Self:
        """Read what a batch wants to write over."""
        wanted: dict[str, None] = {}
        splits: dict[str, None] = {}
        for change in changes.changes:
            if change.assigned:
                wanted[change.subscriber_id] = None
                splits.update(dict.fromkeys(one.split for one in change.assigned))
        for move in changes.moves:
            if move.assigned:
                wanted.update(dict.fromkeys(run.subscriber_id for run in move.runs))
                splits.update(dict.fromkeys(one.split for one in move.assigned))
        return cls(read_assigned(cursor, list(wanted), list(splits)) if wanted else {})

    def takes(self, subscriber_id: str, assigned: Sequence[Assigned]) -> bool:
        """Take labels where the subscriber has no other ones; tell whether that was so."""
        known: Mapping[str, str] = self._known.get(subscriber_id, {})
        after = dict(known)
        for split, label, before in assigned:
            if after.get(split, label) not in {label, before}:
                return False
            after[split] = label
        if assigned:
            self._known[subscriber_id] = after
        return True

    def refused(self, moves: Sequence[Move], but: Sequence[Run]) -> list[Run]:
        """Give the runs whose subscribers have other labels, but for those that are refused anyway."""
        gone = {run.handle for run in but}
        return [
            run
            for move in moves
            if move.assigned
            for run in move.runs
            if run.handle not in gone and not self.takes(run.subscriber_id, move.assigned)
        ]
