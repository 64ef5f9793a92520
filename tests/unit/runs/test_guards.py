"""What holds a message up: expiry, quiet hours, and the periods of caps by the calendar."""

from datetime import UTC, date, datetime, time, timedelta
from zoneinfo import ZoneInfo

import pytest

from flowkit.errors import ConfigurationError
from flowkit.events import to_micros
from flowkit.runs.effects import Deferral, Outcome, Result
from flowkit.runs.guards import deferred, expired, period, quiet_until
from flowkit.runs.policy import FrequencyCap, RateLimit, SendPolicy
from flowkit.triggers.calendar import Unit
from flowkit.triggers.windows import Window
from flowkit.triggers.zones import zone

HOUR = timedelta(hours=1)
BERLIN = ZoneInfo("Europe/Berlin")
SANTIAGO = ZoneInfo("America/Santiago")  # clocks go forward at midnight, and back to 23:00
NIGHT = Window(opens_at=time(22), closes_at=time(7))


def local(text, tz=BERLIN, fold=0):
    return to_micros(datetime.fromisoformat(text).replace(tzinfo=tz, fold=fold).astimezone(UTC))


@pytest.mark.parametrize(("late", "is_expired"), [(0, False), (3_600_000_000, False), (3_600_000_001, True)])
def test_a_message_expires_after_its_time_and_not_at_its_end(late, is_expired):
    found = expired(7, 7 + late, HOUR)
    assert (found is not None) == is_expired
    assert expired(7, 7 + late, None) is None


@pytest.mark.parametrize(("until", "result"), [(3_600_000_000, Result.DEFERRED), (3_600_000_001, Result.SKIPPED)])
def test_a_deferral_ends_in_time_or_is_none(until, result):
    later = Deferral(until, 0, "rate_limit:w", 3)
    found = deferred(later, HOUR, (("more", 1),))
    assert found.result is result
    assert (found.deferral == later) == (result is Result.DEFERRED)
    assert dict(found.told)["more"] == 1
    assert deferred(later, None, ()).result is Result.DEFERRED
    if result is Result.SKIPPED:
        assert (found.reason, dict(found.told)["by"]) == ("expired", "rate_limit")


@pytest.mark.parametrize(
    ("now", "until"),
    [
        ("2026-03-28T21:59:59.999999", None),
        ("2026-03-28T22:00", "2026-03-29T07:00"),
        ("2026-03-29T06:59", "2026-03-29T07:00"),
        ("2026-03-29T07:00", None),
    ],
)
def test_quiet_hours_hold_from_their_beginning_until_right_before_their_end(now, until):
    found = quiet_until(NIGHT, local(now), zone("Europe/Berlin"))
    if until is None:
        assert found is None
    else:
        assert found == (local(until), (("zone", "Europe/Berlin"), ("zone_of", "subscriber"), ("wall", until)))


@pytest.mark.parametrize(
    ("unit", "now", "began", "ends"),
    [
        (Unit.DAY, "2026-03-29T00:00", "2026-03-29", "2026-03-30"),
        (Unit.DAY, "2026-03-28T23:59:59.999999", "2026-03-28", "2026-03-29"),
        (Unit.WEEK, "2026-03-29T12:00", "2026-03-23", "2026-03-30"),
        (Unit.WEEK, "2026-03-30T00:00", "2026-03-30", "2026-04-06"),
        (Unit.WEEK, "2026-01-01T00:00", "2025-12-29", "2026-01-05"),
        (Unit.MONTH, "2024-02-29T12:00", "2024-02-01", "2024-03-01"),
        (Unit.MONTH, "2026-12-31T23:59", "2026-12-01", "2027-01-01"),
        (Unit.YEAR, "2026-12-31T23:59", "2026-01-01", "2027-01-01"),
    ],
)
def test_a_period_is_one_of_the_calendar(unit, now, began, ends):
    assert period(unit, local(now), BERLIN) == (local(began), local(ends))


def test_a_day_begins_once():
    """On 4 April 2026 in Santiago clocks go back from midnight to 23:00; on 6 September they skip it."""
    fourth, fifth = local("2026-04-04", SANTIAGO), local("2026-04-05", SANTIAGO)
    again = local("2026-04-04T23:30", SANTIAGO, fold=1)
    first = local("2026-04-04T23:30", SANTIAGO)
    assert again - first == 3_600_000_000
    for moment in (first, again):
        began, ends = period(Unit.DAY, moment, SANTIAGO)
        assert began <= moment < ends
        assert began == fourth
    assert period(Unit.DAY, fifth, SANTIAGO)[0] == fifth
    assert period(Unit.DAY, local("2026-09-05T23:59", SANTIAGO), SANTIAGO)[1] == local("2026-09-06T01:00", SANTIAGO)


def test_a_day_that_has_begun_is_not_over_though_clocks_show_the_one_before():
    """In St. John's clocks went back from one past midnight to 23:01, until 2011: midnight came twice."""
    tz = ZoneInfo("America/St_Johns")
    again = local("2010-11-06T23:30", tz, fold=1)
    seventh = local("2010-11-07", tz)
    assert seventh < again
    assert period(Unit.DAY, again, tz) == (seventh, local("2010-11-08", tz))
    assert period(Unit.DAY, seventh - 1, tz) == (local("2010-11-06", tz), seventh)


@pytest.mark.parametrize("unit", Unit)
def test_periods_end_with_the_calendar(unit):
    first, last = to_micros(datetime.min.replace(tzinfo=UTC)), to_micros(datetime.max.replace(tzinfo=UTC))
    for tz in (UTC, ZoneInfo("Pacific/Kiritimati"), ZoneInfo("Pacific/Pago_Pago")):
        for moment in (first, last - 1):
            began, ends = period(unit, moment, tz)
            assert first <= began <= moment < ends <= last


@pytest.mark.parametrize(
    "fields",
    [
        {"name": ""},
        {"name": "a\n"},
        {"most": 0},
        {"per": timedelta()},
        {"per": timedelta(days=36_526)},
        {"defer": timedelta()},
    ],
)
def test_a_cap_that_is_none_is_refused(fields):
    with pytest.raises(ConfigurationError):
        FrequencyCap(**{"name": "few", "most": 1, "per": HOUR, **fields})


@pytest.mark.parametrize("fields", [{"most": 0}, {"burst": 0}, {"per": timedelta()}, {"most": 3_600_000_001}])
def test_a_rate_limit_that_is_none_is_refused(fields):
    with pytest.raises(ConfigurationError):
        RateLimit(**{"most": 1, "per": HOUR, **fields})


def test_two_caps_of_one_name_are_refused():
    with pytest.raises(ConfigurationError, match="few"):
        SendPolicy(caps=[FrequencyCap(name="few", most=1, per=HOUR), FrequencyCap(name="few", most=2, per=Unit.DAY)])


def test_as_many_may_burst_as_go_out_in_the_time():
    assert RateLimit(most=7, per=HOUR).burst == 7
    assert date.min < date.max
    assert deferred(Deferral(1, 0, "x"), None, ()) == Outcome(
        Result.DEFERRED, deferral=Deferral(1, 0, "x"), told=(("until", "1970-01-01T00:00:00.000001Z"),)
    )
