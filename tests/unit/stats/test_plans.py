"""How long a plan takes."""

import numpy as np
import pytest

from flowkit.stats import duration, size_for_proportions
from tests.support.bad_input import refused


@pytest.mark.parametrize(
    ("units", "per_day", "exposure", "whole_weeks", "days"),
    [
        (16_316, 1_000, 1.0, False, 17),
        (16_000, 1_000, 1.0, False, 16),
        (16_000, 1_000, 0.5, False, 32),
        (16_000, 1_000, 1.0, True, 21),
        (14_000, 1_000, 1.0, True, 14),
        (3, 1_000, 1.0, False, 1),
        (30, 0.1, 1.0, False, 300),
    ],
)
def test_days(units, per_day, exposure, whole_weeks, days):
    assert duration(units, per_day, exposure=exposure, whole_weeks=whole_weeks) == days


def test_the_days_of_a_plan_are_those_of_all_arms():
    plan = size_for_proportions(0.05, 0.06, comparisons=2)
    assert duration(plan.total_units, 500) == -(-plan.total_units // 500)
    assert duration(np.array([1_000.0, 1_001.0]), 500).tolist() == [2, 3]


@refused(
    (lambda: duration(10, 0), "per_day must be over 0"),
    (lambda: duration(10, 5, exposure=0), "exposure must be over 0"),
    (lambda: duration(10, 5, exposure=1.2), "exposure must be at most 1"),
)
def test_bad_input_names_the_parameter(call, named):
    with pytest.raises(ValueError, match=named):
        call()
