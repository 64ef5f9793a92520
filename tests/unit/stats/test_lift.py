"""Lift and odds ratio: statsmodels, the score by maximised likelihood, Fieller's quadratic, and what has no end."""

import math

import numpy as np
import pytest
import scipy.optimize as so
import scipy.stats as st

from flowkit.stats import Reason, odds_ratio, relative_lift
from flowkit.stats.lift import RATIO_INTERVALS
from tests.support import said
from tests.support.bad_input import refused

TABLES = [(500, 10000, 570, 10000), (48, 80, 56, 70), (2, 9, 10, 18), (1, 10, 8, 12), (3, 5000, 14, 4000)]


def bounds(table, method, confidence=0.95):
    found = relative_lift(*table, interval=method, confidence=confidence).interval
    return found.low, found.high


@pytest.mark.parametrize(("method", "table", "confidence", "low", "high"), said.statsmodels("ratio"))
def test_intervals_are_those_of_statsmodels(method, table, confidence, low, high):
    found = bounds(table, method, confidence)
    # The other side looks for the root to eight digits.
    assert found == pytest.approx((low - 1, high - 1), rel=1e-7)


@pytest.mark.parametrize(("method", "table", "confidence", "low", "high"), said.statsmodels("odds"))
def test_the_odds_ratio_is_that_of_statsmodels(method, table, confidence, low, high):
    found = odds_ratio(*table, confidence=confidence)
    assert (found.interval.low, found.interval.high) == pytest.approx((low, high), rel=1e-11)
    x1, n1, x2, n2 = table
    assert found.estimate == pytest.approx(x2 / (n2 - x2) / (x1 / (n1 - x1)), rel=1e-13)


def score(table, ratio, factor):
    """z at a ratio, the restricted rate found by maximising the likelihood."""
    x1, n1, x2, n2 = table

    def loss(p):
        parts = [(x1, p), (n1 - x1, 1 - p), (x2, ratio * p), (n2 - x2, 1 - ratio * p)]
        return -sum(count * math.log(rate) if rate > 0 else (math.inf if count else 0.0) for count, rate in parts)

    p = so.minimize_scalar(loss, bounds=(0, min(1, 1 / ratio)), method="bounded", options={"xatol": 1e-13}).x
    variance = ratio * p * (1 - ratio * p) / n2 + ratio**2 * p * (1 - p) / n1
    return (x2 / n2 - ratio * x1 / n1) / math.sqrt(variance * factor)


@pytest.mark.parametrize("table", TABLES)
@pytest.mark.parametrize("method", ["koopman", "miettinen_nurminen"])
def test_score_intervals_end_where_the_score_is_critical(table, method):
    total = table[1] + table[3]
    factor = total / (total - 1) if method == "miettinen_nurminen" else 1.0
    low, high = bounds(table, method, 0.9)
    z = st.norm.isf(0.05)
    assert score(table, low + 1, factor) == pytest.approx(z, rel=2e-4)
    assert score(table, high + 1, factor) == pytest.approx(-z, rel=2e-4)


@pytest.mark.parametrize("table", TABLES)
def test_fieller_ends_where_its_quadratic_is_nought(table):
    x1, n1, x2, n2 = table
    p1, p2 = x1 / n1, x2 / n2
    z2 = st.norm.isf(0.025) ** 2
    low, high = bounds(table, "fieller")
    for ratio in [low + 1] + ([high + 1] if math.isfinite(high) else []):
        gap = (p2 - ratio * p1) ** 2
        assert gap == pytest.approx(z2 * (p2 * (1 - p2) / n2 + ratio**2 * p1 * (1 - p1) / n1), rel=1e-9)
    tells = p1 * p1 > z2 * p1 * (1 - p1) / n1
    assert math.isfinite(high) == tells


def test_delta_is_wider_than_an_interval_divided_by_the_control_rate():
    """Dividing by p1 as if it were known is too narrow for a lift."""
    x1, n1, x2, n2 = 48, 80, 56, 70
    p1, p2 = x1 / n1, x2 / n2
    naive = st.norm.isf(0.025) * math.sqrt(p1 * (1 - p1) / n1 + p2 * (1 - p2) / n2) / p1
    low, high = bounds((x1, n1, x2, n2), "delta")
    assert (low + high) / 2 == pytest.approx(p2 / p1 - 1)
    assert (high - low) / 2 > 1.1 * naive
    slope = np.array([-p2 / p1**2, 1 / p1])
    spread = math.sqrt(slope**2 @ np.array([p1 * (1 - p1) / n1, p2 * (1 - p2) / n2]))
    assert (high - low) / 2 == pytest.approx(st.norm.isf(0.025) * spread)


