"""The condition language: what it accepts, what each condition means at the edges, and what it reads."""

import json
import math
from collections.abc import Iterator, Mapping
from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from flowkit.conditions import (
    ALWAYS,
    KEYS,
    AllOf,
    AnyOf,
    Compares,
    Custom,
    EngagementAtLeast,
    Equals,
    EventHas,
    EventIs,
    Moment,
    Not,
    Operand,
    Order,
    Performed,
    RunHas,
    Sample,
    Segments,
    Sequence,
    SequenceStep,
    SubscriberHas,
    ValueAtLeast,
    dump,
    evaluate,
    event_types,
    needs,
    parse,
    predicate,
)
from flowkit.errors import DocumentError
from flowkit.events import NO_FACTS, NO_NEEDS, Event, Facts, Needs, to_micros
from tests.support.refusals import refusals
from tests.support.strategies import NAMES, conditions, events, facts, odd_values

NOW = datetime(2026, 3, 7, tzinfo=UTC)
MOMENT = Moment(to_micros(NOW))
NAN = math.nan


def holds(document: object, *, event: Event | None = None, facts: Facts = NO_FACTS) -> bool:
    """The verdict of both ways of asking, which must be one."""
    condition = parse(document)
    verdict = evaluate(condition, facts, event, NOW).holds
    assert predicate(condition)(event, facts, MOMENT) is verdict
    return verdict


def purchase(**given_fields: object) -> Event:
    return Event("purchase", "s", **given_fields)


# ------------------------------------------------------------------------------------------------------------
# Grammar

A, B = EventIs(("a",)), EventIs(("b",))


@pytest.mark.parametrize(
    ("document", "condition"),
    [
        ({}, ALWAYS),
        ({"event_type": "a"}, A),
        ({"event_type": ["a", "b"]}, EventIs(("a", "b"))),
        ({"event_properties": {}}, EventHas({})),
        (
            {"event_properties": {"x": 1, "y.z": None, "w": [1], "v": {"k": 1}}},
            EventHas({"x": Equals(1), "y.z": Equals(None), "w": Equals([1]), "v": Equals({"k": 1})}),
        ),
        ({"min_value": 50}, ValueAtLeast(50)),
        ({"min_value": -0.5}, ValueAtLeast(-0.5)),
        ({"subscriber_properties": {"plan": "pro"}}, SubscriberHas({"plan": Equals("pro")})),
        ({"variables": {"offer.price": {"$lt": 5}}}, RunHas({"offer.price": Compares(Order.LT, 5)})),
        ({"engagement_requirements": {"opens": 2}}, EngagementAtLeast({"opens": 2})),
        ({"all": [{"event_type": "a"}, {}]}, AllOf((A, ALWAYS))),
        ({"any": [{"event_type": "a"}, {"event_type": "b"}]}, AnyOf((A, B))),
        ({"not": {"event_type": "a"}}, Not(A)),
        ({"operator": "AND", "conditions": [{"event_type": "a"}]}, AllOf((A,))),
        ({"operator": "OR", "conditions": [{"event_type": "a"}]}, AnyOf((A,))),
        ({"operator": "NOT", "conditions": [{"event_type": "a"}]}, Not(A)),
        ({"operator": "NOT", "conditions": [{"event_type": "a"}, {"event_type": "b"}]}, Not(AnyOf((A, B)))),
    ],
)
def test_each_family_is_read(document, condition):
    assert parse(document) == condition


