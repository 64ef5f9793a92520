"""Runs that failed, let go on: under a new key where nothing was done, under the same where that may be."""

import asyncio
import contextlib
import os
from contextlib import closing
from pathlib import Path

import pytest

from flowkit.adapters.clock import VirtualClock
from flowkit.adapters.profiles import MemoryProfiles
from flowkit.adapters.templates import DictTemplates
from flowkit.engine.aio import AsyncEngine
from flowkit.engine.dead_letters import Requeue
from flowkit.engine.sync import Engine
from flowkit.errors import UnknownRun
from flowkit.events import NO_NEEDS
from flowkit.ports import InDoubt
from flowkit.rendering.model import Template
from flowkit.runs.effects import Outcome, Result
from flowkit.runs.model import Kind, Status
from flowkit.stores.memory import MemoryStore
from flowkit.stores.sqlite import SqliteStore
from flowkit.testing.recording import RecordingSender, RecordingWebhooks, TookEffect
from flowkit.workflows.model import Action, CallWebhook, Delivery, SendEmail, UpdateSegments
from tests.support.between import Between
from tests.support.journeys import DAY, HOUR, START, Ticks, check, node, opened, send, signup, signups, wait, workflow

GONE = Outcome(Result.FAILED, "refused with 550")
UNKNOWN = Outcome(Result.UNKNOWN, "nobody knows")


def engine_of(store, *nodes, **ports):
    engine = Engine(store, clock=VirtualClock(START), **ports)
    engine.publish(workflow(*nodes))
    return engine


def sent(sender):
    return [(message.subscriber_id, message.key[32:]) for message in sender.messages]


def failed(engine):
    return engine.runs(status=Status.FAILED)


def test_what_was_refused_is_tried_again_under_a_new_key(any_store):
    """Nothing was done under the old one, and a receiver that honours keys may remember its refusal."""
    sender = RecordingSender({"hello": [GONE]}, needs=NO_NEEDS, key_window=DAY)
    engine = engine_of(
        any_store, node("start", wait(HOUR), send(), default="rest"), node("rest", wait(HOUR)), sender=sender
    )
    engine.ingest([signup()])
    engine.advance(now=START + HOUR)
    assert engine.advance(now=START + DAY).runs == 0
    assert engine.requeue(failed(engine), now=START + DAY) == Requeue(1)
    assert engine.next_due() == START + DAY
    engine.advance(now=START + DAY)
    first, second = sender.messages
    assert first.key.startswith(engine.runs()[0].id)
    assert second.key.startswith(engine.runs()[0].id)
    assert first.key != second.key
    [run] = engine.runs()
    assert (run.status, run.state.node, run.due_at) == (Status.ACTIVE, "rest", START + DAY + HOUR)
    kinds = [line.entry.kind for line in engine.journal(run=run)]
    assert kinds[-4:] == [Kind.REQUEUED, Kind.DONE, Kind.LEFT, Kind.WAITING]


def test_another_refusal_is_another_generation(any_store):
    sender = RecordingSender({"hello": [GONE, GONE]}, needs=NO_NEEDS)
    engine = engine_of(any_store, node("start", send()), sender=sender)
    engine.ingest([signup()])
    for _ in range(3):
        engine.advance()
        engine.requeue(failed(engine))
    assert len({message.key for message in sender.messages}) == 3
    assert failed(engine) == []


def test_what_may_be_done_keeps_its_key_and_its_inputs(any_store):
    """The receiver honours the key, and the message is the same to the byte: it is delivered once."""
    profiles = MemoryProfiles({"s": {"email": "s@example.com", "name": "Ada"}})
    templates = DictTemplates({"hello": Template("hello", subject="Hi", text="{{ user.name }}")})
    sender = RecordingSender({"hello": [TookEffect(UNKNOWN)]}, key_window=DAY)
    engine = engine_of(any_store, node("start", send()), sender=sender, profiles=profiles, templates=templates)
    engine.ingest([signup()])
    engine.advance()
    profiles.put("s", email="other@example.com", name="Eve")
    assert engine.requeue(failed(engine), now=START + HOUR) == Requeue(1)
    engine.advance(now=START + HOUR)
    assert [run.status for run in engine.runs()] == [Status.COMPLETED]
    assert (len(sender.messages), len(sender.delivered), sender.repeats.total()) == (2, 1, 1)
    assert not sender.drifted
    [message] = sender.delivered
    assert (message.to, message.text) == ("s@example.com", "Ada")


