"""Windows of local time, and days of the calendar."""

from datetime import UTC, date, datetime, time, timedelta
from zoneinfo import ZoneInfo

import pytest

from flowkit.errors import DocumentError
from flowkit.triggers.calendar import Unit, Weekday
from flowkit.triggers.rules import Every
from flowkit.triggers.schedule import next_firing
from flowkit.triggers.windows import Window, calendar_days, closes, contains, next_open

NEW_YORK = ZoneInfo("America/New_York")
NIGHT = Window(opens_at=time(22), closes_at=time(6))
MONDAY_NIGHT = Window(opens_at=time(22), closes_at=time(6), on=(Weekday.MON,))
MONDAYS = Window(opens_at=time(9), closes_at=time(17), on=(Weekday.MON,))
OFFICE = Window(opens_at=time(9), closes_at=time(17), on=(Weekday.MON, Weekday.FRI))
APIA = ZoneInfo("Pacific/Apia")


def local(text, tz=NEW_YORK):
    return datetime.fromisoformat(text).replace(tzinfo=tz).astimezone(UTC)


# 6 January 2026 is a Tuesday.
@pytest.mark.parametrize(
    ("window", "arrival", "opens"),
    [
        (NIGHT, "2026-01-06T23:30", "2026-01-06T23:30"),
        (MONDAY_NIGHT, "2026-01-06T03:00", "2026-01-06T03:00"),
        (MONDAY_NIGHT, "2026-01-05T03:00", "2026-01-05T22:00"),
        (MONDAY_NIGHT, "2026-01-06T06:00", "2026-01-12T22:00"),
        (MONDAY_NIGHT, "2026-01-06T22:00", "2026-01-12T22:00"),
        (MONDAY_NIGHT, "2026-01-05T22:00", "2026-01-05T22:00"),
        (NIGHT, "2026-01-06T05:59:59.999999", "2026-01-06T05:59:59.999999"),
        (NIGHT, "2026-01-06T06:00", "2026-01-06T22:00"),
        (OFFICE, "2026-01-05T09:00", "2026-01-05T09:00"),
        (OFFICE, "2026-01-05T17:00", "2026-01-09T09:00"),
        (MONDAYS, "2026-01-05T17:00", "2026-01-12T09:00"),
        (OFFICE, "2026-01-06T12:00", "2026-01-09T09:00"),
        (OFFICE, "2026-01-09T08:59", "2026-01-09T09:00"),
    ],
)
def test_a_window_is_half_open_and_belongs_to_the_day_on_which_it_opened(window, arrival, opens):
    found = next_open(window, local(arrival), NEW_YORK)
    assert found == local(opens)
    assert found.tzinfo is UTC
    assert contains(window, local(arrival), NEW_YORK) is (arrival == opens)
    assert contains(window, found, NEW_YORK)


@pytest.mark.parametrize(
    ("window", "moment", "closing"),
    [
        (NIGHT, "2026-01-06T22:00", "2026-01-07T06:00"),
        (NIGHT, "2026-01-07T05:59:59.999999", "2026-01-07T06:00"),
        (NIGHT, "2026-01-07T06:00", None),
        (NIGHT, "2026-01-06T21:59", None),
        (MONDAY_NIGHT, "2026-01-06T03:00", "2026-01-06T06:00"),
        (MONDAY_NIGHT, "2026-01-06T23:00", None),
        (OFFICE, "2026-01-05T09:00", "2026-01-05T17:00"),
        (NIGHT, "2026-03-07T23:00", "2026-03-08T06:00"),
        (NIGHT, "2026-10-31T23:00", "2026-11-01T06:00"),
    ],
)
def test_a_window_closes_at_its_time(window, moment, closing):
    found = closes(window, local(moment), NEW_YORK)
    assert found == (None if closing is None else local(closing))
    assert contains(window, local(moment), NEW_YORK) is (closing is not None)


def test_a_window_moves_on_with_the_gap():
    window = Window(opens_at=time(2, 15), closes_at=time(2, 45))
    assert next_open(window, local("2026-03-08T00:00"), NEW_YORK) == local("2026-03-08T03:15")
    assert contains(window, local("2026-03-08T03:44"), NEW_YORK)
    assert not contains(window, local("2026-03-08T03:45"), NEW_YORK)


def test_a_window_that_the_gap_swallows_does_not_open_on_that_day():
    window = Window(opens_at=time(2, 30), closes_at=time(3, 15))
    assert not contains(window, local("2026-03-08T03:10"), NEW_YORK)
    assert next_open(window, local("2026-03-08T00:00"), NEW_YORK) == local("2026-03-09T02:30")
    weekly = Window(opens_at=time(2, 30), closes_at=time(3, 15), on=(Weekday.SUN,))
    assert next_open(weekly, local("2026-03-08T00:00"), NEW_YORK) == local("2026-03-15T02:30")


