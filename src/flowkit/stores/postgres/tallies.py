"""Counts of the journal: the database groups equal rows, and what they have in common is made of each text once.

Rows are counted by number, and one may come to light after one with a larger number, where its transaction ends later.
So it is noted how far numbers were given and which transactions were under way, and counted up to there as soon as none
of those is any more.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Sequence
from typing import Final, NamedTuple

from flowkit.analytics.tally import Tallied, essence
from flowkit.stores.postgres.access import Access
from flowkit.stores.postgres.decode import Decoder
from flowkit.stores.postgres.link import Link, Row, columns
from flowkit.stores.rows import read_entries, write_entries

__all__ = ["read_tallies", "roll_up"]

_GIVEN: Final = "SELECT CASE WHEN is_called THEN last_value ELSE 0 END FROM flowkit.journal_id_seq"
_THIS_TRANSACTION: Final = "SELECT pg_current_xact_id()::text::bigint"
_OLDEST_TRANSACTION: Final = "SELECT pg_snapshot_xmin(pg_current_snapshot())::text::bigint"
# Who counts counts alone.
_LOCK: Final = "SELECT value FROM flowkit.meta WHERE name = 'tallied' FOR UPDATE"
_NOTED: Final = "SELECT value FROM flowkit.meta WHERE name = ANY(ARRAY['given', 'given_before']) ORDER BY name"
_NOTE: Final = (
    "UPDATE flowkit.meta m SET value = v.value FROM unnest(%s::text[], %s::bigint[]) v(name, value)"
    " WHERE m.name = v.name"
)
_SPAN: Final = (
    "SELECT max(id), count(*) FROM"
    " (SELECT id FROM flowkit.journal WHERE id > %s AND id <= %s ORDER BY id LIMIT %s) oldest"
)
# Ages as ``flowkit.analytics.tally.age_of`` has them. A run that entered after the step, by its clock, is new.
_GROUPED: Final = """
SELECT workflow, hour, version, phrase, body,
    CASE WHEN micros < 21600000000 THEN micros / 60000000
        WHEN micros < 2592000000000 THEN micros / 3600000000 * 60
        ELSE micros / 86400000000 * 1440 END AS age,
    count(*) AS steps, sum(micros)::bigint AS micros
