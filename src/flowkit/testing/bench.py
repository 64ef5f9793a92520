# ruff: noqa: S101 - this is a part of tests
"""A store on the bench: each call has returned when it returns, and the usual values are made for it."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Iterable, Mapping, Sequence
from datetime import timedelta
from typing import Final, TypeVar, cast

from flowkit.events import HistoryNeed, Occurrence
from flowkit.hashing import content_hash, run_id
from flowkit.ports import (
    Attempts,
    Bucket,
    Change,
    Changes,
    Claim,
    Edition,
    Full,
    Hold,
    Ledger,
    Living,
    Maybe,
    Move,
    Recall,
    Recalled,
    Refused,
    Reservation,
    Started,
    Store,
    Sweep,
    SweepKind,
)
from flowkit.runs.effects import Effect, Outcome
from flowkit.runs.model import Entry, Kind, Line, Run, State, Status, Waiting

__all__ = ["DONE_STATE", "LEASE", "NOW", "SENDING", "WAITING", "Bench", "Notes", "Ticks", "key_of"]

T = TypeVar("T")
NOW: Final = 1_767_225_600_000_000
"""An instant of the engine's clock, in microseconds: 2026-01-01T00:00Z."""
LEASE: Final = timedelta(minutes=5)
WAITING: Final = State(node="pause", waiting=Waiting.DURATION)
"""The state of a run that waits for a time."""
SENDING: Final = State(node="mail", pending=Effect("mail", 1, 0, "send"))
"""The state of a run whose message is to be sent."""
DONE_STATE: Final = State(Status.COMPLETED)
"""The state of a run that has reached its end."""
_MANY: Final = 1000
_ALL_HISTORY: Final[Mapping[str, HistoryNeed]] = {}
_NO_LIMITS: Final[Mapping[str, int]] = {}


class Ticks:
    """The clock that leases run on in a test, in seconds: it stands still until it is moved."""

    def __init__(self) -> None:
        self.seconds = 1_000_000.0

    def __call__(self) -> float:
        """Give the present second."""
        return self.seconds

    def advance(self, by: timedelta) -> None:
        """Move on."""
        self.seconds += by.total_seconds()


def key_of(run: Run) -> str:
    """Give the key of the effect that a run waits for."""
    assert run.state.pending is not None
    return run.id + run.state.pending.suffix


class Notes:
    """The notes of a claim, each kept when it is made."""

    def __init__(self, attempts: Attempts, done: Callable[[Maybe[None]], None]) -> None:
        self._attempts = attempts
        self._done = done

    def begin(self, run: Run) -> None:
        """Note that the call for what a run waits for begins."""
        self._done(self._attempts.begin(key_of(run)))

    def settle(self, run: Run, outcome: Outcome) -> None:
        """Note how the call that was begun last ended."""
        self._done(self._attempts.settle(key_of(run), outcome))

    def flush(self) -> None:
        """See to it that all notes are kept."""
        self._done(self._attempts.flush())


