"""Messages that are held up: by quiet hours, caps and rate limits, and those that are too late."""

import asyncio
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, time, timedelta
from threading import Barrier

import pytest
from attrs import evolve

from flowkit.adapters.clock import VirtualClock
from flowkit.adapters.consent import MemoryConsent
from flowkit.adapters.profiles import MemoryProfiles
from flowkit.adapters.templates import DictTemplates
from flowkit.engine.advance import Advanced
from flowkit.engine.aio import AsyncEngine
from flowkit.engine.sync import Engine
from flowkit.errors import ConfigurationError
from flowkit.events import NO_NEEDS, to_micros
from flowkit.rendering.model import Template
from flowkit.runs.effects import DONE, Outcome, Result
from flowkit.runs.model import Kind, Status
from flowkit.runs.policy import FrequencyCap, RateLimit, SendPolicy
from flowkit.stores.memory import MemoryStore
from flowkit.testing.recording import RecordingSender, TookEffect
from flowkit.triggers.calendar import Unit, Weekday
from flowkit.triggers.windows import Window
from flowkit.workflows.model import Action, MessageClass, SendEmail
from flowkit.workflows.timing import Late, Quiet
from tests.support.journeys import (
    DAY,
    HOUR,
    START,
    check,
    node,
    opened,
    send,
    signup,
    signups,
    sqlite_store,
    wait,
    workflow,
)
from tests.support.journeys import told as journal_of
from tests.support.worlds import Waiting

MINUTE = timedelta(minutes=1)
SECOND = timedelta(seconds=1)
NIGHT = SendPolicy(quiet_hours=Window(opens_at=time(22), closes_at=time(7)))
LATE = START + timedelta(hours=23)
MORNING = START + timedelta(days=1, hours=7)
BUSY = Outcome(Result.RETRY, "busy")
GONE = Outcome(Result.FAILED, "refused with 550")
SUBSCRIBED = MemoryConsent(opt_out=["news", "offers"])


def mail(template_id="hello", action_id="send", *, paths=None, **fields):
    return Action(action_id, SendEmail(template_id, **fields), **(paths or {}))


def engine_of(store, *flows, sender=None, **ports):
    sender = sender or RecordingSender(needs=NO_NEEDS)
    engine = Engine(store, clock=VirtualClock(START), sender=sender, **ports)
    for flow in flows or (workflow(),):
        engine.publish(flow)
    return engine


def told(engine, kind, **where):
    return [dict(line.entry.data) for line in engine.journal(**where) if line.entry.kind is kind]


def capped(most=1, per=DAY, **fields):
    return SendPolicy(caps=[FrequencyCap(name="few", most=most, per=per, **fields)])


def runs_through(engine, *moments):
    """Advance at each instant, and at each at which something is due until the last."""
    for moment in moments:
        engine.advance(now=moment)


# ------------------------------------------------------------------------------------------------------------
# Quiet hours


def test_a_message_in_quiet_hours_waits_for_their_end(any_store):
    """With the same key, and without an attempt: it is due when they end, and goes out then."""
    sender = RecordingSender(needs=NO_NEEDS)
    engine = engine_of(any_store, sender=sender, policy=NIGHT)
    engine.ingest([signup()], now=LATE)
    done = engine.advance(now=LATE)
    assert (done.runs, done.deferred, done.done) == (1, 1, 0)
    assert sender.messages == []
    [run] = engine.runs()
    assert (run.status, run.due_at, run.state.pending.attempt) == (Status.ACTIVE, MORNING, 0)
    assert engine.next_due() == MORNING
    assert told(engine, Kind.DEFERRED) == [
        {
            "by": "quiet_hours",
            "seconds": 8 * 3600,
            "type": "send_email",
            "template_id": "hello",
            "until": "2026-01-02T07:00:00Z",
            "zone": "UTC",
            "zone_of": "workflow",
            "wall": "2026-01-02T07:00",
        }
    ]
    key = run.id + run.state.pending.suffix
    assert engine.advance(now=MORNING - SECOND).runs == 0
    assert engine.advance(now=MORNING).done == 1
    assert [message.key for message in sender.messages] == [key]
    [run] = engine.runs()
    assert (run.status, run.state.deferred) == (Status.COMPLETED, ())


@pytest.mark.parametrize(
    ("zone", "policy_zone", "wall", "owner"),
    [
        ("America/New_York", "UTC", None, None),
        ("Asia/Tokyo", "UTC", None, None),
        ("Europe/Berlin", "UTC", "2026-01-02T07:00", "subscriber"),
        ("No/Where", "Europe/Berlin", "2026-01-02T07:00", "workflow"),
        (None, "Europe/Berlin", "2026-01-02T07:00", "workflow"),
        (7, "No/Where", None, None),
    ],
)
def test_the_clock_is_that_of_the_subscriber(any_store, zone, policy_zone, wall, owner):
    """At 21:30 UTC: 22:30 in Berlin, 16:30 in New York, 06:30 in Tokyo of the next day."""
    at = START + timedelta(hours=21, minutes=30)
    profiles = MemoryProfiles({"s": {} if zone is None else {"timezone": zone}})
    flow = evolve(workflow(), timezone=policy_zone) if policy_zone != "No/Where" else workflow()
    engine = engine_of(any_store, flow, profiles=profiles, policy=NIGHT)
    engine.ingest([signup()], now=at)
    engine.advance(now=at)
    found = told(engine, Kind.DEFERRED)
    if zone == "Asia/Tokyo":
        assert found[0]["until"] == "2026-01-01T22:00:00Z"
    elif wall is None:
        assert found == []
    else:
        assert (found[0]["wall"], found[0]["zone_of"], found[0]["zone"]) == (wall, owner, "Europe/Berlin")
        assert found[0]["until"] == "2026-01-02T06:00:00Z"


def test_quiet_hours_end_by_the_clock_that_is_changed_meanwhile(any_store):
    """In the night of 29 March 2026 clocks in Berlin go forward: 07:00 is 05:00 UTC, and not 06:00."""
    at = datetime(2026, 3, 28, 22, tzinfo=UTC)
    profiles = MemoryProfiles({"s": {"timezone": "Europe/Berlin"}})
    engine = engine_of(any_store, profiles=profiles, policy=NIGHT)
    engine.ingest([signup()], now=at)
    engine.advance(now=at)
    assert engine.next_due() == datetime(2026, 3, 29, 5, tzinfo=UTC)


def test_quiet_hours_of_weekdays_belong_to_the_day_on_which_they_begin(any_store):
    """1 January 2026 is a Thursday."""
    window = Window(opens_at=time(22), closes_at=time(7), on=[Weekday.WED])
    engine = engine_of(any_store, policy=SendPolicy(quiet_hours=window))
    engine.ingest([signup("a")], now=START)
    engine.advance(now=START)
    assert engine.next_due() == START + timedelta(hours=7)
    engine.ingest([signup("b")], now=LATE)
    engine.advance(now=LATE)
    assert [run.status for run in engine.runs()] == [Status.COMPLETED] * 2


