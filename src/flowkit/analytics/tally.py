"""Counts of what the journal tells, which can be added up: over hours, versions, workflows and shards.

Thousands of steps write the same lines, since runs that stand alike are decided together. A store counts equal steps
by the hour (`Tallied`), and here they become counts by node, way, action and message, without a trace of a subscriber.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping
from decimal import Decimal
from typing import Final, NamedTuple

from attrs import define, field, frozen

from flowkit.runs.model import Entry, Kind

__all__ = [
    "HOUR",
    "Ages",
    "Done",
    "Heard",
    "Message",
    "Slot",
    "Tallied",
    "Tally",
    "Way",
    "age_of",
    "essence",
    "tally",
    "total",
]

MINUTE: Final = 60_000_000
HOUR: Final = 60 * MINUTE
_FINE: Final = 6 * 60
_COARSE: Final = 30 * 24 * 60
_ENDS: Final = frozenset({Kind.COMPLETED, Kind.EXITED, Kind.FAILED})
_EFFECTS: Final = frozenset({Kind.DONE, Kind.SKIPPED, Kind.RETRYING, Kind.DEFERRED, Kind.FAILED})
_OTHERS: Final = frozenset(
    {Kind.ENTERED, Kind.HELD_OUT, Kind.REFUSED, Kind.LEFT, Kind.GOAL, Kind.DECIDED, Kind.REQUEUED, Kind.FEEDBACK}
)
_COUNTED: Final = _ENDS | _EFFECTS | _OTHERS
_MAIL: Final = frozenset({"send_email", "send"})
_DATA: Final = ("reason", "by", "to", "goal", "label", "type", "template_id", "channel", "machine", "value")


class Tallied(NamedTuple):
    """Equal steps of one version within one hour, and how many they are.

    Attributes:
        workflow_id: Of which workflow.
        version: Of which version; None for what belongs to no run, such as a refused entry.
        hour: In which hour, as whole hours since 1970 (UTC).
        entries: What is counted of what each of them wrote; see ``essence``.
        steps: How many they are.
        age: How old their runs were, in minutes: whole minutes up to six hours, whole hours up to thirty days, then
            whole days. 0 where there is no run.
        micros: The exact ages of all of them together, in microseconds.
    """

    workflow_id: str
    version: int | None
    hour: int
    entries: tuple[Entry, ...]
    steps: int
    age: int = 0
    micros: int = 0


def essence(entries: Iterable[Entry]) -> tuple[Entry, ...]:
    """Give what is counted of a step: without what is a subscriber's own, so that many steps are equal."""
    return tuple(
        Entry(
            entry.kind,
            entry.node,
            entry.action,
            {name: str(entry.data[name]) for name in _DATA if name in entry.data},
        )
        for entry in entries
        if entry.kind in _COUNTED
    )


def age_of(micros: int) -> int:
    """Give an age in minutes by the measure of ``Tallied.age``."""
    minutes = max(micros, 0) // MINUTE
    if minutes < _FINE:
        return minutes
    unit = 60 if minutes < _COARSE else 24 * 60
    return minutes // unit * unit


class Slot(NamedTuple):
    """What is counted apart: a version of a workflow within an hour.

    Attributes:
        workflow_id: Of which workflow.
        version: Of which version; None for what belongs to no run.
        hour: In which hour, as whole hours since 1970 (UTC).
    """

    workflow_id: str
    version: int | None
    hour: int


class Way(NamedTuple):
    """A way out of a node.

    Attributes:
        node: The node.
        by: The label by which it is left.
        to: The next node; ``end`` for the end.
    """

    node: str
    by: str
    to: str


class Done(NamedTuple):
    """What became of an attempt to carry an action out.

    Attributes:
        node: The node.
        action: The action's id.
        kind: ``done``, ``skipped``, ``retrying``, ``deferred`` or ``failed``.
        reason: Why, where that was said.
    """

    node: str
    action: str
    kind: str
    reason: str


