"""Traces and metrics, by the collectors in memory that come with OpenTelemetry."""

import asyncio
from datetime import timedelta

import pytest
from opentelemetry.sdk.metrics import MeterProvider
from opentelemetry.sdk.metrics.export import InMemoryMetricReader
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter
from opentelemetry.trace import SpanKind, StatusCode

from flowkit.adapters.clock import VirtualClock
from flowkit.adapters.http import HttpWebhooks
from flowkit.adapters.profiles import MemoryProfiles
from flowkit.engine.aio import AsyncEngine
from flowkit.engine.sync import Engine
from flowkit.errors import ConfigurationError
from flowkit.integrations.otel import Telemetry
from flowkit.ports import Addressed, InDoubt, Lookup
from flowkit.runs.effects import DONE, Outcome, Result
from flowkit.stores.memory import MemoryStore
from flowkit.testing.recording import RecordingHandler, RecordingSender
from flowkit.worker.loop import Worker
from flowkit.workflows.model import Action, CallHandler, CallWebhook
from tests.support.journeys import HOUR, START, node, send, signup, workflow
from tests.support.web_server import WebServer


class Collected:
    """A process's telemetry, with what was collected of it."""

    def __init__(self):
        self.clock = VirtualClock(START)
        self._spans, self._reader = InMemorySpanExporter(), InMemoryMetricReader()
        provider = TracerProvider()
        provider.add_span_processor(SimpleSpanProcessor(self._spans))
        meters = MeterProvider(metric_readers=[self._reader])
        self.telemetry = Telemetry(provider, meters, clock=self.clock)

    def spans(self, name):
        return [span for span in self._spans.get_finished_spans() if span.name == f"flowkit.{name}"]

    def metric(self, name):
        data = self._reader.get_metrics_data()
        points = [
            (dict(point.attributes), getattr(point, "value", getattr(point, "count", None)))
            for one in data.resource_metrics
            for scope in one.scope_metrics
            for metric in scope.metrics
            if metric.name == f"flowkit.{name}"
            for point in metric.data.data_points
        ]
        return {tuple(attributes.values()): value for attributes, value in points}

    def engine(self, *actions, **ports):
        profiles = MemoryProfiles({f"s{number}": {"email": f"s{number}@example.com"} for number in range(9)})
        engine = Engine(MemoryStore(), profiles=profiles, clock=self.clock, **ports)
        engine.publish(workflow(node("start", *actions)))
        return self.telemetry.engine(engine)


@pytest.fixture
def collected():
    return Collected()


def test_a_turn_has_a_span_with_one_for_each_message_inside(collected):
    sender = RecordingSender({"hello": [DONE, Outcome(Result.FAILED, "no such user"), Outcome(Result.RETRY, "later")]})
    engine = collected.engine(send(), sender=collected.telemetry.sender(sender))
    engine.ingest(signup(f"s{number}") for number in range(3))
    engine.advance()
    [ingest], [advance], sends = (collected.spans(name) for name in ("ingest", "advance", "send"))
    assert (ingest.attributes["flowkit.events"], ingest.attributes["flowkit.started"]) == (3, 3)
    counts = {name: advance.attributes[f"flowkit.{name}"] for name in ("runs", "done", "failed", "retrying")}
    assert counts == {"runs": 3, "done": 1, "failed": 1, "retrying": 1}
    assert {span.parent.span_id for span in sends} == {advance.context.span_id}
    assert {span.kind for span in sends} == {SpanKind.PRODUCER}
    first = dict(sends[0].attributes)
    assert first.pop("flowkit.key") == sender.messages[0].key
    assert first == {
        "flowkit.channel": "email",
        "flowkit.template_id": "hello",
        "flowkit.workflow_id": "w",
        "flowkit.node": "start",
        "flowkit.action": sender.messages[0].metadata["action"],
        "flowkit.outcome": "done",
    }
    told = [(span.attributes["flowkit.outcome"], span.status.status_code) for span in sends]
    assert told == [("done", StatusCode.UNSET), ("failed", StatusCode.ERROR), ("retry", StatusCode.UNSET)]
    assert sends[1].status.description == "no such user"
    assert "example.com" not in repr([span.to_json() for span in collected.spans("send")])


