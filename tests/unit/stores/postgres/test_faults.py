"""PostgreSQL when it is full, busy, newer, restarted or gone: typed errors, nothing half written, nothing lost."""

from concurrent.futures import ThreadPoolExecutor
from contextlib import closing, contextmanager
from datetime import timedelta
from threading import Event as Signal

import psycopg
import pytest
from psycopg import sql
from psycopg_pool import ConnectionPool

from flowkit.adapters.clock import VirtualClock
from flowkit.engine.sync import Engine
from flowkit.errors import ConfigurationError, StoreBusy, StoreError, StoreUnavailable, StoreVersionError
from flowkit.events import NO_NEEDS
from flowkit.stores.postgres import PostgresStore
from flowkit.testing.recording import RecordingSender
from tests.support.journeys import START, node, send, signup, signups, wait, workflow
from tests.support.postgres import fresh, started

SOON = timedelta(milliseconds=100)


def opened(database, **options):
    return closing(PostgresStore(database.dsn, schema=database.schema, **options))


def engine_on(store, sender=None):
    engine = Engine(store, clock=VirtualClock(START), sender=sender or RecordingSender(needs=NO_NEEDS))
    engine.publish(workflow(node("start", send(), wait())))
    return engine


def counts(database):
    with database.connect() as connection:
        tables = connection.execute("SELECT tablename FROM pg_tables WHERE schemaname = %s", (database.schema,))
        return {
            name: connection.execute(f'SELECT count(*) FROM "{database.schema}"."{name}"').fetchone()[0]  # noqa: S608
            for (name,) in tables.fetchall()
        }


@contextmanager
def trouble(database, table, action, *, constraint="", timing="BEFORE INSERT"):
    """Have something happen with every row that is written into a table."""
    schema = database.schema
    with database.connect(autocommit=True) as connection:
        connection.execute(f'CREATE SEQUENCE IF NOT EXISTS "{schema}".times')
        connection.execute(
            f'CREATE FUNCTION "{schema}".trouble() RETURNS trigger LANGUAGE plpgsql AS'
            f" $$ BEGIN {action.replace('times()', f'nextval({chr(39)}{schema}.times{chr(39)})')}; RETURN NEW; END $$"
        )
        connection.execute(
            f'CREATE {"CONSTRAINT " if constraint else ""}TRIGGER trouble {timing} ON "{schema}"."{table}" {constraint}'
            f' FOR EACH ROW EXECUTE FUNCTION "{schema}".trouble()'
        )
    try:
        yield
    finally:
        with database.connect(autocommit=True) as connection:
            connection.execute(f'DROP FUNCTION "{schema}".trouble CASCADE')
            connection.execute(f'DROP SEQUENCE "{schema}".times')


FULL = "RAISE EXCEPTION 'could not extend file: No space left on device' USING ERRCODE = '53100'"
END_SESSION = "IF times() = 1 THEN PERFORM pg_terminate_backend(pg_backend_pid()); END IF"


# ------------------------------------------------------------------------------------------------------------
# Opening


@pytest.mark.parametrize(
    ("options", "told"),
    [
        ({"schema": 'a"b'}, "schema"),
        ({"schema": ""}, "schema"),
        ({"schema": "x" * 64}, "schema"),
        ({"synchronous_commit": "FULL"}, "synchronous_commit"),
        ({"connections": 0}, "connections"),
    ],
)
def test_what_cannot_be_meant_is_refused_before_anybody_connects(options, told):
    with pytest.raises(ConfigurationError, match=told):
        PostgresStore(lambda: pytest.fail("it connected"), **options)


@pytest.mark.parametrize("connect", ["host=/nowhere dbname", 7])
def test_what_names_no_server_is_refused(connect):
    with pytest.raises(ConfigurationError, match="connect"):
        PostgresStore(connect)


def test_a_server_that_is_not_there_is_out_of_reach(tmp_path):
    with pytest.raises(StoreUnavailable, match="out of reach"):
        PostgresStore(f"host={tmp_path} dbname=postgres")


def test_a_newer_schema_is_refused_without_a_write(new_postgres):
    with opened(new_postgres) as store:
        engine_on(store).ingest([signup()])
    with new_postgres.connect() as connection:
        newer = "UPDATE {} SET value = value + 1 WHERE name = 'schema'"
        connection.execute(sql.SQL(newer).format(sql.Identifier(new_postgres.schema, "meta")))
    before = counts(new_postgres)
    with pytest.raises(StoreVersionError, match="schema 2"):
        PostgresStore(new_postgres.dsn, schema=new_postgres.schema)
    assert counts(new_postgres) == before


