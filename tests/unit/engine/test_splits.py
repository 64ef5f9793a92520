"""Splits on engines: sticky over retries, re-entries and versions, in batches, and whoever writes first."""

import asyncio
from collections import Counter

import pytest
from scipy.stats import chi2_contingency

from flowkit.adapters.clock import VirtualClock
from flowkit.engine.aio import AsyncEngine
from flowkit.engine.sync import Engine
from flowkit.events import NO_NEEDS, Event
from flowkit.hashing import assign
from flowkit.runs.effects import DONE, Outcome, Result
from flowkit.runs.model import Kind, Status
from flowkit.stores.memory import MemoryStore
from flowkit.testing.recording import RecordingSender
from flowkit.workflows.control import Split, Way
from flowkit.workflows.model import Action, SendEmail
from tests.support.between import Between
from tests.support.journeys import (
    DAY,
    HOUR,
    START,
    node,
    send,
    signup,
    signups,
    sqlite_store,
    stand,
    told,
    wait,
    workflow,
)
from tests.support.worlds import Waiting


def split(*weights, labels="abcd", split_id=None):
    return Action("split", Split(map(Way, labels, weights), split_id=split_id))


def parting(*weights, before=(), **fields):
    """Whoever comes is split, gets a message of the label's, and stays."""
    given = {name: fields.pop(name) for name in ("labels", "split_id") if name in fields}
    labels = given.get("labels", "abcd")[: len(weights)]
    places = [node(label, send(label), wait(90 * DAY)) for label in labels]
    ways = {label: label for label in labels}
    return workflow(node("start", *before, split(*weights, **given), **ways), *places, **fields)


def engine_on(store, *workflows, sender=None):
    sender = sender or RecordingSender(needs=NO_NEEDS)
    engine = Engine(store, clock=VirtualClock(START), sender=sender)
    for each in workflows:
        engine.publish(each)
    return engine


def labels(engine, workflow_id="w"):
    """The label of each decision, by subscriber, in order."""
    found = {}
    for line in engine.journal(limit=100_000):
        if line.entry.kind is Kind.DECIDED and line.workflow_id == workflow_id:
            found.setdefault(line.subscriber_id, []).append(line.entry.data["label"])
    return found


def firsts(engine, workflow_id="w"):
    return {name: found[0] for name, found in labels(engine, workflow_id).items()}


# ------------------------------------------------------------------------------------------------------------
# Sticky


@pytest.mark.parametrize("before", [(), (wait(HOUR),), (send("hello"),)])
def test_the_same_people_get_the_same_labels_on_every_store(any_store, before):
    engine = engine_on(any_store, parting(1, 1, before=before))
    engine.ingest(signups(60))
    engine.advance(now=START + HOUR)
    expected = {f"s{number}": assign("1:w:start", f"s{number}", [("a", 1), ("b", 1)]) for number in range(60)}
    assert firsts(engine) == expected
    assert {run.subscriber_id: run.state.node for run in engine.runs()} == expected


@pytest.mark.parametrize("before", [(), (wait(HOUR),)])
def test_who_comes_again_goes_the_same_way_whatever_the_weights_are_by_then(any_store, before):
    engine = engine_on(any_store, parting(1, 1, before=before))
    engine.ingest(signups(60))
    engine.advance(now=START + HOUR)
    old = firsts(engine)
    engine.publish(parting(0, 1, 1e6, before=before))
    engine.ingest([signup(f"s{number}", "2") for number in range(80)], now=START + DAY)
    engine.advance(now=START + DAY + HOUR)
    found = labels(engine)
    assert {name: found[name] for name in old} == {name: [label, label] for name, label in old.items()}
    assert {found[f"s{number}"][0] for number in range(60, 80)} == {"c"}
    again = [line.entry.data for line in engine.journal(limit=1000) if line.entry.kind is Kind.DECIDED]
    assert Counter(data["assigned"] for data in again) == {"now": 80, "before": 60}
    assert {data["share"] for data in again if data["assigned"] == "before" and data["label"] == "a"} == {0.0}


def test_who_comes_twice_in_one_batch_is_assigned_once(any_store):
    engine = engine_on(any_store, parting(1, 1))
    engine.ingest([signup("s", "1"), signup("s", "2")])
    [found] = labels(engine).values()
    assert found[0] == found[1]
    assert any_store.assigned(["s"], ["1:w:start"]) == {"s": {"1:w:start": found[0]}}


def test_a_label_that_is_gone_is_assigned_anew_once(any_store):
    engine = engine_on(any_store, parting(1, 0))
    engine.ingest([signup("s", "1")])
    engine.publish(parting(1, labels="b"))
    engine.ingest([signup("s", "2")])
    engine.publish(parting(1, 1))
    engine.ingest([signup("s", "3")])
    assert labels(engine) == {"s": ["a", "b", "b"]}


