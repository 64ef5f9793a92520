"""Answers to a message that is still being sent: they count from the instant at which it went out."""

from datetime import datetime, timedelta

from attrs import define, field, frozen
from hypothesis import event, given, settings
from hypothesis import strategies as st

from flowkit.adapters.clock import VirtualClock
from flowkit.conditions import parse
from flowkit.engine.sync import Engine
from flowkit.events import NO_NEEDS, Event
from flowkit.runs.effects import DONE, Outcome, Result
from flowkit.runs.model import Kind
from flowkit.stores.memory import MemoryStore
from flowkit.testing.recording import RecordingSender
from flowkit.workflows.control import Awaited, WaitForEvent
from flowkit.workflows.model import Action
from tests.support.journeys import HOUR, START, node, send, signup, wait, workflow

KINDS = ("purchase", "click")
SECOND = timedelta(seconds=1)
ENDINGS = {
    "sent": DONE,
    "skipped": Outcome(Result.SKIPPED),
    "refused": Outcome(Result.FAILED, "refused"),
    "busy": Outcome(Result.RETRY),
}


@frozen
class Plan:
    """Two messages one after the other, and then a wait for an answer to the last one.

    Attributes:
        first: How the attempts at the first message end.
        second: How those at the second one end.
        answers: What comes in, by phase: phase 0 is before the first attempt, an odd one in mid-call, an even one after
            it. Each with its kind, and how many seconds before it comes in it occurred.
    """

    first: tuple[str, ...]
    second: tuple[str, ...]
    answers: tuple[tuple[int, str, int], ...]


attempts = st.tuples(st.integers(0, 2), st.sampled_from(["sent", "skipped", "refused"])).map(
    lambda one: (*["busy"] * one[0], one[1])
)
plans = st.builds(
    Plan,
    attempts,
    attempts,
    st.lists(
        st.tuples(st.integers(0, 12), st.sampled_from(KINDS), st.sampled_from([0, 1, 60, 1800, 5400, 30_000])),
        max_size=6,
    ).map(tuple),
)


@define
class World:
    """What came to pass: answers and attempts, in the order in which they did."""

    plan: Plan
    engine: Engine = field(init=False)
    now: datetime = START
    calls: int = 0
    arrived: int = 0
    came: list = field(factory=list)

    def answer(self, phase, now):
        for number, (when, kind, ago) in enumerate(self.plan.answers):
            if when == phase:
                occurred = now - ago * SECOND
                self.came.append((kind, occurred))
                self.engine.ingest([Event(kind, "s", id=f"e{number}", occurred_at=occurred)], now=now)


class Answered(RecordingSender):
    """Whoever gets its messages answers before the call is over."""

    def __init__(self, world, outcomes):
        super().__init__(outcomes, needs=NO_NEEDS)
        self.world = world

    def send(self, messages):
        world = self.world
        world.calls += 1
        [outcome] = super().send(messages)
        world.came.append((messages[0].template_id, world.now, outcome.result))
        world.answer(2 * world.calls - 1, world.now + SECOND)
        return [outcome]


def lived(plan):
    world = World(plan)
    endings = {"one": [ENDINGS[one] for one in plan.first], "two": [ENDINGS[one] for one in plan.second]}
    world.engine = Engine(MemoryStore(), clock=VirtualClock(START), sender=Answered(world, endings))
    branches = [Awaited(kind, parse({"event_type": kind})) for kind in KINDS]
    waiting = Action("await", WaitForEvent(branches, timeout=None))
    world.engine.publish(
        workflow(
            node("start", wait(HOUR), send("one", failure_path="again"), default="again"),
            node("again", wait(HOUR), send("two", failure_path="answer"), default="answer"),
            node("answer", waiting, **dict.fromkeys(KINDS, "rest")),
            node("rest", wait(9999 * HOUR)),
        )
    )
    world.engine.ingest([signup()], now=START)
    world.answer(0, START + HOUR / 2)
    for _ in range(len(plan.first) + len(plan.second)):
        world.now = world.engine.next_due()
        world.engine.advance(now=world.now)
        world.arrived = len(world.came)
        world.answer(2 * world.calls, world.now + 2 * SECOND)
    decided = [line.entry.data["label"] for line in world.engine.journal(limit=1000) if line.entry.kind is Kind.DECIDED]
    return world, decided


def expected(world):
    """The label that a plain reading of the rules gives."""
    instant = max([START, *(one[1] for one in world.came if one[0] not in KINDS and one[2] is Result.DONE)])
    counted = [
        (index < world.arrived, one[1], KINDS.index(one[0]))
        for index, one in enumerate(world.came)
        if one[0] in KINDS and one[1] >= instant
    ]
    at_arrival = sorted((occurred, place) for early, occurred, place in counted if early)
    later = [place for early, _, place in counted if not early]
    return [KINDS[place] for place in [*(place for _, place in at_arrival), *later][:1]]


@given(plans)
@settings(max_examples=300, deadline=None)
def test_an_answer_counts_from_the_instant_at_which_the_message_went_out(plan):
    world, decided = lived(plan)
    event(f"{decided}, last phase {2 * world.calls}")
    assert world.calls == len(plan.first) + len(plan.second)
    assert decided == expected(world)
