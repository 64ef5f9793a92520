"""Two who change the same: what is decided on old news is refused, decided again, and nothing in hand is lost."""

from itertools import chain, count, islice

import pytest

from flowkit.adapters.clock import VirtualClock
from flowkit.engine.advance import Advanced
from flowkit.engine.ingest import Ingested
from flowkit.engine.sync import Engine
from flowkit.errors import ConflictError
from flowkit.events import NO_NEEDS, Event
from flowkit.ports import Change, Changes, Move
from flowkit.runs.effects import Outcome, Result
from flowkit.runs.model import State, Status
from flowkit.testing.recording import RecordingSender
from tests.support.between import Between
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
    workflow,
)

JOURNEY = workflow(
    node("start", send("first"), default="check"),
    node("check", check(), engagement_threshold={"opens": 1}, engaged="engaged", not_engaged="other"),
    node("engaged", send("second"), default="rest"),
    node("other", send("third"), default="rest"),
    node("rest", wait()),
)


@pytest.fixture
def store(any_store):
    return any_store


class Meanwhile(RecordingSender):
    """A sender during whose calls other things happen, a function a call."""

    def __init__(self, *happening, **options):
        super().__init__(needs=NO_NEEDS, **options)
        self.happening = list(happening)

    def send(self, messages):
        outcomes = super().send(messages)
        if self.happening:
            self.happening.pop(0)()
        return outcomes


def engine_on(store, sender=None, journey=JOURNEY):
    engine = Engine(store, clock=VirtualClock(START), sender=sender or RecordingSender(needs=NO_NEEDS))
    engine.publish(journey)
    return engine


# ------------------------------------------------------------------------------------------------------------
# An event for a run that a worker holds


@pytest.mark.parametrize("key_window", [None, DAY])
def test_an_outcome_in_hand_is_applied_to_what_is_there(store, key_window):
    """An event that comes during the call moves the sequence on; the message is not sent again."""
    sender = Meanwhile(lambda: engine.ingest([opened("s1")]), key_window=key_window)
    engine = engine_on(store, sender)
    engine.ingest(signups(3))
    assert engine.advance().runs == 3
    assert len({message.key for message in sender.messages}) == len(sender.messages)
    nodes = {run.subscriber_id: run.state.node for run in engine.runs()}
    assert set(nodes.values()) == {"rest"}
    [run] = engine.runs(subscriber_id="s1")
    assert run.state.counts == (("email_open", 1),)


@pytest.mark.parametrize("before", [wait(), check(delay=HOUR)], ids=["a wait", "a delay"])
def test_a_run_that_was_woken_and_has_sent_does_not_send_again(store, before):
    """It was read before it was woken: with the outcome in hand it is woken once more, and not sent to once more."""
    counting = workflow(
        node("start", before, send("first"), send("second", "again"), default="check"),
        node("check", check(), engagement_threshold={"opens": 1}, engaged="rest"),
        node("rest", wait()),
    )
    sender = Meanwhile(lambda: None, lambda: engine.ingest([opened()]))
    engine = engine_on(store, sender, counting)
    engine.ingest([signup()])
    assert engine.advance(now=START + HOUR).done == 2
    assert [message.template_id for message in sender.messages] == ["first", "second"]
    assert not [kind for kind in kinds(engine.journal()) if kind.startswith("late")]
    [run] = engine.runs()
    assert (run.state.node, run.state.counts) == ("rest", (("email_open", 1),))


def test_what_the_event_changed_is_decided_anew(store):
    """It came before the check was committed, so the check sees it; what was sent on the other way is told as late."""
    sender = Meanwhile(lambda: None, lambda: engine.ingest([opened()]))
    engine = engine_on(store, sender)
    engine.ingest([signup()])
    engine.advance()
    assert [message.template_id for message in sender.messages] == ["first", "third", "second"]
    assert kinds(engine.journal())[1:] == [
        "observed@start",
        "done@start",
        "left@start",
        "decided@check",
        "left@check",
        "late@other",
        "done@engaged",
        "left@engaged",
        "waiting@rest",
    ]
    late = next(line.entry for line in engine.journal() if line.entry.kind == "late")
    assert (late.action, late.data) == ("send", {"result": "done"})


