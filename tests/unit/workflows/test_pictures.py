"""What a picture shows: boxes of nodes, lines of actions, arrows of ways, and the numbers on them."""

from datetime import UTC, date, datetime, time, timedelta

import pytest
from attrs import frozen
from hypothesis import given
from hypothesis import strategies as st

from flowkit.conditions import (
    ALWAYS,
    AllOf,
    AnyOf,
    Custom,
    EngagementAtLeast,
    Equals,
    EventHas,
    EventIs,
    Not,
    Performed,
    RunHas,
    Sample,
    Segments,
    Sequence,
    SequenceStep,
    SubscriberHas,
    ValueAtLeast,
)
from flowkit.triggers.calendar import MonthDay, Offset, Unit, Weekday
from flowkit.triggers.model import EntryPolicy, On, Schedule, Trigger, TriggerType
from flowkit.triggers.rules import At, DateProperty, Every, Repeat
from flowkit.workflows.control import Awaited, Branch, Case, Exit, Split, WaitForEvent, Way
from flowkit.workflows.goals import ExitCriterion, Goal, Holdout
from flowkit.workflows.links import EmitEvent, StartWorkflow
from flowkit.workflows.model import (
    Action,
    CallHandler,
    CallWebhook,
    CheckEngagement,
    Node,
    SendEmail,
    UpdateProfile,
    UpdateSegments,
    Wait,
    Workflow,
)
from flowkit.workflows.pictures import NodeCounts
from flowkit.workflows.pictures.condition_words import condition_words
from flowkit.workflows.pictures.drawing import draw
from flowkit.workflows.pictures.model import BoxKind
from flowkit.workflows.pictures.phrases import duration_words, few, number_words
from flowkit.workflows.pictures.text import clean, cut, cut_columns, width
from flowkit.workflows.pictures.trigger_words import trigger_lines, trigger_title
from flowkit.workflows.pictures.words import action_line
from tests.support.strategies import conditions, texts, triggers, workflows
from tests.support.ways import targets

NINE = time(9)


def workflow(*nodes, entry="a", **fields):
    return Workflow(
        "w", "W", **{"trigger": Trigger("t", condition=EventIs(("signup",)))} | fields, nodes=nodes, entry_node=entry
    )


PLAN, PAID = SubscriberHas({"plan": Equals("pro")}), EventHas({"paid": Equals(1)})


def node(name, *actions, **next_nodes):
    return Node(name, name.upper(), actions=actions, next_nodes=next_nodes)


def act(name="act", **fields):
    return Action(name, UpdateSegments(), **fields)


def counted(entered, inside, left):
    return NodeCounts(entered=entered, inside=inside, left=left)


def drawn(shown, counts=None, edge_counts=None, path=()):
    return draw(shown, counts=counts or {}, edge_counts=edge_counts or {}, path=path)


def arrows(picture):
    """Each arrow as the titles of its boxes and its labels."""
    titles = [box.title for box in picture.boxes]
    return [(titles[arrow.source], titles[arrow.target], arrow.labels) for arrow in picture.arrows]


# ------------------------------------------------------------------------------------------------------------
# Words


