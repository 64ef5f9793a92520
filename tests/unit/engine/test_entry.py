"""Who is let in: each rule of entry through an engine, its line in the journal, and what it holds against others."""

from datetime import timedelta

import pytest

from flowkit.adapters.clock import VirtualClock
from flowkit.adapters.profiles import MemoryProfiles
from flowkit.conditions import Equals, SubscriberHas, parse
from flowkit.engine.ingest import Ingested
from flowkit.engine.sync import Engine
from flowkit.events import Event
from flowkit.hashing import run_id
from flowkit.runs.model import Kind
from flowkit.triggers.model import EntryPolicy, Reentry
from tests.support.between import Between
from tests.support.journeys import (
    DAY,
    HOUR,
    START,
    check,
    node,
    opened,
    signup,
    sqlite_store,
    stand,
    told,
    wait,
    workflow,
)

PRO = SubscriberHas({"plan": Equals("pro")})


def engine_on(store, *workflows, at=START, **ports):
    engine = Engine(store, clock=VirtualClock(at), **ports)
    for each in workflows:
        engine.publish(each)
    return engine


def journey(workflow_id="w", *, entry=None, stay=HOUR, **trigger):
    return workflow(node("start", wait(stay)), workflow_id=workflow_id, entry=entry or EntryPolicy(), **trigger)


def refusals(engine):
    return [
        (line.workflow_id, line.entry.data["reason"], line.entry.data.get("by"))
        for line in engine.journal()
        if line.entry.kind is Kind.REFUSED
    ]


def order(number, event_id, order_id=None):
    properties = {} if order_id is None else {"order": {"id": order_id}}
    return Event("signup", f"s{number}", id=event_id, properties=properties)


# ------------------------------------------------------------------------------------------------------------
# Re-entry, and runs at once


@pytest.mark.parametrize("apart", [True, False])
def test_who_was_in_never_comes_again(any_store, apart):
    engine = engine_on(any_store, journey(entry=EntryPolicy(reentry=Reentry.NEVER)))
    events = [signup(event_id="1"), signup(event_id="2"), signup("t", "1")]
    for batch in [[event] for event in events] if apart else [events]:
        engine.ingest(batch)
    engine.advance(now=START + DAY)
    assert engine.ingest([signup(event_id="3")]) == Ingested(accepted=1, refused=1)
    assert refusals(engine) == [("w", "reentry", None)] * 2
    assert len(engine.runs()) == 2


@pytest.mark.parametrize("apart", [True, False])
def test_who_is_still_in_comes_again_after_the_exit(any_store, apart):
    engine = engine_on(any_store, journey(entry=EntryPolicy(reentry=Reentry.AFTER_EXIT)))
    events = [signup(event_id="1"), signup(event_id="2")]
    for batch in [[event] for event in events] if apart else [events]:
        engine.ingest(batch)
    assert refusals(engine) == [("w", "reentry", "w")]
    engine.advance(now=START + HOUR)
    assert engine.ingest([signup(event_id="3")], now=START + HOUR).started == 1


def test_runs_at_once_are_counted_for_each_key(any_store):
    """Two orders, two runs; and one run of those that name no order."""
    engine = engine_on(any_store, journey(entry=EntryPolicy(max_concurrent=1, key="order.id")))
    engine.ingest([order(1, "1", "A"), order(1, "2", "B"), order(1, "3", "A"), order(1, "4"), order(1, "5")])
    engine.ingest([order(1, "6", "B"), order(1, "7", "C"), order(2, "1", "A")])
    runs = [(run.subscriber_id, run.event.id) for run in engine.runs()]
    assert runs == [("s1", "1"), ("s1", "2"), ("s1", "4"), ("s1", "7"), ("s2", "1")]
    assert refusals(engine) == [("w", "max_concurrent", "w")] * 3


def test_a_key_of_another_kind_is_another_key(any_store):
    engine = engine_on(any_store, journey(entry=EntryPolicy(max_concurrent=1, key="order.id")))
    engine.ingest([order(1, "1", 1), order(1, "2", "1"), order(1, "3", [1]), order(1, "4", [1])])
    assert [run.event.id for run in engine.runs()] == ["1", "2", "3"]


def test_an_event_with_a_key_goes_to_the_run_of_that_key(any_store):
    listening = workflow(
        node("start", wait(DAY), check(), engagement_threshold={"opens": 1}),
        entry=EntryPolicy(max_concurrent=1, key="order.id"),
    )
    engine = engine_on(any_store, listening)
    engine.ingest([order(1, "1", "A"), order(1, "2", "B")])
    engine.ingest([Event("email_open", "s1", id="o1", properties={"order": {"id": "B"}}), opened("s1", "o2")])
    assert [dict(run.state.counts) for run in engine.runs()] == [{"email_open": 1}, {"email_open": 2}]


