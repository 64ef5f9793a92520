"""The parameters of each type of action: what is typed, what is kept, what is refused."""

from datetime import time, timedelta

import pytest
from attrs import evolve

from flowkit.conditions import ALWAYS, Duration, EventIs, Not, parse
from flowkit.documents import Limits
from flowkit.errors import DocumentError
from flowkit.triggers.windows import Window
from flowkit.workflows.codec import dump, dumps, load, validate
from flowkit.workflows.control import Awaited, Branch, Case, Exit, LookBack, Split, WaitForEvent, Way
from flowkit.workflows.links import EmitEvent, StartWorkflow
from flowkit.workflows.model import (
    Action,
    CallHandler,
    CallWebhook,
    CheckEngagement,
    Delivery,
    DurationUnit,
    MessageClass,
    Node,
    OnSkip,
    Operation,
    SendEmail,
    UpdateProfile,
    UpdateSegments,
    Wait,
)
from flowkit.workflows.timing import Late
from tests.support.refusals import refusals
from tests.support.workflow_documents import PARAMETERS, action, node, put, without, workflow

CASE = {"subscriber_properties": {"plan": "pro"}, "segments": "vip"}
W = {"label": "a", "weight": 1}
A = {"label": "a", "when": {}}
BUYS = {"label": "bought", "event": {"event_type": "purchase"}}
BOUGHT = {"performed": {"event": "purchase", "since": "workflow_start"}}
PLACE = "/nodes/start/actions/0/parameters"
HOURLY = {"duration_hours": 1}
OPEN = {"from": "09:00", "to": "17:00"}
MEBIBYTE_OF_BRACES = "{{" * 500_000


def document(action_type: str, parameters: dict[str, object]) -> dict[str, object]:
    return workflow(node("start", action(action_type, parameters=parameters)))


def loaded(action_type: str, **parameters: object) -> Operation:
    return load(document(action_type, parameters)).nodes["start"].actions[0].do


