"""The store: everything in one SQLite file in WAL mode, written by one transaction a batch.

With ``synchronous="FULL"``, the default, what was committed survives the loss of power. With ``"NORMAL"`` it survives
the death of the process; the last commits before a loss of power may be lost, together, and the file stays sound.
"""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Callable, Iterable, Mapping, Sequence
from copy import copy
from datetime import timedelta
from itertools import chain
from os import PathLike, fspath
from pathlib import Path
from secrets import token_hex
from threading import RLock
from time import time
from typing import Final, Literal, Self

from attrs import evolve

from flowkit.errors import ConfigurationError, StoreError, StoreVersionError
from flowkit.events import Occurrence
from flowkit.ports import (
    NOTHING_REFUSED,
    OPEN,
    Bucket,
    Changes,
    Claim,
    Edition,
    Fence,
    Full,
    Hold,
    Living,
    Move,
    Recall,
    Refused,
    Reservation,
    Sweep,
    refused_whole,
)
from flowkit.runs.consent import Ban, Suppression, SuppressionReason
from flowkit.runs.effects import RUN_ID_LENGTH
from flowkit.runs.model import Line, Run, Status
from flowkit.stores.phrases import Phrases
from flowkit.stores.sqlite import schema as sql
from flowkit.stores.sqlite.assignments import read_assigned
from flowkit.stores.sqlite.claims import find_lapsed, take_due, take_lapsed
from flowkit.stores.sqlite.decode import Decoder, Shared
from flowkit.stores.sqlite.editions import hold_workflow, publish, read_editions, read_source, read_stamp
from flowkit.stores.sqlite.history import read_past
from flowkit.stores.sqlite.notes import SUFFIX, NoteFile, remove_notes, sweep_notes
from flowkit.stores.sqlite.places import put_bucket, read_bucket, reserve, unreserve
from flowkit.stores.sqlite.read import Wanted, read_again, read_lines, read_living, read_runs
from flowkit.stores.sqlite.recall import recall
from flowkit.stores.sqlite.session import Session, translated
from flowkit.stores.sqlite.suppressions import (
    any_bans,
    find_moved,
    lift,
    read_bans,
    read_flight,
    read_suppressions,
    suppress,
)
from flowkit.stores.sqlite.sweeps import find_due, hold, put, read_sweeps, replace
from flowkit.stores.sqlite.tides import Tide
from flowkit.stores.sqlite.write import Stale, Writer, stale

__all__ = ["SqliteStore"]

_NO_FILE: Final = ("", ":memory:")
_encode: Final = json.JSONEncoder(ensure_ascii=False, separators=(",", ":")).encode


