"""Exit criteria, goals and holdouts on engines: who is taken out where, what is counted, and who gets nothing."""

from datetime import timedelta

import pytest
from attrs import evolve

from flowkit.adapters.clock import VirtualClock
from flowkit.adapters.profiles import MemoryProfiles
from flowkit.conditions import ALWAYS, EventIs, parse
from flowkit.engine.aio import AsyncEngine
from flowkit.engine.drive import run_sync
from flowkit.engine.sync import Engine
from flowkit.errors import ConfigurationError
from flowkit.events import NO_NEEDS, Event
from flowkit.ports import InDoubt
from flowkit.runs.effects import DONE, Outcome, Result
from flowkit.runs.model import Kind, State, Status
from flowkit.stores.memory import MemoryStore
from flowkit.testing.recording import RecordingSender
from flowkit.triggers.model import EntryPolicy, Reentry
from flowkit.workflows.control import Awaited, WaitForEvent
from flowkit.workflows.goals import ExitCriterion, Goal, Holdout
from flowkit.workflows.model import Action, UpdateProfile, WaitUntil
from flowkit.workflows.waits import CalendarDays
from tests.support.journeys import DAY, HOUR, START, node, send, signup, signups, told, wait, workflow

PURCHASE = EventIs(("purchase",))
BOUGHT = ExitCriterion("bought", event=PURCHASE)
PRO = parse({"subscriber_properties": {"plan": "pro"}})
BECAME_PRO = ExitCriterion("pro by now", when=PRO)
BUSY = Outcome(Result.RETRY, "busy", retry_after=HOUR)
LONG = {"nodes": (node("start", wait(2 * DAY), send()),)}


def aimed(*nodes, exit_criteria=(), goals=(), holdout=None, **fields):
    made = workflow(*(nodes or LONG["nodes"]), **fields)
    return evolve(made, exit_criteria=exit_criteria, goals=goals, holdout=holdout)


def engine_on(store, *workflows, people=None, outcomes=None, **ports):
    profiles = MemoryProfiles({"s": {}} if people is None else people)
    sender = RecordingSender(outcomes or {}, needs=NO_NEEDS)
    engine = Engine(store, clock=VirtualClock(START), profiles=profiles, sender=sender, **ports)
    for each in workflows:
        engine.publish(each)
    return engine, profiles, sender


def purchase(subscriber_id="s", event_id="p", **fields):
    return Event("purchase", subscriber_id, id=event_id, **fields)


def tale(engine):
    """What the journal tells of all runs, without instants."""
    return [(line.entry.kind, line.entry.node, dict(line.entry.data)) for line in engine.journal()]


def kinds(engine):
    return [line.entry.kind for line in engine.journal()]


# ------------------------------------------------------------------------------------------------------------
# Exit criteria: events

AWAITED = Action("await", WaitForEvent([Awaited("opened", EventIs(("email_open",)))], timeout=2 * DAY))
FOREVER = Action("await", WaitForEvent([Awaited("opened", EventIs(("email_open",)))], timeout=None))


@pytest.mark.parametrize(
    "waiting",
    [
        wait(2 * DAY),
        Action("until", WaitUntil(CalendarDays(2))),
        send(delay=2 * DAY),
        AWAITED,
        FOREVER,
        Action("note", UpdateProfile(set={"seen": True}), delay=2 * DAY),
        wait(DAY, delay=DAY),
    ],
    ids=["duration", "calendar", "postponed send", "event", "event for ever", "postponed change", "postponed wait"],
)
def test_an_event_ends_a_run_in_a_wait_of_any_kind(any_store, waiting):
    engine, _, sender = engine_on(any_store, aimed(node("start", waiting), exit_criteria=[BOUGHT]))
    engine.ingest([signup()], now=START)
    engine.advance(now=START)
    engine.ingest([purchase()], now=START + HOUR)
    [run] = engine.runs()
    assert (run.status, run.state.reason, run.due, run.state.pending) == (Status.EXITED, "bought", None, None)
    assert tale(engine)[-1] == (
        Kind.EXITED,
        "start",
        {"reason": "bought", "type": "purchase", "occurred_at": (START + HOUR).isoformat()},
    )
    assert engine.next_due() is None
    engine.advance(now=START + 9 * DAY)
    assert sender.messages == []
    assert kinds(engine)[-1] is Kind.EXITED


def test_what_an_event_is_not_asked_for_ends_nothing(any_store):
    asked = parse({"event_type": "purchase", "event_properties": {"shop": "web"}, "min_value": 10})
    engine, _, _ = engine_on(any_store, aimed(exit_criteria=[ExitCriterion("bought", event=asked)]))
    engine.ingest([signup()], now=START)
    others = [
        Event("refund", "s", id="1", properties={"shop": "web"}, value=99),
        purchase("s", "2", properties={"shop": "street"}, value=99),
        purchase("s", "3", properties={"shop": "web"}, value=9),
        purchase("t", "4", properties={"shop": "web"}, value=99),
        purchase("s", "5", properties={"shop": "web"}, value=99, occurred_at=START - HOUR),
    ]
    engine.ingest(others, now=START + HOUR)
    assert [run.status for run in engine.runs()] == [Status.ACTIVE]
    engine.ingest([purchase("s", "6", properties={"shop": "web"}, value=10)], now=START + HOUR)
    assert [run.status for run in engine.runs()] == [Status.EXITED]


