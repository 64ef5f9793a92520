"""Did each arm get the share of units that it should have: the first look at every experiment."""

from __future__ import annotations

import math
from enum import StrEnum

import numpy as np
from attrs import field, frozen
from numpy.typing import ArrayLike

from flowkit.stats.arithmetic import Array
from flowkit.stats.inputs import LARGEST, fraction, series
from flowkit.stats.results import CLEAR, SAME_REASONS, Reason, Reasons, reasons
from flowkit.stats.tables import TooManyTablesError, least_likely
from flowkit.stats.tails import Tail, chi_square_tail

__all__ = ["SampleRatio", "SampleRatioVerdict", "sample_ratio_test"]


class SampleRatioVerdict(StrEnum):
    """What to make of the arms' sizes.

    Attributes:
        OK: As they should be, as far as one can tell.
        WARNING: Look into it; at these sizes chance alone does so once in a hundred times.
        ALARM: The assignment or the count is broken: do not read the experiment's results.
    """

    OK = "ok"
    WARNING = "warning"
    ALARM = "alarm"


@frozen(kw_only=True)
class SampleRatio:
    """The test of the arms' sizes.

    Attributes:
        statistic: Chi-square; None for the exact test.
        df: Arms with weight, less 1; 0 where there is only one, and nothing to test.
        p: The p-value.
        log10_p: Its decimal logarithm; minus infinity where an arm without weight has units.
        expected: The units that each arm should have had.
        verdict: What to make of it.
        method: ``chi_square`` or ``exact``.
        reasons: `empty` where arms without weight were left out, `exact` where the exact test stands in,
            `unreachable` where an arm without weight has units, which cannot be.
    """

    statistic: float | None
    df: int
    p: float
    log10_p: float
    expected: tuple[float, ...]
    verdict: SampleRatioVerdict
    method: str
    reasons: Reasons = field(default=CLEAR, eq=SAME_REASONS)


def sample_ratio_test(
    units: ArrayLike, weights: ArrayLike, *, alarm: float = 0.001, warning: float = 0.01
) -> SampleRatio:
    """Test the arms' sizes against their weights: chi-square, and exact where an expected count is under 5.

    sum (n - N w)^2 / (N w), w as shares. The exact test is multinomial, by minimum likelihood, and enumerates all sizes
    (up to 2,000,000; beyond, chi-square stays). Test once, or expect more alarms than `alarm`.

    Args:
        units: The units found in each arm.
        weights: What they should be in proportion to; each at least 0, and not all of them 0.
        alarm: At or under this p the verdict is alarm.
        warning: At or under this p it is a warning; over `alarm`.

    Raises:
        ValueError: The lengths differ, a number of units is no count, a weight is negative or not finite, no weight
            is over 0, or the thresholds are not in order.
    """
    found, shares = series("units", units), series("weights", weights)
    if found.size != shares.size:
        raise ValueError(f"the lengths differ: units {found.size} and weights {shares.size}")
    if np.any(found < 0) or np.any(found > LARGEST) or np.any(found % 1 != 0):
        raise ValueError("units must hold whole numbers of at least 0")
    if np.any(shares < 0) or not np.all(np.isfinite(shares)) or not shares.sum() > 0:
        raise ValueError("weights must be finite, at least 0, and not all 0")
    if not fraction("alarm", alarm) < fraction("warning", warning):
        raise ValueError("warning must be over alarm")
    shares = shares / shares.sum()
    total = float(found.sum())
    expected = tuple((total * shares).tolist())
    weighted = shares > 0
    df = int(weighted.sum()) - 1
    left_out = bool(not weighted.all())
    if np.any(found[~weighted] > 0):
        impossible = reasons({Reason.EMPTY: True, Reason.UNREACHABLE: True})
        return _judged(math.inf, df, Tail(0.0, -math.inf), expected, alarm, warning, "chi_square", impossible)
    statistic, tail, exact = _tested(found[weighted], shares[weighted])
    special = reasons({Reason.EMPTY: left_out, Reason.EXACT: exact, Reason.NO_VARIATION: total == 0 or df == 0})
    return _judged(statistic, df, tail, expected, alarm, warning, "exact" if exact else "chi_square", special)


def _tested(found: Array, shares: Array) -> tuple[float | None, Tail, bool]:
    """Test arms that all have weight."""
    total = float(found.sum())
    if total == 0 or found.size == 1:
        return 0.0, Tail(1.0, 0.0), False
    if total * float(shares.min()) < 5:
        try:
            tail = _multinomial(found, shares)
        except TooManyTablesError:
            return _approximated(found, shares, total)
        return None, tail, True
    return _approximated(found, shares, total)


def _approximated(found: Array, shares: Array, total: float) -> tuple[float, Tail, bool]:
    """Test by chi-square; also where there are too many tables for an exact test."""
    statistic = float(np.sum(np.square(found - total * shares) / (total * shares)))
    return statistic, chi_square_tail(statistic, found.size - 1), False


def _multinomial(found: Array, shares: Array) -> Tail:
    total = float(found.sum())
    if total > 2_000_000:
        raise TooManyTablesError("too many units for an exact test")
    k = np.arange(int(total), dtype=np.float64)
    factorials = np.concatenate(([0.0], np.cumsum(np.log(k + 1))))
    counts = np.arange(int(total) + 1, dtype=np.float64)
    return least_likely(found, [counts * math.log(share) - factorials for share in shares])


def _judged(
    statistic: float | None,
    df: int,
    tail: Tail,
    expected: tuple[float, ...],
    alarm: float,
    warning: float,
    method: str,
    special: Reasons,
) -> SampleRatio:
    p = float(tail.p)
    verdict = SampleRatioVerdict.OK
    if p <= warning:
        verdict = SampleRatioVerdict.ALARM if p <= alarm else SampleRatioVerdict.WARNING
    return SampleRatio(
        statistic=statistic,
        df=df,
        p=p,
        log10_p=float(tail.log10_p),
        expected=expected,
        verdict=verdict,
        method=method,
        reasons=special,
    )
