"""Rules about what a workflow takes for granted of the engine that is to carry it out."""

from __future__ import annotations

from collections.abc import Collection, Iterator

from flowkit.problems import pointer, short
from flowkit.workflows.lint.model import Breach
from flowkit.workflows.model import CallHandler, Workflow

__all__ = ["unknown_handlers", "unnamed_handlers"]


def unnamed_handlers(workflow: Workflow, known: Collection[str]) -> Iterator[tuple[str, str]]:
    """Find the handlers that a workflow asks for and that are not among the known ones: where, and by which name."""
    for key, node in workflow.nodes.items():
        for index, action in enumerate(node.actions):
            if isinstance(action.do, CallHandler) and action.do.name not in known:
                yield f"{pointer('/nodes', key)}/actions/{index}/parameters/name", action.do.name


def unknown_handlers(workflow: Workflow, known: Collection[str]) -> Iterator[Breach]:
    """Find actions of the host's own for which the engine has no handler."""
    listed = ", ".join(map(short, sorted(known))) or "none"
    for path, name in unnamed_handlers(workflow, known):
        yield Breach(path, f"no handler is called {short(name)}; known are {listed}")
