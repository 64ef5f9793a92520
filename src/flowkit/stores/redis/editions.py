"""Editions: the versions of workflows, the template sources, and the stamp that tells that any of them has changed.

They belong to no subscriber, so they lie by themselves, under the store's own tag. Where there are several partitions,
each keeps a copy of the stamp, against which its commits are checked; who publishes tells all of them before it
returns, and who takes a sweep tells those that a dead publisher did not.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import Any, Final

from flowkit.errors import StoreError
from flowkit.ports import Edition, Hold, HoldKind, Sweep
from flowkit.runs.effects import PauseClock
from flowkit.stores.redis.layout import Layout
from flowkit.stores.redis.sweeps import sweep_row
from flowkit.stores.redis.wire import Call, Wire

__all__ = ["Editions"]

_encode: Final = json.JSONEncoder(ensure_ascii=False, separators=(",", ":")).encode


class Editions:
    """Publishes, and reads what was published.

    Args:
        wire: The way to the server.
        layout: Where editions and the copies of the stamp lie.
    """

    def __init__(self, wire: Wire, layout: Layout) -> None:
        self._wire = wire
        self._layout = layout

    def publish(self, edition: Edition, sources: Mapping[str, str]) -> Edition:
        """Store a version; see ``Store.publish``."""
        document = [edition.workflow_id, edition.content_hash, edition.document, dict(edition.templates)]
        ask = {
            "workflow": edition.workflow_id,
            "hash": edition.content_hash,
            "document": _encode(document),
            "live": edition.live,
            "published": "" if edition.published is None else str(edition.published),
            "sources": dict(sources),
        }
        return self._published(self._wire.run("publish", self._layout.meta, ask))

    def hold(self, workflow_id: str, hold: Hold | None, sweep: Sweep) -> Edition:
        """Order something for a workflow; see ``Store.hold``."""
        ask: dict[str, Any] = {"workflow": workflow_id, "sweep": sweep_row(sweep)}
        if hold is not None:
            ask["hold"] = _encode(
                {"kind": hold.kind.value, "since": hold.since, "reason": hold.reason, "clock": hold.clock.value}
            )
        number = self._wire.run("publish", self._layout.meta, ask)
        if number is None:
            message = f"no version of workflow {workflow_id!r} is live"
            raise StoreError(message)
        return self._published(number)

    def _published(self, number: str) -> Edition:
        self.tell()
        _, [row] = self._wire.run("editions", self._layout.meta, {"number": number})
        return _edition(row)

    def tell(self) -> None:
        """See to it that every partition knows of the stamp."""
        layout = self._layout
        if layout.parts == 1:
            return
        stamp, told = self._wire.run("stamped", layout.meta, {})
        if told < stamp:
            ask = {"stamp": stamp}
            self._wire.run_all([Call("stamped", layout.base(part), ask) for part in range(layout.parts)])
            self._wire.run("stamped", layout.meta, {"done": stamp})

    def stamp(self) -> int:
        """Read the stamp."""
        return int(self._wire.run("stamped", self._layout.meta, {})[0])

    def since(self, stamp: int) -> tuple[int, Sequence[Edition]]:
        """Read the stamp and the versions; see ``Store.editions``."""
        current, rows = self._wire.run("editions", self._layout.meta, {"since": stamp})
        return current, sorted((_edition(row) for row in rows), key=lambda one: one.number)

    def source(self, content_hash: str) -> str:
        """Read a template source; see ``Store.source``."""
        source = self._wire.run("sources", self._layout.meta, {"hash": content_hash})
        if source is None:
            message = f"no template source has the hash {content_hash}"
            raise StoreError(message)
        return str(source)


def _edition(row: Sequence[str]) -> Edition:
    number, stored, published, live_number, hold = row
    workflow_id, content_hash, document, templates = json.loads(stored)
    live = number == live_number
    return Edition(
        workflow_id,
        int(number),
        content_hash,
        document,
        templates,
        live,
        int(published) if published else None,
        _hold(hold) if live and hold else None,
    )


def _hold(text: str) -> Hold:
    read = json.loads(text)
    return Hold(HoldKind(read["kind"]), read["since"], reason=read["reason"], clock=PauseClock(read["clock"]))
