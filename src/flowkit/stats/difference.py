"""Confidence intervals of the difference of two rates, treatment less control."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from types import MappingProxyType
from typing import Final

from flowkit.stats.arithmetic import Number, Operations, filled, root
from flowkit.stats.inputs import quantile
from flowkit.stats.proportion import Bounds, wilson_corrected, wilson_z

__all__ = ["DIFFERENCE_INTERVALS", "newcombe", "restricted_rate", "unpooled_error"]

_HAIR: Final = 1e-300  # keeps the sign right where the variance at the estimate is 0


def newcombe(ops: Operations, x1: Number, n1: Number, x2: Number, n2: Number, confidence: float) -> Bounds:
    """Newcombe's hybrid of two Wilson intervals (Statistics in Medicine 17, 1998, 873, method 10).

    d - sqrt((p2 - l2)^2 + (u1 - p1)^2), d + sqrt((u2 - p2)^2 + (p1 - l1)^2).
    """
    z = quantile(confidence)
    return _hybrid(ops, x1 / n1, x2 / n2, wilson_z(ops, x1, n1, z), wilson_z(ops, x2, n2, z))


def newcombe_corrected(ops: Operations, x1: Number, n1: Number, x2: Number, n2: Number, confidence: float) -> Bounds:
    """The same with the Wilson intervals that are corrected for continuity (Newcombe 1998, method 11)."""
    control, treatment = wilson_corrected(ops, x1, n1, confidence), wilson_corrected(ops, x2, n2, confidence)
    return _hybrid(ops, x1 / n1, x2 / n2, control, treatment)


def _hybrid(ops: Operations, p1: Number, p2: Number, control: Bounds, treatment: Bounds) -> Bounds:
    (low1, high1), (low2, high2) = control, treatment
    difference = p2 - p1
    below = ops.sqrt((p2 - low2) * (p2 - low2) + (high1 - p1) * (high1 - p1))
    above = ops.sqrt((high2 - p2) * (high2 - p2) + (p1 - low1) * (p1 - low1))
    return ops.greatest(difference - below, -1.0), ops.least(difference + above, 1.0)


def wald(ops: Operations, x1: Number, n1: Number, x2: Number, n2: Number, confidence: float) -> Bounds:
    """Wald's interval, d +- z SE with the unpooled standard error; clipped to [-1, 1]."""
    half = quantile(confidence) * unpooled_error(ops, x1, n1, x2, n2)
    difference = x2 / n2 - x1 / n1
    return ops.greatest(difference - half, -1.0), ops.least(difference + half, 1.0)


def wald_corrected(ops: Operations, x1: Number, n1: Number, x2: Number, n2: Number, confidence: float) -> Bounds:
    """Wald's interval with a half-width of z SE + min(abs(d), (1/n1 + 1/n2)/2), as in R's ``prop.test``."""
    difference = x2 / n2 - x1 / n1
    half = quantile(confidence) * unpooled_error(ops, x1, n1, x2, n2)
    half = half + ops.least(ops.abs(difference), 0.5 * (1 / n1 + 1 / n2))
    return ops.greatest(difference - half, -1.0), ops.least(difference + half, 1.0)


def agresti_caffo(ops: Operations, x1: Number, n1: Number, x2: Number, n2: Number, confidence: float) -> Bounds:
    """Agresti and Caffo's interval: Wald's with one success and one failure more in each arm (2000)."""
    return wald(ops, x1 + 1, n1 + 2, x2 + 1, n2 + 2, confidence)


def unpooled_error(ops: Operations, x1: Number, n1: Number, x2: Number, n2: Number) -> Number:
    """The standard error of the difference, each arm with its own rate."""
    p1, p2 = x1 / n1, x2 / n2
    error: Number = ops.sqrt(p1 * (1 - p1) / n1 + p2 * (1 - p2) / n2)
    return error


def miettinen_nurminen(ops: Operations, x1: Number, n1: Number, x2: Number, n2: Number, confidence: float) -> Bounds:
    """Miettinen and Nurminen's score interval: the differences whose score test does not reject (1985).

    The variance is that of the restricted maximum-likelihood rates, times N / (N - 1).
    """
    return _score(ops, x1, n1, x2, n2, quantile(confidence), (n1 + n2) / (n1 + n2 - 1))


