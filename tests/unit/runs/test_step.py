"""The law of the state machine."""

from datetime import UTC, datetime

from flowkit.events import NO_FACTS
from flowkit.runs.effects import WOKEN, Started
from flowkit.runs.model import Run, State, Status, Waiting
from flowkit.runs.program import compile_workflow
from flowkit.runs.step import MAX_STEPS, step
from flowkit.triggers.model import Trigger
from flowkit.workflows.model import Action, CheckEngagement, Node, Workflow

NOW = datetime(2026, 1, 1, tzinfo=UTC)
CHECK = Action("check", CheckEngagement())
NEW = Run("0" * 32, "s", "w", 1, 0, "{}", State(), None)


def test_a_turn_does_not_come_between_a_decision_and_its_way_out():
    """Whatever number of steps lies before a check, it leaves by what it decided."""
    for before in range(MAX_STEPS + 2):
        empty = [Node(f"n{i}", "", next_nodes={"default": f"n{i + 1}"}) for i in range(before)]
        check = Node(f"n{before}", "", actions=[CHECK], next_nodes={"engaged": "right", "default": "wrong"})
        nodes = [*empty, check, Node("right", ""), Node("wrong", "")]
        program = compile_workflow(Workflow("w", "W", trigger=Trigger("t"), nodes=nodes, entry_node="n0"), 1)
        run, entries = step(program, NEW, Started(), NO_FACTS, NOW)
        while run.state.waiting is Waiting.TURN and run.status is Status.ACTIVE:
            run, more = step(program, run, WOKEN, NO_FACTS, NOW)
            entries += more
        assert (run.status, run.due) == (Status.COMPLETED, None)
        assert [entry.data["by"] for entry in entries if entry.node == f"n{before}" and "by" in entry.data] == [
            "engaged"
        ]
