"""Profiles that are kept in memory."""

from __future__ import annotations

from bisect import bisect_right
from collections import Counter
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from datetime import UTC, date, datetime, timedelta, timezone
from itertools import islice
from threading import Lock
from typing import Any, Final, TypeAlias, assert_never

from attrs import evolve, frozen

from flowkit.conditions import (
    ALWAYS,
    AllOf,
    AnyOf,
    Condition,
    EngagementAtLeast,
    Leaf,
    Moment,
    Not,
    Segments,
    SubscriberHas,
    is_timed,
    look_up,
    predicate,
)
from flowkit.conditions import needs as needs_of
from flowkit.events import NO_FACTS, Facts, Needs, Properties, to_micros
from flowkit.ports import ProfileChange
from flowkit.runs.effects import DONE, Outcome, Result
from flowkit.triggers.calendar import profile_date
from flowkit.triggers.profile_dates import Wanted, wants
from flowkit.workflows.model import UpdateProfile, UpdateSegments

__all__ = ["MemoryProfiles", "Metric"]

Metric: TypeAlias = Callable[[Mapping[str, Any]], float | None]
"""Computes a metric from a subscriber's attributes; None where it has no value."""

_NEVER: Final = AnyOf(())
_DAY: Final = timedelta(days=1)
# No zone is, or ever was, further from UTC: the dates of an instant lie between the ones in these two.
_WEST, _EAST = (timezone(sign * timedelta(hours=23, minutes=59)) for sign in (-1, 1))
# What depends on the time is not asked here, so any will do.
_ANY_TIME: Final = Moment(to_micros(datetime(2000, 1, 1, tzinfo=UTC)))
_UNKNOWN_SUBSCRIBER: Final = Outcome(Result.SKIPPED, "unknown subscriber")


@frozen
class _NoNumber:
    """An attribute that cannot be incremented."""

    name: str


class MemoryProfiles:
    """What is known about subscribers, for tests, examples and small hosts; it is gone with the process.

    It serves as an engine's profiles and as its audience. What was read is never changed afterwards: each change puts a
    new value in the place of the old one. Threads may share it. The keys of applied changes are kept for ever.
    """

    def __init__(
        self,
        profiles: Mapping[str, Properties] | None = None,
        *,
        metrics: Mapping[str, Metric] | None = None,
        zone_attribute: str = "timezone",
    ) -> None:
        """Begin with what is known.

        Args:
            profiles: Attributes by name, by subscriber id; they are copied.
            metrics: Metrics that are computed from the attributes whenever they are asked for, by name; they
                go before what ``engage`` noted.
            zone_attribute: The path of the attribute that names a subscriber's time zone; what is no text is none.
        """
        self._metrics = dict(metrics or {})
        self._zone_attribute = zone_attribute
        self._profiles: dict[str, Facts] = {}
        self._sorted: Sequence[str] = ()
        self._added: list[str] = []
        self._zones: Counter[str] = Counter()
        self._applied: set[str] = set()
        self._lock = Lock()
        for one, attributes in (profiles or {}).items():
            self._keep(one, Facts(dict(attributes)))

    def __repr__(self) -> str:
        # What is known is personal: neither logs nor tracebacks show it.
        return f"MemoryProfiles({len(self._profiles)} subscribers)"

    def put(self, subscriber_id: str, /, **attributes: Any) -> None:  # noqa: ANN401 - a property bag
        """Set attributes of a subscriber, who is known from then on; the others stay."""
        with self._lock:
            facts = self._profiles.get(subscriber_id, NO_FACTS)
            self._keep(subscriber_id, evolve(facts, attributes={**facts.attributes, **attributes}))

    def engage(self, subscriber_id: str, /, **metrics: float) -> None:
        """Set metrics of a subscriber, who is known from then on; the others stay."""
        with self._lock:
            facts = self._profiles.get(subscriber_id, NO_FACTS)
            self._keep(subscriber_id, evolve(facts, engagement={**facts.engagement, **metrics}))

    def place(self, subscriber_id: str, /, *segments: str) -> None:
        """Put a subscriber, who is known from then on, into exactly these segments."""
        with self._lock:
            facts = self._profiles.get(subscriber_id, NO_FACTS)
            self._keep(subscriber_id, evolve(facts, segments=frozenset(segments)))

    def profile(self, subscriber_id: str) -> Facts | None:
        """Read all that is kept of one subscriber; None where it is not known."""
        return self._profiles.get(subscriber_id)

    def facts(self, ids: Sequence[str], needs: Needs) -> Mapping[str, Facts]:
        """Read what is needed of many subscribers, and nothing else; who is not known is left out."""
        return {one: self._needed(self._profiles[one], needs) for one in ids if one in self._profiles}

    def _needed(self, facts: Facts, needs: Needs) -> Facts:
        return Facts(
            {name: value for name, value in facts.attributes.items() if name in needs.attributes},
            self._engagement(facts, needs.engagement),
            segments=facts.segments & needs.segments,
            zone=self._zone(facts) if needs.zone else None,
        )

    def _engagement(self, facts: Facts, names: frozenset[str]) -> Properties:
        values = {name: value for name, value in facts.engagement.items() if name in names}
        for name, metric in self._metrics.items():
            if name in names:
                values[name] = metric(facts.attributes)
        return {name: value for name, value in values.items() if value is not None}

    # -- the audience -------------------------------------------------------------------------------------------------

    def zones(self) -> Sequence[str]:
        """Name the time zones that subscribers have, each once, as the profiles spell them."""
        with self._lock:
            return sorted(self._zones)

    def members(
        self,
        *,
        where: Condition,
        zones: Sequence[str | None] | None,
        on: Wanted | None,
        path: str | None,
        after: str | None,
        limit: int,
    ) -> Sequence[str]:
        """Read a page of subscriber ids, in ascending order of their code points.

        Of ``where`` only what the profile tells is asked: not events, past or at hand, samples, predicates of the host
        and what depends on the time. A date counts as each that it may be in some zone.

        Args:
            where: What is to hold about them.
            zones: Only those in one of these zones; None among them stands for those without one. None asks for all.
            on: Only those whose date is one of these; None asks for no date.
            path: The attribute that holds the date.
            after: The last id of the page before; None for the first page.
            limit: The most ids to give.
        """
        ids = self._ids()
        first = 0 if after is None else bisect_right(ids, after)
        fits = self._fit(where, None if zones is None else frozenset(zones), on, path or "")
        found = (ids[place] for place in range(first, len(ids)) if fits(self._profiles[ids[place]]))
        return list(islice(found, limit))

    def _ids(self) -> Sequence[str]:
        """Give all ids in order; a list that was given is never changed afterwards."""
        with self._lock:
            if self._added:
                self._sorted = sorted([*self._sorted, *self._added])
                self._added = []
            return self._sorted

    def _fit(
        self, where: Condition, zones: Collection[str | None] | None, on: Wanted | None, path: str
    ) -> Callable[[Facts], bool]:
        asked = _may_hold(where)
        engagement = needs_of(asked).engagement
        computed = not engagement.isdisjoint(self._metrics)
        holds = predicate(asked)

        def fits(facts: Facts) -> bool:
            if zones is not None and self._zone(facts) not in zones:
                return False
            if on is not None and not any(wants(on, day) for day in _dates(look_up(facts.attributes, path))):
                return False
            if computed:
                facts = evolve(facts, engagement=self._engagement(facts, engagement))
            return holds(None, facts, _ANY_TIME)

        return fits

    # -- changes ------------------------------------------------------------------------------------------------------

    def _zone(self, facts: Facts) -> str | None:
        zone = look_up(facts.attributes, self._zone_attribute)
        return zone if isinstance(zone, str) else None

    def _keep(self, subscriber_id: str, facts: Facts) -> None:
        """Put what is known of a subscriber in the place of what was known before."""
        before = self._profiles.get(subscriber_id)
        if before is None:
            self._added.append(subscriber_id)
        elif (left := self._zone(before)) is not None:
            self._zones[left] -= 1
            if not self._zones[left]:
                del self._zones[left]
        if (come := self._zone(facts)) is not None:
            self._zones[come] += 1
        self._profiles[subscriber_id] = facts

    def change(self, changes: Sequence[ProfileChange]) -> Sequence[Outcome]:
        """Apply changes in order, each under its key.

        Returns:
            Done, be it now or under the same key before; skipped where the subscriber is not known; failed,
            with nothing of that change applied, where an attribute to increment is no number.
        """
        with self._lock:
            return [self._change(change) for change in changes]

    def _change(self, change: ProfileChange) -> Outcome:
        if change.key in self._applied:
            return DONE
        facts = self._profiles.get(change.subscriber_id)
        if facts is None:
            return _UNKNOWN_SUBSCRIBER
        changed = _changed(facts, change.operation)
        if isinstance(changed, _NoNumber):
            return Outcome(Result.FAILED, f"attribute {changed.name!r} is not a number")
        self._keep(change.subscriber_id, changed)
        self._applied.add(change.key)
        return DONE


