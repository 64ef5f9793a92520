"""Beliefs: closed forms, scipy's integrals, and draws."""

import math
from fractions import Fraction

import numpy as np
import pytest
import scipy.integrate as si
import scipy.stats as st

from flowkit.stats import beta_posterior, normal_posterior, standing, thompson_allocation
from tests.support.bad_input import refused


def beats(a1, b1, a2, b2):
    """P(beta(a2, b2) > beta(a1, b1)) for whole parameters, in fractions (Evan Miller 2015)."""

    def beta(a, b):
        return Fraction(math.factorial(a - 1) * math.factorial(b - 1), math.factorial(a + b - 1))

    return float(sum(beta(a1 + i, b1 + b2) / ((b2 + i) * beta(1 + i, b2) * beta(a1, b1)) for i in range(a2)))


@pytest.mark.parametrize("arms", [(5, 50, 9, 60), (0, 10, 3, 9), (50, 60, 51, 60), (30, 400, 60, 400), (1, 1, 0, 1)])
def test_the_chance_to_beat_control_in_closed_form(arms):
    x1, n1, x2, n2 = arms
    found = standing(beta_posterior([x1, x2], [n1, n2]))
    wanted = beats(x1 + 1, n1 - x1 + 1, x2 + 1, n2 - x2 + 1)
    assert found.beats_control[0] == 0
    assert found.beats_control[1] == pytest.approx(wanted, rel=1e-9)
    assert found.best == pytest.approx([1 - wanted, wanted], abs=1e-11)


@pytest.mark.parametrize("prior", [(1.0, 1.0), (0.5, 0.5), (20.0, 80.0)])
def test_three_arms_by_scipys_integrals(prior):
    x, n = np.array([12, 20, 15]), np.array([100, 110, 90])
    found = standing(beta_posterior(x, n, a=prior[0], b=prior[1]))
    arms = [st.beta(prior[0] + a, prior[1] + b - a) for a, b in zip(x, n, strict=True)]
    grid = np.linspace(0, 0.6, 60_001)
    below = [arm.cdf(grid) for arm in arms]
    for place, arm in enumerate(arms):
        others = np.prod([below[i] for i in range(3) if i != place], axis=0)
        assert found.best[place] == pytest.approx(si.simpson(arm.pdf(grid) * others, x=grid), abs=1e-9)
    most = si.simpson(1 - np.prod(below, axis=0), x=grid)
    assert found.expected_loss == pytest.approx([most - arm.mean() for arm in arms], abs=1e-9)


def test_normal_beliefs_in_closed_form():
    beliefs = normal_posterior([1.0, 1.3], [0.04, 0.09])
    found = standing(beliefs)
    gap, spread = 0.3, math.sqrt(0.13)
    assert found.beats_control[1] == pytest.approx(st.norm.cdf(gap / spread), abs=1e-11)
    # E(max(d, 0)) of a normal d.
    loss = gap * st.norm.cdf(gap / spread) + spread * st.norm.pdf(gap / spread)
    assert found.expected_loss == pytest.approx([loss, loss - gap], abs=1e-10)


def test_draws_say_the_same():
    rng = np.random.default_rng(61)
    mean, variance = np.array([0.0, 0.3, 0.25, -0.2]), np.array([0.02, 0.04, 0.01, 0.09])
    found = standing(normal_posterior(mean, variance))
    draws = rng.normal(mean, np.sqrt(variance), (400_000, 4))
    assert found.best == pytest.approx(np.bincount(draws.argmax(1), minlength=4) / 400_000, abs=0.004)
    assert found.expected_loss == pytest.approx((draws.max(1)[:, None] - draws).mean(0), abs=0.003)


def test_arms_of_very_different_sizes_and_extreme_counts():
    found = standing(beta_posterior([0, 10**9, 3, 500_000_000], [10**9, 10**9, 5, 10**9]))
    assert found.best.sum() == pytest.approx(1)
    assert found.best[1] == pytest.approx(1, abs=1e-6)
    # Two arms that are known to a billionth, beside one that is hardly known.
    found = standing(beta_posterior([500_000_000, 500_100_000, 1], [10**9, 10**9, 2]))
    narrow = st.norm.cdf(1e-4 / math.sqrt(2 * 0.25 / 1e9))
    assert found.beats_control[1] == pytest.approx(narrow, abs=1e-5)
    assert found.best[2] == pytest.approx(0.5, abs=1e-3)


def test_posteriors():
    beliefs = beta_posterior([3, 0], [10, 0], a=2, b=5)
    assert (beliefs.a.tolist(), beliefs.b.tolist()) == ([5, 2], [12, 5])
    assert beliefs.means() == pytest.approx([5 / 17, 2 / 7])
    interval = beliefs.interval(0.9)
    assert interval.low == pytest.approx(st.beta.ppf(0.05, [5, 2], [12, 5]))
    assert interval.high == pytest.approx(st.beta.ppf(0.95, [5, 2], [12, 5]))
    prior = normal_posterior([2.0], [0.5], prior_mean=1, prior_variance=0.25)
    assert (prior.mean[0], prior.variance[0]) == pytest.approx(((2 / 0.5 + 1 / 0.25) / 6, 1 / 6))
    assert normal_posterior([2.0], [0.5]).mean[0] == 2
    assert prior.interval().low == pytest.approx(st.norm.ppf(0.025, prior.mean, np.sqrt(prior.variance)))


def test_credible_intervals_cover_where_the_prior_is_true():
    rng, runs = np.random.default_rng(62), 50_000
    rates = rng.beta(2, 8, runs)
    interval = beta_posterior(rng.binomial(40, rates), np.full(runs, 40), a=2, b=8).interval()
    held = (interval.low <= rates) & (rates <= interval.high)
    assert np.mean(held) == pytest.approx(0.95, abs=4 * math.sqrt(0.0475 / runs))


def test_the_allocation():
    assert thompson_allocation([0.7, 0.2, 0.1]).tolist() == pytest.approx([0.7, 0.2, 0.1])
    shares = thompson_allocation([1.0, 0.0, 0.0], floor=0.1)
    assert shares.tolist() == pytest.approx([0.8, 0.1, 0.1])
    assert thompson_allocation([0.5, 0.5], floor=0.5).tolist() == [0.5, 0.5]


@refused(
    (lambda: standing(beta_posterior([1], [2])), "beliefs must be of at least two"),
    (lambda: beta_posterior([3], [2]), "x is larger"),
    (lambda: beta_posterior([1], [2], a=0), "a must be over 0"),
    (lambda: beta_posterior([1], [2], b=-1), "b must be over 0"),
    (lambda: beta_posterior([1, 2], [2]), "lengths differ"),
    (lambda: beta_posterior([0.5], [2]), "x must hold whole"),
    (lambda: normal_posterior([1], [0]), "variance finite and over 0"),
    (lambda: normal_posterior([1, 2], [1]), "lengths differ"),
    (lambda: normal_posterior([1], [1], prior_variance=0), "prior_variance"),
    (lambda: beta_posterior([1], [2]).interval(1), "confidence"),
    (lambda: thompson_allocation([0.5, 0.4]), "best must hold"),
    (lambda: thompson_allocation([0.5, 0.5], floor=0.6), "floor must be"),
    (lambda: thompson_allocation([0.5, 0.5], floor=-0.1), "floor must be"),
)
def test_bad_input_names_the_parameter(call, named):
    with pytest.raises(ValueError, match=named):
        call()
