"""Runs that are under way go over to another version: where each goes on, when, and what keeps it where it is."""

import asyncio
import pickle
from datetime import time, timedelta

import pytest
from attrs import evolve

from flowkit.adapters.clock import VirtualClock
from flowkit.adapters.profiles import MemoryProfiles
from flowkit.conditions import EventIs, parse
from flowkit.engine.aio import AsyncEngine
from flowkit.engine.migration import NodeMigration
from flowkit.engine.sync import Engine
from flowkit.engine.versions import VersionState
from flowkit.errors import MigrationRefused, UnknownTarget, UnknownWorkflow
from flowkit.events import NO_NEEDS
from flowkit.ports import SweepKind
from flowkit.runs.effects import Outcome, Result
from flowkit.runs.model import NO_WATCH, Kind, Status
from flowkit.stores.memory import MemoryStore
from flowkit.testing.recording import RecordingSender
from flowkit.workflows.control import Awaited, Branch, Case, LookBack, WaitForEvent
from flowkit.workflows.model import Action, WaitUntil
from flowkit.workflows.waits import CalendarDays
from tests.support.journeys import (
    DAY,
    HOUR,
    START,
    check,
    kinds,
    node,
    opened,
    send,
    signup,
    signups,
    wait,
    workflow,
)

MINUTE = timedelta(minutes=1)
LOCAL_NINE = time(9)
REST = node("rest", wait(DAY, "day"))


def engine_on(store, *nodes, sender=None, batch=500, **ports):
    clock = VirtualClock(START)
    engine = Engine(store, clock=clock, sender=sender or RecordingSender(needs=NO_NEEDS), batch=batch, **ports)
    engine.publish(workflow(*nodes))
    return engine, clock


def later(engine, clock, span):
    clock.advance(span)
    return engine.advance()


def templates(sender):
    return [message.template_id for message in sender.messages]


def place(engine, subscriber_id="s"):
    [run] = engine.runs(subscriber_id=subscriber_id)
    return run.state.node, run.state.action, run.due_at


def only(**counts):
    return NodeMigration(**counts)


def listen(*branches, timeout=DAY, action_id="listen", look_back=LookBack.ARRIVAL):
    made = [Awaited(label, EventIs((kind,))) for label, kind in branches]
    return Action(action_id, WaitForEvent(made, timeout=timeout, look_back=look_back))


# ------------------------------------------------------------------------------------------------------------
# Every kind of edit: pinned, and migrated


@pytest.mark.parametrize("migrates", [False, True])
@pytest.mark.parametrize(
    ("length", "course", "due"),
    [
        (3 * HOUR, "retimed", 3 * HOUR),
        (HOUR, "retimed", HOUR),
        (10 * MINUTE, "retimed", 30 * MINUTE),
        (timedelta(), "retimed", 30 * MINUTE),
    ],
    ids=["longer", "shorter", "over by then", "none"],
)
def test_a_wait_that_became_longer_or_shorter_counts_from_when_it_began(any_store, migrates, length, course, due):
    engine, clock = engine_on(any_store, node("start", wait(2 * HOUR), default="rest"), REST)
    engine.ingest([signup()])
    clock.advance(30 * MINUTE)
    engine.publish(workflow(node("start", wait(length), default="rest"), REST))
    if not migrates:
        assert place(engine) == ("start", 0, START + 2 * HOUR)
        return
    assert engine.migrate("w").nodes == {"start": only(**{course: 1})}
    assert place(engine) == ("start", 0, START + due)
    engine.advance(now=START + due - timedelta(seconds=1))
    assert place(engine)[0] == "start"
    engine.advance(now=START + due)
    assert place(engine)[0] == "rest"


@pytest.mark.parametrize("migrates", [False, True])
def test_new_content_is_sent_to_those_who_went_over(any_store, migrates):
    sender = RecordingSender(needs=NO_NEEDS)
    engine, clock = engine_on(any_store, node("start", wait(), send("old")), sender=sender)
    engine.ingest([signup()])
    engine.publish(workflow(node("start", wait(), send("new"))))
    if migrates:
        assert engine.migrate("w").total == only(mapped=1)
    later(engine, clock, HOUR)
    assert templates(sender) == ["new" if migrates else "old"]


