"""A host's transaction that flowkit joins: both commit or both roll back, and nothing else learns of it before."""

import sqlite3
from concurrent.futures import ThreadPoolExecutor
from copy import deepcopy
from threading import Event

import pytest

from flowkit.adapters.clock import VirtualClock
from flowkit.engine.sync import Engine
from flowkit.errors import ConfigurationError, RetryTransaction, StoreError
from flowkit.stores.memory import MemoryStore
from flowkit.stores.sqlite import SqliteStore
from tests.support.journeys import (
    START,
    check,
    host,
    kinds,
    node,
    opened,
    signup,
    signups,
    sqlite_store,
    wait,
    workflow,
)

SERIES = workflow(node("start", wait(), check(), engagement_threshold={"opens": 1}))


@pytest.fixture
def path(tmp_path):
    return tmp_path / "shop.db"


@pytest.fixture
def store(path):
    with sqlite_store(path) as kept:
        yield kept


@pytest.fixture
def engine(store):
    made = Engine(store, clock=VirtualClock(START))
    made.publish(SERIES)
    return made


@pytest.fixture
def shop(path, engine):
    with host(path) as connection:
        connection.execute("CREATE TABLE orders(id TEXT)")
        connection.execute("COMMIT")
        connection.execute("BEGIN IMMEDIATE")
        yield connection


def caches(store: SqliteStore) -> dict[str, object]:
    """What a store remembers of what it read and wrote."""
    shared = store._shared
    names = ("states", "workflows", "names", "workflow_of")
    phrases = shared.phrases
    return deepcopy(
        {name: getattr(shared, name) for name in names}
        | {"texts": phrases._texts, "numbers": phrases._numbers, "added": phrases._added}
    )


def test_the_event_is_committed_with_the_order(engine, shop):
    shop.execute("INSERT INTO orders VALUES('o1')")
    done = engine.ingest(signups(2), connection=shop)
    assert done.started == 2
    assert engine.runs() == [], "it is nobody else's before the commit"
    assert engine.journal() == []
    shop.execute("COMMIT")
    assert [run.subscriber_id for run in engine.runs()] == ["s0", "s1"]
    assert shop.execute("SELECT id FROM orders").fetchall() == [("o1",)]


def test_the_event_is_rolled_back_with_the_order(engine, shop):
    shop.execute("INSERT INTO orders VALUES('o1')")
    engine.ingest(signups(2), connection=shop)
    assert shop.in_transaction
    shop.execute("ROLLBACK")
    assert engine.runs() == []
    assert engine.journal() == []
    assert shop.execute("SELECT id FROM orders").fetchall() == []
    assert engine.ingest(signups(2)).started == 2, "the events were not accepted, so they are new"


def test_what_came_before_in_the_transaction_is_seen_in_it(engine, shop):
    assert engine.ingest([signup()], connection=shop).started == 1
    again = engine.ingest([signup(), opened()], connection=shop)
    assert (again.duplicates, again.accepted) == (1, 1)
    shop.execute("COMMIT")
    [run] = engine.runs()
    assert run.state.counts == (("email_open", 1),)
    assert kinds(engine.journal()) == ["entered@start", "waiting@start", "observed@start"]


def test_nothing_outside_the_transaction_changes_before_its_commit(engine, store, shop):
    before = caches(store)
    engine.ingest(signups(3), connection=shop)
    engine.ingest([opened("s0"), opened("s1")], connection=shop)
    store.joined(shop).runs()
    store.joined(shop).lines()
    assert caches(store) == before
    shop.execute("ROLLBACK")
    assert caches(store) == before


def test_numbers_that_a_roll_back_freed_are_given_again(engine, path, shop):
    engine.ingest(signups(3), connection=shop)
    engine.ingest([opened("s0"), opened("s1")], connection=shop)
    shop.execute("ROLLBACK")
    engine.publish(workflow(node("other", wait()), workflow_id="other", event="visit"))
    for subscriber in range(3):
        engine.ingest([signup(f"t{subscriber}")])
    engine.ingest(signups(3))
    with sqlite_store(path) as afresh:
        assert {run.state.node for run in afresh.runs()} == {"start"}
        assert afresh.runs() == engine.runs()
        assert afresh.lines() == engine.journal()


