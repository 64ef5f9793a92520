"""Runs that are under way go over to another version of their workflow: planned first, then a page at a time.

A run that a worker holds is left as it is, and so is one whose effect may have been begun: no message can be under way
for a run that goes over. How far a migration has come is kept, so whoever calls next goes on with it; a run that is on
the version already is passed by.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, Final

from attrs import evolve, field, frozen

from flowkit.engine.desk import personal
from flowkit.engine.drive import resolve
from flowkit.engine.parts import Parts
from flowkit.engine.rounds import profile_facts
from flowkit.errors import MigrationRefused, UnknownTarget, UnknownWorkflow
from flowkit.events import NO_FACTS, Facts, to_micros
from flowkit.ports import Changes, Move, Sweep, SweepKind
from flowkit.runs.migrating import EXIT, AsksWhen, Course, Passage, Stays, Went, migrate
from flowkit.runs.model import Kind, Member, Run
from flowkit.runs.program import Program

__all__ = ["NO_TARGETS", "Migration", "NodeMigration", "carry_on", "migrate_workflow"]

_ATTEMPTS: Final = 8
_LINES: Final = 1_000


@frozen(kw_only=True)
class NodeMigration:
    """What becomes of the runs at one node of their version.

    Attributes:
        mapped: How many stand at the same place, until the same instant.
        retimed: How many stand at the same place, until another instant.
        moved: How many go on at another place.
        moved_to: At which nodes these stand then, and how many at each; empty text is the end, where something that is
            detached is still open.
        exited: How many end.
        kept: How many stay on their version, by reason: ``retrying``, ``effect_pending``, ``needs_target``, ``at_end``,
            ``in_hand`` where a worker holds them, or ``busy`` where others wrote to them at every attempt.
    """

    mapped: int = 0
    retimed: int = 0
    moved: int = 0
    moved_to: Mapping[str, int] = field(factory=dict[str, int])
    exited: int = 0
    kept: Mapping[str, int] = field(factory=dict[str, int])

    def __add__(self, other: NodeMigration) -> NodeMigration:
        return NodeMigration(
            mapped=self.mapped + other.mapped,
            retimed=self.retimed + other.retimed,
            moved=self.moved + other.moved,
            moved_to=_sum(self.moved_to, other.moved_to),
            exited=self.exited + other.exited,
            kept=_sum(self.kept, other.kept),
        )


def _sum(one: Mapping[str, int], other: Mapping[str, int]) -> Mapping[str, int]:
    return {name: one.get(name, 0) + other.get(name, 0) for name in {**one, **other}}


NOBODY: Final = NodeMigration()
_ONE: Final[Mapping[Course, NodeMigration]] = {
    Course.MAPPED: NodeMigration(mapped=1),
    Course.RETIMED: NodeMigration(retimed=1),
    Course.MOVED: NodeMigration(moved=1),
    Course.EXITED: NodeMigration(exited=1),
}
NO_TARGETS: Final[Mapping[str, str]] = {}


@frozen
class Migration:
    """What a migration does, or would do.

    Attributes:
        workflow_id: Of which workflow.
        version: The number of the version to which runs go over.
        nodes: What becomes of the runs, by the node at which they stand, in the order of the ids.
        dry_run: Whether nothing was done.
    """

    workflow_id: str
    version: int
    nodes: Mapping[str, NodeMigration]
    dry_run: bool = False

    @property
    def total(self) -> NodeMigration:
        """What becomes of all of them together."""
        return sum(self.nodes.values(), NOBODY)

    @property
    def text(self) -> str:
        """The plan in words, a line for each node."""
        return "\n".join(f"{node}: {_words(one)}" for node, one in self.nodes.items()) or "no runs are concerned"

    def __str__(self) -> str:
        return self.text


def _words(one: NodeMigration) -> str:
    counts = {name: getattr(one, name) for name in ("mapped", "retimed", "moved", "exited")}
    said = [f"{count} {name}{_where(one) if name == 'moved' else ''}" for name, count in counts.items() if count]
    said += [f"{count} kept ({reason})" for reason, count in sorted(one.kept.items())]
    return ", ".join(said)


def _where(one: NodeMigration) -> str:
    """Say where the moved ones go, and how many where they part."""
    places = sorted((node or "their end", count) for node, count in one.moved_to.items())
    if len(places) == 1:
        return f" to {places[0][0]}"
    return f" ({', '.join(f'{count} to {node}' for node, count in places)})" if places else ""


# ------------------------------------------------------------------------------------------------------------


async def migrate_workflow(
    parts: Parts, workflow_id: str, to: int | None, targets: Mapping[str, str], now: int, *, dry_run: bool
) -> Migration:
    """Bring the living runs of a workflow to one of its versions, or say what that would come to.

    Raises:
        UnknownWorkflow: No version of the workflow is live, or it has no published version of that number.
        UnknownTarget: A target is no node of the version.
        MigrationRefused: Runs stand at nodes that are gone, and have no target; nothing was changed.
    """
    await parts.catalogue.refresh()
    new = _version(parts, workflow_id, to)
    wrong = {node: target for node, target in targets.items() if target not in {*new.workflow.nodes, EXIT}}
    if wrong:
        raise UnknownTarget(wrong)
    plan = {"to": new.version, "targets": dict(targets)}
    found = await _all(parts, workflow_id, plan, now)
    homeless = {node: one.kept["needs_target"] for node, one in found.items() if "needs_target" in one.kept}
    if homeless:
        raise MigrationRefused(workflow_id, homeless)
    if dry_run:
        return Migration(workflow_id, new.version, found, dry_run=True)
    parts.catalogue.controlled = 0  # Where this dies, the next call of `advance` looks for it.
    sweep = await _begin(parts, workflow_id, plan, now)
    return Migration(workflow_id, new.version, await _all(parts, workflow_id, plan, now, sweep=sweep))


def _version(parts: Parts, workflow_id: str, to: int | None) -> Program:
    number = parts.catalogue.live(workflow_id).number if to is None else to
    if not parts.catalogue.knows(number) or parts.catalogue.program(number).workflow_id != workflow_id:
        message = f"workflow {workflow_id!r} has no published version {number}"
        raise UnknownWorkflow(message)
    return parts.catalogue.program(number)


def _name(workflow_id: str) -> str:
    return f"migration:{workflow_id}"


async def _sweep(parts: Parts, workflow_id: str) -> Sweep | None:
    name = _name(workflow_id)
    return next((one for one in await resolve("store.sweeps", parts.store.sweeps()) if one.name == name), None)


async def _begin(parts: Parts, workflow_id: str, plan: Mapping[str, Any], now: int) -> Sweep:
    while True:
        known = await _sweep(parts, workflow_id)
        sequence = 0 if known is None else known.sequence
        sweep = Sweep(_name(workflow_id), workflow_id, SweepKind.MIGRATION, now, json.dumps(plan), sequence)
        if await resolve("store.put_sweep", parts.store.put_sweep(sweep)):
            return evolve(sweep, sequence=sequence + 1)


async def _all(
    parts: Parts, workflow_id: str, plan: Mapping[str, Any], now: int, *, sweep: Sweep | None = None
) -> Mapping[str, NodeMigration]:
    """Go through all living runs; with a sweep in earnest, and how far it has come is kept after each page."""
    found: dict[str, NodeMigration] = {}
    dry_run = sweep is None
    last, more = 0, True
    while more:
        page = await _page(parts, workflow_id, last)
        for node, one in (await _paged(parts, page, plan, now, dry_run=dry_run)).items():
            found[node] = found.get(node, NOBODY) + one
        last, more = (page[-1].handle if page else last), len(page) >= parts.batch
        if sweep is not None:
            sweep = await _passed(parts, sweep, plan, last, now if more else None)
    return dict(sorted(found.items()))


async def _passed(parts: Parts, sweep: Sweep, plan: Mapping[str, Any], last: int, due: int | None) -> Sweep | None:
    """Note how far a migration has come; None where somebody else goes on with it, or with another one."""
    after = evolve(sweep, due=due, plan=json.dumps({**plan, "last": last}))
    put = await resolve("store.put_sweep", parts.store.put_sweep(after))
    return evolve(after, sequence=after.sequence + 1) if put else None


async def carry_on(parts: Parts, sweep: Sweep, now: int) -> None:
    """Take one more page of a migration that was not brought to its end."""
    plan: dict[str, Any] = json.loads(sweep.plan)
    page = await _page(parts, sweep.workflow_id, plan.get("last", 0))
    await _paged(parts, page, plan, now, dry_run=False)
    last = page[-1].handle if page else plan.get("last", 0)
    await _passed(parts, sweep, plan, last, now if len(page) >= parts.batch else None)


async def _page(parts: Parts, workflow_id: str, last: int) -> Sequence[Run]:
    read = parts.store.runs(workflow_id=workflow_id, living=True, after=last, limit=parts.batch)
    return await resolve("store.runs", read)


# ------------------------------------------------------------------------------------------------------------
# A page


async def _paged(
    parts: Parts, page: Iterable[Run], plan: Mapping[str, Any], now: int, *, dry_run: bool
) -> Mapping[str, NodeMigration]:
    """Decide for a page of runs, and write it unless it is a dry run; give what becomes of them, by node."""
    to = parts.catalogue.program(int(plan["to"]))
    tally = _Tally()
    passages: dict[int, Passage] = {}
    asked = _concerned(page, to)
    for _ in range(_ATTEMPTS):
        decided: list[tuple[Run, Went]] = []
        for run in asked:
            if run.version not in passages:
                passages[run.version] = Passage(parts.catalogue.program(run.version), to, plan["targets"])
            went = await _decided(parts, passages[run.version], run, now)
            if isinstance(went, Stays):
                tally.keep(run, went.reason)
            else:
                decided.append((run, went))
        refused = () if dry_run else await _written(parts, decided, to.version, now)
        turned_away = {run.id for run in refused}
        tally.count((run, went) for run, went in decided if run.id not in turned_away)
        if not refused:
            return tally.nodes
        again = await resolve("store.read", parts.store.read(refused))
        pairs = list(zip(refused, again, strict=True))
        tally.keep_all((run for before, run in pairs if run.sequence == before.sequence), "in_hand")
        asked = _concerned((run for before, run in pairs if run.sequence != before.sequence), to)
    tally.keep_all(asked, "busy")
    return tally.nodes


def _concerned(runs: Iterable[Run], to: Program) -> Sequence[Run]:
    return [run for run in runs if run.version != to.version and run.state.alive]


async def _written(parts: Parts, decided: Sequence[tuple[Run, Went]], version: int, now: int) -> Sequence[Run]:
    """Write what was decided; give those to whom others have written, or that a worker holds."""
    if not decided:
        return ()
    batch = Changes(now, moves=[_move(run, went, version) for run, went in decided], unclaimed=True)
    return (await resolve("store.commit", parts.store.commit(batch))).runs


class _Tally:
    """What becomes of runs, by node."""

    def __init__(self) -> None:
        self.nodes: dict[str, NodeMigration] = {}

    def count(self, decided: Iterable[tuple[Run, Went]]) -> None:
        for run, went in decided:
            one = _ONE[went.course]
            self._add(run, evolve(one, moved_to={went.state.node or "": 1}) if went.course is Course.MOVED else one)

    def keep(self, run: Run, reason: str) -> None:
        self._add(run, NodeMigration(kept={reason: 1}))

    def keep_all(self, runs: Iterable[Run], reason: str) -> None:
        for run in runs:
            self.keep(run, reason)

    def _add(self, run: Run, one: NodeMigration) -> None:
        node = run.state.node or ""
        self.nodes[node] = self.nodes.get(node, NOBODY) + one


def _move(run: Run, went: Went, version: int) -> Move:
    exited = went.course is Course.EXITED
    return Move((run,), went.state, went.due, went.entries, version=None if exited else version)


async def _decided(parts: Parts, passage: Passage, run: Run, now: int) -> Went | Stays:
    member = Member.of(run, run.due)
    went = migrate(passage, run.state, member, now)
    if isinstance(went, AsksWhen):
        began = await _began(parts, run)
        facts = await _facts(parts, passage.new, run)
        went = migrate(passage, run.state, member, now, began=now if began is None else began, facts=facts)
    if isinstance(went, AsksWhen):
        message = "a migration that was told when a wait began asked for it again"
        raise AssertionError(message)
    return went


async def _began(parts: Parts, run: Run) -> int | None:
    """Read in the journal when the wait began at which a run stands."""
    began, last = None, 0
    while True:
        lines = await resolve("store.lines", parts.store.lines(run=run, after=last, limit=_LINES))
        for line in lines:
            if line.entry.kind is Kind.WAITING and line.entry.node == run.state.node:
                began = to_micros(line.at)
            last = line.number
        if not lines:
            return began


async def _facts(parts: Parts, program: Program, run: Run) -> Facts:
    known = (await profile_facts(parts, [run.subscriber_id], program.needs)).get(run.subscriber_id)
    return personal(known, run.subscriber_id, {}, {}) if program.personal else known or NO_FACTS
