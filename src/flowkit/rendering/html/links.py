"""Links and what is put into them: parameters that say where a click came from, and the way by a click counter."""

from __future__ import annotations

import re
from collections.abc import Callable, Collection, Iterable, Mapping
from typing import Final
from urllib.parse import quote, unquote_plus

from attrs import field, frozen

from flowkit.errors import ConfigurationError
from flowkit.rendering.html.holes import holes
from flowkit.rendering.html.references import decode_attribute, encode_attribute
from flowkit.rendering.html.scanner import scan
from flowkit.rendering.html.tokens import StartTag

__all__ = ["LinkRules", "has_open_links", "rewrite_links", "with_parameters"]

_LINKS: Final = frozenset({"a", "area", "v:rect", "v:roundrect"})
_WEB: Final = re.compile(r"\s*https?://([^/?#\s]*)", re.IGNORECASE)
_TOLD: Final = ("data-no-track", "data-unsubscribe")
_UNSUBSCRIBE: Final = "unsubscribe"
_IGNORED: Final = re.compile(r"[\t\n\r]+")


def _hosts(given: Iterable[str] | None) -> frozenset[str] | None:
    return None if given is None else frozenset(one.lower() for one in given)


@frozen
class LinkRules:
    """Which links get parameters.

    Web links alone are changed, and none that has the attribute ``data-no-track`` or ``data-unsubscribe``, or whose URL
    or ``rel`` says ``unsubscribe``. What a URL has already stays: its parameters, those of the same name too, and its
    fragment.

    Attributes:
        parameters: The parameters by name, such as ``{"utm_source": "newsletter"}``.
        hosts: Only links to these hosts and the hosts below them; None for all.

    Raises:
        ConfigurationError: A parameter has no name.
    """

    parameters: Mapping[str, str]
    hosts: Collection[str] | None = field(default=None, converter=_hosts, kw_only=True)

    def __attrs_post_init__(self) -> None:
        if "" in self.parameters:
            raise ConfigurationError("a parameter of links has no name: write it, as in {'utm_source': 'newsletter'}")

    def apply(self, url: str) -> str:
        """Give a web link its parameters."""
        found = _WEB.match(url)
        if found is None or not self._is_ours(found[1]):
            return url
        return with_parameters(url, self.parameters)

    def _is_ours(self, authority: str) -> bool:
        if self.hosts is None:
            return True
        host = authority.rpartition("@")[2].partition(":")[0].lower()
        return any(host == one or host.endswith(f".{one}") for one in self.hosts)


def with_parameters(url: str, parameters: Mapping[str, str]) -> str:
    """Add parameters to a URL's query, before its fragment; one whose name is there already is left as it is."""
    rest, sharp, fragment = url.partition("#")
    base, mark, query = rest.partition("?")
    known = {unquote_plus(one.partition("=")[0]) for one in re.split("[&;]", query)}
    more = "&".join(
        f"{quote(name, safe='')}={quote(value, safe='', errors='replace')}"
        for name, value in parameters.items()
        if name not in known
    )
    if not more:
        return url
    between = "" if not mark or query.endswith("&") or not query else "&"
    return f"{base}?{query}{between}{more}{sharp}{fragment}"


def rewrite_links(source: str, change: Callable[[str], str], *, is_template: bool = False) -> str:
    """Change the URLs of links, and nothing else.

    Args:
        source: HTML, or a template of it.
        change: Gives another URL for a web link (http or https), as read: without character references. It is not
            asked about links that are not to be counted; see `LinkRules`.
        is_template: Whether the source is a template; links of which a template's tag is a part are left alone then.

    Returns:
        The source, letter by letter the same but for the URLs that were changed.
    """
    spans = holes(source) if is_template else []
    out: list[str] = []
    at = 0
    for start, end, quoted in _links(source, spans):
        value = source[start:end]
        if is_template and ("{{" in value or "{%" in value or "{#" in value):
            continue
        url = _IGNORED.sub("", decode_attribute(value)).strip()
        new = change(url)
        if new != url:
            written = encode_attribute(new)
            out += (source[at:start], written if quoted else f'"{written}"')
            at = end
    return "".join((*out, source[at:])) if out else source


def has_open_links(source: str) -> bool:
    """Whether a template has web links that are known only when it is rendered."""
    return any("{{" in source[start:end] for start, end, _ in _links(source, holes(source), any_scheme=True))


def _links(
    source: str, spans: Iterable[tuple[int, int]], *, any_scheme: bool = False
) -> Iterable[tuple[int, int, bool]]:
    """Give where the URLs of countable links stand, and whether they are quoted."""
    for token in scan(source, spans):
        if not isinstance(token, StartTag) or token.name not in _LINKS:
            continue
        href = token.attribute("href")
        if href is None or href.value_start < 0 or any(token.attribute(name) is not None for name in _TOLD):
            continue
        value = source[href.value_start : href.value_end]
        rel = token.attribute("rel")
        told = value if rel is None or rel.value_start < 0 else value + source[rel.value_start : rel.value_end]
        if _UNSUBSCRIBE in told.lower():
            continue
        if _WEB.match(decode_attribute(value)) or (any_scheme and value.lstrip().startswith("{")):
            yield href.value_start, href.value_end, bool(href.quote)
