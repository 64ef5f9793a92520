"""E-mail addresses: what may be written into an envelope and a header."""

from __future__ import annotations

import re
from typing import Final
from unicodedata import normalize

from attrs import field, frozen

from flowkit.errors import FlowkitError
from flowkit.rendering.lines import one_line

__all__ = ["AddressError", "Mailbox", "address", "mailbox"]

_LENGTH: Final = 254
_LOCAL_LENGTH: Final = 64
_DOMAIN_LENGTH: Final = 253
_ATOM: Final = r"[A-Za-z0-9!#$%&'*+/=?^_`{|}~-]+"
_LOCAL: Final = re.compile(rf"{_ATOM}(?:\.{_ATOM})*")
_SURROGATE: Final = re.compile("[\ud800-\udfff]")
_WIDE_ATOM: Final = r"[A-Za-z0-9!#$%&'*+/=?^_`{|}~\u00a1-\U0010ffff-]+"
_WIDE_LOCAL: Final = re.compile(rf"{_WIDE_ATOM}(?:\.{_WIDE_ATOM})*")
_LABEL: Final = r"[A-Za-z0-9_](?:[A-Za-z0-9_-]{0,61}[A-Za-z0-9_])?"
_DOMAIN: Final = re.compile(rf"{_LABEL}(?:\.{_LABEL})*")
# What makes it more than one address, or something else than an address.
_FOREIGN: Final = re.compile(r"[\s<>()\[\],;:\\\"\x00-\x1f\x7f-\x9f\u200b-\u200f\u2028-\u202e\u2060-\u206f\ufeff]")


class AddressError(FlowkitError):
    """A text is not an address that mail can be sent to from here.

    Attributes:
        reason: A short word for the journal, ``bad address`` or ``smtputf8 needed``; it never holds the address.
    """

    def __init__(self, reason: str) -> None:
        self.reason = reason
        super().__init__(reason)


def _shown(name: str) -> str:
    return one_line(name).strip()


@frozen(repr=False)
class Mailbox:
    """An address and the name to show beside it.

    Attributes:
        address: As ``address`` gives it.
        name: On one line; empty where there is none.
    """

    address: str
    name: str = field(default="", converter=_shown)

    @property
    def domain(self) -> str:
        """The domain of the address, with A-labels."""
        return self.address.rpartition("@")[2]


def address(text: str, *, smtputf8: bool = False) -> str:
    """Check that a text is one bare address, and write it as it goes over the wire.

    Local parts are dot-atoms of RFC 5321 (no quoted ones), at most 64 octets; domains are host names.

    Args:
        text: The address.
        smtputf8: Whether a local part may have letters beyond ASCII (RFC 6531); it is brought to the form NFC.

    Returns:
        The address, with the domain in A-labels: by IDNA 2008 where the package ``idna`` is installed, as with the
        extra ``i18n``, else by IDNA 2003.

    Raises:
        AddressError: ``bad address``, also where IDNA 2003 would turn the domain into another name (``faß.de``);
            ``smtputf8 needed`` where the local part is not ASCII and may not be.
    """
    local, at, domain = text.partition("@")
    if not at or "@" in domain or len(text) > _LENGTH or _FOREIGN.search(text):
        raise AddressError("bad address")
    if local.isascii():
        if len(local) > _LOCAL_LENGTH or not _LOCAL.fullmatch(local):
            raise AddressError("bad address")
    elif smtputf8:
        local = _wide_local(local)
    else:
        raise AddressError("smtputf8 needed")
    return f"{local}@{_ascii_domain(domain)}"


def _wide_local(local: str) -> str:
    """Check a local part with letters beyond ASCII: a dot-atom of what RFC 6531 allows."""
    local = normalize("NFC", local)
    if _SURROGATE.search(local) or not _WIDE_LOCAL.fullmatch(local) or len(local.encode()) > _LOCAL_LENGTH:
        raise AddressError("bad address")
    return local


def _ascii_domain(domain: str) -> str:
    if not domain.isascii():
        try:
            domain = _a_labels(domain)
        except UnicodeError as error:  # what idna raises is one, too
            raise AddressError("bad address") from error
    if len(domain) > _DOMAIN_LENGTH or not _DOMAIN.fullmatch(domain):
        raise AddressError("bad address")
    return domain


def _a_labels(domain: str) -> str:
    try:
        from idna import encode  # noqa: PLC0415 - the extra i18n, whose tables are large
    except ImportError:
        return _by_idna_2003(domain)
    return encode(domain, uts46=True).decode("ascii")


def _by_idna_2003(domain: str) -> str:
    encoded = domain.encode("idna")
    if encoded.decode("idna") != domain.lower():
        # The older standard has another name for it, which may belong to somebody else.
        raise AddressError("bad address")
    return encoded.decode("ascii")


def mailbox(text: str) -> Mailbox:
    """Read an address with or without a name: ``Shop <news@example.com>``, ``"Shop, Inc." <…>``, ``news@example.com``.

    Raises:
        AddressError: As ``address`` does.
    """
    text = text.strip()
    if not text.endswith(">"):
        return Mailbox(address(text))
    name, _, bare = text[:-1].rpartition("<")
    name = name.strip()
    if len(name) > 1 and name[0] == name[-1] == '"':
        name = re.sub(r"\\(.)", r"\1", name[1:-1])
    return Mailbox(address(bare), name)
