"""What an engine can be asked, written once as coroutines that await nothing but ports."""

from __future__ import annotations

from collections.abc import Awaitable, Collection, Iterable, Iterator, Mapping, Sequence
from datetime import datetime
from enum import StrEnum
from typing import TypeVar, assert_never

from attrs import evolve

from flowkit.analytics.alarms import Alert
from flowkit.analytics.explain import Explanation
from flowkit.analytics.findings import Thresholds
from flowkit.analytics.metrics import WorkflowMetrics
from flowkit.analytics.report import JourneyReport
from flowkit.analytics.tally import Slot, Tally
from flowkit.conditions import Condition, Custom
from flowkit.conditions.walk import leaves
from flowkit.engine.advance import Advanced, advance
from flowkit.engine.checking import checked
from flowkit.engine.controls import Controlled, bring, exit_subscriber, hold, move_runs, resume
from flowkit.engine.dead_letters import Requeue, requeue
from flowkit.engine.drive import resolve
from flowkit.engine.ingest import Ingested, ingest
from flowkit.engine.looks import look_at_changed
from flowkit.engine.measuring import metrics_of, report_of, roll_up, tallies_of
from flowkit.engine.migration import Migration, migrate_workflow
from flowkit.engine.monitoring import Monitor
from flowkit.engine.parts import Parts
from flowkit.engine.questions import explain
from flowkit.engine.sources import edition_of
from flowkit.engine.stop import Stop
from flowkit.engine.suppressing import Pause, Suppressed, suppress
from flowkit.engine.sweeps import Progress, ask_for_backfill, plan_sweeps, progress
from flowkit.engine.versions import Version, versions_of
from flowkit.errors import ConfigurationError, DocumentError, Problem, UnknownHandler
from flowkit.events import Event, from_micros, id_problem, to_micros
from flowkit.ports import Edition, HoldKind
from flowkit.problems import short
from flowkit.runs.consent import Ban, Suppression, SuppressionReason, SuppressionScope
from flowkit.runs.effects import Exited, PauseClock, Paused, Resumed
from flowkit.runs.model import Line, Run, Status
from flowkit.triggers.model import Backfill
from flowkit.workflows.codec import validate
from flowkit.workflows.control import Awaited, Branch, Exit, Split, WaitForEvent
from flowkit.workflows.links import EmitEvent, StartWorkflow
from flowkit.workflows.lint.hosts import unknown_channels, unnamed_handlers
from flowkit.workflows.lint.model import Finding, Host
from flowkit.workflows.model import (
    EMAIL,
    CallHandler,
    CallWebhook,
    CheckEngagement,
    MessageClass,
    Operation,
    SendEmail,
    UpdateProfile,
    UpdateSegments,
    Wait,
    WaitUntil,
    Workflow,
)

__all__ = [
    "accept",
    "backfill",
    "changed",
    "check",
    "drain",
    "exit_runs",
    "explained",
    "journal",
    "leave",
    "metrics",
    "migrated",
    "monitored",
    "next_due",
    "pause",
    "pause_runs",
    "proceed",
    "publish",
    "reported",
    "requeued",
    "resume_runs",
    "resumed",
    "rolled_up",
    "runs",
    "stop",
    "suppressed",
    "suppressions",
    "sweeps",
    "tallies",
    "unsuppressed",
    "versions",
]

T = TypeVar("T")
W = TypeVar("W", bound=StrEnum)


async def check(
    parts: Parts, workflow: Workflow, attributes: Collection[str] | None, unsubscribe: Collection[str] | None
) -> tuple[Finding, ...]:
    """Look at a workflow with all that the engine knows."""
    await parts.catalogue.refresh()
    return await checked(parts, workflow, attributes, unsubscribe)


async def publish(parts: Parts, workflow: Workflow, *, draft: bool = False) -> Edition:
    """Check a workflow against its rules and against the ports at hand, and make it live, or store it as a draft.

    Raises:
        DocumentError: The workflow is not sound, or sends by a channel that this engine has no sender for.
        ConfigurationError: It needs a port or a predicate that this engine was not given, or sends marketing while the
            policy for mail says no way to unsubscribe.
        UnknownHandler: It has an action for which this engine was given no handler.
    """
    workflow = validate(workflow)
    _refuse_missing_ports(parts, workflow)
    _refuse_unknown_channels(parts, workflow)
    _refuse_unknown_predicates(parts, workflow)
    _refuse_unknown_handlers(parts, workflow)
    _refuse_no_way_out(parts, workflow)
    edition, sources = await edition_of(workflow, parts.templates, parts.mail)
    now = to_micros(parts.clock.now())
    if draft:
        edition = evolve(edition, live=False)
    else:
        edition = evolve(edition, published=now)
        await parts.catalogue.refresh()
        order = parts.catalogue.holds.get(workflow.workflow_id)
        if order is not None and order.kind is HoldKind.STOP:
            # Those who were to be out are out before anybody comes in again.
            await bring(parts, workflow.workflow_id, now)
    stored = await resolve("store.publish", parts.store.publish(edition, sources))
    await parts.catalogue.refresh()
    await plan_sweeps(parts, now)
    return stored


