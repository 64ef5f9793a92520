"""Decisions that are made once for all runs that share a state, a signal, an instant and what was read."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Final

from flowkit.conditions import Operand, look_up
from flowkit.events import NO_FACTS, Facts
from flowkit.runs.effects import Asks, Observed, Signal
from flowkit.runs.model import Run, State
from flowkit.runs.program import Program
from flowkit.runs.step import Transition, decide

__all__ = ["Decisions"]

_ALTERNATIVES: Final = 16


class Decisions:
    """What was decided at one instant. ``decide`` is pure, so remembering what it said changes nothing but the time.

    Args:
        now: The engine's instant, in microseconds.
    """

    def __init__(self, now: int) -> None:
        self.now = now
        self._known: dict[tuple[Program, State, Signal], list[Transition]] = {}

    def of(
        self, program: Program, run_id: str, state: State, signal: Signal, due: int | None, facts: Facts | None
    ) -> Transition | Asks:
        """Find a transition, as ``decide`` does; None for the facts asks whether it can do without."""
        if isinstance(signal, Observed):  # An event is seldom like another, and counting it is cheap.
            return decide(program, state, signal, facts, self.now, run_id=run_id, due=due)
        known = self._known.setdefault((program, state, signal), [])
        for transition in known:
            if not transition.reads or (facts is not None and _agrees(facts, transition.reads)):
                return transition
        decided = decide(program, state, signal, facts, self.now, run_id=run_id, due=due)
        if isinstance(decided, Transition) and not decided.own and len(known) < _ALTERNATIVES:
            known.append(decided)
        return decided

    def informed(
        self, program: Program, run_id: str, state: State, signal: Signal, due: int | None, facts: Facts
    ) -> Transition:
        """Find a transition with the facts at hand; it cannot ask for more."""
        decided = self.of(program, run_id, state, signal, due, facts)
        if isinstance(decided, Asks):
            message = f"a decision with facts asked for {decided.needs}"
            raise AssertionError(message)
        return decided

    def split(
        self, program: Program, runs: Sequence[Run], state: State, signal: Signal, facts: Mapping[str, Facts]
    ) -> list[tuple[Transition, list[Run]]]:
        """Part runs in one state by what their facts decide."""
        parts: dict[int, tuple[Transition, list[Run]]] = {}
        for run in runs:
            known = facts.get(run.subscriber_id, NO_FACTS)
            transition = self.informed(program, run.id, state, signal, run.due, known)
            part = parts.get(id(transition))
            if part is None:
                parts[id(transition)] = (transition, [run])
            else:
                part[1].append(run)
        return list(parts.values())


def _agrees(facts: Facts, reads: tuple[Operand, ...]) -> bool:
    """Whether the facts hold, to the type, the very values that a decision was made on."""
    for operand in reads:
        root, _, path = operand.path.partition(".")
        found = look_up(facts.attributes, path) if root == "subscriber" else facts.engagement.get(path)
        if found is not operand.value and (type(found) is not type(operand.value) or found != operand.value):
            return False
    return True
