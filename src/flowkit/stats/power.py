"""Two proportions in the plan: sample size, power and detectable effect."""

from __future__ import annotations

import math
from statistics import NormalDist
from typing import Final

import numpy as np
from attrs import field, frozen
from numpy.typing import ArrayLike

from flowkit.stats.arithmetic import SCALAR, VECTOR, Number, Operations, filled, root
from flowkit.stats.inputs import choice, columns, fraction, number
from flowkit.stats.plans import Plan, plan
from flowkit.stats.results import CLEAR, SAME, SAME_REASONS, Reason, Reasons, reasons
from flowkit.stats.tails import normal_tail

__all__ = ["Detectable", "detectable_rate", "noninferiority_size", "power_of_proportions", "size_for_proportions"]

_METHODS: Final = ("pooled", "unpooled", "arcsine")
_STANDARD: Final = NormalDist()


@frozen(kw_only=True)
class Detectable:
    """The smallest effect that a comparison finds with its power.

    Attributes:
        rate: The treatment's rate.
        difference: Rate less control's rate.
        lift: Rate over control's rate, less 1.
        reasons: `unreachable` where not even the end (0 or 1) is found often enough; all three are then NaN.
    """

    rate: Number = field(eq=SAME)
    difference: Number = field(eq=SAME)
    lift: Number = field(eq=SAME)
    reasons: Reasons = field(default=CLEAR, eq=SAME_REASONS)


def size_for_proportions(
    p1: ArrayLike,
    p2: ArrayLike,
    *,
    alpha: float = 0.05,
    power: float = 0.8,
    ratio: float = 1.0,
    comparisons: int = 1,
    sides: int = 2,
    method: str = "pooled",
    continuity: bool = False,
) -> Plan:
    """Find the sample size with which a difference of two rates is found.

    ``pooled`` (as R's ``power.prop.test``; Fleiss 1981): n1 = (a sqrt((1 + 1/r) p q) + b sqrt(p1 q1 + p2 q2 / r))^2
    / d^2, p the mean of the rates weighted by the sizes, a and b the normal quantiles of alpha and power.
    ``unpooled``: the same with p1 q1 + p2 q2 / r under both roots. ``arcsine`` (Cohen 1988): (1 + 1/r) ((a + b) /
    h)^2, h = 2 asin sqrt p2 - 2 asin sqrt p1.

    Args:
        p1: Control's rate, in [0, 1]; a number or an array.
        p2: The treatment's rate; not that of control.
        alpha: The error for all comparisons together, between 0 and 1.
        power: The chance of finding each difference, over alpha.
        ratio: Units of a treatment for each of control, n2/n1.
        comparisons: How many treatments are compared with control; alpha is divided by it (Bonferroni).
        sides: 2 or 1.
        method: ``pooled``, ``unpooled`` or ``arcsine``.
        continuity: Add what a test with continuity correction needs (Casagrande, Pike and Smith 1978):
            n/4 (1 + sqrt(1 + 2 (1 + 1/r) / (n abs(d))))^2.

    Returns:
        The sizes of control and of each treatment, unrounded and rounded up, and the total.

    Raises:
        ValueError: A parameter is outside of its range, or the rates are equal.
    """
    ops, one, two = _rates(p1, p2)
    if np.any(one == two):
        raise ValueError("p1 and p2 are equal: no sample finds a difference that is not there")
    choice("method", method, _METHODS)
    r = number("ratio", ratio, above=0.0)
    each = _each(alpha, comparisons)
    if not fraction("power", power) > each:
        raise ValueError("power must be over alpha")
    a, b = -_STANDARD.inv_cdf(each / _sides(sides)), _STANDARD.inv_cdf(power)
    difference = ops.abs(two - one)
    if method == "arcsine":
        size = (1 + 1 / r) * (a + b) * (a + b) / _square(_angle(ops, two) - _angle(ops, one))
    else:
        null, other = _spreads(ops, one, two, r, method)
        size = _square((a * null + b * other) / difference)
    if continuity:
        size = size / 4 * _square(1 + ops.sqrt(1 + 2 * (1 + 1 / r) / (size * difference)))
    return plan(size, ratio=r, treatments=int(comparisons), alpha=each, power=power, method=method)


