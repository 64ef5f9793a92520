"""The parameters of a branch as a document, and back again.

They are written as::

    {"cases": [{"label": "pro", "when": {"subscriber_properties": {"plan": "pro"}}}], "otherwise": "others"}
"""

from __future__ import annotations

from typing import Final

from flowkit.fields import Fields
from flowkit.problems import short
from flowkit.workflows.control import EXHAUSTED, Branch, Case
from flowkit.workflows.documents.conditions import dump_condition, read_condition

__all__ = ["dump_branch", "read_branch"]

_OTHERWISE: Final = "otherwise"


def read_branch(fields: Fields) -> Branch:
    """Read a branch from its parameters; what is wrong with them is noted there."""
    cases: list[Case] = []
    seen: set[str] = set()
    for value, path in _cases(fields):
        case = fields.open(value, path)
        cases.append(Case(_label(case, "label", seen), read_condition(case.child("when"), in_run=True)))
        case.close()
    return Branch(cases, otherwise=_label(fields, _OTHERWISE, seen), parameters=fields.rest())


def _cases(fields: Fields) -> list[tuple[object, str]]:
    if not fields.has("cases"):
        fields.wrong("cases", "missing_field", "is required")
        return []
    if fields.values["cases"] == []:
        fields.wrong("cases", "too_short", "must hold at least one case")
    return fields.items("cases", most=fields.limits.actions)


def _label(fields: Fields, name: str, seen: set[str]) -> str:
    label = fields.id(name)
    if label in seen:
        fields.wrong(name, "duplicate_id", f"{short(label)} is the label of an earlier case; one way each")
    elif label == EXHAUSTED:
        fields.wrong(name, "reserved_label", f"{short(label)} is the way of a node whose max_visits are spent")
    elif label:
        seen.add(label)
    return label


def dump_branch(branch: Branch, path: str) -> dict[str, object]:
    """Write the parameters of a branch.

    Args:
        branch: The branch.
        path: The JSON Pointer of its parameters, for the error.

    Raises:
        DocumentError: A condition nests too deep.
    """
    cases = [
        {"label": case.label, "when": dump_condition(case.when, f"{path}/cases/{index}/when")}
        for index, case in enumerate(branch.cases)
    ]
    return {"cases": cases, _OTHERWISE: branch.otherwise}
