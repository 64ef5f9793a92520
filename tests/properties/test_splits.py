"""Splits under any weights and any order of events: as few as can be move, and nobody who has a label already."""

from hypothesis import event, given, settings
from hypothesis import strategies as st

from flowkit.adapters.clock import VirtualClock
from flowkit.engine.sync import Engine
from flowkit.hashing import assign
from flowkit.runs.model import Kind
from flowkit.stores.memory import MemoryStore
from flowkit.workflows.control import Split, Way
from flowkit.workflows.model import Action
from tests.support.journeys import DAY, HOUR, START, node, signup, wait, workflow

LABELS = "abcd"
UNITS = [f"u{number}" for number in range(200)]
weights = st.sampled_from([0, 1e-6, 1, 1, 2, 50]) | st.floats(1e-12, 1e12)
tables = st.dictionaries(st.sampled_from(LABELS), weights, min_size=1).filter(lambda table: any(table.values()))
salts = st.text(max_size=4)


def drawn(salt, table):
    return {unit: assign(salt, unit, table.items()) for unit in UNITS}


@given(salts, tables, st.sampled_from(LABELS), weights)
def test_a_weight_that_changes_moves_nobody_between_the_others(salt, table, label, weight):
    """Who moves comes to a way whose weight grew, or leaves one whose weight shrank, or that is gone."""
    changed = table | {label: weight}
    if not any(changed.values()):
        return
    before, after = drawn(salt, table), drawn(salt, changed)
    moved = [(before[unit], after[unit]) for unit in UNITS if before[unit] != after[unit]]
    event(f"moved: {min(len(moved), 3)}")
    if weight >= table.get(label, 0):
        assert {new for _, new in moved} <= {label}
    if weight <= table.get(label, 0):
        assert {old for old, _ in moved} <= {label}


@given(salts, tables, tables)
def test_between_any_weights_nobody_moves_from_what_gained_to_what_lost(salt, first, second):
    """By the ratio of new to old weight, people go upwards only, which is as few as can be."""
    before, after = drawn(salt, first), drawn(salt, second)

    def gain(label):
        old, new = first.get(label, 0), second.get(label, 0)
        return new / old if old else float("inf")

    for unit in UNITS:
        if before[unit] != after[unit]:
            assert gain(before[unit]) <= gain(after[unit])


@given(salts, tables)
def test_what_counts_is_the_part_of_the_sum(salt, table):
    """Where all weights are doubled, which loses nothing, the labels stay."""
    assert drawn(salt, {label: 2 * weight for label, weight in table.items()}) == drawn(salt, table)


def journey(table, *, postponed):
    """Whoever comes is split at once, or an hour later."""
    before = (wait(HOUR),) if postponed else ()
    split = Action("split", Split([Way(label, weight) for label, weight in table.items()]))
    return workflow(node("start", *before, split, default="stay"), node("stay", wait(90 * DAY)))


@settings(max_examples=40)
@given(
    st.lists(
        st.tuples(tables, st.booleans(), st.lists(st.sampled_from(UNITS[:6]), max_size=6)), min_size=1, max_size=5
    ),
    st.sampled_from([1, 2, 500]),
)
def test_nobody_who_has_a_label_gets_another_one_while_it_is_there(versions, limit):
    """A model: the first label that a version gives is the subscriber's, until a version has it no more."""
    store = MemoryStore()
    engine = Engine(store, clock=VirtualClock(START))
    expected: dict[str, list[str]] = {}
    kept: dict[str, str] = {}
    cause = 0
    for number, (table, postponed, comers) in enumerate(versions):
        now = START + number * DAY
        engine.publish(journey(table, postponed=postponed))
        for who in comers:
            cause += 1
            engine.ingest([signup(who, str(cause))], now=now)
        while (due := engine.next_due()) is not None and due <= now + HOUR:
            engine.advance(now=now + HOUR, limit=limit)
        for who in comers:
            if kept.get(who) not in table:
                kept[who] = assign("1:w:start", who, table.items())
            expected.setdefault(who, []).append(kept[who])
    found: dict[str, list[str]] = {}
    for line in engine.journal(limit=100_000):
        if line.entry.kind is Kind.DECIDED:
            found.setdefault(line.subscriber_id, []).append(line.entry.data["label"])
    assert found == expected
    stored = store.assigned(UNITS, ["1:w:start"])
    assert {who: labels["1:w:start"] for who, labels in stored.items()} == kept
