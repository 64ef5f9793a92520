"""Changes that chance does not explain."""

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats

from flowkit.analytics.anomalies import Against, Direction, Volume, anomalies, hour_of_week, same_hours
from flowkit.analytics.findings import Counted, Severity

FALSE_ALARMS = 0.05


def against(x1, n1, x0, n0, direction=Direction.DROP, **fields):
    return Against("w", "completion", direction, Counted(x1, n1), Counted(x0, n0), **fields)


@given(st.data(), st.integers(1, 4000), st.integers(1, 4000), st.sampled_from(Direction))
def test_a_rate_is_tested_by_fishers_exact_test(data, n1, n0, direction):
    x1, x0 = data.draw(st.integers(0, n1)), data.draw(st.integers(0, n0))
    alternative = "less" if direction is Direction.DROP else "greater"
    expected = stats.fisher_exact([[x1, n1 - x1], [x0, n0 - x0]], alternative=alternative).pvalue
    assert against(x1, n1, x0, n0, direction).p == pytest.approx(expected, rel=1e-6, abs=1e-12)


@given(st.integers(0, 5000), st.integers(0, 5000), st.integers(1, 48), st.integers(1, 500), st.sampled_from(Direction))
def test_a_number_in_a_time_is_tested_by_the_binomial_test(now, before, hours, hours_before, direction):
    volume = Volume("w", "entries", direction, now, hours, before, hours_before)
    alternative = "less" if direction is Direction.DROP else "greater"
    if now + before:
        share = hours / (hours + hours_before)
        expected = stats.binomtest(now, now + before, share, alternative=alternative).pvalue
        assert volume.p == pytest.approx(expected, rel=1e-6, abs=1e-12)
    else:
        assert volume.p == 1


def test_large_counts_keep_a_p_that_is_finite():
    p = against(700_000_000, 10**9, 701_000_000, 10**9).p
    z = (0.700 - 0.701) / math.sqrt(2 * 0.7005 * 0.2995 / 1e9)
    assert p == pytest.approx(stats.norm.cdf(z), rel=0.01)


def test_where_there_is_nothing_to_compare_nothing_is_found():
    assert against(0, 0, 5, 10).p == 1
    assert against(1, 10, 0, 0).p == 1
    assert anomalies([]) == ()


def test_a_finding_has_its_counts_and_is_named_after_what_changed():
    (found,) = anomalies([against(10, 100, 800, 1000), against(79, 100, 800, 1000)])
    assert (found.kind, found.severity, found.value, found.expected) == ("completion_drop", Severity.HIGH, 0.1, 0.8)
    assert found.evidence["current_part"] == 10
    assert found.evidence["p"] < found.evidence["adjusted_p"] < 1e-30


def test_the_surest_comes_first():
    names = [(f"w{index}", part) for index, part in enumerate([300, 100, 200])]
    points = [
        Against(name, "completion", Direction.DROP, Counted(part, 1000), Counted(8000, 10000)) for name, part in names
    ]
    assert [found.workflow_id for found in anomalies(points)] == ["w1", "w2", "w0"]


def test_a_change_that_is_sure_and_does_not_matter_is_passed_over():
    sure = {"x1": 78_000, "n1": 100_000, "x0": 800_000, "n0": 1_000_000}
    assert len(anomalies([against(**sure)])) == 1
    assert anomalies([against(**sure, least=0.1)]) == []


def test_an_improvement_is_no_finding():
    assert anomalies([against(99, 100, 50, 1000)]) == []


@pytest.mark.parametrize("wrong", [0, 1, -0.1, math.nan])
def test_a_share_that_makes_no_sense_is_refused(wrong):
    with pytest.raises(ValueError, match="false_alarms"):
        anomalies([against(1, 2, 1, 2)], false_alarms=wrong)


# ------------------------------------------------------------------------------------------------------------
# What the promise says of healthy traffic, and of planted faults


def look(draw, rates, *, now=200, before=4000, completion=1.0, complaints=1.0):
    points = []
    for name, (completing, complaining) in rates.items():
        for measure, direction, rate, factor in (
            ("completion", Direction.DROP, completing, completion),
            ("complaint", Direction.SPIKE, complaining, complaints),
        ):
            current = Counted(int(draw.binomial(now, rate * factor)), now)
            past = Counted(int(draw.binomial(before, rate)), before)
            points.append(Against(name, measure, direction, current, past))
    return anomalies(points, false_alarms=FALSE_ALARMS)


RATES = {f"w{index}": (0.5 + index / 40, 0.0005 * (1 + index)) for index in range(10)}


def test_on_healthy_traffic_a_look_raises_an_alarm_no_more_often_than_asked_for():
    draw, looks = np.random.default_rng(1), 1500
    alarms = sum(bool(look(draw, RATES)) for _ in range(looks))
    # The 0.1 % quantile from above of what a rate of exactly FALSE_ALARMS would show.
    assert alarms <= stats.binom.isf(0.001, looks, FALSE_ALARMS)


def test_a_fall_of_completion_by_three_tenths_is_found_within_two_hundred_runs():
    draw, looks = np.random.default_rng(2), 200
    found = [look(draw, {"w": (0.8, 0.001)}, now=200, completion=0.7) for _ in range(looks)]
    assert sum(any(one.kind == "completion_drop" for one in some) for some in found) >= 0.99 * looks


def test_ten_times_the_complaints_are_found_within_two_thousand_runs():
    draw, looks = np.random.default_rng(3), 200
    found = [look(draw, {"w": (0.8, 0.001)}, now=2000, before=40_000, complaints=10) for _ in range(looks)]
    assert sum(any(one.kind == "complaint_spike" for one in some) for some in found) >= 0.99 * looks


# ------------------------------------------------------------------------------------------------------------
# The same hours of the weeks before


def test_the_week_begins_on_monday():
    # 2026-03-02 is a Monday.
    assert hour_of_week(492_336) == 0
    assert hour_of_week(492_336 + 167) == 167


def test_the_same_hours_of_the_weeks_before_are_added_up():
    counts = {hour: Counted(1, 2) for hour in range(1000)}
    assert same_hours(counts, 900, weeks=3, around=1) == Counted(9, 18)
    assert same_hours(counts, 900, weeks=1, around=0) == Counted(1, 2)
    assert same_hours(counts, 100, weeks=3) == Counted(0, 0)
