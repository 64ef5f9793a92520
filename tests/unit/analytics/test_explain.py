"""Why somebody did, or did not, enter, and what happened then: in sentences that a host can show."""

from datetime import timedelta

import pytest

from flowkit.adapters.clock import VirtualClock
from flowkit.adapters.profiles import MemoryProfiles
from flowkit.analytics.explain import span_words
from flowkit.conditions import Equals, SubscriberHas, parse
from flowkit.engine.sync import Engine
from flowkit.events import NO_NEEDS, Event
from flowkit.runs.effects import Outcome, Result
from flowkit.runs.model import Kind
from flowkit.stores.memory import MemoryStore
from flowkit.testing.recording import RecordingSender
from flowkit.triggers.model import EntryPolicy, On, Reentry, TriggerType
from flowkit.workflows.control import Split, Way
from flowkit.workflows.links import EmitEvent, StartWorkflow
from flowkit.workflows.model import Action
from tests.support.journeys import DAY, HOUR, START, check, node, opened, send, signup, tag, wait, workflow

SERIES = workflow(
    node("start", send("hello"), default="rest"),
    node("rest", wait(3 * DAY), default="look"),
    node("look", check(), engagement_threshold={"opens": 1}, engaged="thank", not_engaged="ask"),
    node("thank", send("thanks")),
    node("ask", send("ask"), tag("quiet")),
    cooldown=7 * DAY,
)


def engine_on(*workflows, answers=None, **ports):
    profiles = MemoryProfiles({"s": {"plan": "free", "email": "s@example.com"}, "t": {}})
    sender = RecordingSender(answers or {}, needs=NO_NEEDS)
    engine = Engine(MemoryStore(), clock=VirtualClock(START), profiles=profiles, sender=sender, **ports)
    for each in workflows or (SERIES,):
        engine.publish(each)
    return engine, profiles


def test_a_journey_is_told_from_its_door_to_its_end():
    engine, _ = engine_on(
        answers={"ask": [Outcome(Result.RETRY, "mailbox busy"), Outcome(Result.DONE, reference="m7")]}
    )
    engine.ingest([signup()])
    engine.advance()
    engine.ingest([signup(event_id="2")], now=START + DAY)
    engine.advance(now=START + 3 * DAY)
    engine.advance(now=START + 4 * DAY)
    told = engine.explain("s", "w", now=START + 5 * DAY).text
    retry = next(reason for reason in engine.explain("s", "w").reasons if reason.kind is Kind.RETRYING)
    pause = span_words(retry.data["seconds"])
    assert told.splitlines() == [
        "s in w",
        "  2026-01-01 00:00:00  run 1: entered at start, by trigger w-trigger",
        "  2026-01-01 00:00:00  run 1: sending hello at start was done",
        "  2026-01-01 00:00:00  run 1: left start by default for rest",
        "  2026-01-01 00:00:00  run 1: waits 3 d at rest",
        "  2026-01-02 00:00:00  was not let in for signup: the cooldown is not over; it would have in 6 d",
        "  2026-01-04 00:00:00  run 1: the wait at rest is over",
        "  2026-01-04 00:00:00  run 1: left rest by default for look",
        "  2026-01-04 00:00:00  run 1: look chose not_engaged, since count.opens was 0",
        "  2026-01-04 00:00:00  run 1: left look by not_engaged for ask",
        f"  2026-01-04 00:00:00  run 1: tries sending ask at ask again in {pause}: mailbox busy",
        "  2026-01-05 00:00:00  run 1: sending ask at ask was done, at the 2nd attempt, known to the receiver as m7",
        "  2026-01-05 00:00:00  run 1: the change of segments (in quiet, out of none) at ask was done",
        "  2026-01-05 00:00:00  run 1: left ask by default for end",
        "  2026-01-05 00:00:00  run 1: reached the end",
        "  Now: the trigger's condition does not hold without an event (event.type was missing).",
        "  Now: the rules of entry would not: the cooldown is not over; it would at 2026-01-08 00:00:00.",
    ]


