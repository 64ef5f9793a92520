"""Runs: each by its handle, and those of each subscriber that are alive."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence

from flowkit.errors import UnknownRun
from flowkit.ports import Living
from flowkit.runs.model import Run, Status
from flowkit.stores.rows import STATUS_CODES

__all__ = ["Runs"]


class Runs:
    """All runs that there ever were.

    Attributes:
        all: The runs in the order of their handles, which begin with 1.
    """

    def __init__(self) -> None:
        self.all: list[Run] = []
        self._by_id: dict[str, int] = {}
        self._living: dict[str, tuple[int, ...]] = {}
        self._whose: dict[str, list[int]] = {}
        self._sorted = 0

    # -- writing ------------------------------------------------------------------------------------------------------

    def begin(self, run: Run) -> int:
        """Write a run that begins, and give its handle."""
        handle = len(self.all) + 1
        self.all.append(run.moved(run.state, run.due, sequence=1, handle=handle))
        self._by_id[run.id] = handle
        if run.state.alive:
            self._living[run.subscriber_id] = (*self._living.get(run.subscriber_id, ()), handle)
        return handle

    def end(self, run: Run) -> None:
        """Count a run among the living no more."""
        living = self._living.get(run.subscriber_id, ())
        self._living[run.subscriber_id] = tuple(other for other in living if other != run.handle)

    def revive(self, run: Run) -> None:
        """Count a run among the living again."""
        living = self._living.get(run.subscriber_id, ())
        self._living[run.subscriber_id] = tuple(sorted((*living, run.handle)))

    # -- reading ------------------------------------------------------------------------------------------------------

    def stand(self, runs: Iterable[Run]) -> bool:
        """Whether nobody has written runs since they were read."""
        return all(self.all[run.handle - 1].sequence == run.sequence for run in runs)

    def moved(self, runs: Iterable[Run]) -> frozenset[int]:
        """Give the handles of those that somebody has written since they were read."""
        return frozenset(run.handle for run in runs if self.all[run.handle - 1].sequence != run.sequence)

    def living(self, subscriber_id: str) -> tuple[int, ...]:
        """Give the handles of a subscriber's living runs, oldest first."""
        return self._living.get(subscriber_id, ())

    def ended_since(self, subscriber_id: str, since: int) -> Sequence[Run]:
        """Give the runs of a subscriber that were entered since an instant and are not alive."""
        # Put by subscriber when it is asked for: most workflows never do.
        while self._sorted < len(self.all):
            run = self.all[self._sorted]
            self._sorted += 1
            self._whose.setdefault(run.subscriber_id, []).append(self._sorted)
        runs = (self.all[handle - 1] for handle in self._whose.get(subscriber_id, ()))
        return tuple(run for run in runs if run.entered >= since and not run.state.alive)

    def again(self, runs: Sequence[Run]) -> Sequence[Run]:
        """Read runs again; see ``Store.read``."""
        missing = [run.id for run in runs if run.id not in self._by_id]
        if missing:
            message = f"no run has the id {missing[0]}"
            raise UnknownRun(message)
        return [self.all[self._by_id[run.id] - 1] for run in runs]

    def page(
        self,
        subscriber_id: str | None,
        workflow_id: str | None,
        status: Status | None,
        after: int,
        limit: int,
        *,
        living: bool,
    ) -> Sequence[Run]:
        """Read a page of them; see ``Store.runs``."""
        found: list[Run] = []
        for index in range(max(after, 0), len(self.all)):
            run = self.all[index]
            if len(found) == limit:
                break
            if (
                subscriber_id in (None, run.subscriber_id)
                and workflow_id in (None, run.workflow_id)
                and status in (None, run.status)
                and (run.state.alive or not living)
            ):
                found.append(run)
        return found

    def count(self, workflow_id: str) -> Sequence[Living]:
        """Count those of a workflow that are alive; see ``Store.living``."""
        counts = Counter(
            (run.version, run.status, run.state.node)
            for run in self.all
            if run.state.alive and run.workflow_id == workflow_id
        )
        order = sorted(counts, key=lambda one: (one[0], STATUS_CODES[one[1]], one[2] is not None, one[2]))
        return [Living(*place, counts[place]) for place in order]
