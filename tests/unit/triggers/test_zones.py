"""Which zone holds, and which instant a wall clock shows."""

# ruff: noqa: DTZ001, DTZ901 - a wall time has no zone

from datetime import UTC, date, datetime, time
from zoneinfo import ZoneInfo, available_timezones

import pytest

from flowkit.triggers.zones import Zone, ZoneSource, find_zone, instant, wall, wall_text, zone

NEW_YORK = ZoneInfo("America/New_York")
HOSTILE = [
    *(
        "",
        " ",
        "Europe",
        "Europe/",
        "Europe//Paris",
        "europe/paris",
        "Europe/Paris ",
        "Mars/Olympus",
        "UTC+1",
        "+01:00",
    ),
    *("/etc/localtime", "../../etc/passwd", "Europe/../UTC", "./UTC", "UTC\0", "UTC\n", "\ud800", "x" * 100_000),
    *("localtime", "posixrules", "posix/UTC", "right/UTC", "Factory", "tzdata.zi", "leapseconds", "zone.tab"),
    *("__init__", "__pycache__", "America/Argentina", "Éurope/Paris"),
    *(None, 0, 1.5, True, b"UTC", ["UTC"], {"UTC": 1}, ...),
]


@pytest.mark.parametrize("name", HOSTILE, ids=lambda name: repr(name)[:30])
def test_what_is_no_zone_is_none_and_raises_nothing(name):
    assert find_zone(name) is None
    assert zone(name) == Zone(name="UTC", tz=UTC, source=ZoneSource.UTC)
    assert zone(name, "Asia/Tokyo").source is ZoneSource.FALLBACK
    assert zone("Asia/Tokyo", name).source is ZoneSource.GIVEN


def test_every_zone_of_the_world_is_one():
    assert {name for name in available_timezones() if find_zone(name) is None} == {"Factory"}


def test_the_first_valid_name_counts():
    assert zone("Asia/Tokyo", "Europe/Paris") == Zone(
        name="Asia/Tokyo", tz=ZoneInfo("Asia/Tokyo"), source=ZoneSource.GIVEN
    )
    assert zone("Asia/Kyoto", "Europe/Paris").name == "Europe/Paris"
    assert zone("UTC", "Europe/Paris") == Zone(name="UTC", tz=UTC, source=ZoneSource.GIVEN)


def test_utc_needs_no_zone_database(monkeypatch):
    def nothing(key):
        raise KeyError(key)

    find_zone.__globals__["_load"].cache_clear()
    monkeypatch.setattr("flowkit.triggers.zones.ZoneInfo", nothing)
    assert find_zone("UTC") is UTC
    assert find_zone("Etc/GMT") is None
    find_zone.__globals__["_load"].cache_clear()


def test_hostile_names_do_not_fill_the_memory():
    load = find_zone.__globals__["_load"]
    for number in range(3_000):
        assert find_zone(f"No/Where{number}") is None
    assert load.cache_info().currsize <= 2_048
    load.cache_clear()


@pytest.mark.parametrize(
    ("day", "at", "expected"),
    [
        (date(2026, 3, 8), time(1, 59), datetime(2026, 3, 8, 6, 59, tzinfo=UTC)),
        (date(2026, 3, 8), time(2), datetime(2026, 3, 8, 7, 0, tzinfo=UTC)),
        (date(2026, 3, 8), time(2, 30), datetime(2026, 3, 8, 7, 30, tzinfo=UTC)),
        (date(2026, 3, 8), time(3), datetime(2026, 3, 8, 7, 0, tzinfo=UTC)),
        (date(2026, 11, 1), time(1, 30), datetime(2026, 11, 1, 5, 30, tzinfo=UTC)),
        (date(2026, 11, 1), time(1, 30, fold=1), datetime(2026, 11, 1, 5, 30, tzinfo=UTC)),
        (date(2026, 11, 1), time(2), datetime(2026, 11, 1, 7, 0, tzinfo=UTC)),
    ],
)
def test_a_gap_moves_on_and_a_fold_is_the_first(day, at, expected):
    found = instant(day, at, NEW_YORK)
    assert found == expected
    assert found.tzinfo is UTC


@pytest.mark.parametrize(
    ("day", "name", "outside"),
    [
        (date.min, "Asia/Tokyo", True),
        (date.min, "UTC", False),
        (date.max, "America/New_York", True),
        (date.max, "Asia/Tokyo", False),
    ],
)
def test_the_calendar_ends_in_utc(day, name, outside):
    at = time(0) if day == date.min else time(23, 59)
    assert (instant(day, at, find_zone(name)) is None) is outside


def test_a_wall_stops_at_the_ends_of_the_calendar():
    assert wall(datetime.min.replace(tzinfo=UTC), NEW_YORK) == datetime.min
    assert wall(datetime.max.replace(tzinfo=UTC), ZoneInfo("Asia/Tokyo")) == datetime.max


@pytest.mark.parametrize(
    ("shown", "text"),
    [
        (datetime(2026, 3, 8, 2, 30), "2026-03-08T02:30"),
        (datetime(2026, 3, 8, 2, 30, 5), "2026-03-08T02:30:05"),
        (datetime(2026, 3, 8, 2, 30, 0, 7), "2026-03-08T02:30:00.000007"),
        (datetime(7, 1, 2, 3, 4, fold=1), "0007-01-02T03:04"),
        (datetime(2026, 3, 8, 2, 30, tzinfo=UTC), "2026-03-08T02:30"),
    ],
)
def test_a_wall_time_as_text(shown, text):
    assert wall_text(shown) == text
