"""Tokens in links and headers: what they say can be read by anybody, and written by nobody but their host."""

from __future__ import annotations

import hmac
import json
import re
from base64 import urlsafe_b64decode, urlsafe_b64encode
from collections.abc import Mapping, Sequence
from datetime import datetime
from enum import StrEnum
from typing import Final

from attrs import frozen

from flowkit.documents import is_list
from flowkit.errors import ConfigurationError, FlowkitError

__all__ = ["LONGEST_TOKEN", "LinkToken", "LinkTokens", "TokenError", "TokenFault"]

_KEY_ID: Final = re.compile(r"[A-Za-z0-9_-]{1,20}")
_SHORTEST_KEY: Final = 16
LONGEST_TOKEN: Final = 4_000
"""Characters of a token; what is longer is not read."""
_MAC_OCTETS: Final = 16
_PARTS: Final = 3
_FIELDS: Final = 2


class TokenFault(StrEnum):
    """Why a token is not taken."""

    MALFORMED = "malformed"
    """It is no token, or was cut off."""
    UNKNOWN_KEY = "unknown_key"
    """It was signed with a key that is no longer known, or never was."""
    FORGED = "forged"
    """It was not signed with its key, or was signed for another purpose."""
    EXPIRED = "expired"
    """Its time is over."""


class TokenError(FlowkitError):
    """A token is not taken.

    Attributes:
        fault: Why; the token itself is not quoted.
    """

    def __init__(self, fault: TokenFault) -> None:
        self.fault = fault
        super().__init__(f"the token is not taken: {fault}")

    def __reduce__(self) -> tuple[type[TokenError], tuple[TokenFault]]:
        return (type(self), (self.fault,))


@frozen
class LinkToken:
    """What a token says.

    Attributes:
        fields: What was signed, in order.
        key_id: With which key.
        expires: When its time is over; None where it does not end.
    """

    fields: tuple[str, ...]
    key_id: str
    expires: datetime | None


class LinkTokens:
    """Signs and checks tokens with HMAC-SHA-256, cut to 128 bits (RFC 2104, section 5).

    The same fields under the same key give the same token. A token says what it says in base64, so put no secret in it.
    To change keys, add one, make it the current one, and take the old one out when its links no longer matter.
    """

    def __init__(self, keys: Mapping[str, bytes], *, current: str) -> None:
        """Take the keys.

        Args:
            keys: Secret keys of at least 16 random octets, by ids of up to 20 letters, digits, ``-`` and ``_``.
            current: The id of the one that signs; all of them check.

        Raises:
            ConfigurationError: A key is too short, an id is none, or the current one is not there.
        """
        for key_id, key in keys.items():
            if not _KEY_ID.fullmatch(key_id):
                raise ConfigurationError(f"{key_id!r} is no id of a key: use up to 20 letters, digits, - and _")
            if len(key) < _SHORTEST_KEY:
                raise ConfigurationError(f"the key {key_id!r} has less than {_SHORTEST_KEY} octets: use random ones")
        if current not in keys:
            raise ConfigurationError(f"no key has the id {current!r}, which is to sign")
        self._keys = dict(keys)
        self._current = current

    def __repr__(self) -> str:
        # The keys are secret.
        return f"LinkTokens(current={self._current!r})"

    def sign(self, purpose: str, fields: Sequence[str], *, expires: datetime | None = None) -> str:
        """Sign fields.

        Args:
            purpose: What the token is for; it is taken for nothing else.
            fields: What it says.
            expires: An aware instant from which it is no longer taken, in whole seconds; None for ever.

        Returns:
            The token: letters, digits, ``-``, ``_`` and ``.``.

        Raises:
            ConfigurationError: ``expires`` is a naive instant.
        """
        if expires is not None and expires.tzinfo is None:
            raise ConfigurationError("expires must be an aware instant, such as datetime.now(UTC) + timedelta(days=30)")
        content = [list(fields), None if expires is None else int(expires.timestamp())]
        text = json.dumps(content, ensure_ascii=False, separators=(",", ":"))
        payload = _encoded(text.encode(errors="surrogatepass"))
        mac = self._mac(self._keys[self._current], purpose, payload)
        return f"{self._current}.{payload}.{_encoded(mac)}"

    def verify(self, purpose: str, token: str, *, now: datetime) -> LinkToken:
        """Read a token.

        Args:
            purpose: What it has to be for.
            token: Whatever came in.
            now: The present instant, aware.

        Raises:
            TokenError: It is not taken; its ``fault`` says why.
        """
        parts = token.split(".") if len(token) <= LONGEST_TOKEN else []
        if len(parts) != _PARTS:
            raise TokenError(TokenFault.MALFORMED)
        key_id, payload, given = parts
        mac = _decoded(given)
        if not _KEY_ID.fullmatch(key_id) or len(mac) != _MAC_OCTETS:
            raise TokenError(TokenFault.MALFORMED)
        key = self._keys.get(key_id)
        if key is None:
            raise TokenError(TokenFault.UNKNOWN_KEY)
        if not hmac.compare_digest(self._mac(key, purpose, payload), mac):
            raise TokenError(TokenFault.FORGED)
        # From here on it is our own writing.
        fields, expires = _read(payload)
        if expires is None:
            return LinkToken(fields, key_id, None)
        if now.timestamp() >= expires:
            raise TokenError(TokenFault.EXPIRED)
        return LinkToken(fields, key_id, datetime.fromtimestamp(expires, tz=now.tzinfo))

    @staticmethod
    def _mac(key: bytes, purpose: str, payload: str) -> bytes:
        # No payload holds a full stop, so no purpose runs into one.
        signed = f"flowkit.link.1.{purpose}.{payload}".encode(errors="surrogatepass")
        return hmac.digest(key, signed, "sha256")[:_MAC_OCTETS]


def _encoded(data: bytes) -> str:
    return urlsafe_b64encode(data).rstrip(b"=").decode("ascii")


def _decoded(text: str) -> bytes:
    """Read base64; only what `_encoded` writes is read, so that no token can be written in two ways."""
    try:
        data = urlsafe_b64decode(text.encode("ascii") + b"=" * (-len(text) % 4))
    except ValueError as error:
        raise TokenError(TokenFault.MALFORMED) from error
    if _encoded(data) != text:
        raise TokenError(TokenFault.MALFORMED)
    return data


def _read(payload: str) -> tuple[tuple[str, ...], int | None]:
    try:
        content: object = json.loads(_decoded(payload))
    except ValueError as error:
        raise TokenError(TokenFault.MALFORMED) from error
    if not is_list(content) or len(content) != _FIELDS:
        raise TokenError(TokenFault.MALFORMED)
    fields: object = content[0]
    expires: object = content[1]
    if not is_list(fields) or not (expires is None or isinstance(expires, int)):
        raise TokenError(TokenFault.MALFORMED)
    return tuple(str(one) for one in fields), expires
