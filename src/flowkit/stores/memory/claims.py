"""Claims: who holds which runs, the notes of each worker, and what becomes of those whose holder died."""

from __future__ import annotations

import secrets
from collections.abc import Callable, Iterable, Mapping, Sequence
from datetime import timedelta

from attrs import define, field

from flowkit.ports import Claim
from flowkit.runs.effects import Outcome
from flowkit.runs.model import Run
from flowkit.stores.memory.queue import Queue

__all__ = ["Claims", "Held"]


@define(eq=False)
class Held:
    """A claim as it is kept: the notes survive the worker, as a file beside a database would.

    ``window`` has what is being handed over: runs by the keys of their effects. ``instants`` has when dead workers made
    the calls that they noted; this one makes its own ``at``.
    """

    handles: tuple[int, ...]
    until: float
    at: int = 0
    settled: dict[str, Outcome] = field(factory=dict[str, Outcome])
    doubtful: dict[str, int] = field(factory=dict[str, int])
    begun: dict[str, None] = field(factory=dict[str, None])
    instants: dict[str, int] = field(factory=dict[str, int])
    window: dict[str, Run] = field(factory=dict[str, Run])
    deaths: int = 0
    released: bool = False

    def begin(self, key: str, *, durable: bool = False) -> None:
        """Note that the call for this key begins; nothing here survives a loss of power."""
        self.begun[key] = None
        if self.instants:
            self.instants.pop(key, None)

    def settle(self, key: str, outcome: Outcome) -> None:
        """Note how it ended."""
        self.begun.pop(key, None)
        self.window.pop(key, None)
        if self.doubtful:
            self.doubtful.pop(key, None)
        self.settled[key] = outcome

    def flush(self) -> None:
        """Nothing waits: every note is kept at once."""


class Claims:
    """Claims by token.

    Args:
        runs: All runs, by handle from 1.
        queue: Those that want to go on.
        ticks: The clock that leases run on, in seconds.
    """

    def __init__(self, runs: Sequence[Run], queue: Queue, ticks: Callable[[], float]) -> None:
        self._runs = runs
        self._queue = queue
        self._ticks = ticks
        self._held: dict[str, Held] = {}

    def take(self, now: int, limit: int, lease: timedelta, stamp: int) -> Claim | None:
        """Take due runs, or a lapsed claim; see ``Store.claim``."""
        until = self._ticks() + lease.total_seconds()
        lapsed = self._lapsed()
        held = lapsed or self._due(now, limit)
        if held is None:
            return None
        held.until, held.at = until, now
        token = secrets.token_hex(8)
        self._held[token] = held
        runs = [self._runs[handle - 1] for handle in held.handles]
        known = dict(held.settled), dict(held.doubtful), dict(held.instants)
        return Claim(token, runs, stamp, *known, held.deaths, lapsed is None)

    def _lapsed(self) -> Held | None:
        """Take a lapsed claim over: its notes come along, and a death without one begun counts against its only run."""
        now = self._ticks()
        token = next((token for token, held in self._held.items() if held.until <= now), None)
        if token is None:
            return None
        held = self._held.pop(token)
        released, held.released = held.released, False
        for key in (*held.settled, *held.begun):
            held.instants.setdefault(key, held.at)
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
        self._held[secrets.token_hex(8)] = held  # Who held all of it holds nothing any more.
        return alone

    def _due(self, now: int, limit: int) -> Held | None:
        handles = self._queue.take(now, limit)
        return Held(handles, 0.0) if handles else None

    def holds(self, claim: Claim) -> bool:
        """Whether a claim is still its worker's."""
        return claim.token in self._held

    def extend(self, claim: Claim, lease: timedelta) -> bool:
        """Hold a claim longer; see ``Store.extend``."""
        held = self._held.get(claim.token)
        if held is None:
            return False
        held.until = self._ticks() + lease.total_seconds()
        return True

    def release(self, claim: Claim) -> None:
        """Give a claim back; see ``Store.release``."""
        held = self._held.get(claim.token)
        if held is not None:
            held.until = self._ticks()
            held.released = True
            held.window = {}

    def end(self, claim: Claim) -> None:
        """Let go of the runs of a claim, and of its notes."""
        self._queue.let_go(self._held.pop(claim.token).handles)

    def notes(self, claim: Claim) -> Held:
        """Open the notes of a claim; see ``Store.attempts``."""
        return self._held.get(claim.token) or Held((), 0.0)

    def open_window(self, claim: Claim, runs: Mapping[str, Run]) -> None:
        """Note what is about to be handed over, by the key of the effect."""
        held = self._held.get(claim.token)
        if held is not None:
            held.window = dict(runs)

    def close_window(self, claim: Claim) -> None:
        """Note that nothing is under way any more."""
        self.open_window(claim, {})

    def in_flight(self, subscriber_ids: Iterable[str]) -> Sequence[str]:
        """Name what is being handed over; see ``Store.in_flight``."""
        now, names = self._ticks(), set(subscriber_ids)
        holding = [held for held in self._held.values() if held.until > now]
        return [key for held in holding for key, run in held.window.items() if run.subscriber_id in names]
