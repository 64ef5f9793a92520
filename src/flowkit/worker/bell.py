"""What a worker waits by: a bell that any thread, and a handler of a signal, may ring."""

from __future__ import annotations

import socket
from collections.abc import Sequence
from contextlib import suppress
from multiprocessing.connection import wait
from typing import Final

__all__ = ["Bell"]

_MANY: Final = 4096


class Bell:
    """Rings once for any number of rings before it is heard.

    It is a pair of sockets and not a ``threading.Event``, whose lock a handler of a signal may find taken by the very
    thread that it interrupts.
    """

    def __init__(self) -> None:
        self._hears, self._rings = socket.socketpair()
        self._hears.settimeout(0)
        self._rings.settimeout(0)

    def ring(self) -> None:
        """Ring."""
        # Where the pair is full, it rings already; where it is closed, nobody waits.
        with suppress(OSError):
            self._rings.send(b"\0")

    def wait(self, seconds: float, others: Sequence[int] = ()) -> Sequence[int]:
        """Wait for a ring, no longer than that.

        Args:
            seconds: The longest.
            others: Sentinels of processes, whose ends end the wait too.

        Returns:
            Which of the others have ended.
        """
        ready = wait([self._hears, *others], max(0.0, seconds))
        if self._hears in ready:
            self._hears.recv(_MANY)
        return [one for one in others if one in ready]

    def close(self) -> None:
        """Close it."""
        self._hears.close()
        self._rings.close()
