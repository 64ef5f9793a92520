"""For how long a worker rests: decided here, waited elsewhere."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from typing import Final

from flowkit.errors import ConfigurationError

__all__ = ["LONGEST_REST", "SHORTEST_REST", "Rest"]

SHORTEST_REST: Final = timedelta(seconds=1)
LONGEST_REST: Final = timedelta(seconds=15)
_DOUBLINGS: Final = 32


class Rest:
    """How long a worker rests after a turn: longer and longer while there is nothing to do, or while turns fail.

    Each time is drawn between a half and the whole of what it could be, so that workers do not move in step.

    Args:
        shortest: After the first turn that found nothing, or failed.
        longest: No rest is longer, so that what another process ingests is found after that time at the latest.
        draw: Gives a number from 0 to 1.

    Raises:
        ConfigurationError: The shortest is not positive, or the longest is shorter.
    """

    def __init__(self, shortest: timedelta, longest: timedelta, draw: Callable[[], float]) -> None:
        if not timedelta() < shortest <= longest:
            message = f"rests must be positive, the longest ({longest}) no shorter than the shortest ({shortest})"
            raise ConfigurationError(message)
        self._shortest = shortest.total_seconds()
        self._longest = longest.total_seconds()
        self._draw = draw
        self._empty = 0
        self._failed = 0

    def after_work(self) -> float:
        """Give the seconds after a turn that did something: none, since there may be more."""
        self._empty = self._failed = 0
        return 0.0

    def after_nothing(self, due_in: float | None) -> float:
        """Give the seconds after a turn that found nothing to do.

        Args:
            due_in: In how many seconds the next run is due; None where none is. One that is due already is held by
                somebody else, who may be dead: it is no reason to hurry.
        """
        self._failed = 0
        self._empty += 1
        rest = self._after(self._empty)
        return min(rest, due_in) if due_in is not None and due_in > 0 else rest

    def after_failure(self) -> float:
        """Give the seconds after a turn that failed."""
        self._failed += 1
        return self._after(self._failed)

    def _after(self, times: int) -> float:
        most = min(self._longest, self._shortest * 2.0 ** min(times - 1, _DOUBLINGS))
        return most * (0.5 + self._draw() / 2)
