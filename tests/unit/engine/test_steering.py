"""Branches, exits and bounded loops on engines: what is read for them, who goes where, and what becomes of the rest."""

from datetime import timedelta

import pytest

from flowkit.adapters.clock import VirtualClock
from flowkit.adapters.profiles import MemoryProfiles
from flowkit.conditions import parse
from flowkit.engine.sync import Engine
from flowkit.errors import ConfigurationError
from flowkit.events import NO_NEEDS, Event
from flowkit.runs.model import Kind, Status
from flowkit.stores.memory import MemoryStore
from flowkit.testing.recording import RecordingSender
from flowkit.triggers.model import EntryPolicy, Reentry
from flowkit.workflows.control import Branch, Case, Exit
from flowkit.workflows.model import Action, UpdateProfile
from tests.support.journeys import DAY, HOUR, START, node, send, signup, stand, tag, told, wait, whole_journal, workflow

PLANS = ("pro", "team", "free")


def fork(*cases, otherwise="others", **fields):
    made = [Case(label, parse(when)) for label, when in cases]
    return Action("fork", Branch(made, otherwise=otherwise), **fields)


def leave(reason="enough", **fields):
    return Action("leave", Exit(reason), **fields)


def by_plan(**fields):
    return fork(*((plan, {"subscriber_properties": {"plan": plan}}) for plan in PLANS[:2]), **fields)


def engine_on(store, *workflows, people=None, at=START, **ports):
    profiles = MemoryProfiles({"s": {}} if people is None else people)
    sender = RecordingSender(needs=NO_NEEDS)
    engine = Engine(store, clock=VirtualClock(at), profiles=profiles, sender=sender, **ports)
    for each in workflows:
        engine.publish(each)
    return engine, profiles


def nobodies(names):
    """People of whom nothing is known but that they are there."""
    return {name: {} for name in names}


def labels(engine):
    return {
        line.subscriber_id: line.entry.data["label"] for line in engine.journal() if line.entry.kind is Kind.DECIDED
    }


def places(engine):
    return {run.subscriber_id: run.state.node for run in engine.runs()}


def purchase(subscriber_id, event_id="p", **fields):
    return Event("purchase", subscriber_id, id=event_id, **fields)


CROWD = {f"s{number}": {"plan": plan} for number, plan in enumerate([*PLANS, "pro", None, 1])}
FORKED = (node("pro", wait(DAY)), node("team", wait(DAY)), node("rest", wait(DAY)))
WAYS = {"pro": "pro", "team": "team", "others": "rest"}
EXPECTED = {"s0": "pro", "s1": "team", "s2": "others", "s3": "pro", "s4": "others", "s5": "others"}


@pytest.mark.parametrize("before", [(), (wait(),), (send(),)], ids=["at the door", "after a wait", "after a message"])
@pytest.mark.parametrize("batch", [1, 500])
def test_each_of_a_crowd_goes_its_own_way(any_store, before, batch):
    engine, _ = engine_on(
        any_store, workflow(node("start", *before, by_plan(), **WAYS), *FORKED), people=CROWD, batch=batch
    )
    engine.ingest([signup(name) for name in CROWD])
    engine.advance(now=START + HOUR)
    assert labels(engine) == EXPECTED
    assert places(engine) == {name: WAYS[label] for name, label in EXPECTED.items()}


def test_one_by_one_or_all_at_once_the_journal_is_the_same(any_store):
    """I10."""
    journey = workflow(node("start", by_plan(), **WAYS), *FORKED)
    engine, _ = engine_on(any_store, journey, people=CROWD)
    for name in CROWD:
        engine.ingest([signup(name)])
    other, _ = engine_on(MemoryStore(), journey, people=CROWD)
    other.ingest([signup(name) for name in CROWD])
    assert sorted(map(repr, told(whole_journal(any_store)))) == sorted(map(repr, told(other.journal())))
    assert stand(engine.runs()) == stand(other.runs())


def test_somebody_of_whom_nothing_is_known_takes_the_other_way(any_store):
    engine, _ = engine_on(any_store, workflow(node("start", by_plan(), **WAYS), *FORKED), people={})
    engine.ingest([signup("stranger")])
    assert labels(engine) == {"stranger": "others"}
    [decided] = [line.entry for line in engine.journal() if line.entry.kind is Kind.DECIDED]
    assert decided.data["missing"] == ["subscriber.plan"]


def test_what_an_action_changed_is_seen_by_the_branch_after_it(any_store):
    change = Action("change", UpdateProfile(set={"plan": "team"}))
    engine, _ = engine_on(
        any_store, workflow(node("start", change, by_plan(), **WAYS), *FORKED), people={"s": {"plan": "pro"}}
    )
    engine.ingest([signup()])
    engine.advance()
    assert places(engine) == {"s": "team"}


