"""Means of two arms: their difference and their relative lift, from sufficient statistics."""

from __future__ import annotations

import math

import numpy as np

from flowkit.stats.arithmetic import SCALAR, VECTOR, Number, Operations, operations
from flowkit.stats.inputs import choice, columns, fraction, quantile
from flowkit.stats.lift import fieller
from flowkit.stats.results import Interval, Reason, Result, reasons
from flowkit.stats.summaries import Summary
from flowkit.stats.tails import t_two_sided, two_sided

__all__ = ["compare_means", "from_estimate", "lift_of_means", "ratio_of_estimates"]


def compare_means(control: Summary, treatment: Summary, *, test: str = "welch", confidence: float = 0.95) -> Result:
    """Compare two means: treatment less control, with its interval and a two-sided t-test of its being 0.

    ``welch`` (Biometrika 34, 1947): t = d / sqrt(v1/n1 + v2/n2), df = (v1/n1 + v2/n2)^2 / ((v1/n1)^2/(n1 - 1) +
    (v2/n2)^2/(n2 - 1)). ``student``: one variance for both, df = n1 + n2 - 2.

    Args:
        control: The values of control, summed up.
        treatment: The values of treatment.
        test: ``welch`` or ``student``.
        confidence: Of the interval, between 0 and 1.

    Returns:
        Floats, or arrays for summaries of arrays. Without any variance p is 1 with `no_variation` where the means are
        equal; where they differ, it is 0 and the interval is one point, with the same reason.

    Raises:
        ValueError: The shapes differ, or a parameter is outside of its range.
    """
    choice("test", test, ("welch", "student"))
    n1, m1, v1, n2, m2, v2 = _read(control, treatment)
    ops = operations(n1)
    if test == "student":
        pooled = ((n1 - 1) * v1 + (n2 - 1) * v2) / (n1 + n2 - 2)
        variance, df = pooled * (1 / n1 + 1 / n2), n1 + n2 - 2
    else:
        e1, e2 = v1 / n1, v2 / n2
        variance = e1 + e2
        # As shares of the sum, so that squares neither overflow nor vanish.
        whole = ops.where(variance == 0, 1.0, variance)
        s1, s2 = ops.where(variance == 0, 0.5, e1 / whole), ops.where(variance == 0, 0.5, e2 / whole)
        df = 1 / (s1 * s1 / (n1 - 1) + s2 * s2 / (n2 - 1))
    return from_estimate(m2 - m1, variance, df, confidence=confidence, method=test)


def from_estimate(
    estimate: Number, variance: Number, df: Number = math.inf, *, confidence: float = 0.95, method: str = "z"
) -> Result:
    """Make a result of an estimate and its variance: d +- t SE, and the two-sided p of d / SE.

    Args:
        estimate: The estimate; a float or an array.
        variance: The variance of the estimate, at least 0.
        df: Degrees of freedom; infinite for the normal distribution.
        confidence: Of the interval, between 0 and 1.
        method: What to call the test.

    Raises:
        ValueError: The shapes differ, the variance is negative, or the confidence is outside of (0, 1).
    """
    given = columns({"estimate": estimate, "variance": variance, "df": df})
    value, spread, freedom = given["estimate"], given["variance"], given["df"]
    if np.any(spread < 0):
        raise ValueError("variance must be at least 0")
    ops = VECTOR if isinstance(value, np.ndarray) else SCALAR
    error = ops.sqrt(spread)
    flat = error == 0
    endless = ops.where(value > 0, math.inf, ops.where(value < 0, -math.inf, 0.0))
    statistic = ops.where(flat, endless, value / ops.where(flat, 1.0, error))
    tail = two_sided(statistic) if np.all(np.isinf(freedom)) else t_two_sided(statistic, freedom)
    half = _t_quantile(freedom, fraction("confidence", confidence)) * error
    return Result(
        estimate=value,
        interval=Interval(low=value - half, high=value + half, confidence=confidence, method=method),
        p=tail.p,
        log10_p=tail.log10_p,
        statistic=statistic,
        method=method,
        reasons=reasons({Reason.NO_VARIATION: flat}),
    )


