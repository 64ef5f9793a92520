"""A clock that moves when it is told to."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Final

from attrs import define, field

from flowkit.errors import ConfigurationError

__all__ = ["VirtualClock"]

_NO_TIME: Final = timedelta()


def _aware(instant: datetime) -> datetime:
    if instant.utcoffset() is None:
        raise ConfigurationError(f"{instant} has no offset: give an aware instant, such as datetime.now(UTC)")
    return instant.astimezone(UTC)


@define(eq=False)
class VirtualClock:
    """Stands still until it is moved: for tests, previews and simulations.

    Args:
        start: Where it stands at first, an aware instant.

    Raises:
        ConfigurationError: The instant has no offset.
    """

    _now: datetime = field(converter=_aware, alias="start")

    def now(self) -> datetime:
        """Give the instant at which the clock stands, in UTC."""
        return self._now

    def advance(self, by: timedelta) -> datetime:
        """Move on by an absolute time, and give the instant reached.

        Raises:
            ConfigurationError: The time is negative; ``set`` moves a clock back.
        """
        if by < _NO_TIME:
            raise ConfigurationError(f"a clock advances by no negative time ({by}); set() moves it back")
        self._now += by
        return self._now

    def set(self, instant: datetime) -> datetime:
        """Move to an aware instant, be it earlier or later, and give it.

        Raises:
            ConfigurationError: The instant has no offset.
        """
        self._now = _aware(instant)
        return self._now
