"""Detached actions in the state machine: the run goes on, and each is settled at an instant of its own."""

import pytest
from attrs import evolve

from flowkit.conditions import EventIs
from flowkit.events import NO_FACTS, Event
from flowkit.runs.beside import Beside, reopened
from flowkit.runs.effects import DONE, WOKEN, Effect, Observed, Requeued, Result, Settled, Started
from flowkit.runs.model import Entry, Kind, Run, State, Status, Waiting
from flowkit.runs.program import compile_workflow
from flowkit.runs.step import MAX_ATTEMPTS, Member, decide, step
from flowkit.workflows.control import Awaited, Exit, WaitForEvent
from flowkit.workflows.model import Action
from tests.support.journeys import DAY, HOUR, NOW, START, check, node, send, wait, workflow
from tests.unit.runs.test_step import FAILED, RETRY, RUN_ID, SKIPPED, UNKNOWN, Ride

MICROS = 3_600_000_000
LATER = Effect("start", 1, 0, "later")


def later(hours=1, template_id="later", action_id="later", **fields):
    return send(template_id, action_id, delay=hours * HOUR, detached=True, **fields)


def settle(ride, effect=None, outcome=DONE):
    """Settle an effect, or the one that is to be carried out at the due instant."""
    ride.now = max(ride.now, ride.run.due_at or ride.now)
    ride.take(Settled(effect or ride.state.at_hand, outcome))
    return ride


def kinds(ride):
    return [str(entry.kind) for entry in ride.entries]


# ------------------------------------------------------------------------------------------------------------
# The run goes on


def test_the_run_goes_on_at_once_and_the_earliest_instant_is_its_own():
    ride = Ride(node("start", later(2), send("now"), wait(3 * HOUR), later(1, action_id="last"))).start()
    assert ride.entries[1:] == [Entry(Kind.WAITING, "start", "later", {"seconds": 7200, "detached": True})]
    assert ride.state.pending == Effect("start", 1, 1, "send")
    assert ride.state.beside == Beside(((LATER, NOW + 2 * MICROS),), NOW)
    assert ride.run.due == NOW
    ride.settle()
    assert (ride.state.waiting, ride.run.due, ride.state.beside.due) == (
        Waiting.DURATION,
        NOW + 2 * MICROS,
        NOW + 3 * MICROS,
    )
    assert ride.state.at_hand == LATER
    settle(ride)
    assert (ride.state.beside, ride.run.due) == (None, NOW + 3 * MICROS)
    ride.wake()
    assert ride.state == State(beside=Beside(((Effect("start", 1, 3, "last"), NOW + 4 * MICROS),)))
    assert ride.run.due == NOW + 4 * MICROS
    settle(ride)
    assert ride.state == State(Status.COMPLETED)
    assert ride.run.due is None
    assert kinds(ride)[-4:] == ["waiting", "left", "completed", "done"]


def test_without_a_delay_it_is_carried_out_beside_the_run_at_once():
    """Before what the run itself has to do at that instant, since it was opened first."""
    ride = Ride(node("start", later(0), send("now"))).start()
    assert kinds(ride) == ["entered"]
    assert ride.state.at_hand == LATER
    settle(ride)
    assert ride.state.at_hand == Effect("start", 1, 1, "send")


def test_a_detached_action_decides_nothing():
    """Behind it the node is left by ``default``, and neither by its outcome nor by that of the action before it."""
    for before in ((), (send("now"),)):
        ride = Ride(
            node("start", *before, later(0), success="a", failure="a", default="b"), node("a"), node("b")
        ).start()
        if before:
            ride.settle()
        assert ride.way[0] == ("start", "default", "b")


