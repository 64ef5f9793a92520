"""The engine for event loops: for FastAPI and other asynchronous hosts."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import datetime, timedelta

from flowkit.engine import flows
from flowkit.engine.advance import Advanced
from flowkit.engine.clock import SystemClock
from flowkit.engine.ingest import Ingested
from flowkit.engine.parts import DEFAULT_BATCH, DEFAULT_LEASE, Parts
from flowkit.events import Event
from flowkit.ports import Clock, Edition, Profiles, Sender, Store, Templates, Webhooks
from flowkit.runs.model import Line, Run
from flowkit.workflows.model import Workflow

__all__ = ["AsyncEngine"]


class AsyncEngine:
    """Carries journeys out in the running event loop; its ports may return values or awaitables of them.

    Args:
        store: Keeps workflows, runs and the journal.
        sender: Hands messages over; needed where a workflow sends.
        profiles: Knows the subscribers; needed where a workflow or a template asks about them, or changes them.
        templates: Gives templates when a workflow is published; None where the mail service renders for itself.
        webhooks: Calls HTTP end points; needed where a workflow does.
        clock: The clock that rules run on; the machine's by default.
        lease: For how long a worker holds the runs that it claimed without a sign of life; more than twice the
            time-out of every port that it calls.
        batch: The most runs that ``advance`` claims and commits at once.

    Raises:
        ConfigurationError: A time-out does not fit the lease.
    """

    def __init__(
        self,
        store: Store,
        *,
        sender: Sender | None = None,
        profiles: Profiles | None = None,
        templates: Templates | None = None,
        webhooks: Webhooks | None = None,
        clock: Clock | None = None,
        lease: timedelta = DEFAULT_LEASE,
        batch: int = DEFAULT_BATCH,
    ) -> None:
        self._parts = Parts(store, clock or SystemClock(), sender, profiles, templates, webhooks, lease, batch)

    async def publish(self, workflow: Workflow) -> Edition:
        """Check a workflow and make it live: new runs enter it, and runs under way stay on the version they entered.

        Returns:
            The version. The same content published again is the same version.

        Raises:
            DocumentError: The workflow is not sound; every problem is listed.
            ConfigurationError: It needs a port that this engine was not given, or asks what this version cannot answer.
        """
        return await flows.publish(self._parts, workflow)

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

    async def advance(self, *, now: datetime | None = None, limit: int | None = None) -> Advanced:
        """Do everything that is due: send, change, call, wait on. Call it from a loop, a timer or a task queue.

        Args:
            now: The engine's instant; None asks the clock, again for each batch.
            limit: The most runs to take; None for all that are due.

        Raises:
            StoreError: The store failed; what was committed stands, and what was begun is found by the next call.
        """
        return await flows.proceed(self._parts, now, limit)

    async def next_due(self) -> datetime | None:
        """Tell when the next run wants to go on; None where none does."""
        return await flows.next_due(self._parts)

    async def runs(
        self,
        *,
        subscriber_id: str | None = None,
        workflow_id: str | None = None,
        after: int = 0,
        limit: int = 1000,
    ) -> Sequence[Run]:
        """Read runs, oldest first, a page at a time.

        Args:
            subscriber_id: Only this subscriber's.
            workflow_id: Only this workflow's.
            after: The ``handle`` of the last run of the page before.
            limit: The most runs to give.
        """
        return await flows.runs(self._parts, subscriber_id, workflow_id, after, limit)

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
