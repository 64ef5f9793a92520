"""Subscribers: the handle of each, and which of its events were accepted."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from itertools import count

from flowkit.ports import Entrant

__all__ = ["Subscribers"]


class Subscribers:
    """Handles by subscriber id, and the ids of accepted events."""

    def __init__(self) -> None:
        self._handles: dict[str, int] = {}
        self._seen: set[tuple[str, str]] = set()

    def handle(self, subscriber_id: str) -> int | None:
        """Give the handle of a subscriber; None where it is not known."""
        return self._handles.get(subscriber_id)

    def add(self, subscriber_id: str) -> None:
        """Give a subscriber a handle, where it has none."""
        self._handles.setdefault(subscriber_id, len(self._handles) + 1)

    def seen(self, subscriber_id: str, event_ids: Iterable[str]) -> frozenset[str]:
        """Give those of some event ids that were accepted before."""
        return frozenset([event_id for event_id in event_ids if (subscriber_id, event_id) in self._seen])

    def accept(self, subscriber_id: str, event_ids: Sequence[str]) -> None:
        """Take note of event ids."""
        self._seen.update([(subscriber_id, event_id) for event_id in event_ids])

    def stand(self, entrants: Iterable[Entrant]) -> bool:
        """Whether nobody has made subscribers known, or accepted their events, since they were recalled."""
        handles, seen = self._handles.get, self._seen
        for subscriber_id, handle, cause, _, _ in entrants:
            if handles(subscriber_id) != handle or (handle is not None and (subscriber_id, cause) in seen):
                return False
        return True

    def enter(self, entrants: Sequence[Entrant]) -> None:
        """Make those known who are not, and take note of an event of each."""
        new = [subscriber_id for subscriber_id, handle, _, _, _ in entrants if handle is None]
        self._handles.update(zip(new, count(len(self._handles) + 1)))
        self._seen.update([(subscriber_id, cause) for subscriber_id, _, cause, _, _ in entrants])
