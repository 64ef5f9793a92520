"""What steers a run: branches, exits, and nodes that may be entered so often and no more."""

import pytest

from flowkit.conditions import parse
from flowkit.events import NO_FACTS, Facts, Needs, Occurrence
from flowkit.runs.effects import DONE, WOKEN, Asks, Outcome, Result, Settled, Started
from flowkit.runs.model import Entry, Kind, State, Status, Waiting
from flowkit.runs.program import compile_workflow
from flowkit.runs.step import MAX_STEPS, Member, Transition, decide
from flowkit.workflows.control import Branch, Case, Exit
from flowkit.workflows.model import Action
from tests.support.journeys import DAY, HOUR, NOW, node, send, tag, wait, workflow
from tests.unit.runs.test_step import RUN_ID, Ride

PRO = parse({"subscriber_properties": {"plan": "pro"}})
VIP = parse({"segments": "vip"})
RECENT = parse({"performed": {"event": "purchase", "since": "workflow_start"}})


def fork(*cases, otherwise="others", action_id="fork", **fields):
    return Action(action_id, Branch([Case(*case) for case in cases], otherwise=otherwise), **fields)


def leave(reason="enough", action_id="leave", **fields):
    return Action(action_id, Exit(reason), **fields)


def begun(program, facts):
    return decide(program, State(), Started(), facts, NOW, Member(RUN_ID, None, NOW))


# ------------------------------------------------------------------------------------------------------------
# Branches


@pytest.mark.parametrize(
    ("facts", "ways", "left"),
    [
        (Facts({"plan": "pro"}), {"pro": "a", "others": "b", "default": "c"}, ("pro", "a")),
        (Facts({"plan": "free"}), {"pro": "a", "others": "b", "default": "c"}, ("others", "b")),
        # A label without a way goes by the default, and without one the run is complete.
        (Facts({"plan": "pro"}), {"others": "b", "default": "c"}, ("default", "c")),
        (Facts({"plan": "pro"}), {"others": "b"}, ("default", "end")),
        (Facts({"plan": "pro"}), {"pro": "end", "default": "c"}, ("pro", "end")),
        # Labels are names and nothing more: no other way is tried for them.
        (Facts({"plan": "pro"}), {"success": "a", "default": "c"}, ("default", "c")),
    ],
)
def test_a_branch_leaves_by_its_label(facts, ways, left):
    places = [node(name, wait()) for name in "abc"]
    ride = Ride(node("start", fork(("pro", PRO)), **ways), *places, facts=facts).start()
    assert ride.way == [("start", *left)]
    assert ride.state.node == (None if left[1] == "end" else left[1])
    assert ride.state.status == (Status.COMPLETED if left[1] == "end" else Status.ACTIVE)


@pytest.mark.parametrize("label", ["engaged", "not_engaged"])
def test_the_words_of_an_engagement_check_mean_nothing_to_a_branch(label):
    ride = Ride(node("start", fork((label, parse({}))), success="a", failure="a", default="b"), node("a"), node("b"))
    assert ride.start().way[0] == ("start", "default", "b")


def test_the_journal_says_what_was_chosen_and_on_what():
    ride = Ride(node("start", fork(("pro", PRO), ("vip", VIP))), facts=Facts(segments=frozenset({"vip"})))
    assert ride.start().entries[1:3] == [
        Entry(
            Kind.DECIDED,
            "start",
            "fork",
            {
                "label": "vip",
                "operands": {"subscriber.plan": None, "segments.vip": True},
                "missing": ["subscriber.plan"],
            },
        ),
        Entry(Kind.LEFT, "start", None, {"by": "default", "to": "end"}),
    ]


def test_a_branch_that_is_delayed_looks_when_the_delay_is_over():
    ride = Ride(
        node("start", fork(("pro", PRO), delay=HOUR), pro="a"), node("a", wait()), facts=Facts({"plan": "free"})
    )
    ride.start()
    assert (ride.state.waiting, ride.run.due) == (Waiting.DELAY, NOW + 3_600_000_000)
    ride.facts = Facts({"plan": "pro"})
    assert ride.wake().state.node == "a"
    assert [entry.kind for entry in ride.entries].count(Kind.WAITING) == 2


def test_a_branch_stands_behind_other_actions():
    ride = Ride(
        node("start", send(), wait(), fork(("pro", PRO)), pro="a"), node("a", wait()), facts=Facts({"plan": "pro"})
    )
    ride.start().settle().wake()
    assert ride.state.node == "a"


def test_a_branch_looks_at_what_was_done_since_the_entry():
    places = (node("start", wait(DAY), fork(("bought", RECENT)), bought="a"), node("a", wait()))
    for micros, there in ((-1, None), (0, "a"), (1, "a")):
        ride = Ride(*places, facts=Facts(history={"purchase": [Occurrence(NOW + micros)]})).start().wake()
        assert ride.state.node == there


