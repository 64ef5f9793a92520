"""Waits by the clock as parameters of a ``wait`` action, and back again.

The parameters hold exactly one of five keys::

    {"calendar_days": 1, "at": "15:00"}
    {"until": {"at": "09:00", "weekdays": ["mon"]}}
    {"window": {"from": "22:00", "to": "06:00", "weekdays": ["mon"]}}
    {"profile_date": {"path": "renewal", "offset": "-7d", "at": "09:00", "on_missing": "exit"}}
    {"preferred_time": {"path": "preferred_hour", "fallback": "10:00"}}

``on_missing`` and ``on_past`` are ``"proceed"``, ``"exit"`` or ``{"path": "a_node"}``.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import timedelta
from typing import Final, assert_never

from flowkit.documents import is_object
from flowkit.fields import Fields
from flowkit.problems import short, suggestion
from flowkit.triggers.calendar import Offset
from flowkit.triggers.schedule_documents import clock_text, made, read_offset, read_time, read_weekdays
from flowkit.triggers.windows import Window
from flowkit.workflows.waits import (
    CalendarDays,
    GoTo,
    Instead,
    InsteadOfWaiting,
    LocalTime,
    PreferredTime,
    ProfileDate,
    WaitRule,
)

__all__ = ["WAIT_KEYS", "dump_wait", "dump_window", "read_wait", "read_window"]

WAIT_KEYS: Final = ("calendar_days", "until", "window", "profile_date", "preferred_time")
"""The keys of a wait by the clock; it has exactly one of them."""

_DAY: Final = timedelta(days=1)


# ------------------------------------------------------------------------------------------------------------
# Reading


def read_wait(key: str, fields: Fields) -> WaitRule | None:
    """Read a wait.

    Args:
        key: Which of the keys is there.
        fields: The parameters of the action; what is wrong with them is noted there.

    Returns:
        For what is waited; None where it cannot be told.
    """
    before = len(fields.problems.found)
    if key == "calendar_days":
        days = fields.integer(key, 0, low=0, high=fields.limits.duration // _DAY)
        at = read_time(fields, "at") if fields.has("at") else None
        return made(fields, before, lambda: CalendarDays(days, at=at))
    inner = fields.child(key)
    match key:
        case "until":
            at, on = read_time(inner, "at"), read_weekdays(inner, "weekdays")
            inner.close()
            return made(fields, before, lambda: LocalTime(at, on=on))
        case "window":
            return read_window(inner)
        case "profile_date":
            return _profile_date(fields, inner, before)
        case _:
            path, fallback = inner.id("path"), read_time(inner, "fallback")
            inner.close()
            return made(fields, before, lambda: PreferredTime(path, fallback=fallback))


def read_window(fields: Fields) -> Window | None:
    """Read an object that is a window; None where it cannot be told. What is wrong with it is noted there."""
    before = len(fields.problems.found)
    opens_at, closes_at = read_time(fields, "from"), read_time(fields, "to")
    on = read_weekdays(fields, "weekdays")
    fields.close()
    if opens_at == closes_at and len(fields.problems.found) == before:
        fields.wrong("to", "out_of_range", "must differ from `from`: such a window has no length; 00:00 is midnight")
    return made(fields, before, lambda: Window(opens_at=opens_at, closes_at=closes_at, on=on))


def _profile_date(fields: Fields, inner: Fields, before: int) -> WaitRule | None:
    path, offset = inner.id("path"), read_offset(inner)
    at = read_time(inner, "at") if inner.has("at") else None
    on_missing, on_past = _instead(inner, "on_missing"), _instead(inner, "on_past")
    inner.close()
    return made(
        fields,
        before,
        lambda: ProfileDate(path, offset=offset, at=at, on_missing=on_missing, on_past=on_past),
    )


def _instead(fields: Fields, name: str) -> InsteadOfWaiting:
    if not fields.has(name):
        return Instead.PROCEED
    value = fields.any(name)
    if is_object(value):
        inner = fields.child(name)
        target = inner.id("path")
        inner.close()
        return GoTo(target)
    if not isinstance(value, str):
        fields.wrong(name, "wrong_type", f'must be "proceed", "exit" or {{"path": a node}}, not {short(value)}')
        return Instead.PROCEED
    try:
        return Instead(value)
    except ValueError:
        hint = f'{suggestion(value, Instead)}; for a node write {{"path": "its id"}}'
        fields.wrong(name, "bad_enum", f"{short(value)} is not known; {hint}")
        return Instead.PROCEED


# ------------------------------------------------------------------------------------------------------------
# Writing


def dump_wait(rule: WaitRule) -> Mapping[str, object]:
    """Write a wait as the shortest parameters that read as the same."""
    match rule:
        case CalendarDays(days, at=at):
            return {"calendar_days": days, **({} if at is None else {"at": clock_text(at)})}
        case LocalTime(at, on=on):
            return {"until": {"at": clock_text(at)} | ({"weekdays": [day.word for day in on]} if on else {})}
        case Window():
            return {"window": dump_window(rule)}
        case ProfileDate():
            return {"profile_date": _profile_date_document(rule)}
        case PreferredTime(path, fallback=fallback):
            return {"preferred_time": {"path": path, "fallback": clock_text(fallback)}}
        case _:
            assert_never(rule)


def dump_window(window: Window) -> dict[str, object]:
    """Write a window as the object that `read_window` reads."""
    times: dict[str, object] = {"from": clock_text(window.opens_at), "to": clock_text(window.closes_at)}
    return times | ({"weekdays": [day.word for day in window.on]} if window.on else {})


def _profile_date_document(rule: ProfileDate) -> dict[str, object]:
    out: dict[str, object] = {"path": rule.path}
    if rule.offset != Offset():
        out["offset"] = str(rule.offset)
    if rule.at is not None:
        out["at"] = clock_text(rule.at)
    for name, way in (("on_missing", rule.on_missing), ("on_past", rule.on_past)):
        if isinstance(way, GoTo):
            out[name] = {"path": way.target}
        elif way is not Instead.PROCEED:
            out[name] = str(way)
    return out
