"""Every operator at its edges: a table of what a value is held against and what comes of it."""

import math
from datetime import UTC, date, datetime

import pytest

from flowkit.conditions import Moment, evaluate, parse, predicate
from flowkit.events import Event, Facts, to_micros

NOW = datetime(2026, 3, 7, 12, tzinfo=UTC)
MOMENT = Moment(to_micros(NOW))
NAN, HUGE = math.nan, 10**400
T, F = True, False

# What each of these is held against: missing, null, "", 0, NaN, infinity, true, a huge integer, text, a list, an
# object, an empty list.
VALUES = ["missing", None, "", 0, NAN, math.inf, True, HUGE, "pro", ["pro", 1], {"k": 1}, []]
TABLE = [
    ({"$eq": 0}, [F, F, F, T, F, F, F, F, F, F, F, F]),
    ({"$eq": None}, [T, T, F, F, F, F, F, F, F, F, F, F]),
    ({"$eq": {"k": 1}}, [F, F, F, F, F, F, F, F, F, F, T, F]),
    ({"$ne": 1}, [T, T, T, T, T, T, F, T, T, T, T, T]),
    ({"$ne": None}, [F, F, T, T, T, T, T, T, T, T, T, T]),
    ({"$gt": 0}, [F, F, F, F, F, T, F, T, F, F, F, F]),
    ({"$gte": 0}, [F, F, F, T, F, T, F, T, F, F, F, F]),
    ({"$lt": 1e308}, [F, F, F, T, F, F, F, F, F, F, F, F]),
    ({"$lte": 0}, [F, F, F, T, F, F, F, F, F, F, F, F]),
    ({"$gt": ""}, [F, F, F, F, F, F, F, F, T, F, F, F]),
    ({"$lte": "pro"}, [F, F, T, F, F, F, F, F, T, F, F, F]),
    ({"$between": [0, 10]}, [F, F, F, T, F, F, F, F, F, F, F, F]),
    ({"$between": ["a", "z"]}, [F, F, F, F, F, F, F, F, T, F, F, F]),
    ({"$in": ["pro", 0, ""]}, [F, F, T, T, F, F, F, F, T, F, F, F]),
    ({"$in": ["pro", "team"]}, [F, F, F, F, F, F, F, F, T, F, F, F]),
    ({"$in": [1, []]}, [F, F, F, F, F, F, T, F, F, F, F, T]),
    ({"$nin": ["pro", 0, ""]}, [T, T, F, F, T, T, T, T, F, T, T, T]),
    ({"$contains": "r"}, [F, F, F, F, F, F, F, F, T, F, F, F]),
    ({"$contains": "pro"}, [F, F, F, F, F, F, F, F, T, T, F, F]),
    ({"$contains": 1}, [F, F, F, F, F, F, F, F, F, T, F, F]),
    ({"$contains": ""}, [F, F, T, F, F, F, F, F, T, F, F, F]),
    ({"$ncontains": "pro"}, [T, T, T, T, T, T, T, T, F, F, T, T]),
    ({"$starts": "p"}, [F, F, F, F, F, F, F, F, T, F, F, F]),
    ({"$ends": "ro"}, [F, F, F, F, F, F, F, F, T, F, F, F]),
    ({"$regex": "^p.o$"}, [F, F, F, F, F, F, F, F, T, F, F, F]),
    ({"$exists": True}, [F, F, T, T, T, T, T, T, T, T, T, T]),
    ({"$exists": False}, [T, T, F, F, F, F, F, F, F, F, F, F]),
    ({"$empty": True}, [T, T, T, F, F, F, F, F, F, F, F, T]),
    ({"$empty": False}, [F, F, F, T, T, T, T, T, T, T, T, F]),
    ({"$any": ["pro", 2]}, [F, F, F, F, F, F, F, F, F, T, F, F]),
    ({"$all": ["pro", 1]}, [F, F, F, F, F, F, F, F, F, T, F, F]),
    ({"$all": ["pro", 2]}, [F, F, F, F, F, F, F, F, F, F, F, F]),
    ({"$none": ["pro", 2]}, [T, T, T, T, T, T, T, T, T, F, T, T]),
    ({"$size": 0}, [F, F, T, F, F, F, F, F, F, F, F, T]),
    ({"$size": {"$gte": 1}}, [F, F, F, F, F, F, F, F, T, T, T, F]),
    ({"$size": {"$ne": 0}}, [T, T, F, T, T, T, T, T, T, T, T, F]),
    ({"$before": "2030-01-01"}, [F, F, F, F, F, F, F, F, F, F, F, F]),
    ({"$after": "-30d"}, [F, F, F, F, F, F, F, F, F, F, F, F]),
    ({"$within": "30d"}, [F, F, F, F, F, F, F, F, F, F, F, F]),
    ({"$anniversary": "0d"}, [F, F, F, F, F, F, F, F, F, F, F, F]),
    ({"$not": {"$gt": 0}}, [T, T, T, T, T, F, T, F, T, T, T, T]),
    ({"$not": {"$within": "30d"}}, [T, T, T, T, T, T, T, T, T, T, T, T]),
    ({"$gte": 0, "$lt": 5}, [F, F, F, T, F, F, F, F, F, F, F, F]),
    ({"$exists": True, "$nin": ["pro"]}, [F, F, T, T, T, T, T, T, F, T, T, T]),
    ({"$eq": "PRO", "$ci": True}, [F, F, F, F, F, F, F, F, T, F, F, F]),
]