def test_an_event_in_the_batch_of_the_entry_counts_after_it(any_store):
    """And the event that led to the run never does."""
    own = ExitCriterion("signed up", event=EventIs(("signup",)))
    engine, _, sender = engine_on(any_store, aimed(node("start", send()), exit_criteria=[own]))
    engine.ingest([signup()], now=START)
    assert [run.status for run in engine.runs()] == [Status.ACTIVE]
    engine.ingest([signup("t", "1"), signup("t", "2")], now=START)
    assert [run.status for run in engine.runs()] == [Status.ACTIVE, Status.EXITED, Status.ACTIVE]
    engine.advance(now=START)
    assert [message.subscriber_id for message in sender.delivered] == ["s", "t"]


def test_an_event_about_a_send_of_another_run_ends_nothing(any_store):
    engine, _, _ = engine_on(any_store, aimed(exit_criteria=[BOUGHT], event="signup"))
    engine.ingest([signup("s", "1"), signup("s", "2")], now=START)
    first, second = engine.runs()
    engine.ingest([purchase(properties={"send_key": f"{second.id}:start:1:send"})], now=START)
    assert [run.status for run in engine.runs()] == [Status.ACTIVE, Status.EXITED]
    assert first.status is Status.ACTIVE


def test_an_event_about_another_key_ends_nothing(any_store):
    entry = EntryPolicy(key="order")
    engine, _, _ = engine_on(any_store, aimed(exit_criteria=[BOUGHT], entry=entry))
    engine.ingest([signup("s", str(number), properties={"order": number}) for number in (1, 2)], now=START)
    engine.ingest([purchase(properties={"order": 2})], now=START)
    assert [run.status for run in engine.runs()] == [Status.ACTIVE, Status.EXITED]


def test_an_exit_drops_a_retry_and_nothing_is_sent_after_it(any_store):
    """I1: what is pending is dropped, whoever claims later."""
    engine, _, sender = engine_on(
        any_store, aimed(node("start", send()), exit_criteria=[BOUGHT]), outcomes={"hello": [BUSY]}
    )
    engine.ingest([signup()], now=START)
    engine.advance(now=START)
    assert len(sender.messages) == 1
    engine.ingest([purchase()], now=START + HOUR / 2)
    engine.advance(now=START + 9 * DAY)
    assert len(sender.messages) == 1
    assert kinds(engine) == [Kind.ENTERED, Kind.RETRYING, Kind.EXITED]


def test_an_outcome_that_was_in_hand_comes_as_late(any_store):
    """What was handed over is not recalled; the exit stands."""
    engine, profiles, _ = engine_on(any_store, aimed(node("start", send(), wait()), exit_criteria=[BOUGHT]))

    class Meanwhile(RecordingSender):
        def send(self, messages):
            engine.ingest([purchase()], now=START)
            return super().send(messages)

    worker = Engine(any_store, clock=VirtualClock(START), profiles=profiles, sender=Meanwhile(needs=NO_NEEDS))
    engine.ingest([signup()], now=START)
    worker.advance(now=START)
    assert kinds(engine) == [Kind.ENTERED, Kind.EXITED, Kind.LATE]
    assert tale(engine)[-1][2]["result"] == "done"
    assert [run.status for run in engine.runs()] == [Status.EXITED]


def test_who_was_taken_out_may_come_in_again(any_store):
    entry = EntryPolicy(reentry=Reentry.AFTER_EXIT)
    engine, _, _ = engine_on(any_store, aimed(exit_criteria=[BOUGHT], entry=entry))
    engine.ingest([signup("s", "1"), signup("s", "2"), purchase(), signup("s", "3")], now=START)
    assert [run.status for run in engine.runs()] == [Status.EXITED, Status.ACTIVE]


# ------------------------------------------------------------------------------------------------------------
# Exit criteria: conditions


def test_a_condition_that_holds_on_entry_ends_the_run_before_anything_is_done(any_store):
    engine, _, sender = engine_on(
        any_store, aimed(node("start", send()), exit_criteria=[BECAME_PRO]), people={"s": {"plan": "pro"}}
    )
    engine.ingest([signup()], now=START)
    engine.advance(now=START)
    assert tale(engine) == [
        (Kind.ENTERED, "start", {"trigger": "w-trigger"}),
        (Kind.EXITED, "start", {"reason": "pro by now", "operands": {"subscriber.plan": "pro"}}),
    ]
    assert sender.messages == []


@pytest.mark.parametrize("way", ["changed", "event", "step"])
def test_a_condition_that_comes_to_hold_ends_the_run(any_store, way):
    engine, profiles, sender = engine_on(any_store, aimed(exit_criteria=[BECAME_PRO]))
    engine.ingest([signup()], now=START)
    profiles.put("s", plan="pro")
    match way:
        case "changed":
            engine.changed(["s"], now=START + HOUR)
        case "event":
            engine.ingest([Event("visit", "s", id="v")], now=START + HOUR)
        case _:
            engine.advance(now=START + 2 * DAY)
    assert [run.status for run in engine.runs()] == [Status.EXITED]
    engine.advance(now=START + 9 * DAY)
    assert sender.messages == []


