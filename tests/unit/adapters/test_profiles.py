"""Profiles in memory."""

import pytest

from flowkit.adapters.profiles import MemoryProfiles
from flowkit.events import NO_NEEDS, Facts, Needs
from flowkit.ports import ProfileChange, Profiles
from flowkit.runs.effects import DONE, Outcome, Result
from flowkit.workflows.model import UpdateProfile, UpdateSegments


def needs(*attributes, engagement=(), segments=()):
    return Needs(attributes=frozenset(attributes), engagement=frozenset(engagement), segments=frozenset(segments))


def change(operation, key="k", subscriber_id="ann"):
    return ProfileChange(key, subscriber_id, operation)


@pytest.fixture
def profiles():
    return MemoryProfiles({"ann": {"email": "ann@example.org", "plan": "free", "visits": 3}})


def one(profiles, operation, key="k"):
    (outcome,) = profiles.change([change(operation, key)])
    return outcome


# -- reading ----------------------------------------------------------------------------------------------------------


def test_it_gives_what_is_needed_and_nothing_else(profiles):
    port: Profiles = profiles
    profiles.engage("ann", opens=2, clicks=1)
    profiles.place("ann", "new", "vip")
    assert port.facts(["ann"], needs("email", "nothing", engagement=["opens", "bounces"], segments=["vip", "old"])) == {
        "ann": Facts({"email": "ann@example.org"}, {"opens": 2}, segments=frozenset({"vip"}))
    }
    assert port.facts(["ann"], NO_NEEDS) == {"ann": Facts()}


def test_who_is_not_known_is_left_out(profiles):
    profiles.put("bob")
    assert list(profiles.facts(["bob", "eve", "ann"], NO_NEEDS)) == ["bob", "ann"]
    assert profiles.profile("eve") is None


def test_all_that_is_kept_can_be_read(profiles):
    profiles.engage("ann", opens=2)
    profiles.place("ann", "vip")
    profiles.put("ann", plan="pro", city=None)
    assert profiles.profile("ann") == Facts(
        {"email": "ann@example.org", "plan": "pro", "visits": 3, "city": None},
        {"opens": 2},
        segments=frozenset({"vip"}),
    )


def test_names_of_attributes_are_free():
    profiles = MemoryProfiles()
    profiles.put("ann", subscriber_id="x", self="y")
    profiles.engage("ann", subscriber_id=1, self=2)
    assert profiles.profile("ann") == Facts({"subscriber_id": "x", "self": "y"}, {"subscriber_id": 1, "self": 2})


def test_metrics_are_computed_when_they_are_asked_for(profiles):
    asked = []

    def per_visit(attributes):
        asked.append(attributes["visits"])
        return attributes["visits"] / 10

    profiles = MemoryProfiles({"ann": {"visits": 3}}, metrics={"rate": per_visit, "none": lambda _: None})
    profiles.engage("ann", rate=99, none=1)
    assert profiles.facts(["ann"], needs("visits"))["ann"].engagement == {}
    assert asked == []
    assert profiles.facts(["ann"], needs(engagement=["rate", "none"]))["ann"].engagement == {"rate": 0.3}
    profiles.put("ann", visits=5)
    assert profiles.facts(["ann"], needs(engagement=["rate"]))["ann"].engagement == {"rate": 0.5}


def test_the_time_zone_is_given_where_it_is_needed():
    profiles = MemoryProfiles({"ann": {"timezone": "Asia/Tokyo"}, "bob": {"timezone": 9}, "eve": {}})
    given_zones = {one: facts.zone for one, facts in profiles.facts(["ann", "bob", "eve"], Needs(zone=True)).items()}
    assert given_zones == {"ann": "Asia/Tokyo", "bob": None, "eve": None}
    assert profiles.facts(["ann"], NO_NEEDS) == {"ann": Facts()}
    profiles.put("ann", timezone="Europe/Berlin")
    assert profiles.facts(["ann"], Needs(zone=True)) == {"ann": Facts(zone="Europe/Berlin")}


def test_the_time_zone_may_stand_elsewhere_in_the_profile():
    profiles = MemoryProfiles({"ann": {"home": {"tz": "Asia/Tokyo"}, "timezone": "UTC"}}, zone_attribute="home.tz")
    assert profiles.facts(["ann"], Needs(zone=True))["ann"].zone == "Asia/Tokyo"
    assert profiles.zones() == ["Asia/Tokyo"]


def test_what_was_read_does_not_change_afterwards(profiles):
    before = profiles.facts(["ann"], needs("plan", segments=["vip"]))
    kept = profiles.profile("ann")
    profiles.put("ann", plan="pro")
    profiles.place("ann", "vip")
    one(profiles, UpdateProfile(set={"plan": "max"}, unset=("visits",)))
    assert before == {"ann": Facts({"plan": "free"})}
    assert kept == Facts({"email": "ann@example.org", "plan": "free", "visits": 3})


def test_what_was_given_is_copied():
    given = {"ann": {"plan": "free"}}
    profiles = MemoryProfiles(given)
    given["ann"]["plan"] = "pro"
    given["bob"] = {}
    assert profiles.facts(["ann", "bob"], needs("plan")) == {"ann": Facts({"plan": "free"})}


def test_profiles_do_not_show(profiles):
    assert "example" not in repr(profiles)


# -- changing ---------------------------------------------------------------------------------------------------------


def test_segments_are_joined_and_left(profiles):
    profiles.place("ann", "new", "trial")
    assert one(profiles, UpdateSegments(add=("vip",), remove=("new", "other"))) == DONE
    assert profiles.profile("ann").segments == {"trial", "vip"}


def test_attributes_are_set_then_unset_then_incremented(profiles):
    operation = UpdateProfile(
        set={"plan": "pro", "city": "Köln", "score": None},
        unset=("city", "nothing"),
        increment={"visits": 1, "points": 2.5, "score": 1},
    )
    assert one(profiles, operation) == DONE
    assert profiles.profile("ann").attributes == {
        "email": "ann@example.org",
        "plan": "pro",
        "visits": 4,
        "points": 2.5,
        "score": 1,
    }


def test_a_key_is_applied_once(profiles):
    operation = UpdateProfile(increment={"visits": 1})
    changes = [change(operation, "a"), change(operation, "a"), change(operation, "b")]
    assert profiles.change(changes) == [DONE] * 3
    assert profiles.change(changes) == [DONE] * 3
    assert profiles.profile("ann").attributes["visits"] == 5


@pytest.mark.parametrize("value", ["3", True, [1]])
def test_what_is_no_number_is_not_incremented_and_nothing_of_the_change_is_applied(profiles, value):
    profiles.put("ann", visits=value)
    operation = UpdateProfile(set={"plan": "pro"}, increment={"points": 1, "visits": 1})
    assert one(profiles, operation) == Outcome(Result.FAILED, "attribute 'visits' is not a number")
    assert profiles.profile("ann").attributes == {"email": "ann@example.org", "plan": "free", "visits": value}
    profiles.put("ann", visits=0)
    assert one(profiles, operation) == DONE
    assert profiles.profile("ann").attributes["visits"] == 1


def test_an_unknown_subscriber_is_not_invented(profiles):
    skipped = Outcome(Result.SKIPPED, "unknown subscriber")
    first = change(UpdateSegments(add=("vip",)), "a", "eve")
    second = change(UpdateSegments(add=("vip",)), "b")
    assert profiles.change([first, second]) == [skipped, DONE]
    assert profiles.profile("eve") is None
    profiles.put("eve")
    assert profiles.change([first]) == [DONE]
