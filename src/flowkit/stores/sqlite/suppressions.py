"""The suppression list, and what of it stands."""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Iterable, Mapping, Sequence
from typing import Final

from flowkit.events import from_micros
from flowkit.runs.consent import Ban, Suppression, SuppressionReason, SuppressionScope
from flowkit.stores.sqlite import schema as sql
from flowkit.stores.sqlite.tides import Tide, Tides

__all__ = ["add", "lift", "read_bans", "read_bans_at", "read_suppressions", "suppress"]

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


def read_bans_at(
    tide: Tide, cursor: sqlite3.Cursor, subscriber_ids: Iterable[str], tides: Tides
) -> Mapping[str, Sequence[Ban]]:
    """Read what is forbidden, and note where at this tide nothing is to anybody."""
    # As a rule nobody is suppressed, and then there is no need to look at names.
    if tide == tides.empty or cursor.execute(sql.ANY_BAN).fetchone() is None:
        tides.empty = tide
        return {}
    return read_bans(cursor, subscriber_ids)


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