def test_a_change_of_its_own_ends_a_run_after_it(any_store):
    note = Action("note", UpdateProfile(set={"plan": "pro"}))
    engine, _, sender = engine_on(any_store, aimed(node("start", note, send()), exit_criteria=[BECAME_PRO]))
    engine.ingest([signup()], now=START)
    engine.advance(now=START)
    assert kinds(engine) == [Kind.ENTERED, Kind.DONE, Kind.EXITED]
    assert sender.messages == []


@pytest.mark.parametrize(
    ("first", "outcomes"),
    [(send(delay=HOUR), {}), (send(), {"hello": [BUSY]})],
    ids=["postponed", "to be tried again"],
)
def test_a_condition_is_asked_again_before_an_effect_that_had_to_wait(any_store, first, outcomes):
    engine, profiles, sender = engine_on(
        any_store, aimed(node("start", first), exit_criteria=[BECAME_PRO]), outcomes=outcomes
    )
    engine.ingest([signup()], now=START)
    engine.advance(now=START)
    before = len(sender.messages)
    profiles.put("s", plan="pro")
    engine.advance(now=START + 7 * HOUR)
    assert len(sender.messages) == before
    assert [run.status for run in engine.runs()] == [Status.EXITED]


def test_only_those_of_a_crowd_are_taken_out_for_whom_it_holds(any_store):
    people = {f"s{number}": {} for number in range(6)}
    engine, profiles, sender = engine_on(
        any_store, aimed(node("start", send(delay=HOUR)), exit_criteria=[BECAME_PRO]), people=people
    )
    engine.ingest(signups(6), now=START)
    for name in ("s1", "s4"):
        profiles.put(name, plan="pro")
    engine.advance(now=START + HOUR)
    assert [message.subscriber_id for message in sender.delivered] == ["s0", "s2", "s3", "s5"]
    assert [run.subscriber_id for run in engine.runs(status=Status.EXITED)] == ["s1", "s4"]


@pytest.mark.parametrize("before", [(), (wait(action_id="before"),)], ids=["at once", "after a wait"])
@pytest.mark.parametrize("policy", [InDoubt.ASSUME_SENT, InDoubt.RESEND])
def test_what_a_dead_worker_may_have_sent_is_settled_before_the_run_ends(any_store, policy, before):
    """Its outcome is not forgotten."""

    class Interrupted(RecordingSender):
        def send(self, messages):
            super().send(messages)
            raise KeyboardInterrupt

    engine, profiles, _ = engine_on(
        any_store, aimed(node("start", *before, send(), wait()), exit_criteria=[BECAME_PRO])
    )
    engine.ingest([signup()], now=START)
    ports = {"clock": VirtualClock(START), "profiles": profiles}
    with pytest.raises(KeyboardInterrupt):
        Engine(any_store, sender=Interrupted(needs=NO_NEEDS), **ports).advance(now=START + HOUR)
    profiles.put("s", plan="pro")
    Engine(any_store, sender=RecordingSender(needs=NO_NEEDS, in_doubt=policy), **ports).advance(now=START + HOUR)
    assert kinds(engine)[-2:] == [Kind.DONE, Kind.EXITED]


def test_a_run_that_failed_exits_where_it_is_let_go_on(any_store):
    gone = Outcome(Result.FAILED, "gone")
    engine, profiles, sender = engine_on(
        any_store, aimed(node("start", send()), exit_criteria=[BECAME_PRO]), outcomes={"hello": [gone]}
    )
    engine.ingest([signup()], now=START)
    engine.advance(now=START)
    profiles.put("s", plan="pro")
    engine.requeue(engine.runs(status=Status.FAILED), now=START)
    engine.advance(now=START)
    assert kinds(engine)[-2:] == [Kind.REQUEUED, Kind.EXITED]
    assert len(sender.messages) == 1


@pytest.mark.parametrize(
    ("outcome", "kind"),
    [
        (DONE, Kind.DONE),
        (Outcome(Result.SKIPPED, "not wanted"), Kind.SKIPPED),
        (BUSY, Kind.RETRYING),
        (Outcome(Result.FAILED, "gone"), Kind.FAILED),
        (Outcome(Result.UNKNOWN, "lost"), Kind.FAILED),
    ],
)
def test_a_run_exits_after_an_outcome_of_any_kind(any_store, outcome, kind):
    """Where it would be tried again, or fail, there is nothing left to be tried or looked at."""

    class Changing(RecordingSender):
        def send(self, messages):
            profiles.put("s", plan="pro")
            return super().send(messages)

    engine, profiles, _ = engine_on(any_store, aimed(node("start", send()), exit_criteria=[BECAME_PRO]))
    engine.ingest([signup()], now=START)
    sender = Changing({"hello": [outcome]}, needs=NO_NEEDS)
    Engine(any_store, clock=VirtualClock(START), profiles=profiles, sender=sender).advance(now=START)
    assert kinds(engine) == [Kind.ENTERED, kind, Kind.EXITED]
    assert [(run.status, run.due) for run in engine.runs()] == [(Status.EXITED, None)]


