"""The processes of the crash tests as their parent sees them: started, heard, granted, killed, waited for."""

from __future__ import annotations

import json
import os
import selectors
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from time import monotonic
from typing import Final, TypeAlias

REPOSITORY: Final = Path(__file__).parents[2]
_LONGEST: Final = 60

Words: TypeAlias = list[str]
"""A moment that a child told, and what it said of it."""


class Child:
    """One process.

    Args:
        role: ``worker`` or ``producer``: the module that it runs.
        orders: What it is told; it has a name among them.
        folder: Where it leaves what it complains of.

    Attributes:
        granted: How many steps it may still make.
    """

    def __init__(self, role: str, orders: dict[str, object], folder: Path) -> None:
        self.role = role
        self.name = str(orders["name"])
        self.granted = 0
        self._complaints = folder / f"{self.name}.stderr"
        self._rest = b""
        with self._complaints.open("wb") as complaints:
            self.process = subprocess.Popen(
                [sys.executable, "-m", f"tests.crash.{role}", json.dumps(orders)],
                cwd=REPOSITORY,
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=complaints,
                bufsize=0,
            )
        assert self.process.stdin is not None
        assert self.process.stdout is not None
        self.input = self.process.stdin.fileno()
        self.output = self.process.stdout.fileno()

    def hear(self) -> list[Words] | None:
        """Take what it told since; None where it is gone."""
        told = os.read(self.output, 1 << 16)
        if not told:
            return None
        *lines, self._rest = (self._rest + told).split(b"\n")
        return [line.decode().split() for line in lines]

    def grant(self, steps: int) -> None:
        with suppress(BrokenPipeError):  # It may have left already, which is heard next.
            os.write(self.input, b"." * steps)
            self.granted += steps

    def let_go(self) -> None:
        """Hold it back no more."""
        if self.process.stdin is not None:
            self.process.stdin.close()

    def last_words(self, *codes: int) -> list[Words]:
        """Hear it to its end, which must be one of these."""
        last: list[Words] = []
        while (told := self.hear()) is not None:
            last += told
        self.ended(*codes)
        return last

    def ended(self, *codes: int) -> None:
        """See to it that it ended in one of these ways."""
        code = self.process.wait(_LONGEST)
        self.let_go()
        if self.process.stdout is not None:
            self.process.stdout.close()
        assert code in codes, f"{self.name} ended with {code}:\n{self._complaints.read_text()}"


class Fleet:
    """The children that live."""

    def __init__(self, folder: Path) -> None:
        self.living: list[Child] = []
        self._folder = folder
        self._started = 0
        self._selector = selectors.DefaultSelector()

    def start(self, role: str, **orders: object) -> Child:
        """Start a process under a name that nobody had before."""
        self._started += 1
        child = Child(role, {**orders, "name": f"{role[0]}{self._started}"}, self._folder)
        self.living.append(child)
        self._selector.register(child.output, selectors.EVENT_READ, child)
        return child

    def hear(self, seconds: float) -> Iterator[tuple[Child, Words | None]]:
        """Wait for something to be told, no longer than that; None is told where a child left in good order."""
        for key, _ in self._selector.select(seconds):
            child: Child = key.data
            if child not in self.living:
                continue
            told = child.hear()
            if told is None:
                self._forget(child)
                child.ended(0)
                yield child, None
            for words in told or ():
                if child not in self.living:
                    break
                yield child, words

    def follow(self, child: Child, *codes: int) -> list[Words]:
        """Hear one child to its end, which must be one of these, and give all that it told."""
        self._forget(child)
        return child.last_words(*codes)

    def kill(self, child: Child) -> list[Words]:
        """Kill a child with SIGKILL, unless it just left, and give its last words."""
        child.process.send_signal(signal.SIGKILL)
        return self.follow(child, -signal.SIGKILL, 0)

    def let_all_go(self) -> list[tuple[Child, Words]]:
        """Hold nobody back, wait until all have left in good order, and give what they told."""
        told: list[tuple[Child, Words]] = []
        for child in self.living:
            child.let_go()
        until = monotonic() + _LONGEST
        while self.living:
            assert monotonic() < until, f"{[child.name for child in self.living]} do not leave"
            told += [(child, words) for child, words in self.hear(1.0) if words is not None]
        return told

    def _forget(self, child: Child) -> None:
        self._selector.unregister(child.output)
        self.living.remove(child)

    def close(self) -> None:
        """Kill whoever is left."""
        for child in tuple(self.living):
            self.kill(child)
        self._selector.close()


@contextmanager
def fleet(folder: Path) -> Iterator[Fleet]:
    """Have processes, none of which outlives the block."""
    ships = Fleet(folder)
    try:
        yield ships
    finally:
        ships.close()
