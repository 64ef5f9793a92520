"""Sweeps: the one that is due is held by one worker at a time, and written back by whoever read it last."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import Any, Final

from flowkit.ports import Sweep, SweepKind
from flowkit.stores.redis.decode import read_row
from flowkit.stores.redis.layout import Layout
from flowkit.stores.redis.wire import Wire

__all__ = ["claim_sweep", "put_sweep", "read_sweeps", "sweep_row"]

_encode: Final = json.JSONEncoder(ensure_ascii=False, separators=(",", ":")).encode


def sweep_row(sweep: Sweep) -> dict[str, Any]:
    """Write a sweep for a script."""
    return {
        "name": sweep.name,
        "sequence": sweep.sequence,
        "due": "" if sweep.due is None else str(sweep.due),
        "row": _encode([sweep.workflow_id, sweep.kind.value, sweep.due, sweep.plan]),
    }


def _sweep(name: str, row: str) -> Sweep:
    sequence, _, told = row.partition("|")
    workflow_id, kind, due, plan = json.loads(told)
    return Sweep(name, workflow_id, SweepKind(kind), due, plan, int(sequence))


def put_sweep(wire: Wire, layout: Layout, sweep: Sweep) -> bool:
    """Write a sweep, and let go of it; see ``Store.put_sweep``."""
    return bool(wire.run("sweep", layout.meta, {"put": sweep_row(sweep)}))


def claim_sweep(wire: Wire, layout: Layout, ask: Mapping[str, Any]) -> Sweep | None:
    """Take the sweep that is due for the longest; see ``Store.claim_sweep``."""
    found = wire.run("sweep", layout.meta, ask)
    return None if found is None else _sweep(*found)


def read_sweeps(wire: Wire, layout: Layout) -> Sequence[Sweep]:
    """Read all sweeps, by name."""
    rows = read_row(wire.run("sweeps", layout.meta, {}))
    return [_sweep(name, rows[name]) for name in sorted(rows)]
