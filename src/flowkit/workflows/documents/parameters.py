"""What the `parameters` of an action say: known ones typed, others kept in the open bag; and back again."""

from __future__ import annotations

import re
from collections.abc import Mapping
from datetime import timedelta
from enum import StrEnum
from typing import Final, assert_never
from urllib.parse import urlsplit

from flowkit.documents import is_object
from flowkit.errors import DocumentError, Problem
from flowkit.fields import Fields
from flowkit.problems import likely, pointer, short
from flowkit.workflows.control import Branch, Exit, Split, WaitForEvent
from flowkit.workflows.documents.awaits import dump_await, read_await
from flowkit.workflows.documents.branches import dump_branch, read_branch
from flowkit.workflows.documents.kinds import KNOWN, WAITS, ActionType, kind_of
from flowkit.workflows.documents.links import dump_emit, dump_start, read_emit, read_start
from flowkit.workflows.documents.splits import dump_split, read_split
from flowkit.workflows.documents.timing import dump_late, read_late
from flowkit.workflows.documents.waits import WAIT_KEYS, dump_wait, read_wait
from flowkit.workflows.durations import dump_span, dump_whole, in_units, read_span
from flowkit.workflows.links import EmitEvent, StartWorkflow
from flowkit.workflows.model import (
    EMAIL,
    MAX_VARIABLES,
    CallHandler,
    CallWebhook,
    CheckEngagement,
    Delivery,
    MessageClass,
    OnSkip,
    Operation,
    SendEmail,
    UpdateProfile,
    UpdateSegments,
    Wait,
    WaitUntil,
    is_variable,
)

__all__ = ["ActionType", "dump", "in_units", "load", "read_reason"]


class _ConditionType(StrEnum):
    ENGAGEMENT_CHECK = "engagement_check"


class _Method(StrEnum):
    GET = "GET"
    POST = "POST"
    PUT = "PUT"
    PATCH = "PATCH"
    DELETE = "DELETE"


# ------------------------------------------------------------------------------------------------------------
# Reading


def load(kind: ActionType | None, fields: Fields) -> Operation:  # noqa: C901, PLR0912 - a case for each action
    """Read the parameters of an action.

    Args:
        kind: What the action does; None where that could not be read, and then nothing is done.
        fields: The parameters; what is wrong with them is noted there.
    """
    match kind:
        case ActionType.SEND_EMAIL | ActionType.SEND:
            return _send(kind, fields)
        case ActionType.WAIT:
            return _wait(fields)
        case ActionType.WAIT_FOR_EVENT:
            return read_await(fields)
        case ActionType.CONDITION:
            if fields.has("condition_type"):
                fields.word("condition_type", _ConditionType)
            return CheckEngagement(fields.ids("metrics"), parameters=fields.rest())
        case ActionType.BRANCH:
            return read_branch(fields)
        case ActionType.SPLIT:
            return read_split(fields)
        case ActionType.EXIT:
            return Exit(read_reason(fields), parameters=fields.rest())
        case ActionType.SEGMENT_UPDATE:
            return UpdateSegments(add=fields.ids("add"), remove=fields.ids("remove"), parameters=fields.rest())
        case ActionType.PERSONALIZATION_UPDATE:
            return _profile_update(fields)
        case ActionType.WEBHOOK:
            return _webhook(fields)
        case ActionType.CUSTOM:
            return CallHandler(fields.id("name"), delivery=_delivery(fields), parameters=fields.rest())
        case ActionType.EMIT_EVENT:
            return read_emit(fields)
        case ActionType.START_WORKFLOW:
            return read_start(fields)
        case None:
            return UpdateSegments()
        case _:
            assert_never(kind)


def _send(kind: ActionType, fields: Fields) -> SendEmail:
    message_class = fields.word("message_class", MessageClass) if fields.has("message_class") else None
    on_skip = fields.word("on_skip", OnSkip) if fields.has("on_skip") else None
    return SendEmail(
        fields.id("template_id"),
        channel=_channel(kind, fields),
        subject=_line(fields, "subject") if fields.has("subject") else None,
        personalization=fields.flag("personalization", default=True),
        delivery=_delivery(fields),
        topic=fields.id("topic") if fields.has("topic") else None,
        message_class=message_class or MessageClass.MARKETING,
        on_skip=on_skip or OnSkip.CONTINUE,
        expires_after=_expiry(fields) if fields.has("expires_after") else None,
        late=read_late(fields) if fields.has("late") else None,
        parameters=fields.rest(),
    )


