"""When rules fire: the worked examples, the ends of months and of the calendar, and the zones of the world."""

# ruff: noqa: DTZ001, DTZ901 - a wall time has no zone

from datetime import UTC, date, datetime, time, timedelta
from itertools import islice
from zoneinfo import ZoneInfo, available_timezones

import pytest

from flowkit.errors import DocumentError
from flowkit.triggers.calendar import MonthDay, Unit, Weekday
from flowkit.triggers.rules import At, Cron, DateProperty, Every
from flowkit.triggers.schedule import Firing, firing_on, firings, next_firing, together
from flowkit.triggers.windows import calendar_days
from flowkit.triggers.zones import find_zone, wall

NEW_YORK = ZoneInfo("America/New_York")
TOKYO = ZoneInfo("Asia/Tokyo")
SCORESBYSUND = ZoneInfo("America/Scoresbysund")
APIA = ZoneInfo("Pacific/Apia")
EVERYTHING = (datetime(2026, 1, 1, tzinfo=UTC), datetime(2027, 1, 1, tzinfo=UTC))


def utc(text):
    return datetime.fromisoformat(text).replace(tzinfo=UTC)


def local(text, tz):
    return datetime.fromisoformat(text).replace(tzinfo=tz).astimezone(UTC)


def daily(at):
    return Every(Unit.DAY, time.fromisoformat(at))


def days(rule, first, count):
    """The days on which a rule fires in UTC, from one on."""
    after = utc(first) - timedelta(microseconds=1)
    return [
        firing.wall.date().isoformat()
        for firing in islice(firings(rule, UTC, after, datetime.max.replace(tzinfo=UTC)), count)
    ]


# ------------------------------------------------------------------------------------------------------------
# The worked examples


def test_a_duration_is_absolute_and_a_calendar_day_keeps_the_wall_time():
    arrival = local("2026-03-07T12:00", NEW_YORK)
    assert wall(arrival + timedelta(hours=24), NEW_YORK) == datetime(2026, 3, 8, 13)
    assert calendar_days(arrival, 1, NEW_YORK) == utc("2026-03-08T16:00")


@pytest.mark.parametrize(
    ("arrival", "tz", "rule", "shown", "expected"),
    [
        ("2026-03-07T12:00", NEW_YORK, daily("09:00"), "2026-03-08T09:00", "2026-03-08T13:00"),
        ("2026-03-08T00:10", NEW_YORK, daily("02:30"), "2026-03-08T03:30", "2026-03-08T07:30"),
        ("2026-11-01T00:10", NEW_YORK, daily("01:30"), "2026-11-01T01:30", "2026-11-01T05:30"),
        (
            "2026-01-01T09:00",
            TOKYO,
            Every(Unit.WEEK, time(5), on=(Weekday.MON,)),
            "2026-01-05T05:00",
            "2026-01-04T20:00",
        ),
    ],
    ids=["local time", "gap", "fold", "weekday"],
)
def test_worked_examples(arrival, tz, rule, shown, expected):
    firing = next_firing(rule, tz, local(arrival, tz))
    assert firing.instant == utc(expected)
    assert wall(firing.instant, tz) == datetime.fromisoformat(shown)


def test_the_time_that_is_there_twice_fires_once():
    second_pass = utc("2026-11-01T06:30")
    found = list(firings(daily("01:30"), NEW_YORK, utc("2026-11-01T00:00"), utc("2026-11-03T00:00")))
    assert [firing.instant for firing in found] == [utc("2026-11-01T05:30"), utc("2026-11-02T06:30")]
    assert next_firing(daily("01:30"), NEW_YORK, second_pass - timedelta(minutes=30)).instant == found[1].instant


@pytest.mark.parametrize("arrival", ["2026-01-01T14:00", "2026-01-01T16:00"])
def test_days_until_a_time(arrival):
    found = calendar_days(local(arrival, NEW_YORK), 1, NEW_YORK, at=time(15))
    assert found == local("2026-01-02T15:00", NEW_YORK)


