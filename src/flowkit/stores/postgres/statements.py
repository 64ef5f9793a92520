"""The statements of the PostgreSQL store; each does its work for a whole batch."""

# ruff: noqa: S608 - what is put together are constants of this file

from __future__ import annotations

from typing import Final

# The clock of leases, in seconds: the database's, or the one that the store was given.
CLOCK: Final = "coalesce(%s::float8, extract(epoch FROM clock_timestamp())::float8)"

STAMP: Final = "SELECT value FROM flowkit.meta WHERE name = 'stamp'"
NEXT_STAMP: Final = "UPDATE flowkit.meta SET value = value + 1 WHERE name = 'stamp' RETURNING value"
# Whoever publishes waits for those who decided on the stamp, and they for the publication.
SHARE_STAMP: Final = "SELECT pg_advisory_xact_lock_shared(%s)"
OWN_STAMP: Final = "SELECT pg_advisory_xact_lock(%s)"

# -- runs -------------------------------------------------------------------------------------------------------------

RUN: Final = (
    "SELECT r.id, r.key, s.name, r.version, r.entered, r.origin, r.phrase, r.state, r.due, r.sequence"
    " FROM flowkit.run r JOIN flowkit.subscriber s ON s.id = r.subscriber"
)
THESE: Final = f"{RUN} WHERE r.id = ANY(%s::bigint[]) ORDER BY r.due, r.id"
LIVING: Final = f"{RUN} WHERE r.subscriber = ANY(%s::bigint[]) AND r.status < 2 ORDER BY r.id"
# By the journal, which has an index by subscriber: one of the runs that ended would cost every run.
ENDED: Final = (
    f"{RUN} WHERE r.id IN (SELECT j.run FROM flowkit.journal j WHERE j.subscriber = ANY(%s::bigint[]))"
    " AND r.status > 1 AND r.entered >= %s ORDER BY r.id"
)
# A state begins with status and node, which is a JSON text.
LIVING_COUNTS: Final = (
    "SELECT r.version, r.status,"
    r""" substring(coalesce(p.text, r.state) FROM '^\[\d+,("(?:[^"\\]|\\.)*")') AS node, count(*)"""
    " FROM flowkit.run r LEFT JOIN flowkit.phrase p ON p.id = r.phrase WHERE r.status < 2 AND r.version IN"
    " (SELECT e.number FROM flowkit.edition e JOIN flowkit.workflow w ON w.id = e.workflow WHERE w.name = %s)"
    " GROUP BY r.version, r.status, node"
)
LINES: Final = (
    "SELECT j.id, j.at, s.name, w.name, r.key, j.phrase, j.body FROM flowkit.journal j"
    " JOIN flowkit.subscriber s ON s.id = j.subscriber"
    " LEFT JOIN flowkit.run r ON r.id = j.run"
    " LEFT JOIN flowkit.edition e ON e.number = r.version"
    " JOIN flowkit.workflow w ON w.id = coalesce(j.about, e.workflow)"
)
NEXT_DUE: Final = (
    "SELECT least((SELECT min(due) FROM flowkit.run WHERE due IS NOT NULL),"
    " (SELECT min(watch) FROM flowkit.ledger WHERE watch IS NOT NULL), (SELECT min(due) FROM flowkit.sweep))"
)

# -- claims -----------------------------------------------------------------------------------------------------------