def holds(document, *, event=None, facts=None):
    """The verdict of both ways of asking, which must be one."""
    condition, known = parse(document), Facts() if facts is None else facts
    verdict = evaluate(condition, known, event, NOW).holds
    assert predicate(condition)(event, known, MOMENT) is verdict
    return verdict


def passes(matcher, value, *, zone=None):
    return holds({"subscriber_properties": {"x": matcher}}, facts=Facts({"x": value}, zone=zone))


@pytest.mark.parametrize(("matcher", "verdicts"), TABLE, ids=lambda one: str(one)[:40])
def test_every_operator_at_its_edges(matcher, verdicts):
    for value, verdict in zip(VALUES, verdicts, strict=True):
        bag = {} if value == "missing" and isinstance(value, str) else {"x": value}
        for path, held in (("x", bag), ("y.x", {"y": bag}), ("y.x", {f"y.{key}": one for key, one in bag.items()})):
            assert holds({"subscriber_properties": {path: matcher}}, facts=Facts(held)) is verdict, value
            event = Event("e", "s", properties=held)
            assert holds({"event_properties": {path: matcher}}, event=event) is verdict, value
        assert holds({"engagement_requirements": {"x": matcher}}, facts=Facts({}, bag)) is verdict, value


@pytest.mark.parametrize(
    ("matcher", "value", "verdict"),
    [
        ({"$in": ["PRO", "team"], "$ci": True}, "pro", T),
        ({"$nin": ["PRO"], "$ci": True}, "pro", F),
        ({"$contains": "RO", "$ci": True}, "pro", T),
        ({"$contains": "PRO", "$ci": True}, ["a", "pro"], T),
        ({"$starts": "STRASSE", "$ci": True}, "straße 1", T),
        ({"$ends": "É", "$ci": True}, "café", T),
        ({"$regex": "^P", "$ci": True}, "pro", T),
        ({"$regex": "^P"}, "pro", F),
        ({"$any": ["PRO"], "$ci": True}, ["pro"], T),
        ({"$gte": "A", "$lte": "C", "$ci": True}, "b", T),
        ({"$eq": ["A"], "$ci": True}, ["a"], T),
        ({"$eq": "a", "$ci": False}, "A", F),
        ({"$not": {"$eq": "A"}, "$ci": True}, "a", T),  # it does not reach inside
        ({"$not": {"$eq": "A", "$ci": True}}, "a", F),
    ],
)
def test_upper_and_lower_case_are_the_same_where_that_is_asked_for(matcher, value, verdict):
    assert passes(matcher, value) is verdict


@pytest.mark.parametrize(
    ("value", "bound", "verdict"),
    [
        (2**53 + 1, float(2**53), T),
        (2**53, 2**53 + 1, F),
        (HUGE, 1e308, T),
        (-HUGE, -1e308, F),
        (True, 0, F),
        ("9", "10", T),
    ],
)
def test_order_is_exact_and_of_one_kind(value, bound, verdict):
    assert passes({"$gt": bound}, value) is verdict


# ------------------------------------------------------------------------------------------------------------
# Dates, at noon of 2026-03-07 in UTC

DATES = [
    ("2026-03-07T11:59:59Z", "text with an offset"),
    ("2026-03-07 11:59", "text without one"),
    ("20260307T115900", "the basic form"),
    ("2026-03-07", "midnight"),
    (int(datetime(2026, 3, 7, 11, 59, tzinfo=UTC).timestamp()), "seconds"),
    (datetime(2026, 3, 7, 11, 59, tzinfo=UTC).timestamp(), "seconds with a fraction"),
    (datetime(2026, 3, 7, 11, 59, tzinfo=UTC), "a datetime"),
    (datetime(2026, 3, 7, 11, 59), "a naive datetime"),  # noqa: DTZ001
    (date(2026, 3, 7), "a date"),
]
NO_DATES = [
    None,
    "",
    0,
    0.0,
    True,
    NAN,
    math.inf,
    HUGE,
    1e300,
    "soon",
    "2026-02-30",
    "1772884800",
    [],
    {},
    "2026-03-07x11:00",
]


@pytest.mark.parametrize("value", [one for one, _ in DATES])
def test_all_that_is_a_date_is_read_as_one(value):
    assert passes({"$within": "1d"}, value)
    assert passes({"$before": "+0s"}, value)
    assert passes({"$after": "2026-03-06T23:59:59Z"}, value)
    assert passes({"$before": "2026-03-08"}, value)
    assert passes({"$anniversary": "0d"}, value)


