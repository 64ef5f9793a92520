"""The store: it keeps every promise that needs no disk; claims, leases, fences and notes work as in a durable store."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from datetime import timedelta
from threading import RLock
from time import monotonic
from typing import NoReturn

from flowkit.errors import ConfigurationError
from flowkit.events import Occurrence
from flowkit.ports import (
    OPEN,
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
from flowkit.stores.memory.claims import Held
from flowkit.stores.memory.recall import recall
from flowkit.stores.memory.tables import Tables
from flowkit.stores.memory.write import write

__all__ = ["MemoryStore"]


class MemoryStore:
    """Keeps everything in this process; safe for several threads.

    Args:
        ticks: The clock that leases run on, in seconds.
    """

    def __init__(self, *, ticks: Callable[[], float] = monotonic) -> None:
        self._ticks = ticks
        self._lock = RLock()
        self._tables = Tables(ticks)

    # -- editions -----------------------------------------------------------------------------------------------------

    def publish(self, edition: Edition, sources: Mapping[str, str]) -> Edition:
        """Store a version; see ``Store.publish``."""
        with self._lock:
            return self._tables.editions.publish(edition, sources)

    def hold(self, workflow_id: str, hold: Hold | None, sweep: Sweep) -> Edition:
        """Order something for a workflow; see ``Store.hold``."""
        with self._lock:
            edition = self._tables.editions.hold(workflow_id, hold)
            self._tables.sweeps.replace(sweep)
            return edition

    def editions(self, since: int = 0) -> tuple[int, Sequence[Edition]]:
        """Read the stamp and the versions; see ``Store.editions``."""
        with self._lock:
            return self._tables.editions.since(since)

    def source(self, content_hash: str) -> str:
        """Read a template source; see ``Store.source``."""
        with self._lock:
            return self._tables.editions.source(content_hash)

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
        with self._lock:
            return recall(self._tables, events, runs=runs, history=history, totals=totals, splits=splits, ended=ended)

    def history(
        self, subscriber_ids: Sequence[str], types: Sequence[str]
    ) -> Mapping[str, Mapping[str, Sequence[Occurrence]]]:
        """Read past events; see ``Store.history``."""
        with self._lock:
            return {name: past for name in subscriber_ids if (past := self._tables.past.read(name, types))}

    def assigned(self, subscriber_ids: Sequence[str], splits: Sequence[str]) -> Mapping[str, Mapping[str, str]]:
        """Read labels that were assigned; see ``Store.assigned``."""
        with self._lock:
            return {name: found for name in subscriber_ids if (found := self._tables.assignments.read(name, splits))}

    def watches(self, now: int, *, limit: int) -> tuple[int, Sequence[str]]:
        """Name who is to be looked at again; see ``Store.watches``."""
        with self._lock:
            return self._tables.editions.stamp, self._tables.ledgers.watches.due(now, limit)

    # -- claims -------------------------------------------------------------------------------------------------------

    def claim(self, now: int, *, limit: int, lease: timedelta) -> Claim | None:
        """Take due runs; see ``Store.claim``."""
        with self._lock:
            return self._tables.claims.take(now, limit, lease, self._tables.editions.stamp)

    def extend(self, claim: Claim, lease: timedelta) -> bool:
        """Hold a claim longer; see ``Store.extend``."""
        with self._lock:
            return self._tables.claims.extend(claim, lease)

    def release(self, claim: Claim) -> None:
        """Give a claim back; see ``Store.release``."""
        with self._lock:
            self._tables.claims.release(claim)

    def attempts(self, claim: Claim) -> Held:
        """Open the notes of a claim; see ``Store.attempts``."""
        with self._lock:
            return self._tables.claims.notes(claim)

    def freeze(self, claim: Claim, inputs: Mapping[str, str]) -> Mapping[str, str]:
        """Keep the inputs of effects; see ``Store.freeze``."""
        with self._lock:
            return self._tables.frozen.freeze(claim.runs, inputs)

    # -- windows ------------------------------------------------------------------------------------------------------

    def open_window(self, claim: Claim, runs: Mapping[str, Run]) -> Fence:
        """Note what is about to be handed over, and look whether it may be; see ``Store.open_window``."""
        with self._lock:
            self._tables.claims.open_window(claim, runs)
            moved = self._tables.runs.moved(runs.values())
            banned = self._tables.suppressions.among(run.subscriber_id for run in runs.values())
            return Fence(moved, banned) if moved or banned else OPEN

    def close_window(self, claim: Claim) -> None:
        """Note that nothing is under way any more; see ``Store.close_window``."""
        with self._lock:
            self._tables.claims.close_window(claim)

    def in_flight(self, subscriber_ids: Sequence[str]) -> Sequence[str]:
        """Name what is being handed over; see ``Store.in_flight``."""
        with self._lock:
            return self._tables.claims.in_flight(subscriber_ids)

    # -- suppressions -------------------------------------------------------------------------------------------------

    def suppress(self, subscriber_ids: Sequence[str], ban: Ban, at: int) -> Sequence[str]:
        """Put subscribers on the suppression list; see ``Store.suppress``."""
        with self._lock:
            new = [name for name in subscriber_ids if self._tables.suppressions.add(name, ban, at)]
            for name in new:
                self._tables.subscribers.add(name)
            return new

    def unsuppress(self, subscriber_ids: Sequence[str], reason: SuppressionReason, at: int) -> Sequence[str]:
        """Lift suppressions; see ``Store.unsuppress``."""
        with self._lock:
            return [name for name in subscriber_ids if self._tables.suppressions.lift(name, reason, at)]

    def banned(self, subscriber_ids: Iterable[str]) -> Mapping[str, Sequence[Ban]]:
        """Read what is forbidden; see ``Store.banned``."""
        with self._lock:
            return self._tables.suppressions.among(subscriber_ids)

    def suppressions(
        self, *, subscriber_id: str | None = None, after: int = 0, limit: int = 1000
    ) -> Sequence[Suppression]:
        """Read the suppression list a page at a time; see ``Store.suppressions``."""
        with self._lock:
            return self._tables.suppressions.page(subscriber_id, after, limit)

    # -- places -------------------------------------------------------------------------------------------------------

    def reserve(self, asked: Sequence[Reservation], at: int) -> Sequence[Sequence[Full]]:
        """Take places under frequency caps; see ``Store.reserve``."""
        with self._lock:
            return self._tables.places.reserve(asked, at)

    def unreserve(self, keys: Sequence[str]) -> None:
        """Give places back; see ``Store.unreserve``."""
        with self._lock:
            self._tables.places.unreserve(keys)

    def bucket(self, name: str) -> Bucket:
        """Read the bucket of a rate limit; see ``Store.bucket``."""
        with self._lock:
            return self._tables.places.bucket(name)

    def put_bucket(self, bucket: Bucket) -> bool:
        """Write the bucket of a rate limit; see ``Store.put_bucket``."""
        with self._lock:
            return self._tables.places.put_bucket(bucket)

    # -- writing ------------------------------------------------------------------------------------------------------

    def commit(self, changes: Changes) -> Refused:
        """Write a batch; see ``Store.commit``."""
        with self._lock:
            return write(self._tables, changes)

    # -- runs ---------------------------------------------------------------------------------------------------------

    def read(self, runs: Sequence[Run]) -> Sequence[Run]:
        """Read runs again; see ``Store.read``."""
        with self._lock:
            return self._tables.runs.again(runs)

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
        with self._lock:
            return self._tables.runs.page(subscriber_id, workflow_id, status, after, limit, living=living)

    def living(self, workflow_id: str) -> Sequence[Living]:
        """Count living runs; see ``Store.living``."""
        with self._lock:
            return self._tables.runs.count(workflow_id)

    def lines(
        self, *, subscriber_id: str | None = None, run: Run | None = None, after: int = 0, limit: int = 1000
    ) -> Sequence[Line]:
        """Read the journal a page at a time; see ``Store.lines``."""
        with self._lock:
            return self._tables.journal.lines(subscriber_id, run, after, limit)

    def next_due(self) -> int | None:
        """Tell when the next run, watch or sweep wants to go on; see ``Store.next_due``."""
        with self._lock:
            tables = self._tables
            firsts = tables.queue.first(), tables.ledgers.watches.first(), tables.sweeps.first()
            return min((due for due in firsts if due is not None), default=None)

    # -- sweeps -------------------------------------------------------------------------------------------------------

    def sweeps(self) -> Sequence[Sweep]:
        """Read all sweeps; see ``Store.sweeps``."""
        with self._lock:
            return self._tables.sweeps.all()

    def claim_sweep(self, now: int, *, lease: timedelta) -> Sweep | None:
        """Take the sweep that is due for the longest; see ``Store.claim_sweep``."""
        with self._lock:
            clock = self._ticks()
            return self._tables.sweeps.claim(now, clock, clock + lease.total_seconds())

    def put_sweep(self, sweep: Sweep) -> bool:
        """Write a sweep, and let go of it; see ``Store.put_sweep``."""
        with self._lock:
            return self._tables.sweeps.put(sweep)

    def joined(self, connection: object) -> NoReturn:
        """Refuse: memory takes part in no transaction."""
        message = f"MemoryStore cannot join a transaction of {type(connection).__name__}; use a store in that database"
        raise ConfigurationError(message)
