"""Waits by the clock: which instant each comes to, and what a run does that has one before it."""

from datetime import UTC, date, datetime, time, timedelta
from zoneinfo import ZoneInfo

import pytest
from attrs import evolve

from flowkit.conditions import ALWAYS, Operand
from flowkit.engine.decisions import Decisions
from flowkit.events import NO_FACTS, Facts, Needs, to_micros
from flowkit.hashing import run_id
from flowkit.runs.effects import WOKEN, Asks, Started
from flowkit.runs.model import Entry, Kind, Run, State, Status, Waiting
from flowkit.runs.program import compile_workflow
from flowkit.runs.step import Member, decide, step
from flowkit.runs.waits import Why, due_of
from flowkit.triggers.calendar import Offset, Weekday
from flowkit.triggers.windows import Window
from flowkit.triggers.zones import ZoneSource
from flowkit.workflows.model import Action, Wait, WaitUntil
from flowkit.workflows.waits import CalendarDays, GoTo, Instead, LocalTime, PreferredTime, ProfileDate
from tests.support.journeys import DAY, HOUR, check, node, tag, workflow

NEW_YORK = "America/New_York"
TOKYO = "Asia/Tokyo"
MICROSECOND = timedelta(microseconds=1)
LAST = datetime.max.replace(tzinfo=UTC)
NIGHTS = Window(opens_at=time(22), closes_at=time(6))
MONDAY_NIGHTS = Window(opens_at=time(22), closes_at=time(6), on=(Weekday.MON,))
NINE = LocalTime(time(9))
RUN_ID = run_id("w", "s", "1")


def at(text, zone=NEW_YORK, fold=0):
    """The instant at which a clock shows this."""
    return datetime.fromisoformat(text).replace(tzinfo=ZoneInfo(zone), fold=fold).astimezone(UTC)


def due(rule, arrival, zone=NEW_YORK, **attributes):
    return due_of(rule, Facts(attributes, zone=zone), "UTC", arrival).at


# ------------------------------------------------------------------------------------------------------------
# The worked examples of local time


@pytest.mark.parametrize(
    ("arrival", "rule", "fires", "zone"),
    [
        ("2026-03-07T12:00", CalendarDays(1), "2026-03-08T16:00Z", NEW_YORK),
        ("2026-03-07T12:00", NINE, "2026-03-08T13:00Z", NEW_YORK),
        ("2026-03-08T00:10", LocalTime(time(2, 30)), "2026-03-08T07:30Z", NEW_YORK),
        ("2026-11-01T00:10", LocalTime(time(1, 30)), "2026-11-01T05:30Z", NEW_YORK),
        ("2026-01-01T09:00", LocalTime(time(5), on=(Weekday.MON,)), "2026-01-04T20:00Z", TOKYO),
        ("2026-01-06T23:30", NIGHTS, "2026-01-07T04:30Z", NEW_YORK),
        ("2026-01-06T03:00", MONDAY_NIGHTS, "2026-01-06T08:00Z", NEW_YORK),
        ("2026-01-01T14:00", CalendarDays(1, at=time(15)), "2026-01-02T20:00Z", NEW_YORK),
        ("2026-01-01T16:00", CalendarDays(1, at=time(15)), "2026-01-02T20:00Z", NEW_YORK),
    ],
)
def test_the_worked_examples(arrival, rule, fires, zone):
    assert due(rule, at(arrival, zone), zone) == datetime.fromisoformat(fires)


def test_a_duration_is_absolute_over_a_change_of_the_clocks():
    """The first of the worked examples: 24 hours from Saturday noon are Sunday at one."""
    ride = Ride(Wait(DAY), now=at("2026-03-07T12:00"))
    assert ride.run.due_at == at("2026-03-08T13:00") == datetime(2026, 3, 8, 17, tzinfo=UTC)


def test_the_time_that_is_there_twice_fires_once():
    first, second = at("2026-11-01T01:30"), at("2026-11-01T01:30", fold=1)
    half_past_one = LocalTime(time(1, 30))
    assert second - first == HOUR
    assert due(half_past_one, first) == first
    assert due(half_past_one, first + MICROSECOND) == due(half_past_one, second) == at("2026-11-02T01:30")


# ------------------------------------------------------------------------------------------------------------
# Days of the calendar


