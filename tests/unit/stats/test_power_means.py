"""Plans for two means: against R and against simulated t-tests."""

import math

import numpy as np
import pytest
import scipy.stats as st

from flowkit.stats import power_of_means, size_for_means
from tests.support import said
from tests.support.bad_input import refused


def test_it_is_that_of_r():
    for given, wanted in said.r("power.t.test"):
        effect, sd, power, alpha = given.values()
        assert power_of_means(effect, sd, 20, alpha=alpha) == pytest.approx(wanted["power_of_20"], rel=1e-7)
        assert power_of_means(effect, sd, 20, alpha=alpha, sides=1) == pytest.approx(
            wanted["one_sided_of_20"], rel=1e-7
        )
        assert size_for_means(effect, sd, power=power, alpha=alpha).control == pytest.approx(wanted["n"], rel=1e-6)


@pytest.mark.parametrize("ratio", [0.5, 1.0, 4.0])
def test_the_size_has_the_power(ratio):
    plan = size_for_means(0.3, 1.2, power=0.9, ratio=ratio, comparisons=2)
    assert power_of_means(0.3, 1.2, plan.control, alpha=0.025, ratio=ratio) == pytest.approx(0.9, rel=1e-9)
    assert plan.treatments == 2


def test_many_units_are_normal():
    near, far = power_of_means(0.002, 1, 4.9e5), power_of_means(0.002, 1, 5.1e5)
    shifts, limit = [0.002 * math.sqrt(n / 2) for n in (4.9e5, 5.1e5)], st.norm.isf(0.025)
    wanted = [st.norm.sf(limit - shift) + st.norm.sf(limit + shift) for shift in shifts]
    assert [near, far] == pytest.approx(wanted, rel=2e-5)


def test_the_planned_sample_has_the_power():
    plan = size_for_means(1, 2)
    n, runs = int(plan.control_units), 20_000
    rng = np.random.default_rng(11)
    p = st.ttest_ind(rng.normal(1, 2, (runs, n)), rng.normal(0, 2, (runs, n)), axis=1).pvalue
    assert np.mean(p <= 0.05) == pytest.approx(power_of_means(1, 2, n), abs=4 * math.sqrt(0.16 / runs))


def test_the_sign_of_the_effect_does_not_matter_and_without_one_the_power_is_alpha():
    assert power_of_means(-1, 2, 20) == power_of_means(1, 2, 20)
    assert power_of_means(0, 2, 20) == pytest.approx(0.05)
    assert power_of_means(1e6, 1, 20) == 1


@refused(
    (lambda: size_for_means(0, 1), "effect must not be 0"),
    (lambda: size_for_means(math.inf, 1), "effect is not finite"),
    (lambda: size_for_means(1, 0), "sd must be over 0"),
    (lambda: size_for_means(1, 1, power=0.05), "power must be over alpha"),
    (lambda: size_for_means(1, 1, comparisons=0), "comparisons"),
    (lambda: power_of_means(1, 1, 1), "n1 is too small"),
    (lambda: power_of_means(1, 1, 10, sides=0), "sides"),
    (lambda: power_of_means([1, 2], 1, 10), "effect must be a single number"),
)
def test_bad_input_names_the_parameter(call, named):
    with pytest.raises(ValueError, match=named):
        call()
