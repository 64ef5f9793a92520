"""How a batch is written: each change whole or not at all, and each run of a move by itself."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from typing import Final

from flowkit.ports import NOTHING_REFUSED, Change, Changes, Intake, Move, Refused, parts_of, refused_whole
from flowkit.runs.model import Entry, Run
from flowkit.runs.splits import Assigned
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
    turned_away = [name for part in parts_of(batch.changes) for name in _written(tables, part, batch)]
    stale = [run for move in batch.moves for run in _move(tables, move, batch.at, claimed=claim is not None, kept=kept)]
    if claim is not None and batch.ends and not stale:
        tables.claims.end(claim)
    return Refused(turned_away, stale) if turned_away or stale else NOTHING_REFUSED


def _written(tables: Tables, part: Change | Intake, batch: Changes) -> Sequence[str]:
    """Write a part of a batch; give those of whom it is refused."""
    if not isinstance(part, Intake):
        return () if _change(tables, part, batch) else (part.subscriber_id,)
    if _enter(tables, part, batch.at):
        return ()
    # Of some somebody else wrote first: each by itself, so that the others enter.
    changes = map(part.change, part.entrants)
    return [change.subscriber_id for change in changes if not _change(tables, change, batch)]


def _enter(tables: Tables, intake: Intake, at: int) -> bool:
    """Write an intake, all of it or nothing; False where somebody else wrote first."""
    entrants = intake.entrants
    names = [entrant[0] for entrant in entrants]
    if not (tables.subscribers.stand(entrants) and tables.ledgers.lack(names, intake.workflow_id)):
        return False
    tables.subscribers.enter(entrants)
    tables.ledgers.enter(names, intake.ledger)
    handles = tables.runs.begin_all(intake, entrants)
    if intake.due is not None:
        tables.queue.put_all(intake.due, handles)
    tables.journal.write(at, handles, None, intake.entries)
    return True


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
    runs, state, due, assigned = tables.runs.all, move.state, move.due, move.assigned
    alive, held = state.alive, tables.queue.held
    going: list[Run] = []
    stale: list[Run] = []
    for run in move.runs:
        stored = runs[run.handle - 1]
        stands = stored is run or stored.sequence == run.sequence
        if kept or assigned:
            stands = stands and run.handle not in kept and _assigned(tables, run, assigned)
        (going if stands else stale).append(run)
    handles = [run.handle for run in going]
    tables.runs.move(going, state, due, move.version)
    if alive and going and not going[0].state.alive:  # All of a move stood in one state.
        tables.runs.revive(going)
    if alive and due is not None and not held.issuperset(handles):
        tables.queue.put_all(due, [run.handle for run in going if run.due != due and run.handle not in held])
    if (claimed or not alive) and not state.keeps_inputs:
        tables.frozen.thaw(going)
    tables.journal.write(at, handles, None, move.entries)
    return stale


def _assigned(tables: Tables, run: Run, assigned: Sequence[Assigned]) -> bool:
    """Assign labels to the subscriber of a run; False where somebody assigned others meanwhile."""
    if assigned:
        if not tables.assignments.fits(run.subscriber_id, assigned):
            return False
        tables.assignments.write(run.subscriber_id, assigned)
    return True
