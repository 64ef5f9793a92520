"""What is news among findings, and what was told of before."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import datetime
from typing import NamedTuple

from attrs import define, field

from flowkit.analytics.findings import Finding

__all__ = ["Alarms", "Alert"]


class Alert(NamedTuple):
    """A finding that is news, or one that is over.

    Attributes:
        finding: What was found; for one that is over, as it was found last.
        is_over: Whether it is found no more.
        at: The end of the hours that were looked at, or the instant of a look that asks about now; None where nobody
            said.
    """

    finding: Finding
    is_over: bool = False
    at: datetime | None = None

    @property
    def text(self) -> str:
        """It in one sentence."""
        return f"over: {self.finding.text}" if self.is_over else self.finding.text


class _Name(NamedTuple):
    workflow_id: str
    node: str
    kind: str


@define
class _Open:
    finding: Finding
    missed: int = 0


@define
class Alarms:
    """Tells what is news among findings: each is told of once, and again when it is over.

    Attributes:
        quiet: In how many looks on end it must not be found to be over.
    """

    quiet: int = 2
    _open: dict[_Name, _Open] = field(factory=dict[_Name, _Open], init=False)

    def take(self, found: Iterable[Finding], at: datetime | None = None) -> Sequence[Alert]:
        """Take the findings of a look, and give what is news.

        Args:
            found: What the look found.
            at: The instant that the alerts bear.
        """
        alerts: list[Alert] = []
        seen = {_name(one): one for one in found}
        for name, finding in seen.items():
            if name not in self._open:
                alerts.append(Alert(finding, at=at))
            self._open[name] = _Open(finding)
        for name in [name for name in self._open if name not in seen]:
            one = self._open[name]
            one.missed += 1
            if one.missed >= self.quiet:
                alerts.append(Alert(one.finding, is_over=True, at=at))
                del self._open[name]
        return alerts

    @property
    def open(self) -> Sequence[Finding]:
        """What was found and is not over."""
        return [one.finding for one in self._open.values()]

    @property
    def missed(self) -> Sequence[int]:
        """In how many looks on end each of those was not found."""
        return [one.missed for one in self._open.values()]

    def remember(self, told: Iterable[tuple[Finding, int]]) -> None:
        """Take up what was told before: findings, and in how many looks on end each was not found."""
        self._open = {_name(finding): _Open(finding, missed) for finding, missed in told}


def _name(finding: Finding) -> _Name:
    return _Name(finding.workflow_id, finding.node or "", finding.kind)
