"""Rules about single actions: those that do nothing, undo themselves, or tell a secret."""

from __future__ import annotations

import re
from collections.abc import Iterator
from datetime import timedelta
from ipaddress import ip_address
from typing import Final
from urllib.parse import parse_qsl, urlsplit

from flowkit.problems import pointer, short
from flowkit.workflows.lint.model import Breach
from flowkit.workflows.model import (
    CallWebhook,
    MessageClass,
    Operation,
    SendEmail,
    UpdateProfile,
    UpdateSegments,
    Wait,
    WaitUntil,
    Workflow,
)
from flowkit.workflows.waits import CalendarDays

__all__ = [
    "attributes_changed_twice",
    "blank_subjects",
    "credentials_in_urls",
    "delays_beyond_expiry",
    "empty_updates",
    "insecure_webhooks",
    "late_beyond_expiry",
    "marketing_without_topic",
    "quiet_hours_of_nothing",
    "segments_added_and_removed",
    "topics_without_effect",
    "waits_of_nothing",
]

_NO_TIME: Final = timedelta()
_MERGE_TAG: Final = re.compile(r"\{\{[^{}]*\}\}")
_SECRETS: Final = frozenset(
    {
        "accesskey",
        "accesstoken",
        "apikey",
        "apitoken",
        "authtoken",
        "clientsecret",
        "password",
        "passwd",
        "privatekey",
        "secret",
        "secretkey",
        "token",
    }
)


def _operations(workflow: Workflow) -> Iterator[tuple[str, Operation, timedelta]]:
    """Give each operation with the path of its action and its delay."""
    for key, node in workflow.nodes.items():
        for index, action in enumerate(node.actions):
            yield f"{pointer('/nodes', key)}/actions/{index}", action.do, action.delay


def waits_of_nothing(workflow: Workflow) -> Iterator[Breach]:
    """Find waits that do not wait."""
    for path, do, delay in _operations(workflow):
        if delay <= _NO_TIME and (
            (isinstance(do, Wait) and do.duration <= _NO_TIME)
            or (isinstance(do, WaitUntil) and do.rule == CalendarDays(0))
        ):
            yield Breach(f"{path}/parameters", "waits for no time at all; say how long, or leave the action out")


def marketing_without_topic(workflow: Workflow) -> Iterator[Breach]:
    """Find marketing that asks for no consent beside marketing that does."""
    marketing = [
        (path, do)
        for path, do, _ in _operations(workflow)
        if isinstance(do, SendEmail) and do.message_class is MessageClass.MARKETING
    ]
    if any(do.topic is not None for _, do in marketing):
        for path, do in marketing:
            if do.topic is None:
                message = "other messages here name a topic, and this one goes to whoever wants none; name one"
                yield Breach(f"{path}/parameters", message)


def topics_without_effect(workflow: Workflow) -> Iterator[Breach]:
    """Find topics of messages that go out without consent."""
    for path, do, _ in _operations(workflow):
        if isinstance(do, SendEmail) and do.topic is not None and do.consent_topic is None:
            message = "transactional messages ask for no consent, so the topic has no effect; leave one of them out"
            yield Breach(f"{path}/parameters/topic", message)


def blank_subjects(workflow: Workflow) -> Iterator[Breach]:
    """Find subjects that say nothing; one that is left out is the template's."""
    for path, do, _ in _operations(workflow):
        if isinstance(do, SendEmail) and do.subject is not None and not do.subject.strip():
            message = "the subject is blank, and takes the place of the template's; write one, or leave it out"
            yield Breach(f"{path}/parameters/subject", message)


def delays_beyond_expiry(workflow: Workflow) -> Iterator[Breach]:
    """Find messages that are held back for longer than they may be late."""
    for path, do, delay in _operations(workflow):
        if isinstance(do, SendEmail) and do.expires_after is not None and delay > do.expires_after:
            message = (
                "is counted from the end of the delay, which is longer; a message of no use so late needs less delay"
            )
            yield Breach(f"{path}/parameters/expires_after", message)


def late_beyond_expiry(workflow: Workflow) -> Iterator[Breach]:
    """Find messages that have expired before they would be late."""
    for path, do, _ in _operations(workflow):
        if not isinstance(do, SendEmail) or do.late is None or do.expires_after is None:
            continue
        if do.late.after >= do.expires_after:
            message = "has no effect: the message has expired by then; choose a shorter time, or leave one of them out"
            yield Breach(f"{path}/parameters/late/after", message)


