"""A workflow made ready to be run: looked up, counted and laid out once, so that no step has to."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Final

from attrs import frozen

from flowkit.conditions import NO_PREDICATES, Condition, Predicate, is_personal, needs
from flowkit.events import Needs, together
from flowkit.workflows.control import Branch
from flowkit.workflows.model import END, CheckEngagement, Node, Workflow

__all__ = ["COUNTED_EVENTS", "Program", "compile_workflow", "edges"]

COUNTED_EVENTS: Final[Mapping[str, str]] = {
    "deliveries": "email_delivered",
    "opens": "email_open",
    "clicks": "email_click",
    "conversions": "conversion",
    "unsubscribes": "unsubscribe",
    "complaints": "complaint",
    "bounces": "bounce",
}
"""The event type behind each count of an engagement threshold; any other name is an event type itself."""


@frozen(eq=False)
class Program:
    """One published version of a workflow, ready to be run; compared by identity, one for each version.

    Attributes:
        workflow: The definition.
        version: Its number.
        listens: The event types that its live runs want to observe.
        loops: The nodes that lie on a loop, whose visits are counted.
        needs: The facts that any of its conditions reads.
        personal: Whether any of them reads more than the profile: the past, a sample, or a host's predicate.
        predicates: The host's predicates by name.
    """

    workflow: Workflow
    version: int
    listens: frozenset[str]
    loops: frozenset[str]
    needs: Needs
    personal: bool = False
    predicates: Mapping[str, Predicate] = NO_PREDICATES

    @property
    def workflow_id(self) -> str:
        """The workflow's id."""
        return self.workflow.workflow_id

    def node(self, node_id: str) -> Node:
        """Look a node up."""
        return self.workflow.nodes[node_id]


def compile_workflow(workflow: Workflow, version: int, predicates: Mapping[str, Predicate] = NO_PREDICATES) -> Program:
    """Make a checked workflow ready to be run.

    Args:
        workflow: A workflow whose targets exist.
        version: The number that runs are pinned to.
        predicates: The host's predicates by name.
    """
    checks = [
        node
        for node in workflow.nodes.values()
        if any(isinstance(action.do, CheckEngagement) for action in node.actions)
    ]
    counted = {COUNTED_EVENTS.get(name, name) for node in checks for name in node.engagement_threshold}
    asked = [*(node.condition for node in checks), *_cases(workflow)]
    read = together(map(needs, asked))
    own = any(map(is_personal, asked))
    return Program(workflow, version, frozenset(counted), frozenset(_on_loops(workflow)), read, own, predicates)


def _cases(workflow: Workflow) -> Iterator[Condition]:
    """Give the conditions of all branches."""
    for node in workflow.nodes.values():
        for action in node.actions:
            if isinstance(action.do, Branch):
                yield from (case.when for case in action.do.cases)


def edges(workflow: Workflow, node: Node) -> Iterator[str]:
    """Name the nodes that can follow a node."""
    paths = (path for action in node.actions for path in (action.success_path, action.failure_path))
    for target in (*paths, *node.next_nodes.values()):
        if target is not None and (target != END or END in workflow.nodes):
            yield target


def _on_loops(workflow: Workflow) -> Iterator[str]:
    """Find the nodes that can be reached from themselves."""
    following = {node_id: tuple(edges(workflow, node)) for node_id, node in workflow.nodes.items()}
    for component in _components(following):
        if len(component) > 1 or component[0] in following[component[0]]:
            yield from component


def _components(following: Mapping[str, tuple[str, ...]]) -> Iterator[list[str]]:
    """Find the strongly connected components of a graph (Tarjan 1972), without recursion."""
    index: dict[str, int] = {}
    low: dict[str, int] = {}
    waiting: dict[str, None] = {}
    for root in following:
        path = [] if root in index else [(root, iter(following[root]))]
        while path:
            node, targets = path[-1]
            if node not in index:
                index[node] = low[node] = len(index)
                waiting[node] = None
            target = next((one for one in targets if one not in index or one in waiting), None)
            if target is None:
                path.pop()
                if path:
                    low[path[-1][0]] = min(low[path[-1][0]], low[node])
                if low[node] == index[node]:
                    yield _taken_back_to(node, waiting)
            elif target in index:
                low[node] = min(low[node], index[target])
            else:
                path.append((target, iter(following[target])))


def _taken_back_to(node: str, waiting: dict[str, None]) -> list[str]:
    component: list[str] = []
    while not component or component[-1] != node:
        component.append(waiting.popitem()[0])
    return component
