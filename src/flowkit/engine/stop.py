"""How a call that works through what is due is brought to an end from outside."""

from __future__ import annotations

from datetime import timedelta
from math import inf
from time import monotonic
from typing import Final

__all__ = ["Stop"]

_AT_ONCE: Final = timedelta()


class Stop:
    """Asks a call of ``advance`` to come to an end; any thread, and a handler of a signal, may ask.

    Once it is asked for nothing new is claimed. What is in hand is worked off until the grace is over; after that no
    call of a port is begun. What was done is committed, and what was not is due as before, for whoever comes next.

    Attributes:
        asked: Whether it was asked for.
    """

    def __init__(self) -> None:
        self.asked = False
        self._until = inf

    def ask(self, grace: timedelta = _AT_ONCE) -> None:
        """Ask for it. Asked again, the earlier end counts.

        Args:
            grace: For how long from now what is in hand may be worked off.
        """
        self._until = min(self._until, monotonic() + grace.total_seconds())
        self.asked = True

    @property
    def over(self) -> bool:
        """Whether it was asked for and the grace is over."""
        return self.asked and monotonic() >= self._until

    @property
    def left(self) -> float:
        """For how many seconds what is in hand may still be worked off; infinite where nobody asked."""
        return max(0.0, self._until - monotonic())
