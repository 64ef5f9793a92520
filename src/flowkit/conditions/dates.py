"""Reading dates: ISO text, Unix seconds, ``date`` and ``datetime``; what is naive is in the subscriber's zone."""

from __future__ import annotations

import math
import re
from datetime import UTC, date, datetime, time, timedelta, tzinfo
from typing import Final
from zoneinfo import ZoneInfo

from flowkit.conditions.spans import Duration, Span
from flowkit.events import from_micros, to_micros

__all__ = ["FIRST", "LAST", "find_zone", "iso", "read_date", "shifted", "start_of"]

# A gate: `fromisoformat` alone takes any letter for the T.
_ISO: Final = re.compile(r"[0-9]{4}[0-9W-]{3,6}([T ][0-9:]{2,8}([.,][0-9]{1,12})?(Z|[+-][0-9:.]{2,15})?)?", re.ASCII)
_LONGEST: Final = 50
_MIDNIGHT: Final = time()
FIRST: Final = to_micros(datetime.min.replace(tzinfo=UTC))
LAST: Final = to_micros(datetime.max.replace(tzinfo=UTC))


def find_zone(name: object) -> tzinfo:
    """Find a zone by its IANA name; UTC for anything that is none. Never raises."""
    if not isinstance(name, str) or name == "UTC":
        return UTC
    try:
        return ZoneInfo(name)
    except Exception:  # noqa: BLE001 - a profile may hold anything, and what it is refused with depends on the system
        return UTC


def iso(text: str) -> date | datetime | None:
    """Read ISO 8601 text: a date alone, or a date with a time, with or without an offset; None for other text."""
    if len(text) > _LONGEST or not _ISO.fullmatch(text):
        return None
    try:
        return datetime.fromisoformat(text) if "T" in text or " " in text else date.fromisoformat(text)
    except ValueError:
        return None


def read_date(value: object, zone: tzinfo) -> datetime | None:
    """Read a date from whatever stands for one.

    Args:
        value: ISO 8601 text, Unix seconds, a ``date`` or a ``datetime``. A date alone is its local midnight.
        zone: Where naive values are, the subscriber's zone.

    Returns:
        The instant, as clocks in the zone show it; None for 0, "" and what is no date. Never raises.
    """
    try:
        return _instant(value, zone)
    except Exception:  # noqa: BLE001 - a host's object, or its tzinfo, may raise anything; it is no date then
        return None


def _instant(value: object, zone: tzinfo) -> datetime | None:
    found = iso(value) if isinstance(value, str) else value
    match found:
        case bool():
            return None
        case datetime():
            return (
                found.astimezone(zone) if found.utcoffset() is not None else _settled(found.replace(tzinfo=zone), zone)
            )
        case date():
            return _settled(datetime.combine(found, _MIDNIGHT, zone), zone)
        case int() | float():
            # 0 stands for "not set" far more often than for 1970.
            return from_micros(_micros(found)).astimezone(zone) if found and math.isfinite(found) else None
        case _:
            return None


def _settled(wall: datetime, zone: tzinfo) -> datetime:
    """Move a wall time that the zone skips on by the gap."""
    return wall.astimezone(UTC).astimezone(zone)


def _micros(seconds: float) -> int:
    return seconds * 1_000_000 if isinstance(seconds, int) else round(seconds * 1_000_000)


def shifted(instant: datetime, span: Span, zone: tzinfo, *, times: int = 1) -> int:
    """Go from an instant by a span, or backwards for -1; months and years keep the wall time of the zone.

    Returns:
        Microseconds since 1970-01-01T00:00Z; what leaves the years 1 to 9999 is their end.
    """
    if isinstance(span, Duration):
        return to_micros(instant) + times * span.micros
    forward = span.count * times > 0
    day = span.shift(instant.date(), times)
    if day is None:
        return LAST + 1 if forward else FIRST - 1
    try:
        return to_micros(datetime.combine(day, instant.time(), zone).astimezone(UTC))
    except OverflowError:
        return LAST + 1 if forward else FIRST - 1


def start_of(day: date, ahead: int, zone: tzinfo) -> int:
    """Give the first instant of the local day that lies so many days ahead, in microseconds, as `shifted` does."""
    try:
        return to_micros(datetime.combine(day + timedelta(days=ahead), _MIDNIGHT, zone).astimezone(UTC))
    except OverflowError:
        return LAST + 1 if day.year > 1 else FIRST - 1
