"""Workers on a Redis store that die or stand still in mid-batch, and servers that do, are stopped, or are full.

No lock tells of a death here, so whoever takes over waits for the lease.
"""

import os
import signal
import threading
from contextlib import closing
from datetime import timedelta

import pytest

from flowkit import (
    Engine,
    Event,
    Outcome,
    RedisStore,
    Result,
    Status,
    StoreError,
    StoreFull,
    StoreUnavailable,
)
from flowkit.events import NO_NEEDS
from flowkit.ports import InDoubt
from flowkit.testing.recording import RecordingSender
from flowkit.workflows.model import Delivery
from tests.crash.audit import repeats
from tests.crash.fleet import fleet
from tests.crash.test_mid_batch import SENDS, SHORT_LEASE, Bench, stand_still
from tests.crash.world import START, subscriber, welcome_series
from tests.support.valkey import Server, until

pytestmark = pytest.mark.crash


@pytest.fixture
def bench(tmp_path, redis_place):
    with fleet(tmp_path) as ships:
        yield Bench(tmp_path, ships, server=redis_place)


def work(bench, *fault, **more):
    return bench.work(*fault, lease=SHORT_LEASE, **more)


def signup(number, event_id):
    return Event("subscriber_signup", f"s{number}", id=event_id, properties={"source": "website"})


# -- workers ----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("moment", "time", "repeated"),
    [
        ("claimed", 1, 0),
        ("calling", 100, 0),
        ("delivered", 100, 1),
        ("committing", 1, 0),
        ("committed", 1, 0),
    ],
)
def test_a_death_repeats_the_call_that_it_came_in_at_most(bench, moment, time, repeated):
    dead = work(bench, moment, time, signal.SIGKILL)
    work(bench)
    assert bench.faults(dead) == []
    assert repeats(bench.ledger) == repeated
    assert bench.nodes() == {"wait_3_days"}


def test_what_is_sent_at_most_once_is_never_repeated(tmp_path, redis_place):
    with fleet(tmp_path) as ships:
        bench = Bench(tmp_path, ships, Delivery.AT_MOST_ONCE, server=redis_place)
        work(bench, "delivered", 100, signal.SIGKILL)
        work(bench)
        sent = [one.subscriber_id for one in bench.ledger]
        assert sorted(sent) == sorted(subscriber(number) for number in range(SENDS))
        failed = [(run.subscriber_id, run.state.result) for run in bench.books()[0] if run.status is Status.FAILED]
        assert failed == [(subscriber(99), Result.UNKNOWN)]


def test_a_call_that_kills_three_workers_is_given_up_and_holds_up_nobody(bench):
    dead = [work(bench, "delivered", time, signal.SIGKILL) for time in (10, 1, 1)]
    work(bench)
    assert [one.worker for one in bench.ledger if one.subscriber_id == subscriber(9)] == dead
    assert bench.faults(*dead) == []
    [failed] = [run for run in bench.books()[0] if run.status is Status.FAILED]
    assert (failed.subscriber_id, failed.state.reason) == (subscriber(9), "3 workers died in this call")


@pytest.mark.parametrize(
    ("moment", "time", "repeated"), [("calling", 100, 1), ("delivered", 100, 1), ("committing", 1, 0)]
)
def test_a_worker_that_stood_still_ends_its_call_and_writes_nothing(bench, moment, time, repeated):
    lost, before, after = stand_still(bench, moment, time)
    assert after == before
    assert bench.nodes() == {"wait_3_days"}
    assert sorted(lost.values()) == [0, 1]
    assert bench.faults(lost=lost) == []
    assert repeats(bench.ledger) == repeated


def test_the_audit_notices_a_worker_that_goes_on(bench):
    lost, _, _ = stand_still(bench, "delivered", 100, mutant="without fences")
    assert repeats(bench.ledger) > 50
    assert bench.faults(lost=lost)


def test_the_audit_notices_a_store_that_takes_no_notes(bench):
    dead = work(bench, "delivered", 100, signal.SIGKILL, mutant="without notes")
    work(bench)
    assert repeats(bench.ledger) == 100
    assert len(bench.faults(dead)) == 99