@pytest.mark.parametrize("value", NO_DATES)
@pytest.mark.parametrize(
    "matcher", [{"$within": "100w"}, {"$before": "+99y"}, {"$after": "-99y"}, {"$anniversary": ["-366d", "+366d"]}]
)
def test_what_is_no_date_passes_nothing(matcher, value):
    assert not passes(matcher, value)
    assert passes({"$not": matcher}, value)


@pytest.mark.parametrize(
    ("matcher", "value", "zone", "verdict"),
    [
        # 12:00 in UTC is 07:00 in New York and 21:00 in Tokyo.
        ({"$before": "+0s"}, "2026-03-07T08:00", None, T),
        ({"$before": "+0s"}, "2026-03-07T08:00", "America/New_York", F),
        ({"$before": "+0s"}, "2026-03-07T20:00", "Asia/Tokyo", T),
        ({"$before": "+0s"}, "2026-03-07T20:00", "No/Where", F),
        ({"$before": "2026-03-07T06:00"}, 1772884800 - 7 * 3600, None, T),
        ({"$before": "2026-03-07T06:00"}, 1772884800 - 7 * 3600, "Asia/Tokyo", F),
        ({"$anniversary": "0d"}, "1990-03-07", "Asia/Tokyo", T),
        ({"$anniversary": "0d"}, "1990-03-07T20:00:00Z", "Asia/Tokyo", F),
        ({"$anniversary": "+1d"}, "1990-03-07T20:00:00Z", "Asia/Tokyo", T),
        # Half open: from the first instant on, without the last.
        ({"$within": "7d"}, "2026-02-28T12:00:00Z", None, F),
        ({"$within": "7d"}, "2026-02-28T12:00:00.000001Z", None, T),
        ({"$within": "7d"}, "2026-03-07T12:00:00Z", None, T),
        ({"$within": "+7d"}, "2026-03-07T12:00:00Z", None, F),
        ({"$within": "+7d"}, "2026-03-14T12:00:00Z", None, T),
        ({"$within": ["-20d", "-10d"]}, "2026-02-20", None, T),
        ({"$within": ["-20d", "-10d"]}, "2026-03-01", None, F),
        ({"$within": "-1mo"}, "2026-02-08", None, T),
        ({"$within": "1mo"}, "2026-02-06", None, F),
        ({"$before": "-1y"}, "2025-03-07", None, T),
        ({"$before": "-1y"}, "2025-03-07T12:00:00Z", None, F),
        ({"$after": "-30d"}, "2026-02-06", None, T),
        ({"$after": "+1d"}, "2026-03-08T12:00:00Z", None, F),
        ({"$after": 1772884800}, "2026-03-07T12:00:01Z", None, T),
        ({"$anniversary": "+7d"}, "1990-03-14", None, T),
        ({"$anniversary": "+7d"}, "1990-03-15", None, F),
        ({"$anniversary": ["+1d", "+7d"]}, "1990-03-07", None, F),
        ({"$anniversary": "-1w"}, "1992-02-29", None, T),  # 28 February in 2026
        ({"$anniversary": "-6d"}, "1992-02-29", None, F),
        ({"$anniversary": ["-70d", "-60d"]}, "1990-12-31", None, T),  # over the turn of the year
    ],
)
def test_dates_are_read_in_the_subscribers_zone_and_windows_are_half_open(matcher, value, zone, verdict):
    assert passes(matcher, value, zone=zone) is verdict


@pytest.mark.parametrize(
    ("matcher", "value", "error"),
    [
        ({"$gt": 1}, "1", "wrong_kind"),
        ({"$gt": 1}, True, "wrong_kind"),
        ({"$gt": "a"}, 1, "wrong_kind"),
        ({"$gt": 1}, 0, ""),
        ({"$gt": 1}, None, ""),
        ({"$contains": 1}, 1, "wrong_kind"),
        ({"$starts": "a"}, ["a"], "wrong_kind"),
        ({"$regex": "a"}, 1, "wrong_kind"),
        ({"$regex": "a"}, "b" * 10_001, "too_long"),
        ({"$any": [1]}, 1, "wrong_kind"),
        ({"$size": 1}, 1, "wrong_kind"),
        ({"$within": "1d"}, "soon", "no_date"),
        ({"$within": "1d"}, "", ""),
        ({"$within": "1d"}, 0, ""),
        ({"$gte": 1, "$lt": 5}, "x", "wrong_kind"),
    ],
)
def test_the_wrong_kind_of_a_value_is_reported(matcher, value, error):
    known = Facts({"x": value})
    (operand,) = [
        one
        for one in evaluate(parse({"subscriber_properties": {"x": matcher}}), known, None, NOW).operands
        if one.path != "zone"
    ]
    assert (operand.path, operand.error, operand.holds) == ("subscriber.x", error, False)
