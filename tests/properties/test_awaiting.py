"""Waits for what happens, under any schedule: the way out is the one that a plain reading of the rules gives."""

from datetime import timedelta

from attrs import frozen
from hypothesis import event, given, settings
from hypothesis import strategies as st

from flowkit.adapters.clock import VirtualClock
from flowkit.adapters.profiles import MemoryProfiles
from flowkit.conditions import Duration, parse
from flowkit.engine.sync import Engine
from flowkit.events import NO_NEEDS, Event
from flowkit.runs.model import Kind
from flowkit.stores.memory import MemoryStore
from flowkit.testing.recording import RecordingSender
from flowkit.workflows.control import Awaited, Case, LookBack, WaitForEvent
from flowkit.workflows.model import Action
from tests.support.journeys import HOUR, START, node, send, signup, told, wait, workflow

KINDS = ["purchase", "click", "visit"]
TWICE = parse({"performed": {"event": "visit", "since": "workflow_start", "count": {"$gte": 2}}})
END = 30


@frozen
class Plan:
    """What a run waits for, and what happens; all times are hours after its entry.

    Attributes:
        branches: The branches in order, by name.
        look_back: From when on events count, or how many hours back.
        sent: When the message is sent.
        rest: How long after it the run comes to the wait.
        timeout: How long it waits there.
        events: What happens: when it comes in, how long before that it occurred, and what it is.
        workers: The hours after the arrival at which due work is done.
    """

    branches: tuple[str, ...]
    look_back: LookBack | int
    sent: int
    rest: int
    timeout: int | None
    events: tuple[tuple[int, int, str], ...]
    workers: frozenset[int]

    @property
    def arrival(self):
        return self.sent + self.rest


plans = st.builds(
    Plan,
    st.permutations(["purchase", "click", "twice"]).flatmap(
        lambda names: st.integers(1, 3).map(lambda count: tuple(names[:count]))
    ),
    st.sampled_from(LookBack) | st.integers(1, 8),
    st.integers(1, 4),
    st.integers(0, 4),
    st.none() | st.integers(0, 8),
    st.lists(st.tuples(st.integers(1, 20), st.integers(0, 6), st.sampled_from(KINDS)), max_size=7).map(
        lambda some: tuple(sorted(some, key=lambda one: one[0]))
    ),
    st.frozensets(st.integers(1, 20)),
)


def since(plan):
    """From which hour on events count."""
    match plan.look_back:
        case LookBack.LAST_SEND:
            return plan.sent
        case LookBack.ARRIVAL:
            return plan.arrival
        case LookBack.ENTRY:
            return 0
        case span:
            return plan.arrival - span + 1  # What is just as old as the span counts no more.


def expected(plan):
    """The label that the run leaves by, None where it is still waiting, and how many events were late."""
    arrival, first = plan.arrival, since(plan)
    deadline = END + 1 if plan.timeout is None else arrival + plan.timeout
    place = {name: number for number, name in enumerate(plan.branches)}
    visits, gone, late = 0, False, 0
    for hour in range(arrival, END):
        found = []
        for came, ago, kind in plan.events:
            occurred = came - ago
            if came != hour and not came < hour == arrival:
                continue
            visits += kind == "visit" and occurred >= 0
            counts = kind in place and first <= occurred < deadline and is_known(plan, came)
            late += gone and counts
            if counts:
                found.append((occurred, place[kind], kind))
            if "twice" in place and visits >= 2 and (hour < deadline or hour == arrival):
                found.append((hour, place["twice"], "twice"))
            if found and hour > arrival and not gone:
                break  # Events that come in at one hour are taken one by one.
        if found and not gone:
            return min(found)[2], 0
        worked = hour in plan.workers or hour in {arrival, END - 1}
        gone = gone or (worked and hour >= deadline)
    return ("timeout", late) if gone else (None, 0)


def is_known(plan, came):
    """Whether an event that came in at an hour is one that the run may look back to."""
    if came > plan.arrival or isinstance(plan.look_back, int):
        return True
    return plan.look_back in {LookBack.ENTRY, LookBack.LAST_SEND}


def lived(plan, *, one_by_one):
    branches = [
        Case(name, TWICE) if name == "twice" else Awaited(name, parse({"event_type": name})) for name in plan.branches
    ]
    look_back = Duration(plan.look_back * 3600) if isinstance(plan.look_back, int) else plan.look_back
    timeout = None if plan.timeout is None else timedelta(hours=plan.timeout)
    waiting = Action("await", WaitForEvent(branches, timeout=timeout, look_back=look_back))
    ways = dict.fromkeys([*plan.branches, "timeout"], "rest")
    engine = Engine(
        MemoryStore(),
        clock=VirtualClock(START),
        profiles=MemoryProfiles({"s": {}}),
        sender=RecordingSender(needs=NO_NEEDS),
    )
    engine.publish(
        workflow(
            node("start", wait(plan.sent * HOUR), send(), wait(plan.rest * HOUR, "rest"), waiting, **ways),
            node("rest", wait(99 * 24 * HOUR)),
        )
    )
    engine.ingest([signup()])
    for hour in range(1, END):
        come = [
            Event(kind, "s", id=f"e{number}", occurred_at=START + (came - ago) * HOUR)
            for number, (came, ago, kind) in enumerate(plan.events)
            if came == hour
        ]
        for some in [[one] for one in come] if one_by_one else [come]:
            engine.ingest(some, now=START + hour * HOUR)
        if hour <= plan.arrival or hour in plan.workers or hour == END - 1:
            engine.advance(now=START + hour * HOUR)
    lines = engine.journal(limit=1000)
    decided = [line.entry.data["label"] for line in lines if line.entry.kind is Kind.DECIDED]
    late = sum(line.entry.kind is Kind.LATE for line in lines)
    return (decided[0] if decided else None, late), told(lines)


@given(plans)
@settings(max_examples=300, deadline=None)
def test_a_run_leaves_by_what_came_first(plan):
    found, journal = lived(plan, one_by_one=False)
    event(f"{found[0]}, late: {found[1]}")
    assert found == expected(plan)
    assert lived(plan, one_by_one=True) == (found, journal), "I10"


@given(plans)
@settings(max_examples=100, deadline=None)
def test_who_works_when_changes_no_way_out(plan):
    """However late a worker comes, unless it is so late that what came in meanwhile was in time."""
    (label, _), _ = lived(plan, one_by_one=False)
    busy = Plan(
        plan.branches, plan.look_back, plan.sent, plan.rest, plan.timeout, plan.events, frozenset(range(1, END))
    )
    (prompt, late), _ = lived(busy, one_by_one=False)
    assert label == prompt or (prompt == "timeout" and late)
