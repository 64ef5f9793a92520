"""From a workflow to what its picture shows."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from itertools import pairwise
from typing import Final

from attrs import field, frozen

from flowkit.workflows.control import EXHAUSTED, Branch, Exit, Split, WaitForEvent
from flowkit.workflows.model import END, Node, WaitUntil, Workflow
from flowkit.workflows.pictures.goal_words import goal_lines
from flowkit.workflows.pictures.model import Arrow, Box, BoxKind, Line, Mark, NodeCounts, Picture
from flowkit.workflows.pictures.phrases import plural
from flowkit.workflows.pictures.trigger_words import trigger_lines, trigger_title
from flowkit.workflows.pictures.words import action_line
from flowkit.workflows.waits import ways

__all__ = ["draw"]

_DEFAULT: Final = "default"
_SUCCESS: Final = "success_path"
_FAILURE: Final = "failure_path"
_ALL: Final = 100


def draw(
    workflow: Workflow,
    *,
    counts: Mapping[str, NodeCounts],
    edge_counts: Mapping[tuple[str, str], int],
    path: Sequence[str],
) -> Picture:
    """Say what the picture of a workflow shows.

    Args:
        workflow: Any workflow: also one with targets that do not exist.
        counts: How many came to each node, by its id.
        edge_counts: How many went from one node to another, by both ids.
        path: The nodes that a run came by, in order, ``"end"`` included.
    """
    drawing = _Drawing(workflow, counts, edge_counts, frozenset(path), frozenset(pairwise(path)))
    drawing.begin(started=bool(path) and path[0] == workflow.entry_node)
    for node_id, node in workflow.nodes.items():
        drawing.add_ways(node_id, node)
    name = workflow.name if workflow.name.strip() else workflow.workflow_id
    seen = f"{plural(len(workflow.nodes), 'node')} and {plural(len(drawing.arrows) - 1, 'way')} between them"
    description = f"Workflow {workflow.workflow_id}: {seen}. It starts: {trigger_title(workflow.trigger)}."
    return Picture(name, description, boxes=tuple(drawing.boxes), arrows=tuple(drawing.arrows))


@frozen(kw_only=True)
class _Way:
    """One way out of a node: one that the document names, or None, by which a run is complete whatever is called so."""

    target: str | None
    label: str
    failure: bool = False


@frozen
class _Drawing:
    """A picture in the making."""

    workflow: Workflow
    counts: Mapping[str, NodeCounts]
    edge_counts: Mapping[tuple[str, str], int]
    visited: frozenset[str]
    steps: frozenset[tuple[str, str]]
    boxes: list[Box] = field(factory=list[Box], init=False)
    arrows: list[Arrow] = field(factory=list[Arrow], init=False)
    places: dict[str, int] = field(factory=dict[str, int], init=False)

    def begin(self, *, started: bool) -> None:
        """Draw the trigger, all nodes, and the way in."""
        workflow = self.workflow
        lines = (*trigger_lines(workflow.trigger), *goal_lines(workflow))
        if not workflow.active:
            lines = (*lines, Line(Mark.OTHER, "Inactive", detail="nobody enters"))
        self.boxes.append(Box(BoxKind.TRIGGER, trigger_title(workflow.trigger), lines=lines, on_path=started))
        reached = _reached(workflow)
        for node_id, node in workflow.nodes.items():
            self.places[node_id] = len(self.boxes)
            self.boxes.append(self._node(node_id, node, reached=node_id in reached))
        self.arrows.append(Arrow(0, self._place(workflow.entry_node, on_path=started), on_path=started))

    def add_ways(self, node_id: str, node: Node) -> None:
        """Draw the ways out of a node: one arrow for each target, however many lead there."""
        nowhere = None if END in self.workflow.nodes else END
        ways: dict[str | None, list[_Way]] = {}
        for way in _ways(node):
            ways.setdefault(nowhere if way.target is None else way.target, []).append(way)
        gone = sum(self.edge_counts.get((node_id, target), 0) for target in ways if target is not None)
        for target, ways_there in ways.items():
            on_path = target is not None and (node_id, target) in self.steps
            arrow = Arrow(
                self.places[node_id],
                self._place(target, on_path=on_path),
                labels=_labels(ways_there),
                numbers=self._numbers(node_id, target, gone),
                on_path=on_path,
                failure=all(way.failure for way in ways_there),
            )
            self.arrows.append(arrow)

    def _node(self, node_id: str, node: Node, *, reached: bool) -> Box:
        count = self.counts.get(node_id)
        return Box(
            BoxKind.NODE,
            node.name if node.name.strip() else node_id,
            lines=_lines(node),
            numbers=""
            if count is None
            else f"{count.entered:,} entered · {count.inside:,} inside · {count.left:,} left",
            on_path=node_id in self.visited,
            reached=reached,
        )

    def _place(self, target: str | None, *, on_path: bool) -> int:
        """Find the box of a target; the end, and what does not exist, have one for each node that leads there."""
        if target is not None and target in self.workflow.nodes:
            return self.places[target]
        box = Box(BoxKind.END, "End") if target in {None, END} else Box(BoxKind.MISSING, f"No such node: {target}")
        self.boxes.append(Box(box.kind, box.title, on_path=on_path))
        return len(self.boxes) - 1

    def _numbers(self, node_id: str, target: str | None, gone: int) -> str:
        """Write how many went along a way, their share of those that are done with the node, and the drop-off."""
        if target is None:
            return ""
        along, count = self.edge_counts.get((node_id, target)), self.counts.get(node_id)
        if along is None:
            return ""
        if count is None or count.left <= 0:
            return f"{along:,}"
        lost = count.left - gone
        drop_off = f" · −{_percent(lost, count.left)}" if lost > 0 else ""
        return f"{along:,} · {_percent(along, count.left)}{drop_off}"


def _lines(node: Node) -> tuple[Line, ...]:
    lines = tuple(action_line(node, action) for action in node.actions)
    if node.max_visits is None:
        return lines
    return (Line(Mark.OTHER, "At most", detail=plural(node.max_visits, "visit")), *lines)


def _ways(node: Node) -> Iterator[_Way]:
    several = len(node.actions) > 1
    for action in node.actions:
        of = f"{action.action_id}: " if several else ""
        if isinstance(action.do, WaitUntil):
            for name, target in ways(action.do.rule):
                yield _Way(target=target, label=f"{of}{name}")
        if action.success_path is not None:
            yield _Way(target=action.success_path, label=f"{of}{_SUCCESS}")
        if action.failure_path is not None:
            yield _Way(target=action.failure_path, label=f"{of}{_FAILURE}", failure=True)
    last = node.actions[-1].do if node.actions else None
    for label, target in node.next_nodes.items():
        if not isinstance(last, Exit) or (label == EXHAUSTED and node.max_visits is not None):
            yield _Way(target=target, label=label)
    if node.max_visits is not None and EXHAUSTED not in node.next_nodes:
        yield _Way(target=None, label=EXHAUSTED)
    if isinstance(last, (Branch, Split, WaitForEvent)):
        rest = node.next_nodes.get(_DEFAULT)
        yield from (_Way(target=rest, label=label) for label in last.labels if label not in node.next_nodes)


def _labels(ways: Sequence[_Way]) -> tuple[str, ...]:
    # `default` alone says nothing that the arrow does not; beside others it says that they are not the only case.
    labels = tuple(dict.fromkeys(way.label for way in ways))
    return () if labels == (_DEFAULT,) else labels


def _percent(part: int, whole: int) -> str:
    """Write a share in whole percent; what is neither nothing nor all is not rounded to it."""
    percent = (2 * _ALL * part + whole) // (2 * whole)
    if part > 0 and not percent:
        return "<1%"
    return ">99%" if percent == _ALL and part < whole else f"{percent:,}%"


def _reached(workflow: Workflow) -> frozenset[str]:
    reached: set[str] = set()
    waiting = [workflow.entry_node]
    while waiting:
        node_id = waiting.pop()
        if node_id in workflow.nodes and node_id not in reached:
            reached.add(node_id)
            waiting += (way.target for way in _ways(workflow.nodes[node_id]) if way.target is not None)
    return frozenset(reached)