def test_a_condition_on_the_past_counts_the_event_at_hand_and_once(any_store):
    twice = parse({"performed": {"event": "purchase", "count": {"$gte": 2}, "since": "workflow_start"}})
    engine, _, _ = engine_on(any_store, aimed(exit_criteria=[ExitCriterion("twice", when=twice)]))
    engine.ingest([purchase("s", "a")], now=START - HOUR)
    engine.ingest([signup()], now=START)
    engine.ingest([purchase("s", "b")], now=START + HOUR)
    assert [run.status for run in engine.runs()] == [Status.ACTIVE]
    engine.ingest([purchase("s", "c")], now=START + HOUR)
    assert [run.status for run in engine.runs()] == [Status.EXITED]


# ------------------------------------------------------------------------------------------------------------
# Exit criteria: instants

OVER = ExitCriterion("over", when=parse({"subscriber_properties": {"ends": {"$before": "0d"}}}))
SOON = {"s": {"ends": (START + DAY + timedelta(microseconds=1)).isoformat()}}
FLIP = START + DAY + timedelta(microseconds=2)


@pytest.mark.parametrize(
    ("waiting", "outcomes"),
    [(wait(2 * DAY), {}), (send(delay=2 * DAY), {}), (AWAITED, {}), (FOREVER, {})],
    ids=["duration", "postponed send", "event", "event for ever"],
)
def test_a_condition_that_changes_by_itself_has_a_timer(any_store, waiting, outcomes):
    engine, _, sender = engine_on(
        any_store, aimed(node("start", waiting), exit_criteria=[OVER]), people=SOON, outcomes=outcomes
    )
    engine.ingest([signup()], now=START)
    engine.advance(now=START)
    due = engine.next_due()
    assert START + DAY < due <= FLIP
    engine.advance(now=due - timedelta(microseconds=1))
    assert [run.status for run in engine.runs()] == [Status.ACTIVE]
    engine.advance(now=due)
    [run] = engine.runs()
    assert (run.status, run.state.reason) == (Status.EXITED, "over")
    assert sender.messages == []


@pytest.mark.parametrize("waiting", [wait(2 * DAY), send(delay=2 * DAY)], ids=["duration", "postponed send"])
def test_a_timer_that_comes_to_nothing_moves_no_wait(any_store, waiting):
    """The date was moved meanwhile, and nobody told: the run is looked at, and waits on for what it waited for."""
    engine, profiles, sender = engine_on(
        any_store, aimed(node("start", waiting, send("two", "two")), exit_criteria=[OVER]), people=SOON
    )
    engine.ingest([signup()], now=START)
    engine.advance(now=START)
    profiles.put("s", ends=None)
    engine.advance(now=START + DAY + HOUR)
    assert engine.next_due() == START + 2 * DAY
    assert sender.messages == []
    engine.advance(now=START + 2 * DAY - timedelta(microseconds=1))
    assert sender.messages == []
    engine.advance(now=START + 2 * DAY)
    assert sender.messages[-1].template_id == "two"
    assert [run.status for run in engine.runs()] == [Status.COMPLETED]


# ------------------------------------------------------------------------------------------------------------
# Detached actions

LATER = send("later", "later", delay=2 * DAY, detached=True)


@pytest.mark.parametrize("rest", [(wait(4 * DAY),), ()], ids=["at a place", "at its end"])
def test_an_exit_drops_what_is_open_beside_a_run(any_store, rest):
    engine, _, sender = engine_on(any_store, aimed(node("start", LATER, *rest), exit_criteria=[BOUGHT]))
    engine.ingest([signup()], now=START)
    engine.advance(now=START)
    assert [run.status for run in engine.runs()] == [Status.ACTIVE]
    engine.ingest([purchase()], now=START + DAY)
    [run] = engine.runs()
    assert (run.state, run.due) == (State(Status.EXITED, reason="bought"), None)
    assert tale(engine)[-1][:2] == (Kind.EXITED, "start" if rest else None)
    engine.advance(now=START + 9 * DAY)
    assert sender.messages == []
    assert "was taken out" in engine.explain("s", "w", now=START + 9 * DAY).text


@pytest.mark.parametrize("rest", [(wait(4 * DAY),), ()], ids=["at a place", "at its end"])
@pytest.mark.parametrize("told", [True, False])
def test_a_condition_is_asked_again_before_a_detached_action(any_store, rest, told):
    engine, profiles, sender = engine_on(any_store, aimed(node("start", LATER, *rest), exit_criteria=[BECAME_PRO]))
    engine.ingest([signup()], now=START)
    engine.advance(now=START)
    profiles.put("s", plan="pro")
    if told:
        engine.changed(["s"], now=START + DAY)
        assert [run.status for run in engine.runs()] == [Status.EXITED]
    engine.advance(now=START + 2 * DAY)
    assert [run.status for run in engine.runs()] == [Status.EXITED]
    assert sender.messages == []


