"""What is written into a store, a batch at a time, and what of it is refused because somebody else wrote first."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Final, NamedTuple

from attrs import field, frozen

from flowkit.events import HistoryNeed, Occurrence
from flowkit.ports.claims import Claim
from flowkit.ports.records import Ledger
from flowkit.runs.consent import Ban
from flowkit.runs.model import Entry, Run, State
from flowkit.runs.splits import Assigned

__all__ = ["NOTHING_REFUSED", "Change", "Changes", "Move", "Refused", "Started", "refused_whole"]


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
        outdated: Whether all of it is refused since the stamp is another one by now: that something was published or
            ordered tells nothing of these subscribers and runs.
    """

    subscriber_ids: Sequence[str] = ()
    runs: Sequence[Run] = ()
    lost: bool = False
    outdated: bool = False

    def __bool__(self) -> bool:
        return bool(self.subscriber_ids or self.runs or self.lost)


NOTHING_REFUSED: Final = Refused()


def refused_whole(changes: Changes) -> Refused:
    """Refuse all of a batch, for what it was decided under is no more."""
    return Refused(
        [change.subscriber_id for change in changes.changes],
        [run for move in changes.moves for run in move.runs],
        outdated=True,
    )