@pytest.mark.parametrize("outcome", [DONE, SKIPPED, FAILED, UNKNOWN, RETRY])
def test_the_place_stays_whatever_comes_of_it(outcome):
    ride = Ride(node("start", later(1), wait(DAY), success="a", failure="a"), node("a")).start()
    place = evolve(ride.state, beside=None)
    settle(ride, outcome=outcome)
    assert evolve(ride.state, beside=None) == place
    assert ride.run.due == NOW + 24 * MICROS if ride.state.beside is None else ride.run.due <= NOW + 24 * MICROS
    assert ride.wake().way[:1] in ([], [("start", "default", "end")])


def test_it_is_told_of_at_its_own_node():
    ride = Ride(node("start", later(1), default="rest"), node("rest", wait(DAY))).start()
    assert ride.state.node == "rest"
    entries = settle(ride).entries[-1:]
    assert entries == [Entry(Kind.DONE, "start", "later", {"type": "send_email", "template_id": "later"})]


def test_a_waiting_run_is_woken_at_its_own_instant_and_not_for_what_is_beside_it():
    ride = Ride(node("start", later(1), wait(2 * HOUR))).start()
    ride.now += HOUR
    assert ride.take(WOKEN) == []
    assert ride.state.at_hand == LATER


def test_of_one_instant_what_is_beside_the_run_comes_first_and_else_the_earlier_one():
    for hours, first in ((1, LATER), (2, LATER), (3, None)):
        ride = Ride(node("start", later(hours), wait(2 * HOUR))).start()
        assert ride.state.at_hand == first


def test_in_a_loop_each_visit_opens_one_under_a_key_of_its_own():
    ride = Ride(node("start", later(48), wait(DAY), default="start")).start().wake()
    assert [effect.suffix for effect in ride.state.effects] == [":start:1:later", ":start:2:later"]
    assert ride.run.due == NOW + 48 * MICROS


# ------------------------------------------------------------------------------------------------------------
# The end


def at_end(*actions):
    return Ride(node("start", *(actions or (later(1), later(2, action_id="second"))))).start()


def test_the_end_is_journaled_at_once_and_the_run_is_over_with_the_last_of_them():
    ride = at_end()
    assert kinds(ride)[-1] == "completed"
    assert (ride.state.status, ride.state.node, ride.state.alive, ride.state.on_its_way) == (
        Status.ACTIVE,
        None,
        True,
        False,
    )
    settle(ride, Effect("start", 1, 1, "second"))
    assert (ride.state.alive, ride.run.due) == (True, NOW + MICROS)
    settle(ride)
    assert (ride.state, ride.run.due) == (State(Status.COMPLETED), None)
    assert kinds(ride).count("completed") == 1


def test_who_is_at_the_end_observes_nothing_and_does_not_begin_again():
    asking = node("start", later(1), check(), engagement_threshold={"opens": 1})
    ride = Ride(asking).start()
    before = ride.run
    assert ride.take(Observed(Event("email_open", "s"))) == []
    assert ride.start().run == before


def test_an_exit_drops_what_is_open():
    ride = Ride(node("start", later(5), wait(HOUR), Action("leave", Exit("enough")))).start().wake()
    assert (ride.state, ride.run.due) == (State(Status.EXITED, reason="enough"), None)
    [late] = ride.take(Settled(LATER, DONE))
    assert (late.kind, late.node, late.action) == (Kind.LATE, "start", "later")


def test_a_run_that_waits_for_an_event_for_ever_is_due_for_what_is_beside_it():
    forever = Action("await", WaitForEvent([Awaited("bought", EventIs(("purchase",)))], timeout=None))
    ride = Ride(node("start", later(1), forever, bought="end")).start()
    assert (ride.state.waiting, ride.state.beside.due, ride.run.due) == (Waiting.EVENT, None, NOW + MICROS)
    settle(ride)
    assert (ride.state.waiting, ride.run.due) == (Waiting.EVENT, None)
    ride.take(Observed(Event("purchase", "s", occurred_at=ride.now)))
    assert ride.state.status is Status.COMPLETED


# ------------------------------------------------------------------------------------------------------------
# Failures


