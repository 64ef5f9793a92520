"""Experiments in their workflow: the engine assigns what the hash says, and every run goes its arm's way."""

from collections import Counter
from datetime import UTC, datetime, timedelta

import pytest
from attrs import evolve

from flowkit import (
    DictTemplates,
    DocumentError,
    Engine,
    Event,
    FeedbackKind,
    MemoryProfiles,
    SqliteStore,
    Template,
    VirtualClock,
    check,
    dump_workflow,
    feedback,
    load_workflow,
)
from flowkit.experiments.analysis import analyse
from flowkit.experiments.assignment import Standing, arm_of, enrol
from flowkit.experiments.changes import ChangeRoute, ChangeSubject, ChangeTiming, SkipNode
from flowkit.experiments.documents import load_experiment
from flowkit.experiments.model import Audience, Layer, Variant
from flowkit.experiments.tracking import Tracker
from flowkit.experiments.weaving import split_node, weave
from flowkit.testing.recording import RecordingSender
from tests.support.experiments import corrected, subject_test, welcome_series

MONDAY = datetime(2026, 3, 2, 9, tzinfo=UTC)
PEOPLE = [f"subscriber_{number}" for number in range(120)]
TEMPLATES = ("welcome_email_v2", "getting_started_tips", "reengagement_v1", "product_demo_email")


@pytest.fixture
def world(tmp_path):
    store = SqliteStore(tmp_path / "w.db", synchronous="NORMAL")
    sender = RecordingSender()
    profiles = MemoryProfiles({name: {"email": f"{name}@example.com"} for name in PEOPLE})
    templates = DictTemplates({name: Template(name, subject=name, text="Hello.") for name in TEMPLATES})
    clock = VirtualClock(MONDAY)
    engine = Engine(store, clock=clock, sender=sender, profiles=profiles, templates=templates)
    yield engine, sender, profiles, clock
    store.close()


def sign_up(engine, people=PEOPLE, batch="1"):
    engine.ingest(
        [Event("subscriber_signup", name, id=f"{batch}-{name}", properties={"source": "website"}) for name in people]
    )
    engine.advance()


def subjects(sender):
    return {message.subscriber_id: message.subject for message in sender.delivered}


def test_a_woven_workflow_is_sound_and_survives_its_document():
    woven = weave(welcome_series(), [subject_test()])
    assert load_workflow(dump_workflow(woven)) == woven
    assert [one.rule for one in check(woven)] == [one.rule for one in check(welcome_series())]
    assert woven.entry_node == "start@subject"
    assert [one.goal_id for one in woven.goals] == ["subject:email_open_rate"]


def test_the_engine_assigns_what_the_hash_says_and_sends_what_the_arm_says(world):
    engine, sender, _, _ = world
    experiment = subject_test(weights=(40, 30, 30))
    engine.publish(weave(welcome_series(), [experiment]))
    sign_up(engine)
    expected = {name: arm_of(experiment, name) for name in PEOPLE}
    said = {"control": "Welcome to our community!"}
    assert subjects(sender) == {name: said.get(arm, arm) for name, arm in expected.items()}
    assert len(set(expected.values())) == 3


def test_the_audience_the_exposure_and_the_layer_are_asked_by_the_engine_as_by_the_hash(world):
    engine, sender, profiles, _ = world
    for name in PEOPLE[:60]:
        profiles.place(name, "new")
    for name in PEOPLE[:10]:
        profiles.place(name, "new", "vip")
    experiment = evolve(
        subject_test(),
        audience=Audience(segments=("new",), exclude_segments=("vip",)),
        exposure=70.0,
        layer=Layer("onboarding", start=10, end=80),
    )
    engine.publish(weave(welcome_series(), [experiment]))
    sign_up(engine)
    lines = engine.journal(limit=100_000)
    node = split_node("start", "subject")
    got = {
        line.subscriber_id: line.entry.data["label"]
        for line in lines
        if line.entry.kind == "decided" and line.entry.node == node
    }
    drawn = {name: enrol(experiment, name) for name in PEOPLE[10:60]}
    assert got == {name: one.arm for name, one in drawn.items() if one.standing is Standing.ASSIGNED}
    assert 5 < len(got) < 45
    assert set(Counter(subjects(sender).values())) == {"Welcome to our community!", "variant_a"}


