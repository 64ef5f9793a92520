"""What a condition asks about, in words short enough for a line of a box.

The words name what is looked at, and not each operator: a picture is no place to read a condition.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final, assert_never

from flowkit.conditions import (
    AllOf,
    AnyOf,
    Condition,
    Custom,
    EngagementAtLeast,
    EventHas,
    EventIs,
    Leaf,
    Matcher,
    Not,
    Performed,
    RunHas,
    Sample,
    Segments,
    Sequence,
    SubscriberHas,
    ValueAtLeast,
)
from flowkit.workflows.pictures.phrases import few, number_words, together

__all__ = ["condition_words"]

_DEEPEST: Final = 3


def condition_words(condition: Condition, depth: int = 0) -> str:
    """Say what a condition asks about; empty for one that always holds."""
    if depth > _DEEPEST:
        return "…"
    match condition:
        case AllOf(conditions):
            return few(_each(conditions, depth), " and ")
        case AnyOf(conditions):
            inner = few(_each(conditions, depth), " or ")
            return f"({inner})" if depth else inner
        case Not(inner):
            asked = condition_words(inner, depth + 1)
            return f"not {asked}" if asked else "never"
        case _:
            return _leaf_words(condition)


def _leaf_words(leaf: Leaf) -> str:
    match leaf:
        case EventIs(types):
            return few(types, " or ")
        case EventHas(properties):
            return few(f"event's {path}" for path in properties)
        case ValueAtLeast(minimum):
            return f"value ≥ {number_words(minimum)}"
        case SubscriberHas(properties):
            return few(properties)
        case RunHas(properties):
            return few(f"run's {path}" for path in properties)
        case EngagementAtLeast(minimums):
            return few(_minimum(name, least) for name, least in minimums.items())
        case Segments(any=some, all=every, none=none):
            return together(_named("in", (*every, *some)), _named("not in", none))
        case Performed(event):
            return f"did {event}"
        case Sequence(steps):
            return few((f"no {step.event}" if step.absent else step.event for step in steps), ", then ")
        case Sample(percent):
            return f"sample of {number_words(percent)}%"
        case Custom(name):
            return f"{name}()"
        case _:
            assert_never(leaf)


def _each(conditions: Iterable[Condition], depth: int) -> Iterable[str]:
    return (words for one in conditions if (words := condition_words(one, depth + 1)))


def _minimum(name: str, least: float | Matcher) -> str:
    return f"{name} ≥ {number_words(least)}" if isinstance(least, (int, float)) else name


def _named(verb: str, names: tuple[str, ...]) -> str:
    return f"{verb} {few(names)}" if names else ""
