"""The store: it keeps every promise that needs no disk; claims, leases, fences and notes work as in a durable store."""

from __future__ import annotations

import secrets
from collections import Counter, OrderedDict
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from datetime import timedelta
from heapq import heappop, heappush
from itertools import takewhile
from threading import RLock
from time import monotonic
from typing import Final, NoReturn

from attrs import evolve

from flowkit.errors import ConfigurationError, StoreError, UnknownRun
from flowkit.events import Occurrence
from flowkit.ports import (
    NOTHING_REFUSED,
    OPEN,
    Bucket,
    Change,
    Changes,
    Claim,
    Edition,
    Fence,
    Full,
    Hold,
    HoldKind,
    Ledger,
    Living,
    Move,
    Recall,
    Recalled,
    Refused,
    Reservation,
    Sweep,
    refused_whole,
)
from flowkit.runs.consent import Ban, Suppression, SuppressionReason
from flowkit.runs.effects import RUN_ID_LENGTH
from flowkit.runs.model import Entry, Line, Run, Status
from flowkit.stores.memory.assignments import Assignments
from flowkit.stores.memory.claims import Held
from flowkit.stores.memory.journal import Journal
from flowkit.stores.memory.past import Past
from flowkit.stores.memory.places import Places
from flowkit.stores.memory.suppressions import Suppressions
from flowkit.stores.memory.sweeps import Sweeps
from flowkit.stores.memory.watches import Watches
from flowkit.stores.rows import STATUS_CODES

__all__ = ["MemoryStore"]

_NOBODY: Final[frozenset[int]] = frozenset()


