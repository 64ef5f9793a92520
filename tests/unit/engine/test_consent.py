"""Who must not be written to is not: suppressions, consents, and the last look before messages are handed over."""

from __future__ import annotations

import asyncio
import sqlite3
from collections.abc import Callable, Sequence
from datetime import timedelta
from threading import Event as Flag
from threading import Thread

import pytest

from flowkit import (
    Action,
    AsyncEngine,
    CallWebhook,
    ConfigurationError,
    Delivery,
    DictTemplates,
    Engine,
    Event,
    Kind,
    MemoryConsent,
    MemoryProfiles,
    MemoryStore,
    MessageClass,
    OnSkip,
    Outcome,
    OutgoingMessage,
    Result,
    SendEmail,
    SqliteStore,
    Status,
    SuppressionReason,
    SuppressionScope,
    Template,
    VirtualClock,
)
from flowkit.events import NO_NEEDS
from flowkit.ports import Changes, Move
from flowkit.runs.model import State
from flowkit.testing.recording import RecordingConsent, RecordingSender, RecordingWebhooks
from tests.support.journeys import (
    DAY,
    HOUR,
    NOW,
    START,
    Ticks,
    check,
    kinds,
    node,
    send,
    signup,
    signups,
    tag,
    wait,
    workflow,
)

BOUNCE = SuppressionReason.BOUNCE
COMPLAINT = SuppressionReason.COMPLAINT
UNSUBSCRIBED = SuppressionReason.UNSUBSCRIBE_ALL
MANUAL = SuppressionReason.MANUAL
SMS = {"sms": RecordingSender(needs=NO_NEEDS)}
WINDOWS = pytest.mark.parametrize("key_window", [None, timedelta(days=3)])


class Meddling(RecordingSender):
    """Delivers, and in the middle of its first calls something else happens."""

    def __init__(self, *happenings: Callable[[], object], **options) -> None:
        super().__init__(**{"needs": NO_NEEDS, **options})
        self.happenings = list(happenings)

    def send(self, messages: Sequence[OutgoingMessage]) -> Sequence[Outcome]:
        outcomes = super().send(messages)
        if self.happenings:
            self.happenings.pop(0)()
        return outcomes

    @property
    def names(self) -> list[str]:
        return [message.subscriber_id for message in self.delivered]


def mail(action_id: str = "send", **fields) -> Action:
    ways = {name: fields.pop(name) for name in ("success_path", "failure_path") if name in fields}
    return Action(action_id, SendEmail(fields.pop("template_id", "hello"), **fields), **ways)


def engine_on(store, sender, *nodes, workflow_id="w", **ports):
    engine = Engine(store, clock=VirtualClock(START), sender=sender, **ports)
    engine.publish(workflow(*nodes, workflow_id=workflow_id))
    return engine


def reasons(engine, kind=Kind.SKIPPED):
    return [line.entry.data.get("reason") for line in engine.journal() if line.entry.kind is kind]


# ------------------------------------------------------------------------------------------------------------
# What a suppression stops


@pytest.mark.parametrize(
    ("reason", "scope", "marketing", "transactional"),
    [
        (BOUNCE, None, False, False),
        (COMPLAINT, None, False, True),
        (UNSUBSCRIBED, None, False, True),
        (MANUAL, None, False, True),
        (MANUAL, SuppressionScope.ALL, False, False),
        (BOUNCE, SuppressionScope.MARKETING, False, True),
    ],
)
@WINDOWS
def test_a_suppression_stops_what_it_says(any_store, reason, scope, marketing, transactional, key_window):
    sender = RecordingSender(key_window=key_window, needs=NO_NEEDS)
    both = node(
        "start",
        mail("offer", template_id="offer"),
        mail("receipt", template_id="receipt", message_class=MessageClass.TRANSACTIONAL),
    )
    engine = engine_on(any_store, sender, both)
    engine.ingest([signup("s"), signup("free")])
    assert engine.suppress(["s"], reason=reason, scope=scope).subscriber_ids == ("s",)
    engine.advance()
    got = {(message.subscriber_id, message.template_id) for message in sender.delivered}
    expected = {("free", "offer"), ("free", "receipt")}
    expected |= {("s", "offer")} if marketing else set()
    expected |= {("s", "receipt")} if transactional else set()
    assert got == expected
    assert set(reasons(engine)) == {f"suppressed: {reason}"}
    assert {run.status for run in engine.runs()} == {Status.COMPLETED}
    assert engine.next_due() is None, "a refusal is final"


