"""What the processes of the crash tests have in common: how they tell what they do, and how they are held back.

A child writes a line to its standard output at each moment of its work. It reads a byte from its standard input before
each delivery or batch, so that whoever started it says how far it may go; at the end of the input it is free.
"""

from __future__ import annotations

import os
import select
from typing import Final, NamedTuple

_INPUT: Final = 0
_OUTPUT: Final = 1
_REST: Final = 0.03


class Fault(NamedTuple):
    """A signal that the process sends itself at a moment of its work.

    Attributes:
        moment: At which moment.
        time: The how manieth of its kind, from 1.
        signal: Which signal.
    """

    moment: str
    time: int
    signal: int


class Moments:
    """Tells each moment, and at the fault's moment is struck by it."""

    def __init__(self, fault: Fault | None = None) -> None:
        self._fault = fault
        self._times = 0

    def tell(self, moment: str, *more: object) -> None:
        os.write(_OUTPUT, (" ".join(map(str, (moment, *more))) + "\n").encode())
        if self._fault is not None and moment == self._fault.moment:
            self._times += 1
            if self._times == self._fault.time:
                os.kill(os.getpid(), self._fault.signal)


class Pace:
    """Keeps the process from running ahead of who started it.

    Attributes:
        free: Whether nothing holds it back any more.
    """

    def __init__(self) -> None:
        self.free = False
        self._granted = 0

    def take(self) -> None:
        """Wait until the next step is granted."""
        while not self.free and not self._granted:
            self._read()
        self._granted -= 1

    def rest(self) -> None:
        """Wait a moment, since there is nothing to do: less where something comes in."""
        watched = [] if self.free else [_INPUT]
        if select.select(watched, [], [], _REST)[0]:
            self._read()

    def _read(self) -> None:
        granted = len(os.read(_INPUT, 64))
        self.free = not granted
        self._granted += granted
