"""Waits by the clock as documents, as values, in the lint and in pictures."""

import re
from datetime import UTC, time, timedelta

import pytest
from attrs import evolve
from hypothesis import given

from flowkit.conditions import EventIs
from flowkit.errors import DocumentError
from flowkit.runs.program import compile_workflow, edges
from flowkit.triggers.calendar import Offset, Unit, Weekday
from flowkit.triggers.model import Trigger
from flowkit.triggers.windows import Window
from flowkit.workflows.check import check, errors
from flowkit.workflows.codec import dump, dumps, load, validate
from flowkit.workflows.diff import diff
from flowkit.workflows.documents.waits import dump_wait
from flowkit.workflows.model import END, Action, Node, UpdateSegments, Wait, WaitUntil, Workflow
from flowkit.workflows.pictures.drawing import draw
from flowkit.workflows.pictures.words import action_line
from flowkit.workflows.waits import CalendarDays, GoTo, Instead, LocalTime, PreferredTime, ProfileDate, takes_time
from tests.support.refusals import refusals
from tests.support.strategies import waits_by_the_clock
from tests.support.workflow_documents import action, node, workflow

PLACE = "/nodes/start/actions/0/parameters"
NINE = time(9)
MONDAYS = (Weekday.MON,)


def document(parameters, **fields):
    return workflow(node("start", action("wait", parameters=parameters)), node("other"), **fields)


def loaded(**parameters):
    return load(document(parameters)).nodes["start"].actions[0].do


RENEWAL = {"path": "renewal", "offset": "-7d", "at": "09:00", "on_missing": "exit", "on_past": {"path": "other"}}
DOCUMENTS = [
    ({"calendar_days": 0}, CalendarDays(0)),
    ({"calendar_days": 1}, CalendarDays(1)),
    ({"calendar_days": 36_525, "at": "15:00"}, CalendarDays(36_525, at=time(15))),
    ({"until": {"at": "00:00"}}, LocalTime(time(0))),
    ({"until": {"at": "09:00", "weekdays": ["mon", "thu"]}}, LocalTime(NINE, on=(Weekday.MON, Weekday.THU))),
    ({"window": {"from": "22:00", "to": "06:00"}}, Window(opens_at=time(22), closes_at=time(6))),
    (
        {"window": {"from": "00:00", "to": "23:59", "weekdays": ["mon"]}},
        Window(opens_at=time(0), closes_at=time(23, 59), on=MONDAYS),
    ),
    ({"profile_date": {"path": "plan.renewal"}}, ProfileDate("plan.renewal")),
    ({"profile_date": {"path": "renewal", "offset": "+1mo"}}, ProfileDate("renewal", offset=Offset(1, Unit.MONTH))),
    (
        {"profile_date": RENEWAL},
        ProfileDate("renewal", offset=Offset(-7), at=NINE, on_missing=Instead.EXIT, on_past=GoTo("other")),
    ),
    ({"profile_date": {"path": "r", "on_past": {"path": "end"}}}, ProfileDate("r", on_past=GoTo(END))),
    (
        {"preferred_time": {"path": "preferred_hour", "fallback": "10:00"}},
        PreferredTime("preferred_hour", fallback=time(10)),
    ),
]


@pytest.mark.parametrize(("parameters", "rule"), DOCUMENTS)
def test_a_wait_is_read_and_written(parameters, rule):
    assert loaded(**parameters) == WaitUntil(rule)
    assert dump_wait(rule) == parameters
    assert loaded(**parameters, note=1) == WaitUntil(rule, parameters={"note": 1})
    written = dump(load(document(parameters | {"note": 1})))["nodes"]["start"]["actions"][0]
    assert (written["action_type"], written["parameters"]) == ("wait", parameters | {"note": 1})


def test_what_is_said_in_full_reads_as_what_is_left_out():
    full = {"path": "renewal", "offset": "+0d", "on_missing": "proceed", "on_past": "proceed"}
    assert loaded(profile_date=full) == WaitUntil(ProfileDate("renewal"))
    assert loaded(until={"at": "09:00", "weekdays": ["thu", "mon", "mon"]}) == WaitUntil(
        LocalTime(NINE, on=(Weekday.MON, Weekday.THU))
    )


