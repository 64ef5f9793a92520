"""Mail over a real server: what arrives, and what every way of failing comes to."""

import errno
import os
import socket
import ssl
import threading
from datetime import UTC, datetime, timedelta
from email.utils import parsedate_to_datetime

import pytest

from flowkit.adapters.clock import VirtualClock
from flowkit.adapters.smtp import SmtpSender
from flowkit.errors import ConfigurationError
from flowkit.ports import InDoubt, Sender
from flowkit.rendering.model import OutgoingMessage
from flowkit.runs.effects import Outcome, Result
from tests.support.mail_server import CERTIFICATE, MailServer, closed_port

SHOP = "Shop <news@example.com>"
POLICIES = [InDoubt.RESEND, InDoubt.ASSUME_SENT]
# Long enough for a dialogue on a busy machine, and what a test waits where the server hangs.
SHORT = timedelta(seconds=1.5)


def message(key="run:start:1:send", **changes):
    fields = {"to": "ann@example.org", "subject": "Hello", "html": "<p>Hi</p>", "text": "Hi"} | changes
    return OutgoingMessage(key, "s1", "welcome", **fields)


@pytest.fixture
def sender(server):
    with SmtpSender("127.0.0.1", server.port, sender=SHOP) as sender:
        yield sender


def send(sender, one=None) -> Outcome:
    (outcome,) = sender.send([one or message()])
    return outcome


def content(part) -> str:
    return part.get_content().replace("\r\n", "\n")


# -- what arrives -----------------------------------------------------------------------------------------------------


def test_it_is_a_sender_that_honours_no_keys(sender):
    port: Sender = sender
    assert port.key_window is None
    assert port.timeout == timedelta(seconds=30)
    assert port.in_doubt is InDoubt.RESEND
    assert port.needs.attributes == {"email"}
    assert not port.needs.engagement
    assert not port.needs.segments


def test_both_parts_arrive_as_alternatives(server):
    clock = VirtualClock(datetime(2026, 3, 1, 9, 30, tzinfo=UTC))
    html, text = '<p class="a">Grüße = 3 € &amp; more</p>\n', "Grüße, 3 €.\n.\n..dots\nFrom here\n"
    with SmtpSender("127.0.0.1", server.port, sender=SHOP, reply_to="help@example.com", clock=clock) as sender:
        outcome = send(sender, message(subject="Grüße, Ann", html=html, text=text))
    (received,) = server.received
    read = received.message
    assert received.sender == "news@example.com"
    assert received.recipients == ("ann@example.org",)
    assert not read.defects
    assert read["Subject"] == "Grüße, Ann"
    assert read["From"].addresses[0].display_name == "Shop"
    assert read["From"].addresses[0].addr_spec == "news@example.com"
    assert [one.addr_spec for one in read["To"].addresses] == ["ann@example.org"]
    assert read["Reply-To"] == "help@example.com"
    assert parsedate_to_datetime(read["Date"]) == clock.now()
    assert read["MIME-Version"] == "1.0"
    assert read.get_content_type() == "multipart/alternative"
    assert [(part.get_content_type(), content(part)) for part in read.iter_parts()] == [
        ("text/plain", text),
        ("text/html", html),
    ]
    assert outcome == Outcome(Result.DONE, reference=read["Message-ID"])


@pytest.mark.parametrize(("parts", "kind"), [({"html": None}, "text/plain"), ({"text": None}, "text/html")])
def test_one_part_arrives_alone(server, sender, parts, kind):
    send(sender, message(**parts))
    read = server.received[0].message
    assert not read.is_multipart()
    assert read.get_content_type() == kind
    assert content(read).strip() in {"Hi", "<p>Hi</p>"}


def test_every_line_is_ascii_and_short(server, sender):
    text = "日本語の文章です。" * 400 + "\n" + "x" * 3000 + "\n" + "plain " * 300
    send(sender, message(subject="日本語の件名" * 40, text=text, html=f"<p>{'=' * 2000}</p>"))
    (received,) = server.received
    lines = received.content.split(b"\r\n")
    assert max(map(len, lines)) <= 78
    assert received.content.isascii()
    assert b"\n" not in b"".join(lines)
    plain, html = received.message.iter_parts()
    assert content(plain) == text
    assert content(html) == f"<p>{'=' * 2000}</p>"


