"""What steers a run and touches nothing outside of it: branches, and exits."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, Final

from attrs import field, frozen

from flowkit.conditions import Condition
from flowkit.events import Properties

__all__ = ["EXHAUSTED", "Branch", "Case", "Exit"]

EXHAUSTED: Final = "exhausted"
"""The label of the way that a run takes instead of a node whose ``max_visits`` are spent."""


@frozen
class Case:
    """One case of a branch.

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
class Exit:
    """End the run with the status ``exited`` (``exit``); it is the last action of its node.

    What is pending is dropped; what was handed over is not recalled.

    Attributes:
        reason: Why, for the journal; one line of text that is not blank.
        parameters: Whatever else the document gave.
    """

    reason: str
    parameters: Properties = field(factory=dict[str, Any], kw_only=True)
