"""The Redis store against what every store promises, on a real server: by itself, and beside another process."""

from contextlib import closing

import pytest

from flowkit.stores.redis import RedisStore
from flowkit.testing.conformance import StoreConformance


class TestRedis(StoreConformance):
    @pytest.fixture
    def store(self, valkey_url, valkey_prefix, ticks, opened):
        self.open = lambda: opened(RedisStore(valkey_url, prefix=valkey_prefix, lease_clock=ticks))
        return self.open()

    @pytest.fixture
    def opened(self):
        """All stores of a test, to be closed at its end."""
        stores = []

        def keep(store):
            stores.append(store)
            return store

        yield keep
        for store in stores:
            with closing(store):
                pass


class TestRedisBesideAnother(TestRedis):
    def reopen(self, store):
        """Another client with its own caches, as a second process has, while the first lives on."""
        return self.open()
