"""Tests of two proportions that hold both margins fixed: Fisher's, its mid-p, and the conditional odds ratio."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Final

import numpy as np

from flowkit.stats.arithmetic import Array, Number, root
from flowkit.stats.inputs import arms, fraction
from flowkit.stats.results import Interval, Reason, Result, reasons
from flowkit.stats.tails import Tail

__all__ = ["LARGEST_SUPPORT", "TIE", "conditional_odds_ratio", "each", "fisher", "support", "weights"]

LARGEST_SUPPORT: Final = 2_000_000
"""How many tables with the same margins an exact test goes through at the most."""

TIE: Final = 1e-7
"""Probabilities this near to each other, as a share, count as equal; as in R."""


def support(n1: float, n2: float, successes: float) -> tuple[int, int]:
    """Find the fewest and the most successes that treatment can have among so many in all."""
    return int(max(0.0, successes - n1)), int(min(n2, successes))


def weights(n1: float, n2: float, successes: float) -> Array:
    """Take the logarithms of the hypergeometric weights over the support, the largest of them 0.

    From one table to the next by their ratio, (n2 - k)(m - k) / ((k + 1)(n1 - m + k + 1)), which keeps the digits that
    differences of log-factorials lose where counts are large.

    Raises:
        ValueError: There are more than `LARGEST_SUPPORT` tables.
    """
    low, high = support(n1, n2, successes)
    if high - low >= LARGEST_SUPPORT:
        raise ValueError(f"an exact test of {high - low + 1} tables: over {LARGEST_SUPPORT}, use test='pearson'")
    k = np.arange(low, high, dtype=np.float64)
    steps = np.log((n2 - k) / (k + 1)) + np.log((successes - k) / (n1 - successes + k + 1))
    logs = np.concatenate(([0.0], np.cumsum(steps)))
    relative: Array = logs - logs.max()
    return relative


def fisher(x1: float, n1: float, x2: float, n2: float, *, alternative: str = "two-sided", mid: bool = False) -> Tail:
    """Compute Fisher's exact p of one table.

    Two-sided by minimum likelihood: the probability of all tables that are no more likely than the observed one.

    Args:
        x1: Successes in control.
        n1: Units in control.
        x2: Successes in treatment.
        n2: Units in treatment.
        alternative: ``two-sided``, ``greater`` (treatment is better) or ``less``.
        mid: Count tables as likely as the observed one half (Lancaster's mid-p).
    """
    low, _ = support(n1, n2, x1 + x2)
    logs = weights(n1, n2, x1 + x2)
    if logs.size == 1:
        return Tail(1.0, 0.0)
    at = int(x2) - low
    if alternative == "two-sided":
        extreme = logs <= logs[at] + TIE
        tied = extreme & (logs >= logs[at] - TIE)
    else:
        places = np.arange(logs.size)
        extreme = places >= at if alternative == "greater" else places <= at
        tied = places == at
    shares = np.where(extreme, np.where(tied & mid, 0.5, 1.0), 0.0)
    # Relative to the observed table, so that nothing underflows before the logarithm is taken.
    scale = float(logs[extreme].max())
    log_p = (
        scale + math.log(float(np.sum(shares * np.exp(np.minimum(logs - scale, TIE))))) - math.log(np.exp(logs).sum())
    )
    log_p = min(log_p, 0.0)
    return Tail(math.exp(log_p), log_p / math.log(10))


def each(test: Callable[[float, float, float, float], Tail], x1: Number, n1: Number, x2: Number, n2: Number) -> Tail:
    """Apply a test of one table to a table, or to each of many."""
    if not isinstance(x1, np.ndarray):
        return test(x1, float(n1), float(x2), float(n2))
    rows = zip(np.ravel(x1).tolist(), np.ravel(n1).tolist(), np.ravel(x2).tolist(), np.ravel(n2).tolist(), strict=True)
    found = np.array([test(*row) for row in rows], dtype=np.float64).reshape(-1, 2)
    return Tail(found[:, 0].reshape(x1.shape), found[:, 1].reshape(x1.shape))


def conditional_odds_ratio(x1: float, n1: float, x2: float, n2: float, *, confidence: float = 0.95) -> Result:
    """Estimate the odds ratio, treatment to control, given both margins, with its exact interval and Fisher's p.

    The estimate solves E(X) = x2, where X has Fisher's noncentral hypergeometric distribution; the bounds are the
    ratios at which P(X >= x2) and P(X <= x2) are (1 - confidence)/2 (Cornfield 1956; as R's ``fisher.test``). p by
    minimum likelihood and the interval by tails are two methods, so that rarely one rejects 1 and the other does not.

    Args:
        x1: Successes in control; one count.
        n1: Units in control.
        x2: Successes in treatment.
        n2: Units in treatment.
        confidence: Between 0 and 1.

    Raises:
        ValueError: A parameter is no count or an array, or there are too many tables with these margins.
    """
    _, a, b, c, d = arms(x1, n1, x2, n2)
    if isinstance(a, np.ndarray):
        raise ValueError("x1, n1, x2 and n2 must be single counts here")
    half = (1 - fraction("confidence", confidence)) / 2
    one, other, third = float(b), float(c), float(d)
    low, high = support(one, third, a + other)
    logs = weights(one, third, a + other)
    places = np.arange(low, high + 1, dtype=np.float64)
    tail = fisher(a, one, other, third)

    def tilted(log_ratio: Number) -> Array:
        moved = logs + places * log_ratio
        shares = np.exp(moved - moved.max())
        chances: Array = shares / shares.sum()
        return chances

    def solve(excess: Callable[[Number], Number]) -> float:
        return math.exp(float(root(excess, -700.0, 700.0)))

    only = low == high
    at_low, at_high = other == low, other == high
    mean = 0.0 if at_low else math.inf if at_high else solve(lambda u: other - float(tilted(u) @ places))
    lower = 0.0 if at_low else solve(lambda u: half - float(tilted(u)[places >= other].sum()))
    upper = math.inf if at_high else solve(lambda u: float(tilted(u)[places <= other].sum()) - half)
    return Result(
        estimate=math.nan if only else mean,
        interval=Interval(low=lower, high=upper, confidence=confidence, method="exact"),
        p=tail.p,
        log10_p=tail.log10_p,
        statistic=None,
        method="fisher",
        reasons=reasons({Reason.RATIO_UNDEFINED: only, Reason.NO_VARIATION: only, Reason.UNBOUNDED: at_high}),
    )
