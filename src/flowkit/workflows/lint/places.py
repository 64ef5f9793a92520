"""The conditions of a workflow, each with the place where it stands and the place from which a run asks it."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from attrs import field, frozen

from flowkit.conditions import Condition
from flowkit.problems import pointer
from flowkit.workflows.control import Awaited, Branch, WaitForEvent
from flowkit.workflows.goals import Aim
from flowkit.workflows.model import Action, CheckEngagement, Workflow

__all__ = ["Asked", "conditions"]


@frozen
class Asked:
    """A condition of a workflow.

    Attributes:
        path: Where it stands, as a JSON Pointer.
        condition: What is asked.
        node: The node of the action that asks it; None for what is asked before or throughout a run.
        index: Which of the node's actions asks it.
    """

    path: str
    condition: Condition
    node: str | None = field(default=None, kw_only=True)
    index: int = field(default=0, kw_only=True)


def conditions(workflow: Workflow) -> Iterator[Asked]:
    """Give all conditions that may be asked, and that may read more than an event."""
    yield Asked("/trigger/conditions", workflow.trigger.condition)
    yield Asked("/trigger/entry/filter", workflow.trigger.entry.filter)
    for key, node in workflow.nodes.items():
        here = pointer("/nodes", key)
        for index, action in enumerate(node.actions):
            if isinstance(action.do, CheckEngagement):
                yield Asked(f"{here}/conditions", node.condition, node=key, index=index)
            for path, condition in _within(action):
                yield Asked(f"{here}/actions/{index}/parameters/{path}", condition, node=key, index=index)
    yield from _of_aims("/exit_criteria", workflow.exit_criteria)
    yield from _of_aims("/goals", workflow.goals)


def _of_aims(path: str, aims: Iterable[Aim]) -> Iterator[Asked]:
    for index, one in enumerate(aims):
        if one.when is not None:
            yield Asked(f"{path}/{index}/when", one.when)


def _within(action: Action) -> Iterator[tuple[str, Condition]]:
    match action.do:
        case Branch(cases):
            yield from ((f"cases/{index}/when", case.when) for index, case in enumerate(cases))
        case WaitForEvent(branches):
            for index, one in enumerate(branches):
                if not isinstance(one, Awaited):
                    yield f"branches/{index}/when", one.when
        case _:
            return
