"""Several proportions at once: the chi-square test, the test for trend, the exact test, and all pairs."""

from __future__ import annotations

import math
from collections.abc import Sequence
from itertools import combinations
from typing import Final

import numpy as np
from attrs import field, frozen
from numpy.typing import ArrayLike, NDArray

from flowkit.stats.arithmetic import Array, Flag, Number
from flowkit.stats.exact import TIE
from flowkit.stats.inputs import LARGEST, choice, column, series
from flowkit.stats.multiplicity import ADJUSTMENTS, adjust
from flowkit.stats.proportions import compare_proportions
from flowkit.stats.results import CLEAR, SAME, SAME_REASONS, Reason, Reasons, Result, reasons
from flowkit.stats.tails import Tail, chi_square_tail, two_sided

__all__ = [
    "Pairs",
    "TableTest",
    "TooManyTablesError",
    "chi_square_test",
    "compare_all",
    "exact_table_test",
    "least_likely",
    "trend_test",
]

_TABLES: Final = 2_000_000


@frozen(kw_only=True)
class TableTest:
    """A test of a table of counts.

    Attributes:
        statistic: The test's statistic; None where it has none.
        df: The degrees of freedom; None where the test has none.
        p: The p-value, in [0, 1].
        log10_p: Its decimal logarithm.
        method: By which test.
        reasons: What is special, by code.
    """

    statistic: Number | None = field(eq=SAME)
    df: int | None
    p: Number = field(eq=SAME)
    log10_p: Number = field(eq=SAME)
    method: str
    reasons: Reasons = field(default=CLEAR, eq=SAME_REASONS)


@frozen(kw_only=True)
class Pairs:
    """Comparisons of arms with each other.

    Attributes:
        first: The arm that stands for control, by its place, one for each comparison.
        second: The arm that stands for treatment.
        result: The comparisons, as arrays in this order.
        adjusted_p: The p-values, adjusted for their number.
        adjustment: By which method.
    """

    first: tuple[int, ...]
    second: tuple[int, ...]
    result: Result
    adjusted_p: Array = field(eq=SAME)
    adjustment: str


def chi_square_test(x: ArrayLike, n: ArrayLike, *, exact: str = "auto") -> TableTest:
    """Test whether k arms have one rate: Pearson's chi-square with k - 1 degrees of freedom (1900).

    sum over arms of (x - n p)^2 / (n p (1 - p)), p the pooled rate.

    Args:
        x: Successes, the arms along the last axis; more axes are more tables.
        n: Units, each at least 1, of the same shape.
        exact: ``auto``: one table whose least expected count is under 5 is given to `exact_table_test`, if it is not
            too large. ``never``: chi-square in any case.

    Returns:
        Floats for one table, arrays for several. Where all or none succeeded, p is 1 with `no_variation`.

    Raises:
        ValueError: A count is none, x is over n, an arm has no unit, the shapes differ, or there is one arm only.
    """
    successes, units = _arms(x, n)
    choice("exact", exact, ("auto", "never"))
    m, total = successes.sum(-1), units.sum(-1)
    flat = (m == 0) | (m == total)
    rate = np.where(flat, 0.5, m / total)[..., None]
    statistic = np.where(flat, 0.0, (np.square(successes - units * rate) / (units * rate * (1 - rate))).sum(-1))
    df = successes.shape[-1] - 1
    small = (units.min(-1) * np.minimum(m, total - m) < 5 * total) & ~flat
    if successes.ndim == 1 and small and exact == "auto":
        try:
            found = exact_table_test(successes, units)
        except TooManyTablesError:
            found = None  # The approximation is taken then, and `small_expected` says what it is worth.
        if found is not None:
            special = reasons({**found.reasons, Reason.EXACT: True})
            return TableTest(
                statistic=None, df=None, p=found.p, log10_p=found.log10_p, method=found.method, reasons=special
            )
    special = reasons({Reason.NO_VARIATION: _flag(flat), Reason.SMALL_EXPECTED: _flag(small)})
    return _chi_square(statistic, df, "chi_square", special)


