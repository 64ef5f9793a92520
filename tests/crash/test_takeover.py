"""What becomes of a dead worker's claim and notes, moment by moment; the deaths are exceptions here, not signals."""

import fcntl
import os
from contextlib import closing
from datetime import UTC, datetime, timedelta
from time import monotonic

import pytest

from flowkit import (
    Action,
    CheckEngagement,
    Engine,
    Event,
    EventIs,
    MemoryStore,
    Node,
    Outcome,
    Result,
    SendEmail,
    SqliteStore,
    StoreBusy,
    Trigger,
    Wait,
    Workflow,
)
from flowkit.engine import hold
from flowkit.events import NO_NEEDS
from flowkit.ports import InDoubt
from flowkit.stores.sqlite import claims as sqlite_claims

START = datetime(2026, 1, 1, tzinfo=UTC)
THREE_DAYS = timedelta(hours=72)
LEASE = timedelta(seconds=10)


class Death(BaseException):
    """The end of a worker: nothing of flowkit's handles it."""


class Mail:
    """A sender that honours no keys; what ``then`` does happens right after a delivery."""

    key_window = None
    timeout = timedelta(seconds=1)
    in_doubt = InDoubt.RESEND
    needs = NO_NEEDS

    def __init__(self):
        self.sent = []
        self.then = lambda _: None

    def send(self, messages):
        for message in messages:
            self.sent.append((message.template_id, message.subscriber_id))
            self.then(message)
        return [Outcome(Result.DONE)] * len(messages)


class Ticks:
    """A lease clock that is moved by hand."""

    def __init__(self):
        self.now = 0.0

    def __call__(self):
        return self.now


def does(node_id, operation, **following):
    return Node(node_id, node_id, actions=(Action(node_id, operation),), next_nodes=following)


SERIES = Workflow(
    "series",
    "Series",
    trigger=Trigger("signup", condition=EventIs(("signup",))),
    nodes=[
        does("start", SendEmail("hello"), default="pause"),
        does("pause", Wait(THREE_DAYS), default="check"),
        Node(
            "check",
            "Check",
            actions=(Action("check", CheckEngagement()),),
            engagement_threshold={"opens": 1},
            next_nodes={"engaged": "tips", "not_engaged": "end"},
        ),
        does("tips", SendEmail("tips"), default="end"),
    ],
)


@pytest.fixture
def ticks():
    return Ticks()


@pytest.fixture(params=["sqlite", "memory"])
def store(request, tmp_path, ticks):
    if request.param == "memory":
        yield MemoryStore(ticks=ticks)
    else:
        kept = SqliteStore(tmp_path / "flowkit.db", lease_clock=ticks)
        yield kept
        kept.close()


def engine_on(store, mail):
    engine = Engine(store, sender=mail, lease=LEASE)
    engine.publish(SERIES)
    return engine


def signups(count):
    return [Event("signup", f"s{number}", id="signup") for number in range(count)]


def opened(subscriber_id, number=1):
    return Event("email_open", subscriber_id, id=f"open-{number}")


def raises(error):
    def method(*arguments, **options):
        raise error

    return method


def dying(engine, mail, *, at):
    """Let a worker die right after its delivery number ``at``."""

    def die(message):
        if len(mail.sent) == at:
            raise Death

    mail.then = die
    with pytest.raises(Death):
        engine.advance(now=START)


def test_a_run_that_others_changed_meanwhile_is_not_woken_before_its_time(store):
    mail = Mail()
    engine = engine_on(store, mail)
    engine.ingest([*signups(1), opened("s0")], now=START)
    engine.advance(now=START)
    engine.advance(now=START + THREE_DAYS)
    later = START + timedelta(days=10)
    mail.then = lambda message: engine.ingest([opened(message.subscriber_id)], now=later)
    engine.ingest([Event("signup", "late", id="signup")], now=later)

    engine.advance(now=later)

    [run] = engine.runs(subscriber_id="late")
    assert run.due_at == later + THREE_DAYS
    assert mail.sent[-1] == ("hello", "late")


def test_a_run_that_a_dead_worker_moved_on_is_not_woken_with_those_it_had_not(store, ticks, monkeypatch):
    mail = Mail()
    engine = engine_on(store, mail)
    engine.ingest([*signups(1), opened("s0", 1)], now=START)
    engine.advance(now=START)
    later = START + THREE_DAYS
    engine.ingest([Event("signup", "late", id="signup"), opened("late", 1), opened("late", 2)], now=later)

    # The worker's commit moves "late" on; "s0" was changed meanwhile, and the worker dies as it reads it again.
    mail.then = lambda _: engine.ingest([opened("s0", 2)], now=later)
    with monkeypatch.context() as patch:
        patch.setattr(store, "read", raises(Death))
        with pytest.raises(Death):
            engine.advance(now=later)
    mail.then = lambda _: None
    ticks.now += LEASE.total_seconds()
    engine.advance(now=later)

    [run] = engine.runs(subscriber_id="late")
    assert run.due_at == later + THREE_DAYS
    assert mail.sent == [("hello", "s0"), ("tips", "s0"), ("hello", "late")]


