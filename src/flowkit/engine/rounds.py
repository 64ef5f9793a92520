"""A round: recall, let desks decide, commit; and once more for those of whom somebody else wrote first."""

from __future__ import annotations

from collections.abc import Callable, Container, Mapping, Sequence
from typing import NamedTuple, Protocol, TypeAlias

from attrs import evolve, frozen

from flowkit.conditions import Moment
from flowkit.engine.attempts import Attempts
from flowkit.engine.catalogue import Catalogue, Wants
from flowkit.engine.desk import Desk, Places
from flowkit.engine.drive import resolve
from flowkit.engine.lane import Lane
from flowkit.engine.parts import Parts
from flowkit.errors import ConflictError
from flowkit.events import Facts, Needs
from flowkit.ports import (
    EMPTY_RECALL,
    NOTHING_REFUSED,
    Change,
    Changes,
    Gathered,
    Intake,
    Recall,
    Store,
)

__all__ = ["Errand", "Ingested", "profile_facts", "run_errand"]

LaneOf: TypeAlias = Callable[[Parts, Moment], Lane]
"""Opens the lane of a batch, once it is known what is published."""


@frozen
class Ingested:
    """What became of a batch of events.

    Attributes:
        accepted: Events that were new.
        duplicates: Events that had been accepted before.
        started: Runs that began.
        refused: Entries that the rules of entry refused; the journal says why.
        held_out: Entries of those who are held out, and get nothing.
    """

    accepted: int = 0
    duplicates: int = 0
    started: int = 0
    refused: int = 0
    held_out: int = 0

    def __add__(self, other: Ingested) -> Ingested:
        return Ingested(
            self.accepted + other.accepted,
            self.duplicates + other.duplicates,
            self.started + other.started,
            self.refused + other.refused,
            self.held_out + other.held_out,
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


async def run_errand(
    parts: Parts, store: Store, errand: Errand, now: int, *, lane_of: LaneOf | None = None
) -> Ingested:
    """Do an errand: all of a subscriber's part of it, or none.

    Args:
        parts: The ports.
        store: The store, or a transaction of the host's in it.
        errand: What is done.
        now: The engine's instant in microseconds.
        lane_of: Opens a lane for those who need no desk; None where everybody goes to one.

    Raises:
        ConflictError: Some subscribers were changed by others at every attempt; it is done for all others.
    """
    total = Ingested()
    asked = errand.asked
    attempts = Attempts()
    while asked:
        if not attempts.left:
            raise ConflictError(asked)
        attempt = await _attempt(parts, store, errand, asked, now, lane_of)
        total += attempt.done
        asked = attempt.refused
        attempts.lost(outdated=attempt.outdated)
    return total


class _Attempt(NamedTuple):
    """What was done; what was refused, by subscriber; and whether that is only since something else is published."""

    done: Ingested
    refused: Mapping[str, Sequence[str]]
    outdated: bool = False


async def _attempt(
    parts: Parts,
    store: Store,
    errand: Errand,
    asked: Mapping[str, Sequence[str]],
    now: int,
    lane_of: LaneOf | None,
) -> _Attempt:
    """Decide once and commit."""
    decided = await _decided(parts, store, errand, asked, now, lane_of)
    if decided is None:
        return _Attempt(Ingested(), asked, outdated=True)
    visited, stamp = decided
    desks = [one for one in visited if isinstance(one, Desk)]
    # Who found no place left, while somebody before took one that may be refused, is asked again.
    crowded = frozenset(desk.subscriber_id for desk in desks if desk.crowded_out)
    refused = NOTHING_REFUSED
    changes = _changes(visited, crowded)
    if changes:
        # Who is let in is let in by what is published and ordered now.
        stamp = stamp if any(isinstance(change, Intake) or change.started for change in changes) else None
        catalogue = parts.catalogue
        batch = Changes(now, Gathered(changes), history=catalogue.kept, limits=catalogue.limits, stamp=stamp)
        refused = await resolve("store.commit", store.commit(batch))
    entered = [one for one in visited if isinstance(one, Intake)]
    alike = sum(len(one.entrants) for one in entered)
    turned_away = crowded.union(refused.subscriber_ids)
    again: Mapping[str, Sequence[str]] = {}
    if turned_away:
        again = {subscriber: causes for subscriber, causes in asked.items() if subscriber in turned_away}
        desks = [desk for desk in desks if desk.subscriber_id not in turned_away]
        alike -= sum(entrant[0] in turned_away for one in entered for entrant in one.entrants)
    done = Ingested(
        alike + sum(len(desk.seen) for desk in desks),
        sum(desk.duplicates for desk in desks),
        alike + sum(len(desk.started) - desk.held_out for desk in desks),
        sum(desk.refused for desk in desks),
        sum(desk.held_out for desk in desks),
    )
    return _Attempt(done, again, outdated=refused.outdated)


def _changes(visited: Sequence[Desk | Intake], crowded: Container[str]) -> list[Change | Intake]:
    """Give what is to be written, in the order of the visits."""
    changes: list[Change | Intake] = []
    for one in visited:
        if isinstance(one, Intake):
            changes.append(one)
        elif one.changed and one.subscriber_id not in crowded:
            changes.append(one.change())
    return changes


async def _decided(
    parts: Parts,
    store: Store,
    errand: Errand,
    asked: Mapping[str, Sequence[str]],
    now: int,
    lane_of: LaneOf | None,
) -> tuple[list[Desk | Intake], int | None] | None:
    """Read what is asked for and decide; None where what is published asks for something else by then.

    Returns:
        The desks and those who needed none, and the stamp under which was decided.
    """
    catalogue = parts.catalogue
    wants = errand.wants(catalogue)
    ended = now - wants.window if wants.window else None
    recall = await resolve(
        "store.recall",
        store.recall(
            asked,
            runs=wants.runs,
            history=sorted(wants.needs.history),
            totals=sorted(wants.totals),
            splits=sorted(wants.needs.splits),
            ended=ended,
        ),
    )
    await catalogue.refresh(recall.stamp)
    edition = catalogue.edition
    if not _covers(wants, errand.wants(catalogue)):
        return None
    facts: Mapping[str, Facts] = {}
    if wants.profile:
        facts = await profile_facts(parts, errand.whose_profiles(list(asked)), wants.needs)
    # From here on nothing is awaited, and no other thread changes what is published.
    with catalogue.steady:
        if catalogue.edition != edition:
            return None
        return _visited(parts, errand, asked, recall, wants, facts, now, lane_of), catalogue.stamp


def _visited(
    parts: Parts,
    errand: Errand,
    asked: Mapping[str, Sequence[str]],
    recall: Recall,
    wants: Wants,
    facts: Mapping[str, Facts],
    now: int,
    lane_of: LaneOf | None,
) -> list[Desk | Intake]:
    """Do the errand at each desk, or without one."""
    catalogue = parts.catalogue
    limits = catalogue.limits
    places = Places(
        {name: limits[name] - recall.totals.get(name, 0) for name in sorted(wants.totals) if name in limits}
    )
    fenced = bool(wants.needs.history)
    watch = parts.watch
    predicates = catalogue.predicates if watch is None else watch.over(catalogue.predicates)
    moment = Moment(now, predicates=predicates)
    lane = None if lane_of is None else lane_of(parts, moment)
    visited: list[Desk | Intake] = []
    alike: Intake | None = None
    for subscriber_id in asked:
        remembered = recall.subscribers.get(subscriber_id)
        if lane is not None:
            before, alike = alike, lane.take(subscriber_id, remembered, alike)
            if alike is not None:
                if alike is not before:
                    visited.append(alike)
                continue
        recalled, known = remembered or EMPTY_RECALL, facts.get(subscriber_id)
        desk = Desk(parts, subscriber_id, recalled, known, moment, places, fenced=fenced, own=wants.personal)
        errand.visit(desk)
        if watch is not None:
            watch.note_raised(catalogue.personal, catalogue.edition, subscriber_id, now)
        visited.append(desk)
    return visited


def _covers(wants: Wants, others: Wants) -> bool:
    return wants == others or (wants | others) == wants


async def profile_facts(parts: Parts, subscriber_ids: Sequence[str], needs: Needs) -> Mapping[str, Facts]:
    """Read what the host knows; who is not known to it is left out. What the store knows is none of its business."""
    if parts.profiles is None or not subscriber_ids:
        return {}
    asked = evolve(needs, history={}, splits=frozenset()) if needs.history or needs.splits else needs
    return await resolve("profiles.facts", parts.profiles.facts(subscriber_ids, asked))