def test_after_the_window_of_the_key_it_is_not_sent_but_on_demand(any_store):
    profiles = MemoryProfiles({"s": {"email": "s@example.com"}})
    sender = RecordingSender({"hello": [TookEffect(UNKNOWN)]}, key_window=DAY)
    engine = engine_of(any_store, node("start", send()), sender=sender, profiles=profiles)
    engine.ingest([signup()])
    engine.advance()
    assert engine.requeue(failed(engine), now=START + DAY).runs == 1
    engine.advance(now=START + DAY)
    [run] = failed(engine)
    assert run.state.reason == "the receiver honours the key of the first attempt no more"
    assert len(sender.messages) == 1
    assert engine.requeue([run], accept_duplicate=True, now=START + DAY).runs == 1
    engine.advance(now=START + DAY)
    assert len({message.key for message in sender.delivered}) == len(sender.delivered) == 2
    assert failed(engine) == []


def test_where_no_key_is_honoured_what_may_be_done_is_done_again_only_on_demand(any_store):
    sender = RecordingSender({"hello": [TookEffect(UNKNOWN)]}, needs=NO_NEEDS)
    engine = engine_of(any_store, node("start", send()), sender=sender)
    engine.ingest([signup()])
    engine.advance()
    [run] = failed(engine)
    assert engine.requeue([run]) == Requeue(0, {run.id: "may_be_done"})
    assert failed(engine) == [run], "nothing was written"
    assert engine.requeue([run], accept_duplicate=True) == Requeue(1)
    engine.advance()
    assert len(sender.delivered) == 2


def test_changes_and_webhooks_have_keys_that_are_honoured(any_store):
    webhooks = RecordingWebhooks({"https://example.com": [TookEffect(UNKNOWN)]})
    call = Action("call", CallWebhook("https://example.com"))
    engine = engine_of(any_store, node("start", call), webhooks=webhooks)
    engine.ingest([signup()])
    engine.advance()
    assert engine.requeue(failed(engine)).runs == 1
    engine.advance()
    assert [request.key[32:] for request in webhooks.requests] == [":start:1:call"] * 2


def test_what_broke_off_at_its_last_attempt_keeps_its_key(any_store):
    """The receiver may have taken any of them, and honours the key: it is delivered once."""

    class Late(RecordingSender):
        def send(self, messages):
            outcomes = super().send(messages)
            if len(self.calls) <= 10:
                raise TimeoutError
            return outcomes

    sender = Late(needs=NO_NEEDS, key_window=30 * DAY)
    engine = engine_of(any_store, node("start", send()), sender=sender)
    engine.ingest([signup()])
    now = START
    for _ in range(10):
        engine.advance(now=now)
        now = engine.next_due() or now
    assert engine.requeue(failed(engine), now=now) == Requeue(1)
    engine.advance(now=now)
    assert (len(sender.messages), len(sender.delivered)) == (11, 1)
    assert failed(engine) == []


def test_a_run_over_which_workers_died_keeps_the_key_of_what_was_pending():
    """Where keys are honoured no call is noted, so each of the dead may have made it."""

    class Kills(RecordingSender):
        def send(self, messages):
            outcomes = super().send(messages)
            if len(self.calls) <= 3:
                raise KeyboardInterrupt
            return outcomes

    class Unreleased(MemoryStore):
        def release(self, claim):
            pass

    ticks = Ticks()
    sender = Kills(needs=NO_NEEDS, key_window=DAY)
    engine = engine_of(Unreleased(ticks=ticks), node("start", send()), sender=sender)
    engine.ingest([signup()])
    for _ in range(3):
        with pytest.raises(KeyboardInterrupt):
            engine.advance()
        ticks.advance(HOUR)
    engine.advance()
    [run] = failed(engine)
    assert (run.state.reason, run.state.result) == ("3 workers died over this run", Result.UNKNOWN)
    assert engine.requeue([run]) == Requeue(1)
    engine.advance()
    assert (len(sender.messages), len(sender.delivered)) == (4, 1)


