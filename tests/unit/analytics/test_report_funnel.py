"""The funnel of a journey: the way of most, and no way round in circles."""

from flowkit.analytics.metrics import NodeMetrics, WorkflowMetrics
from flowkit.analytics.report_funnel import FunnelStep, funnel_of
from flowkit.analytics.tally import Way
from tests.support.journeys import node, send, workflow


def metrics(visits, ways, *, begun=10, completed=0):
    nodes = {
        name: NodeMetrics(name, number, ways={Way(*way): count for way, count in ways.items() if way[0] == name})
        for name, number in visits.items()
    }
    return WorkflowMetrics("w", begun, completed, nodes=nodes)


def test_the_way_of_most_is_followed():
    journey = workflow(node("a", send(), one="b", other="c"), node("b", send()), node("c", send()))
    counts = metrics({"a": 10, "b": 3, "c": 5}, {("a", "one", "b"): 3, ("a", "x", "c"): 2, ("a", "other", "c"): 3})
    assert funnel_of(journey, counts) == [
        FunnelStep(None, 10, 1.0, None),
        FunnelStep("a", 10, 1.0, 1.0),
        FunnelStep("c", 5, 0.5, 0.5),
        FunnelStep(None, 0, 0.0, None),
    ]


def test_where_nobody_went_on_the_way_that_is_named_first_is_taken():
    journey = workflow(node("a", send(), one="b", other="end"), node("b", send()))
    assert [step.node_id for step in funnel_of(journey, metrics({}, {}, begun=0))] == [None, "a", "b", None]
    assert {step.of_begun for step in funnel_of(journey, metrics({}, {}, begun=0))} == {None}


def test_a_circle_is_left():
    journey = workflow(node("a", send(), default="b"), node("b", send(), again="a", done="end"))
    counts = metrics({"a": 90, "b": 90}, {("a", "default", "b"): 90, ("b", "again", "a"): 80}, completed=4)
    steps = funnel_of(journey, counts)
    assert [(step.node_id, step.count) for step in steps] == [(None, 10), ("a", 90), ("b", 90), (None, 4)]
    assert steps[1].of_begun == 9.0


def test_a_node_of_another_version_is_told_too():
    journey = workflow(node("a", send(), default="b"), node("b", send()))
    counts = metrics({"a": 9, "old": 8}, {("a", "default", "old"): 8})
    assert [step.node_id for step in funnel_of(journey, counts)] == [None, "a", "old", None]
