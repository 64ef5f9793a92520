"""What every session of one store shares: what was read and written before."""

from __future__ import annotations

from collections.abc import Callable

from flowkit.runs.model import State
from flowkit.stores.phrases import Phrases, Texts
from flowkit.stores.postgres.notes import NoteRows

__all__ = ["Shared"]


class Shared:
    """What every session of one store shares: nothing in it is changed by a transaction before its commit.

    Args:
        clock: The clock of leases, in seconds; None for the database's.
    """

    def __init__(self, clock: Callable[[], float] | None) -> None:
        self._clock = clock
        self.phrases = Phrases()
        self.texts = Texts()
        self.states: dict[int | str, State] = {}
        self.workflows: dict[str, int] = {}
        self.names: dict[int, str] = {}
        self.workflow_of: dict[int, str] = {}
        self.notes: dict[str, NoteRows] = {}
        self.freezing: set[str] = set()

    def clock(self) -> float | None:
        """Give the present second of the clock that the store was given; None where the database's counts."""
        return None if self._clock is None else self._clock()

    def end_claim(self, token: str) -> None:
        """Forget a claim that has ended, or is somebody else's."""
        self.freezing.discard(token)
        self.notes.pop(token, None)
