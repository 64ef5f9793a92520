"""Who was exposed when, and what they did after that: read off the journal, and from what a host knows besides.

The first exposure counts, and the arm that it was to: whoever was assigned is analysed as assigned, whatever they got
later (intention to treat). A conversion counts from the first exposure on, until the window ends.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime, timedelta
from itertools import pairwise
from typing import Final, NamedTuple

from flowkit.events import from_micros, to_micros
from flowkit.experiments.model import Experiment, Metric, MetricKind
from flowkit.experiments.tallies import NO_SUMS, ArmTotals, Sums, Tally
from flowkit.experiments.weaving import goal_id, is_split_of
from flowkit.runs.model import Kind, Line

__all__ = ["Conversion", "Exposure", "Tracker"]

_MICROSECOND: Final = timedelta(microseconds=1)


class Exposure(NamedTuple):
    """Somebody came to where the arms part.

    Attributes:
        unit: Who.
        arm: In which arm.
        at: When, in microseconds.
        share: The share of the arm by the weights at hand; None where it is not known.
    """

    unit: str
    arm: str
    at: int
    share: float | None = None


class Conversion(NamedTuple):
    """An event that a metric counts.

    Attributes:
        unit: Who.
        event: The type of the event.
        at: When it occurred, in microseconds.
        value: Its value, such as an amount; 1 where it is only counted.
    """

    unit: str
    event: str
    at: int
    value: float = 1.0


class _Unit:
    """One unit: its first exposure, and the arms that it was seen in."""

    __slots__ = ("arm", "at", "others")

    def __init__(self, arm: str, at: int) -> None:
        self.arm = arm
        self.at = at
        self.others = False


class Tracker:
    """Follows one experiment; what it is given may come in any order, and in as many pieces as one likes.

    Args:
        experiment: Which experiment.

    Attributes:
        after: The number of the last line of the journal that it has seen: where to read on.
    """

    def __init__(self, experiment: Experiment) -> None:
        self._experiment = experiment
        self.after = 0
        self._units: dict[str, _Unit] = {}
        self._shares: dict[str, set[float]] = {}
        self._known = {variant.variant_id for variant in experiment.variants}
        self._unknown = 0
        # By metric and unit: when, and how much. Goals are told by metric, what a host tells is so by event.
        self._values: dict[str, dict[str, list[tuple[int, float]]]] = {}
        self._below: dict[str, dict[str, list[tuple[int, float]]]] = {}
        self._goals = {
            goal_id(experiment.experiment_id, one.name): one.name
            for one in experiment.metrics
            if one.kind is MetricKind.RATE
        }

    def read(self, lines: Iterable[Line]) -> int:
        """Take lines of the journal: exposures and goals of this experiment; all others are passed over.

        Returns:
            How many lines there were.
        """
        count = 0
        experiment = self._experiment
        for line in lines:
            count += 1
            self.after = max(self.after, line.number)
            entry = line.entry
            if line.workflow_id != experiment.workflow_id:
                continue
            if entry.kind is Kind.DECIDED and is_split_of(entry.node, experiment.experiment_id):
                share = entry.data.get("share") if entry.data.get("assigned") == "now" else None
                at = to_micros(line.at)
                self.expose([Exposure(line.subscriber_id, entry.data["label"], at, share)])
            elif entry.kind is Kind.GOAL and entry.data.get("goal") in self._goals:
                at = to_micros(datetime.fromisoformat(entry.data["occurred_at"]))
                metric = self._goals[entry.data["goal"]]
                self._note(self._values, metric, line.subscriber_id, at, 1.0)
        return count

    def expose(self, exposures: Iterable[Exposure]) -> None:
        """Take exposures; those before the start of the experiment, or at its end and after it, do not count."""
        start, end = self._experiment.start, self._experiment.end
        since = None if start is None else to_micros(start)
        until = None if end is None else to_micros(end)
        for unit, arm, at, share in exposures:
            if (since is not None and at < since) or (until is not None and at >= until):
                continue
            if arm not in self._known:
                self._unknown += 1
                continue
            if share is not None:
                self._shares.setdefault(arm, set()).add(share)
            known = self._units.get(unit)
            if known is None:
                self._units[unit] = _Unit(arm, at)
                continue
            known.others = known.others or known.arm != arm
            if at < known.at:
                known.arm, known.at = arm, at

    def convert(self, conversions: Iterable[Conversion]) -> None:
        """Take conversions that a host knows of, such as its orders; each one once."""
        by_event: dict[str, list[str]] = {}
        below: dict[str, list[str]] = {}
        for metric in self._experiment.metrics:
            by_event.setdefault(metric.event, []).append(metric.name)
            if metric.denominator is not None:
                below.setdefault(metric.denominator, []).append(metric.name)
        for unit, event, at, value in conversions:
            for name in by_event.get(event, ()):
                self._note(self._values, name, unit, at, value)
            for name in below.get(event, ()):
                self._note(self._below, name, unit, at, value)

    def tally(self, at: datetime) -> Tally:
        """Count all of it as of an instant; units whose window is still open are exposed, but not analysed."""
        [tally] = self.course([at])
        return tally

    def course(self, instants: Sequence[datetime]) -> tuple[Tally, ...]:
        """Count it as of several instants, which rise: how the numbers have come about.

        Raises:
            ValueError: The instants do not rise.
        """
        ends = [to_micros(one) for one in instants]
        if any(one >= other for one, other in pairwise(ends)):
            raise ValueError("the instants must rise")
        window = self._experiment.window // _MICROSECOND
        by_maturity = sorted((unit.at + window, name) for name, unit in self._units.items())
        by_exposure = sorted((unit.at, unit.arm) for unit in self._units.values())
        counter = _Counter(self._experiment)
        tallies: list[Tally] = []
        done = exposed = 0
        for end, instant in zip(ends, instants, strict=True):
            while exposed < len(by_exposure) and by_exposure[exposed][0] <= end:
                counter.exposed[by_exposure[exposed][1]] += 1
                exposed += 1
            while done < len(by_maturity) and by_maturity[done][0] <= end:
                name = by_maturity[done][1]
                counter.add(self._units[name], self._outcome(name, window))
                done += 1
            tallies.append(self._told(counter, instant))
        return tuple(tallies)

    def _outcome(self, name: str, window: int) -> Mapping[str, tuple[float, float]]:
        """Give what a unit has of each metric, and below it, within its window."""
        since = self._units[name].at
        until = since + window
        found: dict[str, tuple[float, float]] = {}
        for metric in self._experiment.metrics:
            above = _within(self._values, metric, name, since, until)
            below = _within(self._below, metric, name, since, until)
            if above or below:
                found[metric.name] = (min(above, 1.0) if metric.kind is MetricKind.RATE else above, below)
        return found

    def _told(self, counter: _Counter, at: datetime) -> Tally:
        first = min((unit.at for unit in self._units.values()), default=None)
        return Tally(
            experiment_id=self._experiment.experiment_id,
            at=at,
            arms=counter.totals(),
            first=None if first is None else from_micros(first),
            reassigned=sum(unit.others for unit in self._units.values()),
            unknown=self._unknown,
            reweighted=any(len(shares) > 1 for shares in self._shares.values()),
        )

    def _note(
        self, kept: dict[str, dict[str, list[tuple[int, float]]]], metric: str, unit: str, at: int, value: float
    ) -> None:
        kept.setdefault(metric, {}).setdefault(unit, []).append((at, value))


def _within(
    kept: Mapping[str, Mapping[str, Sequence[tuple[int, float]]]], metric: Metric, unit: str, since: int, until: int
) -> float:
    counted = [value for at, value in kept.get(metric.name, {}).get(unit, ()) if since <= at < until]
    if metric.kind is MetricKind.RATE:
        return 1.0 if counted else 0.0
    return sum(counted)


class _Counter:
    """Adds up units, arm by arm."""

    def __init__(self, experiment: Experiment) -> None:
        self.exposed = {variant.variant_id: 0 for variant in experiment.variants}
        self._units = dict.fromkeys(self.exposed, 0)
        self._sums: dict[str, dict[str, Sums]] = {arm: {} for arm in self.exposed}

    def add(self, unit: _Unit, outcome: Mapping[str, tuple[float, float]]) -> None:
        self._units[unit.arm] += 1
        sums = self._sums[unit.arm]
        for metric, (value, below) in outcome.items():
            sums[metric] = sums.get(metric, NO_SUMS).plus(value, below)

    def totals(self) -> tuple[ArmTotals, ...]:
        return tuple(
            ArmTotals(arm=arm, exposed=exposed, units=self._units[arm], sums=dict(self._sums[arm]))
            for arm, exposed in self.exposed.items()
        )