def _channel(kind: ActionType, fields: Fields) -> str:
    if kind is ActionType.SEND:
        return fields.id("channel")
    if fields.id("channel", EMAIL) not in {"", EMAIL}:
        fields.wrong("channel", "conflicting_fields", 'an e-mail goes by "email"; for another channel write "send"')
    return EMAIL


def _expiry(fields: Fields) -> timedelta:
    span = fields.child("expires_after")
    known = len(fields.problems.found)
    found, _ = read_span(span)
    span.close()
    if not found and len(fields.problems.found) == known and is_object(fields.values["expires_after"]):
        fields.wrong("expires_after", "out_of_range", "must be longer than no time")
    return found


def _delivery(fields: Fields) -> Delivery:
    given = fields.word("delivery", Delivery) if fields.has("delivery") else None
    return given or Delivery.AT_LEAST_ONCE


def _wait(fields: Fields) -> Wait | WaitUntil:
    given = [name for name in WAITS if fields.has(name)]
    if len(given) != 1:
        code = "conflicting_fields" if given else "missing_field"
        near = None if given else likely(fields.values, WAITS)
        hint = "" if near is None else f"; is {short(near)} meant?"
        fields.problems.add(code, fields.path, f"give exactly one of {', '.join(WAITS)}{hint}")
        return Wait(timedelta())
    if fields.has("at") and given[0] != "calendar_days":
        message = 'goes with calendar_days; to wait for a time of day write "until": {"at": "09:00"}'
        fields.wrong("at", "conflicting_fields", message)
    if given[0] in WAIT_KEYS:
        rule = read_wait(given[0], fields)
        return Wait(timedelta()) if rule is None else WaitUntil(rule, parameters=fields.rest())
    duration, unit = read_span(fields)
    return Wait(duration, unit=unit, parameters=fields.rest())


def read_reason(fields: Fields) -> str:
    """Read why a run ends: one line of text that is not blank; what is wrong with it is noted there."""
    reason = _line(fields, "reason")
    if isinstance(fields.values.get("reason"), str) and not reason.strip():
        fields.wrong("reason", "bad_text", "must say why the run ends")
    return reason


def _profile_update(fields: Fields) -> UpdateProfile:
    values, numbers = fields.child("set", {}), fields.child("increment", {})
    return UpdateProfile(
        set={name: values.values[name] for name in values.names()},
        unset=fields.ids("unset"),
        increment={name: numbers.number(name) for name in numbers.names()},
        parameters=fields.rest(),
    )


def _webhook(fields: Fields) -> CallWebhook:
    url = fields.text("url")
    if isinstance(fields.values.get("url"), str) and (problem := _url_problem(url)):
        fields.wrong("url", "bad_url", problem)
    method = fields.word("method", _Method) if fields.has("method") else None
    headers = fields.child("headers", {})
    return CallWebhook(
        url,
        method=str(method or _Method.POST),
        headers={name: _header(headers, name) for name in headers.values},
        body=dict(fields.child("body", {}).values),
        response=_response(fields.child("response", {})),
        delivery=_delivery(fields),
        parameters=fields.rest(),
    )


def _response(fields: Fields) -> dict[str, str]:
    if len(fields.values) > MAX_VARIABLES:
        message = f"sets at most {MAX_VARIABLES} variables, not {len(fields.values)}"
        fields.problems.add("too_long", fields.path, message)
        return {}
    response: dict[str, str] = {}
    for name in fields.values:
        if not is_variable(name):
            message = f"{short(name)} is no name of a variable: a letter, then up to 63 letters, digits and underscores"
            fields.wrong(name, "bad_id", message)
        elif path := fields.id(name):
            response[name] = path
    return response


# ------------------------------------------------------------------------------------------------------------
# Texts that end up in protocols with lines

_BREAK: Final = re.compile("[\x00-\x1f\x7f-\x9f\u2028\u2029]")
_HEADER_NAME: Final = re.compile(r"[!#$%&'*+.^_`|~0-9A-Za-z-]+")  # a token: RFC 9110, section 5.6.2
_URL_LENGTH: Final = 8_192
_MERGE_TAG: Final = re.compile(r"\{\{[^{}]*\}\}")
_NEVER_IN_URL: Final = re.compile(r"[\x00-\x20\x7f-\xa0\\]")