def quiet_hours_of_nothing(workflow: Workflow) -> Iterator[Breach]:
    """Find quiet hours of workflows that send nothing which waits for their end."""
    if workflow.quiet_hours is None:
        return
    sends = (do for _, do, _ in _operations(workflow) if isinstance(do, SendEmail))
    if not any(do.message_class is MessageClass.MARKETING for do in sends):
        yield Breach("/quiet_hours", "has no effect: nothing here is marketing, and nothing else waits; leave it out")


def empty_updates(workflow: Workflow) -> Iterator[Breach]:
    """Find updates that change nothing."""
    for path, do, _ in _operations(workflow):
        match do:
            case UpdateSegments(add=(), remove=()):
                yield Breach(f"{path}/parameters", "changes no segment; name some in `add` or `remove`")
            case UpdateProfile(set=values, unset=unset, increment=numbers) if not (values or unset or numbers):
                yield Breach(f"{path}/parameters", "changes no attribute; name some in `set`, `unset` or `increment`")
            case _:
                continue


def segments_added_and_removed(workflow: Workflow) -> Iterator[Breach]:
    """Find segments that one action both adds and removes."""
    for path, do, _ in _operations(workflow):
        if isinstance(do, UpdateSegments):
            removed = frozenset(do.remove)
            for index, name in enumerate(do.add):
                if name in removed:
                    message = (
                        f"{short(name)} is added here and removed by the same action, and removal wins; choose one"
                    )
                    yield Breach(f"{path}/parameters/add/{index}", message)


def attributes_changed_twice(workflow: Workflow) -> Iterator[Breach]:
    """Find attributes that one action changes in two ways."""
    for path, do, _ in _operations(workflow):
        if not isinstance(do, UpdateProfile):
            continue
        for index, name in enumerate(do.unset):
            if name in do.set:
                message = f"{short(name)} is removed here and set by the same action, and removal wins; choose one"
                yield Breach(f"{path}/parameters/unset/{index}", message)
        for name in do.increment:
            other = "removed" if name in do.unset else "set" if name in do.set else None
            if other is not None:
                message = f"{short(name)} is {other} by the same action before it is incremented; set it to the result"
                yield Breach(pointer(f"{path}/parameters/increment", name), message)


# ------------------------------------------------------------------------------------------------------------
# Webhooks


def insecure_webhooks(workflow: Workflow) -> Iterator[Breach]:
    """Find webhooks that anybody on the way can read."""
    for path, do, _ in _operations(workflow):
        if isinstance(do, CallWebhook):
            scheme, host, _, _ = _parts(do.url)
            if scheme == "http" and not _is_loopback(host):
                message = f"what is sent to {short(host)} over http can be read and changed on the way; use https"
                yield Breach(f"{path}/parameters/url", message)


def credentials_in_urls(workflow: Workflow) -> Iterator[Breach]:
    """Find secrets where logs and journals of others keep them."""
    for path, do, _ in _operations(workflow):
        if isinstance(do, CallWebhook):
            _, _, has_login, query = _parts(do.url)
            named = [name for name, value in parse_qsl(query) if _is_secret(name, value)]
            if has_login or named:
                what = "a user name or password" if has_login else short(named[0])
                message = f"{what} in a URL ends up in logs; send it in a header"
                yield Breach(f"{path}/parameters/url", message)


def _parts(url: str) -> tuple[str, str, bool, str]:
    """Take a URL apart: its scheme, its host, whether it holds a login, and its query; nothing of what is none."""
    try:
        parts = urlsplit(url)
        return parts.scheme, parts.hostname or "", "@" in parts.netloc, parts.query
    except ValueError:
        return "", "", False, ""


def _is_loopback(host: str) -> bool:
    if host == "localhost" or host.endswith(".localhost"):
        return True
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return False


def _is_secret(name: str, value: str) -> bool:
    """Whether a parameter is named like a secret, and holds one that is written out."""
    return re.sub(r"[-_.]", "", name.lower()) in _SECRETS and bool(_MERGE_TAG.sub("", value).strip())
