"""Two means in the plan: power and sample size of the t-test, by the noncentral t distribution."""

from __future__ import annotations

import math
from statistics import NormalDist
from typing import Final

from flowkit.stats.arithmetic import root
from flowkit.stats.inputs import fraction, number
from flowkit.stats.plans import Plan, plan

__all__ = ["power_of_means", "size_for_means"]

_MANY: Final = 1e6  # degrees of freedom from which on t is normal, to more digits than the plan has


def power_of_means(
    effect: float, sd: float, n1: float, *, alpha: float = 0.05, ratio: float = 1.0, sides: int = 2
) -> float:
    """Compute the chance that Student's t-test finds a difference of two means.

    P(abs(T) >= t) for T noncentral t with n1 + n2 - 2 degrees of freedom and the noncentrality
    effect / (sd sqrt(1/n1 + 1/n2)); the far tail is included, as in R's ``power.t.test(strict = TRUE)``.

    Args:
        effect: The difference of the means; its sign does not matter for two sides, and is that of the test for one.
        sd: The standard deviation in both arms, over 0.
        n1: Units in control; n1 + n2 over 2. Need not be whole.
        alpha: The error, between 0 and 1.
        ratio: n2/n1, over 0.
        sides: 2 or 1.

    Raises:
        ValueError: A parameter is outside of its range.
    """
    size, r = number("n1", n1, above=0.0), number("ratio", ratio, above=0.0)
    df = size * (1 + r) - 2
    if df <= 0:
        raise ValueError("n1 is too small: with n2 it must be over 2 units")
    if sides not in {1, 2}:
        raise ValueError("sides must be 1 or 2")
    shift = number("effect", effect) / (number("sd", sd, above=0.0) * math.sqrt((1 + 1 / r) / size))
    shift = abs(shift)
    tail = fraction("alpha", alpha) / sides
    if df > _MANY:
        normal = NormalDist()
        limit = -normal.inv_cdf(tail)
        return normal.cdf(shift - limit) + (normal.cdf(-shift - limit) if sides == 2 else 0.0)
    from scipy.special import nctdtr, stdtrit  # noqa: PLC0415 - imported by those who need it

    limit = -float(stdtrit(df, tail))
    # Turned round, so that both are lower tails.
    near = 1.0 if shift - limit > 38 else float(nctdtr(df, -shift, -limit))
    far = float(nctdtr(df, shift, -limit)) if sides == 2 and shift < 38 else 0.0
    return min(near + far, 1.0)


def size_for_means(
    effect: float,
    sd: float,
    *,
    alpha: float = 0.05,
    power: float = 0.8,
    ratio: float = 1.0,
    comparisons: int = 1,
    sides: int = 2,
) -> Plan:
    """Find the sample size with which Student's t-test finds a difference of two means.

    Args:
        effect: The difference of the means, not 0.
        sd: The standard deviation in both arms, over 0.
        alpha: The error for all comparisons together, between 0 and 1.
        power: The chance of finding each difference, over alpha.
        ratio: Units of a treatment for each of control.
        comparisons: How many treatments are compared with control; alpha is divided by it (Bonferroni).
        sides: 2 or 1.

    Returns:
        The plan; of at least one degree of freedom, however large the effect.

    Raises:
        ValueError: A parameter is outside of its range.
    """
    if number("effect", effect) == 0:
        raise ValueError("effect must not be 0: no sample finds a difference that is not there")
    if comparisons < 1 or comparisons % 1:
        raise ValueError("comparisons must be a whole number of at least 1")
    r = number("ratio", ratio, above=0.0)
    each = fraction("alpha", alpha) / comparisons
    if not fraction("power", power) > each:
        raise ValueError("power must be over alpha")

    def missing(size: float) -> float:
        return power - power_of_means(effect, sd, size, alpha=each, ratio=r, sides=sides)

    low = 3 / (1 + r)  # one degree of freedom
    high = max(low * 2, 4.0)
    while missing(high) > 0:
        high *= 2
    size = float(root(missing, low, high))
    return plan(size, ratio=r, treatments=comparisons, alpha=each, power=power, method="noncentral_t")
