"""Which messages a conversion is credited to."""

from datetime import UTC, datetime, timedelta
from decimal import Decimal
from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st

from flowkit.analytics.attribution import Attribution, AttributionModel, Conversion, Touch, credited

NOON = datetime(2026, 3, 2, 12, tzinfo=UTC)
DAY = timedelta(days=1)
MODELS = list(AttributionModel)


def touch(days, key="", workflow="w"):
    return Touch(NOON - days * DAY, workflow, f"run-{workflow}", key or f"{days}")


def parts(model, touches, value="90.00", **fields):
    shared = Attribution(model, **fields).credit(Conversion(NOON, Decimal(value)), touches)
    return {credit.touch.key: (credit.share, credit.value) for credit in shared}


THREE = [touch(1), touch(3), touch(2)]


@pytest.mark.parametrize(
    ("model", "shares"),
    [
        (AttributionModel.LAST_TOUCH, {"1": 1}),
        (AttributionModel.FIRST_TOUCH, {"3": 1}),
        (AttributionModel.LINEAR, {"3": Fraction(1, 3), "2": Fraction(1, 3), "1": Fraction(1, 3)}),
        (AttributionModel.POSITION_BASED, {"3": Fraction(2, 5), "2": Fraction(1, 5), "1": Fraction(2, 5)}),
    ],
)
def test_three_touches(model, shares):
    assert parts(model, THREE) == {
        key: (share, Decimal("90.00") * share.numerator / share.denominator)
        for key, share in ((key, Fraction(share)) for key, share in shares.items())
    }


def test_a_touch_a_half_life_earlier_weighs_half():
    shares = parts(AttributionModel.TIME_DECAY, [touch(0), touch(1), touch(2)], half_life=DAY)
    assert [share for share, _ in shares.values()] == [Fraction(1, 7), Fraction(2, 7), Fraction(4, 7)]


@pytest.mark.parametrize("number", [1, 2])
def test_position_of_few(number):
    shares = parts(AttributionModel.POSITION_BASED, [touch(days) for days in range(number)])
    assert {share for share, _ in shares.values()} == {Fraction(1, number)}


def test_the_window_counts_at_its_very_end_and_nothing_counts_after_the_conversion():
    touches = [touch(7), touch(7.001, "early"), Touch(NOON + timedelta(microseconds=1), "w", "r", "late")]
    assert parts(AttributionModel.LINEAR, touches) == {"7": (1, Decimal("90.00"))}
    assert parts(AttributionModel.LINEAR, touches[1:]) == {}


def test_cents_that_are_left_over_go_to_somebody():
    assert [value for _, value in parts(AttributionModel.LINEAR, THREE, "100.00").values()] == [
        Decimal("33.34"),
        Decimal("33.33"),
        Decimal("33.33"),
    ]


@given(
    st.sampled_from(MODELS),
    st.lists(st.tuples(st.floats(0, 30), st.sampled_from("abc")), max_size=12),
    st.decimals(-10_000, 10_000, places=4),
    st.sampled_from(["0.01", "1", "0.25"]),
    st.integers(1, 30),
)
def test_the_parts_sum_to_the_whole_whatever_the_model(model, given_touches, value, quantum, window):
    touches = [touch(days, f"k{index}", name) for index, (days, name) in enumerate(given_touches)]
    attribution = Attribution(model, window=window * DAY, quantum=Decimal(quantum))
    shared = attribution.credit(Conversion(NOON, value), touches)
    counted = [one for one in touches if NOON - one.at <= window * DAY]
    assert bool(shared) == bool(counted)
    if shared:
        assert sum(credit.share for credit in shared) == 1
        assert all(credit.share > 0 for credit in shared)
        assert sum(credit.value for credit in shared) == value
        assert {credit.touch.key for credit in shared} <= {one.key for one in counted}


@given(st.sampled_from(MODELS), st.permutations([touch(days) for days in (0, 1, 1.5, 4, 6)]))
def test_the_order_in_which_touches_are_given_does_not_matter(model, touches):
    assert parts(model, touches) == parts(model, sorted(touches, key=lambda one: one.at))


def test_each_conversion_is_shared_once_over_all_workflows():
    conversions = [Conversion(NOON, Decimal("10.01"), "a"), Conversion(NOON + DAY, Decimal("-3.00"), "b")]
    touches = [touch(1, "x", "one"), touch(2, "y", "two"), touch(3, "z", "one")]
    shared = credited(Attribution(AttributionModel.LINEAR), conversions, touches)
    by_workflow = {}
    for credit in shared:
        by_workflow[credit.touch.workflow_id] = by_workflow.get(credit.touch.workflow_id, 0) + credit.value
    assert sum(by_workflow.values()) == Decimal("7.01")


@pytest.mark.parametrize("wrong", [{"window": timedelta()}, {"half_life": -DAY}, {"quantum": Decimal(0)}])
def test_settings_that_make_no_sense_are_refused(wrong):
    with pytest.raises(ValueError, match="must be positive"):
        Attribution(**wrong)