def test_a_loop_comes_by_the_same_way_every_time(any_store):
    rounds = [node(label, wait(DAY), default="start") for label in "ab"]
    round_trip = workflow(node("start", split(1, 1), a="a", b="b"), *rounds)
    engine = engine_on(any_store, round_trip)
    engine.ingest(signups(8))
    for day in range(1, 4):
        engine.advance(now=START + day * DAY)
    assert {len(found) for found in labels(engine).values()} == {4}
    assert {len(set(found)) for found in labels(engine).values()} == {1}
    assert len(set(firsts(engine).values())) == 2


def test_splits_of_one_id_agree_across_workflows_and_others_do_not(any_store):
    shared = [parting(1, 1, split_id="x", workflow_id=name) for name in ("v", "w")]
    own = [parting(1, 1, workflow_id=name) for name in ("x", "y")]
    engine = engine_on(any_store, *shared, *own)
    engine.ingest(signups(400))
    v, w, x, y = (firsts(engine, name) for name in "vwxy")
    assert v == w
    table = [[sum((x[one], y[one]) == (first, second) for one in x) for first in "ab"] for second in "ab"]
    assert chi2_contingency(table).pvalue > 0.001
    engine.publish(parting(0, 1, split_id="x", workflow_id="w"))
    engine.ingest([signup(f"s{number}", "2") for number in range(50)])
    assert all(found == [v[name]] * len(found) for name, found in labels(engine, "w").items())


def test_what_was_assigned_outlives_the_process(tmp_path):
    with sqlite_store(tmp_path / "flowkit.db") as store:
        engine = engine_on(store, parting(1, 1))
        engine.ingest(signups(20))
        old = firsts(engine)
    with sqlite_store(tmp_path / "flowkit.db") as store:
        engine = engine_on(store, parting(0, 0, 1))
        engine.ingest([signup(f"s{number}", "2") for number in range(21)])
        assert {name: found[-1] for name, found in labels(engine).items()} == old | {"s20": "c"}


def test_who_waited_in_an_old_version_keeps_what_the_new_one_assigned(any_store):
    """A run stays on its version; the label is the subscriber's."""
    engine = engine_on(any_store, parting(1, 0, before=(wait(DAY),)))
    engine.ingest([signup("s", "1")])
    engine.publish(parting(0, 1))
    engine.ingest([signup("s", "2")], now=START + HOUR)
    engine.advance(now=START + DAY)
    assert labels(engine) == {"s": ["b", "b"]}


# ------------------------------------------------------------------------------------------------------------
# Batches


class Counted:
    """A store that counts what is asked of it."""

    def __init__(self, store):
        self._store = store
        self.calls = Counter()
        self.moves = []

    def commit(self, changes):
        self.moves += changes.moves
        return self._store.commit(changes)

    def __getattr__(self, name):
        self.calls[name] += 1
        return getattr(self._store, name)


def test_a_batch_goes_on_in_as_many_parts_as_there_are_labels(any_store):
    store = Counted(any_store)
    engine = engine_on(store, parting(1, 1, 1, before=(wait(HOUR),)))
    engine.ingest(signups(300))
    engine.advance(now=START + HOUR)
    assert sorted(len(move.runs) for move in store.moves) == sorted(Counter(firsts(engine).values()).values())
    assert store.calls["assigned"] == 1


def test_a_workflow_without_splits_asks_for_no_labels(any_store):
    store = Counted(any_store)
    engine = engine_on(store, workflow(node("start", wait(HOUR), send())))
    engine.ingest(signups(5))
    engine.advance(now=START + HOUR)
    assert store.calls["assigned"] == 0
    assert all(move.assigned == () for move in store.moves)


def test_one_by_one_or_all_at_once_the_journal_is_the_same(any_store):
    """I10."""
    journeys = [parting(1, 2, before=(wait(HOUR),)), parting(1, 1, workflow_id="v")]
    engine = engine_on(any_store, *journeys)
    for event in signups(12):
        engine.ingest([event])
    while engine.next_due() <= START + HOUR:
        engine.advance(now=START + HOUR, limit=1)
    other = engine_on(MemoryStore(), *journeys)
    other.ingest(signups(12))
    other.advance(now=START + HOUR)
    by_line = [sorted(map(repr, told(one.journal(limit=1000)))) for one in (engine, other)]
    assert by_line[0] == by_line[1]
    assert stand(engine.runs()) == stand(other.runs())


def test_an_engine_on_an_event_loop_assigns_the_same(any_store):
    async def lived():
        engine = AsyncEngine(
            Waiting(any_store), clock=VirtualClock(START), sender=Waiting(RecordingSender(needs=NO_NEEDS))
        )
        await engine.publish(parting(1, 1, before=(wait(HOUR),)))
        await engine.ingest(signups(20))
        await engine.advance(now=START + HOUR)
        return told(await engine.journal(limit=1000))

    found = asyncio.run(lived())
    other = engine_on(MemoryStore(), parting(1, 1, before=(wait(HOUR),)))
    other.ingest(signups(20))
    other.advance(now=START + HOUR)
    assert sorted(map(repr, found)) == sorted(map(repr, told(other.journal(limit=1000))))


# ------------------------------------------------------------------------------------------------------------
# Others, and crashes


