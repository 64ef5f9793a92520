"""What an engine makes of events: each once, in their order, whatever the batches."""

from datetime import timedelta
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from flowkit.adapters.clock import VirtualClock
from flowkit.adapters.profiles import MemoryProfiles
from flowkit.conditions import Equals, EventHas, SubscriberHas
from flowkit.engine.ingest import Ingested
from flowkit.engine.sync import Engine
from flowkit.errors import DocumentError, EventsRejected
from flowkit.events import Event
from flowkit.hashing import run_id
from flowkit.runs.model import Kind
from flowkit.stores.memory import MemoryStore
from flowkit.triggers.model import TriggerType
from tests.support.journeys import (
    DAY,
    HOUR,
    NOW,
    START,
    check,
    kinds,
    node,
    opened,
    signup,
    signups,
    stand,
    told,
    wait,
    workflow,
)

SERIES = workflow(node("start", wait()))
LISTENING = workflow(node("start", wait(), check(), engagement_threshold={"opens": 1}))


def engine_on(*workflows, **ports):
    engine = Engine(MemoryStore(), clock=VirtualClock(START), **ports)
    for each in workflows or (SERIES,):
        engine.publish(each)
    return engine


# ------------------------------------------------------------------------------------------------------------
# Once


def test_an_event_starts_a_run_that_is_named_after_it():
    engine = engine_on()
    event = signup(properties={"source": "web"}, value=5, occurred_at=START - DAY)
    assert engine.ingest([event]) == Ingested(accepted=1, started=1)
    [run] = engine.runs()
    assert run.id == run_id("w", "s", "1")
    assert (run.entered, run.version, run.due_at) == (NOW, 1, START + HOUR)
    assert run.event == event
    [entered, waiting] = engine.journal(run=run)
    assert (entered.entry.kind, entered.entry.data, entered.at) == (Kind.ENTERED, {"trigger": "w-trigger"}, START)
    assert waiting.entry.kind is Kind.WAITING


def test_an_event_is_accepted_once_within_a_batch_and_across_batches():
    engine = engine_on()
    assert engine.ingest([signup(), signup(), signup()]) == Ingested(accepted=1, duplicates=2, started=1)
    assert engine.ingest([signup(), signup("t")]) == Ingested(accepted=1, duplicates=1, started=1)
    assert engine.ingest([signup("t"), signup()]) == Ingested(duplicates=2)
    assert len(engine.runs()) == 2


def test_a_duplicate_is_one_whatever_else_it_says():
    engine = engine_on()
    engine.ingest([signup()])
    assert engine.ingest([Event("visit", "s", id="1", value=3)]) == Ingested(duplicates=1)


def test_the_same_id_of_two_subscribers_is_two_events():
    assert engine_on().ingest([signup("a"), signup("b")]).accepted == 2


def test_an_event_without_an_id_is_known_by_its_content_and_instant():
    engine = engine_on()
    one = Event("signup", "s", occurred_at=START, properties={"a": 1})
    assert engine.ingest([one, one]) == Ingested(accepted=1, duplicates=1, started=1)
    assert engine.ingest([Event("signup", "s", occurred_at=START, properties={"a": 2})]).accepted == 1
    assert engine.ingest([Event("signup", "s", occurred_at=START + HOUR, properties={"a": 1})]).accepted == 1
    assert engine.ingest([one]) == Ingested(duplicates=1)


def test_an_empty_batch_is_nothing():
    engine = engine_on()
    assert engine.ingest([]) == Ingested()
    assert engine.ingest(event for event in signups(2)).accepted == 2, "any iterable will do"


def test_an_event_that_leads_nowhere_is_accepted():
    engine = engine_on()
    assert engine.ingest([Event("visit", "s", id="1")]) == Ingested(accepted=1)
    assert engine.ingest([Event("visit", "s", id="1")]) == Ingested(duplicates=1)
    assert engine.journal() == []


@pytest.mark.parametrize("value", [object(), "\ud800", float("nan"), {1: {2}}, (bag := {}).setdefault("self", bag)])
def test_an_event_that_json_cannot_hold_is_rejected_alone(value):
    engine = engine_on()
    with pytest.raises(EventsRejected) as caught:
        engine.ingest([signup("a"), signup("b", properties={"bag": value}), signup("c")])
    assert list(caught.value.rejected) == [1]
    assert [run.subscriber_id for run in engine.runs()] == ["a", "c"]


def test_an_instant_without_an_offset_is_refused():
    with pytest.raises(DocumentError, match="offset"):
        engine_on().ingest([signup()], now=START.replace(tzinfo=None))


