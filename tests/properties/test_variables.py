"""Variables on engines, against a plain reading of what came back: for each run, in any batch, on either store."""

import json
import tempfile
from pathlib import Path

from attrs import frozen
from hypothesis import event, given, settings
from hypothesis import strategies as st

from flowkit.adapters.clock import VirtualClock
from flowkit.conditions import parse
from flowkit.engine.sync import Engine
from flowkit.runs.effects import Outcome, Result
from flowkit.runs.model import Kind
from flowkit.stores.memory import MemoryStore
from flowkit.stores.sqlite import SqliteStore
from flowkit.workflows.control import Branch, Case
from flowkit.workflows.model import Action, CallHandler, CallWebhook, Delivery
from tests.support.journeys import HOUR, START, node, signup, stand, wait, workflow
from tests.support.worlds import by_run

NAMES = ("a", "b", "c")
PEOPLE = ("s0", "s1", "s2", "s3")


@frozen
class Hook:
    """A webhook that reads some variables from the object ``r`` of its response."""

    names: tuple[str, ...]
    once: bool


@frozen
class Own:
    """An action of the host's own."""

    once: bool


@frozen
class Ask:
    """A branch on one variable."""

    name: str
    least: int


@frozen
class Pause:
    """A wait of an hour."""


steps = st.one_of(
    st.builds(Hook, st.lists(st.sampled_from(NAMES), min_size=1, max_size=2, unique=True).map(tuple), st.booleans()),
    st.builds(Own, st.booleans()),
    st.builds(Ask, st.sampled_from(NAMES), st.integers(0, 3)),
    st.just(Pause()),
)
values = st.dictionaries(st.sampled_from(NAMES), st.sampled_from([0, 1, 2, 3, None, "x", [1]]), max_size=3)
answers = st.one_of(values, values, st.sampled_from(["garbage", "nothing", "skipped"]))
plans = st.lists(steps, min_size=1, max_size=6).flatmap(
    lambda plan: st.tuples(
        st.just(plan),
        st.lists(st.lists(answers, min_size=len(plan), max_size=len(plan)), min_size=4, max_size=4),
    )
)


# ------------------------------------------------------------------------------------------------------------
# A plain reading


def expected(plan, given):
    """The labels that somebody takes, and the variables at the end."""
    known, labels = {}, []
    for step, answer in zip(plan, given, strict=True):
        match step:
            case Ask(name, least):
                value = known.get(name)
                labels.append("yes" if isinstance(value, int) and value >= least else "no")
            case Hook(names) if answer != "skipped":
                said = answer if isinstance(answer, dict) else {}
                known = {name: value for name, value in known.items() if name not in names}
                known |= {name: said[name] for name in names if said.get(name) is not None}
            case Own() if isinstance(answer, dict):
                known = {**known, **answer}
                known = {name: value for name, value in known.items() if value is not None}
            case _:
                pass
    return labels, known


# ------------------------------------------------------------------------------------------------------------
# Engines


def journey(plan):
    nodes = []
    for number, step in enumerate(plan):
        onward = f"n{number + 1}"
        match step:
            case Hook(names, once):
                response = {name: f"r.{name}" for name in names}
                do = CallWebhook("https://example.com", response=response, delivery=delivery(once))
                nodes.append(node(f"n{number}", Action("act", do), default=onward))
            case Own(once):
                do = CallHandler("own", delivery=delivery(once))
                nodes.append(node(f"n{number}", Action("act", do), default=onward))
            case Ask(name, least):
                cases = [Case("yes", parse({"variables": {name: {"$gte": least}}}))]
                nodes.append(node(f"n{number}", Action("act", Branch(cases, otherwise="no")), default=onward))
            case Pause():
                nodes.append(node(f"n{number}", wait(HOUR), default=onward))
    return workflow(*nodes, node(f"n{len(plan)}", wait(9999 * HOUR)))


def delivery(once):
    return Delivery.AT_MOST_ONCE if once else Delivery.AT_LEAST_ONCE


class Receiver:
    """Webhooks and a handler that answer by subscriber and node."""

    timeout = HOUR / 60

    def __init__(self, given, key_window):
        self.key_window = key_window
        self.given = dict(zip(PEOPLE, given, strict=True))

    def _answer(self, subscriber_id, at, *, wrap):
        answer = self.given[subscriber_id][int(at.removeprefix("n"))]
        match answer:
            case "garbage":
                return Outcome(Result.DONE, output="{")
            case "nothing":
                return Outcome(Result.DONE)
            case "skipped":
                return Outcome(Result.SKIPPED, "not wanted", output='{"a": 1, "r": {"a": 1}}')
            case _:
                return Outcome(Result.DONE, output=json.dumps({"r": answer} if wrap else answer))

    def call(self, requests):
        return [self._answer(one.body["subscriber_id"], one.body["node"], wrap=True) for one in requests]

    def __call__(self, requests):
        return [self._answer(one.subscriber_id, one.node, wrap=False) for one in requests]


def lived(plan, given, batch, key_window, store):
    receiver = Receiver(given, key_window)
    engine = Engine(store, clock=VirtualClock(START), webhooks=receiver, handlers={"own": receiver}, batch=batch)
    engine.publish(journey(plan))
    engine.ingest([signup(name) for name in PEOPLE])
    for hours in range(len(plan) + 1):
        engine.advance(now=START + hours * HOUR)
    lines = store.lines(limit=100_000)
    labels = {name: [] for name in PEOPLE}
    for line in lines:
        if line.entry.kind is Kind.DECIDED:
            labels[line.subscriber_id].append(line.entry.data["label"])
    variables = {run.subscriber_id: dict(run.variables) for run in engine.runs()}
    return {name: (labels[name], variables[name]) for name in PEOPLE}, by_run(lines), stand(engine.runs())


@given(plans, st.integers(1, 5), st.sampled_from([None, 9 * HOUR]))
def test_variables_are_what_came_back_last(drawn, batch, key_window):
    plan, given = drawn
    found, journal, runs = lived(plan, given, batch, key_window, MemoryStore())
    assert found == {name: expected(plan, one) for name, one in zip(PEOPLE, given, strict=True)}
    event(f"{len({repr(variables) for _, variables in found.values()})} sets of variables")
    assert lived(plan, given, 500, None, MemoryStore()) == (found, journal, runs)


@given(plans, st.integers(1, 5))
@settings(max_examples=30)
def test_where_they_are_kept_changes_nothing(drawn, batch):
    plan, given = drawn
    with tempfile.TemporaryDirectory() as folder:
        store = SqliteStore(Path(folder) / "flowkit.db", synchronous="NORMAL")
        try:
            assert lived(plan, given, batch, None, store) == lived(plan, given, 500, None, MemoryStore())
        finally:
            store.close()
