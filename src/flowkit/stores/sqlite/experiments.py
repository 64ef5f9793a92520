"""An experiment counted in the database: first exposures and conversions are grouped there, and only sums come back.

It says what `Tracker` says of the same journal, for rate metrics; what a host knows besides, such as amounts, is for
the tracker.
"""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from typing import Final, NamedTuple

from flowkit.events import from_micros, to_micros
from flowkit.experiments.model import Experiment, MetricKind
from flowkit.experiments.tallies import ArmTotals, Sums, Tally
from flowkit.experiments.weaving import goal_id, is_split_of
from flowkit.runs.model import Kind
from flowkit.stores.rows import read_entries

__all__ = ["read_tally"]

_MICROSECOND: Final = timedelta(microseconds=1)
_EARLIEST: Final = -(2**62)
_LATEST: Final = 2**62
_encode: Final = json.JSONEncoder(ensure_ascii=False, separators=(",", ":")).encode

# Phrases that tell of the experiment are few: they are read once, and their rows are known by number. What a row has of
# its own, such as the instant of a conversion, is looked at where its text names the experiment. The journal stands
# first in each join, so that it is gone through once.
_EXPOSURES: Final = """
mark(body, arm) AS MATERIALIZED (
    SELECT json_extract(value, '$[0]'), json_extract(value, '$[1]') FROM json_each(:marks)
),
exposed(subscriber, at, run, arm) AS (
    SELECT j.subscriber, j.at, j.run, m.arm FROM flowkit_journal j CROSS JOIN mark m ON m.body = j.body
    UNION ALL
    SELECT j.subscriber, j.at, j.run, json_extract(e.value, '$[3].label')
    FROM flowkit_journal j CROSS JOIN json_each(j.body) e
    WHERE typeof(j.body) = 'text' AND instr(j.body, :split) AND json_extract(e.value, '$[0]') = 'decided'
    AND substr(json_extract(e.value, '$[1]'), -length(:split)) = :split
),
counted(subscriber, at, arm) AS MATERIALIZED (
    SELECT x.subscriber, x.at, x.arm FROM exposed x CROSS JOIN flowkit_run r ON r.id = x.run
    WHERE x.at >= :since AND x.at < :until AND r.version IN (SELECT value FROM json_each(:versions))
),
first(subscriber, at, arm, arms) AS MATERIALIZED (
    SELECT subscriber, min(at), arm, count(DISTINCT arm) FROM counted
    WHERE arm IN (SELECT value FROM json_each(:arms)) GROUP BY subscriber
)"""
_STRANGERS: Final = "SELECT count(*) FROM counted WHERE arm NOT IN (SELECT value FROM json_each(:arms))"
_UNKNOWN: Final = f"WITH {_EXPOSURES} {_STRANGERS}"
_SIZES: Final = (
    f"WITH {_EXPOSURES} SELECT arm, sum(at <= :now), sum(at + :window <= :now), min(at), sum(arms > 1),"  # noqa: S608 - constants of this file
    f" ({_STRANGERS})"
    " FROM first GROUP BY arm"
)
# An instant is written as 2026-03-02T09:00:00.000001+00:00, its fraction only where there is one.
_INSTANT: Final = (
    "CAST(strftime('%s', substr({0}, 1, 19)) AS INTEGER) * 1000000"
    " + CASE substr({0}, 20, 1) WHEN '.' THEN CAST(substr({0}, 21, 6) AS INTEGER) ELSE 0 END"
)
_AT: Final = _INSTANT.format("json_extract(e.value, '$[3].occurred_at')")
_CONVERSIONS: Final = f"""WITH {_EXPOSURES},
reached(body, goal, at) AS MATERIALIZED (
    SELECT json_extract(value, '$[0]'), json_extract(value, '$[1]'), json_extract(value, '$[2]') FROM json_each(:goals)
),
goal(subscriber, goal, at, run) AS MATERIALIZED (
    SELECT j.subscriber, g.goal, g.at, j.run FROM flowkit_journal j CROSS JOIN reached g ON g.body = j.body
    UNION ALL
    SELECT j.subscriber, json_extract(e.value, '$[3].goal'), {_AT}, j.run
    FROM flowkit_journal j CROSS JOIN json_each(j.body) e
    WHERE typeof(j.body) = 'text' AND instr(j.body, :named) AND json_extract(e.value, '$[0]') = 'goal'
)
SELECT f.arm, g.goal, count(DISTINCT g.subscriber)
FROM goal g CROSS JOIN first f ON f.subscriber = g.subscriber CROSS JOIN flowkit_run r ON r.id = g.run
WHERE g.at >= f.at AND g.at < f.at + :window AND f.at + :window <= :now
AND r.version IN (SELECT value FROM json_each(:versions))
GROUP BY f.arm, g.goal"""  # noqa: S608 - constants of this file


