"""The embedded default store: one SQLite file."""

from flowkit.stores.sqlite.store import SqliteStore

__all__ = ["SqliteStore"]