def test_the_data_are_those_of_the_journal():
    engine, _ = engine_on()
    engine.ingest([signup()])
    engine.advance()
    engine.ingest([opened()], now=START + HOUR)
    told = engine.explain("s", "w")
    lines = engine.journal(subscriber_id="s")
    assert [(one.at, one.run_id, one.kind, one.node, one.action, one.data) for one in told.reasons] == [
        (line.at, line.run_id, line.entry.kind, line.entry.node, line.entry.action, line.entry.data) for line in lines
    ]
    assert told.reasons[-1].text == "saw email_open, the 1st time"


def test_who_never_came_is_told_so():
    engine, _ = engine_on()
    engine.ingest([Event("elsewhere", "s", id="1")])
    told = engine.explain("s", "w")
    assert told.reasons == []
    assert "no trigger of this workflow has fired" in told.text
    assert told.door.is_open
    assert "would let the subscriber in" in str(told)


def test_a_workflow_that_is_none_has_no_door():
    engine, _ = engine_on()
    told = engine.explain("s", "other")
    assert told.door is None
    assert "nobody may enter" in told.text


@pytest.mark.parametrize(
    ("policy", "rest", "sentence"),
    [
        (EntryPolicy(reentry=Reentry.NEVER), {}, "who was in does not come again"),
        (EntryPolicy(reentry=Reentry.AFTER_EXIT), {}, "a run is still alive"),
        (EntryPolicy(max_concurrent=1), {}, "as many runs as may be are alive"),
        (EntryPolicy(), {"max_executions": 1}, "the subscriber entered as often as it may"),
        (EntryPolicy(), {"max_executions_total": 1}, "as many entered as all together may"),
        (EntryPolicy(), {"cooldown": DAY}, "the cooldown is not over; it would have in 1 d"),
    ],
)
def test_each_rule_is_named_by_the_journal_and_at_the_door(policy, rest, sentence):
    engine, _ = engine_on(workflow(node("start", wait(30 * DAY)), entry=policy, **rest))
    engine.ingest([signup(), signup(event_id="2")])
    told = engine.explain("s", "w")
    assert told.reasons[-1].text == f"was not let in for signup: {sentence}"
    assert not told.door.is_open
    assert sentence.partition(";")[0] in told.text.splitlines()[-1]
    assert told.door.opens_at == (START + DAY if rest.get("cooldown") else None)


def test_a_filter_and_a_group_are_named():
    group = EntryPolicy(exclusion_group="promo")
    pro = EntryPolicy(filter=SubscriberHas({"plan": Equals("pro")}), grace=2 * HOUR)
    engine, profiles = engine_on(
        workflow(node("start", wait(DAY)), workflow_id="first", entry=group, priority=2),
        workflow(node("start", wait(DAY)), workflow_id="second", entry=group),
        workflow(node("start", wait(DAY)), workflow_id="pro", entry=pro),
    )
    engine.ingest([signup()])
    assert engine.explain("s", "second").reasons[-1].text.endswith("the subscriber is in first, of the same group")
    assert engine.explain("s", "second").door.by == "first"
    waits = engine.explain("s", "pro")
    assert waits.reasons[-1].text == (
        "waits up to 2 h for the filter of the workflow to hold: subscriber.plan was free"
    )
    assert waits.door.reason == "filter"
    profiles.put("s", plan="pro")
    assert engine.explain("s", "pro").door.is_open
    assert engine.runs(workflow_id="pro") == [], "to ask changes nothing"


