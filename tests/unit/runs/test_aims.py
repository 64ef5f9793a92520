"""Goals and exit criteria at the step: in which place, on what, and what of it is a run's own."""

import pytest
from attrs import evolve

from flowkit.conditions import EventIs, parse
from flowkit.events import NO_FACTS, NO_NEEDS, Event, Facts, Needs, from_micros, to_micros
from flowkit.runs.effects import DONE, LOOKED, WOKEN, Asks, Effect, Looked, Observed, Settled, Started
from flowkit.runs.model import Kind, State, Status, Waiting
from flowkit.runs.program import compile_workflow
from flowkit.runs.step import Member, Transition, decide
from flowkit.workflows.control import Awaited, WaitForEvent
from flowkit.workflows.goals import ExitCriterion, Goal
from flowkit.workflows.model import Action
from tests.support.journeys import DAY, HOUR, NOW, START, node, send, wait, workflow
from tests.unit.runs.test_step import RUN_ID

PRO = parse({"subscriber_properties": {"plan": "pro"}})
PURCHASE = EventIs(("purchase",))
OVER = parse({"subscriber_properties": {"ends": {"$before": "0d"}}})
SEND = Effect("start", 1, 0, "send")
LATER = to_micros(START + 5 * DAY)
IS_PRO = Facts({"plan": "pro"})
BOUGHT = Observed(Event("purchase", "s"))


def program_of(*actions, **fields):
    return compile_workflow(evolve(workflow(node("start", *(actions or (wait(), send())))), **fields), 1)


def decided(program, state, signal, facts=NO_FACTS, *, due=None, now=NOW):
    return decide(program, state, signal, facts, now, Member(RUN_ID, due, NOW))


PLACES = {
    "duration": State(node="start", waiting=Waiting.DURATION),
    "delay": State(node="start", action=1, waiting=Waiting.DELAY),
    "turn": State(node="start", waiting=Waiting.TURN),
    "pending": State(node="start", pending=SEND),
    "paused": State(Status.PAUSED, "start", waiting=Waiting.DURATION),
    "paused pending": State(Status.PAUSED, "start", pending=SEND),
}


@pytest.mark.parametrize("place", PLACES)
@pytest.mark.parametrize("signal", [BOUGHT, LOOKED, Looked(Event("visit", "s"))])
def test_a_living_run_ends_wherever_it_is(place, signal):
    criteria = [ExitCriterion("bought", event=PURCHASE), ExitCriterion("pro", when=PRO)]
    done = decided(program_of(exit_criteria=criteria), PLACES[place], signal, IS_PRO, due=LATER)
    assert done.state == State(Status.EXITED, reason="bought" if signal is BOUGHT else "pro")
    assert done.delay is None
    assert [(entry.kind, entry.node, entry.action) for entry in done.entries] == [(Kind.EXITED, "start", None)]


@pytest.mark.parametrize("status", [Status.COMPLETED, Status.EXITED, Status.FAILED, Status.HELD_OUT])
def test_a_run_that_has_ended_stays_as_it_ended(status):
    criteria = [ExitCriterion("bought", event=PURCHASE), ExitCriterion("pro", when=PRO)]
    goals = [Goal("bought", event=PURCHASE, exits=True), Goal("pro", when=PRO, within=DAY)]
    state = State(status, reason="why", goals=("other",))
    done = decided(program_of(exit_criteria=criteria, goals=goals), state, BOUGHT, IS_PRO)
    assert (done.state, done.delay, done.entries) == (state, None, ())


@pytest.mark.parametrize("status", [Status.COMPLETED, Status.EXITED, Status.FAILED, Status.HELD_OUT])
def test_its_goals_by_an_event_are_counted_on_in_their_windows(status):
    goals = [Goal("bought", event=PURCHASE, within=DAY, exits=True), Goal("other", event=PURCHASE, within=HOUR)]
    program = program_of(goals=goals)
    done = decided(program, State(status, reason="why"), BOUGHT, now=to_micros(START + HOUR))
    assert done.state == State(status, reason="why", goals=("bought",))
    assert [(entry.kind, entry.data["goal"]) for entry in done.entries] == [(Kind.GOAL, "bought")]
    again = decided(program, done.state, BOUGHT, now=to_micros(START + HOUR))
    assert (again.state, again.entries) == (done.state, ())