def test_only_runs_that_failed_go_on(any_store):
    engine = engine_of(any_store, node("start", send(), wait(DAY)), sender=RecordingSender(needs=NO_NEEDS))
    engine.ingest(signups(2))
    engine.advance()
    waiting = engine.runs()
    assert engine.requeue(waiting) == Requeue(0, {run.id: "not_failed" for run in waiting})
    assert engine.requeue([]) == Requeue()
    assert [run.sequence for run in engine.runs()] == [run.sequence for run in waiting]


def test_to_ask_twice_lets_it_go_on_once(any_store):
    sender = RecordingSender({"hello": [GONE]}, needs=NO_NEEDS)
    engine = engine_of(any_store, node("start", send()), sender=sender)
    engine.ingest([signup()])
    engine.advance()
    [run] = failed(engine)
    assert engine.requeue([run, run]) == Requeue(1)
    assert engine.requeue([run]) == Requeue(0, {run.id: "not_failed"})
    engine.advance()
    assert len(sender.delivered) == 1


def test_it_is_read_again_where_others_wrote_meanwhile():
    """Two who ask at once: one lets it go on, and the other finds that it does."""
    store = MemoryStore()
    sender = RecordingSender({"hello": [GONE]}, needs=NO_NEEDS)
    engine = engine_of(store, node("start", send()), sender=sender)
    engine.ingest([signup()])
    engine.advance()
    [run] = failed(engine)
    between = Between(store, lambda: engine.requeue([run]))
    other = Engine(between, clock=VirtualClock(START), sender=sender)
    assert other.requeue([run]) == Requeue(0, {run.id: "not_failed"})
    assert engine.advance().done == 1


def test_an_unknown_run_is_an_error_and_nothing_is_changed(any_store):
    sender = RecordingSender({"hello": [GONE]}, needs=NO_NEEDS)
    engine = engine_of(any_store, node("start", send()), sender=sender)
    engine.ingest([signup()])
    engine.advance()
    [run] = failed(engine)
    with pytest.raises(UnknownRun):
        engine.requeue([run, run._replace(id="0" * 32, handle=run.handle + 1000)])
    assert failed(engine) == [run]


def test_a_run_that_goes_on_observes_events_again(any_store):
    sender = RecordingSender({"hello": [GONE]}, needs=NO_NEEDS)
    engine = engine_of(
        any_store,
        node("start", send(), default="look"),
        node("look", wait(HOUR), check(), engagement_threshold={"opens": 1}, engaged="end", not_engaged="sad"),
        node("sad", wait(DAY)),
        sender=sender,
    )
    engine.ingest([signup()])
    engine.advance()
    engine.ingest([opened(event_id="while it had failed")])
    engine.requeue(failed(engine))
    engine.advance()
    engine.ingest([opened(event_id="after")])
    engine.advance(now=START + HOUR)
    [run] = engine.runs()
    assert run.status is Status.COMPLETED
    assert [line.entry.data["count"] for line in engine.journal(run=run) if line.entry.kind is Kind.OBSERVED] == [1]


class Dies(MemoryProfiles):
    """Takes the worker along when it is to change anything, until it is mended."""

    mended = False

    def change(self, changes):
        if not self.mended:
            raise KeyboardInterrupt
        return super().change(changes)


class Kept:
    """A store whose claims are not given back by a worker that dies."""

    def __init__(self, store):
        self._store = store

    def release(self, claim):
        """As where the process is gone."""

    def __getattr__(self, name):
        return getattr(self._store, name)