@pytest.mark.parametrize(
    ("action_type", "parameters", "operation"),
    [
        ("send_email", {"template_id": "t"}, SendEmail("t", subject=None, personalization=True)),
        (
            "send_email",
            {"template_id": "t", "delivery": "at_most_once"},
            SendEmail("t", delivery=Delivery.AT_MOST_ONCE),
        ),
        (
            "send_email",
            {"template_id": "t", "topic": "news", "on_skip": "exit"},
            SendEmail("t", topic="news", on_skip=OnSkip.EXIT),
        ),
        (
            "send_email",
            {"template_id": "t", "message_class": "transactional"},
            SendEmail("t", message_class=MessageClass.TRANSACTIONAL),
        ),
        (
            "send_email",
            {"template_id": "t", "message_class": "transactional", "expires_after": {"duration_hours": 2}},
            SendEmail("t", message_class=MessageClass.TRANSACTIONAL, expires_after=timedelta(hours=2)),
        ),
        (
            "send_email",
            {"template_id": "t", "late": {"after": HOURLY, "then": "skip"}},
            SendEmail("t", late=Late(timedelta(hours=1))),
        ),
        (
            "send_email",
            {"template_id": "t", "late": {"after": HOURLY, "then": "next_window", "window": OPEN}},
            SendEmail("t", late=Late(timedelta(hours=1), window=Window(opens_at=time(9), closes_at=time(17)))),
        ),
        (
            "send_email",
            {"template_id": "t", "subject": "", "personalization": False, "campaign": {"id": 1}},
            SendEmail("t", subject="", personalization=False, parameters={"campaign": {"id": 1}}),
        ),
        (
            "send",
            {"template_id": "t", "channel": "push", "subject": "Hi", "delivery": "at_most_once", "sound": "bell"},
            SendEmail(
                "t",
                channel="push",
                subject="Hi",
                delivery=Delivery.AT_MOST_ONCE,
                parameters={"sound": "bell"},
            ),
        ),
        ("wait", {"duration_hours": 0}, Wait(timedelta(), unit=DurationUnit.HOURS)),
        ("wait", {"duration_days": 36_525}, Wait(timedelta(days=36_525), unit=DurationUnit.DAYS)),
        (
            "wait",
            {"duration_minutes": 0.5, "note": None},
            Wait(timedelta(seconds=30), unit=DurationUnit.MINUTES, parameters={"note": None}),
        ),
        ("condition", {}, CheckEngagement(())),
        (
            "condition",
            {"condition_type": "engagement_check", "metrics": ["opens", "clicks"], "more": 1},
            CheckEngagement(("opens", "clicks"), parameters={"more": 1}),
        ),
        ("split", {"ways": [W]}, Split((Way("a", 1),))),
        (
            "split",
            {"ways": [W, {"label": "b", "weight": 0}, {"label": "c", "weight": 1e-6}], "split_id": "s", "x": 1},
            Split([Way("a", 1), Way("b", 0), Way("c", 1e-6)], split_id="s", parameters={"x": 1}),
        ),
        ("emit_event", {"event": {"type": "e"}}, EmitEvent("e")),
        (
            "emit_event",
            {"event": {"type": "e", "value": [1], "plan": "pro", "n": None}, "x": 1},
            EmitEvent("e", value=[1], properties={"plan": "pro", "n": None}, parameters={"x": 1}),
        ),
        ("start_workflow", {"workflow_id": "v"}, StartWorkflow("v")),
        (
            "start_workflow",
            {"workflow_id": "v", "properties": {"type": "t"}, "x": 1},
            StartWorkflow("v", properties={"type": "t"}, parameters={"x": 1}),
        ),
        (
            "branch",
            {"cases": [{"label": "any", "when": {}}], "otherwise": "none"},
            Branch((Case("any", ALWAYS),), otherwise="none"),
        ),
        (
            "branch",
            {
                "cases": [{"label": "pro", "when": CASE}, {"label": "bought", "when": BOUGHT}],
                "otherwise": "default",
                "note": ["kept"],
            },
            Branch(
                (Case("pro", parse(CASE)), Case("bought", parse(BOUGHT))),
                otherwise="default",
                parameters={"note": ["kept"]},
            ),
        ),
        (
            "wait_for_event",
            {"branches": [BUYS], "timeout": {"duration_hours": 72}},
            WaitForEvent(
                [Awaited("bought", EventIs(("purchase",)))], timeout=timedelta(hours=72), look_back=LookBack.LAST_SEND
            ),
        ),
        (
            "wait_for_event",
            {
                "branches": [
                    {"label": "web", "event": {"event_type": ["a", "b"], "event_properties": {"x": 1}, "min_value": 5}},
                    {"label": "vip", "when": CASE},
                ],
                "timeout": "forever",
                "look_back": "entry",
                "note": 1,
            },
            WaitForEvent(
                [
                    Awaited("web", parse({"event_type": ["a", "b"], "event_properties": {"x": 1}, "min_value": 5})),
                    Case("vip", parse(CASE)),
                ],
                timeout=None,
                look_back=LookBack.ENTRY,
                parameters={"note": 1},
            ),
        ),
        (
            "wait_for_event",
            {"branches": [BUYS], "timeout": {"duration_days": 1.5}, "look_back": "1w"},
            WaitForEvent(
                [Awaited("bought", EventIs(("purchase",)))],
                timeout=timedelta(days=1.5),
                unit=DurationUnit.DAYS,
                look_back=Duration(604_800),
            ),
        ),
        (
            "wait_for_event",
            {"branches": [BUYS], "timeout": {"duration_seconds": 0}, "look_back": "arrival"},
            WaitForEvent(
                [Awaited("bought", EventIs(("purchase",)))],
                timeout=timedelta(),
                unit=DurationUnit.SECONDS,
                look_back=LookBack.ARRIVAL,
            ),
        ),
        ("exit", {"reason": "bought elsewhere"}, Exit("bought elsewhere")),
        ("exit", {"reason": " . ", "by": "sales"}, Exit(" . ", parameters={"by": "sales"})),
        ("segment_update", {}, UpdateSegments()),
        (
            "segment_update",
            {"add": ["a", "b"], "remove": ["c"], "why": "x"},
            UpdateSegments(add=("a", "b"), remove=("c",), parameters={"why": "x"}),
        ),
        ("personalization_update", {}, UpdateProfile()),
        (
            "personalization_update",
            {"set": {"a": None, "b": [1]}, "unset": ["c"], "increment": {"d": -0.5, "e": 2}, "f": 1},
            UpdateProfile(set={"a": None, "b": [1]}, unset=("c",), increment={"d": -0.5, "e": 2}, parameters={"f": 1}),
        ),
        ("webhook", {"url": "http://example.com"}, CallWebhook("http://example.com", method="POST")),
        (
            "webhook",
            {"url": "http://example.com", "delivery": "at_most_once"},
            CallWebhook("http://example.com", delivery=Delivery.AT_MOST_ONCE),
        ),
        (
            "webhook",
            {"url": "http://example.com", "response": {"score": "result.score", "Tier_2": "tier"}},
            CallWebhook("http://example.com", response={"score": "result.score", "Tier_2": "tier"}),
        ),
        ("custom", {"name": "score"}, CallHandler("score")),
        (
            "custom",
            {"name": "score", "delivery": "at_most_once", "model": {"weights": [1, 2]}, "response": 1},
            CallHandler(
                "score", delivery=Delivery.AT_MOST_ONCE, parameters={"model": {"weights": [1, 2]}, "response": 1}
            ),
        ),
        (
            "webhook",
            {
                "url": "https://example.com:8443/a?b=c#d",
                "method": "PUT",
                "headers": {"X-Key": "v", "Accept": "a; q=0.5"},
                "body": {"a": {"b": 1}},
                "timeout": 3,
            },
            CallWebhook(
                "https://example.com:8443/a?b=c#d",
                method="PUT",
                headers={"X-Key": "v", "Accept": "a; q=0.5"},
                body={"a": {"b": 1}},
                parameters={"timeout": 3},
            ),
        ),
    ],
)
def test_known_parameters_are_typed_and_others_kept(action_type, parameters, operation):
    assert loaded(action_type, **parameters) == operation
    written = dump(load(document(action_type, parameters)))["nodes"]["start"]["actions"][0]
    assert written["action_type"] == action_type
    assert written["parameters"].items() >= parameters.items()