def test_a_workflow_has_its_own_quiet_hours_or_none(any_store):
    early = Window(opens_at=time(20), closes_at=time(9))
    policy = evolve(NIGHT, quiet_hours_of={"own": early, "none": None})
    flows = [workflow(workflow_id=name) for name in ("own", "none", "w")]
    engine = engine_of(any_store, *flows, policy=policy)
    engine.ingest([signup()], now=LATE)
    engine.advance(now=LATE)
    due = {run.workflow_id: run.due_at for run in engine.runs()}
    assert due == {"own": MORNING + 2 * HOUR, "none": None, "w": MORNING}


def test_a_workflow_says_its_quiet_hours_itself(any_store):
    """Its document overrides what the policy says for all, and what the policy says of that very workflow stands."""
    early = Window(opens_at=time(20), closes_at=time(9))
    flows = [evolve(workflow(workflow_id=name), quiet_hours=early) for name in ("own", "named")]
    flows += [evolve(workflow(workflow_id="none"), quiet_hours=Quiet.NEVER), workflow(workflow_id="w")]
    engine = engine_of(any_store, *flows, policy=evolve(NIGHT, quiet_hours_of={"named": NIGHT.quiet_hours}))
    engine.ingest([signup()], now=LATE)
    engine.advance(now=LATE)
    due = {run.workflow_id: run.due_at for run in engine.runs()}
    assert due == {"own": MORNING + 2 * HOUR, "named": MORNING, "none": None, "w": MORNING}
    lines = {(line["wall"], line.get("hours_of")) for line in told(engine, Kind.DEFERRED)}
    assert lines == {("2026-01-02T09:00", "workflow"), ("2026-01-02T07:00", None)}
    assert "09:00 in UTC (the workflow's zone), by quiet hours of the workflow" in engine.explain("s", "own").text
    assert engine.advance(now=MORNING + 2 * HOUR).done == 3


def test_quiet_hours_of_a_workflow_hold_without_a_policy(any_store):
    engine = engine_of(any_store, evolve(workflow(), quiet_hours=NIGHT.quiet_hours))
    engine.ingest([signup()], now=LATE)
    assert engine.advance(now=LATE).deferred == 1
    assert engine.advance(now=MORNING).done == 1


def test_a_run_keeps_the_quiet_hours_of_its_version(any_store):
    engine = engine_of(any_store, evolve(workflow(), quiet_hours=NIGHT.quiet_hours))
    engine.ingest([signup()], now=LATE)
    engine.publish(evolve(workflow(), quiet_hours=Quiet.NEVER))
    engine.ingest([signup("t")], now=LATE)
    done = engine.advance(now=LATE)
    assert (done.deferred, done.done) == (1, 1)


def test_transactional_mail_passes_all_guards(any_store):
    sender = RecordingSender(needs=NO_NEEDS)
    receipt = mail("receipt", message_class=MessageClass.TRANSACTIONAL)
    policy = evolve(NIGHT, caps=capped().caps, rate_limit=RateLimit(most=1, per=HOUR))
    engine = engine_of(any_store, workflow(node("start", receipt)), sender=sender, policy=policy)
    engine.ingest([signup(event_id=str(number)) for number in range(3)], now=LATE)
    assert engine.advance(now=LATE).done == 3
    engine.publish(workflow(workflow_id="v", event="other"))
    engine.ingest([evolve(signup(event_id="x"), type="other")], now=MORNING)
    assert engine.advance(now=MORNING).done == 1, "what is exempt takes no place and no turn"


def test_what_was_known_is_read_again_in_the_morning(any_store):
    """Nothing of the message was made at night, also where the receiver honours keys for a day only."""
    profiles = MemoryProfiles({"s": {"email": "old@example.com", "name": "Ada"}})
    templates = DictTemplates({"hello": Template("hello", subject="Hi", text="{{ user.name }}")})
    sender = RecordingSender(key_window=HOUR)
    engine = engine_of(any_store, sender=sender, profiles=profiles, templates=templates, policy=NIGHT)
    engine.ingest([signup()], now=LATE)
    engine.advance(now=LATE)
    profiles.put("s", email="new@example.com", name="Eve")
    engine.advance(now=MORNING)
    [message] = sender.delivered
    assert (message.to, message.text) == ("new@example.com", "Eve")


# ------------------------------------------------------------------------------------------------------------
# Expiry


def late_by(any_store, late, *, expires_after=2 * HOUR, policy=SendPolicy(), at=START):  # noqa: B008 - frozen
    engine = engine_of(any_store, workflow(node("start", wait(HOUR), mail(expires_after=expires_after))), policy=policy)
    engine.ingest([signup()], now=at)
    engine.advance(now=at + HOUR + late)
    return engine


def test_a_message_goes_out_up_to_the_very_end_of_its_time(any_store):
    engine = late_by(any_store, 2 * HOUR)
    assert told(engine, Kind.SKIPPED) == []
    assert len(told(engine, Kind.DONE)) == 1


def test_a_message_that_is_late_past_its_time_is_skipped(any_store):
    """It came due when the wait before it was over, however late the worker came."""
    engine = late_by(any_store, 2 * HOUR + SECOND)
    assert told(engine, Kind.SKIPPED) == [
        {"type": "send_email", "template_id": "hello", "reason": "expired", "late_seconds": 7201}
    ]
    assert [run.status for run in engine.runs()] == [Status.COMPLETED]


def test_a_message_that_would_expire_while_it_waits_is_skipped_at_once(any_store):
    engine = late_by(any_store, timedelta(), policy=NIGHT, at=LATE - HOUR)
    assert told(engine, Kind.DEFERRED) == []
    [skipped] = told(engine, Kind.SKIPPED)
    assert (skipped["reason"], skipped["by"], skipped["until"]) == ("expired", "quiet_hours", "2026-01-02T07:00:00Z")
    assert "it would have expired while it waited until 2026-01-02 07:00 in UTC" in engine.explain("s", "w").text


def test_its_time_is_counted_from_when_it_came_due_first(any_store):
    """Quiet hours of eight hours, and a worker that comes an hour and a second late, are more than nine."""
    engine = late_by(any_store, timedelta(), policy=NIGHT, at=LATE - HOUR, expires_after=9 * HOUR)
    assert len(told(engine, Kind.DEFERRED)) == 1
    engine.advance(now=MORNING + HOUR + SECOND)
    assert told(engine, Kind.SKIPPED)[0]["late_seconds"] == 9 * 3600 + 1


def test_attempts_count_in_its_time(any_store):
    sender = RecordingSender({"hello": BUSY}, needs=NO_NEEDS)
    engine = engine_of(any_store, workflow(node("start", mail(expires_after=HOUR))), sender=sender)
    engine.ingest([signup()])
    engine.advance(now=START)
    engine.advance(now=START + HOUR)
    assert len(sender.messages) == 2
    engine.advance(now=START + 3 * HOUR)
    assert len(sender.messages) == 2
    assert told(engine, Kind.SKIPPED)[0]["late_seconds"] == 3 * 3600


