"""The pictures of a report as SVG: intervals against zero, and the course of an effect; nothing is loaded or run."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from typing import Final

from flowkit.experiments.findings import Comparison, CoursePoint, Findings
from flowkit.experiments.model import Metric, MetricKind

__all__ = ["draw_course", "draw_intervals"]

_WIDTH: Final = 720
_LEFT: Final = 220
_RIGHT: Final = 24
_ROW: Final = 44
_TOP: Final = 16
_AXIS: Final = 40
_TITLE: Final = 30
_TIMES: Final = 3.0
_PANEL: Final = 170
_SHOWN: Final = 28
_ESCAPES: Final = str.maketrans({"&": "&amp;", "<": "&lt;", ">": "&gt;", '"': "&quot;"})
_TEXT: Final = 'font-family="system-ui, sans-serif" font-size="13" fill="currentColor"'
_BLUE: Final = "#2f6fb3"


class _Scale:
    """Values along a side of a picture."""

    def __init__(self, values: Sequence[float], low: float, high: float) -> None:
        least, most = min([0.0, *values]), max([0.0, *values])
        pad = (most - least) * 0.06 or 1.0
        self._least, self._most = least - pad, most + pad
        self._low, self._high = low, high

    def at(self, value: float) -> float:
        share = (value - self._least) / (self._most - self._least)
        return self._low + share * (self._high - self._low)

    def held(self, value: float) -> float:
        """Give the place of a value, or the edge that it lies beyond."""
        return self.at(min(max(value, self._least), self._most))

    def ticks(self) -> Iterator[float]:
        """Give about five round values within."""
        rough = (self._most - self._least) / 5
        size = 10 ** math.floor(math.log10(rough))
        step = next(factor * size for factor in (1, 2, 5, 10) if factor * size >= rough)
        number = math.ceil(self._least / step)
        while number * step <= self._most:
            yield number * step
            number += 1


def draw_intervals(found: Findings) -> str:
    """Draw each treatment's difference from control with its interval; a side without an end runs to the edge."""
    metric = found.experiment.primary
    shown = [one for one in found.primary if one.estimate is not None]
    values = [value for one in shown for value in _ends(one)]
    height = _TOP + _ROW * max(len(shown), 1) + _AXIS
    scale = _Scale(values, _LEFT, _WIDTH - _RIGHT)
    base = _TOP + _ROW * max(len(shown), 1)
    parts = [_open(height, f"{metric.name}: treatment less control, with intervals"), *_across(scale, metric, base)]
    for index, one in enumerate(shown):
        y = _TOP + _ROW * index + _ROW / 2
        bound = one.interval
        low = _LEFT if bound is None or bound.low is None else scale.at(bound.low)
        high = _WIDTH - _RIGHT if bound is None or bound.high is None else scale.at(bound.high)
        name = _shown(found.experiment.variant(one.treatment).name)
        parts.append(f'<text x="{_LEFT - 12}" y="{y + 4:.1f}" text-anchor="end" {_TEXT}>{name}</text>')
        if bound is not None:
            parts.append(
                f'<line x1="{low:.1f}" x2="{high:.1f}" y1="{y:.1f}" y2="{y:.1f}" stroke="{_BLUE}" stroke-width="3"/>'
            )
            parts += [
                f'<line x1="{x:.1f}" x2="{x:.1f}" y1="{y - 7:.1f}" y2="{y + 7:.1f}" stroke="{_BLUE}" stroke-width="2"/>'
                for x, end in ((low, bound.low), (high, bound.high))
                if end is not None
            ]
        parts.append(f'<circle cx="{scale.at(one.estimate or 0.0):.1f}" cy="{y:.1f}" r="5.5" fill="{_BLUE}"/>')
    if not shown:
        parts.append(f'<text x="{_LEFT}" y="{_TOP + _ROW / 2}" {_TEXT}>Nothing to show yet</text>')
    return "".join([*parts, "</svg>"])


def draw_course(found: Findings) -> str:
    """Draw how each treatment's difference came about, with the band that holds at all instants together."""
    metric = found.experiment.primary
    panels = [
        (one.variant_id, [point for point in found.course if point.treatment == one.variant_id])
        for one in found.experiment.treatments
    ]
    values = [value for _, points in panels for value in _reach(points)]
    height = (_TITLE + _PANEL + _AXIS) * len(panels) + _TOP
    parts = [_open(height, f"{metric.name}: how the difference from control came about")]
    for index, (name, points) in enumerate(panels):
        top = _TOP + index * (_TITLE + _PANEL + _AXIS)
        parts += _panel(found, name, points, values, top)
    return "".join([*parts, "</svg>"])


