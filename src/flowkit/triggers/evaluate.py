"""Triggers made ready to be asked, and in the order in which they go."""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence
from datetime import timedelta
from typing import Final

from attrs import Factory, field, frozen

from flowkit.conditions import (
    ALWAYS,
    Asked,
    Condition,
    Moment,
    dump,
    event_types,
    is_personal,
    is_timed,
    needs,
    predicate,
)
from flowkit.events import NO_NEEDS, Event, Facts, Needs
from flowkit.hashing import content_hash
from flowkit.triggers.model import On, Reentry, Trigger, TriggerType
from flowkit.triggers.rules import DateProperty

__all__ = ["Gate", "Gates"]

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
        needs: The facts that it reads, those of its filter too.
        test: Whether its condition holds for an event and facts at a moment.
        cooldown: The trigger's cooldown in microseconds.
        grace: For how long an entry waits for the filter, in microseconds.
        lets_in: Whether the filter holds for an event and facts at a moment; None where there is no filter.
        timed: Whether condition or filter may change by itself as time passes.
        personal: Whether they read more than the profile and the event: the past, a sample, a host's predicate.
        asks_runs: Whether the rules of entry ask for the subscriber's living runs.
        mark: For a trigger on ``enter`` a positive number that tells its condition from others, under which is noted
            that it holds; so a new condition holds for nobody yet.
        rank: What triggers are sorted by: priority descending, then workflow id; a text, so that one more moves no
            other.
    """

    workflow_id: str
    version: int
    trigger: Trigger
    types: frozenset[str] | None
    needs: Needs
    test: Asked
    cooldown: int
    grace: int = 0
    lets_in: Asked | None = None
    timed: bool = False
    personal: bool = False
    asks_runs: bool = False
    mark: int = 0
    rank: str = field(
        init=False,
        default=Factory(lambda self: f"{_descending(self.trigger.priority)}{self.workflow_id}", takes_self=True),
    )

    @classmethod
    def of(cls, workflow_id: str, version: int, trigger: Trigger) -> Gate:
        """Make a trigger ready."""
        condition, entry = trigger.condition, trigger.entry
        return cls(
            workflow_id,
            version,
            trigger,
            event_types(condition),
            needs(condition) | needs(entry.filter) | _date_needs(trigger),
            predicate(condition),
            trigger.cooldown // _MICROSECOND,
            entry.grace // _MICROSECOND,
            None if entry.filter == ALWAYS else predicate(entry.filter),
            is_timed(condition) or is_timed(entry.filter),
            is_personal(condition) or is_personal(entry.filter),
            entry.reentry is Reentry.AFTER_EXIT
            or entry.max_concurrent is not None
            or entry.exclusion_group is not None,
            _mark(condition) if trigger.on is On.ENTER else 0,
        )

    @property
    def by_event(self) -> bool:
        """Whether it is looked at when an event comes, and fires whenever it matches."""
        return self.trigger.trigger_type is not TriggerType.TIME_BASED and self.trigger.on is On.EVENT

    @property
    def is_plain(self) -> bool:
        """Whether it concerns nobody but those whose event it is looked at for, with nothing but the profile asked."""
        return self.by_event and not self.grace and not self.personal and self.trigger.max_executions_total is None

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


def _descending(number: int) -> str:
    """Write an integer so that the texts sort as the integers do, downwards."""
    size = f"{abs(number):x}"
    if number <= 0:
        return f"1{len(size):08x}{size}"
    complement = (1 << 4 * len(size)) - 1 - number
    return f"0{(1 << 32) - 1 - len(size):08x}{complement:0{len(size)}x}"


def _mark(condition: Condition) -> int:
    text = json.dumps(dump(condition), sort_keys=True)
    return 1 + int(content_hash(text)[:12], 16)


def _date_needs(trigger: Trigger) -> Needs:
    """Name what a date of the profile is read from."""
    if trigger.schedule is None or not isinstance(trigger.schedule.rule, DateProperty):
        return NO_NEEDS
    path = trigger.schedule.rule.path
    return Needs(attributes=frozenset((path, path.split(".", 1)[0])), zone=True)


_NOTHING_KNOWN: Final = Facts()


class Gates:
    """Triggers by the event types that they can match, each list in the order in which they go first."""

    def __init__(self, gates: Iterable[Gate]) -> None:
        # Priority descending, then workflow id: never the order of a dictionary.
        self._ordered = sorted(gates, key=lambda gate: gate.rank)
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
