"""What the server's errors mean to the host: each SQLSTATE that somebody can act upon has an error of flowkit's."""

from __future__ import annotations

from collections.abc import Generator
from contextlib import contextmanager
from typing import Final

import psycopg

from flowkit.errors import RetryTransaction, StoreBusy, StoreError, StoreUnavailable

__all__ = ["is_lost", "is_undone", "to_be_raised", "translated"]

_UNDONE: Final = ("40001", "40P01")
"""Serialization failure and deadlock: the same again may well succeed."""
_BUSY: Final = ("55P03", "57014")
"""A lock was not to be had, or a statement took longer than it may."""
_GONE: Final = ("57P01", "57P02", "57P03", "25P03", "25P04", "53300")
"""The server goes down or comes up, ended the session, or has no place for another one."""


def is_undone(error: psycopg.Error) -> bool:
    """Whether the server undid the transaction in favour of another one."""
    return error.sqlstate in _UNDONE


def is_lost(error: psycopg.Error) -> bool:
    """Whether there is no server, or no session any more."""
    state = error.sqlstate
    if state is None:  # The driver's own words: of a connection that is gone, or that was never made.
        return isinstance(error, psycopg.OperationalError)
    return state in _GONE or state.startswith("08")


def to_be_raised(error: psycopg.Error, *, joined: bool) -> StoreError:
    """Give the error of flowkit's that a host is told."""
    if is_undone(error):
        if joined:
            return RetryTransaction(
                f"the server undid the transaction in favour of another one ({error.sqlstate}): "
                "roll it back, begin again, and do all of it again"
            )
        return StoreBusy("the transaction was undone in favour of others at every attempt; nothing was written")
    if is_lost(error):
        return StoreUnavailable(f"the server is out of reach: {_told(error)}")
    if error.sqlstate in _BUSY:
        return StoreBusy(f"the database took longer than the time-out: {_told(error)}; nothing was written")
    return StoreError(f"the database refused: {_told(error)}; nothing was written")


def _told(error: psycopg.Error) -> str:
    """Give what the server says, on one line; its detail may name values and stays out."""
    primary = error.diag.message_primary
    text = primary or (str(error).strip().splitlines() or [type(error).__name__])[0]
    return f"{text} ({error.sqlstate})" if error.sqlstate else text


@contextmanager
def translated(*, joined: bool) -> Generator[None]:
    """Turn the driver's errors into flowkit's."""
    try:
        yield
    except psycopg.Error as error:
        raise to_be_raised(error, joined=joined) from error
