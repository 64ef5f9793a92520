"""How a value is written for the place where it stands: text, an attribute, a URL, a style."""

from __future__ import annotations

import re
from typing import Final

from flowkit.rendering.values import BadValueError, Printable

__all__ = ["attribute", "clean", "style", "text", "url_middle", "url_start"]

SCHEMES: Final = frozenset({"http", "https", "mailto", "sms", "tel"})
# What browsers take out of a URL before they read it.
_IGNORED: Final = re.compile("[\x00-\x20\x7f-\x9f]+")
_SCHEME: Final = re.compile(r"[^:/?#\\]*:")
_STYLE: Final = re.compile(r"[A-Za-z0-9#%., _-]*")
# The bidirectional embeddings, overrides and isolates, which reorder the text around them.
_BIDI: Final = re.compile("[\u202a-\u202e\u2066-\u2069]")


def text(value: Printable) -> str:
    """Write a value between tags, or into a quoted attribute: it holds no markup and ends no quotes."""
    written = str(value)
    if written.isalnum():
        return written
    return (
        written.replace("&", "&amp;")
        .replace("<", "&lt;")
        .replace(">", "&gt;")
        .replace('"', "&#34;")
        .replace("'", "&#39;")
    )


attribute: Final = text


def url_start(value: Printable) -> str:
    """Write a value at the beginning of a URL: one with an allowed scheme, or with none.

    Raises:
        BadValueError: ``bad_url``: its scheme is another one.
    """
    written = str(value).strip()
    plain = _IGNORED.sub("", written)
    scheme = _SCHEME.match(plain)
    if scheme is not None and scheme[0][:-1].lower() not in SCHEMES:
        raise BadValueError("bad_url")
    return text(written)


def url_middle(value: Printable) -> str:
    """Write a value into a URL where it might complete a scheme, which it then does not."""
    return text(str(value).replace(":", "%3A"))


def style(value: Printable) -> str:
    """Write a value into a style attribute: a word, a colour or a length, and no more.

    Raises:
        BadValueError: ``bad_style``: it holds something else.
    """
    written = str(value)
    if not _STYLE.fullmatch(written):
        raise BadValueError("bad_style")
    return written


def clean(part: str) -> str:
    """Take what no part may hold out of a finished one: lone surrogates and bidirectional controls."""
    if part.isascii():
        return part
    return _BIDI.sub("", part).encode(errors="replace").decode()
