"""Conditions on the variables of a run: what they read, what they say of it, and where there are none to be read."""

from datetime import UTC, datetime, timedelta

import pytest

from flowkit.conditions import (
    AllOf,
    Compares,
    Equals,
    Moment,
    Not,
    Operand,
    Order,
    RunHas,
    dump,
    evaluate,
    is_personal,
    is_timed,
    needs,
    parse,
    predicate,
)
from flowkit.conditions.expectations import Root, expected
from flowkit.events import NO_FACTS, NO_NEEDS, Event, Facts, Needs, to_micros
from tests.support.refusals import refusals

NOW = datetime(2026, 3, 7, 12, tzinfo=UTC)
VARIABLES = {"score": 3, "offer": {"price": 4.5, "tags": ["new"]}, "a.b": "dotted", "none": None, "until": "2026-03-08"}


def verdict(document, facts=NO_FACTS, variables=VARIABLES, now=NOW):
    """The verdict of both ways of asking, which must be one."""
    condition = parse(document)
    found = evaluate(condition, facts, None, now, variables=variables)
    assert predicate(condition)(None, facts, Moment(to_micros(now), variables=variables)) is found.holds
    return found


@pytest.mark.parametrize(
    ("asked", "holds"),
    [
        ({"score": 3}, True),
        ({"score": {"$gte": 3}}, True),
        ({"score": {"$gt": 3}}, False),
        ({"score": "3"}, False),
        ({"score": {"$gte": 3}, "a.b": "dotted"}, True),
        ({"score": {"$gte": 3}, "a.b": "other"}, False),
        ({"offer.price": {"$lt": 5}}, True),
        ({"offer.tags": {"$contains": "new"}}, True),
        ({"offer.price.cents": {"$exists": False}}, True),
        ({"missing": {"$gte": 0}}, False),
        ({"missing": {"$exists": False}}, True),
        ({"none": {"$exists": False}}, True),
        ({}, True),
    ],
)
def test_a_variable_is_held_against_a_matcher(asked, holds):
    assert verdict({"variables": asked}).holds is holds


def test_attributes_and_properties_of_the_same_name_are_something_else():
    person = Facts({"score": 9})
    assert not verdict({"variables": {"score": 9}}, person).holds
    assert not verdict({"subscriber_properties": {"score": 3}}, person).holds


def test_outside_a_run_there_are_none():
    asked = parse({"variables": {"score": 3}})
    assert not evaluate(asked, NO_FACTS, Event("visit", "s", properties={"score": 3}), NOW).holds
    assert evaluate(Not(asked), NO_FACTS, None, NOW).holds


def test_what_was_read_is_said():
    found = verdict({"variables": {"offer.price": {"$lt": 5}, "missing": 1, "score": {"$starts": "a"}}})
    assert found.operands == (Operand("variables.offer.price", 4.5, True), Operand("variables.missing", None, False))
    [operand] = verdict({"variables": {"score": {"$starts": "a"}}}).operands
    assert operand == Operand("variables.score", 3, False, "wrong_kind")


def test_a_date_is_one_of_the_subscribers_zone_and_the_verdict_changes_by_itself():
    asked = {"variables": {"until": {"$before": "+1h"}}}
    near, far = Facts(zone="Asia/Tokyo"), Facts(zone="America/New_York")
    assert verdict(asked, near, now=NOW + timedelta(hours=3)).holds
    assert not verdict(asked, far, now=NOW + timedelta(hours=3)).holds
    found = verdict(asked, near)
    assert (found.holds, found.timed) == (False, True)
    assert found.flips_at == datetime(2026, 3, 7, 14, 0, 0, 1, tzinfo=UTC)
    assert is_timed(parse(asked))
    assert needs(parse(asked)) == Needs(zone=True)


def test_nothing_is_fetched_for_it():
    asked = parse({"variables": {"score": 3}})
    assert needs(asked) == NO_NEEDS
    assert not is_personal(asked)
    assert not is_timed(asked)


def test_it_is_written_as_it_was_read():
    document = {"subscriber_properties": {"plan": "pro"}, "variables": {"score": {"$gte": 3}, "tier": "gold"}}
    asked = parse(document)
    assert isinstance(asked, AllOf)
    assert asked.conditions[1] == RunHas({"score": Compares(Order.GTE, 3), "tier": Equals("gold")})
    assert dump(asked) == document


def test_what_it_expects_is_known_to_fault_reports():
    [there, number] = expected(parse({"variables": {"score": {"$gte": 3}}}))
    assert (there[0].root, there[0].path, there[1].kind, number[1].kind) == (
        Root.VARIABLES,
        "variables.score",
        "there",
        "number",
    )
    assert there[0].read(Event("visit", "s", properties={"score": 1}), Facts({"score": 1})) is None


@pytest.mark.parametrize(
    ("document", "path"),
    [
        ({"variables": {"score": 3}}, "/variables"),
        ({"variables": {}}, "/variables"),
        ({"all": [{"event_type": "a"}, {"not": {"variables": {"score": 3}}}]}, "/all/1/not/variables"),
        (
            {"operator": "OR", "conditions": [{"event_type": "a"}, {"variables": {"score": 3}}]},
            "/conditions/1/variables",
        ),
    ],
)
def test_where_there_is_no_run_the_place_is_named(document, path):
    assert refusals(lambda: parse(document, "/x", in_run=False)) == [("no_run", f"/x{path}")]
    assert parse(document) is not None


@pytest.mark.parametrize("given", [None, ["score"], "score", {"": 1}, {"score": {"$bigger": 1}}])
def test_what_is_no_object_of_matchers_is_refused(given):
    assert refusals(lambda: parse({"variables": given}))
