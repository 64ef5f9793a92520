"""The way of an event: recall, match, admit, start or step, commit. No sender is called here."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from typing import TypeAlias

from attrs import evolve

from flowkit.conditions import Moment
from flowkit.engine.catalogue import NO_WANTS, Catalogue, Entrance, Wants
from flowkit.engine.desk import Desk, Knock
from flowkit.engine.lane import Came, Lane
from flowkit.engine.parts import Parts
from flowkit.engine.rounds import Ingested, run_errand
from flowkit.engine.visits import take
from flowkit.errors import DocumentError, EventsRejected, Problem
from flowkit.events import Event, to_micros
from flowkit.ports import Store
from flowkit.runs.awaiting import instant_of
from flowkit.runs.model import origin_text

__all__ = ["Ingested", "ingest", "ingest_emitted"]

_Batch: TypeAlias = Mapping[str, Sequence[Came]]


async def ingest(parts: Parts, store: Store, events: Iterable[Event], now: datetime) -> Ingested:
    """Accept events: each once; all of a subscriber's together or none of them.

    Raises:
        EventsRejected: Some events hold what JSON cannot; all others are accepted.
        ConflictError: Some subscribers were changed by others at every attempt; the events of all others are accepted.
    """
    batch: _Batch
    batch, rejected = _sorted(events, now)
    at = to_micros(now)
    errand = _Events(batch, at)
    total = await run_errand(parts, store, errand, at, lane_of=errand.lane) if batch else Ingested()
    if rejected:
        raise EventsRejected(rejected)
    return total


async def ingest_emitted(parts: Parts, emitted: Iterable[tuple[Event, int]], now: datetime) -> Ingested:
    """Accept events that runs emitted, each with the number of hops by which it came about.

    Raises:
        ConflictError: As for ``ingest``.
    """
    at = to_micros(now)
    batch: dict[str, list[Came]] = {}
    for event, hops in emitted:
        came = event.identity(now), origin_text(event, at, hops), event, hops
        batch.setdefault(event.subscriber_id, []).append(came)
    errand = _Events(batch, at)
    return await run_errand(parts, parts.store, errand, at, lane_of=errand.lane)


def _sorted(events: Iterable[Event], now: datetime) -> tuple[_Batch, dict[int, DocumentError]]:
    """Put events by subscriber, and those that cannot be kept aside, by their place in the batch."""
    batch: dict[str, list[Came]] = {}
    rejected: dict[int, DocumentError] = {}
    at = to_micros(now)
    for index, event in enumerate(events):
        try:
            came = event.id or event.identity(now), origin_text(event, at), event, 0
        except (TypeError, ValueError, RecursionError, AttributeError) as error:
            reason = f"an event is an Event whose properties and value are JSON values ({error})"
            rejected[index] = DocumentError([Problem("not_json", "", message=reason)])
            continue
        known = batch.get(event.subscriber_id)
        if known is None:
            batch[event.subscriber_id] = [came]
        else:
            known.append(came)
    return batch, rejected


class _Events:
    """The errand of a batch of events."""

    def __init__(self, batch: _Batch, now: int) -> None:
        self._batch = batch
        self._now = now
        self._types = list(dict.fromkeys([event.type for came in batch.values() for _, _, event, _ in came]))
        self._entrances: dict[str, Entrance] = {}
        self.asked: dict[str, Sequence[str]] = {
            # A list is not comprehended for one: most subscribers come with one event.
            subscriber: (came[0][0],) if len(came) == 1 else [cause for cause, _, _, _ in came]
            for subscriber, came in batch.items()
        }

    def wants(self, catalogue: Catalogue) -> Wants:
        self._entrances = {kind: catalogue.entrance(kind) for kind in self._types}
        wants = NO_WANTS
        for entrance in self._entrances.values():
            wants |= entrance.wants
        if wants.window:  # It ends where the event occurred, and an event may come in late.
            wants = evolve(wants, window=wants.window + self._now - self._oldest())
        return wants

    def _oldest(self) -> int:
        return min(instant_of(event, self._now) for came in self._batch.values() for _, _, event, _ in came)

    def whose_profiles(self, subscriber_ids: Sequence[str]) -> Sequence[str]:
        asking = {kind for kind, entrance in self._entrances.items() if entrance.wants.profile}
        return [one for one in subscriber_ids if any(event.type in asking for _, _, event, _ in self._batch[one])]

    def visit(self, desk: Desk) -> None:
        for cause, origin, event, hops in self._batch[desk.subscriber_id]:
            take(desk, Knock(cause, origin, event.type, event, hops=hops), event, self._entrances[event.type])

    def lane(self, parts: Parts, moment: Moment) -> Lane:
        """Open the lane for those who need no desk."""
        return Lane(parts, self._batch, self._entrances, moment)
