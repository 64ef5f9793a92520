"""What it costs to write a message, against the standard library's `EmailMessage` writing the same one.

CPU time, in turns within one run, and the median of the ratios; run it with `pytest tests/benchmarks/test_mime.py`.
"""

from datetime import UTC, datetime
from email import message_from_bytes, policy
from email.message import EmailMessage
from email.utils import format_datetime
from statistics import median
from time import process_time

import pytest

from flowkit.adapters.addresses import Mailbox
from flowkit.adapters.mime import to_mime
from flowkit.rendering.model import OutgoingMessage

NOW = datetime(2026, 3, 1, tzinfo=UTC)
SUBJECT = "Grüße from the shop"
LINE = "Hello Ann, grüße aus München! Shop now <https://shop.test/?a=1&b=2>\n"
TEXT = LINE * 60
HTML = "<p>Hello Ann, grüße aus München! <a href='https://shop.test/?a=1&amp;b=2'>Shop now</a></p>\n" * 60
FURTHER = {
    "List-Unsubscribe": f"<https://shop.test/u/{'a' * 80}>",
    "List-Unsubscribe-Post": "List-Unsubscribe=One-Click",
}
WRITTEN_AT_MOST = 0.15


def ours() -> bytes:
    message = OutgoingMessage("k", "s", "t", subject=SUBJECT, html=HTML, text=TEXT, headers=FURTHER)
    return to_mime(
        message,
        sender=Mailbox("news@shop.test", "Shop, Inc."),
        to="ann@example.org",
        message_id="<1@shop.test>",
        date=NOW,
    )


def theirs() -> bytes:
    message = EmailMessage(policy=policy.SMTP)
    message["Date"] = format_datetime(NOW)
    message["From"] = '"Shop, Inc." <news@shop.test>'
    message["To"] = "ann@example.org"
    message["Subject"] = SUBJECT
    message["Message-ID"] = "<1@shop.test>"
    for name, value in FURTHER.items():
        message[name] = value
    message.set_content(TEXT)
    message.add_alternative(HTML, subtype="html")
    return message.as_bytes()


def seconds(write) -> float:
    begun = process_time()
    for _ in range(20):
        write()
    return process_time() - begun


def test_both_write_the_same_message():
    one, other = (message_from_bytes(write(), policy=policy.default) for write in (ours, theirs))
    for name in ("From", "To", "Subject", "Message-ID", "Date", *FURTHER):
        assert one[name] == other[name]
    for first, second in zip(one.iter_parts(), other.iter_parts(), strict=True):
        assert first.get_content().replace("\r\n", "\n") == second.get_content().replace("\r\n", "\n")


@pytest.mark.slow
def test_writing_is_cheap():
    ratios = [seconds(ours) / seconds(theirs) for _ in range(9)]
    assert median(ratios) <= WRITTEN_AT_MOST