def test_what_is_done_is_counted(collected):
    sender = collected.telemetry.sender(RecordingSender({"hello": [DONE, DONE, Outcome(Result.FAILED)]}))
    engine = collected.engine(send(), sender=sender)
    engine.ingest(signup(f"s{number}") for number in range(3))
    assert engine.next_due() == START
    collected.clock.advance(HOUR)
    engine.next_due()
    assert collected.metric("behind") == {(): 3600.0}
    engine.advance()
    assert engine.next_due() is None
    assert collected.metric("effects") == {("send", "done"): 2, ("send", "failed"): 1}
    assert [collected.metric(name) for name in ("events", "runs", "behind", "advance.duration")] == [
        {(): 3},
        {(): 3},
        {(): 0.0},
        {(): 1},
    ]
    assert collected.metric("call.duration") == {("send",): 3}


def test_a_port_that_raises_is_noted_and_raises(collected):
    sender = RecordingSender({"hello": ConnectionError("gone")}, key_window=timedelta(days=1))
    engine = collected.engine(send(), sender=collected.telemetry.sender(sender))
    engine.ingest([signup("s1")])
    assert engine.advance().retrying == 1
    [span] = collected.spans("send")
    assert (span.status.status_code, span.status.description) == (StatusCode.ERROR, "ConnectionError")
    assert span.events[0].attributes["exception.message"] == "gone"


def test_a_webhook_carries_where_it_stands_in_the_trace(collected):
    with WebServer() as server:
        hook = Action("hook", CallWebhook(server.url("/in?token=secret"), headers={"X-Shop": "1"}))
        webhooks = collected.telemetry.webhooks(HttpWebhooks(allow=["127.0.0.0/8"]))
        engine = collected.engine(hook, webhooks=webhooks)
        engine.ingest([signup("s1")])
        assert engine.advance().done == 1
        [asked] = server.asked
    [span] = collected.spans("webhook")
    assert asked.header("traceparent").split("-")[1:3] == [
        f"{span.context.trace_id:032x}",
        f"{span.context.span_id:016x}",
    ]
    assert asked.header("X-Shop") == "1"
    assert (span.attributes["server.address"], span.attributes["flowkit.method"]) == ("127.0.0.1", "POST")
    assert "secret" not in span.to_json()


def test_actions_of_the_hosts_own_are_traced(collected):
    handler = RecordingHandler({"s2": Outcome(Result.UNKNOWN)})
    engine = collected.engine(
        Action("do", CallHandler("grant")), handlers={"grant": collected.telemetry.handler(handler)}
    )
    engine.ingest([signup("s1"), signup("s2")])
    engine.advance()
    spans = collected.spans("action")
    assert [(span.attributes["flowkit.name"], span.attributes["flowkit.outcome"]) for span in spans] == [
        ("grant", "done"),
        ("grant", "unknown"),
    ]


def test_a_worker_drives_what_is_traced(collected):
    sender = RecordingSender()
    engine = collected.engine(send(), sender=collected.telemetry.sender(sender))
    engine.ingest([signup("s1")])
    worker = Worker(engine, on_turn=lambda _: worker.stop(), clock=collected.clock)
    worker.run()
    assert len(sender.delivered) == len(collected.spans("send")) == 1


class Waiting(RecordingSender):
    """A sender that answers later, and finds keys again."""

    address = "email"

    async def send(self, messages):
        await asyncio.sleep(0)
        return super().send(messages)

    def lookup(self, keys):
        return dict.fromkeys(keys, DONE)


def test_a_sender_that_waits_is_traced_as_one_that_waits(collected):
    async def ride():
        sender = Waiting({"hello": [DONE, ConnectionError()]}, key_window=timedelta(days=1), in_doubt=InDoubt.RESEND)
        profiles = MemoryProfiles({"s1": {"email": "s1@example.com"}})
        engine = AsyncEngine(
            MemoryStore(), sender=collected.telemetry.sender(sender), profiles=profiles, clock=collected.clock
        )
        await engine.publish(workflow(node("start", send())))
        traced = collected.telemetry.async_engine(engine)
        await traced.ingest([signup("s1")])
        await traced.advance()
        await traced.next_due()

    asyncio.run(ride())
    [span], [advance] = collected.spans("send"), collected.spans("advance")
    assert span.attributes["flowkit.outcome"] == "done"
    assert span.parent.span_id == advance.context.span_id


def test_a_wrapper_has_what_the_port_has_and_no_more(collected):
    plain, more = (collected.telemetry.sender(one) for one in (RecordingSender(), Waiting()))
    assert (isinstance(plain, Lookup), isinstance(plain, Addressed)) == (False, False)
    assert (isinstance(more, Lookup), isinstance(more, Addressed)) == (True, True)
    assert more.needs == Waiting().needs
    with pytest.raises(ConfigurationError, match="async def"):
        Engine(MemoryStore(), sender=more)