def test_an_outcome_that_comes_after_the_end_is_told_as_late(store):
    """Somebody ended the run while the message was on its way: it was sent, and the journal says so."""

    def end():
        [run] = store.runs(subscriber_id="s1")
        gone = Move((run,), State(Status.EXITED, reason="unsubscribed"), None, ())
        handle = store.recall({"s1": []}, runs=False).subscribers["s1"].handle
        assert not store.commit(Changes(NOW, [Change("s1", handle, ("gone",), moves=[gone])]))

    sender = Meanwhile(end)
    engine = engine_on(store, sender)
    engine.ingest(signups(3))
    engine.advance()
    [run] = engine.runs(subscriber_id="s1")
    assert run.state == State(Status.EXITED, reason="unsubscribed")
    entered, *told = kinds(engine.journal(run=run))
    assert entered == "entered@start"
    # On a machine that is slow enough the last look comes once more before its call, and finds that it has ended.
    assert told[:1] == ["late@start"][: len(told)]
    assert len(told) == sum(message.subscriber_id == "s1" for message in sender.messages), "all that was sent is told"
    assert {run.state.node for run in engine.runs() if run.subscriber_id != "s1"} == {"rest"}


def test_a_retry_in_hand_is_applied_too(store):
    sender = Meanwhile(lambda: engine.ingest([opened()]), outcomes={"first": [Outcome(Result.RETRY, "busy")]})
    engine = engine_on(store, sender)
    engine.ingest([signup()])
    assert engine.advance() == Advanced(runs=1, retrying=1)
    [run] = engine.runs()
    assert (run.state.pending.attempt, run.state.counts) == (1, (("email_open", 1),))
    assert run.due_at > START
    engine.advance(now=START + HOUR)
    assert [message.template_id for message in sender.messages] == ["first", "first", "second"]


def test_a_run_that_is_only_woken_is_woken_again(store):
    """Nothing is in hand, so nothing is lost; the event counts, and the wait ends once."""
    journey = workflow(
        node("start", wait(), check(), engagement_threshold={"opens": 1}, engaged="yes"), node("yes", wait())
    )
    racing = Racing(store, lambda: engine.ingest([opened()]))
    engine = engine_on(store, journey=journey)
    worker = Engine(racing, clock=VirtualClock(START))
    engine.ingest([signup()])
    assert worker.advance(now=START + HOUR).runs == 1
    [run] = engine.runs()
    assert (run.state.node, run.due_at) == ("yes", START + HOUR + HOUR)
    assert kinds(engine.journal()).count("woken@start") == 1


# ------------------------------------------------------------------------------------------------------------
# Events for the same subscriber from two sides


class Racing:
    """A store at which, right before a commit, somebody else is served."""

    def __init__(self, store, *others, endless=False):
        self.store = store
        self.others = list(others)
        self.endless = endless
        self.commits = 0

    def __getattr__(self, name):
        return getattr(self.store, name)

    def commit(self, changes):
        self.commits += 1
        if self.others:
            other = self.others[0] if self.endless else self.others.pop(0)
            other()
        return self.store.commit(changes)


ONCE = workflow(node("start", wait()), max_executions=1)


def test_the_loser_reads_again_and_is_refused(store):
    other = engine_on(store, journey=ONCE)
    engine = Engine(Racing(store, lambda: other.ingest([signup(event_id="theirs")])), clock=VirtualClock(START))
    assert engine.ingest([signup(event_id="ours")]) == Ingested(accepted=1, refused=1)
    assert [run.event.id for run in engine.runs()] == ["theirs"]


