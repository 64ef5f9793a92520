"""Goals, exit criteria and holdouts over whole lives: held against plain readings of what happened."""

from collections import Counter, defaultdict
from datetime import timedelta

from attrs import evolve
from hypothesis import event, given, settings
from hypothesis import strategies as st

from flowkit.adapters.clock import VirtualClock
from flowkit.adapters.profiles import MemoryProfiles
from flowkit.conditions import AllOf, Equals, EventHas, EventIs, SubscriberHas
from flowkit.engine.aio import AsyncEngine
from flowkit.events import NO_FACTS, Event, Facts, from_micros
from flowkit.hashing import run_id
from flowkit.runs.effects import Looked, Observed, Settled, Started, Woken
from flowkit.runs.model import Kind, Run, State, Status
from flowkit.runs.program import compile_workflow
from flowkit.runs.step import step
from flowkit.stores.rows import read_state, write_state
from flowkit.testing.strategies import EVENT_TYPES, SUBSCRIBERS, moods, people, schedules, workflows
from flowkit.triggers.model import EntryPolicy
from flowkit.workflows.codec import dumps, load
from flowkit.workflows.goals import ExitCriterion, Goal, Holdout
from tests.properties.test_interleaving import Pausing, crews, interleaved, memory, sqlite, turns_of
from tests.properties.test_step import hours, ridden, rides, signals
from tests.support.journeys import NOW, START, node, send, signup, wait, workflow
from tests.support.worlds import GOOD, Receiver, Scenario, on_memory, on_sqlite

HOUR, DAY = timedelta(hours=1), timedelta(days=1)


def worlds_of(subscribers):
    return st.builds(
        Scenario,
        st.tuples(workflows("a"), workflows("b")),
        schedules(subscribers),
        people(),
        moods(),
        st.sampled_from([None, timedelta(days=30)]),
    )


worlds = worlds_of(SUBSCRIBERS)


# ------------------------------------------------------------------------------------------------------------
# Steps

PLANS = ("pro", "free", None)
by_type = st.sampled_from(EVENT_TYPES)
criteria = st.lists(
    st.builds(lambda kind: ExitCriterion(kind, event=EventIs((kind,))), by_type)
    | st.sampled_from(PLANS[:2]).map(lambda plan: ExitCriterion(plan, when=SubscriberHas({"plan": Equals(plan)}))),
    min_size=1,
    max_size=3,
)


# Events and plans that criteria ask for, more often than those of other rides.
plans = st.sampled_from(PLANS).map(lambda plan: Facts({} if plan is None else {"plan": plan}))
types = by_type.map(lambda kind: Observed(Event(kind, "s")))
lives = st.lists(st.tuples(signals | types | types, st.just(NO_FACTS) | plans, hours), min_size=3, max_size=12)


def met(criterion, signal, plan, run):
    """Whether a criterion is met, read off what it asks."""
    if criterion.when is not None:
        return criterion.reason == plan
    if not isinstance(signal, Observed):
        return False
    named = signal.event.properties.get("send_key")
    return signal.event.type == criterion.reason and (named is None or str(named).startswith(run.id))


def is_looked_at(run, signal, now):
    match signal:
        case Started():
            # At its end with something open beside it, it has begun.
            return run.state.node is None and run.state.beside is None and run.status is Status.ACTIVE
        case Observed() | Looked():
            return run.state.alive
        case Woken():
            return (
                run.status is Status.ACTIVE and not run.state.at_hand and run.due_at is not None and run.due_at <= now
            )
        case Settled(effect):
            return run.state.alive and effect in run.state.effects
        case _:
            return False


@given(workflows(), criteria, lives)
def test_a_run_exits_at_the_first_step_at_which_a_criterion_is_met(workflow, some, ride):
    """And by the first criterion; nothing of it is left to be done, and only its outcomes are told of after that."""
    workflow = evolve(workflow, exit_criteria=some, goals=())
    for _, run, signal, known, now, done in ridden(workflow, ride):
        plan = known.attributes.get("plan")
        plan = plan if isinstance(plan, str) else None
        reasons = [one.reason for one in some if met(one, signal, plan, run)]
        if is_looked_at(run, signal, now) and reasons:
            event("exits")
            assert done.run.state == State(Status.EXITED, reason=reasons[0])
            assert done.run.due is None
            assert done.entries[-1].kind is Kind.EXITED
            assert done.entries[-1].data["reason"] == reasons[0]
            assert {entry.kind for entry in done.entries[:-1]} <= {
                Kind.ENTERED,
                Kind.OBSERVED,
                Kind.DONE,
                Kind.SKIPPED,
                Kind.RETRYING,
                Kind.DEFERRED,
                Kind.FAILED,
            }
        elif run.status is Status.EXITED:
            assert {entry.kind for entry in done.entries} <= {Kind.LATE}
        elif done.run.status is Status.EXITED:
            assert done.run.state.reason not in {one.reason for one in some}, "an exit of the workflow itself"


