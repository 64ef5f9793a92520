"""How a batch is written as if nobody else had written meanwhile, with a few statements for all of it."""

from __future__ import annotations

import json
import sqlite3
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Sequence
from functools import cache
from itertools import chain
from typing import Final, NamedTuple

from flowkit.ports import Change, Changes, Intake, Ledger, Move, parts_of
from flowkit.runs.model import Entry, Status
from flowkit.stores.phrases import Phrases, Texts
from flowkit.stores.rows import STATUS_CODES, write_entries, write_occurrence, write_pending
from flowkit.stores.sqlite import schema as sql
from flowkit.stores.sqlite.assignments import assign_all, assign_runs
from flowkit.stores.sqlite.conflicts import has_newer, held_runs
from flowkit.stores.sqlite.history import has_newer_past, prune
from flowkit.stores.sqlite.suppressions import add

__all__ = ["Stale", "Writer"]

_FEW: Final = 4
_TOGETHER: Final = 50
_PLAIN: Final = Ledger("")[4:]
_LARGEST: Final = 2**63 - 1
_encode: Final = json.JSONEncoder(separators=(",", ":")).encode


class Stale(Exception):
    """Something of the batch was decided on rows that others have written since."""


class Writer:
    """Writes one batch within an open transaction.

    Args:
        cursor: The transaction's cursor.
        phrases: Texts that rows share.
        texts: Texts that were written before.
        workflows: The numbers of the workflows by id.
        batch: What is to be written.
    """

    def __init__(
        self, cursor: sqlite3.Cursor, phrases: Phrases, texts: Texts, workflows: Callable[[str], int], batch: Changes
    ) -> None:
        self._cursor = cursor
        self._phrases = phrases
        self._texts = texts
        self._workflows = workflows
        self._batch = batch
        self._at = batch.at

    def write(self) -> None:
        """Write changes and moves.

        Raises:
            Stale: Somebody else wrote first, or a limit is passed; the transaction must be undone.
        """
        try:
            if self._batch.unclaimed and held_runs(self._cursor, self._batch):
                raise Stale
            for some in _in_turn(parts_of(self._batch.changes)):
                if isinstance(some, Intake):
                    self._enter(some)
                else:
                    self._changes(some)
            for move in self._batch.moves:
                self._move(move)
        except sqlite3.IntegrityError as error:
            raise Stale from error

    def _changes(self, changes: Sequence[Change]) -> None:
        at, workflows = self._at, self._workflows
        handles = self._handles(changes)
        pairs = list(zip(handles, changes, strict=True))
        observing = [(handle, change.newest) for handle, change in pairs if change.newest is not None]
        if observing and has_newer(self._cursor, observing):
            raise Stale
        self._count(changes)
        self._remember(pairs)
        self._insert(sql.NEW_SEEN, [(handle, event, at) for handle, change in pairs for event in change.seen])
        self._ledgers([(handle, ledger) for handle, change in pairs for ledger in change.ledgers])
        assigned = [(handle, one) for handle, change in pairs if change.assigned for one in change.assigned]
        if assigned and not assign_all(self._cursor, assigned):
            raise Stale
        self._begin(pairs)
        lines: list[tuple[int, None, int, int | str, int]] = []
        for handle, change in pairs:
            for move in change.moves:
                self._move(move)
            for ban in change.bans:
                add(self._cursor, handle, ban, at)
            for workflow_id, entry in change.lines:
                place = self._place(write_entries((entry,)), 1)
                lines.append((handle, None, at, place, workflows(workflow_id)))
        self._insert(sql.WRITE, lines)

    def _enter(self, intake: Intake) -> None:
        """Write those who enter alike: what they have in common is bound once a statement, or not for each at all."""
        entrants, at, state = intake.entrants, self._at, intake.state
        new = [(subscriber_id,) for subscriber_id, handle, _, _, _ in entrants if handle is None]
        numbers = iter(self._numbered(sql.NEW_SUBSCRIBER, new) if new else ())
        handles = [next(numbers) if entrant[1] is None else entrant[1] for entrant in entrants]
        pairs = list(zip(handles, entrants, strict=True))
        self._insert(sql.ENTER_SEEN, [(handle, cause) for handle, (_, _, cause, _, _) in pairs], (at,))
        place = self._place(self._texts.state(state), len(entrants))
        runs = self._numbered(
            sql.ENTER_RUN,
            [(handle, bytes.fromhex(key), origin) for handle, (_, _, _, key, origin) in pairs],
            (STATUS_CODES[state.status], place, intake.due, intake.version, intake.at),
        )
        first, last, ledger = runs[0], runs[-1], intake.ledger
        workflow = self._workflows(intake.workflow_id)
        self._cursor.execute(sql.ENTER_LEDGER, (workflow, ledger.entries, ledger.last_entry, first, last))
        if intake.entries:
            body = self._place(self._texts.entries(intake.entries), len(entrants))
            self._cursor.execute(sql.ENTER_JOURNAL, (at, body, first, last))

    def _handles(self, changes: Sequence[Change]) -> list[int]:
        """Give each subscriber's handle, writing those that are new."""
        new = [change.subscriber_id for change in changes if change.handle is None]
        if not new:
            return [change.handle for change in changes if change.handle is not None]
        numbers = iter(self._numbered(sql.NEW_SUBSCRIBER, [(name,) for name in new]))
        return [next(numbers) if change.handle is None else change.handle for change in changes]

    def _count(self, changes: Sequence[Change]) -> None:
        """Add up the entries of the whole batch where all subscribers together have a limit."""
        counted = [change.totals for change in changes if change.totals]
        totals = Counter[str]()
        for workflow_id, added in chain.from_iterable(counted):
            totals[workflow_id] += added
        for workflow_id, added in totals.items():
            limit = self._batch.limits.get(workflow_id)
            if limit is not None:
                limit = min(limit, _LARGEST)  # What SQLite takes for an integer.
            self._cursor.execute(sql.ADD_ENTRIES, (self._workflows(workflow_id), added, limit))
            if self._cursor.rowcount != 1:
                raise Stale

    def _remember(self, pairs: Sequence[tuple[int, Change]]) -> None:
        """Keep past events, and drop of their kind what is read no longer."""
        fenced = [(handle, change.latest) for handle, change in pairs if change.latest is not None]
        if fenced and has_newer_past(self._cursor, fenced):
            raise Stale
        rows = [
            (handle, kind, past.occurred_at, write_occurrence(past))
            for handle, change in pairs
            if change.occurred
            for kind, past in change.occurred
        ]
        if rows:
            self._insert(sql.NEW_PAST, rows)
            prune(self._cursor, self._batch.history, [row[:2] for row in rows], self._at)

    def _ledgers(self, ledgers: Sequence[tuple[int, Ledger]]) -> None:
        """Write ledgers: the plain ones, which most are, with the fewest columns."""
        watched = [pair for pair in ledgers if pair[1][4:] != _PLAIN]
        if watched:
            self._watched_ledgers(watched)
            ledgers = [pair for pair in ledgers if pair[1][4:] == _PLAIN]
        workflows = self._workflows
        new = [
            (handle, workflows(ledger.workflow_id), ledger.entries, ledger.last_entry)
            for handle, ledger in ledgers
            if not ledger.sequence
        ]
        self._insert(sql.NEW_LEDGER, new)
        if len(new) < len(ledgers):
            following = [
                (ledger.entries, ledger.last_entry, handle, workflows(ledger.workflow_id), ledger.sequence)
                for handle, ledger in ledgers
                if ledger.sequence
            ]
            self._update(sql.NEXT_LEDGER, following)

    def _watched_ledgers(self, ledgers: Sequence[tuple[int, Ledger]]) -> None:
        new: list[tuple[object, ...]] = []
        following: list[tuple[object, ...]] = []
        for handle, (workflow_id, entries, last_entry, sequence, held, watch, pending) in ledgers:
            values = (entries, last_entry, held, watch, write_pending(pending))
            if sequence:
                following.append((*values, handle, self._workflows(workflow_id), sequence))
            else:
                new.append((handle, self._workflows(workflow_id), *values))
        self._insert(sql.NEW_WATCHED_LEDGER, new)
        self._update(sql.NEXT_WATCHED_LEDGER, following)

    def _update(self, statement: str, rows: Sequence[tuple[object, ...]]) -> None:
        """Change rows, each where it is still as it was read."""
        if rows and self._cursor.executemany(statement, rows).rowcount != len(rows):
            raise Stale

    def _begin(self, changes: Iterable[tuple[int, Change]]) -> None:
        """Write runs that begin, in their order; those that stand alike share their texts."""
        begun = [(handle, run, entries) for handle, change in changes for run, entries in change.started]
        if not begun:
            return
        states = Counter(run.state for _, run, _ in begun)
        places = {state: self._place(self._texts.state(state), rows) for state, rows in states.items()}
        numbers = self._numbered(
            sql.NEW_RUN,
            [
                (
                    STATUS_CODES[run.state.status],
                    places[run.state],
                    run.due,
                    handle,
                    run.version,
                    run.entered,
                    bytes.fromhex(run.id),
                    run.origin,
                )
                for handle, run, _ in begun
            ],
        )
        shared = Counter(id(entries) for _, _, entries in begun)
        bodies = {
            id(entries): self._place(self._texts.entries(entries), shared[id(entries)])
            for entries in {id(entries): entries for _, _, entries in begun}.values()
        }
        self._insert(
            sql.WRITE,
            [
                (handle, number, self._at, bodies[id(entries)], None)
                for number, (handle, _, entries) in zip(numbers, begun, strict=True)
                if entries
            ],
        )

    def _move(self, move: Move) -> None:
        state = move.state
        place = self._place(self._texts.state(state), len(move.runs))
        if move.version is not None:
            self._migrate(move, move.version, place)
            return
        # Between active and active the status stays what it is; every other move writes it.
        same = state.status is Status.ACTIVE and all(run.state.status is Status.ACTIVE for run in move.runs)
        values = (place, move.due) if same else (STATUS_CODES[state.status], place, move.due)
        for sequence in sorted({run.sequence for run in move.runs}):
            handles = [run.handle for run in move.runs if run.sequence == sequence]
            if len(handles) < _FEW:
                rows = [(*values, handle, sequence) for handle in handles]
                self._cursor.executemany(sql.MOVE_ONE if same else sql.END_ONE, rows)
            else:
                some = _Some.of(handles)
                self._cursor.execute(some.among(sql.MOVE if same else sql.END), (*values, *some.values, sequence))
            if self._cursor.rowcount != len(handles):
                raise Stale
            if move.assigned and not assign_runs(self._cursor, handles, move.assigned):
                raise Stale
            self._journal(handles, move.entries)

    def _migrate(self, move: Move, version: int, place: int | str) -> None:
        values = (STATUS_CODES[move.state.status], place, move.due, version)
        self._update(sql.MIGRATE_ONE, [(*values, run.handle, run.sequence) for run in move.runs])
        self._journal([run.handle for run in move.runs], move.entries)

    def _journal(self, handles: Sequence[int], entries: tuple[Entry, ...]) -> None:
        if not entries:
            return
        place = self._place(self._texts.entries(entries), len(handles))
        if len(handles) < _FEW:
            self._cursor.executemany(sql.WRITE_ONE, [(self._at, place, handle) for handle in handles])
        else:
            some = _Some.of(handles)
            self._cursor.execute(some.among(sql.WRITE_ALIKE), (self._at, place, *some.values))

    def _place(self, text: str, rows: int) -> int | str:
        return self._phrases.place(text, rows, self._new_phrase)

    def _new_phrase(self, text: str) -> int:
        self._cursor.execute("INSERT INTO flowkit_phrase(text) VALUES(?)", (text,))
        return self._cursor.lastrowid or 0

    def _numbered(self, statement: str, rows: Sequence[tuple[object, ...]], common: tuple[object, ...] = ()) -> range:
        """Insert rows that SQLite numbers, and give their numbers: within one transaction they follow on each other."""
        self._insert(statement, rows, common)
        [(last,)] = self._cursor.execute("SELECT last_insert_rowid()").fetchall()
        return range(last - len(rows) + 1, last + 1)

    def _insert(self, statement: str, rows: Sequence[tuple[object, ...]], common: tuple[object, ...] = ()) -> None:
        """Insert rows, fifty a statement: to bind and run one takes as long as to write a row.

        Args:
            statement: Inserts one row.
            rows: The values of each.
            common: The values before these that are the same for all.
        """
        whole = len(rows) - len(rows) % _TOGETHER
        for start in range(0, whole, _TOGETHER):
            values = (*common, *chain.from_iterable(rows[start : start + _TOGETHER]))
            self._cursor.execute(_together(statement), values)
        if whole < len(rows):
            self._cursor.executemany(statement, [(*common, *row) for row in rows[whole:]] if common else rows[whole:])


