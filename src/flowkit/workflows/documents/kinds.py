"""What an action does, in the words of the JSON document, and which parameters are known of each."""

from __future__ import annotations

from collections.abc import Mapping
from enum import StrEnum
from typing import Final, assert_never

from flowkit.workflows.control import Branch, Exit, Split, WaitForEvent
from flowkit.workflows.documents.waits import WAIT_KEYS
from flowkit.workflows.durations import DURATIONS
from flowkit.workflows.links import EmitEvent, StartWorkflow
from flowkit.workflows.model import (
    EMAIL,
    CallHandler,
    CallWebhook,
    CheckEngagement,
    Operation,
    SendEmail,
    UpdateProfile,
    UpdateSegments,
    Wait,
    WaitUntil,
)

__all__ = ["KNOWN", "OPTIONAL", "WAITS", "ActionType", "kind_of"]


class ActionType(StrEnum):
    """What an action does, in the words of the JSON document."""

    SEND_EMAIL = "send_email"
    SEND = "send"
    WAIT = "wait"
    WAIT_FOR_EVENT = "wait_for_event"
    CONDITION = "condition"
    BRANCH = "branch"
    SPLIT = "split"
    EXIT = "exit"
    SEGMENT_UPDATE = "segment_update"
    PERSONALIZATION_UPDATE = "personalization_update"
    WEBHOOK = "webhook"
    CUSTOM = "custom"
    EMIT_EVENT = "emit_event"
    START_WORKFLOW = "start_workflow"


WAITS: Final = (*DURATIONS, *WAIT_KEYS)
"""What may be waited for: a wait has exactly one of these."""

_OF_SENDS: Final = frozenset(
    {"subject", "personalization", "delivery", "topic", "message_class", "on_skip", "expires_after", "late"}
)

OPTIONAL: Final[Mapping[ActionType, frozenset[str]]] = {
    ActionType.SEND_EMAIL: _OF_SENDS | {"channel"},
    ActionType.SEND: _OF_SENDS,
    ActionType.WAIT: frozenset({"at"}),
    ActionType.WAIT_FOR_EVENT: frozenset({"look_back"}),
    ActionType.CONDITION: frozenset({"condition_type", "metrics"}),
    ActionType.BRANCH: frozenset(),
    ActionType.SPLIT: frozenset({"split_id"}),
    ActionType.EXIT: frozenset(),
    ActionType.SEGMENT_UPDATE: frozenset({"add", "remove"}),
    ActionType.PERSONALIZATION_UPDATE: frozenset({"set", "unset", "increment"}),
    ActionType.WEBHOOK: frozenset({"method", "headers", "body", "response", "delivery"}),
    ActionType.CUSTOM: frozenset({"delivery"}),
    ActionType.EMIT_EVENT: frozenset(),
    ActionType.START_WORKFLOW: frozenset({"properties"}),
}
"""The parameters that may be left out, so that one which is misspelled would be missed by nobody."""

_REQUIRED: Final[Mapping[ActionType, frozenset[str]]] = {
    ActionType.SEND_EMAIL: frozenset({"template_id"}),
    ActionType.SEND: frozenset({"template_id", "channel"}),
    ActionType.WAIT: frozenset(WAITS),
    ActionType.WAIT_FOR_EVENT: frozenset({"branches", "timeout"}),
    ActionType.BRANCH: frozenset({"cases", "otherwise"}),
    ActionType.SPLIT: frozenset({"ways"}),
    ActionType.EXIT: frozenset({"reason"}),
    ActionType.WEBHOOK: frozenset({"url"}),
    ActionType.CUSTOM: frozenset({"name"}),
    ActionType.EMIT_EVENT: frozenset({"event"}),
    ActionType.START_WORKFLOW: frozenset({"workflow_id"}),
}
_NONE: Final[frozenset[str]] = frozenset()

KNOWN: Final[Mapping[ActionType, frozenset[str]]] = {
    kind: optional | _REQUIRED.get(kind, _NONE) for kind, optional in OPTIONAL.items()
}
"""All parameters that are known; others are free."""


def kind_of(operation: Operation) -> ActionType:  # noqa: C901 - a case for each operation
    """Say by which word a document spells an operation."""
    match operation:
        case SendEmail(channel=channel):
            return ActionType.SEND_EMAIL if channel == EMAIL else ActionType.SEND
        case Wait() | WaitUntil():
            return ActionType.WAIT
        case WaitForEvent():
            return ActionType.WAIT_FOR_EVENT
        case CheckEngagement():
            return ActionType.CONDITION
        case Branch():
            return ActionType.BRANCH
        case Split():
            return ActionType.SPLIT
        case Exit():
            return ActionType.EXIT
        case UpdateSegments():
            return ActionType.SEGMENT_UPDATE
        case UpdateProfile():
            return ActionType.PERSONALIZATION_UPDATE
        case CallWebhook():
            return ActionType.WEBHOOK
        case CallHandler():
            return ActionType.CUSTOM
        case EmitEvent():
            return ActionType.EMIT_EVENT
        case StartWorkflow():
            return ActionType.START_WORKFLOW
        case _:
            assert_never(operation)
