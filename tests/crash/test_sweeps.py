"""A worker that fires a time trigger is killed wherever it writes; nobody is left out, and nobody fires twice."""

import subprocess
import sys
from collections import Counter
from contextlib import closing
from pathlib import Path

import pytest

from flowkit import SqliteStore, VirtualClock
from tests.crash.sweeper import PEOPLE, START, engine_over

ROOT = Path(__file__).resolve().parents[2]

pytestmark = pytest.mark.crash


def started(path, dies_at):
    command = [sys.executable, "-m", "tests.crash.sweeper", str(path), str(dies_at)]
    return subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.PIPE)


def killed(path, dies_at):
    """Whether a worker died at its moment; one that came to its end before did not."""
    worker = started(path, dies_at)
    _, errors = worker.communicate(timeout=120)
    assert worker.returncode in {0, -9}, errors.decode()
    return worker.returncode == -9


def fired(path):
    with closing(SqliteStore(path)) as store:
        engine = engine_over(store, VirtualClock(START))
        return Counter((run.subscriber_id, run.event.properties["wall"]) for run in engine.runs(limit=10_000))


@pytest.mark.parametrize("stride", [1, 2, 3, 5])
def test_whenever_workers_are_killed_each_fires_once(tmp_path, stride):
    """Each worker dies a few moments on, until one comes to its end; with 24 people in pages of five."""
    path = tmp_path / "flowkit.db"
    deaths = 0
    while killed(path, 1 + (deaths * stride) % 9):
        deaths += 1
        assert deaths < 400
    assert deaths > 5
    assert dict(fired(path)) == expected()


def test_workers_that_take_the_same_pages_at_once_let_nobody_in_twice(tmp_path):
    """Their leases are over at once, so that they all go over the same audience side by side; one of them dies."""
    path = tmp_path / "flowkit.db"
    workers = [started(path, dies_at) for dies_at in (0, 0, 13)]
    for worker in workers:
        _, errors = worker.communicate(timeout=120)
        assert worker.returncode in {0, -9}, errors.decode()
    assert dict(fired(path)) == expected()


def expected():
    """Nine in Tokyo is midnight UTC, and so neither after the start nor missed at the end; in Berlin it is eight."""
    tokyo = [name for name in PEOPLE if PEOPLE[name]["timezone"] == "Asia/Tokyo"]
    berlin = [name for name in PEOPLE if name not in tokyo]
    walls = {(name, f"2026-03-0{day}T09:00"): 1 for name in tokyo for day in (3, 4)}
    return walls | {(name, f"2026-03-0{day}T09:00"): 1 for name in berlin for day in (2, 3)}
