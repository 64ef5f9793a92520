"""Text that is fit to be drawn: nothing invisible in it, as wide as is known, cut where it is too long.

Nobody asks a font here, so widths are estimated, rather too wide than too narrow: they are those of DejaVu Sans, which
is among the widest of the fonts that a reader's machine may take.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Final
from unicodedata import category, combining, east_asian_width

__all__ = ["BOLD", "clean", "cut", "cut_columns", "width"]

BOLD: Final = 1.12
"""How much wider bold text is."""

_ELLIPSIS: Final = "…"
_JOINERS: Final = "\u200c\u200d"
_REPLACED: Final = "\ufffd"
_MOST_READ: Final = 2_000
_MOST_MARKS: Final = 3
_ASCII: Final = 127
_WIDE: Final = 1.24
_LETTER: Final = 0.63
_EMS: Final = {
    char: ems
    for chars, ems in (
        ("ijl|'", 0.3),
        (" ,.:;`I", 0.34),
        ("frt!()[]/\\-", 0.42),
        ('"*ckszxvyJ_', 0.57),
        ("ABCDEFGHKLNPRSTUVXYZ0123456789", 0.69),
        ("mwMW%@#&+=<>~^", 0.98),
        ("OQ", 0.8),
    )
    for char in chars
}


def clean(text: str) -> str:
    """Make a text one line of visible characters.

    White space becomes single blanks. Signs that order text from right to left and other invisible ones are left out,
    since they would reach beyond the text that they stand in; what no XML may hold becomes U+FFFD.
    """
    shown: list[str] = []
    marks = 0
    for char in text[:_MOST_READ]:
        kind = category(char)
        # A pile of accents would reach into the lines above and below.
        marks = marks + 1 if kind in {"Mn", "Me"} else 0
        if char.isspace():
            shown.append(" ")
        elif kind in {"Cc", "Cs", "Cn"}:
            shown.append(_REPLACED)
        elif marks <= _MOST_MARKS and (kind != "Cf" or char in _JOINERS):
            shown.append(char)
    return " ".join("".join(shown).split())


def width(text: str, size: float) -> float:
    """Estimate how wide a clean text is, in the unit of its size; wide characters count double."""
    return sum(_hundredths(char) for char in text) * size / 100


def cut(text: str, size: float, room: float) -> str:
    """Clean a text, and cut it with an ellipsis where it is wider than the room."""
    text = clean(text)
    return _cut_at(text, room * 100 / size, _hundredths)


def cut_columns(text: str, columns: int) -> str:
    """Clean a text, and cut it with an ellipsis where it has more columns; wide characters have two."""
    return _cut_at(clean(text), columns, _columns)


def _cut_at(text: str, room: float, measure: Callable[[str], int]) -> str:
    used, kept, end = 0, 0, measure(_ELLIPSIS)
    for index, char in enumerate(text):
        if used + end <= room:
            kept = index
        used += measure(char)
        if used > room:
            return text[:kept].rstrip(f" {_JOINERS}") + _ELLIPSIS
    return text


def _hundredths(char: str) -> int:
    # Whole numbers: sums of floats differ between versions of Python, and pictures must not.
    return round(100 * _ems(char))


def _ems(char: str) -> float:
    if ord(char) <= _ASCII:
        return _EMS.get(char, _LETTER)
    if not _columns(char):
        return 0
    if east_asian_width(char) in "WF" or category(char) == "So":
        return _WIDE
    return 0.75 if category(char) in {"Ll", "Lo", "Po"} else 0.98


def _columns(char: str) -> int:
    if combining(char) or category(char) in {"Mn", "Me", "Cf"}:
        return 0
    return 2 if east_asian_width(char) in "WF" else 1
