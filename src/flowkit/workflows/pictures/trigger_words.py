"""When a trigger lets somebody in, in words short enough for a box."""

from __future__ import annotations

from datetime import datetime, time, timedelta
from typing import Final, assert_never

from flowkit.conditions import AllOf, Condition, EventIs, event_types
from flowkit.triggers.calendar import MonthDay, Offset, Unit, Weekday
from flowkit.triggers.model import On, Schedule, Trigger, TriggerType
from flowkit.triggers.rules import At, Cron, DateProperty, Day, Every, Repeat, Rule
from flowkit.workflows.pictures.condition_words import condition_words
from flowkit.workflows.pictures.model import Line, Mark
from flowkit.workflows.pictures.phrases import duration_words, few, plural

__all__ = ["clock_words", "day_words", "distance_words", "trigger_lines", "trigger_title"]

_NO_TIME: Final = timedelta()
_MONTHS: Final = ("Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec")


def trigger_title(trigger: Trigger) -> str:
    """Say when a trigger is looked at: its event types, or the rule of its schedule."""
    if trigger.schedule is not None:
        return _rule(trigger.schedule.rule)
    match trigger.trigger_type:
        case TriggerType.CONDITION_BASED if trigger.on is not On.EVENT:
            return "When it becomes true" if trigger.on is On.ENTER else "When something changes"
        case TriggerType.TIME_BASED:
            return "By the clock"
        case _:
            types = event_types(trigger.condition)
            return "On any event" if types is None else f"On {few(sorted(types), ' or ') or 'nothing'}"


def trigger_lines(trigger: Trigger) -> tuple[Line, ...]:
    """Say what a trigger asks besides, in which zone its clock is read, and how soon it lets somebody in again."""
    lines: list[Line] = []
    if asked := condition_words(_besides_events(trigger)):
        lines.append(Line(Mark.CHECK, "If", detail=asked))
    if asked := condition_words(trigger.entry.filter):
        lines.append(Line(Mark.CHECK, "Only if", detail=asked))
    if trigger.schedule is not None and not _is_instant(trigger.schedule.rule):
        lines.append(Line(Mark.WAIT, "Time zone", detail=_zone(trigger.schedule)))
    if trigger.cooldown > _NO_TIME:
        lines.append(Line(Mark.WAIT, "Again", detail=f"after {duration_words(trigger.cooldown)}"))
    if not trigger.active:
        lines.append(Line(Mark.OTHER, "Switched off"))
    return tuple(lines)


def _besides_events(trigger: Trigger) -> Condition:
    """Leave out what the title says already."""
    if trigger.schedule is not None or (
        trigger.trigger_type is TriggerType.CONDITION_BASED and trigger.on is not On.EVENT
    ):
        return trigger.condition
    parts = trigger.condition.conditions if isinstance(trigger.condition, AllOf) else (trigger.condition,)
    return AllOf(tuple(part for part in parts if not isinstance(part, EventIs)))


def _zone(schedule: Schedule) -> str:
    return schedule.timezone or f"the subscriber's, else {schedule.fallback_timezone}"


def _is_instant(rule: Rule) -> bool:
    return isinstance(rule, At) and rule.at.tzinfo is not None


def _rule(rule: Rule) -> str:
    match rule:
        case At(at):
            return f"Once, {_moment(at)}"
        case Cron(expression):
            return f"Cron {expression}"
        case Every():
            return _every(rule)
        case DateProperty():
            return _around(rule)
        case _:
            assert_never(rule)


def _moment(at: datetime) -> str:
    return f"{at:%Y-%m-%d} at {clock_words(at.time())}{'' if at.tzinfo is None else ' UTC'}"


def clock_words(at: time) -> str:
    """Write a time of day."""
    return at.isoformat("seconds" if at.second else "minutes")


def _every(rule: Every) -> str:
    often = f"Every {rule.unit}" if rule.interval == 1 else f"Every {plural(rule.interval, rule.unit)}"
    days = f" on {few(day_words(day) for day in rule.on)}" if rule.on else ""
    return f"{often}{days} at {clock_words(rule.at)}"


def day_words(day: Day) -> str:
    """Name a day of a week, a month or a year."""
    match day:
        case Weekday():
            return day.word.title()
        case MonthDay(month, number):
            return f"{number} {_MONTHS[month - 1]}"
        case _:
            return f"day {day}"


def _around(rule: DateProperty) -> str:
    again = "" if rule.repeat is Repeat.NONE else f", every {rule.repeat}"
    return f"{distance_words(rule.offset)} {rule.path} at {clock_words(rule.at)}{again}"


def distance_words(offset: Offset) -> str:
    """Say how far from a date; the name of the date follows."""
    if not offset.amount:
        return "On"
    side = "before" if offset.amount < 0 else "after"
    return f"{plural(abs(offset.amount), Unit(offset.unit))} {side}"