def test_of_twelve_entries_at_once_one_is_a_run(valkey_url, valkey_prefix):
    """Twelve threads with a client each, twenty-four subscribers, an event id of its own for each entry."""
    stores = [RedisStore(valkey_url, prefix=valkey_prefix) for _ in range(12)]
    engines = [Engine(store, sender=RecordingSender()) for store in stores]
    engines[0].publish(welcome_series())
    together, failures = threading.Barrier(12), []

    def enter(number, engine):
        events = [signup(one, f"by-{number}") for one in range(24)]
        together.wait()
        try:
            for event in events:
                engine.ingest([event], now=START)
        except StoreError as error:
            failures.append(error)

    threads = [threading.Thread(target=enter, args=pair) for pair in enumerate(engines)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    runs = engines[0].runs(limit=1000)
    assert failures == []
    assert sorted(run.subscriber_id for run in runs) == sorted(f"s{one}" for one in range(24))
    for store in stores:
        store.close()


# -- servers ----------------------------------------------------------------------------------------------------------


def entered(engine, first, count=10):
    return engine.ingest([signup(number, "in") for number in range(first, first + count)], now=START)


def test_what_was_accepted_under_always_is_there_after_every_kill_of_the_server():
    with Server("--appendonly", "yes", "--appendfsync", "always") as server:
        accepted = 0
        with closing(RedisStore(server.url)) as store:
            engine = Engine(store, sender=RecordingSender())
            engine.publish(welcome_series())
            for _ in range(10):
                accepted += entered(engine, accepted).accepted
                server.kill()
                with pytest.raises(StoreUnavailable):
                    entered(engine, accepted)
                server.start()
                assert len(engine.runs(limit=1000)) == accepted
                again = entered(engine, 0, accepted)
                assert (again.accepted, again.duplicates) == (0, accepted)


def test_a_server_that_is_stopped_in_mid_run_costs_no_message_and_repeats_one_at_most():
    """The worker's call raises; the notes say what went out before, and the next one goes on from there."""
    with Server("--appendonly", "yes", "--appendfsync", "always") as server, closing(RedisStore(server.url)) as store:
        mail = Mail(stop_after=50, stop=server.stop)
        engine = Engine(store, sender=mail, lease=timedelta(seconds=1))
        engine.publish(welcome_series())
        entered(engine, 0, 100)
        with pytest.raises(StoreUnavailable):
            engine.advance(now=START)
        assert len(mail.sent) == 50
        server.start()

        def done():
            engine.advance(now=START)
            return engine.next_due() > START

        until(done, "the end of the lease, and of what is due")
        assert set(mail.sent) == {f"s{number}" for number in range(100)}
        assert len(mail.sent) <= 101


class Mail:
    """A sender that honours no keys, and stops something right after one of its deliveries."""

    key_window = None
    timeout = timedelta(seconds=0.4)
    in_doubt = InDoubt.RESEND
    needs = NO_NEEDS

    def __init__(self, stop_after, stop):
        self.sent = []
        self._stop_after = stop_after
        self._stop = stop

    def send(self, messages):
        self.sent += [message.subscriber_id for message in messages]
        if len(self.sent) == self._stop_after:
            self._stop()
        return [Outcome(Result.DONE)] * len(messages)


def test_a_server_that_stands_still_is_given_up_and_nothing_is_done_twice():
    """The calls wait no longer than their time-out; what the server had got of them it does when it goes on."""
    with Server() as server, closing(RedisStore(f"{server.url}?socket_timeout=0.2")) as store:
        engine = Engine(store, sender=RecordingSender())
        engine.publish(welcome_series())
        entered(engine, 0)
        os.kill(server.pid, signal.SIGSTOP)
        with pytest.raises(StoreUnavailable):
            entered(engine, 5)
        os.kill(server.pid, signal.SIGCONT)
        assert entered(engine, 0, 15).accepted in {0, 5}
        assert sorted(run.subscriber_id for run in engine.runs()) == sorted(f"s{number}" for number in range(15))


def test_a_full_server_refuses_and_loses_nothing():
    options = ("--appendonly", "yes", "--maxmemory", "6mb", "--maxmemory-policy", "noeviction")
    with Server(*options) as server, closing(RedisStore(server.url)) as store:
        engine = Engine(store, sender=RecordingSender())
        engine.publish(welcome_series())
        accepted, full = 0, None
        while full is None:
            try:
                accepted += entered(engine, accepted, 200).accepted
            except StoreFull as error:
                full = error
        assert accepted > 0
        assert "maxmemory" in str(full)
        client = server.client()
        client.config_set("maxmemory", "64mb")
        assert sum(1 for _ in every_run(store)) == accepted, "of the batch that was refused there is nothing"
        assert entered(engine, accepted, 200).accepted == 200
        client.close()


def every_run(store):
    last = 0
    while page := store.runs(after=last, limit=500):
        yield from page
        last = page[-1].handle


def test_a_server_that_cannot_write_its_disk_takes_nothing():
    """As Redis does by itself when an append fails: it is a replica that we make of it here."""
    with Server() as server, closing(RedisStore(server.url)) as store:
        engine = Engine(store, sender=RecordingSender())
        engine.publish(welcome_series())
        client = server.client()
        client.execute_command("REPLICAOF", "127.0.0.1", "1")
        with pytest.raises(StoreError, match="takes no writes"):
            entered(engine, 0)
        client.execute_command("REPLICAOF", "NO", "ONE")
        assert entered(engine, 0).accepted == 10
        client.close()
