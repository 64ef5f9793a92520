"""Traces and metrics by OpenTelemetry: a span for each call of the engine and for each effect, and counts beside them.

It needs the extra ``otel``. Nothing in the engine knows of it: ports and engine are wrapped, so who does not trace pays
nothing. Subscribers, addresses and contents are in no span; keys are, and they lead to the journal.

==========================  ==============================================================================
span                        attributes, all beginning with ``flowkit.``
==========================  ==============================================================================
``flowkit.ingest``          ``events``, and what `Ingested` counts
``flowkit.advance``         what `Advanced` counts
``flowkit.send``            ``key``, ``channel``, ``template_id``, ``workflow_id``, ``node``, ``action``,
                            ``outcome``, ``reason``
``flowkit.webhook``         ``key``, ``method``, ``outcome``, ``reason``; ``server.address``
``flowkit.action``          ``key``, ``name``, ``workflow_id``, ``node``, ``action``, ``outcome``, ``reason``
==========================  ==============================================================================

A port is called with up to a hundred effects at once: their spans begin and end together. What failed for good, and
what nobody knows the end of, has the status error; what will be tried again has not.

=============================  =========  ================================================================
metric                         unit       what it counts
=============================  =========  ================================================================
``flowkit.events``             {event}    events that were ingested
``flowkit.runs``               {run}      runs that were moved
``flowkit.effects``            {effect}   by ``flowkit.kind`` and ``flowkit.outcome``
``flowkit.call.duration``      s          how long a port took, by ``flowkit.kind``
``flowkit.advance.duration``   s          how long a turn took
``flowkit.behind``             s          how long what is due next has been due; 0 where nothing is
=============================  =========  ================================================================
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Awaitable, Callable, Generator, Iterable, Mapping, Sequence
from contextlib import contextmanager
from datetime import datetime, timedelta
from inspect import iscoroutinefunction
from time import monotonic
from typing import Final, TypeVar, cast
from urllib.parse import urlsplit

from attrs import asdict, evolve, frozen
from opentelemetry import metrics, trace
from opentelemetry.metrics import MeterProvider
from opentelemetry.propagate import inject
from opentelemetry.trace import Span, SpanKind, Status, StatusCode, TracerProvider, set_span_in_context
from opentelemetry.util.types import AttributeValue

from flowkit.engine.advance import Advanced
from flowkit.engine.aio import AsyncEngine
from flowkit.engine.clock import SystemClock
from flowkit.engine.drive import resolve
from flowkit.engine.ingest import Ingested
from flowkit.engine.stop import Stop
from flowkit.engine.sync import Engine
from flowkit.events import Event, Needs
from flowkit.ports import Clock, Handler, HandlerRequest, InDoubt, Maybe, Sender, WebhookRequest, Webhooks
from flowkit.rendering.model import OutgoingMessage
from flowkit.runs.effects import Outcome, Result

__all__ = ["AsyncTracedEngine", "Telemetry", "TracedEngine"]

_C = TypeVar("_C", Advanced, Ingested)
_SCOPE: Final = "flowkit"
_WRONG: Final = frozenset({Result.FAILED, Result.UNKNOWN})
_FROM_METADATA: Final = ("workflow_id", "node", "action")
_OF_PORTS: Final = ("address", "lookup", "never_suspends")


@frozen
class _Kind:
    """A kind of effects: how its spans are called, and where the calls go."""

    name: str
    span: SpanKind


_SEND: Final = _Kind("send", SpanKind.PRODUCER)
_WEBHOOK: Final = _Kind("webhook", SpanKind.CLIENT)
_ACTION: Final = _Kind("action", SpanKind.INTERNAL)


class Telemetry:
    """Wraps ports and an engine so that what they do is traced and counted.

    Args:
        tracer_provider: Where spans go; None takes the process's own.
        meter_provider: Where metrics go; None takes the process's own.
        clock: The clock of the engine, where it was given one; ``flowkit.behind`` is read on it.

    Example:
        ``telemetry = Telemetry()``, then ``telemetry.engine(Engine(store, sender=telemetry.sender(sender)))``.
    """

    def __init__(
        self,
        tracer_provider: TracerProvider | None = None,
        meter_provider: MeterProvider | None = None,
        *,
        clock: Clock | None = None,
    ) -> None:
        self._tracer = trace.get_tracer(_SCOPE, tracer_provider=tracer_provider)
        meter = metrics.get_meter(_SCOPE, meter_provider=meter_provider)
        self._clock = clock or SystemClock()
        self._events = meter.create_counter("flowkit.events", "{event}", "Events that were ingested")
        self._runs = meter.create_counter("flowkit.runs", "{run}", "Runs that were moved")
        self._effects = meter.create_counter("flowkit.effects", "{effect}", "Effects, by kind and outcome")
        self._calls = meter.create_histogram("flowkit.call.duration", "s", "How long a port took")
        self._turns = meter.create_histogram("flowkit.advance.duration", "s", "How long a turn took")
        self._behind = meter.create_gauge("flowkit.behind", "s", "How long what is due next has been due")

    # -- what is wrapped ---------------------------------------------------------------------------------------

    def engine(self, engine: Engine) -> TracedEngine:
        """Trace an engine; a worker drives what comes back."""
        return TracedEngine(engine, self)

    def async_engine(self, engine: AsyncEngine) -> AsyncTracedEngine:
        """Trace an engine with an event loop; a worker drives what comes back."""
        return AsyncTracedEngine(engine, self)

    def sender(self, sender: Sender) -> Sender:
        """Trace a sender: a span for each message."""
        waits = iscoroutinefunction(sender.send)
        return _AsyncSender(sender, self) if waits else _Sender(sender, self)

    def webhooks(self, webhooks: Webhooks) -> Webhooks:
        """Trace a webhook client: a span for each request, which goes along as ``traceparent``."""
        waits = iscoroutinefunction(webhooks.call)
        return _AsyncWebhooks(webhooks, self) if waits else _Webhooks(webhooks, self)

    def handler(self, handler: Handler) -> Handler:
        """Trace one of the host's own actions: a span for each request."""
        waits = iscoroutinefunction(handler) or iscoroutinefunction(type(handler).__call__)
        return _AsyncHandler(handler, self) if waits else _Handler(handler, self)

    # -- what is told ------------------------------------------------------------------------------------------

    def call(self, kind: _Kind, effects: Sequence[Mapping[str, AttributeValue]]) -> _Call:
        """Begin the spans of a call with some effects."""
        name = f"flowkit.{kind.name}"
        return _Call(self, kind, [self._tracer.start_span(name, kind=kind.span, attributes=one) for one in effects])

    def called(self, kind: _Kind, seconds: float, outcomes: Sequence[Outcome]) -> None:
        """Count a call that is over."""
        self._calls.record(seconds, {"flowkit.kind": kind.name})
        for result, number in Counter(outcome.result for outcome in outcomes).items():
            self._effects.add(number, {"flowkit.kind": kind.name, "flowkit.outcome": result.value})

    @contextmanager
    def ingesting(self, events: Sequence[Event]) -> Generator[_Counts]:
        """Trace the ingestion of events."""
        with self._within("flowkit.ingest", {"flowkit.events": len(events)}) as counts:
            yield counts
        self._events.add(len(events))

    @contextmanager
    def advancing(self) -> Generator[_Counts]:
        """Trace a turn."""
        began = monotonic()
        try:
            with self._within("flowkit.advance", {}) as counts:
                yield counts
        finally:
            self._turns.record(monotonic() - began)
        self._runs.add(counts.of("runs"))

    def due(self, due: datetime | None) -> None:
        """Note for how long what is due next has been due."""
        behind = timedelta() if due is None else self._clock.now() - due
        self._behind.set(max(behind.total_seconds(), 0.0))

    @contextmanager
    def _within(self, name: str, attributes: Mapping[str, AttributeValue]) -> Generator[_Counts]:
        with self._tracer.start_as_current_span(name, attributes=dict(attributes)) as span:
            yield _Counts(span)


