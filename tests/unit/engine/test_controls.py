"""What is ordered from outside: workflows that are drained, stopped, paused and resumed, and runs likewise."""

import asyncio
from datetime import timedelta

import pytest

from flowkit.adapters.clock import VirtualClock
from flowkit.adapters.profiles import MemoryProfiles
from flowkit.conditions import Equals, EventIs, SubscriberHas
from flowkit.engine.aio import AsyncEngine
from flowkit.engine.sync import Engine
from flowkit.engine.versions import VersionState
from flowkit.errors import ConfigurationError, UnknownRun, UnknownWorkflow
from flowkit.events import NO_NEEDS, Event, to_micros
from flowkit.ports import Hold, HoldKind, InDoubt, SweepKind
from flowkit.runs.effects import Outcome, PauseClock, Result
from flowkit.runs.model import Kind, Status
from flowkit.stores.memory import MemoryStore
from flowkit.testing.recording import RecordingSender
from flowkit.workflows.control import Awaited, Case, LookBack, WaitForEvent
from flowkit.workflows.model import Action, Workflow
from tests.support.journeys import (
    DAY,
    HOUR,
    NOW,
    START,
    check,
    kinds,
    node,
    opened,
    send,
    signup,
    signups,
    wait,
    whole_journal,
    workflow,
)

MINUTE = timedelta(minutes=1)


def engine_on(store, *nodes, sender=None, batch=500, **ports):
    clock = VirtualClock(START)
    engine = Engine(store, clock=clock, sender=sender or RecordingSender(needs=NO_NEEDS), batch=batch, **ports)
    if nodes:
        engine.publish(workflow(*nodes))
    return engine, clock


def later(engine, clock, span):
    clock.advance(span)
    return engine.advance()


def states(engine):
    return {run.subscriber_id: run.status for run in engine.runs()}


def dues(engine):
    return {run.subscriber_id: run.due_at for run in engine.runs()}


def until_opened(timeout=DAY, *, look_back=LookBack.ARRIVAL, branches=None):
    made = branches or [Awaited("opened", EventIs(("email_open",)))]
    return Action("listen", WaitForEvent(made, timeout=timeout, look_back=look_back))


WAITING = (node("start", wait(HOUR), send(), default="rest"), node("rest", wait(DAY)))
LISTENING = (
    node("start", until_opened(), opened="thanks", timeout="end"),
    node("thanks", send("thanks"), wait(DAY, "rest")),
)


# ------------------------------------------------------------------------------------------------------------
# Draining


def test_nobody_enters_what_is_drained_and_those_inside_go_on(any_store):
    sender = RecordingSender(needs=NO_NEEDS)
    engine, clock = engine_on(any_store, *WAITING, sender=sender)
    engine.ingest([signup("in")])
    assert engine.drain("w") == 0
    assert engine.ingest([signup("out")]).started == 0
    later(engine, clock, HOUR)
    assert [message.subscriber_id for message in sender.messages] == ["in"]
    assert engine.drain("w") == 0
    [version] = engine.versions("w")
    assert (version.state, version.nodes, version.hold.kind) == (VersionState.DRAINING, {"rest": 1}, HoldKind.DRAIN)


@pytest.mark.parametrize("how", ["resume", "publish", "publish another"])
def test_what_is_drained_is_entered_again_when_it_is_resumed_or_published(any_store, how):
    engine, _ = engine_on(any_store, *WAITING)
    engine.drain("w")
    if how == "resume":
        assert engine.resume("w") == 0
    else:
        engine.publish(workflow(*(WAITING if how == "publish" else (node("start", wait(DAY)),))))
    assert engine.ingest([signup("s")]).started == 1
    assert [version.state for version in engine.versions("w")][-1] is VersionState.LIVE
    assert engine.versions("w")[-1].hold is None


