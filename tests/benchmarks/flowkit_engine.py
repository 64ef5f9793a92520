"""flowkit on the welcome series, as a host would set it up.

The sender honours no keys, so each message has a call of its own, noted before and after it; the mail service renders
for itself, as in the limit programs, which hand over a template's name; the journal is written, as always.

Variants:
    batched (default): a thousand signups an ``ingest``, then one ``advance``.
    single: each signup ingested and committed alone, with an ``advance`` after it.
    memory: as batched, over the store in memory.
    postgres: as batched, over a schema of the server that BENCH_POSTGRES names; see `limit_postgres`.
    redis: as batched, over the store on the server `BENCH_REDIS`; its keys begin with the folder's name.
"""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING

from welcome import DEMO, REENGAGE, TIPS, WELCOME, World, drive, subscriber
from welcome import Result as Measured

from flowkit.adapters.clock import VirtualClock
from flowkit.conditions import AllOf, EngagementAtLeast, Equals, EventHas, EventIs
from flowkit.engine.sync import Engine
from flowkit.events import NO_NEEDS, Event, Facts, Needs
from flowkit.ports import InDoubt, ProfileChange
from flowkit.rendering.model import OutgoingMessage
from flowkit.runs.effects import DONE, Outcome, Result
from flowkit.runs.model import Status
from flowkit.stores.memory import MemoryStore
from flowkit.stores.redis import RedisStore
from flowkit.stores.sqlite import SqliteStore
from flowkit.triggers.model import Trigger
from flowkit.workflows.model import Action, CheckEngagement, Node, SendEmail, Wait, Workflow

if TYPE_CHECKING:
    from flowkit.stores.postgres import PostgresStore

VARIANTS = ("batched", "single", "memory", "postgres", "redis")
BATCH = 1000
ENGAGED = Facts(engagement={"opens": 1})
SILENT = Facts()


def send(node: str, template: str, target: str) -> Node:
    """Make a node that sends one message."""
    return Node(node, node, actions=(Action(node, SendEmail(template)),), next_nodes={"default": target})


def wait(node: str, hours: int, target: str) -> Node:
    """Make a node that waits."""
    return Node(node, node, actions=(Action(node, Wait(timedelta(hours=hours))),), next_nodes={"default": target})


SERIES = Workflow(
    "welcome_series",
    "Welcome series",
    trigger=Trigger(
        "signup",
        condition=AllOf((EventIs(("subscriber_signup",)), EventHas({"source": Equals("website")}))),
        priority=10,
        cooldown=timedelta(hours=168),
    ),
    nodes=[
        send("start", WELCOME, "wait_3_days"),
        wait("wait_3_days", 72, "check_engagement"),
        Node(
            "check_engagement",
            "Check engagement",
            actions=(Action("evaluate", CheckEngagement()),),
            condition=EngagementAtLeast({"opens": 1}),
            next_nodes={"engaged": "send_tips", "not_engaged": "send_reengagement"},
        ),
        send("send_tips", TIPS, "wait_5_days"),
        send("send_reengagement", REENGAGE, "end"),
        wait("wait_5_days", 120, "send_demo"),
        send("send_demo", DEMO, "end"),
    ],
)


class Outside:
    """The world as flowkit's sender and profiles."""

    key_window = None
    timeout = timedelta(seconds=10)
    in_doubt = InDoubt.RESEND
    needs = NO_NEEDS

    def __init__(self, world: World) -> None:
        self._world = world

    def send(self, messages: Sequence[OutgoingMessage]) -> Sequence[Outcome]:
        """Hand the messages over."""
        send = self._world.send
        for message in messages:
            send(message.subscriber_id, message.template_id)
        return [DONE] * len(messages)

    def facts(self, ids: Sequence[str], needs: Needs) -> Mapping[str, Facts]:
        """Look up who is engaged."""
        del needs
        engaged = self._world.engaged
        return {name: ENGAGED if engaged(name) else SILENT for name in ids}

    def change(self, changes: Sequence[ProfileChange]) -> Sequence[Outcome]:
        """Refuse: the series changes nobody."""
        return [Outcome(Result.FAILED, "not part of the series")] * len(changes)


class Hosted:
    """flowkit as one host runs it."""

    def __init__(
        self, world: World, store: MemoryStore | SqliteStore | PostgresStore | RedisStore, *, variant: str
    ) -> None:
        self._store = store
        self._single = variant == "single"
        self._clock = VirtualClock(datetime.fromtimestamp(world.now, UTC))
        outside = Outside(world)
        self._engine = Engine(store, sender=outside, profiles=outside, clock=self._clock, batch=BATCH)
        self._engine.publish(SERIES)

    def signup(self, numbers: range) -> None:
        """Ingest the signups and do what is due at once."""
        if self._single:
            for number in numbers:
                self._engine.ingest([signed_up(number)])
                self._engine.advance()
            return
        for first in range(numbers.start, numbers.stop, BATCH):
            self._engine.ingest([signed_up(n) for n in range(first, min(first + BATCH, numbers.stop))])
        self._engine.advance()

    def advance(self, now: int) -> None:
        """Do all that is due."""
        self._clock.set(datetime.fromtimestamp(now, UTC))
        self._engine.advance()

    def completed(self) -> int:
        """Count the completed runs, a page at a time."""
        count = after = 0
        while page := self._engine.runs(after=after, limit=10_000):
            count += sum(run.status is Status.COMPLETED for run in page)
            after = page[-1].handle
        return count

    def close(self) -> None:
        """Leave the state on disk."""
        if not isinstance(self._store, MemoryStore):
            self._store.close()


def signed_up(number: int) -> Event:
    """Make the signup of a subscriber."""
    return Event("subscriber_signup", subscriber(number), id=f"signup-{number}", properties={"source": "website"})


def run(n: int, path: Path, *, variant: str = "batched") -> Measured:
    """Play the series for `n` subscribers."""
    if variant not in VARIANTS:
        message = f"flowkit has the variants {', '.join(VARIANTS)}, not {variant!r}"
        raise ValueError(message)
    if variant == "postgres":
        return _in_postgres(n, path)
    memory = MemoryStore()
    sync = os.environ.get("BENCH_SYNC", "NORMAL").upper()

    def opened(path: Path, world: World) -> Hosted:
        if variant == "memory":
            return Hosted(world, memory, variant=variant)
        if variant == "redis":
            return Hosted(world, RedisStore(os.environ["BENCH_REDIS"], prefix=path.parent.name), variant=variant)
        return Hosted(world, SqliteStore(path, synchronous="FULL" if sync == "FULL" else "NORMAL"), variant=variant)

    return drive(opened, n=n, path=path)


def _in_postgres(n: int, path: Path) -> Measured:
    from limit_postgres import play, server, synchronous  # noqa: PLC0415 - the others do without the driver

    from flowkit.stores.postgres import PostgresStore  # noqa: PLC0415 - likewise

    def opened(schema: str, world: World) -> Hosted:
        store = PostgresStore(server(), schema=schema, synchronous_commit="on" if synchronous() == "on" else "off")
        return Hosted(world, store, variant="postgres")

    return play(opened, n=n, path=path)
