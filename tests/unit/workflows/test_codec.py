"""Workflows as documents: the seed's are read, nothing is lost, and everything wrong is told with its place."""

import json
import subprocess
import sys
from datetime import UTC, datetime, timedelta, timezone
from typing import get_args

import pytest
from attrs import evolve
from hypothesis import given
from hypothesis import strategies as st

from flowkit.conditions import ALWAYS, AllOf, AnyOf, Equals, EventHas, EventIs, Not, ValueAtLeast
from flowkit.documents import Limits
from flowkit.errors import DocumentError
from flowkit.triggers.model import Trigger, TriggerType
from flowkit.workflows.codec import SCHEMA, dump, dumps, load, validate
from flowkit.workflows.documents.parameters import ActionType
from flowkit.workflows.model import (
    Action,
    CheckEngagement,
    Node,
    Operation,
    SendEmail,
    UpdateSegments,
    Wait,
    WaitUntil,
    Workflow,
)
from tests.support.refusals import refusals
from tests.support.strategies import workflows
from tests.support.workflow_documents import PARAMETERS, action, golden, node, put, without, workflow

START = "/nodes/start"
ACTION = f"{START}/actions/0"


def send(action_id: str, template_id: str, subject: str) -> Action:
    return Action(action_id, SendEmail(template_id, subject=subject))


WELCOME = Workflow(
    "welcome_series_v2",
    "Welcome Series V2",
    trigger=Trigger(
        "new_subscriber_trigger",
        condition=AllOf((EventIs(("subscriber_signup",)), EventHas({"source": Equals("website")}))),
        priority=10,
        cooldown=timedelta(days=7),
    ),
    nodes=[
        Node(
            "start",
            "Welcome Email",
            actions=[send("send_welcome", "welcome_email_v2", "Welcome to our community!")],
            next_nodes={"default": "wait_3_days"},
        ),
        Node(
            "wait_3_days",
            "Wait 3 Days",
            actions=[Action("wait_3_days", Wait(timedelta(days=3)))],
            next_nodes={"default": "check_engagement"},
        ),
        Node(
            "check_engagement",
            "Check Engagement",
            actions=[Action("evaluate_engagement", CheckEngagement(("opens", "clicks")))],
            engagement_threshold={"opens": 1, "clicks": 0},
            next_nodes={"engaged": "send_tips_email", "not_engaged": "send_reengagement"},
        ),
        Node(
            "send_tips_email",
            "Send Tips Email",
            actions=[send("send_tips", "getting_started_tips", "Here are some tips to get started")],
            next_nodes={"default": "wait_5_days"},
        ),
        Node(
            "send_reengagement",
            "Send Re-engagement",
            actions=[send("send_reengagement", "reengagement_v1", "We missed you - here's what you're missing")],
            next_nodes={"default": "end"},
        ),
        Node(
            "wait_5_days",
            "Wait 5 Days",
            actions=[Action("wait_5_days", Wait(timedelta(days=5)))],
            next_nodes={"default": "send_product_demo"},
        ),
        Node(
            "send_product_demo",
            "Send Product Demo",
            actions=[send("send_demo", "product_demo_email", "See our product in action")],
            next_nodes={"default": "end"},
        ),
    ],
    created_at=datetime(2025, 8, 13, 9, 30, tzinfo=UTC),
)


# ------------------------------------------------------------------------------------------------------------
# What the seed stores


@pytest.mark.parametrize("name", ["welcome_series.json", "welcome_series.full.json"])
def test_the_welcome_series_is_the_one_made_in_python(name):
    document = golden(name)
    assert load(document) == WELCOME
    assert load(json.dumps(document)) == WELCOME
    assert load(json.dumps(document).encode()) == WELCOME


