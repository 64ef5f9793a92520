"""What is out of the ordinary: found by the hour, told once, and once more when it is over."""

import logging
from collections import Counter
from datetime import timedelta

import pytest
from attrs import evolve

from flowkit.adapters.clock import VirtualClock
from flowkit.adapters.logs import LoggedAlerts
from flowkit.adapters.profiles import MemoryProfiles
from flowkit.analytics.alarms import Alarms
from flowkit.analytics.findings import Finding, Severity, Thresholds
from flowkit.analytics.monitor import Lookout
from flowkit.analytics.rulebook import Rulebook
from flowkit.analytics.tally import Message, Slot, Tally
from flowkit.engine.monitoring import Monitor
from flowkit.engine.sync import Engine
from flowkit.runs.effects import Outcome, Result
from flowkit.runs.feedback import FeedbackKind, feedback
from flowkit.runs.model import Kind
from flowkit.testing.recording import RecordingSender
from tests.support.journeys import DAY, HOUR, START, node, send, signup, workflow

NOON = START.replace(minute=0)


class Told:
    """Keeps what it is told; it can be out of order."""

    def __init__(self):
        self.alerts, self.fails = [], False

    def tell(self, alerts):
        if self.fails:
            raise ConnectionError
        self.alerts += alerts

    def take(self):
        alerts, self.alerts = self.alerts, []
        return [(alert.finding.kind, alert.finding.workflow_id, alert.is_over) for alert in alerts]


class Failing(RecordingSender):
    """A sender that fails for good while it is broken."""

    broken = False

    def send(self, messages):
        if self.broken:
            return [Outcome(Result.FAILED, "no such template")] * len(messages)
        return super().send(messages)


class Shop:
    """An hour has forty signups, of which a message makes a run that is complete at once."""

    def __init__(self, store):
        self.told, self.sender, self.number = Told(), Failing(), 0
        self.clock = VirtualClock(NOON)
        profiles = MemoryProfiles({f"s{number}": {"email": f"s{number}@example.com"} for number in range(40 * 400)})
        self.engine = Engine(store, sender=self.sender, profiles=profiles, clock=self.clock)
        self.engine.publish(workflow(node("start", send())))
        self.monitor = Monitor(self.told, lookout=Lookout(weeks=1, around=3))

    def hour(self, signups=40, *, look=True):
        self.engine.ingest([signup(f"s{self.number + one}") for one in range(signups)])
        self.number += signups
        self.engine.advance()
        self.clock.advance(HOUR)
        if look:
            self.engine.monitor(self.monitor)
        return self.told.take()


def test_a_fault_is_told_once_and_once_more_when_it_is_over(any_store):
    shop = Shop(any_store)
    # One week of history, of the hours that matter.
    for _ in range(8):
        shop.hour(look=False)
    shop.clock.advance(7 * DAY - 5 * HOUR)
    assert [shop.hour(), shop.hour()] == [[], []]
    shop.sender.broken = True
    kinds = sorted(kind for kind, _, _ in shop.hour())
    assert kinds == [
        "completion_drop",
        "dead_letters_spike",
        "drop_off_spike",
        "failure_spike",
        "message_hello_failure_spike",
    ]
    assert shop.hour() == []
    shop.sender.broken = False
    assert shop.hour() == []
    assert {over for _, _, over in shop.hour()} == {True}
    assert shop.monitor.hourly.open == []


def test_entries_that_stay_away_are_told(any_store):
    shop = Shop(any_store)
    for _ in range(8):
        shop.hour(look=False)
    shop.clock.advance(7 * DAY - 5 * HOUR)
    assert shop.hour() == []
    assert shop.hour(0) == [("entries_drop", "w", False)]


def test_what_cannot_be_told_is_told_at_the_next_look(any_store):
    shop = Shop(any_store)
    shop.engine.ingest([signup("s1")])
    shop.clock.advance(HOUR)
    shop.told.fails = True
    with pytest.raises(ConnectionError):
        shop.engine.monitor(shop.monitor)
    shop.told.fails = False
    assert [alert.finding.kind for alert in shop.engine.monitor(shop.monitor)] == ["work_overdue"]
    assert shop.told.take() == [("work_overdue", "*", False)]


