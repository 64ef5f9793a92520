"""The lint: edges to nowhere, loops without a wait on their very path, nodes out of reach, triggers without a bound."""

import sys
from collections.abc import Iterator
from datetime import time, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from flowkit.conditions import (
    ALWAYS,
    AllOf,
    AnyOf,
    Condition,
    EngagementAtLeast,
    Equals,
    EventHas,
    EventIs,
    Not,
    SubscriberHas,
    ValueAtLeast,
)
from flowkit.triggers.model import EntryPolicy, On, Reentry, Schedule, Trigger, TriggerType
from flowkit.triggers.rules import Every, Unit
from flowkit.workflows.check import Finding, Severity, check
from flowkit.workflows.control import Awaited, Branch, Case, Exit, WaitForEvent
from flowkit.workflows.model import END, Action, Node, UpdateSegments, Wait, Workflow

MINUTE = timedelta(minutes=1)
TRIGGER = Trigger("t", condition=EventIs(("signup",)))


def act(name: str = "act", **fields: object) -> Action:
    return Action(name, UpdateSegments(), **fields)


def wait(name: str = "wait", duration: timedelta = MINUTE, **fields: object) -> Action:
    return Action(name, Wait(duration), **fields)


def node(name: str, *actions: Action, **next_nodes: str) -> Node:
    return Node(name, name, actions=actions, next_nodes=next_nodes)


def fork(*labels: str) -> Action:
    """A branch whose last label is for none of its cases."""
    return Action("fork", Branch([Case(label, ALWAYS) for label in labels[:-1]], otherwise=labels[-1]))


def await_(*labels: str, timeout: timedelta | None = MINUTE) -> Action:
    branches = [Awaited(label, EventIs(("purchase",))) for label in labels]
    return Action("await", WaitForEvent(branches, timeout=timeout))


def leave() -> Action:
    return Action("leave", Exit("enough"))


def graph(*nodes: Node, entry: str | None = None, trigger: Trigger = TRIGGER) -> Workflow:
    return Workflow("w", "W", trigger=trigger, nodes=list(nodes), entry_node=entry or nodes[0].node_id)


RULES = {
    "unknown_target",
    "unreachable_action",
    "endless_loop",
    "unreachable_node",
    "label_without_way",
    "matches_everything",
    "reentry_unlimited",
}
"""The rules that are tested here; the graphs are made for them, and break others that `lint/` has the tests of."""


def findings_of(workflow: Workflow) -> list[Finding]:
    return [finding for finding in check(workflow) if finding.rule in RULES]


def found(workflow: Workflow) -> list[tuple[str, str]]:
    return [(finding.rule, finding.path) for finding in findings_of(workflow)]


def of_labels(workflow: Workflow) -> list[tuple[str, str]]:
    """What is found, edges that nothing takes included."""
    asked = RULES | {"edge_never_taken"}
    return [(finding.rule, finding.path) for finding in check(workflow) if finding.rule in asked]


def test_a_finding_says_what_where_and_how_bad():
    (finding,) = check(graph(node("a"), node("b")))
    assert finding == Finding(
        "unreachable_node", Severity.WARNING, path="/nodes/b", message='no way leads here from "a"'
    )


def test_a_straight_path_is_clean():
    assert found(graph(node("a", act(success_path="b"), default="b"), node("b", default=END))) == []


# ------------------------------------------------------------------------------------------------------------
# Edges to nowhere


def test_every_kind_of_edge_to_nowhere_is_found_in_order():
    workflow = graph(
        node("a", act("1", success_path="x"), act("2", failure_path="y"), default="z", other="b"),
        node("b", default="A"),
        entry="start",
    )
    assert found(workflow) == [
        ("unknown_target", "/entry_node"),
        ("unknown_target", "/nodes/a/actions/0/success_path"),
        ("unknown_target", "/nodes/a/actions/1/failure_path"),
        ("unknown_target", "/nodes/a/next_nodes/default"),
        ("unknown_target", "/nodes/b/next_nodes/default"),
    ]
    assert all(finding.severity is Severity.ERROR for finding in findings_of(workflow))


