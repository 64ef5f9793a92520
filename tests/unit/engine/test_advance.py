"""What a worker does with what is due: cohorts, windows, and senders of every kind."""

import pytest

from flowkit.adapters.clock import VirtualClock
from flowkit.adapters.profiles import MemoryProfiles
from flowkit.conditions import AnyOf, Equals, SubscriberHas
from flowkit.engine.sync import Engine
from flowkit.events import NO_NEEDS
from flowkit.hashing import run_id
from flowkit.ports import InDoubt
from flowkit.runs.effects import DONE, Outcome, Result
from flowkit.stores.memory import MemoryStore
from flowkit.testing.recording import RecordingSender
from tests.support.journeys import (
    DAY,
    START,
    check,
    node,
    opened,
    send,
    signup,
    signups,
    stand,
    told,
    wait,
    workflow,
)

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
    return {f"s{number}": PLANS[number % len(PLANS)] for number in range(4 * len(PLANS))}


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