@pytest.mark.parametrize(("reason", "goes_out"), [(BOUNCE, True), (COMPLAINT, False)])
def test_a_dead_address_is_one_of_mail(any_store, reason, goes_out):
    texts = RecordingSender(needs=NO_NEEDS)
    engine = engine_on(any_store, RecordingSender(), node("start", mail(channel="sms")), channels={"sms": texts})
    engine.ingest([signup()])
    engine.suppress(["s"], reason=reason)
    engine.advance()
    assert bool(texts.delivered) is goes_out


def test_a_detached_message_ends_no_run(any_store):
    """It is skipped, and the run goes on."""
    aside = Action("aside", SendEmail("hello", on_skip=OnSkip.EXIT), detached=True)
    engine = engine_on(any_store, RecordingSender(), node("start", aside, wait(DAY)))
    engine.ingest([signup()])
    engine.suppress(["s"])
    engine.advance()
    assert reasons(engine) == ["suppressed: manual"]
    assert [run.status for run in engine.runs()] == [Status.ACTIVE]
    engine.advance(now=START + DAY)
    assert [run.status for run in engine.runs()] == [Status.COMPLETED]


def test_the_weightiest_reason_is_told(any_store):
    engine = engine_on(any_store, RecordingSender(needs=NO_NEEDS))
    engine.ingest([signup()])
    for reason in (MANUAL, COMPLAINT, BOUNCE, UNSUBSCRIBED):
        engine.suppress(["s"], reason=reason)
    engine.advance()
    assert reasons(engine) == ["suppressed: bounce"]


def test_what_is_lifted_stops_nothing_and_the_rest_still_does(any_store):
    sender = RecordingSender(needs=NO_NEEDS)
    engine = engine_on(any_store, sender, node("start", wait(DAY), mail()))
    engine.ingest([signup("lifted"), signup("other")])
    engine.suppress(["lifted", "other", "lifted"], reason=BOUNCE)
    engine.suppress(["other"])
    assert engine.unsuppress(["lifted", "other", "nobody"], reason=BOUNCE) == ("lifted", "other")
    engine.advance(now=START + DAY)
    assert [message.subscriber_id for message in sender.delivered] == ["lifted"]
    assert reasons(engine) == ["suppressed: manual"]
    listed = [(one.subscriber_id, one.reason, one.scope, one.since, one.lifted) for one in engine.suppressions()]
    assert listed == [
        ("lifted", BOUNCE, SuppressionScope.ALL, START, START),
        ("other", BOUNCE, SuppressionScope.ALL, START, START),
        ("other", MANUAL, SuppressionScope.MARKETING, START, None),
    ]
    assert [one.reason for one in engine.suppressions(subscriber_id="other", after=2)] == [MANUAL]
    assert [one.number for one in engine.suppressions(limit=2)] == [1, 2]


# ------------------------------------------------------------------------------------------------------------
# Where a run goes whose message is decided against


@pytest.mark.parametrize(
    ("options", "ways"),
    [
        ({}, ["skipped@start", "left@start", "done@go_on", "left@go_on", "completed"]),
        ({"failure_path": "else"}, ["skipped@start", "left@start", "done@else", "left@else", "completed"]),
        ({"on_skip": OnSkip.EXIT}, ["skipped@start", "exited@start"]),
        ({"on_skip": OnSkip.EXIT, "failure_path": "else"}, ["skipped@start", "exited@start"]),
    ],
)
def test_a_skip_goes_its_way(any_store, options, ways):
    nodes = [node("start", mail(**options), default="go_on"), node("go_on", tag("a")), node("else", tag("b"))]
    engine = engine_on(any_store, RecordingSender(needs=NO_NEEDS), *nodes, profiles=MemoryProfiles({"s": {}}))
    engine.ingest([signup()])
    engine.suppress(["s"])
    engine.advance()
    assert kinds(engine.journal())[1:] == ways
    [run] = engine.runs()
    if "on_skip" in options:
        assert (run.status, run.state.reason) == (Status.EXITED, "suppressed: manual")