def test_it_is_tried_again_on_its_own():
    ride = Ride(node("start", later(1), wait(DAY))).start()
    for attempt in range(1, MAX_ATTEMPTS):
        before = ride.run.due
        settle(ride, outcome=RETRY)
        [(effect, due)] = ride.state.beside.open
        assert (effect, ride.run.due) == (evolve(LATER, attempt=attempt), min(due, NOW + 24 * MICROS))
        assert before < due
        assert ride.state.keeps_inputs
        if due > NOW + 24 * MICROS:
            break
    assert kinds(ride).count("retrying") == attempt
    lines = [entry for entry in ride.entries if entry.kind is Kind.RETRYING]
    assert {(line.node, line.action) for line in lines} == {("start", "later")}


def test_the_run_does_not_fail_over_it_before_its_end():
    ride = Ride(node("start", later(1), wait(DAY))).start()
    settle(ride, outcome=FAILED)
    assert (ride.state.status, ride.state.waiting) == (Status.ACTIVE, Waiting.DURATION)
    assert ride.state.beside == Beside((), NOW + 24 * MICROS, failed=((LATER, Result.FAILED, "gone"),))
    assert ride.state.at_hand is None
    ride.wake()
    assert (ride.state.status, ride.state.reason, ride.run.due) == (Status.FAILED, "gone", None)
    assert kinds(ride)[-3:] == ["left", "completed", "failed"]
    assert ride.entries[-1] == Entry(Kind.FAILED, None, None, {"reason": "gone"})


def test_at_the_end_it_fails_with_the_last_that_is_settled():
    ride = at_end()
    settle(ride, outcome=FAILED)
    assert ride.state.status is Status.ACTIVE
    settle(ride)
    assert (ride.state.status, ride.state.reason) == (Status.FAILED, "gone")
    assert [effect for effect, _, _ in ride.state.beside.failed] == [LATER]


@pytest.mark.parametrize(("anew", "generation"), [(True, 1), (False, 0)])
def test_a_requeue_carries_out_again_what_failed_and_nothing_else(anew, generation):
    ride = at_end()
    settle(ride, outcome=RETRY)
    settle(ride, outcome=UNKNOWN) if ride.state.at_hand.attempt else settle(ride)
    while ride.state.alive:
        settle(ride, outcome=UNKNOWN if ride.state.at_hand.action_id == "later" else DONE)
    assert ride.state.keeps_inputs
    ride.now += DAY
    [line] = ride.take(Requeued(anew=False, beside=(anew,)))
    assert (line.kind, line.node, line.data["key"]) == (Kind.REQUEUED, None, "new" if anew else "same")
    assert ride.state.effects == (evolve(LATER, generation=generation),)
    assert (ride.state.status, ride.run.due_at) == (Status.ACTIVE, ride.now)
    settle(ride)
    assert ride.state == State(Status.COMPLETED)


def test_a_run_that_fails_at_its_place_holds_up_what_is_beside_it():
    """Only an active run is due; once it goes on, what is open is done at its instant, or at once if it is past."""
    ride = Ride(node("start", later(5), send("now"), wait(DAY))).start().settle(FAILED)
    assert (ride.state.status, ride.run.due, ride.state.beside.effects) == (Status.FAILED, None, (LATER,))
    ride.now += HOUR
    ride.take(Requeued(anew=True))
    assert ride.state.pending == Effect("start", 1, 1, "send", generation=1)
    assert ride.run.due_at == ride.now
    ride.settle()
    assert ride.run.due == NOW + 5 * MICROS


def test_what_was_done_while_the_run_failed_is_known():
    """A worker noted it before the run was given up; it is not done again when the run goes on."""
    ride = Ride(node("start", later(0), send("now"))).start()
    ride.take(Settled(ride.state.pending, FAILED))
    assert ride.state.status is Status.FAILED
    ride.take(Settled(LATER, DONE))
    assert (ride.state.status, ride.state.beside) == (Status.FAILED, None)
    assert kinds(ride)[-1] == "done"


