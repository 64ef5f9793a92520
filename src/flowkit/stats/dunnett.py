"""Several treatments against one control: Dunnett's joint distribution, by integration.

With a shared control the statistics are correlated, rho(i, j) = l(i) l(j) with l(i) = sqrt(n(i) / (n(i) + n(0))). Given
control's own deviation they are independent, so that the chance of any exceeding c is an integral over one normal
variable, and over the estimated standard deviation where df is finite (Dunnett, JASA 50, 1955).
"""

from __future__ import annotations

import math
from functools import lru_cache
from typing import Final

import numpy as np
from attrs import field, frozen
from numpy.typing import ArrayLike

from flowkit.stats.arithmetic import Array, root
from flowkit.stats.inputs import choice, column, fraction, series
from flowkit.stats.results import SAME
from flowkit.stats.tails import t_two_sided

__all__ = ["Dunnett", "dunnett", "dunnett_critical"]

_ALTERNATIVES: Final = ("two-sided", "greater", "less")
_NORMAL_NODES: Final = 160
_SPREAD_NODES: Final = 128


@frozen(kw_only=True)
class Dunnett:
    """Adjusted tests of several treatments against one control.

    Attributes:
        p: One adjusted p for each treatment.
        log10_p: Their decimal logarithms.
        critical: The value that a statistic (its absolute value, if two-sided) must reach at `alpha`; times the
            standard error it is half of a simultaneous interval.
        alpha: The family-wise error.
        alternative: ``two-sided``, ``greater`` or ``less``.
    """

    p: Array = field(eq=SAME)
    log10_p: Array = field(eq=SAME)
    critical: float
    alpha: float
    alternative: str


def dunnett(
    statistics: ArrayLike,
    control: float,
    treatments: ArrayLike,
    *,
    df: float = math.inf,
    alpha: float = 0.05,
    alternative: str = "two-sided",
) -> Dunnett:
    """Adjust the t or z statistics of treatments that share one control.

    Args:
        statistics: (treatment - control) / SE, one for each treatment; finite.
        control: Units in control, or what its precision is in proportion to.
        treatments: Units in each treatment.
        df: Degrees of freedom of the common variance; infinite for proportions.
        alpha: The family-wise error that `critical` belongs to, between 0 and 1.
        alternative: ``two-sided``, ``greater`` (treatments are better) or ``less``.

    Raises:
        ValueError: A list is empty or the lengths differ, a number of units or df is not over 0.
    """
    loads = _loads(control, treatments)
    read = series("statistics", statistics)
    if read.size != loads.size:
        raise ValueError(f"the lengths differ: statistics {read.size} and treatments {loads.size}")
    if not np.all(np.isfinite(read)):
        raise ValueError("statistics must be finite")
    choice("alternative", alternative, _ALTERNATIVES)
    reach = {"two-sided": np.abs(read), "greater": read, "less": -read}[alternative]
    two = alternative == "two-sided"
    p = np.array([_exceeding(float(c), loads, _freedom(df), two=two) for c in reach])
    with np.errstate(divide="ignore"):
        logs = np.log10(p)
    return Dunnett(
        p=p,
        log10_p=np.where(p > 0, logs, [_far_log10(float(c), loads.size, df, two=two) for c in reach]),
        critical=_critical(tuple(loads.tolist()), _freedom(df), fraction("alpha", alpha), two),
        alpha=alpha,
        alternative=alternative,
    )


def dunnett_critical(
    control: float, treatments: ArrayLike, *, df: float = math.inf, alpha: float = 0.05, two_sided: bool = True
) -> float:
    """Find the critical value for treatments against one control: P(any statistic reaches it) = alpha.

    Args:
        control: Units in control.
        treatments: Units in each treatment.
        df: Degrees of freedom; may be infinite.
        alpha: The family-wise error, between 0 and 1.
        two_sided: Whether absolute values are compared.

    Raises:
        ValueError: As in `dunnett`.
    """
    return _critical(tuple(_loads(control, treatments).tolist()), _freedom(df), fraction("alpha", alpha), two_sided)


