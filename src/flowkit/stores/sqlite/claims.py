"""Claims: who holds which runs, and what becomes of those whose holder died."""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Mapping
from datetime import timedelta
from secrets import randbits
from typing import Any, Final, NamedTuple

from flowkit.ports import Claim
from flowkit.runs.effects import Outcome
from flowkit.stores.sqlite import schema as sql
from flowkit.stores.sqlite.decode import Decoder
from flowkit.stores.sqlite.editions import read_stamp
from flowkit.stores.sqlite.notes import NoteFile, is_abandoned, read_notes, remove_notes
from flowkit.stores.sqlite.session import Session
from flowkit.stores.sqlite.shared import Shared
from flowkit.stores.takeovers import Lapsed, take_over

__all__ = ["Taken", "claim", "extend", "release", "take_lapsed"]

_encode: Final = json.JSONEncoder(separators=(",", ":")).encode


class Taken(NamedTuple):
    """A claim as it was written: its rows are those of ``schema.RUN``.

    ``spent`` is the file of notes that were taken over into it: of no more use, once it is committed.
    """

    token: int
    rows: list[Any]
    settled: Mapping[str, Outcome]
    doubtful: Mapping[str, int]
    begun: Mapping[str, int]
    deaths: int
    fresh: bool
    spent: str = ""


def claim(
    session: Session, shared: Shared, decoder: Decoder, now: int, *, limit: int, lease: timedelta
) -> Claim | None:
    """Take due runs, or a lapsed claim; see ``Store.claim``."""
    cursor = session.cursor
    clock = shared.clock()
    # To look first keeps a worker that has nothing to do from taking the write lock.
    if cursor.execute(sql.ANY_DUE, (now,)).fetchone() is None and _find_lapsed(cursor, clock) is None:
        return None
    notes = shared.spare_notes()
    until = clock + lease.total_seconds()
    with session.transaction():
        taken = take_lapsed(cursor, now, clock, until, notes) or _take_due(cursor, now, limit, until, notes)
        stamp = read_stamp(cursor)
        # Nobody else can write now, so this is the tide at which the runs were read.
        tide = shared.tides.now(cursor)
    if taken is None:
        return None
    shared.idle.pop()
    # Not before the commit: until then these notes are the only ones.
    remove_notes(taken.spent)
    token = str(taken.token)
    shared.begin_claim(token, notes, tide)
    runs = decoder.runs(taken.rows)
    return Claim(token, runs, stamp, taken.settled, taken.doubtful, taken.begun, taken.deaths, taken.fresh)


def extend(cursor: sqlite3.Cursor, token: str, until: float) -> bool:
    """Hold a claim longer; False where it is no longer held."""
    cursor.execute("UPDATE flowkit_claim SET until = ? WHERE token = ?", (until, int(token)))
    return cursor.rowcount == 1


def release(cursor: sqlite3.Cursor, token: str) -> None:
    """Give a claim back: it can be taken over at once, and nobody died over it."""
    cursor.execute("UPDATE flowkit_claim SET until = 0, released = 1 WHERE token = ?", (int(token),))


def _take_due(cursor: sqlite3.Cursor, now: int, limit: int, until: float, notes: NoteFile) -> Taken | None:
    """Claim runs that are due and that nobody holds."""
    rows = cursor.execute(sql.DUE, (now, limit)).fetchall()
    if not rows:
        return None
    token = randbits(62)
    cursor.execute(sql.CLAIM, (token, until, now, _encode([row[0] for row in rows]), notes.path, "{}", 0))
    return Taken(token, rows, {}, {}, {}, 0, fresh=True)


def _find_lapsed(cursor: sqlite3.Cursor, clock: float) -> tuple[Any, ...] | None:
    """Find a claim that can be taken over: a row of ``schema.CLAIMS``."""
    for row in cursor.execute(sql.CLAIMS, (clock,)).fetchall():
        if row[-1] or is_abandoned(row[3]):
            return tuple(row)
    return None


def take_lapsed(cursor: sqlite3.Cursor, now: int, clock: float, until: float, notes: NoteFile) -> Taken | None:
    """Take over a claim whose lease is over or whose worker is dead, together with the notes of that worker.

    See ``take_over`` for what of it is taken.
    """
    row = _find_lapsed(cursor, clock)
    if row is None:
        return None
    old, at, handles, path, inherited, deaths, released, _ = row
    settled, begun = read_notes(path, str(old))
    estate = take_over(Lapsed(at, json.loads(handles), inherited, deaths, bool(released), settled, begun))
    token = randbits(62)
    if estate.rest:
        # The rest gets a new token too: the worker that held all of it holds nothing any more.
        cursor.execute(
            "UPDATE flowkit_claim SET token = ?, runs = ?, inherited = ? WHERE token = ?",
            (randbits(62), _encode(estate.rest), estate.inherited, old),
        )
    else:
        cursor.execute("DELETE FROM flowkit_claim WHERE token = ?", (old,))
    runs = _encode(estate.runs)
    cursor.execute(sql.CLAIM, (token, until, now, runs, notes.path, estate.inherited, estate.deaths))
    return Taken(
        token,
        cursor.execute(sql.THESE, (runs,)).fetchall(),
        estate.settled,
        estate.doubtful,
        estate.begun_at,
        estate.deaths,
        fresh=False,
        spent="" if path == notes.path else path,
    )
