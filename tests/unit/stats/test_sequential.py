"""Group sequential tests: published constants, the multivariate normal of scipy, and simulated peeking."""

import math

import numpy as np
import pytest
import scipy.stats as st

from flowkit.stats import Decision, boundaries, crossing, decide, drift_for_power, inflation, spent
from flowkit.stats.spending import SPENDING
from tests.support.bad_input import refused


@pytest.mark.parametrize(
    ("method", "constants"),
    [("pocock", (2.178, 2.289, 2.361, 2.413)), ("obrien_fleming", (1.977, 2.004, 2.024, 2.040))],
)
def test_published_constants(method, constants):
    """Jennison and Turnbull 2000, tables 2.1 and 2.3: two-sided 5 %, two to five looks."""
    for looks, constant in zip(range(2, 6), constants, strict=True):
        assert boundaries(looks, method=method).bounds[-1] == pytest.approx(constant, abs=5.1e-4)


def test_published_spending_boundaries():
    """Lan and DeMets' O'Brien-Fleming type, two-sided 5 %, five looks, as their program prints it."""
    found = boundaries(5, method="obrien_fleming_type")
    assert found.bounds == pytest.approx((4.8769, 3.3569, 2.6803, 2.2898, 2.0310), abs=2.1e-4)
    found = boundaries(5, method="pocock_type")
    assert found.bounds == pytest.approx((2.4380, 2.4268, 2.4101, 2.3966, 2.3859), abs=2.1e-4)


def test_published_inflation():
    """Jennison and Turnbull 2000, tables 2.2 and 2.4: two-sided 5 %."""
    assert inflation(boundaries(5, method="pocock"), 0.8) == pytest.approx(1.229, abs=6e-4)
    assert inflation(boundaries(5), 0.9) == pytest.approx(1.026, abs=6e-4)
    assert inflation(boundaries(2, method="pocock"), 0.9) == pytest.approx(1.100, abs=6e-4)
    assert inflation(boundaries(1), 0.8) == pytest.approx(1, abs=1e-6)


@pytest.mark.parametrize(
    ("looks", "error"),
    [(1, 0.05), (2, 0.083), (3, 0.107), (4, 0.126), (5, 0.142), (10, 0.193), (20, 0.248), (50, 0.320), (100, 0.374)],
)
def test_what_a_test_at_five_percent_comes_to_when_it_is_repeated(looks, error):
    """Armitage, McPherson and Rowe 1969."""
    upper, lower = crossing([st.norm.isf(0.025)] * looks, np.arange(1, looks + 1) / looks)
    assert sum(upper) + sum(lower) == pytest.approx(error, abs=6e-4)


@pytest.mark.parametrize("drift", [0.0, 1.7, -3.0])
@pytest.mark.parametrize("sides", [1, 2])
def test_crossing_by_the_multivariate_normal(drift, sides):
    times, bounds = np.array([0.2, 0.5, 1.0]), np.array([2.6, 2.2, 2.0])
    covariance = np.sqrt(np.minimum.outer(times, times) / np.maximum.outer(times, times))
    upper, lower = crossing(bounds, times, drift=drift, sides=sides)
    for look in range(1, 4):
        mean = drift * np.sqrt(times[:look])
        low = -bounds[:look] if sides == 2 else np.full(look, -np.inf)
        joint = st.multivariate_normal(mean, covariance[:look, :look], seed=1, abseps=1e-9, releps=1e-9, maxpts=10**6)
        inside = joint.cdf(bounds[:look], lower_limit=low)
        assert 1 - inside == pytest.approx(sum(upper[:look]) + sum(lower[:look]), abs=2e-6)
    if sides == 1:
        assert set(lower) == {0.0}


@pytest.mark.parametrize("method", ["obrien_fleming", "pocock", *SPENDING])
@pytest.mark.parametrize("sides", [1, 2])
def test_the_error_is_spent_in_full(method, sides):
    for looks in (1, 3, [0.1, 0.35, 0.7, 1.0], 30):
        design = boundaries(looks, alpha=0.03, method=method, sides=sides)
        assert design.spent[-1] == pytest.approx(0.03, rel=1e-7)
        assert all(b > 0 for b in design.bounds)
        assert len(design.times) == len(design.bounds) == len(design.spent)
        assert design.nominal == pytest.approx([sides * st.norm.sf(bound) for bound in design.bounds])


@pytest.mark.parametrize("method", SPENDING)
def test_spending_functions_spend_what_they_say(method):
    design = boundaries([0.2, 0.6, 0.9], method=method)
    for time, total in zip(design.times, design.spent, strict=True):
        assert total == pytest.approx(2 * spent(time, 0.025, method), rel=1e-6)
    # What comes later does not change what has been.
    assert boundaries([0.2, 0.6, 0.7, 1.0], method=method).bounds[:2] == pytest.approx(design.bounds[:2], rel=1e-10)


