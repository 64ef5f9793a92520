"""The labels that a batch wants to assign, held against those that subscribers have."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from flowkit.ports import Changes, Move
from flowkit.runs.model import Run
from flowkit.runs.splits import Assigned

__all__ = ["Labels", "wanted_labels"]


def wanted_labels(changes: Changes) -> tuple[list[str], list[str]]:
    """Name whose labels a batch wants to write, and what they belong to."""
    wanted: dict[str, None] = {}
    splits: dict[str, None] = {}
    for change in changes.changes:
        if change.assigned:
            wanted[change.subscriber_id] = None
            splits.update(dict.fromkeys(one.split for one in change.assigned))
    for move in changes.moves:
        if move.assigned:
            wanted.update(dict.fromkeys(run.subscriber_id for run in move.runs))
            splits.update(dict.fromkeys(one.split for one in move.assigned))
    return list(wanted), list(splits)


class Labels:
    """The labels as they stand while a batch is looked through, part by part.

    Args:
        known: What is written, by subscriber and by what it belongs to.
    """

    def __init__(self, known: dict[str, dict[str, str]]) -> None:
        self._known = known

    def takes(self, subscriber_id: str, assigned: Sequence[Assigned]) -> bool:
        """Take labels where the subscriber has no other ones; tell whether that was so."""
        known: Mapping[str, str] = self._known.get(subscriber_id, {})
        after = dict(known)
        for split, label, before in assigned:
            if after.get(split, label) not in {label, before}:
                return False
            after[split] = label
        if assigned:
            self._known[subscriber_id] = after
        return True

    def refused(self, moves: Sequence[Move], but: Sequence[Run]) -> list[Run]:
        """Give the runs whose subscribers have other labels, but for those that are refused anyway."""
        gone = {run.handle for run in but}
        return [
            run
            for move in moves
            if move.assigned
            for run in move.runs
            if run.handle not in gone and not self.takes(run.subscriber_id, move.assigned)
        ]