def test_an_event_about_a_send_of_another_run_is_no_goal_of_a_run_that_has_ended():
    program = program_of(goals=[Goal("bought", event=PURCHASE, within=DAY)])
    for key, reached in (("other:start:1:send", ()), (f"{RUN_ID}:start:1:send", ("bought",))):
        signal = Observed(Event("purchase", "s", properties={"send_key": key}))
        assert decided(program, State(Status.COMPLETED), signal).state.goals == reached


def test_goals_are_counted_in_order_and_the_first_that_exits_gives_the_reason():
    goals = [Goal("a", when=PRO), Goal("b", event=PURCHASE, exits=True), Goal("c", when=PRO, exits=True)]
    program = program_of(goals=goals, exit_criteria=[ExitCriterion("pro", when=PRO)])
    done = decided(program, PLACES["duration"], BOUGHT, IS_PRO, due=LATER)
    assert done.state == State(Status.EXITED, reason="goal: b", goals=("a", "b", "c"))
    assert [entry.kind for entry in done.entries] == [Kind.GOAL] * 3 + [Kind.EXITED]


@pytest.mark.parametrize(
    ("signal", "state"), [(Started(), State()), (Settled(SEND, DONE), PLACES["pending"]), (WOKEN, PLACES["duration"])]
)
def test_a_condition_asks_for_the_facts_and_an_event_does_not(signal, state):
    by_condition = program_of(send(), exit_criteria=[ExitCriterion("pro", when=PRO)])
    asked = decide(by_condition, state, signal, None, NOW, Member(RUN_ID, NOW, NOW))
    assert asked == Asks(Needs(attributes=frozenset({"plan"})))
    by_event = program_of(send(), exit_criteria=[ExitCriterion("bought", event=PURCHASE)])
    assert isinstance(decide(by_event, state, signal, None, NOW, Member(RUN_ID, NOW, NOW)), Transition)
    assert by_event.needs == NO_NEEDS
    assert by_event.listens == {"purchase"}
    assert (by_event.watches, by_event.guarded) == (False, False)
    assert (by_condition.watches, by_condition.guarded) == (True, True)


def test_what_is_decided_on_events_alone_is_shared():
    """A workflow with goals by events costs no decision more for each of its runs."""
    goals = [Goal("bought", event=PURCHASE, within=DAY)]
    done = decided(program_of(goals=goals), PLACES["duration"], WOKEN, None, due=NOW)
    assert not done.own
    assert done.reads == ()


def test_what_is_decided_on_a_profile_is_shared_by_those_of_whom_it_says_the_same():
    program = program_of(exit_criteria=[ExitCriterion("pro", when=PRO)])
    done = decided(program, PLACES["duration"], WOKEN, IS_PRO, due=NOW)
    assert [operand.path for operand in done.reads] == ["subscriber.plan"]
    assert not done.own
    windowed = program_of(goals=[Goal("pro", when=PRO, within=DAY)])
    assert decided(windowed, PLACES["duration"], WOKEN, IS_PRO, due=NOW).own


@pytest.mark.parametrize(
    "when",
    [
        {"subscriber_properties": {"ends": {"$before": "0d"}}},
        {"performed": {"event": "purchase", "count": {"$gte": 0}}},
        {"sample": {"percent": 100, "salt": "x"}},
    ],
    ids=["what time it is", "the past", "whose run it is"],
)
def test_what_is_decided_on_more_than_a_profile_is_a_runs_own(when):
    program = program_of(exit_criteria=[ExitCriterion("over", when=parse(when))])
    facts = Facts({"ends": (START - DAY).isoformat()}, subscriber_id="s")
    done = decided(program, PLACES["duration"], WOKEN, facts, due=NOW)
    assert done.state.status is Status.EXITED
    assert done.own