def test_dump_writes_the_seeds_document_and_what_it_forgets():
    full = golden("welcome_series.full.json")
    full["schema"] = SCHEMA
    full["trigger"]["on"] = "event"
    full["trigger"]["max_executions_total"] = None
    full["created_at"] += "+00:00"
    for one in full["nodes"].values():
        for each in one["actions"]:
            if each["action_type"] == "send_email":
                each["parameters"].setdefault("personalization", True)
    assert dump(WELCOME) == full
    # Equality takes 1 for true; the text does not.
    assert json.loads(dumps(WELCOME)) == full
    assert json.dumps(dump(WELCOME), sort_keys=True) == json.dumps(full, sort_keys=True)


def test_the_smallest_document_has_the_seeds_defaults():
    loaded = load(workflow(without(node(), "/actions")))
    assert loaded == Workflow(
        "w",
        "W",
        trigger=Trigger(
            "t",
            trigger_type=TriggerType.BEHAVIOR_BASED,
            condition=EventIs(("signup",)),
            priority=1,
            cooldown=timedelta(),
            max_executions=None,
            active=True,
        ),
        nodes={"start": Node("start", "Start", actions=(), condition=ALWAYS, next_nodes={})},
        entry_node="start",
        active=True,
        created_at=None,
    )


def test_a_bound_on_visits_may_be_null_and_is_written_where_there_is_one():
    assert load(workflow(node(max_visits=None))).nodes["start"].max_visits is None
    assert "max_visits" not in dump(load(workflow()))["nodes"]["start"]
    assert load(workflow(node(max_visits=1))).nodes["start"].max_visits == 1


def test_an_actions_defaults_are_the_seeds():
    loaded = load(workflow()).nodes["start"].actions
    assert loaded == (Action("act", SendEmail("hello"), delay=timedelta(), success_path=None, failure_path=None),)


# ------------------------------------------------------------------------------------------------------------
# Nothing is lost


@given(workflows())
def test_what_is_written_is_read_as_the_same(made):
    assert load(dump(made)) == made
    assert load(dumps(made)) == made
    assert validate(made) == made
    assert dumps(load(dumps(made))) == dumps(made)


@given(workflows(), st.randoms(use_true_random=False))
def test_equal_workflows_give_the_same_text(made, chance):
    names = list(made.nodes)
    chance.shuffle(names)
    shuffled = evolve(made, nodes={name: made.nodes[name] for name in names})
    assert shuffled == made
    assert dumps(shuffled) == dumps(made)


def test_the_text_is_compact_and_keeps_every_character():
    text = dumps(load(workflow(name="Größe \u2028 😀")))
    assert '"name":"Größe \u2028 😀"' in text
    assert ", " not in text
    assert json.loads(text)["name"] == "Größe \u2028 😀"


@pytest.mark.parametrize(
    ("path", "value"),
    [
        ("/trigger/max_executions", 3),
        ("/trigger/priority", -7),
        ("/trigger/cooldown_hours", 0.1),
        ("/trigger/cooldown_hours", 1 / 3_600_000_000),
        ("/trigger/cooldown_hours", 876_600),
        ("/trigger/active", False),
        ("/active", False),
        (f"{ACTION}/delay_minutes", 90),
        (f"{ACTION}/delay_minutes", 52_596_000),
        (f"{ACTION}/success_path", "end"),
        (f"{ACTION}/failure_path", "start2"),
        (f"{ACTION}/parameters/anything", {"at": ["all", None]}),
        (f"{START}/next_nodes", {"engaged": "start2", "default": "end"}),
        (f"{START}/conditions", {"engagement_threshold": {"opens": 1, "clicks": 0.5}, "min_value": 3}),
        (f"{START}/max_visits", 3),
        (f"{START}/max_visits", 2**63 - 1),
        ("/created_at", "2026-03-07T12:00:00.000001+00:00"),
    ],
)
def test_no_field_is_forgotten(path, value):
    document = put(workflow(node("start", action()), node("start2", action())), path, value)
    written = dump(load(document))
    for step in path.split("/")[1:]:
        written = written[int(step) if isinstance(written, list) else step]
    assert json.dumps(written) == json.dumps(value)


