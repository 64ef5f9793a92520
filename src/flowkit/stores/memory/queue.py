"""The queue of runs that want to go on, the longest due first, and which of them workers hold."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from heapq import heappop, heappush

from flowkit.runs.model import Run

__all__ = ["Queue"]


class Queue:
    """Lines of due instant and handle; a line is stale where its run has another due instant by now, or is held.

    Args:
        runs: All runs, by handle from 1.

    Attributes:
        held: The handles of the runs that workers hold; they have no line until they are let go of.
    """

    def __init__(self, runs: Sequence[Run]) -> None:
        self.held: set[int] = set()
        self._runs = runs
        self._lines: list[tuple[int, int]] = []

    def put(self, due: int, handle: int) -> None:
        """Write when a run that nobody holds wants to go on, in microseconds."""
        heappush(self._lines, (due, handle))

    def take(self, now: int, limit: int) -> tuple[int, ...]:
        """Hold up to so many runs that are due."""
        handles: list[int] = []
        lines, runs, held = self._lines, self._runs, self.held
        while lines and lines[0][0] <= now and len(handles) < limit:
            due, handle = heappop(lines)
            if runs[handle - 1].due == due and handle not in held:
                handles.append(handle)
                held.add(handle)
        return tuple(handles)

    def let_go(self, handles: Iterable[int]) -> None:
        """Hold runs no more; those that want to go on wait again."""
        self.held.difference_update(handles)
        for handle in handles:
            due = self._runs[handle - 1].due
            if due is not None:
                heappush(self._lines, (due, handle))

    def first(self) -> int | None:
        """Tell when the first of them is due, whoever holds it."""
        while self._lines and self._runs[self._lines[0][1] - 1].due != self._lines[0][0]:
            heappop(self._lines)  # The run has another due instant by now, and a line of its own for it.
        held = [due for handle in self.held if (due := self._runs[handle - 1].due) is not None]
        return min([due for due, _ in self._lines[:1]] + held, default=None)
