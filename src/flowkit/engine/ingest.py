"""The way of an event: recall, match, admit, start or step, commit. No sender is called here."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from typing import Final

from attrs import define, field, frozen

from flowkit.engine.catalogue import Catalogue
from flowkit.engine.decisions import Decisions
from flowkit.engine.drive import resolve
from flowkit.engine.parts import Parts
from flowkit.errors import ConflictError
from flowkit.events import NO_FACTS, NO_NEEDS, Event, Facts, to_micros
from flowkit.hashing import run_id
from flowkit.ports import EMPTY_RECALL, Change, Changes, Ledger, Move, Recall, Recalled, Started, Store
from flowkit.runs import effects
from flowkit.runs.effects import Asks, Observed
from flowkit.runs.model import Entry, Kind, Run, State, origin_text
from flowkit.runs.program import Program
from flowkit.triggers.evaluate import Gate, Refusal, refusal

__all__ = ["Ingested", "ingest"]

_ATTEMPTS: Final = 8
_BEGIN: Final = State()
_STARTED: Final = effects.Started()


@frozen
class Ingested:
    """What became of a batch of events.

    Attributes:
        accepted: Events that were new.
        duplicates: Events that had been accepted before.
        started: Runs that began.
        refused: Entries that the rules of entry refused; the journal says why.
    """

    accepted: int = 0
    duplicates: int = 0
    started: int = 0
    refused: int = 0

    def __add__(self, other: Ingested) -> Ingested:
        return Ingested(
            self.accepted + other.accepted,
            self.duplicates + other.duplicates,
            self.started + other.started,
            self.refused + other.refused,
        )


async def ingest(parts: Parts, store: Store, events: Iterable[Event], now: datetime) -> Ingested:
    """Accept events: each once; all of a subscriber's together or none of them.

    Raises:
        ConflictError: Some subscribers were changed by others at every attempt; the events of all others are accepted.
    """
    batch: dict[str, list[tuple[str, Event]]] = {}
    for event in events:
        batch.setdefault(event.subscriber_id, []).append((event.identity(now), event))
    total = Ingested()
    for _ in range(_ATTEMPTS):
        if not batch:
            return total
        done, refused = await _attempt(parts, store, batch, to_micros(now))
        total += done
        batch = {subscriber: batch[subscriber] for subscriber in refused}
    if batch:
        raise ConflictError(batch)
    return total


async def _attempt(
    parts: Parts, store: Store, batch: Mapping[str, Sequence[tuple[str, Event]]], now: int
) -> tuple[Ingested, Sequence[str]]:
    """Decide a batch once and commit it; give what was done and whose events were refused."""
    recall = await _recall(parts.catalogue, store, batch)
    facts = await _facts(parts, batch)
    decisions = Decisions(now)
    desks = []
    for subscriber_id, events in batch.items():
        recalled = recall.subscribers.get(subscriber_id, EMPTY_RECALL)
        desk = _Desk(parts.catalogue, decisions, subscriber_id, recalled, facts.get(subscriber_id))
        for event_id, event in events:
            desk.take(event_id, event)
        desks.append(desk)
    refused: Sequence[str] = ()
    changes = [desk.change() for desk in desks if desk.seen]
    if changes:
        refused = (await resolve("store.commit", store.commit(Changes(now, changes)))).subscriber_ids
        if refused:
            turned_away = frozenset(refused)
            desks = [desk for desk in desks if desk.subscriber_id not in turned_away]
    done = Ingested(
        sum(len(desk.seen) for desk in desks),
        sum(desk.duplicates for desk in desks),
        sum(len(desk.started) for desk in desks),
        sum(len(desk.lines) for desk in desks),
    )
    return done, refused


async def _recall(
    catalogue: Catalogue, store: Store, batch: Mapping[str, Sequence[tuple[str, Event]]]
) -> Recall:
    asked = {subscriber: [event_id for event_id, _ in events] for subscriber, events in batch.items()}
    while True:
        listens = catalogue.listens
        runs = bool(listens) and any(event.type in listens for events in batch.values() for _, event in events)
        recall = await resolve("store.recall", store.recall(asked, runs=runs))
        if not await catalogue.refresh(recall.stamp) or catalogue.listens <= listens:
            return recall


async def _facts(parts: Parts, batch: Mapping[str, Sequence[tuple[str, Event]]]) -> Mapping[str, Facts]:
    """Read the facts that the triggers, and the first steps, of this batch need: one call for all subscribers."""
    catalogue = parts.catalogue
    needs = NO_NEEDS
    asked = []
    for subscriber_id, events in batch.items():
        asks = False
        for _, event in events:
            entrance = catalogue.entrance(event.type)
            if entrance.asks_profile:
                asks = True
                needs |= entrance.needs
        if asks:
            asked.append(subscriber_id)
    if not asked or parts.profiles is None:
        return {}
    return await resolve("profiles.facts", parts.profiles.facts(asked, needs))


@define
class _Desk:
    """Where the events of one subscriber are taken one after the other, and what they come to is gathered."""

    catalogue: Catalogue
    decisions: Decisions
    subscriber_id: str
    recalled: Recalled
    facts: Facts | None
    seen: list[str] = field(factory=list)
    duplicates: int = 0
    ledgers: dict[str, Ledger] = field(factory=dict)
    started: list[Started] = field(factory=list)
    observed: dict[str, Move] = field(factory=dict)
    lines: list[tuple[str, Entry]] = field(factory=list)

    def take(self, event_id: str, event: Event) -> None:
        """Take one event: living runs observe it first, then it may lead into workflows."""
        if event_id in self.recalled.seen or event_id in self.seen:
            self.duplicates += 1
            return
        self.seen.append(event_id)
        if event.type in self.catalogue.listens:
            self.observe(event)
        for gate in self.catalogue.entrance(event.type).gates:
            if gate.matches(event, self.facts):
                self.admit(gate, event_id, event)

    def observe(self, event: Event) -> None:
        signal = Observed(event)
        for index, begun in enumerate(self.started):
            moved = self.observing(begun.run, begun.run, signal, begun.entries)
            if moved is not None:
                run = begun.run.moved(moved.state, moved.due)
                self.started[index] = Started(run, moved.entries)
        for run in self.recalled.runs:
            before = self.observed.get(run.id)
            now = run if before is None else run.moved(before.state, before.due)
            moved = self.observing(run, now, signal, () if before is None else before.entries)
            if moved is not None:
                self.observed[run.id] = moved

    def observing(self, read: Run, run: Run, signal: Observed, entries: tuple[Entry, ...]) -> Move | None:
        program = self.catalogue.program(run.version)
        if signal.event.type not in program.listens:
            return None
        transition = self.decisions.informed(program, run.id, run.state, signal, run.due, NO_FACTS)
        return Move((read,), transition.state, transition.due, (*entries, *transition.entries))

    def admit(self, gate: Gate, event_id: str, event: Event) -> None:
        now = self.decisions.now
        workflow_id = gate.workflow_id
        ledger = self.ledgers.get(workflow_id) or self.recalled.ledgers.get(workflow_id) or Ledger(workflow_id)
        refused = refusal(gate, ledger.entries, ledger.last_entry, now)
        if refused is not None:
            self.lines.append((workflow_id, _refused(gate, event, refused)))
            return
        self.ledgers[workflow_id] = Ledger(workflow_id, ledger.entries + 1, now, ledger.sequence)
        program = self.catalogue.program(gate.version)
        occurred = now if event.occurred_at is None else to_micros(event.occurred_at)
        run = Run(
            run_id(workflow_id, self.subscriber_id, event_id),
            self.subscriber_id,
            workflow_id,
            gate.version,
            now,
            origin_text(event, occurred),
            _BEGIN,
            now,
        )
        self.started.append(self.begin(program, run))

    def begin(self, program: Program, run: Run) -> Started:
        transition = self.decisions.of(program, run.id, _BEGIN, _STARTED, run.due, self.facts)
        if isinstance(transition, Asks):
            # The host knows nothing of this subscriber: what is asked is answered with nothing.
            transition = self.decisions.informed(program, run.id, _BEGIN, _STARTED, run.due, NO_FACTS)
        return Started(run.moved(transition.state, transition.due), transition.entries)

    def change(self) -> Change:
        return Change(
            self.subscriber_id,
            self.recalled.handle,
            self.seen,
            tuple(self.ledgers.values()),
            self.started,
            tuple(self.observed.values()),
            self.lines,
        )


def _refused(gate: Gate, event: Event, refused: Refusal) -> Entry:
    data: dict[str, object] = {"reason": refused.reason, "trigger": gate.trigger.trigger_id, "event": event.type}
    if refused.opens_in is not None:
        data["opens_in_seconds"] = refused.opens_in / 1_000_000
    return Entry(Kind.REFUSED, data=data)
