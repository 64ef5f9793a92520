"""The stores of the crash tests: by a path one file of SQLite, by a URL with a prefix behind ``#`` keys of a server."""

from __future__ import annotations

from flowkit import RedisStore, SqliteStore
from tests.crash.mutants import MUTANTS


def kind_of(place: str, mutant: str = "none") -> type[SqliteStore | RedisStore]:
    """Make the class of the store at a place, with what is wrong with it on purpose."""
    base = RedisStore if "://" in place else SqliteStore
    return type(f"{base.__name__}Under{mutant.title()}", (*MUTANTS[mutant], base), {})


def opened(kind: type[SqliteStore | RedisStore], place: str) -> SqliteStore | RedisStore:
    """Open a store of that class at a place."""
    url, mark, prefix = place.partition("#")
    return kind(url, prefix=prefix) if mark else kind(place)


def store_at(place: object) -> SqliteStore | RedisStore:
    """Open the store at a place."""
    return opened(kind_of(str(place)), str(place))
