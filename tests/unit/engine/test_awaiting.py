"""Waits for what happens on engines: events, changes of profiles and the time, and who was first."""

from datetime import timedelta

import pytest

from flowkit.adapters.clock import VirtualClock
from flowkit.adapters.profiles import MemoryProfiles
from flowkit.conditions import Duration, parse
from flowkit.engine.sync import Engine
from flowkit.errors import ConfigurationError
from flowkit.events import NO_NEEDS, Event, from_micros
from flowkit.runs.effects import DONE
from flowkit.runs.model import Kind, Status
from flowkit.stores.memory import MemoryStore
from flowkit.testing.recording import RecordingSender
from flowkit.triggers.model import EntryPolicy
from flowkit.workflows.control import Awaited, Case, LookBack, WaitForEvent
from flowkit.workflows.model import Action, UpdateProfile
from tests.support.between import Between
from tests.support.journeys import DAY, HOUR, START, node, send, signup, stand, tag, told, wait, whole_journal, workflow

MINUTE = timedelta(minutes=1)
LABELS = ("bought", "vip", "asleep", "timeout")
VIP = {"segments": "vip"}
BOUGHT = Awaited("bought", parse({"event_type": "purchase"}))


def await_(*branches, timeout=DAY, **fields):
    return Action("await", WaitForEvent(branches or (BOUGHT,), timeout=timeout, **fields))


def journey(*actions, ways=None, **fields):
    places = [node(label, wait(90 * DAY)) for label in LABELS]
    return workflow(
        node("start", *(actions or (await_(),)), **(ways or {label: label for label in LABELS})), *places, **fields
    )


def case(when, label="vip"):
    return Case(label, parse(when))


def engine_on(store, *workflows, people=None, **ports):
    profiles = ports.pop("profiles", None) or MemoryProfiles(people or {"s": {}, "t": {}})
    engine = Engine(
        store, clock=VirtualClock(START), profiles=profiles, sender=RecordingSender(needs=NO_NEEDS), **ports
    )
    for each in workflows or (journey(),):
        engine.publish(each)
    return engine, profiles


def purchase(subscriber_id="s", event_id="p", **fields):
    return Event("purchase", subscriber_id, id=event_id, **fields)


def visit(subscriber_id="s", event_id="v", **fields):
    return Event("visit", subscriber_id, id=event_id, **fields)


def places(engine):
    return {run.subscriber_id: run.state.node for run in engine.runs()}


def kinds(engine, run_id=None):
    return [line.entry.kind for line in engine.journal(limit=1000) if run_id in {None, line.run_id}]


# ------------------------------------------------------------------------------------------------------------
# Events


def test_an_event_is_the_way_out_for_its_subscriber_alone(any_store):
    engine, _ = engine_on(any_store)
    engine.ingest([signup("s"), signup("t")])
    engine.ingest([purchase("s")], now=START + HOUR)
    assert places(engine) == {"s": "bought", "t": "start"}
    engine.advance(now=START + DAY)
    assert places(engine) == {"s": "bought", "t": "timeout"}


def test_who_comes_in_and_buys_in_one_batch_has_bought(any_store):
    engine, _ = engine_on(any_store)
    engine.ingest([purchase(event_id="before"), signup(), purchase()])
    assert places(engine) == {"s": "bought"}
    assert kinds(engine) == [Kind.ENTERED, Kind.WAITING, Kind.DECIDED, Kind.LEFT, Kind.WAITING]


def test_one_by_one_or_all_at_once_the_journal_is_the_same(any_store):
    """I10."""
    events = [signup("s"), purchase("s"), signup("t"), purchase("t", "q", properties={"x": 1}), visit("s")]
    waiting = journey(send(), wait(), await_(BOUGHT, case({"performed": {"event": "visit"}}, "vip")))
    engine, _ = engine_on(any_store, waiting)
    for event in events:
        engine.ingest([event])
    engine.advance(now=START + DAY)
    other, _ = engine_on(MemoryStore(), waiting)
    other.ingest(events)
    other.advance(now=START + DAY)
    assert sorted(map(repr, told(whole_journal(any_store)))) == sorted(map(repr, told(other.journal())))
    assert stand(engine.runs()) == stand(other.runs())


