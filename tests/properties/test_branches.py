"""Branches under any facts: they choose what a plain reading of their cases says, for each run, however batched."""

from datetime import timedelta

from hypothesis import event, given, settings
from hypothesis import strategies as st

from flowkit.adapters.clock import VirtualClock
from flowkit.adapters.profiles import MemoryProfiles
from flowkit.conditions import (
    AllOf,
    AnyOf,
    Compares,
    EngagementAtLeast,
    Equals,
    Not,
    Order,
    Performed,
    Segments,
    Since,
    SubscriberHas,
)
from flowkit.engine.sync import Engine
from flowkit.events import Event, Facts, Occurrence
from flowkit.hashing import run_id
from flowkit.runs.effects import WOKEN, Started
from flowkit.runs.model import Kind, Run, State, Status
from flowkit.runs.program import compile_workflow
from flowkit.runs.step import step
from flowkit.stores.memory import MemoryStore
from flowkit.workflows.control import Branch, Case
from flowkit.workflows.model import Action
from tests.support.condition_strategies import conditions as any_conditions
from tests.support.condition_strategies import facts as any_facts
from tests.support.journeys import DAY, HOUR, NOW, START, node, signup, tag, told, wait, workflow

PLANS = ["pro", "free", 1, None]
leaves = st.one_of(
    st.sampled_from(PLANS).map(lambda plan: SubscriberHas({"plan": Equals(plan)})),
    st.sampled_from([0, 1, 2]).map(lambda least: EngagementAtLeast({"score": least})),
    st.sampled_from([1, 2]).map(lambda least: EngagementAtLeast({"score": Compares(Order.GTE, least)})),
    st.sampled_from(["vip", "new"]).map(lambda name: Segments(any=(name,))),
    st.sampled_from([1, 2]).map(
        lambda least: Performed("purchase", since=Since.WORKFLOW_START, passes=Compares(Order.GTE, least))
    ),
    st.just(Performed("purchase")),
)
cases = st.recursive(
    leaves,
    lambda inner: st.one_of(
        st.lists(inner, max_size=2).map(lambda each: AllOf(tuple(each))),
        st.lists(inner, min_size=1, max_size=2).map(lambda each: AnyOf(tuple(each))),
        inner.map(Not),
    ),
    max_leaves=4,
)
asked = st.lists(cases, min_size=1, max_size=4)
people = st.fixed_dictionaries(
    {},
    optional={
        "plan": st.sampled_from(PLANS),
        "score": st.sampled_from([0, 1, 2, "two"]),
        "segments": st.sets(st.sampled_from(["vip", "new"])),
    },
)
purchases = st.lists(st.integers(-3, 3), max_size=3)


def holds(condition, person, hours):
    """A plain reading of a case: `hours` are those of the purchases, counted from the entry."""
    match condition:
        case AllOf(each):
            return all(holds(one, person, hours) for one in each)
        case AnyOf(each):
            return any(holds(one, person, hours) for one in each)
        case Not(one):
            return not holds(one, person, hours)
        case SubscriberHas({"plan": Equals(plan)}):
            return person.get("plan") == plan
        case EngagementAtLeast({"score": wanted}):
            score = person.get("score")
            if isinstance(wanted, int):
                return (0 if score is None else score) >= wanted if score != "two" else False
            return score in {1, 2} and score >= wanted.bound
        case Segments(any=(name,)):
            return name in person.get("segments", ())
        case Performed(passes=Compares(bound=least), since=since):
            return sum(since is Since.EVER or hour >= 0 for hour in hours) >= least


def label_of(conditions, person, hours):
    return next((f"c{number}" for number, one in enumerate(conditions) if holds(one, person, hours)), "others")


def forked(conditions):
    fork = Branch([Case(f"c{number}", one) for number, one in enumerate(conditions)], otherwise="others")
    return workflow(node("start", wait(DAY), Action("fork", fork)))


def facts_of(person, hours):
    return Facts(
        {"plan": person["plan"]} if "plan" in person else {},
        {"score": person["score"]} if "score" in person else {},
        segments=frozenset(person.get("segments", ())),
        history={"purchase": [Occurrence(NOW + hour * 3_600_000_000) for hour in hours]},
        subscriber_id="s",
    )


@given(asked, people, purchases)
def test_a_branch_chooses_what_a_plain_reading_of_its_cases_says(conditions, person, hours):
    program = compile_workflow(forked(conditions), 1)
    run = Run(run_id("w", "s", "1"), "s", "w", 1, NOW, "{}", State(), None)
    known = facts_of(person, hours)
    run, _ = step(program, run, Started(), known, START)
    run, entries = step(program, run, WOKEN, known, START + DAY)
    [decided] = [entry for entry in entries if entry.kind is Kind.DECIDED]
    event(decided.data["label"])
    assert decided.data["label"] == label_of(conditions, person, hours)
    assert run.status is Status.COMPLETED


