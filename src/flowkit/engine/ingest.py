"""The way of an event: recall, match, admit, start or step, commit. No sender is called here."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from typing import Final, NamedTuple, TypeAlias

from attrs import frozen

from flowkit.conditions import Moment
from flowkit.engine.catalogue import Catalogue, Entrance
from flowkit.engine.drive import resolve
from flowkit.engine.parts import Parts
from flowkit.errors import ConflictError, DocumentError, EventsRejected, Problem
from flowkit.events import NO_FACTS, Event, Facts, to_micros, together
from flowkit.hashing import run_id
from flowkit.ports import EMPTY_RECALL, Change, Changes, Ledger, Move, Recall, Recalled, Started, Store
from flowkit.runs.effects import Observed
from flowkit.runs.model import Entry, Kind, Run, origin_text
from flowkit.triggers.evaluate import Gate, Refusal, refusal

__all__ = ["Ingested", "ingest"]

_ATTEMPTS: Final = 8


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


class _Taken(NamedTuple):
    """An event that can be kept.

    Attributes:
        event_id: Under which id it is accepted once.
        event: The event.
        origin: The text that is kept with a run that it leads to.
    """

    event_id: str
    event: Event
    origin: str


_Batch: TypeAlias = Mapping[str, Sequence[_Taken]]


async def ingest(parts: Parts, store: Store, events: Iterable[Event], now: datetime) -> Ingested:
    """Accept events: each once; all of a subscriber's together or none of them.

    Raises:
        EventsRejected: Some events hold what JSON cannot; all others are accepted.
        ConflictError: Some subscribers were changed by others at every attempt; the events of all others are accepted.
    """
    batch: _Batch
    batch, rejected = _sorted(events, now)
    total = Ingested()
    for _ in range(_ATTEMPTS):
        if not batch:
            break
        done, refused = await _attempt(parts, store, batch, to_micros(now))
        total += done
        batch = {subscriber: batch[subscriber] for subscriber in refused}
    if batch:
        raise ConflictError(batch)
    if rejected:
        raise EventsRejected(rejected)
    return total


def _sorted(events: Iterable[Event], now: datetime) -> tuple[_Batch, dict[int, DocumentError]]:
    """Put events by subscriber, and those that cannot be kept aside, by their place in the batch."""
    batch: dict[str, list[_Taken]] = {}
    rejected: dict[int, DocumentError] = {}
    at = to_micros(now)
    for index, event in enumerate(events):
        try:
            taken = _Taken(event.identity(now), event, origin_text(event, at))
        except (TypeError, ValueError, RecursionError, AttributeError) as error:
            reason = f"an event is an Event whose properties and value are JSON values ({error})"
            rejected[index] = DocumentError([Problem("not_json", "", message=reason)])
            continue
        batch.setdefault(event.subscriber_id, []).append(taken)
    return batch, rejected


async def _attempt(parts: Parts, store: Store, batch: _Batch, now: int) -> tuple[Ingested, Sequence[str]]:
    """Decide a batch once and commit it; give what was done and whose events were refused."""
    recall = await _recall(parts.catalogue, store, batch)
    entrances = {
        kind: parts.catalogue.entrance(kind)
        for kind in dict.fromkeys(event.type for events in batch.values() for _, event, _ in events)
    }
    facts = await _facts(parts, batch, entrances)
    desks: list[_Desk] = []
    for subscriber_id, events in batch.items():
        recalled = recall.subscribers.get(subscriber_id, EMPTY_RECALL)
        desk = _Desk(parts, subscriber_id, recalled, facts.get(subscriber_id), now)
        for taken in events:
            desk.take(taken, entrances[taken.event.type])
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


async def _recall(catalogue: Catalogue, store: Store, batch: _Batch) -> Recall:
    asked = {subscriber: [taken.event_id for taken in events] for subscriber, events in batch.items()}
    while True:
        listens = catalogue.listens
        runs = bool(listens) and any(taken.event.type in listens for events in batch.values() for taken in events)
        recall = await resolve("store.recall", store.recall(asked, runs=runs))
        if not await catalogue.refresh(recall.stamp) or catalogue.listens <= listens:
            return recall


async def _facts(parts: Parts, batch: _Batch, entrances: Mapping[str, Entrance]) -> Mapping[str, Facts]:
    """Read the facts that the triggers, and the first steps, of this batch need: one call for all subscribers."""
    asking = {kind: entrance.needs for kind, entrance in entrances.items() if entrance.asks_profile}
    if not asking or parts.profiles is None:
        return {}
    needs = together(asking.values())
    asked = [subscriber for subscriber, events in batch.items() if any(taken.event.type in asking for taken in events)]
    return await resolve("profiles.facts", parts.profiles.facts(asked, needs))


class _Desk:
    """Where the events of one subscriber are taken one after the other, and what they come to is gathered."""

    __slots__ = (
        "_catalogue",
        "_decisions",
        "_facts",
        "_ledgers",
        "_moment",
        "_now",
        "_observed",
        "_recalled",
        "duplicates",
        "lines",
        "seen",
        "started",
        "subscriber_id",
    )

    def __init__(self, parts: Parts, subscriber_id: str, recalled: Recalled, facts: Facts | None, now: int) -> None:
        self._catalogue = parts.catalogue
        self._decisions = parts.decisions
        self._now = now
        self._moment = Moment(now)
        self._facts = facts
        self._recalled = recalled
        self._ledgers: dict[str, Ledger] = {}
        self._observed: dict[str, Move] | None = None
        self.subscriber_id = subscriber_id
        self.duplicates = 0
        self.seen: dict[str, None] = {}
        self.started: tuple[Started, ...] = ()
        self.lines: tuple[tuple[str, Entry], ...] = ()

    def take(self, taken: _Taken, entrance: Entrance) -> None:
        """Take one event: living runs observe it first, then it may lead into workflows."""
        event_id, event, _ = taken
        if event_id in self._recalled.seen or event_id in self.seen:
            self.duplicates += 1
            return
        self.seen[event_id] = None
        if entrance.observed:
            self._observe(event)
        for gate in self._catalogue.matching(entrance, event, self._facts, self._moment):
            self._admit(gate, taken)

    def change(self) -> Change:
        """Give what the events came to."""
        return Change(
            self.subscriber_id,
            self._recalled.handle,
            tuple(self.seen),
            tuple(self._ledgers.values()),
            self.started,
            () if self._observed is None else tuple(self._observed.values()),
            self.lines,
            None if self._observed is None else max((run.handle for run in self._recalled.runs), default=0),
        )

    def _observe(self, event: Event) -> None:
        signal = Observed(event)
        self.started = tuple(self._after(begun, signal) for begun in self.started)
        observed = self._observed = self._observed or {}
        for run in self._recalled.runs:
            if signal.event.type in self._catalogue.program(run.version).listens:
                before = observed.get(run.id)
                at_hand = (
                    Started(run, ()) if before is None else Started(run.moved(before.state, before.due), before.entries)
                )
                now, entries = self._after(at_hand, signal)
                observed[run.id] = Move((run,), now.state, now.due, entries)

    def _after(self, begun: Started, signal: Observed) -> Started:
        """Let a run observe an event: the run after it, with the entries so far."""
        run, entries = begun
        program = self._catalogue.program(run.version)
        transition = self._decisions.informed(program, run.id, run.state, signal, run.due, NO_FACTS, self._now)
        return Started(run.moved(transition.state, transition.due(self._now)), entries + transition.entries)

    def _admit(self, gate: Gate, taken: _Taken) -> None:
        now = self._now
        workflow_id = gate.workflow_id
        ledger = self._ledgers.get(workflow_id) or self._recalled.ledgers.get(workflow_id)
        if ledger is None:
            self._ledgers[workflow_id] = Ledger(workflow_id, 1, now)
        else:
            refused = refusal(gate, ledger.entries, ledger.last_entry, now)
            if refused is not None:
                self.lines += ((workflow_id, _refused(gate, taken.event, refused)),)
                return
            self._ledgers[workflow_id] = Ledger(workflow_id, ledger.entries + 1, now, ledger.sequence)
        program = self._catalogue.program(gate.version)
        run = run_id(workflow_id, self.subscriber_id, taken.event_id)
        transition = self._decisions.begun(program, run, self._facts, now)
        begun = Run(
            run,
            self.subscriber_id,
            workflow_id,
            gate.version,
            now,
            taken.origin,
            transition.state,
            transition.due(now),
        )
        self.started += (Started(begun, transition.entries),)


def _refused(gate: Gate, event: Event, refused: Refusal) -> Entry:
    data: dict[str, object] = {"reason": refused.reason, "trigger": gate.trigger.trigger_id, "event": event.type}
    if refused.opens_in is not None:
        data["opens_in_seconds"] = refused.opens_in / 1_000_000
    return Entry(Kind.REFUSED, data=data)