def test_the_label_of_a_branch_is_not_forgotten_when_the_steps_are_used_up():
    for before in (MAX_STEPS - 2, MAX_STEPS - 1, MAX_STEPS):
        chain = [node(f"n{number}", default=f"n{number + 1}") for number in range(before)]
        ride = Ride(
            *chain, node(f"n{before}", fork(("pro", PRO)), pro="a"), node("a", wait()), facts=Facts({"plan": "pro"})
        ).start()
        if ride.state.waiting is Waiting.TURN:
            ride.wake()
        assert ride.state.node == "a"
        assert ride.way[-1] == (f"n{before}", "pro", "a")


def test_a_branch_asks_for_the_facts_of_all_conditions_of_the_workflow():
    second = node("second", wait(), fork(("vip", VIP)))
    program = compile_workflow(workflow(node("start", fork(("pro", PRO)), default="second"), second), 1)
    asked = begun(program, None)
    assert asked == Asks(Needs(attributes=frozenset({"plan"}), segments=frozenset({"vip"})))
    assert program.needs == asked.needs
    assert not program.personal
    assert compile_workflow(workflow(node("start", fork(("a", RECENT)))), 1).personal


def test_a_branch_that_reads_no_facts_asks_for_none():
    program = compile_workflow(workflow(node("start", fork(("a", parse({}))), a="end")), 1)
    found = begun(program, None)
    assert isinstance(found, Transition)
    assert (found.reads, found.own) == ((), False)


@pytest.mark.parametrize(
    ("case", "facts", "own"),
    [
        (PRO, Facts({"plan": "pro"}), False),
        (PRO, NO_FACTS, False),
        (VIP, NO_FACTS, True),
        (RECENT, NO_FACTS, True),
        (parse({"sample": {"percent": 50, "salt": "x"}}), NO_FACTS, True),
        (parse({"subscriber_properties": {"born": {"$within": "30d"}}}), NO_FACTS, True),
    ],
)
def test_a_transition_says_what_it_depends_on(case, facts, own):
    found = begun(compile_workflow(workflow(node("start", fork(("a", case)))), 1), facts)
    assert isinstance(found, Transition)
    assert found.own is own
    assert found.reads


@pytest.mark.parametrize(("score", "label"), [("", "low"), ('{"score":3}', "low"), ('{"score":5}', "high")])
def test_variables_are_of_the_state_so_no_facts_are_asked_for_and_the_transition_is_everybodys(score, label):
    high = parse({"variables": {"score": {"$gte": 5}}})
    places = [node(name, wait()) for name in ("high", "low")]
    fork_on_it = fork(("high", high), otherwise="low")
    program = compile_workflow(workflow(node("start", wait(), fork_on_it, high="high", low="low"), *places), 1)
    state = State(node="start", waiting=Waiting.DURATION, variables=score)
    transition = decide(program, state, WOKEN, None, NOW, Member(RUN_ID, NOW, NOW))
    assert isinstance(transition, Transition)
    assert (transition.reads, transition.own, transition.only_at) == ((), False, None)
    assert (transition.state.node, transition.state.variables) == (label, score)


def test_what_was_read_by_several_branches_of_one_step_is_all_told():
    found = begun(
        compile_workflow(
            workflow(
                node("start", fork(("pro", PRO)), default="b"),
                node("b", fork(("vip", VIP))),
            ),
            1,
        ),
        Facts({"plan": "free"}),
    )
    assert [operand.path for operand in found.reads] == ["subscriber.plan", "segments.vip"]


# ------------------------------------------------------------------------------------------------------------
# Exits


def test_an_exit_ends_the_run_with_its_reason():
    ride = Ride(node("start", tag("a"), leave("bought elsewhere"), default="more"), node("more", send()))
    ride.start().settle()
    assert ride.state == State(Status.EXITED, reason="bought elsewhere")
    assert ride.run.due is None
    assert ride.entries[-1] == Entry(Kind.EXITED, "start", "leave", {"reason": "bought elsewhere"})
    assert Kind.LEFT not in [entry.kind for entry in ride.entries]
    assert Kind.COMPLETED not in [entry.kind for entry in ride.entries]


def test_an_exit_can_be_delayed():
    ride = Ride(node("start", leave(delay=DAY))).start()
    assert (ride.state.waiting, ride.state.status) == (Waiting.DELAY, Status.ACTIVE)
    assert ride.wake().state == State(Status.EXITED, reason="enough")


def test_what_was_handed_over_before_the_exit_is_settled_too_late():
    ride = Ride(node("start", send(), leave()))
    ride.start()
    handed_over = ride.state.pending
    ride.settle()
    assert ride.state.status is Status.EXITED
    before = ride.run
    assert [entry.kind for entry in ride.take(Settled(handed_over, DONE))] == [Kind.LATE]
    assert ride.run == before


