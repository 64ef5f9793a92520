"""The engine with an event loop over PostgreSQL, in the loop's own thread and in others."""

import asyncio
from contextlib import closing

from flowkit.adapters.clock import VirtualClock
from flowkit.engine.aio import AsyncEngine
from flowkit.engine.sync import Engine
from flowkit.events import NO_NEEDS
from flowkit.stores.postgres import PostgresStore
from flowkit.testing.recording import RecordingSender
from tests.support.journeys import HOUR, START, kinds, node, send, signup, signups, stand, wait, workflow

SERIES = workflow(node("start", send(), wait()))


class InThreads:
    """A store each of whose calls is made by a thread of its own, so that the loop does not wait for the server."""

    def __init__(self, store):
        self._store = store

    def __getattr__(self, name):
        found = getattr(self._store, name)
        if not callable(found) or name in {"joined", "attempts"}:
            return found

        async def method(*arguments, **options):
            return await asyncio.to_thread(found, *arguments, **options)

        return method


async def lived(store):
    sender = RecordingSender(needs=NO_NEEDS)
    engine = AsyncEngine(store, clock=VirtualClock(START), sender=sender)
    await engine.publish(SERIES)
    await asyncio.gather(*(engine.ingest([one]) for one in signups(12)))
    advanced = await asyncio.gather(*(engine.advance() for _ in range(3)))
    assert sum(one.done for one in advanced) == 12
    await engine.advance(now=START + HOUR)
    assert len({message.key for message in sender.messages}) == len(sender.messages) == 12


def test_an_event_loop_does_the_same_as_none(postgres, new_postgres):
    stands = []
    for database, wrap in ((postgres, lambda store: store), (new_postgres, InThreads)):
        with closing(PostgresStore(database.dsn, schema=database.schema)) as store:
            asyncio.run(lived(wrap(store)))
            engine = Engine(store)
            stands.append({name: one[1:] for name, one in stand(engine.runs()).items()})
            assert kinds(engine.journal(subscriber_id="s3"))[-1].startswith("completed")
    assert stands[0] == stands[1]


def test_a_host_awaits_its_own_transaction(postgres):
    async def reported(store):
        engine = AsyncEngine(store, clock=VirtualClock(START), sender=RecordingSender(needs=NO_NEEDS))
        await engine.publish(SERIES)
        with postgres.connect() as connection:
            await engine.ingest([signup()], connection=connection)
            assert await engine.runs() == []
        return await engine.runs()

    with closing(PostgresStore(postgres.dsn, schema=postgres.schema)) as store:
        assert len(asyncio.run(reported(store))) == 1
