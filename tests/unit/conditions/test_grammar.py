"""The grammar of operators and of the families that read history: what is refused, where, and in which words."""

import pytest

from flowkit.conditions import (
    After,
    Anniversary,
    Before,
    Compares,
    Duration,
    EngagementAtLeast,
    Equals,
    EventHas,
    Fails,
    Matches,
    Measure,
    Offset,
    OneOf,
    Ops,
    Order,
    Performed,
    Segments,
    Sequence,
    SequenceStep,
    Since,
    Size,
    Starts,
    Unit,
    Within,
    dump,
    parse,
)
from flowkit.errors import DocumentError
from tests.support.refusals import refusals

DAY = 86_400


def matcher_of(document):
    return parse({"event_properties": {"x": document}}).properties["x"]


@pytest.mark.parametrize(
    ("document", "matcher"),
    [
        ({"$eq": 1}, Equals(1)),
        ({"$eq": {"$x": 1}}, Equals({"$x": 1})),
        ({"k": 1}, Equals({"k": 1})),
        ({}, Equals({})),
        ({"$lt": 5, "$gte": 1}, Ops((Compares(Order.GTE, 1), Compares(Order.LT, 5)))),
        ({"$starts": "a", "$ci": True}, Ops((Starts("a"),), ci=True)),
        ({"$starts": "a", "$ci": False}, Starts("a")),
        ({"$size": 2}, Size(Equals(2))),
        ({"$size": {"$gt": 2}}, Size(Compares(Order.GT, 2))),
        ({"$not": {"$regex": "a"}}, Fails(Matches("a"))),
        ({"$before": "-30d"}, Before(Duration(-30 * DAY))),
        ({"$after": "+1mo"}, After(Offset(1, Unit.MONTH))),
        ({"$before": "0d"}, Before(Duration(0))),
        ({"$before": 1700000000}, Before(1700000000)),
        ({"$within": "30d"}, Within(Duration(-30 * DAY), Duration(0))),
        ({"$within": "-30d"}, Within(Duration(-30 * DAY), Duration(0))),
        ({"$within": "+7d"}, Within(Duration(0), Duration(7 * DAY))),
        ({"$within": "1y"}, Within(Offset(-1, Unit.YEAR), Duration(0))),
        ({"$within": ["-20d", "-10d"]}, Within(Duration(-20 * DAY), Duration(-10 * DAY))),
        ({"$anniversary": "0d"}, Anniversary()),
        ({"$anniversary": "+1w"}, Anniversary(0, 7)),
        ({"$anniversary": "-7d"}, Anniversary(-7, 0)),
        ({"$anniversary": ["+1d", "+7d"]}, Anniversary(1, 7)),
    ],
)
def test_operators_are_read(document, matcher):
    assert matcher_of(document) == matcher
    assert matcher_of(dump(EventHas({"x": matcher}))["event_properties"]["x"]) == matcher


@pytest.mark.parametrize(
    ("document", "condition"),
    [
        (
            {"engagement_requirements": {"m": 1, "n": {"$lt": 2}}},
            EngagementAtLeast({"m": 1, "n": Compares(Order.LT, 2)}),
        ),
        ({"segments": "vip"}, Segments(any=("vip",))),
        ({"segments": ["vip", "new"]}, Segments(any=("vip", "new"))),
        ({"segments": {"all": ["a"], "none": ["b"]}}, Segments(all=("a",), none=("b",))),
        ({"performed": {"event": "open"}}, Performed("open")),
        (
            {"performed": {"event": "open", "within": "30d", "count": 0}},
            Performed("open", within=Duration(30 * DAY), passes=Equals(0)),
        ),
        (
            {"performed": {"event": "order", "since": "workflow_start", "sum": "value", "is": {"$gte": 100}}},
            Performed(
                "order",
                since=Since.WORKFLOW_START,
                measure=Measure.SUM,
                of="value",
                passes=Compares(Order.GTE, 100),
            ),
        ),
        (
            {"performed": {"event": "order", "where": {"shop": {"$in": ["a"]}}}},
            Performed("order", where={"shop": OneOf(("a",))}),
        ),
        (
            {"sequence": {"steps": [{"event": "cart"}, {"event": "order", "absent": True}], "within": "1h"}},
            Sequence((SequenceStep("cart"), SequenceStep("order", absent=True)), Duration(3_600)),
        ),
    ],
)
def test_families_are_read_and_written(document, condition):
    assert parse(document) == condition
    assert dump(condition) == document


