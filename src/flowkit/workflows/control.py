"""What steers a run and touches nothing outside of it: branches, splits, exits, and waits for what happens."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import timedelta
from enum import StrEnum
from typing import Any, Final

from attrs import field, frozen

from flowkit.conditions import Condition, Duration
from flowkit.events import Properties
from flowkit.workflows.durations import DurationUnit

__all__ = ["EXHAUSTED", "TIMEOUT", "Awaited", "Branch", "Case", "Exit", "LookBack", "Split", "WaitForEvent", "Way"]

EXHAUSTED: Final = "exhausted"
"""The label of the way that a run takes instead of a node whose ``max_visits`` are spent."""
TIMEOUT: Final = "timeout"
"""The label of the way out of a wait where nothing came in time."""


@frozen
class Case:
    """One case of a branch, or of a wait for what happens.

    Attributes:
        label: The way out of the node where the case is chosen.
        when: What is to hold.
    """

    label: str
    when: Condition


def _in_order(cases: Iterable[Case]) -> tuple[Case, ...]:
    return tuple(cases)


@frozen
class Branch:
    """Leave the node by the label of the first case that holds (``branch``); it is the last action of its node.

    All cases are asked about the same facts at the same instant. What is missing does not hold.

    Attributes:
        cases: The cases, in the order in which they are asked; at least one.
        otherwise: The label where none holds.
        parameters: Whatever else the document gave.
    """

    cases: tuple[Case, ...] = field(converter=_in_order)
    otherwise: str = field(kw_only=True)
    parameters: Properties = field(factory=dict[str, Any], kw_only=True)

    @property
    def labels(self) -> tuple[str, ...]:
        """The labels that may be chosen, in order, the one for none of the cases last."""
        return (*(case.label for case in self.cases), self.otherwise)


@frozen
class Way:
    """One way of a split.

    Attributes:
        label: The way out of the node.
        weight: Its share, in proportion to the weights of the others: 0, or a number from 1e-12 to 1e12. A way of
            weight 0 takes nobody on, and keeps those whom it has.
    """

    label: str
    weight: float


def _of_split(ways: Iterable[Way]) -> tuple[Way, ...]:
    return tuple(ways)


@frozen
class Split:
    """Leave the node by a label that is assigned at random and for good (``split``); it is the last action of its node.

    A subscriber who was assigned a label before keeps it, in every later run and in every later version that has it.

    Attributes:
        ways: The ways, at least one, each label once; their order is nothing.
        split_id: What the assignments belong to: splits of one id agree on every subscriber whom they both have a label
            for, across workflows. None for one of its own, named by workflow and node.
        parameters: Whatever else the document gave.
    """

    ways: tuple[Way, ...] = field(converter=_of_split)
    split_id: str | None = field(default=None, kw_only=True)
    parameters: Properties = field(factory=dict[str, Any], kw_only=True)

    @property
    def labels(self) -> tuple[str, ...]:
        """The labels that may be assigned, in order."""
        return tuple(way.label for way in self.ways)

    def share(self, label: str) -> float:
        """Give the share of a way, from 0 to 1."""
        return sum(way.weight for way in self.ways if way.label == label) / sum(way.weight for way in self.ways)


@frozen
class Exit:
    """End the run with the status ``exited`` (``exit``); it is the last action of its node.

    What is pending is dropped; what was handed over is not recalled.

    Attributes:
        reason: Why, for the journal; one line of text that is not blank.
        parameters: Whatever else the document gave.
    """

    reason: str
    parameters: Properties = field(factory=dict[str, Any], kw_only=True)


# ------------------------------------------------------------------------------------------------------------
# Waiting for what happens


class LookBack(StrEnum):
    """From when on an event counts for a wait that the run comes to."""

    LAST_SEND = "last_send"
    """From the run's last message on, and from its entry where it has sent none."""
    ARRIVAL = "arrival"
    """From the arrival at the wait on."""
    ENTRY = "entry"
    """From the run's entry on."""


@frozen
class Awaited:
    """A branch of a wait that an event takes.

    Attributes:
        label: The way out of the node.
        event: What the event is: its types, and what may be asked of its properties and its value.
    """

    label: str
    event: Condition


def _as_given(branches: Iterable[Awaited | Case]) -> tuple[Awaited | Case, ...]:
    return tuple(branches)


@frozen
class WaitForEvent:
    """Wait for an event or for a condition to hold (``wait_for_event``); it is the last action of its node.

    The node is left by the label of the branch that is met first; of several that are met at the same instant, by that
    of the first in order.

    Attributes:
        branches: What is waited for, at least one: events, and cases whose condition is to hold.
        timeout: After how long the node is left by ``timeout``, 0 to 100 years; None waits for ever.
        unit: How the document spells the timeout; it changes nothing else.
        look_back: From when on events count: a place in the run, or a span before the arrival, which may reach back
            beyond the entry.
        parameters: Whatever else the document gave.
    """

    branches: tuple[Awaited | Case, ...] = field(converter=_as_given)
    timeout: timedelta | None = field(kw_only=True)
    unit: DurationUnit = field(default=DurationUnit.HOURS, kw_only=True)
    look_back: LookBack | Duration = field(default=LookBack.LAST_SEND, kw_only=True)
    parameters: Properties = field(factory=dict[str, Any], kw_only=True)

    @property
    def labels(self) -> tuple[str, ...]:
        """The labels by which the node may be left, in order, that of the timeout last where there is one."""
        named = tuple(branch.label for branch in self.branches)
        return named if self.timeout is None else (*named, TIMEOUT)
