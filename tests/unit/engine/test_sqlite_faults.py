"""SQLite when it is busy, full, newer, moved about or shared: the call raises, and nothing is half written."""

import contextlib
import sqlite3
from datetime import timedelta

import pytest

from flowkit.adapters.clock import VirtualClock
from flowkit.engine.sync import Engine
from flowkit.errors import ConfigurationError, StoreBusy, StoreError, StoreVersionError
from flowkit.events import NO_NEEDS
from flowkit.runs.effects import DONE
from flowkit.stores.sqlite import SqliteStore
from flowkit.testing.recording import RecordingSender
from tests.support.journeys import (
    DAY,
    HOUR,
    NOW,
    START,
    Ticks,
    host,
    kinds,
    node,
    send,
    signup,
    signups,
    sqlite_store,
    wait,
    workflow,
)

AT_ONCE = timedelta()


@pytest.fixture
def path(tmp_path):
    return tmp_path / "flowkit.db"


def engine_on(store, sender=None):
    engine = Engine(store, clock=VirtualClock(START), sender=sender or RecordingSender(needs=NO_NEEDS))
    engine.publish(workflow(node("start", send(), wait())))
    return engine


# ------------------------------------------------------------------------------------------------------------
# Opening


@pytest.mark.parametrize("path", ["", ":memory:"])
def test_a_store_without_a_file_is_refused(path):
    """Its notes would have no place, and MemoryStore does the same in less time."""
    with pytest.raises(ConfigurationError, match="MemoryStore"):
        SqliteStore(path)


def test_an_unknown_way_to_synchronise_is_refused(path):
    with pytest.raises(ConfigurationError, match="FULL or NORMAL"):
        SqliteStore(path, synchronous="OFF")
    assert not path.exists()


def test_a_newer_schema_is_refused_without_a_write(path):
    with sqlite_store(path) as store:
        engine_on(store).ingest([signup()])
    with host(path, begin=None) as connection:
        connection.execute("UPDATE flowkit_meta SET value = value + 1 WHERE name = 'schema'")
    before = path.read_bytes()
    with pytest.raises(StoreVersionError, match="schema 3"):
        SqliteStore(path)
    assert path.read_bytes() == before
    assert [one.name for one in path.parent.iterdir()] == [path.name]


def test_a_file_that_is_no_database_is_refused(path):
    path.write_bytes(b"no database, and long enough to be sure of that" * 100)
    before = path.read_bytes()
    with pytest.raises(StoreError, match="not a database"):
        SqliteStore(path)
    assert path.read_bytes() == before


def test_a_file_that_is_locked_cannot_be_opened_for_now(path):
    with host(path, "BEGIN EXCLUSIVE"), pytest.raises(StoreBusy):
        SqliteStore(path, timeout=AT_ONCE)
    with sqlite_store(path) as store:
        assert store.next_due() is None


# ------------------------------------------------------------------------------------------------------------
# Busy


def test_a_busy_file_takes_nothing_and_says_so(path):
    with sqlite_store(path, timeout=AT_ONCE) as store:
        engine = engine_on(store)
        engine.ingest([signup("first")])
        with host(path):
            with pytest.raises(StoreBusy, match="nothing was written"):
                engine.ingest(signups(3))
            with pytest.raises(StoreBusy):
                engine.advance()
            with pytest.raises(StoreBusy):
                engine.publish(workflow(node("start", wait())))
            assert [run.subscriber_id for run in engine.runs()] == ["first"], "to read is always possible"
        assert engine.ingest(signups(3)).started == 3
        assert engine.advance().done == 4


def test_a_worker_with_nothing_to_do_asks_for_no_lock(path):
    with sqlite_store(path, timeout=AT_ONCE) as store:
        engine = engine_on(store)
        engine.ingest([signup()])
        engine.advance()
        with host(path):
            assert engine.advance().runs == 0


# ------------------------------------------------------------------------------------------------------------
# Full


def limited(store, pages=None):
    """Let the database grow by no page more, or as it likes."""
    execute = store._session.connection.execute
    [used] = execute("PRAGMA page_count").fetchone()
    execute(f"PRAGMA max_page_count = {used if pages is None else pages}")


def counts(path):
    with host(path, begin=None) as connection:
        tables = connection.execute("SELECT name FROM sqlite_master WHERE type = 'table' AND name LIKE 'flowkit%'")
        return {name: connection.execute(f"SELECT count(*) FROM {name}").fetchone() for (name,) in tables}  # noqa: S608


