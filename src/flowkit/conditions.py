"""The one condition language: typed, frozen conditions that hold or do not, and never raise on data.

The same language decides triggers, filters and branches. A condition is parsed from an object whose keys are
all ANDed, such as ``{"event_type": "purchase", "min_value": 50}``; ``dump`` gives the shortest object that
parses to the same condition.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from datetime import datetime
from itertools import pairwise
from typing import Any, Final, TypeAlias, TypeGuard, assert_never

from attrs import field, frozen

from flowkit.documents import is_list, is_object
from flowkit.events import NO_NEEDS, Event, Facts, Needs, id_problem
from flowkit.problems import Problems, pointer, short, suggestion

__all__ = [
    "ALWAYS",
    "KEYS",
    "AllOf",
    "AnyOf",
    "Condition",
    "EngagementAtLeast",
    "Equals",
    "EventHas",
    "EventIs",
    "Matcher",
    "Not",
    "Operand",
    "SubscriberHas",
    "ValueAtLeast",
    "Verdict",
    "dump",
    "evaluate",
    "event_types",
    "needs",
    "parse",
    "predicate",
]

_MAX_DEPTH: Final = 64


@frozen
class Equals:
    """A value equals another as in Python (1 == 1.0 == True); None stands for missing; NaN equals nothing."""

    value: Any


Matcher: TypeAlias = Equals
"""What a property is held against."""


@frozen
class EventIs:
    """The event at hand has one of these types; without an event it does not hold."""

    types: tuple[str, ...]


@frozen
class EventHas:
    """Each path of the event's properties matches."""

    properties: Mapping[str, Matcher]


@frozen
class ValueAtLeast:
    """The event's value is a number of at least this; a missing value counts as 0, others do not hold."""

    minimum: float


@frozen
class SubscriberHas:
    """Each path of the subscriber's attributes matches."""

    properties: Mapping[str, Matcher]


@frozen
class EngagementAtLeast:
    """Each metric of the subscriber is at least its number; a missing metric counts as 0."""

    minimums: Mapping[str, float]


@frozen
class AllOf:
    """Every condition holds; without any it holds always."""

    conditions: tuple[Condition, ...] = ()


@frozen
class AnyOf:
    """At least one condition holds; without any it never holds."""

    conditions: tuple[Condition, ...]


@frozen
class Not:
    """The condition does not hold."""

    condition: Condition


Condition: TypeAlias = EventIs | EventHas | ValueAtLeast | SubscriberHas | EngagementAtLeast | AllOf | AnyOf | Not
"""Everything that can be asked about an event and a subscriber."""

ALWAYS: Final = AllOf()
_NO_TYPES: Final[frozenset[str]] = frozenset()


@frozen
class Operand:
    """One value that a condition looked at.

    Attributes:
        path: Where it was read, such as ``event.value`` or ``subscriber.plan``.
        value: What was there; None where nothing was.
        holds: Whether the test on it held.
    """

    path: str
    value: Any
    holds: bool


@frozen
class Verdict:
    """What a condition came to.

    Attributes:
        holds: Whether it holds.
        operands: The values that were looked at, in order, up to the one that settled it.
        flips_at: When the verdict will change by itself, None where it depends on no clock.
    """

    holds: bool
    operands: tuple[Operand, ...] = ()
    flips_at: datetime | None = field(default=None, kw_only=True)


# ------------------------------------------------------------------------------------------------------------
# Meaning


def evaluate(condition: Condition, facts: Facts, event: Event | None, now: datetime) -> Verdict:
    """Decide a condition and say what was read to decide it.

    Args:
        condition: What is asked.
        facts: What is known about the subscriber.
        event: The event at hand, None where there is none.
        now: The instant at which the question is asked.

    Returns:
        The verdict. Nothing raises on data: what is missing or of another kind does not hold.
    """
    del now  # No condition of this grammar reads the clock.
    operands: list[Operand] = []
    return Verdict(_holds(condition, facts, event, operands), tuple(operands))


