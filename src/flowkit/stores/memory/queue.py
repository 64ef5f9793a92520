"""The queue of runs that want to go on, the longest due first, and which of them workers hold."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from heapq import heappop, heappush

from flowkit.runs.model import Run

__all__ = ["Queue"]


class Queue:
    """Handles by the instant at which they are due: those that go the same way together share one.

    A line of the queue is stale where its run has another due instant by now, or is held.

    Args:
        runs: All runs, by handle from 1.

    Attributes:
        held: The handles of the runs that workers hold; they have no line until they are let go of.
    """

    def __init__(self, runs: Sequence[Run]) -> None:
        self.held: set[int] = set()
        self._runs = runs
        self._instants: list[int] = []
        self._lines: dict[int, _Lines] = {}

    def put(self, due: int, handle: int) -> None:
        """Write when a run that nobody holds wants to go on, in microseconds."""
        self._of(due).put(handle)

    def put_all(self, due: int, handles: Sequence[int]) -> None:
        """Write when runs that nobody holds want to go on."""
        self._of(due).put_all(handles)

    def take(self, now: int, limit: int) -> tuple[int, ...]:
        """Hold up to so many runs that are due."""
        handles: list[int] = []
        runs, held = self._runs, self.held
        while self._instants and self._instants[0] <= now and len(handles) < limit:
            due = self._instants[0]
            lines = self._lines[due].take(limit - len(handles))
            # One that was written here twice, and has not gone on in between, is held once.
            found = dict.fromkeys([one for one in lines if runs[one - 1].due == due and one not in held])
            handles += found
            held.update(found)
            self._forget_if_empty(due)
        return tuple(handles)

    def let_go(self, handles: Iterable[int]) -> None:
        """Hold runs no more; those that want to go on wait again."""
        self.held.difference_update(handles)
        runs = self._runs
        by_due: dict[int | None, list[int]] = {}
        for handle in handles:
            by_due.setdefault(runs[handle - 1].due, []).append(handle)
        for due, some in by_due.items():
            if due is not None:
                self._of(due).put_all(some)

    def first(self) -> int | None:
        """Tell when the first of them is due, whoever holds it."""
        while self._instants:
            first = self._instants[0]
            self._lines[first].skip_stale(self._runs, first)
            if not self._forget_if_empty(first):
                break
        held = [due for handle in self.held if (due := self._runs[handle - 1].due) is not None]
        return min(self._instants[:1] + held, default=None)

    def _of(self, due: int) -> _Lines:
        lines = self._lines.get(due)
        if lines is None:
            lines = self._lines[due] = _Lines()
            heappush(self._instants, due)
        return lines

    def _forget_if_empty(self, due: int) -> bool:
        """Forget the first of the instants where nobody waits for it any more."""
        if self._lines[due]:
            return False
        del self._lines[heappop(self._instants)]
        return True


class _Lines:
    """The handles of one instant; they are taken in ascending order, and sorted only where they did not come so."""

    __slots__ = ("_handles", "_sorted", "_taken")

    def __init__(self) -> None:
        self._handles: list[int] = []
        self._taken = 0
        self._sorted = True

    def __bool__(self) -> bool:
        return self._taken < len(self._handles)

    def put(self, handle: int) -> None:
        handles = self._handles
        if handles and handle < handles[-1]:
            self._sorted = False
        handles.append(handle)

    def put_all(self, handles: Sequence[int]) -> None:
        # Whether they ascend is not looked at: to sort what is sorted costs next to nothing.
        self._sorted = False
        self._handles += handles

    def take(self, limit: int) -> Sequence[int]:
        if not self._sorted:
            self._handles = sorted(self._handles[self._taken :])
            self._taken, self._sorted = 0, True
        taken = self._handles[self._taken : self._taken + limit]
        self._taken += len(taken)
        return taken

    def skip_stale(self, runs: Sequence[Run], due: int) -> None:
        """Pass the first of them whose runs have another due instant by now."""
        while self and runs[self._handles[self._taken] - 1].due != due:
            self._taken += 1