def _changed(facts: Facts, operation: UpdateSegments | UpdateProfile) -> Facts | _NoNumber:
    match operation:
        case UpdateSegments(add=add, remove=remove):
            return evolve(facts, segments=(facts.segments | frozenset(add)) - frozenset(remove))
        case UpdateProfile(set=values, unset=unset, increment=increment):
            attributes = {**facts.attributes, **values}
            for name in unset:
                attributes.pop(name, None)
            for name, number in increment.items():
                current = attributes.get(name)
                current = 0 if current is None else current
                if isinstance(current, bool) or not isinstance(current, (int, float)):
                    return _NoNumber(name)
                attributes[name] = current + number
            return evolve(facts, attributes=attributes)
        case _:
            assert_never(operation)


def _may_hold(condition: Condition, *, unless: bool = False) -> Condition:
    """Give a condition about the profile alone that holds wherever another one does.

    Args:
        condition: The other one.
        unless: Whether to give one that holds nowhere else instead: that is what stands under a Not.
    """
    match condition:
        case AllOf(conditions):
            return AllOf(tuple(_may_hold(one, unless=unless) for one in conditions))
        case AnyOf(conditions):
            return AnyOf(tuple(_may_hold(one, unless=unless) for one in conditions))
        case Not(inner):
            return Not(_may_hold(inner, unless=not unless))
        case _:
            return condition if _is_told(condition) else _NEVER if unless else ALWAYS


def _is_told(condition: Leaf) -> bool:
    """Whether the profile alone tells if a condition that holds no other does so."""
    return isinstance(condition, (SubscriberHas, EngagementAtLeast, Segments)) and not is_timed(condition)


def _dates(value: object) -> Iterator[date]:
    """Give every date that a profile's date may be, in whatever zone it is read: an instant has two or three."""
    first, last = profile_date(value, _WEST), profile_date(value, _EAST)
    if first is not None and last is not None:
        for days in range((last - first).days + 1):
            yield first + days * _DAY
