"""The law of the state machine, cell by cell, and what each action, way and retry comes to."""

from datetime import timedelta

import pytest
from attrs import evolve

from flowkit.adapters.clock import VirtualClock
from flowkit.conditions import (
    ALWAYS,
    AllOf,
    AnyOf,
    EngagementAtLeast,
    Equals,
    EventIs,
    Not,
    Sample,
    SubscriberHas,
    ValueAtLeast,
    parse,
)
from flowkit.engine.sync import Engine
from flowkit.events import NO_FACTS, Event, Facts, Needs
from flowkit.hashing import run_id
from flowkit.runs.effects import (
    DONE,
    WOKEN,
    Asks,
    Deferral,
    Effect,
    Observed,
    Outcome,
    Requeued,
    Result,
    Settled,
    Started,
)
from flowkit.runs.model import Deferred, Entry, Kind, Run, State, Status, Waiting
from flowkit.runs.program import compile_workflow
from flowkit.runs.step import MAX_ATTEMPTS, MAX_STEPS, Member, decide, step
from flowkit.stores.memory import MemoryStore
from flowkit.workflows.model import Action, CallWebhook, CheckEngagement, UpdateProfile, UpdateSegments
from tests.support.journeys import DAY, HOUR, NOW, START, check, kinds, node, opened, send, signup, tag, wait, workflow

RUN_ID = run_id("w", "s", "1")
MINUTE = timedelta(minutes=1)
SKIPPED = Outcome(Result.SKIPPED, "no_address")
RETRY = Outcome(Result.RETRY, "busy")
FAILED = Outcome(Result.FAILED, "gone")
UNKNOWN = Outcome(Result.UNKNOWN, "nobody knows")


class Ride:
    """A run on its way through a workflow, and what its journal says."""

    def __init__(self, *nodes, facts=NO_FACTS, identity=RUN_ID):
        self.program = compile_workflow(workflow(*nodes), 1)
        self.facts = facts
        self.now = START
        self.entries = []
        self.run = Run(identity, "s", "w", 1, NOW, '{"type":"signup","at":0}', State(), None)

    def take(self, signal):
        """Step once, and give the lines that the step wrote."""
        self.run, entries = step(self.program, self.run, signal, self.facts, self.now)
        self.entries += entries
        return list(entries)

    def start(self):
        self.take(Started())
        return self

    def wake(self):
        """Wait until the run is due, and wake it."""
        self.now = max(self.now, self.run.due_at)
        self.take(WOKEN)
        return self

    def settle(self, outcome=DONE):
        self.take(Settled(self.run.state.pending, outcome))
        return self

    @property
    def state(self):
        return self.run.state

    @property
    def way(self):
        """The labels and targets by which nodes were left."""
        return [(one.node, one.data["by"], one.data["to"]) for one in self.entries if one.kind is Kind.LEFT]


# ------------------------------------------------------------------------------------------------------------
# The law: every place and every signal


def in_place(place):
    """A run in each of the places of the law."""
    if place == "waiting for its turn":
        ride = Ride(*(node(f"n{i}", default=f"n{i + 1}") for i in range(MAX_STEPS)), node(f"n{MAX_STEPS}", wait()))
        return ride.start()
    ride = Ride(node("start", send(), wait(), check(delay=HOUR), default="end"))
    if place == "not begun":
        return ride
    ride.start()
    if place == "effect pending":
        return ride
    if place == "failed":
        return ride.settle(FAILED)
    ride.settle()
    if place == "waiting for a time":
        return ride
    ride.wake()
    return ride if place == "waiting for a delay" else ride.wake()


PLACES = {
    "not begun": (Status.ACTIVE, None),
    "effect pending": (Status.ACTIVE, None),
    "waiting for a time": (Status.ACTIVE, Waiting.DURATION),
    "waiting for a delay": (Status.ACTIVE, Waiting.DELAY),
    "waiting for its turn": (Status.ACTIVE, Waiting.TURN),
    "completed": (Status.COMPLETED, None),
    "failed": (Status.FAILED, None),
}
WALKING_ON = {"waiting for a time", "waiting for a delay", "waiting for its turn"}


@pytest.mark.parametrize("place", PLACES)
def test_a_run_can_be_in_each_place(place):
    ride = in_place(place)
    assert (ride.state.status, ride.state.waiting) == PLACES[place]
    assert (ride.state.pending is not None) == (place in {"effect pending", "failed"})
    assert (ride.run.due is None) == (place in {"not begun", "completed", "failed"})


@pytest.mark.parametrize("place", PLACES)
def test_started_moves_only_what_has_not_begun(place):
    ride = in_place(place)
    before = ride.run
    entries = ride.take(Started())
    if place == "not begun":
        assert entries[0] == Entry(Kind.ENTERED, "start", None, {"trigger": "w-trigger"})
        assert ride.state.pending == Effect("start", 1, 0, "send")
    else:
        assert (ride.run, entries) == (before, [])


@pytest.mark.parametrize("place", PLACES)
def test_woken_moves_what_waits_at_its_time_and_nothing_else(place):
    ride = in_place(place)
    before = ride.run
    ride.now = ride.run.due_at or ride.now + DAY
    ride.take(WOKEN)
    assert (ride.run != before) == (place in WALKING_ON)


