"""What becomes of a firing that is found late."""

from datetime import UTC, datetime, time, timedelta
from zoneinfo import ZoneInfo

import pytest

from flowkit.triggers.lateness import Fire, NextWindow, Postpone, RunLate, Skip, SkipLate, judge
from flowkit.triggers.windows import Window

HOUR = timedelta(hours=1)
PARIS = ZoneInfo("Europe/Paris")
SCHEDULED = datetime(2026, 1, 6, 9, tzinfo=UTC)
MORNING = Window(opens_at=time(9), closes_at=time(12))


@pytest.mark.parametrize(
    ("hours", "policy", "verdict"),
    [
        (-0.5, SkipLate(), Postpone(SCHEDULED, "early")),
        (0, SkipLate(), Fire(timedelta())),
        (6, SkipLate(), Fire(6 * HOUR)),
        (6.001, SkipLate(), Skip("late", 6.001 * HOUR)),
        (1_000, RunLate(), Fire(1_000 * HOUR)),
        (24, RunLate(24 * HOUR), Fire(24 * HOUR)),
        (24.5, RunLate(24 * HOUR), Skip("expired", 24.5 * HOUR)),
        # In Paris it is 17:00; the next morning begins 23 hours after the instant.
        (7, NextWindow(MORNING), Postpone(datetime(2026, 1, 7, 8, tzinfo=UTC), "window")),
        (7, NextWindow(MORNING, 23 * HOUR), Postpone(datetime(2026, 1, 7, 8, tzinfo=UTC), "window")),
        (7, NextWindow(MORNING, 22 * HOUR), Skip("expired", 7 * HOUR)),
        (23, NextWindow(MORNING), Fire(23 * HOUR)),
        (25, NextWindow(MORNING, 24 * HOUR), Skip("expired", 25 * HOUR)),
    ],
)
def test_policies(hours, policy, verdict):
    assert judge(SCHEDULED, SCHEDULED + hours * HOUR, PARIS, late=6 * HOUR, policy=policy) == verdict


def test_by_default_only_the_instant_itself_is_on_time():
    assert judge(SCHEDULED, SCHEDULED, UTC, policy=SkipLate()) == Fire(timedelta())
    assert isinstance(judge(SCHEDULED, SCHEDULED + timedelta(microseconds=1), UTC, policy=SkipLate()), Skip)


def test_no_window_until_the_end_of_the_calendar():
    late = datetime.max.replace(tzinfo=UTC)
    assert judge(SCHEDULED, late, UTC, policy=NextWindow(MORNING)) == Skip("expired", late - SCHEDULED)