def test_of_two_who_accept_the_same_event_one_finds_a_duplicate(store):
    other = engine_on(store, journey=ONCE)
    engine = Engine(Racing(store, lambda: other.ingest([signup(), signup("t")])), clock=VirtualClock(START))
    assert engine.ingest([signup(), signup("u")]) == Ingested(accepted=1, duplicates=1, started=1)
    assert sorted(run.subscriber_id for run in engine.runs()) == ["s", "t", "u"]


def test_an_event_goes_to_the_run_that_the_winner_started(store):
    """The loser recalls again, and finds the run."""
    other = engine_on(store)
    engine = Engine(Racing(store, lambda: other.ingest([signup(event_id="theirs")])), clock=VirtualClock(START))
    engine.ingest([signup(event_id="ours"), opened()])
    assert [(run.event.id, dict(run.state.counts)) for run in engine.runs()] == [
        ("theirs", {"email_open": 1}),
        ("ours", {"email_open": 1}),
    ]


def test_who_loses_at_every_attempt_is_named_and_all_others_are_accepted(store):
    counter = iter(range(100))
    other = engine_on(store, journey=workflow(node("start", wait())))
    racing = Racing(store, lambda: other.ingest([signup("s1", f"theirs{next(counter)}")]), endless=True)
    engine = Engine(racing, clock=VirtualClock(START))
    with pytest.raises(ConflictError, match="ingest their events again") as caught:
        engine.ingest([*signups(3), signup("s1", "2")])
    assert list(caught.value.subscriber_ids) == ["s1"]
    assert racing.commits == 8, "in bounds"
    ours = [run.subscriber_id for run in engine.runs() if not run.event.id.startswith("theirs")]
    assert ours == ["s0", "s2"]
    racing.others = []
    assert engine.ingest([*signups(3), signup("s1", "2")]) == Ingested(accepted=2, duplicates=2, started=2)


# ------------------------------------------------------------------------------------------------------------
# What is published meanwhile


def publications(engine, workflow_id):
    """Without end: each a version of its own; only ``w`` is for signups."""
    event = "signup" if workflow_id == "w" else "visit"
    for hours in count(1):
        another = workflow(node("start", wait(hours * HOUR)), workflow_id=workflow_id, event=event)
        yield lambda another=another: engine.publish(another)


@pytest.mark.parametrize(("workflow_id", "entered"), [("w", 41), ("another", 1)])
def test_what_is_published_meanwhile_is_nobody_who_wrote_first(store, workflow_id, entered):
    """However often it happens, it costs none of the attempts that there are for those who lose against others."""
    others = engine_on(store)
    engine = Engine(Between(store, *islice(publications(others, workflow_id), 40)), clock=VirtualClock(START))
    assert engine.ingest(signups(3)) == Ingested(accepted=3, started=3)
    assert {run.version for run in engine.runs()} == {entered}


def test_who_loses_to_publications_and_to_others_is_served_in_the_end(store):
    """Seven times to somebody who writes to the same subscriber: one attempt is left."""
    others = engine_on(store)
    theirs = (lambda number=number: others.ingest([signup("s", f"theirs{number}")]) for number in count())
    pairs = zip(islice(publications(others, "another"), 7), theirs, strict=False)
    engine = Engine(Between(store, *chain.from_iterable(pairs)), clock=VirtualClock(START))
    assert engine.ingest([signup("s", "ours")]) == Ingested(accepted=1, started=1)
    assert [run.event.id for run in engine.runs()][-2:] == ["theirs6", "ours"]


def test_publications_without_end_are_told_of_in_bounds(store):
    others = engine_on(store)
    happenings = publications(others, "another")
    engine = Engine(Between(store, *islice(happenings, 1000)), clock=VirtualClock(START))
    with pytest.raises(ConflictError) as caught:
        engine.ingest(signups(2))
    assert list(caught.value.subscriber_ids) == ["s0", "s1"]
    assert not engine.runs()