def test_an_event_between_the_message_and_the_wait_is_not_lost(any_store):
    engine, _ = engine_on(any_store, journey(send(), wait(2 * HOUR), await_()))
    engine.ingest([signup("s"), signup("t")])
    engine.ingest([purchase("t")])
    engine.advance(now=START + MINUTE)
    engine.ingest([purchase("s")], now=START + HOUR)
    engine.advance(now=START + 3 * HOUR)
    assert places(engine) == {"s": "bought", "t": "start"}


def test_a_purchase_of_last_week_counts_where_the_wait_looks_back_that_far(any_store):
    engine, _ = engine_on(any_store, journey(wait(), await_(look_back=Duration(7 * 86_400))))
    engine.ingest([purchase("s", occurred_at=START - 6 * DAY), purchase("t", occurred_at=START - 7 * DAY)])
    engine.ingest([signup("s"), signup("t")])
    engine.advance(now=START + HOUR)
    assert places(engine) == {"s": "bought", "t": "start"}


def test_the_event_that_leads_in_is_not_the_one_that_is_waited_for(any_store):
    for number, (first, look_back) in enumerate(
        (first, look_back) for first in ((), (wait(),)) for look_back in (*LookBack, Duration(86_400))
    ):
        name = f"w{number}"
        again = journey(*first, await_(look_back=look_back), event="purchase", workflow_id=name)
        engine, _ = engine_on(any_store, again)
    engine.ingest([purchase(event_id="1")])
    engine.advance(now=START + 2 * HOUR)
    assert [run.state.node for run in engine.runs()] == ["start"] * 8
    engine.ingest([purchase(event_id="2")], now=START + 2 * HOUR)
    assert [run.state.node for run in engine.runs(limit=8)] == ["bought"] * 8


def test_nor_is_it_where_the_entry_had_to_wait(any_store):
    patient = EntryPolicy(filter=parse(VIP), grace=DAY)
    again = journey(await_(look_back=Duration(86_400)), event="purchase", entry=patient)
    engine, profiles = engine_on(any_store, again)
    engine.ingest([purchase(event_id="1")])
    profiles.place("s", "vip")
    engine.changed(["s"], now=START + HOUR)
    assert places(engine) == {"s": "start"}


def test_a_run_with_a_key_waits_for_what_names_it_or_nothing(any_store):
    order = journey(await_(), event="order", entry=EntryPolicy(key="order"))
    engine, _ = engine_on(any_store, order)
    engine.ingest([Event("order", "s", id=key, properties={"order": key}) for key in "ab"])
    engine.ingest([purchase(properties={"order": "b"})])
    assert [run.state.node for run in engine.runs()] == ["start", "bought"]
    engine.ingest([purchase(event_id="any")])
    assert [run.state.node for run in engine.runs()] == ["bought", "bought"]


def test_for_ever_is_due_never(any_store):
    engine, _ = engine_on(any_store, journey(await_(timeout=None)))
    engine.ingest([signup()])
    assert engine.next_due() is None
    assert engine.advance(now=START + 9_999 * DAY).runs == 0
    [run] = engine.runs()
    assert (run.status, run.due, run.state.node) == (Status.ACTIVE, None, "start")
    engine.ingest([purchase()], now=START + 9_999 * DAY)
    assert places(engine) == {"s": "bought"}


# ------------------------------------------------------------------------------------------------------------
# The deadline


@pytest.mark.parametrize(("occurred", "there"), [(DAY - MINUTE, "bought"), (DAY, "timeout"), (DAY + MINUTE, "timeout")])
def test_what_occurred_in_time_wins_while_nobody_has_committed_the_timeout(any_store, occurred, there):
    engine, _ = engine_on(any_store)
    engine.ingest([signup()])
    engine.ingest([purchase(occurred_at=START + occurred)], now=START + 2 * DAY)
    engine.advance(now=START + 2 * DAY)
    assert places(engine) == {"s": there}
    assert Kind.LATE not in kinds(engine)


def test_what_comes_in_after_the_timeout_was_committed_is_told_and_changes_nothing(any_store):
    engine, _ = engine_on(any_store)
    engine.ingest([signup()])
    engine.advance(now=START + DAY)
    before = stand(engine.runs())
    engine.ingest([purchase(occurred_at=START + HOUR)], now=START + DAY)
    assert places(engine) == {"s": "timeout"}
    [line] = [line for line in engine.journal() if line.entry.kind is Kind.LATE]
    assert (line.entry.node, line.entry.action, line.entry.data["label"]) == ("start", "await", "bought")
    assert stand(engine.runs()) == before