@given(workflows(), rides)
def test_a_replay_of_the_signals_gives_the_same_entries(workflow, ride):
    """I5: with the facts and the instants that they were given; over the stored definition, from stored states."""
    lived = list(ridden(workflow, ride))
    program = compile_workflow(load(dumps(workflow)), 1)
    run = Run(run_id("w", "s", "1"), "s", "w", 1, NOW, "{}", State(), None)
    for _, _, signal, known, now, done in lived:
        run, entries = step(program, run, signal, known, now)
        assert repr(entries) == repr(done.entries)
        run = run._replace(state=read_state(write_state(run.state)))
    assert run == lived[-1][-1].run


# ------------------------------------------------------------------------------------------------------------
# Lives


@given(worlds)
@settings(max_examples=60)
def test_what_enters_a_node_is_in_it_or_left_or_ended_there(scenario):
    """I3, for each node of each workflow, from the journal alone and from where the runs stand."""
    world = on_memory(scenario)
    nodes = {one.workflow_id: one.nodes for one in scenario.workflows}
    entered, out, place = Counter(), Counter(), {}
    for _, _, workflow_id, run, kind, at, _, data in world.journal:
        match kind:
            case Kind.ENTERED:
                place[run] = at
                entered[workflow_id, at] += 1
            case Kind.LEFT:
                assert place[run] == at, "a run leaves the node that it is in"
                out[workflow_id, at] += 1
                target = data["to"]
                place[run] = target if target in nodes[workflow_id] else None
                if place[run] is not None:
                    entered[workflow_id, target] += 1
            case Kind.EXITED:
                assert at in {place[run], None}
                out[workflow_id, place[run]] += 1
                place[run] = None
            case Kind.COMPLETED:
                assert place[run] is None
    standing = Counter(
        (workflow_id, state.node) for _, workflow_id, _, _, _, state, _ in world.runs.values() if state.node is not None
    )
    ended = {run: state for run, (*_, state, _) in world.runs.items() if not state.alive and state.node is None}
    assert all(place.get(run) is None for run in ended)
    assert entered == out + standing


aims = st.tuples(
    by_type,
    st.sampled_from([None, None, "web"]),
    st.sampled_from([timedelta(), HOUR, DAY, 3 * DAY, 30 * DAY]),
    st.booleans(),
)


def goal_of(number, kind, source, within, exits):
    asked = EventIs((kind,)) if source is None else AllOf((EventIs((kind,)), EventHas({"source": Equals(source)})))
    return Goal(f"g{number}", event=asked, within=within, exits=exits)


def expected(schedule, runs, kind, source, within):
    """Which runs reach a goal: read off the schedule, with nothing of the engine."""
    seen = {}
    for moment in schedule:
        for one in moment.events:
            seen.setdefault((one.subscriber_id, one.id), (START + moment.after, one))
    reached = set()
    for identity, (subscriber, _, _, entered, origin, _, _) in runs.items():
        mine = [(at, one) for (who, _), (at, one) in seen.items() if who == subscriber]
        cause = next(index for index, (_, one) in enumerate(mine) if one.id == origin.id)
        for at, one in mine[cause + 1 :]:
            fits = one.type == kind and source in {None, one.properties["source"]}
            if fits and at < from_micros(entered) + within:
                reached.add(identity)
    return reached