def _refuse_no_way_out(parts: Parts, workflow: Workflow) -> None:
    if parts.mail is None or parts.mail.can_unsubscribe:
        return
    for node in workflow.nodes.values():
        for action in node.actions:
            do = action.do
            if isinstance(do, SendEmail) and do.channel == EMAIL and do.message_class is MessageClass.MARKETING:
                message = (
                    f"workflow {workflow.workflow_id!r}, node {node.node_id!r}, action {action.action_id!r} sends "
                    f"marketing, and the mail policy has no way to unsubscribe: give it unsubscribe_url"
                )
                raise ConfigurationError(message)


def _refuse_missing_ports(parts: Parts, workflow: Workflow) -> None:
    for node in workflow.nodes.values():
        for action in node.actions:
            needed = (_port_of(action.do), _consent_of(action.do))
            for name in needed:
                if name is None or getattr(parts, name) is not None:
                    continue
                message = (
                    f"workflow {workflow.workflow_id!r}, node {node.node_id!r}, action {action.action_id!r} "
                    f"needs a {name} port: give the engine one"
                )
                raise ConfigurationError(message)
    trigger = workflow.trigger
    if parts.audience is None and (trigger.schedule is not None or trigger.entry.backfill is Backfill.CURRENT):
        message = (
            f"workflow {workflow.workflow_id!r}, trigger {trigger.trigger_id!r} "
            f"needs an audience port, to find whom it is for: give the engine one"
        )
        raise ConfigurationError(message)


def _refuse_unknown_channels(parts: Parts, workflow: Workflow) -> None:
    """Refuse messages that nobody could hand over."""
    breaches = unknown_channels(workflow, Host(channels=parts.channels))
    problems = [Problem("unknown_channel", path, message=message) for path, message in breaches]
    if problems:
        raise DocumentError(problems)


def _refuse_unknown_predicates(parts: Parts, workflow: Workflow) -> None:
    """Refuse conditions that this engine could only ever answer with no."""
    asked = {"trigger": workflow.trigger.condition, "trigger.entry.filter": workflow.trigger.entry.filter}
    asked.update({f"node {node.node_id!r}": node.condition for node in workflow.nodes.values()})
    asked.update(_cases(workflow))
    asked.update({f"exit criterion {one.reason!r}": one.when for one in workflow.exit_criteria if one.when is not None})
    asked.update({f"goal {one.goal_id!r}": one.when for one in workflow.goals if one.when is not None})
    for place, condition in asked.items():
        for leaf in leaves(condition):
            if isinstance(leaf, Custom) and leaf.name not in parts.predicates:
                message = (
                    f"workflow {workflow.workflow_id!r}, {place}: the condition asks the predicate {leaf.name!r}, "
                    f"which is none of this engine's: give the engine predicates={{{leaf.name!r}: ...}}"
                )
                raise ConfigurationError(message)


def _refuse_unknown_handlers(parts: Parts, workflow: Workflow) -> None:
    """Refuse actions of the host's own that nobody could carry out."""
    for path, name in unnamed_handlers(workflow, parts.handlers):
        raise UnknownHandler(workflow.workflow_id, path, name, sorted(parts.handlers))


def _cases(workflow: Workflow) -> Iterator[tuple[str, Condition]]:
    for node in workflow.nodes.values():
        for action in node.actions:
            place = f"node {node.node_id!r}, action {action.action_id!r}"
            if isinstance(action.do, Branch):
                yield from ((f"{place}, case {case.label!r}", case.when) for case in action.do.cases)
            elif isinstance(action.do, WaitForEvent):
                for one in action.do.branches:
                    yield f"{place}, branch {one.label!r}", one.event if isinstance(one, Awaited) else one.when


def _consent_of(operation: Operation) -> str | None:
    return "consent" if isinstance(operation, SendEmail) and operation.consent_topic is not None else None


def _port_of(operation: Operation) -> str | None:
    match operation:
        case SendEmail(channel=channel):
            return "sender" if channel == EMAIL else None
        case UpdateSegments() | UpdateProfile():
            return "profiles"
        case CallWebhook():
            return "webhooks"
        case CallHandler() | EmitEvent() | StartWorkflow():
            return None
        case Wait() | WaitUntil() | CheckEngagement() | Branch() | Split() | Exit() | WaitForEvent():
            return None
        case _:
            assert_never(operation)