@pytest.mark.parametrize(
    ("do", "words"),
    [
        (SendEmail("hello"), "Send: hello"),
        (SendEmail("hello", channel="push"), "Send: hello by push"),
        (Wait(timedelta(hours=72)), "Wait: 3 days"),
        (Wait(timedelta()), "Wait: no time"),
        (CheckEngagement(), "Check: always engaged"),
        (Split([Way("a", 50), Way("b", 0.5)]), "Split: a 50, b 0.5"),
        (EmitEvent("trial_over"), "Emit: trial_over"),
        (StartWorkflow("winback"), "Start: winback"),
        (Branch([Case("pro", ALWAYS)], otherwise="b"), "Branch: pro if always"),
        (Branch([Case("a", PLAN), Case("b", PAID)], otherwise="c"), "Branch: a if plan, b if event's paid"),
        (
            Branch([Case(str(n), ALWAYS) for n in range(9)], otherwise="x"),
            "Branch: 0 if always, 1 if always, 2 if always, …",
        ),
        (Exit("bought elsewhere"), "Exit: bought elsewhere"),
        (
            WaitForEvent([Awaited("a", EventIs(("purchase",))), Case("b", PLAN)], timeout=timedelta(days=3)),
            "Wait for: purchase or plan, at most 3 days",
        ),
        (WaitForEvent([Case("b", ALWAYS)], timeout=None), "Wait for: nothing, for ever"),
        (UpdateSegments(), "Segments: none"),
        (UpdateSegments(add=("a", "b"), remove=("c",)), "Segments: + a, b, − c"),
        (UpdateProfile(), "Profile: nothing"),
        (UpdateProfile(set={"plan": 1}, unset=("x",), increment={"n": 1}), "Profile: set plan, unset x, add to n"),
        (CallWebhook("https://me:secret@example.com/hook?token=secret"), "Webhook: POST example.com"),
        (CallWebhook("http://[", method="GET"), "Webhook: GET no URL"),
        (CallHandler("score", parameters={"token": "secret"}), "Custom: score"),
        (Branch([Case("high", RunHas({"score": Equals(1)}))], otherwise="low"), "Branch: high if run's score"),
    ],
)
def test_an_action_in_a_line(do, words):
    assert action_line(node("a"), Action("act", do)).text == words


def test_a_delay_is_added():
    assert action_line(node("a"), Action("act", SendEmail("x"), delay=timedelta(minutes=90))).text == (
        "Send: x, after 1 hour 30 minutes"
    )
    other = Action("act", UpdateSegments(), delay=timedelta(minutes=1))
    assert action_line(node("a"), other).text == "Segments: none, after 1 minute"


def test_a_detached_action_is_told_apart():
    assert action_line(node("a"), Action("act", SendEmail("x"), detached=True)).text == "Send: x, detached"
    late = Action("act", SendEmail("x"), delay=timedelta(hours=1), detached=True)
    assert action_line(node("a"), late).text == "Send: x, detached, after 1 hour"


def test_a_check_says_what_its_node_asks():
    asking = Node(
        "a", "A", engagement_threshold={"opens": 1, "clicks": 2.5}, condition=SubscriberHas({"plan": Equals(1)})
    )
    assert action_line(asking, Action("act", CheckEngagement())).text == "Check: opens ≥ 1, clicks ≥ 2.5, plan"


def test_an_operation_that_the_pictures_do_not_know_is_called_by_its_class():
    @frozen
    class Telephone:
        number: str = "112"

    assert action_line(node("a"), Action("act", Telephone())).text == "Telephone"
    assert action_line(node("a"), Action("act", Telephone(), delay=timedelta(days=1))).text == "Telephone: after 1 day"


@pytest.mark.parametrize(
    ("duration", "words"),
    [
        ({"days": 1}, "1 day"),
        ({"days": 36_525}, "36,525 days"),
        ({"hours": 51}, "2 days 3 hours"),
        ({"days": 1, "seconds": 1}, "1 day 1 second"),
        ({"days": 1, "hours": 1, "minutes": 1}, "about 1 day 1 hour"),
        ({"microseconds": 1}, "less than a second"),
        ({"seconds": 1, "microseconds": 1}, "about 1 second"),
    ],
)
def test_a_length_of_time_in_words(duration, words):
    assert duration_words(timedelta(**duration)) == words


def test_numbers_and_lists_in_words():
    assert [number_words(each) for each in (0, -1234, 2.5, 1e300)] == ["0", "-1,234", "2.5", "1e+300"]
    assert number_words(10**400) == "an integer of 1329 bits"
    assert few([]) == ""
    assert few("abc") == "a, b, c"
    assert few("abcdefg", " or ") == "a or b or c or …"


