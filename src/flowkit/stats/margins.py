"""Good enough instead of better: tests of non-inferiority and of equivalence of two rates."""

from __future__ import annotations

from attrs import field, frozen
from numpy.typing import ArrayLike

from flowkit.stats.arithmetic import Number
from flowkit.stats.difference import unpooled_error
from flowkit.stats.inputs import arms, fraction, number, quantile
from flowkit.stats.results import CLEAR, SAME, SAME_REASONS, Interval, Reason, Reasons, reasons
from flowkit.stats.tails import normal_tail

__all__ = ["MarginTest", "equivalence_test", "noninferiority_test"]


@frozen(kw_only=True)
class MarginTest:
    """A test against a margin.

    Attributes:
        estimate: Treatment's rate less control's.
        interval: Two-sided with 1 - 2 alpha; it lies on the good side of the margin exactly where the test rejects.
        p: The p-value: small where the treatment is good enough.
        log10_p: Its decimal logarithm.
        statistic: z against the margin; for equivalence, the smaller of the two.
        margin: The margin.
        method: ``noninferiority`` or ``equivalence``.
        reasons: `no_variation` where both rates are 0 or 1 and z cannot be computed; p is then 1.
    """

    estimate: Number = field(eq=SAME)
    interval: Interval
    p: Number = field(eq=SAME)
    log10_p: Number = field(eq=SAME)
    statistic: Number = field(eq=SAME)
    margin: float
    method: str
    reasons: Reasons = field(default=CLEAR, eq=SAME_REASONS)


def noninferiority_test(
    x1: ArrayLike, n1: ArrayLike, x2: ArrayLike, n2: ArrayLike, margin: float, *, alpha: float = 0.025
) -> MarginTest:
    """Test whether treatment is not worse than control by as much as a margin: unpooled Wald z, one-sided.

    z = (p2 - p1 + margin) / SE. To guard a rate that should stay low, such as that of unsubscribing, count its
    failures.

    Args:
        x1: Successes in control; a count, or an array of them.
        n1: Units in control, at least 1.
        x2: Successes in treatment.
        n2: Units in treatment.
        margin: The difference that is no longer good, over 0.
        alpha: One-sided, of the interval, between 0 and 1/2.

    Raises:
        ValueError: As in `compare_proportions`, or the margin is not over 0.
    """
    return _against(x1, n1, x2, n2, margin, alpha, both=False)


def equivalence_test(
    x1: ArrayLike, n1: ArrayLike, x2: ArrayLike, n2: ArrayLike, margin: float, *, alpha: float = 0.025
) -> MarginTest:
    """Test whether two rates differ by less than a margin: two one-sided tests (Schuirmann 1987), unpooled Wald z.

    The z is the smaller of (p2 - p1 + margin) / SE and (margin - p2 + p1) / SE.

    Args:
        x1: Successes in control; a count, or an array of them.
        n1: Units in control, at least 1.
        x2: Successes in treatment.
        n2: Units in treatment.
        margin: The difference that is no longer equal enough, over 0.
        alpha: One-sided, of each of the two tests, between 0 and 1/2.

    Raises:
        ValueError: As in `compare_proportions`, or the margin is not over 0.
    """
    return _against(x1, n1, x2, n2, margin, alpha, both=True)


def _against(
    x1: ArrayLike, n1: ArrayLike, x2: ArrayLike, n2: ArrayLike, margin: float, alpha: float, *, both: bool
) -> MarginTest:
    ops, a, b, c, d = arms(x1, n1, x2, n2)
    allowed = number("margin", margin, above=0.0)
    if not fraction("alpha", alpha) < 0.5:
        raise ValueError("alpha must be under 1/2")
    difference = c / d - a / b
    error = unpooled_error(ops, a, b, c, d)
    flat = error == 0
    room = ops.least(allowed + difference, allowed - difference) if both else allowed + difference
    z = ops.where(flat, 0.0, room / ops.where(flat, 1.0, error))
    tail = normal_tail(z)
    half = quantile(1 - 2 * alpha) * error
    return MarginTest(
        estimate=difference,
        interval=Interval(
            low=ops.greatest(difference - half, -1.0),
            high=ops.least(difference + half, 1.0),
            confidence=1 - 2 * alpha,
            method="wald",
        ),
        p=ops.where(flat, 1.0, tail.p),
        log10_p=ops.where(flat, 0.0, tail.log10_p),
        statistic=z,
        margin=allowed,
        method="equivalence" if both else "noninferiority",
        reasons=reasons({Reason.NO_VARIATION: flat}),
    )