def test_the_message_id_comes_from_the_key_and_does_not_show_it(server, sender):
    server.final = ["451 later"]
    assert send(sender, message("run-1:node:1:mail")).result is Result.RETRY
    first = send(sender, message("run-1:node:1:mail")).reference
    again = send(sender, message("run-1:node:1:mail")).reference
    other = send(sender, message("run-2:node:1:mail")).reference
    assert first == again == server.received[0].message["Message-ID"] == server.received[1].message["Message-ID"]
    assert first != other
    assert first is not None
    assert first.endswith("@example.com>")
    assert all(part not in first for part in ("run-1", "node", "mail"))


def test_an_international_domain_arrives_as_a_labels(server, sender):
    assert send(sender, message(to="ann@bücher.example")).result is Result.DONE
    (received,) = server.received
    assert received.recipients == ("ann@xn--bcher-kva.example",)
    assert received.message["To"] == "ann@xn--bcher-kva.example"


def test_further_headers_arrive_whole(server, sender):
    url = "https://example.com/u/" + "a1B2-" * 60
    send(sender, message(headers={"List-Unsubscribe": f"<{url}>", "X-Note": "Grüße"}))
    read = server.received[0].message
    assert read["List-Unsubscribe"] == f"<{url}>"
    assert f"<{url}>".encode() in server.received[0].content
    assert read["X-Note"] == "Grüße"


def test_messages_keep_their_order_and_the_connection(server, sender):
    outcomes = sender.send([message(f"k{number}", to=f"{number}@example.org") for number in range(5)])
    assert [outcome.result for outcome in outcomes] == [Result.DONE] * 5
    assert [one.recipients[0] for one in server.received] == [f"{number}@example.org" for number in range(5)]
    send(sender)
    assert server.opened == 1


# -- what is refused before the server is asked -----------------------------------------------------------------------


@pytest.mark.parametrize(
    ("to", "reason"),
    [
        (None, "bad address"),
        ("", "bad address"),
        ("ann", "bad address"),
        ("ann@", "bad address"),
        ("@example.org", "bad address"),
        ("a@b@example.org", "bad address"),
        ("ann@example.org, bob@example.org", "bad address"),
        ("Ann <ann@example.org>", "bad address"),
        ("ann @example.org", "bad address"),
        ("ann@example.org\r\nBcc: eve@example.net", "bad address"),
        ('"ann"@example.org', "bad address"),
        ("ann.@example.org", "bad address"),
        ("ann@-example.org", "bad address"),
        ("ann@example..org", "bad address"),
        ("ann@[127.0.0.1]", "bad address"),
        ("ann@\u200bexample.org", "bad address"),
        ("ann@faß.\u0378.example", "bad address"),
        ("ann@" + "ü" * 80 + ".example", "bad address"),
        ("a" * 65 + "@example.org", "bad address"),
        ("ann@" + "a." * 130 + "org", "bad address"),
        ("ännchen\ud800@example.org", "bad address"),
    ],
)
def test_an_address_that_is_none_fails_and_is_not_repeated_in_the_reason(server, sender, to, reason):
    assert send(sender, message(to=to)) == Outcome(Result.FAILED, reason)
    assert server.opened == 0


@pytest.mark.parametrize(
    "changes",
    [
        {"html": None, "text": None},
        {"headers": {"Bcc": "eve@example.net"}},
        {"headers": {"content-type": "text/html"}},
        {"headers": {"MIME-Version": "2.0"}},
        {"headers": {"X-A\r\nBcc": "eve@example.net"}},
        {"headers": {"X A": "b"}},
        {"headers": {"": "b"}},
        {"headers": {"X-Long": "x" * 1000}},
    ],
)
def test_a_message_that_cannot_be_written_fails(server, sender, changes):
    outcome = send(sender, message(**changes))
    assert outcome.result is Result.FAILED
    assert outcome.reason
    assert server.opened == 0


# -- what the server says ---------------------------------------------------------------------------------------------


@pytest.mark.parametrize("place", ["mail", "recipient", "at_data", "final"])
@pytest.mark.parametrize(
    ("reply", "result"),
    [("451 4.3.0 try later", Result.RETRY), ("550 5.7.1 not you", Result.FAILED), ("552 5.2.2 full", Result.FAILED)],
)
def test_the_code_decides_and_the_session_goes_on(server, sender, place, reply, result):
    setattr(server, place, reply if place == "at_data" else [reply])
    assert send(sender) == Outcome(result, reply)
    server.at_data = None
    assert send(sender, message("other")).result is Result.DONE
    assert len(server.received) == 1
    assert server.opened == 1