@pytest.mark.parametrize(
    ("text", "instant"),
    [
        ("2026-03-07T12:00:00", datetime(2026, 3, 7, 12, tzinfo=UTC)),
        ("2026-03-07 12:00:00.5", datetime(2026, 3, 7, 12, 0, 0, 500_000, tzinfo=UTC)),
        ("2026-03-07T12:00Z", datetime(2026, 3, 7, 12, tzinfo=UTC)),
        ("20260307T120000+0530", datetime(2026, 3, 7, 6, 30, tzinfo=UTC)),
        ("0001-01-01T00:00:00", datetime(1, 1, 1, tzinfo=UTC)),
        ("9999-12-31T23:59:59-00:00", datetime(9999, 12, 31, 23, 59, 59, tzinfo=UTC)),
        ("2026-W10-6T12:00:00Z", datetime(2026, 3, 7, 12, tzinfo=UTC)),
    ],
)
def test_an_instant_is_read_in_utc(text, instant):
    loaded = load(workflow(created_at=text)).created_at
    assert loaded == instant
    assert loaded.tzinfo is UTC


def test_a_duration_keeps_its_unit():
    for unit, length in [("seconds", 1), ("minutes", 60), ("hours", 3600), ("days", 86_400)]:
        document = workflow(node("start", action("wait", parameters={f"duration_{unit}": 1.5})))
        wait = load(document).nodes["start"].actions[0].do
        assert wait == Wait(timedelta(seconds=1.5 * length), unit=unit)
        assert dump(load(document))["nodes"]["start"]["actions"][0]["parameters"] == {f"duration_{unit}": 1.5}


def test_a_whole_number_of_units_is_written_as_an_integer():
    made = evolve(WELCOME, trigger=evolve(WELCOME.trigger, cooldown=timedelta(days=1)))
    assert repr(dump(made)["trigger"]["cooldown_hours"]) == "24"


@given(st.timedeltas(timedelta(), timedelta(days=36_525)), st.sampled_from(["seconds", "minutes", "hours", "days"]))
def test_every_microsecond_of_a_century_survives_every_unit(duration, unit):
    made = evolve(WELCOME, nodes=[Node("start", "Wait", actions=[Action("wait", Wait(duration, unit=unit))])])
    assert load(dumps(made)) == made


# ------------------------------------------------------------------------------------------------------------
# Everything wrong is told

