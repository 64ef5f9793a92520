"""The engine for event loops: for FastAPI and other asynchronous hosts."""

from __future__ import annotations

import asyncio
from collections.abc import Collection, Iterable, Mapping, Sequence
from datetime import datetime, timedelta
from typing import Final

from flowkit.analytics.alarms import Alert
from flowkit.analytics.explain import Explanation
from flowkit.analytics.findings import DEFAULT, Thresholds
from flowkit.analytics.metrics import WorkflowMetrics
from flowkit.analytics.report import JourneyReport
from flowkit.analytics.tally import Slot, Tally
from flowkit.conditions import NO_PREDICATES, Condition, Predicate
from flowkit.engine import flows
from flowkit.engine.advance import Advanced
from flowkit.engine.batches import rendered_many
from flowkit.engine.clock import SystemClock
from flowkit.engine.controls import Controlled
from flowkit.engine.dead_letters import Requeue
from flowkit.engine.handling import NO_HANDLERS
from flowkit.engine.ingest import Ingested
from flowkit.engine.migration import NO_TARGETS, Migration
from flowkit.engine.monitoring import Monitor
from flowkit.engine.parts import DEFAULT_BATCH, DEFAULT_LEASE, Parts
from flowkit.engine.stop import Stop
from flowkit.engine.suppressing import Suppressed
from flowkit.engine.sweeps import Progress
from flowkit.engine.versions import Version
from flowkit.events import Event
from flowkit.ports import (
    Audience,
    Clock,
    Consent,
    Edition,
    FaultReports,
    Handler,
    Predictions,
    Profiles,
    Recommendations,
    Sender,
    Store,
    Templates,
    Webhooks,
)
from flowkit.rendering.engine import Rendered
from flowkit.rendering.mail_policy import MailPolicy
from flowkit.rendering.model import MessageAborted
from flowkit.rendering.personal.personalize import Personalization
from flowkit.runs.consent import Suppression, SuppressionReason, SuppressionScope
from flowkit.runs.effects import PauseClock
from flowkit.runs.model import Line, Run, Status
from flowkit.runs.policy import NO_POLICY, SendPolicy
from flowkit.workflows.lint.model import Finding
from flowkit.workflows.model import Workflow

__all__ = ["AsyncEngine"]

_NO_CHANNELS: Final[Mapping[str, Sender]] = {}


