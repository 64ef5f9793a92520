"""Values that exit criteria and goals can never pass, found once for each place in a workflow's document."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from datetime import UTC
from typing import Any, NamedTuple

from flowkit.conditions import Condition, look_up
from flowkit.conditions.dates import find_zone
from flowkit.conditions.expectations import Expectation, Place, Root, expected, kind_of, unmet
from flowkit.events import NO_FACTS, Event, Facts
from flowkit.runs.program import aimed_types
from flowkit.workflows.goals import Aim
from flowkit.workflows.model import Workflow

__all__ = ["AimFault", "AimInspector"]


class AimFault(NamedTuple):
    """A value that cannot pass, whatever it is within its kind.

    Attributes:
        where: Where the condition stands in the document.
        path: Where the value was read.
        error: Why it cannot pass.
        found: The kind of the value.
    """

    where: str
    path: str
    error: str
    found: str


class _Open(NamedTuple):
    """What is looked at until it is found wanting: of events of some types alone, or of whatever there is."""

    where: str
    types: frozenset[str] | None
    place: Place
    expectation: Expectation


class AimInspector:
    """Looks at what the criteria and goals of one version read; what it has found once it looks for no more.

    Args:
        workflow: The version.
    """

    def __init__(self, workflow: Workflow) -> None:
        self._open = list(dict.fromkeys(_asked(workflow)))

    def inspect(self, event: Event | None, facts: Facts | None, variables: Mapping[str, Any]) -> list[AimFault]:
        """Look at an event, a profile and the variables of a run.

        Args:
            event: The event at hand, if any.
            facts: The subscriber's facts; where they are not known, nothing of them is missing.
            variables: What the run has; one that it has not may come yet, and is not missing.

        Returns:
            What was not found before.
        """
        found: list[AimFault] = []
        left: list[_Open] = []
        for one in self._open:
            fault = _fault(one, event, facts, variables)
            if fault is None:
                left.append(one)
            else:
                found.append(fault)
        if found:
            self._open = left
        return found


def _asked(workflow: Workflow) -> Iterator[_Open]:
    of_workflow: Mapping[str, Sequence[Aim]] = {"exit_criteria": workflow.exit_criteria, "goals": workflow.goals}
    for name, aims in of_workflow.items():
        for index, aim in enumerate(aims):
            if aim.event is not None:
                yield from _of(aim.event, f"/{name}/{index}/event", frozenset(aimed_types((aim,))))
            if aim.when is not None:
                yield from _of(aim.when, f"/{name}/{index}/when", None)


def _of(condition: Condition, where: str, types: frozenset[str] | None) -> Iterator[_Open]:
    for place, expectation in expected(condition):
        yield _Open(where, types, place, expectation)


def _fault(one: _Open, event: Event | None, facts: Facts | None, variables: Mapping[str, Any]) -> AimFault | None:
    place = one.place
    if one.types is not None and (event is None or event.type not in one.types):
        return None
    value: object
    match place.root:
        case Root.EVENT if event is None or one.types is None:
            return None
        case Root.VARIABLES:
            value = look_up(variables, place.name or "")
            if value is None:
                return None
        case Root.EVENT | Root.SUBSCRIBER | Root.ENGAGEMENT:
            if facts is None and place.root is not Root.EVENT:
                return None
            value = place.read(event, facts or NO_FACTS)
    zone = UTC if facts is None or one.expectation.kind != "date" else find_zone(facts.zone)
    error = unmet(one.expectation, value, zone)
    return None if not error else AimFault(one.where, place.path, error, kind_of(value))