def test_an_inactive_version_drains_too(any_store):
    engine, _ = engine_on(any_store)
    engine.publish(workflow(*WAITING))
    engine.ingest([signup()])
    engine.publish(Workflow("w", "W", trigger=workflow().trigger, nodes=WAITING, active=False))
    old, new = engine.versions("w")
    assert (old.state, old.living) == (VersionState.DRAINING, 1)
    assert (new.state, new.living) == (VersionState.RETIRED, 0)


# ------------------------------------------------------------------------------------------------------------
# States


def test_a_version_is_a_draft_then_live_then_draining_then_retired(any_store):
    engine, clock = engine_on(any_store)
    draft = engine.publish(workflow(node("start", wait(HOUR))), draft=True)
    assert [version.state for version in engine.versions("w")] == [VersionState.DRAFT]
    assert engine.versions("w")[0].published_at is None
    assert engine.ingest([signup("early")]).started == 0
    with pytest.raises(UnknownWorkflow):
        engine.drain("w")
    clock.advance(HOUR)
    assert engine.publish(workflow(node("start", wait(HOUR)))).number == draft.number
    [version] = engine.versions("w")
    assert (version.state, version.published_at) == (VersionState.LIVE, START + HOUR)
    engine.ingest([signup("s")])
    second = engine.publish(workflow(node("start", wait(DAY))), draft=True)
    assert [version.state for version in engine.versions("w")] == [VersionState.LIVE, VersionState.DRAFT]
    engine.ingest([signup("t")])
    assert {run.version for run in engine.runs()} == {draft.number}
    engine.publish(workflow(node("start", wait(DAY))))
    assert [(version.number, version.state, version.living) for version in engine.versions("w")] == [
        (draft.number, VersionState.DRAINING, 2),
        (second.number, VersionState.LIVE, 0),
    ]
    later(engine, clock, HOUR)
    assert [version.state for version in engine.versions("w")] == [VersionState.RETIRED, VersionState.LIVE]


def test_a_draft_of_what_is_live_leaves_it_live(any_store):
    engine, _ = engine_on(any_store, *WAITING)
    assert engine.publish(workflow(*WAITING), draft=True).live
    assert [version.state for version in engine.versions("w")] == [VersionState.LIVE]
    assert engine.ingest([signup()]).started == 1


def test_versions_count_who_stands_where(any_store):
    engine, clock = engine_on(any_store, *WAITING)
    engine.ingest(signups(3))
    later(engine, clock, HOUR)
    engine.ingest([signup("late")])
    engine.pause_runs(engine.runs(subscriber_id="late"))
    [version] = engine.versions("w")
    assert (version.nodes, version.living, version.paused) == ({"rest": 3, "start": 1}, 4, 1)
    assert engine.versions("unknown") == []


# ------------------------------------------------------------------------------------------------------------
# Stopping


@pytest.mark.parametrize("batch", [1, 2, 500])
def test_all_runs_of_what_is_stopped_end_with_the_reason(any_store, batch):
    sender = RecordingSender(needs=NO_NEEDS)
    engine, clock = engine_on(any_store, *WAITING, sender=sender, batch=batch)
    engine.publish(workflow(node("start", wait(DAY)), workflow_id="other"))
    engine.ingest(signups(5))
    assert engine.stop("w", reason="recalled") == 5
    assert engine.stop("w", reason="another") == 0
    ended = list(engine.runs(workflow_id="w"))
    assert {(run.status, run.state.reason, run.due) for run in ended} == {(Status.EXITED, "recalled", None)}
    assert {run.status for run in engine.runs(workflow_id="other")} == {Status.ACTIVE}
    assert engine.ingest([signup("new", "n")]).started == 1
    later(engine, clock, DAY)
    assert sender.messages == []
    lines = [line.entry for line in whole_journal(any_store) if line.entry.kind is Kind.EXITED]
    assert [(entry.node, dict(entry.data)) for entry in lines] == [("start", {"reason": "recalled"})] * 5
    assert engine.explain("s1", "w").text.count("was taken out at start: recalled") == 1


