"""Changes that chance does not explain: exact tests of small counts against the same hours before.

A rate of the last hour is held against the rate of the same hour of the week before, or of whatever the host takes for
its history. The counts of both are known without error, so what is asked is exact: how likely is it that so few (or so
many) of all successes fall into the window at hand, if both windows have one rate? That is Fisher's exact test, and for
numbers in a time, such as entries an hour, the binomial test of two Poisson counts.

The p-values of everything that is looked at together are adjusted by Benjamini and Hochberg: where nothing is wrong at
all, a look raises any alarm with at most the probability that was asked for.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Mapping, Sequence
from enum import StrEnum
from typing import Final, TypeAlias

from attrs import field, frozen

from flowkit.analytics.findings import Counted, Finding, Severity
from flowkit.stats.multiplicity import adjust

__all__ = ["Against", "Direction", "Volume", "anomalies", "hour_of_week", "same_hours"]

_WEEK: Final = 168
_EPSILON: Final = 1e-12
_Ratio: TypeAlias = Callable[[int], float]


class Direction(StrEnum):
    """Which change is bad."""

    DROP = "drop"
    SPIKE = "spike"


@frozen
class Against:
    """A rate now against the rate before.

    Attributes:
        workflow_id: Of which workflow.
        measure: Which rate, such as ``completion``.
        direction: Which change is bad.
        current: How it is now.
        before: How it was before.
        node: At which node; None where it is about all of the workflow.
        severity: How much it matters.
        least: The smallest change that matters, as a share of the rate before: 0.1 passes over what is within a tenth,
            however sure it is.
    """

    workflow_id: str
    measure: str
    direction: Direction
    current: Counted
    before: Counted
    node: str | None = field(default=None, kw_only=True)
    severity: Severity = field(default=Severity.HIGH, kw_only=True)
    least: float = field(default=0.0, kw_only=True)

    @property
    def p(self) -> float:
        """How likely a change at least as bad is, if nothing has changed; 1 where there is nothing to compare."""
        now, then = self.current, self.before
        if not now.whole or not then.whole:
            return 1.0
        part = now.part if self.direction is Direction.SPIKE else now.whole - now.part
        other = then.part if self.direction is Direction.SPIKE else then.whole - then.part
        return _hypergeometric_tail(part, now.whole, part + other, now.whole + then.whole)

    @property
    def matters(self) -> bool:
        """Whether the change is a bad one, and no smaller than what matters."""
        value, expected = self.current.rate, self.before.rate
        if value is None or expected is None:
            return False
        change = value - expected if self.direction is Direction.SPIKE else expected - value
        return change > 0 and change >= self.least * expected

    def finding(self, adjusted: float) -> Finding:
        """Say it as a finding.

        Args:
            adjusted: Its adjusted p-value.
        """
        evidence = {
            "current_part": self.current.part,
            "current_whole": self.current.whole,
            "before_part": self.before.part,
            "before_whole": self.before.whole,
            "p": self.p,
            "adjusted_p": adjusted,
        }
        return Finding(
            f"{self.measure}_{self.direction.value}",
            self.severity,
            self.workflow_id,
            self.node,
            self.current.rate or 0.0,
            self.before.rate or 0.0,
            evidence=evidence,
        )


@frozen
class Volume:
    """A number in a time now against the number in the time before, such as entries or dead letters.

    Attributes:
        workflow_id: Of which workflow.
        measure: What is counted, such as ``entries``.
        direction: Which change is bad.
        current: How many now.
        hours: In how many hours.
        before: How many before.
        hours_before: In how many hours.
        node: At which node; None where it is about all of the workflow.
        severity: How much it matters.
        least: The smallest change that matters, as for `Against`.
    """

    workflow_id: str
    measure: str
    direction: Direction
    current: int
    hours: float
    before: int
    hours_before: float
    node: str | None = field(default=None, kw_only=True)
    severity: Severity = field(default=Severity.HIGH, kw_only=True)
    least: float = field(default=0.0, kw_only=True)

    @property
    def p(self) -> float:
        """How likely a change at least as bad is, if nothing has changed."""
        share = self.hours / (self.hours + self.hours_before)
        if self.direction is Direction.SPIKE:
            return _binomial_tail(self.current, self.current + self.before, share)
        return _binomial_tail(self.before, self.current + self.before, 1 - share)

    @property
    def matters(self) -> bool:
        """Whether the change is a bad one, and no smaller than what matters."""
        value, expected = self.current / self.hours, self.before / self.hours_before
        change = value - expected if self.direction is Direction.SPIKE else expected - value
        return change > 0 and change >= self.least * expected

    def finding(self, adjusted: float) -> Finding:
        """Say it as a finding.

        Args:
            adjusted: Its adjusted p-value.
        """
        evidence = {
            "current": self.current,
            "hours": self.hours,
            "before": self.before,
            "hours_before": self.hours_before,
            "p": self.p,
            "adjusted_p": adjusted,
        }
        return Finding(
            f"{self.measure}_{self.direction.value}",
            self.severity,
            self.workflow_id,
            self.node,
            self.current / self.hours,
            self.before / self.hours_before,
            evidence=evidence,
        )


def anomalies(looked_at: Iterable[Against | Volume], *, false_alarms: float = 0.01) -> Sequence[Finding]:
    """Find the changes that chance does not explain.

    Args:
        looked_at: Everything that is looked at together, of all workflows.
        false_alarms: The share of false ones among the findings that is put up with in the mean; where nothing is wrong
            at all, the probability that one look finds anything. Tests of small counts stay well under it.

    Returns:
        The findings, the surest first. Their evidence has the counts, ``p`` and the ``adjusted_p``.

    Raises:
        ValueError: The share is not between 0 and 1.
    """
    if not 0 < false_alarms < 1:
        message = f"false_alarms must lie between 0 and 1, not {false_alarms!r}"
        raise ValueError(message)
    points = list(looked_at)
    if not points:
        return ()
    adjusted = [float(p) for p in adjust([one.p for one in points], "benjamini_hochberg")]
    found = sorted(
        (p, index)
        for index, (p, one) in enumerate(zip(adjusted, points, strict=True))
        if p <= false_alarms and one.matters
    )
    return [points[index].finding(p) for p, index in found]


def hour_of_week(hour: int) -> int:
    """Give the hour of the week of an hour since 1970: 0 to 167, 0 from Monday midnight (UTC)."""
    return (hour - 96) % _WEEK  # 1970 began on a Thursday


def same_hours(counts: Mapping[int, Counted], hour: int, *, weeks: int = 8, around: int = 1) -> Counted:
    """Add up what a rate was in the same hours of the weeks before.

    Args:
        counts: The rate by the hour, in hours since 1970.
        hour: The hour that it is held against; it is not counted itself.
        weeks: How many weeks back.
        around: How many hours before and after are taken too, since one hour alone is little.
    """
    part = whole = 0
    for week in range(1, weeks + 1):
        for near in range(-around, around + 1):
            found = counts.get(hour - week * _WEEK + near)
            if found is not None:
                part, whole = part + found.part, whole + found.whole
    return Counted(part, whole)


# ------------------------------------------------------------------------------------------------------------
# Exact tails of one side. In logarithms, since the counts of a year are large.


def _log_choose(n: int, k: int) -> float:
    return math.lgamma(n + 1) - math.lgamma(k + 1) - math.lgamma(n - k + 1)


def _hypergeometric_tail(k: int, n: int, marked: int, whole: int) -> float:
    """Give the probability that of n drawn from a whole, k or more are marked."""
    first, last = k, min(n, marked)
    if k <= max(n + marked - whole, 0):
        return 1.0
    if k > last:
        return 0.0
    if k * whole <= n * marked:  # The terms would rise first, so the other tail is summed.
        return 1.0 - _hypergeometric_tail(n - k + 1, n, whole - marked, whole)
    log = _log_choose(marked, first) + _log_choose(whole - marked, n - first) - _log_choose(whole, n)

    def ratio(at: int) -> float:
        return (marked - at) * (n - at) / ((at + 1) * (whole - marked - n + at + 1))

    return _summed(log, first, last, ratio)


def _binomial_tail(k: int, n: int, share: float) -> float:
    """Give the probability of k or more of n, each with a share."""
    if k <= 0:
        return 1.0
    if k > n:
        return 0.0
    if k <= n * share:  # The terms would rise first, so the other tail is summed.
        return 1.0 - _binomial_tail(n - k + 1, n, 1 - share)
    log = _log_choose(n, k) + k * math.log(share) + (n - k) * math.log1p(-share)
    odds = share / (1 - share)
    return _summed(log, k, n, lambda at: (n - at) / (at + 1) * odds)


def _summed(log: float, first: int, last: int, ratio: _Ratio) -> float:
    """Sum a tail from its first term: each next one is a ratio times the one before, until they add nothing."""
    term = total = 1.0
    for at in range(first, last):
        step = ratio(at)
        term *= step
        total += term
        if step < 1 and term < _EPSILON * total * (1 - step):
            break
    return min(1.0, math.exp(log + math.log(total)))
