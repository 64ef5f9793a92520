"""Time zones: which one holds for a subscriber, and which instant a wall clock there shows.

A wall time is a naive ``datetime``: what a clock on the wall of that zone shows. An instant is an aware one, in UTC.
"""

from __future__ import annotations

import re
from datetime import UTC, date, datetime, time, tzinfo
from enum import StrEnum
from functools import lru_cache
from typing import Final
from zoneinfo import ZoneInfo

from attrs import frozen

from flowkit.errors import DocumentError, Problem

__all__ = ["FIRST_WALL", "LAST_WALL", "Zone", "ZoneSource", "find_zone", "instant", "wall", "wall_text", "zone"]

_NAME_LENGTH: Final = 64
_NAME: Final = re.compile(r"[A-Za-z][A-Za-z0-9_+-]*(/[A-Za-z0-9_+-]+){0,2}", re.ASCII)
# Names that a zone database may hold and that are no place: the machine's own choice, and copies with leap seconds.
_NO_PLACE: Final = frozenset({"Factory", "localtime", "posix", "posixrules", "right"})

FIRST_WALL: Final = datetime.min  # noqa: DTZ901 - a wall time
LAST_WALL: Final = datetime.max  # noqa: DTZ901 - a wall time


class ZoneSource(StrEnum):
    """Which of the names that were asked for named the zone."""

    GIVEN = "given"
    """The first, the subscriber's."""
    FALLBACK = "fallback"
    """The workflow's."""
    UTC = "utc"
    """Neither: it is UTC."""


@frozen(kw_only=True)
class Zone:
    """The zone that holds, and why.

    Attributes:
        name: Its IANA name.
        tz: Its rules.
        source: Which name it was; to be journaled.
    """

    name: str
    tz: tzinfo
    source: ZoneSource


def zone(name: object, fallback: object = None) -> Zone:
    """Choose the zone: the name if it is a valid IANA name, else the fallback if that is one, else UTC.

    Args:
        name: What the subscriber's profile says; any value, since a profile may hold anything.
        fallback: What the workflow says.
    """
    for source, value in ((ZoneSource.GIVEN, name), (ZoneSource.FALLBACK, fallback)):
        tz = find_zone(value)
        if tz is not None:
            return Zone(name=str(value), tz=tz, source=source)
    return Zone(name="UTC", tz=UTC, source=ZoneSource.UTC)


def find_zone(name: object) -> tzinfo | None:
    """Find a zone by its IANA name, as it is spelled there; None for anything else. Never raises."""
    if isinstance(name, str) and len(name) <= _NAME_LENGTH and _NAME.fullmatch(name):
        return _load(name)
    return None


@lru_cache(maxsize=2_048)
def _load(name: str) -> tzinfo | None:
    if name.partition("/")[0] in _NO_PLACE:
        return None
    if name == "UTC":
        return UTC  # is there even where no zone database is
    try:
        return ZoneInfo(name)
    except (LookupError, ValueError, OSError, ImportError):
        return None


def instant(day: date, at: time, tz: tzinfo) -> datetime | None:
    """Give the instant at which a clock shows a time on a local day, in UTC.

    A time that the day skips moves on by the gap; of one that the day has twice it is the first (PEP 495 with
    ``fold=0``; "compatible" in Temporal; java.time).

    Returns:
        The instant; None where it lies outside the years 1 to 9999 of UTC.
    """
    try:
        return datetime.combine(day, at.replace(fold=0), tz).astimezone(UTC)
    except OverflowError:
        return None


def wall(moment: datetime, tz: tzinfo) -> datetime:
    """Give what a clock shows at an instant; where that lies outside the years 1 to 9999, their first or last.

    Raises:
        DocumentError: The instant has no offset, and would be taken for one of this machine's clock.
    """
    if moment.tzinfo is None:
        message = "an instant needs an offset, such as datetime.now(UTC)"
        raise DocumentError([Problem("naive_datetime", "", message=message)])
    try:
        return moment.astimezone(tz).replace(tzinfo=None, fold=0)
    except OverflowError:
        return FIRST_WALL if moment.year == 1 else LAST_WALL


def wall_text(shown: datetime) -> str:
    """Write a wall time, as ``2026-03-08T02:30``; with seconds only where it has some."""
    whole = shown.second == 0 and shown.microsecond == 0
    return shown.replace(tzinfo=None).isoformat(timespec="minutes" if whole else "auto")
