"""Messages as bytes on the wire: a small writer of headers and parts (RFC 5322, 2045 to 2047).

The standard library's writer is not used for headers: on patch releases of Python 3.11 and 3.12 that are still in use
it turns a line break within an encoded word into a header of its own (CVE-2024-6923), and folds long URLs into
encoded words. What is written here is ASCII but for internationalized addresses, every line ends with CRLF, and no
value can end its header.
"""

from __future__ import annotations

import re
from base64 import b64encode, encodebytes
from binascii import b2a_qp
from collections.abc import Sequence
from datetime import datetime
from email.utils import format_datetime
from typing import Final

from flowkit.adapters.addresses import Mailbox
from flowkit.errors import FlowkitError
from flowkit.hashing import content_hash
from flowkit.rendering.lines import one_line
from flowkit.rendering.model import OutgoingMessage

__all__ = ["MimeError", "address_header", "header", "message_id", "to_mime"]

_LINE: Final = 78
_LONGEST_LINE: Final = 998
_ENCODED_LINE: Final = 76
_ENCODED_FRAME: Final = len("=?utf-8?q??=")
_ENCODED_OCTETS: Final = 57  # in a line of base64
_QUOTED_LENGTH: Final = 60
_NAME: Final = re.compile(r"[!-9;-~]{1,50}")
_RESERVED: Final = re.compile(
    r"bcc|cc|content-.*|date|dkim-signature|from|message-id|mime-.*|received|reply-to|resent-.*|return-path|sender"
    r"|subject|to",
    re.IGNORECASE,
)
_PHRASE: Final = re.compile(r"[A-Za-z0-9!#$%&'*+/=?^_`{|}~-]+(?: [A-Za-z0-9!#$%&'*+/=?^_`{|}~-]+)*")
_Q: Final = tuple(
    chr(byte) if chr(byte).isascii() and (chr(byte).isalnum() or chr(byte) in "!*+-/") else f"={byte:02X}"
    for byte in range(256)
)


class MimeError(FlowkitError):
    """A message cannot be written as mail.

    Attributes:
        reason: Why, for the journal; no content is quoted.
    """

    def __init__(self, reason: str) -> None:
        self.reason = reason
        super().__init__(reason)


def message_id(key: str, domain: str) -> str:
    """Derive the Message-ID from an idempotency key: every attempt bears the same one, and it tells nothing of the key.

    Args:
        key: The message's key.
        domain: The sender's domain, in ASCII.
    """
    return f"<{content_hash(f'message-id:{key}')}@{domain}>"


def to_mime(
    message: OutgoingMessage,
    *,
    sender: Mailbox,
    to: str,
    message_id: str,
    date: datetime,
    reply_to: Mailbox | None = None,
) -> bytes:
    """Write a message: one part, or the plain and the HTML part as alternatives.

    Args:
        message: What it says; its further headers may not be those that are written here.
        sender: From whom.
        to: The one recipient, as ``address`` gives it. Where it is not ASCII it stands in UTF-8 in its header
            (RFC 6532), as a server that takes SMTPUTF8 reads it; all else is ASCII.
        message_id: With angle brackets.
        date: An aware instant.
        reply_to: Where answers go; None leaves that to From.

    Raises:
        MimeError: There is no part, or a further header is not acceptable.
    """
    lines = [
        header("Date", format_datetime(date)),
        address_header("From", sender),
        address_header("To", Mailbox(to)),
        header("Subject", message.subject or ""),
        header("Message-ID", message_id),
        "MIME-Version: 1.0",
    ]
    if reply_to is not None:
        lines.append(address_header("Reply-To", reply_to))
    lines += [_further(name, value) for name, value in message.headers.items()]
    parts = [_part(kind, text) for kind, text in (("plain", message.text), ("html", message.html)) if text is not None]
    match parts:
        case []:
            raise MimeError("nothing to send: the message has neither a text nor an HTML part")
        case [part]:
            return _written(lines) + part + b"\r\n"
        case _:
            # Neither base64 nor quoted-printable can hold this mark, so no content can end its part.
            mark = f"=_{content_hash(f'boundary:{message.key}')}"
            lines.append(f'Content-Type: multipart/alternative;\r\n boundary="{mark}"')
            opening, closing = f"\r\n--{mark}\r\n".encode(), f"\r\n--{mark}--\r\n".encode()
            return _written(lines) + opening + opening.join(parts) + closing