def test_the_arm_stays_over_new_entries_and_new_weights(world):
    engine, sender, _, clock = world
    engine.publish(weave(welcome_series(), [subject_test(weights=(50, 50))]))
    sign_up(engine)
    first = subjects(sender)
    engine.publish(weave(welcome_series(), [subject_test(weights=(5, 95))]))
    clock.set(MONDAY + timedelta(days=30))
    engine.advance()
    sign_up(engine, batch="2")
    assert subjects(sender) == first


def test_nobody_is_assigned_before_the_arms_part(world):
    engine, _, _, clock = world
    variants = [
        Variant("control", "As it is", weight=50),
        Variant("sooner", "Sooner", weight=50, changes=[ChangeTiming("wait_5_days", timedelta(days=1))]),
    ]
    engine.publish(weave(welcome_series(), [subject_test(variants=variants)]))
    sign_up(engine)
    engine.ingest([Event("email_open", name, id=f"o-{name}") for name in PEOPLE[:20]])
    at_entry = [line for line in engine.journal(limit=100_000) if line.entry.node == "wait_5_days@subject"]
    assert at_entry == []
    clock.set(MONDAY + timedelta(days=3))
    engine.advance()
    reached = {line.subscriber_id for line in engine.journal(limit=100_000) if line.entry.node == "wait_5_days@subject"}
    assert reached == set(PEOPLE[:20])


def test_several_nodes_of_one_experiment_agree(world):
    engine, sender, _, clock = world
    variants = [
        Variant("control", "As it is", weight=50),
        Variant(
            "b",
            "B",
            weight=50,
            changes=[
                ChangeSubject("start", "B1"),
                ChangeSubject("send_reengagement", "B2"),
                SkipNode("wait_3_days"),
                ChangeRoute("check_engagement", {"engaged": "end"}),
            ],
        ),
    ]
    engine.publish(weave(welcome_series(), [subject_test(variants=variants)]))
    sign_up(engine)
    clock.set(MONDAY + timedelta(days=20))
    engine.advance()
    said = {}
    for message in sender.delivered:
        said.setdefault(message.subscriber_id, []).append(message.subject)
    control = ["Welcome to our community!", "We missed you - here's what you're missing"]
    assert {tuple(each) for each in said.values()} == {tuple(control), ("B1", "B2")}


def test_experiments_that_change_one_node_need_disjoint_slots(world):
    one, other = subject_test("one"), subject_test("other")
    with pytest.raises(DocumentError) as caught:
        weave(welcome_series(), [one, other])
    assert [problem.code for problem in caught.value.problems] == ["experiments_meet"]

    engine, _, _, _ = world
    left = evolve(one, layer=Layer("l", start=0, end=50))
    right = evolve(other, layer=Layer("l", start=50, end=100))
    engine.publish(weave(welcome_series(), [left, right]))
    sign_up(engine)
    nodes = {}
    for line in engine.journal(limit=100_000):
        if line.entry.node in {"start@one", "start@other"} and line.entry.kind == "decided":
            nodes.setdefault(line.subscriber_id, set()).add(line.entry.node)
    expected = {name: {"start@one" if enrol(left, name).arm else "start@other"} for name in PEOPLE}
    assert nodes == expected


def test_experiments_on_different_nodes_cross():
    later = [
        Variant("control", "As it is", weight=50),
        Variant("sooner", "Sooner", weight=50, changes=[ChangeTiming("wait_5_days", timedelta(days=1))]),
    ]
    woven = weave(welcome_series(), [subject_test("one"), subject_test("two", variants=later)])
    assert {"start@one", "wait_5_days@two"} <= set(woven.nodes)
    assert woven.nodes["send_tips_email"].next_nodes == {"default": "wait_5_days@two"}


