"""Cron rules: read on the wall clock, guarded against the past and against waiting for ever."""

# ruff: noqa: DTZ001 - a wall time has no zone

import sys
import time as clock
from datetime import UTC, datetime, timedelta
from itertools import islice
from zoneinfo import ZoneInfo

import pytest

from flowkit.errors import ConfigurationError, DocumentError
from flowkit.triggers import cron
from flowkit.triggers.cron import check_cron, cron_walls
from flowkit.triggers.rules import Cron
from flowkit.triggers.schedule import firings, next_firing

NEW_YORK = ZoneInfo("America/New_York")


def keys(expression, tz, start, end):
    bounds = [datetime.fromisoformat(text).replace(tzinfo=UTC) for text in (start, end)]
    return [(firing.key, firing.instant.strftime("%H:%MZ")) for firing in firings(Cron(expression), tz, *bounds)]


@pytest.mark.parametrize(
    ("expression", "expected"),
    [
        ("0 9 * * MON-FRI", "2026-01-02T09:00"),
        ("*/15 * * * *", "2026-01-01T12:15"),
        ("0 0 L * *", "2026-01-31T00:00"),
        ("0 0 LW * *", "2026-01-30T00:00"),
        ("0 0 * * 5L", "2026-01-30T00:00"),
        ("0 0 * * TUE#3", "2026-01-20T00:00"),
        ("0 0 29 2 *", "2028-02-29T00:00"),
        ("0 0 29 2 MON#1", "2026-02-02T00:00"),
        ("0 0 13 * FRI", "2026-01-02T00:00"),
        (" 0  0 1 1 * ", "2027-01-01T00:00"),
    ],
)
def test_cron(expression, expected):
    assert next_firing(Cron(expression), UTC, datetime(2026, 1, 1, 12, tzinfo=UTC)).key == expected


def test_an_hour_that_the_day_skips_shares_the_instants_of_the_next():
    assert keys("30 * * * *", NEW_YORK, "2026-03-08T05:00", "2026-03-08T09:00") == [
        ("2026-03-08T00:30", "05:30Z"),
        ("2026-03-08T01:30", "06:30Z"),
        ("2026-03-08T03:30", "07:30Z"),
        ("2026-03-08T04:30", "08:30Z"),
    ]
    assert keys("30 2 * * *", NEW_YORK, "2026-03-08T05:00", "2026-03-08T09:00") == [("2026-03-08T02:30", "07:30Z")]


def test_instants_ascend_where_a_gap_lets_wall_times_overtake():
    assert keys("45 2 * * *", NEW_YORK, "2026-03-08T05:00", "2026-03-08T09:00") == [("2026-03-08T02:45", "07:45Z")]
    assert keys("15,45 2,3 8 3 *", NEW_YORK, "2026-03-08T05:00", "2026-03-08T09:00") == [
        ("2026-03-08T03:15", "07:15Z"),
        ("2026-03-08T03:45", "07:45Z"),
    ]
    assert keys("20 2-3/2 * * *", NEW_YORK, "2026-03-08T05:00", "2026-03-08T09:00") == [("2026-03-08T02:20", "07:20Z")]


def test_a_time_that_the_day_skips_is_still_ahead_when_the_clock_has_passed_it():
    ten_past_three = datetime(2026, 3, 8, 7, 10, tzinfo=UTC)
    firing = next_firing(Cron("30 2 * * *"), NEW_YORK, ten_past_three)
    assert (firing.key, firing.instant - ten_past_three) == ("2026-03-08T02:30", timedelta(minutes=20))


def test_an_hour_that_the_day_has_twice_counts_once():
    assert keys("30 * * * *", NEW_YORK, "2026-11-01T04:00", "2026-11-01T08:00") == [
        ("2026-11-01T00:30", "04:30Z"),
        ("2026-11-01T01:30", "05:30Z"),
        ("2026-11-01T02:30", "07:30Z"),
    ]


@pytest.mark.parametrize(
    "expression",
    [
        *("", "* * * *", "* * * * * *", "@daily", "60 * * * *", "* 24 * * *", "* * 0 * *", "* * * 13 *", "* * * * 8"),
        *("-1 * * * *", "*/0 * * * *", "5-1 * * * *", "a * * * *", "* * L/2 * 1#9", "0 0 * * MON#1/2", "٣ * * * *"),
        *("0 0 30 2 *", "0 0 LW * */7", "0 0 31 2,4,6,9,11 *", "0 0 * 2 MON#6", "* * * * " + ",".join(["1"] * 200)),
    ],
)
def test_what_is_no_expression_or_never_fires_is_refused(expression):
    with pytest.raises(DocumentError) as caught:
        Cron(expression)
    assert [(problem.code, problem.path) for problem in caught.value.problems] == [("bad_cron", "/cron")]


def test_a_value_that_is_no_text_is_refused():
    assert check_cron(5).code == "wrong_type"


def test_finding_that_an_expression_never_fires_takes_no_time():
    start = clock.perf_counter()
    for expression in ("0 0 30 2 *", "0 0 31 2,4,6 *", "0 0 31 4 */8", "59 23 31 2,4,6,9,11 */7"):
        check_cron(expression)
    assert clock.perf_counter() - start < 5


def test_without_the_extra_loading_says_its_name(monkeypatch):
    monkeypatch.setitem(sys.modules, "cronsim", None)
    with pytest.raises(DocumentError, match=r"flowkit-journeys\[cron\]") as caught:
        Cron("* * * * *")
    assert caught.value.problems[0].code == "missing_extra"
    with pytest.raises(ConfigurationError, match="cron"):
        cron_walls("* * * * *", datetime(2026, 1, 1))


class Broken:
    """A simulation that gives what it is told, whatever it was asked."""

    def __init__(self, *walls):
        self.walls = iter(walls)

    def __iter__(self):
        return self

    def __next__(self):
        return next(self.walls)


def simulated(monkeypatch, *walls):
    monkeypatch.setattr(cron, "_simulation", lambda *_: Broken(*walls))
    return list(islice(cron_walls("* * * * *", datetime(2026, 1, 1)), 100))


def test_the_past_never_comes_out(monkeypatch):
    minute = timedelta(minutes=1)
    now = datetime(2026, 1, 1)
    given_walls = (now - minute, now, now + minute, now, now + minute, now + 2 * minute)
    assert simulated(monkeypatch, *given_walls) == [now + minute, now + 2 * minute]


def test_a_simulation_that_stands_still_is_left(monkeypatch):
    assert simulated(monkeypatch, *[datetime(2026, 1, 1)] * 1_000, datetime(2026, 1, 2)) == []


def test_the_end_of_the_calendar_ends_it():
    assert list(cron_walls("0 0 1 1 *", datetime(9999, 6, 1))) == []
    assert list(cron_walls("0 0 1 12 *", datetime(9999, 6, 1))) == [datetime(9999, 12, 1)]
