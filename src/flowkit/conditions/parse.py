"""Reading conditions from documents: strictly, and to the end, so that all that is wrong is told at once."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Final, TypeGuard, TypeVar

from attrs import frozen

from flowkit.conditions.keys import FAMILIES, KEYS
from flowkit.conditions.matchers import Matcher
from flowkit.conditions.model import (
    ALWAYS,
    DEFAULT_COUNT,
    AllOf,
    AnyOf,
    Condition,
    Custom,
    EngagementAtLeast,
    EventHas,
    EventIs,
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
from flowkit.conditions.parse_matchers import (
    is_operators,
    read_matcher,
    read_number,
    read_numeric,
    read_operators,
    read_window,
)
from flowkit.conditions.spans import Duration
from flowkit.documents import is_list, is_object
from flowkit.errors import DocumentError
from flowkit.events import id_problem
from flowkit.problems import Problems, pointer, short, suggestion

__all__ = ["parse"]

_T = TypeVar("_T")
_MAX_DEPTH: Final = 64
_MEASURES: Final = tuple(measure.value for measure in Measure)
_PERFORMED: Final = ("event", "where", "within", "since", *_MEASURES, "is")
_STEP: Final = ("event", "where", "absent")
_SIDES: Final = ("any", "all", "none")
_ALL: Final = 100


def parse(document: object, path: str = "", *, in_run: bool = True) -> Condition:
    """Read a condition from its object.

    Args:
        document: The object, as JSON gives it.
        path: The JSON Pointer of the object in its document, for the errors.
        in_run: Whether it is asked of a run, which may have variables.

    Raises:
        DocumentError: All that is wrong at once: ``unknown_field`` (operators too), ``missing_field``, ``no_run``
            (variables where there is no run),
            ``wrong_type``, ``bad_enum``, ``bad_id``, ``bad_duration``, ``bad_instant``, ``bad_pattern``,
            ``out_of_range``, ``conflicting_fields``, ``too_short``, ``too_deep``, ``too_many_problems``.
    """
    problems = Problems()
    condition = _Parser(problems, in_run).condition(document, path, 0)
    problems.done()
    return condition


@frozen
class _Parser:
    """A reader of conditions; what is wrong is noted, and something of the right type is given for it."""

    problems: Problems
    in_run: bool

    def condition(self, document: object, path: str, depth: int) -> Condition:
        if not is_object(document):
            self.problems.add("wrong_type", path, f"a condition is an object, not {short(document)}")
            return ALWAYS
        if depth > _MAX_DEPTH:
            self.problems.add("too_deep", path, f"conditions nest at most {_MAX_DEPTH} deep")
            return ALWAYS
        self._known(document, KEYS, path)
        parts: list[Condition] = []
        for family in FAMILIES:
            if family in document:
                parts += self._family(family, document[family], pointer(path, family), depth)
        if "operator" in document or "conditions" in document:
            parts.append(self._in_words(document, path, depth))
        return parts[0] if len(parts) == 1 else AllOf(tuple(parts))

    def _family(self, family: str, value: object, path: str, depth: int) -> list[Condition]:
        match family:
            case "all":
                return [AllOf(self._children(value, path, depth))]
            case "any":
                return [AnyOf(self._children(value, path, depth))]
            case "not":
                return [Not(self.condition(value, path, depth + 1))]
            case "performed":
                return list(self._all_performed(value, path))
            case _:
                found = self._readers[family](value, path)
                return [] if found is None else [found]

    @property
    def _readers(self) -> Mapping[str, Callable[[object, str], Condition | None]]:
        return {
            "event_type": self._event_types,
            "event_properties": lambda value, path: EventHas(self._by_path(value, path)),
            "min_value": self._min_value,
            "subscriber_properties": lambda value, path: SubscriberHas(self._by_path(value, path)),
            "variables": self._variables,
            "engagement_requirements": self._engagement,
            "segments": self._segments,
            "sequence": self._sequence,
            "sample": self._sample,
            "custom": self._custom,
        }

    # --------------------------------------------------------------------------------------------------------
    # Trees

    def _children(self, value: object, path: str, depth: int) -> tuple[Condition, ...]:
        if not is_list(value):
            self.problems.add("wrong_type", path, f"must be a list of conditions, not {short(value)}")
            return ()
        if not value:
            self.problems.add("too_short", path, "must hold at least one condition")
        return tuple(self.condition(child, pointer(path, index), depth + 1) for index, child in enumerate(value))

    def _in_words(self, document: Mapping[str, object], path: str, depth: int) -> Condition:
        for key in ("operator", "conditions"):
            if key not in document:
                self.problems.add("missing_field", pointer(path, key), "operator and conditions go together")
                return ALWAYS
        children = self._children(document["conditions"], pointer(path, "conditions"), depth)
        match document["operator"]:
            case "AND":
                return AllOf(children)
            case "OR":
                return AnyOf(children)
            case "NOT":
                return Not(children[0] if len(children) == 1 else AnyOf(children))
            case other:
                self.problems.add("bad_enum", pointer(path, "operator"), f"must be AND, OR or NOT, not {short(other)}")
                return ALWAYS

    # --------------------------------------------------------------------------------------------------------
    # Leaves

    def _event_types(self, value: object, path: str) -> EventIs | None:
        names = self._names(value, path, "an event type")
        return EventIs(names) if names else None

    def _min_value(self, value: object, path: str) -> ValueAtLeast | None:
        found = self._read(read_number, value, path)
        return None if found is None else ValueAtLeast(found)

    def _engagement(self, value: object, path: str) -> EngagementAtLeast:
        if not is_object(value):
            self.problems.add("wrong_type", path, f"must be an object of numbers by metric, not {short(value)}")
            return EngagementAtLeast({})
        out: dict[str, float | Matcher] = {}
        for key, wanted in value.items():
            where = pointer(path, str(key))
            reader: Callable[[object, str], float | Matcher] = read_operators if is_operators(wanted) else read_number
            found = self._read(reader, wanted, where)
            if found is not None:
                out[str(key)] = found
        return EngagementAtLeast(out)

    def _segments(self, value: object, path: str) -> Segments | None:
        if not is_object(value):
            return Segments(any=self._names(value, path, "a segment"))
        self._known(value, _SIDES, path)
        if not value:
            self.problems.add("too_short", path, "must name any, all or none")
        sides: dict[str, tuple[str, ...]] = {}
        for side in _SIDES:
            where = pointer(path, side)
            if side not in value:
                continue
            if is_list(value[side]):
                sides[side] = self._names(value[side], where, "a segment")
            else:
                self.problems.add("wrong_type", where, f"must be a list of segments, not {short(value[side])}")
        return Segments(**sides)

    def _all_performed(self, value: object, path: str) -> list[Performed]:
        if not is_list(value):
            found = self._performed(value, path)
            return [] if found is None else [found]
        if not value:
            self.problems.add("too_short", path, "must hold at least one")
        found_all = [self._performed(one, pointer(path, index)) for index, one in enumerate(value)]
        return [one for one in found_all if one is not None]

    def _performed(self, value: object, path: str) -> Performed | None:
        before = len(self.problems.found)
        if not self._is_object(value, _PERFORMED, path, "event"):
            return None
        event = self._event(value, path)
        where = self._where(value, path)
        within = self._within(value, path)
        since = self._since(value.get("since", "ever"), pointer(path, "since"))
        measure = self._measure(value, path)
        of = self._path(value[measure.value], pointer(path, measure.value)) if measure is not Measure.COUNT else None
        passes = self._passes(value, measure, path)
        if len(self.problems.found) > before or passes is None:
            return None
        return Performed(event, where=where, within=within, since=since, measure=measure, of=of, passes=passes)

    def _measure(self, value: Mapping[str, object], path: str) -> Measure:
        named = [measure for measure in Measure if measure.value in value]
        for extra in named[1:]:
            message = f"only one of {', '.join(_MEASURES)} is measured at once"
            self.problems.add("conflicting_fields", pointer(path, extra.value), message)
        return named[0] if named else Measure.COUNT

    def _passes(self, value: Mapping[str, object], measure: Measure, path: str) -> Matcher | None:
        where = pointer(path, "is")
        if measure is Measure.COUNT:
            if "is" in value:
                message = "belongs to sum, avg, min, max and distinct; a count is held against its own value"
                self.problems.add("conflicting_fields", where, message)
            if "count" not in value:
                return DEFAULT_COUNT
            return self._read(read_numeric, value["count"], pointer(path, "count"))
        if "is" not in value:
            self.problems.add("missing_field", where, f"is required: what the {measure} is to pass")
            return None
        return self._read(read_operators, value["is"], where)

    def _since(self, value: object, path: str) -> Since:
        match value:
            case "ever":
                return Since.EVER
            case "workflow_start":
                return Since.WORKFLOW_START
            case _:
                self.problems.add("bad_enum", path, f'must be "ever" or "workflow_start", not {short(value)}')
                return Since.EVER

    def _path(self, value: object, path: str) -> str:
        if isinstance(value, str) and value:
            return value
        self.problems.add("wrong_type", path, f"must be the path of a property, not {short(value)}")
        return ""

    def _sequence(self, value: object, path: str) -> Sequence | None:
        if not self._is_object(value, ("steps", "within"), path, "steps"):
            return None
        within = self._within(value, path)
        if "steps" not in value:
            return None
        listed, where = value["steps"], pointer(path, "steps")
        if not is_list(listed):
            self.problems.add("wrong_type", where, f"must be a list of steps, not {short(listed)}")
            return None
        steps = [self._step(step, pointer(where, index)) for index, step in enumerate(listed)]
        read = tuple(step for step in steps if step is not None)
        if len(read) == len(steps) and all(step.absent for step in read):
            self.problems.add("too_short", where, "must hold at least one step that is not absent")
        return Sequence(read, within)

    def _step(self, value: object, path: str) -> SequenceStep | None:
        if not self._is_object(value, _STEP, path, "event"):
            return None
        event = self._event(value, path)
        where = self._where(value, path)
        absent = value.get("absent", False)
        if not isinstance(absent, bool):
            self.problems.add("wrong_type", pointer(path, "absent"), f"must be true or false, not {short(absent)}")
            return None
        return SequenceStep(event, where=where, absent=absent)

    def _sample(self, value: object, path: str) -> Sample | None:
        if not self._is_object(value, ("percent", "salt"), path, "percent", "salt"):
            return None
        where = pointer(path, "percent")
        percent = self._read(read_number, value["percent"], where) if "percent" in value else None
        if percent is not None and not 0 <= percent <= _ALL:
            self.problems.add("out_of_range", where, f"must be from 0 to {_ALL}, not {short(percent)}")
        salt = value.get("salt")
        if "salt" not in value or not self._is_name(salt, pointer(path, "salt"), "a salt") or percent is None:
            return None
        return Sample(percent, salt)

    def _variables(self, value: object, path: str) -> RunHas:
        if not self.in_run:
            self.problems.add("no_run", path, "there is no run here yet, so there are no variables; ask in a node")
        return RunHas(self._by_path(value, path))

    def _custom(self, value: object, path: str) -> Custom | None:
        if not is_object(value):
            self.problems.add("wrong_type", path, f"must be an object with a name, not {short(value)}")
            return None
        if "name" not in value:
            self.problems.add("missing_field", pointer(path, "name"), "is required")
            return None
        name = value["name"]
        if not self._is_name(name, pointer(path, "name"), "the name of a predicate"):
            return None
        for key in value:
            if not isinstance(key, str):
                self.problems.add("wrong_type", pointer(path, str(key)), f"a key must be text, not {short(key)}")
        return Custom(name, {key: one for key, one in value.items() if key != "name"})

    # --------------------------------------------------------------------------------------------------------
    # Parts

    def _read(self, reader: Callable[[object, str], _T], value: object, path: str) -> _T | None:
        try:
            return reader(value, path)
        except DocumentError as error:
            self.problems.extend(error)
            return None

    def _by_path(self, value: object, path: str) -> dict[str, Matcher]:
        if not is_object(value):
            self.problems.add("wrong_type", path, f"must be an object of values by path, not {short(value)}")
            return {}
        out: dict[str, Matcher] = {}
        for key, wanted in value.items():
            where = pointer(path, str(key))
            if not isinstance(key, str) or not key:
                self.problems.add("bad_id", where, "a path is text that is not empty")
            elif (matcher := self._read(read_matcher, wanted, where)) is not None:
                out[key] = matcher
        return out

    def _where(self, value: Mapping[str, object], path: str) -> dict[str, Matcher]:
        return self._by_path(value["where"], pointer(path, "where")) if "where" in value else {}

    def _within(self, value: Mapping[str, object], path: str) -> Duration | None:
        return self._read(read_window, value["within"], pointer(path, "within")) if "within" in value else None

    def _known(self, value: Mapping[object, object], known: tuple[str, ...], path: str) -> None:
        for key in value:
            if key not in known:
                message = f"unknown key; {suggestion(str(key), known)}"
                self.problems.add("unknown_field", pointer(path, str(key)), message)

    def _is_object(
        self, value: object, known: tuple[str, ...], path: str, *required: str
    ) -> TypeGuard[Mapping[str, object]]:
        if not is_object(value):
            self.problems.add("wrong_type", path, f"must be an object, not {short(value)}")
            return False
        self._known(value, known, path)
        for key in required:
            if key not in value:
                self.problems.add("missing_field", pointer(path, key), "is required")
        return True

    def _event(self, value: Mapping[str, object], path: str) -> str:
        event = value.get("event")
        if "event" not in value or not self._is_name(event, pointer(path, "event"), "an event type"):
            return ""
        return event

    def _names(self, value: object, path: str, what: str) -> tuple[str, ...]:
        """Read a name, or a list of names."""
        if isinstance(value, str):
            return (value,) if self._is_name(value, path, what) else ()
        if not is_list(value):
            self.problems.add("wrong_type", path, f"must be {what} or a list of them, not {short(value)}")
            return ()
        if not value:
            self.problems.add("too_short", path, "must name at least one")
        return tuple(name for index, name in enumerate(value) if self._is_name(name, pointer(path, index), what))

    def _is_name(self, value: object, path: str, what: str) -> TypeGuard[str]:
        problem = id_problem(value)
        if problem:
            self.problems.add("bad_id" if isinstance(value, str) else "wrong_type", path, f"{what} {problem}")
        return problem is None