@pytest.mark.parametrize(
    ("arrival", "rule", "fires"),
    [
        ("2026-03-07T02:30:15.000001", CalendarDays(1), "2026-03-08T03:30:15.000001"),  # not there: on by the gap
        ("2026-10-31T01:30", CalendarDays(1), "2026-11-01T01:30"),  # there twice: the first
        ("2026-01-31T10:00", CalendarDays(30), "2026-03-02T10:00"),
        ("2026-01-01T10:00", CalendarDays(36_525), "2126-01-02T10:00"),
        ("2026-01-01T10:00", CalendarDays(0), "2026-01-01T10:00"),
        ("2026-01-01T10:00", CalendarDays(0, at=time(15)), "2026-01-01T15:00"),
        ("2026-01-01T10:00", CalendarDays(0, at=time(9)), "2026-01-01T09:00"),
        ("2026-01-01T23:59", CalendarDays(1, at=time(0)), "2026-01-02T00:00"),
    ],
)
def test_days_of_the_calendar(arrival, rule, fires):
    assert due(rule, at(arrival)) == at(fires)


def test_a_day_ahead_is_later_even_where_clocks_go_back_over_midnight():
    """In Newfoundland Sunday began twice in 2006: at 00:01 the clocks went back to 23:01 of Saturday."""
    zone = "America/St_Johns"
    saturday, sunday = at("2006-10-28T23:30", zone, fold=1), at("2006-10-29T00:00", zone, fold=1)
    assert at("2006-10-29T00:00", zone) < saturday < sunday
    assert due(CalendarDays(1, at=time(0)), saturday, zone) == sunday
    assert due(CalendarDays(1), saturday, zone) == at("2006-10-29T23:30", zone)


def test_a_day_that_a_zone_left_out_counts():
    """Samoa had no 30 December 2011: noon of that day is noon of the 31st, 24 hours after noon of the 29th."""
    noon = at("2011-12-29T12:00", "Pacific/Apia")
    assert due(CalendarDays(1), noon, "Pacific/Apia") == noon + DAY == at("2011-12-31T12:00", "Pacific/Apia")


# ------------------------------------------------------------------------------------------------------------
# Times of day and windows


@pytest.mark.parametrize(
    ("arrival", "rule", "fires"),
    [
        ("2026-01-05T09:00", NINE, "2026-01-05T09:00"),  # exactly on time: at once
        ("2026-01-05T09:00:00.000001", NINE, "2026-01-06T09:00"),
        ("2026-01-05T08:59:59.999999", NINE, "2026-01-05T09:00"),
        ("2026-01-05T09:00", LocalTime(time(9), on=(Weekday.MON,)), "2026-01-05T09:00"),
        ("2026-01-05T09:01", LocalTime(time(9), on=(Weekday.MON,)), "2026-01-12T09:00"),
        ("2026-01-05T09:01", LocalTime(time(9), on=(Weekday.MON, Weekday.WED)), "2026-01-07T09:00"),
        ("2026-03-08T03:00", LocalTime(time(2, 30)), "2026-03-08T03:30"),  # after the gap, and before its times
        ("2026-03-08T03:30", LocalTime(time(2, 30)), "2026-03-08T03:30"),
    ],
)
def test_times_of_day(arrival, rule, fires):
    assert due(rule, at(arrival)) == at(fires)


@pytest.mark.parametrize(
    ("arrival", "window", "fires"),
    [
        ("2026-01-06T22:00", NIGHTS, "2026-01-06T22:00"),  # half-open: in at the opening
        ("2026-01-06T05:59:59.999999", NIGHTS, "2026-01-06T05:59:59.999999"),
        ("2026-01-06T06:00", NIGHTS, "2026-01-06T22:00"),  # and out at the closing
        ("2026-01-07T03:00", MONDAY_NIGHTS, "2026-01-12T22:00"),  # Wednesday: it opened on no Tuesday
        ("2026-01-10T12:00", Window(opens_at=time(9), closes_at=time(17), on=(Weekday.MON,)), "2026-01-12T09:00"),
        ("2026-03-08T01:00", Window(opens_at=time(2, 30), closes_at=time(5)), "2026-03-08T03:30"),
        # On the day of the gap this one does not open.
        ("2026-03-08T01:00", Window(opens_at=time(2, 30), closes_at=time(3, 30)), "2026-03-09T02:30"),
    ],
)
def test_windows(arrival, window, fires):
    assert due(window, at(arrival)) == at(fires)


# ------------------------------------------------------------------------------------------------------------
# Dates and times of the profile


def renewal(offset="+0d", **fields):
    return ProfileDate("renewal", offset=Offset.read(offset), **fields)


