"""What was performed, in which order, and when that changes by itself."""

import math
from datetime import UTC, datetime, timedelta

import pytest

from flowkit.conditions import Custom, Operand, Sample, evaluate, needs, parse
from flowkit.events import Event, Facts, HistoryNeed, Needs, Occurrence, to_micros, together

NOW = datetime(2026, 3, 7, 12, tzinfo=UTC)
HOUR, DAY = timedelta(hours=1), timedelta(days=1)
DAY_MICROS = 86_400_000_000


def past(*ages, **fields):
    return [Occurrence(to_micros(NOW - age), **fields) for age in ages]


def ask(document, history=None, *, event=None, now=NOW, start=None):
    return evaluate(parse(document), Facts(history=history or {}), event, now, started_at=start)


def performed(**fields):
    return {"performed": {"event": "e", **fields}}


# ------------------------------------------------------------------------------------------------------------
# Performed


def test_no_open_for_thirty_days_is_known_to_the_instant():
    asked = {"performed": {"event": "email_open", "within": "30d", "count": 0}}
    verdict = ask(asked, {"email_open": past(10 * DAY, 40 * DAY)})
    assert not verdict.holds
    assert verdict.timed
    assert verdict.flips_at == NOW + 20 * DAY
    after = ask(asked, {"email_open": past(10 * DAY, 40 * DAY)}, now=NOW + 20 * DAY)
    assert (after.holds, after.flips_at, after.timed) == (True, None, True)
    never = ask(asked)
    assert (never.holds, never.flips_at) == (True, None)


@pytest.mark.parametrize(
    ("fields", "verdict"),
    [
        ({}, True),
        ({"count": 3}, True),
        ({"count": 2}, False),
        ({"count": {"$between": [2, 4]}}, True),
        ({"within": "5d", "count": 2}, True),
        ({"within": "2d", "count": 1}, True),  # exactly two days ago counts no longer
        ({"sum": "value", "is": {"$eq": 60}}, True),
        ({"avg": "value", "is": {"$eq": 20}}, True),
        ({"min": "value", "is": {"$eq": 10}}, True),
        ({"max": "value", "is": {"$eq": 30}}, True),
        ({"max": "value", "within": "1m", "is": {"$exists": False}}, True),
        ({"sum": "value", "within": "1m", "is": {"$eq": 0}}, True),
        ({"distinct": "shop.name", "is": {"$eq": 2}}, True),
        ({"distinct": "nothing", "is": {"$eq": 0}}, True),
        ({"where": {"shop.name": "b"}, "count": 2}, True),
        ({"where": {"value": {"$gte": 20}}, "count": 2}, True),
        ({"where": {"missing": {"$exists": False}}, "count": 3}, True),
        ({"since": "workflow_start", "count": 2}, True),
    ],
)
def test_what_was_performed_is_measured(fields, verdict):
    history = {
        "e": [
            *past(HOUR, value=10, properties={"shop": {"name": "a"}}),
            *past(2 * DAY, value=20, properties={"shop": {"name": "b"}}),
            *past(9 * DAY, value=30, properties={"shop": {"name": "b"}}),
        ]
    }
    assert ask(performed(**fields), history, start=NOW - 2 * DAY).holds is verdict


@pytest.mark.parametrize(
    ("values", "total"),
    [
        ([], 0),
        ([1, 2], 3),
        ([1, True, "5", None, [], 2], 3),
        ([0.1] * 10, 1.0),
        ([10**400, 1], 10**400 + 1),
        ([10**400, 0.5], None),
        ([math.inf, -math.inf], None),
        ([math.nan], math.nan),
    ],
)
def test_a_sum_is_exact_and_of_numbers_alone(values, total):
    verdict = ask(
        performed(sum="value", **{"is": {"$gte": 0}}),
        {"e": [one for value in values for one in past(HOUR, value=value)]},
    )
    (operand,) = verdict.operands
    assert operand.path == "performed.e.sum"
    assert repr(operand.value) == repr(total)
    assert verdict.holds is (total is not None and total >= 0)


def test_the_event_at_hand_counts_and_is_dated_now_without_a_date():
    event = Event("e", "s", value=5)
    verdict = ask(performed(within="1d"), event=event)
    assert verdict.holds
    assert verdict.flips_at == NOW + DAY
    assert not ask(performed(within="1d"), event=Event("e", "s", occurred_at=NOW - DAY)).holds
    assert ask(performed(sum="value", **{"is": {"$eq": 5}}), event=event).holds
    assert not ask(performed(), event=Event("x", "s")).holds


