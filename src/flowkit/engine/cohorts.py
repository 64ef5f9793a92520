"""Cohorts: runs of one version that stand in the same state, and go through one decision together.

They part only where an outcome or a fact differs. What each run costs is then its message and its row.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Final

from attrs import evolve, frozen

from flowkit.engine.controls import is_held
from flowkit.engine.desk import personal
from flowkit.engine.drive import resolve
from flowkit.engine.effects import Hands
from flowkit.engine.jobs import Job
from flowkit.engine.parts import Parts
from flowkit.engine.rounds import profile_facts
from flowkit.events import NO_FACTS, Facts, Occurrence
from flowkit.ports import Claim
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
)
from flowkit.runs.model import Entry, Run, State
from flowkit.runs.program import Program
from flowkit.runs.splits import Assigned
from flowkit.runs.step import Member, Transition
from flowkit.runs.variables import variables_of

__all__ = ["Cohort", "Mover"]

_ROUNDS: Final = 64
_NOBODY: Final[Mapping[str, Facts]] = {}


@frozen(eq=False)
class Cohort:
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


class Mover:
    """Moves the cohorts of one claim: wakes them, carries out what they want, and settles it.

    Attributes:
        now: The engine's instant in microseconds.
        results: How many effects ended how.
    """

    def __init__(self, parts: Parts, claim: Claim, hands: Hands, now: int) -> None:
        self._parts = parts
        self._hands = hands
        self._decisions = parts.decisions
        self._noted = frozenset(key[:RUN_ID_LENGTH] for key in (*claim.settled, *claim.doubtful))
        self.now = now
        self.results: dict[Result, int] = dict.fromkeys(Result, 0)

    async def until_parked(self, cohorts: Iterable[Cohort]) -> list[Cohort]:
        """Move cohorts until nothing of them is due, or for as many rounds as one claim may take."""
        moving: list[Cohort] = []
        parked: list[Cohort] = []
        for cohort in cohorts:
            if cohort.due is None or cohort.due > self.now:
                parked.append(cohort)
            else:
                moving += await self._looked(cohort) if cohort.state.at_hand else await self.wake(cohort)
        for _ in range(_ROUNDS):
            acting: list[Cohort] = []
            for cohort in moving:
                (acting if self._acts(cohort) else parked).append(cohort)
            if not acting:
                return parked
            moving, left = await self._acted(acting)
            parked += left
        return parked + moving

    async def go_on(self, cohort: Cohort) -> list[Cohort]:
        """Wake a run until it waits, or has an effect to be carried out."""
        cohorts = [cohort]
        for _ in range(_ROUNDS):
            [one] = cohorts
            if one.state.at_hand is not None or one.due is None or one.due > self.now:
                break
            cohorts = await self.wake(one)
        return cohorts

    async def wake(self, cohort: Cohort) -> list[Cohort]:
        """Let runs go on whose instant has come."""
        if not (self._noted and cohort.program.guarded):
            return await self._signalled(cohort, WOKEN)
        called, others = self._parted(cohort)
        woken = [one for some in called for one in await self._signalled(some, Woken(called=True))]
        return [*woken, *[one for some in others for one in await self._signalled(some, WOKEN)]]

    async def settle(self, cohort: Cohort, settled: Settled, runs: Sequence[Run]) -> list[Cohort]:
        """Settle an effect of runs, and give them as they stand then."""
        decisions = self._decisions
        run = runs[0]
        member = Member.of(run, cohort.due)
        first = decisions.of(cohort.program, cohort.state, settled, None, self.now, member)
        if isinstance(first, Asks):
            facts = await self._facts(cohort, runs, first)
            parts = decisions.split(cohort.program, runs, cohort.state, settled, facts, self.now)
            return [self.after(cohort, transition, members, settled) for transition, members in parts]
        if not first.own:
            return [self.after(cohort, first, runs, settled)]
        own = [
            decisions.informed(
                cohort.program,
                cohort.state,
                settled,
                NO_FACTS,
                self.now,
                Member.of(run, cohort.due),
            )
            for run in runs
        ]
        return [self.after(cohort, transition, (run,), settled) for transition, run in zip(own, runs, strict=True)]

    def after(
        self, cohort: Cohort, transition: Transition, runs: Sequence[Run], settled: Settled | None = None
    ) -> Cohort:
        """Give runs after a transition."""
        trail = cohort.trail if settled is None else (*cohort.trail, settled)
        entries = self._decisions.joined(cohort.entries, transition.entries)
        assigned = cohort.assigned + transition.assigned
        return Cohort(cohort.program, runs, transition.state, transition.due(self.now), entries, trail, assigned)

    async def _looked(self, cohort: Cohort) -> list[Cohort]:
        """Look at runs before an effect that had to wait: a goal or an exit criterion may have come to hold since.

        What a dead worker may have called is settled first.
        """
        if not cohort.program.guarded:
            return [cohort]
        called, others = self._parted(cohort)
        return [*called, *[one for some in others for one in await self._signalled(some, LOOKED)]]

    def _parted(self, cohort: Cohort) -> tuple[Sequence[Cohort], Sequence[Cohort]]:
        """Part the runs for which a dead worker noted a call from the others; each part is empty or one cohort."""
        if not self._noted:
            return (), (cohort,)
        called = [run for run in cohort.runs if run.id in self._noted]
        others = [run for run in cohort.runs if run.id not in self._noted]
        first, second = ((evolve(cohort, runs=runs),) if runs else () for runs in (called, others))
        return first, second

    def _acts(self, cohort: Cohort) -> bool:
        if cohort.state.at_hand is None or cohort.due is None or cohort.due > self.now:
            return False
        # What was ordered meanwhile keeps effects from being begun.
        return not (self._parts.catalogue.holds and is_held(self._parts, cohort.program.workflow_id))

    async def _signalled(self, cohort: Cohort, signal: Woken | Looked) -> list[Cohort]:
        first = cohort.runs[0]
        member = Member.of(first, cohort.due)
        decided = self._decisions.of(cohort.program, cohort.state, signal, None, self.now, member)
        facts: Mapping[str, Facts] = {}
        if isinstance(decided, Asks):
            facts = await self._facts(cohort, cohort.runs, decided)
        elif not decided.own:
            return [self.after(cohort, decided, cohort.runs)]
        parts = self._decisions.split(cohort.program, cohort.runs, cohort.state, signal, facts, self.now)
        return [self.after(cohort, transition, runs) for transition, runs in parts]

    async def _acted(self, cohorts: Sequence[Cohort]) -> tuple[list[Cohort], list[Cohort]]:
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
        moved: list[Cohort] = []
        left: list[Cohort] = []
        for cohort, job in zip(cohorts, jobs, strict=True):
            for (outcome, at), runs in _endings(job).items():
                if outcome is None:
                    left.append(evolve(cohort, runs=runs))
                    continue
                self.results[outcome.result] += len(runs)
                moved += await self.settle(cohort, Settled(job.effect, outcome, at), runs)
        return moved, left

    async def _facts(self, cohort: Cohort, runs: Sequence[Run], asks: Asks) -> Mapping[str, Facts]:
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


def _endings(job: Job) -> dict[tuple[Outcome | None, int | None], Sequence[Run]]:
    """Part the runs of a job by outcome and by when it came; no outcome stands for those whose turn did not come."""
    first = job.outcomes[0]
    if first is not None and not job.begun and job.outcomes.count(first) == len(job.outcomes):
        return {(first, None): job.runs}
    endings: dict[tuple[Outcome | None, int | None], list[Run]] = {}
    for index, (run, outcome) in enumerate(zip(job.runs, job.outcomes, strict=True)):
        endings.setdefault((outcome, job.begun.get(index)), []).append(run)
    return dict(endings)


def _at_hand(cohort: Cohort) -> Effect:
    effect = cohort.state.at_hand
    if effect is None:
        message = "a cohort that acts has an effect to carry out"
        raise AssertionError(message)
    return effect
