"""Where the tags of a template stand, for those who read its HTML and not its program."""

from __future__ import annotations

import re
from typing import Final

__all__ = ["holes"]

_BEGIN: Final = re.compile(r"\{[{%#]")
_END: Final = {"{{": "}}", "{%": "%}"}
_STEP: Final = re.compile(r"""["'()\[\]{}%]""")
_STRING: Final = {
    '"': re.compile(r'"(?:[^"\\]|\\.)*+"', re.DOTALL),
    "'": re.compile(r"'(?:[^'\\]|\\.)*+'", re.DOTALL),
}


def holes(source: str) -> list[tuple[int, int]]:
    """Find a template's tags: what prints, what steers, and comments.

    Args:
        source: A template that can be compiled; behind a tag that does not end nothing is found.

    Returns:
        Where each begins, and the place behind it; in order and apart.
    """
    found: list[tuple[int, int]] = []
    at = 0
    while (begin := _BEGIN.search(source, at)) is not None:
        end = _end(source, begin.end(), begin[0])
        if end < 0:
            break
        found.append((begin.start(), end))
        at = end
    return found


def _end(source: str, at: int, opening: str) -> int:
    """Give the place behind a tag; -1 where it does not end."""
    if opening == "{#":
        end = source.find("#}", at)
        return end if end < 0 else end + 2
    closing = _END[opening]
    depth = 0
    while (step := _STEP.search(source, at)) is not None:
        at, sign = step.start(), step[0]
        if depth == 0 and source.startswith(closing, at):
            return at + 2
        if sign in _STRING:
            whole = _STRING[sign].match(source, at)
            if whole is None:
                return -1
            at = whole.end()
            continue
        if sign in "([{":
            depth += 1
        elif sign in ")]}":
            depth = max(0, depth - 1)
        at += 1
    return -1
