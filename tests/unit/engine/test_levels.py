"""Triggers that fire when something comes to hold, or when a profile is changed; and what is asked of the past."""

from datetime import timedelta

import pytest

from flowkit.adapters.clock import VirtualClock
from flowkit.adapters.profiles import MemoryProfiles
from flowkit.conditions import parse
from flowkit.engine.ingest import Ingested
from flowkit.engine.sync import Engine
from flowkit.errors import ConfigurationError
from flowkit.events import Event
from flowkit.runs.model import Kind
from flowkit.testing.recording import RecordingSender
from flowkit.triggers.model import EntryPolicy, On, Trigger, TriggerType
from flowkit.workflows.model import Action, UpdateProfile, Workflow
from tests.support.between import Between
from tests.support.journeys import DAY, HOUR, START, check, node, signup, tag, wait, workflow

VIP = {"segments": "vip"}
ASLEEP = {"not": {"performed": {"event": "visit", "within": "30d"}}}


def level(condition, workflow_id="w", *, on=On.ENTER, nodes=(), **trigger):
    places = nodes or (node("start", wait(90 * DAY)),)
    return Workflow(
        workflow_id,
        workflow_id,
        trigger=Trigger(
            f"{workflow_id}-trigger",
            trigger_type=TriggerType.CONDITION_BASED,
            condition=parse(condition),
            on=on,
            **trigger,
        ),
        nodes=places,
    )


def engine_on(store, *workflows, profiles=None, at=START, **ports):
    profiles = MemoryProfiles({"s": {"plan": "free"}}) if profiles is None else profiles
    engine = Engine(store, clock=VirtualClock(at), profiles=profiles, **ports)
    for each in workflows:
        engine.publish(each)
    return engine, profiles


def visit(event_id="v", **fields):
    return Event("visit", "s", id=event_id, **fields)


def entered(engine):
    return [(run.workflow_id, run.entered_at - START) for run in engine.runs()]


# ------------------------------------------------------------------------------------------------------------
# On enter


def test_it_fires_when_the_condition_comes_to_hold_and_not_while_it_holds(any_store):
    engine, profiles = engine_on(any_store, level(VIP))
    engine.ingest([visit("1")])
    assert engine.runs() == []
    profiles.place("s", "vip")
    assert engine.ingest([visit("2")]).started == 1
    assert engine.ingest([visit("3"), visit("4")]).started == 0
    profiles.place("s")
    engine.ingest([visit("5")])
    profiles.place("s", "vip")
    assert engine.ingest([visit("6")]).started == 1
    assert [run.event.id for run in engine.runs()] == ["2", "6"]


def test_telling_of_a_change_is_as_good_as_an_event(any_store):
    engine, profiles = engine_on(any_store, level(VIP))
    profiles.place("s", "vip")
    assert engine.changed(["s", "stranger"]) == Ingested(started=1)
    assert engine.changed(["s"]) == Ingested()
    profiles.place("s")
    engine.changed(["s"])
    profiles.place("s", "vip")
    assert engine.changed(["s"]).started == 1
    assert len({run.id for run in engine.runs()}) == 2
    assert [run.event.type for run in engine.runs()] == ["flowkit.profile_changed"] * 2


def test_who_the_host_does_not_know_enters_nothing(any_store):
    engine, _ = engine_on(any_store, level({"not": VIP}), level(ASLEEP, "asleep"))
    engine.ingest([Event("visit", "stranger", id="1")])
    assert engine.changed(["stranger"]) == Ingested()
    assert engine.runs() == []


