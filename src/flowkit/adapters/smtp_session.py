"""A session with a mail server, which ends every wait at a deadline and knows when a message may have been taken."""

from __future__ import annotations

import re
import smtplib
import socket
import ssl
from contextlib import suppress
from time import monotonic
from typing import Final

from attrs import field, frozen

from flowkit.errors import FlowkitError

__all__ = ["InDoubtError", "NotTakenError", "Reply", "Server", "Session"]

_YES: Final = 2
_NOT_NOW: Final = 4
_NO: Final = 5
_START_MAIL: Final = 354
_SHUTTING_DOWN: Final = 421
_DIGITS: Final = 20
_LEAVE_SECONDS: Final = 2.0


class NotTakenError(FlowkitError):
    """The session is over, or never stood, and the server has surely not taken the message."""


class InDoubtError(FlowkitError):
    """The session is over, and the server may have taken the message."""


@frozen
class Reply:
    """What the server answered.

    Attributes:
        code: Three digits; 4xx is transient, 5xx is permanent.
        text: What it said to that.
    """

    code: int
    text: str

    def __str__(self) -> str:
        return f"{self.code} {self.text}"


@frozen
class Server:
    """How a session is opened.

    Attributes:
        host: The server's name or address.
        port: Its port.
        hello: The name to greet it with.
        tls: How to encrypt; None leaves the session in clear.
        login: User name and password; None does without.
    """

    host: str
    port: int
    hello: str = field(kw_only=True)
    tls: ssl.SSLContext | None = field(default=None, kw_only=True, repr=False)
    login: tuple[str, str] | None = field(default=None, kw_only=True, repr=False)


