"""Two proportions: is there a difference, and how large is it. Arm 1 is control, arm 2 is treatment."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from functools import partial
from types import MappingProxyType
from typing import Final

import numpy as np
from numpy.typing import ArrayLike

from flowkit.stats.arithmetic import SCALAR, Flag, Number, Operations
from flowkit.stats.difference import DIFFERENCE_INTERVALS, newcombe, unpooled_error
from flowkit.stats.exact import LARGEST_SUPPORT, each, fisher
from flowkit.stats.inputs import arms, choice, fraction
from flowkit.stats.results import CLEAR, Interval, Reason, Reasons, Result, reasons
from flowkit.stats.tails import Tail, normal_tail, two_sided
from flowkit.stats.unconditional import barnard, boschloo

__all__ = ["ALTERNATIVES", "TESTS", "compare_proportions", "proportion_test"]

ALTERNATIVES: Final = ("two-sided", "greater", "less")
_LEAST_EXPECTED: Final = 5.0

Tested = tuple[Number | None, Tail]


def compare_proportions(
    x1: ArrayLike,
    n1: ArrayLike,
    x2: ArrayLike,
    n2: ArrayLike,
    *,
    test: str = "auto",
    interval: str = "newcombe",
    confidence: float = 0.95,
    alternative: str = "two-sided",
) -> Result:
    """Compare two rates: the difference p2 - p1 with its interval, and a test of its being 0.

    Args:
        x1: Successes in control; a count, or an array of them.
        n1: Units in control, at least 1; likewise.
        x2: Successes in treatment.
        n2: Units in treatment.
        test: ``auto``: Pearson's chi-square, and Fisher's exact test where the least expected count is under 5.
            Else ``pearson`` (chi-square, the square of z), ``yates`` (corrected for continuity), ``z`` (pooled),
            ``wald`` (z with the unpooled error), ``fisher``, ``fisher_mid_p``, ``barnard``, ``boschloo``.
        interval: ``newcombe``, ``newcombe_corrected``, ``miettinen_nurminen``, ``mee``, ``agresti_caffo``, ``wald``,
            ``wald_corrected``. Always two-sided.
        confidence: Of the interval, between 0 and 1.
        alternative: ``two-sided``; ``greater`` (treatment is better) or ``less``, which chi-square tests do not have.

    Returns:
        Floats for single counts, arrays for arrays. Where all or none succeeded in both arms, p is 1 with the reason
        `no_variation`. A test and an interval of different methods may rarely disagree about 0.

    Raises:
        ValueError: A parameter is no count, x is over n, an arm has no unit, shapes differ, a name is not known, the
            alternative does not fit the test, or an exact test has too many tables.
    """
    ops, a, b, c, d = arms(x1, n1, x2, n2)
    if interval == "newcombe":
        low, high = newcombe(ops, a, b, c, d, confidence)
    else:
        choice("interval", interval, DIFFERENCE_INTERVALS)
        low, high = DIFFERENCE_INTERVALS[interval](ops, a, b, c, d, fraction("confidence", confidence))
    statistic, tail, method, special = proportion_test(ops, a, b, c, d, test=test, alternative=alternative)
    return Result(
        estimate=c / d - a / b,
        interval=Interval(low=low, high=high, confidence=confidence, method=interval),
        p=tail.p,
        log10_p=tail.log10_p,
        statistic=statistic,
        method=method,
        reasons=special,
    )


def proportion_test(
    ops: Operations,
    x1: Number,
    n1: Number,
    x2: Number,
    n2: Number,
    *,
    test: str = "auto",
    alternative: str = "two-sided",
) -> tuple[Number | None, Tail, str, Reasons]:
    """Apply a test to counts that have been looked at.

    Returns:
        The statistic (None for exact tests), the p-value, the name of the test and the reasons.
    """
    automatic = test == "auto"
    if automatic:
        test = "pearson" if alternative == "two-sided" else "z"
    choice("test", test, TESTS)
    choice("alternative", alternative, ALTERNATIVES)
    if alternative != "two-sided" and test in {"pearson", "yates"}:
        raise ValueError(f"alternative must be 'two-sided' for test={test!r}; take test='z' for one side")
    statistic, tail = TESTS[test](ops, x1, n1, x2, n2, alternative)
    successes, total = x1 + x2, n1 + n2
    fewer = ops.least(successes, total - successes)
    small = ops.least(n1, n2) * fewer < _LEAST_EXPECTED * total
    # Only Wald's statistic has no end: each arm has all or none, and not the same.
    endless = ops.abs(statistic) == math.inf if test == "wald" else False
    if not (ops.some(small) or ops.some(endless)):
        return statistic, tail, test, CLEAR
    flat = (fewer == 0) | endless
    found: dict[Reason, Flag] = {Reason.NO_VARIATION: flat}
    if automatic:
        # A test of one side, or of two, by Fisher's method; but not where there are more tables than it can go through.
        exact = small & ops.not_(flat) & (ops.least(fewer, ops.least(n1, n2)) < LARGEST_SUPPORT)
        tail = _exact_where(exact, tail, (x1, n1, x2, n2), alternative)
        if ops is SCALAR and exact:
            statistic, test = None, "fisher"
        found |= {Reason.EXACT: exact, Reason.SMALL_EXPECTED: small & ops.not_(flat) & ops.not_(exact)}
    elif statistic is not None:
        found[Reason.SMALL_EXPECTED] = small & ops.not_(flat)
    return statistic, tail, test, reasons(found)


def _exact_where(exact: Flag, tail: Tail, table: tuple[Number, Number, Number, Number], alternative: str) -> Tail:
    """Put Fisher's p in the places where an expected count is too small."""
    by_fisher = partial(fisher, alternative=alternative)
    if not isinstance(exact, np.ndarray):
        return each(by_fisher, *table) if exact else tail
    if not exact.any():
        return tail
    a, b, c, d = (np.asarray(part)[exact] for part in table)
    found = each(by_fisher, a, b, c, d)
    p, logs = np.array(tail.p), np.array(tail.log10_p)
    p[exact], logs[exact] = found
    return Tail(p, logs)