class _Some(NamedTuple):
    """Rows that a statement concerns.

    Where their numbers follow on each other, as of those who entered together, they are a range, which is found and
    walked sooner than a list.
    """

    values: tuple[int | str, ...]

    @classmethod
    def of(cls, handles: Sequence[int]) -> _Some:
        """Take handles, each of which is there once."""
        first, last = min(handles), max(handles)
        return cls((first, last) if last - first + 1 == len(handles) else (_encode(handles),))

    def among(self, statement: str) -> str:
        """Write a statement that names a list, as ``schema.LISTED``, so that it fits."""
        return statement if len(self.values) == 1 else statement.replace(sql.LISTED, sql.RANGED)


def _in_turn(parts: Iterable[Change | Intake]) -> Iterator[Intake | list[Change]]:
    """Give the parts of a batch in their order, changes that follow on each other as one list."""
    changes: list[Change] = []
    for part in parts:
        if not isinstance(part, Intake):
            changes.append(part)
            continue
        if changes:
            yield changes
            changes = []
        yield part
    if changes:
        yield changes


@cache
def _together(statement: str) -> str:
    """Write an insertion of one row as one of fifty."""
    head, _, values = statement.partition(" VALUES")
    return f"{head} VALUES{','.join([values] * _TOGETHER)}"