def test_many_who_open_an_empty_schema_at_once_make_its_tables_once(new_postgres):
    with ThreadPoolExecutor(6) as threads:
        stores = list(threads.map(lambda _: PostgresStore(new_postgres.dsn, schema=new_postgres.schema), range(6)))
    for store in stores:
        assert store.next_due() is None
        store.close()


def test_two_schemas_know_nothing_of_each_other(postgres, new_postgres):
    with opened(postgres) as one, opened(new_postgres) as other:
        engine_on(one).ingest(signups(2))
        engine_on(other).ingest([signup("s0")])
        assert [len(store.runs()) for store in (one, other)] == [2, 1]


# ------------------------------------------------------------------------------------------------------------
# Where connections come from


def test_connections_may_be_the_hosts_own_to_make(postgres):
    """In whichever mode, and with whatever rows, the host makes them."""
    made = []

    def connect():
        made.append(psycopg.connect(postgres.dsn, row_factory=psycopg.rows.dict_row))
        return made[-1]

    with closing(PostgresStore(connect, schema=postgres.schema)) as store:
        engine = engine_on(store)
        engine.ingest(signups(3))
        assert engine.advance().done == 3
    assert [connection.closed for connection in made] == [True], "one is enough, and the store closes what it asked for"


def test_connections_may_come_from_a_pool(postgres):
    with ConnectionPool(postgres.dsn, min_size=1, max_size=2, open=True) as pool:
        store = PostgresStore(pool, schema=postgres.schema)
        engine = engine_on(store)
        engine.ingest(signups(3))
        assert engine.advance().done == 3
        store.close()
        with pool.connection() as connection:
            assert not connection.autocommit, "it is given back as it was lent"
            assert connection.execute("SELECT 1").fetchone() == (1,)


def test_more_threads_than_connections_wait_and_are_told(postgres):
    """One connection is in use while the row that it wants is locked."""
    with opened(postgres, connections=1, timeout=SOON) as store:
        engine = engine_on(store)
        engine.ingest([signup()])
        with (
            ThreadPoolExecutor(1) as threads,
            store._connections.lend(),
            pytest.raises(StoreBusy, match="connections"),
        ):
            threads.submit(engine.runs).result()
        assert len(engine.runs()) == 1


def test_a_closed_store_says_so(postgres):
    with opened(postgres) as store:
        engine = engine_on(store)
    with pytest.raises(ConfigurationError, match="closed"):
        engine.ingest([signup()])


# ------------------------------------------------------------------------------------------------------------
# Busy


def test_a_row_that_stays_locked_takes_nothing_and_says_so(postgres):
    with opened(postgres, timeout=SOON) as store:
        engine = engine_on(store)
        engine.ingest(signups(2))
        before = counts(postgres)
        with postgres.connect() as holder:
            holder.execute(f"SELECT FROM \"{postgres.schema}\".subscriber WHERE name = 's0' FOR UPDATE")
            with pytest.raises(StoreBusy, match="nothing was written"):
                engine.ingest([signup("s0", "2"), signup("new")])
            assert counts(postgres) == before
            assert engine.ingest([signup("other")]).started == 1, "nobody else is held up"
            assert len(engine.runs()) == 3, "and to read is always possible"
        assert engine.ingest([signup("s0", "2"), signup("new")]).accepted == 2


def test_what_others_hold_is_left_to_them_and_the_rest_is_done(postgres):
    """A worker does not wait for runs that an event is writing to."""
    with opened(postgres) as store:
        engine = engine_on(store)
        engine.ingest(signups(3))
        with postgres.connect() as holder:
            holder.execute(f'SELECT FROM "{postgres.schema}".run ORDER BY id LIMIT 1 FOR UPDATE')
            assert engine.advance().done == 2
        assert engine.advance().done == 1