@lru_cache(maxsize=64)
def _critical(loads: tuple[float, ...], df: float, alpha: float, two: bool) -> float:  # noqa: FBT001 - for the cache
    held = np.array(loads)

    def falling(c: float) -> float:
        return math.log(max(_exceeding(c, held, df, two=two), 1e-320) / alpha)

    high = 4.0
    while falling(high) > 0:
        high *= 2
    low = 0.0
    while falling(low) < 0:
        low = low * 2 - 1
    return float(root(falling, low, high))


def _freedom(df: float) -> float:
    if not df > 0:
        raise ValueError("df must be over 0")
    return float(df)


def _loads(control: float, treatments: ArrayLike) -> Array:
    n0, n = column("control", control), series("treatments", treatments)
    if isinstance(n0, np.ndarray) or not 0 < n0 < math.inf:
        raise ValueError("control must be a single number of units over 0")
    if np.any(n <= 0) or np.any(np.isinf(n)):
        raise ValueError("treatments must hold numbers of units over 0")
    return np.sqrt(n / (n + n0))


def _exceeding(c: float, loads: Array, df: float, *, two: bool) -> float:
    """The chance that any statistic reaches c, computed as a tail."""
    if math.isinf(df):
        return float(_given_spread(np.array([c]), loads, two=two)[0])
    # So far down the spread matters: where one t-test alone is that rare, from spreads that are rarer still.
    rare = float(t_two_sided(c, df).p)
    spreads, shares = _spread(df, 1e-24 if rare > 1e-16 else max(rare * 1e-8, 1e-300))
    return float(_given_spread(c * spreads, loads, two=two) @ shares)


def _given_spread(cs: Array, loads: Array, *, two: bool) -> Array:
    from scipy.special import ndtr  # noqa: PLC0415 - imported by those who need it

    nodes, shares = _legendre(_NORMAL_NODES)
    # The mass lies near 0, and for far tails near the c at which control alone brings it about.
    reach = 9.0 + np.minimum(np.abs(cs), 40.0)
    z = nodes[None, :] * reach[:, None]
    density = np.exp(-0.5 * z * z) / math.sqrt(2 * math.pi) * shares * reach[:, None]
    own = np.sqrt(1 - loads * loads)
    bound = cs[:, None, None]
    shift = loads * z[:, :, None]
    over = ndtr((shift - bound) / own)
    if two:
        over = np.minimum(over + ndtr((-shift - bound) / own), 1.0)
        # Where c is negative, every absolute value reaches it.
        over = np.where(bound <= 0, 1.0, over)
    with np.errstate(divide="ignore"):
        none = np.sum(np.log1p(-over), axis=-1)
    result: Array = np.sum(-np.expm1(none) * density, axis=-1)
    return np.minimum(result, 1.0)


@lru_cache(maxsize=8)
def _legendre(count: int) -> tuple[Array, Array]:
    return np.polynomial.legendre.leggauss(count)


@lru_cache(maxsize=32)
def _spread(df: float, floor: float) -> tuple[Array, Array]:
    """Nodes and weights for s = sqrt(chi-square(df) / df), from where P(s or less) is `floor`."""
    from scipy.special import gammainccinv, gammaincinv, gammaln  # noqa: PLC0415 - imported by those who need it

    # In the logarithm of s: far tails with few degrees of freedom come from the smallest of them.
    low, high = (
        0.5 * math.log(2 * float(end) / df) for end in (gammaincinv(df / 2, floor), gammainccinv(df / 2, 1e-18))
    )
    nodes, shares = _legendre(_SPREAD_NODES)
    log_s = 0.5 * (high - low) * nodes + 0.5 * (high + low)
    s = np.exp(log_s)
    log_density = math.log(2) + 0.5 * df * math.log(df / 2) - gammaln(df / 2) + df * log_s - 0.5 * df * s * s
    weights = np.exp(log_density) * shares * 0.5 * (high - low)
    return s, weights / weights.sum()


def _far_log10(c: float, count: int, df: float, *, two: bool) -> float:
    """Bonferroni's bound, which is what is left of Dunnett's chance so far out."""
    return float(t_two_sided(c, df).log10_p) + math.log10(count * (1.0 if two else 0.5))
