"""A batch made into what the script ``commit`` is asked; see ``lua/commit.lua``."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import Any, Final

from flowkit.events import HistoryNeed
from flowkit.ports import Change, Ledger, Move, Started
from flowkit.runs.model import Run
from flowkit.stores.phrases import Texts
from flowkit.stores.redis.layout import Layout
from flowkit.stores.redis.texts import Names
from flowkit.stores.rows import STATUS_CODES, write_entries, write_occurrence, write_pending

__all__ = ["Encoder", "ban_row", "needs_of"]

_encode: Final = json.JSONEncoder(ensure_ascii=False, separators=(",", ":")).encode


class Encoder:
    """Writes changes and moves of one partition.

    Args:
        layout: How runs are named.
        texts: Texts that were written before.
        names: The texts that rows name.
        at: The engine's instant, in microseconds.
    """

    def __init__(self, layout: Layout, texts: Texts, names: Names, at: int) -> None:
        self._layout = layout
        self._texts = texts
        self._names = names
        self._at = at

    def change(self, change: Change, part: int) -> dict[str, Any]:
        """Write a change."""
        subscriber = change.subscriber_id
        asked: dict[str, Any] = {
            "subscriber": subscriber,
            "handle": "" if change.handle is None else str(change.handle),
            "seen": list(change.seen),
            "ledgers": [_ledger(ledger) for ledger in change.ledgers],
            "occurred": [[kind, one.occurred_at, write_occurrence(one)] for kind, one in change.occurred],
            "assigned": [list(one) if one.before is not None else list(one[:2]) for one in change.assigned],
            "totals": [list(one) for one in change.totals],
            "bans": [
                [ban.reason, ban.scope, ban_row(subscriber, ban.reason, ban.scope, self._at)] for ban in change.bans
            ],
            "started": [self._started(started) for started in change.started],
            "moves": [self.move(move) for move in change.moves],
            "lines": [[workflow_id, self._names.place(write_entries((entry,)))] for workflow_id, entry in change.lines],
        }
        if change.newest is not None:
            asked["newest"] = f"{self._layout.after(change.newest, part):010x}"
        if change.latest is not None:
            asked["latest"] = change.latest
        return asked

    def _started(self, started: Started) -> dict[str, Any]:
        run, entries = started
        return {
            "born": _encode([run.id, run.subscriber_id, run.workflow_id, run.entered, run.origin]),
            "workflow": run.workflow_id,
            "entered": run.entered,
            "version": run.version,
            "status": str(STATUS_CODES[run.state.status]),
            "due": _instant(run.due),
            "state": self._names.place(self._texts.state(run.state)),
            "body": self._names.place(self._texts.entries(entries)) if entries else "",
        }

    def move(self, move: Move) -> dict[str, Any]:
        """Write a move."""
        rows = len(move.runs)
        asked: dict[str, Any] = {
            "runs": [self._run(run) for run in move.runs],
            "status": str(STATUS_CODES[move.state.status]),
            "due": _instant(move.due),
            "state": self._names.place(self._texts.state(move.state), rows),
            "keeps": move.state.keeps_inputs,
            "body": self._names.place(self._texts.entries(move.entries)) if move.entries else "",
            "assigned": [list(one) if one.before is not None else list(one[:2]) for one in move.assigned],
        }
        if move.version is not None:
            asked["version"] = move.version
        return asked

    def _run(self, run: Run) -> list[Any]:
        _, name = self._layout.place(run.handle)
        return [name, run.sequence, run.subscriber_id, run.workflow_id, run.entered]


def _instant(at: int | None) -> str:
    return "" if at is None else str(at)


def _ledger(ledger: Ledger) -> dict[str, Any]:
    row = (
        f"{ledger.entries}|{_instant(ledger.last_entry)}|{ledger.held}|{_instant(ledger.watch)}"
        f"|{write_pending(ledger.pending) or ''}"
    )
    return {
        "workflow": ledger.workflow_id,
        "sequence": ledger.sequence,
        "row": row,
        "watch": _instant(ledger.watch),
    }


def ban_row(subscriber_id: str, reason: str, scope: str, at: int) -> str:
    """Write a line of the suppression list without its end: when it is lifted, the instant is put behind it."""
    return _encode([subscriber_id, reason, scope, at])[:-1]


def needs_of(history: Mapping[str, HistoryNeed], at: int) -> dict[str, Sequence[int | bool]]:
    """Write how much of the past is kept by type: up to which instant it goes, and how many of the latest stay."""
    return {
        kind: [
            False if need.window is None else at - need.window,
            False if need.latest is None else need.latest,
        ]
        for kind, need in history.items()
    }
