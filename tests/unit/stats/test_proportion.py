"""One proportion: against R, statsmodels, exact fractions and the definitions of the intervals."""

import math
from fractions import Fraction

import numpy as np
import pytest
import scipy.stats as st

from flowkit.stats import Reason, binomial_test, proportion_interval
from flowkit.stats.proportion import PROPORTION_INTERVALS
from tests.support import said
from tests.support.bad_input import refused


@pytest.mark.parametrize(("method", "counts", "confidence", "low", "high"), said.statsmodels("one"))
def test_intervals_are_those_of_statsmodels(method, counts, confidence, low, high):
    found = proportion_interval(*counts, confidence=confidence, method=method)
    assert (found.low, found.high) == pytest.approx((low, high), rel=1e-9, abs=1e-12)


def test_wilson_is_that_of_r():
    for given, wanted in said.r("wilson"):
        found = proportion_interval(given["x"], given["n"])
        assert (found.low, found.high) == pytest.approx((wanted["low"], wanted["high"]), abs=1e-12)


def test_wilson_corrected_is_that_of_r():
    for given, wanted in said.r("wilson_corrected"):
        x, n = given["x"], given["n"]
        if abs(x - n * given["rate"]) < 0.5:
            continue  # there R corrects by less
        found = proportion_interval(x, n, method="wilson_corrected")
        assert (found.low, found.high) == pytest.approx((wanted["low"], wanted["high"]), abs=1e-12)


def test_the_binomial_test_is_that_of_r():
    for given, wanted in said.r("binom.test"):
        found = binomial_test(given["x"], given["n"], given["rate"])
        assert found.p == pytest.approx(wanted["p"], rel=1e-9)
        assert found.log10_p == pytest.approx(math.log10(wanted["p"]), abs=1e-9)
        assert (found.interval.low, found.interval.high) == pytest.approx((wanted["low"], wanted["high"]), abs=1e-10)


def by_enumeration(x, n, rate):
    """The definition, in fractions."""
    mass = [math.comb(n, k) * rate**k * (1 - rate) ** (n - k) for k in range(n + 1)]
    return float(sum(part for part in mass if part <= mass[x]))


@pytest.mark.parametrize("n", [1, 2, 7, 12])
@pytest.mark.parametrize("rate", [Fraction(1, 2), Fraction(1, 3), Fraction(9, 10)])
def test_the_binomial_test_by_enumeration(n, rate):
    for x in range(n + 1):
        assert binomial_test(x, n, float(rate)).p == pytest.approx(by_enumeration(x, n, rate), rel=1e-10)


def test_the_binomial_test_of_many():
    found = binomial_test(np.array([0, 3, 10]), 10, 0.3)
    for place, x in enumerate([0, 3, 10]):
        one = binomial_test(x, 10, 0.3)
        assert found.p[place] == one.p
        assert found.log10_p[place] == one.log10_p
        assert found.interval.low[place] == pytest.approx(one.interval.low, abs=1e-15)


def test_a_thousand_million_units():
    found = binomial_test(500_100_000, 1_000_000_000, 0.5)
    z = (500_100_000 - 500_000_000 - 0.5) / math.sqrt(250_000_000)
    assert found.p == pytest.approx(2 * st.norm.sf(z), rel=1e-4)
    assert binomial_test(600_000_000, 1_000_000_000, 0.5).log10_p == pytest.approx(
        (st.binom.logpmf(600_000_000, 1_000_000_000, 0.5) + math.log(2 * 3)) / math.log(10), rel=1e-6
    )


def test_certain_rates():
    assert binomial_test(0, 10, 0.0).p == 1
    impossible = binomial_test(1, 10, 0.0)
    assert impossible.p == 0
    assert Reason.UNREACHABLE in impossible.reasons


def test_clopper_pearson_inverts_the_tails():
    for x, n in ((0, 8), (3, 17), (400, 1000), (8, 8)):
        found = proportion_interval(x, n, method="clopper_pearson", confidence=0.9)
        if x:
            assert st.binom.sf(x - 1, n, found.low) == pytest.approx(0.05, rel=1e-9)
        else:
            assert found.low == 0
        if x < n:
            assert st.binom.cdf(x, n, found.high) == pytest.approx(0.05, rel=1e-9)
        else:
            assert found.high == 1


def test_wilson_inverts_the_score_test():
    found = proportion_interval(7, 31, confidence=0.99)
    z = st.norm.isf(0.005)
    for bound in (found.low, found.high):
        assert abs(7 / 31 - bound) / math.sqrt(bound * (1 - bound) / 31) == pytest.approx(z, rel=1e-12)


@pytest.mark.parametrize("method", PROPORTION_INTERVALS)
def test_all_stay_inside_and_floats_equal_arrays(method):
    x, n = np.array([0, 1, 5, 9, 10, 0, 1, 10**9]), np.array([10, 10, 10, 10, 10, 1, 1, 10**9])
    found = proportion_interval(x, n, method=method)
    assert np.all((found.low >= 0) & (found.low <= x / n) & (x / n <= found.high) & (found.high <= 1))
    for place in range(x.size):
        one = proportion_interval(int(x[place]), int(n[place]), method=method)
        assert type(one.low) is float
        assert (one.low, one.high) == pytest.approx((found.low[place], found.high[place]), rel=1e-13, abs=1e-15)


@pytest.mark.parametrize("method", PROPORTION_INTERVALS)
def test_coverage_by_enumeration(method):
    """The mean coverage over many rates; the exact interval covers everywhere."""
    n, x = 40, np.arange(41)
    found = proportion_interval(x, np.full(41, n), method=method)
    rates = np.linspace(0.02, 0.98, 97)
    mass = st.binom.pmf(x[:, None], n, rates[None, :])
    inside = (found.low[:, None] <= rates) & (rates <= found.high[:, None])
    coverage = (mass * inside).sum(0)
    if method in {"clopper_pearson", "wilson_corrected"}:
        assert coverage.min() > 0.95 - (0 if method == "clopper_pearson" else 0.01)
    assert 0.94 < coverage.mean() < (0.985 if method in {"clopper_pearson", "wilson_corrected"} else 0.965)
    assert coverage.min() > 0.85


@refused(
    (lambda: proportion_interval(3, 2), "x is larger than n"),
    (lambda: proportion_interval(-1, 2), "x is under 0"),
    (lambda: proportion_interval(0, 0), "n is under 1"),
    (lambda: proportion_interval(0.5, 2), "x is no whole number"),
    (lambda: proportion_interval(1, 2, confidence=1.0), "confidence"),
    (lambda: proportion_interval(1, 2, confidence=0), "confidence"),
    (lambda: proportion_interval(1, 2, method="best"), "method must be one of wilson"),
    (lambda: proportion_interval("1", 2), "x must be a number"),
    (lambda: proportion_interval(True, 2), "x must be a number"),
    (lambda: proportion_interval(math.nan, 2), "x is NaN"),
    (lambda: proportion_interval([1, 2], [3, 4, 5]), "lengths differ"),
    (lambda: proportion_interval(1, 2**60), "n is over"),
    (lambda: proportion_interval(1, 10**400), "n is too large"),
    (lambda: binomial_test(1, 2, 1.5), "rate"),
    (lambda: binomial_test(1, 2, math.nan), "rate"),
)
def test_bad_input_names_the_parameter(call, named):
    with pytest.raises(ValueError, match=named):
        call()