class Message(NamedTuple):
    """A message by its template, and what became of it.

    Attributes:
        template_id: The template.
        channel: By which channel.
        kind: As for ``Done``.
    """

    template_id: str
    channel: str
    kind: str


class Heard(NamedTuple):
    """What became of a message after it was handed over.

    Attributes:
        kind: The type of the event that told it.
        template_id: The message's template; empty where that was not told.
        machine: Whether a machine did it.
    """

    kind: str
    template_id: str
    machine: bool


@frozen
class Ages:
    """How old runs were when something happened, added up.

    Attributes:
        count: How many they were.
        micros: Their ages together, in microseconds.
        minutes: How many were of which age, in minutes by the measure of ``Tallied.age``.
    """

    count: int = 0
    micros: int = 0
    minutes: Mapping[int, int] = field(factory=dict[int, int])

    def __add__(self, other: Ages) -> Ages:
        minutes = Counter(self.minutes)
        minutes.update(other.minutes)
        return Ages(self.count + other.count, self.micros + other.micros, minutes)

    @property
    def mean(self) -> float | None:
        """The mean in seconds, exact; None where there are none."""
        return self.micros / self.count / 1e6 if self.count else None

    def quantile(self, share: float) -> float | None:
        """Give a quantile in seconds: the smallest age that this share of them does not exceed, by the measure kept.

        Args:
            share: From 0 to 1.

        Raises:
            ValueError: The share is out of range.
        """
        if not 0 <= share <= 1:
            message = f"share must be from 0 to 1, not {share!r}"
            raise ValueError(message)
        wanted, passed = share * self.count, 0
        for minutes in sorted(self.minutes):
            passed += self.minutes[minutes]
            if passed >= wanted:
                return minutes * 60.0
        return None


