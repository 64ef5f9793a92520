"""A producer process: tells all events, batch by batch, and says of each batch what of it was new.

python -m tests.crash.producer '{"path": "flowkit.db", "name": "p1", "count": 100, "first": 0}'
"""

from __future__ import annotations

import json
import sys
from contextlib import closing

from attrs import frozen

from flowkit import ConflictError, Engine, StoreBusy
from tests.crash.child import Moments, Pace
from tests.crash.stores import kind_of, opened
from tests.crash.world import START, batches


@frozen
class Orders:
    """What a producer is told.

    Attributes:
        path: The store's place.
        name: Its name, which nobody else ever had.
        count: How many subscribers there are.
        first: The batch to begin with.
        mutant: What is wrong with its store, on purpose.
    """

    path: str
    name: str
    count: int
    first: int = 0
    mutant: str = "none"


def produce(orders: Orders, moments: Moments, pace: Pace) -> None:
    with closing(opened(kind_of(orders.path, orders.mutant), orders.path)) as store:
        engine = Engine(store)
        moments.tell("ready")
        for index, batch in list(enumerate(batches(orders.count)))[orders.first :]:
            pace.take()
            moments.tell("ingesting")
            new = None
            while new is None:
                try:
                    new = engine.ingest(batch, now=START).accepted
                except (ConflictError, StoreBusy):  # Both say that the same events may be told again.
                    moments.tell("busy")
            moments.tell("accepted", index, new)


if __name__ == "__main__":
    produce(Orders(**json.loads(sys.argv[1])), Moments(), Pace())
