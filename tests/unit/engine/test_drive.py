"""How the orchestration is driven without an event loop, and what is told where a port would wait."""

import asyncio
import gc
from datetime import timedelta

import pytest

from flowkit.adapters.clock import VirtualClock
from flowkit.adapters.profiles import MemoryProfiles
from flowkit.engine.aio import AsyncEngine
from flowkit.engine.drive import resolve, run_sync, wait_for
from flowkit.engine.sync import Engine
from flowkit.errors import ConfigurationError, PortSuspended
from flowkit.events import NO_NEEDS
from flowkit.rendering.model import Template
from flowkit.stores.memory import MemoryStore
from flowkit.testing.recording import RecordingSender, RecordingWebhooks
from flowkit.workflows.model import Action, CallWebhook
from tests.support.journeys import START, Ticks, node, send, signup, signups, tag, wait, workflow

LEASE = timedelta(minutes=5)


async def waits(value=None):
    """Go to the event loop once."""
    await asyncio.sleep(0)
    return value


async def at_once(value=None):
    return value


# ------------------------------------------------------------------------------------------------------------
# Driving


def test_a_coroutine_that_never_waits_runs_to_its_end():
    async def nested():
        one = await resolve("a.b", at_once(1))
        return one + await resolve("a.c", 2) + await wait_for("a.d", at_once(3))

    assert run_sync(nested()) == 6


def test_what_a_coroutine_raises_is_raised():
    async def fails():
        raise KeyError("x")

    with pytest.raises(KeyError, match="x"):
        run_sync(fails())


@pytest.mark.parametrize("waiting", [resolve, wait_for])
def test_a_port_that_waits_is_named_and_its_coroutine_is_closed(waiting):
    closed = []

    async def outer():
        try:
            await resolve("outer.done", at_once())
            await inner()
        finally:
            closed.append("outer")

    async def inner():
        try:
            await waiting("sender.send", waits())
        finally:
            closed.append("inner")

    with pytest.raises(PortSuspended, match=r"sender\.send") as caught:
        run_sync(outer())
    assert caught.value.port == "sender.send"
    assert closed == ["inner", "outer"]


def test_the_innermost_port_is_named():
    """A port that is built from others is named by what it waits for."""

    async def outer():
        await wait_for("store.commit", inner())

    async def inner():
        await wait_for("database.execute", waits())

    with pytest.raises(PortSuspended) as caught:
        run_sync(outer())
    assert caught.value.port == "database.execute"


def test_an_awaitable_that_is_no_coroutine_is_waited_for():
    class Ready:
        def __await__(self):
            return 7
            yield

    async def asks():
        return await resolve("a.b", Ready())

    assert run_sync(asks()) == 7


# ------------------------------------------------------------------------------------------------------------
# Ports that would wait


class AsyncSender(RecordingSender):
    async def send(self, messages):
        return await at_once(super().send(messages))


class HonestSender(AsyncSender):
    never_suspends = True


class WaitingSender(RecordingSender):
    """A sender that does not look as if it waited."""

    def send(self, messages):
        return waits(super().send(messages))


def ports():
    """A port of each kind, and a way to make it one whose method is `async def`."""

    class Store(MemoryStore):
        async def claim(self, *arguments, **options):
            return await at_once(super().claim(*arguments, **options))

    class Profiles(MemoryProfiles):
        async def facts(self, ids, needs):
            return await at_once(super().facts(ids, needs))

    class Templates:
        async def template(self, template_id):
            return await at_once(Template(template_id))

    class Webhooks(RecordingWebhooks):
        async def call(self, requests):
            return await at_once(super().call(requests))

    return {
        "store.claim": Store(),
        "sender.send": AsyncSender(),
        "profiles.facts": Profiles(),
        "templates.template": Templates(),
        "webhooks.call": Webhooks(),
    }


@pytest.mark.parametrize("method", sorted(ports()))
def test_a_port_with_an_async_method_is_refused_by_the_engine_without_a_loop(method):
    port = ports()[method]
    given = {"store": MemoryStore(), method.split(".")[0]: port}
    with pytest.raises(ConfigurationError, match=f"{method} is async def"):
        Engine(**given)
    AsyncEngine(**given)


