"""Where in HTML a place is: what a value that is printed there has to be escaped for."""

from __future__ import annotations

import re
from enum import IntEnum, StrEnum
from html import unescape
from typing import Final, NamedTuple

__all__ = [
    "DOUBTFUL",
    "ESCAPABLE",
    "SCHEMES",
    "START",
    "URL_ATTRIBUTES",
    "Context",
    "Phase",
    "State",
    "UrlPart",
    "url_part",
]


class Context(StrEnum):
    """The kind of place, named for what may be printed there."""

    TEXT = "text"
    """Between tags."""
    ESCAPABLE = "escapable"
    """In ``title`` or ``textarea``: references are read, tags are not."""
    ATTRIBUTE = "attribute"
    """In a quoted attribute that is none of the kinds below."""
    URL_START = "url_start"
    """At the beginning of a quoted URL: what is printed may choose the scheme."""
    URL_REST = "url_rest"
    """In a quoted URL whose scheme is written and allowed, or that has none."""
    URL_SCHEME = "url_scheme"
    """In a quoted URL, behind characters that may be the beginning of a scheme."""
    URL_UNSAFE = "url_unsafe"
    """In a quoted URL with another scheme than those of `SCHEMES`."""
    STYLE = "style"
    """In a quoted ``style`` attribute."""
    UNQUOTED = "unquoted"
    """In a value without quotes."""
    HANDLER = "handler"
    """In an attribute that is a program or a document: ``on…``, ``srcdoc``."""
    URL_LIST = "url_list"
    """In an attribute that holds several URLs: ``srcset``, ``ping``."""
    META = "meta"
    """In an attribute of ``meta``."""
    RAW = "raw"
    """In an element that is not read as HTML: ``script``, ``style``, ..."""
    COMMENT = "comment"
    """In a comment or a declaration; conditional comments are markup."""
    TAG = "tag"
    """In a tag outside of values, or where markup may be beginning."""
    AMBIGUOUS = "ambiguous"
    """Behind markup that template tags have cut in two, so that nobody can say where this is."""


class Phase(StrEnum):
    """How far the scanner is."""

    TEXT = "text"
    OPENING = "opening"  # behind `<`, `</`, `<!` or `<!-` at the end of a piece
    TAG_NAME = "tag_name"
    BETWEEN = "between"  # between attributes
    JOINED = "joined"  # likewise, where alternatives have met
    NAME = "name"
    AFTER_NAME = "after_name"
    BEFORE_VALUE = "before_value"
    DOUBLE = "double"
    SINGLE = "single"
    UNQUOTED = "unquoted"
    COMMENT = "comment"
    DECLARATION = "declaration"
    RAW = "raw"  # the text of an element that holds text only


class UrlPart(IntEnum):
    """How far a URL is, the later the more careful."""

    REST = 0
    START = 1
    SCHEME = 2
    UNSAFE = 3


SCHEMES: Final = frozenset({"http", "https", "mailto", "sms", "tel"})
URL_ATTRIBUTES: Final = frozenset({
    "action", "background", "cite", "codebase", "data", "dynsrc", "formaction", "href", "longdesc", "lowsrc",
    "manifest", "poster", "profile", "src", "usemap", "xlink:href",
})  # fmt: skip
ESCAPABLE: Final = frozenset({"textarea", "title"})
DOUBTFUL: Final = frozenset({"frameset", "math", "noscript", "select", "svg"})
"""Within them browsers read ``title``, ``style`` and the like as any other element, or not at all, and ``<![CDATA[``;
``noscript`` is a text where scripts run. So ``<`` within a value, a comment or a text may begin markup there."""
_LISTS: Final = frozenset({"archive", "imagesrcset", "ping", "srcset"})
_BETWEEN: Final = frozenset({Phase.TAG_NAME, Phase.BETWEEN, Phase.JOINED, Phase.NAME, Phase.AFTER_NAME})
_FLOWING: Final = frozenset({Phase.TEXT, Phase.COMMENT})
_QUOTED: Final = frozenset({Phase.DOUBLE, Phase.SINGLE})
_URL: Final = {
    UrlPart.REST: Context.URL_REST,
    UrlPart.START: Context.URL_START,
    UrlPart.SCHEME: Context.URL_SCHEME,
    UrlPart.UNSAFE: Context.URL_UNSAFE,
}
# What browsers take out of a URL before they read it.
_IGNORED: Final = re.compile("[\x00-\x20]+")
_SCHEME_END: Final = re.compile(r"[:/?#\\]")
_SCHEME_LENGTH: Final = 64


