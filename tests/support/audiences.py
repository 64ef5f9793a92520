"""Who may be found: an audience over profiles that are kept in memory, and what it was asked."""

from collections.abc import Sequence
from typing import Any

from flowkit.adapters.profiles import MemoryProfiles
from flowkit.triggers.calendar import profile_date
from flowkit.triggers.profile_dates import wants
from flowkit.triggers.zones import zone


class Listed:
    """An audience that finds whom a list names; it filters by zone and date, and leaves the condition to the engine."""

    def __init__(self, profiles: MemoryProfiles, *names: str) -> None:
        self._profiles = profiles
        self.names = list(names)
        self.pages: list[tuple[tuple[str | None, ...] | None, str | None]] = []

    def _attributes(self, name: str) -> dict[str, Any]:
        facts = self._profiles.profile(name)
        return {} if facts is None else dict(facts.attributes)

    def zones(self) -> Sequence[str]:
        given = (self._attributes(name).get("timezone") for name in self.names)
        return sorted({name for name in given if isinstance(name, str)})

    def members(self, *, where, zones, on, path, after, limit) -> Sequence[str]:
        self.pages.append((None if zones is None else tuple(zones), after))
        found = []
        for name in sorted(self.names):
            attributes = self._attributes(name)
            if after is not None and name <= after:
                continue
            own = attributes.get("timezone")
            if zones is not None and (own if isinstance(own, str) else None) not in zones:
                continue
            if on is not None:
                day = profile_date(attributes.get(path), zone(attributes.get("timezone")).tz)
                if day is None or not wants(on, day):
                    continue
            found.append(name)
        return found[:limit]