def test_the_time_of_another_attempt_is_counted_from_when_the_first_came_due(any_store):
    """A worker that was an hour late, and whose attempt failed, has used up an hour."""
    sender = RecordingSender({"hello": BUSY}, needs=NO_NEEDS)
    flow = workflow(node("start", wait(HOUR), mail(expires_after=2 * HOUR)))
    engine = engine_of(any_store, flow, sender=sender)
    engine.ingest([signup()])
    engine.advance(now=START + 2 * HOUR)
    engine.advance(now=START + 3 * HOUR + SECOND)
    assert len(sender.messages) == 1
    assert told(engine, Kind.SKIPPED)[0]["late_seconds"] == 2 * 3600 + 1


def test_a_message_that_never_expires_keeps_nothing_in_mind(any_store):
    sender = RecordingSender({"hello": [BUSY]}, needs=NO_NEEDS)
    engine = engine_of(any_store, sender=sender)
    engine.ingest([signup()])
    engine.advance(now=START)
    assert [run.state.deferred for run in engine.runs()] == [()]


# ------------------------------------------------------------------------------------------------------------
# Lateness

OFFICE = Window(opens_at=time(9), closes_at=time(17))


def waiting(late, **fields):
    """A message that is due at START + 1 hour, which is at one o'clock."""
    return workflow(node("start", wait(HOUR), mail(late=late, **fields)))


@pytest.mark.parametrize(("by", "result"), [(2 * HOUR, "done"), (2 * HOUR + SECOND, "skipped")])
def test_a_message_that_a_worker_comes_to_late_is_skipped(any_store, by, result):
    """Exactly so late, it still goes out."""
    engine = engine_of(any_store, waiting(Late(2 * HOUR)))
    engine.ingest([signup()])
    done = engine.advance(now=START + HOUR + by)
    assert getattr(done, result) == 1
    if result == "skipped":
        assert [(line["reason"], line["late_seconds"]) for line in told(engine, Kind.SKIPPED)] == [("late", 7201)]
        assert (
            "hello was not sent at start: it was late: it was due 7201 seconds before" in engine.explain("s", "w").text
        )


def test_a_late_message_waits_for_its_window(any_store):
    sender = RecordingSender(needs=NO_NEEDS)
    profiles = MemoryProfiles({"s": {"timezone": "Europe/Berlin"}})
    engine = engine_of(any_store, waiting(Late(HOUR, window=OFFICE)), sender=sender, profiles=profiles)
    engine.ingest([signup()])
    assert engine.advance(now=START + 3 * HOUR).deferred == 1
    assert engine.next_due() == START + 8 * HOUR
    [line] = told(engine, Kind.DEFERRED)
    assert (line["by"], line["late_seconds"], line["wall"], line["zone"]) == (
        "late",
        7200,
        "2026-01-01T09:00",
        "Europe/Berlin",
    )
    assert "09:00 in Europe/Berlin (the subscriber's zone), its next window" in engine.explain("s", "w").text
    assert engine.advance(now=START + 8 * HOUR).done == 1, "due then, and so not late"


def test_a_late_message_goes_out_where_its_window_is_open(any_store):
    engine = engine_of(any_store, waiting(Late(HOUR, window=OFFICE)))
    engine.ingest([signup()])
    assert engine.advance(now=START + 12 * HOUR).done == 1


def test_a_worker_that_is_late_again_lets_it_wait_again(any_store):
    engine = engine_of(any_store, waiting(Late(HOUR, window=OFFICE)))
    engine.ingest([signup()])
    assert engine.advance(now=START + 3 * HOUR).deferred == 1
    assert engine.advance(now=START + 20 * HOUR).deferred == 1
    assert engine.next_due() == START + DAY + 9 * HOUR


def test_a_message_that_waited_for_the_morning_is_not_late_in_the_morning(any_store):
    engine = engine_of(any_store, workflow(node("start", mail(late=Late(HOUR)))), policy=NIGHT)
    engine.ingest([signup()], now=LATE)
    assert engine.advance(now=LATE).deferred == 1
    assert engine.advance(now=MORNING).done == 1


def test_a_late_message_that_would_expire_before_its_window_is_skipped_at_once(any_store):
    engine = engine_of(any_store, waiting(Late(HOUR, window=OFFICE), expires_after=6 * HOUR))
    engine.ingest([signup()])
    engine.advance(now=START + 3 * HOUR)
    assert [(line["reason"], line["by"]) for line in told(engine, Kind.SKIPPED)] == [("expired", "late")]


def test_transactional_mail_may_be_late_too(any_store):
    flow = waiting(Late(HOUR), message_class=MessageClass.TRANSACTIONAL)
    engine = engine_of(any_store, flow)
    engine.ingest([signup()])
    assert engine.advance(now=START + 3 * HOUR).skipped == 1


def test_a_late_message_leads_down_the_failure_path(any_store):
    late = mail(late=Late(HOUR), paths={"failure_path": "other"})
    engine = engine_of(any_store, workflow(node("start", wait(HOUR), late), node("other", send("instead"))))
    engine.ingest([signup()])
    engine.advance(now=START + 3 * HOUR)
    assert [line["template_id"] for line in told(engine, Kind.DONE)] == ["instead"]


def test_detached_messages_are_late_each_for_itself(any_store):
    engine = engine_of(any_store, workflow(node("start", evolve(mail(late=Late(HOUR)), detached=True, delay=HOUR))))
    engine.ingest([signup()])
    engine.advance(now=START)
    assert engine.advance(now=START + 3 * HOUR).skipped == 1


# ------------------------------------------------------------------------------------------------------------
# Frequency caps


class Interrupted(RecordingSender):
    """Delivers, or not, and is interrupted before it can say so, the first time."""

    def __init__(self, *, delivers, **options):
        super().__init__(needs=NO_NEEDS, **options)
        self.interruptions = [delivers]

    def send(self, messages):
        if not self.interruptions:
            return super().send(messages)
        if self.interruptions.pop():
            super().send(messages)
        raise KeyboardInterrupt


def thrice(any_store, policy, **ports):
    """Three runs of one subscriber, all due at once."""
    engine = engine_of(any_store, policy=policy, **ports)
    engine.ingest([signup(event_id=str(number)) for number in range(3)])
    return engine


def test_messages_above_a_cap_are_skipped(any_store):
    sender = RecordingSender(needs=NO_NEEDS)
    engine = thrice(any_store, capped(2), sender=sender)
    done = engine.advance()
    assert (done.done, done.skipped) == (2, 1)
    assert [message.key[:32] for message in sender.messages] == [run.id for run in engine.runs()[:2]]
    assert told(engine, Kind.SKIPPED) == [
        {
            "type": "send_email",
            "template_id": "hello",
            "reason": "frequency_cap",
            "cap": "few",
            "taken": 2,
            "most": 2,
            "room_at": "2026-01-02T00:00:00Z",
        }
    ]
    text = engine.explain("s", "w").text
    assert "2 of 2 messages have gone out under the cap few; there is room from 2026-01-02 00:00:00 UTC on" in text