@pytest.mark.parametrize("kind", ["memory", "sqlite"])
def test_what_is_known_to_be_done_is_not_done_again_after_the_death_of_all_workers(kind, tmp_path):
    """They died in the change behind the message: the note says that it was sent, and the run fails behind it."""
    ticks = Ticks()
    store = MemoryStore(ticks=ticks) if kind == "memory" else SqliteStore(tmp_path / "a.db", lease_clock=ticks)
    profiles, sender = Dies({"s": {"x": 1}}), RecordingSender(needs=NO_NEEDS)
    nodes = node("start", send(), Action("tag", UpdateSegments(add=("x",))))
    engine = engine_of(Kept(store), nodes, sender=sender, profiles=profiles)
    engine.ingest([signup()])
    for _ in range(4):
        with contextlib.suppress(KeyboardInterrupt):
            engine.advance()
        ticks.advance(HOUR)
    [run] = failed(engine)
    assert (run.state.action, run.state.result) == (1, Result.UNKNOWN)
    kinds = [line.entry.kind for line in engine.journal(run=run)]
    assert kinds == [Kind.ENTERED, Kind.DONE, Kind.FAILED]
    profiles.mended = True
    assert engine.requeue([run], accept_duplicate=True) == Requeue(1)
    engine.advance()
    assert failed(engine) == []
    assert len(sender.messages) == 1
    if isinstance(store, SqliteStore):
        store.close()


def test_explain_tells_it():
    sender = RecordingSender({"hello": [GONE]}, needs=NO_NEEDS)
    engine = engine_of(MemoryStore(), node("start", send()), sender=sender)
    engine.ingest([signup()])
    engine.advance()
    engine.requeue(failed(engine))
    told = engine.explain("s", "w").text
    assert "was let go on at start, under a new key, after it had failed: refused with 550" in told


def test_an_engine_in_a_loop_does_the_same():
    async def work():
        engine = AsyncEngine(MemoryStore(), clock=VirtualClock(START), sender=sender)
        await engine.publish(workflow(node("start", send())))
        await engine.ingest([signup()])
        await engine.advance()
        done = await engine.requeue(await engine.runs(status=Status.FAILED))
        await engine.advance()
        return done, await engine.runs(status=Status.COMPLETED)

    sender = RecordingSender({"hello": [GONE]}, needs=NO_NEEDS)
    done, completed = asyncio.run(work())
    assert (done, len(completed)) == (Requeue(1), 1)


# ------------------------------------------------------------------------------------------------------------
# At most once


def once(**fields):
    return Action("send", SendEmail("hello", delivery=Delivery.AT_MOST_ONCE), **fields)


@pytest.mark.parametrize("key_window", [None, DAY])
@pytest.mark.parametrize("policy", list(InDoubt))
def test_what_may_be_done_is_not_done_again(any_store, key_window, policy):
    """Whatever the policy, and though the receiver would honour the key."""
    sender = RecordingSender(
        {"hello": [TookEffect(ConnectionResetError())]}, needs=NO_NEEDS, key_window=key_window, in_doubt=policy
    )
    engine = engine_of(
        any_store, node("start", once(), default="end", failure="sad"), node("sad", wait(DAY)), sender=sender
    )
    engine.ingest(signups(3))
    advanced = engine.advance()
    assert (advanced.done, advanced.failed, advanced.retrying) == (2, 1, 0)
    engine.advance(now=START + DAY)
    assert [len(call) for call in sender.calls] == [1, 1, 1], "each is noted, and called, by itself"
    [line] = [line for line in engine.journal() if line.entry.kind is Kind.FAILED]
    assert line.entry.data["result"] == "unknown"
    assert line.entry.data["reason"] == "in doubt after ConnectionResetError, and made at most once"
    assert line.subscriber_id == "s0"


@pytest.mark.parametrize("key_window", [None, DAY])
def test_what_is_known_not_to_be_done_is_tried_again(any_store, key_window):
    sender = RecordingSender({"hello": [Outcome(Result.RETRY, "busy")]}, needs=NO_NEEDS, key_window=key_window)
    engine = engine_of(any_store, node("start", once()), sender=sender)
    engine.ingest([signup()])
    assert engine.advance().retrying == 1
    assert engine.advance(now=START + HOUR).done == 1


def test_a_receiver_that_can_tell_is_asked(any_store):
    class Knows(RecordingSender):
        def lookup(self, keys):
            return {key: Outcome(Result.DONE, reference="id-1") for key in keys}

    sender = Knows({"hello": [TookEffect(TimeoutError())]}, needs=NO_NEEDS)
    engine = engine_of(any_store, node("start", once()), sender=sender)
    engine.ingest([signup()])
    assert engine.advance().done == 1


