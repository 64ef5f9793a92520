"""How a branch chooses, and what it says that it read."""

from datetime import timedelta

import pytest

from flowkit.conditions import parse
from flowkit.events import Facts, Occurrence, to_micros
from flowkit.runs.choices import asks_facts, choose, is_shared
from flowkit.workflows.control import Branch, Case
from tests.support.journeys import DAY, HOUR, NOW, START

PRO = {"subscriber_properties": {"plan": "pro"}}
ADULT = {"subscriber_properties": {"age": {"$gte": 18}}}
VIP = {"segments": "vip"}
KEEN = {"engagement_requirements": {"opens": {"$gte": 3}}}


def branch(*cases, otherwise="others"):
    return Branch([Case(label, parse(when)) for label, when in cases], otherwise=otherwise)


def chosen(asked, facts=None, *, started_at=START, predicates=None):
    return choose(asked, facts or Facts(), START + DAY, started_at=started_at, predicates=predicates or {})


def bought(*ago):
    return {"purchase": [Occurrence(to_micros(START + DAY - one)) for one in ago]}


@pytest.mark.parametrize(
    ("cases", "facts", "label"),
    [
        # The first that holds, in order; the others are not looked at.
        ([("a", PRO), ("b", VIP)], Facts({"plan": "pro"}, segments=frozenset({"vip"})), "a"),
        ([("b", VIP), ("a", PRO)], Facts({"plan": "pro"}, segments=frozenset({"vip"})), "b"),
        ([("a", PRO), ("b", VIP)], Facts({"plan": "free"}, segments=frozenset({"vip"})), "b"),
        ([("a", PRO), ("b", VIP)], Facts({"plan": "free"}), "others"),
        ([("a", PRO), ("b", {})], Facts(), "b"),
        # What is missing is not true; a test that denies holds on it.
        ([("a", PRO)], Facts(), "others"),
        ([("a", PRO)], Facts({"plan": None}), "others"),
        ([("a", ADULT)], Facts(), "others"),
        ([("a", KEEN)], Facts(), "others"),
        ([("a", {"not": PRO})], Facts(), "a"),
        ([("a", {"subscriber_properties": {"plan": {"$exists": False}}})], Facts(), "a"),
        # What is of the wrong kind is not true either.
        ([("a", ADULT), ("b", {})], Facts({"age": "twenty"}), "b"),
        # Without an event at hand nothing is asked of one.
        ([("a", {"event_type": "signup"})], Facts(), "others"),
        # What was done since the entry, and ever.
        ([("a", {"performed": {"event": "purchase"}})], Facts(history=bought(2 * DAY)), "a"),
        (
            [("a", {"performed": {"event": "purchase", "since": "workflow_start"}})],
            Facts(history=bought(2 * DAY)),
            "others",
        ),
        (
            [("a", {"performed": {"event": "purchase", "since": "workflow_start"}})],
            Facts(history=bought(HOUR)),
            "a",
        ),
        ([("a", {"custom": {"name": "none"}})], Facts(), "others"),
    ],
)
def test_the_first_case_that_holds_is_chosen(cases, facts, label):
    assert chosen(branch(*cases), facts).label == label


def test_what_was_read_is_told_up_to_the_case_that_holds():
    asked = branch(("pro", PRO), ("vip", VIP), ("keen", KEEN))
    found = chosen(asked, Facts({"plan": "free"}, segments=frozenset({"vip"})))
    assert found.data == {"label": "vip", "operands": {"subscriber.plan": "free", "segments.vip": True}}


def test_what_was_missing_is_named():
    found = chosen(branch(("pro", PRO), ("keen", KEEN)), Facts({"plan": "free"}))
    assert found.data == {
        "label": "others",
        "operands": {"subscriber.plan": "free", "engagement.opens": None},
        "missing": ["engagement.opens"],
    }


