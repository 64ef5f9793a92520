"""The tables of the SQLite store, and the statements that they are written with."""

from __future__ import annotations

from typing import Final

SCHEMA_VERSION: Final = 3

_TABLES: Final = """
-- Small facts about the store itself: its schema, and the stamp that changes with every publication.
CREATE TABLE flowkit_meta(name TEXT PRIMARY KEY, value INTEGER NOT NULL) WITHOUT ROWID;

-- hold: what is ordered for the workflow, as JSON; NULL for its usual course.
CREATE TABLE flowkit_workflow(id INTEGER PRIMARY KEY, name TEXT NOT NULL UNIQUE, hold TEXT);
CREATE TABLE flowkit_edition(
    number INTEGER PRIMARY KEY, workflow INTEGER NOT NULL, hash TEXT NOT NULL, document TEXT NOT NULL,
    templates TEXT NOT NULL, live INTEGER NOT NULL, changed INTEGER NOT NULL, published INTEGER, UNIQUE(workflow, hash)
);
CREATE INDEX flowkit_edition_changed ON flowkit_edition(changed);
CREATE TABLE flowkit_source(hash TEXT PRIMARY KEY, content TEXT NOT NULL) WITHOUT ROWID;

-- A text that many rows share, such as the state of all who wait at one node, is written once.
CREATE TABLE flowkit_phrase(id INTEGER PRIMARY KEY, text TEXT NOT NULL);

CREATE TABLE flowkit_subscriber(id INTEGER PRIMARY KEY, name TEXT NOT NULL UNIQUE);
CREATE TABLE flowkit_seen(
    subscriber INTEGER NOT NULL, event TEXT NOT NULL, at INTEGER NOT NULL, PRIMARY KEY(subscriber, event)
) WITHOUT ROWID;
-- held, watch: for triggers that are looked at again; watch: microseconds since 1970. pending: NULL for none.
CREATE TABLE flowkit_ledger(
    subscriber INTEGER NOT NULL, workflow INTEGER NOT NULL, entries INTEGER NOT NULL, last_entry INTEGER,
    sequence INTEGER NOT NULL, held INTEGER NOT NULL DEFAULT 0, watch INTEGER, pending TEXT,
    PRIMARY KEY(subscriber, workflow)
) WITHOUT ROWID;
CREATE INDEX flowkit_ledger_watch ON flowkit_ledger(watch) WHERE watch IS NOT NULL;

-- Past events, as far as conditions read them. A number is given once for ever (hence AUTOINCREMENT): where the row
-- that had the largest one is gone, the next row would else hide behind what a reader has seen.
CREATE TABLE flowkit_history(
    id INTEGER PRIMARY KEY AUTOINCREMENT, subscriber INTEGER NOT NULL, type TEXT NOT NULL, at INTEGER NOT NULL,
    body TEXT NOT NULL
);
CREATE INDEX flowkit_history_past ON flowkit_history(subscriber, type, at);

-- The label that a subscriber has at a split, for good.
CREATE TABLE flowkit_assignment(
    subscriber INTEGER NOT NULL, split TEXT NOT NULL, label TEXT NOT NULL, PRIMARY KEY(subscriber, split)
) WITHOUT ROWID;

-- How often all subscribers together entered, of the workflows that limit it.
CREATE TABLE flowkit_total(workflow INTEGER PRIMARY KEY, entries INTEGER NOT NULL);

-- until: seconds of the lease clock up to which somebody holds it; 0 where nobody does.
CREATE TABLE flowkit_sweep(
    name TEXT PRIMARY KEY, workflow TEXT NOT NULL, kind TEXT NOT NULL, due INTEGER, plan TEXT NOT NULL,
    sequence INTEGER NOT NULL, until REAL NOT NULL
) WITHOUT ROWID;

-- state: the id of a phrase, or the text itself. due: microseconds since 1970; NULL where the run wants nothing.
CREATE TABLE flowkit_run(
    id INTEGER PRIMARY KEY, status INTEGER NOT NULL, state NOT NULL, due INTEGER, sequence INTEGER NOT NULL,
    subscriber INTEGER NOT NULL, version INTEGER NOT NULL, entered INTEGER NOT NULL, key BLOB NOT NULL,
    origin TEXT NOT NULL
);
CREATE INDEX flowkit_run_due ON flowkit_run(due) WHERE due IS NOT NULL;
CREATE INDEX flowkit_run_living ON flowkit_run(subscriber) WHERE status < 2;
CREATE INDEX flowkit_run_failed ON flowkit_run(id) WHERE status = 4;

-- A claim is one row, whatever it holds: to claim, to extend and to give back cost the same for one run or many.
-- until: seconds of the lease clock. at: microseconds of the engine's. notes: the file of the worker's notes.
-- inherited: what dead workers had noted.
CREATE TABLE flowkit_claim(
    token INTEGER PRIMARY KEY, until REAL NOT NULL, at INTEGER NOT NULL, runs TEXT NOT NULL, notes TEXT NOT NULL,
    inherited TEXT NOT NULL, deaths INTEGER NOT NULL, released INTEGER NOT NULL
);
CREATE TABLE flowkit_frozen(
    run INTEGER NOT NULL, key TEXT NOT NULL, inputs TEXT NOT NULL, PRIMARY KEY(run, key)
) WITHOUT ROWID;

-- The suppression list; what was lifted stays on it. since, lifted: microseconds since 1970.
CREATE TABLE flowkit_suppression(
    id INTEGER PRIMARY KEY, subscriber INTEGER NOT NULL, reason TEXT NOT NULL, scope TEXT NOT NULL,
    since INTEGER NOT NULL, lifted INTEGER
);
CREATE UNIQUE INDEX flowkit_suppression_standing
    ON flowkit_suppression(subscriber, reason, scope) WHERE lifted IS NULL;
-- The places that messages took under frequency caps: from when each counts, and from when on nobody asks about it.
CREATE TABLE flowkit_place(
    cap TEXT NOT NULL, subscriber TEXT NOT NULL, key TEXT NOT NULL, at INTEGER NOT NULL, until INTEGER NOT NULL,
    PRIMARY KEY(cap, subscriber, key)
) WITHOUT ROWID;
CREATE INDEX flowkit_place_key ON flowkit_place(key);
CREATE INDEX flowkit_place_until ON flowkit_place(until);
-- The buckets of rate limits: origin in microseconds since 1970, and numbers of turns.
CREATE TABLE flowkit_bucket(
    name TEXT PRIMARY KEY, origin INTEGER NOT NULL, next INTEGER NOT NULL, used INTEGER NOT NULL,
    void INTEGER NOT NULL, sequence INTEGER NOT NULL
) WITHOUT ROWID;

-- The journal: a row is what one step wrote. body: as state. about: the workflow of an entry that belongs to no run.
CREATE TABLE flowkit_journal(
    id INTEGER PRIMARY KEY, subscriber INTEGER NOT NULL, run INTEGER, at INTEGER NOT NULL, body NOT NULL, about INTEGER
);
CREATE INDEX flowkit_journal_subscriber ON flowkit_journal(subscriber);

-- What was counted of the journal, up to the row that `tallied` names: equal steps of a version (0: of no run) within
-- an hour. The newest row of the journal is never deleted, since its number would be given again.
CREATE TABLE flowkit_shape(id INTEGER PRIMARY KEY, text TEXT NOT NULL UNIQUE);
CREATE TABLE flowkit_tally(
    workflow INTEGER NOT NULL, hour INTEGER NOT NULL, version INTEGER NOT NULL, shape INTEGER NOT NULL,
    age INTEGER NOT NULL, steps INTEGER NOT NULL, micros INTEGER NOT NULL,
    PRIMARY KEY(workflow, hour, version, shape, age)
) WITHOUT ROWID;
"""

