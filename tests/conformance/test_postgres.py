"""The PostgreSQL store against what every store promises: by itself, and beside another process."""

import pytest

from flowkit.stores.postgres import PostgresStore
from flowkit.testing.conformance import StoreConformance


class TestPostgres(StoreConformance):
    @pytest.fixture
    def store(self, postgres, ticks):
        store = PostgresStore(postgres.dsn, schema=postgres.schema, lease_clock=ticks)
        yield store
        store.close()

    @pytest.fixture
    def host(self, postgres, bench):
        bench.publish()  # Else it is the transaction that publishes, and what it rolls back is published no more.
        connection = postgres.connect()
        connection.execute("SELECT 1")

        def end(commit):
            (connection.commit if commit else connection.rollback)()

        yield connection, end
        connection.close()


class TestPostgresBesideAnother(TestPostgres):
    @pytest.fixture
    def store(self, postgres, ticks):
        stores = []

        def opened():
            stores.append(PostgresStore(postgres.dsn, schema=postgres.schema, lease_clock=ticks))
            return stores[-1]

        self.open = opened
        yield opened()
        for store in stores:
            store.close()

    def reopen(self, store):
        """Another one with its own connections and caches, as a second process has, while the first lives on."""
        return self.open()