@pytest.mark.parametrize("place", sorted(WALKING_ON))
def test_woken_too_early_moves_nothing(place):
    ride = in_place(place)
    before = ride.run
    ride.now = ride.run.due_at - timedelta(microseconds=1)
    assert ride.take(WOKEN) == []
    assert ride.run == before


FOREIGN = Effect("start", 2, 0, "send")


@pytest.mark.parametrize("place", PLACES)
@pytest.mark.parametrize("outcome", [DONE, SKIPPED, RETRY, FAILED, UNKNOWN])
def test_an_outcome_that_nothing_waits_for_is_journaled_as_late(place, outcome):
    ride = in_place(place)
    before = ride.run
    reason = {"reason": outcome.reason} if outcome.reason else {}
    entries = ride.take(Settled(FOREIGN, outcome))
    assert entries == [Entry(Kind.LATE, "start", "send", {"result": outcome.result.value, **reason})]
    assert ride.run == before


def test_an_outcome_that_comes_twice_is_late_the_second_time():
    ride = Ride(node("start", send(), wait())).start()
    effect = ride.state.pending
    ride.settle()
    before = ride.run
    [entry] = ride.take(Settled(effect, Outcome(Result.DONE, reference="id-2")))
    assert (entry.kind, entry.data) == (Kind.LATE, {"result": "done", "reference": "id-2"})
    assert ride.run == before


@pytest.mark.parametrize("place", PLACES)
def test_an_event_is_counted_by_the_living_and_moves_nothing(place):
    ride = in_place(place)
    counting = workflow(
        *ride.program.workflow.nodes.values(), node("other", check(), engagement_threshold={"opens": 1})
    )
    ride.program = compile_workflow(counting, 1)
    before = ride.run
    entries = ride.take(Observed(opened()))
    if place in {"completed", "failed"}:
        assert (ride.run, entries) == (before, [])
    else:
        assert entries == [Entry(Kind.OBSERVED, before.state.node, None, {"type": "email_open", "count": 1})]
        assert ride.state.counts == (("email_open", 1),)
        moved = (ride.state.node, ride.state.action, ride.state.pending, ride.state.waiting, ride.run.due)
        stood = (before.state.node, before.state.action, before.state.pending, before.state.waiting, before.due)
        assert moved == stood


# ------------------------------------------------------------------------------------------------------------
# Outcomes and the ways that they open


def sending(*, path=None, edge=False, last=True):
    """A run whose message is on its way; its action and its node may say where to go when that fails."""
    action = send(success_path="happy", failure_path=path)
    edges = {"failure": "sad"} if edge else {}
    ride = Ride(
        node("start", *([action] if last else [action, wait()]), default="plain", success="plain", **edges),
        node("happy", wait()),
        node("sad", wait()),
        node("plain", wait()),
    )
    return ride.start()


@pytest.mark.parametrize("outcome", [FAILED, UNKNOWN])
@pytest.mark.parametrize(
    ("ways", "target"),
    [
        ({"path": "sad"}, "sad"),
        ({"path": "sad", "last": False}, "sad"),
        ({"edge": True}, "sad"),
        ({"edge": True, "last": False}, None),
        ({}, None),
    ],
)
def test_a_failure_takes_the_failure_path_or_edge_and_else_fails_the_run(outcome, ways, target):
    ride = sending(**ways).settle(outcome)
    failed = next(entry for entry in ride.entries if entry.kind is Kind.FAILED)
    assert (failed.node, failed.action, failed.data["result"], failed.data["reason"]) == (
        "start",
        "send",
        outcome.result.value,
        outcome.reason,
    )
    if target is None:
        effect = Effect("start", 1, 0, "send")
        stays = State(Status.FAILED, "start", pending=effect, reason=outcome.reason, result=outcome.result)
        assert ride.state == stays, "where it failed, to be let go on"
        assert ride.run.due is None
        assert ride.entries[-1] == Entry(Kind.FAILED, "start", None, {"reason": outcome.reason})
    else:
        assert ride.state.node == target


@pytest.mark.parametrize(
    ("ways", "target"),
    [({"path": "sad"}, "sad"), ({"edge": True}, "sad"), ({}, "plain"), ({"edge": True, "last": False}, "start")],
)
def test_a_skip_takes_the_failure_path_or_edge_and_else_goes_on(ways, target):
    ride = sending(**ways).settle(SKIPPED)
    assert ride.state.node == target
    assert ride.state.status is Status.ACTIVE
    [entry] = [entry for entry in ride.entries if entry.kind is Kind.SKIPPED]
    assert entry.data["reason"] == "no_address"


# ------------------------------------------------------------------------------------------------------------
# Runs that failed, let go on


@pytest.mark.parametrize("place", PLACES)
@pytest.mark.parametrize("anew", [False, True])
def test_only_a_run_that_failed_is_let_go_on(place, anew):
    ride = in_place(place)
    before = ride.run
    ride.now += HOUR
    entries = ride.take(Requeued(anew))
    if place != "failed":
        assert (ride.run, entries) == (before, [])
        return
    effect = Effect("start", 1, 0, "send", generation=int(anew))
    assert ride.state == State(node="start", pending=effect)
    assert ride.run.due_at == ride.now, "at once"
    key = "new" if anew else "same"
    assert entries == [Entry(Kind.REQUEUED, "start", "send", {"after": "gone", "key": key})]