@pytest.mark.parametrize("rest", [(wait(4 * DAY),), ()], ids=["at a place", "at its end"])
@pytest.mark.parametrize("moved", [True, False])
def test_a_timer_beside_a_detached_action_ends_the_run_or_comes_to_nothing(any_store, rest, moved):
    engine, profiles, sender = engine_on(
        any_store, aimed(node("start", LATER, *rest), exit_criteria=[OVER]), people=SOON
    )
    engine.ingest([signup()], now=START)
    engine.advance(now=START)
    due = engine.next_due()
    assert START + DAY < due <= FLIP
    if moved:
        profiles.put("s", ends=None)
    engine.advance(now=due)
    assert [run.status for run in engine.runs()] == [Status.ACTIVE if moved else Status.EXITED]
    assert engine.next_due() == (START + 2 * DAY if moved else None)
    engine.advance(now=START + 2 * DAY)
    assert len(sender.messages) == moved
    engine.advance(now=START + 4 * DAY)
    assert [run.status for run in engine.runs()] == [Status.COMPLETED if moved else Status.EXITED]


def test_goals_are_counted_for_a_run_at_its_end_and_kept_with_it(any_store):
    goals = [WEEK, Goal("forever", event=PURCHASE)]
    engine, _, sender = engine_on(any_store, aimed(node("start", LATER), goals=goals))
    engine.ingest([signup()], now=START)
    engine.ingest([purchase()], now=START + DAY)
    assert counted(engine) == [("s", "buy"), ("s", "forever")]
    engine.advance(now=START + 2 * DAY)
    [run] = engine.runs()
    assert run.state == State(Status.COMPLETED, goals=("buy", "forever"))
    assert len(sender.messages) == 1


# ------------------------------------------------------------------------------------------------------------
# What is read


class Asked(MemoryProfiles):
    """Profiles that keep who was asked about."""

    def __init__(self, people):
        super().__init__(people)
        self.asked = []

    def facts(self, subscriber_ids, needs):
        self.asked += subscriber_ids
        return super().facts(subscriber_ids, needs)


def test_events_alone_read_no_profile(any_store):
    profiles = Asked({"s": {}})
    goal = Goal("buy", event=PURCHASE, within=DAY)
    made = aimed(node("start", wait(), wait(action_id="again")), exit_criteria=[BOUGHT], goals=[goal])
    engine = Engine(any_store, clock=VirtualClock(START), profiles=profiles)
    engine.publish(made)
    engine.ingest([signup(), Event("visit", "s", id="v")], now=START)
    engine.advance(now=START + HOUR)
    engine.ingest([purchase()], now=START + HOUR)
    assert [run.status for run in engine.runs()] == [Status.EXITED]
    assert profiles.asked == []


def test_a_workflow_may_ask_predicates_that_the_engine_has():
    made = aimed(exit_criteria=[ExitCriterion("asked", when=parse({"custom": {"name": "asked"}}))])
    goals = aimed(goals=[Goal("asked", when=parse({"custom": {"name": "asked"}}))])
    for each in (made, goals):
        with pytest.raises(ConfigurationError, match="asked"):
            Engine(MemoryStore(), sender=RecordingSender()).publish(each)
    engine = Engine(
        MemoryStore(),
        clock=VirtualClock(START),
        sender=RecordingSender(needs=NO_NEEDS),
        predicates={"asked": lambda _: True},
    )
    engine.publish(made)
    engine.ingest([signup()], now=START)
    assert [run.status for run in engine.runs()] == [Status.EXITED]


# ------------------------------------------------------------------------------------------------------------
# Goals

WEEK = Goal("buy", event=PURCHASE, within=7 * DAY)


def counted(engine):
    return [(line.subscriber_id, line.entry.data["goal"]) for line in engine.journal() if line.entry.kind is Kind.GOAL]


def test_a_goal_is_counted_once_a_run(any_store):
    engine, _, sender = engine_on(any_store, aimed(goals=[WEEK]))
    engine.ingest([signup(), purchase("s", "1"), purchase("s", "2")], now=START)
    engine.ingest([purchase("s", "3")], now=START + HOUR)
    assert counted(engine) == [("s", "buy")]
    assert tale(engine)[-1] == (
        Kind.GOAL,
        "start",
        {"goal": "buy", "type": "purchase", "occurred_at": START.isoformat()},
    )
    engine.advance(now=START + 2 * DAY)
    assert len(sender.messages) == 1
    before = engine.runs()
    engine.ingest([purchase("s", "4")], now=START + 3 * DAY)
    assert counted(engine) == [("s", "buy")]
    assert engine.runs() == before, "where nothing comes of it, nothing is written"


@pytest.mark.parametrize(
    ("after", "found"),
    [(timedelta(), 1), (7 * DAY - timedelta(microseconds=1), 1), (7 * DAY, 0), (8 * DAY, 0)],
)
@pytest.mark.parametrize("alive", [True, False])
def test_a_goal_counts_within_its_window_whether_the_run_is_alive_or_over(any_store, alive, after, found):
    engine, _, _ = engine_on(any_store, aimed(node("start", wait(9 * DAY if alive else timedelta())), goals=[WEEK]))
    engine.ingest([signup()], now=START)
    assert [run.state.alive for run in engine.runs()] == [alive]
    engine.ingest([purchase()], now=START + after)
    assert len(counted(engine)) == found


