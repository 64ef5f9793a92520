"""Numbers, lengths of time and lists in a few words."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import timedelta
from itertools import islice
from typing import Final

from flowkit.problems import short

__all__ = ["duration_words", "few", "number_words", "plural", "together"]

_SHOWN: Final = 3
_UNITS: Final = (
    ("day", timedelta(days=1)),
    ("hour", timedelta(hours=1)),
    ("minute", timedelta(minutes=1)),
    ("second", timedelta(seconds=1)),
)
_MOST_UNITS: Final = 2
_LARGE: Final = 10**12


def duration_words(duration: timedelta) -> str:
    """Say how long something takes, in the two largest units that it has: ``1 hour 30 minutes``."""
    parts: list[str] = []
    rest = duration
    for name, size in _UNITS:
        count, beyond = divmod(rest, size)
        if count and len(parts) < _MOST_UNITS:
            parts.append(plural(count, name))
            rest = beyond
    if not parts:
        return "less than a second" if rest else "no time"
    return f"{'about ' if rest else ''}{' '.join(parts)}"


def plural(count: int, name: str) -> str:
    """Say how many: ``1 day``, ``2,000 days``."""
    return f"{count:,} {name}{'' if count == 1 else 's'}"


def number_words(number: float) -> str:
    """Write a number as people do."""
    if isinstance(number, int):
        return f"{number:,}" if abs(number) < _LARGE else short(number)
    return f"{number:g}"


def few(names: Iterable[str], joined: str = ", ") -> str:
    """Name the first three, and say that there are more where there are."""
    listed = list(islice(names, _SHOWN + 1))
    return joined.join(listed[:_SHOWN]) + (f"{joined}…" if len(listed) > _SHOWN else "")


def together(*parts: str) -> str:
    """Put parts side by side, without those that are empty."""
    return ", ".join(part for part in parts if part)
