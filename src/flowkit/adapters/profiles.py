"""Profiles that are kept in memory."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from threading import Lock
from typing import Any, Final, TypeAlias, assert_never

from attrs import evolve, frozen

from flowkit.events import NO_FACTS, Facts, Needs, Properties
from flowkit.ports import ProfileChange
from flowkit.runs.effects import DONE, Outcome, Result
from flowkit.workflows.model import UpdateProfile, UpdateSegments

__all__ = ["MemoryProfiles", "Metric"]

Metric: TypeAlias = Callable[[Mapping[str, Any]], float | None]
"""Computes a metric from a subscriber's attributes; None where it has no value."""

_UNKNOWN_SUBSCRIBER: Final = Outcome(Result.SKIPPED, "unknown subscriber")


@frozen
class _NoNumber:
    """An attribute that cannot be incremented."""

    name: str


class MemoryProfiles:
    """What is known about subscribers, for tests, examples and small hosts; it is gone with the process.

    What was read is never changed afterwards: each change puts a new value in the place of the old one.
    Threads may share it. The keys of applied changes are kept for ever.
    """

    def __init__(
        self,
        profiles: Mapping[str, Properties] | None = None,
        *,
        metrics: Mapping[str, Metric] | None = None,
    ) -> None:
        """Begin with what is known.

        Args:
            profiles: Attributes by name, by subscriber id; they are copied.
            metrics: Metrics that are computed from the attributes whenever they are asked for, by name; they
                go before what ``engage`` noted.
        """
        self._profiles = {one: Facts(dict(attributes)) for one, attributes in (profiles or {}).items()}
        self._metrics = dict(metrics or {})
        self._applied: set[str] = set()
        self._lock = Lock()

    def __repr__(self) -> str:
        # What is known is personal: neither logs nor tracebacks show it.
        return f"MemoryProfiles({len(self._profiles)} subscribers)"

    def put(self, subscriber_id: str, /, **attributes: Any) -> None:  # noqa: ANN401 - a property bag
        """Set attributes of a subscriber, who is known from then on; the others stay."""
        with self._lock:
            facts = self._profiles.get(subscriber_id, NO_FACTS)
            self._profiles[subscriber_id] = evolve(facts, attributes={**facts.attributes, **attributes})

    def engage(self, subscriber_id: str, /, **metrics: float) -> None:
        """Set metrics of a subscriber, who is known from then on; the others stay."""
        with self._lock:
            facts = self._profiles.get(subscriber_id, NO_FACTS)
            self._profiles[subscriber_id] = evolve(facts, engagement={**facts.engagement, **metrics})

    def place(self, subscriber_id: str, /, *segments: str) -> None:
        """Put a subscriber, who is known from then on, into exactly these segments."""
        with self._lock:
            facts = self._profiles.get(subscriber_id, NO_FACTS)
            self._profiles[subscriber_id] = evolve(facts, segments=frozenset(segments))

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
        )

    def _engagement(self, facts: Facts, names: frozenset[str]) -> Properties:
        values = {name: value for name, value in facts.engagement.items() if name in names}
        for name, metric in self._metrics.items():
            if name in names:
                values[name] = metric(facts.attributes)
        return {name: value for name, value in values.items() if value is not None}

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
        self._profiles[change.subscriber_id] = changed
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
