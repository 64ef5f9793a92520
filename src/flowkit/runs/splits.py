"""How a split chooses: by what was assigned before, else by the weights; and what is written down of it."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import NamedTuple

from attrs import Factory, field, frozen

from flowkit.hashing import assign
from flowkit.workflows.control import Split
from flowkit.workflows.model import Workflow

__all__ = ["Assigned", "Fork", "forks_of"]


class Assigned(NamedTuple):
    """A label that is assigned to a subscriber.

    Attributes:
        split: What it belongs to.
        label: The label.
        before: The label that it takes the place of, since the split has that no more; None for none.
    """

    split: str
    label: str
    before: str | None = None


@frozen
class Fork:
    """A split in its place.

    Attributes:
        split: What its assignments belong to, and the salt of its lots.
        do: The split.
        weights: Its labels, each with its weight.
    """

    split: str
    do: Split
    weights: Sequence[tuple[str, float]] = field(
        init=False,
        default=Factory(lambda self: tuple((way.label, way.weight) for way in self.do.ways), takes_self=True),
    )

    def drawn(self, unit: str) -> str:
        """Draw the label of a subscriber who has none yet: the same one whenever the weights are the same."""
        return assign(self.split, unit, self.weights)


def forks_of(workflow: Workflow) -> Mapping[str, Fork]:
    """Give the splits of a workflow by node."""
    return dict(_forks(workflow))


def _forks(workflow: Workflow) -> Iterator[tuple[str, Fork]]:
    for node_id, node in workflow.nodes.items():
        for action in node.actions:
            if isinstance(action.do, Split):
                yield node_id, Fork(_belongs_to(workflow.workflow_id, node_id, action.do), action.do)


def _belongs_to(workflow_id: str, node_id: str, split: Split) -> str:
    """Name what the assignments of a split belong to; no name that is given is like one that is made."""
    if split.split_id is not None:
        return f":{split.split_id}"
    return f"{len(workflow_id)}:{workflow_id}:{node_id}"
