"""Rules about what a workflow takes for granted of the engine that is to carry it out."""

from __future__ import annotations

from collections.abc import Collection, Iterator

from flowkit.conditions import Custom
from flowkit.conditions.walk import leaves
from flowkit.problems import pointer, short, suggestion
from flowkit.workflows.lint.model import Breach, Host
from flowkit.workflows.lint.places import conditions
from flowkit.workflows.model import EMAIL, CallHandler, SendEmail, Workflow

__all__ = ["unknown_channels", "unknown_handlers", "unknown_predicates", "unnamed_handlers"]


def unknown_channels(workflow: Workflow, host: Host) -> Iterator[Breach]:
    """Find messages by a channel that is none of the host's; e-mail always is one."""
    names = sorted({EMAIL, *(host.channels or ())})
    for key, node in workflow.nodes.items():
        for index, action in enumerate(node.actions):
            if isinstance(action.do, SendEmail) and action.do.channel not in names:
                path = f"{pointer('/nodes', key)}/actions/{index}/parameters/channel"
                name = action.do.channel
                yield Breach(path, f"no sender serves the channel {short(name)}; {suggestion(name, names)}")


def unnamed_handlers(workflow: Workflow, known: Collection[str]) -> Iterator[tuple[str, str]]:
    """Find the handlers that a workflow asks for and that are not among the known ones: where, and by which name."""
    for key, node in workflow.nodes.items():
        for index, action in enumerate(node.actions):
            if isinstance(action.do, CallHandler) and action.do.name not in known:
                yield f"{pointer('/nodes', key)}/actions/{index}/parameters/name", action.do.name


def unknown_handlers(workflow: Workflow, host: Host) -> Iterator[Breach]:
    """Find actions of the host's own for which the engine has no handler."""
    known = host.handlers or ()
    listed = ", ".join(map(short, sorted(known))) or "none"
    for path, name in unnamed_handlers(workflow, known):
        yield Breach(path, f"no handler is called {short(name)}; known are {listed}")


def unknown_predicates(workflow: Workflow, host: Host) -> Iterator[Breach]:
    """Find conditions that ask a predicate which the engine does not have; one for each condition and name."""
    known = host.predicates or ()
    listed = ", ".join(map(short, sorted(known))) or "none"
    for asked in conditions(workflow):
        names = (leaf.name for leaf in leaves(asked.condition) if isinstance(leaf, Custom))
        for name in dict.fromkeys(name for name in names if name not in known):
            yield Breach(asked.path, f"asks the predicate {short(name)}, and none is called so; known are {listed}")
