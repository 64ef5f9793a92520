"""The analysis of an experiment: the arms' sizes first, then the numbers, then what may be concluded from them."""

from __future__ import annotations

import math
from collections.abc import Sequence
from datetime import timedelta
from typing import Final

from attrs import evolve

from flowkit.experiments.comparing import adjusted, bound_of, chance_of, compare, finite
from flowkit.experiments.deciding import Ruling, always_valid_result, is_better, rule_on
from flowkit.experiments.factors import effects_of
from flowkit.experiments.findings import (
    Comparison,
    CoursePoint,
    Findings,
    Guard,
    GuardFinding,
    Look,
    Outcome,
    Ratio,
    SamplePlan,
    Verdict,
)
from flowkit.experiments.model import Direction, Experiment, ExperimentKind, Metric, MetricKind
from flowkit.experiments.planning import plan_of
from flowkit.experiments.recommending import recommend
from flowkit.experiments.tallies import Tally
from flowkit.stats import power_of_proportions, sample_ratio_test

__all__ = ["analyse", "sample_ratio"]

_ALARM: Final = "alarm"
_DAY: Final = timedelta(days=1)


def analyse(
    experiment: Experiment,
    tally: Tally,
    *,
    looks: Sequence[Look] = (),
    course: Sequence[Tally] = (),
    plan: SamplePlan | None = None,
) -> Findings:
    """Analyse an experiment as it was counted.

    Args:
        experiment: The experiment, as it was when it started.
        tally: What was counted.
        looks: The looks of earlier analyses, as `Findings.looks` gave them: what was decided stays decided.
        course: Counts of earlier instants, for the picture of how the effect came about.
        plan: The plan as it was made before the start; None makes it now, from the same numbers.
    """
    made = plan_of(experiment) if plan is None else plan
    ratio = sample_ratio(experiment, tally)
    ruling = rule_on(experiment, tally, made, looks)
    guards = tuple(_guards(experiment, tally))
    verdict = _verdict(experiment, tally, made, ratio, ruling, guards)
    control = tally.arm(experiment.control)
    secondary = adjusted(
        [
            compare(metric, control, tally.arm(one.variant_id), confidence=experiment.confidence)
            for metric in experiment.secondary
            for one in experiment.treatments
        ],
        "benjamini_hochberg",
    )
    found = Findings(
        experiment=experiment,
        tally=tally,
        plan=made,
        ratio=ratio,
        primary=tuple(
            evolve(one, chance=chance_of(experiment.primary, control, tally.arm(one.treatment)))
            for one in ruling.comparisons
        ),
        secondary=secondary,
        guards=guards,
        verdict=verdict,
        recommendations=(),
        effects=effects_of(experiment, tally) if experiment.kind is ExperimentKind.MULTIVARIATE else (),
        looks=ruling.looks,
        course=tuple(point for earlier in course for point in _points(experiment, earlier, made)),
    )
    return evolve(found, recommendations=recommend(found))


def sample_ratio(experiment: Experiment, tally: Tally) -> Ratio:
    """Test whether the arms have the sizes that their weights give them; all exposed units count."""
    found = [tally.arm(one.variant_id).exposed for one in experiment.variants]
    weights = [one.weight for one in experiment.variants]
    total = sum(found)
    whole = sum(weights)
    expected = {one.variant_id: total * one.weight / whole for one in experiment.variants}
    if tally.reweighted or not total:
        return Ratio(
            verdict="not_tested", p=None, expected=expected, reasons=("reweighted",) if tally.reweighted else ("empty",)
        )
    test = sample_ratio_test(found, weights)
    return Ratio(verdict=str(test.verdict), p=test.p, expected=expected, reasons=tuple(map(str, test.reasons)))


# ------------------------------------------------------------------------------------------------------------
# Guardrails


def _guards(experiment: Experiment, tally: Tally) -> list[GuardFinding]:
    control = tally.arm(experiment.control)
    # One-sided at alpha: a two-sided interval of 1 - 2 alpha.
    confidence = 1 - 2 * experiment.alpha if experiment.alpha < 0.5 else 0.5  # noqa: PLR2004 - there is no wider one
    return [
        _guarded(metric, compare(metric, control, tally.arm(one.variant_id), confidence=confidence))
        for metric in experiment.guardrails
        for one in experiment.treatments
    ]


def _guarded(metric: Metric, comparison: Comparison) -> GuardFinding:
    interval = comparison.interval
    low, high = (None, None) if interval is None else (interval.low, interval.high)
    # As a worsening: what should rise and falls, what should fall and rises.
    if metric.direction is Direction.INCREASE:
        low, high = (None if high is None else -high), (None if low is None else -low)
    state = Guard.OPEN
    if low is not None and low > metric.margin:
        state = Guard.HARMED
    elif high is not None and high < metric.margin:
        state = Guard.SAFE
    return GuardFinding(comparison, state, metric.margin)


# ------------------------------------------------------------------------------------------------------------
# The verdict