def power_of_proportions(
    p1: ArrayLike,
    p2: ArrayLike,
    n1: ArrayLike,
    *,
    alpha: float = 0.05,
    ratio: float = 1.0,
    comparisons: int = 1,
    sides: int = 2,
    method: str = "pooled",
    continuity: bool = False,
    far_tail: bool = False,
) -> Number:
    """Compute the chance that a difference of two rates is found: `size_for_proportions` turned round.

    Args:
        p1: Control's rate, in [0, 1]; a number or an array.
        p2: The treatment's rate. Equal to p1 the result is alpha, or half of it without the far tail of a two-sided
            test.
        n1: Units in control, over 0; need not be whole.
        alpha: As in `size_for_proportions`.
        ratio: Likewise.
        comparisons: Likewise.
        sides: Likewise.
        method: Likewise.
        continuity: Likewise.
        far_tail: Count significance in the wrong direction too, for a two-sided test.

    Raises:
        ValueError: A parameter is outside of its range.
    """
    given = columns({"p1": p1, "p2": p2, "n1": n1})
    ops, one, two = _rates(given["p1"], given["p2"])
    size = given["n1"]
    if np.any(size <= 0) or np.any(np.isinf(size)):
        raise ValueError("n1 must be over 0 and finite")
    choice("method", method, _METHODS)
    r, each = number("ratio", ratio, above=0.0), _each(alpha, comparisons)
    if continuity:
        # The size without correction that needs this one with it.
        size = ops.greatest(_square(size - (1 + 1 / r) / (2 * _apart(ops, one, two))) / size, 1e-9)
    near, far = _power(ops, (one, two), size, each / _sides(sides), r, method)
    return near + far if far_tail and sides == 2 else near


def detectable_rate(
    p1: ArrayLike,
    n1: ArrayLike,
    *,
    alpha: float = 0.05,
    power: float = 0.8,
    ratio: float = 1.0,
    comparisons: int = 1,
    sides: int = 2,
    method: str = "pooled",
    downwards: bool = False,
) -> Detectable:
    """Find the smallest effect that a sample finds with the wanted power.

    Args:
        p1: Control's rate, in [0, 1]; a number or an array.
        n1: Units in control, over 0.
        alpha: As in `size_for_proportions`.
        power: Likewise.
        ratio: Likewise.
        comparisons: Likewise.
        sides: Likewise.
        method: Likewise.
        downwards: Look for a rate under control's instead of over it.

    Raises:
        ValueError: A parameter is outside of its range.
    """
    given = columns({"p1": p1, "n1": n1})
    one, size = given["p1"], given["n1"]
    ops, one, _ = _rates(one, one)
    if np.any(size <= 0) or np.any(np.isinf(size)):
        raise ValueError("n1 must be over 0 and finite")
    choice("method", method, _METHODS)
    r, each = number("ratio", ratio, above=0.0), _each(alpha, comparisons)
    if not fraction("power", power) > each:
        raise ValueError("power must be over alpha")
    end = filled(one, 0.0 if downwards else 1.0)

    def missing(share: Number) -> Number:
        """The power still missing at a rate this share of the way from control's to the end."""
        near, _ = _power(ops, (one, one + share * (end - one)), size, each / _sides(sides), r, method)
        return power - near

    most = missing(filled(one, 1.0))
    unreachable = (most > 0) | (one == end)
    share = root(missing, filled(one, 0.0), filled(one, 1.0))
    rate = ops.where(unreachable, math.nan, one + share * (end - one))
    return Detectable(
        rate=rate,
        difference=rate - one,
        lift=ops.where(one == 0, math.nan, rate / ops.where(one == 0, 1.0, one) - 1),
        reasons=reasons({Reason.UNREACHABLE: unreachable, Reason.CONTROL_ZERO: one == 0}),
    )