def _panel(
    found: Findings, name: str, points: Sequence[CoursePoint], values: Sequence[float], top: float
) -> Iterator[str]:
    metric = found.experiment.primary
    scale = _Scale(values, top + _TITLE + _PANEL, top + _TITLE)
    title = found.experiment.variant(name).name
    yield f'<text x="0" y="{top + 12:.1f}" font-weight="600" {_TEXT}>{_shown(title)}</text>'
    for tick in scale.ticks():
        y = scale.at(tick)
        yield _grid(_LEFT / 2 + 40, _WIDTH - _RIGHT, y, y, zero=abs(tick) < 1e-12)  # noqa: PLR2004 - nothing but zero
        yield f'<text x="{_LEFT / 2 + 32}" y="{y + 4:.1f}" text-anchor="end" {_TEXT}>{_tick(metric, tick)}</text>'
    known = [point for point in points if point.estimate is not None]
    if not known:
        return
    first, last = known[0].at, known[-1].at
    whole = (last - first).total_seconds() or 1.0
    left, right = _LEFT / 2 + 46, _WIDTH - _RIGHT - 6
    xs = [left + (point.at - first).total_seconds() / whole * (right - left) for point in known]
    band = [(x, point.sequence) for x, point in zip(xs, known, strict=True) if point.sequence is not None]
    upper = [f"{x:.1f},{scale.held(bound.high):.1f}" for x, bound in band if bound.high is not None]
    lower = [f"{x:.1f},{scale.held(bound.low):.1f}" for x, bound in band if bound.low is not None]
    if upper and lower:
        yield f'<polygon points="{" ".join([*upper, *reversed(lower)])}" fill="{_BLUE}" fill-opacity="0.18"/>'
    line = " ".join(f"{x:.1f},{scale.held(point.estimate or 0.0):.1f}" for x, point in zip(xs, known, strict=True))
    yield f'<polyline points="{line}" fill="none" stroke="{_BLUE}" stroke-width="2.5"/>'
    yield f'<circle cx="{xs[-1]:.1f}" cy="{scale.at(known[-1].estimate or 0.0):.1f}" r="4.5" fill="{_BLUE}"/>'
    y = top + _TITLE + _PANEL + 20
    yield f'<text x="{left:.1f}" y="{y:.1f}" {_TEXT}>{first:%Y-%m-%d}</text>'
    yield f'<text x="{right:.1f}" y="{y:.1f}" text-anchor="end" {_TEXT}>{last:%Y-%m-%d}</text>'


def _across(scale: _Scale, metric: Metric, base: float) -> Iterator[str]:
    for tick in scale.ticks():
        x = scale.at(tick)
        yield _grid(x, x, _TOP, base, zero=abs(tick) < 1e-12)  # noqa: PLR2004 - nothing but zero
        yield f'<text x="{x:.1f}" y="{base + 20}" text-anchor="middle" {_TEXT}>{_tick(metric, tick)}</text>'


def _grid(x1: float, x2: float, y1: float, y2: float, *, zero: bool) -> str:
    strength = 'stroke-opacity="0.85" stroke-width="1.5"' if zero else 'stroke-opacity="0.18"'
    return f'<line x1="{x1:.1f}" x2="{x2:.1f}" y1="{y1:.1f}" y2="{y2:.1f}" stroke="currentColor" {strength}/>'


def _ends(one: Comparison) -> Iterator[float]:
    yield one.estimate or 0.0
    if one.interval is not None:
        yield from (end for end in (one.interval.low, one.interval.high) if end is not None)


def _reach(points: Sequence[CoursePoint]) -> Iterator[float]:
    """Give what has to fit into a picture: the last band, three times over; of early ones, which are wide, a part."""
    known = [point for point in points if point.estimate is not None]
    if not known:
        return
    yield known[-1].estimate or 0.0
    last = known[-1].sequence
    if last is None or last.low is None or last.high is None:
        yield from (point.estimate or 0.0 for point in known)
        return
    middle, half = (last.high + last.low) / 2, (last.high - last.low) / 2
    yield from (middle - _TIMES * half, middle + _TIMES * half)


def _tick(metric: Metric, value: float) -> str:
    if abs(value) < 1e-12:  # noqa: PLR2004 - nothing but zero
        return "0"
    text = f"{value * 100:+.3g} pp" if metric.kind is MetricKind.RATE else f"{value:+.3g}"
    return text.replace("-", "\u2212")


def _open(height: float, title: str) -> str:
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" role="img" viewBox="0 0 {_WIDTH} {height:g}" width="{_WIDTH}" '
        f'height="{height:g}"><title>{title.translate(_ESCAPES)}</title>'
    )


def _shown(text: str) -> str:
    short = text if len(text) <= _SHOWN else f"{text[: _SHOWN - 1]}…"
    visible = "".join(char if char.isprintable() else "\ufffd" for char in short)
    return visible.translate(_ESCAPES)
