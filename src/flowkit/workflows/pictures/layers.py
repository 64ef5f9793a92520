"""The layers of a graph: whatever leads on lies below what it comes from, and only loops lead up again."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

__all__ = ["assign_layers", "longest_span"]


def assign_layers(count: int, pairs: Sequence[tuple[int, int]]) -> list[int]:
    """Give each vertex a layer, 0 at the top: one below the lowest of those that lead to it.

    Ways that close a loop, as a search in depth from vertex 0 finds them, do not count; they lead up. A vertex to which
    no way leads lies just above the first that it leads to.

    Args:
        count: How many vertices there are.
        pairs: The ways, each from one vertex to another.
    """
    following: list[list[int]] = [[] for _ in range(count)]
    for source, target in pairs:
        if source != target:
            following[source].append(target)
    order, closing = _searched(following)
    layers = [0] * count
    entered = [False] * count
    for vertex in order:
        for target in following[vertex]:
            if (vertex, target) not in closing:
                layers[target] = max(layers[target], layers[vertex] + 1)
                entered[target] = True
    for vertex in range(1, count):
        below = [layers[target] for target in following[vertex]]
        if below and not entered[vertex]:
            layers[vertex] = max(min(below) - 1, 0)
    return layers


def _searched(following: Sequence[Sequence[int]]) -> tuple[list[int], set[tuple[int, int]]]:
    """Search in depth, without recursion.

    Returns:
        The vertices, each before those that follow it, and the ways that close a loop.
    """
    left_in: list[int] = []
    closing: set[tuple[int, int]] = set()
    seen, on_path = [False] * len(following), [False] * len(following)
    for root in range(len(following)):
        path: list[tuple[int, Iterator[int]]] = [] if seen[root] else [(root, iter(following[root]))]
        while path:
            vertex, targets = path[-1]
            seen[vertex] = on_path[vertex] = True
            for target in targets:
                if on_path[target]:
                    closing.add((vertex, target))
                elif not seen[target]:
                    path.append((target, iter(following[target])))
                    break
            else:
                path.pop()
                on_path[vertex] = False
                left_in.append(vertex)
    left_in.reverse()
    return left_in, closing


def longest_span(layers: Sequence[int], pairs: Sequence[tuple[int, int]], *, bends: int, pieces: int) -> int:
    """Say over how many layers a line may reach, so that neither the layout nor what is drawn grows beyond all bounds.

    Args:
        layers: The layer of each vertex.
        pairs: The ways, each from one vertex to another.
        bends: How many bends all lines may have together; those to the same target run together, and share them.
        pieces: How many pieces may be drawn for all lines; each line draws all of its own.
    """
    spans = [(abs(layers[target] - layers[source]), target) for source, target in pairs]
    limits = sorted({span for span, _ in spans} | {1})
    fitting = 1
    # The sum grows with the limit, so halving finds the largest that fits.
    low, high = 0, len(limits) - 1
    while low <= high:
        middle = (low + high) // 2
        longest: dict[int, int] = {}
        for span, target in spans:
            if span <= limits[middle]:
                longest[target] = max(longest.get(target, 0), span)
        drawn = sum(span for span, _ in spans if span <= limits[middle])
        if sum(longest.values()) - len(longest) <= bends and drawn <= pieces:
            fitting, low = max(fitting, limits[middle]), middle + 1
        else:
            high = middle - 1
    return fitting
