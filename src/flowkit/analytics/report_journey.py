"""What a report of a workflow is made of: its numbers, its course, its funnel, and what is worth a look."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime

from attrs import frozen

from flowkit.analytics.findings import DEFAULT, Finding, Thresholds, findings, measures_of
from flowkit.analytics.metrics import WorkflowMetrics, workflow_metrics
from flowkit.analytics.report_course import Course, course_of
from flowkit.analytics.report_funnel import FunnelStep, funnel_of
from flowkit.analytics.rulebook import goal_of
from flowkit.analytics.tally import HOUR, Slot, Tally, total
from flowkit.events import to_micros
from flowkit.workflows.model import Workflow

__all__ = ["Journey", "journey_of"]


@frozen(kw_only=True)
class Journey:
    """What became of the runs of a workflow in a window of time.

    Attributes:
        workflow: The definition that is drawn.
        drawn: The number of its version.
        version: Of which version runs were counted; None for all.
        at: When that was asked.
        since: From when on it was counted; None from the beginning.
        until: Before when; None up to `at`.
        metrics: The numbers, as `Engine.metrics` gives them.
        course: Runs over time.
        funnel: The way that most of them took.
        findings: What is worth a look; the workflow's goal is its conversion, if it has one and no more.
    """

    workflow: Workflow
    drawn: int
    version: int | None
    at: datetime
    since: datetime | None
    until: datetime | None
    metrics: WorkflowMetrics
    course: Course
    funnel: Sequence[FunnelStep]
    findings: Sequence[Finding]


def journey_of(  # noqa: PLR0913 - a window, a version, and by what it is judged
    workflow: Workflow,
    drawn: int,
    slots: Mapping[Slot, Tally],
    standing: Mapping[str, int],
    *,
    at: datetime,
    since: datetime | None = None,
    until: datetime | None = None,
    version: int | None = None,
    thresholds: Thresholds = DEFAULT,
) -> Journey:
    """Put together what a report is made of.

    Args:
        workflow: The definition that is drawn.
        drawn: The number of its version.
        slots: What was counted in the window, of this workflow and of the versions that are asked for.
        standing: How many runs stand at each node now.
        at: The instant at hand.
        since: From when on it was counted; a whole hour. None from the beginning.
        until: Before when; a whole hour. None up to now.
        version: Of which version; None for all.
        thresholds: From when on something is worth a look.
    """
    metrics = workflow_metrics(workflow.workflow_id, total(slots.values()), standing)
    first, end = (None if instant is None else to_micros(instant) // HOUR for instant in (since, until))
    return Journey(
        workflow=workflow,
        drawn=drawn,
        version=version,
        at=at,
        since=since,
        until=until,
        metrics=metrics,
        course=course_of(slots, to_micros(at) // HOUR, first, end),
        funnel=funnel_of(workflow, metrics),
        findings=findings(measures_of(metrics, goal_of(workflow)), thresholds=thresholds),
    )
