"""Waits by the clock against a walk over the minutes: random zones and arrivals, around changes of the clocks.

The oracle is the one of ``test_local_time.py``: it looks at what the clock shows at each minute. From that:

* a time of day is over at the first minute of the day that shows it, or moves on by what the clock left out;
* a wait is over at the first such instant that is not before the arrival.
"""

import zoneinfo
from bisect import bisect_left
from datetime import timedelta
from functools import cache

from attrs import frozen
from hypothesis import assume, event, given
from hypothesis import strategies as st

from flowkit.events import Facts
from flowkit.runs.waits import due_of
from flowkit.triggers.calendar import Offset, Weekday
from flowkit.triggers.windows import Window
from flowkit.workflows.waits import CalendarDays, LocalTime, PreferredTime, ProfileDate
from tests.properties.test_local_time import DAY, Walk, clock_of, day_of, moment_of, transitions

ZONES = (
    *("America/New_York", "Europe/Berlin", "Europe/Dublin", "Australia/Lord_Howe", "Africa/Casablanca", "Asia/Beirut"),
    *("America/Havana", "America/Santiago", "America/Nuuk", "Atlantic/Azores", "Pacific/Chatham", "Antarctica/Troll"),
    *("Africa/Cairo", "Asia/Gaza", "America/Asuncion", "Asia/Tokyo", "Asia/Kathmandu", "Etc/GMT+12"),
)
QUIET = 29_500_000  # a minute of 2026, for zones that never change their clocks
AROUND = DAY + DAY // 2  # how far from a change a run arrives
SEARCHED = 2 * DAY


@frozen
class Place:
    """A change of the clocks, or none, in a zone."""

    zone: str
    at: int


PLACES = [Place(zone, at) for zone in ZONES for at in [one[0] for one in transitions(zone)] or [QUIET]]


@cache
def walked(place):
    return Walk(zoneinfo.ZoneInfo(place.zone), place.at)


@frozen
class Arrival:
    """A run that arrives somewhere, some microseconds after a minute."""

    place: Place
    minute: int
    beside: timedelta

    @property
    def instant(self):
        return moment_of(self.minute) + self.beside

    @property
    def walk(self):
        return walked(self.place)

    def first(self, minutes):
        """The first of some minutes, in order, that is not before the arrival."""
        found = bisect_left(minutes, self.minute + (self.beside > timedelta()))
        assume(found < len(minutes))
        return moment_of(minutes[found])

    def due(self, rule, **attributes):
        """When the wait is over; and it is never over before the arrival, unless the rule names a date that was."""
        return due_of(rule, Facts(attributes, zone=self.place.zone), "UTC", self.instant).at


beside = st.sampled_from([timedelta(), timedelta(microseconds=1), timedelta(seconds=59, microseconds=999_999)])
arrivals = st.builds(
    lambda place, by, more: Arrival(place, place.at + by, more),
    st.sampled_from(PLACES),
    st.integers(-AROUND, AROUND) | st.integers(-180, 180),
    beside,
)
# Times around midnight and the small hours, where clocks are changed, are drawn more often.
clocks = st.integers(0, DAY - 1) | st.integers(0, 240) | st.sampled_from([0, 60, 120, 150, 180, DAY - 1])
weekdays = st.sets(st.sampled_from(Weekday), max_size=2).map(tuple)


@given(arrivals, clocks, weekdays)
def test_a_time_of_day(arrival, at, on):
    daily = sorted(minute for minute, wall in arrival.walk.daily(at) if not on or Weekday(day_of(wall).weekday()) in on)
    rule = LocalTime(clock_of(at), on=on)
    assume(daily and daily[-1] >= arrival.minute + 1)
    due = arrival.due(rule)
    assert due == arrival.first(daily)
    assert due >= arrival.instant
    event("at once" if due == arrival.instant else "later")


@given(arrivals, clocks)
def test_a_preferred_time_is_a_time_of_day(arrival, at):
    rule = PreferredTime("hour", fallback=clock_of(at))
    assert arrival.due(rule) == arrival.due(rule, hour="x") == arrival.due(LocalTime(clock_of(at)))
    hour = at // 60
    wanted = arrival.due(LocalTime(clock_of(hour * 60)))
    assert arrival.due(rule, hour=hour) == arrival.due(rule, hour=f"{hour:02}:00") == wanted


@given(arrivals, st.integers(0, 2), st.none() | clocks)
def test_days_of_the_calendar(arrival, days, at):
    wall = arrival.walk.wall(arrival.minute)
    if at is None and not days:
        expected = arrival.instant
    elif at is None:
        expected = moment_of(arrival.walk.reached(wall + days * DAY)) + arrival.beside
    else:
        expected = moment_of(arrival.walk.reached((wall // DAY + days) * DAY + at))
    due = arrival.due(CalendarDays(days, at=None if at is None else clock_of(at)))
    assert due == expected
    if days:
        assert due > arrival.instant, "a day ahead is always later: a loop over it is no endless one"


@given(arrivals, st.lists(clocks, min_size=2, max_size=2, unique=True), weekdays)
def test_a_window(arrival, times, on):
    opens, closes = times
    walk, over = arrival.walk, opens > closes
    days = [day for day in walk.days() if day + 1 in walk.days()]
    spans = [
        (walk.reached(day * DAY + opens), walk.reached((day + over) * DAY + closes))
        for day in days
        if not on or Weekday(day_of(day * DAY).weekday()) in on
    ]
    due = arrival.due(Window(opens_at=clock_of(opens), closes_at=clock_of(closes), on=on))
    if any(first <= arrival.minute < last for first, last in spans):
        event("open")
        assert due == arrival.instant
    else:
        event("waits")
        assert due == arrival.first(sorted(first for first, last in spans if first < last))
        assert due > arrival.instant


@given(arrivals, clocks, st.integers(-400, 400), st.integers(-2, 2))
def test_a_date_of_the_profile(arrival, at, back, by):
    """The day that a date and its offset lead to, at a time of that day, wherever the run arrives."""
    target = arrival.walk.wall(arrival.minute) // DAY + by
    held = day_of((target + back) * DAY)
    minute = arrival.walk.reached(target * DAY + at)
    rule = ProfileDate("renewal", offset=Offset(-back), at=clock_of(at))
    assert arrival.due(rule, renewal=held.isoformat()) == moment_of(minute)
    # The same day and time as an instant without an offset, and nothing to step.
    wall = f"{day_of(target * DAY)}T{clock_of(at):%H:%M}"
    assert arrival.due(ProfileDate("renewal"), renewal=wall) == moment_of(minute)
    assert arrival.due(ProfileDate("renewal"), renewal=moment_of(minute).isoformat()) == moment_of(minute)