def test_the_keys_of_one_object_are_anded_in_a_fixed_order():
    document = {
        "operator": "OR",
        "conditions": [{"event_type": "b"}],
        "not": {"event_type": "b"},
        "any": [{"event_type": "a"}],
        "all": [{"event_type": "a"}],
        "custom": {"name": "c"},
        "sample": {"percent": 1, "salt": "s"},
        "sequence": {"steps": [{"event": "a"}]},
        "performed": [{"event": "a"}, {"event": "b"}],
        "segments": "g",
        "engagement_requirements": {"m": 1},
        "variables": {"v": 1},
        "subscriber_properties": {"p": 1},
        "min_value": 1,
        "event_properties": {"q": 1},
        "event_type": "a",
    }
    assert set(document) == set(KEYS)
    assert parse(document) == AllOf(
        (
            A,
            EventHas({"q": Equals(1)}),
            ValueAtLeast(1),
            SubscriberHas({"p": Equals(1)}),
            RunHas({"v": Equals(1)}),
            EngagementAtLeast({"m": 1}),
            Segments(any=("g",)),
            Performed("a"),
            Performed("b"),
            Sequence((SequenceStep("a"),)),
            Sample(1, "s"),
            Custom("c"),
            AllOf((A,)),
            AnyOf((A,)),
            Not(B),
            AnyOf((B,)),
        )
    )


@pytest.mark.parametrize(
    ("document", "code", "path"),
    [
        (None, "wrong_type", ""),
        ([], "wrong_type", ""),
        ("a", "wrong_type", ""),
        ({"event": "a"}, "unknown_field", "/event"),
        ({"event_type": ""}, "bad_id", "/event_type"),
        ({"event_type": "a\u200bb"}, "bad_id", "/event_type"),
        ({"event_type": "a" * 256}, "bad_id", "/event_type"),
        ({"event_type": None}, "wrong_type", "/event_type"),
        ({"event_type": 1}, "wrong_type", "/event_type"),
        ({"event_type": []}, "too_short", "/event_type"),
        ({"event_type": ["a", 1]}, "wrong_type", "/event_type/1"),
        ({"event_type": ["a", ""]}, "bad_id", "/event_type/1"),
        ({"event_properties": None}, "wrong_type", "/event_properties"),
        ({"event_properties": [["a", 1]]}, "wrong_type", "/event_properties"),
        ({"event_properties": {"": 1}}, "bad_id", "/event_properties/"),
        ({"event_properties": {1: 1}}, "bad_id", "/event_properties/1"),
        ({"event_properties": {"a": {"$gtee": 1}}}, "unknown_field", "/event_properties/a/$gtee"),
        ({"event_properties": {"a": {"b": 1, "$gte": 1}}}, "conflicting_fields", "/event_properties/a/b"),
        ({"subscriber_properties": "a"}, "wrong_type", "/subscriber_properties"),
        ({"subscriber_properties": {"a/b": {"$in": []}}}, "too_short", "/subscriber_properties/a~1b/$in"),
        ({"min_value": None}, "wrong_type", "/min_value"),
        ({"min_value": "50"}, "wrong_type", "/min_value"),
        ({"min_value": True}, "wrong_type", "/min_value"),
        ({"min_value": NAN}, "out_of_range", "/min_value"),
        ({"min_value": -math.inf}, "out_of_range", "/min_value"),
        ({"engagement_requirements": 1}, "wrong_type", "/engagement_requirements"),
        ({"engagement_requirements": {"m": False}}, "wrong_type", "/engagement_requirements/m"),
        ({"engagement_requirements": {"m": {"lt": 1}}}, "wrong_type", "/engagement_requirements/m"),
        ({"engagement_requirements": {"m": math.inf}}, "out_of_range", "/engagement_requirements/m"),
        ({"all": []}, "too_short", "/all"),
        ({"all": {}}, "wrong_type", "/all"),
        ({"any": []}, "too_short", "/any"),
        ({"any": [{}, {"any": [1]}]}, "wrong_type", "/any/1/any/0"),
        ({"not": []}, "wrong_type", "/not"),
        ({"not": None}, "wrong_type", "/not"),
        ({"operator": "AND"}, "missing_field", "/conditions"),
        ({"conditions": [{}]}, "missing_field", "/operator"),
        ({"operator": "and", "conditions": [{}]}, "bad_enum", "/operator"),
        ({"operator": None, "conditions": [{}]}, "bad_enum", "/operator"),
        ({"operator": "AND", "conditions": []}, "too_short", "/conditions"),
        ({"operator": "AND", "conditions": {}}, "wrong_type", "/conditions"),
    ],
)
def test_what_is_no_condition_is_refused_with_its_place(document, code, path):
    assert refusals(lambda: parse(document)) == [(code, path)]
    nested = {"all": [{}, {"not": document}]}
    assert refusals(lambda: parse(nested, "/trigger/conditions")) == [(code, f"/trigger/conditions/all/1/not{path}")]


