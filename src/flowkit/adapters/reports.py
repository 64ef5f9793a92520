"""What mail servers send back: reports of delivery (RFC 3464) and of abuse (RFC 5965), read with no trust at all."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from email import message_from_bytes, policy
from email.message import Message
from enum import StrEnum
from typing import Final, TypeAlias, TypeGuard

from attrs import field, frozen

from flowkit.documents import is_list
from flowkit.errors import FlowkitError
from flowkit.events import Event
from flowkit.hashing import content_hash
from flowkit.rendering.lines import one_line
from flowkit.rendering.mail_policy import REPORT_HEADER

__all__ = ["Report", "ReportError", "ReportFault", "ReportKind", "parse_report", "report_event"]

_NOTHING: Final[Mapping[str, str]] = {}
_READ: Final = 1_000_000
_Part: TypeAlias = "Message[str, str]"
_MOST_RECIPIENTS: Final = 100
_MOST_FIELDS: Final = 10_000
_STATUS: Final = re.compile(r"\s*([245])\.(\d{1,3})\.(\d{1,3})")
_REPLY: Final = re.compile(r"([245])\d\d[ -]?(?:#?([245]\.\d{1,3}\.\d{1,3}))?")
_FIELD: Final = re.compile(r"([!-9;-~]+)[ \t]*:(.*)")
_MESSAGE_ID: Final = re.compile(r"<[^<>\s]{1,990}>")
_TOKEN: Final = re.compile(r"[A-Za-z0-9_.-]{1,4000}")
_ADDRESS: Final = re.compile(r"[^\s<>@]{1,64}@[^\s<>@]{1,255}")
# A mailbox that is full, and a policy or a message that is refused, say nothing of whether the address lives.
_PASSING: Final = frozenset({"5.2.2", "5.2.3", "5.3.4"})
_CONTENT: Final = frozenset({"6", "7"})
_REASON_LENGTH: Final = 500


class ReportKind(StrEnum):
    """What a report says of one recipient."""

    HARD_BOUNCE = "hard_bounce"
    """The address is dead: it should get nothing more."""
    SOFT_BOUNCE = "soft_bounce"
    """The message did not arrive; another one may."""
    DELAYED = "delayed"
    """The server goes on trying."""
    DELIVERED = "delivered"
    """It arrived, or was handed on to where no report comes from."""
    COMPLAINT = "complaint"
    """The reader reported it as spam."""
    NOT_SPAM = "not_spam"
    """The reader said that it is no spam."""
    OTHER = "other"
    """A report of another kind, such as ``virus`` or ``fraud``."""


class ReportFault(StrEnum):
    """Why a message is taken for no report."""

    NO_REPORT = "no_report"
    """It is a message of another kind."""
    BROKEN = "broken"
    """It says that it is a report, and lacks what one has."""


class ReportError(FlowkitError):
    """A message is no report that could be read.

    Attributes:
        fault: Why; nothing of the message is quoted.
    """

    def __init__(self, fault: ReportFault) -> None:
        self.fault = fault
        super().__init__(f"no report could be read: {fault}")

    def __reduce__(self) -> tuple[type[ReportError], tuple[ReportFault]]:
        return (type(self), (self.fault,))


@frozen(kw_only=True, repr=False)
class Report:
    """What one report says of one recipient. Anybody can write one: believe its ``token``, once it is verified.

    Attributes:
        kind: What became of the message, or of its reader's patience.
        recipient: The address that the message was sent to, as far as the report tells; in lower case.
        status: The enhanced status code (RFC 3463), such as ``5.1.1``; None for complaints.
        reason: What the server said, on one line of at most 500 characters; empty where it said nothing.
        message_id: The Message-ID of the message, with angle brackets; `Outcome.reference` of its sending by SMTP.
        token: The token of a message that was sent under a `MailPolicy`: ``tokens.verify("report", token, now=...)``
            gives the subscriber, the key and the workflow.
        feedback_type: What a complaint is called, such as ``abuse``; None for reports of delivery.
        headers: The message's own header lines, as far as they came back, by names in lower case.
    """

    kind: ReportKind
    recipient: str | None = None
    status: str | None = None
    reason: str = ""
    message_id: str | None = None
    token: str | None = None
    feedback_type: str | None = None
    headers: Mapping[str, str] = field(factory=dict[str, str])

    def __repr__(self) -> str:
        # The address is personal.
        return f"Report(kind={self.kind!r}, status={self.status!r})"


def parse_report(content: bytes) -> tuple[Report, ...]:
    """Read a message that came to the address for bounces, or from a feedback loop.

    A bounce is hard where the server refused for good (5.x.x), but for a full mailbox (5.2.2), a message that is too
    large (5.2.3, 5.3.4), and what it has against the message or its sender (5.6.x, 5.7.x): all of these may pass.

    Args:
        content: The message; its first million octets are read.

    Returns:
        One report for each recipient that it names, at most 100; never empty.

    Raises:
        ReportError: It is none; whatever the octets are, nothing else is raised.
    """
    try:
        # What is behind is the message that came back, of which the head is enough.
        return _reports(message_from_bytes(content[:_READ], policy=policy.compat32))
    except (ValueError, LookupError, TypeError, AttributeError, AssertionError, RecursionError) as error:
        # The standard library's parser stumbles in many ways over what is broken.
        raise ReportError(ReportFault.BROKEN) from error


def report_event(report: Report, subscriber_id: str, key: str, workflow_id: str) -> Event | None:
    """Make the event of a report, for ``ingest``: ``bounce`` with ``bounce_type``, or ``complaint``.

    Args:
        report: What was read.
        subscriber_id: Of whom it is, as its verified token says.
        key: Of which message, likewise. Reports of one kind about one message are one event.
        workflow_id: Of which workflow, likewise; by it the event counts in the workflow's metrics.

    Returns:
        The event; None where the report asks for nothing.
    """
    properties = {"send_key": key, "workflow_id": workflow_id, "channel": "email"}
    match report.kind:
        case ReportKind.HARD_BOUNCE | ReportKind.SOFT_BOUNCE:
            name = "bounce"
            properties["bounce_type"] = "hard" if report.kind is ReportKind.HARD_BOUNCE else "soft"
            if report.status is not None:
                properties["status"] = report.status
        case ReportKind.COMPLAINT:
            name = "complaint"
        case _:
            return None
    return Event(name, subscriber_id, id=f"report:{content_hash(f'{report.kind}:{key}')}", properties=properties)


def _reports(message: _Part) -> tuple[Report, ...]:
    parts = _parts(message)
    feedback = parts.get("message/feedback-report")
    status = parts.get("message/delivery-status") or parts.get("message/global-delivery-status")
    returned = _returned(parts)
    if feedback is not None:
        return _complaints(_blocks(feedback), returned)
    if status is not None:
        return _bounces(_blocks(status), returned)
    fault = ReportFault.BROKEN if message.get_content_type() == "multipart/report" else ReportFault.NO_REPORT
    raise ReportError(fault)


# -- parts ------------------------------------------------------------------------------------------------------------


def _parts(message: _Part) -> Mapping[str, _Part]:
    """Give the parts of a message by type, the first of each; what was returned is not looked into."""
    found: dict[str, _Part] = {}
    waiting: list[_Part] = [message]
    while waiting:
        part = waiting.pop()
        kind = part.get_content_type()
        found.setdefault(kind, part)
        if part.get_content_maintype() == "multipart":
            waiting += reversed(_children(part))
    return found


def _children(part: _Part) -> Sequence[_Part]:
    payload: object = part.get_payload()
    return [one for one in payload if _is_part(one)] if is_list(payload) else []


def _is_part(value: object) -> TypeGuard[_Part]:
    return isinstance(value, Message)


def _blocks(part: _Part) -> Sequence[Mapping[str, str]]:
    """Read the fields of a report: blocks with a blank line between them, of names in lower case."""
    children = _children(part)
    if children:
        # The standard library reads the blocks of a delivery status as messages.
        return [_fields(one) for one in children[: _MOST_RECIPIENTS + 1]]
    return list(_read_blocks(_text(part)))[: _MOST_RECIPIENTS + 1]


def _fields(message: _Part) -> Mapping[str, str]:
    fields: dict[str, str] = {}
    for name, value in message.items()[:_MOST_FIELDS]:
        fields.setdefault(name.lower(), one_line(str(value)).strip())
    return fields


def _text(part: _Part) -> str:
    payload: object = part.get_payload(decode=True)
    if isinstance(payload, bytes):
        return payload.decode("utf-8", "replace")
    given: object = part.get_payload()
    return given if isinstance(given, str) else ""


def _read_blocks(text: str) -> Iterator[Mapping[str, str]]:
    fields: dict[str, list[str]] = {}
    last: list[str] | None = None
    for line in text.splitlines()[:_MOST_FIELDS]:
        if not line.strip():
            if fields:
                yield {name: one_line(" ".join(pieces)).strip() for name, pieces in fields.items()}
            fields, last = {}, None
        elif line[0] in " \t":
            if last is not None:
                last.append(line.strip())
        elif found := _FIELD.match(line):
            last = [found[2].strip()]
            # Of several fields of one name the first counts.
            fields.setdefault(found[1].lower(), last)
    if fields:
        yield {name: one_line(" ".join(pieces)).strip() for name, pieces in fields.items()}


def _returned(parts: Mapping[str, _Part]) -> Mapping[str, str]:
    """Give the header lines of the message that a report is about."""
    for kind in ("message/rfc822", "message/global", "text/rfc822-headers", "message/rfc822-headers"):
        part = parts.get(kind)
        if part is None:
            continue
        children = _children(part)
        if children:
            return _fields(children[0])
        return next(iter(_read_blocks(_text(part))), _NOTHING)
    return _NOTHING


# -- what they say ----------------------------------------------------------------------------------------------------


def _complaints(blocks: Sequence[Mapping[str, str]], returned: Mapping[str, str]) -> tuple[Report, ...]:
    fields: Mapping[str, str] = blocks[0] if blocks else {}
    name = fields.get("feedback-type", "").lower()
    if not name:
        raise ReportError(ReportFault.BROKEN)
    match name:
        case "abuse" | "opt-out":
            kind = ReportKind.COMPLAINT
        case "not-spam":
            kind = ReportKind.NOT_SPAM
        case _:
            kind = ReportKind.OTHER
    recipient = _address(fields.get("original-rcpt-to", "")) or _address(returned.get("to", ""))
    return (_report(kind, returned, recipient=recipient, feedback_type=name[:100]),)


def _bounces(blocks: Sequence[Mapping[str, str]], returned: Mapping[str, str]) -> tuple[Report, ...]:
    found = [_bounce(fields, returned) for fields in blocks if "final-recipient" in fields or "action" in fields]
    if not found:
        raise ReportError(ReportFault.BROKEN)
    return tuple(found[:_MOST_RECIPIENTS])


def _bounce(fields: Mapping[str, str], returned: Mapping[str, str]) -> Report:
    said = fields.get("diagnostic-code", "")
    status = _status(fields.get("status", ""), said)
    typed = (fields.get(name, "").rpartition(";")[2] for name in ("original-recipient", "final-recipient"))
    recipient = next((found for one in typed if (found := _address(one)) is not None), None)
    return _report(
        _kind(fields.get("action", "").lower(), status),
        returned,
        recipient=recipient,
        status=status,
        reason=said.partition(";")[2].strip() or said,
    )


def _status(given: str, said: str) -> str | None:
    """Read the status; where it says no more than that it failed, what the other server said may say more."""
    found = _STATUS.match(given)
    status = None if found is None else ".".join(found.groups())
    if status is None or status.endswith(".0.0"):
        reply = _REPLY.search(said)
        if reply is not None and reply[2] is not None:
            return reply[2]
        if status is None and reply is not None:
            return f"{reply[1]}.0.0"
    return status


def _kind(action: str, status: str | None) -> ReportKind:
    match action:
        case "delivered" | "relayed" | "expanded":
            return ReportKind.DELIVERED
        case "delayed":
            return ReportKind.DELAYED
        case _:
            pass
    if status is None or not status.startswith("5"):
        return ReportKind.SOFT_BOUNCE
    passing = status in _PASSING or status.split(".")[1] in _CONTENT
    return ReportKind.SOFT_BOUNCE if passing else ReportKind.HARD_BOUNCE


def _report(
    kind: ReportKind,
    returned: Mapping[str, str],
    *,
    recipient: str | None,
    status: str | None = None,
    reason: str = "",
    feedback_type: str | None = None,
) -> Report:
    written = _MESSAGE_ID.search(returned.get("message-id", ""))
    token = _TOKEN.fullmatch(returned.get(REPORT_HEADER.lower(), "").replace(" ", ""))
    return Report(
        kind=kind,
        recipient=recipient,
        status=status,
        reason=one_line(reason)[:_REASON_LENGTH],
        message_id=None if written is None else written[0],
        token=None if token is None else token[0],
        feedback_type=feedback_type,
        headers=returned,
    )


def _address(text: str) -> str | None:
    found = _ADDRESS.search(text[:1000])
    return None if found is None else found[0].lower()