def test_a_condition_may_ask_for_the_variables_of_the_run():
    high = parse({"variables": {"score": {"$gte": 5}}}, in_run=True)
    program = program_of(exit_criteria=[ExitCriterion("high", when=high)])
    for score, status in ((4, Status.ACTIVE), (5, Status.EXITED)):
        state = evolve(PLACES["duration"], variables=f'{{"score":{score}}}')
        done = decided(program, state, LOOKED, due=LATER)
        assert done.state.status is status
        assert done.reads == ()


def test_a_goal_that_was_reached_is_asked_no_more():
    program = program_of(goals=[Goal("pro", when=PRO)])
    state = evolve(PLACES["duration"], goals=("pro",))
    assert isinstance(decide(program, state, WOKEN, None, NOW, Member(RUN_ID, NOW, NOW)), Transition)


# ------------------------------------------------------------------------------------------------------------
# Instants

ENDS = Facts({"ends": from_micros(NOW + 1000).isoformat()})
CRITERIA = {"exit_criteria": [ExitCriterion("over", when=OVER)]}


def test_a_run_is_looked_at_before_what_it_waits_for():
    program = program_of(wait(DAY), **CRITERIA)
    begun = decided(program, State(), Started(), ENDS)
    due = begun.due(NOW)
    assert NOW < due <= NOW + 2000
    assert begun.state.then == to_micros(START + DAY)
    early = decided(program, begun.state, WOKEN, ENDS, due=due, now=due - 1)
    assert (early.state, early.due(due - 1), early.entries) == (begun.state, due, ())
    moved = decided(program, begun.state, WOKEN, Facts({}), due=due, now=due)
    assert (moved.state.then, moved.due(due), moved.entries) == (None, to_micros(START + DAY), ())
    over = decided(program, begun.state, WOKEN, ENDS, due=due, now=due)
    assert over.state == State(Status.EXITED, reason="over")


def test_a_wait_that_ends_first_is_not_looked_at_before():
    begun = decided(
        program_of(wait(DAY), **CRITERIA), State(), Started(), Facts({"ends": (START + 2 * DAY).isoformat()})
    )
    assert begun.state.then is None
    assert begun.due(NOW) == to_micros(START + DAY)


def test_a_paused_run_gets_no_timer():
    state = State(Status.PAUSED, "start", waiting=Waiting.DURATION)
    done = decided(program_of(wait(DAY), **CRITERIA), state, LOOKED, ENDS)
    assert (done.state, done.delay) == (state, None)


@pytest.mark.parametrize("timeout", [2 * DAY, None])
def test_a_wait_for_an_event_is_looked_at_before_and_goes_on(timeout):
    waiting = Action("await", WaitForEvent([Awaited("opened", EventIs(("email_open",)))], timeout=timeout))
    program = program_of(waiting, **CRITERIA)
    begun = decided(program, State(), Started(), ENDS)
    due = begun.due(NOW)
    assert NOW < due <= NOW + 2000
    moved = decided(program, begun.state, WOKEN, Facts({}), due=due, now=due)
    assert moved.state == evolve(begun.state, then=None)
    assert moved.due(due) == (None if timeout is None else to_micros(START + timeout))
    assert moved.entries == ()


def test_a_goal_is_not_waited_for_beyond_its_window():
    goals = [Goal("over", when=OVER, within=HOUR)]
    facts = Facts({"ends": (START + 2 * HOUR).isoformat()})
    begun = decided(program_of(wait(DAY), goals=goals), State(), Started(), facts)
    assert begun.due(NOW) == to_micros(START + DAY)


def test_an_event_that_says_nothing_leaves_the_timer_where_it_is():
    program = program_of(wait(DAY), **CRITERIA)
    begun = decided(program, State(), Started(), ENDS)
    seen = decided(program, begun.state, BOUGHT, ENDS, due=begun.due(NOW), now=NOW + 1)
    assert (seen.state, seen.due(NOW + 1)) == (begun.state, begun.due(NOW))