def _verdict(
    experiment: Experiment,
    tally: Tally,
    plan: SamplePlan,
    ratio: Ratio,
    ruling: Ruling,
    guards: Sequence[GuardFinding],
) -> Verdict:
    by_name = {one.treatment: one for one in ruling.comparisons}
    differing = [by_name[name] for name in ruling.crossed if name in by_name]
    good = {one.treatment for one in differing if _was_better(experiment.primary, one, ruling.looks)}
    better = sorted((one for one in differing if one.treatment in good), key=_by_size, reverse=True)
    worse = tuple(one.treatment for one in differing if one.treatment not in good)
    remaining = max(plan.total - tally.units, 0)
    verdict = Verdict(
        outcome=Outcome.KEEP_RUNNING,
        worse=worse,
        peeked=ruling.peeked,
        remaining=remaining,
        days=_days(tally, plan),
        power=_power(experiment, tally),
        reasons=(*ruling.reasons, *(("reweighted",) if tally.reweighted else ()), *plan.reasons),
    )
    if not tally.exposed:
        return evolve(verdict, reasons=("no_units",))
    if ratio.verdict == _ALARM:
        return evolve(verdict, outcome=Outcome.BROKEN, worse=(), reasons=("sample_ratio_alarm",))
    if not ruling.decides:
        over = experiment.end is not None and tally.at >= experiment.end + experiment.window
        return evolve(verdict, outcome=Outcome.NO_WINNER, reasons=(*verdict.reasons, "ended")) if over else verdict
    if not better:
        # What is worse may be known at a look where others are still open.
        last = not differing or len(worse) == len(experiment.treatments) or "last_look" in ruling.reasons
        final = last or "planned_sample" in ruling.reasons
        return evolve(verdict, outcome=Outcome.NO_WINNER if final else Outcome.KEEP_RUNNING)
    return _won(experiment, tally, verdict, better, guards)


def _won(
    experiment: Experiment,
    tally: Tally,
    verdict: Verdict,
    better: Sequence[Comparison],
    guards: Sequence[GuardFinding],
) -> Verdict:
    names = tuple(one.treatment for one in better)
    states = {name: {one.state for one in guards if one.comparison.treatment == name} for name in names}
    free = [name for name in names if Guard.HARMED not in states[name]]
    best = free[0] if free else names[0]
    verdict = evolve(verdict, better=names, winner=best if free else None)
    if len(names) > 1:
        second = next(name for name in names if name != best)
        rival = compare(experiment.primary, tally.arm(second), tally.arm(best), confidence=experiment.confidence)
        verdict = evolve(verdict, runner_up=second, runner_up_p=rival.p)
    if not free:
        return evolve(verdict, outcome=Outcome.BLOCKED, reasons=(*verdict.reasons, "guardrail_harmed"))
    open_guard = ("guardrail_open",) if Guard.OPEN in states[best] else ()
    return evolve(verdict, outcome=Outcome.WINNER, reasons=(*verdict.reasons, *open_guard))


def _was_better(metric: Metric, comparison: Comparison, looks: Sequence[Look]) -> bool:
    """Whether a treatment lay on the good side at the look that told it apart: what comes later decides nothing."""
    for look in looks:
        if comparison.treatment in look.crossed and (z := look.statistics.get(comparison.treatment)):
            return z > 0 if metric.direction is Direction.INCREASE else z < 0
    return is_better(metric, comparison)


def _by_size(one: Comparison) -> float:
    return abs(one.estimate or 0.0)


def _days(tally: Tally, plan: SamplePlan) -> int | None:
    """Say after how many days the exposures will be there that are missing, at the pace so far."""
    missing = plan.total - tally.exposed
    if missing <= 0:
        return 0
    if not tally.exposed or tally.first is None or tally.at <= tally.first:
        return None
    return math.ceil(missing / (tally.exposed / ((tally.at - tally.first) / _DAY)))


def _power(experiment: Experiment, tally: Tally) -> float | None:
    """Give the chance to find an effect of the minimum size with the units so far, at control's rate so far."""
    control = tally.arm(experiment.control)
    if experiment.primary.kind is not MetricKind.RATE or not control.units:
        return None
    rate = control.of(experiment.primary.name).total / control.units
    sign = 1 if experiment.primary.direction is Direction.INCREASE else -1
    wanted = rate * (1 + sign * experiment.minimum_effect)
    units = [tally.arm(one.variant_id).units for one in experiment.treatments]
    if not 0 < wanted < 1 or not 0 < rate < 1 or not min(units):
        return None
    return float(
        power_of_proportions(
            rate,
            wanted,
            control.units,
            alpha=experiment.alpha,
            ratio=min(units) / control.units,
            comparisons=len(units),
        )
    )


# ------------------------------------------------------------------------------------------------------------
# How it came about


def _points(experiment: Experiment, tally: Tally, plan: SamplePlan) -> list[CoursePoint]:
    control = tally.arm(experiment.control)
    points: list[CoursePoint] = []
    for one in experiment.treatments:
        arm = tally.arm(one.variant_id)
        plain = compare(experiment.primary, control, arm, confidence=experiment.confidence)
        always = always_valid_result(experiment, control, arm, plan)
        points.append(
            CoursePoint(
                at=tally.at,
                treatment=one.variant_id,
                units=control.units + arm.units,
                estimate=finite(plain.estimate),
                sequence=None if always is None else bound_of(always.interval),
                naive_p=plain.p,
            )
        )
    return points