def test_a_worker_that_is_stopped_in_order_leaves_its_notes(tmp_path, ticks):
    path, mail = tmp_path / "flowkit.db", Mail()
    store = SqliteStore(path, lease_clock=ticks)
    engine = engine_on(store, mail)
    engine.ingest(signups(10), now=START)
    dying(engine, mail, at=8)
    store.close()
    ticks.now += LEASE.total_seconds()

    after = Mail()
    store = SqliteStore(path, lease_clock=ticks)
    engine_on(store, after).advance(now=START)
    store.close()

    assert mail.sent[-1:] + after.sent[1:] == [("hello", "s7"), ("hello", "s8"), ("hello", "s9")]
    assert after.sent[0] == mail.sent[-1], "the one in doubt is sent again, and no other"


def test_notes_outlive_a_worker_that_dies_while_it_takes_them_over(tmp_path, ticks, monkeypatch):
    path, mail = tmp_path / "flowkit.db", Mail()
    store = SqliteStore(path, lease_clock=ticks)
    engine = engine_on(store, mail)
    engine.ingest(signups(10), now=START)
    dying(engine, mail, at=8)
    ticks.now += LEASE.total_seconds()

    take_lapsed = sqlite_claims.take_lapsed

    def die(*arguments):
        taken = take_lapsed(*arguments)
        if taken is not None:
            raise Death
        return taken

    monkeypatch.setattr(sqlite_claims, "take_lapsed", die)
    second = SqliteStore(path, lease_clock=ticks)
    with pytest.raises(Death):
        engine_on(second, Mail()).advance(now=START)
    monkeypatch.undo()

    after = Mail()
    third = SqliteStore(path, lease_clock=ticks)
    engine_on(third, after).advance(now=START)
    assert after.sent == [("hello", "s7"), ("hello", "s8"), ("hello", "s9")]
    for each in (store, second, third):
        each.close()
    assert sorted(each.name for each in tmp_path.iterdir()) == ["flowkit.db"]


def test_a_store_that_is_busy_in_the_middle_of_a_batch_puts_nothing_in_doubt(store, ticks, monkeypatch):
    mail = Mail()
    engine = engine_on(store, mail)
    engine.ingest(signups(10), now=START)
    monkeypatch.setattr(hold, "monotonic", lambda: monotonic() + LEASE.total_seconds() * (len(mail.sent) >= 8))
    monkeypatch.setattr(store, "extend", raises(StoreBusy))
    with pytest.raises(StoreBusy):
        engine.advance(now=START)
    monkeypatch.undo()
    ticks.now += LEASE.total_seconds()

    engine.advance(now=START)

    assert mail.sent == [("hello", f"s{number}") for number in range(10)]


def test_a_claim_that_is_lost_leaves_no_file_open(tmp_path, ticks, monkeypatch):
    path, mail = tmp_path / "flowkit.db", Mail()
    store, second = (SqliteStore(path, lease_clock=ticks) for _ in range(2))
    engine, other = engine_on(store, mail), engine_on(second, Mail())
    engine.ingest(signups(10), now=START)
    monkeypatch.setattr(hold, "monotonic", lambda: monotonic() + LEASE.total_seconds() * (len(mail.sent) >= 8))

    def be_late(message):
        if len(mail.sent) == 8:
            ticks.now += LEASE.total_seconds()
            other.advance(now=START)

    mail.then = be_late
    engine.advance(now=START)

    assert len(mail.sent) == 8
    assert not store._shared.notes
    for each in (store, second):
        each.close()
    assert [each.name for each in tmp_path.iterdir()] == ["flowkit.db"]


def test_a_claim_that_others_change_without_end_is_given_back(store, monkeypatch):
    mail = Mail()
    engine = engine_on(store, mail)
    engine.ingest(signups(2), now=START)
    numbers = iter(range(100))
    commit = store.commit

    def contended(changes):
        if changes.claim is not None and (number := next(numbers)) < 20:
            engine.ingest([opened("s1", number)], now=START)
        return commit(changes)

    monkeypatch.setattr(store, "commit", contended)
    for _ in range(3):  # No lease has to lapse in between.
        engine.advance(now=START)

    assert mail.sent == [("hello", "s0"), ("hello", "s1")]
    assert all(run.due_at == START + THREE_DAYS for run in engine.runs())


def test_a_clock_that_went_back_repeats_nothing(store, ticks, monkeypatch):
    mail = Mail()
    engine = engine_on(store, mail)
    engine.ingest(signups(10), now=START)
    with monkeypatch.context() as patch:
        patch.setattr(store, "release", lambda _: None)  # as after a death that leaves no time for anything
        dying(engine, mail, at=8)
    mail.then = lambda _: None
    ticks.now += LEASE.total_seconds()

    engine.advance(now=START - timedelta(hours=1))
    assert mail.sent == [("hello", f"s{number}") for number in (*range(8), 7)], "a call in doubt is made again"
    engine.advance(now=START)
    assert mail.sent[9:] == [("hello", "s8"), ("hello", "s9")]
    assert {run.due_at for run in engine.runs()} == {START + THREE_DAYS}


def test_files_of_notes_that_no_claim_names_are_swept_when_the_store_is_opened(tmp_path):
    path = tmp_path / "flowkit.db"
    with closing(SqliteStore(path)):
        old, young, held = (tmp_path / f"flowkit.db-notes-{name}" for name in ("old", "young", "held"))
        for file in (old, young, held):
            file.touch()
        for file in (old, held):
            os.utime(file, (0, 0))
        with held.open() as holder:
            fcntl.flock(holder, fcntl.LOCK_EX)
            SqliteStore(path).close()
            assert [file.exists() for file in (old, young, held)] == [False, True, True]
        SqliteStore(path).close()
        assert not held.exists()
