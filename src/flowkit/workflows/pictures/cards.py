"""Boxes and labels that are measured: texts are cut to fit, and sizes are known before anything has a place."""

from __future__ import annotations

from collections.abc import Sequence
from math import ceil
from typing import Final

from attrs import field, frozen

from flowkit.workflows.pictures.model import Arrow, Box, BoxKind, Mark
from flowkit.workflows.pictures.net import Size
from flowkit.workflows.pictures.text import BOLD, clean, cut, width

__all__ = ["Card", "Row", "Tag", "jump_to", "measure_box", "measure_label"]

PADDING: Final = 14
SIGN_ROOM: Final = 22
VERB_SPACE: Final = 5
LINE_HEIGHT: Final = 20
TAG_LINE: Final = 15
TITLE_SIZE: Final = 14.0
TEXT_SIZE: Final = 12.5
SMALL_SIZE: Final = 11.5

_NARROWEST: Final = 148
_ROOM: Final = 264
_TAG_ROOM: Final = 190
_PILL_HEIGHT: Final = 30
_HEAD_HEIGHT: Final = 42
_FOOT_HEIGHT: Final = 28
_MOST_LABELS: Final = 3
_TOOLTIP: Final = 300


@frozen
class Row:
    """A line of a card.

    Attributes:
        mark: Its sign.
        verb: What is done.
        detail: With what; it begins `indent` to the right of the verb.
        indent: How far that is.
    """

    mark: Mark
    verb: str
    detail: str = field(kw_only=True)
    indent: int = field(kw_only=True)


@frozen(kw_only=True)
class Card:
    """A box that is measured.

    Attributes:
        looks: The names of its classes in the style sheet.
        title: Its heading, cut.
        tooltip: The whole of it.
        rows: What it says below.
        numbers: What stands at its foot; empty for nothing.
        pill: Whether it is a small one with its title in the middle.
        size: How large it is.
    """

    looks: tuple[str, ...]
    title: str
    tooltip: str
    rows: tuple[Row, ...] = ()
    numbers: str = ""
    pill: bool = False
    size: Size


@frozen(kw_only=True)
class Tag:
    """The label of an arrow that is measured.

    Attributes:
        labels: When the arrow is taken, a line each.
        numbers: How many took it; empty for nothing.
        size: How large it is.
    """

    labels: tuple[str, ...]
    numbers: str
    size: Size


def measure_box(box: Box) -> Card:
    """Measure a box."""
    if box.kind in {BoxKind.END, BoxKind.MISSING}:
        return _pill(box.title, (box.kind, *(("p",) if box.on_path else ())))
    indent = SIGN_ROOM if box.kind is BoxKind.TRIGGER else 0
    title = cut(box.title, TITLE_SIZE * BOLD, _ROOM - indent)
    rows = tuple(_row(line.mark, line.verb, line.detail) for line in box.lines)
    numbers = cut(box.numbers, SMALL_SIZE, _ROOM)
    widths = [indent + width(title, TITLE_SIZE * BOLD), width(numbers, SMALL_SIZE)]
    widths += (SIGN_ROOM + row.indent + width(row.detail, TEXT_SIZE) for row in rows)
    inner = len(rows) * LINE_HEIGHT + (4 if rows else 0)
    looks = (box.kind, *(("p",) if box.on_path else ()), *(() if box.reached else ("lost",)))
    return Card(
        looks=looks,
        title=title,
        tooltip=_tooltip(box.title) + ("" if box.reached else " (no way leads here)"),
        rows=rows,
        numbers=numbers,
        size=Size(
            max(_even(max(widths)) + 2 * PADDING, _NARROWEST),
            _HEAD_HEIGHT + inner + (_FOOT_HEIGHT if numbers else 0),
        ),
    )


def jump_to(box: Box, *, on_path: bool) -> Card:
    """Make the small card that stands for a box which is too far away for a line."""
    return _pill(f"↪ {clean(box.title)}", ("jump", *(("p",) if on_path else ())))


def measure_label(arrow: Arrow) -> Tag | None:
    """Measure the label of an arrow; None for one without."""
    shown = arrow.labels[:_MOST_LABELS] if len(arrow.labels) > _MOST_LABELS + 1 else arrow.labels
    labels = [cut(label, SMALL_SIZE, _TAG_ROOM) for label in shown]
    if len(shown) < len(arrow.labels):
        labels.append(f"and {len(arrow.labels) - len(shown):,} more")
    lines = [*labels, *([arrow.numbers] if arrow.numbers else [])]
    if not lines:
        return None
    size = Size(max(_even(max(width(line, SMALL_SIZE) for line in lines)) + 18, 28), len(lines) * TAG_LINE + 7)
    return Tag(labels=tuple(labels), numbers=arrow.numbers, size=size)


def _pill(title: str, looks: Sequence[str]) -> Card:
    shown = cut(title, TEXT_SIZE * BOLD, _ROOM)
    size = Size(_even(width(shown, TEXT_SIZE * BOLD)) + 2 * PADDING + 8, _PILL_HEIGHT)
    return Card(looks=tuple(looks), title=shown, tooltip=_tooltip(title), pill=True, size=size)


def _row(mark: Mark, verb: str, detail: str) -> Row:
    room = _ROOM - SIGN_ROOM
    verb = cut(verb, TEXT_SIZE, room if not detail else room / 2)
    indent = ceil(width(verb, TEXT_SIZE)) + (VERB_SPACE if detail else 0)
    return Row(mark, verb, detail=cut(detail, TEXT_SIZE, room - indent), indent=indent)


def _tooltip(text: str) -> str:
    text = clean(text)
    return text if len(text) <= _TOOLTIP else text[: _TOOLTIP - 1] + "…"


def _even(number: float) -> int:
    # Half of it is whole then, which keeps the numbers in the picture short.
    return 2 * ceil(number / 2)
