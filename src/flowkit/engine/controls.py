"""What is ordered from outside: workflows are drained, stopped, paused and resumed; runs are paused, resumed, ended.

An order for a workflow is one write, and holds from then on: who enters is let in by it, and no worker takes a run on
against it. The living runs are brought to it a page at a time, by the call and, where that dies, by the next
``advance``. A page is decided under the stamp of the order, so what was overtaken by another order writes nothing.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, Final, TypeAlias

from attrs import evolve, field, frozen

from flowkit.engine.attempts import Attempts
from flowkit.engine.drive import resolve
from flowkit.engine.migration import carry_on
from flowkit.engine.parts import Parts
from flowkit.events import NO_FACTS
from flowkit.ports import Changes, Hold, HoldKind, Move, Sweep, SweepKind
from flowkit.runs.effects import Exited, PauseClock, Paused, Resumed
from flowkit.runs.model import Member, Run, Status

__all__ = [
    "Controlled",
    "Order",
    "bring",
    "bring_all",
    "exit_subscriber",
    "hold",
    "is_held",
    "move_runs",
    "name_of",
    "ordered",
    "resume",
    "signal_of",
]

_ENDED: Final = (Status.COMPLETED, Status.EXITED, Status.FAILED, Status.HELD_OUT)
Order: TypeAlias = Paused | Resumed | Exited
"""What brings a run to what is ordered."""


@frozen
class Controlled:
    """What became of runs that were to be paused, resumed or ended.

    Attributes:
        runs: How many were moved; those that stand so already are not counted.
        refused: Why others were not, by run id: ``ended``; ``workflow_paused`` where a run goes on when its workflow
            does; ``busy`` where others wrote to the run at every attempt.
    """

    runs: int = 0
    refused: Mapping[str, str] = field(factory=dict[str, str])


# ------------------------------------------------------------------------------------------------------------
# Workflows


def name_of(workflow_id: str) -> str:
    """Name the sweep that brings the runs of a workflow to what is ordered for it."""
    return f"control:{workflow_id}"


async def hold(parts: Parts, workflow_id: str, kind: HoldKind, now: int, *, reason: str, clock: PauseClock) -> int:
    """Order something for a workflow, and bring its runs to it; where it is ordered already, that order stands.

    Returns:
        How many runs were moved.
    """
    await _require_live(parts, workflow_id)
    standing = parts.catalogue.holds.get(workflow_id)
    if standing is None or standing.kind is not kind:
        await _order(parts, workflow_id, Hold(kind, now, reason=reason, clock=clock), now)
    return await bring(parts, workflow_id, now)


async def resume(parts: Parts, workflow_id: str, now: int) -> int:
    """Give a workflow its usual course again, and let go on what stands still because of it.

    Returns:
        How many runs were moved.
    """
    await _require_live(parts, workflow_id)
    if workflow_id in parts.catalogue.holds:
        await _order(parts, workflow_id, None, now)
    return await bring(parts, workflow_id, now)


async def _require_live(parts: Parts, workflow_id: str) -> None:
    await parts.catalogue.refresh()
    parts.catalogue.live(workflow_id)


async def _order(parts: Parts, workflow_id: str, order: Hold | None, now: int) -> None:
    sweep = Sweep(name_of(workflow_id), workflow_id, SweepKind.CONTROL, now, json.dumps({"at": now}))
    parts.catalogue.controlled = 0
    await resolve("store.hold", parts.store.hold(workflow_id, order, sweep))
    await parts.catalogue.refresh()


async def bring(parts: Parts, workflow_id: str, now: int) -> int:
    """Bring all living runs of a workflow to what is ordered for it; give how many were moved."""
    moved = 0
    while (sweep := await _unfinished(parts, workflow_id)) is not None:
        while sweep is not None:
            more, sweep = await ordered(parts, sweep, now)
            moved += more
    return moved


async def bring_all(parts: Parts, now: int) -> bool:
    """Take a page of an order, or a migration, that was not carried out to its end; whether there was one."""
    catalogue = parts.catalogue
    edition = catalogue.edition
    if catalogue.controlled == edition:
        return False
    for sweep in await resolve("store.sweeps", parts.store.sweeps()):
        if sweep.due is None:
            continue
        if sweep.kind is SweepKind.CONTROL:
            await ordered(parts, sweep, now)
            return True
        if sweep.kind is SweepKind.MIGRATION:
            await carry_on(parts, sweep, now)
            return True
    catalogue.controlled = edition
    return False


async def _unfinished(parts: Parts, workflow_id: str) -> Sweep | None:
    name = name_of(workflow_id)
    sweeps = await resolve("store.sweeps", parts.store.sweeps())
    return next((sweep for sweep in sweeps if sweep.name == name and sweep.due is not None), None)


async def ordered(parts: Parts, sweep: Sweep, now: int) -> tuple[int, Sweep | None]:
    """Take one page of living runs and bring them to what is ordered.

    Returns:
        How many were moved; and the sweep as it stands now, None where it is at its end or somebody else wrote it.
    """
    plan: dict[str, Any] = json.loads(sweep.plan)
    page, moved = await _page(parts, sweep.workflow_id, plan, now)
    more = len(page) >= parts.batch
    after = {**plan, "last": page[-1].handle if page else plan.get("last", 0)}
    sweep = evolve(sweep, due=now if more else None, plan=json.dumps(after))
    put = await resolve("store.put_sweep", parts.store.put_sweep(sweep))
    return moved, evolve(sweep, sequence=sweep.sequence + 1) if put and more else None


async def _page(parts: Parts, workflow_id: str, plan: Mapping[str, Any], now: int) -> tuple[Sequence[Run], int]:
    store, last = parts.store, int(plan.get("last", 0))
    moved = 0
    while True:
        stamp, _ = await resolve("store.watches", store.watches(now, limit=1))
        await parts.catalogue.refresh(stamp)
        read = store.runs(workflow_id=workflow_id, living=True, after=last, limit=parts.batch)
        page = await resolve("store.runs", read)
        signal = _signal(parts.catalogue.holds.get(workflow_id), int(plan["at"]))
        moves = [move for run in page if (move := _brought(parts, run, signal, now)) is not None]
        refused = await resolve("store.commit", store.commit(Changes(now, moves=moves, stamp=stamp)))
        moved += len(moves) - len(refused.runs)
        # A run that others wrote to is read again as they left it: each time one of the writers has come further.
        if not refused.runs:
            return page, moved


def _signal(order: Hold | None, at: int) -> Order:
    match order:
        case Hold(kind=HoldKind.PAUSE):
            return Paused(order.since, order.clock)
        case Hold(kind=HoldKind.STOP):
            return Exited(order.reason)
        case _:
            return Resumed(at)


def _brought(parts: Parts, run: Run, signal: Order, now: int) -> Move | None:
    """Bring a run to what is ordered for its workflow; None where it stands so already."""
    if isinstance(signal, Resumed) and (run.state.pause is None or run.state.pause.own):
        return None
    return _moved(parts, run, signal, now)


def _moved(parts: Parts, run: Run, signal: Order, now: int) -> Move | None:
    program = parts.catalogue.program(run.version)
    transition = parts.decisions.informed(program, run.state, signal, NO_FACTS, now, Member.of(run, run.due))
    if transition.state == run.state:
        return None
    return Move((run,), transition.state, transition.due(now), transition.entries)


def is_held(parts: Parts, workflow_id: str) -> bool:
    """Whether the runs of a workflow are not to go on."""
    order = parts.catalogue.holds.get(workflow_id)
    return order is not None and order.kind is not HoldKind.DRAIN


def signal_of(parts: Parts, workflow_id: str, now: int) -> Order:
    """Give what is ordered for a workflow as the signal that brings a run to it."""
    return _signal(parts.catalogue.holds.get(workflow_id), now)


# ------------------------------------------------------------------------------------------------------------
# Runs


async def move_runs(parts: Parts, runs: Iterable[Run], signal: Order, now: int) -> Controlled:
    """Pause, resume or end runs.

    Raises:
        UnknownRun: One of them is not in the store; nothing was changed.
    """
    asked = list({run.id: run for run in runs}.values())
    done = 0
    refused: dict[str, str] = {}
    attempts = Attempts()
    while asked and attempts.left:
        stamp, _due = await resolve("store.watches", parts.store.watches(now, limit=1))
        await parts.catalogue.refresh(stamp)
        moves: list[Move] = []
        for run in await resolve("store.read", parts.store.read(asked)):
            move = _controlled(parts, run, signal, now)
            if isinstance(move, str):
                refused[run.id] = move
            elif move is not None:
                moves.append(move)
        batch = Changes(now, moves=moves, stamp=stamp)
        turned_away = await resolve("store.commit", parts.store.commit(batch))
        done += len(moves) - len(turned_away.runs)
        asked = list(turned_away.runs)
        attempts.lost(outdated=turned_away.outdated)
    refused.update((run.id, "busy") for run in asked)
    return Controlled(done, refused)


def _controlled(parts: Parts, run: Run, signal: Order, now: int) -> Move | str | None:
    if run.status in _ENDED:
        return None if isinstance(signal, Exited) and run.status is Status.EXITED else "ended"
    if isinstance(signal, Resumed) and run.state.pause is not None:
        order = parts.catalogue.holds.get(run.workflow_id)
        if order is not None and order.kind is HoldKind.PAUSE:
            return "workflow_paused"
    return _moved(parts, run, signal, now)


async def exit_subscriber(
    parts: Parts, subscriber_id: str, workflow_id: str | None, reason: str, now: int
) -> Controlled:
    """End the living runs of a subscriber, in one workflow or in all."""
    recall = await resolve("store.recall", parts.store.recall({subscriber_id: ()}, runs=True))
    known = recall.subscribers.get(subscriber_id)
    runs = () if known is None else known.runs
    wanted = [run for run in runs if workflow_id in (None, run.workflow_id)]
    return await move_runs(parts, wanted, Exited(reason), now)
