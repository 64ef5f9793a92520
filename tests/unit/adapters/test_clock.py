"""The clock that is told the time, and the one that tells it."""

from datetime import UTC, datetime, timedelta, timezone

import pytest

from flowkit.adapters.clock import VirtualClock
from flowkit.engine.clock import SystemClock
from flowkit.errors import ConfigurationError
from flowkit.ports import Clock

START = datetime(2026, 3, 1, 9, 30, tzinfo=UTC)


def test_it_stands_still_until_it_is_moved():
    clock = VirtualClock(START)
    port: Clock = clock
    assert port.now() == port.now() == START
    assert clock.advance(timedelta(days=3)) == port.now() == START + timedelta(days=3)
    assert clock.advance(timedelta()) == START + timedelta(days=3)
    assert clock.set(START - timedelta(days=1)) == port.now() == START - timedelta(days=1)


def test_it_tells_utc():
    local = START.astimezone(timezone(timedelta(hours=5, minutes=30)))
    clock = VirtualClock(local)
    assert clock.now() == START
    assert clock.now().tzinfo is UTC
    clock.set(local)
    assert clock.now().tzinfo is UTC


def test_an_instant_needs_an_offset():
    naive = START.replace(tzinfo=None)
    with pytest.raises(ConfigurationError, match="no offset"):
        VirtualClock(naive)
    clock = VirtualClock(START)
    with pytest.raises(ConfigurationError, match="no offset"):
        clock.set(naive)
    assert clock.now() == START


def test_it_does_not_advance_backwards():
    clock = VirtualClock(START)
    with pytest.raises(ConfigurationError, match="set"):
        clock.advance(timedelta(seconds=-1))
    assert clock.now() == START


def test_the_systems_clock_tells_the_present_in_utc():
    port: Clock = SystemClock()
    before = datetime.now(UTC)
    now = port.now()
    assert before <= now <= datetime.now(UTC)
    assert now.tzinfo is UTC
