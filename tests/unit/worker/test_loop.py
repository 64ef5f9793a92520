"""A worker in one process: what it does turn by turn, and how it comes to its end."""

import logging
import os
import signal
import threading
from datetime import timedelta

import pytest

from flowkit.adapters.clock import VirtualClock
from flowkit.adapters.profiles import MemoryProfiles
from flowkit.engine.sync import Engine
from flowkit.errors import ConfigurationError, StoreError
from flowkit.stores.memory import MemoryStore
from flowkit.testing.recording import RecordingSender
from flowkit.worker.loop import Worker
from tests.support.journeys import HOUR, START, node, send, signup, signups, wait, workflow

SOON = timedelta(milliseconds=1)
LONG = timedelta(hours=1)
BRISK = {"shortest_rest": SOON, "longest_rest": SOON}


class Stopping(RecordingSender):
    """A sender during whose nth call something happens."""

    def __init__(self, number, happening, **fields):
        super().__init__(**fields)
        self.number, self.happening, self.asked = number, happening, 0

    def send(self, messages):
        self.asked += 1
        if self.asked == self.number:
            self.happening()
        return super().send(messages)


def greeted(store, sender, **fields):
    """An engine whose one workflow greets at once."""
    profiles = MemoryProfiles({f"s{number}": {"email": f"s{number}@example.com"} for number in range(400)})
    engine = Engine(store, sender=sender, profiles=profiles, **fields)
    engine.publish(workflow(node("start", send())))
    return engine


def test_it_does_what_is_due_and_ends_when_it_is_asked_to(any_store):
    sender = RecordingSender()
    engine = greeted(any_store, sender)
    engine.ingest(signups(10))
    told = []

    def on_turn(turn):
        told.append(turn)
        if turn.rest:
            worker.stop()

    worker = Worker(engine, on_turn=on_turn, **BRISK)
    worked = worker.run()
    assert len(sender.delivered) == 10
    assert [(turn.number, turn.advanced.done, turn.error) for turn in told] == [(1, 10, None), (2, 0, None)]
    assert (worked.turns, worked.failures, worked.advanced.done) == (2, 0, 10)


def test_asked_before_it_runs_it_does_nothing(any_store):
    engine = greeted(any_store, RecordingSender())
    engine.ingest(signups(1))
    worker = Worker(engine)
    worker.stop()
    assert worker.run().turns == 0


def test_a_turn_takes_no_more_than_its_limit(any_store):
    engine = greeted(any_store, RecordingSender())
    engine.ingest(signups(10))
    done = []
    worker = Worker(
        engine, limit=4, on_turn=lambda turn: done.append(turn.advanced.done) or (turn.rest and worker.stop())
    )
    worker.run()
    assert done == [4, 4, 2, 0]


@pytest.mark.parametrize("key_window", [None, timedelta(days=1)], ids=["without keys", "with keys"])
def test_after_the_grace_no_call_is_begun_and_nothing_is_lost_or_done_twice(any_store, key_window):
    sender = Stopping(1, lambda: worker.stop(timedelta()), key_window=key_window)
    engine = greeted(any_store, sender)
    engine.ingest(signups(350))  # More than one window of calls.
    worker = Worker(engine)
    worked = worker.run()
    assert 0 < worked.advanced.done < 350
    assert len(sender.delivered) == worked.advanced.done
    assert {run.status.value for run in engine.runs()} == {"active", "completed"}
    # What was not done is due still, and held by nobody: it is not a failure, and not an attempt.
    assert engine.advance().done == 350 - worked.advanced.done
    keys = [message.key for message in sender.delivered]
    assert len(keys) == len(set(keys)) == 350


def test_within_the_grace_what_is_in_hand_is_finished_and_nothing_new_is_claimed(any_store):
    sender = Stopping(1, lambda: worker.stop(LONG))
    engine = greeted(any_store, sender, batch=10)
    engine.ingest(signups(30))
    worker = Worker(engine, grace=LONG)
    assert worker.run().advanced.done == 10
    assert len(sender.delivered) == 10


def test_a_store_that_fails_is_tried_again_and_said(caplog):
    class Failing(MemoryStore):
        left = 3

        def claim(self, now, *, limit, lease):
            if self.left:
                self.left -= 1
                message = "the store is down"
                raise StoreError(message)
            return super().claim(now, limit=limit, lease=lease)

    sender = RecordingSender()
    engine = greeted(Failing(), sender)
    engine.ingest(signups(1))
    errors = []

    def on_turn(turn):
        errors.append(turn.error)
        if turn.advanced.done:
            worker.stop()

    worker = Worker(engine, on_turn=on_turn, **BRISK)
    with caplog.at_level(logging.ERROR, "flowkit.worker"):
        worked = worker.run()
    assert (worked.failures, len(sender.delivered)) == (3, 1)
    assert [type(error) for error in errors] == [StoreError] * 3 + [type(None)]
    assert [record.exc_info[0] for record in caplog.records] == [StoreError] * 3


