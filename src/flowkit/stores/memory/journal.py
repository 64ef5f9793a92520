"""The journal: the entries of each step, kept once for all runs that took it together."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Iterator, Sequence
from itertools import islice
from typing import NamedTuple

from flowkit.events import from_micros
from flowkit.runs.model import Entry, Line, Run

__all__ = ["Journal"]


class _Steps(NamedTuple):
    """What the same step of some runs wrote into the journal, or an entry of no run.

    Attributes:
        first: The number of the first run's line; the others follow on it.
        at: When, in microseconds.
        handles: The runs.
        about: Subscriber and workflow, where there is no run.
        entries: The entries of each.
    """

    first: int
    at: int
    handles: Sequence[int]
    about: tuple[str, str] | None
    entries: tuple[Entry, ...]


class Journal:
    """What was written, by number.

    Args:
        runs: All runs, by handle from 1.
    """

    def __init__(self, runs: Sequence[Run]) -> None:
        self._runs = runs
        self._steps: list[_Steps] = []
        self._written = 0

    def write(self, at: int, handles: Sequence[int], about: tuple[str, str] | None, entries: tuple[Entry, ...]) -> None:
        """Write the entries of some runs' step, or of none."""
        lines = len(handles) if about is None else 1
        if entries and lines:
            self._steps.append(_Steps(self._written + 1, at, handles, about, entries))
            self._written += lines

    def lines(self, subscriber_id: str | None, run: Run | None, after: int, limit: int) -> Sequence[Line]:
        """Read a page of it; see ``Store.lines``."""
        lines: list[Line] = []
        steps = 0
        for number, at, subscriber, workflow, run_id, entries in self._after(after):
            if steps == limit:
                break
            if subscriber_id in (None, subscriber) and (run is None or run.id == run_id):
                steps += 1
                lines += [Line(number, from_micros(at), subscriber, workflow, run_id, entry) for entry in entries]
        return lines

    def _after(self, number: int) -> Iterator[tuple[int, int, str, str, str | None, tuple[Entry, ...]]]:
        begin = max(0, bisect_right(self._steps, number, key=_first) - 1)
        for steps in islice(self._steps, begin, None):
            if steps.about is not None and steps.first > number:
                yield steps.first, steps.at, *steps.about, None, steps.entries
            for line, handle in enumerate(steps.handles, steps.first):
                if line > number:
                    run = self._runs[handle - 1]
                    yield line, steps.at, run.subscriber_id, run.workflow_id, run.id, steps.entries


def _first(steps: _Steps) -> int:
    return steps.first
