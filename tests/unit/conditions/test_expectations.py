"""What conditions expect of values: what is wrong with one is said, and nothing is said where it could pass."""

from datetime import UTC, date, datetime

import pytest

from flowkit.conditions import parse
from flowkit.conditions.expectations import expected, kind_of, unmet
from flowkit.events import NO_FACTS, Event, Facts


def odd(document, *, event=None, facts=NO_FACTS):
    """Say of each place what is wrong there, in the order in which the condition reads."""
    found = [(place.path, unmet(one, place.read(event, facts), UTC)) for place, one in expected(parse(document))]
    return [one for one in found if one[1]]


def of_property(matcher, *value):
    attributes = {"x": value[0]} if value else {}
    return [error for _, error in odd({"subscriber_properties": {"x": matcher}}, facts=Facts(attributes))]


@pytest.mark.parametrize(
    ("matcher", "right", "wrong"),
    [
        ({"$gt": 5}, [1, 10.5, 10**400], ["10", True, [1], {}]),
        ({"$lte": "m"}, ["", "z"], [1, False, ["m"]]),
        ({"$between": [1, 5]}, [0, 3], ["3"]),
        ({"$between": ["a", "f"]}, ["z"], [3]),
        ({"$contains": "a"}, ["b", ["b"], []], [1, {"a": 1}]),
        ({"$ncontains": "a"}, ["b", ["b"]], [1]),
        ({"$starts": "a"}, ["b"], [1, ["a"]]),
        ({"$ends": "a"}, [""], [None.__class__, 1]),
        ({"$any": ["a"]}, [["b"]], ["b", 1]),
        ({"$all": ["a"]}, [[]], ["a"]),
        ({"$none": ["a"]}, [["a"]], ["a"]),
        ({"$size": 3}, ["abc", [1], {}], [3, True]),
        ({"$regex": "^a"}, ["b"], [1, ["a"]]),
        ({"$not": {"$gt": 5}}, [1], ["1"]),
    ],
)
def test_the_wrong_kind_is_told_from_a_value_that_does_not_pass(matcher, right, wrong):
    assert [of_property(matcher, value) for value in right] == [[]] * len(right)
    assert [of_property(matcher, value) for value in wrong] == [["wrong_kind"]] * len(wrong)


@pytest.mark.parametrize("value", ["2026-05-04", "2026-05-04T12:00:00Z", 1_777_000_000, date(2026, 5, 4), "", 0])
def test_what_is_a_date_or_stands_for_none_is_right(value):
    assert of_property({"$within": "30d"}, value) == []


@pytest.mark.parametrize("value", ["soon", "2026-13-01", True, ["2026-05-04"]])
def test_what_is_no_date_is_told(value):
    assert of_property({"$before": "2026-05-04"}, value) == ["no_date"]


def test_a_text_may_be_too_long_for_a_pattern():
    assert of_property({"$regex": "a"}, "b" * 1_000_000) == ["too_long"]


@pytest.mark.parametrize("matcher", ["pro", {"$ne": "pro"}, {"$gt": 5}, {"$in": ["a"]}, {"$not": {"$eq": 1}}])
def test_what_is_missing_is_told_whether_the_test_holds_or_not(matcher):
    assert of_property(matcher) == ["missing"]
    assert of_property(matcher, None) == ["missing"]


@pytest.mark.parametrize(
    "matcher",
    [
        None,
        {"$ne": None},
        {"$exists": True},
        {"$exists": False},
        {"$empty": True},
        {"$not": {"$exists": True}},
        {"$exists": True, "$ne": "pro"},
    ],
)
def test_nothing_is_missing_where_that_is_what_is_asked(matcher):
    assert of_property(matcher) == []


@pytest.mark.parametrize("value", ["pro", 1, [], {}, True])
def test_equality_takes_any_kind(value):
    assert of_property("free", value) == []


def test_every_place_is_looked_at_whatever_has_settled_the_condition():
    document = {
        "event_type": "purchase",
        "event_properties": {"order.total": {"$gt": 5}},
        "min_value": 10,
        "any": [
            {"subscriber_properties": {"plan": "pro"}},
            {"not": {"engagement_requirements": {"opens": 3, "rate": {"$lt": 0.5}}}},
        ],
    }
    event = Event("purchase", "s", properties={"order": {"total": "9"}}, value="ten")
    facts = Facts({"plan": "pro"}, {"opens": "many"})
    assert odd(document, event=event, facts=facts) == [
        ("event.order.total", "wrong_kind"),
        ("event.value", "wrong_kind"),
        ("engagement.opens", "wrong_kind"),
        ("engagement.rate", "missing"),
    ]


@pytest.mark.parametrize(
    ("value", "kind"),
    [
        (None, "null"),
        (True, "boolean"),
        (1, "number"),
        (1.5, "number"),
        ("", "string"),
        ([], "list"),
        ((), "list"),
        ({}, "object"),
        (datetime(2026, 5, 4, tzinfo=UTC), "datetime"),
    ],
)
def test_kinds_have_the_names_of_json(value, kind):
    assert kind_of(value) == kind
