"""What is worth a look: rules with thresholds over the rates of a workflow, and what may be done about it.

These rules take rates as they are. A rate of a few runs jumps by chance alone: `flowkit.analytics.anomalies` asks how
likely that is.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from enum import StrEnum
from types import MappingProxyType
from typing import Final, NamedTuple

from attrs import field, frozen

from flowkit.analytics.metrics import WorkflowMetrics

__all__ = ["Counted", "Finding", "Measures", "NodeMeasures", "Severity", "Thresholds", "findings", "measures_of"]


class Severity(StrEnum):
    """How much a finding matters."""

    INFO = "info"
    MEDIUM = "medium"
    WARNING = "warning"
    HIGH = "high"
    CRITICAL = "critical"


class Counted(NamedTuple):
    """A rate as the counts that it is made of.

    Attributes:
        part: How many did.
        whole: Of how many.
    """

    part: int
    whole: int

    @property
    def rate(self) -> float | None:
        """The share; None where there is no whole."""
        return self.part / self.whole if self.whole else None


_NOTHING: Final = Counted(0, 0)
_TOLD: Final = ("unsubscribe", "complaint", "bounce")


@frozen
class NodeMeasures:
    """What is asked of a node.

    Attributes:
        drop_off: Of the visits that are over, those that ended the run there.
        processing_seconds: How long its actions take in the mean; None where nobody knows.
    """

    drop_off: Counted = _NOTHING
    processing_seconds: float | None = None


@frozen
class Measures:
    """What is asked of a workflow in a window of time. What was not counted is left out, and no rule speaks of it.

    Attributes:
        workflow_id: The workflow.
        rates: By name: ``completion``, ``conversion``, ``open``, ``click``, ``unsubscribe``, ``complaint``, ``bounce``,
            ``failure``, or a name of the host's own.
        nodes: By node.
        processing_seconds: How long actions take in the mean; None where nobody knows.
    """

    workflow_id: str
    rates: Mapping[str, Counted] = field(factory=dict[str, Counted])
    nodes: Mapping[str, NodeMeasures] = field(factory=dict[str, NodeMeasures])
    processing_seconds: float | None = None

    def rate(self, name: str) -> float | None:
        """Give a rate; None where it was not counted, or of nothing."""
        counted = self.rates.get(name)
        return None if counted is None else counted.rate

    @property
    def engagement_score(self) -> float | None:
        """Opens and clicks in percent of what they are counted of: ``100 (0.3 open + 0.7 click)``."""
        opened, clicked = self.rate("open"), self.rate("click")
        return None if opened is None or clicked is None else 100 * (0.3 * opened + 0.7 * clicked)


def measures_of(metrics: WorkflowMetrics, goal_id: str | None = None, **rates: Counted) -> Measures:
    """Give what is asked of a workflow's metrics.

    Args:
        metrics: The metrics.
        goal_id: Which goal is the conversion; None for none.
        rates: What the host counts besides, such as ``complaint=Counted(2, 1500)``.
    """
    failed = sum(metrics.failed.values())
    found = {"completion": Counted(metrics.completed, metrics.ended), "failure": Counted(failed, metrics.ended)}
    if goal_id is not None:
        found["conversion"] = Counted(metrics.goals.get(goal_id, 0), metrics.execution_count)
    if metrics.heard:  # Where nothing was told, nobody knows; that is not the same as none.
        kinds = {"open": "email_open", "click": "email_click", **{name: name for name in _TOLD}}
        found |= {name: Counted(metrics.heard.get(kind, 0), metrics.sent) for name, kind in kinds.items()}
    nodes = {
        name: NodeMeasures(Counted(node.exited + node.failed, node.closed)) for name, node in metrics.nodes.items()
    }
    return Measures(metrics.workflow_id, {**found, **rates}, nodes)


@frozen
class Finding:
    """Something that is worth a look.

    Attributes:
        kind: What it is; a name that stays.
        severity: How much it matters.
        workflow_id: Of which workflow.
        node: At which node; None where it is about all of it.
        value: What was found.
        expected: What it is held against: a threshold, or how it was before.
        evidence: The counts that it rests on, by name.
        suggestions: What may be done.
    """

    kind: str
    severity: Severity
    workflow_id: str
    node: str | None = None
    value: float = 0.0
    expected: float = 0.0
    evidence: Mapping[str, float] = field(factory=dict[str, float], kw_only=True)
    suggestions: Sequence[str] = field(default=(), kw_only=True)

    @property
    def text(self) -> str:
        """It in one sentence."""
        where = self.workflow_id if self.node is None else f"{self.workflow_id}, node {self.node}"
        about = self.kind.replace("_", " ")
        return f"{where}: {about}: {_said(self.value)}, expected {_said(self.expected)} ({self.severity.value})"


def _said(number: float) -> str:
    return f"{number:.2%}" if 0 <= number <= 1 else f"{number:,.1f}"


@frozen
class Thresholds:
    """From when on something is worth a look; each may be set for itself, None switches the rule off.

    Attributes:
        completion_drop: The share of the rate before under which completion has dropped.
        conversion_drop: As for completion.
        unsubscribe_spike: How many times the rate before unsubscribes have to exceed.
        unsubscribe_floor: And which rate besides.
        complaint_spike: As for unsubscribes.
        complaint_floor: As for unsubscribes.
        low_completion: The completion rate below which it is low.
        low_conversion: The conversion rate below which it is low.
        high_unsubscribe: The rate of unsubscribes above which it is high.
        high_complaint: The rate of complaints above which it is high.
        high_processing: The seconds above which actions are slow.
        bottleneck: The drop-off above which a node is a bottleneck, where completion is low.
        low_engagement: The engagement score, in percent, below which it is low.
        weak_conversion: The conversion rate below which conversions should be worked on.
        least: How many a rate has to be made of before any rule speaks of it.
    """

    completion_drop: float | None = 0.7
    conversion_drop: float | None = 0.5
    unsubscribe_spike: float | None = 2.0
    unsubscribe_floor: float = 0.01
    complaint_spike: float | None = 3.0
    complaint_floor: float = 0.001
    low_completion: float | None = 0.8
    low_conversion: float | None = 0.05
    high_unsubscribe: float | None = 0.02
    high_complaint: float | None = 0.001
    high_processing: float | None = 300.0
    bottleneck: float | None = 0.3
    low_engagement: float | None = 15.0
    weak_conversion: float | None = 0.02
    least: int = 1


SUGGESTIONS: Final[Mapping[str, Sequence[str]]] = MappingProxyType(
    {
        "reduce_bottlenecks": (
            "read what is sent there as somebody who gets it for the first time",
            "test another message or another moment against it",
            "shorten the waits before it",
            "let those who drop off enter a workflow that wins them back",
        ),
        "improve_engagement": (
            "name in the subject what this reader is after",
            "choose the content by what the reader did",
            "send at the reader's preferred time",
            "look at the message on a phone",
        ),
        "improve_conversions": (
            "ask for one thing, and say why now",
            "show what others thought of it",
            "recommend what fits what was bought or looked at",
            "test another offer",
        ),
        "optimize_performance": (
            "look at the time-outs and the answers of the service that is called",
            "keep what is asked for again and again",
            "call for many at once",
            "let what nobody waits for go on beside the run",
        ),
    }
)
"""What may be done, by the kind of finding."""

DEFAULT: Final = Thresholds()


def findings(current: Measures, before: Measures | None = None, thresholds: Thresholds = DEFAULT) -> Sequence[Finding]:
    """Apply the rules.

    Args:
        current: How it is now.
        before: How it was before, for the rules that compare; the two windows should not overlap. None leaves them out.
        thresholds: From when on something is worth a look.

    Returns:
        The findings: changes, then what is beyond a threshold, then what may be improved.
    """
    changes = [] if before is None else _changes(current, before, thresholds)
    return [*changes, *_beyond(current, thresholds), *_improvements(current, thresholds)]


def _evidence(**counted: Counted) -> dict[str, float]:
    return {f"{name}_{part}": number for name, one in counted.items() for part, number in one._asdict().items()}


def _enough(counted: Counted | None, thresholds: Thresholds) -> Counted | None:
    return counted if counted is not None and counted.whole >= max(thresholds.least, 1) else None


@frozen
class _Change:
    kind: str
    severity: Severity
    measure: str
    factor: float | None
    floor: float = 0.0
    rises: bool = False


def _changes(current: Measures, before: Measures, thresholds: Thresholds) -> list[Finding]:
    rules = (
        _Change("completion_rate_drop", Severity.HIGH, "completion", thresholds.completion_drop),
        _Change("conversion_rate_drop", Severity.HIGH, "conversion", thresholds.conversion_drop),
        _Change(
            "unsubscribe_spike",
            Severity.MEDIUM,
            "unsubscribe",
            thresholds.unsubscribe_spike,
            thresholds.unsubscribe_floor,
            rises=True,
        ),
        _Change(
            "complaint_spike",
            Severity.CRITICAL,
            "complaint",
            thresholds.complaint_spike,
            thresholds.complaint_floor,
            rises=True,
        ),
    )
    found: list[Finding] = []
    for rule in rules:
        now, then = (_enough(one.rates.get(rule.measure), thresholds) for one in (current, before))
        if rule.factor is None or now is None or then is None:
            continue
        value, expected = now.part / now.whole, then.part / then.whole
        if rule.rises:
            holds = value > expected * rule.factor and value > rule.floor
        else:
            holds = expected > 0 and value < expected * rule.factor
        if holds:
            evidence = _evidence(current=now, before=then)
            found.append(
                Finding(rule.kind, rule.severity, current.workflow_id, None, value, expected, evidence=evidence)
            )
    return found


def _beyond(current: Measures, thresholds: Thresholds) -> list[Finding]:
    rules = (
        ("low_completion_rate", Severity.WARNING, "completion", thresholds.low_completion, False),
        ("low_conversion_rate", Severity.WARNING, "conversion", thresholds.low_conversion, False),
        ("high_unsubscribe_rate", Severity.WARNING, "unsubscribe", thresholds.high_unsubscribe, True),
        ("high_complaint_rate", Severity.CRITICAL, "complaint", thresholds.high_complaint, True),
    )
    found: list[Finding] = []
    for kind, severity, measure, threshold, above in rules:
        now = _enough(current.rates.get(measure), thresholds)
        if threshold is None or now is None:
            continue
        value = now.part / now.whole
        if value > threshold if above else value < threshold:
            evidence = _evidence(current=now)
            found.append(Finding(kind, severity, current.workflow_id, None, value, threshold, evidence=evidence))
    slow = current.processing_seconds
    if thresholds.high_processing is not None and slow is not None and slow > thresholds.high_processing:
        found.append(
            Finding(
                "high_processing_time", Severity.WARNING, current.workflow_id, None, slow, thresholds.high_processing
            )
        )
    return found


def _improvements(current: Measures, thresholds: Thresholds) -> list[Finding]:
    found: list[Finding] = []

    def suggest(kind: str, severity: Severity, value: float, expected: float, node: str | None = None) -> None:
        suggestions = SUGGESTIONS[kind]
        found.append(Finding(kind, severity, current.workflow_id, node, value, expected, suggestions=suggestions))

    completion = _enough(current.rates.get("completion"), thresholds)
    low, bottleneck = thresholds.low_completion, thresholds.bottleneck
    if (
        low is not None
        and bottleneck is not None
        and completion is not None
        and completion.part < low * completion.whole
    ):
        for name, node in sorted(current.nodes.items()):
            drop_off = _enough(node.drop_off, thresholds)
            if drop_off is not None and drop_off.part > bottleneck * drop_off.whole:
                suggest("reduce_bottlenecks", Severity.HIGH, drop_off.part / drop_off.whole, bottleneck, name)
    engagement = current.engagement_score if _enough(current.rates.get("open"), thresholds) else None
    if thresholds.low_engagement is not None and engagement is not None and engagement < thresholds.low_engagement:
        suggest("improve_engagement", Severity.HIGH, engagement, thresholds.low_engagement)
    conversion = _enough(current.rates.get("conversion"), thresholds)
    weak = thresholds.weak_conversion
    if weak is not None and conversion is not None and conversion.part < weak * conversion.whole:
        suggest("improve_conversions", Severity.MEDIUM, conversion.part / conversion.whole, weak)
    if thresholds.high_processing is not None:
        for name, node in sorted(current.nodes.items()):
            slow = node.processing_seconds
            if slow is not None and slow > thresholds.high_processing:
                suggest("optimize_performance", Severity.MEDIUM, slow, thresholds.high_processing, name)
    return found