@pytest.mark.parametrize("state", ["40001", "40P01"])
def test_what_was_undone_for_others_is_done_again(new_postgres, state):
    with opened(new_postgres) as store:
        engine = engine_on(store)
        engine.ingest([signup("first")])
        raised = f"IF times() < 4 THEN RAISE EXCEPTION 'undone' USING ERRCODE = '{state}'; END IF"
        with trouble(new_postgres, "journal", raised):
            assert engine.ingest(signups(3)).started == 3
        before = counts(new_postgres)
        with (
            trouble(new_postgres, "journal", f"RAISE EXCEPTION 'undone' USING ERRCODE = '{state}'"),
            pytest.raises(StoreBusy, match="at every attempt"),
        ):
            engine.ingest([signup("late")])
        assert counts(new_postgres) == before
        assert engine.ingest([signup("late")]).started == 1
        assert engine.advance().done == 5


def test_two_who_lock_in_the_other_order_both_come_through(new_postgres):
    """A host that holds one subscriber and wants the other, against a batch of both: the server ends the deadlock."""
    with opened(new_postgres, timeout=timedelta(seconds=30)) as store:
        engine = engine_on(store)
        engine.ingest(signups(2))
        rows = f'SELECT FROM "{new_postgres.schema}".subscriber WHERE name = %s FOR UPDATE'
        with ThreadPoolExecutor(1) as threads, new_postgres.connect() as holder:
            holder.execute("SET deadlock_timeout = '60s'")  # So it is the store that is undone.
            holder.execute(rows, ("s1",))
            batch = threads.submit(engine.ingest, [signup("s0", "2"), signup("s1", "2")])
            waiting = "SELECT count(*) FROM pg_stat_activity WHERE wait_event_type = 'Lock' AND pid <> pg_backend_pid()"
            with new_postgres.connect(autocommit=True) as watcher:
                while not watcher.execute(waiting).fetchone()[0]:
                    assert not batch.done()
            holder.execute(rows, ("s0",))
            holder.commit()
            assert batch.result(60).accepted == 2


# ------------------------------------------------------------------------------------------------------------
# Full


def test_a_full_disk_half_writes_no_event_and_the_store_goes_on_when_there_is_room(new_postgres):
    with opened(new_postgres) as store:
        engine = engine_on(store)
        engine.ingest([signup("first")])
        before = counts(new_postgres)
        with trouble(new_postgres, "journal", FULL), pytest.raises(StoreError, match=r"No space left.*53100"):
            engine.ingest(signups(200))
        assert counts(new_postgres) == before
        assert engine.ingest(signups(200)).started == 200
        assert engine.advance().done == 201


def test_a_full_disk_loses_no_outcome(new_postgres):
    """What was sent and could not be written is not sent again: the notes tell."""
    sender = RecordingSender(needs=NO_NEEDS)
    ticks = [0.0]
    with opened(new_postgres, lease_clock=lambda: ticks[0]) as store:
        engine = engine_on(store, sender)
        engine.ingest(signups(50))
        before = counts(new_postgres)
        with trouble(new_postgres, "journal", FULL), pytest.raises(StoreError, match="53100"):
            engine.advance()
        after = counts(new_postgres)
        assert {name for name in after if after[name] != before[name]} == {"claim", "held", "note"}
        assert len(sender.delivered) == 50
        ticks[0] += 1_000
        assert engine.advance().done == 50
        assert len(sender.delivered) == 50
        assert not sender.repeats
        assert counts(new_postgres)["note"] == counts(new_postgres)["held"] == 0


# ------------------------------------------------------------------------------------------------------------
# Gone


def test_a_connection_that_was_ended_meanwhile_is_made_again(postgres):
    with opened(postgres) as store:
        engine = engine_on(store)
        others = "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE backend_type = 'client backend'"
        with postgres.connect(autocommit=True) as operator:
            operator.execute(f"{others} AND pid <> pg_backend_pid()")
            assert engine.ingest(signups(2)).started == 2
            operator.execute(f"{others} AND pid <> pg_backend_pid()")
            assert engine.advance().done == 2


def test_a_session_that_ends_within_a_transaction_is_begun_again(new_postgres):
    with opened(new_postgres) as store:
        engine = engine_on(store)
        with trouble(new_postgres, "journal", END_SESSION):
            assert engine.ingest(signups(2)).started == 2
        assert len(engine.runs()) == 2


