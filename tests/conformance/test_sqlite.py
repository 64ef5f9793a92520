"""The SQLite store against what every store promises: by itself, opened anew, and beside another process."""

import sqlite3

import pytest

from flowkit.stores.sqlite import SqliteStore
from flowkit.testing.conformance import StoreConformance


class TestSqlite(StoreConformance):
    @pytest.fixture
    def path(self, tmp_path):
        return tmp_path / "flowkit.db"

    @pytest.fixture
    def opened(self):
        """All stores of a test, to be closed at its end."""
        stores = []
        yield stores
        for store in stores:
            store.close()

    @pytest.fixture
    def store(self, path, ticks, opened):
        self.open = lambda: opened.append(SqliteStore(path, synchronous="NORMAL", lease_clock=ticks)) or opened[-1]
        return self.open()

    @pytest.fixture
    def host(self, path, bench):
        bench.publish()  # A transaction that has begun sees no version that is published after.
        connection = sqlite3.connect(path, isolation_level=None)
        connection.execute("BEGIN IMMEDIATE")
        yield connection, lambda commit: connection.execute("COMMIT" if commit else "ROLLBACK")
        connection.close()


class TestSqliteBesideAnother(TestSqlite):
    def reopen(self, store):
        """Another connection with its own caches, as a second process has, while the first lives on."""
        return self.open()


class TestSqliteOpenedAnew(TestSqlite):
    def reopen(self, store):
        """What is read from the disk alone; but who holds a claim lives on, since to close is to give it up."""
        if not store._shared.notes:
            store.close()
        return self.open()
