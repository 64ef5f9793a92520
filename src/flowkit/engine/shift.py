"""One claim, from its first decision to its commit."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Final

from attrs import evolve

from flowkit.engine.cohorts import Cohort, Mover
from flowkit.engine.controls import is_held, signal_of
from flowkit.engine.drive import resolve
from flowkit.engine.effects import Hands
from flowkit.engine.hold import Hold
from flowkit.engine.jobs import Job
from flowkit.engine.parts import Parts
from flowkit.events import NO_FACTS
from flowkit.ports import Changes, Claim, Move
from flowkit.runs.effects import Result, Settled, effect_key
from flowkit.runs.model import Entry, Kind, Pause, Run, State, Status
from flowkit.runs.step import Member
from flowkit.runs.variables import variables_of

__all__ = ["Shift"]

_REREADS: Final = 8
_DEATHS: Final = 3


class Shift:
    """One claim: what dead workers left is settled, runs are moved until they are parked, and all of it is committed.

    Attributes:
        leaves_due: Whether something is due still.
    """

    def __init__(self, parts: Parts, claim: Claim, hold: Hold, now: int) -> None:
        self._parts = parts
        self._claim = claim
        self._hold = hold
        self._decisions = parts.decisions
        self._hands = Hands(parts, claim, hold, now)
        self._mover = Mover(parts, claim, self._hands, now)
        self.leaves_due = False

    @property
    def results(self) -> Mapping[Result, int]:
        """How many effects ended how."""
        return self._mover.results

    async def work(self) -> int:
        """Work the claim off.

        Returns:
            How many runs were taken on.
        """
        try:
            await self._parts.catalogue.refresh(self._claim.stamp)
            return await self._worked()
        except BaseException:
            # Whoever comes next takes the claim over at once, with the notes of what was called.
            await resolve("store.release", self._parts.store.release(self._claim))
            raise

    async def _worked(self) -> int:
        runs = self._claim.runs if self._claim.fresh else self._still_due()
        if (self._parts.catalogue.holds or not self._claim.fresh) and self._claim.deaths < _DEATHS:
            free = await self._without_held(runs)
            if free is None:
                # All of it is claimed anew, with the notes, and looked at under what is ordered then.
                self.leaves_due = True
                await resolve("store.release", self._parts.store.release(self._claim))
                return 0
            runs = free
        if self._claim.deaths >= _DEATHS:
            cohorts = [await self._given_up(run) for run in runs]
        else:
            cohorts = [
                cohort for wave in self._waves(runs) for cohort in await self._mover.until_parked(self._gathered(wave))
            ]
        due = any(cohort.due is not None and cohort.due <= self._mover.now for cohort in cohorts)
        self.leaves_due = due or self._hands.has_led_on
        await self._commit(cohorts)
        return len(self._claim.runs)

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
        batch = Changes(self._mover.now, moves=moves, claim=self._claim, stamp=self._claim.stamp)
        refused = await resolve("store.commit", self._parts.store.commit(batch))
        return None if refused else free

    async def _with_what_was_noted(self, run: Run) -> Cohort:
        cohort = self._unpaused(run)
        for effect in cohort.state.effects:
            job = Job(cohort.program, effect, (run,), variables_of(cohort.state.variables))
            await self._hands.inherit(job)
            [outcome] = job.outcomes
            if outcome is not None:
                self._mover.results[outcome.result] += 1
                [cohort] = await self._mover.settle(cohort, Settled(effect, outcome, job.begun.get(0)), cohort.runs)
        return cohort

    def _unpaused(self, run: Run) -> Cohort:
        """Give a run as it would stand if it were not paused."""
        program, pause = self._parts.catalogue.program(run.version), run.state.pause
        if pause is None:
            return Cohort(program, (run,), run.state, run.due)
        beside, due = run.state.beside, pause.due
        if beside is not None:
            beside = evolve(beside, due=due)
            due = beside.earliest
        state = evolve(run.state, status=Status.ACTIVE, pause=None, beside=beside)
        return Cohort(program, (run,), state, due)

    def _brought(self, cohort: Cohort) -> Cohort:
        signal = signal_of(self._parts, cohort.program.workflow_id, self._mover.now)
        [run] = cohort.runs
        member = Member.of(run, cohort.due)
        transition = self._decisions.informed(cohort.program, cohort.state, signal, NO_FACTS, self._mover.now, member)
        return self._mover.after(cohort, transition, cohort.runs)

    def _still_due(self) -> list[Run]:
        """Give what is due of a dead worker's claim. It may have moved some of its runs, which stay as they are then.

        Where the clock went back since, what it called is settled all the same, at an instant of its clock.
        """
        claim, now = self._claim, self._mover.now
        called = {key for key, outcome in claim.settled.items() if outcome.result is not Result.RETRY}
        called |= claim.doubtful.keys()
        due: list[Run] = []
        for run in claim.runs:
            was_called = any(effect_key(run.id, effect) in called for effect in run.state.effects)
            if run.due is not None and (run.due <= now or was_called):
                due.append(run)
                self._mover.now = max(self._mover.now, run.due)
            elif run.state.pause is not None and was_called:
                due.append(run)
        return due

    def _waves(self, runs: Sequence[Run]) -> Sequence[Sequence[Run]]:
        """Part runs so that those of one subscriber go one after the other, where one may change what another reads."""
        program = self._parts.catalogue.program
        takes_places = bool(self._parts.policy.caps)  # So that who comes first gets the last place under a cap.
        if not (takes_places or any(program(one).changes for one in dict.fromkeys(run.version for run in runs))):
            return [runs]
        waves: list[list[Run]] = []
        gone: dict[str, int] = {}
        for run in runs:
            before = gone[run.subscriber_id] = gone.get(run.subscriber_id, -1) + 1
            if before == len(waves):
                waves.append([])
            waves[before].append(run)
        return waves

    def _gathered(self, runs: Iterable[Run]) -> list[Cohort]:
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
            Cohort(program(version), members, state, members[0].due) for (version, state), members in together.items()
        ]

    async def _given_up(self, run: Run) -> Cohort:
        """Take a run out of the queue that killed every worker which held it alone, once what they noted is applied."""
        cohort = Cohort(self._parts.catalogue.program(run.version), (run,), run.state, run.due)
        noted = dict(self._claim.settled)
        while effect := next((one for one in cohort.state.effects if effect_key(run.id, one) in noted), None):
            outcome = noted.pop(effect_key(run.id, effect))
            self._mover.results[outcome.result] += 1
            at = self._claim.begun.get(effect_key(run.id, effect))
            [cohort] = await self._mover.settle(cohort, Settled(effect, outcome, at), cohort.runs)
        if cohort.due is None or cohort.due > self._mover.now:
            return cohort
        reason = f"{self._claim.deaths} workers died over this run"
        entry = Entry(Kind.FAILED, cohort.state.node, None, {"reason": reason})
        # What is pending may have been done: a receiver that honours keys is called without a note.
        result = None if cohort.state.pending is None else Result.UNKNOWN
        state = evolve(cohort.state, status=Status.FAILED, reason=reason, result=result)
        return Cohort(cohort.program, (run,), state, None, (*cohort.entries, entry), cohort.trail, cohort.assigned)

    async def _commit(self, cohorts: Sequence[Cohort]) -> None:
        """Write what was done; where others wrote meanwhile, apply it to what they left and write again."""
        ends = True
        for _ in range(_REREADS):
            if self._hold.lost:
                break
            done = self._without_cut_short(cohorts)
            moves = [Move(cohort.runs, cohort.state, cohort.due, cohort.entries, cohort.assigned) for cohort in done]
            ends = ends and len(done) == len(cohorts)
            changes = Changes(self._mover.now, moves=moves, claim=self._claim, ends=ends)
            refused = await resolve("store.commit", self._parts.store.commit(changes))
            if not refused.runs:
                if ends:
                    return
                break
            trails = {run.id: cohort.trail for cohort in cohorts for run in cohort.runs}
            fresh = await resolve("store.read", self._parts.store.read(refused.runs))
            again = [await self._reapplied(run, trails[run.id]) for run in fresh]
            cohorts = await self._mover.until_parked(cohort for some in again for cohort in some)
        self.leaves_due = True
        # The notes, with the outcomes in hand, go to whoever takes the claim over, or has done so.
        await resolve("store.release", self._parts.store.release(self._claim))

    def _without_cut_short(self, cohorts: Sequence[Cohort]) -> Sequence[Cohort]:
        """Leave out, of what a dead worker held, the runs that a stop has cut short.

        They stay in the claim as that worker left them: with its notes, and the inputs of what it may have called.
        """
        if self._claim.fresh or not self._hold.stopped:
            return cohorts
        return [cohort for cohort in cohorts if cohort.due is None or cohort.due > self._mover.now]

    async def _reapplied(self, run: Run, trail: Sequence[Settled]) -> list[Cohort]:
        """Apply outcomes in hand to a run as others left it; one that fits no more is journaled as late.

        A run that was woken goes on first, so that what it was woken to do, and has done, is not done again.
        """
        pause = run.state.pause
        # Where it was paused meanwhile, what was done counts as if before, and it stands still after that.
        cohorts = [self._unpaused(run)]
        for settled in trail:
            [cohort] = await self._mover.go_on(cohorts[0])
            fits = (effect for effect in cohort.state.effects if effect.suffix == settled.effect.suffix)
            signal = evolve(settled, effect=next(fits, settled.effect))
            cohorts = await self._mover.settle(cohort, signal, cohort.runs)
        return cohorts if pause is None else [self._paused(cohort, pause) for cohort in cohorts]

    def _paused(self, cohort: Cohort, pause: Pause) -> Cohort:
        """Let a run stand still where an outcome has led it."""
        if not cohort.state.alive:
            return cohort
        beside = cohort.state.beside
        due = cohort.due if beside is None else beside.due
        since = pause.since if due == pause.due else max(pause.since, self._mover.now)
        state = evolve(cohort.state, status=Status.PAUSED, pause=evolve(pause, due=due, since=since))
        return evolve(cohort, state=state, due=None)
