"""The state machine under anything: total, deterministic, and never anywhere but where the law has a place for it."""

from datetime import timedelta

from attrs import evolve
from hypothesis import event, given
from hypothesis import strategies as st

from flowkit.engine.decisions import Decisions
from flowkit.events import NO_FACTS, Event, Facts, to_micros
from flowkit.hashing import run_id
from flowkit.runs.effects import (
    WOKEN,
    Asks,
    Deferral,
    Effect,
    Looked,
    Observed,
    Outcome,
    Requeued,
    Result,
    Settled,
    Started,
)
from flowkit.runs.model import NO_WATCH, Entry, Kind, Run, State, Status, Waiting
from flowkit.runs.program import compile_workflow
from flowkit.runs.step import MAX_ATTEMPTS, Member, Step, Transition, decide, step
from flowkit.stores.rows import read_entries, read_state, write_entries, write_state
from flowkit.testing.strategies import EVENT_TYPES, workflows
from tests.support.journeys import NOW, START

IDENTITIES = [run_id("w", "s", cause) for cause in "123"]
outcomes = st.builds(
    Outcome,
    st.sampled_from(Result),
    st.sampled_from(["", "busy"]),
    retry_after=st.none() | st.timedeltas() | st.just(timedelta(hours=1)),
    reference=st.none() | st.just("id-1"),
    deferral=st.none() | st.builds(Deferral, st.integers(NOW, NOW + 10**12), st.integers(NOW, NOW + 9), st.just("x:y")),
    told=st.sampled_from([(), (("zone", "UTC"),)]),
)
facts = st.builds(
    Facts,
    st.dictionaries(
        st.sampled_from(["plan", "other", "renewal", "hour"]),
        st.sampled_from(["pro", "free", 1, True, None, [1], "2026-01-05", 9]),
        max_size=3,
    ),
    st.dictionaries(st.just("score"), st.sampled_from([0, 1, 2.5, "x", None]), max_size=1),
    zone=st.sampled_from([None, "America/New_York", "Asia/Tokyo", "nowhere"]),
)
effects = st.builds(
    Effect,
    st.sampled_from(["n0", "n1", "n5", "nowhere"]),
    st.integers(1, 3),
    st.integers(0, 9),
    st.sampled_from(["a0", "a1", "pause", "x"]),
    st.integers(0, MAX_ATTEMPTS),
)
events = st.builds(
    Event,
    st.sampled_from(EVENT_TYPES),
    st.just("s"),
    properties=st.sampled_from(
        [{}, {"send_key": f"{IDENTITIES[0]}:n0:1:a0"}, {"send_key": "other"}, {"send_key": [1]}]
    ),
)
WAKE_AT_DUE = object()
SETTLE_PENDING = object()
SETTLE_LAST = object()
signals = st.one_of(
    st.just(Started()),
    st.just(WOKEN),
    st.just((WAKE_AT_DUE, None)),
    st.builds(Observed, events),
    st.builds(Observed, events),
    st.builds(Looked, st.none() | events),
    st.builds(Settled, effects, outcomes),
    st.builds(Requeued, st.booleans(), st.lists(st.booleans(), max_size=2).map(tuple)),
    st.tuples(st.just(SETTLE_PENDING), outcomes),
    st.tuples(st.just(SETTLE_PENDING), outcomes),
    st.tuples(st.just(SETTLE_LAST), outcomes),
)
hours = st.integers(0, 100).map(lambda number: timedelta(hours=number))
rides = st.lists(st.tuples(signals, facts, hours), min_size=1, max_size=20)


SEEN = {Kind.OBSERVED, Kind.LATE, Kind.GOAL}


def awaited_at(run):
    """When what the run waits for comes, be it looked at before."""
    return place_of(run) if run.state.then is None else run.state.then


def signal_for(run, drawn):
    """Many of the drawn signals are what the run waits for, so that it gets somewhere."""
    match drawn:
        case (kind, outcome) if kind is SETTLE_PENDING:
            return Settled(run.state.at_hand, outcome) if run.state.at_hand else WOKEN
        case (kind, outcome) if kind is SETTLE_LAST:
            return Settled(run.state.effects[-1], outcome) if run.state.effects else WOKEN
        case (kind, _) if kind is WAKE_AT_DUE:
            return WOKEN
        case _:
            return drawn