def test_a_sender_that_skips_lets_the_run_exit_too(any_store):
    sender = RecordingSender({"hello": Outcome(Result.SKIPPED, "on holiday")}, needs=NO_NEEDS)
    engine = engine_on(any_store, sender, node("start", mail(on_skip=OnSkip.EXIT)))
    engine.ingest([signup()])
    engine.advance()
    assert engine.runs()[0].state.reason == "on holiday"


# ------------------------------------------------------------------------------------------------------------
# Consent


@WINDOWS
def test_only_who_is_subscribed_gets_a_topic(any_store, key_window):
    consent = RecordingConsent({"news": ["yes"], "offers": ["other"]})
    consent.unsubscribe("news", "no")
    sender = RecordingSender(key_window=key_window, needs=NO_NEEDS)
    engine = engine_on(any_store, sender, node("start", mail(topic="news")), consent=consent)
    engine.ingest([signup(name) for name in ("yes", "no", "silent", "other")])
    engine.advance()
    assert [message.subscriber_id for message in sender.delivered] == ["yes"]
    assert sender.delivered[0].metadata["topic"] == "news"
    assert reasons(engine) == ["no consent: news"] * 3
    assert consent.asked == [(("yes", "no", "silent", "other"), "news"), (("yes",), "news")]


def test_silence_is_a_yes_where_the_adapter_says_so(any_store):
    consent = MemoryConsent(opt_out=["news"])
    consent.unsubscribe("news", "no")
    sender = RecordingSender(needs=NO_NEEDS)
    engine = engine_on(any_store, sender, node("start", mail(topic="news")), consent=consent)
    engine.ingest([signup("no"), signup("silent")])
    engine.advance()
    assert [message.subscriber_id for message in sender.delivered] == ["silent"]


def test_a_no_from_either_wins(any_store):
    sender = RecordingSender(needs=NO_NEEDS)
    consent = MemoryConsent({"news": ["suppressed"]})
    engine = engine_on(any_store, sender, node("start", mail(topic="news")), consent=consent)
    engine.ingest([signup("suppressed"), signup("unwilling")])
    engine.suppress(["suppressed"])
    engine.advance()
    assert sender.delivered == []
    assert sorted(reasons(engine)) == ["no consent: news", "suppressed: manual"]


def test_transactional_mail_asks_for_no_consent(any_store):
    sender = RecordingSender(needs=NO_NEEDS)
    receipt = mail(topic="news", message_class=MessageClass.TRANSACTIONAL)
    engine = engine_on(any_store, sender, node("start", receipt))
    engine.ingest([signup()])
    engine.advance()
    assert len(sender.delivered) == 1


@WINDOWS
def test_a_consent_that_cannot_be_read_sends_nothing_and_is_read_again(any_store, key_window):
    consent = RecordingConsent({"news": ["s"]})
    consent.refusing = ConnectionError("secret")
    sender = RecordingSender(key_window=key_window, needs=NO_NEEDS)
    engine = engine_on(any_store, sender, node("start", mail(topic="news")), consent=consent)
    engine.ingest([signup()])
    assert engine.advance().retrying == 1
    assert sender.calls == []
    assert reasons(engine, Kind.RETRYING) == ["consent could not be read (ConnectionError)"]
    consent.refusing = None
    assert engine.advance(now=engine.next_due()).done == 1
    assert len(sender.delivered) == 1


class Fickle(RecordingConsent):
    """Answers once, and then not as before."""

    def __init__(self, *later: Callable[[], object]) -> None:
        super().__init__({"news": ["s", "t"]})
        self.later = list(later)

    def status(self, ids, topic):
        answer = super().status(ids, topic)
        if self.later:
            self.later.pop(0)()
        return answer


@WINDOWS
def test_consent_is_read_again_right_before_the_message_is_handed_over(any_store, key_window):
    consent = Fickle(lambda: consent.unsubscribe("news", "s"))
    sender = RecordingSender(key_window=key_window, needs=NO_NEEDS)
    engine = engine_on(any_store, sender, node("start", mail(topic="news")), consent=consent)
    engine.ingest([signup("s"), signup("t")])
    engine.advance()
    assert [message.subscriber_id for message in sender.delivered] == ["t"]
    assert reasons(engine) == ["no consent: news"]


def test_a_workflow_that_names_a_topic_needs_consents(any_store):
    engine = Engine(any_store, sender=RecordingSender())
    with pytest.raises(ConfigurationError, match="needs a consent port"):
        engine.publish(workflow(node("start", mail(topic="news"))))


