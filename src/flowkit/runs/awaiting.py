"""What meets a wait for an event or a condition: which branch, and when.

Of what happens, that which happened first meets the wait; of several at one instant, that which stands first in order.
An event meets a branch where it occurred at or after the instant from which on events count, and before the deadline.
A condition meets its branch at the first instant before the deadline at which it is found to hold.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from functools import partial
from typing import Any, Final, assert_never

from attrs import evolve, field, frozen

from flowkit.conditions import (
    NO_VARIABLES,
    Condition,
    Duration,
    EventHas,
    Predicate,
    ValueAtLeast,
    evaluate,
    event_types,
    is_personal,
    needs,
)
from flowkit.conditions.walk import leaves
from flowkit.events import Event, Facts, HistoryNeed, Needs, Occurrence, from_micros, to_micros, together
from flowkit.runs.choices import Choice
from flowkit.workflows.control import TIMEOUT, Awaited, Case, LookBack, WaitForEvent

__all__ = [
    "Arrival",
    "Met",
    "Post",
    "arrive",
    "asks_facts",
    "awaited_types",
    "by_event",
    "in_time",
    "instant_of",
    "look",
    "matches",
    "met_by_event",
    "needs_of",
    "since",
    "timed_out",
    "with_event",
]

_NAME: Final = "subscriber"
_NO_TYPES: Final[frozenset[str]] = frozenset()


@frozen
class Post:
    """Where runs wait for what happens.

    Attributes:
        node: In which node.
        action: The index of the action within it.
        wait: For what.
    """

    node: str
    action: int
    wait: WaitForEvent


@frozen
class Met:
    """A branch that is met.

    Attributes:
        at: When, in microseconds.
        place: Its place among the branches.
        label: Its label.
        data: What the journal says about it.
    """

    at: int
    place: int
    label: str
    data: Mapping[str, Any]


@frozen(kw_only=True)
class Arrival:
    """A run that is in a wait, or comes to it; all instants are in microseconds.

    Attributes:
        now: The engine's instant.
        since: From when on events count.
        until: The deadline; None for none.
        seen: When the first event for each branch occurred, by place, as far as the run has seen it.
        origin: The type and the instant of the event that led to the run, which meets nothing; None where none did.
        variables: The run's variables by name.
    """

    now: int
    since: int
    until: int | None
    seen: Mapping[int, int] = field(factory=dict[int, int])
    origin: tuple[str, int] | None = None
    variables: Mapping[str, Any] = NO_VARIABLES


def by_event(wait: WaitForEvent, place: int, at: int, kind: str | None = None) -> Met:
    """Say that an event met a branch."""
    label = wait.branches[place].label
    told = {} if kind is None else {"type": kind}
    return Met(at, place, label, {"label": label, **told, "occurred_at": from_micros(at).isoformat()})


def instant_of(event: Event, now: int) -> int:
    """Say when an event occurred; one that says that it lies ahead occurs when it comes in."""
    return now if event.occurred_at is None else min(now, to_micros(event.occurred_at))


def since(wait: WaitForEvent, *, entered: int, sent: int | None, now: int) -> int:
    """Say from when on events count for a run that comes to a wait.

    Args:
        wait: The wait.
        entered: When the run was entered, in microseconds.
        sent: When its last message was sent; None before the first.
        now: When it comes to the wait.
    """
    match wait.look_back:
        case LookBack.LAST_SEND:
            return entered if sent is None else sent
        case LookBack.ARRIVAL:
            return now
        case LookBack.ENTRY:
            return entered
        case Duration():
            return now - wait.look_back.micros + 1  # What is exactly as old as the span counts no more.
        case _:
            assert_never(wait.look_back)


def in_time(at: int, since: int, until: int | None) -> bool:
    """Whether an event counts for a wait; exactly at the deadline it does no more."""
    return since <= at and (until is None or at < until)


def matches(branch: Awaited | Case, event: Event, facts: Facts, now: int) -> bool:
    """Whether an event is one that a branch waits for."""
    return isinstance(branch, Awaited) and evaluate(branch.event, facts, event, from_micros(now)).holds


def met_by_event(wait: WaitForEvent, event: Event, facts: Facts, now: int) -> Met | None:
    """Find the first branch that an event meets."""
    places = (place for place, branch in enumerate(wait.branches) if matches(branch, event, facts, now))
    place = next(places, None)
    return None if place is None else by_event(wait, place, instant_of(event, now), event.type)


def _looked_back(wait: WaitForEvent, arrival: Arrival, facts: Facts) -> Iterator[Met]:
    """Find the branches that were met before the run came to the wait."""
    if isinstance(wait.look_back, LookBack):
        for place, at in arrival.seen.items():
            yield by_event(wait, place, at)
        return
    origin, now = arrival.origin, arrival.now
    for place, branch in enumerate(wait.branches):
        for kind in sorted(_types(branch)):
            past = list(facts.history.get(kind, ()))
            if origin is not None and origin[0] == kind:
                past = _without(past, origin[1])
            for one in past:
                event = Event(kind, _NAME, properties=one.properties, value=one.value)
                at = min(one.occurred_at, now)
                if matches(branch, event, facts, now):
                    yield by_event(wait, place, at, kind)


def _without(past: list[Occurrence], at: int) -> list[Occurrence]:
    index = next((index for index, one in enumerate(past) if one.occurred_at == at), len(past))
    return past[:index] + past[index + 1 :]


def met_by_time(
    wait: WaitForEvent,
    facts: Facts,
    first: int,
    last: int,
    until: int | None,
    *,
    started_at: int,
    predicates: Mapping[str, Predicate],
    variables: Mapping[str, Any],
) -> tuple[Met | None, int | None]:
    """Ask the conditions at an instant, and at those after it at which one may change by itself.

    Args:
        wait: The wait.
        facts: What is known about the subscriber.
        first: The first instant at which they are asked.
        last: The last instant at which they may be asked, which is that of the engine.
        until: The deadline; from then on nothing is asked. None for none.
        started_at: When the run was entered.
        predicates: The host's predicates by name.
        variables: The run's variables by name.

    Returns:
        The branch that is met, or else when they have to be asked again; None for never.
    """
    instant = first
    while instant <= last and (until is None or instant < until):
        flips: list[int] = []
        for place, branch in enumerate(wait.branches):
            if isinstance(branch, Awaited):
                continue
            verdict = evaluate(
                branch.when,
                facts,
                None,
                from_micros(instant),
                started_at=from_micros(started_at),
                predicates=predicates,
                variables=variables,
            )
            if verdict.holds:
                data = Choice(branch.label, verdict.operands, verdict.timed).data
                return Met(instant, place, branch.label, data), None
            if verdict.flips_at is not None:
                flips.append(to_micros(verdict.flips_at))
        if not flips:
            return None, None
        instant = min(flips)
    return None, instant


def arrive(
    wait: WaitForEvent,
    at: Arrival,
    facts: Facts,
    *,
    started_at: int,
    predicates: Mapping[str, Predicate],
) -> tuple[Met | None, int | None]:
    """Come to a wait.

    Args:
        wait: The wait.
        at: When, and what is known of what happened before.
        facts: What is known about the subscriber.
        started_at: When the run was entered.
        predicates: The host's predicates by name.

    Returns:
        The branch that is met, or else when the run is to be looked at again; None for never.
    """
    events = [met for met in _looked_back(wait, at, facts) if in_time(met.at, at.since, at.until)]
    found = min(events, key=_order, default=None)
    if found is not None and found.at < at.now:
        return found, None
    held, again = met_by_time(
        wait, facts, at.now, at.now, None, started_at=started_at, predicates=predicates, variables=at.variables
    )
    met = min((one for one in (found, held) if one is not None), key=_order, default=None)
    if met is None and at.until is not None and at.until <= at.now:
        return timed_out(wait, at.until), None
    return met, _earlier(again, at.until)


def look(
    wait: WaitForEvent,
    at: Arrival,
    known: tuple[Facts, Facts],
    due: int | None,
    *,
    started_at: int,
    predicates: Mapping[str, Predicate],
    event: Event | None = None,
) -> tuple[Met | None, int | None]:
    """Look at a run in a wait.

    Args:
        wait: The wait.
        at: When, and from when on until when events count.
        known: What is known about the subscriber without the event at hand, and with it.
        due: When the run was to be looked at; where that is past, the conditions are asked at that instant first.
        started_at: When the run was entered.
        predicates: The host's predicates by name.
        event: The event at hand, where it is one for the run.

    Returns:
        As for `arrive`; the timeout is for the caller to tell.
    """
    before, after = known
    found = None if event is None else met_by_event(wait, event, before, at.now)
    if found is not None and not in_time(found.at, at.since, at.until):
        found = None
    held = again = None
    if any(isinstance(branch, Case) for branch in wait.branches):
        first = at.now if due is None else min(due, at.now)
        ask = partial(
            met_by_time, wait, until=at.until, started_at=started_at, predicates=predicates, variables=at.variables
        )
        held, again = ask(before, first, at.now - 1)
        if held is None:
            held, again = ask(after, at.now, at.now)
    met = min((one for one in (found, held) if one is not None), key=_order, default=None)
    return met, _earlier(again, at.until)


def timed_out(wait: WaitForEvent, until: int) -> Met:
    """Say that nothing came in time."""
    return Met(until, len(wait.branches), TIMEOUT, {"label": TIMEOUT})


def _order(met: Met) -> tuple[int, int]:
    return met.at, met.place


def _earlier(one: int | None, other: int | None) -> int | None:
    if one is None or other is None:
        return other if one is None else one
    return min(one, other)


def with_event(facts: Facts, asked: Needs, event: Event, now: int) -> Facts:
    """Put an event at hand to those of the past, where those of its type are asked about."""
    if event.type not in asked.history:
        return facts
    at = now if event.occurred_at is None else to_micros(event.occurred_at)
    own = Occurrence(at, value=event.value, properties=event.properties)
    return evolve(facts, history={**facts.history, event.type: (*facts.history.get(event.type, ()), own)})


# ------------------------------------------------------------------------------------------------------------
# What is read


def _types(branch: Awaited | Case) -> frozenset[str]:
    return (event_types(branch.event) or _NO_TYPES) if isinstance(branch, Awaited) else _NO_TYPES


def awaited_types(wait: WaitForEvent) -> frozenset[str]:
    """Name the types of the events that a wait is for."""
    return frozenset(kind for branch in wait.branches for kind in _types(branch))


def asks_facts(wait: WaitForEvent) -> bool:
    """Whether a run that comes to the wait, or is looked at in it, asks for facts."""
    asked = [_asked(branch) for branch in wait.branches]
    return not isinstance(wait.look_back, LookBack) or any(needs(one) or is_personal(one) for one in asked)


def _asked(branch: Awaited | Case) -> Condition:
    return branch.event if isinstance(branch, Awaited) else branch.when


def needs_of(wait: WaitForEvent) -> Needs:
    """Name the facts that a wait reads."""
    return together(_needs(wait))


def _needs(wait: WaitForEvent) -> Iterable[Needs]:
    for branch in wait.branches:
        yield needs(_asked(branch))
        if isinstance(branch, Awaited) and not isinstance(wait.look_back, LookBack):
            parts = list(leaves(branch.event))
            paths = {path for part in parts if isinstance(part, EventHas) for path in part.properties}
            need = HistoryNeed(
                window=wait.look_back.micros,
                value=any(isinstance(part, ValueAtLeast) for part in parts),
                properties=frozenset(key for path in paths for key in (path, path.split(".", 1)[0])),
            )
            yield Needs(history=dict.fromkeys(_types(branch), need))