def test_who_enters_after_a_stop_was_ended_by_publishing_stays(any_store):
    engine, clock = engine_on(any_store, *WAITING)
    engine.ingest([signup("old")])
    engine.stop("w")
    engine.publish(workflow(*WAITING))
    engine.ingest([signup("new")])
    later(engine, clock, MINUTE)
    assert states(engine) == {"old": Status.EXITED, "new": Status.ACTIVE}


class Dies(Exception):
    pass


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


def breaking(store, name, times):
    """A store in which a method raises after some calls."""
    left = [times]
    method = getattr(store, name)

    def called(*arguments, **options):
        if left[0] == 0:
            raise Dies
        left[0] -= 1
        return method(*arguments, **options)

    setattr(store, name, called)
    return lambda: setattr(store, name, method)


@pytest.mark.parametrize("finish", ["advance", "stop", "publish"])
@pytest.mark.parametrize("method", ["commit", "put_sweep"])
def test_a_stop_that_dies_half_way_is_finished(any_store, finish, method):
    engine, _clock = engine_on(any_store, *WAITING, batch=2)
    engine.ingest(signups(5))
    mend = breaking(any_store, method, 1)
    with pytest.raises(Dies):
        engine.stop("w")
    mend()
    assert Status.ACTIVE in states(engine).values()
    assert engine.next_due() is not None
    another, _ = engine_on(any_store, batch=2)
    if finish == "advance":
        another.advance()
    elif finish == "stop":
        another.stop("w")
    else:
        another.publish(workflow(*WAITING))
    assert set(states(engine).values()) == {Status.EXITED}


def test_what_is_stopped_is_not_taken_on_by_a_worker_before_its_page_comes(any_store):
    sender = RecordingSender(needs=NO_NEEDS)
    engine, clock = engine_on(any_store, *WAITING, sender=sender)
    engine.ingest(signups(3))
    mend = breaking(any_store, "runs", 0)
    with pytest.raises(Dies):
        engine.stop("w")
    clock.advance(HOUR)
    other, _ = engine_on(any_store, sender=sender)
    with pytest.raises(Dies):
        other.advance(now=START + HOUR)
    mend()
    assert set(states(engine).values()) == {Status.EXITED}
    assert sender.messages == []


def test_an_outcome_in_hand_of_a_stopped_run_is_journaled(any_store):
    engine = None
    sender = Meanwhile(RecordingSender(needs=NO_NEEDS), lambda: engine.stop("w"))
    engine, clock = engine_on(any_store, node("start", wait(HOUR), send(), default="rest"), WAITING[1], sender=sender)
    engine.ingest([signup()])
    later(engine, clock, HOUR)
    [run] = engine.runs()
    assert run.status is Status.EXITED
    assert kinds(engine.journal())[-2:] == ["exited@start", "late@start"]


# ------------------------------------------------------------------------------------------------------------
# Pausing


@pytest.mark.parametrize(("clock_of", "due"), [("freeze", START + 4 * HOUR), (PauseClock.RUN, START + HOUR)])
@pytest.mark.parametrize("batch", [1, 500])
def test_paused_runs_stand_still_and_go_on_later(any_store, clock_of, due, batch):
    sender = RecordingSender(needs=NO_NEEDS)
    engine, clock = engine_on(any_store, *WAITING, sender=sender, batch=batch)
    engine.ingest(signups(3))
    clock.advance(30 * MINUTE)
    assert engine.pause("w", clock=clock_of) == 3
    assert engine.pause("w") == 0
    assert engine.next_due() is None
    assert {run.due for run in engine.runs()} == {None}
    later(engine, clock, 3 * HOUR)
    assert set(states(engine).values()) == {Status.PAUSED}
    assert engine.resume("w") == 3
    assert engine.resume("w") == 0
    assert set(dues(engine).values()) == {due}
    engine.advance()
    assert len(sender.messages) == (3 if clock_of is PauseClock.RUN else 0)
    later(engine, clock, 30 * MINUTE)
    assert len(sender.messages) == 3


