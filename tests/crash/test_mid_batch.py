"""Workers that die, or stand still, at a given moment of a batch of two hundred sends.

The mail server honours no keys, so a call that was begun and not noted as ended has to be made again: one for each
death, and no more, wherever in the batch it was. A worker that stands still beyond its lease and then goes on may end
the call that it was stopped in; it begins no other, and what it writes changes nothing.
"""

import os
import signal
from contextlib import closing
from types import MappingProxyType

import pytest
from attrs import evolve

from flowkit import Engine, Result, SendEmail, Status
from flowkit.testing.recording import RecordingSender
from flowkit.workflows.model import Delivery
from tests.crash.audit import all_lines, all_runs, faults_of_ledger, read_ledger, repeats
from tests.crash.fleet import fleet
from tests.crash.stores import store_at
from tests.crash.world import START, batches, owed, subscriber, welcome_series

pytestmark = pytest.mark.crash

SENDS = 200
LEASE = 4.0
SHORT_LEASE = 1.0
NOBODY = MappingProxyType({})


class Bench:
    """A store in which two hundred sends are due, and the workers that try."""

    def __init__(self, folder, ships, delivery=Delivery.AT_LEAST_ONCE, *, detached=False, server=""):
        self.ships = ships
        self._path = server or str(folder / "flowkit.db")
        self._ledger = folder / "ledger"
        with closing(store_at(self._path)) as store:
            engine = Engine(store, sender=RecordingSender())
            engine.publish(delivered(welcome_series(), delivery, detached=detached))
            for batch in batches(SENDS):
                engine.ingest([event for event in batch if event.id == "first"], now=START)

    def start(self, *, lease=LEASE, **more):
        """Start a worker that nothing holds back."""
        worker = self.ships.start(
            "worker",
            path=self._path,
            ledger=str(self._ledger),
            now=START.isoformat(),
            batch=SENDS,
            lease=lease,
            timeout=lease * 0.45,
            **more,
        )
        worker.let_go()
        return worker

    def work(self, *fault, **more):
        """Let a worker work until nothing is due, or until it dies of its fault; give its name.

        Nobody waits for a lease: the claims of the dead are taken over at once.
        """
        worker = self.start(fault=fault or None, **more)
        self.ships.follow(worker, -signal.SIGKILL if fault else 0)
        return worker.name

    @property
    def ledger(self):
        return read_ledger(self._ledger)

    def books(self):
        """Read all runs and the whole journal."""
        with closing(store_at(self._path)) as store:
            engine = Engine(store)
            return all_runs(engine), all_lines(engine)

    def nodes(self):
        return {run.state.node for run in self.books()[0]}

    def faults(self, *killed, lost=NOBODY):
        return list(faults_of_ledger(self.ledger, owed(SENDS, 1), set(killed), lost))


def delivered(workflow, delivery, *, detached):
    """Give a workflow whose messages are all sent in one way, and all beside the run where they are detached."""
    nodes = {
        name: evolve(
            node,
            actions=[
                evolve(action, do=evolve(action.do, delivery=delivery), detached=detached)
                if isinstance(action.do, SendEmail)
                else action
                for action in node.actions
            ],
        )
        for name, node in workflow.nodes.items()
    }
    return evolve(workflow, nodes=nodes)


@pytest.fixture
def bench(tmp_path):
    with fleet(tmp_path) as ships:
        yield Bench(tmp_path, ships)


@pytest.mark.parametrize("time", [1, 2, 100, 199, 200])
@pytest.mark.parametrize("moment", ["calling", "delivered"])
def test_a_death_in_a_call_repeats_that_call_at_most(bench, moment, time):
    dead = bench.work(moment, time, signal.SIGKILL)
    before = bench.ledger
    assert len(before) == (time if moment == "delivered" else time - 1)

    bench.work()

    assert bench.faults(dead) == []
    assert repeats(bench.ledger) == (1 if moment == "delivered" else 0)
    after = bench.ledger[len(before) :]
    assert [one.subscriber_id for one in after] == [subscriber(number) for number in range(time - 1, SENDS)]


@pytest.mark.parametrize("time", [1, 100, 200])
@pytest.mark.parametrize("moment", ["calling", "delivered"])
def test_a_death_in_a_call_beside_the_run_repeats_that_call_at_most(tmp_path, moment, time):
    """The messages are detached: the runs wait in another node, and stay there."""
    with fleet(tmp_path) as ships:
        bench = Bench(tmp_path, ships, detached=True)
        dead = bench.work(moment, time, signal.SIGKILL)
        bench.work()
        assert bench.faults(dead) == []
        assert repeats(bench.ledger) == (1 if moment == "delivered" else 0)
        assert len(bench.ledger) == SENDS + repeats(bench.ledger)
        runs, _ = bench.books()
        assert {(run.state.node, run.state.beside) for run in runs} == {("wait_3_days", None)}


