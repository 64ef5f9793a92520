"""CUPED and the analysis of covariance: R's regression, the definition on the values, and simulations."""

import numpy as np
import pytest
import scipy.stats as st

from flowkit.stats import PairSummary, Summary, adjusted_means, compare_means
from tests.support import said
from tests.support.bad_input import refused


def pairs(given):
    return (
        PairSummary.of_values(given["covariate_control"], given["control"]),
        PairSummary.of_values(given["covariate_treatment"], given["treatment"]),
    )


def test_ancova_is_the_regression_of_r():
    for given, wanted in said.r("means"):
        found = adjusted_means(*pairs(given), method="ancova")
        assert found.theta == pytest.approx(wanted["theta"], rel=1e-9)
        assert (found.result.estimate, found.result.p) == pytest.approx(
            (wanted["ancova"], wanted["ancova_p"]), rel=1e-8
        )


def test_cuped_by_its_definition_on_the_values():
    for given, _ in said.r("means"):
        x = np.concatenate([given["covariate_control"], given["covariate_treatment"]])
        y = np.concatenate([given["control"], given["treatment"]])
        theta = np.cov(x, y)[0, 1] / np.var(x, ddof=1)
        n = len(given["control"])
        adjusted = y - theta * (x - x.mean())
        wanted = st.ttest_ind(adjusted[n:], adjusted[:n], equal_var=False)
        found = adjusted_means(*pairs(given))
        assert found.theta == pytest.approx(theta, rel=1e-10)
        assert found.result.p == pytest.approx(wanted.pvalue, rel=1e-9)
        assert found.result.estimate == pytest.approx(adjusted[n:].mean() - adjusted[:n].mean(), rel=1e-9)


def test_a_covariate_that_does_not_vary_changes_nothing():
    y1, y2 = [1.0, 4.0, 2.0], [3.0, 5.0, 9.0]
    found = adjusted_means(PairSummary.of_values([2, 2, 2], y1), PairSummary.of_values([2, 2, 2], y2))
    plain = compare_means(Summary.of_values(y1), Summary.of_values(y2))
    assert (found.theta, found.reduction) == (0, 0)
    assert (found.result.p, found.result.estimate) == pytest.approx((plain.p, plain.estimate))
    assert found.result.interval.low == pytest.approx(plain.interval.low)


def summed(x, y):
    centred_x, centred_y = x - x.mean(1, keepdims=True), y - y.mean(1, keepdims=True)
    return PairSummary(
        n=x.shape[1],
        mean_x=x.mean(1),
        mean_y=y.mean(1),
        variance_x=x.var(1, ddof=1),
        variance_y=y.var(1, ddof=1),
        covariance=(centred_x * centred_y).sum(1) / (x.shape[1] - 1),
    )


@pytest.mark.parametrize("method", ["cuped", "ancova"])
def test_false_alarms_power_and_reduction(method):
    """A correlation of .8 takes 64 % of the variance with it, and the error stays."""
    rng, runs, n = np.random.default_rng(31), 20_000, 100
    x1, x2 = rng.normal(size=(runs, n)), rng.normal(size=(runs, n))
    y1, y2 = 0.8 * x1 + 0.6 * rng.normal(size=(runs, n)), 0.8 * x2 + 0.6 * rng.normal(size=(runs, n))
    none = adjusted_means(summed(x1, y1), summed(x2, y2), method=method)
    assert np.mean(none.result.p <= 0.05) == pytest.approx(0.05, abs=4 * np.sqrt(0.0475 / runs) + 0.001)
    assert np.mean(none.reduction) == pytest.approx(0.64, abs=0.01)
    some = adjusted_means(summed(x1, y1), summed(x2, y2 + 0.25), method=method)
    plain = st.ttest_ind(y2 + 0.25, y1, axis=1, equal_var=False).pvalue
    assert np.mean(some.result.p <= 0.05) > np.mean(plain <= 0.05) + 0.3


PAIR = PairSummary(n=2, mean_x=0, mean_y=0, variance_x=1, variance_y=1, covariance=0)


@refused(
    (lambda: adjusted_means(PAIR, PAIR, method="ols"), "method must be one of cuped"),
    (lambda: adjusted_means(PAIR, PAIR, confidence=1), "confidence"),
)
def test_bad_input_names_the_parameter(call, named):
    with pytest.raises(ValueError, match=named):
        call()