def test_a_level_shows_the_values_that_it_reads():
    asleep = parse(
        {"subscriber_properties": {"plan": "free"}, "not": {"performed": {"event": "visit", "within": "30d"}}}
    )
    level = workflow(node("start", wait(DAY)), workflow_id="w", trigger_type=TriggerType.CONDITION_BASED, on=On.ENTER)
    level = type(level)(
        "w",
        "W",
        trigger=type(level.trigger)("t", trigger_type=TriggerType.CONDITION_BASED, on=On.ENTER, condition=asleep),
        nodes=level.nodes,
    )
    engine, _ = engine_on(level)
    engine.ingest([Event("visit", "s", id="v")])
    told = engine.explain("s", "w", now=START + DAY)
    assert not told.door.holds
    assert {one.path: one.value for one in told.door.operands} == {
        "subscriber.plan": "free",
        "performed.visit.count": 1,
    }
    assert engine.explain("s", "w", now=START + 30 * DAY).door.holds


def test_a_send_that_failed_says_why():
    engine, _ = engine_on(answers={"hello": [Outcome(Result.FAILED, "mailbox gone")]})
    engine.ingest([signup()])
    engine.advance()
    texts = [reason.text for reason in engine.explain("s", "w").reasons]
    assert texts[1:] == ["sending hello at start failed: mailbox gone", "failed: mailbox gone"]


def test_what_a_split_assigned_is_told_with_what_was_before():
    def parting(*weights):
        ways = [Way(label, weight) for label, weight in zip("ab", weights, strict=True)]
        return workflow(node("start", Action("split", Split(ways)), a="end", b="end"))

    engine, _ = engine_on(parting(3, 0))
    engine.ingest([signup()])
    engine.publish(parting(1, 2))
    engine.ingest([signup(event_id="2"), signup("t")])
    texts = [reason.text for reason in engine.explain("s", "w").reasons if reason.kind is Kind.DECIDED]
    assert texts == [
        "start chose a, which was assigned now, with a share of 1",
        "start chose a, which was assigned before",
    ]
    [text] = [reason.text for reason in engine.explain("t", "w").reasons if reason.kind is Kind.DECIDED]
    assert text in {
        "start chose a, which was assigned now, with a share of 0.3333",
        "start chose b, which was assigned now, with a share of 0.6667",
    }


def test_what_came_of_what_was_emitted_and_started_is_told():
    lead = workflow(
        node(
            "start",
            Action("emit", EmitEvent("ping")),
            Action("first", StartWorkflow("v")),
            Action("again", StartWorkflow("v")),
            Action("nowhere", StartWorkflow("x"), failure_path="end"),
        )
    )
    engine, _ = engine_on(lead, workflow(node("start", wait(DAY)), workflow_id="v", event="never", cooldown=DAY))
    engine.ingest([signup()])
    engine.advance()
    [started] = engine.runs(workflow_id="v")
    assert [reason.text for reason in engine.explain("s", "w").reasons[1:5]] == [
        "emitting ping at start was done",
        f"starting v at start was done, known to the receiver as {started.id}",
        "did not carry out starting v at start: the cooldown is not over",
        "starting x at start failed: unknown_workflow",
    ]
    assert engine.explain("s", "v").reasons[-1].text == (
        "was not let in for flowkit.started: the cooldown is not over; it would have in 1 d"
    )


def test_a_long_journal_is_read_to_its_end():
    engine, _ = engine_on(workflow(node("start", wait(timedelta(0)))))
    engine.ingest([signup(event_id=str(number)) for number in range(1_100)])
    engine.ingest([signup("t")])
    told = engine.explain("s", "w")
    assert len(told.reasons) == sum(line.subscriber_id == "s" for line in engine.journal(limit=5_000))
    assert len({reason.run_id for reason in told.reasons}) == 1_100


@pytest.mark.parametrize(
    ("seconds", "words"),
    [
        (0, "no time"),
        (0.2, "no time"),
        (1, "1 s"),
        (61, "1 min 1 s"),
        (3_600, "1 h"),
        (3_601, "1 h"),
        (90_061, "1 d 1 h"),
        (864_000, "10 d"),
        (-5, "no time"),
    ],
)
def test_spans_are_said_by_their_two_largest_units(seconds, words):
    assert span_words(seconds) == words