@pytest.mark.parametrize("migrates", [False, True])
def test_a_step_ahead_is_taken_and_one_behind_is_not(any_store, migrates):
    sender = RecordingSender(needs=NO_NEEDS)
    engine, clock = engine_on(any_store, node("start", send("first", "a"), wait(), send("last", "z")), sender=sender)
    engine.ingest([signup()])
    engine.advance()
    new = node("start", send("behind", "b"), send("first", "a"), wait(), send("ahead", "c"), send("last", "z"))
    engine.publish(workflow(new))
    if migrates:
        assert engine.migrate("w").total == only(mapped=1)
    later(engine, clock, HOUR)
    assert templates(sender) == ["first", *(["ahead"] if migrates else []), "last"]


def test_a_step_that_was_taken_and_comes_later_now_is_not_taken_again(any_store):
    sender = RecordingSender(needs=NO_NEEDS)
    engine, clock = engine_on(any_store, node("start", send("first", "a"), wait(), default="rest"), REST, sender=sender)
    engine.ingest([signup()])
    engine.advance()
    engine.publish(workflow(node("start", wait(), send("first", "a"), default="rest"), REST))
    assert engine.migrate("w").total == only(mapped=1)
    engine.ingest([signup("new")])
    later(engine, clock, HOUR)
    assert [(message.subscriber_id, message.template_id) for message in sender.messages] == [
        ("s", "first"),
        ("new", "first"),
    ]
    assert place(engine)[0] == "rest"


@pytest.mark.parametrize("migrates", [False, True])
def test_a_changed_condition_decides_for_those_who_went_over(any_store, migrates):
    def fork(plan):
        return Action("fork", Branch([Case("yes", parse({"subscriber_properties": {"plan": plan}}))], otherwise="no"))

    ends = (node("yes", wait(DAY)), node("no", wait(DAY)))
    profiles = MemoryProfiles({"s": {"plan": "pro"}})
    engine, clock = engine_on(
        any_store, node("start", wait(), fork("pro"), yes="yes", no="no"), *ends, profiles=profiles
    )
    engine.ingest([signup()])
    engine.publish(workflow(node("start", wait(), fork("team"), yes="yes", no="no"), *ends))
    if migrates:
        engine.migrate("w")
    later(engine, clock, HOUR)
    assert place(engine)[0] == ("no" if migrates else "yes")


@pytest.mark.parametrize("migrates", [False, True])
def test_a_changed_threshold_counts_what_was_observed_before(any_store, migrates):
    ways = {"engaged": "rest", "not_engaged": "end"}
    engine, clock = engine_on(
        any_store, node("start", wait(), check(), engagement_threshold={"opens": 1}, **ways), REST
    )
    engine.ingest([signup()])
    engine.ingest([opened()])
    engine.publish(workflow(node("start", wait(), check(), engagement_threshold={"opens": 2}, **ways), REST))
    if migrates:
        engine.migrate("w")
        engine.ingest([opened(event_id="second")])
    later(engine, clock, HOUR)
    assert place(engine)[0] == "rest"


@pytest.mark.parametrize("migrates", [False, True])
def test_a_tighter_filter_keeps_nobody_out_who_is_in(any_store, migrates):
    engine, clock = engine_on(any_store, node("start", wait()))
    engine.ingest([signup()])
    engine.publish(workflow(node("start", wait()), condition=parse({"event_properties": {"plan": "pro"}})))
    if migrates:
        assert engine.migrate("w").total == only(mapped=1)
    assert engine.ingest([signup("new")]).started == 0
    later(engine, clock, HOUR)
    assert [run.status for run in engine.runs()] == [Status.COMPLETED]


# ------------------------------------------------------------------------------------------------------------
# Places that are gone


GONE = (node("start", wait(), default="offer"), node("offer", wait(2 * HOUR, "think"), send("offer")))


def at_the_offer(store, count=2, **ports):
    engine, clock = engine_on(store, *GONE, **ports)
    engine.ingest(signups(count))
    later(engine, clock, HOUR)
    return engine, clock


