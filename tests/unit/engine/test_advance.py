"""What a worker does with what is due: cohorts, windows, and senders of every kind."""

from datetime import timedelta

import pytest

from flowkit.adapters.clock import VirtualClock
from flowkit.adapters.profiles import MemoryProfiles
from flowkit.adapters.templates import DictTemplates
from flowkit.conditions import AnyOf, Equals, SubscriberHas
from flowkit.engine.advance import Advanced
from flowkit.engine.sync import Engine
from flowkit.errors import ConfigurationError
from flowkit.events import NO_NEEDS, Facts, Needs
from flowkit.hashing import run_id
from flowkit.ports import InDoubt
from flowkit.rendering.model import Template
from flowkit.runs.effects import DONE, Outcome, Result
from flowkit.runs.model import Kind, Status
from flowkit.runs.step import MAX_ATTEMPTS
from flowkit.stores.memory import MemoryStore
from flowkit.stores.sqlite import SqliteStore
from flowkit.testing.recording import RecordingSender, RecordingWebhooks, TookEffect
from flowkit.workflows.model import Action, CallWebhook, UpdateProfile
from tests.support.journeys import (
    DAY,
    HOUR,
    NOW,
    START,
    Ticks,
    check,
    node,
    opened,
    send,
    signup,
    signups,
    stand,
    tag,
    told,
    wait,
    workflow,
)

MINUTE = timedelta(minutes=1)
MICROSECOND = timedelta(microseconds=1)
RETRY = Outcome(Result.RETRY, "busy")


class Answering(RecordingSender):
    """A sender that takes a message and answers whatever it was given."""

    def __init__(self, answer, **options):
        super().__init__(needs=NO_NEEDS, **options)
        self.answer = answer

    def send(self, messages):
        super().send(messages)
        return self.answer


def engine_of(sender, *nodes, store=None, **ports):
    engine = Engine(store or MemoryStore(), clock=VirtualClock(START), sender=sender, **ports)
    engine.publish(workflow(*(nodes or [node("start", send())])))
    return engine


@pytest.mark.parametrize("answer", [None, 5, [], [None], ["done"], [DONE, DONE, DONE], {"a": DONE}])
@pytest.mark.parametrize("key_window", [None, DAY])
def test_a_sender_that_answers_wrongly_is_in_doubt_and_asked_again_later(answer, key_window):
    engine = engine_of(Answering(answer, key_window=key_window))
    engine.ingest([signup()])
    assert engine.advance().retrying == 1
    [run] = engine.runs()
    assert run.state.pending.attempt == 1
    assert run.due_at > START


class Forgetful(RecordingSender):
    """A sender that loses the connection, and whose look-up does what it is told."""

    def __init__(self, found, **options):
        super().__init__({"hello": ConnectionError()}, needs=NO_NEEDS, **options)
        self.found = found

    def lookup(self, keys):
        if isinstance(self.found, Exception):
            raise self.found
        return dict.fromkeys(keys, self.found)


@pytest.mark.parametrize(
    ("found", "policy", "state"),
    [
        (DONE, InDoubt.RESEND, "done"),
        (RETRY, InDoubt.ASSUME_SENT, "retrying"),
        (Outcome(Result.FAILED, "refused"), InDoubt.RESEND, "failed"),
        (None, InDoubt.RESEND, "retrying"),
        ("sent", InDoubt.RESEND, "retrying"),
        (ConnectionError(), InDoubt.RESEND, "retrying"),
        (ConnectionError(), InDoubt.ASSUME_SENT, "done"),
    ],
)
def test_a_call_in_doubt_is_looked_up_and_else_follows_the_policy(found, policy, state):
    engine = engine_of(Forgetful(found, in_doubt=policy))
    engine.ingest(signups(2))
    assert getattr(engine.advance(), state) == 2


# ------------------------------------------------------------------------------------------------------------
# Cohorts

