"""How a batch is written: each change whole or not at all, and each run of a move by itself."""

from __future__ import annotations

from collections.abc import Collection
from typing import Final

from flowkit.ports import NOTHING_REFUSED, Change, Changes, Move, Refused, refused_whole
from flowkit.runs.model import Entry, Run
from flowkit.stores.memory.tables import Tables

__all__ = ["write"]

_NOBODY: Final[frozenset[int]] = frozenset()


def write(tables: Tables, batch: Changes) -> Refused:
    """Write a batch; see ``Store.commit``."""
    claim = batch.claim
    if claim is not None and not tables.claims.holds(claim):
        return Refused(lost=True)
    if batch.stamp not in (None, tables.editions.stamp):
        return refused_whole(batch)
    kept = tables.queue.held if batch.unclaimed else _NOBODY
    turned_away = [change.subscriber_id for change in batch.changes if not _change(tables, change, batch)]
    stale = [run for move in batch.moves for run in _move(tables, move, batch.at, claimed=claim is not None, kept=kept)]
    if claim is not None and batch.ends and not stale:
        tables.claims.end(claim)
    return Refused(turned_away, stale) if turned_away or stale else NOTHING_REFUSED


def _change(tables: Tables, change: Change, batch: Changes) -> bool:
    """Write a change; False where it is refused."""
    subscriber, at = change.subscriber_id, batch.at
    if not _stands(tables, change) or (change.totals and not tables.ledgers.have_room(change.totals, batch.limits)):
        return False
    if change.handle is None:
        tables.subscribers.add(subscriber)
    tables.subscribers.accept(subscriber, change.seen)
    if change.ledgers:
        tables.ledgers.write(subscriber, change.ledgers)
    if change.occurred:
        tables.past.add(subscriber, change.occurred, batch.history, at)
    if change.assigned:
        tables.assignments.write(subscriber, change.assigned)
    if change.totals:
        tables.ledgers.count(change.totals)
    for ban in change.bans:
        tables.suppressions.add(subscriber, ban, at)
    for run, entries in change.started:
        _begin(tables, run, entries, at)
    for move in change.moves:
        _move(tables, move, at, claimed=False, kept=_NOBODY)
    for workflow_id, entry in change.lines:
        tables.journal.write(at, (), (subscriber, workflow_id), (entry,))
    return True


def _stands(tables: Tables, change: Change) -> bool:
    """Whether nobody wrote what the change was decided on."""
    subscriber = change.subscriber_id
    if tables.subscribers.handle(subscriber) != change.handle:
        return False
    if change.assigned and not tables.assignments.fits(subscriber, change.assigned):
        return False
    if change.handle is None:
        return True
    newest = change.newest
    return (
        (newest is None or all(handle <= newest for handle in tables.runs.living(subscriber)))
        and (change.latest is None or tables.past.latest(subscriber) <= change.latest)
        and not tables.subscribers.seen(subscriber, change.seen)
        and tables.ledgers.stand(subscriber, change.ledgers)
        and all(tables.runs.stand(move.runs) for move in change.moves)
    )


def _begin(tables: Tables, run: Run, entries: tuple[Entry, ...], at: int) -> None:
    handle = tables.runs.begin(run)
    if run.due is not None:
        tables.queue.put(run.due, handle)
    tables.journal.write(at, (handle,), None, entries)


def _move(tables: Tables, move: Move, at: int, *, claimed: bool, kept: Collection[int]) -> list[Run]:
    """Move each run that nobody else moved; give the others.

    Args:
        tables: What the store keeps.
        move: Which, and where to.
        at: The engine's instant.
        claimed: Whether a worker moves them, who has carried out what was pending.
        kept: The runs that are not to be moved, since a worker holds them.
    """
    stale: list[Run] = []
    moved: list[int] = []
    runs, state, due, assigned = tables.runs.all, move.state, move.due, move.assigned
    alive, held = state.alive, tables.queue.held
    for run in move.runs:
        handle, sequence = run.handle, run.sequence
        if runs[handle - 1].sequence != sequence or handle in kept:
            stale.append(run)
            continue
        if assigned:
            if not tables.assignments.fits(run.subscriber_id, assigned):
                stale.append(run)
                continue
            tables.assignments.write(run.subscriber_id, assigned)
        moved.append(handle)
        runs[handle - 1] = run.moved(state, due, sequence=sequence + 1)
        if move.version is not None:
            runs[handle - 1] = runs[handle - 1]._replace(version=move.version)
        if not alive:
            tables.runs.end(run)
            continue
        if not run.state.alive:
            tables.runs.revive(run)
        if due is not None and due != run.due and handle not in held:
            tables.queue.put(due, handle)
    if (claimed or not alive) and not state.keeps_inputs:
        tables.frozen.thaw(runs[handle - 1] for handle in moved)
    tables.journal.write(at, moved, None, move.entries)
    return stale
