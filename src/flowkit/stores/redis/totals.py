"""The entries of all subscribers into a workflow, where a store has several partitions.

They lie by themselves, so no script can count an entry and write it. A place is taken before the entry is written, and
given back where that is refused. A process that dies in between leaves a place that nobody has: a limit may be reached
a little early, and is never passed.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from secrets import token_hex
from typing import Any

from flowkit.ports import Change
from flowkit.stores.redis.layout import Layout
from flowkit.stores.redis.wire import Call, Wire

__all__ = ["Totals"]


class Totals:
    """Counts entries.

    Args:
        wire: The way to the server.
        layout: Where the counts lie.
    """

    def __init__(self, wire: Wire, layout: Layout) -> None:
        self._wire = wire
        self._layout = layout

    def take(self, changes: Sequence[Change], limits: Mapping[str, int]) -> tuple[list[Change], list[Change]]:
        """Take places for changes, in their order; give those that fit, and those that do not."""
        full: set[int] = set()
        taken: dict[int, list[tuple[str, int]]] = {}
        for workflow_id in sorted({workflow_id for change in changes for workflow_id, _ in change.totals}):
            asking = [
                (place, added)
                for place, change in enumerate(changes)
                for name, added in change.totals
                if name == workflow_id and place not in full
            ]
            ask: dict[str, Any] = {"added": [added for _, added in asking], "call": token_hex(8)}
            if workflow_id in limits:
                ask["limit"] = limits[workflow_id]
            fits = set(self._wire.run("total", self._layout.total(workflow_id), ask))
            for index, (place, added) in enumerate(asking):
                if index in fits:
                    taken.setdefault(place, []).append((workflow_id, added))
                else:
                    full.add(place)
        self._return([one for place in full for one in taken.get(place, ())])
        fitting = [change for place, change in enumerate(changes) if place not in full]
        return fitting, [changes[place] for place in sorted(full)]

    def give_back(self, changes: Sequence[Change]) -> None:
        """Give the places of changes back."""
        self._return([one for change in changes for one in change.totals])

    def _return(self, taken: Sequence[tuple[str, int]]) -> None:
        asks = [(self._layout.total(name), {"back": added, "call": token_hex(8)}) for name, added in taken]
        self._wire.run_all([Call("total", base, ask) for base, ask in asks])

    def read(self, workflow_ids: Sequence[str]) -> Mapping[str, int]:
        """Tell how often all subscribers together entered."""
        replies = self._wire.run_all([Call("entered", self._layout.total(name), {}) for name in workflow_ids])
        return {name: int(count) for name, count in zip(workflow_ids, replies, strict=True) if count is not None}
