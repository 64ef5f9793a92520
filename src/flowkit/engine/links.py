"""What leads from one workflow to another: events that runs emit, and workflows that they start.

Both are done by ingesting: within no step and no commit, and under the key of the effect, so that whoever does it
again after a crash does nothing. What comes of it is one hop further from the host's event than the run that did it; a
chain of more than ``MAX_HOPS`` is cut, since it would go on for ever.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Final

from flowkit.engine.catalogue import NO_WANTS, Catalogue, Wants
from flowkit.engine.desk import Desk, Knock
from flowkit.engine.drive import resolve
from flowkit.engine.entering import STARTED, admit
from flowkit.engine.ingest import ingest_emitted
from flowkit.engine.jobs import Job
from flowkit.engine.parts import Parts
from flowkit.engine.rounds import run_errand
from flowkit.errors import ConflictError
from flowkit.events import Event, from_micros
from flowkit.hashing import content_hash, run_id
from flowkit.ports import Store
from flowkit.runs.effects import DONE, Outcome, Result
from flowkit.runs.model import Kind, Run, origin_text
from flowkit.workflows.links import EmitEvent, StartWorkflow

__all__ = ["MAX_HOPS", "emit", "start"]

MAX_HOPS: Final = 16
"""How many actions of runs, each of which caused the next, may lead on from an event of the host."""
_ID_LENGTH: Final = 255
_PAGE: Final = 1_000
_CUT: Final = Outcome(Result.FAILED, "causation_chain")
_AGAIN: Final = Outcome(Result.RETRY, "others wrote to the subscriber at every attempt")
_WAITS: Final = Outcome(Result.DONE, "waits for the filter")


async def emit(parts: Parts, job: Job, operation: EmitEvent, now: int) -> None:
    """Let an event of each run's subscriber happen; the job's outcomes say how it ended."""
    events: dict[int, tuple[Event, int]] = {}
    for index in _within(job):
        run = job.runs[index]
        key = run.id + job.effect.suffix
        event = Event(
            operation.event_type,
            run.subscriber_id,
            id=key if len(key) <= _ID_LENGTH else f"~{content_hash(key)}",
            value=operation.value,
            properties=operation.properties,
        )
        events[index] = event, run.hops + 1
    again: frozenset[str] = frozenset()
    if events:
        try:
            await ingest_emitted(parts, events.values(), from_micros(now))
        except ConflictError as error:
            again = frozenset(error.subscriber_ids)
    for index, (event, _) in events.items():
        job.outcomes[index] = _AGAIN if event.subscriber_id in again else DONE


async def start(parts: Parts, job: Job, operation: StartWorkflow, now: int) -> None:
    """Let each run's subscriber enter another workflow by its rules of entry; the job's outcomes say how it ended."""
    knocks: dict[str, list[Knock]] = {}
    for index in _within(job):
        run = job.runs[index]
        key, hops = run.id + job.effect.suffix, run.hops + 1
        event = Event(STARTED, run.subscriber_id, properties=operation.properties)
        knock = Knock(key, origin_text(event, now, hops), STARTED, event, hops=hops)
        knocks.setdefault(run.subscriber_id, []).append(knock)
    errand = _Starting(operation.workflow_id, knocks)
    again: frozenset[str] = frozenset()
    if knocks:
        try:
            await run_errand(parts, parts.store, errand, now)
        except ConflictError as error:
            again = frozenset(error.subscriber_ids)
    for index in job.open():
        run = job.runs[index]
        outcome = _AGAIN if run.subscriber_id in again else errand.ended[run.id + job.effect.suffix]
        if outcome is None:
            outcome = await _found(parts.store, run, run.id + job.effect.suffix, operation.workflow_id)
        job.outcomes[index] = outcome


def _within(job: Job) -> list[int]:
    """Give the runs that may lead on; the others end a chain that has become too long."""
    within: list[int] = []
    for index in job.open():
        if job.runs[index].hops < MAX_HOPS:
            within.append(index)
        else:
            job.outcomes[index] = _CUT
    return within


class _Starting:
    """The errand of letting subscribers into a workflow.

    Attributes:
        ended: How it ended by key; None where an earlier attempt had done it.
    """

    def __init__(self, workflow_id: str, knocks: Mapping[str, Sequence[Knock]]) -> None:
        self._workflow_id = workflow_id
        self._knocks = knocks
        self.ended: dict[str, Outcome | None] = {}
        self.asked: Mapping[str, Sequence[str]] = {
            subscriber_id: [knock.cause for knock in own] for subscriber_id, own in knocks.items()
        }

    def wants(self, catalogue: Catalogue) -> Wants:
        gate = catalogue.gate(self._workflow_id)
        return NO_WANTS if gate is None else catalogue.wants(gate)

    def whose_profiles(self, subscriber_ids: Sequence[str]) -> Sequence[str]:
        return subscriber_ids

    def visit(self, desk: Desk) -> None:
        for knock in self._knocks[desk.subscriber_id]:
            self.ended[knock.cause] = self._come(desk, knock)

    def _come(self, desk: Desk, knock: Knock) -> Outcome | None:
        gate = desk.catalogue.gate(self._workflow_id)
        # What an earlier attempt did is done, be it that the workflow is gone since.
        if knock.cause in desk.recalled.seen:
            return None
        if gate is None:
            is_live = desk.catalogue.is_live(self._workflow_id)
            return Outcome(Result.FAILED, "inactive_workflow" if is_live else "unknown_workflow")
        desk.accept(knock.cause)
        before = len(desk.started)
        admit(desk, gate, knock)
        if len(desk.started) > before:
            return Outcome(Result.DONE, reference=desk.started[-1].run.id)
        _, entry = desk.lines[-1]
        return _WAITS if entry.kind is Kind.WAITING else Outcome(Result.SKIPPED, str(entry.data.get("reason", "")))


async def _found(store: Store, run: Run, key: str, workflow_id: str) -> Outcome:
    """Find out how an earlier attempt ended, which nobody could settle."""
    started, after = run_id(workflow_id, run.subscriber_id, key), 0
    while page := await resolve(
        "store.runs", store.runs(subscriber_id=run.subscriber_id, workflow_id=workflow_id, after=after, limit=_PAGE)
    ):
        if any(other.id == started for other in page):
            return Outcome(Result.DONE, reference=started)
        after = page[-1].handle
    after = 0
    while lines := await resolve("store.lines", store.lines(subscriber_id=run.subscriber_id, after=after, limit=_PAGE)):
        for line in lines:
            if line.entry.kind is Kind.REFUSED and line.entry.data.get("cause") == key:
                return Outcome(Result.SKIPPED, str(line.entry.data["reason"]))
        after = lines[-1].number
    return _WAITS
