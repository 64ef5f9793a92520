"""Profiles in memory as an audience: pages in order, and nobody who fits is left out."""

import time
from datetime import UTC, date, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from flowkit.adapters.profiles import MemoryProfiles
from flowkit.conditions import ALWAYS, evaluate, parse
from flowkit.events import Facts, Occurrence, to_micros
from flowkit.ports import Audience, ProfileChange
from flowkit.triggers.calendar import MonthDay, Weekday, profile_date
from flowkit.triggers.profile_dates import OnDates, OnDays, OnWeekdays, OnYearDays, wants
from flowkit.workflows.model import UpdateProfile
from tests.support.condition_strategies import conditions
from tests.support.strategies import EDGES, NAMES, ODD

NOW = datetime(2026, 3, 7, 12, tzinfo=UTC)


def page(profiles, where=ALWAYS, *, zones=None, on=None, path=None, after=None, limit=100):
    audience: Audience = profiles
    return audience.members(where=where, zones=zones, on=on, path=path, after=after, limit=limit)


def pages(profiles, where=ALWAYS, *, limit, **asked):
    found, after = [], None
    while True:
        some = page(profiles, where, after=after, limit=limit, **asked)
        assert len(some) <= limit
        found += some
        if len(some) < limit:
            return found
        after = some[-1]


# -- pages ------------------------------------------------------------------------------------------------------------


def test_pages_go_by_the_code_points_of_ids():
    names = ["b", "a", "B", "é", "\uffee", "\U0001f600", "a10", "a9", "e\u0301"]
    profiles = MemoryProfiles({name: {} for name in names})
    assert page(profiles) == sorted(names)
    assert sorted(names)[-2:] == ["\uffee", "\U0001f600"]
    for limit in range(1, len(names) + 2):
        assert pages(profiles, limit=limit) == sorted(names)
    assert page(profiles, after="a1", limit=2) == ["a10", "a9"]
    assert page(profiles, after="zzzz\U0010ffff") == ["é", "\uffee", "\U0001f600"]
    assert page(MemoryProfiles()) == []


def test_who_comes_between_two_pages_has_a_place():
    profiles = MemoryProfiles({"b": {}, "d": {}})
    assert page(profiles, limit=1) == ["b"]
    profiles.put("a")
    profiles.engage("c", opens=1)
    profiles.place("e", "vip")
    assert page(profiles, after="b") == ["c", "d", "e"]
    assert page(profiles) == ["a", "b", "c", "d", "e"]


def test_an_empty_text_is_an_id_after_which_pages_go_on():
    assert page(MemoryProfiles({"a": {}}), after="") == ["a"]


SECONDS = 10  # many times what it takes; a page that sorts or walks everything takes minutes


def test_all_pages_of_100_000_profiles_take_seconds():
    profiles = MemoryProfiles({f"s{number:06}": {"odd": number % 2} for number in range(100_000)})
    before = time.process_time()
    assert len(pages(profiles, limit=10)) == 100_000
    assert len(pages(profiles, parse({"subscriber_properties": {"odd": 1}}), limit=10)) == 50_000
    assert time.process_time() - before < SECONDS


# -- zones ------------------------------------------------------------------------------------------------------------


def test_zones_are_those_that_somebody_has():
    profiles = MemoryProfiles(
        {"a": {"timezone": "Asia/Tokyo"}, "b": {"timezone": "Asia/Tokyo"}, "c": {"timezone": "no zone"}, "d": {}}
    )
    assert profiles.zones() == ["Asia/Tokyo", "no zone"]
    profiles.put("a", timezone="UTC")
    assert profiles.zones() == ["Asia/Tokyo", "UTC", "no zone"]
    profiles.put("b", timezone=None)
    profiles.engage("c", opens=1)
    assert profiles.zones() == ["UTC", "no zone"]
    profiles.change([ProfileChange("k", "c", UpdateProfile(set={"timezone": "Europe/Berlin"}))])
    assert profiles.zones() == ["Europe/Berlin", "UTC"]
    profiles.change([ProfileChange("l", "a", UpdateProfile(unset=("timezone",)))])
    assert profiles.zones() == ["Europe/Berlin"]


@pytest.mark.parametrize(
    ("zones", "found"),
    [
        (None, ["a", "b", "c", "d", "e"]),
        (["Asia/Tokyo"], ["a"]),
        (["asia/tokyo"], ["b"]),
        ([None], ["c", "d", "e"]),
        ([None, "Asia/Tokyo", "UTC"], ["a", "c", "d", "e"]),
        (["UTC"], []),
        ([], []),
    ],
)
def test_members_of_zones_are_named_letter_by_letter(zones, found):
    own = {"a": "Asia/Tokyo", "b": "asia/tokyo", "c": None, "d": ["UTC"]}
    profiles = MemoryProfiles({name: {"timezone": zone} for name, zone in own.items()} | {"e": {}})
    assert page(profiles, zones=zones) == found


# -- dates ------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("on", "found"),
    [
        (OnDates((date(2000, 2, 29), date(2001, 3, 1))), ["a", "c"]),
        (OnWeekdays((Weekday.THU,), date(2001, 1, 1)), []),
        (OnWeekdays((Weekday.THU,), date(2001, 3, 1)), ["c"]),
        (OnDays((29,), date(2026, 1, 1)), ["a", "b"]),
        (OnYearDays((MonthDay(2, 29),), date(2026, 1, 1)), ["a"]),
        (OnDates(()), []),
    ],
)
def test_members_have_a_date_that_is_wanted(on, found):
    born = {"a": "2000-02-29", "b": date(2000, 1, 29), "c": "2001-03-01T23:59", "d": None, "e": "", "f": 0, "g": "x"}
    profiles = MemoryProfiles({name: {"born": value} for name, value in born.items()} | {"h": {}})
    assert page(profiles, on=on, path="born") == found


