"""Several arms: chi-square, trend and the exact test, against R, scipy and enumeration."""

import math
from fractions import Fraction
from itertools import product

import numpy as np
import pytest
import scipy.stats as st

from flowkit.stats import (
    Reason,
    TooManyTablesError,
    adjust,
    chi_square_test,
    compare_all,
    compare_proportions,
    exact_table_test,
    trend_test,
)
from tests.support import said
from tests.support.bad_input import refused


def test_they_are_those_of_r():
    for given, wanted in said.r("k"):
        x, n = given["x"], given["n"]
        plain, trend = chi_square_test(x, n, exact="never"), trend_test(x, n)
        assert (plain.statistic, plain.p) == pytest.approx((wanted["statistic"], wanted["p"]), rel=1e-10)
        assert plain.df == len(x) - 1
        assert (trend.statistic**2, trend.p) == pytest.approx((wanted["trend"], wanted["trend_p"]), rel=1e-9)
        if wanted["exact"] >= 0:
            assert exact_table_test(x, n).p == pytest.approx(wanted["exact"], rel=1e-8)


def test_chi_square_is_that_of_scipy():
    x, n = np.array([50, 63, 41, 70]), np.array([400, 410, 390, 395])
    wanted = st.chi2_contingency([x, n - x])
    found = chi_square_test(x, n)
    assert (found.statistic, found.p, found.method) == (
        pytest.approx(wanted.statistic),
        pytest.approx(wanted.pvalue),
        "chi_square",
    )


def test_for_two_arms_it_is_the_test_of_two_proportions():
    found, two = chi_square_test([500, 570], [10_000, 10_000]), compare_proportions(500, 10_000, 570, 10_000)
    assert (found.p, found.log10_p) == pytest.approx((two.p, two.log10_p), rel=1e-12)
    exact, fisher = exact_table_test([2, 10], [9, 18]), compare_proportions(2, 9, 10, 18, test="fisher")
    assert (exact.p, exact.log10_p) == pytest.approx((fisher.p, fisher.log10_p), rel=1e-12)


@pytest.mark.parametrize(("x", "n"), [((1, 2, 0), (3, 4, 2)), ((0, 3, 1, 2), (2, 3, 4, 2)), ((2, 2, 2), (4, 4, 4))])
def test_the_exact_test_by_enumeration_in_fractions(x, n):
    m = sum(x)
    mass = {
        cells: Fraction(math.prod(math.comb(a, b) for a, b in zip(n, cells, strict=True)))
        for cells in product(*(range(size + 1) for size in n))
        if sum(cells) == m
    }
    wanted = sum(p for p in mass.values() if p <= mass[x]) / sum(mass.values())
    assert exact_table_test(x, n).p == pytest.approx(float(wanted), rel=1e-12)


def test_the_same_numbers_give_the_same_p():
    one, other = (exact_table_test([3, 8, 2, 9], [40, 30, 20, 50]).p for _ in range(2))
    assert one == other


def test_small_tables_are_given_to_the_exact_test_and_large_ones_not():
    small = chi_square_test([1, 5, 9], [10, 11, 12])
    assert (small.method, small.statistic) == ("exact", None)
    assert small.reasons == {Reason.EXACT: True}
    assert small.p == exact_table_test([1, 5, 9], [10, 11, 12]).p
    many = chi_square_test([4] * 12, [10**6] * 12)
    assert many.method == "chi_square"
    assert Reason.SMALL_EXPECTED in many.reasons
    with pytest.raises(TooManyTablesError, match="chi-square"):
        exact_table_test([4] * 12, [10**6] * 12)


def test_large_arms_with_few_successes_are_exact():
    """Given their number, successes in equal large arms are multinomial, nearly."""
    found = exact_table_test([0, 2, 7], [10**9] * 3)
    mass = {}
    for a, b in product(range(10), repeat=2):
        if a + b <= 9:
            mass[a, b] = Fraction(
                math.factorial(9), math.factorial(a) * math.factorial(b) * math.factorial(9 - a - b) * 3**9
            )
    wanted = sum(p for p in mass.values() if p <= mass[0, 2])
    assert found.p == pytest.approx(float(wanted), rel=1e-6)


@pytest.mark.parametrize("x", [[0, 0, 0], [10, 11, 12]])
def test_without_variation_p_is_one(x):
    for test in (chi_square_test, exact_table_test, trend_test):
        found = test(x, [10, 11, 12])
        assert (found.p, found.log10_p) == (1, 0)
        assert Reason.NO_VARIATION in found.reasons


