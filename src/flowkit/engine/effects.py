"""Who carries out which effect: mail by the sender, changes by the profiles, calls by the webhooks."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Final, TypeVar, assert_never

from flowkit.engine.drive import resolve
from flowkit.engine.hold import Hold
from flowkit.engine.jobs import Job, answered, doubtful_outcome, inherited, named
from flowkit.engine.looks import look_at_changed
from flowkit.engine.mail import Mailer
from flowkit.engine.parts import Parts
from flowkit.errors import ConflictError
from flowkit.ports import Claim, InDoubt, Maybe, ProfileChange, WebhookRequest, Webhooks
from flowkit.runs.effects import Outcome, Result
from flowkit.runs.model import Run
from flowkit.workflows.control import Branch, Exit, WaitForEvent
from flowkit.workflows.model import (
    EMAIL,
    CallWebhook,
    CheckEngagement,
    SendEmail,
    UpdateProfile,
    UpdateSegments,
    Wait,
    WaitUntil,
)

__all__ = ["Hands"]

_WINDOW: Final = 100
_PROFILE_SECONDS: Final = 0.0
Q = TypeVar("Q")


class Hands:
    """Carries out the effects of one claim."""

    def __init__(self, parts: Parts, claim: Claim, hold: Hold, now: int) -> None:
        self._parts = parts
        self._claim = claim
        self._now = now
        self._hold = hold
        self._mailers: dict[str, Mailer] = {}

    async def carry_out(self, jobs: Sequence[Job]) -> None:
        """Carry jobs out; their outcomes say how they ended, and are None where the claim was lost before."""
        mail: dict[str, list[tuple[Job, SendEmail]]] = {}
        for job in jobs:
            operation = job.action.do
            match operation:
                case SendEmail():
                    mail.setdefault(operation.channel, []).append((job, operation))
                case UpdateSegments() | UpdateProfile():
                    await self._change(job, operation)
                case CallWebhook():
                    await self._call(job, operation)
                case Wait() | WaitUntil() | CheckEngagement() | Branch() | Exit() | WaitForEvent():
                    message = f"{type(operation).__name__} is decided, never carried out"
                    raise AssertionError(message)
                case _:
                    assert_never(operation)
        for channel, some in mail.items():
            await self._send(channel, some)

    async def _send(self, channel: str, mail: Sequence[tuple[Job, SendEmail]]) -> None:
        sender = self._parts.sender_of(channel)
        if sender is None:
            for job, _ in mail:
                _fail(job, "no sender" if channel == EMAIL else f"no sender for {channel}")
            return
        if channel not in self._mailers:
            mailer = Mailer(self._parts, self._claim, self._hold, sender, self._now, channel=channel)
            self._mailers[channel] = mailer
        await self._mailers[channel].send(mail)

    async def _change(self, job: Job, operation: UpdateSegments | UpdateProfile) -> None:
        profiles = self._parts.profiles
        if profiles is None:
            _fail(job, "no profiles")
            return
        changes = [ProfileChange(run.id + job.effect.suffix, run.subscriber_id, operation) for run in job.runs]
        await self._in_windows(job, "profiles.change", changes, profiles.change, _PROFILE_SECONDS)
        if self._parts.catalogue.watchful or self._parts.catalogue.watching:
            await self._look(job)

    async def _look(self, job: Job) -> None:
        """Look at those whose profiles were changed, before that is committed: so that no crash can lose it."""
        causes: dict[str, list[str]] = {}
        for run, outcome in zip(job.runs, job.outcomes, strict=True):
            if outcome is not None and outcome.result is Result.DONE:
                causes.setdefault(run.subscriber_id, []).append(run.id + job.effect.suffix)
        try:
            await look_at_changed(self._parts, self._parts.store, causes, self._now)
        except ConflictError as error:
            # The change stands under its key; with the next attempt the look comes too.
            again = Outcome(Result.RETRY, "others wrote to the subscriber at every attempt")
            for index, run in enumerate(job.runs):
                if run.subscriber_id in error.subscriber_ids:
                    job.outcomes[index] = again

    async def _call(self, job: Job, operation: CallWebhook) -> None:
        webhooks = self._parts.webhooks
        if webhooks is None:
            _fail(job, "no webhooks")
            return
        requests = [self._request(job, run, operation) for run in job.runs]
        if job.once:
            await self._once_each(job, webhooks, requests)
        else:
            await self._in_windows(job, "webhooks.call", requests, webhooks.call, webhooks.timeout.total_seconds())

    async def _once_each(self, job: Job, webhooks: Webhooks, requests: Sequence[WebhookRequest]) -> None:
        """Make calls that must not be repeated, one at a time; each is noted before and after."""
        await inherited(job, self._claim, webhooks, InDoubt.RESEND)
        attempts = await resolve("store.attempts", self._parts.store.attempts(self._claim))
        try:
            for index in job.open():
                if not await self._hold.secure(webhooks.timeout.total_seconds()):
                    return
                request = requests[index]
                await resolve("attempts.begin", attempts.begin(request.key, durable=True))
                try:
                    answer = await resolve("webhooks.call", webhooks.call((request,)))
                    [outcome] = answered("webhooks.call", answer, 1)
                except Exception as error:  # noqa: BLE001 - whatever a host's port raises, nobody knows what became of it
                    outcome = await doubtful_outcome(webhooks, InDoubt.RESEND, request.key, error, once=True)
                job.outcomes[index] = outcome
                await resolve("attempts.settle", attempts.settle(request.key, outcome))
        finally:
            await resolve("attempts.flush", attempts.flush())

    def _request(self, job: Job, run: Run, operation: CallWebhook) -> WebhookRequest:
        body = {
            **operation.body,
            "subscriber_id": run.subscriber_id,
            "workflow_id": run.workflow_id,
            "run_id": run.id,
            "node": job.effect.node,
            "action": job.effect.action_id,
        }
        key = run.id + job.effect.suffix
        return WebhookRequest(key, operation.url, operation.method, operation.headers, body)

    async def _in_windows(
        self,
        job: Job,
        port: str,
        items: Sequence[Q],
        call: Callable[[Sequence[Q]], Maybe[Sequence[Outcome]]],
        seconds: float,
    ) -> None:
        """Call a port that honours keys, a window at a time; one that raises is called again later."""
        for start in range(0, len(items), _WINDOW):
            window = items[start : start + _WINDOW]
            if not await self._hold.secure(seconds):
                return
            try:
                outcomes = answered(port, await resolve(port, call(window)), len(window))
            except Exception as error:  # noqa: BLE001 - whatever a host's port raises, its keys make a retry safe
                outcomes = [Outcome(Result.RETRY, f"in doubt after {named(error)}")] * len(window)
            job.outcomes[start : start + len(window)] = outcomes


def _fail(job: Job, reason: str) -> None:
    job.outcomes[:] = [Outcome(Result.FAILED, reason)] * len(job.runs)
