"""One schedule lived through on engines of each kind: their ports, and what is left at the end."""

import asyncio
import inspect
import tempfile
from collections import Counter
from collections.abc import Awaitable, Iterable, Mapping, Sequence
from datetime import timedelta
from pathlib import Path
from typing import Any, TypeVar

from attrs import field, frozen

from flowkit.adapters.clock import VirtualClock
from flowkit.adapters.profiles import MemoryProfiles
from flowkit.engine.aio import AsyncEngine
from flowkit.engine.sync import Engine
from flowkit.events import Facts, Needs
from flowkit.ports import HandlerRequest, InDoubt, Store, WebhookRequest
from flowkit.rendering.model import OutgoingMessage
from flowkit.runs.effects import Outcome
from flowkit.runs.model import Line
from flowkit.stores.memory import MemoryStore
from flowkit.stores.sqlite import SqliteStore
from flowkit.testing.strategies import HANDLER, Moment, Mood
from flowkit.workflows.model import Workflow
from tests.support.journeys import START, stand, told

T = TypeVar("T")
GOOD = Mood(0, 0)
HORIZON = START + timedelta(days=12)
_Given = OutgoingMessage | WebhookRequest | HandlerRequest


class Receiver:
    """A sender, and webhooks, that answer by key and attempt alone, and keep what they were given."""

    timeout = timedelta(seconds=5)
    in_doubt = InDoubt.RESEND
    needs = Needs(attributes=frozenset({"email"}))

    def __init__(self, mood: Mood, key_window: timedelta | None = None) -> None:
        self.key_window = key_window
        self.got: list[_Given] = []
        self._mood = mood
        self._attempts: Counter[str] = Counter()

    def _answer(self, given: _Given) -> Outcome:
        self.got.append(given)
        self._attempts[given.key] += 1
        return self._mood.answer(given.key, self._attempts[given.key] - 1)

    def send(self, messages: Sequence[OutgoingMessage]) -> Sequence[Outcome]:
        return [self._answer(message) for message in messages]

    def call(self, requests: Sequence[WebhookRequest]) -> Sequence[Outcome]:
        return [self._answer(request) for request in requests]

    def __call__(self, requests: Sequence[HandlerRequest]) -> Sequence[Outcome]:
        return [self._answer(request) for request in requests]


class Waiting:
    """A port that goes to the event loop before each of its methods does anything."""

    def __init__(self, port: object) -> None:
        self._port = port

    def __getattr__(self, name: str) -> Any:
        found = getattr(self._port, name)
        if not callable(found) or name == "joined":
            return found

        async def method(*arguments: Any, **options: Any) -> Any:
            await asyncio.sleep(0)
            given = found(*arguments, **options)
            return Waiting(given) if name == "attempts" else given

        return method

    async def __call__(self, requests: Sequence[HandlerRequest]) -> Any:
        await asyncio.sleep(0)
        return self._port(requests)  # type: ignore[operator]


@frozen
class Scenario:
    """What is lived through: workflows, people, a schedule, and how receivers answer."""

    workflows: Sequence[Workflow]
    schedule: Sequence[Moment]
    people: Mapping[str, Mapping[str, Any]] = field(factory=dict)
    mood: Mood = GOOD
    key_window: timedelta | None = None


@frozen
class World:
    """What is left when a schedule has been lived through.

    Attributes:
        journal: The whole journal, in order.
        by_run: The journal of each run, and what each subscriber was refused by each workflow.
        runs: Where each run stands.
        got: What the receivers were given, in order.
        profiles: What is known of each subscriber.
    """

    journal: Sequence[tuple[object, ...]]
    by_run: Mapping[object, Sequence[tuple[object, ...]]]
    runs: Mapping[str, tuple[object, ...]]
    got: Sequence[_Given]
    profiles: Mapping[str, Facts | None]


def on_memory(scenario: Scenario) -> World:
    return asyncio.run(_lived(scenario, MemoryStore()))


def on_waiting_ports(scenario: Scenario) -> World:
    return asyncio.run(_lived(scenario, MemoryStore(), waiting=True))


def on_sqlite(scenario: Scenario) -> World:
    with tempfile.TemporaryDirectory() as folder:
        store = SqliteStore(Path(folder) / "flowkit.db", synchronous="NORMAL")
        try:
            return asyncio.run(_lived(scenario, store))
        finally:
            store.close()


def on_store(scenario: Scenario, store: Store, *, waiting: bool = False) -> World:
    """On a store that is opened already, by an engine of one kind or the other."""
    return asyncio.run(_lived(scenario, store, waiting=waiting))


async def _lived(scenario: Scenario, store: Store, *, waiting: bool = False) -> World:
    profiles, receiver = MemoryProfiles(scenario.people), Receiver(scenario.mood, scenario.key_window)
    wrap = Waiting if waiting else lambda port: port
    port = wrap(receiver)
    ports: dict[str, Any] = {
        "profiles": wrap(profiles),
        "sender": port,
        "channels": {"sms": port},
        "webhooks": port,
        "handlers": {HANDLER: port},
    }
    engine = (AsyncEngine if waiting else Engine)(wrap(store), clock=VirtualClock(START), **ports)
    for workflow in scenario.workflows:
        await _given(engine.publish(workflow))
    for moment in scenario.schedule:
        now = START + moment.after
        await _given(engine.ingest(moment.events, now=now))
        await _given(engine.advance(now=now))
    while (due := await _given(engine.next_due())) is not None and due <= HORIZON:
        await _given(engine.advance(now=due))
    lines = await _given(engine.journal(limit=1_000_000))
    runs = await _given(engine.runs(limit=1_000_000))
    named = {event.subscriber_id for moment in scenario.schedule for event in moment.events}
    known = {name: profiles.profile(name) for name in sorted(named)}
    return World(told(lines), by_run(lines), stand(runs), receiver.got, known)


async def _given(value: T | Awaitable[T]) -> T:
    return await value if inspect.isawaitable(value) else value


def by_run(lines: Iterable[Line]) -> Mapping[object, Sequence[tuple[object, ...]]]:
    """Part a journal by run, and its refusals by subscriber and workflow."""
    found: dict[object, list[Line]] = {}
    for line in lines:
        found.setdefault(line.run_id or (line.subscriber_id, line.workflow_id), []).append(line)
    return {key: told(some) for key, some in found.items()}