UNHELD: Final = "NOT EXISTS (SELECT FROM flowkit.held h WHERE h.run = r.id)"
# To look first keeps a worker that has nothing to do from writing.
ANY_DUE: Final = (
    f"SELECT EXISTS (SELECT FROM flowkit.run r WHERE r.due <= %s AND {UNHELD})"
    f" OR EXISTS (SELECT FROM flowkit.claim WHERE until <= {CLOCK})"
)
LAPSED: Final = (
    "SELECT token, at, runs, inherited, deaths, released FROM flowkit.claim"
    f" WHERE until <= {CLOCK} ORDER BY until, token LIMIT 1 FOR UPDATE SKIP LOCKED"
)
# A run that somebody else claimed and gave back since the rows were found is looked at again as its lock is taken; one
# that is claimed still has its row in ``held``.
TAKE: Final = (
    f"WITH due AS MATERIALIZED (SELECT r.id FROM flowkit.run r WHERE r.due <= %s AND {UNHELD}"
    " ORDER BY r.due, r.id LIMIT %s FOR UPDATE OF r SKIP LOCKED)"
    " INSERT INTO flowkit.held(run) SELECT id FROM due ON CONFLICT DO NOTHING RETURNING run"
)
NEW_CLAIM: Final = (
    "INSERT INTO flowkit.claim(token, until, at, runs, inherited, deaths, released)"
    f" VALUES(%s, {CLOCK} + %s, %s, %s::bigint[], %s, %s, false)"
)
PART_CLAIM: Final = "UPDATE flowkit.claim SET token = %s, runs = %s::bigint[], inherited = %s WHERE token = %s"
HOLD_CLAIM: Final = "SELECT runs FROM flowkit.claim WHERE token = %s FOR UPDATE"
EXTEND: Final = f"UPDATE flowkit.claim SET until = {CLOCK} + %s WHERE token = %s"
RELEASE: Final = "UPDATE flowkit.claim SET until = 0, released = true WHERE token = %s"
END_CLAIM: Final = (
    "WITH ended AS (DELETE FROM flowkit.claim WHERE token = %s RETURNING token, runs),"
    " said AS (DELETE FROM flowkit.note n USING ended WHERE n.token = ended.token)"
    " DELETE FROM flowkit.held h USING ended WHERE h.run = ANY(ended.runs)"
)
DROP_CLAIM: Final = "DELETE FROM flowkit.claim WHERE token = %s"
HELD: Final = "SELECT run FROM flowkit.held WHERE run = ANY(%s::bigint[])"

# -- notes and windows ------------------------------------------------------------------------------------------------

# A note is for the death of a worker, not of the server: its commit need not wait for the disk.
NOTE: Final = (
    "INSERT INTO flowkit.note(token, body) SELECT c.token, %s FROM flowkit.claim c WHERE c.token = %s"
    " AND set_config('synchronous_commit', 'off', true) = 'off'"
)
NOTE_DURABLE: Final = "INSERT INTO flowkit.note(token, body) SELECT c.token, %s FROM flowkit.claim c WHERE c.token = %s"
NOTES: Final = "SELECT body FROM flowkit.note WHERE token = %s ORDER BY id"
DROP_NOTES: Final = "DELETE FROM flowkit.note WHERE token = %s"
ORPHANED_NOTES: Final = (
    "DELETE FROM flowkit.note n WHERE NOT EXISTS (SELECT FROM flowkit.claim c WHERE c.token = n.token)"
)
MOVED: Final = (
    "SELECT r.id FROM unnest(%s::bigint[], %s::bigint[]) v(id, sequence) JOIN flowkit.run r ON r.id = v.id"
    " WHERE r.sequence <> v.sequence"
)
HELD_FOR: Final = (
    "SELECT r.id, r.key FROM flowkit.held h JOIN flowkit.run r ON r.id = h.run"
    " JOIN flowkit.subscriber s ON s.id = r.subscriber WHERE s.name = ANY(%s::text[])"
)
WINDOWS: Final = (
    "SELECT n.token, n.body FROM flowkit.claim c JOIN flowkit.note n ON n.token = c.token"
    f" WHERE c.until > {CLOCK} AND NOT c.released AND c.runs && %s::bigint[] ORDER BY n.id"
)
FREEZE: Final = (
    "INSERT INTO flowkit.frozen(run, key, inputs) SELECT * FROM unnest(%s::bigint[], %s::text[], %s::text[])"
    " ON CONFLICT DO NOTHING"
)
FROZEN: Final = "SELECT key, inputs FROM flowkit.frozen WHERE run = ANY(%s::bigint[]) AND key = ANY(%s::text[])"
THAW: Final = "DELETE FROM flowkit.frozen WHERE run = ANY(%s::bigint[])"

