"""The store: what it keeps, what is written into it, and what it promises."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from datetime import timedelta
from enum import StrEnum
from typing import Any, Final, NamedTuple, Protocol, Self

from attrs import field, frozen

from flowkit.events import HistoryNeed, Occurrence
from flowkit.ports.host import Maybe
from flowkit.ports.places import Bucket, Full, Reservation
from flowkit.runs.consent import Ban, Suppression, SuppressionReason
from flowkit.runs.effects import Outcome, PauseClock
from flowkit.runs.model import Entry, Line, Run, State, Status
from flowkit.runs.splits import Assigned

__all__ = [
    "EMPTY_RECALL",
    "NOTHING_REFUSED",
    "OPEN",
    "Attempts",
    "Change",
    "Changes",
    "Claim",
    "Edition",
    "Fence",
    "Hold",
    "HoldKind",
    "Ledger",
    "Living",
    "Move",
    "Pending",
    "Recall",
    "Recalled",
    "Refused",
    "Started",
    "Store",
    "Sweep",
    "SweepKind",
    "refused_whole",
]

_NOTHING: Final[Mapping[str, Any]] = {}


class HoldKind(StrEnum):
    """What is ordered for a workflow, from outside."""

    DRAIN = "drain"
    """Nobody enters; those inside go on."""
    PAUSE = "pause"
    """All runs stand still; who enters stands still at once."""
    STOP = "stop"
    """Nobody enters, and all runs end."""


@frozen
class Hold:
    """What is ordered for a workflow instead of its usual course.

    Attributes:
        kind: What.
        since: From when on, in microseconds.
        reason: Why its runs end, where it is stopped.
        clock: What becomes of the instants that its runs wait for, where it is paused.
    """

    kind: HoldKind
    since: int
    reason: str = field(default="", kw_only=True)
    clock: PauseClock = field(default=PauseClock.FREEZE, kw_only=True)


@frozen
class Edition:
    """One published version of a workflow as it is stored.

    Attributes:
        workflow_id: Of which workflow.
        number: Its number in the store; runs are pinned to it. 0 before it is stored.
        content_hash: The hash of definition and templates; the same content is the same version.
        document: The workflow as JSON text.
        templates: The hash of the stored source of each template that was found, by template id.
        live: Whether new runs enter it; older versions only let theirs finish, and a draft was never entered.
        published: When it was made live last, in microseconds; None for a draft.
        hold: What is ordered for the workflow; only the live version has it. None for its usual course.
    """

    workflow_id: str
    number: int
    content_hash: str
    document: str = field(repr=False)
    templates: Mapping[str, str]
    live: bool = True
    published: int | None = None
    hold: Hold | None = None


class Pending(NamedTuple):
    """An entry whose filter does not hold yet.

    Attributes:
        cause: What the entry is derived from: an event id, or what stands for one.
        origin: The text that is kept with the run.
        until: Until when it waits, in microseconds.
    """

    cause: str
    origin: str
    until: int


class Ledger(NamedTuple):
    """What one workflow remembers about one subscriber: the entries, and what the trigger saw last.

    Attributes:
        workflow_id: Which workflow.
        entries: How often the subscriber entered.
        last_entry: When it did last, in microseconds; None where it never did.
        sequence: How often this row was written; 0 where there is none yet.
        held: Which condition of a trigger on ``enter`` held when it was last looked at, as a positive number that tells
            conditions apart; 0 where it did not hold.
        watch: When it has to be looked at again though nothing happens, in microseconds; None for never.
        pending: Entries that wait for their filter, in the order in which they came.
    """

    workflow_id: str
    entries: int = 0
    last_entry: int | None = None
    sequence: int = 0
    held: int = 0
    watch: int | None = None
    pending: tuple[Pending, ...] = ()


class Recalled(NamedTuple):
    """What the store remembers about one subscriber.

    Attributes:
        handle: The store's own name for the subscriber; None where it knows none.
        seen: Those of the asked event ids that were accepted before.
        ledgers: The subscriber's ledgers by workflow id.
        runs: Its living runs, oldest first.
        history: Its past events by type, oldest first, of the types that were asked for.
        latest: The store's number of the newest past event that it keeps of the subscriber, of any type; 0 for none.
        assigned: The labels that were assigned to it, by what they belong to, of those that were asked for.
        bans: What its suppressions forbid that stand.
        ended: Its runs that have ended, or were held out, of those that were asked for, oldest first.
    """

    handle: int | None = None
    seen: frozenset[str] = frozenset()
    ledgers: Mapping[str, Ledger] = _NOTHING
    runs: Sequence[Run] = ()
    history: Mapping[str, Sequence[Occurrence]] = _NOTHING
    latest: int = 0
    assigned: Mapping[str, str] = _NOTHING
    bans: Sequence[Ban] = ()
    ended: Sequence[Run] = ()


EMPTY_RECALL: Final = Recalled()


@frozen
class Recall:
    """What the store remembers, for a batch of subscribers.

    Attributes:
        stamp: Changes whenever a version is published, so that what was compiled before is looked at again.
        subscribers: By id; a subscriber that the store knows nothing of is left out.
        totals: How often all subscribers together entered, by workflow id, of the workflows that were asked for; one
            that nobody entered may be left out.
    """

    stamp: int
    subscribers: Mapping[str, Recalled]
    totals: Mapping[str, int] = field(factory=dict[str, int])


class Started(NamedTuple):
    """A run that begins, and the first lines of its journal."""

    run: Run
    entries: tuple[Entry, ...]


class Move(NamedTuple):
    """Runs that stand in one state and go to another together; each is applied, or refused, by itself.

    Attributes:
        runs: The runs as they were read.
        state: Where they stand now.
        due: When they want to go on, in microseconds; None where they do not.
        entries: The lines of each one's journal.
        assigned: The labels that are assigned to the subscriber of each, in order. A run is refused where the
            subscriber has another label by then, be it by a run before it in the same batch.
        version: The version that they are pinned to from now on; None for the one that they were.
    """

    runs: Sequence[Run]
    state: State
    due: int | None
    entries: tuple[Entry, ...]
    assigned: Sequence[Assigned] = ()
    version: int | None = None


class Living(NamedTuple):
    """How many living runs stand at a node.

    Attributes:
        version: The number of the version that they are pinned to.
        status: Active or paused.
        node: At which node; None for none.
        runs: How many.
    """

    version: int
    status: Status
    node: str | None
    runs: int


class Change(NamedTuple):
    """What a batch of events does to one subscriber: applied whole, or refused whole.

    Attributes:
        subscriber_id: To whom.
        handle: The store's own name for the subscriber as it was recalled.
        seen: The event ids that are accepted with it.
        ledgers: The ledgers as they stand now; each with the sequence that was recalled.
        started: The runs that begin.
        moves: Living runs that go on, and such that have ended and reach a goal, which stay ended.
        lines: Journal entries that belong to no run, each with its workflow id.
        newest: The handle of the newest living run that was recalled, 0 where there was none: a run that began since
            has not observed these events, so the change is refused. None where no living run was asked about.
        occurred: Events that are kept as history, each with its type, as far as conditions read them.
        latest: The number of the newest past event that was recalled: where others have come since, the change is
            refused. None where no past event was asked about.
        totals: For each workflow with a limit for all subscribers together, how many entries this change adds.
        assigned: The labels that are assigned to the subscriber, in order; where it has another one by then, be it by a
            change before it in the same batch, the change is refused.
        bans: What is forbidden from now on; what is already is left as it is.
    """

    subscriber_id: str
    handle: int | None
    seen: Sequence[str]
    ledgers: Sequence[Ledger] = ()
    started: Sequence[Started] = ()
    moves: Sequence[Move] = ()
    lines: Sequence[tuple[str, Entry]] = ()
    newest: int | None = None
    occurred: Sequence[tuple[str, Occurrence]] = ()
    latest: int | None = None
    totals: Sequence[tuple[str, int]] = ()
    assigned: Sequence[Assigned] = ()
    bans: Sequence[Ban] = ()


@frozen
class Claim:
    """Due runs that one worker holds for a while.

    Attributes:
        token: The claim's own random name; a write under a token that the store no longer knows is refused.
        runs: The runs, by due instant and then by age.
        stamp: As in ``Recall``.
        settled: Outcomes that a dead worker noted and did not commit, by effect key.
        doubtful: Effect keys that a dead worker had begun and noted no outcome of.
        begun: When a dead worker took the runs in whose calls those keys are, by effect key, in microseconds of the
            engine's clock: its calls were made then, as far as the rules are concerned.
        deaths: How many workers died over this claim without an effect begun.
        fresh: Whether the runs come from the queue, and are no lapsed claim of another worker.
    """

    token: str
    runs: Sequence[Run]
    stamp: int
    settled: Mapping[str, Outcome] = field(factory=dict[str, Outcome])
    doubtful: Mapping[str, int] = field(factory=dict[str, int])
    begun: Mapping[str, int] = field(factory=dict[str, int])
    deaths: int = 0
    fresh: bool = True


@frozen
class Changes:
    """A batch to be written.

    Attributes:
        at: The engine's instant, in microseconds.
        changes: What events did, a subscriber each.
        moves: What a worker did to runs that it holds.
        claim: The claim that the worker holds them under.
        ends: Whether the claim ends with this write, where nothing of it is refused.
        history: How much is kept of past events, by type, for the types in ``occurred``: what is older than the window
            at ``at``, or not among the latest, goes with this write.
        limits: The most entries of all subscribers together, by workflow id, for the workflows in ``totals``.
        stamp: The stamp that all of it was decided under: where another one is current, everything is refused. None
            where that does not matter.
        unclaimed: Whether the runs of ``moves`` that a worker holds are refused, so that nothing can be under way for
            those that are not.
    """

    at: int
    changes: Sequence[Change] = ()
    moves: Sequence[Move] = ()
    claim: Claim | None = None
    ends: bool = False
    history: Mapping[str, HistoryNeed] = field(factory=dict[str, HistoryNeed])
    limits: Mapping[str, int] = field(factory=dict[str, int])
    stamp: int | None = None
    unclaimed: bool = False


@frozen
class Refused:
    """What of a batch was not written, because somebody else wrote first; the rest of the batch stands.

    Attributes:
        subscriber_ids: Whose changes; recall and decide again.
        runs: The runs that have moved on meanwhile, as they were read; read and decide again.
        lost: Whether the claim is no longer this worker's: nothing under it was written, and nothing will be.
    """

    subscriber_ids: Sequence[str] = ()
    runs: Sequence[Run] = ()
    lost: bool = False

    def __bool__(self) -> bool:
        return bool(self.subscriber_ids or self.runs or self.lost)


NOTHING_REFUSED: Final = Refused()


@frozen
class Fence:
    """What has changed about runs since they were read, so that their messages must not go out as they are.

    Attributes:
        moved: The handles of the runs that others have written to.
        banned: What is forbidden, by subscriber; who is not suppressed is left out.
    """

    moved: frozenset[int]
    banned: Mapping[str, Sequence[Ban]]


OPEN: Final = Fence(frozenset(), _NOTHING)
"""Nothing has changed, and nothing is forbidden."""


def refused_whole(changes: Changes) -> Refused:
    """Refuse all of a batch, for what it was decided under is no more."""
    return Refused(
        [change.subscriber_id for change in changes.changes], [run for move in changes.moves for run in move.runs]
    )


class SweepKind(StrEnum):
    """What a sweep does with those whom it finds."""

    SCHEDULE = "schedule"
    """They enter, each time that a time trigger fires."""
    BACKFILL = "backfill"
    """They enter, once."""
    MARK = "mark"
    """A trigger on ``enter`` takes note that its condition holds for them; they do not enter."""
    CONTROL = "control"
    """The living runs of a workflow are brought to what is ordered for it."""
    MIGRATION = "migration"
    """The living runs of a workflow go over to another version of it."""


@frozen
class Sweep:
    """A pass over an audience, or over the runs of a workflow, a page at a time: it goes on where it was left.

    Attributes:
        name: Its name in the store, told apart from all others.
        workflow_id: Into which workflow it leads.
        kind: What it does.
        due: When it wants to go on, in microseconds; None where it has come to its end.
        plan: Where it stands, as JSON text of the engine's.
        sequence: How often it was written; 0 before it is stored.
    """

    name: str
    workflow_id: str
    kind: SweepKind
    due: int | None
    plan: str
    sequence: int = 0


class Attempts(Protocol):
    """The notes that a worker makes around each call that must not be repeated unknown; they survive its death."""

    def begin(self, key: str, *, durable: bool = False) -> Maybe[None]:
        """Note that the call for this key begins.

        Args:
            key: The effect's key.
            durable: Whether the note must survive the loss of power as well, as a commit does.
        """
        ...

    def settle(self, key: str, outcome: Outcome) -> Maybe[None]:
        """Note how it ended; the note may wait for the next one, or for ``flush``."""
        ...

    def flush(self) -> Maybe[None]:
        """Make sure that every note is kept."""
        ...


class Store(Protocol):
    """Keeps workflows, runs, ledgers and the journal. Every write is whole or not at all."""

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

    def living(self, workflow_id: str) -> Maybe[Sequence[Living]]:
        """Count the living runs of a workflow by version, status and node, in that order."""
        ...

    def source(self, content_hash: str) -> Maybe[str]:
        """Read a stored template source by its hash.

        Raises:
            StoreError: There is none.
        """
        ...

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

    def commit(self, changes: Changes) -> Maybe[Refused]:
        """Write a batch.

        A change or run is refused where what it was decided on has moved on. With a claim, nothing is written where
        the claim is no longer held.
        """
        ...

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

    def lines(
        self, *, subscriber_id: str | None = None, run: Run | None = None, after: int = 0, limit: int = 1000
    ) -> Maybe[Sequence[Line]]:
        """Read the journal by number, oldest first, a page at a time: the next page begins after the last number."""
        ...

    def next_due(self) -> Maybe[int | None]:
        """Tell when the next run, watch or sweep wants to go on, in microseconds; None where none does."""
        ...

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

    def joined(self, connection: object) -> Self:
        """Give this store within a transaction that the host has open, and that only the host ends.

        Raises:
            ConfigurationError: The store cannot join that kind of connection.
        """
        ...