def test_a_deleted_node_where_people_wait_is_refused_without_a_target(any_store):
    engine, _clock = at_the_offer(any_store)
    engine.ingest([signup("early")])
    engine.publish(workflow(node("start", wait(), default="rest"), REST))
    before = engine.runs()
    for dry_run in (True, False):
        with pytest.raises(MigrationRefused, match=r"'offer' \(2\)") as caught:
            engine.migrate("w", dry_run=dry_run)
        assert (caught.value.workflow_id, caught.value.nodes) == ("w", {"offer": 2})
        assert pickle.loads(pickle.dumps(caught.value)).nodes == {"offer": 2}  # noqa: S301 - its own
    assert engine.runs() == before


@pytest.mark.parametrize("target", ["rest", "exit"])
def test_those_at_a_deleted_node_go_to_its_target(any_store, target):
    sender = RecordingSender(needs=NO_NEEDS)
    engine, clock = at_the_offer(any_store, sender=sender)
    engine.publish(workflow(node("start", wait(), default="rest"), node("rest", send("rest"), wait(DAY))))
    done = engine.migrate("w", targets={"offer": target})
    assert done.nodes == {"offer": only(moved=2, moved_to={"rest": 2}) if target == "rest" else only(exited=2)}
    assert done.text == ("offer: 2 moved to rest" if target == "rest" else "offer: 2 exited")
    engine.advance()
    if target == "rest":
        assert templates(sender) == ["rest"] * 2
        assert kinds(engine.journal(run=engine.runs()[0]))[-4:] == [
            "migrated@offer",
            "left@offer",
            "done@rest",
            "waiting@rest",
        ]
    else:
        assert {(run.status, run.state.reason) for run in engine.runs()} == {(Status.EXITED, "migrated")}
    later(engine, clock, 3 * DAY)
    assert "offer" not in templates(sender)


def test_a_target_moves_people_from_a_node_that_is_still_there(any_store):
    engine, _clock = at_the_offer(any_store)
    engine.publish(workflow(*GONE, REST))
    assert engine.migrate("w", targets={"offer": "rest"}).nodes == {"offer": only(moved=2, moved_to={"rest": 2})}
    engine.advance()
    assert place(engine, "s0")[0] == "rest"


def test_a_target_that_is_no_node_is_refused(any_store):
    engine, _clock = at_the_offer(any_store)
    with pytest.raises(UnknownTarget, match="'nowhere' \\(for 'offer'\\)") as caught:
        engine.migrate("w", targets={"offer": "nowhere", "start": "start"})
    assert caught.value.targets == {"offer": "nowhere"}
    assert pickle.loads(pickle.dumps(caught.value)).targets == {"offer": "nowhere"}  # noqa: S301 - its own


def test_a_node_called_exit_is_a_node(any_store):
    engine, _clock = at_the_offer(any_store, 1)
    engine.publish(workflow(node("start", wait(), default="exit"), node("exit", wait(DAY))))
    assert engine.migrate("w", targets={"offer": "exit"}).total == only(moved=1, moved_to={"exit": 1})
    engine.advance()
    assert place(engine, "s0")[0] == "exit"


def test_a_wait_that_is_gone_is_passed_by(any_store):
    sender = RecordingSender(needs=NO_NEEDS)
    engine, clock = engine_on(any_store, node("start", wait(DAY), send("next")), sender=sender)
    engine.ingest([signup()])
    clock.advance(MINUTE)
    engine.publish(workflow(node("start", send("next"))))
    assert engine.migrate("w").total == only(moved=1, moved_to={"start": 1})
    engine.advance()
    assert templates(sender) == ["next"]
    assert engine.runs()[0].status is Status.COMPLETED


def test_the_last_wait_that_is_gone_leads_to_the_end_of_its_node(any_store):
    engine, _clock = engine_on(any_store, node("start", send(), wait(DAY), default="rest"), REST)
    engine.ingest([signup()])
    engine.advance()
    engine.publish(workflow(node("start", send(), default="rest"), REST))
    assert engine.migrate("w").total == only(moved=1, moved_to={"start": 1})
    engine.publish(workflow(node("start", send(), check("other"), default="rest"), REST))
    assert engine.migrate("w").total == only(moved=1, moved_to={"start": 1})
    engine.advance()
    assert place(engine)[0] == "rest"