def place_of(run):
    """When a run wants to go on from its place."""
    return run.due if run.state.beside is None else run.state.beside.due


def ridden(workflow, ride, *, begun=True):
    """Every step of a ride: the run before it, the signal, facts and instant, and what came of it."""
    program = compile_workflow(workflow, 1)
    run = Run(IDENTITIES[0], "s", "w", 1, NOW, "{}", State(), None)
    now = START
    for drawn, known, later in [(Started(), NO_FACTS, timedelta()), *ride] if begun else ride:
        now += later
        if isinstance(drawn, tuple) and drawn[0] is WAKE_AT_DUE and run.due_at is not None:
            now = max(now, run.due_at)
        signal = signal_for(run, drawn)
        done = step(program, run, signal, known, now)
        yield program, run, signal, known, now, done
        run = done.run


@given(workflows(), rides, st.booleans())
def test_step_is_total_and_deterministic(workflow, ride, begun):
    """Whatever comes in whatever place: nothing is raised, and the same gives the same."""
    for program, run, signal, known, now, done in ridden(workflow, ride, begun=begun):
        assert isinstance(done, Step)
        again = step(compile_workflow(workflow, 1), run, signal, known, now)
        assert repr(again) == repr(done)
        assert program.version == done.run.version


@given(workflows(), rides)
def test_a_parked_run_has_exactly_one_due_instant_and_one_thing_to_wait_for(workflow, ride):
    """I4; and a run that ended waits for nothing, and is never due again. What is detached has its own instants."""
    for _, run, _, _, now, done in ridden(workflow, ride):
        state, due = done.run.state, done.run.due
        assert {one.effect for one in state.deferred} <= set(state.effects), "only what is open is kept in mind"
        assert len({one.effect for one in state.deferred}) == len(state.deferred)
        event(f"{state.status}, {state.waiting or (state.pending and 'pending')}, beside: {state.beside is not None}")
        if state.beside is not None:
            instants = [at for _, at in state.beside.open]
            assert instants == sorted(instants)
            assert len(set(state.effects)) == len(state.effects)
            assert state.beside.open or state.beside.failed
            place = state.beside.due
            alive = state.status is Status.ACTIVE
            assert due == (min([*instants, *([] if place is None else [place])], default=None) if alive else None)
            due = place
        if state.status is Status.ACTIVE and state.node is None:
            assert state.beside is not None
            assert state.beside.open
            assert state == State(beside=state.beside, deferred=state.deferred)
            assert due is None
        elif state.status is Status.ACTIVE:
            forever = state.waiting is Waiting.EVENT and state.watch.until is None
            assert due is not None or forever
            assert (state.pending is None) != (state.waiting is None)
            assert state.node in workflow.nodes
            assert 0 <= state.action < max(1, len(workflow.nodes[state.node].actions)) or state.waiting == "turn"
            assert due is None or due >= to_micros(now) or due == place_of(run), "what is new is not due in the past"
            assert state.watch.until is None or due is None or due <= state.watch.until
            assert (state.watch.since is not None) is (state.waiting is Waiting.EVENT)
        else:
            assert due is None
            assert state.waiting is None
            if state.status is Status.FAILED and state.node is None:
                assert state.beside is not None
                assert state == State(Status.FAILED, reason=state.beside.failed[0][2], beside=state.beside)
            elif state.status is Status.FAILED:
                assert state.pending is not None
                assert state.node == state.pending.node
                assert state.result in {Result.RETRY, Result.FAILED, Result.UNKNOWN}
            else:
                assert state == State(state.status, reason=state.reason, goals=state.goals)


@given(workflows(), rides)
def test_an_end_is_for_ever_unless_a_failed_run_is_let_go_on(workflow, ride):
    for _, run, signal, _, _, done in ridden(workflow, ride):
        open_beside = (
            run.state.beside is not None and isinstance(signal, Settled) and signal.effect in run.state.effects
        )
        if not run.state.alive and not (isinstance(signal, Requeued) and run.status is Status.FAILED):
            if open_beside and signal.effect != run.state.pending:
                assert done.run.status is Status.FAILED, "what was done is known, and the run stays where it is"
                assert done.run.state.pending == run.state.pending
                continue
            assert done.run == run._replace(state=evolve(run.state, goals=done.run.state.goals))
            assert {entry.kind for entry in done.entries} <= {Kind.LATE, Kind.GOAL}


