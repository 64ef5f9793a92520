"""Detached actions on engines: when they are done, what races with them, and what deaths and failures leave."""

from datetime import timedelta

import pytest
from attrs import evolve

from flowkit.adapters.clock import VirtualClock
from flowkit.adapters.profiles import MemoryProfiles
from flowkit.adapters.templates import DictTemplates
from flowkit.engine.advance import Advanced
from flowkit.engine.dead_letters import Requeue
from flowkit.engine.sync import Engine
from flowkit.errors import DocumentError
from flowkit.events import NO_NEEDS, Event, Needs, to_micros
from flowkit.ports import InDoubt
from flowkit.rendering.model import Template
from flowkit.runs.effects import Outcome, Result
from flowkit.runs.model import Kind, State, Status
from flowkit.stores.memory import MemoryStore
from flowkit.stores.sqlite import SqliteStore
from flowkit.testing.recording import RecordingSender, RecordingWebhooks, TookEffect
from flowkit.triggers.model import EntryPolicy, Reentry
from flowkit.workflows.codec import dump, load
from flowkit.workflows.control import Exit
from flowkit.workflows.model import Action, CallWebhook, Delivery, UpdateSegments, Wait
from tests.support.journeys import (
    DAY,
    HOUR,
    START,
    Ticks,
    check,
    kinds,
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

GONE = Outcome(Result.FAILED, "refused with 550")
UNKNOWN = Outcome(Result.UNKNOWN, "nobody knows")
BUSY = Outcome(Result.RETRY, "busy")


def later(hours=1, template_id="later", action_id="later"):
    return send(template_id, action_id, delay=hours * HOUR, detached=True)


def engine_on(store, *workflows, sender=None, at=START, **ports):
    sender = sender or RecordingSender(needs=NO_NEEDS)
    engine = Engine(store, clock=VirtualClock(at), sender=sender, **ports)
    for each in workflows:
        engine.publish(each)
    return engine


def lived(engine, hours):
    """Do what is due, an hour at a time; say who had sent what by which hour."""
    sent = []
    for hour in range(hours + 1):
        done = engine.advance(now=START + hour * HOUR)
        if done.done:
            sent.append((hour, done.done))
    return sent


# ------------------------------------------------------------------------------------------------------------
# When


@pytest.mark.parametrize("batch", [1, 2, 500])
@pytest.mark.parametrize("key_window", [None, 9 * DAY])
def test_each_is_sent_at_its_own_instant_and_the_run_does_not_wait(any_store, batch, key_window):
    sender = RecordingSender(needs=NO_NEEDS, key_window=key_window)
    then = (wait(2 * HOUR), send("then", "then"), later(2, action_id="last"))
    journey = workflow(node("start", later(5), send("now"), *then))
    engine = engine_on(any_store, journey, sender=sender, batch=batch)
    engine.ingest(signups(3))
    assert lived(engine, 6) == [(0, 3), (2, 3), (4, 3), (5, 3)]
    for name in ("s0", "s1", "s2"):
        mine = [message for message in sender.messages if message.subscriber_id == name]
        assert [message.template_id for message in mine] == ["now", "then", "later", "later"]
        assert [message.key[32:] for message in mine[2:]] == [":start:1:last", ":start:1:later"]
    assert {run.state for run in engine.runs()} == {State(Status.COMPLETED)}
    assert engine.next_due() is None


def test_the_store_tells_the_earliest_instant(any_store):
    engine = engine_on(any_store, workflow(node("start", later(3), later(1, action_id="first"), wait(2 * HOUR))))
    engine.ingest([signup()])
    instants = []
    while (due := engine.next_due()) is not None:
        instants.append((due - START) // HOUR)
        assert engine.advance(now=due - timedelta(microseconds=1)).runs == 0, "never early"
        engine.advance(now=due)
    assert instants == [1, 2, 3]


def test_all_that_is_late_comes_in_the_order_of_its_instants(any_store):
    sender = RecordingSender(needs=NO_NEEDS)
    journey = workflow(node("start", later(3, "third"), later(1, "first", "a"), wait(2 * HOUR), send("second")))
    engine = engine_on(any_store, journey, sender=sender)
    engine.ingest([signup()])
    engine.advance(now=START + 9 * HOUR)
    # The message behind the wait is due when the run comes to it, and by then the other one was overdue.
    assert [message.template_id for message in sender.messages] == ["first", "third", "second"]
    assert [kind for kind in kinds(engine.journal()) if kind.startswith(("done", "woken"))] == [
        "done@start",
        "woken@start",
        "done@start",
        "done@start",
    ]


@pytest.mark.parametrize("batch", [1, 500])
def test_many_who_stand_alike_are_moved_together(batch):
    store = MemoryStore()
    engine = engine_on(store, workflow(node("start", later(1), wait(DAY))), batch=batch)
    engine.ingest(signups(40))
    assert len({id(run.state) for run in engine.runs()}) == 1, "one state for all"
    engine.advance(now=START + HOUR)
    assert {run.state.beside for run in engine.runs()} == {None}
    assert len({id(run.state) for run in engine.runs()}) <= (40 if batch == 1 else 1)


def test_changes_and_webhooks_are_detached_too(any_store):
    profiles, webhooks = MemoryProfiles({"s": {}}), RecordingWebhooks()
    call = Action("call", CallWebhook("https://example.com/hook"), delay=2 * HOUR, detached=True)
    journey = workflow(node("start", tag("late", delay=HOUR, detached=True), call, wait(DAY)))
    engine = engine_on(any_store, journey, profiles=profiles, webhooks=webhooks)
    engine.ingest([signup()])
    assert not profiles.profile("s").segments
    engine.advance(now=START + HOUR)
    assert profiles.profile("s").segments == {"late"}
    assert not webhooks.requests
    engine.advance(now=START + 2 * HOUR)
    assert [request.key[32:] for request in webhooks.requests] == [":start:1:call"]


def test_what_is_rendered_late_is_made_from_what_is_known_then(any_store):
    profiles = MemoryProfiles({"s": {"email": "s@example.com", "name": "Ada"}})
    templates = DictTemplates({"later": Template("later", subject="Hi", text="{{ user.name }}")})
    sender = RecordingSender()
    engine = engine_on(
        any_store, workflow(node("start", later(1))), sender=sender, profiles=profiles, templates=templates
    )
    engine.ingest([signup()])
    engine.advance()
    profiles.put("s", email="s@example.com", name="Eve")
    engine.advance(now=START + HOUR)
    assert [message.text for message in sender.messages] == ["Eve"]


def test_an_exit_drops_what_is_open(any_store):
    sender = RecordingSender(needs=NO_NEEDS)
    journey = workflow(node("start", later(1), later(5, action_id="b"), wait(2 * HOUR), Action("go", Exit("enough"))))
    engine = engine_on(any_store, journey, sender=sender)
    engine.ingest([signup()])
    for hours in range(9):
        engine.advance(now=START + hours * HOUR)
    assert [message.key[32:] for message in sender.messages] == [":start:1:later"]
    assert [run.status for run in engine.runs()] == [Status.EXITED]
    assert engine.next_due() is None


# ------------------------------------------------------------------------------------------------------------
# Who has come to the end


@pytest.mark.parametrize(
    "entry", [EntryPolicy(max_concurrent=1), EntryPolicy(reentry=Reentry.AFTER_EXIT)], ids=["max_concurrent", "reentry"]
)
def test_who_has_only_detached_actions_open_may_enter_again(any_store, entry):
    engine = engine_on(any_store, workflow(node("start", later(48), wait(DAY)), entry=entry))
    engine.ingest([signup(event_id="1")])
    assert engine.ingest([signup(event_id="2")]).refused == 1
    engine.advance(now=START + DAY)
    assert [run.state.node for run in engine.runs()] == [None]
    assert engine.ingest([signup(event_id="3")], now=START + DAY).started == 1
    engine.advance(now=START + 4 * DAY)
    assert {run.status for run in engine.runs()} == {Status.COMPLETED}


def test_of_a_batch_who_begins_and_ends_at_once_is_in_nobodys_way(any_store):
    engine = engine_on(any_store, workflow(node("start", later(1)), entry=EntryPolicy(max_concurrent=1)))
    assert engine.ingest([signup(event_id="1"), signup(event_id="2")]).started == 2


def test_an_exclusion_group_does_not_count_who_is_at_the_end(any_store):
    first = workflow(node("start", later(9)), workflow_id="a", entry=EntryPolicy(exclusion_group="g"))
    second = workflow(node("start", wait(DAY)), workflow_id="b", event="other", entry=EntryPolicy(exclusion_group="g"))
    engine = engine_on(any_store, first, second)
    engine.ingest([signup()])
    assert engine.ingest([Event("other", "s", id="2")]).started == 1


def test_who_is_at_the_end_observes_nothing(any_store):
    engine = engine_on(
        any_store, workflow(node("start", later(1), check(), engagement_threshold={"opens": 1}, default="end"))
    )
    engine.ingest([signup()])
    [before] = engine.runs()
    engine.ingest([opened()])
    assert engine.runs() == [before], "nor is its row written, so that no worker loses it"
    assert "observed" not in " ".join(kinds(engine.journal()))
    engine.advance(now=START + HOUR)
    assert [run.status for run in engine.runs()] == [Status.COMPLETED]


# ------------------------------------------------------------------------------------------------------------
# Races


class Meanwhile(RecordingSender):
    """A sender during whose calls other things happen, a function a call."""

    def __init__(self, *happening, **options):
        super().__init__(needs=NO_NEEDS, **options)
        self.happening = list(happening)

    def send(self, messages):
        outcomes = super().send(messages)
        if self.happening:
            self.happening.pop(0)()
        return outcomes


@pytest.mark.parametrize("key_window", [None, DAY])
def test_an_event_during_the_call_does_not_send_it_again(any_store, key_window):
    journey = workflow(
        node("start", later(1), wait(DAY), check(), engagement_threshold={"opens": 1}, engaged="end", default="end")
    )
    sender = Meanwhile(lambda: engine.ingest([opened("s1")], now=START + HOUR), key_window=key_window)
    engine = engine_on(any_store, journey, sender=sender)
    engine.ingest(signups(3))
    assert engine.advance(now=START + HOUR) == Advanced(runs=3, done=3)
    assert len({message.key for message in sender.messages}) == len(sender.messages) == 3
    [run] = engine.runs(subscriber_id="s1")
    assert (run.state.counts, run.state.beside, run.due_at) == ((("email_open", 1),), None, START + DAY)
    assert "late@start" not in kinds(engine.journal())


def test_a_run_that_was_woken_and_has_sent_does_not_send_again_while_others_are_open(any_store):
    counting = workflow(
        node("start", later(9), wait(), send("now"), wait(DAY, "rest"), default="check"),
        node("check", check(), engagement_threshold={"opens": 1}),
    )
    sender = Meanwhile(lambda: engine.ingest([opened()], now=START + HOUR))
    engine = engine_on(any_store, counting, sender=sender)
    engine.ingest([signup()])
    engine.advance(now=START + HOUR)
    assert [message.template_id for message in sender.messages] == ["now"]
    assert "late@start" not in kinds(engine.journal())
    [run] = engine.runs()
    assert (run.state.counts, run.due_at) == ((("email_open", 1),), START + 9 * HOUR)


def test_several_outcomes_in_hand_are_all_applied(any_store):
    """Two that were detached, and the wait that came between them: nothing of it is done again."""
    happenings = [lambda: None, lambda: None, lambda: engine.ingest([opened()], now=START + 5 * HOUR)]
    listening = workflow(
        node(
            "start", later(1), later(3, action_id="b"), wait(2 * HOUR), send("now"), wait(DAY, "rest"), default="check"
        ),
        node("check", check(), engagement_threshold={"opens": 1}),
    )
    sender = Meanwhile(*happenings)
    engine = engine_on(any_store, listening, sender=sender)
    engine.ingest([signup()])
    engine.advance(now=START + 5 * HOUR)
    assert sorted(message.key[32:] for message in sender.messages) == [
        ":start:1:b",
        ":start:1:later",
        ":start:1:send",
    ]
    assert "late@start" not in kinds(engine.journal())
    [run] = engine.runs()
    assert (run.state.counts, run.due_at) == ((("email_open", 1),), START + 5 * HOUR + DAY)


# ------------------------------------------------------------------------------------------------------------
# Failures and deaths


def test_it_is_tried_again_on_its_own_and_the_run_goes_on(any_store):
    sender = RecordingSender({"later": [BUSY, BUSY]}, needs=NO_NEEDS)
    engine = engine_on(any_store, workflow(node("start", later(1), wait(2 * HOUR), send("now"))), sender=sender)
    engine.ingest([signup()])
    while (due := engine.next_due()) is not None:
        engine.advance(now=due)
    assert sorted(message.template_id for message in sender.messages) == ["later", "later", "later", "now"]
    assert len({message.key for message in sender.messages}) == 2
    assert [run.status for run in engine.runs()] == [Status.COMPLETED]


def test_a_failure_is_a_dead_letter_once_the_run_is_at_its_end_and_a_requeue_sends_it_under_a_new_key(any_store):
    sender = RecordingSender({"later": [GONE]}, needs=NO_NEEDS)
    engine = engine_on(any_store, workflow(node("start", later(1), wait(DAY))), sender=sender)
    engine.ingest([signup()])
    engine.advance(now=START + HOUR)
    [run] = engine.runs()
    assert run.status is Status.ACTIVE, "the run goes on"
    assert engine.requeue([run]) == Requeue(0, {run.id: "not_failed"})
    engine.advance(now=START + DAY)
    [run] = engine.runs(status=Status.FAILED)
    assert run.state.reason == "refused with 550"
    assert engine.requeue([run], now=START + DAY) == Requeue(1)
    engine.advance(now=START + DAY)
    assert [run.status for run in engine.runs()] == [Status.COMPLETED]
    assert len({message.key for message in sender.messages}) == len(sender.messages) == 2


@pytest.mark.parametrize(("key_window", "called"), [(DAY, 2), (None, 1)])
def test_what_may_be_done_keeps_its_key_and_its_inputs_or_is_refused(any_store, key_window, called):
    profiles = MemoryProfiles({"s": {"email": "s@example.com"}})
    sender = RecordingSender({"later": [TookEffect(UNKNOWN)]}, key_window=key_window)
    engine = engine_on(any_store, workflow(node("start", later(1), send("now"))), sender=sender, profiles=profiles)
    engine.ingest([signup()])
    engine.advance(now=START + HOUR)
    [run] = engine.runs(status=Status.FAILED)
    profiles.put("s", email="other@example.com")
    expected = Requeue(1) if key_window else Requeue(0, {run.id: "may_be_done"})
    assert engine.requeue([run], now=START + HOUR) == expected
    engine.advance(now=START + HOUR)
    late = [message for message in sender.messages if message.template_id == "later"]
    assert (len(late), len({message.key for message in late}), len(sender.delivered)) == (called, 1, 2)
    assert not sender.drifted
    if key_window is None:
        assert engine.requeue([run], accept_duplicate=True, now=START + HOUR) == Requeue(1)
        engine.advance(now=START + HOUR)
        assert len({message.key for message in sender.messages}) == len(sender.messages) == 3


def test_the_inputs_of_one_that_is_tried_again_outlive_what_the_run_does_meanwhile(any_store):
    """The receiver honours keys, so a retry is the same message to the byte."""
    profiles = MemoryProfiles({"s": {"email": "s@example.com", "name": "Ada"}})
    sender = RecordingSender({"later": [TookEffect(ConnectionError())]}, key_window=DAY)
    journey = workflow(node("start", later(0), send("now"), tag("a"), wait(DAY)))
    engine = engine_on(any_store, journey, sender=sender, profiles=profiles)
    engine.ingest([signup()])
    engine.advance()
    profiles.put("s", email="s@example.com", name="Eve")
    while (due := engine.next_due()) is not None and due < START + DAY:
        engine.advance(now=due)
    assert [message.template_id for message in sender.messages] == ["later", "now", "later"]
    assert (len(sender.delivered), sender.drifted) == (2, set())


class Killed(RecordingSender):
    """A sender in whose calls the process dies, after it has sent, as often as is said."""

    def __init__(self, deaths, *, needs=NO_NEEDS, **options):
        super().__init__(needs=needs, **options)
        self.deaths = deaths

    def send(self, messages):
        outcomes = super().send(messages)
        if self.deaths:
            self.deaths -= 1
            raise KeyboardInterrupt
        return outcomes


@pytest.fixture(params=["memory", "sqlite"])
def mortal(request, tmp_path):
    """A store whose workers die without a word, and its lease clock."""

    class Memory(MemoryStore):
        def release(self, claim):
            pass

    class Sqlite(SqliteStore):
        def release(self, claim):
            pass

    ticks = Ticks()
    if request.param == "memory":
        yield Memory(ticks=ticks), ticks
    else:
        store = Sqlite(tmp_path / "flowkit.db", synchronous="NORMAL", lease_clock=ticks)
        yield store, ticks
        store.close()


@pytest.mark.parametrize(
    ("options", "sent"),
    [
        ({"in_doubt": InDoubt.ASSUME_SENT}, [":start:1:later", ":start:1:send"]),
        ({"in_doubt": InDoubt.RESEND}, [":start:1:later", ":start:1:later", ":start:1:send"]),
        ({"key_window": DAY}, [":start:1:later", ":start:1:later", ":start:1:send"]),
    ],
    ids=["assume_sent", "resend", "keys"],
)
def test_a_death_between_the_call_and_its_commit_is_settled_for_that_key_alone(mortal, options, sent):
    store, ticks = mortal
    sender = Killed(1, **options)
    journey = workflow(node("start", later(1), wait(2 * HOUR), send("now"), wait(DAY, "rest")))
    engine = engine_on(store, journey, sender=sender)
    engine.ingest([signup()])
    with pytest.raises(KeyboardInterrupt):
        engine.advance(now=START + 2 * HOUR)
    ticks.advance(DAY)
    engine.advance(now=START + 2 * HOUR)
    assert [message.key[32:] for message in sender.messages] == sent
    [run] = engine.runs()
    assert (run.state.beside, run.due_at) == (None, START + 2 * HOUR + DAY)
    assert kinds(engine.journal()).count("done@start") == 2


def test_what_a_dead_worker_noted_is_not_sent_again_though_the_clock_went_back(mortal):
    store, ticks = mortal
    sender = Killed(0)
    engine = engine_on(store, workflow(node("start", later(3), wait(DAY))), sender=sender)
    engine.ingest([signup()])
    claim = store.claim(to_micros(START + 3 * HOUR), limit=9, lease=HOUR)
    [run] = claim.runs
    notes = store.attempts(claim)
    notes.begin(run.id + run.state.at_hand.suffix)
    notes.settle(run.id + run.state.at_hand.suffix, Outcome(Result.DONE, reference="noted"))
    notes.flush()
    ticks.advance(DAY)
    engine.advance(now=START)
    assert sender.messages == []
    [line] = [line for line in engine.journal() if line.entry.kind is Kind.DONE]
    assert line.entry.data["reference"] == "noted"


def test_a_run_over_which_workers_died_keeps_what_was_beside_it(mortal):
    """Where keys are honoured no call is noted, so each of the dead may have made it; done once, under its key."""
    store, ticks = mortal
    profiles = MemoryProfiles({"s": {"email": "s@example.com"}})
    sender = Killed(3, key_window=DAY, needs=Needs(attributes=frozenset({"email"})))
    journey = workflow(node("start", later(1), wait(9 * HOUR), send("now")))
    engine = engine_on(store, journey, sender=sender, profiles=profiles)
    engine.ingest([signup()])
    for _ in range(3):
        with pytest.raises(KeyboardInterrupt):
            engine.advance(now=START + HOUR)
        ticks.advance(DAY)
    engine.advance(now=START + HOUR)
    [run] = engine.runs(status=Status.FAILED)
    assert run.state.reason == "3 workers died over this run"
    profiles.put("s", email="other@example.com")
    assert engine.requeue([run], now=START + 2 * HOUR) == Requeue(1)
    engine.advance(now=START + 2 * HOUR)
    [run] = engine.runs()
    assert (run.due_at, run.state.beside) == (START + 9 * HOUR, None), "the wait lasts as long as it did"
    assert (len(sender.messages), len(sender.delivered), sender.drifted) == (4, 1, set())


@pytest.mark.parametrize("policy", [Delivery.AT_LEAST_ONCE, Delivery.AT_MOST_ONCE])
def test_what_is_done_at_most_once_is_so_beside_the_run_too(mortal, policy):
    store, ticks = mortal

    class Dying(RecordingWebhooks):
        def call(self, requests):
            outcomes = super().call(requests)
            if len(self.requests) == 1:
                raise KeyboardInterrupt
            return outcomes

    webhooks = Dying()
    call = Action("call", CallWebhook("https://example.com", delivery=policy), detached=True)
    engine = engine_on(store, workflow(node("start", call, wait(DAY))), webhooks=webhooks)
    engine.ingest([signup()])
    with pytest.raises(KeyboardInterrupt):
        engine.advance()
    ticks.advance(DAY)
    engine.advance()
    [run] = engine.runs()
    once = policy is Delivery.AT_MOST_ONCE
    assert len(webhooks.requests) == (1 if once else 2)
    assert (run.status, run.state.beside is not None) == (Status.ACTIVE, once)
    engine.advance(now=START + DAY)
    assert [run.status for run in engine.runs()] == [Status.FAILED if once else Status.COMPLETED]


# ------------------------------------------------------------------------------------------------------------
# What is said of it


def test_what_cannot_be_detached_is_refused_at_publishing():
    journey = workflow(
        node(
            "start",
            Action("pause", Wait(HOUR), detached=True),
            Action("add", UpdateSegments(), success_path="end", detached=True),
        )
    )
    with pytest.raises(DocumentError) as caught:
        engine_on(MemoryStore(), journey, profiles=MemoryProfiles())
    assert [(problem.code, problem.path) for problem in caught.value.problems] == [
        ("conflicting_fields", "/nodes/start/actions/0/detached"),
        ("path_of_detached", "/nodes/start/actions/1/success_path"),
    ]


def test_it_is_told_in_sentences():
    sender = RecordingSender({"later": [GONE]}, needs=NO_NEEDS)
    engine = engine_on(MemoryStore(), workflow(node("start", later(2))), sender=sender)
    engine.ingest([signup()])
    engine.advance(now=START + 2 * HOUR)
    engine.requeue(engine.runs(), now=START + 2 * HOUR)
    texts = [reason.text for reason in engine.explain("s", "w").reasons]
    assert texts[1:] == [
        "goes on at start, and does later in 2 h",
        "left start by default for end",
        "reached the end",
        "sending later at start failed: refused with 550",
        "failed: refused with 550",
        "was let go on, under a new key, after it had failed: refused with 550",
    ]


@pytest.mark.parametrize("batch", [1, 3])
def test_both_stores_tell_the_same(tmp_path, batch):
    journeys = []
    journey = workflow(
        node("start", later(3), later(3, action_id="b"), wait(DAY), send("now"), default="start"), max_executions=1
    )
    with_sqlite = SqliteStore(tmp_path / "flowkit.db", synchronous="NORMAL")
    try:
        for store in (MemoryStore(), with_sqlite):
            engine = engine_on(store, journey, batch=batch)
            engine.ingest(signups(5))
            for hours in range(0, 100, 5):
                engine.advance(now=START + hours * HOUR)
            journeys.append((told(engine.journal()), stand(engine.runs())))
    finally:
        with_sqlite.close()
    assert journeys[0] == journeys[1]


# ------------------------------------------------------------------------------------------------------------
# How many


def looping(most, *actions):
    loop = node("start", *actions, wait(HOUR), default="start")
    return evolve(workflow(loop), max_detached=most)


def test_no_more_are_open_than_a_workflow_allows(any_store):
    """A loop that is faster than what it detaches; when one is done, there is room for another."""
    sender = RecordingSender(needs=NO_NEEDS)
    engine = engine_on(any_store, looping(3, later(6)), sender=sender)
    engine.ingest([signup()])
    for hours in range(6):
        engine.advance(now=START + hours * HOUR)
        assert len(engine.runs()[0].state.beside.open) == min(hours + 1, 3)
    skipped = [dict(line.entry.data) for line in engine.journal() if line.entry.kind is Kind.SKIPPED]
    assert skipped == [{"type": "send_email", "template_id": "later", "reason": "max_detached", "max_detached": 3}] * 3
    text = engine.explain("s", "w").text
    assert "later was not sent at start: 3 detached actions were open, and no more may be" in text
    for hours in range(6, 9):
        engine.advance(now=START + hours * HOUR)
    assert len(sender.messages) == 3
    assert len(engine.runs()[0].state.beside.open) == 3


def test_a_hundred_are_open_where_nothing_is_said(any_store):
    actions = [tag("a", action_id=f"a{number}", detached=True, delay=DAY) for number in range(102)]
    engine = engine_on(any_store, workflow(node("start", *actions, wait(2 * DAY))), profiles=MemoryProfiles({"s": {}}))
    engine.ingest([signup()])
    engine.advance()
    [run] = engine.runs()
    assert len(run.state.beside.open) == 100
    assert [line.entry.kind for line in engine.journal()].count(Kind.SKIPPED) == 2
    text = engine.explain("s", "w").text
    assert "100 detached actions were open" in text


@pytest.mark.parametrize(("most", "code"), [(0, "out_of_range"), (1001, "out_of_range"), ("3", "wrong_type")])
def test_a_bound_that_is_none_is_refused(most, code):
    with pytest.raises(DocumentError) as caught:
        load(dump(workflow(node("start", wait()))) | {"max_detached": most})
    assert [(one.code, one.path) for one in caught.value.problems] == [(code, "/max_detached")]


def test_a_bound_is_written_only_where_it_is_another_one():
    plain = workflow(node("start", wait()))
    assert "max_detached" not in dump(plain)
    assert dump(evolve(plain, max_detached=7))["max_detached"] == 7
    assert load(dump(evolve(plain, max_detached=7))).max_detached == 7
