"""Mann-Whitney: R, scipy, and pairs counted one by one."""

import math

import numpy as np
import pytest
import scipy.stats as st

from flowkit.stats import Reason, mann_whitney
from tests.support import said
from tests.support.bad_input import refused


def test_it_is_that_of_r():
    for given, wanted in said.r("means"):
        found = mann_whitney(given["control"], given["treatment"])
        assert (found.u, found.p) == pytest.approx((wanted["u"], wanted["u_p"]), rel=1e-9)


@pytest.mark.parametrize("seed", range(6))
def test_it_is_that_of_scipy_and_counts_pairs(seed):
    rng = np.random.default_rng(seed)
    a, b = rng.integers(0, 8, 15), rng.integers(1, 9, 22)
    found = mann_whitney(a, b)
    pairs = sum((y > x) + 0.5 * (y == x) for x in a for y in b)
    assert found.u == pairs
    assert found.superiority == pytest.approx(pairs / 330)
    assert found.p == pytest.approx(st.mannwhitneyu(b, a, method="asymptotic").pvalue, rel=1e-10)
    assert found.log10_p == pytest.approx(math.log10(found.p))
    turned = mann_whitney(b, a)
    assert (turned.u, turned.statistic, turned.p) == pytest.approx((330 - pairs, -found.statistic, found.p))


def test_only_ranks_count():
    a, b = np.array([1.0, 3, 3, 8]), np.array([2.0, 3, 9])
    assert mann_whitney(a, b) == mann_whitney(np.exp(a), np.exp(b))
    assert mann_whitney([1, 2], [3, math.inf]).u == 4


def test_equal_values_tell_nothing():
    found = mann_whitney([2, 2], [2, 2, 2])
    assert (found.p, found.statistic, found.superiority) == (1, 0, 0.5)
    assert Reason.NO_VARIATION in found.reasons


def test_false_alarms():
    rng, runs = np.random.default_rng(51), 4_000
    ps = np.array([mann_whitney(*np.split(rng.poisson(2, 60), [25])).p for _ in range(runs)])
    assert np.mean(ps <= 0.05) == pytest.approx(0.05, abs=4 * math.sqrt(0.0475 / runs))


@refused(
    (lambda: mann_whitney([], [1]), "control must hold at least 1"),
    (lambda: mann_whitney([1], [math.nan]), "treatment is NaN"),
    (lambda: mann_whitney([[1, 2]], [1]), "control must be a list"),
)
def test_bad_input_names_the_parameter(call, named):
    with pytest.raises(ValueError, match=named):
        call()
