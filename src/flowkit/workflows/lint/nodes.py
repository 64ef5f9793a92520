"""Rules about what happens within a node: actions out of reach, decisions that nobody follows, edges never taken."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Final, assert_never

from flowkit.problems import pointer, short
from flowkit.workflows.control import Branch, Exit, Split, WaitForEvent
from flowkit.workflows.lint.contradiction import always_holds
from flowkit.workflows.lint.model import Breach
from flowkit.workflows.lint.outcomes import DEFAULT, outcomes
from flowkit.workflows.model import END, Action, CheckEngagement, Node, Wait, WaitUntil, Workflow

__all__ = [
    "decisions_about_nothing",
    "decisions_not_last",
    "edges_never_taken",
    "empty_nodes",
    "labels_without_way",
    "paths_never_taken",
    "paths_of_detached",
    "same_paths",
    "unreachable_actions",
    "unreached_actions",
    "unused_decisions",
]

_ENGAGED: Final = frozenset({"engaged", "not_engaged"})
_ENDS: Final[Mapping[type, str]] = {
    Branch: "a branch",
    Split: "a split",
    Exit: "an exit",
    WaitForEvent: "a wait for an event",
}
_OUTCOMES: Final = frozenset({"engaged", "not_engaged", "success", "failure"})


def _actions(workflow: Workflow) -> Iterator[tuple[str, Node, int, Action]]:
    """Give each action with its path, its node and its place there."""
    for key, node in workflow.nodes.items():
        for index, action in enumerate(node.actions):
            yield f"{pointer('/nodes', key)}/actions/{index}", node, index, action


def unreachable_actions(workflow: Workflow) -> Iterator[Breach]:
    """Find actions behind one that always leaves its node; the first speaks for all."""
    for key, node in workflow.nodes.items():
        ends = next((index for index, action in enumerate(node.actions[:-1]) if type(action.do) in _ENDS), None)
        if ends is not None:
            what = _ENDS[type(node.actions[ends].do)]
            message = f"nothing is done in a node behind {what}; put it in front, or into another node"
            yield Breach(f"{pointer('/nodes', key)}/actions/{ends + 1}", message)


def labels_without_way(workflow: Workflow) -> Iterator[Breach]:
    """Find labels of branches, of splits and of waits by which a run is complete since no way out has them."""
    for key, node in workflow.nodes.items():
        last = node.actions[-1].do if node.actions else None
        if not isinstance(last, Branch | Split | WaitForEvent) or DEFAULT in node.next_nodes:
            continue
        path = f"{pointer('/nodes', key)}/actions/{len(node.actions) - 1}/parameters"
        listed, count, rest = _listing(last)
        for index, label in enumerate(last.labels):
            if label not in node.next_nodes:
                place = f"{path}/{listed}/{index}/label" if index < count else f"{path}/{rest}"
                message = (
                    f'a run is complete here, since next_nodes has no {short(label)}; write "{END}" where that is meant'
                )
                yield Breach(place, message)


def _listing(last: Branch | Split | WaitForEvent) -> tuple[str, int, str]:
    """Name where labels are listed in the parameters, how many of them are, and where the one behind them stands."""
    match last:
        case Branch(cases):
            return "cases", len(cases), "otherwise"
        case Split(ways):
            return "ways", len(ways), ""
        case WaitForEvent(branches):
            return "branches", len(branches), "timeout"
        case _:
            assert_never(last)


def unreached_actions(workflow: Workflow) -> Iterator[Breach]:
    """Find actions behind one whose every outcome leaves the node; the first speaks for all."""
    for key, node in workflow.nodes.items():
        reached = outcomes(node).reached
        if reached < len(node.actions) and type(node.actions[reached - 1].do) not in _ENDS:
            before = short(node.actions[reached - 1].action_id)
            message = (
                f"{short(node.actions[reached].action_id)} is never done: {before} before it leaves the node by its "
                "success_path or its failure_path; move it before that action, or into the nodes that the paths lead to"
            )
            yield Breach(f"{pointer('/nodes', key)}/actions/{reached}", message)


def paths_never_taken(workflow: Workflow) -> Iterator[Breach]:
    """Find paths of waits, which have no outcome."""
    for path, _, _, action in _actions(workflow):
        if isinstance(action.do, Wait | WaitUntil):
            for name, target in (("success_path", action.success_path), ("failure_path", action.failure_path)):
                if target is not None:
                    message = "a wait neither succeeds nor fails, so this is never taken; use the node's next_nodes"
                    yield Breach(f"{path}/{name}", message)


def paths_of_detached(workflow: Workflow) -> Iterator[Breach]:
    """Find paths of detached actions: when such an action has an outcome, the run is elsewhere."""
    for path, _, _, action in _actions(workflow):
        if action.detached:
            for name, target in (("success_path", action.success_path), ("failure_path", action.failure_path)):
                if target is not None:
                    message = "a detached action leads nowhere, since the run goes on without it; take the path out"
                    yield Breach(f"{path}/{name}", message)


def same_paths(workflow: Workflow) -> Iterator[Breach]:
    """Find actions that leave for the same node whatever comes of them."""
    for path, _, _, action in _actions(workflow):
        same = action.success_path is not None and action.success_path == action.failure_path
        if same and not action.detached and not isinstance(action.do, Wait | WaitUntil):
            message = (
                f"success_path and failure_path both lead to {short(action.success_path)}; "
                "if that is meant, an edge of the node says it more plainly"
            )
            yield Breach(f"{path}/failure_path", message)


def empty_nodes(workflow: Workflow) -> Iterator[Breach]:
    """Find nodes that do nothing and lead on in one way."""
    for key, node in workflow.nodes.items():
        if not node.actions and len(node.next_nodes) == 1 and DEFAULT in node.next_nodes:
            message = f"does nothing and leads to {short(node.next_nodes[DEFAULT])}; lead there at once"
            yield Breach(pointer("/nodes", key), message)


def edges_never_taken(workflow: Workflow) -> Iterator[Breach]:
    """Find edges whose label nothing in the node can give; ``default`` may stand beside all others."""
    for key, node in workflow.nodes.items():
        found = outcomes(node)
        if found.reached < len(node.actions):
            continue  # The action that is never reached says it all.
        lost = any(_is_lost(action) for action in node.actions[:-1])
        for label in node.next_nodes:
            if label in found.taken or (label == DEFAULT and found.taken) or (lost and label in _ENGAGED):
                continue
            message = f"nothing in this node leaves by {short(label)}; {_instead(node)}"
            yield Breach(pointer(f"{pointer('/nodes', key)}/next_nodes", label), message)


def _instead(node: Node) -> str:
    if not node.actions:
        return f'a node without actions leaves by "{DEFAULT}"'
    last = node.actions[-1]
    if last.detached:
        return f'a node whose last action is detached leaves by "{DEFAULT}"'
    match last.do:
        case Exit():
            return "the run ends here"
        case Branch(labels=labels) | Split(labels=labels) | WaitForEvent(labels=labels):
            return f'its last action, {short(last.action_id)}, leaves by {_listed(labels)}, else by "{DEFAULT}"'
        case Wait() | WaitUntil():
            return f'a node whose last action is a wait leaves by "{DEFAULT}"'
        case CheckEngagement():
            known = '"engaged" or "not_engaged"'
        case _:
            known = '"success" or "failure"'
    paths = [name for name in ("success_path", "failure_path") if getattr(last, name) is not None]
    but = f", but for what its {' and its '.join(paths)} takes away" if paths else ""
    return f'its last action, {short(last.action_id)}, leaves by {known}, else by "{DEFAULT}"{but}'


def _listed(labels: Sequence[str]) -> str:
    *most, last = map(short, labels)
    return f"{', '.join(most)} or {last}" if most else last


# ------------------------------------------------------------------------------------------------------------
# Decisions


def _is_lost(action: Action) -> bool:
    """Whether an action is a decision that only the node's edges could follow."""
    return isinstance(action.do, CheckEngagement) and action.success_path is None and action.failure_path is None


