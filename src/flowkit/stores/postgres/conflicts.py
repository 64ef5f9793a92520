"""Conflicts: what of a batch was decided on rows that others have written since.

All rows that a change depends on are its subscriber's, and whoever writes those holds the lock on the subscriber's row.
So once a batch has its locks, what is read then is what it is written upon.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import NamedTuple

from flowkit.ports import Change, Changes, Refused
from flowkit.stores.labels import Labels, wanted_labels
from flowkit.stores.postgres import statements as sql
from flowkit.stores.postgres.link import Link, columns
from flowkit.stores.postgres.recall import read_assigned

__all__ = ["Locked", "lock", "stale"]


class Locked(NamedTuple):
    """The subscribers of a batch, whose rows are locked.

    Attributes:
        handles: Their numbers, by id; who is not there, or is there though unknown to the batch, is left out.
        new: The numbers of those that were written just now, by id.
    """

    handles: Mapping[str, int]
    new: Mapping[str, int]


def lock(link: Link, changes: Changes) -> Locked:
    """Write the subscribers that are new, and lock those that were known."""
    strangers = sorted(change.subscriber_id for change in changes.changes if change.handle is None)
    new: dict[str, int] = dict(link.rows(sql.NEW_SUBSCRIBERS, strangers)) if strangers else {}
    handles = dict(new)
    known = [change.handle for change in changes.changes if change.handle is not None]
    # Who gets a label by a move is locked too; all others of the moves are fenced by the rows of their runs.
    named = sorted({run.subscriber_id for move in changes.moves if move.assigned for run in move.runs})
    if named:
        handles.update(link.rows(sql.LOCK_NAMED, known, named))
    elif known:
        handles.update(link.rows(sql.LOCK_SUBSCRIBERS, known))
    return Locked(handles, new)


def stale(link: Link, changes: Changes, locked: Locked, workflows: Callable[[str], int]) -> Refused:
    """Say what of a batch others wrote first, or does not fit a limit."""
    wanted, splits = wanted_labels(changes)
    moved = _moved(link, changes)
    late = _late(link, changes.changes, locked, moved, workflows)
    room = _room(link, changes, workflows)
    labels = Labels(read_assigned(link, wanted, splits) if wanted else {})
    refused: list[str] = []
    for change in changes.changes:
        fits = all(added <= room[workflow_id] for workflow_id, added in change.totals if workflow_id in room)
        if change.subscriber_id in late or not fits or not labels.takes(change.subscriber_id, change.assigned):
            refused.append(change.subscriber_id)
            continue
        for workflow_id, added in change.totals:
            if workflow_id in room:
                room[workflow_id] -= added
    runs = [run for move in changes.moves for run in move.runs]
    held = _held(link, [run.handle for run in runs]) if changes.unclaimed and runs else frozenset[int]()
    stood_back = [run for run in runs if run.handle in moved or run.handle in held]
    return Refused(refused, [*stood_back, *labels.refused(changes.moves, stood_back)])


def _moved(link: Link, changes: Changes) -> frozenset[int]:
    """Lock the runs of a batch, and find those that are not as they were read."""
    moves = [*changes.moves, *(move for change in changes.changes for move in change.moves)]
    read = {run.handle: run.sequence for move in moves for run in move.runs}
    if not read:
        return frozenset()
    current: dict[int, int] = dict(link.rows(sql.LOCK_RUNS, list(read)))
    return frozenset(handle for handle, sequence in read.items() if current.get(handle) != sequence)


def _held(link: Link, handles: Sequence[int]) -> frozenset[int]:
    """Find those runs that a worker holds; none that is locked can be claimed meanwhile."""
    return frozenset(handle for (handle,) in link.rows(sql.HELD, handles))


def _late(
    link: Link,
    changes: Sequence[Change],
    locked: Locked,
    moved: frozenset[int],
    workflows: Callable[[str], int],
) -> frozenset[str]:
    """Name the subscribers of whom others wrote first what a change was decided on."""
    late: set[str] = set()
    known: dict[int, str] = {}
    for change in changes:
        if change.handle is None:
            if change.subscriber_id not in locked.new:
                late.add(change.subscriber_id)
        elif locked.handles.get(change.subscriber_id) != change.handle:
            late.add(change.subscriber_id)
        else:
            known[change.handle] = change.subscriber_id
        if moved and any(run.handle in moved for move in change.moves for run in move.runs):
            late.add(change.subscriber_id)
    standing = [change for change in changes if change.handle in known]
    late.update(known[handle] for handle in _overtaken(link, standing, workflows))
    return frozenset(late)


def _overtaken(link: Link, changes: Sequence[Change], workflows: Callable[[str], int]) -> Iterable[int]:
    """Give the numbers of known subscribers of whom there is more than was read."""
    seen = [(change.handle, event) for change in changes for event in change.seen]
    if seen:
        yield from (subscriber for subscriber, _ in link.rows(sql.SEEN, *columns(seen, 2)))
    known = [change.handle or 0 for change in changes for _ in change.ledgers]
    ledgers = [
        (change.handle, workflows(ledger.workflow_id), ledger.sequence)
        for change in changes
        for ledger in change.ledgers
    ]
    if ledgers:
        places = link.rows(sql.LEDGER_SEQUENCES, *columns(ledgers, 3))
        yield from (known[place - 1] for (place,) in places)
    for statement, numbers in (
        (sql.NEWER, [(change.handle, change.newest) for change in changes if change.newest is not None]),
        (sql.NEWER_PAST, [(change.handle, change.latest) for change in changes if change.latest is not None]),
    ):
        if numbers:
            yield from (subscriber for (subscriber,) in link.rows(statement, *columns(numbers, 2)))


def _room(link: Link, changes: Changes, workflows: Callable[[str], int]) -> dict[str, int]:
    """Tell how many may still enter, by workflow, where all subscribers together have a limit; lock what is counted."""
    counted = {workflow_id for change in changes.changes for workflow_id, _ in change.totals} & changes.limits.keys()
    if not counted:
        return {}
    numbers = {workflows(workflow_id): workflow_id for workflow_id in sorted(counted)}
    link.write(sql.NEW_TOTALS, list(numbers))
    return {
        numbers[workflow]: changes.limits[numbers[workflow]] - entries
        for workflow, entries in link.rows(sql.LOCK_TOTALS, list(numbers))
    }