def test_a_worker_without_consents_sends_no_topic(any_store):
    engine_on(any_store, RecordingSender(), node("start", mail(topic="news")), consent=MemoryConsent())
    sender = RecordingSender(needs=NO_NEEDS)
    worker = Engine(any_store, clock=VirtualClock(START), sender=sender)
    worker.ingest([signup()])
    assert worker.advance().failed == 1
    assert sender.calls == []


# ------------------------------------------------------------------------------------------------------------
# What events say


@pytest.mark.parametrize(
    ("kind", "properties", "reason"),
    [
        ("bounce", {}, BOUNCE),
        ("bounce", {"bounce_type": "hard"}, BOUNCE),
        ("bounce", {"bounce_type": "Permanent"}, BOUNCE),
        ("bounce", {"bounce_type": "soft"}, None),
        ("bounce", {"bounce_type": 5}, None),
        ("bounce", {"channel": "email"}, BOUNCE),
        ("bounce", {"channel": "sms"}, None),
        ("complaint", {}, COMPLAINT),
        ("unsubscribe", {}, UNSUBSCRIBED),
        ("unsubscribe", {"topic": None}, UNSUBSCRIBED),
        ("unsubscribe", {"topic": "news"}, None),
        ("email_open", {"bounce_type": "hard"}, None),
    ],
)
def test_events_suppress_by_themselves(any_store, kind, properties, reason):
    engine = engine_on(any_store, RecordingSender(needs=NO_NEEDS))
    engine.ingest([Event(kind, "s", id="1", properties=properties)])
    assert [one.reason for one in engine.suppressions()] == ([] if reason is None else [reason])
    engine.ingest([Event(kind, "s", id="2", properties=properties)])
    assert len(engine.suppressions()) == (0 if reason is None else 1)


def test_events_suppress_nobody_where_the_engine_is_told_so(any_store):
    engine = engine_on(any_store, RecordingSender(needs=NO_NEEDS), suppresses=False)
    engine.ingest([Event(kind, "s", id=kind) for kind in ("bounce", "complaint", "unsubscribe")])
    assert engine.suppressions() == []


def test_an_event_stops_the_mail_of_a_run_that_is_alive(any_store):
    sender = RecordingSender(needs=NO_NEEDS)
    engine = engine_on(any_store, sender, node("start", wait(DAY), mail()))
    engine.ingest([signup()])
    engine.ingest([Event("unsubscribe", "s", id="2")])
    engine.advance(now=START + DAY)
    assert (sender.calls, reasons(engine)) == ([], ["suppressed: unsubscribe_all"])


# ------------------------------------------------------------------------------------------------------------
# At the door


@pytest.mark.parametrize(
    ("reason", "actions", "enters"),
    [
        (COMPLAINT, [mail()], False),
        (BOUNCE, [mail()], False),
        (COMPLAINT, [mail(message_class=MessageClass.TRANSACTIONAL)], True),
        (BOUNCE, [mail(message_class=MessageClass.TRANSACTIONAL)], False),
        (COMPLAINT, [mail("a"), mail("b", message_class=MessageClass.TRANSACTIONAL)], True),
        (BOUNCE, [mail("a"), mail("b", message_class=MessageClass.TRANSACTIONAL)], False),
        (BOUNCE, [tag("a")], True),
        (BOUNCE, [mail("a"), mail("b", channel="sms")], True),
        (COMPLAINT, [mail("a"), mail("b", channel="sms")], False),
    ],
)
def test_who_could_get_no_message_is_not_let_in(any_store, reason, actions, enters):
    engine = engine_on(any_store, RecordingSender(), node("start", *actions), profiles=MemoryProfiles(), channels=SMS)
    engine.suppress(["s"], reason=reason)
    done = engine.ingest([signup("s"), signup("free")])
    assert (done.started, done.refused) == ((2, 0) if enters else (1, 1))
    refused = [dict(line.entry.data) for line in engine.journal() if line.entry.kind is Kind.REFUSED]
    told = {"reason": "suppressed", "trigger": "w-trigger", "event": "signup", "suppression": str(reason)}
    assert refused == ([] if enters else [told])
    door = engine.explain("s", "w").door
    assert door is not None
    assert (door.is_open, door.reason) == (enters, "" if enters else "suppressed")


