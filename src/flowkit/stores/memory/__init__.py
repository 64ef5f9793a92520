"""The store in memory: for tests, previews and simulations, and the model that other stores are held against."""

from flowkit.stores.memory.store import MemoryStore

__all__ = ["MemoryStore"]
