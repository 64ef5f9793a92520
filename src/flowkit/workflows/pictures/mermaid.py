"""Pictures as text for Mermaid, which many wikis, code hosts and editors draw where it stands in a page."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from flowkit.workflows.pictures.model import Arrow, Box, BoxKind, Picture
from flowkit.workflows.pictures.text import cut_columns

__all__ = ["render_mermaid"]

_COLUMNS: Final = 48
_LONGEST: Final = 200
_PLAIN: Final = frozenset(" .,:/_?!'+-")
# Mermaid reads $$ and \n even where they are escaped, as a formula and as the end of a line; what has no width comes
# between the two.
_HALVES: Final = "$\\"
_BETWEEN: Final = "\u200c"
_SHAPES: Final = {
    BoxKind.TRIGGER: ("([", "])"),
    BoxKind.NODE: ("(", ")"),
    BoxKind.END: ("([", "])"),
    BoxKind.MISSING: ("[", "]"),
}
_CLASSES: Final = {
    "entry": "fill:#eef0ff,stroke:#8b90f0,color:#17202e",
    "gone": "stroke:#d92d20,stroke-dasharray:5 4",
    "unreached": "stroke-dasharray:5 4",
    "walked": "stroke:#2563eb,stroke-width:3px",
}


def render_mermaid(picture: Picture) -> str:
    """Write a picture as a Mermaid flowchart; the same picture gives the same text, to the byte."""
    return "\n".join(_lines(picture)) + "\n"


def _lines(picture: Picture) -> Iterator[str]:
    yield "flowchart TD"
    yield f"    accTitle: {_unescaped(picture.title)}"
    yield f"    accDescr: {_unescaped(picture.description)}"
    for place, box in enumerate(picture.boxes):
        opened, closed = _SHAPES[box.kind]
        yield f'    n{place}{opened}"{_inside(box)}"{closed}'
    for arrow in picture.arrows:
        label = _beside(arrow)
        between = f'-->|"{label}"|' if label else "-->"
        yield f"    n{arrow.source} {between} n{arrow.target}"
    for name, members in _members(picture).items():
        if members:
            yield f"    classDef {name} {_CLASSES[name]}"
            yield f"    class {','.join(f'n{place}' for place in members)} {name}"
    walked = [str(index) for index, arrow in enumerate(picture.arrows) if arrow.on_path]
    if walked:
        yield f"    linkStyle {','.join(walked)} {_CLASSES['walked']}"


def _members(picture: Picture) -> dict[str, list[int]]:
    """Sort the boxes into the classes that they are drawn in."""
    boxes = list(enumerate(picture.boxes))
    return {
        "entry": [place for place, box in boxes if box.kind is BoxKind.TRIGGER],
        "gone": [place for place, box in boxes if box.kind is BoxKind.MISSING],
        "unreached": [place for place, box in boxes if not box.reached],
        "walked": [place for place, box in boxes if box.on_path],
    }


def _inside(box: Box) -> str:
    title = _escaped(box.title)
    if box.kind is BoxKind.END:
        return title
    lines = [f"<b>{title}</b>", *(_escaped(line.text) for line in box.lines)]
    if box.numbers:
        lines.append(_escaped(box.numbers))
    return "<br/>".join(lines)


def _beside(arrow: Arrow) -> str:
    return "<br/>".join(_escaped(line) for line in (*arrow.labels, *([arrow.numbers] if arrow.numbers else [])))


def _escaped(text: str) -> str:
    """Write a text so that Mermaid neither ends the label at it nor reads it as HTML, Markdown or a directive."""
    shown = cut_columns(text, _COLUMNS)
    out: list[str] = []
    for index, char in enumerate(shown):
        # "1." and "-" at the beginning would be a list in Markdown.
        lists = (char == "." and shown[:index].isdigit()) or (char in "-+" and not index)
        out.append(char if _is_plain(char) and not lists else f"#{ord(char)};")
        if char in _HALVES:
            out.append(_BETWEEN)
    return "".join(out)


def _unescaped(text: str) -> str:
    """Write a text for a place in which Mermaid knows no escapes: signs that it could read are left out."""
    plain = "".join(char if _is_plain(char) else " " for char in cut_columns(text, _LONGEST))
    return " ".join(plain.split()) or "Workflow"


def _is_plain(char: str) -> bool:
    return char.isalnum() or char in _PLAIN or not char.isascii()
