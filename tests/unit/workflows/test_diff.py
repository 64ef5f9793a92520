"""Differences between two versions: which there are, how they are told, and where runs go on."""

from datetime import UTC, datetime, time, timedelta

import pytest
from attrs import evolve, fields

from flowkit.conditions import ALWAYS, Equals, EventIs, SubscriberHas
from flowkit.triggers.calendar import Unit
from flowkit.triggers.model import EntryPolicy, Reentry, Schedule, Trigger, TriggerType
from flowkit.triggers.rules import Every
from flowkit.triggers.windows import Window
from flowkit.workflows.control import Awaited, Branch, Case, Exit, LookBack, Split, WaitForEvent, Way
from flowkit.workflows.diff import Continuation, Diff, Fate, Place, diff
from flowkit.workflows.diff.changes import (
    ActionAdded,
    ActionRemoved,
    ActionReplaced,
    ActionsReordered,
    ConditionChanged,
    ContentChanged,
    DetachedChanged,
    EdgeChanged,
    NodeAdded,
    NodeRemoved,
    NodeRenamed,
    ParameterChanged,
    ThresholdChanged,
    TimeChanged,
    TimePart,
    TriggerChanged,
    WorkflowChanged,
)
from flowkit.workflows.goals import ExitCriterion, Goal, Holdout
from flowkit.workflows.links import EmitEvent, StartWorkflow
from flowkit.workflows.model import (
    Action,
    CallHandler,
    CallWebhook,
    CheckEngagement,
    MessageClass,
    Node,
    SendEmail,
    UpdateProfile,
    UpdateSegments,
    Wait,
    Workflow,
)
from flowkit.workflows.timing import Late, Quiet

HOUR, DAY = timedelta(hours=1), timedelta(days=1)
OFFICE = Window(opens_at=time(9), closes_at=time(17))
PRO = SubscriberHas({"plan": Equals("pro")})
SEND = Action("send", SendEmail("hello", subject="Hi"))
PAUSE = Action("pause", Wait(DAY))
MARK = Action("mark", UpdateSegments(add=("a",)))
CALL = Action("call", CallWebhook("https://example.com/a?key=1", headers={"X-Key": "s3cret"}, body={"a": 1}))
START = Node("start", "Start", actions=(SEND, PAUSE), next_nodes={"default": "look"})
LOOK = Node("look", "Look", actions=(Action("check", CheckEngagement()),), engagement_threshold={"opens": 1})
TRIGGER = Trigger("t", condition=EventIs(("signup",)))
OLD = Workflow("w", "W", trigger=TRIGGER, nodes=[START, LOOK])


def with_start(*actions: Action, **fields: object) -> Workflow:
    start = evolve(START, actions=actions or START.actions, **fields)
    return evolve(OLD, nodes=[start, LOOK])


def with_trigger(**fields: object) -> Workflow:
    return evolve(OLD, trigger=evolve(TRIGGER, **fields))


def by(action: Action, **fields: object) -> Action:
    return evolve(action, do=evolve(action.do, **fields))


