"""What became of messages, as a mail service tells it: in the journal, in the numbers, and in what is explained."""

from decimal import Decimal

import pytest

from flowkit.adapters.clock import VirtualClock
from flowkit.adapters.profiles import MemoryProfiles
from flowkit.analytics.findings import Counted, measures_of
from flowkit.conditions import EventIs
from flowkit.engine.sync import Engine
from flowkit.events import Event
from flowkit.runs.feedback import FeedbackKind, feedback, feedback_of
from flowkit.runs.model import Kind
from flowkit.testing.recording import RecordingSender
from flowkit.workflows.control import Awaited, WaitForEvent
from flowkit.workflows.model import Action
from tests.support.journeys import DAY, HOUR, START, node, send, signups, wait, workflow


@pytest.fixture
def shop(any_store):
    """Ten were sent a message."""
    sender = RecordingSender()
    profiles = MemoryProfiles({f"s{number}": {"email": f"s{number}@example.com"} for number in range(10)})
    engine = Engine(any_store, sender=sender, profiles=profiles, clock=VirtualClock(START))
    engine.publish(workflow(node("start", send("hello"), default="wait"), node("wait", wait(DAY))))
    engine.ingest(signups(10))
    engine.advance()
    return engine, {message.subscriber_id: message for message in sender.delivered}


def told(message, kind, **fields):
    """What a service tells that gives the metadata back."""
    metadata = message.metadata
    return feedback(
        kind,
        message.subscriber_id,
        key=message.key,
        workflow_id=metadata["workflow_id"],
        node=metadata["node"],
        action=metadata["action"],
        template_id=message.template_id,
        **fields,
    )


def test_what_is_told_is_counted_once_a_message(shop):
    engine, messages = shop
    opens = [told(messages[f"s{number}"], FeedbackKind.OPEN) for number in (0, 1, 2, 2, 2)]
    engine.ingest([*opens, told(messages["s0"], FeedbackKind.CLICK), told(messages["s3"], FeedbackKind.COMPLAINT)])
    engine.ingest(opens, now=START + HOUR)
    metrics = engine.metrics("w")
    assert metrics.heard == {"complaint": 1, "email_click": 1, "email_open": 3}
    assert (metrics.sent, metrics.rate("email_open"), metrics.rate("bounce")) == (10, 0.3, 0.0)
    assert metrics.engagement_score == pytest.approx(100 * (0.3 * 0.3 + 0.7 * 0.1))
    [hello] = metrics.messages
    assert (hello.template_id, hello.rate("email_click")) == ("hello", 0.1)
    assert measures_of(metrics).rates["complaint"] == Counted(1, 10)
    # The complaint is heeded, too.
    assert [one.subscriber_id for one in engine.suppressions(subscriber_id="s3")] == ["s3"]


def test_what_machines_do_is_marked_and_left_out_of_rates(shop):
    engine, messages = shop
    engine.ingest([told(messages["s0"], FeedbackKind.OPEN, machine=True), told(messages["s1"], FeedbackKind.OPEN)])
    metrics = engine.metrics("w")
    assert (metrics.heard, metrics.by_machines) == ({"email_open": 1}, {"email_open": 1})


def test_who_opens_what_a_machine_has_loaded_before_counts(shop):
    engine, messages = shop
    by_machine, by_hand = told(messages["s0"], FeedbackKind.OPEN, machine=True), told(messages["s0"], FeedbackKind.OPEN)
    engine.ingest([by_machine, by_machine, by_hand, by_hand])
    metrics = engine.metrics("w")
    assert (metrics.heard, metrics.by_machines) == ({"email_open": 1}, {"email_open": 1})


def test_only_conversions_are_revenue(shop):
    engine, messages = shop
    engine.ingest(
        told(messages["s0"], kind, value=value, id=kind.value)
        for kind, value in ((FeedbackKind.CLICK, 3.0), (FeedbackKind.CONVERSION, 20.0))
    )
    assert engine.metrics("w").revenue == Decimal(20)


