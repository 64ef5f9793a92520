"""The lint: what is wrong with the graph of a workflow, and what is only odd.

Its time is linear in the size of the graph, and it does not recurse.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import timedelta
from enum import StrEnum
from typing import Final, TypeAlias

from attrs import field, frozen

from flowkit.conditions import AllOf, AnyOf, Condition, EngagementAtLeast, EventHas, SubscriberHas
from flowkit.problems import pointer, short, suggestion
from flowkit.triggers.model import On, Reentry, Trigger, TriggerType
from flowkit.workflows.control import EXHAUSTED, TIMEOUT, Branch, Exit, WaitForEvent
from flowkit.workflows.model import END, Action, Node, Wait, Workflow

__all__ = ["Finding", "Severity", "check", "errors"]

_NO_TIME: Final = timedelta()
_SHOWN: Final = 8
_ENDS: Final[Mapping[type, str]] = {Branch: "a branch", Exit: "an exit", WaitForEvent: "a wait for an event"}


class Severity(StrEnum):
    """What a finding leads to."""

    ERROR = "error"
    """The workflow is refused."""
    WARNING = "warning"
    """The workflow runs; somebody should look at it."""


@frozen
class Finding:
    """One thing that the lint has found.

    Attributes:
        rule: Which rule speaks: ``unknown_target``, ``unreachable_action``, ``endless_loop``, ``unreachable_node``,
            ``label_without_way``, ``way_never_taken``, ``matches_everything``, ``reentry_unlimited``.
        severity: What it leads to.
        path: Where, as a JSON Pointer into the workflow's document.
        message: What is wrong and what to do.
    """

    rule: str
    severity: Severity
    path: str = field(kw_only=True)
    message: str = field(kw_only=True)


def check(workflow: Workflow) -> tuple[Finding, ...]:
    """Look at the graph and the trigger of a workflow.

    Returns:
        The errors, then the warnings: ``unreachable_node``; ``label_without_way`` for a label of a branch by which a
        run is complete, ``way_never_taken`` for a way out by a label that is never chosen; and for the trigger
        ``matches_everything`` and ``reentry_unlimited``.
    """
    return (
        *errors(workflow),
        *_unreachable_nodes(workflow),
        *_labels_and_ways(workflow),
        *_matches_everything(workflow.trigger),
        *_reentry_unlimited(workflow.trigger),
    )


def errors(workflow: Workflow) -> Iterator[Finding]:
    """Find what refuses a workflow, one by one.

    Yields:
        ``unknown_target`` for an entry or a way out that leads to no node; ``unreachable_action`` for what stands
        behind a branch, an exit or a wait for an event; ``endless_loop`` for a cycle, reachable or not, that no
        positive wait or delay interrupts on that very path.
    """
    yield from _unknown_targets(workflow)
    yield from _unreachable_actions(workflow)
    yield from _endless_loops(workflow)


# ------------------------------------------------------------------------------------------------------------
# Ways


@frozen
class _Way:
    """A way out of a node that the document names; it is quick where nothing before it takes time.

    One behind an exit is shut: nobody ever takes it.
    """

    source: str
    target: str
    path: str = field(kw_only=True)
    quick: bool = field(kw_only=True)
    shut: bool = field(default=False, kw_only=True)


def _ways_out(key: str, node: Node) -> Iterator[_Way]:
    here = pointer("/nodes", key)
    quick = True
    for index, action in enumerate(node.actions):
        # An action's own wait or delay comes before the paths that leave at it; what stands behind it does not.
        quick = quick and not _takes_time(action)
        for name, target in (("success_path", action.success_path), ("failure_path", action.failure_path)):
            if target is not None:
                yield _Way(key, target, path=f"{here}/actions/{index}/{name}", quick=quick)
    ended = any(isinstance(action.do, Exit) for action in node.actions)
    for label, target in node.next_nodes.items():
        # Who takes this way does so instead of the node's actions.
        instead = label == EXHAUSTED and node.max_visits is not None
        path = pointer(f"{here}/next_nodes", label)
        waited = label == TIMEOUT and any(_times_out(action) for action in node.actions)
        yield _Way(key, target, path=path, quick=(quick and not waited) or instead, shut=ended and not instead)


def _takes_time(action: Action) -> bool:
    return action.delay > _NO_TIME or (isinstance(action.do, Wait) and action.do.duration > _NO_TIME)


def _times_out(action: Action) -> bool:
    # What is waited for may be there already: only who leaves by the timeout has waited.
    return isinstance(action.do, WaitForEvent) and action.do.timeout is not None and action.do.timeout > _NO_TIME


def _ways(workflow: Workflow) -> Iterator[_Way]:
    for key, node in workflow.nodes.items():
        yield from _ways_out(key, node)


def _inner_ways(workflow: Workflow) -> list[_Way]:
    return [way for way in _ways(workflow) if way.target in workflow.nodes and not way.shut]


# ------------------------------------------------------------------------------------------------------------
# Rules


def _unknown_targets(workflow: Workflow) -> Iterator[Finding]:
    nodes = workflow.nodes
    if workflow.entry_node not in nodes:
        message = f"there is no node {short(workflow.entry_node)}; {suggestion(workflow.entry_node, nodes)}"
        yield Finding("unknown_target", Severity.ERROR, path="/entry_node", message=message)
    for way in _ways(workflow):
        if way.target not in nodes and way.target != END:
            message = f'{short(way.target)} is neither a node nor "{END}"; {suggestion(way.target, nodes)}'
            yield Finding("unknown_target", Severity.ERROR, path=way.path, message=message)


def _unreachable_actions(workflow: Workflow) -> Iterator[Finding]:
    for key, node in workflow.nodes.items():
        ends = [
            index
            for index, action in enumerate(node.actions[:-1])
            if isinstance(action.do, (Branch, Exit, WaitForEvent))
        ]
        if ends:
            index = ends[0] + 1
            what = _ENDS[type(node.actions[ends[0]].do)]
            message = f"nothing is done in a node behind {what}; put it in front, or into another node"
            path = f"{pointer('/nodes', key)}/actions/{index}"
            yield Finding("unreachable_action", Severity.ERROR, path=path, message=message)


def _endless_loops(workflow: Workflow) -> Iterator[Finding]:
    quick = [way for way in _inner_ways(workflow) if way.quick]
    knot_of = _knots(_graph(workflow.nodes, quick))
    # A way that stays in its knot closes a cycle; one finding speaks for the whole knot.
    closing = [way for way in quick if knot_of[way.source] == knot_of[way.target]]
    graph = _graph(workflow.nodes, closing)
    told: set[int] = set()
    for way in closing:
        if knot_of[way.source] not in told:
            told.add(knot_of[way.source])
            loop = _shown([way.source, *_path(graph, way.target, way.source)])
            message = f"a loop without a wait: {loop}; put a wait or a delay of more than 0 on it"
            yield Finding("endless_loop", Severity.ERROR, path=way.path, message=message)


def _shown(loop: Sequence[str]) -> str:
    steps = [short(node) for node in loop]
    if len(steps) > _SHOWN:
        steps[_SHOWN - 2 : -1] = ["..."]
    return " -> ".join(steps)


def _unreachable_nodes(workflow: Workflow) -> Iterator[Finding]:
    entry = workflow.entry_node
    if entry not in workflow.nodes:
        return
    reached = _reach(_graph(workflow.nodes, _inner_ways(workflow)), entry)
    for node in workflow.nodes:
        if node not in reached:
            path, message = pointer("/nodes", node), f"no way leads here from {short(entry)}"
            yield Finding("unreachable_node", Severity.WARNING, path=path, message=message)


def _labels_and_ways(workflow: Workflow) -> Iterator[Finding]:
    for key, node in workflow.nodes.items():
        last = node.actions[-1].do if node.actions else None
        here = pointer("/nodes", key)
        if isinstance(last, (Branch, WaitForEvent)):
            yield from _labels_without_way(last, node, f"{here}/actions/{len(node.actions) - 1}/parameters")
            yield from _ways_never_taken(node, here, frozenset((*last.labels, "default")), "no branch has this label")
        elif isinstance(last, Exit):
            yield from _ways_never_taken(node, here, frozenset(), "the run ends here")


def _labels_without_way(last: Branch | WaitForEvent, node: Node, path: str) -> Iterator[Finding]:
    if "default" in node.next_nodes:
        return
    listed, rest = ("cases", "otherwise") if isinstance(last, Branch) else ("branches", "timeout")
    count = len(last.cases if isinstance(last, Branch) else last.branches)
    for index, label in enumerate(last.labels):
        place = f"{path}/{listed}/{index}/label" if index < count else f"{path}/{rest}"
        if label not in node.next_nodes:
            message = (
                f'a run is complete here, since next_nodes has no {short(label)}; write "{END}" where that is meant'
            )
            yield Finding("label_without_way", Severity.WARNING, path=place, message=message)


def _ways_never_taken(node: Node, here: str, taken: frozenset[str], why: str) -> Iterator[Finding]:
    for label in node.next_nodes:
        if label not in taken and not (label == EXHAUSTED and node.max_visits is not None):
            path = pointer(f"{here}/next_nodes", label)
            yield Finding("way_never_taken", Severity.WARNING, path=path, message=f"nobody goes this way: {why}")


def _matches_everything(trigger: Trigger) -> Iterator[Finding]:
    # A time trigger is for everybody unless it says otherwise: that is what a newsletter is.
    if trigger.trigger_type is TriggerType.TIME_BASED or not _always(trigger.condition):
        return
    message = "any event of any subscriber leads into this workflow; name an event_type"
    if trigger.on is not On.EVENT:
        message = "every subscriber who is known comes into this workflow; name what is to hold"
    yield Finding("matches_everything", Severity.WARNING, path="/trigger/conditions", message=message)


def _reentry_unlimited(trigger: Trigger) -> Iterator[Finding]:
    # What a condition says of a subscriber stays so, or comes and goes with each change; what an event says is once.
    if trigger.trigger_type is not TriggerType.CONDITION_BASED or trigger.entry.reentry is not Reentry.ALWAYS:
        return
    if trigger.cooldown > _NO_TIME or trigger.max_executions is not None or trigger.entry.max_concurrent is not None:
        return
    message = (
        "the same subscriber may enter again and again; give cooldown_hours, max_executions, "
        "or an entry with max_concurrent or another reentry"
    )
    yield Finding("reentry_unlimited", Severity.WARNING, path="/trigger", message=message)


def _always(condition: Condition) -> bool:
    match condition:
        case AllOf(conditions):
            return all(_always(one) for one in conditions)
        case AnyOf(conditions):
            return any(_always(one) for one in conditions)
        case EventHas(asked) | SubscriberHas(asked) | EngagementAtLeast(asked):
            return not asked
        case _:
            return False


# ------------------------------------------------------------------------------------------------------------
# Graphs


_Graph: TypeAlias = Mapping[str, Sequence[str]]
"""The targets of each node, all of which are nodes."""


def _graph(nodes: Iterable[str], ways: Iterable[_Way]) -> _Graph:
    graph: dict[str, list[str]] = {node: [] for node in nodes}
    for way in ways:
        graph[way.source].append(way.target)
    return graph


def _reach(graph: _Graph, start: str) -> Mapping[str, str]:
    """Find all that can be reached, breadth first; each node comes with the one that it was reached from."""
    reached = {start: start}
    queue = deque([start])
    while queue:
        node = queue.popleft()
        for target in graph[node]:
            if target not in reached:
                reached[target] = node
                queue.append(target)
    return reached


def _path(graph: _Graph, start: str, end: str) -> Sequence[str]:
    """Find the shortest path between two nodes of one knot."""
    reached = _reach(graph, start)
    path = [end]
    while path[-1] != start:
        path.append(reached[path[-1]])
    return path[::-1]


def _knots(graph: _Graph) -> Mapping[str, int]:
    """Number the strongly connected components, path-based (Gabow 2000); each node comes with its number."""
    order: dict[str, int] = {}
    knot_of: dict[str, int] = {}
    undecided: list[str] = []
    roots: list[str] = []
    for start in graph:
        stack = [] if start in order else [(start, iter(graph[start]))]
        while stack:
            node, targets = stack[-1]
            if node not in order:
                order[node] = len(order)
                undecided.append(node)
                roots.append(node)
            for target in targets:
                if target not in order:
                    stack.append((target, iter(graph[target])))
                    break
                # A way back: all that was entered since is one knot with the target.
                while target not in knot_of and order[roots[-1]] > order[target]:
                    roots.pop()
            else:
                stack.pop()
                if roots[-1] == node:
                    roots.pop()
                    while node not in knot_of:
                        knot_of[undecided.pop()] = order[node]
    return knot_of
