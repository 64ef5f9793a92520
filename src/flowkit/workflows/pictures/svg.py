"""Pictures as SVG: one element that stands alone in a file, page or notebook; it loads and runs nothing."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Final

from attrs import frozen

from flowkit.hashing import content_hash
from flowkit.workflows.pictures.cards import (
    LINE_HEIGHT,
    PADDING,
    SIGN_ROOM,
    TAG_LINE,
    Card,
    Row,
    Tag,
    jump_to,
    measure_box,
    measure_label,
)
from flowkit.workflows.pictures.layers import assign_layers, longest_span
from flowkit.workflows.pictures.layout import Point, Route, Spot, lay_out
from flowkit.workflows.pictures.model import Arrow, BoxKind, Mark, Picture
from flowkit.workflows.pictures.net import Link
from flowkit.workflows.pictures.text import clean
from flowkit.workflows.pictures.theme import BOLT, SIGNS, style

__all__ = ["render_svg"]

_MOST_BENDS: Final = 12_000
_MOST_PIECES: Final = 25_000
_HEADS: Final = {"line": "h", "failed": "h x", "walked": "h p"}
_ESCAPES: Final = str.maketrans({"&": "&amp;", "<": "&lt;", ">": "&gt;", '"': "&quot;", "'": "&#39;"})


@frozen
class _Line:
    """An arrow that is measured, and where it leads in the picture that is drawn."""

    arrow: Arrow
    link: Link
    tag: Tag | None


def render_svg(picture: Picture) -> str:
    """Draw a picture as SVG; the same picture gives the same text, to the byte."""
    cards, lines, layers = _planned(picture)
    layout = lay_out([card.size for card in cards], [line.link for line in lines], layers)
    # The ids of several pictures on a page must differ, and be the same whenever one is drawn.
    scope = f"flowkit-{content_hash(ascii(picture))[:12]}"
    across, down = _number(layout.width), _number(layout.height)
    routed = list(zip(lines, layout.routes, strict=True))
    routed.sort(key=lambda pair: pair[0].arrow.on_path)  # what is walked lies on top of what is not
    named = f'id="{scope}" role="img" aria-labelledby="{scope}-title {scope}-desc"'
    sized = f'width="{across}" height="{down}" viewBox="0 0 {across} {down}"'
    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" {named} {sized}>',
        f'<title id="{scope}-title">{_shown(picture.title)}</title>',
        f'<desc id="{scope}-desc">{_shown(picture.description)}</desc>',
        f"<style>{style(scope)}</style>",
        f"<defs>{''.join(_head(scope, name) for name in _HEADS)}</defs>",
        f'<rect class="g" width="{across}" height="{down}" rx="14"/>',
        *(_path(scope, line.arrow, route) for line, route in routed),
        *(_tag(line.tag, route.label) for line, route in routed if line.tag and route.label),
        *("".join(_card(card, spot)) for card, spot in zip(cards, layout.spots, strict=True)),
        "</svg>",
    ]
    return "\n".join(parts) + "\n"


def _planned(picture: Picture) -> tuple[list[Card], list[_Line], list[int]]:
    """Measure everything, and decide which arrows are too long to be drawn as lines.

    A line that passes hundreds of others says nothing. Such an arrow ends at once in a small card that names its
    target, as on paper one refers to another sheet.
    """
    cards = [measure_box(box) for box in picture.boxes]
    pairs = [(arrow.source, arrow.target) for arrow in picture.arrows]
    layers = assign_layers(len(cards), pairs)
    longest = longest_span(layers, pairs, bends=_MOST_BENDS, pieces=_MOST_PIECES)
    lines: list[_Line] = []
    for arrow in picture.arrows:
        target = arrow.target
        if abs(layers[target] - layers[arrow.source]) > longest:
            cards.append(jump_to(picture.boxes[target], on_path=arrow.on_path))
            layers.append(layers[arrow.source] + 1)
            target = len(cards) - 1
        tag = measure_label(arrow)
        lines.append(_Line(arrow, Link(arrow.source, target, None if tag is None else tag.size), tag))
    return cards, lines, layers


# ------------------------------------------------------------------------------------------------------------
# Arrows


def _head(scope: str, name: str) -> str:
    return (
        f'<marker id="{scope}-{name}" viewBox="0 0 10 10" refX="9" refY="5" markerWidth="9" markerHeight="9" '
        f'markerUnits="userSpaceOnUse" orient="auto"><path class="{_HEADS[name]}" d="M0 .8 10 5 0 9.2z"/></marker>'
    )


def _path(scope: str, arrow: Arrow, route: Route) -> str:
    looks, head = "e", "line"
    if arrow.failure:
        looks, head = "e x", "failed"
    if arrow.on_path:
        looks, head = f"{looks} p", "walked"
    drawn = "".join(_piece(piece) for piece in route.pieces)
    return f'<path class="{looks}" d="M{_point(route.start)}{drawn}" marker-end="url(#{scope}-{head})"/>'


def _piece(points: Sequence[Point]) -> str:
    return f"{'L' if len(points) == 1 else 'C'}{' '.join(_point(one) for one in points)}"


def _tag(tag: Tag, at: Point) -> str:
    x, y = at[0] - tag.size.width / 2, at[1] - tag.size.height / 2
    box = _box("l", x, y, tag.size.width, tag.size.height, radius=min(tag.size.height / 2, 10))
    spans = [(label, "") for label in tag.labels] + ([(tag.numbers, ' class="n"')] if tag.numbers else [])
    lines = "".join(
        f'<tspan{looks} x="{_number(at[0])}" y="{_number(y + 14.5 + index * TAG_LINE)}">{_shown(text)}</tspan>'
        for index, (text, looks) in enumerate(spans)
    )
    return f'{box}<text class="m">{lines}</text>'


# ------------------------------------------------------------------------------------------------------------
# Boxes


def _card(card: Card, spot: Spot) -> Iterator[str]:
    radius = spot.height / 2 if card.pill else 10
    yield f"<g><title>{_shown(card.tooltip)}</title>"
    yield _box(f"b {' '.join(card.looks)}", spot.x, spot.y, spot.width, spot.height, radius=radius)
    left, right = spot.x + PADDING, spot.x + spot.width - PADDING
    if card.pill:
        yield _text("c", spot.x + spot.width / 2, spot.y + 19.5, card.title)
    elif BoxKind.TRIGGER in card.looks:
        yield _sign("bolt", BOLT, left, spot.y + 14)
        yield _text("t", left + SIGN_ROOM, spot.y + 26, card.title)
    else:
        yield _text("t", left, spot.y + 26, card.title)
    for index, row in enumerate(card.rows):
        yield from _row(row, left, spot.y + 52 + index * LINE_HEIGHT)
    if card.numbers:
        foot = spot.y + spot.height - 28
        yield f'<path class="r" d="M{_point((left, foot))}L{_point((right, foot))}"/>'
        yield _text("f", left, foot + 18, card.numbers)
    yield "</g>"


def _row(row: Row, x: float, y: float) -> Iterator[str]:
    yield _sign(row.mark, SIGNS[row.mark], x, y - 11)
    yield _text("v" if row.detail else "", x + SIGN_ROOM, y, row.verb)
    if row.detail:
        yield _text("", x + SIGN_ROOM + row.indent, y, row.detail)


def _sign(name: Mark | str, drawn: str, x: float, y: float) -> str:
    return f'<path class="s {name}" transform="translate({_point((x, y))})" d="{drawn}"/>'


def _box(looks: str, x: float, y: float, width: float, height: float, *, radius: float) -> str:
    return (
        f'<rect class="{looks}" x="{_number(x)}" y="{_number(y)}" width="{_number(width)}" height="{_number(height)}" '
        f'rx="{_number(radius)}"/>'
    )


def _text(looks: str, x: float, y: float, text: str) -> str:
    named = f' class="{looks}"' if looks else ""
    return f'<text{named} x="{_number(x)}" y="{_number(y)}">{_shown(text)}</text>'


def _shown(text: str) -> str:
    """Write a text so that it stays one: it ends no element, begins none, and holds only what XML may."""
    return clean(text).translate(_ESCAPES)


def _point(point: Point) -> str:
    return f"{_number(point[0])} {_number(point[1])}"


def _number(number: float) -> str:
    return f"{number:.2f}".rstrip("0").rstrip(".")