def trend_test(x: ArrayLike, n: ArrayLike, *, scores: Sequence[float] | None = None) -> TableTest:
    """Test whether the rate rises or falls along the arms: Cochran (1954) and Armitage (1955), without correction.

    z = sum s (x - n p) / sqrt(p (1 - p) (sum n s^2 - (sum n s)^2 / N)), positive where the rate rises.

    Args:
        x: Successes, the arms along the last axis.
        n: Units, each at least 1, of the same shape.
        scores: What the arms stand for, for instance a number of mails; 0, 1, 2, ... if not given. Not all equal.

    Returns:
        The statistic z, with its two-sided p.

    Raises:
        ValueError: As in `chi_square_test`, or the scores are all equal or not one for each arm.
    """
    successes, units = _arms(x, n)
    k = successes.shape[-1]
    s = np.arange(k, dtype=np.float64) if scores is None else series("scores", scores)
    if s.size != k:
        raise ValueError(f"the lengths differ: scores {s.size} and {k} arms")
    if np.all(s == s[0]) or not np.all(np.isfinite(s)):
        raise ValueError("scores must be finite and not all equal")
    m, total = successes.sum(-1), units.sum(-1)
    flat = (m == 0) | (m == total)
    rate = np.where(flat, 0.5, m / total)
    centred = s - (units @ s / total)[..., None]
    variance = rate * (1 - rate) * (units * np.square(centred)).sum(-1)
    z = np.where(flat, 0.0, (centred * successes).sum(-1) / np.sqrt(variance))
    tail = two_sided(_plain(z))
    return TableTest(
        statistic=_plain(z),
        df=None,
        p=tail.p,
        log10_p=tail.log10_p,
        method="trend",
        reasons=reasons({Reason.NO_VARIATION: _flag(flat)}),
    )


def exact_table_test(x: ArrayLike, n: ArrayLike) -> TableTest:
    """Test whether k arms have one rate, exactly: Freeman and Halton's extension of Fisher's test (1951).

    p is the probability of all tables with the same margins that are no more likely than the observed one, all of
    them enumerated: the same numbers give the same p, always.

    Args:
        x: Successes, one for each arm.
        n: Units, each at least 1.

    Raises:
        ValueError: As in `chi_square_test`; `TooManyTablesError` where there are more than 2,000,000 tables.
    """
    successes, units = _arms(x, n)
    if successes.ndim != 1:
        raise ValueError("x must be one table, of one dimension")
    flat = bool(successes.sum() in {0, units.sum()})
    # Failures instead of successes are the same tables; the fewer of them are the fewer to count.
    rare = successes if 2 * successes.sum() <= units.sum() else units - successes
    tail = least_likely(rare, [_log_choose(min(size, rare.sum()), size) for size in units])
    return TableTest(
        statistic=None,
        df=None,
        p=tail.p,
        log10_p=tail.log10_p,
        method="exact",
        reasons=reasons({Reason.NO_VARIATION: flat}),
    )


class TooManyTablesError(ValueError):
    """An exact test would go through more tables than it may; a chi-square test does not need them."""


def least_likely(observed: Array, logs: Sequence[Array]) -> Tail:
    """Sum the probabilities of all lists of counts with one sum that are no more likely than the observed list.

    Args:
        observed: The counts, one for each arm.
        logs: For each arm the logarithms of the weights of the counts 0, 1, 2, ...; the weight of a list is their
            product.

    Raises:
        TooManyTablesError: There are more than 2,000,000 lists.
    """
    left = np.array([int(observed.sum())])
    weight = np.zeros(1)
    capacity = [part.size - 1 for part in logs]
    for place, part in enumerate(logs):
        rest = sum(capacity[place + 1 :])
        lowest = np.maximum(left - rest, 0)
        highest = np.minimum(left, capacity[place])
        many = highest - lowest + 1
        if int(many.sum()) > _TABLES:
            raise TooManyTablesError(f"an exact test of over {_TABLES} tables: take a chi-square test")
        starts = np.repeat(np.cumsum(many) - many, many)
        taken = np.arange(int(many.sum())) - starts + np.repeat(lowest, many)
        weight = np.repeat(weight, many) + part[taken]
        left = np.repeat(left, many) - taken
    at = float(sum(part[int(count)] for part, count in zip(logs, observed, strict=True)))
    extreme = weight[weight <= at + TIE]
    top = float(extreme.max())
    everything = float(weight.max())
    log_p = top - everything + math.log(float(np.exp(extreme - top).sum()) / float(np.exp(weight - everything).sum()))
    log_p = min(log_p, 0.0)
    return Tail(math.exp(log_p), log_p / math.log(10))


