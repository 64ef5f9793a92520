"""Whoever needs no desk is let in as at a desk: the same runs, journal and counts, whatever else is in the batch.

An engine that keeps an eye on the data (``fault_reports``) sends everybody to a desk, and decides nothing else by it.
"""

from typing import NamedTuple

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from flowkit.adapters.clock import VirtualClock
from flowkit.conditions import Equals, EventHas, SubscriberHas
from flowkit.engine.ingest import Lane
from flowkit.engine.sync import Engine
from flowkit.events import Event, Facts
from flowkit.runs.consent import SuppressionReason
from flowkit.stores.memory import MemoryStore
from flowkit.testing.recording import RecordingSender
from flowkit.triggers.model import EntryPolicy, On, Reentry, TriggerType
from flowkit.workflows.control import Exit
from flowkit.workflows.model import Action
from tests.support.journeys import DAY, HOUR, START, node, send, signups, sqlite_store, wait, workflow

PLAIN = [
    workflow(workflow_id="plain", cooldown=HOUR),
    workflow(node("start", wait()), workflow_id="waits", condition=EventHas({"source": Equals("web")})),
    workflow(node("start", Action("end", Exit("over"))), workflow_id="ends", event="click"),
    workflow(node("start", send()), workflow_id="never", event="click", entry=EntryPolicy(reentry=Reentry.NEVER)),
]
OTHERS = [
    workflow(workflow_id="filtered", event="click", entry=EntryPolicy(filter=SubscriberHas({"vip": Equals(True)}))),
    workflow(workflow_id="once", event="click", entry=EntryPolicy(max_concurrent=1)),
    workflow(workflow_id="few", event="click", max_executions_total=2),
    workflow(
        workflow_id="level",
        condition=SubscriberHas({"vip": Equals(True)}),
        trigger_type=TriggerType.CONDITION_BASED,
        on=On.ENTER,
    ),
]


class Came(NamedTuple):
    """An event: its type, whose it is, its number if it has one, and where it came from."""

    kind: str
    subscriber: str
    number: int | None
    source: str | None


class Reports:
    def report(self, faults):
        del faults


class Profiles:
    def facts(self, ids, needs):
        del needs
        return {name: Facts({"vip": name < "c"}) for name in ids if name != "d"}

    def change(self, changes):
        raise AssertionError(changes)


came = st.builds(
    Came,
    st.sampled_from(["signup", "signup", "click", "purchase", "email_bounce"]),
    st.sampled_from("abcdefgh"),
    st.sampled_from([None, *range(12)]),
    st.sampled_from([None, "web", "shop"]),
)
batches = st.lists(st.tuples(st.integers(0, 2), st.lists(came, max_size=10)), max_size=5)


def event(one):
    properties = {} if one.source is None else {"source": one.source}
    return Event(one.kind, one.subscriber, id=None if one.number is None else str(one.number), properties=properties)


def engine(store, workflows, **ports):
    made = Engine(store, sender=RecordingSender(), profiles=Profiles(), clock=VirtualClock(START), **ports)
    for one in workflows:
        made.publish(one)
    made.suppress(["a"], reason=SuppressionReason.MANUAL)
    return made


@settings(max_examples=150)
@given(
    st.lists(st.sampled_from(PLAIN), min_size=1, unique_by=id),
    st.lists(st.sampled_from(OTHERS), max_size=1),
    batches,
    st.booleans(),
)
def test_it_is_as_at_a_desk(plain, others, sequence, paused):
    workflows = [*plain, *others]
    aside, at_desks = (engine(MemoryStore(), workflows, **ports) for ports in ({}, {"fault_reports": Reports()}))
    now = START
    for hours, batch in sequence:
        now += hours * HOUR
        if paused and hours == 2:
            for one in (aside, at_desks):
                one.pause(plain[0].workflow_id, now=now)
        events = [event(one) for one in batch]
        assert aside.ingest(events, now=now) == at_desks.ingest(events, now=now)
        assert aside.runs() == at_desks.runs()
        assert aside.journal() == at_desks.journal()


@pytest.fixture
def entered(monkeypatch):
    """How many a lane has let in."""
    taken = []
    take = Lane.take

    def counted(lane, *asked):
        found = take(lane, *asked)
        taken.append(found is not None)
        return found

    monkeypatch.setattr(Lane, "take", counted)
    return taken


def test_who_enters_by_an_event_alone_needs_no_desk(entered, tmp_path):
    with sqlite_store(tmp_path / "flowkit.db", synchronous="NORMAL") as store:
        for kept in (MemoryStore(), store):
            made = engine(kept, PLAIN[:1])
            assert made.ingest([*signups(5), Event("signup", "a", id="1")], now=START).started == 5
            assert made.ingest([*signups(6), Event("other", "s9", id="1")], now=START + DAY).started == 1
            assert entered == [*[True] * 5, False, *[False] * 5, True, False]
            entered.clear()