def test_the_journal_tells_of_a_pause(any_store):
    engine, clock = engine_on(any_store, *WAITING)
    engine.ingest([signup()])
    engine.pause("w")
    clock.advance(2 * HOUR)
    engine.resume("w")
    assert kinds(engine.journal())[-2:] == ["paused@start", "resumed@start"]
    text = engine.explain("s", "w").text
    assert "stands still at start: its clock stands still too" in text
    assert "goes on at start after 2 h, and everything is later by that" in text


def test_who_enters_a_paused_workflow_stands_still_at_the_first_step(any_store):
    sender = RecordingSender(needs=NO_NEEDS)
    engine, clock = engine_on(any_store, node("start", send(), wait(HOUR)), sender=sender)
    engine.pause("w")
    clock.advance(HOUR)
    assert engine.ingest([signup()]).started == 1
    later(engine, clock, HOUR)
    assert (states(engine), sender.messages) == ({"s": Status.PAUSED}, [])
    engine.publish(workflow(node("start", send("other"), wait(HOUR))))
    assert engine.ingest([signup("t")]).started == 1
    clock.advance(HOUR)
    assert engine.resume("w") == 2
    assert dues(engine) == {"s": START + 3 * HOUR, "t": START + 3 * HOUR}
    engine.advance()
    assert sorted(message.template_id for message in sender.messages) == ["hello", "other"]


def test_a_frozen_pause_of_who_entered_meanwhile_counts_from_the_entry(any_store):
    engine, clock = engine_on(any_store, *WAITING)
    engine.pause("w")
    clock.advance(5 * HOUR)
    engine.ingest([signup()])
    clock.advance(2 * HOUR)
    engine.resume("w")
    assert dues(engine) == {"s": START + 8 * HOUR}


@pytest.mark.parametrize("clock_of", PauseClock)
def test_an_event_during_a_pause_is_observed_and_moves_the_run_at_its_end(any_store, clock_of):
    sender = RecordingSender(needs=NO_NEEDS)
    engine, clock = engine_on(any_store, *LISTENING, sender=sender)
    engine.ingest([signup()])
    engine.pause("w", clock=clock_of)
    clock.advance(HOUR)
    engine.ingest([opened()])
    later(engine, clock, 2 * DAY)
    assert sender.messages == []
    engine.resume("w")
    engine.advance()
    assert [message.template_id for message in sender.messages] == ["thanks"]


@pytest.mark.parametrize(("clock_of", "label"), [("freeze", "opened"), ("run", "timeout")])
def test_the_deadline_of_a_wait_is_moved_on_only_where_the_clock_is_frozen(any_store, clock_of, label):
    engine, clock = engine_on(any_store, *LISTENING)
    engine.ingest([signup()])
    clock.advance(HOUR)
    engine.pause("w", clock=clock_of)
    clock.advance(2 * DAY)
    engine.ingest([opened()])
    engine.resume("w")
    engine.advance()
    [decided] = [line.entry for line in engine.journal() if line.entry.kind is Kind.DECIDED]
    assert decided.data["label"] == label


def test_of_events_during_a_pause_the_first_counts(any_store):
    branches = [Awaited("opened", EventIs(("email_open",))), Awaited("clicked", EventIs(("email_click",)))]
    engine, clock = engine_on(
        any_store,
        node("start", until_opened(branches=branches), opened="end", clicked="end"),
    )
    engine.ingest([signup()])
    engine.pause("w")
    clock.advance(3 * HOUR)
    engine.ingest([opened(event_id="o")])
    engine.ingest([Event("email_click", "s", id="c", occurred_at=START + HOUR)])
    engine.resume("w")
    engine.advance()
    [decided] = [line.entry for line in engine.journal() if line.entry.kind is Kind.DECIDED]
    assert decided.data["label"] == "clicked"