def test_a_run_that_is_let_go_on_has_all_its_attempts_again():
    ride = Ride(node("start", send())).start()
    for generation in range(2):
        for attempt in range(MAX_ATTEMPTS):
            assert (ride.state.pending.attempt, ride.state.pending.generation) == (attempt, generation)
            ride.now = ride.run.due_at
            ride.settle(RETRY)
        assert (ride.state.status, ride.state.result) == (Status.FAILED, Result.RETRY)
        ride.take(Requeued(anew=True))
    ride.settle()
    assert ride.state.status is Status.COMPLETED


def test_a_run_that_is_let_go_on_knows_what_it_saw_before():
    ride = Ride(
        node("loop", wait(HOUR), send(), default="look"),
        node("look", check(), engagement_threshold={"opens": 1}, engaged="end", not_engaged="loop"),
    ).start()
    ride.wake().settle().wake()
    ride.take(Observed(opened()))
    ride.settle(FAILED)
    ride.take(Requeued(anew=False))
    assert (ride.state.visits, ride.state.counts) == ((("loop", 2), ("look", 1)), (("email_open", 1),))
    ride.settle()
    assert ride.state.status is Status.COMPLETED


def test_an_outcome_that_comes_after_the_failure_is_late():
    ride = Ride(node("start", send())).start()
    effect = ride.state.pending
    ride.settle(UNKNOWN)
    before = ride.run
    [entry] = ride.take(Settled(effect, DONE))
    assert (entry.kind, ride.run) == (Kind.LATE, before)


def test_a_run_that_failed_without_an_effect_walks_on_from_its_place():
    """As where workers died over it: it is woken at once, whatever it waits for."""
    ride = Ride(node("start", wait(HOUR)), node("x")).start()
    ride.now = ride.run.due_at
    ride.run = ride.run.moved(evolve(ride.state, status=Status.FAILED, reason="workers died"), None)
    [entry] = ride.take(Requeued(anew=True))
    assert entry.data == {"after": "workers died", "key": "same"}
    ride.wake()
    assert ride.state.status is Status.COMPLETED


def test_a_run_that_failed_between_two_steps_takes_its_turn():
    ride = in_place("waiting for its turn")
    ride.run = ride.run.moved(evolve(ride.state, status=Status.FAILED, waiting=None), None)
    ride.take(Requeued(anew=False))
    assert ride.state.waiting is Waiting.TURN
    ride.wake()
    assert ride.state.waiting is Waiting.DURATION


def test_success_leaves_at_once_by_its_path():
    ride = sending(last=False).settle()
    assert ride.way == [("start", "success_path", "happy")]


def test_success_without_a_path_goes_on_with_the_next_action():
    ride = Ride(node("start", send(), wait(), success="no"), node("no")).start().settle()
    assert (ride.state.node, ride.state.action, ride.state.waiting) == ("start", 1, Waiting.DURATION)


@pytest.mark.parametrize(
    ("outcome", "edges", "by"),
    [
        (DONE, ["success", "failure", "default"], "success"),
        (DONE, ["failure", "default"], "default"),
        (SKIPPED, ["success", "failure", "default"], "failure"),
        (SKIPPED, ["success", "default"], "default"),
        (FAILED, ["success", "failure", "default"], "failure"),
    ],
)
def test_the_last_action_chooses_the_way_out(outcome, edges, by):
    ways = {label: label for label in edges}
    ride = Ride(node("start", send(), **ways), *(node(label, wait()) for label in edges)).start().settle(outcome)
    assert ride.way == [("start", by, by)]


def test_what_an_earlier_action_decided_chooses_no_way():
    ride = Ride(node("start", send(), wait(), success="no", default="yes"), node("no", wait()), node("yes", wait()))
    ride.start().settle().wake()
    assert ride.state.node == "yes"


def test_a_last_action_that_decides_nothing_leaves_by_default():
    """What the send before it decided is forgotten, although the wait takes no time."""
    ride = Ride(node("start", send(), wait(timedelta()), success="no"), node("no")).start().settle()
    assert ride.way == [("start", "default", "end")]


@pytest.mark.parametrize("ways", [{}, {"success": "x"}, {"default": "end"}])
def test_end_and_a_missing_edge_complete_the_run(ways):
    ride = Ride(node("start", wait(), **ways), node("x", wait())).start().wake()
    assert ride.state == State(Status.COMPLETED)
    assert ride.run.due is None
    assert ride.entries[-2:] == [Entry(Kind.LEFT, "start", None, {"by": "default", "to": "end"}), Entry(Kind.COMPLETED)]


def test_a_node_called_end_is_entered():
    ride = Ride(node("start", default="end"), node("end", wait())).start()
    assert (ride.state.node, ride.state.status) == ("end", Status.ACTIVE)
    assert Ride(node("end", wait())).start().wake().state.status is Status.COMPLETED


# ------------------------------------------------------------------------------------------------------------
# Each action, and its delay

EFFECTS = {
    "send_email": (send("t"), {"template_id": "t"}),
    "segment_update": (
        Action("send", UpdateSegments(add=("a", "b"), remove=("c",))),
        {"add": ["a", "b"], "remove": ["c"]},
    ),
    "personalization_update": (
        Action("send", UpdateProfile(set={"b": 1}, unset=("a",), increment={"c": 2.5})),
        {"names": ["a", "b", "c"]},
    ),
    "webhook": (Action("send", CallWebhook("https://example.com", method="PUT")), {"method": "PUT"}),
}


