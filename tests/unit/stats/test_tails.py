"""Tails: against scipy.stats, R, and the asymptotic formulas far out."""

import math
from fractions import Fraction

import numpy as np
import pytest
import scipy.stats as st

from flowkit.stats import chi_square_tail, normal_isf, normal_tail, normal_two_sided, t_two_sided
from tests.support import said
from tests.support.bad_input import refused


@pytest.mark.parametrize("z", [-9.0, -1.0, 0.0, 0.3, 1.96, 5.0, 20.0, 37.0])
def test_the_normal_tail_is_that_of_scipy(z):
    tail = normal_tail(z)
    assert tail.p == pytest.approx(st.norm.sf(z), rel=1e-13)
    assert tail.log10_p == pytest.approx(st.norm.logsf(z) / math.log(10), rel=1e-12, abs=1e-15)
    both = normal_two_sided(z)
    assert both.p == pytest.approx(2 * st.norm.sf(abs(z)), rel=1e-13)


@pytest.mark.parametrize("z", [36.9, 37.5, 38.0, 39.0, 60.0, 1e3, 1e8])
def test_far_out_the_logarithm_goes_on_where_p_ends(z):
    wanted = (st.norm.logsf(z) + math.log(2)) / math.log(10)
    assert normal_two_sided(z).log10_p == pytest.approx(wanted, rel=1e-13)
    assert normal_two_sided(np.array([1.0, z])).log10_p[1] == pytest.approx(wanted, rel=1e-13)


def test_infinite_statistics_have_no_tail():
    assert normal_two_sided(math.inf) == (0.0, -math.inf)
    assert normal_tail(-math.inf) == (1.0, 0.0)
    assert t_two_sided(math.inf, 4) == (0.0, -math.inf)
    assert chi_square_tail(math.inf, 4) == (0.0, -math.inf)
    assert normal_two_sided(np.array([math.inf, 0.0])).log10_p.tolist() == [-math.inf, 0.0]


@pytest.mark.parametrize("p", [1e-320, 1e-300, 1e-30, 0.025, 0.5, 0.975, 1 - 1e-12])
def test_the_inverse_of_the_normal_tail(p):
    assert normal_isf(p) == pytest.approx(st.norm.isf(p), rel=1e-9, abs=1e-15)
    assert normal_isf(np.array([p]))[0] == pytest.approx(normal_isf(p), rel=1e-12, abs=1e-14)


def test_the_inverse_at_the_ends():
    assert normal_isf(0.0) == math.inf
    assert normal_isf(1.0) == -math.inf


@pytest.mark.parametrize("df", [0.7, 1, 3, 12.5, 500, 1e6])
@pytest.mark.parametrize("t", [0.0, 0.2, -2.0, 7.0, 40.0])
def test_the_tail_of_t(t, df):
    tail = t_two_sided(t, df)
    assert tail.p == pytest.approx(2 * st.t.sf(abs(t), df), rel=1e-10)
    if st.t.sf(abs(t), df) > 0:  # else the logarithm of scipy ends too, and R goes on
        assert tail.log10_p == pytest.approx((st.t.logsf(abs(t), df) + math.log(2)) / math.log(10), rel=1e-9, abs=1e-12)


def test_t_with_endless_freedom_is_normal():
    assert t_two_sided(2.5, math.inf) == pytest.approx(normal_two_sided(2.5))


@pytest.mark.parametrize("df", [0.5, 1, 2, 7, 300])
@pytest.mark.parametrize("x", [0.0, 0.1, 3.0, 60.0, 900.0])
def test_the_tail_of_chi_square(x, df):
    assert chi_square_tail(x, df).p == pytest.approx(st.chi2.sf(x, df), rel=1e-11)


def test_chi_square_with_two_degrees_of_freedom_is_an_exponential():
    for x in (10.0, 1000.0, 5000.0, 1e6):
        assert chi_square_tail(x, 2).log10_p == pytest.approx(-x / 2 / math.log(10), rel=1e-14)


def test_far_tails_are_those_of_r():
    for given, wanted in said.r("chi_square_tail"):
        assert chi_square_tail(given["x"], given["df"]).log10_p == pytest.approx(wanted["log10"], rel=1e-12)
    for given, wanted in said.r("t_tail"):
        assert t_two_sided(given["t"], given["df"]).log10_p == pytest.approx(wanted["log10"], rel=1e-10)
    for given, wanted in said.r("tails"):
        assert normal_tail(given["x"]).log10_p == pytest.approx(wanted["normal"], rel=1e-11)
        assert t_two_sided(given["x"], given["df"]).log10_p == pytest.approx(wanted["t"], rel=1e-9)
        assert chi_square_tail(given["x"], given["df"]).log10_p == pytest.approx(wanted["chi_square"], rel=1e-9)


def test_far_out_t_is_a_power():
    """The leading term: 2 / (pi t) for one degree of freedom, 4 sqrt 3 / (pi t^3) for three."""
    assert t_two_sided(1e200, 1).log10_p == pytest.approx(math.log10(2 / math.pi) - 200, rel=1e-14)
    assert t_two_sided(1e120, 3).log10_p == pytest.approx(math.log10(4 * math.sqrt(3) / math.pi) - 360, rel=1e-13)
    assert t_two_sided(1e200, 3).log10_p == pytest.approx(math.log10(4 * math.sqrt(3) / math.pi) - 600, rel=1e-13)


@refused(
    (lambda: normal_isf(1.5), "p must"),
    (lambda: normal_isf(math.nan), "p is NaN"),
    (lambda: normal_tail("3"), "z must"),
    (lambda: normal_tail(True), "z must"),
    (lambda: t_two_sided(1.0, 0), "df must"),
    (lambda: t_two_sided([1.0, 2.0], [1, 2, 3]), "lengths differ"),
    (lambda: chi_square_tail(-1, 2), "x must"),
    (lambda: chi_square_tail(1, math.inf), "df must"),
    (lambda: normal_tail([Fraction(1, 2)]), "z must"),
)
def test_bad_input_names_the_parameter(call, named):
    with pytest.raises(ValueError, match=named):
        call()
