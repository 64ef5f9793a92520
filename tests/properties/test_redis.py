"""Engines over memory and over Redis: whatever comes, they write the same journals, on one server and on a cluster."""

from contextlib import closing
from uuid import uuid4

import pytest
from hypothesis import given, settings
from redis.cluster import RedisCluster

from flowkit import RedisStore
from tests.properties.test_sync_async import scenarios
from tests.support.worlds import on_memory, on_store


def compared(scenario, store, *, waiting=False):
    """Hold what is left on a store against memory, as far as a store with partitions promises it."""
    memory, redis = on_memory(scenario), on_store(scenario, store, waiting=waiting)
    assert redis.by_run == memory.by_run
    assert redis.runs == memory.runs
    assert redis.profiles == memory.profiles
    assert sorted(map(repr, redis.got)) == sorted(map(repr, memory.got))
    assert sorted(map(repr, redis.journal)) == sorted(map(repr, memory.journal))


@given(scenarios)
@settings(max_examples=20)
@pytest.mark.parametrize("waiting", [False, True], ids=["sync", "async"])
def test_a_server_keeps_it_as_memory_does(valkey_url, waiting, scenario):
    with closing(RedisStore(valkey_url, prefix=uuid4().hex)) as store:
        compared(scenario, store, waiting=waiting)


@given(scenarios)
@settings(max_examples=20)
def test_a_cluster_keeps_it_as_memory_does(valkey_cluster, scenario):
    with closing(RedisCluster.from_url(valkey_cluster)) as client:
        compared(scenario, RedisStore(client, prefix=uuid4().hex, partitions=8))


def test_several_partitions_lie_on_several_servers(valkey_cluster, valkey_prefix):
    """So that the tests on a cluster say something."""
    with closing(RedisCluster.from_url(valkey_cluster)) as client:
        store = RedisStore(client, prefix=valkey_prefix, partitions=8)
        nodes = {client.get_node_from_key(store._layout.base(part)).name for part in range(8)}
        assert len(nodes) > 1


def test_one_server_refuses_a_cluster_slot_that_is_not_its_own(valkey_cluster):
    """A cluster does refuse keys of several slots: without tags the scripts would not pass."""
    with closing(RedisCluster.from_url(valkey_cluster)) as client, pytest.raises(Exception, match="slot"):
        client.execute_command("EVAL", "return redis.call('GET', KEYS[2])", 2, "a", "b")
