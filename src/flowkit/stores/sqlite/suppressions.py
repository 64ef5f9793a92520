"""The suppression list, and what is being handed over while it changes."""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Iterable, Mapping, Sequence
from typing import Final

from flowkit.events import from_micros
from flowkit.runs.consent import Ban, Suppression, SuppressionReason, SuppressionScope
from flowkit.runs.effects import RUN_ID_LENGTH
from flowkit.runs.model import Run
from flowkit.stores.sqlite import schema as sql
from flowkit.stores.sqlite.notes import is_abandoned, read_window

__all__ = ["add", "any_bans", "find_moved", "lift", "read_bans", "read_flight", "read_suppressions", "suppress"]

_encode: Final = json.JSONEncoder(ensure_ascii=False, separators=(",", ":")).encode


def suppress(cursor: sqlite3.Cursor, subscriber_ids: Sequence[str], ban: Ban, at: int) -> Sequence[str]:
    """Put subscribers on the list; see ``Store.suppress``."""
    cursor.executemany(f"{sql.NEW_SUBSCRIBER} ON CONFLICT DO NOTHING", [(name,) for name in subscriber_ids])
    rows = cursor.execute(
        "SELECT name, id FROM flowkit_subscriber WHERE name IN (SELECT value FROM json_each(?))",
        (_encode(subscriber_ids),),
    )
    handles: dict[str, int] = dict(rows.fetchall())
    return [name for name in subscriber_ids if add(cursor, handles[name], ban, at)]


def add(cursor: sqlite3.Cursor, handle: int, ban: Ban, at: int) -> bool:
    """Put a subscriber on the list; False where it is there already, for the same reason and scope."""
    cursor.execute(sql.NEW_BAN, (handle, ban.reason.value, ban.scope.value, at))
    return cursor.rowcount == 1


def lift(cursor: sqlite3.Cursor, subscriber_ids: Sequence[str], reason: SuppressionReason, at: int) -> Sequence[str]:
    """Lift suppressions; see ``Store.unsuppress``."""
    return [name for name in subscriber_ids if cursor.execute(sql.LIFT, (at, name, reason.value)).rowcount]


def read_bans(cursor: sqlite3.Cursor, subscriber_ids: Iterable[str]) -> Mapping[str, Sequence[Ban]]:
    """Read what is forbidden; see ``Store.banned``."""
    bans: dict[str, list[Ban]] = {}
    for name, reason, scope in cursor.execute(sql.BANS, (_encode(list(subscriber_ids)),)).fetchall():
        bans.setdefault(name, []).append(Ban(SuppressionReason(reason), SuppressionScope(scope)))
    return bans


def any_bans(cursor: sqlite3.Cursor) -> bool:
    """Whether anybody is suppressed; as a rule nobody is, and then there is no need to look at names."""
    return cursor.execute(sql.ANY_BAN).fetchone() is not None


def read_suppressions(
    cursor: sqlite3.Cursor, subscriber_id: str | None, after: int, limit: int
) -> Sequence[Suppression]:
    """Read a page of the list; see ``Store.suppressions``."""
    query, values = sql.SUPPRESSIONS, [after]
    rows = (
        cursor.execute(f"{query} ORDER BY b.id LIMIT ?", (*values, limit))
        if subscriber_id is None
        else cursor.execute(f"{query} AND s.name = ? ORDER BY b.id LIMIT ?", (*values, subscriber_id, limit))
    )
    return [
        Suppression(
            number=number,
            subscriber_id=name,
            reason=SuppressionReason(reason),
            scope=SuppressionScope(scope),
            since=from_micros(since),
            lifted=None if lifted is None else from_micros(lifted),
        )
        for number, name, reason, scope, since, lifted in rows.fetchall()
    ]


def find_moved(cursor: sqlite3.Cursor, runs: Iterable[Run]) -> frozenset[int]:
    """Find the runs that others have written to since they were read, by handle."""
    handles: dict[int, list[int]] = {}
    for run in runs:
        handles.setdefault(run.sequence, []).append(run.handle)
    moved: list[int] = []
    for sequence, some in handles.items():
        moved += [handle for (handle,) in cursor.execute(sql.MOVED, (_encode(some), sequence)).fetchall()]
    return frozenset(moved)


def read_flight(cursor: sqlite3.Cursor, subscriber_ids: Sequence[str], clock: float) -> Sequence[str]:
    """Name what is being handed over; see ``Store.in_flight``."""
    flying: list[str] = []
    for token, runs, notes in cursor.execute(sql.HOLDING, (clock,)).fetchall():
        window = () if is_abandoned(notes) else read_window(notes, str(token))
        if window:
            rows = cursor.execute(sql.HELD_FOR, (runs, _encode(subscriber_ids))).fetchall()
            mine = {key.hex() for (key,) in rows}
            flying += [key for key in window if key[:RUN_ID_LENGTH] in mine]
    return flying
