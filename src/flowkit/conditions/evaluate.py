"""The meaning of conditions: whether one holds, on which values, and when that changes by itself."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from datetime import UTC, datetime, tzinfo
from typing import Any, Final, assert_never

from attrs import field, frozen

from flowkit.conditions import history
from flowkit.conditions.dates import FIRST, LAST, find_zone
from flowkit.conditions.expectations import fault
from flowkit.conditions.matchers import Matcher
from flowkit.conditions.matching import at_least, is_number, look_up, reads_dates, timeline
from flowkit.conditions.model import (
    AllOf,
    AnyOf,
    Condition,
    Custom,
    EngagementAtLeast,
    EventHas,
    EventIs,
    Leaf,
    Not,
    Performed,
    RunHas,
    Sample,
    Segments,
    Sequence,
    SubscriberHas,
    ValueAtLeast,
)
from flowkit.conditions.moment import NO_PREDICATES, NO_VARIABLES, Moment, Predicate, Question
from flowkit.conditions.needs import reads_zone
from flowkit.conditions.timeline import FALSE, Timeline, always, every, negated, some
from flowkit.events import Event, Facts, from_micros, to_micros
from flowkit.hashing import digest64

__all__ = ["Operand", "Reading", "Verdict", "evaluate"]

_CENTURY: Final = 36_525 * 86_400_000_000
_WHOLE: Final = 1 << 64
_ALL: Final = 100


@frozen
class Operand:
    """One value that a condition looked at.

    Attributes:
        path: Where it was read, such as ``event.value``, ``subscriber.plan``, ``variables.score``,
            ``engagement.opens``, ``segments.vip``, ``performed.purchase.sum``, ``sequence.cart.order``,
            ``sample.salt``, ``custom.name`` or ``zone``.
        value: What was there; None where nothing was.
        holds: Whether the test on it held.
        error: Why it could not: ``wrong_kind``, ``too_long``, ``no_date``, ``unknown_predicate``, or the name of
            what a host's predicate raised; empty where nothing was wrong.
    """

    path: str
    value: Any
    holds: bool
    error: str = ""


@frozen
class Verdict:
    """What a condition came to.

    Attributes:
        holds: Whether it holds.
        operands: The values that were looked at, in order, up to what settled it for all time.
        flips_at: The earliest later instant at which it changes by itself, if nothing else happens; None
            for never within 100 years.
        timed: Whether it depends on the instant at which it was asked, be it that it never changes any more.
    """

    holds: bool
    operands: tuple[Operand, ...] = ()
    flips_at: datetime | None = field(default=None, kw_only=True)
    timed: bool = field(default=False, kw_only=True)


def evaluate(
    condition: Condition,
    facts: Facts,
    event: Event | None,
    now: datetime,
    *,
    started_at: datetime | None = None,
    predicates: Mapping[str, Predicate] = NO_PREDICATES,
    variables: Mapping[str, Any] = NO_VARIABLES,
) -> Verdict:
    """Decide a condition, say what was read to decide it, and when it will have to be decided again.

    Args:
        condition: What is asked.
        facts: What is known about the subscriber.
        event: The event at hand, None where there is none.
        now: The instant at which the question is asked.
        started_at: When the run entered, None outside a run.
        predicates: The host's predicates by name.
        variables: The run's variables by name.

    Returns:
        The verdict. Nothing raises on data: what is missing or of another kind does not hold.
    """
    start = None if started_at is None else to_micros(started_at)
    moment = Moment(to_micros(now), started_at=start, predicates=predicates, variables=variables)
    reading = Reading(facts, event, moment)
    found = reading.timeline(condition)
    flips = next(iter(found.changes), None)
    known = flips is not None and FIRST <= flips <= min(LAST, to_micros(now) + _CENTURY)
    return Verdict(
        found.holds,
        tuple(reading.operands),
        flips_at=from_micros(flips) if flips is not None and known else None,
        timed=found.timed,
    )


class Reading:
    """One evaluation: what it is about, and the operands that were read so far."""

    __slots__ = ("_event", "_facts", "_found_zone", "_moment", "operands")

    def __init__(self, facts: Facts, event: Event | None, moment: Moment) -> None:
        self._facts = facts
        self._event = event
        self._moment = moment
        self._found_zone: tzinfo | None = None
        self.operands: list[Operand] = []

    def timeline(self, condition: Condition) -> Timeline:
        """Say whether a condition holds, from now on."""
        match condition:
            case AllOf(conditions):
                return every(self.timeline(one) for one in conditions)
            case AnyOf(conditions):
                return some(self.timeline(one) for one in conditions)
            case Not(inner):
                return negated(self.timeline(inner))
            case _:
                return self.leaf(condition)

    def leaf(self, condition: Leaf) -> Timeline:
        """Say whether a condition that holds no other does so, from now on."""
        match condition:
            case EventIs(types):
                kind = self._event.type if self._event else None
                return self._note("event.type", kind, holds=kind in types)
            case EventHas(properties):
                return every(self._matched("event", properties, self._event.properties if self._event else {}))
            case ValueAtLeast(minimum):
                return self._threshold("event.value", self._event.value if self._event else None, minimum)
            case SubscriberHas(properties):
                return every(self._matched("subscriber", properties, self._facts.attributes))
            case RunHas(properties):
                return every(self._matched("variables", properties, self._moment.variables))
            case EngagementAtLeast(minimums):
                return every(self._metric(name, wanted) for name, wanted in minimums.items())
            case Segments():
                return every(self._segments(condition))
            case Performed():
                return self._performed(condition)
            case Sequence(steps):
                found = history.sequence(
                    condition, self._facts, self._event, self._zone(read=reads_zone(condition)), self._moment
                )
                self._note(".".join(["sequence", *(step.event for step in steps)]), found.holds, holds=found.holds)
                return found
            case Sample(percent, salt):
                return self._sample(percent, salt)
            case Custom(name, parameters):
                return self._custom(name, parameters)
            case _:
                assert_never(condition)

    def _note(self, path: str, value: object, *, holds: bool, error: str = "") -> Timeline:
        self.operands.append(Operand(path, value, holds, error))
        return always(holds)

    def _held(self, path: str, value: object, matcher: Matcher) -> Timeline:
        """Hold a value against a matcher."""
        zone = self._zone(read=reads_dates(matcher))
        found = timeline(matcher, value, zone, self._moment.now)
        self._note(path, value, holds=found.holds, error="" if found.holds else fault(matcher, value, zone))
        return found

    def _threshold(self, path: str, value: object, minimum: float) -> Timeline:
        wrong = value is not None and not is_number(value)
        return self._note(path, value, holds=at_least(value, minimum), error="wrong_kind" if wrong else "")

    def _matched(self, root: str, properties: Mapping[str, Matcher], values: Mapping[str, Any]) -> Iterator[Timeline]:
        for path, matcher in properties.items():
            yield self._held(f"{root}.{path}", look_up(values, path), matcher)

    def _metric(self, name: str, wanted: float | Matcher) -> Timeline:
        value = self._facts.engagement.get(name)
        if isinstance(wanted, (int, float)):
            return self._threshold(f"engagement.{name}", value, wanted)
        return self._held(f"engagement.{name}", value, wanted)

    def _segments(self, asked: Segments) -> Iterator[Timeline]:
        if asked.any:
            yield some(self._member(name) for name in asked.any)
        for name in asked.all:
            yield self._member(name)
        for name in asked.none:
            yield negated(self._member(name))

    def _member(self, name: str) -> Timeline:
        inside = name in self._facts.segments
        return self._note(f"segments.{name}", inside, holds=inside)

    def _performed(self, asked: Performed) -> Timeline:
        value, found = history.performed(
            asked, self._facts, self._event, self._zone(read=reads_zone(asked)), self._moment
        )
        self._note(f"performed.{asked.event}.{asked.measure}", value, holds=found.holds)
        return found

    def _sample(self, percent: float, salt: str) -> Timeline:
        subscriber = self._event.subscriber_id if self._event else self._facts.subscriber_id
        try:
            share = None if subscriber is None else digest64("sample", salt, subscriber)
        except (UnicodeError, AttributeError):  # an id with half a character, or one that is no text
            share = None
        holds = share is not None and share < percent * (_WHOLE / _ALL)
        return self._note(f"sample.{salt}", None if share is None else share / _WHOLE * _ALL, holds=holds)

    def _custom(self, name: str, parameters: Mapping[str, Any]) -> Timeline:
        host = self._moment.predicates.get(name)
        if host is None:
            self._note(f"custom.{name}", None, holds=False, error="unknown_predicate")
            return FALSE
        question = Question(
            parameters=parameters, facts=self._facts, event=self._event, now=from_micros(self._moment.now)
        )
        try:
            holds, error = bool(host(question)), ""
        except Exception as raised:  # noqa: BLE001 - one host's mistake takes down no other workflow
            holds, error = False, type(raised).__name__
        self._note(f"custom.{name}", holds, holds=holds, error=error)
        return Timeline(holds, timed=True)

    def _zone(self, *, read: bool) -> tzinfo:
        """Give the subscriber's zone, and note that it was read; where it is not, any zone does."""
        if not read:
            return UTC
        if self._found_zone is None:
            self._found_zone = find_zone(self._facts.zone)
            self._note("zone", self._facts.zone, holds=True)
        return self._found_zone
