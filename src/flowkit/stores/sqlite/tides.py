"""How one knows, without a look at any row, that nobody has written since: the usual case costs next to nothing."""

from __future__ import annotations

import sqlite3
from typing import Final, TypeAlias

__all__ = ["Tide", "Tides"]

Tide: TypeAlias = tuple[int, int]
"""How often others wrote, as far as the connection knows; and how often those who share the connection did."""
_NEVER: Final[Tide] = (-1, -1)


class Tides:
    """What was the case at which tide: as long as the tide is the same, it still is.

    What a worker writes about the runs of its own claim is no tide: to others it changes nothing that they hold.

    Attributes:
        empty: The tide at which nobody was suppressed.
    """

    def __init__(self) -> None:
        self.empty = _NEVER
        self._written = 0
        self._claimed: dict[str, Tide] = {}

    def now(self, cursor: sqlite3.Cursor) -> Tide:
        """Read the tide; to be read before the rows that are said to stand as it does."""
        [version] = cursor.execute("PRAGMA data_version").fetchone()
        return version, self._written

    def rise(self) -> None:
        """Take note that something was written through the connection."""
        self._written += 1

    def claim(self, token: str, tide: Tide) -> None:
        """Note at which tide the runs of a claim were read."""
        self._claimed[token] = tide

    def of(self, token: str) -> Tide:
        """Give the tide at which the runs of a claim were read."""
        return self._claimed.get(token, _NEVER)

    def end(self, token: str) -> None:
        """Forget a claim."""
        self._claimed.pop(token, None)