# -- subscribers ------------------------------------------------------------------------------------------------------

# One row at the least: the stamp comes along, and whether anybody is suppressed.
KNOWN: Final = (
    "SELECT m.value, s.name, s.id, EXISTS (SELECT FROM flowkit.suppression WHERE lifted IS NULL)"
    " FROM flowkit.meta m LEFT JOIN flowkit.subscriber s ON s.name = ANY(%s::text[]) WHERE m.name = 'stamp'"
)
# New ones by name, known ones by number: who locks in this order waits for nobody who waits for him.
NEW_SUBSCRIBERS: Final = (
    "INSERT INTO flowkit.subscriber(name) SELECT name FROM unnest(%s::text[]) WITH ORDINALITY v(name, place)"
    " ORDER BY place ON CONFLICT DO NOTHING RETURNING name, id"
)
LOCK_SUBSCRIBERS: Final = (
    "SELECT name, id FROM flowkit.subscriber WHERE id = ANY(%s::bigint[]) ORDER BY id FOR NO KEY UPDATE"
)
LOCK_NAMED: Final = (
    "SELECT name, id FROM flowkit.subscriber WHERE id = ANY(%s::bigint[]) OR name = ANY(%s::text[])"
    " ORDER BY id FOR NO KEY UPDATE"
)
NAMED: Final = "SELECT name, id FROM flowkit.subscriber WHERE name = ANY(%s::text[])"
DROP_SUBSCRIBERS: Final = "DELETE FROM flowkit.subscriber WHERE id = ANY(%s::bigint[])"

SEEN: Final = (
    "SELECT e.subscriber, e.event FROM unnest(%s::bigint[], %s::text[]) v(subscriber, event)"
    " JOIN flowkit.seen e ON e.subscriber = v.subscriber AND e.event = v.event"
)
NEW_SEEN: Final = (
    "INSERT INTO flowkit.seen(subscriber, event, at) SELECT v.subscriber, v.event, %s"
    " FROM unnest(%s::bigint[], %s::text[]) v(subscriber, event)"
)
LEDGERS: Final = (
    "SELECT subscriber, workflow, entries, last_entry, sequence, held, watch, pending FROM flowkit.ledger"
    " WHERE subscriber = ANY(%s::bigint[])"
)
LEDGER_SEQUENCES: Final = (
    "SELECT v.place FROM unnest(%s::bigint[], %s::integer[], %s::bigint[])"
    " WITH ORDINALITY v(subscriber, workflow, sequence, place)"
    " LEFT JOIN flowkit.ledger l ON l.subscriber = v.subscriber AND l.workflow = v.workflow"
    " WHERE coalesce(l.sequence, 0) <> v.sequence"
)
PUT_LEDGERS: Final = (
    "INSERT INTO flowkit.ledger(subscriber, workflow, entries, last_entry, held, watch, pending, sequence)"
    " SELECT v.*, 1 FROM unnest(%s::bigint[], %s::integer[], %s::bigint[], %s::bigint[], %s::bigint[], %s::bigint[],"
    " %s::text[]) v ON CONFLICT(subscriber, workflow) DO UPDATE SET entries = excluded.entries,"
    " last_entry = excluded.last_entry, held = excluded.held, watch = excluded.watch, pending = excluded.pending,"
    " sequence = ledger.sequence + 1"
)
# Each subscriber stands by its earliest watch: no ledger of its own comes before it.
WATCHES: Final = (
    "SELECT s.name FROM flowkit.ledger l JOIN flowkit.subscriber s ON s.id = l.subscriber"
    " WHERE l.watch <= %s AND NOT EXISTS (SELECT FROM flowkit.ledger e"
    " WHERE e.subscriber = l.subscriber AND (e.watch, e.workflow) < (l.watch, l.workflow))"
    " ORDER BY l.watch, l.subscriber LIMIT %s"
)

