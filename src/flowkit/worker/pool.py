"""Workers in processes of their own, and the one process that looks after them."""

from __future__ import annotations

import logging
import multiprocessing
import os
import random
import signal
from collections.abc import Callable, Sequence
from contextlib import suppress
from datetime import timedelta
from multiprocessing.context import SpawnProcess
from time import monotonic
from typing import Final, TypeAlias

from flowkit.engine.stop import Stop
from flowkit.errors import ConfigurationError
from flowkit.worker.bell import Bell
from flowkit.worker.loop import SIGNALS, Worker
from flowkit.worker.rest import LONGEST_REST, SHORTEST_REST, Rest
from flowkit.worker.signals import listening
from flowkit.worker.turns import no_less_than_nothing

__all__ = ["PATIENCE", "MakesWorker", "WorkerPool"]

PATIENCE: Final = timedelta(seconds=60)
_LONG_LIVED: Final = 60.0
_LONGEST_WAIT: Final = 3600.0
# Where a system has no second signal of its own, the first one ends a process at once.
_HURRY: Final = getattr(signal, "SIGUSR1", signal.SIGTERM)
_log: Final = logging.getLogger("flowkit.worker")

MakesWorker: TypeAlias = Callable[[], Worker]
"""Makes a worker with an engine of its own; called in the process that the worker is for, so it must be importable."""


class WorkerPool:
    """Runs workers in processes of their own, and starts one anew where it died.

    The processes are spawned, never forked: none inherits a connection. One whose parent was killed notices it and
    comes to its end as if it had been asked to.

    Args:
        make: Makes a worker; a function of a module, for it is imported anew in each process.
        processes: How many.
        patience: How long after `stop` a process that still lives is killed; longer than the grace of the workers and
            a time-out of their ports.

    Raises:
        ConfigurationError: A number or a time is out of range.
    """

    def __init__(self, make: MakesWorker, *, processes: int, patience: timedelta = PATIENCE) -> None:
        if processes < 1:
            message = f"processes must be at least 1, but is {processes}"
            raise ConfigurationError(message)
        self._patience = no_less_than_nothing(patience)
        self._places = [_Place(make, number) for number in range(1, processes + 1)]
        self._stop = Stop()
        self._bell: Bell | None = None
        self._hurried = False

    def stop(self) -> None:
        """Bring `run` to its end: once, the workers finish within their grace; twice, the grace is over."""
        self._hurried = self._stop.asked
        self._stop.ask(self._patience)
        bell = self._bell  # `run` may take it away meanwhile.
        if bell is not None:
            bell.ring()

    def run(self) -> int:
        """Keep the processes alive until `stop` is called.

        Returns:
            How many had to be killed.
        """
        bell = self._bell = Bell()
        try:
            while not self._stop.asked:
                now = monotonic()
                for place in self._places:
                    place.fill(now)
                wait = min((place.starts - now for place in self._places if not place.filled), default=_LONGEST_WAIT)
                bell.wait(wait, self._sentinels())
                for place in self._places:
                    place.look()
        finally:
            killed = self._closed(bell)
            self._bell = None
            bell.close()
        return killed

    def run_until_signalled(self, signals: Sequence[signal.Signals] = SIGNALS) -> int:
        """Keep the processes alive until a signal comes; the second one ends the grace of the workers.

        Args:
            signals: Which; their handlers are put back afterwards.

        Returns:
            How many had to be killed.

        Raises:
            ConfigurationError: This is not the main thread.
        """
        with listening(signals, self.stop):
            return self.run()

    def _sentinels(self) -> list[int]:
        return [place.process.sentinel for place in self._places if place.process is not None]

    def _closed(self, bell: Bell) -> int:
        """Ask all processes to come to an end, wait for them, and kill those that do not; tell how many."""
        self._stop.ask(self._patience)
        hurried = False
        for place in self._places:
            place.terminate()
        while sentinels := self._sentinels():
            if self._hurried and not hurried:
                hurried = True
                for place in self._places:
                    place.hurry()
            if self._stop.over:
                break
            bell.wait(self._stop.left, sentinels)
            for place in self._places:
                place.leave()
        return sum(place.kill() for place in self._places)


class _Place:
    """The place of one process: who is in it, and when the next one starts."""

    def __init__(self, make: MakesWorker, number: int) -> None:
        self.process: SpawnProcess | None = None
        self.starts = monotonic()
        self._make = make
        self._name = f"flowkit-worker-{number}"
        self._rest = Rest(SHORTEST_REST, LONGEST_REST, random.random)
        self._since = 0.0

    @property
    def filled(self) -> bool:
        return self.process is not None

    def fill(self, now: float) -> None:
        """Start a process where there is none and it is time for one."""
        if self.process is None and now >= self.starts:
            process = multiprocessing.get_context("spawn").Process(target=_work, args=(self._make,), name=self._name)
            process.start()
            self.process, self._since = process, now

    def look(self) -> None:
        """See whether the process has died; the next one starts after a while."""
        code = self.leave()
        if code is None:
            return
        now = monotonic()
        if now - self._since >= _LONG_LIVED:
            self._rest.after_work()
        rest = self._rest.after_failure()
        self.starts = now + rest
        _log.error("%s ended with %d; another one starts in %.1f seconds", self._name, code, rest)

    def leave(self) -> int | None:
        """Give the exit code of a process that has ended, and let it go; None where there is none."""
        process = self.process
        if process is None or process.exitcode is None:
            return None
        code = process.exitcode
        process.join()
        process.close()
        self.process = None
        return code

    def terminate(self) -> None:
        if self.process is not None:
            self.process.terminate()

    def hurry(self) -> None:
        """End the grace of the process."""
        if self.process is not None and self.process.pid is not None and self.process.exitcode is None:
            os.kill(self.process.pid, _HURRY)

    def kill(self) -> int:
        """Kill the process; tell how many that were."""
        self.leave()
        process = self.process
        if process is None:
            return 0
        _log.error("%s does not come to its end, and is killed", self._name)
        process.kill()
        process.join()
        self.leave()
        return 1


def _work(make: MakesWorker) -> None:
    """Be a worker process."""
    # Ctrl-C goes to every process of the terminal; the parent hears it, and passes it on as SIGTERM.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    parent = multiprocessing.parent_process()
    worker = make()

    def hurried() -> None:
        worker.stop(timedelta())

    # Who stops a service may signal all its processes, and the parent passes the signal on: twice is no hurry here.
    with suppress(KeyboardInterrupt), listening((_HURRY,), hurried), listening((signal.SIGTERM,), worker.stop):
        worker.run(ends_with=() if parent is None else (parent.sentinel,))
