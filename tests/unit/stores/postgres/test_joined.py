"""A host's transaction in PostgreSQL that flowkit joins, through whatever the host holds it by."""

from contextlib import closing

import psycopg
import pytest
import sqlalchemy
from django.conf import settings
from django.db import connections, transaction

from flowkit.adapters.clock import VirtualClock
from flowkit.engine.sync import Engine
from flowkit.errors import ConfigurationError, RetryTransaction, StoreBusy, StoreError
from flowkit.stores.postgres import PostgresStore
from tests.support.journeys import START, kinds, node, opened, signup, signups, wait, workflow
from tests.unit.stores.postgres.test_faults import SOON, counts, trouble


@pytest.fixture
def store(new_postgres):
    with closing(PostgresStore(new_postgres.dsn, schema=new_postgres.schema, timeout=SOON)) as kept:
        yield kept


@pytest.fixture
def engine(store):
    made = Engine(store, clock=VirtualClock(START))
    made.publish(workflow(node("start", wait())))
    return made


@pytest.fixture
def shop(new_postgres, engine):
    """A host's connection, on which a table of its own is there and a transaction begins with the first statement."""
    with closing(new_postgres.connect()) as connection:
        connection.execute(f'SET search_path TO "{new_postgres.schema}"')
        connection.execute("CREATE TABLE orders(id text)")
        connection.commit()
        yield connection


def orders(shop):
    return [name for (name,) in shop.execute("SELECT id FROM orders ORDER BY id").fetchall()]


@pytest.mark.parametrize("kept", [True, False])
def test_the_event_is_committed_or_rolled_back_with_the_order(engine, shop, kept):
    shop.execute("INSERT INTO orders VALUES('o1')")
    assert engine.ingest(signups(2), connection=shop).started == 2
    again = engine.ingest([signup("s0"), opened("s0")], connection=shop)
    assert (again.duplicates, again.accepted) == (1, 1), "what came before in the transaction is seen in it"
    assert engine.runs() == [], "and is nobody else's before the commit"
    (shop.commit if kept else shop.rollback)()
    assert len(engine.runs()) == (2 if kept else 0)
    assert orders(shop) == (["o1"] if kept else [])
    assert engine.ingest(signups(2)).started == (0 if kept else 2)
    assert kinds(engine.journal(subscriber_id="s1")) == ["entered@start", "waiting@start"]


def test_a_transaction_may_begin_with_what_is_joined_to_it(engine, shop):
    """The driver begins it by itself; the host ends it."""
    assert engine.ingest([signup()], connection=shop).started == 1
    assert shop.info.transaction_status == psycopg.pq.TransactionStatus.INTRANS
    shop.commit()
    assert len(engine.runs()) == 1


def test_a_block_of_the_drivers_is_joined(engine, new_postgres):
    with new_postgres.connect(autocommit=True) as connection:
        with pytest.raises(ConfigurationError, match="begin one"):
            engine.ingest([signup()], connection=connection)
        with connection.transaction():
            engine.ingest([signup()], connection=connection)
        assert len(engine.runs()) == 1
        with connection.transaction(force_rollback=True):
            engine.ingest([signup("other")], connection=connection)
    assert len(engine.runs()) == 1


def test_the_kind_of_rows_and_cursors_is_the_hosts_affair(engine, new_postgres):
    options = {"row_factory": psycopg.rows.dict_row, "cursor_factory": psycopg.ClientCursor}
    with new_postgres.connect(**options) as connection:
        engine.ingest([signup("o'hara 50%")], connection=connection)
    assert [run.subscriber_id for run in engine.runs()] == ["o'hara 50%"]


def test_what_fails_leaves_the_hosts_transaction_as_it_was(engine, shop, new_postgres):
    """The order is kept, although flowkit could keep nothing."""
    shop.execute("INSERT INTO orders VALUES('o1')")
    before = counts(new_postgres)
    with trouble(new_postgres, "journal", "RAISE EXCEPTION 'no room' USING ERRCODE = '53100'"):
        with pytest.raises(StoreError, match="53100"):
            engine.ingest(signups(2), connection=shop)
        shop.execute("INSERT INTO orders VALUES('o2')")
        shop.commit()
    assert orders(shop) == ["o1", "o2"]
    assert counts(new_postgres) == before | {"orders": 2}