NEWER: Final = (
    "SELECT DISTINCT v.subscriber FROM unnest(%s::bigint[], %s::bigint[]) v(subscriber, newest)"
    " JOIN flowkit.run r ON r.subscriber = v.subscriber AND r.status < 2 WHERE r.id > v.newest"
)
NEWER_PAST: Final = (
    "SELECT DISTINCT v.subscriber FROM unnest(%s::bigint[], %s::bigint[]) v(subscriber, latest)"
    " JOIN flowkit.history h ON h.subscriber = v.subscriber WHERE h.id > v.latest"
)
LATEST: Final = (
    "SELECT subscriber, max(id) FROM flowkit.history WHERE subscriber = ANY(%s::bigint[]) GROUP BY subscriber"
)
PAST: Final = (
    "SELECT s.name, h.type, h.at, h.body FROM flowkit.subscriber s JOIN flowkit.history h ON h.subscriber = s.id"
    " WHERE s.name = ANY(%s::text[]) AND h.type = ANY(%s::text[]) ORDER BY h.subscriber, h.type, h.at, h.id"
)
NEW_PAST: Final = (
    "INSERT INTO flowkit.history(subscriber, type, at, body) SELECT v.subscriber, v.type, v.at, v.body"
    " FROM unnest(%s::bigint[], %s::text[], %s::bigint[], %s::text[])"
    " WITH ORDINALITY v(subscriber, type, at, body, place) ORDER BY v.place"
)
PRUNE_OLD: Final = (
    "DELETE FROM flowkit.history h USING unnest(%s::bigint[], %s::text[], %s::bigint[]) v(subscriber, type, before)"
    " WHERE h.subscriber = v.subscriber AND h.type = v.type AND h.at <= v.before"
)
PRUNE_SURPLUS: Final = (
    "DELETE FROM flowkit.history WHERE id IN (SELECT id FROM (SELECT h.id, v.latest,"
    " row_number() OVER (PARTITION BY h.subscriber, h.type ORDER BY h.at DESC, h.id DESC) AS place"
    " FROM unnest(%s::bigint[], %s::text[], %s::bigint[]) v(subscriber, type, latest)"
    " JOIN flowkit.history h ON h.subscriber = v.subscriber AND h.type = v.type) ranked WHERE place > latest)"
)

ASSIGNED: Final = (
    "SELECT s.name, a.split, a.label FROM flowkit.subscriber s JOIN flowkit.assignment a ON a.subscriber = s.id"
    " WHERE s.name = ANY(%s::text[]) AND a.split = ANY(%s::text[])"
)
ASSIGN: Final = (
    "INSERT INTO flowkit.assignment(subscriber, split, label)"
    " SELECT * FROM unnest(%s::bigint[], %s::text[], %s::text[])"
    " ON CONFLICT(subscriber, split) DO UPDATE SET label = excluded.label WHERE assignment.label <> excluded.label"
)

TOTALS: Final = (
    "SELECT w.name, t.entries FROM flowkit.workflow w JOIN flowkit.total t ON t.workflow = w.id"
    " WHERE w.name = ANY(%s::text[])"
)
NEW_TOTALS: Final = (
    "INSERT INTO flowkit.total(workflow, entries) SELECT v, 0 FROM unnest(%s::integer[]) v ORDER BY v"
    " ON CONFLICT DO NOTHING"
)
LOCK_TOTALS: Final = (
    "SELECT workflow, entries FROM flowkit.total WHERE workflow = ANY(%s::integer[]) ORDER BY workflow FOR UPDATE"
)
ADD_ENTRIES: Final = (
    "INSERT INTO flowkit.total(workflow, entries) SELECT v.workflow, v.entries"
    " FROM unnest(%s::integer[], %s::bigint[]) v(workflow, entries) ORDER BY v.workflow"
    " ON CONFLICT(workflow) DO UPDATE SET entries = total.entries + excluded.entries"
)

# -- what is written --------------------------------------------------------------------------------------------------

