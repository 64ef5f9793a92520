"""The one reader of HTML: a state machine after the WHATWG's tokenizer, in linear time whatever it is given.

It reads in pieces, so that a template's tags may stand anywhere between them, and forms no tree. It knows neither the
rules by which browsers mend trees nor CDATA within SVG; where these could make markup of what it takes for text, it
calls the place ambiguous.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import Final

from flowkit.rendering.html.context import DOUBTFUL, ESCAPABLE, START, URL_ATTRIBUTES, Phase, State, UrlPart, url_part
from flowkit.rendering.html.tokens import Attribute, Comment, EndTag, StartTag, Text, Token

__all__ = ["Scanner", "after", "scan"]

_MARKUP: Final = re.compile(r"<(?:[A-Za-z!?/])")
_OPENINGS: Final = ("<!-", "<!", "</", "<")
_NAME: Final = re.compile(r"[^\t\n\f\r />]*")
_BETWEEN: Final = re.compile(r"[\t\n\f\r /]*")
_ATTRIBUTE: Final = re.compile(r"[^\t\n\f\r />=]*")
_SPACE: Final = re.compile(r"[\t\n\f\r ]*")
_UNQUOTED: Final = re.compile(r"[^\t\n\f\r >]*")
_COMMENT_END: Final = re.compile(r"--!?>")
_COMMENT_TAILS: Final = (">", "->", "!>")
_CONDITIONAL: Final = re.compile(r"<!--\[if[^<>\]]*\]>(?!(?:<!)?-->)", re.IGNORECASE)
_HALF: Final = re.compile(r"<!--\[(?:i|if[^<>\]]*\]?)?", re.IGNORECASE)
_BEGUN: Final = "[if"  # stands for an element, in a comment that may be the beginning of a conditional one
# An attribute as nearly all are written, in one step.
_WHOLE: Final = re.compile(
    r"[\t\n\f\r /]*+([^\t\n\f\r />=\"'<]++)[\t\n\f\r ]*+=[\t\n\f\r ]*+(?:\"([^\"]*+)\"|'([^']*+)')"
)
_TEXT_ONLY: Final = frozenset({"iframe", "noembed", "noframes", "plaintext", "script", "style", "xmp"}) | ESCAPABLE
_ENDS: Final = {
    # `plaintext` has no end.
    name: re.compile(rf"</{name}(?=[\t\n\f\r />])", re.IGNORECASE)
    for name in sorted(_TEXT_ONLY - {"plaintext", "script"})
}
_SCRIPT: Final = re.compile(r"<!--|-->|<(/?)script(?=[\t\n\f\r />])", re.IGNORECASE)
_LONGEST_NAME: Final = 100
_LONGEST_END: Final = len("</noframes")
_QUOTES: Final = {Phase.DOUBLE: '"', Phase.SINGLE: "'"}


def scan(source: str, holes: Iterable[tuple[int, int]] = ()) -> list[Token]:
    """Read a document, or a template of one.

    Args:
        source: The HTML.
        holes: Where a template's tags stand, in order and apart. They are characters of the text or value that they
            stand in, and are no part of a name.

    Returns:
        The tokens in order. A tag that does not end is none, as in a browser.
    """
    scanner = Scanner(source)
    at = 0
    for start, end in holes:
        scanner.feed(at, start)
        scanner.skip(start, end)
        at = end
    scanner.feed(at, len(source))
    return scanner.close()


def after(state: State, text: str) -> State:
    """Give the state behind more markup; a template's tags stand between the pieces."""
    scanner = Scanner(text, state)
    scanner.feed(0, len(text))
    return scanner.state


