"""Where things stand in a template's source, in lines and columns; the syntax tree knows lines alone."""

from __future__ import annotations

from bisect import bisect_right
from typing import Final, NamedTuple

import jinja2

__all__ = ["Position", "Positions", "first_tag"]

_OPENERS: Final = frozenset({"variable_begin", "block_begin"})


class Position(NamedTuple):
    """A place in a source.

    Attributes:
        line: From 1.
        column: From 1, in characters.
    """

    line: int
    column: int


class _Found(NamedTuple):
    kind: str
    text: str
    at: Position


class Positions:
    """The places of a source's tags and words.

    Args:
        environment: Whose lexer reads the source.
        source: A source that the lexer can read to its end.
    """

    def __init__(self, environment: jinja2.Environment, source: str) -> None:
        self._lines: dict[int, list[_Found]] = {}
        self._holes: list[Position] = []
        starts = [0, *(index + 1 for index, letter in enumerate(source) if letter == "\n")]
        cursor = 0
        for _, kind, text in environment.lex(source):
            found = source.find(text, cursor)
            if found < 0:
                continue  # What the lexer has normalized is no tag and no word.
            cursor = found + len(text)
            if kind == "data":
                continue
            line = bisect_right(starts, found)
            at = Position(line, found - starts[line - 1] + 1)
            self._lines.setdefault(line, []).append(_Found(kind, text, at))
            if kind == "variable_begin":
                self._holes.append(at)

    def hole(self, index: int, line: int) -> Position:
        """Give the place of the tag that prints the expression of an index, in the order of the source."""
        return self._holes[index] if index < len(self._holes) else Position(line, 1)

    def word(self, line: int, word: str) -> Position:
        """Give the place of a word on a line; of the first tag there, where it does not stand there so."""
        found = self._lines.get(line, [])
        for one in found:
            if one.text == word:
                return one.at
        return next((one.at for one in found if one.kind in _OPENERS), Position(line, 1))


def first_tag(source: str, line: int) -> Position:
    """Give the place of the first tag on a line of a source that cannot be read."""
    lines = source.splitlines()
    text = lines[line - 1] if 0 < line <= len(lines) else ""
    columns = [found for opener in ("{{", "{%", "{#") if (found := text.find(opener)) >= 0]
    return Position(line, min(columns, default=0) + 1)
