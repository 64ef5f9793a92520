"""How transactions are made on a connection: flowkit's own, or one that the host has open."""

from __future__ import annotations

import sqlite3
from collections.abc import Generator
from contextlib import contextmanager
from typing import Final

from flowkit.errors import ConfigurationError, RetryTransaction, StoreBusy, StoreError
from flowkit.stores.sqlite import schema as sql

__all__ = ["Session", "translated"]

_BUSY: Final = 5
_LOCKED: Final = 6


@contextmanager
def translated(*, joined: bool) -> Generator[None]:
    """Turn the errors of a connection into flowkit's."""
    try:
        yield
    except sqlite3.OperationalError as error:
        if error.sqlite_errorcode & 0xFF in (_BUSY, _LOCKED):
            if joined:
                message = (
                    "the transaction cannot write, since another one wrote after it began to read: "
                    "roll it back, begin again with BEGIN IMMEDIATE, and do all of it again"
                )
                raise RetryTransaction(message) from error
            message = "the database stayed locked for longer than the time-out; nothing was written"
            raise StoreBusy(message) from error
        message = f"the database refused: {error} ({error.sqlite_errorname}); nothing was written"
        raise StoreError(message) from error
    except sqlite3.DatabaseError as error:
        message = f"the database refused: {error}; nothing was written"
        raise StoreError(message) from error


class Session:
    """A connection of flowkit's own, or a host's with a transaction open.

    Args:
        connection: The connection.
        joined: Whether it is the host's: then flowkit never begins, commits or rolls back, and works in savepoints.
    """

    def __init__(self, connection: sqlite3.Connection, *, joined: bool) -> None:
        self.joined = joined
        self.connection = connection
        self.cursor = connection.cursor()
        self.cursor.row_factory = None
        # Where the driver begins no transaction by itself (autocommit is new in Python 3.12), the host has to.
        by_itself = connection.isolation_level is not None and getattr(connection, "autocommit", False) is not True
        if joined and not connection.in_transaction and not by_itself:
            message = "the connection has no transaction open: begin one with BEGIN IMMEDIATE before it is joined"
            raise ConfigurationError(message)

    def lock(self) -> None:
        """Make the first statement of a joined transaction a write, so that it cannot find out too late."""
        if self.joined:
            with translated(joined=True):
                self.cursor.execute(sql.TOUCH)

    @contextmanager
    def transaction(self) -> Generator[sqlite3.Cursor]:
        """Write all that is done within, or nothing of it."""
        begin, commit, undo = (
            ("SAVEPOINT flowkit", "RELEASE flowkit", ("ROLLBACK TO flowkit", "RELEASE flowkit"))
            if self.joined
            else ("BEGIN IMMEDIATE", "COMMIT", ("ROLLBACK",))
        )
        cursor = self.cursor
        with translated(joined=self.joined):
            cursor.execute(begin)
            try:
                yield cursor
                cursor.execute(commit)
            except BaseException:
                # A full disk or an I/O error may have rolled back already.
                if self.connection.in_transaction:
                    for statement in undo:
                        cursor.execute(statement)
                raise

    @contextmanager
    def snapshot(self) -> Generator[sqlite3.Cursor]:
        """Let all that is read within be of one moment."""
        if self.joined:
            yield self.cursor
            return
        with translated(joined=False):
            self.cursor.execute("BEGIN")
            try:
                yield self.cursor
            finally:
                if self.connection.in_transaction:
                    self.cursor.execute("ROLLBACK")