def test_a_deadline_of_a_frozen_pause_without_an_event_is_moved_on(any_store):
    engine, clock = engine_on(any_store, *LISTENING)
    engine.ingest([signup()])
    engine.pause("w")
    clock.advance(3 * DAY)
    engine.resume("w")
    engine.advance()
    assert dues(engine) == {"s": START + 4 * DAY}
    later(engine, clock, DAY - MINUTE)
    assert states(engine) == {"s": Status.ACTIVE}
    later(engine, clock, MINUTE)
    assert states(engine) == {"s": Status.COMPLETED}


def test_a_condition_that_came_to_hold_during_a_pause_counts_at_its_end(any_store):
    profiles = MemoryProfiles({"s": {}})
    branches = [Case("pro", SubscriberHas({"plan": Equals("pro")}))]
    engine, _clock = engine_on(any_store, node("start", until_opened(branches=branches), pro="end"), profiles=profiles)
    engine.ingest([signup()])
    engine.pause("w")
    profiles.put("s", plan="pro")
    engine.changed(["s"])
    assert states(engine) == {"s": Status.PAUSED}
    engine.resume("w")
    engine.advance()
    assert states(engine) == {"s": Status.COMPLETED}


def test_events_of_a_paused_run_are_counted(any_store):
    engine, clock = engine_on(
        any_store,
        node("start", wait(HOUR), check(), engagement_threshold={"opens": 1}, engaged="end", not_engaged="rest"),
        WAITING[1],
    )
    engine.ingest([signup()])
    engine.pause("w")
    engine.ingest([opened()])
    engine.resume("w")
    later(engine, clock, HOUR)
    assert states(engine) == {"s": Status.COMPLETED}


@pytest.mark.parametrize("key_window", [None, DAY])
def test_what_a_worker_has_in_hand_when_a_pause_comes_is_not_done_again(any_store, key_window):
    engine = None
    inner = RecordingSender(needs=NO_NEEDS, key_window=key_window)
    sender = Meanwhile(inner, lambda: engine.pause("w"))
    engine, clock = engine_on(any_store, node("start", wait(HOUR), send(), default="rest"), WAITING[1], sender=sender)
    engine.ingest([signup()])
    later(engine, clock, HOUR)
    [run] = engine.runs()
    assert (run.status, run.state.node, run.due) == (Status.PAUSED, "rest", None)
    clock.advance(DAY)
    engine.resume("w")
    assert dues(engine) == {"s": START + HOUR + 2 * DAY}
    later(engine, clock, DAY)
    assert len(inner.messages) == 1
    assert states(engine) == {"s": Status.COMPLETED}


def test_a_worker_begins_nothing_more_when_a_pause_comes_amid_its_claim(any_store):
    engine = None
    inner = RecordingSender(needs=NO_NEEDS)
    sender = Meanwhile(inner, lambda: engine.pause("w"))
    engine, clock = engine_on(any_store, node("start", send("a", "a"), send("b", "b")), sender=sender)
    engine.ingest([signup()])
    engine.advance()
    assert [message.template_id for message in inner.messages] == ["a"]
    assert states(engine) == {"s": Status.PAUSED}
    clock.advance(HOUR)
    engine.resume("w")
    engine.advance()
    assert [message.template_id for message in inner.messages] == ["a", "b"]


def test_a_worker_that_finds_a_pause_which_is_over_leaves_nobody_behind(any_store):
    """It has claimed a run of a paused workflow, and before it writes the workflow is resumed."""
    sender = RecordingSender(needs=NO_NEEDS)
    engine, clock = engine_on(any_store, *WAITING, sender=sender)
    engine.ingest(signups(2))
    rival, _ = engine_on(any_store)
    mend = breaking(any_store, "runs", 0)
    with pytest.raises(Dies):
        rival.pause("w", clock="run")
    mend()
    method, calls = any_store.commit, []

    def commit(changes):
        if changes.claim is not None and not calls:
            calls.append(1)
            rival.resume("w")
        return method(changes)

    any_store.commit = commit
    later(engine, clock, HOUR)
    del any_store.commit
    assert calls
    assert set(states(engine).values()) == {Status.ACTIVE}
    assert len(sender.messages) == 2


