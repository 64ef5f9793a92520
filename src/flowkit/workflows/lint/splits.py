"""Rules about splits: ways that nobody takes, and weights that look like percentages and are none."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from flowkit.problems import pointer, short
from flowkit.workflows.control import Split
from flowkit.workflows.lint.model import Breach
from flowkit.workflows.model import Workflow
from flowkit.workflows.pictures.phrases import number_words

__all__ = ["sums_not_100", "undivided_splits", "ways_without_weight"]

_WHOLE: Final = 100
_NEAR: Final = 10


def _splits(workflow: Workflow) -> Iterator[tuple[str, Split, int]]:
    """Give each split with the path of its ways, and how many of them have a weight."""
    for key, node in workflow.nodes.items():
        for index, action in enumerate(node.actions):
            if isinstance(action.do, Split):
                path = f"{pointer('/nodes', key)}/actions/{index}/parameters/ways"
                yield path, action.do, sum(way.weight > 0 for way in action.do.ways)


def undivided_splits(workflow: Workflow) -> Iterator[Breach]:
    """Find splits of which one way has all the weight."""
    for path, split, weighty in _splits(workflow):
        if weighty == 1:
            label = next(way.label for way in split.ways if way.weight > 0)
            yield Breach(path, f"everybody who comes here for the first time goes {short(label)}; is the test over?")


def ways_without_weight(workflow: Workflow) -> Iterator[Breach]:
    """Find ways of weight 0 in splits that divide."""
    for path, split, weighty in _splits(workflow):
        for index, way in enumerate(split.ways):
            if weighty > 1 and way.weight <= 0:
                message = f"nobody is assigned {short(way.label)} any more, and who was before keeps it"
                yield Breach(f"{path}/{index}/weight", message)


def sums_not_100(workflow: Workflow) -> Iterator[Breach]:
    """Find weights that nearly make a hundred."""
    for path, split, weighty in _splits(workflow):
        total = sum(way.weight for way in split.ways)
        if weighty > 1 and 0 < abs(total - _WHOLE) <= _NEAR:
            message = (
                f"the weights add up to {number_words(total)}, so they are no percentages: "
                "what counts is each one's part of the sum"
            )
            yield Breach(path, message)