async def accept(parts: Parts, events: Iterable[Event], now: datetime | None, connection: object) -> Ingested:
    """Accept events, within the host's open transaction where a connection is given."""
    store = parts.store if connection is None else parts.store.joined(connection)
    return await _watched(parts, ingest(parts, store, events, parts.clock.now() if now is None else now))


async def changed(parts: Parts, subscriber_ids: Iterable[str], now: datetime | None, connection: object) -> Ingested:
    """Look at subscribers whose profiles the host has changed."""
    names = _names(subscriber_ids)
    store = parts.store if connection is None else parts.store.joined(connection)
    stamp = (await resolve("store.recall", store.recall({}, runs=False))).stamp
    await parts.catalogue.refresh(stamp)
    if not (parts.catalogue.watchful or parts.catalogue.watching):
        return Ingested()
    at = to_micros(parts.clock.now() if now is None else now)
    return await _watched(parts, look_at_changed(parts, store, dict.fromkeys(names, ()), at))


async def suppressed(
    parts: Parts,
    subscriber_ids: Iterable[str],
    reason: SuppressionReason,
    scope: SuppressionScope | None,
    now: datetime | None,
    connection: object,
    pause: Pause | None,
) -> Suppressed:
    """Put subscribers on the suppression list; within the host's transaction nothing is waited for."""
    names = _names(subscriber_ids)
    ban = Ban.of(_word(SuppressionReason, reason), None if scope is None else _word(SuppressionScope, scope))
    store = parts.store if connection is None else parts.store.joined(connection)
    at = to_micros(parts.clock.now() if now is None else now)
    return await suppress(parts, store, names, ban, at, pause if connection is None else None)


async def unsuppressed(
    parts: Parts, subscriber_ids: Iterable[str], reason: SuppressionReason, now: datetime | None, connection: object
) -> Sequence[str]:
    """Lift the suppressions that stand for a reason."""
    names, word = _names(subscriber_ids), _word(SuppressionReason, reason)
    store = parts.store if connection is None else parts.store.joined(connection)
    at = to_micros(parts.clock.now() if now is None else now)
    return tuple(await resolve("store.unsuppress", store.unsuppress(names, word, at)))


def _names(subscriber_ids: Iterable[str]) -> list[str]:
    """Take subscriber ids, each once; one text would be taken for its letters."""
    if isinstance(subscriber_ids, str):
        message = f"give subscriber ids as a list, such as [{subscriber_ids!r}]"
        raise ConfigurationError(message)
    names = list(dict.fromkeys(subscriber_ids))
    for name in names:
        if problem := id_problem(name):
            message = f"a subscriber id {problem}: {short(repr(name))}"
            raise ConfigurationError(message)
    return names


def _word(words: type[W], given: W) -> W:
    """Take a word of a closed set, which a host without a type checker may misspell."""
    try:
        return words(given)
    except ValueError:
        message = f"{given!r} is none of {', '.join(words)}"
        raise ConfigurationError(message) from None


async def suppressions(parts: Parts, subscriber_id: str | None, after: int, limit: int) -> Sequence[Suppression]:
    """Read a page of the suppression list."""
    page = parts.store.suppressions(subscriber_id=subscriber_id, after=after, limit=limit)
    return await resolve("store.suppressions", page)


async def _watched(parts: Parts, work: Awaitable[T]) -> T:
    """Do work, and tell the host what was odd about the data, be it that the work failed."""
    if parts.watch is None:
        return await work
    try:
        done = await work
    except Exception:
        await parts.watch.flush()
        raise
    await parts.watch.flush()
    return done


async def backfill(parts: Parts, workflow_id: str, where: Condition, backfill_id: str) -> bool:
    """Begin a backfill."""
    return await ask_for_backfill(parts, workflow_id, where, backfill_id, to_micros(parts.clock.now()))


async def sweeps(parts: Parts) -> Sequence[Progress]:
    """Tell how far the firings of time triggers, and backfills, have come."""
    return await progress(parts)


async def proceed(parts: Parts, now: datetime | None, limit: int | None, stop: Stop | None = None) -> Advanced:
    """Do everything that is due."""
    return await _watched(parts, advance(parts, now, limit, stop))


async def explained(parts: Parts, subscriber_id: str, workflow_id: str, now: datetime | None) -> Explanation:
    """Say why a subscriber did, or did not, enter a workflow, and what happened there."""
    return await explain(parts, subscriber_id, workflow_id, to_micros(parts.clock.now() if now is None else now))


async def next_due(parts: Parts) -> datetime | None:
    """Tell when the next run wants to go on."""
    due = await resolve("store.next_due", parts.store.next_due())
    return None if due is None else from_micros(due)


async def requeued(parts: Parts, runs: Iterable[Run], now: datetime | None, *, accept_duplicate: bool) -> Requeue:
    """Let runs that failed go on."""
    at = to_micros(parts.clock.now() if now is None else now)
    return await requeue(parts, runs, at, accept_duplicate=accept_duplicate)