def test_a_wait_that_moved_to_another_node_is_followed_with_its_time(any_store):
    engine, clock = engine_on(any_store, node("start", wait(2 * HOUR), default="rest"), REST)
    engine.ingest([signup()])
    clock.advance(HOUR)
    new = (node("start", default="pause"), node("pause", send(), wait(3 * HOUR), default="rest"), REST)
    engine.publish(workflow(*new))
    assert engine.migrate("w").total == only(moved=1, moved_to={"pause": 1})
    assert place(engine) == ("pause", 1, START + 3 * HOUR)
    assert "left@start" in kinds(engine.journal())


def test_a_wait_that_became_another_action_is_taken_as_that(any_store):
    sender = RecordingSender(needs=NO_NEEDS)
    engine, _clock = engine_on(any_store, node("start", wait(DAY, "step")), sender=sender)
    engine.ingest([signup()])
    engine.publish(workflow(node("start", send("instead", "step"))))
    engine.migrate("w")
    engine.advance()
    assert templates(sender) == ["instead"]


# ------------------------------------------------------------------------------------------------------------
# Waits by the clock, and for what happens


def until(rule, action_id="wait"):
    return Action(action_id, WaitUntil(rule))


def test_a_rule_that_changed_counts_from_when_the_wait_began(any_store):
    engine, clock = engine_on(any_store, node("start", until(CalendarDays(5))), profiles=MemoryProfiles({"s": {}}))
    engine.ingest([signup()])
    clock.advance(DAY)
    for days, due in ((3, START + 3 * DAY), (7, START + 7 * DAY)):
        engine.publish(workflow(node("start", until(CalendarDays(days)))))
        assert engine.migrate("w").total == only(retimed=1)
        assert place(engine)[2] == due
    engine.publish(workflow(node("start", wait(2 * DAY))))
    assert engine.migrate("w").total == only(retimed=1)
    assert place(engine)[2] == START + 2 * DAY
    engine.publish(workflow(node("start", until(CalendarDays(4)))))
    assert engine.migrate("w").total == only(retimed=1)
    assert place(engine)[2] == START + 4 * DAY


def test_a_rule_of_the_clock_looks_from_when_the_wait_began_and_is_never_early(any_store):
    engine, clock = engine_on(any_store, node("start", wait(10 * DAY)), profiles=MemoryProfiles({"s": {}}))
    engine.ingest([signup()])
    clock.advance(3 * DAY)
    engine.publish(workflow(node("start", until(CalendarDays(1)))))
    engine.migrate("w")
    assert place(engine)[2] == START + 3 * DAY


def test_another_zone_of_the_workflow_is_another_rule(any_store):
    first = node("start", until(CalendarDays(1, at=LOCAL_NINE)))
    engine, _clock = engine_on(any_store, first, profiles=MemoryProfiles({"s": {}}))
    engine.ingest([signup()])
    assert place(engine)[2] == START + DAY + 9 * HOUR
    engine.publish(evolve(workflow(first), timezone="America/New_York"))
    assert engine.migrate("w").total == only(retimed=1)
    assert place(engine)[2] == START + 14 * HOUR
    engine.publish(evolve(workflow(first, REST), timezone="America/New_York"))
    assert engine.migrate("w").total == only(mapped=1)


@pytest.mark.parametrize(
    ("timeout", "due"),
    [(2 * DAY, 2 * DAY), (timedelta(hours=2), 3 * HOUR), (None, None)],
    ids=["longer", "over", "none"],
)
def test_the_deadline_of_a_wait_for_an_event_counts_from_when_it_began(any_store, timeout, due):
    engine, clock = engine_on(any_store, node("start", listen(("opened", "email_open")), timeout="rest"), REST)
    engine.ingest([signup()])
    clock.advance(3 * HOUR)
    new = node("start", listen(("opened", "email_open"), timeout=timeout), timeout="rest", opened="end")
    engine.publish(workflow(new, REST))
    assert engine.migrate("w").total == only(retimed=1)
    engine.advance()
    if due == 3 * HOUR:
        assert place(engine)[0] == "rest"
        return
    assert place(engine) == ("start", 0, None if due is None else START + due)
    engine.ingest([opened()])
    assert engine.runs()[0].status is Status.COMPLETED