TABLES: Final = (
    *_TABLES.split(";\n")[:-1],
    f"INSERT INTO flowkit_meta(name, value) VALUES('schema', {SCHEMA_VERSION}), ('stamp', 0), ('tallied', 0)",
)

STAMP: Final = "SELECT value FROM flowkit_meta WHERE name = 'stamp'"
TOUCH: Final = "UPDATE flowkit_meta SET value = value WHERE name = 'stamp'"

RUN: Final = (
    "SELECT r.id, r.key, s.name, r.version, r.entered, r.origin, r.state, r.due, r.sequence"
    " FROM flowkit_run r JOIN flowkit_subscriber s ON s.id = r.subscriber"
)
ANY_DUE: Final = "SELECT 1 FROM flowkit_run WHERE due <= ? LIMIT 1"
CLAIMS: Final = (
    "SELECT token, at, runs, notes, inherited, deaths, released, until <= ? FROM flowkit_claim ORDER BY until, token"
)
DUE: Final = (
    f"{RUN} WHERE r.due <= ?"  # noqa: S608 - constants of this file
    " AND r.id NOT IN (SELECT held.value FROM flowkit_claim, json_each(flowkit_claim.runs) held)"
    " ORDER BY r.due, r.id LIMIT ?"
)
CLAIM: Final = (
    "INSERT INTO flowkit_claim(token, until, at, runs, notes, inherited, deaths, released) VALUES"
    "(?, ?, ?, ?, ?, ?, ?, 0)"
)
THESE: Final = f"{RUN} WHERE r.id IN (SELECT value FROM json_each(?)) ORDER BY r.due, r.id"  # noqa: S608 - constants of this file

