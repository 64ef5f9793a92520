"""A worker as a task of a running event loop."""

from __future__ import annotations

import asyncio
import random
from datetime import datetime, timedelta
from typing import Protocol

from flowkit.engine.advance import Advanced
from flowkit.engine.clock import SystemClock
from flowkit.engine.stop import Stop
from flowkit.ports import Clock
from flowkit.worker.loop import GRACE, LIMIT
from flowkit.worker.rest import LONGEST_REST, SHORTEST_REST, Rest
from flowkit.worker.turns import OnTurn, Turns, Worked, at_least_one, no_less_than_nothing, seconds_until

__all__ = ["AsyncAdvances", "AsyncWorker"]


class AsyncAdvances(Protocol):
    """What a worker drives; an ``AsyncEngine`` is one."""

    async def advance(self, *, limit: int | None = None, stop: Stop | None = None) -> Advanced:
        """Do what is due."""
        ...

    async def next_due(self) -> datetime | None:
        """Tell when the next run wants to go on."""
        ...


class AsyncWorker:
    """Does for an ``AsyncEngine`` what ``Worker`` does for an ``Engine``, as a task of the loop that it runs in.

    Whoever starts the loop handles signals. Where the task is cancelled, the call that is under way is cancelled too,
    and what is in hand goes to whoever comes next; `stop` lets it finish.

    Args:
        engine: The engine.
        grace: For how long after `stop` what is in hand may still be worked off. After that no call is begun.
        limit: The most runs in one turn.
        shortest_rest: How long it rests, at most, after the first turn that found nothing; after that it is doubled.
        longest_rest: The longest rest; `wake` is heard at once.
        on_turn: Is told of each turn; what it raises is logged.
        clock: The clock of the engine, where it was given one.

    Raises:
        ConfigurationError: A time or a number is out of range.
    """

    def __init__(
        self,
        engine: AsyncAdvances,
        *,
        grace: timedelta = GRACE,
        limit: int = LIMIT,
        shortest_rest: timedelta = SHORTEST_REST,
        longest_rest: timedelta = LONGEST_REST,
        on_turn: OnTurn | None = None,
        clock: Clock | None = None,
    ) -> None:
        self._engine = engine
        self._grace = no_less_than_nothing(grace)
        self._limit = at_least_one(limit)
        self._rest = Rest(shortest_rest, longest_rest, random.random)
        self._turns = Turns(on_turn)
        self._clock = clock or SystemClock()
        self._stop = Stop()
        self._rung = asyncio.Event()

    def stop(self, grace: timedelta | None = None) -> None:
        """Bring `run` to its end; in the thread of the loop.

        Args:
            grace: Another grace than the worker's own. Asked again, the earlier end counts.
        """
        self._stop.ask(self._grace if grace is None else grace)
        self._rung.set()

    def wake(self) -> None:
        """End a rest, since there is something to do; in the thread of the loop."""
        self._rung.set()

    async def run(self) -> Worked:
        """Work until `stop` is called; a worker runs once.

        Returns:
            What was done.
        """
        while not self._stop.asked:
            rest = await self._turn()
            if rest:
                await self._wait(rest)
            else:  # The loop has other tasks, of which one may call `stop`; a turn need not have awaited anything.
                await asyncio.sleep(0)
        return self._turns.worked()

    async def _wait(self, seconds: float) -> None:
        handle = asyncio.get_running_loop().call_later(seconds, self._rung.set)
        try:
            await self._rung.wait()
        finally:
            handle.cancel()
        self._rung.clear()

    async def _turn(self) -> float:
        """Take a turn; give the seconds to rest."""
        try:
            advanced = await self._engine.advance(limit=self._limit, stop=self._stop)
            if advanced != Advanced():
                rest = self._rest.after_work()
            else:
                rest = self._rest.after_nothing(seconds_until(await self._engine.next_due(), self._clock.now()))
        except Exception as error:  # noqa: BLE001 - whatever a turn raises is logged, and the next one is tried
            rest = self._rest.after_failure()
            self._turns.failed(error, rest)
        else:
            self._turns.done(advanced, rest)
        return rest