def test_a_wait_without_an_end_gets_one_from_now(any_store):
    first = node("start", listen(("opened", "email_open"), timeout=None, look_back=LookBack.ENTRY), opened="end")
    engine, clock = engine_on(any_store, first)
    engine.ingest([signup()])
    clock.advance(3 * DAY)
    engine.publish(workflow(node("start", listen(("opened", "email_open"), look_back=LookBack.ENTRY), opened="end")))
    assert engine.migrate("w").total == only(retimed=1)
    engine.advance()
    assert place(engine)[2] == START + 4 * DAY


def test_what_was_seen_for_a_wait_ahead_is_found_under_its_new_place(any_store):
    ways = {"opened": "rest", "clicked": "end", "timeout": "end"}
    branches = (("clicked", "email_click"), ("opened", "email_open"))
    first = node("start", wait(), listen(*branches, look_back=LookBack.ENTRY), **ways)
    engine, clock = engine_on(any_store, first, REST)
    engine.ingest([signup()])
    engine.ingest([opened()])
    engine.publish(workflow(node("start", wait(), send(), listen(branches[1], look_back=LookBack.ENTRY), **ways), REST))
    engine.migrate("w")
    later(engine, clock, HOUR)
    assert place(engine)[0] == "rest"


# ------------------------------------------------------------------------------------------------------------
# Effects, keys and workers


def test_an_effect_that_is_tried_again_is_settled_on_its_version(any_store):
    sender = RecordingSender({"hello": [Outcome(Result.RETRY, "busy")]}, needs=NO_NEEDS)
    engine, clock = engine_on(any_store, node("start", send(), wait()), sender=sender)
    engine.ingest([signup()])
    engine.advance()
    engine.publish(workflow(node("start", send("new"), wait())))
    assert engine.migrate("w").nodes == {"start": only(kept={"retrying": 1})}
    assert engine.migrate("w").text == "start: 1 kept (retrying)"
    later(engine, clock, HOUR)
    assert engine.migrate("w").total == only(mapped=1)
    assert templates(sender) == ["hello", "hello"]
    assert len({message.key for message in sender.messages}) == 1


def test_an_effect_that_was_not_begun_keeps_its_key(any_store):
    sender = RecordingSender(needs=NO_NEEDS)
    engine, clock = engine_on(any_store, node("start", send(delay=HOUR)), sender=sender)
    engine.ingest(signups(2))
    suffix = engine.runs()[0].state.pending.suffix
    engine.publish(workflow(node("start", wait(action_id="new"), send("other", delay=2 * HOUR))))
    assert engine.migrate("w").total == only(retimed=2)
    assert place(engine, "s0") == ("start", 1, START + 2 * HOUR)
    later(engine, clock, 2 * HOUR)
    assert [(message.template_id, message.key[32:]) for message in sender.messages] == [("other", suffix)] * 2


@pytest.mark.parametrize("delay", [timedelta(), HOUR], ids=["due", "not due"])
def test_a_due_effect_whose_key_would_go_keeps_its_run(any_store, delay):
    sender = RecordingSender(needs=NO_NEEDS)
    engine, clock = engine_on(any_store, node("start", send(delay=delay), wait(), default="rest"), REST, sender=sender)
    engine.ingest([signup()])
    engine.publish(workflow(node("start", wait(), default="rest"), REST))
    done = engine.migrate("w")
    assert done.total == (only(moved=1, moved_to={"start": 1}) if delay else only(kept={"effect_pending": 1}))
    later(engine, clock, HOUR)
    assert templates(sender) == ([] if delay else ["hello"])


def test_no_key_comes_again_after_a_migration_whatever_way_a_run_takes(any_store):
    sender = RecordingSender(needs=NO_NEEDS, key_window=DAY)
    first = (node("start", send(), default="pause"), node("pause", wait(), default="end"))
    engine, clock = engine_on(any_store, *first, sender=sender)
    engine.ingest([signup()])
    engine.advance()
    engine.publish(workflow(node("start", send(), default="pause"), node("pause", wait(), default="start")))
    assert engine.migrate("w").total == only(mapped=1)
    for _ in range(3):
        later(engine, clock, HOUR)
    engine.publish(workflow(node("start", send(), default="pause"), node("pause", wait(2 * HOUR), default="start")))
    assert engine.migrate("w").total == only(retimed=1)
    for _ in range(6):
        later(engine, clock, HOUR)
    keys = [message.key for message in sender.messages]
    assert len(keys) == len(set(keys)) == 1 + 3 + 3


