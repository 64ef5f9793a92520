"""A cursor that knows the schema: statements are written for the schema ``flowkit``, and run in the store's own."""

from __future__ import annotations

import re
from collections.abc import Sequence
from functools import lru_cache
from hashlib import blake2b
from typing import Any, Final, TypeAlias

import psycopg
from psycopg.rows import tuple_row

from flowkit.errors import ConfigurationError

__all__ = ["Link", "Row", "Schema", "columns"]

Row: TypeAlias = tuple[Any, ...]
_NAME: Final = re.compile(r"[a-z_][a-z0-9_]{0,62}")


class Schema:
    """The schema that a store lives in.

    Args:
        name: Its name, as the server shows it.

    Attributes:
        quoted: Its name as statements write it.
        lock: The number of the advisory lock that its publications and its making take.
        places: The first number of those that places under frequency caps take.

    Raises:
        ConfigurationError: It can be no name of a schema.
    """

    def __init__(self, name: str) -> None:
        if _NAME.fullmatch(name) is None:
            message = f"schema must be a name of up to 63 letters of a to z, digits and underscores, not {name!r}"
            raise ConfigurationError(message)
        self.name = name
        self.quoted = f'"{name}"'
        digest = blake2b(f"flowkit {name}".encode(), digest_size=12).digest()
        self.lock = int.from_bytes(digest[:8], signed=True)
        self.places = int.from_bytes(digest[8:], signed=True)
        # The driver prepares a statement that it sees often, by what it is: so each is made once.
        self.own = lru_cache(maxsize=1024)(self._own)

    def _own(self, statement: str) -> bytes:
        """Give a statement as it runs in this schema."""
        return statement.replace("flowkit.", f"{self.quoted}.").encode()


class Link:
    """A connection for the length of one piece of work.

    Args:
        connection: The connection.
        schema: The schema that statements run in.
        joined: Whether the connection, and the transaction that is open on it, are a host's.
    """

    def __init__(self, connection: psycopg.Connection[Any], schema: Schema, *, joined: bool) -> None:
        self.schema = schema
        self.joined = joined
        self.connection = connection
        # Not the connection's own kind of cursor: a host may have set one that gives other rows.
        self._cursor = psycopg.Cursor(connection, row_factory=tuple_row)

    def rows(self, statement: str, *values: object) -> list[Row]:
        """Run a statement and give all its rows."""
        return self._cursor.execute(self.schema.own(statement), values).fetchall()

    def row(self, statement: str, *values: object) -> Row | None:
        """Run a statement and give its row, if there is one."""
        return self._cursor.execute(self.schema.own(statement), values).fetchone()

    def write(self, statement: str, *values: object) -> int:
        """Run a statement and tell how many rows it wrote."""
        return self._cursor.execute(self.schema.own(statement), values).rowcount

    def run(self, statement: str) -> None:
        """Run a statement without values: one that begins or ends something, or makes a table."""
        self._cursor.execute(self.schema.own(statement))

    def number(self, statement: str, *values: object) -> int:
        """Run a statement and give the one number that it finds.

        Args:
            statement: One that always finds a row.
            values: Its values.
        """
        [(number,)] = self.rows(statement, *values)
        return int(number)


def columns(rows: Sequence[Sequence[object]], width: int) -> list[list[object]]:
    """Turn rows into columns, which is how a statement takes many at once.

    Args:
        rows: The rows.
        width: How many columns there are, also where there is no row.
    """
    return [list(column) for column in zip(*rows, strict=True)] if rows else [[] for _ in range(width)]
