"""The guards that hold messages up before they are made: expiry and lateness, quiet hours, rate limits, caps.

They are asked in this order, and again whenever a message that was deferred comes due. Places under caps are taken
last, when nothing else holds the message up: so a message that waits for the morning takes no place at night, and
whether there is room is decided when it goes out. A message that then is not made, or that the receiver refuses, gives
its places back; where an earlier attempt may have gone out after all, it keeps them.

What a dead worker had begun to hand over is asked again too, as every other attempt is. Where it has to wait, it waits
as after an attempt that ended in doubt.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from datetime import timedelta
from typing import Final

from attrs import evolve, frozen

from flowkit.engine.drive import resolve
from flowkit.engine.hold import Hold
from flowkit.engine.jobs import Job
from flowkit.engine.parts import Parts
from flowkit.engine.rounds import profile_facts
from flowkit.events import NO_FACTS, Needs
from flowkit.ports import Cap, Claim, Full, Reservation
from flowkit.runs.effects import Deferral, Outcome, Result
from flowkit.runs.guards import (
    Guard,
    Told,
    deferred,
    expired,
    guard_of,
    is_late,
    late_until,
    moment_text,
    period,
    quiet_until,
)
from flowkit.runs.model import Run
from flowkit.runs.policy import NO_POLICY, FrequencyCap, RateLimit
from flowkit.runs.turns import Promise, take_turns
from flowkit.triggers.zones import Zone, zone
from flowkit.workflows.model import MessageClass, SendEmail

__all__ = ["Guards"]

_MICROSECOND: Final = timedelta(microseconds=1)
_ZONE: Final = Needs(zone=True)
_KEPT: Final = 2 * 86_400_000_000
"""For how long a place is kept beyond its time: a subscriber may move to a zone where the period began earlier."""


@frozen(eq=False)
class _Asking:
    """One message before the guards.

    Attributes:
        job: Where its outcome goes.
        index: At which place.
        send: What is to be sent.
        due: When it is due now, in microseconds.
        since: When it came due first, in microseconds.
        limit: The rate limit that holds for it, and what that is called; None for none.
        promise: What the rate limit told it; None where it told nothing, or another limit did.
        in_doubt: Whether a worker died over it.
    """

    job: Job
    index: int
    send: SendEmail
    due: int
    since: int
    limit: tuple[str, RateLimit] | None
    promise: Promise | None
    in_doubt: bool

    @property
    def run(self) -> Run:
        return self.job.runs[self.index]

    @property
    def key(self) -> str:
        return self.run.id + self.job.effect.suffix

    @property
    def workflow_id(self) -> str:
        return self.job.program.workflow_id

    @property
    def is_marketing(self) -> bool:
        return self.send.message_class is MessageClass.MARKETING

    @property
    def is_open(self) -> bool:
        return self.job.outcomes[self.index] is None

    def note_since(self) -> None:
        outcome = self.job.outcomes[self.index]
        if outcome is not None and outcome.result is Result.RETRY:
            self.job.outcomes[self.index] = evolve(outcome, deferral=Deferral(self.since, self.since, ""))

    def settle(self, outcome: Outcome | None) -> None:
        if outcome is not None:
            self.job.outcomes[self.index] = outcome

    def defer(self, later: Deferral, now: int, told: Told = ()) -> None:
        outcome = deferred(later, self.send.expires_after, told)
        if self.in_doubt and outcome.result is Result.DEFERRED:
            reason = f"a worker died in this call; held up by {guard_of(later.by)}"
            outcome = Outcome(Result.RETRY, reason, retry_after=(later.until - now) * _MICROSECOND)
        self.settle(outcome)


class Guards:
    """Asks the guards for the messages of one claim that go by one channel.

    Args:
        parts: The ports.
        claim: The claim.
        now: The engine's instant in microseconds.
        honours_keys: Whether the receiver honours keys.
    """

    def __init__(self, parts: Parts, claim: Claim, now: int, *, honours_keys: bool) -> None:
        self._parts = parts
        self._policy = parts.policy
        self._is_strict = parts.policy != NO_POLICY
        self._claim = claim
        self._now = now
        self._honours_keys = honours_keys
        self._reserved: dict[str, None] = {}
        self._expiring: list[_Asking] = []

    async def admit(self, sends: Sequence[tuple[Job, SendEmail]]) -> None:
        """Give those an outcome that must not go out, or not yet; the others have their places under the caps."""
        guarded = [(job, send) for job, send in sends if self._is_strict or _says_when(job, send)]
        if not guarded:
            return
        asking = [self._asking(job, index, send) for job, send in guarded for index in job.open()]
        asking.sort(key=lambda one: (one.due, one.run.handle))
        for one in asking:
            one.settle(expired(one.since, self._now, one.send.expires_after))
        self._expiring = [one for one in asking if one.is_open and one.send.expires_after is not None]
        asking = [one for one in asking if one.is_open]
        zones = await self._zones(asking)
        self._late(asking, zones)
        marketing = [one for one in asking if one.is_open and one.is_marketing]
        self._quiet(marketing, zones)
        await self._turns([one for one in marketing if one.is_open and one.limit is not None])
        await self._places([one for one in marketing if one.is_open], zones)

    async def settle(self, jobs: Iterable[Job], hold: Hold) -> None:
        """Note of what is tried again when it came due first; give the places of those back that were not sent.

        Where others wrote to a run right before the call, it has no outcome: it is decided anew, and may have ended.
        Its place is given back too, if nobody else can have taken it over and be sending by now.
        """
        for one in self._expiring:
            one.note_since()
        if not self._reserved:
            return
        back: list[str] = []
        undecided: list[str] = []
        for job in jobs:
            for run, outcome in zip(job.runs, job.outcomes, strict=True):
                key = run.id + job.effect.suffix
                if key in self._reserved and self._was_never_sent(job, key, outcome):
                    (undecided if outcome is None else back).append(key)
        if undecided and await hold.confirm():
            back += undecided
        if back:
            await resolve("store.unreserve", self._parts.store.unreserve(back))

    def _was_never_sent(self, job: Job, key: str, outcome: Outcome | None) -> bool:
        match outcome:
            case Outcome(result=Result.FAILED) if self._honours_keys:
                return True  # A receiver that honours keys speaks of all attempts.
            case None | Outcome(result=Result.SKIPPED | Result.FAILED):
                return not job.effect.attempt and key not in self._claim.doubtful
            case _:
                return False

    def _asking(self, job: Job, index: int, send: SendEmail) -> _Asking:
        run = job.runs[index]
        limit = self._policy.limit(job.program.workflow_id)
        # Of a run that came to its message in this very claim, the due instant is that at which it began to.
        kept = run.state.deferred_of(job.effect)
        own = run.state.due_of(job.effect, run.due)
        due = self._now if own is None else own
        promise = None
        if kept is not None and limit is not None and kept.by == _limit_name(send.channel, *limit):
            promise = Promise(due, kept.mark)
        since = due if kept is None else kept.since
        in_doubt = run.id + job.effect.suffix in self._claim.doubtful
        return _Asking(job, index, send, due, since, limit, promise, in_doubt)

    async def _zones(self, asking: Sequence[_Asking]) -> Mapping[str, Zone]:
        """Find the zones of those who are asked for theirs, by run id."""
        asked = [one for one in asking if self._needs_zone(one)]
        ids = list(dict.fromkeys(one.run.subscriber_id for one in asked))
        facts = await profile_facts(self._parts, ids, _ZONE)
        return {
            one.run.id: zone(facts.get(one.run.subscriber_id, NO_FACTS).zone, one.job.program.workflow.timezone)
            for one in asked
        }

    def _needs_zone(self, one: _Asking) -> bool:
        if is_late(one.send.late, one.due, self._now):
            return True
        if not one.is_marketing:
            return False
        if self._policy.quiet(one.job.program.workflow) is not None:
            return True
        return any(not isinstance(cap.per, timedelta) for cap in self._policy.capped(one.workflow_id, one.send))

    def _late(self, asking: Sequence[_Asking], zones: Mapping[str, Zone]) -> None:
        for one in asking:
            late = one.send.late
            if late is None or not is_late(late, one.due, self._now):
                continue
            found = late_until(late, one.due, self._now, zones.get(one.run.id))
            if isinstance(found, Outcome):
                one.settle(found)
            elif found is not None:
                until, told = found
                one.defer(Deferral(until, one.since, str(Guard.LATE)), self._now, told)

    def _quiet(self, asking: Sequence[_Asking], zones: Mapping[str, Zone]) -> None:
        for one in asking:
            workflow = one.job.program.workflow
            window = self._policy.quiet(workflow)
            found = None if window is None else quiet_until(window, self._now, zones[one.run.id])
            if found is not None:
                until, told = found
                if window is workflow.quiet_hours:
                    told = (*told, ("hours_of", "workflow"))
                one.defer(Deferral(until, one.since, str(Guard.QUIET_HOURS)), self._now, told)

    # -- rate limits --------------------------------------------------------------------------------------------------

    async def _turns(self, asking: Sequence[_Asking]) -> None:
        by_limit: dict[str, list[_Asking]] = {}
        for one in asking:
            if one.limit is not None:
                by_limit.setdefault(_limit_name(one.send.channel, *one.limit), []).append(one)
        for name, some in by_limit.items():
            await self._take_turns(name, some)

    async def _take_turns(self, name: str, asking: Sequence[_Asking]) -> None:
        store, limit = self._parts.store, asking[0].limit
        if limit is None:
            return
        asked = [one.promise for one in asking]
        while True:  # Whoever is refused was overtaken by one who was not.
            bucket = await resolve("store.bucket", store.bucket(name))
            turns, told = take_turns(limit[1], bucket.turns, asked, self._now)
            if await resolve("store.put_bucket", store.put_bucket(bucket._replace(turns=turns))):
                break
        for one, promise in zip(asking, told, strict=True):
            if promise is not None:
                one.defer(Deferral(promise.at, one.since, name, promise.origin), self._now)

    # -- caps ---------------------------------------------------------------------------------------------------------

    async def _places(self, asking: Sequence[_Asking], zones: Mapping[str, Zone]) -> None:
        asked: list[tuple[_Asking, Reservation]] = []
        for one in asking:
            caps = self._policy.capped(one.workflow_id, one.send)
            if caps:
                rows = tuple(self._cap(cap, one.send, zones.get(one.run.id)) for cap in caps)
                asked.append((one, Reservation(one.key, one.run.subscriber_id, rows)))
        if not asked:
            return
        reservations = [reservation for _, reservation in asked]
        found = await resolve("store.reserve", self._parts.store.reserve(reservations, self._now))
        for (one, reservation), full in zip(asked, found, strict=True):
            if full:
                self._turn_away(one, full, zones.get(one.run.id))
            else:
                self._reserved[reservation.key] = None

    def _cap(self, cap: FrequencyCap, send: SendEmail, where: Zone | None) -> Cap:
        since, until = self._span(cap, where)
        return Cap(cap.row(send), cap.most, since, until + _KEPT)

    def _span(self, cap: FrequencyCap, where: Zone | None) -> tuple[int, int]:
        """Tell what counts now: what is later than the first instant; and until when what goes out now counts."""
        if isinstance(cap.per, timedelta):
            length = cap.per // _MICROSECOND
            return self._now - length, self._now + length
        began, ends = period(cap.per, self._now, (where or zone(None)).tz)
        return began - 1, ends

    def _turn_away(self, one: _Asking, full: Sequence[Full], where: Zone | None) -> None:
        """Defer until all caps that are full have room, or skip where one of them does not let it wait so long."""
        caps = {cap.row(one.send): cap for cap in self._policy.capped(one.workflow_id, one.send)}
        room = [(self._room(caps[found.cap], found, where), found) for found in full]
        until, last = max(room, key=lambda pair: pair[0])
        cap = caps[last.cap]
        told: Told = (("cap", cap.name), ("taken", last.taken), ("most", cap.most))
        if cap.by_topic and one.send.topic is not None:
            told = (*told, ("topic", one.send.topic))
        patient = [caps[found.cap].defer for found in full]
        if all(most is not None and until - one.since <= most // _MICROSECOND for most in patient):
            one.defer(Deferral(until, one.since, str(Guard.FREQUENCY_CAP)), self._now, told)
        else:
            told = (*told, ("room_at", moment_text(until)))
            one.settle(Outcome(Result.SKIPPED, str(Guard.FREQUENCY_CAP), told=told))

    def _room(self, cap: FrequencyCap, full: Full, where: Zone | None) -> int:
        _, ends = self._span(cap, where)
        return full.first + (cap.per // _MICROSECOND) if isinstance(cap.per, timedelta) else ends


def _says_when(job: Job, send: SendEmail) -> bool:
    """Whether a message or its workflow says itself when it may go out."""
    return send.expires_after is not None or send.late is not None or job.program.workflow.quiet_hours is not None


def _limit_name(channel: str, workflow_id: str, limit: RateLimit) -> str:
    """Name a limit in the store: each channel has turns of its own, and a limit of another speed begins anew."""
    return f"{Guard.RATE_LIMIT}:{limit.most}/{limit.per // _MICROSECOND}:{channel}:{workflow_id}"
