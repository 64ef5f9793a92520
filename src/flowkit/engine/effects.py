"""Who carries out which effect: mail by the sender, changes by the profiles, calls by webhooks and handlers."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Final, assert_never

from flowkit.engine import links
from flowkit.engine.calls import Caller, Receiver
from flowkit.engine.hold import Hold
from flowkit.engine.inputs import first_inputs
from flowkit.engine.jobs import Job, inherited
from flowkit.engine.looks import look_at_changed
from flowkit.engine.mail import Mailer
from flowkit.engine.parts import Parts
from flowkit.errors import ConflictError
from flowkit.ports import Claim, HandlerRequest, InDoubt, ProfileChange, WebhookRequest
from flowkit.runs.effects import Outcome, Result
from flowkit.runs.model import Run
from flowkit.workflows.control import Branch, Exit, Split, WaitForEvent
from flowkit.workflows.links import EmitEvent, StartWorkflow
from flowkit.workflows.model import (
    EMAIL,
    CallHandler,
    CallWebhook,
    CheckEngagement,
    SendEmail,
    UpdateProfile,
    UpdateSegments,
    Wait,
    WaitUntil,
)

__all__ = ["Hands"]

_NO_SECONDS: Final = 0.0


class Hands:
    """Carries out the effects of one claim.

    Attributes:
        has_led_on: Whether other runs may be due by what was carried out.
    """

    def __init__(self, parts: Parts, claim: Claim, hold: Hold, now: int) -> None:
        self._parts = parts
        self._claim = claim
        self._now = now
        self._hold = hold
        self._caller = Caller(parts, claim, hold)
        self._mailers: dict[str, Mailer] = {}
        self.has_led_on = False

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
                case CallHandler():
                    await self._handle(job, operation)
                case EmitEvent():
                    self.has_led_on = True
                    if await self._hold.secure(_NO_SECONDS):
                        await links.emit(self._parts, job, operation, self._now)
                case StartWorkflow():
                    self.has_led_on = True
                    if await self._hold.secure(_NO_SECONDS):
                        await links.start(self._parts, job, operation, self._now)
                case Wait() | WaitUntil() | CheckEngagement() | Branch() | Split() | Exit() | WaitForEvent():
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

    async def inherit(self, job: Job) -> None:
        """Settle what a dead worker began, as far as that is known without a call."""
        operation, parts = job.action.do, self._parts
        sender = parts.sender_of(operation.channel) if isinstance(operation, SendEmail) else None
        policy = InDoubt.RESEND if sender is None else sender.in_doubt
        webhooks = parts.webhooks if isinstance(operation, CallWebhook) else None
        await inherited(job, self._claim, sender or webhooks, policy)

    async def _change(self, job: Job, operation: UpdateSegments | UpdateProfile) -> None:
        profiles = self._parts.profiles
        if profiles is None:
            _fail(job, "no profiles")
            return
        changes = [ProfileChange(run.id + job.effect.suffix, run.subscriber_id, operation) for run in job.runs]
        receiver = Receiver("profiles.change", profiles, profiles.change, _NO_SECONDS, looks=False)
        await self._caller.in_windows(job, receiver, changes)
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
        receiver = Receiver("webhooks.call", webhooks, webhooks.call, webhooks.timeout.total_seconds())
        await (self._caller.one_by_one if job.once else self._caller.in_windows)(job, receiver, requests)

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
        return WebhookRequest(key, operation.url, operation.method, operation.headers, body, once=job.once)

    async def _handle(self, job: Job, operation: CallHandler) -> None:
        """Carry out an action of the host's own."""
        handling = self._parts.handlers.get(operation.name)
        if handling is None:
            _fail(job, f"no handler is called {operation.name!r}")
            return
        window = None if job.once else handling.key_window
        variables: dict[int, Mapping[str, Any]] = dict.fromkeys(range(len(job.runs)), job.variables)
        if window is not None:
            now = {index: [job.variables] for index in variables}
            first = await first_inputs(self._parts, self._claim, job, now, self._now, window)
            variables |= {index: values[0] for index, values in first.items()}
        requests = [
            HandlerRequest(
                key=run.id + job.effect.suffix,
                name=operation.name,
                subscriber_id=run.subscriber_id,
                workflow_id=run.workflow_id,
                run_id=run.id,
                node=job.effect.node,
                action=job.effect.action_id,
                parameters=operation.parameters,
                variables=variables[index],
            )
            for index, run in enumerate(job.runs)
        ]
        receiver = Receiver(handling.port, handling.call, handling.call, handling.timeout.total_seconds())
        await (self._caller.one_by_one if window is None else self._caller.in_windows)(job, receiver, requests)


def _fail(job: Job, reason: str) -> None:
    job.outcomes[:] = [Outcome(Result.FAILED, reason)] * len(job.runs)
