"""Group sequential tests: several looks at the data, with one error for all of them together.

The z statistics of the looks are jointly normal with covariance sqrt(t(i) / t(j)), t the share of the whole
information. The chance of stopping is found by recursive numerical integration (Armitage, McPherson and Rowe, JRSS A
132, 1969; Jennison and Turnbull, "Group Sequential Methods", 2000, chapter 19).
"""

from __future__ import annotations

import math
from enum import StrEnum
from functools import lru_cache
from statistics import NormalDist
from typing import Final

import numpy as np
from attrs import frozen
from numpy.typing import ArrayLike

from flowkit.stats.arithmetic import Array, root
from flowkit.stats.inputs import choice, fraction, number, series
from flowkit.stats.spending import SPENDING, spent

__all__ = ["Decision", "Design", "boundaries", "crossing", "decide", "drift_for_power", "inflation"]

_STANDARD: Final = NormalDist()
_SHAPES: Final = ("obrien_fleming", "pocock", "wang_tsiatis")
_MOST_LOOKS: Final = 500


class Decision(StrEnum):
    """What a look says.

    Attributes:
        CONTINUE: Not decided; go on to the next look.
        DIFFERENT: The boundary is reached: reject the hypothesis, stop.
        NO_DIFFERENCE: The last look, and the boundary is not reached.
    """

    CONTINUE = "continue"
    DIFFERENT = "different"
    NO_DIFFERENCE = "no_difference"


@frozen(kw_only=True)
class Design:
    """The boundaries of a group sequential test.

    Attributes:
        times: The share of the information at each look, rising; the last is 1 unless the data end earlier.
        bounds: What z (its absolute value, if two-sided) must reach at each look; infinite where a look has no error to
            spend.
        spent: The error spent up to and with each look, of both sides.
        alpha: The whole error.
        sides: 2 or 1.
        method: The shape or the spending function.
    """

    times: tuple[float, ...]
    bounds: tuple[float, ...]
    spent: tuple[float, ...]
    alpha: float
    sides: int
    method: str

    @property
    def nominal(self) -> tuple[float, ...]:
        """The p-value that each look by itself must reach."""
        return tuple(self.sides * _STANDARD.cdf(-bound) for bound in self.bounds)


def boundaries(
    looks: int | ArrayLike,
    *,
    alpha: float = 0.05,
    method: str = "obrien_fleming",
    sides: int = 2,
    delta: float | None = None,
    parameter: float | None = None,
) -> Design:
    """Find the boundaries of a group sequential test.

    Two kinds of methods. Shapes, c t^(delta - 1/2) with c so that the error is alpha: ``obrien_fleming`` (1979,
    delta 0), ``pocock`` (1977, delta 1/2), ``wang_tsiatis`` (1987, `delta` as given). Spending functions (Lan and
    DeMets, Biometrika 70, 1983), which need not know the later looks: ``obrien_fleming_type``, ``pocock_type``,
    ``power`` and ``hwang_shih_decani``, the last two with `parameter`; see `spending.spent`. A two-sided test spends
    the one-sided function at alpha/2 on each side.

    Args:
        looks: How many, equally spaced; or the share of the information at each, rising, in (0, 1].
        alpha: The error of all looks together, between 0 and 1.
        method: A shape or a spending function.
        sides: 2, or 1 for the upper side.
        delta: For ``wang_tsiatis``.
        parameter: For ``power`` (over 0; 3 if not given) and ``hwang_shih_decani`` (-4 if not given).

    Raises:
        ValueError: The looks do not rise, are outside of (0, 1] or more than 500, or a parameter does not fit the
            method.
    """
    times = _times(looks)
    whole = fraction("alpha", alpha)
    choice("method", method, (*_SHAPES, *SPENDING))
    if sides not in {1, 2}:
        raise ValueError("sides must be 1 or 2")
    if (delta is not None) != (method == "wang_tsiatis"):
        raise ValueError("delta must be given for method='wang_tsiatis', and for no other")
    if method in SPENDING:
        bounds = _by_spending(times, whole, sides, method, parameter)
    elif parameter is not None:
        raise ValueError("parameter is for the spending functions 'power' and 'hwang_shih_decani'")
    else:
        power = {"obrien_fleming": 0.0, "pocock": 0.5}.get(method, 0.0 if delta is None else number("delta", delta))
        bounds = _by_shape(times, whole, sides, power)
    upper, lower = crossing(bounds, times, sides=sides)
    return Design(
        times=times,
        bounds=bounds,
        spent=tuple(np.cumsum(np.array(upper) + np.array(lower)).tolist()),
        alpha=whole,
        sides=sides,
        method=method,
    )


