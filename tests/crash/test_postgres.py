"""Workers over PostgreSQL that die, or stand still, at a given moment of a batch of two hundred sends.

As in `test_mid_batch`, but that the heir of a dead worker waits until its lease has lapsed by the database's clock.
"""

import signal

import pytest

from flowkit import Result, Status
from flowkit.workflows.model import Delivery
from tests.crash.audit import repeats
from tests.crash.fleet import fleet
from tests.crash.test_mid_batch import SENDS, SHORT_LEASE, Bench, stand_still
from tests.crash.world import subscriber

pytestmark = pytest.mark.crash


@pytest.fixture
def batch(tmp_path, postgres_place):
    """Give what makes the bench of a test."""
    with fleet(tmp_path) as ships:
        yield lambda *more: Bench(tmp_path, ships, *more, server=postgres_place)


def work(bench, *fault, **more):
    return bench.work(*fault, lease=SHORT_LEASE, **more)


@pytest.mark.parametrize("time", [1, 100, 200])
@pytest.mark.parametrize("moment", ["calling", "delivered"])
def test_a_death_in_a_call_repeats_that_call_at_most(batch, moment, time):
    bench = batch()
    dead = work(bench, moment, time, signal.SIGKILL)
    work(bench)
    assert bench.faults(dead) == []
    assert repeats(bench.ledger) == (1 if moment == "delivered" else 0)
    assert bench.nodes() == {"wait_3_days"}


@pytest.mark.parametrize("moment", ["calling", "delivered"])
def test_what_is_sent_at_most_once_is_never_repeated(batch, moment):
    bench = batch(Delivery.AT_MOST_ONCE)
    work(bench, moment, 100, signal.SIGKILL)
    work(bench)
    sent = [one.subscriber_id for one in bench.ledger]
    assert len(sent) == len(set(sent)) == (SENDS if moment == "delivered" else SENDS - 1)
    failed = [(run.subscriber_id, run.state.result) for run in bench.books()[0] if run.status is Status.FAILED]
    assert failed == [(subscriber(99), Result.UNKNOWN)]


@pytest.mark.parametrize("moment", ["claimed", "committing", "committed"])
def test_a_death_between_calls_repeats_none(batch, moment):
    bench = batch()
    dead = work(bench, moment, 1, signal.SIGKILL)
    work(bench)
    assert bench.faults(dead) == []
    assert repeats(bench.ledger) == 0
    assert bench.nodes() == {"wait_3_days"}


def test_a_call_that_kills_three_workers_is_given_up_and_holds_up_nobody(batch):
    bench = batch()
    dead = [work(bench, "delivered", time, signal.SIGKILL) for time in (10, 1, 1)]
    work(bench)
    poison = subscriber(9)
    assert [one.worker for one in bench.ledger if one.subscriber_id == poison] == dead
    assert bench.faults(*dead) == []
    [failed] = [run for run in bench.books()[0] if run.status is Status.FAILED]
    assert (failed.subscriber_id, failed.state.reason) == (poison, "3 workers died in this call")


@pytest.mark.parametrize(("moment", "repeated"), [("claimed", 0), ("calling", 1), ("delivered", 1), ("committing", 0)])
def test_a_worker_that_stood_still_ends_its_call_and_writes_nothing(batch, moment, repeated):
    bench = batch()
    lost, before, after = stand_still(bench, moment, 1 if moment in {"claimed", "committing"} else 100)
    assert after == before
    assert bench.nodes() == {"wait_3_days"}
    assert sorted(lost.values()) == [0, 1]
    assert bench.faults(lost=lost) == []
    assert repeats(bench.ledger) == repeated


@pytest.mark.parametrize(("mutant", "repeated"), [("without notes", 100), ("without fences", 101)])
def test_the_audit_notices_a_store(batch, mutant, repeated):
    bench = batch()
    if mutant == "without notes":
        work(bench, "delivered", 100, signal.SIGKILL, mutant=mutant)
        work(bench)
    else:
        stand_still(bench, "delivered", 100, mutant=mutant)
    assert repeats(bench.ledger) == repeated
