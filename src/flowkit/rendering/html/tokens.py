"""What the scanner finds: spans of the source, which is never copied."""

from __future__ import annotations

from typing import NamedTuple, TypeAlias

__all__ = ["Attribute", "Comment", "EndTag", "StartTag", "Text", "Token"]


class Attribute(NamedTuple):
    """An attribute of a start tag.

    Attributes:
        name: In lower case.
        start: Where the name begins.
        end: Behind the value and its closing quote.
        value_start: Where the value begins, behind an opening quote; -1 where there is none.
        value_end: Behind the value's last character; -1 where there is none.
        quote: ``"``, ``'``, or nothing.
    """

    name: str
    start: int
    end: int
    value_start: int = -1
    value_end: int = -1
    quote: str = ""


class Text(NamedTuple):
    """Characters between tags, with their references as written.

    Attributes:
        start: Where it begins.
        end: Behind its last character.
        element: The element that it fills where that one holds text only (``title``, ``style``, ...); else empty.
        conditional: Whether it stands in a conditional comment, which Outlook alone reads.
    """

    start: int
    end: int
    element: str = ""
    conditional: bool = False


class StartTag(NamedTuple):
    """A start tag.

    Attributes:
        name: In lower case.
        start: Where its ``<`` stands.
        end: Behind its ``>``.
        attributes: In order; of two with one name browsers read the first.
        conditional: Whether it stands in a conditional comment.
    """

    name: str
    start: int
    end: int
    attributes: tuple[Attribute, ...]
    conditional: bool = False

    def attribute(self, name: str) -> Attribute | None:
        """Find the attribute of a name, which is in lower case."""
        return next((one for one in self.attributes if one.name == name), None)


class EndTag(NamedTuple):
    """An end tag; attributes on it mean nothing and are not kept."""

    name: str
    start: int
    end: int
    conditional: bool = False


class Comment(NamedTuple):
    """What nobody sees: a comment, a doctype or another declaration, either end of a conditional comment."""

    start: int
    end: int


Token: TypeAlias = Text | StartTag | EndTag | Comment