WRONG = [
    ({"$gtee": 1}, "unknown_field", "/$gtee"),
    ({"$": 1}, "unknown_field", "/$"),
    ({"$gt": 1, "k": 1}, "conflicting_fields", "/k"),
    ({"$ci": True}, "too_short", ""),
    ({"$eq": "a", "$ci": 1}, "wrong_type", "/$ci"),
    ({"$gt": None}, "wrong_type", "/$gt"),
    ({"$gt": True}, "wrong_type", "/$gt"),
    ({"$gt": float("nan")}, "out_of_range", "/$gt"),
    ({"$between": [1]}, "wrong_type", "/$between"),
    ({"$between": [2, 1]}, "out_of_range", "/$between"),
    ({"$between": [1, "a"]}, "wrong_type", "/$between"),
    ({"$between": 1}, "wrong_type", "/$between"),
    ({"$in": "a"}, "wrong_type", "/$in"),
    ({"$in": []}, "too_short", "/$in"),
    ({"$nin": ["a", None]}, "wrong_type", "/$nin/1"),
    ({"$contains": None}, "wrong_type", "/$contains"),
    ({"$starts": 1}, "wrong_type", "/$starts"),
    ({"$regex": "(a+)+"}, "bad_pattern", "/$regex"),
    ({"$regex": 1}, "wrong_type", "/$regex"),
    ({"$exists": None}, "wrong_type", "/$exists"),
    ({"$empty": "true"}, "wrong_type", "/$empty"),
    ({"$size": "a"}, "wrong_type", "/$size"),
    ({"$size": {"$gtee": 1}}, "unknown_field", "/$size/$gtee"),
    ({"$size": {}}, "too_short", "/$size"),
    ({"$not": 1}, "wrong_type", "/$not"),
    ({"$not": {"k": 1}}, "conflicting_fields", "/$not/k"),
    ({"$not": {"$not": {"$gt": []}}}, "wrong_type", "/$not/$not/$gt"),
    ({"$before": "30d"}, "bad_duration", "/$before"),
    ({"$before": "soon"}, "bad_duration", "/$before"),
    ({"$before": "2026-02-30"}, "bad_instant", "/$before"),
    ({"$before": None}, "wrong_type", "/$before"),
    ({"$before": 0}, "out_of_range", "/$before"),
    ({"$before": 1e300}, "out_of_range", "/$before"),
    ({"$after": "+101y"}, "out_of_range", "/$after"),
    ({"$within": "0d"}, "out_of_range", "/$within"),
    ({"$within": 30}, "wrong_type", "/$within"),
    ({"$within": ["-10d", "-20d"]}, "out_of_range", "/$within"),
    ({"$within": ["10d", "+20d"]}, "bad_duration", "/$within/0"),
    ({"$within": ["-10d"]}, "wrong_type", "/$within"),
    ({"$within": "999999999999w"}, "out_of_range", "/$within"),
    ({"$anniversary": "7d"}, "bad_duration", "/$anniversary"),
    ({"$anniversary": "+1mo"}, "bad_duration", "/$anniversary"),
    ({"$anniversary": "+367d"}, "out_of_range", "/$anniversary"),
    ({"$anniversary": ["+7d", "+1d"]}, "out_of_range", "/$anniversary"),
    ({"$anniversary": 0}, "wrong_type", "/$anniversary"),
]


@pytest.mark.parametrize(("document", "code", "path"), WRONG)
def test_what_is_no_operator_is_refused_with_its_place(document, code, path):
    for family in ("event_properties", "subscriber_properties", "engagement_requirements"):
        assert refusals(lambda: parse({family: {"x": document}})) == [(code, f"/{family}/x{path}")]  # noqa: B023
    where = {"performed": {"event": "e", "where": {"x": document}}}
    assert refusals(lambda: parse(where)) == [(code, f"/performed/where/x{path}")]


