"""Engine and AsyncEngine, over memory and SQLite: whatever comes, they write the same journal and end the same."""

from datetime import timedelta

from hypothesis import event, given, settings
from hypothesis import strategies as st

from flowkit.testing.strategies import moods, people, schedules, workflows
from tests.support.worlds import Scenario, on_memory, on_sqlite, on_waiting_ports

scenarios = st.builds(
    Scenario,
    st.tuples(workflows("a"), workflows("b", channels=("sms",))),
    schedules(),
    people(),
    moods(),
    st.sampled_from([None, timedelta(days=30)]),
)


def describe(world):
    """Let Hypothesis count what was drawn, so that a look at its statistics tells what was tried."""
    kinds = {line[4] for line in world.journal}
    for kind in sorted(kinds):
        event(f"journal has {kind}")


@given(scenarios)
def test_whether_ports_wait_changes_nothing(scenario):
    """To the letter and in the same order: journal, states, messages, profiles."""
    world = on_memory(scenario)
    describe(world)
    assert on_waiting_ports(scenario) == world


@given(scenarios)
@settings(max_examples=60)
def test_where_it_is_kept_changes_nothing(scenario):
    memory, sqlite = on_memory(scenario), on_sqlite(scenario)
    assert sqlite.by_run == memory.by_run
    assert sqlite.runs == memory.runs
    assert sqlite.got == memory.got
    assert sqlite.profiles == memory.profiles
    assert sorted(map(repr, sqlite.journal)) == sorted(map(repr, memory.journal))


@given(scenarios)
def test_the_same_inputs_give_the_same_journal(scenario):
    assert on_memory(scenario) == on_memory(scenario)