def test_an_exit_drops_what_the_run_had_counted():
    ride = Ride(
        node("start", wait(), default="gone"),
        node("gone", leave("done"), exhausted="start"),
        node("x", default="start"),
    )
    ride.start().wake()
    assert (ride.state.counts, ride.state.visits, ride.state.pending) == ((), (), None)


def test_a_failure_may_lead_to_an_exit():
    ride = Ride(node("start", send(failure_path="gone")), node("gone", leave("no mail goes there")))
    ride.start().settle(Outcome(Result.FAILED, "bounced"))
    assert ride.state == State(Status.EXITED, reason="no mail goes there")


# ------------------------------------------------------------------------------------------------------------
# Nodes with a bound


def round_trip(most, **ways):
    """A reminder every day that is sent at most so often, and what comes then."""
    return (
        node("remind", send(), wait(DAY), default="remind", max_visits=most, **ways),
        node("rest", tag("rested")),
    )


def ridden_round(ride):
    ride.start()
    sent = 0
    while ride.state.pending and ride.state.pending.action_id == "send":
        sent += 1
        assert ride.state.pending.visit == sent
        ride.settle().wake()
    return sent


@pytest.mark.parametrize("most", [1, 2, 5])
def test_a_node_is_entered_as_often_as_it_may_be(most):
    ride = Ride(*round_trip(most, exhausted="rest"))
    assert ridden_round(ride) == most
    assert ride.state.node == "rest"
    assert ride.entries[-3:] == [
        Entry(Kind.LEFT, "remind", None, {"by": "default", "to": "remind"}),
        Entry(Kind.DECIDED, "remind", None, {"label": "exhausted", "operands": {"visits": most, "max_visits": most}}),
        Entry(Kind.LEFT, "remind", None, {"by": "exhausted", "to": "rest"}),
    ]


def test_without_a_way_for_it_the_run_is_complete():
    ride = Ride(*round_trip(2))
    assert ridden_round(ride) == 2
    assert ride.state == State(Status.COMPLETED)
    assert ride.way[-1] == ("remind", "exhausted", "end")
    assert [entry.kind for entry in ride.entries[-2:]] == [Kind.LEFT, Kind.COMPLETED]


def test_a_default_is_no_way_for_it():
    ride = Ride(
        node("start", wait(), default="start", max_visits=1),
    ).start()
    assert ride.wake().state == State(Status.COMPLETED)


def test_exhausted_is_a_label_like_others_where_there_is_no_bound():
    ride = Ride(node("start", fork(("pro", PRO)), exhausted="a", default="b"), node("a", wait()), node("b", wait()))
    assert ride.start().state.node == "b"


def test_a_node_that_lies_on_no_loop_never_runs_out():
    ride = Ride(node("start", wait(), default="a", max_visits=1), node("a", wait(), max_visits=1, exhausted="start"))
    # The way for it makes it lie on a loop, and still it is entered once.
    assert ride.start().wake().state.node == "a"
    assert ride.wake().state == State(Status.COMPLETED)


def test_several_nodes_that_have_run_out_are_passed_one_by_one():
    ride = Ride(
        node("a", wait(), default="b", max_visits=1, exhausted="b"),
        node("b", wait(), default="a", max_visits=1, exhausted="c"),
        node("c", wait(), default="a"),
    )
    ride.start().wake().wake()
    assert ride.state.node == "c"
    assert ride.way == [("a", "default", "b"), ("b", "default", "a"), ("a", "exhausted", "b"), ("b", "exhausted", "c")]
    ride.wake()
    assert ride.state.node == "c"
    assert dict(ride.state.visits) == {"a": 2, "b": 2, "c": 2}, (
        "what is not entered is counted once more and no further"
    )


def test_a_way_round_that_never_ends_takes_turns():
    """No lint lets such a workflow through; the step is total all the same."""
    ride = Ride(node("a", wait(), default="b", max_visits=1, exhausted="b"), node("b", default="a")).start().wake()
    assert (ride.state.waiting, ride.run.due_at) == (Waiting.TURN, ride.now)
    assert (ride.wake().state.waiting, ride.run.due_at) == (Waiting.TURN, ride.now)


def test_every_path_into_the_node_counts():
    ride = Ride(
        node("start", send(success_path="start", failure_path="start"), max_visits=3, exhausted="rest"),
        node("rest", wait()),
    ).start()
    ride.settle().settle(Outcome(Result.SKIPPED)).settle()
    assert ride.state.node == "rest"
    assert ride.way[-2:] == [("start", "success_path", "start"), ("start", "exhausted", "rest")]


def test_a_bound_is_of_the_run_and_not_of_all():
    program = compile_workflow(workflow(*round_trip(1)), 1)
    assert program.node("remind").max_visits == 1
    assert begun(program, None).state.visits == (("remind", 1),)
    assert begun(program, None).state.visits == (("remind", 1),)
