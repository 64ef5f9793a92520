"""Several producers and workers over one store, their port calls interleaved at will: no result depends on it."""

import tempfile
from collections import Counter
from contextlib import contextmanager
from datetime import timedelta
from itertools import pairwise
from pathlib import Path

from attrs import evolve, frozen
from hypothesis import given, settings
from hypothesis import strategies as st

from flowkit.adapters.clock import VirtualClock
from flowkit.adapters.profiles import MemoryProfiles
from flowkit.engine.aio import AsyncEngine
from flowkit.engine.ingest import Ingested
from flowkit.events import Event, from_micros, to_micros
from flowkit.runs.effects import DONE
from flowkit.runs.model import Kind
from flowkit.stores.memory import MemoryStore
from flowkit.stores.sqlite import SqliteStore
from flowkit.testing.strategies import EVENT_TYPES, HANDLER, moods, people, schedules, workflows
from tests.support.journeys import DAY, HOUR, START, check, node, send, signup, stand, wait, workflow
from tests.support.worlds import GOOD, HORIZON, Receiver, Scenario, by_run


class _Pause:
    """Where a port call lets others go first."""

    def __await__(self):
        yield


class Pausing:
    """A port that lets others go first before each of its methods does anything."""

    def __init__(self, port):
        self._port = port

    def __getattr__(self, name):
        found = getattr(self._port, name)
        if not callable(found):
            return found

        async def method(*arguments, **options):
            await _Pause()
            given_back = found(*arguments, **options)
            return Pausing(given_back) if name == "attempts" else given_back

        return method

    async def __call__(self, requests):
        await _Pause()
        return self._port(requests)


class Unchanging(MemoryProfiles):
    """Profiles that take every change and apply none, so that no run reads what another one wrote."""

    def change(self, changes):
        return [DONE for _ in changes]


def interleaved(coroutines, turns):
    """Run coroutines to their end, one port call at a time; `turns` says whose turn it is."""
    results = {}
    alive = dict(enumerate(coroutines))
    while alive:
        index = list(alive)[next(turns) % len(alive)]
        try:
            alive[index].send(None)
        except StopIteration as stop:
            results[index] = stop.value
            del alive[index]
    return [results[index] for index in sorted(results)]


@frozen
class Crew:
    """How the work is shared out.

    Attributes:
        producers: How many take in events at the same time, each the events of some subscribers.
        workers: How many do what is due at the same time.
        batch: How many runs a worker takes at once.
        seed: Whose turn it is, when.
    """

    producers: int
    workers: int
    batch: int
    seed: list[int]


ALONE = Crew(1, 1, 500, [0])
crews = st.builds(
    Crew, st.integers(1, 3), st.integers(2, 4), st.integers(1, 3), st.lists(st.integers(0, 11), min_size=1, max_size=40)
)


def turns_of(crew):
    while True:
        yield from crew.seed


@contextmanager
def memory():
    yield MemoryStore()


@contextmanager
def sqlite():
    with tempfile.TemporaryDirectory() as folder:
        store = SqliteStore(Path(folder) / "flowkit.db", synchronous="NORMAL")
        try:
            yield store
        finally:
            store.close()


def leveled(line):
    """A line without a say on which of two runs of one subscriber was first at a split to which both came at once."""
    data = {name: value for name, value in line.entry.data.items() if name != "assigned"}
    return evolve(line, entry=evolve(line.entry, data=data))


def lived(scenario, crew, kept=memory):
    """Live through a scenario: at each moment the events first, and then what is due."""
    with kept() as store:
        receiver = Pausing(Receiver(scenario.mood, scenario.key_window))
        ports = {
            "profiles": Pausing(Unchanging(scenario.people)),
            "sender": receiver,
            "channels": {"sms": receiver},
            "webhooks": receiver,
            "handlers": {HANDLER: receiver},
        }
        members = [
            AsyncEngine(Pausing(store), clock=VirtualClock(START), batch=crew.batch, **ports)
            for _ in range(max(crew.producers, crew.workers))
        ]
        turns = turns_of(crew)
        for each in scenario.workflows:
            interleaved([members[0].publish(each)], turns)
        for moment in scenario.schedule:
            now = START + moment.after
            shares = [[] for _ in range(crew.producers)]
            for event in moment.events:
                shares[sum(event.subscriber_id.encode()) % crew.producers].append(event)
            interleaved([member.ingest(share, now=now) for member, share in zip(members, shares, strict=False)], turns)
            interleaved([member.advance(now=now) for member in members[: crew.workers]], turns)
        while (due := store.next_due()) is not None and due <= to_micros(HORIZON):
            now = from_micros(due)
            interleaved([member.advance(now=now) for member in members[: crew.workers]], turns)
        return by_run(map(leveled, store.lines(limit=1_000_000))), stand(store.runs(limit=1_000_000))


