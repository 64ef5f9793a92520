"""A look at all workflows, hour by hour, and who is told of what is found."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Final

from flowkit.analytics.alarms import Alarms, Alert
from flowkit.analytics.findings import Finding, Severity
from flowkit.analytics.monitor import Lookout
from flowkit.analytics.rulebook import Rulebook
from flowkit.analytics.tally import HOUR
from flowkit.analytics.told import Told
from flowkit.engine.drive import resolve
from flowkit.engine.measuring import roll_up, tallies_of
from flowkit.engine.parts import Parts
from flowkit.events import from_micros, to_micros
from flowkit.ports import Alerts, MonitorMemory

__all__ = ["Monitor"]

_EVERY: Final = "*"
_CAUGHT_UP: Final = 24
_LATE: Final = timedelta(minutes=15)
_LOOKOUT: Final = Lookout()


class Monitor:
    """Tells of what is out of the ordinary, each thing once, and once more when it is over.

    One object has one memory of what was told, so of several workers one has it. Without a ``memory`` a process that
    starts anew tells again of what still holds.

    Args:
        alerts: Who is told.
        lookout: What is looked at, each time that an hour has ended.
        rules: The thresholds that each workflow is held against then; None for none.
        late: For how long something may be due, and not done, before that is told; every look asks.
        memory: Where what was told is kept for the next process; None keeps it in this one.

    Attributes:
        hourly: What was told of the hours, and is not over.
        ruled: What was told since a threshold is passed, and is not over.
        pressing: What was told of now, and is not over.
    """

    def __init__(
        self,
        alerts: Alerts,
        *,
        lookout: Lookout = _LOOKOUT,
        rules: Rulebook | None = None,
        late: timedelta = _LATE,
        memory: MonitorMemory | None = None,
    ) -> None:
        self._alerts = alerts
        self._lookout = lookout
        self._rules = rules
        self._late = late
        self._memory = memory
        self.hourly = Alarms()
        self.ruled = Alarms()
        self.pressing = Alarms()
        self._until = 0
        self._untold: list[Alert] = []
        self._kept: str | None = None

    async def look(self, parts: Parts, now: datetime | None) -> Sequence[Alert]:
        """Look, and tell what is news; what cannot be told now is told at the next look.

        Args:
            parts: The engine's ports.
            now: The engine's instant; None asks the clock.

        Raises:
            DocumentError: What the memory holds is not what a monitor wrote.
        """
        at = to_micros(parts.clock.now() if now is None else now)
        if self._kept is None:
            await self._recall()
        self._untold += self.pressing.take(await self._overdue(parts, at), from_micros(at))
        until = at // HOUR
        if until > self._until:
            await self._hours(parts, until)
        told = tuple(self._untold)
        if told:
            await resolve("alerts.tell", self._alerts.tell(told))
            self._untold = []
        await self._remember()
        return told

    async def _hours(self, parts: Parts, until: int) -> None:
        """Look at each hour that has ended since the last look, one by one, as far as a day back."""
        first = max(self._until + 1, until - _CAUGHT_UP + 1) if self._until else until
        await roll_up(parts)
        await parts.catalogue.refresh()
        reach = max(self._lookout.reach, 0 if self._rules is None else self._rules.reach)
        since = from_micros(max(0, first - reach) * HOUR)
        slots = await tallies_of(parts, None, since, from_micros(until * HOUR))
        closed = {slot.workflow_id for slot in slots if parts.catalogue.gate(slot.workflow_id) is None}
        for hour in range(first, until + 1):
            ended = from_micros(hour * HOUR)
            self._untold += self.hourly.take(self._lookout.look(slots, hour, closed=closed), ended)
            if self._rules is not None:
                found = self._rules.look(parts.catalogue.live_workflows(), slots, hour)
                self._untold += self.ruled.take(found, ended)
        self._until = until

    async def _overdue(self, parts: Parts, at: int) -> Sequence[Finding]:
        """See whether something has been due for too long: no worker lives, or they do not keep up."""
        due = await resolve("store.next_due", parts.store.next_due())
        behind = timedelta() if due is None else timedelta(microseconds=at - due)
        if behind <= self._late:
            return ()
        value, expected = behind.total_seconds(), self._late.total_seconds()
        return [Finding("work_overdue", Severity.CRITICAL, _EVERY, None, value, expected)]

    # -- What was told -------------------------------------------------------------------------------------

    @property
    def _alarms(self) -> dict[str, Alarms]:
        return {"hourly": self.hourly, "pressing": self.pressing, "ruled": self.ruled}

    async def _recall(self) -> None:
        text = None if self._memory is None else await resolve("memory.load", self._memory.load())
        if text is not None:
            told = Told.load(text)
            self._until = told.until
            for name, alarms in self._alarms.items():
                alarms.remember(told.alarms.get(name, ()))
        self._kept = text or ""

    async def _remember(self) -> None:
        """Keep what was told, only now that it was: a process that dies before tells once more, and never less."""
        if self._memory is not None:
            text = Told.of(self._until, self._alarms).dump()
            if text != self._kept:
                await resolve("memory.save", self._memory.save(text))
                self._kept = text
