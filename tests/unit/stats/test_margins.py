"""Non-inferiority and equivalence: the formulas, and the duality of test and interval. Their errors: test_power.py."""

import math

import numpy as np
import pytest
import scipy.stats as st

from flowkit.stats import Reason, equivalence_test, noninferiority_test
from tests.support.bad_input import refused


def test_by_the_formulas():
    p1, p2, n1, n2 = 0.5, 0.48, 1000, 900
    error = math.sqrt(p1 * (1 - p1) / n1 + p2 * (1 - p2) / n2)
    found = noninferiority_test(500, n1, 432, n2, 0.05)
    assert found.statistic == pytest.approx((p2 - p1 + 0.05) / error)
    assert found.p == pytest.approx(st.norm.sf(found.statistic))
    equal = equivalence_test(500, n1, 432, n2, 0.05)
    assert equal.statistic == pytest.approx(min(p2 - p1 + 0.05, 0.05 - p2 + p1) / error)
    assert equal.p == pytest.approx(st.norm.sf(equal.statistic))
    assert equal.interval.confidence == 0.95


@pytest.mark.parametrize("alpha", [0.025, 0.05])
def test_the_test_rejects_where_the_interval_is_on_the_good_side(alpha):
    x2 = np.arange(400, 601)
    worse = noninferiority_test(500, 1000, x2, 1000, 0.04, alpha=alpha)
    assert np.array_equal(worse.p < alpha, worse.interval.low > -0.04)
    equal = equivalence_test(500, 1000, x2, 1000, 0.04, alpha=alpha)
    assert np.array_equal(equal.p < alpha, (equal.interval.low > -0.04) & (equal.interval.high < 0.04))
    assert (worse.p < alpha).any()
    assert not (worse.p < alpha).all()


def test_without_variation():
    for test in (noninferiority_test, equivalence_test):
        found = test(0, 10, 0, 10, 0.1)
        assert (found.p, found.log10_p) == (1, 0)
        assert Reason.NO_VARIATION in found.reasons


@refused(
    (lambda: noninferiority_test(1, 2, 1, 2, 0), "margin must be over 0"),
    (lambda: noninferiority_test(1, 2, 1, 2, 0.1, alpha=0.5), "alpha must be under"),
    (lambda: equivalence_test(3, 2, 1, 2, 0.1), "x1 is larger"),
    (lambda: equivalence_test(1, 2, 1, 2, math.nan), "margin is NaN"),
)
def test_bad_input_names_the_parameter(call, named):
    with pytest.raises(ValueError, match=named):
        call()
