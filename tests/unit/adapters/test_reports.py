"""Reports as servers write them are read; whatever else comes in ends with an error of ours."""

import pickle
from datetime import UTC, datetime

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from flowkit.adapters.reports import Report, ReportError, ReportFault, ReportKind, parse_report, report_event
from flowkit.events import Event
from flowkit.rendering.link_tokens import LinkTokens

TOKENS = LinkTokens({"1": b"0123456789abcdef"}, current="1")
TOKEN = TOKENS.sign("report", ["ann", "key:1", "w"])
NOW = datetime(2026, 3, 1, tzinfo=UTC)

BOUNCE = f"""\
From: MAILER-DAEMON@mx.example.net
To: bounces@shop.test
Subject: Undelivered Mail Returned to Sender
MIME-Version: 1.0
Content-Type: multipart/report; report-type=delivery-status;
\tboundary="=_b1"

This is a MIME-encapsulated message.

--=_b1
Content-Description: Notification
Content-Type: text/plain; charset=us-ascii

I could not deliver your message to <Ann.Lee@example.org>.

--=_b1
Content-Type: message/delivery-status

Reporting-MTA: dns; mx.example.net
Arrival-Date: Sun, 1 Mar 2026 09:00:00 +0000

Original-Recipient: rfc822;Ann.Lee@example.org
Final-Recipient: rfc822; ann@forwarded.example
Action: failed
Status: 5.1.1
Remote-MTA: dns; mx.forwarded.example
Diagnostic-Code: smtp; 550 5.1.1 <ann@forwarded.example>: no such user
 here

--=_b1
Content-Type: message/rfc822

From: Shop <news@shop.test>
To: Ann.Lee@example.org
Subject: News
Message-ID: <0f3a@shop.test>
X-Message-Token: {TOKEN}

Status: 2.0.0

Hello
--=_b1--
""".replace("\n", "\r\n").encode()

COMPLAINT = f"""\
From: feedback@mailbox.example
To: fbl@shop.test
Subject: FW: News
MIME-Version: 1.0
Content-Type: multipart/report; report-type=feedback-report; boundary="part"

--part
Content-Type: text/plain

This is a report of abuse.

--part
Content-Type: message/feedback-report

Feedback-Type: abuse
User-Agent: Example/1.0
Version: 1
Original-Rcpt-To: <ann@example.org>
Original-Mail-From: <bounces@shop.test>

--part
Content-Type: text/rfc822-headers

From: news@shop.test
To: ann@example.org
Message-ID: <0f3a@shop.test>
X-Message-Token: {TOKEN}

--part--
""".encode()


def test_a_bounce_is_read():
    [report] = parse_report(BOUNCE)
    assert report.kind is ReportKind.HARD_BOUNCE
    assert report.recipient == "ann.lee@example.org"
    assert report.status == "5.1.1"
    assert report.reason == "550 5.1.1 <ann@forwarded.example>: no such user here"
    assert report.message_id == "<0f3a@shop.test>"
    assert report.feedback_type is None
    assert report.headers["subject"] == "News"
    assert TOKENS.verify("report", report.token, now=NOW).fields == ("ann", "key:1", "w")


def test_a_complaint_is_read():
    [report] = parse_report(COMPLAINT)
    assert (report.kind, report.feedback_type) == (ReportKind.COMPLAINT, "abuse")
    assert (report.recipient, report.message_id, report.status) == ("ann@example.org", "<0f3a@shop.test>", None)
    assert TOKENS.verify("report", report.token, now=NOW).fields == ("ann", "key:1", "w")


@pytest.mark.parametrize(
    ("old", "new", "kind", "status"),
    [
        (b"Status: 5.1.1", b"Status: 4.2.2", ReportKind.SOFT_BOUNCE, "4.2.2"),
        (b"Status: 5.1.1", b"Status: 5.2.2 (full)", ReportKind.SOFT_BOUNCE, "5.2.2"),
        (b"Status: 5.1.1", b"Status: 5.7.1", ReportKind.SOFT_BOUNCE, "5.7.1"),
        (b"Status: 5.1.1", b"Status: 5.1.10", ReportKind.HARD_BOUNCE, "5.1.10"),
        (b"Status: 5.1.1", b"Status: 5.0.0", ReportKind.HARD_BOUNCE, "5.1.1"),
        (b"Status: 5.1.1", b"X-Status: ?", ReportKind.HARD_BOUNCE, "5.1.1"),
        (b"550 5.1.1 <ann", b"451 4.7.1 <ann", ReportKind.HARD_BOUNCE, "5.1.1"),
        (b"Action: failed", b"Action: delayed", ReportKind.DELAYED, "5.1.1"),
        (b"Action: failed", b"Action: Delivered", ReportKind.DELIVERED, "5.1.1"),
        (b"message/delivery-status", b"Message/Delivery-Status; charset=utf-8", ReportKind.HARD_BOUNCE, "5.1.1"),
    ],
)
def test_what_a_status_means(old, new, kind, status):
    assert old in BOUNCE
    [report] = parse_report(BOUNCE.replace(old, new, 1))
    assert (report.kind, report.status) == (kind, status)


@pytest.mark.parametrize(
    ("name", "kind"),
    [(b"Not-Spam", ReportKind.NOT_SPAM), (b"opt-out", ReportKind.COMPLAINT), (b"virus", ReportKind.OTHER)],
)
def test_what_a_feedback_type_means(name, kind):
    [report] = parse_report(COMPLAINT.replace(b"abuse\n", name + b"\n", 1))
    assert report.kind is kind