def test_an_event_that_comes_in_late_counts_by_when_it_occurred(any_store):
    engine, _, _ = engine_on(any_store, aimed(node("start", wait()), goals=[WEEK]))
    engine.ingest([signup()], now=START)
    engine.advance(now=START + HOUR)
    engine.ingest([purchase("s", "1", occurred_at=START - HOUR)], now=START + 30 * DAY)
    assert counted(engine) == []
    engine.ingest([purchase("s", "2", occurred_at=START + 6 * DAY)], now=START + 30 * DAY)
    assert counted(engine) == [("s", "buy")]
    assert [run.status for run in engine.runs()] == [Status.COMPLETED]


def test_a_goal_without_a_window_counts_while_the_run_lives(any_store):
    engine, _, _ = engine_on(any_store, aimed(node("start", wait(40 * DAY)), goals=[Goal("buy", event=PURCHASE)]))
    engine.ingest([signup("s"), signup("t")], now=START)
    engine.ingest([purchase("s")], now=START + 39 * DAY)
    engine.advance(now=START + 40 * DAY)
    engine.ingest([purchase("t")], now=START + 41 * DAY)
    assert counted(engine) == [("s", "buy")]


def test_each_run_counts_for_itself(any_store):
    engine, _, _ = engine_on(any_store, aimed(node("start", wait()), goals=[WEEK]))
    engine.ingest([signup("s", "1")], now=START)
    engine.advance(now=START + HOUR)
    engine.ingest([signup("s", "2")], now=START + DAY)
    engine.ingest([purchase()], now=START + DAY)
    assert counted(engine) == [("s", "buy")] * 2
    assert len({line.run_id for line in engine.journal() if line.entry.kind is Kind.GOAL}) == 2


def test_a_goal_may_end_the_run_and_is_counted_before_an_exit(any_store):
    ending = evolve(WEEK, exits=True)
    engine, _, _ = engine_on(
        any_store, aimed(goals=[ending], workflow_id="a"), aimed(goals=[WEEK], exit_criteria=[BOUGHT], workflow_id="b")
    )
    engine.ingest([signup(), purchase()], now=START)
    assert {run.workflow_id: (run.status, run.state.reason, run.state.goals) for run in engine.runs()} == {
        "a": (Status.EXITED, "goal: buy", ("buy",)),
        "b": (Status.EXITED, "bought", ("buy",)),
    }
    assert kinds(engine) == [Kind.ENTERED, Kind.WAITING, Kind.GOAL, Kind.EXITED] * 2


def test_a_goal_by_a_condition_counts_when_it_is_found_to_hold(any_store):
    goal = Goal("pro", when=PRO, within=DAY)
    engine, profiles, _ = engine_on(
        any_store, aimed(node("start", wait(5 * DAY)), goals=[goal]), people={"s": {}, "t": {}, "u": {"plan": "pro"}}
    )
    engine.ingest([signup("s"), signup("t"), signup("u")], now=START)
    assert counted(engine) == [("u", "pro")]
    profiles.put("s", plan="pro")
    engine.changed(["s"], now=START + HOUR)
    profiles.put("t", plan="pro")
    engine.changed(["t"], now=START + DAY)
    assert counted(engine) == [("u", "pro"), ("s", "pro")]
    assert tale(engine)[-1][2] == {"goal": "pro", "operands": {"subscriber.plan": "pro"}}


def test_a_goal_by_a_condition_that_changes_by_itself_has_a_timer(any_store):
    goal = Goal("over", when=OVER.when, within=3 * DAY)
    engine, _, _ = engine_on(any_store, aimed(node("start", wait(5 * DAY)), goals=[goal]), people=SOON)
    engine.ingest([signup()], now=START)
    engine.advance(now=engine.next_due())
    assert counted(engine) == [("s", "over")]
    assert engine.next_due() == START + 5 * DAY


def test_a_version_that_is_not_live_any_more_is_counted_on(any_store):
    engine, _, _ = engine_on(any_store, aimed(node("start", wait()), goals=[WEEK]))
    engine.ingest([signup()], now=START)
    engine.advance(now=START + HOUR)
    engine.publish(aimed(node("start", wait(DAY))))
    engine.ingest([purchase()], now=START + DAY)
    assert counted(engine) == [("s", "buy")]


# ------------------------------------------------------------------------------------------------------------
# Holdouts

HALF = Holdout(0.5)
CROWD = [f"s{number}" for number in range(40)]


def held(engine, workflow_id="w"):
    return {
        run.subscriber_id for run in engine.runs() if run.status is Status.HELD_OUT and run.workflow_id == workflow_id
    }


def test_who_is_held_out_is_journaled_and_gets_nothing(any_store):
    engine, _, sender = engine_on(any_store, aimed(node("start", send()), holdout=HALF))
    done = engine.ingest([signup(name) for name in CROWD], now=START)
    out = held(engine)
    assert 0 < len(out) < len(CROWD)
    assert (done.started, done.held_out, done.refused) == (len(CROWD) - len(out), len(out), 0)
    engine.advance(now=START + DAY)
    assert {message.subscriber_id for message in sender.messages} == set(CROWD) - out
    lines = [line for line in engine.journal() if line.subscriber_id in out]
    assert [(line.entry.kind, line.entry.data) for line in lines] == [(Kind.HELD_OUT, {"trigger": "w-trigger"})] * len(
        out
    )
    assert {run.id for run in engine.runs() if run.subscriber_id in out} == {line.run_id for line in lines}