@given(worlds_of(SUBSCRIBERS[:2]), st.lists(aims, min_size=1, max_size=2), st.sampled_from([0, 0.5, 1]))
@settings(max_examples=60)
def test_a_goal_is_counted_once_by_every_run_that_reaches_it_in_time(scenario, asked, share):
    """Whether the run lives, has ended, or was held out; every line says when, and that it was in the window."""
    goals = [goal_of(number, *one) for number, one in enumerate(asked)]
    made = []
    for one in scenario.workflows:
        trigger = evolve(one.trigger, entry=evolve(one.trigger.entry, grace=timedelta()))
        made.append(evolve(one, goals=goals, holdout=Holdout(share), trigger=trigger))
    scenario = evolve(scenario, workflows=made)
    world = on_memory(scenario)
    found = defaultdict(list)
    for at, _, _, run, kind, _, _, data in world.journal:
        if kind is Kind.GOAL:
            found[data["goal"]].append(run)
            assert data["occurred_at"] == at.isoformat()
    for number, (kind, source, within, _) in enumerate(asked):
        reached = found[f"g{number}"]
        event(f"reached: {bool(reached)}")
        assert len(reached) == len(set(reached))
        assert set(reached) == expected(scenario.schedule, world.runs, kind, source, within)
        assert all(f"g{number}" in world.runs[run][-2].goals for run in reached)
    assert on_sqlite(scenario).by_run == world.by_run


@given(worlds, st.sampled_from([0.2, 0.5, 1.0]))
@settings(max_examples=40)
def test_a_holdout_changes_who_gets_something_and_not_who_may_enter(scenario, share):
    """Under the rules that go by the ledger the same entries come of it; who is held out is never sent anything."""
    made = [evolve(one, holdout=None, trigger=evolve(one.trigger, entry=EntryPolicy())) for one in scenario.workflows]
    plain = on_memory(evolve(scenario, workflows=made))
    parted = on_memory(evolve(scenario, workflows=[evolve(one, holdout=Holdout(share)) for one in made]))
    out = {run for run, (*_, state, _) in parted.runs.items() if state.status is Status.HELD_OUT}
    assert out == {
        run
        for run, (subscriber, workflow_id, *_) in parted.runs.items()
        if Holdout(share).holds_out(workflow_id, subscriber)
    }
    assert {given.key[:32] for given in parted.got}.isdisjoint(out)
    # Who is held out is not changed either, so a trigger may be asked about another profile.
    changed = plain.profiles != parted.profiles
    event(f"profiles differ: {changed}")
    assert changed or parted.runs.keys() == plain.runs.keys()


# ------------------------------------------------------------------------------------------------------------
# Races

TWICE = evolve(
    workflow(node("start", send("one", "one"), wait(), send("two", "two"))),
    exit_criteria=[ExitCriterion("bought", event=EventIs(("purchase",)))],
)


@given(crews, st.sets(st.sampled_from("stuv")), st.sampled_from([memory, memory, sqlite]))
def test_an_exit_that_races_with_workers_stands_and_no_outcome_is_lost(crew, buyers, kept):
    """I1: whoever claims after it sends nothing more; what was handed over before it is told of, as late."""
    with kept() as store:
        receiver = Receiver(GOOD)
        ports = {
            "sender": Pausing(receiver),
            "profiles": Pausing(MemoryProfiles({name: {"email": "a@b.c"} for name in "stuv"})),
        }
        members = [
            AsyncEngine(Pausing(store), clock=VirtualClock(START), batch=crew.batch, **ports)
            for _ in range(crew.workers)
        ]
        turns = turns_of(crew)
        interleaved([members[0].publish(TWICE)], turns)
        interleaved([members[0].ingest([signup(name) for name in "stuv"], now=START)], turns)
        interleaved([member.advance(now=START) for member in members], turns)
        bought = [Event("purchase", name, id="p") for name in sorted(buyers)]
        work = [members[0].ingest(bought, now=START + HOUR), *(one.advance(now=START + HOUR) for one in members)]
        interleaved(work, turns)
        sent = len(receiver.got)
        interleaved([member.advance(now=START + DAY) for member in members], turns)
        lines = store.lines(limit=1_000_000)
        assert {run.subscriber_id for run in store.runs() if run.status is Status.ACTIVE} == set()
    assert len(receiver.got) == sent, "a later claim sends nothing"
    told = Counter(line.run_id for line in lines if line.entry.data.get("result", line.entry.kind) == "done")
    assert told == Counter(message.key[:32] for message in receiver.got)
    for run in {line.run_id for line in lines}:
        of_run = [line.entry.kind for line in lines if line.run_id == run]
        if Kind.EXITED in of_run:
            event("exited before the second message" if of_run[-1] is Kind.EXITED else "told of as late")
            assert set(of_run[of_run.index(Kind.EXITED) + 1 :]) <= {Kind.LATE}
