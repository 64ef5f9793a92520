"""Entries that are alike: subscribers who each did one thing, and enter the same workflow in the same way by it.

All that a store keeps of such an entry is the same for all of them but five texts and numbers. A store may read a batch
as changes, one a subscriber, and never know; one that knows writes an intake whole, and makes nothing for each of them
that it does not keep.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import chain
from typing import TypeAlias, overload

from attrs import frozen

from flowkit.ports.changes import Change, Started
from flowkit.ports.records import Ledger
from flowkit.runs.model import Entry, Run, State, new_tuple

__all__ = ["Entrant", "Gathered", "Intake", "parts_of"]

Entrant: TypeAlias = tuple[str, int | None, str, str, str]
"""Who enters: subscriber id, the store's handle of the subscriber or None, event id, run id, and the run's origin.

A plain tuple, since it holds nothing that can hold it: the garbage collector looks at it once at the most.
"""


@frozen(eq=False)
class Intake:
    """Subscribers who enter one workflow alike, each for the first time and by one event.

    Attributes:
        workflow_id: Which workflow.
        version: The number of the version that they enter.
        at: When they enter, in microseconds.
        state: Where their runs stand.
        due: When these want to go on, in microseconds; None where they do not.
        entries: The lines of each one's journal.
        entrants: Who, in the order in which their runs are numbered.
    """

    workflow_id: str
    version: int
    at: int
    state: State
    due: int | None
    entries: tuple[Entry, ...]
    entrants: list[Entrant]

    @property
    def ledger(self) -> Ledger:
        """What the workflow remembers of each of them."""
        return Ledger(self.workflow_id, 1, self.at)

    def runs(self, entrants: Sequence[Entrant], first: int) -> list[Run]:
        """Give the runs of some of them as they are stored, with handles that follow on each other."""
        workflow_id, version, at, state, due = self.workflow_id, self.version, self.at, self.state, self.due
        return [
            new_tuple(Run, (run_id, subscriber_id, workflow_id, version, at, origin, state, due, 1, handle))
            for handle, (subscriber_id, _, _, run_id, origin) in enumerate(entrants, first)
        ]

    def change(self, entrant: Entrant) -> Change:
        """Give what becomes of one of them as a change of its own."""
        subscriber_id, handle, cause, _, _ = entrant
        [run] = self.runs((entrant,), 0)
        started = Started(run, self.entries)
        return Change(subscriber_id, handle, (cause,), (self.ledger,), (started,))


class Gathered(Sequence[Change]):
    """Changes in their order, of which those that are alike and follow on each other are kept together.

    They are written out as changes when somebody reads them so, once.

    Args:
        parts: Changes and intakes.

    Attributes:
        parts: The same.
    """

    def __init__(self, parts: Sequence[Change | Intake]) -> None:
        self.parts = parts
        self._changes: list[Change] | None = None

    def __len__(self) -> int:
        return sum(len(part.entrants) if isinstance(part, Intake) else 1 for part in self.parts)

    def __iter__(self) -> Iterator[Change]:
        return iter(self._written_out())

    @overload
    def __getitem__(self, place: int) -> Change: ...

    @overload
    def __getitem__(self, place: slice) -> Sequence[Change]: ...

    def __getitem__(self, place: int | slice) -> Change | Sequence[Change]:
        return self._written_out()[place]

    def _written_out(self) -> list[Change]:
        if self._changes is None:
            parts = [map(part.change, part.entrants) if isinstance(part, Intake) else (part,) for part in self.parts]
            self._changes = list(chain.from_iterable(parts))
        return self._changes


def parts_of(changes: Sequence[Change]) -> Sequence[Change | Intake]:
    """Give changes with those together that are alike, as far as they were gathered."""
    return changes.parts if isinstance(changes, Gathered) else changes