def test_no_key_comes_again_in_the_node_that_is_on_a_loop_since(any_store):
    sender = RecordingSender(needs=NO_NEEDS, key_window=DAY)
    engine, clock = engine_on(any_store, node("start", wait(), send()), sender=sender)
    engine.ingest([signup()])
    engine.publish(workflow(node("start", wait(), send(), wait(action_id="again"), default="start")))
    assert engine.migrate("w").total == only(mapped=1)
    for _ in range(7):
        later(engine, clock, HOUR)
    keys = [message.key for message in sender.messages]
    assert len(keys) == len(set(keys)) == 4


def test_a_target_is_entered_as_any_other_node(any_store):
    sender = RecordingSender(needs=NO_NEEDS)
    engine, clock = at_the_offer(any_store, 1, sender=sender)
    loop = node("rest", send("rest"), wait(), default="rest", exhausted="end", max_visits=2)
    engine.publish(workflow(node("start", wait(), default="rest"), loop))
    engine.migrate("w", targets={"offer": "rest"})
    for _ in range(6):
        later(engine, clock, HOUR)
    assert templates(sender) == ["rest", "rest"]


def test_a_target_that_was_visited_before_is_visited_once_more(any_store):
    sender = RecordingSender(needs=NO_NEEDS)
    start = node("start", send(), wait(), default="pause", exhausted="end", max_visits=3)
    engine, clock = engine_on(any_store, start, node("pause", wait(), default="start"), sender=sender)
    engine.ingest([signup()])
    for _ in range(4):
        later(engine, clock, HOUR)
    assert (place(engine)[0], len(sender.messages)) == ("pause", 2)
    engine.publish(workflow(node("start", send(), wait(), default="start", exhausted="end", max_visits=3)))
    engine.migrate("w", targets={"pause": "start"})
    for _ in range(4):
        later(engine, clock, HOUR)
    assert len(sender.messages) == 3


def test_a_wait_for_an_event_is_forgotten_where_it_is_left(any_store):
    engine, _clock = engine_on(any_store, node("start", listen(("opened", "email_open")), default="rest"), REST)
    engine.ingest([signup()])
    engine.publish(workflow(node("start", default="rest"), REST))
    assert engine.migrate("w").total == only(moved=1, moved_to={"start": 1})
    assert engine.runs()[0].state.watch == NO_WATCH


def detached(action_id="send", template_id="hello", delay=2 * HOUR):
    return send(template_id, action_id, delay=delay, detached=True)


@pytest.mark.parametrize("paused", [False, True])
def test_what_is_detached_and_not_due_goes_over_or_is_dropped(any_store, paused):
    sender = RecordingSender(needs=NO_NEEDS)
    first = node("start", detached("a"), detached("b"), wait(DAY))
    engine, clock = engine_on(any_store, first, sender=sender)
    engine.ingest([signup()])
    suffixes = [effect.suffix for effect in engine.runs()[0].state.effects]
    if paused:
        engine.pause("w")
    engine.publish(workflow(node("start", wait(DAY), detached("b", "new"))))
    assert engine.migrate("w").total == only(mapped=1)
    if paused:
        engine.resume("w")
    assert place(engine) == ("start", 0, START + 2 * HOUR)
    later(engine, clock, 2 * HOUR)
    assert [(message.template_id, message.key[32:]) for message in sender.messages] == [("new", suffixes[1])]
    assert place(engine) == ("start", 0, START + DAY)
    later(engine, clock, DAY)
    assert len(sender.messages) == 1


def test_what_is_detached_and_due_or_stands_at_the_end_stays(any_store):
    engine, clock = engine_on(any_store, node("start", detached("a"), wait(DAY), default="end"))
    engine.ingest([signup()])
    engine.publish(workflow(node("start", wait(DAY))))
    clock.advance(2 * HOUR)
    assert engine.migrate("w").nodes == {"start": only(kept={"effect_pending": 1})}
    engine.advance()
    engine.publish(workflow(node("start", detached("a", delay=5 * DAY), wait(DAY))))
    engine.ingest([signup("t")])
    later(engine, clock, 2 * DAY)
    engine.publish(workflow(node("start", wait(DAY))))
    assert engine.migrate("w").total == only(kept={"at_end": 1})


