"""A look at all workflows, hour by hour, and who is told of what is found."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Final

from flowkit.analytics.findings import Finding, Severity
from flowkit.analytics.monitor import Alarms, Alert, Lookout
from flowkit.analytics.tally import HOUR
from flowkit.engine.drive import resolve
from flowkit.engine.measuring import roll_up, tallies_of
from flowkit.engine.parts import Parts
from flowkit.events import from_micros, to_micros
from flowkit.ports import Alerts

__all__ = ["Monitor"]

_EVERY: Final = "*"
_CAUGHT_UP: Final = 24
_LATE: Final = timedelta(minutes=15)
_LOOKOUT: Final = Lookout()


class Monitor:
    """Tells of what is out of the ordinary, each thing once, and once more when it is over.

    One object is one memory of what was told, so of several workers one has it. A process that starts anew tells again
    of what still holds.

    Args:
        alerts: Who is told.
        lookout: What is looked at, each time that an hour has ended.
        late: For how long something may be due, and not done, before that is told; every look asks.

    Attributes:
        hourly: What was told of the hours, and is not over.
        pressing: What was told of now, and is not over.
    """

    def __init__(self, alerts: Alerts, *, lookout: Lookout = _LOOKOUT, late: timedelta = _LATE) -> None:
        self._alerts = alerts
        self._lookout = lookout
        self._late = late
        self.hourly = Alarms()
        self.pressing = Alarms()
        self._until = 0
        self._untold: list[Alert] = []

    async def look(self, parts: Parts, now: datetime | None) -> Sequence[Alert]:
        """Look, and tell what is news; what cannot be told now is told at the next look.

        Args:
            parts: The engine's ports.
            now: The engine's instant; None asks the clock.
        """
        at = to_micros(parts.clock.now() if now is None else now)
        self._untold += self.pressing.take(await self._overdue(parts, at))
        until = at // HOUR
        if until > self._until:
            await self._hours(parts, until)
        told = tuple(self._untold)
        if told:
            await resolve("alerts.tell", self._alerts.tell(told))
            self._untold = []
        return told

    async def _hours(self, parts: Parts, until: int) -> None:
        """Look at each hour that has ended since the last look, one by one, as far as a day back."""
        first = max(self._until + 1, until - _CAUGHT_UP + 1) if self._until else until
        await roll_up(parts)
        await parts.catalogue.refresh()
        since = from_micros(max(0, first - self._lookout.reach) * HOUR)
        slots = await tallies_of(parts, None, since, from_micros(until * HOUR))
        closed = {slot.workflow_id for slot in slots if parts.catalogue.gate(slot.workflow_id) is None}
        for hour in range(first, until + 1):
            self._untold += self.hourly.take(self._lookout.look(slots, hour, closed=closed))
        self._until = until

    async def _overdue(self, parts: Parts, at: int) -> Sequence[Finding]:
        """See whether something has been due for too long: no worker lives, or they do not keep up."""
        due = await resolve("store.next_due", parts.store.next_due())
        behind = timedelta() if due is None else timedelta(microseconds=at - due)
        if behind <= self._late:
            return ()
        value, expected = behind.total_seconds(), self._late.total_seconds()
        return [Finding("work_overdue", Severity.CRITICAL, _EVERY, None, value, expected)]