@given(waits_by_the_clock(*Instead, GoTo(END)))
def test_every_wait_is_read_as_it_was_written(wait):
    nodes = [Node(name, name, actions=[Action("a", wait)]) for name in ("start", "other")]
    written = Workflow("w", "W", trigger=Trigger("t", condition=EventIs(("signup",))), nodes=nodes)
    assert load(dumps(written)) == validate(written) == written


@pytest.mark.parametrize(
    ("parameters", "problems"),
    [
        ({"calendar_days": 1, "duration_days": 1}, [("conflicting_fields", "")]),
        ({"until": {"at": "09:00"}, "window": {"from": "22:00", "to": "06:00"}}, [("conflicting_fields", "")]),
        ({"at": "09:00"}, [("missing_field", "")]),
        ({"duration_days": 1, "at": "09:00"}, [("conflicting_fields", "/at")]),
        ({"until": {"at": "09:00"}, "at": "09:00"}, [("conflicting_fields", "/at")]),
        ({"calendar_days": -1}, [("out_of_range", "/calendar_days")]),
        ({"calendar_days": 36_526}, [("out_of_range", "/calendar_days")]),
        *[({"calendar_days": value}, [("wrong_type", "/calendar_days")]) for value in (1.0, "1", True, None, [1])],
        ({"calendar_days": 1, "at": "9:00"}, [("bad_time", "/at")]),
        ({"calendar_days": 1, "at": "24:00"}, [("bad_time", "/at")]),
        ({"calendar_days": 1, "at": None}, [("wrong_type", "/at")]),
        ({"until": "09:00"}, [("wrong_type", "/until")]),
        ({"until": None}, [("wrong_type", "/until")]),
        ({"until": {}}, [("missing_field", "/until/at")]),
        ({"until": {"at": "09:00:30"}}, [("bad_time", "/until/at")]),
        ({"until": {"at": 9}}, [("wrong_type", "/until/at")]),
        ({"until": {"at": "09:00", "weekdays": []}}, [("too_short", "/until/weekdays")]),
        (
            {"until": {"at": "09:00", "weekdays": ["monday", 1, "tue"]}},
            [("bad_enum", "/until/weekdays/0"), ("bad_enum", "/until/weekdays/1")],
        ),
        ({"until": {"at": "09:00", "weekdays": "mon"}}, [("wrong_type", "/until/weekdays")]),
        ({"until": {"at": "09:00", "on": ["mon"]}}, [("unknown_field", "/until/on")]),
        ({"window": {"from": "22:00"}}, [("missing_field", "/window/to")]),
        ({"window": {"from": "22:00", "to": "22:00"}}, [("out_of_range", "/window/to")]),
        ({"window": {"from": "x", "to": "x"}}, [("bad_time", "/window/from"), ("bad_time", "/window/to")]),
        (
            {"window": {"opens_at": "22:00", "closes_at": "06:00"}},
            [
                ("missing_field", "/window/from"),
                ("missing_field", "/window/to"),
                ("unknown_field", "/window/opens_at"),
                ("unknown_field", "/window/closes_at"),
            ],
        ),
        ({"profile_date": {"offset": "-7d"}}, [("missing_field", "/profile_date/path")]),
        ({"profile_date": {"path": ""}}, [("bad_id", "/profile_date/path")]),
        ({"profile_date": {"path": "r", "offset": "7 days"}}, [("bad_offset", "/profile_date/offset")]),
        ({"profile_date": {"path": "r", "offset": "-101y"}}, [("out_of_range", "/profile_date/offset")]),
        ({"profile_date": {"path": "r", "at": "noon"}}, [("bad_time", "/profile_date/at")]),
        ({"profile_date": {"path": "r", "on_missing": "stop"}}, [("bad_enum", "/profile_date/on_missing")]),
        ({"profile_date": {"path": "r", "on_past": None}}, [("wrong_type", "/profile_date/on_past")]),
        ({"profile_date": {"path": "r", "on_past": {}}}, [("missing_field", "/profile_date/on_past/path")]),
        (
            {"profile_date": {"path": "r", "on_past": {"path": "other", "node": "x"}}},
            [("unknown_field", "/profile_date/on_past/node")],
        ),
        (
            {"profile_date": {"path": "r", "on_missing": {"path": "othr"}}},
            [("unknown_target", "/profile_date/on_missing/path")],
        ),
        ({"profile_date": {"path": "r", "repeat": "year"}}, [("unknown_field", "/profile_date/repeat")]),
        ({"preferred_time": {"path": "h"}}, [("missing_field", "/preferred_time/fallback")]),
        ({"preferred_time": {"path": "h", "fallback": 10}}, [("wrong_type", "/preferred_time/fallback")]),
        ({"preferred_time": {"fallback": "10:00"}}, [("missing_field", "/preferred_time/path")]),
    ],
)
def test_what_is_wrong_is_named_with_its_place(parameters, problems):
    assert refusals(lambda: load(document(parameters))) == [(code, PLACE + path) for code, path in problems]