def test_an_event_that_comes_in_while_the_timeout_is_decided_is_seen(any_store):
    """The worker has decided, and not committed: it decides again."""
    engine, _ = engine_on(any_store)
    engine.ingest([signup()])
    happening = lambda: engine.ingest([purchase(occurred_at=START + HOUR)], now=START + DAY)  # noqa: E731
    worker, _ = engine_on(Between(any_store, happening))
    worker.advance(now=START + DAY)
    assert places(engine) == {"s": "bought"}
    assert Kind.LATE not in kinds(engine)


def test_a_timeout_that_is_committed_while_the_event_is_taken_stands(any_store):
    engine, _ = engine_on(any_store)
    engine.ingest([signup()])
    producer, _ = engine_on(Between(any_store, lambda: engine.advance(now=START + DAY)))
    producer.ingest([purchase(occurred_at=START + HOUR)], now=START + DAY)
    assert places(engine) == {"s": "timeout"}
    assert kinds(engine).count(Kind.LATE) == 1


@pytest.mark.parametrize("actions", [(), (wait(),)], ids=["at_once", "later"])
def test_an_event_that_comes_in_before_the_sending_is_written_down_is_seen(any_store, actions):
    """Who answers at once is faster than the commit, and answers the last message all the same."""
    waiting = journey(send(), *actions, await_())
    engine, _ = engine_on(any_store, waiting)
    engine.ingest([signup()])
    soon = START + timedelta(seconds=1)
    worker, _ = engine_on(Between(any_store, lambda: engine.ingest([purchase()], now=soon)), waiting)
    worker.advance(now=START)
    worker.advance(now=START + 2 * HOUR)
    assert places(engine) == {"s": "bought"}


class Deadly(RecordingSender):
    """Kills its worker once, when the message is out; and knows of it when it is asked."""

    def send(self, messages):
        outcomes = super().send(messages)
        if len(self.calls) == 1:
            raise KeyboardInterrupt
        return outcomes

    def lookup(self, keys):
        return {key: DONE for key in keys if key in {message.key for message in self.delivered}}


@pytest.mark.parametrize(("occurred", "there"), [(MINUTE, "bought"), (-MINUTE, "start")])
def test_what_answers_the_message_of_a_dead_worker_is_seen(any_store, occurred, there):
    """The heir settles it an hour later, as of the instant at which it was sent."""
    sender = Deadly(needs=NO_NEEDS)
    engine = Engine(any_store, clock=VirtualClock(START), profiles=MemoryProfiles({"s": {}}), sender=sender)
    engine.publish(journey(wait(HOUR), send(), await_()))
    engine.ingest([signup()])
    with pytest.raises(KeyboardInterrupt):
        engine.advance(now=START + HOUR)
    engine.ingest([purchase(occurred_at=START + HOUR + occurred)], now=START + HOUR + 2 * MINUTE)
    engine.advance(now=START + 2 * HOUR)
    assert (places(engine), len(sender.delivered)) == ({"s": there}, 1)


@pytest.mark.parametrize(
    "branch", [BOUGHT, case({"performed": {"event": "purchase"}}, "bought")], ids=["event", "condition"]
)
def test_an_event_that_comes_in_while_a_run_comes_to_its_wait_is_seen(any_store, branch):
    waiting = journey(wait(HOUR), await_(branch))
    engine, _ = engine_on(any_store, waiting)
    engine.ingest([signup()])
    worker, _ = engine_on(Between(any_store, lambda: engine.ingest([purchase()], now=START + HOUR)), waiting)
    worker.advance(now=START + HOUR)
    assert places(engine) == {"s": "bought"}


def test_a_change_that_is_told_while_a_run_comes_to_its_wait_is_seen(any_store):
    waiting = journey(wait(HOUR), await_(case(VIP)))
    engine, profiles = engine_on(any_store, waiting)
    engine.ingest([signup()])

    def happening():
        profiles.place("s", "vip")
        engine.changed(["s"], now=START + HOUR)

    worker, _ = engine_on(Between(any_store, happening), waiting, profiles=profiles)
    worker.advance(now=START + HOUR)
    assert places(engine) == {"s": "vip"}


