"""The rules with thresholds, each workflow by its own, over a window and the one before it."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Final

from attrs import field, frozen
from attrs.validators import ge, instance_of

from flowkit.analytics.findings import DEFAULT, Finding, Measures, Thresholds, findings, measures_of
from flowkit.analytics.metrics import workflow_metrics
from flowkit.analytics.tally import Slot, Tally, total
from flowkit.workflows.model import Workflow

__all__ = ["Rulebook", "goal_of"]

_NO_EXCEPTIONS: Final[Mapping[str, Thresholds]] = {}


def goal_of(workflow: Workflow) -> str | None:
    """Name the goal that is a workflow's conversion: the one that it has, if it has one and no more."""
    return workflow.goals[0].goal_id if len(workflow.goals) == 1 else None


@frozen(kw_only=True)
class Rulebook:
    """From when on something is worth a look.

    Attributes:
        thresholds: For every workflow that has none of its own.
        workflows: Thresholds by workflow, for those that are to be held against others.
        hours: How long the window is, and so the one before it that it is held against; from 1 on.
    """

    thresholds: Thresholds = DEFAULT
    workflows: Mapping[str, Thresholds] = _NO_EXCEPTIONS
    hours: int = field(default=24, validator=[instance_of(int), ge(1)])

    @property
    def reach(self) -> int:
        """How many hours before the hour at hand it reads."""
        return 2 * self.hours

    def of(self, workflow_id: str) -> Thresholds:
        """Give the thresholds of a workflow."""
        return self.workflows.get(workflow_id, self.thresholds)

    def look(self, workflows: Iterable[Workflow], slots: Mapping[Slot, Tally], until: int) -> Sequence[Finding]:
        """Apply the rules to workflows.

        Args:
            workflows: Which.
            slots: The counts of them, from ``until - reach`` on.
            until: The hour at which the window ends, in hours since 1970.
        """
        halves: dict[str, tuple[list[Tally], list[Tally]]] = {}
        for slot, counted in slots.items():
            if until - self.reach <= slot.hour < until:
                recent = slot.hour >= until - self.hours
                halves.setdefault(slot.workflow_id, ([], []))[recent].append(counted)
        found: list[Finding] = []
        for workflow in workflows:
            if workflow.workflow_id in halves:
                before, now = (_measures(workflow, counts) for counts in halves[workflow.workflow_id])
                found += findings(now, before, self.of(workflow.workflow_id))
        return found


def _measures(workflow: Workflow, counts: Iterable[Tally]) -> Measures:
    return measures_of(workflow_metrics(workflow.workflow_id, total(counts), {}), goal_of(workflow))