@pytest.mark.parametrize("time", [1, 100, 200])
@pytest.mark.parametrize("moment", ["calling", "delivered"])
def test_what_is_sent_at_most_once_is_never_repeated(tmp_path, moment, time):
    """One message is in doubt after a death in its call: nobody sends it again, and its run has failed."""
    with fleet(tmp_path) as ships:
        bench = Bench(tmp_path, ships, Delivery.AT_MOST_ONCE)
        bench.work(moment, time, signal.SIGKILL)
        bench.work()
        doubtful = subscriber(time - 1)
        sent = [one.subscriber_id for one in bench.ledger]
        assert len(sent) == len(set(sent)), "nothing is repeated"
        assert set(sent) >= {subscriber(number) for number in range(SENDS)} - {doubtful}, (
            "and nobody else is passed over"
        )
        assert (doubtful in sent) == (moment == "delivered")
        runs, _ = bench.books()
        failed = [(run.subscriber_id, run.state.result) for run in runs if run.status is Status.FAILED]
        assert failed == [(doubtful, Result.UNKNOWN)]


@pytest.mark.parametrize("moment", ["claimed", "committing", "committed"])
def test_a_death_between_calls_repeats_none(bench, moment):
    dead = bench.work(moment, 1, signal.SIGKILL)
    bench.work()
    assert bench.faults(dead) == []
    assert repeats(bench.ledger) == 0
    assert bench.nodes() == {"wait_3_days"}


def test_what_the_dead_had_noted_goes_from_one_to_the_next(bench):
    deaths = [("delivered", 50), ("calling", 30), ("taken", 1), ("delivered", 40), ("committing", 1)]
    dead = [bench.work(*death, signal.SIGKILL) for death in deaths]
    bench.work()
    assert bench.faults(*dead) == []
    assert repeats(bench.ledger) == 2
    assert bench.nodes() == {"wait_3_days"}


def test_a_call_that_kills_three_workers_is_given_up_and_holds_up_nobody(bench):
    dead = [bench.work("delivered", time, signal.SIGKILL) for time in (10, 1, 1)]
    bench.work()

    poison = subscriber(9)
    assert [one.worker for one in bench.ledger if one.subscriber_id == poison] == dead
    assert bench.faults(*dead) == []
    runs, _ = bench.books()
    [failed] = [run for run in runs if run.status is Status.FAILED]
    assert (failed.subscriber_id, failed.state.reason) == (poison, "3 workers died in this call")
    assert {run.state.node for run in runs if run is not failed} == {"wait_3_days"}


def test_deaths_without_a_call_part_the_batch_and_lose_nothing(bench):
    dead = [bench.work(moment, 1, signal.SIGKILL) for moment in ("claimed", "taken")]
    bench.work()
    assert bench.faults(*dead) == []
    assert repeats(bench.ledger) == 0
    assert bench.nodes() == {"wait_3_days"}


def test_the_audit_notices_a_policy_that_loses(bench):
    dead = bench.work("calling", 100, signal.SIGKILL)
    bench.work(assume_sent=True)
    assert bench.faults(dead) == [f"lost: welcome_email_v2 for {subscriber(99)}"]


def test_the_audit_notices_a_store_that_takes_no_notes(bench):
    dead = bench.work("delivered", 100, signal.SIGKILL, mutant="without notes")
    bench.work()
    assert repeats(bench.ledger) == 100
    assert len(bench.faults(dead)) == 99


# -- standing still ---------------------------------------------------------------------------------------------------


def stand_still(bench, moment, time, *, mutant="none"):
    """Stop a worker at a moment, let another take over and finish, and let the first go on.

    Returns:
        How many claims each lost, and the books before the first went on and after it left.
    """
    zombie = bench.start(fault=(moment, time, signal.SIGSTOP), lease=SHORT_LEASE, mutant=mutant)
    _, status = os.waitpid(zombie.process.pid, os.WUNTRACED)
    assert os.WIFSTOPPED(status)
    # The other one waits for the lease to lapse, by the clocks of both, and leaves when nothing is due.
    other = bench.start(lease=SHORT_LEASE)
    told = {other.name: bench.ships.follow(other, 0)}
    before = bench.books()
    zombie.process.send_signal(signal.SIGCONT)
    told[zombie.name] = bench.ships.follow(zombie, 0)
    return {name: words.count(["lost"]) for name, words in told.items()}, before, bench.books()


@pytest.mark.parametrize(
    ("moment", "time", "repeated"),
    [
        ("claimed", 1, 0),
        ("calling", 1, 1),
        ("calling", 100, 1),
        ("calling", 200, 1),
        ("delivered", 1, 1),
        ("delivered", 100, 1),
        ("delivered", 200, 1),
        ("committing", 1, 0),
    ],
)
def test_a_worker_that_stood_still_ends_its_call_and_writes_nothing(bench, moment, time, repeated):
    lost, before, after = stand_still(bench, moment, time)

    assert after == before
    assert bench.nodes() == {"wait_3_days"}
    assert sorted(lost.values()) == [0, 1]
    assert bench.faults(lost=lost) == []
    assert repeats(bench.ledger) == repeated


def test_the_audit_notices_a_worker_that_goes_on(bench):
    lost, before, after = stand_still(bench, "delivered", 100, mutant="without fences")

    assert after != before
    assert repeats(bench.ledger) == 101
    assert len(bench.faults(lost=lost)) == 101
