"""What goes wrong between here and the server, as flowkit's own errors."""

from __future__ import annotations

from collections.abc import Generator
from contextlib import contextmanager
from typing import Final

from flowkit.errors import FlowkitError, StoreBusy, StoreError, StoreFull, StoreReadOnly, StoreUnavailable

__all__ = ["failure", "is_unknown_script", "translated"]

_DRIVERS: Final = ("redis", "valkey")
_LOST: Final = ("LOADING", "CLUSTERDOWN", "MASTERDOWN", "TRYAGAIN", "NOREPLICAS")


def _kinds(error: BaseException) -> frozenset[str]:
    """Name the classes of an error: redis-py and valkey-py have the same ones by name."""
    return frozenset(kind.__name__ for kind in type(error).__mro__)


def is_unknown_script(error: BaseException) -> bool:
    """Whether the server does not know a script by its digest: it was restarted, or is another one."""
    return "NoScriptError" in _kinds(error) or str(error).startswith("NOSCRIPT")


def failure(error: BaseException) -> FlowkitError:
    """Give the error that stands for one of the driver's."""
    kinds, text = _kinds(error), str(error)
    if kinds & {"AuthenticationError", "NoPermissionError"}:
        return StoreError(f"the server refused the user: {text}; nothing was written")
    if kinds & {"ConnectionError", "TimeoutError", "ClusterDownError", "RedisClusterException"} or text.startswith(
        _LOST
    ):
        message = (
            f"the server could not be reached, or was lost in mid-call: {text}; whether a write was kept is not known, "
            "so make the call again"
        )
        return StoreUnavailable(message)
    if "OutOfMemoryError" in kinds or "OOM " in text:
        message = f"the server is full: {text}; nothing was written; raise maxmemory, or make room"
        return StoreFull(message)
    if "ReadOnlyError" in kinds or "READONLY" in text or "MISCONF" in text:
        message = (
            f"the server takes no writes: {text}; nothing was written; write to the primary, and see to its disk where "
            "it cannot persist"
        )
        return StoreReadOnly(message)
    if text.startswith("BUSY"):
        return StoreBusy(f"the server is held up by a script: {text}; nothing was written")
    if "user_script" in text:
        message = (
            f"a script failed: {text}; a part of the call may have been written: somebody else wrote to the store's "
            "keys, or this is a defect of flowkit's"
        )
        return StoreError(message)
    return StoreError(f"the server refused: {text}; nothing was written")


@contextmanager
def translated() -> Generator[None]:
    """Turn the errors of the driver into flowkit's."""
    try:
        yield
    except Exception as error:
        if type(error).__module__.partition(".")[0] not in _DRIVERS:
            raise
        raise failure(error) from error