def test_suppression_is_asked_before_the_rules_of_reentry(any_store):
    engine = engine_on(any_store, RecordingSender(needs=NO_NEEDS))
    engine.publish(workflow(cooldown=DAY))
    engine.ingest([signup("s", "1")])
    engine.suppress(["s"])
    engine.ingest([signup("s", "2")])
    assert reasons(engine, Kind.REFUSED) == ["suppressed"]
    engine.unsuppress(["s"], reason=MANUAL)
    engine.ingest([signup("s", "3")])
    assert reasons(engine, Kind.REFUSED) == ["suppressed", "cooldown"]


def test_what_one_event_forbids_holds_for_the_next_of_its_batch(any_store):
    engine = engine_on(any_store, RecordingSender(needs=NO_NEEDS))
    done = engine.ingest([signup("s", "1"), Event("complaint", "s", id="2"), signup("s", "3")])
    assert (done.started, done.refused) == (1, 1)


# ------------------------------------------------------------------------------------------------------------
# The last look


@WINDOWS
def test_a_suppression_wins_over_a_message_that_is_pending(any_store, key_window):
    """It comes while the worker, which has claimed all, hands the first window over."""
    flying: list[object] = []
    sender = Meddling(key_window=key_window)
    engine = engine_on(any_store, sender, batch=500)
    engine.ingest(signups(250))
    first, other, last = "s0", "s1", "s249"

    def suppress():
        flying.extend(engine.suppress([first, other, last], wait=False).in_flight)

    sender.happenings = [suppress]
    engine.advance()
    assert last not in sender.names
    assert len(sender.names) == 249, "what was in the window goes out, and is named"
    keys = {message.subscriber_id: message.key for message in sender.delivered}
    assert set(flying) == {keys[first], keys[other]}
    assert reasons(engine) == ["suppressed: manual"]


def test_who_is_slow_looks_before_each_call(any_store, monkeypatch):
    """A sender that takes its time is never far from the last look."""
    ticks = Ticks()
    monkeypatch.setattr("flowkit.engine.hold.monotonic", ticks)
    monkeypatch.setattr("flowkit.engine.advance.monotonic", ticks)
    sender = Meddling()
    engine = engine_on(any_store, sender)
    engine.ingest(signups(6))
    sender.happenings = [lambda: (ticks.advance(timedelta(seconds=1)), engine.suppress(["s1", "s4"], wait=False))]
    engine.advance()
    assert sender.names == ["s0", "s2", "s3", "s5"]


@WINDOWS
@pytest.mark.parametrize("kind", ["memory", "sqlite"])
def test_the_claim_is_held_when_consents_have_been_slow(tmp_path, monkeypatch, kind, key_window):
    """They take longer than the lease, each time: what is handed over is in flight all the same."""
    ticks = Ticks()
    monkeypatch.setattr("flowkit.engine.hold.monotonic", ticks)
    monkeypatch.setattr("flowkit.engine.advance.monotonic", ticks)
    lease = timedelta(minutes=1)

    class Slow(RecordingConsent):
        def status(self, ids, topic):
            assert len(self.asked) < 20, "it gets on"
            ticks.advance(lease * 2)
            return super().status(ids, topic)

    flying: list[str] = []
    sender = Meddling(key_window=key_window, timeout=timedelta(seconds=20))
    consent = Slow({"news": ["s0", "s1"]})
    store = MemoryStore(ticks=ticks) if kind == "memory" else SqliteStore(tmp_path / "flowkit.db", lease_clock=ticks)
    engine = engine_on(store, sender, node("start", mail(topic="news")), consent=consent, lease=lease)
    engine.ingest(signups(2))
    sender.happenings = [lambda: flying.extend(engine.suppress(["s0"], wait=False).in_flight)]
    engine.advance()
    if isinstance(store, SqliteStore):
        store.close()
    assert sender.names == ["s0", "s1"]
    assert flying == [sender.delivered[0].key]


@WINDOWS
def test_nothing_is_in_flight_where_all_of_a_window_was_stopped(any_store, key_window):
    """Whatever the worker does next, nobody has to wait for it."""
    flying: list[str] = []

    class Rival(RecordingConsent):
        """Suppresses at the last look, which the worker finds a moment later."""

        def status(self, ids, topic):
            if self.asked:
                engine.suppress(["s"])
            return super().status(ids, topic)

    class Hooks(RecordingWebhooks):
        def call(self, requests):
            flying.extend(any_store.in_flight(["s"]))
            return super().call(requests)

    hooks = Hooks()
    engine = engine_on(
        any_store,
        RecordingSender(key_window=key_window, needs=NO_NEEDS),
        node("start", mail(topic="news"), Action("hook", CallWebhook("https://example.com/"))),
        webhooks=hooks,
        consent=Rival({"news": ["s"]}),
    )
    engine.ingest([signup("s")])
    engine.advance()
    assert reasons(engine) == ["suppressed: manual"]
    assert len(hooks.requests) == 1
    assert flying == []