def noninferiority_size(
    p1: ArrayLike,
    p2: ArrayLike,
    margin: float,
    *,
    alpha: float = 0.025,
    power: float = 0.8,
    ratio: float = 1.0,
    equivalence: bool = False,
) -> Plan:
    """Find the sample size that shows a treatment not worse than control by more than a margin, or as good as it.

    Unpooled Wald z, one-sided: n1 = (a + b)^2 (p1 q1 + p2 q2 / r) / (p2 - p1 + margin)^2. For equivalence, both
    one-sided tests have to reject: margin - abs(p2 - p1) is in the denominator, and where the rates are equal b is
    that of (1 + power)/2 (Chow, Shao and Wang 2008).

    Args:
        p1: Control's rate, in [0, 1]; a number or an array.
        p2: The treatment's rate, as it is expected to be.
        margin: The largest difference that is still good, over 0.
        alpha: One-sided, between 0 and 1.
        power: The chance of showing it.
        ratio: Units of treatment for each of control.
        equivalence: Show that the difference is within the margin on both sides.

    Returns:
        The plan; where the expected difference itself is outside of the margin, infinite with `unreachable`.

    Raises:
        ValueError: A parameter is outside of its range.
    """
    ops, one, two = _rates(p1, p2)
    r = number("ratio", ratio, above=0.0)
    allowed = number("margin", margin, above=0.0)
    a, chance = -_STANDARD.inv_cdf(fraction("alpha", alpha)), fraction("power", power)
    room = allowed - ops.abs(two - one) if equivalence else allowed + (two - one)
    b = _STANDARD.inv_cdf(chance)
    if equivalence:
        b = ops.where(one == two, _STANDARD.inv_cdf((1 + chance) / 2), b)
    out = room <= 0
    spread = one * (1 - one) + two * (1 - two) / r
    size = ops.where(out, math.inf, _square(a + b) * spread / _square(ops.where(out, 1.0, room)))
    name = "equivalence" if equivalence else "noninferiority"
    special = reasons({Reason.UNREACHABLE: out})
    return plan(size, ratio=r, treatments=1, alpha=alpha, power=power, method=name, special=special)


def _rates(p1: ArrayLike, p2: ArrayLike) -> tuple[Operations, Number, Number]:
    given = columns({"p1": p1, "p2": p2})
    for name, value in given.items():
        if np.any((value < 0) | (value > 1)):
            raise ValueError(f"{name} must be a rate in [0, 1]")
    ops = VECTOR if isinstance(given["p1"], np.ndarray) else SCALAR
    return ops, given["p1"], given["p2"]


def _each(alpha: float, comparisons: int) -> float:
    if comparisons < 1 or comparisons % 1:
        raise ValueError("comparisons must be a whole number of at least 1")
    return fraction("alpha", alpha) / comparisons


def _sides(sides: int) -> int:
    if sides not in {1, 2}:
        raise ValueError("sides must be 1 or 2")
    return sides


def _square(value: Number) -> Number:
    return value * value


def _apart(ops: Operations, one: Number, two: Number) -> Number:
    apart: Number = ops.greatest(ops.abs(two - one), 1e-300)
    return apart


def _angle(ops: Operations, rate: Number) -> Number:
    # 2 asin sqrt p = acos(1 - 2p)
    angle: Number = ops.acos(1 - 2 * rate)
    return angle


def _spreads(ops: Operations, one: Number, two: Number, r: float, method: str) -> tuple[Number, Number]:
    """sqrt(n1) times the standard error of the difference: without a difference, and with it."""
    other = ops.sqrt(one * (1 - one) + two * (1 - two) / r)
    if method == "unpooled":
        return other, other
    pooled = (one + r * two) / (1 + r)
    return ops.sqrt((1 + 1 / r) * pooled * (1 - pooled)), other


def _power(
    ops: Operations, rates: tuple[Number, Number], size: Number, tail: float, r: float, method: str
) -> tuple[Number, Number]:
    """The chance of significance in the right direction, and in the wrong one."""
    one, two = rates
    a = -_STANDARD.inv_cdf(tail)
    if method == "arcsine":
        shift = ops.abs(_angle(ops, two) - _angle(ops, one)) * ops.sqrt(size / (1 + 1 / r))
        return normal_tail(a - shift).p, normal_tail(a + shift).p
    null, other = _spreads(ops, one, two, r, method)
    shift = ops.abs(two - one) * ops.sqrt(size)
    certain = other == 0
    under = ops.where(certain, 1.0, other)
    near, far = normal_tail((a * null - shift) / under).p, normal_tail((a * null + shift) / under).p
    # From 0 against 1 there is nothing left to chance.
    return ops.where(certain, ops.where(shift > a * null, 1.0, 0.0), near), ops.where(certain, 0.0, far)
