"""The clock that rules run on where the host gives no other."""

from __future__ import annotations

from datetime import UTC, datetime

__all__ = ["SystemClock"]


class SystemClock:
    """The clock of the machine, in UTC."""

    def now(self) -> datetime:
        """Give the present instant."""
        return datetime.now(UTC)
