"""The report of an experiment: as data, as text, as Markdown, and as one file of HTML that needs no network."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime
from enum import StrEnum
from typing import Any, Final

from attrs import asdict, frozen

from flowkit.documents import is_list, is_object
from flowkit.experiments.documents import dump_experiment
from flowkit.experiments.findings import Findings
from flowkit.experiments.report_blocks import Block, Figure, Heading, Paragraph, Table, blocks_of, verdict_words
from flowkit.experiments.report_plots import draw_course, draw_intervals

__all__ = ["ExperimentReport"]

_PLAIN: Final = str.maketrans({"&": "&amp;", "<": "&lt;", ">": "&gt;", '"': "&quot;", "'": "&#39;"})
_MARKS: Final = str.maketrans({char: f"\\{char}" for char in "\\`*_[]<>|"})
_COLUMN: Final = 60
_STYLE: Final = """
:root { color-scheme: light dark; }
body { font: 15px/1.5 system-ui, sans-serif; margin: 0 auto; max-width: 60rem; padding: 1.5rem; }
h1 { font-size: 1.6rem; line-height: 1.25; } h2 { font-size: 1.15rem; margin-top: 2rem; }
table { border-collapse: collapse; font-size: .87rem; margin: .75rem 0; font-variant-numeric: tabular-nums; }
caption { text-align: left; opacity: .7; padding-bottom: .25rem; }
th, td { border-bottom: 1px solid color-mix(in srgb, currentColor 22%, transparent); padding: .3rem .6rem .3rem 0; }
th, td { text-align: left; vertical-align: top; } thead th { border-bottom-width: 2px; }
.wide { overflow-x: auto; } .loud { border-left: 4px solid #2f6fb3; padding: .5rem .9rem; font-weight: 600; }
.loud { background: color-mix(in srgb, #2f6fb3 9%, transparent); } .about { opacity: .75; }
figure { margin: 1rem 0; } figure svg { max-width: 100%; height: auto; } figcaption { font-size: .87rem; opacity: .7; }
@media print { body { max-width: none; padding: 0; font-size: 10.5pt; } .wide { overflow: visible; }
 h2 { break-after: avoid; } table, figure { break-inside: avoid; } th, td { font-size: 8pt; padding-right: .35rem; } }
"""


@frozen
class ExperimentReport:
    """What an analysis found, to be read.

    Attributes:
        findings: What was found.
    """

    findings: Findings

    @property
    def title(self) -> str:
        """The name of the experiment."""
        return self.findings.experiment.name

    @property
    def summary(self) -> str:
        """The verdict in a sentence or two."""
        return verdict_words(self.findings.experiment, self.findings.verdict)

    def data(self) -> dict[str, Any]:
        """Give all of it as what JSON can hold: the experiment as its document, instants as ISO 8601."""
        found = asdict(self.findings, recurse=True)
        found["experiment"] = dump_experiment(self.findings.experiment)
        found["summary"] = self.summary
        return {name: _jsonable(value) for name, value in found.items()}

    @property
    def text(self) -> str:
        """The report as plain text."""
        lines = [self.title, "=" * len(self.title), "", self._about(), ""]
        for block in blocks_of(self.findings):
            lines += [*_text_lines(block), ""]
        return "\n".join(lines).rstrip() + "\n"

    @property
    def markdown(self) -> str:
        """The report as Markdown; names are escaped, so that they stay names."""
        lines = [f"# {self.title.translate(_MARKS)}", "", self._about().translate(_MARKS), ""]
        for block in blocks_of(self.findings):
            lines += [*_markdown_lines(block), ""]
        return "\n".join(lines).rstrip() + "\n"

    @property
    def html(self) -> str:
        """The report as one HTML file: styles and pictures are inside, nothing is loaded, no script runs."""
        title = self.title.translate(_PLAIN)
        policy = "default-src 'none'; style-src 'unsafe-inline'"
        return (
            f'<!doctype html>\n<html lang="en"><head><meta charset="utf-8"><title>{title}</title>'
            f'<meta name="viewport" content="width=device-width, initial-scale=1">'
            f'<meta http-equiv="Content-Security-Policy" content="{policy}">'
            f"<style>{_STYLE}</style></head>\n<body>{self._body()}</body></html>\n"
        )

    def _repr_html_(self) -> str:
        """Show the report in a notebook."""
        return f"<div>{self._body()}</div>"

    def _body(self) -> str:
        parts = [f"<h1>{self.title.translate(_PLAIN)}</h1>", f'<p class="about">{self._about().translate(_PLAIN)}</p>']
        parts += [_html(block, self.findings) for block in blocks_of(self.findings)]
        return "\n".join(parts)

    def _about(self) -> str:
        found = self.findings
        first = found.tally.first
        since = "" if first is None else f", first exposure {first:%Y-%m-%d}"
        return (
            f"Experiment {found.experiment.experiment_id} on workflow {found.experiment.workflow_id}; "
            f"as of {found.tally.at:%Y-%m-%d %H:%M} UTC{since}."
        )


def _jsonable(value: object) -> Any:  # noqa: ANN401 - whatever JSON can hold
    if isinstance(value, StrEnum):
        return str(value)
    if isinstance(value, datetime):
        return value.isoformat()
    if is_object(value):
        return {name: _jsonable(inner) for name, inner in value.items()}
    return [_jsonable(inner) for inner in value] if is_list(value) else value


def _text_lines(block: Block) -> Iterator[str]:
    match block:
        case Heading(text):
            yield text
            yield "-" * len(text)
        case Paragraph(text):
            yield text
        case Table(caption, head, rows):
            yield f"{caption}:"
            if len(head) > 6:  # noqa: PLR2004 - what is wider does not fit a line
                for row in rows:
                    yield "  " + "; ".join(f"{name} {cell}" for name, cell in zip(head, row, strict=True))
                return
            widths = [min(_COLUMN, max(map(len, column))) for column in zip(head, *rows, strict=True)]
            for row in (head, *rows):
                yield "  " + "  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip()
        case Figure():
            return


def _markdown_lines(block: Block) -> Iterator[str]:
    match block:
        case Heading(text):
            yield f"## {text.translate(_MARKS)}"
        case Paragraph(text, loud):
            yield f"**{text.translate(_MARKS)}**" if loud else text.translate(_MARKS)
        case Table(caption, head, rows):
            yield f"{caption.translate(_MARKS)}:"
            yield ""
            yield f"| {' | '.join(head)} |"
            yield f"|{' --- |' * len(head)}"
            for row in rows:
                yield f"| {' | '.join(_line(cell).translate(_MARKS) for cell in row)} |"
        case Figure():
            return


def _html(block: Block, found: Findings) -> str:
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
        case Figure(kind, caption):
            drawn = draw_course(found) if kind == "course" else draw_intervals(found)
            return f"<figure>{drawn}<figcaption>{caption.translate(_PLAIN)}</figcaption></figure>"


def _unbroken(cell: str) -> str:
    """Keep a number and its unit on one line."""
    text = cell.translate(_PLAIN)
    for parted in (" %", " pp", "&lt; 0"):
        text = text.replace(parted, parted.replace(" ", "&nbsp;"))
    return text


def _line(text: str) -> str:
    return " ".join(text.split())