def test_it_is_let_go_on_only_where_twice_is_accepted(any_store):
    sender = RecordingSender({"hello": [TookEffect(TimeoutError())]}, needs=NO_NEEDS, key_window=DAY)
    engine = engine_of(any_store, node("start", once()), sender=sender)
    engine.ingest([signup()])
    engine.advance()
    [run] = failed(engine)
    assert engine.requeue([run]) == Requeue(0, {run.id: "may_be_done"})
    assert engine.requeue([run], accept_duplicate=True) == Requeue(1)
    engine.advance()
    assert len(sender.delivered) == 2


@pytest.mark.parametrize("kind", ["memory", "sqlite"])
def test_a_worker_that_dies_in_the_call_leaves_it_unknown(kind, tmp_path):
    """The note was made before the call; whoever takes over finds it, and does not call."""
    ticks = Ticks()
    store = MemoryStore(ticks=ticks) if kind == "memory" else SqliteStore(tmp_path / "a.db", lease_clock=ticks)

    class Dies(RecordingSender):
        def send(self, messages):
            super().send(messages)
            raise KeyboardInterrupt

    dying = Dies(needs=NO_NEEDS, key_window=DAY)
    engine = engine_of(store, node("start", once()), sender=dying)
    engine.ingest(signups(2))
    with pytest.raises(KeyboardInterrupt):
        engine.advance()
    ticks.advance(HOUR)
    heir = RecordingSender(needs=NO_NEEDS, key_window=DAY)
    other = Engine(store, clock=VirtualClock(START), sender=heir)
    other.advance()
    assert [message.subscriber_id for message in heir.messages] == ["s1"]
    [run] = failed(other)
    assert (run.subscriber_id, run.state.result) == ("s0", Result.UNKNOWN)
    assert run.state.reason == "a worker died in this call, and it is made at most once"
    if isinstance(store, SqliteStore):
        store.close()


def test_webhooks_may_be_called_at_most_once(any_store):
    webhooks = RecordingWebhooks({"https://example.com": [TookEffect(TimeoutError())]})
    call = Action("call", CallWebhook("https://example.com", delivery=Delivery.AT_MOST_ONCE))
    engine = engine_of(any_store, node("start", call), webhooks=webhooks)
    engine.ingest(signups(3))
    advanced = engine.advance()
    assert (advanced.done, advanced.failed) == (2, 1)
    engine.advance(now=START + DAY)
    assert len(webhooks.requests) == 3
    assert [run.subscriber_id for run in failed(engine)] == ["s0"]


@pytest.mark.parametrize("delivery", list(Delivery))
@pytest.mark.parametrize("key_window", [None, DAY])
def test_a_note_is_on_the_disk_before_what_is_done_at_most_once(tmp_path, monkeypatch, delivery, key_window):
    """Of each call, so that a loss of power leaves it in doubt; what may be repeated does not wait for the disk."""
    happened = []

    def synced(file):
        name = Path(f"/proc/self/fd/{file}").readlink().name
        if "-notes-" in name:
            happened.append("synced")

    class Sends(RecordingSender):
        def send(self, messages):
            happened.append("sent")
            return super().send(messages)

    class Calls(RecordingWebhooks):
        def call(self, requests):
            happened.append("called")
            return super().call(requests)

    message = Action("send", SendEmail("hello", delivery=delivery))
    call = Action("call", CallWebhook("https://example.com", delivery=delivery))
    with closing(SqliteStore(tmp_path / "a.db", synchronous="NORMAL")) as store:
        sender = Sends(needs=NO_NEEDS, key_window=key_window)
        engine = engine_of(store, node("start", message, call), sender=sender, webhooks=Calls())
        engine.ingest(signups(2))
        monkeypatch.setattr(os, "fsync", synced)
        engine.advance()
    if delivery is Delivery.AT_MOST_ONCE:
        assert happened == ["synced", "sent"] * 2 + ["synced", "called"] * 2
    else:
        assert "synced" not in happened
        assert {"sent", "called"} == set(happened)