def test_one_is_in_one_workflow_of_a_group_at_a_time(any_store):
    """By priority where one event leads into several; the living run of the others stands in the way."""
    group = EntryPolicy(exclusion_group="promo")
    engine = engine_on(
        any_store,
        journey("low", entry=group, priority=1),
        journey("high", entry=group, priority=5, stay=2 * HOUR),
        journey("free", priority=9),
    )
    engine.ingest([signup(event_id="1")])
    assert [run.workflow_id for run in engine.runs()] == ["free", "high"]
    assert refusals(engine) == [("low", "exclusion_group", "high")]
    engine.ingest([signup(event_id="2")])
    assert refusals(engine)[1:] == [("low", "exclusion_group", "high")]
    engine.advance(now=START + 2 * HOUR)
    engine.ingest([signup(event_id="3")], now=START + 2 * HOUR)
    assert [run.workflow_id for run in engine.runs()] == ["free", "high", "free", "high", "free", "high"]


def test_two_engines_put_nobody_into_two_workflows_of_a_group(any_store):
    """Another run of the group begins between what is recalled and what is committed."""
    group = EntryPolicy(exclusion_group="promo")
    one = engine_on(any_store, journey("a", entry=group, event="x"), journey("b", entry=group, event="y"))
    one.ingest([Event("elsewhere", "s", id="0")])
    two = engine_on(Between(any_store, lambda: one.ingest([Event("x", "s", id="1")])))
    assert two.ingest([Event("y", "s", id="2")]).refused == 1
    assert [run.workflow_id for run in one.runs()] == ["a"]
    assert refusals(one) == [("b", "exclusion_group", "a")]


# ------------------------------------------------------------------------------------------------------------
# How often all together


def test_the_limit_of_all_is_kept_within_a_batch_and_over_batches(any_store):
    engine = engine_on(any_store, journey(max_executions_total=3))
    assert engine.ingest([order(1, "1"), order(2, "1")]).started == 2
    assert engine.ingest([order(3, "1"), order(4, "1"), order(1, "2")]) == Ingested(accepted=3, started=1, refused=2)
    assert engine.ingest([order(5, "1")]).refused == 1
    assert refusals(engine) == [("w", "max_executions_total", None)] * 3
    assert [run.subscriber_id for run in engine.runs()] == ["s1", "s2", "s3"]


def test_two_engines_share_the_places(any_store):
    one, two = (engine_on(any_store, journey(max_executions_total=4)) for _ in range(2))
    started = sum(engine.ingest([order(number, str(number))]).started for number in range(5) for engine in (one, two))
    assert started == len(one.runs()) == 4


# ------------------------------------------------------------------------------------------------------------
# The filter, and the time that it is given


def filtered(store, grace=timedelta(), **attributes):
    profiles = MemoryProfiles({"s": attributes})
    policy = EntryPolicy(filter=PRO, grace=grace)
    return engine_on(store, journey(entry=policy), profiles=profiles), profiles


@pytest.mark.parametrize(("plan", "started"), [("pro", 1), ("free", 0)])
def test_a_filter_lets_in_for_whom_it_holds(any_store, plan, started):
    engine, _ = filtered(any_store, plan=plan)
    assert engine.ingest([signup()]) == Ingested(accepted=1, started=started, refused=1 - started)
    assert refusals(engine) == [("w", "filter", None)] * (1 - started)


def test_an_entry_waits_for_its_filter(any_store):
    """Late profile data: the run is that of the event which led to it, and it is entered when the filter holds."""
    engine, profiles = filtered(any_store, grace=2 * HOUR)
    assert engine.ingest([signup(properties={"source": "ad"})]) == Ingested(accepted=1)
    [line] = engine.journal()
    assert (line.entry.kind, dict(line.entry.data)) == (
        Kind.WAITING,
        {
            "reason": "filter",
            "trigger": "w-trigger",
            "event": "signup",
            "seconds": 7200.0,
            "operands": {"subscriber.plan": None},
        },
    )
    assert engine.next_due() == START + 2 * HOUR
    profiles.put("s", plan="pro")
    assert engine.changed(["s"], now=START + HOUR).started == 1
    [run] = engine.runs()
    assert run.id == run_id("w", "s", "1")
    assert run.entered_at == START + HOUR
    assert run.event.properties == {"source": "ad"}
    assert engine.changed(["s"], now=START + HOUR).started == 0