def test_a_port_that_says_that_it_never_waits_is_taken():
    sender = HonestSender(needs=NO_NEEDS)
    engine = Engine(MemoryStore(), clock=VirtualClock(START), sender=sender)
    engine.publish(workflow(node("start", send())))
    engine.ingest(signups(3))
    assert engine.advance().done == 3
    assert len(sender.delivered) == 3


def test_a_port_that_waits_after_all_leaves_its_effect_unsettled():
    """The first engine cannot wait; an asynchronous one over the same store then does the work."""
    ticks = Ticks()
    store = MemoryStore(ticks=ticks)
    sender = WaitingSender(needs=NO_NEEDS)
    engine = Engine(store, clock=VirtualClock(START), sender=sender)
    engine.publish(workflow(node("start", send(), wait())))
    engine.ingest(signups(2))
    before = engine.runs()
    with pytest.raises(PortSuspended) as caught:
        engine.advance()
    assert caught.value.port == "sender.send"
    gc.collect()  # A coroutine that was never awaited, or not closed, would warn now.
    assert engine.runs() == before
    ticks.advance(LEASE)
    other = AsyncEngine(store, clock=VirtualClock(START), sender=sender)
    assert asyncio.run(other.advance()).done == 2
    assert all(run.state.waiting for run in engine.runs())


CALL = Action("call", CallWebhook("https://example.com"))


class Suspending:
    """A port of which one method waits, although it does not look so."""

    def __init__(self, port, method):
        self.port = port
        self.method = method

    def __getattr__(self, name):
        found = getattr(self.port, name)
        if name != self.method:
            return found
        return lambda *arguments, **options: waits(found(*arguments, **options))


@pytest.mark.parametrize(
    "method",
    ["publish", "editions", "source", "recall", "claim", "attempts", "freeze", "commit", "runs", "lines", "next_due"],
)
def test_each_method_of_the_store_is_named(method):
    class Templates:
        def template(self, template_id):
            return Template(template_id, text="{{ user.email }}")

    store = MemoryStore()
    key_window = LEASE if method == "freeze" else None

    def engine_over(kept):
        return Engine(
            kept,
            clock=VirtualClock(START),
            sender=RecordingSender(key_window=key_window),
            profiles=MemoryProfiles({"s": {"email": "a@example.com"}}),
            templates=Templates(),
        )

    prepared = engine_over(store)
    prepared.publish(workflow())
    if method not in {"publish", "recall"}:
        prepared.ingest([signup()])
    engine = engine_over(Suspending(store, method))
    calls = {
        "publish": lambda: engine.publish(workflow()),
        "recall": lambda: engine.ingest([signup()]),
        "runs": engine.runs,
        "lines": engine.journal,
        "next_due": engine.next_due,
    }
    with pytest.raises(PortSuspended) as caught:
        calls.get(method, engine.advance)()
    assert caught.value.port == f"store.{method}"
    gc.collect()


@pytest.mark.parametrize(
    ("name", "method", "action"),
    [
        ("profiles", "change", tag("a")),
        ("profiles", "facts", send()),
        ("sender", "send", send()),
        ("webhooks", "call", CALL),
    ],
)
def test_each_other_port_is_named(name, method, action):
    given = {
        "profiles": MemoryProfiles({"s": {"email": "a@example.com"}}),
        "sender": RecordingSender(),
        "webhooks": RecordingWebhooks(),
    }
    given[name] = Suspending(given[name], method)
    engine = Engine(MemoryStore(), clock=VirtualClock(START), **given)
    engine.publish(workflow(node("start", action)))
    engine.ingest([signup()])
    with pytest.raises(PortSuspended) as caught:
        engine.advance()
    assert caught.value.port == f"{name}.{method}"
    gc.collect()


def test_a_store_that_waits_wherever_it_is_asked_is_named_as_well():
    """Also while the claim is given back, for which there is no time to wait."""

    class Everywhere(Suspending):
        def __getattr__(self, name):
            found = getattr(self.port, name)
            if name not in {"commit", "release"}:
                return found
            return lambda *arguments, **options: waits(found(*arguments, **options))

    store = MemoryStore()
    Engine(store, clock=VirtualClock(START)).publish(workflow(node("start", wait())))
    Engine(store, clock=VirtualClock(START)).ingest([signup()])
    with pytest.raises(PortSuspended, match=r"store\.commit"):
        Engine(Everywhere(store, ""), clock=VirtualClock(START)).advance(now=START + LEASE * 20)
    gc.collect()
