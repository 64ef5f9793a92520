"""The changes of a variant as documents, and back again.

They are written as::

    {"type": "email_subject", "targetNode": "start", "newValue": "Welcome!"}
    {"type": "timing", "targetNode": "wait_3_days", "newValue": 48}
    {"type": "parameter", "targetNode": "start", "targetAction": "send", "parameter": "topic", "newValue": "news"}
"""

from __future__ import annotations

from datetime import timedelta
from enum import StrEnum
from typing import Final, assert_never

from flowkit.documents import is_object
from flowkit.errors import DocumentError
from flowkit.experiments.changes import (
    Change,
    ChangeContent,
    ChangeCta,
    ChangeOrder,
    ChangeParameter,
    ChangePersonalization,
    ChangeRoute,
    ChangeSubject,
    ChangeTiming,
    ChangeWeights,
    ReplaceNode,
    SkipNode,
)
from flowkit.fields import Fields
from flowkit.triggers.model import Trigger
from flowkit.workflows.codec import dump as dump_workflow
from flowkit.workflows.codec import load as load_workflow
from flowkit.workflows.model import END, Node, Workflow

__all__ = ["ChangeType", "dump_change", "read_change"]

_HOUR: Final = timedelta(hours=1)
_VALUE: Final = "newValue"
_TRIGGER: Final = Trigger("t")


class ChangeType(StrEnum):
    """What is changed, in the words of the JSON document."""

    EMAIL_SUBJECT = "email_subject"
    EMAIL_CONTENT = "email_content"
    TIMING = "timing"
    PERSONALIZATION = "personalization"
    CTA = "cta"
    SEQUENCE_ORDER = "sequence_order"
    PARAMETER = "parameter"
    SPLIT_WEIGHTS = "split_weights"
    ROUTE = "route"
    SKIP_NODE = "skip_node"
    REPLACE_NODE = "replace_node"


def read_change(fields: Fields) -> Change | None:
    """Read a change; what is wrong with it is noted there, and None is given where its type is not known."""
    kind = fields.word("type", ChangeType)
    node = fields.id("targetNode")
    change = None if kind is None else _read(kind, node, fields)
    if kind is not None:
        fields.close()
    return change


def _read(kind: ChangeType, node: str, fields: Fields) -> Change | None:  # noqa: C901 - a case for each type
    match kind:
        case ChangeType.EMAIL_SUBJECT:
            return ChangeSubject(node, fields.text(_VALUE), action=_action(fields))
        case ChangeType.EMAIL_CONTENT:
            return ChangeContent(node, fields.id(_VALUE), action=_action(fields))
        case ChangeType.TIMING:
            return ChangeTiming(node, _hours(fields), action=_action(fields))
        case ChangeType.PERSONALIZATION:
            if not fields.has(_VALUE):
                fields.any(_VALUE)
            return ChangePersonalization(node, fields.flag(_VALUE, default=True), action=_action(fields))
        case ChangeType.CTA:
            return ChangeCta(node, fields.any(_VALUE), action=_action(fields))
        case ChangeType.SEQUENCE_ORDER:
            return ChangeOrder(node, fields.ids(_VALUE))
        case ChangeType.PARAMETER:
            return ChangeParameter(node, fields.id("parameter"), fields.any(_VALUE), action=_action(fields))
        case ChangeType.SPLIT_WEIGHTS:
            inner = fields.child(_VALUE)
            return ChangeWeights(node, {label: inner.number(label, low=0) for label in inner.names()})
        case ChangeType.ROUTE:
            inner = fields.child(_VALUE)
            return ChangeRoute(node, {label: inner.id(label) for label in inner.names()})
        case ChangeType.SKIP_NODE:
            return SkipNode(node, fields.id(_VALUE, "default"))
        case ChangeType.REPLACE_NODE:
            by = _node(node, fields)
            return None if by is None else ReplaceNode(node, by)
        case _:
            assert_never(kind)


def _action(fields: Fields) -> str | None:
    return fields.id("targetAction") if fields.has("targetAction") else None


def _hours(fields: Fields) -> timedelta:
    longest = fields.limits.duration / _HOUR
    return fields.number(_VALUE, low=0, high=longest) * _HOUR


def _node(node_id: str, fields: Fields) -> Node | None:
    """Read a node by the reader of workflows, in a workflow of which its targets are nodes too."""
    value = fields.child(_VALUE)
    ways = value.values.get("next_nodes")
    targets = [one for one in ways.values() if isinstance(one, str)] if is_object(ways) else []
    others: dict[str, object] = {one: {"node_id": one, "name": one} for one in targets if one not in {END, node_id}}
    document: dict[str, object] = {
        "workflow_id": "w",
        "name": "w",
        "trigger": {"trigger_id": "t", "trigger_type": "behavior_based", "conditions": {"event_type": "e"}},
        "nodes": {**others, node_id: dict(value.values)},
        "entry_node": node_id,
    }
    try:
        return load_workflow(document, limits=fields.limits).nodes[node_id]
    except DocumentError as error:
        start = f"/nodes/{node_id}"
        for problem in error.problems:
            path = problem.path.removeprefix(start)
            fields.problems.add(problem.code, f"{value.path}{path}", problem.message)
        return None


def dump_change(change: Change) -> dict[str, object]:
    """Write a change."""
    match change:
        case ChangeSubject(node, subject, action=action):
            return _document(ChangeType.EMAIL_SUBJECT, node, subject, action)
        case ChangeContent(node, template_id, action=action):
            return _document(ChangeType.EMAIL_CONTENT, node, template_id, action)
        case ChangeTiming(node, duration, action=action):
            hours = duration / _HOUR
            return _document(ChangeType.TIMING, node, int(hours) if hours.is_integer() else hours, action)
        case ChangePersonalization(node, flag, action=action):
            return _document(ChangeType.PERSONALIZATION, node, flag, action)
        case ChangeCta(node, cta, action=action):
            return _document(ChangeType.CTA, node, cta, action)
        case ChangeOrder(node, actions):
            return _document(ChangeType.SEQUENCE_ORDER, node, list(actions))
        case ChangeParameter(node, name, value, action=action):
            return {**_document(ChangeType.PARAMETER, node, value, action), "parameter": name}
        case ChangeWeights(node, weights):
            return _document(ChangeType.SPLIT_WEIGHTS, node, dict(weights))
        case ChangeRoute(node, targets):
            return _document(ChangeType.ROUTE, node, dict(targets))
        case SkipNode(node, label):
            return _document(ChangeType.SKIP_NODE, node, label)
        case ReplaceNode(node, by):
            return _document(ChangeType.REPLACE_NODE, node, _node_document(by))
        case _:
            assert_never(change)


def _document(kind: ChangeType, node: str, value: object, action: str | None = None) -> dict[str, object]:
    named: dict[str, object] = {} if action is None else {"targetAction": action}
    return {"type": str(kind), "targetNode": node, **named, _VALUE: value}


def _node_document(node: Node) -> object:
    whole = dump_workflow(Workflow("w", "w", trigger=_TRIGGER, nodes=[node], entry_node=node.node_id))
    nodes = whole["nodes"]
    return nodes[node.node_id] if is_object(nodes) else {}