def test_the_end_is_a_target_and_no_entry():
    assert found(graph(node("a", act(success_path=END, failure_path=END), default=END))) == []
    assert found(graph(node("a"), entry=END))[0] == ("unknown_target", "/entry_node")
    assert found(graph(node(END), entry=END)) == []


def test_a_path_is_a_json_pointer():
    workflow = graph(Node("a/b", "A", next_nodes={"x~y": "nowhere"}))
    assert found(workflow) == [("unknown_target", "/nodes/a~1b/next_nodes/x~0y")]


@pytest.mark.parametrize(
    ("actions", "path"),
    [
        ([fork("x", "y"), act()], "/nodes/a/actions/1"),
        ([wait(), leave(), act(), act("2")], "/nodes/a/actions/2"),
        ([fork("x", "y"), leave()], "/nodes/a/actions/1"),
        ([leave(), fork("x", "y")], "/nodes/a/actions/1"),
        ([await_("x"), act()], "/nodes/a/actions/1"),
    ],
)
def test_nothing_stands_behind_what_ends_a_node(actions, path):
    errors = [finding for finding in check(graph(node("a", *actions, x=END, y=END))) if finding.severity == "error"]
    assert [(finding.rule, finding.path) for finding in errors] == [("unreachable_action", path)]


def test_what_ends_a_node_may_stand_last():
    assert found(graph(node("a", wait(), act(), fork("x", "y"), x=END, y="b"), node("b", act(), leave()))) == []


# ------------------------------------------------------------------------------------------------------------
# Loops

LOOP = "endless_loop"


@pytest.mark.parametrize(
    ("nodes", "paths"),
    [
        ([node("a", default="a")], ["/nodes/a/next_nodes/default"]),
        ([node("a", act(), default="a")], ["/nodes/a/next_nodes/default"]),
        ([node("a", wait(), default="a")], []),
        ([node("a", act(), wait(), default="a")], []),
        ([node("a", wait(duration=timedelta()), default="a")], ["/nodes/a/next_nodes/default"]),
        ([node("a", act(delay=MINUTE), default="a")], []),
        ([node("a", act(delay=timedelta()), default="a")], ["/nodes/a/next_nodes/default"]),
        # A path leaves at its action: what stands behind it does not interrupt, what stands before it does.
        ([node("a", act(success_path="a"), wait())], ["/nodes/a/actions/0/success_path"]),
        ([node("a", act(failure_path="a"), wait())], ["/nodes/a/actions/0/failure_path"]),
        ([node("a", wait(), act(success_path="a"))], []),
        ([node("a", act("0"), act("1", success_path="a"), wait())], ["/nodes/a/actions/1/success_path"]),
        # The action's own wait or delay comes before its path.
        ([node("a", wait(success_path="a"))], []),
        ([node("a", act(failure_path="a", delay=MINUTE))], []),
        ([node("a", wait(duration=timedelta(), success_path="a"))], ["/nodes/a/actions/0/success_path"]),
        # Over several nodes it is enough that one interrupts, on that very way.
        ([node("a", default="b"), node("b", default="a")], ["/nodes/a/next_nodes/default"]),
        ([node("a", default="b"), node("b", wait(), default="a")], []),
        (
            [node("a", default="b"), node("b", act(failure_path="a"), wait(), default="a")],
            ["/nodes/a/next_nodes/default"],
        ),
        # A loop that cannot be reached is one too.
        ([node("a"), node("b", default="b")], ["/nodes/b/next_nodes/default"]),
        # One finding a knot, and each knot has one.
        (
            [node("a", x="b", y="a"), node("b", x="a", y="b", z="c"), node("c", default="d"), node("d", default="c")],
            ["/nodes/a/next_nodes/x", "/nodes/c/next_nodes/default"],
        ),
        # Two ways that meet again are no loop.
        ([node("a", x="b", y="c"), node("b", x="d"), node("c", x="d"), node("d")], []),
    ],
)
def test_a_loop_is_one_that_nothing_interrupts_on_that_very_path(nodes, paths):
    assert [path for rule, path in found(graph(*nodes)) if rule == LOOP] == paths


