"""Sweeps: the firings of time triggers, and backfills, over the audience a page at a time.

A page is committed first and the place in the audience afterwards. Whoever dies in between leaves a page that is
taken again, and each subscriber in it is known by the once-key that was accepted with the entry.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from typing import Final

from attrs import evolve, field, frozen

from flowkit import conditions
from flowkit.conditions import ALWAYS, Asked, Condition, Custom, look_up, predicate
from flowkit.conditions.walk import leaves
from flowkit.engine.catalogue import Catalogue, Wants
from flowkit.engine.controls import ordered
from flowkit.engine.desk import Desk, Knock
from flowkit.engine.drive import resolve
from flowkit.engine.levels import level
from flowkit.engine.migration import carry_on
from flowkit.engine.parts import Parts
from flowkit.engine.plans import (
    Plan,
    Stop,
    due_of,
    looked,
    next_stop,
    passed,
    read_plan,
    schedule_hash,
    settled,
    stop_under_way,
    write_plan,
)
from flowkit.engine.rounds import Ingested, run_errand
from flowkit.engine.visits import fire
from flowkit.errors import ConfigurationError, ConflictError, UnknownWorkflow
from flowkit.events import NO_NEEDS, Needs, from_micros
from flowkit.hashing import content_hash
from flowkit.ports import Audience, Sweep, SweepKind
from flowkit.runs.model import kind_text
from flowkit.triggers.calendar import profile_date
from flowkit.triggers.evaluate import Gate
from flowkit.triggers.model import Backfill, On, Schedule
from flowkit.triggers.profile_dates import wants as is_wanted
from flowkit.triggers.rules import DateProperty

__all__ = ["Progress", "Swept", "ask_for_backfill", "plan_sweeps", "progress", "sweep_once"]

SCHEDULED: Final = "flowkit.scheduled"
BACKFILLED: Final = "flowkit.backfilled"
_encode: Final = json.JSONEncoder(ensure_ascii=False, separators=(",", ":"), sort_keys=True).encode
_MICROSECOND: Final = timedelta(microseconds=1)
_FIRST_PAUSE: Final = timedelta(minutes=1) // _MICROSECOND
_LONGEST_PAUSE: Final = timedelta(hours=1) // _MICROSECOND
_DOUBLINGS: Final = 10


@frozen
class Swept:
    """What one step of a sweep did.

    Attributes:
        ingested: What it came to.
        missed: Firings that were found too late and left out.
        error: Why a page could not be taken; it is tried again later.
    """

    ingested: Ingested = field(factory=Ingested)
    missed: int = 0
    error: Exception | None = None


@frozen
class Progress:
    """How far the firings of a time trigger, or a backfill, have come.

    Attributes:
        name: Its name in the store.
        workflow_id: Into which workflow it leads.
        kind: What it does.
        due_at: When it goes on; None where it has come to its end.
        entered: How many runs it has begun.
        missed: How many firings were found too late and left out.
        failures: How often in a row a page of it could not be taken, since the audience or the profiles failed.
    """

    name: str
    workflow_id: str
    kind: SweepKind
    due_at: datetime | None
    entered: int
    missed: int
    failures: int = 0


async def progress(parts: Parts) -> Sequence[Progress]:
    """Tell how far all sweeps have come, by name."""
    found: list[Progress] = []
    for sweep in await resolve("store.sweeps", parts.store.sweeps()):
        if sweep.kind in {SweepKind.CONTROL, SweepKind.MIGRATION}:
            continue
        plan = read_plan(sweep.plan)
        due = None if sweep.due is None else from_micros(sweep.due)
        found.append(Progress(sweep.name, sweep.workflow_id, sweep.kind, due, plan.entered, plan.missed, plan.failures))
    return found


# ------------------------------------------------------------------------------------------------------------
# What is to be swept


async def plan_sweeps(parts: Parts, now: int) -> None:
    """Bring the sweeps to what is published: new ones begin, those of what was taken out stop."""
    edition = parts.catalogue.edition
    if parts.audience is None or parts.catalogue.planned == edition:
        return
    gates = parts.catalogue.swept()
    known = {sweep.name: sweep for sweep in await resolve("store.sweeps", parts.store.sweeps())}
    zones: Sequence[str] = ()
    if any(gate.trigger.schedule is not None for gate in gates):
        zones = await resolve("audience.zones", parts.audience.zones())
    wanted: set[str] = set()
    for gate in gates:
        schedule = gate.trigger.schedule
        name = f"schedule:{gate.workflow_id}" if schedule is not None else f"enter:{gate.workflow_id}"
        wanted.add(name)
        before = known.get(name)
        if schedule is not None:
            sweep = _scheduled(name, gate, schedule, before, zones, now)
        else:
            sweep = _levelled(name, gate, before, now)
        if sweep is not None:
            await resolve("store.put_sweep", parts.store.put_sweep(sweep))
    for name, sweep in known.items():
        own = name.startswith(("schedule:", "enter:"))
        if own and name not in wanted and not read_plan(sweep.plan).stopped:
            await resolve("store.put_sweep", parts.store.put_sweep(_stopped(sweep)))
    parts.catalogue.planned = edition


def _stopped(sweep: Sweep) -> Sweep:
    plan = evolve(read_plan(sweep.plan), last=None, stopped=True)
    return evolve(sweep, due=None, plan=write_plan(plan))


def _scheduled(
    name: str, gate: Gate, schedule: Schedule, before: Sweep | None, zones: Sequence[str], now: int
) -> Sweep | None:
    """Give the sweep of a time trigger as it is to be; None where it is so already. It counts from its publishing."""
    of = schedule_hash(schedule)
    plan = Plan(of=of, after=now)
    if before is not None:
        known = read_plan(before.plan)
        if known.of == of and not known.stopped:
            return None
        plan = evolve(plan, entered=known.entered, missed=known.missed)
    due = due_of(schedule, zones, plan, now)
    sequence = 0 if before is None else before.sequence
    return Sweep(name, gate.workflow_id, SweepKind.SCHEDULE, due, write_plan(plan), sequence)


def _levelled(name: str, gate: Gate, before: Sweep | None, now: int) -> Sweep | None:
    """Give the sweep over those for whom a trigger on ``enter`` may hold already; None where it was made before."""
    kind = _level_kind(gate)
    of = _level_hash(gate)
    if before is not None:
        known = read_plan(before.plan)
        if known.of == of and not known.stopped:
            return None
    sequence = 0 if before is None else before.sequence
    # A second time those are looked at as well for whom it held and does not any more.
    plan = Plan(of=of, everyone=before is not None)
    return Sweep(name, gate.workflow_id, kind, now, write_plan(plan), sequence)


def _level_kind(gate: Gate) -> SweepKind:
    return SweepKind.BACKFILL if gate.trigger.entry.backfill is Backfill.CURRENT else SweepKind.MARK


def _level_hash(gate: Gate) -> str:
    return content_hash(_encode([_level_kind(gate), conditions.dump(gate.trigger.condition)]))


async def ask_for_backfill(parts: Parts, workflow_id: str, where: Condition, backfill_id: str, now: int) -> bool:
    """Let everybody in for whom a condition holds, a page at a time as `advance` is called.

    Returns:
        False where there has been a backfill of that id into that workflow; then nothing new begins.

    Raises:
        ConfigurationError: The engine has no audience, or not the predicate that the condition asks.
        DocumentError: The condition asks about a run's variables, and there is no run yet.
        UnknownWorkflow: No live version of the workflow may be entered.
    """
    if parts.audience is None:
        message = "a backfill needs an audience port: give the engine one"
        raise ConfigurationError(message)
    await parts.catalogue.refresh()
    if parts.catalogue.gate(workflow_id) is None:
        message = f"no live version of workflow {workflow_id!r} can be entered; publish one that is active"
        raise UnknownWorkflow(message)
    for leaf in leaves(where):
        if isinstance(leaf, Custom) and leaf.name not in parts.predicates:
            message = f"the condition asks the predicate {leaf.name!r}, which is none of this engine's"
            raise ConfigurationError(message)
    document = conditions.dump(where)
    conditions.parse(document, in_run=False)
    plan = Plan(of=content_hash(backfill_id), where=document)
    name = f"backfill:{len(workflow_id)}:{workflow_id}:{backfill_id}"
    sweep = Sweep(name, workflow_id, SweepKind.BACKFILL, now, write_plan(plan))
    return await resolve("store.put_sweep", parts.store.put_sweep(sweep))


# ------------------------------------------------------------------------------------------------------------
# Sweeping


async def sweep_once(parts: Parts, now: int) -> Swept | None:
    """Take one page of the sweep that is due for the longest; None where none is, or another worker is at it."""
    if parts.audience is None:
        return None
    sweep = await resolve("store.claim_sweep", parts.store.claim_sweep(now, lease=parts.lease))
    if sweep is None:
        return None
    if sweep.kind is SweepKind.CONTROL:
        await ordered(parts, sweep, now)
        return Swept()
    if sweep.kind is SweepKind.MIGRATION:
        await carry_on(parts, sweep, now)
        return Swept()
    try:
        swept, after = await _swept(parts, parts.audience, sweep, now)
    except ConflictError:
        # Somebody else writes to the same subscribers: this page is taken again by the next call.
        await resolve("store.put_sweep", parts.store.put_sweep(sweep))
        return None
    except Exception as error:  # noqa: BLE001 - raised by `advance`, after all that can be done is done
        plan = read_plan(sweep.plan)
        later = evolve(plan, failures=plan.failures + 1)
        pause = min(_FIRST_PAUSE << min(plan.failures, _DOUBLINGS), _LONGEST_PAUSE)
        after = evolve(sweep, due=now + pause, plan=write_plan(later))
        await resolve("store.put_sweep", parts.store.put_sweep(after))
        return Swept(error=error)
    except BaseException:
        await resolve("store.put_sweep", parts.store.put_sweep(sweep))
        raise
    await resolve("store.put_sweep", parts.store.put_sweep(after))
    return swept


async def _swept(parts: Parts, audience: Audience, sweep: Sweep, now: int) -> tuple[Swept, Sweep]:
    plan = evolve(read_plan(sweep.plan), failures=0)
    gate = parts.catalogue.gate(sweep.workflow_id)
    if gate is None or not _is_of(plan, gate, sweep):
        # It may be this worker that does not know yet what was published.
        stamp, _ = await resolve("store.watches", parts.store.watches(now, limit=1))
        await parts.catalogue.refresh(stamp)
        gate = parts.catalogue.gate(sweep.workflow_id)
    if gate is None or not _is_of(plan, gate, sweep):
        parts.catalogue.planned = 0  # What takes its place is planned by the next call.
        return Swept(), _stopped(sweep)
    schedule = gate.trigger.schedule
    if sweep.kind is SweepKind.SCHEDULE and schedule is not None:
        return await _fired(parts, audience, gate, schedule, sweep, plan, now)
    where = gate.trigger.condition if plan.where is None else conditions.parse(plan.where)
    # Those for whom it does not hold yet get the timer at which it will.
    asked = ALWAYS if plan.where is None and (gate.timed or plan.everyone) else where
    page = await resolve(
        "audience.members",
        audience.members(where=asked, zones=None, on=None, path=None, after=plan.last, limit=parts.batch),
    )
    _check_page(page, plan.last, parts.batch)
    done = Ingested()
    if page:
        cause = f"~backfill:{content_hash(_encode([gate.workflow_id, plan.of]))}"
        knock = Knock(cause, kind_text(BACKFILLED, now), BACKFILLED)
        errand = _Filling(gate, page, knock, None if plan.where is None else where, mark=sweep.kind is SweepKind.MARK)
        done = await run_errand(parts, parts.store, errand, now)
    more = len(page) >= parts.batch
    plan = evolve(plan, last=page[-1] if more else None, entered=plan.entered + done.started)
    return Swept(done), evolve(sweep, due=now if more else None, plan=write_plan(plan))


async def _fired(
    parts: Parts, audience: Audience, gate: Gate, schedule: Schedule, sweep: Sweep, plan: Plan, now: int
) -> tuple[Swept, Sweep]:
    """Take a page of the firing that has come, or look for the next one."""
    zones = await resolve("audience.zones", audience.zones())
    not_before = now - schedule.late // _MICROSECOND
    before = plan.missed
    stop = stop_under_way(schedule, zones, plan)
    if stop is not None and stop.instant < not_before:
        plan = evolve(settled(plan, stop), missed=plan.missed + 1)
        stop = None
    if stop is None:
        plan = passed(schedule, zones, evolve(plan, at="", last=None), not_before)
        stop = next_stop(schedule, zones, plan)
    done, more = Ingested(), False
    if stop is not None and stop.instant <= now:
        page = await _page_of(audience, gate, schedule, stop, plan.last, parts.batch)
        if page:
            done = await run_errand(parts, parts.store, _Firing(gate, page, stop), now)
        plan = evolve(plan, entered=plan.entered + done.started)
        more = len(page) >= parts.batch
        plan = evolve(plan, at=f"{stop.instant} {stop.place}", last=page[-1]) if more else settled(plan, stop)
    else:
        # Nothing has come: what a zone that nobody was in fires from now on is found by the next look.
        plan = looked(plan, now)
    due = now if more else due_of(schedule, zones, plan, now)
    return Swept(done, plan.missed - before), evolve(sweep, due=due, plan=write_plan(plan))


async def _page_of(
    audience: Audience, gate: Gate, schedule: Schedule, stop: Stop, after: str | None, limit: int
) -> Sequence[str]:
    rule = schedule.rule
    page = audience.members(
        where=gate.trigger.condition,
        zones=stop.zones,
        on=stop.on,
        path=rule.path if isinstance(rule, DateProperty) else None,
        after=after,
        limit=limit,
    )
    found = await resolve("audience.members", page)
    _check_page(found, after, limit)
    return found


def _check_page(page: Sequence[str], after: str | None, limit: int) -> None:
    """Refuse a page that would be given for ever."""
    if len(page) >= limit and after is not None and after in page:
        message = f"audience.members gave {after!r} again, which was the last of the page before: begin after it"
        raise ConfigurationError(message)


def _is_of(plan: Plan, gate: Gate, sweep: Sweep) -> bool:
    """Whether a sweep was planned for the trigger as it is now; a host's own backfill is for any."""
    if plan.where is not None:
        return True
    if sweep.kind is SweepKind.SCHEDULE:
        return gate.trigger.schedule is not None and plan.of == schedule_hash(gate.trigger.schedule)
    return gate.trigger.on is On.ENTER and plan.of == _level_hash(gate)


