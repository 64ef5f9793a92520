"""Several tests at once: p-values adjusted so that the error holds for the family, or for the share of discoveries."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from types import MappingProxyType
from typing import Final

import numpy as np
from numpy.typing import ArrayLike

from flowkit.stats.arithmetic import Array
from flowkit.stats.inputs import choice, column

__all__ = ["ADJUSTMENTS", "adjust"]


def adjust(p: ArrayLike, method: str = "holm") -> Array:
    """Adjust p-values for their number; reject where the adjusted one is at or under alpha.

    Args:
        p: p-values of one family along the last axis; of many families with more axes. At least one.
        method: For the family-wise error, under any dependence: ``bonferroni``, ``holm`` (1979); for independent or
            positively dependent tests: ``sidak``, ``holm_sidak``, ``hochberg`` (1988), ``hommel`` (1988). For the false
            discovery rate: ``benjamini_hochberg`` (1995, independent or positively dependent) and
            ``benjamini_yekutieli`` (2001, any dependence).

    Returns:
        The adjusted p-values, in [0, 1], in the order and shape given.

    Raises:
        ValueError: A p is NaN or outside of [0, 1], there is none, or the method is not known.
    """
    choice("method", method, ADJUSTMENTS)
    read = np.atleast_1d(np.asarray(column("p", p)))
    if not read.size:
        raise ValueError("p holds no p-value")
    if np.any((read < 0) | (read > 1)):
        raise ValueError("p must lie in [0, 1]")
    return ADJUSTMENTS[method](read)


def _bonferroni(p: Array) -> Array:
    adjusted: Array = np.minimum(p * p.shape[-1], 1.0)
    return adjusted


def _sidak(p: Array) -> Array:
    """1 - (1 - p)^m."""
    return _at_least(p, p.shape[-1])


def _at_least(p: Array, times: float | Array) -> Array:
    """The chance of at least one, without losing the digits of small p."""
    with np.errstate(divide="ignore"):
        one: Array = -np.expm1(times * np.log1p(-p))
    return one


def _ordered(p: Array, scaled: Callable[[Array, Array], Array], *, down: bool) -> Array:
    """Scale the sorted p-values by rank and make them monotone, from the smallest up or from the largest down."""
    order = np.argsort(p, axis=-1, kind="stable")
    values = scaled(np.take_along_axis(p, order, -1), np.arange(1, p.shape[-1] + 1, dtype=np.float64))
    if down:
        values = np.maximum.accumulate(values, axis=-1)
    else:
        values = np.minimum.accumulate(values[..., ::-1], axis=-1)[..., ::-1]
    adjusted = np.empty_like(p)
    np.put_along_axis(adjusted, order, np.minimum(values, 1.0), -1)
    return adjusted


def _holm(p: Array) -> Array:
    """Step down: (m - i + 1) p(i)."""
    return _ordered(p, lambda ps, rank: (ps.shape[-1] + 1 - rank) * ps, down=True)


def _holm_sidak(p: Array) -> Array:
    """Step down: 1 - (1 - p(i))^(m - i + 1)."""
    return _ordered(p, lambda ps, rank: _at_least(ps, ps.shape[-1] + 1 - rank), down=True)


def _hochberg(p: Array) -> Array:
    """Step up: (m - i + 1) p(i)."""
    return _ordered(p, lambda ps, rank: (ps.shape[-1] + 1 - rank) * ps, down=False)


def _benjamini_hochberg(p: Array) -> Array:
    """Step up: m p(i) / i."""
    return _ordered(p, lambda ps, rank: ps.shape[-1] / rank * ps, down=False)


def _benjamini_yekutieli(p: Array) -> Array:
    """Step up: m (1 + 1/2 + ... + 1/m) p(i) / i."""
    harmonic = math.fsum(1 / rank for rank in range(1, p.shape[-1] + 1))
    return _ordered(p, lambda ps, rank: harmonic * ps.shape[-1] / rank * ps, down=False)


def _hommel(p: Array) -> Array:
    """Closed testing with Simes' test of every subset, by Wright's algorithm (Biometrics 48, 1992)."""
    flat = p.reshape(-1, p.shape[-1])
    return np.stack([_hommel_one(row) for row in flat]).reshape(p.shape)


def _hommel_one(p: Array) -> Array:
    m = p.size
    order = np.argsort(p, kind="stable")
    ps = p[order]
    ranks = np.arange(1, m + 1)
    adjusted = np.full(m, float(np.min(m * ps / ranks)))
    bound = adjusted.copy()
    for size in range(m - 1, 1, -1):
        first, last = ps[: m - size + 1], ps[m - size + 1 :]
        least = float(np.min(size * last / np.arange(2, size + 1)))
        bound[: m - size + 1] = np.minimum(size * first, least)
        bound[m - size + 1 :] = bound[m - size]
        adjusted = np.maximum(adjusted, bound)
    result = np.empty(m)
    result[order] = np.minimum(np.maximum(adjusted, ps), 1.0)
    return result


ADJUSTMENTS: Final[Mapping[str, Callable[[Array], Array]]] = MappingProxyType(
    {
        "bonferroni": _bonferroni,
        "sidak": _sidak,
        "holm": _holm,
        "holm_sidak": _holm_sidak,
        "hochberg": _hochberg,
        "hommel": _hommel,
        "benjamini_hochberg": _benjamini_hochberg,
        "benjamini_yekutieli": _benjamini_yekutieli,
    }
)