LOCK_RUNS: Final = "SELECT id, sequence FROM flowkit.run WHERE id = ANY(%s::bigint[]) ORDER BY id FOR UPDATE"
NEW_PHRASE: Final = "INSERT INTO flowkit.phrase(text) VALUES(%s) RETURNING id"
PHRASES: Final = "SELECT id, text FROM flowkit.phrase WHERE id = ANY(%s::integer[])"
NEWEST_PHRASES: Final = "SELECT id, text FROM flowkit.phrase ORDER BY id DESC LIMIT 5000"
# Runs and what their journals begin with, numbered in the order of the batch.
BEGIN: Final = (
    "WITH given AS MATERIALIZED (SELECT * FROM unnest(%s::bytea[], %s::bigint[], %s::smallint[], %s::integer[],"
    " %s::text[], %s::bigint[], %s::integer[], %s::bigint[], %s::text[], %s::integer[], %s::text[]) WITH ORDINALITY"
    " v(key, subscriber, status, phrase, state, due, version, entered, origin, told, body, place)),"
    " begun AS"
    " (INSERT INTO flowkit.run(key, subscriber, status, phrase, state, due, version, entered, origin, sequence)"
    " SELECT key, subscriber, status, phrase, state, due, version, entered, origin, 1 FROM given ORDER BY place"
    " RETURNING id, key, subscriber)"
    " INSERT INTO flowkit.journal(subscriber, run, at, phrase, body)"
    " SELECT b.subscriber, b.id, %s, v.told, v.body FROM begun b JOIN given v ON v.key = b.key"
    " WHERE v.told IS NOT NULL OR v.body IS NOT NULL ORDER BY v.place"
)
# Runs that go on, whose rows are locked and are as they were read.
MOVE: Final = (
    "WITH moved AS (UPDATE flowkit.run r SET status = v.status, phrase = v.phrase, state = v.state, due = v.due,"
    " version = coalesce(v.version, r.version), sequence = r.sequence + 1"
    " FROM unnest(%s::bigint[], %s::smallint[], %s::integer[], %s::text[], %s::bigint[], %s::integer[], %s::integer[],"
    " %s::text[]) WITH ORDINALITY v(run, status, phrase, state, due, version, told, body, place)"
    " WHERE r.id = v.run RETURNING r.id, r.subscriber, v.told, v.body, v.place)"
    " INSERT INTO flowkit.journal(subscriber, run, at, phrase, body)"
    " SELECT subscriber, id, %s, told, body FROM moved WHERE told IS NOT NULL OR body IS NOT NULL ORDER BY place"
)
WRITE: Final = (
    "INSERT INTO flowkit.journal(subscriber, at, phrase, body, about) SELECT v.subscriber, %s, v.told, v.body, v.about"
    " FROM unnest(%s::bigint[], %s::integer[], %s::text[], %s::integer[]) WITH ORDINALITY"
    " v(subscriber, told, body, about, place) ORDER BY v.place"
)

# -- the suppression list ---------------------------------------------------------------------------------------------

BANS: Final = (
    "SELECT s.name, b.reason, b.scope FROM flowkit.subscriber s"
    " JOIN flowkit.suppression b ON b.subscriber = s.id AND b.lifted IS NULL"
    " WHERE s.name = ANY(%s::text[]) ORDER BY b.id"
)
# Who is on the list is left as it is.
NEW_BANS: Final = (
    "INSERT INTO flowkit.suppression(subscriber, reason, scope, since) SELECT v.subscriber, v.reason, v.scope, %s"
    " FROM unnest(%s::bigint[], %s::text[], %s::text[]) WITH ORDINALITY v(subscriber, reason, scope, place)"
    " ORDER BY v.place ON CONFLICT DO NOTHING RETURNING subscriber"
)
LIFT: Final = (
    "UPDATE flowkit.suppression b SET lifted = %s FROM flowkit.subscriber s WHERE s.id = b.subscriber"
    " AND s.name = ANY(%s::text[]) AND b.reason = %s AND b.lifted IS NULL RETURNING s.name"
)
SUPPRESSIONS: Final = (
    "SELECT b.id, s.name, b.reason, b.scope, b.since, b.lifted FROM flowkit.suppression b"
    " JOIN flowkit.subscriber s ON s.id = b.subscriber WHERE b.id > %s"
)