class _Counts:
    """The counts that an engine's call comes to, in its span."""

    def __init__(self, span: Span) -> None:
        self._span = span
        self._counts: dict[str, int] = {}

    def take(self, counted: _C) -> _C:
        """Note what it came to."""
        self._counts = asdict(counted)
        for name, number in self._counts.items():
            self._span.set_attribute(f"flowkit.{name}", number)
        return counted

    def of(self, name: str) -> int:
        """Give one of the counts."""
        return self._counts.get(name, 0)


class _Call:
    """A call of a port, with a span for each of its effects."""

    def __init__(self, telemetry: Telemetry, kind: _Kind, spans: Sequence[Span]) -> None:
        self._telemetry = telemetry
        self._kind = kind
        self._spans = spans
        self._began = monotonic()

    def headers(self, headers: Iterable[Mapping[str, str]]) -> list[Mapping[str, str]]:
        """Add to the headers of each effect where it stands in the trace."""
        added: list[Mapping[str, str]] = []
        for span, one in zip(self._spans, headers, strict=True):
            carrier: dict[str, str] = {}
            inject(carrier, set_span_in_context(span))
            added.append({**carrier, **one})
        return added

    def run(self, call: Callable[[], Maybe[Sequence[Outcome]]]) -> Maybe[Sequence[Outcome]]:
        """Make the call; what it raises is noted at each effect, and raised."""
        try:
            answer = call()
        except BaseException as error:
            self._broke(error)
            raise
        return self._later(answer) if isinstance(answer, Awaitable) else self._done(answer)

    async def _later(self, answer: Awaitable[Sequence[Outcome]]) -> Sequence[Outcome]:
        try:
            outcomes = await answer
        except BaseException as error:
            self._broke(error)
            raise
        return self._done(outcomes)

    def _done(self, outcomes: Sequence[Outcome]) -> Sequence[Outcome]:
        # A port that gives too few or too many answers is the engine's to refuse.
        for span, outcome in zip(self._spans, outcomes, strict=False):
            span.set_attribute("flowkit.outcome", outcome.result.value)
            if outcome.reason:
                span.set_attribute("flowkit.reason", outcome.reason)
            if outcome.result in _WRONG:
                span.set_status(Status(StatusCode.ERROR, outcome.reason or outcome.result.value))
        self._end(outcomes)
        return outcomes

    def _broke(self, error: BaseException) -> None:
        for span in self._spans:
            span.record_exception(error)
            span.set_status(Status(StatusCode.ERROR, type(error).__name__))
        self._end(())

    def _end(self, outcomes: Sequence[Outcome]) -> None:
        for span in self._spans:
            span.end()
        self._telemetry.called(self._kind, monotonic() - self._began, outcomes)