class Bench:
    """A store under test.

    Args:
        store: The store.
        ticks: The clock that its leases run on.
        again: Opens the store anew, where it can be.
    """

    def __init__(self, store: Store, ticks: Ticks, again: Callable[[Store], Store]) -> None:
        self.store = store
        self.ticks = ticks
        self._again = again
        self._runner: asyncio.Runner | None = None
        self._versions: dict[str, int] = {}
        self._beside: list[Bench] = []

    def close(self) -> None:
        """End the event loop, where the store needed one, and those of the benches beside this one."""
        for beside in self._beside:
            beside.close()
        if self._runner is not None:
            self._runner.close()

    def done(self, value: Maybe[T]) -> T:
        """Wait for what the store returned, where it is an awaitable."""
        if not hasattr(value, "__await__"):
            return cast("T", value)  # type: ignore[redundant-cast] # the two checkers disagree on what is left of Maybe
        if self._runner is None:
            self._runner = asyncio.Runner()
        return self._runner.run(_awaited(cast("Awaitable[T]", value)))

    def reopen(self) -> None:
        """Go on as another process would, with nothing remembered but what the store keeps."""
        self.store = self._again(self.store)

    def on(self, store: Store) -> Bench:
        """Put another store, or this one within a transaction, on the bench beside this one."""
        beside = Bench(store, self.ticks, self._again)
        beside._versions = self._versions
        self._beside.append(beside)
        return beside

    # -- workflows ----------------------------------------------------------------------------------------------------

    def publish(
        self,
        workflow_id: str = "w",
        content: str = "first",
        *,
        sources: Mapping[str, str] | None = None,
        templates: Mapping[str, str] | None = None,
        draft: bool = False,
        published: int | None = None,
    ) -> Edition:
        """Publish a version that is known by its content, or store it as a draft."""
        edition = Edition(workflow_id, 0, content_hash(content), content, templates or {}, not draft, published)
        stored = self.done(self.store.publish(edition, sources or {}))
        self._versions[workflow_id] = stored.number
        return stored

    def hold(self, hold: Hold | None, workflow_id: str = "w", *, due: int | None = NOW, plan: str = "{}") -> Edition:
        """Order something for a workflow."""
        sweep = Sweep(f"control:{workflow_id}", workflow_id, SweepKind.CONTROL, due, plan)
        return self.done(self.store.hold(workflow_id, hold, sweep))

    def living(self, workflow_id: str = "w") -> Sequence[Living]:
        """Count living runs."""
        return list(self.done(self.store.living(workflow_id)))

    def editions(self, since: int = 0) -> Sequence[Edition]:
        """Read the versions that were changed after a stamp."""
        return list(self.done(self.store.editions(since))[1])

    def live(self) -> Mapping[str, int]:
        """Read which version of each workflow is live."""
        live = [edition for edition in self.editions() if edition.live]
        assert len({edition.workflow_id for edition in live}) == len(live), "one version of a workflow is live"
        return {edition.workflow_id: edition.number for edition in live}

    def stamp(self) -> int:
        """Read the stamp."""
        return self.done(self.store.editions())[0]

    def source(self, digest: str) -> str:
        """Read a template source."""
        return self.done(self.store.source(digest))

    # -- events -------------------------------------------------------------------------------------------------------

    def recall(
        self,
        events: Mapping[str, Sequence[str]],
        *,
        runs: bool = True,
        history: Sequence[str] = (),
        totals: Sequence[str] = (),
        splits: Sequence[str] = (),
        ended: int | None = None,
    ) -> Recall:
        """Read what is remembered about subscribers."""
        asked = self.store.recall(events, runs=runs, history=history, totals=totals, splits=splits, ended=ended)
        return self.done(asked)

    def recalled(self, subscriber_id: str, *events: str, history: Sequence[str] = ()) -> Recalled:
        """Read all that is remembered about one subscriber, and the past of the types that are wanted."""
        return self.recall({subscriber_id: events}, history=history).subscribers.get(subscriber_id, Recalled())

    def total(self, workflow_id: str) -> int:
        """Read how often all subscribers together entered a workflow."""
        return self.recall({}, totals=[workflow_id]).totals.get(workflow_id, 0)

    def past(self, *subscriber_ids: str, types: Sequence[str]) -> Mapping[str, Mapping[str, list[Occurrence]]]:
        """Read past events."""
        found = self.done(self.store.history(subscriber_ids, types))
        return {name: {kind: list(past) for kind, past in types.items()} for name, types in found.items()}

    def assigned(self, *subscriber_ids: str, splits: Sequence[str]) -> Mapping[str, Mapping[str, str]]:
        """Read labels that were assigned; the two ways to read them agree."""
        found = self.done(self.store.assigned(subscriber_ids, splits))
        recall = self.recall({name: [] for name in subscriber_ids}, splits=splits)
        assert {name: dict(known.assigned) for name, known in recall.subscribers.items() if known.assigned} == found
        return found

    def watches(self, now: int = NOW, *, limit: int = _MANY) -> Sequence[str]:
        """Name who is to be looked at again."""
        _, due = self.done(self.store.watches(now, limit=limit))
        return list(due)

    def change(
        self,
        subscriber_id: str,
        *seen: str,
        recalled: Recalled | None = None,
        ledgers: Iterable[str] = (),
        started: Sequence[Started] = (),
        moves: Sequence[Move] = (),
        lines: Sequence[tuple[str, Entry]] = (),
        occurred: Sequence[tuple[str, Occurrence]] = (),
        totals: Sequence[tuple[str, int]] = (),
    ) -> Change:
        """Make a change of a subscriber, decided on what is remembered now or was recalled before.

        Args:
            subscriber_id: Whose.
            seen: The event ids.
            recalled: What it is decided on; None recalls it now.
            ledgers: The workflows that the subscriber enters.
            started: The runs that begin.
            moves: Living runs that go on.
            lines: Entries that belong to no run.
            occurred: Events that are kept as past.
            totals: How many entries count for all subscribers together, by workflow.
        """
        known = self.recalled(subscriber_id) if recalled is None else recalled
        entered: list[Ledger] = []
        for workflow_id in ledgers:
            ledger = known.ledgers.get(workflow_id, Ledger(workflow_id))
            entered.append(ledger._replace(entries=ledger.entries + 1, last_entry=NOW))
        return Change(
            subscriber_id, known.handle, seen, entered, started, moves, lines, occurred=occurred, totals=totals
        )

    def begun(
        self,
        subscriber_id: str,
        cause: str,
        *,
        workflow_id: str = "w",
        due: int | None = NOW,
        state: State = WAITING,
    ) -> Started:
        """Make a run that begins."""
        if workflow_id not in self._versions:
            self.publish(workflow_id)
        run = Run(
            run_id(workflow_id, subscriber_id, cause),
            subscriber_id,
            workflow_id,
            self._versions[workflow_id],
            NOW,
            f'{{"type":"signup","at":{NOW},"id":"{cause}"}}',
            state,
            due,
        )
        return Started(run, (Entry(Kind.ENTERED, state.node, None, {"trigger": cause}),))

    def enter(
        self,
        subscriber_id: str,
        cause: str = "1",
        *,
        workflow_id: str = "w",
        due: int | None = NOW,
        state: State = WAITING,
    ) -> Run:
        """Let a subscriber enter a workflow, and give the run as it is stored."""
        started = self.begun(subscriber_id, cause, workflow_id=workflow_id, due=due, state=state)
        assert not self.commit(self.change(subscriber_id, cause, ledgers=[workflow_id], started=[started]))
        return self.run(started.run.id)

    # -- claims -------------------------------------------------------------------------------------------------------

    def claim(self, now: int = NOW, *, limit: int = 100, lease: timedelta = LEASE) -> Claim | None:
        """Take what is due."""
        return self.done(self.store.claim(now, limit=limit, lease=lease))

    def held(self, now: int = NOW, *, limit: int = 100, lease: timedelta = LEASE) -> Claim:
        """Take what is due, where there must be something."""
        claim = self.claim(now, limit=limit, lease=lease)
        assert claim is not None, "something is due, and nobody holds it"
        return claim

    def lapse(self, lease: timedelta = LEASE) -> None:
        """Let the leases of that length end."""
        self.ticks.advance(lease)

    def extend(self, claim: Claim, lease: timedelta = LEASE) -> bool:
        """Hold a claim longer."""
        return self.done(self.store.extend(claim, lease))

    def release(self, claim: Claim) -> None:
        """Give a claim back."""
        self.done(self.store.release(claim))

    def notes(self, claim: Claim) -> Notes:
        """Open the notes of a claim."""
        return Notes(self.done(self.store.attempts(claim)), self.done)

    def freeze(self, claim: Claim, inputs: Mapping[str, str]) -> Mapping[str, str]:
        """Keep the inputs of effects."""
        return dict(self.done(self.store.freeze(claim, inputs)))

    # -- writing and reading ------------------------------------------------------------------------------------------

    def commit(
        self,
        *changes: Change,
        moves: Sequence[Move] = (),
        claim: Claim | None = None,
        ends: bool = False,
        at: int = NOW,
        history: Mapping[str, HistoryNeed] = _ALL_HISTORY,
        limits: Mapping[str, int] = _NO_LIMITS,
        stamp: int | None = None,
    ) -> Refused:
        """Write a batch."""
        return self.done(self.store.commit(Changes(at, changes, moves, claim, ends, history, limits, stamp)))

    def read(self, *runs: Run) -> Sequence[Run]:
        """Read runs again."""
        return self.done(self.store.read(runs))

    def run(self, identity: str) -> Run:
        """Read a run by its id."""
        [found] = [run for run in self.runs() if run.id == identity]
        return found

    def runs(
        self,
        *,
        subscriber_id: str | None = None,
        workflow_id: str | None = None,
        status: Status | None = None,
        living: bool = False,
        after: int = 0,
        limit: int = _MANY,
    ) -> Sequence[Run]:
        """Read a page of runs."""
        page = self.store.runs(
            subscriber_id=subscriber_id,
            workflow_id=workflow_id,
            status=status,
            living=living,
            after=after,
            limit=limit,
        )
        return list(self.done(page))

    def lines(
        self, *, subscriber_id: str | None = None, run: Run | None = None, after: int = 0, limit: int = _MANY
    ) -> Sequence[Line]:
        """Read a page of the journal."""
        return list(self.done(self.store.lines(subscriber_id=subscriber_id, run=run, after=after, limit=limit)))

    def next_due(self) -> int | None:
        """Tell when the next run, watch or sweep wants to go on."""
        return self.done(self.store.next_due())

    # -- caps and rate limits -----------------------------------------------------------------------------------------

    def reserve(self, *asked: Reservation, at: int = NOW) -> list[list[Full]]:
        """Take places."""
        return [list(full) for full in self.done(self.store.reserve(asked, at))]

    def unreserve(self, *keys: str) -> None:
        """Give places back."""
        self.done(self.store.unreserve(keys))

    def bucket(self, name: str) -> Bucket:
        """Read a bucket."""
        return self.done(self.store.bucket(name))

    def put_bucket(self, bucket: Bucket) -> bool:
        """Write a bucket."""
        return self.done(self.store.put_bucket(bucket))

    # -- sweeps -------------------------------------------------------------------------------------------------------

    def sweeps(self) -> Sequence[Sweep]:
        """Read all sweeps."""
        return list(self.done(self.store.sweeps()))

    def sweep(self, name: str) -> Sweep:
        """Read a sweep by its name."""
        [found] = [sweep for sweep in self.sweeps() if sweep.name == name]
        return found

    def plan(self, name: str, due: int | None = NOW, *, kind: SweepKind = SweepKind.SCHEDULE) -> Sweep:
        """Put a new sweep, and give it as it is stored."""
        assert self.put_sweep(Sweep(name, "w", kind, due, f'{{"of":"{name}"}}'))
        return self.sweep(name)

    def claim_sweep(self, now: int = NOW, *, lease: timedelta = LEASE) -> Sweep | None:
        """Take the sweep that is due."""
        return self.done(self.store.claim_sweep(now, lease=lease))

    def put_sweep(self, sweep: Sweep) -> bool:
        """Write a sweep."""
        return self.done(self.store.put_sweep(sweep))


async def _awaited(value: Awaitable[T]) -> T:
    return await value
