"""Goals and exit criteria: what is counted, and what ends a run wherever it is, be it in a wait or before an effect.

A run is looked at when it begins, with each event of the subscriber, when the profile was changed, after each outcome,
whenever it is woken, before an effect that had to wait is carried out, and at the instants at which a condition changes
by itself. Goals are counted first, in order, each once; then the run ends by the first reached goal that exits, else by
the first exit criterion that is met.

An event counts where it occurred at or after the entry and, for a goal, before the end of its window. A condition is
met at the instant at which it is found to hold. Once a run has ended, goals by an event are counted on until the end of
their windows, for those who were held out as for all others; those without a window, and those by a condition, are
not.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import timedelta
from typing import Any, Final

from attrs import evolve

from flowkit.conditions import Condition, evaluate, is_personal, needs
from flowkit.events import NO_FACTS, Event, from_micros, to_micros
from flowkit.runs import awaiting
from flowkit.runs.choices import is_shared, of_facts
from flowkit.runs.effects import Asks
from flowkit.runs.model import Kind, Status, operand_data
from flowkit.runs.variables import variables_of
from flowkit.runs.walk import Walk
from flowkit.workflows.goals import Aim, Goal

__all__ = ["ends", "measure"]

_MICROSECOND: Final = timedelta(microseconds=1)


def ends(walk: Walk, event: Event | None = None, *, mine: bool = False) -> bool:
    """Count the goals that are reached, and end the run where it is to.

    Args:
        walk: The run.
        event: The event at hand; None where there is none.
        mine: Whether it is one for the run.

    Returns:
        Whether there is nothing more to be decided: the run has ended, or facts have to be known first.
    """
    workflow = walk.program.workflow
    if not walk.program.aims or not walk.state.alive:
        return False
    if walk.state.node is None:  # At its end, with something open beside it: nothing but a look is due at its place.
        walk.due = None
    given = event if mine else None
    goals = [goal for goal in workflow.goals if goal.goal_id not in walk.state.goals and _is_asked(goal, given)]
    criteria = [one for one in workflow.exit_criteria if _is_asked(one, given)]
    if walk.facts is None and (any(map(_asks_facts, goals)) or any(map(_asks_facts, criteria))):
        walk.asks = Asks(walk.program.needs)
        return True
    walk.flip = None
    look = _Look(walk, event, given)
    reason, because = "", None
    for goal in goals:
        found = look.at(goal)
        if found is None:
            continue
        _count(walk, goal, found)
        if goal.exits and because is None:
            reason, because = goal.reason, found
    if because is None:
        for criterion in criteria:
            because = look.at(criterion)
            if because is not None:
                reason = criterion.reason
                break
    if because is None:
        return False
    walk.note(Kind.EXITED, reason=reason, **because)
    walk.end(Status.EXITED, reason)
    return True


def measure(walk: Walk, event: Event, *, mine: bool) -> None:
    """Count goals for a run that has ended, or that was never begun, as far as their windows are open."""
    look = _Look(walk, event, event if mine else None)
    for goal in walk.program.workflow.goals:
        if goal.event is None or goal.within is None or goal.goal_id in walk.state.goals:
            continue
        found = look.at(goal)
        if found is not None:
            _count(walk, goal, found)


def _count(walk: Walk, goal: Goal, found: Mapping[str, Any]) -> None:
    walk.note(Kind.GOAL, goal=goal.goal_id, **found)
    walk.state = evolve(walk.state, goals=(*walk.state.goals, goal.goal_id))


class _Look:
    """One look at a run.

    Args:
        walk: The run.
        event: The event at hand; None where there is none.
        given: The same where it is one for the run.
    """

    def __init__(self, walk: Walk, event: Event | None, given: Event | None) -> None:
        self._walk = walk
        self._given = given
        self._facts = walk.facts or NO_FACTS
        needed = walk.program.needs
        self._after = self._facts if event is None else awaiting.with_event(self._facts, needed, event, walk.now)

    def at(self, one: Aim) -> Mapping[str, Any] | None:
        """Ask a goal or a criterion: what the journal says of why it is met; None where it is not."""
        walk = self._walk
        until = None
        if isinstance(one, Goal) and one.within is not None:
            until = walk.member.entered + one.within // _MICROSECOND
            walk.own = True
        if one.when is not None:
            return self._holds(one.when, until)
        if one.event is None or self._given is None:
            return None
        at = awaiting.instant_of(self._given, walk.now)
        if not awaiting.in_time(at, walk.member.entered, until) or not self._is(one.event, self._given):
            return None
        found: dict[str, Any] = {"type": self._given.type, "occurred_at": from_micros(at).isoformat()}
        if self._given.value is not None:
            found["value"] = self._given.value
        return found

    def _is(self, asked: Condition, event: Event) -> bool:
        return evaluate(asked, self._facts, event, from_micros(self._walk.now)).holds

    def _holds(self, condition: Condition, until: int | None) -> Mapping[str, Any] | None:
        walk = self._walk
        if until is not None and walk.now >= until:
            return None
        verdict = evaluate(
            condition,
            self._after,
            None,
            from_micros(walk.now),
            started_at=from_micros(walk.member.entered),
            predicates=walk.program.predicates,
            variables=variables_of(walk.state.variables),
        )
        walk.reads += of_facts(verdict.operands)
        walk.own = walk.own or verdict.timed or not is_shared(verdict.operands)
        if verdict.holds:
            return operand_data(verdict.operands)
        if verdict.flips_at is not None:
            flip = to_micros(verdict.flips_at)
            if until is None or flip < until:
                walk.flip = flip if walk.flip is None else min(walk.flip, flip)
        return None


def _is_asked(one: Aim, event: Event | None) -> bool:
    """Whether it is asked at all: a condition always is, and what is about events only with one at hand."""
    return one.when is not None or event is not None


def _asks_facts(one: Aim) -> bool:
    asked = one.event if one.when is None else one.when
    return asked is not None and (bool(needs(asked)) or is_personal(asked))
