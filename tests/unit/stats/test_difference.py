"""Intervals of a difference: published values, R, statsmodels, and the score test turned round by another route."""

import math

import numpy as np
import pytest
import scipy.optimize as so
import scipy.stats as st

from flowkit.stats import compare_proportions
from flowkit.stats.difference import DIFFERENCE_INTERVALS
from tests.support import said

TABLES = [
    (500, 10000, 570, 10000),
    (48, 80, 56, 70),
    (2, 9, 10, 18),
    (1, 10, 8, 12),
    (3, 5000, 14, 4000),
    (0, 80, 5, 70),
    (7, 7, 9, 12),
]


def bounds(table, method, confidence=0.95):
    found = compare_proportions(*table, interval=method, confidence=confidence).interval
    return found.low, found.high


@pytest.mark.parametrize(
    ("method", "low", "high"), [("newcombe", 0.0524, 0.3339), ("miettinen_nurminen", 0.0528, 0.3382)]
)
def test_published_values(method, low, high):
    """56 of 70 against 48 of 80: Newcombe 1998, table II, and Miettinen and Nurminen's values for it."""
    assert bounds((48, 80, 56, 70), method) == pytest.approx((low, high), abs=5.1e-5)


@pytest.mark.parametrize(("method", "table", "confidence", "low", "high"), said.statsmodels("difference"))
def test_intervals_are_those_of_statsmodels(method, table, confidence, low, high):
    assert bounds(table, method, confidence) == pytest.approx((max(low, -1), min(high, 1)), abs=1e-12)


def test_wald_and_its_correction_are_those_of_r():
    for given, wanted in said.r("prop.test"):
        table = tuple(given.values())
        assert bounds(table, "wald") == pytest.approx((wanted["low"], wanted["high"]), abs=1e-12)
        assert bounds(table, "wald_corrected") == pytest.approx((wanted["yates_low"], wanted["yates_high"]), abs=1e-12)


def test_newcombe_corrected_published():
    """Newcombe 1998, table II, case (a): 56/70 - 48/80 by method 11 is .0428 to .3422."""
    assert bounds((48, 80, 56, 70), "newcombe_corrected") == pytest.approx((0.0428, 0.3422), abs=5.1e-5)


def score(table, delta, factor):
    """z at a difference, the restricted rate found by maximising the likelihood."""
    x1, n1, x2, n2 = table

    def loss(p):
        parts = [(x1, p), (n1 - x1, 1 - p), (x2, p + delta), (n2 - x2, 1 - p - delta)]
        return -sum(count * math.log(rate) if rate > 0 else (math.inf if count else 0.0) for count, rate in parts)

    low, high = max(0.0, -delta), min(1.0, 1 - delta)
    p = so.minimize_scalar(loss, bounds=(low, high), method="bounded", options={"xatol": 1e-13}).x
    variance = p * (1 - p) / n1 + (p + delta) * (1 - p - delta) / n2
    return (x2 / n2 - x1 / n1 - delta) / math.sqrt(variance * factor)


@pytest.mark.parametrize("table", TABLES)
@pytest.mark.parametrize("method", ["mee", "miettinen_nurminen"])
def test_score_intervals_end_where_the_score_is_critical(table, method):
    total = table[1] + table[3]
    factor = total / (total - 1) if method == "miettinen_nurminen" else 1.0
    low, high = bounds(table, method, 0.9)
    z = st.norm.isf(0.05)
    assert score(table, low, factor) == pytest.approx(z, rel=2e-4)
    if high < 1:
        assert score(table, high, factor) == pytest.approx(-z, rel=2e-4)


@pytest.mark.parametrize("table", [(0, 80, 0, 70), (80, 80, 70, 70), (0, 3, 0, 10**9)])
@pytest.mark.parametrize("method", ["mee", "miettinen_nurminen", "newcombe", "newcombe_corrected", "agresti_caffo"])
def test_an_interval_about_equal_ends_has_a_width(table, method):
    low, high = bounds(table, method)
    assert low < 0 < high


def test_mee_without_successes_in_closed_form():
    """0 of n in both: the restricted rate at a difference d is 0 in control, so that d / sqrt(d (1 - d) / n2) = z."""
    z2 = st.norm.isf(0.025) ** 2
    low, high = bounds((0, 80, 0, 70), "mee")
    assert high == pytest.approx(z2 / (70 + z2), rel=1e-12)
    assert low == pytest.approx(-z2 / (80 + z2), rel=1e-12)


@pytest.mark.parametrize("method", DIFFERENCE_INTERVALS)
def test_floats_equal_arrays(method):
    x1, n1 = np.array([0, 3, 80, 48, 500, 0, 10**9, 7]), np.array([80, 80, 80, 80, 10**4, 1, 10**9, 10**9])
    x2, n2 = np.array([0, 0, 70, 56, 570, 1, 0, 9]), np.array([70, 70, 70, 70, 10**4, 1, 10**9, 10**9])
    many = compare_proportions(x1, n1, x2, n2, test="pearson", interval=method).interval
    for place in range(x1.size):
        one = bounds([int(part[place]) for part in (x1, n1, x2, n2)], method)
        assert one == pytest.approx((many.low[place], many.high[place]), rel=1e-9, abs=1e-16)


# The least mean coverage of 95 % intervals over the grid, and the least anywhere on it.
COVERAGE = {
    "newcombe": (0.945, 0.9),
    "newcombe_corrected": (0.965, 0.94),
    "miettinen_nurminen": (0.945, 0.92),
    "mee": (0.943, 0.92),
    "agresti_caffo": (0.945, 0.92),
    "wald": (0.9, 0.6),
    "wald_corrected": (0.94, 0.65),
}


@pytest.mark.parametrize("method", DIFFERENCE_INTERVALS)
def test_coverage_by_enumeration(method):
    """All 31 x 26 tables, under 81 pairs of rates."""
    n1, n2 = 30, 25
    a, b = (part.ravel() for part in np.meshgrid(np.arange(n1 + 1), np.arange(n2 + 1), indexing="ij"))
    found = compare_proportions(a, n1, b, n2, test="pearson", interval=method).interval
    coverages = []
    for p1 in np.linspace(0.1, 0.9, 9):
        for p2 in np.linspace(0.1, 0.9, 9):
            mass = st.binom.pmf(a, n1, p1) * st.binom.pmf(b, n2, p2)
            coverages.append(float(mass[(found.low <= p2 - p1 + 1e-12) & (p2 - p1 - 1e-12 <= found.high)].sum()))
    mean, least = COVERAGE[method]
    assert np.mean(coverages) > mean
    assert min(coverages) > least
    assert np.mean(coverages) < 0.99
