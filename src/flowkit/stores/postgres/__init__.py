"""The store for many workers on many machines: a schema of a PostgreSQL database."""

from importlib.util import find_spec

if find_spec("psycopg") is None:
    message = "PostgresStore needs psycopg 3: pip install 'flowkit-journeys[postgres]'"
    raise ImportError(message)

from flowkit.stores.postgres.store import PostgresStore

__all__ = ["PostgresStore"]