class State(NamedTuple):
    """Where the scanner stands, without positions: two ways that lead to one state go on alike.

    Attributes:
        phase: How far it is.
        element: The name of the tag, or of the element that holds text only; empty elsewhere.
        attribute: The name of the attribute, in lower case; empty elsewhere.
        url: How far a URL is, in a value.
        scheme: What may be the beginning of its scheme.
        closing: Whether the tag is an end tag.
        script: In ``script``: 0, 1 within ``<!--``, 2 within a second ``<script`` in there.
        conditional: Whether this is in a conditional comment.
        cut: Whether the text so far ends with what may be the beginning of markup.
        ambiguous: Whether markup was cut in two.
        doubtful: Whether an element was opened from which on readers may differ about what is text: see `DOUBTFUL`.
    """

    phase: Phase = Phase.TEXT
    element: str = ""
    attribute: str = ""
    url: UrlPart = UrlPart.START
    scheme: str = ""
    closing: bool = False
    script: int = 0
    conditional: bool = False
    cut: bool = False
    ambiguous: bool = False
    doubtful: bool = False

    @property
    def context(self) -> Context:
        """What a value that is printed here has to be escaped for."""
        phase = self.phase
        if self.ambiguous:
            return Context.AMBIGUOUS
        if phase in _QUOTED:
            return self._quoted()
        match phase:
            case Phase.TEXT:
                return Context.TEXT
            case Phase.RAW if not self.cut:
                return Context.ESCAPABLE if self.element in ESCAPABLE else Context.RAW
            case Phase.COMMENT | Phase.DECLARATION:
                return Context.COMMENT
            case Phase.BEFORE_VALUE | Phase.UNQUOTED:
                return Context.UNQUOTED
            case _:
                return Context.TAG

    def _quoted(self) -> Context:
        name = self.attribute
        if name.startswith("on") or name == "srcdoc":
            return Context.HANDLER
        if self.element == "meta":
            return Context.META
        if name in _LISTS:
            return Context.URL_LIST
        if name == "style":
            return Context.STYLE
        return _URL[self.url] if name in URL_ATTRIBUTES else Context.ATTRIBUTE

    def printed(self) -> State:
        """Give the state behind a value that was printed here, and escaped for its context."""
        if self.phase is Phase.BEFORE_VALUE:
            return self._replace(phase=Phase.UNQUOTED, url=UrlPart.REST)
        if self.phase in _QUOTED or self.phase is Phase.UNQUOTED:
            # The renderer lets nothing begin a URL but one with an allowed scheme, or with none.
            return self if self.url is UrlPart.UNSAFE else self._replace(url=UrlPart.REST, scheme="")
        return self._replace(cut=False) if self.phase in _FLOWING else self

    def join(self, other: State) -> State:
        """Give the state where two ways meet, such as the ways through an ``if``, or one that does not enter a loop.

        Returns:
            A state whose contexts are safe whichever way was taken; an ambiguous one where there is no such state.
        """
        if self == other:
            return self
        if self.doubtful != other.doubtful:
            return self._replace(doubtful=True).join(other._replace(doubtful=True))
        one, two = self._replace(url=UrlPart.REST, scheme=""), other._replace(url=UrlPart.REST, scheme="")
        if one == two:
            worse = max(self, other, key=lambda state: state.url)
            # Two different beginnings of a scheme are no beginning that could be read on.
            return worse._replace(scheme=worse.scheme if self.scheme == other.scheme else "*")
        same_tag = (self.element, self.closing, self.conditional) == (other.element, other.closing, other.conditional)
        if same_tag and self.phase in _BETWEEN and other.phase in _BETWEEN:
            ambiguous = self.ambiguous or other.ambiguous
            return self._replace(phase=Phase.JOINED, attribute="", cut=False, ambiguous=ambiguous)
        return self._replace(ambiguous=True)


START: Final = State()


def url_part(part: UrlPart, scheme: str, text: str) -> tuple[UrlPart, str]:
    """Say how far a URL is behind more of its text.

    Args:
        part: How far it was.
        scheme: What may be the beginning of its scheme, as this function gave it.
        text: What comes next, with character references as written.

    Returns:
        The part, and what may be the beginning of a scheme: empty unless the part is ``SCHEME``.
    """
    if part is UrlPart.REST or part is UrlPart.UNSAFE:
        return part, ""
    read = scheme + text[: _SCHEME_LENGTH + 1]
    plain = _IGNORED.sub("", unescape(read) if "&" in read else read)
    end = _SCHEME_END.search(plain)
    if end is not None:
        safe = end[0] != ":" or plain[: end.start()].lower() in SCHEMES
        return (UrlPart.REST if safe else UrlPart.UNSAFE), ""
    if len(read) > _SCHEME_LENGTH:
        # No scheme is that long; but what was made long by what browsers take out is none that we know either.
        return (UrlPart.REST if len(plain) > _SCHEME_LENGTH else UrlPart.UNSAFE), ""
    return (UrlPart.SCHEME, read) if plain else (UrlPart.START, read)