@pytest.mark.parametrize(
    ("rule", "value", "fires"),
    [
        (renewal(), "2026-03-20", "2026-03-20T00:00"),
        (renewal(), date(2026, 3, 20), "2026-03-20T00:00"),
        (renewal("-7d", at=time(9)), "2026-03-20", "2026-03-13T09:00"),
        (renewal("+1w", at=time(9)), "2026-03-20", "2026-03-27T09:00"),
        (renewal("-1mo", at=time(9)), "2026-03-31", "2026-02-28T09:00"),
        (renewal("+1y", at=time(9)), "2024-02-29", "2025-02-28T09:00"),
        # What holds a time keeps it, by the clock of the zone.
        (renewal(), "2026-03-20T15:30", "2026-03-20T15:30"),
        (renewal("-14d"), "2026-03-20T15:30", "2026-03-06T15:30"),
        (renewal("+0w"), "2026-03-20T15:30:20.5", "2026-03-20T15:30:20.5"),
        (renewal("-14d"), "2026-03-20T15:30:00Z", "2026-03-06T11:30"),
        (renewal("-14d"), datetime(2026, 3, 20, 15, 30, tzinfo=UTC), "2026-03-06T11:30"),
        (renewal("-14d"), datetime(2026, 3, 20, 15, 30), "2026-03-06T15:30"),  # noqa: DTZ001 - a host's naive one
        (renewal("-14d"), 1_774_020_600, "2026-03-06T11:30"),
        (renewal(at=time(9)), "2026-03-20T03:00:00Z", "2026-03-19T09:00"),  # there it is the 19th
        (renewal("-1d", at=time(2, 30)), "2026-03-09", "2026-03-08T03:30"),
        (renewal("+7d"), "2026-03-01T02:30", "2026-03-08T03:30"),
        # A wall time that is not there is moved as it stands, not as it was moved on.
        (renewal("-7d"), "2026-03-08T02:30", "2026-03-01T02:30"),
        (renewal(), "2026-03-08T02:30", "2026-03-08T03:30"),
    ],
)
def test_dates_of_the_profile(rule, value, fires):
    assert due(rule, at("2026-01-01T00:00"), renewal=value) == at(fires)


def test_an_instant_is_met_to_the_second_also_where_its_wall_time_comes_twice():
    second = at("2026-11-01T01:30", fold=1)
    for rule in (renewal(), renewal("-0mo")):
        assert due(rule, at("2026-01-01T00:00"), renewal=second.isoformat()) == second
    # A step on the calendar goes by the wall time, and of that the first counts.
    before = at("2026-10-25T01:30").isoformat()
    assert due(renewal("+1w"), at("2026-01-01T00:00"), renewal=before) == second - HOUR


@pytest.mark.parametrize(
    "value", [None, "", "soon", "2026-02-30", "2026-03", 0, True, [], {}, float("nan"), 10**30, "9" * 10_000, object()]
)
def test_what_is_no_date_is_missing_and_never_the_epoch(value):
    found = due_of(renewal("-7d", at=time(9)), Facts({"renewal": value}), "UTC", at("2026-01-01T00:00"))
    assert found.at is None
    [operand] = found.operands
    assert operand.value is value
    assert not operand.holds


@pytest.mark.parametrize(
    ("rule", "value", "fires"),
    [
        (renewal("-1y"), "0001-01-01", datetime.min.replace(tzinfo=UTC)),
        (renewal("+1y"), "9999-12-31", LAST),
        (renewal(at=time(23, 59)), "9999-12-31", LAST),
    ],
)
def test_what_leaves_the_calendar_is_its_end(rule, value, fires):
    assert due(rule, at("2026-01-01T00:00"), renewal=value) == fires


def test_no_rule_leaves_the_calendar():
    assert due(CalendarDays(2), LAST - DAY) == LAST
    assert due(LocalTime(time(19)), LAST) == LAST
    assert due(Window(opens_at=time(19, 30), closes_at=time(20)), LAST) == LAST
    first = datetime.min.replace(tzinfo=UTC)
    assert due(LocalTime(time(0)), first, "UTC") == first + DAY
    assert due(CalendarDays(1), first, "UTC") == first + DAY