def test_a_bound_on_visits_is_no_wait():
    (finding,) = findings_of(graph(Node("a", "A", next_nodes={"default": "a"}, max_visits=3)))
    assert (finding.rule, finding.path) == (LOOP, "/nodes/a/next_nodes/default")


@pytest.mark.parametrize(
    ("most", "ways", "paths"),
    [
        # Who takes the way `exhausted` does not pass the wait of the node.
        (1, {"default": "a", "exhausted": "a"}, ["/nodes/a/next_nodes/exhausted"]),
        (1, {"default": "a", "exhausted": "b"}, ["/nodes/a/next_nodes/exhausted"]),
        (1, {"default": "a", "exhausted": "end"}, []),
        # Without a bound it is a label like others.
        (None, {"default": "a", "exhausted": "b"}, []),
    ],
)
def test_the_way_for_visits_that_are_spent_passes_no_wait(most, ways, paths):
    bounded = Node("a", "A", actions=[wait()], next_nodes=ways, max_visits=most)
    assert [path for rule, path in found(graph(bounded, node("b", default="a"))) if rule == LOOP] == paths


def test_no_loop_leads_through_an_exit():
    assert LOOP not in {rule for rule, _ in found(graph(node("a", leave(), default="a")))}
    bounded = Node("a", "A", actions=[leave()], next_nodes={"exhausted": "a"}, max_visits=1)
    assert found(graph(bounded)) == [(LOOP, "/nodes/a/next_nodes/exhausted")]


def test_each_label_of_a_branch_is_a_way_of_a_loop():
    assert found(graph(node("a", fork("x", "y"), x="b", y=END), node("b", default="a"))) == [
        (LOOP, "/nodes/a/next_nodes/x")
    ]
    assert found(graph(node("a", wait(), fork("x", "y"), x="b", y=END), node("b", default="a"))) == []
    late = Action("fork", Branch([Case("x", ALWAYS)], otherwise="y"), delay=MINUTE)
    assert found(graph(node("a", late, x="b", y=END), node("b", default="a"))) == []


@pytest.mark.parametrize(
    ("timeout", "ways", "paths"),
    [
        # What is waited for may be there already, so only who leaves by the timeout has waited.
        (MINUTE, {"x": "a", "timeout": END}, ["/nodes/a/next_nodes/x"]),
        (MINUTE, {"x": END, "timeout": "a"}, []),
        (MINUTE, {"default": "a"}, ["/nodes/a/next_nodes/default"]),
        (timedelta(), {"x": END, "timeout": "a"}, ["/nodes/a/next_nodes/timeout"]),
    ],
)
def test_only_the_timeout_of_a_wait_for_an_event_takes_time(timeout, ways, paths):
    waiting = node("a", await_("x", timeout=timeout), **ways)
    assert [path for rule, path in found(graph(waiting)) if rule == LOOP] == paths
    assert found(graph(node("a", wait(), await_("x", timeout=timeout), x="a", timeout="a"))) == []


def test_a_label_called_timeout_is_one_like_others_elsewhere():
    assert found(graph(node("a", fork("timeout", "y"), timeout="a", y=END))) == [(LOOP, "/nodes/a/next_nodes/timeout")]


def test_a_node_called_end_may_close_a_loop():
    assert found(graph(node("a", default=END), node(END, default="a"))) == [(LOOP, "/nodes/a/next_nodes/default")]


