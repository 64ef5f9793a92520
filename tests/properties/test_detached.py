"""Detached actions under any plan of delays: each is done once, never early, in the order that a plain clock gives."""

import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from attrs import frozen
from hypothesis import event, given, settings
from hypothesis import strategies as st

from flowkit.adapters.clock import VirtualClock
from flowkit.engine.sync import Engine
from flowkit.events import NO_NEEDS
from flowkit.ports import Store
from flowkit.runs.model import Kind, Status
from flowkit.stores.memory import MemoryStore
from flowkit.stores.sqlite import SqliteStore
from flowkit.testing.recording import RecordingSender
from flowkit.workflows.control import Exit
from flowkit.workflows.model import Action
from tests.support.journeys import DAY, HOUR, START, node, send, signup, wait, workflow

END = 80
LATE = frozenset(range(31, END + 1))


@frozen
class Plan:
    """What a run does, and when anybody looks after it; all times are hours.

    Attributes:
        steps: What comes one after the other: waits, messages that the run waits for and detached ones, each with its
            time or its delay.
        exits: Whether the run exits at its end.
        workers: The hours at which due work is done, up to 30; after that it is done at each.
        entries: When each subscriber enters.
        batch: How many runs a worker takes at once.
        keys: Whether the sender honours keys.
    """

    steps: tuple[tuple[str, int], ...]
    exits: bool
    workers: frozenset[int]
    entries: tuple[int, ...]
    batch: int
    keys: bool


plans = st.builds(
    Plan,
    st.lists(
        st.tuples(st.sampled_from(["wait", "send", "detached", "detached"]), st.integers(0, 6)), min_size=1, max_size=7
    ).map(tuple),
    st.booleans(),
    st.frozensets(st.integers(0, 30)),
    st.lists(st.integers(0, 3), min_size=1, max_size=4).map(tuple),
    st.sampled_from([1, 2, 500]),
    st.booleans(),
)


def journey(plan):
    actions = []
    for number, (kind, hours) in enumerate(plan.steps):
        name = f"a{number}"
        if kind == "wait":
            actions.append(wait(hours * HOUR, name))
        else:
            actions.append(send(name, name, delay=hours * HOUR, detached=kind == "detached"))
    if plan.exits:
        actions.append(Action("leave", Exit("enough")))
    return workflow(node("start", *actions))


def expected(plan, entered):
    """What is sent to somebody who entered at an hour, with the hour, in order; and the hour of the end."""
    sent: list[tuple[str, int]] = []
    beside: list[tuple[int, int]] = []  # When, and which step.
    at, due, over = 0, 0, None  # The step at hand, and when it is over.

    def walk(hour):
        nonlocal at, due, over
        while at < len(plan.steps):
            kind, hours = plan.steps[at]
            if kind == "send" or (kind == "wait" and hours):
                due = hour + hours
                return
            if kind == "detached":
                beside.append((hour + hours, at))
            at += 1
        over = hour
        if plan.exits:
            beside.clear()

    walk(entered)
    for hour in sorted(plan.workers | LATE):
        while hour >= entered:
            beside.sort()
            if beside and beside[0][0] <= hour and (over is not None or beside[0][0] <= due):
                sent.append((f"a{beside.pop(0)[1]}", hour))
            elif over is None and due <= hour:
                if plan.steps[at][0] == "send":
                    sent.append((f"a{at}", hour))
                at += 1
                walk(hour)
            else:
                break
    return sent, over


@contextmanager
def sqlite() -> Iterator[Store]:
    with tempfile.TemporaryDirectory() as folder:
        store = SqliteStore(Path(folder) / "flowkit.db", synchronous="NORMAL")
        try:
            yield store
        finally:
            store.close()


@contextmanager
def memory() -> Iterator[Store]:
    yield MemoryStore()


def lived(plan, kept):
    """What was sent to whom, with the hour; the lines of the ends; and the runs."""
    with kept() as store:
        sender = RecordingSender(needs=NO_NEEDS, key_window=DAY if plan.keys else None)
        engine = Engine(store, clock=VirtualClock(START), sender=sender, batch=plan.batch)
        engine.publish(journey(plan))
        sent: dict[str, list[tuple[str, int]]] = {f"s{number}": [] for number in range(len(plan.entries))}
        known = 0
        for hour in range(END + 1):
            now = START + hour * HOUR
            engine.ingest([signup(name) for name, at in zip(sent, plan.entries, strict=True) if at == hour], now=now)
            if hour in plan.workers | LATE:
                engine.advance(now=now)
            for message in sender.messages[known:]:
                sent[message.subscriber_id].append((message.template_id, hour))
            known = len(sender.messages)
        assert engine.next_due() is None
        ends = {
            line.subscriber_id: (line.at - START) // HOUR
            for line in engine.journal(limit=10_000)
            if line.entry.kind in {Kind.COMPLETED, Kind.EXITED}
        }
        return sent, ends, {run.status for run in engine.runs()}, sender


@given(plans, st.sampled_from([memory, memory, memory, sqlite]))
@settings(max_examples=150)
def test_each_is_sent_once_at_its_instant_and_an_exit_drops_them(plan, kept):
    sent, ends, statuses, sender = lived(plan, kept)
    oracle = {name: expected(plan, at) for name, at in zip(sent, plan.entries, strict=True)}
    assert sent == {name: messages for name, (messages, _) in oracle.items()}
    assert ends == {name: end for name, (_, end) in oracle.items()}, "the end is journaled when it is come to"
    assert statuses == {Status.EXITED if plan.exits else Status.COMPLETED}
    assert not sender.repeats
    detached = sum(kind == "detached" for kind, _ in plan.steps)
    event(f"dropped: {any(len(messages) < len(plan.steps) for messages in sent.values()) and detached > 0}")