def test_everything_wrong_is_told_at_once():
    document = {"evnt_type": "a", "min_value": "1", "any": [{"event_type": None}, {"not": {"x": 1}}]}
    assert refusals(lambda: parse(document)) == [
        ("unknown_field", "/evnt_type"),
        ("wrong_type", "/min_value"),
        ("wrong_type", "/any/0/event_type"),
        ("unknown_field", "/any/1/not/x"),
    ]
    with pytest.raises(DocumentError, match='did you mean "event_type"'):
        parse(document)


def test_nesting_is_bounded():
    document: dict[str, object] = {}
    for _ in range(64):
        document = {"not": document}
    parse(document)
    assert refusals(lambda: parse({"not": document})) == [("too_deep", "/not" * 65)]


def test_the_list_of_errors_is_bounded():
    assert len(refusals(lambda: parse({f"wrong{number}": 1 for number in range(100_000)}))) == 101


@given(conditions)
def test_parse_and_dump_are_inverse(condition):
    document = json.loads(json.dumps(dump(condition)))
    # The representation tells 1 from 1.0 and from True, and keeps the order of the parts.
    assert repr(parse(document)) == repr(condition)
    assert dump(parse(document)) == document


@pytest.mark.parametrize(
    ("condition", "document"),
    [
        (AllOf((A, ValueAtLeast(1))), {"event_type": "a", "min_value": 1}),
        (AllOf((ValueAtLeast(1), A)), {"all": [{"min_value": 1}, {"event_type": "a"}]}),
        (AllOf((A, B)), {"all": [{"event_type": "a"}, {"event_type": "b"}]}),
        (AllOf((A,)), {"all": [{"event_type": "a"}]}),
        (AllOf((A, AllOf((B,)))), {"event_type": "a", "all": [{"event_type": "b"}]}),
        (EventIs(("a", "b")), {"event_type": ["a", "b"]}),
        (AllOf((A, ALWAYS)), {"all": [{"event_type": "a"}, {}]}),
        (ALWAYS, {}),
    ],
)
def test_dump_gives_the_short_form(condition, document):
    assert dump(condition) == document
    assert parse(document) == condition


# ------------------------------------------------------------------------------------------------------------
# Meaning at the edges


@pytest.mark.parametrize(
    ("found", "wanted", "verdict"),
    [
        ("a", "a", True),
        ("a", "A", False),
        ("", "", True),
        ("", None, False),
        (None, None, True),
        (None, "", False),
        (None, 0, False),
        (None, False, False),
        (0, 0, True),
        (0, False, True),
        (0, "", False),
        (1, 1.0, True),
        (1, True, True),
        ("1", 1, False),
        ("true", True, False),
        (NAN, NAN, False),
        (NAN, None, False),
        (2**53 + 1, float(2**53), False),
        (2**53, float(2**53), True),
        (10**400, 1e300, False),
        (10**400, 10**400, True),
        ([1, 2], [1, 2], True),
        ([1, 2], [2, 1], False),
        ([], None, False),
        ({}, None, False),
        ({"k": 1}, {"k": 1}, True),
        ({"k": 1, "j": 2}, {"k": 1}, False),
        ("e\u0301", "\u00e9", False),
    ],
)
@pytest.mark.parametrize("family", ["event_properties", "subscriber_properties"])
def test_equality_is_pythons(family, found, wanted, verdict):
    event, known = purchase(properties={"x": found}), Facts({"x": found})
    assert holds({family: {"x": wanted}}, event=event, facts=known) is verdict
    assert holds({"not": {family: {"x": wanted}}}, event=event, facts=known) is not verdict


