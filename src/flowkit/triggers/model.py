"""A trigger: the condition under which a subscriber enters a workflow, and how often that may happen."""

from __future__ import annotations

from datetime import timedelta
from enum import StrEnum
from typing import Final

from attrs import field, frozen

from flowkit.conditions import ALWAYS, Condition

__all__ = ["Trigger", "TriggerType"]

_NO_TIME: Final = timedelta()


class TriggerType(StrEnum):
    """When a trigger is looked at, in the words of the JSON document."""

    BEHAVIOR_BASED = "behavior_based"
    """When an event of the subscriber comes."""
    CONDITION_BASED = "condition_based"
    """When an event of the subscriber comes; an empty profile never fires it."""
    COMPOSITE = "composite"
    """When an event of the subscriber comes; any tree of conditions about both."""


@frozen
class Trigger:
    """When a subscriber enters a workflow.

    Attributes:
        trigger_id: The trigger's own name, 1 to 255 visible characters.
        trigger_type: When it is looked at.
        condition: What must hold then.
        priority: Where several triggers match one event the highest goes first; then by workflow id.
        cooldown: Counted from entry and closed at exactly the period: a subscriber who entered on Monday at 10:00 with
            seven days enters again on the next Monday at 10:00:00.
        max_executions: How often one subscriber may enter over all time; None for no limit.
        active: Whether it may fire at all.
    """

    trigger_id: str
    trigger_type: TriggerType = field(default=TriggerType.BEHAVIOR_BASED, kw_only=True)
    condition: Condition = field(default=ALWAYS, kw_only=True)
    priority: int = field(default=1, kw_only=True)
    cooldown: timedelta = field(default=_NO_TIME, kw_only=True)
    max_executions: int | None = field(default=None, kw_only=True)
    active: bool = field(default=True, kw_only=True)
