"""The examples do what they say: to the message, as the mail server received it."""

import os
import subprocess
import sys
from collections import Counter
from datetime import UTC, datetime
from email import message_from_bytes, policy
from email.utils import parsedate_to_datetime
from pathlib import Path

import pytest

from examples import host_transaction, welcome_series
from flowkit import Kind, Status, dump_workflow, load_workflow

EXAMPLES = Path(__file__).resolve().parents[2] / "examples"
ENGAGED = ["ada", "chloe", "elin", "grace", "ines"]
SILENT = ["ben", "dev", "farid", "hiro", "jo"]
EVERYBODY = sorted(ENGAGED + SILENT)
SUBJECTS = {
    "Welcome to our community!": (0, EVERYBODY),
    "Here are some tips to get started": (3, ENGAGED),
    "We missed you - here's what you're missing": (3, SILENT),
    "See our product in action": (8, ENGAGED),
}


@pytest.fixture(scope="module")
def told():
    return []


@pytest.fixture(scope="module")
def played(told):
    return welcome_series.main(told.append)


@pytest.fixture(scope="module")
def messages(played):
    """What the server received, read with the standard library's parser."""
    return [message_from_bytes(one.content, policy=policy.default) for one in played.received]


def name_of(message):
    return message["To"].addresses[0].username


def only(messages, name, subject):
    (found,) = [one for one in messages if name_of(one) == name and one["Subject"] == subject]
    return found


def test_the_document_says_what_the_code_says():
    document = (EXAMPLES / "welcome_series.json").read_bytes()
    assert load_workflow(document) == welcome_series.welcome_series()
    assert load_workflow(dump_workflow(welcome_series.welcome_series())) == welcome_series.welcome_series()


@pytest.mark.parametrize("subject", SUBJECTS)
def test_exactly_these_people_get_each_message_on_its_day(messages, subject):
    day, names = SUBJECTS[subject]
    got = [message for message in messages if message["Subject"] == subject]
    assert sorted(name_of(message) for message in got) == names
    assert {(parsedate_to_datetime(message["Date"]) - datetime(2026, 5, 4, tzinfo=UTC)).days for message in got} == {
        day
    }


def test_nothing_else_is_sent(messages):
    assert len(messages) == 25
    assert {str(message["Subject"]) for message in messages} == set(SUBJECTS)


def test_the_waits_are_exact_to_the_minute(messages):
    for name in ENGAGED:
        mine = [parsedate_to_datetime(one["Date"]) for one in messages if name_of(one) == name]
        hours = [(later - mine[0]).total_seconds() / 3600 for later in mine]
        assert hours == [0, 72, 192]


def test_the_envelope_names_the_same_recipient_as_the_message(played, messages):
    for received, message in zip(played.received, messages, strict=True):
        assert message["To"].addresses[0].addr_spec == received.recipient
        assert message["From"].addresses[0].addr_spec == "hello@fernway.example"


def test_each_message_is_a_plain_and_an_html_part_without_a_tag_left_in_it(messages):
    for message in messages:
        assert message.get_content_type() == "multipart/alternative"
        for kind in ("plain", "html"):
            text = message.get_body((kind,)).get_content()
            assert "Hi " in text
            assert "{{" not in text
            assert "{%" not in text


def test_merge_tags_are_filled_in_and_escaped_where_html_asks_for_it(messages):
    welcome = only(messages, "ada", "Welcome to our community!")
    assert "Hi Ada," in welcome.get_body(("plain",)).get_content()
    assert "Smith & Sons" in welcome.get_body(("plain",)).get_content()
    assert "Smith &amp; Sons" in welcome.get_body(("html",)).get_content()
    assert "Hi there," in only(messages, "elin", "Welcome to our community!").get_body(("html",)).get_content()
    assert "Hi Chloé," in only(messages, "chloe", "See our product in action").get_body(("html",)).get_content()
    missed = "We missed you - here's what you're missing"
    assert "in Lyon and elsewhere" in only(messages, "ben", missed).get_body(("plain",)).get_content()
    assert "elsewhere" not in only(messages, "farid", missed).get_body(("plain",)).get_content()


def test_what_the_journal_says_was_sent_is_what_the_server_received(played, messages):
    assert [one.reference for one in played.sent] == [str(message["Message-ID"]) for message in messages]
    assert len({one.reference for one in played.sent}) == 25
    assert [one.subscriber_id for one in played.sent] == [name_of(message) for message in messages]


def test_each_message_comes_with_its_reason(played):
    assert Counter((one.day, one.template_id, one.why) for one in played.sent) == {
        (0, "welcome_email_v2", "new_subscriber_trigger matched"): 10,
        (3, "getting_started_tips", "3 days passed, then engaged (clicks = 0, opens = 1)"): 5,
        (3, "reengagement_v1", "3 days passed, then not_engaged (clicks = 0, opens = 0)"): 5,
        (8, "product_demo_email", "5 days passed"): 5,
    }


def test_every_run_is_complete_and_its_journal_is_whole(played):
    assert [run.subscriber_id for run in played.runs] == EVERYBODY
    for run, journal in zip(played.runs, played.journals, strict=True):
        assert run.status is Status.COMPLETED
        assert run.due_at is None
        kinds = Counter(line.entry.kind for line in journal)
        sends = 3 if run.subscriber_id in ENGAGED else 2
        assert kinds[Kind.ENTERED] == kinds[Kind.COMPLETED] == kinds[Kind.DECIDED] == 1
        assert kinds[Kind.DONE] == sends
        assert kinds[Kind.WAITING] == kinds[Kind.WOKEN] == sends - 1
        assert kinds[Kind.OBSERVED] == (run.subscriber_id in ENGAGED)


def test_what_came_twice_is_accepted_once_and_the_cooldown_refuses(played, told):
    assert played.duplicates == 1
    (refused,) = [line for line in told if line.split()[1:2] == ["refused"]]
    assert refused.endswith("of farid  because of the cooldown, over in 4 days, 20:00:00")


def test_it_tells_every_day_and_every_message(told):
    assert [line for line in told if line.startswith("Day ")][::9] == ["Day 0, Monday 4 May", "Day 9, Wednesday 13 May"]
    assert sum(line.split()[1:2] == ["sent"] for line in told) == 25
    assert "\nThe mail server received 25 messages" in told


def test_an_order_and_its_event_commit_together_or_roll_back_together():
    assert host_transaction.main(lambda _: None) == [
        host_transaction.Seen(["A1"], ["A1"], 1),
        host_transaction.Seen(["A1"], ["A1"], 0),
        host_transaction.Seen(["A1", "A2"], ["A1", "A2"], 1),
    ]


@pytest.mark.parametrize("script", ["welcome_series.py", "host_transaction.py"])
def test_a_script_says_the_same_each_time_and_nothing_of_the_machine(script, tmp_path):
    outputs = set()
    for seed in ("0", "1"):
        done = subprocess.run(
            [sys.executable, "-W", "error", EXAMPLES / script],
            cwd=tmp_path,  # from anywhere: a script finds what is its own
            env=os.environ | {"PYTHONHASHSEED": seed, "TMPDIR": str(tmp_path), "PYTHONUTF8": "1"},
            capture_output=True,
            text=True,
            check=False,
        )
        assert done.returncode == 0, done.stderr
        assert done.stderr == ""
        outputs.add(done.stdout)
    (output,) = outputs
    assert str(tmp_path) not in output
    assert str(EXAMPLES.parent) not in output
    assert list(tmp_path.iterdir()) == []  # it leaves nothing behind
