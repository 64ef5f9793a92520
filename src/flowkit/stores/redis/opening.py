"""How a store is opened: the client, whether the server keeps what it accepts, and which store lies there already."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, Final

from flowkit.errors import ConfigurationError, StoreVersionError, UnsafeServer
from flowkit.stores.redis.failures import translated
from flowkit.stores.redis.layout import Layout
from flowkit.stores.redis.wire import Client, Wire

__all__ = ["SCHEMA_VERSION", "connect", "open_layout", "refuse_unsafe"]

SCHEMA_VERSION: Final = 1
"""The version of the keys and rows; a store of a later one is refused."""
_OLDEST: Final = (6, 2)
_PATIENCE: Final = 10.0


def connect(url: str) -> Client:
    """Make a client of a URL, ``redis://``, ``rediss://`` or ``unix://``; what the URL says of time-outs wins.

    Raises:
        ConfigurationError: redis-py is not installed, or the URL names no server.
    """
    try:
        from redis import Redis  # noqa: PLC0415 - an extra: only who gives a URL needs it
    except ImportError as error:
        message = "RedisStore on a URL needs redis-py: install flowkit-journeys[redis], or pass a client"
        raise ConfigurationError(message) from error
    try:
        make: Callable[..., Client] = getattr(Redis, "from_url")  # noqa: B009 - its options have no types
        client = make(url, socket_timeout=_PATIENCE, socket_connect_timeout=_PATIENCE)
    except ValueError as error:
        message = f"{url!r} is not the URL of a server: {error}"
        raise ConfigurationError(message) from error
    return client


def refuse_unsafe(client: Client, *, allow_volatile: bool, allow_eviction: bool) -> None:
    """Look at the settings of every server that the client writes to.

    Raises:
        UnsafeServer: One of them loses what it has accepted.
    """
    with translated():
        told = _told(client)
    for info in told:
        version = str(info.get("redis_version", ""))
        if tuple(map(int, version.split(".")[:2])) < _OLDEST:
            raise UnsafeServer("redis_version", version, "the scripts need 6.2 or later, or any Valkey")
        policy = str(info.get("maxmemory_policy", ""))
        if policy != "noeviction" and not allow_eviction:
            raise UnsafeServer(
                "maxmemory-policy",
                policy,
                "it throws runs away when memory gets short; set noeviction, or pass allow_eviction=True where the "
                "server keeps nothing that matters",
            )
        if not int(info.get("aof_enabled", 0)) and not allow_volatile:
            raise UnsafeServer(
                "appendonly",
                "no",
                "what was accepted since the last snapshot is lost with the process; set appendonly yes, or pass "
                "allow_volatile=True where that may be lost",
            )


def _told(client: Client) -> list[Mapping[str, Any]]:
    """Read what servers say of themselves: of a cluster, every primary."""
    sections = ("server", "memory", "persistence")
    primaries: Any = getattr(client, "get_primaries", None)
    if primaries is None:
        merged: dict[str, Any] = {}
        for section in sections:
            merged |= client.execute_command("INFO", section)
        return [merged]
    told: list[Mapping[str, Any]] = []
    for node in primaries():
        own: dict[str, Any] = {}
        for section in sections:
            own |= client.execute_command("INFO", section, target_nodes=node)
        told.append(own)
    return told


def open_layout(wire: Wire, prefix: str, parts: int) -> Layout:
    """Give the layout of the store under a prefix; what it is stands there from the first opening on.

    Raises:
        ConfigurationError: It was made with another number of partitions.
        StoreVersionError: It was written by a later version.
    """
    layout = Layout(prefix, parts)
    schema, known, _ = wire.run("open", layout.meta, {"schema": SCHEMA_VERSION, "parts": parts})
    if int(schema) > SCHEMA_VERSION:
        message = (
            f"the store {prefix!r} has schema {schema}, and this version of flowkit knows {SCHEMA_VERSION}: "
            "install a later one; nothing was written"
        )
        raise StoreVersionError(message)
    if int(known) != parts:
        message = f"the store {prefix!r} was made with {known} partitions, not {parts}: pass partitions={known}"
        raise ConfigurationError(message)
    return layout
