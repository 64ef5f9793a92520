"""Rules about the graph: where its ways lead, what they reach, and which of them go round."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Final

from flowkit.problems import pointer, short, suggestion
from flowkit.workflows.lint.graph import (
    Graph,
    Way,
    graph_of,
    inner_ways,
    knots,
    reach,
    shortest,
    shown,
    ways,
)
from flowkit.workflows.lint.model import Breach
from flowkit.workflows.lint.outcomes import outcomes
from flowkit.workflows.model import END, CheckEngagement, Node, SendEmail, WaitUntil, Workflow

__all__ = ["endless_loops", "loops_without_exit", "sends_in_loops", "unknown_targets", "unreachable_nodes"]

_DELIVERED: Final = frozenset({"deliveries", "email_delivered"})


def unknown_targets(workflow: Workflow) -> Iterator[Breach]:
    """Find an entry and ways out that lead to no node."""
    nodes = workflow.nodes
    if workflow.entry_node not in nodes:
        message = f"there is no node {short(workflow.entry_node)}; {suggestion(workflow.entry_node, nodes)}"
        yield Breach("/entry_node", message)
    for way in ways(workflow):
        if way.target not in nodes and way.target != END:
            message = f'{short(way.target)} is neither a node nor "{END}"; {suggestion(way.target, nodes)}'
            yield Breach(way.path, message)


def endless_loops(workflow: Workflow) -> Iterator[Breach]:
    """Find cycles, reachable or not, that no positive wait or delay interrupts on that very path."""
    quick = [way for way in inner_ways(workflow) if way.quick]
    knot_of = knots(graph_of(workflow.nodes, quick))
    # A way that stays in its knot closes a cycle; one finding speaks for the whole knot.
    closing = [way for way in quick if knot_of[way.source] == knot_of[way.target]]
    graph = graph_of(workflow.nodes, closing)
    told: set[int] = set()
    for way in closing:
        if knot_of[way.source] not in told:
            told.add(knot_of[way.source])
            loop = shown([way.source, *shortest(graph, way.target, way.source)])
            message = f"a loop without a wait: {loop}; put a wait or a delay of more than 0 on it{_hint(workflow, way)}"
            yield Breach(way.path, message)


def _hint(workflow: Workflow, way: Way) -> str:
    """Say why the wait of a node is none where it looks like one."""
    if not any(isinstance(action.do, WaitUntil) for action in workflow.nodes[way.source].actions):
        return ""
    return "; one until a time, a window or a date may be over at once, and calendar_days of 1 or more never is"


def unreachable_nodes(workflow: Workflow) -> Iterator[Breach]:
    """Find nodes that no way leads to from the entry."""
    entry = workflow.entry_node
    if entry not in workflow.nodes:
        return
    reached = reach(graph_of(workflow.nodes, inner_ways(workflow)), entry)
    for node in workflow.nodes:
        if node not in reached:
            yield Breach(pointer("/nodes", node), f"no way leads here from {short(entry)}")


# ------------------------------------------------------------------------------------------------------------
# Loops that wait


def loops_without_exit(workflow: Workflow) -> Iterator[Breach]:
    """Find loops, reached from the entry, out of which nothing leads."""
    for nodes, leaves in _loops(workflow):
        if not leaves:
            loop = shown([*nodes, next(iter(nodes))])
            message = f"no way leads out of the loop {loop}: a run that is in it never ends; give it a way out"
            yield Breach(pointer("/nodes", next(iter(nodes))), message)


def sends_in_loops(workflow: Workflow) -> Iterator[Breach]:
    """Find messages in loops with a way out that neither a count of deliveries nor one of visits opens."""
    for nodes, leaves in _loops(workflow):
        if not leaves or any(_counts_deliveries(node) or node.max_visits is not None for node in nodes.values()):
            continue
        for key, node in nodes.items():
            for index, action in enumerate(node.actions[: outcomes(node).reached]):
                if isinstance(action.do, SendEmail):
                    message = (
                        "is sent again in every round of the loop, and nothing bounds the rounds; "
                        'give a node max_visits, or leave by a condition on a count, such as {"deliveries": 3}'
                    )
                    yield Breach(f"{pointer('/nodes', key)}/actions/{index}", message)


def _loops(workflow: Workflow) -> Iterator[tuple[Mapping[str, Node], bool]]:
    """Give the loops that runs can come into, and whether they can leave them again."""
    graph = _taken(workflow)
    if workflow.entry_node not in graph:
        return
    reached = reach(graph, workflow.entry_node)
    knot_of = knots(graph)
    members: dict[int, list[str]] = {}
    for node in graph:
        if node in reached:
            members.setdefault(knot_of[node], []).append(node)
    for nodes in members.values():
        if len(nodes) > 1 or nodes[0] in graph[nodes[0]]:
            inside = set(nodes)
            yield {node: workflow.nodes[node] for node in nodes}, any(_leaves(workflow, node, inside) for node in nodes)


def _taken(workflow: Workflow) -> Graph[str]:
    """Make the graph of the ways that runs can take."""
    return {
        key: [target for target in _targets(node) if target in workflow.nodes] for key, node in workflow.nodes.items()
    }


def _targets(node: Node) -> list[str]:
    found = outcomes(node)
    return [*found.paths, *(target for label, target in node.next_nodes.items() if label in found.taken)]


def _leaves(workflow: Workflow, key: str, inside: set[str]) -> bool:
    node = workflow.nodes[key]
    return outcomes(node).completes or any(target not in inside for target in _targets(node))


def _counts_deliveries(node: Node) -> bool:
    checks = any(isinstance(action.do, CheckEngagement) for action in node.actions)
    return checks and not _DELIVERED.isdisjoint(node.engagement_threshold)
