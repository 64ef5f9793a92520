"""A journey's report as what JSON can hold: instants as ISO 8601, shares from 0 to 1, times in seconds."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Any

from flowkit.analytics.metrics import ActionMetrics, MessageMetrics, NodeMetrics, WorkflowMetrics
from flowkit.analytics.report_blocks import QUANTILES, edge_counts, summary_words
from flowkit.analytics.report_journey import Journey

__all__ = ["data_of"]


def data_of(journey: Journey) -> dict[str, Any]:
    """Give all that a report says.

    Args:
        journey: What it is made of.
    """
    metrics = journey.metrics
    return {
        "workflow_id": journey.workflow.workflow_id,
        "name": journey.workflow.name,
        "version": journey.version,
        "drawn": journey.drawn,
        "at": _instant(journey.at),
        "since": _instant(journey.since),
        "until": _instant(journey.until),
        "summary": summary_words(metrics),
        "runs": _runs(metrics),
        "completion_times": _times(metrics),
        "funnel": [
            {"node": one.node_id, "count": one.count, "of_begun": one.of_begun, "of_before": one.of_before}
            for one in journey.funnel
        ],
        "course": {
            "hours": journey.course.hours,
            "points": [
                {"start": _instant(point.start), "began": point.began, "ended": point.ended}
                for point in journey.course.points
            ],
        },
        "nodes": [_node(node) for node in metrics.nodes.values()],
        "edges": [{"from": one, "to": to, "count": number} for (one, to), number in edge_counts(metrics).items()],
        "messages": [_message(message) for message in metrics.messages],
        "heard": dict(metrics.heard),
        "by_machines": dict(metrics.by_machines),
        "revenue": str(metrics.revenue),
        "engagement_score": metrics.engagement_score,
        "goals": _goals(journey),
        "findings": [
            {
                "kind": one.kind,
                "severity": one.severity.value,
                "node": one.node,
                "value": one.value,
                "expected": one.expected,
                "evidence": dict(one.evidence),
                "suggestions": list(one.suggestions),
                "text": one.text,
            }
            for one in journey.findings
        ],
    }


def _runs(metrics: WorkflowMetrics) -> dict[str, Any]:
    return {
        "began": metrics.execution_count,
        "ended": metrics.ended,
        "completed": metrics.completed,
        "exited": dict(metrics.exited),
        "failed": dict(metrics.failed),
        "held_out": metrics.held_out,
        "refused": dict(metrics.refused),
        "completion_rate": metrics.completion_rate,
        "failure_rate": metrics.failure_rate,
    }


def _times(metrics: WorkflowMetrics) -> dict[str, float | int | None]:
    ages = metrics.completion_times
    quantiles = {f"p{share * 100:.0f}": ages.quantile(share) if ages.count else None for share in QUANTILES}
    return {"count": ages.count, "mean": ages.mean, **quantiles}


def _node(node: NodeMetrics) -> dict[str, Any]:
    return {
        "node": node.node_id,
        "visits": node.visits,
        "left": node.left,
        "exited": node.exited,
        "failed": node.failed,
        "in_progress": node.in_progress,
        "drop_off_rate": node.drop_off_rate,
        "success_rate": node.success_rate,
        "ways": [{"by": way.by, "to": way.to, "count": number} for way, number in node.ways.items()],
        "actions": _actions(node.actions),
    }


def _actions(actions: Sequence[ActionMetrics]) -> list[dict[str, Any]]:
    return [
        {
            "action": one.action_id,
            "done": one.done,
            "skipped": dict(one.skipped),
            "failed": dict(one.failed),
            "retries": one.retries,
            "deferrals": one.deferrals,
            "success_rate": one.success_rate,
        }
        for one in actions
    ]


def _message(message: MessageMetrics) -> dict[str, Any]:
    return {
        "template_id": message.template_id,
        "channel": message.channel,
        "sent": message.sent,
        "skipped": message.skipped,
        "failed": message.failed,
        "heard": dict(message.heard),
    }


def _goals(journey: Journey) -> list[dict[str, Any]]:
    metrics = journey.metrics
    names = dict.fromkeys([*(goal.goal_id for goal in journey.workflow.goals), *sorted(metrics.goals)])
    return [
        {"goal": name, "runs": metrics.goals.get(name, 0), "conversion_rate": metrics.conversion_rate(name)}
        for name in names
    ]


def _instant(instant: datetime | None) -> str | None:
    return None if instant is None else instant.isoformat()