CASES = [
    (
        evolve(
            OLD, exit_criteria=[ExitCriterion("bought", event=EventIs(("purchase",))), ExitCriterion("pro", when=PRO)]
        ),
        WorkflowChanged(
            name="exit_criteria",
            old=(),
            new=(ExitCriterion("bought", event=EventIs(("purchase",))), ExitCriterion("pro", when=PRO)),
        ),
        (
            'workflow: exit_criteria is bought on {"event_type": "purchase"}, '
            'pro if {"subscriber_properties": {"plan": "pro"}} instead of []'
        ),
    ),
    (
        evolve(OLD, goals=[Goal("buy", event=EventIs(("purchase",)), within=2 * DAY, exits=True)]),
        WorkflowChanged(
            name="goals", old=(), new=(Goal("buy", event=EventIs(("purchase",)), within=2 * DAY, exits=True),)
        ),
        'workflow: goals is buy on {"event_type": "purchase"} within 2 days, which ends the run instead of []',
    ),
    (
        evolve(OLD, holdout=Holdout(0.1, name="everywhere")),
        WorkflowChanged(name="holdout", old=None, new=Holdout(0.1, name="everywhere")),
        "workflow: holdout is a share of 0.1 by the name everywhere instead of none",
    ),
    (evolve(OLD, name="V"), WorkflowChanged(name="name", old="W", new="V"), 'workflow: name is "V" instead of "W"'),
    (
        evolve(OLD, created_at=datetime(2026, 3, 1, tzinfo=UTC)),
        WorkflowChanged(name="created_at", old=None, new=datetime(2026, 3, 1, tzinfo=UTC)),
        "workflow: created_at is 2026-03-01T00:00:00+00:00 instead of none",
    ),
    (
        with_trigger(cooldown=DAY),
        TriggerChanged(name="cooldown", old=timedelta(), new=DAY),
        "trigger: cooldown is 1 day instead of no time",
    ),
    (
        with_trigger(condition=ALWAYS),
        TriggerChanged(name="condition", old=EventIs(("signup",)), new=ALWAYS),
        'trigger: condition is nothing instead of {"event_type": "signup"}',
    ),
    (
        with_trigger(entry=EntryPolicy(reentry=Reentry.NEVER)),
        TriggerChanged(name="entry.reentry", old=Reentry.ALWAYS, new=Reentry.NEVER),
        'trigger: entry.reentry is "never" instead of "always"',
    ),
    (
        evolve(OLD, nodes=[START, LOOK, Node("last", "Last", actions=(MARK,))]),
        NodeAdded(Node("last", "Last", actions=(MARK,))),
        'last: added, "Last" with 1 action',
    ),
    (evolve(OLD, nodes=[START]), NodeRemoved(LOOK), 'look: removed, "Look" with 1 action'),
    (
        with_start(name="Begin"),
        NodeRenamed(node_id="start", old="Start", new="Begin"),
        'start: called "Begin" instead of "Start"',
    ),
    (
        with_start(SEND, MARK, PAUSE),
        ActionAdded(node_id="start", index=1, action=MARK),
        'start / mark: added as action 2, adds the segments ["a"] and removes []',
    ),
    (with_start(PAUSE), ActionRemoved(node_id="start", index=0, action=SEND), 'start / send: removed, sends "hello"'),
    (
        with_start(PAUSE, SEND),
        ActionsReordered(node_id="start", old=("send", "pause"), new=("pause", "send")),
        'start: in the order ["pause", "send"] instead of ["send", "pause"]',
    ),
    (
        with_start(SEND, evolve(PAUSE, do=MARK.do)),
        ActionReplaced(node_id="start", action_id="pause", old=PAUSE.do, new=MARK.do),
        'start / pause: adds the segments ["a"] and removes [] instead of waits 1 day',
    ),
    (
        with_start(SEND, evolve(PAUSE, do=CallHandler("score", parameters={"model": 1}))),
        ActionReplaced(
            node_id="start", action_id="pause", old=PAUSE.do, new=CallHandler("score", parameters={"model": 1})
        ),
        'start / pause: carries out "score" instead of waits 1 day',
    ),
    (
        with_start(by(SEND, personalization=False), PAUSE),
        ParameterChanged(node_id="start", action_id="send", name="personalization", old=True, new=False),
        "start / send: personalization is false instead of true",
    ),
    (
        with_start(by(SEND, message_class=MessageClass.TRANSACTIONAL), PAUSE),
        ParameterChanged(
            node_id="start",
            action_id="send",
            name="message_class",
            old=MessageClass.MARKETING,
            new=MessageClass.TRANSACTIONAL,
        ),
        'start / send: message_class is "transactional" instead of "marketing"',
    ),
    (
        with_start(by(SEND, expires_after=DAY), PAUSE),
        ParameterChanged(node_id="start", action_id="send", name="expires_after", old=None, new=DAY),
        "start / send: expires_after is 1 day instead of none",
    ),
    (
        with_start(by(SEND, late=Late(HOUR, window=OFFICE)), PAUSE),
        ParameterChanged(node_id="start", action_id="send", name="late", old=None, new=Late(HOUR, window=OFFICE)),
        "start / send: late is waits for 09:00 to 17:00 when more than 1 hour late instead of none",
    ),
    (
        with_start(by(SEND, late=Late(HOUR)), PAUSE),
        ParameterChanged(node_id="start", action_id="send", name="late", old=None, new=Late(HOUR)),
        "start / send: late is skipped when more than 1 hour late instead of none",
    ),
    (
        evolve(OLD, quiet_hours=OFFICE),
        WorkflowChanged(name="quiet_hours", old=None, new=OFFICE),
        "workflow: quiet_hours is for 09:00 to 17:00 instead of none",
    ),
    (
        evolve(OLD, quiet_hours=Quiet.NEVER),
        WorkflowChanged(name="quiet_hours", old=None, new=Quiet.NEVER),
        "workflow: quiet_hours is never instead of none",
    ),
    (
        with_start(by(SEND, parameters={"topic": "news"}), PAUSE),
        ParameterChanged(node_id="start", action_id="send", name="parameters", old={}, new={"topic": "news"}),
        'start / send: parameters has topic of "news"',
    ),
    (
        with_start(by(SEND, channel="sms"), PAUSE),
        ParameterChanged(node_id="start", action_id="send", name="channel", old="email", new="sms"),
        'start / send: channel is "sms" instead of "email"',
    ),
    (
        with_start(SEND, evolve(PAUSE, do=SendEmail("hello", channel="sms"))),
        ActionReplaced(node_id="start", action_id="pause", old=PAUSE.do, new=SendEmail("hello", channel="sms")),
        'start / pause: sends "hello" by sms instead of waits 1 day',
    ),
    (
        with_start(SEND, by(PAUSE, duration=3 * DAY)),
        TimeChanged(node_id="start", action_id="pause", part=TimePart.DURATION, old=DAY, new=3 * DAY),
        "start / pause: waits 3 days instead of 1 day, 2 days longer",
    ),
    (
        with_start(evolve(SEND, delay=HOUR), PAUSE),
        TimeChanged(node_id="start", action_id="send", part=TimePart.DELAY, old=timedelta(), new=HOUR),
        "start / send: is postponed by 1 hour instead of no time, 1 hour longer",
    ),
    (
        with_start(evolve(SEND, detached=True), PAUSE),
        DetachedChanged(node_id="start", action_id="send", old=False, new=True),
        "start / send: is detached, and the run goes on",
    ),
    (
        with_start(by(SEND, subject=None), PAUSE),
        ContentChanged(node_id="start", action_id="send", name="subject", old="Hi", new=None),
        'start / send: subject is none instead of "Hi"',
    ),
    (
        with_start(by(SEND, template_id="hey"), PAUSE),
        ContentChanged(node_id="start", action_id="send", name="template_id", old="hello", new="hey"),
        'start / send: template_id is "hey" instead of "hello"',
    ),
    (
        with_start(condition=PRO),
        ConditionChanged(node_id="start", old=ALWAYS, new=PRO),
        'start: asks {"subscriber_properties": {"plan": "pro"}} instead of nothing',
    ),
    (
        with_start(engagement_threshold={"opens": 2}),
        ThresholdChanged(node_id="start", name="opens", old=None, new=2),
        "start: asks for opens of at least 2",
    ),
    (
        with_start(next_nodes={}),
        EdgeChanged(node_id="start", label="default", old="look", new=None),
        "start: default leads nowhere any more; it led to look",
    ),
    (
        with_start(next_nodes={"default": "end"}),
        EdgeChanged(node_id="start", label="default", old="look", new="end"),
        "start: default leads to end instead of look",
    ),
    (
        with_start(evolve(SEND, failure_path="look"), PAUSE),
        EdgeChanged(node_id="start", action_id="send", label="failure_path", old=None, new="look"),
        "start / send: failure_path leads to look",
    ),
]