def test_how_an_action_is_delivered_by_default_may_be_said_and_is_not_written():
    said = {"template_id": "t", "delivery": "at_least_once"}
    assert loaded("send_email", **said) == SendEmail("t")
    written = dump(load(document("send_email", said)))["nodes"]["start"]["actions"][0]
    assert "delivery" not in written["parameters"]


@pytest.mark.parametrize(
    ("action_type", "parameters", "code", "path"),
    [
        ("send_email", {}, "missing_field", "/template_id"),
        ("send_email", {"template_id": ""}, "bad_id", "/template_id"),
        ("send_email", {"template_id": None}, "wrong_type", "/template_id"),
        ("send_email", {"template_id": 7}, "wrong_type", "/template_id"),
        ("send_email", {"template_id": "t", "subject": None}, "wrong_type", "/subject"),
        ("send_email", {"template_id": "t", "subject": 1}, "wrong_type", "/subject"),
        *[
            ("send_email", {"template_id": "t", "subject": f"a{sign}b"}, "bad_text", "/subject")
            for sign in "\n\r\t\x00\x1b\x7f\x85\u2028\u2029"
        ],
        ("send_email", {"template_id": "t", "personalization": "false"}, "wrong_type", "/personalization"),
        ("send_email", {"template_id": "t", "personalization": 1}, "wrong_type", "/personalization"),
        ("send_email", {"template_id": "t", "personalization": None}, "wrong_type", "/personalization"),
        ("send_email", {"template_id": "t", "channel": "sms"}, "conflicting_fields", "/channel"),
        ("send_email", {"template_id": "t", "channel": None}, "wrong_type", "/channel"),
        ("send_email", {"template_id": "t", "channel": ""}, "bad_id", "/channel"),
        ("send", {"template_id": "t"}, "missing_field", "/channel"),
        ("send", {"channel": "sms"}, "missing_field", "/template_id"),
        ("send", {"template_id": "t", "channel": 1}, "wrong_type", "/channel"),
        ("send", {"template_id": "t", "channel": ""}, "bad_id", "/channel"),
        ("send", {"template_id": "t", "channel": "s\nms"}, "bad_id", "/channel"),
        ("send", {"template_id": "t", "channel": "x" * 256}, "bad_id", "/channel"),
        ("wait", {}, "missing_field", ""),
        ("wait", {"duration_weeks": 1}, "missing_field", ""),
        ("wait", {"duration_hours": 1, "duration_days": 1}, "conflicting_fields", ""),
        ("wait", {"duration_hours": None}, "wrong_type", "/duration_hours"),
        ("wait", {"duration_hours": "72"}, "wrong_type", "/duration_hours"),
        ("wait", {"duration_hours": True}, "wrong_type", "/duration_hours"),
        ("wait", {"duration_hours": -1}, "out_of_range", "/duration_hours"),
        ("wait", {"duration_hours": 876_600.5}, "out_of_range", "/duration_hours"),
        ("wait", {"duration_days": 36_526}, "out_of_range", "/duration_days"),
        ("wait", {"duration_minutes": 1e300}, "out_of_range", "/duration_minutes"),
        ("wait", {"duration_seconds": 2**62}, "out_of_range", "/duration_seconds"),
        ("condition", {"condition_type": "score_check"}, "bad_enum", "/condition_type"),
        ("send_email", {"template_id": "t", "topic": ""}, "bad_id", "/topic"),
        ("send_email", {"template_id": "t", "topic": None}, "wrong_type", "/topic"),
        ("send_email", {"template_id": "t", "message_class": "newsletter"}, "bad_enum", "/message_class"),
        ("send_email", {"template_id": "t", "on_skip": True}, "wrong_type", "/on_skip"),
        ("condition", {"condition_type": None}, "wrong_type", "/condition_type"),
        ("condition", {"metrics": "opens"}, "wrong_type", "/metrics"),
        ("condition", {"metrics": None}, "wrong_type", "/metrics"),
        ("condition", {"metrics": ["opens", 1]}, "wrong_type", "/metrics/1"),
        ("split", {}, "missing_field", "/ways"),
        ("split", {"ways": []}, "too_short", "/ways"),
        ("split", {"ways": None}, "wrong_type", "/ways"),
        ("split", {"ways": {"a": 1}}, "wrong_type", "/ways"),
        ("split", {"ways": [W, "b"]}, "wrong_type", "/ways/1"),
        ("split", {"ways": [W, W]}, "duplicate_id", "/ways/1/label"),
        ("split", {"ways": [{"weight": 1}]}, "missing_field", "/ways/0/label"),
        ("split", {"ways": [W | {"label": "exhausted"}]}, "reserved_label", "/ways/0/label"),
        ("split", {"ways": [{"label": "a"}]}, "missing_field", "/ways/0/weight"),
        ("split", {"ways": [W | {"weight": "1"}]}, "wrong_type", "/ways/0/weight"),
        ("split", {"ways": [W | {"weight": True}]}, "wrong_type", "/ways/0/weight"),
        ("split", {"ways": [W | {"weight": -1}]}, "out_of_range", "/ways/0/weight"),
        ("split", {"ways": [W | {"weight": 1e13}]}, "out_of_range", "/ways/0/weight"),
        ("split", {"ways": [W | {"weight": 1e-13}]}, "out_of_range", "/ways/0/weight"),
        ("split", {"ways": [W | {"when": {}}]}, "unknown_field", "/ways/0/when"),
        ("split", {"ways": [W | {"weight": 0}, {"label": "b", "weight": 0.0}]}, "no_weight", "/ways"),
        ("split", {"ways": [W], "split_id": None}, "wrong_type", "/split_id"),
        ("split", {"ways": [W], "split_id": ""}, "bad_id", "/split_id"),
        ("emit_event", {}, "missing_field", "/event"),
        ("emit_event", {"event": "e"}, "wrong_type", "/event"),
        ("emit_event", {"event": {}}, "missing_field", "/event/type"),
        ("emit_event", {"event": {"type": ""}}, "bad_id", "/event/type"),
        ("emit_event", {"event": {"type": "e", "id": "1"}}, "reserved_field", "/event/id"),
        ("emit_event", {"event": {"type": "e", "timestamp": "2030-01-01"}}, "reserved_field", "/event/timestamp"),
        ("start_workflow", {}, "missing_field", "/workflow_id"),
        ("start_workflow", {"workflow_id": 1}, "wrong_type", "/workflow_id"),
        ("start_workflow", {"workflow_id": "v", "properties": []}, "wrong_type", "/properties"),
        ("branch", {"otherwise": "x"}, "missing_field", "/cases"),
        ("branch", {"cases": [], "otherwise": "x"}, "too_short", "/cases"),
        ("branch", {"cases": None, "otherwise": "x"}, "wrong_type", "/cases"),
        ("branch", {"cases": {"a": {}}, "otherwise": "x"}, "wrong_type", "/cases"),
        ("branch", {"cases": [A], "otherwise": None}, "wrong_type", "/otherwise"),
        ("branch", {"cases": [A]}, "missing_field", "/otherwise"),
        ("branch", {"cases": [A], "otherwise": ""}, "bad_id", "/otherwise"),
        ("branch", {"cases": [A], "otherwise": "a"}, "duplicate_id", "/otherwise"),
        ("branch", {"cases": [A], "otherwise": "exhausted"}, "reserved_label", "/otherwise"),
        ("branch", {"cases": [A, None], "otherwise": "x"}, "wrong_type", "/cases/1"),
        ("branch", {"cases": [A, "b"], "otherwise": "x"}, "wrong_type", "/cases/1"),
        ("branch", {"cases": [A, A], "otherwise": "x"}, "duplicate_id", "/cases/1/label"),
        ("branch", {"cases": [{"when": {}}], "otherwise": "x"}, "missing_field", "/cases/0/label"),
        ("branch", {"cases": [{"label": 1, "when": {}}], "otherwise": "x"}, "wrong_type", "/cases/0/label"),
        ("branch", {"cases": [{"label": "b\n", "when": {}}], "otherwise": "x"}, "bad_id", "/cases/0/label"),
        ("branch", {"cases": [A | {"label": "exhausted"}], "otherwise": "x"}, "reserved_label", "/cases/0/label"),
        ("branch", {"cases": [{"label": "a"}], "otherwise": "x"}, "missing_field", "/cases/0/when"),
        ("branch", {"cases": [{"label": "a", "when": None}], "otherwise": "x"}, "wrong_type", "/cases/0/when"),
        ("branch", {"cases": [{"label": "a", "when": "pro"}], "otherwise": "x"}, "wrong_type", "/cases/0/when"),
        ("branch", {"cases": [A | {"then": "b"}], "otherwise": "x"}, "unknown_field", "/cases/0/then"),
        ("branch", {"cases": [A | {"when": {"plan": 1}}], "otherwise": "x"}, "unknown_field", "/cases/0/when/plan"),
        (
            "branch",
            {"cases": [A, {"label": "b", "when": {"performed": {"event": "x", "since": "now"}}}], "otherwise": "x"},
            "bad_enum",
            "/cases/1/when/performed/since",
        ),
        ("wait_for_event", {"timeout": "forever"}, "missing_field", "/branches"),
        ("wait_for_event", {"branches": [], "timeout": "forever"}, "too_short", "/branches"),
        ("wait_for_event", {"branches": BUYS, "timeout": "forever"}, "wrong_type", "/branches"),
        ("wait_for_event", {"branches": [BUYS, 1], "timeout": "forever"}, "wrong_type", "/branches/1"),
        ("wait_for_event", {"branches": [BUYS, BUYS], "timeout": "forever"}, "duplicate_id", "/branches/1/label"),
        *[
            (
                "wait_for_event",
                {"branches": [BUYS | {"label": label}], "timeout": "forever"},
                code,
                "/branches/0/label",
            )
            for label, code in (
                ("timeout", "reserved_label"),
                ("exhausted", "reserved_label"),
                ("", "bad_id"),
                (None, "wrong_type"),
            )
        ],
        ("wait_for_event", {"branches": [{"label": "a"}], "timeout": "forever"}, "missing_field", "/branches/0"),
        (
            "wait_for_event",
            {"branches": [BUYS | {"when": {}}], "timeout": "forever"},
            "conflicting_fields",
            "/branches/0",
        ),
        (
            "wait_for_event",
            {"branches": [BUYS | {"within": "7d"}], "timeout": "forever"},
            "unknown_field",
            "/branches/0/within",
        ),
        *[
            ("wait_for_event", {"branches": [{"label": "a", "event": given}], "timeout": "forever"}, code, path)
            for given, code, path in (
                ({}, "missing_field", "/branches/0/event/event_type"),
                ("purchase", "wrong_type", "/branches/0/event"),
                (None, "wrong_type", "/branches/0/event"),
                ({"event_type": ""}, "bad_id", "/branches/0/event/event_type"),
                ({"event_type": "a", "segments": "vip"}, "unknown_field", "/branches/0/event/segments"),
                ({"event_type": "a", "min_value": "1"}, "wrong_type", "/branches/0/event/min_value"),
            )
        ],
        (
            "wait_for_event",
            {"branches": [{"label": "a", "when": {"plan": 1}}], "timeout": "forever"},
            "unknown_field",
            "/branches/0/when/plan",
        ),
        ("wait_for_event", {"branches": [BUYS]}, "missing_field", "/timeout"),
        *[
            ("wait_for_event", {"branches": [BUYS], "timeout": given}, code, path)
            for given, code, path in (
                (None, "wrong_type", "/timeout"),
                ("never", "wrong_type", "/timeout"),
                (72, "wrong_type", "/timeout"),
                ({}, "missing_field", "/timeout"),
                ({"duration_hours": 1, "duration_days": 1}, "conflicting_fields", "/timeout"),
                ({"duration_hours": -1}, "out_of_range", "/timeout/duration_hours"),
                ({"duration_hours": "72"}, "wrong_type", "/timeout/duration_hours"),
                ({"duration_hours": 1, "at": "9:00"}, "unknown_field", "/timeout/at"),
            )
        ],
        *[
            ("wait_for_event", {"branches": [BUYS], "timeout": "forever", "look_back": given}, code, "/look_back")
            for given, code in (
                (None, "wrong_type"),
                (7, "wrong_type"),
                ("last", "bad_enum"),
                ("0d", "bad_enum"),
                ("-7d", "bad_enum"),
                ("7 days", "bad_enum"),
                ("99999w", "bad_enum"),
            )
        ],
        *[
            ("webhook", {"url": "http://example.com", "response": given}, code, f"/response{path}")
            for given, code, path in (
                (None, "wrong_type", ""),
                (["score"], "wrong_type", ""),
                ("score", "wrong_type", ""),
                ({f"v{number}": "a" for number in range(33)}, "too_long", ""),
                ({"": "a"}, "bad_id", "/"),
                ({"2nd": "a"}, "bad_id", "/2nd"),
                ({"a.b": "a"}, "bad_id", "/a.b"),
                ({"a-b": "a"}, "bad_id", "/a-b"),
                ({"größe": "a"}, "bad_id", "/größe"),
                ({"_a": "a"}, "bad_id", "/_a"),
                ({"v" * 65: "a"}, "bad_id", f"/{'v' * 65}"),
                ({"a\n": "a"}, "bad_id", "/a\ufffd"),
                ({"a": ""}, "bad_id", "/a"),
                ({"a": None}, "wrong_type", "/a"),
                ({"a": 1}, "wrong_type", "/a"),
                ({"a": ["b"]}, "wrong_type", "/a"),
            )
        ],
        ("custom", {}, "missing_field", "/name"),
        ("custom", {"name": None}, "wrong_type", "/name"),
        ("custom", {"name": 1}, "wrong_type", "/name"),
        ("custom", {"name": ""}, "bad_id", "/name"),
        ("custom", {"name": "a\n"}, "bad_id", "/name"),
        ("custom", {"name": "a", "delivery": "once"}, "bad_enum", "/delivery"),
        ("exit", {}, "missing_field", "/reason"),
        ("exit", {"reason": None}, "wrong_type", "/reason"),
        ("exit", {"reason": 1}, "wrong_type", "/reason"),
        ("exit", {"reason": ""}, "bad_text", "/reason"),
        ("exit", {"reason": " \u00a0 "}, "bad_text", "/reason"),
        ("exit", {"reason": "a\nb"}, "bad_text", "/reason"),
        ("segment_update", {"add": "a"}, "wrong_type", "/add"),
        ("segment_update", {"add": None}, "wrong_type", "/add"),
        ("segment_update", {"remove": [None]}, "wrong_type", "/remove/0"),
        ("segment_update", {"remove": ["a", ""]}, "bad_id", "/remove/1"),
        ("personalization_update", {"set": []}, "wrong_type", "/set"),
        ("personalization_update", {"set": {"": 1}}, "bad_id", "/set/"),
        ("personalization_update", {"unset": {"a": 1}}, "wrong_type", "/unset"),
        ("personalization_update", {"increment": {"a": "1"}}, "wrong_type", "/increment/a"),
        ("personalization_update", {"increment": {"a": True}}, "wrong_type", "/increment/a"),
        ("personalization_update", {"increment": {"a": None}}, "wrong_type", "/increment/a"),
        ("webhook", {}, "missing_field", "/url"),
        ("send_email", {"template_id": "t", "delivery": "exactly_once"}, "bad_enum", "/delivery"),
        ("send_email", {"template_id": "t", "delivery": None}, "wrong_type", "/delivery"),
        ("send_email", {"template_id": "t", "message_class": "both"}, "bad_enum", "/message_class"),
        ("send_email", {"template_id": "t", "message_class": None}, "wrong_type", "/message_class"),
        ("send_email", {"template_id": "t", "expires_after": None}, "wrong_type", "/expires_after"),
        ("send_email", {"template_id": "t", "expires_after": 3}, "wrong_type", "/expires_after"),
        ("send_email", {"template_id": "t", "expires_after": {}}, "missing_field", "/expires_after"),
        ("send_email", {"template_id": "t", "expires_after": {"duration_days": 0}}, "out_of_range", "/expires_after"),
        (
            "send_email",
            {"template_id": "t", "expires_after": {"duration_days": -1}},
            "out_of_range",
            "/expires_after/duration_days",
        ),
        (
            "send_email",
            {"template_id": "t", "expires_after": {"duration_days": 1, "more": 1}},
            "unknown_field",
            "/expires_after/more",
        ),
        *[
            ("send_email", {"template_id": "t", "late": late}, code, f"/late{path}")
            for late, code, path in (
                (None, "wrong_type", ""),
                ({}, "missing_field", "/then"),
                ({"then": "later"}, "bad_enum", "/then"),
                ({"then": "skip"}, "missing_field", "/after"),
                ({"then": "skip", "after": 3}, "wrong_type", "/after"),
                ({"then": "skip", "after": {"duration_hours": 0}}, "out_of_range", "/after"),
                ({"then": "skip", "after": {"duration_hours": -1}}, "out_of_range", "/after/duration_hours"),
                ({"then": "skip", "after": HOURLY, "window": OPEN}, "conflicting_fields", "/window"),
                ({"then": "skip", "after": HOURLY, "more": 1}, "unknown_field", "/more"),
                ({"then": "next_window", "after": HOURLY}, "missing_field", "/window"),
                ({"then": "next_window", "after": HOURLY, "window": {"from": "09:00"}}, "missing_field", "/window/to"),
                ({"then": "next_window", "window": OPEN}, "missing_field", "/after"),
                (
                    {"then": "next_window", "after": HOURLY, "window": OPEN | {"to": "09:00"}},
                    "out_of_range",
                    "/window/to",
                ),
                ({"then": "send_now", "after": HOURLY}, "conflicting_fields", "/after"),
                ({"then": "send_now", "window": OPEN}, "conflicting_fields", "/window"),
            )
        ],
        ("webhook", {"url": "http://a.com", "delivery": True}, "wrong_type", "/delivery"),
        ("webhook", {"url": None}, "wrong_type", "/url"),
        ("webhook", {"url": "https://a.com", "method": "post"}, "bad_enum", "/method"),
        ("webhook", {"url": "https://a.com", "method": "TRACE"}, "bad_enum", "/method"),
        ("webhook", {"url": "https://a.com", "headers": {"a b": "c"}}, "bad_text", "/headers/a b"),
        ("webhook", {"url": "https://a.com", "headers": {"": "c"}}, "bad_text", "/headers/"),
        ("webhook", {"url": "https://a.com", "headers": {"A": "b\r\nC: d"}}, "bad_text", "/headers/A"),
        ("webhook", {"url": "https://a.com", "headers": {"A": 1}}, "wrong_type", "/headers/A"),
        ("webhook", {"url": "https://a.com", "headers": [["A", "b"]]}, "wrong_type", "/headers"),
        ("webhook", {"url": "https://a.com", "body": "x"}, "wrong_type", "/body"),
    ],
)
def test_a_known_parameter_that_is_wrong_is_refused(action_type, parameters, code, path):
    assert refusals(lambda: load(document(action_type, parameters))) == [(code, PLACE + path)]


