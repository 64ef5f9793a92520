"""The finder of roots, on functions with known ones."""

import math

import numpy as np
import pytest

from flowkit.stats.arithmetic import SCALAR, VECTOR, filled, operations, root

SHAPES = {
    "line": lambda d: -d,
    "flat": lambda d: -(d**3),
    "steep": lambda d: -math.copysign(abs(d) ** 0.3, d),
    "tail": math.erfc,
}


@pytest.mark.parametrize("at", [-0.999, -0.3, 0.0, 1e-12, 0.5, 0.9999999])
@pytest.mark.parametrize("shape", SHAPES)
def test_it_finds_where_the_sign_changes(at, shape):
    level = SHAPES[shape](0.0)
    calls = []

    def falling(x):
        calls.append(x)
        return SHAPES[shape](x - at) - level

    assert root(falling, -1.0, 1.0) == pytest.approx(at, rel=1e-11, abs=1e-12)
    assert len(calls) < 120


def test_many_at_once_are_found_as_one_by_one():
    at = np.linspace(-2, 2, 41)
    found = root(lambda x: np.exp(-x) - np.exp(-at), np.full(41, -3.0), np.full(41, 3.0))
    assert found == pytest.approx(at, abs=1e-14)
    assert [root(lambda x, a=a: math.exp(-x) - math.exp(-a), -3.0, 3.0) for a in at] == pytest.approx(found, abs=1e-14)


def test_where_there_is_no_change_an_end_is_the_answer():
    assert root(lambda x: -1.0 - x, 0.0, 1.0) == 0
    assert root(lambda x: 2.0 - x, 0.0, 1.0) == 1
    assert root(lambda x: np.array([-1.0, 2.0]) - x, np.zeros(2), np.ones(2)).tolist() == [0, 1]


def test_operations_go_by_what_they_are_for():
    assert operations(1.0, 2.0) is SCALAR
    assert operations(1.0, np.ones(2)) is VECTOR
    assert filled(np.zeros(2), 3.0).tolist() == [3, 3]
    assert filled(0.0, 3.0) == 3
