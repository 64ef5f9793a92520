"""Random lives over PostgreSQL end as they do in memory: alone, by several workers in turns, and with suppressions."""

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta

import pytest
from hypothesis import HealthCheck, given, settings

from flowkit.ports import Store
from flowkit.stores.postgres import PostgresStore
from tests.properties import test_consent as consent
from tests.properties import test_interleaving as interleaving
from tests.properties.test_sync_async import scenarios
from tests.support.worlds import on_memory, on_store

FEW = settings(max_examples=15, suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow])


@pytest.fixture
def kept(postgres_kept):
    """Give what opens an empty store for one example."""

    @contextmanager
    def opened() -> Iterator[Store]:
        store = PostgresStore(postgres_kept.dsn, schema=postgres_kept.schema, synchronous_commit="off")
        try:
            yield store
        finally:
            store.close()
            postgres_kept.wipe()

    return opened


@given(scenarios)
@FEW
def test_where_it_is_kept_changes_nothing(kept, scenario):
    memory = on_memory(scenario)
    with kept() as store:
        postgres = on_store(scenario, store)
    assert postgres.by_run == memory.by_run
    assert postgres.runs == memory.runs
    assert postgres.got == memory.got
    assert postgres.profiles == memory.profiles
    assert sorted(map(repr, postgres.journal)) == sorted(map(repr, memory.journal))


@given(interleaving.scenarios, interleaving.crews)
@FEW
def test_the_journal_of_each_run_does_not_depend_on_who_did_the_work(kept, scenario, crew):
    alone = interleaving.lived(scenario, interleaving.ALONE, interleaving.memory)
    assert interleaving.lived(scenario, crew, kept) == alone


@pytest.mark.parametrize("key_window", [None, timedelta(days=3)])
@given(steps=consent.STEPS, within=consent.WITHIN, answers=consent.ANSWERS)
@FEW
def test_what_was_forbidden_in_time_is_not_sent(kept, key_window, steps, within, answers):
    consent.forbidden_in_time(kept, key_window, steps, within, answers)