@pytest.mark.parametrize(
    "url",
    [
        "",
        "example.com/hook",
        "//example.com/hook",
        "ftp://example.com/hook",
        "file:///etc/passwd",
        "javascript:alert(1)",
        "https://",
        "https:///path",
        "https:example.com",
        "https://user:secret@example.com/",
        "https://user@example.com/",
        "https://example.com/a b",
        "https://example.com/\n",
        " https://example.com/",
        "https://example.com\\@evil.com/",
        "https://exa\u00a0mple.com/",
        "https://[::1/",
        "https://example.com:port/",
        "https://example.com:70000/",
        "https://{{ host }}/",
        "https://{{ host }}.example.com/",
        "https://example.com{{ suffix }}",
        "https://example.com{{ suffix }}/path",
        "{{ url }}",
        "{{ scheme }}://example.com/",
        "https://example.com/{{ unclosed",
        "https://example.com/" + "x" * 8_192,
        pytest.param("https://example.com/" + MEBIBYTE_OF_BRACES, id="a mebibyte of braces"),
    ],
)
def test_a_url_that_no_webhook_may_have_is_refused(url):
    assert refusals(lambda: load(document("webhook", {"url": url}))) == [("bad_url", f"{PLACE}/url")]


@pytest.mark.parametrize(
    "url",
    [
        "http://example.com",
        "HTTPS://EXAMPLE.com/",
        "https://example.com:8443/a?b=c&d=%20#e",
        "https://127.0.0.1/",
        "https://[::1]:80/",
        "https://bücher.example/",
        "https://example.com/{{ subscriber.id }}/x?name={{ name | default('x') }}",
        "https://example.com?x={{ y }}",
    ],
)
def test_a_url_may_hold_templates_in_its_path_and_query(url):
    assert loaded("webhook", url=url).url == url