def test_an_entry_that_lost_the_race_goes_the_way_of_the_winner(any_store):
    """Two workflows of one id with other weights: whoever commits first assigns for both."""
    first, second = parting(1, 0, split_id="x"), parting(0, 1, split_id="x", workflow_id="v", event="visit")
    other = engine_on(any_store, second)

    def meanwhile():
        other.ingest([Event("visit", "s", id="v")])

    engine = engine_on(Between(any_store, meanwhile), first, second)
    engine.ingest([signup("t"), signup("s")])
    assert (labels(engine, "v"), labels(engine, "w")) == ({"s": ["b"]}, {"t": ["a"], "s": ["b"]})


def test_a_run_that_lost_the_race_goes_the_way_of_the_winner(any_store):
    """What its message was under the label that lost is journaled as late: it was sent, and cannot be unsent."""
    first = parting(1, 0, split_id="x", before=(wait(HOUR),))
    second = parting(0, 1, split_id="x", workflow_id="v", event="visit")
    other = engine_on(any_store, second)
    sender = RecordingSender(needs=NO_NEEDS)
    engine = engine_on(
        Between(any_store, lambda: None, lambda: other.ingest([Event("visit", "s", id="v")])),
        first,
        second,
        sender=sender,
    )
    engine.ingest([signup("s"), signup("t")])
    engine.advance(now=START + HOUR)
    assert labels(engine, "w") == {"s": ["b"], "t": ["a"]}
    assert [line.subscriber_id for line in engine.journal(limit=100) if line.entry.kind is Kind.LATE] == ["s"]
    assert Counter(run.state.node for run in engine.runs(subscriber_id="s")) == {"b": 2}


def test_two_runs_of_one_subscriber_in_one_claim_agree(any_store):
    """They stand on versions with other weights, and neither has been written yet."""
    old, new = (parting(*weights, before=(wait(HOUR),)) for weights in ((1, 0), (0, 1)))
    engine = engine_on(any_store, old)
    engine.ingest([signup("s", "1")])
    engine.publish(new)
    engine.ingest([signup("s", "2")])
    engine.advance(now=START + HOUR)
    [found] = labels(engine).values()
    assert found == ["a", "a"]


def test_a_second_split_of_one_id_in_one_claim_sees_the_first(any_store):
    """The second has other labels, so it assigns anew what has not been written yet."""
    journey = workflow(
        node("start", wait(HOUR), split(1, split_id="x"), a="m"),
        node("m", send(), split(1, labels="z", split_id="x"), z="n"),
        node("n", wait(DAY)),
    )
    engine = engine_on(any_store, journey)
    engine.ingest(signups(5))
    assert engine.advance(now=START + HOUR).runs == 5
    assert set(map(tuple, labels(engine).values())) == {("a", "z")}
    assert any_store.assigned(["s0"], [":x"]) == {"s0": {":x": "z"}}


def test_a_crash_before_the_commit_assigns_nothing_and_the_retry_the_same(any_store):
    class Dying(RecordingSender):
        dies = True

        def send(self, messages):
            if self.dies:
                self.dies = False
                raise KeyboardInterrupt
            return super().send(messages)

    sender = Dying(needs=NO_NEEDS)
    engine = engine_on(any_store, parting(1, 1, before=(wait(HOUR),)), sender=sender)
    engine.ingest([signup()])
    with pytest.raises(KeyboardInterrupt):
        engine.advance(now=START + HOUR)
    assert any_store.assigned(["s"], ["1:w:start"]) == {}
    engine.advance(now=START + HOUR)
    assert labels(engine) == {"s": [assign("1:w:start", "s", [("a", 1), ("b", 1)])]}


def test_a_retry_stays_on_its_way(any_store):
    answers = {label: [Outcome(Result.RETRY, "busy"), DONE] for label in "ab"}
    engine = engine_on(any_store, parting(1, 1), sender=RecordingSender(answers, needs=NO_NEEDS))
    engine.ingest([signup()])
    engine.advance(now=START)
    engine.publish(parting(0, 0, 1))
    engine.advance(now=START + DAY)
    [run] = engine.runs()
    assert (run.state.node, run.status) == (firsts(engine)["s"], Status.ACTIVE)
    assert labels(engine) == {"s": [run.state.node]}


def test_the_label_is_kept_where_something_is_detached_and_where_the_run_begins_paused(any_store):
    """It is written with the step, however the run stands by then."""
    detached = Action("later", SendEmail("later"), delay=5 * DAY, detached=True)
    engine = engine_on(any_store, parting(1, 1, before=(detached,)), parting(1, 1, workflow_id="held"))
    engine.pause("held")
    engine.ingest(signups(20))
    engine.advance()
    before = {workflow_id: labels(engine, workflow_id) for workflow_id in ("w", "held")}
    for workflow_id, some in ((("w"), (detached,)), ("held", ())):
        engine.publish(parting(0, 0, 1, before=some, workflow_id=workflow_id))
    engine.resume("held")
    engine.ingest([signup(f"s{number}", "again") for number in range(20)])
    engine.advance()
    for workflow_id in ("w", "held"):
        for name, some in before[workflow_id].items():
            assert set(labels(engine, workflow_id)[name]) == set(some), "who has a label keeps it"
