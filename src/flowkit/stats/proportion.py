"""One proportion: its confidence intervals, and the exact test against a given rate."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from types import MappingProxyType
from typing import Final

import numpy as np
from numpy.typing import ArrayLike

from flowkit.stats.arithmetic import SCALAR, VECTOR, Number, Operations
from flowkit.stats.inputs import LARGEST, choice, column, columns, count, fraction, quantile
from flowkit.stats.results import Interval, Reason, Result, reasons
from flowkit.stats.tails import Tail

__all__ = ["PROPORTION_INTERVALS", "binomial_test", "proportion_interval", "wilson", "wilson_corrected"]

_TIE: Final = 1e-7  # probabilities this near to each other, as a share, count as equal
_PLAIN: Final = frozenset((int, float))

Bounds = tuple[Number, Number]


def proportion_interval(x: ArrayLike, n: ArrayLike, *, confidence: float = 0.95, method: str = "wilson") -> Interval:
    """Give a confidence interval of a rate.

    Args:
        x: Successes; a count, or an array of them.
        n: Units, at least 1; likewise.
        confidence: Between 0 and 1.
        method: ``wilson`` (the score interval), ``wilson_corrected`` (for continuity), ``clopper_pearson`` (exact: it
            covers at least what it says), ``jeffreys`` (quantiles of the beta(x + 1/2, n - x + 1/2) posterior; the
            bound is 0 where x = 0 and 1 where x = n), ``agresti_coull``. See Brown, Cai and DasGupta, "Interval
            Estimation for a Binomial Proportion", Statistical Science 16 (2001), and Newcombe, Statistics in
            Medicine 17 (1998), 857, for the correction.

    Returns:
        The interval, within [0, 1].

    Raises:
        ValueError: A parameter is not a count, x is over n, n is 0, or the method is not known.
    """
    ops, successes, units = _arm(x, n)
    choice("method", method, PROPORTION_INTERVALS)
    low, high = PROPORTION_INTERVALS[method](ops, successes, units, fraction("confidence", confidence))
    return Interval(low=low, high=high, confidence=confidence, method=method)


def binomial_test(x: ArrayLike, n: ArrayLike, rate: float, *, confidence: float = 0.95) -> Result:
    """Test whether a rate is a given one: the exact two-sided test by minimum likelihood.

    p is the probability, under `rate`, of every count that is no more likely than x; equal within 1e-7, as in R's
    ``binom.test``. The interval is Clopper and Pearson's.

    Args:
        x: Successes; a count, or an array of them.
        n: Units, at least 1; likewise.
        rate: The rate under the hypothesis, in [0, 1].
        confidence: Of the interval, between 0 and 1.

    Returns:
        The estimate x/n with its interval; the test has no statistic.

    Raises:
        ValueError: A parameter is not a count, x is over n, n is 0, or the rate is outside of [0, 1].
    """
    ops, successes, units = _arm(x, n)
    null = column("rate", rate)
    if isinstance(null, np.ndarray) or not 0 <= null <= 1:
        raise ValueError("rate must be a single number in [0, 1]")
    low, high = clopper_pearson(ops, successes, units, fraction("confidence", confidence))
    if ops is SCALAR:
        tail = _minimum_likelihood(int(successes), int(units), null)
    else:
        pairs = zip(np.ravel(successes), np.ravel(units), strict=True)
        tails = np.array([_minimum_likelihood(int(a), int(b), null) for a, b in pairs]).reshape(-1, 2)
        tail = Tail(tails[:, 0].reshape(np.shape(successes)), tails[:, 1].reshape(np.shape(successes)))
    return Result(
        estimate=successes / units,
        interval=Interval(low=low, high=high, confidence=confidence, method="clopper_pearson"),
        p=tail.p,
        log10_p=tail.log10_p,
        statistic=None,
        method="binomial",
        reasons=reasons({Reason.UNREACHABLE: tail.p == 0}) if null in {0.0, 1.0} else reasons({}),
    )


def wilson(ops: Operations, x: Number, n: Number, confidence: float) -> Bounds:
    """Wilson's score interval: the rates whose z-test does not reject (JASA 22, 1927)."""
    return wilson_z(ops, x, n, quantile(confidence))


