"""Always-valid inference: the mixture by integration, and a look after every batch."""

import math

import numpy as np
import pytest
import scipy.integrate as si
import scipy.optimize as so
import scipy.stats as st

from flowkit.stats import Mixture, Reason, always_valid, always_valid_proportions, mixture_variance, running
from tests.support.bad_input import refused


@pytest.mark.parametrize(
    ("estimate", "variance", "tau2"), [(0.02, 1e-4, 4e-4), (1.3, 0.2, 0.05), (0.0, 1.0, 1.0), (-3.0, 1.0, 9.0)]
)
def test_p_is_one_over_the_mixture_of_likelihood_ratios(estimate, variance, tau2):
    error, tau = math.sqrt(variance), math.sqrt(tau2)

    def mixed(effect):
        return st.norm.pdf(estimate, effect, error) * st.norm.pdf(effect, 0, tau)

    ratio = si.quad(mixed, -12 * tau, 12 * tau, epsabs=0, epsrel=1e-10, points=[estimate, 0])[0] / st.norm.pdf(
        estimate, 0, error
    )
    found = always_valid(estimate, variance, Mixture(variance=tau2))
    assert found.p == pytest.approx(min(1, 1 / ratio), rel=1e-8)
    assert found.statistic == pytest.approx(math.log(ratio), abs=1e-8)


@pytest.mark.parametrize("confidence", [0.5, 0.95, 0.999])
def test_the_interval_ends_where_p_is_alpha(confidence):
    mixture = Mixture(variance=0.3)
    found = always_valid(2.0, 0.4, mixture, confidence=confidence).interval
    for bound in (found.low, found.high):
        assert always_valid(2.0 - bound, 0.4, mixture).p == pytest.approx(1 - confidence, rel=1e-12)


def test_the_chosen_mixture_is_the_best_one_for_its_moment():
    for variance, alpha in ((0.01, 0.05), (4.0, 0.001)):
        chosen = mixture_variance(variance, alpha=alpha).variance

        def width(log_tau2, variance=variance, alpha=alpha):
            return always_valid(0, variance, Mixture(variance=math.exp(log_tau2)), confidence=1 - alpha).interval.high

        best = so.minimize_scalar(width, bracket=(math.log(chosen) - 1, math.log(chosen) + 1)).x
        assert math.log(chosen) == pytest.approx(best, abs=1e-5)


def test_a_look_after_every_batch_keeps_the_error():
    """8,000 experiments without an effect, looked at 200 times each: rejected at any look in at most 5 %, and every
    interval of the sequence holds the truth in 95 %."""
    rng, runs, looks, batch, rate = np.random.default_rng(14), 8_000, 200, 100, 0.1
    x1, x2 = (np.cumsum(rng.binomial(batch, rate, (runs, looks)), axis=1) for _ in range(2))
    n = np.broadcast_to(np.arange(1, looks + 1) * batch, (runs, looks))
    mixture = mixture_variance(2 * rate * (1 - rate) / (looks * batch / 4))
    found = always_valid_proportions(x1, n, x2, n, mixture)
    error = np.mean((found.p <= 0.05).any(1))
    assert error <= 0.05 + 3 * math.sqrt(0.0475 / runs)
    assert error > 0.01
    held = ((found.interval.low <= 0) & (found.interval.high >= 0)).all(1)
    assert np.mean(held) >= 0.95 - 3 * math.sqrt(0.0475 / runs)
    fixed = np.abs(x2 - x1) / n / np.sqrt(2 * rate * (1 - rate) / n) >= st.norm.isf(0.025)
    assert np.mean(fixed.any(1)) > 0.3


def test_an_effect_is_found_in_the_end():
    rng = np.random.default_rng(15)
    x1, x2 = (
        np.cumsum(rng.binomial(100, 0.1, (500, 100)), axis=1),
        np.cumsum(rng.binomial(100, 0.13, (500, 100)), axis=1),
    )
    n = np.broadcast_to(np.arange(1, 101) * 100, x1.shape)
    found = always_valid_proportions(x1, n, x2, n, Mixture(variance=4e-4))
    assert np.mean((found.p <= 0.05).any(1)) > 0.98


def test_running_is_the_smallest_so_far():
    assert running([0.5, 0.7, 0.1, 0.3]).tolist() == [0.5, 0.5, 0.1, 0.1]
    assert running(0.4) == 0.4


def test_without_variance_there_is_no_evidence():
    found = always_valid([0.0, 5.0], [0.0, 1.0], Mixture(variance=1.0))
    assert found.p[0] == 1
    assert (found.interval.low[0], found.interval.high[0]) == (-math.inf, math.inf)
    assert found.reasons[Reason.UNBOUNDED].tolist() == [True, False]


def test_early_looks_without_variation_are_not_certainty():
    found = always_valid_proportions(0, 5, 5, 5, Mixture(variance=0.01))
    assert 0.01 < found.p <= 1
    nothing = always_valid_proportions(0, 5, 0, 5, Mixture(variance=0.01))
    assert nothing.p == 1
    assert -1 <= nothing.interval.low <= 0 <= nothing.interval.high <= 1


def test_rates_have_the_pooled_variance_after_one_more_of_each():
    x1, n1, x2, n2 = 30, 400, 51, 420
    rate = (x1 + x2 + 2) / (n1 + n2 + 4)
    mixture = Mixture(variance=0.001)
    found = always_valid_proportions(x1, n1, x2, n2, mixture)
    wanted = always_valid(x2 / n2 - x1 / n1, rate * (1 - rate) * (1 / n1 + 1 / n2), mixture)
    assert (found.p, found.interval.low) == pytest.approx((wanted.p, wanted.interval.low), rel=1e-12)


def test_far_out_there_is_a_logarithm():
    found = always_valid(100.0, 1.0, Mixture(variance=1.0))
    assert found.p == 0
    assert found.log10_p == pytest.approx(-(2500 - 0.5 * math.log(2)) / math.log(10), rel=1e-12)


@refused(
    (lambda: always_valid(math.nan, 1, Mixture(variance=1)), "estimate is NaN"),
    (lambda: always_valid(math.inf, 1, Mixture(variance=1)), "estimate is not finite"),
    (lambda: always_valid(1, -1, Mixture(variance=1)), "variance must be at least 0"),
    (lambda: always_valid(1, 1, Mixture(variance=0)), "mixture.variance must be over 0"),
    (lambda: always_valid(1, 1, Mixture(variance=1), confidence=1), "confidence"),
    (lambda: always_valid([1, 2], [1, 2, 3], Mixture(variance=1)), "lengths differ"),
    (lambda: mixture_variance(0), "variance must be over 0"),
    (lambda: mixture_variance(1, alpha=0), "alpha"),
    (lambda: running([0.5, 2]), "p must lie"),
    (lambda: always_valid_proportions(3, 2, 1, 2, Mixture(variance=1)), "x1 is larger"),
)
def test_bad_input_names_the_parameter(call, named):
    with pytest.raises(ValueError, match=named):
        call()