async def drain(parts: Parts, workflow_id: str, now: datetime | None) -> int:
    """Let nobody into a workflow; those inside go on."""
    return await hold(parts, workflow_id, HoldKind.DRAIN, _at(parts, now), reason="", clock=PauseClock.FREEZE)


async def stop(parts: Parts, workflow_id: str, reason: str, now: datetime | None) -> int:
    """Let nobody into a workflow, and end all of its runs."""
    return await hold(parts, workflow_id, HoldKind.STOP, _at(parts, now), reason=reason, clock=PauseClock.FREEZE)


async def pause(parts: Parts, workflow_id: str, clock: PauseClock | str, now: datetime | None) -> int:
    """Let all runs of a workflow stand still."""
    at, chosen = _at(parts, now), _clock(clock)
    return await hold(parts, workflow_id, HoldKind.PAUSE, at, reason="", clock=chosen)


async def resumed(parts: Parts, workflow_id: str, now: datetime | None) -> int:
    """Give a workflow its usual course again."""
    return await resume(parts, workflow_id, _at(parts, now))


async def pause_runs(parts: Parts, runs: Iterable[Run], clock: PauseClock | str, now: datetime | None) -> Controlled:
    """Let runs stand still."""
    at = _at(parts, now)
    return await move_runs(parts, runs, Paused(at, _clock(clock), own=True), at)


async def resume_runs(parts: Parts, runs: Iterable[Run], now: datetime | None) -> Controlled:
    """Let paused runs go on."""
    at = _at(parts, now)
    return await move_runs(parts, runs, Resumed(at), at)


async def exit_runs(parts: Parts, runs: Iterable[Run], reason: str, now: datetime | None) -> Controlled:
    """End runs."""
    return await move_runs(parts, runs, Exited(reason), _at(parts, now))


async def leave(
    parts: Parts, subscriber_id: str, workflow_id: str | None, reason: str, now: datetime | None
) -> Controlled:
    """End the runs of a subscriber."""
    return await exit_subscriber(parts, subscriber_id, workflow_id, reason, _at(parts, now))


async def migrated(
    parts: Parts, workflow_id: str, to: int | None, targets: Mapping[str, str], now: datetime | None, *, dry_run: bool
) -> Migration:
    """Bring runs that are under way to another version."""
    return await migrate_workflow(parts, workflow_id, to, targets, _at(parts, now), dry_run=dry_run)


async def metrics(
    parts: Parts, workflow_id: str, since: datetime | None, until: datetime | None, version: int | None
) -> WorkflowMetrics:
    """Work out what a workflow comes to in numbers."""
    return await metrics_of(parts, workflow_id, since, until, version)


async def reported(
    parts: Parts,
    workflow_id: str,
    since: datetime | None,
    until: datetime | None,
    version: int | None,
    thresholds: Thresholds,
) -> JourneyReport:
    """Put the report of a workflow together."""
    return await report_of(parts, workflow_id, since, until, version, thresholds)


async def tallies(
    parts: Parts, workflow_id: str | None, since: datetime | None, until: datetime | None
) -> Mapping[Slot, Tally]:
    """Count what the journal tells, by version and hour."""
    return await tallies_of(parts, workflow_id, since, until)


async def rolled_up(parts: Parts) -> int:
    """Let the store count what it has not counted yet."""
    return await roll_up(parts)


async def monitored(parts: Parts, monitor: Monitor, now: datetime | None) -> Sequence[Alert]:
    """Look at the hours that have ended, and tell what is out of the ordinary."""
    return await monitor.look(parts, now)


async def versions(parts: Parts, workflow_id: str) -> Sequence[Version]:
    """Tell which versions of a workflow there are."""
    return await versions_of(parts, workflow_id)


def _at(parts: Parts, now: datetime | None) -> int:
    return to_micros(parts.clock.now() if now is None else now)


def _clock(clock: PauseClock | str) -> PauseClock:
    if clock in set(PauseClock):
        return PauseClock(clock)
    message = f"the clock of a pause is {' or '.join(map(repr, map(str, PauseClock)))}, not {clock!r}"
    raise ConfigurationError(message)


async def runs(
    parts: Parts,
    subscriber_id: str | None,
    workflow_id: str | None,
    status: Status | None,
    after: int,
    limit: int,
) -> Sequence[Run]:
    """Read a page of runs."""
    page = parts.store.runs(
        subscriber_id=subscriber_id, workflow_id=workflow_id, status=status, after=after, limit=limit
    )
    return await resolve("store.runs", page)


async def journal(parts: Parts, subscriber_id: str | None, run: Run | None, after: int, limit: int) -> Sequence[Line]:
    """Read a page of the journal."""
    page = parts.store.lines(subscriber_id=subscriber_id, run=run, after=after, limit=limit)
    return await resolve("store.lines", page)
