"""Subscribers: the handle of each, and which of its events were accepted."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from itertools import count
from typing import Final

from flowkit.ports import Entrant

__all__ = ["Subscribers"]

_NONE: Final[Mapping[str, None]] = {}


class Subscribers:
    """Handles by subscriber id, and the ids of accepted events.

    Where one event of a subscriber was accepted, its id stands for itself: most of a large memory would else be
    containers of one text.
    """

    def __init__(self) -> None:
        self._handles: dict[str, int] = {}
        self._seen: dict[str, str | dict[str, None]] = {}

    def handle(self, subscriber_id: str) -> int | None:
        """Give the handle of a subscriber; None where it is not known."""
        return self._handles.get(subscriber_id)

    def known(self, subscriber_ids: Iterable[str]) -> Mapping[str, int]:
        """Give the handles of those of some subscribers who are known."""
        handles = self._handles
        return {name: handles[name] for name in subscriber_ids if name in handles}

    def add(self, subscriber_id: str) -> None:
        """Give a subscriber a handle, where it has none."""
        self._handles.setdefault(subscriber_id, len(self._handles) + 1)

    def seen(self, subscriber_id: str, event_ids: Iterable[str]) -> frozenset[str]:
        """Give those of some event ids that were accepted before."""
        accepted = self._accepted(subscriber_id)
        return frozenset([event_id for event_id in event_ids if event_id in accepted])

    def accept(self, subscriber_id: str, event_ids: Sequence[str]) -> None:
        """Take note of event ids."""
        accepted = self._seen.get(subscriber_id)
        if isinstance(accepted, dict):
            accepted.update(dict.fromkeys(event_ids))
        elif accepted is None and len(event_ids) == 1:
            self._seen[subscriber_id] = event_ids[0]
        elif event_ids:
            self._seen[subscriber_id] = dict.fromkeys(event_ids if accepted is None else (accepted, *event_ids))

    def stand(self, entrants: Iterable[Entrant]) -> bool:
        """Whether nobody has made subscribers known, or accepted their events, since they were recalled."""
        handles = self._handles.get
        for subscriber_id, handle, cause, _, _ in entrants:
            if handles(subscriber_id) != handle or (handle is not None and cause in self._accepted(subscriber_id)):
                return False
        return True

    def enter(self, entrants: Sequence[Entrant]) -> None:
        """Make those known who are not, and take note of an event of each."""
        new = {subscriber_id: cause for subscriber_id, handle, cause, _, _ in entrants if handle is None}
        self._handles.update(zip(new, count(len(self._handles) + 1)))
        self._seen.update(new)
        if len(new) < len(entrants):
            for subscriber_id, handle, cause, _, _ in entrants:
                if handle is not None:
                    self.accept(subscriber_id, (cause,))

    def _accepted(self, subscriber_id: str) -> Mapping[str, None]:
        accepted = self._seen.get(subscriber_id)
        if accepted is None:
            return _NONE
        return {accepted: None} if isinstance(accepted, str) else accepted
