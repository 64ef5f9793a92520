"""For how long a worker rests."""

from datetime import timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from flowkit.errors import ConfigurationError
from flowkit.worker.rest import Rest

SECOND = timedelta(seconds=1)


def rest(draw=1.0, longest=15):
    return Rest(SECOND, timedelta(seconds=longest), lambda: draw)


def test_nothing_to_do_doubles_the_rest_up_to_the_longest():
    resting = rest()
    assert [resting.after_nothing(None) for _ in range(6)] == [1.0, 2.0, 4.0, 8.0, 15.0, 15.0]


def test_the_draw_spreads_workers_over_half_of_it():
    resting = rest(draw=0.0)
    assert [resting.after_nothing(None) for _ in range(3)] == [0.5, 1.0, 2.0]


def test_work_ends_the_doubling():
    resting = rest()
    resting.after_nothing(None)
    resting.after_nothing(None)
    assert resting.after_work() == 0.0
    assert resting.after_nothing(None) == 1.0


def test_a_run_that_is_due_sooner_ends_the_rest():
    assert rest().after_nothing(0.25) == 0.25


@pytest.mark.parametrize("due_in", [0.0, -3600.0])
def test_what_somebody_else_holds_is_no_reason_to_hurry(due_in):
    assert rest().after_nothing(due_in) == 1.0


def test_failures_are_counted_apart_from_what_is_idle():
    resting = rest()
    assert [resting.after_failure() for _ in range(3)] == [1.0, 2.0, 4.0]
    assert resting.after_nothing(None) == 1.0
    assert resting.after_failure() == 1.0


@given(st.integers(1, 3000), st.floats(0, 1))
def test_no_rest_is_longer_than_the_longest_or_shorter_than_half_of_the_shortest(turns, draw):
    resting = rest(draw)
    rests = [resting.after_failure() for _ in range(turns)]
    assert all(0.5 <= one <= 15 for one in rests)


@pytest.mark.parametrize(("shortest", "longest"), [(0, 1), (-1, 1), (2, 1)])
def test_times_that_make_no_sense_are_refused(shortest, longest):
    with pytest.raises(ConfigurationError, match="rests must be positive"):
        Rest(timedelta(seconds=shortest), timedelta(seconds=longest), lambda: 0.5)
