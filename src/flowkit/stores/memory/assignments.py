"""Assignments: the label that each subscriber has at each split, for good."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

from flowkit.runs.splits import Assigned

__all__ = ["Assignments"]


class Assignments:
    """Labels by subscriber and by what they belong to."""

    def __init__(self) -> None:
        self._labels: dict[str, dict[str, str]] = {}

    def read(self, subscriber_id: str, splits: Iterable[str]) -> Mapping[str, str]:
        """Read a subscriber's labels, of those that are asked for."""
        known = self._labels.get(subscriber_id)
        return {split: known[split] for split in splits if split in known} if known else {}

    def fits(self, subscriber_id: str, assigned: Sequence[Assigned]) -> bool:
        """Whether nobody assigned the subscriber another label meanwhile."""
        known = dict(self._labels.get(subscriber_id, {}))
        for split, label, before in assigned:
            if known.get(split, label) not in {label, before}:
                return False
            known[split] = label
        return True

    def write(self, subscriber_id: str, assigned: Sequence[Assigned]) -> None:
        """Write labels."""
        self._labels.setdefault(subscriber_id, {}).update({split: label for split, label, _ in assigned})
