"""The store, part by part: what it does, and what it promises."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from datetime import timedelta
from typing import Protocol, Self

from flowkit.events import Occurrence
from flowkit.ports.changes import Changes, Refused
from flowkit.ports.claims import Attempts, Claim, Fence
from flowkit.ports.host import Maybe
from flowkit.ports.places import Bucket, Full, Reservation
from flowkit.ports.records import Edition, Hold, Living, Recall, Sweep
from flowkit.runs.consent import Ban, Suppression, SuppressionReason
from flowkit.runs.model import Line, Run, Status

__all__ = [
    "ClaimStore",
    "EditionStore",
    "PlaceStore",
    "RunStore",
    "Store",
    "SubscriberStore",
    "SuppressionStore",
    "SweepStore",
    "WindowStore",
]


class EditionStore(Protocol):
    """Keeps the versions of workflows and their templates, and what is ordered for a workflow."""

    def publish(self, edition: Edition, sources: Mapping[str, str]) -> Maybe[Edition]:
        """Store a version and the template sources by hash; it is live from now on, and the only live one.

        One that is not ``live`` is stored as a draft: which one is live stays as it is, be it that one. To make a
        version live ends the hold on its workflow, unless that is a pause.

        Returns:
            The edition with its number: that of the stored version where the content is the same as a stored one's.
        """
        ...

    def editions(self, since: int = 0) -> Maybe[tuple[int, Sequence[Edition]]]:
        """Read the stamp, and the versions that came to be live or ceased to be after an earlier one, by number.

        Args:
            since: An earlier stamp; 0 reads every version that is live or has living runs.
        """
        ...

    def hold(self, workflow_id: str, hold: Hold | None, sweep: Sweep) -> Maybe[Edition]:
        """Order something for a workflow, or its usual course, and put the sweep that carries it out, in one write.

        The sweep takes the place of one of its name, whoever holds that. The stamp moves, and the live version
        counts as changed.

        Returns:
            The live version.

        Raises:
            StoreError: No version of the workflow is live.
        """
        ...

    def source(self, content_hash: str) -> Maybe[str]:
        """Read a stored template source by its hash.

        Raises:
            StoreError: There is none.
        """
        ...


class SubscriberStore(Protocol):
    """Remembers subscribers: what they did, what workflows know of them, and which labels they have."""

    def recall(
        self,
        events: Mapping[str, Sequence[str]],
        *,
        runs: bool,
        history: Sequence[str] = (),
        totals: Sequence[str] = (),
        splits: Sequence[str] = (),
        ended: int | None = None,
    ) -> Maybe[Recall]:
        """Read what is remembered about subscribers.

        Args:
            events: The event ids at hand by subscriber id.
            runs: Whether living runs are wanted as well.
            history: The types of past events that are wanted, without repeats.
            totals: The workflows whose entries by all subscribers are wanted, without repeats.
            splits: What the labels that are wanted belong to, without repeats.
            ended: Since when runs were entered, in microseconds, that have ended or were held out, and are wanted as
                well; None for none.
        """
        ...

    def history(
        self, subscriber_ids: Sequence[str], types: Sequence[str]
    ) -> Maybe[Mapping[str, Mapping[str, Sequence[Occurrence]]]]:
        """Read past events by subscriber and type, oldest first; who has none is left out."""
        ...

    def assigned(self, subscriber_ids: Sequence[str], splits: Sequence[str]) -> Maybe[Mapping[str, Mapping[str, str]]]:
        """Read the labels that were assigned, by subscriber and by what they belong to; who has none is left out."""
        ...

    def watches(self, now: int, *, limit: int) -> Maybe[tuple[int, Sequence[str]]]:
        """Read the stamp, and whom to look at again: those with a ledger whose ``watch`` has come.

        Returns:
            The stamp; and subscriber ids, each once, the longest due first.
        """
        ...


class ClaimStore(Protocol):
    """Gives due runs to workers, each to one at a time, and keeps the notes of each worker."""

    def claim(self, now: int, *, limit: int, lease: timedelta) -> Maybe[Claim | None]:
        """Take up to ``limit`` runs that are due, or a lapsed claim as it stands; None where there is neither.

        Args:
            now: The engine's instant in microseconds; the lease runs on the store's own clock.
            limit: The most runs to take.
            lease: For how long they are held.
        """
        ...

    def extend(self, claim: Claim, lease: timedelta) -> Maybe[bool]:
        """Hold a claim for a full lease from now; False where it is no longer held."""
        ...

    def release(self, claim: Claim) -> Maybe[None]:
        """Give a claim back; what is still due can be claimed at once."""
        ...

    def attempts(self, claim: Claim) -> Maybe[Attempts]:
        """Open the notes of a claim; they go when the claim ends."""
        ...

    def freeze(self, claim: Claim, inputs: Mapping[str, str]) -> Maybe[Mapping[str, str]]:
        """Keep the inputs of effects until they are settled.

        Returns:
            By effect key, what was kept first: an earlier attempt's inputs go before the ones given now.
        """
        ...


class WindowStore(Protocol):
    """Keeps which messages are being handed over, so that whoever forbids them finds them, or is found."""

    def open_window(self, claim: Claim, runs: Mapping[str, Run]) -> Maybe[Fence]:
        """Note that messages are about to be handed over, and then look whether they still may be.

        In this order: who suppresses a subscriber afterwards finds the window (``in_flight``), and whoever did before
        is found by it. A claim has one window at a time; a new one takes the place of the one before. An effect leaves
        it with the note of its outcome, and all do when it is closed, and when the claim ends, is given back or lapses.

        Args:
            claim: Whose messages they are.
            runs: The runs as they were read, by the key of the effect that is pending.
        """
        ...

    def close_window(self, claim: Claim) -> Maybe[None]:
        """Note that no call of the window is under way any more."""
        ...

    def in_flight(self, subscriber_ids: Sequence[str]) -> Maybe[Sequence[str]]:
        """Name the keys of effects of these subscribers that are in an open window of a claim that somebody holds."""
        ...


class SuppressionStore(Protocol):
    """Keeps the suppression list."""

    def suppress(self, subscriber_ids: Sequence[str], ban: Ban, at: int) -> Maybe[Sequence[str]]:
        """Put subscribers on the suppression list, be they known to the store or not.

        Args:
            subscriber_ids: Whom, without repeats.
            ban: What is forbidden, and why.
            at: The engine's instant in microseconds.

        Returns:
            Those of whom it was not forbidden before, for the same reason and scope.
        """
        ...

    def unsuppress(self, subscriber_ids: Sequence[str], reason: SuppressionReason, at: int) -> Maybe[Sequence[str]]:
        """Lift the suppressions of subscribers that stand for one reason.

        Returns:
            Those who had one.
        """
        ...

    def banned(self, subscriber_ids: Iterable[str]) -> Maybe[Mapping[str, Sequence[Ban]]]:
        """Read what is forbidden, by subscriber; who is not suppressed is left out."""
        ...

    def suppressions(
        self, *, subscriber_id: str | None = None, after: int = 0, limit: int = 1000
    ) -> Maybe[Sequence[Suppression]]:
        """Read the suppression list, those that were lifted too, by number, a page at a time."""
        ...


class PlaceStore(Protocol):
    """Keeps the places under frequency caps, and whose turn it is under rate limits."""

    def reserve(self, asked: Sequence[Reservation], at: int) -> Maybe[Sequence[Sequence[Full]]]:
        """Take places under frequency caps, all at once, so that no two workers take the last one.

        Each message takes a place under all of its caps, or under none where one of them is full. Those before it
        count. The place that it has itself does not: it is taken anew, as of now, or stays where it was taken later.

        Args:
            asked: The messages, in the order in which they get places.
            at: The engine's instant in microseconds.

        Returns:
            For each message the caps that are full, none where it has its places.
        """
        ...

    def unreserve(self, keys: Sequence[str]) -> Maybe[None]:
        """Give the places of messages back that did not go out."""
        ...

    def bucket(self, name: str) -> Maybe[Bucket]:
        """Read the bucket of a rate limit; where there is none, a new one."""
        ...

    def put_bucket(self, bucket: Bucket) -> Maybe[bool]:
        """Write the bucket of a rate limit as it stands now.

        Returns:
            False, and nothing is written, where somebody else has written it since it was read.
        """
        ...


class SweepStore(Protocol):
    """Keeps passes over an audience, or over the runs of a workflow, each for one worker at a time."""

    def sweeps(self) -> Maybe[Sequence[Sweep]]:
        """Read all sweeps, by name."""
        ...

    def claim_sweep(self, now: int, *, lease: timedelta) -> Maybe[Sweep | None]:
        """Take the sweep that is due for the longest and that nobody holds; None where there is none.

        It is held for a lease on the store's own clock, or until it is put back.
        """
        ...

    def put_sweep(self, sweep: Sweep) -> Maybe[bool]:
        """Write a sweep as it stands now, and let go of it.

        Returns:
            False, and nothing is written, where somebody else has written it since it was read; and where it is new,
            with sequence 0, and there is one of that name.
        """
        ...


class RunStore(Protocol):
    """Lets runs and the journal be read; only ``Store.commit`` writes them."""

    def read(self, runs: Sequence[Run]) -> Maybe[Sequence[Run]]:
        """Read runs again, in order."""
        ...

    def runs(
        self,
        *,
        subscriber_id: str | None = None,
        workflow_id: str | None = None,
        status: Status | None = None,
        living: bool = False,
        after: int = 0,
        limit: int = 1000,
    ) -> Maybe[Sequence[Run]]:
        """Read runs by handle, oldest first, a page at a time: the next page begins after the last one's handle.

        Those that failed are found without a look at the others. With ``living`` only those that are alive are read.
        """
        ...

    def living(self, workflow_id: str) -> Maybe[Sequence[Living]]:
        """Count the living runs of a workflow by version, status and node, in that order."""
        ...

    def lines(
        self, *, subscriber_id: str | None = None, run: Run | None = None, after: int = 0, limit: int = 1000
    ) -> Maybe[Sequence[Line]]:
        """Read the journal by number, oldest first, a page at a time: the next page begins after the last number."""
        ...


class Store(
    EditionStore,
    SubscriberStore,
    ClaimStore,
    WindowStore,
    SuppressionStore,
    PlaceStore,
    SweepStore,
    RunStore,
    Protocol,
):
    """Keeps workflows, runs, ledgers and the journal. Every write is whole or not at all.

    Its methods are those of ``EditionStore``, ``SubscriberStore``, ``ClaimStore``, ``WindowStore``,
    ``SuppressionStore``, ``PlaceStore``, ``SweepStore`` and ``RunStore``, and the following.
    """

    def commit(self, changes: Changes) -> Maybe[Refused]:
        """Write a batch.

        A change or run is refused where what it was decided on has moved on. With a claim, nothing is written where
        the claim is no longer held.
        """
        ...

    def next_due(self) -> Maybe[int | None]:
        """Tell when the next run, watch or sweep wants to go on, in microseconds; None where none does."""
        ...

    def joined(self, connection: object) -> Self:
        """Give this store within a transaction that the host has open, and that only the host ends.

        Raises:
            ConfigurationError: The store cannot join that kind of connection.
        """
        ...
