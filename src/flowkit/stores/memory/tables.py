"""Everything that one store keeps."""

from __future__ import annotations

from collections.abc import Callable

from flowkit.stores.memory.assignments import Assignments
from flowkit.stores.memory.claims import Claims
from flowkit.stores.memory.editions import Editions
from flowkit.stores.memory.frozen import Frozen
from flowkit.stores.memory.journal import Journal
from flowkit.stores.memory.ledgers import Ledgers
from flowkit.stores.memory.past import Past
from flowkit.stores.memory.places import Places
from flowkit.stores.memory.queue import Queue
from flowkit.stores.memory.runs import Runs
from flowkit.stores.memory.subscribers import Subscribers
from flowkit.stores.memory.suppressions import Suppressions
from flowkit.stores.memory.sweeps import Sweeps

__all__ = ["Tables"]


class Tables:
    """The tables of a store, each with what it takes to read and write it; whoever uses them holds the store's lock.

    Args:
        ticks: The clock that leases run on, in seconds.
    """

    def __init__(self, ticks: Callable[[], float]) -> None:
        self.editions = Editions()
        self.subscribers = Subscribers()
        self.ledgers = Ledgers()
        self.past = Past()
        self.assignments = Assignments()
        self.suppressions = Suppressions()
        self.places = Places()
        self.sweeps = Sweeps()
        self.runs = Runs()
        self.journal = Journal(self.runs.all)
        self.queue = Queue(self.runs.all)
        self.claims = Claims(self.runs.all, self.queue, ticks)
        self.frozen = Frozen()