def test_a_message_says_what_to_do():
    with pytest.raises(DocumentError, match=re.escape('write "until": {"at": "09:00"}')):
        loaded(duration_days=1, at="09:00")
    with pytest.raises(DocumentError, match=re.escape('did you mean "exit"?; for a node write {"path": "its id"}')):
        loaded(profile_date={"path": "r", "on_past": "exti"})


@pytest.mark.parametrize(
    ("make", "problems"),
    [
        (lambda: CalendarDays(-1), [("out_of_range", "/calendar_days")]),
        (lambda: CalendarDays(36_526, at=time(9, 0, 1)), [("out_of_range", "/calendar_days"), ("bad_time", "/at")]),
        (lambda: LocalTime(time(9, tzinfo=UTC)), [("bad_time", "/until/at")]),
        (
            lambda: ProfileDate("", at=time(9, 0, 0, 1)),
            [("bad_id", "/profile_date/path"), ("bad_time", "/profile_date/at")],
        ),
        (
            lambda: PreferredTime("\n", fallback=time(9, 0, 1)),
            [("bad_id", "/preferred_time/path"), ("bad_time", "/preferred_time/fallback")],
        ),
    ],
)
def test_a_value_that_is_none_is_refused_when_it_is_made(make, problems):
    assert refusals(make) == problems


@pytest.mark.parametrize("name", ["at", "until", "calendar_days", "duration_hours"])
@pytest.mark.parametrize("do", [Wait, lambda _, **more: WaitUntil(LocalTime(NINE), **more)])
def test_the_open_bag_holds_no_name_of_a_known_parameter(name, do):
    written = graph(step("start", do(timedelta(1), parameters={name: 1})))
    assert refusals(lambda: dump(written)) == [("reserved_field", f"{PLACE}/{name}")]


# ------------------------------------------------------------------------------------------------------------
# The zone of the workflow


def test_the_zone_of_a_workflow_is_utc_unless_it_says_otherwise():
    plain = load(document({"calendar_days": 1}))
    assert plain.timezone == "UTC"
    assert load(document({"calendar_days": 1}, timezone="UTC")) == plain
    assert "timezone" not in dump(plain), "what was published without one keeps its content hash"
    tokyo = load(document({"calendar_days": 1}, timezone="Asia/Tokyo"))
    assert (tokyo.timezone, dump(tokyo)["timezone"]) == ("Asia/Tokyo", "Asia/Tokyo")
    assert load(dumps(tokyo)) == tokyo


@pytest.mark.parametrize(
    ("value", "code"),
    [("Europe/Berln", "unknown_zone"), ("", "unknown_zone"), ("subscriber", "unknown_zone"), (1, "wrong_type")],
)
def test_an_unknown_zone_is_refused(value, code):
    assert refusals(lambda: load(document({"calendar_days": 1}, timezone=value))) == [(code, "/timezone")]


# ------------------------------------------------------------------------------------------------------------
# Loops: a wait that may be over at once interrupts none


def step(name, *operations, **next_nodes):
    actions = [one if isinstance(one, Action) else Action(f"a{index}", one) for index, one in enumerate(operations)]
    return Node(name, name, actions=actions, next_nodes=next_nodes)


