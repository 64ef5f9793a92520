"""How the one orchestration is driven: by ``await``, or without an event loop where no port ever waits."""

from __future__ import annotations

import inspect
from collections.abc import Awaitable, Coroutine, Mapping
from contextlib import suppress
from typing import Any, Final, TypeVar, cast

from flowkit.errors import ConfigurationError, PortSuspended
from flowkit.ports import Maybe

__all__ = ["refuse_suspending", "resolve", "run_sync", "wait_for"]

T = TypeVar("T")


async def resolve(port: str, value: Maybe[T]) -> T:
    """Take what a port returned, waiting for it where it is an awaitable.

    Args:
        port: The port and method, such as ``store.claim``.
        value: What the method returned.
    """
    # Not inspect.isawaitable, which takes as long as many a call that it would look at.
    if hasattr(value, "__await__"):
        return await wait_for(port, cast("Awaitable[T]", value))
    return cast("T", value)  # type: ignore[redundant-cast] # the two checkers disagree on what is left of Maybe


async def wait_for(port: str, awaitable: Awaitable[T]) -> T:  # noqa: ARG001 - see its description
    """Wait for a port.

    Args:
        port: The port and method; ``run_sync`` reads it from this frame where it must not wait.
        awaitable: What the method returned.
    """
    return await awaitable


def run_sync(coroutine: Coroutine[Any, Any, T]) -> T:
    """Run a coroutine whose ports never wait to its end.

    Raises:
        PortSuspended: A port did wait; the coroutine is closed, and whatever it had not committed is not done.
    """
    try:
        coroutine.send(None)
    except StopIteration as stop:
        return cast("T", stop.value)
    port = _suspended_port(coroutine)
    _close(coroutine)
    raise PortSuspended(port)


def _close(coroutine: Coroutine[Any, Any, Any]) -> None:
    """Close a coroutine, also where what it does at the end would wait again."""
    while inspect.getcoroutinestate(coroutine) != inspect.CORO_CLOSED:
        with suppress(RuntimeError):  # "coroutine ignored GeneratorExit": it waits for something else now.
            coroutine.close()


def _suspended_port(coroutine: Coroutine[Any, Any, Any]) -> str:
    """Find the port that a suspended coroutine waits for: the innermost ``wait_for`` on its way down."""
    port = "a port"
    inner: object = coroutine
    while inspect.iscoroutine(inner):
        frame = inner.cr_frame
        if inner.cr_code is wait_for.__code__ and frame is not None:
            port = str(frame.f_locals["port"])
        inner = inner.cr_await
    return port


_NEVER_SUSPENDS: Final = "never_suspends"


def refuse_suspending(ports: Mapping[str, object]) -> None:
    """Refuse ports that are made to wait, for an engine that cannot.

    Args:
        ports: The ports by name. A port whose methods are ``async def`` but never wait may say so with an attribute
            ``never_suspends = True``.

    Raises:
        ConfigurationError: A public method of a port is ``async def``.
    """
    for name, port in ports.items():
        if port is None or getattr(port, _NEVER_SUSPENDS, False):
            continue
        for method in dir(type(port)):
            if not method.startswith("_") and inspect.iscoroutinefunction(inspect.getattr_static(port, method)):
                message = (
                    f"{name}.{method} is async def, but Engine runs without an event loop: use AsyncEngine, "
                    f"or set {_NEVER_SUSPENDS} = True on a port that never waits"
                )
                raise ConfigurationError(message)