def test_a_rolling_cap_has_room_when_exactly_its_time_is_over(any_store):
    sender = RecordingSender(needs=NO_NEEDS)
    engine = engine_of(any_store, sender=sender, policy=capped())
    for number, at in enumerate([START, START + DAY - SECOND, START + DAY]):
        engine.ingest([signup(event_id=str(number))], now=at)
        engine.advance(now=at)
    assert [message.key[:32] for message in sender.messages] == [engine.runs()[0].id, engine.runs()[2].id]


def test_a_cap_may_let_messages_wait_until_there_is_room(any_store):
    """Each is due when the one that went out as many messages before makes room."""
    sender = RecordingSender(needs=NO_NEEDS)
    engine = thrice(any_store, capped(defer=3 * DAY), sender=sender)
    assert engine.advance(now=START).deferred == 2
    assert told(engine, Kind.DEFERRED)[0] | {"seconds": 0} == {
        "by": "frequency_cap",
        "seconds": 0,
        "type": "send_email",
        "template_id": "hello",
        "until": "2026-01-02T00:00:00Z",
        "cap": "few",
        "taken": 1,
        "most": 1,
    }
    assert engine.advance(now=START + DAY).deferred == 1
    assert engine.advance(now=START + 2 * DAY).done == 1
    assert [message.key[:32] for message in sender.messages] == [run.id for run in engine.runs()]
    assert "until 2026-01-02 00:00:00 UTC: 1 of 1 messages have gone out under the cap few" in (
        engine.explain("s", "w").text
    )


def test_nobody_waits_longer_than_a_cap_allows(any_store):
    engine = thrice(any_store, capped(defer=DAY))
    assert (done := engine.advance(now=START)).deferred == 2, done
    done = engine.advance(now=START + DAY)
    assert (done.done, done.skipped) == (1, 1)


@pytest.mark.parametrize(
    ("unit", "at", "room"),
    [
        (Unit.DAY, datetime(2026, 3, 28, 23, 30, tzinfo=UTC), datetime(2026, 3, 29, 22, tzinfo=UTC)),
        (Unit.WEEK, datetime(2026, 3, 25, 12, tzinfo=UTC), datetime(2026, 3, 29, 22, tzinfo=UTC)),
        (Unit.MONTH, datetime(2026, 3, 1, 12, tzinfo=UTC), datetime(2026, 3, 31, 22, tzinfo=UTC)),
        (Unit.YEAR, datetime(2026, 3, 1, 12, tzinfo=UTC), datetime(2026, 12, 31, 23, tzinfo=UTC)),
    ],
)
def test_a_cap_by_the_calendar_is_by_that_of_the_subscriber(any_store, unit, at, room):
    """In Berlin, where the clocks go forward on 29 March 2026, a Sunday."""
    profiles = MemoryProfiles({"s": {"timezone": "Europe/Berlin"}})
    engine = thrice(any_store, capped(per=unit, defer=800 * DAY), profiles=profiles)
    engine.advance(now=at)
    assert engine.next_due() == room
    engine.advance(now=room - SECOND)
    done = engine.advance(now=room)
    assert (done.done, done.deferred) == (1, 1)


def test_who_moves_to_where_the_day_is_longer_gets_no_more_in_it(any_store):
    """From where it is 20:00 on 1 January to where it is 19:00 on 31 December: that day lasts until 11:00 UTC."""
    at = datetime(2026, 1, 1, 6, tzinfo=UTC)
    profiles = MemoryProfiles({"s": {"timezone": "Pacific/Kiritimati"}})
    engine = engine_of(any_store, profiles=profiles, policy=capped(per=Unit.DAY))
    engine.ingest([signup(event_id="1")], now=at)
    assert engine.advance(now=at).done == 1
    profiles.put("s", timezone="Pacific/Pago_Pago")
    for late, done in ((11 * HOUR - HOUR - 6 * HOUR, 0), (5 * HOUR - SECOND, 0), (5 * HOUR, 1)):
        engine.ingest([signup(event_id=str(late))], now=at + late)
        assert engine.advance(now=at + late).done == done


def test_a_message_waits_for_room_under_all_caps(any_store):
    caps = [
        FrequencyCap(name="daily", most=1, per=DAY, defer=9 * DAY),
        FrequencyCap(name="weekly", most=1, per=7 * DAY, defer=9 * DAY),
        FrequencyCap(name="hourly", most=1, per=HOUR, defer=9 * DAY),
    ]
    engine = thrice(any_store, SendPolicy(caps=caps))
    engine.advance(now=START)
    assert engine.next_due() == START + 7 * DAY
    assert {one["cap"] for one in told(engine, Kind.DEFERRED)} == {"weekly"}


def test_a_message_is_skipped_where_one_cap_does_not_let_it_wait(any_store):
    caps = [FrequencyCap(name="daily", most=1, per=DAY, defer=9 * DAY), FrequencyCap(name="hourly", most=1, per=HOUR)]
    engine = thrice(any_store, SendPolicy(caps=caps))
    assert engine.advance(now=START).skipped == 2


def test_a_cap_of_one_workflow_counts_no_other(any_store):
    flows = [workflow(workflow_id="v"), workflow(workflow_id="w")]
    engine = engine_of(any_store, *flows, policy=capped(workflow_id="v"))
    engine.ingest([signup(event_id="1"), signup(event_id="2"), signup("other")])
    engine.advance()
    skipped = [line.workflow_id for line in engine.journal() if line.entry.kind is Kind.SKIPPED]
    assert skipped == ["v"]


def test_a_cap_of_one_topic_counts_no_other(any_store):
    flows = [workflow(node("start", mail(topic=topic)), workflow_id=topic) for topic in ("news", "offers")]
    engine = engine_of(any_store, *flows, consent=SUBSCRIBED, policy=capped(topic="news"))
    engine.ingest([signup(event_id=str(number)) for number in range(2)])
    engine.advance()
    assert [line.workflow_id for line in engine.journal() if line.entry.kind is Kind.SKIPPED] == ["news"]


def test_a_cap_by_topic_has_room_for_each(any_store):
    """Those about nothing are counted together, and what the journal says names the topic."""
    flows = [workflow(node("start", mail(topic=topic)), workflow_id=topic) for topic in ("news", "offers")]
    flows += [workflow(workflow_id="plain"), workflow(workflow_id="simple")]
    engine = engine_of(any_store, *flows, consent=SUBSCRIBED, policy=capped(by_topic=True))
    engine.ingest([signup(event_id=str(number)) for number in range(2)])
    assert engine.advance().done == 3
    assert sorted(line.get("topic", "") for line in told(engine, Kind.SKIPPED)) == ["", "", "", "news", "offers"]
    assert {line["cap"] for line in told(engine, Kind.SKIPPED)} == {"few"}
    assert "1 of 1 messages about news have gone out under the cap few" in engine.explain("s", "news").text