@pytest.mark.parametrize("method", RATIO_INTERVALS)
def test_without_successes_in_control(method):
    found = relative_lift(0, 80, 5, 70, interval=method)
    assert found.estimate == math.inf
    assert math.isfinite(found.interval.low)
    assert found.interval.high == math.inf
    assert {Reason.CONTROL_ZERO, Reason.UNBOUNDED} <= set(found.reasons)
    assert Reason.RATIO_UNDEFINED not in found.reasons


@pytest.mark.parametrize("method", RATIO_INTERVALS)
def test_without_successes_at_all(method):
    found = relative_lift(0, 80, 0, 70, interval=method)
    assert math.isnan(found.estimate)
    assert (found.interval.low, found.interval.high, found.p) == (-1, math.inf, 1)
    assert set(found.reasons) == {Reason.CONTROL_ZERO, Reason.RATIO_UNDEFINED, Reason.UNBOUNDED, Reason.NO_VARIATION}


@pytest.mark.parametrize("method", RATIO_INTERVALS)
def test_without_successes_in_treatment(method):
    found = relative_lift(5, 80, 0, 70, interval=method)
    assert (found.estimate, found.interval.low) == (-1, -1)
    assert Reason.CONTROL_ZERO not in found.reasons


def test_a_score_interval_about_certain_rates_has_a_width():
    low, high = bounds((80, 80, 70, 70), "koopman")
    z2 = st.norm.isf(0.025) ** 2
    # With all successes the restricted rates are 1 and r (r under 1): (1 - r) / sqrt(r (1 - r) / n2) = z.
    assert low + 1 == pytest.approx(70 / (70 + z2), rel=1e-12)
    assert 1 / (high + 1) == pytest.approx(80 / (80 + z2), rel=1e-12)


def test_odds_without_an_end():
    none, below, above = odds_ratio(0, 10, 0, 10), odds_ratio(0, 10, 3, 10), odds_ratio(3, 10, 0, 10)
    assert math.isnan(none.estimate)
    assert (none.interval.low, none.interval.high) == (0, math.inf)
    assert below.estimate == below.interval.high == math.inf
    assert 0 < below.interval.low < math.inf
    assert above.estimate == above.interval.low == 0
    assert 0 < above.interval.high < math.inf
    assert Reason.UNBOUNDED in below.reasons
    assert Reason.UNBOUNDED not in above.reasons


@pytest.mark.parametrize("method", RATIO_INTERVALS)
def test_floats_equal_arrays(method):
    x1, n1 = np.array([0, 3, 80, 48, 500, 0, 10**9, 7]), np.array([80, 80, 80, 80, 10**4, 1, 10**9, 10**9])
    x2, n2 = np.array([0, 0, 70, 56, 570, 1, 0, 9]), np.array([70, 70, 70, 70, 10**4, 1, 10**9, 10**9])
    many = relative_lift(x1, n1, x2, n2, test="pearson", interval=method)
    for place in range(x1.size):
        one = relative_lift(*(int(part[place]) for part in (x1, n1, x2, n2)), test="pearson", interval=method)
        assert one.estimate == pytest.approx(many.estimate[place], nan_ok=True)
        wanted = (many.interval.low[place], many.interval.high[place])
        assert (one.interval.low, one.interval.high) == pytest.approx(wanted, rel=1e-9, abs=1e-13)


@pytest.mark.parametrize("method", RATIO_INTERVALS)
def test_coverage_by_enumeration(method):
    n1, n2 = 60, 50
    a, b = (part.ravel() for part in np.meshgrid(np.arange(n1 + 1), np.arange(n2 + 1), indexing="ij"))
    found = relative_lift(a, n1, b, n2, test="pearson", interval=method).interval
    coverages = []
    for p1 in np.linspace(0.2, 0.8, 7):
        for p2 in np.linspace(0.2, 0.8, 7):
            mass = st.binom.pmf(a, n1, p1) * st.binom.pmf(b, n2, p2)
            true = p2 / p1 - 1
            coverages.append(float(mass[(found.low <= true + 1e-12) & (true - 1e-12 <= found.high)].sum()))
    assert 0.935 < np.mean(coverages) < 0.97
    assert min(coverages) > (0.92 if method in {"koopman", "miettinen_nurminen", "log"} else 0.85)


@refused(
    (lambda: relative_lift(3, 2, 1, 2), "x1 is larger"),
    (lambda: relative_lift(1, 2, 1, 2, interval="newcombe"), "interval must be one of koopman"),
    (lambda: relative_lift(1, 2, 1, 2, confidence=2), "confidence"),
    (lambda: odds_ratio(1, 2, 1, 0), "n2 is under 1"),
    (lambda: odds_ratio(1, 2, 1, 2, confidence=0.0), "confidence"),
)
def test_bad_input_names_the_parameter(call, named):
    with pytest.raises(ValueError, match=named):
        call()
