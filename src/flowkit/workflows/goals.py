"""What a run is held against while it lives, whatever it does: exit criteria and goals; and who is held out.

What cannot be one is refused when it is made, by a `DocumentError` whose paths name the fields as documents do.
"""

from __future__ import annotations

from collections.abc import Iterable
from datetime import timedelta
from typing import Final, TypeAlias

from attrs import field, frozen

from flowkit.conditions import Condition
from flowkit.errors import DocumentError, Problem
from flowkit.hashing import digest64
from flowkit.workflows.durations import DurationUnit

__all__ = ["Aim", "ExitCriterion", "Goal", "Holdout", "criteria_in_order", "goals_in_order"]

_ALL: Final = 1 << 64
_SALT: Final = "holdout"


def _refuse_unless_one(event: Condition | None, when: Condition | None) -> None:
    if (event is None) is (when is None):
        code = "missing_field" if event is None else "conflicting_fields"
        raise DocumentError([Problem(code, "", message="give either an event or when, a condition")])


@frozen
class ExitCriterion:
    """Something that ends the run wherever it is: an event, or a condition over the subscriber; one of the two.

    Attributes:
        reason: Why, for the journal; one line of text that is not blank.
        event: What the event is: its types, and what may be asked of its properties and its value.
        when: What is to hold.

    Raises:
        DocumentError: There is neither an event nor a condition, or both.
    """

    reason: str
    event: Condition | None = field(default=None, kw_only=True)
    when: Condition | None = field(default=None, kw_only=True)

    def __attrs_post_init__(self) -> None:
        _refuse_unless_one(self.event, self.when)


@frozen
class Goal:
    """What a workflow is for: counted once a run, by an event or by a condition over the subscriber; one of the two.

    Attributes:
        goal_id: Its name, unique within the workflow.
        event: What the event is: its types, and what may be asked of its properties and its value.
        when: What is to hold.
        within: For how long after the entry it counts, 0 to 100 years; exactly at its end it does no more. None counts
            it as long as the run is alive.
        unit: How the document spells `within`; it changes nothing else.
        exits: Whether the run ends where it is reached.

    Raises:
        DocumentError: There is neither an event nor a condition, or both.
    """

    goal_id: str
    event: Condition | None = field(default=None, kw_only=True)
    when: Condition | None = field(default=None, kw_only=True)
    within: timedelta | None = field(default=None, kw_only=True)
    unit: DurationUnit = field(default=DurationUnit.HOURS, kw_only=True)
    exits: bool = field(default=False, kw_only=True)

    def __attrs_post_init__(self) -> None:
        _refuse_unless_one(self.event, self.when)

    @property
    def reason(self) -> str:
        """Why a run exits that ends by it."""
        return f"goal: {self.goal_id}"


@frozen
class Holdout:
    """A share of those whom the rules of entry let in: they are journaled and measured, and get nothing.

    Attributes:
        share: From 0 to 1. A larger one holds out whom a smaller one does, and others besides.
        name: Whom it is: workflows whose holdouts have one name hold out the same subscribers, as far as their shares
            go. None takes the workflow's id.
    """

    share: float
    name: str | None = field(default=None, kw_only=True)

    def holds_out(self, workflow_id: str, subscriber_id: str) -> bool:
        """Whether a subscriber is held out: always the same, whatever version and however often it comes."""
        return digest64(_SALT, self.name or workflow_id, subscriber_id) < int(self.share * _ALL)


Aim: TypeAlias = ExitCriterion | Goal
"""What a run is held against."""


def criteria_in_order(criteria: Iterable[ExitCriterion]) -> tuple[ExitCriterion, ...]:
    """Take exit criteria in the order in which they are given."""
    return tuple(criteria)


def goals_in_order(goals: Iterable[Goal]) -> tuple[Goal, ...]:
    """Take goals in the order in which they are given."""
    return tuple(goals)
