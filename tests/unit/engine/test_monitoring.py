"""What is out of the ordinary: found by the hour, told once, and once more when it is over."""

import logging
from datetime import timedelta

import pytest

from flowkit.adapters.clock import VirtualClock
from flowkit.adapters.logs import LoggedAlerts
from flowkit.adapters.profiles import MemoryProfiles
from flowkit.analytics.findings import Finding, Severity
from flowkit.analytics.monitor import Alarms, Lookout
from flowkit.engine.monitoring import Monitor
from flowkit.engine.sync import Engine
from flowkit.runs.effects import Outcome, Result
from flowkit.runs.feedback import FeedbackKind, feedback
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
    assert kinds == ["completion_drop", "drop_off_spike", "failure_spike", "message_hello_failure_spike"]
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
