"""What a variant changes in a workflow: typed, and applied to a workflow it gives another one.

The seed's types are ``email_subject``, ``email_content``, ``timing``, ``personalization``, ``cta`` and
``sequence_order``. Besides there are ``parameter``, ``split_weights``, ``route``, ``skip_node`` and ``replace_node``.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from datetime import timedelta
from difflib import SequenceMatcher
from typing import Any, Final, TypeAlias, assert_never

from attrs import evolve, field, frozen

from flowkit.documents import DEFAULT_LIMITS
from flowkit.errors import DocumentError, Problem
from flowkit.fields import Fields
from flowkit.problems import Problems, short, suggestion
from flowkit.workflows.control import Split, Way
from flowkit.workflows.documents import parameters
from flowkit.workflows.durations import DurationUnit
from flowkit.workflows.model import Action, Node, Operation, SendEmail, Wait, WaitUntil, Workflow

__all__ = [
    "Change",
    "ChangeContent",
    "ChangeCta",
    "ChangeOrder",
    "ChangeParameter",
    "ChangePersonalization",
    "ChangeRoute",
    "ChangeSubject",
    "ChangeTiming",
    "ChangeWeights",
    "ReplaceNode",
    "SkipNode",
    "apply",
    "apply_all",
]

_NEAR: Final = 0.6
_CTA: Final = "cta"


@frozen
class ChangeSubject:
    """Another subject line (``email_subject``).

    Attributes:
        node: In which node.
        subject: The subject line, a template of its own.
        action: Of which action; None takes the first message of the node.
    """

    node: str
    subject: str
    action: str | None = field(default=None, kw_only=True)


@frozen
class ChangeContent:
    """Another template (``email_content``).

    Attributes:
        node: In which node.
        template_id: The template.
        action: Of which action; None takes the first message of the node.
    """

    node: str
    template_id: str
    action: str | None = field(default=None, kw_only=True)


@frozen
class ChangeTiming:
    """Another length of a wait (``timing``).

    Attributes:
        node: In which node.
        duration: How long it waits now.
        action: Which action; None takes the first wait of the node.
    """

    node: str
    duration: timedelta
    action: str | None = field(default=None, kw_only=True)


@frozen
class ChangePersonalization:
    """A message with or without personalization (``personalization``).

    Attributes:
        node: In which node.
        personalization: Whether it is personalized.
        action: Of which action; None takes the first message of the node.
    """

    node: str
    personalization: bool
    action: str | None = field(default=None, kw_only=True)


@frozen
class ChangeCta:
    """Another call to action (``cta``): the parameter ``cta`` of a message, which templates and senders are handed.

    Attributes:
        node: In which node.
        cta: Any JSON value.
        action: Of which action; None takes the first message of the node.
    """

    node: str
    cta: Any
    action: str | None = field(default=None, kw_only=True)


def _in_order(ids: Iterable[str]) -> tuple[str, ...]:
    return tuple(ids)


@frozen
class ChangeOrder:
    """Another order of a node's actions (``sequence_order``).

    Attributes:
        node: In which node.
        actions: The ids of all its actions, as they follow each other now.
    """

    node: str
    actions: tuple[str, ...] = field(converter=_in_order)


@frozen
class ChangeParameter:
    """Any other parameter of an action (``parameter``), by its name in the document.

    Attributes:
        node: In which node.
        parameter: Its name.
        value: Any JSON value that the parameter can have; None where it is to be gone.
        action: Of which action; None takes the only one of the node.
    """

    node: str
    parameter: str
    value: Any
    action: str | None = field(default=None, kw_only=True)


@frozen
class ChangeWeights:
    """Other weights of a split (``split_weights``).

    Attributes:
        node: In which node.
        weights: By label; the labels stay the same ones.
    """

    node: str
    weights: Mapping[str, float]


@frozen
class ChangeRoute:
    """Other ways out of a node (``route``).

    Attributes:
        node: Out of which node.
        targets: Where to, by label; the labels that are not named stay.
    """

    node: str
    targets: Mapping[str, str]


@frozen
class SkipNode:
    """A node does nothing (``skip_node``): who comes there goes on by one of its ways at once.

    Attributes:
        node: Which node.
        label: By which way.
    """

    node: str
    label: str = "default"


@frozen
class ReplaceNode:
    """Another node in the place of one (``replace_node``).

    Attributes:
        node: Which node.
        by: The node that takes its place; it has the same id.
    """

    node: str
    by: Node


Change: TypeAlias = (
    ChangeSubject
    | ChangeContent
    | ChangeTiming
    | ChangePersonalization
    | ChangeCta
    | ChangeOrder
    | ChangeParameter
    | ChangeWeights
    | ChangeRoute
    | SkipNode
    | ReplaceNode
)
"""One difference between a variant and the workflow."""


def apply(change: Change, workflow: Workflow, path: str = "") -> Workflow:
    """Apply a change: the workflow stays as it is, and another one is given.

    Args:
        change: What is different.
        workflow: What it is applied to.
        path: The JSON Pointer of the change, for the errors.

    Raises:
        DocumentError: The workflow has no such node, action, label or parameter, or the value is none that it can have.
    """
    node = workflow.nodes.get(change.node)
    if node is None:
        raise _problem("unknown_target", f"{path}/targetNode", _unknown_node(change.node, workflow))
    return evolve(workflow, nodes={**workflow.nodes, node.node_id: _changed(change, node, workflow, path)})


def apply_all(changes: Iterable[Change], workflow: Workflow, path: str = "") -> Workflow:
    """Apply changes one after the other; of the errors, those of all changes are told at once.

    Args:
        changes: What is different, in order.
        workflow: What they are applied to.
        path: The JSON Pointer of the list of changes.

    Raises:
        DocumentError: As for `apply`.
    """
    problems: list[Problem] = []
    for index, change in enumerate(changes):
        try:
            workflow = apply(change, workflow, f"{path}/{index}")
        except DocumentError as error:
            problems += error.problems
    if problems:
        raise DocumentError(problems)
    return workflow


def _changed(change: Change, node: Node, workflow: Workflow, path: str) -> Node:  # noqa: C901 - a case for each change
    match change:
        case ChangeSubject(_, subject, action=action):
            return _edited(node, action, path, lambda do: evolve(do, subject=subject))
        case ChangeContent(_, template_id, action=action):
            return _edited(node, action, path, lambda do: evolve(do, template_id=template_id))
        case ChangeTiming(_, duration, action=action):
            return _timed(node, action, duration, path)
        case ChangePersonalization(_, flag, action=action):
            return _edited(node, action, path, lambda do: evolve(do, personalization=flag))
        case ChangeCta(_, cta, action=action):
            return _edited(node, action, path, lambda do: evolve(do, parameters={**do.parameters, _CTA: cta}))
        case ChangeOrder(_, actions):
            return _ordered(node, actions, path)
        case ChangeParameter(_, name, value, action=action):
            return _with_parameter(node, action, name, value, path)
        case ChangeWeights(_, weights):
            return _weighed(node, weights, path)
        case ChangeRoute(_, targets):
            return _routed(node, targets, workflow, path)
        case SkipNode(_, label):
            return _skipped(node, label, path)
        case ReplaceNode(_, by):
            if by.node_id != node.node_id:
                message = f"must be the id of the node that it replaces, {short(node.node_id)}"
                raise _problem("bad_id", f"{path}/newValue/node_id", message)
            return by
        case _:
            assert_never(change)


# ------------------------------------------------------------------------------------------------------------
# Each kind


def _edited(node: Node, action_id: str | None, path: str, edit: Callable[[SendEmail], SendEmail]) -> Node:
    """Change the first message of a node, or the one that is named."""
    found = _find(node, action_id, path, (SendEmail,), "message")
    assert isinstance(found.do, SendEmail)  # noqa: S101 - it was looked for by its kind
    return _put(node, evolve(found, do=edit(found.do)))


def _timed(node: Node, action_id: str | None, duration: timedelta, path: str) -> Node:
    found = _find(node, action_id, path, (Wait, WaitUntil), "wait")
    unit = DurationUnit.HOURS
    return _put(node, evolve(found, do=Wait(duration, unit=unit, parameters=dict(found.do.parameters))))


def _find(node: Node, action_id: str | None, path: str, kinds: tuple[type[Operation], ...], noun: str) -> Action:
    if action_id is not None:
        named = _named(node, action_id, path)
        if not isinstance(named.do, kinds):
            raise _problem("wrong_target", f"{path}/targetAction", f"{short(action_id)} is no {noun}")
        return named
    for action in node.actions:
        if isinstance(action.do, kinds):
            return action
    held = ", ".join(short(action.action_id) for action in node.actions) or "nothing"
    raise _problem("wrong_target", f"{path}/targetNode", f"{short(node.node_id)} holds no {noun}; it holds {held}")


def _named(node: Node, action_id: str, path: str) -> Action:
    for action in node.actions:
        if action.action_id == action_id:
            return action
    known = suggestion(action_id, [action.action_id for action in node.actions])
    raise _problem("unknown_target", f"{path}/targetAction", f"{short(node.node_id)} has no such action; {known}")


def _put(node: Node, changed: Action) -> Node:
    actions = [changed if one.action_id == changed.action_id else one for one in node.actions]
    return evolve(node, actions=actions)


def _ordered(node: Node, order: Sequence[str], path: str) -> Node:
    by_id = {action.action_id: action for action in node.actions}
    if sorted(order) != sorted(by_id):
        wanted = ", ".join(map(short, by_id))
        raise _problem("bad_order", f"{path}/newValue", f"must name each action of the node once: {wanted}")
    return evolve(node, actions=[by_id[action_id] for action_id in order])


def _with_parameter(node: Node, action_id: str | None, name: str, value: object, path: str) -> Node:
    if action_id is None and len(node.actions) != 1:
        message = f"name the action: {short(node.node_id)} has {len(node.actions)}"
        raise _problem("missing_field", f"{path}/targetAction", message)
    action = node.actions[0] if action_id is None else _named(node, action_id, path)
    kind, known = parameters.dump(action.do, path)
    document = {**known, name: value}
    if value is None:
        del document[name]
    problems = Problems()
    fields = Fields.of(document, f"{path}/newValue", problems=problems, limits=DEFAULT_LIMITS)
    do = parameters.load(kind, fields)
    problems.done()
    return _put(node, evolve(action, do=do))


def _weighed(node: Node, weights: Mapping[str, float], path: str) -> Node:
    found = _find(node, None, path, (Split,), "split")
    split = found.do
    assert isinstance(split, Split)  # noqa: S101 - it was looked for by its kind
    if sorted(weights) != sorted(split.labels):
        wanted = ", ".join(map(short, split.labels))
        raise _problem("bad_weights", f"{path}/newValue", f"must give each label a weight: {wanted}")
    if not any(weight > 0 for weight in weights.values()):
        raise _problem("no_weight", f"{path}/newValue", "must give at least one of them a weight above 0")
    ways = [Way(label, weights[label]) for label in split.labels]
    return _put(node, evolve(found, do=evolve(split, ways=ways)))


def _routed(node: Node, targets: Mapping[str, str], workflow: Workflow, path: str) -> Node:
    for label, target in targets.items():
        if target != "end" and target not in workflow.nodes:
            raise _problem("unknown_target", f"{path}/newValue/{label}", _unknown_node(target, workflow))
    return evolve(node, next_nodes={**node.next_nodes, **targets})


def _skipped(node: Node, label: str, path: str) -> Node:
    target = node.next_nodes.get(label)
    if target is None and (label != "default" or node.next_nodes):
        known = suggestion(label, node.next_nodes)
        raise _problem(
            "unknown_target", f"{path}/newValue", f"{short(node.node_id)} has no way {short(label)}; {known}"
        )
    return evolve(node, actions=[], next_nodes={} if target is None else {"default": target})


# ------------------------------------------------------------------------------------------------------------
# Errors


def _problem(code: str, path: str, message: str) -> DocumentError:
    return DocumentError([Problem(code, path, message=message)])


def _unknown_node(asked: str, workflow: Workflow) -> str:
    """Say that there is no such node, and which one may be meant: by its id, its name, its actions, its templates."""
    best, nearest = _NEAR, ""
    for node in workflow.nodes.values():
        for said in _said_of(node):
            likeness = _likeness(asked, said)
            if likeness > best:
                best, nearest = likeness, node.node_id
    start = f"workflow {short(workflow.workflow_id)} has no node {short(asked)}"
    if not nearest:
        return f"{start}; {suggestion(asked, workflow.nodes)}"
    name = workflow.nodes[nearest].name
    return f"{start}; did you mean {short(nearest)}, called {short(name)}?"


def _said_of(node: Node) -> Iterable[str]:
    yield node.node_id
    yield node.name
    for action in node.actions:
        yield action.action_id
        if isinstance(action.do, SendEmail):
            yield action.do.template_id


def _likeness(asked: str, said: str) -> float:
    if len(asked) > 2 * len(said) or len(said) > 2 * len(asked) or len(asked) > 255:  # noqa: PLR2004 - as ids are long
        return 0.0
    return SequenceMatcher(None, asked.lower(), said.lower().replace(" ", "_")).ratio()
