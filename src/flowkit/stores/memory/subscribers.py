"""Subscribers: the handle of each, and which of its events were accepted."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

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