PLANS = ["pro", "free", None, 1, True, 1.0, 0.0, -0.0, [1], [True], {"a": 1}, {"a": 1.0}, "1"]
OUTCOMES = [
    DONE,
    RETRY,
    Outcome(Result.FAILED, "gone"),
    Outcome(Result.SKIPPED, "no"),
    Outcome(Result.DONE, reference="r"),
]
JOURNEY = workflow(
    node(
        "start", send("first"), check(), condition=SubscriberHas({"plan": Equals("pro")}), engaged="pro", default="rest"
    ),
    node("pro", send("second"), success="end", failure="rest"),
    node("rest", wait(), send("third", failure_path="end"), default="again"),
    node(
        "again",
        check(),
        engagement_threshold={"opens": 1},
        condition=AnyOf((SubscriberHas({"plan": Equals(1)}), SubscriberHas({"plan": Equals([1])}))),
        engaged="pro",
    ),
)


def subscribers():
    """Many of them, so that those who share a plan and those who share an outcome meet in all ways."""
    return {f"s{number}": PLANS[number % len(PLANS)] for number in range(8 * len(PLANS))}


def answers(count):
    return {
        run_id("w", f"s{number}", "1") + f":{where}:1:send": OUTCOMES[(number + shift) % len(OUTCOMES)]
        for number in range(count)
        for shift, where in enumerate(("start", "pro", "rest"))
    }


def lived(limit):
    """The journal of each run, where an engine that remembers nothing moves so many; None lets one engine move all."""
    people = subscribers()
    profiles = MemoryProfiles({name: {} if plan is None else {"plan": plan} for name, plan in people.items()})
    sender = RecordingSender(answers(len(people)), needs=NO_NEEDS)
    store = MemoryStore()

    def made():
        return Engine(store, clock=VirtualClock(START), sender=sender, profiles=profiles)

    engine = made()
    engine.publish(JOURNEY)
    engine.ingest([signup(name) for name in people])
    engine.ingest([opened(name) for name in list(people)[::3]])
    for _ in range(5_000):
        if (due := engine.next_due()) is None:
            break
        (engine if limit is None else made()).advance(now=due, limit=limit)
    return {run.id: repr(told(engine.journal(run=run))) for run in engine.runs()}, stand(engine.runs())


def test_cohorts_come_to_the_same_as_single_runs():
    """To the letter: what is decided for one is written for those alone whose facts are the same to the type."""
    journals, states = lived(1)
    assert {state[5].status for state in states.values()} == {"completed", "failed"}
    for limit in (7, None):
        together, stood = lived(limit)
        assert stood == states
        assert [identity for identity in journals if together[identity] != journals[identity]] == []


# ------------------------------------------------------------------------------------------------------------
# Senders that honour no keys


def test_without_keys_each_message_gets_a_call_of_its_own():
    sender = RecordingSender(needs=NO_NEEDS)
    engine = engine_of(sender)
    engine.ingest(signups(5))
    assert engine.advance() == Advanced(runs=5, done=5)
    assert [len(call) for call in sender.calls] == [1] * 5
    assert [message.subscriber_id for message in sender.messages] == [f"s{number}" for number in range(5)]
    run = engine.runs()[0]
    assert sender.messages[0].key == f"{run.id}:start:1:send"


def test_a_sender_that_raises_is_in_doubt_about_that_message_alone():
    sender = RecordingSender({key_of("s1"): ConnectionError("secret@example.com")}, needs=NO_NEEDS)
    engine = engine_of(sender)
    engine.ingest(signups(3))
    assert engine.advance() == Advanced(runs=3, done=2, retrying=1)
    [retrying] = [line for line in engine.journal() if line.entry.kind is Kind.RETRYING]
    assert retrying.subscriber_id == "s1"
    assert retrying.entry.data["reason"] == "in doubt after ConnectionError", "the error's own text may hold an address"


def key_of(subscriber_id, where="start"):
    return run_id("w", subscriber_id, "1") + f":{where}:1:send"


