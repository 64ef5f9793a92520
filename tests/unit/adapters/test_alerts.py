"""Alerts over a real web server and a real mail server, and what a monitor told, in a file."""

import asyncio
import json
import pickle
from datetime import UTC, datetime, timedelta

import pytest

from flowkit.adapters.alerts import AlertsNotTold, FileMonitorMemory, MailedAlerts, WebhookAlerts
from flowkit.adapters.clock import VirtualClock
from flowkit.adapters.http import HttpWebhooks
from flowkit.adapters.smtp import SmtpSender
from flowkit.analytics.alarms import Alert
from flowkit.analytics.findings import Finding, Severity
from flowkit.engine.aio import AsyncEngine
from flowkit.engine.monitoring import Monitor
from flowkit.engine.sync import Engine
from flowkit.errors import DocumentError
from flowkit.runs.effects import Outcome, Result
from flowkit.stores.memory import MemoryStore
from flowkit.testing.recording import RecordingAlerts, RecordingSender
from tests.support.journeys import HOUR, START, node, send, signup, workflow
from tests.support.web_server import WebServer, response

NOON = datetime(2026, 3, 7, 12, tzinfo=UTC)
COMPLAINTS = Finding("complaint_spike", Severity.CRITICAL, "w", None, 0.01, 0.001, evidence={"current_part": 10})
ALERTS = [
    Alert(COMPLAINTS, at=NOON),
    Alert(Finding("drop_off_spike", Severity.HIGH, "w", "pause", 0.5, 0.1), is_over=True, at=NOON),
]


def by_http(server):
    return WebhookAlerts(
        HttpWebhooks(allow=["127.0.0.0/8"]), server.url("/alerts"), headers={"Authorization": "Bearer x"}
    )


def test_alerts_are_posted_as_one_call_that_a_chat_can_show():
    with WebServer() as server:
        by_http(server).tell(ALERTS)
        by_http(server).tell(ALERTS)
        by_http(server).tell([alert._replace(at=NOON + timedelta(days=1)) for alert in ALERTS])
        first, again, later = server.asked
    body = json.loads(first.body)
    assert body["text"] == (
        "w: complaint spike: 1.00%, expected 0.10% (critical)\n"
        "over: w, node pause: drop off spike: 50.00%, expected 10.00% (high)"
    )
    assert [(one["kind"], one["node"], one["is_over"], one["at"]) for one in body["alerts"]] == [
        ("complaint_spike", None, False, "2026-03-07T12:00:00+00:00"),
        ("drop_off_spike", "pause", True, "2026-03-07T12:00:00+00:00"),
    ]
    assert body["alerts"][0]["evidence"] == {"current_part": 10}
    assert first.header("Authorization") == "Bearer x"
    keys = [one.header("Idempotency-Key") for one in (first, again, later)]
    assert keys[0] == keys[1] != keys[2]


@pytest.mark.parametrize("status", ["500 Oops", "403 Forbidden", "429 Slow down"])
def test_a_call_that_is_not_done_is_said(status):
    with WebServer(response(status)) as server, pytest.raises(AlertsNotTold) as caught:
        by_http(server).tell(ALERTS)
    assert status.split()[0] in str(caught.value)
    assert pickle.loads(pickle.dumps(caught.value)).reasons == caught.value.reasons  # noqa: S301 - our own


def test_alerts_arrive_by_mail(server):
    with SmtpSender("127.0.0.1", server.port, sender="Watch <watch@example.com>") as sender:
        mailed = MailedAlerts(sender, ["ops@example.com", "boss@example.com"], subject="shop")
        mailed.tell(ALERTS[:1])
        mailed.tell(ALERTS)
    one, _, two, _ = (received.message for received in server.received)
    assert one["To"] == "ops@example.com"
    assert one["Subject"] == "shop: w: complaint spike: 1.00%, expected 0.10% (critical)"
    assert one["Auto-Submitted"] == "auto-generated"
    assert two["Subject"] == "shop: 2 alerts"
    assert two.get_content().splitlines() == [alert.text for alert in ALERTS]