class AsyncEngine:
    """Carries journeys out in the running event loop; its ports may return values or awaitables of them.

    Args:
        store: Keeps workflows, runs and the journal.
        sender: Hands e-mail over; needed where a workflow sends any.
        channels: Senders for other channels, by the name that ``send`` gives, such as ``{"sms": ..., "push": ...}``.
        profiles: Knows the subscribers; needed where a workflow or a template asks about them, or changes them.
        templates: Gives templates when a workflow is published; None where the mail service renders for itself.
        webhooks: Calls HTTP end points; needed where a workflow does.
        audience: Finds subscribers; needed for triggers by the clock and for backfills.
        fault_reports: Is told of data that conditions cannot use: values that are missing or of the wrong kind.
        predicates: The host's own conditions, by the name that ``custom`` asks for.
        handlers: The host's own actions, by the name that an action ``custom`` has.
        policy: When messages may go out: quiet hours, frequency caps and rate limits.
        mail: What all e-mail carries beside what its template says: ways to unsubscribe, parameters of links.
        clock: The clock that rules run on; the machine's by default.
        lease: For how long a worker holds the runs that it claimed without a sign of life; more than twice the
            time-out of every port that it calls.
        batch: The most runs that ``advance`` claims and commits at once.
        consent: Knows who is subscribed to which topic; needed where a message names one.
        suppresses: Whether ``ingest`` puts a subscriber on the suppression list for a ``bounce`` that is hard, a
            ``complaint``, and an ``unsubscribe`` without a topic.
        personalization: How messages are personalized: rules, blocks, greetings; None only fills merge tags.
        predictions: Predicts what subscribers will do, for rules and for the call to action.
        recommendations: Recommends products and content, for the blocks that show them.

    Raises:
        ConfigurationError: A time-out does not fit the lease.
    """

    def __init__(  # noqa: PLR0913 - a keyword for each port
        self,
        store: Store,
        *,
        sender: Sender | None = None,
        channels: Mapping[str, Sender] = _NO_CHANNELS,
        profiles: Profiles | None = None,
        templates: Templates | None = None,
        webhooks: Webhooks | None = None,
        audience: Audience | None = None,
        fault_reports: FaultReports | None = None,
        predicates: Mapping[str, Predicate] = NO_PREDICATES,
        handlers: Mapping[str, Handler] = NO_HANDLERS,
        policy: SendPolicy = NO_POLICY,
        mail: MailPolicy | None = None,
        clock: Clock | None = None,
        lease: timedelta = DEFAULT_LEASE,
        batch: int = DEFAULT_BATCH,
        consent: Consent | None = None,
        suppresses: bool = True,
        personalization: Personalization | None = None,
        predictions: Predictions | None = None,
        recommendations: Recommendations | None = None,
    ) -> None:
        self._parts = Parts(
            store,
            clock or SystemClock(),
            sender,
            dict(channels),
            profiles,
            templates,
            webhooks,
            audience,
            fault_reports,
            dict(predicates),
            lease,
            batch,
            handlers,
            consent,
            suppresses,
            policy=policy,
            mail=mail,
            personalization=personalization,
            predictions=predictions,
            recommendations=recommendations,
        )

    async def render_many(self, template_id: str, ids: Sequence[str]) -> Mapping[str, Rendered | MessageAborted]:
        """Make the messages of a template for many subscribers, as they would be now; nothing is sent or stored.

        Only what the template reads is read of them, for all at once; what depends on an event or a run is missing.

        Args:
            template_id: A template of the engine's port.
            ids: For whom.

        Returns:
            By id: what the message says, or the `MessageAborted` that says why there is none.

        Raises:
            ConfigurationError: The engine has no templates, or none of that id.
            TemplateError: The template cannot be compiled.
        """
        return await rendered_many(self._parts, template_id, ids)

    async def check(
        self,
        workflow: Workflow,
        *,
        attributes: Collection[str] | None = None,
        unsubscribe: Collection[str] | None = None,
    ) -> tuple[Finding, ...]:
        """Look at a workflow as `flowkit.check` does, with all that this engine knows; nothing is published or stored.

        It knows its handlers, channels and predicates, its templates, if it has that port, and which workflows are
        live: what this one and they do to each other is found too.

        Args:
            workflow: What is looked at; it need not be sound.
            attributes: All attributes that a profile may have, but for those that the workflow itself sets; None where
                they are not known.
            unsubscribe: The attributes of which each stands for a link to unsubscribe; None where there is none.

        Returns:
            What was found: the errors, then the warnings, then what is worth a thought. Whatever concerns workflows
            together names this one.
        """
        return await flows.check(self._parts, workflow, attributes, unsubscribe)

    async def publish(self, workflow: Workflow, *, draft: bool = False) -> Edition:
        """Check a workflow and make it live: new runs enter it, and runs under way stay on the version they entered.

        A workflow that was drained or stopped takes its usual course again; one that is paused stays so.

        Args:
            workflow: The workflow.
            draft: Whether only to store the version: nobody enters it, and what is live stays as it is.

        Returns:
            The version. The same content published again is the same version.

        Raises:
            DocumentError: The workflow is not sound; every problem is listed.
            ConfigurationError: It needs a port or a predicate that this engine was not given.
            UnknownHandler: It has an action for which this engine was given no handler.
        """
        return await flows.publish(self._parts, workflow, draft=draft)

    async def ingest(
        self, events: Iterable[Event], *, now: datetime | None = None, connection: object | None = None
    ) -> Ingested:
        """Accept events, each once: living runs observe them, and triggers that match start runs. Nothing is sent here.

        Args:
            events: The events, in the order in which they count.
            now: The engine's instant; None asks the clock.
            connection: A connection of the host's with a transaction open, to the store's own database: what is
                accepted is then committed, or rolled back, with the host's transaction.

        Returns:
            What became of them. When it returns (or the host commits) they are kept, with all that they started.

        Raises:
            EventsRejected: Some events hold what JSON cannot; all other events are accepted.
            ConflictError: Some subscribers were changed by others at every attempt; all other events are accepted.
            RetryTransaction: The host's transaction cannot be finished; roll it back and do all of it again.
            StoreError: Nothing of the batch was kept; ingesting the same events again is safe.
        """
        return await flows.accept(self._parts, events, now, connection)

    async def changed(
        self, subscriber_ids: Iterable[str], *, now: datetime | None = None, connection: object | None = None
    ) -> Ingested:
        """Tell that the host changed profiles, segments or metrics: triggers that wait for that are looked at.

        Those of ``on: enter`` fire where their condition holds at last, those of ``on: change`` where it holds, and
        entries that wait for their filter are asked again; runs that wait for a condition go on where it holds. A host
        that does not tell is noticed at the subscriber's next event.

        Args:
            subscriber_ids: Whose.
            now: The engine's instant; None asks the clock.
            connection: As for ``ingest``.

        Raises:
            ConfigurationError: One of the ids is none.
            ConflictError: Some subscribers were changed by others at every attempt; all others were looked at.
            RetryTransaction: As for ``ingest``.
            StoreError: Nothing was kept; telling again is safe, but for ``on: change``, which may fire again.
        """
        return await flows.changed(self._parts, subscriber_ids, now, connection)

    async def backfill(self, workflow_id: str, *, where: Condition, backfill_id: str) -> bool:
        """Let everybody of the audience into a workflow for whom a condition holds, whatever its trigger.

        ``advance`` does it, a page at a time; a page that a crash interrupts is taken again, and nobody enters twice
        for one backfill. The rules of entry hold as for any other entry.

        Args:
            workflow_id: Into which workflow.
            where: For whom; there is no event at hand, and of the past there is what is kept for published workflows.
            backfill_id: The host's name for this backfill.

        Returns:
            False where there has been a backfill of that id into that workflow; then nothing new begins.

        Raises:
            ConfigurationError: The engine has no audience, or not the predicate that the condition asks.
            DocumentError: The condition asks about a run's variables, and there is no run yet.
            UnknownWorkflow: No live version of the workflow may be entered.
        """
        return await flows.backfill(self._parts, workflow_id, where, backfill_id)

    async def sweeps(self) -> Sequence[Progress]:
        """Tell how far the firings of time triggers, and backfills, have come, by name."""
        return await flows.sweeps(self._parts)

    async def advance(
        self, *, now: datetime | None = None, limit: int | None = None, stop: Stop | None = None
    ) -> Advanced:
        """Do everything that is due: send, change, call, wait on. Call it from a loop, a timer or a task queue.

        Args:
            now: The engine's instant; None asks the clock, again for each batch.
            limit: The most runs to take; None for all that are due.
            stop: Brings the call to an end when somebody asks for it.

        Raises:
            StoreError: The store failed; what was committed stands, and what was begun is found by the next call.
            Exception: Whatever the profiles or the audience raised for a time trigger, a backfill or a timer of a
                condition; all others that are due are done before. A sweep is tried again later.
        """
        return await flows.proceed(self._parts, now, limit, stop)

    async def next_due(self) -> datetime | None:
        """Tell when the next run wants to go on; None where none does."""
        return await flows.next_due(self._parts)

    async def runs(
        self,
        *,
        subscriber_id: str | None = None,
        workflow_id: str | None = None,
        status: Status | None = None,
        after: int = 0,
        limit: int = 1000,
    ) -> Sequence[Run]:
        """Read runs, oldest first, a page at a time.

        Args:
            subscriber_id: Only this subscriber's.
            workflow_id: Only this workflow's.
            status: Only those of this status: the failed ones are the dead letters.
            after: The ``handle`` of the last run of the page before.
            limit: The most runs to give.
        """
        return await flows.runs(self._parts, subscriber_id, workflow_id, status, after, limit)

    async def journal(
        self, *, subscriber_id: str | None = None, run: Run | None = None, after: int = 0, limit: int = 1000
    ) -> Sequence[Line]:
        """Read the journal, oldest first, a page at a time: what was decided, where, and on what.

        Args:
            subscriber_id: Only about this subscriber.
            run: Only about this run.
            after: The ``number`` of the last line of the page before.
            limit: The most steps to give; a step may have written several lines.
        """
        return await flows.journal(self._parts, subscriber_id, run, after, limit)

    async def requeue(
        self, runs: Iterable[Run], *, accept_duplicate: bool = False, now: datetime | None = None
    ) -> Requeue:
        """Let runs that failed go on where they did, when what stopped them is mended; ``advance`` carries on.

        Where it is known that the effect over which a run failed was not done, it is tried again under a new key. Where
        nobody knows, it keeps its key, so that a receiver which honours it does nothing twice; and where none does, the
        run stays as it is. The rules of entry are not asked again.

        Args:
            runs: Which, as ``runs(status=Status.FAILED)`` gives them.
            accept_duplicate: Whether an effect of which nobody knows whether it was done may be done a second time.
            now: The engine's instant; None asks the clock.

        Returns:
            How many go on, and why others do not.

        Raises:
            UnknownRun: One of them is not in the store; nothing was changed.
            StoreError: The store failed; asking again is safe.
        """
        return await flows.requeued(self._parts, runs, now, accept_duplicate=accept_duplicate)

    async def suppress(
        self,
        subscriber_ids: Iterable[str],
        *,
        reason: SuppressionReason = SuppressionReason.MANUAL,
        scope: SuppressionScope | None = None,
        wait: bool = True,
        now: datetime | None = None,
        connection: object | None = None,
    ) -> Suppressed:
        """Put subscribers on the suppression list: once this has returned, nothing that it stops is sent to them.

        It commits, and then waits until what was being handed over before is settled, or its worker has lost the claim:
        for a lease at the most. Messages that are still under way then are named in ``in_flight``.

        Args:
            subscriber_ids: Whom, be they known or not.
            reason: Why.
            scope: Which messages are stopped; None stops all where the address is dead (``bounce``), else marketing.
            wait: False returns at once, with the keys of the messages in flight; for a call from within a sender.
            now: The engine's instant; None asks the clock.
            connection: As for ``ingest``; then nothing is waited for, and what began to be handed over before the
                host's commit may go out yet. Called again after the commit, without a connection, it waits for that.

        Raises:
            ConfigurationError: One of the ids, the reason or the scope is none.
            RetryTransaction: As for ``ingest``.
            StoreError: The store failed; asking again is safe.
        """
        pause = asyncio.sleep if wait else None
        return await flows.suppressed(self._parts, subscriber_ids, reason, scope, now, connection, pause)

    async def unsuppress(
        self,
        subscriber_ids: Iterable[str],
        *,
        reason: SuppressionReason,
        now: datetime | None = None,
        connection: object | None = None,
    ) -> Sequence[str]:
        """Lift the suppressions that stand for one reason; those for another reason stand.

        Args:
            subscriber_ids: Whose.
            reason: For which; a dead address comes back to life only where ``bounce`` is named.
            now: The engine's instant; None asks the clock.
            connection: As for ``ingest``.

        Returns:
            Those who had one.

        Raises:
            ConfigurationError: One of the ids, or the reason, is none.
            RetryTransaction: As for ``ingest``.
            StoreError: The store failed; asking again is safe.
        """
        return await flows.unsuppressed(self._parts, subscriber_ids, reason, now, connection)

    async def suppressions(
        self, *, subscriber_id: str | None = None, after: int = 0, limit: int = 1000
    ) -> Sequence[Suppression]:
        """Read the suppression list, oldest first, a page at a time; what was lifted says when.

        Args:
            subscriber_id: Only of this subscriber.
            after: The ``number`` of the last line of the page before.
            limit: The most lines to give.
        """
        return await flows.suppressions(self._parts, subscriber_id, after, limit)

    async def drain(self, workflow_id: str, *, now: datetime | None = None) -> int:
        """Let nobody into a workflow any more; those inside go on. Publishing it again, or ``resume``, ends that.

        Args:
            workflow_id: Which workflow.
            now: The engine's instant; None asks the clock.

        Returns:
            How many runs were moved: those that a pause before it had let stand still.

        Raises:
            UnknownWorkflow: No version of it is live.
        """
        return await flows.drain(self._parts, workflow_id, now)

    async def stop(self, workflow_id: str, *, reason: str = "stopped", now: datetime | None = None) -> int:
        """Let nobody into a workflow any more, and end all of its runs. Publishing it again lets others in.

        From the first write on, no worker takes a run of it on. The runs are ended a page at a time; where that dies,
        the next ``advance`` goes on with it. A message that is being handed over meanwhile is not recalled.

        Args:
            workflow_id: Which workflow.
            reason: Why; it stands in each run and in its journal.
            now: The engine's instant; None asks the clock.

        Returns:
            How many runs were ended. A workflow that is stopped already keeps its reason.

        Raises:
            UnknownWorkflow: No version of it is live.
        """
        return await flows.stop(self._parts, workflow_id, reason, now)

    async def pause(
        self, workflow_id: str, *, clock: PauseClock | str = PauseClock.FREEZE, now: datetime | None = None
    ) -> int:
        """Let all runs of a workflow stand still, those that enter meanwhile too; ``resume`` ends that.

        From the first write on, no worker takes a run of it on. Events are observed all the while.

        Args:
            workflow_id: Which workflow.
            clock: ``freeze`` moves everything that they wait for on by the length of the pause; with ``run`` what came
                due meanwhile is due at the end.
            now: The engine's instant; None asks the clock.

        Returns:
            How many runs were paused. A workflow that is paused already stays as it is.

        Raises:
            ConfigurationError: There is no such clock.
            UnknownWorkflow: No version of it is live.
        """
        return await flows.pause(self._parts, workflow_id, clock, now)

    async def resume(self, workflow_id: str, *, now: datetime | None = None) -> int:
        """Give a workflow its usual course again, after ``pause``, ``drain`` or ``stop``.

        Runs that were paused with it go on; those that were paused by themselves stay, and those that ended, too.

        Args:
            workflow_id: Which workflow.
            now: The engine's instant; None asks the clock.

        Returns:
            How many runs go on.

        Raises:
            UnknownWorkflow: No version of it is live.
        """
        return await flows.resumed(self._parts, workflow_id, now)

    async def pause_runs(
        self, runs: Iterable[Run], *, clock: PauseClock | str = PauseClock.FREEZE, now: datetime | None = None
    ) -> Controlled:
        """Let runs stand still until ``resume_runs``, whatever becomes of their workflow.

        Args:
            runs: Which.
            clock: As for ``pause``.
            now: The engine's instant; None asks the clock.

        Returns:
            How many were paused, and why others were not. A run that is paused already stays as it is.

        Raises:
            ConfigurationError: There is no such clock.
            UnknownRun: One of them is not in the store; nothing was changed.
        """
        return await flows.pause_runs(self._parts, runs, clock, now)

    async def resume_runs(self, runs: Iterable[Run], *, now: datetime | None = None) -> Controlled:
        """Let paused runs go on; those of a paused workflow go on with it.

        Args:
            runs: Which.
            now: The engine's instant; None asks the clock.

        Returns:
            How many go on, and why others do not.

        Raises:
            UnknownRun: One of them is not in the store; nothing was changed.
        """
        return await flows.resume_runs(self._parts, runs, now)

    async def exit_runs(
        self, runs: Iterable[Run], *, reason: str = "exited", now: datetime | None = None
    ) -> Controlled:
        """End runs, wherever they stand; what was handed over is not recalled.

        Args:
            runs: Which.
            reason: Why; it stands in each run and in its journal.
            now: The engine's instant; None asks the clock.

        Returns:
            How many were ended, and why others were not.

        Raises:
            UnknownRun: One of them is not in the store; nothing was changed.
        """
        return await flows.exit_runs(self._parts, runs, reason, now)

    async def exit(
        self,
        subscriber_id: str,
        workflow_id: str | None = None,
        *,
        reason: str = "exited",
        now: datetime | None = None,
    ) -> Controlled:
        """End all runs that a subscriber has in a workflow, or in every one.

        Args:
            subscriber_id: Whose.
            workflow_id: In which workflow; None for all.
            reason: Why; it stands in each run and in its journal.
            now: The engine's instant; None asks the clock.

        Returns:
            How many were ended.
        """
        return await flows.leave(self._parts, subscriber_id, workflow_id, reason, now)

    async def migrate(
        self,
        workflow_id: str,
        to: int | None = None,
        *,
        targets: Mapping[str, str] = NO_TARGETS,
        dry_run: bool = False,
        now: datetime | None = None,
    ) -> Migration:
        """Let runs that are under way go over to another version of their workflow.

        Nodes and actions are known by their ids. A wait counts from when it began, so one that became shorter may be
        over; nothing is due earlier than the new version would have it. It is done a page at a time; where it dies, the
        next ``advance`` goes on, and to call it again does so too.

        Args:
            workflow_id: Which workflow.
            to: The number of the version; None for the one that is live.
            targets: For nodes that are gone, or whose runs are to go on elsewhere: the node at which they do, or
                ``exit`` to end them.
            dry_run: Whether only to say what would become of the runs.
            now: The engine's instant; None asks the clock.

        Returns:
            What became of the runs at each node of their version, and why some stay on it.

        Raises:
            MigrationRefused: Runs stand at nodes that are gone and have no target; nothing was changed.
            UnknownTarget: A target is no node of the version; nothing was changed.
            UnknownWorkflow: No version is live, or the workflow has no published one of that number.
        """
        return await flows.migrated(self._parts, workflow_id, to, targets, now, dry_run=dry_run)

    async def metrics(
        self,
        workflow_id: str,
        *,
        since: datetime | None = None,
        until: datetime | None = None,
        version: int | None = None,
    ) -> WorkflowMetrics:
        """Tell what became of the runs of a workflow in a window of time, in numbers.

        Args:
            workflow_id: Which workflow.
            since: From when on; a whole hour (UTC). None from the beginning.
            until: Before when; a whole hour. None up to now.
            version: Of which version alone; None for all.

        Returns:
            Counts and rates, for the workflow, its nodes, actions and messages; who stands where is as it is now.

        Raises:
            ConfigurationError: An instant is not on a whole hour: steps are counted by the hour.
        """
        return await flows.metrics(self._parts, workflow_id, since, until, version)

    async def report(
        self,
        workflow_id: str,
        *,
        since: datetime | None = None,
        until: datetime | None = None,
        version: int | None = None,
        thresholds: Thresholds = DEFAULT,
    ) -> JourneyReport:
        """Report what became of the runs of a workflow in a window of time: text, Markdown, HTML, or data.

        Args:
            workflow_id: Which workflow.
            since: From when on; a whole hour (UTC). None from the beginning.
            until: Before when; a whole hour. None up to now.
            version: Of which version alone; None for all, drawn with the live one.
            thresholds: From when on something is worth a look.

        Returns:
            The numbers of `metrics`, with funnel, graph, course and findings.

        Raises:
            ConfigurationError: An instant is not on a whole hour: steps are counted by the hour.
            UnknownWorkflow: The workflow, or the version, is not published, or was replaced and has no run left.
        """
        return await flows.reported(self._parts, workflow_id, since, until, version, thresholds)

    async def tallies(
        self, workflow_id: str | None = None, *, since: datetime | None = None, until: datetime | None = None
    ) -> Mapping[Slot, Tally]:
        """Count what the journal tells, apart for each version and hour; counts of several slots may be added up.

        Args:
            workflow_id: Of which workflow; None for all.
            since: From when on; a whole hour (UTC). None from the beginning.
            until: Before when; a whole hour. None up to now.

        Raises:
            ConfigurationError: An instant is not on a whole hour.
        """
        return await flows.tallies(self._parts, workflow_id, since, until)

    async def roll_up(self) -> int:
        """Let the store count what it has not counted yet, so that ``metrics`` reads less; call it now and then.

        Numbers are the same with it and without it.

        Returns:
            How many steps were counted; 0 where the store does not count itself.
        """
        return await flows.rolled_up(self._parts)

    async def monitor(self, monitor: Monitor, *, now: datetime | None = None) -> Sequence[Alert]:
        """Look at the hours that have ended since the last look, and tell what is out of the ordinary.

        Args:
            monitor: What is looked at, who is told, and what was told.
            now: The engine's instant; None asks the clock.

        Returns:
            What was told.

        Raises:
            Exception: Whatever the port raised; the same alerts are told again at the next look.
        """
        return await flows.monitored(self._parts, monitor, now)

    async def versions(self, workflow_id: str) -> Sequence[Version]:
        """Tell which versions of a workflow there are, what state each is in, and who stands where, by number."""
        return await flows.versions(self._parts, workflow_id)

    async def explain(self, subscriber_id: str, workflow_id: str, *, now: datetime | None = None) -> Explanation:
        """Say why a subscriber did, or did not, enter a workflow, what happened there, and what would happen now.

        Args:
            subscriber_id: Who.
            workflow_id: Which workflow.
            now: The engine's instant; None asks the clock.

        Returns:
            Everything that was decided, as data; ``text`` has it in sentences.
        """
        return await flows.explained(self._parts, subscriber_id, workflow_id, now)