FROM (
    SELECT coalesce(j.about, e.workflow) AS workflow, j.at / 3600000000 AS hour, coalesce(r.version, 0) AS version,
        j.phrase, j.body, greatest(coalesce(j.at - r.entered, 0), 0) AS micros
    FROM flowkit.journal j
    LEFT JOIN flowkit.run r ON r.id = j.run
    LEFT JOIN flowkit.edition e ON e.number = r.version
    WHERE {which}
) step
WHERE {where}
GROUP BY workflow, hour, version, phrase, body, age
"""
_FRESH: Final = "j.id > (SELECT value FROM flowkit.meta WHERE name = 'tallied')"
_WANTED: Final = "hour >= %s AND hour < %s AND (%s::integer IS NULL OR workflow = %s::integer)"
# One statement, so that no row is counted by both parts or by neither while somebody else counts.
_TALLIES: Final = (
    f"SELECT t.workflow, t.hour, t.version, NULL::integer, s.text, t.age, t.steps, t.micros, true"  # noqa: S608 - constants
    f" FROM flowkit.tally t JOIN flowkit.shape s ON s.id = t.shape WHERE {_WANTED}"
    f" UNION ALL SELECT fresh.*, false FROM ({_GROUPED.format(which=_FRESH, where=_WANTED)}) fresh"
)
_STEPS: Final = _GROUPED.format(which="j.id > %s AND j.id <= %s", where="true")
_SHAPES: Final = "SELECT text, id FROM flowkit.shape WHERE text = ANY(%s::text[])"
_NEW_SHAPES: Final = "INSERT INTO flowkit.shape(text) SELECT * FROM unnest(%s::text[]) RETURNING text, id"
_ADD: Final = (
    "INSERT INTO flowkit.tally(workflow, hour, version, shape, age, steps, micros) SELECT * FROM"
    " unnest(%s::integer[], %s::bigint[], %s::integer[], %s::integer[], %s::bigint[], %s::bigint[], %s::bigint[])"
    " ON CONFLICT(workflow, hour, version, shape, age)"
    " DO UPDATE SET steps = tally.steps + excluded.steps, micros = tally.micros + excluded.micros"
)


class _Place(NamedTuple):
    workflow: int
    hour: int
    version: int
    shape: str
    age: int


def roll_up(access: Access, decoder: Decoder, limit: int) -> int:
    """Count the oldest steps that were not counted yet; see ``TallyStore.roll_up``."""
    # Before the transaction that counts: whoever was given a number by then is an older one.
    given = access.read(lambda link: link.number(_GIVEN))
    return access.write(lambda link: _count(link, decoder, given, limit))


def _count(link: Link, decoder: Decoder, given: int, limit: int) -> int:
    mark = link.number(_LOCK)
    upto = _settled(link, given)
    [(last, steps)] = link.rows(_SPAN, mark, upto, limit)
    if not steps:
        return 0
    counts = _shaped(link, decoder, link.rows(_STEPS, mark, last))
    shapes = _shapes(link, list(dict.fromkeys(place.shape for place in counts)))
    rows = [(*place[:3], shapes[place.shape], place.age, *sums) for place, sums in counts.items()]
    if rows:
        link.write(_ADD, *columns(rows, 7))
    link.write(_NOTE, ["tallied"], [last])
    return int(steps)


def _settled(link: Link, given: int) -> int:
    """Say up to which number no row can come to light any more."""
    [(noted,), (before,)] = link.rows(_NOTED)
    this = link.number(_THIS_TRANSACTION)
    oldest = link.number(_OLDEST_TRANSACTION)
    if oldest == this:
        return given
    if oldest < before <= this:
        return 0
    link.write(_NOTE, ["given", "given_before"], [given, this])
    # A note of a transaction that is to come is another server's, from which the tables were taken over.
    return int(noted) if before <= this else 0


def _shapes(link: Link, texts: Sequence[str]) -> dict[str, int]:
    known: dict[str, int] = dict(link.rows(_SHAPES, texts))
    new = [text for text in texts if text not in known]
    if new:
        known.update(link.rows(_NEW_SHAPES, new))
    return known


def read_tallies(link: Link, decoder: Decoder, workflow_id: str | None, since: int, until: int) -> Sequence[Tallied]:
    """Give the counts of whole hours, kept and fresh; see ``TallyStore.tallies``."""
    workflow = None
    if workflow_id is not None:
        row = link.row("SELECT id FROM flowkit.workflow WHERE name = %s", workflow_id)
        if row is None:
            return ()
        workflow = row[0]
    wanted = (since, until, workflow, workflow)
    rows = link.rows(_TALLIES, *wanted, *wanted)
    counts = _shaped(link, decoder, (row[:-1] for row in rows if not row[-1]))
    for workflow, hour, version, _, shape, age, steps, micros, kept in rows:
        if kept:
            _add(counts, _Place(workflow, hour, version, shape, age), steps, micros)
    return [
        Tallied(
            decoder.workflow(link, place.workflow),
            place.version or None,
            place.hour,
            read_entries(place.shape),
            steps,
            place.age,
            micros,
        )
        for place, (steps, micros) in sorted(counts.items())
    ]


def _shaped(link: Link, decoder: Decoder, rows: Iterable[Row]) -> dict[_Place, tuple[int, int]]:
    """Add up what differs only in what is not counted."""
    rows = list(rows)
    places = list(dict.fromkeys((row[3], row[4]) for row in rows))
    shapes: dict[tuple[int | None, str | None], str] = {}
    for place, text in zip(places, decoder.texts(link, places), strict=True):
        entries = essence(read_entries(text))
        shapes[place] = write_entries(entries) if entries else ""
    counts: dict[_Place, tuple[int, int]] = defaultdict(lambda: (0, 0))
    for workflow, hour, version, phrase, body, age, steps, micros in rows:
        shape = shapes[phrase, body]
        if shape:
            _add(counts, _Place(workflow, hour, version, shape, age), steps, micros)
    return counts


def _add(counts: dict[_Place, tuple[int, int]], place: _Place, steps: int, micros: int) -> None:
    before, sum_before = counts.get(place, (0, 0))
    counts[place] = (before + steps, sum_before + micros)