def test_a_reason_names_no_recipient_and_is_short(server, sender):
    server.recipient = ["550 <ann@example.org>: no such user " + "x" * 400]
    outcome = send(sender)
    assert outcome.reason.startswith("550 <(recipient)>: no such user")
    assert len(outcome.reason) == 200


def test_one_refusal_does_not_take_the_others_along(server, sender):
    server.recipient = ["250 OK", "550 no", "250 OK"]
    outcomes = sender.send([message(f"k{number}") for number in range(3)])
    assert [one.result for one in outcomes] == [Result.DONE, Result.FAILED, Result.DONE]
    assert len(server.received) == 2


def test_a_session_that_is_lost_after_a_refusal_is_opened_again(server, sender):
    server.recipient = ["550 no"]
    server.reset = [None]
    assert send(sender) == Outcome(Result.FAILED, "550 no")
    assert send(sender, message("other")).result is Result.DONE
    assert server.opened == 2


# -- lost before the message was handed over --------------------------------------------------------------------------


@pytest.mark.parametrize("farewell", [b"", b"421 4.4.2 idle for too long\r\n"])
@pytest.mark.parametrize("policy", POLICIES)
def test_a_session_dropped_between_two_messages_is_opened_again(server, farewell, policy):
    with SmtpSender("127.0.0.1", server.port, sender=SHOP, in_doubt=policy) as sender:
        assert send(sender, message("one")).result is Result.DONE
        server.drop_sessions(farewell)
        assert send(sender, message("two")).result is Result.DONE
    assert server.opened == 2
    assert len(server.received) == 2


@pytest.mark.parametrize("policy", POLICIES)
@pytest.mark.parametrize("place", ["mail", "recipient", "data"])
def test_a_kept_session_lost_before_the_message_is_opened_again_once(server, place, policy):
    with SmtpSender("127.0.0.1", server.port, sender=SHOP, in_doubt=policy) as sender:
        send(sender, message("one"))
        if place == "data":
            server.at_data = "abort"
        else:
            setattr(server, place, [None, None, None])
        outcome = send(sender, message("two"))
    assert outcome.result is Result.RETRY
    assert outcome.reason.startswith("connection lost: ")
    assert server.opened == 2
    assert len(server.received) == 1


@pytest.mark.parametrize("policy", POLICIES)
def test_a_farewell_in_a_new_session_is_a_retry(server, policy):
    server.mail = ["421 4.3.2 shutting down"]
    with SmtpSender("127.0.0.1", server.port, sender=SHOP, in_doubt=policy) as sender:
        assert send(sender) == Outcome(Result.RETRY, "421 4.3.2 shutting down")
        assert send(sender).result is Result.DONE
    assert server.opened == 2


@pytest.mark.parametrize("policy", POLICIES)
def test_lost_within_the_message_is_a_retry_and_no_doubt(server, policy):
    # More than any socket buffer holds, so that the loss is noticed before the final dot.
    huge = message(text="x" * 75 * 200_000, html=None)
    server.at_data = "go, then abort"
    with SmtpSender("127.0.0.1", server.port, sender=SHOP, in_doubt=policy) as sender:
        outcome = send(sender, huge)
    assert outcome.result is Result.RETRY
    assert outcome.reason.startswith("connection lost within the message: ")
    assert server.received == []


@pytest.mark.parametrize("policy", POLICIES)
def test_no_server_is_a_retry(policy):
    with SmtpSender("127.0.0.1", closed_port(), sender=SHOP, in_doubt=policy) as sender:
        assert send(sender) == Outcome(Result.RETRY, f"no session: {os.strerror(errno.ECONNREFUSED)}")


def test_an_unknown_host_is_a_retry(monkeypatch):
    def unknown(*_, **__):
        raise socket.gaierror(socket.EAI_NONAME, "Name or service not known")

    monkeypatch.setattr(socket, "getaddrinfo", unknown)
    with SmtpSender("host.invalid", 25, sender=SHOP) as sender:
        assert send(sender) == Outcome(Result.RETRY, "no session: Name or service not known")