@pytest.mark.parametrize("kind", EFFECTS)
def test_an_effect_is_pending_at_once_until_it_is_settled(kind):
    action, told = EFFECTS[kind]
    ride = Ride(node("start", action)).start()
    assert ride.state == State(node="start", pending=Effect("start", 1, 0, "send"))
    assert ride.run.due == NOW
    assert [entry.kind for entry in ride.entries] == [Kind.ENTERED]
    ride.settle(Outcome(Result.DONE, "accepted", reference="id-1"))
    data = {"type": kind, **told, "reason": "accepted", "reference": "id-1"}
    assert ride.entries[1] == Entry(Kind.DONE, "start", "send", data)
    assert ride.state.status is Status.COMPLETED


@pytest.mark.parametrize("kind", EFFECTS)
def test_an_effect_with_a_delay_is_pending_when_it_is_over(kind):
    action, _ = EFFECTS[kind]
    delayed = Action("send", action.do, delay=timedelta(minutes=90))
    ride = Ride(node("start", delayed)).start()
    assert ride.state.pending == Effect("start", 1, 0, "send")
    assert ride.run.due_at == START + timedelta(minutes=90)
    assert ride.entries[-1] == Entry(Kind.WAITING, "start", "send", {"seconds": 5400})
    before = ride.run
    ride.wake()
    assert ride.run == before, "it is carried out, and not woken"


def test_a_wait_parks_for_its_time():
    ride = Ride(node("start", wait(timedelta(hours=72)))).start()
    assert ride.state == State(node="start", waiting=Waiting.DURATION)
    assert ride.run.due_at == START + timedelta(hours=72)
    assert ride.entries[-1] == Entry(Kind.WAITING, "start", "wait", {"seconds": 259_200})
    ride.wake()
    assert ride.entries[2] == Entry(Kind.WOKEN, "start", "wait")


def test_a_wait_counts_from_when_it_is_reached_and_not_from_when_it_was_due():
    """Nothing is shortened by a worker that comes late."""
    ride = Ride(node("start", wait(HOUR, "first"), wait(HOUR, "second"))).start()
    ride.now = START + DAY
    ride.take(WOKEN)
    assert ride.run.due_at == START + DAY + HOUR


def test_a_wait_of_microseconds_is_one():
    ride = Ride(node("start", wait(timedelta(microseconds=1)))).start()
    assert ride.run.due == NOW + 1
    assert ride.entries[-1].data == {"seconds": 1e-06}


def test_a_wait_of_nothing_is_none():
    ride = Ride(node("start", wait(timedelta()))).start()
    assert ride.state.status is Status.COMPLETED
    assert [entry.kind for entry in ride.entries] == [Kind.ENTERED, Kind.LEFT, Kind.COMPLETED]


def test_a_wait_with_a_delay_waits_for_both():
    assert Ride(node("start", wait(HOUR, delay=MINUTE))).start().run.due_at == START + HOUR + MINUTE
    assert Ride(node("start", wait(timedelta(), delay=MINUTE))).start().run.due_at == START + MINUTE


def test_a_check_with_a_delay_decides_when_it_is_over():
    ride = Ride(node("start", check(delay=HOUR), engagement_threshold={"opens": 1}, engaged="yes"), node("yes", wait()))
    ride.start()
    assert ride.state == State(node="start", waiting=Waiting.DELAY)
    ride.take(Observed(opened()))
    ride.wake()
    assert ride.state.node == "yes"


# ------------------------------------------------------------------------------------------------------------
# Checks


def checking(counts=(), facts=NO_FACTS, **fields):
    ride = Ride(
        node("start", check(), engaged="yes", not_engaged="no", **fields),
        node("yes", wait()),
        node("no", wait()),
        facts=facts,
    )
    ride.run = ride.run.moved(State(counts=counts), None)
    return ride.start()


@pytest.mark.parametrize(
    ("threshold", "counts", "target"),
    [
        ({}, (), "yes"),
        ({"opens": 1}, (), "no"),
        ({"opens": 1}, (("email_open", 1),), "yes"),
        ({"opens": 2}, (("email_open", 1),), "no"),
        ({"opens": 1, "clicks": 0}, (("email_open", 1),), "yes"),
        ({"opens": 1, "clicks": 1}, (("email_open", 1),), "no"),
        ({"opens": 0.5}, (), "no"),
        ({"visited": 2}, (("visited", 2),), "yes"),
        ({"bounces": -1}, (), "yes"),
    ],
)
def test_every_number_of_the_threshold_must_be_reached(threshold, counts, target):
    ride = checking(counts, engagement_threshold=threshold)
    assert ride.state.node == target
    [decided] = [entry for entry in ride.entries if entry.kind is Kind.DECIDED]
    assert decided.data["label"] == ("engaged" if target == "yes" else "not_engaged")
    assert set(decided.data["operands"]) == {f"count.{name}" for name in threshold}


@pytest.mark.parametrize(
    ("name", "event_type"),
    [
        ("deliveries", "email_delivered"),
        ("opens", "email_open"),
        ("clicks", "email_click"),
        ("conversions", "conversion"),
        ("unsubscribes", "unsubscribe"),
        ("complaints", "complaint"),
        ("bounces", "bounce"),
        ("email_open", "email_open"),
        ("anything else", "anything else"),
    ],
)
def test_each_count_is_of_its_event_type(name, event_type):
    ride = Ride(node("start", wait(), check(), engagement_threshold={name: 1}, engaged="yes"), node("yes", wait()))
    ride.start()
    assert ride.program.listens == {event_type}
    ride.take(Observed(Event(event_type, "s")))
    assert ride.wake().state.node == "yes"


