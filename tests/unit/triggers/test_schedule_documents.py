"""Rules and windows as documents: what is read, what is refused and where, and that writing is the inverse."""

# ruff: noqa: DTZ001 - a wall time has no zone

import json
import sys
from datetime import UTC, date, datetime, time, timedelta, timezone

import pytest
from hypothesis import given
from hypothesis import strategies as st

from flowkit.documents import DEFAULT_LIMITS, check
from flowkit.fields import Fields
from flowkit.problems import Problems
from flowkit.triggers.calendar import MonthDay, Offset, Unit, Weekday
from flowkit.triggers.rules import At, Cron, DateProperty, Every, LeapDay, Repeat
from flowkit.triggers.schedule_documents import dump_rule, dump_window, parse_rule, parse_window, read_rule
from flowkit.triggers.windows import Window
from tests.support.refusals import refusals


def parsed(reader, document):
    problems = Problems()
    out = reader(check(document), "/rule", problems=problems)
    assert (out is None) == bool(problems.found)
    problems.done()
    return out


def every(**values):
    return {"every": {"unit": "day", "at": "09:00"} | values}


def around(**values):
    return {"date_property": {"path": "birthday", "at": "09:00"} | values}


@pytest.mark.parametrize(
    ("document", "rule"),
    [
        ({"at": "2026-12-24T09:00"}, At(datetime(2026, 12, 24, 9))),
        ({"at": "2026-12-24T09:00:01.5"}, At(datetime(2026, 12, 24, 9, 0, 1, 500_000))),
        ({"at": "2026-12-24T09:00Z"}, At(datetime(2026, 12, 24, 9, tzinfo=UTC))),
        ({"at": "2026-12-24T09:00:00+09:00"}, At(datetime(2026, 12, 24, tzinfo=UTC))),
        ({"cron": "0 9 * * MON"}, Cron("0 9 * * MON")),
        (every(), Every(Unit.DAY, time(9))),
        (every(interval=2, **{"from": "2026-03-01"}), Every(Unit.DAY, time(9), interval=2, start=date(2026, 3, 1))),
        (every(unit="week", on=["sun", "mon"]), Every(Unit.WEEK, time(9), on=(Weekday.MON, Weekday.SUN))),
        (every(unit="month", on=["last", 1, 31]), Every(Unit.MONTH, time(9), on=(1, 31))),
        (every(unit="year", on=["12-24", "02-29"]), Every(Unit.YEAR, time(9), on=(MonthDay(2, 29), MonthDay(12, 24)))),
        (around(), DateProperty(path="birthday", at=time(9))),
        (
            around(offset="-7d", repeat="year", feb29="mar1"),
            DateProperty(path="birthday", at=time(9), offset=Offset(-7), repeat=Repeat.YEAR, feb29=LeapDay.MAR1),
        ),
    ],
)
def test_rules(document, rule):
    assert parsed(parse_rule, document) == rule