@pytest.mark.parametrize("action_type", PARAMETERS)
def test_parameters_are_an_object(action_type):
    for wrong in ([], "x", 1, None):
        broken = put(document(action_type, {}), PLACE, wrong)
        assert refusals(lambda broken=broken: load(broken)) == [("wrong_type", PLACE)]
    assert refusals(lambda: load(without(document(action_type, {}), PLACE))) == [("missing_field", PLACE)]


def test_of_an_unknown_action_the_parameters_are_not_judged():
    broken = put(document("wait", {}), "/nodes/start/actions/0/action_type", "fly")
    assert refusals(lambda: load(broken)) == [("bad_enum", "/nodes/start/actions/0/action_type")]


# ------------------------------------------------------------------------------------------------------------
# Branches and exits


@pytest.mark.parametrize("action_type", ["branch", "split", "exit", "wait_for_event"])
@pytest.mark.parametrize("name", ["success_path", "failure_path"])
def test_what_steers_the_run_takes_no_path(action_type, name):
    broken = workflow(node("start", action(action_type, **{name: "end"})))
    assert refusals(lambda: load(broken)) == [("conflicting_fields", f"/nodes/start/actions/0/{name}")]
    assert load(workflow(node("start", action(action_type, **{name: None}))))


def test_all_that_is_wrong_with_a_branch_is_told_at_once():
    cases = [{"label": "a"}, {"label": "a", "when": {"x": 1}}, 7]
    assert refusals(lambda: load(document("branch", {"cases": cases, "otherwise": 1}))) == [
        ("missing_field", f"{PLACE}/cases/0/when"),
        ("duplicate_id", f"{PLACE}/cases/1/label"),
        ("unknown_field", f"{PLACE}/cases/1/when/x"),
        ("wrong_type", f"{PLACE}/cases/2"),
        ("wrong_type", f"{PLACE}/otherwise"),
    ]