WRONG = [
    # required fields
    *[(path, ..., "missing_field") for path in ("/workflow_id", "/name", "/trigger", "/nodes")],
    *[(f"/trigger/{name}", ..., "missing_field") for name in ("trigger_id", "trigger_type", "conditions")],
    *[(f"{START}/{name}", ..., "missing_field") for name in ("node_id", "name")],
    *[(f"{ACTION}/{name}", ..., "missing_field") for name in ("action_id", "action_type", "parameters")],
    # null only where the seed's type is Optional
    *[(path, None, "wrong_type") for path in ("/workflow_id", "/name", "/trigger", "/nodes", "/entry_node")],
    *[(path, None, "wrong_type") for path in ("/active", "/created_at", "/schema")],
    *[
        (f"/trigger/{name}", None, "wrong_type")
        for name in ("trigger_id", "trigger_type", "conditions", "priority", "cooldown_hours", "active", "on")
    ],
    *[(f"{START}/{name}", None, "wrong_type") for name in ("node_id", "name", "actions", "conditions", "next_nodes")],
    *[(f"{ACTION}/{name}", None, "wrong_type") for name in ("action_id", "action_type", "parameters", "delay_minutes")],
    (START, None, "wrong_type"),
    (ACTION, None, "wrong_type"),
    # nothing is coerced
    ("/workflow_id", 5, "wrong_type"),
    ("/name", ["W"], "wrong_type"),
    ("/active", "false", "wrong_type"),
    ("/active", 0, "wrong_type"),
    ("/created_at", 1_700_000_000, "wrong_type"),
    ("/nodes", [], "wrong_type"),
    ("/trigger", "t", "wrong_type"),
    ("/trigger/priority", 10.9, "wrong_type"),
    ("/trigger/priority", 10.0, "wrong_type"),
    ("/trigger/priority", True, "wrong_type"),
    ("/trigger/priority", "10", "wrong_type"),
    ("/trigger/cooldown_hours", "1", "wrong_type"),
    ("/trigger/cooldown_hours", False, "wrong_type"),
    ("/trigger/max_executions", True, "wrong_type"),
    ("/trigger/max_executions", 1.0, "wrong_type"),
    ("/trigger/conditions", [], "wrong_type"),
    (f"{START}/actions", {}, "wrong_type"),
    (f"{START}/actions", "ab", "wrong_type"),
    (f"{START}/next_nodes", [["default", "end"]], "wrong_type"),
    (f"{START}/next_nodes", {"default": None}, "wrong_type", f"{START}/next_nodes/default"),
    (f"{START}/next_nodes", {"default": ["end"]}, "wrong_type", f"{START}/next_nodes/default"),
    (f"{ACTION}/delay_minutes", 1.5, "wrong_type"),
    (f"{ACTION}/delay_minutes", True, "wrong_type"),
    (f"{ACTION}/success_path", 1, "wrong_type"),
    # unknown keys
    ("/trigers", {}, "unknown_field"),
    ("/trigger/max_execution", 1, "unknown_field"),
    (f"{START}/next", {}, "unknown_field"),
    (f"{START}/conditions", {"engagement_treshold": {}}, "unknown_field", f"{START}/conditions/engagement_treshold"),
    (f"{ACTION}/delay", 1, "unknown_field"),
    # words
    ("/trigger/trigger_type", "behaviour_based", "bad_enum"),
    ("/trigger/trigger_type", "BEHAVIOR_BASED", "bad_enum"),
    ("/trigger/on", "events", "bad_enum"),
    ("/trigger/on", "", "bad_enum"),
    (f"{ACTION}/action_type", "send_sms", "bad_enum"),
    # ranges
    ("/schema", 0, "out_of_range"),
    ("/schema", 2, "unsupported_schema"),
    ("/schema", "1", "wrong_type"),
    ("/schema", True, "wrong_type"),
    ("/schema", 1.0, "wrong_type"),
    ("/trigger/max_executions", 0, "out_of_range"),
    ("/trigger/max_executions", -1, "out_of_range"),
    ("/trigger/cooldown_hours", -0.001, "out_of_range"),
    ("/trigger/cooldown_hours", 876_600.01, "out_of_range"),
    (f"{ACTION}/delay_minutes", -1, "out_of_range"),
    (f"{ACTION}/delay_minutes", 52_596_001, "out_of_range"),
    ("/created_at", "0001-01-01T00:00:00+00:01", "out_of_range"),
    ("/created_at", "9999-12-31T23:59:59-00:01", "out_of_range"),
    *[
        ("/created_at", text, "bad_instant")
        for text in (
            "",
            "yesterday",
            "2026-03-07",
            "12:00:00",
            "2026-13-07T12:00:00",
            "2026-02-29T12:00:00",
            "2026-03-07T25:00:00",
            "2026-03-07T12:00:60",
            "2026-03-07x12:00:00",
            "2026-03-07T12:00:00 Europe/Berlin",
            "10000-01-01T00:00:00",
            "1700000000",
            "٢٠٢٦-03-07T12:00:00",
        )
    ],
    *[(f"{START}/max_visits", wrong, "out_of_range") for wrong in (0, -1, 2**63)],
    *[(f"{START}/max_visits", wrong, "wrong_type") for wrong in (1.0, "1", True, [])],
    (f"{START}/max_visit", 1, "unknown_field"),
    # ids
    *[
        (path, wrong, "bad_id")
        for path in ("/workflow_id", "/entry_node", "/trigger/trigger_id", f"{ACTION}/action_id")
        for wrong in ("", "x" * 256, "a\x00b", "a\u202eb", "a\u200bb", "a\u3164", "line\n")
    ],
    (f"{START}/node_id", "begin", "bad_id"),
    (f"{START}/node_id", "", "bad_id"),
    (f"{START}/next_nodes", {"": "end"}, "bad_id", f"{START}/next_nodes/"),
    (f"{ACTION}/success_path", "", "bad_id"),
    # sizes and targets
    ("/nodes", {}, "too_short"),
    ("/entry_node", "begin", "unknown_target"),
    (f"{START}/next_nodes", {"default": "End"}, "unknown_target", f"{START}/next_nodes/default"),
    (f"{ACTION}/success_path", "nowhere", "unknown_target"),
    (f"{ACTION}/failure_path", "nowhere", "unknown_target"),
    # conditions
    ("/trigger/conditions", {"event_typ": "a"}, "unknown_field", "/trigger/conditions/event_typ"),
    ("/trigger/conditions", {"min_value": "1"}, "wrong_type", "/trigger/conditions/min_value"),
    (f"{START}/conditions", {"event_type": ""}, "bad_id", f"{START}/conditions/event_type"),
    (f"{START}/conditions", {"engagement_threshold": None}, "wrong_type", f"{START}/conditions/engagement_threshold"),
    (
        f"{START}/conditions",
        {"engagement_threshold": {"opens": "1"}},
        "wrong_type",
        f"{START}/conditions/engagement_threshold/opens",
    ),
    (
        f"{START}/conditions",
        {"engagement_threshold": {"opens": True}},
        "wrong_type",
        f"{START}/conditions/engagement_threshold/opens",
    ),
]


