"""Changes that chance does not explain."""

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats

from flowkit.analytics.anomalies import Against, Direction, Volume, anomalies, hour_of_week, same_hours
from flowkit.analytics.findings import Counted, Measures, Severity, Thresholds, findings

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


# ------------------------------------------------------------------------------------------------------------
# Beside the rules with thresholds, on the same traffic


def traffic(draw, looks, *, runs, factors=None):
    """Looks at a day of a workflow and the day before."""
    rates = {"completion": 0.75, "conversion": 0.06, "unsubscribe": 0.006, "complaint": 0.0006}
    for _ in range(looks):
        days = []
        for day in (factors or {}), {}:
            counted = {
                name: Counted(int(draw.binomial(runs, rate * day.get(name, 1))), runs) for name, rate in rates.items()
            }
            days.append(counted)
        yield days


def by_rules(now, before):
    rules = Thresholds(
        low_completion=None,
        low_conversion=None,
        high_unsubscribe=None,
        high_complaint=None,
        bottleneck=None,
        low_engagement=None,
        weak_conversion=None,
    )
    return bool(findings(Measures("w", now), Measures("w", before), rules))


def by_tests(now, before):
    bad = {"completion": Direction.DROP, "conversion": Direction.DROP}
    points = [
        Against("w", name, bad.get(name, Direction.SPIKE), counted, before[name]) for name, counted in now.items()
    ]
    return bool(anomalies(points, false_alarms=FALSE_ALARMS))


def share(judge, *, runs, looks=400, factors=None):
    draw = np.random.default_rng(11)
    return sum(judge(*days) for days in traffic(draw, looks, runs=runs, factors=factors)) / looks


def test_of_healthy_traffic_the_rules_tell_in_many_looks_and_the_tests_in_few():
    # In 200 runs a day: the page on monitoring has these numbers.
    assert 0.15 < share(by_rules, runs=200) < 0.25
    assert share(by_tests, runs=200) <= FALSE_ALARMS


@pytest.mark.parametrize(
    ("factors", "runs"),
    [
        ({"completion": 0.7}, 200),
        ({"unsubscribe": 2}, 10_000),
        ({"complaint": 10}, 5_000),
        ({"conversion": 0.5}, 2_000),
    ],
    ids=["completion falls by 30 %", "unsubscribes double", "ten times the complaints", "conversion halves"],
)
def test_what_is_planted_is_found_in_a_stated_number_of_runs_a_day(factors, runs):
    assert share(by_tests, runs=runs, looks=200, factors=factors) >= 0.97


def test_a_fault_of_just_the_rules_size_passes_the_rules_half_of_the_time():
    assert share(by_rules, runs=10_000, looks=200, factors={"unsubscribe": 2}) < 0.6