def wilson_z(ops: Operations, x: Number, n: Number, z: float) -> Bounds:
    """Compute the same from a quantile."""
    square = z * z
    middle = x + 0.5 * square
    half = z * ops.sqrt(x * (n - x) / n + 0.25 * square)
    under = 1.0 / (n + square)
    # At the ends the bound is the end itself; rounding would leave it a hair beside.
    low = ops.where(x == 0, 0.0, ops.greatest((middle - half) * under, 0.0))
    high = ops.where(x == n, 1.0, ops.least((middle + half) * under, 1.0))
    return low, high


def wilson_corrected(ops: Operations, x: Number, n: Number, confidence: float) -> Bounds:
    """Wilson's interval with a correction for continuity (Newcombe 1998, method 4)."""
    z = quantile(confidence)
    square, q = z * z, n - x
    under = 2 * (n + square)
    inner_low = ops.greatest(square - 2 - 1 / n + 4 * (x / n) * (q + 1), 0.0)
    inner_high = ops.greatest(square + 2 - 1 / n + 4 * (x / n) * (q - 1), 0.0)
    low = (2 * x + square - 1 - z * ops.sqrt(inner_low)) / under
    high = (2 * x + square + 1 + z * ops.sqrt(inner_high)) / under
    return (
        ops.where(x == 0, 0.0, ops.greatest(low, 0.0)),
        ops.where(q == 0, 1.0, ops.least(high, 1.0)),
    )


def clopper_pearson(ops: Operations, x: Number, n: Number, confidence: float) -> Bounds:
    """Clopper and Pearson's exact interval: quantiles of beta(x, n - x + 1) and beta(x + 1, n - x) (1934)."""
    half = (1 - confidence) / 2
    # The upper bound is that of the failures, turned round, so that no digits are lost near 1.
    return _beta_quantile(ops, x, n - x + 1, half), 1 - _beta_quantile(ops, n - x, x + 1, half)


def jeffreys(ops: Operations, x: Number, n: Number, confidence: float) -> Bounds:
    """Jeffreys' interval, with 0 and 1 as bounds where all or none succeeded (Brown, Cai and DasGupta 2001)."""
    half = (1 - confidence) / 2
    low = ops.where(x == 0, 0.0, _beta_quantile(ops, x + 0.5, n - x + 0.5, half))
    high = ops.where(x == n, 1.0, 1 - _beta_quantile(ops, n - x + 0.5, x + 0.5, half))
    return low, high


def agresti_coull(ops: Operations, x: Number, n: Number, confidence: float) -> Bounds:
    """Agresti and Coull's interval: Wald's about Wilson's middle (American Statistician 52, 1998)."""
    z = quantile(confidence)
    units = n + z * z
    rate = (x + 0.5 * z * z) / units
    half = z * ops.sqrt(rate * (1 - rate) / units)
    return ops.greatest(rate - half, 0.0), ops.least(rate + half, 1.0)


PROPORTION_INTERVALS: Final[Mapping[str, Callable[[Operations, Number, Number, float], Bounds]]] = MappingProxyType(
    {
        "wilson": wilson,
        "wilson_corrected": wilson_corrected,
        "clopper_pearson": clopper_pearson,
        "jeffreys": jeffreys,
        "agresti_coull": agresti_coull,
    }
)