# ------------------------------------------------------------------------------------------------------------
# Who enters


def test_all_that_match_are_entered_by_priority_and_then_by_workflow_id():
    orders = {"c": 1, "b": 1, "a": 0, "z": 9}
    engine = engine_on(*(workflow(node("start", wait()), workflow_id=name, priority=p) for name, p in orders.items()))
    assert engine.ingest([signup()]).started == 4
    assert [run.workflow_id for run in engine.runs()] == ["z", "b", "c", "a"]
    assert [line.workflow_id for line in engine.journal()] == ["z", "z", "b", "b", "c", "c", "a", "a"]


def test_inactive_triggers_and_draining_workflows_let_nobody_in():
    draining = workflow(node("start", wait()), workflow_id="draining")
    engine = engine_on(workflow(node("start", wait()), active=False), draining)
    engine.ingest([signup("before")])
    engine.publish(type(draining)("draining", "D", trigger=draining.trigger, nodes=draining.nodes, active=False))
    assert engine.ingest([signup("after")]) == Ingested(accepted=1)
    engine.advance(now=START + HOUR)
    assert [(run.subscriber_id, run.status) for run in engine.runs()] == [("before", "completed")]


def test_the_properties_of_the_event_and_the_facts_of_the_subscriber_decide():
    profiles = MemoryProfiles({"pro": {"plan": "pro"}, "free": {"plan": "free"}})
    engine = engine_on(
        workflow(node("start", wait()), condition=EventHas({"source": Equals("web")})),
        workflow(node("start", wait()), workflow_id="p", condition=SubscriberHas({"plan": Equals("pro")})),
        profiles=profiles,
    )
    web = {"source": "web"}
    engine.ingest([signup("pro", properties=web), signup("free", properties=web), signup("nobody")])
    assert [(run.subscriber_id, run.workflow_id) for run in engine.runs()] == [
        ("pro", "p"),
        ("pro", "w"),
        ("free", "w"),
    ]


def test_a_trigger_on_conditions_is_fired_by_those_alone_who_are_known():
    engine = engine_on(
        workflow(node("start", wait()), trigger_type=TriggerType.CONDITION_BASED),
        profiles=MemoryProfiles({"known": {}}),
    )
    engine.ingest([signup("known"), signup("stranger")])
    assert [run.subscriber_id for run in engine.runs()] == ["known"]


class Counting(MemoryProfiles):
    def __init__(self, profiles):
        super().__init__(profiles)
        self.asked = []

    def facts(self, ids, needs):
        self.asked.append((list(ids), needs))
        return super().facts(ids, needs)


def test_facts_are_read_once_a_batch_of_those_whose_events_ask():
    profiles = Counting({"a": {"plan": "pro"}, "b": {"plan": "pro"}})
    asking = workflow(node("start", wait()), condition=SubscriberHas({"plan": Equals("pro")}))
    engine = engine_on(asking, workflow(node("start", wait()), workflow_id="v", event="visit"), profiles=profiles)
    engine.ingest([signup("a"), Event("visit", "c"), signup("b"), signup("a", "2")])
    assert [ids for ids, _ in profiles.asked] == [["a", "b"]]
    assert {name for _, needs in profiles.asked for name in needs.attributes} == {"plan"}
    engine.ingest([Event("visit", "a")])
    assert len(profiles.asked) == 1, "nobody asked"


def test_a_workflow_that_begins_with_a_check_is_decided_on_the_facts_at_entry():
    nodes = (
        node("start", check(), condition=SubscriberHas({"plan": Equals("pro")}), engaged="pro", not_engaged="free"),
        node("pro", wait()),
        node("free", wait()),
    )
    engine = engine_on(workflow(*nodes), profiles=MemoryProfiles({"a": {"plan": "pro"}, "b": {}}))
    engine.ingest([signup("a"), signup("b"), signup("stranger"), signup("a", "2")])
    assert [run.state.node for run in engine.runs()] == ["pro", "pro", "free", "free"]


# ------------------------------------------------------------------------------------------------------------
# Who is refused


def refusals(engine):
    return [
        (line.subscriber_id, line.workflow_id, line.run_id, dict(line.entry.data))
        for line in engine.journal()
        if line.entry.kind is Kind.REFUSED
    ]