def test_a_full_disk_half_writes_no_event_and_the_store_goes_on_when_there_is_room(path):
    many = [signup(f"s{number}", properties={"text": "x" * 500}) for number in range(200)]
    with sqlite_store(path) as store:
        engine = engine_on(store)
        engine.ingest([signup("first")])
        before = counts(path)
        limited(store)
        with pytest.raises(StoreError, match="full"):
            engine.ingest(many)
        assert counts(path) == before
        assert engine.runs()[0].subscriber_id == "first"
        limited(store, 100_000)
        assert engine.ingest(many).started == 200
        assert engine.advance().done == 201
        with sqlite_store(path) as afresh:
            assert afresh.runs() == store.runs()
            assert afresh.lines(limit=10_000) == store.lines(limit=10_000)


class Filling(RecordingSender):
    """A sender at whose first message the disk fills up."""

    def __init__(self, store):
        super().__init__(needs=NO_NEEDS)
        self.store = store

    def send(self, messages):
        if not self.calls:
            limited(self.store)
        return super().send(messages)


def test_a_full_disk_loses_no_outcome(path):
    """What was sent and could not be written is not sent again: the notes beside the database tell."""
    with sqlite_store(path) as store:
        sender = Filling(store)
        engine = engine_on(store, sender)
        engine.ingest(signups(500))
        before = counts(path)
        with pytest.raises(StoreError, match="full"):
            engine.advance()
        assert counts(path) == before | {"flowkit_claim": (1,)}
        limited(store, 100_000)
        assert engine.advance().done == 500
        assert len(sender.delivered) == 500
        assert not sender.repeats


# ------------------------------------------------------------------------------------------------------------
# Shared


def test_two_stores_over_one_file_see_what_the_other_publishes(path):
    with sqlite_store(path) as one, sqlite_store(path) as other:
        first = engine_on(one)
        second = Engine(other, clock=VirtualClock(START), sender=RecordingSender(needs=NO_NEEDS))
        assert second.ingest([signup("a")]).started == 1
        first.publish(workflow(node("start", wait(), wait(action_id="again"))))
        assert second.ingest([signup("b")]).started == 1
        second.publish(workflow(node("start", wait()), workflow_id="other", event="visit"))
        first.publish(workflow(node("start", wait())))
        assert first.ingest([signup("c")]).started == 1
        assert [run.version for run in first.runs()] == [1, 2, 4]
        assert first.runs() == second.runs()
        assert first.journal() == second.journal()


def test_a_worker_carries_on_runs_of_a_version_that_it_never_saw_published(path):
    with sqlite_store(path) as one, sqlite_store(path) as other:
        worker = Engine(other, clock=VirtualClock(START), sender=RecordingSender(needs=NO_NEEDS))
        assert worker.advance().runs == 0
        engine_on(one).ingest([signup()])
        assert worker.advance().done == 1
        assert kinds(one.lines())[-2:] == ["done@start", "waiting@start"]


def test_two_stores_over_one_file_take_each_others_texts_for_what_they_are(path):
    """Phrases that one has written are numbers to the other."""
    with sqlite_store(path) as one, sqlite_store(path) as other:
        first, second = engine_on(one), Engine(other, clock=VirtualClock(START), sender=RecordingSender())
        first.ingest(signups(5))
        second.publish(workflow(node("start", wait(DAY)), workflow_id="v", event="visit"))
        first.advance()
        second.advance(now=START + HOUR)
        assert {run.status for run in second.runs(workflow_id="w")} == {"completed"}
        assert first.runs() == second.runs()
        assert first.journal() == second.journal()


def test_the_notes_are_found_from_another_folder(tmp_path):
    """Two processes may name one file differently."""
    ticks, lease = Ticks(), timedelta(minutes=5)
    with contextlib.chdir(tmp_path), sqlite_store("flowkit.db", lease_clock=ticks) as store:
        engine_on(store).ingest(signups(2))
        claim = store.claim(NOW, limit=2, lease=lease)
        notes = store.attempts(claim)
        sent, begun = (run.id + run.state.pending.suffix for run in claim.runs)
        notes.begin(sent)
        notes.settle(sent, DONE)
        notes.begin(begun)
    ticks.advance(lease)
    with sqlite_store(tmp_path / "flowkit.db", lease_clock=ticks) as store:
        taken = store.claim(NOW, limit=2, lease=lease)
        assert (taken.settled, taken.doubtful) == ({sent: DONE}, {begun: 1})


def test_nothing_but_the_database_is_left_of_a_store_that_was_closed(path):
    with sqlite_store(path) as store:
        engine = engine_on(store)
        engine.ingest(signups(3))
        engine.advance()
    assert [one.name for one in path.parent.iterdir()] == [path.name]
    with host(path, begin=None) as connection:
        assert connection.execute("PRAGMA integrity_check").fetchone() == ("ok",)


def test_a_closed_store_raises_a_store_error(path):
    with sqlite_store(path) as store:
        engine = engine_on(store)
    with pytest.raises(StoreError):
        engine.ingest([signup()])
    with pytest.raises((StoreError, sqlite3.ProgrammingError)):
        engine.runs()
