"""The parameters of a wait for an event or a condition as a document, and back again.

They are written as::

    {
        "branches": [
            {"label": "bought", "event": {"event_type": "purchase", "event_properties": {"shop": "web"}}},
            {"label": "vip", "when": {"segments": "vip"}}
        ],
        "timeout": {"duration_hours": 72},
        "look_back": "last_send"
    }
"""

from __future__ import annotations

from datetime import timedelta
from typing import Final

from flowkit.conditions import ALWAYS, Condition, Duration, duration
from flowkit.documents import is_object
from flowkit.errors import DocumentError
from flowkit.fields import Fields
from flowkit.problems import short, suggestion
from flowkit.workflows.control import EXHAUSTED, TIMEOUT, Awaited, Case, LookBack, WaitForEvent
from flowkit.workflows.documents.conditions import dump_condition, read_condition
from flowkit.workflows.durations import DurationUnit, dump_span, read_span

__all__ = ["dump_await", "read_await", "read_event"]

_FOREVER: Final = "forever"
_ABOUT_EVENTS: Final = ("event_type", "event_properties", "min_value")
_RESERVED: Final = {
    EXHAUSTED: "is the way of a node whose max_visits are spent",
    TIMEOUT: "is the way where nothing came in time",
}


def read_await(fields: Fields) -> WaitForEvent:
    """Read a wait for an event or a condition from its parameters; what is wrong with them is noted there."""
    branches: list[Awaited | Case] = []
    seen: set[str] = set()
    for value, path in _branches(fields):
        branch = fields.open(value, path)
        branches.append(_branch(branch, seen))
        branch.close()
    timeout, unit = _timeout(fields)
    return WaitForEvent(branches, timeout=timeout, unit=unit, look_back=_look_back(fields), parameters=fields.rest())


def _branches(fields: Fields) -> list[tuple[object, str]]:
    if not fields.has("branches"):
        fields.wrong("branches", "missing_field", "is required")
        return []
    if fields.values["branches"] == []:
        fields.wrong("branches", "too_short", "must hold at least one branch")
    return fields.items("branches", most=fields.limits.actions)


def _branch(fields: Fields, seen: set[str]) -> Awaited | Case:
    label = fields.id("label")
    if label in seen:
        fields.wrong("label", "duplicate_id", f"{short(label)} is the label of an earlier branch; one way each")
    elif label in _RESERVED:
        fields.wrong("label", "reserved_label", f"{short(label)} {_RESERVED[label]}")
    elif label:
        seen.add(label)
    given = [name for name in ("event", "when") if fields.has(name)]
    if len(given) != 1:
        code = "conflicting_fields" if given else "missing_field"
        fields.problems.add(code, fields.path, "give either an event or when, a condition")
        return Case(label, ALWAYS)
    if given == ["when"]:
        return Case(label, read_condition(fields.child("when"), in_run=True))
    return Awaited(label, read_event(fields.child("event")))


def read_event(fields: Fields) -> Condition:
    """Read what an event is from its object; what is wrong with it is noted there."""
    for name in fields.values:
        if name not in _ABOUT_EVENTS:
            fields.wrong(name, "unknown_field", f"is not asked of an event; {suggestion(name, _ABOUT_EVENTS)}")
    if not fields.has("event_type"):
        fields.wrong("event_type", "missing_field", "is required: name the types of the events")
    asked = {name: value for name, value in fields.values.items() if name in _ABOUT_EVENTS}
    return read_condition(Fields.of(asked, fields.path, problems=fields.problems, limits=fields.limits), in_run=False)


def _timeout(fields: Fields) -> tuple[timedelta | None, DurationUnit]:
    value = fields.any("timeout")
    if value == _FOREVER:
        return None, DurationUnit.HOURS
    if fields.has("timeout") and not is_object(value):
        message = f'must be an object such as {{"duration_hours": 72}}, or "{_FOREVER}", not {short(value)}'
        fields.wrong("timeout", "wrong_type", message)
        return None, DurationUnit.HOURS
    span = fields.child("timeout", {}) if fields.has("timeout") else None
    if span is None:
        return None, DurationUnit.HOURS
    found = read_span(span)
    span.close()
    return found


def _look_back(fields: Fields) -> LookBack | Duration:
    if not fields.has("look_back"):
        return LookBack.LAST_SEND
    text = fields.text("look_back")
    if not isinstance(fields.values["look_back"], str):
        return LookBack.LAST_SEND
    if text in set(LookBack):
        return LookBack(text)
    try:
        return duration(text)
    except DocumentError:
        words = ", ".join(short(str(word)) for word in LookBack)
        fields.wrong("look_back", "bad_enum", f"{short(text)} is none of {words}, and no span of time such as 7d")
        return LookBack.LAST_SEND


def dump_await(wait: WaitForEvent, path: str) -> dict[str, object]:
    """Write the parameters of a wait for an event or a condition.

    Args:
        wait: The wait.
        path: The JSON Pointer of its parameters, for the error.

    Raises:
        DocumentError: A condition nests too deep.
    """
    look_back = wait.look_back
    return {
        "branches": [_dumped(branch, f"{path}/branches/{index}") for index, branch in enumerate(wait.branches)],
        "timeout": _FOREVER if wait.timeout is None else dump_span(wait.timeout, wait.unit),
        "look_back": look_back.text if isinstance(look_back, Duration) else str(look_back),
    }


def _dumped(branch: Awaited | Case, path: str) -> dict[str, object]:
    if isinstance(branch, Awaited):
        return {"label": branch.label, "event": dump_condition(branch.event, f"{path}/event")}
    return {"label": branch.label, "when": dump_condition(branch.when, f"{path}/when")}
