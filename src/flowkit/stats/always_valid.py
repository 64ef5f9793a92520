"""Inference that holds at every moment: p-values and confidence sequences, by a mixture of normal effects.

For an estimate with variance V (which falls as data come in) and effects mixed over N(0, tau^2), the likelihood
ratio is sqrt(V / (V + tau^2)) exp(tau^2 d^2 / (2 V (V + tau^2))). Under the hypothesis it reaches 1/alpha at any
time with a chance of at most alpha (Robbins 1970; the mSPRT of Johari, Koomen, Pekelis and Walsh, Operations
Research 70, 2022). With the variance estimated the guarantee is asymptotic (Waudby-Smith, Arbour, Sinha, Kennedy and
Ramdas, Annals of Statistics 52, 2024).
"""

from __future__ import annotations

import math

import numpy as np
from attrs import frozen
from numpy.typing import ArrayLike

from flowkit.stats.arithmetic import SCALAR, VECTOR, Number, Operations
from flowkit.stats.inputs import Arms, arms, columns, fraction, number
from flowkit.stats.results import Interval, Reason, Result, reasons

__all__ = ["Mixture", "always_valid", "always_valid_proportions", "mixture_variance", "running"]


@frozen(kw_only=True)
class Mixture:
    """What is mixed over: the variance of the effects, absolute, in the square of the estimate's unit.

    Attributes:
        variance: tau^2, over 0.
    """

    variance: float


def mixture_variance(variance: float, *, alpha: float = 0.05) -> Mixture:
    """Choose tau^2 so that the confidence sequence is narrowest when the estimate has a given variance.

    tau^2 = V (w - 1), w the solution over 1 of w - ln w = 1 + 2 ln(1/alpha): the minimum over tau^2 of the
    half-width at V.

    Args:
        variance: The estimate's variance at the moment for which to choose, over 0.
        alpha: The error, between 0 and 1.

    Raises:
        ValueError: A parameter is outside of its range.
    """
    at = number("variance", variance, above=0.0)
    target = 1 - 2 * math.log(fraction("alpha", alpha))
    w = target + math.log(target)
    for _ in range(50):
        w = target + math.log(w)
    return Mixture(variance=at * (w - 1))


def always_valid(estimate: ArrayLike, variance: ArrayLike, mixture: Mixture, *, confidence: float = 0.95) -> Result:
    """Give an always-valid p-value of an effect of 0, and an interval that holds at all moments together.

    p = min(1, 1 / ratio); the interval is d +- sqrt(V (V + tau^2) / tau^2 (2 ln(1/alpha) + ln((V + tau^2) / V))).

    Args:
        estimate: The effect as estimated now; a number or an array, finite.
        variance: The variance of the estimate, at least 0.
        mixture: Chosen before the data: changing it by what they say breaks the guarantee.
        confidence: Of the sequence of intervals, between 0 and 1.

    Returns:
        Each p may be read by itself; `running` gives the smallest so far, which holds as well. Where the variance is 0
        there is no evidence: p is 1 with `no_variation`, and the interval has no ends.

    Raises:
        ValueError: A parameter is not finite or outside of its range.
    """
    given = columns({"estimate": estimate, "variance": variance})
    for name, value in given.items():
        if np.any(np.isinf(value)):
            raise ValueError(f"{name} is not finite")
    ops = VECTOR if isinstance(given["estimate"], np.ndarray) else SCALAR
    return _mixed(ops, given["estimate"], given["variance"], mixture, fraction("confidence", confidence))


def always_valid_proportions(
    x1: ArrayLike, n1: ArrayLike, x2: ArrayLike, n2: ArrayLike, mixture: Mixture, *, confidence: float = 0.95
) -> Result:
    """Give the same for the difference of two rates, p2 - p1.

    The variance is p (1 - p) (1/n1 + 1/n2) with p pooled after adding one success and one failure to each arm,
    so that early looks without variation do not count as certainty.

    Args:
        x1: Successes in control; a count, or an array of them.
        n1: Units in control, at least 1.
        x2: Successes in treatment.
        n2: Units in treatment.
        mixture: tau^2, of the difference.
        confidence: Of the sequence of intervals, between 0 and 1.

    Raises:
        ValueError: As in `compare_proportions` and `always_valid`.
    """
    read: Arms = arms(x1, n1, x2, n2)
    ops, a, b, c, d = read
    rate = (a + c + 2) / (b + d + 4)
    variance = rate * (1 - rate) * (1 / b + 1 / d)
    result = _mixed(ops, c / d - a / b, variance, mixture, fraction("confidence", confidence))
    low, high = ops.greatest(result.interval.low, -1.0), ops.least(result.interval.high, 1.0)
    return Result(
        estimate=result.estimate,
        interval=Interval(low=low, high=high, confidence=confidence, method="mixture"),
        p=result.p,
        log10_p=result.log10_p,
        statistic=result.statistic,
        method="always_valid",
        reasons=result.reasons,
    )


def running(p: ArrayLike) -> Number:
    """Take the smallest p so far along the last axis: the always-valid p of a path of looks."""
    read = columns({"p": p})["p"]
    if np.any((read < 0) | (read > 1)):
        raise ValueError("p must lie in [0, 1]")
    return np.minimum.accumulate(read, axis=-1) if isinstance(read, np.ndarray) else read


def _mixed(ops: Operations, estimate: Number, variance: Number, mixture: Mixture, confidence: float) -> Result:
    tau = number("mixture.variance", mixture.variance, above=0.0)
    if np.any(variance < 0):
        raise ValueError("variance must be at least 0")
    flat = variance == 0
    v = ops.where(flat, 1.0, variance)
    wide = ops.log((v + tau) / v)
    log_ratio = 0.5 * (tau * estimate * estimate / (v * (v + tau)) - wide)
    log_p = ops.where(flat, 0.0, ops.least(-log_ratio, 0.0))
    half = ops.sqrt(v * (v + tau) / tau * (wide - 2 * math.log(1 - confidence)))
    half = ops.where(flat, math.inf, half)
    return Result(
        estimate=estimate,
        interval=Interval(low=estimate - half, high=estimate + half, confidence=confidence, method="mixture"),
        p=ops.exp(log_p),
        log10_p=log_p / math.log(10),
        statistic=ops.where(flat, 0.0, log_ratio),
        method="always_valid",
        reasons=reasons({Reason.NO_VARIATION: flat, Reason.UNBOUNDED: flat}),
    )
