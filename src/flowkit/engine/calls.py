"""How webhooks, profiles and the host's own actions are called: in windows under keys, or one at a time and noted."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Final, Generic, TypeAlias, TypeVar

from attrs import frozen

from flowkit.engine.drive import resolve
from flowkit.engine.hold import Hold
from flowkit.engine.jobs import Job, answered, doubtful_outcome, inherited, named
from flowkit.engine.parts import Parts
from flowkit.ports import Claim, InDoubt, Maybe
from flowkit.runs.effects import Outcome, Result
from flowkit.runs.variables import kept
from flowkit.workflows.model import CallHandler, CallWebhook

__all__ = ["Caller", "Receiver"]

_WINDOW: Final = 100
Q = TypeVar("Q")
_Call: TypeAlias = Callable[[Sequence[Q]], Maybe[Sequence[Outcome]]]


@frozen(eq=False)
class Receiver(Generic[Q]):
    """Who is called.

    Attributes:
        port: The port and method, such as ``webhooks.call``.
        of: The port, which may look keys up.
        call: The method.
        seconds: The longest that one call takes.
        looks: Whether runs are looked at once more right before a call: one that others have moved meanwhile, be it
            that it has exited, is not called for, and decided again.
    """

    port: str
    of: object
    call: _Call[Q]
    seconds: float
    looks: bool = True


class Caller:
    """Makes the calls of one claim; the outcomes of a job say how they ended."""

    def __init__(self, parts: Parts, claim: Claim, hold: Hold) -> None:
        self._parts = parts
        self._claim = claim
        self._hold = hold

    async def in_windows(self, job: Job, receiver: Receiver[Q], items: Sequence[Q]) -> None:
        """Call a port that honours keys, a window at a time; one that raises is called again later.

        Args:
            job: The effects; those that have an outcome already are not called.
            receiver: Who is called.
            items: What each is called with, in the order of the job's runs.
        """
        wanted = job.open()
        for start in range(0, len(wanted), _WINDOW):
            window = wanted[start : start + _WINDOW]
            if not await self._hold.secure(receiver.seconds):
                return
            if receiver.looks:
                window = await self._unmoved(job, window)
                if not window:
                    continue
            try:
                given = receiver.call([items[index] for index in window])
                outcomes = answered(receiver.port, await resolve(receiver.port, given), len(window))
            except Exception as error:  # noqa: BLE001 - whatever a host's port raises, its keys make a retry safe
                outcomes = [Outcome(Result.RETRY, f"in doubt after {named(error)}")] * len(window)
            for index, outcome in zip(window, outcomes, strict=True):
                job.outcomes[index] = _kept(job, outcome)

    async def one_by_one(self, job: Job, receiver: Receiver[Q], items: Sequence[Q]) -> None:
        """Call with one item at a time, noted before and after; the note is on the disk where the job is done once."""
        await inherited(job, self._claim, receiver.of, InDoubt.RESEND)
        attempts = await resolve("store.attempts", self._parts.store.attempts(self._claim))
        try:
            for index in job.open():
                if not await self._hold.secure(receiver.seconds):
                    return
                if receiver.looks and not await self._unmoved(job, (index,)):
                    continue
                key = job.runs[index].id + job.effect.suffix
                await resolve("attempts.begin", attempts.begin(key, durable=job.once))
                try:
                    answer = await resolve(receiver.port, receiver.call((items[index],)))
                    [outcome] = answered(receiver.port, answer, 1)
                except Exception as error:  # noqa: BLE001 - whatever a host's port raises, nobody knows what became of it
                    outcome = await doubtful_outcome(receiver.of, InDoubt.RESEND, key, error, once=job.once)
                outcome = _kept(job, outcome)
                job.outcomes[index] = outcome
                await resolve("attempts.settle", attempts.settle(key, outcome))
        finally:
            await resolve("attempts.flush", attempts.flush())

    async def _unmoved(self, job: Job, window: Sequence[int]) -> list[int]:
        """Give those whose runs nobody has moved since they were read.

        Unlike for messages no window is opened that ``suppress`` and ``exit`` would wait for: a handler that calls one
        of them would wait for itself.
        """
        fresh = await resolve("store.read", self._parts.store.read([job.runs[index] for index in window]))
        return [index for index, run in zip(window, fresh, strict=True) if run.sequence == job.runs[index].sequence]


def _kept(job: Job, outcome: Outcome) -> Outcome:
    """Keep of an outcome what the run can use."""
    operation = job.action.do
    return kept(operation, outcome) if isinstance(operation, CallWebhook | CallHandler) else outcome
