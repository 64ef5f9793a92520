"""The plain part that is made from an HTML part: what a reader would see, line by line."""

from __future__ import annotations

import re
from bisect import bisect_left
from collections.abc import Iterator, Sequence
from enum import StrEnum
from typing import Final

from attrs import define, field

from flowkit.rendering.html.holes import holes
from flowkit.rendering.html.references import decode, decode_attribute
from flowkit.rendering.html.scanner import scan
from flowkit.rendering.html.tokens import Attribute, Comment, EndTag, StartTag, Text

__all__ = ["LinkStyle", "derive_text"]

_SPACE: Final = re.compile(r"[ \t\n\r\f\u00a0]+")
_INVISIBLE: Final = re.compile("[\u00ad\u034f\u200b\ufeff]")
# What would become a template's tag, be it together with what comes next.
_BRACE: Final = re.compile(r"\{(?=[{%#]|$)")
_STATEMENT: Final = re.compile(r"\{%[-+]?\s*(\w+)")
_HIDDEN: Final = re.compile(
    r"(?:^|;)\s*(?:display\s*:\s*none|visibility\s*:\s*hidden|mso-hide\s*:\s*all"
    r"|(?:max-height|opacity)\s*:\s*0(?:px|em|%)?)\s*(?:!\s*important\s*)?(?:;|$)",
    re.IGNORECASE,
)
_UNSEEN: Final = frozenset({"head", "noframes", "object", "script", "select", "style", "svg", "template", "title"})
_VOID: Final = frozenset({
    "area", "base", "br", "col", "embed", "hr", "img", "input", "link", "meta", "param", "source", "track", "wbr",
})  # fmt: skip
_PARAGRAPHS: Final = frozenset({
    "blockquote", "dl", "fieldset", "figure", "h1", "h2", "h3", "h4", "h5", "h6", "hr", "ol", "p", "pre", "table", "ul",
})  # fmt: skip
_LINES: Final = frozenset({
    "address", "article", "aside", "body", "caption", "center", "dd", "details", "div", "dt", "figcaption", "footer",
    "form", "header", "li", "main", "nav", "section", "summary", "tr",
})  # fmt: skip
_CELLS: Final = frozenset({"td", "th"})
_LISTS: Final = frozenset({"ol", "ul"})
_PERSONAL: Final = re.compile(r"(?:mailto|sms|tel):", re.IGNORECASE)
_NOWHERE: Final = ("#", "data:", "javascript:", "vbscript:")
_CONTROLS: Final = re.compile("[\x00-\x20]+")
_RULE: Final = "-" * 20
_PARAGRAPH: Final = 2
_DEEPEST: Final = 8
_ENDS: Final = {"endif": "if", "endfor": "for"}
_BRANCHES: Final = frozenset({"elif", "else"})
_OF_HEAD: Final = frozenset({"base", "link", "meta", "noscript", "script", "style", "template", "title"})


class LinkStyle(StrEnum):
    """Where the URL of a link is written."""

    INLINE = "inline"
    """Behind the link's text, in angle brackets, as RFC 3986 recommends in appendix C."""
    FOOTNOTES = "footnotes"
    """At the end, by number; a URL that holds template tags stays inline, where its names are known."""


def derive_text(source: str, *, links: LinkStyle = LinkStyle.INLINE) -> str:
    """Make the plain part of an HTML part.

    Left out are what is hidden (a preheader too), comments and conditional comments, ``head``, styles and scripts. An
    image is its ``alt``, a link its text and URL, or the URL alone where both are the same. Items of lists get a dash
    or a number. A table with ``th`` keeps its rows on lines; any other one is taken for layout. Lines are not wrapped,
    and nothing is marked up.

    Args:
        source: HTML, or a template of it. The template's tags stay: what prints where it stood, what steers in its
            order, so that what compiles still compiles.
        links: Where URLs go.

    Returns:
        The text, or a template of it.
    """
    spans = holes(source)
    return _Reading(source, spans, _Writer(), links).read()


