"""Alerts, findings and what a monitor has told, as JSON."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import Any, Final

from attrs import frozen

from flowkit import documents
from flowkit.analytics.alarms import Alarms, Alert
from flowkit.analytics.findings import Finding, Severity
from flowkit.documents import DEFAULT_LIMITS
from flowkit.fields import Fields, instant_text
from flowkit.problems import Problems

__all__ = ["Told", "alert_data", "finding_data"]

_VERSION: Final = 1


def finding_data(finding: Finding) -> dict[str, Any]:
    """Give a finding as what JSON can hold."""
    return {
        "kind": finding.kind,
        "severity": finding.severity.value,
        "workflow_id": finding.workflow_id,
        "node": finding.node,
        "value": finding.value,
        "expected": finding.expected,
        "evidence": dict(finding.evidence),
        "suggestions": list(finding.suggestions),
    }


def alert_data(alert: Alert) -> dict[str, Any]:
    """Give an alert as what JSON can hold: its finding's fields, ``is_over``, ``at`` in UTC, and the ``text``."""
    at = None if alert.at is None else instant_text(alert.at, "/at")
    return {**finding_data(alert.finding), "is_over": alert.is_over, "at": at, "text": alert.text}


@frozen
class Told:
    """What a monitor has told, to be taken up by the next process.

    Attributes:
        until: The end of the last hour that was looked at, in hours since 1970; 0 where none was.
        alarms: By the name of what was looked at, the findings that are not over, each with the number of looks on end
            that did not find it.
    """

    until: int
    alarms: Mapping[str, Sequence[tuple[Finding, int]]]

    @classmethod
    def of(cls, until: int, alarms: Mapping[str, Alarms]) -> Told:
        """Note what alarms have told."""
        pairs = {name: list(zip(one.open, one.missed, strict=True)) for name, one in alarms.items()}
        return cls(until, pairs)

    def dump(self) -> str:
        """Write it as JSON, always alike."""
        alarms = {
            name: [{**finding_data(finding), "missed": missed} for finding, missed in pairs]
            for name, pairs in self.alarms.items()
        }
        return json.dumps({"version": _VERSION, "until": self.until, "alarms": alarms}, sort_keys=True)

    @classmethod
    def load(cls, text: str) -> Told:
        """Read what `dump` wrote.

        Raises:
            DocumentError: It is something else.
        """
        problems = Problems()
        top = Fields.of(documents.read(text), "", problems=problems, limits=DEFAULT_LIMITS)
        top.integer("version", _VERSION, low=_VERSION, high=_VERSION)
        until = top.integer("until", 0, low=0)
        alarms = top.child("alarms", {})
        names = alarms.names()
        found = {name: [_pair(alarms.open(value, path)) for value, path in alarms.items(name)] for name in names}
        top.close()
        problems.done()
        return cls(until, found)


def _pair(fields: Fields) -> tuple[Finding, int]:
    evidence = fields.child("evidence", {})
    finding = Finding(
        fields.text("kind"),
        fields.word("severity", Severity) or Severity.HIGH,
        fields.text("workflow_id"),
        None if fields.null("node") else fields.text("node"),
        fields.number("value"),
        fields.number("expected"),
        evidence={name: evidence.number(name) for name in evidence.names()},
        suggestions=tuple(value for value, _ in fields.items("suggestions") if isinstance(value, str)),
    )
    missed = fields.integer("missed", 0, low=0)
    fields.close()
    return finding, missed
