"""What can come of a node: which of its actions are reached, and which of its ways out can be taken.

This says of a definition what `runs.step` does with it: a wait has no outcome, a decision leaves by ``engaged`` or
``not_engaged``, a branch, a split and a wait for what happens by their labels, everything else by ``success`` or
``failure``, and only a node's last action chooses among its edges. An exit has none; a node that may not be entered
again has ``exhausted``.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from attrs import field, frozen

from flowkit.workflows.control import EXHAUSTED, Branch, Exit, Split, WaitForEvent
from flowkit.workflows.model import Action, CheckEngagement, Node, OnSkip, SendEmail, Wait, WaitUntil
from flowkit.workflows.waits import Instead, ProfileDate, ways

__all__ = ["DEFAULT", "Outcomes", "labels", "outcomes"]

DEFAULT: Final = "default"
_ALIKE: Final = {"engaged": "success", "not_engaged": "failure"}


@frozen(kw_only=True)
class Outcomes:
    """What can come of a node.

    Attributes:
        reached: How many of its actions can be reached, from the first on.
        paths: The targets that actions leave for at once.
        taken: The labels of the edges that can be taken.
        completes: Whether a run can end here, because no edge fits or an action ends it.
    """

    reached: int
    paths: tuple[str, ...] = field(converter=tuple[str, ...])
    taken: frozenset[str]
    completes: bool


def outcomes(node: Node) -> Outcomes:
    """Say what can come of a node."""
    paths: list[str] = []
    reached = 0
    ends = False
    given: tuple[str, ...] = ("",)
    for action in node.actions:
        reached += 1
        ends = ends or _may_end(action)
        paths += _paths(action)
        given = labels(action)
        if not given:
            break
    edges = {_edge(node, label) for label in given}
    if node.max_visits is not None:
        edges.add(EXHAUSTED if EXHAUSTED in node.next_nodes else None)
    return Outcomes(
        reached=reached,
        paths=paths,
        taken=frozenset(edge for edge in edges if edge is not None),
        completes=ends or None in edges,
    )


def labels(action: Action) -> tuple[str, ...]:
    """Name what an action may hand on in its node; nothing where each of its outcomes leaves at once."""
    if action.detached:
        return ("",)  # The run goes on before it has an outcome.
    match action.do:
        case Wait() | WaitUntil():
            return ("",)
        case Branch() | Split() | WaitForEvent():
            return action.do.labels
        case Exit():
            return ()
        case CheckEngagement():
            both = ("engaged", "not_engaged")
        case _:
            both = ("success", "failure")
    paths = (action.success_path, action.failure_path)
    return tuple(label for label, path in zip(both, paths, strict=True) if path is None)


def _may_end(action: Action) -> bool:
    if isinstance(action.do, Exit):
        return True
    if isinstance(action.do, SendEmail) and action.do.on_skip is OnSkip.EXIT:
        return not action.detached
    rule = action.do.rule if isinstance(action.do, WaitUntil) else None
    return isinstance(rule, ProfileDate) and Instead.EXIT in {rule.on_missing, rule.on_past}


def _paths(action: Action) -> Iterator[str]:
    if isinstance(action.do, WaitUntil):
        yield from (target for _, target in ways(action.do.rule))
    elif not isinstance(action.do, Wait) and not action.detached:
        yield from (path for path in (action.success_path, action.failure_path) if path is not None)


def _edge(node: Node, label: str) -> str | None:
    """Name the edge by which a label leaves; None where the run completes."""
    return next((name for name in (label, _ALIKE.get(label, label), DEFAULT) if name in node.next_nodes), None)
