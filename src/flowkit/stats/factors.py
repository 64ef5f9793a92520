"""Factorial experiments: main effects and interactions, of two factors with two levels or of any number."""

from __future__ import annotations

from itertools import combinations, product

import numpy as np
from attrs import frozen
from numpy.typing import ArrayLike

from flowkit.stats.arithmetic import Array
from flowkit.stats.inputs import LARGEST, column, fraction
from flowkit.stats.means import from_estimate
from flowkit.stats.results import Result

__all__ = ["Effect", "factorial_means", "factorial_rates"]


@frozen(kw_only=True)
class Effect:
    """An effect of one factor, or an interaction of several.

    Attributes:
        factors: The axes that it is about: one for a main effect, two and more for an interaction.
        levels: The level of each that is compared with level 0.
        result: The estimate, its interval and its test.
    """

    factors: tuple[int, ...]
    levels: tuple[int, ...]
    result: Result


def factorial_rates(
    x: ArrayLike, n: ArrayLike, *, confidence: float = 0.95, largest: int | None = None
) -> tuple[Effect, ...]:
    """Estimate the effects in a factorial experiment on a rate.

    A main effect is the mean of the simple differences (level less level 0) over all combinations of the other
    factors; an interaction of two is the difference of two simple differences, and so on. z-tests with the unpooled
    variance: sum of c^2 p (1 - p) / n over the cells, c the contrast.

    Args:
        x: Successes in each cell, one axis for each factor, each with at least two levels; level 0 is the baseline.
        n: Units in each cell, at least 1; of the same shape.
        confidence: Of the intervals, between 0 and 1; of each effect by itself.
        largest: How many factors an interaction may have; all if not given.

    Returns:
        Main effects first, then interactions of two, of three, ...

    Raises:
        ValueError: A parameter is no count, x is over n, the shapes differ, a cell is empty, or a factor has one level.
    """
    successes, units = _cells("x", x), _cells("n", n)
    if successes.shape != units.shape:
        raise ValueError(f"the lengths differ: x {successes.shape} and n {units.shape}")
    for name, values, lowest in (("x", successes, 0), ("n", units, 1)):
        if np.any(values < lowest) or np.any(values > LARGEST) or np.any(values % 1 != 0):
            raise ValueError(f"{name} must hold whole numbers of at least {lowest}")
    if np.any(successes > units):
        raise ValueError("x is larger than n: there cannot be more successes than units")
    rates = successes / units
    return _effects(rates, rates * (1 - rates) / units, confidence, largest)


def factorial_means(
    mean: ArrayLike, variance: ArrayLike, *, confidence: float = 0.95, largest: int | None = None
) -> tuple[Effect, ...]:
    """Estimate the effects in a factorial experiment on a mean, or on anything with a normal estimate for each cell.

    Args:
        mean: The estimate in each cell, as in `factorial_rates`.
        variance: Its variance (the square of its standard error), at least 0.
        confidence: Of the intervals, between 0 and 1.
        largest: How many factors an interaction may have; all if not given.

    Raises:
        ValueError: The shapes differ, a number is not finite, or a variance is negative.
    """
    estimates, variances = _cells("mean", mean), _cells("variance", variance)
    if estimates.shape != variances.shape:
        raise ValueError(f"the lengths differ: mean {estimates.shape} and variance {variances.shape}")
    if not np.all(np.isfinite(estimates)) or not np.all(np.isfinite(variances)) or np.any(variances < 0):
        raise ValueError("mean must be finite, and variance finite and at least 0")
    return _effects(estimates, variances, confidence, largest)


def _effects(estimates: Array, variances: Array, confidence: float, largest: int | None) -> tuple[Effect, ...]:
    level = fraction("confidence", confidence)
    shape = estimates.shape
    effects: list[Effect] = []
    for size in range(1, (len(shape) if largest is None else largest) + 1):
        for factors in combinations(range(len(shape)), size):
            for levels in product(*(range(1, shape[factor]) for factor in factors)):
                contrast = _contrast(shape, dict(zip(factors, levels, strict=True)))
                estimate = float(np.sum(contrast * estimates))
                variance = float(np.sum(np.square(contrast) * variances))
                result = from_estimate(estimate, variance, confidence=level, method="wald")
                effects.append(Effect(factors=factors, levels=levels, result=result))
    return tuple(effects)


def _contrast(shape: tuple[int, ...], compared: dict[int, int]) -> Array:
    """The weight of each cell: 1 at the level and -1 at level 0 of what is compared, the mean over all else."""
    contrast = np.ones(())
    for factor, levels in enumerate(shape):
        axis = np.full(levels, 1 / levels)
        if factor in compared:
            axis = np.zeros(levels)
            axis[0], axis[compared[factor]] = -1.0, 1.0
        contrast = np.multiply.outer(contrast, axis)
    return contrast


def _cells(name: str, value: ArrayLike) -> Array:
    read = column(name, value)
    if not isinstance(read, np.ndarray) or min(read.shape) < 2:
        raise ValueError(f"{name} must have one axis for each factor, each with at least two levels")
    return read
