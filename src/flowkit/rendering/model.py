"""Templates and messages as data."""

from __future__ import annotations

from collections.abc import Mapping
from enum import StrEnum
from types import MappingProxyType
from typing import Final, NamedTuple

from attrs import evolve, field, frozen

from flowkit.errors import ConfigurationError, FlowkitError
from flowkit.events import Properties

__all__ = [
    "NO_FALLBACKS",
    "STANDARD_FALLBACKS",
    "Fallbacks",
    "MessageAborted",
    "Missing",
    "OutgoingMessage",
    "Template",
    "TemplateError",
    "locale_of",
]


_NOTHING: Final[Properties] = {}
_NO_HEADERS: Final[Mapping[str, str]] = {}


class Missing(StrEnum):
    """What becomes of a message that prints a value which is not there, with nothing to stand in for it."""

    ABORT = "abort"
    """The message is not made; the send is skipped, and the journal says which value was missing."""
    BLANK = "blank"
    """Nothing is printed there."""


def _table(given: Mapping[str, str | float]) -> Mapping[str, str | float]:
    for path, value in given.items():
        if not isinstance(value, (str, int, float)):
            message = f"the fallback of {path!r} must be a text or a number, not {type(value).__name__}"
            raise ConfigurationError(message)
    return MappingProxyType(dict(given))


_NO_TABLE: Final[Mapping[str, str | float]] = {}


@frozen(kw_only=True)
class Fallbacks:
    """What stands in for values that are missing, where a tag has no ``default`` of its own.

    Attributes:
        subject: For the subject, by path, such as ``{"firstName": "there"}``.
        body: For the HTML part and the plain part, likewise.

    Raises:
        ConfigurationError: A fallback is neither a text nor a number.
    """

    subject: Mapping[str, str | float] = field(default=_NO_TABLE, converter=_table)
    body: Mapping[str, str | float] = field(default=_NO_TABLE, converter=_table)


NO_FALLBACKS: Final = Fallbacks()
STANDARD_FALLBACKS: Final = Fallbacks(
    subject={"firstName": "there", "lastName": "", "company": "", "timeOfDay": "Hello"},
    body={
        "firstName": "Valued Customer",
        "totalPurchases": 0,
        "favoriteCategory": "our products",
        "location": "",
        "timeOfDay": "Hello",
    },
)
"""The fallbacks that the usual tags have."""


@frozen
class Template:
    """What a message is made from; each part is a template source of its own.

    Attributes:
        template_id: The id that workflows name.
        subject: The subject line; a send action's own subject goes before it. It is no HTML.
        html: The HTML part; None where there is none.
        text: The plain part; None where there is none. It is no HTML.
        fallbacks: What stands in for values that are missing, beside the ``default`` of a tag, which goes first.
        missing: What becomes of a message where nothing stands in.
        instead: The id of the template that is tried once where this one aborts; None skips the message at once.
        subjects: Further subjects by the name of a variant, such as ``urgent``; a rule takes one.
        locales: The same template in other languages, by locale such as ``de`` or ``de-AT``; a reader whose
            ``locale`` is ``de-AT`` gets that one, else ``de``, else this one.
    """

    template_id: str
    subject: str = field(default="", kw_only=True)
    html: str | None = field(default=None, kw_only=True)
    text: str | None = field(default=None, kw_only=True)
    fallbacks: Fallbacks = field(default=NO_FALLBACKS, kw_only=True)
    missing: Missing = field(default=Missing.ABORT, kw_only=True)
    instead: str | None = field(default=None, kw_only=True)
    subjects: Mapping[str, str] = field(factory=dict[str, str], kw_only=True)
    locales: Mapping[str, Template] = field(factory=dict[str, "Template"], kw_only=True)

    def in_locale(self, locale: str | None) -> Template:
        """Give the template for a locale, by its chain: ``de-AT``, then ``de``, then this one."""
        found = locale_of(self.locales, locale)
        return self if found is None else evolve(self.locales[found], template_id=self.template_id)


def locale_of(known: Mapping[str, object], locale: object) -> str | None:
    """Give the nearest of some locales; None where not even its language is among them."""
    if not known or not isinstance(locale, str):
        return None
    names = {name.replace("_", "-").lower(): name for name in known}
    wanted = locale.replace("_", "-").lower()
    while wanted:
        if wanted in names:
            return names[wanted]
        wanted = wanted.rpartition("-")[0]
    return None


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
        column: The column of the tag or word that is meant, from 1; None where it is not known.
    """

    def __init__(self, code: str, message: str, line: int | None = None, column: int | None = None) -> None:
        self.code = code
        self.message = message
        self.line = line
        self.column = column
        place = "" if line is None else f"line {line}: " if column is None else f"line {line}, column {column}: "
        super().__init__(f"{place}{message} [{code}]")

    def __reduce__(self) -> tuple[type[TemplateError], tuple[str, str, int | None, int | None]]:
        return (type(self), (self.code, self.message, self.line, self.column))


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