def test_an_address_that_is_refused_is_said_and_the_others_get_theirs():
    sender = RecordingSender({"flowkit-alerts": [Outcome(Result.FAILED, "no such user"), Outcome(Result.DONE)]})
    with pytest.raises(AlertsNotTold, match="no such user") as caught:
        MailedAlerts(sender, ["gone@example.com", "ops@example.com"]).tell(ALERTS)
    assert caught.value.reasons == ("no such user",)
    assert [message.to for message in sender.delivered] == ["ops@example.com"]


def test_a_sender_that_honours_keys_gets_all_in_one_call():
    sender = RecordingSender(key_window=timedelta(days=1))
    mailed = MailedAlerts(sender, ["ops@example.com", "boss@example.com"])
    mailed.tell(ALERTS)
    mailed.tell(ALERTS)
    assert ([len(call) for call in sender.calls], len(sender.delivered)) == ([2, 2], 2)


def test_nobody_to_mail_to_is_refused():
    with pytest.raises(ValueError, match="to"):
        MailedAlerts(RecordingSender(), [])


class Waiting:
    """A sender and a webhook client that answer later."""

    key_window = None
    timeout = timedelta(seconds=1)

    def __init__(self, outcome):
        self.outcome, self.asked = outcome, []

    async def send(self, items):
        await asyncio.sleep(0)
        self.asked += items
        return [self.outcome] * len(items)

    call = send


def test_ports_that_wait_are_waited_for():
    async def look(outcome):
        clock, port = VirtualClock(NOON), Waiting(outcome)
        engine = AsyncEngine(MemoryStore(), sender=RecordingSender(), clock=clock)
        await engine.publish(workflow(node("start", send())))
        await engine.ingest([signup("s1")])
        for alerts in (MailedAlerts(port, ["a@example.com"]), WebhookAlerts(port, "https://example.com/")):
            await engine.monitor(Monitor(alerts, late=-HOUR))
        return port.asked

    assert len(asyncio.run(look(Outcome(Result.DONE)))) == 2
    with pytest.raises(AlertsNotTold, match="later"):
        asyncio.run(look(Outcome(Result.RETRY, "later")))


# -- what was told -----------------------------------------------------------------------------------------------------


def overdue(path, alerts):
    clock = VirtualClock(START)
    engine = Engine(MemoryStore(), sender=RecordingSender(), clock=clock)
    engine.publish(workflow(node("start", send())))
    engine.ingest([signup("s1")])
    clock.advance(HOUR)
    return engine, lambda: Monitor(alerts, memory=FileMonitorMemory(path))


def test_another_process_does_not_tell_again_and_tells_the_end(tmp_path):
    alerts = RecordingAlerts()
    engine, anew = overdue(tmp_path / "told.json", alerts)
    engine.monitor(anew())
    engine.monitor(anew())
    assert [alert.finding.kind for alert in alerts.alerts] == ["work_overdue"]
    engine.advance()
    engine.monitor(anew())
    engine.monitor(anew())
    engine.monitor(anew())
    assert [alert.is_over for alert in alerts.alerts] == [False, True]
    assert [path.name for path in tmp_path.iterdir()] == ["told.json"]


def test_what_was_not_told_is_not_kept_as_told(tmp_path):
    alerts = RecordingAlerts()
    engine, anew = overdue(tmp_path / "told.json", alerts)
    alerts.refusing = ConnectionError()
    with pytest.raises(ConnectionError):
        engine.monitor(anew())
    assert list(tmp_path.iterdir()) == []
    alerts.refusing = None
    engine.monitor(anew())
    assert [alert.finding.kind for alert in alerts.alerts] == ["work_overdue"]


@pytest.mark.parametrize("text", ["", "{", "[]", '{"version": 2}', '{"alarms": {"hourly": [{"kind": 1}]}}'])
def test_a_file_that_no_monitor_wrote_is_refused(tmp_path, text):
    (tmp_path / "told.json").write_text(text)
    alerts = RecordingAlerts()
    engine, anew = overdue(tmp_path / "told.json", alerts)
    with pytest.raises(DocumentError):
        engine.monitor(anew())
    assert alerts.alerts == []