@pytest.mark.parametrize(
    ("condition", "words"),
    [
        (ALWAYS, ""),
        (Not(ALWAYS), "never"),
        (PAID, "event's paid"),
        (ValueAtLeast(50), "value ≥ 50"),
        (EngagementAtLeast({"opens": 3, "rate": Equals(1)}), "opens ≥ 3, rate"),
        (Segments(any=("vip",), none=("new",)), "in vip, not in new"),
        (Performed("purchase"), "did purchase"),
        (Sequence((SequenceStep("cart"), SequenceStep("order", absent=True))), "cart, then no order"),
        (Sample(10, "s"), "sample of 10%"),
        (Custom("in_stock", {}), "in_stock()"),
        (AnyOf((PLAN, Not(PAID))), "plan or not event's paid"),
        (AllOf((AnyOf((PLAN, PAID)), ValueAtLeast(1))), "(plan or event's paid) and value ≥ 1"),
        (Not(Not(Not(Not(Not(PLAN))))), "not not not not …"),
    ],
)
def test_a_condition_in_a_few_words(condition, words):
    assert condition_words(condition) == words


@given(conditions)
def test_any_condition_has_words(condition):
    assert isinstance(condition_words(condition), str)


def scheduled(rule, **fields):
    return Trigger("t", trigger_type=TriggerType.TIME_BASED, schedule=Schedule(rule, **fields))


@pytest.mark.parametrize(
    ("trigger", "title"),
    [
        (Trigger("t"), "On any event"),
        (Trigger("t", condition=EventIs(("b", "a"))), "On a or b"),
        (Trigger("t", condition=AllOf((EventIs(("a",)), EventIs(("b",))))), "On nothing"),
        (Trigger("t", trigger_type=TriggerType.TIME_BASED), "By the clock"),
        (Trigger("t", trigger_type=TriggerType.CONDITION_BASED), "On any event"),
        (Trigger("t", trigger_type=TriggerType.CONDITION_BASED, on=On.ENTER), "When it becomes true"),
        (Trigger("t", trigger_type=TriggerType.CONDITION_BASED, on=On.CHANGE), "When something changes"),
        (scheduled(At(datetime(2026, 3, 1, 9, tzinfo=UTC))), "Once, 2026-03-01 at 09:00 UTC"),
        (scheduled(At(datetime(2026, 3, 1, 9, 0, 5))), "Once, 2026-03-01 at 09:00:05"),  # noqa: DTZ001 - a wall clock
        (scheduled(Every(Unit.DAY, NINE)), "Every day at 09:00"),
        (scheduled(Every(Unit.WEEK, NINE, on=(Weekday.MON, Weekday.FRI))), "Every week on Mon, Fri at 09:00"),
        (
            scheduled(Every(Unit.MONTH, NINE, interval=2, on=(31,), start=date(2026, 1, 1))),
            "Every 2 months on day 31 at 09:00",
        ),
        (scheduled(Every(Unit.YEAR, NINE, on=(MonthDay(12, 24),))), "Every year on 24 Dec at 09:00"),
        (scheduled(DateProperty(path="birthday", at=NINE, repeat=Repeat.YEAR)), "On birthday at 09:00, every year"),
        (
            scheduled(DateProperty(path="trial_end", at=NINE, offset=Offset(-3, Unit.DAY))),
            "3 days before trial_end at 09:00",
        ),
        (
            scheduled(DateProperty(path="signup", at=NINE, offset=Offset(1, Unit.MONTH))),
            "1 month after signup at 09:00",
        ),
    ],
)
def test_a_trigger_says_when_it_fires(trigger, title):
    assert trigger_title(trigger) == title


def test_a_cron_rule_is_shown_as_it_is():
    pytest.importorskip("cronsim")
    from flowkit.triggers.rules import Cron  # noqa: PLC0415 - beside what it needs

    assert trigger_title(scheduled(Cron("0 9 * * MON"))) == "Cron 0 9 * * MON"


