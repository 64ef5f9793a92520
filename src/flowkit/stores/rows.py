"""How states, entries, outcomes and the past are stored: as compact JSON, frozen by golden tests: rows outlive code."""

from __future__ import annotations

import json
from collections.abc import Mapping
from datetime import timedelta
from typing import Any, Final

from flowkit.documents import is_object
from flowkit.events import Occurrence
from flowkit.ports import Hold, HoldKind, Pending
from flowkit.runs.beside import Beside
from flowkit.runs.effects import Effect, Outcome, PauseClock, Result
from flowkit.runs.model import NO_WATCH, Deferred, Entry, Kind, Pause, State, Status, Waiting, Watch

__all__ = [
    "STATUSES",
    "STATUS_CODES",
    "read_entries",
    "read_hold",
    "read_occurrence",
    "read_outcome",
    "read_pending",
    "read_state",
    "write_entries",
    "write_hold",
    "write_occurrence",
    "write_outcome",
    "write_pending",
    "write_state",
]

_encode: Final = json.JSONEncoder(ensure_ascii=False, separators=(",", ":"), default=str).encode
_encode_ascii: Final = json.JSONEncoder(separators=(",", ":"), default=str).encode
_MICROSECOND: Final = timedelta(microseconds=1)

STATUS_CODES: Final = {
    Status.ACTIVE: 0,
    Status.PAUSED: 1,
    Status.COMPLETED: 2,
    Status.EXITED: 3,
    Status.FAILED: 4,
    Status.HELD_OUT: 5,
}
"""A status as a number, in which the living ones come first: a store's index holds those below 2."""

STATUSES: Final = {code: status for status, code in STATUS_CODES.items()}
"""The status behind each number."""


def _plain(value: object, depth: int = 2) -> object:
    """Give what JSON can hold of a host's value; what it cannot is named by its kind."""
    try:
        _encode(value)
    except (TypeError, ValueError, RecursionError):
        if depth and is_object(value) and all(isinstance(name, str) for name in value):
            return {name: _plain(inner, depth - 1) for name, inner in value.items()}
        return f"({type(value).__name__})"
    return value


def _text(row: list[Any]) -> str:
    text = _encode(row)
    if not text.isascii():
        try:
            text.encode()
        except UnicodeEncodeError:  # A lone surrogate, which a database takes only as an escape.
            return _encode_ascii(row)
    return text


def write_state(state: State) -> str:
    """Write a state without its empty tail.

    Returns:
        ``[status, node, action, pending, waiting, visits, counts, reason, result, watch, more]``; what few states have
        stands in ``more``, by its name.
    """
    row: list[Any] = [
        STATUS_CODES[state.status],
        state.node,
        state.action,
        None if state.pending is None else _effect(state.pending),
        None if state.waiting is None else state.waiting.value,
        dict(state.visits) or None,
        dict(state.counts) or None,
        state.reason or None,
        None if state.result is None else state.result.value,
        None if state.watch == NO_WATCH else _watch_row(state.watch),
        _more(state),
    ]
    while len(row) > 1 and not row[-1]:
        row.pop()
    return _text(row)


def read_state(text: str) -> State:
    """Read what ``write_state`` wrote."""
    row: list[Any] = json.loads(text)
    row += [None] * (11 - len(row))
    status, node, action, pending, waiting, visits, counts, reason, result, watch, more = row
    return State(
        STATUSES[status],
        node,
        action or 0,
        pending=None if pending is None else Effect(*pending),
        waiting=None if waiting is None else Waiting(waiting),
        visits=_pairs(visits),
        counts=_pairs(counts),
        reason=reason or "",
        result=None if result is None else Result(result),
        watch=NO_WATCH if watch is None else _read_watch(watch),
        **_read_more(more or {}),
    )


def _more(state: State) -> dict[str, Any]:
    """Write what few states have, by the names of the attributes; nothing that is as in any other."""
    more: dict[str, Any] = {}
    if state.beside is not None:
        more["beside"] = _beside_row(state.beside)
    if state.variables:
        more["variables"] = state.variables
    if state.hops:
        more["hops"] = state.hops
    if state.deferred:
        more["deferred"] = [[one.since, one.by, one.mark, _effect(one.effect)] for one in state.deferred]
    if state.goals:
        more["goals"] = list(state.goals)
    if state.then is not None:
        more["then"] = state.then
    if state.pause is not None:
        more["pause"] = [state.pause.since, state.pause.due, state.pause.clock.value, int(state.pause.own)]
    if state.skips:
        more["skips"] = list(state.skips)
    if state.era:
        more["era"] = state.era
    return more


def _read_more(more: Mapping[str, Any]) -> dict[str, Any]:
    """Read what ``_more`` wrote as arguments of a state."""
    read = dict(more)
    if "beside" in read:
        read["beside"] = _read_beside(read["beside"])
    if "deferred" in read:
        rows = read["deferred"]
        read["deferred"] = tuple(Deferred(Effect(*effect), since, by, mark) for since, by, mark, effect in rows)
    if "goals" in read:
        read["goals"] = tuple(read["goals"])
    if "pause" in read:
        since, due, clock, own = read["pause"]
        read["pause"] = Pause(since, due, PauseClock(clock), bool(own))
    if "skips" in read:
        read["skips"] = tuple(read["skips"])
    return read


