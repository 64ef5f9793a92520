"""The store in memory: for tests, previews and simulations, and the model that other stores are held against.

It keeps every promise that does not need a disk: claims, leases, fences and notes work as in a durable store.
"""

from __future__ import annotations

import secrets
from bisect import bisect_right
from collections.abc import Callable, Iterator, Mapping, Sequence
from datetime import timedelta
from heapq import heappop, heappush
from itertools import islice
from threading import RLock
from time import monotonic
from typing import NamedTuple, NoReturn

from attrs import define, evolve, field

from flowkit.errors import ConfigurationError, StoreError, UnknownRun
from flowkit.events import from_micros
from flowkit.ports import (
    NOTHING_REFUSED,
    Change,
    Changes,
    Claim,
    Edition,
    Ledger,
    Move,
    Recall,
    Recalled,
    Refused,
)
from flowkit.runs.effects import RUN_ID_LENGTH, Outcome
from flowkit.runs.model import Entry, Line, Run

__all__ = ["MemoryStore"]


class _Steps(NamedTuple):
    """What the same step of some runs wrote into the journal, or an entry of no run.

    Attributes:
        first: The number of the first run's line; the others follow on it.
        at: When, in microseconds.
        handles: The runs.
        about: Subscriber and workflow, where there is no run.
        entries: The entries of each.
    """

    first: int
    at: int
    handles: Sequence[int]
    about: tuple[str, str] | None
    entries: tuple[Entry, ...]


