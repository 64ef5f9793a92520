"""Absolute lengths of time as a document spells them: ``{"duration_hours": 72}``."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import timedelta
from enum import StrEnum
from typing import Final

from flowkit.fields import Fields

__all__ = ["DURATIONS", "DurationUnit", "dump_span", "dump_whole", "in_units", "read_span"]


class DurationUnit(StrEnum):
    """The unit in which a document spells a duration: ``duration_hours`` and so on."""

    SECONDS = "seconds"
    MINUTES = "minutes"
    HOURS = "hours"
    DAYS = "days"


DURATIONS: Final[Mapping[str, DurationUnit]] = {f"duration_{unit}": unit for unit in DurationUnit}
"""The names under which a duration may stand, of which there is one."""


def read_span(fields: Fields) -> tuple[timedelta, DurationUnit]:
    """Read the one duration of an object, 0 to the limit; what is wrong with it is noted there."""
    given = [name for name in DURATIONS if fields.has(name)]
    if len(given) != 1:
        code = "conflicting_fields" if given else "missing_field"
        fields.problems.add(code, fields.path, f"give exactly one of {', '.join(DURATIONS)}")
        return timedelta(), DurationUnit.HOURS
    unit = DURATIONS[given[0]]
    high = in_units(fields.limits.duration, _length(unit))
    return _length(unit) * fields.number(given[0], low=0, high=high), unit


def dump_span(span: timedelta, unit: DurationUnit) -> dict[str, object]:
    """Write a duration as the object that `read_span` reads."""
    return {f"duration_{unit}": in_units(span, _length(unit))}


def dump_whole(span: timedelta) -> dict[str, object]:
    """Write a duration in the largest unit that it is a whole number of; what is in none, in seconds."""
    unit = next((unit for unit in reversed(DurationUnit) if not span % _length(unit)), DurationUnit.SECONDS)
    return dump_span(span, unit)


def _length(unit: DurationUnit) -> timedelta:
    return timedelta(**{unit: 1})


def in_units(duration: timedelta, unit: timedelta) -> float:
    """Count how often a unit goes into a duration: an integer where that is exact."""
    whole, rest = divmod(duration, unit)
    return duration / unit if rest else whole