@pytest.mark.parametrize(("policy", "results"), [(InDoubt.RESEND, {"retrying": 1}), (InDoubt.ASSUME_SENT, {"done": 1})])
def test_a_message_that_may_have_left_follows_the_policy(policy, results):
    sender = RecordingSender({"hello": [TookEffect(TimeoutError())]}, needs=NO_NEEDS, in_doubt=policy)
    engine = engine_of(sender)
    engine.ingest([signup()])
    assert engine.advance() == Advanced(runs=1, **results)
    engine.advance(now=START + DAY)
    assert len(sender.delivered) == (2 if policy is InDoubt.RESEND else 1)
    assert [run.status for run in engine.runs()] == ["completed"]


# ------------------------------------------------------------------------------------------------------------
# Senders that honour keys


def test_with_keys_messages_go_in_windows_of_up_to_a_hundred():
    sender = RecordingSender(needs=NO_NEEDS, key_window=DAY)
    engine = engine_of(sender)
    engine.ingest(signups(250))
    assert engine.advance() == Advanced(runs=250, done=250)
    assert [len(call) for call in sender.calls] == [100, 100, 50]
    assert [message.subscriber_id for message in sender.messages] == [f"s{number}" for number in range(250)]


def test_a_window_that_raises_is_tried_again_under_the_same_keys_and_the_others_stand():
    sender = RecordingSender({key_of("s120"): [ConnectionError()]}, needs=NO_NEEDS, key_window=2 * DAY)
    engine = engine_of(sender)
    engine.ingest(signups(250))
    assert engine.advance() == Advanced(runs=250, done=150, retrying=100)
    engine.advance(now=START + DAY)
    assert sender.repeats.total() == 20, "those before the one at which it broke had left"
    assert len({message.key for message in sender.delivered}) == len(sender.delivered) == 250


@pytest.mark.parametrize(("since", "delivered"), [(2 * DAY - timedelta(microseconds=1), 2), (2 * DAY, 1)])
@pytest.mark.parametrize("profiles", [None, MemoryProfiles({"s": {"email": "s@example.com"}})])
def test_after_the_window_of_the_first_attempt_nobody_calls_again(since, delivered, profiles):
    """The receiver has forgotten the key by then: whether it took effect cannot be found out, and twice is worse."""
    sender = RecordingSender({"hello": [ConnectionError()]}, needs=NO_NEEDS, key_window=2 * DAY)
    engine = Engine(MemoryStore(), clock=VirtualClock(START), sender=sender, profiles=profiles)
    engine.publish(workflow(node("start", send())))
    engine.ingest([signup()])
    engine.advance()
    engine.advance(now=START + since)
    [run] = engine.runs()
    assert len(sender.calls) == delivered
    failed = (Status.FAILED, "the receiver honours the key of the first attempt no more")
    assert (run.status, run.state.reason) == (failed if delivered == 1 else (Status.COMPLETED, ""))


TEMPLATE = Template("hello", subject="Hi {{ user.name }}", text="{{ user.name }} likes {{ user.likes }}")


@pytest.mark.parametrize("templates", [DictTemplates({"hello": TEMPLATE}), None])
@pytest.mark.parametrize("on_disk", [False, True])
def test_a_retry_is_the_same_message_although_the_profile_changed_meanwhile(templates, on_disk, tmp_path):
    profiles = MemoryProfiles({"s": {"email": "a@example.com", "name": "Ann", "likes": "ünïcode 😀"}})
    sender = RecordingSender(
        {"hello": [TookEffect(ConnectionError()), RETRY]},
        key_window=DAY,
        needs=Needs(attributes=frozenset({"email", "name", "likes"})),
    )
    store = SqliteStore(tmp_path / "flowkit.db") if on_disk else MemoryStore()
    engine = engine_of(sender, store=store, profiles=profiles, templates=templates)
    engine.ingest([signup()])
    for attempt in range(3):
        engine.advance(now=START + attempt * HOUR)
        profiles.put("s", email=f"b{attempt}@example.com", name=f"Bob {attempt}")
    assert len(sender.calls) > 1
    assert not sender.drifted
    assert {message.to for message in sender.messages} == {"a@example.com"}
    engine.ingest([signup(event_id="2")])
    engine.advance(now=START + DAY)
    assert sender.messages[-1].to == "b2@example.com", "another run's message is made from what is known then"
    if on_disk:
        store.close()