@define(eq=False)
class _Held:
    """A claim as it is kept: the notes survive the worker, as a file beside a database would."""

    handles: tuple[int, ...]
    until: float
    settled: dict[str, Outcome] = field(factory=dict[str, Outcome])
    doubtful: dict[str, int] = field(factory=dict[str, int])
    begun: dict[str, None] = field(factory=dict[str, None])
    deaths: int = 0
    released: bool = False

    def begin(self, key: str) -> None:
        self.begun[key] = None

    def settle(self, key: str, outcome: Outcome) -> None:
        self.begun.pop(key, None)
        if self.doubtful:
            self.doubtful.pop(key, None)
        self.settled[key] = outcome

    def flush(self) -> None:
        """Nothing waits: every note is kept at once."""


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
        self._sources: dict[str, str] = {}
        self._handles: dict[str, int] = {}
        self._seen: set[tuple[str, str]] = set()
        self._ledgers: dict[str, tuple[Ledger, ...]] = {}
        self._living: dict[str, tuple[int, ...]] = {}
        self._runs: list[Run] = []
        self._by_id: dict[str, int] = {}
        self._queue: list[tuple[int, int]] = []
        self._claims: dict[str, _Held] = {}
        self._claimed: set[int] = set()
        self._frozen: dict[str, dict[str, str]] = {}
        self._journal: list[_Steps] = []
        self._written = 0

    # -- workflows ----------------------------------------------------------------------------------------------------

    def publish(self, edition: Edition, sources: Mapping[str, str]) -> Edition:
        """Store a version; see ``Store.publish``."""
        with self._lock:
            self._sources.update(sources)
            self._stamp += 1
            kept = None
            for index, stored in enumerate(self._editions):
                if stored.workflow_id == edition.workflow_id:
                    same = stored.content_hash == edition.content_hash
                    self._editions[index] = evolve(stored, live=same)
                    kept = self._editions[index] if same else kept
            if kept is None:
                kept = evolve(edition, number=len(self._editions) + 1, live=True)
                self._editions.append(kept)
            return kept

    def editions(self) -> tuple[int, Sequence[Edition]]:
        """Read the stamp and the versions; see ``Store.editions``."""
        with self._lock:
            return self._stamp, tuple(self._editions)

    def source(self, content_hash: str) -> str:
        """Read a template source; see ``Store.source``."""
        if content_hash not in self._sources:
            message = f"no template source has the hash {content_hash}"
            raise StoreError(message)
        return self._sources[content_hash]

    # -- events -------------------------------------------------------------------------------------------------------

    def recall(self, events: Mapping[str, Sequence[str]], *, runs: bool) -> Recall:
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
                    )
            return Recall(self._stamp, found)

    # -- claims -------------------------------------------------------------------------------------------------------

    def claim(self, now: int, *, limit: int, lease: timedelta) -> Claim | None:
        """Take due runs; see ``Store.claim``."""
        with self._lock:
            until = self._ticks() + lease.total_seconds()
            lapsed = self._lapsed()
            held = lapsed or self._due(now, limit)
            if held is None:
                return None
            held.until = until
            token = secrets.token_hex(8)
            self._claims[token] = held
            runs = [self._runs[handle - 1] for handle in held.handles]
            return Claim(token, runs, self._stamp, dict(held.settled), dict(held.doubtful), held.deaths, lapsed is None)

    def _lapsed(self) -> _Held | None:
        """Take a lapsed claim over: its notes come along, and a death without one begun counts against its only run."""
        now = self._ticks()
        token = next((token for token, held in self._claims.items() if held.until <= now), None)
        if token is None:
            return None
        held = self._claims.pop(token)
        released, held.released = held.released, False
        begun, held.begun = held.begun, {}
        for key in begun:
            held.doubtful[key] = held.doubtful.get(key, 0) + 1
        if begun or released:
            return held
        if len(held.handles) == 1 or not held.deaths:
            held.deaths += 1
            return held
        alone = _Held(held.handles[:1], held.until, held.settled, held.doubtful)
        held.handles = held.handles[1:]
        self._claims[secrets.token_hex(8)] = held  # Who held all of it holds nothing any more.
        return alone

    def _due(self, now: int, limit: int) -> _Held | None:
        handles: list[int] = []
        queue, runs, claimed = self._queue, self._runs, self._claimed
        while queue and queue[0][0] <= now and len(handles) < limit:
            due, handle = heappop(queue)
            # A line of the queue is stale where the run has another due instant by now, or is held.
            if runs[handle - 1].due == due and handle not in claimed:
                handles.append(handle)
                claimed.add(handle)
        return _Held(tuple(handles), 0.0) if handles else None

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

    def attempts(self, claim: Claim) -> _Held:
        """Open the notes of a claim; see ``Store.attempts``."""
        with self._lock:
            return self._claims.get(claim.token) or _Held((), 0.0)

    def freeze(self, claim: Claim, inputs: Mapping[str, str]) -> Mapping[str, str]:
        """Keep the inputs of effects; see ``Store.freeze``."""
        with self._lock:
            frozen = {run.id: self._frozen.setdefault(run.id, {}) for run in claim.runs}
            return {key: frozen[key[:RUN_ID_LENGTH]].setdefault(key, text) for key, text in inputs.items()}

    # -- writing ------------------------------------------------------------------------------------------------------

    def commit(self, changes: Changes) -> Refused:
        """Write a batch; see ``Store.commit``."""
        with self._lock:
            if changes.claim is not None and changes.claim.token not in self._claims:
                return Refused(runs=(), lost=True)
            turned_away = [change.subscriber_id for change in changes.changes if not self._change(change, changes.at)]
            stale = [run for move in changes.moves for run in self._move(move, changes.at)]
            if changes.claim is not None and changes.ends and not stale:
                held = self._claims.pop(changes.claim.token)
                self._let_go(held)
            return Refused(turned_away, stale) if turned_away or stale else NOTHING_REFUSED

    def _let_go(self, held: _Held) -> None:
        self._claimed.difference_update(held.handles)
        for handle in held.handles:
            run = self._runs[handle - 1]
            if run.due is not None:
                heappush(self._queue, (run.due, handle))

    def _change(self, change: Change, at: int) -> bool:
        subscriber = change.subscriber_id
        if not self._current(change):
            return False
        if change.handle is None:
            self._handles[subscriber] = len(self._handles) + 1
        self._seen.update((subscriber, event) for event in change.seen)
        if change.ledgers:
            ledgers = {ledger.workflow_id: ledger for ledger in self._ledgers.get(subscriber, ())}
            for ledger in change.ledgers:
                name = ledger.workflow_id
                ledgers[name] = Ledger(name, ledger.entries, ledger.last_entry, ledger.sequence + 1)
            self._ledgers[subscriber] = tuple(ledgers.values())
        for run, entries in change.started:
            self._begin(run, entries, at)
        for move in change.moves:
            self._move(move, at)
        for workflow_id, entry in change.lines:
            self._write(at, (), (subscriber, workflow_id), (entry,))
        return True

    def _current(self, change: Change) -> bool:
        """Whether nobody wrote what the change was decided on."""
        subscriber = change.subscriber_id
        if self._handles.get(subscriber) != change.handle:
            return False
        if change.handle is None:
            return True
        sequences = {ledger.workflow_id: ledger.sequence for ledger in self._ledgers.get(subscriber, ())}
        newest = change.newest
        return (
            (newest is None or all(handle <= newest for handle in self._living.get(subscriber, ())))
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
        self._write(at, (handle,), None, entries)

    def _move(self, move: Move, at: int) -> list[Run]:
        """Move each run that nobody else moved; give the others."""
        stale: list[Run] = []
        moved: list[int] = []
        runs, state, due = self._runs, move.state, move.due
        for run in move.runs:
            handle, sequence = run.handle, run.sequence
            if runs[handle - 1].sequence != sequence:
                stale.append(run)
                continue
            moved.append(handle)
            runs[handle - 1] = run.moved(state, due, sequence=sequence + 1)
            if not state.alive:
                living = self._living.get(run.subscriber_id, ())
                self._living[run.subscriber_id] = tuple(other for other in living if other != handle)
            elif due is not None and due != run.due and handle not in self._claimed:
                heappush(self._queue, (due, handle))
        if self._frozen and (state.pending is None or not state.pending.attempt):
            for handle in moved:
                self._frozen.pop(runs[handle - 1].id, None)
        self._write(at, moved, None, move.entries)
        return stale

    def _write(
        self, at: int, handles: Sequence[int], about: tuple[str, str] | None, entries: tuple[Entry, ...]
    ) -> None:
        lines = len(handles) if about is None else 1
        if entries and lines:
            self._journal.append(_Steps(self._written + 1, at, handles, about, entries))
            self._written += lines

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
        self, *, subscriber_id: str | None = None, workflow_id: str | None = None, after: int = 0, limit: int = 1000
    ) -> Sequence[Run]:
        """Read runs a page at a time; see ``Store.runs``."""
        with self._lock:
            found: list[Run] = []
            for run in self._runs[after:]:
                if len(found) == limit:
                    break
                if subscriber_id in (None, run.subscriber_id) and workflow_id in (None, run.workflow_id):
                    found.append(run)
            return found

    def lines(
        self, *, subscriber_id: str | None = None, run: Run | None = None, after: int = 0, limit: int = 1000
    ) -> Sequence[Line]:
        """Read the journal a page at a time; see ``Store.lines``."""
        with self._lock:
            lines: list[Line] = []
            steps = 0
            for number, at, subscriber, workflow, run_id, entries in self._after(after):
                if steps == limit:
                    break
                if subscriber_id in (None, subscriber) and (run is None or run.id == run_id):
                    steps += 1
                    lines += [Line(number, from_micros(at), subscriber, workflow, run_id, entry) for entry in entries]
            return lines

    def _after(self, number: int) -> Iterator[tuple[int, int, str, str, str | None, tuple[Entry, ...]]]:
        begin = max(0, bisect_right(self._journal, number, key=_first) - 1)
        for steps in islice(self._journal, begin, None):
            if steps.about is not None and steps.first > number:
                yield steps.first, steps.at, *steps.about, None, steps.entries
            for line, handle in enumerate(steps.handles, steps.first):
                if line > number:
                    run = self._runs[handle - 1]
                    yield line, steps.at, run.subscriber_id, run.workflow_id, run.id, steps.entries

    def next_due(self) -> int | None:
        """Tell when the next run wants to go on; see ``Store.next_due``."""
        with self._lock:
            while self._queue and self._runs[self._queue[0][1] - 1].due != self._queue[0][0]:
                heappop(self._queue)  # The run has another due instant by now, and a line of its own for it.
            held = [due for handle in self._claimed if (due := self._runs[handle - 1].due) is not None]
            return min([due for due, _ in self._queue[:1]] + held, default=None)

    def joined(self, connection: object) -> NoReturn:
        """Refuse: memory takes part in no transaction."""
        message = f"MemoryStore cannot join a transaction of {type(connection).__name__}; use a store in that database"
        raise ConfigurationError(message)


def _first(steps: _Steps) -> int:
    return steps.first
