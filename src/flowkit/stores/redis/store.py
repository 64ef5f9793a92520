"""The store: everything in Redis or Valkey, every write one Lua script.

What a commit is worth when the server loses its power depends on the server's ``appendfsync``; see the documentation.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from datetime import timedelta
from typing import Final, NoReturn

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
from flowkit.stores.redis.claims import Claims, part_of_token
from flowkit.stores.redis.commit import Committer
from flowkit.stores.redis.decode import Decoder
from flowkit.stores.redis.editions import Editions
from flowkit.stores.redis.floors import Floors
from flowkit.stores.redis.notes import Notes
from flowkit.stores.redis.opening import connect, open_layout, refuse_unsafe
from flowkit.stores.redis.places import put_bucket, read_bucket, reserve, unreserve
from flowkit.stores.redis.reading import Reading, Wanted
from flowkit.stores.redis.recall import Recaller
from flowkit.stores.redis.suppressions import Suppressions
from flowkit.stores.redis.sweeps import claim_sweep, put_sweep, read_sweeps
from flowkit.stores.redis.texts import Lexicon
from flowkit.stores.redis.wire import Call, Client, Wire

__all__ = ["RedisStore"]

_MOST_PARTITIONS: Final = 1024
_LONGEST_PREFIX: Final = 100


class RedisStore:
    """Keeps everything in Redis or Valkey; safe for several threads, and for workers on many machines.

    Args:
        server: A URL, or the host's client of redis-py or valkey-py, for one server or for a cluster.
        prefix: What all keys begin with; one for each store.
        partitions: Into how many parts subscribers are sorted. One keeps every promise that SQLite keeps, in one slot;
            on a cluster several spread over its servers, and each claim takes runs of one of them. It is fixed with
            the first opening.
        allow_volatile: Whether a server without an append-only file will do: a restart may lose all.
        allow_eviction: Whether a server that throws keys away when memory gets short will do.
        lease_clock: The clock that leases run on, in seconds; None for the server's own.

    Raises:
        ConfigurationError: The prefix or the number of partitions cannot be, or is not that of the store.
        UnsafeServer: The server loses what it has accepted.
        StoreVersionError: The store was written by a later version of flowkit.
        StoreUnavailable: There is no server.
    """

    def __init__(
        self,
        server: str | Client,
        *,
        prefix: str = "flowkit",
        partitions: int = 1,
        allow_volatile: bool = False,
        allow_eviction: bool = False,
        lease_clock: Callable[[], float] | None = None,
    ) -> None:
        if not 0 < partitions <= _MOST_PARTITIONS:
            message = f"partitions must be 1 to {_MOST_PARTITIONS}, not {partitions}"
            raise ConfigurationError(message)
        if not prefix or len(prefix) > _LONGEST_PREFIX or not prefix.isprintable() or set(prefix) & set("{} "):
            message = f"a prefix is 1 to {_LONGEST_PREFIX} characters without braces and spaces, not {prefix!r}"
            raise ConfigurationError(message)
        client = connect(server) if isinstance(server, str) else server
        refuse_unsafe(client, allow_volatile=allow_volatile, allow_eviction=allow_eviction)
        self._client = client
        self._owned = isinstance(server, str)
        self._wire = wire = Wire(client)
        self._layout = layout = open_layout(wire, prefix, partitions)
        lexicon = Lexicon(wire, layout)
        decoder = Decoder(lexicon, layout)
        self._editions = Editions(wire, layout)
        self._recaller = Recaller(wire, layout, decoder, self._editions.stamp)
        self._claims = Claims(wire, layout, decoder, lease_clock)
        self._suppressions = Suppressions(wire, layout)
        self._committer = Committer(wire, layout, lexicon, Floors(partitions))
        self._reading = Reading(wire, layout, lexicon, decoder)
        self._notes: dict[str, Notes] = {}

    def close(self) -> None:
        """Close the connections, where the store was given a URL; a host closes its own client."""
        close = getattr(self._client, "close", None)
        if self._owned and close is not None:
            close()

    def joined(self, connection: object) -> NoReturn:
        """Refuse: Redis has no transaction that could be read from while it is open.

        Raises:
            ConfigurationError: Always.
        """
        message = (
            f"RedisStore cannot join a transaction of {type(connection).__name__}: ingest after the host's commit, "
            "with the events' ids, so that ingesting again is safe; or use a store in that database"
        )
        raise ConfigurationError(message)

    # -- editions -----------------------------------------------------------------------------------------------------

    def publish(self, edition: Edition, sources: Mapping[str, str]) -> Edition:
        """Store a version; see ``Store.publish``."""
        return self._editions.publish(edition, sources)

    def editions(self, since: int = 0) -> tuple[int, Sequence[Edition]]:
        """Read the stamp and the versions; see ``Store.editions``."""
        return self._editions.since(since)

    def hold(self, workflow_id: str, hold: Hold | None, sweep: Sweep) -> Edition:
        """Order something for a workflow; see ``Store.hold``."""
        return self._editions.hold(workflow_id, hold, sweep)

    def source(self, content_hash: str) -> str:
        """Read a template source; see ``Store.source``."""
        return self._editions.source(content_hash)

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
        return self._recaller.recall(events, runs=runs, history=history, totals=totals, splits=splits, ended=ended)

    def history(
        self, subscriber_ids: Sequence[str], types: Sequence[str]
    ) -> Mapping[str, Mapping[str, Sequence[Occurrence]]]:
        """Read past events; see ``Store.history``."""
        return self._recaller.history(subscriber_ids, types)

    def assigned(self, subscriber_ids: Sequence[str], splits: Sequence[str]) -> Mapping[str, Mapping[str, str]]:
        """Read labels that were assigned; see ``Store.assigned``."""
        return self._recaller.assigned(subscriber_ids, splits)

    def watches(self, now: int, *, limit: int) -> tuple[int, Sequence[str]]:
        """Name who is to be looked at again; see ``Store.watches``."""
        ask = {"now": str(now), "limit": limit}
        stamp = 0 if self._layout.parts == 1 else self._editions.stamp()
        due: list[tuple[float, str]] = []
        for rows, known in self._wire.run_all([Call("watches", base, ask) for base in self._bases()]):
            stamp = known if self._layout.parts == 1 else stamp
            due += [(float(at), name) for at, name in rows]
        return stamp, [name for _, name in sorted(due)[:limit]]

    # -- claims -------------------------------------------------------------------------------------------------------

    def claim(self, now: int, *, limit: int, lease: timedelta) -> Claim | None:
        """Take due runs, all of one partition; see ``Store.claim``."""
        return self._claims.take(now, limit, lease, self._editions.stamp)

    def extend(self, claim: Claim, lease: timedelta) -> bool:
        """Hold a claim longer; see ``Store.extend``."""
        held = self._claims.extend(claim, lease)
        if not held:
            self._notes.pop(claim.token, None)
        return held

    def release(self, claim: Claim) -> None:
        """Give a claim back; see ``Store.release``."""
        notes = self._notes.pop(claim.token, None)
        if notes is not None:
            notes.flush()
        self._claims.extend(claim, None)

    def attempts(self, claim: Claim) -> Notes:
        """Open the notes of a claim; see ``Store.attempts``."""
        notes = self._notes.get(claim.token)
        if notes is None:
            base = self._layout.base(part_of_token(claim.token))
            notes = self._notes[claim.token] = Notes(self._wire, base, claim)
        return notes

    def freeze(self, claim: Claim, inputs: Mapping[str, str]) -> Mapping[str, str]:
        """Keep the inputs of effects; see ``Store.freeze``."""
        return self._claims.freeze(claim, inputs)

    # -- windows ------------------------------------------------------------------------------------------------------

    def open_window(self, claim: Claim, runs: Mapping[str, Run]) -> Fence:
        """Note what is about to be handed over, and look whether it may be; see ``Store.open_window``."""
        return self._claims.open_window(claim, runs)

    def close_window(self, claim: Claim) -> None:
        """Note that no call of the window is under way any more; see ``Store.close_window``."""
        self._claims.open_window(claim, {})

    def in_flight(self, subscriber_ids: Sequence[str]) -> Sequence[str]:
        """Name what is being handed over; see ``Store.in_flight``."""
        return self._claims.in_flight(subscriber_ids)

    # -- suppressions -------------------------------------------------------------------------------------------------

    def suppress(self, subscriber_ids: Sequence[str], ban: Ban, at: int) -> Sequence[str]:
        """Put subscribers on the suppression list; see ``Store.suppress``."""
        return self._suppressions.add(subscriber_ids, ban, at)

    def unsuppress(self, subscriber_ids: Sequence[str], reason: SuppressionReason, at: int) -> Sequence[str]:
        """Lift suppressions; see ``Store.unsuppress``."""
        return self._suppressions.lift(subscriber_ids, reason, at)

    def banned(self, subscriber_ids: Iterable[str]) -> Mapping[str, Sequence[Ban]]:
        """Read what is forbidden; see ``Store.banned``."""
        return self._suppressions.banned(subscriber_ids)

    def suppressions(
        self, *, subscriber_id: str | None = None, after: int = 0, limit: int = 1000
    ) -> Sequence[Suppression]:
        """Read the suppression list a page at a time; see ``Store.suppressions``."""
        return self._suppressions.page(subscriber_id, after, limit)

    # -- places -------------------------------------------------------------------------------------------------------

    def reserve(self, asked: Sequence[Reservation], at: int) -> Sequence[Sequence[Full]]:
        """Take places under frequency caps; see ``Store.reserve``."""
        return reserve(self._wire, self._layout, asked, at)

    def unreserve(self, keys: Sequence[str]) -> None:
        """Give places back; see ``Store.unreserve``."""
        unreserve(self._wire, self._layout, keys)

    def bucket(self, name: str) -> Bucket:
        """Read the bucket of a rate limit; see ``Store.bucket``."""
        return read_bucket(self._wire, self._layout, name)

    def put_bucket(self, bucket: Bucket) -> bool:
        """Write the bucket of a rate limit; see ``Store.put_bucket``."""
        return put_bucket(self._wire, self._layout, bucket)

    # -- writing ------------------------------------------------------------------------------------------------------

    def commit(self, changes: Changes) -> Refused:
        """Write a batch; see ``Store.commit``."""
        refused = self._committer.commit(changes)
        if changes.claim is not None and (refused.lost or (changes.ends and not refused.runs)):
            self._notes.pop(changes.claim.token, None)
        return refused

    # -- runs ---------------------------------------------------------------------------------------------------------

    def read(self, runs: Sequence[Run]) -> Sequence[Run]:
        """Read runs again; see ``Store.read``."""
        return self._reading.again(runs)

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
        return self._reading.runs(Wanted(subscriber_id, workflow_id, status, living), after, limit)

    def living(self, workflow_id: str) -> Sequence[Living]:
        """Count living runs; see ``Store.living``."""
        return self._reading.living(workflow_id)

    def lines(
        self, *, subscriber_id: str | None = None, run: Run | None = None, after: int = 0, limit: int = 1000
    ) -> Sequence[Line]:
        """Read the journal a page at a time; see ``Store.lines``."""
        return self._reading.lines(subscriber_id, run, after, limit)

    def next_due(self) -> int | None:
        """Tell when the next run, watch or sweep wants to go on; see ``Store.next_due``."""
        bases = dict.fromkeys([*self._bases(), self._layout.meta])
        found = self._wire.run_all([Call("next", base, {}) for base in bases])
        return min((int(float(at)) for firsts in found for at in firsts), default=None)

    # -- sweeps -------------------------------------------------------------------------------------------------------

    def sweeps(self) -> Sequence[Sweep]:
        """Read all sweeps; see ``Store.sweeps``."""
        return read_sweeps(self._wire, self._layout)

    def claim_sweep(self, now: int, *, lease: timedelta) -> Sweep | None:
        """Take the sweep that is due for the longest; see ``Store.claim_sweep``."""
        self._editions.tell()
        ask = self._claims.on_time({"now": str(now), "lease": lease.total_seconds()})
        return claim_sweep(self._wire, self._layout, ask)

    def put_sweep(self, sweep: Sweep) -> bool:
        """Write a sweep, and let go of it; see ``Store.put_sweep``."""
        return put_sweep(self._wire, self._layout, sweep)

    def _bases(self) -> list[str]:
        return [self._layout.base(part) for part in range(self._layout.parts)]