def test_without_keys_a_retry_is_made_from_what_is_known_then():
    profiles = MemoryProfiles({"s": {"email": "a@example.com"}})
    sender = RecordingSender({"hello": [RETRY]})
    engine = engine_of(sender, profiles=profiles)
    engine.ingest([signup()])
    engine.advance()
    profiles.put("s", email="b@example.com")
    engine.advance(now=START + HOUR)
    assert [message.to for message in sender.messages] == ["a@example.com", "b@example.com"]
    assert len({message.key for message in sender.messages}) == 1


# ------------------------------------------------------------------------------------------------------------
# What a message is made from


def mailed(profiles, templates=None, action=None, **options):
    """Send one message to each, and give the sender and the words of the journal by subscriber."""
    sender = RecordingSender(**options)
    engine = engine_of(sender, node("start", action or send()), profiles=MemoryProfiles(profiles), templates=templates)
    engine.ingest([signup(name, properties={"source": "web"}) for name in ("a", "b", "c")])
    engine.advance()
    told = {
        line.subscriber_id: (line.entry.kind, line.entry.data.get("reason"))
        for line in engine.journal()
        if line.entry.kind in {Kind.DONE, Kind.SKIPPED, Kind.FAILED} and line.entry.node
    }
    return sender, told


ANN = {"email": "ann@example.com", "name": "Ann"}


@pytest.mark.parametrize("key_window", [None, DAY])
def test_who_is_unknown_or_has_no_address_is_skipped_with_a_reason(key_window):
    sender, told = mailed({"a": ANN, "b": {"name": "Bob"}}, key_window=key_window)
    assert told == {
        "a": (Kind.DONE, None),
        "b": (Kind.SKIPPED, "no_address"),
        "c": (Kind.SKIPPED, "unknown_subscriber"),
    }
    assert [message.to for message in sender.messages] == ["ann@example.com"]


@pytest.mark.parametrize("address", [None, "", 5, ["a@example.com"]])
def test_what_is_no_text_is_no_address(address):
    _, told = mailed({"a": {"email": address}})
    assert told["a"] == (Kind.SKIPPED, "no_address")


def test_a_message_is_rendered_from_the_templates_that_were_published():
    templates = DictTemplates(
        {"hello": Template("hello", subject="x", html="<p>{{ user.name }}</p>", text="{{ event.source }}")}
    )
    sender, _ = mailed({"a": ANN | {"name": "<b>"}}, templates, send(subject="Hi {{ user.name }}"))
    [message] = sender.messages
    assert (message.subject, message.html, message.text) == ("Hi <b>", "<p>&lt;b&gt;</p>", "web")
    assert (message.template_id, message.to, message.subscriber_id) == ("hello", "ann@example.com", "a")
    assert message.metadata == {
        "workflow_id": "w",
        "version": 1,
        "node": "start",
        "action": "send",
        "campaign_type": "automation",
        "message_class": "marketing",
    }


def test_a_service_that_renders_for_itself_gets_the_id_and_the_facts_that_it_asked_for():
    sender, _ = mailed(
        {"a": ANN | {"secret": 1}}, action=send(subject="{{ as written }}"), needs=Needs(attributes=frozenset(ANN))
    )
    [message] = sender.messages
    assert (message.subject, message.html, message.text, message.data) == ("{{ as written }}", None, None, ANN)


def test_an_unknown_template_fails_for_good():
    _, told = mailed({"a": ANN}, DictTemplates({}))
    assert set(told.values()) == {(Kind.FAILED, "unknown template hello")}


def test_a_broken_template_fails_for_good_and_says_where():
    _, told = mailed({"a": ANN}, DictTemplates({"hello": Template("hello", text="ok\n{% if %}")}))
    assert {kind for kind, _ in told.values()} == {Kind.FAILED}
    assert "line 2" in told["a"][1]