class _Firing:
    """The errand of a firing: a page of its audience."""

    def __init__(self, gate: Gate, page: Sequence[str], stop: Stop) -> None:
        self._gate = gate
        self._stop = stop
        # Of the workflow and its trigger, and of the wall time that was scheduled, whatever the zone.
        workflow_id, trigger_id = gate.workflow_id, gate.trigger.trigger_id
        cause = f"~at:{content_hash(f'{len(workflow_id)}:{workflow_id}{trigger_id}')}:{stop.firing.key}"
        origin = kind_text(SCHEDULED, stop.instant, wall=stop.firing.key)
        self._knock = Knock(cause, origin, SCHEDULED)
        self.asked: Mapping[str, Sequence[str]] = dict.fromkeys(page, (cause,))

    def wants(self, catalogue: Catalogue) -> Wants:
        return catalogue.wants(self._gate)

    def whose_profiles(self, subscriber_ids: Sequence[str]) -> Sequence[str]:
        return subscriber_ids

    def visit(self, desk: Desk) -> None:
        if _asks_host(self._gate.needs) and not desk.is_known:
            return  # The audience named somebody whom the profiles do not know, or not any more.
        if self._is_today(desk):
            fire(desk, self._gate, self._knock, self._gate.test)

    def _is_today(self, desk: Desk) -> bool:
        """Whether the date that the profile holds is one of those that are wanted."""
        stop, schedule = self._stop, self._gate.trigger.schedule
        if stop.on is None or schedule is None or not isinstance(schedule.rule, DateProperty):
            return True
        day = profile_date(look_up(desk.attributes, schedule.rule.path), stop.tz)
        return day is not None and is_wanted(stop.on, day)


class _Filling:
    """The errand of a backfill: a page of its audience."""

    def __init__(self, gate: Gate, page: Sequence[str], knock: Knock, where: Condition | None, *, mark: bool) -> None:
        self._gate = gate
        self._knock = knock
        self._mark = mark
        self._where: Asked | None = None if where is None else predicate(where)
        self._needs = NO_NEEDS if where is None else conditions.needs(where)
        self._own = where is not None and conditions.is_personal(where)
        self.asked: Mapping[str, Sequence[str]] = dict.fromkeys(page, (knock.cause,))

    def wants(self, catalogue: Catalogue) -> Wants:
        own = catalogue.wants(self._gate)
        return own | Wants(profile=bool(self._needs), needs=self._needs, personal=self._own)

    def whose_profiles(self, subscriber_ids: Sequence[str]) -> Sequence[str]:
        return subscriber_ids

    def visit(self, desk: Desk) -> None:
        if self._where is not None:
            if not _asks_host(self._needs) or desk.is_known:
                fire(desk, self._gate, self._knock, self._where)
        else:
            level(desk, self._gate, self._knock, mark=self._mark)


def _asks_host(needs: Needs) -> bool:
    return bool(needs.attributes or needs.engagement or needs.segments or needs.zone)
