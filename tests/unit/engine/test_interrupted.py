"""An interrupted call is in doubt on every store, although the claim was given back at once."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import pytest

from flowkit import (
    Action,
    Engine,
    Event,
    EventIs,
    MemoryStore,
    Node,
    Outcome,
    OutgoingMessage,
    SendEmail,
    SqliteStore,
    Trigger,
    Workflow,
)
from flowkit.events import NO_NEEDS
from flowkit.ports import InDoubt
from flowkit.testing.recording import RecordingSender

HELLO = Workflow(
    "hello",
    "Hello",
    trigger=Trigger("signup", condition=EventIs(("signup",))),
    nodes=[Node("start", "Start", actions=[Action("hello", SendEmail("hello"))])],
)


class Interrupted(RecordingSender):
    """Delivers, and is interrupted before it can say so, the first time."""

    interrupted = False

    def send(self, messages: Sequence[OutgoingMessage]) -> Sequence[Outcome]:
        outcomes = super().send(messages)
        if not self.interrupted:
            self.interrupted = True
            raise KeyboardInterrupt
        return outcomes


@pytest.fixture(params=["memory", "sqlite"])
def store(request: pytest.FixtureRequest, tmp_path: Path):
    kept = MemoryStore() if request.param == "memory" else SqliteStore(tmp_path / "flowkit.db")
    yield kept
    if isinstance(kept, SqliteStore):
        kept.close()


@pytest.mark.parametrize(("policy", "delivered"), [(InDoubt.ASSUME_SENT, 1), (InDoubt.RESEND, 2)])
def test_the_policy_decides_about_an_interrupted_call(store, policy, delivered):
    sender = Interrupted(in_doubt=policy, needs=NO_NEEDS)
    engine = Engine(store, sender=sender)
    engine.publish(HELLO)
    engine.ingest([Event("signup", "ada", id="1")])
    with pytest.raises(KeyboardInterrupt):
        engine.advance()
    assert engine.advance().done == 1
    assert len(sender.delivered) == delivered
    assert engine.next_due() is None