def test_outside_a_run_nothing_has_happened_since_it_began():
    assert not ask(performed(since="workflow_start"), {"e": past(HOUR)}, event=Event("e", "s")).holds
    assert ask(performed(since="workflow_start"), {"e": past(HOUR)}, start=NOW - HOUR).holds
    assert not ask(performed(since="workflow_start"), {"e": past(HOUR)}, start=NOW).holds


# ------------------------------------------------------------------------------------------------------------
# Sequence

CART = {"event": "cart"}
ORDER = {"event": "order"}
NO_ORDER = {"event": "order", "absent": True}
NO_CART = {"event": "cart", "absent": True}


def in_order(*steps, **fields):
    return {"sequence": {"steps": list(steps), **fields}}


@pytest.mark.parametrize(
    ("document", "carts", "orders", "verdict"),
    [
        (in_order(CART, ORDER), [3], [2], True),
        (in_order(CART, ORDER), [2], [3], False),
        (in_order(CART, ORDER), [2], [2], True),  # at one instant: in the order that is asked for
        (in_order(CART, ORDER, within="1h"), [3], [2], False),  # exactly an hour is too long
        (in_order(CART, ORDER, within="61m"), [3], [2], True),
        (in_order(CART, ORDER, within="2h"), [9, 3], [2], True),
        (in_order(CART, ORDER, CART), [2], [2], False),  # one event is one step
        (in_order(CART, ORDER, CART), [3, 1], [2], True),
        (in_order(CART, NO_ORDER, CART), [3, 1], [2], False),
        (in_order(CART, NO_ORDER, CART), [4, 3, 1], [2], True),
        (in_order(NO_CART, ORDER), [3], [2], False),
        (in_order(NO_CART, ORDER), [1], [2], True),
        (in_order(NO_CART, ORDER, within="2h"), [5], [2], True),
        (in_order(CART, NO_ORDER), [3], [2], False),
        (in_order(CART, NO_ORDER), [3], [4], True),
        (in_order(CART, NO_ORDER), [3, 1], [2], True),
        (in_order(CART, NO_ORDER, within="2h"), [3], [], True),
        (in_order(CART, NO_ORDER, within="4h"), [3], [], False),
        (in_order(CART, NO_ORDER, within="2h"), [5], [2], True),
        (in_order(CART, NO_ORDER, within="2h"), [5], [4], False),
    ],
)
def test_sequences(document, carts, orders, verdict):
    history = {"cart": past(*(age * HOUR for age in carts)), "order": past(*(age * HOUR for age in orders))}
    assert ask(document, history).holds is verdict


def test_an_abandoned_cart_is_known_to_the_instant():
    document = in_order(CART, NO_ORDER, within="4h")
    verdict = ask(document, {"cart": past(3 * HOUR)})
    assert (verdict.holds, verdict.flips_at, verdict.timed) == (False, NOW + HOUR, True)
    assert ask(document, {"cart": past(3 * HOUR)}, now=NOW + HOUR).holds
    bought = ask(document, {"cart": past(3 * HOUR), "order": past(2 * HOUR)})
    assert (bought.holds, bought.flips_at) == (False, None)


def test_the_event_at_hand_may_be_the_last_step():
    document = in_order(CART, ORDER)
    assert ask(document, {"cart": past(timedelta())}, event=Event("order", "s")).holds
    assert not ask(document, event=Event("order", "s")).holds
    where = in_order({**CART, "where": {"sku": 1}}, {**ORDER, "where": {"value": {"$gt": 5}}})
    history = {"cart": past(HOUR, properties={"sku": 1})}
    assert ask(where, history, event=Event("order", "s", value=9)).holds
    assert not ask(where, history, event=Event("order", "s", value=5)).holds
    assert [one.path for one in ask(where, history).operands] == ["sequence.cart.order"]


# ------------------------------------------------------------------------------------------------------------
# Samples, segments, predicates


def inside(subscriber, percent, salt="x"):
    return evaluate(Sample(percent, salt), Facts(subscriber_id=subscriber), None, NOW).holds


