"""Rules around a date of the profile: from the date to the firing, from the day to the dates, and that both agree."""

# ruff: noqa: DTZ001 - a wall time has no zone

from datetime import UTC, date, datetime, time, timedelta
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from flowkit.errors import DocumentError
from flowkit.triggers.calendar import MonthDay, Offset, Unit, Weekday
from flowkit.triggers.profile_dates import OnDates, OnDays, OnWeekdays, OnYearDays, firing_of, wanted_dates, wants
from flowkit.triggers.rules import DateProperty, LeapDay, Repeat
from flowkit.triggers.zones import wall

NEW_YORK = ZoneInfo("America/New_York")
APIA = ZoneInfo("Pacific/Apia")
LAST = datetime.max.replace(tzinfo=UTC)


def rule(offset="0d", repeat=Repeat.NONE, feb29=LeapDay.FEB28, at=time(9)):
    return DateProperty(path="birthday", at=at, offset=Offset.read(offset), repeat=repeat, feb29=feb29)


def fires(asked, day, after="2026-01-01", count=3, tz=UTC):
    """The days of the next firings for one date."""
    moment, found = datetime.fromisoformat(after).replace(tzinfo=UTC), []
    while len(found) < count and (firing := firing_of(asked, date.fromisoformat(day), tz, after=moment)):
        found.append(firing.wall.date().isoformat())
        moment = firing.instant
    return found


@pytest.mark.parametrize(
    ("asked", "day", "expected"),
    [
        (rule(), "2026-05-01", ["2026-05-01"]),
        (rule(), "2025-12-31", []),
        (rule("-7d"), "2026-05-01", ["2026-04-24"]),
        (rule("+1mo"), "2026-01-31", ["2026-02-28"]),
        (rule("+1y"), "2024-02-29", []),
        (rule("-1mo"), "2026-03-31", ["2026-02-28"]),
        (rule(repeat=Repeat.WEEK), "2020-01-01", ["2026-01-07", "2026-01-14", "2026-01-21"]),
        (rule("-1d", Repeat.WEEK), "2020-01-01", ["2026-01-06", "2026-01-13", "2026-01-20"]),
        (rule(repeat=Repeat.MONTH), "2020-01-31", ["2026-01-31", "2026-02-28", "2026-03-31"]),
        (rule("+1d", Repeat.MONTH), "2020-01-31", ["2026-01-01", "2026-02-01", "2026-03-01"]),
        (rule("+1mo", Repeat.MONTH), "2020-01-31", ["2026-01-31", "2026-02-28", "2026-03-28"]),
        (rule(repeat=Repeat.YEAR), "1990-05-01", ["2026-05-01", "2027-05-01", "2028-05-01"]),
        (rule("-7d", Repeat.YEAR), "1990-01-03", ["2026-12-27", "2027-12-27", "2028-12-27"]),
        (rule(repeat=Repeat.YEAR), "2028-05-01", ["2028-05-01", "2029-05-01", "2030-05-01"]),
        (rule(repeat=Repeat.YEAR), "1988-02-29", ["2026-02-28", "2027-02-28", "2028-02-29"]),
        (rule(repeat=Repeat.YEAR, feb29=LeapDay.MAR1), "1988-02-29", ["2026-03-01", "2027-03-01", "2028-02-29"]),
        (rule("-1d", Repeat.YEAR, LeapDay.MAR1), "1988-02-29", ["2026-02-28", "2027-02-28", "2028-02-28"]),
        (rule("+100y", Repeat.YEAR), "1950-05-01", ["2050-05-01", "2051-05-01", "2052-05-01"]),
        (rule("-100y", Repeat.YEAR), "1950-05-01", ["2026-05-01", "2027-05-01", "2028-05-01"]),
    ],
)
def test_from_a_date_to_its_firings(asked, day, expected):
    assert fires(asked, day) == expected


def test_the_first_time_is_the_date_itself_and_there_is_none_before():
    assert fires(rule(repeat=Repeat.MONTH), "2026-06-15", count=2) == ["2026-06-15", "2026-07-15"]
    assert fires(rule("-1mo", Repeat.MONTH), "2026-06-15", count=2) == ["2026-05-15", "2026-06-15"]


def test_a_firing_at_the_instant_is_not_after_it():
    found = firing_of(rule(at=time(2, 30)), date(2026, 3, 8), NEW_YORK, after=datetime(2026, 1, 1, tzinfo=UTC))
    assert (found.key, wall(found.instant, NEW_YORK).isoformat()) == ("2026-03-08T02:30", "2026-03-08T03:30:00")
    assert firing_of(rule(at=time(2, 30)), date(2026, 3, 8), NEW_YORK, after=found.instant) is None


