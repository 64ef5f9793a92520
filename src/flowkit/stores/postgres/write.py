"""How a batch of which nothing is stale is written, with a few statements for all of it."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import TypeAlias

from flowkit.ports import Change, Changes, Ledger, Move
from flowkit.runs.consent import Ban
from flowkit.runs.model import Entry
from flowkit.runs.splits import Assigned
from flowkit.stores.phrases import Phrases, Texts
from flowkit.stores.postgres import statements as sql
from flowkit.stores.postgres.history import prune
from flowkit.stores.postgres.link import Link, columns
from flowkit.stores.postgres.suppressions import add
from flowkit.stores.rows import STATUS_CODES, write_entries, write_occurrence, write_pending

__all__ = ["Writer"]

_Place: TypeAlias = tuple[int | None, str | None]
"""What a row holds for a text: the number of a phrase, or the text itself; neither where there is none."""
_NO_TEXT: _Place = (None, None)


class Writer:
    """Writes one batch within an open transaction that has its locks.

    Args:
        link: The transaction.
        phrases: Texts that rows share.
        texts: Texts that were written before.
        workflows: The numbers of the workflows by id.
        handles: The numbers of the subscribers by id.
        batch: What is to be written.
    """

    def __init__(
        self,
        link: Link,
        phrases: Phrases,
        texts: Texts,
        workflows: Callable[[str], int],
        handles: Mapping[str, int],
        batch: Changes,
    ) -> None:
        self._link = link
        self._phrases = phrases
        self._texts = texts
        self._workflows = workflows
        self._handles = handles
        self._batch = batch
        self._at = batch.at

    def write(self) -> None:
        """Write changes and moves."""
        pairs = [(self._handles[change.subscriber_id], change) for change in self._batch.changes]
        if pairs:
            self._count(self._batch.changes)
            self._remember(pairs)
            self._accept((handle, event) for handle, change in pairs for event in change.seen)
            self._ledgers((handle, ledger) for handle, change in pairs for ledger in change.ledgers)
        self._assign(pairs)
        if pairs:
            self._begin(pairs)
        self._move([move for _, change in pairs for move in change.moves])
        self._suppress((handle, ban) for handle, change in pairs for ban in change.bans)
        self._write(pairs)
        self._move(self._batch.moves)

    def _count(self, changes: Sequence[Change]) -> None:
        """Add up the entries of the whole batch where all subscribers together have a limit."""
        totals = Counter[int]()
        for change in changes:
            for workflow_id, added in change.totals:
                totals[self._workflows(workflow_id)] += added
        if totals:
            self._link.write(sql.ADD_ENTRIES, list(totals), list(totals.values()))

    def _remember(self, pairs: Sequence[tuple[int, Change]]) -> None:
        """Keep past events, and drop of their kind what is read no longer."""
        rows = [
            (handle, kind, past.occurred_at, write_occurrence(past))
            for handle, change in pairs
            if change.occurred
            for kind, past in change.occurred
        ]
        if rows:
            self._link.write(sql.NEW_PAST, *columns(rows, 4))
            prune(self._link, self._batch.history, [row[:2] for row in rows], self._at)

    def _accept(self, seen: Iterable[tuple[int, str]]) -> None:
        rows = list(seen)
        if rows:
            self._link.write(sql.NEW_SEEN, self._at, *columns(rows, 2))

    def _ledgers(self, ledgers: Iterable[tuple[int, Ledger]]) -> None:
        rows = [
            (handle, self._workflows(name), entries, last_entry, held, watch, write_pending(pending))
            for handle, (name, entries, last_entry, _, held, watch, pending) in ledgers
        ]
        if rows:
            self._link.write(sql.PUT_LEDGERS, *columns(rows, 7))

    def _assign(self, pairs: Sequence[tuple[int, Change]]) -> None:
        """Write the labels that are left when each of the batch has been assigned in its order."""
        labels: dict[tuple[int, str], str] = {}

        def assign(handle: int, assigned: Sequence[Assigned]) -> None:
            labels.update({(handle, split): label for split, label, _ in assigned})

        for handle, change in pairs:
            assign(handle, change.assigned)
        for move in self._batch.moves:
            for run in move.runs if move.assigned else ():
                assign(self._handles[run.subscriber_id], move.assigned)
        if labels:
            rows = [(handle, split, label) for (handle, split), label in labels.items()]
            self._link.write(sql.ASSIGN, *columns(rows, 3))

    def _begin(self, pairs: Sequence[tuple[int, Change]]) -> None:
        """Write runs that begin, in their order; those that stand alike share their texts."""
        begun = [(handle, run, entries) for handle, change in pairs for run, entries in change.started]
        if not begun:
            return
        states = Counter(run.state for _, run, _ in begun)
        places = {state: self._place(self._texts.state(state), rows) for state, rows in states.items()}
        told = self._told(entries for _, _, entries in begun)
        rows = [
            (
                bytes.fromhex(run.id),
                handle,
                STATUS_CODES[run.state.status],
                *places[run.state],
                run.due,
                run.version,
                run.entered,
                run.origin,
                *told[id(entries)],
            )
            for handle, run, entries in begun
        ]
        self._link.write(sql.BEGIN, *columns(rows, 11), self._at)

    def _move(self, moves: Sequence[Move]) -> None:
        rows: list[tuple[object, ...]] = []
        for state, due, runs, entries, version in (
            (move.state, move.due, move.runs, move.entries, move.version) for move in moves if move.runs
        ):
            place = self._place(self._texts.state(state), len(runs))
            told = self._place(self._texts.entries(entries), len(runs)) if entries else _NO_TEXT
            rest = (STATUS_CODES[state.status], *place, due, version, *told)
            rows += [(run.handle, *rest) for run in runs]
        if rows:
            self._link.write(sql.MOVE, *columns(rows, 8), self._at)

    def _suppress(self, bans: Iterable[tuple[int, Ban]]) -> None:
        rows = list(bans)
        if rows:
            add(self._link, rows, self._at)

    def _write(self, pairs: Sequence[tuple[int, Change]]) -> None:
        """Write entries that belong to no run."""
        rows = [
            (handle, *self._place(write_entries((entry,)), 1), self._workflows(workflow_id))
            for handle, change in pairs
            for workflow_id, entry in change.lines
        ]
        if rows:
            self._link.write(sql.WRITE, self._at, *columns(rows, 4))

    def _told(self, stories: Iterable[tuple[Entry, ...]]) -> Mapping[int, _Place]:
        """Say where the text of each tuple of entries stands, by its identity."""
        counts: Counter[int] = Counter()
        several: dict[int, tuple[Entry, ...]] = {}
        for entries in stories:
            counts[id(entries)] += 1
            several[id(entries)] = entries
        return {
            identity: self._place(self._texts.entries(entries), counts[identity]) if entries else _NO_TEXT
            for identity, entries in several.items()
        }

    def _place(self, text: str, rows: int) -> _Place:
        place = self._phrases.place(text, rows, self._new_phrase)
        return (None, place) if isinstance(place, str) else (place, None)

    def _new_phrase(self, text: str) -> int:
        return self._link.number(sql.NEW_PHRASE, text)
