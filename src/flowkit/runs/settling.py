"""What comes of an effect that was carried out, or was not: where the run goes on, or when it is tried again."""

from __future__ import annotations

from datetime import timedelta
from typing import Final, assert_never, cast

from attrs import evolve

from flowkit.hashing import digest64
from flowkit.runs import aims, watching
from flowkit.runs.effects import Deferral, Effect, Outcome, Result
from flowkit.runs.guards import guard_of
from flowkit.runs.model import Deferred, Entry, Kind, Status
from flowkit.runs.observing import look
from flowkit.runs.telling import told_of
from flowkit.runs.variables import take
from flowkit.runs.walk import Walk, seconds_of
from flowkit.workflows.model import (
    Action,
    CallHandler,
    CallWebhook,
    OnSkip,
    SendEmail,
)

__all__ = ["MAX_ATTEMPTS", "settle"]

MAX_ATTEMPTS: Final = 10
_FIRST_RETRY: Final = timedelta(minutes=1)
_LONGEST_RETRY: Final = timedelta(hours=6)
_LONGEST_ASKED: Final = timedelta(days=36_525)
_MICROSECOND: Final = timedelta(microseconds=1)


def settle(walk: Walk, effect: Effect, outcome: Outcome, at: int) -> None:
    """Take the outcome of an effect; one that the run does not wait for any more is journaled as late.

    Args:
        walk: The run.
        effect: Which one.
        outcome: How it ended.
        at: When the attempt was made, in microseconds.
    """
    detached = walk.state.beside is not None and effect in walk.state.beside.effects
    if not detached and (walk.state.pending != effect or not walk.state.alive):
        data = {"result": outcome.result.value, **_because(outcome)}
        walk.entries.append(Entry(Kind.LATE, effect.node, effect.action_id, data))
        return
    walk.forget_due(effect)
    outcome = _heard(outcome)
    action = walk.program.node(effect.node).actions[effect.action]
    told = {**told_of(action.do), **({"attempt": effect.attempt + 1} if effect.attempt else {}), **_because(outcome)}
    match outcome.result:
        case Result.DONE:
            _done(walk, effect, outcome, at, told)
        case Result.SKIPPED:
            _tell(walk, Kind.SKIPPED, effect, told)
            if not aims.ends(walk):
                _skipped(walk, effect, action, outcome, detached=detached)
        case Result.DEFERRED if outcome.deferral is not None:
            _tell(walk, Kind.DEFERRED, effect, {**_held_up(outcome.deferral, walk.now), **told})
            if not aims.ends(walk):
                _deferred(walk, effect, outcome.deferral)
        case Result.RETRY if effect.attempt + 1 < MAX_ATTEMPTS:
            _retried(walk, effect, outcome, told)
        case Result.RETRY | Result.FAILED | Result.UNKNOWN | Result.DEFERRED:
            _tell(walk, Kind.FAILED, effect, {"result": outcome.result.value, **told})
            if not aims.ends(walk):
                _failed(walk, effect, outcome, detached=detached)
        case _:
            assert_never(outcome.result)


def _done(walk: Walk, effect: Effect, outcome: Outcome, at: int, told: dict[str, object]) -> None:
    """Take what came of an effect that was carried out, and go on behind it."""
    action = walk.program.node(effect.node).actions[effect.action]
    detached = walk.state.pending != effect
    variables = walk.state.variables
    if isinstance(action.do, CallWebhook | CallHandler):
        taken = take(variables, action.do, outcome.output)
        told |= taken.data
        walk.state = evolve(walk.state, variables=taken.text)
    _tell(walk, Kind.DONE, effect, told)
    if walk.program.notes_sends and isinstance(action.do, SendEmail):
        _sent(walk, at, detached=detached)
    if aims.ends(walk):
        return
    _onward(walk, effect, action.success_path, "success_path", "success")
    if detached and walk.state.variables != variables:
        look(walk, None, mine=False)


def _sent(walk: Walk, at: int, *, detached: bool) -> None:
    """Keep in mind when the run's last message was sent; a worker that died may have sent a detached one before it."""
    last = walk.state.watch.sent if detached else None
    if walk.state.node is not None and (last is None or last <= at):
        walk.keep(watching.sent(walk.state.watch, walk.program.posts, at))