@pytest.mark.parametrize("case", WRONG, ids=lambda case: f"{case[0]}={ascii(case[1])[:24]}-{len(str(case[1]))}")
def test_what_is_wrong_is_told_with_its_code_and_place(case):
    path, value, code, *rest = case
    document = without(workflow(), path) if value is ... else put(workflow(), path, value)
    expected = [(code, rest[0] if rest else path)]
    assert refusals(lambda: load(document)) == expected
    assert refusals(lambda: load(json.dumps(document))) == expected


@pytest.mark.parametrize("document", ["null", "[]", "2", '"x"', None, [], 1, object(), b"{}}", "{"])
def test_what_is_no_object_is_refused(document):
    ((code, path),) = refusals(lambda: load(document))
    assert code in {"wrong_type", "bad_json"}
    assert path == ""


def test_everything_wrong_is_told_at_once_and_nothing_that_only_follows():
    document = {
        "workflow_id": 5,
        "trigger": {
            "trigger_id": "t",
            "trigger_type": "x",
            "conditions": {"event_type": "", "x": 1},
            "priorty": 1,
        },
        "nodes": {
            "a": {
                "node_id": "b",
                "name": None,
                "actions": [
                    {"action_id": "one", "action_type": "wait", "parameters": {}, "success_path": 3},
                    {"action_id": "one", "action_type": "fly", "parameters": {"x": 1}},
                    [],
                ],
                "next_nodes": {"default": "a", "engaged": None, "other": "c"},
            },
            "b": 1,
        },
        "entry_node": "a",
    }
    here = "/nodes/a"
    assert refusals(lambda: load(document)) == [
        ("wrong_type", "/workflow_id"),
        ("missing_field", "/name"),
        ("bad_enum", "/trigger/trigger_type"),
        ("unknown_field", "/trigger/conditions/x"),
        ("bad_id", "/trigger/conditions/event_type"),
        ("unknown_field", "/trigger/priorty"),
        ("wrong_type", f"{here}/name"),
        ("missing_field", f"{here}/actions/0/parameters"),
        ("wrong_type", f"{here}/actions/0/success_path"),
        ("bad_enum", f"{here}/actions/1/action_type"),
        ("duplicate_id", f"{here}/actions/1/action_id"),
        ("wrong_type", f"{here}/actions/2"),
        ("wrong_type", f"{here}/next_nodes/engaged"),
        ("bad_id", f"{here}/node_id"),
        ("wrong_type", "/nodes/b"),
        ("unknown_target", f"{here}/next_nodes/other"),
    ]