# ------------------------------------------------------------------------------------------------------------
# Conditions


@pytest.mark.parametrize("first", [(), (wait(),), (send(),)], ids=["at the door", "after a wait", "after a message"])
def test_a_condition_that_holds_on_arrival_passes_at_once(any_store, first):
    engine, profiles = engine_on(any_store, journey(*first, await_(BOUGHT, case(VIP))))
    profiles.place("s", "vip")
    engine.ingest([signup("s"), signup("t")])
    engine.advance(now=START + HOUR)
    assert places(engine) == {"s": "vip", "t": "start"}


def test_a_condition_is_looked_at_when_the_host_tells_of_a_change(any_store):
    engine, profiles = engine_on(any_store, journey(await_(BOUGHT, case(VIP))))
    engine.ingest([signup("s"), signup("t")])
    profiles.place("s", "vip")
    assert places(engine) == {"s": "start", "t": "start"}
    engine.changed(["s", "t"], now=START + HOUR)
    assert places(engine) == {"s": "vip", "t": "start"}
    engine.changed(["s", "t", "stranger"], now=START + HOUR)
    assert places(engine) == {"s": "vip", "t": "start"}


def test_a_condition_is_looked_at_when_any_event_of_the_subscriber_comes(any_store):
    engine, profiles = engine_on(any_store, journey(await_(BOUGHT, case(VIP))))
    engine.ingest([signup("s"), signup("t")])
    profiles.place("s", "vip")
    profiles.place("t", "vip")
    engine.ingest([Event("anything", "s", id="a")], now=START + HOUR)
    assert places(engine) == {"s": "vip", "t": "start"}


def test_the_event_at_hand_counts_for_a_condition(any_store):
    twice = case({"performed": {"event": "visit", "since": "workflow_start", "count": 2}})
    engine, _ = engine_on(any_store, journey(await_(twice)))
    engine.ingest([visit(event_id="v0")])
    engine.ingest([signup()], now=START + HOUR)
    engine.ingest([visit(event_id="v1")], now=START + HOUR)
    assert places(engine) == {"s": "start"}
    engine.ingest([visit(event_id="v2")], now=START + 2 * HOUR)
    assert places(engine) == {"s": "vip"}


def test_an_event_for_the_run_of_another_key_may_change_a_condition(any_store):
    spent = case({"performed": {"event": "purchase", "sum": "value", "is": {"$gte": 100}}})
    order = journey(await_(BOUGHT, spent), event="order", entry=EntryPolicy(key="order"))
    engine, _ = engine_on(any_store, order)
    engine.ingest([Event("order", "s", id="a", properties={"order": "a"})])
    engine.ingest([purchase(properties={"order": "z"}, value=99)])
    assert places(engine) == {"s": "start"}
    engine.ingest([purchase(event_id="q", properties={"order": "z"}, value=1)])
    assert places(engine) == {"s": "vip"}


def test_a_change_by_the_action_of_another_run_is_seen(any_store):
    change = Action("change", UpdateProfile(set={"plan": "pro"}))
    engine, _ = engine_on(
        any_store,
        journey(await_(case({"subscriber_properties": {"plan": "pro"}})), workflow_id="a"),
        workflow(node("start", wait(), change), workflow_id="b"),
    )
    engine.ingest([signup()])
    engine.advance(now=START + HOUR)
    assert {run.workflow_id: run.state.node for run in engine.runs()} == {"a": "vip", "b": None}


def test_a_change_by_an_action_of_the_run_itself_is_seen_on_arrival(any_store):
    engine, _ = engine_on(any_store, journey(tag("vip"), await_(case(VIP))))
    engine.ingest([signup()])
    engine.advance()
    assert places(engine) == {"s": "vip"}
    assert kinds(engine).count(Kind.DONE) == 1
    assert [run.sequence for run in engine.runs()] == [2], "nobody came in between"


class Noting(MemoryProfiles):
    """Profiles that note under which keys they were changed."""

    def __init__(self, people):
        super().__init__(people)
        self.keys = []

    def change(self, changes):
        self.keys += [change.key for change in changes]
        return super().change(changes)


