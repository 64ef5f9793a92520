"""The lint on random workflows and conditions: it never fails, and what it calls impossible never happens."""

from datetime import UTC, datetime
from decimal import Decimal

import pytest
from attrs import evolve
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from flowkit.conditions import (
    AllOf,
    AnyOf,
    Compares,
    Condition,
    EngagementAtLeast,
    Equals,
    EventHas,
    Fails,
    Not,
    Order,
    Performed,
    SubscriberHas,
    ValueAtLeast,
    evaluate,
)
from flowkit.events import Event, Facts
from flowkit.testing import strategies as journeys
from flowkit.workflows.check import Severity, check, check_together
from flowkit.workflows.codec import dump, load
from flowkit.workflows.lint.atoms import formula
from flowkit.workflows.lint.contradiction import always_holds, conflict, superfluous
from tests.properties.test_diff import edits
from tests.support import condition_strategies, strategies
from tests.support.strategies import EDGES

NOW = condition_strategies.NOW


def never_holds(condition: Condition, **options: bool) -> bool:
    return conflict([formula(condition, **options)]) is not None


# ------------------------------------------------------------------------------------------------------------
# Workflows


@given(journeys.workflows())
def test_journeys_have_no_error(workflow):
    assert [finding for finding in check(workflow) if finding.severity is Severity.ERROR] == []


@given(strategies.workflows())
def test_the_lint_never_fails_and_says_the_same_of_what_was_stored(workflow):
    found = check(workflow)
    assert all(finding.message.isprintable() and len(finding.message) < 500 for finding in found)
    assert check(load(dump(workflow))) == found


@given(edits())
def test_the_lint_never_fails_on_what_loading_would_refuse(versions):
    for workflow in versions:
        assert all(finding.path == "" or finding.path.startswith("/") for finding in check(workflow))


@given(st.lists(strategies.workflows() | journeys.workflows(), max_size=4))
def test_the_lint_of_several_never_fails(workflows):
    for finding in check_together(workflows):
        assert finding.workflow_id in {workflow.workflow_id for workflow in workflows}


# ------------------------------------------------------------------------------------------------------------
# Conditions

# Values at which one test passes and the next does not: about the bounds and words that are drawn.
VALUES = [
    *EDGES,
    *[number + part for number in range(-4, 6) for part in (0, 0.5)],
    *[float(number) for number in range(-2, 3)],
    *["A", "ab", "b", "ß", "ss", "SS", "É", "é", "abab", "ba", "aab"],
    *[[], ["a"], ["A"], ["ab", "b"], ["a", "b"], [1, 2], [True], [None], [""], ["ß", "SS"], [[1]], [float("nan")]],
    *[{"b": None}, {"b": {"c": 1}}, {"a": 1, "b": 2, "c": 3}],
    *[float("nan"), float("inf"), -float("inf"), 10**400, 30, 31, 2**53, 2**53 + 1, float(2**53)],
    *[Decimal(0), Decimal("0.5"), Decimal(1), Decimal(2), Decimal(3)],
    *["2026-03-07", "2026-03-01T12:00:00Z", "1992-02-29", datetime(2026, 3, 6, tzinfo=UTC), 1_772_884_800],
]


def single(matcher, value):
    facts = Facts({} if value is None else {"a": value})
    return evaluate(SubscriberHas({"a": matcher}), facts, None, NOW).holds


narrow = st.one_of(
    condition_strategies.timeless,
    st.integers(-2, 3).map(Equals),
    st.builds(Compares, st.sampled_from(Order), st.integers(-2, 3)),
    st.builds(Compares, st.sampled_from(Order), st.sampled_from(["", "a", "ab", "b"])),
)
matchers = st.lists(narrow | narrow.map(Fails) | condition_strategies.matchers, min_size=1, max_size=3)


@settings(max_examples=200)
@given(matchers, st.lists(condition_strategies.values | condition_strategies.dates, max_size=5))
@example([Equals([1]), Compares(Order.GT, 1)], [])
def test_no_value_passes_what_is_called_impossible(some, more):
    condition = AllOf(tuple(SubscriberHas({"a": one}) for one in some))
    passing = [value for value in [*VALUES, *more] if all(single(one, value) for one in some)]
    if never_holds(condition):
        assert passing == []
    if always_holds(AnyOf(condition.conditions)):
        assert all(any(single(one, value) for one in some) for value in [*VALUES, *more])


