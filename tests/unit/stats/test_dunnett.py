"""Dunnett: published values, R's mvtnorm, a double integral, and the family-wise error."""

import math

import numpy as np
import pytest
import scipy.integrate as si
import scipy.stats as st

from flowkit.stats import dunnett, dunnett_critical
from tests.support import said
from tests.support.bad_input import refused


@pytest.mark.parametrize(("k", "critical"), [(2, 2.21), (3, 2.35), (4, 2.44), (5, 2.51)])
def test_published_values_for_endless_freedom(k, critical):
    assert dunnett_critical(1, [1] * k) == pytest.approx(critical, abs=0.005)


@pytest.mark.parametrize(
    ("k", "df", "sides", "critical"),
    [(2, 5, 2, 3.03), (3, 10, 2, 2.76), (5, 20, 2, 2.73), (3, 10, 1, 2.34), (2, 60, 1, 1.95)],
)
def test_published_values(k, df, sides, critical):
    """Dunnett 1955 and 1964, at 5 %, equal sizes."""
    assert dunnett_critical(1, [1] * k, df=df, two_sided=sides == 2) == pytest.approx(critical, abs=0.0101)


def test_one_treatment_is_the_t_test():
    for df in (4, 30, math.inf):
        assert dunnett_critical(10, [7], df=df) == pytest.approx(st.t.isf(0.025, df), rel=1e-8)
        found = dunnett([2.5], 10, [7], df=df)
        assert found.p[0] == pytest.approx(2 * st.t.sf(2.5, df), rel=1e-8)
        assert found.log10_p[0] == pytest.approx(math.log10(2 * st.t.sf(2.5, df)), rel=1e-8)


def test_p_is_that_of_mvtnorm():
    for given, wanted in said.r("pmvt"):
        df = given["df"] or math.inf
        side = "two-sided" if given["sides"] == 2 else "greater"
        treatments = given["treatments"]
        found = dunnett([given["at"]] * len(treatments), given["control"], treatments, df=df, alternative=side)
        assert found.p[0] == pytest.approx(wanted["p"], abs=max(1e-9, 3 * wanted["error"]))


@pytest.mark.parametrize("df", [3, 15])
def test_p_by_a_double_integral(df):
    """Simpson's rule over control's deviation and the estimated standard deviation."""
    loads, c = np.sqrt(np.array([8, 20]) / np.array([18, 30])), 2.1
    z, s = np.linspace(-8, 8, 801)[:, None], np.linspace(0, 5, 1001)[None, :]
    inside = np.ones((801, 1001))
    for load in loads:
        own = math.sqrt(1 - load**2)
        inside = inside * (st.norm.cdf((c * s + load * z) / own) - st.norm.cdf((-c * s + load * z) / own))
    density = st.norm.pdf(z) * st.chi.pdf(s * math.sqrt(df), df) * math.sqrt(df)
    chance = si.simpson(si.simpson(inside * density, x=s[0], axis=1), x=z[:, 0])
    assert dunnett([c, -0.3], 10, [8, 20], df=df).p[0] == pytest.approx(1 - chance, abs=1e-7)


def test_the_critical_value_has_the_error():
    critical = dunnett_critical(40, [10, 25, 60], df=12, alpha=0.01)
    assert dunnett([critical] * 3, 40, [10, 25, 60], df=12).p == pytest.approx([0.01] * 3, rel=1e-8)


@pytest.mark.parametrize("alpha", [1e-9, 0.7, 0.99])
def test_extreme_errors(alpha):
    for df in (3, math.inf):
        found = dunnett_critical(1, [1], df=df, alpha=alpha, two_sided=False)
        assert found == pytest.approx(st.t.isf(alpha, df), rel=1e-6)


@pytest.mark.parametrize("df", [1, 2, 5, 10, 100])
def test_far_out_one_treatment_is_still_the_t_test(df):
    for t in (3.0, 10.0, 50.0, 500.0):
        found = dunnett([t], 1, [1], df=df)
        wanted = st.t.logsf(t, df) / math.log(10) + math.log10(2)
        assert found.log10_p[0] == pytest.approx(wanted, abs=1e-4)


def test_sides():
    z = [2.4, -2.4, 0.5]
    both, more, less = (dunnett(z, 1, [1, 1, 1], alternative=side) for side in ("two-sided", "greater", "less"))
    assert more.p[0] == pytest.approx(less.p[1], rel=1e-10)
    assert more.p[1] > 0.99
    assert both.p[0] == pytest.approx(both.p[1], rel=1e-10)
    assert both.p[0] == pytest.approx(2 * more.p[0], rel=0.05)


def test_far_out_it_is_bonferroni():
    for z in (7.0, 20.0, 36.0):
        assert dunnett([z, 0, 0], 1, [1, 1, 1]).p[0] == pytest.approx(3 * 2 * st.norm.sf(z), rel=1e-3)
    found = dunnett([60.0, 0], 1, [1, 1])
    assert found.p[0] == 0
    assert found.log10_p[0] == pytest.approx((st.norm.logsf(60) + math.log(4)) / math.log(10), rel=1e-10)


@pytest.mark.parametrize("df", [8, math.inf])
def test_the_family_wise_error(df):
    """Four treatments that are as control: 200,000 families."""
    rng, runs = np.random.default_rng(9), 200_000
    sizes, control = np.array([5, 5, 8, 12]), 10
    z = rng.normal(size=(runs, 4)) / np.sqrt(sizes) - rng.normal(size=(runs, 1)) / math.sqrt(control)
    z /= np.sqrt(1 / sizes + 1 / control)
    if math.isfinite(df):
        z /= np.sqrt(rng.chisquare(df, (runs, 1)) / df)
    error = np.mean(np.abs(z).max(1) >= dunnett_critical(control, sizes, df=df))
    assert error == pytest.approx(0.05, abs=4 * math.sqrt(0.0475 / runs))


@refused(
    (lambda: dunnett([1, 2], 1, [1]), "lengths differ"),
    (lambda: dunnett([math.inf], 1, [1]), "statistics must be finite"),
    (lambda: dunnett([math.nan], 1, [1]), "statistics is NaN"),
    (lambda: dunnett([], 1, []), "treatments must hold at least 1"),
    (lambda: dunnett([1], 0, [1]), "control"),
    (lambda: dunnett([1], 1, [0]), "treatments"),
    (lambda: dunnett([1], 1, [1], df=0), "df must be over 0"),
    (lambda: dunnett([1], 1, [1], df=math.nan), "df must be over 0"),
    (lambda: dunnett([1], 1, [1], alternative="both"), "alternative must be one of"),
    (lambda: dunnett_critical(1, [1], alpha=0), "alpha"),
)
def test_bad_input_names_the_parameter(call, named):
    with pytest.raises(ValueError, match=named):
        call()
