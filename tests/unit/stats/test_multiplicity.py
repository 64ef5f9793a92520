"""Adjusted p-values: R, scipy, closed testing by brute force, and the errors that they promise."""

import math
from itertools import combinations, pairwise

import numpy as np
import pytest
import scipy.stats as st

from flowkit.stats import adjust
from flowkit.stats.multiplicity import ADJUSTMENTS
from tests.support import said
from tests.support.bad_input import refused

PS = [0.012, 0.011, 0.02, 0.3, 0.04, 0.9]


def test_they_are_those_of_r():
    for given, wanted in said.r("p.adjust"):
        for method, values in wanted.items():
            assert adjust(given["p"], method) == pytest.approx(values, rel=1e-12), method


def test_the_rates_of_discovery_are_those_of_scipy():
    for method, theirs in (("benjamini_hochberg", "bh"), ("benjamini_yekutieli", "by")):
        assert adjust(PS, method) == pytest.approx(st.false_discovery_control(PS, method=theirs))


def closed(ps, local):
    """Closed testing: an adjusted p is the largest local p of all subsets that hold the hypothesis."""
    m = len(ps)
    subsets = [subset for size in range(1, m + 1) for subset in combinations(range(m), size)]
    tests = {subset: local([ps[i] for i in subset]) for subset in subsets}
    return [min(1.0, max(p for subset, p in tests.items() if i in subset)) for i in range(m)]


def simes(ps):
    return min(len(ps) * p / (rank + 1) for rank, p in enumerate(sorted(ps)))


@pytest.mark.parametrize("seed", range(8))
def test_closed_testing_by_brute_force(seed):
    ps = np.round(np.random.default_rng(seed).beta(0.5, 2, 6), 3).tolist()
    assert adjust(ps, "holm") == pytest.approx(closed(ps, lambda part: min(1, len(part) * min(part))))
    assert adjust(ps, "holm_sidak") == pytest.approx(closed(ps, lambda part: 1 - (1 - min(part)) ** len(part)))
    assert adjust(ps, "hommel") == pytest.approx(closed(ps, simes))


def test_sidak_by_its_formula_and_for_the_smallest_p():
    assert adjust(PS, "sidak") == pytest.approx([1 - (1 - p) ** 6 for p in PS])
    assert adjust([1e-30, 0.5], "sidak")[0] == pytest.approx(2e-30)
    assert adjust([1.0, 0.0], "holm_sidak").tolist() == [1.0, 0.0]


@pytest.mark.parametrize("method", ADJUSTMENTS)
def test_order_shape_and_ranges(method):
    rng = np.random.default_rng(1)
    ps = rng.random((5, 4, 7))
    adjusted = adjust(ps, method)
    assert adjusted.shape == ps.shape
    assert np.all((adjusted >= ps - 1e-15) & (adjusted <= 1))
    assert adjusted[3, 2] == pytest.approx(adjust(ps[3, 2], method))
    turned = rng.permutation(7)
    assert adjust(ps[0, 0][turned], method) == pytest.approx(adjusted[0, 0][turned])
    assert adjust(0.04, method).tolist() == pytest.approx([0.04])


def test_stronger_methods_have_smaller_p():
    ps = np.random.default_rng(2).beta(0.4, 2, (1000, 6))
    found = {method: adjust(ps, method) for method in ADJUSTMENTS}
    chain = ["bonferroni", "holm", "hochberg", "hommel", "benjamini_hochberg"]
    for weaker, stronger in pairwise(chain):
        assert np.all(found[stronger] <= found[weaker] + 1e-15), stronger
    assert np.all(found["holm_sidak"] <= found["sidak"] + 1e-15)
    assert np.all(found["benjamini_hochberg"] <= found["benjamini_yekutieli"] + 1e-15)


@pytest.mark.parametrize("method", ["bonferroni", "sidak", "holm", "holm_sidak", "hochberg", "hommel"])
def test_the_family_wise_error(method):
    """Two true effects and three true hypotheses with a shared control: any false rejection in at most 5 %."""
    rng, runs = np.random.default_rng(5), 20_000
    z = (rng.normal(size=(runs, 5)) - rng.normal(size=(runs, 1))) / math.sqrt(2) + np.array([3, 2.5, 0, 0, 0])
    adjusted = adjust(2 * st.norm.sf(np.abs(z)), method)
    error = np.mean((adjusted[:, 2:] <= 0.05).any(1))
    assert error < 0.05 + 3 * math.sqrt(0.0475 / runs)
    assert error > 0.015


@pytest.mark.parametrize("method", ["benjamini_hochberg", "benjamini_yekutieli"])
def test_the_rate_of_false_discoveries(method):
    rng, runs = np.random.default_rng(6), 20_000
    z = rng.normal(size=(runs, 10)) + np.array([3.0] * 4 + [0.0] * 6)
    rejected = adjust(2 * st.norm.sf(np.abs(z)), method) <= 0.1
    rate = np.mean(rejected[:, 4:].sum(1) / np.maximum(rejected.sum(1), 1))
    bound = 0.06 if method == "benjamini_hochberg" else 0.06 / sum(1 / i for i in range(1, 11))
    assert rate == pytest.approx(bound, abs=0.004)


@refused(
    (lambda: adjust([]), "p holds no p-value"),
    (lambda: adjust([0.1, math.nan]), "p is NaN"),
    (lambda: adjust([0.1, 1.1]), "p must lie"),
    (lambda: adjust([-0.1]), "p must lie"),
    (lambda: adjust([0.1], "none"), "method must be one of"),
)
def test_bad_input_names_the_parameter(call, named):
    with pytest.raises(ValueError, match=named):
        call()
