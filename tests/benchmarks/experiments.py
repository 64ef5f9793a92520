"""Experiments: assigning a unit, and counting a journal.

    python tests/benchmarks/experiments.py
    python tests/benchmarks/experiments.py --entries 1000000 --rounds 3

* **assign**: the arm of a unit among two, against one call of `hashlib.blake2b` over the same bytes.
* **tally**: `SqliteStore.experiment_tally` over a journal that the engine wrote, against reading the journal with
  `engine.journal` into a `Tracker`, and against the same rows read by `sqlite3` alone, without a look at what they say.

Times are of the process's CPU, each side in turn within a round; the ratio of a round is taken, and the median of them.
"""

from __future__ import annotations

import argparse
import sqlite3
import tempfile
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from hashlib import blake2b
from pathlib import Path
from time import process_time
from typing import NamedTuple

from flowkit import Action, Engine, Event, EventIs, Node, SendEmail, SqliteStore, Trigger, VirtualClock, Wait, Workflow
from flowkit.experiments.assignment import arm_of
from flowkit.experiments.changes import ChangeSubject
from flowkit.experiments.model import Experiment, Metric, Variant
from flowkit.experiments.tallies import Tally
from flowkit.experiments.tracking import Tracker
from flowkit.experiments.weaving import weave
from flowkit.testing.recording import RecordingSender

MONDAY = datetime(2026, 3, 2, 9, tzinfo=UTC)
LATER = MONDAY + timedelta(days=60)
BATCH = 1000
SERIES = Workflow(
    "series",
    "Series",
    trigger=Trigger("t", condition=EventIs(("signup",))),
    nodes=[
        Node(
            "start",
            "Start",
            actions=[Action("send", SendEmail("m", subject="A")), Action("rest", Wait(timedelta(days=3)))],
        )
    ],
)
EXPERIMENT = Experiment(
    experiment_id="subject",
    name="Subject",
    workflow_id="series",
    variants=[
        Variant("control", "As it is", weight=50),
        Variant("b", "B", weight=50, changes=[ChangeSubject("start", "B")]),
    ],
    primary=Metric("opened", "email_open"),
)


class Measured(NamedTuple):
    """CPU seconds of two sides, and how many times the second took the first."""

    ours: float
    other: float

    @property
    def ratio(self) -> float:
        return self.other / self.ours


def rounds(ours: Callable[[], object], other: Callable[[], object], count: int) -> list[Measured]:
    out = []
    for _ in range(count):
        begun = process_time()
        ours()
        between = process_time()
        other()
        out.append(Measured(between - begun, process_time() - between))
    return out


def median(measured: list[Measured]) -> Measured:
    return sorted(measured, key=lambda one: one.ratio)[len(measured) // 2]


def assign_all(units: list[str]) -> dict[str, str]:
    return {unit: arm_of(EXPERIMENT, unit) for unit in units}


def hash_all(units: list[str]) -> dict[str, int]:
    """The least that an assignment by a salted hash can cost: one digest a unit."""
    return {unit: int.from_bytes(blake2b(b"salt:" + unit.encode(), digest_size=8).digest(), "big") for unit in units}


def filled(path: Path, people: int) -> tuple[Engine, SqliteStore]:
    """Let so many sign up, and every third of them open; the journal has 16 entries of each three of them."""
    store = SqliteStore(path, synchronous="NORMAL")
    engine = Engine(store, clock=VirtualClock(MONDAY), sender=RecordingSender(), batch=BATCH)
    engine.publish(weave(SERIES, [EXPERIMENT]))
    for begin in range(0, people, BATCH):
        some = range(begin, min(begin + BATCH, people))
        engine.ingest([Event("signup", f"subscriber_{number}", id="s") for number in some])
        engine.advance()
        opened = [number for number in some if number % 3 == 0]
        # Each at an instant of its own, as in life, so that no two of these rows are alike.
        engine.ingest(
            [
                Event("email_open", f"subscriber_{number}", id="o", occurred_at=MONDAY + timedelta(microseconds=number))
                for number in opened
            ]
        )
    return engine, store


def entries(engine: Engine) -> int:
    return sum(1 for _ in lines(engine))


def lines(engine: Engine):
    after = 0
    while page := engine.journal(after=after, limit=5_000):
        yield from page
        after = page[-1].number


def by_python(engine: Engine) -> Tally:
    tracker = Tracker(EXPERIMENT)
    while tracker.read(engine.journal(after=tracker.after, limit=5_000)):
        pass
    return tracker.tally(LATER)


def by_rows(path: Path) -> int:
    """Read the journal's rows and their texts by sqlite3, and do nothing with them."""
    connection = sqlite3.connect(path)
    query = "SELECT j.id, j.subscriber, j.at, coalesce(p.text, j.body) FROM flowkit_journal j"
    count = sum(1 for _ in connection.execute(f"{query} LEFT JOIN flowkit_phrase p ON p.id = j.body"))
    connection.close()
    return count


def report(people: int, units: int, count: int) -> str:
    names = [f"subscriber_{number}" for number in range(units)]
    assigned = median(rounds(lambda: assign_all(names), lambda: hash_all(names), count))
    told = [
        "| what | ours | the other | ratio |",
        "| --- | --- | --- | --- |",
    ]
    mine, least = (seconds / units * 1e6 for seconds in assigned)
    told.append(
        f"| assign, us a unit, against one hash | {mine:.2f} | {least:.2f} | {mine / least:.2f} times as long |"
    )
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "e.db"
        engine, store = filled(path, people)
        number = entries(engine)
        assert store.experiment_tally(EXPERIMENT, LATER) == by_python(engine)
        against = {"the tracker": lambda: by_python(engine), "rows alone": lambda: by_rows(path)}
        for name, other in against.items():
            one = median(rounds(lambda: store.experiment_tally(EXPERIMENT, LATER), other, count))
            told.append(
                f"| tally of {number:,} entries, s, against {name} | {one.ours:.2f} | {one.other:.2f} | "
                f"{one.ratio:.1f} times as fast |"
            )
        store.close()
    return "\n".join(told)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--entries", type=int, default=100_000)
    parser.add_argument("--units", type=int, default=100_000)
    parser.add_argument("--rounds", type=int, default=5)
    asked = parser.parse_args()
    print(report(max(asked.entries * 3 // 16, 30), asked.units, asked.rounds))


if __name__ == "__main__":
    main()