def test_a_row_that_stays_locked_leaves_the_hosts_transaction_as_it_was(engine, shop, new_postgres):
    engine.ingest([signup("s0")])
    shop.execute("SET LOCAL lock_timeout = '50ms'")
    shop.execute("INSERT INTO orders VALUES('o1')")
    with new_postgres.connect() as holder:
        holder.execute(f'SELECT FROM "{new_postgres.schema}".subscriber FOR UPDATE')
        with pytest.raises(StoreBusy):
            engine.ingest([signup("s0", "2")], connection=shop)
    assert engine.ingest([signup("s0", "2")], connection=shop).accepted == 1
    shop.commit()
    assert orders(shop) == ["o1"]


@pytest.mark.parametrize("state", ["40001", "40P01"])
def test_what_was_undone_for_others_is_the_hosts_to_do_again(engine, shop, new_postgres, state):
    raised = f"RAISE EXCEPTION 'undone' USING ERRCODE = '{state}'"
    with trouble(new_postgres, "journal", raised), pytest.raises(RetryTransaction, match=state):
        engine.ingest([signup()], connection=shop)
    shop.rollback()
    assert engine.ingest([signup()], connection=shop).started == 1


def test_a_transaction_that_has_failed_cannot_be_joined(engine, shop):
    with pytest.raises(psycopg.errors.DivisionByZero):
        shop.execute("SELECT 1 / 0")
    with pytest.raises(RetryTransaction, match="failed already"):
        engine.ingest([signup()], connection=shop)


@pytest.mark.parametrize("level", ["REPEATABLE READ", "SERIALIZABLE"])
def test_a_transaction_that_does_not_see_what_others_write_cannot_be_joined(engine, new_postgres, level):
    """It would decide on rows that are no more as it sees them."""
    with new_postgres.connect(autocommit=True) as connection:
        connection.execute(f"BEGIN ISOLATION LEVEL {level}")
        with pytest.raises(ConfigurationError, match="READ COMMITTED"):
            engine.ingest([signup()], connection=connection)


def test_two_hosts_who_report_the_same_subscriber_wait_for_each_other(engine, store, new_postgres, shop):
    """The second one sees what the first one committed: one entry, and one that the rules refuse or allow upon it."""
    engine.ingest([signup("s", "1")], connection=shop)
    with pytest.raises(StoreBusy):
        engine.ingest([signup("s", "2")])
    shop.commit()
    assert engine.ingest([signup("s", "2")]).accepted == 1
    assert engine.ingest([signup("s", "1"), signup("s", "2")]).duplicates == 2


# ------------------------------------------------------------------------------------------------------------
# What hosts hold a connection by


def test_a_session_of_sqlalchemy_is_joined(engine, new_postgres):
    bound = sqlalchemy.create_engine("postgresql+psycopg://", creator=new_postgres.connect)
    orders_of = sqlalchemy.text(f'SELECT count(*) FROM "{new_postgres.schema}".orders')  # noqa: S608 - a name of ours
    with bound.begin() as connection:
        connection.execute(sqlalchemy.text(f'CREATE TABLE "{new_postgres.schema}".orders(id text)'))
        connection.execute(sqlalchemy.text(f"INSERT INTO \"{new_postgres.schema}\".orders VALUES('o1')"))
        engine.ingest([signup("a")], connection=connection)
    with bound.connect() as connection:
        engine.ingest([signup("b")], connection=connection.connection.driver_connection)
        engine.ingest([signup("c")], connection=connection.connection)
        connection.rollback()
        assert connection.execute(orders_of).scalar() == 1
    bound.dispose()
    assert [run.subscriber_id for run in engine.runs()] == ["a"]


def test_a_connection_of_django_is_joined(engine, new_postgres):
    given = psycopg.conninfo.conninfo_to_dict(new_postgres.dsn)
    database = {
        "ENGINE": "django.db.backends.postgresql",
        "NAME": given["dbname"],
        "USER": given.get("user", ""),
        "HOST": given.get("host", ""),
        "PORT": given.get("port", ""),
        "PASSWORD": given.get("password", ""),
    }
    if not settings.configured:
        settings.configure(DATABASES={"default": database}, USE_TZ=True)
    connections.databases["flowkit"] = connections.databases["default"] | database
    connection = connections["flowkit"]
    with transaction.atomic(using="flowkit"):
        engine.ingest([signup("a")], connection=connection)
    with transaction.atomic(using="flowkit"):
        engine.ingest([signup("b")], connection=connection)
        transaction.set_rollback(True, using="flowkit")
    with pytest.raises(ConfigurationError, match="begin one"):
        engine.ingest([signup("c")], connection=connection)
    connection.close()
    assert [run.subscriber_id for run in engine.runs()] == ["a"]
