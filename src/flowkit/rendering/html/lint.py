"""What is wrong with the HTML of a mail, as mail programs and filters see it."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from typing import Final, NamedTuple

from flowkit.rendering.html.context import URL_ATTRIBUTES, UrlPart, url_part
from flowkit.rendering.html.holes import holes
from flowkit.rendering.html.scanner import scan
from flowkit.rendering.html.tokens import Attribute, StartTag, Text, Token

__all__ = ["CLIPPED_AT", "HtmlFinding", "html_findings"]

CLIPPED_AT: Final = 102_000
"""The size of an HTML part, in octets, from which on Gmail shows a part of it alone."""
_LARGE: Final = 90_000
_ACTIVE: Final = {
    "applet": "an applet",
    "audio": "sound",
    "embed": "an embedded object",
    "form": "a form",
    "frame": "a frame",
    "frameset": "frames",
    "iframe": "a frame",
    "object": "an embedded object",
    "script": "a script",
    "video": "a video",
}
_UNSUBSCRIBE: Final = re.compile(r"unsubscribe|opt-?out|abmelden|d[ée]sabonn|data-unsubscribe", re.IGNORECASE)
_WIDTH: Final = re.compile(r"(?:^|;)\s*(?:max-)?width\s*:", re.IGNORECASE)


class HtmlFinding(NamedTuple):
    """Something that readers or filters will mind.

    Attributes:
        code: A stable word, such as ``missing_alt``.
        message: What is wrong, and what to do.
        line: The line of the source, from 1.
        column: The column, from 1.
    """

    code: str
    message: str
    line: int
    column: int


def html_findings(source: str, *, marketing: bool = True) -> tuple[HtmlFinding, ...]:
    """Look at an HTML part, or at a template of one.

    Codes: ``clipped`` and ``large`` (of the whole, as octets in UTF-8), ``missing_unsubscribe`` (only of marketing),
    ``missing_lang``, ``missing_title``, ``missing_alt``, ``missing_size`` (an image without a width), ``empty_link``,
    ``unsafe_scheme``, ``insecure_link`` (``http:``), ``active_content`` (scripts, forms, frames), ``handler`` (an
    attribute ``on…``), ``unsafe_refresh`` (a ``meta`` that leads elsewhere), ``base_url``.

    Args:
        source: The HTML.
        marketing: Whether it needs a link to unsubscribe.

    Returns:
        What was found, in the order of the source.
    """
    spans = holes(source)
    tokens = scan(source, spans)
    tags = [token for token in tokens if isinstance(token, StartTag)]
    found = [*_of_size(source), *_of_whole(source, tokens, tags, marketing=marketing)]
    for tag in tags:
        found += _of_tag(source, tag)
    return tuple(_placed(source, found))


def _of_size(source: str) -> Iterator[tuple[int, str, str]]:
    octets = len(source.encode(errors="replace"))
    if octets > CLIPPED_AT:
        yield (
            0,
            "clipped",
            f"has {octets} octets: Gmail shows the first {CLIPPED_AT} and hides the rest; make it smaller",
        )
    elif octets > _LARGE:
        yield 0, "large", f"has {octets} octets, which values may take past {CLIPPED_AT}, where Gmail cuts it off"


def _of_whole(
    source: str, tokens: Sequence[Token], tags: Sequence[StartTag], *, marketing: bool
) -> Iterator[tuple[int, str, str]]:
    links = (tag for tag in tags if tag.name in {"a", "area"})
    if marketing and not any(_UNSUBSCRIBE.search(source[tag.start : tag.end]) for tag in links):
        yield 0, "missing_unsubscribe", "has no link to unsubscribe: write <a href='{{ unsubscribe_url }}'>"
    top = next((tag for tag in tags if tag.name == "html"), None)
    if top is None:
        return
    if top.attribute("lang") is None:
        yield top.start, "missing_lang", "has no lang, by which screen readers choose a voice: write <html lang='en'>"
    titled = any(
        isinstance(token, Text) and token.element == "title" and source[token.start : token.end].strip()
        for token in tokens
    )
    if not titled:
        yield top.start, "missing_title", "has no title, which some programs show above it: write <title>"


def _of_tag(source: str, tag: StartTag) -> Iterator[tuple[int, str, str]]:
    name = tag.name
    if name in _ACTIVE:
        yield (
            tag.start,
            "active_content",
            f"holds {_ACTIVE[name]}, which mail programs take out or warn of; link to a page",
        )
    for attribute in tag.attributes:
        yield from _of_attribute(source, tag, attribute)
    match name:
        case "img":
            yield from _of_image(source, tag)
        case "a" if (href := tag.attribute("href")) is not None and _value(source, href).strip() in {"", "#"}:
            yield tag.start, "empty_link", "a link leads nowhere: give its href a URL"
        case "base":
            yield tag.start, "base_url", "mail programs do not read <base>: write whole URLs"
        case "meta" if (kind := tag.attribute("http-equiv")) is not None:
            if _value(source, kind).strip().lower() == "refresh":
                yield tag.start, "unsafe_refresh", "a <meta> leads elsewhere by itself, which filters take for phishing"
        case _:
            pass


def _of_attribute(source: str, tag: StartTag, attribute: Attribute) -> Iterator[tuple[int, str, str]]:
    if attribute.name.startswith("on"):
        yield attribute.start, "handler", f"{attribute.name} is a program, which mail programs take out"
    if attribute.name not in URL_ATTRIBUTES or attribute.value_start < 0:
        return
    value = _value(source, attribute)
    part, _ = url_part(UrlPart.START, "", value.partition("{")[0])
    is_picture = tag.name == "img" and value.lower().startswith(("cid:", "data:image/"))
    if part is UrlPart.UNSAFE and not is_picture:
        yield (
            attribute.start,
            "unsafe_scheme",
            f"the URL in {attribute.name} has a scheme that mail programs do not follow",
        )
    elif value.strip().lower().startswith("http:"):
        yield attribute.start, "insecure_link", f"the URL in {attribute.name} is not encrypted: write https"


def _of_image(source: str, tag: StartTag) -> Iterator[tuple[int, str, str]]:
    if tag.attribute("alt") is None:
        yield (
            tag.start,
            "missing_alt",
            "an image has no alt, which is all that is seen until images are shown: write one",
        )
    style = tag.attribute("style")
    if tag.attribute("width") is None and (style is None or not _WIDTH.search(_value(source, style))):
        yield tag.start, "missing_size", "an image has no width: Outlook shows it in its own size, and the page jumps"


def _value(source: str, attribute: Attribute) -> str:
    return source[attribute.value_start : attribute.value_end] if attribute.value_start >= 0 else ""


def _placed(source: str, found: Sequence[tuple[int, str, str]]) -> Iterator[HtmlFinding]:
    """Say lines and columns, in one pass over the source."""
    line, begin, at = 1, 0, 0
    for place, code, message in sorted(found, key=lambda one: one[0]):
        breaks = source.count("\n", at, place)
        if breaks:
            line += breaks
            begin = source.rfind("\n", at, place) + 1
        at = place
        yield HtmlFinding(code, message, line, place - begin + 1)
