"""A worker: one thread that does what is due for as long as it lives."""

from __future__ import annotations

import random
import signal
from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Final, Protocol

from flowkit.engine.advance import Advanced
from flowkit.engine.clock import SystemClock
from flowkit.engine.stop import Stop
from flowkit.ports import Clock
from flowkit.worker.bell import Bell
from flowkit.worker.rest import LONGEST_REST, SHORTEST_REST, Rest
from flowkit.worker.signals import listening
from flowkit.worker.turns import OnTurn, Turns, Worked, at_least_one, no_less_than_nothing, seconds_until

__all__ = ["GRACE", "LIMIT", "SIGNALS", "Advances", "Worker"]

GRACE: Final = timedelta(seconds=20)
LIMIT: Final = 2000
SIGNALS: Final = (signal.SIGTERM, signal.SIGINT)


class Advances(Protocol):
    """What a worker drives; an ``Engine`` is one."""

    def advance(self, *, limit: int | None = None, stop: Stop | None = None) -> Advanced:
        """Do what is due."""
        ...

    def next_due(self) -> datetime | None:
        """Tell when the next run wants to go on."""
        ...


class Worker:
    """Calls ``advance`` again and again, rests while nothing is due, and comes to its end in good order.

    Any number of workers may share a store, in threads, processes or on machines: each has an engine of its own. A turn
    that raises is logged and tried again after a rest, so that a worker outlives a store that is down.

    Args:
        engine: The engine.
        grace: For how long after `stop` what is in hand may still be worked off. After that no call is begun; one that
            is under way is waited for, so the end comes after the grace and one time-out of a port at the latest.
        limit: The most runs in one turn: so often ``on_turn`` is called while there is a lot to do.
        shortest_rest: How long it rests, at most, after the first turn that found nothing; after that it is doubled.
        longest_rest: The longest rest, and so the longest until it is noticed that another process has ingested
            something; `wake` is heard at once.
        on_turn: Is told of each turn; what it raises is logged.
        clock: The clock of the engine, where it was given one.

    Raises:
        ConfigurationError: A time or a number is out of range.
    """

    def __init__(
        self,
        engine: Advances,
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
        self._bell: Bell | None = None

    def stop(self, grace: timedelta | None = None) -> None:
        """Bring `run` to its end; it may be called from any thread, from a handler of a signal, and before `run`.

        Args:
            grace: Another grace than the worker's own. Asked again, the earlier end counts.
        """
        self._stop.ask(self._grace if grace is None else grace)
        self.wake()

    def wake(self) -> None:
        """End a rest, since there is something to do; from any thread."""
        bell = self._bell  # `run` may take it away meanwhile.
        if bell is not None:
            bell.ring()

    def run(self, *, ends_with: Sequence[int] = ()) -> Worked:
        """Work until `stop` is called; a worker runs once.

        Args:
            ends_with: Sentinels of processes, whose ends bring it to its own as `stop` does.

        Returns:
            What was done.
        """
        bell = self._bell = Bell()
        try:
            while not self._stop.asked:
                rest = self._turn()
                # Without a rest too: one that always has work is to notice its parent's end as well.
                if (rest or ends_with) and bell.wait(rest, ends_with):
                    self.stop()
            return self._turns.worked()
        finally:
            self._bell = None
            bell.close()

    def run_until_signalled(
        self, signals: Sequence[signal.Signals] = SIGNALS, *, ends_with: Sequence[int] = ()
    ) -> Worked:
        """Work until a signal comes; the second one ends the grace. For the main thread of a process.

        Args:
            signals: Which; their handlers are put back afterwards.
            ends_with: As for `run`.

        Returns:
            What was done.

        Raises:
            ConfigurationError: This is not the main thread, where alone Python handles signals.
        """
        with listening(signals, self._heard):
            return self.run(ends_with=ends_with)

    def _heard(self) -> None:
        self.stop(timedelta() if self._stop.asked else None)

    def _turn(self) -> float:
        """Take a turn; give the seconds to rest."""
        try:
            advanced = self._engine.advance(limit=self._limit, stop=self._stop)
            if advanced != Advanced():
                rest = self._rest.after_work()
            else:
                rest = self._rest.after_nothing(seconds_until(self._engine.next_due(), self._clock.now()))
        except Exception as error:  # noqa: BLE001 - whatever a turn raises is logged, and the next one is tried
            rest = self._rest.after_failure()
            self._turns.failed(error, rest)
        else:
            self._turns.done(advanced, rest)
        return rest
