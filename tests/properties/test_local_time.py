"""Local time against brute force: every zone of the world, two days around every transition from 2024 to 2030.

The oracle walks UTC minute by minute and looks at what the clock on the wall shows. It knows no gap and no fold,
combines no dates with zones, and asks nothing of what it judges:

* a wall time is reached at the first minute that shows it;
* one that no minute shows is jumped over, between two minutes: it moves on by as much as the clock left out there.

Zones whose clocks do the same around a transition are walked once. A long run takes each zone for itself and more
times of the day: ``bash .ci/test tests/properties/test_local_time.py --hypothesis-profile=long``, about half an hour.
"""

import random
import zoneinfo
from bisect import bisect_right
from collections import Counter
from collections.abc import Iterator, Sequence
from datetime import UTC, date, datetime, time, timedelta, tzinfo
from functools import cache

import pytest
from attrs import field, frozen
from hypothesis import settings

from flowkit.triggers.calendar import MonthDay, Offset, Unit, Weekday
from flowkit.triggers.profile_dates import firing_of, wanted_dates, wants
from flowkit.triggers.rules import Cron, DateProperty, Every, Repeat
from flowkit.triggers.schedule import firings, next_firing
from flowkit.triggers.windows import Window, calendar_days, contains, next_open
from flowkit.triggers.zones import find_zone

YEARS = range(2024, 2031)
DAY = 1_440
EPOCH = date(1970, 1, 1).toordinal()
MINUTE = timedelta(minutes=1)
REACH = 2 * DAY  # how far around a transition is judged
MARGIN = 3 * DAY  # and how much further the oracle walks: a firing may belong to a day outside, and a window be open
QUIET = datetime(2026, 5, 20, 12, tzinfo=UTC)  # where zones that never change their clocks are looked at
LONG_EXAMPLES = 20_000


def minute_of(moment: datetime) -> int:
    return int(moment.timestamp()) // 60


def moment_of(minute: int) -> datetime:
    return datetime.fromtimestamp(minute * 60, UTC)


