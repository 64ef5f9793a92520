"""Where the vertices of a net are: straight lines where that is possible, parents above the middle of their children.

Each rank is placed as near as possible to where its neighbours want it, in the sense of least squares, with all
distances kept: an isotonic regression, solved by pooling adjacent violators (Barlow and others 1972).
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from math import fsum
from typing import Final

from flowkit.workflows.pictures.net import Net

__all__ = ["across", "down"]

_SWEEPS: Final = 12
_LARGE: Final = 8_000
_SWEEPS_OF_LARGE: Final = 4
_BOX_WEIGHT: Final = 1.0
_LINE_WEIGHT: Final = 4.0
_GAP: Final = 46.0
_GAP_AT_LABELS: Final = 26.0
_SLOPE: Final = 0.07
_MOST_MORE: Final = 44.0


def across(net: Net) -> list[float]:
    """Find the axis of each vertex, in whole units."""
    axis = [0.0] * len(net.rank_of)
    for rank in net.ranks:
        for vertex, offset in zip(rank, _offsets(net, rank), strict=True):
            axis[vertex] = offset
    sweeps = _SWEEPS if len(axis) <= _LARGE else _SWEEPS_OF_LARGE
    for sweep in range(sweeps):
        # The last sweep goes upwards: a node stands above the middle of its branches.
        downwards = sweep % 2 == 0
        near = net.above if downwards else net.below
        for rank in net.ranks if downwards else reversed(net.ranks):
            _settle(net, rank, near, axis)
    _straighten(net, axis)
    return [float(round(one)) for one in axis]


def _distance(net: Net, one: int, other: int) -> float:
    return net.right[one] + net.space[one] + net.space[other] + net.left[other]


def _offsets(net: Net, rank: Sequence[int]) -> list[float]:
    """How far right each vertex is when all of a rank are as near to each other as may be."""
    offsets = [0.0] * len(rank)
    for index in range(1, len(rank)):
        offsets[index] = offsets[index - 1] + _distance(net, rank[index - 1], rank[index])
    return offsets


def _settle(net: Net, rank: Sequence[int], near: Sequence[Sequence[int]], axis: list[float]) -> None:
    """Move a rank to where its neighbours want it."""
    offsets = _offsets(net, rank)
    pools: list[tuple[float, float, int]] = []  # the mean that is wanted, its weight, how many vertices
    for vertex, offset in zip(rank, offsets, strict=True):
        wanted = _wanted(net, vertex, near[vertex], axis)
        weight = _LINE_WEIGHT if not net.height[vertex] else _BOX_WEIGHT
        mean, count = wanted - offset, 1
        while pools and pools[-1][0] >= mean:
            other, other_weight, others = pools.pop()
            mean = (mean * weight + other * other_weight) / (weight + other_weight)
            weight, count = weight + other_weight, count + others
        pools.append((mean, weight, count))
    means = (mean for mean, _, count in pools for _ in range(count))
    for vertex, offset, mean in zip(rank, offsets, means, strict=True):
        axis[vertex] = mean + offset


def _wanted(net: Net, vertex: int, near: Sequence[int], axis: Sequence[float]) -> float:
    """Say where a vertex is best: in the middle of its neighbours, or where it is if it has none."""
    if near:
        return fsum(axis[one] for one in near) / len(near)
    box = net.beside.get(vertex)
    # A line that turns beside a box stays near to it, and the whole line with it.
    return axis[vertex] if box is None else axis[box] + _distance(net, box, vertex)


def _straighten(net: Net, axis: list[float]) -> None:
    """Make lines that neither fork nor join straight where their neighbours leave the room."""
    place = {vertex: index for rank in net.ranks for index, vertex in enumerate(rank)}
    for line in _unbranched(net):
        low, high = float("-inf"), float("inf")
        for vertex in line:
            rank, index = net.ranks[net.rank_of[vertex]], place[vertex]
            if index:
                low = max(low, axis[rank[index - 1]] + _distance(net, rank[index - 1], vertex))
            if index + 1 < len(rank):
                high = min(high, axis[rank[index + 1]] - _distance(net, vertex, rank[index + 1]))
        if low <= high:
            middle = sorted(axis[vertex] for vertex in line)[len(line) // 2]
            for vertex in line:
                axis[vertex] = min(max(middle, low), high)


def _unbranched(net: Net) -> Iterator[list[int]]:
    """Find the longest lines whose vertices have one neighbour on each side within the line."""
    for vertex in range(len(net.rank_of)):
        if not _only_below(net, vertex) or _follows_only(net, vertex):
            continue
        line = [vertex]
        while (following := _only_below(net, line[-1])) and _follows_only(net, following[0]):
            line += following
        if len(line) > 1:
            yield line


def _only_below(net: Net, vertex: int) -> list[int]:
    return net.below[vertex] if len(net.below[vertex]) == 1 else []


def _follows_only(net: Net, vertex: int) -> bool:
    above = net.above[vertex]
    return len(above) == 1 and len(net.below[above[0]]) == 1


def down(net: Net, axis: Sequence[float]) -> tuple[list[float], list[float]]:
    """Find the top and the bottom of each rank; where lines go far to the side, the ranks are further apart."""
    tops: list[float] = []
    bottoms: list[float] = []
    top = 0.0
    for index, rank in enumerate(net.ranks):
        bottom = top + max(net.height[vertex] for vertex in rank)
        tops.append(top)
        bottoms.append(bottom)
        labels = index in net.label_ranks or index + 1 in net.label_ranks
        steepest = max((abs(axis[vertex] - axis[one]) for vertex in rank for one in net.below[vertex]), default=0.0)
        more = min(_SLOPE * steepest, _MOST_MORE)
        top = float(round(bottom + more + (_GAP_AT_LABELS if labels else _GAP)))
    return tops, bottoms