def test_any_event_asks_the_filter_again(any_store):
    engine, profiles = filtered(any_store, grace=2 * HOUR)
    engine.ingest([signup()])
    profiles.put("s", plan="pro")
    engine.ingest([Event("elsewhere", "s", id="9")], now=START + HOUR)
    assert [run.event.id for run in engine.runs()] == ["1"]


@pytest.mark.parametrize("plan", ["free", "pro"])
def test_the_grace_ends_at_its_instant(any_store, plan):
    """At the instant it is asked a last time: who fits by then, of whom nobody told, is let in."""
    engine, profiles = filtered(any_store, grace=2 * HOUR)
    engine.ingest([signup()])
    profiles.put("s", plan=plan)
    engine.advance(now=START + 2 * HOUR - timedelta(microseconds=1))
    assert (engine.runs(), refusals(engine)) == ([], [])
    engine.advance(now=START + 2 * HOUR)
    assert len(engine.runs()) == (plan == "pro")
    assert refusals(engine) == [("w", "filter", None)] * (plan != "pro")
    assert engine.next_due() == (START + 3 * HOUR if plan == "pro" else None)


def test_several_entries_wait_each_for_itself(any_store):
    engine, profiles = filtered(any_store, grace=2 * HOUR)
    for number in range(3):
        engine.ingest([signup(event_id=str(number))], now=START + number * HOUR)
    assert refusals(engine) == [("w", "filter", None)], "the first one's time was over when the third came"
    profiles.put("s", plan="pro")
    engine.changed(["s"], now=START + 2.5 * HOUR)
    assert [run.event.id for run in engine.runs()] == ["1", "2"]


def test_not_more_than_a_few_entries_wait(any_store):
    engine, _ = filtered(any_store, grace=2 * HOUR)
    assert engine.ingest([signup(event_id=str(number)) for number in range(20)]).refused == 4


def test_who_waits_is_let_in_by_a_version_without_a_filter(any_store):
    engine, _ = filtered(any_store, grace=2 * HOUR)
    engine.ingest([signup()])
    engine.publish(journey())
    assert engine.changed(["s"], now=START + HOUR).started == 1
    assert [run.version for run in engine.runs()] == [2]


def test_whose_workflow_is_taken_out_meanwhile_is_refused(any_store):
    engine, _ = filtered(any_store, grace=2 * HOUR)
    engine.ingest([signup()])
    engine.publish(journey(active=False))
    engine.advance(now=START + 2 * HOUR)
    assert refusals(engine) == [("w", "inactive", None)]
    assert engine.next_due() is None


def test_a_filter_may_ask_for_the_past_and_the_time(any_store):
    """The filter holds when the purchase is three days old, and nobody has to tell."""
    old = parse({"not": {"performed": {"event": "purchase", "within": "3d"}}})
    engine = engine_on(any_store, journey(entry=EntryPolicy(filter=old, grace=5 * DAY)))
    engine.ingest([Event("purchase", "s", id="p")])
    engine.ingest([signup()], now=START + DAY)
    assert engine.runs() == []
    assert engine.next_due() == START + 3 * DAY
    engine.advance(now=START + 3 * DAY)
    [run] = engine.runs()
    assert run.entered_at == START + 3 * DAY


# ------------------------------------------------------------------------------------------------------------
# Whatever the batches


def test_the_rules_hold_alike_in_one_batch_and_in_many(any_store, tmp_path):
    rules = [
        journey("never", entry=EntryPolicy(reentry=Reentry.NEVER)),
        journey("after", entry=EntryPolicy(reentry=Reentry.AFTER_EXIT)),
        journey("keyed", entry=EntryPolicy(max_concurrent=2, key="order.id")),
        journey("group_a", entry=EntryPolicy(exclusion_group="g"), priority=2, cooldown=HOUR),
        journey("group_b", entry=EntryPolicy(exclusion_group="g"), priority=1),
    ]
    events = [order(number % 3, str(number), "AB"[number % 2]) for number in range(30)]
    whole = engine_on(any_store, *rules)
    whole.ingest(events)

    with sqlite_store(tmp_path / "other.db") as other:
        single = engine_on(other, *rules)
        for event in events:
            single.ingest([event])
        assert stand(single.runs()) == stand(whole.runs())
        assert sorted(map(repr, told(single.journal()))) == sorted(map(repr, told(whole.journal())))