def _holds(condition: Condition, facts: Facts, event: Event | None, operands: list[Operand]) -> bool:
    match condition:
        case AllOf(conditions):
            return all(_holds(one, facts, event, operands) for one in conditions)
        case AnyOf(conditions):
            return any(_holds(one, facts, event, operands) for one in conditions)
        case Not(inner):
            return not _holds(inner, facts, event, operands)
        case _:
            for operand in _read(condition, facts, event):
                operands.append(operand)
                if not operand.holds:
                    return False
            return True


_Leaf: TypeAlias = EventIs | EventHas | ValueAtLeast | SubscriberHas | EngagementAtLeast


def _read(condition: _Leaf, facts: Facts, event: Event | None) -> list[Operand]:
    match condition:
        case EventIs(types):
            kind = event.type if event else None
            return [Operand("event.type", kind, kind in types)]
        case EventHas(properties):
            return _matched("event", properties, event.properties if event else {})
        case ValueAtLeast(minimum):
            value = event.value if event else None
            return [Operand("event.value", value, _at_least(value, minimum))]
        case SubscriberHas(properties):
            return _matched("subscriber", properties, facts.attributes)
        case EngagementAtLeast(minimums):
            return [
                Operand(f"engagement.{name}", value := facts.engagement.get(name), _at_least(value, minimum))
                for name, minimum in minimums.items()
            ]
        case _:
            assert_never(condition)


def _matched(root: str, properties: Mapping[str, Matcher], values: Mapping[str, Any]) -> list[Operand]:
    return [
        Operand(f"{root}.{path}", value := look_up(values, path), equal(value, matcher.value))
        for path, matcher in properties.items()
    ]


def predicate(condition: Condition) -> Callable[[Event | None, Facts], bool]:
    """Compile a condition to a function of an event and facts: the verdict of ``evaluate``, faster."""
    match condition:
        case AllOf(conditions):
            return _all([predicate(one) for one in conditions])
        case AnyOf(conditions):
            tests = [predicate(one) for one in conditions]
            return lambda event, facts: any(test(event, facts) for test in tests)
        case Not(inner):
            test = predicate(inner)
            return lambda event, facts: not test(event, facts)
        case EventIs(types):
            wanted = frozenset(types)
            return lambda event, _: event is not None and event.type in wanted
        case EventHas(properties):
            return _all([_property(path, matcher.value) for path, matcher in properties.items()])
        case _:
            leaf = condition
            return lambda event, facts: all(operand.holds for operand in _read(leaf, facts, event))


def _all(tests: Sequence[Callable[[Event | None, Facts], bool]]) -> Callable[[Event | None, Facts], bool]:
    match tests:
        case []:
            return lambda _event, _facts: True
        case [only]:
            return only
        case [first, second]:
            return lambda event, facts: first(event, facts) and second(event, facts)
        case _:
            return lambda event, facts: all(test(event, facts) for test in tests)


def _property(path: str, wanted: object) -> Callable[[Event | None, Facts], bool]:
    if type(wanted) is str and "." not in path:
        return lambda event, _: (
            event is not None and isinstance(found := event.properties.get(path), str) and found == wanted
        )
    return lambda event, _: equal(look_up(event.properties, path) if event else None, wanted)


def look_up(values: Mapping[str, object], path: str) -> object:
    """Read a path: as a literal key first, then dotted through objects; None where nothing is there."""
    if path in values:
        return values[path]
    found: object = values
    for part in path.split("."):
        if not is_object(found) or part not in found:
            return None
        found = found[part]
    return found


def equal(value: object, wanted: object) -> bool:
    """Compare as Python does, but total: a value whose comparison fails is not equal."""
    try:
        return bool(value == wanted)
    except Exception:  # noqa: BLE001 - a host's object may raise anything; it equals nothing then
        return False


def _at_least(value: object, minimum: float) -> bool:
    if value is None:
        return minimum <= 0
    if isinstance(value, bool) or not isinstance(value, (int, float)):
        return False
    return value >= minimum


