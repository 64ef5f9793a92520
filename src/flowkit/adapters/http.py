"""Webhooks by HTTP, on the standard library's client.

What a request comes to depends on how far it got:

=============================================  ======================================================================
the request ended                              outcome
=============================================  ======================================================================
before it was made: a URL, a header or a body  failed
that cannot be sent, an address that is not
called
before anything was sent: no address, no       retry
connection, a certificate that is refused
with 2xx                                       done; the body is the output
with 408, 425 or 429                           retry, not before ``Retry-After``
with 5xx                                       retry, not before ``Retry-After``; unknown where it must be done once
with another 4xx, or with 3xx                  failed: redirects are not followed
by a lost connection or a time-out after       retry under the same key; unknown where it must be done once
something was sent
=============================================  ======================================================================

A workflow's author chooses the URL, and whoever owns a name chooses its address. So only public addresses are called,
unless the host allows others: a name is looked up once, each address that it has is judged, and the connection goes to
one that passed, whatever the name says by then.
"""

from __future__ import annotations

import json
import ssl
from collections.abc import Iterable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, timedelta
from email.utils import parsedate_to_datetime
from itertools import repeat
from time import monotonic
from typing import Final

from flowkit.adapters.http_exchange import (
    Answer,
    BadTargetError,
    InDoubtError,
    NotSentError,
    Resolver,
    exchange,
    resolve_name,
    target_of,
)
from flowkit.adapters.networks import networks
from flowkit.engine.clock import SystemClock
from flowkit.errors import ConfigurationError
from flowkit.ports import Clock, WebhookRequest
from flowkit.rendering.lines import one_line
from flowkit.runs.effects import Outcome, Result

__all__ = ["HttpWebhooks"]

_NO_TIME: Final = timedelta()
_TIMEOUT: Final = timedelta(seconds=30)
_PARALLEL: Final = 8
_REQUEST: Final = 262_144
_RESPONSE: Final = 65_536
_REASON_LENGTH: Final = 200
_LONGEST: Final = 3_155_760_000  # a hundred years in seconds
_RETRIED: Final = frozenset({408, 425, 429})
_OWN: Final = frozenset(
    {
        "accept-encoding",
        "connection",
        "content-length",
        "expect",
        "host",
        "te",
        "trailer",
        "transfer-encoding",
        "upgrade",
    }
)
_encode: Final = json.JSONEncoder(ensure_ascii=False, allow_nan=False, separators=(",", ":")).encode