@pytest.mark.parametrize(("new", "change", "line"), CASES, ids=lambda value: value if isinstance(value, str) else "")
def test_a_change_is_found_and_told(new, change, line):
    found = diff(OLD, new)
    assert found.changes == (change,)
    assert found.text.splitlines()[0] == line
    assert str(found) == found.text


def test_every_kind_of_change_is_tested():
    kinds = {type(change) for _, change, _ in CASES}
    assert len(kinds) == 16


def test_nothing_of_a_node_or_an_action_is_passed_over():
    """Who gives one of them another attribute says here that its changes are found."""
    assert {one.name for one in fields(Node)} == {
        "node_id",
        "name",
        "actions",
        "engagement_threshold",
        "condition",
        "max_visits",
        "next_nodes",
    }
    assert {one.name for one in fields(Action)} == {
        "action_id",
        "do",
        "delay",
        "success_path",
        "failure_path",
        "detached",
    }


def test_nothing_is_different_from_itself():
    assert diff(OLD, OLD).changes == ()
    assert diff(OLD, OLD).text == "nothing changed"


def test_order_that_documents_do_not_keep_is_no_difference():
    turned = evolve(OLD, nodes=[LOOK, START])
    assert diff(OLD, turned).changes == ()
    one, other = {"a": 1, "b": 2}, {"b": 2, "a": 1}
    first, second = (with_start(Action("set", UpdateProfile(set=values))) for values in (one, other))
    assert diff(first, second).changes == ()