# One row at the least: the stamp comes along, and whether anybody is suppressed.
KNOWN: Final = (
    "SELECT m.value, s.name, s.id, (SELECT 1 FROM flowkit_suppression WHERE lifted IS NULL) FROM flowkit_meta m"
    " LEFT JOIN flowkit_subscriber s ON s.name IN (SELECT value FROM json_each(?)) WHERE m.name = 'stamp'"
)
SEEN: Final = (
    "SELECT subscriber, event FROM flowkit_seen"
    " WHERE (subscriber, event) IN (SELECT json_extract(value, '$[0]'), json_extract(value, '$[1]') FROM json_each(?))"
)
LEDGERS: Final = (
    "SELECT subscriber, workflow, entries, last_entry, sequence, held, watch, pending FROM flowkit_ledger"
    " WHERE subscriber IN (SELECT value FROM json_each(?))"
)
LIVING: Final = (
    f"{RUN} WHERE r.subscriber IN (SELECT value FROM json_each(?))"  # noqa: S608 - constants of this file
    " AND r.status < 2 ORDER BY r.id"
)

# By the journal, which has an index by subscriber: one of the runs that ended would cost every run.
ENDED: Final = (
    f"{RUN} WHERE r.id IN (SELECT j.run FROM flowkit_journal j"  # noqa: S608 - constants of this file
    " WHERE j.subscriber IN (SELECT value FROM json_each(?)))"
    " AND r.status > 1 AND r.entered >= ? ORDER BY r.id"
)

NEWER: Final = (
    "SELECT 1 FROM json_each(?) asked JOIN flowkit_run r"
    " ON r.subscriber = json_extract(asked.value, '$[0]') AND r.status < 2"
    " WHERE r.id > json_extract(asked.value, '$[1]') LIMIT 1"
)

# The plus keeps the planner from reading all that came since, of everybody.
NEWER_PAST: Final = (
    "SELECT 1 FROM json_each(?) asked JOIN flowkit_history h ON h.subscriber = json_extract(asked.value, '$[0]')"
    " WHERE +h.id > json_extract(asked.value, '$[1]') LIMIT 1"
)
LATEST: Final = (
    "SELECT subscriber, max(id) FROM flowkit_history WHERE subscriber IN (SELECT value FROM json_each(?))"
    " GROUP BY subscriber"
)
PAST: Final = (
    "SELECT s.name, h.type, h.at, h.body FROM flowkit_subscriber s JOIN flowkit_history h ON h.subscriber = s.id"
    " WHERE s.name IN (SELECT value FROM json_each(?)) AND h.type IN (SELECT value FROM json_each(?))"
    " ORDER BY h.subscriber, h.type, h.at, h.id"
)
NEW_PAST: Final = "INSERT INTO flowkit_history(subscriber, type, at, body) VALUES(?, ?, ?, ?)"
PRUNE_OLD: Final = (
    "DELETE FROM flowkit_history WHERE subscriber IN (SELECT value FROM json_each(?)) AND type = ? AND at <= ?"
)
PRUNE_SURPLUS: Final = (
    "DELETE FROM flowkit_history WHERE id IN (SELECT id FROM flowkit_history"
    " WHERE subscriber = ? AND type = ? ORDER BY at DESC, id DESC LIMIT -1 OFFSET ?)"
)