# ------------------------------------------------------------------------------------------------------------
# The key


def test_the_key_is_the_scheduled_wall_time():
    assert next_firing(daily("02:30"), NEW_YORK, utc("2026-03-08T06:00")).key == "2026-03-08T02:30"


def test_a_move_of_zone_keeps_the_key():
    after = utc("2026-03-08T00:00")
    keys = {next_firing(daily("12:00"), ZoneInfo(name), after).key for name in ("Europe/Paris", "America/New_York")}
    assert keys == {"2026-03-08T12:00"}


# ------------------------------------------------------------------------------------------------------------
# Strictly after, and in order


def test_a_firing_at_the_instant_is_not_after_it():
    firing = next_firing(daily("09:00"), TOKYO, utc("2026-01-01T00:00"))
    assert firing == Firing(datetime(2026, 1, 2, 9), utc("2026-01-02T00:00"))
    just_before = firing.instant - timedelta(microseconds=1)
    assert next_firing(daily("09:00"), TOKYO, just_before) == firing


def test_firings_are_half_open():
    start, end = utc("2026-01-01T00:00"), utc("2026-01-03T00:00")
    found = [firing.instant.day for firing in firings(daily("00:00"), UTC, start, end)]
    assert found == [1, 2]


def test_a_gap_over_midnight_moves_to_the_next_day_and_takes_nobodys_place():
    # On 28 March 2026 at 23:00 it becomes 00:00.
    found = list(firings(daily("23:30"), SCORESBYSUND, utc("2026-03-28T12:00"), utc("2026-03-30T12:00")))
    assert [(firing.key, wall(firing.instant, SCORESBYSUND).isoformat()) for firing in found] == [
        ("2026-03-28T23:30", "2026-03-29T00:30:00"),
        ("2026-03-29T23:30", "2026-03-29T23:30:00"),
    ]


def test_a_day_that_a_zone_left_out_fires_with_the_next():
    found = list(firings(daily("09:00"), APIA, utc("2011-12-29T12:00"), utc("2012-01-01T12:00")))
    assert [firing.key for firing in found] == ["2011-12-29T09:00", "2011-12-31T09:00", "2012-01-01T09:00"]
    monthly = Every(Unit.MONTH, time(9), on=(30,))
    (lost,) = firings(monthly, APIA, utc("2011-12-29T12:00"), utc("2012-01-01T12:00"))
    assert (lost.key, lost.instant) == ("2011-12-30T09:00", found[1].instant)


# ------------------------------------------------------------------------------------------------------------
# Once


def test_at_an_instant_the_world_fires_together_and_under_one_key():
    rule = At(datetime(2026, 3, 8, 12, tzinfo=TOKYO))
    found = {next_firing(rule, tz, utc("2026-01-01T00:00")) for tz in (NEW_YORK, TOKYO)}
    assert {(firing.key, firing.instant) for firing in found} == {("2026-03-08T03:00", utc("2026-03-08T03:00"))}
    assert next_firing(rule, TOKYO, utc("2026-03-08T03:00")) is None


def test_at_a_wall_time_each_zone_has_its_instant():
    rule = At(datetime(2026, 3, 8, 2, 30))
    assert next_firing(rule, NEW_YORK, utc("2026-01-01T00:00")).instant == utc("2026-03-08T07:30")
    assert next_firing(rule, TOKYO, utc("2026-01-01T00:00")).instant == utc("2026-03-07T17:30")
    assert next_firing(rule, NEW_YORK, utc("2026-03-08T07:30")) is None


def test_an_instant_outside_the_calendar_is_refused():
    with pytest.raises(DocumentError):
        At(datetime.min.replace(tzinfo=TOKYO))


# ------------------------------------------------------------------------------------------------------------
# Every