@pytest.mark.parametrize(
    ("document", "guess"),
    [
        (workflow(entry_nod="start"), "entry_node"),
        (put(workflow(), "/trigger/cooldown_hour", 1), "cooldown_hours"),
        (put(workflow(), f"{ACTION}/sucess_path", "end"), "success_path"),
        (put(workflow(), f"{START}/conditions", {"engagement_treshold": {}}), "engagement_threshold"),
        (put(workflow(), f"{ACTION}/success_path", "strat"), "start"),
        (put(workflow(), "/trigger/trigger_type", "behavioral_based"), "behavior_based"),
    ],
)
def test_a_slip_is_answered_with_a_guess(document, guess):
    with pytest.raises(DocumentError, match=f'did you mean "{guess}"'):
        load(document)


def test_a_loop_that_nothing_interrupts_refuses_the_document():
    document = put(workflow(), f"{START}/next_nodes", {"default": "start"})
    assert refusals(lambda: load(document)) == [("endless_loop", f"{START}/next_nodes/default")]
    load(put(document, f"{ACTION}/delay_minutes", 1))


def test_a_node_may_be_called_end():
    document = workflow(node("start", action(), next_nodes={"default": "end"}), node("end", action(), next_nodes={}))
    assert set(load(document).nodes) == {"start", "end"}
    looping = put(document, "/nodes/end/next_nodes", {"default": "start"})
    assert refusals(lambda: load(looping)) == [("endless_loop", f"{START}/next_nodes/default")]


def test_actions_without_an_id_are_not_taken_for_one():
    nameless = [without(action(), "/action_id"), without(action(), "/action_id")]
    assert refusals(lambda: load(workflow(node("start", *nameless)))) == [
        ("missing_field", f"{START}/actions/{index}/action_id") for index in range(2)
    ]


def test_two_nodes_may_have_actions_of_one_id():
    read = load(workflow(node("start", action()), node("other", action())))
    [one], [other] = (read.nodes[name].actions for name in ("start", "other"))
    assert one.action_id == other.action_id


# ------------------------------------------------------------------------------------------------------------
# Schema


def test_of_a_newer_schema_nothing_else_is_judged():
    assert refusals(lambda: load({"schema": 2, "anything": 1})) == [("unsupported_schema", "/schema")]


# ------------------------------------------------------------------------------------------------------------
# Limits


def test_the_numbers_of_nodes_and_actions_are_bounded():
    limits = Limits(nodes=2, actions=2)
    two = [node(name, action("send_email", "1"), action("send_email", "2")) for name in ("start", "b")]
    load(workflow(*two), limits=limits)
    assert refusals(lambda: load(workflow(*two, node("c")), limits=limits)) == [("too_long", "/nodes")]
    three = put(workflow(*two), "/nodes/b/actions", [action("send_email", name) for name in "123"])
    assert refusals(lambda: load(three, limits=limits)) == [("too_long", "/nodes/b/actions")]


def test_the_default_numbers_are_those_that_are_promised():
    nodes = [node(f"n{number}") for number in range(10_000)]
    load(workflow(*nodes, entry_node="n0"))
    assert refusals(lambda: load(workflow(*nodes, node("more"), entry_node="n0"))) == [("too_long", "/nodes")]
    actions = [action("segment_update", str(number)) for number in range(1_000)]
    load(workflow(node("start", *actions)))
    more = workflow(node("start", *actions, action()))
    assert refusals(lambda: load(more)) == [("too_long", f"{START}/actions")]


def test_what_is_stored_as_an_integer_has_64_bits_whatever_is_read():
    limits = Limits(integer_bits=100)
    for value in (2**63 - 1, -(2**63)):
        load(put(workflow(), "/trigger/priority", value), limits=limits)
    for value in (2**63, -(2**63) - 1):
        wide = put(workflow(), "/trigger/priority", value)
        assert refusals(lambda wide=wide: load(wide, limits=limits)) == [("out_of_range", "/trigger/priority")]