def lift_of_means(
    control: Summary, treatment: Summary, *, interval: str = "fieller", confidence: float = 0.95
) -> Result:
    """Estimate the relative lift of a mean, m2/m1 - 1, with Welch's test of the difference.

    Intervals with normal quantiles: ``fieller`` (1954), ``delta`` (symmetric about the estimate). Both means at
    least 0.

    Args:
        control: The values of control, summed up.
        treatment: The values of treatment.
        interval: ``fieller`` or ``delta``.
        confidence: Of the interval, between 0 and 1.

    Returns:
        Where control's mean is 0 the estimate is infinite or NaN, as `relative_lift` has it.

    Raises:
        ValueError: A mean is negative, the shapes differ, or a parameter is outside of its range.
    """
    choice("interval", interval, ("fieller", "delta"))
    n1, m1, v1, n2, m2, v2 = _read(control, treatment)
    if np.any(m1 < 0) or np.any(m2 < 0):
        raise ValueError("control and treatment must have means of at least 0 for a ratio")
    tested = compare_means(control, treatment, confidence=confidence)
    ratio = ratio_of_estimates((m1, v1 / n1), (m2, v2 / n2), interval=interval, confidence=confidence)
    return Result(
        estimate=ratio.estimate,
        interval=ratio.interval,
        p=tested.p,
        log10_p=tested.log10_p,
        statistic=tested.statistic,
        method=tested.method,
        reasons=reasons({**tested.reasons, **ratio.reasons}),
    )


def ratio_of_estimates(
    control: tuple[Number, Number], treatment: tuple[Number, Number], *, interval: str, confidence: float
) -> Result:
    """Estimate the lift of one estimate over another, independent one, both at least 0.

    Args:
        control: The estimate for control and its variance.
        treatment: Those for treatment.
        interval: ``fieller`` or ``delta``.
        confidence: Of the interval, between 0 and 1.
    """
    (m1, v1), (m2, v2) = control, treatment
    ops = operations(m1)
    z = quantile(confidence)
    empty = m1 == 0
    under = ops.where(empty, 1.0, m1)
    ratio = m2 / under
    if interval == "fieller":
        low, high = fieller(ops, m1, v1, m2, v2, z)
    else:
        half = z * ops.sqrt(v2 + ratio * ratio * v1) / under
        low, high = ops.where(empty, 0.0, ops.greatest(ratio - half, 0.0)), ops.where(empty, math.inf, ratio + half)
    undefined = empty & (m2 == 0)
    difference = from_estimate(m2 - m1, v1 + v2, confidence=confidence)
    return Result(
        estimate=ops.where(undefined, math.nan, ops.where(empty, math.inf, ratio - 1)),
        interval=Interval(low=low - 1, high=high - 1, confidence=confidence, method=interval),
        p=difference.p,
        log10_p=difference.log10_p,
        statistic=difference.statistic,
        method="z",
        reasons=reasons(
            {
                **difference.reasons,
                Reason.CONTROL_ZERO: empty,
                Reason.RATIO_UNDEFINED: undefined,
                Reason.UNBOUNDED: _plain(ops, np.isinf(high)),
            }
        ),
    )


def _plain(ops: Operations, flag: np.ndarray | np.bool_) -> bool | np.ndarray:
    return bool(flag) if ops is SCALAR else np.asarray(flag)


def _read(control: Summary, treatment: Summary) -> tuple[Number, Number, Number, Number, Number, Number]:
    given = columns(
        {
            "control.n": control.n,
            "control.mean": control.mean,
            "control.variance": control.variance,
            "treatment.n": treatment.n,
            "treatment.mean": treatment.mean,
            "treatment.variance": treatment.variance,
        }
    )
    n1, m1, v1, n2, m2, v2 = given.values()
    return n1, m1, v1, n2, m2, v2


def _t_quantile(df: Number, confidence: float) -> Number:
    z = quantile(confidence)
    if np.all(np.isinf(df)):
        return z
    from scipy.special import stdtrit  # noqa: PLC0415 - imported by those who need it

    found = np.where(np.isinf(df), z, -stdtrit(np.where(np.isinf(df), 1.0, df), (1 - confidence) / 2))
    return found if isinstance(df, np.ndarray) else float(found)
