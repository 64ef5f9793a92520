"""Greetings, seasons and occasions, where the reader is."""

from datetime import UTC, date, datetime

import pytest

from flowkit.errors import ConfigurationError
from flowkit.rendering.personal.model import Piece
from flowkit.rendering.personal.times import (
    GREETINGS,
    Greeting,
    Occasion,
    greeting,
    is_south,
    occasion,
    season,
    zone_of,
)

PIECE = Piece(title="T", text="t")
GERMAN = {
    **GREETINGS,
    "de": Greeting(morning="Guten Morgen", afternoon="Guten Tag", evening="Guten Abend", other="Hallo"),
}


@pytest.mark.parametrize(
    ("preferred", "hour", "said"),
    [("morning", 20, "Good morning"), ("evening", 8, "Good evening"), ("afternoon", None, "Good afternoon"),
     ("any", 8, "Good morning"), (None, 4, "Hello"), (None, 5, "Good morning"), (None, 12, "Good afternoon"),
     (None, 18, "Good evening"), (None, 22, "Good evening"), (None, 23, "Hello"), (None, None, "Hello"),
     (7, None, "Hello")],
)  # fmt: skip
def test_a_greeting_follows_the_preferred_time_else_the_hour(preferred, hour, said):
    local = None if hour is None else datetime(2026, 3, 1, hour, tzinfo=UTC)
    assert greeting(GREETINGS, None, preferred, local) == said


@pytest.mark.parametrize(("locale", "said"), [("de-AT", "Guten Abend"), ("fr", "Good evening"), (3, "Good evening")])
def test_a_greeting_is_in_the_reader_s_language(locale, said):
    assert greeting(GERMAN, locale, "evening", None) == said


@pytest.mark.parametrize(
    ("month", "north", "south"),
    [(1, "winter", "summer"), (3, "spring", "autumn"), (6, "summer", "winter"), (9, "autumn", "spring"),
     (11, "autumn", "spring"), (12, "winter", "summer")],
)  # fmt: skip
def test_seasons_are_by_the_month_and_the_hemisphere(month, north, south):
    assert season(date(2026, month, 28), south=False) == north
    assert season(date(2026, month, 1), south=True) == south


@pytest.mark.parametrize(
    ("attributes", "south"),
    [({}, False), ({"hemisphere": "South"}, True), ({"hemisphere": "north", "location": {"latitude": -33}}, False),
     ({"location": {"latitude": -33.9}}, True), ({"location": {"latitude": True}}, False), ({"location": "x"}, False)],
)  # fmt: skip
def test_the_hemisphere_is_read_from_the_profile(attributes, south):
    assert is_south(attributes) is south


def test_an_occasion_with_days_goes_before_one_with_a_season():
    winter = Occasion(name="winter", season="winter", piece=PIECE)
    new_year = Occasion(name="new year", first=(12, 28), last=(1, 6), piece=PIECE)
    both = [winter, new_year]
    assert occasion(both, date(2026, 12, 27), "winter") is winter
    assert occasion(both, date(2026, 12, 28), "winter") is new_year
    assert occasion(both, date(2027, 1, 6), "winter") is new_year
    assert occasion(both, date(2027, 1, 7), "winter") is winter
    assert occasion(both, date(2027, 5, 1), "spring") is None


@pytest.mark.parametrize(
    "days",
    [{}, {"first": (1, 1)}, {"first": (2, 30), "last": (3, 1)}, {"season": "monsoon"},
     {"first": (13, 1), "last": (1, 1)}],
)  # fmt: skip
def test_an_occasion_needs_a_season_or_days(days):
    with pytest.raises(ConfigurationError, match="'o'"):
        Occasion(name="o", piece=PIECE, **days)


@pytest.mark.parametrize("name", [None, "", "Nowhere/City", "../etc/passwd", "a\0b"])
def test_a_zone_that_is_none_is_not_known(name):
    assert zone_of(name) is None