@pytest.mark.parametrize("wanted", ["a", 0, "", False, [], {}])
def test_what_is_missing_equals_nothing_but_null(wanted):
    for family in ("event_properties", "subscriber_properties"):
        assert not holds({family: {"x": wanted}}, event=purchase())
        assert not holds({family: {"x": wanted}}, event=None)
        assert holds({family: {"x": None}}, event=purchase())
        assert holds({family: {"x": None}}, event=None)


@pytest.mark.parametrize(
    ("values", "path", "found"),
    [
        ({"a": {"b": {"c": 1}}}, "a.b.c", 1),
        ({"a.b.c": 2, "a": {"b": {"c": 1}}}, "a.b.c", 2),
        ({"a.b.c": None, "a": {"b": {"c": 1}}}, "a.b.c", None),
        ({"a": {"b.c": 3}}, "a.b.c", None),
        ({"a.b": {"c": 4}}, "a.b.c", None),
        ({"a": "text"}, "a.b", None),
        ({"a": [1]}, "a.0", None),
        ({"a": None}, "a.b", None),
        ({"": {"": 5}}, ".", 5),
        ({"a": {"": 6}}, "a.", 6),
    ],
)
def test_a_path_is_a_literal_key_first_and_dotted_then(values, path, found):
    for document, event, known in (
        ({"event_properties": {path: found}}, purchase(properties=values), NO_FACTS),
        ({"subscriber_properties": {path: found}}, None, Facts(values)),
    ):
        assert holds(document, event=event, facts=known)
        assert evaluate(parse(document), known, event, NOW).operands[0].value == found


THRESHOLDS = [
    (50, 50, True),
    (49.99, 50, False),
    (50.0, 50, True),
    (-1, 0, False),
    (0, 0, True),
    (None, 0, True),
    (None, -1, True),
    (None, 0.5, False),
    (True, 0, False),
    (True, 1, False),
    (False, 0, False),
    ("50", 0, False),
    ("", 0, False),
    ([], 0, False),
    ({}, 0, False),
    (NAN, 0, False),
    (NAN, -1e308, False),
    (math.inf, 1e308, True),
    (-math.inf, -1e308, False),
    (10**400, 1e308, True),
    (-(10**400), -1e308, False),
    (2**53 + 1, float(2**53), True),
    (2**53, 2**53 + 1, False),
]


@pytest.mark.parametrize(("value", "minimum", "verdict"), THRESHOLDS)
def test_a_bare_threshold_is_passed_by_numbers_and_reads_missing_as_0(value, minimum, verdict):
    assert holds({"min_value": minimum}, event=purchase(value=value)) is verdict
    requirements = {"engagement_requirements": {"m": minimum}}
    assert holds(requirements, facts=Facts(engagement={"m": value})) is verdict


def test_without_an_event_its_value_counts_as_0_and_its_type_as_none():
    assert holds({"min_value": 0})
    assert not holds({"min_value": 1})
    assert not holds({"event_type": "purchase"})
    assert holds({"not": {"event_type": "purchase"}})


def test_a_metric_that_is_missing_counts_as_0():
    assert holds({"engagement_requirements": {"opens": 0}})
    assert not holds({"engagement_requirements": {"opens": 1}})


@pytest.mark.parametrize(
    ("types", "verdict"), [("purchase", True), (["x", "purchase"], True), ("Purchase", False), (["x"], False)]
)
def test_the_type_is_one_of_those_named(types, verdict):
    assert holds({"event_type": types}, event=purchase()) is verdict


T, F = {"min_value": 0}, {"min_value": 1}


@pytest.mark.parametrize(
    ("document", "verdict"),
    [
        ({}, True),
        ({"all": [T, T]}, True),
        ({"all": [T, F]}, False),
        ({"any": [F, T]}, True),
        ({"any": [F, F]}, False),
        ({"not": T}, False),
        ({"not": F}, True),
        ({"operator": "NOT", "conditions": [F, F]}, True),
        ({"operator": "NOT", "conditions": [F, T]}, False),
        ({"min_value": 0, "any": [T], "not": T}, False),
    ],
)
def test_trees_are_two_valued_logic(document, verdict):
    assert holds(document) is verdict


