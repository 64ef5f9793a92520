"""A sender for a mail service that is called by HTTP: one POST of JSON a message, each under its key.

Change the names in `_body` to those of your service. What it has to be: the service takes an idempotency key, and
answers a repeated one as it did before.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from datetime import timedelta
from http.client import HTTPConnection, HTTPException, HTTPSConnection
from time import monotonic
from typing import Final
from urllib.parse import urlsplit

from attrs import field, frozen

from flowkit import Needs, Outcome, OutgoingMessage, Result
from flowkit.adapters.addresses import AddressError, address
from flowkit.ports import InDoubt
from flowkit.rendering.lines import one_line

_ADDRESS: Final = Needs(attributes=frozenset({"email"}))
_NOT_NOW: Final = frozenset({408, 409, 425, 429})


@frozen
class HttpMailSender:
    """Hands messages to a mail service.

    Attributes:
        url: Where messages are posted.
        token: What the service knows you by.
        sender: From whom, where a message does not say so itself.
        key_window: For how long the service remembers a key, by its own word.
        timeout: The longest that a call takes, whatever number of messages it holds.
        in_doubt: Of no use while the service honours keys.
        needs: The address.
    """

    url: str
    token: str = field(repr=False)
    sender: str
    key_window: timedelta | None = timedelta(hours=24)
    timeout: timedelta = timedelta(seconds=60)
    in_doubt: InDoubt = InDoubt.RESEND
    needs: Needs = _ADDRESS

    def send(self, messages: Sequence[OutgoingMessage]) -> Sequence[Outcome]:
        """Hand messages over, one after the other; what there is no time for is tried again."""
        deadline = monotonic() + self.timeout.total_seconds()
        return [self._sent(message, deadline) for message in messages]

    def _sent(self, message: OutgoingMessage, deadline: float) -> Outcome:
        left = deadline - monotonic()
        if left <= 0:
            return Outcome(Result.RETRY, "no time left in this call")
        try:
            to = address(message.to or "")
        except AddressError as error:
            return Outcome(Result.FAILED, error.reason)
        try:
            status, reference = self._post(message.key, self._body(message, to), left)
        except (OSError, HTTPException) as error:
            # Whether it arrived is not known, and does not matter: it goes again under the same key.
            return Outcome(Result.RETRY, f"no answer: {type(error).__name__}")
        if status // 100 == 2:  # noqa: PLR2004 - success
            return Outcome(Result.DONE, reference=reference)
        if status in _NOT_NOW or status // 100 == 5:  # noqa: PLR2004 - not now
            return Outcome(Result.RETRY, f"the service answered {status}")
        return Outcome(Result.FAILED, f"the service answered {status}")

    def _body(self, message: OutgoingMessage, to: str) -> bytes:
        content = {
            "from": message.sender or self.sender,
            "to": [to],
            "reply_to": message.reply_to,
            # The service writes the headers: it gets no line break to write.
            "subject": one_line(message.subject or ""),
            "html": message.html,
            "text": message.text,
            "headers": dict(message.headers),
            "tags": list(message.tags),
            "metadata": {"key": message.key},
        }
        return json.dumps(content).encode()

    def _post(self, key: str, body: bytes, seconds: float) -> tuple[int, str | None]:
        parts = urlsplit(self.url)
        kind = HTTPSConnection if parts.scheme == "https" else HTTPConnection
        connection = kind(parts.netloc, timeout=seconds)
        headers = {"Authorization": f"Bearer {self.token}", "Content-Type": "application/json", "Idempotency-Key": key}
        try:
            connection.request("POST", parts.path or "/", body, headers)
            response = connection.getresponse()
            response.read(65_536)
            return response.status, response.headers.get("X-Message-Id")
        finally:
            connection.close()
