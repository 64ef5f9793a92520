"""Counts of the journal while transactions are under way: nothing is counted twice, and nothing is passed over."""

from contextlib import closing

import pytest

from flowkit.adapters.clock import VirtualClock
from flowkit.analytics.tally import total
from flowkit.engine.sync import Engine
from flowkit.events import NO_NEEDS
from flowkit.stores.postgres import PostgresStore
from flowkit.testing.recording import RecordingSender
from tests.support.journeys import START, node, send, signup, signups, wait, workflow


@pytest.fixture
def store(postgres):
    with closing(PostgresStore(postgres.dsn, schema=postgres.schema)) as kept:
        yield kept


@pytest.fixture
def engine(store):
    made = Engine(store, clock=VirtualClock(START), sender=RecordingSender(needs=NO_NEEDS))
    made.publish(workflow(node("start", send(), wait())))
    return made


def entered(engine):
    return total(engine.tallies("w").values()).visits["start"]


def kept(store):
    """How many rows of the journal are counted for good."""
    [(mark,)] = store._access.read(lambda link: link.rows("SELECT value FROM flowkit.meta WHERE name = 'tallied'"))
    return mark


def test_where_nobody_writes_all_is_counted_at_once(engine, store):
    engine.ingest(signups(30))
    engine.advance()
    steps = engine.roll_up()
    assert steps == len({line.number for line in engine.journal(limit=1_000)})
    assert (entered(engine), store.roll_up(limit=10)) == (30, 0)


@pytest.mark.parametrize("commits", [True, False])
def test_what_comes_to_light_late_is_counted_then(engine, store, postgres, commits):
    """Its rows have smaller numbers than those that are there already."""
    engine.ingest(signups(2))
    assert engine.roll_up() == 2
    with postgres.connect() as host:
        engine.ingest([signup("late1"), signup("late2")], connection=host)
        engine.ingest([signup("early")])
        before = kept(store)
        assert engine.roll_up() == 0, "what is under way may still come before it"
        assert (kept(store), entered(engine)) == (before, 3)
        (host.commit if commits else host.rollback)()
    assert engine.roll_up() == (3 if commits else 1)
    assert entered(engine) == (5 if commits else 3)
    assert engine.roll_up() == 0


def test_one_long_transaction_holds_up_what_came_after_it_and_no_more(engine, store, postgres):
    """What was written before it is counted when those are gone that were under way then."""
    with postgres.connect() as long:
        long.execute("SELECT pg_current_xact_id()")
        engine.ingest(signups(3))
        assert engine.roll_up() == 0
        assert entered(engine) == 3
    assert engine.roll_up() == 3
    with postgres.connect() as short:
        engine.ingest([signup("a")], connection=short)
        assert engine.roll_up() == 0
        with postgres.connect() as long:
            long.execute("SELECT pg_current_xact_id()")
            short.commit()
            engine.ingest([signup("b")])
            assert engine.roll_up() == 1, "a is there, and nobody is left who was under way with it"
            assert entered(engine) == 5
    assert engine.roll_up() == 1
    assert entered(engine) == 5
