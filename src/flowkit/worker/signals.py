"""How a process hears that it is to come to its end."""

from __future__ import annotations

import signal
import threading
from collections.abc import Callable, Generator, Sequence
from contextlib import contextmanager
from types import FrameType

from flowkit.errors import ConfigurationError

__all__ = ["listening"]


@contextmanager
def listening(signals: Sequence[signal.Signals], hear: Callable[[], None]) -> Generator[None]:
    """Call something for every signal, in place of whatever was called before.

    Raises:
        ConfigurationError: This is not the main thread, where alone Python handles signals.
    """
    if threading.current_thread() is not threading.main_thread():
        message = "signals are handled in the main thread alone: call run() here, and stop() from there"
        raise ConfigurationError(message)

    def heard(_number: int, _frame: FrameType | None) -> None:
        hear()

    before = {one: signal.signal(one, heard) for one in signals}
    try:
        yield
    finally:
        for one, handler in before.items():
            signal.signal(one, handler)