def test_a_name_that_is_needed_is_not_taken_over():
    base = welcome_series()
    taken = evolve(base, nodes={**base.nodes, "start@subject": evolve(base.nodes["start"], node_id="start@subject")})
    with pytest.raises(DocumentError) as caught:
        weave(taken, [subject_test()])
    assert [(one.code, one.path) for one in caught.value.problems] == [("duplicate_id", "/nodes/start@subject")]


def test_the_seeds_test_runs_end_to_end_assign_expose_convert_report(world):
    engine, sender, profiles, clock = world
    for name in PEOPLE:
        profiles.place(name, "new_subscribers", *(["vip_customers"] if name in PEOPLE[:20] else []))
        profiles.put(name, firstName=name)
    experiment = load_experiment(
        corrected(attributionDays=2, startDate="2026-03-01", endDate="2026-04-01"), welcome_series()
    )
    engine.publish(weave(welcome_series(), [experiment]))
    sign_up(engine)
    expected = {name: arm_of(experiment, name) for name in PEOPLE[20:]}
    guide = {name: f"Welcome {name}! Here's your personal guide" for name in PEOPLE}
    greeted = {name for name, subject in subjects(sender).items() if subject == guide[name]}
    assert greeted == {name for name, arm in expected.items() if arm == "variant_a"}

    # Whoever was promised a guide opens; a second open of one run counts no more, and one after the window counts not.
    opened = sorted(greeted)
    engine.ingest([Event("email_open", name, id=f"first-{name}") for name in [*opened, *PEOPLE[:5]]])
    engine.ingest([Event("email_open", name, id=f"second-{name}") for name in opened])
    clock.set(MONDAY + timedelta(days=2))
    control = next(name for name, arm in expected.items() if arm == "control")
    engine.ingest([Event("email_open", control, id="late")])
    tracker = Tracker(experiment)
    while tracker.read(engine.journal(after=tracker.after, limit=50)):
        pass
    tally = tracker.tally(clock.now())
    counts = Counter(expected.values())
    assert {one.arm: one.units for one in tally.arms} == dict(counts)
    assert {one.arm: one.of("email_open_rate").total for one in tally.arms} == {
        "control": 0,
        "variant_a": counts["variant_a"],
        "variant_b": 0,
    }
    found = analyse(experiment, tally)
    assert found.ratio.verdict == "ok"
    assert (found.verdict.outcome, found.verdict.peeked) == ("keep_running", True)
    assert found.primary[0].treatment_value == 1.0


def test_a_goal_line_has_the_value_of_its_event_where_there_is_one(world):
    engine, _, _, _ = world
    engine.publish(weave(welcome_series(), [subject_test()]))
    sign_up(engine, PEOPLE[:2])
    engine.ingest([Event("email_open", PEOPLE[0], id="o", value=12.5), Event("email_open", PEOPLE[1], id="o")])
    lines = [line for line in engine.journal(limit=1_000) if line.entry.kind == "goal"]
    assert [line.entry.data.get("value") for line in lines] == [12.5, None]
    assert all("value" not in line.entry.data for line in lines[1:])


def test_what_a_machine_opened_is_no_conversion(world):
    engine, sender, _, _ = world
    engine.publish(weave(welcome_series(), [subject_test()]))
    sign_up(engine, PEOPLE[:3])
    by_machine, by_both, by_hand = (
        {"subscriber_id": one.subscriber_id, "key": one.key, "workflow_id": one.metadata["workflow_id"]}
        for one in sender.delivered[:3]
    )
    opens = [feedback(FeedbackKind.OPEN, **one, machine=True) for one in (by_machine, by_both)]
    engine.ingest([*opens, *(feedback(FeedbackKind.OPEN, **one) for one in (by_both, by_hand))])
    goals = [line.subscriber_id for line in engine.journal(limit=1_000) if line.entry.kind == "goal"]
    assert sorted(goals) == sorted([by_both["subscriber_id"], by_hand["subscriber_id"]])