def test_a_trigger_says_whom_it_lets_in():
    asked = AllOf((EventIs(("signup",)), EventHas({"source": Equals("web")})))
    trigger = Trigger(
        "t",
        condition=asked,
        cooldown=timedelta(days=7),
        entry=EntryPolicy(filter=SubscriberHas({"vip": Equals(1)})),
        active=False,
    )
    assert [line.text for line in trigger_lines(trigger)] == [
        "If: event's source",
        "Only if: vip",
        "Again: after 7 days",
        "Switched off",
    ]


def test_a_clock_says_its_zone_unless_it_names_an_instant():
    daily, instant = Every(Unit.DAY, NINE), At(datetime(2026, 3, 1, 9, tzinfo=UTC))
    assert [line.text for line in trigger_lines(scheduled(daily, timezone="Europe/Berlin"))] == [
        "Time zone: Europe/Berlin"
    ]
    assert [line.text for line in trigger_lines(scheduled(daily))] == ["Time zone: the subscriber's, else UTC"]
    assert trigger_lines(scheduled(instant)) == ()


@given(triggers)
def test_any_trigger_has_words(trigger):
    assert trigger_title(trigger)
    assert all(line.text for line in trigger_lines(trigger))


# ------------------------------------------------------------------------------------------------------------
# Boxes and arrows


def test_both_paths_of_actions_and_next_nodes_are_arrows():
    picture = drawn(
        workflow(node("a", act(success_path="b", failure_path="c"), default="b", other="end"), node("b"), node("c"))
    )
    assert arrows(picture) == [
        ("On signup", "A", ()),
        ("A", "B", ("success_path", "default")),
        ("A", "C", ("failure_path",)),
        ("A", "End", ("other",)),
    ]
    assert [arrow.failure for arrow in picture.arrows] == [False, False, True, False]


def test_of_several_actions_the_path_says_whose_it_is():
    picture = drawn(workflow(node("a", act("one"), act("two", failure_path="b")), node("b")))
    assert arrows(picture)[1:] == [("A", "B", ("two: failure_path",))]


def test_default_alone_needs_no_label():
    assert arrows(drawn(workflow(node("a", default="b"), node("b"))))[1:] == [("A", "B", ())]


def test_a_loop_to_itself_is_an_arrow():
    assert arrows(drawn(workflow(node("a", again="a"))))[1:] == [("A", "A", ("again",))]


def test_a_node_that_is_called_end_is_a_node():
    picture = drawn(workflow(node("a", default="end"), node("end")))
    assert [box.kind for box in picture.boxes] == [BoxKind.TRIGGER, BoxKind.NODE, BoxKind.NODE]
    assert arrows(picture)[1:] == [("A", "END", ())]


def test_each_node_that_leads_to_the_end_has_an_end_of_its_own():
    picture = drawn(workflow(node("a", default="b", other="end"), node("b", default="end")))
    assert [box.kind for box in picture.boxes].count(BoxKind.END) == 2


def test_what_does_not_exist_is_shown_as_missing():
    picture = drawn(workflow(node("a", default="gone"), entry="nowhere"))
    assert [box.title for box in picture.boxes if box.kind is BoxKind.MISSING] == [
        "No such node: nowhere",
        "No such node: gone",
    ]
    assert arrows(drawn(workflow(entry="x"))) == [("On signup", "No such node: x", ())]


def test_what_no_way_leads_to_is_told_apart():
    picture = drawn(workflow(node("a", default="b"), node("b"), node("c", default="b")))
    assert [box.title for box in picture.boxes if not box.reached] == ["C"]


def test_a_node_without_a_name_is_called_by_its_id():
    assert drawn(workflow(Node("a", " "))).boxes[1].title == "a"


def test_an_inactive_workflow_says_so():
    assert drawn(workflow(node("a"), active=False)).boxes[0].lines[-1].text == "Inactive: nobody enters"