ASSIGNED: Final = (
    "SELECT s.name, a.split, a.label FROM flowkit_subscriber s JOIN flowkit_assignment a ON a.subscriber = s.id"
    " WHERE s.name IN (SELECT value FROM json_each(?)) AND a.split IN (SELECT value FROM json_each(?))"
)
# Counts no row where the subscriber has another label by then.
_UNLESS_ANOTHER: Final = (
    " ON CONFLICT(subscriber, split) DO UPDATE SET label = excluded.label WHERE label IN (excluded.label, ?)"
)
ASSIGN: Final = f"INSERT INTO flowkit_assignment(subscriber, split, label) VALUES(?, ?, ?){_UNLESS_ANOTHER}"
ASSIGN_ALIKE: Final = ASSIGN.replace(
    "VALUES(?, ?, ?)", "SELECT subscriber, ?, ? FROM flowkit_run WHERE id IN (SELECT value FROM json_each(?))"
)

ANY_BAN: Final = "SELECT 1 FROM flowkit_suppression WHERE lifted IS NULL LIMIT 1"
BANS: Final = (
    "SELECT s.name, b.reason, b.scope FROM flowkit_subscriber s"
    " JOIN flowkit_suppression b ON b.subscriber = s.id AND b.lifted IS NULL"
    " WHERE s.name IN (SELECT value FROM json_each(?)) ORDER BY b.id"
)
# Each line writes one or none: who is on the list is left as it is.
NEW_BAN: Final = (
    "INSERT INTO flowkit_suppression(subscriber, reason, scope, since) VALUES(?, ?, ?, ?) ON CONFLICT DO NOTHING"
)
LIFT: Final = (
    "UPDATE flowkit_suppression SET lifted = ? WHERE subscriber = (SELECT id FROM flowkit_subscriber WHERE name = ?)"
    " AND reason = ? AND lifted IS NULL"
)
SUPPRESSIONS: Final = (
    "SELECT b.id, s.name, b.reason, b.scope, b.since, b.lifted FROM flowkit_suppression b"
    " JOIN flowkit_subscriber s ON s.id = b.subscriber WHERE b.id > ?"
)
MOVED: Final = "SELECT id FROM flowkit_run WHERE id IN (SELECT value FROM json_each(?)) AND sequence <> ?"
HOLDING: Final = "SELECT token, runs, notes FROM flowkit_claim WHERE until > ? AND released = 0"
HELD_FOR: Final = (
    "SELECT r.key FROM flowkit_run r JOIN flowkit_subscriber s ON s.id = r.subscriber"
    " WHERE r.id IN (SELECT value FROM json_each(?)) AND s.name IN (SELECT value FROM json_each(?))"
)

TOTALS: Final = (
    "SELECT w.name, t.entries FROM flowkit_workflow w JOIN flowkit_total t ON t.workflow = w.id"
    " WHERE w.name IN (SELECT value FROM json_each(?))"
)
# Writes no row where the limit, if any, would be passed.
ADD_ENTRIES: Final = (
    "INSERT INTO flowkit_total(workflow, entries) SELECT ?1, ?2 WHERE ?3 IS NULL OR ?2 <= ?3"
    " ON CONFLICT(workflow) DO UPDATE SET entries = entries + excluded.entries"
    " WHERE ?3 IS NULL OR entries + excluded.entries <= ?3"
)

# Each subscriber stands by its earliest watch: no ledger of its own comes before it.
WATCHES: Final = (
    "SELECT s.name FROM flowkit_ledger l JOIN flowkit_subscriber s ON s.id = l.subscriber"
    " WHERE l.watch <= ? AND NOT EXISTS (SELECT 1 FROM flowkit_ledger e"
    " WHERE e.subscriber = l.subscriber AND (e.watch, e.workflow) < (l.watch, l.workflow))"
    " ORDER BY l.watch, l.subscriber LIMIT ?"
)
NEXT_DUE: Final = (
    "SELECT min(next) FROM (SELECT min(due) AS next FROM flowkit_run WHERE due IS NOT NULL"
    " UNION ALL SELECT min(watch) FROM flowkit_ledger WHERE watch IS NOT NULL"
    " UNION ALL SELECT min(due) FROM flowkit_sweep)"
)

