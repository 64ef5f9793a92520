"""The operations that formulas are written in: for floats by `math`, for arrays by numpy, so that each stands once."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any, Final, NamedTuple, TypeAlias

import numpy as np
from numpy.typing import NDArray

__all__ = ["SCALAR", "VECTOR", "Array", "Flag", "Number", "Operations", "filled", "operations", "root"]

Array: TypeAlias = NDArray[np.float64]
Number: TypeAlias = float | Array
Flag: TypeAlias = bool | NDArray[np.bool_]


class Operations(NamedTuple):
    """What a formula needs beside ``+ - * /``.

    `where` computes both of its alternatives, so a denominator that may be 0 is replaced before it divides. The
    operations take and return what they are for: floats or arrays.
    """

    abs: Callable[[Any], Any]
    sqrt: Callable[[Any], Any]
    log: Callable[[Any], Any]
    exp: Callable[[Any], Any]
    erfc: Callable[[Any], Any]
    cos: Callable[[Any], Any]
    acos: Callable[[Any], Any]
    least: Callable[[Any, Any], Any]
    greatest: Callable[[Any, Any], Any]
    where: Callable[[Any, Any, Any], Any]
    some: Callable[[Any], bool]
    not_: Callable[[Any], Any]


def _choose(condition: bool, yes: float, no: float) -> float:  # noqa: FBT001 - the scalar twin of numpy.where
    return yes if condition else no


def _erfc(values: Array) -> Array:
    from scipy.special import erfc  # noqa: PLC0415 - only arrays need scipy

    return erfc(values)


def _any(condition: Flag) -> bool:
    return bool(np.any(condition))


def _not(condition: bool) -> bool:  # noqa: FBT001 - the scalar twin of numpy.logical_not
    return not condition


SCALAR: Final = Operations(
    abs=abs,
    sqrt=math.sqrt,
    log=math.log,
    exp=math.exp,
    erfc=math.erfc,
    cos=math.cos,
    acos=math.acos,
    least=min,
    greatest=max,
    where=_choose,
    some=bool,
    not_=_not,
)
VECTOR: Final = Operations(
    abs=np.abs,
    sqrt=np.sqrt,
    log=np.log,
    exp=np.exp,
    erfc=_erfc,
    cos=np.cos,
    acos=np.arccos,
    least=np.minimum,
    greatest=np.maximum,
    where=np.where,
    some=_any,
    not_=np.logical_not,
)


def operations(*values: Number) -> Operations:
    """Take those for floats, where no array is among the values, and those for arrays otherwise."""
    return VECTOR if any(isinstance(value, np.ndarray) for value in values) else SCALAR


def filled(like: Number, value: float) -> Number:
    """Repeat a value in the shape of another: a float for a float."""
    return np.full_like(like, value) if isinstance(like, np.ndarray) else value


def root(falling: Callable[[Any], Any], low: Number, high: Number) -> Number:
    """Find where a function passes from positive to negative, to nearly the last digits of a float.

    By Chandrupatla's method (Advances in Engineering Software 28, 1997): inverse quadratic interpolation where it is
    safe, halving where not, so that smooth functions need ten steps instead of fifty.

    Args:
        falling: A function that does not rise. Where it is not positive at `low`, `low` is the answer; where it is not
            negative at `high`, `high` is.
        low: The lower end, finite; a float or an array.
        high: The upper end, finite, of the same shape.
    """
    ops = operations(low, high)
    # a and b enclose the root, b is the newest; c was an end before.
    a, b = high, low
    fa, fb = falling(a), falling(b)
    at_low, at_high = fb <= 0, fa >= 0
    c, fc, share = a, fa, 0.5
    for _ in range(200):
        x = a + share * (b - a)
        fx = falling(x)
        same = (fx > 0) == (fa > 0)
        c, fc = ops.where(same, a, b), ops.where(same, fa, fb)
        b, fb = ops.where(same, b, a), ops.where(same, fb, fa)
        a, fa = x, fx
        best = ops.where(ops.abs(fa) < ops.abs(fb), a, b)
        width = ops.abs(b - a)
        within = (2e-15 * ops.abs(best) + 1e-300) / ops.where(width == 0, 1.0, width)
        if not ops.some((within < 0.5) & (fa != 0) & (fb != 0) & (width > 0)):
            break
        xi, phi = (a - b) / _apart(ops, c - b), (fa - fb) / _apart(ops, fc - fb)
        safe = (phi * phi < xi) & ((1 - phi) * (1 - phi) < 1 - xi)
        inverse = fa / _apart(ops, fb - fa) * (fc / _apart(ops, fb - fc)) + (c - a) / _apart(ops, b - a) * (
            fa / _apart(ops, fc - fa)
        ) * (fb / _apart(ops, fc - fb))
        share = ops.where(safe, inverse, 0.5)
        share = ops.least(ops.greatest(share, ops.least(within, 0.5)), ops.greatest(1 - within, 0.5))
    best = ops.where(ops.abs(fa) < ops.abs(fb), a, b)
    found: Number = ops.where(at_low, low, ops.where(at_high, high, best))
    return found


def _apart(ops: Operations, difference: Number) -> Number:
    """Keep a difference from being 0 where it only stands in a step that is then not taken."""
    kept: Number = ops.where(difference == 0, 1.0, difference)
    return kept