def needs(condition: Condition) -> Needs:
    """Name the facts that a condition may read; evaluating it reads nothing else."""
    match condition:
        case AllOf(conditions) | AnyOf(conditions):
            total = NO_NEEDS
            for one in conditions:
                total |= needs(one)
            return total
        case Not(inner):
            return needs(inner)
        case SubscriberHas(properties):
            return Needs(attributes=frozenset(properties) | {path.split(".")[0] for path in properties})
        case EngagementAtLeast(minimums):
            return Needs(engagement=frozenset(minimums))
        case EventIs() | EventHas() | ValueAtLeast():
            return NO_NEEDS
        case _:
            assert_never(condition)


def event_types(condition: Condition) -> frozenset[str] | None:
    """Name the event types without which a condition cannot hold; None where any type may do."""
    match condition:
        case EventIs(types):
            return frozenset(types)
        case AllOf(conditions):
            named = [each for one in conditions if (each := event_types(one)) is not None]
            return named[0].intersection(*named[1:]) if named else None
        case AnyOf(conditions):
            named = [each for one in conditions if (each := event_types(one)) is not None]
            return _NO_TYPES.union(*named) if len(named) == len(conditions) else None
        case _:
            return None


# ------------------------------------------------------------------------------------------------------------
# Documents

_FAMILIES: Final = (
    "event_type",
    "event_properties",
    "min_value",
    "subscriber_properties",
    "engagement_requirements",
    "all",
    "any",
    "not",
)
KEYS: Final = (*_FAMILIES, "operator", "conditions")
"""What may stand in the object of a condition."""


def parse(document: object, path: str = "") -> Condition:
    """Read a condition from its object.

    Args:
        document: The object, as JSON gives it.
        path: The JSON Pointer of the object in its document, for the errors.

    Raises:
        DocumentError: Unknown keys, wrong types, empty lists; all of them at once.
    """
    problems = Problems()
    condition = _parse(document, path, problems, 0)
    problems.done()
    return condition


def _parse(document: object, path: str, problems: Problems, depth: int) -> Condition:
    if not is_object(document):
        problems.add("wrong_type", path, f"a condition is an object, not {type(document).__name__}")
        return ALWAYS
    if depth > _MAX_DEPTH:
        problems.add("too_deep", path, f"conditions nest at most {_MAX_DEPTH} deep")
        return ALWAYS
    for key in document:
        if key not in KEYS:
            problems.add("unknown_field", pointer(path, str(key)), f"unknown key; {suggestion(str(key), KEYS)}")
    parts = [
        part
        for family in _FAMILIES
        if family in document
        and (part := _family(family, document[family], pointer(path, family), problems, depth)) is not None
    ]
    if "operator" in document or "conditions" in document:
        parts.append(_in_words(document, path, problems, depth))
    return parts[0] if len(parts) == 1 else AllOf(tuple(parts))


def _family(family: str, value: object, path: str, problems: Problems, depth: int) -> Condition | None:
    match family:
        case "event_type":
            return _event_types(value, path, problems)
        case "event_properties":
            return EventHas(_matchers(value, path, problems))
        case "subscriber_properties":
            return SubscriberHas(_matchers(value, path, problems))
        case "min_value":
            number = _number(value, path, problems)
            return None if number is None else ValueAtLeast(number)
        case "engagement_requirements":
            return EngagementAtLeast(_numbers(value, path, problems))
        case "all":
            return AllOf(_children(value, path, problems, depth))
        case "any":
            return AnyOf(_children(value, path, problems, depth))
        case _:
            return Not(_parse(value, path, problems, depth + 1))


