"""How the file is opened: the connection, the tables, and what is at hand from the first call on."""

from __future__ import annotations

import sqlite3
from datetime import timedelta

from flowkit.errors import StoreVersionError
from flowkit.stores.sqlite import schema as sql
from flowkit.stores.sqlite.notes import sweep_notes
from flowkit.stores.sqlite.session import Session, translated
from flowkit.stores.sqlite.shared import Shared

__all__ = ["open_session"]


def open_session(shared: Shared, synchronous: str, timeout: timedelta) -> Session:
    """Open a connection to the file, and make the tables where there are none.

    Raises:
        StoreVersionError: The file was written by a later version of flowkit.
    """
    with translated(joined=False):
        connection = sqlite3.connect(
            shared.path, timeout=timeout.total_seconds(), isolation_level=None, check_same_thread=False
        )
    try:
        with translated(joined=False):
            connection.execute("PRAGMA journal_mode = WAL")
            connection.execute(f"PRAGMA synchronous = {synchronous}")
            connection.execute("PRAGMA cache_size = -4000")
        session = Session(connection, joined=False)
        _make_tables(session)
        _learn(session.cursor, shared)
    except BaseException:
        connection.close()
        raise
    return session


def _make_tables(session: Session) -> None:
    """Make the tables where there are none, and refuse those of a later version."""
    cursor = session.cursor
    with translated(joined=False):
        exists = "SELECT 1 FROM sqlite_master WHERE type = 'table' AND name = 'flowkit_meta'"
        if cursor.execute(exists).fetchone() is None:
            with session.transaction():
                if cursor.execute(exists).fetchone() is None:
                    for statement in sql.TABLES:
                        cursor.execute(statement)
        [version] = cursor.execute("SELECT value FROM flowkit_meta WHERE name = 'schema'").fetchone()
    if version != sql.SCHEMA_VERSION:
        message = (
            f"the file has schema {version}, this version of flowkit knows schema {sql.SCHEMA_VERSION}: "
            f"use a version of flowkit that knows it; nothing was written"
        )
        raise StoreVersionError(message)


def _learn(cursor: sqlite3.Cursor, shared: Shared) -> None:
    """Have the newest phrases at hand, and take away the notes that no claim names."""
    shared.phrases.learn(cursor.execute("SELECT id, text FROM flowkit_phrase ORDER BY id DESC LIMIT 5000").fetchall())
    sweep_notes(shared.path, {path for (path,) in cursor.execute("SELECT notes FROM flowkit_claim").fetchall()})
