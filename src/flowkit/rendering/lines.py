"""Text that has to stay on one line: subjects, display names and header values."""

from __future__ import annotations

import re
from typing import Final

__all__ = ["one_line"]

_SPACE: Final = re.compile(r"\s+")
# What str.splitlines breaks at.
_BREAK: Final = re.compile("[\n\v\f\r\x1c-\x1e\x85\u2028\u2029]")
# C0 and C1 controls, and the bidirectional controls that reorder the text around them.
_CONTROL: Final = re.compile("[\x00-\x1f\x7f-\x9f\u202a-\u202e\u2066-\u2069]")
_SURROGATE: Final = re.compile("[\ud800-\udfff]")


def one_line(text: str) -> str:
    """Put a text on one line that any encoder takes.

    Returns:
        The text, in which white space that holds a line break is one space, a tab is a space, control
        characters and bidirectional embeddings, overrides and isolates are gone, and a lone surrogate is
        U+FFFD. Twice is as once.
    """
    if text.isascii() and text.isprintable():
        return text
    text = _SPACE.sub(_space, text)
    return _SURROGATE.sub("\ufffd", _CONTROL.sub("", text))


def _space(found: re.Match[str]) -> str:
    run = found[0]
    return " " if _BREAK.search(run) else run.replace("\t", " ")
