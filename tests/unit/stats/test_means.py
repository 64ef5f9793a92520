"""Means: R, scipy, and what sums alone can tell."""

import math

import numpy as np
import pytest
import scipy.stats as st

from flowkit.stats import Reason, Summary, compare_means, lift_of_means
from tests.support import said
from tests.support.bad_input import refused


def test_t_tests_are_those_of_r():
    for given, wanted in said.r("means"):
        control, treatment = Summary.of_values(given["control"]), Summary.of_values(given["treatment"])
        for test in ("welch", "student"):
            found = compare_means(control, treatment, test=test)
            assert (found.statistic, found.p) == pytest.approx((wanted[test], wanted[f"{test}_p"]), rel=1e-10)
            bounds = (wanted[f"{test}_low"], wanted[f"{test}_high"])
            assert (found.interval.low, found.interval.high) == pytest.approx(bounds, rel=1e-9)


def test_many_comparisons_at_once():
    rng = np.random.default_rng(1)
    a, b = rng.normal(size=(5, 30)), rng.normal(0.3, 2, size=(5, 20))
    found = compare_means(
        Summary(n=30, mean=a.mean(1), variance=a.var(1, ddof=1)),
        Summary(n=20, mean=b.mean(1), variance=b.var(1, ddof=1)),
    )
    wanted = st.ttest_ind(b, a, axis=1, equal_var=False)
    assert found.p == pytest.approx(wanted.pvalue)
    for place in range(5):
        one = compare_means(Summary.of_values(a[place]), Summary.of_values(b[place]))
        assert (one.estimate, one.p) == pytest.approx((found.estimate[place], found.p[place]), rel=1e-9)
        assert type(one.p) is float


def test_without_any_variance():
    same, apart = (compare_means(Summary(n=5, mean=3, variance=0), Summary(n=6, mean=m, variance=0)) for m in (3, 4))
    assert (same.p, same.statistic) == (1, 0)
    assert (apart.p, apart.log10_p, apart.statistic) == (0, -math.inf, math.inf)
    assert (apart.interval.low, apart.interval.high) == (1, 1)
    assert Reason.NO_VARIATION in same.reasons
    assert Reason.NO_VARIATION in apart.reasons
    half = compare_means(Summary(n=5, mean=3, variance=0), Summary(n=6, mean=4, variance=2))
    assert half.p == pytest.approx(2 * st.t.sf(1 / math.sqrt(2 / 6), 5))


def test_tiny_and_huge_units_change_nothing():
    plain = compare_means(Summary(n=9, mean=1, variance=2), Summary(n=12, mean=2, variance=3))
    for unit in (1e-150, 1e140):
        scaled = compare_means(
            Summary(n=9, mean=unit, variance=2 * unit**2), Summary(n=12, mean=2 * unit, variance=3 * unit**2)
        )
        assert scaled.p == pytest.approx(plain.p, rel=1e-12)


def test_the_false_alarms_and_the_coverage():
    """Skewed values, unequal arms and variances: 40,000 comparisons."""
    rng, runs = np.random.default_rng(21), 40_000
    a, b = rng.gamma(4, 1, (runs, 60)), rng.gamma(4, 2, (runs, 30)) - 4
    found = compare_means(
        Summary(n=60, mean=a.mean(1), variance=a.var(1, ddof=1)),
        Summary(n=30, mean=b.mean(1), variance=b.var(1, ddof=1)),
    )
    assert np.mean(found.p <= 0.05) == pytest.approx(0.05, abs=0.008)
    assert np.mean((found.interval.low <= 0) & (found.interval.high >= 0)) == pytest.approx(0.95, abs=0.008)


@pytest.mark.parametrize("interval", ["fieller", "delta"])
def test_the_lift_of_means_covers(interval):
    rng, runs = np.random.default_rng(22), 40_000
    a, b = rng.exponential(2, (runs, 150)), rng.exponential(2.5, (runs, 150))
    found = lift_of_means(
        Summary(n=150, mean=a.mean(1), variance=a.var(1, ddof=1)),
        Summary(n=150, mean=b.mean(1), variance=b.var(1, ddof=1)),
        interval=interval,
    )
    held = (found.interval.low <= 0.25) & (found.interval.high >= 0.25)
    assert np.mean(held) == pytest.approx(0.95, abs=0.008)
    assert found.estimate[0] == pytest.approx(b[0].mean() / a[0].mean() - 1)


def test_the_lift_over_nothing():
    nothing, something = Summary(n=5, mean=0, variance=0), Summary(n=5, mean=2, variance=1)
    endless, undefined = lift_of_means(nothing, something), lift_of_means(nothing, nothing)
    assert endless.estimate == endless.interval.high == math.inf
    assert math.isfinite(endless.interval.low)
    assert math.isnan(undefined.estimate)
    assert Reason.RATIO_UNDEFINED in undefined.reasons
    unsure = lift_of_means(Summary(n=5, mean=0.1, variance=1), something)
    assert unsure.interval.high == math.inf
    assert Reason.UNBOUNDED in unsure.reasons
    assert Reason.CONTROL_ZERO not in unsure.reasons


PLAIN = Summary(n=5, mean=1.0, variance=1.0)


@refused(
    (lambda: compare_means(PLAIN, PLAIN, test="z"), "test must be one of welch"),
    (lambda: compare_means(PLAIN, PLAIN, confidence=0), "confidence"),
    (lambda: compare_means(Summary(n=[5, 6], mean=1, variance=1), Summary(n=[5] * 3, mean=1, variance=1)), "lengths"),
    (lambda: lift_of_means(PLAIN, PLAIN, interval="log"), "interval must be one of fieller"),
    (lambda: lift_of_means(Summary(n=5, mean=-1, variance=1), PLAIN), "control and treatment must have means"),
)
def test_bad_input_names_the_parameter(call, named):
    with pytest.raises(ValueError, match=named):
        call()