def test_a_branch_has_as_many_cases_as_a_node_may_have_actions():
    cases = [{"label": f"c{number}", "when": {}} for number in range(3)]
    few = Limits(actions=2)
    made = document("branch", {"cases": cases, "otherwise": "x"})
    assert refusals(lambda: load(made, limits=few)) == [("too_long", f"{PLACE}/cases")]
    assert load(put(made, f"{PLACE}/cases", cases[:2]), limits=few)


def test_the_order_of_cases_is_kept():
    cases = [{"label": label, "when": {}} for label in ("z", "a", "m")]
    found = loaded("branch", cases=cases, otherwise="b")
    assert found.labels == ("z", "a", "m", "b")
    assert dump(load(document("branch", {"cases": cases, "otherwise": "b"})))["nodes"]["start"]["actions"][0][
        "parameters"
    ] == {"cases": cases, "otherwise": "b"}


def test_a_branch_made_in_python_is_held_to_the_same_rules():
    made = load(workflow(node("start", action())))

    def with_branch(branch):
        return evolve(made, nodes=[Node("start", "Start", actions=[Action("fork", branch)])])

    good = with_branch(Branch([Case("a", EventIs(("x",)))], otherwise="b"))
    assert validate(good) == good
    assert load(dumps(good)) == good
    twice = with_branch(Branch([Case("a", ALWAYS)], otherwise="a"))
    assert refusals(lambda: validate(twice)) == [("duplicate_id", f"{PLACE}/otherwise")]
    reserved = with_branch(Branch([Case("a", ALWAYS)], otherwise="b", parameters={"cases": []}))
    assert refusals(lambda: validate(reserved)) == [("reserved_field", f"{PLACE}/cases")]
    with pytest.raises(DocumentError, match="wrong_type"):
        validate(with_branch(Branch([Case("a", "plan")], otherwise="b")))
    deep = ALWAYS
    for _ in range(5_000):
        deep = Not(deep)
    assert refusals(lambda: validate(with_branch(Branch([Case("a", deep)], otherwise="b")))) == [
        ("too_deep", f"{PLACE}/cases/0/when")
    ]


