"""What the subscriber has done: how often, for how much, and one thing after the other."""

from __future__ import annotations

import math
from bisect import bisect_left, bisect_right
from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import tzinfo
from operator import itemgetter
from typing import Final, assert_never

from attrs import frozen

from flowkit.conditions import model
from flowkit.conditions.dates import LAST
from flowkit.conditions.matchers import Matcher
from flowkit.conditions.matching import equal, is_number, look_up, timeline
from flowkit.conditions.model import Measure, Performed, Since
from flowkit.conditions.moment import Moment
from flowkit.conditions.timeline import FALSE, Timeline, always, during, every, recomputed, together
from flowkit.events import Event, Facts, Occurrence, to_micros

__all__ = ["VALUE", "performed", "sequence"]

VALUE: Final = "value"
"""The path that reads the event's value, and no property."""


def _read(occurrence: Occurrence, path: str) -> object:
    return occurrence.value if path == VALUE else look_up(occurrence.properties, path)


def _passing(where: Mapping[str, Matcher], occurrence: Occurrence, zone: tzinfo, now: int) -> Timeline:
    return every(timeline(matcher, _read(occurrence, path), zone, now) for path, matcher in where.items())


def _at_hand(event: Event, now: int) -> Occurrence:
    at = now if event.occurred_at is None else to_micros(event.occurred_at)
    return Occurrence(at, value=event.value, properties=event.properties)


# ------------------------------------------------------------------------------------------------------------
# Performed


@frozen
class _Counted:
    """An event that may count: while its properties match, and until it is too old."""

    occurrence: Occurrence
    matches: Timeline
    until: int | None


def _counted(asked: Performed, facts: Facts, event: Event | None, zone: tzinfo, moment: Moment) -> Iterator[_Counted]:
    if asked.since is Since.WORKFLOW_START and moment.started_at is None:
        return
    start = moment.started_at if asked.since is Since.WORKFLOW_START else None
    kept = facts.history.get(asked.event, ())
    at_hand = [] if event is None or event.type != asked.event else [_at_hand(event, moment.now)]
    for occurrence in (*kept, *at_hand):
        until = None if asked.within is None else occurrence.occurred_at + asked.within.micros
        if (until is None or until > moment.now) and (start is None or occurrence.occurred_at >= start):
            matches = _passing(asked.where, occurrence, zone, moment.now)
            if matches.holds or matches.timed:
                yield _Counted(occurrence, matches, until)


def performed(
    asked: Performed, facts: Facts, event: Event | None, zone: tzinfo, moment: Moment
) -> tuple[object, Timeline]:
    """Hold what the subscriber has done against what is asked; give the measure too."""
    counted = list(_counted(asked, facts, event, zone, moment))
    states = [one.matches.holds for one in counted]
    value = _measured(asked, counted, states)
    first = timeline(asked.passes, value, zone, moment.now)
    if asked.within is None and not any(one.matches.timed for one in counted):
        return value, first

    def again(instant: int, indices: list[int]) -> Timeline:
        for index in indices:
            until = counted[index].until
            states[index] = not states[index] and (until is None or instant < until)
        return timeline(asked.passes, _measured(asked, counted, states), zone, instant)

    return value, recomputed(first, together(_turns(one) for one in counted), again)


def _turns(one: _Counted) -> Iterator[int]:
    """Give the instants at which an event comes to count, or ceases to."""
    counts = one.matches.holds
    for change in one.matches.changes:
        if one.until is not None and change >= one.until:
            break
        counts = not counts
        yield change
    if one.until is not None and counts:
        yield one.until


def _measured(asked: Performed, counted: list[_Counted], states: list[bool]) -> object:
    return _measure(asked, [one.occurrence for one, counts in zip(counted, states, strict=True) if counts])


def _measure(asked: Performed, occurrences: Sequence[Occurrence]) -> object:
    if asked.of is None:
        return len(occurrences)
    values = [value for one in occurrences if (value := _read(one, asked.of)) is not None]
    if asked.measure is Measure.DISTINCT:
        return _distinct(values)
    numbers = [value for value in values if isinstance(value, (int, float)) and is_number(value)]
    try:
        return _of_numbers(asked.measure, numbers)
    except Exception:  # noqa: BLE001 - infinities of both signs, integers too large to be added to fractions
        return None


def _of_numbers(measure: Measure, numbers: list[int | float]) -> float | None:
    match measure:
        case Measure.SUM:
            return _sum(numbers)
        case Measure.AVG:
            return _sum(numbers) / len(numbers) if numbers else None
        case Measure.MIN:
            return min(numbers, default=None)
        case Measure.MAX:
            return max(numbers, default=None)
        case Measure.COUNT | Measure.DISTINCT:
            return len(numbers)
        case _:
            assert_never(measure)


def _sum(numbers: list[int | float]) -> float:
    # Exact in both cases, so that the order of the events does not matter.
    whole = [number for number in numbers if isinstance(number, int)]
    return sum(whole) if len(whole) == len(numbers) else math.fsum(numbers)


