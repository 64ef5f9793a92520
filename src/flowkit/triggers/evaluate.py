"""Who may enter: whether a trigger matches an event, and whether the rules of entry admit the subscriber."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import timedelta
from typing import Final

from attrs import frozen

from flowkit.conditions import Asked, Moment, event_types, needs, predicate
from flowkit.events import Event, Facts, Needs
from flowkit.triggers.model import Trigger, TriggerType

__all__ = ["Gate", "Gates", "Refusal", "refusal"]

_MICROSECOND: Final = timedelta(microseconds=1)
_NO_TYPES: Final[frozenset[str]] = frozenset()


@frozen(eq=False)
class Gate:
    """A trigger made ready to be asked.

    Attributes:
        workflow_id: Into which workflow it leads.
        version: Into which version.
        trigger: Its definition.
        types: The event types that it can match; None for any.
        needs: The facts that it reads.
        test: Whether its condition holds for an event and facts at a moment.
        cooldown: The trigger's cooldown in microseconds.
    """

    workflow_id: str
    version: int
    trigger: Trigger
    types: frozenset[str] | None
    needs: Needs
    test: Asked
    cooldown: int

    @classmethod
    def of(cls, workflow_id: str, version: int, trigger: Trigger) -> Gate:
        """Make a trigger ready."""
        condition = trigger.condition
        return cls(
            workflow_id,
            version,
            trigger,
            event_types(condition),
            needs(condition),
            predicate(condition),
            trigger.cooldown // _MICROSECOND,
        )

    @property
    def asks_profile(self) -> bool:
        """Whether facts have to be fetched before it can be asked."""
        return bool(self.needs) or self.trigger.trigger_type is TriggerType.CONDITION_BASED

    def matches(self, event: Event, facts: Facts | None, moment: Moment) -> bool:
        """Whether the trigger matches.

        Args:
            event: The event at hand.
            facts: The subscriber's facts; None where the host does not know the subscriber, or where none were asked.
            moment: When it is asked.
        """
        if facts is None:
            if self.trigger.trigger_type is TriggerType.CONDITION_BASED:
                return False
            facts = _NOTHING_KNOWN
        return self.test(event, facts, moment)


_NOTHING_KNOWN: Final = Facts()


class Gates:
    """Triggers by the event types that they can match, each list in the order in which they go first."""

    def __init__(self, gates: Iterable[Gate]) -> None:
        # Priority descending, then workflow id: never the order of a dictionary.
        self._ordered = sorted(gates, key=lambda gate: (-gate.trigger.priority, gate.workflow_id))
        self._any = [gate for gate in self._ordered if gate.types is None]
        self._named = _NO_TYPES.union(*(gate.types for gate in self._ordered if gate.types is not None))
        self._by_type: dict[str, Sequence[Gate]] = {}

    def candidates(self, event_type: str) -> Sequence[Gate]:
        """Give the triggers that may match an event of a type, those that go first in front."""
        if event_type not in self._named:
            return self._any
        if event_type not in self._by_type:
            self._by_type[event_type] = [
                gate for gate in self._ordered if gate.types is None or event_type in gate.types
            ]
        return self._by_type[event_type]


@frozen
class Refusal:
    """Why a subscriber was not let in.

    Attributes:
        reason: ``cooldown`` or ``max_executions``.
        opens_in: Microseconds until the rule lets the subscriber in; None where time does not help.
    """

    reason: str
    opens_in: int | None = None


def refusal(gate: Gate, entries: int, last_entry: int | None, now: int) -> Refusal | None:
    """Ask the rules of entry; None lets the subscriber in.

    Args:
        gate: The trigger that matched.
        entries: How often the subscriber entered this workflow before.
        last_entry: When it last did, in microseconds; None where it never did.
        now: The engine's instant in microseconds.
    """
    limit = gate.trigger.max_executions
    if limit is not None and entries >= limit:
        return Refusal("max_executions")
    if last_entry is not None and gate.cooldown and now < last_entry + gate.cooldown:
        return Refusal("cooldown", last_entry + gate.cooldown - now)
    return None
