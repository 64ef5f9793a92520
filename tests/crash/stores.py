"""The stores of the crash tests by their addresses, as they are told to processes."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Final

from flowkit import SqliteStore
from flowkit.stores.postgres import PostgresStore
from tests.crash.mutants import MUTANTS
from tests.support.postgres import Database

_POSTGRES: Final = "postgres"


def address_of(database: Database) -> str:
    """Write the address of a schema; a store in a file has its path for one."""
    return f"{_POSTGRES} {database.schema} {database.dsn}"


def open_store(address: str, mutant: str = "none", wrap: Callable[[type], type] = lambda kind: kind) -> Any:
    """Open the store at an address.

    Args:
        address: Where it is.
        mutant: What is wrong with it, on purpose.
        wrap: Makes another kind of store of its kind.
    """
    kind, _, rest = address.partition(" ")
    schema, _, dsn = rest.partition(" ")
    store: type = PostgresStore if kind == _POSTGRES else SqliteStore
    wrong = MUTANTS[mutant]
    if wrong is not None:
        store = type(wrong.__name__, (wrong, store), {})
    return wrap(store)(dsn, schema=schema) if kind == _POSTGRES else wrap(store)(address)
