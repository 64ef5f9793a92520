"""What workflows and their nodes come to in numbers: each one a fraction of counts that stand beside it."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from decimal import Decimal

from attrs import Factory, field, frozen

from flowkit.analytics.tally import Ages, Heard, Tally, Way
from flowkit.runs.feedback import FeedbackKind
from flowkit.runs.model import Kind

__all__ = ["ActionMetrics", "MessageMetrics", "NodeMetrics", "WorkflowMetrics", "share", "workflow_metrics"]


def share(part: int, whole: int) -> float | None:
    """Give a share of a whole; None where there is no whole, which is not the same as none of it."""
    return part / whole if whole else None


@frozen
class ActionMetrics:
    """What became of an action.

    Attributes:
        node_id: At which node.
        action_id: Which one.
        done: How often it was carried out.
        skipped: How often it was decided against, by reason.
        failed: How often it failed for good, by reason.
        retries: How many attempts failed and were made again.
        deferrals: How often it was put off without an attempt.
    """

    node_id: str
    action_id: str
    done: int = 0
    skipped: Mapping[str, int] = field(factory=dict[str, int], kw_only=True)
    failed: Mapping[str, int] = field(factory=dict[str, int], kw_only=True)
    retries: int = field(default=0, kw_only=True)
    deferrals: int = field(default=0, kw_only=True)

    @property
    def settled(self) -> int:
        """How often it came to an end."""
        return self.done + sum(self.skipped.values()) + sum(self.failed.values())

    @property
    def success_rate(self) -> float | None:
        """How many of those that were tried were carried out: ``done / (done + failed)``; skips are no trials."""
        return share(self.done, self.done + sum(self.failed.values()))

    @property
    def skip_rate(self) -> float | None:
        """How many of those that came to an end were decided against."""
        return share(sum(self.skipped.values()), self.settled)

    @property
    def retry_rate(self) -> float | None:
        """How many of all attempts failed and were made again: ``retries / (retries + done + failed)``."""
        return share(self.retries, self.retries + self.done + sum(self.failed.values()))


@frozen
class MessageMetrics:
    """What became of a message, wherever it is sent.

    Attributes:
        template_id: Its template.
        channel: By which channel.
        sent: How often it was handed over.
        skipped: How often it was decided against.
        failed: How often it failed for good.
        heard: What became of it afterwards, by the type of the event that told it, without what machines did; of all
            channels together.
    """

    template_id: str
    channel: str
    sent: int = 0
    skipped: int = 0
    failed: int = 0
    heard: Mapping[str, int] = field(factory=dict[str, int], kw_only=True)

    def rate(self, kind: str) -> float | None:
        """Give how many of those that were handed over were answered so: ``heard[kind] / sent``."""
        return share(self.heard.get(kind, 0), self.sent)


@frozen
class NodeMetrics:
    """What became of those who came to a node.

    Attributes:
        node_id: The node.
        visits: How often it was entered.
        ways: How often it was left, by way.
        exited: How many runs exited there.
        failed: How many failed there.
        in_progress: How many stand there now; None where that was not asked.
        actions: Its actions.
    """

    node_id: str
    visits: int = 0
    ways: Mapping[Way, int] = field(factory=dict[Way, int], kw_only=True)
    exited: int = field(default=0, kw_only=True)
    failed: int = field(default=0, kw_only=True)
    in_progress: int | None = field(default=None, kw_only=True)
    actions: Sequence[ActionMetrics] = field(default=(), kw_only=True)

    @property
    def left(self) -> int:
        """How often it was left, whatever the way."""
        return sum(self.ways.values())

    @property
    def closed(self) -> int:
        """How many visits are over: it was left, or the run ended there."""
        return self.left + self.exited + self.failed

    @property
    def drop_off_rate(self) -> float | None:
        """How many of the visits that are over ended the run there; who is still there is no loss."""
        return share(self.exited + self.failed, self.closed)

    @property
    def success_rate(self) -> float | None:
        """How many of the visits that are over did not fail."""
        return share(self.closed - self.failed, self.closed)


@frozen
class WorkflowMetrics:
    """What became of the runs of a workflow in a window of time.

    Attributes:
        workflow_id: The workflow.
        execution_count: How many runs began.
        completed: How many came to the end.
        exited: How many ended before, by reason.
        failed: How many failed, by reason.
        held_out: How many subscribers were held out.
        refused: How many entries were refused, by reason.
        goals: How many runs reached each goal.
        completion_times: How old runs were when they came to the end.
        nodes: What became of those who came to each node, by node.
        messages: What became of messages.
        heard: What became of them afterwards, by the type of the event that told it, without what machines did.
        by_machines: What machines did, likewise.
        revenue: What conversions were worth together, as was told; exact.
    """

    workflow_id: str
    execution_count: int = 0
    completed: int = 0
    exited: Mapping[str, int] = field(factory=dict[str, int], kw_only=True)
    failed: Mapping[str, int] = field(factory=dict[str, int], kw_only=True)
    held_out: int = field(default=0, kw_only=True)
    refused: Mapping[str, int] = field(factory=dict[str, int], kw_only=True)
    goals: Mapping[str, int] = field(factory=dict[str, int], kw_only=True)
    completion_times: Ages = field(default=Factory(Ages), kw_only=True)
    nodes: Mapping[str, NodeMetrics] = field(factory=dict[str, NodeMetrics], kw_only=True)
    messages: Sequence[MessageMetrics] = field(default=(), kw_only=True)
    heard: Mapping[str, int] = field(factory=dict[str, int], kw_only=True)
    by_machines: Mapping[str, int] = field(factory=dict[str, int], kw_only=True)
    revenue: Decimal = field(default=Decimal(0), kw_only=True)

    @property
    def sent(self) -> int:
        """How many messages were handed over."""
        return sum(message.sent for message in self.messages)

    def rate(self, kind: str) -> float | None:
        """Give how many of the messages that were handed over were answered so: ``heard[kind] / sent``."""
        return share(self.heard.get(kind, 0), self.sent)

    @property
    def engagement_score(self) -> float | None:
        """Opens and clicks in percent of the messages: ``100 (0.3 opens + 0.7 clicks) / sent``; None without any."""
        opened, clicked = self.rate("email_open"), self.rate("email_click")
        return None if opened is None or clicked is None else 100 * (0.3 * opened + 0.7 * clicked)

    @property
    def ended(self) -> int:
        """How many runs ended, however."""
        return self.completed + sum(self.exited.values()) + sum(self.failed.values())

    @property
    def completion_rate(self) -> float | None:
        """How many of the runs that ended came to the end: ``completed / ended``."""
        return share(self.completed, self.ended)

    @property
    def failure_rate(self) -> float | None:
        """How many of the runs that ended failed: ``failed / ended``."""
        return share(sum(self.failed.values()), self.ended)

    @property
    def avg_completion_time(self) -> float | None:
        """The mean age in seconds of runs that came to the end."""
        return self.completion_times.mean

    def conversion_rate(self, goal_id: str) -> float | None:
        """Give how many of the runs that began reached a goal, in the same window: ``goals / execution_count``.

        In a window that is short against the time that a goal takes, those who reach it began before.
        """
        return share(self.goals.get(goal_id, 0), self.execution_count)


def workflow_metrics(workflow_id: str, tally: Tally, standing: Mapping[str, int] | None = None) -> WorkflowMetrics:
    """Work out the metrics of a workflow.

    Args:
        workflow_id: The workflow.
        tally: What was counted in the window, all versions together or one of them.
        standing: How many runs stand at each node now; None where that is not asked.
    """
    names = {node for node in tally.visits if node != "end"} | {way.node for way in tally.ways}
    names |= {node for node, _ in tally.ends} | {done.node for done in tally.actions} | set(standing or ())
    nodes = {name: _node(name, tally, standing) for name in sorted(names) if name}
    return WorkflowMetrics(
        workflow_id,
        tally.count(Kind.ENTERED),
        tally.count(Kind.COMPLETED),
        exited=_reasons(tally, Kind.EXITED),
        failed=_reasons(tally, Kind.FAILED),
        held_out=tally.count(Kind.HELD_OUT),
        refused=dict(tally.refused),
        goals=dict(tally.goals),
        completion_times=tally.ages.get(Kind.COMPLETED.value, Ages()),
        nodes=nodes,
        messages=_messages(tally),
        heard=_heard(tally, machine=False),
        by_machines=_heard(tally, machine=True),
        revenue=sum((worth for told, worth in tally.revenue.items() if _is_sale(told)), Decimal(0)),
    )


def _is_sale(told: Heard) -> bool:
    return told.kind == FeedbackKind.CONVERSION.value and not told.machine


def _heard(tally: Tally, *, machine: bool, template: str | None = None) -> dict[str, int]:
    counts: Counter[str] = Counter()
    for told, number in tally.heard.items():
        if told.machine is machine and template in {None, told.template_id}:
            counts[told.kind] += number
    return dict(sorted(counts.items()))


def _reasons(tally: Tally, kind: Kind) -> dict[str, int]:
    return {reason: number for (one, reason), number in sorted(tally.runs.items()) if one == kind.value}


def _node(name: str, tally: Tally, standing: Mapping[str, int] | None) -> NodeMetrics:
    actions = sorted({done.action for done in tally.actions if done.node == name})
    return NodeMetrics(
        name,
        tally.visits.get(name, 0),
        ways={way: number for way, number in sorted(tally.ways.items()) if way.node == name},
        exited=tally.ends.get((name, Kind.EXITED.value), 0),
        failed=tally.ends.get((name, Kind.FAILED.value), 0),
        in_progress=None if standing is None else standing.get(name, 0),
        actions=[_action(name, action, tally) for action in actions],
    )


def _action(node: str, action: str, tally: Tally) -> ActionMetrics:
    counts: dict[str, Counter[str]] = {}
    for done, number in tally.actions.items():
        if done.node == node and done.action == action:
            counts.setdefault(done.kind, Counter())[done.reason] += number
    nothing: Counter[str] = Counter()
    return ActionMetrics(
        node,
        action,
        counts.get("done", nothing).total(),
        skipped=dict(counts.get("skipped", nothing)),
        failed=dict(counts.get("failed", nothing)),
        retries=counts.get("retrying", nothing).total(),
        deferrals=counts.get("deferred", nothing).total(),
    )


def _messages(tally: Tally) -> list[MessageMetrics]:
    names = sorted({(one.template_id, one.channel) for one in tally.messages})
    found: list[MessageMetrics] = []
    for template, channel in names:
        counts = {one.kind: number for one, number in tally.messages.items() if one[:2] == (template, channel)}
        done, skipped, failed = (counts.get(kind, 0) for kind in ("done", "skipped", "failed"))
        heard = _heard(tally, machine=False, template=template)
        found.append(MessageMetrics(template, channel, done, skipped, failed, heard=heard))
    return found
