"""How a store counts its journal, so that nobody has to read it to know how many."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol, runtime_checkable

from flowkit.analytics.tally import Tallied
from flowkit.ports.host import Maybe

__all__ = ["TallyStore"]


@runtime_checkable
class TallyStore(Protocol):
    """Counts the steps of its journal itself. A store that does not is read line by line.

    What was counted once is kept, so that an answer costs as much as there are hours and kinds of steps in it, and not
    as much as there are lines. The journal itself is what is not counted yet: nothing is written beside it when runs
    move.
    """

    def roll_up(self, *, limit: int) -> Maybe[int]:
        """Count steps that were not counted yet, the oldest first, and keep the counts; safe at any time.

        Args:
            limit: The most steps.

        Returns:
            How many were counted; 0 where there are none left.
        """
        ...

    def tallies(self, workflow_id: str | None, since: int, until: int) -> Maybe[Sequence[Tallied]]:
        """Give the counts of whole hours: what was kept, and what was not counted yet besides.

        A run that was migrated is of the version that it has when its steps are counted.

        Args:
            workflow_id: Of which workflow; None for all.
            since: From which hour on, in hours since 1970 (UTC).
            until: Before which hour.
        """
        ...
