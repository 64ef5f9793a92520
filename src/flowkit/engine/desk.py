"""One subscriber at the desk: what was read about it before, and what the things that happen come to.

Nothing waits or writes here: events and looks (`visits`), levels (`levels`) and the rules of entry (`entering`) ask
what was read, and what comes of it goes into one `Change`.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import Any, Final, NamedTuple

from flowkit.conditions import Condition, Moment, evaluate, look_up
from flowkit.engine.catalogue import Catalogue
from flowkit.engine.parts import Parts
from flowkit.events import (
    NO_FACTS,
    Event,
    Facts,
    HistoryNeed,
    Occurrence,
    Properties,
    from_micros,
    to_micros,
)
from flowkit.ports import Change, Ledger, Move, Pending, Recalled, Started
from flowkit.runs.consent import Ban
from flowkit.runs.model import Entry
from flowkit.runs.splits import Assigned

__all__ = ["Desk", "Knock", "Places", "earlier", "flip", "key_of", "occurrence_of", "personal", "without"]

_NO_TOTALS: Final[Mapping[str, int]] = {}


class Places:
    """How many more entries by all subscribers the workflows with such a limit take, for all desks of a batch.

    Attributes:
        first: How many before the first desk.
        left: How many now.
    """

    def __init__(self, left: Mapping[str, int]) -> None:
        self.first = left
        self.left = dict(left)


class Knock(NamedTuple):
    """Something that may lead to an entry.

    Attributes:
        cause: What a run is derived from: an event id, or what stands for one.
        origin: The text that is kept with a run that it leads to.
        kind: The type of the event, or what stands for it; for the journal.
        event: The event at hand; None where there is none.
        passed: Whether the filter has been asked, and held.
        hops: By how many actions of runs it came about; 0 for what a host ingests.
    """

    cause: str
    origin: str
    kind: str
    event: Event | None = None
    passed: bool = False
    hops: int = 0


class Desk:
    """The desk at which one subscriber is.

    Args:
        parts: The ports and what is published.
        subscriber_id: Who.
        recalled: What the store remembers.
        facts: What the host knows; None where it knows nothing of the subscriber, or was not asked.
        moment: The engine's instant, with the host's predicates.
        places: The places left in workflows with a limit for all subscribers.
        fenced: Whether past events were recalled, so that the change depends on them.
        own: Whether conditions read more than the profile: the past, a sample, or a host's predicate.

    Attributes:
        subscriber_id: Who.
        seen: The events that were taken, in order.
        duplicates: How many had been taken before.
        refused: How many entries the rules refused.
        held_out: How many of those that begin are held out.
        started: The runs that begin.
        observed: How living runs go on, by run id; None where none was to observe anything.
        ledgers: The ledgers that change, as they stand now.
        lines: What the journal says about no run, each with its workflow.
        occurred: What is kept of events for those that come after them.
        totals: How many entries count towards the limits for all subscribers.
        full: The facts with the past and the subscriber's name, where conditions read those; else as given.
        history: The past, with what this batch added to it.
        assigned: The labels that were assigned before, with those of this batch.
        newly_assigned: Those of this batch, in order.
        suppresses: Whether what is reported may put the subscriber on the suppression list.
        bans: What is forbidden about the subscriber, with what this batch added to it.
        asked_runs: Whether the living runs were asked for, so that the change depends on them.
        crowded_out: Whether an entry was refused only since others of the same batch took the last places.
        watch: Keeps an eye on the data; None where nobody wants to know.
    """

    __slots__ = (
        "asked_runs",
        "assigned",
        "bans",
        "catalogue",
        "crowded_out",
        "decisions",
        "duplicates",
        "facts",
        "fenced",
        "first_places",
        "full",
        "held_out",
        "history",
        "ledgers",
        "lines",
        "moment",
        "newly_assigned",
        "now",
        "observed",
        "occurred",
        "places",
        "recalled",
        "refused",
        "seen",
        "started",
        "subscriber_id",
        "suppresses",
        "totals",
        "watch",
    )

    def __init__(
        self,
        parts: Parts,
        subscriber_id: str,
        recalled: Recalled,
        facts: Facts | None,
        moment: Moment,
        places: Places,
        *,
        fenced: bool,
        own: bool,
    ) -> None:
        self.subscriber_id = subscriber_id
        self.catalogue: Catalogue = parts.catalogue
        self.decisions = parts.decisions
        self.watch = parts.watch
        self.recalled = recalled
        self.facts = self.full = facts
        self.now = moment.now
        self.moment = moment
        self.places = places.left
        self.first_places = places.first
        self.fenced = fenced
        # What is taken goes on here, so that the next event of the batch finds it.
        self.history: dict[str, list[Occurrence]] = {}
        if recalled.history:
            self.history = {kind: list(past) for kind, past in recalled.history.items()}
        self.assigned: Mapping[str, str] = recalled.assigned
        self.newly_assigned: tuple[Assigned, ...] = ()
        if own:
            self.full = personal(facts, subscriber_id, self.history, self.assigned)
        self.ledgers: dict[str, Ledger] = {}
        self.observed: dict[str, Move] | None = None
        self.occurred: tuple[tuple[str, Occurrence], ...] = ()
        self.totals: Mapping[str, int] = _NO_TOTALS
        self.lines: tuple[tuple[str, Entry], ...] = ()
        self.asked_runs = self.crowded_out = False
        self.suppresses = parts.suppresses
        self.bans: Sequence[Ban] = recalled.bans
        self.seen: dict[str, None] = {}
        self.duplicates = 0
        self.refused = 0
        self.held_out = 0
        self.started: tuple[Started, ...] = ()

    @property
    def is_known(self) -> bool:
        """Whether the host knows the subscriber."""
        return self.facts is not None

    @property
    def attributes(self) -> Properties:
        """What the host knows of the profile."""
        return NO_FACTS.attributes if self.facts is None else self.facts.attributes

    @property
    def changed(self) -> bool:
        """Whether anything is to be written."""
        return bool(self.seen or self.ledgers or self.lines or self.observed)

    def accept(self, cause: str) -> bool:
        """Take a cause; False where it was taken before."""
        if cause in self.recalled.seen or cause in self.seen:
            self.duplicates += 1
            return False
        self.seen[cause] = None
        return True

    def forbid(self, ban: Ban) -> None:
        """Put the subscriber on the suppression list, where it is not there already for that."""
        if ban not in self.bans:
            self.bans = (*self.bans, ban)

    def ledger(self, workflow_id: str) -> Ledger:
        """Give what a workflow remembers about the subscriber, as it stands now."""
        return self.ledgers.get(workflow_id) or self.recalled.ledgers.get(workflow_id) or Ledger(workflow_id)

    def keep(
        self,
        ledger: Ledger,
        *,
        held: int | None = None,
        watch: int | None,
        pending: tuple[Pending, ...] | None = None,
    ) -> None:
        """Note what a trigger saw; what is None stays as it is, but for the watch."""
        self.ledgers[ledger.workflow_id] = ledger._replace(
            held=ledger.held if held is None else held,
            watch=watch,
            pending=ledger.pending if pending is None else pending,
        )

    def assign(self, assigned: Sequence[Assigned]) -> None:
        """Note labels that are assigned to the subscriber, for the runs that come after."""
        if assigned:
            self.newly_assigned += tuple(assigned)
            self.assigned = {**self.assigned, **{one.split: one.label for one in assigned}}

    def change(self) -> Change:
        """Give what all of it came to."""
        asked = self.asked_runs or self.observed is not None
        return Change(
            self.subscriber_id,
            self.recalled.handle,
            tuple(self.seen),
            tuple(self.ledgers.values()),
            self.started,
            () if self.observed is None else tuple(self.observed.values()),
            self.lines,
            max((run.handle for run in self.recalled.runs), default=0) if asked else None,
            self.occurred,
            self.recalled.latest if self.fenced else None,
            tuple(self.totals.items()) if self.totals else (),
            self.newly_assigned,
            self.bans[len(self.recalled.bans) :] if self.bans else (),
        )


def personal(
    facts: Facts | None,
    subscriber_id: str,
    history: Mapping[str, Sequence[Occurrence]],
    assigned: Mapping[str, str],
) -> Facts:
    """Put the past, the name and the labels of a subscriber beside what the host knows."""
    known = facts or NO_FACTS
    return Facts(
        known.attributes,
        known.engagement,
        segments=known.segments,
        history=history,
        zone=known.zone,
        subscriber_id=subscriber_id,
        assigned=assigned,
    )


def occurrence_of(event: Event, need: HistoryNeed, now: int) -> Occurrence:
    """Give what is kept of an event; without an instant of its own it occurred now."""
    at = now if event.occurred_at is None else to_micros(event.occurred_at)
    properties = {name: value for name, value in event.properties.items() if name in need.properties}
    return Occurrence(at, value=event.value if need.value else None, properties=properties)


def without(desk: Desk, event: Event) -> Facts:
    """Give the facts without an event that is kept as past and is at hand again, so that it counts once."""
    facts = desk.full or NO_FACTS
    need, past = desk.catalogue.kept.get(event.type), desk.history.get(event.type, [])
    if need is None:
        return facts
    own = occurrence_of(event, need, desk.now)
    if own not in past:
        return facts
    rest = list(past)
    rest.remove(own)
    return personal(facts, desk.subscriber_id, {**desk.history, event.type: rest}, desk.assigned)


def flip(desk: Desk, condition: Condition, event: Event | None, facts: Facts) -> int | None:
    """Find when a condition changes by itself, in microseconds; None for never."""
    verdict = evaluate(condition, facts, event, from_micros(desk.now), predicates=desk.moment.predicates)
    return None if verdict.flips_at is None else to_micros(verdict.flips_at)


def key_of(path: str, origin: str) -> Any:  # noqa: ANN401 - a property may be any JSON value
    """Read the key of a run off the event that led to it."""
    return look_up(json.loads(origin).get("properties", {}), path)


def earlier(one: int | None, other: int | None) -> int | None:
    """Give the earlier of two instants, where None is never."""
    if one is None or other is None:
        return other if one is None else one
    return min(one, other)