def test_a_message_that_cannot_be_rendered_for_one_is_skipped_for_that_one():
    templates = DictTemplates({"hello": Template("hello", text="{{ user.name.first.last }}")})
    sender, told = mailed({"a": ANN | {"name": {"first": {"last": "x"}}}, "b": {"email": "b@example.com"}}, templates)
    assert told["a"] == (Kind.DONE, None)
    assert told["b"][0] is Kind.SKIPPED
    assert "missing_value" in told["b"][1]
    assert [message.text for message in sender.messages] == ["x"]


def test_runs_keep_the_templates_of_their_version():
    store, profiles = MemoryStore(), MemoryProfiles({"s": ANN})
    sender = RecordingSender()
    old, new = (
        engine_of(
            sender, store=store, profiles=profiles, templates=DictTemplates({"hello": Template("hello", text=text)})
        )
        for text in ("old", "new")
    )
    old.ingest([signup()])
    new.publish(workflow(node("start", send())))
    new.ingest([signup(event_id="2")])
    new.advance()
    assert [message.text for message in sender.messages] == ["new", "new"], "both were entered after both publications"
    old.publish(workflow(node("start", send())))
    old.ingest([signup(event_id="3")])
    new.publish(workflow(node("start", send())))
    new.ingest([signup(event_id="4")])
    new.advance()
    assert [message.text for message in sender.messages[2:]] == ["old", "new"]


# ------------------------------------------------------------------------------------------------------------
# Profile changes and webhooks


def test_a_change_is_applied_under_its_key_and_seen_by_the_next_node():
    profiles = MemoryProfiles({"s": {"visits": 1}})
    engine = engine_of(
        None,
        node("start", tag("vip"), default="count"),
        node("count", Action("send", UpdateProfile(set={"plan": "pro"}, increment={"visits": 2})), default="ask"),
        node("ask", check(), condition=SubscriberHas({"plan": Equals("pro"), "visits": Equals(3)}), engaged="yes"),
        node("yes", wait()),
        profiles=profiles,
    )
    engine.ingest([signup()])
    assert engine.advance() == Advanced(runs=1, done=2)
    assert engine.runs()[0].state.node == "yes"
    assert profiles.profile("s") == Facts({"visits": 3, "plan": "pro"}, segments=frozenset({"vip"}))


class Flaky(MemoryProfiles):
    """Profiles that apply changes and then lose the connection, once."""

    failing = True

    def change(self, changes):
        outcomes = super().change(changes)
        if self.failing:
            self.failing = False
            raise ConnectionError
        return outcomes


def test_a_change_that_is_tried_again_is_applied_once():
    profiles = Flaky({"s": {"visits": 1}})
    engine = engine_of(None, node("start", Action("add", UpdateProfile(increment={"visits": 1}))), profiles=profiles)
    engine.ingest([signup()])
    assert engine.advance().retrying == 1
    assert engine.advance(now=START + HOUR).done == 1
    assert profiles.profile("s").attributes == {"visits": 2}


HOOK = CallWebhook("https://example.com/hook", method="PUT", headers={"X-A": "b"}, body={"a": 1})


def test_a_webhook_is_called_with_the_runs_own_data_under_its_key():
    webhooks = RecordingWebhooks()
    engine = engine_of(None, node("start", Action("call", HOOK)), webhooks=webhooks)
    engine.ingest(signups(150))
    assert engine.advance() == Advanced(runs=150, done=150)
    assert [len(call) for call in webhooks.calls] == [100, 50]
    request, run = webhooks.requests[0], engine.runs()[0]
    assert (request.key, request.url, request.method) == (f"{run.id}:start:1:call", HOOK.url, "PUT")
    assert request.headers == {"X-A": "b"}
    assert request.body == {
        "a": 1,
        "subscriber_id": "s0",
        "workflow_id": "w",
        "run_id": run.id,
        "node": "start",
        "action": "call",
    }


@pytest.mark.parametrize(
    ("answer", "status", "reason"),
    [
        (Outcome(Result.FAILED, "http 404"), "failed", "http 404"),
        (Outcome(Result.RETRY, "http 503", retry_after=DAY), "active", ""),
        (ConnectionError("no"), "active", ""),
        (TookEffect(TimeoutError()), "active", ""),
    ],
)
def test_a_webhook_that_fails_is_dealt_with_as_a_send_is(answer, status, reason):
    engine = engine_of(None, node("start", Action("call", HOOK)), webhooks=RecordingWebhooks({HOOK.url: answer}))
    engine.ingest([signup()])
    engine.advance()
    [run] = engine.runs()
    assert (run.status, run.state.reason) == (status, reason)
    if isinstance(answer, Outcome) and answer.retry_after:
        assert run.due_at == START + DAY