class Session:
    """An open session: each message is announced, then handed over.

    Every method that waits raises ``NotTakenError`` or ``InDoubtError`` when the connection is lost or the deadline,
    an instant of the monotonic clock, has passed; the session is of no use then.
    """

    def __init__(self, server: Server, deadline: float) -> None:
        """Open a session.

        Raises:
            NotTakenError: It could not be opened.
        """
        try:
            self._client = _Client(server.host, server.port, server.hello, timeout=_left(deadline))
            self._client.command_encoding = "utf-8"  # of ASCII it is the same
            try:
                self._prepare(server, deadline)
            except BaseException:
                self.close()
                raise
        except (OSError, smtplib.SMTPException) as error:
            raise NotTakenError(f"no session: {_because(error)}") from error

    def _prepare(self, server: Server, deadline: float) -> None:
        self._limit(deadline)
        self._client.ehlo_or_helo_if_needed()
        if server.tls is not None:
            self._limit(deadline)
            self._client.starttls(context=server.tls)
            self._client.ehlo_or_helo_if_needed()
        if server.login is not None:
            self._limit(deadline)
            self._client.login(*server.login)

    def announce(self, sender: str, to: str, *, size: int, deadline: float) -> Reply | None:
        """Announce a message.

        Args:
            sender: The sender's address.
            to: The recipient's address.
            size: The length of the message in octets.
            deadline: When to give up.

        Returns:
            The refusal; None where the server waits for the message. What the server cannot take is refused here in its
            name: an internationalized address where it has no SMTPUTF8 (550, 5.6.7), and a message that is larger
            than it says it takes (552, 5.3.4).
        """
        limit = f" SIZE={size}" if self._client.has_extn("size") else ""
        if not (sender.isascii() and to.isascii()):
            if not self._client.has_extn("smtputf8"):
                return Reply(550, "5.6.7 the server takes no internationalized address (SMTPUTF8)")
            limit += " SMTPUTF8 BODY=8BITMIME"
        most = self._client.esmtp_features.get("size", "")
        if most.isascii() and most.isdigit() and 0 < int(most[:_DIGITS]) < size:
            return Reply(552, "5.3.4 the message is larger than the server takes")
        for command in (f"MAIL FROM:<{sender}>{limit}", f"RCPT TO:<{to}>"):
            reply = self._ask(command, deadline)
            if reply.code // 100 != _YES:
                self._forget(deadline)
                return reply
        reply = self._ask("DATA", deadline)
        if reply.code == _START_MAIL:
            return None
        self._forget(deadline)
        return reply

    def _ask(self, command: str, deadline: float) -> Reply:
        try:
            self._limit(deadline)
            reply = _reply(self._client.docmd(command))
        except (OSError, smtplib.SMTPException) as error:
            self.close()
            raise NotTakenError(f"connection lost: {_because(error)}") from error
        if reply.code == _SHUTTING_DOWN:
            self.close()
            raise NotTakenError(str(reply))
        return reply

    def _forget(self, deadline: float) -> None:
        """Take back what was announced, so that the next message begins anew."""
        try:
            self._limit(deadline)
            self._client.rset()
        except (OSError, smtplib.SMTPException):
            self.close()

    def hand_over(self, content: bytes, deadline: float) -> Reply:
        """Hand over an announced message, whose lines end with CRLF.

        Returns:
            What the server says to it, be it yes or no.
        """
        try:
            self._limit(deadline)
            self._client.send(re.sub(rb"(?m)^\.", b"..", content))
        except (OSError, smtplib.SMTPException) as error:
            self.close()
            raise NotTakenError(f"connection lost within the message: {_because(error)}") from error
        try:
            self._limit(deadline)
            self._client.send(b".\r\n")
            reply = _reply(self._client.getreply())
        except (OSError, smtplib.SMTPException) as error:
            self.close()
            raise InDoubtError(f"connection lost after the message: {_because(error)}") from error
        if reply.code // 100 not in {_YES, _NOT_NOW, _NO}:
            self.close()
            raise InDoubtError(f"senseless reply to the message: {reply}")
        return reply

    def quit(self) -> None:
        """Take leave of the server and close the connection, whatever the server does."""
        with suppress(OSError, smtplib.SMTPException):
            self._limit(monotonic() + _LEAVE_SECONDS)
            self._client.quit()
        self.close()

    def close(self) -> None:
        """Close the connection without a word."""
        self._client.close()

    def _limit(self, deadline: float) -> None:
        if self._client.sock is None:
            raise smtplib.SMTPServerDisconnected("closed")
        self._client.sock.settimeout(_left(deadline))


class _Client(smtplib.SMTP):
    """The standard library's client, with one time-out for all addresses of a host, and no delay of small packets."""

    def _get_socket(self, host: str, port: int, timeout: float) -> socket.socket:
        found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
        deadline = monotonic() + timeout
        failure: OSError = TimeoutError("timed out")
        for index, (family, kind, protocol, _, where) in enumerate(found):
            connection = socket.socket(family, kind, protocol)
            try:
                # A dead address leaves the others their share.
                connection.settimeout(_left(deadline) / (len(found) - index))
                connection.connect(where)
                connection.settimeout(_left(deadline))
                # The final dot is a packet of its own, which must not wait for an acknowledgement.
                connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            except OSError as error:
                connection.close()
                failure = error
            else:
                return connection
        raise failure


def _left(deadline: float) -> float:
    left = deadline - monotonic()
    if left <= 0:
        raise TimeoutError("timed out")
    return left


def _reply(answer: tuple[int, bytes]) -> Reply:
    code, text = answer
    return Reply(code, text.decode("utf-8", "replace"))


def _because(error: OSError | smtplib.SMTPException) -> str:
    match error:
        case smtplib.SMTPResponseException():
            return str(_reply((error.smtp_code, _octets(error.smtp_error))))
        case ssl.SSLCertVerificationError():
            return f"certificate refused: {error.verify_message}"
        case OSError() if error.strerror:
            return error.strerror
        case _:
            return str(error) or type(error).__name__


def _octets(text: bytes | str) -> bytes:
    return text if isinstance(text, bytes) else text.encode()