@pytest.mark.parametrize(
    ("document", "problems"),
    [
        (None, [("wrong_type", "/rule")]),
        ([], [("wrong_type", "/rule")]),
        ({}, [("missing_field", "/rule")]),
        ({"at": "2026-12-24T09:00", "cron": "* * * * *"}, [("conflicting_fields", "/rule")]),
        ({"att": "2026-12-24T09:00"}, [("missing_field", "/rule"), ("unknown_field", "/rule/att")]),
        ({"at": None}, [("wrong_type", "/rule/at")]),
        ({"at": 5}, [("wrong_type", "/rule/at")]),
        ({"at": ""}, [("bad_instant", "/rule/at")]),
        ({"at": "2026-12-24"}, [("bad_instant", "/rule/at")]),
        ({"at": "2026-02-30T09:00"}, [("bad_instant", "/rule/at")]),
        ({"at": "2026-12-24T09:00 "}, [("bad_instant", "/rule/at")]),
        ({"at": "0001-01-01T00:00+01:00"}, [("out_of_range", "/rule/at")]),
        ({"cron": None}, [("wrong_type", "/rule/cron")]),
        ({"cron": "* * *"}, [("bad_cron", "/rule/cron")]),
        ({"every": "day"}, [("wrong_type", "/rule/every")]),
        ({"every": {}}, [("missing_field", "/rule/every/unit"), ("missing_field", "/rule/every/at")]),
        (every(unit="hour"), [("bad_enum", "/rule/every/unit")]),
        (every(unit="hour", on=["mon"]), [("bad_enum", "/rule/every/unit")]),
        (every(unit=1), [("wrong_type", "/rule/every/unit")]),
        *(
            (every(at=at), [("bad_time", "/rule/every/at")])
            for at in ("", "9:00", "24:00", "09:60", "09:00:00", "09:00\n")
        ),
        (every(at=900), [("wrong_type", "/rule/every/at")]),
        (every(interval=0), [("out_of_range", "/rule/every/interval")]),
        (every(interval=10_001, **{"from": "2026-01-01"}), [("out_of_range", "/rule/every/interval")]),
        (every(interval=2.0), [("wrong_type", "/rule/every/interval")]),
        (every(interval=2), [("missing_field", "/rule/every/from")]),
        (every(**{"from": "2026-2-1"}), [("bad_date", "/rule/every/from")]),
        (every(**{"from": "2026-02-30"}), [("bad_date", "/rule/every/from")]),
        (every(**{"from": None}), [("wrong_type", "/rule/every/from")]),
        (every(on=["mon"]), [("conflicting_fields", "/rule/every/on")]),
        (every(on=[]), [("too_short", "/rule/every/on")]),
        (every(on="mon"), [("wrong_type", "/rule/every/on")]),
        (every(unit="week"), [("missing_field", "/rule/every/on")]),
        (
            every(unit="week", on=["monday", 1, "mon", None]),
            [("bad_enum", "/rule/every/on/0"), ("bad_enum", "/rule/every/on/1"), ("bad_enum", "/rule/every/on/3")],
        ),
        (
            every(unit="month", on=[0, 32, True, "first", 1.0]),
            [("out_of_range", f"/rule/every/on/{n}") for n in range(5)],
        ),
        (
            every(unit="year", on=["02-30", 5]),
            [("out_of_range", "/rule/every/on/0"), ("wrong_type", "/rule/every/on/1")],
        ),
        (every(unit="week", on=["mon"] * 367), [("too_long", "/rule/every/on")]),
        (every(timezone="UTC"), [("unknown_field", "/rule/every/timezone")]),
        ({"date_property": 1}, [("wrong_type", "/rule/date_property")]),
        (
            {"date_property": {}},
            [("missing_field", "/rule/date_property/path"), ("missing_field", "/rule/date_property/at")],
        ),
        (around(path=""), [("bad_id", "/rule/date_property/path")]),
        (around(offset="7 days"), [("bad_offset", "/rule/date_property/offset")]),
        (around(offset=-7), [("wrong_type", "/rule/date_property/offset")]),
        (around(offset="+101y"), [("out_of_range", "/rule/date_property/offset")]),
        (around(repeat="daily"), [("bad_enum", "/rule/date_property/repeat")]),
        (around(feb29=None), [("wrong_type", "/rule/date_property/feb29")]),
        (around(zone="UTC"), [("unknown_field", "/rule/date_property/zone")]),
    ],
)
def test_what_is_no_rule(document, problems):
    assert refusals(lambda: parsed(parse_rule, document)) == problems


def test_without_the_extra_loading_a_cron_rule_says_its_name(monkeypatch):
    monkeypatch.setitem(sys.modules, "cronsim", None)
    assert refusals(lambda: parsed(parse_rule, {"cron": "0 9 * * *"})) == [("missing_extra", "/rule/cron")]


def test_a_rule_may_stand_among_other_keys():
    problems = Problems()
    fields = Fields({"cron": "0 9 * * *", "timezone": "UTC"}, "/c", problems=problems, limits=DEFAULT_LIMITS)
    assert read_rule(fields) == Cron("0 9 * * *")
    assert fields.rest() == {"timezone": "UTC"}
    problems.done()


@pytest.mark.parametrize(
    ("document", "window"),
    [
        ({"opens_at": "22:00", "closes_at": "06:00"}, Window(opens_at=time(22), closes_at=time(6))),
        (
            {"opens_at": "09:00", "closes_at": "00:00", "on": ["fri", "mon"]},
            Window(opens_at=time(9), closes_at=time(0), on=(Weekday.MON, Weekday.FRI)),
        ),
    ],
)
def test_windows(document, window):
    assert parsed(parse_window, document) == window


