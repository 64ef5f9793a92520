"""A verdict over time: whether something holds now, and when that changes by itself if nothing else happens."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from heapq import merge
from itertools import groupby
from operator import itemgetter
from typing import Final

from attrs import frozen

__all__ = ["FALSE", "TRUE", "Timeline", "always", "during", "every", "negated", "recomputed", "some", "together"]


@frozen
class Timeline:
    """Whether something holds from now on; to be read once.

    Attributes:
        holds: Whether it holds now.
        changes: The later instants at which that turns to the contrary, ascending, in microseconds.
        timed: Whether the clock was read to tell.
    """

    holds: bool
    changes: Iterable[int] = ()
    timed: bool = False


TRUE: Final = Timeline(holds=True)
FALSE: Final = Timeline(holds=False)


def always(holds: bool) -> Timeline:  # noqa: FBT001 - it is what the function is about
    """Say what holds, or does not, whatever time it is."""
    return TRUE if holds else FALSE


def during(start: int | None, end: int | None, now: int) -> Timeline:
    """Say what holds from an instant on until before another; None stands for no bound."""
    if start is not None and end is not None and start >= end:
        return Timeline(holds=False, timed=True)
    holds = (start is None or start <= now) and (end is None or now < end)
    return Timeline(holds, [bound for bound in (start, end) if bound is not None and bound > now], timed=True)


def negated(timeline: Timeline) -> Timeline:
    """Say the contrary."""
    if not timeline.timed:
        return always(not timeline.holds)
    return Timeline(not timeline.holds, timeline.changes, timed=True)


def every(timelines: Iterable[Timeline]) -> Timeline:
    """Say that all hold; the rest is not looked at where one never does."""
    return _combined(timelines, settles=False)


def some(timelines: Iterable[Timeline]) -> Timeline:
    """Say that at least one holds; the rest is not looked at where one always does."""
    return _combined(timelines, settles=True)


def _combined(timelines: Iterable[Timeline], *, settles: bool) -> Timeline:
    timed: list[Timeline] = []
    for timeline in timelines:
        if timeline.timed:
            timed.append(timeline)
        elif timeline.holds is settles:
            return timeline
    if len(timed) <= 1:
        return timed[0] if timed else always(not settles)
    states = [timeline.holds for timeline in timed]
    holds = settles if settles in states else not settles
    return Timeline(holds, _changes(timed, states, settles=settles), timed=True)


def _changes(timed: list[Timeline], states: list[bool], *, settles: bool) -> Iterator[int]:
    settled = settles in states
    for instant, indices in together(timeline.changes for timeline in timed):
        for index in indices:
            states[index] = not states[index]
        if (settles in states) is not settled:
            settled = not settled
            yield instant


def _numbered(changes: Iterable[int], index: int) -> Iterator[tuple[int, int]]:
    for instant in changes:
        yield instant, index


def recomputed(
    first: Timeline, instants: Iterable[tuple[int, list[int]]], again: Callable[[int, list[int]], Timeline]
) -> Timeline:
    """Say what holds where the verdict is computed anew at some instants, and changes by itself in between.

    Args:
        first: The verdict from now on.
        instants: The later instants, ascending, each with what changes there.
        again: Computes the verdict from an instant on, after what changes there.
    """
    return Timeline(first.holds, _recomputed(first, instants, again), timed=True)


def _recomputed(
    current: Timeline, instants: Iterable[tuple[int, list[int]]], again: Callable[[int, list[int]], Timeline]
) -> Iterator[int]:
    holds = current.holds
    for instant, indices in instants:
        for change in current.changes:
            if change >= instant:
                break
            holds = not holds
            yield change
        current = again(instant, indices)
        if current.holds is not holds:
            holds = not holds
            yield instant
    yield from current.changes


def together(streams: Iterable[Iterable[int]]) -> Iterator[tuple[int, list[int]]]:
    """Merge ascending instants; each comes once, with the places of the streams that it stands in."""
    numbered = (_numbered(changes, index) for index, changes in enumerate(streams))
    for instant, turning in groupby(merge(*numbered), key=itemgetter(0)):
        yield instant, [index for _, index in turning]
