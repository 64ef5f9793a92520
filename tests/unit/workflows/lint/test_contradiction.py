"""What can never hold, and what may: the proofs that the lint finds, and those that it must not claim."""

import pytest

from flowkit.conditions import (
    ALWAYS,
    AllOf,
    AnyOf,
    Compares,
    Condition,
    Equals,
    Fails,
    HasAll,
    HasAny,
    Not,
    OneOf,
    Order,
    SubscriberHas,
    parse,
)
from flowkit.workflows.lint.atoms import formula
from flowkit.workflows.lint.contradiction import always_holds, conflict, superfluous


def about(**tests: object) -> dict[str, object]:
    """A condition on the attribute ``x``."""
    return {"subscriber_properties": {"x": {f"${name}": value for name, value in tests.items()}}}


def every(*conditions: dict[str, object]) -> Condition:
    return parse({"all": list(conditions)})


IN_ORDER: dict[str, object] = {"sequence": {"steps": [{"event": "a"}, {"event": "b"}]}}
A_OR_B = about(**{"in": ["a", "b"]})

NEVER = [
    # Equal to two values.
    every(about(eq="a"), about(eq="b")),
    every(about(eq=1), about(eq=2)),
    every(about(eq=None), about(eq=1)),
    every(about(eq=[1]), about(eq=[2])),
    every(about(eq=1), about(**{"in": [2, 3]})),
    every(about(**{"in": [1, 2]}), about(**{"in": [3, "1"]})),
    every(about(**{"in": [1, 2]}), about(nin=[2, 1.0])),
    every(about(eq="a"), about(ne="a")),
    every(about(eq=1.5), about(eq=2)),
    every(about(eq=[1]), about(eq=None)),
    every(about(eq=[1]), about(exists=False)),
    every(about(eq={"a": 1}), about(**{"in": [{"a": 2}, [1]]})),
    SubscriberHas({"x": Equals(float("nan"))}),
    AllOf((SubscriberHas({"x": Equals(10**400)}), SubscriberHas({"x": Compares(Order.LT, 0)}))),
    SubscriberHas({"x": OneOf(())}),
    SubscriberHas({"x": HasAny(())}),
    SubscriberHas({"x": Fails(HasAll(()))}),
    # Equal to what another test does not let through.
    every(about(eq=1.5), about(gt=2)),
    every(about(eq=2.0), about(gt=2)),
    every(about(eq="A", ci=True), about(gt=2)),
    every(about(eq="A", ci=True), about(any=["a"])),
    every(about(**{"in": ["A", "B"], "ci": True}), about(exists=False)),
    every(about(eq=3), about(gt=5)),
    every(about(eq="abc"), about(starts="x")),
    every(about(eq="abc"), about(regex="^x")),
    every(about(eq="abc"), about(ncontains="b")),
    every(about(eq=""), about(empty=False)),
    every(about(eq="1"), about(gt=0)),
    # Bounds that leave nothing.
    every(about(gt=5), about(lt=3)),
    every(about(gt=5), about(lte=5)),
    every(about(gte=5), about(lte=5), about(ne=5)),
    every(about(between=[1, 2]), about(between=[3, 4])),
    every(about(gt=1), {"not": about(gt=0)}),
    every(about(gt="b"), about(lt="a")),
    parse(about(lt="")),
    parse(about(gte="a", lte="a", ne="a")),
    # Two kinds.
    every(about(gt=1), about(lt="a")),
    every(about(gt=1), about(starts="a")),
    every(about(any=["a"]), about(starts="a")),
    every(about(gt=1), about(exists=False)),
    every(about(empty=True), about(gt=1)),
    every(about(before="2026-01-01"), about(eq="")),
    every(about(within="7d"), about(eq=None)),
    # Texts and lists.
    every(about(starts="ab"), about(starts="b")),
    every(about(ends="ab"), about(ends="a")),
    every(about(starts="ab"), {"not": about(starts="a")}),
    every(about(contains="abc"), about(starts="x"), about(ncontains="b")),
    every(about(all=["a", "b"]), about(none=["b"])),
    every(about(any=["a", "b"]), about(none=["b", "a"])),
    # Sizes are whole numbers, and never below nothing.
    parse(about(size={"$lt": 0})),
    every(about(size={"$gt": 2}), about(size={"$lt": 3})),
    parse({"performed": {"event": "a", "count": {"$lt": 0}}}),
    every({"performed": {"event": "a", "count": {"$gte": 3}}}, {"performed": {"event": "a", "count": {"$lt": 2}}}),
    # A test and its contrary.
    every(about(regex="a+"), {"not": about(regex="a+")}),
    every(about(within="7d"), {"not": about(within="7d")}),
    every(
        {"sequence": {"steps": [{"event": "a"}, {"event": "b"}]}},
        {"not": {"sequence": {"steps": [{"event": "a"}, {"event": "b"}]}}},
    ),
    # Events, segments, metrics, samples, variables.
    every({"variables": {"a": 1}}, {"variables": {"a": 2}}),
    every({"event_type": "a"}, {"event_type": ["b", "c"]}),
    every({"event_type": ["a", "b"]}, {"not": {"event_type": ["b", "a"]}}),
    every({"min_value": 5}, {"not": {"min_value": 3}}),
    every({"segments": "a"}, {"segments": {"none": ["a"]}}),
    every({"segments": {"any": ["a", "b"]}}, {"segments": {"none": ["a", "b", "c"]}}),
    every({"engagement_requirements": {"opens": 5}}, {"engagement_requirements": {"opens": {"$lt": 5}}}),
    every({"sample": {"percent": 10, "salt": "s"}}, {"not": {"sample": {"percent": 20, "salt": "s"}}}),
    parse({"sample": {"percent": 0, "salt": "s"}}),
    # Through choices.
    every({"any": [about(eq="a"), about(eq="b")]}, about(eq="c")),
    every({"any": [about(eq="a"), about(eq="b")]}, {"any": [about(gt=1), about(eq="c")]}),
    every({"any": [about(eq="a"), {"segments": "a"}]}, about(eq="b"), {"segments": {"none": ["a"]}}),
    parse({"not": {"any": [about(eq="a"), about(ne="a")]}}),
    AnyOf(()),
    Not(ALWAYS),
]