@define
class _Writer:
    """Puts lines together: breaks are asked for, and made once something follows."""

    out: list[str] = field(factory=list[str])
    breaks: int = 0
    at_start: bool = True
    spaced: bool = True
    made: int = 0
    open: list[tuple[int, int]] = field(factory=list[tuple[int, int]])

    def need(self, breaks: int) -> None:
        self.breaks = max(self.breaks, breaks)

    def more(self) -> None:
        self.breaks = min(self.breaks + 1, _PARAGRAPH)

    def text(self, text: str) -> None:
        """Write a literal text, in which white space is one space."""
        text = _INVISIBLE.sub("", _SPACE.sub(" ", text))
        if text.startswith(" ") and (self.spaced or self.breaks):
            text = text[1:]
        if text:
            self.settle()
            self.spaced = text.endswith(" ")
            self.out.append(_literal(text))

    def verbatim(self, text: str) -> None:
        """Write a literal text as it is."""
        if text:
            self.settle()
            self.spaced = text[-1].isspace()
            self.out.append(_literal(text))

    def value(self, tag: str) -> None:
        """Write a tag that prints."""
        self.settle()
        self.spaced = False
        self.out.append(tag)

    def settle(self) -> None:
        """Make the breaks that were asked for, and go on with content."""
        self._break()
        self.made = 0

    def _break(self) -> None:
        breaks = self.breaks - self.made
        if breaks > 0 and not self.at_start:
            if self.spaced and self.out and self.out[-1].endswith(" "):
                self.out[-1] = self.out[-1].rstrip(" ")
            self.out.append("\n" * breaks)
            self.spaced = True
        self.made = max(self.made, self.breaks)
        self.breaks, self.at_start = 0, False

    def statement(self, tag: str) -> None:
        """Write a tag that steers; a loop's body ends with its line, and the ways through a choice begin alike."""
        word = _word(tag)
        match word:
            case "for" | "endfor":
                self._break()
            case "if":
                self.open.append((self.breaks, self.made))
            case "elif" | "else" if self.open:
                self.breaks, self.made = self.open[-1]
            case "endif" if self.open:
                self.need(self.open.pop()[0])
                self.made = 0
            case _:
                pass
        if word in _ENDS and self._is_empty(_ENDS[word]):
            return
        self.out.append(tag)

    def _is_empty(self, opening: str) -> bool:
        """Take out a choice or a loop in which nothing was written."""
        at = len(self.out) - 1
        while at >= 0 and _word(self.out[at]) in _BRANCHES:
            at -= 1
        if at < 0 or _word(self.out[at]) != opening:
            return False
        del self.out[at:]
        return True


def _word(tag: str) -> str:
    found = _STATEMENT.match(tag)
    return found[1] if found else ""


def _literal(text: str) -> str:
    return _BRACE.sub('{{ "{" }}', text) if "{" in text else text


@define
class _Link:
    """A link that is open."""

    parts: Sequence[str]
    at: int