def _skipped(walk: Walk, effect: Effect, action: Action, outcome: Outcome, *, detached: bool) -> None:
    if isinstance(action.do, SendEmail) and action.do.on_skip is OnSkip.EXIT and not detached:
        walk.end(Status.EXITED, outcome.reason)
        walk.entries.append(Entry(Kind.EXITED, effect.node, None, {"reason": outcome.reason}))
    else:
        _onward(walk, effect, action.failure_path, "failure_path", "failure")


def _heard(outcome: Outcome) -> Outcome:
    """Take a deferral that a port gives for what it was: an attempt."""
    is_attempt = outcome.result is Result.DEFERRED and outcome.deferral is None
    return evolve(outcome, result=Result.RETRY) if is_attempt else outcome


def _held_up(later: Deferral, now: int) -> dict[str, object]:
    """Say what holds an effect up, and for how long."""
    return {"by": guard_of(later.by), "seconds": seconds_of(max(later.until - now, 0))}


def _deferred(walk: Walk, effect: Effect, later: Deferral) -> None:
    """Carry an effect out later, as the same attempt."""
    walk.again(effect, effect, max(later.until, walk.now))
    walk.keep_due(Deferred(effect, later.since, later.by, later.mark))
    walk.dated = True


def _retried(walk: Walk, effect: Effect, outcome: Outcome, told: dict[str, object]) -> None:
    """Carry an effect out later, as another attempt."""
    walk.own = True
    again = evolve(effect, attempt=effect.attempt + 1)
    pause = _pause(walk.member.run_id, again, outcome)
    _tell(walk, Kind.RETRYING, effect, {"seconds": seconds_of(pause), **told})
    if aims.ends(walk):
        return
    walk.again(effect, again, walk.now + pause)
    if outcome.deferral is not None:
        walk.keep_due(Deferred(again, outcome.deferral.since))


def _pause(run_id: str, effect: Effect, outcome: Outcome) -> int:
    """Back off exponentially with full jitter from the run's own seed; never sooner than the receiver asked for.

    A receiver is a stranger: what it asks for beyond a hundred years is not heard.
    """
    ceiling = min(_LONGEST_RETRY, _FIRST_RETRY * (1 << (effect.attempt - 1))) // _MICROSECOND
    share = digest64("retry", run_id, effect.suffix, str(effect.attempt))
    asked = min(outcome.retry_after or timedelta(), _LONGEST_ASKED) // _MICROSECOND
    return max(1 + (ceiling * share >> 64), asked)


def _failed(walk: Walk, effect: Effect, outcome: Outcome, *, detached: bool) -> None:
    """Go on behind an effect that failed for good, where there is a way; else the run fails."""
    node = walk.program.node(effect.node)
    path = node.actions[effect.action].failure_path
    last = effect.action + 1 == len(node.actions)
    if detached:
        walk.let_go(effect, outcome)
    elif path is not None or (last and "failure" in node.next_nodes):
        _onward(walk, effect, path, "failure_path", "failure")
    else:
        reason = outcome.reason or outcome.result.value
        walk.state = evolve(walk.state, status=Status.FAILED, reason=reason, result=outcome.result)
        walk.due, walk.timed = None, True
        walk.entries.append(Entry(Kind.FAILED, effect.node, None, {"reason": reason}))


def _onward(walk: Walk, effect: Effect, path: str | None, by: str, label: str) -> None:
    """Go on behind an effect that is settled; one beside the place leads nowhere."""
    if walk.state.pending != effect:
        walk.let_go(effect)
    elif path is None:
        walk.skip()
        walk.on(label)
    else:
        walk.go(path, by)
        walk.on()


def _tell(walk: Walk, kind: Kind, effect: Effect, data: dict[str, object]) -> None:
    walk.entries.append(Entry(kind, effect.node, effect.action_id, data))


def _because(outcome: Outcome) -> dict[str, object]:
    data: dict[str, object] = {}
    if outcome.reason:
        data["reason"] = outcome.reason
    if outcome.reference is not None:
        data["reference"] = outcome.reference
    if not outcome.told:
        return data
    # A journal holds what JSON holds, and outcomes what has a hash.
    told = {
        name: list(cast("tuple[object, ...]", value)) if isinstance(value, tuple) else value
        for name, value in outcome.told
    }
    return {**data, **told}