@pytest.mark.parametrize(
    ("document", "problems"),
    [
        ("22:00", [("wrong_type", "/rule")]),
        ({}, [("missing_field", "/rule/opens_at"), ("missing_field", "/rule/closes_at")]),
        ({"opens_at": "09:00", "closes_at": "09:00"}, [("out_of_range", "/rule/closes_at")]),
        ({"opens_at": "09:00", "closes_at": "24:00"}, [("bad_time", "/rule/closes_at")]),
        ({"opens_at": "09:00", "closes_at": "17:00", "on": ["mo"]}, [("bad_enum", "/rule/on/0")]),
        ({"opens_at": "09:00", "closes_at": "17:00", "days": []}, [("unknown_field", "/rule/days")]),
    ],
)
def test_what_is_no_window(document, problems):
    assert refusals(lambda: parsed(parse_window, document)) == problems


# ------------------------------------------------------------------------------------------------------------
# Writing is the inverse of reading

times = st.times().map(lambda at: at.replace(second=0, microsecond=0))
weekdays = st.lists(st.sampled_from(Weekday), min_size=1).map(tuple)
starts = st.none() | st.dates()
month_days = st.dates(date(2000, 1, 1), date(2000, 12, 31)).map(MonthDay.of)
utc_datetimes = st.datetimes(
    datetime(1, 1, 2), datetime(9999, 12, 30), timezones=st.sampled_from([UTC, timezone(timedelta(hours=9))])
)


def repeated(unit, days):
    counted = st.builds(Every, st.just(unit), times, interval=st.integers(1, 10_000), on=days, start=st.dates())
    return counted | st.builds(Every, st.just(unit), times, on=days, start=starts)


RULES = {
    "at": st.builds(At, st.datetimes() | utc_datetimes),
    "cron": st.builds(Cron, st.sampled_from(["0 9 * * *", "*/5 * * * MON-FRI", "0 0 L * *"])),
    "day": repeated(Unit.DAY, st.just(())),
    "week": repeated(Unit.WEEK, weekdays),
    "month": repeated(Unit.MONTH, st.lists(st.integers(1, 31), min_size=1).map(tuple)),
    "year": repeated(Unit.YEAR, st.lists(month_days, min_size=1).map(tuple)),
    "date_property": st.builds(
        DateProperty,
        path=st.sampled_from(["birthday", "order.shipped", "naïve"]),
        at=times,
        offset=st.builds(Offset, st.integers(-100, 100), st.sampled_from(Unit)),
        repeat=st.sampled_from(Repeat),
        feb29=st.sampled_from(LeapDay),
    ),
}
windows = st.builds(
    lambda opens, minutes, on: Window(
        opens_at=opens, closes_at=(datetime.combine(date(2026, 1, 1), opens) + timedelta(minutes=minutes)).time(), on=on
    ),
    times,
    st.integers(1, 1_439),
    weekdays | st.just(()),
)


@pytest.mark.parametrize("kind", RULES)
@given(st.data())
def test_a_rule_is_read_as_it_is_written(kind, data):
    rule = data.draw(RULES[kind])
    document = dump_rule(rule)
    assert parsed(parse_rule, json.loads(json.dumps(document))) == rule
    assert dump_rule(parsed(parse_rule, document)) == document


@given(windows)
def test_a_window_is_read_as_it_is_written(window):
    document = dump_window(window)
    assert parsed(parse_window, json.loads(json.dumps(document))) == window


ODD = st.sampled_from([None, "", "x", 0, -1, 10**30, 1.5, True, [], {}, ["mon"], "09:00", "day", "\0", "2026-01-01"])
KEYS = ["at", "cron", "every", "date_property", "unit", "interval", "on", "from", "path", "offset", "repeat", "feb29"]
odd_objects = st.recursive(
    ODD, lambda inner: st.dictionaries(st.sampled_from(KEYS), inner, max_size=5) | st.lists(inner, max_size=3)
)


@given(odd_objects)
def test_whatever_comes_in_is_a_rule_or_is_refused(document):
    for reader in (parse_rule, parse_window):
        problems = Problems()
        assert (reader(document, problems=problems) is None) == bool(problems.found)