def test_goals_are_counted_for_those_who_are_held_out_over_the_same_clock(any_store):
    engine, _, _ = engine_on(any_store, aimed(node("start", wait()), goals=[WEEK], holdout=HALF))
    engine.ingest([signup(name) for name in CROWD], now=START)
    engine.advance(now=START + HOUR)
    engine.ingest([purchase(name) for name in CROWD], now=START + 7 * DAY - HOUR)
    engine.ingest([purchase(name, "again") for name in CROWD], now=START + 7 * DAY - HOUR)
    assert sorted(counted(engine)) == sorted((name, "buy") for name in CROWD)
    late, _, _ = engine_on(MemoryStore(), aimed(node("start", wait()), goals=[WEEK], holdout=HALF))
    late.ingest([signup(name) for name in CROWD], now=START)
    late.ingest([purchase(name) for name in CROWD], now=START + 7 * DAY)
    assert counted(late) == []


def test_goals_are_counted_in_the_batch_in_which_somebody_is_held_out(any_store):
    engine, _, _ = engine_on(any_store, aimed(goals=[WEEK], holdout=Holdout(1)))
    engine.ingest([purchase("s", "before"), signup(), purchase("s", "1"), purchase("s", "2")], now=START)
    assert kinds(engine) == [Kind.HELD_OUT, Kind.GOAL]


def test_a_holdout_is_sticky_over_versions_and_entries_and_grows_by_as_few_as_possible(any_store):
    engine, _, _ = engine_on(any_store, aimed(node("start", wait()), holdout=Holdout(0.25)))
    engine.ingest([signup(name, "1") for name in CROWD], now=START)
    before = held(engine)
    engine.publish(aimed(node("start", wait(DAY)), holdout=Holdout(0.25)))
    engine.ingest([signup(name, "2") for name in CROWD], now=START)
    assert held(engine) == before
    engine.publish(aimed(node("start", wait(DAY)), holdout=HALF))
    engine.ingest([signup(name, "3") for name in CROWD], now=START)
    assert before < held(engine)
    assert all(run.status is Status.HELD_OUT for run in engine.runs() if run.subscriber_id in before)


def test_workflows_hold_out_others_unless_they_name_the_same(any_store):
    named = Holdout(0.5, name="everywhere")
    workflows = [aimed(holdout=HALF, workflow_id=name) for name in "ab"] + [
        aimed(holdout=named, workflow_id=name) for name in "cd"
    ]
    engine, _, _ = engine_on(any_store, *workflows)
    engine.ingest([signup(name) for name in CROWD], now=START)
    assert held(engine, "c") == held(engine, "d")
    assert len({frozenset(held(engine, name)) for name in "abc"}) == 3


def test_both_arms_meet_the_same_rules_of_entry(any_store):
    """The ledger is written alike: cooldown, totals and limits turn both away."""
    people = {name: {} for name in CROWD}
    cooled = aimed(node("start", wait()), workflow_id="cooled", holdout=HALF, cooldown=DAY)
    twice = aimed(node("start", wait()), workflow_id="twice", holdout=HALF, max_executions=2)
    total = aimed(node("start", wait()), workflow_id="total", holdout=HALF, max_executions_total=30)
    engine, _, _ = engine_on(any_store, cooled, twice, total, people=people)
    for number in range(3):
        engine.ingest([signup(name, str(number)) for name in CROWD], now=START + number * HOUR)
    entered = {"cooled": 0, "twice": 0, "total": 0}
    for run in engine.runs():
        entered[run.workflow_id] += 1
    assert entered == {"cooled": 40, "twice": 80, "total": 30}
    assert held(engine, "total")


def test_who_is_held_out_has_no_living_run(any_store):
    """So it is let in again where a living run would stand in the way, and held out again; other groups are free."""
    entry = EntryPolicy(max_concurrent=1, exclusion_group="sale")
    one = aimed(holdout=Holdout(1), entry=entry, workflow_id="a", priority=1)
    other = aimed(entry=evolve(entry, max_concurrent=None), workflow_id="b")
    engine, _, _ = engine_on(any_store, one, other)
    done = engine.ingest([signup("s", "1")], now=START)
    assert (done.held_out, done.started) == (1, 1)
    engine.ingest([Event("signup", "s", id="2")], now=START)
    assert [(run.workflow_id, run.status) for run in engine.runs()] == [
        ("a", Status.HELD_OUT),
        ("b", Status.ACTIVE),
        ("b", Status.ACTIVE),
    ]


def test_who_is_held_out_is_held_out_at_the_clock_too(any_store):
    engine, _, sender = engine_on(any_store, aimed(node("start", send()), holdout=Holdout(1)), people={"s": {}})
    engine = Engine(
        any_store,
        clock=VirtualClock(START),
        profiles=MemoryProfiles({"s": {}, "t": {}}),
        sender=sender,
        audience=MemoryProfiles({"s": {}, "t": {}}),
    )
    assert engine.backfill("w", where=ALWAYS, backfill_id="1")
    done = engine.advance(now=START)
    assert (done.started, done.held_out) == (0, 2)
    assert sender.messages == []


