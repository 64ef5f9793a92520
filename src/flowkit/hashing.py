"""Keys and shares that are derived, never drawn: the same input gives the same key in every process, for ever.

The functions here are frozen by golden tests: stored data depends on them.
"""

from __future__ import annotations

from collections.abc import Iterable
from hashlib import blake2b, sha1
from math import log1p
from typing import Final

__all__ = ["assign", "content_hash", "digest64", "pack", "run_id"]

# uuid5 of this library's own name space; RFC 9562, section 5.5.
_RUN_NAMESPACE: Final = bytes.fromhex("6f0c1c1c6a3f5d0f9d9bb5f0a2a8f3d1")
# One less than 2 to the 64th would be rounded up to it, and has no logarithm: so a little less than its inverse.
_UNIT: Final = (1 - 2.0**-53) * 2.0**-64
_VARIANTS: Final = {digit: "89ab"[int(digit, 16) & 3] for digit in "0123456789abcdef"}


def pack(*parts: str) -> bytes:
    """Join texts so that no two different lists give the same bytes: each part is preceded by its length.

    Example:
        ``pack("w_1", "2") != pack("w", "1_2")``
    """
    out = bytearray()
    for part in parts:
        raw = part.encode()
        out += len(raw).to_bytes(4, "big")
        out += raw
    return bytes(out)


def run_id(workflow_id: str, subscriber_id: str, cause: str) -> str:
    """Derive the id of a run from what caused it: a UUID version 5 as 32 hexadecimal digits.

    Args:
        workflow_id: The workflow that the run passes through.
        subscriber_id: Whose run it is.
        cause: The event id (or scheduled time, backfill id, starting effect's key) that led to the entry.
    """
    name = f"{len(workflow_id)}:{workflow_id}{len(subscriber_id)}:{subscriber_id}{len(cause)}:{cause}"
    digest = sha1(_RUN_NAMESPACE + name.encode(), usedforsecurity=False).hexdigest()
    # RFC 9562, section 4: the version in the 13th digit, the variant in the upper bits of the 17th.
    return f"{digest[:12]}5{digest[13:16]}{_VARIANTS[digest[16]]}{digest[17:32]}"


def digest64(salt: str, *parts: str) -> int:
    """Hash texts to 64 bits: keyed BLAKE2b over length-delimited parts, uniform and independent between salts."""
    return int.from_bytes(blake2b(pack(*parts), digest_size=8, key=salt.encode()[:64]).digest(), "big")


def assign(salt: str, unit: str, ways: Iterable[tuple[str, float]]) -> str:
    """Assign a unit to one of several ways, each with a share in proportion to its weight.

    Weighted rendezvous hashing (Thaler and Ravishankar 1998): each way draws an exponential variable from 64 bits of
    (salt, unit, label), divided by its weight, and the least wins. So the order of the ways is nothing; a weight that
    grows takes units over from others and moves none between them, and one that shrinks gives some away. The logarithm
    is exact to the last bits where the variable is small, as it is for a winner of little weight, so that a share of a
    millionth is one.

    Args:
        salt: What is decided; other salts decide independently.
        unit: For whom.
        ways: Labels, all different, each with its weight of 0 or more. One of weight 0 is assigned to nobody.

    Returns:
        The label of a way.

    Raises:
        ValueError: No way has a weight above 0.
    """
    base = blake2b(pack(salt, unit), digest_size=8)
    least: tuple[float, str] | None = None
    for label, weight in ways:
        if weight <= 0:
            continue
        drawn = base.copy()
        drawn.update(label.encode())
        score = (-log1p(-int.from_bytes(drawn.digest(), "big") * _UNIT) / weight, label)
        if least is None or score < least:
            least = score
    if least is None:
        message = "give at least one way a weight above 0"
        raise ValueError(message)
    return least[1]


def content_hash(text: str) -> str:
    """Name a text by its content: BLAKE2b with 128 bits, as 32 hexadecimal digits."""
    return blake2b(text.encode(), digest_size=16).hexdigest()
