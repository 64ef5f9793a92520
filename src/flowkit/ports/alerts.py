"""Who is told of what is out of the ordinary."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

from flowkit.analytics.alarms import Alert
from flowkit.ports.host import Maybe

__all__ = ["Alerts", "MonitorMemory"]


class Alerts(Protocol):
    """Is told what is out of the ordinary, once, and once more when it is over."""

    def tell(self, alerts: Sequence[Alert]) -> Maybe[None]:
        """Take note. Where this raises, the same alerts are told again at the next look."""
        ...


class MonitorMemory(Protocol):
    """Keeps what a monitor has told, so that the next process does not tell it again: one text, a few kilobytes."""

    def load(self) -> Maybe[str | None]:
        """Give the text that was saved last; None where there is none."""
        ...

    def save(self, text: str) -> Maybe[None]:
        """Keep a text in place of the one before, whole or not at all."""
        ...
