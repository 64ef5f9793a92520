"""A real mail server on the loopback interface, which refuses, drops and hangs as it is told."""

import asyncio
import socket
import ssl
import threading
from collections.abc import Callable, Coroutine
from concurrent.futures import Future
from email import message_from_bytes, policy
from email.message import EmailMessage
from pathlib import Path
from typing import Any, Self

from aiosmtpd.smtp import SMTP, AuthResult, Envelope, LoginPassword, Session
from attrs import define, field, frozen

CERTIFICATE = Path(__file__).with_name("loopback.pem")  # for localhost and 127.0.0.1; made for these tests alone
_SECONDS = 10


@frozen
class Received:
    """A message as it came over the wire."""

    sender: str
    recipients: tuple[str, ...]
    content: bytes

    @property
    def message(self) -> EmailMessage:
        """Read it with the standard library's current parser."""
        parsed = message_from_bytes(self.content, policy=policy.default)
        assert isinstance(parsed, EmailMessage)
        return parsed


class _Protocol(SMTP):
    """One session."""

    def __init__(self, server: "MailServer", **options: Any) -> None:
        super().__init__(server, **options)
        self._server = server
        self.closed = asyncio.Event()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        super().connection_made(transport)
        self._server.sessions.add(self)

    def connection_lost(self, error: Exception | None) -> None:
        super().connection_lost(error)
        self._server.sessions.discard(self)
        self.closed.set()

    def abort(self) -> None:
        if self.transport is not None:
            self.transport.abort()

    async def smtp_DATA(self, arg: str) -> None:  # noqa: N802 - aiosmtpd's name
        match self._server.at_data:
            case "abort":
                self.abort()
            case "go, then abort":
                await self.push("354 go on")
                self.abort()
            case None:
                await super().smtp_DATA(arg)
            case reply:
                await self.push(reply)


@define(eq=False)
class MailServer:
    """The server; what is set on it counts for what comes next.

    Attributes:
        received: What was accepted, and what was taken and then not answered.
        opened: How many sessions were opened so far.
        mail: The replies to the next MAIL commands; None aborts the connection. Without any: 250.
        recipient: Likewise for RCPT.
        reset: Likewise for RSET.
        at_data: Instead of 354: a reply, ``abort``, or ``go, then abort``.
        final: The replies to the next messages; None aborts the connection, ``hang`` never answers.
    """

    tls: bool = False
    login: tuple[str, str] | None = None
    utf8: bool = False
    size: int = 50_000_000
    received: list[Received] = field(factory=list)
    opened: int = 0
    mail: list[str | None] = field(factory=list)
    recipient: list[str | None] = field(factory=list)
    reset: list[str | None] = field(factory=list)
    at_data: str | None = None
    final: list[str | None] = field(factory=list)
    sessions: set[_Protocol] = field(factory=set)
    port: int = 0
    _loop: asyncio.AbstractEventLoop = field(factory=asyncio.new_event_loop)
    _thread: threading.Thread | None = None
    _listener: asyncio.Server | None = None

    # -- the server's life --------------------------------------------------------------------------------------------

    def __enter__(self) -> Self:
        self._thread = threading.Thread(target=self._loop.run_forever, daemon=True)
        self._thread.start()
        self._run(self._listen())
        return self

    def __exit__(self, *_: object) -> None:
        assert self._thread is not None
        self._run(self._stop())
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join(_SECONDS)
        self._loop.close()

    def _run(self, work: Coroutine[Any, Any, None]) -> None:
        done: Future[None] = asyncio.run_coroutine_threadsafe(work, self._loop)
        done.result(_SECONDS)

    async def _listen(self) -> None:
        self._listener = await self._loop.create_server(self._session, "127.0.0.1", self.port)
        self.port = self._listener.sockets[0].getsockname()[1]

    async def _stop(self) -> None:
        if self._listener is not None:
            self._listener.close()
        for session in list(self.sessions):
            session.abort()
        others = asyncio.all_tasks() - {asyncio.current_task()}
        for task in others:
            task.cancel()
        await asyncio.gather(*others, return_exceptions=True)

    def _session(self) -> _Protocol:
        self.opened += 1
        options: dict[str, Any] = {
            "loop": self._loop,
            "hostname": "mail.test",
            "data_size_limit": self.size,
            "enable_SMTPUTF8": self.utf8,
        }
        if self.tls:
            context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
            context.load_cert_chain(CERTIFICATE)
            options |= {"tls_context": context}
        if self.login is not None:
            options |= {"authenticator": self._authenticate, "auth_require_tls": self.tls}
        return _Protocol(self, **options)

    def drop_sessions(self, farewell: bytes = b"") -> None:
        """Close every connection, as a server does with idle ones, and wait until that is done."""
        self._run(self._drop_sessions(farewell))

    async def _drop_sessions(self, farewell: bytes) -> None:
        for session in list(self.sessions):
            if session.transport is not None:
                session.transport.write(farewell)
                session.transport.close()
            await session.closed.wait()

    # -- aiosmtpd's hooks ----------------------------------------------------------------------------------------------

    def _authenticate(
        self, _server: SMTP, _session: Session, _envelope: Envelope, _kind: str, data: object
    ) -> AuthResult:
        given = (data.login.decode(), data.password.decode()) if isinstance(data, LoginPassword) else None
        return AuthResult(success=given == self.login, handled=False)

    async def handle_MAIL(  # noqa: N802
        self, server: SMTP, _session: Session, envelope: Envelope, address: str, options: list[str]
    ) -> str:
        return self._answer(server, self.mail, lambda: _note(envelope, address, options))

    async def handle_RCPT(  # noqa: N802
        self, server: SMTP, _session: Session, envelope: Envelope, address: str, _options: list[str]
    ) -> str:
        return self._answer(server, self.recipient, lambda: envelope.rcpt_tos.append(address))

    async def handle_RSET(self, server: SMTP, _session: Session, _envelope: Envelope) -> str:  # noqa: N802
        return self._answer(server, self.reset, lambda: None)

    async def handle_DATA(self, server: SMTP, _session: Session, envelope: Envelope) -> str:  # noqa: N802
        assert isinstance(envelope.content, bytes)
        message = Received(envelope.mail_from or "", tuple(envelope.rcpt_tos), envelope.content)
        if self.final and self.final[0] == "hang":
            del self.final[0]
            self.received.append(message)
            await asyncio.Event().wait()
        if self.final and self.final[0] is None:
            self.received.append(message)
        return self._answer(server, self.final, lambda: self.received.append(message))

    def _answer(self, server: SMTP, replies: list[str | None], accept: Callable[[], None]) -> str:
        reply = replies.pop(0) if replies else "250 OK"
        if reply is None:
            assert isinstance(server, _Protocol)
            server.abort()
            return "250 never read"
        if reply.startswith("250"):
            accept()
        return reply


def _note(envelope: Envelope, address: str, options: list[str]) -> None:
    envelope.mail_from = address
    envelope.mail_options.extend(options)


def closed_port() -> int:
    """Give a port of the loopback interface on which nobody listens."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])
