"""Plans for two proportions: against R, against each other, and against what the samples then do."""

import math

import numpy as np
import pytest
import scipy.stats as st

from flowkit.stats import (
    Reason,
    compare_proportions,
    detectable_rate,
    equivalence_test,
    noninferiority_size,
    noninferiority_test,
    power_of_proportions,
    size_for_proportions,
)
from tests.support import said
from tests.support.bad_input import refused

METHODS = ["pooled", "unpooled", "arcsine"]


def test_pooled_is_that_of_r():
    for given, wanted in said.r("power.prop.test"):
        p1, p2, power, alpha = given.values()
        assert size_for_proportions(p1, p2, power=power, alpha=alpha).control == pytest.approx(wanted["n"], rel=1e-9)
        one = size_for_proportions(p1, p2, power=power, alpha=alpha, sides=1)
        assert one.control == pytest.approx(wanted["one_sided"], rel=1e-9)
        far = power_of_proportions(p1, p2, 50, alpha=alpha, far_tail=True)
        assert far == pytest.approx(wanted["power_of_50"], rel=1e-9)


def test_unpooled_and_arcsine_by_their_formulas():
    a, b = st.norm.isf(0.025), st.norm.isf(0.2)
    spread = 0.05 * 0.95 + 0.06 * 0.94 / 2
    assert size_for_proportions(0.05, 0.06, ratio=2, method="unpooled").control == pytest.approx(
        (a + b) ** 2 * spread / 0.01**2
    )
    h = 2 * math.asin(math.sqrt(0.06)) - 2 * math.asin(math.sqrt(0.05))
    assert size_for_proportions(0.05, 0.06, ratio=2, method="arcsine").control == pytest.approx(
        1.5 * ((a + b) / h) ** 2
    )


def test_the_correction_published_by_fleiss():
    """Casagrande, Pike and Smith by the size without correction: n/4 (1 + sqrt(1 + 4/(n d)))^2 for equal arms."""
    plain, corrected = (size_for_proportions(0.3, 0.5, continuity=flag).control for flag in (False, True))
    assert corrected == pytest.approx(plain / 4 * (1 + math.sqrt(1 + 4 / (plain * 0.2))) ** 2)
    assert corrected - plain == pytest.approx(2 / 0.2, abs=0.3)


@pytest.mark.parametrize("method", METHODS)
@pytest.mark.parametrize("ratio", [0.5, 1.0, 3.0])
@pytest.mark.parametrize("sides", [1, 2])
@pytest.mark.parametrize("continuity", [False, True])
def test_the_size_has_the_power(method, ratio, sides, continuity):
    options = {
        "alpha": 0.02,
        "ratio": ratio,
        "sides": sides,
        "method": method,
        "comparisons": 3,
        "continuity": continuity,
    }
    plan = size_for_proportions(0.1, 0.13, power=0.9, **options)
    assert power_of_proportions(0.1, 0.13, plan.control, **options) == pytest.approx(0.9, rel=1e-9)


@pytest.mark.parametrize("method", METHODS)
@pytest.mark.parametrize("p2", [0.08, 0.12])
def test_the_detectable_rate_turns_it_round(method, p2):
    plan = size_for_proportions(0.1, p2, method=method, ratio=2)
    found = detectable_rate(0.1, plan.control, method=method, ratio=2, downwards=p2 < 0.1)
    assert found.rate == pytest.approx(p2, rel=1e-9)
    assert found.difference == pytest.approx(p2 - 0.1, rel=1e-8)
    assert found.lift == pytest.approx(p2 / 0.1 - 1, rel=1e-8)


def test_what_no_sample_of_that_size_finds():
    found = detectable_rate([0.05, 0.05, 0.0], [3, 500, 500], downwards=True)
    assert np.isnan(found.rate).tolist() == [True, False, True]
    assert found.reasons[Reason.UNREACHABLE].tolist() == [True, False, True]
    assert math.isnan(detectable_rate(0.5, 2).rate)


def test_arms_totals_and_allocation_are_kept_apart():
    plan = size_for_proportions(0.05, 0.06, ratio=0.5, comparisons=3)
    one = size_for_proportions(0.05, 0.06, ratio=0.5, alpha=0.05 / 3)
    assert plan.control == one.control
    assert plan.alpha == pytest.approx(0.05 / 3)
    assert plan.treatment == pytest.approx(plan.control / 2)
    assert plan.control_units == math.ceil(plan.control)
    assert plan.treatment_units == math.ceil(plan.treatment)
    assert plan.total_units == plan.control_units + 3 * plan.treatment_units
    assert plan.allocation == pytest.approx((0.4, 0.2, 0.2, 0.2))


def test_many_plans_at_once():
    plans = size_for_proportions([0.05, 0.1], [0.06, 0.2])
    for place, rates in enumerate([(0.05, 0.06), (0.1, 0.2)]):
        one = size_for_proportions(*rates)
        assert plans.control[place] == pytest.approx(one.control, rel=1e-12)
        assert plans.total_units[place] == one.total_units
        assert type(one.total_units) is float