def _distinct(values: Iterable[object]) -> int:
    plain: set[object] = set()
    others: list[object] = []
    for value in values:
        if type(value) in {str, int, bool, float}:
            plain.add(value)
        elif not any(equal(value, one) for one in others):
            others.append(value)
    return len(plain) + len(others)


# ------------------------------------------------------------------------------------------------------------
# Sequence


@frozen
class _Move:
    """An event in the order of all that a sequence may be made of; for each step whether it is one."""

    occurred_at: int
    fits: tuple[Timeline, ...]


def sequence(asked: model.Sequence, facts: Facts, event: Event | None, zone: tzinfo, moment: Moment) -> Timeline:
    """Say whether the subscriber has done what is asked, one thing after the other."""
    moves = list(_moves(asked, facts, event, zone, moment))
    states = [[fit.holds for fit in move.fits] for move in moves]
    times = [move.occurred_at for move in moves]
    first = _Search(asked, times, states).timeline(moment.now)
    turning = [(place, step) for place, move in enumerate(moves) for step, fit in enumerate(move.fits) if fit.timed]
    if not turning:
        return first

    def again(instant: int, indices: list[int]) -> Timeline:
        for place, step in (turning[index] for index in indices):
            states[place][step] = not states[place][step]
        return _Search(asked, times, states).timeline(instant)

    return recomputed(first, together(moves[place].fits[step].changes for place, step in turning), again)


def _moves(asked: model.Sequence, facts: Facts, event: Event | None, zone: tzinfo, moment: Moment) -> Iterator[_Move]:
    ranks = {step.event: rank for rank, step in reversed(list(enumerate(asked.steps)))}
    rows = [
        ((one.occurred_at, False, rank), kind, one)
        for kind, rank in ranks.items()
        for one in facts.history.get(kind, ())
    ]
    if event is not None and event.type in ranks:
        one = _at_hand(event, moment.now)
        rows.append(((one.occurred_at, True, 0), event.type, one))
    # Of two at one instant the event at hand is the later; of others the one that is asked for later.
    rows.sort(key=itemgetter(0))
    for _, kind, one in rows:
        yield _Move(
            one.occurred_at,
            tuple(_passing(step.where, one, zone, moment.now) if step.event == kind else FALSE for step in asked.steps),
        )


class _Search:
    """A search for events that are the steps of a sequence, over places in the order of time."""

    def __init__(self, asked: model.Sequence, times: list[int], states: list[list[bool]]) -> None:
        self._times = times
        self._span = None if asked.within is None else asked.within.micros
        self._steps = [
            [place for place, fits in enumerate(states) if fits[step]]
            for step, one in enumerate(asked.steps)
            if not one.absent
        ]
        # Before each step, and after the last, the places of what must be absent there.
        self._gaps: list[list[int]] = [[]]
        gap: set[int] = set()
        for step, one in enumerate(asked.steps):
            if one.absent:
                gap.update(place for place, fits in enumerate(states) if fits[step])
            else:
                self._gaps[-1] = sorted(gap)
                self._gaps.append([])
                gap = set()
        self._gaps[-1] = sorted(gap)
        self._waits = self._span is not None and asked.steps[-1].absent

    def timeline(self, now: int) -> Timeline:
        """Say whether they are found, or when the time for what must be absent is over."""
        ends = self._ends()
        if not self._waits:
            return always(next(ends, None) is not None)
        return during(min(ends, default=LAST + 1), None, now)

    def _ends(self) -> Iterator[int]:
        """Give for each way in which the steps are found the instant from which on it counts."""
        if not self._steps:
            return
        for first in self._steps[0]:
            limit = None if self._span is None else self._times[first] + self._span
            for last in self._lasts(first, limit):
                if self._free_before(first, last) and self._free_after(last, limit):
                    yield self._times[last] if limit is None else limit

    def _lasts(self, first: int, limit: int | None) -> list[int]:
        """Give the places at which the last step can be, where the first is given."""
        reached = [first]
        for places, gap in zip(self._steps[1:], self._gaps[1:-1], strict=True):
            onward: list[int] = []
            for place in places:
                before = bisect_left(reached, place)
                if before and (limit is None or self._times[place] < limit):
                    absent = bisect_left(gap, place)
                    # The latest place before leaves the smallest gap.
                    if not absent or gap[absent - 1] <= reached[before - 1]:
                        onward.append(place)
            reached = onward
        return reached

    def _free_before(self, first: int, last: int) -> bool:
        gap = self._gaps[0]
        absent = bisect_left(gap, first)
        if not absent:
            return True
        return self._span is not None and self._times[gap[absent - 1]] <= self._times[last] - self._span

    def _free_after(self, last: int, limit: int | None) -> bool:
        gap = self._gaps[-1]
        absent = bisect_right(gap, last)
        return absent == len(gap) or (limit is not None and self._times[gap[absent]] >= limit)
