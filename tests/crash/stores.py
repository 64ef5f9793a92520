"""The stores of the crash tests by their places, as they are told to processes.

By a path it is one file of SQLite; by ``URL#PREFIX`` keys of a Redis server, by ``DSN#SCHEMA`` a schema of PostgreSQL.
"""

from __future__ import annotations

from flowkit import RedisStore, SqliteStore
from flowkit.stores.postgres import PostgresStore
from tests.crash.mutants import MUTANTS

_REDIS = ("redis://", "rediss://", "unix://")

AnyStore = SqliteStore | PostgresStore | RedisStore


def kind_of(place: str, mutant: str = "none") -> type[AnyStore]:
    """Make the class of the store at a place, with what is wrong with it on purpose."""
    on_server = RedisStore if place.startswith(_REDIS) else PostgresStore
    base = on_server if "#" in place else SqliteStore
    return type(f"{base.__name__}Under{mutant.title()}", (*MUTANTS[mutant], base), {})


def opened(kind: type[AnyStore], place: str) -> AnyStore:
    """Open a store of that class at a place."""
    server, _, name = place.rpartition("#")
    if issubclass(kind, SqliteStore):
        return kind(place)
    return kind(server, prefix=name) if issubclass(kind, RedisStore) else kind(server, schema=name)


def store_at(place: object) -> AnyStore:
    """Open the store at a place."""
    return opened(kind_of(str(place)), str(place))
