"""The senders that ship with flowkit against what every sender promises."""

from email.message import EmailMessage

import pytest

from examples.mail_service import HttpMailSender
from flowkit.adapters.smtp import SmtpSender
from flowkit.testing.sender_conformance import Delivered, SenderConformance
from tests.support.mail_server import MailServer
from tests.support.mail_service import MailService


def part(message: EmailMessage, kind: str) -> str | None:
    found = message.get_body((kind,))
    return None if found is None else found.get_content().replace("\r\n", "\n")


class SmtpReceiver:
    """A real mail server, as a receiver."""

    def __init__(self, server: MailServer) -> None:
        self.server = server

    def received(self):
        return [
            Delivered(
                to=one.recipients,
                subject=one.message["Subject"],
                text=part(one.message, "plain"),
                html=part(one.message, "html"),
            )
            for one in self.server.received
        ]

    def refuse_next(self, *, permanently):
        self.server.final.append("550 5.7.1 no, ann@example.org" if permanently else "451 4.3.0 later, ann@example.org")


class TestSmtp(SenderConformance):
    @pytest.fixture
    def receiver(self):
        with MailServer() as server:
            yield SmtpReceiver(server)

    @pytest.fixture
    def sender(self, receiver):
        with SmtpSender("127.0.0.1", receiver.server.port, sender="Shop <news@shop.test>") as sender:
            yield sender


class TestByHttp(SenderConformance):
    """The recipe of the documentation, on a service that honours keys."""

    @pytest.fixture
    def receiver(self):
        with MailService() as service:
            yield service

    @pytest.fixture
    def sender(self, receiver):
        return HttpMailSender(receiver.url, "secret", "Shop <news@shop.test>")