def test_a_value_beyond_all_floats_is_left_out_and_the_rest_of_its_batch_is_taken(shop):
    engine, messages = shop
    values = [10**400, 5]
    engine.ingest(
        told(messages[f"s{number}"], FeedbackKind.CONVERSION, value=value, id=f"order-{number}")
        for number, value in enumerate(values)
    )
    metrics = engine.metrics("w")
    assert (metrics.heard, metrics.revenue) == ({"conversion": 2}, 5)


def test_revenue_is_exact_and_the_same_after_a_roll_up(shop):
    engine, messages = shop
    values = [0.1] * 7 + [19.99, -5]
    engine.ingest(
        told(messages[f"s{number}"], FeedbackKind.CONVERSION, value=value, id=f"order-{number}")
        for number, value in enumerate(values)
    )
    assert engine.metrics("w").revenue == sum(map(Decimal, map(str, values))) == Decimal("15.69")
    engine.roll_up()
    assert engine.metrics("w").revenue == Decimal("15.69")
    assert engine.metrics("w").heard == {"conversion": 9}


def test_it_is_an_event_like_any_other(any_store):
    engine = Engine(any_store, clock=VirtualClock(START))
    engine.publish(workflow(node("start", wait(DAY)), event="email_open"))
    event = feedback(FeedbackKind.OPEN, "s", key="k", workflow_id="w")
    assert engine.ingest([event]).started == 1
    assert engine.ingest([event]).duplicates == 1
    assert Kind.FEEDBACK in {line.entry.kind for line in engine.journal(subscriber_id="s")}


@pytest.mark.parametrize(
    "event",
    [
        Event("email_open", "s0", id="none"),
        Event("email_open", "s0", id="2", properties={"workflow_id": 7}),
        Event("email_open", "s0", id="3", properties={"workflow_id": "never published"}),
        Event("signup_again", "s0", id="4", properties={"workflow_id": "w"}),
    ],
)
def test_what_names_no_workflow_of_ours_is_an_event_and_no_feedback(shop, event):
    engine, _ = shop
    assert engine.ingest([event]).accepted == 1
    assert engine.metrics("w").heard == {}


def test_odd_properties_do_no_harm():
    event = Event(
        "conversion",
        "s",
        id="1",
        value=float("1e3"),
        properties={"workflow_id": "w", "node": ["n"], "template_id": "", "machine": "yes", "send_key": None},
    )
    workflow_id, entry = feedback_of(event)
    assert (workflow_id, entry.node, entry.data) == ("w", None, {"type": "conversion", "value": 1000.0})
    assert "value" not in feedback_of(Event("conversion", "s", value=True, properties={"workflow_id": "w"}))[1].data


def test_a_long_key_still_gives_an_id():
    one, other = (feedback(FeedbackKind.OPEN, "s", key="k" * 255 + end, workflow_id="w") for end in "ab")
    assert one.id != other.id
    assert one.id == feedback(FeedbackKind.OPEN, "s", key="k" * 255 + "a", workflow_id="w").id


def test_it_is_explained(shop):
    engine, messages = shop
    engine.ingest([told(messages["s0"], FeedbackKind.OPEN, machine=True)], now=START + HOUR)
    assert "email_open was told of hello at start, by a machine" in engine.explain("s0", "w").text


def test_of_the_runs_only_the_one_that_sent_the_message_takes_it_for_its_own(any_store):
    sender = RecordingSender()
    profiles = MemoryProfiles({"s0": {"email": "s0@example.com"}})
    engine = Engine(any_store, sender=sender, profiles=profiles, clock=VirtualClock(START))
    waits = Action("wait", WaitForEvent((Awaited("opened", EventIs(("email_open",))),), timeout=None))
    for name in ("w", "v"):
        nodes = node("start", send(), default="wait"), node("wait", waits)
        engine.publish(workflow(*nodes, workflow_id=name))
    engine.ingest(signups(1))
    engine.advance()
    first = next(message for message in sender.delivered if message.metadata["workflow_id"] == "v")
    engine.ingest([told(first, FeedbackKind.OPEN)], now=START + HOUR)
    engine.advance(now=START + HOUR)
    assert {run.workflow_id: run.status.value for run in engine.runs()} == {"v": "completed", "w": "active"}