class Killed(BaseException):
    pass


@pytest.mark.parametrize("order", ["before the page", "by the page"])
@pytest.mark.parametrize("policy", InDoubt)
def test_what_a_dead_worker_may_have_sent_before_a_pause_follows_the_policy(any_store, order, policy):
    def dying(messages):
        lost.extend(messages)
        raise Killed

    lost = []
    sender = RecordingSender(needs=NO_NEEDS, in_doubt=policy)
    engine, clock = engine_on(any_store, node("start", send(), default="rest"), WAITING[1], sender=sender)
    engine.ingest([signup()])
    sender.send = dying
    with pytest.raises(Killed):
        engine.advance()
    del sender.send
    if order == "before the page":
        mend = breaking(any_store, "runs", 0)
        with pytest.raises(Dies):
            engine.pause("w")
        engine._parts.catalogue.controlled = engine._parts.catalogue.edition
        engine.advance()
        mend()
    else:
        engine.pause("w")
        engine.advance()
    assert states(engine) == {"s": Status.PAUSED}
    assert (len(lost), len(sender.messages)) == (1, 0)
    clock.advance(HOUR)
    engine.resume("w")
    engine.advance()
    assert len(sender.messages) == (1 if policy is InDoubt.RESEND else 0)
    assert engine.runs()[0].state.node == "rest"


@pytest.mark.parametrize("ended", [False, True], ids=["on its way", "at its end"])
def test_what_is_detached_is_paused_too(any_store, ended):
    sender = RecordingSender(needs=NO_NEEDS)
    rest = () if ended else (wait(DAY, "rest"),)
    engine, clock = engine_on(any_store, node("start", send(delay=HOUR, detached=True), *rest), sender=sender)
    engine.ingest([signup()])
    clock.advance(30 * MINUTE)
    assert engine.pause("w") == 1
    assert engine.next_due() is None
    later(engine, clock, 5 * HOUR)
    assert sender.messages == []
    assert engine.resume("w") == 1
    assert dues(engine) == {"s": START + 6 * HOUR}
    later(engine, clock, 30 * MINUTE)
    assert len(sender.messages) == 1
    assert states(engine) == {"s": Status.COMPLETED if ended else Status.ACTIVE}
    assert dues(engine) == {"s": None if ended else START + DAY + 5 * HOUR}


def test_what_is_detached_is_dropped_by_a_stop(any_store):
    sender = RecordingSender(needs=NO_NEEDS)
    engine, clock = engine_on(any_store, node("start", send(delay=HOUR, detached=True)), sender=sender)
    engine.ingest([signup()])
    assert engine.stop("w") == 1
    later(engine, clock, DAY)
    assert (states(engine), sender.messages) == ({"s": Status.EXITED}, [])


def test_a_clock_that_goes_back_makes_nothing_earlier(any_store):
    engine, _clock = engine_on(any_store, *WAITING)
    engine.ingest([signup()])
    engine.pause("w", now=START + MINUTE)
    engine.resume("w", now=START)
    assert dues(engine) == {"s": START + HOUR}


def test_a_retry_is_frozen_under_its_key(any_store):
    sender = RecordingSender({"hello": [Outcome(Result.RETRY, "busy")]}, needs=NO_NEEDS)
    engine, clock = engine_on(any_store, node("start", send()), sender=sender)
    engine.ingest([signup()])
    engine.advance()
    [run] = engine.runs()
    engine.pause("w")
    clock.advance(DAY)
    engine.resume("w")
    assert engine.runs()[0].due == run.due + to_micros(START + DAY) - NOW
    later(engine, clock, DAY)
    assert len({message.key for message in sender.messages}) == 1
    assert len(sender.messages) == 2


