"""Counts of the journal: the same however, and whenever, they are counted; and nobody gets lost at a node."""

import tempfile
from collections import Counter
from datetime import timedelta
from pathlib import Path

from hypothesis import given, settings
from hypothesis import strategies as st

from flowkit.analytics.tally import age_of, total
from flowkit.engine.sync import Engine
from flowkit.runs.model import Status
from flowkit.stores.memory import MemoryStore
from flowkit.stores.sqlite import SqliteStore
from tests.properties.test_together import Life, lived, lives


class Rolling(SqliteStore):
    """A store that counts a few steps now and then, while runs move."""

    every = 3

    def commit(self, changes):
        refused = super().commit(changes)
        self.every -= 1
        if not self.every:
            self.every = 3
            self.roll_up(limit=2)
        return refused


def summed(store):
    """All hours and versions together: the version of a run that was migrated is that of when it was counted."""
    return {name: total(Engine(store).tallies(name).values()) for name in ("w", "other")}


@given(lives, st.integers(1, 8))
@settings(max_examples=20)
def test_counts_are_the_same_by_reading_by_counting_at_once_and_by_and_by(life: Life, batch: int):
    with tempfile.TemporaryDirectory() as folder:
        memory, sqlite, rolling = (
            MemoryStore(),
            SqliteStore(Path(folder) / "one.db", synchronous="NORMAL"),
            Rolling(Path(folder) / "two.db", synchronous="NORMAL"),
        )
        try:
            for store in (memory, sqlite, rolling):
                lived(life, store, batch)
            by_reading, at_once, by_and_by = (summed(store) for store in (memory, sqlite, rolling))
            assert by_reading == at_once == by_and_by
            Engine(sqlite).roll_up()
            assert sqlite.roll_up(limit=1) == 0
            assert summed(sqlite) == at_once
        finally:
            sqlite.close()
            rolling.close()


@given(lives, st.integers(1, 8))
@settings(max_examples=50)
def test_whoever_came_to_a_node_is_there_or_left_it_or_ended_there(life: Life, batch: int):
    store = MemoryStore()
    lived(life, store, batch)
    engine = Engine(store)
    for name in ("w", "other"):
        metrics = engine.metrics(name)
        runs = engine.runs(workflow_id=name, limit=10_000)
        for node in metrics.nodes.values():
            assert node.visits == node.closed + node.in_progress, node
        statuses = Counter(run.status for run in runs)
        # Who had come to the end may have exited or failed after that, by what was open beside.
        afterwards = metrics.completed - statuses[Status.COMPLETED]
        ended = Counter(exited=sum(metrics.exited.values()), failed=sum(metrics.failed.values()))
        assert (statuses[Status.EXITED] - ended["exited"]) + (statuses[Status.FAILED] - ended["failed"]) == afterwards
        tally = total(engine.tallies(name).values())
        assert (tally.afterwards["exited"], tally.afterwards["failed"]) == (
            statuses[Status.EXITED] - ended["exited"],
            statuses[Status.FAILED] - ended["failed"],
        )
        assert metrics.held_out == statuses[Status.HELD_OUT]
        assert metrics.execution_count == len(runs) - metrics.held_out
        assert metrics.completion_times.count == metrics.completed


@given(st.integers(0, 4000 * 86_400_000_000))
def test_an_age_is_kept_to_the_minute_the_hour_or_the_day(micros):
    kept = timedelta(minutes=age_of(micros))
    lost = timedelta(microseconds=micros) - kept
    finest = timedelta(minutes=1) if kept < timedelta(hours=6) else timedelta(hours=1)
    assert timedelta() <= lost < (finest if kept < timedelta(days=30) else timedelta(days=1))
