"""A driver whose connection broke after a call had been made makes it once more: redis-py does so by itself."""

from contextlib import closing

import pytest
from redis import Redis

from flowkit.adapters.clock import VirtualClock
from flowkit.engine.sync import Engine
from flowkit.events import NO_NEEDS, Event
from flowkit.stores.redis import RedisStore
from flowkit.testing.recording import RecordingSender
from tests.support.journeys import HOUR, START, node, send, signup, wait, workflow


class Repeating:
    """A client that makes every call twice, and knows of the second answer alone."""

    def __init__(self, client):
        self._client = client

    def execute_command(self, *args, **options):
        self._client.execute_command(*args, **options)
        return self._client.execute_command(*args, **options)

    def pipeline(self, transaction=True):
        return RepeatingPipeline(self, self._client.pipeline(transaction=transaction))


class RepeatingPipeline:
    def __init__(self, client, pipeline):
        self._client = client
        self._pipeline = pipeline
        self._calls = []

    def execute_command(self, *args):
        self._calls.append(args)

    def execute(self, raise_on_error=True):
        for _ in range(2):
            for args in self._calls:
                self._pipeline.execute_command(*args)
            replies = self._pipeline.execute(raise_on_error=raise_on_error)
        return replies


@pytest.mark.parametrize("partitions", [1, 4])
def test_a_limit_of_all_subscribers_is_neither_passed_nor_reached_early(valkey_url, valkey_prefix, partitions):
    with closing(Redis.from_url(valkey_url)) as client:
        # The scripts are known, so that no call is refused first.
        RedisStore(client, prefix=f"{valkey_prefix}-before", partitions=partitions)
        store = RedisStore(Repeating(client), prefix=valkey_prefix, partitions=partitions)
        engine = Engine(store, sender=RecordingSender(needs=NO_NEEDS), clock=VirtualClock(START))
        engine.publish(workflow(node("start", wait(HOUR), send()), max_executions_total=7))
        for number in range(0, 12, 3):
            engine.ingest([signup(f"s{one}") for one in range(number, number + 3)])
        engine.ingest([Event("signup", "s0", id="again")])
        assert len(engine.runs()) == 7
        assert store.recall({}, runs=False, totals=["w"]).totals == {"w": 7}