PRO = Facts({"plan": "pro"}, {"open_rate": 0.5})
ASKED = AllOf((SubscriberHas({"plan": Equals("pro")}), EngagementAtLeast({"open_rate": 0.5})))


@pytest.mark.parametrize(
    ("facts", "target", "operands"),
    [
        (PRO, "yes", {"subscriber.plan": "pro", "engagement.open_rate": 0.5}),
        (Facts({"plan": "pro"}, {"open_rate": 0.4}), "no", {"subscriber.plan": "pro", "engagement.open_rate": 0.4}),
        (Facts({"plan": "free"}, {"open_rate": 1}), "no", {"subscriber.plan": "free"}),
        (NO_FACTS, "no", {"subscriber.plan": None}),
    ],
)
def test_a_check_asks_its_condition_and_tells_what_it_read(facts, target, operands):
    ride = checking(facts=facts, condition=ASKED)
    assert ride.state.node == target
    [decided] = [entry for entry in ride.entries if entry.kind is Kind.DECIDED]
    assert decided.data["operands"] == operands


@pytest.mark.parametrize(
    ("condition", "target"),
    [
        (ALWAYS, "yes"),
        (Not(ALWAYS), "no"),
        (AnyOf(()), "no"),
        (EventIs(("signup",)), "no"),
        (Not(EventIs(("signup",))), "yes"),
        (ValueAtLeast(1), "no"),
    ],
)
def test_a_condition_that_reads_no_facts_is_asked_too(condition, target):
    """There is no event at a node, so nothing about one holds."""
    assert checking(condition=condition).state.node == target


def test_threshold_and_condition_must_both_hold():
    fields = {"condition": ASKED, "engagement_threshold": {"opens": 1}}
    assert checking(facts=PRO, **fields).state.node == "no"
    assert checking((("email_open", 1),), PRO, **fields).state.node == "yes"
    assert checking((("email_open", 1),), NO_FACTS, **fields).state.node == "no"


@pytest.mark.parametrize(
    ("condition", "own"),
    [
        ({}, False),
        ({"subscriber_properties": {"plan": "pro"}, "engagement_requirements": {"open_rate": 0}}, False),
        ({"subscriber_properties": {"seen": {"$within": "7d"}}}, True),
        # It holds for ever by now, and did not before.
        ({"subscriber_properties": {"seen": {"$before": "-7d"}}}, True),
        ({"subscriber_properties": {"seen": {"$before": "2026-01-01"}}}, True),  # in whose zone?
        ({"performed": {"event": "open"}}, True),
        ({"segments": "vip"}, True),
        ({"sample": {"percent": 100, "salt": "x"}}, True),
        ({"custom": {"name": "any"}}, True),
    ],
)
def test_a_decision_on_time_history_or_identity_is_shared_with_nobody(condition, own):
    program = compile_workflow(workflow(node("start", check(), condition=parse(condition))), 1)
    known = Facts({"plan": "pro", "seen": "2025-12-20"}, {"open_rate": 0.5})
    assert decide(program, State(), Started(), known, NOW, Member(RUN_ID, None, NOW)).own is own


def test_a_check_that_needs_no_facts_is_asked_without_any():
    never = Not(ALWAYS)
    assert checking(facts=None, condition=never).state.node == "no"
    program = compile_workflow(workflow(node("start", check(), condition=Sample(100, "x"))), 1)
    asked = decide(program, State(), Started(), None, NOW, Member(RUN_ID, None, NOW))
    assert asked == Asks(), "who the subscriber is has to be known, though nothing of the profile is"


@pytest.mark.parametrize(("needed", "by"), [(0, "success_path"), (1, "failure_path")])
def test_the_paths_of_a_check_leave_at_once(needed, by):
    ride = Ride(
        node(
            "start",
            check(success_path="yes", failure_path="no"),
            wait(),
            engagement_threshold={"opens": needed},
            engaged="never",
        ),
        *(node(name, wait()) for name in ("yes", "no", "never")),
    ).start()
    assert ride.way == [("start", by, "yes" if by == "success_path" else "no")]


@pytest.mark.parametrize(
    ("needed", "edges", "by"),
    [
        (0, ["engaged", "success", "default"], "engaged"),
        (0, ["success", "default"], "success"),
        (0, ["not_engaged", "default"], "default"),
        (1, ["not_engaged", "failure", "default"], "not_engaged"),
        (1, ["failure", "default"], "failure"),
        (1, ["engaged", "default"], "default"),
    ],
)
def test_a_check_leaves_by_its_own_label_first(needed, edges, by):
    ways = {label: label for label in edges}
    ride = Ride(
        node("start", check(), engagement_threshold={"opens": needed}, **ways), *(node(x, wait()) for x in edges)
    )
    assert ride.start().way == [("start", by, by)]


def test_without_facts_a_check_asks_for_those_of_the_whole_workflow():
    ride = Ride(
        node("start", check(), condition=ASKED, default="next"),
        node("next", check(), condition=SubscriberHas({"a.b": Equals(1)})),
    )
    asked = decide(ride.program, State(), Started(), None, NOW, Member(RUN_ID, None, NOW))
    needs = Needs(attributes=frozenset({"plan", "a", "a.b"}), engagement=frozenset({"open_rate"}))
    assert asked == Asks(needs)


