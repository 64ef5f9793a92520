"""Conditions as documents: the shortest object that is read as the same condition."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date
from typing import Any, assert_never

from flowkit.conditions.keys import FAMILIES
from flowkit.conditions.matchers import (
    After,
    Anniversary,
    Before,
    Between,
    Compares,
    Contains,
    Differs,
    Empty,
    Ends,
    Equals,
    Exists,
    Fails,
    HasAll,
    HasAny,
    HasNone,
    Lacks,
    Matcher,
    Matches,
    NoneOf,
    OneOf,
    Ops,
    Size,
    Starts,
    Test,
    When,
    Within,
    operator,
)
from flowkit.conditions.matching import is_number
from flowkit.conditions.model import (
    DEFAULT_COUNT,
    AllOf,
    AnyOf,
    Condition,
    Custom,
    EngagementAtLeast,
    EventHas,
    EventIs,
    Leaf,
    Measure,
    Not,
    Performed,
    RunHas,
    Sample,
    Segments,
    Sequence,
    SequenceStep,
    Since,
    SubscriberHas,
    ValueAtLeast,
)
from flowkit.conditions.spans import Duration, Offset
from flowkit.documents import is_object

__all__ = ["dump"]


def dump(condition: Condition) -> dict[str, Any]:
    """Write a condition as the shortest object that ``parse`` reads as the same condition."""
    match condition:
        case AllOf(conditions):
            merged = _merged(conditions)
            return {"all": [dump(one) for one in conditions]} if merged is None else merged
        case _:
            family, value = _entry(condition)
            return {family: value}


def _merged(conditions: tuple[Condition, ...]) -> dict[str, Any] | None:
    """Write ANDed conditions into one object, where parsing it gives them back in this order."""
    if len(conditions) == 1 or any(isinstance(one, AllOf) and not one.conditions for one in conditions):
        return None
    merged: dict[str, Any] = {}
    lists: set[str] = set()
    last = -1
    for family, value in map(_entry, conditions):
        rank = FAMILIES.index(family)
        if rank < last or (rank == last and family != "performed"):
            return None
        if rank == last:
            merged[family] = [*(merged[family] if family in lists else [merged[family]]), value]
            lists.add(family)
        else:
            merged[family] = value
        last = rank
    return merged


def _entry(condition: Condition) -> tuple[str, Any]:
    match condition:
        case AllOf(conditions):
            return "all", [dump(one) for one in conditions]
        case AnyOf(conditions):
            return "any", [dump(one) for one in conditions]
        case Not(inner):
            return "not", dump(inner)
        case _:
            return _leaf(condition)


def _leaf(condition: Leaf) -> tuple[str, Any]:
    match condition:
        case EventIs(types):
            return "event_type", _one_or_list(types)
        case EventHas(properties):
            return "event_properties", _properties(properties)
        case ValueAtLeast(minimum):
            return "min_value", minimum
        case SubscriberHas(properties):
            return "subscriber_properties", _properties(properties)
        case RunHas(properties):
            return "variables", _properties(properties)
        case EngagementAtLeast(minimums):
            return "engagement_requirements", {name: _requirement(wanted) for name, wanted in minimums.items()}
        case Segments():
            return "segments", _segments(condition)
        case Performed():
            return "performed", _performed(condition)
        case Sequence(steps, within):
            return "sequence", {"steps": [_step(step) for step in steps], **_within(within)}
        case Sample(percent, salt):
            return "sample", {"percent": percent, "salt": salt}
        case Custom(name, parameters):
            return "custom", {**parameters, "name": name}
        case _:
            assert_never(condition)


def _one_or_list(names: tuple[str, ...]) -> str | list[str]:
    return names[0] if len(names) == 1 else list(names)


def _properties(properties: Mapping[str, Matcher]) -> dict[str, Any]:
    return {path: dump_matcher(matcher) for path, matcher in properties.items()}


def _requirement(wanted: float | Matcher) -> Any:  # noqa: ANN401 - a JSON value
    return wanted if isinstance(wanted, (int, float)) else _ops(wanted)


def _segments(asked: Segments) -> str | list[str] | dict[str, list[str]]:
    if asked.any and not asked.all and not asked.none:
        return _one_or_list(asked.any)
    sides = {"any": asked.any, "all": asked.all, "none": asked.none}
    return {side: list(names) for side, names in sides.items() if names}


def _performed(asked: Performed) -> dict[str, Any]:
    out: dict[str, Any] = {"event": asked.event, **_where(asked.where), **_within(asked.within)}
    if asked.since is not Since.EVER:
        out["since"] = asked.since.value
    if asked.measure is not Measure.COUNT:
        out[asked.measure.value] = asked.of
        out["is"] = _ops(asked.passes)
    elif asked.passes != DEFAULT_COUNT:
        out["count"] = dump_matcher(asked.passes)
    return out


def _step(step: SequenceStep) -> dict[str, Any]:
    absent = {"absent": True} if step.absent else {}
    return {"event": step.event, **_where(step.where), **absent}


def _where(where: Mapping[str, Matcher]) -> dict[str, Any]:
    return {"where": _properties(where)} if where else {}


def _within(within: Duration | None) -> dict[str, Any]:
    return {} if within is None else {"within": within.text}


# ------------------------------------------------------------------------------------------------------------
# Matchers


def dump_matcher(matcher: Matcher) -> Any:  # noqa: ANN401 - a JSON value
    """Write a matcher: a bare value for equality, where that is not taken for operators."""
    if isinstance(matcher, Equals) and not _looks_like_operators(matcher.value):
        return matcher.value
    return _ops(matcher)


def _looks_like_operators(value: object) -> bool:
    return is_object(value) and any(str(key).startswith("$") for key in value)


def _ops(matcher: Matcher) -> dict[str, Any]:
    match matcher:
        case Ops(tests, ci=ci):
            return {**{operator(test): _operand(test) for test in tests}, **({"$ci": True} if ci else {})}
        case _:
            return {operator(matcher): _operand(matcher)}


def _operand(test: Test) -> Any:  # noqa: ANN401 - a JSON value
    match test:
        case Equals(value) | Differs(value) | Contains(value) | Lacks(value):
            return value
        case Compares(bound=bound):
            return bound
        case Between(low, high):
            return [low, high]
        case OneOf(values) | NoneOf(values) | HasAny(values) | HasAll(values) | HasNone(values):
            return list(values)
        case Starts(text) | Ends(text) | Matches(text):
            return text
        case Exists(wanted) | Empty(wanted):
            return wanted
        case Size(inner):
            return inner.value if isinstance(inner, Equals) and is_number(inner.value) else _ops(inner)
        case Fails(inner):
            return _ops(inner)
        case Before(bound) | After(bound):
            return _when(bound)
        case Within():
            return _window(test)
        case Anniversary(low, high):
            return _days(low, high)
        case _:
            assert_never(test)


def _when(bound: When) -> str | int | float:
    match bound:
        case Duration() | Offset():
            return bound.signed
        case date():
            return bound.isoformat()
        case _:
            return bound


def _window(window: Within) -> str | list[str]:
    match window:
        case Within(Duration(past), Duration(0)) if past < 0:
            return Duration(-past).text
        case Within(Offset(past, unit), Duration(0)) if past < 0:
            return f"{-past}{unit}"
        case Within(Duration(0), high) if high.signed.startswith("+") and high != Duration(0):
            return high.signed
        case _:
            return [window.low.signed, window.high.signed]


def _days(low: int, high: int) -> str | list[str]:
    if low == high == 0:
        return "0d"
    if low == 0 < high or low < 0 == high:
        return f"{low + high:+d}d"
    return [f"{low:+d}d", f"{high:+d}d"]
