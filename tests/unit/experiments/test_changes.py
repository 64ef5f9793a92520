"""Changes: each gives another workflow, and leaves the one that it was applied to as it is."""

from datetime import timedelta

import pytest
from attrs import evolve

from flowkit import EventIs, Node, Split, Trigger, Way, dump_workflow
from flowkit.experiments.changes import (
    ChangeContent,
    ChangeCta,
    ChangeOrder,
    ChangeParameter,
    ChangePersonalization,
    ChangeRoute,
    ChangeSubject,
    ChangeTiming,
    ChangeWeights,
    ReplaceNode,
    SkipNode,
    apply,
)
from flowkit.experiments.compiling import compile_variants
from flowkit.workflows.diff import diff
from flowkit.workflows.model import Action, SendEmail, Wait, Workflow
from tests.support.experiments import subject_test, welcome_series

FORK = Workflow(
    "fork",
    "Fork",
    trigger=Trigger("t", condition=EventIs(("signup",))),
    nodes=[
        Node(
            "start",
            "Start",
            actions=[Action("pause", Wait(timedelta(hours=1))), Action("fork", Split([Way("a", 1), Way("b", 1)]))],
            next_nodes={"a": "one", "b": "two"},
        ),
        Node("one", "One", actions=[Action("send", SendEmail("one")), Action("wait", Wait(timedelta(days=1)))]),
        Node("two", "Two", actions=[Action("send", SendEmail("two"))]),
    ],
)


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (ChangeSubject("one", "Hello"), 'one / send: subject is "Hello" instead of none'),
        (ChangeContent("one", "other"), 'one / send: template_id is "other" instead of "one"'),
        (ChangeTiming("one", timedelta(hours=2)), "one / wait: waits 2 hours instead of 1 day, 22 hours shorter"),
        (ChangePersonalization("one", personalization=False), "one / send: personalization is false instead of true"),
        (ChangeCta("two", "Buy"), 'two / send: parameters has cta of "Buy"'),
        (ChangeParameter("two", "topic", "news"), 'two / send: topic is "news" instead of none'),
        (ChangeWeights("start", {"a": 1, "b": 9}), "start / fork: ways is a 1, b 9 instead of a 1, b 1"),
        (ChangeRoute("start", {"b": "end"}), "start: b leads to end instead of two"),
    ],
)
def test_a_change_is_the_difference(change, said):
    before = dump_workflow(FORK)
    after = apply(change, FORK)
    assert dump_workflow(FORK) == before
    assert diff(FORK, after).text == said


def test_the_order_of_a_nodes_actions():
    node = apply(ChangeOrder("one", ("wait", "send")), FORK).nodes["one"]
    assert [one.action_id for one in node.actions] == ["wait", "send"]


def test_a_node_that_is_skipped_does_nothing_and_leads_on():
    node = apply(SkipNode("start", "b"), FORK).nodes["start"]
    assert (node.actions, node.next_nodes) == ((), {"default": "two"})


def test_a_parameter_is_taken_away_by_none():
    after = apply(ChangeParameter("two", "topic", "news"), FORK)
    assert apply(ChangeParameter("two", "topic", None), after) == FORK


def test_a_node_is_replaced():
    by = Node("two", "Another", actions=[])
    assert apply(ReplaceNode("two", by), FORK).nodes["two"] is by


def test_variants_are_compiled_and_linted():
    compiled = compile_variants(subject_test(), welcome_series())
    assert compiled.workflows["control"] == welcome_series()
    [action] = compiled.workflows["variant_a"].nodes["start"].actions
    assert isinstance(action.do, SendEmail)
    assert action.do.subject == "variant_a"
    assert compiled.findings == {"control": (), "variant_a": ()}


def test_what_the_lint_says_of_a_variant_alone_is_told():
    skipped = subject_test(
        variants=[
            *subject_test().variants[:1],
            evolve(subject_test().variants[1], changes=[ChangeRoute("start", {"default": "end"})]),
        ]
    )
    found = compile_variants(skipped, welcome_series()).findings["variant_a"]
    assert "unreachable_node" in {one.rule for one in found}
