"""The suppression list, and what of it stands by subscriber."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from itertools import islice
from typing import Final

from attrs import evolve

from flowkit.events import from_micros
from flowkit.runs.consent import Ban, Suppression, SuppressionReason

__all__ = ["Suppressions"]

_NONE: Final[Mapping[Ban, int]] = {}


class Suppressions:
    """All suppressions that there ever were, and the numbers of those that stand."""

    def __init__(self) -> None:
        self._all: list[Suppression] = []
        self._standing: dict[str, dict[Ban, int]] = {}

    def add(self, subscriber_id: str, ban: Ban, at: int) -> bool:
        """Put a subscriber on the list; False where it is there already, for the same reason and scope."""
        standing = self._standing.setdefault(subscriber_id, {})
        if ban in standing:
            return False
        number = standing[ban] = len(self._all) + 1
        self._all.append(
            Suppression(
                number=number, subscriber_id=subscriber_id, reason=ban.reason, scope=ban.scope, since=from_micros(at)
            )
        )
        return True

    def lift(self, subscriber_id: str, reason: SuppressionReason, at: int) -> bool:
        """Lift what stands for a reason; False where nothing does."""
        standing = self._standing.get(subscriber_id, {})
        lifted = [ban for ban in standing if ban.reason is reason]
        for ban in lifted:
            number = standing.pop(ban)
            self._all[number - 1] = evolve(self._all[number - 1], lifted=from_micros(at))
        return bool(lifted)

    def of(self, subscriber_id: str) -> Sequence[Ban]:
        """Give what is forbidden about a subscriber, in the order in which it came to be."""
        return tuple(self._standing.get(subscriber_id, _NONE))

    def among(self, subscriber_ids: Iterable[str]) -> Mapping[str, Sequence[Ban]]:
        """Give what is forbidden, by subscriber."""
        if not self._standing:
            return {}
        return {name: bans for name in subscriber_ids if (bans := self.of(name))}

    def page(self, subscriber_id: str | None, after: int, limit: int) -> Sequence[Suppression]:
        """Give a page of the list."""
        page = (one for one in islice(self._all, after, None) if subscriber_id in (None, one.subscriber_id))
        return list(islice(page, limit))