@pytest.mark.parametrize(
    ("value", "fires", "why"),
    [
        (7, "2026-01-06T07:00", Why.PREFERRED_TIME),
        (0, "2026-01-06T00:00", Why.PREFERRED_TIME),
        (23, "2026-01-05T23:00", Why.PREFERRED_TIME),
        ("18:45", "2026-01-05T18:45", Why.PREFERRED_TIME),
        ("12:00", "2026-01-05T12:00", Why.PREFERRED_TIME),  # exactly on time
        *[
            (value, "2026-01-06T10:00", Why.FALLBACK_TIME)
            for value in (None, "", "7", "7:00", "24:00", "18:45:00", 24, -1, True, 7.0, [7], {"hour": 7}, "evening")
        ],
    ],
)
def test_preferred_times(value, fires, why):
    rule = PreferredTime("contact.hour", fallback=time(10))
    found = due_of(rule, Facts({"contact": {"hour": value}}, zone=NEW_YORK), "UTC", at("2026-01-05T12:00"))
    assert (found.at, found.why) == (at(fires), why)
    assert found.operands == (Operand("subscriber.contact.hour", value, why is Why.PREFERRED_TIME),)


# ------------------------------------------------------------------------------------------------------------
# Which zone


@pytest.mark.parametrize(
    ("own", "fallback", "zone", "source"),
    [
        (TOKYO, NEW_YORK, TOKYO, ZoneSource.GIVEN),
        (None, NEW_YORK, NEW_YORK, ZoneSource.FALLBACK),
        ("Mars/Phobos", NEW_YORK, NEW_YORK, ZoneSource.FALLBACK),
        ("../etc/passwd", "UTC", "UTC", ZoneSource.FALLBACK),
        (None, "Nowhere", "UTC", ZoneSource.UTC),
    ],
)
def test_the_zone_is_the_subscribers_else_the_workflows_else_utc(own, fallback, zone, source):
    found = due_of(NINE, Facts(zone=own), fallback, datetime(2026, 1, 5, 12, tzinfo=UTC))
    assert (found.zone.name, found.zone.source) == (zone, source)
    assert found.at.astimezone(ZoneInfo(zone)).time() == time(9)


# ------------------------------------------------------------------------------------------------------------
# What a run does


def waiting(rule, action_id="wait", **fields):
    return Action(action_id, rule if isinstance(rule, Wait) else WaitUntil(rule), **fields)


class Ride:
    """A run that comes to a wait at its entry."""

    def __init__(self, rule, *, now, facts=NO_FACTS, timezone="UTC", last=NINE, **fields):
        nodes = [
            node("start", waiting(rule, **fields), default="next"),
            node("last", waiting(last)),
            node("next", waiting(Wait(HOUR))),
            node("other", waiting(Wait(HOUR))),
        ]
        self.program = compile_workflow(evolve(workflow(*nodes), timezone=timezone), 1)
        self.facts = facts
        self.entries = []
        self.run = Run(RUN_ID, "s", "w", 1, to_micros(now), "{}", State(), None)
        self.take(Started(), now)

    def take(self, signal, now):
        self.run, entries = step(self.program, self.run, signal, self.facts, now)
        self.entries += entries

    def kinds(self):
        return [entry.kind for entry in self.entries]


MONDAY = at("2026-01-05T12:00")


def test_a_wait_parks_until_its_instant_and_says_why_in_whose_zone():
    ride = Ride(NINE, now=MONDAY, facts=Facts(zone=TOKYO), timezone=NEW_YORK)
    assert ride.run.due_at == at("2026-01-06T09:00", TOKYO)
    assert ride.run.state == State(node="start", waiting=Waiting.DURATION)
    assert ride.entries[1:] == [
        Entry(
            Kind.WAITING,
            "start",
            "wait",
            {
                "seconds": 7 * 3_600,
                "why": "until",
                "zone": TOKYO,
                "zone_of": "subscriber",
                "until": "2026-01-06T00:00:00Z",
                "wall": "2026-01-06T09:00",
            },
        )
    ]
    ride.take(WOKEN, ride.run.due_at - MICROSECOND)
    assert len(ride.entries) == 2, "a wait is never over early"
    ride.take(WOKEN, ride.run.due_at)
    assert ride.kinds()[2:] == [Kind.WOKEN, Kind.LEFT, Kind.WAITING]
    assert ride.run.state.node == "next"


def test_a_wait_at_the_very_end_really_waits():
    ride = Ride(ProfileDate("renewal", on_missing=GoTo("last")), last=NINE, now=MONDAY, facts=Facts(zone=NEW_YORK))
    assert (ride.run.state.node, ride.run.due_at) == ("last", at("2026-01-06T09:00"))
    ride.take(WOKEN, ride.run.due_at)
    assert ride.run.state == State(Status.COMPLETED)


