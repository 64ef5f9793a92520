"""A worker process that fires a time trigger over an audience, and kills itself at a moment of its work.

    python -m tests.crash.sweeper flowkit.db 3

It dies at the third moment at which it is about to write, or has just written; with 0 it comes to its end.
"""

from __future__ import annotations

import os
import signal
import sys
from contextlib import closing
from datetime import UTC, datetime, time, timedelta
from typing import Final

from flowkit import (
    Action,
    Engine,
    Every,
    MemoryProfiles,
    Node,
    Schedule,
    SqliteStore,
    Trigger,
    TriggerType,
    Unit,
    VirtualClock,
    Wait,
    Workflow,
)
from flowkit.ports import Changes, Refused, Sweep

START: Final = datetime(2026, 3, 2, tzinfo=UTC)
END: Final = START + timedelta(days=2)
PEOPLE: Final = {f"p{number:02d}": {"timezone": ("Asia/Tokyo", "Europe/Berlin")[number % 2]} for number in range(24)}
DAILY: Final = Workflow(
    "daily",
    "Daily",
    trigger=Trigger(
        "nine", trigger_type=TriggerType.TIME_BASED, schedule=Schedule(Every(Unit.DAY, time(9)), late=timedelta(days=1))
    ),
    nodes=[Node("start", "Rest", actions=(Action("wait", Wait(timedelta(days=30))),))],
)


class Mortal(SqliteStore):
    """A store whose process dies at one of its moments."""

    left = 0

    def _live(self) -> None:
        self.left -= 1
        if not self.left:
            os.kill(os.getpid(), signal.SIGKILL)

    def commit(self, changes: Changes) -> Refused:
        """Write a batch."""
        self._live()
        refused = super().commit(changes)
        self._live()
        return refused

    def put_sweep(self, sweep: Sweep) -> bool:
        """Write a sweep."""
        self._live()
        written = super().put_sweep(sweep)
        self._live()
        return written


def engine_over(store: SqliteStore, clock: VirtualClock) -> Engine:
    profiles = MemoryProfiles(PEOPLE)
    # The lease of a dead worker is over at once, so that no test has to wait for it.
    return Engine(store, clock=clock, profiles=profiles, audience=profiles, batch=5, lease=timedelta(microseconds=1))


def work(path: str, dies_at: int) -> None:
    with closing(Mortal(path, synchronous="NORMAL")) as store:
        store.left = dies_at
        clock = VirtualClock(START)
        engine = engine_over(store, clock)
        engine.publish(DAILY)
        while (due := engine.next_due()) is not None and due <= END:
            clock.set(max(due, clock.now()))
            engine.advance()


if __name__ == "__main__":
    work(sys.argv[1], int(sys.argv[2]))
