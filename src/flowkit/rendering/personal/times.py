"""What depends on the reader's clock and calendar: the greeting, the season, the occasions."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import UTC, date, datetime, tzinfo
from typing import Any, Final, cast
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from attrs import field, frozen

from flowkit.errors import ConfigurationError
from flowkit.rendering.model import locale_of
from flowkit.rendering.personal.model import Piece

__all__ = ["GREETINGS", "Greeting", "Occasion", "greeting", "is_south", "occasion", "season", "zone_of"]

_SEASONS: Final = ("winter", "spring", "summer", "autumn")
_LEAP_YEAR: Final = 2024
_MORNING, _NOON, _EVENING, _NIGHT = 5, 12, 18, 23


@frozen(kw_only=True)
class Greeting:
    """How readers are greeted in a language, by the part of their day."""

    morning: str = "Good morning"
    afternoon: str = "Good afternoon"
    evening: str = "Good evening"
    other: str = "Hello"


GREETINGS: Final[Mapping[str, Greeting]] = {"en": Greeting()}


def greeting(table: Mapping[str, Greeting], locale: object, preferred: object, local: datetime | None) -> str:
    """Choose a greeting: by the part of the day that the reader prefers, else by the hour where the reader is.

    Args:
        table: Greetings by locale; ``en`` is taken where no nearer one is there.
        locale: The reader's locale.
        preferred: ``morning``, ``afternoon`` or ``evening``; anything else is no preference.
        local: The reader's local time; None where the zone is not known, which greets by no time.
    """
    words = table.get(locale_of(table, locale) or "en", Greeting())
    match preferred:
        case "morning":
            return words.morning
        case "afternoon":
            return words.afternoon
        case "evening":
            return words.evening
        case _:
            return words.other if local is None else _by_hour(words, local.hour)


def _by_hour(words: Greeting, hour: int) -> str:
    if _MORNING <= hour < _NOON:
        return words.morning
    if _NOON <= hour < _EVENING:
        return words.afternoon
    return words.evening if _EVENING <= hour < _NIGHT else words.other


def zone_of(name: str | None) -> tzinfo | None:
    """Look a time zone up; None where there is none of that name."""
    if not name:
        return None
    if name == "UTC":
        return UTC
    try:
        return ZoneInfo(name)
    except (ZoneInfoNotFoundError, ValueError, OSError):
        return None


def season(day: date, *, south: bool) -> str:
    """Name the season by the months: winter in the north is December to February, and summer in the south."""
    index = day.month % 12 // 3
    return _SEASONS[(index + 2) % 4 if south else index]


def is_south(attributes: Mapping[str, Any]) -> bool:
    """Tell whether a reader lives in the south: by ``hemisphere``, else by the ``latitude`` of ``location``."""
    hemisphere = attributes.get("hemisphere")
    if isinstance(hemisphere, str):
        return hemisphere.lower().startswith("s")
    location = attributes.get("location")
    if not isinstance(location, Mapping):
        return False
    latitude = cast("Mapping[str, object]", location).get("latitude")
    return isinstance(latitude, (int, float)) and not isinstance(latitude, bool) and latitude < 0


@frozen(kw_only=True)
class Occasion:
    """What is said in a season, or from one day of the year to another, whichever year it is.

    Attributes:
        name: Its name, for the journal.
        piece: What is said.
        season: The season in which it is said, where the reader lives; None goes by the days.
        first: The first day, as month and day.
        last: The last day, likewise; one that is earlier in the year than the first is of the year after.

    Raises:
        ConfigurationError: It has neither a season nor days, or a day is none.
    """

    name: str
    piece: Piece
    season: str | None = field(default=None)
    first: tuple[int, int] | None = None
    last: tuple[int, int] | None = None

    def __attrs_post_init__(self) -> None:
        if self.season is not None:
            if self.season not in _SEASONS:
                message = f"the occasion {self.name!r} has no season {self.season!r}; there are {', '.join(_SEASONS)}"
                raise ConfigurationError(message)
            return
        if self.first is None or self.last is None:
            message = f"the occasion {self.name!r} needs a season, or a first and a last day"
            raise ConfigurationError(message)
        for month, day in (self.first, self.last):
            try:
                date(_LEAP_YEAR, month, day)
            except ValueError:
                message = f"the occasion {self.name!r} has a day that is none: {(month, day)}"
                raise ConfigurationError(message) from None

    def is_on(self, day: date, now: str) -> bool:
        """Tell whether it is on.

        Args:
            day: The date where the reader is.
            now: The season there.
        """
        if self.first is None or self.last is None:
            return self.season == now
        at = (day.month, day.day)
        if self.first <= self.last:
            return self.first <= at <= self.last
        return at >= self.first or at <= self.last


def occasion(occasions: Iterable[Occasion], day: date, now: str) -> Occasion | None:
    """Give the first occasion that is on; one with days goes before one with a season."""
    on = [one for one in occasions if one.is_on(day, now)]
    return min(on, key=lambda one: one.first is None, default=None)