def test_a_transition_names_the_facts_that_it_depends_on():
    ride = Ride(node("start", check(), condition=ASKED, default="end"))
    decided = decide(ride.program, State(), Started(), PRO, NOW, Member(RUN_ID, None, NOW))
    assert [(one.path, one.value) for one in decided.reads] == [
        ("subscriber.plan", "pro"),
        ("engagement.open_rate", 0.5),
    ]
    assert not decided.own


# ------------------------------------------------------------------------------------------------------------
# Retries


def retried(ride):
    """Fail until the run waits no more, and give the pauses."""
    pauses = []
    while ride.state.alive and ride.state.pending:
        ride.settle(RETRY)
        if ride.state.alive and ride.state.pending:
            pauses.append(ride.run.due_at - ride.now)
            ride.now = ride.run.due_at
    return pauses


def test_a_transient_failure_is_tried_again_under_the_same_key_and_then_fails():
    ride = Ride(node("start", send())).start()
    first = ride.state.pending
    pauses = retried(ride)
    assert len(pauses) == MAX_ATTEMPTS - 1
    retrying = [entry for entry in ride.entries if entry.kind is Kind.RETRYING]
    assert [entry.data["seconds"] for entry in retrying] == [pause.total_seconds() for pause in pauses]
    assert [entry.data.get("attempt", 1) for entry in retrying] == list(range(1, MAX_ATTEMPTS))
    assert {entry.data["reason"] for entry in retrying} == {"busy"}
    again = Effect(first.node, first.visit, first.action, first.action_id, 5)
    assert again.suffix == first.suffix
    *_, failed, ended = ride.entries
    assert (failed.kind, failed.data["result"], failed.data["attempt"]) == (Kind.FAILED, "retry", MAX_ATTEMPTS)
    assert ended == Entry(Kind.FAILED, "start", None, {"reason": "busy"})
    assert (ride.state.status, ride.state.reason, ride.state.result) == (Status.FAILED, "busy", Result.RETRY)


def test_after_the_last_attempt_the_failure_path_is_taken():
    ride = Ride(node("start", send(failure_path="sad")), node("sad", wait())).start()
    retried(ride)
    assert (ride.state.node, ride.state.status) == ("sad", Status.ACTIVE)


def test_pauses_grow_with_full_jitter_up_to_six_hours():
    """Uniform between nothing and the ceiling, which doubles from a minute: over many runs both halves are hit."""
    ceilings = [min(MINUTE * 2**attempt, timedelta(hours=6)) for attempt in range(MAX_ATTEMPTS - 1)]
    assert ceilings[-1] < timedelta(hours=6) <= MINUTE * 2**9, "the last ceilings are near the cap"
    pauses = [retried(Ride(node("start", send()), identity=run_id("w", "s", str(seed))).start()) for seed in range(200)]
    for attempt, ceiling in enumerate(ceilings):
        column = [each[attempt] for each in pauses]
        assert all(timedelta() < pause <= ceiling for pause in column)
        assert 60 < sum(pause < ceiling / 2 for pause in column) < 140
    assert len({tuple(each) for each in pauses}) == len(pauses), "each run has pauses of its own"
    shares = [[pause / ceiling for pause, ceiling in zip(each, ceilings, strict=True)] for each in pauses]
    assert all(max(each) - min(each) > 0.1 for each in shares), "and each attempt draws anew"


def test_pauses_come_from_the_run_and_not_from_chance():
    nodes = node("start", send())
    assert retried(Ride(nodes).start()) == retried(Ride(nodes).start())


def test_a_pause_is_the_runs_own_and_an_end_is_everybodys():
    """What is decided for one run is decided for all in its state, but for when it is tried again."""
    ride = Ride(node("start", send())).start()
    for outcome in (DONE, SKIPPED, RETRY, FAILED):
        settled = Settled(ride.state.pending, outcome)
        decided = decide(ride.program, ride.state, settled, None, NOW, Member(RUN_ID, NOW, NOW))
        assert decided.own == (outcome is RETRY)


def test_two_actions_of_a_run_have_pauses_of_their_own():
    first = retried(Ride(node("start", send(action_id="a"))).start())
    assert first != retried(Ride(node("start", send(action_id="b"))).start())


@pytest.mark.parametrize("asked", [DAY, timedelta(days=400)])
def test_no_retry_comes_sooner_than_the_receiver_asked_for(asked):
    ride = Ride(node("start", send())).start()
    ride.settle(Outcome(Result.RETRY, retry_after=asked))
    assert ride.run.due_at == START + asked


@pytest.mark.parametrize("asked", [timedelta(), timedelta(seconds=-5), timedelta(microseconds=1)])
def test_a_receiver_that_asks_for_less_than_the_pause_gets_the_pause(asked):
    ride, plain = (Ride(node("start", send())).start() for _ in range(2))
    ride.settle(Outcome(Result.RETRY, retry_after=asked))
    assert ride.run.due == plain.settle(Outcome(Result.RETRY)).run.due


