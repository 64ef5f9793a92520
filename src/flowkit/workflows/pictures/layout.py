"""Where everything is: a layered layout in the manner of Sugiyama, from the top down.

The same input gives the same numbers on every machine: ties are broken by the order of the input, and sums are exact.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import pairwise
from typing import Final, TypeAlias

from attrs import frozen

from flowkit.workflows.pictures.coordinates import across, down
from flowkit.workflows.pictures.net import Link, Net, Size, weave
from flowkit.workflows.pictures.order import reduce_crossings

__all__ = ["LOOP_ROOM", "Layout", "Point", "Route", "Spot", "lay_out"]

LOOP_ROOM: Final = 34.0
"""How far a line from a box to itself reaches to the right of the box."""

_TURN: Final = 26.0
_MARGIN: Final = 28.0

Point: TypeAlias = tuple[float, float]
"""A place: to the right, and down."""


@frozen(kw_only=True)
class Spot:
    """Where a box is.

    Attributes:
        x: Its left side.
        y: Its top.
        width: How wide it is.
        height: How high it is.
    """

    x: float
    y: float
    width: float
    height: float


@frozen(kw_only=True)
class Route:
    """The way of a line.

    Attributes:
        start: Where it begins.
        pieces: Where each piece ends: one point for a straight line, and for a cubic curve its two control points in
            front of it.
        label: The middle of its label; None without one.
    """

    start: Point
    pieces: tuple[tuple[Point, ...], ...]
    label: Point | None


@frozen(kw_only=True)
class Layout:
    """Where everything is.

    Attributes:
        width: How wide the whole is, margins included.
        height: How high.
        spots: The boxes, in the order in which they were given.
        routes: The lines, likewise.
    """

    width: float
    height: float
    spots: tuple[Spot, ...]
    routes: tuple[Route, ...]


def lay_out(sizes: Sequence[Size], links: Sequence[Link], layers: Sequence[int]) -> Layout:
    """Find a place for each box and a way for each line.

    Args:
        sizes: How large each box is, at least one.
        links: The lines between boxes, by their places in `sizes`; at most one for each pair.
        layers: The layer of each box, from `assign_layers`.
    """
    loops = {link.source: link for link in links if link.source == link.target}
    roomy = [_with_loop(size, loops[box]) if box in loops else size for box, size in enumerate(sizes)]
    net = weave(roomy, links, layers)
    reduce_crossings(net)
    axis = across(net)
    tops, bottoms = down(net, axis)
    left = round(min(one - net.left[vertex] for vertex, one in enumerate(axis)) - _MARGIN)
    right = max(one + net.right[vertex] for vertex, one in enumerate(axis)) + _MARGIN
    placing = _Placing(
        net, [one - left for one in axis], [_MARGIN + one for one in tops], [_MARGIN + one for one in bottoms]
    )
    spots = tuple(placing.spot(box, size) for box, size in enumerate(sizes))
    routes = tuple(
        _loop(spots[link.source], link) if link.source == link.target else placing.route(index, sizes[link.source])
        for index, link in enumerate(links)
    )
    return Layout(width=right - left, height=placing.bottoms[-1] + _MARGIN, spots=spots, routes=routes)


def _with_loop(size: Size, link: Link) -> Size:
    label = link.label or Size(0.0, 0.0)
    return Size(size.width, max(size.height, label.height), beside=LOOP_ROOM + label.width)


def _loop(spot: Spot, link: Link) -> Route:
    """Lead a line from the right side of a box back to it."""
    x, high = spot.x + spot.width, spot.height / 4
    upper, lower = spot.y + high, spot.y + spot.height - high
    curve = ((x + LOOP_ROOM, upper - high / 2), (x + LOOP_ROOM, lower + high / 2), (x, lower))
    label = None
    if link.label is not None:
        label = (x + LOOP_ROOM - 6 + link.label.width / 2, spot.y + max(spot.height, link.label.height) / 2)
    return Route(start=(x, upper), pieces=(curve,), label=label)


@frozen
class _Placing:
    """A net whose places are known."""

    net: Net
    axis: Sequence[float]
    tops: Sequence[float]
    bottoms: Sequence[float]

    def spot(self, box: int, size: Size) -> Spot:
        """Say where a box is."""
        y = self.tops[self.net.rank_of[box]]
        return Spot(x=self.axis[box] - size.width / 2, y=y, width=size.width, height=size.height)

    def route(self, index: int, source: Size) -> Route:
        """Lead a line along its chain."""
        chain = self.net.chains[index]
        rank = self.net.rank_of[chain[0]]
        labelled = self.net.labelled.get(index)
        label = None
        if labelled is not None:
            there = self.net.rank_of[labelled]
            label = (self.axis[labelled], (self.tops[there] + self.bottoms[there]) / 2)
        start = (self.axis[chain[0]], self.tops[rank] + source.height)
        return Route(start=start, pieces=tuple(_without_standstill(start, self._pieces(chain))), label=label)

    def _pieces(self, chain: Sequence[int]) -> Iterator[tuple[Point, ...]]:
        x, y = self.axis[chain[0]], self.bottoms[self.net.rank_of[chain[0]]]
        yield ((x, y),)
        for before, vertex in pairwise(chain):
            old, rank, to = self.net.rank_of[before], self.net.rank_of[vertex], self.axis[vertex]
            last = vertex == chain[-1]
            if rank == old:  # beside a box: from below it upwards, or from above it down
                side = y + (_TURN if before == chain[0] else -_TURN)
                yield ((x, side), (to, side), (to, y))
                end = y if last else self.tops[rank]
            elif rank > old:
                end = self.tops[rank]
                yield _bend((x, y), (to, end))
                y, end = end, end if last else self.bottoms[rank]
            else:
                end = self.bottoms[rank]
                yield _bend((x, y), (to, end))
                y, end = end, self.tops[rank]
            x, y = to, end
            yield ((x, y),)


def _bend(start: Point, end: Point) -> tuple[Point, ...]:
    if start[0] == end[0]:
        return (end,)
    middle = (start[1] + end[1]) / 2
    return ((start[0], middle), (end[0], middle), end)


def _without_standstill(start: Point, pieces: Iterator[tuple[Point, ...]]) -> Iterator[tuple[Point, ...]]:
    """Leave out pieces that lead nowhere, and make one of straight ones that go on in the same direction."""
    at = start
    pending: tuple[Point, ...] | None = None
    for piece in pieces:
        if piece == (at,):
            continue
        straight = len(piece) == 1
        if pending is not None and not (straight and piece[0][0] == pending[0][0]):
            yield pending
            pending = None
        if straight:
            pending = piece
        else:
            yield piece
        at = piece[-1]
    if pending is not None:
        yield pending