def test_a_refused_entry_has_used_the_edge_up(any_store):
    engine, profiles = engine_on(any_store, level(VIP, cooldown=10 * DAY))
    for hour in range(3):
        profiles.place("s", "vip")
        engine.changed(["s"], now=START + hour * HOUR)
        profiles.place("s")
        engine.changed(["s"], now=START + hour * HOUR)
    profiles.place("s", "vip")
    engine.changed(["s"], now=START + 9 * DAY)
    assert engine.changed(["s"], now=START + 11 * DAY).started == 0, "it holds since before"
    assert entered(engine) == [("w", timedelta())]
    refused = [line.entry.data["reason"] for line in engine.journal() if line.entry.kind is Kind.REFUSED]
    assert refused == ["cooldown"] * 3


def test_within_the_grace_the_edge_is_kept(any_store):
    policy = EntryPolicy(filter=parse({"subscriber_properties": {"plan": "pro"}}), grace=DAY)
    engine, profiles = engine_on(any_store, level(VIP, entry=policy))
    profiles.place("s", "vip")
    assert engine.changed(["s"]).started == 0
    profiles.put("s", plan="pro")
    assert engine.changed(["s"], now=START + HOUR).started == 1


def test_edges_and_events_go_by_priority_together(any_store):
    engine, profiles = engine_on(
        any_store,
        level(VIP, "second", priority=5),
        workflow(node("start", wait()), workflow_id="first", event="visit", priority=9),
        workflow(node("start", wait()), workflow_id="third", event="visit", priority=1),
    )
    profiles.place("s", "vip")
    engine.ingest([visit()])
    assert [run.workflow_id for run in engine.runs()] == ["first", "second", "third"]


def test_a_condition_that_time_makes_true_needs_nobody_to_come(any_store):
    """No visit for 30 days: one timer for the subscriber, at the last visit and 30 days."""
    engine, _ = engine_on(any_store, level(ASLEEP))
    engine.ingest([visit("1")])
    engine.ingest([visit("2")], now=START + 10 * DAY)
    assert engine.next_due() == START + 30 * DAY, "the earlier timer is left: it finds out that it is not time yet"
    engine.advance(now=START + 30 * DAY)
    assert (engine.runs(), engine.next_due()) == ([], START + 40 * DAY)
    engine.advance(now=START + 40 * DAY - timedelta(microseconds=1))
    assert engine.runs() == []
    assert engine.advance(now=START + 40 * DAY).started == 1
    assert entered(engine) == [("w", 40 * DAY)]
    assert engine.next_due() == START + 130 * DAY


def test_a_date_of_the_profile_makes_it_true_as_well(any_store):
    engine, profiles = engine_on(any_store, level({"subscriber_properties": {"trial_ends": {"$before": "+3d"}}}))
    profiles.put("s", trial_ends="2026-01-11")
    engine.changed(["s"])
    assert engine.next_due() == START + 7 * DAY + timedelta(microseconds=1), "before, and not at"
    engine.advance(now=START + 7 * DAY)
    assert engine.runs() == []
    engine.advance(now=START + 8 * DAY)
    assert entered(engine) == [("w", 8 * DAY)]


def test_what_an_earlier_run_changes_leads_into_the_next_workflow(any_store):
    """The change is looked at before it is committed, and however often that is repeated it counts once."""
    engine, _ = engine_on(
        any_store,
        workflow(node("start", tag("vip"))),
        level(VIP, "vips"),
        level({"segments": {"any": ["vip"]}}, "changes", on=On.CHANGE),
        sender=RecordingSender(),
    )
    engine.ingest([signup()])
    engine.advance()
    assert sorted(entered(engine)) == [("changes", timedelta()), ("vips", timedelta()), ("w", timedelta())]
    engine.advance()
    assert len(engine.runs()) == 3


def test_an_increment_may_be_what_was_waited_for(any_store):
    points = Action("add", UpdateProfile(increment={"points": 1}))
    engine, _ = engine_on(
        any_store,
        workflow(node("start", points)),
        level({"subscriber_properties": {"points": {"$gte": 3}}}, "gold"),
    )
    for number in range(5):
        engine.ingest([signup(event_id=str(number))])
        engine.advance()
    gold = [run for run in engine.runs() if run.workflow_id == "gold"]
    assert len(gold) == 1


