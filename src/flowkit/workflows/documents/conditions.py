"""Conditions as parts of larger documents: read with their place, and written."""

from __future__ import annotations

from flowkit import conditions
from flowkit.conditions import ALWAYS, Condition
from flowkit.errors import DocumentError, Problem
from flowkit.fields import Fields

__all__ = ["dump_condition", "read_condition"]


def read_condition(fields: Fields, *, in_run: bool = False) -> Condition:
    """Read a condition from its object; what is wrong with it is noted there.

    Args:
        fields: The object.
        in_run: Whether it is asked of a run, which may have variables.
    """
    try:
        return conditions.parse(fields.values, fields.path, in_run=in_run)
    except DocumentError as error:
        fields.problems.extend(error)
        return ALWAYS


def dump_condition(condition: Condition, path: str) -> dict[str, object]:
    """Write a condition.

    Args:
        condition: The condition.
        path: The JSON Pointer of its object, for the error.

    Raises:
        DocumentError: It nests too deep.
    """
    try:
        return conditions.dump(condition)
    except RecursionError:
        raise DocumentError([Problem("too_deep", path, message="conditions nest too deep")]) from None