def test_explain_says_it_all(any_store):
    engine, _, _ = engine_on(
        any_store, aimed(goals=[WEEK], exit_criteria=[BOUGHT]), aimed(workflow_id="out", holdout=Holdout(1))
    )
    engine.ingest([signup(), purchase()], now=START)
    text = engine.explain("s", "w", now=START).text
    assert "run 1: reached the goal buy, since purchase occurred at 2026-01-01T00:00:00+00:00" in text
    assert "run 1: was taken out at start: bought, since purchase occurred at 2026-01-01T00:00:00+00:00" in text
    out = engine.explain("s", "out", now=START)
    assert "was held out, and gets nothing, though trigger out-trigger let it in" in out.text
    assert "the subscriber would be held out" in out.text
    assert out.door.held_out
    assert not engine.explain("s", "w", now=START).door.held_out


def test_an_engine_for_an_event_loop_does_the_same():
    made = aimed(node("start", send(delay=DAY)), goals=[WEEK], exit_criteria=[BOUGHT, OVER], holdout=HALF)
    people = dict.fromkeys(CROWD, SOON["s"])

    def lived(store, engine, given):
        given(engine.publish(made))
        done = given(engine.ingest([signup(name) for name in CROWD], now=START))
        given(engine.ingest([purchase(name) for name in CROWD[::2]], now=START + HOUR))
        given(engine.advance(now=START + 2 * DAY))
        return done, told(store.lines(limit=10_000))

    stores = MemoryStore(), MemoryStore()
    ports = [
        {"clock": VirtualClock(START), "profiles": MemoryProfiles(people), "sender": RecordingSender(needs=NO_NEEDS)}
        for _ in stores
    ]
    plain = lived(stores[0], Engine(stores[0], **ports[0]), lambda value: value)
    assert lived(stores[1], AsyncEngine(stores[1], **ports[1]), run_sync) == plain
    assert {kind for *_, kind, _, _, _ in plain[1]} >= {Kind.HELD_OUT, Kind.GOAL, Kind.EXITED}


# ------------------------------------------------------------------------------------------------------------
# Runs that are paused, or go over to another version

STALE = ExitCriterion("quiet", when=parse({"not": {"performed": {"event": "visit", "within": "1d"}}}))


@pytest.mark.parametrize("clock", ["freeze", "run"])
def test_a_condition_that_came_to_hold_during_a_pause_ends_the_run_when_it_is_resumed(any_store, clock):
    engine, _, _ = engine_on(any_store, aimed(exit_criteria=[STALE]))
    engine.ingest([Event("visit", "s", id="v"), signup()])
    engine.pause("w", clock=clock, now=START + HOUR)
    engine.advance(now=START + 30 * HOUR)
    [run] = engine.runs()
    assert run.status is Status.PAUSED
    engine.resume("w", now=START + 30 * HOUR)
    engine.advance(now=START + 30 * HOUR)
    [run] = engine.runs()
    assert (run.status, run.state.reason) == (Status.EXITED, "quiet")


def test_who_is_resumed_before_that_is_looked_at_in_time(any_store):
    engine, _, _ = engine_on(any_store, aimed(exit_criteria=[STALE]))
    engine.ingest([Event("visit", "s", id="v"), signup()])
    engine.pause("w", now=START + HOUR)
    engine.resume("w", now=START + 2 * HOUR)
    engine.advance(now=START + 2 * HOUR)
    [run] = engine.runs()
    assert (run.status, run.due_at, run.state.then is None) == (Status.ACTIVE, START + DAY, False)
    engine.advance(now=START + DAY)
    assert engine.runs()[0].state.reason == "quiet"


def test_who_goes_over_to_another_version_is_looked_at_and_waits_as_before(any_store):
    engine, profiles, _ = engine_on(any_store, aimed(exit_criteria=[STALE]))
    engine.ingest([Event("visit", "s", id="v"), signup()])
    engine.publish(aimed(exit_criteria=[BECAME_PRO]))
    engine.migrate("w", now=START + HOUR)
    engine.advance(now=START + HOUR)
    [run] = engine.runs()
    assert (run.status, run.due_at, run.state.then) == (Status.ACTIVE, START + 2 * DAY, None)
    profiles.put("s", plan="pro")
    engine.publish(aimed(exit_criteria=[BECAME_PRO], goals=[Goal("bought", event=PURCHASE)]))
    engine.migrate("w", now=START + 2 * HOUR)
    engine.advance(now=START + 2 * HOUR)
    assert engine.runs()[0].state.reason == "pro by now"


def test_who_is_taken_out_by_a_migration_has_reached_what_it_reached(any_store):
    first = aimed(node("start", wait(2 * DAY), send()), goals=[Goal("bought", event=PURCHASE)])
    engine, _, _ = engine_on(any_store, first)
    engine.ingest([signup()])
    engine.ingest([purchase()], now=START + HOUR)
    engine.publish(aimed(node("begin", wait(2 * DAY)), goals=first.goals))
    engine.migrate("w", targets={"start": "exit"}, now=START + 2 * HOUR)
    [run] = engine.runs()
    assert (run.status, run.state.goals) == (Status.EXITED, ("bought",))
