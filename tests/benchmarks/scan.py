"""Measure what it costs to find the due work, as the number of parked runs grows.

An engine that looks for due runs a thousand times an hour must not pay for the million that are not due.
`compare_scans` takes two callables that do the same scan, one on a store with few runs parked and one on a
store with many, and gives the ratio of their medians; 1 is a scan that does not feel the parked ones at all.

    cost = compare_scans(lambda: few.due(now, limit=100), lambda: many.due(now, limit=100))
    cost.ratio

Each call must leave its store as it found it (read only, or claim and give back), find the same amount of
due work on both sides, and fetch what it finds. As a script it measures flowkit's SQLite store, whose scan is a whole
claim, written and given back, and the table of the limit programs, whose scan is one SELECT.
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
from datetime import timedelta
from pathlib import Path
from statistics import median

from flowkit_engine import SERIES
from limit_sql import FIND_DUE, FIRST_PARK, PARK_NEW, TABLES
from welcome import SIGNUP, connect, event, subscriber

from flowkit.engine.drive import run_sync
from flowkit.engine.sources import edition_of
from flowkit.hashing import run_id
from flowkit.ports import Change, Changes, Started
from flowkit.runs.model import Entry, Kind, Run, State, Waiting
from flowkit.stores.sqlite import SqliteStore


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


# ----------------------------------------------------------------------------------------------------------
# flowkit's SQLite store


def park_in_flowkit(path: Path, *, parked: int, due: int, now: int) -> SqliteStore:
    """Make a store of `parked` runs, of which `due`, spread evenly, are due at `now` and the rest later."""
    store = SqliteStore(path, synchronous="NORMAL")
    edition, sources = run_sync(edition_of(SERIES, None))
    version = store.publish(edition, sources).number
    step = parked // due
    state = State(node="wait_3_days", waiting=Waiting.DURATION)
    entries = (Entry(Kind.ENTERED, "start"),)
    for first in range(0, parked, 1000):
        changes: list[Change] = []
        for i in range(first, min(first + 1000, parked)):
            at = micros(now - i if i % step == 0 else now + 1 + i)
            name, cause = subscriber(i), f"signup-{i}"
            origin = json.dumps(event(i))
            run = Run(run_id(SERIES.workflow_id, name, cause), name, SERIES.workflow_id, version, 0, origin, state, at)
            changes.append(Change(name, None, (cause,), (), (Started(run, entries),)))
        store.commit(Changes(0, changes))
    return store


def scan_flowkit(store: SqliteStore, now: int, due: int) -> int:
    """Claim what is due and end the claim without having done anything."""
    claim = store.claim(micros(now), limit=due, lease=timedelta(minutes=1))
    assert claim is not None
    store.commit(Changes(0, claim=claim, ends=True))
    return len(claim.runs)


def micros(seconds: int) -> int:
    """Turn epoch seconds into the microseconds that flowkit counts in."""
    return seconds * 1_000_000


def main(argv: Sequence[str] | None = None) -> int:
    """Run the command."""
    parser = argparse.ArgumentParser(description="The cost of finding due work, with few and with many parked.")
    parser.add_argument("--few", type=int, default=10_000)
    parser.add_argument("--many", type=int, default=1_000_000)
    parser.add_argument("--due", type=int, default=100)
    parser.add_argument("--rounds", type=int, default=500)
    options = parser.parse_args(argv)
    now = SIGNUP.at
    with tempfile.TemporaryDirectory(prefix="bench-") as folder:
        sizes = {"few": options.few, "many": options.many}
        tables = {
            name: park(Path(folder, f"{name}.db"), parked=size, due=options.due, now=now)
            for name, size in sizes.items()
        }
        stores = {
            name: park_in_flowkit(Path(folder, f"flowkit-{name}.db"), parked=size, due=options.due, now=now)
            for name, size in sizes.items()
        }
        costs = {
            "limit table": compare_scans(
                lambda: tables["few"].execute(FIND_DUE, (now,)).fetchall(),
                lambda: tables["many"].execute(FIND_DUE, (now,)).fetchall(),
                rounds=options.rounds,
            ),
            "flowkit": compare_scans(
                lambda: scan_flowkit(stores["few"], now, options.due),
                lambda: scan_flowkit(stores["many"], now, options.due),
                rounds=options.rounds,
            ),
        }
        for opened in (*tables.values(), *stores.values()):
            opened.close()
    for name, cost in costs.items():
        print(
            f"{name}: {options.due} due of {options.few:,} parked {cost.few_ns / 1000:.0f} us, of {options.many:,} "
            f"{cost.many_ns / 1000:.0f} us: {cost.ratio:.2f} times ({cost.rounds} rounds)"
        )
    return 0


if __name__ == "__main__":
    sys.exit(main())