class HttpWebhooks:
    """Makes HTTP calls, several at a time, each over a connection of its own.

    The body is JSON; ``GET`` has none. Nothing is kept between calls, so threads may share it.

    Attributes:
        timeout: The longest that a call with all its requests takes; looking names up is left to the system's own
            limits.
    """

    def __init__(  # noqa: PLR0913 - what calls to strangers ask for
        self,
        *,
        timeout: timedelta = _TIMEOUT,
        allow: Iterable[str] = (),
        key_header: str = "Idempotency-Key",
        parallel: int = _PARALLEL,
        max_request: int = _REQUEST,
        max_response: int = _RESPONSE,
        tls: ssl.SSLContext | None = None,
        resolver: Resolver = resolve_name,
        clock: Clock | None = None,
    ) -> None:
        """Say what may be called, and how; nothing is opened yet.

        Args:
            timeout: See above.
            allow: Networks that may be called although they are not public, such as ``10.20.0.0/16``.
            key_header: The header that the effect's key goes into.
            parallel: How many requests are under way at once; what has not begun when the time is over is tried later.
            max_request: The most bytes of a body that are sent; a request with more fails.
            max_response: The most bytes of a response's body that are read; where there are more, none are.
            tls: How certificates are checked; None checks them against the system's authorities and the host name.
            resolver: Gives the addresses of a host name and a port; the system's by default.
            clock: What a ``Retry-After`` that names a date is held against; None takes the system's.

        Raises:
            ConfigurationError: A time, a number or a network is none.
        """
        if timeout <= _NO_TIME:
            raise ConfigurationError("timeout must be a positive time")
        for name, number in (("parallel", parallel), ("max_request", max_request), ("max_response", max_response)):
            if number < 1:
                message = f"{name} must be at least 1"
                raise ConfigurationError(message)
        self.timeout = timeout
        self._allowed = networks(allow)
        self._key_header = key_header
        self._parallel = parallel
        self._max_request = max_request
        self._max_response = max_response
        self._tls = tls or ssl.create_default_context()
        self._resolver = resolver
        self._clock = clock or SystemClock()

    def __repr__(self) -> str:
        return f"HttpWebhooks(timeout={self.timeout!r})"

    def call(self, requests: Sequence[WebhookRequest]) -> Sequence[Outcome]:
        """Make the calls; one outcome for each, in order."""
        deadline = monotonic() + self.timeout.total_seconds()
        if len(requests) == 1:
            return [self._call(requests[0], deadline)]
        with ThreadPoolExecutor(max_workers=self._parallel) as pool:
            return list(pool.map(self._call, requests, repeat(deadline)))

    def _call(self, request: WebhookRequest, deadline: float) -> Outcome:
        try:
            answer = self._exchanged(request, deadline)
        except BadTargetError as error:
            return Outcome(Result.FAILED, _reason(error))
        except NotSentError as error:
            return Outcome(Result.RETRY, _reason(error))
        except InDoubtError as error:
            return _doubtful(request, f"in doubt: {error}", None)
        return self._outcome(request, answer)

    def _exchanged(self, request: WebhookRequest, deadline: float) -> Answer:
        if monotonic() >= deadline:
            raise NotSentError("there was no time left for it")
        target = target_of(request.url)
        body = None if request.method == "GET" else self._body(request.body)
        return exchange(
            target,
            request.method,
            self._headers(request, has_body=body is not None),
            body,
            resolver=self._resolver,
            allowed=self._allowed,
            tls=self._tls,
            deadline=deadline,
            most=self._max_response,
        )

    def _body(self, values: Mapping[str, object]) -> bytes:
        try:
            body = _encode(dict(values)).encode()
        except (TypeError, ValueError, RecursionError) as error:  # half a character is a ValueError
            raise BadTargetError(f"a body that JSON cannot hold ({type(error).__name__})") from error
        if len(body) > self._max_request:
            raise BadTargetError(f"a body of {len(body)} bytes, and at most {self._max_request} are sent")
        return body

    def _headers(self, request: WebhookRequest, *, has_body: bool) -> Mapping[str, str]:
        headers = {"Accept": "application/json", "User-Agent": "flowkit"}
        if has_body:
            headers["Content-Type"] = "application/json"
        known = {name.lower(): name for name in headers}
        for name, value in request.headers.items():
            if name.lower() in _OWN or name.lower() == self._key_header.lower():
                raise BadTargetError(f"the header {name} is the client's own")
            headers.pop(known.get(name.lower(), ""), None)
            headers[name] = value
        headers[self._key_header] = request.key
        return headers

    def _outcome(self, request: WebhookRequest, answer: Answer) -> Outcome:
        status = answer.status
        match status // 100:
            case 2:
                return self._done(answer)
            case 3:
                return Outcome(Result.FAILED, f"status {status}: redirects are not followed")
            case 5:
                return _doubtful(request, f"status {status}", self._pause(answer))
            case _ if status in _RETRIED:
                return Outcome(Result.RETRY, f"status {status}", retry_after=self._pause(answer))
            case _:
                return Outcome(Result.FAILED, f"status {status}")

    def _done(self, answer: Answer) -> Outcome:
        if not answer.body:
            return Outcome(Result.DONE, answer.problem)
        try:
            return Outcome(Result.DONE, output=answer.body.decode())
        except UnicodeDecodeError:
            return Outcome(Result.DONE, "the response is no UTF-8")

    def _pause(self, answer: Answer) -> timedelta | None:
        """Read for how long the receiver asks to be left alone: seconds, or a date (RFC 9110, section 10.2.3)."""
        asked = (answer.headers.get("Retry-After") or "").strip()
        if asked.isascii() and asked.isdigit():
            return timedelta(seconds=int(asked) if len(asked) <= len(str(_LONGEST)) else _LONGEST)
        try:
            until = parsedate_to_datetime(asked)
        except (TypeError, ValueError, OverflowError):
            return None
        # A date in the zone -0000 is read without one.
        pause = (until if until.tzinfo is not None else until.replace(tzinfo=UTC)) - self._clock.now()
        return max(pause, _NO_TIME)


def _doubtful(request: WebhookRequest, reason: str, pause: timedelta | None) -> Outcome:
    """Say of a request that may have been done: under its key it is made again, where it may be."""
    if request.once:
        return Outcome(Result.UNKNOWN, _reason(reason))
    return Outcome(Result.RETRY, _reason(reason), retry_after=pause)


def _reason(text: object) -> str:
    """Make a reason for the journal: one short line."""
    return one_line(str(text))[:_REASON_LENGTH]