@pytest.mark.parametrize(("one", "other"), [(1, True), (1, 1.0), (0, False), ([1], [True]), ({"a": 1}, {"a": 1.0})])
def test_values_that_documents_spell_differently_differ(one, other):
    first, second = (with_start(Action("set", UpdateProfile(set={"x": value}))) for value in (one, other))
    assert [type(change) for change in diff(first, second).changes] == [ParameterChanged]


def test_changes_come_in_the_order_of_the_old_version_and_what_is_new_last():
    new = evolve(
        OLD,
        name="V",
        trigger=evolve(TRIGGER, priority=2),
        nodes=[Node("first", "F"), evolve(START, name="S", actions=())],
    )
    assert [type(change).__name__ for change in diff(OLD, new).changes] == [
        "WorkflowChanged",
        "TriggerChanged",
        "NodeRenamed",
        "ActionRemoved",
        "ActionRemoved",
        "NodeRemoved",
        "NodeAdded",
    ]


def test_a_shorter_wait_is_told_from_a_longer_one():
    (change,) = diff(OLD, with_start(SEND, by(PAUSE, duration=HOUR))).changes
    assert isinstance(change, TimeChanged)
    assert not change.is_longer
    assert diff(OLD, with_start(SEND, by(PAUSE, duration=HOUR))).text.endswith(
        "1 hour instead of 1 day, 23 hours shorter"
    )


def test_a_schedule_is_told_as_a_document_spells_it():
    trigger = Trigger("t", trigger_type=TriggerType.TIME_BASED, schedule=Schedule(Every(Unit.DAY, time(9))))
    timed = evolve(OLD, trigger=trigger)
    later = evolve(timed, trigger=evolve(trigger, schedule=Schedule(Every(Unit.DAY, time(10)), timezone="UTC")))
    assert diff(timed, later).text == (
        'trigger: schedule is {"every": {"at": "10:00", "unit": "day"}} in UTC, up to 6 hours late instead of '
        '{"every": {"at": "09:00", "unit": "day"}} in the zone of each subscriber, else UTC, up to 6 hours late'
    )


# ------------------------------------------------------------------------------------------------------------
# Secrets and hostile names


def test_no_secret_of_a_webhook_is_told():
    old = with_start(CALL)
    news = [
        by(CALL, headers={"X-Key": "0ther"}),
        by(CALL, headers={}),
        by(CALL, body={"a": "0ther", "b": "s3cret"}),
        by(CALL, url="https://example.com/a?key=0ther"),
        by(CALL, url="https://example.org/a?key=0ther"),
    ]
    texts = [diff(old, with_start(new)).text for new in news]
    assert texts == [
        "start / call: headers has another X-Key",
        "start / call: headers has no X-Key any more",
        "start / call: body has another a; body has b",
        "start / call: url has another path or query",
        "start / call: url is of example.org instead of example.com",
    ]
    assert diff(OLD, with_start(SEND, PAUSE, CALL)).text == "start / call: added as action 3, calls POST example.com"


