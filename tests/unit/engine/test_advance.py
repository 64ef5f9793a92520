"""What a worker does with what is due: cohorts, windows, and senders of every kind."""

import pytest

from flowkit.adapters.clock import VirtualClock
from flowkit.engine.sync import Engine
from flowkit.events import NO_NEEDS
from flowkit.ports import InDoubt
from flowkit.runs.effects import DONE, Outcome, Result
from flowkit.stores.memory import MemoryStore
from flowkit.testing.recording import RecordingSender
from tests.support.journeys import DAY, START, node, send, signup, signups, workflow

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