@pytest.mark.parametrize("then", ["drain", "stop"])
def test_another_order_takes_the_place_of_a_pause(any_store, then):
    engine, clock = engine_on(any_store, *WAITING)
    engine.ingest(signups(2))
    engine.pause("w")
    clock.advance(DAY)
    assert (engine.drain("w") if then == "drain" else engine.stop("w")) == 2
    assert set(states(engine).values()) == {Status.ACTIVE if then == "drain" else Status.EXITED}
    assert engine.ingest([signup("new")]).started == 0
    if then == "drain":
        assert set(dues(engine).values()) == {START + DAY + HOUR}


@pytest.mark.parametrize("batch", [1, 2])
def test_a_pause_that_dies_half_way_and_is_resumed_leaves_nobody_behind(any_store, batch):
    engine, clock = engine_on(any_store, *WAITING, batch=batch)
    engine.ingest(signups(5))
    mend = breaking(any_store, "put_sweep", 1)
    with pytest.raises(Dies):
        engine.pause("w")
    mend()
    clock.advance(MINUTE)
    engine.resume("w")
    assert set(states(engine).values()) == {Status.ACTIVE}
    engine.advance()
    assert set(states(engine).values()) == {Status.ACTIVE}


def test_a_page_that_another_order_overtakes_writes_nothing(any_store):
    """A pause that is resumed between its reading and its writing must not leave runs that stand still for ever."""
    engine, _clock = engine_on(any_store, *WAITING)
    engine.ingest(signups(3))
    rival, _ = engine_on(any_store)
    method, calls = any_store.runs, []

    def read(**asked):
        page = method(**asked)
        if not calls:
            calls.append(1)
            rival.resume("w")
        return page

    any_store.runs = read
    engine.pause("w")
    del any_store.runs
    assert set(states(engine).values()) == {Status.ACTIVE}


def test_who_was_let_in_while_the_door_was_being_shut_is_not(any_store):
    engine, _ = engine_on(any_store, *WAITING)
    rival, _ = engine_on(any_store)
    method, calls = any_store.recall, []

    def recall(*asked, **options):
        found = method(*asked, **options)
        if not calls:
            calls.append(1)
            rival.drain("w")
        return found

    any_store.recall = recall
    assert engine.ingest([signup()]).started == 0
    del any_store.recall
    assert engine.runs() == []


def test_orders_need_no_audience_and_are_no_progress_of_triggers(any_store):
    engine, _ = engine_on(any_store, *WAITING)
    engine.pause("w")
    assert engine.sweeps() == []
    assert [sweep.kind for sweep in any_store.sweeps()] == [SweepKind.CONTROL]


def test_an_unknown_clock_and_an_unknown_workflow_are_refused(any_store):
    engine, _ = engine_on(any_store, *WAITING)
    with pytest.raises(ConfigurationError, match="'freeze' or 'run', not 'stand'"):
        engine.pause("w", clock="stand")
    for verb in (engine.drain, engine.stop, engine.pause, engine.resume):
        with pytest.raises(UnknownWorkflow):
            verb("unknown")
    assert engine.versions("w")[0].hold is None


# ------------------------------------------------------------------------------------------------------------
# Runs


def test_runs_are_paused_and_resumed_by_themselves(any_store):
    engine, clock = engine_on(any_store, *WAITING)
    engine.ingest(signups(3))
    one = engine.runs(subscriber_id="s1")
    assert engine.pause_runs(one).runs == 1
    assert engine.pause_runs(one).runs == 0
    assert states(engine) == {"s0": Status.ACTIVE, "s1": Status.PAUSED, "s2": Status.ACTIVE}
    clock.advance(HOUR)
    done = engine.resume_runs(engine.runs())
    assert (done.runs, done.refused) == (1, {})
    assert dues(engine) == {"s0": START + HOUR, "s1": START + 2 * HOUR, "s2": START + HOUR}


