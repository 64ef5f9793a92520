"""Measure what it costs to find the due work, as the number of parked runs grows.

An engine that looks for due runs a thousand times an hour must not pay for the million that are not due.
`compare_scans` takes two callables that do the same scan, one on a store with few runs parked and one on a
store with many, and gives the ratio of their medians; 1 is a scan that does not feel the parked ones at all.

    cost = compare_scans(lambda: few.due(now, limit=100), lambda: many.due(now, limit=100))
    cost.ratio

Each call must leave its store as it found it (read only, or claim and give back), find the same amount of
due work on both sides, and fetch what it finds. As a script it measures the table of the limit programs.
"""

from __future__ import annotations

import argparse
import gc
import json
import sqlite3
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from statistics import median

from limit_sql import FIND_DUE, FIRST_PARK, PARK_NEW, TABLES
from welcome import SIGNUP, connect, event, subscriber


@dataclass(frozen=True, kw_only=True, slots=True)
class ScanCost:
    """Median nanoseconds of a scan with few and with many parked, and the second over the first."""

    few_ns: float
    many_ns: float
    rounds: int

    @property
    def ratio(self) -> float:
        """How many times dearer the scan is where many are parked."""
        return self.many_ns / self.few_ns


def compare_scans(
    few: Callable[[], object],
    many: Callable[[], object],
    *,
    rounds: int = 500,
    warm_up: int = 20,
    clock: Callable[[], int] = time.perf_counter_ns,
) -> ScanCost:
    """Time two scans in turns, in reverse order every second round, with the garbage collector at rest.

    Args:
        few: the scan of the store with few runs parked (10,000 by the bar).
        many: the same scan of the store with many (1,000,000).
        rounds: timed calls of each.
        warm_up: calls of each before these, not timed.
        clock: a clock in nanoseconds.
    """
    for _ in range(warm_up):
        few()
        many()
    times: dict[Callable[[], object], list[int]] = {few: [], many: []}
    collecting = gc.isenabled()
    gc.disable()
    try:
        for turn in range(rounds):
            for scan in (few, many) if turn % 2 == 0 else (many, few):
                start = clock()
                scan()
                times[scan].append(clock() - start)
    finally:
        if collecting:
            gc.enable()
    return ScanCost(few_ns=median(times[few]), many_ns=median(times[many]), rounds=rounds)


# ----------------------------------------------------------------------------------------------------------
# The limit programs' own table, as the measure of what SQLite allows


def park(path: Path, *, parked: int, due: int, now: int) -> sqlite3.Connection:
    """Make a table of `parked` runs, of which `due`, spread evenly, are due at `now` and the rest later."""
    db = connect(path)
    db.executescript(TABLES)
    step = parked // due
    db.execute("BEGIN")
    db.executemany(
        PARK_NEW,
        (
            (i, subscriber(i), FIRST_PARK, now - i if i % step == 0 else now + 1 + i, json.dumps(event(i)))
            for i in range(parked)
        ),
    )
    db.execute("COMMIT")
    return db


def main(argv: Sequence[str] | None = None) -> int:
    """Run the command."""
    parser = argparse.ArgumentParser(description="The cost of finding due work in the limit programs' table.")
    parser.add_argument("--few", type=int, default=10_000)
    parser.add_argument("--many", type=int, default=1_000_000)
    parser.add_argument("--due", type=int, default=100)
    parser.add_argument("--rounds", type=int, default=500)
    options = parser.parse_args(argv)
    now = SIGNUP.at
    with tempfile.TemporaryDirectory(prefix="bench-") as folder:
        few = park(Path(folder, "few.db"), parked=options.few, due=options.due, now=now)
        many = park(Path(folder, "many.db"), parked=options.many, due=options.due, now=now)
        cost = compare_scans(
            lambda: few.execute(FIND_DUE, (now,)).fetchall(),
            lambda: many.execute(FIND_DUE, (now,)).fetchall(),
            rounds=options.rounds,
        )
        few.close()
        many.close()
    sys.stdout.write(
        f"{options.due} due among {options.few}: {cost.few_ns / 1000:.1f} us; "
        f"among {options.many}: {cost.many_ns / 1000:.1f} us; ratio {cost.ratio:.2f}\n"
    )
    return 0


if __name__ == "__main__":
    sys.exit(main())
