"""How work reaches the server: in transactions of flowkit's own, or in savepoints of one that the host has open."""

from __future__ import annotations

from collections.abc import Callable, Generator
from contextlib import contextmanager
from typing import Final, Protocol, TypeVar

import psycopg
from psycopg.pq import TransactionStatus

from flowkit.errors import ConfigurationError, RetryTransaction
from flowkit.stores.postgres.connections import Connection, Connections
from flowkit.stores.postgres.faults import is_lost, is_undone, to_be_raised, translated
from flowkit.stores.postgres.link import Link, Schema

__all__ = ["Access", "Joined", "Own", "driver_connection"]

T = TypeVar("T")
_ATTEMPTS: Final = 6
_LAYERS: Final = 3


class Access(Protocol):
    """Does work on a connection."""

    @property
    def joined(self) -> bool:
        """Whether it is within a host's transaction, which may still be rolled back."""
        ...

    def read(self, work: Callable[[Link], T]) -> T:
        """Do work that writes nothing, or all that it writes with one statement."""
        ...

    def write(self, work: Callable[[Link], T]) -> T:
        """Do work of which all is written or nothing; it may be done again from its beginning."""
        ...


class Own:
    """Works on connections of the store's own, each piece of work in a transaction of its own.

    What the server undid in favour of another transaction is done again; so is, once, what was asked of a connection
    that turned out to be lost before its commit was asked for. A connection that is lost in its commit leaves open what
    became of it, and nothing is done again.
    """

    joined = False

    def __init__(self, connections: Connections, schema: Schema) -> None:
        self._connections = connections
        self._schema = schema

    def read(self, work: Callable[[Link], T]) -> T:
        """See ``Access.read``."""
        return self._tried(lambda link, _: work(link))

    def write(self, work: Callable[[Link], T]) -> T:
        """See ``Access.write``."""

        def whole(link: Link, commit: Callable[[], None]) -> T:
            link.run("BEGIN ISOLATION LEVEL READ COMMITTED")
            done = work(link)
            commit()
            link.run("COMMIT")
            return done

        return self._tried(whole)

    def _tried(self, work: Callable[[Link, Callable[[], None]], T]) -> T:
        lost = False
        for attempt in range(_ATTEMPTS):
            asked: list[bool] = []
            try:
                with translated(joined=False), self._connections.lend() as connection:
                    link = Link(connection, self._schema, joined=False)
                    with _rolled_back_on_error(link):
                        return work(link, lambda: asked.append(True))  # noqa: B023 - called before the next attempt
            except Exception as error:
                cause = error.__cause__
                if not isinstance(cause, psycopg.Error):
                    raise
                if is_lost(cause) and not asked and not lost:
                    lost = True
                    self._connections.forget()
                elif not is_undone(cause) or attempt == _ATTEMPTS - 1:
                    raise
        raise AssertionError  # The last attempt returns or raises.


@contextmanager
def _rolled_back_on_error(link: Link) -> Generator[None]:
    """Roll back what is open on a connection where the block raises."""
    try:
        yield
    except BaseException:
        connection = link.connection
        if not connection.closed and connection.info.transaction_status != TransactionStatus.IDLE:
            try:
                link.run("ROLLBACK")
            except psycopg.Error:
                connection.close()  # The server rolls back when the session ends.
        raise


class Joined:
    """Works within the transaction that a host has open, in savepoints, so that what fails leaves it as it was.

    Args:
        connection: The host's connection.
        schema: The schema of the store.

    Raises:
        ConfigurationError: No transaction is open, or it is none in which flowkit sees what others wrote.
        RetryTransaction: The transaction has failed already.
    """

    joined = True

    def __init__(self, connection: Connection, schema: Schema) -> None:
        status = connection.info.transaction_status
        if status == TransactionStatus.IDLE and connection.autocommit:
            message = "the connection has no transaction open: begin one before it is joined"
            raise ConfigurationError(message)
        if status == TransactionStatus.INERROR:
            message = "the transaction has failed already: roll it back, and do all of it again"
            raise RetryTransaction(message)
        self._link = Link(connection, schema, joined=True)
        with translated(joined=True):
            [(isolation,)] = self._link.rows("SHOW transaction_isolation")
        if isolation != "read committed":
            message = f"a transaction that is joined must be READ COMMITTED, not {str(isolation).upper()}"
            raise ConfigurationError(message)

    def read(self, work: Callable[[Link], T]) -> T:
        """See ``Access.read``."""
        return self.write(work)

    def write(self, work: Callable[[Link], T]) -> T:
        """See ``Access.write``."""
        link = self._link
        try:
            link.run("SAVEPOINT flowkit_work")
            try:
                done = work(link)
            except BaseException:
                if link.connection.info.transaction_status in {TransactionStatus.INTRANS, TransactionStatus.INERROR}:
                    link.run("ROLLBACK TO SAVEPOINT flowkit_work")
                    link.run("RELEASE SAVEPOINT flowkit_work")
                raise
            link.run("RELEASE SAVEPOINT flowkit_work")
        except psycopg.Error as error:
            raise to_be_raised(error, joined=True) from error
        return done


def driver_connection(given: object) -> Connection:
    """Find the driver's connection in what a host holds: itself, or one of Django's or SQLAlchemy's.

    Raises:
        ConfigurationError: There is none in it.
    """
    found: object = given
    for _ in range(_LAYERS):
        if isinstance(found, psycopg.Connection):
            return found  # pyright: ignore[reportUnknownVariableType] # whatever its rows are
        found = getattr(found, "driver_connection", None) or getattr(found, "connection", None)
    message = (
        "PostgresStore joins an open psycopg.Connection, or one of Django's or SQLAlchemy's over psycopg 3, "
        f"not {type(given).__name__}"
    )
    raise ConfigurationError(message)
