"""Templates and messages as data."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final, NamedTuple

from attrs import field, frozen

from flowkit.errors import FlowkitError
from flowkit.events import Properties

__all__ = ["MessageAborted", "OutgoingMessage", "Template", "TemplateError"]


_NOTHING: Final[Properties] = {}
_NO_HEADERS: Final[Mapping[str, str]] = {}


@frozen
class Template:
    """What a message is made from; each part is a template source of its own.

    Attributes:
        template_id: The id that workflows name.
        subject: The subject line; a send action's own subject goes before it. It is no HTML.
        html: The HTML part; None where there is none.
        text: The plain part; None where there is none. It is no HTML.
    """

    template_id: str
    subject: str = field(default="", kw_only=True)
    html: str | None = field(default=None, kw_only=True)
    text: str | None = field(default=None, kw_only=True)


class OutgoingMessage(NamedTuple):
    """One message to one subscriber, as data that any sender can turn into its own form.

    It is a tuple, since a batch makes thousands and a tuple is made in a third of a frozen class's time.

    Attributes:
        key: The idempotency key: the same for every attempt, 1 to 256 ASCII characters.
        subscriber_id: To whom.
        template_id: From which template.
        to: The address; None where the sender does not ask for one.
        subject: The subject line; without templates the one of the action, as written.
        html: The HTML part; None where there is none, or where the mail service renders for itself.
        text: The plain part; None likewise.
        data: The subscriber's attributes, for services that render for themselves.
        metadata: Workflow, version, node, action, campaign type and the action's other parameters.
        headers: Further header lines by name.
        channel: By which channel: ``email``, or the name under which the engine has the sender.
        sender: From whom, written as ``Shop <news@example.com>``; None leaves it to the sender's own setting.
        reply_to: Where answers go, written alike; None likewise.
        tags: Words by which a mail service groups messages: under a policy for mail the workflow and the template.
    """

    key: str
    subscriber_id: str
    template_id: str
    to: str | None = None
    subject: str | None = None
    html: str | None = None
    text: str | None = None
    data: Properties = _NOTHING
    metadata: Properties = _NOTHING
    headers: Mapping[str, str] = _NO_HEADERS
    channel: str = "email"
    sender: str | None = None
    reply_to: str | None = None
    tags: tuple[str, ...] = ()

    def __repr__(self) -> str:
        # Addresses and contents are personal: neither logs nor tracebacks show them.
        return f"OutgoingMessage(key={self.key!r}, template_id={self.template_id!r})"


class TemplateError(FlowkitError):
    """A template cannot be compiled.

    Attributes:
        code: A stable word, such as ``syntax``.
        message: What is wrong.
        line: The line of the source, from 1; None where it is not known.
    """

    def __init__(self, code: str, message: str, line: int | None = None) -> None:
        self.code = code
        self.message = message
        self.line = line
        super().__init__(f"{message} [{code}]" if line is None else f"line {line}: {message} [{code}]")

    def __reduce__(self) -> tuple[type[TemplateError], tuple[str, str, int | None]]:
        return (type(self), (self.code, self.message, self.line))


class MessageAborted(FlowkitError):
    """A message cannot be made for this subscriber: the send is skipped with this reason, and is not tried again.

    Attributes:
        reason: A stable word, such as ``missing_value``.
        path: The variable or part that led to it; empty where none did.
    """

    def __init__(self, reason: str, path: str = "") -> None:
        self.reason = reason
        self.path = path
        super().__init__(f"{reason}: {path}" if path else reason)

    def __reduce__(self) -> tuple[type[MessageAborted], tuple[str, str]]:
        return (type(self), (self.reason, self.path))
