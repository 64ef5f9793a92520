"""The suppression list: what stands lies with each subscriber, and the list of all in each partition."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from flowkit.events import from_micros
from flowkit.runs.consent import Ban, Suppression, SuppressionReason, SuppressionScope
from flowkit.stores.redis.decode import read_bans, read_row
from flowkit.stores.redis.encode import ban_row
from flowkit.stores.redis.layout import Layout
from flowkit.stores.redis.wire import Call, Reply, Wire

__all__ = ["Suppressions"]


class Suppressions:
    """Writes and reads the suppression list.

    Args:
        wire: The way to the server.
        layout: Where it lies.
    """

    def __init__(self, wire: Wire, layout: Layout) -> None:
        self._wire = wire
        self._layout = layout

    def add(self, subscriber_ids: Sequence[str], ban: Ban, at: int) -> Sequence[str]:
        """Put subscribers on the list; see ``Store.suppress``."""
        rows = {name: [name, ban_row(name, ban.reason, ban.scope, at)] for name in subscriber_ids}
        return self._changed(subscriber_ids, {"reason": ban.reason, "scope": ban.scope}, rows)

    def lift(self, subscriber_ids: Sequence[str], reason: SuppressionReason, at: int) -> Sequence[str]:
        """Lift what stands for a reason; see ``Store.unsuppress``."""
        return self._changed(
            subscriber_ids, {"reason": reason, "lifted": str(at)}, {name: name for name in subscriber_ids}
        )

    def _changed(self, subscriber_ids: Sequence[str], ask: Mapping[str, Any], rows: Mapping[str, Any]) -> Sequence[str]:
        parts = self._layout.split(subscriber_ids, self._layout.part_of)
        calls = [
            Call("suppress", self._layout.base(part), {**ask, "subscribers": [rows[name] for name in names]})
            for part, names in parts.items()
        ]
        replies = self._wire.run_all(calls)
        changed: set[str] = set()
        for names, places in zip(parts.values(), replies, strict=True):
            changed.update(names[int(place)] for place in places)
        return [name for name in subscriber_ids if name in changed]

    def banned(self, subscriber_ids: Iterable[str]) -> Mapping[str, Sequence[Ban]]:
        """Read what is forbidden; see ``Store.banned``."""
        parts = self._layout.split(dict.fromkeys(subscriber_ids), self._layout.part_of)
        calls = [Call("banned", self._layout.base(part), {"subscribers": names}) for part, names in parts.items()]
        found: dict[str, Sequence[Ban]] = {}
        for names, flats in zip(parts.values(), self._wire.run_all(calls), strict=True):
            for name, flat in zip(names, flats, strict=False):  # Nothing where nobody of the partition is banned.
                if bans := read_bans(read_row(flat)):
                    found[name] = bans
        return found

    def page(self, subscriber_id: str | None, after: int, limit: int) -> Sequence[Suppression]:
        """Read a page of the list; see ``Store.suppressions``."""
        layout = self._layout
        parts = range(layout.parts) if subscriber_id is None else [layout.part_of(subscriber_id)]
        found: list[Suppression] = []
        for part in parts:
            last, mine = layout.after(after, part), 0
            while mine < limit:
                ask = {"after": last, "limit": limit}
                rows: Reply = self._wire.run("bans", layout.base(part), ask)
                for number, row in rows:
                    last = int(number)
                    one = _suppression(layout.handle(last, part), row)
                    if subscriber_id in (None, one.subscriber_id):
                        found.append(one)
                        mine += 1
                if len(rows) < limit:
                    break
        return sorted(found, key=lambda one: one.number)[:limit]


def _suppression(number: int, row: str) -> Suppression:
    subscriber_id, reason, scope, since, *lifted = json.loads(row + "]")
    return Suppression(
        number=number,
        subscriber_id=subscriber_id,
        reason=SuppressionReason(reason),
        scope=SuppressionScope(scope),
        since=from_micros(since),
        lifted=from_micros(lifted[0]) if lifted else None,
    )
