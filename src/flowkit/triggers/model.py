"""A trigger: the condition under which a subscriber enters a workflow, and how often that may happen."""

from __future__ import annotations

from datetime import timedelta
from enum import StrEnum
from typing import Final

from attrs import field, frozen

from flowkit.conditions import ALWAYS, Condition
from flowkit.triggers.rules import Rule

__all__ = ["Backfill", "EntryPolicy", "On", "Reentry", "Schedule", "Trigger", "TriggerType"]

_NO_TIME: Final = timedelta()
DEFAULT_LATE: Final = timedelta(hours=6)
"""How much later than planned a time trigger still fires, where it does not say."""


class TriggerType(StrEnum):
    """When a trigger is looked at, in the words of the JSON document."""

    BEHAVIOR_BASED = "behavior_based"
    """When an event of the subscriber comes."""
    CONDITION_BASED = "condition_based"
    """When something about the subscriber changes, as `On` says; an empty profile never fires it."""
    TIME_BASED = "time_based"
    """When the clock says so."""
    COMPOSITE = "composite"
    """When an event of the subscriber comes; any tree of conditions about both."""


class On(StrEnum):
    """What makes a condition trigger fire, in the words of the JSON document."""

    EVENT = "event"
    """Any event while the condition holds: the seed's meaning, and the only one of the other kinds."""
    ENTER = "enter"
    """The condition holds now and did not before, seen for each subscriber."""
    CHANGE = "change"
    """The profile or the engagement was changed and the condition holds after it."""


class Reentry(StrEnum):
    """Whether a subscriber who was in may come in again, in the words of the JSON document."""

    ALWAYS = "always"
    """As often as the other rules let it."""
    NEVER = "never"
    """Once and never again."""
    AFTER_EXIT = "after_exit"
    """Not while a run of the workflow is alive."""


class Backfill(StrEnum):
    """What becomes of those for whom a trigger on ``enter`` holds already when it is published."""

    NONE = "none"
    """They do not enter: it has to cease to hold, and hold again. Who that is, the audience tells after the publishing;
    without an audience it is taken to hold for the first time when it is first looked at."""
    CURRENT = "current"
    """They enter, a page at a time."""


@frozen(kw_only=True)
class EntryPolicy:
    """The rules of entry beside cooldown and totals: whom a trigger that fired lets in.

    Attributes:
        filter: What must hold about the subscriber besides the trigger's condition.
        grace: For how long an entry whose filter does not hold yet waits for it; refused at once where it is nothing.
        reentry: Whether a subscriber who was in may come in again.
        max_concurrent: How many runs of one subscriber may be alive at once, per key where there is one; None for no
            limit.
        key: The event property, a path, that tells runs of one subscriber apart, such as ``order_id``: events with
            another value of it are none of the run's business. None where runs are not told apart.
        exclusion_group: Of all workflows with the same group a subscriber is in one at a time; None for no group.
        backfill: What becomes of those for whom a trigger on ``enter`` holds already.
    """

    filter: Condition = ALWAYS
    grace: timedelta = _NO_TIME
    reentry: Reentry = Reentry.ALWAYS
    max_concurrent: int | None = None
    key: str | None = None
    exclusion_group: str | None = None
    backfill: Backfill = Backfill.NONE


OPEN_ENTRY: Final = EntryPolicy()
"""Lets everybody in."""


@frozen
class Schedule:
    """When a time trigger fires, and for whom.

    Attributes:
        rule: The rule, of the clock on the wall.
        timezone: The zone in which it is read: an IANA name, or None for each subscriber's own.
        fallback_timezone: For subscribers without a zone, or with one that is none.
        late: Up to how much later than planned it still fires; found later it is left out, and counted.
    """

    rule: Rule
    timezone: str | None = field(default=None, kw_only=True)
    fallback_timezone: str = field(default="UTC", kw_only=True)
    late: timedelta = field(default=DEFAULT_LATE, kw_only=True)


@frozen
class Trigger:
    """When a subscriber enters a workflow.

    Attributes:
        trigger_id: The trigger's own name, 1 to 255 visible characters.
        trigger_type: When it is looked at.
        condition: What must hold then; of a time trigger, what its document calls ``where``.
        on: What makes a condition trigger fire.
        schedule: When a time trigger fires; None for all others.
        priority: Where several triggers match one event the highest goes first; then by workflow id.
        cooldown: Counted from entry and closed at exactly the period: a subscriber who entered on Monday at 10:00 with
            seven days enters again on the next Monday at 10:00:00.
        max_executions: How often one subscriber may enter over all time; None for no limit.
        max_executions_total: How often all subscribers together may enter over all time; None for no limit.
        entry: The other rules of entry.
        active: Whether it may fire at all.
    """

    trigger_id: str
    trigger_type: TriggerType = field(default=TriggerType.BEHAVIOR_BASED, kw_only=True)
    condition: Condition = field(default=ALWAYS, kw_only=True)
    on: On = field(default=On.EVENT, kw_only=True)
    schedule: Schedule | None = field(default=None, kw_only=True)
    priority: int = field(default=1, kw_only=True)
    cooldown: timedelta = field(default=_NO_TIME, kw_only=True)
    max_executions: int | None = field(default=None, kw_only=True)
    max_executions_total: int | None = field(default=None, kw_only=True)
    entry: EntryPolicy = field(default=OPEN_ENTRY, kw_only=True)
    active: bool = field(default=True, kw_only=True)