def mee(ops: Operations, x1: Number, n1: Number, x2: Number, n2: Number, confidence: float) -> Bounds:
    """Mee's score interval: the same without the factor N / (N - 1) (Biometrics 40, 1984)."""
    return _score(ops, x1, n1, x2, n2, quantile(confidence), filled(n1, 1.0))


def _score(ops: Operations, x1: Number, n1: Number, x2: Number, n2: Number, z: float, factor: Number) -> Bounds:
    observed = x2 / n2 - x1 / n1
    # Of successes and failures the rarer are counted, so that rates near 1 keep their digits.
    turned = 2 * (x1 + x2) > n1 + n2
    y1, y2, sign = ops.where(turned, n1 - x1, x1), ops.where(turned, n2 - x2, x2), ops.where(turned, -1.0, 1.0)

    def excess(delta: Number, side: float) -> Number:
        """How far the score is outside of +-z, in the direction in which it falls with delta."""
        rate1 = restricted_rate(ops, y1, n1, y2, n2, sign * delta)
        rate2 = rate1 + sign * delta
        variance = factor * (rate1 * (1 - rate1) / n1 + rate2 * (1 - rate2) / n2)
        over: Number = (observed - delta) - side * (z * ops.sqrt(ops.greatest(variance, 0.0)) + _HAIR)
        return over

    low = root(lambda delta: excess(delta, 1.0), filled(observed, -1.0), observed)
    high = root(lambda delta: excess(delta, -1.0), observed, filled(observed, 1.0))
    # Nothing is ruled out at an end that the data themselves lie at.
    return ops.where(observed == -1, -1.0, low), ops.where(observed == 1, 1.0, high)


def restricted_rate(ops: Operations, x1: Number, n1: Number, x2: Number, n2: Number, delta: Number) -> Number:
    """Control's rate of maximum likelihood under p2 = p1 + delta: the root of a cubic (Miettinen and Nurminen 1985).

    Args:
        ops: The operations for the numbers.
        x1: Successes in control.
        n1: Units in control.
        x2: Successes in treatment.
        n2: Units in treatment.
        delta: The difference held fixed, in [-1, 1].
    """
    total, successes = n1 + n2, x1 + x2
    # a3 p^3 + a2 p^2 + a1 p + a0 = 0, the derivative of the log-likelihood multiplied out.
    a2 = (n2 + 2 * n1) * delta - total - successes
    a1 = (n1 * delta - total - 2 * x1) * delta + successes
    a0 = x1 * delta * (1 - delta)
    shift = a2 / (3 * total)
    q = shift * shift * shift - a1 * a2 / (6 * total * total) + a0 / (2 * total)
    radius = ops.where(q < 0, -1.0, 1.0) * ops.sqrt(ops.greatest(shift * shift - a1 / (3 * total), 0.0))
    cube = radius * radius * radius
    cosine = ops.greatest(ops.least(q / ops.where(cube == 0, 1.0, cube), 1.0), -1.0)
    rate = 2 * radius * ops.cos((math.pi + ops.acos(cosine)) / 3) - shift
    lowest, highest = ops.greatest(-delta, 0.0), ops.least(1 - delta, 1.0)
    # The arc cosine near its ends has half of the digits; Newton's steps bring the others. From the side of the point
    # of inflection they come down on the middle one of three real roots and never pass it.
    rate = rate + ops.where(rate < -shift, 4e-8, -4e-8)
    for _ in range(40):
        rate = ops.greatest(ops.least(rate, highest), lowest)
        slope = (3 * total * rate + 2 * a2) * rate + a1
        value = ((total * rate + a2) * rate + a1) * rate + a0
        step = ops.where(slope == 0, 0.0, value / ops.where(slope == 0, 1.0, slope))
        rate = rate - step
        if not ops.some(ops.abs(step) > 1e-14 * rate):
            break
    found: Number = ops.greatest(ops.least(rate, highest), lowest)
    return found


DIFFERENCE_INTERVALS: Final[Mapping[str, Callable[[Operations, Number, Number, Number, Number, float], Bounds]]] = (
    MappingProxyType(
        {
            "newcombe": newcombe,
            "newcombe_corrected": newcombe_corrected,
            "miettinen_nurminen": miettinen_nurminen,
            "mee": mee,
            "agresti_caffo": agresti_caffo,
            "wald": wald,
            "wald_corrected": wald_corrected,
        }
    )
)
