"""Messages for a person to read."""

import io
from datetime import timedelta

from flowkit.adapters.console import ConsoleSender
from flowkit.ports import InDoubt, Sender
from flowkit.rendering.model import OutgoingMessage
from flowkit.runs.effects import DONE


def written(*messages):
    stream = io.StringIO()
    assert ConsoleSender(stream).send(messages) == [DONE] * len(messages)
    return stream.getvalue()


def test_it_is_a_sender():
    port: Sender = ConsoleSender(io.StringIO(), timeout=timedelta(seconds=1))
    assert port.key_window is None
    assert port.timeout == timedelta(seconds=1)
    assert port.in_doubt is InDoubt.RESEND
    assert port.needs.attributes == {"email"}


def test_messages_are_written_in_order():
    shown = written(
        OutgoingMessage("1", "a", "t", to="ann@example.org", subject="Grüße", html="<p>Hi</p>", text="Hi\n"),
        OutgoingMessage("2", "b", "t", to="bob@example.org", html="<p>Only HTML</p>"),
        OutgoingMessage("3", "c", "t"),
    )
    rule = "-" * 72
    assert shown == (
        f"{rule}\nTo: ann@example.org\nSubject: Grüße\n\nHi\n"
        f"{rule}\nTo: bob@example.org\nSubject: \n\n<p>Only HTML</p>\n"
        f"{rule}\nTo: \nSubject: \n\n\n"
    )


def test_nothing_steers_the_terminal():
    escape = "\x1b]0;owned\x07\x9b31m\u202e"
    shown = written(
        OutgoingMessage("1", "a", "t", to="a" + escape, subject="b\r\nTo: c" + escape, text="d\r\ne\tf" + escape)
    )
    assert not set(escape) - set("]0;owned31m") & set(shown)
    assert "Subject: b To: c" in shown
    assert "d\ne\tf" in shown