def test_what_is_done_after_a_timeout_is_done_once(any_store):
    """The change is looked at by all runs of the subscriber that wait for a condition, in the same claim too."""
    profiles = Noting({"s": {}})
    engine, _ = engine_on(
        any_store,
        workflow(node("start", await_(BOUGHT, case(VIP)), timeout="cold"), node("cold", tag("cold")), workflow_id="a"),
        workflow(node("start", await_(case(VIP)), timeout="ask"), node("ask", send("ask"), wait()), workflow_id="b"),
        workflow(node("start", wait(DAY), tag("old"), send("old"), wait(DAY, "rest")), workflow_id="c"),
        profiles=profiles,
    )
    engine.ingest([signup()])
    done = engine.advance(now=START + DAY)
    assert (done.done, len(profiles.keys)) == (4, 2)
    assert Kind.LATE not in kinds(engine)
    assert {run.workflow_id: run.state.node for run in engine.runs()} == {"a": None, "b": "ask", "c": "start"}
    assert profiles.profile("s").segments == {"cold", "old"}


@pytest.mark.parametrize("late", [timedelta(), 3 * DAY])
def test_a_run_is_looked_at_when_a_condition_changes_by_itself(any_store, late):
    asleep = case({"not": {"performed": {"event": "visit", "within": "2h"}}}, "asleep")
    engine, _ = engine_on(any_store, journey(await_(BOUGHT, asleep)))
    engine.ingest([visit("s"), visit("t")])
    engine.ingest([signup("s"), signup("t")], now=START + HOUR)
    engine.ingest([visit("t", "w")], now=START + HOUR)
    assert engine.next_due() == START + 2 * HOUR
    engine.advance(now=START + 2 * HOUR - MINUTE)
    assert places(engine) == {"s": "start", "t": "start"}
    engine.advance(now=START + 2 * HOUR)
    assert places(engine) == {"s": "asleep", "t": "start"}
    engine.advance(now=START + 3 * HOUR + late)
    assert places(engine) == {"s": "asleep", "t": "asleep"}


def test_many_wait_for_the_same_and_each_goes_its_own_way(any_store):
    people = {f"s{number}": {"plan": "pro" if number % 3 == 0 else "free"} for number in range(30)}
    waiting = journey(
        send(),
        await_(BOUGHT, case({"subscriber_properties": {"plan": "pro"}}), look_back=LookBack.ENTRY, timeout=DAY),
    )
    engine, _ = engine_on(any_store, waiting, people=people, batch=7)
    for hour, name in enumerate(people):
        engine.ingest([signup(name)], now=START + hour * MINUTE)
    engine.ingest([purchase(name) for name in list(people)[::5]], now=START + HOUR)
    engine.advance(now=START + HOUR)
    engine.advance(now=START + 3 * DAY)
    for number, name in enumerate(people):
        expected = "bought" if number % 5 == 0 else "vip" if number % 3 == 0 else "timeout"
        assert places(engine)[name] == expected


def test_runs_that_are_woken_together_keep_what_is_their_own(any_store):
    engine, _ = engine_on(any_store, journey(wait(), await_(look_back=LookBack.ENTRY)))
    engine.ingest([signup("s")])
    engine.ingest([signup("t")], now=START + MINUTE)
    engine.advance(now=START + 2 * HOUR)
    watched = {run.subscriber_id: (from_micros(run.state.watch.since), run.due_at) for run in engine.runs()}
    assert watched == {"s": (START, START + 26 * HOUR), "t": (START + MINUTE, START + 26 * HOUR)}
    engine.ingest([purchase(name, occurred_at=START) for name in "st"], now=START + 3 * HOUR)
    assert places(engine) == {"s": "bought", "t": "start"}


def test_somebody_of_whom_nothing_is_known_waits_and_goes_on(any_store):
    engine, profiles = engine_on(any_store, journey(await_(BOUGHT, case(VIP))))
    engine.ingest([signup("stranger")])
    profiles.put("stranger")
    profiles.place("stranger", "vip")
    engine.changed(["stranger"], now=START + HOUR)
    assert places(engine) == {"stranger": "vip"}


def test_a_predicate_of_a_branch_is_refused_where_nobody_answers_it(any_store):
    with pytest.raises(ConfigurationError, match=r"node 'start', action 'await', branch 'vip': .*is_friend"):
        engine_on(any_store, journey(await_(BOUGHT, case({"custom": {"name": "is_friend"}}))))