@pytest.mark.parametrize(
    ("rule", "expected"),
    [
        (Every(Unit.DAY, time(9)), ["2026-01-01", "2026-01-02", "2026-01-03"]),
        (
            Every(Unit.DAY, time(9), interval=3, start=date(2025, 12, 30)),
            ["2026-01-02", "2026-01-05", "2026-01-08"],
        ),
        (Every(Unit.DAY, time(9), interval=3, start=date(2026, 1, 7)), ["2026-01-07", "2026-01-10"]),
        (
            Every(Unit.WEEK, time(9), on=(Weekday.FRI, Weekday.MON)),
            ["2026-01-02", "2026-01-05", "2026-01-09"],
        ),
        (Every(Unit.WEEK, time(9), start=date(2026, 1, 3)), ["2026-01-03", "2026-01-10"]),
        # 1 January 2026 is a Thursday: the Monday of its week lies before the first day.
        (
            Every(Unit.WEEK, time(9), interval=2, on=(Weekday.MON, Weekday.FRI), start=date(2026, 1, 1)),
            ["2026-01-02", "2026-01-12", "2026-01-16", "2026-01-26"],
        ),
        (
            Every(Unit.MONTH, time(9), on=(31,)),
            ["2026-01-31", "2026-02-28", "2026-03-31", "2026-04-30", "2026-05-31"],
        ),
        (
            Every(Unit.MONTH, time(9), on=(29, 30, 31)),
            ["2026-01-29", "2026-01-30", "2026-01-31", "2026-02-28", "2026-03-29"],
        ),
        (
            Every(Unit.MONTH, time(9), interval=5, start=date(2025, 10, 30)),
            ["2026-03-30", "2026-08-30", "2027-01-30"],
        ),
        (
            Every(Unit.MONTH, time(9), interval=6, start=date(2025, 8, 31)),
            ["2026-02-28", "2026-08-31", "2027-02-28", "2027-08-31", "2028-02-29"],
        ),
        (Every(Unit.YEAR, time(9), on=(MonthDay(2, 29),)), ["2026-02-28", "2027-02-28", "2028-02-29"]),
        (
            Every(Unit.YEAR, time(9), on=(MonthDay(12, 24), MonthDay(3, 1))),
            ["2026-03-01", "2026-12-24", "2027-03-01"],
        ),
        (Every(Unit.YEAR, time(9), interval=4, start=date(2024, 2, 29)), ["2028-02-29", "2032-02-29"]),
    ],
)
def test_every(rule, expected):
    assert days(rule, "2026-01-01", len(expected)) == expected


@pytest.mark.parametrize(
    ("values", "code", "path"),
    [
        ({"unit": Unit.DAY, "on": (Weekday.MON,)}, "conflicting_fields", "/every/on"),
        ({"unit": Unit.WEEK}, "missing_field", "/every/on"),
        ({"unit": Unit.MONTH}, "missing_field", "/every/on"),
        ({"unit": Unit.YEAR}, "missing_field", "/every/on"),
        ({"unit": Unit.WEEK, "on": (1,)}, "out_of_range", "/every/on"),
        ({"unit": Unit.MONTH, "on": (0,)}, "out_of_range", "/every/on"),
        ({"unit": Unit.MONTH, "on": (32,)}, "out_of_range", "/every/on"),
        ({"unit": Unit.MONTH, "on": (Weekday.TUE,)}, "out_of_range", "/every/on"),
        ({"unit": Unit.MONTH, "on": (True,)}, "out_of_range", "/every/on"),
        ({"unit": Unit.YEAR, "on": (5,)}, "out_of_range", "/every/on"),
        ({"unit": Unit.DAY, "interval": 0}, "out_of_range", "/every/interval"),
        ({"unit": Unit.DAY, "interval": 10_001, "start": date(2026, 1, 1)}, "out_of_range", "/every/interval"),
        ({"unit": Unit.DAY, "interval": 2}, "missing_field", "/every/from"),
        ({"unit": Unit.DAY, "start": datetime(2026, 1, 1)}, "wrong_type", "/every/from"),
        ({"unit": Unit.DAY, "at": time(9, 0, 1)}, "bad_time", "/every/at"),
        ({"unit": Unit.DAY, "at": time(9, tzinfo=UTC)}, "bad_time", "/every/at"),
    ],
)
def test_what_every_refuses(values, code, path):
    with pytest.raises(DocumentError) as caught:
        Every(values.pop("unit"), values.pop("at", time(9)), **values)
    assert [(problem.code, problem.path) for problem in caught.value.problems] == [(code, path)]


