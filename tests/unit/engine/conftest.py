"""The stores on which what an engine does must be the same."""

from contextlib import closing

import pytest

from flowkit.stores.memory import MemoryStore
from flowkit.stores.postgres import PostgresStore
from tests.support.journeys import sqlite_store


@pytest.fixture(params=["memory", "sqlite", "postgres"])
def any_store(request, tmp_path):
    """An empty store of each kind."""
    if request.param == "memory":
        yield MemoryStore()
    elif request.param == "sqlite":
        with sqlite_store(tmp_path / "flowkit.db", synchronous="NORMAL") as store:
            yield store
    else:
        database = request.getfixturevalue("postgres")
        with closing(PostgresStore(database.dsn, schema=database.schema)) as store:
            yield store