def test_many_tables_at_once():
    x, n = np.array([[500, 570, 530], [1, 5, 9], [0, 0, 0]]), np.array([[10_000] * 3, [10, 11, 12], [10, 11, 12]])
    for test in (lambda *table: chi_square_test(*table, exact="never"), trend_test):
        found = test(x, n)
        for place in range(3):
            one = test(x[place], n[place])
            assert (found.statistic[place], found.p[place]) == pytest.approx((one.statistic, one.p), rel=1e-12)
        assert found.reasons[Reason.NO_VARIATION].tolist() == [False, False, True]


def test_the_trend_follows_the_scores():
    up, down = trend_test([10, 20, 30], [100] * 3), trend_test([10, 20, 30], [100] * 3, scores=[2, 1, 0])
    assert up.statistic > 0
    assert down.statistic == pytest.approx(-up.statistic)
    stretched = trend_test([10, 20, 30], [100] * 3, scores=[5, 12, 19])
    assert stretched.statistic == pytest.approx(up.statistic)
    # One by one, the correlation of success and score: chi-square = N r^2.
    success = np.concatenate([np.repeat([1, 0], [k, 100 - k]) for k in (10, 20, 30)])
    score = np.repeat([0, 1, 2], 100)
    assert up.statistic**2 == pytest.approx(300 * np.corrcoef(success, score)[0, 1] ** 2)


def test_all_pairs_and_all_against_control():
    x, n = [50, 90, 53], [1000, 1000, 1000]
    pairs = compare_all(x, n)
    assert list(zip(pairs.first, pairs.second, strict=True)) == [(0, 1), (0, 2), (1, 2)]
    for place, (one, other) in enumerate(zip(pairs.first, pairs.second, strict=True)):
        assert pairs.result.p[place] == pytest.approx(compare_proportions(x[one], n[one], x[other], n[other]).p)
    assert pairs.adjusted_p.tolist() == adjust(pairs.result.p, "holm").tolist()
    against = compare_all(x, n, control=2, adjustment="bonferroni")
    assert list(zip(against.first, against.second, strict=True)) == [(2, 0), (2, 1)]
    assert against.adjusted_p == pytest.approx(np.minimum(against.result.p * 2, 1))


@pytest.mark.parametrize("test", ["chi_square", "trend"])
def test_false_alarms(test):
    """100,000 experiments with four arms of one rate."""
    rng, runs = np.random.default_rng(91), 100_000
    n = np.broadcast_to([900, 1000, 1100, 500], (runs, 4))
    x = rng.binomial(n, 0.08)
    found = chi_square_test(x, n) if test == "chi_square" else trend_test(x, n)
    assert np.mean(found.p <= 0.05) == pytest.approx(0.05, abs=4 * math.sqrt(0.0475 / runs) + 0.001)


def test_three_treatments_without_an_adjustment_give_false_alarms():
    """Some p of three is under 5 % in one of eight experiments without an effect; by Holm in one of twenty at most."""
    rng, runs = np.random.default_rng(92), 20_000
    x, n = rng.binomial(2_000, 0.1, (runs, 4)), 2_000
    found = compare_proportions(np.repeat(x[:, :1], 3, axis=1), n, x[:, 1:], n, test="pearson")
    assert np.mean((found.p <= 0.05).any(1)) == pytest.approx(0.125, abs=0.01)
    assert np.mean((adjust(found.p, "holm") <= 0.05).any(1)) <= 0.05


@refused(
    (lambda: chi_square_test([1], [2]), "at least two arms"),
    (lambda: chi_square_test(1, 2), "arrays"),
    (lambda: chi_square_test([1, 2], [2, 2, 2]), "lengths differ"),
    (lambda: chi_square_test([1, 2], [2, 0]), "n must hold whole numbers of at least 1"),
    (lambda: chi_square_test([1, 3], [2, 2]), "x is larger"),
    (lambda: chi_square_test([1, 0.5], [2, 2]), "x must hold whole"),
    (lambda: chi_square_test([1, 1], [2, 2], exact="always"), "exact must be one of"),
    (lambda: trend_test([1, 2], [3, 3], scores=[1, 1]), "scores"),
    (lambda: trend_test([1, 2], [3, 3], scores=[1, 2, 3]), "lengths differ: scores"),
    (lambda: exact_table_test([[1, 2]], [[3, 3]]), "one table"),
    (lambda: compare_all([1, 2], [3, 3], control=2), "control"),
    (lambda: compare_all([1, 2], [3, 3], adjustment="none"), "adjustment must be one of"),
)
def test_bad_input_names_the_parameter(call, named):
    with pytest.raises(ValueError, match=named):
        call()
