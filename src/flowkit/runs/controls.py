"""What is done to a run from outside: it is paused, resumed, or taken out; total, and idempotent.

A paused run keeps in mind when it wanted to go on, and is never due. Events are observed all the while: one that meets
the wait in which the run stands still moves it when it is resumed, where it occurred in time. Where the clock is
frozen, the deadline of such a wait and the detached actions that are open are moved on together with the due instant,
and so is the instant from which on a message expires. A run that waits for what happens, or that a condition may end,
is looked at as soon as it is resumed.
"""

from __future__ import annotations

from typing import assert_never

from attrs import evolve

from flowkit.events import Event, Facts
from flowkit.runs import watching
from flowkit.runs.effects import Exited, PauseClock, Paused, Resumed
from flowkit.runs.model import Entry, Kind, Pause, Status, Waiting
from flowkit.runs.walk import Walk, seconds_of
from flowkit.workflows.control import WaitForEvent

__all__ = ["control", "note_met", "still"]


def control(walk: Walk, signal: Paused | Resumed | Exited) -> None:
    """Do to a run what is to be done from outside."""
    match signal:
        case Paused():
            _pause(walk, signal)
        case Resumed():
            _resume(walk, signal)
        case Exited(reason) if walk.state.alive:
            walk.entries.append(Entry(Kind.EXITED, walk.state.node, None, {"reason": reason}))
            walk.end(Status.EXITED, reason)
        case Exited():
            return
        case _:
            assert_never(signal)


def _pause(walk: Walk, signal: Paused) -> None:
    """Let a run stand still; one that does stays as it is, but that it may be paused by itself as well."""
    state = walk.state
    if state.status is Status.ACTIVE:
        held = Pause(signal.since, walk.due, signal.clock, signal.own)
        walk.entries.append(Entry(Kind.PAUSED, state.node, None, {"clock": signal.clock.value}))
        walk.state = evolve(state, status=Status.PAUSED, pause=held)
        walk.due, walk.timed, walk.own = None, True, True
    elif state.pause is not None and signal.own and not state.pause.own:
        walk.state = evolve(state, pause=evolve(state.pause, own=True))


def _resume(walk: Walk, signal: Resumed) -> None:
    """Let a paused run go on, later by the length of the pause where the clock was frozen."""
    state, held = walk.state, walk.state.pause
    if state.status is not Status.PAUSED or held is None:
        return
    length = max(0, signal.at - held.since)
    data = {"clock": held.clock.value, "seconds": seconds_of(length)}
    walk.entries.append(Entry(Kind.RESUMED, state.node, None, data))
    shift = length if held.clock is PauseClock.FREEZE else 0
    due, watch = None if held.due is None else held.due + shift, state.watch
    if state.waiting is Waiting.EVENT:
        if watch.until is not None:
            watch = evolve(watch, until=watch.until + shift)
        due = walk.now  # What it waits for may have come meanwhile.
    beside = state.beside
    if beside is not None:
        beside = evolve(beside, open=tuple((effect, at + shift) for effect, at in beside.open))
    deferred = tuple(evolve(one, since=one.since + shift) for one in state.deferred)
    walk.state = evolve(state, status=Status.ACTIVE, pause=None, watch=watch, beside=beside, deferred=deferred)
    walk.due, walk.timed, walk.own = due, True, True
    if walk.program.guarded:  # A goal or an exit criterion may have come to hold meanwhile.
        walk.flip = walk.now


def note_met(walk: Walk, event: Event, facts: Facts) -> None:
    """Keep in mind that an event meets the wait in which a paused run stands still."""
    state = walk.state
    if state.status is not Status.PAUSED or state.waiting is not Waiting.EVENT:
        return
    wait = walk.program.node(state.node or "").actions[state.action].do
    if isinstance(wait, WaitForEvent):
        walk.keep(watching.kept(state.watch, wait, event, facts, walk.now))


def still(walk: Walk) -> None:
    """See to it that a paused run is not due, whatever moved it, and that no other run keeps a pause in mind."""
    state, held = walk.state, walk.state.pause
    if held is None:
        return
    if state.status is not Status.PAUSED:
        walk.state = evolve(state, pause=None)
    elif walk.due is not None:
        # An outcome that was in a worker's hands moved it: from now on it stands still where that led to.
        walk.state = evolve(state, pause=evolve(held, due=walk.due, since=max(held.since, walk.now)))
        walk.due, walk.own = None, True
