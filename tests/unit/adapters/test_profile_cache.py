"""Profiles are read once in five minutes, and anew after every change."""

import asyncio
from datetime import UTC, datetime, timedelta

import pytest

from flowkit.adapters.clock import VirtualClock
from flowkit.adapters.profile_cache import CachedProfiles
from flowkit.adapters.profiles import MemoryProfiles
from flowkit.errors import ConfigurationError
from flowkit.events import Needs
from flowkit.ports import ProfileChange
from flowkit.workflows.model import UpdateProfile

START = datetime(2026, 3, 1, tzinfo=UTC)
NAME = Needs(attributes=frozenset({"name"}))
CITY = Needs(attributes=frozenset({"city"}))


class Counted(MemoryProfiles):
    def __init__(self):
        super().__init__({f"s{n}": {"name": f"n{n}", "city": f"c{n}"} for n in range(5)})
        self.asked = []

    def facts(self, ids, needs):
        self.asked.append((tuple(ids), set(needs.attributes)))
        return super().facts(ids, needs)


def cached(**options):
    profiles, clock = Counted(), VirtualClock(START)
    return profiles, clock, CachedProfiles(profiles, clock, **options)


def test_what_was_read_is_remembered_for_its_time():
    profiles, clock, cache = cached()
    first = cache.facts(["s0", "s1"], NAME)
    assert cache.facts(["s1", "s0"], NAME) == first
    assert len(profiles.asked) == 1
    clock.advance(timedelta(minutes=5))
    cache.facts(["s0"], NAME)
    assert profiles.asked[1:] == [(("s0",), {"name"})]


def test_only_who_is_not_remembered_is_asked_for():
    profiles, _, cache = cached()
    cache.facts(["s0"], NAME)
    assert sorted(cache.facts(["s0", "s1", "nobody"], NAME)) == ["s0", "s1"]
    cache.facts(["nobody"], NAME)
    assert [ids for ids, _ in profiles.asked] == [("s0",), ("s1", "nobody"), ("nobody",)]


def test_what_is_needed_besides_is_read_and_remembered_together():
    profiles, _, cache = cached()
    cache.facts(["s0"], NAME)
    assert cache.facts(["s0"], CITY)["s0"].attributes["city"] == "c0"
    assert cache.facts(["s0"], NAME)["s0"].attributes["name"] == "n0"
    assert [needs for _, needs in profiles.asked] == [{"name"}, {"name", "city"}]


def test_a_change_is_seen_at_once():
    _, _, cache = cached()
    cache.facts(["s0", "s1"], NAME)
    cache.change([ProfileChange("k", "s0", UpdateProfile(set={"name": "new"}))])
    assert cache.facts(["s0"], NAME)["s0"].attributes["name"] == "new"


def test_what_was_read_while_something_changed_is_not_remembered():
    profiles, _, cache = cached()
    read = profiles.facts

    def slow(ids, needs):
        found = read(ids, needs)
        cache.change([ProfileChange("k", "s0", UpdateProfile(set={"name": "new"}))])
        return found

    profiles.facts = slow
    cache.facts(["s0"], NAME)
    profiles.facts = read
    assert cache.facts(["s0"], NAME)["s0"].attributes["name"] == "new"


def test_it_is_bounded_and_forgets_who_was_not_asked_for():
    profiles, _, cache = cached(size=2)
    cache.facts(["s0"], NAME)
    cache.facts(["s1"], NAME)
    cache.facts(["s0"], NAME)
    cache.facts(["s2"], NAME)
    cache.facts(["s0"], NAME)
    assert len(profiles.asked) == 3
    cache.facts(["s1"], NAME)
    assert len(profiles.asked) == 4
    assert repr(cache) == "CachedProfiles(2 subscribers)"


def test_profiles_that_wait_are_remembered_too():
    profiles, _, cache = cached()
    read, change = profiles.facts, profiles.change

    async def later(ids, needs):
        await asyncio.sleep(0)
        return read(ids, needs)

    async def changed(changes):
        await asyncio.sleep(0)
        return change(changes)

    profiles.facts, profiles.change = later, changed

    async def play():
        await cache.facts(["s0"], NAME)
        assert cache.facts(["s0"], NAME)["s0"].attributes["name"] == "n0"
        await cache.change([ProfileChange("k", "s0", UpdateProfile(set={"name": "new"}))])
        return (await cache.facts(["s0"], NAME))["s0"].attributes["name"]

    assert asyncio.run(play()) == "new"


@pytest.mark.parametrize("options", [{"ttl": timedelta()}, {"size": 0}])
def test_a_cache_without_time_or_room_is_refused(options):
    with pytest.raises(ConfigurationError):
        cached(**options)