@pytest.mark.parametrize("asked", [timedelta.max, timedelta(days=400_000)])
def test_a_receiver_that_asks_for_patience_without_end_gets_a_hundred_years(asked):
    ride = Ride(node("start", send())).start()
    ride.settle(Outcome(Result.RETRY, retry_after=asked))
    assert ride.run.due_at == START + timedelta(days=36_525)


def test_an_outcome_of_an_earlier_attempt_is_late():
    ride = Ride(node("start", send())).start()
    first = ride.state.pending
    ride.settle(RETRY)
    [entry] = ride.take(Settled(first, DONE))
    assert entry.kind is Kind.LATE
    assert ride.state.pending.attempt == 1


def test_a_success_after_failures_tells_at_which_attempt():
    ride = Ride(node("start", send())).start().settle(RETRY).settle(RETRY).settle()
    [done] = [entry for entry in ride.entries if entry.kind is Kind.DONE]
    assert done.data["attempt"] == 3


# ------------------------------------------------------------------------------------------------------------
# Counts

OTHER = run_id("w", "s", "other")


@pytest.mark.parametrize(
    ("event", "counted"),
    [
        (opened(), True),
        (opened(send_key=f"{RUN_ID}:start:1:send"), True),
        (opened(send_key=f"{OTHER}:start:1:send"), False),
        (opened(send_key=""), False),
        (opened(send_key=5), False),
        (opened(send_key=None), True),
        (Event("email_click", "s"), False),
        (Event("signup", "s"), False),
    ],
)
def test_an_event_counts_where_the_workflow_asks_for_it_and_it_names_no_other_runs_send(event, counted):
    ride = Ride(node("start", wait(), check(), engagement_threshold={"opens": 1})).start()
    before = ride.run
    entries = ride.take(Observed(event))
    assert bool(entries) == counted
    assert ride.state.counts == ((("email_open", 1),) if counted else ())
    assert counted or ride.run == before


def test_counts_go_on_from_node_to_node_and_end_with_the_run():
    ride = Ride(node("start", wait(), default="next"), node("next", wait(), check(), engagement_threshold={"opens": 3}))
    ride.start()
    for number in range(3):
        [entry] = ride.take(Observed(opened(event_id=str(number))))
        assert entry.data == {"type": "email_open", "count": number + 1}
    assert ride.wake().state.counts == (("email_open", 3),)
    assert ride.wake().state == State(Status.COMPLETED)


def test_counts_are_kept_by_type_in_one_order():
    """Runs that observed the same share a state, whichever came first."""
    nodes = node("start", wait(), check(), engagement_threshold={"opens": 1, "clicks": 1})
    click = Event("email_click", "s")
    one, other = Ride(nodes).start(), Ride(nodes).start()
    for event in (opened(), click, opened()):
        one.take(Observed(event))
    for event in (click, opened(), opened()):
        other.take(Observed(event))
    assert one.state == other.state


# ------------------------------------------------------------------------------------------------------------
# Long ways and loops


def chain(length, last):
    return [*(node(f"n{i}", default=f"n{i + 1}") for i in range(length)), node(f"n{length}", *last)]


def test_a_walk_takes_a_turn_after_its_steps():
    ride = Ride(*chain(MAX_STEPS, [wait()])).start()
    assert ride.state == State(node=f"n{MAX_STEPS}", waiting=Waiting.TURN)
    assert ride.run.due == NOW, "at once, after whoever else is due"
    assert ride.wake().state.waiting is Waiting.DURATION


def test_a_walk_of_fewer_steps_takes_none():
    ride = Ride(*chain(MAX_STEPS - 1, [wait()])).start()
    assert ride.state.waiting is Waiting.DURATION


def test_a_turn_does_not_come_between_a_decision_and_its_way_out():
    """Whatever number of steps lies before a check, it leaves by what it decided, and what has ended is not due."""
    for before in range(MAX_STEPS + 2):
        *empty, last = chain(before, [check()])
        ways = {"engaged": "right", "default": "wrong"}
        ride = Ride(*empty, node(last.node_id, check(), **ways), node("right"), node("wrong")).start()
        while ride.state.waiting is Waiting.TURN and ride.run.status is Status.ACTIVE:
            ride.wake()
        assert (ride.run.status, ride.run.due) == (Status.COMPLETED, None)
        assert (last.node_id, "engaged", "right") in ride.way


def test_many_checks_in_one_node_take_turns_too():
    ride = Ride(node("start", *(check(f"c{i}") for i in range(3 * MAX_STEPS)), engaged="end")).start()
    turns = 0
    while ride.state.waiting is Waiting.TURN:
        turns += 1
        ride.wake()
    assert (turns, ride.run.status, ride.way) == (2, Status.COMPLETED, [("start", "engaged", "end")])


def test_visits_of_a_loop_are_counted_and_part_the_keys():
    ride = Ride(
        node("once", send(), default="again"),
        node("again", send(), wait(), default="again", success="never"),
        node("never"),
    ).start()
    keys = [ride.state.pending.suffix]
    ride.settle()
    for visit in range(1, 4):
        assert ride.state.pending == Effect("again", visit, 0, "send")
        assert ride.state.visits == (("again", visit),)
        keys.append(ride.state.pending.suffix)
        ride.settle().wake()
    assert len(set(keys)) == 4


