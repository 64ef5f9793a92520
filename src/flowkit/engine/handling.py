"""How the host's own actions are called: what each handler says of itself, and what is refused of it."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import timedelta
from inspect import iscoroutinefunction
from typing import Final

from attrs import frozen

from flowkit.errors import ConfigurationError
from flowkit.ports import Handler

__all__ = ["NO_HANDLERS", "Handling", "refuse_suspending_handlers"]

NO_HANDLERS: Final[Mapping[str, Handler]] = {}
_TIMEOUT: Final = timedelta(seconds=30)
_NO_TIME: Final = timedelta()


@frozen(eq=False)
class Handling:
    """A handler, and how it is called.

    Attributes:
        port: How it is called in messages.
        call: The handler.
        timeout: The longest that one call takes.
        key_window: For how long it honours a key; None where it honours none.
    """

    port: str
    call: Handler
    timeout: timedelta
    key_window: timedelta | None

    @classmethod
    def of(cls, name: object, handler: Handler) -> Handling:
        """Take what a handler says of itself.

        Raises:
            ConfigurationError: It has no name, cannot be called, or says something else than a time.
        """
        if not isinstance(name, str) or not name:
            message = f"a handler is known by a name, not by {name!r}"
            raise ConfigurationError(message)
        port = f"handlers[{name!r}]"
        if not callable(handler):
            message = f"{port} must be a function of requests, not {type(handler).__name__}"
            raise ConfigurationError(message)
        timeout: object = getattr(handler, "timeout", _TIMEOUT)
        key_window: object = getattr(handler, "key_window", None)
        if not isinstance(timeout, timedelta) or timeout <= _NO_TIME:
            message = f"{port}.timeout must be a positive timedelta, not {timeout!r}"
            raise ConfigurationError(message)
        if key_window is not None and not isinstance(key_window, timedelta):
            message = f"{port}.key_window must be a timedelta or None, not {key_window!r}"
            raise ConfigurationError(message)
        return cls(port, handler, timeout, key_window)


def refuse_suspending_handlers(handlers: Mapping[str, Handler]) -> None:
    """Refuse handlers that are made to wait, for an engine that cannot.

    Raises:
        ConfigurationError: A handler is ``async def``, and does not say that it never waits.
    """
    for name, handler in handlers.items():
        if getattr(handler, "never_suspends", False):
            continue
        if iscoroutinefunction(handler) or iscoroutinefunction(type(handler).__call__):
            message = (
                f"handlers[{name!r}] is async def, but Engine runs without an event loop: use AsyncEngine, "
                f"or set never_suspends = True on a handler that never waits"
            )
            raise ConfigurationError(message)