def test_ids_and_durations_are_bounded_by_choice_too():
    limits = Limits(id_length=5, duration=timedelta(hours=72))
    load(workflow(node("start", action("wait"))), limits=limits)
    assert refusals(lambda: load(workflow(workflow_id="longer"), limits=limits)) == [("bad_id", "/workflow_id")]
    longer = workflow(node("start", action("wait", parameters={"duration_hours": 73})))
    assert refusals(lambda: load(longer, limits=limits)) == [("out_of_range", f"{ACTION}/parameters/duration_hours")]


# ------------------------------------------------------------------------------------------------------------
# Workflows that were made in Python


def made(*nodes: Node, **changes: object) -> Workflow:
    return evolve(WELCOME, **{"nodes": list(nodes) or [Node("start", "Start")]} | changes)


DEEP = ALWAYS
for _ in range(100_000):
    DEEP = Not(DEEP)


def doing(*actions: object) -> Workflow:
    return made(Node("start", "S", actions=actions))


def triggered(**fields: object) -> Workflow:
    return made(trigger=Trigger("t", **fields))


# what somebody did -> the workflow, and what validate says of it
MADE_WRONG = {
    "no entry": (made(Node("a", "A")), "unknown_target", "/entry_node"),
    "way to nowhere": (
        made(Node("start", "S", next_nodes={"x": "y"})),
        "unknown_target",
        f"{START}/next_nodes/x",
    ),
    "loop": (made(Node("start", "S", next_nodes={"x": "start"})), "endless_loop", f"{START}/next_nodes/x"),
    "no nodes": (made(nodes={}), "too_short", "/nodes"),
    "another key": (made(nodes={"start": Node("begin", "S")}), "bad_id", f"{START}/node_id"),
    "no id": (made(workflow_id=""), "bad_id", "/workflow_id"),
    "no name": (made(name=None), "wrong_type", "/name"),
    "a word for a flag": (made(active="yes"), "wrong_type", "/active"),
    "no offset": (made(created_at=datetime(2026, 1, 1)), "naive_datetime", "/created_at"),  # noqa: DTZ001
    "before year 1": (
        made(created_at=datetime(1, 1, 1, tzinfo=timezone(timedelta(hours=1)))),
        "out_of_range",
        "/created_at",
    ),
    "half a minute": (
        doing(Action("a", UpdateSegments(), delay=timedelta(seconds=30))),
        "wrong_type",
        f"{ACTION}/delay_minutes",
    ),
    "a wait into the past": (
        doing(Action("a", Wait(timedelta(-1)))),
        "out_of_range",
        f"{ACTION}/parameters/duration_hours",
    ),
    "a known parameter in the bag": (
        doing(Action("a", SendEmail("t", parameters={"subject": "x"}))),
        "reserved_field",
        f"{ACTION}/parameters/subject",
    ),
    "another unit in the bag": (
        doing(Action("a", Wait(timedelta(1), parameters={"duration_days": 1}))),
        "reserved_field",
        f"{ACTION}/parameters/duration_days",
    ),
    "a set in the bag": (
        doing(Action("a", SendEmail("t", parameters={"x": {1}}))),
        "wrong_type",
        f"{ACTION}/parameters/x",
    ),
    "hours for a timedelta": (doing(Action("a", Wait(72))), "wrong_type", ""),
    "None for an action": (doing(None), "wrong_type", ""),
    "None for what is done": (doing(Action("a", None)), "wrong_type", ""),
    "None for a trigger": (made(trigger=None), "wrong_type", ""),
    "any of nothing": (triggered(condition=AnyOf(())), "too_short", "/trigger/conditions/any"),
    "no types": (triggered(condition=EventIs(())), "too_short", "/trigger/conditions/event_type"),
    "no number": (
        triggered(condition=ValueAtLeast(float("nan"))),
        "out_of_range",
        "/trigger/conditions/min_value",
    ),
    "a deep condition": (triggered(condition=DEEP), "too_deep", "/trigger/conditions"),
    "a wide priority": (triggered(priority=2**63), "out_of_range", "/trigger/priority"),
    "never": (triggered(max_executions=0), "out_of_range", "/trigger/max_executions"),
}