def test_only_nodes_on_a_loop_are_counted():
    program = Ride(
        node("a", default="b"),
        node("b", wait(), default="c"),
        node("c", wait(), default="b", success="d"),
        node("d", wait(success_path="d"), default="end"),
        node("e", send(failure_path="a"), default="f"),
        node("f", wait(), send(failure_path="g"), default="a"),
        node("g", default="f"),
    ).program
    assert program.loops == {"b", "c", "d", "f", "g"}


def test_a_chain_of_1300_nodes_runs_to_its_end():
    engine = Engine(MemoryStore(), clock=VirtualClock(START))
    engine.publish(workflow(*chain(1_299, [])))
    engine.ingest([signup()])
    engine.advance()
    [run] = engine.runs()
    assert run.status is Status.COMPLETED
    lines = engine.journal(run=run)
    assert kinds(lines) == ["entered@n0", *(f"left@n{i}" for i in range(1_300)), "completed"]
    assert engine.next_due() is None


def test_a_long_chain_of_effects_runs_to_its_end():
    engine = Engine(MemoryStore(), clock=VirtualClock(START), profiles=Changes())
    nodes = [node(f"n{i}", tag("a"), default=f"n{i + 1}") for i in range(200)]
    engine.publish(workflow(*nodes, node("n200")))
    engine.ingest([signup()])
    assert engine.advance().done == 200
    assert [run.status for run in engine.runs()] == [Status.COMPLETED]


class Changes:
    """Profiles that take every change."""

    def facts(self, ids, needs):
        return {}

    def change(self, changes):
        return [DONE for _ in changes]


# ------------------------------------------------------------------------------------------------------------
# Values


def test_what_is_carried_out_stands_in_the_workflow_and_nowhere_else():
    """A step hands nothing over that it was given, and changes none of it."""
    ride = Ride(node("start", wait(), check(), engagement_threshold={"opens": 1}))
    before = ride.run
    ride.start()
    assert before == Run(RUN_ID, "s", "w", 1, NOW, before.origin, State(), None)
    assert ride.run[:6] == before[:6]
    assert isinstance(ride.program.node("start").actions[1].do, CheckEngagement)


def test_a_paused_run_counts_and_does_not_wake():
    ride = Ride(node("start", wait(), check(), engagement_threshold={"opens": 1})).start()
    paused = State(Status.PAUSED, "start", waiting=Waiting.DURATION)
    ride.run = ride.run.moved(paused, None)
    ride.take(Observed(opened()))
    assert ride.state.counts == (("email_open", 1),)
    ride.run = ride.run.moved(ride.state, NOW)
    assert ride.take(WOKEN) == []


# ------------------------------------------------------------------------------------------------------------
# What is deferred


def held_up(*, until=HOUR, since=NOW, by="rate_limit:w:1/60", mark=7):
    later = Deferral(NOW + until // timedelta(microseconds=1), since, by, mark)
    return Outcome(Result.DEFERRED, deferral=later, told=(("zone", "UTC"),))


def test_what_is_deferred_stays_pending_with_its_key_and_its_attempt():
    ride = Ride(node("start", send())).start()
    ride.settle(RETRY)
    before = ride.run.state.pending
    [entry] = ride.take(Settled(before, held_up(since=NOW - 5)))
    state = ride.run.state
    assert (state.pending, state.waiting, ride.run.due) == (before, None, NOW + 3_600_000_000)
    assert state.deferred == (Deferred(before, NOW - 5, "rate_limit:w:1/60", 7),)
    assert entry.kind is Kind.DEFERRED
    assert entry.data == {
        "by": "rate_limit",
        "seconds": 3600,
        "type": "send_email",
        "template_id": "hello",
        "attempt": 2,
        "zone": "UTC",
    }


def test_a_deferral_holds_at_its_instant_alone():
    """The due instant is told, and not computed from now."""
    ride = Ride(node("start", send())).start()
    pending = Settled(ride.run.state.pending, held_up())
    decided = decide(ride.program, ride.run.state, pending, None, NOW + 5, Member(RUN_ID, NOW, NOW))
    assert (decided.only_at, decided.own, decided.due(NOW + 5)) == (NOW + 5, False, NOW + 3_600_000_000)


@pytest.mark.parametrize("outcome", [DONE, SKIPPED, FAILED, UNKNOWN, RETRY])
def test_nothing_is_kept_in_mind_of_what_is_settled(outcome):
    ride = Ride(node("start", send(), wait(), failure="rest"), node("rest", wait())).start()
    ride.settle(held_up())
    ride.settle(outcome)
    assert ride.run.state.deferred == ()


def test_nothing_is_kept_in_mind_of_what_is_let_go_on():
    ride = Ride(node("start", send())).start()
    ride.settle(held_up())
    ride.settle(FAILED)
    ride.take(Requeued(anew=True))
    assert ride.run.state.deferred == ()


def test_a_deferral_of_a_port_is_an_attempt():
    """It does not know until when."""
    ride = Ride(node("start", send())).start()
    ride.settle(Outcome(Result.DEFERRED, "later"))
    assert ride.run.state.pending.attempt == 1
    for _ in range(MAX_ATTEMPTS - 1):
        ride.settle(Outcome(Result.DEFERRED, "later"))
    assert (ride.run.status, ride.run.state.result) == (Status.FAILED, Result.RETRY)


def test_what_is_deferred_is_not_due_in_the_past():
    ride = Ride(node("start", send())).start()
    ride.now += DAY
    ride.settle(held_up(until=HOUR))
    assert ride.run.due == NOW + DAY // timedelta(microseconds=1)