@pytest.mark.parametrize(
    ("place", "due"),
    [
        (State(node="start", action=1, waiting=Waiting.DURATION), NOW + 9),
        (State(node="start", action=1, pending=Effect("start", 1, 1, "wait", 2)), NOW + 9),
        (State(node="start", action=1, waiting=Waiting.EVENT), None),
    ],
)
def test_a_run_that_was_given_up_over_what_was_beside_it_is_not_woken_early(place, due):
    """Workers died over a detached action: where the run waits, it goes on waiting."""
    state = evolve(place, status=Status.FAILED, reason="died", beside=Beside(((LATER, NOW - 1),), due))
    run = Run(RUN_ID, "s", "w", 1, NOW, "{}", state, None)
    program = compile_workflow(workflow(node("start", later(0), wait(DAY))), 1)
    done = step(program, run, Requeued(anew=False), NO_FACTS, START)
    assert (done.run.due, done.run.state.beside) == (NOW - 1, Beside(((LATER, NOW - 1),), due))
    assert done.run.state.waiting is place.waiting


# ------------------------------------------------------------------------------------------------------------
# What a transition depends on


def test_runs_that_open_one_at_the_same_instant_stand_alike():
    program = compile_workflow(workflow(node("start", later(1), wait(DAY))), 1)
    ride = Ride(node("start", later(1), wait(DAY))).start()
    begun = decide(program, State(), Started(), None, NOW, Member("a", None, NOW))
    assert (begun.state, begun.due(NOW)) == (ride.state, ride.run.due)
    assert (begun.own, begun.only_at) == (False, NOW)
    done = decide(program, begun.state, Settled(LATER, DONE), None, NOW + MICROS, Member("b", None, NOW))
    assert (done.own, done.only_at, done.due(NOW + MICROS)) == (False, NOW + MICROS, NOW + 24 * MICROS)


def test_what_failed_is_opened_again_under_the_keys_that_are_asked_for():
    one, two = evolve(LATER, attempt=3), Effect("b", 2, 0, "b", 0, 1)
    failed = Beside((), None, failed=((one, Result.RETRY, "busy"), (two, Result.FAILED, "gone")))
    assert reopened(failed, 7, (False, True)) == Beside(((LATER, 7), (evolve(two, generation=2), 7)))
    assert reopened(failed, 7, ()) == Beside(((LATER, 7), (two, 7)))


@pytest.mark.parametrize(("hours", "last"), [(1, 2), (3, 3), (None, 4)])
def test_a_wait_looks_back_to_a_detached_message_too_where_it_was_the_last(hours, last):
    """A worker that died may have sent it before a message that is known already."""
    waits = Action("await", WaitForEvent([Awaited("bought", EventIs(("purchase",)))], timeout=None))
    ride = Ride(node("start", later(1), wait(2 * HOUR), send("now"), wait(9 * HOUR, "rest"), waits)).start()
    ride.now = START + 2 * HOUR
    ride.take(WOKEN)
    ride.settle()
    ride.now = START + 4 * HOUR
    ride.take(Settled(LATER, DONE, None if hours is None else NOW + hours * MICROS))
    assert ride.state.watch.sent == NOW + last * MICROS
    assert ride.state.beside is None


def test_what_comes_in_while_a_detached_message_is_due_may_answer_it():
    """All of it is kept, since somebody may be sending as of an instant that has passed."""
    waits = Action("await", WaitForEvent([Awaited("bought", EventIs(("purchase",)))], timeout=None))
    ride = Ride(node("start", later(1), wait(9 * HOUR), waits)).start()
    for hours in (2, 3):
        ride.now = START + hours * HOUR
        ride.take(Observed(Event("purchase", "s", occurred_at=ride.now)))
    assert [seen[3] for seen in ride.state.watch.seen] == [NOW + 2 * MICROS, NOW + 3 * MICROS]
    ride.take(Settled(LATER, DONE, NOW + 3 * MICROS))
    assert [seen[3] for seen in ride.state.watch.seen] == [NOW + 3 * MICROS]