@WINDOWS
def test_a_message_that_is_tried_again_is_looked_at_again(any_store, key_window):
    sender = RecordingSender({"hello": Outcome(Result.RETRY, "busy")}, key_window=key_window, needs=NO_NEEDS)
    engine = engine_on(any_store, sender)
    engine.ingest([signup()])
    assert engine.advance().retrying == 1
    engine.suppress(["s"])
    assert engine.advance(now=engine.next_due()).skipped == 1
    assert len(sender.calls) == 1


@WINDOWS
def test_who_takes_a_claim_over_looks_again(any_store, key_window):
    class Death(BaseException):
        pass

    def die():
        raise Death

    sender = Meddling(die, key_window=key_window)
    engine = engine_on(any_store, sender)
    engine.ingest(signups(3))
    with pytest.raises(Death):
        engine.advance()
    assert engine.suppress(["s0", "s1"]).in_flight == (), "it was given back"
    engine.advance()
    assert sender.names.count("s1") == (0 if key_window is None else 1), "with keys it was in the first call"
    assert sender.names.count("s0") == 1
    assert sender.names[-1] == "s2"
    doubtful = "; a worker died in an earlier attempt, which may have been delivered"
    expected = {"suppressed: manual", "suppressed: manual" + doubtful} if key_window is None else {"suppressed: manual"}
    assert set(reasons(engine)) == expected


@pytest.mark.parametrize(("window", "delivery"), [(None, Delivery.AT_LEAST_ONCE), (DAY, Delivery.AT_MOST_ONCE)])
def test_a_run_that_was_touched_is_decided_again_with_what_it_has_done(any_store, window, delivery):
    """An event comes in while a worker holds the run: its first message is not sent twice, and the second is sent."""
    sender = Meddling(key_window=window)
    nodes = [
        node("start", mail("a", template_id="a", delivery=delivery), default="two"),
        node("two", mail("b", template_id="b", delivery=delivery), default="look"),
        node("look", check(), engagement_threshold={"opens": 1}),
    ]
    engine = engine_on(any_store, sender, *nodes)
    engine.ingest(signups(3))
    sender.happenings = [lambda: engine.ingest([Event("email_open", "s1", id="open")])]
    engine.advance()
    engine.advance()
    sent = [(message.subscriber_id, message.template_id) for message in sender.delivered]
    assert sorted(sent) == [(name, template) for name in ("s0", "s1", "s2") for template in ("a", "b")]
    assert {run.status for run in engine.runs()} == {Status.COMPLETED}
    assert not sender.repeats


def test_a_run_that_ended_while_the_worker_held_it_is_not_sent_to(any_store):
    """Others end it between the claim and the last look: here by hand, as an exit does."""

    def ended():
        runs = [run for run in engine.runs() if run.subscriber_id == "s149"]
        state = State(Status.EXITED, reason="bought")
        assert not any_store.commit(Changes(NOW, moves=[Move(runs, state, None, ())]))

    sender = Meddling(ended)
    engine = engine_on(any_store, sender)
    engine.ingest(signups(150))
    engine.advance()
    assert len(sender.names) == 149
    assert "s149" not in sender.names
    assert engine.advance().runs == 0
    [ended_run] = engine.runs(status=Status.EXITED)
    assert (ended_run.subscriber_id, ended_run.state.reason) == ("s149", "bought")


# ------------------------------------------------------------------------------------------------------------
# Waiting for what is in flight