def test_a_trigger_that_is_no_level_any_more_leaves_nobody_waiting(any_store):
    engine, _ = engine_on(any_store, level(ASLEEP))
    engine.ingest([visit()])
    engine.publish(level(VIP))
    engine.advance(now=START + 31 * DAY)
    assert (engine.runs(), engine.next_due()) == ([], None)


# ------------------------------------------------------------------------------------------------------------
# On change


def test_a_change_fires_each_time_that_the_condition_holds_after_it(any_store):
    engine, profiles = engine_on(any_store, level({"subscriber_properties": {"plan": "pro"}}, on=On.CHANGE))
    assert engine.changed(["s"]).started == 0
    profiles.put("s", plan="pro")
    assert engine.ingest([visit()]).started == 0, "an event is no change"
    assert engine.changed(["s"]).started == 1
    assert engine.changed(["s"]).started == 1
    assert len({run.id for run in engine.runs()}) == 2


# ------------------------------------------------------------------------------------------------------------
# The past


def test_what_was_done_before_counts_with_the_event_at_hand(any_store):
    third = parse({"performed": {"event": "purchase", "count": 3}})
    engine, _ = engine_on(any_store, workflow(node("start", wait()), event="purchase", condition=third))
    started = [
        engine.ingest([Event("purchase", "s", id=str(number))], now=START + number * DAY).started for number in range(4)
    ]
    assert started == [0, 0, 1, 0]
    in_one = [Event("purchase", "t", id=str(number)) for number in range(4)]
    engine.ingest(in_one)
    assert [run.event.id for run in engine.runs()] == ["2", "2"]


def test_a_sequence_is_found_over_several_batches(any_store):
    steps = {"steps": [{"event": "cart"}, {"event": "order", "absent": True}, {"event": "visit"}], "within": "2d"}
    engine, _ = engine_on(
        any_store, workflow(node("start", wait()), event="visit", condition=parse({"sequence": steps}))
    )
    engine.ingest([Event("cart", "s", id="1")])
    engine.ingest([visit("2")], now=START + DAY)
    engine.ingest([Event("order", "s", id="3")], now=START + DAY)
    engine.ingest([visit("4")], now=START + DAY)
    assert [run.event.id for run in engine.runs()] == ["2"]


def test_only_what_conditions_read_is_kept(any_store):
    spent = parse({"performed": {"event": "purchase", "within": "10d", "sum": "total", "is": {"$gte": 100}}})
    engine, _ = engine_on(any_store, workflow(node("start", wait()), event="signup", condition=spent))
    purchase = {"total": 60, "card": "secret"}
    engine.ingest([Event("purchase", "s", id="p1", properties=purchase, value=60), visit()])
    engine.ingest([Event("purchase", "s", id="p2", properties=purchase, value=60)], now=START + 9 * DAY)
    past = any_store.history(["s"], ["purchase", "visit"])
    assert [(dict(one.properties), one.value) for one in past["s"]["purchase"]] == [({"total": 60}, None)] * 2
    assert list(past["s"]) == ["purchase"]
    assert engine.ingest([signup()], now=START + 9 * DAY).started == 1
    engine.ingest([Event("purchase", "s", id="3", properties=purchase)], now=START + 10 * DAY)
    assert len(any_store.history(["s"], ["purchase"])["s"]["purchase"]) == 2, "ten days are over for the first"


def test_a_branch_may_ask_for_the_past_since_the_entry(any_store):
    since = parse({"performed": {"event": "visit", "since": "workflow_start"}})
    engine, _ = engine_on(
        any_store,
        workflow(
            node("start", wait(DAY), check(), condition=since, engaged="yes", not_engaged="no"),
            node("yes", wait(DAY)),
            node("no", wait(DAY)),
        ),
    )
    engine.ingest([visit("0"), Event("visit", "t", id="0")], now=START - DAY)
    engine.ingest([signup(), signup("t")])
    engine.ingest([visit("v1")], now=START + HOUR)
    engine.advance(now=START + DAY)
    assert {run.subscriber_id: run.state.node for run in engine.runs()} == {"s": "yes", "t": "no"}


