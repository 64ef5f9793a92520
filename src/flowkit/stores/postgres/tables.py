"""The tables of the PostgreSQL store.

In every statement of this room the schema is written as ``flowkit``; ``Link`` puts the name of the store's own there.
"""

from __future__ import annotations

from typing import Final

__all__ = ["SCHEMA_VERSION", "TABLES"]

SCHEMA_VERSION: Final = 1

# Names and texts are compared byte by byte, as Python compares them, whatever the database's collation.
_TABLES: Final = f"""
-- Small facts about the store itself: its schema, and the stamp that changes with every publication.
CREATE TABLE flowkit.meta(name text PRIMARY KEY, value bigint NOT NULL);

-- hold: what is ordered for the workflow, as JSON; NULL for its usual course.
CREATE TABLE flowkit.workflow(
    id integer GENERATED ALWAYS AS IDENTITY PRIMARY KEY, name text COLLATE "C" NOT NULL UNIQUE, hold text
);
CREATE TABLE flowkit.edition(
    number integer GENERATED ALWAYS AS IDENTITY PRIMARY KEY, workflow integer NOT NULL, hash text COLLATE "C" NOT NULL,
    document text NOT NULL, templates text NOT NULL, live boolean NOT NULL, changed bigint NOT NULL, published bigint,
    UNIQUE(workflow, hash)
);
CREATE INDEX edition_changed ON flowkit.edition(changed);
CREATE TABLE flowkit.source(hash text COLLATE "C" PRIMARY KEY, content text NOT NULL);

-- A text that many rows share, such as the state of all who wait at one node, is written once.
CREATE TABLE flowkit.phrase(id integer GENERATED ALWAYS AS IDENTITY PRIMARY KEY, text text NOT NULL);

-- The row of a subscriber is what everybody locks who writes anything of that subscriber's.
CREATE TABLE flowkit.subscriber(
    id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY, name text COLLATE "C" NOT NULL UNIQUE
);
CREATE TABLE flowkit.seen(
    subscriber bigint NOT NULL, at bigint NOT NULL, event text COLLATE "C" NOT NULL, PRIMARY KEY(subscriber, event)
);
-- held, watch: for triggers that are looked at again; watch: microseconds since 1970. pending: NULL for none.
CREATE TABLE flowkit.ledger(
    subscriber bigint NOT NULL, entries bigint NOT NULL, last_entry bigint, held bigint NOT NULL DEFAULT 0,
    watch bigint, workflow integer NOT NULL, sequence integer NOT NULL, pending text, PRIMARY KEY(subscriber, workflow)
);
CREATE INDEX ledger_watch ON flowkit.ledger(watch) WHERE watch IS NOT NULL;

-- Past events, as far as conditions read them.
CREATE TABLE flowkit.history(
    id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY, subscriber bigint NOT NULL, at bigint NOT NULL,
    type text COLLATE "C" NOT NULL, body text NOT NULL
);
CREATE INDEX history_past ON flowkit.history(subscriber, type, at);

-- The label that a subscriber has at a split, for good.
CREATE TABLE flowkit.assignment(
    subscriber bigint NOT NULL, split text COLLATE "C" NOT NULL, label text NOT NULL, PRIMARY KEY(subscriber, split)
);

-- How often all subscribers together entered, of the workflows that limit it.
CREATE TABLE flowkit.total(workflow integer PRIMARY KEY, entries bigint NOT NULL);

-- until: seconds of the lease clock up to which somebody holds it; 0 where nobody does.
CREATE TABLE flowkit.sweep(
    name text COLLATE "C" PRIMARY KEY, workflow text NOT NULL, kind text NOT NULL, due bigint, plan text NOT NULL,
    sequence bigint NOT NULL, until double precision NOT NULL
);

-- state: the text of the state, where it is no phrase. due: microseconds since 1970; NULL where the run wants nothing.
CREATE TABLE flowkit.run(
    id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY, subscriber bigint NOT NULL, due bigint, entered bigint NOT NULL,
    version integer NOT NULL, sequence integer NOT NULL, phrase integer, status smallint NOT NULL, key bytea NOT NULL,
    origin text NOT NULL, state text
);
CREATE INDEX run_due ON flowkit.run(due, id) WHERE due IS NOT NULL;
CREATE INDEX run_living ON flowkit.run(subscriber) WHERE status < 2;
CREATE INDEX run_failed ON flowkit.run(id) WHERE status = 4;

-- A claim is one row, whatever it holds, and a narrow one for each run, so that no two claims hold the same.
-- until: seconds of the lease clock. at: microseconds of the engine's. inherited: what dead workers had noted.
CREATE TABLE flowkit.claim(
    token bigint PRIMARY KEY, until double precision NOT NULL, at bigint NOT NULL, deaths integer NOT NULL,
    released boolean NOT NULL, runs bigint[] NOT NULL, inherited text NOT NULL
);
CREATE TABLE flowkit.held(run bigint PRIMARY KEY);
-- The notes that a worker makes around its calls, a line or two a row; they go with the claim.
CREATE TABLE flowkit.note(
    id bigint GENERATED ALWAYS AS IDENTITY, token bigint NOT NULL, body text NOT NULL, PRIMARY KEY(token, id)
);
CREATE TABLE flowkit.frozen(
    run bigint NOT NULL, key text COLLATE "C" NOT NULL, inputs text NOT NULL, PRIMARY KEY(run, key)
);

-- The suppression list; what was lifted stays on it. since, lifted: microseconds since 1970.
CREATE TABLE flowkit.suppression(
    id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY, subscriber bigint NOT NULL, since bigint NOT NULL,
    lifted bigint, reason text NOT NULL, scope text NOT NULL
);
CREATE UNIQUE INDEX suppression_standing
    ON flowkit.suppression(subscriber, reason, scope) WHERE lifted IS NULL;
-- The places that messages took under frequency caps: from when each counts, and from when on nobody asks about it.
CREATE TABLE flowkit.place(
    at bigint NOT NULL, until bigint NOT NULL, cap text COLLATE "C" NOT NULL, subscriber text COLLATE "C" NOT NULL,
    key text COLLATE "C" NOT NULL, PRIMARY KEY(cap, subscriber, key)
);
CREATE INDEX place_key ON flowkit.place(key);
CREATE INDEX place_until ON flowkit.place(until);
-- The buckets of rate limits: origin in microseconds since 1970, and numbers of turns.
CREATE TABLE flowkit.bucket(
    name text COLLATE "C" PRIMARY KEY, origin bigint NOT NULL, next bigint NOT NULL, used bigint NOT NULL,
    void bigint NOT NULL, sequence bigint NOT NULL
);

-- The journal: a row is what one step wrote. about: the workflow of an entry that belongs to no run.
CREATE TABLE flowkit.journal(
    id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY, subscriber bigint NOT NULL, run bigint, at bigint NOT NULL,
    phrase integer, about integer, body text
);
CREATE INDEX journal_subscriber ON flowkit.journal(subscriber);

-- What was counted of the journal, up to the row that `tallied` names: equal steps of a version (0: of no run) within
-- an hour. given, given_before: up to which number rows are there when no transaction before that one is under way.
CREATE TABLE flowkit.shape(id integer GENERATED ALWAYS AS IDENTITY PRIMARY KEY, text text NOT NULL);
CREATE TABLE flowkit.tally(
    hour bigint NOT NULL, age bigint NOT NULL, steps bigint NOT NULL, micros bigint NOT NULL, workflow integer NOT NULL,
    version integer NOT NULL, shape integer NOT NULL, PRIMARY KEY(workflow, hour, version, shape, age)
);

-- Rows of these live for the length of a batch: they are vacuumed by their number, not by a share of the table.
ALTER TABLE flowkit.claim SET (autovacuum_vacuum_scale_factor = 0, autovacuum_vacuum_threshold = 500);
ALTER TABLE flowkit.held SET (autovacuum_vacuum_scale_factor = 0, autovacuum_vacuum_threshold = 5000);
ALTER TABLE flowkit.note SET (autovacuum_vacuum_scale_factor = 0, autovacuum_vacuum_threshold = 5000);
-- And the queue before a fifth of it is dead.
ALTER TABLE flowkit.run SET (autovacuum_vacuum_scale_factor = 0.05, autovacuum_analyze_scale_factor = 0.05);

INSERT INTO flowkit.meta(name, value)
    VALUES('schema', {SCHEMA_VERSION}), ('stamp', 0), ('tallied', 0), ('given', 0), ('given_before', 0);
"""

TABLES: Final = tuple(statement for statement in _TABLES.split(";\n") if statement.strip())