def test_a_window_opens_and_closes_at_the_first_of_two():
    window = Window(opens_at=time(1, 15), closes_at=time(1, 45))
    first = local("2026-11-01T01:15")
    assert next_open(window, local("2026-11-01T00:00"), NEW_YORK) == first
    assert contains(window, first + timedelta(minutes=29), NEW_YORK)
    assert not contains(window, first + timedelta(minutes=60), NEW_YORK)
    over = Window(opens_at=time(0, 30), closes_at=time(3))
    assert all(contains(over, first + timedelta(minutes=n), NEW_YORK) for n in range(165))
    assert not contains(over, first + timedelta(minutes=165), NEW_YORK)


def test_a_night_that_lost_a_day_is_still_open():
    # Samoa had no 30 December 2011: the night of the 29th ends in the morning of the 31st.
    assert contains(NIGHT, local("2011-12-31T05:00", APIA), APIA)
    assert not contains(NIGHT, local("2011-12-31T06:00", APIA), APIA)


@pytest.mark.parametrize(
    ("opens_at", "closes_at", "paths"),
    [
        (time(9), time(9), ["/closes_at"]),
        (time(9, 0, 1), time(17), ["/opens_at"]),
        (time(9, tzinfo=UTC), time(17, 0, 0, 1), ["/opens_at", "/closes_at"]),
    ],
)
def test_what_a_window_refuses(opens_at, closes_at, paths):
    with pytest.raises(DocumentError) as caught:
        Window(opens_at=opens_at, closes_at=closes_at)
    assert [problem.path for problem in caught.value.problems] == paths


def test_the_calendar_ends():
    last, first = datetime.max.replace(tzinfo=UTC), datetime.min.replace(tzinfo=UTC)
    assert next_open(OFFICE, last, UTC) is None
    assert next_open(NIGHT, first, UTC) == datetime(1, 1, 1, 22, tzinfo=UTC)
    assert not contains(NIGHT, last, NEW_YORK)
    assert calendar_days(last, 1, UTC) is None
    assert calendar_days(first, -1, UTC) is None
    assert calendar_days(last, 0, UTC) == last


@pytest.mark.parametrize(
    ("arrival", "days", "at", "expected"),
    [
        ("2026-03-07T12:00", 1, None, "2026-03-08T12:00"),
        ("2026-03-07T02:30", 1, None, "2026-03-08T03:30"),
        ("2026-10-31T01:30", 1, None, "2026-11-01T01:30"),
        ("2026-11-02T12:00", -1, None, "2026-11-01T12:00"),
        ("2026-03-07T12:00:01.5", 30, None, "2026-04-06T12:00:01.5"),
        ("2026-03-07T12:00", 0, None, "2026-03-07T12:00"),
        ("2026-03-07T12:00", 0, time(15), "2026-03-07T15:00"),
        ("2026-03-07T12:00", 0, time(9), "2026-03-07T09:00"),
    ],
)
def test_days_of_the_calendar_keep_the_wall_time(arrival, days, at, expected):
    assert calendar_days(local(arrival), days, NEW_YORK, at=at) == local(expected)


def test_no_days_leave_the_second_of_two_where_it_is():
    second = local("2026-11-01T01:30") + timedelta(hours=1)
    assert calendar_days(second, 0, NEW_YORK) == second
    assert calendar_days(second, 1, NEW_YORK) == local("2026-11-02T01:30")


@pytest.mark.parametrize(
    "ask",
    [
        lambda moment: contains(NIGHT, moment, NEW_YORK),
        lambda moment: next_open(NIGHT, moment, NEW_YORK),
        lambda moment: calendar_days(moment, 0, NEW_YORK),
        lambda moment: next_firing(Every(Unit.DAY, time(9)), NEW_YORK, moment),
    ],
    ids=["contains", "next_open", "calendar_days", "next_firing"],
)
def test_a_moment_without_an_offset_is_refused_and_not_taken_for_this_machines(ask):
    with pytest.raises(DocumentError):
        ask(datetime(2026, 1, 6, 12))  # noqa: DTZ001 - that is the test


def test_days_in_a_window_are_put_in_order():
    assert Window(opens_at=time(9), closes_at=time(17), on=(4, 0, 4)).on == (Weekday.MON, Weekday.FRI)
    assert date(2026, 1, 6).weekday() == Weekday.TUE
