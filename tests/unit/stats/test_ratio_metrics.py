"""Ratio metrics: the delta method against the definition, and simulations with many events a unit."""

import numpy as np
import pytest
import scipy.stats as st

from flowkit.stats import PairSummary, Reason, compare_ratios, lift_of_ratios
from flowkit.stats.ratio_metrics import ratio_variance
from tests.support.bad_input import refused
from tests.unit.stats.test_covariates import summed


def test_the_variance_is_that_of_the_linear_terms():
    """To first order the ratio is a mean of (y - R x) / mean x."""
    rng = np.random.default_rng(1)
    x = rng.poisson(4, 50) + 1.0
    y = rng.binomial(x.astype(int), 0.3) * 1.0
    ratio = y.mean() / x.mean()
    wanted = np.var((y - ratio * x) / x.mean(), ddof=1) / 50
    assert ratio_variance(PairSummary.of_values(x, y)) == pytest.approx(wanted, rel=1e-10)


def drawn(rng, runs, n, rate):
    """Units that differ in how many mails they get and in how often they click."""
    mails = rng.poisson(5, (runs, n)) + 1.0
    clicks = rng.binomial(mails.astype(int), np.clip(rng.beta(2, 8, (runs, n)) * rate / 0.2, 0, 1)) * 1.0
    return mails, clicks


def test_false_alarms_and_coverage_where_units_have_many_events():
    rng, runs, n = np.random.default_rng(41), 4_000, 300
    x1, y1 = drawn(rng, runs, n, 0.2)
    x2, y2 = drawn(rng, runs, n, 0.2)
    found = compare_ratios(summed(x1, y1), summed(x2, y2))
    bound = 4 * np.sqrt(0.0475 / runs)
    assert np.mean(found.p <= 0.05) == pytest.approx(0.05, abs=bound)
    lift = lift_of_ratios(summed(x1, y1), summed(x2, y2))
    assert np.mean((lift.interval.low <= 0) & (lift.interval.high >= 0)) == pytest.approx(0.95, abs=bound)
    # Taking clicks for independent units gives false alarms.
    p1, p2 = y1.sum(1) / x1.sum(1), y2.sum(1) / x2.sum(1)
    z = (p2 - p1) / np.sqrt(p1 * (1 - p1) / x1.sum(1) + p2 * (1 - p2) / x2.sum(1))
    assert np.mean(2 * st.norm.sf(np.abs(z)) <= 0.05) > 0.08


def test_with_one_event_a_unit_it_is_the_difference_of_two_means():
    y1, y2 = np.array([1.0, 0, 0, 1, 1, 0]), np.array([1.0, 1, 0, 1, 1])
    found = compare_ratios(PairSummary.of_values(np.ones(6), y1), PairSummary.of_values(np.ones(5), y2))
    variance = y1.var(ddof=1) / 6 + y2.var(ddof=1) / 5
    assert found.estimate == pytest.approx(0.3)
    assert found.statistic == pytest.approx(0.3 / np.sqrt(variance))


def test_a_lift_over_no_clicks():
    found = lift_of_ratios(PairSummary.of_values([1, 2, 3], [0, 0, 0]), PairSummary.of_values([1, 2, 3], [0, 1, 1]))
    assert found.estimate == np.inf
    assert Reason.CONTROL_ZERO in found.reasons


NOTHING = PairSummary(n=3, mean_x=0, mean_y=0, variance_x=0, variance_y=0, covariance=0)
NEGATIVE = PairSummary(n=3, mean_x=1, mean_y=-1, variance_x=0, variance_y=0, covariance=0)


@refused(
    (lambda: compare_ratios(NOTHING, NEGATIVE), "mean_x must be over 0"),
    (lambda: lift_of_ratios(NEGATIVE, NEGATIVE), "mean_y must be at least 0"),
    (lambda: lift_of_ratios(NEGATIVE, NEGATIVE, interval="log"), "interval must be one of"),
)
def test_bad_input_names_the_parameter(call, named):
    with pytest.raises(ValueError, match=named):
        call()