def test_a_session_that_ends_in_its_commit_leaves_it_open_and_the_events_may_be_told_again(new_postgres):
    with opened(new_postgres) as store:
        engine = engine_on(store)
        deferred = {"constraint": "DEFERRABLE INITIALLY DEFERRED", "timing": "AFTER INSERT"}
        with trouble(new_postgres, "journal", END_SESSION, **deferred), pytest.raises(StoreUnavailable):
            engine.ingest(signups(2))
        known = len(engine.runs())
        assert known == 0
        told = engine.ingest(signups(2))
        assert (told.started, told.duplicates) == (2, 0)


def test_a_server_that_was_stopped_is_waited_for_by_who_asks_again():
    """Stopped in good order and as by the loss of power: what was committed is there, and no send is repeated."""
    sender = RecordingSender(needs=NO_NEEDS)
    with started() as server:
        database = fresh(server.dsn)
        with opened(database) as store:
            engine = engine_on(store, sender)
            for number, mode in enumerate(("fast", "immediate")):
                assert engine.ingest(signups(10 + number)).started == (10, 1)[number]
                server.stop(mode)
                for asked in (engine.runs, engine.advance, lambda: engine.ingest([signup("late")])):
                    with pytest.raises(StoreUnavailable):
                        asked()
                with pytest.raises(StoreUnavailable):
                    PostgresStore(database.dsn, schema=database.schema)
                server.start()
                assert engine.advance().done == (10, 1)[number]
            assert len(engine.runs()) == 11
            assert len(sender.delivered) == 11
            assert not sender.repeats


class Stopping(RecordingSender):
    """A sender in one of whose calls the server dies and comes back."""

    def __init__(self, server, at):
        super().__init__(needs=NO_NEEDS)
        self.server = server
        self.at = at

    def send(self, messages):
        outcomes = super().send(messages)
        if len(self.calls) == self.at:
            self.server.stop("immediate")
            self.server.start()
        return outcomes


def test_a_server_that_dies_in_mid_batch_repeats_at_most_what_was_noted_in_its_last_moments():
    """The worker lives on: its claim is found where it was, and it writes what it has in hand."""
    with started() as server:
        database = fresh(server.dsn)
        sender = Stopping(server, 30)
        with opened(database) as store:
            engine = engine_on(store, sender)
            engine.ingest(signups(60))
            assert engine.advance().done == 60
            assert len(sender.delivered) == 60
            assert not sender.repeats
            assert {run.state.node for run in engine.runs()} == {"start"}


# ------------------------------------------------------------------------------------------------------------
# At once


def test_entries_at_the_same_time_are_let_in_as_often_as_the_rules_say(postgres):
    """Twelve workers report an event of their own of each of twenty-four subscribers, who may enter twice."""
    twice = workflow(node("start", wait()), max_executions=2)
    names = [f"s{number}" for number in range(24)]
    go = Signal()
    with opened(postgres) as first:
        Engine(first, clock=VirtualClock(START)).publish(twice)

    def report(number):
        with opened(postgres, timeout=timedelta(seconds=60)) as store:
            engine = Engine(store, clock=VirtualClock(START))
            go.wait()
            mine = names[number * 2 :] + names[: number * 2]
            return engine.ingest([signup(name, f"{number}") for name in mine]).started

    with ThreadPoolExecutor(12) as threads:
        reports = [threads.submit(report, number) for number in range(12)]
        go.set()
        entered = [one.result(120) for one in reports]
    with opened(postgres) as store:
        engine = Engine(store, clock=VirtualClock(START))
        runs = engine.runs(limit=1_000)
        assert sum(entered) == len(runs) == 48
        assert {name: sum(run.subscriber_id == name for run in runs) for name in names} == dict.fromkeys(names, 2)
        refused = [line for line in engine.journal(limit=10_000) if line.entry.kind == "refused"]
        assert len(refused) == 24 * 10


def test_workers_side_by_side_take_each_run_once(postgres):
    """Four workers over one queue: every message goes out once."""
    senders = [RecordingSender(needs=NO_NEEDS) for _ in range(4)]
    with opened(postgres) as first:
        engine_on(first).ingest(signups(200))

    def work(sender):
        with opened(postgres) as store:
            engine = Engine(store, clock=VirtualClock(START), sender=sender, batch=7)
            while engine.advance(limit=7).runs or store.next_due() == 0:
                pass

    with ThreadPoolExecutor(4) as threads:
        for done in [threads.submit(work, sender) for sender in senders]:
            done.result(120)
    keys = [message.key for sender in senders for message in sender.messages]
    assert len(keys) == len(set(keys)) == 200