def test_the_topics_of_one_subscriber_are_not_those_of_another(any_store):
    engine = engine_of(
        any_store, workflow(node("start", mail(topic="news"))), consent=SUBSCRIBED, policy=capped(by_topic=True)
    )
    engine.ingest([signup(), signup("other")])
    assert engine.advance().done == 2


def test_a_cap_of_one_topic_has_none_to_tell_apart():
    with pytest.raises(ConfigurationError, match="leave out by_topic"):
        capped(topic="news", by_topic=True)


def test_all_caps_must_have_room_and_none_is_taken_from_where_one_has_not(any_store):
    caps = [
        FrequencyCap(name="daily", most=1, per=DAY, workflow_id="v"),
        FrequencyCap(name="weekly", most=2, per=7 * DAY),
    ]
    flows = [workflow(workflow_id="v"), workflow(workflow_id="w", event="other")]
    engine = engine_of(any_store, *flows, policy=SendPolicy(caps=caps))
    engine.ingest([signup(event_id="1"), signup(event_id="2")])
    assert (done := engine.advance()).done == done.skipped == 1
    engine.ingest([evolve(signup(event_id="3"), type="other")])
    assert engine.advance().done == 1, "the one that was skipped for the day took no place of the week"
    engine.ingest([evolve(signup(event_id="4"), type="other")])
    engine.advance()
    assert [one["cap"] for one in told(engine, Kind.SKIPPED)] == ["daily", "weekly"]


@pytest.mark.parametrize(
    ("answer", "goes_back"),
    [
        (GONE, True),
        (Outcome(Result.SKIPPED, "blocked"), True),
        (Outcome(Result.UNKNOWN, "nobody knows"), False),
        (BUSY, False),
        (TookEffect(Outcome(Result.UNKNOWN, "nobody knows")), False),
    ],
)
@pytest.mark.parametrize("key_window", [None, DAY])
def test_a_place_is_given_back_where_nothing_went_out(any_store, answer, goes_back, key_window):
    sender = RecordingSender({"hello": [answer]}, needs=NO_NEEDS, key_window=key_window)
    engine = engine_of(any_store, sender=sender, policy=capped())
    engine.ingest([signup(event_id="1")])
    engine.advance(now=START)
    engine.ingest([signup(event_id="2")])
    done = engine.advance(now=START)
    assert (done.done, done.skipped) == ((1, 0) if goes_back else (0, 1))


class Meanwhile(MemoryProfiles):
    """Profiles after whose next reading something else happens."""

    happening = None

    def facts(self, ids, needs):
        found = super().facts(ids, needs)
        happening, self.happening = self.happening, None
        if happening is not None:
            happening()
        return found


@pytest.mark.parametrize("key_window", [None, DAY])
def test_the_place_of_a_run_that_ends_before_the_call_is_given_back(any_store, key_window):
    """It is taken before the message is made, and the run is ended while it is."""
    sender = RecordingSender(key_window=key_window)
    profiles = Meanwhile({"s": {"email": "s@example.com"}})
    engine = engine_of(any_store, sender=sender, profiles=profiles, policy=capped())
    engine.ingest([signup(event_id="1")])
    profiles.happening = lambda: engine.exit_runs(engine.runs(), reason="enough")
    assert engine.advance(now=START).done == 0
    assert [run.status for run in engine.runs()] == [Status.EXITED]
    engine.ingest([signup(event_id="2")])
    assert engine.advance(now=START).done == 1


@pytest.mark.parametrize("key_window", [None, DAY])
def test_a_run_that_is_moved_before_the_call_takes_its_place_again(any_store, key_window):
    sender = RecordingSender(key_window=key_window)
    profiles = Meanwhile({"s": {"email": "s@example.com"}})
    flow = workflow(node("start", mail(), wait(), check(), engagement_threshold={"opens": 1}))
    engine = engine_of(any_store, flow, sender=sender, profiles=profiles, policy=capped())
    engine.ingest([signup(event_id="1")])
    profiles.happening = lambda: engine.ingest([opened()])
    engine.advance(now=START)
    assert engine.runs()[0].state.counts == (("email_open", 1),)
    engine.ingest([signup(event_id="2")])
    engine.advance(now=START)
    assert len(sender.messages) == 1
    assert [line["reason"] for line in told(engine, Kind.SKIPPED)] == ["frequency_cap"]


@pytest.mark.parametrize("key_window", [None, DAY])
def test_a_place_is_kept_by_a_worker_that_has_lost_its_claim(key_window):
    """Another one hands the message over by then."""
    store = MemoryStore()
    sender, other_sender = RecordingSender(key_window=key_window), RecordingSender(key_window=key_window)
    profiles = Meanwhile({"s": {"email": "s@example.com"}})
    engine = engine_of(store, sender=sender, profiles=profiles, policy=capped())
    other = Engine(store, clock=VirtualClock(START), sender=other_sender, profiles=profiles, policy=capped())
    engine.ingest([signup(event_id="1")])

    def overtaken():
        store.release(taken[0])
        assert other.advance(now=START).done == 1

    taken = []
    claim = store.claim

    class Watched:
        def claim(self, *args, **options):
            found = claim(*args, **options)
            taken.append(found)
            return found

        def __getattr__(self, name):
            return getattr(store, name)

    late = Engine(Watched(), clock=VirtualClock(START), sender=sender, profiles=profiles, policy=capped())
    profiles.happening = overtaken
    late.advance(now=START)
    assert (len(sender.messages), len(other_sender.messages)) == (0, 1)
    engine.ingest([signup(event_id="2")])
    assert engine.advance(now=START).skipped == 1


def test_a_message_that_cannot_be_made_takes_no_place(any_store):
    profiles = MemoryProfiles({"s": {}})
    engine = engine_of(any_store, sender=RecordingSender(), profiles=profiles, policy=capped())
    engine.ingest([signup(event_id="1")])
    engine.advance()
    assert told(engine, Kind.SKIPPED)[0]["reason"] == "no_address"
    profiles.put("s", email="s@example.com")
    engine.ingest([signup(event_id="2")])
    assert engine.advance().done == 1


@pytest.mark.parametrize(("key_window", "goes_back"), [(None, False), (DAY, True)])
def test_a_place_is_kept_where_an_earlier_attempt_may_have_gone_out(any_store, key_window, goes_back):
    """The first attempt ends in doubt. What a receiver then says of the second, it says of both where it knows keys."""
    answers = [TookEffect(TimeoutError()) if key_window is None else TimeoutError(), GONE]
    sender = RecordingSender({"hello": answers}, needs=NO_NEEDS, key_window=key_window)
    engine = engine_of(any_store, sender=sender, policy=capped())
    engine.ingest([signup(event_id="1")])
    runs_through(engine, START, START + HOUR)
    engine.ingest([signup(event_id="2")])
    done = engine.advance(now=START + HOUR)
    assert (done.skipped == 0) == goes_back


