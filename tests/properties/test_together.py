"""Everything together: random workflows, guards and orders, over random events; what holds for each holds for all."""

import tempfile
from collections.abc import Mapping, Sequence
from datetime import datetime, time, timedelta
from pathlib import Path

from attrs import define, field, frozen
from hypothesis import given, settings
from hypothesis import strategies as st

from flowkit.adapters.clock import VirtualClock
from flowkit.adapters.profiles import MemoryProfiles
from flowkit.engine.sync import Engine
from flowkit.errors import MigrationRefused
from flowkit.ports import Store
from flowkit.rendering.model import OutgoingMessage
from flowkit.runs.consent import SuppressionScope
from flowkit.runs.model import Status, Waiting
from flowkit.runs.policy import FrequencyCap, SendPolicy
from flowkit.stores.memory import MemoryStore
from flowkit.stores.rows import read_state, write_state
from flowkit.stores.sqlite import SqliteStore
from flowkit.testing.strategies import HANDLER, Moment, Mood, moods, people, schedules, workflows
from flowkit.triggers.calendar import Unit
from flowkit.triggers.windows import Window
from flowkit.workflows.model import Workflow
from tests.properties.test_interleaving import leveled
from tests.properties.test_migration import Witness, edits
from tests.support.journeys import START, stand
from tests.support.worlds import HORIZON, by_run

MORE_ORDERS = ("requeue", "requeue", "pause_runs", "resume_runs", "exit_runs")
ORDERS = ("pause", "resume", "drain", "stop", "publish", "migrate", "suppress", "exit", "none", "none")
policies = st.builds(
    SendPolicy,
    quiet_hours=st.none() | st.just(Window(opens_at=time(22), closes_at=time(7))),
    caps=st.lists(
        st.builds(
            FrequencyCap,
            name=st.just("few"),
            most=st.integers(1, 2),
            per=st.sampled_from([timedelta(days=1), Unit.DAY]),
            defer=st.none() | st.just(timedelta(days=2)),
        ),
        max_size=1,
    ),
)


@frozen
class Life:
    """Two versions of one workflow, and one of another; what happens; and what is ordered after each moment."""

    versions: tuple[Workflow, Workflow]
    other: Workflow
    moments: Sequence[Moment]
    orders: Sequence[str]
    people: Mapping[str, Mapping[str, object]]
    mood: Mood
    policy: SendPolicy
    keyed: bool


def lives_under(orders: Sequence[str]) -> st.SearchStrategy[Life]:
    return st.builds(
        Life,
        edits(),
        workflows("other"),
        schedules(),
        st.lists(st.sampled_from(orders), min_size=1, max_size=12),
        people(),
        moods(),
        policies,
        st.booleans(),
    )


lives = lives_under(ORDERS)


@define
class World:
    """A life on one store, and what was handed over although it was forbidden."""

    life: Life
    engine: Engine
    receiver: Witness
    suppressed: set[str] = field(factory=set)
    is_stopped: bool = False
    wrong: list[str] = field(factory=list)

    def advance(self, now: datetime) -> None:
        """Do what is due, and see whom it reached."""
        before = len(self.receiver.got)
        self.engine.advance(now=now)
        for one in self.receiver.got[before:]:
            if not isinstance(one, OutgoingMessage):
                continue
            if one.subscriber_id in self.suppressed:
                self.wrong.append(f"{one.subscriber_id} was written to, and is suppressed")
            if self.is_stopped and one.metadata["workflow_id"] == "w":
                self.wrong.append(f"{one.key} was sent, and its workflow is stopped")

    def order(self, what: str, number: int, now: datetime) -> None:
        engine = self.engine
        names = sorted(self.life.people)
        name = names[number % len(names)] if names else "s1"
        match what:
            case "publish":
                engine.publish(self.life.versions[number % 2])
                self.is_stopped = False
            case "migrate":
                try:
                    engine.migrate("w", now=now)
                except MigrationRefused as refused:
                    engine.migrate("w", targets=dict.fromkeys(refused.nodes, "exit"), now=now)
            case "suppress":
                engine.suppress([name], scope=SuppressionScope.ALL, now=now)
                self.suppressed.add(name)
            case "exit":
                engine.exit(name, "w", now=now)
            case "pause" | "resume" | "drain" | "stop":
                getattr(engine, what)("w", now=now)
                self.is_stopped = what == "stop"
            case "requeue":
                # Of what may be done already nobody says that it may be done twice.
                engine.requeue(engine.runs(limit=10_000), now=now)
            case "pause_runs" | "resume_runs" | "exit_runs":
                getattr(engine, what)(engine.runs(workflow_id="other", limit=10_000)[::2], now=now)
            case _:
                pass

    def look(self) -> None:
        """See that each run has one thing ahead of it, and is read back as it was written."""
        for run in self.engine.runs(limit=10_000):
            assert read_state(write_state(run.state)) == run.state
            assert (run.state.pause is not None) == (run.status is Status.PAUSED)
            if run.status is not Status.ACTIVE:
                assert run.due is None
            elif run.due is None:
                assert run.state.waiting is Waiting.EVENT
                assert run.state.watch.until is None


def lived(life: Life, store: Store, batch: int, *, workers: int = 1):
    receiver = Witness(life.mood, timedelta(days=30) if life.keyed else None)
    profiles = MemoryProfiles(life.people)
    crew = [
        Engine(
            store,
            clock=VirtualClock(START),
            sender=receiver,
            webhooks=receiver,
            handlers={HANDLER: receiver},
            profiles=profiles,
            policy=life.policy,
            batch=batch,
        )
        for _ in range(workers)
    ]
    engine = crew[0]
    world = World(life, engine, receiver)
    engine.publish(life.versions[0])
    engine.publish(life.other)
    now = START
    for number, moment in enumerate(life.moments):
        now = max(now, START + moment.after)
        crew[number % workers].ingest(moment.events, now=now)
        world.engine = crew[(number + 1) % workers]
        world.advance(now)
        world.order(life.orders[number % len(life.orders)], number, now)
        world.look()
    while (due := engine.next_due()) is not None and due <= HORIZON:
        now = max(due, now)
        world.engine = crew[(crew.index(world.engine) + 1) % workers]
        world.advance(now)
    world.look()
    assert world.wrong == []
    return by_run(map(leveled, store.lines(limit=1_000_000))), stand(engine.runs(limit=10_000))


@given(lives, st.integers(1, 4))
@settings(max_examples=50)
def test_no_order_and_no_guard_breaks_what_holds_for_each(life, batch):
    """I1, I2 (by the receiver), I4; and I10: how many runs the one worker takes at once changes nothing."""
    assert lived(life, MemoryStore(), batch) == lived(life, MemoryStore(), 500)


@given(lives)
@settings(max_examples=10)
def test_nor_does_the_store_make_a_difference(life):
    with tempfile.TemporaryDirectory() as folder:
        store = SqliteStore(Path(folder) / "flowkit.db", synchronous="NORMAL")
        try:
            assert lived(life, store, 3) == lived(life, MemoryStore(), 3)
        finally:
            store.close()


@given(lives_under((*ORDERS, *MORE_ORDERS)), st.integers(1, 4), st.integers(2, 3))
@settings(max_examples=40)
def test_workers_that_take_turns_do_what_one_does(life, batch, workers):
    """I6, with orders for single runs and with requeues: each worker has read what is published for itself."""
    assert lived(life, MemoryStore(), batch, workers=workers) == lived(life, MemoryStore(), batch)
