"""How many units an experiment needs, for its rule, its weights and the number of its treatments."""

from __future__ import annotations

import math

from flowkit.experiments.findings import Advice, Priority, Recommendation, SamplePlan
from flowkit.experiments.model import (
    AlwaysValid,
    DecisionRule,
    Direction,
    Experiment,
    FixedSample,
    GroupSequential,
    Metric,
    MetricKind,
    Variant,
)
from flowkit.stats import boundaries, duration, inflation, size_for_means, size_for_proportions

__all__ = ["DEFAULT_BASELINE", "audience_shortfall", "days_for", "plan_of"]

DEFAULT_BASELINE = 0.05
"""Control's rate where nobody says what it is: the seed's."""


def plan_of(experiment: Experiment) -> SamplePlan:
    """Plan an experiment: units for each arm, so that an effect of the minimum size is found with the wanted power.

    The alternative is two-sided, alpha is divided by the number of treatments (Bonferroni), and each treatment is
    planned with its own weight; the arm that is the scarcest for its need decides how many take part. Group sequential
    rules need a little more; the always-valid rule is planned like a fixed sample, and may take longer or shorter.
    """
    control = experiment.variant(experiment.control)
    treatments = [one for one in experiment.treatments if one.weight > 0]
    base, effect, reasons = _effect(experiment)
    if effect is None or base is None or not treatments or control.weight <= 0:
        return SamplePlan(
            units={}, total=experiment.minimum_sample, control_value=base, effect=effect, reasons=(*reasons, "no_plan")
        )
    more = _inflation(experiment.rule, experiment.alpha / len(treatments), experiment.power)
    whole = max(_control_units(experiment, one, len(treatments), base, effect) / control.weight for one in treatments)
    units = {one.variant_id: math.ceil(round(whole * one.weight * more, 9)) for one in experiment.variants}
    total = sum(units.values())
    least = experiment.minimum_sample
    if total < least:
        units = {one.variant_id: math.ceil(round(least * one.weight / 100, 9)) for one in experiment.variants}
        total = max(least, sum(units.values()))
    return SamplePlan(
        units=units, total=total, control_value=base, effect=effect, inflation=more, reasons=tuple(reasons)
    )


def days_for(plan: SamplePlan, per_day: float) -> int:
    """Say for how many days an experiment runs, in whole weeks, as many as come every day.

    Args:
        plan: The plan.
        per_day: How many units are exposed a day, over 0.

    Raises:
        ValueError: None come.
    """
    return int(duration(float(plan.total), per_day, whole_weeks=True))


def audience_shortfall(plan: SamplePlan, audience: int) -> Recommendation | None:
    """Warn where fewer take part than the plan needs; None where they are enough.

    Args:
        plan: The plan.
        audience: How many there are in the audience.
    """
    if audience >= plan.total:
        return None
    return Recommendation(
        Advice.SAMPLE_SIZE,
        Priority.HIGH,
        f"The audience of {audience:,} is smaller than the planned sample of {plan.total:,}",
        "Look for a larger effect, or for a larger audience; this test will hardly find the effect that it is for",
        data={"audience": audience, "required": plan.total},
    )


def _effect(experiment: Experiment) -> tuple[float | None, float | None, list[str]]:
    metric = experiment.primary
    sign = 1.0 if metric.direction is Direction.INCREASE else -1.0
    if metric.kind is MetricKind.RATE:
        base = metric.baseline
        reasons = ["no_baseline"] if base is None else []
        base = DEFAULT_BASELINE if base is None else base
        effect = sign * base * experiment.minimum_effect
        return (base, effect, reasons) if 0 < base + effect < 1 else (base, None, reasons)
    if not metric.baseline or not metric.deviation:
        return metric.baseline, None, ["no_baseline"]
    return metric.baseline, sign * abs(metric.baseline) * experiment.minimum_effect, []


def _control_units(experiment: Experiment, one: Variant, comparisons: int, base: float, effect: float) -> float:
    ratio = one.weight / experiment.variant(experiment.control).weight
    metric: Metric = experiment.primary
    if metric.kind is MetricKind.RATE:
        plan = size_for_proportions(
            base,
            base + effect,
            alpha=experiment.alpha,
            power=experiment.power,
            ratio=ratio,
            comparisons=comparisons,
        )
    else:
        plan = size_for_means(
            effect,
            metric.deviation or 1.0,
            alpha=experiment.alpha,
            power=experiment.power,
            ratio=ratio,
            comparisons=comparisons,
        )
    return float(plan.control)


def _inflation(rule: DecisionRule, alpha: float, power: float) -> float:
    match rule:
        case GroupSequential(looks=looks, method=method):
            return inflation(boundaries(looks, alpha=alpha, method=method), power)
        case FixedSample() | AlwaysValid():
            return 1.0