@define
class Tally:
    """Counts of one slot, or of many together. Two of them are added with ``+``.

    Attributes:
        runs: How many runs entered, ended or were held out, by kind and reason.
        refused: How many entries were refused, by reason.
        goals: How many runs reached a goal, by goal.
        visits: How often each node was entered; a run that is let go on where it failed enters its node again.
        ways: How often each way was taken.
        afterwards: How many runs failed or exited by what was open beside them, after they had come to the end.
        ends: At which node runs ended without leaving it, by node and kind.
        actions: What became of actions.
        messages: What became of messages.
        heard: What became of messages after they were handed over.
        revenue: What that is worth together, as was told, of whatever kind it was; exact.
        labels: How often a branch, a split or a look gave a label, by node, action and label.
        ages: How old runs were when they ended, by kind.
        goal_ages: How old they were when they reached a goal, by goal.
    """

    runs: Counter[tuple[str, str]] = field(factory=Counter[tuple[str, str]])
    refused: Counter[str] = field(factory=Counter[str])
    goals: Counter[str] = field(factory=Counter[str])
    visits: Counter[str] = field(factory=Counter[str])
    ways: Counter[Way] = field(factory=Counter[Way])
    afterwards: Counter[str] = field(factory=Counter[str])
    ends: Counter[tuple[str, str]] = field(factory=Counter[tuple[str, str]])
    actions: Counter[Done] = field(factory=Counter[Done])
    messages: Counter[Message] = field(factory=Counter[Message])
    heard: Counter[Heard] = field(factory=Counter[Heard])
    revenue: dict[Heard, Decimal] = field(factory=dict[Heard, Decimal])
    labels: Counter[tuple[str, str, str]] = field(factory=Counter[tuple[str, str, str]])
    ages: dict[str, Ages] = field(factory=dict[str, Ages])
    goal_ages: dict[str, Ages] = field(factory=dict[str, Ages])

    def __add__(self, other: Tally) -> Tally:
        together = Tally()
        together.take(self)
        together.take(other)
        return together

    def take(self, other: Tally) -> None:
        """Add another one to this."""
        self.runs.update(other.runs)
        self.refused.update(other.refused)
        self.goals.update(other.goals)
        self.visits.update(other.visits)
        self.ways.update(other.ways)
        self.afterwards.update(other.afterwards)
        self.ends.update(other.ends)
        self.actions.update(other.actions)
        self.messages.update(other.messages)
        self.labels.update(other.labels)
        self.heard.update(other.heard)
        for told, worth in other.revenue.items():
            self.revenue[told] = self.revenue.get(told, Decimal(0)) + worth
        for mine, others in ((self.ages, other.ages), (self.goal_ages, other.goal_ages)):
            for name, ages in others.items():
                mine[name] = mine.get(name, Ages()) + ages

    def count(self, kind: Kind) -> int:
        """Give how many runs entered, ended or were held out so, whatever the reason."""
        return sum(number for (one, _), number in self.runs.items() if one == kind.value)

    def add(self, steps: Tallied) -> None:
        """Count equal steps."""
        for entry in steps.entries:
            self._add(entry, steps)

    def _add(self, entry: Entry, steps: Tallied) -> None:
        kind, number = entry.kind, steps.steps
        if kind is Kind.REFUSED:
            self.refused[str(entry.data.get("reason", ""))] += number
        elif kind is Kind.ENTERED:
            self.runs[kind.value, ""] += number
            self.visits[entry.node or ""] += number
        elif kind is Kind.REQUEUED:
            self.visits[entry.node or ""] += number
        elif kind is Kind.HELD_OUT:
            self.runs[kind.value, ""] += number
        elif kind is Kind.LEFT:
            to = str(entry.data.get("to", ""))
            self.ways[Way(entry.node or "", str(entry.data.get("by", "")), to)] += number
            self.visits[to] += number
        elif kind is Kind.GOAL:
            goal = str(entry.data.get("goal", ""))
            self.goals[goal] += number
            self.goal_ages[goal] = self.goal_ages.get(goal, Ages()) + _ages(steps)
        elif kind is Kind.DECIDED:
            self.labels[entry.node or "", entry.action or "", str(entry.data.get("label", ""))] += number
        elif kind is Kind.FEEDBACK:
            self._hear(entry, number)
        elif kind in _EFFECTS and entry.action is not None:
            self._acted(entry, number)
        elif kind in _ENDS:
            self._ended(entry, steps)

    def _acted(self, entry: Entry, number: int) -> None:
        reason = str(entry.data.get("reason", ""))
        self.actions[Done(entry.node or "", entry.action or "", entry.kind.value, reason)] += number
        if entry.data.get("type") in _MAIL:
            channel = str(entry.data.get("channel", "email"))
            self.messages[Message(str(entry.data.get("template_id", "")), channel, entry.kind.value)] += number

    def _hear(self, entry: Entry, number: int) -> None:
        template = str(entry.data.get("template_id", ""))
        told = Heard(str(entry.data.get("type", "")), template, "machine" in entry.data)
        self.heard[told] += number
        if "value" in entry.data:
            self.revenue[told] = self.revenue.get(told, Decimal(0)) + Decimal(str(entry.data["value"])) * number

    def _ended(self, entry: Entry, steps: Tallied) -> None:
        name = entry.kind.value
        if entry.kind is not Kind.COMPLETED and entry.node is None:
            self.afterwards[name] += steps.steps
            return
        self.runs[name, str(entry.data.get("reason", ""))] += steps.steps
        self.ages[name] = self.ages.get(name, Ages()) + _ages(steps)
        if entry.kind is not Kind.COMPLETED:
            self.ends[entry.node or "", name] += steps.steps


def _ages(steps: Tallied) -> Ages:
    return Ages(steps.steps, steps.micros, {steps.age: steps.steps})


def tally(rows: Iterable[Tallied]) -> dict[Slot, Tally]:
    """Count steps, apart for each slot."""
    slots: dict[Slot, Tally] = {}
    for row in rows:
        slots.setdefault(Slot(row.workflow_id, row.version, row.hour), Tally()).add(row)
    return slots


def total(tallies: Iterable[Tally]) -> Tally:
    """Add tallies up."""
    together = Tally()
    for one in tallies:
        together.take(one)
    return together
