"""Ports that record, and answer as they are told."""

from datetime import timedelta

import pytest

from flowkit.events import Needs
from flowkit.ports import Handler, HandlerRequest, InDoubt, Lookup, Sender, WebhookRequest, Webhooks
from flowkit.rendering.model import OutgoingMessage
from flowkit.runs.effects import DONE, Outcome, Result
from flowkit.testing.recording import RecordingHandler, RecordingSender, RecordingWebhooks, TookEffect

RETRY = Outcome(Result.RETRY, "busy")
FAILED = Outcome(Result.FAILED, "gone")
SKIPPED = Outcome(Result.SKIPPED, "not now")


def message(key, template_id="welcome", **fields):
    return OutgoingMessage(key, "s1", template_id, **fields)


def request(key, url="https://example.com/hook"):
    return WebhookRequest(key, url, "POST", {}, {"a": 1})


def test_it_is_a_sender_that_honours_no_keys_unless_it_is_told():
    port: Sender = RecordingSender()
    assert port.key_window is None
    assert port.in_doubt is InDoubt.RESEND
    assert port.needs == Needs(attributes=frozenset({"email"}))
    assert not isinstance(port, Lookup)
    other = RecordingSender(
        key_window=timedelta(days=1), timeout=timedelta(seconds=1), in_doubt=InDoubt.ASSUME_SENT, needs=Needs()
    )
    assert (other.key_window, other.timeout) == (timedelta(days=1), timedelta(seconds=1))
    assert (other.in_doubt, other.needs) == (InDoubt.ASSUME_SENT, Needs())


def test_it_records_every_call_in_order():
    sender = RecordingSender()
    assert sender.send([message("a"), message("b")]) == [DONE, DONE]
    assert sender.send([message("c")]) == [DONE]
    assert sender.calls == [(message("a"), message("b")), (message("c"),)]
    assert sender.messages == sender.delivered == [message("a"), message("b"), message("c")]
    assert not sender.repeats
    assert not sender.drifted


def test_it_answers_by_key_then_by_template():
    sender = RecordingSender({"a": FAILED, "bad": SKIPPED})
    messages = [message("a", "bad"), message("b", "bad"), message("c")]
    assert sender.send(messages) == [FAILED, SKIPPED, DONE]
    assert sender.send(messages[:1]) == [FAILED]
    assert sender.delivered == [message("c")]


def test_a_series_is_one_answer_a_call_and_then_done():
    sender = RecordingSender({"a": [RETRY, FAILED]})
    assert [sender.send([message("a")])[0] for _ in range(3)] == [RETRY, FAILED, DONE]
    assert sender.delivered == [message("a")]


def test_after_the_series_of_a_key_the_template_answers():
    sender = RecordingSender({"a": [RETRY], "welcome": FAILED})
    assert [sender.send([message("a")])[0] for _ in range(2)] == [RETRY, FAILED]


def test_it_raises_what_it_is_told_and_delivers_what_came_before():
    sender = RecordingSender({"b": [OSError("gone")]})
    with pytest.raises(OSError, match="gone"):
        sender.send([message("a"), message("b"), message("c")])
    assert sender.delivered == [message("a")]
    assert sender.messages == [message("a"), message("b"), message("c")]
    assert sender.send([message("b")]) == [DONE]


def test_it_can_deliver_and_then_lose_the_answer():
    sender = RecordingSender({"a": [TookEffect(TimeoutError("lost"))], "b": TookEffect(RETRY)})
    with pytest.raises(TimeoutError, match="lost"):
        sender.send([message("a")])
    assert sender.send([message("b")]) == [RETRY]
    assert sender.delivered == [message("a"), message("b")]


def test_without_honoured_keys_a_repeat_is_delivered_and_counted():
    sender = RecordingSender({"a": [TookEffect(RETRY)]})
    assert [sender.send([message("a")])[0] for _ in range(3)] == [RETRY, DONE, DONE]
    assert sender.delivered == [message("a")] * 3
    assert sender.repeats == {"a": 2}


def test_where_keys_are_honoured_a_repeat_is_counted_and_not_delivered():
    sender = RecordingSender({"a": [RETRY, TookEffect(RETRY), FAILED]}, key_window=timedelta(days=1))
    assert [sender.send([message("a")])[0] for _ in range(4)] == [RETRY, RETRY, DONE, DONE]
    assert sender.delivered == [message("a")]
    assert sender.repeats == {"a": 2}
    assert len(sender.calls) == 4


def test_a_key_that_comes_with_another_message_is_noticed():
    sender = RecordingSender({"a": [RETRY]}, key_window=timedelta(days=1))
    for subject in ("one", "two", "one"):
        sender.send([message("a", subject=subject)])
    sender.send([message("b")])
    assert sender.drifted == {"a"}


def test_webhooks_are_recorded_and_answered():
    webhooks = RecordingWebhooks({"https://example.com/bad": FAILED, "b": [RETRY], "c": ValueError("odd")})
    port: Webhooks = webhooks
    bad = request("a", "https://example.com/bad")
    assert port.timeout == timedelta(seconds=5)
    assert port.call([bad, request("b")]) == [FAILED, RETRY]
    assert port.call([request("b")]) == [DONE]
    with pytest.raises(ValueError, match="odd"):
        port.call([request("d"), request("c")])
    assert webhooks.calls == [(bad, request("b")), (request("b"),), (request("d"), request("c"))]
    assert webhooks.requests == [bad, request("b"), request("b"), request("d"), request("c")]
    assert webhooks.accepted == [request("b"), request("d")]


def asked(key, subscriber_id="ann"):
    return HandlerRequest(
        key=key,
        name="score",
        subscriber_id=subscriber_id,
        workflow_id="w",
        run_id="r",
        node="n",
        action="a",
        parameters={},
        variables={},
    )


def test_actions_of_the_hosts_own_are_recorded_and_answered():
    handler = RecordingHandler({"bad": FAILED, "b": [RETRY], "c": ValueError("odd")}, key_window=timedelta(days=1))
    port: Handler = handler
    assert (handler.timeout, handler.key_window) == (timedelta(seconds=5), timedelta(days=1))
    assert port([asked("a", "bad"), asked("b")]) == [FAILED, RETRY]
    assert port([asked("b")]) == [DONE]
    with pytest.raises(ValueError, match="odd"):
        port([asked("d"), asked("c")])
    assert handler.calls == [(asked("a", "bad"), asked("b")), (asked("b"),), (asked("d"), asked("c"))]
    assert [request.key for request in handler.requests] == ["a", "b", "b", "d", "c"]
    assert handler.accepted == [asked("b"), asked("d")]
