"""Splits: what was assigned before is kept, all else is drawn, and the journal says which."""

import pytest

from flowkit.events import NO_FACTS, Facts, Needs
from flowkit.hashing import assign
from flowkit.runs.effects import Asks, Started
from flowkit.runs.model import Entry, Kind, State, Status
from flowkit.runs.program import compile_workflow
from flowkit.runs.splits import Assigned
from flowkit.runs.step import Member, decide
from flowkit.workflows.control import Split, Way
from flowkit.workflows.model import Action
from tests.support.journeys import HOUR, NOW, node, wait, workflow
from tests.unit.runs.test_step import RUN_ID, Ride

OWN = "1:w:start"


def split(*weights, split_id=None, action_id="split", **fields):
    return Action(action_id, Split(map(Way, "abcd", weights), split_id=split_id), **fields)


def begun(*nodes, facts=Facts(subscriber_id="s"), workflow_id="w"):  # noqa: B008 - facts are a value
    program = compile_workflow(workflow(*nodes, workflow_id=workflow_id), 1)
    return decide(program, State(), Started(), facts, NOW, Member(RUN_ID, None, NOW))


def chosen(transition):
    return [entry.data["label"] for entry in transition.entries if entry.kind is Kind.DECIDED]


def test_a_label_is_drawn_by_workflow_node_and_subscriber():
    labels = {
        (workflow_id, place, who): chosen(
            begun(node(place, split(1, 1)), facts=Facts(subscriber_id=who), workflow_id=workflow_id)
        )[0]
        for workflow_id in ("w", "w:1")
        for place in ("start", "1:start")
        for who in map(str, range(40))
    }
    assert labels == {
        (workflow_id, place, who): assign(f"{len(workflow_id)}:{workflow_id}:{place}", who, [("a", 1), ("b", 1)])
        for workflow_id, place, who in labels
    }
    assert len({tuple(labels[w, p, str(n)] for n in range(40)) for w, p, _ in labels}) == 4


def test_splits_of_one_id_agree_wherever_they_stand():
    for who in map(str, range(40)):
        facts = Facts(subscriber_id=who)
        one = chosen(begun(node("start", split(1, 1, split_id="x")), facts=facts))
        other = chosen(begun(node("there", split(50, 50, split_id="x")), facts=facts, workflow_id="v"))
        assert one == other == [assign(":x", who, [("a", 1), ("b", 1)])]


def test_what_is_drawn_is_to_be_written_and_depends_on_what_was_read():
    transition = begun(node("start", split(3, 1)))
    assert transition.assigned == (Assigned(OWN, "a"),)
    assert [(one.path, one.value) for one in transition.reads] == [(f"assigned.{OWN}", None), ("drawn.start", "a")]
    assert not transition.own
    assert transition.entries[1] == Entry(
        Kind.DECIDED, "start", "split", {"label": "a", "share": 0.75, "assigned": "now"}
    )


@pytest.mark.parametrize("weights", [(1, 1), (0, 1), (1, 0), (1e-6, 1e6)])
@pytest.mark.parametrize("label", ["a", "b"])
def test_what_was_assigned_before_is_kept_whatever_the_weights(weights, label):
    transition = begun(node("start", split(*weights)), facts=Facts(subscriber_id="s", assigned={OWN: label}))
    assert chosen(transition) == [label]
    assert transition.assigned == ()
    assert [(one.path, one.value) for one in transition.reads] == [(f"assigned.{OWN}", label)]
    assert transition.entries[1].data["assigned"] == "before"


def test_a_label_that_is_gone_is_assigned_anew():
    transition = begun(node("start", split(0, 1)), facts=Facts(subscriber_id="s", assigned={OWN: "z"}))
    assert transition.assigned == (Assigned(OWN, "b", "z"),)
    assert transition.entries[1].data == {"label": "b", "share": 1.0, "assigned": "now"}


@pytest.mark.parametrize(
    ("ways", "left"),
    [
        ({"a": "m", "default": "n"}, ("a", "m")),
        ({"b": "m", "default": "n"}, ("default", "n")),
        ({"b": "m"}, ("default", "end")),
        ({"success": "m"}, ("default", "end")),
    ],
)
def test_a_split_leaves_by_its_label(ways, left):
    ride = Ride(
        node("start", split(1, 0), **ways), node("m", wait()), node("n", wait()), facts=Facts(subscriber_id="s")
    )
    assert ride.start().way == [("start", *left)]
    assert ride.state.status == (Status.COMPLETED if left[1] == "end" else Status.ACTIVE)


def test_a_split_may_be_postponed():
    ride = Ride(node("start", split(1, 0, delay=HOUR), a="m"), node("m", wait())).start()
    assert ride.state.node == "start"
    assert ride.wake().state.node == "m"


def test_a_step_draws_for_whom_the_run_is():
    """Where the facts do not say whose they are."""
    weights = [("a", 1), ("b", 1), ("c", 1), ("d", 1)]
    ride = Ride(node("start", split(1, 1, 1, 1)), facts=NO_FACTS).start()
    assert ride.entries[1].data["label"] == assign(OWN, "s", weights)


def test_two_splits_of_one_id_in_one_walk_agree_as_far_as_they_can():
    """What the first assigned is there for the second, and what the second has not is assigned anew."""
    gone = Action("split", Split([Way("c", 1)], split_id="x"))
    transition = begun(
        node("start", split(1, 0, split_id="x"), a="m"),
        node("m", split(1, 1, split_id="x"), a="n"),
        node("n", gone),
    )
    assert chosen(transition) == ["a", "a", "c"]
    assert transition.assigned == (Assigned(":x", "a"), Assigned(":x", "c", "a"))
    assert [entry.data["assigned"] for entry in transition.entries if entry.kind is Kind.DECIDED] == [
        "now",
        "before",
        "now",
    ]


def test_a_program_with_splits_asks_for_its_assignments_and_no_other_does():
    asked = begun(node("start", split(1, 1), a="m", b="m"), node("m", split(1, 1, split_id="x")), facts=None)
    assert asked == Asks(Needs(splits=frozenset({OWN, ":x"})))
    plain = compile_workflow(workflow(node("start", wait())), 1)
    assert (plain.needs, plain.personal, dict(plain.forks)) == (Needs(), False, {})