def test_the_other_addresses_of_a_host_are_tried(server, monkeypatch):
    dead, living = ("127.0.0.1", closed_port()), ("127.0.0.1", server.port)
    found = [(socket.AF_INET, socket.SOCK_STREAM, 6, "", where) for where in (dead, living)]
    monkeypatch.setattr(socket, "getaddrinfo", lambda *_, **__: found)
    with SmtpSender("mail.example.com", 25, sender=SHOP) as sender:
        assert send(sender).result is Result.DONE


@pytest.mark.parametrize("policy", POLICIES)
def test_a_server_that_never_greets_is_a_retry_after_the_time_out(policy):
    with socket.create_server(("127.0.0.1", 0)) as silent:
        port = silent.getsockname()[1]
        with SmtpSender("127.0.0.1", port, sender=SHOP, timeout=SHORT / 10, in_doubt=policy) as sender:
            outcome = send(sender)
    assert outcome.result is Result.RETRY
    assert "timed out" in outcome.reason


def test_there_is_no_call_without_time(server):
    with SmtpSender("127.0.0.1", server.port, sender=SHOP, timeout=timedelta(microseconds=1)) as sender:
        assert send(sender) == Outcome(Result.RETRY, "no session: timed out")


# -- lost after the message was handed over ---------------------------------------------------------------------------


@pytest.mark.parametrize("how", [None, "hang", "354 go on", "999 what"])
def test_after_the_final_dot_the_policy_resend_is_a_retry(server, how):
    server.final = [how]
    with SmtpSender("127.0.0.1", server.port, sender=SHOP, timeout=SHORT) as sender:
        outcome = send(sender)
        again = send(sender)
    assert outcome.result is Result.RETRY
    assert outcome.reason.startswith("in doubt: ")
    assert outcome.reference is None
    assert again.result is Result.DONE
    assert server.opened == 2
    assert {one.message["Message-ID"] for one in server.received} == {again.reference}


@pytest.mark.parametrize("how", [None, "hang", "354 go on", "999 what"])
def test_after_the_final_dot_the_policy_assume_sent_is_done(server, how):
    server.final = [how]
    with SmtpSender("127.0.0.1", server.port, sender=SHOP, timeout=SHORT, in_doubt=InDoubt.ASSUME_SENT) as sender:
        outcome = send(sender)
    assert outcome.result is Result.DONE
    assert outcome.reason.startswith("assumed sent: ")
    assert outcome.reference is not None


# -- encryption and login ---------------------------------------------------------------------------------------------


def test_it_encrypts_and_logs_in():
    with MailServer(tls=True, login=("shop", "secret")) as server:
        context = ssl.create_default_context(cafile=CERTIFICATE)
        with SmtpSender(
            "localhost",
            server.port,
            sender=SHOP,
            starttls=True,
            tls=context,
            username="shop",
            password="secret",
        ) as sender:
            assert send(sender).result is Result.DONE
            assert send(sender, message("two")).result is Result.DONE
        assert server.opened == 1


def test_a_certificate_that_nobody_vouches_for_is_not_accepted():
    with MailServer(tls=True) as server, SmtpSender("localhost", server.port, sender=SHOP, starttls=True) as sender:
        outcome = send(sender)
        assert outcome.result is Result.RETRY
        assert outcome.reason.startswith("no session: certificate refused: ")
        assert server.received == []


def test_a_server_that_does_not_encrypt_is_not_used(server):
    with SmtpSender("localhost", server.port, sender=SHOP, starttls=True) as sender:
        outcome = send(sender)
    assert outcome.result is Result.RETRY
    assert "STARTTLS" in outcome.reason
    assert server.received == []


def test_a_wrong_password_is_a_retry_since_no_message_is_at_fault():
    with (
        MailServer(login=("shop", "secret")) as server,
        SmtpSender("127.0.0.1", server.port, sender=SHOP, username="shop", password="wrong") as sender,
    ):
        outcome = send(sender)
        assert outcome.result is Result.RETRY
        assert outcome.reason.startswith("no session: 535 ")
        assert server.received == []


def test_secrets_do_not_show():
    sender = SmtpSender("localhost", 25, sender=SHOP, username="shop-user", password="secret")
    shown = repr(sender) + repr(vars(sender))
    assert "shop-user" not in shown
    assert "secret" not in shown
    assert "ann@" not in repr(message())


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ({"sender": "no address"}, "sender: bad address"),
        ({"sender": "Shop <news@example.com>\r\nBcc: eve@example.net"}, "sender: bad address"),
        ({"sender": SHOP, "reply_to": "x"}, "reply_to: bad address"),
        ({"sender": SHOP, "username": "u"}, "go together"),
        ({"sender": SHOP, "password": "p"}, "go together"),
        ({"sender": SHOP, "username": "u", "password": "p"}, "starttls"),
        ({"sender": SHOP, "timeout": timedelta()}, "timeout"),
    ],
)
def test_what_cannot_work_is_refused_at_once(options, said):
    with pytest.raises(ConfigurationError, match=said):
        SmtpSender("mail.example.com", 587, **options)


