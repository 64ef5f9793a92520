"""The parts of a condition that hold no others, one by one."""

from __future__ import annotations

from collections.abc import Iterator

from flowkit.conditions.model import AllOf, AnyOf, Condition, Leaf, Not

__all__ = ["leaves"]


def leaves(condition: Condition) -> Iterator[Leaf]:
    """Give the parts of a condition that hold no others, in the order in which they are written."""
    match condition:
        case AllOf(conditions) | AnyOf(conditions):
            for one in conditions:
                yield from leaves(one)
        case Not(inner):
            yield from leaves(inner)
        case _:
            yield condition