def _in_words(document: Mapping[str, object], path: str, problems: Problems, depth: int) -> Condition:
    for key in ("operator", "conditions"):
        if key not in document:
            problems.add("missing_field", pointer(path, key), "operator and conditions go together")
            return ALWAYS
    children = _children(document["conditions"], pointer(path, "conditions"), problems, depth)
    match document["operator"]:
        case "AND":
            return AllOf(children)
        case "OR":
            return AnyOf(children)
        case "NOT":
            return Not(children[0] if len(children) == 1 else AnyOf(children))
        case other:
            problems.add("bad_enum", pointer(path, "operator"), f"must be AND, OR or NOT, not {short(other)}")
            return ALWAYS


def _event_types(value: object, path: str, problems: Problems) -> Condition | None:
    if isinstance(value, str):
        return EventIs((value,)) if _is_type(value, path, problems) else None
    if not is_list(value):
        problems.add("wrong_type", path, "must be an event type or a list of them")
        return None
    if not value:
        problems.add("too_short", path, "must name at least one event type")
    return EventIs(tuple(text for index, text in enumerate(value) if _is_type(text, pointer(path, index), problems)))


def _is_type(value: object, path: str, problems: Problems) -> TypeGuard[str]:
    problem = id_problem(value)
    if problem:
        code = "bad_id" if isinstance(value, str) else "wrong_type"
        problems.add(code, path, f"an event type {problem}")
    return problem is None


def _matchers(value: object, path: str, problems: Problems) -> dict[str, Matcher]:
    if not is_object(value):
        problems.add("wrong_type", path, "must be an object of values by path")
        return {}
    out: dict[str, Matcher] = {}
    for key, wanted in value.items():
        where = pointer(path, str(key))
        if not isinstance(key, str) or not key:
            problems.add("bad_id", where, "a path is text that is not empty")
        elif is_object(wanted) and any(str(name).startswith("$") for name in wanted):
            problems.add(
                "unsupported",
                where,
                "operator objects are not known to this version; give the value that the property must equal",
            )
        else:
            out[key] = Equals(wanted)
    return out


def _numbers(value: object, path: str, problems: Problems) -> dict[str, float]:
    if not is_object(value):
        problems.add("wrong_type", path, "must be an object of numbers by metric")
        return {}
    out: dict[str, float] = {}
    for key, wanted in value.items():
        number = _number(wanted, pointer(path, str(key)), problems)
        if number is not None:
            out[str(key)] = number
    return out


def _number(value: object, path: str, problems: Problems) -> float | None:
    if isinstance(value, bool) or not isinstance(value, (int, float)):
        problems.add("wrong_type", path, f"must be a number, not {short(value)}")
        return None
    if isinstance(value, float) and not math.isfinite(value):
        problems.add("out_of_range", path, "must be a finite number")
        return None
    return value


def _children(value: object, path: str, problems: Problems, depth: int) -> tuple[Condition, ...]:
    if not is_list(value):
        problems.add("wrong_type", path, "must be a list of conditions")
        return ()
    if not value:
        problems.add("too_short", path, "must hold at least one condition")
    return tuple(_parse(child, pointer(path, index), problems, depth + 1) for index, child in enumerate(value))


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
    entries = [_entry(one) for one in conditions]
    ranks = [_FAMILIES.index(family) for family, _ in entries]
    if any(later <= earlier for earlier, later in pairwise(ranks)):
        return None
    return dict(entries)


def _entry(condition: Condition) -> tuple[str, Any]:
    match condition:
        case EventIs(types):
            return "event_type", types[0] if len(types) == 1 else list(types)
        case EventHas(properties):
            return "event_properties", {path: matcher.value for path, matcher in properties.items()}
        case ValueAtLeast(minimum):
            return "min_value", minimum
        case SubscriberHas(properties):
            return "subscriber_properties", {path: matcher.value for path, matcher in properties.items()}
        case EngagementAtLeast(minimums):
            return "engagement_requirements", dict(minimums)
        case AllOf(conditions):
            return "all", [dump(one) for one in conditions]
        case AnyOf(conditions):
            return "any", [dump(one) for one in conditions]
        case Not(inner):
            return "not", dump(inner)
        case _:
            assert_never(condition)
