"""What a workflow is for, what ends its runs, and who is held out, in words short enough for a box."""

from __future__ import annotations

from flowkit.workflows.goals import Goal
from flowkit.workflows.model import Workflow
from flowkit.workflows.pictures.model import Line, Mark
from flowkit.workflows.pictures.phrases import duration_words, few

__all__ = ["goal_lines"]


def goal_lines(workflow: Workflow) -> tuple[Line, ...]:
    """Say who is held out, what the goals are, and why a run may end wherever it is; a line for each, if any."""
    lines: list[Line] = []
    if workflow.holdout is not None:
        lines.append(Line(Mark.OTHER, "Held out", detail=f"{workflow.holdout.share * 100:g} %"))
    if workflow.goals:
        lines.append(Line(Mark.CHECK, "Goal", detail=few(map(_goal, workflow.goals))))
    if workflow.exit_criteria:
        lines.append(Line(Mark.CHECK, "Ends early", detail=few(one.reason for one in workflow.exit_criteria)))
    return tuple(lines)


def _goal(goal: Goal) -> str:
    return goal.goal_id if goal.within is None else f"{goal.goal_id} within {duration_words(goal.within)}"
