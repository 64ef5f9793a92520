"""Days of the calendar, and steps between them."""

# ruff: noqa: DTZ001 - a wall time has no zone

from datetime import UTC, date, datetime, timedelta, timezone
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from flowkit.errors import DocumentError
from flowkit.triggers.calendar import MonthDay, Offset, Unit, add_months, on_day_of_year, profile_date

TOKYO = ZoneInfo("Asia/Tokyo")


@pytest.mark.parametrize(
    ("text", "day", "expected"),
    [
        ("-7d", date(2026, 3, 1), date(2026, 2, 22)),
        ("+1w", date(2026, 12, 28), date(2027, 1, 4)),
        ("2w", date(2026, 1, 1), date(2026, 1, 15)),
        ("0d", date(2026, 1, 1), date(2026, 1, 1)),
        ("+1mo", date(2026, 1, 31), date(2026, 2, 28)),
        ("+1mo", date(2028, 1, 31), date(2028, 2, 29)),
        ("-1mo", date(2026, 3, 31), date(2026, 2, 28)),
        ("+13mo", date(2026, 12, 31), date(2028, 1, 31)),
        ("-1y", date(2028, 2, 29), date(2027, 2, 28)),
        ("+4y", date(2024, 2, 29), date(2028, 2, 29)),
        ("+1d", date.max, None),
        ("-1d", date.min, None),
        ("-1mo", date.min, None),
        ("+1y", date.max, None),
        ("+1w", date.max, None),
    ],
)
def test_an_offset_steps_on_the_calendar(text, day, expected):
    assert Offset.read(text).apply(day) == expected


@pytest.mark.parametrize(
    ("text", "code"),
    [
        *(
            (text, "bad_offset")
            for text in ("", "7", "d", "+ 7d", "7h", "7m", "--7d", "+7D", "1.5d", "\u0667d", "7d\n")
        ),
        *((text, "out_of_range") for text in ("36526d", "-5219w", "+1201mo", "101y", "999999d")),
        ("9999999d", "bad_offset"),
    ],
)
def test_what_is_no_offset(text, code):
    with pytest.raises(DocumentError) as caught:
        Offset.read(text)
    assert caught.value.problems[0].code == code


offsets = st.builds(Offset, st.integers(-100, 100), st.sampled_from(Unit))


@given(offsets)
def test_an_offset_is_read_as_it_is_written(offset):
    assert Offset.read(str(offset)) == offset


@given(offsets, st.dates(date(1900, 1, 1), date(2100, 1, 1)))
def test_the_sources_of_a_day_are_all_that_lead_to_it(offset, day):
    sources = offset.sources(day)
    assert all(offset.apply(source) == day for source in sources)
    here = offset.apply(day)
    assert day in offset.sources(here)
    # None is left out: whatever leads here lies near the step back.
    back = Offset(-offset.amount, offset.unit).apply(day)
    near = [back + timedelta(days=n) for n in range(-5, 6)]
    assert [found for found in near if offset.apply(found) == day] == sources


def test_sources_end_with_the_calendar():
    assert Offset(1, Unit.YEAR).sources(date.min) == []
    assert Offset(1, Unit.DAY).sources(date.min) == []


@pytest.mark.parametrize(("month", "day"), [(0, 1), (13, 1), (2, 30), (4, 31), (1, 0), (1, 32)])
def test_no_year_has_such_a_day(month, day):
    with pytest.raises(DocumentError):
        MonthDay(month, day)


@pytest.mark.parametrize("text", ["", "12", "1-1", "12-24 ", "12/24", "2026-12-24", "02-30", "00-00"])
def test_what_is_no_day_of_a_year(text):
    with pytest.raises(DocumentError):
        MonthDay.read(text)


@pytest.mark.parametrize(
    ("year", "march", "expected"),
    [
        (2028, False, date(2028, 2, 29)),
        (2028, True, date(2028, 2, 29)),
        (2027, False, date(2027, 2, 28)),
        (2027, True, date(2027, 3, 1)),
        (2100, True, date(2100, 3, 1)),
        (2000, True, date(2000, 2, 29)),
    ],
)
def test_29_february(year, march, expected):
    assert on_day_of_year(MonthDay.read("02-29"), year, leap_day_in_march=march) == expected


def test_months_clamp_from_the_base_each_time():
    steps = [add_months(date(2026, 1, 31), n) for n in range(5)]
    assert [day.day for day in steps] == [31, 28, 31, 30, 31]


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        ("2026-03-08", date(2026, 3, 8)),
        (date(2026, 3, 8), date(2026, 3, 8)),
        ("2026-03-08T20:00", date(2026, 3, 8)),
        ("2026-03-08 20:00:00.123", date(2026, 3, 8)),
        ("2026-03-08T20:00Z", date(2026, 3, 9)),
        ("2026-03-08T20:00:00-05:00", date(2026, 3, 9)),
        (datetime(2026, 3, 8, 20), date(2026, 3, 8)),
        (datetime(2026, 3, 8, 20, tzinfo=UTC), date(2026, 3, 9)),
        (datetime(2026, 3, 8, 20, tzinfo=timezone(timedelta(hours=9))), date(2026, 3, 8)),
        (1_773_000_000, date(2026, 3, 9)),
        (1_772_999_999.5, date(2026, 3, 9)),
        (-1, date(1970, 1, 1)),
    ],
)
def test_the_date_of_a_profile(value, expected):
    assert profile_date(value, TOKYO) == expected


ODD = [
    *(
        "",
        "0",
        "soon",
        "2026-02-30",
        "2026-13-01",
        "2026-3-8",
        "08.03.2026",
        "20260308",
        "2026-W10",
        "2026-03-08T25:00",
    ),
    *(0, 0.0, None, True, False, float("nan"), float("inf"), 1e300, 10**400, [], {}, b"2026-03-08", "2026-03-08\n"),
]


@pytest.mark.parametrize("value", ODD, ids=lambda value: repr(value)[:30])
def test_an_unreadable_date_is_missing_and_never_the_epoch(value):
    assert profile_date(value, TOKYO) is None