@pytest.mark.parametrize(
    ("when", "facts", "path", "error"),
    [
        (ADULT, Facts({"age": "twenty"}), "subscriber.age", "wrong_kind"),
        (
            {"subscriber_properties": {"born": {"$within": "30d"}}},
            Facts({"born": "soon"}),
            "subscriber.born",
            "no_date",
        ),
        ({"engagement_requirements": {"opens": 1}}, Facts(engagement={"opens": "x"}), "engagement.opens", "wrong_kind"),
        ({"custom": {"name": "none"}}, Facts(), "custom.none", "unknown_predicate"),
        ({"custom": {"name": "odd"}}, Facts(), "custom.odd", "ZeroDivisionError"),
    ],
)
def test_what_was_of_the_wrong_kind_is_named_and_not_called_missing(when, facts, path, error):
    data = chosen(branch(("a", when)), facts, predicates={"odd": lambda _: 1 / 0}).data
    assert data["errors"] == {path: error}
    assert path in data["operands"]
    assert path not in data.get("missing", [])


def test_a_path_that_is_read_twice_stands_once_and_with_another_value_again():
    twice = branch(("pro", PRO), ("team", {"subscriber_properties": {"plan": "team"}}))
    assert chosen(twice, Facts({"plan": "free"})).data["operands"] == {"subscriber.plan": "free"}
    assert chosen(twice).data["missing"] == ["subscriber.plan"]
    spans = branch(*((span, {"performed": {"event": "purchase", "within": span, "count": 9}}) for span in ("3h", "9h")))
    assert chosen(spans, Facts(history=bought(HOUR, 5 * HOUR))).data["operands"] == {
        "performed.purchase.count": 1,
        "performed.purchase.count#2": 2,
    }


@pytest.mark.parametrize(
    ("when", "asks"),
    [
        ({}, False),
        ({"event_type": "signup"}, False),
        (PRO, True),
        (KEEN, True),
        (VIP, True),
        ({"performed": {"event": "purchase"}}, True),
        ({"sample": {"percent": 50, "salt": "s"}}, True),
        ({"custom": {"name": "mine"}}, True),
    ],
)
def test_a_branch_asks_for_facts_where_any_case_reads_them(when, asks):
    assert asks_facts(branch(("a", {}), ("b", when))) is asks


@pytest.mark.parametrize(
    ("when", "shared", "timed"),
    [
        (PRO, True, False),
        (KEEN, True, False),
        (VIP, False, False),
        ({"performed": {"event": "purchase"}}, False, False),
        ({"performed": {"event": "purchase", "within": "9h"}}, False, True),
        ({"sample": {"percent": 50, "salt": "s"}}, False, False),
        ({"subscriber_properties": {"born": {"$before": "2020-01-01"}}}, False, False),
        ({"subscriber_properties": {"born": {"$within": "30d"}}}, False, True),
    ],
)
def test_what_a_choice_depends_on(when, shared, timed):
    found = chosen(branch(("a", when)), Facts({"born": "2025-12-31T00:00:00Z"}, history=bought(HOUR)))
    assert (is_shared(found.operands), found.timed) == (shared, timed)


def test_a_case_that_is_not_looked_at_makes_nothing_depend_on_it():
    found = chosen(branch(("pro", PRO), ("b", {"performed": {"event": "x", "within": "9h"}})), Facts({"plan": "pro"}))
    assert is_shared(found.operands)
    assert not found.timed


def test_a_case_of_time_that_does_not_hold_makes_the_choice_one_of_time():
    found = chosen(branch(("a", {"performed": {"event": "purchase", "within": "1h"}}), ("b", {})))
    assert (found.label, found.timed) == ("b", True)


def test_the_clock_of_the_run_is_that_of_its_entry():
    since = branch(("a", {"performed": {"event": "purchase", "since": "workflow_start"}}))
    facts = Facts(history={"purchase": [Occurrence(NOW)]})
    assert chosen(since, facts, started_at=START).label == "a"
    assert chosen(since, facts, started_at=START + timedelta(microseconds=1)).label == "others"
