"""What is out of the ordinary in the hour that has just ended."""

from __future__ import annotations

from collections.abc import Container, Iterable, Mapping, Sequence
from statistics import median_low
from typing import Final, NamedTuple

from attrs import frozen

from flowkit.analytics.anomalies import Against, Direction, Volume, anomalies
from flowkit.analytics.findings import Counted, Finding, Severity
from flowkit.analytics.tally import Slot, Tally
from flowkit.runs.model import Kind

__all__ = ["Lookout"]

_WEEK: Final = 168
_NO_EXCEPTIONS: Final[Mapping[str, float]] = {}
_COMPLAINTS: Final = (
    ("complaint", Severity.CRITICAL),
    ("unsubscribe", Severity.MEDIUM),
    ("bounce", Severity.HIGH),
)
_TOLD_LATER: Final = frozenset(kind for kind, _ in _COMPLAINTS)
_NUMBERS: Final = (
    (Kind.ENTERED, "entries", Direction.DROP, Severity.HIGH),
    (Kind.FAILED, "dead_letters", Direction.SPIKE, Severity.CRITICAL),
)
_ENDS: Final = (Kind.COMPLETED, Kind.EXITED, Kind.FAILED)


@frozen
class Lookout:
    """Looks at an hour of every workflow, and at how it was in the same hours of the weeks before.

    Looked at are completion and failures of the runs that ended, the drop-off of each node, how many messages of each
    template failed, complaints, unsubscriptions and bounces against the messages, and how many runs began, and how
    many became dead letters. These two numbers are held against the median of the weeks, so that one import, or one
    outage, does not count for all of them.

    Attributes:
        hours: How many hours are looked at together: more hours find smaller changes, and later.
        weeks: How many weeks back.
        around: How many hours before and after are taken from each of those weeks too.
        feedback_hours: Over how many hours up to the end of that hour complaints, unsubscriptions and bounces are
            held against messages, since they come in after them; those of the weeks before likewise.
        false_alarms: See `anomalies`.
        least: The smallest change that matters, as a share of what was before.
        least_of: That by workflow, for those of which another change matters.
    """

    hours: int = 1
    weeks: int = 8
    around: int = 1
    false_alarms: float = 0.01
    least: float = 0.1
    feedback_hours: int = 24
    least_of: Mapping[str, float] = _NO_EXCEPTIONS

    @property
    def reach(self) -> int:
        """How many hours before the hour at hand it reads."""
        return self.weeks * _WEEK + max(self.around + self.hours, self.feedback_hours)

    def look(self, slots: Mapping[Slot, Tally], until: int, *, closed: Container[str] = ()) -> Sequence[Finding]:
        """Find what chance does not explain.

        Args:
            slots: The counts of all workflows, from ``until - reach`` on.
            until: The hour before which is looked, in hours since 1970.
            closed: Workflows that nobody may enter: that none of their runs begin is no news.
        """
        by_workflow: dict[str, dict[int, Tally]] = {}
        for slot, counted in slots.items():
            hours = by_workflow.setdefault(slot.workflow_id, {})
            hours.setdefault(slot.hour, Tally()).take(counted)
        points: list[Against | Volume] = []
        for name, hours in sorted(by_workflow.items()):
            points += self._points(name, hours, until)
            points += self._numbers(name, hours, until, closed=name in closed)
        return anomalies(points, false_alarms=self.false_alarms)

    def _points(self, name: str, hours: Mapping[int, Tally], until: int) -> Iterable[Against | Volume]:
        least = self.least_of.get(name, self.least)
        rates: dict[_Rate, dict[int, Counted]] = {}
        for hour, counted in hours.items():
            for rate, one in _rates(counted):
                rates.setdefault(rate, {})[hour] = one
        for rate, counts in sorted(rates.items()):
            measure, direction, node, severity = rate
            told_later = measure in _TOLD_LATER
            span, around = (self.feedback_hours, 0) if told_later else (self.hours, self.around)
            now = _together(counts, range(until - span, until))
            weeks = [_together(counts, hours) for hours in self._weeks(until, span, around)]
            before = Counted(sum(one.part for one in weeks), sum(one.whole for one in weeks))
            if told_later:
                now, before = _no_more_than_all(now), _no_more_than_all(before)
            yield Against(name, measure, direction, now, before, node=node or None, severity=severity, least=least)

    def _numbers(self, name: str, hours: Mapping[int, Tally], until: int, *, closed: bool) -> Iterable[Volume]:
        """Hold numbers of runs against the median of the weeks that are known from their first hour on."""
        first = min(hours, default=until)
        known = [span for span in self._weeks(until, self.hours, self.around) if first <= span.start]
        if not known:  # Of a workflow that is younger than a week nobody knows how many there should be.
            return
        least = max(self.least_of.get(name, self.least), 0.5)
        for kind, measure, direction, severity in _NUMBERS:
            if closed and direction is Direction.DROP:
                continue
            counts = {hour: Counted(one.count(kind), 0) for hour, one in hours.items()}
            usual = median_low(_together(counts, span).part for span in known)
            now = _together(counts, range(until - self.hours, until)).part
            span = sum(map(len, known))
            yield Volume(
                name, measure, direction, now, self.hours, usual * len(known), span, severity=severity, least=least
            )

    def _weeks(self, until: int, span: int, around: int) -> Iterable[range]:
        """Give the same hours in each of the weeks before, with those around them."""
        for week in range(1, self.weeks + 1):
            end = until - week * _WEEK
            yield range(end - span - around, end + around)


def _together(counts: Mapping[int, Counted], hours: Iterable[int]) -> Counted:
    found = [counts[hour] for hour in hours if hour in counts]
    return Counted(sum(one.part for one in found), sum(one.whole for one in found))


def _no_more_than_all(one: Counted) -> Counted:
    """Count no more that was told than was sent: some of it may be about messages of the days before."""
    return Counted(min(one), one.whole)


class _Rate(NamedTuple):
    measure: str
    direction: Direction
    node: str
    severity: Severity


def _rates(counted: Tally) -> Iterable[tuple[_Rate, Counted]]:
    completed, exited, failed = (counted.count(kind) for kind in _ENDS)
    ended = completed + exited + failed
    yield _Rate("completion", Direction.DROP, "", Severity.HIGH), Counted(completed, ended)
    yield _Rate("failure", Direction.SPIKE, "", Severity.CRITICAL), Counted(failed, ended)
    sent = sum(number for message, number in counted.messages.items() if message.kind == "done")
    for kind, severity in _COMPLAINTS:
        told = sum(number for one, number in counted.heard.items() if one.kind == kind and not one.machine)
        yield _Rate(kind, Direction.SPIKE, "", severity), Counted(told, sent)
    nodes: dict[str, list[int]] = {}
    for way, number in counted.ways.items():
        nodes.setdefault(way.node, [0, 0])[1] += number
    for (node, _), number in counted.ends.items():
        both = nodes.setdefault(node, [0, 0])
        both[0] += number
        both[1] += number
    for node, (lost, closed) in nodes.items():
        yield _Rate("drop_off", Direction.SPIKE, node, Severity.HIGH), Counted(lost, closed)
    tries: dict[str, list[int]] = {}
    for message, number in counted.messages.items():
        if message.kind in {"done", "failed"}:
            both = tries.setdefault(message.template_id, [0, 0])
            both[0] += number if message.kind == "failed" else 0
            both[1] += number
    for template, (lost, tried) in tries.items():
        yield _Rate(f"message_{template}_failure", Direction.SPIKE, "", Severity.CRITICAL), Counted(lost, tried)
