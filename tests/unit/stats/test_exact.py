"""Exact tests with fixed margins: against R, scipy and enumeration in fractions."""

import math
from fractions import Fraction

import numpy as np
import pytest
import scipy.stats as st

from flowkit.stats import compare_proportions, conditional_odds_ratio
from tests.support import said
from tests.support.bad_input import refused


def enumerated(x1, n1, x2, n2, *, alternative="two-sided", mid=False):
    """Fisher's p by its definition."""
    m = x1 + x2
    mass = {
        k: Fraction(math.comb(n2, k) * math.comb(n1, m - k), math.comb(n1 + n2, m))
        for k in range(max(0, m - n1), min(n2, m) + 1)
    }
    at = mass[x2]
    if len(mass) == 1:
        return 1.0
    if alternative == "two-sided":
        extreme = {k: p for k, p in mass.items() if p <= at}
        half = sum(p for p in extreme.values() if p == at)
    else:
        extreme = {k: p for k, p in mass.items() if (k >= x2 if alternative == "greater" else k <= x2)}
        half = at
    return float(sum(extreme.values()) - (half / 2 if mid else 0))


@pytest.mark.parametrize(("n1", "n2"), [(1, 1), (3, 5), (6, 6), (9, 4)])
@pytest.mark.parametrize("test", ["fisher", "fisher_mid_p"])
@pytest.mark.parametrize("alternative", ["two-sided", "greater", "less"])
def test_fisher_by_enumeration_in_fractions(n1, n2, test, alternative):
    for x1 in range(n1 + 1):
        for x2 in range(n2 + 1):
            found = compare_proportions(x1, n1, x2, n2, test=test, alternative=alternative)
            wanted = enumerated(x1, n1, x2, n2, alternative=alternative, mid=test == "fisher_mid_p")
            assert found.p == pytest.approx(wanted, rel=1e-12)
            assert found.log10_p == pytest.approx(math.log10(wanted), abs=1e-12)
            assert found.statistic is None


def test_fisher_is_that_of_r_and_scipy():
    for given, wanted in said.r("fisher.test"):
        x1, n1, x2, n2 = table = tuple(given.values())
        assert compare_proportions(*table, test="fisher").p == pytest.approx(wanted["p"], rel=1e-9)
        assert compare_proportions(*table, test="fisher").p == pytest.approx(
            st.fisher_exact([[x2, n2 - x2], [x1, n1 - x1]]).pvalue, rel=1e-7
        )
        for side in ("greater", "less"):
            assert compare_proportions(*table, test="fisher", alternative=side).p == pytest.approx(
                wanted[side], rel=1e-9
            )


def test_the_conditional_odds_ratio_is_that_of_r():
    for given, wanted in said.r("fisher.test"):
        found = conditional_odds_ratio(*given.values())
        # R looks for its roots to a few digits only.
        assert found.estimate == pytest.approx(wanted["odds"], rel=2e-3)
        assert found.interval.low == pytest.approx(wanted["low"], rel=1e-2, abs=1e-9)
        assert found.interval.high == pytest.approx(wanted["high"], rel=1e-2)


@pytest.mark.parametrize("table", [(48, 80, 56, 70), (2, 9, 10, 18), (1, 10, 8, 12)])
def test_the_conditional_odds_ratio_is_that_of_scipy(table):
    x1, n1, x2, n2 = table
    wanted = st.contingency.odds_ratio([[x2, n2 - x2], [x1, n1 - x1]], kind="conditional")
    found = conditional_odds_ratio(*table, confidence=0.9)
    assert found.estimate == pytest.approx(wanted.statistic, rel=1e-6)
    assert (found.interval.low, found.interval.high) == pytest.approx(tuple(wanted.confidence_interval(0.9)), rel=1e-6)


def test_bounds_of_the_odds_are_where_the_tails_are_half_of_the_rest():
    x1, n1, x2, n2 = 3, 12, 7, 15
    found = conditional_odds_ratio(x1, n1, x2, n2)

    def tail(odds, ks):
        mass = {k: math.comb(n2, k) * math.comb(n1, 10 - k) * odds**k for k in range(11) if k <= n2 and 10 - k <= n1}
        return sum(mass[k] for k in mass if k in ks) / sum(mass.values())

    assert tail(found.interval.low, range(7, 11)) == pytest.approx(0.025, rel=1e-10)
    assert tail(found.interval.high, range(8)) == pytest.approx(0.025, rel=1e-10)


def test_odds_where_there_is_only_one_table():
    found = conditional_odds_ratio(0, 5, 0, 6)
    assert math.isnan(found.estimate)
    assert (found.interval.low, found.interval.high, found.p) == (0, math.inf, 1)


def test_large_arms_with_few_successes():
    """With both arms alike, treatment's successes are binomial with one half, nearly."""
    found = compare_proportions(2, 10**9, 12, 10**9, test="fisher")
    assert found.p == pytest.approx(st.binomtest(12, 14, 0.5).pvalue, rel=1e-6)


def test_a_p_too_small_for_a_float():
    found = compare_proportions(0, 2000, 2000, 2000, test="fisher")
    assert found.p == 0
    wanted = (math.lgamma(2001) * 2 - math.lgamma(4001) + math.log(2)) / math.log(10)
    assert found.log10_p == pytest.approx(wanted, rel=1e-11)


def test_arrays_keep_their_shape():
    found = compare_proportions(np.array([[2, 3], [4, 5]]), 9, 10, 18, test="fisher")
    assert found.p.shape == (2, 2)
    assert found.p[1, 0] == compare_proportions(4, 9, 10, 18, test="fisher").p


@refused(
    (lambda: conditional_odds_ratio([1], [2], [1], [2]), "single counts"),
    (lambda: conditional_odds_ratio(1, 2, 1, 2, confidence=1), "confidence"),
    (lambda: conditional_odds_ratio(1, 2, 3, 2), "x2 is larger"),
)
def test_bad_input_names_the_parameter(call, named):
    with pytest.raises(ValueError, match=named):
        call()