def test_a_sign_of_life_that_fails_is_logged_and_does_not_end_it(caplog):
    engine = greeted(MemoryStore(), RecordingSender())
    turns = []

    def on_turn(turn):
        turns.append(turn)
        if turn.number == 3:
            worker.stop()
        raise OSError(28, "No space left on device")

    worker = Worker(engine, on_turn=on_turn, **BRISK)
    assert worker.run().turns == 3
    assert [record.message for record in caplog.records] == ["on_turn raised; the worker goes on"] * 3


def test_it_rests_until_the_next_run_is_due_and_no_longer():
    clock = VirtualClock(START)
    engine = Engine(MemoryStore(), clock=clock)
    engine.publish(workflow(node("start", wait(HOUR))))
    engine.ingest([signup()])
    engine.advance()
    clock.set(START + HOUR - timedelta(seconds=0.01))
    rests = []

    def on_turn(turn):
        rests.append(turn.rest)
        clock.set(START + HOUR)
        if turn.advanced.runs:
            worker.stop()

    worker = Worker(engine, on_turn=on_turn, shortest_rest=LONG, longest_rest=LONG, clock=clock)
    assert worker.run().turns == 2
    assert rests == [pytest.approx(0.01), 0.0]


def test_it_is_woken_from_a_long_rest():
    sender = RecordingSender()
    engine = greeted(MemoryStore(), sender)
    resting = threading.Event()

    def on_turn(turn):
        if turn.rest:
            resting.set()
        if turn.advanced.done:
            worker.stop()

    worker = Worker(engine, on_turn=on_turn, shortest_rest=LONG, longest_rest=LONG)
    thread = threading.Thread(target=worker.run)
    thread.start()
    assert resting.wait(60)
    engine.ingest([signup("s1")])
    worker.wake()
    thread.join(60)
    assert not thread.is_alive()
    assert len(sender.delivered) == 1


def test_a_signal_ends_it_and_the_handler_of_before_is_put_back():
    before = signal.getsignal(signal.SIGTERM)
    sender = Stopping(1, lambda: os.kill(os.getpid(), signal.SIGTERM))
    engine = greeted(MemoryStore(), sender, batch=5)
    engine.ingest(signups(10))
    worked = Worker(engine, grace=LONG).run_until_signalled()
    assert worked.advanced.done == 5
    assert signal.getsignal(signal.SIGTERM) is before


def test_a_second_signal_ends_the_grace():
    def twice():
        os.kill(os.getpid(), signal.SIGTERM)
        os.kill(os.getpid(), signal.SIGTERM)

    engine = greeted(MemoryStore(), Stopping(1, twice))
    engine.ingest(signups(350))
    assert 0 < Worker(engine, grace=LONG).run_until_signalled().advanced.done < 350


def test_a_signal_during_a_rest_is_heard_at_once():
    engine = greeted(MemoryStore(), RecordingSender())
    worker = Worker(
        engine,
        shortest_rest=LONG,
        longest_rest=LONG,
        on_turn=lambda _: threading.Timer(0.01, os.kill, (os.getpid(), signal.SIGINT)).start(),
    )
    assert worker.run_until_signalled().turns == 1


def test_signals_are_refused_outside_the_main_thread():
    refused = []

    def run():
        with pytest.raises(ConfigurationError, match="main thread") as error:
            Worker(greeted(MemoryStore(), RecordingSender())).run_until_signalled()
        refused.append(error)

    thread = threading.Thread(target=run)
    thread.start()
    thread.join(60)
    assert len(refused) == 1


@pytest.mark.parametrize(("setting", "value", "said"), [("grace", timedelta(-1), "grace"), ("limit", 0, "limit")])
def test_settings_that_make_no_sense_are_refused(setting, value, said):
    with pytest.raises(ConfigurationError, match=said):
        Worker(greeted(MemoryStore(), RecordingSender()), **{setting: value})


def test_one_that_always_has_work_notices_that_its_parent_has_ended(any_store):
    engine = greeted(any_store, RecordingSender())
    engine.ingest(signups(100))
    sentinel, parents_end = os.pipe()
    os.close(parents_end)
    try:
        worked = Worker(engine, limit=1, **BRISK).run(ends_with=(sentinel,))
    finally:
        os.close(sentinel)
    assert worked.turns == 1