# -- places and buckets -----------------------------------------------------------------------------------------------

# Who asks for places of a subscriber asks alone. By few locks, as the server has room for a limited number.
LOCK_PLACES: Final = (
    "SELECT pg_advisory_xact_lock(%s, stripe) FROM (SELECT DISTINCT (hashtextextended(v, 0) & 255)::integer AS stripe"
    " FROM unnest(%s::text[]) v ORDER BY stripe) stripes"
)
FORGET_PLACES: Final = (
    "DELETE FROM flowkit.place WHERE ctid = ANY(ARRAY(SELECT ctid FROM flowkit.place WHERE until <= %s"
    " FOR UPDATE SKIP LOCKED))"
)
PLACES: Final = (
    "SELECT p.cap, p.subscriber, p.key, p.at FROM unnest(%s::text[], %s::text[]) v(cap, subscriber)"
    " JOIN flowkit.place p ON p.cap = v.cap AND p.subscriber = v.subscriber WHERE p.until > %s"
)
TAKE_PLACES: Final = (
    "INSERT INTO flowkit.place(cap, subscriber, key, at, until) SELECT v.cap, v.subscriber, v.key, %s, v.until"
    " FROM unnest(%s::text[], %s::text[], %s::text[], %s::bigint[]) v(cap, subscriber, key, until)"
    " ON CONFLICT(cap, subscriber, key)"
    " DO UPDATE SET at = greatest(place.at, excluded.at), until = greatest(place.until, excluded.until)"
)
DROP_PLACES: Final = "DELETE FROM flowkit.place WHERE key = ANY(%s::text[])"
BUCKET: Final = "SELECT origin, next, used, void, sequence FROM flowkit.bucket WHERE name = %s"
NEW_BUCKET: Final = (
    "INSERT INTO flowkit.bucket(origin, next, used, void, name, sequence) VALUES(%s, %s, %s, %s, %s, %s + 1)"
    " ON CONFLICT DO NOTHING"
)
NEXT_BUCKET: Final = (
    "UPDATE flowkit.bucket SET origin = %s, next = %s, used = %s, void = %s, sequence = sequence + 1"
    " WHERE name = %s AND sequence = %s"
)

# -- editions and sweeps ----------------------------------------------------------------------------------------------

EDITIONS: Final = (
    "SELECT e.number, w.name, e.hash, e.document, e.templates, e.live, e.published, w.hold FROM flowkit.edition e"
    " JOIN flowkit.workflow w ON w.id = e.workflow"
)
SWEEPS: Final = "SELECT name, workflow, kind, due, plan, sequence FROM flowkit.sweep"
TAKE_SWEEP: Final = (
    f"UPDATE flowkit.sweep SET until = {CLOCK} + %s WHERE name = (SELECT name FROM flowkit.sweep"
    f" WHERE due <= %s AND until <= {CLOCK} ORDER BY due, name LIMIT 1 FOR UPDATE SKIP LOCKED)"
    " RETURNING name, workflow, kind, due, plan, sequence"
)
NEW_SWEEP: Final = (
    "INSERT INTO flowkit.sweep(workflow, kind, due, plan, name, sequence, until) VALUES(%s, %s, %s, %s, %s, %s + 1, 0)"
    " ON CONFLICT DO NOTHING"
)
NEXT_SWEEP: Final = (
    "UPDATE flowkit.sweep SET workflow = %s, kind = %s, due = %s, plan = %s, until = 0, sequence = sequence + 1"
    " WHERE name = %s AND sequence = %s"
)
REPLACE_SWEEP: Final = (
    "INSERT INTO flowkit.sweep(workflow, kind, due, plan, name, sequence, until) VALUES(%s, %s, %s, %s, %s, 1, 0)"
    " ON CONFLICT(name) DO UPDATE SET workflow = excluded.workflow, kind = excluded.kind, due = excluded.due,"
    " plan = excluded.plan, until = 0, sequence = sweep.sequence + 1"
)
