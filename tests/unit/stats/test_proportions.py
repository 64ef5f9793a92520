"""Two proportions: the tests, against R, scipy, published anchors and plain arithmetic."""

import math
import subprocess
import sys

import numpy as np
import pytest
import scipy.stats as st

from flowkit.stats import Reason, compare_proportions
from flowkit.stats.proportions import TESTS
from tests.support import said
from tests.support.bad_input import refused

TABLES = [tuple(given.values()) for given, _ in said.r("prop.test")]


def test_the_tests_are_those_of_r():
    for given, wanted in said.r("prop.test"):
        table = tuple(given.values())
        pearson, yates = (compare_proportions(*table, test=test) for test in ("pearson", "yates"))
        assert pearson.statistic == pytest.approx(wanted["statistic"], rel=1e-11, abs=1e-25)
        assert pearson.p == pytest.approx(wanted["p"], rel=1e-10)
        assert yates.statistic == pytest.approx(wanted["yates"], rel=1e-11, abs=1e-25)
        assert yates.p == pytest.approx(wanted["yates_p"], rel=1e-10)
        assert pearson.estimate == table[2] / table[3] - table[0] / table[1]


@pytest.mark.parametrize("table", TABLES)
def test_pearson_is_that_of_scipy(table):
    x1, n1, x2, n2 = table
    found = compare_proportions(*table, test="pearson")
    wanted = st.chi2_contingency([[x1, n1 - x1], [x2, n2 - x2]], correction=False)
    assert found.p == pytest.approx(wanted.pvalue, rel=1e-10)
    assert found.statistic == pytest.approx(wanted.statistic, rel=1e-10, abs=1e-20)


def test_the_example_whose_p_is_easily_taken_for_another():
    """500 of 10,000 against 570 of 10,000: chi-square with one degree of freedom gives .0278, with two .0890."""
    found = compare_proportions(500, 10_000, 570, 10_000)
    assert found.p == pytest.approx(0.0278, abs=5e-5)
    assert found.method == "pearson"
    assert found.reasons == {}


@pytest.mark.parametrize("table", TABLES)
def test_z_is_the_root_of_chi_square_with_a_sign(table):
    z, chi = compare_proportions(*table, test="z"), compare_proportions(*table, test="pearson")
    assert z.statistic**2 == pytest.approx(chi.statistic, rel=1e-12)
    assert z.p == chi.p
    assert math.copysign(1, z.statistic) == math.copysign(1, z.estimate) or z.estimate == 0
    greater, less = (compare_proportions(*table, test="z", alternative=side).p for side in ("greater", "less"))
    assert greater + less == pytest.approx(1, abs=1e-12)
    assert 2 * min(greater, less) == pytest.approx(z.p, rel=1e-12)


@pytest.mark.parametrize("table", TABLES)
def test_wald_is_the_difference_over_its_error(table):
    x1, n1, x2, n2 = table
    p1, p2 = x1 / n1, x2 / n2
    z = (p2 - p1) / math.sqrt(p1 * (1 - p1) / n1 + p2 * (1 - p2) / n2)
    found = compare_proportions(*table, test="wald")
    assert found.statistic == pytest.approx(z, rel=1e-12)
    assert found.p == pytest.approx(2 * st.norm.sf(abs(z)), rel=1e-10)


def test_all_against_none_is_certain_for_wald():
    found = compare_proportions(0, 10, 10, 10, test="wald")
    assert (found.statistic, found.p, found.log10_p) == (math.inf, 0.0, -math.inf)
    assert Reason.NO_VARIATION in found.reasons


@pytest.mark.parametrize(
    ("table", "exact"),
    [
        ((10, 100, 10, 100), False),
        ((5, 100, 5, 100), False),  # the least expected count is 5
        ((4, 100, 5, 100), True),  # 4.5
        ((96, 100, 95, 100), True),
        ((2, 9, 10, 18), True),
        ((3, 3, 500, 1000), True),
    ],
)
def test_the_automatic_test_is_exact_under_five_expected(table, exact):
    found = compare_proportions(*table)
    assert found.method == ("fisher" if exact else "pearson")
    assert (Reason.EXACT in found.reasons) is exact
    assert found.p == compare_proportions(*table, test=found.method).p
    named = compare_proportions(*table, test="pearson")
    assert (Reason.SMALL_EXPECTED in named.reasons) is exact


def test_the_automatic_test_of_many_takes_the_exact_one_where_it_must():
    x1, x2 = np.array([2, 500, 0]), np.array([10, 570, 0])
    n1, n2 = np.array([9, 10_000, 50]), np.array([18, 10_000, 60])
    found = compare_proportions(x1, n1, x2, n2)
    for place in range(3):
        one = compare_proportions(int(x1[place]), int(n1[place]), int(x2[place]), int(n2[place]))
        assert found.p[place] == pytest.approx(one.p, rel=1e-13)
        assert found.log10_p[place] == pytest.approx(one.log10_p, rel=1e-12, abs=1e-15)
    assert found.reasons[Reason.EXACT].tolist() == [True, False, False]
    assert found.reasons[Reason.NO_VARIATION].tolist() == [False, False, True]