class Scanner:
    """Reads one source piece by piece, and keeps what it found.

    Attributes:
        tokens: What was found so far.
    """

    def __init__(self, source: str, state: State = START) -> None:
        """Begin.

        Args:
            source: What the positions refer to.
            state: Where to begin; tokens are worth something only from the start.
        """
        self._source = source
        self.tokens: list[Token] = []
        (
            self._phase,
            self._element,
            self._attribute,
            self._url,
            self._scheme,
            self._closing,
            self._script,
            self._conditional,
            self._cut,
            self._ambiguous,
            self._doubtful,
        ) = state
        self._begun = 0  # of the token
        self._attributes: list[Attribute] = []
        self._name_start = self._name_end = self._value_start = 0

    @property
    def state(self) -> State:
        """Where the scanner stands."""
        return State(
            self._phase,
            self._element,
            self._attribute,
            self._url,
            self._scheme,
            self._closing,
            self._script,
            self._conditional,
            self._cut,
            self._ambiguous,
            self._doubtful,
        )

    def feed(self, start: int, end: int) -> None:
        """Read a piece of the source."""
        if start >= end:
            return
        self._resume(start)
        while start < end:
            if not self._conditional:
                start = self._read(start, end)
                continue
            # To a browser the whole is a comment, and ends as one, whatever Outlook is in the midst of.
            found = _COMMENT_END.search(self._source, start, end)
            stop = end if found is None else found.start()
            while start < stop:
                start = self._read(start, stop)
            if found is not None:
                self._leave(found.start(), found.end())
                start = found.end()
        self._cut = self._is_cut(end)

    def skip(self, start: int, end: int) -> None:
        """Pass a template's tag."""
        if self._phase is Phase.OPENING:
            self._phase = Phase.TEXT  # `<{{ x }}` is text
        elif self._phase is Phase.BEFORE_VALUE and self._source.startswith("{{", start):
            self._phase, self._value_start = Phase.UNQUOTED, start
        self._cut = False

    def close(self) -> list[Token]:
        """End the reading.

        Returns:
            All tokens.
        """
        end = len(self._source)
        match self._phase:
            case Phase.TEXT | Phase.OPENING | Phase.RAW:
                begun = self._source.rfind("<!", max(self._begun, end - len("<!-")), end)
                if self._phase is Phase.OPENING and begun >= 0:
                    self._flush(begun)
                    self.tokens.append(Comment(begun, end))
                    self._begun = end
                self._flush(end)
            case Phase.COMMENT | Phase.DECLARATION:
                self.tokens.append(Comment(self._begun, end))
            case _:
                pass
        return self.tokens

    # -- pieces -------------------------------------------------------------------------------------------------------

    def _resume(self, start: int) -> None:
        """Say whether a piece goes on with what was cut."""
        first = self._source[start]
        match self._phase:
            case Phase.OPENING:
                self._phase, broken = Phase.TEXT, True
            case Phase.TAG_NAME | Phase.NAME:
                broken = self._cut and first not in "\t\n\f\r />="
            case Phase.JOINED:
                broken = first not in "\t\n\f\r />"
                self._phase = Phase.BETWEEN
            case Phase.COMMENT:
                # Behind a value, too: one that is empty or ends with dashes must not end it together with what follows.
                broken = (
                    self._element == _BEGUN
                    or (self._cut and first in "->![")
                    or self._source.startswith(_COMMENT_TAILS, start)
                )
            case _:
                broken = self._cut and (self._phase is Phase.RAW or first in "->!")
        self._ambiguous = self._ambiguous or broken
        self._cut = False

    def _is_cut(self, end: int) -> bool:
        source = self._source
        match self._phase:
            case Phase.OPENING | Phase.TAG_NAME | Phase.NAME:
                return True
            case Phase.COMMENT:
                if end - self._begun < _LONGEST_NAME and _HALF.fullmatch(source, self._begun, end):
                    self._element = _BEGUN
                    return True
                return source[end - 1] in "-!"
            case Phase.RAW:
                if self._element == "script" and source[end - 1] in "-!":
                    return True
                begun = source.rfind("<", max(0, end - _LONGEST_END), end)
                tail = source[begun:end].lower() if begun >= 0 else "-"
                return any(one.startswith(tail) for one in (f"</{self._element}", f"<{self._element}"))
            case _:
                return self._conditional and source[end - 1] == "-"

    # -- the machine --------------------------------------------------------------------------------------------------

    def _read(self, start: int, end: int) -> int:
        """Read on, at least a character; give where the next step begins."""
        match self._phase:
            case Phase.TEXT | Phase.OPENING:
                return self._text(start, end)
            case Phase.RAW:
                return self._raw(start, end)
            case Phase.COMMENT:
                found = _COMMENT_END.search(self._source, start, end)
                self._hides(start, end if found is None else found.start())
                return end if found is None else self._commented(found.end())
            case Phase.DECLARATION:
                found_at = self._source.find(">", start, end)
                return end if found_at < 0 else self._commented(found_at + 1)
            case Phase.TAG_NAME:
                return self._tag_name(start, end)
            case Phase.BETWEEN | Phase.JOINED:
                return self._between(start, end)
            case Phase.NAME:
                return self._name(start, end)
            case Phase.AFTER_NAME:
                return self._after_name(start, end)
            case Phase.BEFORE_VALUE:
                return self._before_value(start, end)
            case Phase.DOUBLE | Phase.SINGLE | Phase.UNQUOTED:
                return self._value(start, end)

    def _text(self, start: int, end: int) -> int:
        source = self._source
        found = _MARKUP.search(source, start, end)
        if found is None:
            opening = next((one for one in _OPENINGS if source.endswith(one, start, end)), None)
            self._phase = Phase.TEXT if opening is None else Phase.OPENING
            return end
        at = found.start()
        kind = source[at + 1]
        if kind == "!":
            return self._declaration(at, end)
        if kind == "?":
            return self._opened(Phase.DECLARATION, at, at + 2)
        name = at + 1
        self._closing = kind == "/"
        if self._closing:
            name = at + 2
            if name >= end:
                self._phase = Phase.OPENING
                return end
            first = source[name]
            if not (first.isascii() and first.isalpha()):
                return self._opened(Phase.DECLARATION, at, name)
        self._element, self._attributes = "", []
        return self._opened(Phase.TAG_NAME, at, name)

    def _declaration(self, at: int, end: int) -> int:
        source = self._source
        if not source.startswith("<!--", at, end):
            if end - at < len("<!--") and "<!--".startswith(source[at:end]):
                self._phase = Phase.OPENING
                return end
            if source.startswith("<![", at, end):
                stop = source.find(">", at, end)
                if not source.endswith("]]", at, max(stop, at)):
                    self._ambiguous = self._ambiguous or self._doubtful
            return self._opened(Phase.DECLARATION, at, at + 2)
        if not self._conditional and (found := _CONDITIONAL.match(source, at, end)):
            self._flush(at)
            self.tokens.append(Comment(at, found.end()))
            self._conditional, self._begun = True, found.end()
            return found.end()
        after_dashes = at + len("<!--")
        for short in (">", "->"):
            if source.startswith(short, after_dashes, end):
                self._opened(Phase.COMMENT, at, after_dashes)
                return self._commented(after_dashes + len(short))
        return self._opened(Phase.COMMENT, at, after_dashes)

    def _opened(self, phase: Phase, at: int, reached: int) -> int:
        """Begin a token that is no text."""
        self._flush(at)
        self._phase, self._begun = phase, at
        return reached

    def _commented(self, end: int) -> int:
        self.tokens.append(Comment(self._begun, end))
        self._phase, self._begun, self._element = Phase.TEXT, end, ""
        return end

    def _leave(self, start: int, end: int) -> None:
        """Leave a conditional comment, with what is unfinished in it."""
        if self._phase in {Phase.TEXT, Phase.OPENING, Phase.RAW}:
            self._flush(start)
        elif self._phase is Phase.DECLARATION:
            self.tokens.append(Comment(self._begun, start))
        self.tokens.append(Comment(start, end))
        ambiguous = self._ambiguous
        self._phase, self._element, self._attribute, self._url, self._scheme, self._closing, self._script, *_ = START
        self._conditional, self._ambiguous, self._begun = False, ambiguous, end

    def _flush(self, end: int) -> None:
        """End the text that was read so far."""
        if self._begun < end:
            element = self._element if self._phase is Phase.RAW else ""
            self.tokens.append(Text(self._begun, end, element, self._conditional))
        self._begun = end

    def _raw(self, start: int, end: int) -> int:
        element = self._element
        if element == "plaintext":
            return end
        if element == "script":
            return self._in_script(start, end)
        found = _ENDS[element].search(self._source, start, end)
        self._hides(start, end if found is None else found.start())
        if found is None:
            return end
        return self._ended(found.start(), found.end())

    def _in_script(self, start: int, end: int) -> int:
        found = _SCRIPT.search(self._source, start, end)
        self._hides(start, end if found is None else found.start())
        if found is None:
            return end
        match found[0][:2], self._script:
            case "<!", depth:
                self._hides(found.start(), found.end())
                self._script = max(depth, 1)
                return found.start() + 2  # the dashes may end it, too
            case "--", _:
                self._script = 0
            case "</", 2:
                self._script = 1
            case "</", _:
                return self._ended(found.start(), found.end())
            case _, 1:
                self._script = 2
            case _:
                pass
        return found.end()

    def _ended(self, start: int, end: int) -> int:
        """Begin the end tag of an element that holds text only."""
        self._flush(start)
        self._phase, self._begun, self._closing, self._script, self._attributes = Phase.BETWEEN, start, True, 0, []
        return end

    def _tag_name(self, start: int, end: int) -> int:
        found = _NAME.match(self._source, start, end)
        reached = start if found is None else found.end()
        self._element = _name(self._element, self._source[start:reached])
        return reached if reached >= end else self._between(reached, end)

    def _between(self, start: int, end: int) -> int:
        source = self._source
        while (whole := _WHOLE.match(source, start, end)) is not None:
            name, reached = whole[1], whole.end()
            start = reached
            self._hides(whole.end(1), reached)
            if not self._closing:
                value_start, value_end = whole.span(2)
                if value_start < 0:
                    value_start, value_end = whole.span(3)
                self._attributes.append(
                    Attribute(name.lower(), whole.start(1), reached, value_start, value_end, source[reached - 1])
                )
        self._phase, self._attribute = Phase.BETWEEN, ""
        found = _BETWEEN.match(source, start, end)
        reached = start if found is None else found.end()
        if reached >= end:
            return end
        if source[reached] == ">":
            return self._tagged(reached + 1)
        self._phase, self._attribute = Phase.NAME, ""
        self._name_start = self._name_end = reached
        if source[reached] == "=":  # a name may begin with one
            self._attribute = "="
            self._name_end = reached + 1
            return reached + 1
        return reached

    def _tagged(self, end: int) -> int:
        """End a tag."""
        name = self._element
        if self._closing:
            self.tokens.append(EndTag(name, self._begun, end, self._conditional))
        else:
            self.tokens.append(StartTag(name, self._begun, end, tuple(self._attributes), self._conditional))
        self._begun, self._attribute = end, ""
        self._doubtful = self._doubtful or name in DOUBTFUL
        self._phase = Phase.TEXT
        if not self._closing and name in _TEXT_ONLY:
            self._phase = Phase.RAW
        else:
            self._element = ""
        self._closing = False
        return end

    def _name(self, start: int, end: int) -> int:
        source = self._source
        found = _ATTRIBUTE.match(source, start, end)
        reached = start if found is None else found.end()
        self._attribute = _name(self._attribute, source[start:reached])
        self._name_end = reached
        if reached >= end:
            return end
        match source[reached]:
            case "=":
                self._phase = Phase.BEFORE_VALUE
                return reached + 1
            case "/" | ">":
                self._attributed(self._name_end)
                return reached
            case _:
                self._phase = Phase.AFTER_NAME
                return reached + 1

    def _after_name(self, start: int, end: int) -> int:
        found = _SPACE.match(self._source, start, end)
        reached = start if found is None else found.end()
        if reached >= end:
            return end
        if self._source[reached] == "=":
            self._phase = Phase.BEFORE_VALUE
            return reached + 1
        self._attributed(self._name_end)
        return reached

    def _before_value(self, start: int, end: int) -> int:
        found = _SPACE.match(self._source, start, end)
        reached = start if found is None else found.end()
        if reached >= end:
            return end
        self._url, self._scheme = UrlPart.START, ""
        match self._source[reached]:
            case '"':
                self._phase, self._value_start = Phase.DOUBLE, reached + 1
                return reached + 1
            case "'":
                self._phase, self._value_start = Phase.SINGLE, reached + 1
                return reached + 1
            case ">":
                self._attributed(reached)
                return reached
            case _:
                self._phase, self._value_start = Phase.UNQUOTED, reached
                return reached

    def _value(self, start: int, end: int) -> int:
        source = self._source
        quote = _QUOTES.get(self._phase, "")
        if quote:
            reached = source.find(quote, start, end)
            ended = reached >= 0
            reached = reached if ended else end
        else:
            found = _UNQUOTED.match(source, start, end)
            reached = start if found is None else found.end()
            ended = reached < end
        self._hides(start, reached)
        if ended:
            self._attributed(reached + len(quote), value_end=reached, quote=quote)
            return reached + len(quote)
        if self._attribute in URL_ATTRIBUTES:
            self._url, self._scheme = url_part(self._url, self._scheme, source[start : start + 99])
        return end

    def _hides(self, start: int, end: int) -> None:
        """Note that what is no markup here may be some to another reader."""
        if self._doubtful and self._source.find("<", start, end) >= 0:
            self._ambiguous = True

    def _attributed(self, end: int, *, value_end: int = -1, quote: str = "") -> None:
        """End an attribute."""
        if not self._closing:
            start = self._value_start if value_end >= 0 else -1
            self._attributes.append(Attribute(self._attribute, self._name_start, end, start, value_end, quote))
        self._phase, self._attribute, self._url, self._scheme = Phase.BETWEEN, "", UrlPart.START, ""


def _name(begun: str, more: str) -> str:
    """Go on with a name; one that is longer than any known one is not kept whole, so that its pieces cost no more."""
    return begun if len(begun) > _LONGEST_NAME else begun + more.lower()