def test_a_line_is_a_line_whatever_the_document_holds():
    long = with_start(name="x" * 1_000)
    assert len(diff(OLD, long).text) < 200
    broken = with_start(by(SEND, parameters={"a\nb": "c\x00d"}), PAUSE)
    assert diff(OLD, broken).text == 'start / send: parameters has a�b of "c\\u0000d"'


# ------------------------------------------------------------------------------------------------------------
# Runs that are under way


def continued(new: Workflow, old: Workflow = OLD) -> dict[tuple[str, str | None], tuple[Fate, Place | None]]:
    return {(one.old.node_id, one.old.action_id): (one.fate, one.new) for one in diff(old, new).continuations}


def test_places_that_are_still_there_are_kept():
    assert continued(with_start(PAUSE, SEND)) == {
        ("start", "send"): (Fate.KEPT, Place("start", "send")),
        ("start", "pause"): (Fate.KEPT, Place("start", "pause")),
        ("look", "check"): (Fate.KEPT, Place("look", "check")),
    }


def test_an_action_that_came_into_another_node_takes_its_runs_along():
    new = evolve(OLD, nodes=[evolve(START, actions=(SEND,)), evolve(LOOK, actions=(PAUSE, *LOOK.actions))])
    found = diff(OLD, new)
    assert continued(new)["start", "pause"] == (Fate.MOVED, Place("look", "pause"))
    assert found.text.splitlines()[-1] == "runs at start / pause go on at look / pause"
    # Its node may be gone.
    assert continued(evolve(OLD, nodes=[evolve(LOOK, actions=(PAUSE, *LOOK.actions))]))["start", "pause"] == (
        Fate.MOVED,
        Place("look", "pause"),
    )


def test_an_action_of_the_same_id_that_was_elsewhere_before_is_another():
    both = evolve(OLD, nodes=[START, evolve(LOOK, actions=(PAUSE, *LOOK.actions))])
    assert continued(evolve(both, nodes=[both.nodes["look"]]), both)["start", "pause"] == (Fate.NEEDS_TARGET, None)


def test_an_action_that_came_into_two_nodes_moved_into_neither():
    two = [evolve(START, actions=(SEND,)), Node("a", "A", actions=(PAUSE,)), Node("b", "B", actions=(PAUSE,))]
    assert continued(evolve(OLD, nodes=two))["start", "pause"] == (Fate.PASSED_ON, Place("start"))


def test_an_action_that_left_two_nodes_is_followed_from_neither():
    two = evolve(OLD, nodes=[START, evolve(LOOK, actions=(PAUSE,)), Node("rest", "Rest")])
    new = evolve(OLD, nodes=[evolve(START, actions=(SEND,)), Node("rest", "Rest", actions=(PAUSE,))])
    assert continued(new, two)["look", "pause"] == (Fate.NEEDS_TARGET, None)
    assert continued(new, two)["start", "pause"] == (Fate.PASSED_ON, Place("start"))


def test_runs_at_an_action_that_is_gone_pass_on_in_its_node():
    assert continued(with_start(PAUSE))["start", "send"] == (Fate.PASSED_ON, Place("start", "pause"))
    assert continued(with_start(SEND))["start", "pause"] == (Fate.PASSED_ON, Place("start"))
    assert diff(OLD, with_start(SEND)).text.splitlines()[-1] == "runs at start / pause go on at the end of start"


def test_runs_at_a_node_that_is_gone_need_a_target():
    found = diff(OLD, evolve(OLD, nodes=[START]))
    assert found.needing_targets == (Place("look", "check"),)
    assert found.text.splitlines()[-1] == "runs at look / check need a target: the node is gone"