@pytest.mark.parametrize("test", ["auto", *TESTS])
@pytest.mark.parametrize("table", [(0, 20, 0, 30), (20, 20, 30, 30), (0, 1, 0, 1), (0, 10**9, 0, 10**9)])
def test_without_any_success_or_failure_p_is_one(test, table):
    if test in {"barnard", "boschloo"} and table[1] > 100:
        return
    for alternative in ("two-sided", *(() if test in {"pearson", "yates"} else ("greater", "less"))):
        found = compare_proportions(*table, test=test, alternative=alternative)
        assert (found.p, found.log10_p) == (1.0, 0.0)
        assert Reason.NO_VARIATION in found.reasons
        assert found.interval.low <= 0 <= found.interval.high


def test_too_small_for_a_float_has_a_logarithm():
    found = compare_proportions(100_000, 10**9, 200_000_000, 10**9)
    assert found.p == 0
    assert found.log10_p == pytest.approx(st.norm.logsf(math.sqrt(found.statistic)) / math.log(10), rel=1e-6)
    many = compare_proportions(np.array([100_000, 5]), 10**9, np.array([200_000_000, 7]), 10**9)
    assert many.log10_p[0] == pytest.approx(found.log10_p, rel=1e-14)


# The most false alarms at 5 % that a test gives under any common rate of a grid, and the least mean over it.
ERRORS = {
    "auto": (0.065, 0.035),
    "pearson": (0.065, 0.045),
    "z": (0.065, 0.045),
    "wald": (0.08, 0.045),
    "yates": (0.05, 0.015),
}


@pytest.mark.parametrize("test", ERRORS)
def test_false_alarms_by_enumeration(test):
    """All tables of 60 and 45 units, under common rates from 5 % to 95 %."""
    n1, n2 = 60, 45
    a, b = (part.ravel() for part in np.meshgrid(np.arange(n1 + 1), np.arange(n2 + 1), indexing="ij"))
    rejected = compare_proportions(a, n1, b, n2, test=test).p <= 0.05
    errors = [
        float((st.binom.pmf(a, n1, p) * st.binom.pmf(b, n2, p))[rejected].sum()) for p in np.linspace(0.05, 0.95, 46)
    ]
    most, mean = ERRORS[test]
    assert max(errors) <= most
    assert np.mean(errors) >= mean


def test_scipy_stats_is_not_imported():
    code = (
        "import sys; from flowkit.stats import compare_proportions as c; c(500, 10000, 570, 10000); "
        "assert 'scipy' not in sys.modules; import numpy; c(numpy.array([5, 1]), 10, 6, 10); "
        "c(2, 9, 5, 10, test='barnard'); "
        "assert 'scipy.stats' not in sys.modules"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr


def test_numpy_numbers_are_numbers():
    found = compare_proportions(np.int64(500), np.int32(10_000), np.float64(570), 10_000)
    assert type(found.p) is float
    assert found == compare_proportions(500, 10_000, 570, 10_000)


def test_nothing_of_nothing():
    assert compare_proportions([], 10, [], 10).p.shape == (0,)


def test_results_with_arrays_can_be_compared():
    one, other = (compare_proportions([50, 0], 100, [60, 0], 100) for _ in range(2))
    assert one == other
    assert one != compare_proportions([50, 0], 100, [61, 0], 100)


@refused(
    (lambda: compare_proportions(3, 2, 1, 2), "x1 is larger than n1"),
    (lambda: compare_proportions(1, 2, 3, 2), "x2 is larger than n2"),
    (lambda: compare_proportions(0, 0, 1, 2), "n1 is under 1: an arm without units"),
    (lambda: compare_proportions(0, 1, 0, 0), "n2 is under 1"),
    (lambda: compare_proportions(-1, 1, 0, 1), "x1 is under 0"),
    (lambda: compare_proportions(math.nan, 1, 0, 1), "x1 is NaN"),
    (lambda: compare_proportions(1, math.inf, 0, 1), "n1 is over"),
    (lambda: compare_proportions(1.5, 2, 0, 1), "x1 is no whole number"),
    (lambda: compare_proportions(True, 2, 0, 1), "x1 must be a number"),
    (lambda: compare_proportions("1", 2, 0, 1), "x1 must be a number"),
    (lambda: compare_proportions(None, 2, 0, 1), "x1 must be a number"),
    (lambda: compare_proportions([[1], [2, 3]], 2, 0, 1), "x1 is no number"),
    (lambda: compare_proportions([1, 2], [5, 5, 5], 1, 2), "the lengths differ: x1"),
    (lambda: compare_proportions([1, 2], [5, 5], [1], 2), "the lengths differ"),
    (lambda: compare_proportions([1, 7], [5, 5], 1, 2), "x1 is larger than n1"),
    (lambda: compare_proportions(1, 2, 1, 2, confidence=95), "confidence"),
    (lambda: compare_proportions(1, 2, 1, 2, confidence=math.nan), "confidence"),
    (lambda: compare_proportions(1, 2, 1, 2, interval="exact"), "interval must be one of newcombe"),
    (lambda: compare_proportions(1, 2, 1, 2, test="t"), "test must be one of"),
    (lambda: compare_proportions(1, 2, 1, 2, test="z", alternative="more"), "alternative must be one of"),
    (lambda: compare_proportions(1, 2, 1, 2, test="pearson", alternative="less"), "alternative must be 'two-sided'"),
    (lambda: compare_proportions(1, 10**9, 1, 10**9, test="barnard"), "tables"),
    (lambda: compare_proportions(10**8, 10**9, 10**8, 10**9, test="fisher"), "tables"),
)
def test_bad_input_names_the_parameter(call, named):
    with pytest.raises(ValueError, match=named):
        call()
