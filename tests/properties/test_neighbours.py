"""Runs of one subscriber, of which one reads what another changes: however many a worker takes at once."""

from hypothesis import event, given
from hypothesis import strategies as st

from flowkit.adapters.clock import VirtualClock
from flowkit.adapters.profiles import MemoryProfiles
from flowkit.conditions import parse
from flowkit.engine.sync import Engine
from flowkit.runs.model import Kind
from flowkit.stores.memory import MemoryStore
from flowkit.workflows.control import Branch, Case
from flowkit.workflows.model import Action, UpdateProfile
from tests.support.journeys import HOUR, START, node, signup, wait, workflow
from tests.support.worlds import by_run

PEOPLE = ("s", "t")
STEPS = ("wait", "on", "off", "ask")


def set_flag(value):
    return Action("set", UpdateProfile(set={"flag": value}))


def ask():
    return Action("ask", Branch([Case("is_on", parse({"subscriber_properties": {"flag": True}}))], otherwise="is_off"))


def journey(workflow_id, steps):
    """A node for each step; a branch leads on to the next one whatever it finds."""
    nodes = []
    for number, step in enumerate(steps):
        onward = f"n{number + 1}"
        match step:
            case "wait":
                nodes.append(node(f"n{number}", wait(HOUR), default=onward))
            case "ask":
                nodes.append(node(f"n{number}", ask(), is_on=onward, is_off=onward))
            case value:
                nodes.append(node(f"n{number}", set_flag(value == "on"), default=onward))
    return workflow(*nodes, node(f"n{len(steps)}", wait(9999 * HOUR)), workflow_id=workflow_id)


journeys = st.lists(st.lists(st.sampled_from(STEPS), min_size=1, max_size=6), min_size=2, max_size=4)


def lived(plans, hours, batch):
    profiles = MemoryProfiles({name: {"flag": False} for name in PEOPLE})
    store = MemoryStore()
    engine = Engine(store, clock=VirtualClock(START), profiles=profiles, batch=batch)
    for number, steps in enumerate(plans):
        engine.publish(journey(f"w{number}", steps))
    engine.ingest([signup(name, name) for name in PEOPLE], now=START)
    for hour in sorted(hours):
        engine.advance(now=START + hour * HOUR)
    lines = store.lines(limit=1_000_000)
    return by_run(lines), [line.entry.data["label"] for line in lines if line.entry.kind is Kind.DECIDED]


@given(journeys, st.frozensets(st.integers(0, 8), min_size=1), st.integers(1, 5))
def test_a_batch_changes_nothing(plans, hours, batch):
    """I10: they go one after the other, by their due instants and then by age."""
    one_by_one, labels = lived(plans, hours, 1)
    event(f"{len(set(labels))} labels")
    for size in (batch + 1, 500):
        assert lived(plans, hours, size)[0] == one_by_one
