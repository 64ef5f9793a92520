"""Factors: the simple differences by hand, regressions, and false alarms."""

import math
from itertools import product

import numpy as np
import pytest

from flowkit.stats import Reason, compare_proportions, factorial_means, factorial_rates
from tests.support.bad_input import refused

X, N = np.array([[50, 60], [55, 80]]), np.array([[1000, 900], [1100, 1000]])


def test_two_by_two_by_hand():
    p = X / N
    v = p * (1 - p) / N
    first, second, both = factorial_rates(X, N)
    assert (first.factors, first.levels) == ((0,), (1,))
    assert first.result.estimate == pytest.approx(((p[1, 0] - p[0, 0]) + (p[1, 1] - p[0, 1])) / 2)
    assert second.result.estimate == pytest.approx(((p[0, 1] - p[0, 0]) + (p[1, 1] - p[1, 0])) / 2)
    assert both.factors == (0, 1)
    assert both.result.estimate == pytest.approx(p[1, 1] - p[1, 0] - p[0, 1] + p[0, 0])
    assert first.result.statistic == pytest.approx(first.result.estimate / math.sqrt(v.sum() / 4))
    assert both.result.statistic == pytest.approx(both.result.estimate / math.sqrt(v.sum()))


def test_one_factor_is_walds_test_against_level_nought():
    effects = factorial_rates([50, 60, 40], [1000, 900, 950])
    assert [effect.levels for effect in effects] == [(1,), (2,)]
    for effect, (x, n) in zip(effects, [(60, 900), (40, 950)], strict=True):
        wanted = compare_proportions(50, 1000, x, n, test="wald", interval="wald")
        assert (effect.result.p, effect.result.estimate) == pytest.approx((wanted.p, wanted.estimate))


def test_two_levels_by_regression():
    """With levels coded -1/2 and 1/2, the coefficients of the saturated regression are the effects."""
    rng = np.random.default_rng(1)
    mean = rng.normal(size=(2, 2, 2))
    codes = np.array(list(product([-0.5, 0.5], repeat=3)))
    columns = [codes[:, 0], codes[:, 1], codes[:, 2]]
    columns += [codes[:, 0] * codes[:, 1], codes[:, 0] * codes[:, 2], codes[:, 1] * codes[:, 2], codes.prod(1)]
    wanted = np.linalg.lstsq(np.column_stack([np.ones(8), *columns]), mean.ravel(), rcond=None)[0][1:]
    found = factorial_means(mean, np.ones((2, 2, 2)))
    assert [effect.result.estimate for effect in found] == pytest.approx(wanted)
    assert [len(effect.factors) for effect in found] == [1, 1, 1, 2, 2, 2, 3]


def test_more_levels_and_only_main_effects():
    found = factorial_means(np.arange(6.0).reshape(2, 3), np.ones((2, 3)), largest=1)
    assert [(effect.factors, effect.levels, effect.result.estimate) for effect in found] == [
        ((0,), (1,), pytest.approx(3)),
        ((1,), (1,), pytest.approx(1)),
        ((1,), (2,), pytest.approx(2)),
    ]
    everything = factorial_means(np.arange(6.0).reshape(2, 3), np.ones((2, 3)))
    assert len(everything) == 5
    assert [effect.result.estimate for effect in everything[3:]] == pytest.approx([0, 0])


def test_without_variation():
    assert all(Reason.NO_VARIATION in effect.result.reasons for effect in factorial_rates([[0, 0], [0, 0]], N))
    assert all(effect.result.p == 1 for effect in factorial_rates([[0, 0], [0, 0]], N))


def test_false_alarms_of_an_interaction():
    """Two effects that add up: the interaction is called significant in 5 %."""
    rng, runs = np.random.default_rng(81), 3_000
    rates, n = np.array([[0.3, 0.35], [0.4, 0.45]]), 400
    ps = [factorial_rates(x, np.full((2, 2), n))[2].result.p for x in rng.binomial(n, rates, (runs, 2, 2))]
    assert np.mean(np.array(ps) <= 0.05) == pytest.approx(0.05, abs=4 * math.sqrt(0.0475 / runs))


@refused(
    (lambda: factorial_rates([1], [2]), "x must have one axis"),
    (lambda: factorial_rates([[1, 1]], [[2, 2]]), "x must have one axis"),
    (lambda: factorial_rates([1, 3], [2, 2]), "x is larger"),
    (lambda: factorial_rates([1, 1], [2, 0]), "n must hold whole"),
    (lambda: factorial_rates([1, 1], [2, 2, 2]), "lengths differ"),
    (lambda: factorial_rates([1, 1], [2, 2], confidence=1), "confidence"),
    (lambda: factorial_means([1, math.inf], [1, 1]), "mean must be finite"),
    (lambda: factorial_means([1, 1], [1, -1]), "mean must be finite"),
    (lambda: factorial_means([1, 1], [1, 1, 1]), "lengths differ"),
)
def test_bad_input_names_the_parameter(call, named):
    with pytest.raises(ValueError, match=named):
        call()
