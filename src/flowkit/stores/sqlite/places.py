"""Places under frequency caps, and the buckets of rate limits."""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Iterable, Sequence
from typing import Final

from flowkit.ports import Bucket, Cap, Full, Reservation
from flowkit.runs.turns import Turns
from flowkit.stores.sqlite import schema as sql

__all__ = ["put_bucket", "read_bucket", "reserve", "unreserve"]

_encode: Final = json.JSONEncoder(ensure_ascii=False, separators=(",", ":")).encode


def reserve(cursor: sqlite3.Cursor, asked: Iterable[Reservation], at: int) -> Sequence[Sequence[Full]]:
    """Take places; see ``Store.reserve``."""
    cursor.execute("DELETE FROM flowkit_place WHERE until <= ?", (at,))
    return [_reserved(cursor, one, at) for one in asked]


def _reserved(cursor: sqlite3.Cursor, asked: Reservation, at: int) -> Sequence[Full]:
    full = [found for cap in asked.caps if (found := _full(cursor, cap, asked)) is not None]
    if not full:
        rows = [(cap.name, asked.subscriber_id, asked.key, at, cap.until) for cap in asked.caps]
        cursor.executemany(sql.TAKE_PLACE, rows)
    return full


def _full(cursor: sqlite3.Cursor, cap: Cap, asked: Reservation) -> Full | None:
    rows = cursor.execute(sql.PLACES, (cap.name, asked.subscriber_id, cap.since, asked.key)).fetchall()
    return Full(cap.name, len(rows), rows[cap.most - 1][0]) if len(rows) >= cap.most else None


def unreserve(cursor: sqlite3.Cursor, keys: Iterable[str]) -> None:
    """Give places back; see ``Store.unreserve``."""
    cursor.execute("DELETE FROM flowkit_place WHERE key IN (SELECT value FROM json_each(?))", (_encode(list(keys)),))


def read_bucket(cursor: sqlite3.Cursor, name: str) -> Bucket:
    """Read a bucket; see ``Store.bucket``."""
    row = cursor.execute(sql.BUCKET, (name,)).fetchone()
    return Bucket(name) if row is None else Bucket(name, Turns(*row[:-1]), row[-1])


def put_bucket(cursor: sqlite3.Cursor, bucket: Bucket) -> bool:
    """Write a bucket; see ``Store.put_bucket``."""
    statement = sql.NEXT_BUCKET if bucket.sequence else sql.NEW_BUCKET
    return cursor.execute(statement, (*bucket.turns, bucket.name, bucket.sequence)).rowcount == 1
