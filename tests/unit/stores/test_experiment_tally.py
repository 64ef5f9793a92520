"""Counting an experiment in the database: what the tracker says of the same journal, by the sums of SQL."""

from datetime import UTC, datetime, timedelta
from random import Random

import pytest
from attrs import evolve

from flowkit import Engine, Event, EventIs, MemoryProfiles, Node, SqliteStore, Trigger, VirtualClock, Workflow
from flowkit.experiments.changes import ChangeSubject
from flowkit.experiments.model import Experiment, Metric, Variant
from flowkit.experiments.tracking import Tracker
from flowkit.experiments.weaving import weave
from flowkit.testing.recording import RecordingSender
from flowkit.workflows.model import Action, SendEmail, Wait

MONDAY = datetime(2026, 3, 2, 9, tzinfo=UTC)
DAY = timedelta(days=1)
PEOPLE = [f"subscriber_{number}" for number in range(150)]
SERIES = Workflow(
    "series",
    "Series",
    trigger=Trigger("t", condition=EventIs(("signup",))),
    nodes=[
        Node("start", "Start", actions=[Action("pause", Wait(DAY))], next_nodes={"default": "mail"}),
        Node("mail", "Mail", actions=[Action("send", SendEmail("m", subject="A")), Action("rest", Wait(3 * DAY))]),
    ],
)
EXPERIMENT = Experiment(
    experiment_id="subject",
    name="Subject",
    workflow_id="series",
    variants=[
        Variant("control", "As it is", weight=50),
        Variant("b", "B", weight=30, changes=[ChangeSubject("mail", "B")]),
        Variant("c", "C", weight=20, changes=[ChangeSubject("mail", "C")]),
    ],
    primary=Metric("opened", "email_open"),
    secondary=[Metric("bought", "purchase")],
    window=2 * DAY,
)


@pytest.fixture
def world(tmp_path):
    store = SqliteStore(tmp_path / "w.db", synchronous="NORMAL")
    profiles = MemoryProfiles({name: {"email": f"{name}@example.com"} for name in PEOPLE})
    clock = VirtualClock(MONDAY)
    yield Engine(store, clock=clock, sender=RecordingSender(), profiles=profiles), store, clock
    store.close()


def tracked(engine, experiment, at):
    tracker = Tracker(experiment)
    while tracker.read(engine.journal(after=tracker.after, limit=500)):
        pass
    return tracker.tally(at)


def live(engine, clock, seed):
    """Some days in which people sign up, open and buy at odd instants."""
    rng = Random(seed)
    for day in range(12):
        clock.set(MONDAY + day * DAY)
        engine.advance()
        some = rng.sample(PEOPLE, 40)
        engine.ingest([Event("signup", name, id=f"s{day}") for name in some])
        for name in rng.sample(PEOPLE, 60):
            back = timedelta(microseconds=rng.choice([0, 1, 3_600_000_000, 40_000_000_001]))
            kind = rng.choice(["email_open", "purchase"])
            engine.ingest([Event(kind, name, id=f"{kind}{day}", occurred_at=clock.now() - back, value=rng.random())])


@pytest.mark.parametrize("seed", range(4))
def test_the_database_counts_what_the_tracker_counts(world, seed):
    engine, store, clock = world
    engine.publish(weave(SERIES, [EXPERIMENT]))
    live(engine, clock, seed)
    for day in (0, 3, 5, 9, 11, 30):
        at = MONDAY + day * DAY
        assert store.experiment_tally(EXPERIMENT, at) == evolve(tracked(engine, EXPERIMENT, at), at=at)
    assert store.experiment_tally(EXPERIMENT, MONDAY + 30 * DAY).units > 80
    assert all(arm.of("opened").total > 0 for arm in store.experiment_tally(EXPERIMENT, MONDAY + 30 * DAY).arms)


def test_only_the_time_of_the_experiment_and_its_own_arms_count(world):
    engine, store, clock = world
    engine.publish(weave(SERIES, [EXPERIMENT]))
    live(engine, clock, 9)
    at = MONDAY + 30 * DAY
    short = evolve(EXPERIMENT, start=MONDAY + 3 * DAY, end=MONDAY + 6 * DAY)
    assert store.experiment_tally(short, at) == tracked(engine, short, at)
    assert 0 < store.experiment_tally(short, at).exposed < store.experiment_tally(EXPERIMENT, at).exposed
    fewer = evolve(EXPERIMENT, variants=[evolve(one, weight=50) for one in EXPERIMENT.variants[:2]])
    assert store.experiment_tally(fewer, at) == tracked(engine, fewer, at)
    assert store.experiment_tally(fewer, at).unknown > 0


def test_weights_that_changed_are_noticed(world):
    engine, store, clock = world
    engine.publish(weave(SERIES, [EXPERIMENT]))
    engine.ingest([Event("signup", name, id="1") for name in PEOPLE[:50]])
    clock.set(MONDAY + DAY)
    engine.advance()
    assert not store.experiment_tally(EXPERIMENT, clock.now()).reweighted
    engine.publish(weave(SERIES, [EXPERIMENT.reweighted({"control": 20, "b": 40, "c": 40})]))
    engine.ingest([Event("signup", name, id="1") for name in PEOPLE[50:]])
    clock.set(MONDAY + 2 * DAY)
    engine.advance()
    assert store.experiment_tally(EXPERIMENT, clock.now()).reweighted
    assert tracked(engine, EXPERIMENT, clock.now()).reweighted


def test_weights_of_before_the_start_are_none_of_its_own(world):
    engine, store, clock = world
    engine.publish(weave(SERIES, [EXPERIMENT]))
    engine.ingest([Event("signup", name, id="1") for name in PEOPLE[:50]])
    clock.set(MONDAY + DAY)
    engine.advance()
    changed = evolve(EXPERIMENT.reweighted({"control": 20, "b": 40, "c": 40}), start=MONDAY + 2 * DAY)
    engine.publish(weave(SERIES, [changed]))
    engine.ingest([Event("signup", name, id="1") for name in PEOPLE[50:]])
    clock.set(MONDAY + 2 * DAY)
    engine.advance()
    assert not tracked(engine, changed, clock.now()).reweighted
    assert store.experiment_tally(changed, clock.now()) == tracked(engine, changed, clock.now())


def test_where_all_came_to_arms_that_are_not_its_own_that_is_said(world):
    engine, store, clock = world
    engine.publish(weave(SERIES, [EXPERIMENT]))
    engine.ingest([Event("signup", name, id="1") for name in PEOPLE])
    clock.set(MONDAY + DAY)
    engine.advance()
    renamed = [evolve(one, variant_id=f"new_{one.variant_id}") for one in EXPERIMENT.variants]
    others = evolve(EXPERIMENT, variants=renamed, control="new_control")
    assert tracked(engine, others, clock.now()).unknown == len(PEOPLE)
    assert store.experiment_tally(others, clock.now()) == tracked(engine, others, clock.now())


def test_an_experiment_that_nobody_came_to_is_empty(world):
    engine, store, _ = world
    assert store.experiment_tally(EXPERIMENT, MONDAY) == tracked(engine, EXPERIMENT, MONDAY)