@pytest.mark.parametrize(
    ("document", "code", "path"),
    [
        ({"segments": None}, "wrong_type", "/segments"),
        ({"segments": []}, "too_short", "/segments"),
        ({"segments": ""}, "bad_id", "/segments"),
        ({"segments": ["a", 1]}, "wrong_type", "/segments/1"),
        ({"segments": {}}, "too_short", "/segments"),
        ({"segments": {"any": []}}, "too_short", "/segments/any"),
        ({"segments": {"all": "a"}}, "wrong_type", "/segments/all"),
        ({"segments": {"nones": ["a"]}}, "unknown_field", "/segments/nones"),
        ({"performed": None}, "wrong_type", "/performed"),
        ({"performed": []}, "too_short", "/performed"),
        ({"performed": {}}, "missing_field", "/performed/event"),
        ({"performed": [{"event": "e"}, {"event": ""}]}, "bad_id", "/performed/1/event"),
        ({"performed": {"event": "e", "withn": "1d"}}, "unknown_field", "/performed/withn"),
        ({"performed": {"event": "e", "within": None}}, "wrong_type", "/performed/within"),
        ({"performed": {"event": "e", "within": "-1d"}}, "bad_duration", "/performed/within"),
        ({"performed": {"event": "e", "within": "1mo"}}, "bad_duration", "/performed/within"),
        ({"performed": {"event": "e", "within": "0d"}}, "out_of_range", "/performed/within"),
        ({"performed": {"event": "e", "within": "5218w"}}, "out_of_range", "/performed/within"),
        ({"performed": {"event": "e", "since": "start"}}, "bad_enum", "/performed/since"),
        ({"performed": {"event": "e", "count": "1"}}, "wrong_type", "/performed/count"),
        ({"performed": {"event": "e", "count": None}}, "wrong_type", "/performed/count"),
        ({"performed": {"event": "e", "count": {}}}, "too_short", "/performed/count"),
        ({"performed": {"event": "e", "count": 1, "is": {"$gt": 1}}}, "conflicting_fields", "/performed/is"),
        ({"performed": {"event": "e", "is": {"$gt": 1}}}, "conflicting_fields", "/performed/is"),
        ({"performed": {"event": "e", "sum": "x"}}, "missing_field", "/performed/is"),
        ({"performed": {"event": "e", "sum": "x", "is": 1}}, "wrong_type", "/performed/is"),
        ({"performed": {"event": "e", "sum": "", "is": {"$gt": 1}}}, "wrong_type", "/performed/sum"),
        (
            {"performed": {"event": "e", "sum": "x", "avg": "x", "is": {"$gt": 1}}},
            "conflicting_fields",
            "/performed/avg",
        ),
        ({"sequence": []}, "wrong_type", "/sequence"),
        ({"sequence": {"within": "1d"}}, "missing_field", "/sequence/steps"),
        ({"sequence": {"steps": {}}}, "wrong_type", "/sequence/steps"),
        ({"sequence": {"steps": []}}, "too_short", "/sequence/steps"),
        ({"sequence": {"steps": [{"event": "e", "absent": True}]}}, "too_short", "/sequence/steps"),
        ({"sequence": {"steps": [{"event": "e"}, 1]}}, "wrong_type", "/sequence/steps/1"),
        ({"sequence": {"steps": [{"event": "e", "absent": 1}]}}, "wrong_type", "/sequence/steps/0/absent"),
        ({"sequence": {"steps": [{"event": "e", "wher": {}}]}}, "unknown_field", "/sequence/steps/0/wher"),
        ({"sample": {"percent": 10}}, "missing_field", "/sample/salt"),
        ({"sample": {"salt": "s"}}, "missing_field", "/sample/percent"),
        ({"sample": {"percent": 101, "salt": "s"}}, "out_of_range", "/sample/percent"),
        ({"sample": {"percent": True, "salt": "s"}}, "wrong_type", "/sample/percent"),
        ({"sample": {"percent": 1, "salt": ""}}, "bad_id", "/sample/salt"),
        ({"sample": 10}, "wrong_type", "/sample"),
        ({"custom": "name"}, "wrong_type", "/custom"),
        ({"custom": {}}, "missing_field", "/custom/name"),
        ({"custom": {"name": None}}, "wrong_type", "/custom/name"),
        ({"custom": {"name": "n", 1: 2}}, "wrong_type", "/custom/1"),
        ({"event_types": "a"}, "unknown_field", "/event_types"),
    ],
)
def test_what_is_no_family_is_refused_with_its_place(document, code, path):
    assert refusals(lambda: parse(document)) == [(code, path)]


def test_all_that_is_wrong_is_told_at_once_with_what_was_meant():
    document = {
        "subscriber_properties": {"age": {"$gte": "x", "$gtt": 1, "$in": []}, "born": {"$annivesary": "0d"}},
        "performed": {"event": "e", "within": "1 day", "count": {"$lt": None}},
        "sequence": {"steps": [{"evnt": "e"}]},
    }
    assert refusals(lambda: parse(document)) == [
        ("unknown_field", "/subscriber_properties/age/$gtt"),
        ("too_short", "/subscriber_properties/age/$in"),
        ("unknown_field", "/subscriber_properties/born/$annivesary"),
        ("bad_duration", "/performed/within"),
        ("wrong_type", "/performed/count/$lt"),
        ("unknown_field", "/sequence/steps/0/evnt"),
        ("missing_field", "/sequence/steps/0/event"),
    ]
    for meant in (r'did you mean "\$gt"', r'did you mean "\$anniversary"', 'did you mean "event"', '"30d"'):
        with pytest.raises(DocumentError, match=meant):
            parse(document)


def test_operators_nest_so_deep_and_no_deeper():
    document = {"$gt": 1}
    for _ in range(16):
        document = {"$not": document}
    parse({"event_properties": {"x": document}})
    assert refusals(lambda: parse({"event_properties": {"x": {"$not": document}}}))[0][0] == "too_deep"


@pytest.mark.parametrize(
    "make",
    [
        lambda: Ops(()),
        lambda: Ops((Starts("a"), Starts("b"))),
        lambda: Before(Offset(-7, Unit.DAY)),
        lambda: Within(Offset(-1, Unit.WEEK), Duration(0)),
        lambda: Performed("e", of="x"),
        lambda: Performed("e", measure=Measure.SUM),
    ],
    ids=["no test", "one twice", "days", "weeks", "a path too many", "a path too few"],
)
def test_what_no_document_could_say_cannot_be_made(make):
    with pytest.raises(DocumentError):
        make()


@pytest.mark.parametrize(
    ("seconds", "text"),
    [(45, "45s"), (90 * 60, "90m"), (12 * 3_600, "12h"), (30 * DAY, "30d"), (14 * DAY, "2w"), (0, "0s"), (61, "61s")],
)
def test_a_duration_has_one_short_spelling(seconds, text):
    assert Duration(seconds).text == text
    assert Duration(-seconds).text == (f"-{text}" if seconds else text)
