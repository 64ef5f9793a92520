"""Sample ratio: scipy, enumeration, and how often it cries."""

import math
from fractions import Fraction
from itertools import product

import numpy as np
import pytest
import scipy.stats as st

from flowkit.stats import Reason, SampleRatioVerdict, sample_ratio_test
from tests.support.bad_input import refused


def test_chi_square_is_that_of_scipy():
    units, weights = [4_900, 5_100, 2_400], [2, 2, 1]
    found = sample_ratio_test(units, weights)
    expected = np.array(weights) / 5 * sum(units)
    wanted = st.chisquare(units, expected)
    assert (found.statistic, found.p) == pytest.approx((wanted.statistic, wanted.pvalue))
    assert found.df == 2
    assert found.expected == pytest.approx(expected)


@pytest.mark.parametrize(
    ("units", "verdict"), [((5_000, 5_100), "ok"), ((5_000, 5_270), "warning"), ((5_000, 5_400), "alarm")]
)
def test_verdicts(units, verdict):
    found = sample_ratio_test(units, [50, 50])
    assert found.verdict is SampleRatioVerdict(verdict)
    assert (found.p <= 0.001) == (verdict == "alarm")
    assert (found.p <= 0.01) == (verdict != "ok")
    assert sample_ratio_test(units, [50, 50], alarm=1e-9, warning=1e-8).verdict is SampleRatioVerdict.OK


@pytest.mark.parametrize(("units", "weights"), [((1, 6), (1, 1)), ((0, 3, 5), (5, 3, 2)), ((2, 2, 2, 1), (1, 1, 1, 1))])
def test_the_exact_test_by_enumeration_in_fractions(units, weights):
    total = sum(units)
    shares = [Fraction(weight, sum(weights)) for weight in weights]

    def chance(counts):
        ways = math.factorial(total) // math.prod(math.factorial(count) for count in counts)
        return ways * math.prod(share**count for share, count in zip(shares, counts, strict=True))

    lists = [counts for counts in product(range(total + 1), repeat=len(units)) if sum(counts) == total]
    observed = chance(units)
    wanted = float(sum(p for p in map(chance, lists) if p <= observed))
    found = sample_ratio_test(units, weights)
    assert found.p == pytest.approx(wanted, rel=1e-11)
    assert (found.method, found.statistic) == ("exact", None)
    assert Reason.EXACT in found.reasons


def test_two_small_arms_are_a_binomial_test():
    assert sample_ratio_test([1, 7], [1, 3]).p == pytest.approx(st.binomtest(1, 8, 0.25).pvalue, rel=1e-9)


def test_a_tiny_share_of_many_units_is_exact():
    assert sample_ratio_test([9, 99_991], [1, 49_999]).p == pytest.approx(
        st.binomtest(9, 100_000, 2e-5).pvalue, rel=1e-8
    )


def test_arms_without_weight_leave_the_degrees_of_freedom():
    found, without = sample_ratio_test([5_000, 5_100, 0], [1, 1, 0]), sample_ratio_test([5_000, 5_100], [1, 1])
    assert (found.df, found.p) == (without.df, without.p) == (1, without.p)
    assert found.reasons == {Reason.EMPTY: True}
    assert found.expected == (5_050, 5_050, 0)


def test_units_in_an_arm_without_weight_are_an_alarm():
    found = sample_ratio_test([5_000, 5_000, 1], [1, 1, 0])
    assert (found.verdict, found.p, found.log10_p) == (SampleRatioVerdict.ALARM, 0, -math.inf)
    assert Reason.UNREACHABLE in found.reasons


@pytest.mark.parametrize(("units", "weights"), [((0, 0), (1, 1)), ((100,), (1,)), ((100, 0), (1, 0))])
def test_nothing_to_test(units, weights):
    found = sample_ratio_test(units, weights)
    assert (found.p, found.verdict) == (1, SampleRatioVerdict.OK)
    assert Reason.NO_VARIATION in found.reasons


def test_too_small_for_a_float():
    found = sample_ratio_test([10**6, 2 * 10**6], [1, 1])
    assert found.p == 0
    assert found.log10_p == pytest.approx(
        (st.norm.logsf(math.sqrt(found.statistic)) + math.log(2)) / math.log(10), rel=1e-9
    )


def test_how_often_it_cries():
    """20,000 experiments whose assignment is sound."""
    rng, runs = np.random.default_rng(12), 20_000
    counts = rng.multinomial(20_000, [0.5, 0.3, 0.2], runs)
    verdicts = [sample_ratio_test(row, [50, 30, 20]).verdict for row in counts]
    alarms, warnings = (
        verdicts.count(SampleRatioVerdict.ALARM) / runs,
        verdicts.count(SampleRatioVerdict.WARNING) / runs,
    )
    assert alarms == pytest.approx(0.001, abs=4 * math.sqrt(0.001 / runs))
    assert warnings == pytest.approx(0.009, abs=4 * math.sqrt(0.009 / runs))


@refused(
    (lambda: sample_ratio_test([1, 2], [1]), "lengths differ"),
    (lambda: sample_ratio_test([], []), "units must hold at least 1"),
    (lambda: sample_ratio_test([-1, 2], [1, 1]), "units must hold whole"),
    (lambda: sample_ratio_test([0.5, 2], [1, 1]), "units must hold whole"),
    (lambda: sample_ratio_test([1, 2], [-1, 1]), "weights must be finite"),
    (lambda: sample_ratio_test([1, 2], [0, 0]), "weights must be finite"),
    (lambda: sample_ratio_test([1, 2], [math.inf, 1]), "weights must be finite"),
    (lambda: sample_ratio_test([1, 2], [math.nan, 1]), "weights is NaN"),
    (lambda: sample_ratio_test([1, 2], [1, 1], alarm=0.01), "warning must be over alarm"),
    (lambda: sample_ratio_test([1, 2], [1, 1], alarm=0), "alarm"),
)
def test_bad_input_names_the_parameter(call, named):
    with pytest.raises(ValueError, match=named):
        call()
