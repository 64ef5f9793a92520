"""Conditions that can never hold, or hold always: said only where it is proven.

The values are taken for what JSON, dates and numbers of any kind can be. A formula is searched for a way to hold,
choice by choice. The search is bounded; where it ends early, a condition is taken to be one that may hold.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Final, TypeAlias

from attrs import define, field

from flowkit.conditions import AllOf, AnyOf, Condition, Not
from flowkit.workflows.lint.atoms import Atom, Either, Every, Formula, Key, formula
from flowkit.workflows.lint.values import is_possible

__all__ = ["always_holds", "conflict", "superfluous"]

_TRIED: Final = 20_000
_Known: TypeAlias = Mapping[Key, Sequence[Atom]]
_WIDEST: Final = 32


def conflict(formulas: Iterable[Formula]) -> tuple[str, ...] | None:
    """Say why formulas never hold together.

    Returns:
        The names of the values that cannot pass what is asked of them, in the order in which they were found; without
        any where a choice has nothing to choose from. None where the formulas may hold.
    """
    search = _Search()
    if search.may_hold(tuple(formulas)):
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
        left: How much more is tried out: tests on values, and choices that are put off.
        blamed: The names of the values at which ways came to an end.
    """

    left: int = _TRIED
    blamed: dict[str, None] = field(factory=dict[str, None])

    def may_hold(self, formulas: Sequence[Formula]) -> bool:
        """Whether formulas may hold together; so they may where too much would have to be tried out."""
        # What is left to be tried: a part of the last choice, with all that was not chosen from yet, and what is known.
        ways: list[tuple[Formula, Sequence[Formula], _Known]] = [(Every(tuple(formulas)), (), {})]
        while ways:
            part, rest, known = ways.pop()
            self.left -= 1 + len(rest)
            beside, choices = _taken_apart((part, *rest))
            together = self._possible(beside, known)
            if together is None:
                continue
            if not choices or self.left < 0:
                return True
            first, *others = sorted(choices, key=lambda choice: len(choice.parts))
            ways += ((one, others, together) for one in reversed(first.parts))
        return False

    def _possible(self, beside: Mapping[Key, Sequence[Atom]], known: _Known) -> _Known | None:
        """Put tests beside what is known; None where no value can pass them."""
        found = {**known}
        for key, atoms in beside.items():
            found[key] = (*known.get(key, ()), *atoms)
            self.left -= len(found[key])
            if self.left >= 0 and not is_possible(key.values, found[key]):
                self.blamed[key.name] = None
                return None
        return found


def _taken_apart(formulas: Sequence[Formula]) -> tuple[Mapping[Key, Sequence[Atom]], Sequence[Either]]:
    """Part formulas into the tests on each value, and the choices; all in order."""
    atoms: dict[Key, list[Atom]] = {}
    choices: list[Either] = []
    pending = [*reversed(formulas)]
    while pending:
        match pending.pop():
            case Atom() as atom:
                atoms.setdefault(atom.key, []).append(atom)
            case Every(parts):
                pending += reversed(parts)
            case Either() as choice:
                choices.append(choice)
    return atoms, choices
