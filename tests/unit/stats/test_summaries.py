"""Sufficient statistics are those of the values."""

import math

import numpy as np
import pytest

from flowkit.stats import PairSummary, Summary, winsorized
from tests.support.bad_input import refused

X, Y = [1.0, 4.0, 2.5, 7.0], [2.0, 9.0, 4.0, 13.5]


def test_of_sums_and_of_values_are_the_same():
    x, y = np.array(X), np.array(Y)
    sums, values = Summary.of_sums(4, x.sum(), (x * x).sum()), Summary.of_values(X)
    assert (sums.n, sums.mean, sums.variance) == pytest.approx((values.n, values.mean, values.variance))
    assert values.variance == pytest.approx(np.var(x, ddof=1))
    sums = PairSummary.of_sums(4, x.sum(), y.sum(), (x * x).sum(), (y * y).sum(), (x * y).sum())
    values = PairSummary.of_values(X, Y)
    for name in ("n", "mean_x", "mean_y", "variance_x", "variance_y", "covariance"):
        assert getattr(sums, name) == pytest.approx(getattr(values, name))
    assert values.covariance == pytest.approx(np.cov(x, y)[0, 1])


def test_rounding_does_not_make_a_variance_negative():
    assert Summary.of_sums(3, 0.3, 3 * 0.1**2 * (1 - 1e-15)).variance == 0


def test_arrays_of_summaries():
    many = Summary.of_sums([2, 3], [3, 6], [5, 14])
    assert many.mean.tolist() == [1.5, 2]
    assert many.variance == pytest.approx([0.5, 1])


def test_winsorized_by_common_limits():
    a, b = winsorized([1, 2, 3, 1000], [4, 5, -1000, 6], low=0.125, high=0.75)
    floor, ceiling = np.quantile([1, 2, 3, 1000, 4, 5, -1000, 6], [0.125, 0.75])
    assert a.tolist() == pytest.approx([max(1, floor), 2, 3, ceiling])
    assert b.tolist() == pytest.approx([4, 5, floor, ceiling])
    assert winsorized([1.0, 5.0], high=1.0)[0].tolist() == [1, 5]


@refused(
    (lambda: Summary(n=1, mean=0, variance=0), "n must be a whole number of at least 2"),
    (lambda: Summary(n=2.5, mean=0, variance=0), "n must be a whole"),
    (lambda: Summary(n=2, mean=math.inf, variance=0), "mean is not finite"),
    (lambda: Summary(n=2, mean=0, variance=-1), "variance must be at least 0"),
    (lambda: Summary(n=2, mean=math.nan, variance=0), "mean is NaN"),
    (lambda: Summary.of_sums(3, 30, 5), "squares is too small"),
    (lambda: Summary.of_sums(0, 0, 0), "n must be a whole"),
    (lambda: Summary.of_values([1]), "values must hold at least 2"),
    (lambda: Summary.of_values(3), "values must be a list"),
    (lambda: Summary.of_values([1, math.inf]), "values must be finite"),
    (lambda: PairSummary.of_values([1, 2], [1, 2, 3]), "lengths differ"),
    (lambda: PairSummary(n=2, mean_x=0, mean_y=0, variance_x=1, variance_y=1, covariance=2), "covariance is larger"),
    (lambda: PairSummary.of_sums(3, 1, 30, 5, 5, 1), "yy is too small"),
    (lambda: winsorized([1, 2], low=0.5, high=0.5), "low and high"),
    (winsorized, "samples must hold at least one"),
    (lambda: winsorized([]), "samples must hold at least 1"),
)
def test_bad_input_names_the_parameter(call, named):
    with pytest.raises(ValueError, match=named):
        call()