class Meanwhile:
    """A sender during whose first call something happens."""

    def __init__(self, sender, happening):
        self._sender = sender
        self._happening = happening

    def send(self, messages):
        happening, self._happening = self._happening, None
        if happening is not None:
            happening()
        return self._sender.send(messages)

    def __getattr__(self, name):
        return getattr(self._sender, name)


def test_a_run_that_a_worker_holds_goes_over_when_it_has_let_go(any_store):
    engine = None
    found = []
    inner = RecordingSender(needs=NO_NEEDS)
    sender = Meanwhile(inner, lambda: found.append(engine.migrate("w").total))
    old = node("start", wait(), send("hello"), default="rest")
    engine, clock = engine_on(any_store, old, REST, sender=sender)
    engine.ingest([signup()])
    clock.advance(HOUR)
    engine.publish(workflow(node("start", wait(), send("before", "b"), send("hello"), default="rest"), REST))
    engine.ingest([signup("parked", "p")])
    engine.advance()
    assert found == [only(kept={"in_hand": 1})]
    assert templates(inner) == ["hello"]
    assert engine.migrate("w").total == only(mapped=1)
    assert {run.version for run in engine.runs()} == {2}


def test_a_paused_workflow_is_migrated_and_goes_on_in_the_new_version(any_store):
    sender = RecordingSender(needs=NO_NEEDS)
    engine, clock = engine_on(any_store, node("start", wait(2 * HOUR), send("old")), sender=sender)
    engine.ingest([signup()])
    clock.advance(HOUR)
    engine.pause("w")
    clock.advance(DAY)
    engine.publish(workflow(node("start", wait(3 * HOUR), send("new"))))
    assert engine.migrate("w").total == only(retimed=1)
    assert engine.runs()[0].status is Status.PAUSED
    engine.resume("w")
    assert place(engine)[2] == START + DAY + 3 * HOUR
    later(engine, clock, 2 * HOUR)
    assert templates(sender) == ["new"]


def test_a_paused_run_whose_wait_is_over_by_then_is_due_when_it_is_resumed(any_store):
    engine, clock = engine_on(any_store, node("start", wait(2 * HOUR), default="rest"), REST)
    engine.ingest([signup()])
    clock.advance(HOUR)
    engine.pause("w")
    clock.advance(DAY)
    engine.publish(workflow(node("start", wait(MINUTE), default="rest"), REST))
    engine.migrate("w")
    assert engine.advance().runs == 0
    engine.resume("w")
    engine.advance()
    assert place(engine) == ("rest", 0, START + DAY + HOUR + DAY)


# ------------------------------------------------------------------------------------------------------------
# Pages, plans and repeats


def mixed(store, batch=500):
    engine, clock = engine_on(store, *GONE, batch=batch)
    engine.ingest(signups(5))
    later(engine, clock, HOUR)
    engine.ingest([signup(f"t{number}") for number in range(4)])
    engine.publish(workflow(node("start", wait(2 * HOUR), default="offer"), GONE[1], node("new", wait())))
    return engine, clock


@pytest.mark.parametrize("batch", [1, 2, 500])
def test_a_plan_says_what_is_done_and_does_nothing(any_store, batch):
    engine, _clock = mixed(any_store, batch)
    before = engine.runs()
    plan = engine.migrate("w", dry_run=True)
    assert plan.nodes == {"offer": only(mapped=5), "start": only(retimed=4)}
    assert (plan.dry_run, plan.version, str(plan)) == (True, 2, "offer: 5 mapped\nstart: 4 retimed")
    assert plan.total == only(mapped=5, retimed=4)
    assert engine.runs() == before
    assert engine.versions("w")[0].living == 9
    done = engine.migrate("w")
    assert (done.nodes, done.dry_run) == (plan.nodes, False)
    assert [version.state for version in engine.versions("w")] == [VersionState.RETIRED, VersionState.LIVE]
    assert engine.versions("w")[1].nodes == {"offer": 5, "start": 4}
    again = engine.migrate("w")
    assert (again.nodes, again.text) == ({}, "no runs are concerned")