scenarios = st.builds(
    Scenario,
    st.tuples(workflows("a"), workflows("b", channels=("sms",))),
    schedules(),
    people(),
    moods(),
    st.sampled_from([None, timedelta(days=30)]),
)


@given(scenarios, crews)
def test_the_journal_of_each_run_does_not_depend_on_who_did_the_work(scenario, crew):
    """I6: neither on the number of workers, nor on batches, nor on whose claim came first."""
    assert lived(scenario, crew) == lived(scenario, ALONE)


@given(scenarios, crews)
@settings(max_examples=25)
def test_nor_does_it_in_sqlite(scenario, crew):
    assert lived(scenario, crew, sqlite) == lived(scenario, ALONE)


# ------------------------------------------------------------------------------------------------------------
# The rules of entry under races for the same subscriber

LIMITED = workflow(node("start", send(), wait()), workflow_id="limited", max_executions=2)
COOLED = workflow(node("start", send(), wait()), workflow_id="cooled", cooldown=DAY)
LISTENING = workflow(node("start", wait(2 * DAY)), workflow_id="free")
races = st.lists(
    st.tuples(
        st.integers(0, 72),
        st.lists(st.lists(st.tuples(st.sampled_from("st"), st.integers(0, 15)), max_size=6), max_size=4),
    ),
    max_size=5,
)


def crew_member(store, batch):
    return AsyncEngine(Pausing(store), clock=VirtualClock(START), sender=Pausing(Receiver(GOOD)), batch=batch)


@given(races, crews, st.sampled_from([memory, memory, memory, sqlite]))
def test_the_rules_of_entry_hold_under_any_interleaving(rounds, crew, kept):
    """I8: producers race for the same subscribers, while workers do what is due."""
    with kept() as store:
        turns = turns_of(crew)
        interleaved([crew_member(store, crew.batch).publish(each) for each in (LIMITED, COOLED, LISTENING)], turns)
        total = Ingested()
        for hours, producers in sorted(rounds, key=lambda one: one[0]):
            now = START + hours * HOUR
            batches = [[signup(name, str(number)) for name, number in batch] for batch in producers]
            work = [crew_member(store, crew.batch).ingest(batch, now=now) for batch in batches]
            work += [crew_member(store, crew.batch).advance(now=now) for _ in range(crew.workers)]
            for done in interleaved(work, turns)[: len(batches)]:
                total += done
        events = {(name, number) for _, producers in rounds for batch in producers for name, number in batch}
        given_in = sum(len(batch) for _, producers in rounds for batch in producers)
        assert (total.accepted, total.duplicates) == (len(events), given_in - len(events))
        lines = store.lines(limit=1_000_000)
        runs = store.runs(limit=1_000_000)
    assert len({run.id for run in runs}) == len(runs)
    entered = Counter((run.subscriber_id, run.workflow_id) for run in runs)
    refused = Counter((line.subscriber_id, line.workflow_id) for line in lines if line.entry.kind is Kind.REFUSED)
    for name in {name for name, _ in events}:
        mine = sum(subscriber == name for subscriber, _ in events)
        for workflow_id in ("limited", "cooled", "free"):
            assert entered[name, workflow_id] + refused[name, workflow_id] == mine, "each event is told of once"
        assert entered[name, "limited"] == min(2, mine)
        assert entered[name, "free"] == mine
        instants = sorted(run.entered_at for run in runs if (run.subscriber_id, run.workflow_id) == (name, "cooled"))
        assert all(later - earlier >= DAY for earlier, later in pairwise(instants))
        assert instants


@given(st.lists(st.sampled_from(EVENT_TYPES[:1] + EVENT_TYPES[2:3]), min_size=2, max_size=6), crews)
def test_an_event_is_counted_by_every_run_that_was_there_before_it(types, crew):
    """However it races with the workers: each open that came in after the entry is counted once."""
    counting = workflow(node("start", send(), wait(DAY), check(), engagement_threshold={"opens": 1}))
    store = MemoryStore()
    engines = [crew_member(store, 1) for _ in range(3)]
    turns = turns_of(crew)
    interleaved([engines[0].publish(counting)], turns)
    expected = []
    for number, kind in enumerate(types):
        work = [engines[0].ingest([Event(kind, "s", id=str(number))]), *(one.advance() for one in engines[1:])]
        interleaved(work, turns)
        expected = [count + (kind == "email_open") for count in expected] + [0] * (kind == "signup")
    assert [dict(run.state.counts).get("email_open", 0) for run in store.runs()] == expected
    interleaved([engines[1].advance()], turns)  # the workers may have been quicker than the last event
    assert {run.state.waiting for run in store.runs()} <= {"duration"}
