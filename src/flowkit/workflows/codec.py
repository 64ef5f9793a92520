"""Workflows as JSON documents: the seed's shape, read strictly and written in full.

Reading is written by hand over `Fields`: nothing is coerced, each problem has its code and place, and no document
makes more of them than a limit; a graph with an error of the lint is refused too.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from datetime import timedelta
from typing import Final

from flowkit import documents
from flowkit.conditions import KEYS, Condition
from flowkit.documents import DEFAULT_LIMITS, Limits
from flowkit.errors import DocumentError, Problem
from flowkit.fields import Fields, instant_text
from flowkit.problems import Problems, pointer, short, suggestion
from flowkit.workflows.check import errors
from flowkit.workflows.control import Branch, Exit, Split, WaitForEvent
from flowkit.workflows.documents import parameters
from flowkit.workflows.documents.conditions import dump_condition, read_condition
from flowkit.workflows.documents.goals import dump_goals, read_exit_criteria, read_goals, read_holdout
from flowkit.workflows.documents.parameters import ActionType, in_units
from flowkit.workflows.documents.timing import dump_quiet_hours, read_quiet_hours
from flowkit.workflows.documents.triggers import dump_trigger, read_trigger, read_zone
from flowkit.workflows.model import MAX_DETACHED, Action, Node, Workflow, is_carried_out

__all__ = ["SCHEMA", "dump", "dumps", "load", "validate"]

SCHEMA: Final = 1
"""The version of the document's shape that `dump` writes; a document without one is the seed's."""

_MINUTE: Final = timedelta(minutes=1)
_THRESHOLD: Final = "engagement_threshold"
_ZONE: Final = "UTC"
_MOST_DETACHED: Final = 1_000
_encode: Final = json.JSONEncoder(ensure_ascii=False, separators=(",", ":"), sort_keys=True).encode


def load(document: str | bytes | Mapping[str, object], *, limits: Limits = DEFAULT_LIMITS) -> Workflow:
    """Read a workflow from its document.

    Args:
        document: JSON text in UTF-8, or the object that it would give.
        limits: How much is read.

    Returns:
        The workflow. Instants are in UTC; one without an offset is read as UTC.

    Raises:
        DocumentError: All that is wrong, each with a stable code and a JSON Pointer: what `documents.read` refuses;
            ``missing_field``, ``unknown_field``, ``wrong_type``, ``bad_enum``, ``out_of_range``, ``bad_id``,
            ``duplicate_id``, ``bad_text``, ``bad_url``, ``bad_instant``, ``bad_date``, ``bad_time``, ``bad_duration``,
            ``bad_offset``, ``bad_pattern``, ``bad_cron``, ``missing_extra``, ``unknown_zone``,
            ``conflicting_fields``, ``reserved_label``, ``no_run``, ``too_short``, ``too_long``, ``too_deep``,
            ``too_many_problems``; ``unsupported_schema`` for what a later version may know; and the
            lint's errors, ``unknown_target``, ``unreachable_action``, ``path_of_detached`` and ``endless_loop``.
    """
    if isinstance(document, (str, bytes)):
        value = documents.read(document, limits=limits)
    else:
        value = documents.check(document, limits=limits)
    problems = Problems(limits.problems)
    workflow = _workflow(Fields.of(value, "", problems=problems, limits=limits))
    _lint(workflow, problems)
    problems.done()
    return workflow


def validate(workflow: Workflow, *, limits: Limits = DEFAULT_LIMITS) -> Workflow:
    """Hold a workflow that was made in Python to the rules for documents.

    Returns:
        The workflow as it will be read back from where it is stored: equal, but for tuples inside open bags, which
        JSON holds as lists.

    Raises:
        DocumentError: As for `load`, with the places that the parts have in the document.
    """
    try:
        text = dumps(workflow, limits=limits)
    except (AssertionError, AttributeError, TypeError) as error:
        message = f"a part of the workflow has a type that it cannot have: {error}"
        raise DocumentError([Problem("wrong_type", "", message=message)]) from error
    return load(text, limits=limits)


# ------------------------------------------------------------------------------------------------------------
# Reading


def _workflow(fields: Fields) -> Workflow:
    versioned = _has_schema(fields)
    workflow = Workflow(
        fields.id("workflow_id"),
        fields.text("name"),
        trigger=read_trigger(fields.child("trigger"), versioned=versioned),
        nodes=_nodes(fields.child("nodes")),
        entry_node=fields.id("entry_node", "start"),
        active=fields.flag("active", default=True),
        created_at=fields.instant("created_at"),
        timezone=read_zone(fields, "timezone") or _ZONE,
        exit_criteria=read_exit_criteria(fields),
        goals=read_goals(fields),
        holdout=read_holdout(fields),
        quiet_hours=read_quiet_hours(fields),
        max_detached=fields.integer("max_detached", MAX_DETACHED, low=1, high=_MOST_DETACHED),
    )
    fields.close()
    return workflow


def _has_schema(fields: Fields) -> bool:
    if fields.integer("schema", SCHEMA, low=SCHEMA) > SCHEMA:
        message = f"the document was written by a newer version; this one reads up to {SCHEMA}"
        raise DocumentError([Problem("unsupported_schema", "/schema", message=message)])
    return fields.has("schema")


def _nodes(fields: Fields) -> dict[str, Node]:
    most = fields.limits.nodes
    if not fields.values:
        fields.problems.add("too_short", fields.path, "must hold at least one node")
    if len(fields.values) > most:
        fields.problems.add("too_long", fields.path, f"holds at most {most} nodes, not {len(fields.values)}")
        return {}
    return {key: _node(key, fields.child(key)) for key in fields.names()}


def _node(key: str, fields: Fields) -> Node:
    threshold, condition = _node_conditions(fields.child("conditions", {}))
    node = Node(
        fields.id("node_id"),
        fields.text("name"),
        actions=_actions(fields),
        engagement_threshold=threshold,
        condition=condition,
        next_nodes=_next_nodes(fields.child("next_nodes", {})),
        max_visits=None if fields.null("max_visits") else fields.integer("max_visits", 1, low=1),
    )
    if node.node_id not in {"", key}:
        fields.wrong("node_id", "bad_id", f"must be the key of the node, {short(key)}")
    fields.close()
    return node


def _node_conditions(fields: Fields) -> tuple[dict[str, float], Condition]:
    numbers = fields.child(_THRESHOLD, {})
    threshold = {name: numbers.number(name) for name in numbers.names()}
    rest = fields.rest()
    for name in [name for name in rest if name not in KEYS]:
        fields.wrong(name, "unknown_field", f"is not known; {suggestion(name, (_THRESHOLD, *KEYS))}")
        del rest[name]
    return threshold, read_condition(fields.open(rest, fields.path), in_run=True)


def _next_nodes(fields: Fields) -> dict[str, str]:
    return {label: fields.id(label) for label in fields.names()}


def _actions(fields: Fields) -> tuple[Action, ...]:
    actions: list[Action] = []
    seen: set[str] = set()
    for value, path in fields.items("actions", most=fields.limits.actions):
        action_fields = fields.open(value, path)
        action = _action(action_fields)
        if action.action_id in seen:
            action_fields.wrong("action_id", "duplicate_id", "is the id of an earlier action of this node")
        elif action.action_id:
            seen.add(action.action_id)
        actions.append(action)
    return tuple(actions)


def _action(fields: Fields) -> Action:
    longest = in_units(fields.limits.duration, _MINUTE)
    action = Action(
        fields.id("action_id"),
        parameters.load(fields.word("action_type", ActionType), fields.child("parameters")),
        delay=_MINUTE * fields.integer("delay_minutes", 0, low=0, high=int(longest)),
        success_path=None if fields.null("success_path") else fields.id("success_path"),
        failure_path=None if fields.null("failure_path") else fields.id("failure_path"),
        detached=fields.flag("detached", default=False),
    )
    if isinstance(action.do, (Branch, Split, Exit, WaitForEvent)):
        _refuse_paths(fields, action.do)
    if action.detached and not is_carried_out(action.do):
        message = "only what is carried out can be detached: this action decides where or when the run goes on"
        fields.wrong("detached", "conflicting_fields", message)
    fields.close()
    return action


def _refuse_paths(fields: Fields, operation: Branch | Split | Exit | WaitForEvent) -> None:
    """Refuse the paths of an action that neither succeeds nor fails."""
    instead = "an exit ends the run" if isinstance(operation, Exit) else "name its labels in next_nodes"
    for name in ("success_path", "failure_path"):
        if not fields.null(name):
            fields.wrong(name, "conflicting_fields", f"is never taken: {instead}")


def _lint(workflow: Workflow, problems: Problems) -> None:
    """Add the errors of the graph, but none that only follows from what could not be read."""
    noted = {problem.path for problem in problems.found}
    unread = any(path.startswith("/nodes/") for path in noted)
    for finding in errors(workflow) if workflow.nodes else ():
        if finding.path not in noted and not (unread and finding.rule == "endless_loop"):
            problems.add(finding.rule, finding.path, finding.message)


# ------------------------------------------------------------------------------------------------------------
# Writing


def dumps(workflow: Workflow, *, limits: Limits = DEFAULT_LIMITS) -> str:
    """Write a workflow as compact JSON text with sorted keys: equal workflows give the same text.

    Raises:
        DocumentError: As for `dump`, or JSON cannot hold what stands in an open bag.
    """
    return _encode(documents.check(dump(workflow), limits=limits))


def dump(workflow: Workflow) -> dict[str, object]:
    """Write a workflow as the object that `load` reads as an equal one.

    Every field is there, defaults too, but for those that were not always there, such as ``timezone``, ``goals`` and
    ``detached``: what was published before keeps its content hash.

    A workflow that was made in Python may be one that `load` refuses; `validate` tells.

    Raises:
        DocumentError: ``created_at`` has no offset, or an open bag holds the name of a known parameter.
    """
    out: dict[str, object] = {
        "schema": SCHEMA,
        "workflow_id": workflow.workflow_id,
        "name": workflow.name,
        "trigger": dump_trigger(workflow.trigger, "/trigger"),
        "nodes": {key: _node_document(node, pointer("/nodes", key)) for key, node in workflow.nodes.items()},
        "entry_node": workflow.entry_node,
        "active": workflow.active,
    }
    if workflow.created_at is not None:
        out["created_at"] = instant_text(workflow.created_at, "/created_at")
    if workflow.timezone != _ZONE:
        out["timezone"] = workflow.timezone
    if workflow.max_detached != MAX_DETACHED:
        out["max_detached"] = workflow.max_detached
    return {**out, **dump_goals(workflow), **dump_quiet_hours(workflow.quiet_hours)}


def _node_document(node: Node, path: str) -> dict[str, object]:
    threshold = {_THRESHOLD: dict(node.engagement_threshold)} if node.engagement_threshold else {}
    return {
        "node_id": node.node_id,
        "name": node.name,
        "actions": [_action_document(action, f"{path}/actions/{index}") for index, action in enumerate(node.actions)],
        "conditions": {**threshold, **dump_condition(node.condition, f"{path}/conditions")},
        "next_nodes": dict(node.next_nodes),
        **({} if node.max_visits is None else {"max_visits": node.max_visits}),
    }


def _action_document(action: Action, path: str) -> dict[str, object]:
    kind, known = parameters.dump(action.do, f"{path}/parameters")
    return {
        "action_id": action.action_id,
        "action_type": str(kind),
        "parameters": known,
        "delay_minutes": in_units(action.delay, _MINUTE),
        "success_path": action.success_path,
        "failure_path": action.failure_path,
        **({"detached": True} if action.detached else {}),
    }