def test_a_date_may_stand_deeper_in_the_profile():
    profiles = MemoryProfiles({"a": {"order": {"at": "2026-03-07"}}, "b": {"order.at": "2026-03-07"}, "c": {}})
    assert page(profiles, on=OnDates((date(2026, 3, 7),)), path="order.at") == ["a", "b"]


values = st.one_of(
    st.dates(),
    st.datetimes(),
    st.datetimes(timezones=st.just(UTC)),
    st.datetimes(datetime(2, 1, 1), datetime(9998, 1, 1), timezones=st.just(UTC)).map(datetime.isoformat),  # noqa: DTZ001
    st.integers(-(10**10), 10**10),
    st.sampled_from([*EDGES, *ODD]),
)
WORLD = ["UTC", "Asia/Manila", "America/Metlakatla", "Pacific/Kiritimati", "Etc/GMT+12", "Europe/Berlin"]


@given(values, st.sampled_from(WORLD))
def test_in_whatever_zone_a_date_is_read_its_subscriber_is_found(value, zone):
    profiles = MemoryProfiles({"a": {"when": value, "timezone": "Asia/Tokyo"}})
    day = profile_date(value, ZoneInfo(zone))
    if day is None:
        assert page(profiles, on=OnDays(tuple(range(1, 32)), date.max), path="when") == []
    else:
        assert wants(OnDates((day,)), day)
        assert page(profiles, on=OnDates((day,)), path="when") == ["a"]


def test_what_has_no_offset_is_one_date():
    profiles = MemoryProfiles({"a": {"when": "2026-03-07T00:00"}, "b": {"when": "2026-03-07T00:00Z"}})
    found = [page(profiles, on=OnDates((date(2026, 3, day),)), path="when") for day in (5, 6, 7, 8)]
    assert found == [[], ["b"], ["a", "b"], []]


# -- conditions -------------------------------------------------------------------------------------------------------

PRO = {"subscriber_properties": {"plan": "pro"}}
PAST = {"performed": {"event": "purchase"}}
SIGNED = {"event_type": "signup"}
RECENT = {"subscriber_properties": {"seen": {"$within": "7d"}}}


@pytest.mark.parametrize(
    ("where", "found"),
    [
        ({}, ["free", "pro"]),
        (PRO, ["pro"]),
        ({"not": PRO}, ["free"]),
        ({"segments": "vip"}, ["free"]),
        ({"segments": {"none": ["vip"]}}, ["pro"]),
        ({"engagement_requirements": {"opens": 2}}, ["pro"]),
        ({"engagement_requirements": {"rate": {"$lt": 0.5}}}, ["free"]),
        # what cannot be told leaves nobody out, and takes nothing from what can
        *[(unknown, ["free", "pro"]) for unknown in (PAST, SIGNED, RECENT)],
        *[({"not": unknown}, ["free", "pro"]) for unknown in (PAST, SIGNED, RECENT)],
        *[({"all": [PRO, unknown]}, ["pro"]) for unknown in (PAST, SIGNED, RECENT)],
        *[({"any": [PRO, unknown]}, ["free", "pro"]) for unknown in (PAST, SIGNED, RECENT)],
        ({"not": {"any": [PRO, PAST]}}, ["free"]),
        ({"not": {"all": [PRO, PAST]}}, ["free", "pro"]),
        ({"not": {"all": [PRO, {"not": PAST}]}}, ["free", "pro"]),
        ({"not": {"not": {"all": [PRO, PAST]}}}, ["pro"]),
        ({"sample": {"percent": 0, "salt": "x"}}, ["free", "pro"]),
        ({"custom": {"name": "nothing"}}, ["free", "pro"]),
    ],
)
def test_of_a_condition_only_what_the_profile_tells_is_asked(where, found):
    profiles = MemoryProfiles(
        {"free": {"plan": "free", "visits": 1}, "pro": {"plan": "pro", "visits": 9}},
        metrics={"rate": lambda attributes: attributes["visits"] / 10},
    )
    profiles.engage("pro", opens=2)
    profiles.place("free", "vip")
    assert page(profiles, parse(where)) == found


bags = st.dictionaries(st.sampled_from(NAMES), st.sampled_from([*EDGES, *ODD, "2026-03-01", "pro"]), max_size=4)
histories = st.dictionaries(
    st.sampled_from(["a", "b", "signup", "purchase"]),
    st.lists(st.integers(0, 40).map(lambda days: Occurrence(to_micros(NOW - timedelta(days=days)))), max_size=3),
    max_size=2,
)


@given(conditions, bags, st.frozensets(st.sampled_from(NAMES)), histories, st.booleans())
def test_nobody_for_whom_a_condition_holds_is_left_out(where, attributes, segments, history, yes):
    profiles = MemoryProfiles({"s": attributes})
    profiles.place("s", *segments)
    facts = Facts(attributes, segments=segments, history=history, zone="Asia/Tokyo", subscriber_id="s")
    predicates = {name: lambda _: yes for name in ("yes", "no", "raises", "pro")}
    if evaluate(where, facts, None, NOW, predicates=predicates).holds:
        assert page(profiles, where) == ["s"]
