"""What a worker did, turn by turn: what both loops, with and without an event loop, keep and tell."""

from __future__ import annotations

import logging
from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Final, TypeAlias

from attrs import frozen

from flowkit.engine.advance import Advanced
from flowkit.errors import ConfigurationError

__all__ = ["OnTurn", "Turn", "Turns", "Worked", "at_least_one", "no_less_than_nothing", "seconds_until"]

_log: Final = logging.getLogger("flowkit.worker")
_NOTHING: Final = Advanced()


@frozen
class Turn:
    """One turn of a worker: a call of ``advance``, and what came of it.

    Attributes:
        number: Which it was, from 1.
        advanced: What was done.
        error: What was raised instead; None where nothing was.
        rest: For how many seconds the worker rests now, unless it is woken.
    """

    number: int
    advanced: Advanced
    error: Exception | None
    rest: float


OnTurn: TypeAlias = Callable[[Turn], None]
"""Is told of each turn; the place for a sign of life and for figures."""


@frozen
class Worked:
    """What a worker did until it came to its end.

    Attributes:
        turns: How many turns it took.
        failures: How many of them raised.
        advanced: What was done, all turns together; what a turn that raised had done is not in it.
    """

    turns: int = 0
    failures: int = 0
    advanced: Advanced = _NOTHING


class Turns:
    """Counts turns, logs those that fail, and tells of each.

    Args:
        on_turn: Who is told; None where nobody is.
    """

    def __init__(self, on_turn: OnTurn | None) -> None:
        self._on_turn = on_turn
        self._turns = 0
        self._failures = 0
        self._advanced = _NOTHING

    def worked(self) -> Worked:
        """Give what was done so far."""
        return Worked(self._turns, self._failures, self._advanced)

    def done(self, advanced: Advanced, rest: float) -> None:
        """Note a turn."""
        self._turns += 1
        self._advanced += advanced
        self._tell(Turn(self._turns, advanced, None, rest))

    def failed(self, error: Exception, rest: float) -> None:
        """Note a turn that raised."""
        self._turns += 1
        self._failures += 1
        _log.error("a turn failed; the next one comes in %.1f seconds", rest, exc_info=error)
        self._tell(Turn(self._turns, _NOTHING, error, rest))

    def _tell(self, turn: Turn) -> None:
        if self._on_turn is None:
            return
        try:
            self._on_turn(turn)
        except Exception:  # noqa: BLE001 - a sign of life that fails is no reason to die
            _log.exception("on_turn raised; the worker goes on")


def seconds_until(due: datetime | None, now: datetime) -> float | None:
    """Give in how many seconds something is due; None where nothing is."""
    return None if due is None else (due - now).total_seconds()


def no_less_than_nothing(grace: timedelta) -> timedelta:
    """Give a grace as it is.

    Raises:
        ConfigurationError: It is negative.
    """
    if grace < timedelta():
        message = f"grace must not be negative, but is {grace}"
        raise ConfigurationError(message)
    return grace


def at_least_one(limit: int) -> int:
    """Give a limit as it is.

    Raises:
        ConfigurationError: It is less than 1.
    """
    if limit < 1:
        message = f"limit must be at least 1, but is {limit}"
        raise ConfigurationError(message)
    return limit
