"""What can be asked about an event and a subscriber: typed, frozen conditions, and the trees that they make."""

from __future__ import annotations

from collections.abc import Mapping
from enum import StrEnum
from typing import Any, Final, TypeAlias

from attrs import field, frozen

from flowkit.conditions.matchers import Compares, Matcher, Order
from flowkit.conditions.spans import Duration
from flowkit.errors import DocumentError, Problem

__all__ = [
    "ALWAYS",
    "DEFAULT_COUNT",
    "AllOf",
    "AnyOf",
    "Condition",
    "Custom",
    "EngagementAtLeast",
    "EventHas",
    "EventIs",
    "Leaf",
    "Measure",
    "Not",
    "Performed",
    "RunHas",
    "Sample",
    "Segments",
    "Sequence",
    "SequenceStep",
    "Since",
    "SubscriberHas",
    "ValueAtLeast",
]


@frozen
class EventIs:
    """The event at hand has one of these types; without an event it does not hold."""

    types: tuple[str, ...]


@frozen
class EventHas:
    """Each path of the event's properties matches."""

    properties: Mapping[str, Matcher]


@frozen
class ValueAtLeast:
    """The event's value is a number of at least this; a missing value counts as 0, others do not hold."""

    minimum: float


@frozen
class SubscriberHas:
    """Each path of the subscriber's attributes matches."""

    properties: Mapping[str, Matcher]


@frozen
class RunHas:
    """Each path of the run's variables matches; outside a run there are none."""

    properties: Mapping[str, Matcher]


@frozen
class EngagementAtLeast:
    """Each metric of the subscriber is at least its number, a missing one counting as 0, or passes its matcher."""

    minimums: Mapping[str, float | Matcher]


@frozen(kw_only=True)
class Segments:
    """The subscriber is in any, in all, in none of these segments; what is not asked for holds.

    Attributes:
        any: Of these in at least one.
        all: In each of these.
        none: In none of these.
    """

    any: tuple[str, ...] = ()
    all: tuple[str, ...] = ()
    none: tuple[str, ...] = ()


class Since(StrEnum):
    """From when on events count."""

    EVER = "ever"
    """From the first on that is kept."""
    WORKFLOW_START = "workflow_start"
    """From the run's entry on; outside a run nothing has happened since."""


class Measure(StrEnum):
    """What is read off the events that count."""

    COUNT = "count"
    """How many there are."""
    SUM = "sum"
    """The sum of the numbers at a path; 0 without any."""
    AVG = "avg"
    """Their mean; missing without any."""
    MIN = "min"
    """The smallest number; missing without any."""
    MAX = "max"
    """The largest number; missing without any."""
    DISTINCT = "distinct"
    """How many different values stand at a path."""


DEFAULT_COUNT: Final = Compares(Order.GTE, 1)


def _of_its_measure(performed: Performed, _: object, of: str | None) -> None:
    if (of is None) is not (performed.measure is Measure.COUNT):
        message = "a path belongs to sum, avg, min, max and distinct, and to them alone"
        raise DocumentError([Problem("conflicting_fields", "", message=message)])


@frozen
class Performed:
    """The subscriber has done something often enough, or for enough; the event at hand counts.

    Attributes:
        event: The event's type.
        where: Which of them count, by their properties; the path ``value`` is the event's value.
        within: How far back an event counts: it does no longer when exactly that time has passed.
        since: From when on.
        measure: What is read off those events.
        of: The path of the values; for a count None.
        passes: What the measure is to pass.

    Raises:
        DocumentError: A measure has no path, or a count has one.
    """

    event: str
    where: Mapping[str, Matcher] = field(factory=dict[str, Matcher], kw_only=True)
    within: Duration | None = field(default=None, kw_only=True)
    since: Since = field(default=Since.EVER, kw_only=True)
    measure: Measure = field(default=Measure.COUNT, kw_only=True)
    of: str | None = field(default=None, kw_only=True, validator=_of_its_measure)
    passes: Matcher = field(default=DEFAULT_COUNT, kw_only=True)


@frozen
class SequenceStep:
    """One step of a sequence: an event that happens, or that does not.

    Attributes:
        event: The event's type.
        where: Which of them count, by their properties; the path ``value`` is the event's value.
        absent: Whether no such event may lie between the steps around it.
    """

    event: str
    where: Mapping[str, Matcher] = field(factory=dict[str, Matcher], kw_only=True)
    absent: bool = field(default=False, kw_only=True)


@frozen
class Sequence:
    """The subscriber has done several things, one after the other; the event at hand may be one of them.

    Attributes:
        steps: What happened in this order, with any other events in between. At least one is not absent.
        within: In less than which time from the first event to the last. An absent step at the end holds when that
            time has passed since the first event without it; an absent step in front looks that far back from the
            last. Without it a step at the end is absent so far, and one in front has never been before.
    """

    steps: tuple[SequenceStep, ...]
    within: Duration | None = None


@frozen
class Sample:
    """The subscriber belongs to a share of all: always the same, another for another salt, growing with the percent.

    Attributes:
        percent: How large the share is, from 0 to 100.
        salt: What tells this sample from others.
    """

    percent: float
    salt: str


@frozen
class Custom:
    """A predicate of the host holds, which is registered by name; what it fails on, or no such name, does not hold.

    Attributes:
        name: The predicate's name.
        parameters: What it is called with.
    """

    name: str
    parameters: Mapping[str, Any] = field(factory=dict[str, Any])


@frozen
class AllOf:
    """Every condition holds; without any it holds always."""

    conditions: tuple[Condition, ...] = ()


@frozen
class AnyOf:
    """At least one condition holds; without any it never holds."""

    conditions: tuple[Condition, ...]


@frozen
class Not:
    """The condition does not hold."""

    condition: Condition


Leaf: TypeAlias = (
    EventIs
    | EventHas
    | ValueAtLeast
    | SubscriberHas
    | RunHas
    | EngagementAtLeast
    | Segments
    | Performed
    | Sequence
    | Sample
    | Custom
)
"""A condition that holds no other."""

Condition: TypeAlias = Leaf | AllOf | AnyOf | Not
"""Everything that can be asked about an event and a subscriber."""

ALWAYS: Final = AllOf()