def test_what_needs_a_port_that_is_not_there_is_refused_when_it_is_published():
    for action, port in ((send(), "sender"), (tag("a"), "profiles"), (Action("call", HOOK), "webhooks")):
        with pytest.raises(ConfigurationError, match=port):
            Engine(MemoryStore()).publish(workflow(node("start", action)))


def test_what_another_engine_published_fails_where_a_port_is_missing():
    store = MemoryStore()
    ports = {"profiles": MemoryProfiles(), "webhooks": RecordingWebhooks(), "sender": RecordingSender()}
    full = Engine(store, clock=VirtualClock(START), **ports)
    for name, action in (("a", send()), ("b", tag("x")), ("c", Action("call", HOOK))):
        full.publish(workflow(node("start", action), workflow_id=name))
    full.ingest([signup()])
    assert Engine(store, clock=VirtualClock(START)).advance() == Advanced(runs=3, failed=3)
    assert [run.state.reason for run in full.runs()] == ["no sender", "no profiles", "no webhooks"]


# ------------------------------------------------------------------------------------------------------------
# Retries, and the healthy beside them


def test_a_transient_failure_is_tried_until_it_is_dead():
    sender = RecordingSender({"hello": RETRY}, needs=NO_NEEDS)
    engine = engine_of(sender)
    engine.ingest([signup()])
    while (due := engine.next_due()) is not None:
        engine.advance(now=due)
    assert len(sender.calls) == MAX_ATTEMPTS
    [run] = engine.runs()
    assert (run.status, run.state.reason) == ("failed", "busy")
    assert len({message.key for message in sender.messages}) == 1


def test_the_healthy_are_not_delayed():
    """Whoever fails, for now or for good, fails alone, and everybody else goes on at the same instant."""
    failing = {key_of("s3"): RETRY, key_of("s5"): ValueError(), key_of("s7"): Outcome(Result.FAILED, "gone")}
    for key_window in (None, DAY):
        sender = RecordingSender(failing if key_window is None else {}, needs=NO_NEEDS, key_window=key_window)
        engine = engine_of(sender, node("start", send(), wait()))
        engine.ingest(signups(20))
        engine.advance()
        waiting = [run for run in engine.runs() if run.state.waiting]
        assert len(waiting) == (17 if key_window is None else 20)
        assert {run.due_at for run in waiting} == {START + HOUR}


def test_no_more_than_the_limit_is_taken():
    engine = engine_of(RecordingSender(needs=NO_NEEDS), batch=4)
    engine.ingest(signups(10))
    assert engine.advance(limit=3).runs == 3
    assert engine.advance(limit=0).runs == 0
    assert engine.advance(limit=5).runs == 5
    assert engine.advance().runs == 2
    assert engine.advance().runs == 0


def test_all_that_is_due_is_done_in_batches_by_their_instant():
    sender = RecordingSender(needs=NO_NEEDS)
    engine = engine_of(sender, node("start", wait(), send()), batch=3)
    for number in (3, 1, 2, 0, 4):
        engine.ingest([signup(f"s{number}")], now=START + number * MINUTE)
    assert engine.advance(now=START + HOUR + 3 * MINUTE).runs == 4
    assert [message.subscriber_id for message in sender.messages] == ["s0", "s1", "s2", "s3"]


def test_nothing_is_done_before_its_time():
    sender = RecordingSender(needs=NO_NEEDS)
    engine = engine_of(sender, node("start", wait(), send(delay=MINUTE)))
    engine.ingest([signup()])
    assert engine.advance(now=START + HOUR - MICROSECOND) == Advanced()
    assert engine.advance(now=START + HOUR) == Advanced(runs=1)
    assert engine.advance(now=START + HOUR + MINUTE - MICROSECOND) == Advanced()
    assert sender.calls == []
    assert engine.advance(now=START + HOUR + MINUTE) == Advanced(runs=1, done=1)