def test_work_that_nobody_does_is_told_within_the_hour(any_store):
    shop = Shop(any_store)
    shop.engine.ingest([signup("s1")])
    shop.clock.advance(timedelta(minutes=15))
    assert shop.engine.monitor(shop.monitor) == ()
    shop.clock.advance(timedelta(minutes=1))
    [alert] = shop.engine.monitor(shop.monitor)
    assert (alert.finding.kind, alert.finding.value, alert.finding.expected) == ("work_overdue", 960.0, 900.0)
    assert shop.engine.monitor(shop.monitor) == ()
    shop.engine.advance()
    assert shop.engine.monitor(shop.monitor) == ()
    assert [one.is_over for one in shop.engine.monitor(shop.monitor)] == [True]


def test_a_new_workflow_is_no_news(any_store):
    shop = Shop(any_store)
    shop.sender.broken = True
    assert [shop.hour() for _ in range(3)] == [[], [], []]


def test_alerts_become_lines_of_a_log(caplog):
    critical, high = (Finding("k", severity, "w", None, 0.5, 0.1) for severity in (Severity.CRITICAL, Severity.HIGH))
    alarms = Alarms(quiet=1)
    with caplog.at_level(logging.INFO, "flowkit.alerts"):
        LoggedAlerts().tell(alarms.take([critical]))
        LoggedAlerts().tell(alarms.take([]))
        LoggedAlerts().tell(alarms.take([high]))
    assert [(record.levelname, record.message) for record in caplog.records] == [
        ("ERROR", "w: k: 50.00%, expected 10.00% (critical)"),
        ("INFO", "over: w: k: 50.00%, expected 10.00% (critical)"),
        ("WARNING", "w: k: 50.00%, expected 10.00% (high)"),
    ]


def test_a_spike_of_complaints_is_told(any_store):
    shop = Shop(any_store)
    for _ in range(8):
        shop.hour(look=False)
    shop.clock.advance(7 * DAY - 5 * HOUR)
    assert shop.hour() == []
    shop.engine.ingest(
        feedback(FeedbackKind.COMPLAINT, f"s{number}", key=f"key-{number}", workflow_id="w") for number in range(10)
    )
    assert shop.hour() == [("complaint_spike", "w", False)]


def test_complaints_about_the_messages_of_an_earlier_hour_are_told(any_store):
    shop = Shop(any_store)
    for _ in range(8):
        shop.hour(look=False)
    shop.clock.advance(7 * DAY - 5 * HOUR)
    assert shop.hour() == []
    shop.clock.advance(HOUR)
    shop.engine.ingest(
        feedback(FeedbackKind.COMPLAINT, f"s{number}", key=f"key-{number}", workflow_id="w") for number in range(10)
    )
    shop.clock.advance(HOUR)
    shop.engine.monitor(shop.monitor)
    assert ("complaint_spike", "w", False) in shop.told.take()


def test_hours_that_ended_while_nobody_looked_are_looked_at_too(any_store):
    shop = Shop(any_store)
    for _ in range(8):
        shop.hour(look=False)
    shop.clock.advance(7 * DAY - 5 * HOUR)
    assert shop.hour() == []
    shop.sender.broken = True
    shop.hour(look=False)
    shop.sender.broken = False
    kinds = sorted(kind for kind, _, _ in shop.hour())
    assert kinds == [
        "completion_drop",
        "dead_letters_spike",
        "drop_off_spike",
        "failure_spike",
        "message_hello_failure_spike",
    ]


def test_that_nobody_enters_a_drained_workflow_is_no_news(any_store):
    shop = Shop(any_store)
    for _ in range(8):
        shop.hour(look=False)
    shop.clock.advance(7 * DAY - 5 * HOUR)
    assert shop.hour() == []
    shop.engine.drain("w")
    assert shop.hour() == []


NOW = 500_000
WEEK = 168


def entered(counts):
    """So many runs began in each hour."""
    kind = Kind.ENTERED.value
    return {Slot("w", 1, hour): Tally(runs=Counter({(kind, ""): number})) for hour, number in counts.items()}


def steady(weeks, number=40):
    return dict.fromkeys(range(NOW - weeks * WEEK, NOW), number)


def test_an_import_is_not_expected_again_in_all_the_weeks_after_it():
    usual = steady(9)
    for week in range(1, 9):
        assert not Lookout().look(entered({**usual, NOW - 1 - week * WEEK: 20_000}), NOW)
    assert [one.kind for one in Lookout().look(entered({**usual, NOW - 1: 3}), NOW)] == ["entries_drop"]


