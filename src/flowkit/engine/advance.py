"""The way of time: claim what is due, carry effects out, step until all is parked, commit.

Runs are moved in *cohorts*: those of one version that stand in the same state go through one decision together, and
part only where an outcome or a fact differs. What each run costs is then its message and its row.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from time import monotonic
from typing import Final

from attrs import evolve, frozen

from flowkit.engine.controls import bring_all, is_held, signal_of
from flowkit.engine.desk import personal
from flowkit.engine.drive import resolve
from flowkit.engine.effects import Hands
from flowkit.engine.hold import Hold
from flowkit.engine.jobs import Job
from flowkit.engine.looks import look_at_due
from flowkit.engine.parts import Parts
from flowkit.engine.rounds import Ingested, profile_facts
from flowkit.engine.sweeps import plan_sweeps, sweep_once
from flowkit.events import NO_FACTS, Facts, Occurrence, to_micros
from flowkit.ports import Changes, Claim, Move
from flowkit.runs.effects import (
    LOOKED,
    RUN_ID_LENGTH,
    WOKEN,
    Asks,
    Effect,
    Looked,
    Outcome,
    Result,
    Settled,
    Woken,
    effect_key,
)
from flowkit.runs.model import Entry, Kind, Pause, Run, State, Status
from flowkit.runs.program import Program
from flowkit.runs.splits import Assigned
from flowkit.runs.step import Member, Transition
from flowkit.runs.variables import variables_of

__all__ = ["Advanced", "advance"]

_CLAIMS: Final = 64
_ROUNDS: Final = 64
_REREADS: Final = 8
_DEATHS: Final = 3
_NOBODY: Final[Mapping[str, Facts]] = {}


@frozen
class Advanced:
    """What a worker did.

    Attributes:
        runs: Runs that were claimed and moved; one that came due twice counts twice.
        done: Effects that took effect.
        skipped: Effects that were decided against.
        retrying: Attempts that failed and will be made again.
        failed: Effects that failed for good, or whose outcome cannot be known.
        started: Runs that began because an instant came, or by a backfill.
        missed: Firings of time triggers that were found too late and left out.
        deferred: Effects that are carried out later, without an attempt now.
        held_out: Entries of those who are held out, because an instant came, or by a backfill.
    """

    runs: int = 0
    done: int = 0
    skipped: int = 0
    retrying: int = 0
    failed: int = 0
    started: int = 0
    missed: int = 0
    deferred: int = 0
    held_out: int = 0

    def __add__(self, other: Advanced) -> Advanced:
        return Advanced(
            self.runs + other.runs,
            self.done + other.done,
            self.skipped + other.skipped,
            self.retrying + other.retrying,
            self.failed + other.failed,
            self.started + other.started,
            self.missed + other.missed,
            self.deferred + other.deferred,
            self.held_out + other.held_out,
        )


async def advance(parts: Parts, now: datetime | None, limit: int | None) -> Advanced:
    """Do everything that is due.

    Args:
        parts: The ports.
        now: The instant up to which things are due; None asks the clock before each claim.
        limit: The most runs to claim in all; None for no limit.
    """
    total = Advanced()
    error: Exception | None = None
    while limit is None or total.runs < limit:
        moved_runs, done = await _runs(parts, now, None if limit is None else limit - total.runs)
        total += moved_runs
        at = to_micros(parts.clock.now() if now is None else now)
        moved, began, failed = await _began(parts, at)
        total += began
        error = error or failed
        if done and not moved:
            break
    if error is not None:
        raise error
    return total


async def _began(parts: Parts, at: int) -> tuple[bool, Advanced, Exception | None]:
    """Look at whom an instant has come for, and take a page of a sweep; whether anything moved, and the first error."""
    catalogue = parts.catalogue
    stamp, due = await resolve("store.watches", parts.store.watches(at, limit=parts.batch))
    await catalogue.refresh(stamp)
    await plan_sweeps(parts, at)
    brought = await bring_all(parts, at)
    looked, ingested, error = await look_at_due(parts, due, at) if due else (0, Ingested(), None)
    swept = await sweep_once(parts, at)
    if swept is None:
        came = Advanced(started=ingested.started, held_out=ingested.held_out)
        return looked > 0 or brought, came, error
    done = ingested + swept.ingested
    came = Advanced(started=done.started, missed=swept.missed, held_out=done.held_out)
    return True, came, error or swept.error


async def _runs(parts: Parts, now: datetime | None, limit: int | None) -> tuple[Advanced, bool]:
    """Do what runs are due for; whether that was all, since others may not wait for ever."""
    total = Advanced()
    for _ in range(_CLAIMS):
        if limit is not None and total.runs >= limit:
            break
        at = to_micros(parts.clock.now() if now is None else now)
        size = parts.batch if limit is None else min(parts.batch, limit - total.runs)
        since = monotonic()
        claim = await resolve("store.claim", parts.store.claim(at, limit=size, lease=parts.lease))
        if claim is None:
            return total, True
        shift = _Shift(parts, claim, Hold(parts.store, claim, parts.lease, since), at)
        total += await shift.work()
        if claim.fresh and len(claim.runs) < size and not shift.leaves_due:
            return total, True  # The queue gave less than was asked for, so there is nothing more to ask for.
    return total, False


@frozen(eq=False)
class _Cohort:
    """Runs that have come the same way since they were claimed.

    Attributes:
        program: The version that they are pinned to.
        runs: The runs as they were read.
        state: Where they stand now.
        due: When they want to go on now, in microseconds.
        entries: The lines of the journal on the way.
        trail: The outcomes on the way, which must not be lost.
        assigned: The labels that were assigned to each one's subscriber on the way.
    """

    program: Program
    runs: Sequence[Run]
    state: State
    due: int | None
    entries: tuple[Entry, ...] = ()
    trail: tuple[Settled, ...] = ()
    assigned: tuple[Assigned, ...] = ()


class _Shift:
    """One claim, from its first decision to its commit."""

    def __init__(self, parts: Parts, claim: Claim, hold: Hold, now: int) -> None:
        self._parts = parts
        self._claim = claim
        self._hold = hold
        self._now = now
        self._decisions = parts.decisions
        self._hands = Hands(parts, claim, hold, now)
        self._noted = frozenset(key[:RUN_ID_LENGTH] for key in (*claim.settled, *claim.doubtful))
        self.leaves_due = False
        self._results: dict[Result, int] = dict.fromkeys(Result, 0)

    async def work(self) -> Advanced:
        try:
            await self._parts.catalogue.refresh(self._claim.stamp)
            return await self._worked()
        except BaseException:
            # Whoever comes next takes the claim over at once, with the notes of what was called.
            await resolve("store.release", self._parts.store.release(self._claim))
            raise

    async def _worked(self) -> Advanced:
        runs = self._claim.runs if self._claim.fresh else self._still_due()
        if (self._parts.catalogue.holds or not self._claim.fresh) and self._claim.deaths < _DEATHS:
            free = await self._without_held(runs)
            if free is None:
                # All of it is claimed anew, with the notes, and looked at under what is ordered then.
                self.leaves_due = True
                await resolve("store.release", self._parts.store.release(self._claim))
                return Advanced()
            runs = free
        if self._claim.deaths >= _DEATHS:
            cohorts = [await self._given_up(run) for run in runs]
        else:
            cohorts = [
                cohort for wave in self._waves(runs) for cohort in await self._until_parked(self._gathered(wave))
            ]
        due = any(cohort.due is not None and cohort.due <= self._now for cohort in cohorts)
        self.leaves_due = due or self._hands.has_led_on
        await self._commit(cohorts)
        results = self._results
        return Advanced(
            len(self._claim.runs),
            results[Result.DONE],
            results[Result.SKIPPED],
            results[Result.RETRY],
            results[Result.FAILED] + results[Result.UNKNOWN],
            deferred=results[Result.DEFERRED],
        )

    async def _without_held(self, runs: Sequence[Run]) -> Sequence[Run] | None:
        """Bring runs to what is ordered for their workflows and give the others; None where that has changed by now.

        What a dead worker had noted is settled first, as far as it is known without a call: so it is not done again.
        """
        moves: list[Move] = []
        free: list[Run] = []
        for run in runs:
            pause = run.state.pause
            if pause is None and not is_held(self._parts, run.workflow_id):
                free.append(run)
                continue
            cohort = await self._with_what_was_noted(run)
            cohort = self._brought(cohort) if pause is None else self._paused(cohort, pause)
            moves.append(Move(cohort.runs, cohort.state, cohort.due, cohort.entries, cohort.assigned))
        if not moves:
            return free
        batch = Changes(self._now, moves=moves, claim=self._claim, stamp=self._claim.stamp)
        refused = await resolve("store.commit", self._parts.store.commit(batch))
        return None if refused else free

    async def _with_what_was_noted(self, run: Run) -> _Cohort:
        cohort = self._unpaused(run)
        for effect in cohort.state.effects:
            job = Job(cohort.program, effect, (run,), variables_of(cohort.state.variables))
            await self._hands.inherit(job)
            [outcome] = job.outcomes
            if outcome is not None:
                self._results[outcome.result] += 1
                [cohort] = await self._settled(cohort, Settled(effect, outcome, job.begun.get(0)), cohort.runs)
        return cohort

    def _unpaused(self, run: Run) -> _Cohort:
        """Give a run as it would stand if it were not paused."""
        program, pause = self._parts.catalogue.program(run.version), run.state.pause
        if pause is None:
            return _Cohort(program, (run,), run.state, run.due)
        beside, due = run.state.beside, pause.due
        if beside is not None:
            beside = evolve(beside, due=due)
            due = beside.earliest
        state = evolve(run.state, status=Status.ACTIVE, pause=None, beside=beside)
        return _Cohort(program, (run,), state, due)

    def _brought(self, cohort: _Cohort) -> _Cohort:
        signal = signal_of(self._parts, cohort.program.workflow_id, self._now)
        [run] = cohort.runs
        member = Member.of(run, cohort.due)
        transition = self._decisions.informed(cohort.program, cohort.state, signal, NO_FACTS, self._now, member)
        return self._after(cohort, transition, cohort.runs)

    def _still_due(self) -> list[Run]:
        """Give what is due of a dead worker's claim. It may have moved some of its runs, which stay as they are then.

        Where the clock went back since, what it called is settled all the same, at an instant of its clock.
        """
        claim, now = self._claim, self._now
        called = {key for key, outcome in claim.settled.items() if outcome.result is not Result.RETRY}
        called |= claim.doubtful.keys()
        due: list[Run] = []
        for run in claim.runs:
            was_called = any(effect_key(run.id, effect) in called for effect in run.state.effects)
            if run.due is not None and (run.due <= now or was_called):
                due.append(run)
                self._now = max(self._now, run.due)
            elif run.state.pause is not None and was_called:
                due.append(run)
        return due

    def _waves(self, runs: Sequence[Run]) -> Sequence[Sequence[Run]]:
        """Part runs so that those of one subscriber go one after the other, where one may change what another reads."""
        program = self._parts.catalogue.program
        if not any(program(version).changes for version in dict.fromkeys(run.version for run in runs)):
            return [runs]
        waves: list[list[Run]] = []
        gone: dict[str, int] = {}
        for run in runs:
            before = gone[run.subscriber_id] = gone.get(run.subscriber_id, -1) + 1
            if before == len(waves):
                waves.append([])
            waves[before].append(run)
        return waves

    def _gathered(self, runs: Iterable[Run]) -> list[_Cohort]:
        together: dict[tuple[int, State], list[Run]] = {}
        members: list[Run] = []
        version, state = 0, None
        for run in runs:
            if run.state is not state or run.version != version:
                version, state = run.version, run.state
                members = together.setdefault((version, state), [])
            members.append(run)
        program = self._parts.catalogue.program
        return [
            _Cohort(program(version), members, state, members[0].due) for (version, state), members in together.items()
        ]

    async def _given_up(self, run: Run) -> _Cohort:
        """Take a run out of the queue that killed every worker which held it alone, once what they noted is applied."""
        cohort = _Cohort(self._parts.catalogue.program(run.version), (run,), run.state, run.due)
        noted = dict(self._claim.settled)
        while effect := next((one for one in cohort.state.effects if effect_key(run.id, one) in noted), None):
            outcome = noted.pop(effect_key(run.id, effect))
            self._results[outcome.result] += 1
            at = self._claim.begun.get(effect_key(run.id, effect))
            [cohort] = await self._settled(cohort, Settled(effect, outcome, at), cohort.runs)
        if cohort.due is None or cohort.due > self._now:
            return cohort
        reason = f"{self._claim.deaths} workers died over this run"
        entry = Entry(Kind.FAILED, cohort.state.node, None, {"reason": reason})
        # What is pending may have been done: a receiver that honours keys is called without a note.
        result = None if cohort.state.pending is None else Result.UNKNOWN
        state = evolve(cohort.state, status=Status.FAILED, reason=reason, result=result)
        return _Cohort(cohort.program, (run,), state, None, (*cohort.entries, entry), cohort.trail, cohort.assigned)

    async def _until_parked(self, cohorts: Iterable[_Cohort]) -> list[_Cohort]:
        """Move cohorts until nothing of them is due, or for as many rounds as one claim may take."""
        moving: list[_Cohort] = []
        parked: list[_Cohort] = []
        for cohort in cohorts:
            if cohort.due is None or cohort.due > self._now:
                parked.append(cohort)
            else:
                moving += await self._looked(cohort) if cohort.state.at_hand else await self._woken(cohort)
        for _ in range(_ROUNDS):
            acting: list[_Cohort] = []
            for cohort in moving:
                (acting if self._acts(cohort) else parked).append(cohort)
            if not acting:
                return parked
            moving, left = await self._acted(acting)
            parked += left
        return parked + moving

    async def _looked(self, cohort: _Cohort) -> list[_Cohort]:
        """Look at runs before an effect that had to wait: a goal or an exit criterion may have come to hold since.

        What a dead worker may have called is settled first.
        """
        if not cohort.program.guarded:
            return [cohort]
        called, others = self._parted(cohort)
        return [*called, *[one for some in others for one in await self._signalled(some, LOOKED)]]

    def _parted(self, cohort: _Cohort) -> tuple[Sequence[_Cohort], Sequence[_Cohort]]:
        """Part the runs for which a dead worker noted a call from the others; each part is empty or one cohort."""
        if not self._noted:
            return (), (cohort,)
        called = [run for run in cohort.runs if run.id in self._noted]
        others = [run for run in cohort.runs if run.id not in self._noted]
        first, second = ((evolve(cohort, runs=runs),) if runs else () for runs in (called, others))
        return first, second

    def _acts(self, cohort: _Cohort) -> bool:
        if cohort.state.at_hand is None or cohort.due is None or cohort.due > self._now:
            return False
        # What was ordered meanwhile keeps effects from being begun.
        return not (self._parts.catalogue.holds and is_held(self._parts, cohort.program.workflow_id))

    async def _woken(self, cohort: _Cohort) -> list[_Cohort]:
        if not (self._noted and cohort.program.guarded):
            return await self._signalled(cohort, WOKEN)
        called, others = self._parted(cohort)
        woken = [one for some in called for one in await self._signalled(some, Woken(called=True))]
        return [*woken, *[one for some in others for one in await self._signalled(some, WOKEN)]]

    async def _signalled(self, cohort: _Cohort, signal: Woken | Looked) -> list[_Cohort]:
        first = cohort.runs[0]
        member = Member.of(first, cohort.due)
        decided = self._decisions.of(cohort.program, cohort.state, signal, None, self._now, member)
        facts: Mapping[str, Facts] = {}
        if isinstance(decided, Asks):
            facts = await self._facts(cohort, cohort.runs, decided)
        elif not decided.own:
            return [self._after(cohort, decided, cohort.runs)]
        parts = self._decisions.split(cohort.program, cohort.runs, cohort.state, signal, facts, self._now)
        return [self._after(cohort, transition, runs) for transition, runs in parts]

    async def _acted(self, cohorts: Sequence[_Cohort]) -> tuple[list[_Cohort], list[_Cohort]]:
        """Carry out what the cohorts wait for, and settle it.

        Returns:
            What is settled; and the runs whose turn did not come, since others wrote to them, or the claim is lost.
            They stay as they are: the commit refuses them, so they are decided again with the outcomes in hand.
        """
        jobs = [
            Job(cohort.program, _at_hand(cohort), cohort.runs, variables_of(cohort.state.variables))
            for cohort in cohorts
        ]
        await self._hands.carry_out(jobs)
        moved: list[_Cohort] = []
        left: list[_Cohort] = []
        for cohort, job in zip(cohorts, jobs, strict=True):
            for (outcome, at), runs in _endings(job).items():
                if outcome is None:
                    left.append(evolve(cohort, runs=runs))
                    continue
                self._results[outcome.result] += len(runs)
                moved += await self._settled(cohort, Settled(job.effect, outcome, at), runs)
        return moved, left

    async def _settled(self, cohort: _Cohort, settled: Settled, runs: Sequence[Run]) -> list[_Cohort]:
        decisions = self._decisions
        run = runs[0]
        member = Member.of(run, cohort.due)
        first = decisions.of(cohort.program, cohort.state, settled, None, self._now, member)
        if isinstance(first, Asks):
            facts = await self._facts(cohort, runs, first)
            parts = decisions.split(cohort.program, runs, cohort.state, settled, facts, self._now)
            return [self._after(cohort, transition, members, settled) for transition, members in parts]
        if not first.own:
            return [self._after(cohort, first, runs, settled)]
        own = [
            decisions.informed(
                cohort.program,
                cohort.state,
                settled,
                NO_FACTS,
                self._now,
                Member.of(run, cohort.due),
            )
            for run in runs
        ]
        return [self._after(cohort, transition, (run,), settled) for transition, run in zip(own, runs, strict=True)]

    async def _facts(self, cohort: _Cohort, runs: Sequence[Run], asks: Asks) -> Mapping[str, Facts]:
        program = cohort.program
        ids = list(dict.fromkeys(run.subscriber_id for run in runs))
        facts = await profile_facts(self._parts, ids, asks.needs) if program.asks_host else _NOBODY
        if not program.personal:
            return facts
        past: Mapping[str, Mapping[str, Sequence[Occurrence]]] = {}
        if asks.needs.history:
            types = sorted(asks.needs.history)
            past = await resolve("store.history", self._parts.store.history(ids, types))
        assigned: Mapping[str, Mapping[str, str]] = {}
        if asks.needs.splits:
            splits = sorted(asks.needs.splits)
            assigned = await resolve("store.assigned", self._parts.store.assigned(ids, splits))
        # What was assigned since the claim is not in the store yet.
        own = {one.split: one.label for one in cohort.assigned}
        if own:
            assigned = {one: {**assigned.get(one, {}), **own} for one in ids}
        return {one: personal(facts.get(one), one, past.get(one, {}), assigned.get(one, {})) for one in ids}

    def _after(
        self, cohort: _Cohort, transition: Transition, runs: Sequence[Run], settled: Settled | None = None
    ) -> _Cohort:
        trail = cohort.trail if settled is None else (*cohort.trail, settled)
        entries = self._decisions.joined(cohort.entries, transition.entries)
        assigned = cohort.assigned + transition.assigned
        return _Cohort(cohort.program, runs, transition.state, transition.due(self._now), entries, trail, assigned)

    async def _commit(self, cohorts: Sequence[_Cohort]) -> None:
        """Write what was done; where others wrote meanwhile, apply it to what they left and write again."""
        for _ in range(_REREADS):
            if self._hold.lost:
                break
            moves = [Move(cohort.runs, cohort.state, cohort.due, cohort.entries, cohort.assigned) for cohort in cohorts]
            changes = Changes(self._now, moves=moves, claim=self._claim, ends=True)
            refused = await resolve("store.commit", self._parts.store.commit(changes))
            if not refused.runs:
                return
            trails = {run.id: cohort.trail for cohort in cohorts for run in cohort.runs}
            fresh = await resolve("store.read", self._parts.store.read(refused.runs))
            again = [await self._reapplied(run, trails[run.id]) for run in fresh]
            cohorts = await self._until_parked(cohort for some in again for cohort in some)
        self.leaves_due = True
        # The notes, with the outcomes in hand, go to whoever takes the claim over, or has done so.
        await resolve("store.release", self._parts.store.release(self._claim))

    async def _reapplied(self, run: Run, trail: Sequence[Settled]) -> list[_Cohort]:
        """Apply outcomes in hand to a run as others left it; one that fits no more is journaled as late.

        A run that was woken goes on first, so that what it was woken to do, and has done, is not done again.
        """
        pause = run.state.pause
        # Where it was paused meanwhile, what was done counts as if before, and it stands still after that.
        cohorts = [self._unpaused(run)]
        for settled in trail:
            [cohort] = await self._gone_on(cohorts[0])
            fits = (effect for effect in cohort.state.effects if effect.suffix == settled.effect.suffix)
            signal = evolve(settled, effect=next(fits, settled.effect))
            cohorts = await self._settled(cohort, signal, cohort.runs)
        return cohorts if pause is None else [self._paused(cohort, pause) for cohort in cohorts]

    def _paused(self, cohort: _Cohort, pause: Pause) -> _Cohort:
        """Let a run stand still where an outcome has led it."""
        if not cohort.state.alive:
            return cohort
        beside = cohort.state.beside
        due = cohort.due if beside is None else beside.due
        since = pause.since if due == pause.due else max(pause.since, self._now)
        state = evolve(cohort.state, status=Status.PAUSED, pause=evolve(pause, due=due, since=since))
        return evolve(cohort, state=state, due=None)

    async def _gone_on(self, cohort: _Cohort) -> list[_Cohort]:
        """Wake a run until it waits, or has an effect to be carried out."""
        cohorts = [cohort]
        for _ in range(_ROUNDS):
            [one] = cohorts
            if one.state.at_hand is not None or one.due is None or one.due > self._now:
                break
            cohorts = await self._woken(one)
        return cohorts


def _endings(job: Job) -> dict[tuple[Outcome | None, int | None], Sequence[Run]]:
    """Part the runs of a job by outcome and by when it came; no outcome stands for those whose turn did not come."""
    first = job.outcomes[0]
    if first is not None and not job.begun and job.outcomes.count(first) == len(job.outcomes):
        return {(first, None): job.runs}
    endings: dict[tuple[Outcome | None, int | None], list[Run]] = {}
    for index, (run, outcome) in enumerate(zip(job.runs, job.outcomes, strict=True)):
        endings.setdefault((outcome, job.begun.get(index)), []).append(run)
    return dict(endings)


def _at_hand(cohort: _Cohort) -> Effect:
    effect = cohort.state.at_hand
    if effect is None:
        message = "a cohort that acts has an effect to carry out"
        raise AssertionError(message)
    return effect
