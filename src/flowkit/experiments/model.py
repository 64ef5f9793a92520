"""An experiment on a workflow as data: what is varied, for whom, what is measured, and by which rule it is decided.

What cannot be one is refused when it is made, by a `DocumentError` whose paths name the fields as documents do.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from datetime import datetime, timedelta
from math import isfinite
from typing import Final

from attrs import evolve, field, frozen

from flowkit.errors import DocumentError, Problem
from flowkit.events import id_problem
from flowkit.experiments.parts import (
    SPENDINGS,
    AlwaysValid,
    Audience,
    DecisionRule,
    Direction,
    ExperimentKind,
    ExperimentStatus,
    FixedSample,
    GroupSequential,
    Layer,
    Metric,
    MetricKind,
    Multiplicity,
    Variant,
)
from flowkit.problems import pointer, short, suggestion

__all__ = [
    "AlwaysValid",
    "Audience",
    "DecisionRule",
    "Direction",
    "Experiment",
    "ExperimentKind",
    "ExperimentStatus",
    "FixedSample",
    "GroupSequential",
    "Layer",
    "Metric",
    "MetricKind",
    "Multiplicity",
    "Variant",
    "slug",
]

_WHOLE: Final = 100.0
_TOLERANCE: Final = 0.01
_MOST_LOOKS: Final = 500
_FORTNIGHT: Final = timedelta(days=14)
_LEAST_VARIANTS: Final = 2
_EVERYBODY: Final = Audience()
_FIXED: Final = FixedSample()


def _variants(variants: Iterable[Variant]) -> tuple[Variant, ...]:
    return tuple(variants)


def _metrics(metrics: Iterable[Metric]) -> tuple[Metric, ...]:
    return tuple(metrics)


@frozen(kw_only=True)
class Experiment:
    """An experiment on a workflow.

    Attributes:
        experiment_id: Its name for ever: assignments belong to it, and are salted by it.
        name: What people call it.
        workflow_id: The workflow that is varied.
        variants: The arms, each with a name of its own; weights sum to 100 within 0.01.
        primary: The metric that decides.
        control: The variant that the others are compared with; it changes nothing.
        kind: What kind of experiment it is.
        secondary: Metrics that are looked at beside it.
        guardrails: Metrics that must not become worse by as much as their margin.
        audience: Who takes part.
        start: From when on; None from the publishing on.
        end: Until when; None without an end.
        confidence: Of the intervals, and 1 less the error of the verdict.
        power: The chance of finding an effect of the minimum size, for the plan.
        minimum_effect: The smallest relative effect that it is to find: 0.15 is 15 % of control's.
        minimum_sample: The fewest units of all arms together before anything is decided.
        rule: When it may be decided.
        window: For how long after the first exposure conversions count.
        exposure: How many of those who could take part do, in per cent. Raising it keeps everybody in the same arm.
        layer: Its slot where it excludes other experiments; None where it does not.
        status: How far it has come.
        multiplicity: How the p-values of several treatments are adjusted.
        allocation: How often the weights were changed since the start; a woven split carries it.
    """

    experiment_id: str
    name: str
    workflow_id: str
    variants: tuple[Variant, ...] = field(converter=_variants)
    primary: Metric
    control: str = "control"
    kind: ExperimentKind = ExperimentKind.A_B
    secondary: tuple[Metric, ...] = field(default=(), converter=_metrics)
    guardrails: tuple[Metric, ...] = field(default=(), converter=_metrics)
    audience: Audience = _EVERYBODY
    start: datetime | None = None
    end: datetime | None = None
    confidence: float = 0.95
    power: float = 0.8
    minimum_effect: float = 0.1
    minimum_sample: int = 1000
    rule: DecisionRule = _FIXED
    window: timedelta = _FORTNIGHT
    exposure: float = _WHOLE
    layer: Layer | None = None
    status: ExperimentStatus = ExperimentStatus.DRAFT
    multiplicity: Multiplicity = Multiplicity.HOLM
    allocation: int = 0

    def __attrs_post_init__(self) -> None:
        found = list(_problems(self))
        if found:
            raise DocumentError(found)

    @property
    def alpha(self) -> float:
        """The error of the verdict: of declaring any winner where there is none."""
        return round(1 - self.confidence, 12)

    @property
    def treatments(self) -> tuple[Variant, ...]:
        """The variants but the control, in order."""
        return tuple(one for one in self.variants if one.variant_id != self.control)

    @property
    def metrics(self) -> tuple[Metric, ...]:
        """All metrics: the primary one, then the others, then the guardrails."""
        return (self.primary, *self.secondary, *self.guardrails)

    @property
    def weights(self) -> tuple[tuple[str, float], ...]:
        """The arms, each with its weight, as assignment takes them."""
        return tuple((one.variant_id, one.weight) for one in self.variants)

    def reweighted(self, weights: Mapping[str, float]) -> Experiment:
        """Give the same experiment with other weights, and the next number of its allocation.

        Args:
            weights: In per cent, by variant.
        """
        variants = [evolve(one, weight=weights.get(one.variant_id, one.weight)) for one in self.variants]
        return evolve(self, variants=variants, allocation=self.allocation + 1)

    def variant(self, variant_id: str) -> Variant:
        """Give a variant by its name.

        Raises:
            KeyError: There is none.
        """
        for one in self.variants:
            if one.variant_id == variant_id:
                return one
        raise KeyError(variant_id)


# ------------------------------------------------------------------------------------------------------------
# What is wrong with one


def _problems(one: Experiment) -> Iterator[Problem]:
    for value, path in ((one.experiment_id, "/testId"), (one.workflow_id, "/workflowId")):
        if problem := id_problem(value):
            yield Problem("bad_id", path, message=problem)
    yield from _of_variants(one)
    yield from _of_metrics(one.metrics)
    yield from _of_numbers(one)
    yield from _of_rule(one)
    if one.kind is ExperimentKind.MULTIVARIATE:
        yield from _of_factors(one)


def _of_variants(one: Experiment) -> Iterator[Problem]:
    ids = [variant.variant_id for variant in one.variants]
    if len(ids) < _LEAST_VARIANTS:
        yield Problem("too_short", "/variants", message="must hold a control and at least one treatment")
    for variant in one.variants:
        if problem := id_problem(variant.variant_id):
            yield Problem("bad_id", pointer("/variants", variant.variant_id), message=problem)
        if not (isfinite(variant.weight) and variant.weight >= 0):
            path = pointer("/trafficSplit", variant.variant_id)
            yield Problem("out_of_range", path, message=f"must be 0 or more per cent, not {short(variant.weight)}")
    for twice in sorted({each for each in ids if ids.count(each) > 1}):
        yield Problem("duplicate_id", pointer("/variants", twice), message="two variants have this name")
    total = sum(variant.weight for variant in one.variants)
    if not abs(total - _WHOLE) <= _TOLERANCE:
        yield Problem("bad_weights", "/trafficSplit", message=f"must add up to 100, not {short(round(total, 6))}")
    if one.control not in ids:
        yield Problem(
            "unknown_variant", "/control", message=f"no variant has this name; {suggestion(one.control, ids)}"
        )
    elif one.variant(one.control).changes:
        path = pointer(pointer("/variants", one.control), "changes")
        yield Problem("control_changed", path, message="the control is the workflow as it is: it must change nothing")


def _of_metrics(metrics: Iterable[Metric]) -> Iterator[Problem]:
    seen: set[str] = set()
    for metric in metrics:
        path = "/primaryMetric" if not seen else "/secondaryMetrics"
        if not metric.name:
            yield Problem("missing_field", f"{path}/name", message="is required")
        if metric.name in seen:
            message = f"{short(metric.name)} is the name of an earlier metric"
            yield Problem("duplicate_id", f"{path}/name", message=message)
        seen.add(metric.name)
        if (metric.denominator is not None) is not (metric.kind is MetricKind.RATIO):
            yield Problem("conflicting_fields", f"{path}/denominator", message="belongs to a ratio, and to it alone")
        baseline = metric.baseline
        if metric.kind is MetricKind.RATE and baseline is not None and not 0 < baseline < 1:
            message = f"must lie between 0 and 1, not {short(baseline)}"
            yield Problem("out_of_range", f"{path}/baselineValue", message=message)
        if not (isfinite(metric.margin) and metric.margin >= 0):
            yield Problem("out_of_range", f"{path}/margin", message="must be 0 or more")


def _of_numbers(one: Experiment) -> Iterator[Problem]:
    for value, path in ((one.confidence, "/confidenceLevel"), (one.power, "/power")):
        if not 0 < value < 1:
            yield Problem("out_of_range", path, message=f"must lie between 0 and 1, not {short(value)}")
    if not (isfinite(one.minimum_effect) and one.minimum_effect > 0):
        yield Problem("out_of_range", "/minimumDetectableEffect", message="must be over 0; 0.15 is 15 % of control's")
    if one.minimum_sample < 0:
        yield Problem("out_of_range", "/minimumSampleSize", message="must be 0 or more")
    if not 0 < one.exposure <= _WHOLE:
        yield Problem("out_of_range", "/exposurePercent", message="must be over 0, and at most 100")
    if one.window <= timedelta():
        yield Problem("out_of_range", "/attributionDays", message="must be over 0")
    layer = one.layer
    if layer is not None and not 0 <= layer.start < layer.end <= _WHOLE:
        yield Problem("out_of_range", "/layer", message="must begin at 0 or more and end after that, at most at 100")
    for instant, path in ((one.start, "/startDate"), (one.end, "/endDate")):
        if instant is not None and instant.tzinfo is None:
            yield Problem("naive_datetime", path, message="needs an offset: datetime(..., tzinfo=UTC)")
            return
    if one.start is not None and one.end is not None and one.end <= one.start:
        yield Problem("out_of_range", "/endDate", message="must be later than the start")


def _of_rule(one: Experiment) -> Iterator[Problem]:
    if isinstance(one.rule, GroupSequential) and one.rule.method not in SPENDINGS:
        message = f"{short(one.rule.method)} is not known; {suggestion(one.rule.method, SPENDINGS)}"
        yield Problem("bad_enum", "/rule/method", message=message)
    if isinstance(one.rule, GroupSequential) and not 1 <= one.rule.looks <= _MOST_LOOKS:
        yield Problem("out_of_range", "/rule/looks", message=f"must be from 1 to {_MOST_LOOKS}")
    if one.kind is ExperimentKind.SEQUENTIAL and isinstance(one.rule, FixedSample):
        message = "a sequential test is looked at before its end: give group_sequential or always_valid"
        yield Problem("conflicting_fields", "/rule", message=message)
    if not isinstance(one.rule, FixedSample) and one.multiplicity is Multiplicity.DUNNETT:
        message = "Dunnett's test is for a fixed sample; take holm"
        yield Problem("conflicting_fields", "/multiplicity", message=message)
    if not isinstance(one.rule, FixedSample) and one.primary.kind is MetricKind.RATIO:
        message = "a ratio is decided at a fixed sample: its variance is not known well enough early on"
        yield Problem("conflicting_fields", "/rule", message=message)


def _of_factors(one: Experiment) -> Iterator[Problem]:
    factors = sorted({factor for variant in one.variants for factor in variant.levels})
    if not factors:
        message = 'a multivariate test needs the levels of each variant: {"subject": "short", "button": "red"}'
        yield Problem("missing_field", "/variants", message=message)
        return
    cells: dict[tuple[str, ...], str] = {}
    for variant in one.variants:
        path = pointer(pointer("/variants", variant.variant_id), "levels")
        missing = [factor for factor in factors if factor not in variant.levels]
        if missing:
            yield Problem("missing_field", path, message=f"says nothing of {', '.join(map(short, missing))}")
            continue
        cell = tuple(variant.levels[factor] for factor in factors)
        if cell in cells:
            yield Problem("duplicate_id", path, message=f"are those of {short(cells[cell])} too")
        cells[cell] = variant.variant_id
    if len(cells) == len(one.variants):
        counts = [len({cell[index] for cell in cells}) for index in range(len(factors))]
        wanted = 1
        for count in counts:
            wanted *= count
        if min(counts) < _LEAST_VARIANTS:
            yield Problem("too_short", "/variants", message="a factor needs at least two levels")
        elif wanted != len(cells):
            message = f"must hold every combination of levels once: {wanted}, not {len(cells)}"
            yield Problem("missing_variant", "/variants", message=message)


_WORD: Final = re.compile(r"[^a-z0-9]+")


def slug(name: str) -> str:
    """Make an id of a name: small letters, digits and underscores."""
    return _WORD.sub("_", name.lower()).strip("_")
