"""Sufficient statistics of values and of pairs of values: what is left of the data for a comparison of means."""

from __future__ import annotations

from typing import Self

import numpy as np
from attrs import field, frozen
from numpy.typing import ArrayLike

from flowkit.stats.arithmetic import Array, Number
from flowkit.stats.inputs import LARGEST, columns, series
from flowkit.stats.results import SAME

__all__ = ["PairSummary", "Summary", "winsorized"]


@frozen(kw_only=True)
class Summary:
    """The values of one arm; or, as arrays of one shape, of one arm in each of many comparisons.

    Attributes:
        n: How many, at least 2.
        mean: Their mean.
        variance: Their sample variance, with n - 1; at least 0.
    """

    n: Number = field(eq=SAME)
    mean: Number = field(eq=SAME)
    variance: Number = field(eq=SAME)

    def __attrs_post_init__(self) -> None:
        _checked({"n": self.n, "mean": self.mean, "variance": self.variance}, ("variance",))

    @classmethod
    def of_sums(cls, n: ArrayLike, total: ArrayLike, squares: ArrayLike) -> Self:
        """Make one of n, the sum and the sum of squares.

        Where the mean is large against the spread, the difference of sums loses digits: subtract a constant from the
        values first.

        Raises:
            ValueError: n is under 2, a number is not finite, or the squares are too few for the sum.
        """
        given = columns({"n": n, "total": total, "squares": squares})
        _checked(given, ())
        spread = given["squares"] - given["total"] * (given["total"] / given["n"])
        return cls(
            n=given["n"],
            mean=given["total"] / given["n"],
            variance=_not_negative("squares", spread, given["squares"]) / (given["n"] - 1),
        )

    @classmethod
    def of_values(cls, values: ArrayLike) -> Self:
        """Make one of the values themselves, a list of at least 2."""
        read = _finite("values", series("values", values, least=2))
        return cls(n=float(read.size), mean=float(read.mean()), variance=float(read.var(ddof=1)))


@frozen(kw_only=True)
class PairSummary:
    """Pairs of values of one arm: numerator y and denominator x of a ratio, or a metric y and its covariate x.

    Attributes:
        n: How many pairs, at least 2.
        mean_x: The mean of x.
        mean_y: The mean of y.
        variance_x: The sample variance of x, with n - 1.
        variance_y: The sample variance of y.
        covariance: Their sample covariance.
    """

    n: Number = field(eq=SAME)
    mean_x: Number = field(eq=SAME)
    mean_y: Number = field(eq=SAME)
    variance_x: Number = field(eq=SAME)
    variance_y: Number = field(eq=SAME)
    covariance: Number = field(eq=SAME)

    def __attrs_post_init__(self) -> None:
        named = {
            "n": self.n,
            "mean_x": self.mean_x,
            "mean_y": self.mean_y,
            "variance_x": self.variance_x,
            "variance_y": self.variance_y,
            "covariance": self.covariance,
        }
        given = _checked(named, ("variance_x", "variance_y"))
        product = given["variance_x"] * given["variance_y"]
        if np.any(np.square(given["covariance"]) > product * (1 + 1e-6)):
            raise ValueError("covariance is larger than the variances allow")

    @classmethod
    def of_sums(cls, n: ArrayLike, x: ArrayLike, y: ArrayLike, xx: ArrayLike, yy: ArrayLike, xy: ArrayLike) -> Self:
        """Make one of n and the sums of x, y, x^2, y^2 and x y.

        Raises:
            ValueError: n is under 2, a number is not finite, or the squares are too few for the sums.
        """
        given = columns({"n": n, "x": x, "y": y, "xx": xx, "yy": yy, "xy": xy})
        _checked(given, ())
        size, sum_x, sum_y = given["n"], given["x"], given["y"]
        spread_x = _not_negative("xx", given["xx"] - sum_x * (sum_x / size), given["xx"])
        spread_y = _not_negative("yy", given["yy"] - sum_y * (sum_y / size), given["yy"])
        return cls(
            n=size,
            mean_x=sum_x / size,
            mean_y=sum_y / size,
            variance_x=spread_x / (size - 1),
            variance_y=spread_y / (size - 1),
            covariance=(given["xy"] - sum_x * (sum_y / size)) / (size - 1),
        )

    @classmethod
    def of_values(cls, x: ArrayLike, y: ArrayLike) -> Self:
        """Make one of the values themselves: two lists of one length, at least 2."""
        first = _finite("x", series("x", x, least=2))
        second = _finite("y", series("y", y, least=2))
        if first.size != second.size:
            raise ValueError(f"the lengths differ: x {first.size} and y {second.size}")
        table = np.cov(first, second, ddof=1)
        return cls(
            n=float(first.size),
            mean_x=float(first.mean()),
            mean_y=float(second.mean()),
            variance_x=float(table[0, 0]),
            variance_y=float(table[1, 1]),
            covariance=float(table[0, 1]),
        )


def winsorized(*samples: ArrayLike, low: float = 0.0, high: float = 0.99) -> tuple[Array, ...]:
    """Pull extreme values in to quantiles of all samples together, so that every arm has the same limits.

    Args:
        samples: The values of each arm.
        low: The share below which values are raised, in [0, high).
        high: The share above which values are lowered, up to 1.

    Raises:
        ValueError: A sample is empty, or the shares are not in order.
    """
    if not 0 <= low < high <= 1:
        raise ValueError("low and high must be shares, low under high")
    read = [series("samples", sample) for sample in samples]
    if not read:
        raise ValueError("samples must hold at least one")
    floor, ceiling = np.quantile(np.concatenate(read), [low, high])
    return tuple(np.clip(sample, floor, ceiling) for sample in read)


def _finite(name: str, values: Array) -> Array:
    if not np.all(np.isfinite(values)):
        raise ValueError(f"{name} must be finite")
    return values


def _checked(named: dict[str, Number], spreads: tuple[str, ...]) -> dict[str, Number]:
    given = columns(named)
    for name, value in given.items():
        if not np.all(np.isfinite(value)):
            raise ValueError(f"{name} is not finite")
    if np.any(given["n"] < 2) or np.any(given["n"] > LARGEST) or np.any(given["n"] % 1 != 0):
        raise ValueError("n must be a whole number of at least 2")
    for name in spreads:
        if np.any(given[name] < 0):
            raise ValueError(f"{name} must be at least 0")
    return given


def _not_negative(name: str, spread: Number, squares: Number) -> Number:
    """Let rounding pass, and nothing else."""
    if np.any(spread < -1e-9 * np.abs(squares)):
        raise ValueError(f"{name} is too small: no values have that sum and that sum of squares")
    return np.maximum(spread, 0.0) if isinstance(spread, np.ndarray) else max(spread, 0.0)
