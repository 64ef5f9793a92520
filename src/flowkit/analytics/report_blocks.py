"""What the report of a journey says, block by block, whatever it is written in; every picture has its table too.

Names and reasons are made one visible line each, and cut in tables. Whoever writes the blocks escapes them.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from datetime import UTC, datetime, timedelta
from functools import partial
from typing import Final

from flowkit.analytics.metrics import MessageMetrics, NodeMetrics, WorkflowMetrics, share
from flowkit.analytics.report_funnel import FunnelStep, gone_to
from flowkit.analytics.report_journey import Journey
from flowkit.analytics.report_plots import draw_course, draw_funnel
from flowkit.workflows.pictures.model import NodeCounts
from flowkit.workflows.pictures.pages import Block, Figure, Heading, Paragraph, Table
from flowkit.workflows.pictures.phrases import duration_words, plural
from flowkit.workflows.pictures.text import clean, cut_columns

__all__ = ["QUANTILES", "about_words", "blocks_of", "edge_counts", "node_counts", "summary_words", "title_of"]

QUANTILES: Final = (0.5, 0.75, 0.9, 0.95, 0.99)
"""Which quantiles of completion times are told."""

_NOTHING: Final = "–"
_NAME: Final = 40
_DAY: Final = 24
_SCORES: Final = frozenset({"improve_engagement", "high_processing_time", "optimize_performance"})
_HEARD: Final = {
    "email_delivered": "Delivered",
    "email_open": "Opened",
    "email_click": "Clicked",
    "conversion": "Converted",
    "bounce": "Bounced",
    "complaint": "Complained",
    "unsubscribe": "Unsubscribed",
}


def title_of(journey: Journey) -> str:
    """Give the name of the workflow; its id where it has none."""
    return clean(journey.workflow.name) or clean(journey.workflow.workflow_id)


def about_words(journey: Journey) -> str:
    """Say what was counted, and when."""
    begin = "the beginning" if journey.since is None else _instant(journey.since)
    end = "now" if journey.until is None else f"before {_instant(journey.until)}"
    which = "all versions" if journey.version is None else f"version {journey.version}"
    return (
        f"Workflow {clean(journey.workflow.workflow_id)}, {which}, from {begin} to {end}; "
        f"as of {_instant(journey.at)} UTC."
    )


def summary_words(metrics: WorkflowMetrics) -> str:
    """Say in two sentences what became of the runs."""
    inside = sum(node.in_progress or 0 for node in metrics.nodes.values())
    if not metrics.ended:
        rest = "none ended"
    else:
        exited, failed = sum(metrics.exited.values()), sum(metrics.failed.values())
        rest = (
            f"{metrics.ended:,} ended: {metrics.completed:,} completed ({_percent(metrics.completion_rate)}), "
            f"{exited:,} exited, {failed:,} failed"
        )
    sent = f"{plural(metrics.sent, 'message')} {'was' if metrics.sent == 1 else 'were'} handed over"
    return f"{plural(metrics.execution_count, 'run')} began, {rest}; {inside:,} stand at a node now. {sent}."


def node_counts(metrics: WorkflowMetrics) -> dict[str, NodeCounts]:
    """Give the counts of nodes for the picture."""
    return {
        name: NodeCounts(entered=node.visits, inside=node.in_progress or 0, left=node.closed)
        for name, node in metrics.nodes.items()
    }


def edge_counts(metrics: WorkflowMetrics) -> dict[tuple[str, str], int]:
    """Give how often each way between two nodes was taken, whatever its label."""
    return {(name, to): number for name, node in metrics.nodes.items() for to, number in gone_to(node).items()}


def blocks_of(journey: Journey) -> Iterator[Block]:
    """Give what the report says, in order."""
    yield Paragraph(summary_words(journey.metrics), loud=True)
    yield from _findings(journey)
    yield from _funnel(journey)
    yield from _graph(journey)
    yield from _course(journey)
    yield from _nodes(journey)
    yield from _messages(journey.metrics)
    yield from _endings(journey.metrics)
    yield from _goals(journey)
    yield from _refusals(journey.metrics)


def _findings(journey: Journey) -> Iterator[Block]:
    yield Heading("Worth a look")
    if not journey.findings:
        yield Paragraph("No rule has anything to say.")
        return
    rows = tuple(
        (
            one.severity.value,
            one.kind.replace("_", " "),
            _NOTHING if one.node is None else _node_name(journey, one.node),
            _measure(one.kind, one.value),
            _measure(one.kind, one.expected),
            "; ".join(one.suggestions) or _NOTHING,
        )
        for one in journey.findings
    )
    head = ("Severity", "Found", "Node", "Value", "Threshold", "What may be done")
    yield Table("By the default thresholds, which take rates as they are, also those of few", head, rows)


def _funnel(journey: Journey) -> Iterator[Block]:
    names = [_step_name(journey, step, last=index > 0) for index, step in enumerate(journey.funnel)]
    yield Heading("Funnel")
    bars = [
        (name, step.count, f"{step.count:,}{'' if step.of_begun is None else f' · {_percent(step.of_begun)}'}")
        for name, step in zip(names, journey.funnel, strict=True)
    ]
    yield Figure(partial(draw_funnel, bars), "Visits of each step, and their share of the runs that began")
    rows = tuple(
        (name, f"{step.count:,}", _percent(step.of_begun), _percent(step.of_before))
        for name, step in zip(names, journey.funnel, strict=True)
    )
    head = ("Step", "Visits", "Of those that began", "Of the step before")
    yield Table("The way that was taken most often; completed are runs on any way", head, rows)


def _step_name(journey: Journey, step: FunnelStep, *, last: bool) -> str:
    if step.node_id is not None:
        return _node_name(journey, step.node_id)
    return "Completed" if last else "Began"


def _graph(journey: Journey) -> Iterator[Block]:
    counts, edges = node_counts(journey.metrics), edge_counts(journey.metrics)
    workflow = journey.workflow
    yield Heading("Ways")
    yield Figure(
        partial(workflow.to_svg, counts=counts, edge_counts=edges),
        f"Version {journey.drawn}, with how many came to each node, are there, and went each way",
        mermaid=partial(workflow.to_mermaid, counts=counts, edge_counts=edges),
    )
    rows = tuple(
        (
            _node_name(journey, name),
            cut_columns(way.by, _NAME) or _NOTHING,
            _node_name(journey, way.to),
            f"{number:,}",
            _percent(share(number, node.closed)),
        )
        for name, node in _in_order(journey)
        for way, number in node.ways.items()
    )
    if rows:
        head = ("From", "Label", "To", "Runs", "Of the visits that are over")
        yield Table("How often each way was taken", head, rows)


def _course(journey: Journey) -> Iterator[Block]:
    course = journey.course
    yield Heading("Over time")
    if not course.points:
        yield Paragraph("The window has no hour that has begun.")
        return
    step = plural(course.hours // _DAY, "day") if course.hours % _DAY == 0 else plural(course.hours, "hour")
    yield Figure(partial(draw_course, course), f"Runs that began and that ended, in steps of {step} (UTC)")
    shape = "%Y-%m-%d" if course.hours % _DAY == 0 else "%Y-%m-%d %H:%M"
    rows = tuple(
        (point.start.strftime(shape), f"{point.began:,}", f"{point.ended:,}")
        for point in course.points
        if point.began or point.ended
    )
    if rows:
        caption = f"In steps of {step} (UTC), without empty ones"
        yield Table(caption, ("From", "Began", "Ended"), rows)


def _nodes(journey: Journey) -> Iterator[Block]:
    yield Heading("Nodes")
    rows = tuple(
        (
            _node_name(journey, name),
            f"{node.visits:,}",
            f"{node.left:,}",
            f"{node.exited:,}",
            f"{node.failed:,}",
            _NOTHING if node.in_progress is None else f"{node.in_progress:,}",
            _percent(node.drop_off_rate),
        )
        for name, node in _in_order(journey)
    )
    if not rows:
        yield Paragraph("Nobody came to any node.")
        return
    head = ("Node", "Visits", "Left", "Exited", "Failed", "There now", "Drop-off")
    yield Table("What became of visits; who is there now is no loss", head, rows)
    actions = tuple(
        (
            f"{_node_name(journey, name)}: {cut_columns(action.action_id, _NAME)}",
            f"{action.done:,}",
            _reasons(action.skipped),
            _reasons(action.failed),
            f"{action.retries:,}",
            _percent(action.success_rate),
        )
        for name, node in _in_order(journey)
        for action in node.actions
    )
    if actions:
        yield Table("Actions", ("Action", "Done", "Skipped", "Failed", "Retries", "Success"), actions)


def _messages(metrics: WorkflowMetrics) -> Iterator[Block]:
    yield Heading("Messages")
    if not metrics.messages:
        yield Paragraph("No message was due.")
        return
    kinds = [kind for kind in _HEARD if kind in metrics.heard]
    head = ("Template", "Channel", "Sent", "Skipped", "Failed", *(_HEARD[kind] for kind in kinds))
    rows = tuple(
        (
            cut_columns(message.template_id, _NAME) or _NOTHING,
            cut_columns(message.channel, _NAME),
            f"{message.sent:,}",
            f"{message.skipped:,}",
            f"{message.failed:,}",
            *(_heard(message, kind) for kind in kinds),
        )
        for message in metrics.messages
    )
    yield Table("By template and channel, with the feedback on what was sent", head, rows)
    if metrics.heard and metrics.engagement_score is not None:
        worth = f" Conversions were worth {metrics.revenue:,}." if metrics.revenue else ""
        yield Paragraph(f"Engagement score: {metrics.engagement_score:.1f}.{worth}")


def _heard(message: MessageMetrics, kind: str) -> str:
    return f"{message.heard.get(kind, 0):,} ({_percent(message.rate(kind))})"


def _endings(metrics: WorkflowMetrics) -> Iterator[Block]:
    yield Heading("How runs ended")
    if not metrics.ended:
        yield Paragraph("No run has ended.")
        return
    ways = [("completed", "", metrics.completed)]
    ways += [("exited", reason, number) for reason, number in metrics.exited.items()]
    ways += [("failed", reason, number) for reason, number in metrics.failed.items()]
    rows = tuple(
        (how, cut_columns(reason, _NAME) or _NOTHING, f"{number:,}", _percent(share(number, metrics.ended)))
        for how, reason, number in ways
    )
    yield Table("Runs by their end", ("End", "Reason", "Runs", "Of those that ended"), rows)
    ages = metrics.completion_times
    if ages.count:
        times = [("mean", ages.mean)] + [(f"{part * 100:.0f} % within", ages.quantile(part)) for part in QUANTILES]
        yield Table(
            "From entry to completion; shares to the minute, hour or day",
            ("What", "Time"),
            tuple((name, _time(seconds)) for name, seconds in times),
        )


def _goals(journey: Journey) -> Iterator[Block]:
    metrics = journey.metrics
    names = dict.fromkeys([*(goal.goal_id for goal in journey.workflow.goals), *sorted(metrics.goals)])
    if not names:
        return
    rows = tuple(
        (cut_columns(name, _NAME), f"{metrics.goals.get(name, 0):,}", _percent(metrics.conversion_rate(name)))
        for name in names
    )
    yield Heading("Goals")
    yield Table("Runs that reached each goal", ("Goal", "Runs", "Of those that began"), rows)


def _refusals(metrics: WorkflowMetrics) -> Iterator[Block]:
    yield Heading("Who did not enter")
    counts = [(cut_columns(reason, _NAME) or _NOTHING, number) for reason, number in sorted(metrics.refused.items())]
    counts += [("held out", metrics.held_out)] if metrics.held_out else []
    if not counts:
        yield Paragraph("Nobody was refused or held out.")
        return
    rows = tuple((reason, f"{number:,}") for reason, number in counts)
    yield Table("Entries refused, and subscribers held out", ("Reason", "Entries"), rows)


def _in_order(journey: Journey) -> Iterator[tuple[str, NodeMetrics]]:
    """Give the nodes as one comes to them from the entry, then the others, such as those of other versions."""
    nodes, known = journey.metrics.nodes, journey.workflow.nodes
    order = dict.fromkeys([journey.workflow.entry_node])
    ahead = list(order)
    while ahead:
        node_id = ahead.pop(0)
        named = [*known[node_id].next_nodes.values()] if node_id in known else []
        went = [way.to for way in nodes[node_id].ways] if node_id in nodes else []
        for name in (*named, *went):
            if name not in order:
                order[name] = None
                ahead.append(name)
    for name in dict.fromkeys([*order, *known, *nodes]):
        if name in nodes:
            yield name, nodes[name]


def _node_name(journey: Journey, node_id: str) -> str:
    node = journey.workflow.nodes.get(node_id)
    name = "" if node is None else clean(node.name)
    shown = clean(node_id) if not name or name == clean(node_id) else f"{name} ({clean(node_id)})"
    return cut_columns(shown, _NAME)


def _reasons(counts: Mapping[str, int]) -> str:
    if not counts:
        return "0"
    named = ", ".join(f"{cut_columns(reason, _NAME)} {number:,}" for reason, number in sorted(counts.items()) if reason)
    return f"{sum(counts.values()):,}{f' ({named})' if named else ''}"


def _measure(kind: str, value: float) -> str:
    return f"{value:,.1f}" if kind in _SCORES else _percent(value)


def _instant(instant: datetime) -> str:
    return f"{instant.astimezone(UTC):%Y-%m-%d %H:%M}"


def _percent(value: float | None) -> str:
    return _NOTHING if value is None else f"{value * 100:,.1f} %"


def _time(seconds: float | None) -> str:
    return _NOTHING if seconds is None else duration_words(timedelta(seconds=round(seconds)))