def test_an_unknown_error_of_the_profiles_leaves_all_as_it_was():
    """What cannot be read cannot be decided; it is due again at once, and nobody has died."""

    class Gone(MemoryProfiles):
        def facts(self, ids, needs):
            raise ConnectionError

    store = MemoryStore()
    engine = engine_of(RecordingSender(), store=store, profiles=Gone())
    engine.ingest(signups(3))
    before = engine.runs()
    for _ in range(10):
        with pytest.raises(ConnectionError):
            engine.advance()
    assert engine.runs() == before
    healthy = Engine(store, clock=VirtualClock(START), sender=RecordingSender(), profiles=MemoryProfiles())
    assert healthy.advance() == Advanced(runs=3, skipped=3)


# ------------------------------------------------------------------------------------------------------------
# After a death


def died_in_a_call(store, ticks, calls=1):
    """Let a worker die in its second call, and others in the same call after it; give the runs that it held."""
    held = ()
    for _ in range(calls):
        claim = store.claim(NOW, limit=3, lease=LEASE)
        notes = store.attempts(claim)
        held = claim.runs
        if claim.fresh:
            notes.begin(held[0].id + held[0].state.pending.suffix)
            notes.settle(held[0].id + held[0].state.pending.suffix, Outcome(Result.DONE, reference="noted"))
        notes.begin(held[1].id + held[1].state.pending.suffix)
        ticks.advance(LEASE)
    return held


LEASE = timedelta(minutes=5)


@pytest.mark.parametrize(
    ("found", "policy", "called", "told"),
    [
        (None, InDoubt.RESEND, True, (Kind.DONE, None)),
        (None, InDoubt.ASSUME_SENT, False, (Kind.DONE, "assumed sent")),
        (DONE, InDoubt.RESEND, False, (Kind.DONE, None)),
        (Outcome(Result.FAILED, "bounced"), InDoubt.ASSUME_SENT, False, (Kind.FAILED, "bounced")),
        (RETRY, InDoubt.ASSUME_SENT, True, (Kind.DONE, None)),
        (ConnectionError(), InDoubt.ASSUME_SENT, False, (Kind.DONE, "assumed sent")),
    ],
)
def test_what_a_dead_worker_had_begun_is_looked_up_and_else_follows_the_policy(found, policy, called, told):
    """What it had noted is not called again, and what it had not begun is called now."""
    ticks = Ticks()
    store = MemoryStore(ticks=ticks)
    sender = Forgetful(found, in_doubt=policy)
    sender._script._constant.clear()  # the connection is there again
    engine = engine_of(sender, store=store)
    engine.ingest(signups(3))
    done, begun, _ = died_in_a_call(store, ticks)
    engine.advance()
    assert [message.subscriber_id for message in sender.messages] == (["s1", "s2"] if called else ["s2"])
    lines = engine.journal(run=begun)
    assert [(line.entry.kind, line.entry.data.get("reason")) for line in lines][1] == told
    assert engine.journal(run=done)[1].entry.data["reference"] == "noted"


@pytest.mark.parametrize(("deaths", "calls"), [(1, 2), (2, 2), (3, 1), (4, 1)])
def test_a_call_that_kills_its_workers_is_given_up_after_three(deaths, calls):
    ticks = Ticks()
    store = MemoryStore(ticks=ticks)
    sender = RecordingSender(needs=NO_NEEDS)
    engine = engine_of(sender, store=store)
    engine.ingest(signups(3))
    died_in_a_call(store, ticks, deaths)
    engine.advance()
    assert len(sender.calls) == calls
    [killer] = engine.runs(subscriber_id="s1")
    assert killer.state.reason == ("" if deaths < 3 else f"{deaths} workers died in this call")
    assert {run.status for run in engine.runs() if run.subscriber_id != "s1"} == {"completed"}


class Death(BaseException):
    """The end of a worker."""


