"""The store in memory against what every store promises; and the suite on a store whose calls have to be awaited."""

from flowkit.stores.memory import MemoryStore
from flowkit.testing.conformance import StoreConformance
from tests.support.worlds import Waiting


class TestMemory(StoreConformance):
    def make_store(self, ticks):
        return MemoryStore(ticks=ticks)


class TestMemoryThatWaits(StoreConformance):
    def make_store(self, ticks):
        return Waiting(MemoryStore(ticks=ticks))
