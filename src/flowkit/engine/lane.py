"""The lane beside the desks: who enters a workflow by one event alone, and for the first time, needs no desk.

Whether an event type has a lane is asked once a batch: nothing but the event itself may decide, so that nothing has to
be read, counted or observed. Whoever differs in anything (several events at once, a suppression, an event that was
accepted before, an earlier entry, no workflow or several) goes to a desk. The lane decides as the desk would, and keeps
those together who enter alike, so that the store can write them together.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TypeAlias

from flowkit.conditions import Moment
from flowkit.engine.catalogue import NO_WANTS, Entrance
from flowkit.engine.parts import Parts
from flowkit.events import NO_FACTS, Event
from flowkit.hashing import run_id
from flowkit.ports import Intake, Recalled
from flowkit.runs.consent import BANNING
from flowkit.runs.feedback import FEEDBACK
from flowkit.runs.step import Transition
from flowkit.triggers.evaluate import Gate

__all__ = ["Came", "Lane"]

Came: TypeAlias = tuple[str, str, Event, int]
"""An event that came in: its id, the text that is kept of it, the event, and by how many actions of runs it came."""


class Lane:
    """The lane of one batch.

    Args:
        parts: The ports and what is published.
        batch: What came in, by subscriber.
        entrances: Where events of each type may lead.
        moment: The engine's instant.
    """

    def __init__(
        self, parts: Parts, batch: Mapping[str, Sequence[Came]], entrances: Mapping[str, Entrance], moment: Moment
    ) -> None:
        self._parts = parts
        self._batch = batch
        self._moment = moment
        self._entrances = {kind: one for kind, one in entrances.items() if _has_lane(parts, kind, one)}
        self._begun: dict[str, Transition | None] = {}

    def take(self, subscriber_id: str, recalled: Recalled | None, alike: Intake | None) -> Intake | None:
        """Let a subscriber in where it needs no desk; None where it does.

        Args:
            subscriber_id: Who.
            recalled: What the store remembers; None where it knows nothing.
            alike: Who came right before; None where those went to a desk.

        Returns:
            Those with whom it enters: the same, or others.
        """
        came = self._batch[subscriber_id]
        if len(came) > 1:
            return None
        cause, origin, event, _ = came[0]
        entrance = self._entrances.get(event.type)
        if entrance is None:
            return None
        gates = entrance.gates
        if len(gates) > 1:
            gates = self._parts.catalogue.matching(entrance, event, None, self._moment)
        elif not gates[0].test(event, NO_FACTS, self._moment):  # What asks for facts has no lane.
            return None
        if len(gates) != 1:
            return None
        [gate] = gates
        workflow_id, handle = gate.workflow_id, None
        if recalled is not None:
            if recalled.bans or recalled.seen or workflow_id in recalled.ledgers:
                return None
            handle = recalled.handle
        run = run_id(workflow_id, subscriber_id, cause)
        if alike is None or alike.workflow_id != workflow_id:
            begun = self._beginning(gate, run)
            if begun is None:
                return None
            now = self._moment.now
            alike = Intake(workflow_id, gate.version, now, begun.state, begun.due(now), begun.entries, [])
        alike.entrants.append((subscriber_id, handle, cause, run, origin))
        return alike

    def _beginning(self, gate: Gate, run: str) -> Transition | None:
        """Find how all runs of a workflow begin; None where each has to be asked."""
        if gate.workflow_id not in self._begun:
            self._begun[gate.workflow_id] = self._decided(gate, run)
        return self._begun[gate.workflow_id]

    def _decided(self, gate: Gate, run: str) -> Transition | None:
        program = self._parts.catalogue.program(gate.version)
        if gate.lets_in is not None or gate.asks_runs or not gate.is_plain:
            return None
        if program.personal or program.workflow.holdout is not None:
            return None
        begun = self._parts.decisions.begun(program, run, None, self._moment.now)
        return None if begun.reads or begun.own or begun.assigned else begun


def _has_lane(parts: Parts, kind: str, entrance: Entrance) -> bool:
    """Whether nothing but an event of a type decides what comes of it."""
    catalogue = parts.catalogue
    if catalogue.watchful or catalogue.holds or parts.watch is not None:
        return False
    if entrance.observed or kind in catalogue.kept or kind in FEEDBACK or (kind in BANNING and parts.suppresses):
        return False
    return entrance.wants == NO_WANTS and bool(entrance.gates)
