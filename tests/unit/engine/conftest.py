"""The stores on which what an engine does must be the same."""

from contextlib import closing

import pytest

from flowkit.stores.memory import MemoryStore
from flowkit.stores.postgres import PostgresStore
from flowkit.stores.redis import RedisStore
from tests.support.journeys import sqlite_store


@pytest.fixture(params=["memory", "sqlite", "postgres", "redis"])
def any_store(request, tmp_path):
    """An empty store of each kind."""
    match request.param:
        case "memory":
            yield MemoryStore()
        case "sqlite":
            with sqlite_store(tmp_path / "flowkit.db", synchronous="NORMAL") as store:
                yield store
        case "postgres":
            database = request.getfixturevalue("postgres")
            with closing(PostgresStore(database.dsn, schema=database.schema)) as store:
                yield store
        case _:
            url, prefix = request.getfixturevalue("valkey_url"), request.getfixturevalue("valkey_prefix")
            with closing(RedisStore(url, prefix=prefix)) as store:
                yield store