class MemoryStore:
    """Keeps everything in this process; safe for several threads.

    Args:
        ticks: The clock that leases run on, in seconds.
    """

    def __init__(self, *, ticks: Callable[[], float] = monotonic) -> None:
        self._ticks = ticks
        self._lock = RLock()
        self._editions: list[Edition] = []
        self._stamp = 0
        self._versions: dict[str, list[int]] = {}
        self._changed = OrderedDict[int, int]()
        self._sources: dict[str, str] = {}
        self._handles: dict[str, int] = {}
        self._seen: set[tuple[str, str]] = set()
        self._ledgers: dict[str, tuple[Ledger, ...]] = {}
        self._living: dict[str, tuple[int, ...]] = {}
        self._whose: dict[str, list[int]] = {}
        self._sorted = 0
        self._runs: list[Run] = []
        self._by_id: dict[str, int] = {}
        self._queue: list[tuple[int, int]] = []
        self._claims: dict[str, Held] = {}
        self._claimed: set[int] = set()
        self._frozen: dict[str, dict[str, str]] = {}
        self._journal = Journal(self._runs)
        self._past = Past()
        self._assignments = Assignments()
        self._places = Places()
        self._totals = Counter[str]()
        self._watches = Watches()
        self._sweeps = Sweeps()
        self._suppressions = Suppressions()

    # -- workflows ----------------------------------------------------------------------------------------------------

    def publish(self, edition: Edition, sources: Mapping[str, str]) -> Edition:
        """Store a version; see ``Store.publish``."""
        with self._lock:
            self._sources.update(sources)
            self._stamp += 1
            numbers = self._versions.setdefault(edition.workflow_id, [])
            stored = [self._editions[number - 1] for number in numbers]
            known = next((one for one in stored if one.content_hash == edition.content_hash), None)
            if known is not None and not edition.live:
                return known
            live = next((one for one in stored if one.live), None)
            changed: list[Edition] = []
            kept = evolve(known or edition, live=edition.live, published=edition.published, hold=None)
            if known is None:
                kept = evolve(kept, number=len(self._editions) + 1)
                self._editions.append(kept)
                numbers.append(kept.number)
            if edition.live and live is not None:
                hold = live.hold
                kept = evolve(kept, hold=hold if hold is not None and hold.kind is HoldKind.PAUSE else None)
                if live.number != kept.number:
                    changed.append(evolve(live, live=False, hold=None))
            self._put_editions([*changed, kept])
            return kept

    def _put_editions(self, changed: Sequence[Edition]) -> None:
        for edition in sorted(changed, key=lambda one: one.number):
            self._editions[edition.number - 1] = edition
            # The latest change last, so that what is new is found from the end.
            self._changed[edition.number] = self._stamp
            self._changed.move_to_end(edition.number)

    def hold(self, workflow_id: str, hold: Hold | None, sweep: Sweep) -> Edition:
        """Order something for a workflow; see ``Store.hold``."""
        with self._lock:
            stored = [self._editions[number - 1] for number in self._versions.get(workflow_id, ())]
            live = next((one for one in stored if one.live), None)
            if live is None:
                message = f"no version of workflow {workflow_id!r} is live"
                raise StoreError(message)
            self._stamp += 1
            live = evolve(live, hold=hold)
            self._put_editions([live])
            self._sweeps.replace(sweep)
            return live

    def editions(self, since: int = 0) -> tuple[int, Sequence[Edition]]:
        """Read the stamp and the versions; see ``Store.editions``."""
        with self._lock:
            new = takewhile(lambda number: self._changed[number] > since, reversed(self._changed))
            return self._stamp, tuple(self._editions[number - 1] for number in sorted(new))

    def source(self, content_hash: str) -> str:
        """Read a template source; see ``Store.source``."""
        if content_hash not in self._sources:
            message = f"no template source has the hash {content_hash}"
            raise StoreError(message)
        return self._sources[content_hash]

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
        with self._lock:
            found: dict[str, Recalled] = {}
            for subscriber_id, event_ids in events.items():
                handle = self._handles.get(subscriber_id)
                if handle is not None:
                    found[subscriber_id] = Recalled(
                        handle,
                        frozenset(event_id for event_id in event_ids if (subscriber_id, event_id) in self._seen),
                        {ledger.workflow_id: ledger for ledger in self._ledgers.get(subscriber_id, ())},
                        [self._runs[living - 1] for living in self._living.get(subscriber_id, ())] if runs else (),
                        self._past.read(subscriber_id, history) if history else {},
                        self._past.latest(subscriber_id) if history else 0,
                        self._assignments.read(subscriber_id, splits) if splits else {},
                        self._suppressions.of(subscriber_id),
                        () if ended is None else self._ended_since(subscriber_id, ended),
                    )
            entered = {workflow_id: self._totals[workflow_id] for workflow_id in totals if workflow_id in self._totals}
            return Recall(self._stamp, found, entered)

    def _ended_since(self, subscriber_id: str, since: int) -> Sequence[Run]:
        """Give the runs of a subscriber that were entered since an instant and are not alive."""
        # Put by subscriber when it is asked for: most workflows never do.
        while self._sorted < len(self._runs):
            run = self._runs[self._sorted]
            self._sorted += 1
            self._whose.setdefault(run.subscriber_id, []).append(self._sorted)
        runs = (self._runs[handle - 1] for handle in self._whose.get(subscriber_id, ()))
        return tuple(run for run in runs if run.entered >= since and not run.state.alive)

    def history(
        self, subscriber_ids: Sequence[str], types: Sequence[str]
    ) -> Mapping[str, Mapping[str, Sequence[Occurrence]]]:
        """Read past events; see ``Store.history``."""
        with self._lock:
            return {name: past for name in subscriber_ids if (past := self._past.read(name, types))}

    def assigned(self, subscriber_ids: Sequence[str], splits: Sequence[str]) -> Mapping[str, Mapping[str, str]]:
        """Read labels that were assigned; see ``Store.assigned``."""
        with self._lock:
            return {name: found for name in subscriber_ids if (found := self._assignments.read(name, splits))}

    def watches(self, now: int, *, limit: int) -> tuple[int, Sequence[str]]:
        """Name who is to be looked at again; see ``Store.watches``."""
        with self._lock:
            return self._stamp, self._watches.due(now, limit)

    # -- claims -------------------------------------------------------------------------------------------------------

    def claim(self, now: int, *, limit: int, lease: timedelta) -> Claim | None:
        """Take due runs; see ``Store.claim``."""
        with self._lock:
            until = self._ticks() + lease.total_seconds()
            lapsed = self._lapsed()
            held = lapsed or self._due(now, limit)
            if held is None:
                return None
            held.until, held.at = until, now
            token = secrets.token_hex(8)
            self._claims[token] = held
            runs = [self._runs[handle - 1] for handle in held.handles]
            known = dict(held.settled), dict(held.doubtful), dict(held.instants)
            return Claim(token, runs, self._stamp, *known, held.deaths, lapsed is None)

    def _lapsed(self) -> Held | None:
        """Take a lapsed claim over: its notes come along, and a death without one begun counts against its only run."""
        now = self._ticks()
        token = next((token for token, held in self._claims.items() if held.until <= now), None)
        if token is None:
            return None
        held = self._claims.pop(token)
        released, held.released = held.released, False
        begun, held.begun = held.begun, {}
        held.window = {}
        for key in begun:
            held.doubtful[key] = held.doubtful.get(key, 0) + 1
        if begun or released:
            return held
        if len(held.handles) == 1 or not held.deaths:
            held.deaths += 1
            return held
        alone = Held(held.handles[:1], held.until, held.at, held.settled, held.doubtful, instants=held.instants)
        held.handles = held.handles[1:]
        self._claims[secrets.token_hex(8)] = held  # Who held all of it holds nothing any more.
        return alone

    def _due(self, now: int, limit: int) -> Held | None:
        handles: list[int] = []
        queue, runs, claimed = self._queue, self._runs, self._claimed
        while queue and queue[0][0] <= now and len(handles) < limit:
            due, handle = heappop(queue)
            # A line of the queue is stale where the run has another due instant by now, or is held.
            if runs[handle - 1].due == due and handle not in claimed:
                handles.append(handle)
                claimed.add(handle)
        return Held(tuple(handles), 0.0) if handles else None

    def extend(self, claim: Claim, lease: timedelta) -> bool:
        """Hold a claim longer; see ``Store.extend``."""
        with self._lock:
            held = self._claims.get(claim.token)
            if held is None:
                return False
            held.until = self._ticks() + lease.total_seconds()
            return True

    def release(self, claim: Claim) -> None:
        """Give a claim back; see ``Store.release``."""
        with self._lock:
            held = self._claims.get(claim.token)
            if held is not None:
                held.until = self._ticks()
                held.released = True
                held.window = {}

    def attempts(self, claim: Claim) -> Held:
        """Open the notes of a claim; see ``Store.attempts``."""
        with self._lock:
            return self._claims.get(claim.token) or Held((), 0.0)

    def freeze(self, claim: Claim, inputs: Mapping[str, str]) -> Mapping[str, str]:
        """Keep the inputs of effects; see ``Store.freeze``."""
        with self._lock:
            frozen = {run.id: self._frozen.setdefault(run.id, {}) for run in claim.runs}
            return {key: frozen[key[:RUN_ID_LENGTH]].setdefault(key, text) for key, text in inputs.items()}

    # -- suppressions -------------------------------------------------------------------------------------------------

    def open_window(self, claim: Claim, runs: Mapping[str, Run]) -> Fence:
        """Note what is about to be handed over, and look whether it may be; see ``Store.open_window``."""
        with self._lock:
            held = self._claims.get(claim.token)
            if held is not None:
                held.window = {key: run.subscriber_id for key, run in runs.items()}
            stored = self._runs
            moved = frozenset(run.handle for run in runs.values() if stored[run.handle - 1].sequence != run.sequence)
            banned = self._suppressions.among(run.subscriber_id for run in runs.values())
            return Fence(moved, banned) if moved or banned else OPEN

    def close_window(self, claim: Claim) -> None:
        """Note that nothing is under way any more; see ``Store.close_window``."""
        with self._lock:
            held = self._claims.get(claim.token)
            if held is not None:
                held.window = {}

    def in_flight(self, subscriber_ids: Sequence[str]) -> Sequence[str]:
        """Name what is being handed over; see ``Store.in_flight``."""
        with self._lock:
            now, names = self._ticks(), set(subscriber_ids)
            holding = [held for held in self._claims.values() if held.until > now]
            return [key for held in holding for key, name in held.window.items() if name in names]

    def suppress(self, subscriber_ids: Sequence[str], ban: Ban, at: int) -> Sequence[str]:
        """Put subscribers on the suppression list; see ``Store.suppress``."""
        with self._lock:
            new = [name for name in subscriber_ids if self._suppressions.add(name, ban, at)]
            for name in new:
                self._handles.setdefault(name, len(self._handles) + 1)
            return new

    def unsuppress(self, subscriber_ids: Sequence[str], reason: SuppressionReason, at: int) -> Sequence[str]:
        """Lift suppressions; see ``Store.unsuppress``."""
        with self._lock:
            return [name for name in subscriber_ids if self._suppressions.lift(name, reason, at)]

    def banned(self, subscriber_ids: Iterable[str]) -> Mapping[str, Sequence[Ban]]:
        """Read what is forbidden; see ``Store.banned``."""
        with self._lock:
            return self._suppressions.among(subscriber_ids)

    def suppressions(
        self, *, subscriber_id: str | None = None, after: int = 0, limit: int = 1000
    ) -> Sequence[Suppression]:
        """Read the suppression list a page at a time; see ``Store.suppressions``."""
        with self._lock:
            return self._suppressions.page(subscriber_id, after, limit)

    # -- caps and rate limits -----------------------------------------------------------------------------------------

    def reserve(self, asked: Sequence[Reservation], at: int) -> Sequence[Sequence[Full]]:
        """Take places under frequency caps; see ``Store.reserve``."""
        with self._lock:
            return self._places.reserve(asked, at)

    def unreserve(self, keys: Sequence[str]) -> None:
        """Give places back; see ``Store.unreserve``."""
        with self._lock:
            self._places.unreserve(keys)

    def bucket(self, name: str) -> Bucket:
        """Read the bucket of a rate limit; see ``Store.bucket``."""
        with self._lock:
            return self._places.bucket(name)

    def put_bucket(self, bucket: Bucket) -> bool:
        """Write the bucket of a rate limit; see ``Store.put_bucket``."""
        with self._lock:
            return self._places.put_bucket(bucket)

    # -- writing ------------------------------------------------------------------------------------------------------

    def commit(self, changes: Changes) -> Refused:
        """Write a batch; see ``Store.commit``."""
        with self._lock:
            if changes.claim is not None and changes.claim.token not in self._claims:
                return Refused(runs=(), lost=True)
            if changes.stamp not in (None, self._stamp):
                return refused_whole(changes)
            kept = self._claimed if changes.unclaimed else _NOBODY
            turned_away = [change.subscriber_id for change in changes.changes if not self._change(change, changes)]
            stale = [
                run
                for move in changes.moves
                for run in self._move(move, changes.at, claimed=changes.claim is not None, held=kept)
            ]
            if changes.claim is not None and changes.ends and not stale:
                held = self._claims.pop(changes.claim.token)
                self._let_go(held)
            return Refused(turned_away, stale) if turned_away or stale else NOTHING_REFUSED

    def _let_go(self, held: Held) -> None:
        self._claimed.difference_update(held.handles)
        for handle in held.handles:
            run = self._runs[handle - 1]
            if run.due is not None:
                heappush(self._queue, (run.due, handle))

    def _change(self, change: Change, batch: Changes) -> bool:
        subscriber, at = change.subscriber_id, batch.at
        if not self._current(change) or (change.totals and not self._fits(change, batch.limits)):
            return False
        if change.handle is None:
            self._handles[subscriber] = len(self._handles) + 1
        self._seen.update((subscriber, event) for event in change.seen)
        if change.ledgers:
            ledgers = {ledger.workflow_id: ledger for ledger in self._ledgers.get(subscriber, ())}
            for name, entered, last_entry, sequence, held, watch, pending in change.ledgers:
                ledgers[name] = Ledger(name, entered, last_entry, sequence + 1, held, watch, pending)
                self._watches.put(subscriber, name, watch)
            self._ledgers[subscriber] = tuple(ledgers.values())
        if change.occurred:
            self._past.add(subscriber, change.occurred, batch.history, at)
        if change.assigned:
            self._assignments.write(subscriber, change.assigned)
        for workflow_id, added in change.totals:
            self._totals[workflow_id] += added
        for ban in change.bans:
            self._suppressions.add(subscriber, ban, at)
        for run, entries in change.started:
            self._begin(run, entries, at)
        for move in change.moves:
            self._move(move, at, claimed=False)
        for workflow_id, entry in change.lines:
            self._journal.write(at, (), (subscriber, workflow_id), (entry,))
        return True

    def _fits(self, change: Change, limits: Mapping[str, int]) -> bool:
        """Whether all subscribers together may enter as often as that."""
        return all(
            self._totals[workflow_id] + added <= limits[workflow_id]
            for workflow_id, added in change.totals
            if workflow_id in limits
        )

    def _current(self, change: Change) -> bool:
        """Whether nobody wrote what the change was decided on."""
        subscriber = change.subscriber_id
        if self._handles.get(subscriber) != change.handle:
            return False
        if change.assigned and not self._assignments.fits(subscriber, change.assigned):
            return False
        if change.handle is None:
            return True
        sequences = {ledger.workflow_id: ledger.sequence for ledger in self._ledgers.get(subscriber, ())}
        newest = change.newest
        return (
            (newest is None or all(handle <= newest for handle in self._living.get(subscriber, ())))
            and (change.latest is None or self._past.latest(subscriber) <= change.latest)
            and not any((subscriber, event) in self._seen for event in change.seen)
            and all(sequences.get(ledger.workflow_id, 0) == ledger.sequence for ledger in change.ledgers)
            and all(self._runs[run.handle - 1].sequence == run.sequence for move in change.moves for run in move.runs)
        )

    def _begin(self, run: Run, entries: tuple[Entry, ...], at: int) -> None:
        handle = len(self._runs) + 1
        self._runs.append(run.moved(run.state, run.due, sequence=1, handle=handle))
        self._by_id[run.id] = handle
        if run.state.alive:
            self._living[run.subscriber_id] = (*self._living.get(run.subscriber_id, ()), handle)
        if run.due is not None:
            heappush(self._queue, (run.due, handle))
        self._journal.write(at, (handle,), None, entries)

    def _move(self, move: Move, at: int, *, claimed: bool, held: Collection[int] = _NOBODY) -> list[Run]:
        """Move each run that nobody else moved; give the others.

        Args:
            move: Which, and where to.
            at: The engine's instant.
            claimed: Whether a worker moves them, who has carried out what was pending.
            held: The runs that are not to be moved, since a worker holds them.
        """
        stale: list[Run] = []
        moved: list[int] = []
        runs, state, due, assigned = self._runs, move.state, move.due, move.assigned
        for run in move.runs:
            handle, sequence = run.handle, run.sequence
            if runs[handle - 1].sequence != sequence or handle in held:
                stale.append(run)
                continue
            if assigned:
                if not self._assignments.fits(run.subscriber_id, assigned):
                    stale.append(run)
                    continue
                self._assignments.write(run.subscriber_id, assigned)
            moved.append(handle)
            runs[handle - 1] = run.moved(state, due, sequence=sequence + 1)
            if move.version is not None:
                runs[handle - 1] = runs[handle - 1]._replace(version=move.version)
            if not state.alive:
                living = self._living.get(run.subscriber_id, ())
                self._living[run.subscriber_id] = tuple(other for other in living if other != handle)
                continue
            if not run.state.alive:
                living = self._living.get(run.subscriber_id, ())
                self._living[run.subscriber_id] = tuple(sorted((*living, handle)))
            if due is not None and due != run.due and handle not in self._claimed:
                heappush(self._queue, (due, handle))
        if self._frozen and (claimed or not state.alive) and not state.keeps_inputs:
            for handle in moved:
                self._frozen.pop(runs[handle - 1].id, None)
        self._journal.write(at, moved, None, move.entries)
        return stale

    # -- reading ------------------------------------------------------------------------------------------------------

    def read(self, runs: Sequence[Run]) -> Sequence[Run]:
        """Read runs again; see ``Store.read``."""
        with self._lock:
            missing = [run.id for run in runs if run.id not in self._by_id]
            if missing:
                message = f"no run has the id {missing[0]}"
                raise UnknownRun(message)
            return [self._runs[self._by_id[run.id] - 1] for run in runs]

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
            found: list[Run] = []
            for index in range(max(after, 0), len(self._runs)):
                run = self._runs[index]
                if len(found) == limit:
                    break
                if (
                    subscriber_id in (None, run.subscriber_id)
                    and workflow_id in (None, run.workflow_id)
                    and status in (None, run.status)
                    and (run.state.alive or not living)
                ):
                    found.append(run)
            return found

    def living(self, workflow_id: str) -> Sequence[Living]:
        """Count living runs; see ``Store.living``."""
        with self._lock:
            counts = Counter(
                (run.version, run.status, run.state.node)
                for run in self._runs
                if run.state.alive and run.workflow_id == workflow_id
            )
            order = sorted(counts, key=lambda one: (one[0], STATUS_CODES[one[1]], one[2] is not None, one[2]))
            return [Living(*place, counts[place]) for place in order]

    def lines(
        self, *, subscriber_id: str | None = None, run: Run | None = None, after: int = 0, limit: int = 1000
    ) -> Sequence[Line]:
        """Read the journal a page at a time; see ``Store.lines``."""
        with self._lock:
            return self._journal.lines(subscriber_id, run, after, limit)

    def next_due(self) -> int | None:
        """Tell when the next run, watch or sweep wants to go on; see ``Store.next_due``."""
        with self._lock:
            while self._queue and self._runs[self._queue[0][1] - 1].due != self._queue[0][0]:
                heappop(self._queue)  # The run has another due instant by now, and a line of its own for it.
            held = [due for handle in self._claimed if (due := self._runs[handle - 1].due) is not None]
            others = [due for due in (self._watches.first(), self._sweeps.first()) if due is not None]
            return min([due for due, _ in self._queue[:1]] + held + others, default=None)

    # -- sweeps -------------------------------------------------------------------------------------------------------

    def sweeps(self) -> Sequence[Sweep]:
        """Read all sweeps; see ``Store.sweeps``."""
        with self._lock:
            return self._sweeps.all()

    def claim_sweep(self, now: int, *, lease: timedelta) -> Sweep | None:
        """Take the sweep that is due for the longest; see ``Store.claim_sweep``."""
        with self._lock:
            clock = self._ticks()
            return self._sweeps.claim(now, clock, clock + lease.total_seconds())

    def put_sweep(self, sweep: Sweep) -> bool:
        """Write a sweep, and let go of it; see ``Store.put_sweep``."""
        with self._lock:
            return self._sweeps.put(sweep)

    def joined(self, connection: object) -> NoReturn:
        """Refuse: memory takes part in no transaction."""
        message = f"MemoryStore cannot join a transaction of {type(connection).__name__}; use a store in that database"
        raise ConfigurationError(message)