def test_wang_tsiatis_lies_between():
    assert boundaries(4, method="wang_tsiatis", delta=0).bounds == pytest.approx(boundaries(4).bounds)
    assert boundaries(4, method="wang_tsiatis", delta=0.5).bounds == pytest.approx(
        boundaries(4, method="pocock").bounds
    )
    middle = boundaries(4, method="wang_tsiatis", delta=0.25)
    assert boundaries(4, method="pocock").bounds[0] < middle.bounds[0] < boundaries(4).bounds[0]
    assert middle.bounds[0] / middle.bounds[3] == pytest.approx(4**0.25)


def test_spending_at_the_ends_and_by_formula():
    for method in SPENDING:
        assert (spent(0, 0.03, method), spent(1, 0.03, method)) == (0, 0.03)
    assert spent(0.5, 0.05, "pocock_type") == pytest.approx(0.05 * math.log(1 + (math.e - 1) / 2))
    assert spent(0.5, 0.05, "obrien_fleming_type") == pytest.approx(2 * st.norm.sf(st.norm.isf(0.025) / math.sqrt(0.5)))
    assert spent(0.5, 0.05, "power", parameter=2) == pytest.approx(0.0125)
    assert spent(0.5, 0.05, "hwang_shih_decani", parameter=0) == pytest.approx(0.025)
    assert spent(0.5, 0.05, "hwang_shih_decani", parameter=1e-7) == pytest.approx(0.025)
    assert spent(0.5, 0.05, "hwang_shih_decani") == pytest.approx(0.05 * (1 - math.exp(2)) / (1 - math.exp(4)))


def test_a_look_too_early_to_spend_anything_has_no_boundary():
    design = boundaries([1e-4, 1.0], method="obrien_fleming_type")
    assert design.bounds[0] == math.inf
    assert design.bounds[1] == pytest.approx(st.norm.isf(0.025), abs=1e-6)


@pytest.mark.parametrize("method", ["obrien_fleming", "pocock", "obrien_fleming_type", "pocock_type"])
def test_peeking_at_every_look_keeps_the_error_and_the_power(method):
    """400,000 experiments, stopped at the first look that reaches its boundary: without an effect, and with one."""
    design = boundaries(5, method=method)
    drift = drift_for_power(design, 0.8)
    rng, runs = np.random.default_rng(13), 400_000
    sums = np.cumsum(rng.normal(scale=math.sqrt(0.2), size=(runs, 5)), axis=1)
    root_time = np.sqrt(design.times)
    stopped = np.abs(sums / root_time) >= np.array(design.bounds)
    assert np.mean(stopped.any(1)) == pytest.approx(0.05, abs=4 * math.sqrt(0.0475 / runs))
    moved = (sums + drift * np.array(design.times)) / root_time
    assert np.mean((moved >= design.bounds).any(1)) == pytest.approx(0.8, abs=4 * math.sqrt(0.16 / runs) + 1e-4)


def test_decisions():
    design = boundaries(3)
    assert decide(design, 1, 3.0) is Decision.CONTINUE
    assert decide(design, 1, -3.5) is Decision.DIFFERENT
    assert decide(design, 2, design.bounds[1]) is Decision.DIFFERENT
    assert decide(design, 3, 2.0) is Decision.NO_DIFFERENCE
    assert decide(boundaries(3, sides=1), 1, -9.0) is Decision.CONTINUE


@refused(
    (lambda: boundaries(0), "looks must be from 1"),
    (lambda: boundaries([0.5, 0.5, 1]), "looks must rise"),
    (lambda: boundaries([0.5, 1.1]), "looks must rise"),
    (lambda: boundaries([0, 1]), "looks must rise"),
    (lambda: boundaries([0.5, math.nan]), "looks is NaN"),
    (lambda: boundaries(3, alpha=1), "alpha"),
    (lambda: boundaries(3, sides=3), "sides"),
    (lambda: boundaries(3, method="haybittle"), "method must be one of obrien_fleming"),
    (lambda: boundaries(3, delta=0.2), "delta must be given for"),
    (lambda: boundaries(3, method="wang_tsiatis"), "delta must be given for"),
    (lambda: boundaries(3, parameter=1), "parameter is for"),
    (lambda: boundaries(3, method="pocock_type", parameter=1), "parameter is for"),
    (lambda: boundaries(3, method="power", parameter=0), "parameter must be over 0"),
    (lambda: spent(1.5, 0.05, "power"), "time must lie"),
    (lambda: spent(0.5, 0.05, "hwang_shih_decani", parameter=99), "parameter must be from"),
    (lambda: crossing([2, 2], [1]), "lengths differ"),
    (lambda: drift_for_power(boundaries(2), 0.05), "power must be over alpha"),
    (lambda: inflation(boundaries(2), 1), "power"),
    (lambda: decide(boundaries(2), 3, 1), "look must be from 1 to 2"),
    (lambda: decide(boundaries(2), 1, math.nan), "z is NaN"),
)
def test_bad_input_names_the_parameter(call, named):
    with pytest.raises(ValueError, match=named):
        call()