def _written(lines: Sequence[str]) -> bytes:
    # All is ASCII but an internationalized address.
    return "".join(f"{line}\r\n" for line in lines).encode()


def _part(kind: str, text: str) -> bytes:
    data = text.replace("\r\n", "\n").replace("\r", "\n").encode(errors="replace")
    encoding, encoded = "quoted-printable", b2a_qp(data)
    # What is inside base64 is a text with line ends of the wire as well.
    length = len(data) + data.count(b"\n")
    if -(-length // 3) * 4 + length // _ENCODED_OCTETS < len(encoded):
        encoding, encoded = "base64", encodebytes(data.replace(b"\n", b"\r\n")).rstrip(b"\n")
    head = [f'Content-Type: text/{kind}; charset="utf-8"', f"Content-Transfer-Encoding: {encoding}", ""]
    return _written(head) + encoded.replace(b"\n", b"\r\n")


def _further(name: str, value: str) -> str:
    if not _NAME.fullmatch(name) or _RESERVED.fullmatch(name):
        raise MimeError("a further header has a name that is reserved or is none")
    return header(name, value)


def header(name: str, value: str) -> str:
    """Write a header of free text, folded at 78 characters where it has spaces.

    The value is put on one line first. It is written as it stands where it is printable ASCII, and otherwise, or where
    it holds ``=?`` or begins or ends with a space, as encoded words.

    Raises:
        MimeError: A value in ASCII has a word that no line can hold.
    """
    value = one_line(value)
    if value.isascii() and "=?" not in value and value == value.strip(" "):
        return _folded(name, re.findall(" *[^ ]+", value))
    return _folded(name, _encoded_words(value, len(name) + 2))


def address_header(name: str, *mailboxes: Mailbox) -> str:
    """Write a header that holds addresses, each with its name where it has one."""
    words: list[str] = []
    for index, mailbox in enumerate(mailboxes):
        one = _address_words(mailbox, len(name) + 2)
        if index:
            words[-1] += ","
            one[0] = f" {one[0]}"
        words += one
    return _folded(name, words)


def _address_words(mailbox: Mailbox, used: int) -> list[str]:
    shown = mailbox.name
    if not shown:
        return [mailbox.address]
    if "=?" not in shown and _PHRASE.fullmatch(shown):
        words = re.findall(" ?[^ ]+", shown)
    elif "=?" not in shown and shown.isascii() and len(shown) <= _QUOTED_LENGTH:
        words = ['"' + re.sub(r'(["\\])', r"\\\1", shown) + '"']
    else:
        words = _encoded_words(shown, used)
    return [*words, f" <{mailbox.address}>"]


def _folded(name: str, words: Sequence[str]) -> str:
    """Set words, each of them but the first with the spaces before it, in lines."""
    limit = _ENCODED_LINE if any(word.lstrip().startswith("=?") for word in words) else _LINE
    lines = [f"{name}:"]
    for index, word in enumerate(words):
        piece = word if index else f" {word}"
        if index and len(lines[-1]) + len(piece) > limit:
            lines.append(piece)
        else:
            lines[-1] += piece
    if any(len(line) > _LONGEST_LINE for line in lines):
        raise MimeError(f"the header {name} has a word that is too long for a line")
    return "\r\n".join(lines)


def _encoded_words(text: str, used: int) -> list[str]:
    """Write a text as encoded words of at most 75 characters, none of which splits a character.

    ``used`` characters of the first line are taken already.
    """
    kind, encode = min((("q", _q), ("b", _b)), key=lambda one: len(one[1](text.encode())))
    words: list[str] = []
    room = _ENCODED_LINE - used - _ENCODED_FRAME
    taken = ""
    for character in text:
        if taken and len(encode((taken + character).encode())) > room:
            words.append(taken)
            taken, room = "", _ENCODED_LINE - 1 - _ENCODED_FRAME
        taken += character
    words.append(taken)
    return [f"{' ' if index else ''}=?utf-8?{kind}?{encode(word.encode())}?=" for index, word in enumerate(words)]


def _q(data: bytes) -> str:
    return "".join("_" if byte == ord(" ") else _Q[byte] for byte in data)


def _b(data: bytes) -> str:
    return b64encode(data).decode("ascii")
