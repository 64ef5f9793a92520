"""The course of a journey: few enough points, none left out, and nothing lost."""

from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from flowkit.analytics.report_course import course_of
from flowkit.analytics.tally import Slot, Tally
from flowkit.events import to_micros

MIDNIGHT = to_micros(datetime(2026, 3, 2, tzinfo=UTC)) // 3_600_000_000


def slots(hours):
    """One run begins, and two end, in each hour."""
    return {Slot("w", 1, hour): Tally(runs={("entered", ""): 1, ("failed", "why"): 2}) for hour in hours}


@pytest.mark.parametrize(
    ("span", "hours", "points"),
    [(1, 1, 1), (60, 1, 60), (61, 2, 31), (360, 6, 60), (24 * 60, 24, 60), (24 * 61, 48, 31), (24 * 365, 168, 53)],
)
def test_steps_grow_with_the_window(span, hours, points):
    course = course_of({}, MIDNIGHT + span, MIDNIGHT, MIDNIGHT + span)
    assert (course.hours, len(course.points)) == (hours, points)
    assert course.points[0].start == datetime(2026, 3, 2, tzinfo=UTC)


@given(
    st.sets(st.integers(0, 100_000), max_size=20),
    st.integers(0, 100_000),
)
def test_nothing_is_lost_and_there_are_never_too_many(hours, now):
    course = course_of(slots(hours), now)
    assert sum(point.began for point in course.points) == len(hours)
    assert sum(point.ended for point in course.points) == 2 * len(hours)
    assert 1 <= len(course.points) <= 60
    gaps = {
        (later.start - one.start).total_seconds() for one, later in zip(course.points, course.points[1:], strict=False)
    }
    assert gaps <= {course.hours * 3600}


def test_days_begin_at_midnight():
    course = course_of(slots([MIDNIGHT + 30]), MIDNIGHT + 30 + 24 * 50)
    assert course.hours == 24
    assert course.points[0].start == datetime(2026, 3, 3, tzinfo=UTC)


def test_what_lies_ahead_is_not_drawn():
    assert len(course_of({}, MIDNIGHT, MIDNIGHT, MIDNIGHT + 10**6).points) == 1
    assert course_of({}, MIDNIGHT, MIDNIGHT + 5).points == ()