MAYBE = [
    ALWAYS,
    every(about(eq=1.5), about(gt=1)),
    every(about(eq=2.0), about(gte=2)),
    AllOf((SubscriberHas({"x": Equals(10**400)}), SubscriberHas({"x": Compares(Order.GT, 0)}))),
    SubscriberHas({"x": Compares(Order.LT, float("inf"))}),
    SubscriberHas({"x": Fails(Compares(Order.GT, float("nan")))}),
    every(about(eq=[1]), about(contains=1)),
    every(about(**{"in": [1, "a", [2]]}), about(contains=2)),
    every(about(eq="A", ci=True), about(starts="a")),
    every(about(**{"in": ["A", 1], "ci": True}), about(gt=0)),
    every(about(between=["a", "b"]), about(ne="a")),
    every(about(eq=1), about(eq=True)),
    every(about(eq=1), about(**{"in": [True]})),
    # 1 equals a flag, and is a date; so are larger numbers.
    every(about(before="2026-01-01"), about(gt=5)),
    every(about(before="2026-01-01"), about(eq=True)),
    # A flag equals 1, and is no number; a NaN is above and below nothing.
    every(about(eq=1), {"not": about(gt=0)}),
    every({"not": about(gt=5)}, {"not": about(lte=5)}),
    every({"not": about(gt="a")}, {"not": about(lte="a")}),
    every(about(gte=5), about(lte=5)),
    every(about(gt=4), about(lt=5)),
    every(about(contains="a"), about(contains="b")),
    every(about(all=["a"]), about(any=["b"])),
    every(about(starts="a"), about(starts="ab"), about(ends="a")),
    every(about(eq=None), {"not": about(eq=1)}),
    every(about(ne=1), about(ne=2)),
    every(about(eq="A", ci=True), about(eq="a")),
    every(about(eq="a", ci=True), about(eq="A", ci=True)),
    every(about(starts="A", ci=True), about(starts="a")),
    every(about(gt="B", ci=True), about(lt="A")),
    every(about(all=["A"], ci=True), about(none=["A"])),
    every(about(size=0), about(eq="")),
    every(about(before="2026-01-01"), about(after="2027-01-01")),
    every({"subscriber_properties": {"x": 1}}, {"event_properties": {"x": 2}}),
    every({"subscriber_properties": {"x": 1}}, {"subscriber_properties": {"x.y": 2}}),
    every({"engagement_requirements": {"opens": 0}}, {"engagement_requirements": {"opens": {"$exists": False}}}),
    every(
        {"performed": {"event": "a", "count": 0}}, {"performed": {"event": "a", "within": "1d", "count": {"$gte": 3}}}
    ),
    every({"performed": {"event": "a", "sum": "v", "is": {"$lt": 0}}}),
    every({"sample": {"percent": 20, "salt": "s"}}, {"not": {"sample": {"percent": 10, "salt": "s"}}}),
    every({"sample": {"percent": 10, "salt": "s"}}, {"not": {"sample": {"percent": 10, "salt": "t"}}}),
    # What a host's predicate says may change from one question to the next.
    every({"custom": {"name": "p"}}, {"not": {"custom": {"name": "p"}}}),
    every({"segments": {"any": ["a", "b"]}}, {"segments": {"none": ["a"]}}),
    every({"any": [about(eq="a"), {"segments": "a"}]}, about(eq="b")),
]