def _beside_row(beside: Beside) -> list[Any]:
    """Write what is open beside a run's place as ``[due, [[due, effect], ...], [[result, reason, effect], ...]]``."""
    failed = [[result.value, reason, _effect(effect)] for effect, result, reason in beside.failed]
    return [beside.due, [[due, _effect(effect)] for effect, due in beside.open], failed]


def _read_beside(row: list[Any]) -> Beside:
    due, effects, failed = row
    return Beside(
        tuple((Effect(*effect), at) for at, effect in effects),
        due,
        failed=tuple((Effect(*effect), Result(result), reason) for result, reason, effect in failed),
    )


def _effect(effect: Effect) -> list[Any]:
    row = [effect.node, effect.visit, effect.action, effect.action_id, effect.attempt]
    return [*row, effect.generation] if effect.generation else row


def _watch_row(watch: Watch) -> list[Any]:
    """Write what is kept in mind for waits as ``[since, until, sent, seen, lapsed]``, and ``met`` if there is any."""
    row: list[Any] = [watch.since, watch.until, watch.sent, list(watch.seen), list(watch.lapsed)]
    return row if watch.met is None else [*row, list(watch.met)]


def _read_watch(row: list[Any]) -> Watch:
    since, until, sent, seen, lapsed, *met = row
    return Watch(
        since,
        until,
        sent=sent,
        seen=tuple(map(tuple, seen)),
        lapsed=tuple(map(tuple, lapsed)),
        met=(met[0][0], met[0][1], met[0][2]) if met else None,
    )


def _pairs(numbers: dict[str, int] | None) -> tuple[tuple[str, int], ...]:
    return tuple(numbers.items()) if numbers else ()


def write_entries(entries: tuple[Entry, ...]) -> str:
    """Write the entries of one step as ``[[kind, node, action, data], ...]``, each without its empty tail."""
    rows = [_row(entry, dict(entry.data)) for entry in entries]
    try:
        return _text(rows)
    except (TypeError, ValueError, RecursionError):
        # An operand shows what a profile holds, and that may be no JSON: the others are written all the same.
        return _text([_row(entry, _plain(dict(entry.data))) for entry in entries])


def _row(entry: Entry, data: object) -> list[Any]:
    row: list[Any] = [entry.kind.value, entry.node, entry.action, data]
    while not row[-1]:
        row.pop()
    return row


def read_entries(text: str) -> tuple[Entry, ...]:
    """Read what ``write_entries`` wrote."""
    entries: list[Entry] = []
    for row in json.loads(text):
        kind, node, action, data = row + [None] * (4 - len(row))
        entries.append(Entry(Kind(kind), node, action, data or {}))
    return tuple(entries)


def write_outcome(outcome: Outcome) -> list[Any]:
    """Write an outcome as ``[result, reason, retry_after in microseconds, reference]``, then its output if any."""
    pause = None if outcome.retry_after is None else outcome.retry_after // _MICROSECOND
    row = [outcome.result.value, outcome.reason, pause, outcome.reference]
    return row if outcome.output is None else [*row, outcome.output]


def read_outcome(row: list[Any]) -> Outcome:
    """Read what ``write_outcome`` wrote."""
    result, reason, pause, reference, *output = row
    retry_after = None if pause is None else timedelta(microseconds=pause)
    return Outcome(
        Result(result), reason, retry_after=retry_after, reference=reference, output=output[0] if output else None
    )


def write_occurrence(occurrence: Occurrence) -> str:
    """Write what is kept of a past event, but its instant, as ``[value, properties]`` without its empty tail."""
    row: list[Any] = [occurrence.value, dict(occurrence.properties) or None]
    while row and row[-1] is None:
        row.pop()
    try:
        return _text(row)
    except (TypeError, ValueError, RecursionError):
        # An event that was given its id may hold what is no JSON: it happened all the same.
        return _text([_plain(part) for part in row])


def read_occurrence(at: int, text: str) -> Occurrence:
    """Read what ``write_occurrence`` wrote.

    Args:
        at: When it happened, in microseconds.
        text: What was written.
    """
    row: list[Any] = json.loads(text)
    value, properties = row + [None] * (2 - len(row))
    return Occurrence(at, value=value, properties=properties or {})


def write_pending(pending: tuple[Pending, ...]) -> str | None:
    """Write the entries that wait as ``[[cause, origin, until], ...]``; None where none does."""
    return _text([list(entry) for entry in pending]) if pending else None


def read_pending(text: str | None) -> tuple[Pending, ...]:
    """Read what ``write_pending`` wrote."""
    return () if text is None else tuple(Pending(*entry) for entry in json.loads(text))


def write_hold(hold: Hold | None) -> str | None:
    """Write what is ordered for a workflow as an object of ``kind``, ``since``, ``reason`` and ``clock``."""
    if hold is None:
        return None
    return _encode({"kind": hold.kind.value, "since": hold.since, "reason": hold.reason, "clock": hold.clock.value})


def read_hold(text: str | None) -> Hold | None:
    """Read what ``write_hold`` wrote."""
    if text is None:
        return None
    read: dict[str, Any] = json.loads(text)
    return Hold(HoldKind(read["kind"]), read["since"], reason=read["reason"], clock=PauseClock(read["clock"]))
