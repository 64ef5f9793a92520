"""The net that is laid out: boxes, and the bends of lines and their labels as further vertices, rank by rank.

With that no line crosses a box and no label lies on another: all of them are kept apart in the same way.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import pairwise
from typing import Final

from attrs import field, frozen

__all__ = ["Link", "Net", "Size", "weave"]

_BOX_SPACE: Final = 20.0
_LABEL_SPACE: Final = 7.0
_BEND_SPACE: Final = 9.0


@frozen
class Size:
    """How large something is.

    Attributes:
        width: From left to right.
        height: From top to bottom.
        beside: How much more it needs on its right, for a line from it to itself.
    """

    width: float
    height: float
    beside: float = field(default=0.0, kw_only=True)


@frozen
class Link:
    """A line to be drawn from one box to another.

    Attributes:
        source: Which box it leaves.
        target: Which one it leads to.
        label: How large its label is; None without one.
    """

    source: int
    target: int
    label: Size | None = None


@frozen
class Net:
    """Vertices in ranks, and what connects those of neighbouring ranks; the first vertices are the boxes.

    Attributes:
        ranks: The vertices of each rank, from left to right.
        rank_of: The rank of each vertex.
        left: How far each vertex reaches to the left of its axis.
        right: How far to the right.
        space: How much is kept free on both of its sides.
        height: How high it is.
        above: The vertices of the rank above that each is connected to.
        below: Those of the rank below.
        beside: The box of the same rank that a bend belongs to, by bend: where a line turns upwards or down again.
        chains: The vertices that each link comes by, in its direction.
        labelled: The vertex of each link's label, by link.
        label_ranks: The ranks between boxes, which hold labels and bends only.
    """

    ranks: list[list[int]] = field(factory=list[list[int]])
    rank_of: list[int] = field(factory=list[int])
    left: list[float] = field(factory=list[float])
    right: list[float] = field(factory=list[float])
    space: list[float] = field(factory=list[float])
    height: list[float] = field(factory=list[float])
    above: list[list[int]] = field(factory=list[list[int]])
    below: list[list[int]] = field(factory=list[list[int]])
    beside: dict[int, int] = field(factory=dict[int, int])
    chains: list[tuple[int, ...]] = field(factory=list[tuple[int, ...]])
    labelled: dict[int, int] = field(factory=dict[int, int])
    label_ranks: set[int] = field(factory=set[int])

    def add(self, rank: int, size: Size, space: float) -> int:
        """Add a vertex; its place in the rank is found later."""
        self.rank_of.append(rank)
        self.left.append(size.width / 2)
        self.right.append(size.width / 2 + size.beside)
        self.height.append(size.height)
        self.space.append(space)
        self.above.append([])
        self.below.append([])
        return len(self.rank_of) - 1


_NOTHING: Final = Size(0.0, 0.0)


def weave(sizes: Sequence[Size], links: Sequence[Link], layers: Sequence[int]) -> Net:
    """Make the net of boxes and links.

    Args:
        sizes: How large each box is.
        links: The lines between them; one from a box to itself is passed over, its room is part of the box.
        layers: The layer of each box.
    """
    net = Net()
    rank_at = _rank_numbers(links, layers)
    net.label_ranks.update(rank for spot, rank in rank_at.items() if spot % 2)
    for size, layer in zip(sizes, layers, strict=True):
        net.add(rank_at[2 * layer], size, _BOX_SPACE)
    shared: dict[tuple[int, int, bool], int] = {}
    joined: set[tuple[int, int]] = set()
    for index, link in enumerate(links):
        chain = () if link.source == link.target else tuple(_chain(net, index, link, shared))
        net.chains.append(chain)
        for one, other in pairwise(chain):
            upper, lower = (one, other) if net.rank_of[one] < net.rank_of[other] else (other, one)
            if net.rank_of[upper] != net.rank_of[lower] and (upper, lower) not in joined:
                joined.add((upper, lower))
                net.below[upper].append(lower)
                net.above[lower].append(upper)
    _fill_ranks(net, len(rank_at))
    return net


def _rank_numbers(links: Sequence[Link], layers: Sequence[int]) -> dict[int, int]:
    """Number the ranks: one for each layer, at even spots, and one below it where a label stands between the two."""
    spots = {2 * layer for layer in layers}
    for link in links:
        down = layers[link.target] - layers[link.source]
        if link.label is not None and down:
            spots.add(2 * layers[link.source] + (1 if down > 0 else -1))
    return {spot: rank for rank, spot in enumerate(sorted(spots))}


def _chain(net: Net, index: int, link: Link, shared: dict[tuple[int, int, bool], int]) -> Iterator[int]:
    """Lead a line from box to box.

    A line begins alone, with its label, and runs together with the others to the same target then. One that leads up
    leaves its box below as all do, turns beside it, and turns again beside its target, to come in from above.
    """
    start, end = net.rank_of[link.source], net.rank_of[link.target]
    up = end < start
    yield link.source
    if up:
        bend = net.add(start, _NOTHING, _BEND_SPACE)
        net.beside[bend] = link.source
        yield bend
    for rank in range(start - 1, end - 1, -1) if up else range(start + 1, end):
        if link.label is not None and abs(rank - start) == 1:
            net.labelled[index] = net.add(rank, link.label, _LABEL_SPACE)
            yield net.labelled[index]
            continue
        key = (link.target, rank, up)
        if key not in shared:
            shared[key] = net.add(rank, _NOTHING, _BEND_SPACE)
            if rank == end:
                net.beside[shared[key]] = link.target
        yield shared[key]
    yield link.target


def _fill_ranks(net: Net, count: int) -> None:
    """Put the vertices into their ranks as a search in depth from the first box meets them."""
    net.ranks.extend([] for _ in range(count))
    turning: dict[int, list[int]] = {}
    for bend, box in net.beside.items():
        turning.setdefault(box, []).append(bend)
    seen = [False] * len(net.rank_of)
    for root in range(len(net.rank_of)):
        waiting = [root]
        while waiting:
            vertex = waiting.pop()
            if not seen[vertex]:
                seen[vertex] = True
                net.ranks[net.rank_of[vertex]].append(vertex)
                waiting += reversed((*turning.get(vertex, ()), *net.below[vertex]))
