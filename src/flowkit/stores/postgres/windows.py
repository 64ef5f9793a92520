"""Windows: what is being handed over, and whether it still may be; and the frozen inputs of effects.

The note of a window is committed before the look at what is forbidden; whoever forbids commits before the look at the
windows. So one of the two finds the other.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from flowkit.ports import Claim, Fence
from flowkit.runs.effects import RUN_ID_LENGTH
from flowkit.runs.model import Run
from flowkit.stores.postgres import statements as sql
from flowkit.stores.postgres.link import Link, columns
from flowkit.stores.postgres.notes import open_keys
from flowkit.stores.postgres.suppressions import read_bans

__all__ = ["freeze", "look", "read_flight"]


def look(link: Link, runs: Mapping[str, Run]) -> Fence:
    """Say which runs have moved on since they were read, and what is forbidden."""
    rows = [(run.handle, run.sequence) for run in runs.values()]
    moved = frozenset(handle for (handle,) in link.rows(sql.MOVED, *columns(rows, 2)))
    return Fence(moved, read_bans(link, dict.fromkeys(run.subscriber_id for run in runs.values())))


def read_flight(link: Link, subscriber_ids: Sequence[str], clock: float | None) -> Sequence[str]:
    """Name what is being handed over; see ``Store.in_flight``."""
    held = link.rows(sql.HELD_FOR, list(subscriber_ids))
    if not held:
        return []
    mine = {key.hex() for _, key in held}
    bodies: dict[int, list[str]] = {}
    for token, body in link.rows(sql.WINDOWS, clock, [handle for handle, _ in held]):
        bodies.setdefault(token, []).append(body)
    return [key for some in bodies.values() for key in open_keys(some) if key[:RUN_ID_LENGTH] in mine]


def freeze(link: Link, claim: Claim, inputs: Mapping[str, str]) -> Mapping[str, str]:
    """Keep the inputs of effects; see ``Store.freeze``."""
    handles = {run.id: run.handle for run in claim.runs}
    rows = [(handles[key[:RUN_ID_LENGTH]], key, text) for key, text in inputs.items()]
    runs, keys, texts = columns(rows, 3)
    link.write(sql.FREEZE, runs, keys, texts)
    kept: dict[str, str] = dict(link.rows(sql.FROZEN, runs, keys))
    return kept
