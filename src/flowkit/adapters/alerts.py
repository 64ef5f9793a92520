"""Alerts that go out by HTTP or by e-mail, through ports that the host has, and where a monitor keeps what it told."""

from __future__ import annotations

import json
import os
from collections.abc import Awaitable, Mapping, Sequence
from contextlib import suppress
from hashlib import blake2b
from pathlib import Path
from tempfile import NamedTemporaryFile
from typing import Final

from attrs import field, frozen
from attrs.validators import max_len, min_len

from flowkit.analytics.alarms import Alert
from flowkit.analytics.told import alert_data
from flowkit.errors import FlowkitError
from flowkit.ports import Maybe, Sender, WebhookRequest, Webhooks
from flowkit.rendering.lines import one_line
from flowkit.rendering.model import OutgoingMessage
from flowkit.runs.effects import Outcome, Result

__all__ = ["AlertsNotTold", "FileMonitorMemory", "MailedAlerts", "WebhookAlerts"]

_NO_HEADERS: Final[Mapping[str, str]] = {}
_TEMPLATE: Final = "flowkit-alerts"
# RFC 3834: no vacation responder answers it.
_AUTOMATIC: Final[Mapping[str, str]] = {"Auto-Submitted": "auto-generated"}


class AlertsNotTold(FlowkitError):
    """Alerts could not be handed over; a monitor hands them over again at its next look.

    Attributes:
        reasons: Why, one for each of those who were not told.
    """

    def __init__(self, reasons: Sequence[str]) -> None:
        self.reasons = tuple(reasons)
        super().__init__(f"alerts were not told: {'; '.join(self.reasons)}")

    def __reduce__(self) -> tuple[type[AlertsNotTold], tuple[tuple[str, ...]]]:
        return (type(self), (self.reasons,))


@frozen
class WebhookAlerts:
    """Posts alerts to a URL as JSON: ``{"text": ..., "alerts": [...]}``, so that a chat's incoming webhook shows them.

    Attributes:
        webhooks: Who makes the call, with its own rules of which addresses may be called.
        url: Where to.
        headers: Header lines by name, such as an authorization.
    """

    webhooks: Webhooks
    url: str
    headers: Mapping[str, str] = field(default=_NO_HEADERS, repr=False, kw_only=True)

    def tell(self, alerts: Sequence[Alert]) -> Maybe[None]:
        """Post alerts, all in one call, under a key that is the same when they are posted again.

        Raises:
            AlertsNotTold: The call was not done.
        """
        body = {"text": _text(alerts), "alerts": [alert_data(alert) for alert in alerts]}
        request = WebhookRequest(_key(alerts), self.url, "POST", self.headers, body)
        return _settled(self.webhooks.call([request]))


@frozen
class MailedAlerts:
    """Mails alerts, all in one message to each address.

    Attributes:
        sender: Who hands the messages over.
        to: The addresses, 1 to 100.
        subject: What the subject begins with; the first alert, or how many there are, follows.
    """

    sender: Sender
    to: Sequence[str] = field(validator=[min_len(1), max_len(100)])
    subject: str = field(default="flowkit", kw_only=True)

    def tell(self, alerts: Sequence[Alert]) -> Maybe[None]:
        """Mail alerts, under keys that are the same when they are mailed again.

        Raises:
            AlertsNotTold: A message was not taken. Who got it gets it again, unless the sender honours keys.
        """
        key, subject = _key(alerts), f"{self.subject}: {_headline(alerts)}"
        text = _text(alerts)
        messages = [
            OutgoingMessage(f"{key}-{number}", address, _TEMPLATE, address, subject, text=text, headers=_AUTOMATIC)
            for number, address in enumerate(self.to)
        ]
        if self.sender.key_window is not None:
            return _settled(self.sender.send(messages))
        return _settled(*(self.sender.send([message]) for message in messages))


@frozen
class FileMonitorMemory:
    """Keeps what a monitor has told in a file, which is replaced whole at each change.

    Attributes:
        path: The file; its folder has to exist.
    """

    path: Path = field(converter=Path)

    def load(self) -> str | None:
        """Read the file; None where there is none."""
        with suppress(FileNotFoundError):
            return self.path.read_text(encoding="utf-8")
        return None

    def save(self, text: str) -> None:
        """Write the file beside itself, bring it to the disk, and move it over the one before."""
        with NamedTemporaryFile("w", encoding="utf-8", dir=self.path.parent, delete=False) as file:
            try:
                file.write(text)
                file.flush()
                os.fsync(file.fileno())
                os.replace(file.name, self.path)  # noqa: PTH105 - the name is a text
            except BaseException:
                os.unlink(file.name)  # noqa: PTH108 - likewise
                raise


def _key(alerts: Sequence[Alert]) -> str:
    """Derive a key from what is told: alerts bear their instants, so the same thing on another day has another."""
    data = json.dumps([alert_data(alert) for alert in alerts], sort_keys=True)
    return f"alerts-{blake2b(data.encode(), digest_size=16).hexdigest()}"


def _text(alerts: Sequence[Alert]) -> str:
    return "\n".join(one_line(alert.text) for alert in alerts)


def _headline(alerts: Sequence[Alert]) -> str:
    return one_line(alerts[0].text) if len(alerts) == 1 else f"{len(alerts)} alerts"


def _settled(*calls: Maybe[Sequence[Outcome]]) -> Maybe[None]:
    """Take what ports answered; where one of them waits, the answer is waited for."""
    if any(isinstance(one, Awaitable) for one in calls):
        return _waited(calls)
    _judge([outcome for one in calls if not isinstance(one, Awaitable) for outcome in one])
    return None


async def _waited(calls: Sequence[Maybe[Sequence[Outcome]]]) -> None:
    _judge([outcome for one in calls for outcome in (await one if isinstance(one, Awaitable) else one)])


def _judge(outcomes: Sequence[Outcome]) -> None:
    reasons = [outcome.reason or outcome.result.value for outcome in outcomes if outcome.result is not Result.DONE]
    if reasons:
        raise AlertsNotTold(reasons)
