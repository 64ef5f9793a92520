"""Where connections come from: made by the store and kept, or taken from a host's pool."""

from __future__ import annotations

import os
from collections.abc import Callable, Generator
from contextlib import AbstractContextManager, contextmanager
from datetime import timedelta
from threading import BoundedSemaphore
from typing import Any, Final, Literal, Protocol, TypeAlias, runtime_checkable

import psycopg
from attrs import frozen
from psycopg.conninfo import conninfo_to_dict, make_conninfo
from psycopg.pq import TransactionStatus

from flowkit.errors import ConfigurationError, StoreBusy

__all__ = ["Connection", "ConnectionPool", "Connections", "Kept", "Pooled", "Settings", "Synchronous", "connector"]

Connection: TypeAlias = psycopg.Connection[Any]
Synchronous: TypeAlias = Literal["on", "local", "remote_write", "remote_apply", "off"]
_MILLISECOND: Final = timedelta(milliseconds=1)
_DEFAULTS: Final = {"connect_timeout": 5, "keepalives_idle": 30, "keepalives_interval": 10, "keepalives_count": 3}
"""What a connection string may say otherwise: a server that is gone is noticed within a minute."""


@runtime_checkable
class ConnectionPool(Protocol):
    """A host's pool, such as ``psycopg_pool.ConnectionPool``."""

    def connection(self) -> AbstractContextManager[Connection]:
        """Lend a connection for the length of a block."""
        ...


class Connections(Protocol):
    """Lends connections that are in autocommit mode, each to one piece of work at a time."""

    def lend(self) -> AbstractContextManager[Connection]:
        """Lend one for the length of a block; one that is broken or busy at its end is not lent again.

        Raises:
            StoreBusy: None came free within the time-out.
        """
        ...

    def forget(self) -> None:
        """Lend none of those any more that are at rest now: the server that they led to is gone."""
        ...

    def close(self) -> None:
        """Close those that are at rest, and lend no more."""
        ...


@frozen
class Settings:
    """What every connection that the store makes is told.

    Attributes:
        synchronous: What a commit waits for; None for what the server says.
        timeout: The longest wait for a lock, and for a connection.
        statement: The longest that a statement takes.
    """

    synchronous: Synchronous | None
    timeout: timedelta
    statement: timedelta

    def apply(self, connection: Connection) -> None:
        """Tell a connection, which is in autocommit mode."""
        wanted = {
            "lock_timeout": f"{max(1, self.timeout // _MILLISECOND)}ms",
            "statement_timeout": f"{max(1, self.statement // _MILLISECOND)}ms",
            # A worker that stands still within a transaction holds locks that others wait for.
            "idle_in_transaction_session_timeout": f"{max(1, self.statement // _MILLISECOND)}ms",
            "default_transaction_isolation": "read committed",
        }
        if self.synchronous is not None:
            wanted["synchronous_commit"] = self.synchronous
        connection.execute(
            "SELECT set_config(name, value, false) FROM unnest(%s::text[], %s::text[]) v(name, value)",
            (list(wanted), list(wanted.values())),
        )


def connector(dsn: str) -> Callable[[], Connection]:
    """Make what connects to a server by a connection string or address.

    Raises:
        ConfigurationError: It is neither.
    """
    try:
        given = conninfo_to_dict(dsn)
    except psycopg.ProgrammingError as error:
        message = "the connection string cannot be read; write 'host=... dbname=... user=...' or 'postgresql://...'"
        raise ConfigurationError(message) from error
    options = {name: value for name, value in _DEFAULTS.items() if name not in given}
    whole = make_conninfo(dsn, **options)
    return lambda: psycopg.connect(whole, autocommit=True)


class Kept:
    """Makes connections and keeps them, up to a number.

    Args:
        connect: Makes one.
        settings: What each is told.
        most: How many there are at once.
    """

    def __init__(self, connect: Callable[[], Connection], settings: Settings, most: int) -> None:
        self._connect = connect
        self._settings = settings
        self._room = BoundedSemaphore(most)
        self._idle: list[Connection] = []
        self._process = os.getpid()
        self._closed = False

    @contextmanager
    def lend(self) -> Generator[Connection]:
        """Lend the one that was given back last, or a new one; see ``Connections.lend``."""
        if not self._room.acquire(timeout=self._settings.timeout.total_seconds()):
            message = "all connections of the store stayed in use for longer than the time-out; nothing was written"
            raise StoreBusy(message)
        try:
            connection = self._take()
            try:
                yield connection
            finally:
                if self._closed or not _at_rest(connection):
                    connection.close()
                else:
                    self._idle.append(connection)
        finally:
            self._room.release()

    def _take(self) -> Connection:
        if self._closed:
            message = "the store was closed"
            raise ConfigurationError(message)
        if self._process != os.getpid():  # A fork: those connections are the other process's.
            self._process = os.getpid()
            self._idle = []
        while self._idle:
            connection = self._idle.pop()
            if not connection.closed:
                return connection
        connection = self._connect()
        try:
            if not connection.autocommit:
                connection.autocommit = True
            self._settings.apply(connection)
        except BaseException:
            connection.close()
            raise
        return connection

    def forget(self) -> None:
        """See ``Connections.forget``."""
        idle, self._idle = self._idle, []
        for connection in idle:
            connection.close()

    def close(self) -> None:
        """See ``Connections.close``."""
        self._closed = True
        self.forget()


class Pooled:
    """Takes connections from a host's pool, which tells them what they are told."""

    def __init__(self, pool: ConnectionPool) -> None:
        self._pool = pool

    @contextmanager
    def lend(self) -> Generator[Connection]:
        """See ``Connections.lend``."""
        with self._pool.connection() as connection:
            before = connection.autocommit
            if not before:
                connection.autocommit = True
            try:
                yield connection
            finally:
                if not before and _at_rest(connection):
                    connection.autocommit = False

    def forget(self) -> None:
        """Leave it to the pool, which looks at those that come back."""

    def close(self) -> None:
        """Leave it to the host, whose pool it is."""


def _at_rest(connection: Connection) -> bool:
    return not connection.closed and connection.info.transaction_status == TransactionStatus.IDLE
