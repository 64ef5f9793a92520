"""Two arms in several strata: the Cochran-Mantel-Haenszel test, and differences weighted by the strata's shares."""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import ArrayLike

from flowkit.stats.arithmetic import Array, Number
from flowkit.stats.inputs import columns, fraction, quantile, series
from flowkit.stats.means import from_estimate
from flowkit.stats.results import Interval, Reason, Result, reasons
from flowkit.stats.tails import two_sided

__all__ = ["cochran_mantel_haenszel", "post_stratified"]


def cochran_mantel_haenszel(
    x1: ArrayLike,
    n1: ArrayLike,
    x2: ArrayLike,
    n2: ArrayLike,
    *,
    correction: bool = False,
    confidence: float = 0.95,
) -> Result:
    """Test whether an odds ratio common to all strata is 1, and estimate it.

    Chi-square with one degree of freedom: (abs(sum x2 - E) - c)^2 / sum V, hypergeometric E and V by stratum, c =
    1/2 with correction (never turning the sign). The estimate is Mantel and Haenszel's (1959), sum x2 f1 / N over
    sum x1 f2 / N, with the interval of its logarithm by Robins, Breslow and Greenland (Biometrics 42, 1986).

    Args:
        x1: Successes in control, one for each stratum.
        n1: Units in control; may be 0 in a stratum, which then tells nothing and is left out.
        x2: Successes in treatment.
        n2: Units in treatment.
        correction: For continuity.
        confidence: Of the interval, between 0 and 1.

    Returns:
        The odds ratio, with reasons where it has no end or is not defined.

    Raises:
        ValueError: A parameter is no count, x is over n, or the lengths differ.
    """
    a, b, c, d, left_out = _strata(x1, n1, x2, n2)
    f1, f2, total, m = b - a, d - c, b + d, a + c
    expected = d * m / total
    variance = float(np.sum(b * d * m * (total - m) / (total * total * np.maximum(total - 1, 1))))
    apart = float(np.sum(c - expected))
    flat = variance == 0
    shift = 0.5 if correction else 0.0
    z = 0.0 if flat else max(abs(apart) - shift, 0.0) / math.sqrt(variance)
    tail = two_sided(z)
    above, below = c * f1 / total, a * f2 / total
    over, under = float(above.sum()), float(below.sum())
    interval = _robins_breslow_greenland(a, f1, c, f2, quantile(confidence))
    ratio = over / under if under else math.nan if over == 0 else math.inf
    return Result(
        estimate=ratio,
        interval=Interval(low=interval[0], high=interval[1], confidence=confidence, method="robins_breslow_greenland"),
        p=tail.p,
        log10_p=tail.log10_p,
        statistic=z * z,
        method="cochran_mantel_haenszel",
        reasons=reasons(
            {
                Reason.EMPTY: left_out,
                Reason.NO_VARIATION: flat,
                Reason.UNBOUNDED: under == 0,
                Reason.RATIO_UNDEFINED: under == 0 and over == 0,
            }
        ),
    )


def _robins_breslow_greenland(a: Array, f1: Array, c: Array, f2: Array, z: float) -> tuple[float, float]:
    total = a + f1 + c + f2
    r, s = c * f1 / total, a * f2 / total
    p, q = (c + f1) / total, (a + f2) / total
    over, under = float(r.sum()), float(s.sum())
    if over == 0 or under == 0:
        return 0.0, math.inf
    variance = (
        float(np.sum(p * r)) / (2 * over * over)
        + float(np.sum(p * s + q * r)) / (2 * over * under)
        + float(np.sum(q * s)) / (2 * under * under)
    )
    middle, half = math.log(over / under), z * math.sqrt(variance)
    return math.exp(middle - half), math.exp(middle + half)


def post_stratified(
    x1: ArrayLike,
    n1: ArrayLike,
    x2: ArrayLike,
    n2: ArrayLike,
    *,
    shares: ArrayLike | None = None,
    confidence: float = 0.95,
) -> Result:
    """Estimate the difference of two rates as a mean over strata, weighted by their shares of the audience.

    sum w (p2 - p1), with the variance sum w^2 (p1 q1 / n1 + p2 q2 / n2) and normal quantiles (Cochran, "Sampling
    Techniques", 5A.9).

    Args:
        x1: Successes in control, one for each stratum.
        n1: Units in control, at least 1 in every stratum.
        x2: Successes in treatment.
        n2: Units in treatment, at least 1 in every stratum.
        shares: The strata's shares of the audience, in proportion; those of the units if not given.
        confidence: Of the interval, between 0 and 1.

    Raises:
        ValueError: A parameter is no count, an arm has no unit in a stratum, or the lengths differ.
    """
    a, b, c, d, left_out = _strata(x1, n1, x2, n2)
    if left_out:
        raise ValueError("n1 and n2 must be at least 1 in every stratum: join it with another one")
    weights = b + d if shares is None else series("shares", shares)
    if weights.size != b.size:
        raise ValueError(f"the lengths differ: shares {weights.size} and {b.size} strata")
    if np.any(weights < 0) or not np.all(np.isfinite(weights)) or not weights.sum() > 0:
        raise ValueError("shares must be finite, at least 0, and not all 0")
    weights = weights / weights.sum()
    p1, p2 = a / b, c / d
    estimate: Number = float(weights @ (p2 - p1))
    variance = float(np.square(weights) @ (p1 * (1 - p1) / b + p2 * (1 - p2) / d))
    flat = (a.sum() + c.sum()) in {0, b.sum() + d.sum()}
    found = from_estimate(estimate, variance, confidence=fraction("confidence", confidence), method="post_stratified")
    if not flat:
        return found
    return Result(
        estimate=estimate,
        interval=found.interval,
        p=1.0,
        log10_p=0.0,
        statistic=0.0,
        method="post_stratified",
        reasons=reasons({Reason.NO_VARIATION: True}),
    )


def _strata(x1: ArrayLike, n1: ArrayLike, x2: ArrayLike, n2: ArrayLike) -> tuple[Array, Array, Array, Array, bool]:
    """Read counts by stratum, and leave out those where an arm is empty."""
    given = columns({"x1": x1, "n1": n1, "x2": x2, "n2": n2})
    read = {name: np.atleast_1d(np.asarray(value)) for name, value in given.items()}
    for name, values in read.items():
        if values.ndim != 1 or not values.size:
            raise ValueError(f"{name} must be a list with a count for each stratum")
        if np.any(values < 0) or np.any(values > 2**53) or np.any(values % 1 != 0):
            raise ValueError(f"{name} must hold whole numbers of at least 0")
    for x, n in (("x1", "n1"), ("x2", "n2")):
        if np.any(read[x] > read[n]):
            raise ValueError(f"{x} is larger than {n}: there cannot be more successes than units")
    both = (read["n1"] > 0) & (read["n2"] > 0)
    if not both.any():
        raise ValueError("n1 and n2 must be at least 1 in some stratum")
    a, b, c, d = (values[both] for values in read.values())
    return a, b, c, d, not bool(both.all())