@define
class _Reading:
    """One pass over the tokens."""

    source: str
    spans: Sequence[tuple[int, int]]
    writer: _Writer
    style: LinkStyle
    starts: Sequence[int] = ()
    lists: list[int] = field(factory=list[int])
    tables: list[bool] = field(factory=list[bool])
    unseen: str = ""
    depth: int = 0
    link: _Link | None = None
    notes: list[str] = field(factory=list[str])
    preformatted: int = 0
    loops: int = 0

    def read(self) -> str:
        self.starts = [start for start, _ in self.spans]
        tokens = scan(self.source, self.spans)
        data = _tables_of_data([token for token in tokens if isinstance(token, (StartTag, EndTag))])
        at = 0
        for token in tokens:
            at = token.end
            match token:
                case Text():
                    self._text(token)
                case StartTag():
                    self._start(token, is_data=token.start in data)
                case EndTag():
                    self._steer(token.start, token.end)
                    self._end(token)
                case Comment():
                    self._steer(token.start, token.end)
        self._steer(at, len(self.source))
        self._end_link()
        out = self.writer.out
        if self.notes:
            notes = (f"[{number}] {url}" for number, url in enumerate(self.notes, 1))
            out += ["\n\n", "\n".join(notes)]
        text = "".join(out).strip()
        return f"{text}\n" if text else ""

    # -- template tags ------------------------------------------------------------------------------------------------

    def _pieces(self, start: int, end: int) -> Iterator[tuple[bool, str]]:
        """Give the literal texts and the template's tags of a span in turn: whether it is a tag, and which."""
        at = start
        for hole in range(bisect_left(self.starts, start), bisect_left(self.starts, end)):
            begin, stop = self.spans[hole]
            if at < begin:
                yield False, self.source[at:begin]
            yield True, self.source[begin:stop]
            at = stop
        if at < end:
            yield False, self.source[at:end]

    def _steer(self, start: int, end: int) -> None:
        """Keep what steers within a span that is not seen."""
        for is_tag, piece in self._pieces(start, end):
            if is_tag and piece.startswith("{%"):
                self.writer.statement(piece)

    # -- tokens -------------------------------------------------------------------------------------------------------

    def _text(self, token: Text) -> None:
        if self.unseen or token.conditional or token.element:
            self._steer(token.start, token.end)
            return
        for is_tag, piece in self._pieces(token.start, token.end):
            if not is_tag:
                text = decode(piece)
                if self.preformatted:
                    self.writer.verbatim(text)
                else:
                    self.writer.text(text)
            elif piece.startswith("{{"):
                self.writer.value(piece)
            elif piece.startswith("{%"):
                self._count_loop(piece)
                self.writer.statement(piece)

    def _count_loop(self, piece: str) -> None:
        word = _word(piece)
        self.loops += (word == "for") - (word == "endfor")

    def _start(self, tag: StartTag, *, is_data: bool) -> None:
        if tag.conditional:
            self._steer(tag.start, tag.end)
            return
        if self.unseen:
            self._steer(tag.start, tag.end)
            self.depth += tag.name == self.unseen
            implied = (self.unseen == "p" and tag.name in _PARAGRAPHS | _LINES) or (
                self.unseen == "head" and tag.name not in _OF_HEAD
            )
            if not implied:
                return
            self.unseen = ""
        elif tag.name not in _VOID and (tag.name in _UNSEEN or self._is_hidden(tag)):
            self._steer(tag.start, tag.end)
            self.unseen, self.depth = tag.name, 1
            return
        self._opened(tag, is_data=is_data)

    def _opened(self, tag: StartTag, *, is_data: bool) -> None:
        href = tag.attribute("href") if tag.name == "a" else None
        alt = tag.attribute("alt") if tag.name == "img" and not self._is_hidden(tag) else None
        kept = href or alt
        if kept is None or kept.value_start < 0:
            self._steer(tag.start, tag.end)
        else:
            self._steer(tag.start, kept.value_start)
            self._steer(kept.value_end, tag.end)
        name = tag.name
        self._break(name)
        match name:
            case "a":
                self._end_link()
                if href is not None:
                    self.link = _Link(self._url(href), len(self.writer.out))
            case "img" if alt is not None:
                self._alt(alt)
            case "br":
                self.writer.more()
            case "hr":
                self.writer.text(_RULE)
                self._break(name)
            case "li":
                self._item()
            case "ol" | "ul":
                self.lists.append(1 if name == "ol" else 0)
            case "table":
                self.tables.append(is_data)
            case "pre":
                self.preformatted += 1
            case _:
                pass

    def _end(self, tag: EndTag) -> None:
        if tag.conditional:
            return
        if self.unseen:
            if tag.name == self.unseen:
                self.depth -= 1
                if self.depth == 0:
                    self.unseen = ""
            return
        match tag.name:
            case "a":
                self._end_link()
            case "ol" | "ul" if self.lists:
                self.lists.pop()
            case "table" if self.tables:
                self.tables.pop()
            case "pre":
                self.preformatted = max(0, self.preformatted - 1)
            case _:
                pass
        if tag.name not in _CELLS:
            self._break(tag.name)
        elif not (self.tables and self.tables[-1]):
            self.writer.need(1)

    def _break(self, name: str) -> None:
        if name in _PARAGRAPHS:
            # A list within a list, or a table within a cell, goes on with its lines.
            nested = (name in _LISTS and len(self.lists) > 0) or (name == "table" and len(self.tables) > 0)
            self.writer.need(1 if nested else _PARAGRAPH)
        elif name in _LINES:
            self.writer.need(1)
        elif name in _CELLS:
            if not (self.tables and self.tables[-1]):
                self.writer.need(1)
            elif not self.writer.breaks:
                self.writer.text(" | ")

    def _item(self) -> None:
        mark = "- "
        if self.lists and self.lists[-1]:
            # How often the item of a loop comes is not known here.
            mark = "- " if self.loops else f"{self.lists[-1]}. "
            self.lists[-1] += 1
        self.writer.verbatim(f"{'  ' * min(len(self.lists) - 1, _DEEPEST)}{mark}")

    def _is_hidden(self, tag: StartTag) -> bool:
        if tag.attribute("hidden") is not None:
            return True
        style = tag.attribute("style")
        if style is None or style.value_start < 0:
            return False
        value = decode_attribute(self.source[style.value_start : style.value_end])
        return "{{" not in value and "{%" not in value and _HIDDEN.search(value) is not None

    # -- links and images ---------------------------------------------------------------------------------------------

    def _alt(self, alt: Attribute) -> None:
        for is_tag, piece in self._pieces(alt.value_start, alt.value_end):
            if not is_tag:
                self.writer.text(decode_attribute(piece))
            elif piece.startswith("{{"):
                self.writer.value(piece)
            elif piece.startswith("{%"):
                self.writer.statement(piece)

    def _url(self, href: Attribute) -> Sequence[str]:
        """Give the parts of a link's URL; none where it leads nowhere from a text."""
        if href.value_start < 0:
            return ()
        parts = [
            piece if is_tag else _literal(_CONTROLS.sub("", decode_attribute(piece)))
            for is_tag, piece in self._pieces(href.value_start, href.value_end)
        ]
        whole = "".join(parts)
        if whole.lower().startswith(_NOWHERE):
            return [part for part in parts if part.startswith("{%")]
        return parts

    def _end_link(self) -> None:
        link, self.link = self.link, None
        if link is None or not link.parts:
            return
        url = "".join(link.parts)
        shown = "".join(self.writer.out[link.at :]).strip()
        if all(part.startswith("{%") for part in link.parts):
            self._write(link.parts)
        elif shown in {url, _PERSONAL.sub("", url, count=1)}:
            return
        elif not shown:
            self._write(link.parts)
        else:
            self.writer.text(" ")
            if self.style is LinkStyle.FOOTNOTES and not any(part.startswith("{") for part in link.parts):
                self.notes.append(url)
                self.writer.value(f"[{len(self.notes)}]")
            else:
                self._write(["<", *link.parts, ">"])

    def _write(self, parts: Sequence[str]) -> None:
        for part in parts:
            if part.startswith("{%"):
                self.writer.statement(part)
            else:
                self.writer.value(part)


def _tables_of_data(tags: Sequence[StartTag | EndTag]) -> frozenset[int]:
    """Give where the tables begin that have headings of their own."""
    data: set[int] = set()
    open_: list[int] = []
    for tag in tags:
        match tag:
            case StartTag(name="table"):
                open_.append(tag.start)
            case StartTag(name="th") if open_:
                data.add(open_[-1])
            case EndTag(name="table") if open_:
                open_.pop()
            case _:
                pass
    return frozenset(data)
