"""What goes into the statistics, looked at before it is used: nothing is coerced, and an error names the parameter."""

from __future__ import annotations

import math
from collections.abc import Mapping
from functools import lru_cache
from statistics import NormalDist
from typing import Final

import numpy as np
from numpy.typing import ArrayLike

from flowkit.stats.arithmetic import SCALAR, VECTOR, Array, Number, Operations

__all__ = [
    "LARGEST",
    "Arms",
    "arms",
    "choice",
    "column",
    "columns",
    "count",
    "fraction",
    "number",
    "quantile",
    "series",
]

LARGEST: Final = 2**53
"""The largest count: the last up to which a float holds every whole number."""

_PLAIN: Final = frozenset((int, float))

Arms = tuple[Operations, Number, Number, Number, Number]


def arms(x1: ArrayLike, n1: ArrayLike, x2: ArrayLike, n2: ArrayLike) -> Arms:
    """Read successes and units of control (1) and treatment (2).

    Returns:
        The operations for them, and the four as floats or as arrays of one shape.

    Raises:
        ValueError: One is no count, is over its n, or an arm has no unit; the parameter is named.
    """
    if type(x1) in _PLAIN and type(n1) in _PLAIN and type(x2) in _PLAIN and type(n2) in _PLAIN:
        one: float = x1  # type: ignore[assignment]  # pyright: ignore[reportAssignmentType]
        all1: float = n1  # type: ignore[assignment]  # pyright: ignore[reportAssignmentType]
        two: float = x2  # type: ignore[assignment]  # pyright: ignore[reportAssignmentType]
        all2: float = n2  # type: ignore[assignment]  # pyright: ignore[reportAssignmentType]
        sound = 0 <= one <= all1 <= LARGEST and 0 <= two <= all2 <= LARGEST and all1 >= 1 and all2 >= 1
        if sound and not (one % 1 or all1 % 1 or two % 1 or all2 % 1):
            return SCALAR, float(one), float(all1), float(two), float(all2)
    given = columns({"x1": x1, "n1": n1, "x2": x2, "n2": n2})
    for x, n in (("x1", "n1"), ("x2", "n2")):
        _whole(n, given[n], lowest=1)
        _whole(x, given[x], lowest=0)
        if np.any(given[x] > given[n]):
            raise ValueError(f"{x} is larger than {n}: there cannot be more successes than units")
    ops = VECTOR if isinstance(given["x1"], np.ndarray) else SCALAR
    return ops, given["x1"], given["n1"], given["x2"], given["n2"]


def columns(named: Mapping[str, ArrayLike]) -> dict[str, Number]:
    """Read several parameters that go together: all floats, or all arrays of one shape; floats are repeated."""
    read = {name: column(name, value) for name, value in named.items()}
    shapes = {value.shape: name for name, value in read.items() if isinstance(value, np.ndarray)}
    if not shapes:
        return read
    if len(shapes) > 1:
        said = " and ".join(f"{name} {shape}" for shape, name in shapes.items())
        raise ValueError(f"the lengths differ: {said}; give arrays of one shape, or single numbers")
    (shape,) = shapes
    return {name: np.broadcast_to(value, shape) for name, value in read.items()}


def column(name: str, value: ArrayLike) -> Number:
    """Read a number, or an array of them.

    Raises:
        ValueError: It holds text, truth values or NaN; `name` is in the message.
    """
    try:
        array = np.asarray(value)
    except (ValueError, OverflowError) as problem:
        raise ValueError(f"{name} is no number and no array of numbers: {problem}") from problem
    if array.dtype.kind not in "iuf" and not (array.dtype == object and isinstance(value, int) and type(value) is int):
        raise ValueError(f"{name} must be a number or an array of numbers, not {array.dtype}")
    try:
        floats = array.astype(np.float64)
    except OverflowError:
        raise ValueError(f"{name} is too large for a float") from None
    if np.any(np.isnan(floats)):
        raise ValueError(f"{name} is NaN")
    return floats if floats.ndim else float(floats)


def series(name: str, value: ArrayLike, *, least: int = 1) -> Array:
    """Read a list of numbers, of one dimension and at least so many."""
    read = column(name, value)
    if not isinstance(read, np.ndarray) or read.ndim != 1:
        raise ValueError(f"{name} must be a list of numbers, of one dimension")
    if read.size < least:
        raise ValueError(f"{name} must hold at least {least} numbers, not {read.size}")
    return read


def _whole(name: str, value: Number, *, lowest: int) -> None:
    if np.any(value < lowest):
        raise ValueError(f"{name} is under {lowest}" + (": an arm without units" if lowest == 1 else ""))
    if np.any(value > LARGEST):
        raise ValueError(f"{name} is over 2**53, where floats no longer hold every whole number")
    if np.any(value % 1 != 0):
        raise ValueError(f"{name} is no whole number")


def count(name: str, value: ArrayLike, *, lowest: int = 0) -> Number:
    """Read a count, or an array of them: whole, and at least `lowest`."""
    read = column(name, value)
    _whole(name, read, lowest=lowest)
    return read


def number(name: str, value: float, *, above: float = -math.inf, least: float = -math.inf) -> float:
    """Read one finite number, over a bound or at least at it."""
    read = column(name, value)
    if isinstance(read, np.ndarray):
        raise ValueError(f"{name} must be a single number")
    if not math.isfinite(read):
        raise ValueError(f"{name} is not finite")
    if read <= above or read < least:
        raise ValueError(f"{name} must be " + (f"over {above:g}" if read <= above else f"at least {least:g}"))
    return read


def fraction(name: str, value: float) -> float:
    """Read a number strictly between 0 and 1: a confidence, an alpha, a power."""
    if type(value) is float and 0.0 < value < 1.0:
        return value
    read = number(name, value)
    if not 0 < read < 1:
        raise ValueError(f"{name} must lie between 0 and 1, and is neither of them")
    return read


def choice(name: str, value: str, known: Mapping[str, object] | tuple[str, ...]) -> str:
    """Read a word out of a list of known ones."""
    if value not in known:
        raise ValueError(f"{name} must be one of {', '.join(known)}; not {value!r}")
    return value


@lru_cache(maxsize=256)
def quantile(confidence: float) -> float:
    """Find the normal quantile z of a two-sided confidence: P(-z <= Z <= z) = confidence."""
    return -NormalDist().inv_cdf((1 - fraction("confidence", confidence)) / 2)