def test_only_what_the_cases_read_is_asked_for():
    asked = []

    class Watched(MemoryProfiles):
        def facts(self, subscriber_ids, needs):
            asked.append(needs)
            return super().facts(subscriber_ids, needs)

    engine = Engine(MemoryStore(), clock=VirtualClock(START), profiles=Watched(CROWD))
    cases = [
        ("a", {"subscriber_properties": {"plan": "x"}}),
        ("b", {"segments": "vip"}),
        ("c", {"performed": {"event": "p"}}),
    ]
    engine.publish(workflow(node("start", fork(*cases))))
    engine.ingest([signup("s1")])
    [needs] = asked
    assert (needs.attributes, needs.segments, needs.engagement) == (
        frozenset({"plan"}),
        frozenset({"vip"}),
        frozenset(),
    )
    assert not needs.history


@pytest.mark.parametrize(
    ("since", "expected"),
    [("workflow_start", {"s": "others", "t": "bought", "u": "bought"}), ("ever", dict.fromkeys("stu", "bought"))],
)
def test_what_was_done_is_remembered_for_branches(any_store, since, expected):
    """The store keeps the events that a case reads from the day on which it is published."""
    asked = {"performed": {"event": "purchase", "since": since}}
    engine, _ = engine_on(
        any_store, workflow(node("start", wait(DAY), fork(("bought", asked)))), people=nobodies("stuv")
    )
    engine.ingest([purchase("s")], now=START)
    engine.ingest([signup(name) for name in "stuv"], now=START + HOUR)
    engine.ingest([purchase("t"), purchase("u", occurred_at=START + HOUR)], now=START + 2 * HOUR)
    engine.advance(now=START + HOUR + DAY)
    assert labels(engine) == expected | {"v": "others"}


def test_a_condition_of_time_is_asked_at_the_instant(any_store):
    asked = {"not": {"performed": {"event": "visit", "within": "1d"}}}
    engine, _ = engine_on(
        any_store,
        workflow(node("start", wait(DAY), fork(("asleep", asked)))),
        people=nobodies("st"),
    )
    engine.ingest([signup("s"), signup("t")])
    engine.ingest([Event("visit", "s", id="v")], now=START)
    engine.ingest([Event("visit", "t", id="v")], now=START + timedelta(microseconds=1))
    engine.advance(now=START + DAY)
    assert labels(engine) == {"s": "asleep", "t": "others"}


def test_a_sample_parts_people_and_not_runs(any_store):
    people = {f"s{number}": {} for number in range(60)}
    asked = {"sample": {"percent": 50, "salt": "half"}}
    engine, _ = engine_on(
        any_store,
        workflow(node("start", fork(("in", asked))), workflow_id="a"),
        workflow(node("start", wait(), fork(("in", asked))), workflow_id="b"),
        people=people,
    )
    engine.ingest([signup(name) for name in people])
    engine.advance(now=START + HOUR)
    inside = {
        workflow_id: {
            line.subscriber_id
            for line in engine.journal(limit=10_000)
            if line.workflow_id == workflow_id and line.entry.data.get("label") == "in"
        }
        for workflow_id in "ab"
    }
    assert inside["a"] == inside["b"]
    assert 15 < len(inside["a"]) < 45


def test_a_predicate_of_the_host_decides_a_case(any_store):
    asked = []

    def is_friend(question):
        asked.append((question.facts.subscriber_id, question.event, question.parameters["of"]))
        return question.facts.subscriber_id == "s"

    engine, _ = engine_on(
        any_store,
        workflow(node("start", fork(("friend", {"custom": {"name": "is_friend", "of": "ann"}})))),
        people=nobodies("st"),
        predicates={"is_friend": is_friend},
    )
    engine.ingest([signup("s"), signup("t")])
    assert labels(engine) == {"s": "friend", "t": "others"}
    assert set(asked) == {("s", None, "ann"), ("t", None, "ann")}


def test_a_predicate_that_nobody_answers_is_refused_with_its_case(any_store):
    cases = [("a", {}), ("friend", {"not": {"all": [{"custom": {"name": "is_friend"}}]}})]
    with pytest.raises(
        ConfigurationError, match=r"node 'start', action 'fork', case 'friend': .*predicates=.*is_friend"
    ):
        engine_on(any_store, workflow(node("start", wait(), fork(*cases))))
    assert whole_journal(any_store) == []


def test_a_predicate_that_fails_is_told_and_does_not_hold(any_store):
    engine, _ = engine_on(
        any_store,
        workflow(node("start", fork(("odd", {"custom": {"name": "odd"}})))),
        predicates={"odd": lambda question: 1 / 0},  # noqa: ARG005 - it does not come to that
    )
    engine.ingest([signup()])
    [decided] = [line.entry for line in engine.journal() if line.entry.kind is Kind.DECIDED]
    assert dict(decided.data) == {
        "label": "others",
        "operands": {"custom.odd": False},
        "errors": {"custom.odd": "ZeroDivisionError"},
    }