def compare_all(
    x: ArrayLike,
    n: ArrayLike,
    *,
    control: int | None = None,
    test: str = "auto",
    interval: str = "newcombe",
    confidence: float = 0.95,
    adjustment: str = "holm",
) -> Pairs:
    """Compare the arms in pairs, or each with a control, and adjust the p-values for the number of comparisons.

    Args:
        x: Successes, one for each arm.
        n: Units, each at least 1.
        control: The place of the arm that all others are compared with; all pairs if not given.
        test: As in `compare_proportions`.
        interval: Likewise; of each pair by itself, not adjusted.
        confidence: Likewise.
        adjustment: As in `adjust`.

    Raises:
        ValueError: As in `compare_proportions` and `chi_square_test`, or control is no place of an arm.
    """
    successes, units = _arms(x, n)
    choice("adjustment", adjustment, ADJUSTMENTS)
    if successes.ndim != 1:
        raise ValueError("x must be one table, of one dimension")
    k = successes.size
    if control is not None and not 0 <= control < k:
        raise ValueError(f"control must be the place of an arm, from 0 to {k - 1}")
    pairs = list(combinations(range(k), 2)) if control is None else [(control, i) for i in range(k) if i != control]
    first, second = np.array(pairs).T
    result = compare_proportions(
        successes[first],
        units[first],
        successes[second],
        units[second],
        test=test,
        interval=interval,
        confidence=confidence,
    )
    return Pairs(
        first=tuple(first.tolist()),
        second=tuple(second.tolist()),
        result=result,
        adjusted_p=adjust(result.p, adjustment),
        adjustment=adjustment,
    )


def _arms(x: ArrayLike, n: ArrayLike) -> tuple[Array, Array]:
    """Read counts of several arms."""
    successes, units = column("x", x), column("n", n)
    if not isinstance(successes, np.ndarray) or not isinstance(units, np.ndarray) or successes.shape[-1] < 2:
        raise ValueError("x and n must be arrays with at least two arms along the last axis")
    if successes.shape != units.shape:
        raise ValueError(f"the lengths differ: x {successes.shape} and n {units.shape}")
    for name, values, lowest in (("x", successes, 0), ("n", units, 1)):
        if np.any(values < lowest) or np.any(values > LARGEST) or np.any(values % 1 != 0):
            raise ValueError(f"{name} must hold whole numbers of at least {lowest}")
    if np.any(successes > units):
        raise ValueError("x is larger than n: there cannot be more successes than units")
    return successes, units


def _chi_square(statistic: Array, df: int, method: str, special: Reasons) -> TableTest:
    value = _plain(statistic)
    tail = chi_square_tail(value, df)
    return TableTest(statistic=value, df=df, p=tail.p, log10_p=tail.log10_p, method=method, reasons=special)


def _plain(value: Array) -> Number:
    return value if value.ndim else value.item()


def _flag(value: NDArray[np.bool_]) -> Flag:
    return value if value.ndim else bool(value)


def _log_choose(most: float, n: float) -> Array:
    """Log C(n, 0), log C(n, 1), ..., log C(n, most), by their ratios."""
    if most > _TABLES:
        raise TooManyTablesError(f"an arm with {most:.0f} successes is too large for an exact test")
    k = np.arange(int(most), dtype=np.float64)
    return np.concatenate(([0.0], np.cumsum(np.log((n - k) / (k + 1)))))
