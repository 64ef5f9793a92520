"""The graph of a workflow as the lint sees it. Everything here is linear in its size, and nothing recurses."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import timedelta
from typing import Final, TypeAlias, TypeVar

from attrs import field, frozen

from flowkit.problems import pointer, short
from flowkit.workflows import waits
from flowkit.workflows.control import EXHAUSTED, TIMEOUT, Exit, WaitForEvent
from flowkit.workflows.model import Action, Node, Wait, WaitUntil, Workflow

__all__ = ["Graph", "Way", "graph_of", "inner_ways", "knots", "reach", "shortest", "shown", "takes_time", "ways"]

_NO_TIME: Final = timedelta()
_SHOWN: Final = 8
_N = TypeVar("_N")

Graph: TypeAlias = Mapping[_N, Sequence[_N]]
"""The targets of each node, all of which are nodes."""


@frozen
class Way:
    """A way out of a node that the document names.

    Attributes:
        source: The node.
        target: Where it leads, whether or not there is such a node.
        path: Where it stands, as a JSON Pointer.
        quick: Whether nothing before it takes time.
        shut: Whether nobody ever takes it, since it stands behind an exit.
    """

    source: str
    target: str
    path: str = field(kw_only=True)
    quick: bool = field(kw_only=True)
    shut: bool = field(default=False, kw_only=True)


def ways(workflow: Workflow) -> Iterator[Way]:
    """Give all ways that the document names, in its order."""
    for key, node in workflow.nodes.items():
        yield from _ways_out(key, node)


def inner_ways(workflow: Workflow) -> list[Way]:
    """Give the ways that lead to a node and can be taken."""
    return [way for way in ways(workflow) if way.target in workflow.nodes and not way.shut]


def _ways_out(key: str, node: Node) -> Iterator[Way]:
    here = pointer("/nodes", key)
    quick = True
    for index, action in enumerate(node.actions):
        if isinstance(action.do, WaitUntil):
            # These leave instead of the wait, and only what stands before it interrupts: the delay of the action too.
            pauses = not quick or action.delay > _NO_TIME
            for name, target in waits.ways(action.do.rule):
                place = f"{here}/actions/{index}/parameters/profile_date/{name}/path"
                yield Way(key, target, path=place, quick=not pauses)
        # An action's own wait or delay comes before the paths that leave at it; what stands behind it does not.
        quick = quick and not takes_time(action)
        for name, path in (("success_path", action.success_path), ("failure_path", action.failure_path)):
            if path is not None:
                yield Way(key, path, path=f"{here}/actions/{index}/{name}", quick=quick)
    ended = any(isinstance(action.do, Exit) for action in node.actions)
    for label, target in node.next_nodes.items():
        # Who takes this way does so instead of the node's actions.
        instead = label == EXHAUSTED and node.max_visits is not None
        waited = label == TIMEOUT and any(_times_out(action) for action in node.actions)
        path = pointer(f"{here}/next_nodes", label)
        yield Way(key, target, path=path, quick=(quick and not waited) or instead, shut=ended and not instead)


def _times_out(action: Action) -> bool:
    # What is waited for may be there already: only who leaves by the timeout has waited.
    return isinstance(action.do, WaitForEvent) and action.do.timeout is not None and action.do.timeout > _NO_TIME


def takes_time(action: Action) -> bool:
    """Whether an action keeps the run where it is for a time, whenever it arrives and whatever the profile holds."""
    if action.detached:
        return False
    if action.delay > _NO_TIME:
        return True
    match action.do:
        case Wait(duration):
            return duration > _NO_TIME
        case WaitUntil(rule):
            return waits.takes_time(rule)
        case _:
            return False


def graph_of(nodes: Iterable[str], some: Iterable[Way]) -> Graph[str]:
    """Make a graph of ways between nodes."""
    graph: dict[str, list[str]] = {node: [] for node in nodes}
    for way in some:
        graph[way.source].append(way.target)
    return graph


def reach(graph: Graph[_N], start: _N) -> Mapping[_N, _N]:
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


def shortest(graph: Graph[_N], start: _N, end: _N) -> Sequence[_N]:
    """Find the shortest path between two nodes of one knot."""
    reached = reach(graph, start)
    path = [end]
    while path[-1] != start:
        path.append(reached[path[-1]])
    return path[::-1]


def shown(loop: Sequence[str]) -> str:
    """Show a loop in a line."""
    steps = [short(node) for node in loop]
    if len(steps) > _SHOWN:
        steps[_SHOWN - 2 : -1] = ["..."]
    return " -> ".join(steps)


def knots(graph: Graph[_N]) -> Mapping[_N, int]:
    """Number the strongly connected components, path-based (Gabow 2000); each node comes with its number."""
    order: dict[_N, int] = {}
    knot_of: dict[_N, int] = {}
    undecided: list[_N] = []
    roots: list[_N] = []
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