def test_the_message_shows_the_shortest_loop():
    nodes = [node("a", x="b", y="c"), node("b", x="c"), node("c", x="a")]
    assert '"a" -> "b" -> "c" -> "a";' in check(graph(*nodes))[0].message
    long = [node(f"n{number}", x=f"n{(number + 1) % 100}") for number in range(100)]
    assert '"n0" -> "n1" -> "n2" -> "n3" -> "n4" -> "n5" -> ... -> "n0";' in check(graph(*long))[0].message


durations = st.sampled_from([timedelta(), MINUTE])
names = st.sampled_from("abcde")
targets = st.none() | names | st.just(END)
actions = st.builds(
    Action,
    st.just("x"),
    st.builds(UpdateSegments) | st.builds(Wait, durations),
    delay=st.sampled_from([timedelta(), timedelta(), MINUTE]),
    success_path=targets,
    failure_path=targets,
)
graphs = st.fixed_dictionaries(
    {
        name: st.builds(
            Node,
            st.just(name),
            st.just(name),
            actions=st.lists(actions, max_size=3),
            next_nodes=st.dictionaries(st.sampled_from("xy"), names | st.just(END), max_size=2),
        )
        for name in "abcde"
    }
)


def moves(workflow: Workflow, place: tuple[str, int]) -> Iterator[tuple[str, int]]:
    """Where a run may be next without any time having passed, action by action."""
    node_here, index = workflow.nodes[place[0]], place[1]
    if index == len(node_here.actions):
        yield from ((target, 0) for target in node_here.next_nodes.values() if target != END)
        return
    action = node_here.actions[index]
    if action.delay or (isinstance(action.do, Wait) and action.do.duration):
        return
    yield (place[0], index + 1)
    yield from ((target, 0) for target in (action.success_path, action.failure_path) if target not in {None, END})


def goes_round(workflow: Workflow) -> bool:
    """Whether some place can be come back to without waiting: tried out place by place."""
    for name, one in workflow.nodes.items():
        for index in range(len(one.actions) + 1):
            seen: set[tuple[str, int]] = set()
            pending = list(moves(workflow, (name, index)))
            while pending:
                place = pending.pop()
                if place not in seen:
                    seen.add(place)
                    pending += moves(workflow, place)
            if (name, index) in seen:
                return True
    return False


@given(graphs)
def test_loops_are_those_that_a_walk_of_every_place_finds(nodes):
    workflow = Workflow("w", "W", trigger=TRIGGER, nodes=nodes, entry_node="a")
    rules = {finding.rule for finding in check(workflow)}
    assert (LOOP in rules) == goes_round(workflow)
    assert "unknown_target" not in rules


@given(graphs)
def test_nodes_out_of_reach_are_those_that_no_walk_comes_to(nodes):
    workflow = Workflow("w", "W", trigger=TRIGGER, nodes=nodes, entry_node="a")
    reached = {"a"}
    for _ in nodes:
        for name in sorted(reached):
            one = nodes[name]
            paths = [path for action in one.actions for path in (action.success_path, action.failure_path)]
            reached |= {target for target in (*paths, *one.next_nodes.values()) if target in nodes}
    told = {finding.path for finding in check(workflow) if finding.rule == "unreachable_node"}
    assert told == {f"/nodes/{name}" for name in nodes if name not in reached}


@pytest.mark.parametrize(
    "step",
    [
        pytest.param(lambda number: {"x": f"n{(number + 1) % 10_000}"}, id="one loop"),
        pytest.param(
            lambda number: {"x": f"n{min(number + 1, 9_999)}", "y": f"n{max(number - 1, 0)}"}, id="back and forth"
        ),
        pytest.param(lambda number: {"x": f"n{number}", "y": f"n{(number * 7) % 10_000}"}, id="many loops"),
        pytest.param(
            lambda number: {"x": f"n{number ^ 1}", "y": f"n{min(number | 1, 9_998) + 1}"}, id="pairs in a chain"
        ),
    ],
)
def test_10_000_nodes_need_no_stack(step):
    nodes = [node(f"n{number}", **step(number)) for number in range(10_000)]
    limit = sys.getrecursionlimit()
    findings = check(graph(*nodes))
    assert sys.getrecursionlimit() == limit
    assert LOOP in {finding.rule for finding in findings}
    assert max(len(finding.message) for finding in findings) < 500


