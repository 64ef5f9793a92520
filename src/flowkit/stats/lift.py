"""Two proportions against each other: relative lift and odds ratio, with intervals that say when they have no end."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from types import MappingProxyType
from typing import Final

import numpy as np
from numpy.typing import ArrayLike

from flowkit.stats.arithmetic import Flag, Number, Operations, filled, root
from flowkit.stats.inputs import arms, choice, fraction, quantile
from flowkit.stats.proportion import Bounds
from flowkit.stats.proportions import proportion_test
from flowkit.stats.results import CLEAR, Interval, Reason, Reasons, Result, reasons

__all__ = ["RATIO_INTERVALS", "fieller", "odds_ratio", "relative_lift"]

_HAIR: Final = 1e-300  # keeps the sign right where the variance at the estimate is 0
_FAR: Final = 60.0  # the logarithm of a ratio beyond everything that counts up to 2**53 can tell


def relative_lift(
    x1: ArrayLike,
    n1: ArrayLike,
    x2: ArrayLike,
    n2: ArrayLike,
    *,
    test: str = "auto",
    interval: str = "koopman",
    confidence: float = 0.95,
    alternative: str = "two-sided",
) -> Result:
    """Estimate the relative lift, p2 / p1 - 1, with an interval that knows that p1 is an estimate too.

    Args:
        x1: Successes in control; a count, or an array of them.
        n1: Units in control, at least 1; likewise.
        x2: Successes in treatment.
        n2: Units in treatment.
        test: As in `compare_proportions`: a lift of 0 is a difference of 0.
        interval: ``koopman`` (score; Biometrics 40, 1984), ``miettinen_nurminen`` (score, with N/(N - 1); 1985),
            ``log`` (Katz 1978, with a half added to each count where one is 0), ``delta`` (symmetric about the
            estimate), ``fieller`` (1954).
        confidence: Of the interval, between 0 and 1.
        alternative: As in `compare_proportions`.

    Returns:
        The lift, at least -1. Where control has no success, the estimate is infinite, or NaN if treatment has none
        either; the interval then ends at infinity, and the reasons say so.

    Raises:
        ValueError: As in `compare_proportions`.
    """
    ops, a, b, c, d = arms(x1, n1, x2, n2)
    choice("interval", interval, RATIO_INTERVALS)
    low, high = RATIO_INTERVALS[interval](ops, a, b, c, d, fraction("confidence", confidence))
    statistic, tail, method, special = proportion_test(ops, a, b, c, d, test=test, alternative=alternative)
    empty = a == 0
    ratio = (c * b) / ops.where(empty, 1.0, a * d)
    special = _with_ratio(special, empty, c == 0, np.isinf(high))
    return Result(
        estimate=ops.where(empty, ops.where(c == 0, math.nan, math.inf), ratio - 1),
        interval=Interval(low=low - 1, high=high - 1, confidence=confidence, method=interval),
        p=tail.p,
        log10_p=tail.log10_p,
        statistic=statistic,
        method=method,
        reasons=special,
    )


def odds_ratio(
    x1: ArrayLike,
    n1: ArrayLike,
    x2: ArrayLike,
    n2: ArrayLike,
    *,
    test: str = "auto",
    confidence: float = 0.95,
    alternative: str = "two-sided",
) -> Result:
    """Estimate the odds ratio, (x2 / (n2 - x2)) / (x1 / (n1 - x1)), with Woolf's interval of its logarithm (1955).

    log OR +- z sqrt(1/x1 + 1/(n1 - x1) + 1/x2 + 1/(n2 - x2)); where a count is 0, a half is added to each (Haldane),
    and the side on which the data rule nothing out is 0 or infinite. `conditional_odds_ratio` has an exact interval.

    Args:
        x1: Successes in control; a count, or an array of them.
        n1: Units in control, at least 1; likewise.
        x2: Successes in treatment.
        n2: Units in treatment.
        test: As in `compare_proportions`.
        confidence: Of the interval, between 0 and 1.
        alternative: As in `compare_proportions`.

    Raises:
        ValueError: As in `compare_proportions`.
    """
    ops, a, b, c, d = arms(x1, n1, x2, n2)
    z = quantile(confidence)
    statistic, tail, method, special = proportion_test(ops, a, b, c, d, test=test, alternative=alternative)
    f1, f2 = b - a, d - c
    below, above = a * f2 == 0, c * f1 == 0  # the denominator, the numerator
    half = ops.where(below | above, 0.5, 0.0)
    q1, q2, q3, q4 = a + half, f1 + half, c + half, f2 + half
    middle = ops.log(q3 * q2 / (q1 * q4))
    spread = z * ops.sqrt(1 / q1 + 1 / q2 + 1 / q3 + 1 / q4)
    ratio = ops.where(below, ops.where(above, math.nan, math.inf), c * f1 / ops.where(below, 1.0, a * f2))
    return Result(
        estimate=ratio,
        interval=Interval(
            low=ops.where(above, 0.0, ops.exp(middle - spread)),
            high=ops.where(below, math.inf, ops.exp(middle + spread)),
            confidence=confidence,
            method="log",
        ),
        p=tail.p,
        log10_p=tail.log10_p,
        statistic=statistic,
        method=method,
        reasons=_with_ratio(special, below, above, below),
    )


def _with_ratio(special: Reasons, below: Flag, above: Flag, endless: Flag) -> Reasons:
    if not np.any(below) and not np.any(endless):
        return special
    undefined = below & above
    found: dict[Reason, Flag] = {
        Reason.CONTROL_ZERO: below,
        Reason.RATIO_UNDEFINED: undefined,
        Reason.UNBOUNDED: endless if isinstance(endless, np.ndarray) else bool(endless),
    }
    return reasons({**(special or CLEAR), **found})


def _log(ops: Operations, x1: Number, n1: Number, x2: Number, n2: Number, confidence: float) -> Bounds:
    """exp(log(p2/p1) +- z sqrt(1/x1 - 1/n1 + 1/x2 - 1/n2))."""
    z = quantile(confidence)
    half = ops.where((x1 == 0) | (x2 == 0), 0.5, 0.0)
    a, b, c, d = x1 + half, n1 + half, x2 + half, n2 + half
    middle = ops.log(c * b / (a * d))
    spread = z * ops.sqrt(ops.greatest(1 / a - 1 / b + 1 / c - 1 / d, 0.0))
    return ops.where(x2 == 0, 0.0, ops.exp(middle - spread)), ops.where(x1 == 0, math.inf, ops.exp(middle + spread))


def _delta(ops: Operations, x1: Number, n1: Number, x2: Number, n2: Number, confidence: float) -> Bounds:
    """R +- z sqrt((v2 + R^2 v1) / p1^2), v the variance of a rate; not under 0."""
    empty = x1 == 0
    p1, p2 = ops.where(empty, 1.0, x1 / n1), x2 / n2
    ratio = p2 / p1
    spread = quantile(confidence) * ops.sqrt(p2 * (1 - p2) / n2 + ratio * ratio * p1 * (1 - p1) / n1) / p1
    return (
        ops.where(empty, 0.0, ops.greatest(ratio - spread, 0.0)),
        ops.where(empty, math.inf, ratio + spread),
    )


def _fieller(ops: Operations, x1: Number, n1: Number, x2: Number, n2: Number, confidence: float) -> Bounds:
    p1, p2 = x1 / n1, x2 / n2
    return fieller(ops, p1, p1 * (1 - p1) / n1, p2, p2 * (1 - p2) / n2, quantile(confidence))


def fieller(ops: Operations, m1: Number, v1: Number, m2: Number, v2: Number, z: Number) -> Bounds:
    """Fieller's interval of m2/m1, both at least 0: the r at or over 0 with (m2 - r m1)^2 <= z^2 (v2 + r^2 v1).

    Where m1 cannot be told from 0, the upper bound is infinite; where m2 cannot, the lower is 0.

    Args:
        ops: The operations for the numbers.
        m1: The estimate below, at least 0.
        v1: Its variance.
        m2: The estimate above, at least 0.
        v2: Its variance.
        z: The quantile.
    """
    square = z * z
    outer, inner = m1 * m1 - square * v1, m2 * m2 - square * v2
    # (m1 m2)^2 - outer inner, without cancelling.
    root = ops.sqrt(ops.greatest(square * (v1 * m2 * m2 + v2 * m1 * m1 - square * v1 * v2), 0.0))
    middle = m1 * m2 + root
    telling = inner > 0
    low = ops.where(telling & (middle > 0), inner / ops.where(middle > 0, middle, 1.0), 0.0)
    high = ops.where(outer > 0, middle / ops.where(outer > 0, outer, 1.0), math.inf)
    return low, high


def _koopman(ops: Operations, x1: Number, n1: Number, x2: Number, n2: Number, confidence: float) -> Bounds:
    return _score(ops, (x1, n1, x2, n2), quantile(confidence), filled(n1, 1.0))


def _miettinen_nurminen(ops: Operations, x1: Number, n1: Number, x2: Number, n2: Number, confidence: float) -> Bounds:
    return _score(ops, (x1, n1, x2, n2), quantile(confidence), (n1 + n2) / (n1 + n2 - 1))


def _score(ops: Operations, table: tuple[Number, Number, Number, Number], z: float, factor: Number) -> Bounds:
    """The ratios whose score test does not reject, looked for by their logarithm."""
    x1, n1, x2, n2 = table

    def excess(log_ratio: Number, side: float) -> Number:
        """How far the score is outside of +-z, in the direction in which it falls with the ratio."""
        ratio = ops.exp(log_ratio)
        # Control's rate of maximum likelihood under p2 = r p1: a root of N r p^2 - b p + x1 + x2 = 0.
        b = ratio * (n2 + x1) + n1 + x2
        successes = x1 + x2
        inner = ops.sqrt(ops.greatest(b * b - 4 * ratio * (n1 + n2) * successes, 0.0))
        rate1 = 2 * successes / (b + inner)
        rate2 = ops.least(ratio * rate1, 1.0)
        variance = rate2 * (1 - rate2) / n2 + ratio * ratio * rate1 * (1 - rate1) / n1
        over: Number = (x2 / n2 - ratio * (x1 / n1)) - side * (
            z * ops.sqrt(ops.greatest(factor * variance, 0.0)) + _HAIR
        )
        return over

    none1, none2 = x1 == 0, x2 == 0
    observed = ops.log(ops.where(none1 | none2, 1.0, x2 * n1) / ops.where(none1 | none2, 1.0, x1 * n2))
    top = ops.where(none1, _FAR, observed)
    low = root(lambda log_ratio: excess(log_ratio, 1.0), filled(observed, -_FAR), top)
    bottom = ops.where(none2, -_FAR, observed)
    high = root(lambda log_ratio: excess(log_ratio, -1.0), bottom, filled(observed, _FAR))
    return ops.where(none2, 0.0, ops.exp(low)), ops.where(none1, math.inf, ops.exp(high))


RATIO_INTERVALS: Final[Mapping[str, Callable[[Operations, Number, Number, Number, Number, float], Bounds]]] = (
    MappingProxyType(
        {
            "koopman": _koopman,
            "miettinen_nurminen": _miettinen_nurminen,
            "log": _log,
            "delta": _delta,
            "fieller": _fieller,
        }
    )
)
