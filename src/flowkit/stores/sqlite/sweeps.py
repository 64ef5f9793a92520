"""Sweeps: the one that is due is held by one worker at a time, and written back by whoever read it last."""

from __future__ import annotations

import sqlite3
from collections.abc import Sequence
from typing import Any

from flowkit.ports import Sweep, SweepKind
from flowkit.stores.sqlite import schema as sql

__all__ = ["find_due", "hold", "put", "read_sweeps", "replace"]


def read_sweeps(cursor: sqlite3.Cursor) -> Sequence[Sweep]:
    """Read all sweeps, by name."""
    return [_sweep(row) for row in cursor.execute(f"{sql.SWEEPS} ORDER BY name").fetchall()]


def find_due(cursor: sqlite3.Cursor, now: int, clock: float) -> Sweep | None:
    """Find the sweep that is due for the longest and that nobody holds."""
    row = cursor.execute(sql.SWEEP_DUE, (now, clock)).fetchone()
    return None if row is None else _sweep(row)


def hold(cursor: sqlite3.Cursor, sweep: Sweep, until: float) -> None:
    """Hold a sweep up to an instant of the lease clock."""
    cursor.execute("UPDATE flowkit_sweep SET until = ? WHERE name = ?", (until, sweep.name))


def replace(cursor: sqlite3.Cursor, sweep: Sweep) -> None:
    """Write a sweep whatever stands under its name, and let go of that."""
    row = (sweep.workflow_id, sweep.kind.value, sweep.due, sweep.plan, sweep.name)
    cursor.execute(sql.REPLACE_SWEEP, row)


def put(cursor: sqlite3.Cursor, sweep: Sweep) -> bool:
    """Write a sweep, and let go of it; see ``Store.put_sweep``."""
    row = (sweep.workflow_id, sweep.kind.value, sweep.due, sweep.plan, sweep.name, sweep.sequence)
    return cursor.execute(sql.NEXT_SWEEP if sweep.sequence else sql.NEW_SWEEP, row).rowcount == 1


def _sweep(row: tuple[Any, ...]) -> Sweep:
    name, workflow_id, kind, due, plan, sequence = row
    return Sweep(name, workflow_id, SweepKind(kind), due, plan, sequence)