class Dies(Exception):
    pass


@pytest.mark.parametrize("finish", ["advance", "another engine", "migrate"])
@pytest.mark.parametrize("method", ["commit", "put_sweep"])
def test_a_migration_that_dies_half_way_is_finished(any_store, finish, method):
    engine, _clock = mixed(any_store, 2)
    left, original = [2], getattr(any_store, method)

    def dying(*arguments):
        left[0] -= 1
        if left[0] < 0:
            raise Dies
        return original(*arguments)

    setattr(any_store, method, dying)
    with pytest.raises(Dies):
        engine.migrate("w")
    setattr(any_store, method, original)
    assert {run.version for run in engine.runs()} == {1, 2}
    assert {sweep.kind for sweep in any_store.sweeps()} == {SweepKind.MIGRATION}
    assert engine.sweeps() == []
    if finish == "another engine":
        engine = Engine(any_store, clock=_clock, sender=RecordingSender(needs=NO_NEEDS), batch=3)
    if finish == "migrate":
        engine.migrate("w")
    else:
        engine.advance()
    assert {run.version for run in engine.runs()} == {2}
    assert kinds(engine.journal()).count("migrated@offer") == 5


def test_runs_go_back_to_an_older_version_by_its_number(any_store):
    engine, _clock = mixed(any_store)
    engine.migrate("w")
    back = engine.migrate("w", 1)
    assert (back.version, back.total) == (1, only(mapped=5, retimed=4))
    assert {run.version for run in engine.runs()} == {1}


def test_an_unknown_version_is_refused(any_store):
    engine, _clock = mixed(any_store)
    engine.publish(workflow(node("start", wait()), workflow_id="other"))
    draft = engine.publish(workflow(node("start", wait(DAY))), draft=True)
    for number in (3, draft.number, 99):
        with pytest.raises(UnknownWorkflow):
            engine.migrate("w", number)
    with pytest.raises(UnknownWorkflow):
        engine.migrate("unknown")


def test_the_journal_tells_from_where_to_where(any_store):
    engine, _clock = at_the_offer(any_store, 1)
    engine.publish(workflow(GONE[0], node("offer", wait(3 * HOUR, "think"), send("offer"))))
    engine.migrate("w")
    [line] = [line.entry for line in engine.journal() if line.entry.kind is Kind.MIGRATED]
    assert (line.node, line.action) == ("offer", "think")
    assert line.data == {"from": 1, "to": 2, "node": "offer", "course": "retimed", "seconds": 3600}
    assert "went over to another version at offer, 1 h later" in engine.explain("s0", "w").text
    engine.publish(workflow(node("start", wait(), default="rest"), REST))
    engine.migrate("w", targets={"offer": "rest"})
    assert "went over to another version at offer, and on to rest, 3 h earlier" in engine.explain("s0", "w").text


def test_what_has_ended_or_failed_stays_where_it_was(any_store):
    sender = RecordingSender({"hello": [Outcome(Result.FAILED, "gone")]}, needs=NO_NEEDS)
    engine, clock = engine_on(any_store, node("start", send(), wait()), sender=sender)
    engine.ingest([signup("fails")])
    engine.advance()
    engine.ingest([signup("ends")])
    later(engine, clock, MINUTE)
    later(engine, clock, HOUR)
    engine.publish(workflow(node("start", wait(DAY))))
    assert engine.migrate("w").nodes == {}
    assert {run.version for run in engine.runs()} == {1}


def test_an_asynchronous_engine_migrates():
    async def lived():
        engine = AsyncEngine(MemoryStore(), clock=VirtualClock(START), sender=RecordingSender(needs=NO_NEEDS))
        await engine.publish(workflow(node("start", wait())))
        await engine.ingest(signups(3))
        await engine.publish(workflow(node("start", wait(DAY))))
        plan = await engine.migrate("w", dry_run=True)
        done = await engine.migrate("w")
        return plan.total, done.total, [run.due_at for run in await engine.runs()]

    assert asyncio.run(lived()) == (only(retimed=3), only(retimed=3), [START + DAY] * 3)
