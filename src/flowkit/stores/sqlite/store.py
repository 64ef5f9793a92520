"""The store: everything in one SQLite file in WAL mode, written by one transaction a batch.

With ``synchronous="FULL"``, the default, what was committed survives the loss of power. With ``"NORMAL"`` it survives
the death of the process; the last commits before a loss of power may be lost, together, and the file stays sound.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Callable, Iterable, Mapping, Sequence
from copy import copy
from datetime import datetime, timedelta
from os import PathLike, fspath
from pathlib import Path
from threading import RLock
from time import time
from typing import Final, Literal, Self

from flowkit.analytics.tally import Tallied
from flowkit.errors import ConfigurationError
from flowkit.events import Occurrence
from flowkit.experiments.model import Experiment
from flowkit.experiments.tallies import Tally
from flowkit.ports import (
    Bucket,
    Changes,
    Claim,
    Edition,
    Fence,
    Full,
    Hold,
    Living,
    Recall,
    Refused,
    Reservation,
    Sweep,
)
from flowkit.runs.consent import Ban, Suppression, SuppressionReason
from flowkit.runs.model import Line, Run, Status
from flowkit.stores.sqlite import schema as sql
from flowkit.stores.sqlite.assignments import read_assigned
from flowkit.stores.sqlite.claims import claim, extend, release
from flowkit.stores.sqlite.commit import Committer
from flowkit.stores.sqlite.decode import Decoder
from flowkit.stores.sqlite.editions import hold_workflow, publish, read_editions, read_source, read_stamp
from flowkit.stores.sqlite.experiments import read_tally
from flowkit.stores.sqlite.frozen import freeze
from flowkit.stores.sqlite.history import read_past
from flowkit.stores.sqlite.notes import NoteFile
from flowkit.stores.sqlite.opening import open_session
from flowkit.stores.sqlite.places import put_bucket, read_bucket, reserve, unreserve
from flowkit.stores.sqlite.read import Wanted, read_again, read_lines, read_living, read_runs
from flowkit.stores.sqlite.recall import recall
from flowkit.stores.sqlite.session import Session, translated
from flowkit.stores.sqlite.shared import Shared
from flowkit.stores.sqlite.suppressions import lift, read_bans, read_bans_at, read_suppressions, suppress
from flowkit.stores.sqlite.sweeps import find_due, hold, put, read_sweeps, replace
from flowkit.stores.sqlite.tallies import read_tallies, roll_up
from flowkit.stores.sqlite.windows import open_window, read_flight

__all__ = ["SqliteStore"]

_NO_FILE: Final = ("", ":memory:")


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
        self._use(open_session(self._shared, synchronous, timeout))

    def _use(self, session: Session) -> None:
        self._session = session
        self._decoder = Decoder(session, self._shared)
        self._committer = Committer(session, self._shared, self._decoder)

    def close(self) -> None:
        """Close the file; the store cannot be used any more."""
        with self._lock:
            self._shared.close()
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
        joined._use(session)  # noqa: SLF001 - its own class
        return joined

    # -- editions -----------------------------------------------------------------------------------------------------

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

    # -- subscribers --------------------------------------------------------------------------------------------------

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
        with self._lock, translated(joined=self._session.joined):
            return claim(self._session, self._shared, self._decoder, now, limit=limit, lease=lease)

    def extend(self, claim: Claim, lease: timedelta) -> bool:
        """Hold a claim longer; see ``Store.extend``."""
        with self._lock, self._session.transaction() as cursor:
            return extend(cursor, claim.token, self._shared.clock() + lease.total_seconds())

    def release(self, claim: Claim) -> None:
        """Give a claim back; see ``Store.release``."""
        with self._lock, self._session.transaction() as cursor:
            release(cursor, claim.token)
            self._shared.release_claim(claim.token)

    def attempts(self, claim: Claim) -> NoteFile:
        """Open the notes of a claim; see ``Store.attempts``."""
        with self._lock:
            return self._shared.notes[claim.token]

    def freeze(self, claim: Claim, inputs: Mapping[str, str]) -> Mapping[str, str]:
        """Keep the inputs of effects; see ``Store.freeze``."""
        with self._lock, self._session.transaction() as cursor:
            kept = freeze(cursor, claim, inputs)
            self._shared.freezing.add(claim.token)
            return kept

    # -- windows ------------------------------------------------------------------------------------------------------

    def open_window(self, claim: Claim, runs: Mapping[str, Run]) -> Fence:
        """Note what is about to be handed over, and look whether it may be; see ``Store.open_window``."""
        with self._lock, translated(joined=self._session.joined):
            return open_window(self._session.cursor, self._shared, claim, runs)

    def close_window(self, claim: Claim) -> None:
        """Note that nothing is under way any more; see ``Store.close_window``."""
        with self._lock:
            self._shared.notes[claim.token].close_window()

    def in_flight(self, subscriber_ids: Sequence[str]) -> Sequence[str]:
        """Name what is being handed over; see ``Store.in_flight``."""
        with self._lock, translated(joined=self._session.joined):
            return read_flight(self._session.cursor, subscriber_ids, self._shared.clock())

    # -- suppressions -------------------------------------------------------------------------------------------------

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
            cursor, tides = self._session.cursor, self._shared.tides
            if self._session.joined:  # Its tides are another connection's, and what it sees may be rolled back.
                return read_bans(cursor, subscriber_ids)
            return read_bans_at(tides.now(cursor), cursor, subscriber_ids, tides)

    def suppressions(
        self, *, subscriber_id: str | None = None, after: int = 0, limit: int = 1000
    ) -> Sequence[Suppression]:
        """Read the suppression list a page at a time; see ``Store.suppressions``."""
        with self._lock, translated(joined=self._session.joined):
            return read_suppressions(self._session.cursor, subscriber_id, after, limit)

    # -- places -------------------------------------------------------------------------------------------------------

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
        with self._lock:
            return self._committer.commit(changes)

    # -- runs ---------------------------------------------------------------------------------------------------------

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

    # -- counts -------------------------------------------------------------------------------------------------------

    def roll_up(self, *, limit: int) -> int:
        """Count steps that were not counted yet; see ``TallyStore.roll_up``."""
        with self._lock, self._session.transaction() as cursor:
            return roll_up(cursor, self._decoder, limit)

    def tallies(self, workflow_id: str | None, since: int, until: int) -> Sequence[Tallied]:
        """Give the counts of whole hours; see ``TallyStore.tallies``."""
        with self._lock, self._session.snapshot() as cursor:
            return read_tallies(cursor, self._decoder, workflow_id, since, until)

    def experiment_tally(self, experiment: Experiment, at: datetime) -> Tally:
        """Count an experiment as of an instant, grouped by the database: what `Tracker` says of the journal.

        Rate metrics are counted, by the goals of the woven workflow; means and ratios need what the host knows.

        Args:
            experiment: Which experiment.
            at: As of when, an aware instant.
        """
        with self._lock, self._session.snapshot() as cursor:
            return read_tally(cursor, experiment, at)

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