def graph(*nodes):
    trigger = Trigger("t", condition=EventIs(("signup",)))
    return Workflow("w", "W", trigger=trigger, nodes=list(nodes), entry_node=nodes[0].node_id)


def until(rule, name="wait", **fields):
    return Action(name, WaitUntil(rule), **fields)


DEFAULT = "/nodes/a/next_nodes/default"
INSTEAD = "/nodes/a/actions/0/parameters/profile_date"


@pytest.mark.parametrize(
    ("rule", "interrupts"),
    [
        (CalendarDays(1), True),
        (CalendarDays(1, at=NINE), True),
        (CalendarDays(0), False),
        (CalendarDays(0, at=NINE), False),
        (LocalTime(NINE), False),
        (LocalTime(NINE, on=MONDAYS), False),
        (Window(opens_at=NINE, closes_at=time(17)), False),
        (ProfileDate("renewal", offset=Offset(7)), False),
        (PreferredTime("hour", fallback=NINE), False),
    ],
)
def test_which_waits_interrupt_a_loop(rule, interrupts):
    assert takes_time(rule) is interrupts
    found = [(one.rule, one.path) for one in errors(graph(step("a", until(rule), default="a")))]
    assert found == ([] if interrupts else [("endless_loop", DEFAULT)])
    assert list(errors(graph(step("a", until(rule, delay=timedelta(minutes=1)), default="a")))) == []
    assert list(errors(graph(step("a", until(rule), until(CalendarDays(1), "day"), default="a")))) == []


def test_two_times_of_day_interrupt_none_either():
    """In a gap both may be at one instant: 02:00 moves on to 03:00."""
    twice = graph(step("a", until(LocalTime(time(2))), until(LocalTime(time(3)), "b"), default="a"))
    [finding] = errors(twice)
    assert finding.rule == "endless_loop"
    assert finding.message.endswith(
        "one until a time, a window or a date may be over at once, and calendar_days of 1 or more never is"
    )


def test_the_hint_is_given_only_where_there_is_such_a_wait():
    [finding] = errors(graph(step("a", UpdateSegments(), default="a")))
    assert finding.message.endswith("put a wait or a delay of more than 0 on it")


@pytest.mark.parametrize("name", ["on_missing", "on_past"])
def test_a_way_instead_of_a_wait_leaves_without_it(name):
    back = ProfileDate("renewal", **{name: GoTo("a")})
    assert [(one.rule, one.path) for one in errors(graph(step("a", until(back))))] == [
        ("endless_loop", f"{INSTEAD}/{name}/path")
    ]
    assert list(errors(graph(step("a", until(back, delay=timedelta(minutes=1)))))) == []
    assert list(errors(graph(step("a", Wait(timedelta(1)), until(back))))) == []
    # What stands behind it is never reached on that way.
    assert [one.path for one in errors(graph(step("a", until(back), until(CalendarDays(1), "day"))))] == [
        f"{INSTEAD}/{name}/path"
    ]


def test_a_way_instead_of_a_wait_leads_to_a_node():
    rule = ProfileDate("renewal", on_missing=GoTo("b"), on_past=GoTo(END))
    shown = graph(step("a", until(rule)), step("b"), step("c"))
    assert [(one.rule, one.path) for one in check(shown)] == [("unreachable_node", "/nodes/c")]
    assert list(edges(shown, shown.nodes["a"])) == ["b"]
    nowhere = graph(step("a", until(ProfileDate("renewal", on_past=GoTo("x")))))
    assert [(one.rule, one.path) for one in check(nowhere)] == [("unknown_target", f"{INSTEAD}/on_past/path")]


def test_visits_are_counted_on_loops_over_such_a_way():
    rule = ProfileDate("renewal", on_past=GoTo("a"))
    looped = graph(step("a", until(CalendarDays(1)), default="b"), step("b", until(rule)))
    assert compile_workflow(looped, 1).loops == {"a", "b"}


# ------------------------------------------------------------------------------------------------------------
# Pictures