def test_the_zone_of_the_workflow_stands_in_for_a_missing_one():
    ride = Ride(NINE, now=MONDAY, timezone=NEW_YORK)
    assert ride.run.due_at == at("2026-01-06T09:00")
    assert (ride.entries[1].data["zone"], ride.entries[1].data["zone_of"]) == (NEW_YORK, "workflow")


@pytest.mark.parametrize("rule", [LocalTime(time(12)), CalendarDays(0), Window(opens_at=time(9), closes_at=time(17))])
def test_what_is_over_by_then_is_passed_at_once(rule):
    ride = Ride(rule, now=MONDAY, facts=Facts(zone=NEW_YORK))
    assert ride.kinds() == [Kind.ENTERED, Kind.PASSED, Kind.LEFT, Kind.WAITING]
    assert ride.entries[1].data["result"] == "on_time"
    assert ride.entries[1].data["wall"] == "2026-01-05T12:00"


def test_a_computed_instant_in_the_past_is_passed_at_once():
    ride = Ride(CalendarDays(0, at=time(9)), now=MONDAY, facts=Facts(zone=NEW_YORK))
    assert ride.kinds() == [Kind.ENTERED, Kind.PASSED, Kind.LEFT, Kind.WAITING]
    assert (ride.entries[1].data["result"], ride.entries[1].data["until"]) == ("past", "2026-01-05T14:00:00Z")


@pytest.mark.parametrize("value", [None, "2025-12-31"])
@pytest.mark.parametrize("instead", [Instead.PROCEED, Instead.EXIT, GoTo("other"), GoTo("end")])
def test_instead_of_a_date_that_is_missing_or_past(value, instead):
    result = "missing" if value is None else "past"
    other = {"on_missing": Instead.EXIT, "on_past": Instead.EXIT} | {f"on_{result}": instead}
    ride = Ride(ProfileDate("renewal", **other), now=MONDAY, facts=Facts({"renewal": value}))
    passed = ride.entries[1]
    assert (passed.kind, passed.data["result"]) == (Kind.PASSED, result)
    assert passed.data["operands"] == {"subscriber.renewal": value}
    match instead:
        case Instead.PROCEED:
            assert ride.run.state.node == "next"
        case Instead.EXIT:
            assert ride.run.state == State(Status.EXITED, reason=f"{result}_date")
            assert (ride.run.due, ride.entries[2:]) == (
                None,
                [Entry(Kind.EXITED, "start", None, {"reason": f"{result}_date"})],
            )
        case GoTo("other"):
            assert ride.run.state.node == "other"
            assert ride.entries[2] == Entry(Kind.LEFT, "start", None, {"by": f"on_{result}", "to": "other"})
        case GoTo():
            assert ride.run.state.status is Status.COMPLETED


def test_a_date_that_is_right_now_is_not_past():
    ride = Ride(ProfileDate("renewal", on_past=Instead.EXIT), now=MONDAY, facts=Facts({"renewal": MONDAY.isoformat()}))
    assert (ride.entries[1].data["result"], ride.run.state.node) == ("on_time", "next")


def test_a_date_ahead_is_waited_for_and_what_was_read_is_told():
    ride = Ride(renewal("-7d", at=time(9)), now=MONDAY, facts=Facts({"renewal": "2026-03-20"}, zone=NEW_YORK))
    assert ride.run.due_at == at("2026-03-13T09:00")
    assert ride.entries[1].data["operands"] == {"subscriber.renewal": "2026-03-20"}


def test_a_delay_comes_first_and_the_wait_is_read_when_it_is_over():
    ride = Ride(NINE, now=at("2026-01-05T08:30"), facts=Facts(zone=NEW_YORK), delay=HOUR)
    assert (ride.run.state.waiting, ride.run.due_at) == (Waiting.DELAY, at("2026-01-05T09:30"))
    ride.take(WOKEN, ride.run.due_at)
    assert (ride.run.state.waiting, ride.run.due_at) == (Waiting.DURATION, at("2026-01-06T09:00"))


def test_what_changes_while_a_run_waits_does_not_move_its_instant():
    ride = Ride(NINE, now=MONDAY, facts=Facts(zone=NEW_YORK))
    due_at = ride.run.due_at
    ride.facts = Facts(zone=TOKYO)
    ride.take(WOKEN, at("2026-01-06T09:00", TOKYO))
    assert ride.run.due_at == due_at