@WINDOWS
def test_nothing_is_sent_once_suppress_has_returned(any_store, key_window):
    """It waits for the call that another thread is in."""
    inside, go_on = Flag(), Flag()

    def hold_up():
        inside.set()
        assert go_on.wait(60)

    sender = Meddling(hold_up, key_window=key_window)
    engine = engine_on(any_store, sender)
    engine.ingest(signups(3))
    worker = Thread(target=engine.advance)
    worker.start()
    assert inside.wait(60)
    held_up = engine.suppress(["s0", "s1"], wait=False)
    assert len(held_up.in_flight) == 2
    assert held_up.subscriber_ids == ("s0", "s1")
    returned = Flag()
    sent_then: list[int] = []

    def suppress():
        again = engine.suppress(["s1"])
        sent_then.append(len(sender.messages))
        assert (again.subscriber_ids, again.in_flight) == ((), ())
        returned.set()

    waiting = Thread(target=suppress)
    waiting.start()
    assert not returned.is_set(), "the call is still under way"
    go_on.set()
    waiting.join(60)
    worker.join(60)
    assert returned.is_set()
    late = sender.messages[sent_then[0] :]
    assert "s1" not in [message.subscriber_id for message in late]


def test_it_waits_for_a_lease_at_the_most(any_store):
    """A call from within the sender itself would wait for itself."""
    found: list[object] = []
    sender = Meddling(timeout=timedelta(milliseconds=1))
    engine = engine_on(any_store, sender, lease=timedelta(milliseconds=50))
    engine.ingest(signups(2))
    sender.happenings = [lambda: found.append(engine.suppress(["s1"]))]
    engine.advance()
    [suppressed] = found
    assert suppressed.subscriber_ids == ("s1",)
    assert sender.names in (["s0"], ["s0", "s1"])


def test_the_asynchronous_engine_waits_in_its_loop(any_store):
    """Meanwhile the worker, in the same loop, goes on."""

    async def lived():
        inside, go_on = asyncio.Event(), asyncio.Event()

        class Sender(RecordingSender):
            async def send(self, messages):
                inside.set()
                await go_on.wait()
                return RecordingSender.send(self, messages)

        sender = Sender(needs=NO_NEEDS)
        engine = AsyncEngine(any_store, clock=VirtualClock(START), sender=sender)
        await engine.publish(workflow())
        await engine.ingest(signups(3))
        worker = asyncio.create_task(engine.advance())
        await inside.wait()
        assert len((await engine.suppress(["s1"], wait=False)).in_flight) == 1
        waiting = asyncio.create_task(engine.suppress(["s1"]))
        await asyncio.sleep(0)
        assert not waiting.done()
        go_on.set()
        suppressed = await waiting
        after = len(sender.messages)
        await worker
        assert suppressed.in_flight == ()
        assert "s1" not in [message.subscriber_id for message in sender.messages[after:]]
        assert [one.subscriber_id for one in await engine.suppressions()] == ["s1"]
        assert await engine.unsuppress(["s1"], reason=MANUAL) == ("s1",)

    asyncio.run(lived())


def test_a_host_suppresses_in_its_transaction(tmp_path):
    """Nothing is waited for, and it stands with the host's commit."""
    store = SqliteStore(tmp_path / "flowkit.db")
    sender = RecordingSender(needs=NO_NEEDS)
    engine = engine_on(store, sender, node("start", mail("a"), wait(HOUR), mail("b")))
    engine.ingest([signup("s"), signup("t")])
    connection = sqlite3.connect(tmp_path / "flowkit.db", isolation_level=None)
    connection.execute("BEGIN IMMEDIATE")
    assert engine.suppress(["s"], connection=connection).subscriber_ids == ("s",)
    connection.execute("ROLLBACK")
    engine.advance()
    assert len(sender.delivered) == 2
    connection.execute("BEGIN IMMEDIATE")
    engine.suppress(["s", "t"], connection=connection)
    assert engine.unsuppress(["t"], reason=MANUAL, connection=connection) == ("t",)
    connection.execute("COMMIT")
    connection.close()
    engine.advance(now=START + HOUR)
    assert [message.subscriber_id for message in sender.delivered[2:]] == ["t"]
    store.close()


@WINDOWS
def test_a_second_call_waits_for_what_began_before_the_hosts_commit(tmp_path, key_window):
    """A window that is opened between the look and the commit is found by neither: whoever must know asks again."""
    store = SqliteStore(tmp_path / "flowkit.db")
    connection = sqlite3.connect(tmp_path / "flowkit.db", isolation_level=None)
    told: list[Sequence[str]] = []

    class Late(RecordingConsent):
        def status(self, ids, topic):
            if self.asked and not told:  # the last look, and no window is open yet
                connection.execute("BEGIN IMMEDIATE")
                told.append(engine.suppress(["s"], connection=connection).in_flight)
            return super().status(ids, topic)

    def committed():
        connection.execute("COMMIT")
        told.append(engine.suppress(["s"], wait=False).in_flight)

    sender = Meddling(committed, key_window=key_window)
    engine = engine_on(store, sender, node("start", mail(topic="news")), consent=Late({"news": ["s"]}))
    engine.ingest([signup("s")])
    engine.advance()
    assert told == [(), (sender.delivered[0].key,)]
    connection.close()
    store.close()


