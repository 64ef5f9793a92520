"""Runs: each by its handle, and those of each subscriber."""

from __future__ import annotations

from bisect import insort
from collections import Counter
from collections.abc import Iterable, Sequence
from itertools import islice

from flowkit.errors import UnknownRun
from flowkit.ports import Entrant, Intake, Living
from flowkit.runs.model import Run, State, Status, new_tuple
from flowkit.stores.rows import STATUS_CODES

__all__ = ["Runs"]


class Runs:
    """All runs that there ever were.

    Attributes:
        all: The runs in the order of their handles, which begin with 1.
    """

    def __init__(self) -> None:
        self.all: list[Run] = []
        # Both by subscriber, as far as runs were sorted when that was asked for: most workflows never do.
        self._whose: dict[str, list[int]] = {}
        self._alive: dict[str, list[int]] = {}
        self._sorted = 0

    # -- writing ------------------------------------------------------------------------------------------------------

    def begin(self, run: Run) -> int:
        """Write a run that begins, and give its handle."""
        handle = len(self.all) + 1
        self.all.append(run.moved(run.state, run.due, sequence=1, handle=handle))
        return handle

    def begin_all(self, intake: Intake, entrants: Sequence[Entrant]) -> range:
        """Write runs that begin alike, and give their handles."""
        first = len(self.all) + 1
        self.all += intake.runs(entrants, first)
        return range(first, len(self.all) + 1)

    def move(self, runs: Iterable[Run], state: State, due: int | None, version: int | None) -> None:
        """Write runs as they stand now, on another version where one is given."""
        written = self.all
        for run_id, subscriber_id, workflow_id, own, entered, origin, _, _, sequence, handle in runs:
            pinned = own if version is None else version
            row = (run_id, subscriber_id, workflow_id, pinned, entered, origin, state, due, sequence + 1, handle)
            written[handle - 1] = new_tuple(Run, row)

    def revive(self, runs: Iterable[Run]) -> None:
        """Count runs among the living again."""
        for run in runs:
            alive = self._alive.get(run.subscriber_id)
            if alive is not None and run.handle <= self._sorted and run.handle not in alive:
                insort(alive, run.handle)

    # -- reading ------------------------------------------------------------------------------------------------------

    def stand(self, runs: Iterable[Run]) -> bool:
        """Whether nobody has written runs since they were read."""
        return all(self.all[run.handle - 1].sequence == run.sequence for run in runs)

    def moved(self, runs: Iterable[Run]) -> frozenset[int]:
        """Give the handles of those that somebody has written since they were read."""
        stored = self.all
        pairs = [(run, stored[run.handle - 1]) for run in runs]
        return frozenset([run.handle for run, now in pairs if now is not run and now.sequence != run.sequence])

    def living(self, subscriber_id: str) -> Sequence[int]:
        """Give the handles of a subscriber's living runs, oldest first."""
        self._sort()
        known = self._alive.get(subscriber_id)
        if known is None:
            return ()
        # Those that have ended since are dropped here, so that to end costs nothing.
        alive = self._alive[subscriber_id] = [handle for handle in known if self.all[handle - 1].state.alive]
        return alive

    def ended_since(self, subscriber_id: str, since: int) -> Sequence[Run]:
        """Give the runs of a subscriber that were entered since an instant and are not alive."""
        self._sort()
        runs = (self.all[handle - 1] for handle in self._whose.get(subscriber_id, ()))
        return tuple(run for run in runs if run.entered >= since and not run.state.alive)

    def _sort(self) -> None:
        """Put runs by subscriber that began since that was done last."""
        for run in islice(self.all, self._sorted, None):
            self._whose.setdefault(run.subscriber_id, []).append(run.handle)
            self._alive.setdefault(run.subscriber_id, []).append(run.handle)
        self._sorted = len(self.all)

    def again(self, runs: Sequence[Run]) -> Sequence[Run]:
        """Read runs again; see ``Store.read``."""
        found: list[Run] = []
        for run in runs:
            stored = self.all[run.handle - 1] if 0 < run.handle <= len(self.all) else None
            if stored is None or stored.id != run.id:
                message = f"no run has the id {run.id}"
                raise UnknownRun(message)
            found.append(stored)
        return found

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
