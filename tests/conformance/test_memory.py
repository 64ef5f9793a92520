"""The store in memory against what every store promises."""

from flowkit.stores.memory import MemoryStore
from flowkit.testing.conformance import StoreConformance


class TestMemory(StoreConformance):
    def make_store(self, ticks):
        return MemoryStore(ticks=ticks)