def test_a_node_without_actions_is_a_place_too():
    empty = evolve(OLD, nodes=[evolve(START, actions=()), LOOK])
    assert diff(empty, OLD).continuations[0] == Continuation(Place("start"), fate=Fate.KEPT, new=Place("start"))
    assert diff(empty, evolve(OLD, nodes=[LOOK])).needing_targets == (Place("start"),)


def test_a_diff_is_a_value():
    assert diff(OLD, with_start(SEND)) == diff(OLD, with_start(SEND))
    assert isinstance(diff(OLD, OLD), Diff)


@pytest.mark.parametrize(
    ("old", "new", "words"),
    [
        (
            Branch([Case("a", EventIs(("x",)))], otherwise="b"),
            Branch([Case("a", EventIs(("y",)))], otherwise="b"),
            'cases is a if {"event_type": "y"} instead of a if {"event_type": "x"}',
        ),
        (
            WaitForEvent([Awaited("a", EventIs(("x",)))], timeout=HOUR),
            WaitForEvent([Awaited("a", EventIs(("x",)))], timeout=DAY),
            "waits for at most 1 day instead of 1 hour, 23 hours longer",
        ),
        (
            WaitForEvent([Awaited("a", EventIs(("x",)))], timeout=HOUR),
            WaitForEvent([Awaited("a", EventIs(("x",)))], timeout=None),
            "timeout is none instead of 1 hour",
        ),
        (
            WaitForEvent([Awaited("a", EventIs(("x",)))], timeout=HOUR),
            WaitForEvent([Awaited("a", EventIs(("x",)))], timeout=HOUR, look_back=LookBack.ENTRY),
            "look_back is entry instead of last_send",
        ),
        (Exit("enough"), Exit("done"), 'reason is "done" instead of "enough"'),
        (
            Split([Way("a", 50), Way("b", 50)]),
            Split([Way("a", 90), Way("b", 0.5), Way("c", 0)]),
            "ways is a 90, b 0.5, c 0 instead of a 50, b 50",
        ),
        (Split([Way("a", 1)]), Split([Way("a", 1)], split_id="s"), 'split_id is "s" instead of none'),
        (Split([Way("a", 1)]), EmitEvent("e"), 'emits "e" instead of splits into a 1'),
        (EmitEvent("e"), EmitEvent("f"), 'event_type is "f" instead of "e"'),
        (
            EmitEvent("e", value=1, properties={"a": 1}),
            EmitEvent("e", properties={"a": 2}),
            "value is none instead of 1\nstart / do: properties has a of 2 instead of 1",
        ),
        (EmitEvent("e"), StartWorkflow("v"), 'starts "v" instead of emits "e"'),
        (StartWorkflow("v"), StartWorkflow("w"), 'workflow_id is "w" instead of "v"'),
        (
            Exit("enough"),
            Branch([Case("a", ALWAYS)], otherwise="b"),
            'branches to ["a", "b"] instead of ends the run: "enough"',
        ),
        (
            Exit("enough"),
            WaitForEvent([Awaited("a", EventIs(("x",)))], timeout=None),
            'waits for ever for ["a"] instead of ends the run: "enough"',
        ),
    ],
)
def test_what_changed_of_what_steers_a_run_is_said_in_words(old, new, words):
    def graph(operation):
        trigger = Trigger("t", condition=EventIs(("signup",)))
        return Workflow("w", "W", trigger=trigger, nodes=[Node("start", "Start", actions=[Action("do", operation)])])

    assert diff(graph(old), graph(new)).text == f"start / do: {words}"


@pytest.mark.parametrize(
    ("old", "new", "words"),
    [
        (None, 1, "may be entered for 1 visit"),
        (1, 3, "may be entered for 3 visits instead of 1"),
        (3, None, "may be entered again and again; there were 3 visits at the most"),
    ],
)
def test_how_often_a_node_may_be_entered_is_told(old, new, words):
    def graph(most):
        trigger = Trigger("t", condition=EventIs(("signup",)))
        return Workflow("w", "W", trigger=trigger, nodes=[Node("start", "Start", max_visits=most)])

    assert diff(graph(old), graph(new)).text == f"start: {words}"