def crossing(
    bounds: ArrayLike, times: ArrayLike, *, drift: float = 0.0, sides: int = 2
) -> tuple[tuple[float, ...], tuple[float, ...]]:
    """Compute the chance of first reaching the boundary at each look.

    Args:
        bounds: What z must reach at each look; over 0, or infinite.
        times: The share of the information at each look, rising, in (0, 1].
        drift: The mean of z at the full information; 0 under the hypothesis.
        sides: 2 or 1.

    Returns:
        The chance of first crossing above, and that of first crossing below (0 for one side), look by look.

    Raises:
        ValueError: The lengths differ, or the looks do not rise.
    """
    at, limits = _times(times), series("bounds", bounds)
    if limits.size != len(at):
        raise ValueError(f"the lengths differ: bounds {limits.size} and times {len(at)}")
    walk = _Walk(number("drift", drift), sides)
    upper: list[float] = []
    lower: list[float] = []
    for time, bound in zip(at, limits.tolist(), strict=True):
        above, below = walk.chances(time, bound)
        upper.append(above)
        lower.append(below)
        walk.go_on(time, bound)
    return tuple(upper), tuple(lower)


def drift_for_power(design: Design, power: float) -> float:
    """Find the mean of z at the full information with which a design rejects, on the upper side, with a given chance.

    Args:
        design: The boundaries.
        power: Between alpha and 1.

    Raises:
        ValueError: The power is not over alpha, or not under 1.
    """
    if fraction("power", power) <= design.alpha:
        raise ValueError("power must be over alpha")

    def missing(drift: float) -> float:
        upper, _ = crossing(design.bounds, design.times, drift=drift, sides=design.sides)
        return power - math.fsum(upper)

    return float(root(missing, 0.0, 60.0))


def inflation(design: Design, power: float) -> float:
    """Say how many times the fixed sample the largest sample of a design must be, for the same power.

    The square of the drift that the design needs over that of one look at the end: Jennison and Turnbull's R.

    Args:
        design: The boundaries.
        power: Between alpha and 1.

    Raises:
        ValueError: As in `drift_for_power`.
    """
    fixed = -_STANDARD.inv_cdf(design.alpha / design.sides) + _STANDARD.inv_cdf(fraction("power", power))
    return (drift_for_power(design, power) / fixed) ** 2


def decide(design: Design, look: int, z: float) -> Decision:
    """Say what a look means.

    Args:
        design: The boundaries.
        look: Which look it is, the first is 1.
        z: The statistic at that look.

    Raises:
        ValueError: There is no such look, or z is NaN.
    """
    if not 1 <= look <= len(design.bounds):
        raise ValueError(f"look must be from 1 to {len(design.bounds)}")
    if math.isnan(z):
        raise ValueError("z is NaN")
    if (abs(z) if design.sides == 2 else z) >= design.bounds[look - 1]:
        return Decision.DIFFERENT
    return Decision.NO_DIFFERENCE if look == len(design.bounds) else Decision.CONTINUE