def test_a_predicate_of_the_host_is_waited_for(any_store):
    friends = set()
    engine, _ = engine_on(
        any_store,
        journey(await_(case({"custom": {"name": "is_friend"}}))),
        predicates={"is_friend": lambda question: question.facts.subscriber_id in friends},
    )
    engine.ingest([signup("s"), signup("t")])
    friends.add("t")
    engine.changed(["s", "t"])
    assert places(engine) == {"s": "start", "t": "vip"}


# ------------------------------------------------------------------------------------------------------------
# What else goes on


def test_a_wait_lives_through_a_restart(any_store):
    engine, profiles = engine_on(any_store, journey(send(), await_(BOUGHT, case(VIP))))
    engine.ingest([signup("s"), signup("t")])
    engine.advance()
    restarted = Engine(any_store, clock=VirtualClock(START), profiles=profiles, sender=RecordingSender(needs=NO_NEEDS))
    restarted.ingest([purchase("s", occurred_at=START + MINUTE)], now=START + HOUR)
    profiles.place("t", "vip")
    other = Engine(any_store, clock=VirtualClock(START), profiles=profiles, sender=RecordingSender(needs=NO_NEEDS))
    other.changed(["t"], now=START + HOUR)
    assert places(other) == {"s": "bought", "t": "vip"}


def test_runs_of_a_former_version_wait_on(any_store):
    engine, profiles = engine_on(any_store, journey(await_(BOUGHT, case(VIP))))
    engine.ingest([signup("s"), signup("t")])
    engine.publish(workflow(node("start", wait(30 * DAY))))
    engine.ingest([purchase("s")], now=START + HOUR)
    profiles.place("t", "vip")
    engine.changed(["t"], now=START + HOUR)
    assert places(engine) == {"s": "bought", "t": "vip"}


def test_who_waits_for_events_alone_is_not_read_for_others(any_store):
    """Neither runs nor profiles are read for events that nobody waits for."""
    asked = []

    class Watched(MemoryProfiles):
        def facts(self, subscriber_ids, needs):
            asked.append(list(subscriber_ids))
            return super().facts(subscriber_ids, needs)

    engine, _ = engine_on(any_store, journey(await_(), ways={"default": "vip"}), profiles=Watched({"s": {}}))
    engine.ingest([signup()])
    [before] = engine.runs()
    engine.ingest([visit()])
    assert (engine.runs(), asked) == ([before], [])
    engine.ingest([purchase()])
    assert asked == []
    assert places(engine) == {"s": "vip"}


def test_after_the_wait_a_message_is_sent_by_the_next_worker(any_store):
    bought = workflow(node("start", await_(), bought="thanks"), node("thanks", send("thanks")))
    engine, _ = engine_on(any_store, bought)
    engine.ingest([signup()])
    engine.ingest([purchase()], now=START + HOUR)
    assert engine.next_due() == START + HOUR
    assert engine.advance(now=START + HOUR).done == 1


def test_why_is_told_in_sentences(any_store):
    engine, profiles = engine_on(
        any_store,
        workflow(
            node("start", await_(BOUGHT, case(VIP)), bought="more", timeout="more"),
            node("more", await_(BOUGHT, case(VIP), timeout=None), default="rest"),
            node("rest", wait(90 * DAY)),
        ),
    )
    engine.ingest([signup("s"), signup("t")])
    engine.ingest([purchase("s")], now=START + HOUR)
    engine.advance(now=START + DAY)
    engine.ingest([purchase("t", occurred_at=START + 2 * HOUR)], now=START + DAY)
    profiles.place("s", "vip")
    engine.changed(["s"], now=START + DAY)
    sentences = [reason.text for reason in engine.explain("s", "w").reasons]
    assert sentences[1:3] == [
        "waits at start for bought or vip for at most 1 d",
        "start chose bought, since purchase occurred at 2026-01-01T01:00:00+00:00",
    ]
    assert sentences[4] == "more chose bought, since an event for it occurred at 2026-01-01T01:00:00+00:00"
    sentences = [reason.text for reason in engine.explain("t", "w").reasons]
    assert sentences[2:] == [
        "start chose timeout, since nothing came in time",
        "left start by timeout for more",
        "waits at more for bought or vip",
        "more chose bought, since purchase occurred at 2026-01-01T02:00:00+00:00",
        "left more by default for rest",
        "waits 90 d at rest",
    ]
