"""Numbers in words: one way to write them in texts, tables and pictures."""

from __future__ import annotations

from typing import Final

from flowkit.experiments.findings import Bound
from flowkit.experiments.model import Metric, MetricKind

__all__ = ["NOTHING", "bound_text", "p_text", "percent", "signed", "signed_percent", "value_text"]

NOTHING: Final = "–"
"""What stands where there is no number."""
_SMALLEST: Final = 0.0001


def percent(value: float | None, digits: int = 1) -> str:
    """Write a share in per cent; 95 % and not 95.0 %."""
    if value is None:
        return NOTHING
    text = f"{value * 100:.{digits}f}"
    return f"{text.rstrip('0').rstrip('.') if '.' in text else text} %"


def signed_percent(value: float | None) -> str:
    """Write a relative change with its sign."""
    return NOTHING if value is None else f"{value * 100:+.1f} %".replace("-", "\u2212")


def value_text(metric: Metric, value: float | None) -> str:
    """Write a value of a metric: a rate in per cent, others with four digits."""
    if value is None:
        return NOTHING
    return f"{value * 100:.2f} %" if metric.kind is MetricKind.RATE else f"{value:.4g}"


def signed(metric: Metric, value: float | None) -> str:
    """Write a difference with its sign: of rates in percentage points."""
    if value is None:
        return NOTHING
    text = f"{value * 100:+.2f} pp" if metric.kind is MetricKind.RATE else f"{value:+.4g}"
    return text.replace("-", "\u2212")


def bound_text(metric: Metric, bound: Bound | None) -> str:
    """Write the interval of a difference."""
    if bound is None:
        return NOTHING
    low = "no end" if bound.low is None else signed(metric, bound.low)
    high = "no end" if bound.high is None else signed(metric, bound.high)
    return f"{low} to {high}"


def p_text(p: float | None) -> str:
    """Write a p-value; what is smaller than 0.0001 is said to be so."""
    if p is None:
        return NOTHING
    return "< 0.0001" if p < _SMALLEST else f"{p:.4f}"
