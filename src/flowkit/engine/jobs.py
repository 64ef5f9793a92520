"""One kind of effect for many runs, and the outcomes that came of it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Final

from attrs import Factory, frozen

from flowkit.documents import is_list
from flowkit.engine.drive import resolve
from flowkit.ports import Claim, InDoubt, Lookup
from flowkit.runs.effects import Effect, Outcome, Result
from flowkit.runs.model import Run
from flowkit.runs.program import Program
from flowkit.workflows.model import Action, Delivery, delivery_of

__all__ = ["Job", "answered", "doubtful_outcome", "inherited", "named"]

_DEATHS: Final = 3


@frozen(eq=False)
class Job:
    """The same effect of many runs.

    Attributes:
        program: The version that the runs are pinned to.
        effect: What is to be carried out.
        runs: For whom, as they were read: they may have gone on since, all in the same way.
        variables: The variables that all of them have by now.
        outcomes: How it ended for each run, in their order; None until it has, and where the claim was lost before.
        begun: When an attempt of a dead worker was made that has its outcome now, by index, in microseconds.
        once: Whether it must not be carried out again where nobody knows how it ended.
    """

    program: Program
    effect: Effect
    runs: Sequence[Run]
    variables: Mapping[str, Any]
    outcomes: list[Outcome | None] = Factory(lambda self: [None] * len(self.runs), takes_self=True)
    begun: dict[int, int | None] = Factory(dict[int, "int | None"])
    once: bool = Factory(lambda self: delivery_of(self.action.do) is Delivery.AT_MOST_ONCE, takes_self=True)

    @property
    def action(self) -> Action:
        """The action that the effect stands for."""
        return self.program.node(self.effect.node).actions[self.effect.action]

    def open(self) -> list[int]:
        """Give the indices of the runs that have no outcome yet."""
        return [index for index, outcome in enumerate(self.outcomes) if outcome is None]


async def inherited(job: Job, claim: Claim, receiver: object, policy: InDoubt) -> None:
    """Settle what a dead worker had begun: by its own notes, by asking the receiver, or by policy.

    Args:
        job: The effects; those that need not be called again get their outcome.
        claim: The claim with the dead worker's notes.
        receiver: The port that the dead worker had called.
        policy: What to do where nobody knows.
    """
    if not claim.settled and not claim.doubtful:
        return
    doubtful: list[tuple[int, str]] = []
    for index, run in enumerate(job.runs):
        key = run.id + job.effect.suffix
        if key in claim.settled:
            job.outcomes[index] = claim.settled[key]
            job.begun[index] = claim.begun.get(key)
        elif claim.doubtful.get(key, 0) >= _DEATHS:
            reason = f"{claim.doubtful[key]} workers died in this call"
            job.outcomes[index] = Outcome(Result.UNKNOWN, reason)
        elif key in claim.doubtful:
            doubtful.append((index, key))
    if not doubtful:
        return
    found = await _look_up(receiver, [key for _, key in doubtful])
    for index, key in doubtful:
        outcome = found.get(key)
        if outcome is None and job.once:
            outcome = Outcome(Result.UNKNOWN, "a worker died in this call, and it is made at most once")
        elif outcome is None and policy is InDoubt.ASSUME_SENT:
            outcome = Outcome(Result.DONE, "assumed sent")
        # A receiver that never saw the key says so with RETRY: it is then called now.
        if outcome is not None and outcome.result is not Result.RETRY:
            job.outcomes[index] = outcome
            job.begun[index] = claim.begun.get(key)


async def doubtful_outcome(
    receiver: object, policy: InDoubt, key: str, error: Exception, *, once: bool = False
) -> Outcome:
    """Decide what to make of a call that ended in an exception: ask the receiver, else follow the policy.

    Args:
        receiver: The port that was called.
        policy: What to do where nobody knows.
        key: The effect's key.
        error: How the call ended.
        once: Whether the call must not be made again, whatever the policy.
    """
    found = await _look_up(receiver, [key])
    if key in found:
        return found[key]
    if once:
        return Outcome(Result.UNKNOWN, f"in doubt after {named(error)}, and made at most once")
    if policy is InDoubt.ASSUME_SENT:
        return Outcome(Result.DONE, f"assumed sent after {named(error)}")
    return Outcome(Result.RETRY, f"in doubt after {named(error)}")


async def _look_up(receiver: object, keys: Sequence[str]) -> Mapping[str, Outcome]:
    if not isinstance(receiver, Lookup):
        return {}
    try:
        found = await resolve("sender.lookup", receiver.lookup(keys))
        return {key: found[key] for key in keys if isinstance(found.get(key), Outcome)}
    except Exception:  # noqa: BLE001 - a receiver that cannot be asked cannot tell
        return {}


def answered(port: str, outcomes: object, count: int) -> Sequence[Outcome]:
    """Take what a port answered for what it promised: one outcome for each item.

    Raises:
        TypeError: It is something else, so nothing is known about any of them.
    """
    if is_list(outcomes) and len(outcomes) == count:
        found = [one for one in outcomes if isinstance(one, Outcome)]
        if len(found) == count:
            return found
    message = f"{port} did not give {count} outcomes"
    raise TypeError(message)


def named(error: Exception) -> str:
    """Name an error without its text, which may hold an address."""
    return type(error).__name__
