"""What a store keeps, and gives back when it is asked."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from enum import StrEnum
from typing import Any, Final, NamedTuple

from attrs import field, frozen

from flowkit.events import Occurrence, from_micros
from flowkit.runs.consent import Ban
from flowkit.runs.effects import PauseClock
from flowkit.runs.model import Run, Status

__all__ = [
    "EMPTY_RECALL",
    "Edition",
    "Hold",
    "HoldKind",
    "Ledger",
    "Living",
    "Pending",
    "Recall",
    "Recalled",
    "Sweep",
    "SweepKind",
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

    @property
    def since_at(self) -> datetime:
        """From when on."""
        return from_micros(self.since)


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

    @property
    def published_at(self) -> datetime | None:
        """When it was made live last; None for a draft."""
        return None if self.published is None else from_micros(self.published)


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
