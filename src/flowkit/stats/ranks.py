"""Mann and Whitney's test: does one arm tend to have larger values than the other, whatever their distribution."""

from __future__ import annotations

import math

import numpy as np
from attrs import field, frozen
from numpy.typing import ArrayLike

from flowkit.stats.inputs import series
from flowkit.stats.results import CLEAR, SAME_REASONS, Reason, Reasons, reasons
from flowkit.stats.tails import two_sided

__all__ = ["RankTest", "mann_whitney"]


@frozen(kw_only=True)
class RankTest:
    """The test of ranks.

    Attributes:
        u: How many pairs have the larger value in treatment; equal ones count half.
        superiority: u as a share of all pairs: the chance that a unit of treatment beats one of control.
        statistic: z, positive where treatment has the larger values.
        p: Two-sided.
        log10_p: Its decimal logarithm.
        reasons: `no_variation` where all values are equal.
    """

    u: float
    superiority: float
    statistic: float
    p: float
    log10_p: float
    reasons: Reasons = field(default=CLEAR, eq=SAME_REASONS)


def mann_whitney(control: ArrayLike, treatment: ArrayLike) -> RankTest:
    """Compare the values of two arms by their ranks; normal, corrected for ties and for continuity.

    z = (abs(U - n1 n2/2) - 1/2) / sqrt(n1 n2 / 12 (N + 1 - sum (t^3 - t) / (N (N - 1)))) (Mann and Whitney, Annals
    of Mathematical Statistics 18, 1947; t the sizes of groups of equal values). The approximation is good from about
    eight values an arm.

    Args:
        control: The values of control, at least one; infinite ones are ranked like others.
        treatment: The values of treatment.

    Raises:
        ValueError: An arm is empty or holds NaN.
    """
    first, second = series("control", control), series("treatment", treatment)
    n1, n2 = float(first.size), float(second.size)
    values, places, sizes = np.unique(np.concatenate((first, second)), return_inverse=True, return_counts=True)
    ends = np.cumsum(sizes, dtype=np.float64)
    ranks = ends - (sizes - 1) / 2
    u = float(ranks[places.reshape(-1)[first.size :]].sum()) - n2 * (n2 + 1) / 2
    total = n1 + n2
    ties = sizes.astype(np.float64)
    flat = values.size == 1
    variance = n1 * n2 / 12 * (total + 1 - float(np.sum(ties * (np.square(ties) - 1))) / (total * (total - 1)))
    apart = u - n1 * n2 / 2
    z = 0.0 if flat else math.copysign(max(abs(apart) - 0.5, 0.0), apart) / math.sqrt(variance)
    tail = two_sided(z)
    return RankTest(
        u=u,
        superiority=u / (n1 * n2),
        statistic=z,
        p=float(tail.p),
        log10_p=float(tail.log10_p),
        reasons=reasons({Reason.NO_VARIATION: flat}),
    )
