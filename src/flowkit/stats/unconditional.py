"""Exact tests of two proportions that fix only the sizes of the arms: Barnard's and Boschloo's.

Both order all (n1 + 1)(n2 + 1) tables by how extreme they are, and take for p the largest probability, over the common
rate, of the tables at least as extreme as the observed one. Tables that are equally extreme count together, also
where rounding sets them apart.
"""

from __future__ import annotations

import math
from typing import Final

import numpy as np

from flowkit.stats.arithmetic import Array
from flowkit.stats.exact import TIE, support, weights
from flowkit.stats.tails import Tail

__all__ = ["barnard", "boschloo"]

_TABLES: Final = 4_000_000
_GRID: Final = 1024
_ZOOMS: Final = 4
_PEAKS: Final = 6


def barnard(x1: float, n1: float, x2: float, n2: float, *, alternative: str = "two-sided") -> Tail:
    """Compute Barnard's exact p, tables ordered by the pooled z statistic (1947; Suissa and Shuster 1985).

    Args:
        x1: Successes in control.
        n1: Units in control.
        x2: Successes in treatment.
        n2: Units in treatment.
        alternative: ``two-sided`` (by the square of z), ``greater`` (treatment is better) or ``less``.

    Raises:
        ValueError: There are more than 4,000,000 tables.
    """
    _bounded(n1, n2)
    ordered = _z(n1, n2)
    ordered = {"two-sided": np.abs(ordered), "greater": ordered, "less": -ordered}[alternative]
    observed = ordered[int(x1), int(x2)]
    return _largest(ordered >= observed - 1e-9 * max(1.0, abs(observed)), int(n1), int(n2))


def boschloo(x1: float, n1: float, x2: float, n2: float, *, alternative: str = "two-sided") -> Tail:
    """Compute Boschloo's exact p, tables ordered by Fisher's p (Statistica Neerlandica 24, 1970).

    Never over Fisher's p. Two-sided the order is that of Fisher's two-sided p (other programs double the smaller of
    the two one-sided results).

    Args:
        x1: Successes in control.
        n1: Units in control.
        x2: Successes in treatment.
        n2: Units in treatment.
        alternative: ``two-sided``, ``greater`` (treatment is better) or ``less``.

    Raises:
        ValueError: There are more than 4,000,000 tables.
    """
    _bounded(n1, n2)
    ps = _fisher_of_all(int(n1), int(n2), alternative)
    return _largest(ps <= ps[int(x1), int(x2)] * (1 + TIE), int(n1), int(n2))


def _bounded(n1: float, n2: float) -> None:
    if (n1 + 1) * (n2 + 1) > _TABLES:
        raise ValueError(
            f"an unconditional test of {(n1 + 1) * (n2 + 1):.0f} tables: over {_TABLES}, use test='pearson'"
        )


def _z(n1: float, n2: float) -> Array:
    """The pooled z of every table; 0 where there is no variance. One row a count of control."""
    a = np.arange(n1 + 1)[:, None]
    b = np.arange(n2 + 1)[None, :]
    pooled = (a + b) / (n1 + n2)
    variance = pooled * (1 - pooled) * (1 / n1 + 1 / n2)
    flat = variance <= 0
    z: Array = np.where(flat, 0.0, (b / n2 - a / n1) / np.sqrt(np.where(flat, 1.0, variance)))
    return z


def _fisher_of_all(n1: int, n2: int, alternative: str) -> Array:
    """Fisher's p of every table, all those with one sum at a time."""
    ps = np.empty((n1 + 1, n2 + 1))
    for total in range(n1 + n2 + 1):
        low, high = support(n1, n2, total)
        shares = np.exp(weights(n1, n2, total))
        shares /= shares.sum()
        if alternative == "less":
            tails = np.cumsum(shares)
        elif alternative == "greater":
            tails = np.cumsum(shares[::-1])[::-1]
        else:
            rising = np.argsort(shares, kind="stable")
            ordered = shares[rising]
            sums = np.cumsum(ordered)
            tied = ordered * (1 + TIE)
            tails = np.empty_like(shares)
            tails[rising] = sums[np.searchsorted(ordered, tied, side="right") - 1]
        treated = np.arange(low, high + 1)
        ps[total - treated, treated] = tails
    return ps


def _largest(region: np.ndarray[tuple[int, ...], np.dtype[np.bool_]], n1: int, n2: int) -> Tail:
    """Find the largest probability of a region of tables over the common rate.

    Given the sum of the successes a table has a hypergeometric probability, whatever the rate; so the region's is
    a mean of n1 + n2 + 1 conditional ones, weighted by one binomial distribution. The rates are looked through on a
    grid, in the scale of the arc sine, and then more and more closely about the highest of them.
    """
    from scipy.special import gammaln, xlog1py, xlogy  # noqa: PLC0415 - imported by those who need it

    total = n1 + n2
    shares = np.empty(total + 1)
    for sum_ in range(total + 1):
        low, high = support(n1, n2, sum_)
        logs = weights(n1, n2, sum_)
        treated = np.arange(low, high + 1)
        mass = np.exp(logs)
        shares[sum_] = mass[region[sum_ - treated, treated]].sum() / mass.sum()
    sums = np.arange(total + 1, dtype=np.float64)
    choose = gammaln(total + 1) - gammaln(sums + 1) - gammaln(total - sums + 1)
    held = shares > 0
    choose, sums = choose[held] + np.log(shares[held]), sums[held]

    def probability(angles: Array) -> Array:
        rates = np.sin(angles)[:, None] ** 2
        logs = choose + xlogy(sums, rates) + xlog1py(total - sums, -rates)
        top: Array = np.max(logs, axis=1)
        with np.errstate(invalid="ignore"):
            return np.where(np.isneginf(top), -np.inf, top + np.log(np.exp(logs - top[:, None]).sum(axis=1)))

    step = math.pi / 2 / _GRID
    angles = np.linspace(0, math.pi / 2, _GRID + 1)
    values = probability(angles)
    best = float(values.max())
    for peak in angles[np.argsort(values)[-_PEAKS:]]:
        middle, width = float(peak), step
        for _ in range(_ZOOMS):
            near = np.clip(np.linspace(middle - width, middle + width, 33), 0, math.pi / 2)
            found = probability(near)
            middle, width = float(near[int(np.argmax(found))]), width / 16
            best = max(best, float(found.max()))
    log_p = min(best, 0.0)
    return Tail(math.exp(log_p), log_p / math.log(10))
