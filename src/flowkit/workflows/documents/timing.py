"""Quiet hours of a workflow and what becomes of late messages, as documents, and back again.

They are written as::

    "quiet_hours": {"from": "22:00", "to": "07:00", "weekdays": ["mon"]}
    "quiet_hours": "never"

    "late": {"after": {"duration_hours": 1}, "then": "skip"}
    "late": {"after": {"duration_hours": 1}, "then": "next_window", "window": {"from": "09:00", "to": "18:00"}}
    "late": {"then": "send_now"}

The last is what holds where nothing is said.
"""

from __future__ import annotations

from collections.abc import Mapping
from enum import StrEnum
from typing import Final

from flowkit.documents import is_object
from flowkit.fields import Fields
from flowkit.problems import short
from flowkit.workflows.documents.waits import dump_window, read_window
from flowkit.workflows.durations import dump_whole, read_span
from flowkit.workflows.timing import Late, Quiet, QuietHours

__all__ = ["dump_late", "dump_quiet_hours", "read_late", "read_quiet_hours"]

_QUIET: Final = "quiet_hours"


class _Then(StrEnum):
    SEND_NOW = "send_now"
    SKIP = "skip"
    NEXT_WINDOW = "next_window"


def read_quiet_hours(fields: Fields) -> QuietHours | None:
    """Read the quiet hours of a workflow; None where it has none of its own. What is wrong with them is noted there."""
    if not fields.has(_QUIET):
        return None
    value = fields.any(_QUIET)
    if is_object(value):
        return read_window(fields.child(_QUIET))
    if value == Quiet.NEVER:
        return Quiet.NEVER
    code = "bad_enum" if isinstance(value, str) else "wrong_type"
    fields.wrong(_QUIET, code, f'must be {{"from": "22:00", "to": "07:00"}} or "never", not {short(value)}')
    return None


def dump_quiet_hours(hours: QuietHours | None) -> Mapping[str, object]:
    """Write the quiet hours of a workflow; nothing where it has none of its own."""
    match hours:
        case None:
            return {}
        case Quiet():
            return {_QUIET: str(hours)}
        case window:
            return {_QUIET: dump_window(window)}


def read_late(fields: Fields) -> Late | None:
    """Read what becomes of a late message; None where it goes out. What is wrong with it is noted there."""
    late = fields.child("late")
    known = len(fields.problems.found)
    then = late.word("then", _Then)
    is_bounded = then in {_Then.SKIP, _Then.NEXT_WINDOW}
    after = None
    if late.has("after") or is_bounded:
        span = late.child("after")
        after, _ = read_span(span)
        span.close()
        if not after and len(fields.problems.found) == known and is_object(late.values.get("after")):
            late.wrong("after", "out_of_range", "must be longer than no time")
    window = None
    if late.has("window") or then is _Then.NEXT_WINDOW:
        window = read_window(late.child("window"))
        if then is _Then.SKIP:
            late.wrong("window", "conflicting_fields", 'goes with "next_window"; what is skipped waits for none')
    if then is _Then.SEND_NOW:
        for name in [name for name in ("after", "window") if late.has(name)]:
            late.wrong(name, "conflicting_fields", 'has no effect: with "send_now" a message goes out however late')
    late.close()
    return Late(after, window=window) if is_bounded and after else None


def dump_late(late: Late | None) -> Mapping[str, object]:
    """Write what becomes of a late message; nothing where it goes out."""
    if late is None:
        return {}
    out: dict[str, object] = {"after": dump_whole(late.after), "then": str(_Then.SKIP)}
    if late.window is not None:
        out |= {"then": str(_Then.NEXT_WINDOW), "window": dump_window(late.window)}
    return {"late": out}
