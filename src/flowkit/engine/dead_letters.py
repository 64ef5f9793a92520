"""Runs that failed, let go on: where it is known that nothing was done under the old key, or done again on demand."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Final

from attrs import field, frozen

from flowkit.engine.drive import resolve
from flowkit.engine.parts import Parts
from flowkit.events import NO_FACTS
from flowkit.ports import Changes, Move
from flowkit.runs.effects import Effect, Requeued, Result
from flowkit.runs.model import Run, Status
from flowkit.runs.step import Member
from flowkit.workflows.model import Delivery, SendEmail, delivery_of

__all__ = ["Requeue", "requeue"]

_ATTEMPTS: Final = 8


@frozen
class Requeue:
    """What became of runs that were to go on.

    Attributes:
        runs: How many go on; ``advance`` carries on with them.
        refused: Why others do not, by run id: ``not_failed``; ``may_be_done`` where their effect may have been done and
            nothing keeps it from being done twice; ``busy`` where others wrote to the run at every attempt.
    """

    runs: int = 0
    refused: Mapping[str, str] = field(factory=dict[str, str])


async def requeue(parts: Parts, runs: Iterable[Run], now: int, *, accept_duplicate: bool) -> Requeue:
    """Let failed runs go on.

    Args:
        parts: The ports.
        runs: Which; they are read again.
        now: The engine's instant in microseconds.
        accept_duplicate: Whether what may have been done may be done again.
    """
    await parts.catalogue.refresh()
    asked = list({run.id: run for run in runs}.values())
    done = 0
    refused: dict[str, str] = {}
    for _ in range(_ATTEMPTS):
        if not asked:
            break
        moves: list[Move] = []
        for run in await resolve("store.read", parts.store.read(asked)):
            signal = _signal(parts, run, accept_duplicate=accept_duplicate)
            if isinstance(signal, str):
                refused[run.id] = signal
            else:
                moves.append(_moved(parts, run, now, signal))
        turned_away = await resolve("store.commit", parts.store.commit(Changes(now, moves=moves)))
        done += len(moves) - len(turned_away.runs)
        asked = list(turned_away.runs)
    refused.update((run.id, "busy") for run in asked)
    return Requeue(done, refused)


def _signal(parts: Parts, run: Run, *, accept_duplicate: bool) -> Requeued | str:
    """Say which effects of a run get a new key, or why they must not be carried out again."""
    state = run.state
    if state.status is not Status.FAILED or (state.node is None and state.beside is None):
        return "not_failed"
    failed: list[tuple[Effect | None, Result | None]] = [(state.pending, state.result)]
    if state.beside is not None:
        failed += ((effect, result) for effect, result, _ in state.beside.failed)
    keys: list[bool] = []
    for effect, result in failed:
        anew = effect is not None and _anew(parts, run, effect, result, accept_duplicate=accept_duplicate)
        if isinstance(anew, str):
            return anew
        keys.append(anew)
    return Requeued(keys[0], tuple(keys[1:]))


def _anew(parts: Parts, run: Run, effect: Effect, result: Result | None, *, accept_duplicate: bool) -> bool | str:
    """Say whether an effect gets a new key, or why it must not be carried out again."""
    if accept_duplicate:
        return True
    operation = parts.catalogue.program(run.version).node(effect.node).actions[effect.action].do
    sender = parts.sender_of(operation.channel) if isinstance(operation, SendEmail) else None
    honours = not isinstance(operation, SendEmail) or (sender is not None and sender.key_window is not None)
    keeps = honours and delivery_of(operation) is Delivery.AT_LEAST_ONCE
    match result:
        case Result.UNKNOWN:
            return False if keeps else "may_be_done"
        case Result.RETRY:
            # One of the attempts may have been done without an answer: under its key it is not done again.
            return not keeps
        case _:
            return True


def _moved(parts: Parts, run: Run, now: int, signal: Requeued) -> Move:
    program = parts.catalogue.program(run.version)
    member = Member(run.id, run.due, run.entered)
    transition = parts.decisions.informed(program, run.state, signal, NO_FACTS, now, member)
    return Move((run,), transition.state, transition.due(now), transition.entries)