# -- ports -----------------------------------------------------------------------------------------------------------


def _like(wrapper: object, port: object) -> None:
    """Give a wrapper what a port has beyond its Protocol, and only where it has it."""
    for name in _OF_PORTS:
        if hasattr(port, name):
            setattr(wrapper, name, getattr(port, name))


def _sent(message: OutgoingMessage) -> Mapping[str, AttributeValue]:
    known = {name: message.metadata.get(name) for name in _FROM_METADATA}
    fields = {"key": message.key, "channel": message.channel, "template_id": message.template_id}
    return {f"flowkit.{name}": value for name, value in {**fields, **known}.items() if isinstance(value, str)}


def _called(request: WebhookRequest) -> Mapping[str, AttributeValue]:
    # Of a URL only the host: what follows may hold a secret.
    try:
        host = urlsplit(request.url).hostname
    except ValueError:
        host = None
    known: dict[str, AttributeValue] = {"flowkit.key": request.key, "flowkit.method": request.method}
    return known if host is None else {**known, "server.address": host}


def _asked(request: HandlerRequest) -> Mapping[str, AttributeValue]:
    names = ("key", "name", "workflow_id", "node", "action")
    return {f"flowkit.{name}": cast("str", getattr(request, name)) for name in names}


class _Sender:
    def __init__(self, sender: Sender, telemetry: Telemetry) -> None:
        self._inner = sender
        self._telemetry = telemetry
        _like(self, sender)

    @property
    def key_window(self) -> timedelta | None:
        return self._inner.key_window

    @property
    def timeout(self) -> timedelta:
        return self._inner.timeout

    @property
    def in_doubt(self) -> InDoubt:
        return self._inner.in_doubt

    @property
    def needs(self) -> Needs:
        return self._inner.needs

    def send(self, messages: Sequence[OutgoingMessage]) -> Maybe[Sequence[Outcome]]:
        call = self._telemetry.call(_SEND, [_sent(message) for message in messages])
        return call.run(lambda: self._inner.send(messages))