def test_a_version_that_is_published_while_the_transaction_is_open_waits_for_it(engine, path, shop):
    with sqlite_store(path) as elsewhere:
        engine.ingest([signup()], connection=shop)
        shop.execute("COMMIT")
        Engine(elsewhere).publish(workflow(node("start", wait()), node("new")))
        shop.execute("BEGIN IMMEDIATE")
        engine.ingest([signup("late")], connection=shop)
        shop.execute("COMMIT")
    assert [run.version for run in engine.runs()] == [1, 2]


def test_a_stale_snapshot_is_told_to_begin_with_immediate(engine, path):
    with host(path, "BEGIN") as connection:
        connection.execute("SELECT count(*) FROM flowkit_run").fetchone()
        engine.ingest([signup("other")])
        with pytest.raises(RetryTransaction, match="BEGIN IMMEDIATE"):
            engine.ingest([signup()], connection=connection)
        assert connection.in_transaction, "only the host ends it"
        connection.execute("ROLLBACK")
        connection.execute("BEGIN IMMEDIATE")
        engine.ingest([signup()], connection=connection)
        connection.execute("COMMIT")
    assert [run.subscriber_id for run in engine.runs()] == ["other", "s"]


def test_a_transaction_that_somebody_else_holds_up_is_told_to_retry(engine, path, shop):
    with host(path, "BEGIN", timeout=0) as second, pytest.raises(RetryTransaction):
        engine.ingest([signup()], connection=second)


def test_the_default_way_of_the_driver_is_joined_as_well(engine, path):
    """A connection as `sqlite3.connect` gives it begins a transaction by itself, at flowkit's first write."""
    connection = sqlite3.connect(path)
    try:
        engine.ingest([signup("kept")], connection=connection)
        connection.commit()
        engine.ingest([signup("undone")], connection=connection)
        connection.rollback()
    finally:
        connection.close()
    assert [run.subscriber_id for run in engine.runs()] == ["kept"]


def test_a_connection_in_autocommit_mode_is_refused(engine, path):
    with host(path, begin=None) as connection, pytest.raises(ConfigurationError, match="BEGIN IMMEDIATE"):
        engine.ingest([signup()], connection=connection)
    assert engine.runs() == []


@pytest.mark.skipif(not hasattr(sqlite3, "LEGACY_TRANSACTION_CONTROL"), reason="this sqlite3 has no such mode")
def test_a_connection_in_the_autocommit_mode_of_the_standard_is_refused(engine, path):
    connection = sqlite3.connect(path, autocommit=True)
    try:
        with pytest.raises(ConfigurationError, match="BEGIN IMMEDIATE"):
            engine.ingest([signup()], connection=connection)
    finally:
        connection.close()
    assert engine.runs() == []


@pytest.mark.parametrize("connection", [object(), "shop.db"])
def test_what_is_no_connection_is_refused(engine, connection):
    with pytest.raises(ConfigurationError, match=type(connection).__name__):
        engine.ingest([signup()], connection=connection)


def test_memory_takes_part_in_no_transaction(shop):
    with pytest.raises(ConfigurationError, match="MemoryStore"):
        Engine(MemoryStore()).ingest([signup()], connection=shop)


def test_a_batch_that_cannot_be_written_leaves_the_rest_of_the_transaction(engine, path, shop):
    """What flowkit did within the transaction is undone to the savepoint; the host's rows stand."""
    shop.execute("INSERT INTO orders VALUES('o1')")
    shop.execute("CREATE TEMP TRIGGER broken BEFORE INSERT ON main.flowkit_journal BEGIN SELECT RAISE(FAIL, 'no'); END")
    with pytest.raises(StoreError, match="refused: no"):
        engine.ingest([signup()], connection=shop)
    assert shop.in_transaction
    shop.execute("COMMIT")
    assert shop.execute("SELECT id FROM orders").fetchall() == [("o1",)]
    assert engine.runs() == []
    assert engine.ingest([signup()]).accepted == 1


def test_a_worker_that_waits_for_the_transaction_does_not_hold_it_up(store, engine, shop):
    waits = Event()
    store._session.connection.set_trace_callback(lambda statement: statement.startswith("BEGIN") and waits.set())
    with ThreadPoolExecutor(max_workers=1) as pool:
        worker = pool.submit(engine.ingest, [signup("other")])
        assert waits.wait(timeout=30)
        assert engine.ingest([signup("ada")], connection=shop).started == 1
        shop.execute("COMMIT")
        assert worker.result(timeout=30).started == 1
    assert {run.subscriber_id for run in engine.runs()} == {"ada", "other"}
