"""What conditions expect of the values that they read, so that a value which can never pass is noticed."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from datetime import tzinfo
from enum import Enum
from typing import Any, Final, NamedTuple

from flowkit.conditions.dates import read_date
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
    Ops,
    Size,
    Starts,
    Within,
)
from flowkit.conditions.matching import is_number, look_up, size
from flowkit.conditions.model import Condition, EngagementAtLeast, EventHas, RunHas, SubscriberHas, ValueAtLeast
from flowkit.conditions.patterns import BadPattern, compile_pattern
from flowkit.conditions.walk import leaves
from flowkit.documents import is_list, is_object
from flowkit.events import Event, Facts

__all__ = ["MISSING", "Expectation", "Place", "Root", "expectations", "expected", "fault", "kind_of", "unmet"]

MISSING: Final = "missing"
"""The error of a value that is not there."""


class Expectation(NamedTuple):
    """What a test expects of a value, so that it can pass at all.

    Attributes:
        kind: ``there``, ``number``, ``text``, ``text_or_list``, ``list``, ``sized``, ``date`` or ``pattern``.
        pattern: Which pattern, so that the text is not too long for it.
    """

    kind: str
    pattern: str = ""


_THERE: Final = Expectation("there")
_NUMBER: Final = Expectation("number")
_TEXT: Final = Expectation("text")
_TEXT_OR_LIST: Final = Expectation("text_or_list")
_LIST: Final = Expectation("list")
_SIZED: Final = Expectation("sized")
_DATE: Final = Expectation("date")


class Root(Enum):
    """Where a value is read; the first part of the path of an operand."""

    EVENT = "event"
    SUBSCRIBER = "subscriber"
    VARIABLES = "variables"
    ENGAGEMENT = "engagement"


class Place(NamedTuple):
    """A place where a value is read.

    Attributes:
        root: In what.
        name: The property, attribute or metric; None stands for the event's value.
    """

    root: Root
    name: str | None

    @property
    def path(self) -> str:
        """The path that an operand has for it, such as ``event.amount``."""
        return f"{self.root.value}.{'value' if self.name is None else self.name}"

    def read(self, event: Event | None, facts: Facts) -> object:
        """Read the value; None where nothing is there, as of a run's variables, where there is no run."""
        if self.root is Root.SUBSCRIBER:
            return look_up(facts.attributes, self.name or "")
        if self.root is Root.ENGAGEMENT:
            return facts.engagement.get(self.name or "")
        if event is None or self.root is Root.VARIABLES:
            return None
        return event.value if self.name is None else look_up(event.properties, self.name)


def expected(condition: Condition) -> Iterator[tuple[Place, Expectation]]:
    """Say what a condition expects of each value that it reads off an event, a profile and a run, in any of its parts.

    That a value is there is expected, but where a test asks just that, or asks for null.
    """
    for leaf in leaves(condition):
        match leaf:
            case EventHas(properties):
                yield from _of_properties(Root.EVENT, properties)
            case SubscriberHas(properties):
                yield from _of_properties(Root.SUBSCRIBER, properties)
            case RunHas(properties):
                yield from _of_properties(Root.VARIABLES, properties)
            case ValueAtLeast():
                yield from ((Place(Root.EVENT, None), one) for one in (_THERE, _NUMBER))
            case EngagementAtLeast(minimums):
                for name, wanted in minimums.items():
                    place = Place(Root.ENGAGEMENT, name)
                    if isinstance(wanted, (int, float)):
                        yield from ((place, one) for one in (_THERE, _NUMBER))
                    else:
                        yield from _of_matcher(place, wanted)
            case _:
                continue


def _of_properties(root: Root, properties: Mapping[str, Matcher]) -> Iterator[tuple[Place, Expectation]]:
    for path, matcher in properties.items():
        yield from _of_matcher(Place(root, path), matcher)


def _of_matcher(place: Place, matcher: Matcher) -> Iterator[tuple[Place, Expectation]]:
    if not _knows_missing(matcher):
        yield place, _THERE
    yield from ((place, one) for one in expectations(matcher))


def _knows_missing(matcher: Matcher) -> bool:
    """Whether a matcher asks whether something is there."""
    match matcher:
        case Ops(tests):
            return any(_knows_missing(test) for test in tests)
        case Fails(inner):
            return _knows_missing(inner)
        case Exists() | Empty():
            return True
        case Equals(value) | Differs(value):
            return value is None
        case _:
            return False


def expectations(matcher: Matcher) -> Iterator[Expectation]:
    """Say what a matcher expects of a value that is there."""
    match matcher:
        case Ops(tests):
            for test in tests:
                yield from expectations(test)
        case Fails(inner):
            yield from expectations(inner)
        case Compares(bound=bound) | Between(low=bound):
            yield _TEXT if isinstance(bound, str) else _NUMBER
        case Contains() | Lacks():
            yield _TEXT_OR_LIST
        case Matches(pattern):
            yield Expectation("pattern", pattern)
        case Starts() | Ends():
            yield _TEXT
        case HasAny() | HasAll() | HasNone():
            yield _LIST
        case Size():
            yield _SIZED
        case Before() | After() | Within() | Anniversary():
            yield _DATE
        case _:
            return


def fault(matcher: Matcher, value: object, zone: tzinfo) -> str:
    """Say why a value cannot pass, whatever it is within its kind: a word, or empty where it could.

    Returns:
        ``wrong_kind``, ``too_long``, ``no_date`` or ``bad_pattern``; what is missing has no fault.
    """
    if value is None:
        return ""
    return next((found for one in expectations(matcher) if (found := unmet(one, value, zone))), "")


def unmet(expectation: Expectation, value: object, zone: tzinfo) -> str:
    """Say why a value does not meet an expectation: a word, or empty where it does.

    Args:
        expectation: What is expected.
        value: The value; None where nothing is there.
        zone: Where naive dates are.

    Returns:
        ``missing``, ``wrong_kind``, ``too_long``, ``no_date`` or ``bad_pattern``.
    """
    if value is None or expectation is _THERE:
        return MISSING if value is None and expectation is _THERE else ""
    match expectation.kind:
        case "number":
            right = is_number(value)
        case "text":
            right = isinstance(value, str)
        case "text_or_list":
            right = isinstance(value, str) or is_list(value)
        case "list":
            right = is_list(value)
        case "sized":
            right = size(value) is not None
        case "date":
            missing = value == "" if isinstance(value, str) else is_number(value) and not value
            return "" if missing or read_date(value, zone) is not None else "no_date"
        case _:
            return _text_fault(value, expectation.pattern)
    return "" if right else "wrong_kind"


def _text_fault(value: object, pattern: str) -> str:
    if not isinstance(value, str):
        return "wrong_kind"
    try:
        return "too_long" if len(value) > compile_pattern(pattern).longest else ""
    except BadPattern:
        return "bad_pattern"


def kind_of(value: Any) -> str:  # noqa: ANN401 - whatever stands in a property bag
    """Name the kind of a value in JSON's words, or by its Python type where JSON has none."""
    if value is None or isinstance(value, bool):
        return "null" if value is None else "boolean"
    if is_number(value):
        return "number"
    if isinstance(value, str):
        return "string"
    if is_list(value):
        return "list"
    return "object" if is_object(value) else type(value).__name__
