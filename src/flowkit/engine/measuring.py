"""What workflows come to in numbers: counted by the store, or line by line where it does not count itself."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime
from itertools import groupby
from typing import Final

from flowkit.analytics.findings import DEFAULT, Thresholds
from flowkit.analytics.metrics import WorkflowMetrics, workflow_metrics
from flowkit.analytics.report import JourneyReport
from flowkit.analytics.report_journey import journey_of
from flowkit.analytics.tally import HOUR, Slot, Tallied, Tally, age_of, essence, tally, total
from flowkit.engine.drive import resolve
from flowkit.engine.parts import Parts
from flowkit.errors import ConfigurationError, UnknownWorkflow
from flowkit.events import to_micros
from flowkit.ports import TallyStore
from flowkit.runs.model import Entry, Line, Run
from flowkit.workflows.model import Workflow

__all__ = ["metrics_of", "report_of", "roll_up", "tallies_of"]

_PAGE: Final = 1000
_STEPS: Final = 100_000
_EVER: Final = 1 << 40


async def metrics_of(
    parts: Parts, workflow_id: str, since: datetime | None, until: datetime | None, version: int | None
) -> WorkflowMetrics:
    """Work out the metrics of a workflow, or of one version of it, over whole hours."""
    slots, standing = await _counted(parts, workflow_id, since, until, version)
    return workflow_metrics(workflow_id, total(slots.values()), standing)


async def report_of(
    parts: Parts,
    workflow_id: str,
    since: datetime | None,
    until: datetime | None,
    version: int | None,
    thresholds: Thresholds = DEFAULT,
) -> JourneyReport:
    """Report on a workflow, or on one version of it, over whole hours.

    Raises:
        ConfigurationError: An instant is not on a whole hour.
        UnknownWorkflow: Nothing of it, or no such version, is published.
    """
    workflow, number = await _drawn(parts, workflow_id, version)
    slots, standing = await _counted(parts, workflow_id, since, until, version)
    at = parts.clock.now()
    journey = journey_of(
        workflow,
        number,
        slots,
        standing,
        at=at,
        since=since,
        until=until,
        version=version,
        thresholds=thresholds,
    )
    return JourneyReport(journey)


async def tallies_of(
    parts: Parts, workflow_id: str | None, since: datetime | None, until: datetime | None
) -> Mapping[Slot, Tally]:
    """Count what the journal tells, apart for each version and hour.

    Raises:
        ConfigurationError: An instant is not on a whole hour.
    """
    first = 0 if since is None else _hour("since", since)
    end = _EVER if until is None else _hour("until", until)
    store = parts.store
    if isinstance(store, TallyStore):
        return tally(await resolve("store.tallies", store.tallies(workflow_id, first, end)))
    return tally(one for one in await _read(parts, workflow_id) if first <= one.hour < end)


async def roll_up(parts: Parts) -> int:
    """Let the store count what it has not counted yet; tell how many steps that were."""
    store, counted = parts.store, 0
    if not isinstance(store, TallyStore):
        return 0
    while steps := await resolve("store.roll_up", store.roll_up(limit=_STEPS)):
        counted += steps
        if steps < _STEPS:
            break
    return counted


async def _counted(
    parts: Parts, workflow_id: str, since: datetime | None, until: datetime | None, version: int | None
) -> tuple[Mapping[Slot, Tally], Mapping[str, int]]:
    """Count what belongs to a workflow and a version, and tell who stands at each node now."""
    slots = await tallies_of(parts, workflow_id, since, until)
    living = await resolve("store.living", parts.store.living(workflow_id))
    standing: Counter[str] = Counter()
    for one in living:
        if one.node is not None and version in {None, one.version}:
            standing[one.node] += one.runs
    return {slot: found for slot, found in slots.items() if version in {None, slot.version}}, standing


async def _drawn(parts: Parts, workflow_id: str, version: int | None) -> tuple[Workflow, int]:
    """Choose the version that is drawn: the one that is asked for, else the live one, else the last one."""
    _, editions = await resolve("store.editions", parts.store.editions())
    await parts.catalogue.refresh()
    mine = {edition.number: edition for edition in editions if edition.workflow_id == workflow_id}
    live = [number for number, edition in mine.items() if edition.live]
    number = version if version is not None else max(live or mine, default=None)
    if number is None or number not in mine:
        which = "" if version is None else f" in version {version}"
        message = f"workflow {workflow_id!r} is not published{which}, or no run is left in it; `versions` lists them"
        raise UnknownWorkflow(message)
    return parts.catalogue.program(number).workflow, number


def _hour(name: str, instant: datetime) -> int:
    micros = to_micros(instant)
    if micros % HOUR:
        message = f"{name} must be on a whole hour (UTC), but is {instant}: steps are counted by the hour"
        raise ConfigurationError(message)
    return micros // HOUR


async def _read(parts: Parts, workflow_id: str | None) -> Sequence[Tallied]:
    """Count line by line: as much work as there are lines."""
    runs = await _runs(parts, workflow_id)
    counts: Counter[tuple[str, int | None, int, int, str]] = Counter()
    micros: Counter[tuple[str, int | None, int, int, str]] = Counter()
    shapes: dict[str, tuple[Entry, ...]] = {}
    after = 0
    while lines := await resolve("store.lines", parts.store.lines(after=after, limit=_PAGE)):
        after = lines[-1].number
        for step in _steps(line for line in lines if workflow_id in {None, line.workflow_id}):
            first = step[0]
            entries = essence(line.entry for line in step)
            if entries:
                shapes.setdefault(repr(entries), entries)
                run = runs.get(first.run_id or "")
                at = to_micros(first.at)
                age = 0 if run is None else max(at - run.entered, 0)
                key = (first.workflow_id, run and run.version, at // HOUR, age_of(age), repr(entries))
                counts[key] += 1
                micros[key] += age
    return [
        Tallied(workflow, version, hour, shapes[shape], steps, age, micros[workflow, version, hour, age, shape])
        for (workflow, version, hour, age, shape), steps in counts.items()
    ]


async def _runs(parts: Parts, workflow_id: str | None) -> Mapping[str, Run]:
    found: dict[str, Run] = {}
    after = 0
    while page := await resolve("store.runs", parts.store.runs(workflow_id=workflow_id, after=after, limit=_PAGE)):
        found |= {run.id: run for run in page}
        after = page[-1].handle
    return found


def _steps(lines: Iterator[Line]) -> Iterator[Sequence[Line]]:
    """Give the lines that one step wrote together."""
    for _, step in groupby(lines, key=lambda line: (line.number, line.run_id)):
        yield list(step)
