"""Conditions that can never hold, or hold always: said only where it is proven.

The values are taken for what JSON, dates and numbers of any kind can be. A formula is searched for a way to hold,
choice by choice. The search is bounded; where it ends early, a condition is taken to be one that may hold.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Final

from attrs import define, field

from flowkit.conditions import AllOf, AnyOf, Condition, Not
from flowkit.workflows.lint.atoms import Atom, Either, Every, Formula, Key, formula
from flowkit.workflows.lint.values import is_possible

__all__ = ["always_holds", "conflict", "superfluous"]

_CHOICES: Final = 256
_TESTS: Final = 20_000
_WIDEST: Final = 32


def conflict(formulas: Iterable[Formula]) -> tuple[str, ...] | None:
    """Say why formulas never hold together.

    Returns:
        The names of the values that cannot pass what is asked of them, in the order in which they were found; without
        any where a choice has nothing to choose from. None where the formulas may hold.
    """
    search = _Search()
    if search.may_hold(tuple(formulas), {}):
        return None
    return tuple(search.blamed)


def always_holds(condition: Condition, *, event: bool = True) -> bool:
    """Whether a condition is proven to hold always.

    Args:
        condition: The condition.
        event: Whether an event may be at hand.
    """
    return conflict([formula(condition, event=event, holds=False)]) is not None


def superfluous(condition: Condition) -> tuple[Condition, str] | None:
    """Find a part that could be left out, and the condition would be the same.

    Returns:
        The part and what is the matter with it, to be read after "it"; None where none is found, or where the condition
        is one of a kind that this is not asked of. A part that is empty is left to its author.
    """
    match condition:
        case AllOf(parts) | AnyOf(parts) if 1 < len(parts) <= _WIDEST:
            return _superfluous(parts, every=isinstance(condition, AllOf))
        case _:
            return None


def _superfluous(parts: Sequence[Condition], *, every: bool) -> tuple[Condition, str] | None:
    asked = [part for part in parts if not _is_empty(part)]
    known = [formula(part, holds=every) for part in asked]
    for index, part in enumerate(asked):
        # Of all that is to hold, what follows from the others; of a choice, what only holds where another does too.
        here = formula(part, holds=not every)
        if conflict([here]) is not None:
            return part, "holds always" if every else "never holds"
        if conflict([here, *known[:index], *known[index + 1 :]]) is not None:
            return part, "follows from the other parts" if every else "is covered by the other parts"
    inner = (superfluous(part) for part in parts)
    return next((found for found in inner if found is not None), None)


def _is_empty(condition: Condition) -> bool:
    match condition:
        case AllOf(conditions):
            return all(_is_empty(one) for one in conditions)
        case Not(inner):
            return _is_empty(inner)
        case _:
            return formula(condition) == Every()


@define
class _Search:
    """A search for a way in which formulas hold together.

    Attributes:
        left: How many more choices are tried out.
        tests: How many more tests are put to values.
        blamed: The names of the values at which ways came to an end.
    """

    left: int = _CHOICES
    tests: int = _TESTS
    blamed: dict[str, None] = field(factory=dict[str, None])

    def may_hold(self, formulas: Sequence[Formula], known: dict[Key, list[Atom]]) -> bool:
        """Whether formulas may hold beside what is known to."""
        choices: list[Either] = []
        added: dict[Key, list[Atom]] = {}
        pending = [*reversed(formulas)]
        while pending:
            match pending.pop():
                case Atom() as atom:
                    added.setdefault(atom.key, []).append(atom)
                case Every(parts):
                    pending += reversed(parts)
                case Either() as choice:
                    choices.append(choice)
        for key, atoms in added.items():
            together = [*known.get(key, ()), *atoms]
            self.tests -= len(together)
            if self.tests < 0:
                return True
            if not is_possible(key.values, together):
                self.blamed[key.name] = None
                return False
            added[key] = together
        known = {**known, **added}
        if not choices:
            return True
        choices.sort(key=lambda choice: len(choice.parts))
        first, rest = choices[0], choices[1:]
        for part in first.parts:
            self.left -= 1
            if self.left < 0 or self.may_hold([part, *rest], known):
                return True
        return False
