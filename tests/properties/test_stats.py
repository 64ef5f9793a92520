"""Laws of the statistics: symmetry, monotony, tests and intervals that agree, and arrays that are many floats."""

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from flowkit.stats import (
    Summary,
    adjust,
    always_valid,
    beta_posterior,
    binomial_test,
    boundaries,
    chi_square_test,
    compare_means,
    compare_proportions,
    conditional_odds_ratio,
    dunnett,
    exact_table_test,
    mixture_variance,
    normal_isf,
    normal_two_sided,
    odds_ratio,
    power_of_proportions,
    proportion_interval,
    relative_lift,
    sample_ratio_test,
    size_for_proportions,
    standing,
)
from flowkit.stats.difference import DIFFERENCE_INTERVALS
from flowkit.stats.lift import RATIO_INTERVALS
from flowkit.stats.multiplicity import ADJUSTMENTS
from flowkit.stats.proportion import PROPORTION_INTERVALS

LARGEST = 10**9


def arms(largest=LARGEST):
    """Successes and units of one arm, the ends of the range often."""
    sizes = st.one_of(st.sampled_from([1, 2, 10, largest]), st.integers(1, largest))
    return sizes.flatmap(
        lambda n: st.tuples(st.one_of(st.sampled_from([0, n, min(1, n), n // 2]), st.integers(0, n)), st.just(n))
    )


ARMS = arms()
SMALL = arms(40)
ASYMPTOTIC = st.sampled_from(["pearson", "yates", "z", "wald"])
EXACT = st.sampled_from(["fisher", "fisher_mid_p"])


def finite_or_said(result):
    """No NaN and no infinity without a reason."""
    numbers = [result.estimate, result.interval.low, result.interval.high, result.p, result.log10_p]
    numbers += [] if result.statistic is None else [result.statistic]
    return all(math.isfinite(number) for number in numbers) or bool(result.reasons)


@given(ARMS, ARMS, ASYMPTOTIC, st.sampled_from(sorted(DIFFERENCE_INTERVALS)))
def test_every_comparison_is_sound(one, other, test, interval):
    found = compare_proportions(*one, *other, test=test, interval=interval)
    assert 0 <= found.p <= 1
    assert found.log10_p <= 0
    assert found.p == pytest.approx(10.0**found.log10_p, rel=1e-9, abs=1e-300)
    assert -1 <= found.interval.low <= found.interval.high <= 1
    if interval != "agresti_caffo":  # its middle is another estimate
        assert found.interval.low - 1e-15 <= found.estimate <= found.interval.high + 1e-15
    assert finite_or_said(found)


@given(ARMS, ARMS, ASYMPTOTIC, st.sampled_from(sorted(DIFFERENCE_INTERVALS)))
def test_exchanging_the_arms_turns_the_sign(one, other, test, interval):
    found = compare_proportions(*one, *other, test=test, interval=interval)
    turned = compare_proportions(*other, *one, test=test, interval=interval)
    assert turned.estimate == -found.estimate
    assert turned.p == pytest.approx(found.p, rel=1e-12, abs=1e-300)
    assert (turned.interval.low, turned.interval.high) == pytest.approx(
        (-found.interval.high, -found.interval.low), rel=1e-6, abs=1e-14
    )


@given(ARMS, ARMS, ASYMPTOTIC, st.sampled_from(sorted(DIFFERENCE_INTERVALS)))
def test_counting_failures_turns_the_sign(one, other, test, interval):
    (x1, n1), (x2, n2) = one, other
    found = compare_proportions(x1, n1, x2, n2, test=test, interval=interval)
    failures = compare_proportions(n1 - x1, n1, n2 - x2, n2, test=test, interval=interval)
    assert failures.log10_p == pytest.approx(found.log10_p, rel=1e-6, abs=1e-9)
    assert (failures.interval.low, failures.interval.high) == pytest.approx(
        (-found.interval.high, -found.interval.low), rel=1e-6, abs=1e-9
    )


@given(SMALL, SMALL, EXACT)
def test_exact_tests_do_not_care_for_the_order_of_arms_or_outcomes(one, other, test):
    (x1, n1), (x2, n2) = one, other
    p = compare_proportions(x1, n1, x2, n2, test=test).p
    assert compare_proportions(x2, n2, x1, n1, test=test).p == pytest.approx(p, rel=1e-11)
    assert compare_proportions(n1 - x1, n1, n2 - x2, n2, test=test).p == pytest.approx(p, rel=1e-11)
    assert 0 < p <= 1


@given(SMALL, SMALL)
def test_the_mid_p_is_never_larger_and_one_side_adds_up(one, other):
    (x1, n1), (x2, n2) = one, other
    fisher, mid = (compare_proportions(x1, n1, x2, n2, test=test).p for test in ("fisher", "fisher_mid_p"))
    assert mid <= fisher * (1 + 1e-12)
    if 0 < x1 + x2 < n1 + n2:
        sides = [
            compare_proportions(*one, *other, test="fisher_mid_p", alternative=side).p for side in ("greater", "less")
        ]
        assert sum(sides) == pytest.approx(1, abs=1e-11)


@given(
    st.lists(st.tuples(ARMS, ARMS), min_size=1, max_size=6), ASYMPTOTIC, st.sampled_from(sorted(DIFFERENCE_INTERVALS))
)
def test_an_array_of_comparisons_is_many_comparisons(tables, test, interval):
    columns = [np.array(column) for column in zip(*((*one, *other) for one, other in tables), strict=True)]
    many = compare_proportions(*columns, test=test, interval=interval)
    for place, (one, other) in enumerate(tables):
        single = compare_proportions(*one, *other, test=test, interval=interval)
        assert many.p[place] == pytest.approx(single.p, rel=1e-9, abs=1e-300)
        assert many.log10_p[place] == pytest.approx(single.log10_p, rel=1e-9, abs=1e-12)
        assert many.interval.low[place] == pytest.approx(single.interval.low, rel=1e-6, abs=1e-13)
        assert many.interval.high[place] == pytest.approx(single.interval.high, rel=1e-6, abs=1e-13)
        held = {reason for reason, mask in many.reasons.items() if mask[place]}
        assert held == set(single.reasons)


@given(st.lists(st.tuples(SMALL, SMALL), min_size=1, max_size=5))
def test_the_automatic_test_of_many_is_that_of_each(tables):
    columns = [np.array(column) for column in zip(*((*one, *other) for one, other in tables), strict=True)]
    many = compare_proportions(*columns)
    for place, (one, other) in enumerate(tables):
        assert many.p[place] == pytest.approx(compare_proportions(*one, *other).p, rel=1e-10)


@given(ARMS, ARMS, st.sampled_from(sorted(DIFFERENCE_INTERVALS)), st.floats(0.5, 0.99), st.floats(0.001, 0.009))
def test_more_confidence_is_a_wider_interval(one, other, interval, confidence, more):
    narrow = compare_proportions(*one, *other, test="pearson", interval=interval, confidence=confidence).interval
    wide = compare_proportions(*one, *other, test="pearson", interval=interval, confidence=confidence + more).interval
    assert wide.low <= narrow.low + 1e-12
    assert narrow.high <= wide.high + 1e-12


@given(ARMS, ARMS, st.floats(0.5, 0.999))
def test_walds_test_and_interval_agree(one, other, confidence):
    found = compare_proportions(*one, *other, test="wald", interval="wald", confidence=confidence)
    low, high = found.interval.low, found.interval.high
    if min(abs(low), abs(high)) > 1e-12 and abs(found.p - (1 - confidence)) > 1e-9 and low > -1 and high < 1:
        assert (low > 0 or high < 0) == (found.p < 1 - confidence)


@given(ARMS, ARMS, st.floats(0.5, 0.999))
def test_the_pooled_test_and_the_score_interval_agree(one, other, confidence):
    """At a difference of 0 the restricted rates are the pooled ones, so Mee's interval leaves 0 out where z rejects."""
    found = compare_proportions(*one, *other, test="pearson", interval="mee", confidence=confidence)
    if abs(found.p - (1 - confidence)) > 1e-6:
        assert (found.interval.low > 0 or found.interval.high < 0) == (found.p < 1 - confidence)
    lift = relative_lift(*one, *other, test="pearson", interval="koopman", confidence=confidence)
    if abs(found.p - (1 - confidence)) > 1e-6:
        assert (lift.interval.low > 0 or lift.interval.high < 0) == (found.p < 1 - confidence)


@given(st.integers(0, 30), st.integers(0, 40), st.floats(0.05, 0.95))
def test_the_binomial_test_falls_away_from_the_rate(x, n_more, rate):
    n = x + n_more + 1
    ps = binomial_test(np.arange(n + 1), n, rate).p
    mode = int((n + 1) * rate)
    assert np.all(np.diff(ps[: mode + 1]) >= -1e-12)
    assert np.all(np.diff(ps[min(mode, n) :]) <= 1e-12)
    assert ps.max() == pytest.approx(1)


@given(ARMS, st.sampled_from(sorted(PROPORTION_INTERVALS)), st.floats(0.5, 0.999))
def test_an_interval_of_a_rate_mirrors_that_of_failures(arm, method, confidence):
    x, n = arm
    one = proportion_interval(x, n, method=method, confidence=confidence)
    other = proportion_interval(n - x, n, method=method, confidence=confidence)
    assert 0 <= one.low <= x / n <= one.high <= 1
    assert (one.low, one.high) == pytest.approx((1 - other.high, 1 - other.low), rel=1e-6, abs=1e-9)


@given(ARMS, ARMS, st.sampled_from(sorted(RATIO_INTERVALS)))
def test_every_lift_is_sound(one, other, interval):
    found = relative_lift(*one, *other, test="pearson", interval=interval)
    assert finite_or_said(found)
    assert -1 <= found.interval.low <= found.interval.high
    if not math.isnan(found.estimate):
        slack = 1e-9 * (1 + abs(found.estimate))
        assert found.interval.low - slack <= found.estimate
        assert math.isinf(found.estimate) or found.estimate <= found.interval.high + slack
    odds = odds_ratio(*one, *other, test="pearson")
    assert finite_or_said(odds)
    assert 0 <= odds.interval.low <= odds.interval.high


@given(ARMS, ARMS, st.sampled_from(["koopman", "miettinen_nurminen", "log", "fieller"]))
def test_exchanging_the_arms_turns_the_ratio_over(one, other, interval):
    found = relative_lift(*one, *other, test="pearson", interval=interval).interval
    turned = relative_lift(*other, *one, test="pearson", interval=interval).interval
    for ratio, inverse in ((found.low + 1, turned.high + 1), (found.high + 1, turned.low + 1)):
        if 1e-5 < ratio < 1e5:
            assert inverse == pytest.approx(1 / ratio, rel=1e-6)


@given(SMALL, SMALL)
def test_exchanging_the_arms_turns_the_exact_odds_over(one, other):
    found, turned = conditional_odds_ratio(*one, *other), conditional_odds_ratio(*other, *one)
    for odds, inverse in (
        (found.estimate, turned.estimate),
        (found.interval.low, turned.interval.high),
        (found.interval.high, turned.interval.low),
    ):
        if 0 < odds < math.inf:
            assert inverse == pytest.approx(1 / odds, rel=1e-8)
    assert found.interval.low <= found.interval.high


@given(st.floats(-37, 37))
def test_the_normal_tail_and_its_inverse(z):
    p = float(normal_two_sided(z).p)
    assert normal_isf(p / 2) == pytest.approx(abs(z), rel=1e-8, abs=1e-8)


@given(st.lists(st.floats(0, 1), min_size=1, max_size=12), st.sampled_from(sorted(ADJUSTMENTS)), st.data())
def test_adjusted_p_keep_the_order_and_fall_with_their_p(ps, method, data):
    adjusted = adjust(ps, method)
    assert np.all(np.diff(adjusted[np.argsort(ps, kind="stable")]) >= -1e-12)
    place = data.draw(st.integers(0, len(ps) - 1))
    smaller = [p / 2 if i == place else p for i, p in enumerate(ps)]
    assert np.all(adjust(smaller, method) <= adjusted + 1e-12)


@given(st.lists(arms(12), min_size=2, max_size=4), st.randoms(use_true_random=False))
def test_tables_do_not_care_for_the_order_of_arms(table, random):
    shuffled = random.sample(table, len(table))
    for test in (lambda x, n: chi_square_test(x, n, exact="never"), exact_table_test):
        one, other = (test(*map(list, zip(*rows, strict=True))) for rows in (table, shuffled))
        assert one.p == pytest.approx(other.p, rel=1e-10)
        assert 0 < one.p <= 1


@given(st.lists(st.integers(0, 60), min_size=2, max_size=4), st.integers(1, 1000))
def test_the_unit_of_weights_does_not_matter(units, scale):
    one, other = (sample_ratio_test(units, [weight] * len(units)) for weight in (1, scale))
    assert one.p == pytest.approx(other.p, rel=1e-9)
    with_empty = sample_ratio_test([*units, 0], [1] * len(units) + [0])
    assert (with_empty.p, with_empty.df) == (pytest.approx(one.p), one.df)


@given(
    st.floats(0.01, 0.9),
    st.floats(0.01, 0.09),
    st.floats(0.2, 5),
    st.sampled_from(["pooled", "unpooled", "arcsine"]),
    st.sampled_from([1, 2]),
)
def test_a_larger_sample_has_more_power_and_a_smaller_effect_needs_more(p1, difference, ratio, method, sides):
    options = {"ratio": ratio, "method": method, "sides": sides}
    plan = size_for_proportions(p1, p1 + difference, **options)
    nearer = size_for_proportions(p1, p1 + difference / 2, **options)
    assert nearer.control > plan.control
    powers = power_of_proportions(p1, p1 + difference, np.array([0.5, 1.0, 2.0]) * plan.control, **options)
    assert powers[0] < powers[1] < powers[2]
    assert powers[1] == pytest.approx(0.8, rel=1e-8)
    turned = size_for_proportions(1 - p1, 1 - p1 - difference, **options)
    assert turned.control == pytest.approx(plan.control, rel=1e-6)
    assert size_for_proportions(p1, p1 + difference, comparisons=4, **options).control > plan.control


@settings(max_examples=25)
@given(st.lists(st.integers(1, 20), min_size=1, max_size=4, unique=True), st.sampled_from(["pocock", "obrien_fleming"]))
def test_boundaries_spend_the_error_and_more_looks_cost_more(times, method):
    looks = [time / 20 for time in sorted(times)]
    design = boundaries(looks, method=method)
    assert design.spent[-1] == pytest.approx(0.05, rel=1e-6)
    assert list(design.spent) == sorted(design.spent)
    assert all(bound >= 1.95 for bound in design.bounds)


@given(st.floats(-50, 50), st.floats(1e-6, 1e3), st.floats(1e-3, 1e3), st.floats(1e-3, 1e3))
def test_always_valid_p_do_not_depend_on_the_unit(estimate, variance, tuned, unit):
    plain = always_valid(estimate, variance, mixture_variance(tuned))
    scaled = always_valid(estimate * unit, variance * unit**2, mixture_variance(tuned * unit**2))
    assert scaled.log10_p == pytest.approx(plain.log10_p, rel=1e-6, abs=1e-9)
    assert scaled.interval.low == pytest.approx(plain.interval.low * unit, rel=1e-6, abs=1e-9 * unit)
    outside = plain.interval.low > 0 or plain.interval.high < 0
    assert outside == (plain.p < 0.05) or plain.p == pytest.approx(0.05, rel=1e-9)


SUMMARIES = st.builds(Summary, n=st.integers(2, 10**6), mean=st.floats(-1e3, 1e3), variance=st.floats(1e-3, 1e6))


@given(SUMMARIES, SUMMARIES, st.sampled_from(["welch", "student"]), st.floats(0.5, 0.999))
def test_t_tests_agree_with_their_intervals_and_turn_with_the_arms(one, other, test, confidence):
    found, turned = (compare_means(*pair, test=test, confidence=confidence) for pair in ((one, other), (other, one)))
    assert turned.p == pytest.approx(found.p, rel=1e-9, abs=1e-300)
    assert turned.interval.low == pytest.approx(-found.interval.high, rel=1e-9, abs=1e-9)
    if abs(found.p - (1 - confidence)) > 1e-7:
        assert (found.interval.low > 0 or found.interval.high < 0) == (found.p < 1 - confidence)


@given(
    st.lists(st.floats(-6, 6), min_size=1, max_size=5),
    st.floats(0.1, 10),
    st.one_of(st.just(math.inf), st.floats(2, 200)),
)
def test_dunnett_lies_between_one_test_and_bonferroni(zs, control, df):
    found = dunnett(zs, control, [1.0] * len(zs), df=df)
    alone = np.array([dunnett([z], control, [1.0], df=df).p[0] for z in zs])
    assert np.all(found.p >= alone * (1 - 1e-6) - 1e-12)
    assert np.all(found.p <= np.minimum(alone * len(zs), 1) * (1 + 1e-6) + 1e-12)


@given(st.lists(arms(1000), min_size=2, max_size=4))
def test_chances_sum_to_one_and_the_best_loses_least(table):
    x, n = zip(*table, strict=True)
    found = standing(beta_posterior(x, n))
    assert found.best.sum() == pytest.approx(1)
    assert np.all(found.expected_loss >= -1e-9)
    means = beta_posterior(x, n).means()
    # E(max) - E(i): the order of losses is that of the means, turned round.
    assert found.expected_loss + means == pytest.approx(np.full(len(x), (found.expected_loss + means)[0]), abs=1e-8)