def test_another_attempt_finds_its_own_place(any_store):
    sender = RecordingSender({"hello": [BUSY, BUSY]}, needs=NO_NEEDS)
    engine = engine_of(any_store, sender=sender, policy=capped())
    engine.ingest([signup()])
    runs_through(engine, START, START + HOUR, START + 2 * HOUR)
    assert told(engine, Kind.DONE) != []


def test_a_place_counts_from_the_last_attempt_on(any_store):
    """What went out at the second attempt counts from then: no window holds two."""
    sender = RecordingSender({"hello": [BUSY]}, needs=NO_NEEDS)
    engine = engine_of(any_store, sender=sender, policy=capped())
    engine.ingest([signup(event_id="1")])
    runs_through(engine, START, START + 20 * HOUR)
    engine.ingest([signup(event_id="2")], now=START + DAY)
    assert engine.advance(now=START + DAY).skipped == 1


def test_a_message_that_waits_for_the_morning_takes_no_place_at_night(any_store):
    """One that goes out before the morning may have it."""
    flows = [workflow(workflow_id="v"), workflow(workflow_id="w")]
    policy = evolve(NIGHT, caps=capped().caps, quiet_hours_of={"w": None})
    engine = engine_of(any_store, *flows, policy=policy)
    engine.ingest([signup()], now=LATE)
    done = engine.advance(now=LATE)
    assert (done.done, done.deferred) == (1, 1)
    assert engine.advance(now=MORNING).skipped == 1


def test_a_full_cap_leads_down_the_failure_path(any_store):
    flow = workflow(
        node("start", mail(paths={"failure_path": "other"})),
        node("other", Action("tell", SendEmail("b"))),
        node("never", send()),
    )
    engine = engine_of(any_store, flow, policy=SendPolicy(caps=[FrequencyCap(name="few", most=1, per=DAY)]))
    engine.ingest([signup(event_id="1"), signup(event_id="2")])
    engine.advance()
    left = [dict(line.entry.data) for line in engine.journal() if line.entry.kind is Kind.LEFT]
    assert {"by": "failure_path", "to": "other"} in left


# ------------------------------------------------------------------------------------------------------------
# Rate limits


class Timed(RecordingSender):
    """Keeps the engine's instant of each message; it is moved by hand."""

    def __init__(self, **options):
        super().__init__(needs=NO_NEEDS, **options)
        self.now = START
        self.times = []

    def send(self, messages):
        self.times += [(self.now, message.subscriber_id) for message in messages]
        return super().send(messages)


def drained(engine, sender, *, every=None, until=None):
    """Advance whenever something is due, or every so often, until nothing is; give how often runs were taken."""
    runs = 0
    while (due := engine.next_due()) is not None and (until is None or due <= until):
        sender.now = due if every is None else max(due, sender.now + every)
        runs += engine.advance(now=sender.now).runs
    return runs


@pytest.mark.parametrize("every", [None, SECOND, 7 * SECOND, MINUTE])
def test_a_crowd_is_spread_evenly_in_its_order_with_one_deferral_each(any_store, every):
    """A message every six tenths of a second; whoever looks less often finds those that have come up."""
    limit = RateLimit(most=100, per=MINUTE)
    sender = Timed()
    engine = engine_of(any_store, sender=sender, policy=SendPolicy(rate_limit=limit))
    engine.ingest(signups(250))
    runs = drained(engine, sender, every=every)
    assert [name for _, name in sender.times] == [f"s{number}" for number in range(250)]
    assert len(told(engine, Kind.DEFERRED, limit=10_000)) == 249
    assert runs == 250 + 249
    for number, (at, _) in enumerate(sender.times):
        late = at - sender.times[0][0] - number * 600 * timedelta(milliseconds=1)
        assert timedelta() <= late < (every or timedelta.resolution)


def test_whoever_comes_later_waits_behind_those_who_wait(any_store):
    sender = Timed()
    engine = engine_of(any_store, sender=sender, policy=SendPolicy(rate_limit=RateLimit(most=1, per=MINUTE)))
    engine.ingest(signups(3))
    engine.advance(now=START)
    engine.ingest([signup("late")], now=START + SECOND)
    engine.advance(now=START + SECOND)
    assert "until 2026-01-01 00:03:00 UTC, when its turn is under the rate limit" in engine.explain("late", "w").text
    drained(engine, sender)
    assert sender.times == [(START + number * MINUTE, name) for number, name in enumerate(["s0", "s1", "s2", "late"])]


def test_after_a_long_stop_the_order_stays_and_nothing_bursts(any_store):
    """More have come up than may go out at once: the turns of all that wait move on."""
    limit = RateLimit(most=10, per=MINUTE, burst=2)
    sender = Timed()
    engine = engine_of(any_store, sender=sender, policy=SendPolicy(rate_limit=limit))
    engine.ingest(signups(30))
    engine.advance(now=START)
    sender.now = START + 2 * MINUTE
    engine.advance(now=sender.now)
    drained(engine, sender)
    assert [name for _, name in sender.times] == [f"s{number}" for number in range(30)]
    after = [at - START - 2 * MINUTE for at, _ in sender.times[1:]]
    assert after == [number * 6 * SECOND for number in range(29)]


def test_a_bucket_survives_the_engine(any_store):
    policy = SendPolicy(rate_limit=RateLimit(most=1, per=HOUR))
    first = engine_of(any_store, policy=policy)
    first.ingest([signup("a")])
    assert first.advance(now=START).done == 1
    second = engine_of(any_store, policy=policy)
    second.ingest([signup("b")])
    assert second.advance(now=START + MINUTE).deferred == 1
    assert second.next_due() == START + HOUR


def test_a_limit_of_another_speed_begins_anew(any_store):
    """What was told under the old one is not its word."""
    first = engine_of(any_store, policy=SendPolicy(rate_limit=RateLimit(most=1, per=DAY)))
    first.ingest(signups(3))
    first.advance(now=START)
    sender = Timed()
    second = engine_of(any_store, sender=sender, policy=SendPolicy(rate_limit=RateLimit(most=1, per=HOUR)))
    drained(second, sender)
    assert sender.times == [(START + DAY, "s1"), (START + 2 * DAY, "s2")]


def test_what_an_old_limit_told_is_nobody_elses_turn_under_a_new_one(any_store):
    """By the instant alone it would be the turn of one of the crowd."""
    first = engine_of(any_store, policy=SendPolicy(rate_limit=RateLimit(most=1, per=DAY)))
    first.ingest([signup("a"), signup("old")])
    first.advance(now=START)
    sender = Timed()
    second = engine_of(any_store, sender=sender, policy=SendPolicy(rate_limit=RateLimit(most=1, per=HOUR)))
    second.ingest(signups(40), now=START)
    second.advance(now=START)
    drained(second, sender)
    assert [at for at, _ in sender.times] == [START + number * HOUR for number in range(41)]
    assert sender.times[-1][1] == "old"