def _arm(x: ArrayLike, n: ArrayLike) -> tuple[Operations, Number, Number]:
    if type(x) in _PLAIN and type(n) in _PLAIN:
        successes: float = x  # type: ignore[assignment]  # pyright: ignore[reportAssignmentType]
        units: float = n  # type: ignore[assignment]  # pyright: ignore[reportAssignmentType]
        if 0 <= successes <= units <= LARGEST and units >= 1 and not (successes % 1 or units % 1):
            return SCALAR, float(successes), float(units)
    given = columns({"x": count("x", x), "n": count("n", n, lowest=1)})
    if np.any(given["x"] > given["n"]):
        raise ValueError("x is larger than n: there cannot be more successes than units")
    return VECTOR if isinstance(given["x"], np.ndarray) else SCALAR, given["x"], given["n"]


def _beta_quantile(ops: Operations, a: Number, b: Number, p: float) -> Number:
    """Find where beta(a, b) reaches p; 0 where a is 0."""
    from scipy.special import betaincinv  # noqa: PLC0415 - imported by those who need it

    found: Number = ops.where(a == 0, 0.0, betaincinv(ops.where(a == 0, 1.0, a), b, p))
    return found if isinstance(found, np.ndarray) else float(found)


def _minimum_likelihood(x: int, n: int, rate: float) -> Tail:
    """Sum the probabilities of all counts that are no more likely than x.

    The probabilities rise to the mode and fall after it, so beside x's own side only the count has to be found at
    which the other side begins: by bisection on their logarithms, so that n may be 10^9.
    """
    from scipy.special import bdtr, bdtrc, gammaln  # noqa: PLC0415 - imported by those who need it

    if rate in {0.0, 1.0}:
        certain = x == (n if rate else 0)
        return Tail(1.0, 0.0) if certain else Tail(0.0, -math.inf)

    def log_ratio(k: int) -> float:
        """Take the logarithm of P(k) / P(x)."""
        if abs(k - x) < 10_000:
            step = math.log(rate / (1 - rate)) * (k - x)
            ends = np.arange(min(k, x), max(k, x), dtype=np.float64)
            change = float(np.sum(np.log((n - ends) / (ends + 1))))
            return step + (change if k > x else -change)
        change = gammaln(x + 1) + gammaln(n - x + 1) - gammaln(k + 1) - gammaln(n - k + 1)
        return float(change + math.log(rate / (1 - rate)) * (k - x))

    mode = min(int((n + 1) * rate), n)
    if x == mode:
        return Tail(1.0, 0.0)
    side = 1 if x < mode else -1  # towards the mode
    inside, outside = mode, n + 1 if side > 0 else -1
    # inside is more likely than x, and outside is not (or is beyond the end).
    if log_ratio(mode) <= _TIE:
        return Tail(1.0, 0.0)
    while abs(outside - inside) > 1:
        middle = (inside + outside) // 2
        if log_ratio(middle) <= _TIE:
            outside = middle
        else:
            inside = middle
    with np.errstate(all="ignore"):
        lower, upper = (x, outside) if side > 0 else (outside, x)
        below = float(bdtr(lower, n, rate)) if lower >= 0 else 0.0
        above = float(bdtrc(upper - 1, n, rate)) if upper <= n else 0.0
    p = min(below + above, 1.0)
    return Tail(p, math.log10(p) if p > 1e-290 else _log10_sum(x, n, rate))


def _log10_sum(x: int, n: int, rate: float) -> float:
    """Take the logarithm of the tail from x outwards, where it is too small for a float: P(x) times a short series."""
    from scipy.special import gammaln, xlog1py, xlogy  # noqa: PLC0415 - imported by those who need it

    at_x = gammaln(n + 1) - gammaln(x + 1) - gammaln(n - x + 1) + xlogy(x, rate) + xlog1py(n - x, -rate)
    total, term, k = 1.0, 1.0, x
    upwards = x > n * rate
    odds = rate / (1 - rate)
    while term > 1e-17 * total and (k < n if upwards else k > 0):
        term *= odds * (n - k) / (k + 1) if upwards else k / ((n - k + 1) * odds)
        k += 1 if upwards else -1
        total += term
    return float(at_x + math.log(total)) / math.log(10)
