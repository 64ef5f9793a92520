"""What comes in: an event of a subscriber, and the facts that a host knows about one."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any, Final, TypeAlias

from attrs import field, frozen

from flowkit.errors import DocumentError, Problem
from flowkit.hashing import content_hash

__all__ = [
    "NO_FACTS",
    "NO_NEEDS",
    "Event",
    "Facts",
    "HistoryNeed",
    "Needs",
    "Occurrence",
    "Properties",
    "from_micros",
    "id_problem",
    "to_micros",
    "together",
]

Properties: TypeAlias = Mapping[str, Any]
"""An open bag of JSON values by name."""

_NOTHING: Final[Mapping[str, str]] = {}
_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)
_MICROSECOND: Final = timedelta(microseconds=1)
_ID_LENGTH: Final = 255
# Controls, bidi controls, zero-width characters, fillers and tags: what a reader cannot see in an id.
_INVISIBLE: Final = re.compile(
    "[\x00-\x1f\x7f-\x9f\xad\u034f\u061c\u115f\u1160\u17b4\u17b5\u180b-\u180f\u200b-\u200f\u2028-\u202e"
    "\u2060-\u206f\u3164\ufe00-\ufe0f\ufeff\uffa0\ufff0-\ufffb\U0001d173-\U0001d17a\U000e0000-\U000e0fff]"
    "|[\ud800-\udfff]"
)


def to_micros(instant: datetime) -> int:
    """Count the microseconds from 1970-01-01T00:00Z to an aware instant, exactly.

    Raises:
        DocumentError: The instant has no offset.
    """
    if instant.tzinfo is None:
        raise DocumentError(
            [Problem("naive_datetime", "", message="an instant needs an offset, such as datetime.now(UTC)")]
        )
    return (instant - _EPOCH) // _MICROSECOND


def from_micros(micros: int) -> datetime:
    """Turn microseconds since 1970-01-01T00:00Z into an aware UTC instant."""
    return _EPOCH + timedelta(microseconds=micros)


def id_problem(value: object) -> str | None:
    """Say what makes a value unfit to be an id, or None where it is fit: 1 to 255 visible characters."""
    if not isinstance(value, str):
        return f"must be text, not {type(value).__name__}"
    if not 0 < len(value) <= _ID_LENGTH:
        return f"must have 1 to {_ID_LENGTH} characters, not {len(value)}"
    if value.isascii():
        return None if value.isprintable() else "must not hold control characters"
    if _INVISIBLE.search(value):
        return "must not hold control, bidirectional, zero-width or filler characters"
    return None


def _check(instance: Event) -> None:
    problems = [
        Problem("bad_id", f"/{name}", message=f"{name} {problem}")
        for name, value in (("type", instance.type), ("subscriber_id", instance.subscriber_id), ("id", instance.id))
        if (name != "id" or value is not None) and (problem := id_problem(value))
    ]
    problems += [
        Problem(
            "naive_datetime", f"/{name}", message=f"{name} must be an instant with an offset, such as datetime.now(UTC)"
        )
        for name, value in (("occurred_at", instance.occurred_at), ("received_at", instance.received_at))
        if not _instant(value)
    ]
    if problems:
        raise DocumentError(problems)


@frozen(slots=True)
class Event:
    """Something that a subscriber did or that happened to one.

    Attributes:
        type: What happened, such as ``subscriber_signup``; non-empty text.
        subscriber_id: To whom; an opaque text of 1 to 255 visible characters.
        id: The source's own id of this event. ``(subscriber_id, id)`` is accepted once. Without one the content with
            ``occurred_at`` is the id: a convenience only; a source with true repeats must give ids.
        occurred_at: When it happened, an aware instant; None means when it is ingested.
        received_at: When the host received it, an aware instant; for the host's own use.
        properties: An open bag of JSON values.
        value: Any JSON value; a number is read by ``min_value`` and as revenue.

    Raises:
        DocumentError: An id is not fit to be one, or an instant has no offset.
    """

    type: str
    subscriber_id: str
    id: str | None = field(default=None, kw_only=True)
    occurred_at: datetime | None = field(default=None, kw_only=True)
    received_at: datetime | None = field(default=None, kw_only=True)
    properties: Properties = field(factory=dict[str, Any], kw_only=True)
    value: Any = field(default=None, kw_only=True)

    def __attrs_post_init__(self) -> None:
        # One fast test for the usual event, whose texts are looked at together; the slow path names what is wrong.
        kind, name, own = self.type, self.subscriber_id, self.id
        if not (
            type(kind) is str is type(name)
            and (own is None or type(own) is str)
            and 0 < len(kind) <= _ID_LENGTH
            and 0 < len(name) <= _ID_LENGTH
            and (own is None or 0 < len(own) <= _ID_LENGTH)
            and (text := kind + name + (own or "")).isascii()
            and text.isprintable()
            and (self.occurred_at is None or _instant(self.occurred_at))
            and (self.received_at is None or _instant(self.received_at))
        ):
            _check(self)

    def identity(self, now: datetime) -> str:
        """Give the id under which this event is accepted once.

        Args:
            now: The instant that stands for a missing ``occurred_at``.

        Raises:
            TypeError: Without an id, where the content is nothing that JSON can hold.
            ValueError: Without an id, where the content holds itself.
        """
        if self.id is not None:
            return self.id
        content = [self.type, to_micros(self.occurred_at or now), dict(self.properties), self.value]
        return "~" + content_hash(json.dumps(content, sort_keys=True))


def _instant(value: object) -> bool:
    return value is None or (isinstance(value, datetime) and value.tzinfo is not None)


@frozen(slots=True)
class Occurrence:
    """An event of the past, as far as a store keeps it.

    Attributes:
        occurred_at: When it happened, in microseconds since 1970-01-01T00:00Z.
        value: Its value, where it is needed.
        properties: Those of its properties that are needed.
    """

    occurred_at: int
    value: Any = field(default=None, kw_only=True)
    properties: Properties = field(factory=dict[str, Any], kw_only=True)


@frozen(slots=True)
class Facts:
    """What the host, and the store, know about one subscriber at one moment.

    Attributes:
        attributes: Profile values by name; ``email`` is the address that mail goes to.
        engagement: Metrics by name, such as ``open_rate`` or ``days_since_last_open``.
        segments: The names of the segments that hold the subscriber.
        history: The events of the past by type, in any order, without the event at hand.
        zone: The IANA name of the time zone in which naive dates are read; None, or a name that is none, means UTC.
        subscriber_id: Whose facts they are; None where only an event at hand can tell.
        assigned: The labels that were assigned before, by what they belong to; see `Split`.
    """

    attributes: Properties = field(factory=dict[str, Any])
    engagement: Properties = field(factory=dict[str, Any])
    segments: frozenset[str] = field(default=frozenset(), kw_only=True)
    history: Mapping[str, Sequence[Occurrence]] = field(factory=dict[str, Sequence[Occurrence]], kw_only=True)
    zone: str | None = field(default=None, kw_only=True)
    subscriber_id: str | None = field(default=None, kw_only=True)
    assigned: Mapping[str, str] = field(default=_NOTHING, kw_only=True)


@frozen(slots=True, kw_only=True)
class HistoryNeed:
    """How much is read of a subscriber's events of one type: what is neither old enough nor late enough is not.

    Attributes:
        window: How far back from any instant, in microseconds; None for ever.
        latest: How many of the latest events; None for all.
        value: Whether the event's value is read.
        properties: Which of its properties, by their names at the top.
    """

    window: int | None = None
    latest: int | None = None
    value: bool = False
    properties: frozenset[str] = frozenset()

    def __or__(self, other: HistoryNeed) -> HistoryNeed:
        return HistoryNeed(
            window=_larger(self.window, other.window),
            latest=_larger(self.latest, other.latest),
            value=self.value or other.value,
            properties=self.properties | other.properties,
        )


def _larger(one: int | None, other: int | None) -> int | None:
    return None if one is None or other is None else max(one, other)


@frozen(slots=True, kw_only=True)
class Needs:
    """Which facts are read: computed from conditions and templates, so that nothing else is fetched.

    Attributes:
        attributes: First parts of the profile paths that are read.
        engagement: Names of the metrics that are read.
        segments: Names of the segments that are read.
        history: Which events of the past are read, by type; the store has them, and no profile is asked for them.
        zone: Whether the subscriber's time zone is read.
        splits: Which assignments are read, by what they belong to; the store has them, as it has the past.
    """

    attributes: frozenset[str] = frozenset()
    engagement: frozenset[str] = frozenset()
    segments: frozenset[str] = frozenset()
    history: Mapping[str, HistoryNeed] = field(factory=dict[str, HistoryNeed], hash=False)
    zone: bool = False
    splits: frozenset[str] = frozenset()

    def __or__(self, other: Needs) -> Needs:
        history = dict(self.history)
        for kind, need in other.history.items():
            history[kind] = history[kind] | need if kind in history else need
        return Needs(
            attributes=self.attributes | other.attributes,
            engagement=self.engagement | other.engagement,
            segments=self.segments | other.segments,
            history=history,
            zone=self.zone or other.zone,
            splits=self.splits | other.splits,
        )

    def __bool__(self) -> bool:
        return bool(self.attributes or self.engagement or self.segments or self.history or self.zone or self.splits)


def together(all_needs: Iterable[Needs]) -> Needs:
    """Put needs together."""
    total = NO_NEEDS
    for needs in all_needs:
        if needs:
            total |= needs
    return total


NO_FACTS: Final = Facts()
NO_NEEDS: Final = Needs()
