"""Runs and the journal, read a page at a time: from each partition, and put together by handle or number."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from typing import Any, Final, NamedTuple

from flowkit.errors import UnknownRun
from flowkit.events import from_micros
from flowkit.ports import Living
from flowkit.runs.model import Line, Run, Status
from flowkit.stores.redis.decode import Decoder, read_row
from flowkit.stores.redis.layout import Layout
from flowkit.stores.redis.texts import Lexicon
from flowkit.stores.redis.wire import Reply, Wire
from flowkit.stores.rows import STATUS_CODES, read_entries

__all__ = ["Reading", "Wanted"]

_MANY: Final = 1000


class Wanted(NamedTuple):
    """Which runs are wanted; None for any."""

    subscriber_id: str | None
    workflow_id: str | None
    status: Status | None
    living: bool

    def takes(self, run: Run) -> bool:
        """Whether a run is one of them."""
        return (
            self.subscriber_id in (None, run.subscriber_id)
            and self.workflow_id in (None, run.workflow_id)
            and self.status in (None, run.status)
            and (run.state.alive or not self.living)
        )

    def ask(self) -> dict[str, Any]:
        """Say by which list of runs they are found best."""
        if self.subscriber_id is not None:
            return {"subscriber": self.subscriber_id}
        if self.status is Status.FAILED:
            return {"failed": True}
        alive = self.living or self.status in (Status.ACTIVE, Status.PAUSED)
        return {"living": self.workflow_id} if alive and self.workflow_id is not None else {}


class _Step(NamedTuple):
    """A line of the journal before the entries of its step are read.

    Attributes:
        number: Its number in the partition.
        at: When, in microseconds.
        body: The entries, or the text that they are named by.
        name: The run's name; empty where there is none.
        about: Subscriber and workflow, where there is no run.
    """

    number: int
    at: int
    body: str
    name: str
    about: tuple[str, str] | None


class Reading:
    """Reads runs and the journal.

    Args:
        wire: The way to the server.
        layout: Where they lie.
        lexicon: The texts that rows share.
        decoder: Makes runs of rows.
    """

    def __init__(self, wire: Wire, layout: Layout, lexicon: Lexicon, decoder: Decoder) -> None:
        self._wire = wire
        self._layout = layout
        self._lexicon = lexicon
        self._decoder = decoder

    # -- runs ---------------------------------------------------------------------------------------------------------

    def again(self, runs: Sequence[Run]) -> Sequence[Run]:
        """Read runs again; see ``Store.read``."""
        layout = self._layout
        found: dict[str, Run] = {}
        for part, mine in layout.split(runs, layout.part_of_run).items():
            names = [layout.place(run.handle)[1] for run in mine]
            rows = self._wire.run("again", layout.base(part), {"names": names})
            found.update((run.id, run) for run in self._decoder.runs(part, rows))
        missing = [run.id for run in runs if run.id not in found]
        if missing:
            message = f"no run has the id {missing[0]}"
            raise UnknownRun(message)
        return [found[run.id] for run in runs]

    def runs(self, wanted: Wanted, after: int, limit: int) -> Sequence[Run]:
        """Read a page of runs; see ``Store.runs``."""
        found: list[Run] = []
        for part in self._parts(wanted.subscriber_id):
            mine = 0
            for run in self._runs_of(part, wanted, after, limit):
                if wanted.takes(run):
                    found.append(run)
                    mine += 1
                    if mine == limit:
                        break
        return sorted(found, key=lambda run: run.handle)[:limit]

    def _runs_of(self, part: int, wanted: Wanted, after: int, limit: int) -> Iterator[Run]:
        """Read runs of a partition, oldest first, as many at a time as are wanted."""
        size = max(1, min(limit, _MANY))
        last = f"{self._layout.after(after, part):010x}"
        while True:
            ask = {**wanted.ask(), "after": last, "limit": size}
            rows: Reply = self._wire.run("page", self._layout.base(part), ask)
            yield from self._decoder.runs(part, rows)
            if len(rows) < size:
                return
            last = rows[-1][0]

    def _parts(self, subscriber_id: str | None) -> Sequence[int]:
        return range(self._layout.parts) if subscriber_id is None else [self._layout.part_of(subscriber_id)]

    def living(self, workflow_id: str) -> Sequence[Living]:
        """Count the living runs of a workflow; see ``Store.living``."""
        wanted = Wanted(None, workflow_id, None, living=True)
        counts: Counter[tuple[int, Status, str | None]] = Counter()
        for part in self._parts(None):
            for run in self._runs_of(part, wanted, 0, _MANY):
                if run.state.alive:
                    counts[run.version, run.status, run.state.node] += 1
        order = sorted(counts, key=lambda one: (one[0], STATUS_CODES[one[1]], one[2] is not None, one[2] or ""))
        return [Living(*place, counts[place]) for place in order]

    # -- journal ------------------------------------------------------------------------------------------------------

    def lines(self, subscriber_id: str | None, run: Run | None, after: int, limit: int) -> Sequence[Line]:
        """Read a page of the journal; see ``Store.lines``."""
        if run is None:
            return self._lines(subscriber_id, lambda _: True, after, limit)
        if subscriber_id not in (None, run.subscriber_id):
            return []
        _, name = self._layout.place(run.handle)
        return self._lines(run.subscriber_id, lambda step: step.name == name, after, limit)

    def _lines(
        self, subscriber_id: str | None, takes: Callable[[_Step], bool], after: int, limit: int
    ) -> Sequence[Line]:
        found: list[tuple[int, int, _Step]] = []
        for part in self._parts(subscriber_id):
            mine = 0
            for step in self._steps(part, subscriber_id, self._layout.after(after, part), limit):
                if takes(step):
                    found.append((self._layout.handle(step.number, part), part, step))
                    mine += 1
                    if mine == limit:
                        break
        page = sorted(found)[:limit]
        lines: dict[int, list[Line]] = {}
        for part, steps in self._layout.split(page, lambda one: one[1]).items():
            lines.update(self._said(part, steps))
        return [line for number, _, _ in page for line in lines[number]]

    def _steps(self, part: int, subscriber_id: str | None, after: int, limit: int) -> Iterator[_Step]:
        """Read steps of a partition after a number, as many at a time as are wanted."""
        last, size = after, max(1, min(limit, _MANY))
        while True:
            ask: dict[str, Any] = {"after": last, "limit": size}
            if subscriber_id is not None:
                ask["subscriber"] = subscriber_id
            rows: Reply = self._wire.run("lines", self._layout.base(part), ask)
            before = last
            for number, place, flat in rows:
                for step in _steps_of(int(number), place, read_row(flat)):
                    if step.number > last:
                        last = step.number
                        yield step
            if last == before:
                return

    def _said(self, part: int, steps: Sequence[tuple[int, int, _Step]]) -> dict[int, list[Line]]:
        """Read the entries of steps, and whose they are."""
        names = sorted({step.name for _, _, step in steps if step.name})
        rows: Reply = self._wire.run("again", self._layout.base(part), {"names": names}) if names else []
        born = {name: json.loads(told) for name, _, told in rows if told}
        reader = self._lexicon.reader(part, (step.body for _, _, step in steps))
        lines: dict[int, list[Line]] = {}
        for number, _, step in steps:
            run_id: str | None = None
            if step.about is not None:
                subscriber, workflow = step.about
            else:
                run_id, subscriber, workflow = born[step.name][:3]
            lines[number] = [
                Line(number, from_micros(step.at), subscriber, workflow, run_id, entry)
                for entry in read_entries(reader.text(step.body))
            ]
        return lines


def _steps_of(first: int, place: int | None, row: dict[str, str]) -> Iterator[_Step]:
    """Give the lines of a step of some runs together: one of them by its place, or all."""
    at, body = int(row["a"]), row["b"]
    if "w" in row:
        subscriber, workflow = json.loads(row["w"])
        yield _Step(first, at, body, "", (subscriber, workflow))
        return
    names = row["r"].split(" ")
    if place is not None:
        yield _Step(first, at, body, names[place], None)
        return
    for index, name in enumerate(names):
        yield _Step(first + index, at, body, name, None)