def decisions_not_last(workflow: Workflow) -> Iterator[Breach]:
    """Find decisions that others follow in a node whose edges ask for one."""
    for path, node, index, action in _actions(workflow):
        if index + 1 < len(node.actions) and _is_lost(action) and not _ENGAGED.isdisjoint(node.next_nodes):
            message = (
                f"only the last action of a node chooses its way out, so what {short(action.action_id)} decides is "
                "forgotten; make it the last, or give it a success_path and a failure_path"
            )
            yield Breach(path, message)


def unused_decisions(workflow: Workflow) -> Iterator[Breach]:
    """Find decisions after which the run goes on in one and the same way."""
    for path, node, index, action in _actions(workflow):
        followed = _OUTCOMES if index + 1 == len(node.actions) else _ENGAGED
        if _is_lost(action) and followed.isdisjoint(node.next_nodes):
            message = (
                f"nothing depends on what {short(action.action_id)} decides; "
                "name the ways engaged and not_engaged in next_nodes, or one of them"
            )
            yield Breach(path, message)


def decisions_about_nothing(workflow: Workflow) -> Iterator[Breach]:
    """Find nodes that decide, and ask for nothing that could fail."""
    for key, node in workflow.nodes.items():
        decides = any(isinstance(action.do, CheckEngagement) for action in node.actions)
        asks = not all(least <= 0 for least in node.engagement_threshold.values())
        if decides and not asks and always_holds(node.condition, event=False):
            message = (
                'asks for nothing, so every run is engaged; say what is asked, such as "engagement_threshold": '
                '{"opens": 1} (the metrics of the action are for readers)'
            )
            yield Breach(f"{pointer('/nodes', key)}/conditions", message)