def _sided(z: Number, alternative: str) -> Tail:
    if alternative == "two-sided":
        return two_sided(z)
    return normal_tail(z if alternative == "greater" else -z)


def _pooled_z(ops: Operations, x1: Number, n1: Number, x2: Number, n2: Number) -> Number:
    """Compute z = (p2 - p1) / sqrt(p (1 - p) (1/n1 + 1/n2)), p pooled; 0 where p is 0 or 1."""
    successes, total = x1 + x2, n1 + n2
    # In counts, so that equal rates give 0 exactly: (x2 n1 - x1 n2) sqrt(N / (n1 n2 m (N - m))).
    under = n1 * n2 * (successes * (total - successes) / total)
    flat = under == 0
    z: Number = (x2 * n1 - x1 * n2) / ops.sqrt(ops.where(flat, 1.0, under))
    return z


def _undecided(ops: Operations, x1: Number, x2: Number, n1: Number, n2: Number, tail: Tail) -> Tail:
    """One-sided tests too say p = 1 where nothing varies."""
    flat = (x1 + x2 == 0) | (x1 + x2 == n1 + n2)
    if not ops.some(flat):
        return tail
    return Tail(ops.where(flat, 1.0, tail.p), ops.where(flat, 0.0, tail.log10_p))


def _pearson(ops: Operations, x1: Number, n1: Number, x2: Number, n2: Number, _: str) -> Tested:
    z = _pooled_z(ops, x1, n1, x2, n2)
    return z * z, two_sided(z)


def _yates(ops: Operations, x1: Number, n1: Number, x2: Number, n2: Number, _: str) -> Tested:
    """(abs(x2 n1 - x1 n2) - N/2)+^2 N / (n1 n2 m (N - m)): Yates 1934; never turns the sign."""
    successes, total = x1 + x2, n1 + n2
    under = n1 * n2 * (successes * (total - successes) / total)
    over = ops.greatest(ops.abs(x2 * n1 - x1 * n2) - 0.5 * total, 0.0)
    z = over / ops.sqrt(ops.where(under == 0, 1.0, under)) * ops.where(under == 0, 0.0, 1.0)
    return z * z, two_sided(z)


def _z(ops: Operations, x1: Number, n1: Number, x2: Number, n2: Number, alternative: str) -> Tested:
    z = _pooled_z(ops, x1, n1, x2, n2)
    return z, _undecided(ops, x1, x2, n1, n2, _sided(z, alternative))


def _wald(ops: Operations, x1: Number, n1: Number, x2: Number, n2: Number, alternative: str) -> Tested:
    """(p2 - p1) / SE, each arm with its own rate; infinite where one arm has all and the other none."""
    error = unpooled_error(ops, x1, n1, x2, n2)
    difference = x2 / n2 - x1 / n1
    endless = ops.where(difference > 0, math.inf, ops.where(difference < 0, -math.inf, 0.0))
    z: Number = ops.where(error == 0, endless, difference / ops.where(error == 0, 1.0, error))
    return z, _undecided(ops, x1, x2, n1, n2, _sided(z, alternative))


def _exactly(test: Callable[..., Tail]) -> Callable[[Operations, Number, Number, Number, Number, str], Tested]:
    def apply(_: Operations, x1: Number, n1: Number, x2: Number, n2: Number, alternative: str) -> Tested:
        return None, each(partial(test, alternative=alternative), x1, n1, x2, n2)

    return apply


TESTS: Final[Mapping[str, Callable[[Operations, Number, Number, Number, Number, str], Tested]]] = MappingProxyType(
    {
        "pearson": _pearson,
        "yates": _yates,
        "z": _z,
        "wald": _wald,
        "fisher": _exactly(fisher),
        "fisher_mid_p": _exactly(partial(fisher, mid=True)),
        "barnard": _exactly(barnard),
        "boschloo": _exactly(boschloo),
    }
)