def test_the_box_of_the_trigger_says_what_runs_are_held_against():
    purchase = EventIs(("purchase",))
    goals = [Goal("buy", event=purchase, within=timedelta(days=14)), Goal("look", when=ALWAYS)]
    criteria = [ExitCriterion(reason, event=purchase) for reason in ("bought", "left", "moved", "gone")]
    picture = drawn(workflow(node("a"), goals=goals, exit_criteria=criteria, holdout=Holdout(0.125)))
    assert [line.text for line in picture.boxes[0].lines] == [
        "Held out: 12.5 %",
        "Goal: buy within 14 days, look",
        "Ends early: bought, left, moved, …",
    ]


def fork(*labels):
    return Action("fork", Branch([Case(label, ALWAYS) for label in labels[:-1]], otherwise=labels[-1]))


def test_each_label_of_a_branch_is_on_an_arrow():
    shown = workflow(node("a", fork("x", "y", "z"), x="b", y="end", z="b"), node("b"))
    assert arrows(drawn(shown))[1:] == [("A", "B", ("x", "z")), ("A", "End", ("y",))]


def test_a_label_without_a_way_goes_with_the_default_or_ends_the_run():
    shown = workflow(node("a", fork("x", "y", "z"), x="b", default="b"), node("b"))
    assert arrows(drawn(shown))[1:] == [("A", "B", ("x", "default", "y", "z"))]
    shown = workflow(node("a", fork("x", "y", "z"), x="b"), node("b"))
    assert arrows(drawn(shown))[1:] == [("A", "B", ("x",)), ("A", "End", ("y", "z"))]


def test_each_branch_of_a_wait_and_its_timeout_are_on_an_arrow():
    wait = WaitForEvent([Awaited("x", EventIs(("purchase",))), Case("y", PLAN)], timeout=timedelta(days=1))
    shown = workflow(node("a", Action("await", wait), x="b"), node("b"))
    assert arrows(drawn(shown))[1:] == [("A", "B", ("x",)), ("A", "End", ("y", "timeout"))]


def test_each_way_of_a_split_is_on_an_arrow():
    split = Action("split", Split([Way("x", 1), Way("y", 1)]))
    assert arrows(drawn(workflow(node("a", split, x="b"), node("b"))))[1:] == [
        ("A", "B", ("x",)),
        ("A", "End", ("y",)),
    ]


def test_a_run_that_is_complete_does_not_go_to_a_node_called_end():
    shown = workflow(node("a", fork("x", "y"), x="end"), node("end"))
    picture = drawn(shown, counts={"a": counted(3, 0, 3)}, edge_counts={("a", "end"): 2}, path=["a", "end"])
    assert arrows(picture)[1:] == [("A", "END", ("x",)), ("A", "End", ("y",))]
    assert [(arrow.numbers, arrow.on_path) for arrow in picture.arrows[1:]] == [("2 · 67% · −33%", True), ("", False)]


def test_an_exit_has_no_way_out():
    leave = Action("leave", Exit("enough"))
    picture = drawn(workflow(node("a", act(failure_path="b"), leave, default="c"), node("b"), node("c")))
    assert [labels for *_, labels in arrows(picture)[1:]] == [("act: failure_path",)]
    assert [box.reached for box in picture.boxes] == [True, True, True, False]


def test_a_bound_on_visits_is_a_line_and_an_arrow():
    shown = workflow(
        Node("a", "A", actions=[act()], next_nodes={"default": "b", "exhausted": "c"}, max_visits=3),
        node("b"),
        node("c"),
    )
    picture = drawn(shown)
    assert [line.text for line in picture.boxes[1].lines] == ["At most: 3 visits", "Segments: none"]
    assert arrows(picture)[1:] == [("A", "B", ()), ("A", "C", ("exhausted",))]
    once = drawn(workflow(Node("a", "A", next_nodes={"default": "b"}, max_visits=1), node("b")))
    assert once.boxes[1].lines[0].text == "At most: 1 visit"
    assert arrows(once)[1:] == [("A", "B", ()), ("A", "End", ("exhausted",))]