@pytest.mark.parametrize("action_type", ["send_email", "send"])
def test_an_e_mail_has_one_spelling_whatever_it_was_read_from(action_type):
    made = load(document(action_type, {"template_id": "t", "channel": "email"}))
    assert made.nodes["start"].actions[0].do == SendEmail("t")
    written = dump(made)["nodes"]["start"]["actions"][0]
    assert (written["action_type"], "channel" in written["parameters"]) == ("send_email", False)


@pytest.mark.parametrize("channel", ["email", "sms"])
def test_the_channel_is_no_free_parameter(channel):
    sends = SendEmail("t", channel=channel, parameters={"channel": "push"})
    made = load(workflow(node("start", action())))
    made = evolve(made, nodes=[Node("start", "Start", actions=[Action("send", sends)])])
    assert refusals(lambda: dump(made)) == [("reserved_field", f"{PLACE}/channel")]


# ------------------------------------------------------------------------------------------------------------
# Splits, and what leads to other workflows


def test_all_that_is_wrong_with_a_split_is_told_at_once():
    ways = [{"label": "a", "weight": -1}, {"label": "a", "weight": 0}, 7]
    assert refusals(lambda: load(document("split", {"ways": ways, "split_id": 1}))) == [
        ("out_of_range", f"{PLACE}/ways/0/weight"),
        ("duplicate_id", f"{PLACE}/ways/1/label"),
        ("wrong_type", f"{PLACE}/ways/2"),
        ("wrong_type", f"{PLACE}/split_id"),
    ]