@given(workflows(), rides)
def test_a_step_changes_state_and_due_and_nothing_else(workflow, ride):
    """And what it says is fit to be stored: it is read back as it was written."""
    for _, run, _, _, _, done in ridden(workflow, ride):
        assert done.run._replace(state=run.state, due=run.due) == run
        assert all(isinstance(entry, Entry) for entry in done.entries)
        assert read_state(write_state(done.run.state)) == done.run.state
        assert repr(read_entries(write_entries(done.entries))) == repr(done.entries)


@given(workflows(), rides)
def test_only_what_is_due_is_woken_and_only_what_is_pending_is_settled(workflow, ride):
    """I7, and the law's empty cells."""
    for _, run, signal, _, now, done in ridden(workflow, ride):
        match signal:
            case _ if signal is WOKEN and (
                place_of(run) is None or place_of(run) > to_micros(now) or run.state.pending or run.due is None
            ):
                assert (done.run, done.entries) == (run, ())
            case Settled(effect) if effect not in run.state.effects:
                assert done.run == run
                assert [entry.kind for entry in done.entries] == [Kind.LATE]
            case Started() if run.state.node is not None or not run.state.on_its_way:
                assert (done.run, done.entries) == (run, ())
            case Observed() | Looked() if run.state.waiting is not Waiting.EVENT:
                exited = done.run.status is Status.EXITED
                assert exited or awaited_at(done.run) == awaited_at(run)
                assert {entry.kind for entry in done.entries} <= SEEN | ({Kind.EXITED} if exited else set())
            case _:
                pass


@given(workflows(), rides, facts)
def test_what_is_decided_once_is_what_each_would_be_decided(workflow, ride, others):
    """What the engine remembers for all runs in a state is, for every run and its facts, what `decide` says."""
    decisions = Decisions()
    for program, run, signal, known, now, done in ridden(workflow, ride):
        at = to_micros(now)
        for who, what in ((run.id, known), (IDENTITIES[1], others), (IDENTITIES[2], NO_FACTS)):
            member = Member(who, run.due, run.entered)
            fresh = decide(program, run.state, signal, what, at, member)
            found = decisions.of(program, run.state, signal, what, at, member)
            assert repr(found) == repr(fresh)
        without = decide(program, run.state, signal, None, at, Member(run.id, run.due, run.entered))
        if isinstance(without, Transition):
            assert (without.state, without.entries) == (done.run.state, done.entries), (
                "what it did without changes nothing"
            )
        else:
            assert isinstance(without, Asks)


@given(workflows(), rides)
def test_a_workflow_without_loops_ends(workflow, ride):
    """Woken and settled long enough, every run of a graph without a loop comes to its end."""
    program = compile_workflow(workflow, 1)
    if program.loops:
        return
    *_, (_, _, _, _, now, done) = ridden(workflow, ride)
    run = done.run
    for _ in range(200):
        if run.state.alive:
            now = now if run.due_at is None else max(now, run.due_at)
            signal = Settled(run.state.at_hand, Outcome(Result.DONE)) if run.state.at_hand else WOKEN
            if run.due is None:
                return  # It waits for ever.
            run, _ = step(program, run, signal, NO_FACTS, now)
    assert not run.state.alive
    assert run.due is None


@given(workflows(), rides)
def test_what_is_detached_moves_nothing_but_itself(workflow, ride):
    """Whatever comes of it, the run's place, and when it goes on from there, stay what they were."""
    for _, run, signal, _, _, done in ridden(workflow, ride):
        beside = run.state.beside
        if beside is None or not isinstance(signal, Settled) or signal.effect not in beside.effects:
            continue
        after = done.run.state
        assert {entry.node for entry in done.entries} <= {signal.effect.node, None}
        if run.state.node is not None:
            known = {"beside": None, "watch": NO_WATCH, "deferred": ()}
            assert evolve(after, **known) == evolve(run.state, **known)
            assert place_of(done.run) == place_of(run)
        again = set(after.effects) - set(run.state.effects)
        held_up = signal.outcome.result is Result.DEFERRED and signal.outcome.deferral is not None
        assert set(run.state.effects) - set(after.effects) == (set() if held_up else {signal.effect})
        assert {evolve(effect, attempt=0) for effect in again} <= {evolve(signal.effect, attempt=0)}
