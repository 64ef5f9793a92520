"""Stores with a fault planted in them, by which the crash tests show that they would notice."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import timedelta
from typing import Any, Final

from attrs import evolve

from flowkit import Outcome
from flowkit.ports import Attempts, Changes, Claim, Recall, Refused

_Store: Any = object
"""Each is mixed into a kind of store, which comes after it."""


class _Unwritten:
    def begin(self, key: str, *, durable: bool = False) -> None:
        pass

    def settle(self, key: str, outcome: Outcome) -> None:
        pass

    def flush(self) -> None:
        pass


class WithoutNotes(_Store):
    """Notes no call: whoever takes a claim over has to make all its calls again."""

    def attempts(self, claim: Claim) -> Attempts:
        return _Unwritten()


class WithoutFences(_Store):
    """Asks neither whether a claim is still held nor whether a run has moved on."""

    def extend(self, claim: Claim, lease: timedelta) -> bool:
        super().extend(claim, lease)
        return True

    def commit(self, changes: Changes) -> Refused:
        moves = [move._replace(runs=self.read(move.runs)) for move in changes.moves]
        return super().commit(evolve(changes, claim=None, moves=moves))


class WithoutMemory(_Store):
    """Forgets which events it has accepted."""

    def recall(self, events: Mapping[str, Sequence[str]], **asked: Any) -> Recall:
        recall = super().recall(events, **asked)
        known = {name: one._replace(seen=frozenset()) for name, one in recall.subscribers.items()}
        return evolve(recall, subscribers=known)

    def commit(self, changes: Changes) -> Refused:
        return super().commit(evolve(changes, changes=[change._replace(seen=()) for change in changes.changes]))


MUTANTS: Final[Mapping[str, type | None]] = {
    "none": None,
    "without notes": WithoutNotes,
    "without fences": WithoutFences,
    "without memory": WithoutMemory,
}
