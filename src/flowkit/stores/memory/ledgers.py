"""Ledgers: what each workflow remembers of each subscriber, and how often all of them together entered."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence

from flowkit.ports import Ledger
from flowkit.stores.memory.watches import Watches

__all__ = ["Ledgers"]


class Ledgers:
    """Ledgers by subscriber, and the entries of all subscribers by workflow.

    Attributes:
        watches: When each of them is to be looked at again.
    """

    def __init__(self) -> None:
        self.watches = Watches()
        self._ledgers: dict[str, tuple[Ledger, ...]] = {}
        self._totals = Counter[str]()

    def read(self, subscriber_id: str) -> dict[str, Ledger]:
        """Read a subscriber's ledgers by workflow id."""
        return {ledger.workflow_id: ledger for ledger in self._ledgers.get(subscriber_id, ())}

    def stand(self, subscriber_id: str, ledgers: Iterable[Ledger]) -> bool:
        """Whether nobody has written ledgers since they were read."""
        sequences = {ledger.workflow_id: ledger.sequence for ledger in self._ledgers.get(subscriber_id, ())}
        return all(sequences.get(ledger.workflow_id, 0) == ledger.sequence for ledger in ledgers)

    def write(self, subscriber_id: str, ledgers: Iterable[Ledger]) -> None:
        """Write ledgers."""
        written = self.read(subscriber_id)
        for name, entered, last_entry, sequence, held, watch, pending in ledgers:
            written[name] = Ledger(name, entered, last_entry, sequence + 1, held, watch, pending)
            self.watches.put(subscriber_id, name, watch)
        self._ledgers[subscriber_id] = tuple(written.values())

    def lack(self, subscriber_ids: Iterable[str], workflow_id: str) -> bool:
        """Whether none of some subscribers has a ledger of a workflow."""
        known = [self._ledgers[name] for name in self._ledgers.keys() & subscriber_ids]
        return not any(ledger.workflow_id == workflow_id for ledgers in known for ledger in ledgers)

    def enter(self, subscriber_ids: Sequence[str], ledger: Ledger) -> None:
        """Write the same ledger, the first of its workflow, for many; it is kept once for all of them."""
        first = (ledger._replace(sequence=1),)
        known = self._ledgers
        for name in subscriber_ids:
            known[name] = known[name] + first if name in known else first

    def entered(self, workflow_ids: Iterable[str]) -> Mapping[str, int]:
        """Tell how often all subscribers together entered, of the workflows that are asked for."""
        return {workflow_id: self._totals[workflow_id] for workflow_id in workflow_ids if workflow_id in self._totals}

    def have_room(self, totals: Iterable[tuple[str, int]], limits: Mapping[str, int]) -> bool:
        """Whether all subscribers together may enter as often as that."""
        return all(
            self._totals[workflow_id] + added <= limits[workflow_id]
            for workflow_id, added in totals
            if workflow_id in limits
        )

    def count(self, totals: Sequence[tuple[str, int]]) -> None:
        """Add up entries."""
        for workflow_id, added in totals:
            self._totals[workflow_id] += added
