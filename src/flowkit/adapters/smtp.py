"""Mail by SMTP, on the standard library's client.

What an attempt comes to depends on how far it got:

=============================================  ======================================================================
the attempt ended                              outcome
=============================================  ======================================================================
at an address or part that cannot be sent      failed
before the session stood: refused, time-out,   retry, whatever the code: the message is not at fault
greeting, TLS, authentication
at MAIL, RCPT or DATA, by the server's reply   4xx retry, 5xx failed
by a lost connection before the final dot      retry; a kept connection is first opened again, once, at once
by a lost connection, a time-out or a          in doubt
senseless reply after the final dot
by the server's reply to the final dot         2xx done, with the Message-ID as reference; 4xx retry; 5xx failed
=============================================  ======================================================================

A server takes a message with the final dot and never before it (RFC 5321, section 4.1.1.4), so the doubt begins there.
SMTP has no way to ask later and knows no keys. So an outcome in doubt follows the policy here as it does in the engine
where a worker died within a call: ``RESEND`` makes it a retry under the same Message-ID, by which many servers and mail
programs drop the second copy; ``ASSUME_SENT`` makes it done. The reason tells it from a plain retry or success.
"""

from __future__ import annotations

import os
import ssl
from collections.abc import Sequence
from datetime import timedelta
from threading import Lock
from time import monotonic
from types import TracebackType
from typing import Final, Self, assert_never

from attrs import frozen

from flowkit.adapters.addresses import AddressError, Mailbox, address, mailbox
from flowkit.adapters.mime import MimeError, message_id, to_mime
from flowkit.adapters.smtp_session import InDoubtError, NotTakenError, Reply, Server, Session
from flowkit.engine.clock import SystemClock
from flowkit.errors import ConfigurationError
from flowkit.events import Needs
from flowkit.ports import Clock, InDoubt
from flowkit.rendering.lines import one_line
from flowkit.rendering.model import OutgoingMessage
from flowkit.runs.effects import Outcome, Result

__all__ = ["SmtpSender"]

_NO_TIME: Final = timedelta()
_TIMEOUT: Final = timedelta(seconds=30)
# Middle boxes forget idle connections without a word, and the next command would then wait for its whole time-out.
_IDLE_SECONDS: Final = 60.0
_REASON_LENGTH: Final = 200
_LOOPBACK: Final = frozenset({"localhost", "127.0.0.1", "::1"})


@frozen(repr=False)
class _Mail:
    """A message as it goes over the wire."""

    to: str
    content: bytes
    reference: str


