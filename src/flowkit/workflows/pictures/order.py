"""The order of the vertices within their ranks: as few lines as possible shall cross.

Each vertex goes where its neighbours of the next rank are on average, downwards and upwards in turn; the best order
that is met is taken (Sugiyama, Tagawa and Toda 1981).
"""

from __future__ import annotations

from bisect import bisect_right, insort
from collections.abc import Sequence
from math import fsum
from typing import Final

from flowkit.workflows.pictures.net import Net

__all__ = ["crossings", "reduce_crossings"]

_MOST_SWEEPS: Final = 24
_PATIENCE: Final = 4
_STEPS: Final = 150_000


def reduce_crossings(net: Net) -> None:
    """Put the ranks of a net into a good order."""
    best, fewest = [list(rank) for rank in net.ranks], crossings(net)
    # Large nets are given fewer sweeps, so that the time grows with the size and no faster.
    sweeps = max(min(_MOST_SWEEPS, _STEPS // len(net.rank_of)), _PATIENCE)
    idle = 0
    for sweep in range(sweeps):
        if not fewest or idle == _PATIENCE:
            break
        _sweep(net, down=sweep % 2 == 0)
        count = crossings(net)
        idle += 1
        if count < fewest:
            best, fewest, idle = [list(rank) for rank in net.ranks], count, 0
    net.ranks[:] = best


def crossings(net: Net) -> int:
    """Count the crossings of lines between neighbouring ranks."""
    place = _places(net.ranks, len(net.rank_of))
    return sum(_crossings_below(net, rank, place) for rank in net.ranks)


def _crossings_below(net: Net, rank: Sequence[int], place: Sequence[int]) -> int:
    count = 0
    seen: list[int] = []
    for vertex in rank:
        ends = sorted(place[lower] for lower in net.below[vertex])
        count += sum(len(seen) - bisect_right(seen, end) for end in ends)
        for end in ends:
            insort(seen, end)
    return count


def _places(ranks: Sequence[Sequence[int]], count: int) -> list[int]:
    place = [0] * count
    for rank in ranks:
        for index, vertex in enumerate(rank):
            place[vertex] = index
    return place


def _sweep(net: Net, *, down: bool) -> None:
    place = _places(net.ranks, len(net.rank_of))
    neighbours = net.above if down else net.below
    for rank in net.ranks if down else reversed(net.ranks):
        wanted: dict[int, float] = {}
        for vertex in rank:
            near = neighbours[vertex]
            # Of the sums of Python 3.11 and 3.12 only the exact one is the same.
            wanted[vertex] = fsum(place[one] for one in near) / len(near) if near else float(place[vertex])
        # A bend stays to the right of its box, so that the line need not pass below others.
        keys = {vertex: (wanted[net.beside.get(vertex, vertex)], vertex in net.beside) for vertex in rank}
        rank.sort(key=keys.__getitem__)
        for index, vertex in enumerate(rank):
            place[vertex] = index
