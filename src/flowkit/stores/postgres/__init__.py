"""The store for many workers on many machines: a schema of a PostgreSQL database."""

from flowkit.stores.postgres.store import PostgresStore

__all__ = ["PostgresStore"]
