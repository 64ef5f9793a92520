"""The guard of suppression and consent: asked before a message is made, and again right before it is handed over.

What is handed over together is a window. Its keys are noted before anything is looked at, so whoever suppresses a
subscriber either finds the window or is found by it (``Store.open_window``).
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Final, TypeAlias

from flowkit.engine.drive import resolve
from flowkit.engine.jobs import Job, named
from flowkit.engine.parts import Parts
from flowkit.ports import OPEN, Claim, Consent, Fence
from flowkit.rendering.model import OutgoingMessage
from flowkit.runs.consent import Ban, ConsentStatus, stopped_by
from flowkit.runs.effects import Outcome, Result
from flowkit.runs.model import Run
from flowkit.workflows.model import SendEmail

__all__ = ["ConsentGuard", "Ready"]

Ready: TypeAlias = tuple[OutgoingMessage, Job, int]
"""A message, and where its outcome goes."""

_NO_CONSENT: Final = Outcome(Result.FAILED, "no consent port")


class ConsentGuard:
    """Keeps the messages of one claim from those who must not, or do not want to, be written to."""

    def __init__(self, parts: Parts, claim: Claim) -> None:
        self._store = parts.store
        self._consent = parts.consent
        self._claim = claim

    async def screen(self, job: Job, operation: SendEmail) -> None:
        """Look before messages are made; those that are not to be get their outcome."""
        names = (run.subscriber_id for run in job.runs)  # Read only where anybody is suppressed.
        banned = await resolve("store.banned", self._store.banned(names))
        if banned:
            for index in job.open():
                self._refuse_banned(job, index, banned)
        topic = operation.consent_topic
        if topic is not None:
            await self._ask(topic, [(job, index) for index in job.open()])

    async def open_window(self, ready: Sequence[Ready]) -> Sequence[Ready]:
        """Look right before messages are handed over, and give those that still may be.

        The others have their outcome. One whose run others have written to since has none: its run is decided again,
        as it is by now.
        """
        noted: Sequence[Ready] = ()
        while ready:
            noted = ready
            runs = {message.key: job.runs[index] for message, job, index in ready}
            fence = await resolve("store.open_window", self._store.open_window(self._claim, runs))
            going = ready if fence is OPEN else self._let_through(ready, fence)
            if len(going) == len(ready):
                break
            # Once more, so that nobody waits for what stays behind.
            ready = going
        if noted and not ready:
            await self.close_window()
        return ready

    def _let_through(self, ready: Sequence[Ready], fence: Fence) -> Sequence[Ready]:
        going: list[Ready] = []
        for one in ready:
            _, job, index = one
            if job.runs[index].handle in fence.moved:
                continue
            self._refuse_banned(job, index, fence.banned)
            if job.outcomes[index] is None:
                going.append(one)
        return going

    async def close_window(self) -> None:
        """Note that nothing is being handed over any more."""
        await resolve("store.close_window", self._store.close_window(self._claim))

    async def still_wanted(self, ready: Sequence[Ready]) -> Sequence[Ready]:
        """Ask for the consents of a window, and give those that have them or need none."""
        if ready and ready[0][1] is ready[-1][1] and _topic(ready[0][1]) is None:
            return ready  # All of one job, as a rule.
        by_topic: dict[str, list[tuple[Job, int]]] = {}
        for _, job, index in ready:
            topic = _topic(job)
            if topic is not None:
                by_topic.setdefault(topic, []).append((job, index))
        for name, places in by_topic.items():
            await self._ask(name, places)
        return [one for one in ready if one[1].outcomes[one[2]] is None]

    async def _ask(self, topic: str, places: Sequence[tuple[Job, int]]) -> None:
        """Ask who is subscribed to a topic; whoever is not gets the outcome, and all do where nobody can tell."""
        if not places:
            return
        names = list(dict.fromkeys(job.runs[index].subscriber_id for job, index in places))
        if self._consent is None:
            _settle(places, _NO_CONSENT)
            return
        try:
            status = await _read(self._consent, names, topic)
        except Exception as error:  # noqa: BLE001 - whatever a host's port raises, nothing is sent without an answer
            _settle(places, Outcome(Result.RETRY, f"consent could not be read ({named(error)})"))
            return
        for job, index in places:
            run = job.runs[index]
            if status.get(run.subscriber_id) is not ConsentStatus.SUBSCRIBED:
                job.outcomes[index] = self._skipped(job, run, f"no consent: {topic}")

    def _refuse_banned(self, job: Job, index: int, banned: Mapping[str, Sequence[Ban]]) -> None:
        run, operation = job.runs[index], job.action.do
        bans = banned.get(run.subscriber_id)
        if bans is None or not isinstance(operation, SendEmail):
            return
        ban = stopped_by(bans, operation.message_class, channel=operation.channel)
        if ban is not None:
            job.outcomes[index] = self._skipped(job, run, f"suppressed: {ban.reason}")

    def _skipped(self, job: Job, run: Run, reason: str) -> Outcome:
        if run.id + job.effect.suffix in self._claim.doubtful:
            reason += "; a worker died in an earlier attempt, which may have been delivered"
        return Outcome(Result.SKIPPED, reason)


def _topic(job: Job) -> str | None:
    operation = job.action.do
    return operation.consent_topic if isinstance(operation, SendEmail) else None


async def _read(consent: Consent, names: Sequence[str], topic: str) -> Mapping[str, ConsentStatus]:
    return await resolve("consent.status", consent.status(names, topic))


def _settle(places: Iterable[tuple[Job, int]], outcome: Outcome) -> None:
    for job, index in places:
        job.outcomes[index] = outcome
