"""Rules about names that are nearly right."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import islice
from typing import Final

from flowkit.problems import meant, pointer, short
from flowkit.workflows.documents.kinds import OPTIONAL, kind_of
from flowkit.workflows.lint.model import Breach
from flowkit.workflows.model import Workflow

__all__ = ["misspelled_parameters"]

_LOOKED_AT: Final = 200
"""The most parameters of one action that are looked at: a bag of thousands was not spelt by hand."""


def misspelled_parameters(workflow: Workflow) -> Iterator[Breach]:
    """Find free parameters that are spelled nearly like one that the action would read."""
    for key, node in workflow.nodes.items():
        for index, action in enumerate(node.actions):
            if not action.do.parameters:
                continue
            kind = kind_of(action.do)
            for name in islice(action.do.parameters, _LOOKED_AT):
                if name not in OPTIONAL[kind] and (known := meant(name, OPTIONAL[kind])) is not None:
                    path = pointer(f"{pointer('/nodes', key)}/actions/{index}/parameters", name)
                    message = f"is no parameter that {kind} reads, so it has no effect; did you mean {short(known)}?"
                    yield Breach(path, message)