def test_a_refused_entry_is_journaled_with_its_reason_and_when_it_opens():
    engine = engine_on(workflow(node("start", wait()), cooldown=7 * DAY))
    engine.ingest([signup()])
    assert engine.ingest([signup(event_id="2")], now=START + DAY) == Ingested(accepted=1, refused=1)
    data = {"reason": "cooldown", "trigger": "w-trigger", "event": "signup", "opens_in_seconds": 6 * 86_400}
    assert refusals(engine) == [("s", "w", None, data)]
    assert engine.ingest([signup(event_id="3")], now=START + 7 * DAY - timedelta(microseconds=1)).refused == 1
    assert engine.ingest([signup(event_id="4")], now=START + 7 * DAY).started == 1
    assert engine.ingest([signup(event_id="5")], now=START + 7 * DAY).refused == 1, "it counts from the last entry"


def test_a_limit_over_all_time_does_not_open():
    engine = engine_on(workflow(node("start", wait()), max_executions=2))
    engine.ingest([signup(event_id=str(number)) for number in range(2)])
    engine.advance(now=START + DAY)
    assert engine.ingest([signup(event_id="again")], now=START + 1_000 * DAY).refused == 1
    data = {"reason": "max_executions", "trigger": "w-trigger", "event": "signup"}
    assert refusals(engine) == [("s", "w", None, data)]


def test_within_a_batch_the_rules_hold_as_between_batches():
    engine = engine_on(workflow(node("start", wait()), max_executions=2))
    done = engine.ingest([signup(event_id=str(number)) for number in range(5)])
    assert done == Ingested(accepted=5, started=2, refused=3)
    assert engine.ingest([signup(event_id="x"), signup("t")]) == Ingested(accepted=2, started=1, refused=1)


def test_a_refused_event_was_accepted_and_does_not_come_again():
    engine = engine_on(workflow(node("start", wait()), cooldown=DAY))
    engine.ingest([signup(), signup(event_id="2")])
    assert engine.ingest([signup(event_id="2")], now=START + DAY) == Ingested(duplicates=1)


def test_the_rules_run_on_the_engines_clock_and_not_on_that_of_the_event():
    engine = engine_on(workflow(node("start", wait()), cooldown=7 * DAY))
    engine.ingest([signup(occurred_at=START - 30 * DAY)])
    assert engine.ingest([signup(event_id="2", occurred_at=START + 30 * DAY)]).refused == 1


def test_the_rules_are_a_workflows_own():
    engine = engine_on(
        workflow(node("start", wait()), max_executions=1), workflow(node("start", wait()), workflow_id="other")
    )
    assert engine.ingest([signup(), signup(event_id="2")]) == Ingested(accepted=2, started=3, refused=1)


def test_the_rules_go_on_from_version_to_version():
    engine = engine_on(workflow(node("start", wait()), cooldown=DAY))
    engine.ingest([signup()])
    engine.publish(workflow(node("start", wait(DAY)), cooldown=DAY))
    assert engine.ingest([signup(event_id="2")]).refused == 1
    assert engine.ingest([signup(event_id="3")], now=START + DAY).started == 1
    assert [run.version for run in engine.runs()] == [1, 2]


# ------------------------------------------------------------------------------------------------------------
# What living runs observe


def test_living_runs_observe_an_event_and_those_that_ended_do_not():
    engine = engine_on(LISTENING)
    engine.ingest([signup("a"), signup("b")])
    engine.ingest([opened("a")])
    engine.advance(now=START + HOUR)
    engine.ingest([opened("a", "late"), opened("b", "late")])
    labels = [line.entry.data["label"] for line in engine.journal() if line.entry.kind is Kind.DECIDED]
    assert labels == ["engaged", "not_engaged"]
    assert kinds(engine.journal()).count("observed@start") == 1


def test_a_run_that_starts_in_a_batch_observes_what_comes_later_in_it():
    engine = engine_on(LISTENING)
    engine.ingest([opened("s", "before"), signup(), opened("s", "after"), opened("s", "again")])
    [run] = engine.runs()
    assert run.state.counts == (("email_open", 2),)
    assert kinds(engine.journal()) == ["entered@start", "waiting@start", "observed@start", "observed@start"]


def test_an_event_is_observed_before_it_starts_anything():
    """Who listens for what starts it does not count its own beginning."""
    engine = engine_on(workflow(node("start", wait(), check(), engagement_threshold={"signup": 1})))
    engine.ingest([signup()])
    engine.ingest([signup(event_id="2")])
    assert [dict(run.state.counts) for run in engine.runs()] == [{"signup": 1}, {}]


