"""Sweeps: the one that is due is held by one worker at a time, and written back by whoever read it last."""

from __future__ import annotations

from collections.abc import Sequence

from flowkit.ports import Sweep, SweepKind
from flowkit.stores.postgres import statements as sql
from flowkit.stores.postgres.link import Link, Row

__all__ = ["put", "read_sweeps", "replace", "take"]


def read_sweeps(link: Link) -> Sequence[Sweep]:
    """Read all sweeps, by name."""
    return [_sweep(row) for row in link.rows(f"{sql.SWEEPS} ORDER BY name")]


def take(link: Link, now: int, clock: float | None, seconds: float) -> Sweep | None:
    """Take the sweep that is due for the longest and that nobody holds; see ``Store.claim_sweep``."""
    row = link.row(sql.TAKE_SWEEP, clock, seconds, now, clock)
    return None if row is None else _sweep(row)


def replace(link: Link, sweep: Sweep) -> None:
    """Write a sweep whatever stands under its name, and let go of that."""
    link.write(sql.REPLACE_SWEEP, sweep.workflow_id, sweep.kind.value, sweep.due, sweep.plan, sweep.name)


def put(link: Link, sweep: Sweep) -> bool:
    """Write a sweep, and let go of it; see ``Store.put_sweep``."""
    statement = sql.NEXT_SWEEP if sweep.sequence else sql.NEW_SWEEP
    values = (sweep.workflow_id, sweep.kind.value, sweep.due, sweep.plan, sweep.name, sweep.sequence)
    return link.write(statement, *values) == 1


def _sweep(row: Row) -> Sweep:
    name, workflow_id, kind, due, plan, sequence = row
    return Sweep(name, workflow_id, SweepKind(kind), due, plan, sequence)
