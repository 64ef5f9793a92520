"""A worker as a task of an event loop."""

import asyncio
from datetime import timedelta

import pytest

from flowkit.adapters.clock import VirtualClock
from flowkit.adapters.profiles import MemoryProfiles
from flowkit.engine.aio import AsyncEngine
from flowkit.errors import StoreError
from flowkit.events import NO_NEEDS
from flowkit.ports import InDoubt
from flowkit.runs.effects import DONE
from flowkit.stores.memory import MemoryStore
from flowkit.testing.recording import RecordingSender
from flowkit.worker.aio import AsyncWorker
from tests.support.journeys import HOUR, START, node, send, signup, signups, wait, workflow

SOON = timedelta(milliseconds=1)
LONG = timedelta(hours=1)
BRISK = {"shortest_rest": SOON, "longest_rest": SOON}


class Sender:
    """A sender that takes its time, and during whose first call something happens."""

    key_window = None
    timeout = timedelta(seconds=5)
    in_doubt = InDoubt.RESEND
    needs = NO_NEEDS

    def __init__(self, happening=lambda: None):
        self.happening, self.delivered = happening, []

    async def send(self, messages):
        await asyncio.sleep(0)  # so that it suspends, as a connection does
        if not self.delivered:
            self.happening()
        self.delivered += messages
        return [DONE] * len(messages)


async def greeted(sender, store=None, **fields):
    engine = AsyncEngine(store or MemoryStore(), sender=sender, **fields)
    await engine.publish(workflow(node("start", send())))
    return engine


def test_it_does_what_is_due_and_ends_when_it_is_asked_to():
    async def story():
        sender = Sender()
        engine = await greeted(sender)
        await engine.ingest(signups(10))
        worker = AsyncWorker(engine, on_turn=lambda turn: turn.rest and worker.stop(), **BRISK)
        worked = await worker.run()
        assert (worked.turns, worked.advanced.done, len(sender.delivered)) == (2, 10, 10)

    asyncio.run(story())


def test_after_the_grace_no_call_is_begun():
    async def story():
        sender = Sender(lambda: worker.stop(timedelta()))
        engine = await greeted(sender)
        await engine.ingest(signups(350))
        worker = AsyncWorker(engine)
        done = (await worker.run()).advanced.done
        assert 0 < done < 350
        assert (await engine.advance()).done == 350 - done
        assert len({message.key for message in sender.delivered}) == len(sender.delivered) == 350

    asyncio.run(story())


def test_it_is_woken_from_a_long_rest():
    async def story():
        sender, resting = Sender(), asyncio.Event()
        engine = await greeted(sender)

        def on_turn(turn):
            if turn.rest:
                resting.set()
            if turn.advanced.done:
                worker.stop()

        worker = AsyncWorker(engine, on_turn=on_turn, shortest_rest=LONG, longest_rest=LONG)
        task = asyncio.create_task(worker.run())
        await resting.wait()
        await engine.ingest([signup()])
        worker.wake()
        assert (await asyncio.wait_for(task, 60)).advanced.done == 1

    asyncio.run(story())


def test_cancelled_it_leaves_what_is_in_hand_to_whoever_comes_next():
    async def story():
        def cancel():
            task.cancel()

        sender = Sender(cancel)
        engine = await greeted(sender)
        await engine.ingest(signups(3))
        task = asyncio.create_task(AsyncWorker(engine).run())
        with pytest.raises(asyncio.CancelledError):
            await task
        await engine.advance()
        assert {message.subscriber_id for message in sender.delivered} == {"s0", "s1", "s2"}

    asyncio.run(story())


def test_a_store_that_fails_is_tried_again():
    class Failing(MemoryStore):
        left = 2

        def claim(self, now, *, limit, lease):
            if self.left:
                self.left -= 1
                message = "the store is down"
                raise StoreError(message)
            return super().claim(now, limit=limit, lease=lease)

    async def story():
        engine = await greeted(Sender(), Failing())
        await engine.ingest([signup()])
        worker = AsyncWorker(engine, on_turn=lambda turn: turn.advanced.done and worker.stop(), **BRISK)
        worked = await worker.run()
        assert (worked.failures, worked.advanced.done) == (2, 1)

    asyncio.run(story())


def test_it_rests_until_the_next_run_is_due():
    async def story():
        clock = VirtualClock(START)
        engine = AsyncEngine(MemoryStore(), clock=clock)
        await engine.publish(workflow(node("start", wait(HOUR))))
        await engine.ingest([signup()])
        await engine.advance()
        clock.set(START + HOUR - timedelta(seconds=0.01))
        rests = []

        def on_turn(turn):
            rests.append(turn.rest)
            clock.set(START + HOUR)
            if turn.advanced.runs:
                worker.stop()

        worker = AsyncWorker(engine, on_turn=on_turn, shortest_rest=LONG, longest_rest=LONG, clock=clock)
        await worker.run()
        assert rests == [pytest.approx(0.01), 0.0]

    asyncio.run(story())


def test_other_tasks_have_their_turn_while_there_is_a_lot_to_do(any_store):
    async def main():
        profiles = MemoryProfiles({f"s{number}": {"email": f"s{number}@example.com"} for number in range(100)})
        engine = AsyncEngine(any_store, sender=RecordingSender(), profiles=profiles)
        await engine.publish(workflow(node("start", send())))
        await engine.ingest(signups(100))
        worker = AsyncWorker(engine, limit=1, **BRISK)
        working = asyncio.create_task(worker.run())
        await asyncio.sleep(0)
        worker.stop()
        return await working

    assert asyncio.run(main()).turns < 10