SWEEPS: Final = "SELECT name, workflow, kind, due, plan, sequence FROM flowkit_sweep"
SWEEP_DUE: Final = f"{SWEEPS} WHERE due <= ? AND until <= ? ORDER BY due, name LIMIT 1"
NEW_SWEEP: Final = (
    "INSERT INTO flowkit_sweep(workflow, kind, due, plan, name, sequence, until) VALUES(?, ?, ?, ?, ?, ? + 1, 0)"
    " ON CONFLICT(name) DO NOTHING"
)
NEXT_SWEEP: Final = (
    "UPDATE flowkit_sweep SET workflow = ?, kind = ?, due = ?, plan = ?, until = 0, sequence = sequence + 1"
    " WHERE name = ? AND sequence = ?"
)

TAKE_PLACE: Final = (
    "INSERT INTO flowkit_place(cap, subscriber, key, at, until) VALUES(?, ?, ?, ?, ?)"
    " ON CONFLICT(cap, subscriber, key) DO UPDATE SET at = max(at, excluded.at), until = max(until, excluded.until)"
)
PLACES: Final = "SELECT at FROM flowkit_place WHERE cap = ? AND subscriber = ? AND at > ? AND key <> ? ORDER BY at DESC"
BUCKET: Final = "SELECT origin, next, used, void, sequence FROM flowkit_bucket WHERE name = ?"
NEW_BUCKET: Final = (
    "INSERT INTO flowkit_bucket(origin, next, used, void, name, sequence) VALUES(?, ?, ?, ?, ?, ? + 1)"
    " ON CONFLICT(name) DO NOTHING"
)
NEXT_BUCKET: Final = (
    "UPDATE flowkit_bucket SET origin = ?, next = ?, used = ?, void = ?, sequence = sequence + 1"
    " WHERE name = ? AND sequence = ?"
)

EDITIONS: Final = (
    "SELECT e.number, w.name, e.hash, e.document, e.templates, e.live, e.published, w.hold FROM flowkit_edition e"
    " JOIN flowkit_workflow w ON w.id = e.workflow"
)
REPLACE_SWEEP: Final = (
    "INSERT INTO flowkit_sweep(workflow, kind, due, plan, name, sequence, until) VALUES(?, ?, ?, ?, ?, 1, 0)"
    " ON CONFLICT(name) DO UPDATE SET workflow = excluded.workflow, kind = excluded.kind, due = excluded.due,"
    " plan = excluded.plan, until = 0, sequence = sequence + 1"
)

# A state begins with status and node; the text of a phrase stands in the row where nobody shares it.
LIVING_COUNTS: Final = (
    "SELECT r.version, r.status, json_extract(coalesce(p.text, r.state), '$[1]') AS node, count(*)"
    " FROM flowkit_run r LEFT JOIN flowkit_phrase p ON p.id = r.state WHERE r.status < 2 AND r.version IN"
    " (SELECT e.number FROM flowkit_edition e JOIN flowkit_workflow w ON w.id = e.workflow WHERE w.name = ?)"
    " GROUP BY r.version, r.status, node ORDER BY r.version, r.status, node"
)

LISTED: Final = "IN (SELECT value FROM json_each(?))"
RANGED: Final = "BETWEEN ? AND ?"

