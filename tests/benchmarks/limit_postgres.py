"""Limit by hand over PostgreSQL, a thousand runs a commit: what one gets who writes just this series.

The same turns as `limit_batch`; each kind of statement goes out once a batch, over arrays. A kill repeats the messages
of the batch under way. BENCH_POSTGRES names the server, as a connection string; each passage has a schema of its own,
named for its path, and drops it at its end. BENCH_SYNC=FULL waits for the disk at every commit; NORMAL, the default,
does not (`synchronous_commit = off`). Bytes are those of tables and indexes after a full vacuum.

Variants:
    state (default): the row of the run, nothing else.
    log: and a row for each node passed.
"""

from __future__ import annotations

import json
import os
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from hashlib import blake2b
from pathlib import Path
from typing import Any

import psycopg
from limit_sql import ENGAGED, FIRST_PARK, LAST, SILENT
from welcome import FIRST_WAIT, WELCOME, Engine, Result, World, drive, event

VARIANTS = ("state", "log")
BATCH = 1000

TABLES = """
CREATE SCHEMA IF NOT EXISTS {schema};
CREATE TABLE IF NOT EXISTS {schema}.journey(
    id bigint PRIMARY KEY, due bigint, subscriber text NOT NULL, node text NOT NULL, event text NOT NULL
);
CREATE INDEX IF NOT EXISTS journey_due ON {schema}.journey(due) WHERE due IS NOT NULL;
CREATE TABLE IF NOT EXISTS {schema}.passed(
    id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY, journey bigint NOT NULL, at bigint NOT NULL, node text NOT NULL
);
"""
PARK_NEW = (
    "INSERT INTO {schema}.journey(id, subscriber, node, due, event)"
    " SELECT * FROM unnest(%s::bigint[], %s::text[], %s::text[], %s::bigint[], %s::text[])"
)
PARK = (
    "UPDATE {schema}.journey j SET node = v.node, due = v.due"
    " FROM unnest(%s::bigint[], %s::text[], %s::bigint[]) v(id, node, due) WHERE j.id = v.id"
)
PASS = "INSERT INTO {schema}.passed(journey, node, at) SELECT * FROM unnest(%s::bigint[], %s::text[], %s::bigint[])"
# Locked, so that several workers could share the queue as they do with flowkit.
FIND_DUE = (
    "SELECT id, subscriber, node FROM {schema}.journey WHERE due <= %s ORDER BY due LIMIT 1000 FOR UPDATE SKIP LOCKED"
)
COUNT_ENDED = "SELECT count(*) FROM {schema}.journey WHERE node = 'end'"
SIZE = (
    "SELECT coalesce(sum(pg_total_relation_size(c.oid)), 0)::bigint FROM pg_class c"
    " JOIN pg_namespace n ON n.oid = c.relnamespace WHERE n.nspname = %s AND c.relkind = 'r'"
)


def server() -> str:
    """Give the server of the measurement.

    Raises:
        LookupError: BENCH_POSTGRES names none.
    """
    if not (dsn := os.environ.get("BENCH_POSTGRES")):
        message = "name a server in BENCH_POSTGRES, as a connection string"
        raise LookupError(message)
    return dsn


def synchronous() -> str:
    """Give what a commit waits for, by BENCH_SYNC."""
    return "on" if os.environ.get("BENCH_SYNC", "NORMAL").upper() == "FULL" else "off"


@contextmanager
def schema_of(path: Path) -> Iterator[str]:
    """Have a schema for one passage."""
    schema = f"bench_{blake2b(str(path).encode(), digest_size=8).hexdigest()}"
    yield schema
    with psycopg.connect(server(), autocommit=True) as connection:
        connection.execute(f"DROP SCHEMA IF EXISTS {schema} CASCADE")


def play(opener: Callable[[str, World], Engine], *, n: int, path: Path) -> Result:
    """Play the series in a schema, and say what it takes there."""
    with schema_of(path) as schema:
        result = drive(lambda _, world: opener(schema, world), n=n, path=path)
        with psycopg.connect(server(), autocommit=True) as connection:
            tables = connection.execute("SELECT tablename FROM pg_tables WHERE schemaname = %s", (schema,)).fetchall()
            for (table,) in tables:
                connection.execute(f"VACUUM FULL {schema}.{table}")
            row = connection.execute(SIZE, (schema,)).fetchone()
    return replace(result, disk_bytes=int(row[0]) if row else 0)


class Batched:
    """The series over a table, `BATCH` activations a transaction."""

    def __init__(self, schema: str, world: World, *, log: bool) -> None:
        self._world = world
        self._log = log
        self._schema = schema
        self._db: psycopg.Connection[Any] = psycopg.connect(server())
        self._db.execute(f"SET synchronous_commit = {synchronous()}")
        self._db.execute(TABLES.format(schema=schema).encode())
        self._db.commit()

    def _run(self, statement: str, *values: object) -> psycopg.Cursor[Any]:
        return self._db.execute(statement.format(schema=self._schema).encode(), values)

    def signup(self, numbers: range) -> None:
        """Send the welcomes of a batch, then park the batch."""
        send, now, dumps = self._world.send, self._world.now, json.dumps
        due = now + FIRST_WAIT
        for first in range(numbers.start, numbers.stop, BATCH):
            batch = range(first, min(first + BATCH, numbers.stop))
            parked = []
            for number in batch:
                document = event(number)
                send(document["subscriber_id"], WELCOME)
                parked.append((number, document["subscriber_id"], FIRST_PARK, due, dumps(document)))
            self._commit(PARK_NEW, parked, [(number, "start", now) for number in batch] if self._log else [])

    def advance(self, now: int) -> None:
        """Take a batch of due runs one turn further, until none is due."""
        send, engaged = self._world.send, self._world.engaged
        while due := self._run(FIND_DUE, now).fetchall():
            parked: list[tuple[object, ...]] = []
            passed: list[tuple[object, ...]] = []
            for run, subscriber, node in due:
                turn = LAST if node != FIRST_PARK else ENGAGED if engaged(subscriber) else SILENT
                template, park, wait, names = turn
                send(subscriber, template)
                parked.append((run, park, None if wait is None else now + wait))
                if self._log:
                    passed += [(run, name, now) for name in names]
            self._commit(PARK, parked, passed)
        self._db.commit()

    def completed(self) -> int:
        """Count the runs that have ended."""
        row = self._run(COUNT_ENDED).fetchone()
        return int(row[0]) if row else 0

    def close(self) -> None:
        """Close the connection."""
        self._db.close()

    def _commit(self, park: str, parked: Sequence[Sequence[object]], passed: Sequence[Sequence[object]]) -> None:
        self._run(park, *map(list, zip(*parked, strict=True)))
        if passed:
            self._run(PASS, *map(list, zip(*passed, strict=True)))
        self._db.commit()


def run(n: int, path: Path, *, variant: str = "state") -> Result:
    """Play the series for `n` subscribers."""
    if variant not in VARIANTS:
        message = f"limit_postgres has the variants {', '.join(VARIANTS)}, not {variant!r}"
        raise ValueError(message)
    return play(lambda schema, world: Batched(schema, world, log=variant == "log"), n=n, path=path)
