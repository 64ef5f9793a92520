"""Character references: what ``&amp;`` stands for, by the rules of text and by those of attributes."""

from __future__ import annotations

import re
from html import escape, unescape
from html.entities import html5
from typing import Final

__all__ = ["decode", "decode_attribute", "encode_attribute"]

# Numbers of any length are references; the standard library's reader refuses the longest ones with an exception.
_ZEROS: Final = re.compile(r"&#([xX]?)0++(?=[0-9A-Fa-f])")
_TOO_GREAT: Final = re.compile(r"&#(?:[0-9]{8,}+|[xX][0-9A-Fa-f]{7,}+);?")
_IN_ATTRIBUTE: Final = re.compile(r"&(?:#[0-9]++;?|#[xX][0-9A-Fa-f]++;?|[A-Za-z][A-Za-z0-9]*+;?)(?![=])")


def decode(text: str) -> str:
    """Read the references of a text."""
    if "&" not in text:
        return text
    if "&#" in text:
        text = _TOO_GREAT.sub("\ufffd", _ZEROS.sub(r"&#\1", text))
    return unescape(text)


def decode_attribute(text: str) -> str:
    """Read the references of an attribute's value, where ``?a=1&copy=2`` holds none."""
    if "&" not in text:
        return text
    return _IN_ATTRIBUTE.sub(_decoded, text)


def _decoded(found: re.Match[str]) -> str:
    whole = found[0]
    named = whole[1] != "#"
    return whole if named and whole[1:] not in html5 else decode(whole)


def encode_attribute(text: str) -> str:
    """Write a value for a quoted attribute."""
    return escape(text)
