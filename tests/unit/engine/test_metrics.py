"""What a workflow comes to in numbers: counted by a store, and by reading where it does not count."""

from datetime import timedelta

import pytest
from attrs import evolve

from flowkit.adapters.clock import VirtualClock
from flowkit.adapters.profiles import MemoryProfiles
from flowkit.analytics.findings import Counted, findings, measures_of
from flowkit.analytics.tally import Ages, Message, Way, total
from flowkit.conditions import EventIs
from flowkit.engine.sync import Engine
from flowkit.errors import ConfigurationError
from flowkit.runs.effects import Outcome, Result
from flowkit.testing.recording import RecordingSender
from flowkit.workflows.goals import Goal
from tests.support.journeys import DAY, HOUR, START, node, send, signup, signups, wait, workflow


def told(any_store, outcomes=()):
    """Ten are greeted at once, one an hour later; after two days they are reminded."""
    sender = RecordingSender(dict(outcomes))
    profiles = MemoryProfiles({f"s{number}": {"email": f"s{number}@example.com"} for number in range(10)})
    engine = Engine(any_store, sender=sender, profiles=profiles, clock=VirtualClock(START))
    engine.publish(
        workflow(
            node("start", send("hello"), default="wait"),
            node("wait", wait(2 * DAY), default="again"),
            node("again", send("still_there", "remind")),
        )
    )
    engine.ingest(signups(10), now=START)
    engine.advance(now=START)
    engine.ingest([signup("late", "2")], now=START + HOUR)
    engine.advance(now=START + HOUR)
    return engine


def test_counts_rates_and_times(any_store):
    engine = told(any_store, {"hello": Outcome(Result.DONE)})
    engine.advance(now=START + 2 * DAY)
    metrics = engine.metrics("w")
    assert (metrics.execution_count, metrics.completed, metrics.completion_rate) == (11, 10, 1.0)
    assert metrics.avg_completion_time == timedelta(days=2).total_seconds()
    assert metrics.completion_times.quantile(0.95) == timedelta(days=2).total_seconds()
    start, waiting, again = (metrics.nodes[name] for name in ("start", "wait", "again"))
    assert (start.visits, start.left, start.in_progress) == (11, 11, 0)
    assert (waiting.visits, waiting.left, waiting.in_progress, waiting.drop_off_rate) == (11, 10, 1, 0.0)
    assert again.ways == {Way("again", "default", "end"): 10}
    [greeting] = start.actions
    # The one who came late has no address.
    assert (greeting.done, greeting.skipped, greeting.success_rate) == (10, {"unknown_subscriber": 1}, 1.0)
    hello, still_there = metrics.messages
    assert (hello.template_id, hello.sent, hello.skipped) == ("hello", 10, 1)
    assert still_there.sent == 10


def test_a_failure_is_a_loss_at_its_node_and_who_is_let_go_on_is_back(any_store):
    engine = told(any_store, {"hello": Outcome(Result.FAILED, "no such template")})
    metrics = engine.metrics("w")
    start = metrics.nodes["start"]
    assert (start.failed, start.drop_off_rate, start.in_progress) == (10, 10 / 11, 0)
    assert (metrics.failed, metrics.failure_rate) == ({"no such template": 10}, 1.0)
    assert start.actions[0].failed == {"no such template": 10}
    engine.requeue(engine.runs(limit=100)[:1], now=START + HOUR)
    start = engine.metrics("w").nodes["start"]
    assert (start.visits, start.closed, start.in_progress) == (12, 11, 1)


def test_only_the_hours_that_are_asked_for_are_counted(any_store):
    engine = told(any_store)
    assert engine.metrics("w", since=START, until=START + HOUR).execution_count == 10
    assert engine.metrics("w", since=START + HOUR).execution_count == 1
    assert engine.metrics("w", until=START).execution_count == 0
    assert engine.metrics("w", version=1).execution_count == 11
    assert engine.metrics("w", version=2).execution_count == 0
    assert engine.metrics("nobody").execution_count == 0
    slots = engine.tallies()
    assert [(slot.workflow_id, slot.version) for slot in slots] == [("w", 1)] * 2
    assert [found.visits["start"] for found in slots.values()] == [10, 1]


@pytest.mark.parametrize("name", ["since", "until"])
def test_an_instant_within_an_hour_is_refused(any_store, name):
    with pytest.raises(ConfigurationError, match=f"{name} must be on a whole hour"):
        told(any_store).metrics("w", **{name: START + timedelta(minutes=1)})


def test_numbers_are_the_same_before_and_after_a_roll_up(any_store):
    engine = told(any_store)
    before = engine.metrics("w")
    counted = engine.roll_up()
    assert engine.metrics("w") == before
    assert engine.roll_up() == 0
    engine.advance(now=START + 2 * DAY)
    assert engine.metrics("w").completed == 10
    engine.roll_up()
    assert engine.metrics("w").completed == 10
    assert counted in {0, 22}  # none, where a store does not count itself


def test_refusals_goals_and_holdouts_are_counted(any_store):
    engine = Engine(any_store, clock=VirtualClock(START))
    engine.publish(
        evolve(
            workflow(node("start", wait(DAY)), cooldown=DAY),
            goals=(Goal("back", event=EventIs(("signup",)), within=5 * DAY),),
        )
    )
    engine.ingest([signup("s", "1")], now=START)
    engine.ingest([signup("s", "2")], now=START + HOUR)
    metrics = engine.metrics("w")
    assert metrics.refused == {"cooldown": 1}
    assert (metrics.goals, metrics.conversion_rate("back")) == ({"back": 1}, 1.0)
    assert metrics.conversion_rate("unknown") == 0.0


def test_of_nothing_there_is_no_rate(any_store):
    metrics = Engine(any_store).metrics("w")
    assert metrics.completion_rate is None
    assert metrics.avg_completion_time is None
    assert metrics.conversion_rate("bought") is None


def test_a_store_that_does_not_count_itself_counts_the_same(any_store, monkeypatch):
    engine = told(any_store)
    counted = engine.tallies()
    monkeypatch.setattr("flowkit.engine.measuring.TallyStore", type("Nobody", (), {}))
    assert engine.tallies() == counted
    assert engine.roll_up() == 0


def test_tallies_add_up():
    ages = Ages(2, 120_000_000, {1: 2}) + Ages(1, 0, {0: 1})
    assert (ages.count, ages.mean, ages.quantile(0), ages.quantile(0.3), ages.quantile(1)) == (3, 40.0, 0.0, 0.0, 60.0)
    assert Ages().quantile(0.5) is None
    with pytest.raises(ValueError, match="share"):
        ages.quantile(1.1)
    assert total(()).messages[Message("hello", "email", "done")] == 0


def test_metrics_are_what_the_rules_ask_for(any_store):
    engine = told(any_store, {"hello": Outcome(Result.FAILED, "no such template")})
    engine.advance(now=START + 3 * DAY)
    measures = measures_of(engine.metrics("w"), "bought", complaint=Counted(2, 10))
    assert measures.rates == {
        "completion": Counted(1, 11),
        "failure": Counted(10, 11),
        "conversion": Counted(0, 11),
        "complaint": Counted(2, 10),
    }
    assert measures.nodes["start"].drop_off == Counted(10, 11)
    assert [(one.kind, one.node) for one in findings(measures)] == [
        ("low_completion_rate", None),
        ("low_conversion_rate", None),
        ("high_complaint_rate", None),
        ("reduce_bottlenecks", "start"),
        ("improve_conversions", None),
    ]
