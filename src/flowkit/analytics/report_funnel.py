"""The way that most runs took through a workflow, step by step, and how many were left at each."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence

from attrs import frozen

from flowkit.analytics.metrics import NodeMetrics, WorkflowMetrics, share
from flowkit.workflows.model import END, Workflow

__all__ = ["FunnelStep", "funnel_of", "gone_to"]


@frozen
class FunnelStep:
    """One step of a funnel.

    Attributes:
        node_id: The node; None for the first step, the runs that began, and for the last, those that completed.
        count: How often the node was entered, or how many runs they are.
        of_begun: That as a share of the runs that began; above 1 where nodes are entered again, or where runs came to
            it that began before the window. None where none began.
        of_before: Likewise, of the step before; None for the first, and for runs that completed, which may have come
            another way.
    """

    node_id: str | None
    count: int
    of_begun: float | None
    of_before: float | None


def funnel_of(workflow: Workflow, metrics: WorkflowMetrics) -> Sequence[FunnelStep]:
    """Follow the way that was taken most often, from the entry on; where nobody has gone on yet, the one named first.

    Runs that completed are counted whichever way they took.

    Args:
        workflow: The workflow, for the names of nodes that nobody came to yet.
        metrics: What became of its runs.
    """
    begun = metrics.execution_count
    steps = [FunnelStep(None, begun, share(begun, begun), None)]
    passed: set[str] = set()
    node_id: str | None = workflow.entry_node
    while node_id is not None:
        passed.add(node_id)
        node = metrics.nodes.get(node_id, NodeMetrics(node_id))
        steps.append(_step(node_id, node.visits, steps))
        node_id = _next(workflow, node, passed)
    return [*steps, FunnelStep(None, metrics.completed, share(metrics.completed, begun), None)]


def gone_to(node: NodeMetrics) -> dict[str, int]:
    """Give how often a node was left for each target, whatever the label."""
    counts: Counter[str] = Counter()
    for way, number in node.ways.items():
        counts[way.to] += number
    return dict(counts)


def _step(node_id: str | None, count: int, before: Sequence[FunnelStep]) -> FunnelStep:
    return FunnelStep(node_id, count, share(count, before[0].count), share(count, before[-1].count))


def _next(workflow: Workflow, node: NodeMetrics, passed: set[str]) -> str | None:
    """Choose the way on; None at the end, or where all that could follow has been passed already."""
    known = workflow.nodes.get(node.node_id)
    named = [] if known is None else list(known.next_nodes.values())
    counts = gone_to(node)
    order = {name: place for place, name in reversed(list(enumerate([*named, *sorted(counts)])))}
    ahead = [name for name in order if name not in passed and (name in workflow.nodes or name == END or name in counts)]
    if not ahead:
        return None
    best = min(ahead, key=lambda name: (-counts.get(name, 0), order[name]))
    return None if best == END and END not in workflow.nodes else best
