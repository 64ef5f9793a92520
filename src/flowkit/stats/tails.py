"""Upper tails of the normal, t and chi-square distributions, computed as tails, with their logarithms.

A tail is never 1 less something, so it keeps its digits however small it is. Where even a float is too coarse
(p under 1e-300), `log10_p` comes from a series or a continued fraction of the logarithm.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from statistics import NormalDist
from typing import Final, NamedTuple

import numpy as np
from numpy.typing import ArrayLike, NDArray

from flowkit.stats.arithmetic import SCALAR, Array, Number, operations
from flowkit.stats.inputs import column, columns

__all__ = ["Tail", "chi_square_tail", "normal_isf", "normal_tail", "normal_two_sided", "t_two_sided"]

_LN10: Final = math.log(10)
_SQRT_HALF: Final = math.sqrt(0.5)
_SMALLEST: Final = 1e-290  # under this, p loses digits, and the logarithm is computed by itself
_STANDARD: Final = NormalDist()


class Tail(NamedTuple):
    """A tail probability.

    Attributes:
        p: The probability; 0 where it is too small for a float.
        log10_p: Its decimal logarithm, finite wherever the argument is.
    """

    p: Number
    log10_p: Number


def normal_isf(p: ArrayLike) -> Number:
    """Find z with P(Z >= z) = p, for a standard normal Z; right for the smallest p too.

    Args:
        p: In [0, 1]; 0 gives infinity and 1 minus infinity.

    Raises:
        ValueError: p is NaN or outside.
    """
    read = column("p", p)
    if np.any((read < 0) | (read > 1)):
        raise ValueError("p must lie in [0, 1]")
    if isinstance(read, np.ndarray):
        from scipy.special import ndtri  # noqa: PLC0415 - only arrays need scipy

        return -ndtri(read)
    if read in {0.0, 1.0}:
        return math.inf if read == 0 else -math.inf
    return -_STANDARD.inv_cdf(read)


def normal_tail(z: ArrayLike) -> Tail:
    """Compute P(Z >= z) = erfc(z / sqrt 2) / 2 for a standard normal Z.

    Args:
        z: A number or an array; may be infinite.
    """
    read = column("z", z)
    tail = operations(read).erfc(read * _SQRT_HALF) * 0.5
    return Tail(tail, _log10(tail, lambda: _log_erfc(read * _SQRT_HALF) - math.log(2)))


def normal_two_sided(z: ArrayLike) -> Tail:
    r"""Compute P(abs(Z) >= abs(z)) = erfc(abs(z) / sqrt 2) for a standard normal Z.

    Args:
        z: A number or an array; may be infinite.
    """
    return two_sided(column("z", z))


def two_sided(z: Number) -> Tail:
    """Compute the same from what has been looked at."""
    scaled: Number = operations(z).abs(z) * _SQRT_HALF
    if not isinstance(scaled, np.ndarray):
        p = math.erfc(scaled)
        return Tail(p, math.log10(p) if p > _SMALLEST else _float(_log_erfc(scaled) / _LN10))
    tail = operations(scaled).erfc(scaled)
    return Tail(tail, _log10(tail, lambda: _log_erfc(scaled)))


def t_two_sided(t: ArrayLike, df: ArrayLike) -> Tail:
    """Compute P(abs(T) >= abs(t)) for Student's t with df degrees of freedom.

    The incomplete beta function I(df / (df + t^2); df/2, 1/2), by `scipy.special.stdtr`; its logarithm by the continued
    fraction of Abramowitz and Stegun, 26.5.8.

    Args:
        t: A number or an array; may be infinite.
        df: Over 0; may be infinite, which is the normal distribution.

    Raises:
        ValueError: df is not over 0, or the shapes differ.
    """
    from scipy.special import stdtr  # noqa: PLC0415 - imported by those who need it

    read = columns({"t": t, "df": df})
    statistic, freedom = read["t"], read["df"]
    if np.any(freedom <= 0):
        raise ValueError("df must be over 0")
    normal = two_sided(statistic)
    endless = np.isinf(freedom)
    finite = np.where(endless, 1.0, freedom)
    tail = np.where(endless, normal.p, 2 * stdtr(finite, -np.abs(statistic)))
    logs = np.log10(np.maximum(tail, 1e-323))
    deep = (tail < _SMALLEST) & ~endless & np.isfinite(statistic)
    if np.any(deep):
        logs = np.where(deep, _log_t(np.where(deep, statistic, 1.0), finite) / _LN10, logs)
    logs = np.where(endless, normal.log10_p, np.where(np.isinf(statistic), -np.inf, logs))
    return Tail(_like(statistic, tail), _like(statistic, logs))


def chi_square_tail(x: ArrayLike, df: ArrayLike) -> Tail:
    """Compute P(X >= x) for chi-square with df degrees of freedom: the incomplete gamma function Q(df/2, x/2).

    By `scipy.special.chdtrc`; its logarithm by the continued fraction of Abramowitz and Stegun, 6.5.31.

    Args:
        x: At least 0; may be infinite.
        df: Over 0 and finite.

    Raises:
        ValueError: One is outside of its range, or the shapes differ.
    """
    from scipy.special import chdtrc  # noqa: PLC0415 - imported by those who need it

    read = columns({"x": x, "df": df})
    statistic, freedom = read["x"], read["df"]
    if np.any(statistic < 0):
        raise ValueError("x must be at least 0")
    if np.any(freedom <= 0) or np.any(np.isinf(freedom)):
        raise ValueError("df must be over 0 and finite")
    tail = np.asarray(chdtrc(freedom, statistic))
    logs = np.log10(np.maximum(tail, 1e-323))
    deep = (tail < _SMALLEST) & np.isfinite(statistic)
    if np.any(deep):
        logs = np.where(deep, _log_gamma_tail(freedom / 2, np.where(deep, statistic, 4 * freedom) / 2) / _LN10, logs)
    logs = np.where(np.isinf(statistic), -np.inf, logs)
    return Tail(_like(statistic, tail), _like(statistic, logs))


def _like(given: Number, value: NDArray[np.floating]) -> Number:
    return value.astype(np.float64) if isinstance(given, np.ndarray) else float(value)


def _float(value: Number) -> float:
    return float(value)


def _log10(tail: Number, exact: Callable[[], Number]) -> Number:
    """Take the logarithm of a tail, and compute it by itself where the tail is too small to be exact."""
    if not isinstance(tail, np.ndarray):
        return math.log10(tail) if tail > _SMALLEST else _float(exact() / _LN10)
    deep = tail <= _SMALLEST
    logs = np.log10(np.where(deep, 1.0, tail))
    return np.where(deep, exact() / _LN10, logs) if deep.any() else logs


def _log_erfc(x: Number) -> Number:
    """Take the logarithm of erfc for large x, by its asymptotic series; the next term is under 1e-14 from 20 on."""
    ops = operations(x)
    large = ops.greatest(x, 20.0)
    if ops is SCALAR and math.isinf(large):
        return -math.inf
    y = 1 / (2 * large * large)
    series = 1 - y * (1 - 3 * y * (1 - 5 * y * (1 - 7 * y)))
    logarithm: Number = -large * large - ops.log(large * math.sqrt(math.pi) / series)
    return logarithm


def _log_gamma_tail(a: Number, x: Number) -> Array:
    """Take the logarithm of Q(a, x) for x > a + 1, by Lentz's method on its continued fraction."""
    from scipy.special import gammaln  # noqa: PLC0415 - imported by those who need it

    b = np.asarray(x + 1 - a, dtype=np.float64)
    c = np.full_like(b, 1e300)
    d = 1 / b
    h = d.copy()
    for k in range(1, 500):
        term = -k * (k - a)
        b = b + 2
        d = 1 / (term * d + b)
        c = b + term / c
        h = h * (c * d)
        if np.all(np.abs(c * d - 1) < 1e-15):
            break
    return -x + a * np.log(x) - gammaln(a) + np.log(h)


