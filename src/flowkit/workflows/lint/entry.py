"""Rules about who comes in, and how often: limits without effect, and entries without a limit."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Final

from flowkit.problems import short
from flowkit.triggers.cron import cron_walls
from flowkit.triggers.model import Reentry, Schedule, Trigger, TriggerType
from flowkit.triggers.rules import At, Cron
from flowkit.triggers.zones import find_zone, instant
from flowkit.workflows.lint.contradiction import always_holds
from flowkit.workflows.lint.model import Breach
from flowkit.workflows.model import Workflow

__all__ = [
    "is_once",
    "keys_without_events",
    "limits_without_effect",
    "nobody_enters",
    "planned_before_created",
    "reentry_unlimited",
    "too_often_for_everybody",
]

_NO_TIME: Final = timedelta()
_DAY: Final = timedelta(days=1)
_YEAR: Final = timedelta(days=367)
_LOOKED_AT: Final = 400
_LATEST_ZONE: Final = timedelta(hours=12)
_FROM: Final = datetime(2023, 12, 31, 23, 59)  # noqa: DTZ001 - a wall time; the year after it is a leap year


def is_once(trigger: Trigger) -> bool:
    """Whether a subscriber enters at most once."""
    return trigger.entry.reentry is Reentry.NEVER or trigger.max_executions == 1


def reentry_unlimited(workflow: Workflow) -> Iterator[Breach]:
    """Find condition triggers that may let the same subscriber in without end."""
    trigger = workflow.trigger
    # What a condition says of a subscriber stays so, or comes and goes with each change; what an event says is once.
    if trigger.trigger_type is not TriggerType.CONDITION_BASED or trigger.entry.reentry is not Reentry.ALWAYS:
        return
    if trigger.cooldown > _NO_TIME or trigger.max_executions is not None or trigger.entry.max_concurrent is not None:
        return
    message = (
        "the same subscriber may enter again and again; give cooldown_hours, max_executions, "
        "or an entry with max_concurrent or another reentry"
    )
    yield Breach("/trigger", message)


def limits_without_effect(workflow: Workflow) -> Iterator[Breach]:
    """Find limits of entry that another one makes idle."""
    trigger = workflow.trigger
    never = trigger.entry.reentry is Reentry.NEVER
    if trigger.cooldown > _NO_TIME and is_once(trigger):
        yield Breach(
            "/trigger/cooldown_hours", f"has no effect: {_once(trigger)}, so there is nothing to cool down from"
        )
    if trigger.max_executions is not None and (reason := _idle_limit(trigger)):
        yield Breach("/trigger/max_executions", f"has no effect: {reason}")
    if trigger.entry.max_concurrent is not None and (reason := _idle_concurrency(trigger)):
        yield Breach("/trigger/entry/max_concurrent", f"has no effect: {reason}")
    if trigger.entry.reentry is Reentry.AFTER_EXIT and is_once(trigger) and not never:
        yield Breach("/trigger/entry/reentry", f"has no effect: {_once(trigger)}; leave it out")


def _once(trigger: Trigger) -> str:
    if trigger.entry.reentry is Reentry.NEVER:
        return f'"reentry": "{Reentry.NEVER}" lets a subscriber in once'
    return "max_executions of 1 lets a subscriber in once"


def _idle_limit(trigger: Trigger) -> str:
    most, total = trigger.max_executions, trigger.max_executions_total
    if trigger.entry.reentry is Reentry.NEVER:
        return f"{_once(trigger)}; leave it out"
    if most is not None and total is not None and most >= total:
        return f"all subscribers together enter at most {total} times by max_executions_total; make it less"
    return ""


def _idle_concurrency(trigger: Trigger) -> str:
    if is_once(trigger):
        return f"{_once(trigger)}; leave it out"
    if trigger.entry.reentry is Reentry.AFTER_EXIT:
        return f'"reentry": "{Reentry.AFTER_EXIT}" lets nobody in who has a run that is alive; leave one of them out'
    most, at_once = trigger.max_executions, trigger.entry.max_concurrent
    if most is not None and at_once is not None and most <= at_once:
        return f"a subscriber enters at most {most} times by max_executions; make it less"
    return ""


def keys_without_events(workflow: Workflow) -> Iterator[Breach]:
    """Find keys of events at triggers by the clock."""
    trigger = workflow.trigger
    if trigger.entry.key is not None and trigger.trigger_type is TriggerType.TIME_BASED:
        message = (
            f"{short(trigger.entry.key)} is a property of events, and none is at hand when the clock fires, "
            "so all runs have the same key; leave it out"
        )
        yield Breach("/trigger/entry/key", message)


def nobody_enters(workflow: Workflow) -> Iterator[Breach]:
    """Find live workflows whose trigger is switched off."""
    if workflow.active and not workflow.trigger.active:
        message = "nobody enters while the trigger is not active, though the workflow is; set one of them to the other"
        yield Breach("/trigger/active", message)


# ------------------------------------------------------------------------------------------------------------
# The clock


def too_often_for_everybody(workflow: Workflow) -> Iterator[Breach]:
    """Find triggers that let everybody in several times a day."""
    trigger = workflow.trigger
    schedule = trigger.schedule
    if schedule is None or not isinstance(schedule.rule, Cron) or is_once(trigger) or trigger.cooldown >= _DAY:
        return
    if trigger.max_executions is not None or not _is_for_everybody(trigger):
        return
    times = _most_in_a_day(schedule.rule)
    if times > 1:
        message = (
            f"everybody enters {'more than ' if times >= _LOOKED_AT else ''}{times} times on one day; "
            "say for whom with `where`, fire less often, or give cooldown_hours"
        )
        yield Breach("/trigger/conditions/cron", message)


def _is_for_everybody(trigger: Trigger) -> bool:
    return always_holds(trigger.condition, event=False) and always_holds(trigger.entry.filter, event=False)


def _most_in_a_day(rule: Cron) -> int:
    """Count how often a rule fires on a day, the fullest of those that were looked at."""
    by_day: dict[int, int] = {}
    for shown, _ in zip(cron_walls(rule.expression, _FROM), range(_LOOKED_AT), strict=False):
        if shown - _FROM > _YEAR:
            break
        by_day[shown.toordinal()] = by_day.get(shown.toordinal(), 0) + 1
    return max(by_day.values(), default=0)


def planned_before_created(workflow: Workflow) -> Iterator[Breach]:
    """Find moments that were over, and all lateness with them, when the workflow was written."""
    schedule, created = workflow.trigger.schedule, workflow.created_at
    if schedule is None or created is None or created.tzinfo is None or not isinstance(schedule.rule, At):
        return
    try:
        over = _latest(schedule, schedule.rule.at) + schedule.late < created
    except OverflowError:  # the end of the calendar lies behind everything
        return
    if over:
        message = (
            f"{schedule.rule.at.isoformat()} had passed when the workflow was created, "
            f"and {schedule.late} of `late` with it: it never fires; name a moment to come"
        )
        yield Breach("/trigger/conditions/at", message)


def _latest(schedule: Schedule, at: datetime) -> datetime:
    """Give the last instant at which some subscriber's clock shows a time."""
    if at.tzinfo is not None:
        return at
    tz = None if schedule.timezone is None else find_zone(schedule.timezone)
    here = None if tz is None else instant(at.date(), at.time(), tz)
    return at.replace(tzinfo=UTC) + _LATEST_ZONE if here is None else here