class Deadly:
    """A store at which every worker dies that has just got hold of a certain subscriber's run, three times alone."""

    def __init__(self, store, ticks, subscriber_id):
        self.store = store
        self.ticks = ticks
        self.subscriber_id = subscriber_id

    def __getattr__(self, name):
        return getattr(self.store, name)

    def claim(self, now, **options):
        claim = self.store.claim(now, **options)
        held = {run.subscriber_id for run in claim.runs} if claim else set()
        if self.subscriber_id in held and claim.deaths < 3:
            self.ticks.advance(LEASE)
            raise Death
        return claim


def test_a_run_that_kills_its_workers_is_given_up_and_no_other():
    """Before any call; the others are done as soon as they are held without it."""
    ticks = Ticks()
    store = Deadly(MemoryStore(ticks=ticks), ticks, "s1")
    sender = RecordingSender(needs=NO_NEEDS)
    engine = engine_of(sender, store=store)
    engine.ingest(signups(4))
    deaths = 0
    while any(run.state.alive for run in engine.runs()):
        try:
            engine.advance()
        except Death:
            deaths += 1
            assert deaths < 10
    assert {run.subscriber_id: run.status for run in engine.runs()} == {
        "s0": "completed",
        "s1": "failed",
        "s2": "completed",
        "s3": "completed",
    }
    [killer] = engine.runs(subscriber_id="s1")
    assert killer.state.reason == "3 workers died over this run"
    assert sorted(message.subscriber_id for message in sender.messages) == ["s0", "s2", "s3"]
    mended = Engine(store.store, clock=VirtualClock(START), sender=sender)
    assert mended.requeue([killer], accept_duplicate=True).runs == 1
    assert mended.advance().done == 1
    assert mended.runs(subscriber_id="s1")[0].status is Status.COMPLETED


def test_after_a_dead_workers_claim_the_queue_is_worked_off():
    ticks = Ticks()
    store = MemoryStore(ticks=ticks)
    engine = engine_of(RecordingSender(needs=NO_NEEDS), store=store)
    engine.ingest(signups(5))
    assert store.claim(NOW, limit=2, lease=LEASE) is not None
    ticks.advance(LEASE)
    assert engine.advance() == Advanced(runs=5, done=5)


# ------------------------------------------------------------------------------------------------------------
# A profile that holds what JSON cannot

ENDLESS: list[object] = []
ENDLESS.append(ENDLESS)


class Odd:
    """Profiles of a host, of which one holds something odd."""

    def __init__(self, value):
        self.value = value

    def facts(self, ids, needs):
        return {name: Facts({"email": f"{name}@example.com", "x": self.value if name == "s1" else 1}) for name in ids}

    def change(self, changes):
        return [DONE] * len(changes)


@pytest.fixture(params=["memory", "sqlite"])
def any_store(request, tmp_path):
    if request.param == "memory":
        yield MemoryStore()
    else:
        kept = SqliteStore(tmp_path / "flowkit.db", synchronous="NORMAL")
        yield kept
        kept.close()


@pytest.mark.parametrize("value", [{(1, 2): 3}, ENDLESS], ids=["tuple key", "cycle"])
@pytest.mark.parametrize("key_window", [None, DAY], ids=["noted", "keyed"])
def test_an_odd_profile_fails_alone(any_store, value, key_window):
    """It is read by a condition, which is journaled, and by a message, whose inputs are frozen under a key."""
    sender = RecordingSender(key_window=key_window)
    engine = Engine(any_store, sender=sender, profiles=Odd(value), clock=VirtualClock(START))
    engine.publish(workflow(node("start", check(), send(), condition=SubscriberHas({"x": Equals(1)}))))
    engine.ingest(signups(3))
    done = engine.advance()
    assert (done.done, done.failed) == ((2, 1) if key_window else (3, 0))
    lines = [line.entry for line in engine.journal(subscriber_id="s1")]
    assert Kind.DECIDED in [entry.kind for entry in lines]
    assert {run.subscriber_id: run.status for run in engine.runs()} == {
        "s0": "completed",
        "s1": "failed" if key_window else "completed",
        "s2": "completed",
    }