class _Walk:
    """The density of the sum S = z sqrt(t) among those that have not stopped, carried from look to look."""

    def __init__(self, drift: float, sides: int) -> None:
        self._drift = drift
        self._sides = sides
        self._time = 0.0
        self._places: Array = np.zeros(1)
        self._masses: Array = np.ones(1)  # density times the weight of the integration

    def chances(self, time: float, bound: float) -> tuple[float, float]:
        """The chance of not having stopped before and being at or over the bound, or at or under its negative."""
        from scipy.special import ndtr  # noqa: PLC0415 - imported by those who need it

        step = time - self._time
        spread, limit = math.sqrt(step), bound * math.sqrt(time)
        means = self._places + self._drift * step
        above = float(self._masses @ ndtr((means - limit) / spread))
        below = float(self._masses @ ndtr((-limit - means) / spread)) if self._sides == 2 else 0.0
        return above, below

    def go_on(self, time: float, bound: float) -> None:
        """Go on to the next look with those that are inside of the bound."""
        step = time - self._time
        spread = math.sqrt(step)
        means = self._places + self._drift * step
        limit = bound * math.sqrt(time)
        # Beyond nine standard deviations of the whole sum there is nothing.
        reach = 9.0 * math.sqrt(time)
        high = min(limit, self._drift * time + reach)
        low = max(-limit if self._sides == 2 else -math.inf, self._drift * time - reach)
        nodes, shares = _legendre(max(48, min(2048, 16 * math.ceil((high - low) / spread / 4))))
        half = 0.5 * (high - low)
        places = low + half * (nodes + 1)
        kernel = np.exp(-0.5 * np.square((places[:, None] - means[None, :]) / spread)) / (
            spread * math.sqrt(2 * math.pi)
        )
        self._masses = (kernel @ self._masses) * shares * half
        self._places, self._time = places, time


@lru_cache(maxsize=128)
def _legendre(count: int) -> tuple[Array, Array]:
    return np.polynomial.legendre.leggauss(count)


def _times(looks: int | ArrayLike) -> tuple[float, ...]:
    if isinstance(looks, int):
        if not 1 <= looks <= _MOST_LOOKS:
            raise ValueError(f"looks must be from 1 to {_MOST_LOOKS}")
        return tuple((i + 1) / looks for i in range(looks))
    times = series("looks", looks)
    if times.size > _MOST_LOOKS or times[0] <= 0 or times[-1] > 1 or np.any(np.diff(times) <= 0):
        raise ValueError(f"looks must rise, within (0, 1], and be at most {_MOST_LOOKS}")
    return tuple(times.tolist())


@lru_cache(maxsize=128)
def _by_shape(times: tuple[float, ...], alpha: float, sides: int, delta: float) -> tuple[float, ...]:
    shape = [time ** (delta - 0.5) for time in times]

    def excess(c: float) -> float:
        upper, lower = crossing([c * part for part in shape], times, sides=sides)
        return math.fsum(upper) + math.fsum(lower) - alpha

    # One look needs the least, and each of them alone at alpha over their number the most.
    low = -_STANDARD.inv_cdf(alpha / sides) / max(shape)
    high = -_STANDARD.inv_cdf(alpha / sides / len(times)) / min(shape)
    c = float(root(excess, min(low, high) - 1e-9, high + 1e-9))
    return tuple(c * part for part in shape)


@lru_cache(maxsize=128)
def _by_spending(
    times: tuple[float, ...], alpha: float, sides: int, method: str, parameter: float | None
) -> tuple[float, ...]:
    walk = _Walk(0.0, sides)
    bounds: list[float] = []
    before = 0.0
    for time in times:
        now = spent(time, alpha / sides, method, parameter=parameter)
        share = now - before

        def excess(bound: float, time: float = time, share: float = share) -> float:
            return walk.chances(time, bound)[0] - share

        bound = math.inf if share <= 1e-300 else float(root(excess, -38.0 if sides == 1 else 0.0, 38.0))
        bounds.append(bound)
        walk.go_on(time, bound)
        before = now
    return tuple(bounds)
