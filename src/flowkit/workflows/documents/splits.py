"""The parameters of a split as a document, and back again.

They are written as::

    {"ways": [{"label": "a", "weight": 50}, {"label": "b", "weight": 50}], "split_id": "subject_test"}
"""

from __future__ import annotations

from typing import Final

from flowkit.fields import Fields
from flowkit.problems import short
from flowkit.workflows.control import EXHAUSTED, Split, Way

__all__ = ["dump_split", "read_split"]

_LEAST: Final = 1e-12
_MOST: Final = 1e12


def read_split(fields: Fields) -> Split:
    """Read a split from its parameters; what is wrong with them is noted there."""
    ways: list[Way] = []
    seen: set[str] = set()
    before = len(fields.problems.found)
    for value, path in _ways(fields):
        way = fields.open(value, path)
        ways.append(Way(_label(way, seen), _weight(way)))
        way.close()
    if ways and len(fields.problems.found) == before and not any(way.weight for way in ways):
        fields.wrong("ways", "no_weight", "must give at least one of them a weight above 0")
    split_id = fields.id("split_id") if fields.has("split_id") else None
    return Split(ways, split_id=split_id, parameters=fields.rest())


def _ways(fields: Fields) -> list[tuple[object, str]]:
    if not fields.has("ways"):
        fields.wrong("ways", "missing_field", "is required")
        return []
    if fields.values["ways"] == []:
        fields.wrong("ways", "too_short", "must hold at least one way")
    return fields.items("ways", most=fields.limits.actions)


def _label(way: Fields, seen: set[str]) -> str:
    label = way.id("label")
    if label in seen:
        way.wrong("label", "duplicate_id", f"{short(label)} is the label of an earlier way; give each one of its own")
    elif label == EXHAUSTED:
        way.wrong("label", "reserved_label", f"{short(label)} is the way of a node whose max_visits are spent")
    elif label:
        seen.add(label)
    return label


def _weight(way: Fields) -> float:
    weight = way.number("weight", low=0, high=_MOST)
    if 0 < weight < _LEAST:
        way.wrong("weight", "out_of_range", f"must be 0, or a number from {_LEAST} to {_MOST}, not {short(weight)}")
    return weight


def dump_split(split: Split) -> dict[str, object]:
    """Write the parameters of a split."""
    ways = [{"label": way.label, "weight": way.weight} for way in split.ways]
    return {"ways": ways, **({} if split.split_id is None else {"split_id": split.split_id})}
