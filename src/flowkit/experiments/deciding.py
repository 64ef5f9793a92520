"""The verdict: what the rule that was chosen before the start lets one conclude from the numbers of today."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Final

from attrs import evolve, frozen

from flowkit.experiments.comparing import adjusted, bound_of, compare, finite, summary_of
from flowkit.experiments.findings import Bound, Comparison, Look, SamplePlan
from flowkit.experiments.model import (
    AlwaysValid,
    Direction,
    Experiment,
    FixedSample,
    GroupSequential,
    Metric,
    MetricKind,
    Multiplicity,
)
from flowkit.experiments.tallies import ArmTotals, Tally
from flowkit.stats import (
    Result,
    always_valid,
    always_valid_proportions,
    boundaries,
    dunnett,
    mixture_variance,
    normal_two_sided,
)

__all__ = ["Ruling", "always_valid_result", "rule_on"]

_NEAR: Final = 1e-9
_LEAST_TAIL: Final = 1e-12


@frozen(kw_only=True)
class Ruling:
    """What the rule says.

    Attributes:
        comparisons: The primary comparisons, with the intervals and the p-values that belong to the rule.
        decides: Whether it has had its say, or says that something is different.
        crossed: The treatments that differ from control.
        looks: The looks up to now.
        reasons: Codes, as in `Verdict`.
        peeked: Whether this was a look that the rule does not allow to conclude anything from.
    """

    comparisons: tuple[Comparison, ...]
    decides: bool
    crossed: tuple[str, ...] = ()
    looks: tuple[Look, ...] = ()
    reasons: tuple[str, ...] = ()
    peeked: bool = False


def rule_on(experiment: Experiment, tally: Tally, plan: SamplePlan, looks: Sequence[Look]) -> Ruling:
    """Apply the rule of an experiment.

    Args:
        experiment: The experiment.
        tally: What was counted.
        plan: What was planned.
        looks: The looks before this one, as earlier analyses gave them.
    """
    match experiment.rule:
        case FixedSample():
            return _fixed(experiment, tally, plan, tuple(looks))
        case GroupSequential() as rule:
            return _group_sequential(experiment, rule, tally, plan, tuple(looks))
        case AlwaysValid():
            return _always_valid(experiment, tally, plan, tuple(looks))


def _plainly(experiment: Experiment, tally: Tally, test: str = "auto") -> tuple[Comparison, ...]:
    control = tally.arm(experiment.control)
    return tuple(
        compare(experiment.primary, control, tally.arm(one.variant_id), confidence=experiment.confidence, test=test)
        for one in experiment.treatments
    )


# ------------------------------------------------------------------------------------------------------------
# A fixed sample


def _fixed(experiment: Experiment, tally: Tally, plan: SamplePlan, looks: tuple[Look, ...]) -> Ruling:
    told = _plainly(experiment, tally)
    told = _by_dunnett(told) if experiment.multiplicity is Multiplicity.DUNNETT else adjusted(told, "holm")
    if looks:  # It was decided at the planned sample, and what comes later decides nothing again.
        return Ruling(
            comparisons=told, decides=True, crossed=looks[-1].crossed, looks=looks, reasons=("planned_sample",)
        )
    if tally.units < plan.total or not tally.units:
        reasons = ("before_plan",) if tally.exposed < plan.total else ("before_plan", "window_open")
        return Ruling(comparisons=told, decides=False, reasons=reasons, peeked=True)
    crossed = tuple(one.treatment for one in told if one.adjusted_p is not None and one.adjusted_p < experiment.alpha)
    look = Look(at=tally.at, time=1.0, bound=experiment.alpha, statistics=_statistics(told), crossed=crossed)
    return Ruling(comparisons=told, decides=True, crossed=crossed, looks=(look,), reasons=("planned_sample",))


def _by_dunnett(told: tuple[Comparison, ...]) -> tuple[Comparison, ...]:
    known = [one for one in told if one.statistic is not None and one.control_units and one.treatment_units]
    if not known:
        return told
    test = dunnett(
        [one.statistic or 0.0 for one in known], known[0].control_units, [one.treatment_units for one in known]
    )
    better = dict(zip((one.treatment for one in known), test.p.tolist(), strict=True))
    return tuple(evolve(one, adjusted_p=better.get(one.treatment)) for one in told)


# ------------------------------------------------------------------------------------------------------------
# Planned looks


def _group_sequential(
    experiment: Experiment, rule: GroupSequential, tally: Tally, plan: SamplePlan, looks: tuple[Look, ...]
) -> Ruling:
    told = adjusted(
        _plainly(experiment, tally, test="z" if experiment.primary.kind is MetricKind.RATE else "auto"), "bonferroni"
    )
    before = looks[-1].crossed if looks else ()
    time = min(tally.units / plan.total, 1.0) if plan.total else 0.0
    if looks and (looks[-1].time >= 1 or before):
        reasons = ("boundary_reached",) if before else ("last_look",)
        return Ruling(comparisons=told, decides=True, crossed=before, looks=looks, reasons=reasons)
    due = math.floor(time * rule.looks + _NEAR)
    taken = math.floor(looks[-1].time * rule.looks + _NEAR) if looks else 0
    if due <= taken:
        return Ruling(comparisons=told, decides=False, looks=looks, reasons=("between_looks",), peeked=True)
    times = [*(one.time for one in looks), time]
    alpha = experiment.alpha / max(len(experiment.treatments), 1)
    bound = boundaries(times, alpha=alpha, method=rule.method).bounds[-1]
    told = _repeated(experiment, tally, told, bound, alpha)
    statistics = _statistics(told)
    crossed = tuple(name for name, z in statistics.items() if abs(z) >= bound)
    look = Look(at=tally.at, time=time, bound=bound, statistics=statistics, crossed=crossed)
    last = time >= 1
    reasons = ("boundary_reached",) if crossed else ("last_look",) if last else ("before_plan",)
    return Ruling(
        comparisons=told, decides=bool(crossed) or last, crossed=crossed, looks=(*looks, look), reasons=reasons
    )


def _repeated(
    experiment: Experiment, tally: Tally, told: Sequence[Comparison], bound: float, alpha: float
) -> tuple[Comparison, ...]:
    """Widen the intervals to those that hold at all looks together: what the boundary leaves possible.

    Repeated confidence intervals (Jennison and Turnbull, JRSS B 51, 1989).
    """
    wide = min(1 - float(normal_two_sided(bound).p), 1 - _LEAST_TAIL)
    control = tally.arm(experiment.control)
    out: list[Comparison] = []
    for one in told:
        again = compare(experiment.primary, control, tally.arm(one.treatment), confidence=wide, test="z")
        out.append(evolve(one, interval=_sure(again.interval, alpha), lift_interval=_sure(again.lift_interval, alpha)))
    return tuple(out)


def _sure(bound: Bound | None, alpha: float) -> Bound | None:
    """Say of an interval what it covers, at all looks together."""
    return None if bound is None else evolve(bound, confidence=1 - alpha)


def _statistics(told: Sequence[Comparison]) -> Mapping[str, float]:
    return {one.treatment: one.statistic for one in told if one.statistic is not None}


# ------------------------------------------------------------------------------------------------------------
# At any time


def _always_valid(experiment: Experiment, tally: Tally, plan: SamplePlan, looks: tuple[Look, ...]) -> Ruling:
    control = tally.arm(experiment.control)
    told: list[Comparison] = []
    for plain in _plainly(experiment, tally):
        result = always_valid_result(experiment, control, tally.arm(plain.treatment), plan)
        if result is None:
            told.append(evolve(plain, p=None, log10_p=None, interval=None, lift_interval=None, method="always_valid"))
            continue
        told.append(
            evolve(
                plain,
                interval=bound_of(result.interval),
                lift_interval=None,  # that of one look would not hold at all times
                p=float(result.p),
                log10_p=finite(result.log10_p),
                method="always_valid",
            )
        )
    judged = adjusted(told, "holm")
    before = looks[-1].crossed if looks else ()
    if tally.units < experiment.minimum_sample and not before:
        return Ruling(comparisons=judged, decides=False, reasons=("before_plan",), peeked=True)
    now = [one.treatment for one in judged if one.adjusted_p is not None and one.adjusted_p < experiment.alpha]
    # What was once told apart stays so: the smallest p so far is valid too.
    crossed = tuple(dict.fromkeys([*before, *now]))
    if crossed != before:
        time = min(tally.units / plan.total, 1.0) if plan.total else 1.0
        look = Look(at=tally.at, time=time, bound=experiment.alpha, statistics=_statistics(judged), crossed=crossed)
        looks = (*looks, look)
    reasons = ("always_valid",) if all(one.p is not None for one in judged) else ("always_valid", "no_plan")
    return Ruling(comparisons=judged, decides=bool(crossed), crossed=crossed, looks=looks, reasons=reasons)


def always_valid_result(
    experiment: Experiment, control: ArmTotals, treatment: ArmTotals, plan: SamplePlan
) -> Result | None:
    """Give the p-value and the interval that hold at every time; None where they cannot be had.

    The mixture is narrowest at the planned sample, and alpha is shared by the treatments; all of it is known before the
    start. A mean needs its standard deviation in the plan.
    """
    metric: Metric = experiment.primary
    mixture = _mixture_variance(experiment, plan, treatment.arm)
    if mixture is None or not control.units or not treatment.units:
        return None
    alpha = experiment.alpha / max(len(experiment.treatments), 1)
    chosen = mixture_variance(mixture, alpha=alpha)
    if metric.kind is MetricKind.RATE:
        x1, x2 = control.of(metric.name).total, treatment.of(metric.name).total
        return always_valid_proportions(x1, control.units, x2, treatment.units, chosen, confidence=1 - alpha)
    if min(control.units, treatment.units) < 2:  # noqa: PLR2004 - a variance needs two
        return None
    one, two = summary_of(metric, control), summary_of(metric, treatment)
    variance = one.variance / one.n + two.variance / two.n
    return always_valid(two.mean - one.mean, variance, chosen, confidence=1 - alpha)


def _mixture_variance(experiment: Experiment, plan: SamplePlan, treatment: str) -> float | None:
    """Give the variance that the estimate will have at the planned sample."""
    first, second = plan.units.get(experiment.control, 0), plan.units.get(treatment, 0)
    if not first or not second or plan.control_value is None:
        return None
    if experiment.primary.kind is MetricKind.RATE:
        spread = plan.control_value * (1 - plan.control_value)
    else:
        spread = (experiment.primary.deviation or 0.0) ** 2
    return spread * (1 / first + 1 / second) or None


def is_better(metric: Metric, comparison: Comparison) -> bool:
    """Whether an estimate lies on the good side."""
    if comparison.estimate is None:
        return False
    return comparison.estimate > 0 if metric.direction is Direction.INCREASE else comparison.estimate < 0
