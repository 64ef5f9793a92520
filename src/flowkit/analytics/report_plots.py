"""The pictures of a journey's report as SVG: its funnel, and its runs over time; nothing is loaded or run."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import datetime
from typing import Final

from flowkit.analytics.report_course import Course
from flowkit.workflows.pictures.text import cut

__all__ = ["draw_course", "draw_funnel"]

_WIDTH: Final = 720
_LABELS: Final = 210
_NUMBERS: Final = 130
_ROW: Final = 30
_BAR: Final = 20
_LEFT: Final = 56
_RIGHT: Final = 12
_TOP: Final = 34
_PLOT: Final = 180
_AXIS: Final = 30
_SIZE: Final = 13
_TICKS: Final = 4
_DAY: Final = 24
_ESCAPES: Final = str.maketrans({"&": "&amp;", "<": "&lt;", ">": "&gt;", '"': "&quot;", "'": "&#39;"})
_TEXT: Final = f'font-family="system-ui, sans-serif" font-size="{_SIZE}" fill="currentColor"'
_BLUE: Final = "#2f6fb3"
_ORANGE: Final = "#c8641b"


def draw_funnel(steps: Sequence[tuple[str, int, str]]) -> str:
    """Draw the steps of a funnel as bars below each other.

    Args:
        steps: For each its name, how many, and what is written beside the bar.
    """
    most = max([1, *(count for _, count, _ in steps)])
    room = _WIDTH - _LABELS - _NUMBERS
    parts = [_open(_ROW * len(steps), "How many came to each step")]
    for index, (name, count, said) in enumerate(steps):
        y, length = _ROW * index + (_ROW - _BAR) / 2, room * count / most
        shown = cut(name, _SIZE, _LABELS - 16).translate(_ESCAPES)
        parts += [
            f'<text x="{_LABELS - 12}" y="{y + 15:.1f}" text-anchor="end" {_TEXT}>{shown}</text>',
            f'<rect x="{_LABELS}" y="{y:.1f}" width="{length:.1f}" height="{_BAR}" rx="2" fill="{_BLUE}"/>',
            f'<text x="{_LABELS + length + 8:.1f}" y="{y + 15:.1f}" {_TEXT}>{said.translate(_ESCAPES)}</text>',
        ]
    return "".join([*parts, "</svg>"])


def draw_course(course: Course) -> str:
    """Draw how many runs began, as bars, and how many ended, as a line."""
    parts = [_open(_TOP + _PLOT + _AXIS, "Runs that began and that ended, over time")]
    parts += [
        f'<rect x="{_LEFT}" y="5" width="12" height="12" rx="2" fill="{_BLUE}"/>',
        f'<text x="{_LEFT + 18}" y="16" {_TEXT}>began</text>',
        f'<path d="M{_LEFT + 80} 11h22" stroke="{_ORANGE}" stroke-width="2.5"/>',
        f'<text x="{_LEFT + 108}" y="16" {_TEXT}>ended</text>',
    ]
    most = max([1, *(max(point.began, point.ended) for point in course.points)])
    step = _tick(most)
    top = -(-most // step) * step
    for value in range(0, top + 1, step):
        y = _high(value, top)
        strength = 0.85 if value == 0 else 0.18
        parts.append(
            f'<path d="M{_LEFT} {y:.1f}H{_WIDTH - _RIGHT}" stroke="currentColor" stroke-opacity="{strength}"/>'
            f'<text x="{_LEFT - 8}" y="{y + 4.5:.1f}" text-anchor="end" {_TEXT}>{value:,}</text>'
        )
    parts += _marks(course, top)
    return "".join([*parts, "</svg>"])


def _marks(course: Course, top: int) -> Iterator[str]:
    points = course.points
    if not points:
        return
    each = (_WIDTH - _LEFT - _RIGHT) / len(points)
    bar = min(each * 0.7, 40)
    middles = [_LEFT + each * (index + 0.5) for index in range(len(points))]
    for x, point in zip(middles, points, strict=True):
        y = _high(point.began, top)
        yield (
            f'<rect x="{x - bar / 2:.1f}" y="{y:.1f}" width="{bar:.1f}" height="{_TOP + _PLOT - y:.1f}" fill="{_BLUE}">'
            f"<title>{_when(point.start, course.hours)}: {point.began:,} began, {point.ended:,} ended</title></rect>"
        )
    line = " ".join(f"{x:.1f},{_high(point.ended, top):.1f}" for x, point in zip(middles, points, strict=True))
    yield f'<polyline points="{line}" fill="none" stroke="{_ORANGE}" stroke-width="2.5" stroke-linejoin="round"/>'
    yield f'<circle cx="{middles[-1]:.1f}" cy="{_high(points[-1].ended, top):.1f}" r="3.5" fill="{_ORANGE}"/>'
    y = _TOP + _PLOT + 20
    yield f'<text x="{_LEFT}" y="{y}" {_TEXT}>{_when(points[0].start, course.hours)}</text>'
    if len(points) > 1:
        last = _when(points[-1].start, course.hours)
        yield f'<text x="{_WIDTH - _RIGHT}" y="{y}" text-anchor="end" {_TEXT}>{last}</text>'


def _when(start: datetime, hours: int) -> str:
    return f"{start:%Y-%m-%d}" if hours >= _DAY else f"{start:%Y-%m-%d %H:%M}"


def _high(value: int, top: int) -> float:
    return _TOP + _PLOT * (1 - value / top)


def _tick(most: int) -> int:
    """Choose a round step, so that there are about four."""
    size = 1
    while True:
        for factor in (1, 2, 5):
            if factor * size * _TICKS >= most:
                return factor * size
        size *= 10


def _open(height: int, title: str) -> str:
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" role="img" viewBox="0 0 {_WIDTH} {height}" width="{_WIDTH}" '
        f'height="{height}"><title>{title}</title>'
    )
