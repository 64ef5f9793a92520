"""How much of the error has been spent when a share of the information is in: Lan and DeMets' spending functions."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from statistics import NormalDist
from types import MappingProxyType
from typing import Final

from flowkit.stats.inputs import choice, fraction, number

__all__ = ["SPENDING", "spent"]

_STANDARD: Final = NormalDist()
_TAKES_PARAMETER: Final = {"power": 3.0, "hwang_shih_decani": -4.0}


def spent(time: float, alpha: float, method: str, *, parameter: float | None = None) -> float:
    """Say how much of a one-sided error is spent at a share of the information.

    ``obrien_fleming_type``: 2 - 2 Phi(z(alpha/2) / sqrt t); ``pocock_type``: alpha ln(1 + (e - 1) t) (Lan and DeMets
    1983); ``power``: alpha t^rho (Kim and DeMets 1987); ``hwang_shih_decani``: alpha (1 - e^(-g t)) / (1 - e^(-g)),
    alpha t for g = 0 (1990).

    Args:
        time: The share of the information, in [0, 1].
        alpha: The whole error, between 0 and 1.
        method: Which function.
        parameter: rho, over 0 (3 if not given), or g, from -40 to 40 (-4 if not given).

    Returns:
        0 at time 0, alpha at time 1.

    Raises:
        ValueError: A parameter is outside of its range, or given for a function that has none.
    """
    choice("method", method, SPENDING)
    if not 0 <= number("time", time) <= 1:
        raise ValueError("time must lie in [0, 1]")
    if parameter is not None and method not in _TAKES_PARAMETER:
        raise ValueError(f"parameter is for {' and '.join(_TAKES_PARAMETER)}, not for {method}")
    shape = number("parameter", _TAKES_PARAMETER.get(method, 0.0) if parameter is None else parameter)
    if method == "power" and shape <= 0:
        raise ValueError("parameter must be over 0 for method='power'")
    if abs(shape) > 40:
        raise ValueError("parameter must be from -40 to 40")
    whole = fraction("alpha", alpha)
    return 0.0 if time == 0 else whole if time == 1 else SPENDING[method](time, whole, shape)


def _obrien_fleming(time: float, alpha: float, _: float) -> float:
    return 2 * _STANDARD.cdf(_STANDARD.inv_cdf(alpha / 2) / math.sqrt(time))


def _pocock(time: float, alpha: float, _: float) -> float:
    return alpha * math.log1p((math.e - 1) * time)


def _power(time: float, alpha: float, rho: float) -> float:
    return alpha * math.pow(time, rho)


def _hwang_shih_decani(time: float, alpha: float, g: float) -> float:
    return alpha * (math.expm1(-g * time) / math.expm1(-g) if g else time)


SPENDING: Final[Mapping[str, Callable[[float, float, float], float]]] = MappingProxyType(
    {
        "obrien_fleming_type": _obrien_fleming,
        "pocock_type": _pocock,
        "power": _power,
        "hwang_shih_decani": _hwang_shih_decani,
    }
)