@given(workflows())
def test_every_way_is_on_one_arrow_and_no_arrow_is_twice(shown):
    picture = drawn(shown)
    pairs = [(arrow.source, arrow.target) for arrow in picture.arrows]
    assert len(pairs) == len(set(pairs))
    named = sum(len(targets(shown, one)) for one in shown.nodes.values())
    assert len(pairs) == named + 1
    assert sum(box.kind is BoxKind.NODE for box in picture.boxes) == len(shown.nodes)
    assert draw(shown, counts={}, edge_counts={}, path=()) == picture


# ------------------------------------------------------------------------------------------------------------
# Numbers and the path of a run


def two_ways():
    return workflow(node("a", yes="b", no="end"), node("b", default="end"))


def test_counts_are_written_on_nodes():
    picture = drawn(two_ways(), {"a": counted(1200, 150, 1050), "unknown": counted(1, 1, 0)})
    assert [box.numbers for box in picture.boxes[:3]] == ["", "1,200 entered · 150 inside · 1,050 left", ""]


def test_arrows_have_their_share_and_the_drop_off():
    counts = {"a": counted(1200, 200, 1000), "b": counted(600, 0, 600)}
    picture = drawn(two_ways(), counts, {("a", "b"): 600, ("a", "end"): 350, ("b", "end"): 600, ("x", "y"): 1})
    # 50 of the 1,000 that are done with `a` went neither way.
    assert [arrow.numbers for arrow in picture.arrows] == ["", "600 · 60% · −5%", "350 · 35% · −5%", "600 · 100%"]


@pytest.mark.parametrize(
    ("along", "left", "numbers"),
    [
        (0, 10, "0 · 0% · −100%"),
        (1, 1000, "1 · <1% · −>99%"),
        (999, 1000, "999 · >99% · −<1%"),
        (5, 0, "5"),
        (12, 10, "12 · 120%"),
        (1, 8, "1 · 13% · −88%"),
    ],
)
def test_percents_are_rounded_and_never_to_nothing_or_all(along, left, numbers):
    shown = workflow(node("a", default="end"))
    assert drawn(shown, {"a": counted(left, 0, left)}, {("a", "end"): along}).arrows[1].numbers == numbers


def test_without_counts_of_the_node_an_arrow_has_its_number_alone():
    assert drawn(two_ways(), None, {("a", "b"): 1234}).arrows[1].numbers == "1,234"


def test_the_path_of_a_run_is_highlighted():
    picture = drawn(two_ways(), path=["a", "b", "end"])
    assert [box.on_path for box in picture.boxes] == [True, True, True, False, True]
    assert [arrow.on_path for arrow in picture.arrows] == [True, True, False, True]


def test_a_path_that_begins_elsewhere_did_not_come_from_the_trigger():
    picture = drawn(two_ways(), path=["b", "a"])
    assert [box.on_path for box in picture.boxes[:3]] == [False, True, True]
    assert not any(arrow.on_path for arrow in picture.arrows)


# ------------------------------------------------------------------------------------------------------------
# Text


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("  a\n\tb\u2028c ", "a b c"),
        ("a\u202eb\u2066c\ufeffd", "abcd"),
        ("a\x00\ud800\uffff", "a\ufffd\ufffd\ufffd"),
        ("👩\u200d🚀", "👩\u200d🚀"),
        ("e" + "\u0301" * 50, "e" + "\u0301" * 3),
        ("שלום", "שלום"),
    ],
)
def test_text_becomes_one_visible_line(text, shown):
    assert clean(text) == shown


def test_wide_characters_count_double():
    assert width("新", 10) == pytest.approx(2 * width("n", 10), rel=0.05)
    assert cut_columns("新新新", 5) == "新新…"
    assert width("e\u0301", 10) == width("e", 10)


@given(texts | st.text(max_size=60), st.integers(20, 300))
def test_what_is_cut_fits_and_is_a_beginning(text, room):
    shown = cut(text, 12, room)
    assert width(shown, 12) <= room
    whole = clean(text)
    assert shown == whole or (shown.endswith("…") and whole.startswith(shown[:-1].rstrip()))
    assert shown == whole or width(whole, 12) > room
    assert clean(shown) == shown
