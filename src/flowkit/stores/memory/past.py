"""The past of each subscriber: events that conditions still read, oldest first."""

from __future__ import annotations

from bisect import insort
from collections.abc import Iterable, Mapping, Sequence
from typing import NamedTuple

from flowkit.events import HistoryNeed, Occurrence

__all__ = ["Past"]


class _Kept(NamedTuple):
    """An event that is kept: ordered by when it happened, and then by its number, which no other has."""

    at: int
    number: int
    occurrence: Occurrence


class Past:
    """Past events by subscriber and type."""

    def __init__(self) -> None:
        self._kept: dict[str, dict[str, list[_Kept]]] = {}
        self._numbers = 0

    def latest(self, subscriber_id: str) -> int:
        """Give the number of the newest that is kept of a subscriber; 0 for none."""
        types = self._kept.get(subscriber_id)
        return max((kept.number for past in types.values() for kept in past), default=0) if types else 0

    def read(self, subscriber_id: str, types: Iterable[str]) -> Mapping[str, Sequence[Occurrence]]:
        """Read a subscriber's past by type, oldest first; a type of which there is nothing is left out."""
        known = self._kept.get(subscriber_id, {})
        return {kind: [kept.occurrence for kept in past] for kind in types if (past := known.get(kind))}

    def add(
        self,
        subscriber_id: str,
        occurred: Sequence[tuple[str, Occurrence]],
        needs: Mapping[str, HistoryNeed],
        at: int,
    ) -> None:
        """Keep events, and drop of their types what is read no longer.

        Args:
            subscriber_id: Whose.
            occurred: The events, each with its type.
            needs: How much is read, by type; all of a type that is missing here is kept.
            at: The engine's instant, in microseconds.
        """
        known = self._kept.setdefault(subscriber_id, {})
        for kind, occurrence in occurred:
            self._numbers += 1
            insort(known.setdefault(kind, []), _Kept(occurrence.occurred_at, self._numbers, occurrence))
        for kind in {kind for kind, _ in occurred} & needs.keys():
            known[kind] = _pruned(known[kind], needs[kind], at)


def _pruned(past: list[_Kept], need: HistoryNeed, at: int) -> list[_Kept]:
    if need.window is not None:
        oldest = at - need.window
        past = [kept for kept in past if kept.at > oldest]
    return past if need.latest is None else past[max(0, len(past) - need.latest) :]