class _Phrases(NamedTuple):
    """What the phrases say of an experiment: arms and goals by the number of the phrase."""

    marks: list[tuple[int, str]]
    goals: list[tuple[int, str, int]]


def read_tally(cursor: sqlite3.Cursor, experiment: Experiment, at: datetime) -> Tally:
    """Count an experiment as of an instant, by the journal alone; see ``SqliteStore.experiment_tally``."""
    phrases = _phrases(cursor, experiment)
    versions = cursor.execute(
        "SELECT e.number FROM flowkit_edition e JOIN flowkit_workflow w ON w.id = e.workflow WHERE w.name = ?",
        (experiment.workflow_id,),
    ).fetchall()
    named: Mapping[str, object] = {
        "marks": _encode(phrases.marks),
        "goals": _encode(phrases.goals),
        "split": f"@{experiment.experiment_id}",
        "named": f'"goal":{_encode(goal_id(experiment.experiment_id, ""))[:-1]}',
        "since": _EARLIEST if experiment.start is None else to_micros(experiment.start),
        "until": _LATEST if experiment.end is None else to_micros(experiment.end),
        "now": to_micros(at),
        "window": experiment.window // _MICROSECOND,
        "versions": _encode([number for (number,) in versions]),
        "arms": _encode([one.variant_id for one in experiment.variants]),
    }
    sizes = cursor.execute(_SIZES, named).fetchall()
    [unknown] = sizes[0][5:] if sizes else cursor.execute(_UNKNOWN, named).fetchone()
    conversions = cursor.execute(_CONVERSIONS, named).fetchall()
    earliest = min((first for _, _, _, first, _, _ in sizes), default=None)
    return Tally(
        experiment_id=experiment.experiment_id,
        at=at,
        arms=_arms(experiment, {row[0]: (row[1], row[2]) for row in sizes}, conversions),
        first=None if earliest is None else from_micros(earliest),
        reassigned=sum(row[4] for row in sizes),
        unknown=unknown,
        reweighted=any(len(shares) > 1 for shares in _shares(cursor, experiment, named).values()),
    )


def _arms(
    experiment: Experiment, sizes: Mapping[str, tuple[int, int]], conversions: Sequence[tuple[str, str, int]]
) -> tuple[ArmTotals, ...]:
    hits = {(arm, goal): count for arm, goal, count in conversions}
    rates = [one.name for one in experiment.metrics if one.kind is MetricKind.RATE]
    arms: list[ArmTotals] = []
    for variant in experiment.variants:
        arm = variant.variant_id
        exposed, units = sizes.get(arm, (0, 0))
        found = {name: hits.get((arm, goal_id(experiment.experiment_id, name)), 0) for name in rates}
        sums = {name: Sums(float(count), float(count)) for name, count in found.items() if count}
        arms.append(ArmTotals(arm=arm, exposed=exposed, units=units, sums=sums))
    return tuple(arms)


def _phrases(cursor: sqlite3.Cursor, experiment: Experiment) -> _Phrases:
    """Read the phrases that name the experiment."""
    found = _Phrases([], [])
    wanted = {goal_id(experiment.experiment_id, one.name) for one in experiment.metrics}
    query = "SELECT id, text FROM flowkit_phrase WHERE instr(text, ?) AND substr(text, 1, 2) = '[['"
    for number, text in cursor.execute(query, (experiment.experiment_id,)).fetchall():
        for entry in read_entries(text):
            if entry.kind is Kind.DECIDED and is_split_of(entry.node, experiment.experiment_id):
                found.marks.append((number, entry.data["label"]))
            elif entry.kind is Kind.GOAL and entry.data.get("goal") in wanted:
                at = to_micros(datetime.fromisoformat(entry.data["occurred_at"]))
                found.goals.append((number, entry.data["goal"], at))
    return found


def _shares(cursor: sqlite3.Cursor, experiment: Experiment, named: Mapping[str, object]) -> Mapping[str, set[float]]:
    """Give the shares by which units were newly assigned while the experiment ran, by arm; each text is read once."""
    query = (
        "SELECT text FROM flowkit_phrase p WHERE instr(text, :split) AND EXISTS"
        " (SELECT 1 FROM flowkit_journal WHERE body = p.id AND at >= :since AND at < :until) UNION"
        " SELECT body FROM flowkit_journal"
        " WHERE typeof(body) = 'text' AND instr(body, :split) AND at >= :since AND at < :until"
    )
    known = {variant.variant_id for variant in experiment.variants}
    shares: dict[str, set[float]] = {}
    for (text,) in cursor.execute(query, named).fetchall():
        for entry in read_entries(text) if text.startswith("[[") else ():
            decided = entry.kind is Kind.DECIDED and is_split_of(entry.node, experiment.experiment_id)
            if decided and entry.data.get("assigned") == "now" and entry.data["label"] in known:
                shares.setdefault(entry.data["label"], set()).add(entry.data["share"])
    return shares