def test_a_chain_of_10_000_nodes_is_clean():
    nodes = [node(f"n{number}", act(), default=f"n{number + 1}") for number in range(9_999)]
    assert found(graph(*nodes, node("n9999", default=END))) == []


# ------------------------------------------------------------------------------------------------------------
# Warnings


def test_a_node_reached_only_by_a_path_or_by_another_label_is_reached():
    workflow = graph(
        node("a", act(success_path="b"), act("2", failure_path="c"), odd="d"),
        node("b"),
        node("c"),
        node("d"),
        node("e"),
    )
    assert found(workflow) == [("unreachable_node", "/nodes/e")]


def test_nodes_that_only_reach_each_other_are_out_of_reach():
    nodes = [node("a"), node("b", wait(), default="c"), node("c", default="b")]
    assert found(graph(*nodes)) == [("unreachable_node", "/nodes/b"), ("unreachable_node", "/nodes/c")]


@pytest.mark.parametrize(
    ("ways", "findings"),
    [
        ({"x": END, "y": END, "z": END}, []),
        ({"default": END}, []),
        ({"x": END, "default": END}, []),
        (
            {"y": END},
            [
                ("label_without_way", "/nodes/a/actions/1/parameters/cases/0/label"),
                ("label_without_way", "/nodes/a/actions/1/parameters/otherwise"),
            ],
        ),
        ({"default": END, "X": END}, [("edge_never_taken", "/nodes/a/next_nodes/X")]),
        ({"default": END, "success": END}, [("edge_never_taken", "/nodes/a/next_nodes/success")]),
        ({"default": END, "exhausted": END}, [("edge_never_taken", "/nodes/a/next_nodes/exhausted")]),
    ],
)
def test_labels_and_ways_that_do_not_meet_are_told(ways, findings):
    assert of_labels(graph(node("a", act(), fork("x", "y", "z"), **ways))) == findings


@pytest.mark.parametrize(
    ("timeout", "ways", "findings"),
    [
        (MINUTE, {"x": END, "y": END, "timeout": END}, []),
        (MINUTE, {"default": END}, []),
        (
            MINUTE,
            {"x": END},
            [
                ("label_without_way", "/nodes/a/actions/0/parameters/branches/1/label"),
                ("label_without_way", "/nodes/a/actions/0/parameters/timeout"),
            ],
        ),
        (None, {"x": END, "y": END}, []),
        (None, {"default": END, "timeout": END}, [("edge_never_taken", "/nodes/a/next_nodes/timeout")]),
        (MINUTE, {"default": END, "z": END}, [("edge_never_taken", "/nodes/a/next_nodes/z")]),
    ],
)
def test_labels_and_ways_of_a_wait_that_do_not_meet_are_told(timeout, ways, findings):
    assert of_labels(graph(node("a", await_("x", "y", timeout=timeout), **ways))) == findings


def test_the_way_for_visits_that_are_spent_is_taken_where_there_is_a_bound():
    ways = {"default": END, "exhausted": END}
    assert of_labels(graph(Node("a", "A", actions=[fork("x", "y")], next_nodes=ways, max_visits=1))) == []
    assert of_labels(graph(Node("a", "A", actions=[leave()], next_nodes={"exhausted": END}, max_visits=1))) == []


def test_behind_an_exit_no_way_is_taken_and_nothing_is_reached():
    assert of_labels(graph(node("a", leave(), default="b"), node("b"))) == [
        ("unreachable_node", "/nodes/b"),
        ("edge_never_taken", "/nodes/a/next_nodes/default"),
    ]
    assert of_labels(graph(node("a", leave(), default="nowhere")))[0] == (
        "unknown_target",
        "/nodes/a/next_nodes/default",
    )
    assert of_labels(graph(node("a", act(failure_path="b"), leave()), node("b"))) == []