def test_a_published_workflow_is_the_same_after_a_restart(any_store):
    journey = workflow(
        node("start", wait(DAY), by_plan(), max_visits=2, exhausted="gone", others="start", default="gone"),
        node("gone", leave("tired")),
    )
    engine, _ = engine_on(any_store, journey, people={"s": {"plan": "free"}})
    engine.ingest([signup()])
    for day in range(1, 4):
        restarted = Engine(
            any_store, clock=VirtualClock(START + day * DAY), profiles=MemoryProfiles({"s": {"plan": "free"}})
        )
        restarted.advance()
    [run] = restarted.runs()
    assert (run.status, run.state.reason) == (Status.EXITED, "tired")


# ------------------------------------------------------------------------------------------------------------
# Exits


def test_an_exit_ends_the_run_and_nothing_of_it_comes_later(any_store):
    engine, _ = engine_on(
        any_store,
        workflow(node("start", send(), wait(DAY), leave("bought elsewhere"), default="more"), node("more", send())),
    )
    engine.ingest([signup()])
    engine.advance()
    engine.advance(now=START + DAY)
    [run] = engine.runs()
    assert (run.status, run.state.reason, run.due) == (Status.EXITED, "bought elsewhere", None)
    assert engine.next_due() is None
    assert engine.advance(now=START + 99 * DAY).runs == 0
    assert [line.entry.kind for line in engine.journal()] == ["entered", "done", "waiting", "woken", "exited"]


def test_who_has_left_may_come_again(any_store):
    journey = workflow(node("start", wait(), leave()), entry=EntryPolicy(reentry=Reentry.AFTER_EXIT, max_concurrent=1))
    engine, _ = engine_on(any_store, journey)
    engine.ingest([signup(event_id="1")])
    assert engine.ingest([signup(event_id="2")]).refused == 1
    engine.advance(now=START + HOUR)
    assert engine.ingest([signup(event_id="3")], now=START + HOUR).started == 1


def test_an_exit_at_the_door_leaves_an_ended_run(any_store):
    engine, _ = engine_on(any_store, workflow(node("start", leave("not for you"))))
    assert engine.ingest([signup()]).started == 1
    [run] = engine.runs()
    assert (run.status, run.state.reason) == (Status.EXITED, "not for you")


# ------------------------------------------------------------------------------------------------------------
# Bounded loops


@pytest.mark.parametrize("batch", [1, 500])
def test_a_reminder_is_sent_as_often_as_it_may(any_store, batch):
    journey = workflow(
        node("remind", send(), wait(DAY), default="remind", max_visits=3, exhausted="rest"), node("rest", tag("cold"))
    )
    engine, profiles = engine_on(any_store, journey, people=nobodies("st"), batch=batch)
    engine.ingest([signup("s"), signup("t")])
    for day in range(6):
        engine.advance(now=START + day * DAY)
    assert {run.status for run in engine.runs()} == {Status.COMPLETED}
    lines = [line.entry for line in engine.journal() if line.subscriber_id == "s"]
    assert sum(one.kind is Kind.DONE and one.node == "remind" for one in lines) == 3
    assert [dict(one.data) for one in lines if one.kind is Kind.DECIDED] == [
        {"label": "exhausted", "operands": {"visits": 3, "max_visits": 3}}
    ]
    assert profiles.profile("t").segments == {"cold"}


def test_each_run_has_visits_of_its_own(any_store):
    journey = workflow(node("start", wait(DAY), default="start", max_visits=2))
    engine, _ = engine_on(any_store, journey, people=nobodies("st"))
    engine.ingest([signup("s")])
    engine.advance(now=START + DAY)
    engine.ingest([signup("t")], now=START + DAY)
    engine.advance(now=START + 2 * DAY)
    assert {run.subscriber_id: run.status for run in engine.runs()} == {"s": Status.COMPLETED, "t": Status.ACTIVE}


def test_why_is_told_in_sentences(any_store):
    journey = workflow(
        node("start", wait(DAY), fork(("adult", {"subscriber_properties": {"age": {"$gte": 18}}})), others="again"),
        node("again", default="start", max_visits=1, exhausted="gone"),
        node("gone", leave("nobody knows the age")),
    )
    engine, profiles = engine_on(any_store, journey, people={"s": {"age": "old"}})
    engine.ingest([signup()])
    engine.advance(now=START + DAY)
    profiles.put("s", age=None)
    engine.advance(now=START + 2 * DAY)
    sentences = [reason.text for reason in engine.explain("s", "w").reasons]
    assert sentences[4] == "left start by others for again"
    assert sentences[3] == "start chose others, since subscriber.age was old (of the wrong kind)"
    assert sentences[-5:] == [
        "start chose others, since subscriber.age was missing",
        "left start by others for again",
        "did not enter again again: it may be entered once",
        "left again by exhausted for gone",
        "left the workflow at gone: nobody knows the age",
    ]