NEW_SUBSCRIBER: Final = "INSERT INTO flowkit_subscriber(name) VALUES(?)"
NEW_SEEN: Final = "INSERT INTO flowkit_seen(subscriber, event, at) VALUES(?, ?, ?)"
NEW_LEDGER: Final = (
    "INSERT INTO flowkit_ledger(subscriber, workflow, entries, last_entry, sequence) VALUES(?, ?, ?, ?, 1)"
)
NEW_WATCHED_LEDGER: Final = (
    "INSERT INTO flowkit_ledger(subscriber, workflow, entries, last_entry, held, watch, pending, sequence)"
    " VALUES(?, ?, ?, ?, ?, ?, ?, 1)"
)
# What a plain ledger does not have is set to nothing: the row may have had it.
NEXT_LEDGER: Final = (
    "UPDATE flowkit_ledger SET entries = ?, last_entry = ?, held = 0, watch = NULL, pending = NULL,"
    " sequence = sequence + 1 WHERE subscriber = ? AND workflow = ? AND sequence = ?"
)
NEXT_WATCHED_LEDGER: Final = (
    "UPDATE flowkit_ledger SET entries = ?, last_entry = ?, held = ?, watch = ?, pending = ?,"
    " sequence = sequence + 1 WHERE subscriber = ? AND workflow = ? AND sequence = ?"
)
NEW_RUN: Final = (
    "INSERT INTO flowkit_run(status, state, due, sequence, subscriber, version, entered, key, origin)"
    " VALUES(?, ?, ?, 1, ?, ?, ?, ?, ?)"
)
# What is the same for all comes first, and is bound once; what each has of its own follows.
ENTER_SEEN: Final = "INSERT INTO flowkit_seen(at, subscriber, event) VALUES(?1, ?, ?)"
ENTER_RUN: Final = (
    "INSERT INTO flowkit_run(status, state, due, version, entered, sequence, subscriber, key, origin)"
    " VALUES(?1, ?2, ?3, ?4, ?5, 1, ?, ?, ?)"
)
ENTER_LEDGER: Final = (
    "INSERT INTO flowkit_ledger(subscriber, workflow, entries, last_entry, sequence)"
    " SELECT subscriber, ?, ?, ?, 1 FROM flowkit_run WHERE id BETWEEN ? AND ?"
)
ENTER_JOURNAL: Final = (
    "INSERT INTO flowkit_journal(subscriber, run, at, body) SELECT subscriber, id, ?, ? FROM flowkit_run"
    " WHERE id BETWEEN ? AND ?"
)
# A move within life leaves the status alone: to name it in SET would write the index of the living anew.
MOVE: Final = (
    "UPDATE flowkit_run SET state = ?, due = ?, sequence = sequence + 1"
    " WHERE id IN (SELECT value FROM json_each(?)) AND sequence = ?"
)
MOVE_ONE: Final = "UPDATE flowkit_run SET state = ?, due = ?, sequence = sequence + 1 WHERE id = ? AND sequence = ?"
MIGRATE_ONE: Final = (
    "UPDATE flowkit_run SET status = ?, state = ?, due = ?, version = ?, sequence = sequence + 1"
    " WHERE id = ? AND sequence = ?"
)
HELD: Final = (
    "SELECT held.value FROM flowkit_claim, json_each(flowkit_claim.runs) held"
    " WHERE held.value IN (SELECT value FROM json_each(?))"
)
END: Final = MOVE.replace("SET ", "SET status = ?, ")
END_ONE: Final = MOVE_ONE.replace("SET ", "SET status = ?, ")
WRITE: Final = "INSERT INTO flowkit_journal(subscriber, run, at, body, about) VALUES(?, ?, ?, ?, ?)"
WRITE_ALIKE: Final = (
    "INSERT INTO flowkit_journal(subscriber, run, at, body)"
    " SELECT subscriber, id, ?, ? FROM flowkit_run WHERE id IN (SELECT value FROM json_each(?))"
)
WRITE_ONE: Final = (
    "INSERT INTO flowkit_journal(subscriber, run, at, body) SELECT subscriber, id, ?, ? FROM flowkit_run WHERE id = ?"
)
THAW: Final = "DELETE FROM flowkit_frozen WHERE run IN (SELECT value FROM json_each(?))"

LINES: Final = (
    "SELECT j.id, j.at, s.name, w.name, r.key, j.body FROM flowkit_journal j"
    " JOIN flowkit_subscriber s ON s.id = j.subscriber"
    " LEFT JOIN flowkit_run r ON r.id = j.run"
    " LEFT JOIN flowkit_edition e ON e.number = r.version"
    " JOIN flowkit_workflow w ON w.id = coalesce(j.about, e.workflow)"
)
