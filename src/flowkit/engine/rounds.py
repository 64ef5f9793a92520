"""A round: recall, let desks decide, commit; and once more for those of whom somebody else wrote first."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Final, Protocol

from attrs import evolve, frozen

from flowkit.conditions import Moment
from flowkit.engine.catalogue import Catalogue, Wants
from flowkit.engine.desk import Desk
from flowkit.engine.drive import resolve
from flowkit.engine.parts import Parts
from flowkit.errors import ConflictError
from flowkit.events import Facts, Needs
from flowkit.ports import EMPTY_RECALL, Changes, Recall, Store

__all__ = ["Errand", "Ingested", "profile_facts", "run_errand"]

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


class Errand(Protocol):
    """What is done at the desks of a batch of subscribers."""

    @property
    def asked(self) -> Mapping[str, Sequence[str]]:
        """Who comes to a desk, and which causes are looked up among those that were accepted, by subscriber."""
        ...

    def wants(self, catalogue: Catalogue) -> Wants:
        """Say what is read before, of what is published now."""
        ...

    def whose_profiles(self, subscriber_ids: Sequence[str]) -> Sequence[str]:
        """Say of whom the profile is read."""
        ...

    def visit(self, desk: Desk) -> None:
        """Do it."""
        ...


async def run_errand(parts: Parts, store: Store, errand: Errand, now: int) -> Ingested:
    """Do an errand: all of a subscriber's part of it, or none.

    Raises:
        ConflictError: Some subscribers were changed by others at every attempt; it is done for all others.
    """
    total = Ingested()
    asked = errand.asked
    for _ in range(_ATTEMPTS):
        if not asked:
            return total
        done, refused = await _attempt(parts, store, errand, asked, now)
        total += done
        asked = {subscriber: asked[subscriber] for subscriber in refused}
    if asked:
        raise ConflictError(asked)
    return total


async def _attempt(
    parts: Parts, store: Store, errand: Errand, asked: Mapping[str, Sequence[str]], now: int
) -> tuple[Ingested, Sequence[str]]:
    """Decide once and commit; give what was done and of whom it was refused."""
    recall, wants = await _recall(parts.catalogue, store, errand, asked)
    facts: Mapping[str, Facts] = {}
    if wants.profile:
        facts = await profile_facts(parts, errand.whose_profiles(list(asked)), wants.needs)
    limits = parts.catalogue.limits
    places = {name: limits[name] - recall.totals.get(name, 0) for name in sorted(wants.totals) if name in limits}
    fenced = bool(wants.needs.history)
    moment = Moment(now, predicates=parts.catalogue.predicates)
    desks: list[Desk] = []
    for subscriber_id in asked:
        recalled = recall.subscribers.get(subscriber_id, EMPTY_RECALL)
        desk = Desk(
            parts, subscriber_id, recalled, facts.get(subscriber_id), moment, places, fenced=fenced, own=wants.personal
        )
        errand.visit(desk)
        desks.append(desk)
    refused: Sequence[str] = ()
    changes = [desk.change() for desk in desks if desk.changed]
    if changes:
        batch = Changes(now, changes, history=parts.catalogue.kept, limits=limits)
        refused = (await resolve("store.commit", store.commit(batch))).subscriber_ids
        if refused:
            turned_away = frozenset(refused)
            desks = [desk for desk in desks if desk.subscriber_id not in turned_away]
    done = Ingested(
        sum(len(desk.seen) for desk in desks),
        sum(desk.duplicates for desk in desks),
        sum(len(desk.started) for desk in desks),
        sum(desk.refused for desk in desks),
    )
    return done, refused


async def _recall(
    catalogue: Catalogue, store: Store, errand: Errand, asked: Mapping[str, Sequence[str]]
) -> tuple[Recall, Wants]:
    """Read what is remembered, and again where what is published asks for more by then."""
    wants = errand.wants(catalogue)
    while True:
        recall = await resolve(
            "store.recall",
            store.recall(asked, runs=wants.runs, history=sorted(wants.needs.history), totals=sorted(wants.totals)),
        )
        if not await catalogue.refresh(recall.stamp):
            return recall, wants
        before, wants = wants, errand.wants(catalogue)
        if before == wants or (before | wants) == before:
            return recall, wants


async def profile_facts(parts: Parts, subscriber_ids: Sequence[str], needs: Needs) -> Mapping[str, Facts]:
    """Read what the host knows; who is not known to it is left out. The past is none of its business."""
    if parts.profiles is None or not subscriber_ids:
        return {}
    asked = evolve(needs, history={}) if needs.history else needs
    return await resolve("profiles.facts", parts.profiles.facts(subscriber_ids, asked))
