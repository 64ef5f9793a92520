"""Rules about what people call things."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from flowkit.problems import pointer, short
from flowkit.workflows.lint.model import Breach
from flowkit.workflows.model import Workflow

__all__ = ["alike", "blank_names", "duplicate_names", "visible"]

_LONGEST: Final = 80


def alike(name: str) -> str:
    """Bring a name into the form in which people tell it from others."""
    return " ".join(name.casefold().split())


def visible(text: str) -> str:
    """Make text from a document fit for a line: bounded, and without signs that cannot be shown."""
    cut = text if len(text) <= _LONGEST else f"{text[: _LONGEST - 3]}..."
    return "".join(char if char.isprintable() else "\ufffd" for char in cut)


def blank_names(workflow: Workflow) -> Iterator[Breach]:
    """Find names that show nothing."""
    if not alike(workflow.name):
        yield Breach("/name", "is blank; say what people call the workflow")
    for key, node in workflow.nodes.items():
        if not alike(node.name):
            yield Breach(f"{pointer('/nodes', key)}/name", "is blank; say what people call the node")


def duplicate_names(workflow: Workflow) -> Iterator[Breach]:
    """Find nodes that have the name of an earlier one."""
    seen: dict[str, str] = {}
    for key, node in workflow.nodes.items():
        name = alike(node.name)
        first = seen.setdefault(name, key)
        if name and first != key:
            message = f"node {short(first)} is called {short(node.name)} too, and people cannot tell them apart"
            yield Breach(f"{pointer('/nodes', key)}/name", f"{message}; give each a name of its own")