class Hostile:
    """A host's object that cannot be compared."""

    __hash__ = None

    def __eq__(self, other: object) -> bool:
        raise RuntimeError


@pytest.mark.parametrize("wanted", ["a", 1, None, [1]])
def test_a_value_that_cannot_be_compared_equals_nothing(wanted):
    event, known = purchase(properties={"x": Hostile()}), Facts({"x": Hostile()})
    assert not holds({"event_properties": {"x": wanted}}, event=event)
    assert not holds({"subscriber_properties": {"x": wanted}}, facts=known)


def test_a_verdict_names_what_was_read_up_to_what_settled_it():
    condition = parse(
        {
            "event_type": "purchase",
            "event_properties": {"x.y": 1, "z": 2, "never": 3},
            "min_value": 5,
        }
    )
    event = purchase(properties={"x": {"y": 1}, "z": 0}, value=9)
    verdict = evaluate(condition, NO_FACTS, event, NOW)
    assert not verdict.holds
    assert verdict.flips_at is None
    assert verdict.operands == (
        Operand("event.type", "purchase", holds=True),
        Operand("event.x.y", 1, holds=True),
        Operand("event.z", 0, holds=False),
    )


def test_operands_say_whose_value_they_are():
    condition = parse({"min_value": 1, "subscriber_properties": {"p": 1}, "engagement_requirements": {"m": 1}})
    verdict = evaluate(condition, Facts({"p": 1}, {"m": 2}), purchase(value=3), NOW)
    assert verdict.holds
    assert [(one.path, one.value) for one in verdict.operands] == [
        ("event.value", 3),
        ("subscriber.p", 1),
        ("engagement.m", 2),
    ]


# ------------------------------------------------------------------------------------------------------------
# An oracle of its own, over documents


def _found(values: Mapping[str, object], path: str) -> object:
    if path in values:
        return values[path]
    head, dot, rest = path.partition(".")
    inner = values.get(head)
    if not dot:
        return None
    # Below the first step nothing is literal any more: each part is one key.
    for part in rest.split("."):
        inner = inner.get(part) if isinstance(inner, dict) else None
    return inner


def _passes(value: object, minimum: float) -> bool:
    value = 0 if value is None else value
    return type(value) in {int, float} and value >= minimum


def naive(document: Mapping[str, object], event: Event | None, known: Facts) -> bool:
    """The meaning of a document, written down from the rules and not from the code."""
    verdicts = []
    for key, asked in document.items():
        match key:
            case "event_type":
                verdicts.append(event is not None and event.type in ([asked] if isinstance(asked, str) else asked))
            case "event_properties":
                values = {} if event is None else event.properties
                verdicts += [_found(values, path) == wanted for path, wanted in asked.items()]
            case "subscriber_properties":
                verdicts += [_found(known.attributes, path) == wanted for path, wanted in asked.items()]
            case "min_value":
                verdicts.append(_passes(None if event is None else event.value, asked))
            case "engagement_requirements":
                verdicts += [_passes(known.engagement.get(name), least) for name, least in asked.items()]
            case "all":
                verdicts += [naive(one, event, known) for one in asked]
            case "any":
                verdicts.append(any(naive(one, event, known) for one in asked))
            case "not":
                verdicts.append(not naive(asked, event, known))
    return all(verdicts)


@given(conditions, st.none() | events, facts)
def test_the_meaning_is_that_of_the_rules(condition, event, known):
    verdict = evaluate(condition, known, event, NOW)
    assert verdict.holds == naive(dump(condition), event, known)
    assert predicate(condition)(event, known, MOMENT) is verdict.holds


@given(conditions, events, facts)
def test_no_event_of_another_type_holds(condition, event, known):
    types = event_types(condition)
    if types is not None and event.type not in types:
        assert not evaluate(condition, known, event, NOW).holds
        assert not evaluate(condition, known, None, NOW).holds


