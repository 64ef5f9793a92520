"""Triggers as JSON documents, and back again: what they ask for, when the clock fires them, and whom they let in.

A time trigger has its rule among its conditions, beside the zone in which it is read and whom it is for::

    {"cron": "0 9 * * MON", "timezone": "subscriber", "fallback_timezone": "UTC", "late": "6h", "where": {...}}
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import timedelta
from difflib import get_close_matches
from enum import StrEnum
from typing import Final, TypeVar
from zoneinfo import available_timezones

from flowkit.conditions import ALWAYS, KEYS, AllOf, Condition, Duration, duration
from flowkit.documents import is_list, is_object
from flowkit.errors import DocumentError, Problem
from flowkit.fields import Fields
from flowkit.problems import pointer, short, suggestion
from flowkit.triggers.model import (
    DEFAULT_LATE,
    OPEN_ENTRY,
    Backfill,
    EntryPolicy,
    On,
    Reentry,
    Schedule,
    Trigger,
    TriggerType,
)
from flowkit.triggers.schedule_documents import RULE_KEYS, dump_rule, read_rule
from flowkit.triggers.zones import find_zone
from flowkit.workflows.documents.conditions import dump_condition, read_condition
from flowkit.workflows.documents.parameters import in_units

__all__ = ["dump_trigger", "read_trigger", "read_zone"]

_E = TypeVar("_E", bound=StrEnum)

_HOUR: Final = timedelta(hours=1)
_SECOND: Final = timedelta(seconds=1)
_SUBSCRIBER: Final = "subscriber"
_FALLBACK: Final = "UTC"
_NAME_LENGTH: Final = 64
_ABOUT_EVENTS: Final = ("event_type", "event_properties", "min_value")
_LISTS: Final = ("all", "any", "conditions")
_TIMED_KEYS: Final = (*RULE_KEYS, "timezone", "fallback_timezone", "late", "where", *KEYS)


# ------------------------------------------------------------------------------------------------------------
# Reading


def read_trigger(fields: Fields, *, versioned: bool) -> Trigger:
    """Read a trigger.

    Args:
        fields: Its object; what is wrong with it is noted there.
        versioned: Whether the document names its schema: then a condition trigger fires on ``enter`` where it does not
            say, and otherwise on ``event``, as the seed's do.
    """
    kind = fields.word("trigger_type", TriggerType)
    on = _on(fields, kind, versioned=versioned)
    trigger_id = fields.id("trigger_id")
    schedule, condition = _asked(fields.child("conditions"), kind)
    trigger = Trigger(
        trigger_id,
        trigger_type=kind or TriggerType.COMPOSITE,
        condition=condition,
        on=on or On.EVENT,
        schedule=schedule,
        priority=fields.integer("priority", 1),
        cooldown=_HOUR * fields.number("cooldown_hours", 0, low=0, high=in_units(fields.limits.duration, _HOUR)),
        max_executions=_most(fields, "max_executions"),
        max_executions_total=_most(fields, "max_executions_total"),
        entry=_entry(fields.child("entry", {}), kind, on),
        active=fields.flag("active", default=True),
    )
    fields.close()
    return trigger


def _on(fields: Fields, kind: TriggerType | None, *, versioned: bool) -> On | None:
    """Read what makes a trigger fire; None where that cannot be told."""
    if not fields.has("on"):
        if kind is None:
            return None
        return On.ENTER if versioned and kind is TriggerType.CONDITION_BASED else On.EVENT
    on = fields.word("on", On)
    if on in {None, On.EVENT} or kind in {None, TriggerType.CONDITION_BASED}:
        return on
    message = f'"{on}" belongs to condition_based triggers; leave it out, or write "{On.EVENT}"'
    fields.wrong("on", "conflicting_fields", message)
    return None


def _asked(fields: Fields, kind: TriggerType | None) -> tuple[Schedule | None, Condition]:
    # A rule tells a time trigger whose type is misspelled: its keys are not to be called unknown as well.
    if kind is TriggerType.TIME_BASED or (kind is None and any(key in fields.values for key in RULE_KEYS)):
        return _scheduled(fields)
    return None, read_condition(fields, in_run=False)


def _scheduled(fields: Fields) -> tuple[Schedule | None, Condition]:
    rule = read_rule(fields)
    timezone, fallback = read_zone(fields, "timezone", _SUBSCRIBER), read_zone(fields, "fallback_timezone")
    late = _duration(fields, "late", DEFAULT_LATE)
    where, beside = fields.child("where", {}), fields.rest()
    for name in [name for name in beside if name not in KEYS]:
        fields.wrong(name, "unknown_field", f"is not known; {suggestion(name, _TIMED_KEYS)}")
        del beside[name]
    parts = [part for part in (fields.open(beside, fields.path), where) if part.values]
    read = [read_condition(part, in_run=False) for part in parts]
    for part in parts:
        _refuse_events(part, part.values, part.path)
    condition = read[0] if len(read) == 1 else AllOf(tuple(read))
    if rule is None:
        return None, condition
    return Schedule(rule, timezone=timezone, fallback_timezone=fallback or _FALLBACK, late=late), condition


def read_zone(fields: Fields, name: str, *others: str) -> str | None:
    """Read the name of a time zone; None where there is none, or another word that may stand there."""
    if not fields.has(name):
        return None
    text = fields.text(name)
    if find_zone(text) is not None:
        return text
    if isinstance(fields.values[name], str) and text not in others:
        fields.wrong(name, "unknown_zone", f"{short(text)} is no time zone; {_zone_hint(text, others)}")
    return None


def _zone_hint(name: str, others: tuple[str, ...]) -> str:
    if len(name) <= _NAME_LENGTH:  # Likeness costs the square of the length.
        spelled = {known.lower(): known for known in (*sorted(available_timezones()), *others)}
        for near in get_close_matches(name.lower(), spelled):
            if spelled[near] in others or find_zone(spelled[near]) is not None:
                return f"did you mean {short(spelled[near])}?"
    return 'write its IANA name, such as "Europe/Berlin"'


def _duration(fields: Fields, name: str, default: timedelta) -> timedelta:
    """Read a duration such as ``6h``."""
    if not fields.has(name):
        return default
    text = fields.text(name)
    if not isinstance(fields.values[name], str):
        return default
    try:
        return timedelta(seconds=duration(text).seconds)
    except DocumentError as error:
        for problem in error.problems:
            fields.wrong(name, problem.code, problem.message)
        return default


def _refuse_events(fields: Fields, document: Mapping[str, object], path: str) -> None:
    """Note what a condition asks of an event, where none can be at hand."""
    for key in _ABOUT_EVENTS:
        if key in document:
            message = "can never hold: no event is at hand when the clock fires; of past events `performed` knows"
            fields.problems.add("conflicting_fields", pointer(path, key), message)
    for key in _LISTS:
        children = document.get(key)
        for index, child in enumerate(children if is_list(children) else ()):
            if is_object(child):
                _refuse_events(fields, child, pointer(pointer(path, key), index))
    inner = document.get("not")
    if is_object(inner):
        _refuse_events(fields, inner, pointer(path, "not"))


def _most(fields: Fields, name: str) -> int | None:
    return None if fields.null(name) else fields.integer(name, 1, low=1)


def _id(fields: Fields, name: str) -> str | None:
    return None if fields.null(name) else fields.id(name)


def _word(fields: Fields, name: str, default: _E) -> _E:
    found = fields.word(name, type(default)) if fields.has(name) else None
    return found or default


def _entry(fields: Fields, kind: TriggerType | None, on: On | None) -> EntryPolicy:
    before = len(fields.problems.found)
    asked = fields.child("filter", {})
    entry = EntryPolicy(
        filter=read_condition(asked, in_run=False),
        grace=_duration(fields, "grace", OPEN_ENTRY.grace),
        reentry=_word(fields, "reentry", Reentry.ALWAYS),
        max_concurrent=_most(fields, "max_concurrent"),
        key=_id(fields, "key"),
        exclusion_group=_id(fields, "exclusion_group"),
        backfill=_word(fields, "backfill", Backfill.NONE),
    )
    fields.close()
    if entry.grace > fields.limits.duration:
        fields.wrong("grace", "out_of_range", f"must be at most {fields.limits.duration}")
    if kind is TriggerType.TIME_BASED:
        _refuse_events(fields, asked.values, asked.path)
    # What could not be read may have been a filter, and may be what is waited for.
    if fields.has("grace") and entry.filter == ALWAYS and len(fields.problems.found) == before:
        fields.wrong("grace", "conflicting_fields", "is how long to wait for `filter`, and there is none")
    if entry.backfill is Backfill.CURRENT and on not in {None, On.ENTER}:
        message = f'only a condition_based trigger on "{On.ENTER}" has somebody to fill in; write "{Backfill.NONE}"'
        fields.wrong("backfill", "conflicting_fields", message)
    return entry


# ------------------------------------------------------------------------------------------------------------
# Writing


def dump_trigger(trigger: Trigger, path: str) -> dict[str, object]:
    """Write a trigger; of its entry only what is not the default.

    Args:
        trigger: The trigger.
        path: The JSON Pointer of its object, for the errors.

    Raises:
        DocumentError: It is none that a document can hold: a duration is no whole number of seconds, a schedule belongs
            to a trigger that is not by the clock, a zone has the name that stands for each subscriber's own, or
            conditions nest too deep.
    """
    out: dict[str, object] = {
        "trigger_id": trigger.trigger_id,
        "trigger_type": str(trigger.trigger_type),
        "on": str(trigger.on),
        "conditions": _conditions_document(trigger, pointer(path, "conditions")),
        "priority": trigger.priority,
        "cooldown_hours": in_units(trigger.cooldown, _HOUR),
        "max_executions": trigger.max_executions,
        "max_executions_total": trigger.max_executions_total,
        "active": trigger.active,
    }
    entry = _entry_document(trigger.entry, pointer(path, "entry"))
    return out | {"entry": entry} if entry else out


def _conditions_document(trigger: Trigger, path: str) -> dict[str, object]:
    schedule = trigger.schedule
    if trigger.trigger_type != TriggerType.TIME_BASED:
        if schedule is not None:
            message = f"a schedule belongs to a {TriggerType.TIME_BASED} trigger, not to a {trigger.trigger_type} one"
            raise DocumentError([Problem("conflicting_fields", path, message=message)])
        return dump_condition(trigger.condition, path)
    # One without a schedule is written without a rule: reading it tells what is missing.
    out = {} if schedule is None else _schedule_document(schedule, path)
    if trigger.condition != ALWAYS:
        out["where"] = dump_condition(trigger.condition, pointer(path, "where"))
    return out


def _schedule_document(schedule: Schedule, path: str) -> dict[str, object]:
    if schedule.timezone == _SUBSCRIBER:
        message = "is no time zone; in Python None stands for each subscriber's own"
        raise DocumentError([Problem("unknown_zone", pointer(path, "timezone"), message=message)])
    return {
        **dump_rule(schedule.rule),
        "timezone": _SUBSCRIBER if schedule.timezone is None else schedule.timezone,
        "fallback_timezone": schedule.fallback_timezone,
        "late": _duration_text(schedule.late, pointer(path, "late")),
    }


def _entry_document(entry: EntryPolicy, path: str) -> dict[str, object]:
    out: dict[str, object] = {}
    if entry.filter != ALWAYS:
        out["filter"] = dump_condition(entry.filter, pointer(path, "filter"))
    if entry.grace != OPEN_ENTRY.grace:
        out["grace"] = _duration_text(entry.grace, pointer(path, "grace"))
    if entry.reentry != Reentry.ALWAYS:
        out["reentry"] = str(entry.reentry)
    named = {"max_concurrent": entry.max_concurrent, "key": entry.key, "exclusion_group": entry.exclusion_group}
    out.update({name: value for name, value in named.items() if value is not None})
    if entry.backfill != Backfill.NONE:
        out["backfill"] = str(entry.backfill)
    return out


def _duration_text(length: timedelta, path: str) -> str:
    seconds, rest = divmod(length, _SECOND)
    if rest:
        message = f"must be a whole number of seconds, not {length}"
        raise DocumentError([Problem("bad_duration", path, message=message)])
    return Duration(seconds).text