@given(st.lists(any_conditions, min_size=1, max_size=3), any_facts, st.integers(0, 3))
@settings(deadline=None)
def test_whatever_is_asked_and_known_one_label_is_chosen(conditions, known, hours):
    """Nothing raises, and all that was read is told with its value, or as missing, or as wrong."""
    program = compile_workflow(forked(conditions), 1)
    run = Run(run_id("w", "s", "1"), "s", "w", 1, NOW, "{}", State(), None)
    run, _ = step(program, run, Started(), known, START)
    _, entries = step(program, run, WOKEN, known, START + DAY + timedelta(hours=hours))
    [decided] = [entry for entry in entries if entry.kind is Kind.DECIDED]
    data = decided.data
    assert data["label"] in {"others", *(f"c{number}" for number in range(len(conditions)))}
    none = {path for path, value in data["operands"].items() if value is None}
    assert none == set(data.get("missing", ())) | (none & data.get("errors", {}).keys())
    assert not set(data.get("missing", ())) & data.get("errors", {}).keys()
    assert data.get("errors", {}).keys() <= data["operands"].keys()


def lived(conditions, crowd, *, batch, one_by_one):
    """A crowd goes through a branch; give each one's label, and the journal run by run."""
    profiles = MemoryProfiles()
    for name, (person, _) in crowd.items():
        profiles.put(name, **{key: value for key, value in person.items() if key == "plan"})
        profiles.engage(name, **{key: value for key, value in person.items() if key == "score"})
        profiles.place(name, *person.get("segments", ()))
    engine = Engine(MemoryStore(), clock=VirtualClock(START - DAY), profiles=profiles, batch=batch)
    engine.publish(forked(conditions))
    events = [
        (hour, Event("purchase", name, id=f"p{number}", occurred_at=START + hour * HOUR))
        for name, (_, hours) in crowd.items()
        for number, hour in enumerate(hours)
    ]
    events += [(0, signup(name)) for name in crowd]
    for hour in sorted({hour for hour, _ in events}):
        come = [one for at, one in events if at == hour]
        for some in [[one] for one in come] if one_by_one else [come]:
            engine.ingest(some, now=START + hour * HOUR)
    engine.advance(now=START + DAY)
    lines = engine.journal(limit=10_000)
    journal = {}
    for line in lines:
        journal.setdefault(line.run_id, []).extend(told([line]))
    labels = {line.subscriber_id: line.entry.data["label"] for line in lines if line.entry.kind is Kind.DECIDED}
    return labels, journal


crowds = st.lists(st.tuples(people, purchases), min_size=1, max_size=8).map(
    lambda some: {f"s{number}": one for number, one in enumerate(some)}
)


@given(asked, crowds, st.sampled_from([1, 2, 500]))
@settings(max_examples=60, deadline=None)
def test_each_of_a_crowd_gets_its_own_label_and_batches_change_nothing(conditions, crowd, batch):
    """I10, and what the engine decides for many at once is what is right for each."""
    labels, journal = lived(conditions, crowd, batch=500, one_by_one=False)
    assert labels == {name: label_of(conditions, person, hours) for name, (person, hours) in crowd.items()}
    assert lived(conditions, crowd, batch=batch, one_by_one=True) == (labels, journal)


@given(st.integers(1, 4), st.integers(0, 6), st.booleans())
def test_a_bounded_node_is_entered_so_often_and_no_more(most, rounds, way):
    """However long one waits: as many visits as days have passed, up to the bound."""
    ways = {"exhausted": "rest"} if way else {}
    nodes = [node("start", wait(DAY), default="start", max_visits=most, **ways), node("rest", tag("x"))]
    engine = Engine(MemoryStore(), clock=VirtualClock(START), profiles=MemoryProfiles({"s": {}}))
    engine.publish(workflow(*nodes))
    engine.ingest([signup()])
    for number in range(1, rounds + 1):
        engine.advance(now=START + number * DAY)
    lines = [line.entry for line in engine.journal()]
    assert sum(one.kind is Kind.WAITING and one.node == "start" for one in lines) == min(most, rounds + 1)
    spent = rounds >= most
    assert sum(one.kind is Kind.DECIDED for one in lines) == spent
    [run] = engine.runs()
    assert (run.status is Status.COMPLETED) is spent
    assert sum(one.kind is Kind.DONE for one in lines) == (spent and way)
