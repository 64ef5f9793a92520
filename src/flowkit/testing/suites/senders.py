# ruff: noqa: S101 - these are tests
"""Senders: an outcome for each message, keys, refusals, and nothing added to what was said."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Sequence
from datetime import timedelta
from inspect import isawaitable
from typing import Final, Protocol, TypeVar, cast

import pytest
from attrs import frozen

from flowkit.ports import InDoubt, Lookup, Maybe, Sender
from flowkit.rendering.model import OutgoingMessage
from flowkit.runs.effects import Outcome, Result

__all__ = ["Delivered", "Receiver", "Senders"]

T = TypeVar("T")

_ANN: Final = "ann@example.org"
_HOSTILE: Final = (
    "Hello\r\nBcc: eve@example.net",
    "=?utf-8?q?a=0D=0ABcc:_eve@example.net?=",
    "\u2028\u2029\x85 \x00 \ud800 \u202e",
    '"quoted" <eve@example.net>, you',
    "long " * 100,
    "x" * 500,
    "Grüße 🎉",
    "",
)


@frozen(kw_only=True)
class Delivered:
    """A message as its receiver has it.

    Attributes:
        to: To whom, every recipient of it.
        subject: The subject as read.
        text: The plain part as read, with line feeds; None where there is none.
        html: The HTML part likewise.
    """

    to: Sequence[str]
    subject: str
    text: str | None = None
    html: str | None = None


class Receiver(Protocol):
    """What stands for the mail service."""

    def received(self) -> Sequence[Delivered]:
        """Give what was delivered so far, in order."""
        ...

    def refuse_next(self, *, permanently: bool) -> None:
        """Refuse the next message: for good, or for now."""
        ...


def _message(key: str = "k1", **changes: str | None) -> OutgoingMessage:
    given: dict[str, str | None] = {"to": _ANN, "subject": "Hello", "html": "<p>Hi</p>", "text": "Hi", **changes}
    return OutgoingMessage(
        key, f"s-{key}", "welcome", given["to"], given["subject"], html=given["html"], text=given["text"]
    )


def _done(answer: Maybe[T]) -> T:
    """Give the answer of a port, be it that it has to be awaited."""
    if not isawaitable(answer):
        return cast("T", answer)  # type: ignore[redundant-cast] # the two checkers disagree on what is left of Maybe

    async def waited() -> T:
        return await cast("Awaitable[T]", answer)

    return asyncio.run(waited())


def _sent(sender: Sender, *messages: OutgoingMessage) -> Sequence[Outcome]:
    """Hand messages over as the engine does: one a call where no keys are honoured."""
    batches = [messages] if sender.key_window is not None else [(one,) for one in messages]
    outcomes: list[Outcome] = []
    for batch in batches:
        answer = _done(sender.send(batch))
        assert len(answer) == len(batch), "a sender gives one outcome for each message"
        outcomes += answer
    return outcomes


class Senders:
    """``send``, ``lookup``, and the attributes that the engine reads."""

    def test_it_says_what_it_is(self, sender: Sender) -> None:
        """The engine reads these before it hands anything over."""
        assert sender.timeout > timedelta()
        assert sender.key_window is None or sender.key_window > timedelta()
        assert isinstance(sender.in_doubt, InDoubt)
        assert sender.needs is not None

    def test_nothing_is_nothing(self, sender: Sender, receiver: Receiver) -> None:
        """A batch may be empty."""
        assert list(_done(sender.send(()))) == []
        assert list(receiver.received()) == []

    def test_messages_arrive_in_order_and_alone(self, sender: Sender, receiver: Receiver) -> None:
        """Each at its one recipient, with what it says."""
        several = [_message(f"k{number}", to=f"a{number}@example.org", subject=f"No {number}") for number in range(5)]
        assert [one.result for one in _sent(sender, *several)] == [Result.DONE] * 5
        assert [(list(one.to), one.subject) for one in receiver.received()] == [
            ([f"a{number}@example.org"], f"No {number}") for number in range(5)
        ]

    @pytest.mark.parametrize("subject", _HOSTILE, ids=range(len(_HOSTILE)))
    def test_a_subject_becomes_nothing_else(self, sender: Sender, receiver: Receiver, subject: str) -> None:
        """Whatever stands in it, there is one message to one reader, and its parts are as they were."""
        [outcome] = _sent(sender, _message(subject=subject))
        if outcome.result is Result.FAILED:
            assert list(receiver.received()) == []
            return
        assert outcome.result is Result.DONE
        [message] = receiver.received()
        assert list(message.to) == [_ANN]
        assert len(message.subject.splitlines()) <= 1
        assert (message.text or "").rstrip("\n") == "Hi"

    @pytest.mark.parametrize("body", ["", ".", "..\n.\n", "a\n.\nb", "é" * 600, "x" * 2_000, "From x\n", "a \n\tb\n"])
    def test_a_body_arrives_as_it_is(self, sender: Sender, receiver: Receiver, body: str) -> None:
        """Dots, long lines and letters of all scripts too."""
        assert [one.result for one in _sent(sender, _message(text=body, html=None))] == [Result.DONE]
        [message] = receiver.received()
        assert (message.text or "").rstrip("\n") == body.rstrip("\n")

    @pytest.mark.parametrize(
        "to", [None, "", "ann", "ann@", "ann@example.org, eve@example.net", "ann@example.org\r\nBcc: eve@example.net"]
    )
    def test_what_is_no_address_fails_alone(self, sender: Sender, receiver: Receiver, to: str | None) -> None:
        """For good, and the others go out."""
        outcomes = _sent(sender, _message("k1"), _message("k2", to=to), _message("k3"))
        assert [one.result for one in outcomes] == [Result.DONE, Result.FAILED, Result.DONE]
        assert [list(one.to) for one in receiver.received()] == [[_ANN], [_ANN]]

    @pytest.mark.parametrize(("permanently", "result"), [(True, Result.FAILED), (False, Result.RETRY)])
    def test_a_refusal_is_told_for_what_it_is(
        self, sender: Sender, receiver: Receiver, *, permanently: bool, result: Result
    ) -> None:
        """One for good is no retry; its reason tells something, and names nobody."""
        receiver.refuse_next(permanently=permanently)
        first, second = _sent(sender, _message("k1"), _message("k2"))
        assert (first.result, second.result) == (result, Result.DONE)
        assert first.reason
        assert _ANN not in (first.reason or "")
        assert len(receiver.received()) == 1

    def test_what_was_refused_for_now_can_be_sent_again(self, sender: Sender, receiver: Receiver) -> None:
        """Under its key."""
        receiver.refuse_next(permanently=False)
        outcomes = [*_sent(sender, _message()), *_sent(sender, _message())]
        assert [one.result for one in outcomes] == [Result.RETRY, Result.DONE]
        assert len(receiver.received()) == 1

    def test_a_key_delivers_once_where_keys_are_honoured(self, sender: Sender, receiver: Receiver) -> None:
        """In one call and in two."""
        if sender.key_window is None:
            pytest.skip("the sender honours no keys")
        outcomes = [*_sent(sender, _message(), _message()), *_sent(sender, _message(), _message("k2"))]
        assert [one.result for one in outcomes] == [Result.DONE] * 4
        assert len(receiver.received()) == 2  # noqa: PLR2004 - one for each key

    def test_it_tells_what_became_of_a_key(self, sender: Sender, receiver: Receiver) -> None:
        """As far as it can; of one that it never saw it never says that it is done."""
        if not isinstance(sender, Lookup):
            pytest.skip("the sender looks nothing up")
        _sent(sender, _message("k1"))
        told = _done(sender.lookup(("k1", "k2")))
        assert "k1" not in told or told["k1"].result is Result.DONE
        assert "k2" not in told or told["k2"].result is Result.RETRY
