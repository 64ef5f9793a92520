"""Quiet hours of a workflow as a document: what is read, what is written, what is refused; what is late likewise."""

from datetime import time, timedelta

import pytest

from flowkit.errors import DocumentError
from flowkit.triggers.calendar import Weekday
from flowkit.triggers.windows import Window
from flowkit.workflows.codec import dump, load
from flowkit.workflows.timing import Late, Quiet
from tests.support.refusals import refusals
from tests.support.workflow_documents import action, node, workflow

NIGHT = {"from": "22:00", "to": "07:00"}


@pytest.mark.parametrize(
    ("document", "hours"),
    [
        (NIGHT, Window(opens_at=time(22), closes_at=time(7))),
        (NIGHT | {"weekdays": ["mon"]}, Window(opens_at=time(22), closes_at=time(7), on=(Weekday.MON,))),
        ("never", Quiet.NEVER),
    ],
)
def test_quiet_hours_are_read_and_written(document, hours):
    loaded = load(workflow(quiet_hours=document))
    assert loaded.quiet_hours == hours
    assert dump(loaded)["quiet_hours"] == document
    assert load(dump(loaded)) == loaded


def test_a_workflow_without_quiet_hours_is_written_as_it_always_was():
    assert load(workflow()).quiet_hours is None
    assert "quiet_hours" not in dump(load(workflow()))


@pytest.mark.parametrize(
    ("document", "code", "path"),
    [
        (None, "wrong_type", ""),
        (7, "wrong_type", ""),
        ([], "wrong_type", ""),
        ("always", "bad_enum", ""),
        ({}, "missing_field", "/from"),
        ({"from": "22:00"}, "missing_field", "/to"),
        ({"from": "22:00", "to": "24:00"}, "bad_time", "/to"),
        ({"from": "22:00", "to": "22:00"}, "out_of_range", "/to"),
        (NIGHT | {"weekdays": []}, "too_short", "/weekdays"),
        (NIGHT | {"on": ["mon"]}, "unknown_field", "/on"),
    ],
)
def test_quiet_hours_that_are_none_are_refused(document, code, path):
    assert (code, f"/quiet_hours{path}") in refusals(lambda: load(workflow(quiet_hours=document)))


def test_late_messages_that_are_sent_now_are_those_of_which_nothing_is_said():
    document = workflow(node("start", action(parameters={"template_id": "t", "late": {"then": "send_now"}})))
    [told] = load(document).nodes["start"].actions
    assert told.do.late is None


def test_lateness_of_nothing_is_refused_in_python_too():
    with pytest.raises(DocumentError):
        Late(timedelta())
