"""The keys of a condition's object."""

from __future__ import annotations

from typing import Final

__all__ = ["FAMILIES", "KEYS"]

FAMILIES: Final = (
    "event_type",
    "event_properties",
    "min_value",
    "subscriber_properties",
    "variables",
    "engagement_requirements",
    "segments",
    "performed",
    "sequence",
    "sample",
    "custom",
    "all",
    "any",
    "not",
)
"""The families of conditions, in the order in which those of one object are asked."""

KEYS: Final = (*FAMILIES, "operator", "conditions")
"""What may stand in the object of a condition."""