def test_a_split_without_weight_is_told_of_beside_what_is_wrong_elsewhere():
    broken = put(document("split", {"ways": [W | {"weight": 0}]}), "/name", 7)
    assert refusals(lambda: load(broken)) == [("wrong_type", "/name"), ("no_weight", f"{PLACE}/ways")]


def test_a_split_has_as_many_ways_as_a_node_may_have_actions():
    ways = [{"label": f"w{number}", "weight": 1} for number in range(3)]
    made = document("split", {"ways": ways})
    assert refusals(lambda: load(made, limits=Limits(actions=2))) == [("too_long", f"{PLACE}/ways")]
    assert load(put(made, f"{PLACE}/ways", ways[:2]), limits=Limits(actions=2))


@pytest.mark.parametrize(
    ("operation", "refused"),
    [
        (Split(()), ("too_short", "/ways")),
        (Split([Way("a", 0)]), ("no_weight", "/ways")),
        (Split([Way("a", 1)], parameters={"ways": []}), ("reserved_field", "/ways")),
        (EmitEvent("e", properties={"id": "1"}), ("reserved_field", "/event/id")),
        (EmitEvent("e", properties={"type": "f"}), ("reserved_field", "/event/type")),
        (EmitEvent("e", parameters={"event": 1}), ("reserved_field", "/event")),
        (StartWorkflow("", properties={}), ("bad_id", "/workflow_id")),
    ],
)
def test_what_was_made_in_python_is_held_to_the_same_rules(operation, refused):
    made = load(workflow(node("start", action())))
    broken = evolve(made, nodes=[Node("start", "Start", actions=[Action("act", operation)])])
    assert refusals(lambda: validate(broken)) == [(refused[0], f"{PLACE}{refused[1]}")]


@pytest.mark.parametrize(
    ("kind", "parameters", "path", "message"),
    [
        ("send_email", {"templateId": "hello"}, "/template_id", 'is required; is "templateId" meant?'),
        ("custom", {"nmae": "crm"}, "/name", 'is required; is "nmae" meant?'),
        ("wait", {"duration_hour": 3}, "", 'is "duration_hour" meant?'),
    ],
)
def test_what_may_be_meant_for_a_field_that_is_missing_is_told(kind, parameters, path, message):
    with pytest.raises(DocumentError) as caught:
        load(workflow(node("start", action(kind, parameters=parameters))))
    [problem] = caught.value.problems
    assert problem.path == f"/nodes/start/actions/0/parameters{path}"
    assert problem.message.endswith(message)
