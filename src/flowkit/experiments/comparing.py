"""One treatment against control by one metric: an estimate, its interval, its lift, its p."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence

import numpy as np
from attrs import evolve

from flowkit.experiments.findings import Bound, Comparison
from flowkit.experiments.model import Direction, Metric, MetricKind
from flowkit.experiments.tallies import ArmTotals, Sums
from flowkit.stats import (
    Interval,
    PairSummary,
    Result,
    Summary,
    adjust,
    beta_posterior,
    compare_means,
    compare_proportions,
    compare_ratios,
    lift_of_means,
    lift_of_ratios,
    relative_lift,
    standing,
)
from flowkit.stats.arithmetic import Number
from flowkit.stats.results import Reasons

__all__ = ["adjusted", "bound_of", "chance_of", "compare", "finite", "pair_of", "summary_of", "value_of"]

_LEAST = 2


def compare(
    metric: Metric, control: ArmTotals, treatment: ArmTotals, *, confidence: float, test: str = "auto"
) -> Comparison:
    """Compare a treatment with control.

    Rates by `compare_proportions` and `relative_lift`, means by Welch's test and Fieller's interval of the lift, ratios
    by the delta method. Where an arm has too few units there are no numbers, and the reasons say so.

    Args:
        metric: By which metric.
        control: What was counted in control.
        treatment: What was counted in the treatment.
        confidence: Of the intervals, between 0 and 1.
        test: For rates, a test of `compare_proportions`.
    """
    plain = Comparison(
        metric=metric.name,
        treatment=treatment.arm,
        control_units=control.units,
        treatment_units=treatment.units,
        control_value=value_of(metric, control),
        treatment_value=value_of(metric, treatment),
    )
    match metric.kind:
        case MetricKind.RATE:
            return _rates(plain, control, treatment, confidence, test)
        case MetricKind.MEAN:
            return _means(metric, plain, control, treatment, confidence)
        case MetricKind.RATIO:
            return _ratios(metric, plain, control, treatment, confidence)


def chance_of(metric: Metric, control: ArmTotals, treatment: ArmTotals) -> float | None:
    """Give the chance that a treatment's rate is better than control's, with a flat prior; None for other metrics."""
    if metric.kind is not MetricKind.RATE or not control.units or not treatment.units:
        return None
    hits = [control.of(metric.name).total, treatment.of(metric.name).total]
    chance = float(standing(beta_posterior(hits, [control.units, treatment.units])).beats_control[1])
    return chance if metric.direction is Direction.INCREASE else 1 - chance


def value_of(metric: Metric, arm: ArmTotals) -> float | None:
    """Give the rate, the mean or the ratio of an arm; None where it has no units, or nothing below the ratio."""
    sums = arm.of(metric.name)
    below = sums.below if metric.kind is MetricKind.RATIO else float(arm.units)
    return sums.total / below if below else None


def adjusted(comparisons: Iterable[Comparison], method: str) -> tuple[Comparison, ...]:
    """Adjust the p-values of a family of comparisons; those without one stay without."""
    told = tuple(comparisons)
    known = [one.p for one in told if one.p is not None]
    if not known:
        return told
    better = iter(adjust(known, method).tolist())
    return tuple(one if one.p is None else evolve(one, adjusted_p=float(next(better))) for one in told)


def summary_of(metric: Metric, arm: ArmTotals) -> Summary:
    """Sum up a mean for `flowkit.stats`; units without any event count as 0.

    Raises:
        ValueError: There are fewer than two units.
    """
    sums = arm.of(metric.name)
    return Summary.of_sums(n=arm.units, total=sums.total, squares=sums.squares)


def pair_of(metric: Metric, arm: ArmTotals) -> PairSummary:
    """Sum up a ratio for `flowkit.stats`.

    Raises:
        ValueError: There are fewer than two units.
    """
    sums: Sums = arm.of(metric.name)
    return PairSummary.of_sums(
        n=arm.units, x=sums.below, y=sums.total, xx=sums.below_squares, yy=sums.squares, xy=sums.products
    )


def finite(value: Number | None) -> float | None:
    """Give a number, or None where it is NaN or infinite."""
    if value is None:
        return None
    number = float(value)
    return number if math.isfinite(number) else None


def bound_of(interval: Interval) -> Bound | None:
    """Give an interval; a side that is infinite is None, and all of it where neither side is known."""
    low, high = finite(interval.low), finite(interval.high)
    return None if low is None and high is None else Bound(low, high, interval.confidence)


def _rates(plain: Comparison, control: ArmTotals, treatment: ArmTotals, confidence: float, test: str) -> Comparison:
    if not control.units or not treatment.units:
        return evolve(plain, reasons=("too_few_units",))
    x1, x2 = int(control.of(plain.metric).total), int(treatment.of(plain.metric).total)
    counts = (x1, control.units, x2, treatment.units)
    result = compare_proportions(*counts, test=test, confidence=confidence)
    lift = relative_lift(*counts, confidence=confidence)
    signed = compare_proportions(*counts, test="z", confidence=confidence).statistic
    return evolve(_told(plain, result, lift), statistic=finite(signed))


def _means(
    metric: Metric, plain: Comparison, control: ArmTotals, treatment: ArmTotals, confidence: float
) -> Comparison:
    if control.units < _LEAST or treatment.units < _LEAST:
        return evolve(plain, reasons=("too_few_units",))
    one, two = summary_of(metric, control), summary_of(metric, treatment)
    result = compare_means(one, two, confidence=confidence)
    positive = np.all(np.asarray([one.mean, two.mean]) >= 0)
    return _told(plain, result, lift_of_means(one, two, confidence=confidence) if positive else None)


def _ratios(
    metric: Metric, plain: Comparison, control: ArmTotals, treatment: ArmTotals, confidence: float
) -> Comparison:
    short = control.units < _LEAST or treatment.units < _LEAST
    if short or plain.control_value is None or plain.treatment_value is None:
        return evolve(plain, reasons=("too_few_units",))
    one, two = pair_of(metric, control), pair_of(metric, treatment)
    result = compare_ratios(one, two, confidence=confidence)
    positive = plain.control_value >= 0 and plain.treatment_value >= 0
    return _told(plain, result, lift_of_ratios(one, two, confidence=confidence) if positive else None)


def _told(plain: Comparison, result: Result, lift: Result | None) -> Comparison:
    return evolve(
        plain,
        estimate=finite(result.estimate),
        interval=bound_of(result.interval),
        lift=None if lift is None else finite(lift.estimate),
        lift_interval=None if lift is None else bound_of(lift.interval),
        p=float(result.p),
        log10_p=finite(result.log10_p),
        statistic=finite(result.statistic),
        method=result.method,
        reasons=_codes([result.reasons, *([] if lift is None else [lift.reasons])]),
    )


def _codes(several: Sequence[Reasons]) -> tuple[str, ...]:
    return tuple(dict.fromkeys(str(reason) for reasons in several for reason in reasons))
