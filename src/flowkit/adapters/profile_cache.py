"""Profiles that are read once in a while, and not for every message."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Awaitable, Iterable, Mapping, Sequence
from datetime import datetime, timedelta
from threading import Lock
from typing import Final

from attrs import frozen

from flowkit.errors import ConfigurationError
from flowkit.events import Facts, Needs
from flowkit.ports import Clock, Maybe, ProfileChange, Profiles
from flowkit.runs.effects import Outcome

__all__ = ["CachedProfiles"]

_FIVE_MINUTES: Final = timedelta(minutes=5)
_NO_TIME: Final = timedelta()


@frozen
class _Kept:
    facts: Facts
    needs: Needs
    until: datetime


class CachedProfiles:
    """Profiles that remember for a while what they read; threads may share them.

    Whoever a change is made to is forgotten before and after it, and read anew. Whoever is not known is asked for again
    each time. A cache belongs to the profiles of one tenant: wrap each tenant's own. Consent and suppression come by
    ports of their own, and are never remembered here.
    """

    def __init__(self, profiles: Profiles, clock: Clock, *, ttl: timedelta = _FIVE_MINUTES, size: int = 10_000) -> None:
        """Begin with nothing.

        Args:
            profiles: Who knows.
            clock: The clock of the engine.
            ttl: For how long something is remembered.
            size: How many subscribers are remembered at most; who was not asked for the longest is forgotten first.

        Raises:
            ConfigurationError: The time or the size is not positive.
        """
        if ttl <= _NO_TIME or size < 1:
            message = "a cache needs a positive ttl, and a size of at least 1"
            raise ConfigurationError(message)
        self._profiles = profiles
        self._clock = clock
        self._ttl = ttl
        self._size = size
        self._kept: OrderedDict[str, _Kept] = OrderedDict()
        self._changes = 0
        self._lock = Lock()

    def __repr__(self) -> str:
        # What is known is personal: neither logs nor tracebacks show it.
        return f"CachedProfiles({len(self._kept)} subscribers)"

    def facts(self, ids: Sequence[str], needs: Needs) -> Maybe[Mapping[str, Facts]]:
        """Read many subscribers at once: those who are remembered with all that is needed are not asked for."""
        now = self._clock.now()
        known: dict[str, Facts] = {}
        wanted: dict[str, Needs] = {}
        with self._lock:
            changes = self._changes
            for one in ids:
                kept = self._kept.get(one)
                if kept is not None and now < kept.until and _covers(kept.needs, needs):
                    known[one] = kept.facts
                    self._kept.move_to_end(one)
                else:
                    wanted[one] = needs if kept is None else kept.needs | needs
        if not wanted:
            return known
        asked = needs
        for more in wanted.values():
            asked |= more
        answer = self._profiles.facts(list(wanted), asked)
        if isinstance(answer, Mapping):
            return self._remember(answer, known, asked, changes)
        return self._later(answer, known, asked, changes)

    def change(self, changes: Sequence[ProfileChange]) -> Maybe[Sequence[Outcome]]:
        """Apply changes, and forget what was known of those whom they concern."""
        ids = [one.subscriber_id for one in changes]
        self.forget(ids)
        answer = self._profiles.change(changes)
        if isinstance(answer, Sequence):
            self.forget(ids)
            return answer
        return self._changed(answer, ids)

    def forget(self, ids: Iterable[str]) -> None:
        """Forget subscribers, as where a profile was changed elsewhere."""
        with self._lock:
            self._changes += 1
            for one in ids:
                self._kept.pop(one, None)

    async def _later(
        self, answer: Awaitable[Mapping[str, Facts]], known: dict[str, Facts], needs: Needs, changes: int
    ) -> Mapping[str, Facts]:
        return self._remember(await answer, known, needs, changes)

    async def _changed(self, answer: Awaitable[Sequence[Outcome]], ids: Sequence[str]) -> Sequence[Outcome]:
        outcomes = await answer
        self.forget(ids)
        return outcomes

    def _remember(
        self, found: Mapping[str, Facts], known: dict[str, Facts], needs: Needs, changes: int
    ) -> Mapping[str, Facts]:
        with self._lock:
            # What was read while something changed may be older than the change.
            if changes == self._changes:
                until = self._clock.now() + self._ttl
                for one, facts in found.items():
                    self._kept[one] = _Kept(facts, needs, until)
                    self._kept.move_to_end(one)
                while len(self._kept) > self._size:
                    self._kept.popitem(last=False)
        return {**known, **found}


def _covers(kept: Needs, needs: Needs) -> bool:
    return (kept | needs) == kept