def _log_t(t: Number, df: Number) -> Array:
    """Take the logarithm of I(x; a, b) at x = df / (df + t^2), a = df/2, b = 1/2, by Lentz's method."""
    from scipy.special import betaln  # noqa: PLC0415 - imported by those who need it

    # Beyond 1e150, where a square would overflow, the tail is the power t^-df to all digits.
    near = np.minimum(np.abs(np.asarray(t, dtype=np.float64)), 1e150)
    square, beyond = np.square(near), df * np.log(np.abs(t) / near)
    a, b = np.asarray(df, dtype=np.float64) / 2, 0.5
    x, log_x, log_rest = df / (df + square), -np.log1p(square / df), -np.log1p(df / square)
    c = np.ones_like(x)
    d = 1 / (1 - (a + b) * x / (a + 1))
    h = d.copy()
    for m in range(1, 500):
        even = m * (b - m) * x / ((a + 2 * m - 1) * (a + 2 * m))
        odd = -(a + m) * (a + b + m) * x / ((a + 2 * m) * (a + 2 * m + 1))
        for term in (even, odd):
            d = 1 / (1 + term * d)
            c = 1 + term / c
            h = h * (c * d)
        if np.all(np.abs(c * d - 1) < 1e-15):
            break
    logarithm: Array = a * log_x + b * log_rest - np.log(a) - betaln(a, b) + np.log(h) - beyond
    return logarithm
