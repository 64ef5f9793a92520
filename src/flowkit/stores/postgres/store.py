"""The store: a schema of a PostgreSQL database, for many workers on many machines.

What was committed survives as the server's ``synchronous_commit`` says: with ``on``, the default, the loss of power.
The notes around calls are committed without waiting for the disk: where the server itself dies, those of its last
moments are lost, and their calls are made again.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from copy import copy
from datetime import timedelta
from typing import Final, Self, get_args

from flowkit.analytics.tally import Tallied
from flowkit.errors import ConfigurationError
from flowkit.events import Occurrence
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
from flowkit.stores.postgres import statements as sql
from flowkit.stores.postgres.access import Access, Joined, Own, driver_connection
from flowkit.stores.postgres.claims import claim, extend, release
from flowkit.stores.postgres.commit import Committer
from flowkit.stores.postgres.connections import (
    Connection,
    ConnectionPool,
    Connections,
    Kept,
    Pooled,
    Settings,
    Synchronous,
    connector,
)
from flowkit.stores.postgres.decode import Decoder
from flowkit.stores.postgres.editions import hold_workflow, publish, read_editions, read_source, read_stamp
from flowkit.stores.postgres.history import read_past
from flowkit.stores.postgres.link import Link, Schema
from flowkit.stores.postgres.notes import NoteRows
from flowkit.stores.postgres.opening import open_schema
from flowkit.stores.postgres.places import put_bucket, read_bucket, reserve, unreserve
from flowkit.stores.postgres.read import Wanted, read_again, read_lines, read_living, read_runs
from flowkit.stores.postgres.recall import read_assigned, recall
from flowkit.stores.postgres.shared import Shared
from flowkit.stores.postgres.suppressions import lift, read_bans, read_suppressions, suppress
from flowkit.stores.postgres.sweeps import put, read_sweeps, replace, take
from flowkit.stores.postgres.tallies import read_tallies, roll_up
from flowkit.stores.postgres.windows import freeze, look, read_flight

__all__ = ["PostgresStore"]

_LOCK: Final = timedelta(seconds=5)
_STATEMENT: Final = timedelta(seconds=30)


class PostgresStore:
    """Keeps everything in one schema of a PostgreSQL database; safe for many threads, processes and machines.

    Args:
        connect: Where the server is: a connection string or address, a function that gives an open
            ``psycopg.Connection``, or a pool such as ``psycopg_pool.ConnectionPool``. A pool's connections keep the
            settings that the pool gave them; those that the store makes get the ones below.
        schema: The schema, which is flowkit's own; made where it is not there.
        synchronous_commit: What a commit waits for, as PostgreSQL names it; None for what the server says.
        connections: How many connections there are at the most; no more threads are served at once.
        timeout: For how long to wait for a lock or a connection, before ``StoreBusy``.
        statement_timeout: The longest that a statement takes, and that a transaction stands still.
        lease_clock: The clock that leases run on, in seconds; None for the database's, which all workers share.

    Raises:
        ConfigurationError: The arguments, or the database, cannot be used.
        StoreUnavailable: The server is out of reach; try again.
        StoreVersionError: The schema was written by a later version of flowkit.
    """

    def __init__(
        self,
        connect: str | Callable[[], Connection] | ConnectionPool,
        *,
        schema: str = "flowkit",
        synchronous_commit: Synchronous | None = None,
        connections: int = 4,
        timeout: timedelta = _LOCK,
        statement_timeout: timedelta = _STATEMENT,
        lease_clock: Callable[[], float] | None = None,
    ) -> None:
        if synchronous_commit is not None and synchronous_commit not in get_args(Synchronous):
            known = ", ".join(get_args(Synchronous))
            message = f"synchronous_commit must be one of {known}, not {synchronous_commit!r}"
            raise ConfigurationError(message)
        if connections < 1:
            message = f"connections must be 1 or more, not {connections}"
            raise ConfigurationError(message)
        self._schema = Schema(schema)
        settings = Settings(synchronous_commit, timeout, statement_timeout)
        self._connections = _connections(connect, settings, connections)
        self._shared = Shared(lease_clock)
        self._decoder = Decoder(self._shared)
        self._use(Own(self._connections, self._schema))
        try:
            open_schema(self._access, self._shared)
        except BaseException:
            self._connections.close()
            raise

    def _use(self, access: Access) -> None:
        self._access = access
        self._committer = Committer(access, self._shared, self._decoder)

    def close(self) -> None:
        """Close the connections that the store made; it cannot be used any more."""
        self._connections.close()

    def joined(self, connection: object) -> Self:
        """Give this store within a transaction that the host has open on a connection to the same database.

        Args:
            connection: A ``psycopg.Connection``, or what Django or SQLAlchemy have over one.

        Raises:
            ConfigurationError: It is neither, or no transaction is open on it, or one that is not READ COMMITTED.
            RetryTransaction: The transaction has failed already.
        """
        joined = copy(self)
        joined._use(Joined(driver_connection(connection), self._schema))  # noqa: SLF001 - its own class
        return joined

    # -- editions -----------------------------------------------------------------------------------------------------

    def publish(self, edition: Edition, sources: Mapping[str, str]) -> Edition:
        """Store a version; see ``Store.publish``."""
        return self._access.write(lambda link: publish(link, edition, sources))

    def editions(self, since: int = 0) -> tuple[int, Sequence[Edition]]:
        """Read the stamp and the versions; see ``Store.editions``."""
        return self._access.read(lambda link: (read_stamp(link), read_editions(link, since)))

    def hold(self, workflow_id: str, hold: Hold | None, sweep: Sweep) -> Edition:
        """Order something for a workflow; see ``Store.hold``."""

        def work(link: Link) -> Edition:
            edition = hold_workflow(link, workflow_id, hold)
            replace(link, sweep)
            return edition

        return self._access.write(work)

    def source(self, content_hash: str) -> str:
        """Read a template source; see ``Store.source``."""
        return self._access.read(lambda link: read_source(link, content_hash))

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
        return self._access.read(
            lambda link: recall(
                link, self._decoder, events, runs=runs, history=history, totals=totals, splits=splits, ended=ended
            )
        )

    def history(
        self, subscriber_ids: Sequence[str], types: Sequence[str]
    ) -> Mapping[str, Mapping[str, Sequence[Occurrence]]]:
        """Read past events; see ``Store.history``."""
        return self._access.read(lambda link: read_past(link, subscriber_ids, types))

    def assigned(self, subscriber_ids: Sequence[str], splits: Sequence[str]) -> Mapping[str, Mapping[str, str]]:
        """Read labels that were assigned; see ``Store.assigned``."""
        return self._access.read(lambda link: read_assigned(link, subscriber_ids, splits))

    def watches(self, now: int, *, limit: int) -> tuple[int, Sequence[str]]:
        """Name who is to be looked at again; see ``Store.watches``."""
        return self._access.read(
            lambda link: (read_stamp(link), [name for (name,) in link.rows(sql.WATCHES, now, limit)])
        )

    # -- claims -------------------------------------------------------------------------------------------------------

    def claim(self, now: int, *, limit: int, lease: timedelta) -> Claim | None:
        """Take due runs; see ``Store.claim``."""
        return claim(self._access, self._shared, self._decoder, now, limit=limit, lease=lease)

    def extend(self, claim: Claim, lease: timedelta) -> bool:
        """Hold a claim longer; see ``Store.extend``."""
        clock, seconds = self._shared.clock(), lease.total_seconds()
        return self._access.read(lambda link: extend(link, claim.token, clock, seconds))

    def release(self, claim: Claim) -> None:
        """Give a claim back; see ``Store.release``."""
        notes = self._shared.notes.get(claim.token)
        if notes is not None:
            notes.flush()
        self._access.read(lambda link: release(link, claim.token))
        self._shared.end_claim(claim.token)

    def attempts(self, claim: Claim) -> NoteRows:
        """Open the notes of a claim; see ``Store.attempts``."""
        return self._shared.notes[claim.token]

    def freeze(self, claim: Claim, inputs: Mapping[str, str]) -> Mapping[str, str]:
        """Keep the inputs of effects; see ``Store.freeze``."""
        kept = self._access.write(lambda link: freeze(link, claim, inputs))
        self._shared.freezing.add(claim.token)
        return kept

    # -- windows ------------------------------------------------------------------------------------------------------

    def open_window(self, claim: Claim, runs: Mapping[str, Run]) -> Fence:
        """Note what is about to be handed over, and look whether it may be; see ``Store.open_window``."""
        self._shared.notes[claim.token].window(runs)
        return self._access.read(lambda link: look(link, runs))

    def close_window(self, claim: Claim) -> None:
        """Note that nothing is under way any more; see ``Store.close_window``."""
        self._shared.notes[claim.token].window(())

    def in_flight(self, subscriber_ids: Sequence[str]) -> Sequence[str]:
        """Name what is being handed over; see ``Store.in_flight``."""
        clock = self._shared.clock()
        return self._access.read(lambda link: read_flight(link, subscriber_ids, clock))

    # -- suppressions -------------------------------------------------------------------------------------------------

    def suppress(self, subscriber_ids: Sequence[str], ban: Ban, at: int) -> Sequence[str]:
        """Put subscribers on the suppression list; see ``Store.suppress``."""
        return self._access.write(lambda link: suppress(link, subscriber_ids, ban, at))

    def unsuppress(self, subscriber_ids: Sequence[str], reason: SuppressionReason, at: int) -> Sequence[str]:
        """Lift suppressions; see ``Store.unsuppress``."""
        return self._access.write(lambda link: lift(link, subscriber_ids, reason, at))

    def banned(self, subscriber_ids: Iterable[str]) -> Mapping[str, Sequence[Ban]]:
        """Read what is forbidden; see ``Store.banned``."""
        names = list(subscriber_ids)
        return self._access.read(lambda link: read_bans(link, names))

    def suppressions(
        self, *, subscriber_id: str | None = None, after: int = 0, limit: int = 1000
    ) -> Sequence[Suppression]:
        """Read the suppression list a page at a time; see ``Store.suppressions``."""
        return self._access.read(lambda link: read_suppressions(link, subscriber_id, after, limit))

    # -- places -------------------------------------------------------------------------------------------------------

    def reserve(self, asked: Sequence[Reservation], at: int) -> Sequence[Sequence[Full]]:
        """Take places under frequency caps; see ``Store.reserve``."""
        return self._access.write(lambda link: reserve(link, asked, at))

    def unreserve(self, keys: Sequence[str]) -> None:
        """Give places back; see ``Store.unreserve``."""
        self._access.read(lambda link: unreserve(link, keys))

    def bucket(self, name: str) -> Bucket:
        """Read the bucket of a rate limit; see ``Store.bucket``."""
        return self._access.read(lambda link: read_bucket(link, name))

    def put_bucket(self, bucket: Bucket) -> bool:
        """Write the bucket of a rate limit; see ``Store.put_bucket``."""
        return self._access.write(lambda link: put_bucket(link, bucket))

    # -- writing ------------------------------------------------------------------------------------------------------

    def commit(self, changes: Changes) -> Refused:
        """Write a batch; see ``Store.commit``."""
        return self._committer.commit(changes)

    # -- runs ---------------------------------------------------------------------------------------------------------

    def read(self, runs: Sequence[Run]) -> Sequence[Run]:
        """Read runs again; see ``Store.read``."""
        return self._access.read(lambda link: read_again(link, self._decoder, runs))

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
        wanted = Wanted(subscriber_id, workflow_id, status, living)
        return self._access.read(lambda link: read_runs(link, self._decoder, wanted, after, limit))

    def living(self, workflow_id: str) -> Sequence[Living]:
        """Count living runs; see ``Store.living``."""
        return self._access.read(lambda link: read_living(link, workflow_id))

    def lines(
        self, *, subscriber_id: str | None = None, run: Run | None = None, after: int = 0, limit: int = 1000
    ) -> Sequence[Line]:
        """Read the journal a page at a time; see ``Store.lines``."""
        return self._access.read(lambda link: read_lines(link, self._decoder, subscriber_id, run, after, limit))

    # -- counts -------------------------------------------------------------------------------------------------------

    def roll_up(self, *, limit: int) -> int:
        """Count steps that were not counted yet; see ``TallyStore.roll_up``.

        Steps that were written while another transaction was under way may be left to the next call.
        """
        return roll_up(self._access, self._decoder, limit)

    def tallies(self, workflow_id: str | None, since: int, until: int) -> Sequence[Tallied]:
        """Give the counts of whole hours; see ``TallyStore.tallies``."""
        return self._access.read(lambda link: read_tallies(link, self._decoder, workflow_id, since, until))

    # -- what is due --------------------------------------------------------------------------------------------------

    def next_due(self) -> int | None:
        """Tell when the next run, watch or sweep wants to go on; see ``Store.next_due``."""
        [(due,)] = self._access.read(lambda link: link.rows(sql.NEXT_DUE))
        return None if due is None else int(due)

    # -- sweeps -------------------------------------------------------------------------------------------------------

    def sweeps(self) -> Sequence[Sweep]:
        """Read all sweeps; see ``Store.sweeps``."""
        return self._access.read(read_sweeps)

    def claim_sweep(self, now: int, *, lease: timedelta) -> Sweep | None:
        """Take the sweep that is due for the longest; see ``Store.claim_sweep``."""
        clock, seconds = self._shared.clock(), lease.total_seconds()
        return self._access.read(lambda link: take(link, now, clock, seconds))

    def put_sweep(self, sweep: Sweep) -> bool:
        """Write a sweep, and let go of it; see ``Store.put_sweep``."""
        return self._access.write(lambda link: put(link, sweep))


def _connections(
    connect: str | Callable[[], Connection] | ConnectionPool, settings: Settings, most: int
) -> Connections:
    if isinstance(connect, str):
        return Kept(connector(connect), settings, most)
    if isinstance(connect, ConnectionPool):
        return Pooled(connect)
    if callable(connect):
        return Kept(connect, settings, most)
    message = (
        "connect must be a connection string, a function that gives a psycopg.Connection, or a pool, "
        f"not {type(connect).__name__}"
    )
    raise ConfigurationError(message)
