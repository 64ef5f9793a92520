"""Which addresses may be called where strangers choose the name: the public ones, and those that the host allows."""

from __future__ import annotations

from collections.abc import Iterable
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network, ip_address, ip_network
from typing import Final, TypeAlias

from flowkit.errors import ConfigurationError

__all__ = ["Network", "networks", "refusal"]

Network: TypeAlias = IPv4Network | IPv6Network
"""A range of addresses."""

# Translators lead from these to the IPv4 address in the last 32 bits (RFC 6052, section 2.1).
_TRANSLATED: Final = IPv6Network("64:ff9b::/96")
_LAST_BITS: Final = (1 << 32) - 1


def networks(written: Iterable[str]) -> tuple[Network, ...]:
    """Read networks, such as ``10.0.0.0/8``, ``::1``.

    Raises:
        ConfigurationError: One of them is none.
    """
    found: list[Network] = []
    for one in written:
        try:
            found.append(ip_network(one))
        except ValueError as error:
            message = f"allow: {one!r} is no network, such as 10.0.0.0/8: {error}"
            raise ConfigurationError(message) from error
    return tuple(found)


def refusal(address: str, allowed: Iterable[Network] = ()) -> str:
    """Say why an address may not be called: a word, or empty where it may.

    Args:
        address: The address, as text; an IPv6 address may name a scope.
        allowed: What may be called although it is not public.

    Returns:
        ``loopback``, ``link-local``, ``multicast``, ``IPv4-mapped``, ``unspecified``, ``private``, ``reserved``, or
        ``no address``.
    """
    try:
        found = ip_address(address.partition("%")[0])
    except ValueError:
        return "no address"
    if any(found.version == network.version and found in network for network in allowed):
        return ""
    if isinstance(found, IPv6Address):
        if found.ipv4_mapped is not None:
            return "IPv4-mapped"
        inner = _inner(found)
        if inner is not None:
            return _kind(inner)
    return _kind(found)


def _inner(address: IPv6Address) -> IPv4Address | None:
    """Give the IPv4 address that an IPv6 address leads to by 6to4 or by a translator."""
    if address in _TRANSLATED:
        return IPv4Address(int(address) & _LAST_BITS)
    return address.sixtofour


def _kind(address: IPv4Address | IPv6Address) -> str:
    tests = {
        "unspecified": address.is_unspecified,
        "loopback": address.is_loopback,
        "link-local": address.is_link_local,
        "multicast": address.is_multicast,
        "private": address.is_private or (isinstance(address, IPv6Address) and address.is_site_local),
        "reserved": address.is_reserved or not address.is_global,
    }
    return next((kind for kind, holds in tests.items() if holds), "")