def test_impossible_is_said_where_no_value_passes():
    """Of single tests and bounds that exclude each other, most are found: the property above is not an empty one."""
    tests = [
        *(Equals(one) for one in (None, 1, 2, "a", "b", True)),
        *(Compares(order, bound) for order in Order for bound in (1, 2, "a")),
    ]
    tests += [Fails(one) for one in tests]
    pairs = [(one, other) for one in tests for other in tests]
    impossible = [pair for pair in pairs if not any(all(single(one, value) for one in pair) for value in VALUES)]
    missed = [pair for pair in impossible if not never_holds(AllOf(tuple(SubscriberHas({"a": one}) for one in pair)))]
    assert len(impossible) > 150
    assert missed == []


conditions = st.one_of(
    condition_strategies.conditions,
    condition_strategies.clocked,
    st.lists(condition_strategies.leaves, min_size=2, max_size=3).map(lambda some: AllOf(tuple(some))),
    condition_strategies.conditions.map(lambda one: AllOf((one, Not(one)))),
    st.tuples(condition_strategies.conditions, condition_strategies.conditions).map(
        lambda both: AllOf((both[0], AnyOf((Not(both[0]), both[1]))))
    ),
    st.lists(
        st.builds(
            lambda kind, wanted: kind(wanted),
            st.sampled_from(
                [
                    lambda wanted: EventHas({"a": wanted}),
                    lambda wanted: SubscriberHas({"a": wanted}),
                    lambda wanted: EngagementAtLeast({"a": wanted}),
                    lambda wanted: Performed("open", passes=wanted),
                ]
            ),
            condition_strategies.numeric,
        )
        | st.sampled_from([ValueAtLeast(1), Not(ValueAtLeast(0)), Not(EngagementAtLeast({"a": 1}))]),
        min_size=2,
        max_size=4,
    ).map(lambda some: AllOf(tuple(some))),
)
facts = condition_strategies.facts | condition_strategies.clock_facts
asked = st.lists(st.tuples(facts, st.none() | condition_strategies.events, condition_strategies.starts), min_size=4)


def verdicts(condition: Condition, about: list) -> list[bool]:
    return [
        evaluate(condition, known, event, NOW, started_at=started, predicates=condition_strategies.PREDICATES).holds
        for known, event, started in about
    ]


@settings(max_examples=200, suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large])
@given(conditions, asked)
def test_no_facts_and_no_event_meet_what_is_called_impossible(condition, about):
    if never_holds(condition):
        assert not any(verdicts(condition, about))
    if always_holds(condition):
        assert all(verdicts(condition, about))
    if never_holds(condition, event=False):
        assert not any(verdicts(condition, [(known, None, started) for known, _, started in about]))


@settings(max_examples=200, suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large])
@given(conditions, asked)
def test_a_part_that_changes_nothing_changes_nothing(condition, about):
    found = superfluous(condition)
    if found is not None and isinstance(condition, (AllOf, AnyOf)) and found[0] in condition.conditions:
        parts = list(condition.conditions)
        parts.remove(found[0])
        assert verdicts(evolve(condition, conditions=tuple(parts)), about) == verdicts(condition, about)


def test_the_strategies_draw_what_is_impossible():
    """A count of one run that is always the same: so the properties above are about something."""
    counted = {"never": 0, "always": 0, "superfluous": 0}

    @settings(max_examples=300, derandomize=True, database=None, suppress_health_check=list(HealthCheck))
    @given(conditions)
    def count(condition):
        counted["never"] += never_holds(condition)
        counted["always"] += always_holds(condition)
        counted["superfluous"] += superfluous(condition) is not None

    count()
    assert min(counted.values()) >= 5, counted


@pytest.mark.parametrize("event", [None, Event("open", "s")])
def test_a_filter_that_contradicts_the_trigger_lets_nobody_in(event):
    one, other = SubscriberHas({"a": Compares(Order.GT, 1)}), SubscriberHas({"a": Compares(Order.LT, 1)})
    assert conflict([formula(one), formula(other, scope="filter")]) is not None
    for value in VALUES:
        known = Facts({"a": value})
        assert not (evaluate(one, known, event, NOW).holds and evaluate(other, known, event, NOW).holds)