def test_an_event_reaches_each_run_that_listens():
    engine = engine_on(LISTENING, workflow(node("start", wait()), workflow_id="deaf"))
    engine.ingest([signup(), signup(event_id="2"), signup("other")])
    engine.ingest([opened()])
    counts = {(run.subscriber_id, run.workflow_id): dict(run.state.counts) for run in engine.runs()}
    assert counts == {("s", "w"): {"email_open": 1}, ("s", "deaf"): {}, ("other", "w"): {}, ("other", "deaf"): {}}
    assert sum(run.state.counts == (("email_open", 1),) for run in engine.runs()) == 2


def test_an_event_that_names_a_send_is_counted_by_its_run():
    engine = engine_on(LISTENING)
    engine.ingest([signup(), signup(event_id="2")])
    _, second = engine.runs()
    engine.ingest([opened(send_key=f"{second.id}:start:1:send")])
    assert [dict(run.state.counts) for run in engine.runs()] == [{}, {"email_open": 1}]


# ------------------------------------------------------------------------------------------------------------
# Batches (I10)

WORKFLOWS = (
    LISTENING,
    workflow(node("start", wait()), workflow_id="once", max_executions=1, priority=5),
    workflow(node("start", wait(), check(), engagement_threshold={"signup": 1}), workflow_id="cool", cooldown=HOUR),
    workflow(node("start", wait()), workflow_id="opens", event="email_open", cooldown=HOUR),
)
SCHEDULE = st.lists(
    st.tuples(st.sampled_from(["signup", "email_open", "visit"]), st.sampled_from("ab"), st.integers(1, 9)), max_size=14
)


def by_subject(engine):
    """The journal of each run, and what was refused each subscriber, in order."""
    lines = engine.journal(limit=10_000)
    subjects = {}
    for line in lines:
        subjects.setdefault((line.subscriber_id, line.run_id or line.workflow_id), []).append(line)
    return {subject: told(some) for subject, some in subjects.items()}


@given(SCHEDULE, st.sets(st.integers(0, 14)))
def test_splitting_a_batch_changes_nothing(schedule, cuts):
    events = [Event(kind, subscriber, id=str(number)) for kind, subscriber, number in schedule]
    whole, split = engine_on(*WORKFLOWS), engine_on(*WORKFLOWS)
    once = whole.ingest(events)
    total = Ingested()
    edges = [0, *sorted(cuts & set(range(len(events)))), len(events)]
    for start, end in pairwise(edges):
        total += split.ingest(events[start:end])
    assert once == total
    assert by_subject(whole) == by_subject(split)
    assert stand(whole.runs()) == stand(split.runs())
    whole.advance(now=START + DAY)
    split.advance(now=START + DAY)
    assert by_subject(whole) == by_subject(split)


@given(SCHEDULE, st.randoms(use_true_random=False))
def test_the_order_of_subscribers_in_a_batch_changes_nothing(schedule, random):
    events = [Event(kind, subscriber, id=str(number)) for kind, subscriber, number in schedule]
    mixed = list(events)
    random.shuffle(mixed)
    place = {subscriber: iter([one for one in events if one.subscriber_id == subscriber]) for subscriber in "ab"}
    other = [next(place[one.subscriber_id]) for one in mixed]  # each subscriber's in their own order
    first, second = engine_on(*WORKFLOWS), engine_on(*WORKFLOWS)
    assert first.ingest(events) == second.ingest(other)
    assert by_subject(first) == by_subject(second)


# ------------------------------------------------------------------------------------------------------------
# Publication


def test_what_is_published_later_is_entered_from_then_on():
    store = MemoryStore()
    first, second = (Engine(store, clock=VirtualClock(START)) for _ in range(2))
    assert first.ingest([signup("a")]) == Ingested(accepted=1)
    second.publish(SERIES)
    assert first.ingest([signup("b")]).started == 1


def test_runs_of_an_old_version_observe_what_it_listens_for():
    engine = engine_on(LISTENING)
    engine.ingest([signup()])
    engine.publish(SERIES)
    engine.ingest([opened()])
    [run] = engine.runs()
    assert (run.version, run.state.counts) == (1, (("email_open", 1),))


def test_an_engine_that_never_saw_the_version_lets_its_runs_observe():
    """What it listens for is known only from the stamp that the recall brings."""
    store = MemoryStore()
    late = Engine(store, clock=VirtualClock(START))
    late.ingest([Event("visit", "s")])
    early = Engine(store, clock=VirtualClock(START))
    early.publish(LISTENING)
    early.ingest([signup()])
    late.ingest([opened()])
    assert [run.state.counts for run in late.runs()] == [(("email_open", 1),)]