def test_each_recipient_has_a_report():
    end = b"\r\n\r\n--=_b1\r\nContent-Type: message/rfc822"
    more = b"\r\n\r\nFinal-Recipient: rfc822; ben@example.org\r\nAction: failed\r\nStatus: 4.4.1"
    several = BOUNCE.replace(end, more + end, 1)
    assert [(one.recipient, one.kind) for one in parse_report(several)] == [
        ("ann.lee@example.org", ReportKind.HARD_BOUNCE),
        ("ben@example.org", ReportKind.SOFT_BOUNCE),
    ]
    many = BOUNCE.replace(end, more * 500 + end, 1)
    assert len(parse_report(many)) == 100


def test_a_returned_message_says_nothing_of_the_delivery():
    """Only the report's own part counts: what is quoted in the message may be anybody's."""
    without = BOUNCE.replace(b"Content-Type: message/delivery-status", b"Content-Type: text/plain", 1)
    with pytest.raises(ReportError) as raised:
        parse_report(without)
    assert raised.value.fault is ReportFault.BROKEN


@pytest.mark.parametrize(
    ("content", "fault"),
    [
        (b"", ReportFault.NO_REPORT),
        (b"Subject: Out of office\r\n\r\nI am away.", ReportFault.NO_REPORT),
        (b"Content-Type: message/delivery-status\r\n\r\n", ReportFault.BROKEN),
        (b"Content-Type: message/feedback-report\r\n\r\nVersion: 1\r\n", ReportFault.BROKEN),
        (b"Content-Type: multipart/report; boundary=x\r\n\r\n--x\r\n", ReportFault.BROKEN),
    ],
)
def test_what_is_no_report(content, fault):
    with pytest.raises(ReportError) as raised:
        parse_report(content)
    assert raised.value.fault is fault
    assert pickle.loads(pickle.dumps(raised.value)).fault is fault  # noqa: S301 - of our own making


def test_a_large_one_is_read_as_far_as_it_says_something():
    [report] = parse_report(BOUNCE.replace(b"Hello", b"x" * 20_000_000))
    assert report.message_id == "<0f3a@shop.test>"


def test_addresses_do_not_show():
    [report] = parse_report(BOUNCE)
    assert "ann" not in repr(report)


def test_the_events_of_reports():
    [bounce], [complaint] = parse_report(BOUNCE), parse_report(COMPLAINT)
    event = report_event(bounce, "ann", "key:1", "w")
    assert isinstance(event, Event)
    assert (event.type, event.subscriber_id) == ("bounce", "ann")
    assert event.properties == {
        "send_key": "key:1",
        "workflow_id": "w",
        "channel": "email",
        "bounce_type": "hard",
        "status": "5.1.1",
    }
    assert event.id == report_event(bounce, "ann", "key:1", "w").id != report_event(bounce, "ann", "key:2", "w").id
    assert report_event(complaint, "ann", "key:1", "w").type == "complaint"
    assert report_event(Report(kind=ReportKind.DELAYED), "ann", "key:1", "w") is None


# -- hostile input ----------------------------------------------------------------------------------------------------


def read(content):
    try:
        reports = parse_report(content)
    except ReportError:
        return
    assert 1 <= len(reports) <= 100
    for report in reports:
        assert len(report.reason) <= 500
        assert len(report.reason.splitlines()) <= 1
        assert report.recipient is None or "@" in report.recipient
        report_event(report, "ann", "key:1", "w")


@given(st.binary(max_size=500))
def test_any_octets(content):
    read(content)


CUTS = st.tuples(st.integers(0, 2000), st.integers(0, 60), st.one_of(
    st.binary(max_size=20),
    st.sampled_from([
        b"\r\n", b"\r\n\r\n", b"\0", b"\xff\xfe", b"=?utf-8?q?=0D=0Aa?=", b"--=_b1", b"--=_b1--", b"--part", b";", b":",
        b"Content-Type: multipart/mixed; boundary==_b1\r\n\r\n", b"Content-Transfer-Encoding: base64\r\n",
        b"charset=unknown-8bit", b"charset*=utf-8''%ff", b"Status: 5.", b"Action:", b"Feedback-Type:", b"\xc3\xa9" * 9,
    ]),
))  # fmt: skip


@settings(max_examples=300)
@given(st.sampled_from([BOUNCE, COMPLAINT]), st.lists(CUTS, min_size=1, max_size=6))
def test_broken_reports(content, cuts):
    for at, length, instead in cuts:
        content = content[:at] + instead + content[at + length :]
    read(content)


@pytest.mark.parametrize(
    "content",
    [
        b"Content-Type: multipart/mixed; boundary=a\r\n\r\n"
        + b"--a\r\nContent-Type: multipart/mixed; boundary=a\r\n\r\n" * 5_000,
        b"".join(b"Content-Type: multipart/mixed; boundary=b%d\r\n\r\n--b%d\r\n" % (n, n) for n in range(3_000)),
        b"Content-Type: message/rfc822\r\n\r\n" * 5_000,
        b"Content-Type: message/feedback-report\r\n\r\nFeedback-Type: abuse\r\n" + b" x\r\n" * 200_000,
        b"Content-Type: message/feedback-report\r\n\r\n" + b"a:b\r\n\r\n" * 100_000,
        b"Content-Type: message/delivery-status\r\n\r\n" + b"Action: failed\r\n\r\n" * 20_000,
        b"Content-Type: message/feedback-report; " + b"a*0=b;" * 20_000 + b"\r\n\r\nFeedback-Type: abuse\r\n",
        b"Content-Type: message/feedback-report" + b";x=" * 100_000 + b"\r\n\r\nFeedback-Type: abuse\r\n",
    ],
    ids=["nested", "nested apart", "messages", "folded", "blocks", "recipients", "parameters", "equals"],
)
def test_what_is_made_to_be_slow_ends(content):
    read(content)