class SmtpSender:
    """Hands messages to a mail server, one at a time over one connection that is kept.

    The connection is opened when it is needed, and not shared with forked processes. Threads may share a sender; they
    take turns. ``close`` it, or use it as a context manager.

    Attributes:
        key_window: None: SMTP honours no keys.
        timeout: The longest that a call for one message takes, opening the connection included; looking up the
            server's name is left to the system's own limits.
        in_doubt: What becomes of a message that the server may have taken; see above.
        needs: The address.
    """

    def __init__(  # noqa: PLR0913 - what a mail server asks for
        self,
        host: str,
        port: int,
        *,
        sender: str,
        username: str | None = None,
        password: str | None = None,
        starttls: bool = False,
        tls: ssl.SSLContext | None = None,
        timeout: timedelta = _TIMEOUT,
        in_doubt: InDoubt = InDoubt.RESEND,
        reply_to: str | None = None,
        hello: str | None = None,
        bounces: str | None = None,
        clock: Clock | None = None,
    ) -> None:
        """Say which server, and in whose name; nothing is opened yet.

        Args:
            host: The server's name or address.
            port: Its port: 587 for submission, 25 for relaying.
            sender: From whom: ``Shop <news@example.com>`` or ``news@example.com``, unless the message says so itself.
            bounces: Where delivery reports go, as the sender of the envelope; None takes the sender's address.
            username: For servers that ask for authentication.
            password: Likewise.
            starttls: Whether to encrypt. A server that does not offer it is not used.
            tls: How certificates are checked; None checks them against the system's authorities and the host name.
            timeout: The longest that a call takes.
            in_doubt: The policy for messages in doubt.
            reply_to: Where answers go, written as ``sender``.
            hello: The name to greet the server with; None takes the sender's domain.
            clock: Where the Date comes from; None takes the system's.

        Raises:
            ConfigurationError: An address is none, the time-out is not positive, a user name or a password stands
                alone, or a password would travel over a network without encryption.
        """
        if timeout <= _NO_TIME:
            raise ConfigurationError("timeout must be a positive time")
        if (username is None) is not (password is None):
            raise ConfigurationError("username and password go together: give both or none")
        if username is not None and not starttls and host not in _LOOPBACK:
            raise ConfigurationError("a password would be sent in clear: set starttls=True")
        self._sender = _mailbox("sender", sender)
        self._bounces = self._sender.address if bounces is None else _mailbox("bounces", bounces).address
        self._reply_to = None if reply_to is None else _mailbox("reply_to", reply_to)
        self._server = Server(
            host,
            port,
            hello=hello or self._sender.domain,
            tls=(tls or ssl.create_default_context()) if starttls else None,
            login=None if username is None or password is None else (username, password),
        )
        self._clock = clock or SystemClock()
        self._lock = Lock()
        self._session: Session | None = None
        self._process = 0
        self._used = 0.0
        self.key_window: timedelta | None = None
        self.timeout = timeout
        self.in_doubt = in_doubt
        self.needs = Needs(attributes=frozenset({"email"}))

    def __repr__(self) -> str:
        # The login is secret.
        return f"SmtpSender({self._server.host!r}, {self._server.port})"

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        """Take leave of the server; a later call opens a new connection."""
        with self._lock:
            session = self._kept()
            self._session = None
            if session is not None:
                session.quit()

    def send(self, messages: Sequence[OutgoingMessage]) -> Sequence[Outcome]:
        """Hand messages over, one after the other; one outcome for each, in order."""
        return [self._send(message) for message in messages]

    def _send(self, message: OutgoingMessage) -> Outcome:
        reference = message_id(message.key, self._sender.domain)
        try:
            to = address(message.to or "", smtputf8=True)
            content = to_mime(
                message,
                sender=self._sender if message.sender is None else mailbox(message.sender),
                to=to,
                message_id=reference,
                date=self._clock.now(),
                reply_to=self._reply_to if message.reply_to is None else mailbox(message.reply_to),
            )
        except (AddressError, MimeError) as error:
            return Outcome(Result.FAILED, error.reason)
        seconds = self.timeout.total_seconds()
        deadline = monotonic() + seconds
        if not self._lock.acquire(timeout=seconds):
            return Outcome(Result.RETRY, "the connection is in use")
        try:
            return self._deliver(_Mail(to, content, reference), deadline)
        except BaseException:
            # Interrupted somewhere in a dialogue: nobody knows what the server expects next.
            self._drop()
            raise
        finally:
            self._lock.release()

    def _deliver(self, mail: _Mail, deadline: float) -> Outcome:
        try:
            session, refusal = self._announced(mail, deadline)
            reply = refusal or session.hand_over(mail.content, deadline)
        except NotTakenError as error:
            self._drop()
            return Outcome(Result.RETRY, _reason(str(error), mail))
        except InDoubtError as error:
            self._drop()
            return self._doubtful(error, mail)
        self._used = monotonic()
        return _outcome(reply, mail)

    def _announced(self, mail: _Mail, deadline: float) -> tuple[Session, Reply | None]:
        """Announce a message in the kept session; where that was dropped meanwhile, or there is none, in a new one."""
        session = self._kept()
        if session is not None:
            try:
                return session, self._announce(session, mail, deadline)
            except NotTakenError:
                self._drop()
        self._session = session = Session(self._server, deadline)
        self._process = os.getpid()
        return session, self._announce(session, mail, deadline)

    def _announce(self, session: Session, mail: _Mail, deadline: float) -> Reply | None:
        return session.announce(self._bounces, mail.to, size=len(mail.content), deadline=deadline)

    def _kept(self) -> Session | None:
        """Give the session of the call before; one of another process, or one long idle, is dropped without a word."""
        if self._process != os.getpid() or monotonic() - self._used > _IDLE_SECONDS:
            self._drop()
        return self._session

    def _drop(self) -> None:
        session, self._session = self._session, None
        if session is not None:
            session.close()

    def _doubtful(self, error: InDoubtError, mail: _Mail) -> Outcome:
        match self.in_doubt:
            case InDoubt.RESEND:
                return Outcome(Result.RETRY, _reason(f"in doubt: {error}", mail))
            case InDoubt.ASSUME_SENT:
                return Outcome(Result.DONE, _reason(f"assumed sent: {error}", mail), reference=mail.reference)
            case _:
                assert_never(self.in_doubt)


def _outcome(reply: Reply, mail: _Mail) -> Outcome:
    match reply.code // 100:
        case 2:
            return Outcome(Result.DONE, reference=mail.reference)
        case 5:
            return Outcome(Result.FAILED, _reason(str(reply), mail))
        case _:
            return Outcome(Result.RETRY, _reason(str(reply), mail))


def _reason(text: str, mail: _Mail) -> str:
    """Make a reason for the journal: one short line that does not name the recipient."""
    return one_line(text).replace(mail.to, "(recipient)")[:_REASON_LENGTH]


def _mailbox(name: str, text: str) -> Mailbox:
    try:
        return mailbox(text)
    except AddressError as error:
        message = f"{name}: {error.reason}; write an address, such as Shop <news@example.com>"
        raise ConfigurationError(message) from error