def test_a_workflow_with_a_limit_of_its_own_takes_no_turn_of_the_others(any_store):
    policy = SendPolicy(rate_limit=RateLimit(most=1, per=HOUR), rate_limit_of={"own": RateLimit(most=2, per=HOUR)})
    flows = [workflow(workflow_id=name) for name in ("own", "v", "w")]
    engine = engine_of(any_store, *flows, policy=policy)
    engine.ingest([signup("a"), signup("b")])
    engine.advance(now=START)
    waiting = sorted((run.workflow_id, run.due_at - START) for run in engine.runs(status=Status.ACTIVE))
    assert waiting == [("own", HOUR / 2), ("v", HOUR), ("v", 3 * HOUR), ("w", 2 * HOUR)] or waiting == [
        ("own", HOUR / 2),
        ("v", 2 * HOUR),
        ("w", HOUR),
        ("w", 3 * HOUR),
    ]


def test_who_waits_for_its_turn_and_finds_the_night_waits_for_the_morning(any_store):
    """And takes a turn in the morning, in the order in which they come."""
    sender = Timed()
    policy = evolve(NIGHT, rate_limit=RateLimit(most=1, per=HOUR))
    engine = engine_of(any_store, sender=sender, policy=policy)
    engine.ingest(signups(3), now=LATE - 2 * HOUR)
    sender.now = LATE - 2 * HOUR
    engine.advance(now=sender.now)
    drained(engine, sender)
    assert sender.times == [
        (LATE - 2 * HOUR, "s0"),
        (MORNING, "s1"),
        (MORNING + HOUR, "s2"),
    ]


def test_what_waits_for_the_morning_takes_no_turn_at_night(any_store):
    engine = engine_of(any_store, policy=evolve(NIGHT, rate_limit=RateLimit(most=1, per=HOUR)))
    engine.ingest(signups(3), now=LATE)
    engine.advance(now=LATE)
    assert [run.due_at for run in engine.runs()] == [MORNING] * 3
    engine.advance(now=MORNING)
    assert [run.due_at for run in engine.runs()] == [None, MORNING + HOUR, MORNING + 2 * HOUR]


# ------------------------------------------------------------------------------------------------------------
# Detached messages, and other channels


def test_detached_messages_are_held_up_each_for_itself(any_store):
    """The run goes on; at its end it waits for both, and each knows when it came due first."""
    sender = RecordingSender(needs=NO_NEEDS)
    flow = workflow(
        node(
            "start",
            evolve(mail("a", "a", expires_after=12 * HOUR), delay=HOUR, detached=True),
            evolve(mail("b", "b", expires_after=9 * HOUR), delay=2 * HOUR, detached=True),
            send("first", "first"),
        )
    )
    engine = engine_of(any_store, flow, sender=sender, policy=NIGHT)
    engine.ingest([signup()], now=LATE - 2 * HOUR)
    engine.advance(now=LATE - 2 * HOUR)
    assert [message.template_id for message in sender.messages] == ["first"]
    assert engine.advance(now=LATE - HOUR).deferred == 1
    assert engine.advance(now=LATE).deferred == 1
    [run] = engine.runs()
    assert (run.status, run.due_at) == (Status.ACTIVE, MORNING)
    assert [(one.effect.action_id, one.since) for one in run.state.deferred] == [
        ("a", to_micros(LATE - HOUR)),
        ("b", to_micros(LATE)),
    ]
    engine.advance(now=MORNING + 2 * HOUR)
    assert [message.template_id for message in sender.messages] == ["first", "a"]
    assert told(engine, Kind.SKIPPED)[0]["late_seconds"] == 10 * 3600
    [run] = engine.runs()
    assert (run.status, run.state.deferred) == (Status.COMPLETED, ())


def test_a_detached_message_and_the_next_one_have_turns_of_their_own(any_store):
    sender = Timed()
    flow = workflow(
        node("start", evolve(send("a", "a"), detached=True), send("b", "b"), evolve(send("c", "c"), detached=True))
    )
    engine = engine_of(any_store, flow, sender=sender, policy=SendPolicy(rate_limit=RateLimit(most=1, per=HOUR)))
    engine.ingest([signup()])
    drained(engine, sender)
    assert [at - START for at, _ in sender.times] == [timedelta(), HOUR, 2 * HOUR]
    assert sorted(message.template_id for message in sender.messages) == ["a", "b", "c"]


def test_each_channel_has_turns_and_may_have_caps_of_its_own(any_store):
    text = Action("text", SendEmail("text", channel="sms"))
    policy = SendPolicy(
        caps=[FrequencyCap(name="texts", most=1, per=DAY, channel="sms")], rate_limit=RateLimit(most=1, per=HOUR)
    )
    sms = RecordingSender(needs=NO_NEEDS)
    flows = [workflow(), workflow(node("start", text), workflow_id="texts")]
    engine = engine_of(any_store, *flows, policy=policy, channels={"sms": sms})
    engine.ingest([signup(event_id="1"), signup(event_id="2")])
    assert (done := engine.advance(now=START)).done == 2, done
    assert done.deferred == 2
    done = engine.advance(now=START + HOUR)
    assert (done.done, done.skipped) == (1, 1)
    assert len(sms.delivered) == 1


# ------------------------------------------------------------------------------------------------------------
# Several workers


class Handing(RecordingSender):
    """While it hands a message over, another worker does all that is due."""

    def __init__(self, **options):
        super().__init__(needs=NO_NEEDS, **options)
        self.others = []

    def send(self, messages):
        if self.others:
            self.others.pop()()
        return super().send(messages)


@pytest.mark.parametrize("key_window", [None, DAY])
def test_a_worker_in_the_middle_of_a_call_has_its_places(any_store, key_window):
    sender = Handing(key_window=key_window)
    engine = engine_of(any_store, sender=sender, policy=capped(2), batch=1)
    other = Engine(any_store, clock=VirtualClock(START), sender=sender, policy=capped(2), batch=1)
    engine.ingest([signup(event_id=str(number)) for number in range(4)])
    sender.others = [other.advance]
    engine.advance()
    assert len(sender.delivered) == 2
    assert len(told(engine, Kind.SKIPPED)) == 2


def test_threads_that_advance_one_file_take_no_place_twice(tmp_path):
    """Four workers, each with a connection of its own, begin at once."""
    path, at_once = tmp_path / "flowkit.db", Barrier(4)
    policy = evolve(capped(3), rate_limit=None)
    with sqlite_store(path, synchronous="NORMAL") as store:
        engine_of(store).ingest([signup(event_id=str(number)) for number in range(40)])
    senders = [RecordingSender(needs=NO_NEEDS) for _ in range(4)]

    def work(sender):
        with sqlite_store(path, synchronous="NORMAL", timeout=MINUTE) as own:
            engine = Engine(own, clock=VirtualClock(START), sender=sender, policy=policy, batch=3)
            at_once.wait()
            return engine.advance()

    with ThreadPoolExecutor(4) as pool:
        done = sum(pool.map(work, senders), Advanced())
    assert (done.done, done.skipped) == (3, 37)
    assert sum(len(sender.delivered) for sender in senders) == 3


