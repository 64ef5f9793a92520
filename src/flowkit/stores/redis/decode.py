"""Rows made into values: runs, ledgers, and what is told of subscribers."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from flowkit.events import Occurrence
from flowkit.ports import Ledger
from flowkit.runs.consent import Ban, SuppressionReason, SuppressionScope
from flowkit.runs.model import Run
from flowkit.stores.redis.layout import Layout
from flowkit.stores.redis.texts import Lexicon
from flowkit.stores.rows import read_occurrence, read_pending

__all__ = ["Decoder", "read_bans", "read_ledgers", "read_past", "read_row"]

_NUMBER = 10


class Decoder:
    """Makes runs of rows.

    Args:
        lexicon: The texts that rows share.
        layout: How handles are made.
    """

    def __init__(self, lexicon: Lexicon, layout: Layout) -> None:
        self._lexicon = lexicon
        self._layout = layout

    def runs(self, part: int, rows: Iterable[Sequence[str | None]]) -> list[Run]:
        """Make runs of the rows of a partition; those that are missing are left out.

        Args:
            part: The partition.
            rows: Each a name, what changes of a run, and what never does.
        """
        kept = [(name, row.split("|", 4), born) for name, row, born in rows if name and row and born]
        reader = self._lexicon.reader(part, (row[4] for _, row, _ in kept))
        handle = self._layout.handle
        runs: list[Run] = []
        for name, (sequence, due, _, version, state), born in kept:
            run_id, subscriber, workflow, entered, origin = json.loads(born)
            runs.append(
                Run(
                    run_id,
                    subscriber,
                    workflow,
                    int(version),
                    entered,
                    origin,
                    reader.state(state),
                    int(due) if due else None,
                    int(sequence),
                    handle(int(name, 16), part),
                )
            )
        return runs


def read_row(flat: Sequence[str]) -> dict[str, str]:
    """Read the fields of a hash."""
    return dict(zip(flat[::2], flat[1::2], strict=True))


def read_ledgers(fields: Mapping[str, str]) -> dict[str, Ledger]:
    """Read the ledgers of a subscriber, by workflow id."""
    return {field[2:]: _ledger(field[2:], row) for field, row in fields.items() if field.startswith("l:")}


def _ledger(workflow_id: str, row: str) -> Ledger:
    sequence, entries, last, held, watch, pending = row.split("|", 5)
    return Ledger(
        workflow_id,
        int(entries),
        int(last) if last else None,
        int(sequence),
        int(held),
        int(watch) if watch else None,
        read_pending(pending or None),
    )


def read_bans(fields: Mapping[str, str]) -> Sequence[Ban]:
    """Read what is forbidden about a subscriber, in the order in which it came to be."""
    numbered: list[tuple[int, Ban]] = []
    for field, number in fields.items():
        if field.startswith("b:"):
            _, reason, scope = field.split(":")
            numbered.append((int(number), Ban(SuppressionReason(reason), SuppressionScope(scope))))
    return tuple(ban for _, ban in sorted(numbered))


def read_past(flat: Sequence[Any]) -> Sequence[Occurrence]:
    """Read past events of one type, as members and instants, oldest first."""
    return [read_occurrence(int(float(at)), member[_NUMBER:]) for member, at in zip(flat[::2], flat[1::2], strict=True)]
