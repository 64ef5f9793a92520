"""How subscribers are recalled: one script a partition reads all that is remembered of those who belong to it."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from flowkit.events import Occurrence
from flowkit.ports import Recall, Recalled
from flowkit.stores.redis.decode import Decoder, read_bans, read_ledgers, read_past, read_row
from flowkit.stores.redis.layout import Layout
from flowkit.stores.redis.totals import Totals
from flowkit.stores.redis.wire import Call, Wire

__all__ = ["Recaller"]


class Recaller:
    """Recalls subscribers.

    Args:
        wire: The way to the server.
        layout: Where subscribers lie.
        decoder: Makes runs of rows.
        stamp: Reads the stamp.
    """

    def __init__(self, wire: Wire, layout: Layout, decoder: Decoder, stamp: Callable[[], int]) -> None:
        self._wire = wire
        self._layout = layout
        self._decoder = decoder
        self._stamp = stamp
        self._totals = Totals(wire, layout)

    def recall(
        self,
        events: Mapping[str, Sequence[str]],
        *,
        runs: bool,
        history: Sequence[str],
        totals: Sequence[str],
        splits: Sequence[str],
        ended: int | None,
    ) -> Recall:
        """Read what is remembered about subscribers; see ``Store.recall``."""
        layout = self._layout
        alone = layout.parts == 1
        # The stamp before anything else: what is read after it is not older.
        stamp = 0 if alone else self._stamp()
        parts = layout.split(events, layout.part_of) or ({0: []} if alone else {})
        calls = [
            Call("recall", layout.base(part), self._ask(names, events, runs, history, totals, ended))
            for part, names in parts.items()
        ]
        found: dict[str, Recalled] = {}
        counted: Mapping[str, int] = {} if alone else self._totals.read(totals)
        for (part, names), reply in zip(parts.items(), self._wire.run_all(calls), strict=True):
            rows, known, counts = reply
            if alone:
                stamp = known
                counted = {name: int(count) for name, count in zip(totals, counts, strict=True) if count is not None}
            for name, row in zip(names, rows, strict=True):
                if row is not None:
                    found[name] = self._recalled(part, row, events[name], history, splits)
        return Recall(stamp, {name: found[name] for name in events if name in found}, counted)

    def _ask(
        self,
        names: Sequence[str],
        events: Mapping[str, Sequence[str]],
        runs: bool,  # noqa: FBT001 - as it came
        history: Sequence[str],
        totals: Sequence[str],
        ended: int | None,
    ) -> dict[str, Any]:
        ask: dict[str, Any] = {
            "subscribers": [[name, list(events[name])] for name in names],
            "runs": runs,
            "history": list(history),
            "totals": list(totals) if self._layout.parts == 1 else [],
        }
        if ended is not None:
            ask["ended"] = str(ended)
        return ask

    def _recalled(
        self, part: int, row: Sequence[Any], event_ids: Sequence[str], history: Sequence[str], splits: Sequence[str]
    ) -> Recalled:
        flat, seen, runs, past, ended = row
        fields = read_row(flat)
        return Recalled(
            int(fields["h"]),
            frozenset(event_id for event_id, known in zip(event_ids, seen, strict=True) if known),
            read_ledgers(fields),
            self._decoder.runs(part, runs),
            {kind: read_past(one) for kind, one in zip(history, past, strict=True) if one},
            int(fields.get("n", 0)) if history else 0,
            {split: fields[f"a:{split}"] for split in splits if f"a:{split}" in fields},
            read_bans(fields),
            self._decoder.runs(part, ended),
        )

    def history(
        self, subscriber_ids: Sequence[str], types: Sequence[str]
    ) -> Mapping[str, Mapping[str, Sequence[Occurrence]]]:
        """Read past events; see ``Store.history``."""
        parts = self._layout.split(subscriber_ids, self._layout.part_of)
        calls = [
            Call("past", self._layout.base(part), {"subscribers": names, "types": list(types)})
            for part, names in parts.items()
        ]
        found: dict[str, dict[str, Sequence[Occurrence]]] = {}
        replies = self._wire.run_all(calls)
        for mine, rows in zip(parts.values(), replies, strict=True):
            for index, place, past in rows:
                found.setdefault(mine[int(index)], {})[types[int(place)]] = read_past(past)
        return found

    def assigned(self, subscriber_ids: Sequence[str], splits: Sequence[str]) -> Mapping[str, Mapping[str, str]]:
        """Read labels; see ``Store.assigned``."""
        parts = self._layout.split(subscriber_ids, self._layout.part_of)
        fields = [f"a:{split}" for split in splits]
        calls = [
            Call("labels", self._layout.base(part), {"subscribers": names, "fields": fields})
            for part, names in parts.items()
        ]
        found: dict[str, dict[str, str]] = {}
        for names, rows in zip(parts.values(), self._wire.run_all(calls), strict=True):
            for name, labels in zip(names, rows, strict=True):
                known = {split: label for split, label in zip(splits, labels, strict=True) if label is not None}
                if known:
                    found[name] = known
        return found