def _line(fields: Fields, name: str) -> str:
    value = fields.text(name)
    if _BREAK.search(value):
        fields.wrong(name, "bad_text", "must be one line without control characters")
    return value


def _header(headers: Fields, name: str) -> str:
    if not _HEADER_NAME.fullmatch(name):
        headers.wrong(name, "bad_text", f"{short(name)} is not the name of a header")
    return _line(headers, name)


def _url_problem(url: str) -> str | None:
    """Say what makes a text unfit for a webhook, or None; where a name leads is for the adapter to judge."""
    if len(url) > _URL_LENGTH:
        return f"must have at most {_URL_LENGTH} characters, not {len(url)}"
    plain = _MERGE_TAG.sub("", url)
    if _NEVER_IN_URL.search(plain):
        return "must hold no spaces, control characters or backslashes"
    try:
        parts = urlsplit(plain)
        host, _ = parts.hostname, parts.port
    except ValueError:
        return "is no URL"
    if parts.scheme not in {"http", "https"} or not host:
        return "must be an http or https URL with a host"
    if "@" in parts.netloc:
        return "must hold no user name or password; use a header"
    if "{" in re.split("[/?#]", url.partition("://")[2], maxsplit=1)[0]:
        return "a template may stand in the path or the query, not in the host"
    return None


# ------------------------------------------------------------------------------------------------------------
# Writing


def dump(operation: Operation, path: str) -> tuple[ActionType, dict[str, object]]:
    """Write an operation as the type and the parameters of an action.

    Args:
        operation: What is done.
        path: The JSON Pointer of the parameters, for the errors.

    Raises:
        DocumentError: The open bag holds the name of a known parameter, or a condition nests too deep.
    """
    kind, known = kind_of(operation), _known(operation, path)
    for name in operation.parameters:
        if name in KNOWN[kind]:
            message = f"is a parameter of {kind}; set it as an attribute, not in the open bag"
            raise DocumentError([Problem("reserved_field", pointer(path, name), message=message)])
    return kind, {**known, **operation.parameters}


def _known(operation: Operation, path: str) -> Mapping[str, object]:  # noqa: C901 - a case for each operation
    match operation:
        case SendEmail():
            return _dump_send(operation)
        case Wait(duration, unit=unit):
            return dump_span(duration, unit)
        case WaitUntil(rule):
            return dump_wait(rule)
        case WaitForEvent():
            return dump_await(operation, path)
        case CheckEngagement(metrics):
            return {
                "condition_type": str(_ConditionType.ENGAGEMENT_CHECK),
                "metrics": list(metrics),
            }
        case Branch():
            return dump_branch(operation, path)
        case Split():
            return dump_split(operation)
        case Exit(reason):
            return {"reason": reason}
        case UpdateSegments(add=add, remove=remove):
            return {"add": list(add), "remove": list(remove)}
        case UpdateProfile(set=values, unset=unset, increment=increment):
            return {
                "set": dict(values),
                "unset": list(unset),
                "increment": dict(increment),
            }
        case CallWebhook(url, method=method, headers=headers, body=body, response=response, delivery=delivery):
            return {
                "url": url,
                "method": str(method),
                "headers": dict(headers),
                "body": dict(body),
                **({"response": dict(response)} if response else {}),
                **_said(delivery),
            }
        case CallHandler(name, delivery=delivery):
            return {"name": name, **_said(delivery)}
        case EmitEvent():
            return dump_emit(operation, path)
        case StartWorkflow():
            return dump_start(operation)
        case _:
            assert_never(operation)


def _dump_send(send: SendEmail) -> Mapping[str, object]:
    """Write a message: besides the template, what is not as it is without a word."""
    said: dict[str, object] = {} if send.channel == EMAIL else {"channel": send.channel}
    said["template_id"] = send.template_id
    if send.subject is not None:
        said["subject"] = send.subject
    said |= {"personalization": send.personalization, **_said(send.delivery)}
    if send.topic is not None:
        said["topic"] = send.topic
    if send.message_class is not MessageClass.MARKETING:
        said["message_class"] = str(send.message_class)
    if send.on_skip is not OnSkip.CONTINUE:
        said["on_skip"] = str(send.on_skip)
    if send.expires_after is not None:
        said["expires_after"] = dump_whole(send.expires_after)
    return {**said, **dump_late(send.late)}


def _said(delivery: Delivery) -> Mapping[str, object]:
    return {} if delivery is Delivery.AT_LEAST_ONCE else {"delivery": str(delivery)}
