"""What triggers expect of values, put together, so that an event is inspected once for all of them.

A condition that reads a value which is missing, or of the wrong kind, does not hold, and says nothing. An inspector
finds such values for all triggers under one event type: in a step for each place that is read, however many triggers
read it. It finds what is read anywhere in a condition, be it that another part had settled it.
"""

from __future__ import annotations

from collections.abc import Iterable
from datetime import UTC, tzinfo
from typing import NamedTuple

from flowkit.conditions.dates import find_zone
from flowkit.conditions.expectations import Expectation, Place, Root, expected, kind_of, unmet
from flowkit.events import NO_FACTS, Event, Facts
from flowkit.triggers.evaluate import Gate

__all__ = ["Inspector", "Odd"]


class Odd(NamedTuple):
    """A value that a trigger cannot pass, whatever it is within its kind.

    Attributes:
        gate: The trigger.
        path: Where the value was read.
        error: Why it cannot: ``missing``, ``wrong_kind``, ``too_long`` or ``no_date``.
        found: The kind of the value.
    """

    gate: Gate
    path: str
    error: str
    found: str


class Inspector:
    """Finds odd values for some triggers, once for each trigger, place and expectation; then it looks no more."""

    def __init__(self, gates: Iterable[Gate]) -> None:
        self._places: dict[Place, dict[Expectation, list[Gate]]] = {}
        for gate in gates:
            for place, expectation in dict.fromkeys(expected(gate.trigger.condition)):
                self._places.setdefault(place, {}).setdefault(expectation, []).append(gate)

    def inspect(self, event: Event | None, facts: Facts | None) -> list[Odd]:
        """Look at an event and a profile.

        Args:
            event: The event at hand; where there is none, nothing of it is missing.
            facts: The subscriber's facts; where they are not known, nothing of them is missing.

        Returns:
            What was not found before.
        """
        found: list[Odd] = []
        for place, expectations in list(self._places.items()):
            if (event is None) if place.root is Root.EVENT else (facts is None):
                continue
            value = place.read(event, facts or NO_FACTS)
            for expectation, gates in list(expectations.items()):
                error = unmet(expectation, value, _zone(expectation, facts))
                if error:
                    kind = kind_of(value)
                    asking = [gate for gate in gates if _may_match(gate, event)]
                    found += (Odd(gate, place.path, error, kind) for gate in asking)
                    self._drop(place, expectation, asking)
        return found

    def _drop(self, place: Place, expectation: Expectation, told: list[Gate]) -> None:
        expectations = self._places[place]
        names = {gate.workflow_id for gate in told}
        expectations[expectation] = [gate for gate in expectations[expectation] if gate.workflow_id not in names]
        if not expectations[expectation]:
            del expectations[expectation]
        if not expectations:
            del self._places[place]


def _may_match(gate: Gate, event: Event | None) -> bool:
    return gate.types is None or (event is not None and event.type in gate.types)


def _zone(expectation: Expectation, facts: Facts | None) -> tzinfo:
    # Looking a zone up costs more than most expectations.
    return UTC if facts is None or expectation.kind != "date" else find_zone(facts.zone)
