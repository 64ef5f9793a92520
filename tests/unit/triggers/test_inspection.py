"""The inspector: odd values are found once for each trigger, for those that can match, and then it looks no more."""

from hypothesis import given
from hypothesis import strategies as st

from flowkit.conditions import evaluate, parse
from flowkit.conditions.expectations import MISSING
from flowkit.events import Event, Facts
from flowkit.triggers.evaluate import Gate
from flowkit.triggers.inspection import Inspector
from flowkit.triggers.model import Trigger
from tests.support.condition_strategies import NOW, PREDICATES, conditions, events, facts


def gate(workflow_id, document):
    return Gate.of(workflow_id, 1, Trigger("t", condition=parse(document)))


def told(odd):
    return [(one.gate.workflow_id, one.path, one.error, one.found) for one in odd]


def purchase(**properties):
    return Event("purchase", "s", properties=properties)


ASKS_AMOUNT = {"event_type": "purchase", "event_properties": {"amount": {"$gt": 5}}}
ASKS_PLAN = {"event_type": "purchase", "subscriber_properties": {"plan": "pro"}}


def test_each_trigger_is_told_of_once():
    inspector = Inspector([gate("a", ASKS_AMOUNT), gate("b", ASKS_AMOUNT), gate("c", ASKS_PLAN)])
    assert told(inspector.inspect(purchase(amount=7), Facts({"plan": "free"}))) == []
    wrong = [("a", "event.amount", "wrong_kind", "string"), ("b", "event.amount", "wrong_kind", "string")]
    assert told(inspector.inspect(purchase(amount="7"), Facts({"plan": "free"}))) == wrong
    assert told(inspector.inspect(purchase(amount="8"), Facts({"plan": "free"}))) == []
    missing = [("a", "event.amount", MISSING, "null"), ("b", "event.amount", MISSING, "null")]
    assert told(inspector.inspect(purchase(), Facts())) == [*missing, ("c", "subscriber.plan", MISSING, "null")]
    assert told(inspector.inspect(purchase(), Facts())) == []


def test_who_cannot_match_the_event_is_told_of_later():
    inspector = Inspector([gate("one", {**ASKS_AMOUNT, "event_type": "refund"}), gate("two", ASKS_AMOUNT)])
    assert told(inspector.inspect(purchase(), Facts())) == [("two", "event.amount", MISSING, "null")]
    refund = Event("refund", "s")
    assert told(inspector.inspect(refund, Facts())) == [("one", "event.amount", MISSING, "null")]


def test_without_an_event_or_a_profile_nothing_of_it_is_missing():
    inspector = Inspector([gate("w", {"event_properties": {"a": 1}, "subscriber_properties": {"b": 1}})])
    assert told(inspector.inspect(None, None)) == []
    assert told(inspector.inspect(Event("x", "s"), None)) == [("w", "event.a", MISSING, "null")]
    assert told(inspector.inspect(None, Facts())) == [("w", "subscriber.b", MISSING, "null")]


def test_a_date_is_read_in_the_zone_of_the_subscriber():
    inspector = Inspector([gate("w", {"subscriber_properties": {"born": {"$anniversary": "0d"}}})])
    assert told(inspector.inspect(None, Facts({"born": "2026-02-30"}, zone="Asia/Tokyo"))) == [
        ("w", "subscriber.born", "no_date", "string")
    ]


@given(conditions, st.one_of(st.none(), events), facts)
def test_it_finds_all_that_an_evaluation_says_was_wrong(condition, event, known):
    asked = Gate.of("w", 1, Trigger("t", condition=condition))
    if asked.types is not None and (event is None or event.type not in asked.types):
        return
    verdict = evaluate(condition, known, event, NOW, predicates=PREDICATES)
    wrong = {one.path for one in verdict.operands if one.error and not one.path.startswith("custom.")}
    found = {one.path for one in Inspector([asked]).inspect(event, known) if one.error != MISSING}
    assert wrong <= found
