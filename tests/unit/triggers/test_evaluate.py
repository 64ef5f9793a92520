"""Matching, and the order of those that match."""

from datetime import timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from flowkit.conditions import (
    ALWAYS,
    AllOf,
    AnyOf,
    EventHas,
    EventIs,
    Moment,
    Not,
    SubscriberHas,
    ValueAtLeast,
    evaluate,
)
from flowkit.conditions import Equals as Is
from flowkit.events import NO_FACTS, Event, Facts, Needs, to_micros
from flowkit.triggers.evaluate import Gate, Gates
from flowkit.triggers.model import Trigger, TriggerType
from tests.support.journeys import DAY, START, signup
from tests.support.strategies import conditions, events, facts

MOMENT = Moment(to_micros(START))


def gate(workflow_id="w", condition=ALWAYS, **fields):
    return Gate.of(workflow_id, 1, Trigger("t", condition=condition, **fields))


# ------------------------------------------------------------------------------------------------------------
# The order


def test_the_highest_priority_goes_first_and_then_the_workflow_id():
    gates = Gates(
        [
            gate("c", EventIs(("signup",)), priority=5),
            gate("b", priority=1),
            gate("z", EventIs(("signup", "visit")), priority=10),
            gate("a", EventIs(("signup",)), priority=5),
            gate("d", EventIs(("visit",)), priority=-1),
        ]
    )
    assert [one.workflow_id for one in gates.candidates("signup")] == ["z", "a", "c", "b"]
    assert [one.workflow_id for one in gates.candidates("visit")] == ["z", "b", "d"]
    assert [one.workflow_id for one in gates.candidates("anything")] == ["b"]


@given(st.permutations([("a", 3), ("b", 3), ("c", 1), ("d", 2), ("e", -5)]))
def test_the_order_is_none_of_a_dictionary(named):
    gates = Gates(gate(name, EventIs(("e",)) if name in "ab" else ALWAYS, priority=level) for name, level in named)
    assert [one.workflow_id for one in gates.candidates("e")] == ["a", "b", "d", "c", "e"]


@given(st.lists(conditions, max_size=6), events)
def test_no_trigger_that_matches_is_left_out(some, event):
    gates = [gate(str(index), condition) for index, condition in enumerate(some)]
    matching = {one.workflow_id for one in gates if one.matches(event, NO_FACTS, MOMENT)}
    assert matching <= {one.workflow_id for one in Gates(gates).candidates(event.type)}


# ------------------------------------------------------------------------------------------------------------
# Matching


def test_all_that_is_asked_must_hold():
    asked = AllOf((EventIs(("purchase",)), EventHas({"plan": Is("pro")}), ValueAtLeast(50)))
    match = gate(condition=asked).matches
    event = Event("purchase", "s", properties={"plan": "pro"}, value=50)
    assert match(event, None, MOMENT)
    assert not match(Event("purchase", "s", properties={"plan": "pro"}, value=49.9), None, MOMENT)
    assert not match(Event("purchase", "s", properties={"plan": "free"}, value=50), None, MOMENT)
    assert not match(Event("visit", "s", properties={"plan": "pro"}, value=50), None, MOMENT)


@given(conditions, facts, events)
def test_a_trigger_matches_what_its_condition_says(condition, known, event):
    assert gate(condition=condition).matches(event, known, MOMENT) == evaluate(condition, known, event, START).holds


@pytest.mark.parametrize("kind", TriggerType)
def test_who_is_unknown_fires_no_trigger_on_a_condition(kind):
    """An empty profile is none; for the other kinds missing data is not true, and what is denied holds."""
    asks_nothing = gate(condition=EventIs(("signup",)), trigger_type=kind)
    denies = gate(condition=Not(SubscriberHas({"plan": Is("pro")})), trigger_type=kind)
    expected = kind is not TriggerType.CONDITION_BASED
    assert asks_nothing.matches(signup(), None, MOMENT) == expected
    assert denies.matches(signup(), None, MOMENT) == expected
    assert denies.matches(signup(), Facts(), MOMENT)
    assert asks_nothing.matches(signup(), Facts(), MOMENT)


@pytest.mark.parametrize(
    ("condition", "kind", "asks"),
    [
        (EventIs(("signup",)), TriggerType.BEHAVIOR_BASED, False),
        (SubscriberHas({"plan": Is("pro")}), TriggerType.BEHAVIOR_BASED, True),
        (EventIs(("signup",)), TriggerType.CONDITION_BASED, True),
        (EventIs(("signup",)), TriggerType.COMPOSITE, False),
    ],
)
def test_facts_are_fetched_where_they_are_asked_for(condition, kind, asks):
    assert gate(condition=condition, trigger_type=kind).asks_profile == asks


def test_a_gate_names_the_types_and_facts_that_it_reads():
    asked = AnyOf((AllOf((EventIs(("a",)), SubscriberHas({"x.y": Is(1)}))), EventIs(("b", "c"))))
    made = gate(condition=asked, cooldown=DAY)
    assert made.types == {"a", "b", "c"}
    assert made.needs == Needs(attributes=frozenset({"x", "x.y"}))
    assert made.cooldown == DAY // timedelta(microseconds=1)