def test_events_that_come_at_once_miss_none_of_each_other(any_store):
    """Two producers, a purchase each: whoever comes second has counted both."""
    twice = parse({"performed": {"event": "purchase", "count": {"$gte": 2}}})
    series = workflow(node("start", wait()), event="purchase", condition=twice)
    one, _ = engine_on(any_store, series)
    two, _ = engine_on(Between(any_store, lambda: one.ingest([Event("purchase", "s", id="1")])))
    one.ingest([visit()])
    assert two.ingest([Event("purchase", "s", id="2")]).started == 1
    assert [run.event.id for run in one.runs()] == ["2"]


# ------------------------------------------------------------------------------------------------------------
# A share of all, and the host's own


def test_a_sample_is_the_same_at_the_door_and_at_a_branch(any_store):
    half = parse({"sample": {"percent": 50, "salt": "x"}})
    people = {f"s{number}": {} for number in range(60)}
    engine, _ = engine_on(
        any_store,
        workflow(node("start", wait()), workflow_id="door", condition=half),
        workflow(
            node("start", check(), condition=half, engaged="yes", not_engaged="no"),
            node("yes", wait()),
            node("no", wait()),
            workflow_id="branch",
        ),
        profiles=MemoryProfiles(people),
    )
    engine.ingest([signup(name) for name in people])
    at_the_door = {run.subscriber_id for run in engine.runs() if run.workflow_id == "door"}
    branched = {run.subscriber_id for run in engine.runs() if run.workflow_id == "branch" and run.state.node == "yes"}
    assert at_the_door == branched
    assert 10 < len(branched) < 50


def test_a_predicate_of_the_host_is_asked_with_its_parameters(any_store):
    asked = []

    def is_friend(question):
        asked.append((question.parameters["of"], question.event and question.event.type, question.facts.subscriber_id))
        return question.facts.subscriber_id == "s"

    mine = {"custom": {"name": "is_friend", "of": "ann"}}
    engine, profiles = engine_on(
        any_store,
        workflow(node("start", check(), condition=parse(mine), engaged="yes"), node("yes", wait()), event="visit"),
        level(mine, "level"),
        profiles=MemoryProfiles({"s": {}, "t": {}}),
        predicates={"is_friend": is_friend},
    )
    engine.ingest([visit(), Event("visit", "t", id="t")])
    assert sorted((run.workflow_id, run.subscriber_id, run.state.node) for run in engine.runs()) == [
        ("level", "s", "start"),
        ("w", "s", "yes"),
        ("w", "t", None),
    ]
    assert ("ann", "visit", "s") in asked
    asked.clear()
    profiles.put("t", x=1)
    engine.changed(["t"])
    assert asked == [("ann", None, "t")]


def test_an_unknown_predicate_is_refused_with_what_to_do(any_store):
    with pytest.raises(ConfigurationError, match="predicates="):
        engine_on(any_store, level({"custom": {"name": "is_friend"}}))


def test_a_predicate_that_has_to_be_awaited_is_refused(any_store):
    async def later(question):
        return bool(question)

    with pytest.raises(ConfigurationError, match="'later'"):
        Engine(any_store, predicates={"later": later})


def test_a_predicate_that_fails_takes_nobody_with_it(any_store):
    engine, _ = engine_on(
        any_store,
        workflow(node("start", wait()), workflow_id="odd", condition=parse({"custom": {"name": "odd"}})),
        workflow(node("start", wait()), workflow_id="even"),
        predicates={"odd": lambda question: 1 / 0},  # noqa: ARG005 - it does not come to that
    )
    assert engine.ingest([signup()]).started == 1
