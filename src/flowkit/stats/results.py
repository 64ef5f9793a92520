"""What the statistics give back: frozen records of numbers, in floats or in arrays of one shape."""

from __future__ import annotations

from collections.abc import Mapping
from enum import StrEnum
from types import MappingProxyType
from typing import Final, TypeAlias

import numpy as np
from attrs import cmp_using, field, frozen

from flowkit.stats.arithmetic import Flag, Number

__all__ = ["CLEAR", "SAME", "SAME_REASONS", "Interval", "Reason", "Reasons", "Result", "reasons"]


class Reason(StrEnum):
    """Why a number is not what its formula would give, or was made by another formula.

    Attributes:
        NO_VARIATION: No success, or no failure, in any arm, or no variance: nothing can be told, and p is 1; it is 0
            where two estimates differ and neither has any variance.
        CONTROL_ZERO: The control's rate or mean is 0, so a ratio to it is infinite or not defined.
        RATIO_UNDEFINED: Both sides of a ratio are 0; the estimate is NaN and the interval is all that is possible.
        UNBOUNDED: The data allow ratios without end; a bound is infinite.
        EXACT: Fisher's exact test stands in for the chi-square test, since an expected count is under 5.
        SMALL_EXPECTED: An expected count is under 5, and the approximation was asked for by name.
        EMPTY: A row, a column or a stratum without units was left out.
        UNREACHABLE: No sample, effect or boundary fulfils what was asked.
    """

    NO_VARIATION = "no_variation"
    CONTROL_ZERO = "control_zero"
    RATIO_UNDEFINED = "ratio_undefined"
    UNBOUNDED = "unbounded"
    EXACT = "exact"
    SMALL_EXPECTED = "small_expected"
    EMPTY = "empty"
    UNREACHABLE = "unreachable"


Reasons: TypeAlias = Mapping[Reason, Flag]
CLEAR: Final[Reasons] = MappingProxyType({})


def reasons(found: Mapping[Reason, Flag]) -> Reasons:
    """Keep the reasons that hold somewhere: True for floats, for arrays the mask of where they hold."""
    return MappingProxyType({reason: held for reason, held in found.items() if np.any(held)})


def _same(one: Number | None, other: Number | None) -> bool:
    if one is None or other is None:
        return one is other
    return np.array_equal(one, other, equal_nan=True)


SAME: Final = cmp_using(eq=_same)
"""For a field of floats or arrays: equal where all their numbers are."""


def _same_reasons(one: Reasons, other: Reasons) -> bool:
    return one.keys() == other.keys() and all(np.array_equal(one[reason], other[reason]) for reason in one)


SAME_REASONS: Final = cmp_using(eq=_same_reasons)
"""For a field of reasons: equal where they are the same, and hold in the same places."""


@frozen(kw_only=True)
class Interval:
    """A confidence interval, two-sided, or a credible one.

    Attributes:
        low: The lower bound; a float, or an array with one for each test.
        high: The upper bound, likewise.
        confidence: How much it covers, for instance 0.95.
        method: By which formula.
    """

    low: Number = field(eq=SAME)
    high: Number = field(eq=SAME)
    confidence: float
    method: str


@frozen(kw_only=True)
class Result:
    """An estimate with its interval and its test.

    Attributes:
        estimate: Treatment minus control, or treatment over control less 1, as the function says.
        interval: What the data allow for the estimate.
        p: The p-value, in [0, 1].
        log10_p: Its decimal logarithm, right where p itself is too small for a float.
        statistic: The test's statistic; None where the test has none.
        method: By which test.
        reasons: What is special, by code: True, or for arrays a mask. Empty where all is plain.
    """

    estimate: Number = field(eq=SAME)
    interval: Interval
    p: Number = field(eq=SAME)
    log10_p: Number = field(eq=SAME)
    statistic: Number | None = field(eq=SAME)
    method: str
    reasons: Reasons = field(default=CLEAR, eq=SAME_REASONS)