def test_without_a_difference_the_power_is_the_error():
    assert power_of_proportions(0.1, 0.1, 500) == pytest.approx(0.025)
    assert power_of_proportions(0.1, 0.1, 500, far_tail=True) == pytest.approx(0.05)
    assert power_of_proportions(0, 1, 5) == 1


def test_the_planned_sample_has_the_power():
    """200,000 experiments of the planned size: Pearson's test rejects in the planned share of them."""
    rng = np.random.default_rng(20260504)
    plan = size_for_proportions(0.05, 0.07)
    n, runs = int(plan.control_units), 200_000
    found = compare_proportions(rng.binomial(n, 0.05, runs), n, rng.binomial(n, 0.07, runs), n, test="pearson")
    assert np.mean(found.p <= 0.05) == pytest.approx(0.8, abs=4 * math.sqrt(0.16 / runs) + 0.002)


def test_half_of_the_plan_has_far_less():
    rng = np.random.default_rng(20260504)
    n, runs = int(size_for_proportions(0.05, 0.07).control_units) // 2, 20_000
    found = compare_proportions(rng.binomial(n, 0.05, runs), n, rng.binomial(n, 0.07, runs), n, test="pearson")
    assert np.mean(found.p <= 0.05) < 0.55


def test_noninferiority_by_its_formula_and_by_simulation():
    plan = noninferiority_size(0.1, 0.1, 0.02)
    wanted = (st.norm.isf(0.025) + st.norm.isf(0.2)) ** 2 * 2 * 0.09 / 0.02**2
    assert plan.control == pytest.approx(wanted)
    rng, runs, n = np.random.default_rng(3), 100_000, int(plan.control_units)
    good = noninferiority_test(rng.binomial(n, 0.1, runs), n, rng.binomial(n, 0.1, runs), n, 0.02)
    bad = noninferiority_test(rng.binomial(n, 0.1, runs), n, rng.binomial(n, 0.08, runs), n, 0.02)
    assert np.mean(good.p <= 0.025) == pytest.approx(0.8, abs=0.008)
    assert np.mean(bad.p <= 0.025) == pytest.approx(0.025, abs=0.004)


def test_equivalence_by_simulation():
    plan = noninferiority_size(0.3, 0.3, 0.05, equivalence=True, power=0.9)
    rng, runs, n = np.random.default_rng(4), 100_000, int(plan.control_units)
    good = equivalence_test(rng.binomial(n, 0.3, runs), n, rng.binomial(n, 0.3, runs), n, 0.05)
    bad = equivalence_test(rng.binomial(n, 0.3, runs), n, rng.binomial(n, 0.35, runs), n, 0.05)
    assert np.mean(good.p <= 0.025) == pytest.approx(0.9, abs=0.006)
    assert np.mean(bad.p <= 0.025) == pytest.approx(0.025, abs=0.004)


def test_beyond_the_margin_no_sample_is_enough():
    plan = noninferiority_size([0.1, 0.1], [0.05, 0.1], 0.02)
    assert plan.control[0] == plan.total_units[0] == math.inf
    assert plan.reasons[Reason.UNREACHABLE].tolist() == [True, False]
    assert noninferiority_size(0.1, 0.13, 0.02, equivalence=True).control == math.inf


@refused(
    (lambda: size_for_proportions(0.1, 0.1), "p1 and p2 are equal"),
    (lambda: size_for_proportions([0.1, 0.2], [0.1, 0.3]), "p1 and p2 are equal"),
    (lambda: size_for_proportions(-0.1, 0.1), "p1 must be a rate"),
    (lambda: size_for_proportions(0.1, 1.1), "p2 must be a rate"),
    (lambda: size_for_proportions(0.1, math.nan), "p2 is NaN"),
    (lambda: size_for_proportions(0.1, 0.2, alpha=0), "alpha"),
    (lambda: size_for_proportions(0.1, 0.2, power=0.01), "power must be over alpha"),
    (lambda: size_for_proportions(0.1, 0.2, power=1), "power"),
    (lambda: size_for_proportions(0.1, 0.2, ratio=0), "ratio must be over 0"),
    (lambda: size_for_proportions(0.1, 0.2, comparisons=0), "comparisons"),
    (lambda: size_for_proportions(0.1, 0.2, sides=3), "sides"),
    (lambda: size_for_proportions(0.1, 0.2, method="exact"), "method must be one of pooled"),
    (lambda: power_of_proportions(0.1, 0.2, 0), "n1 must be over 0"),
    (lambda: power_of_proportions(0.1, [0.2, 0.3], [1, 2, 3]), "lengths differ"),
    (lambda: detectable_rate(0.1, math.inf), "n1 must be over 0 and finite"),
    (lambda: noninferiority_size(0.1, 0.1, 0), "margin must be over 0"),
)
def test_bad_input_names_the_parameter(call, named):
    with pytest.raises(ValueError, match=named):
        call()