def test_a_sample_is_sticky_monotone_and_independent_between_salts():
    people = [f"subscriber-{number}" for number in range(4_000)]
    shares = {percent: {one for one in people if inside(one, percent)} for percent in (0, 1, 10, 50, 99.5, 100)}
    assert not shares[0]
    assert shares[100] == set(people)
    assert shares[1] < shares[10] < shares[50] < shares[99.5]
    assert 1_850 < len(shares[50]) < 2_150
    other = {one for one in people if inside(one, 50, "y")}
    assert 850 < len(shares[50] & other) < 1_150
    # Salts that agree in their first 64 bytes are different salts too.
    assert {inside(one, 50, "z" * 80) for one in people} == {True, False}
    assert [inside(one, 50, "z" * 80 + "1") for one in people] != [inside(one, 50, "z" * 80 + "2") for one in people]


def test_the_sample_is_frozen():
    assert [one for one in "abcdefghijklmnopqrstuvwxyz" if inside(one, 20, "frozen")] == ["c", "i", "m", "r", "v"]


def test_the_subscriber_of_a_sample_is_that_of_the_event_else_that_of_the_facts():
    half = Sample(50, "x")
    held = {name: evaluate(half, Facts(), Event("e", name), NOW).holds for name in ("a", "b", "c", "d", "e", "f")}
    assert set(held.values()) == {True, False}
    assert held == {name: inside(name, 50) for name in held}
    for unknown in (None, "\ud800", 5):
        assert not inside(unknown, 100)


@pytest.mark.parametrize(
    ("document", "verdict"),
    [
        ("vip", True),
        ("new", False),
        (["new", "vip"], True),
        ({"all": ["vip", "eu"]}, True),
        ({"all": ["vip", "new"]}, False),
        ({"none": ["new"]}, True),
        ({"none": ["new", "eu"]}, False),
        ({"any": ["new", "eu"], "all": ["vip"], "none": ["new"]}, True),
    ],
)
def test_segments(document, verdict):
    known = Facts(segments=frozenset({"vip", "eu"}))
    assert evaluate(parse({"segments": document}), known, None, NOW).holds is verdict


def test_a_hosts_predicate_is_asked_and_its_mistakes_are_reported():
    questions = []

    def rich(question):
        questions.append(question)
        return question.parameters["least"] <= question.facts.attributes["credit"]

    condition = parse({"custom": {"name": "rich", "least": 10}})
    assert condition == Custom("rich", {"least": 10})
    event = Event("e", "s")
    verdict = evaluate(condition, Facts({"credit": 11}), event, NOW, predicates={"rich": rich})
    assert (verdict.holds, verdict.timed, verdict.flips_at) == (True, True, None)
    assert verdict.operands == (Operand("custom.rich", True, holds=True),)
    assert (questions[0].event, questions[0].now) == (event, NOW)
    failed = evaluate(condition, Facts(), event, NOW, predicates={"rich": rich})
    assert failed.operands == (Operand("custom.rich", False, holds=False, error="KeyError"),)
    unknown = evaluate(condition, Facts(), event, NOW)
    assert unknown.operands == (Operand("custom.rich", None, holds=False, error="unknown_predicate"),)
    assert not failed.holds
    assert not unknown.holds


# ------------------------------------------------------------------------------------------------------------
# What is read


@pytest.mark.parametrize(
    ("document", "need"),
    [
        (performed(), HistoryNeed(latest=2)),
        (performed(count=0, within="30d"), HistoryNeed(window=30 * DAY_MICROS, latest=1)),
        (performed(count={"$between": [2, 5]}), HistoryNeed(latest=6)),
        (performed(where={"a.b": 1, "value": 2}), HistoryNeed(value=True, properties=frozenset({"a", "a.b"}))),
        (performed(sum="value", **{"is": {"$gt": 1}}), HistoryNeed(value=True)),
        (performed(distinct="sku", **{"is": {"$gt": 1}}), HistoryNeed(properties=frozenset({"sku"}))),
        (in_order({"event": "e", "where": {"x": 1}}, within="1h"), HistoryNeed(properties=frozenset({"x"}))),
    ],
)
def test_of_the_history_no_more_is_needed(document, need):
    assert needs(parse(document)) == Needs(history={"e": need})


def test_needs_are_put_together():
    small = Needs(history={"e": HistoryNeed(window=5, latest=2, properties=frozenset({"a"}))})
    large = Needs(history={"e": HistoryNeed(window=9, value=True), "f": HistoryNeed()}, zone=True)
    both = HistoryNeed(window=9, value=True, properties=frozenset({"a"}))
    assert (
        together([small, large])
        == together([large, small])
        == Needs(history={"e": both, "f": HistoryNeed()}, zone=True)
    )
    assert small | Needs() == Needs() | small == small
    assert small
    assert Needs(zone=True)
    assert not Needs()
    assert {small: 1}[small] == 1
