"""Strata: R's mantelhaen.test, the definition, and Simpson's paradox."""

import math

import numpy as np
import pytest
import scipy.stats as st

from flowkit.stats import Reason, cochran_mantel_haenszel, compare_proportions, post_stratified
from tests.support import said
from tests.support.bad_input import refused


def test_cochran_mantel_haenszel_is_that_of_r():
    for given, wanted in said.r("mantelhaen.test"):
        strata = tuple(given.values())
        found = cochran_mantel_haenszel(*strata)
        assert (found.statistic, found.p) == pytest.approx((wanted["statistic"], wanted["p"]), rel=1e-10)
        assert found.estimate == pytest.approx(wanted["odds"], rel=1e-12)
        assert (found.interval.low, found.interval.high) == pytest.approx((wanted["low"], wanted["high"]), rel=1e-10)
        corrected = cochran_mantel_haenszel(*strata, correction=True)
        assert (corrected.statistic, corrected.p) == pytest.approx(
            (wanted["corrected"], wanted["corrected_p"]), rel=1e-10
        )


def test_one_stratum_is_pearsons_test_but_for_one_unit():
    found, plain = cochran_mantel_haenszel(50, 400, 70, 420), compare_proportions(50, 400, 70, 420, test="pearson")
    assert found.statistic == pytest.approx(plain.statistic * 819 / 820)


def test_strata_without_units_in_an_arm_tell_nothing():
    found, without = cochran_mantel_haenszel([5, 3], [50, 30], [9, 0], [50, 0]), cochran_mantel_haenszel(5, 50, 9, 50)
    assert (found.p, found.estimate) == (without.p, without.estimate)
    assert Reason.EMPTY in found.reasons


def test_ratios_without_an_end():
    none, endless = cochran_mantel_haenszel([0, 0], 10, [0, 0], 10), cochran_mantel_haenszel([0, 0], 10, [1, 2], 10)
    assert math.isnan(none.estimate)
    assert none.p == 1
    assert {Reason.NO_VARIATION, Reason.RATIO_UNDEFINED} <= set(none.reasons)
    assert endless.estimate == endless.interval.high == math.inf
    assert Reason.UNBOUNDED in endless.reasons


def test_a_paradox_is_resolved():
    """Charig and others 1986: the treatment is better for small stones and for large ones, and worse in the sum."""
    x1, n1, x2, n2 = np.array([234, 55]), np.array([270, 80]), np.array([81, 192]), np.array([87, 263])
    assert compare_proportions(x1.sum(), n1.sum(), x2.sum(), n2.sum()).estimate < 0
    assert np.all(x2 / n2 > x1 / n1)
    assert post_stratified(x1, n1, x2, n2).estimate > 0
    assert cochran_mantel_haenszel(x1, n1, x2, n2).estimate > 1


def test_post_stratified_by_its_definition():
    x1, n1, x2, n2 = np.array([2, 5, 9]), np.array([10, 20, 30]), np.array([5, 9, 12]), np.array([11, 20, 25])
    shares = np.array([5, 3, 2])
    found = post_stratified(x1, n1, x2, n2, shares=shares, confidence=0.9)
    w, p1, p2 = shares / 10, x1 / n1, x2 / n2
    error = math.sqrt(w**2 @ (p1 * (1 - p1) / n1 + p2 * (1 - p2) / n2))
    assert found.estimate == pytest.approx(w @ (p2 - p1))
    assert found.interval.high - found.interval.low == pytest.approx(2 * st.norm.isf(0.05) * error)
    assert found.p == pytest.approx(2 * st.norm.sf(abs(found.estimate) / error))
    one = post_stratified(48, 80, 56, 70)
    wald = compare_proportions(48, 80, 56, 70, test="wald", interval="wald")
    assert (one.p, one.interval.low) == pytest.approx((wald.p, wald.interval.low))


def test_without_variation():
    found = post_stratified([0, 0], 10, [0, 0], 10)
    assert (found.p, found.estimate) == (1, 0)
    assert Reason.NO_VARIATION in found.reasons


def test_false_alarms_and_coverage_where_strata_differ():
    rng, runs = np.random.default_rng(71), 4_000
    rates, n1, n2 = np.array([0.05, 0.2, 0.5]), np.array([300, 100, 60]), np.array([100, 100, 200])
    x1, x2 = rng.binomial(n1, rates, (runs, 3)), rng.binomial(n2, rates, (runs, 3))
    chance = [cochran_mantel_haenszel(a, n1, b, n2) for a, b in zip(x1, x2, strict=True)]
    weighted = [post_stratified(a, n1, b, n2) for a, b in zip(x1, x2, strict=True)]
    bound = 4 * math.sqrt(0.0475 / runs)
    assert np.mean([found.p <= 0.05 for found in chance]) == pytest.approx(0.05, abs=bound)
    assert np.mean([found.interval.low <= 1 <= found.interval.high for found in chance]) == pytest.approx(
        0.95, abs=bound
    )
    assert np.mean([found.p <= 0.05 for found in weighted]) == pytest.approx(0.05, abs=bound + 0.005)
    pooled = compare_proportions(x1.sum(1), n1.sum(), x2.sum(1), n2.sum(), test="pearson")
    assert np.mean(pooled.p <= 0.05) > 0.5


@refused(
    (lambda: cochran_mantel_haenszel([3], [2], [1], [2]), "x1 is larger"),
    (lambda: cochran_mantel_haenszel([1, 2], [5, 5], [1], [5]), "lengths differ"),
    (lambda: cochran_mantel_haenszel([0], [0], [1], [5]), "n1 and n2 must be at least 1 in some"),
    (lambda: cochran_mantel_haenszel([-1], [2], [1], [5]), "x1 must hold whole"),
    (lambda: cochran_mantel_haenszel([[1]], [[2]], [[1]], [[5]]), "x1 must be a list"),
    (lambda: cochran_mantel_haenszel([1], [2], [1], [5], confidence=0), "confidence"),
    (lambda: post_stratified([1, 0], [2, 0], [1, 1], [5, 5]), "n1 and n2 must be at least 1 in every"),
    (lambda: post_stratified([1, 0], [2, 2], [1, 1], [5, 5], shares=[1]), "lengths differ: shares"),
    (lambda: post_stratified([1], [2], [1], [5], shares=[0]), "shares must be finite"),
)
def test_bad_input_names_the_parameter(call, named):
    with pytest.raises(ValueError, match=named):
        call()