@pytest.mark.parametrize("what", MADE_WRONG)
def test_a_workflow_made_in_python_is_held_to_the_same_rules(what):
    wrong, code, path = MADE_WRONG[what]
    assert refusals(lambda: validate(wrong)) == [(code, path)]


def test_a_key_that_cannot_be_seen_is_told_of_the_key_and_of_the_id():
    wrong = made(nodes={"st\tart": Node("start", "S")})
    assert refusals(lambda: validate(wrong)) == [
        ("bad_id", "/nodes/st\ufffdart"),
        ("bad_id", "/nodes/st\ufffdart/node_id"),
        ("unknown_target", "/entry_node"),
    ]


def test_validate_gives_the_form_that_is_stored():
    made_with_tuples = evolve(
        WELCOME,
        nodes=[Node("start", "S", actions=[Action("a", SendEmail("t", parameters={"x": (1, 2)}))])],
        created_at=datetime(2026, 3, 7, 12, tzinfo=timezone(timedelta(hours=2))),
    )
    normal = validate(made_with_tuples)
    assert normal.nodes["start"].actions[0].do.parameters == {"x": [1, 2]}
    assert normal.created_at.isoformat() == "2026-03-07T10:00:00+00:00"
    assert validate(normal) == normal


def test_two_nodes_of_one_id_are_not_taken_for_one():
    assert refusals(lambda: made(Node("start", "A"), Node("start", "B"))) == [("duplicate_id", START)]


def test_a_loaded_workflow_shares_nothing_with_the_object_it_came_from():
    document = workflow(node("start", action(parameters={"template_id": "t", "bag": [1]})))
    loaded = load(document)
    document["nodes"]["start"]["actions"][0]["parameters"]["bag"].append(2)
    document["nodes"].clear()
    assert loaded.nodes["start"].actions[0].do.parameters == {"bag": [1]}


def test_every_known_type_of_action_loads():
    nodes = [node(f"n{number}", action(name)) for number, name in enumerate(PARAMETERS)]
    loaded = load(workflow(*nodes, entry_node="n0"))
    # WaitUntil is spelled as a wait too, and an e-mail and any other message are one class.
    kinds = [kind for kind in get_args(Operation) if kind is not WaitUntil]
    assert list(dict.fromkeys(type(one.actions[0].do) for one in loaded.nodes.values())) == kinds
    assert list(PARAMETERS) == list(ActionType)


def test_reading_loads_no_heavy_module():
    code = (
        "import sys, flowkit.workflows.codec, flowkit.event_documents;"
        "print([name for name in ('cattrs', 'numpy', 'scipy', 'jinja2', 'asyncio') if name in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"


# ------------------------------------------------------------------------------------------------------------
# Detached actions


def test_a_detached_action_is_written_only_where_it_is_one():
    """What was published before keeps its content hash."""
    document = workflow(node("start", action(detached=True), action("webhook", "call", detached=False)))
    first, second = load(document).nodes["start"].actions
    assert (first.detached, second.detached) == (True, False)
    written = dump(load(document))["nodes"]["start"]["actions"]
    assert [one.get("detached", ...) for one in written] == [True, ...]


@pytest.mark.parametrize("kind", sorted(PARAMETERS))
def test_only_what_is_carried_out_can_be_detached(kind):
    document = workflow(node("start", action(kind, detached=True)))
    carried_out = {"send_email", "send", "segment_update", "personalization_update", "webhook", "custom"}
    if kind in {*carried_out, "emit_event", "start_workflow"}:
        assert load(document).nodes["start"].actions[0].detached
    else:
        assert ("conflicting_fields", f"{ACTION}/detached") in refusals(lambda: load(document))


@pytest.mark.parametrize("value", [1, "true", None, []])
def test_whether_an_action_is_detached_is_true_or_false(value):
    document = workflow(node("start", action(detached=value)))
    assert refusals(lambda: load(document)) == [("wrong_type", f"{ACTION}/detached")]
