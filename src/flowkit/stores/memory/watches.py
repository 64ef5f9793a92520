"""Watches: whose ledgers are to be looked at again though nothing happens, and when."""

from __future__ import annotations

from collections.abc import Sequence
from heapq import heappop, heappush

__all__ = ["Watches"]


class Watches:
    """The instant at which each ledger is to be looked at, the earliest first."""

    def __init__(self) -> None:
        self._at: dict[tuple[str, str], int] = {}
        self._queue: list[tuple[int, tuple[str, str]]] = []

    def put(self, subscriber_id: str, workflow_id: str, watch: int | None) -> None:
        """Set when a ledger is to be looked at, in microseconds; None for never."""
        whose = subscriber_id, workflow_id
        if self._at.get(whose) == watch:
            return
        if watch is None:
            del self._at[whose]
        else:
            self._at[whose] = watch
            heappush(self._queue, (watch, whose))

    def first(self) -> int | None:
        """Tell when the first of them is due."""
        # A line of the queue is stale where the ledger has another instant by now.
        while self._queue and self._at.get(self._queue[0][1]) != self._queue[0][0]:
            heappop(self._queue)
        return self._queue[0][0] if self._queue else None

    def due(self, now: int, limit: int) -> Sequence[str]:
        """Name those with a ledger that is due, each once, the longest due first."""
        names: dict[str, None] = {}
        lines: dict[tuple[int, tuple[str, str]], None] = {}
        while len(names) < limit and (first := self.first()) is not None and first <= now:
            line = heappop(self._queue)
            lines[line] = None
            names[line[1][0]] = None
        for line in lines:  # They stay due until their ledgers are written.
            heappush(self._queue, line)
        return list(names)
