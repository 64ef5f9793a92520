"""Reports, block by block, as plain text, as Markdown, and as one file of HTML that loads and runs nothing.

What a report says is one list of blocks, so that all of its forms say the same. A picture is left out of what cannot
show it; what it shows stands in a table too.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from typing import Final, TypeAlias

from attrs import field, frozen

__all__ = ["Block", "Figure", "Heading", "Paragraph", "Table", "html_body", "html_page", "markdown_page", "text_page"]

_PLAIN: Final = str.maketrans({"&": "&amp;", "<": "&lt;", ">": "&gt;", '"': "&quot;", "'": "&#39;"})
_MARKS: Final = str.maketrans({char: f"\\{char}" for char in "\\`*_[]<>|"})
_COLUMN: Final = 60
_FEW: Final = 6
_LINE: Final = 110
_STYLE: Final = """
:root { color-scheme: light dark; }
body { font: 15px/1.5 system-ui, sans-serif; margin: 0 auto; max-width: 60rem; padding: 1.5rem; }
h1 { font-size: 1.6rem; line-height: 1.25; } h2 { font-size: 1.15rem; margin-top: 2rem; }
table { border-collapse: collapse; font-size: .87rem; margin: .75rem 0; font-variant-numeric: tabular-nums; }
table { min-width: min(100%, 26rem); }
caption { text-align: left; opacity: .7; padding-bottom: .25rem; }
th, td { border-bottom: 1px solid color-mix(in srgb, currentColor 22%, transparent); padding: .3rem .6rem .3rem 0; }
th, td { text-align: left; vertical-align: top; } thead th { border-bottom-width: 2px; }
.wide { overflow-x: auto; } .loud { border-left: 4px solid #2f6fb3; padding: .5rem .9rem; font-weight: 600; }
.loud { background: color-mix(in srgb, #2f6fb3 9%, transparent); } .about { opacity: .75; }
figure { margin: 1rem 0; } figure svg { max-width: 100%; height: auto; } figcaption { font-size: .87rem; opacity: .7; }
@media print { figure svg { max-height: 24cm; }
 body { max-width: none; padding: 0; font-size: 10.5pt; } .wide { overflow: visible; }
 h2 { break-after: avoid; } table, figure { break-inside: avoid; } th, td { font-size: 8pt; padding-right: .35rem; } }
"""


@frozen
class Heading:
    """The title of a section."""

    text: str


@frozen
class Paragraph:
    """A sentence or two; `loud` for what must not be passed over."""

    text: str
    loud: bool = False


@frozen
class Table:
    """Rows of texts under a caption; all columns but the first are numbers or short words."""

    caption: str
    head: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]


@frozen
class Figure:
    """A picture of what a table says.

    Attributes:
        draw: Draws it as one element of SVG, which is put into the page as it is: it has to escape what it shows.
        caption: What it shows.
        mermaid: Draws it for Mermaid, which many who show Markdown draw; None where it cannot.
    """

    draw: Callable[[], str]
    caption: str
    mermaid: Callable[[], str] | None = field(default=None, kw_only=True)


Block: TypeAlias = Heading | Paragraph | Table | Figure


def text_page(title: str, about: str, blocks: Iterable[Block]) -> str:
    """Write a report as plain text.

    Args:
        title: Its title.
        about: What it is about, in a sentence.
        blocks: What it says.
    """
    lines = [title, "=" * len(title), "", about, ""]
    for block in blocks:
        if said := list(_text_lines(block)):
            lines += [*said, ""]
    return "\n".join(lines).rstrip() + "\n"


def markdown_page(title: str, about: str, blocks: Iterable[Block]) -> str:
    """Write a report as Markdown; names are escaped, so that they stay names.

    Args:
        title: Its title.
        about: What it is about, in a sentence.
        blocks: What it says.
    """
    lines = [f"# {_marked(title)}", "", _marked(about), ""]
    for block in blocks:
        if said := list(_markdown_lines(block)):
            lines += [*said, ""]
    return "\n".join(lines).rstrip() + "\n"


def html_page(title: str, about: str, blocks: Iterable[Block]) -> str:
    """Write a report as one HTML file: styles and pictures are inside, nothing is loaded, no script runs.

    Args:
        title: Its title.
        about: What it is about, in a sentence.
        blocks: What it says.
    """
    policy = "default-src 'none'; style-src 'unsafe-inline'"
    return (
        f'<!doctype html>\n<html lang="en"><head><meta charset="utf-8"><title>{title.translate(_PLAIN)}</title>'
        f'<meta name="viewport" content="width=device-width, initial-scale=1">'
        f'<meta http-equiv="Content-Security-Policy" content="{policy}">'
        f"<style>{_STYLE}</style></head>\n<body>{html_body(title, about, blocks)}</body></html>\n"
    )


def html_body(title: str, about: str, blocks: Iterable[Block]) -> str:
    """Write what a page of HTML shows, for whoever has a page already.

    Args:
        title: Its title.
        about: What it is about, in a sentence.
        blocks: What it says.
    """
    parts = [f"<h1>{title.translate(_PLAIN)}</h1>", f'<p class="about">{about.translate(_PLAIN)}</p>']
    return "\n".join([*parts, *map(_html, blocks)])


def _text_lines(block: Block) -> Iterator[str]:
    match block:
        case Heading(text):
            yield text
            yield "-" * len(text)
        case Paragraph(text):
            yield text
        case Table(caption, head, rows):
            yield f"{caption}:"
            widths = [min(_COLUMN, max(map(len, column))) for column in zip(head, *rows, strict=True)]
            if len(head) > _FEW and sum(widths) + 2 * len(widths) > _LINE:
                for row in rows:
                    yield "  " + "; ".join(f"{name} {cell}" for name, cell in zip(head, row, strict=True))
                return
            for row in (head, *rows):
                yield "  " + "  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip()
        case Figure():
            return


def _markdown_lines(block: Block) -> Iterator[str]:
    match block:
        case Heading(text):
            yield f"## {_marked(text)}"
        case Paragraph(text, loud):
            yield f"**{_marked(text)}**" if loud else _marked(text)
        case Table(caption, head, rows):
            yield f"{_marked(caption)}:"
            yield ""
            yield f"| {' | '.join(head)} |"
            yield f"|{' --- |' * len(head)}"
            for row in rows:
                yield f"| {' | '.join(map(_marked, row))} |"
        case Figure(mermaid=mermaid):
            if mermaid is not None:
                yield "```mermaid"
                yield mermaid().rstrip()
                yield "```"


def _html(block: Block) -> str:
    match block:
        case Heading(text):
            return f"<h2>{text.translate(_PLAIN)}</h2>"
        case Paragraph(text, loud):
            opened = '<p class="loud">' if loud else "<p>"
            return f"{opened}{text.translate(_PLAIN)}</p>"
        case Table(caption, head, rows):
            names = "".join(f'<th scope="col">{name.translate(_PLAIN)}</th>' for name in head)
            body = "".join("<tr>" + "".join(f"<td>{_unbroken(cell)}</td>" for cell in row) + "</tr>" for row in rows)
            inner = (
                f"<caption>{caption.translate(_PLAIN)}</caption><thead><tr>{names}</tr></thead><tbody>{body}</tbody>"
            )
            return f'<div class="wide"><table>{inner}</table></div>'
        case Figure(draw, caption):
            return f"<figure>{draw()}<figcaption>{caption.translate(_PLAIN)}</figcaption></figure>"


def _unbroken(cell: str) -> str:
    """Keep a number and its unit on one line."""
    text = cell.translate(_PLAIN)
    for parted in (" %", " pp", "&lt; 0"):
        text = text.replace(parted, parted.replace(" ", "&nbsp;"))
    return text


def _marked(text: str) -> str:
    """Write a text on one line, so that nothing in it is a mark."""
    return " ".join(text.split()).translate(_MARKS)
