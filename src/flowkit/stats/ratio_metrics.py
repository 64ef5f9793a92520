"""Ratio metrics, such as clicks a mail, where the units are subscribers: the delta method on sums by unit."""

from __future__ import annotations

import numpy as np

from flowkit.stats.arithmetic import Number
from flowkit.stats.inputs import choice
from flowkit.stats.means import from_estimate, ratio_of_estimates
from flowkit.stats.results import Result
from flowkit.stats.summaries import PairSummary

__all__ = ["compare_ratios", "lift_of_ratios", "ratio_variance"]


def ratio_variance(summary: PairSummary) -> Number:
    """The variance of mean_y / mean_x by the delta method: (v_y - 2 R c + R^2 v_x) / (n mean_x^2).

    See Deng, Knoblich and Lu, "Applying the Delta Method in Metric Analytics", KDD 2018.

    Raises:
        ValueError: The mean of x is not over 0.
    """
    if np.any(summary.mean_x <= 0):
        raise ValueError("mean_x must be over 0: it is the denominator of the metric")
    ratio = summary.mean_y / summary.mean_x
    spread = summary.variance_y - 2 * ratio * summary.covariance + ratio * ratio * summary.variance_x
    over = np.maximum(spread, 0.0) if isinstance(spread, np.ndarray) else max(spread, 0.0)
    return over / (summary.n * summary.mean_x * summary.mean_x)


def compare_ratios(control: PairSummary, treatment: PairSummary, *, confidence: float = 0.95) -> Result:
    """Compare a ratio metric between two arms: treatment less control, with normal quantiles.

    Args:
        control: The sums of control: y above and x below.
        treatment: Those of treatment.
        confidence: Of the interval, between 0 and 1.

    Raises:
        ValueError: A mean of x is not over 0, the shapes differ, or the confidence is outside of (0, 1).
    """
    v1, v2 = ratio_variance(control), ratio_variance(treatment)
    difference = treatment.mean_y / treatment.mean_x - control.mean_y / control.mean_x
    return from_estimate(difference, v1 + v2, confidence=confidence, method="delta")


def lift_of_ratios(
    control: PairSummary, treatment: PairSummary, *, interval: str = "fieller", confidence: float = 0.95
) -> Result:
    """Estimate the relative lift of a ratio metric, R2/R1 - 1; both at least 0.

    Args:
        control: The sums of control.
        treatment: Those of treatment.
        interval: ``fieller`` or ``delta``.
        confidence: Of the interval, between 0 and 1.

    Raises:
        ValueError: A mean of x is not over 0, one of y is negative, or a parameter is outside of its range.
    """
    choice("interval", interval, ("fieller", "delta"))
    if np.any(control.mean_y < 0) or np.any(treatment.mean_y < 0):
        raise ValueError("mean_y must be at least 0 for a ratio of ratios")
    return ratio_of_estimates(
        (control.mean_y / control.mean_x, ratio_variance(control)),
        (treatment.mean_y / treatment.mean_x, ratio_variance(treatment)),
        interval=interval,
        confidence=confidence,
    )