def test_what_a_host_lifted_and_rolled_back_stands(tmp_path):
    """Be it that it was read within the transaction that nobody was suppressed any more."""
    store = SqliteStore(tmp_path / "flowkit.db")
    sender = RecordingSender(needs=NO_NEEDS)
    engine = engine_on(store, sender)
    engine.ingest(signups(2))
    engine.suppress(["s1"])
    connection = sqlite3.connect(tmp_path / "flowkit.db", isolation_level=None)
    connection.execute("BEGIN IMMEDIATE")
    joined = store.joined(connection)
    assert engine.unsuppress(["s1"], reason=MANUAL, connection=connection) == ("s1",)
    assert joined.banned(["s1"]) == {}
    connection.execute("ROLLBACK")
    connection.close()
    engine.advance()
    assert [message.subscriber_id for message in sender.delivered] == ["s0"]
    store.close()


def test_a_suppression_comes_before_what_is_wrong_with_the_message(any_store):
    """Who is suppressed needs no address, and no template that renders."""
    templates = DictTemplates({"hello": Template("hello", subject="Hi", text="{{ a.b.c }}")})
    engine = engine_on(
        any_store, RecordingSender(), templates=templates, profiles=MemoryProfiles({"s": {"email": None}})
    )
    engine.ingest([signup()])
    engine.suppress(["s"])
    engine.advance()
    assert reasons(engine) == ["suppressed: manual"]


def test_it_is_explained(any_store):
    engine = engine_on(any_store, RecordingSender(needs=NO_NEEDS), node("start", wait(DAY), send()))
    engine.ingest([signup()])
    engine.ingest([Event("bounce", "s", id="2")], now=START + HOUR)
    engine.ingest([signup("s", "3")], now=START + 2 * HOUR)
    engine.advance(now=START + DAY)
    told = engine.explain("s", "w", now=START + DAY).text.splitlines()
    since = "since 2026-01-01 01:00:00"
    assert f"  2026-01-02 00:00:00  run 1: hello was not sent at start: suppressed: bounce, {since}" in told
    refused = f"was not let in for signup: the subscriber is suppressed (bounce), {since}"
    assert f"  2026-01-01 02:00:00  {refused}" in told
    assert told[-2] == "  Now: the rules of entry would not: the subscriber is suppressed."
    assert told[-1] == f"  Now: suppressed (bounce) {since}: no message is sent."
    engine.unsuppress(["s"], reason=BOUNCE)
    engine.suppress(["s"], reason=COMPLAINT)
    told = engine.explain("s", "w", now=START + DAY).text.splitlines()
    assert told[-1] == "  Now: suppressed (complaint) since 2026-01-01 00:00:00: no marketing is sent."


# ------------------------------------------------------------------------------------------------------------
# What a host without a type checker gets wrong


@pytest.mark.parametrize(
    ("ids", "options"),
    [
        ("ann", {}),
        ([7], {}),
        ([""], {}),
        (["ann"], {"reason": "manuel"}),
        (["ann"], {"scope": "everything"}),
    ],
)
def test_what_is_no_id_or_no_word_is_refused(any_store, ids, options):
    engine = engine_on(any_store, RecordingSender(needs=NO_NEEDS))
    with pytest.raises(ConfigurationError):
        engine.suppress(ids, **options)
    assert engine.suppressions() == []


def test_one_text_is_not_taken_for_its_letters(any_store):
    engine = engine_on(any_store, RecordingSender(needs=NO_NEEDS))
    for tell in (lambda: engine.unsuppress("ann", reason=MANUAL), lambda: engine.changed("ann")):
        with pytest.raises(ConfigurationError, match=r"such as \['ann'\]"):
            tell()
    assert engine.suppress(["ann"], reason="complaint").subscriber_ids == ("ann",)
    assert engine.suppressions()[0].reason is COMPLAINT