@pytest.mark.parametrize(
    ("rule", "words"),
    [
        (CalendarDays(1), "Wait: 1 calendar day"),
        (CalendarDays(3, at=time(15)), "Wait: 3 calendar days at 15:00"),
        (LocalTime(NINE), "Wait: until 09:00"),
        (LocalTime(NINE, on=(Weekday.MON, Weekday.FRI)), "Wait: until 09:00 on Mon, Fri"),
        (Window(opens_at=time(22), closes_at=time(6)), "Wait: for 22:00 to 06:00"),
        (Window(opens_at=time(22), closes_at=time(6), on=MONDAYS), "Wait: for 22:00 to 06:00 on Mon"),
        (ProfileDate("renewal"), "Wait: until renewal"),
        (ProfileDate("renewal", offset=Offset(-7), at=NINE), "Wait: until 7 days before renewal at 09:00"),
        (ProfileDate("renewal", offset=Offset(1, Unit.MONTH)), "Wait: until 1 month after renewal"),
        (PreferredTime("preferred_hour", fallback=time(10)), "Wait: until the time in preferred_hour, else 10:00"),
    ],
)
def test_a_picture_says_for_what_is_waited(rule, words):
    assert action_line(Node("a", "A"), until(rule)).text == words


def test_a_picture_shows_the_ways_instead_of_a_wait():
    rule = ProfileDate("renewal", on_missing=GoTo("b"), on_past=GoTo(END))
    shown = graph(step("a", until(rule), default="b"), step("b"))
    picture = draw(shown, counts={}, edge_counts={}, path=())
    titles = [box.title for box in picture.boxes]
    assert [(titles[arrow.target], arrow.labels) for arrow in picture.arrows[1:]] == [
        ("b", ("on_missing", "default")),
        ("End", ("on_past",)),
    ]
    assert "on_missing" in shown.to_svg()
    assert "on_missing" in shown.to_mermaid()


# ------------------------------------------------------------------------------------------------------------
# The lint and differences


def rules_of(*nodes):
    return [(one.rule, one.path) for one in check(graph(*nodes))]


def test_no_day_on_is_no_wait():
    assert rules_of(step("a", until(CalendarDays(0)))) == [("wait_of_nothing", "/nodes/a/actions/0/parameters")]
    assert rules_of(step("a", until(CalendarDays(0, at=NINE)))) == []
    assert rules_of(step("a", until(CalendarDays(0), delay=timedelta(minutes=1)))) == []


@pytest.mark.parametrize(
    ("rule", "ends"),
    [
        (ProfileDate("renewal", on_missing=Instead.EXIT), True),
        (ProfileDate("renewal", on_past=Instead.EXIT), True),
        (ProfileDate("renewal", on_past=GoTo("b")), True),
        (ProfileDate("renewal", on_past=GoTo("a")), False),
        (ProfileDate("renewal"), False),
        (LocalTime(NINE), False),
    ],
)
def test_a_loop_that_a_wait_may_end_has_a_way_out(rule, ends):
    looped = step("a", Wait(timedelta(1)), until(rule), default="a")
    told = [one for one, _ in rules_of(looped, step("b", Wait(timedelta(1)))) if one == "loop_without_exit"]
    assert told == ([] if ends else ["loop_without_exit"])


def test_a_wait_has_no_outcome():
    action = until(LocalTime(NINE), success_path="b")
    assert ("path_never_taken", "/nodes/a/actions/0/success_path") in rules_of(step("a", action), step("b"))
    edged = step("a", until(LocalTime(NINE)), success="b")
    assert ("edge_never_taken", "/nodes/a/next_nodes/success") in rules_of(edged, step("b"))


def test_what_changed_of_a_wait_is_said_in_words():
    old = graph(step("a", until(LocalTime(NINE))))
    new = graph(step("a", until(CalendarDays(2, at=NINE))))
    assert diff(old, new).text == "a / wait: rule is 2 calendar days at 09:00 instead of until 09:00"
    assert diff(old, old).changes == ()
    moved = evolve(old, timezone="Asia/Tokyo")
    assert diff(old, moved).text == 'workflow: timezone is "Asia/Tokyo" instead of "UTC"'
    timed = graph(step("a", Action("wait", Wait(timedelta(1)))))
    assert diff(timed, new).text == "a / wait: waits 2 calendar days at 09:00 instead of waits 1 day"
