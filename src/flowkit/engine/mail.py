"""How messages are made and handed over: one a call and noted, or in windows under keys that the receiver honours."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from itertools import chain, islice
from typing import Any, Final, TypeAlias

from attrs import frozen

from flowkit.conditions import NO_VARIABLES
from flowkit.engine.drive import resolve, wait_for
from flowkit.engine.guards.consent import ConsentGuard, Ready
from flowkit.engine.guards.limits import Guards
from flowkit.engine.hold import Hold
from flowkit.engine.inputs import first_inputs
from flowkit.engine.jobs import Job, answered, doubtful_outcome, inherited, named
from flowkit.engine.parts import Parts
from flowkit.engine.personalizing import Note, Personalizing, noted_outcome, render_letter
from flowkit.engine.rounds import profile_facts
from flowkit.events import NO_FACTS, NO_NEEDS, Facts, Needs
from flowkit.ports import Addressed, Attempts, Claim, Sender
from flowkit.rendering.engine import CompiledSubject, CompiledTemplate, context
from flowkit.rendering.mail_policy import MailPolicy
from flowkit.rendering.model import MessageAborted, OutgoingMessage, TemplateError
from flowkit.runs.effects import Outcome, Result
from flowkit.runs.model import Run, new_tuple
from flowkit.workflows.model import EMAIL, MessageClass, SendEmail

__all__ = ["Mailer"]

_WINDOW: Final = 100
_FRESH: Final = 0.05
_NOTHING: Final[Mapping[str, Any]] = {}
_NO_HEADERS: Final[Mapping[str, str]] = {}

_Inputs: TypeAlias = tuple[Mapping[str, Any], Mapping[str, Any], Mapping[str, Any] | None]
"""The attributes and the variables that a message is made from, and what it is personalized with."""


@frozen(eq=False)
class _Letter:
    """What the messages of one job have in common."""

    operation: SendEmail
    template: CompiledTemplate | None
    subject: CompiledSubject | None
    metadata: Mapping[str, Any]
    needs: Needs
    policy: MailPolicy | None = None
    open_links: bool = False
    personal: Personalizing | None = None
    instead: CompiledTemplate | None = None

    def complete(self, message: OutgoingMessage) -> OutgoingMessage:
        """Put into a message what the policy for mail says."""
        if self.policy is None:
            return message
        return self.policy.apply(
            message,
            marketing=self.operation.message_class is MessageClass.MARKETING,
            topic=self.operation.topic,
            open_links=self.open_links,
        )


class Mailer:
    """Hands the messages of one claim and one channel over."""

    def __init__(
        self, parts: Parts, claim: Claim, hold: Hold, sender: Sender, now: int, *, channel: str = EMAIL
    ) -> None:
        self._parts = parts
        self._now = now
        self._claim = claim
        self._hold = hold
        self._sender = sender
        self._consent = ConsentGuard(parts, claim)
        self._notes: list[tuple[Job, int, Note]] = []
        self._guards = Guards(parts, claim, now, honours_keys=sender.key_window is not None)
        self._timeout = sender.timeout.total_seconds()
        self._keyed = sender.key_window is not None
        self._channel = channel
        self._policy = parts.mail if channel == EMAIL else None
        self._needs = sender.needs
        asked = EMAIL if channel == EMAIL and EMAIL in sender.needs.attributes else None
        if isinstance(sender, Addressed):
            asked = sender.address
            self._needs |= NO_NEEDS if asked is None else Needs(attributes=frozenset({asked}))
        self._is_addressed = asked is not None
        self._address = EMAIL if asked is None and channel == EMAIL else asked

    async def send(self, jobs: Sequence[tuple[Job, SendEmail]]) -> None:
        """Carry out sends; each job's outcomes say how they ended."""
        letters: list[tuple[Job, _Letter]] = []
        for job, operation in jobs:
            await inherited(job, self._claim, self._sender, self._sender.in_doubt)
            letter = await self._letter(job, operation)
            if isinstance(letter, Outcome):
                for index in job.open():
                    job.outcomes[index] = letter
            else:
                await self._consent.screen(job, operation)
                letters.append((job, letter))
        await self._guards.admit([(job, letter.operation) for job, letter in letters])
        made = [await self._made(job, letter) for job, letter in letters]
        if self._keyed:
            ready = list(chain.from_iterable(made))
            # What must not be done twice is noted call by call, also where the receiver honours keys.
            await self._one_by_one([one for one in ready if one[1].once])
            await self._in_windows([one for one in ready if not one[1].once])
        else:
            await self._one_by_one(chain.from_iterable(made))
        for job, index, note in self._notes:
            job.outcomes[index] = noted_outcome(job.outcomes[index], note)
        await self._guards.settle([job for job, _ in letters], self._hold)

    # -- making -------------------------------------------------------------------------------------------------------

    async def _letter(self, job: Job, operation: SendEmail) -> _Letter | Outcome:
        template: CompiledTemplate | None = None
        subject: CompiledSubject | None = None
        needs, personal = self._needs, None
        instead: CompiledTemplate | None = None
        policy, open_links = self._policy, False
        if self._parts.templates is not None:
            catalogue = self._parts.catalogue
            found = await catalogue.template(job.program.version, operation.template_id)
            like = found if isinstance(found, CompiledTemplate) else None
            own = None if operation.subject is None else catalogue.subject(operation.subject, like)
            if found is None:
                return Outcome(Result.FAILED, f"unknown template {operation.template_id}")
            if isinstance(found, TemplateError) or isinstance(own, TemplateError):
                error = found if isinstance(found, TemplateError) else own
                return Outcome(Result.FAILED, f"template {operation.template_id}: {error}")
            template, subject = found, own
            read = template.variables if subject is None else template.variables | subject.variables
            if template.instead is not None:
                other = await catalogue.template(job.program.version, template.instead)
                instead = other if isinstance(other, CompiledTemplate) else None
                read |= frozenset() if instead is None else instead.variables
            if policy is not None:
                read -= policy.given
                used = [operation.template_id, *([] if instead is None else [instead.template_id])]
                open_links = policy.links is not None and any(
                    catalogue.has_open_links(job.program.version, one) for one in used
                )
            how = self._parts.personalization
            if how is None or not operation.personalization:
                needs |= Needs(attributes=read)
            else:
                personal = Personalizing.of(how, template, read)
                needs |= personal.needs(self._parts)
        metadata = {
            **operation.parameters,
            "workflow_id": job.program.workflow_id,
            "version": job.program.version,
            "node": job.effect.node,
            "action": job.effect.action_id,
            "campaign_type": operation.parameters.get("campaign_type", "automation"),
            "message_class": str(operation.message_class),
            **({} if operation.topic is None else {"topic": operation.topic}),
        }
        return _Letter(operation, template, subject, metadata, needs, policy, open_links, personal, instead)

    async def _made(self, job: Job, letter: _Letter) -> Iterable[Ready]:
        """Make a message for each run that has no outcome yet; a run that cannot have one gets its outcome."""
        if letter.template is None and letter.needs == NO_NEEDS and not self._keyed and letter.policy is None:
            return self._plain(job, letter)
        suffix = job.effect.suffix
        ready: list[Ready] = []
        inputs = await self._inputs(job, letter)
        for index in job.open():
            run = job.runs[index]
            made, note = self._message(letter, run, run.id + suffix, inputs.get(index))
            if isinstance(made, Outcome):
                job.outcomes[index] = made
            else:
                ready.append((letter.complete(made), job, index))
            if note:
                self._notes.append((job, index, note))
        return ready

    def _plain(self, job: Job, letter: _Letter) -> Iterator[Ready]:
        """Make messages of which the mail service makes all: each when it is wanted, so that few are there at once."""
        suffix, operation = job.effect.suffix, letter.operation
        # What all of them have in common, which is all but the first two values.
        template_id, subject = operation.template_id, operation.subject
        common = template_id, None, subject, None, None, _NOTHING, letter.metadata, _NO_HEADERS, self._channel
        alike = (*common, None, None, ())
        for index, (run, outcome) in enumerate(zip(job.runs, job.outcomes, strict=True)):
            if outcome is None:
                yield new_tuple(OutgoingMessage, (run.id + suffix, run.subscriber_id, *alike)), job, index

    async def _inputs(self, job: Job, letter: _Letter) -> Mapping[int, _Inputs]:
        """Read what the messages are made from, frozen where a retry must be the same message."""
        wanted = job.open()
        known: dict[int, Mapping[str, Any]] = dict.fromkeys(wanted, NO_FACTS.attributes)
        ids = list(dict.fromkeys(job.runs[index].subscriber_id for index in wanted))
        facts: Mapping[str, Facts] = dict.fromkeys(ids, NO_FACTS)
        if self._parts.profiles is not None:
            facts = await profile_facts(self._parts, ids, letter.needs)
            known = {
                index: facts[job.runs[index].subscriber_id].attributes
                for index in wanted
                if job.runs[index].subscriber_id in facts
            }
        variables = job.variables if letter.template is not None else NO_VARIABLES
        made_from: Mapping[int, Mapping[str, Any]] = {}
        if letter.personal is not None:
            asked = {index: (job.runs[index].subscriber_id, job.runs[index].event) for index in known}
            made_from = await letter.personal.gather(self._parts, facts, asked, job.program.workflow_id, self._now)
        window = self._sender.key_window
        if window is None:
            return {index: (attributes, variables, made_from.get(index)) for index, attributes in known.items()}
        more = [variables] if variables or letter.personal is not None else []
        now = {
            index: [dict(attributes), *more, *([made_from[index]] if index in made_from else [])]
            for index, attributes in known.items()
        }
        first = await first_inputs(self._parts, self._claim, job, now, self._now, window)
        return {
            index: (values[0], values[1] if values[1:] else NO_VARIABLES, values[2] if values[2:] else None)
            for index, values in first.items()
        }

    def _message(
        self, letter: _Letter, run: Run, key: str, inputs: _Inputs | None
    ) -> tuple[OutgoingMessage | Outcome, Note]:
        """Make a message, or say why there is none; and what the journal is to say of how it was made."""
        if inputs is None:
            if self._parts.profiles is not None:
                return Outcome(Result.SKIPPED, "unknown_subscriber"), ()
            inputs = (NO_FACTS.attributes, NO_VARIABLES, None)
        attributes, variables, made_from = inputs
        to = None if self._address is None else attributes.get(self._address)
        if self._is_addressed and (not isinstance(to, str) or not to):
            return Outcome(Result.SKIPPED, "no_address"), ()
        operation = letter.operation
        if letter.template is None:
            return OutgoingMessage(
                key,
                run.subscriber_id,
                operation.template_id,
                to,
                operation.subject,
                None,
                None,
                attributes,
                letter.metadata,
                channel=self._channel,
            ), ()
        values = context(attributes, run.event, variables)
        if letter.policy is not None:
            values |= letter.policy.values(run.subscriber_id, operation.topic, key, run.workflow_id)
        try:
            rendered, metadata, note = render_letter(
                values, made_from, letter.template, letter.subject, letter.instead, letter.personal
            )
        except MessageAborted as aborted:
            return Outcome(Result.SKIPPED, str(aborted)), ()
        message = OutgoingMessage(
            key,
            run.subscriber_id,
            operation.template_id,
            to,
            rendered.subject,
            rendered.html,
            rendered.text,
            attributes,
            {**letter.metadata, **metadata} if metadata else letter.metadata,
            channel=self._channel,
        )
        return message, note

    # -- handing over -------------------------------------------------------------------------------------------------

    async def _one_by_one(self, ready: Iterable[Ready]) -> None:
        """Call with one message at a time; however it ends, what is noted is kept."""
        ready = iter(ready)
        first = next(ready, None)
        if first is None:
            return
        attempts = await resolve("store.attempts", self._parts.store.attempts(self._claim))
        try:
            await self._call_each(chain((first,), ready), attempts)
        finally:
            flushed = attempts.flush()
            if flushed is not None:
                await wait_for("attempts.flush", flushed)

    async def _call_each(self, coming: Iterator[Ready], attempts: Attempts) -> None:
        """Call with one message at a time, in windows that are over after a hundred calls, or after a while."""
        left: Sequence[Ready] = ()
        while wanted := [*left, *islice(coming, _WINDOW - len(left))]:
            window = await self._opened(wanted)
            if window is None:
                return
            left = window[await self._call_fresh(window, attempts) :]

    async def _opened(self, ready: Sequence[Ready]) -> Sequence[Ready] | None:
        """Give those that may be handed over now; None where the claim is lost.

        The claim is held for a call from after the consents, which may take a while, and before the last look: what is
        handed over under a claim that has lapsed, nobody finds in flight.
        """
        wanted = await self._consent.still_wanted(ready)
        return await self._consent.open_window(wanted) if await self._hold.secure(self._timeout) else None

    async def _call_fresh(self, window: Sequence[Ready], attempts: Attempts) -> int:
        """Call with one message at a time, and note each call before and after it; tell how many calls were made.

        Once it is a while since it was looked whether the messages may go out, the rest is for another window: so the
        slow look anew before each call, and one that was stopped in between does too.
        """
        send, clock, begin, settle = self._sender.send, self._hold.clock, attempts.begin, attempts.settle
        until = self._hold.until(self._timeout, within=_FRESH)
        for called, (message, job, index) in enumerate(window):
            if clock() >= until:
                return called
            key = message.key
            begun = begin(key, durable=True) if job.once else begin(key)
            if begun is not None:
                await wait_for("attempts.begin", begun)
            try:
                answer = send((message,))
                # The usual answer is taken at once.
                if isinstance(answer, list) and len(answer) == 1 and type(answer[0]) is Outcome:
                    outcome: Outcome = answer[0]
                else:
                    [outcome] = answered("sender.send", await resolve("sender.send", answer), 1)
            except Exception as error:  # noqa: BLE001 - whatever a host's sender raises, only this message is in doubt
                outcome = await doubtful_outcome(self._sender, self._sender.in_doubt, key, error, once=job.once)
            job.outcomes[index] = outcome
            noted = settle(key, outcome)
            if noted is not None:
                await wait_for("attempts.settle", noted)
        return len(window)

    async def _in_windows(self, ready: Sequence[Ready]) -> None:
        """Call with up to a hundred messages; a window that ends in an exception is tried again under the same keys."""
        for start in range(0, len(ready), _WINDOW):
            window = await self._opened(ready[start : start + _WINDOW])
            if window is None:
                return
            if not window:
                continue
            messages = [message for message, _, _ in window]
            try:
                outcomes = answered(
                    "sender.send", await resolve("sender.send", self._sender.send(messages)), len(messages)
                )
                pairs = list(zip(window, outcomes, strict=True))
            except Exception as error:  # noqa: BLE001 - whatever a host's sender raises, its keys make a retry safe
                pairs = [(one, Outcome(Result.RETRY, f"in doubt after {named(error)}")) for one in window]
            for (_, job, index), outcome in pairs:
                job.outcomes[index] = outcome
            await self._consent.close_window()
