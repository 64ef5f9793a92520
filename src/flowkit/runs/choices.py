"""How a branch chooses: the first case that holds, on one set of facts at one instant, and what was read to tell."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from typing import Any, Final

from attrs import frozen

from flowkit.conditions import NO_VARIABLES, Operand, Predicate, evaluate, is_personal, needs
from flowkit.events import Facts
from flowkit.runs.model import operand_data
from flowkit.workflows.control import Branch

__all__ = ["Choice", "asks_facts", "choose", "is_shared", "of_facts"]

_VARIABLES: Final = "variables."
_SHARED: Final = ("subscriber.", "engagement.", _VARIABLES)


@frozen
class Choice:
    """What a branch chose.

    Attributes:
        label: The label of the case, or of none.
        operands: The values that were read, in order, up to the case that holds.
        timed: Whether it depends on the instant at which it was chosen.
    """

    label: str
    operands: Sequence[Operand]
    timed: bool

    @property
    def data(self) -> Mapping[str, Any]:
        """What the journal says: label, values by path, what was missing, and what was of the wrong kind and why.

        A path that was read again with another value, as counts of different spans are, is written with a number.
        """
        read = operand_data(self.operands)
        errors = read.get("errors", {})
        missing = [path for path, value in read["operands"].items() if value is None and path not in errors]
        return {"label": self.label, **read, **({"missing": missing} if missing else {})}


def choose(
    branch: Branch,
    facts: Facts,
    now: datetime,
    *,
    started_at: datetime,
    predicates: Mapping[str, Predicate],
    variables: Mapping[str, Any] = NO_VARIABLES,
) -> Choice:
    """Choose the label of the first case that holds.

    Args:
        branch: The branch.
        facts: What is known about the subscriber.
        now: The engine's instant.
        started_at: When the run was entered.
        predicates: The host's predicates by name.
        variables: The run's variables by name.
    """
    operands: list[Operand] = []
    timed = False
    for case in branch.cases:
        verdict = evaluate(
            case.when, facts, None, now, started_at=started_at, predicates=predicates, variables=variables
        )
        operands += verdict.operands
        timed = timed or verdict.timed
        if verdict.holds:
            return Choice(case.label, operands, timed)
    return Choice(branch.otherwise, operands, timed)


def asks_facts(branch: Branch) -> bool:
    """Whether any case reads the profile, the past, or whose run it is."""
    return any(needs(case.when) or is_personal(case.when) for case in branch.cases)


def is_shared(operands: Iterable[Operand]) -> bool:
    """Whether runs whose facts agree on what was read agree on it: the past, samples and predicates are one's own."""
    return all(operand.path.startswith(_SHARED) for operand in operands)


def of_facts(operands: Iterable[Operand]) -> list[Operand]:
    """Give the operands that were read of facts: variables are part of the state, which runs have in common already."""
    return [operand for operand in operands if not operand.path.startswith(_VARIABLES)]