def test_who_is_woken_late_goes_on_and_does_not_wait_again():
    ride = Ride(Window(opens_at=time(13), closes_at=time(14)), now=MONDAY, facts=Facts(zone=NEW_YORK))
    ride.take(WOKEN, MONDAY + 5 * HOUR)
    assert ride.run.state.node == "next"


# ------------------------------------------------------------------------------------------------------------
# What a decision depends on


def decided(rule, facts, now=MONDAY):
    program = compile_workflow(workflow(node("start", waiting(rule))), 1)
    return decide(program, State(), Started(), facts, to_micros(now), Member(RUN_ID, None, 0))


@pytest.mark.parametrize(
    ("rule", "needs"),
    [
        (NINE, Needs(zone=True)),
        (CalendarDays(0), Needs(zone=True)),
        (NIGHTS, Needs(zone=True)),
        (ProfileDate("plan.renewal"), Needs(attributes=frozenset({"plan.renewal", "plan"}), zone=True)),
        (PreferredTime("hour", fallback=time(10)), Needs(attributes=frozenset({"hour"}), zone=True)),
    ],
)
def test_a_wait_asks_for_the_zone_and_what_it_reads(rule, needs):
    assert decided(rule, None) == Asks(needs)


def test_what_waits_and_conditions_need_is_asked_for_together():
    asking = node("ask", check(), condition=ALWAYS, engagement_threshold={"opens": 1})
    program = compile_workflow(workflow(node("start", waiting(NINE), waiting(renewal(), "date")), asking), 1)
    assert program.needs == Needs(attributes=frozenset({"renewal"}), zone=True)
    assert not program.personal


def test_a_decision_says_that_it_depends_on_the_zone_on_what_was_read_and_on_the_instant():
    transition = decided(renewal(), Facts({"renewal": "2026-03-20"}, zone=TOKYO))
    assert not transition.own
    assert transition.only_at == to_micros(MONDAY)
    assert transition.reads == (Operand("zone", TOKYO, holds=True), Operand("subscriber.renewal", "2026-03-20", True))
    assert decided(Wait(HOUR), NO_FACTS).only_at is None


def test_decisions_are_shared_by_those_in_one_zone_at_one_instant_and_by_nobody_else():
    program = compile_workflow(workflow(node("start", waiting(PreferredTime("hour", fallback=time(9))))), 1)
    decisions = Decisions()

    def of(zone, now, **attributes):
        member = Member(RUN_ID, None, 0)
        known = Facts(attributes, zone=zone)
        found = decisions.of(program, State(), Started(), known, to_micros(now), member)
        assert found == decide(program, State(), Started(), known, to_micros(now), member)
        return found

    first = of(NEW_YORK, MONDAY)
    assert of(NEW_YORK, MONDAY) is first
    assert of(["a host's idea of a zone"], MONDAY).entries[1].data["zone_of"] == "workflow"
    assert of(TOKYO, MONDAY) is not first
    assert of(NEW_YORK, MONDAY, hour=7) is not first
    assert of(NEW_YORK, MONDAY + MICROSECOND) is not first
    # However many instants pass, and however many zones there are, there is room.
    for number in range(200):
        now = MONDAY + number * HOUR
        assert of(TOKYO, now) is of(TOKYO, now)
    zones = [f"Etc/GMT+{hour}" for hour in range(13)] + [f"Etc/GMT-{hour}" for hour in range(1, 15)]
    each = {zone: of(zone, MONDAY + DAY) for zone in zones}
    assert all(of(zone, MONDAY + DAY) is found for zone, found in each.items())
    for number in range(2_000):
        of(f"nowhere {number}", MONDAY + DAY)
    assert of(TOKYO, MONDAY + DAY) is of(TOKYO, MONDAY + DAY)
    [kept] = decisions._known.values()
    assert len(kept._dated[1]) <= 1_000


def test_how_a_run_begins_is_not_kept_for_the_next_instant():
    program = compile_workflow(workflow(node("start", tag("a"), waiting(NINE))), 1)
    at_once = compile_workflow(workflow(node("start", waiting(NINE))), 1)
    decisions = Decisions()
    assert decisions.begun(program, RUN_ID, None, to_micros(MONDAY)) is decisions.begun(program, RUN_ID, None, 0)
    for now in (MONDAY, MONDAY + HOUR):
        begun = decisions.begun(at_once, RUN_ID, None, to_micros(now))
        assert begun.due(to_micros(now)) == to_micros(datetime(2026, 1, 6, 9, tzinfo=UTC))
