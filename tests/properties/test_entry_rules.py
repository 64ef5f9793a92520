"""The rules of entry against a model that keeps a list of entries, and their limits whoever writes in between."""

from collections import defaultdict
from datetime import timedelta
from itertools import pairwise
from typing import NamedTuple

from hypothesis import given, settings
from hypothesis import strategies as st

from flowkit.adapters.clock import VirtualClock
from flowkit.engine.sync import Engine
from flowkit.events import Event
from flowkit.runs.model import Kind
from flowkit.stores.memory import MemoryStore
from flowkit.triggers.model import EntryPolicy, Reentry
from tests.support.between import Between
from tests.support.journeys import HOUR, START, node, wait, workflow

STAY = 2 * HOUR


class Rules(NamedTuple):
    reentry: Reentry
    cooldown: timedelta
    max_executions: int | None
    total: int | None
    concurrent: int | None
    key: str | None


class Knock(NamedTuple):
    """An event: how many hours after the one before, whose, and with which key."""

    hours: int
    subscriber: str
    key: str | None


OPEN = Rules(Reentry.ALWAYS, timedelta(), None, None, None, None)
# One rule or two at a time: where all are drawn at once, one of them hides the others.
CLOSED = [
    {"reentry": Reentry.NEVER},
    {"reentry": Reentry.AFTER_EXIT},
    {"cooldown": HOUR},
    {"cooldown": 3 * HOUR},
    {"max_executions": 2},
    {"total": 3},
    {"concurrent": 1},
    {"concurrent": 2},
    {"concurrent": 1, "key": "k"},
    {"concurrent": 2, "key": "k"},
]
rules = st.lists(st.sampled_from(CLOSED), min_size=1, max_size=2).map(
    lambda some: OPEN._replace(**{name: value for one in some for name, value in one.items()})
)
knocks = st.lists(
    st.builds(Knock, st.sampled_from([0, 0, 0, 1, 2]), st.sampled_from("ab"), st.sampled_from(["x", "y", None])),
    max_size=14,
)


def journey(asked):
    return workflow(
        node("start", wait(STAY)),
        event="knock",
        cooldown=asked.cooldown,
        max_executions=asked.max_executions,
        max_executions_total=asked.total,
        entry=EntryPolicy(reentry=asked.reentry, max_concurrent=asked.concurrent, key=asked.key),
    )


def event(number, knock):
    return Event("knock", knock.subscriber, id=str(number), properties={} if knock.key is None else {"k": knock.key})


def timed(sequence):
    now = START
    for number, knock in enumerate(sequence):
        now += knock.hours * HOUR
        yield now, number, knock


def modelled(asked, sequence):
    """Decide each event alone, from the list of all entries before: its id, and why it was refused."""
    entries = []
    decided = {}
    for now, number, knock in timed(sequence):
        own = [(at, key) for at, who, key in entries if who == knock.subscriber]
        living = [(at, key) for at, key in own if now < at + STAY]
        alike = living if asked.key is None else [one for one in living if one[1] == knock.key]
        reason = None
        if asked.reentry is Reentry.NEVER and own:
            reason = "reentry"
        elif asked.max_executions is not None and len(own) >= asked.max_executions:
            reason = "max_executions"
        elif asked.total is not None and len(entries) >= asked.total:
            reason = "max_executions_total"
        elif own and now < own[-1][0] + asked.cooldown:
            reason = "cooldown"
        elif asked.reentry is Reentry.AFTER_EXIT and living:
            reason = "reentry"
        elif asked.concurrent is not None and len(alike) >= asked.concurrent:
            reason = "max_concurrent"
        if reason is None:
            entries.append((now, knock.subscriber, knock.key))
        decided[str(number)] = reason
    return decided


def reasons(engine):
    """What became of each event that was refused, by subscriber in the order of the journal."""
    found = defaultdict(list)
    for line in engine.journal():
        if line.entry.kind is Kind.REFUSED:
            found[line.subscriber_id].append(line.entry.data["reason"])
    return dict(found)


@settings(max_examples=300)
@given(rules, knocks, st.booleans())
def test_what_is_let_in_is_what_the_model_lets_in(asked, sequence, together):
    """Whether the events of one instant come in one batch or alone."""
    engine = Engine(MemoryStore(), clock=VirtualClock(START))
    engine.publish(journey(asked))
    batches = defaultdict(list)
    for now, number, knock in timed(sequence):
        batches[now if together else (now, number)].append(event(number, knock))
    for place, events in batches.items():
        now = place if together else place[0]
        engine.advance(now=now)
        # A batch is decided subscriber by subscriber, so a limit of all is shared out in that order.
        engine.ingest(sorted(events, key=lambda one: one.subscriber_id), now=now)
    if together:
        sequence = in_order_of_batches(sequence)
    decided = modelled(asked, [knock for _, knock in sequence] if together else sequence)
    ids = [str(number) for number, _ in sequence] if together else list(decided)
    expected = {name for name, reason in zip(ids, decided.values(), strict=True) if reason is None}
    assert {run.event.id for run in engine.runs()} == expected
    refused = defaultdict(list)
    knocked = [knock for _, knock in sequence] if together else sequence
    for knock, reason in zip(knocked, decided.values(), strict=True):
        if reason is not None:
            refused[knock.subscriber].append(reason)
    assert reasons(engine) == refused


def in_order_of_batches(sequence):
    """The same events, those of one instant by subscriber, as steps in time that come to the same."""
    at_once = defaultdict(list)
    for now, number, knock in timed(sequence):
        at_once[now].append((number, knock))
    ordered, before = [], START
    for now, events in at_once.items():
        for number, knock in sorted(events, key=lambda one: one[1].subscriber):
            ordered.append((number, knock._replace(hours=(now - before) // HOUR)))
            before = now
    return ordered


@settings(max_examples=300)
@given(rules, st.lists(knocks, min_size=1, max_size=4), st.lists(st.integers(0, 3), max_size=6))
def test_no_limit_is_passed_whoever_writes_in_between(asked, batches, hours):
    """Another engine ingests between what this one recalls and what it commits."""
    store = MemoryStore()
    other = Engine(store, clock=VirtualClock(START))
    other.publish(journey(asked))
    counter = iter(range(10_000))
    now = START

    def happening(batch):
        events = [event(next(counter), knock) for knock in batch]
        return lambda: other.ingest(events, now=now)

    happenings = [happening(batch) for batch in batches[1:]]
    engine = Engine(Between(store, *happenings), clock=VirtualClock(START))
    own = [event(next(counter), knock) for knock in batches[0]]
    for index, number in enumerate([0, *hours]):
        now += number * HOUR
        other.advance(now=now)
        engine.ingest(own[index::6], now=now)
    entered = defaultdict(list)
    runs = other.runs()
    for run in runs:
        entered[run.subscriber_id].append((run.entered_at, run.event.properties.get("k")))
    assert asked.total is None or len(runs) <= asked.total
    for entries in entered.values():
        times = sorted(at for at, _ in entries)
        assert asked.max_executions is None or len(times) <= asked.max_executions
        assert asked.reentry is not Reentry.NEVER or len(times) == 1
        assert all(later >= earlier + asked.cooldown for earlier, later in pairwise(times))
        for at, key in entries:
            living = [one for one in entries if one[0] <= at < one[0] + STAY]
            assert asked.reentry is not Reentry.AFTER_EXIT or len(living) == 1
            alike = living if asked.key is None else [one for one in living if one[1] == key]
            assert asked.concurrent is None or len(alike) <= asked.concurrent
