"""The highest numbers that this process has seen: what it writes in another partition comes after them."""

from __future__ import annotations

from collections.abc import Mapping

__all__ = ["Floors"]


class Floors:
    """Numbers of runs and of lines, over all partitions.

    Each partition counts for itself. So that what one process writes one after the other is read in that order, it
    tells a partition from where on to count.

    Args:
        parts: How many partitions there are; one needs no floors.
    """

    def __init__(self, parts: int) -> None:
        self._parts = parts
        self._seen = {"run": 0, "line": 0}

    def of(self) -> Mapping[str, int]:
        """Give the numbers."""
        return {} if self._parts == 1 else dict(self._seen)

    def saw(self, *, run: int = 0, line: int = 0) -> None:
        """Take note of numbers."""
        self._seen["run"] = max(self._seen["run"], run)
        self._seen["line"] = max(self._seen["line"], line)
