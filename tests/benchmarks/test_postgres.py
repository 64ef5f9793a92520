"""flowkit over PostgreSQL beside a program by hand; and the cost of finding due work, which the parked do not raise."""

import json
import os
import sys
from contextlib import closing
from datetime import timedelta
from pathlib import Path
from statistics import median

import psycopg
import pytest
from psycopg import sql

sys.path.insert(0, str(Path(__file__).parent))

from scan import compare_scans
from welcome import play_apart

from flowkit.ports import Changes
from flowkit.stores.postgres import (
    PostgresStore,
    statements,
)

pytestmark = pytest.mark.slow

RUNS = 2_000
FEW, MANY = 10_000, int(os.environ.get("BENCH_PARKED", "200000"))
NOW = 1_767_225_600_000_000
PUBLISH = (
    "INSERT INTO {schema}.edition(workflow, hash, document, templates, live, changed) VALUES(1, '', '', '', true, 0)"
)
PARK = (
    "INSERT INTO {schema}.run(subscriber, due, entered, version, sequence, phrase, status, key, origin)"
    " SELECT i, CASE WHEN i %% (%(count)s / 100) = 0 THEN %(now)s - i ELSE %(now)s + i END, 0, 1, 1, 1, 0,"
    " decode(lpad(to_hex(i), 32, '0'), 'hex'), '{{}}' FROM generate_series(1, %(count)s::bigint) i"
)


def test_the_series_beside_a_program_by_hand(postgres_dsn, tmp_path, monkeypatch):
    """In turns, by the CPU of the client: the bar is for what a change must not lose."""
    monkeypatch.setenv("BENCH_POSTGRES", postgres_dsn)
    ratios = []
    for turn in range(3):
        limit, flowkit = (
            play_apart(spec, n=RUNS, path=tmp_path / f"{spec}-{turn}".replace(":", "-"), timeout=300)
            for spec in ("limit_postgres:log", "flowkit:postgres")
        )
        ratios.append(limit.cpu_s / flowkit.cpu_s)
    print(f"{median(ratios):.3f} of the limit's speed by CPU, {flowkit.disk_bytes / RUNS:.0f} bytes a run")
    assert median(ratios) >= 0.07
    assert flowkit.disk_bytes / RUNS <= 2_000


def parked(database, count):
    """Have runs in a schema of which a hundred are due, written by one statement."""
    store = PostgresStore(database.dsn, schema=database.schema, synchronous_commit="off")
    with database.connect(autocommit=True) as connection:
        named = {"schema": sql.Identifier(database.schema)}
        for statement in (
            "INSERT INTO {schema}.workflow(name) VALUES('w')",
            PUBLISH,
            'INSERT INTO {schema}.phrase(text) VALUES(\'[0,"pause",null,null,"duration"]\')',
            "INSERT INTO {schema}.subscriber(name) SELECT 's' || i FROM generate_series(1, %(count)s) i",
            PARK,
        ):
            connection.execute(sql.SQL(statement).format(**named), {"count": count, "now": NOW})
        for table in ("run", "subscriber", "held", "claim"):
            connection.execute(sql.SQL("VACUUM ANALYZE {}").format(sql.Identifier(database.schema, table)))
    return store


def scan(store):
    """Claim what is due and end the claim without having done anything."""
    claim = store.claim(NOW, limit=100, lease=timedelta(minutes=1))
    assert len(claim.runs) == 100
    assert not store.commit(Changes(NOW, claim=claim, ends=True))


def test_finding_due_work_costs_what_is_due(postgres, new_postgres):
    with closing(parked(postgres, FEW)) as few, closing(parked(new_postgres, MANY)) as many:
        cost = compare_scans(lambda: scan(few), lambda: scan(many), rounds=60)
    print(f"{cost.few_ns / 1000:.0f} us of {FEW}, {cost.many_ns / 1000:.0f} us of {MANY}: {cost.ratio:.2f} times")
    assert cost.ratio <= 2
    with psycopg.connect(new_postgres.dsn) as connection:
        explain = "EXPLAIN (ANALYZE, FORMAT JSON) " + statements.TAKE.replace("flowkit.", f"{new_postgres.schema}.")
        [(plan,)] = connection.execute(explain.encode(), (NOW, 100)).fetchall()
        connection.rollback()
    told = json.dumps(plan)
    assert "run_due" in told
    assert "Seq Scan on run" not in told
    assert not any(
        node.get("Relation Name") == "run" and node["Node Type"] == "Seq Scan" for node in nodes(plan[0]["Plan"])
    )


def nodes(plan):
    yield plan
    for inner in plan.get("Plans", ()):
        yield from nodes(inner)
