"""The law of the state machine."""

from datetime import UTC, datetime, timedelta

import pytest

from flowkit.events import NO_FACTS
from flowkit.runs.effects import WOKEN, Outcome, Result, Settled, Started
from flowkit.runs.model import Run, State, Status, Waiting
from flowkit.runs.program import compile_workflow
from flowkit.runs.step import MAX_STEPS, step
from flowkit.triggers.model import Trigger
from flowkit.workflows.model import Action, CheckEngagement, Node, SendEmail, Workflow

NOW = datetime(2026, 1, 1, tzinfo=UTC)
CHECK = Action("check", CheckEngagement())
SEND = Action("send", SendEmail("hello"))
NEW = Run("0" * 32, "s", "w", 1, 0, "{}", State(), None)


def program_of(*nodes):
    return compile_workflow(Workflow("w", "W", trigger=Trigger("t"), nodes=nodes, entry_node=nodes[0].node_id), 1)


def test_a_turn_does_not_come_between_a_decision_and_its_way_out():
    """Whatever number of steps lies before a check, it leaves by what it decided."""
    for before in range(MAX_STEPS + 2):
        empty = [Node(f"n{i}", "", next_nodes={"default": f"n{i + 1}"}) for i in range(before)]
        check = Node(f"n{before}", "", actions=[CHECK], next_nodes={"engaged": "right", "default": "wrong"})
        program = program_of(*empty, check, Node("right", ""), Node("wrong", ""))
        run, entries = step(program, NEW, Started(), NO_FACTS, NOW)
        while run.state.waiting is Waiting.TURN and run.status is Status.ACTIVE:
            run, more = step(program, run, WOKEN, NO_FACTS, NOW)
            entries += more
        assert (run.status, run.due) == (Status.COMPLETED, None)
        assert [entry.data["by"] for entry in entries if entry.node == f"n{before}" and "by" in entry.data] == [
            "engaged"
        ]


@pytest.mark.parametrize("asked", [timedelta.max, timedelta(days=400_000)])
def test_a_receiver_that_asks_for_patience_without_end_gets_a_hundred_years(asked):
    program = program_of(Node("start", "", actions=[SEND]))
    run, _ = step(program, NEW, Started(), NO_FACTS, NOW)
    run, _ = step(program, run, Settled(run.state.pending, Outcome(Result.RETRY, retry_after=asked)), NO_FACTS, NOW)
    assert run.due_at == NOW + timedelta(days=36_525)