# -- threads, processes and interruptions -----------------------------------------------------------------------------


def test_threads_take_turns(server, sender):
    start = threading.Barrier(4)
    results = []

    def work(name):
        start.wait()
        results.extend(one.result for one in sender.send([message(f"{name}:{number}") for number in range(5)]))

    threads = [threading.Thread(target=work, args=(name,)) for name in "abcd"]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert results == [Result.DONE] * 20
    assert len({one.message["Message-ID"] for one in server.received}) == 20
    assert server.opened == 1


def test_a_turn_is_not_waited_for_longer_than_the_time_out(server):
    with SmtpSender("127.0.0.1", server.port, sender=SHOP, timeout=SHORT / 100) as sender:
        with sender._lock:
            outcome = send(sender)
        assert outcome == Outcome(Result.RETRY, "the connection is in use")
    assert server.received == []


def test_a_session_of_another_process_is_not_used(server, sender, monkeypatch):
    send(sender)
    monkeypatch.setattr(os, "getpid", lambda: -1)
    assert send(sender, message("two")).result is Result.DONE
    assert server.opened == 2


def test_a_session_that_was_long_idle_is_not_used(server, sender, monkeypatch):
    send(sender)
    monkeypatch.setattr("flowkit.adapters.smtp._IDLE_SECONDS", -1.0)
    assert send(sender, message("two")).result is Result.DONE
    assert server.opened == 2


def test_an_interruption_leaves_no_session_behind(server, sender, monkeypatch):
    send(sender)

    def interrupted(*_):
        raise KeyboardInterrupt

    with monkeypatch.context() as patched:
        patched.setattr("flowkit.adapters.smtp_session.Session.hand_over", interrupted)
        with pytest.raises(KeyboardInterrupt):
            send(sender, message("two"))
    assert send(sender, message("three")).result is Result.DONE
    assert server.opened == 2
    assert len(server.received) == 2


def test_a_closed_sender_opens_again(server, sender):
    send(sender)
    sender.close()
    sender.close()
    assert send(sender, message("two")).result is Result.DONE
    assert server.opened == 2


def test_an_international_address_goes_out_where_the_server_takes_it():
    with MailServer(utf8=True) as server, SmtpSender("127.0.0.1", server.port, sender=SHOP) as sender:
        assert send(sender, message(to="grüße@bücher.example")).result is Result.DONE
    [received] = server.received
    assert received.recipients == ("grüße@xn--bcher-kva.example",)
    assert "\r\nTo: grüße@xn--bcher-kva.example\r\n".encode() in received.content


def test_an_international_address_is_refused_where_the_server_does_not_take_it(server, sender):
    outcome = send(sender, message(to="grüße@example.org"))
    assert (outcome.result, server.received) == (Result.FAILED, [])
    assert "5.6.7" in outcome.reason
    assert send(sender).result is Result.DONE


def test_what_is_larger_than_the_server_takes_is_not_announced():
    with MailServer(size=2_000) as server, SmtpSender("127.0.0.1", server.port, sender=SHOP) as sender:
        outcomes = sender.send([message(text="x" * 3_000), message("second")])
        assert [one.result for one in outcomes] == [Result.FAILED, Result.DONE]
        assert "5.3.4" in outcomes[0].reason
        assert server.opened == len(server.received) == 1


def test_a_message_may_say_from_whom_it_is_and_reports_go_elsewhere(server):
    with SmtpSender("127.0.0.1", server.port, sender=SHOP, bounces="bounces@example.com") as sender:
        outcome = send(sender, message(sender="Ann, of the shop <ann@example.net>", reply_to="help@example.net"))
        assert outcome.result is Result.DONE
        assert send(sender, message(sender="nobody")).reason == "bad address"
    [received] = server.received
    assert received.sender == "bounces@example.com"
    assert received.message["From"].addresses[0].display_name == "Ann, of the shop"
    assert received.message["Reply-To"] == "help@example.net"