def day_of(wall: int) -> date:
    return date.fromordinal(EPOCH + wall // DAY)


def clock_of(wall: int) -> time:
    return time(wall % DAY // 60, wall % 60)


# ------------------------------------------------------------------------------------------------------------
# The transitions of the world


def offset_at(tz: tzinfo, minute: int) -> int:
    seconds = moment_of(minute).astimezone(tz).utcoffset().total_seconds()
    assert seconds % 60 == 0, "the oracle walks whole minutes"
    return int(seconds) // 60


@cache
def transitions(name: str) -> tuple[tuple[int, int, int], ...]:
    """Every change of a zone's offset: the first minute that has it, the offset before and the one after."""
    tz = zoneinfo.ZoneInfo(name)
    found = []
    low = minute_of(datetime(YEARS[0] - 1, 12, 1, tzinfo=UTC))
    end = minute_of(datetime(YEARS[-1] + 1, 2, 1, tzinfo=UTC))
    before = offset_at(tz, low)
    for high in range(low + DAY, end, DAY):
        after = offset_at(tz, high)
        if after != before:
            # The first minute of the day with another offset.
            first = (
                high
                - DAY
                + bisect_right(range(DAY), 0, key=lambda n, h=high, b=before: offset_at(tz, h - DAY + n) != b)
            )
            assert offset_at(tz, first) == after, "two changes in one day"
            found.append((first, before, after))
            before = after
    return tuple(found)


@frozen
class Place:
    """A transition in a zone, and all zones whose clocks do the same around it."""

    name: str
    at: int
    zones: tuple[str, ...] = field(kw_only=True)


def places(year: int, *, alone: bool) -> list[Place]:
    """The transitions of a year, those that are the same put together unless each zone is to stand alone."""
    same: dict[object, tuple[str, int, list[str]]] = {}
    for name in sorted(zoneinfo.available_timezones()):
        found = [one for one in transitions(name) if moment_of(one[0]).year == year]
        if not transitions(name) and year == QUIET.year:
            quiet = minute_of(QUIET)
            found = [(quiet, offset_at(zoneinfo.ZoneInfo(name), quiet), 0)]
        for at, before, _ in found:
            # What the clocks do as far as anything that is judged can look.
            near = tuple(one for one in transitions(name) if abs(one[0] - at) <= 2 * (REACH + MARGIN) + 7 * DAY)
            key = (at, near or before, name if alone else "")
            same.setdefault(key, (name, at, []))[2].append(name)
    return [Place(name, at, zones=tuple(zones)) for name, at, zones in same.values()]


# ------------------------------------------------------------------------------------------------------------
# The oracle


class Walk:
    """What the clock showed at every minute around a transition."""

    def __init__(self, tz: tzinfo, at: int) -> None:
        self.start, self.end = at - REACH, at + REACH
        self.origin = self.start - MARGIN
        self.walls: list[int] = []
        for minute in range(self.origin, self.end + MARGIN):
            shown = datetime.fromtimestamp(minute * 60, tz)
            self.walls.append((shown.toordinal() - EPOCH) * DAY + shown.hour * 60 + shown.minute)
        self.shown: Counter[int] = Counter(self.walls)
        self.first: dict[int, int] = {}
        self.jumps: list[tuple[int, int]] = []  # the last wall time before a jump ahead, and the first after it
        for index, wall in enumerate(self.walls):
            self.first.setdefault(wall, index)
            if index and wall > self.walls[index - 1] + 1:
                self.jumps.append((self.walls[index - 1], wall))

    def wall(self, minute: int) -> int:
        return self.walls[minute - self.origin]

    def reached(self, wall: int) -> int:
        """The minute at which a wall time is reached."""
        if wall not in self.first:
            (missed,) = [after - before - 1 for before, after in self.jumps if before < wall < after]
            wall += missed
        return self.origin + self.first[wall]

    def days(self) -> range:
        """The local days whose times are all walked, as days since 1970."""
        return range(self.walls[0] // DAY + 1, self.walls[-1] // DAY)

    def daily(self, at: int) -> list[tuple[int, int]]:
        """The minute and the scheduled wall time of each day."""
        return [(self.reached(day * DAY + at), day * DAY + at) for day in self.days()]

    def plain(self, at: int) -> bool:
        """Whether each day has a time of the day exactly once."""
        return all(self.shown[day * DAY + at] == 1 for day in self.days())


# ------------------------------------------------------------------------------------------------------------
# What is judged

Found = Iterator[tuple[str, object, object]]


def judge_repeated(tz: tzinfo, walk: Walk, at: int, chance: random.Random) -> Found:
    """Every day, some weekdays, some days of the month and of the year, each with its key."""
    daily = walk.daily(at)
    weekdays = tuple(chance.sample(list(Weekday), chance.randint(1, 3)))
    chosen = {day_of(wall) for _, wall in chance.sample(daily, 4)}
    rules = [
        (Every(Unit.DAY, clock_of(at)), daily),
        (
            Every(Unit.WEEK, clock_of(at), on=weekdays),
            [one for one in daily if day_of(one[1]).weekday() in set(map(int, weekdays))],
        ),
        (
            Every(Unit.YEAR, clock_of(at), on=tuple(MonthDay.of(day) for day in chosen)),
            [one for one in daily if day_of(one[1]) in chosen],
        ),
    ]
    for rule, oracle in rules:
        due = [(moment_of(minute), key(wall)) for minute, wall in oracle if walk.start <= minute < walk.end]
        got = [(one.instant, one.key) for one in firings(rule, tz, moment_of(walk.start), moment_of(walk.end))]
        yield f"{rule}", got, due
    # From any instant, on the minute and beside it, and right around the firings.
    rule, oracle = rules[0]
    instants = [moment_of(minute) for minute, _ in oracle]
    starts = [moment_of(chance.randrange(walk.start, walk.end)) for _ in range(3)]
    near = chance.choice(instants[3:-3])
    for after in (
        *starts,
        starts[0] + MINUTE / 3,
        near,
        near - timedelta(microseconds=1),
        near + timedelta(microseconds=1),
    ):
        place = bisect_right(instants, after)
        yield f"{rule} after {after}", next_firing(rule, tz, after).instant, instants[place]


def key(wall: int) -> str:
    return f"{day_of(wall)}T{clock_of(wall):%H:%M}"


def judge_cron(tz: tzinfo, walk: Walk, at: int) -> Found:
    """At one time of each day, and in each hour: every wall time once, those at one instant together."""
    hourly = [day * DAY + hour * 60 + at % 60 for day in walk.days() for hour in range(24)]
    for expression, walls in (
        (f"{at % 60} {at // 60} * * *", [wall for _, wall in walk.daily(at)]),
        (f"{at % 60} * * * *", hourly),
    ):
        # Of two at one instant the later is the one that the clock shows.
        oracle = sorted({walk.reached(wall): wall for wall in walls}.items())
        due = [(moment_of(minute), key(wall)) for minute, wall in oracle if walk.start <= minute < walk.end]
        rule = Cron(expression)
        got = [(one.instant, one.key) for one in firings(rule, tz, moment_of(walk.start), moment_of(walk.end))]
        yield expression, got, due
        for by in (-1, 1, 11, 31, 61):
            after = walk.start + REACH + by
            expected = next(minute for minute, _ in oracle if minute > after)
            yield f"{expression} {by} after", next_firing(rule, tz, moment_of(after)).instant, moment_of(expected)


def judge_profile_date(tz: tzinfo, walk: Walk, at: int, chance: random.Random) -> Found:
    """Dates of profiles: when one's fires, and whose fire on a day."""
    for minute, wall in chance.sample(walk.daily(at)[1:-1], 2):
        day = day_of(wall)
        weeks = chance.randint(1, 2_000)
        years = 4 * chance.randint(1, 22)  # back to a year of the same length
        for base, offset, repeat in (
            (day, "0d", Repeat.NONE),
            (day + timedelta(7), "-7d", Repeat.NONE),
            (day - timedelta(14), "+2w", Repeat.NONE),
            (day - timedelta(7 * weeks), "0d", Repeat.WEEK),
            (day.replace(year=day.year - years), "0d", Repeat.YEAR),
            ((day + timedelta(3)).replace(year=day.year - years), "-3d", Repeat.YEAR),
        ):
            if (base.month, base.day) in {(2, 28), (2, 29), (3, 1)}:
                continue  # the calendar is not what is judged here
            rule = DateProperty(path="d", at=clock_of(at), offset=Offset.read(offset), repeat=repeat)
            firing = firing_of(rule, base, tz, after=moment_of(minute - 1))
            yield f"{rule} of {base}", (firing.instant, firing.key), (moment_of(minute), key(wall))
            asked = [wants(wanted_dates(rule, tz, day + timedelta(by)), base) for by in (-1, 0, 1)]
            yield f"whose {rule} on {day}", asked, [False, True, False]


def judge_calendar_days(tz: tzinfo, walk: Walk, at: int, chance: random.Random) -> Found:
    """Days of the calendar keep the wall time, and days until a time reach it."""
    minute = chance.randrange(walk.start, walk.end)
    wall = walk.wall(minute)
    for days in (-1, 1, 2):
        moved = calendar_days(moment_of(minute), days, tz)
        yield f"{days} days from {key(wall)}", moved, moment_of(walk.reached(wall + days * DAY))
        until = calendar_days(moment_of(minute), days, tz, at=clock_of(at))
        target = (wall // DAY + days) * DAY + at
        yield f"{days} days from {key(wall)} until {clock_of(at)}", until, moment_of(walk.reached(target))


def judge_window(tz: tzinfo, walk: Walk, window: Window, chance: random.Random) -> Found:
    """When a window is open, and when it is open next."""
    opens, closes = (at.hour * 60 + at.minute for at in (window.opens_at, window.closes_at))
    over = opens > closes
    allowed = set(map(int, window.on)) or set(range(7))
    days = [day for day in walk.days() if day_of(day * DAY).weekday() in allowed and day + 1 in walk.days()]
    is_open = bytearray(len(walk.walls))
    marks = []
    for day in days:
        first, last = walk.reached(day * DAY + opens), walk.reached((day + over) * DAY + closes)
        marks += [first, last]
        is_open[first - walk.origin : max(first, last) - walk.origin] = b"\1" * max(0, last - first)
    if walk.plain(opens) and walk.plain(closes):
        # Nothing is skipped and nothing twice: then the clock alone says whether a window is open.
        for minute in range(walk.start, walk.end, 5):
            wall = walk.wall(minute)
            began = wall // DAY - (over and wall % DAY < closes)
            inside = (wall % DAY >= opens or wall % DAY < closes) if over else opens <= wall % DAY < closes
            expected = inside and day_of(began * DAY).weekday() in allowed
            assert is_open[minute - walk.origin] == expected, "the two oracles differ"
    beside = {mark + by for mark in marks for by in (-1, 0, 1)}
    around = {walk.start + REACH + by for by in range(-130, 131, 7)}
    anywhere = {chance.randrange(walk.start, walk.end) for _ in range(30)}
    looked_at = sorted(one for one in beside | around | anywhere if walk.start <= one < walk.end)
    last_known = walk.origin + len(walk.walls)
    for minute in looked_at:
        moment = moment_of(minute) + chance.choice([timedelta(), MINUTE / 2, MINUTE - timedelta(microseconds=1)])
        now = bool(is_open[minute - walk.origin])
        yield f"{window} at {moment}", contains(window, moment, tz), now
        following = is_open.find(1, minute + 1 - walk.origin)
        if now:
            yield f"{window} from {moment}", next_open(window, moment, tz), moment
        elif following >= 0:
            assert following + walk.origin < last_known
            yield f"{window} from {moment}", next_open(window, moment, tz), moment_of(walk.origin + following)


# ------------------------------------------------------------------------------------------------------------
# The proof


def times_of_day(walk: Walk, step: int) -> Sequence[int]:
    """Times of the day: evenly, and around whatever the clock leaves out or shows twice."""
    edges = {wall for jump in walk.jumps for wall in (*jump, sum(jump) // 2)}
    twice = [wall for wall, times in walk.shown.items() if times > 1]
    edges |= {min(twice), max(twice), sum(twice) // len(twice)} if twice else set()
    around = {(edge + by) % DAY for edge in edges for by in (-1, 0, 1)}
    return sorted({*range(0, DAY, step), DAY - 1, *around})


def windows(times: Sequence[int], count: int, chance: random.Random) -> Iterator[Window]:
    """Nights and days, by weekday, and some that begin or end where the clock is odd."""
    monday = (Weekday.MON,)
    sunday = (Weekday.SUN,)
    for opens, closes, on in ((22, 6, ()), (22, 6, monday), (23, 2, sunday), (0, 3, sunday), (9, 17, ())):
        yield Window(opens_at=time(opens), closes_at=time(closes), on=on)
    for _ in range(count):
        opens, closes = chance.sample(times, 2)
        on = tuple(chance.sample(list(Weekday), chance.randint(0, 3)))
        yield Window(opens_at=clock_of(opens), closes_at=clock_of(closes), on=on)


def judged(place: Place, *, step: int, count: int) -> Found:
    tz = find_zone(place.name) or zoneinfo.ZoneInfo(place.name)  # "Factory" is no place, yet a clock
    walk = Walk(tz, place.at)
    chance = random.Random(f"{place.name} {place.at}")
    times = times_of_day(walk, step)
    for at in times:
        yield from judge_repeated(tz, walk, at, chance)
        yield from judge_calendar_days(tz, walk, at, chance)
    for at in chance.sample(times, min(8, len(times))):
        yield from judge_profile_date(tz, walk, at, chance)
    uneven = [at for at in times if at % 60]
    for at in chance.sample(uneven, min(4, len(uneven))):
        yield from judge_cron(tz, walk, at)
    for window in windows(times, count, chance):
        yield from judge_window(tz, walk, window, chance)


@pytest.mark.slow
@pytest.mark.parametrize("year", YEARS)
def test_local_time_is_what_the_clocks_show(year, record_property):
    is_long = settings().max_examples >= LONG_EXAMPLES
    differences, compared, zones = [], 0, 0
    found = places(year, alone=is_long)
    for place in found:
        zones += len(place.zones)
        for what, got, expected in judged(place, step=10 if is_long else 60, count=10 if is_long else 4):
            compared += 1
            if got != expected:
                differences.append(f"{place.name}: {what}: {got} instead of {expected}")
    record_property("compared", compared)
    print(f"{year}: {zones} transitions of zones, {len(found)} of them different; {compared} comparisons")
    assert compared > 100 * len(found) > 0
    assert not differences, "\n".join(differences[:20])


def test_the_transitions_are_found():
    assert transitions("Etc/UTC") == ()
    new_york = transitions("America/New_York")
    assert (minute_of(datetime(2026, 3, 8, 7, tzinfo=UTC)), -300, -240) in new_york
    assert (minute_of(datetime(2026, 11, 1, 6, tzinfo=UTC)), -240, -300) in new_york
    assert len(new_york) == 2 * len(YEARS)
    half_an_hour = transitions("Australia/Lord_Howe")
    assert {abs(after - before) for _, before, after in half_an_hour} == {30}


def test_the_oracle_moves_on_by_the_gap_and_takes_the_first_of_two():
    tz = zoneinfo.ZoneInfo("America/New_York")
    spring = Walk(tz, minute_of(datetime(2026, 3, 8, 7, tzinfo=UTC)))
    half_past_two = (date(2026, 3, 8).toordinal() - EPOCH) * DAY + 150
    assert moment_of(spring.reached(half_past_two)) == datetime(2026, 3, 8, 7, 30, tzinfo=UTC)
    autumn = Walk(tz, minute_of(datetime(2026, 11, 1, 6, tzinfo=UTC)))
    half_past_one = (date(2026, 11, 1).toordinal() - EPOCH) * DAY + 90
    assert moment_of(autumn.reached(half_past_one)) == datetime(2026, 11, 1, 5, 30, tzinfo=UTC)
    assert not autumn.plain(90)
    assert autumn.plain(180)
