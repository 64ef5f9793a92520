"""The stores on which what an engine does must be the same."""

import pytest

from flowkit.stores.memory import MemoryStore
from tests.support.journeys import sqlite_store


@pytest.fixture(params=["memory", "sqlite"])
def any_store(request, tmp_path):
    """An empty store of each kind."""
    if request.param == "memory":
        yield MemoryStore()
    else:
        with sqlite_store(tmp_path / "flowkit.db", synchronous="NORMAL") as store:
            yield store