@pytest.mark.parametrize(
    ("asked", "day", "expected"),
    [
        (rule(), "2026-05-01", OnDates((date(2026, 5, 1),))),
        (rule("-7d"), "2026-04-24", OnDates((date(2026, 5, 1),))),
        (rule("+1mo"), "2026-02-28", OnDates(tuple(date(2026, 1, day) for day in (28, 29, 30, 31)))),
        (rule("+1mo"), "2026-03-30", OnDates(())),
        (rule("+1mo", Repeat.YEAR), "2026-03-30", OnDates(())),
        (rule(repeat=Repeat.WEEK), "2026-01-06", OnWeekdays((Weekday.TUE,), date(2026, 1, 6))),
        (rule(repeat=Repeat.MONTH), "2026-04-29", OnDays((29,), date(2026, 4, 29))),
        (rule(repeat=Repeat.MONTH), "2026-04-30", OnDays((30, 31), date(2026, 4, 30))),
        (rule(repeat=Repeat.MONTH), "2026-02-28", OnDays((28, 29, 30, 31), date(2026, 2, 28))),
        (rule(repeat=Repeat.YEAR), "2026-05-01", OnYearDays((MonthDay(5, 1),), date(2026, 5, 1))),
        (rule(repeat=Repeat.YEAR), "2026-02-28", OnYearDays((MonthDay(2, 28), MonthDay(2, 29)), date(2026, 2, 28))),
        (rule(repeat=Repeat.YEAR), "2028-02-28", OnYearDays((MonthDay(2, 28),), date(2028, 2, 28))),
        (
            rule(repeat=Repeat.YEAR, feb29=LeapDay.MAR1),
            "2026-03-01",
            OnYearDays((MonthDay(2, 29), MonthDay(3, 1)), date(2026, 3, 1)),
        ),
        (rule(repeat=Repeat.YEAR, feb29=LeapDay.MAR1), "2026-02-28", OnYearDays((MonthDay(2, 28),), date(2026, 2, 28))),
    ],
)
def test_from_a_day_to_the_dates_that_fire_on_it(asked, day, expected):
    assert wanted_dates(asked, UTC, date.fromisoformat(day)) == expected


def test_the_dates_of_a_day_that_a_zone_left_out_fire_on_the_next():
    assert wanted_dates(rule(), APIA, date(2011, 12, 31)) == OnDates((date(2011, 12, 30), date(2011, 12, 31)))
    assert wanted_dates(rule(), APIA, date(2011, 12, 29)) == OnDates((date(2011, 12, 29),))
    skipped = firing_of(rule(), date(2011, 12, 30), APIA, after=datetime(2011, 1, 1, tzinfo=UTC))
    assert wall(skipped.instant, APIA) == datetime(2011, 12, 31, 9)


rules = st.builds(
    DateProperty,
    path=st.just("birthday"),
    at=st.times().map(lambda at: at.replace(second=0, microsecond=0)),
    offset=st.builds(Offset, st.integers(-40, 40), st.sampled_from(Unit)),
    repeat=st.sampled_from(Repeat),
    feb29=st.sampled_from(LeapDay),
)
# Days around which calendars are odd, and any others.
edges = st.sampled_from([date(2024, 2, 29), date(2026, 2, 28), date(2028, 3, 1), date(2026, 1, 31), date(2025, 12, 31)])
some_days = st.builds(lambda day, by: day + timedelta(by), edges, st.integers(-3, 3)) | st.dates(
    date(1950, 1, 1), date(2050, 12, 31)
)


def fires_on(asked, base, day):
    """Whether a date fires on a day, by trying every time at which it comes round."""
    rounds = {
        Repeat.NONE: [base],
        Repeat.WEEK: [base + timedelta(7 * n) for n in range(9_000)],
        Repeat.MONTH: [
            clamped(base.year + (base.month - 1 + n) // 12, (base.month - 1 + n) % 12 + 1, base.day)
            for n in range(2_000)
        ],
        Repeat.YEAR: [anniversary(asked, base, base.year + n) for n in range(200)],
    }[asked.repeat]
    return any(shifted(one, asked.offset) == day for one in rounds)


def clamped(year, month, number):
    while True:
        try:
            return date(year, month, number)
        except ValueError:
            number -= 1


def anniversary(asked, base, year):
    day = clamped(year, base.month, base.day)
    return day + timedelta(1) if asked.feb29 is LeapDay.MAR1 and (day.month, base.day - day.day) == (2, 1) else day


def shifted(day, offset):
    match offset.unit:
        case Unit.DAY:
            return day + timedelta(offset.amount)
        case Unit.WEEK:
            return day + timedelta(7 * offset.amount)
        case Unit.YEAR:
            return clamped(day.year + offset.amount, day.month, day.day)
    months = day.year * 12 + day.month - 1 + offset.amount
    return clamped(months // 12, months % 12 + 1, day.day)


@given(rules, some_days, st.data())
def test_the_two_questions_agree(asked, base, data):
    near = shifted(base, asked.offset)
    day = data.draw(st.just(near) | some_days | st.integers(-2, 800).map(lambda n: near + timedelta(n)), label="day")
    expected = fires_on(asked, base, day)
    assert wants(wanted_dates(asked, UTC, day), base) is expected
    before = datetime.combine(day, time(), UTC) - timedelta(microseconds=1)
    firing = firing_of(asked, base, UTC, after=before)
    assert (firing is not None and firing.wall.date() == day) is expected


@pytest.mark.parametrize("repeat", Repeat)
@pytest.mark.parametrize("offset", ["0d", "+36525d", "-36525d", "+100y", "-100y", "+1mo"])
@pytest.mark.parametrize("day", [date.min, date(2026, 1, 31), date.max])
@pytest.mark.parametrize("tz", [UTC, NEW_YORK, APIA], ids=str)
def test_years_1_and_9999(repeat, offset, day, tz):
    asked = rule(offset, repeat)
    for after in (datetime.min.replace(tzinfo=UTC), datetime(2026, 1, 1, tzinfo=UTC), LAST - timedelta(days=400)):
        firing = firing_of(asked, day, tz, after=after)
        assert firing is None or firing.instant > after
    assert firing_of(asked, day, tz, after=LAST) is None
    wanted_dates(asked, tz, day)


@pytest.mark.parametrize(
    ("values", "place"),
    [
        ({"path": ""}, "/date_property/path"),
        ({"path": "a\0"}, "/date_property/path"),
        ({"at": time(9, 30, 1)}, "/date_property/at"),
    ],
)
def test_what_a_rule_refuses(values, place):
    with pytest.raises(DocumentError) as caught:
        DateProperty(**({"path": "birthday", "at": time(9)} | values))
    assert [problem.path for problem in caught.value.problems] == [place]