def test_threads_that_advance_one_file_take_each_turn_once(tmp_path):
    path, at_once = tmp_path / "flowkit.db", Barrier(4)
    policy = SendPolicy(rate_limit=RateLimit(most=4, per=MINUTE))
    with sqlite_store(path, synchronous="NORMAL") as store:
        engine_of(store).ingest(signups(40))

    def work(_):
        sender = RecordingSender(needs=NO_NEEDS)
        with sqlite_store(path, synchronous="NORMAL", timeout=MINUTE) as own:
            engine = Engine(own, clock=VirtualClock(START), sender=sender, policy=policy, batch=3)
            at_once.wait()
            return engine.advance()

    with ThreadPoolExecutor(4) as pool:
        done = sum(pool.map(work, range(4)), Advanced())
    assert (done.done, done.deferred) == (1, 39)
    with sqlite_store(path) as store:
        due = sorted(run.due_at for run in store.runs(status=Status.ACTIVE))
    assert due == [START + 15 * number * SECOND for number in range(1, 40)]


# ------------------------------------------------------------------------------------------------------------
# With an event loop


def test_both_engines_hold_up_the_same():
    """A crowd of messages before all guards at once, on ports that wait and on ports that do not."""
    policy = evolve(NIGHT, caps=capped(2, defer=DAY).caps, rate_limit=RateLimit(most=40, per=HOUR))
    events, evening = [signup(f"s{number % 4}", str(number)) for number in range(40)], LATE - 1.5 * HOUR
    first = engine_of(MemoryStore(), policy=policy)
    first.ingest(events, now=evening)
    while (due := first.next_due()) is not None:
        first.advance(now=due)

    async def lived():
        sender = RecordingSender(needs=NO_NEEDS)
        engine = AsyncEngine(Waiting(MemoryStore()), clock=VirtualClock(START), sender=Waiting(sender), policy=policy)
        await engine.publish(workflow())
        await engine.ingest(events, now=evening)
        while (due := await engine.next_due()) is not None:
            await engine.advance(now=due)
        return journal_of(await engine.journal(limit=10_000))

    assert asyncio.run(lived()) == journal_of(first.journal(limit=10_000))
    found = {one.entry.data["by"] for one in first.journal(limit=10_000) if one.entry.kind is Kind.DEFERRED}
    assert found == {"quiet_hours", "rate_limit", "frequency_cap"}


# ------------------------------------------------------------------------------------------------------------
# Workers that die


def test_whom_a_dead_worker_had_begun_to_write_to_waits_as_after_an_attempt(any_store):
    """Quiet hours began since. The message may be out, so its place is kept though the next attempt fails."""
    sender = Interrupted(delivers=True, outcomes={"hello": [DONE, GONE]})
    engine = engine_of(any_store, sender=sender, policy=evolve(NIGHT, caps=capped().caps))
    engine.ingest([signup()], now=LATE - HOUR - SECOND)
    with pytest.raises(KeyboardInterrupt):
        engine.advance(now=LATE - HOUR - SECOND)
    assert engine.advance(now=LATE).retrying == 1
    assert told(engine, Kind.RETRYING)[0]["reason"] == "a worker died in this call; held up by quiet_hours"
    due = engine.next_due()
    assert MORNING <= due < MORNING + HOUR
    assert engine.advance(now=due).failed == 1
    assert len({message.key for message in sender.messages}) == 1
    engine.ingest([signup(event_id="2")], now=due)
    assert engine.advance(now=due).skipped == 1


def test_a_place_is_kept_where_a_dead_worker_may_have_sent(any_store):
    sender = Interrupted(delivers=True, outcomes={"hello": [DONE, GONE]})
    engine = engine_of(any_store, sender=sender, policy=capped())
    engine.ingest([signup()])
    with pytest.raises(KeyboardInterrupt):
        engine.advance()
    assert engine.advance().failed == 1
    engine.ingest([signup(event_id="2")])
    assert engine.advance().skipped == 1


def test_a_message_that_is_sent_again_for_a_dead_worker_counts_from_then_on(any_store):
    sender = Interrupted(delivers=True)
    engine = engine_of(any_store, sender=sender, policy=capped())
    engine.ingest([signup()], now=START)
    with pytest.raises(KeyboardInterrupt):
        engine.advance(now=START)
    assert engine.advance(now=START + 20 * HOUR).done == 1
    engine.ingest([signup(event_id="2")], now=START + DAY)
    assert engine.advance(now=START + DAY).skipped == 1


def test_a_worker_that_dies_before_its_first_commit_keeps_one_place(any_store):
    """Whoever takes over finds the place under the same key."""
    sender = Interrupted(delivers=False, key_window=DAY)
    engine = engine_of(any_store, sender=sender, policy=capped())
    engine.ingest([signup()])
    with pytest.raises(KeyboardInterrupt):
        engine.advance()
    assert engine.advance().done == 1
    engine.ingest([signup(event_id="2")])
    assert engine.advance().skipped == 1


@pytest.mark.parametrize(
    "fields",
    [
        {"quiet_hours": ("22:00", "07:00")},
        {"quiet_hours_of": {"w": "night"}},
        {"caps": ["one a day"]},
        {"rate_limit": 5},
        {"rate_limit_of": {"w": 5}},
    ],
)
def test_a_policy_of_other_things_is_refused_at_once(fields):
    with pytest.raises(ConfigurationError, match="are of the class"):
        SendPolicy(**fields)


def test_a_frozen_pause_is_no_time_in_which_a_message_expires(any_store):
    """It came due at eleven, is held up, and stands still for two days: it has two hours in all."""
    engine = engine_of(any_store, workflow(node("start", wait(23 * HOUR), mail(expires_after=10 * HOUR))), policy=NIGHT)
    engine.ingest([signup()])
    engine.advance(now=LATE)
    [run] = engine.runs()
    assert run.due_at == MORNING
    engine.pause("w", now=LATE + HOUR)
    engine.resume("w", now=LATE + HOUR + 2 * DAY)
    [run] = engine.runs()
    assert run.due_at == MORNING + 2 * DAY
    engine.advance(now=MORNING + 2 * DAY)
    assert [line["template_id"] for line in told(engine, Kind.DONE)] == ["hello"]


def test_a_message_that_moves_in_its_node_expires_from_when_it_came_due_first(any_store):
    """Another version has a step before it by then; it still waits for the morning, and is too late for its hour."""
    short = mail(expires_after=8 * HOUR + 30 * MINUTE)
    engine = engine_of(any_store, workflow(node("start", wait(23 * HOUR), short)), policy=NIGHT)
    engine.ingest([signup()])
    engine.advance(now=LATE)
    engine.publish(workflow(node("start", wait(23 * HOUR), wait(MINUTE, "new"), short)))
    engine.migrate("w", now=LATE + HOUR)
    [run] = engine.runs()
    assert (run.due_at, run.state.deferred[0].effect) == (MORNING, run.state.pending)
    engine.advance(now=MORNING + HOUR)
    assert [line["reason"] for line in told(engine, Kind.SKIPPED)] == ["expired"]
