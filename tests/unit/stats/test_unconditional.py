"""Barnard and Boschloo: the tables counted by hand, and scipy where it is right."""

import math
from fractions import Fraction
from itertools import product

import numpy as np
import pytest
import scipy.stats as st

from flowkit.stats import compare_proportions


def largest(region, n1, n2):
    """The largest probability of a region of tables, on a fine grid."""
    rates = np.linspace(0, 1, 20001)
    total = np.zeros_like(rates)
    for a, b in region:
        total += st.binom.pmf(a, n1, rates) * st.binom.pmf(b, n2, rates)
    return total.max()


def squared_z(a, n1, b, n2):
    """The square of the pooled z, in fractions, so that ties are ties."""
    m, total = a + b, n1 + n2
    if m in {0, total}:
        return Fraction(0)
    return Fraction((b * n1 - a * n2) ** 2 * total, n1 * n2 * m * (total - m))


@pytest.mark.parametrize(
    "table", [(2, 12, 7, 15), (0, 5, 3, 6), (1, 7, 5, 7), (4, 10, 4, 9), (3, 8, 8, 8), (6, 6, 0, 5)]
)
def test_barnard_by_enumeration(table):
    _, n1, _, n2 = table
    observed = squared_z(*table)
    region = [(a, b) for a, b in product(range(n1 + 1), range(n2 + 1)) if squared_z(a, n1, b, n2) >= observed]
    assert compare_proportions(*table, test="barnard").p == pytest.approx(largest(region, n1, n2), rel=1e-6)


def test_barnard_counts_tables_that_are_tied():
    """[[2, 7], [10, 8]] is .1411; where rounding drops the tied tables it becomes .1340."""
    assert compare_proportions(2, 12, 7, 15, test="barnard").p == pytest.approx(0.1411, abs=5e-5)


@pytest.mark.parametrize("table", [(7, 15, 12, 17), (1, 10, 8, 12), (0, 20, 6, 25)])
def test_barnard_is_that_of_scipy_where_nothing_is_tied(table):
    x1, n1, x2, n2 = table
    wanted = st.barnard_exact([[x1, x2], [n1 - x1, n2 - x2]], alternative="less", n=128).pvalue
    assert compare_proportions(*table, test="barnard", alternative="greater").p == pytest.approx(wanted, rel=1e-5)


@pytest.mark.parametrize("table", [(2, 12, 7, 15), (7, 15, 12, 17), (1, 10, 8, 12), (0, 20, 6, 25)])
@pytest.mark.parametrize(("side", "theirs"), [("greater", "less"), ("less", "greater")])
def test_boschloo_of_one_side_is_that_of_scipy(table, side, theirs):
    x1, n1, x2, n2 = table
    wanted = st.boschloo_exact([[x1, x2], [n1 - x1, n2 - x2]], alternative=theirs, n=128).pvalue
    assert compare_proportions(*table, test="boschloo", alternative=side).p == pytest.approx(wanted, rel=1e-5)


@pytest.mark.parametrize("table", [(2, 12, 7, 15), (0, 5, 3, 6), (1, 7, 5, 7), (4, 10, 4, 9)])
def test_boschloo_by_enumeration(table):
    x1, n1, x2, n2 = table

    def fisher(a, b):
        m = a + b
        mass = {k: Fraction(math.comb(n2, k) * math.comb(n1, m - k)) for k in range(max(0, m - n1), min(n2, m) + 1)}
        return sum(p for p in mass.values() if p <= mass[b]) / sum(mass.values())

    observed = fisher(x1, x2)
    region = [(a, b) for a, b in product(range(n1 + 1), range(n2 + 1)) if fisher(a, b) <= observed]
    assert compare_proportions(*table, test="boschloo").p == pytest.approx(largest(region, n1, n2), rel=1e-6)


def test_boschloo_is_never_over_fisher():
    for x1, x2 in product(range(0, 13, 2), range(0, 10, 2)):
        boschloo, fisher = (compare_proportions(x1, 12, x2, 9, test=test).p for test in ("boschloo", "fisher"))
        assert boschloo <= fisher * (1 + 1e-9)


@pytest.mark.parametrize("test", ["barnard", "boschloo", "fisher", "fisher_mid_p"])
def test_the_error_is_that_of_the_test(test):
    """All tables of 12 and 10 units: the chance of p <= .05 under any common rate; the mid-p may be a little over."""
    n1, n2 = 12, 10
    a, b = (part.ravel() for part in np.meshgrid(np.arange(n1 + 1), np.arange(n2 + 1), indexing="ij"))
    rejected = compare_proportions(a, n1, b, n2, test=test).p <= 0.05
    errors = [
        float((st.binom.pmf(a, n1, rate) * st.binom.pmf(b, n2, rate))[rejected].sum())
        for rate in np.linspace(0, 1, 201)
    ]
    assert max(errors) <= (0.06 if test == "fisher_mid_p" else 0.05)
    assert max(errors) > (0.01 if test == "fisher" else 0.03)