def test_a_week_of_which_the_first_hours_are_not_known_is_not_counted():
    for begun in range(2 * WEEK - 3, 2 * WEEK + 4):
        counts = dict.fromkeys(range(NOW - begun, NOW), 40) | {NOW - begun: 1000}
        assert not Lookout().look(entered(counts), NOW)


def test_each_hour_before_is_counted_once():
    [found] = Lookout(hours=3, around=2, weeks=4).look(
        entered({**steady(5), **dict.fromkeys(range(NOW - 3, NOW), 1)}), NOW
    )
    assert (found.evidence["current"], found.evidence["hours"]) == (3, 3)
    assert (found.evidence["before"], found.evidence["hours_before"]) == (4 * 7 * 40, 4 * 7)
    messages = {Message("hello", "email", "done"): 10}
    broken = {Message("hello", "email", "failed"): 10}
    slots = {Slot("w", 1, hour): Tally(messages=Counter(messages)) for hour in steady(5)}
    slots |= {Slot("w", 1, hour): Tally(messages=Counter(broken)) for hour in range(NOW - 3, NOW)}
    [found] = Lookout(hours=3, around=2, weeks=4).look(slots, NOW)
    assert (found.evidence["current_whole"], found.evidence["before_whole"]) == (30, 4 * 7 * 10)


# -- thresholds ------------------------------------------------------------------------------------------------------


def test_a_workflow_is_held_against_thresholds_of_its_own(any_store):
    shop = Shop(any_store)
    strict, lax = Thresholds(low_completion=0.9), Thresholds(low_completion=0.4, bottleneck=None)
    rules = Rulebook(thresholds=strict, workflows={"other": lax}, hours=2)
    monitor = Monitor(shop.told, lookout=Lookout(weeks=1), rules=rules)
    other = workflow(node("start", send("bye")), workflow_id="other")
    shop.engine.publish(other)
    shop.hour(look=False)
    assert shop.engine.monitor(monitor) == ()
    shop.sender.broken = True
    shop.hour(look=False)
    told = [(alert.finding.kind, alert.finding.workflow_id, alert.is_over) for alert in shop.engine.monitor(monitor)]
    # Half of the two hours completed: for one that is too low, and for the other it is not.
    assert told == [("low_completion_rate", "w", False), ("reduce_bottlenecks", "w", False)]
    shop.sender.broken = False
    over = []
    for _ in range(4):
        shop.hour(look=False)
        over += [alert for alert in shop.engine.monitor(monitor) if alert.is_over]
    # On the way a window of no completions came after one of all, for both.
    assert Counter((alert.finding.kind, alert.finding.workflow_id) for alert in over) == Counter(
        {
            ("low_completion_rate", "w"): 1,
            ("reduce_bottlenecks", "w"): 1,
            ("completion_rate_drop", "w"): 1,
            ("completion_rate_drop", "other"): 1,
        }
    )
    assert monitor.ruled.open == []


def test_a_drop_below_the_window_before_is_told(any_store):
    shop = Shop(any_store)
    monitor = Monitor(
        shop.told, lookout=Lookout(weeks=1), rules=Rulebook(thresholds=Thresholds(low_completion=None), hours=1)
    )
    shop.hour(look=False)
    shop.engine.monitor(monitor)
    shop.sender.broken = True
    shop.hour(look=False)
    shop.engine.monitor(monitor)
    assert [one[:2] for one in shop.told.take()] == [("completion_rate_drop", "w")]


def test_a_window_of_no_hours_is_refused():
    with pytest.raises(ValueError, match="hours"):
        Rulebook(hours=0)


def test_dead_letters_that_grow_are_told_and_what_matters_may_differ_by_workflow():
    slots = entered(dict.fromkeys(range(NOW - WEEK - 2, NOW), 1000))
    for slot, counted in slots.items():
        counted.runs[Kind.FAILED.value, "gone"] += 60 if slot.hour == NOW - 1 else 10
        counted.runs[Kind.COMPLETED.value, ""] += 10_000 if slot.hour == NOW - 1 else 990
    lookout = Lookout(weeks=1)
    [found] = lookout.look(slots, NOW)
    assert (found.kind, found.severity, found.value, found.expected) == (
        "dead_letters_spike",
        Severity.CRITICAL,
        60.0,
        10.0,
    )
    assert [one.kind for one in lookout.look(slots, NOW, closed={"w"})] == ["dead_letters_spike"]
    assert lookout.look(slots, NOW - 1) == []
    assert evolve(lookout, least_of={"w": 6.0}).look(slots, NOW) == []
