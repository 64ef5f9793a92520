"""Who is told of what is out of the ordinary."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

from flowkit.analytics.monitor import Alert
from flowkit.ports.host import Maybe

__all__ = ["Alerts"]


class Alerts(Protocol):
    """Is told what is out of the ordinary, once, and once more when it is over."""

    def tell(self, alerts: Sequence[Alert]) -> Maybe[None]:
        """Take note. Where this raises, the same alerts are told again at the next look."""
        ...