class _Webhooks:
    def __init__(self, webhooks: Webhooks, telemetry: Telemetry) -> None:
        self._inner = webhooks
        self._telemetry = telemetry
        _like(self, webhooks)

    @property
    def timeout(self) -> timedelta:
        return self._inner.timeout

    def call(self, requests: Sequence[WebhookRequest]) -> Maybe[Sequence[Outcome]]:
        call = self._telemetry.call(_WEBHOOK, [_called(request) for request in requests])
        headers = call.headers(request.headers for request in requests)
        traced = [evolve(request, headers=more) for request, more in zip(requests, headers, strict=True)]
        return call.run(lambda: self._inner.call(traced))


class _Handler:
    def __init__(self, handler: Handler, telemetry: Telemetry) -> None:
        self._inner = handler
        self._telemetry = telemetry
        _like(self, handler)

    def __call__(self, requests: Sequence[HandlerRequest], /) -> Maybe[Sequence[Outcome]]:
        call = self._telemetry.call(_ACTION, [_asked(request) for request in requests])
        return call.run(lambda: self._inner(requests))


# The same for ports that wait, said by `async def`, so that an engine without an event loop refuses them at once.


class _AsyncSender(_Sender):
    async def send(self, messages: Sequence[OutgoingMessage]) -> Sequence[Outcome]:
        return await resolve("sender.send", super().send(messages))


class _AsyncWebhooks(_Webhooks):
    async def call(self, requests: Sequence[WebhookRequest]) -> Sequence[Outcome]:
        return await resolve("webhooks.call", super().call(requests))


class _AsyncHandler(_Handler):
    async def __call__(self, requests: Sequence[HandlerRequest], /) -> Sequence[Outcome]:
        return await resolve("handler", super().__call__(requests))


# -- engines ---------------------------------------------------------------------------------------------------------


class TracedEngine:
    """An engine whose turns and ingestions are traced.

    Attributes:
        engine: The engine itself, for everything else.
    """

    def __init__(self, engine: Engine, telemetry: Telemetry) -> None:
        self.engine = engine
        self._telemetry = telemetry

    def ingest(
        self, events: Iterable[Event], *, now: datetime | None = None, connection: object | None = None
    ) -> Ingested:
        """Ingest events, see `Engine.ingest`."""
        batch = list(events)
        with self._telemetry.ingesting(batch) as counts:
            return counts.take(self.engine.ingest(batch, now=now, connection=connection))

    def advance(self, *, now: datetime | None = None, limit: int | None = None, stop: Stop | None = None) -> Advanced:
        """Do what is due, see `Engine.advance`."""
        with self._telemetry.advancing() as counts:
            return counts.take(self.engine.advance(now=now, limit=limit, stop=stop))

    def next_due(self) -> datetime | None:
        """Tell when the next run wants to go on, see `Engine.next_due`."""
        due = self.engine.next_due()
        self._telemetry.due(due)
        return due


class AsyncTracedEngine:
    """An engine with an event loop whose turns and ingestions are traced.

    Attributes:
        engine: The engine itself, for everything else.
    """

    def __init__(self, engine: AsyncEngine, telemetry: Telemetry) -> None:
        self.engine = engine
        self._telemetry = telemetry

    async def ingest(
        self, events: Iterable[Event], *, now: datetime | None = None, connection: object | None = None
    ) -> Ingested:
        """Ingest events, see `AsyncEngine.ingest`."""
        batch = list(events)
        with self._telemetry.ingesting(batch) as counts:
            return counts.take(await self.engine.ingest(batch, now=now, connection=connection))

    async def advance(
        self, *, now: datetime | None = None, limit: int | None = None, stop: Stop | None = None
    ) -> Advanced:
        """Do what is due, see `AsyncEngine.advance`."""
        with self._telemetry.advancing() as counts:
            return counts.take(await self.engine.advance(now=now, limit=limit, stop=stop))

    async def next_due(self) -> datetime | None:
        """Tell when the next run wants to go on, see `AsyncEngine.next_due`."""
        due = await self.engine.next_due()
        self._telemetry.due(due)
        return due
