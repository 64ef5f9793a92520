"""Which arm is best, how surely, and what it costs to be wrong; and how a bandit shares out the next units."""

from __future__ import annotations

from functools import lru_cache
from typing import Final

import numpy as np
from attrs import field, frozen
from numpy.typing import ArrayLike

from flowkit.stats.arithmetic import Array
from flowkit.stats.inputs import series
from flowkit.stats.posteriors import Beliefs
from flowkit.stats.results import SAME

__all__ = ["Standing", "standing", "thompson_allocation"]

_PIECE_NODES: Final = 24
_EXTREME: Final = 1e-16
# Quantiles between which the integrands are smooth.
_CUTS: Final = (1e-12, 1e-8, 1e-5, 1e-3, 0.02, 0.1, 0.25, 0.5)


@frozen(kw_only=True)
class Standing:
    """How the arms stand against each other; all numbers by integration, none drawn.

    Attributes:
        beats_control: The chance that an arm is better than the first one; for the first itself, 0.
        best: The chance that an arm is the best of all; they sum to 1.
        expected_loss: What is lost in the mean by choosing an arm where another one is better: E(max over arms -
            this arm), in the unit of the rate or mean.
    """

    beats_control: Array = field(eq=SAME)
    best: Array = field(eq=SAME)
    expected_loss: Array = field(eq=SAME)


def standing(beliefs: Beliefs) -> Standing:
    """Compare arms by what is believed of them.

    P(best i) is the integral of f(i) times the other arms' F; P(i beats control) that of f(i) F(control); E(max) is
    the integral of 1 minus the product of all F. By Gauss-Legendre between quantiles of the arms.

    Args:
        beliefs: Of each arm, the first of them control.

    Raises:
        ValueError: There is one arm only.
    """
    count = beliefs.means().size
    if count < 2:
        raise ValueError("beliefs must be of at least two arms")
    t, shares = _grid(beliefs)
    below, above = beliefs.below(t), beliefs.above(t)
    density = beliefs.density(t) * shares
    best = np.empty(count)
    for arm in range(count):
        others = np.delete(below, arm, axis=0)
        best[arm] = np.sum(density[arm] * np.prod(others, axis=0))
    beats = density @ below[0]
    beats[0] = 0.0
    # E(max) - E(i) = integral of P(i <= t) - P(all <= t) = integral of F(i) (1 - the product of the other F).
    loss = np.empty(count)
    for arm in range(count):
        with np.errstate(divide="ignore"):
            others_over = -np.expm1(np.sum(np.log1p(-np.delete(above, arm, axis=0)), axis=0))
        loss[arm] = np.sum(below[arm] * others_over * shares)
    return Standing(beats_control=np.clip(beats, 0, 1), best=best / best.sum(), expected_loss=loss)


def thompson_allocation(best: ArrayLike, *, floor: float = 0.0) -> Array:
    """Share out units as a Thompson sampler does in the mean, with at least a floor for every arm.

    An arm gets floor + (1 - k floor) P(best).

    Args:
        best: The chance of each arm to be the best, as `Standing.best` has it; at least 0, and they sum to 1.
        floor: The least share, from 0 to 1/k: what is spent on learning.

    Returns:
        Shares that sum to 1.

    Raises:
        ValueError: The chances do not sum to 1, or there are too many arms for the floor.
    """
    chances = series("best", best)
    if np.any(chances < 0) or abs(chances.sum() - 1) > 1e-6:
        raise ValueError("best must hold chances of at least 0 that sum to 1")
    if not 0 <= floor <= 1 / chances.size:
        raise ValueError(f"floor must be from 0 to 1/{chances.size}, one share for each arm")
    shares: Array = floor + (1 - chances.size * floor) * chances / chances.sum()
    return shares


@lru_cache(maxsize=1)
def _nodes() -> tuple[Array, Array]:
    return np.polynomial.legendre.leggauss(_PIECE_NODES)


def _grid(beliefs: Beliefs) -> tuple[Array, Array]:
    """Nodes (between many quantiles of all arms, so that none is too narrow to be seen) and their weights."""
    cuts = [beliefs.quantile(_EXTREME), beliefs.quantile_above(_EXTREME)]
    for p in _CUTS:
        cuts += [beliefs.quantile(p), beliefs.quantile_above(p)]
    ends = np.unique(np.concatenate(cuts))
    nodes, weights = _nodes()
    half = np.diff(ends)[:, None] / 2
    t = (ends[:-1, None] + half * (nodes + 1)).ravel()
    return t, (half * weights).ravel()