# ------------------------------------------------------------------------------------------------------------
# The ends of the calendar

RULES = [
    daily("00:00"),
    daily("23:59"),
    Every(Unit.WEEK, time(9), on=tuple(Weekday)),
    Every(Unit.WEEK, time(9), on=(Weekday.SUN,), interval=10_000, start=date(1, 1, 1)),
    Every(Unit.MONTH, time(9), on=(31,)),
    Every(Unit.MONTH, time(9), on=(1,), interval=10_000, start=date(9999, 12, 31)),
    Every(Unit.YEAR, time(9), on=(MonthDay(12, 31),)),
    Every(Unit.YEAR, time(9), interval=10_000, start=date(1, 1, 1)),
    Cron("59 23 31 12 *"),
    Cron("0 0 1 1 *"),
    DateProperty(path="birthday", at=time(23, 59)),
    At(datetime.min),
    At(datetime.max),
]


@pytest.mark.parametrize("rule", RULES, ids=str)
@pytest.mark.parametrize("name", ["UTC", "Asia/Tokyo", "America/New_York", "Pacific/Kiritimati"])
def test_years_1_and_9999(rule, name):
    tz = find_zone(name)
    first, last = datetime.min.replace(tzinfo=UTC), datetime.max.replace(tzinfo=UTC)
    for after in (first, first + timedelta(hours=30), last - timedelta(days=400), last - timedelta(hours=30)):
        found = list(islice(firings(rule, tz, after, last), 500))
        instants = [firing.instant for firing in found]
        assert instants == sorted(set(instants))
        assert all(moment >= after for moment in instants)
    assert next_firing(rule, tz, last) is None


def test_a_firing_of_one_day():
    assert firing_on(date(2026, 3, 8), time(2, 30), NEW_YORK) == Firing(
        datetime(2026, 3, 8, 2, 30), utc("2026-03-08T07:30")
    )
    assert firing_on(date.max, time(23), NEW_YORK) is None


# ------------------------------------------------------------------------------------------------------------
# The zones of the world

WORLD = sorted(available_timezones())


@pytest.mark.parametrize("month", [1, 7])
@pytest.mark.parametrize("at", ["00:00", "09:00", "17:30"])
def test_the_world_shares_about_38_instants(month, at):
    groups = together(daily(at), WORLD, datetime(2026, month, 15, tzinfo=UTC))
    assert 35 <= len({group.firing.instant for group in groups}) <= 40
    assert sorted(name for group in groups for name in group.zones) == [name for name in WORLD if name != "Factory"]
    order = [(group.firing.instant, group.firing.wall) for group in groups]
    assert order == sorted(set(order))
    assert groups[-1].firing.instant - groups[0].firing.instant < timedelta(days=1)


def test_the_date_line_parts_what_shares_an_instant():
    groups = together(daily("09:00"), ["Pacific/Pago_Pago", "Pacific/Tongatapu"], utc("2026-01-15T19:00"))
    assert [(group.zones, group.firing.key) for group in groups] == [
        (("Pacific/Pago_Pago",), "2026-01-15T09:00"),
        (("Pacific/Tongatapu",), "2026-01-16T09:00"),
    ]
    assert len({group.firing.instant for group in groups}) == 1


def test_what_is_no_zone_and_what_fires_no_more_is_in_no_group():
    assert together(daily("09:00"), ["Mars/Olympus", ""], EVERYTHING[0]) == ()
    assert together(At(EVERYTHING[0]), ["UTC"], EVERYTHING[0]) == ()