def test_a_run_that_is_paused_by_itself_outlasts_the_pause_of_its_workflow(any_store):
    engine, _clock = engine_on(any_store, *WAITING)
    engine.ingest(signups(3))
    engine.pause_runs(engine.runs(subscriber_id="s0"))
    engine.pause("w")
    engine.pause_runs(engine.runs(subscriber_id="s1"))
    one = engine.runs(subscriber_id="s0")
    assert engine.resume_runs(one).refused == {one[0].id: "workflow_paused"}
    assert engine.resume("w") == 1
    assert states(engine) == {"s0": Status.PAUSED, "s1": Status.PAUSED, "s2": Status.ACTIVE}
    assert engine.resume_runs(engine.runs()).runs == 2
    assert set(states(engine).values()) == {Status.ACTIVE}


def test_runs_are_ended_from_outside(any_store):
    engine, clock = engine_on(any_store, *WAITING)
    engine.publish(workflow(*WAITING, workflow_id="other"))
    engine.ingest(signups(2))
    engine.pause_runs(engine.runs(subscriber_id="s0", workflow_id="w"))
    done = engine.exit("s0", "w", reason="asked")
    assert (done.runs, done.refused) == (1, {})
    assert engine.exit("s0", "w").runs == 0
    [ended] = engine.runs(subscriber_id="s0", workflow_id="w")
    assert (ended.status, ended.state.reason) == (Status.EXITED, "asked")
    assert engine.exit("s1").runs == 2
    assert engine.exit("nobody").runs == 0
    rest = engine.runs(status=Status.ACTIVE)
    assert [(run.subscriber_id, run.workflow_id) for run in rest] == [("s0", "other")]
    assert engine.exit_runs([*rest, ended]).runs == 1
    later(engine, clock, 3 * DAY)
    assert {run.status for run in engine.runs()} == {Status.EXITED}


def test_what_has_ended_is_not_paused(any_store):
    engine, clock = engine_on(any_store, node("start", wait(HOUR)))
    engine.ingest([signup()])
    later(engine, clock, HOUR)
    [run] = engine.runs()
    for verb in (engine.pause_runs, engine.resume_runs, engine.exit_runs):
        assert verb([run]).refused == {run.id: "ended"}
    with pytest.raises(UnknownRun):
        engine.exit_runs([run._replace(id="0" * 32, handle=99)])


def test_an_asynchronous_engine_does_the_same():
    async def lived():
        engine = AsyncEngine(MemoryStore(), clock=VirtualClock(START), sender=RecordingSender(needs=NO_NEEDS))
        await engine.publish(workflow(*WAITING))
        await engine.publish(workflow(*WAITING, workflow_id="draft"), draft=True)
        await engine.ingest(signups(3))
        assert await engine.pause("w", clock="run") == 3
        assert await engine.resume("w") == 3
        [first, second, third] = await engine.runs()
        assert (await engine.pause_runs([first])).runs == 1
        assert (await engine.resume_runs([first])).runs == 1
        assert (await engine.exit_runs([second])).runs == 1
        assert (await engine.exit(third.subscriber_id)).runs == 1
        assert await engine.drain("w") == 0
        assert [version.state for version in await engine.versions("w")] == [VersionState.DRAINING]
        assert await engine.stop("w", reason="over") == 1
        return [(run.status, run.state.reason) for run in await engine.runs()]

    assert asyncio.run(lived()) == [(Status.EXITED, "over"), (Status.EXITED, "exited"), (Status.EXITED, "exited")]


def test_a_hold_tells_what_was_ordered(any_store):
    engine, _ = engine_on(any_store, *WAITING)
    engine.pause("w", clock="run")
    assert engine.versions("w")[0].hold == Hold(HoldKind.PAUSE, NOW, clock=PauseClock.RUN)
    engine.stop("w", reason="Überlauf 😀")
    assert engine.versions("w")[0].hold == Hold(HoldKind.STOP, NOW, reason="Überlauf 😀")
