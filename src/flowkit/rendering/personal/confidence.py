"""How sure a personalized message is, as one number."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from types import MappingProxyType
from typing import Final

__all__ = ["BLOCK_WEIGHTS", "confidence"]

_BASE: Final = 0.5
BLOCK_WEIGHTS: Final[Mapping[str, float]] = MappingProxyType(
    {
        "productRecommendations": 0.2,
        "recentActivity": 0.1,
        "seasonalContent": 0.05,
        "locationContent": 0.1,
        "primaryCTA": 0.1,
    }
)
"""What each block that is shown adds."""


def confidence(
    shown: Collection[str], predicted: Mapping[str, float] | None, recommended: Sequence[float] | None
) -> float:
    """Say how sure a message is, from 0 to 1: 0.5 and the weights of its blocks, scaled by what it was made from.

    Args:
        shown: The blocks that were really shown.
        predicted: How sure each prediction is; None where none was asked for. Their mean m scales by 0.5 + m/2, and
            counts as 0 where the asking failed and so nothing is there.
        recommended: How sure each product is that is shown; None where none is. Their mean m scales by 0.7 + 0.3 m.
    """
    total = _BASE + sum(BLOCK_WEIGHTS.get(block, 0.0) for block in shown)
    if predicted is not None:
        total *= 0.5 + 0.5 * _mean(list(predicted.values()))
    if recommended:
        total *= 0.7 + 0.3 * _mean(recommended)
    return round(min(total, 1.0), 6)


def _mean(values: Sequence[float]) -> float:
    return sum(min(max(value, 0.0), 1.0) for value in values) / len(values) if values else 0.0
