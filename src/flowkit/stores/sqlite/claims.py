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
from flowkit.stores.rows import read_outcome, write_outcome
from flowkit.stores.sqlite import schema as sql
from flowkit.stores.sqlite.decode import Decoder
from flowkit.stores.sqlite.editions import read_stamp
from flowkit.stores.sqlite.notes import NoteFile, is_abandoned, read_notes, remove_notes
from flowkit.stores.sqlite.session import Session
from flowkit.stores.sqlite.shared import Shared

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

    A call that was begun and not ended counts as a death against its key. Where none was begun, the first death takes
    the claim over whole; from the second on its runs are taken one at a time, until the one that kills is alone.
    """
    row = _find_lapsed(cursor, clock)
    if row is None:
        return None
    old, at, handles, path, inherited, deaths, released, _ = row
    runs: list[int] = json.loads(handles)
    settled, begun = read_notes(path, str(old))
    # Of each call how it ended, or in how many workers died; and when.
    known: dict[str, tuple[Any, int]] = json.loads(inherited)
    known.update({key: (write_outcome(outcome), at) for key, outcome in settled.items()})
    for key in begun:
        earlier, _ = known.get(key, (0, at))
        known[key] = (1 + (earlier if isinstance(earlier, int) else 0), at)
    token = randbits(62)
    rest: list[int] = []
    if not released and not begun:
        if len(runs) > 1 and deaths:
            runs, rest, deaths = runs[:1], runs[1:], 0
        else:
            deaths += 1
    kept = _encode(known)
    if rest:
        # The rest gets a new token too: the worker that held all of it holds nothing any more.
        cursor.execute(
            "UPDATE flowkit_claim SET token = ?, runs = ?, inherited = ? WHERE token = ?",
            (randbits(62), _encode(rest), kept, old),
        )
    else:
        cursor.execute("DELETE FROM flowkit_claim WHERE token = ?", (old,))
    cursor.execute(sql.CLAIM, (token, until, now, _encode(runs), notes.path, kept, deaths))
    rows = cursor.execute(sql.THESE, (_encode(runs),)).fetchall()
    return Taken(
        token,
        rows,
        {key: read_outcome(told) for key, (told, _) in known.items() if not isinstance(told, int)},
        {key: told for key, (told, _) in known.items() if isinstance(told, int)},
        {key: began for key, (_, began) in known.items()},
        deaths,
        fresh=False,
        spent="" if path == notes.path else path,
    )
