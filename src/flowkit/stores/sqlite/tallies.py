"""Counts of the journal: the database groups equal rows, and what they have in common is made of each text once."""

from __future__ import annotations

import sqlite3
from collections import defaultdict
from collections.abc import Iterable, Sequence
from typing import Final, NamedTuple

from flowkit.analytics.tally import Tallied, essence
from flowkit.stores.rows import read_entries, write_entries
from flowkit.stores.sqlite.decode import Decoder

__all__ = ["read_tallies", "roll_up"]

# Ages as ``flowkit.analytics.tally.age_of`` has them. A run that entered after the step, by its clock, is new.
_GROUPED: Final = """
WITH step AS (
    SELECT coalesce(j.about, e.workflow) AS workflow, j.at / 3600000000 AS hour, coalesce(r.version, 0) AS version,
        j.body AS body, max(coalesce(j.at - r.entered, 0), 0) AS micros
    FROM flowkit_journal j
    LEFT JOIN flowkit_run r ON r.id = j.run
    LEFT JOIN flowkit_edition e ON e.number = r.version
    WHERE j.id > ? AND j.id <= ?
)
SELECT workflow, hour, version, body,
    CASE WHEN micros < 21600000000 THEN micros / 60000000
        WHEN micros < 2592000000000 THEN micros / 3600000000 * 60
        ELSE micros / 86400000000 * 1440 END AS age,
    count(*), sum(micros)
FROM step
"""
_GROUPS: Final = " GROUP BY workflow, hour, version, body, age"
_MARK: Final = "SELECT value FROM flowkit_meta WHERE name = 'tallied'"
_ADD: Final = (
    "INSERT INTO flowkit_tally(workflow, hour, version, shape, age, steps, micros) VALUES(?, ?, ?, ?, ?, ?, ?)"
    " ON CONFLICT(workflow, hour, version, shape, age)"
    " DO UPDATE SET steps = steps + excluded.steps, micros = micros + excluded.micros"
)
_KEPT: Final = (
    "SELECT t.workflow, t.hour, t.version, s.text, t.age, t.steps, t.micros"
    " FROM flowkit_tally t JOIN flowkit_shape s ON s.id = t.shape"
)


class _Place(NamedTuple):
    workflow: int
    hour: int
    version: int
    shape: str
    age: int


def roll_up(cursor: sqlite3.Cursor, decoder: Decoder, limit: int) -> int:
    """Count the oldest steps that were not counted yet; see ``TallyStore.roll_up``."""
    [mark] = cursor.execute(_MARK).fetchone()
    upto = "SELECT max(id), count(*) FROM (SELECT id FROM flowkit_journal WHERE id > ? ORDER BY id LIMIT ?)"
    last, steps = cursor.execute(upto, (mark, limit)).fetchone()
    if not steps:
        return 0
    counts = _shaped(decoder, cursor.execute(_GROUPED + _GROUPS, (mark, last)).fetchall())
    shapes = {text: _shape(cursor, text) for text in dict.fromkeys(place.shape for place in counts)}
    cursor.executemany(_ADD, [(*place[:3], shapes[place.shape], place.age, *sums) for place, sums in counts.items()])
    cursor.execute("UPDATE flowkit_meta SET value = ? WHERE name = 'tallied'", (last,))
    return int(steps)


def read_tallies(
    cursor: sqlite3.Cursor, decoder: Decoder, workflow_id: str | None, since: int, until: int
) -> Sequence[Tallied]:
    """Give the counts of whole hours, kept and fresh; see ``TallyStore.tallies``."""
    hours: tuple[int, ...] = (since, until)
    where = " WHERE hour >= ? AND hour < ?"
    if workflow_id is not None:
        row = cursor.execute("SELECT id FROM flowkit_workflow WHERE name = ?", (workflow_id,)).fetchone()
        if row is None:
            return ()
        where, hours = f"{where} AND workflow = ?", (*hours, row[0])
    [mark] = cursor.execute(_MARK).fetchone()
    [last] = cursor.execute("SELECT coalesce(max(id), 0) FROM flowkit_journal").fetchone()
    counts = _shaped(decoder, cursor.execute(_GROUPED + where + _GROUPS, (mark, last, *hours)).fetchall())
    for *place, steps, micros in cursor.execute(_KEPT + where, hours).fetchall():
        _add(counts, _Place(*place), steps, micros)
    return [
        Tallied(
            decoder.workflow(place.workflow),
            place.version or None,
            place.hour,
            read_entries(place.shape),
            steps,
            place.age,
            micros,
        )
        for place, (steps, micros) in sorted(counts.items())
    ]


def _shaped(decoder: Decoder, rows: Iterable[Sequence[int]]) -> dict[_Place, tuple[int, int]]:
    """Add up what differs only in what is not counted."""
    shapes: dict[int | str, str] = {}
    counts: dict[_Place, tuple[int, int]] = defaultdict(lambda: (0, 0))
    for workflow, hour, version, body, age, steps, micros in rows:
        shape = shapes.get(body)
        if shape is None:
            entries = essence(read_entries(decoder.text(body)))
            shape = shapes[body] = write_entries(entries) if entries else ""
        if shape:
            _add(counts, _Place(workflow, hour, version, shape, age), steps, micros)
    return counts


def _add(counts: dict[_Place, tuple[int, int]], place: _Place, steps: int, micros: int) -> None:
    before, sum_before = counts.get(place, (0, 0))
    counts[place] = (before + steps, sum_before + micros)


def _shape(cursor: sqlite3.Cursor, text: str) -> int:
    cursor.execute("INSERT INTO flowkit_shape(text) VALUES(?) ON CONFLICT DO NOTHING", (text,))
    [number] = cursor.execute("SELECT id FROM flowkit_shape WHERE text = ?", (text,)).fetchone()
    return int(number)