@pytest.mark.parametrize(
    ("document", "types"),
    [
        ({"event_type": ["a", "b"]}, {"a", "b"}),
        ({"event_type": "a", "min_value": 1}, {"a"}),
        ({"event_type": ["a", "b"], "all": [{"event_type": ["b", "c"]}]}, {"b"}),
        ({"event_type": "a", "all": [{"event_type": "b"}]}, set()),
        ({"any": [{"event_type": "a"}, {"event_type": ["b"]}]}, {"a", "b"}),
        ({"any": [{"event_type": "a"}, {"min_value": 1}]}, None),
        ({"not": {"event_type": "a"}}, None),
        ({"min_value": 1}, None),
        ({}, None),
    ],
)
def test_the_event_types_without_which_nothing_holds(document, types):
    assert event_types(parse(document)) == types


# ------------------------------------------------------------------------------------------------------------
# What is read


class Guarded(Mapping[str, object]):
    """Facts that note what is read of them, and that nothing may be read of but what was announced."""

    def __init__(self, values: Mapping[str, object], allowed: frozenset[str]) -> None:
        self._values = values
        self._allowed = allowed
        self.read: set[str] = set()

    def _reading(self, name: object) -> None:
        if name not in self._allowed:
            raise AssertionError(f"{name!r} is read and was not announced")
        self.read.add(name)

    def __getitem__(self, name: str) -> object:
        self._reading(name)
        return self._values[name]

    def __contains__(self, name: object) -> bool:
        self._reading(name)
        return name in self._values

    def __iter__(self) -> Iterator[str]:
        raise AssertionError("everything is read")

    def __len__(self) -> int:
        raise AssertionError("everything is counted")


def guarded(announced: Needs, known: Facts) -> tuple[Guarded, Guarded, Facts]:
    attributes = Guarded(known.attributes, announced.attributes)
    engagement = Guarded(known.engagement, announced.engagement)
    return attributes, engagement, Facts(attributes, engagement)


@given(conditions, st.none() | events, facts)
def test_nothing_is_read_that_was_not_announced(condition, event, known):
    _, _, watched = guarded(needs(condition), known)
    verdict = evaluate(condition, watched, event, NOW)
    assert predicate(condition)(event, watched, MOMENT) is verdict.holds


@given(
    st.dictionaries(st.sampled_from(NAMES), odd_values, max_size=3),
    st.dictionaries(st.sampled_from(NAMES), st.just(0), min_size=1, max_size=3),
)
def test_nothing_is_announced_that_is_not_read(wanted, minimums):
    asked = SubscriberHas({path: Equals(value) for path, value in wanted.items()})
    attributes, _, watched = guarded(needs(asked), NO_FACTS)
    evaluate(asked, watched, None, NOW)
    heads = {operand.split(".")[0] for operand in wanted}
    assert needs(asked).attributes == set(wanted) | heads
    # evaluate stops at the first that fails; asked one by one, each of them is read.
    for path, value in wanted.items():
        evaluate(SubscriberHas({path: Equals(value)}), watched, None, NOW)
    assert attributes.read == needs(asked).attributes
    metrics = EngagementAtLeast(minimums)
    _, engagement, watched = guarded(needs(metrics), NO_FACTS)
    assert evaluate(metrics, watched, None, NOW).holds
    assert engagement.read == needs(metrics).engagement == set(minimums)


def test_conditions_on_the_event_alone_need_no_facts():
    assert needs(parse({"event_type": "a", "event_properties": {"x": 1}, "min_value": 1})) == NO_NEEDS
    assert not needs(ALWAYS)


def test_the_needs_of_a_tree_are_those_of_its_parts():
    document = {
        "any": [{"subscriber_properties": {"a.b": 1}}, {"not": {"engagement_requirements": {"m": 1}}}],
        "subscriber_properties": {"c": 1},
    }
    assert needs(parse(document)) == Needs(attributes=frozenset({"a", "a.b", "c"}), engagement=frozenset({"m"}))