@pytest.mark.parametrize(
    ("condition", "everything"),
    [
        (ALWAYS, True),
        (AllOf((ALWAYS, EventHas({}), SubscriberHas({}), EngagementAtLeast({}))), True),
        (AnyOf((EventIs(("a",)), ALWAYS)), True),
        (EventIs(("a",)), False),
        (AllOf((ALWAYS, EventIs(("a",)))), False),
        (AnyOf((EventIs(("a",)),)), False),
        (EventHas({"x": Equals(None)}), False),
        (ValueAtLeast(0), False),
        (Not(EventIs(("a",))), False),
        (Not(ALWAYS), False),
    ],
)
def test_a_trigger_that_matches_everything_is_told(condition: Condition, everything: bool):
    findings = findings_of(graph(node("a"), trigger=Trigger("t", condition=condition)))
    assert [finding.rule for finding in findings] == ["matches_everything"] * everything
    assert all(finding.severity is Severity.WARNING for finding in findings)
    assert all(finding.path == "/trigger/conditions" for finding in findings)


def test_a_trigger_by_the_clock_is_for_everybody():
    daily = Schedule(Every(Unit.DAY, time(9)))
    trigger = Trigger("t", trigger_type=TriggerType.TIME_BASED, schedule=daily)
    assert found(graph(node("a"), trigger=trigger)) == []


@pytest.mark.parametrize(("on", "advice"), [(On.EVENT, "an event_type"), (On.ENTER, "what is to hold")])
def test_what_to_do_about_a_trigger_that_matches_everything_depends_on_what_it_fires_on(on: On, advice: str):
    trigger = Trigger("t", trigger_type=TriggerType.CONDITION_BASED, on=on, cooldown=MINUTE)
    (finding,) = check(graph(node("a"), trigger=trigger))
    assert finding.rule == "matches_everything"
    assert finding.message.endswith(f"name {advice}")


PRO = SubscriberHas({"plan": Equals("pro")})


@pytest.mark.parametrize("on", On)
def test_a_condition_trigger_that_lets_the_same_subscriber_in_without_end_is_told(on: On):
    trigger = Trigger("t", trigger_type=TriggerType.CONDITION_BASED, condition=PRO, on=on)
    (finding,) = check(graph(node("a"), trigger=trigger))
    assert (finding.rule, finding.severity, finding.path) == ("reentry_unlimited", Severity.WARNING, "/trigger")
    assert "cooldown_hours" in finding.message


@pytest.mark.parametrize(
    "bound",
    [
        {"cooldown": MINUTE},
        {"max_executions": 1},
        {"entry": EntryPolicy(max_concurrent=1)},
        {"entry": EntryPolicy(reentry=Reentry.NEVER)},
        {"entry": EntryPolicy(reentry=Reentry.AFTER_EXIT)},
        {"trigger_type": TriggerType.BEHAVIOR_BASED},
        {"trigger_type": TriggerType.COMPOSITE},
        {"trigger_type": TriggerType.TIME_BASED, "schedule": Schedule(Every(Unit.DAY, time(9)))},
    ],
    ids=str,
)
@pytest.mark.parametrize("on", On)
def test_any_bound_on_coming_in_again_is_enough_and_events_need_none(on: On, bound: dict[str, object]):
    fields = {"trigger_type": TriggerType.CONDITION_BASED, "condition": PRO, "on": on} | bound
    assert found(graph(node("a"), trigger=Trigger("t", **fields))) == []


def test_how_many_enter_in_all_is_no_bound_for_one_of_them():
    trigger = Trigger("t", trigger_type=TriggerType.CONDITION_BASED, condition=PRO, max_executions_total=1_000)
    assert found(graph(node("a"), trigger=trigger)) == [("reentry_unlimited", "/trigger")]
