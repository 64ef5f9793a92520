"""What is wrong with a document: gathered while it is read, and put into words.

The words are made from hostile data, so each is short and fit to be printed.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from difflib import get_close_matches
from itertools import islice
from typing import Final

from attrs import field, frozen

from flowkit.errors import DocumentError, Problem

__all__ = ["Problems", "likely", "meant", "pointer", "short", "suggestion"]

_STEP_LENGTH: Final = 255
_SHOWN: Final = 40
_GUESSED: Final = 50
_LISTED: Final = 12
_WORD: Final = 4
_LONG_WORD: Final = 8


@frozen
class Problems:
    """What is found wrong while a document is read; reading goes on until there is too much of it.

    Attributes:
        limit: How many are gathered before reading stops.
        found: The problems so far, in the order of reading.
    """

    limit: int = 100
    found: list[Problem] = field(factory=list[Problem], init=False)

    def add(self, code: str, path: str, message: str) -> None:
        """Note one more problem.

        Raises:
            DocumentError: The limit is passed: no document makes the list of its own errors endless.
        """
        if len(self.found) >= self.limit:
            stopped = f"reading stopped after {self.limit} problems"
            raise DocumentError([*self.found, Problem("too_many_problems", "", message=stopped)])
        self.found.append(Problem(code, path, message=message))

    def extend(self, error: DocumentError) -> None:
        """Note what another reader found."""
        for problem in error.problems:
            self.add(problem.code, problem.path, problem.message)

    def done(self) -> None:
        """End the reading.

        Raises:
            DocumentError: Something was found.
        """
        if self.found:
            raise DocumentError(self.found)


def _visible(text: str) -> str:
    return text if text.isprintable() else "".join(char if char.isprintable() else "\ufffd" for char in text)


def pointer(path: str, key: str | int) -> str:
    """Extend a JSON Pointer (RFC 6901) by one step.

    A key of more than 255 characters is cut, and a character that cannot be shown is written as U+FFFD.
    """
    step = str(key)
    if len(step) > _STEP_LENGTH:
        step = step[: _STEP_LENGTH - 1] + "…"
    return f"{path}/{_visible(step).replace('~', '~0').replace('/', '~1')}"


def short(value: object) -> str:
    """Show a value in about 40 characters, as a document spells it."""
    match value:
        case None | bool():
            return json.dumps(value)
        case str():
            return f'"{_visible(value if len(value) <= _SHOWN else value[: _SHOWN - 3] + "...")}"'
        case int():
            return str(value) if abs(value) < 10**_SHOWN else f"an integer of {value.bit_length()} bits"
        case float():
            return str(value)
        case Mapping():
            return "an object"
        case list() | tuple():
            return "a list"
        case _:
            return f"a Python {type(value).__name__}"


def suggestion(word: str, known: Iterable[str]) -> str:
    """End a message about an unknown word: "did you mean" where one is near, else a list of the known."""
    names = list(islice(known, _GUESSED))
    # Likeness costs the square of the length.
    near = get_close_matches(word, names, n=1) if len(word) <= 2 * _SHOWN else []
    if near:
        return f"did you mean {short(near[0])}?"
    listed = ", ".join(short(name) for name in names[:_LISTED])
    return f"known are {listed}{', ...' if len(names) > _LISTED else ''}"


def likely(words: Iterable[str], known: Iterable[str]) -> str | None:
    """Find the first of some words that is a misspelling of a name; only the first fifty are looked at."""
    names = tuple(known)
    return next((word for word in islice(words, _GUESSED) if meant(word, names) is not None), None)


def meant(word: str, known: Iterable[str]) -> str | None:
    """Find the known name that a word is a misspelling of; None where it may well be a name of its own.

    It is one where they differ by nothing but case, hyphens and underscores; else, from 4 letters on, by one letter
    that is missing, too many, wrong, or in its neighbour's place; from 8 letters on, by two.
    """
    if len(word) > 2 * _SHOWN:
        return None
    written = _letters(word)
    near: list[tuple[int, str]] = []
    for name in known:
        read = _letters(name)
        shorter = min(len(written), len(read))
        most = 0 if shorter < _WORD else 1 if shorter < _LONG_WORD else 2
        if (apart := _distance(written, read)) <= most:
            near.append((apart, name))
    return min(near)[1] if near else None


def _letters(word: str) -> str:
    return "".join(char for char in word.casefold() if char not in "-_ ")


def _distance(one: str, other: str) -> int:
    """Count by how many letters two words differ: the optimal string alignment distance."""
    before: list[int] = []
    row = list(range(len(other) + 1))
    for index, char in enumerate(one):
        earlier, before, row = before, row, [index + 1]
        for place, letter in enumerate(other):
            least = min(before[place] + (char != letter), before[place + 1] + 1, row[place] + 1)
            if index and place and char == other[place - 1] and one[index - 1] == letter:
                least = min(least, earlier[place - 1] + 1)
            row.append(least)
    return row[-1]