@pytest.mark.parametrize("condition", NEVER, ids=str)
def test_what_can_never_hold_is_found(condition):
    assert conflict([formula(condition)]) is not None
    assert always_holds(Not(condition))


@pytest.mark.parametrize("condition", MAYBE, ids=str)
def test_what_may_hold_is_let_be(condition):
    assert conflict([formula(condition)]) is None


def test_the_values_that_cannot_be_are_named():
    condition = every({"any": [about(eq="a"), {"segments": "v"}]}, about(eq="b"), {"segments": {"none": ["v"]}})
    assert conflict([formula(condition)]) == ("subscriber.x", "segments.v")
    assert conflict([formula(AnyOf(()))]) == ()
    assert conflict([formula(parse(about(size={"$lt": 0})))]) == ("the size of subscriber.x",)


def test_without_an_event_nothing_of_one_is_there():
    asked = [{"event_type": "a"}, {"event_properties": {"x": 1}}, {"min_value": 1}]
    for one in asked:
        assert conflict([formula(parse(one))]) is None
        assert conflict([formula(parse(one), event=False)]) is not None
    for one in [{"min_value": 0}, {"event_properties": {"x": None}}, {"not": {"event_type": "a"}}]:
        assert conflict([formula(parse(one), event=False)]) is None


def test_the_past_is_another_when_it_is_looked_back_on_later():
    done = parse({"performed": {"event": "a"}})
    assert conflict([formula(done), formula(Not(done))]) is not None
    assert conflict([formula(done), formula(Not(done), scope="later")]) is None


def test_a_search_that_would_take_too_long_is_given_up():
    free = [{"any": [{"segments": f"a{one}"}, {"segments": f"b{one}"}]} for one in range(20)]
    pigeons = [{"any": [about(eq="a"), about(eq="b")]}, {"any": [about(eq="c"), about(eq="d")]}]
    assert conflict([formula(every(*pigeons))]) is not None
    # The same contradiction, behind a million ways to choose before it.
    assert conflict([formula(every(*free, *pigeons))]) is None
    # The same beside more tests than are made.
    one_value = Not(AnyOf(tuple(SubscriberHas({"x": Equals(one)}) for one in range(25_000))))
    assert conflict([formula(AllOf((one_value, every(*pigeons))))]) is None
    # Choices enough to be too deep for a stack.
    deep = [{"any": [{"segments": f"a{one}"}, {"segments": f"b{one}"}]} for one in range(3_000)]
    assert conflict([formula(every(*deep))]) is None


@pytest.mark.parametrize(
    ("document", "part", "matter"),
    [
        (
            {"all": [about(eq="a"), about(**{"in": ["a", "b"]})]},
            about(**{"in": ["a", "b"]}),
            "follows from the other parts",
        ),
        ({"any": [about(eq="a"), about(**{"in": ["a", "b"]})]}, about(eq="a"), "is covered by the other parts"),
        ({"any": [about(eq="a"), about(lt="")]}, about(lt=""), "never holds"),
        ({"all": [about(eq="a"), {"not": about(lt="")}]}, {"not": about(lt="")}, "holds always"),
        ({"all": [about(eq="a"), about(eq="a")]}, about(eq="a"), "follows from the other parts"),
        ({"all": [{"segments": "s"}, {"any": [about(eq="a"), about(lt="")]}]}, about(lt=""), "never holds"),
    ],
)
def test_a_part_that_changes_nothing_is_found(document, part, matter):
    assert superfluous(parse(document)) == (parse(part), matter)


@pytest.mark.parametrize(
    "document",
    [
        {},
        {"all": [about(eq="a"), {"segments": "s"}]},
        {"any": [about(eq="a"), about(eq="b")]},
        # Empty parts are left to their author.
        {"all": [{}, about(eq="a")]},
        {"all": [about(eq="a"), {"custom": {"name": "p"}}]},
    ],
)
def test_parts_that_matter_are_let_be(document):
    assert superfluous(parse(document)) is None
