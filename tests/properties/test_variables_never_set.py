"""A condition is said to ask of what is never set exactly where no run that walks the workflow brings it along."""

from hypothesis import given
from hypothesis import strategies as st

from flowkit.conditions import Equals, EventIs, RunHas
from flowkit.triggers.model import Trigger, TriggerType
from flowkit.workflows.check import check
from flowkit.workflows.control import Branch, Case
from flowkit.workflows.model import Action, CallHandler, CallWebhook, Node, Workflow

NODES = "abcd"
VARIABLES = "xy"
steps = st.sampled_from([f"set {name}" for name in VARIABLES] + [f"ask {name}" for name in VARIABLES] + ["anything"])
plans = st.fixed_dictionaries(
    {name: st.tuples(st.lists(steps, max_size=3), st.lists(st.sampled_from(NODES), max_size=2)) for name in NODES}
)


def doing(index: int, step: str) -> Action:
    what, _, name = step.partition(" ")
    if what == "set":
        return Action(f"{index}", CallWebhook("https://example.com/", response={name: "at"}))
    if what == "anything":
        return Action(f"{index}", CallHandler("host"))
    asked = Case("yes", RunHas({name: Equals(1)}))
    return Action(f"{index}", Branch((asked,), otherwise="no"))


def made(plan) -> Workflow:
    nodes = [
        Node(
            name,
            name,
            actions=[doing(index, step) for index, step in enumerate(steps)],
            next_nodes={f"{number}": target for number, target in enumerate(targets)},
        )
        for name, (steps, targets) in plan.items()
    ]
    trigger = Trigger("t", condition=EventIs(("go",)), trigger_type=TriggerType.BEHAVIOR_BASED)
    return Workflow("w", "W", trigger=trigger, nodes=nodes, entry_node="a")


def brought(plan):
    """Walk with everything that may be in hand; give what is in hand wherever something is asked."""
    seen, waiting, asked = set(), [("a", frozenset())], {}
    while waiting:
        here = name, hand = waiting.pop()
        if here in seen:
            continue
        seen.add(here)
        steps, targets = plan[name]
        for index, step in enumerate(steps):
            what, _, variable = step.partition(" ")
            if what == "ask":
                asked.setdefault((name, index, variable), set()).update(hand)
            else:
                hand = hand | (set(VARIABLES) if what == "anything" else {variable})
        waiting += ((target, hand) for target in targets)
    return asked


@given(plans)
def test_what_no_walk_brings_along_is_found_and_nothing_else(plan):
    told = {finding.path for finding in check(made(plan)) if finding.rule == "variable_never_set"}
    assert told == {
        f"/nodes/{name}/actions/{index}/parameters/cases/0/when"
        for (name, index, variable), hand in brought(plan).items()
        if variable not in hand
    }