def test_what_another_thread_read_meanwhile_is_what_is_decided_under(store):
    """It has read further than we recalled, so the stamp of what we recalled is not the one that holds."""
    others, recalls = engine_on(store), []

    class Behind:
        def recall(self, asked, **options):
            found = store.recall(asked, **options)
            recalls.append(list(asked))
            if len(recalls) == 1:
                others.publish(workflow(node("start", wait(HOUR))))
                engine.ingest([signup("t")])
            return found

        def __getattr__(self, name):
            return getattr(store, name)

    engine = Engine(Behind(), clock=VirtualClock(START))
    assert engine.ingest([signup("s")]).started == 1
    assert recalls == [["s"], ["t"]]
    assert {run.version for run in engine.runs()} == {2}


def test_an_order_for_runs_outlasts_publications(store):
    others = engine_on(store)
    others.ingest(signups(2))
    engine = Engine(Between(store, *islice(publications(others, "another"), 40)), clock=VirtualClock(START))
    assert engine.pause_runs(engine.runs()).runs == 2
    assert {run.status for run in engine.runs()} == {Status.PAUSED}


# ------------------------------------------------------------------------------------------------------------
# Workers


def test_a_worker_that_loses_at_every_attempt_gives_back_what_it_holds(store):
    """With what it has sent noted, so that nothing is sent again; and others are not held up."""
    counter = iter(range(100))
    other = engine_on(store)

    def theirs():
        number = next(counter)
        if number < 12:
            other.ingest([opened("s1", f"open{number}")])

    sender = RecordingSender(needs=NO_NEEDS)
    worker = Engine(Racing(store, theirs, endless=True), clock=VirtualClock(START), sender=sender)
    other.ingest(signups(3))
    worker.advance()
    worker.advance()
    assert {run.state.node for run in other.runs()} == {"rest"}
    assert not sender.repeats
    assert [message.template_id for message in sender.messages].count("first") == 3


def test_two_workers_take_nothing_twice(store):
    """One is served in the middle of the other's batch."""
    second = engine_on(store)
    second.ingest(signups(9))
    sent = RecordingSender(needs=NO_NEEDS)
    third = Engine(store, clock=VirtualClock(START), sender=sent, batch=2)
    interrupted = Meanwhile(third.advance, third.advance)
    first = Engine(store, clock=VirtualClock(START), sender=interrupted, batch=3)
    first.advance()
    keys = [message.key for message in (*sent.messages, *interrupted.messages)]
    assert len(keys) == len(set(keys)) == 18
    assert {run.state.node for run in first.runs()} == {"rest"}


# ------------------------------------------------------------------------------------------------------------
# Two producers, of whom each starts a run that the other's event concerns


@pytest.mark.parametrize("known", [True, False])
def test_runs_that_begin_at_once_miss_no_event_in_every_order(store, known):
    """A brings y and starts what listens for x; B brings x and starts what listens for y. One of them comes second."""
    one = engine_on(
        store,
        journey=workflow(node("start", wait(), check(), engagement_threshold={"x": 1}), workflow_id="for_x", event="y"),
    )
    one.publish(workflow(node("start", wait(), check(), engagement_threshold={"y": 1}), workflow_id="for_y", event="x"))
    if known:
        one.ingest([Event("elsewhere", "s", id="0")])
    two = Engine(Between(store, lambda: one.ingest([Event("y", "s", id="1")])), clock=VirtualClock(START))
    two.ingest([Event("x", "s", id="2")])
    assert {run.workflow_id: run.state.counts for run in one.runs()} == {"for_x": (("x", 1),), "for_y": ()}


def test_a_run_that_began_meanwhile_observes_the_event_too(store):
    """What is refused once is decided on what is there, and then stands."""
    engine = engine_on(store)
    engine.ingest([signup("s")])
    two = Engine(
        Between(store, lambda: engine.ingest([signup("s", "2")])),
        sender=RecordingSender(needs=NO_NEEDS),
        clock=VirtualClock(START),
    )
    assert two.ingest([opened("s")]).accepted == 1
    assert [run.state.counts for run in engine.runs()] == [(("email_open", 1),), (("email_open", 1),)]