class SqliteStore:
    """Keeps everything in one SQLite file; safe for several threads and several processes on one machine.

    Args:
        path: The file; made where it is not there. It may be a host's own: all tables begin with ``flowkit_``.
        synchronous: ``FULL`` or ``NORMAL``: whether a commit survives the loss of power, or of the process only.
        timeout: For how long to wait for a lock, before ``StoreBusy``.
        lease_clock: The clock that leases run on, in seconds; processes that share the file must share it.

    Raises:
        ConfigurationError: The path names no file.
        StoreVersionError: The file was written by a later version of flowkit.
    """

    def __init__(
        self,
        path: str | PathLike[str],
        *,
        synchronous: Literal["FULL", "NORMAL"] = "FULL",
        timeout: timedelta = timedelta(seconds=5),
        lease_clock: Callable[[], float] = time,
    ) -> None:
        if synchronous not in ("FULL", "NORMAL"):
            message = f"synchronous must be FULL or NORMAL, not {synchronous!r}"
            raise ConfigurationError(message)
        if fspath(path) in _NO_FILE:
            message = "SqliteStore keeps a file, and notes beside it; use MemoryStore for what ends with the process"
            raise ConfigurationError(message)
        # Notes are found by the path that a claim names, whatever folder another process works in.
        self._lock = RLock()
        self._shared = Shared(str(Path(path).absolute()), lease_clock)
        with translated(joined=False):
            connection = sqlite3.connect(
                self._shared.path, timeout=timeout.total_seconds(), isolation_level=None, check_same_thread=False
            )
        try:
            with translated(joined=False):
                connection.execute("PRAGMA journal_mode = WAL")
                connection.execute(f"PRAGMA synchronous = {synchronous}")
                connection.execute("PRAGMA cache_size = -4000")
            self._session = Session(connection, joined=False)
            self._decoder = Decoder(self._session, self._shared)
            self._prepare()
        except BaseException:
            connection.close()
            raise

    def _prepare(self) -> None:
        """Make the tables where there are none, and refuse those of a later version."""
        cursor = self._session.cursor
        with translated(joined=False):
            exists = "SELECT 1 FROM sqlite_master WHERE type = 'table' AND name = 'flowkit_meta'"
            if cursor.execute(exists).fetchone() is None:
                with self._session.transaction():
                    if cursor.execute(exists).fetchone() is None:
                        for statement in sql.TABLES:
                            cursor.execute(statement)
            [version] = cursor.execute("SELECT value FROM flowkit_meta WHERE name = 'schema'").fetchone()
        if version != sql.SCHEMA_VERSION:
            message = (
                f"the file has schema {version}, this version of flowkit knows schema {sql.SCHEMA_VERSION}: "
                f"use a version of flowkit that knows it; nothing was written"
            )
            raise StoreVersionError(message)
        self._shared.phrases.learn(
            cursor.execute("SELECT id, text FROM flowkit_phrase ORDER BY id DESC LIMIT 5000").fetchall()
        )
        sweep_notes(
            self._shared.path, {path for (path,) in cursor.execute("SELECT notes FROM flowkit_claim").fetchall()}
        )

    def close(self) -> None:
        """Close the file; the store cannot be used any more."""
        with self._lock:
            for notes in self._shared.idle:
                notes.remove()
            # Those of a claim that did not end are for whoever takes it over.
            for notes in self._shared.notes.values():
                notes.close()
            self._session.connection.close()

    def joined(self, connection: object) -> Self:
        """Give this store within a transaction that the host has open on a connection to the same file.

        Raises:
            ConfigurationError: It is no ``sqlite3.Connection``, or it is in autocommit mode with no transaction begun.
            RetryTransaction: The transaction cannot write any more; begin it with BEGIN IMMEDIATE.
        """
        if not isinstance(connection, sqlite3.Connection):
            message = f"SqliteStore joins an open sqlite3.Connection, not {type(connection).__name__}"
            raise ConfigurationError(message)
        session = Session(connection, joined=True)
        session.lock()
        joined = copy(self)
        # A lock of its own: one that a worker holds while it waits for this very transaction would hold up both.
        joined._lock = RLock()  # noqa: SLF001 - its own class
        joined._session = session  # noqa: SLF001 - its own class
        joined._decoder = Decoder(session, self._shared)  # noqa: SLF001 - its own class
        return joined

    # -- workflows ----------------------------------------------------------------------------------------------------

    def publish(self, edition: Edition, sources: Mapping[str, str]) -> Edition:
        """Store a version; see ``Store.publish``."""
        with self._lock, self._session.transaction() as cursor:
            return publish(cursor, edition, sources)

    def editions(self, since: int = 0) -> tuple[int, Sequence[Edition]]:
        """Read the stamp and the versions; see ``Store.editions``."""
        with self._lock, translated(joined=self._session.joined):
            cursor = self._session.cursor
            return read_stamp(cursor), read_editions(cursor, since)

    def hold(self, workflow_id: str, hold: Hold | None, sweep: Sweep) -> Edition:
        """Order something for a workflow; see ``Store.hold``."""
        with self._lock, self._session.transaction() as cursor:
            edition = hold_workflow(cursor, workflow_id, hold)
            replace(cursor, sweep)
            return edition

    def source(self, content_hash: str) -> str:
        """Read a template source; see ``Store.source``."""
        with self._lock, translated(joined=self._session.joined):
            return read_source(self._session.cursor, content_hash)

    # -- events -------------------------------------------------------------------------------------------------------

    def recall(
        self,
        events: Mapping[str, Sequence[str]],
        *,
        runs: bool,
        history: Sequence[str] = (),
        totals: Sequence[str] = (),
        splits: Sequence[str] = (),
        ended: int | None = None,
    ) -> Recall:
        """Read what is remembered about subscribers; see ``Store.recall``."""
        with self._lock, translated(joined=self._session.joined):
            cursor = self._session.cursor
            return recall(
                cursor, self._decoder, events, runs=runs, history=history, totals=totals, splits=splits, ended=ended
            )

    def history(
        self, subscriber_ids: Sequence[str], types: Sequence[str]
    ) -> Mapping[str, Mapping[str, Sequence[Occurrence]]]:
        """Read past events; see ``Store.history``."""
        with self._lock, translated(joined=self._session.joined):
            return read_past(self._session.cursor, subscriber_ids, types)

    def assigned(self, subscriber_ids: Sequence[str], splits: Sequence[str]) -> Mapping[str, Mapping[str, str]]:
        """Read labels that were assigned; see ``Store.assigned``."""
        with self._lock, translated(joined=self._session.joined):
            return read_assigned(self._session.cursor, subscriber_ids, splits)

    def watches(self, now: int, *, limit: int) -> tuple[int, Sequence[str]]:
        """Name who is to be looked at again; see ``Store.watches``."""
        with self._lock, translated(joined=self._session.joined):
            cursor = self._session.cursor
            due = cursor.execute(sql.WATCHES, (now, limit)).fetchall()
            return read_stamp(cursor), [name for (name,) in due]

    # -- claims -------------------------------------------------------------------------------------------------------

    def claim(self, now: int, *, limit: int, lease: timedelta) -> Claim | None:
        """Take due runs; see ``Store.claim``."""
        shared = self._shared
        with self._lock, translated(joined=self._session.joined):
            cursor = self._session.cursor
            clock = shared.clock()
            # To look first keeps a worker that has nothing to do from taking the write lock.
            if cursor.execute(sql.ANY_DUE, (now,)).fetchone() is None and find_lapsed(cursor, clock) is None:
                return None
            if not shared.idle:
                shared.idle.append(self._new_notes())
            notes = shared.idle[-1]
            notes.open()
            until = clock + lease.total_seconds()
            with self._session.transaction():
                taken = take_lapsed(cursor, now, clock, until, notes) or take_due(cursor, now, limit, until, notes)
                stamp = read_stamp(cursor)
                # Nobody else can write now, so this is the tide at which the runs were read.
                tide = shared.tides.now(cursor)
            if taken is None:
                return None
            shared.idle.pop()
            # Not before the commit: until then these notes are the only ones.
            remove_notes(taken.spent)
            token = str(taken.token)
            notes.begin_claim(token)
            shared.notes[token] = notes
            shared.tides.claim(token, tide)
            runs = self._decoder.runs(taken.rows)
        return Claim(token, runs, stamp, taken.settled, taken.doubtful, taken.begun, taken.deaths, taken.fresh)

    def _new_notes(self) -> NoteFile:
        return NoteFile(f"{self._shared.path}{SUFFIX}{token_hex(8)}")

    def extend(self, claim: Claim, lease: timedelta) -> bool:
        """Hold a claim longer; see ``Store.extend``."""
        with self._lock, self._session.transaction() as cursor:
            until = self._shared.clock() + lease.total_seconds()
            cursor.execute("UPDATE flowkit_claim SET until = ? WHERE token = ?", (until, int(claim.token)))
            return cursor.rowcount == 1

    def release(self, claim: Claim) -> None:
        """Give a claim back; see ``Store.release``."""
        with self._lock, self._session.transaction() as cursor:
            cursor.execute("UPDATE flowkit_claim SET until = 0, released = 1 WHERE token = ?", (int(claim.token),))
            self._shared.tides.end(claim.token)
            notes = self._shared.notes.pop(claim.token, None)
            if notes is not None:
                notes.close()

    def attempts(self, claim: Claim) -> NoteFile:
        """Open the notes of a claim; see ``Store.attempts``."""
        with self._lock:
            return self._shared.notes[claim.token]

    def freeze(self, claim: Claim, inputs: Mapping[str, str]) -> Mapping[str, str]:
        """Keep the inputs of effects; see ``Store.freeze``."""
        handles = {run.id: run.handle for run in claim.runs}
        rows = [(handles[key[:RUN_ID_LENGTH]], key, text) for key, text in inputs.items()]
        with self._lock, self._session.transaction() as cursor:
            cursor.executemany("INSERT OR IGNORE INTO flowkit_frozen(run, key, inputs) VALUES(?, ?, ?)", rows)
            self._shared.freezing.add(claim.token)
            kept = cursor.execute(
                "SELECT key, inputs FROM flowkit_frozen WHERE run IN (SELECT value FROM json_each(?))",
                (_encode([row[0] for row in rows]),),
            ).fetchall()
        return {key: text for key, text in kept if key in inputs}

    # -- suppressions -------------------------------------------------------------------------------------------------

    def open_window(self, claim: Claim, runs: Mapping[str, Run]) -> Fence:
        """Note what is about to be handed over, and look whether it may be; see ``Store.open_window``."""
        with self._lock, translated(joined=self._session.joined):
            self._shared.notes[claim.token].open_window(runs)
            cursor, tides = self._session.cursor, self._shared.tides
            tide = tides.now(cursor)
            if tide == tides.of(claim.token) == tides.empty:
                return OPEN
            moved = find_moved(cursor, runs.values())
            return Fence(moved, self._bans((run.subscriber_id for run in runs.values()), tide))

    def _bans(self, subscriber_ids: Iterable[str], tide: Tide) -> Mapping[str, Sequence[Ban]]:
        """Read what is forbidden, and note where nothing is to anybody."""
        cursor = self._session.cursor
        if self._session.joined:  # Its tides are another connection's, and what it sees may be rolled back.
            return read_bans(cursor, subscriber_ids)
        if tide == self._shared.tides.empty or not any_bans(cursor):
            self._shared.tides.empty = tide
            return {}
        return read_bans(cursor, subscriber_ids)

    def close_window(self, claim: Claim) -> None:
        """Note that nothing is under way any more; see ``Store.close_window``."""
        with self._lock:
            self._shared.notes[claim.token].close_window()

    def in_flight(self, subscriber_ids: Sequence[str]) -> Sequence[str]:
        """Name what is being handed over; see ``Store.in_flight``."""
        with self._lock, translated(joined=self._session.joined):
            return read_flight(self._session.cursor, subscriber_ids, self._shared.clock())

    def suppress(self, subscriber_ids: Sequence[str], ban: Ban, at: int) -> Sequence[str]:
        """Put subscribers on the suppression list; see ``Store.suppress``."""
        with self._lock, self._session.transaction() as cursor:
            self._shared.tides.rise()
            return suppress(cursor, subscriber_ids, ban, at)

    def unsuppress(self, subscriber_ids: Sequence[str], reason: SuppressionReason, at: int) -> Sequence[str]:
        """Lift suppressions; see ``Store.unsuppress``."""
        with self._lock, self._session.transaction() as cursor:
            self._shared.tides.rise()
            return lift(cursor, subscriber_ids, reason, at)

    def banned(self, subscriber_ids: Iterable[str]) -> Mapping[str, Sequence[Ban]]:
        """Read what is forbidden; see ``Store.banned``."""
        with self._lock, translated(joined=self._session.joined):
            return self._bans(subscriber_ids, self._shared.tides.now(self._session.cursor))

    def suppressions(
        self, *, subscriber_id: str | None = None, after: int = 0, limit: int = 1000
    ) -> Sequence[Suppression]:
        """Read the suppression list a page at a time; see ``Store.suppressions``."""
        with self._lock, translated(joined=self._session.joined):
            return read_suppressions(self._session.cursor, subscriber_id, after, limit)

    # -- caps and rate limits -----------------------------------------------------------------------------------------

    def reserve(self, asked: Sequence[Reservation], at: int) -> Sequence[Sequence[Full]]:
        """Take places under frequency caps; see ``Store.reserve``."""
        with self._lock, self._session.transaction() as cursor:
            return reserve(cursor, asked, at)

    def unreserve(self, keys: Sequence[str]) -> None:
        """Give places back; see ``Store.unreserve``."""
        with self._lock, self._session.transaction() as cursor:
            unreserve(cursor, keys)

    def bucket(self, name: str) -> Bucket:
        """Read the bucket of a rate limit; see ``Store.bucket``."""
        with self._lock, translated(joined=self._session.joined):
            return read_bucket(self._session.cursor, name)

    def put_bucket(self, bucket: Bucket) -> bool:
        """Write the bucket of a rate limit; see ``Store.put_bucket``."""
        with self._lock, self._session.transaction() as cursor:
            return put_bucket(cursor, bucket)

    # -- writing ------------------------------------------------------------------------------------------------------

    def commit(self, changes: Changes) -> Refused:
        """Write a batch; see ``Store.commit``."""
        phrases = self._phrases_here()
        with self._lock:
            if changes.changes or changes.claim is None:
                self._shared.tides.rise()
            try:
                try:
                    refused = self._write(changes, phrases)
                except Stale:
                    phrases.rolled_back()
                    refused = self._write_what_stands(changes, phrases)
            except Stale as error:
                # Nobody had written first, so it is no conflict that the database reports.
                phrases.rolled_back()
                message = f"the database refused: {error.__cause__}; nothing was written"
                raise StoreError(message) from error
            except BaseException:
                phrases.rolled_back()
                raise
            phrases.committed()
            if changes.claim is not None and (refused.lost or (changes.ends and not refused.runs)):
                self._end_notes(changes.claim.token, lost=refused.lost)
        return refused

    def _phrases_here(self) -> Phrases:
        # What a joined transaction adds is known to nobody before the host's commit, so it gets phrases of its own.
        return Phrases() if self._session.joined else self._shared.phrases

    def _write(self, changes: Changes, phrases: Phrases) -> Refused:
        with self._session.transaction() as cursor:
            if changes.stamp is not None and read_stamp(cursor) != changes.stamp:
                return refused_whole(changes)
            if changes.claim is not None and not self._held(cursor, changes.claim, ends=changes.ends):
                return Refused(lost=True)
            Writer(cursor, phrases, self._shared.texts, self._decoder.number, changes).write()
            self._thaw(cursor, changes)
        return NOTHING_REFUSED

    def _write_what_stands(self, changes: Changes, phrases: Phrases) -> Refused:
        with self._session.transaction() as cursor:
            if changes.stamp is not None and read_stamp(cursor) != changes.stamp:
                return refused_whole(changes)
            refused = stale(cursor, changes, self._decoder.number)
            ends = changes.ends and not refused.runs
            if changes.claim is not None and not self._held(cursor, changes.claim, ends=ends):
                return Refused(lost=True)
            subscribers = frozenset(refused.subscriber_ids)
            gone = {run.handle for run in refused.runs}
            standing = evolve(
                changes,
                changes=[change for change in changes.changes if change.subscriber_id not in subscribers],
                moves=[
                    move._replace(runs=[run for run in move.runs if run.handle not in gone]) for move in changes.moves
                ],
            )
            Writer(cursor, phrases, self._shared.texts, self._decoder.number, standing).write()
            self._thaw(cursor, standing)
        return refused

    def _held(self, cursor: sqlite3.Cursor, claim: Claim, *, ends: bool) -> bool:
        """Whether the claim is still this worker's; it ends with this transaction where it is to."""
        if ends:
            return cursor.execute("DELETE FROM flowkit_claim WHERE token = ?", (int(claim.token),)).rowcount == 1
        return cursor.execute("SELECT 1 FROM flowkit_claim WHERE token = ?", (int(claim.token),)).fetchone() is not None

    def _thaw(self, cursor: sqlite3.Cursor, changes: Changes) -> None:
        """Let go of the inputs of effects that are settled, and are not tried again under the same key."""
        frozen = changes.claim is not None and changes.claim.token in self._shared.freezing
        moves = chain(changes.moves, *(change.moves for change in changes.changes))
        over = [move.runs for move in moves if not move.state.keeps_inputs and (frozen or _ends_trying(move))]
        if over:
            cursor.execute(sql.THAW, (_encode([run.handle for runs in over for run in runs]),))

    def _end_notes(self, token: str, *, lost: bool) -> None:
        self._shared.freezing.discard(token)
        self._shared.tides.end(token)
        notes = self._shared.notes.pop(token, None)
        if notes is None:
            return
        if lost:
            notes.remove()
        else:
            notes.clear()
            self._shared.idle.append(notes)

    # -- reading ------------------------------------------------------------------------------------------------------

    def read(self, runs: Sequence[Run]) -> Sequence[Run]:
        """Read runs again; see ``Store.read``."""
        with self._lock, translated(joined=self._session.joined):
            return read_again(self._session.cursor, self._decoder, runs)

    def runs(
        self,
        *,
        subscriber_id: str | None = None,
        workflow_id: str | None = None,
        status: Status | None = None,
        living: bool = False,
        after: int = 0,
        limit: int = 1000,
    ) -> Sequence[Run]:
        """Read runs a page at a time; see ``Store.runs``."""
        with self._lock, translated(joined=self._session.joined):
            wanted = Wanted(subscriber_id, workflow_id, status, living)
            return read_runs(self._session.cursor, self._decoder, wanted, after, limit)

    def living(self, workflow_id: str) -> Sequence[Living]:
        """Count living runs; see ``Store.living``."""
        with self._lock, translated(joined=self._session.joined):
            return read_living(self._session.cursor, workflow_id)

    def lines(
        self, *, subscriber_id: str | None = None, run: Run | None = None, after: int = 0, limit: int = 1000
    ) -> Sequence[Line]:
        """Read the journal a page at a time; see ``Store.lines``."""
        with self._lock, translated(joined=self._session.joined):
            return read_lines(self._session.cursor, self._decoder, subscriber_id, run, after, limit)

    def next_due(self) -> int | None:
        """Tell when the next run, watch or sweep wants to go on; see ``Store.next_due``."""
        with self._lock, translated(joined=self._session.joined):
            [due] = self._session.cursor.execute(sql.NEXT_DUE).fetchone()
        return None if due is None else int(due)

    # -- sweeps -------------------------------------------------------------------------------------------------------

    def sweeps(self) -> Sequence[Sweep]:
        """Read all sweeps; see ``Store.sweeps``."""
        with self._lock, translated(joined=self._session.joined):
            return read_sweeps(self._session.cursor)

    def claim_sweep(self, now: int, *, lease: timedelta) -> Sweep | None:
        """Take the sweep that is due for the longest; see ``Store.claim_sweep``."""
        with self._lock, translated(joined=self._session.joined):
            clock = self._shared.clock()
            # As in ``claim``: who has nothing to do takes no lock.
            if find_due(self._session.cursor, now, clock) is None:
                return None
            with self._session.transaction() as cursor:
                sweep = find_due(cursor, now, clock)
                if sweep is not None:
                    hold(cursor, sweep, clock + lease.total_seconds())
            return sweep

    def put_sweep(self, sweep: Sweep) -> bool:
        """Write a sweep, and let go of it; see ``Store.put_sweep``."""
        with self._lock, self._session.transaction() as cursor:
            return put(cursor, sweep)


def _ends_trying(move: Move) -> bool:
    """Whether runs, which stand alike, end before an effect that they were to try again."""
    return not move.state.alive and bool(move.runs) and move.runs[0].state.keeps_inputs
