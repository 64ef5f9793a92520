"""Measure what a dashboard costs: metrics from kept counts, by a fresh count in the database, and line by line.

    python tests/benchmarks/tallies.py
    python tests/benchmarks/tallies.py --n 20000 --rounds 3

All give the same numbers, or there are no figures. The welcome series is lived through on SQLite, a thousand signups an
hour. Reading line by line is what remains to a host that has the journal and nothing else.
"""

from __future__ import annotations

import argparse
import tempfile
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from statistics import median
from typing import TypeVar

from flowkit_engine import BATCH, SERIES, Outside, signed_up
from welcome import World

from flowkit.adapters.clock import VirtualClock
from flowkit.analytics.metrics import WorkflowMetrics
from flowkit.engine.sync import Engine
from flowkit.runs.model import Kind
from flowkit.stores.sqlite import SqliteStore

T = TypeVar("T")
HOUR = timedelta(hours=1)
PAGE = 10_000
START = 1_767_225_600


class WrongNumbersError(Exception):
    """The ways to the numbers do not agree."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Figures:
    """CPU seconds, medians over the rounds.

    Attributes:
        entries: How many entries the journal has.
        hours: Over how many hours they are spread.
        kept: The metrics from kept counts.
        counted: The metrics by a fresh count in the database.
        read: The entries counted line by line.
        rolled_up: To keep the counts, once.
    """

    entries: int
    hours: int
    kept: float
    counted: float
    read: float
    rolled_up: float


def live(path: Path, n: int) -> int:
    """Let `n` subscribers live through the series; give over how many hours."""
    store = SqliteStore(path, synchronous="NORMAL")
    world = World(now=START)
    outside = Outside(world)
    start = datetime.fromtimestamp(world.now, UTC).replace(minute=0, second=0)
    clock = VirtualClock(start)
    engine = Engine(store, sender=outside, profiles=outside, clock=clock, batch=BATCH)
    engine.publish(SERIES)
    hours = 0
    for first in range(0, n, BATCH):
        engine.ingest([signed_up(number) for number in range(first, min(first + BATCH, n))])
        engine.advance()
        clock.advance(HOUR)
        hours += 1
    while (due := engine.next_due()) is not None:
        clock.set(due)
        engine.advance()
        hours += 1
    store.close()
    return hours


def read(store: SqliteStore) -> tuple[int, int, int]:
    """Count entries, runs that entered and runs that completed, line by line."""
    entries = entered = completed = after = 0
    while lines := store.lines(after=after, limit=PAGE):
        after = lines[-1].number
        for line in lines:
            entries += 1
            entered += line.entry.kind is Kind.ENTERED
            completed += line.entry.kind is Kind.COMPLETED
    return entries, entered, completed


def spent(work: Callable[[], T]) -> tuple[float, T]:
    """Take the CPU seconds of something."""
    start = time.process_time()
    done = work()
    return time.process_time() - start, done


def measure(n: int, rounds: int) -> Figures:
    """Measure the three ways."""
    with tempfile.TemporaryDirectory() as folder:
        hours = live(Path(folder) / "flowkit.db", n)
        store = SqliteStore(Path(folder) / "flowkit.db", synchronous="NORMAL")
        engine = Engine(store)
        ask: Callable[[], WorkflowMetrics] = lambda: engine.metrics("welcome_series")  # noqa: E731
        counted = [spent(ask) for _ in range(rounds)]
        reading = [spent(lambda: read(store)) for _ in range(rounds)]
        rolled_up, steps = spent(engine.roll_up)
        kept = [spent(ask) for _ in range(rounds)]
        [(_, fresh), (_, later)] = counted[-1], kept[-1]
        [(_, (entries, entered, completed))] = reading[-1:]
        if (
            fresh != later
            or (fresh.execution_count, fresh.completed) != (entered, completed)
            or entered != n
            or not steps
        ):
            raise WrongNumbersError((fresh, later, entered, completed))
        store.close()
        return Figures(
            entries=entries,
            hours=hours,
            kept=median(took for took, _ in kept),
            counted=median(took for took, _ in counted),
            read=median(took for took, _ in reading),
            rolled_up=rolled_up,
        )


def table(figures: Figures) -> str:
    """Render in Markdown."""
    rows = [
        ("metrics from kept counts", figures.kept),
        ("metrics by a fresh count in the database", figures.counted),
        ("entries counted line by line", figures.read),
        ("keeping the counts, once", figures.rolled_up),
    ]
    lines = [
        f"{figures.entries:,} entries over {figures.hours} hours",
        "",
        "| what | CPU ms | x kept counts |",
        "|---|--:|--:|",
        *(f"| {name} | {took * 1e3:,.1f} | {took / figures.kept:,.1f} |" for name, took in rows),
    ]
    return "\n".join(lines)


def main(argv: Sequence[str] | None = None) -> int:
    """Run the command."""
    parser = argparse.ArgumentParser(description="What a dashboard costs.")
    parser.add_argument("--n", type=int, default=100_000, help="subscribers (default: %(default)s)")
    parser.add_argument("--rounds", type=int, default=5)
    arguments = parser.parse_args(argv)
    print(table(measure(arguments.n, arguments.rounds)))
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
