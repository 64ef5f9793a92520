"""The parts of an experiment as data: arms, metrics, who takes part, and the rules by which it may be decided."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from enum import StrEnum
from typing import Final, TypeAlias

from attrs import field, frozen

from flowkit.experiments.changes import Change

__all__ = [
    "SPENDINGS",
    "AlwaysValid",
    "Audience",
    "DecisionRule",
    "Direction",
    "ExperimentKind",
    "ExperimentStatus",
    "FixedSample",
    "GroupSequential",
    "Layer",
    "Metric",
    "MetricKind",
    "Multiplicity",
    "Variant",
]

SPENDINGS: Final = ("obrien_fleming_type", "pocock_type")
"""The spending functions of Lan and DeMets: boundaries hold for the looks that are taken, wherever they fall."""


class ExperimentKind(StrEnum):
    """What kind of experiment it is, in the words of the JSON document."""

    A_B = "a_b"
    """A control and treatments."""
    MULTIVARIATE = "multivariate"
    """Factors, each with levels; every combination of levels is a variant."""
    SEQUENTIAL = "sequential"
    """A control and treatments that are looked at before the end, by a rule that allows for it."""


class ExperimentStatus(StrEnum):
    """How far an experiment has come, in the words of the JSON document."""

    DRAFT = "draft"
    RUNNING = "running"
    ENDED = "ended"


class MetricKind(StrEnum):
    """What a metric is of a unit, in the words of the JSON document."""

    RATE = "rate"
    """Whether it converted at all: one success a unit, however many events it has."""
    MEAN = "mean"
    """The sum of the values of its events; 0 without any."""
    RATIO = "ratio"
    """The sum of its events over that of other ones, in all units of an arm together."""


class Direction(StrEnum):
    """Which way is better, in the words of the JSON document."""

    INCREASE = "increase"
    DECREASE = "decrease"


class Multiplicity(StrEnum):
    """How the p-values of several treatments are adjusted, in the words of the JSON document."""

    HOLM = "holm"
    """Step by step, whatever the tests."""
    DUNNETT = "dunnett"
    """For treatments that share one control: a little more power, at a fixed sample only."""


@frozen
class Metric:
    """What is measured.

    Attributes:
        name: What people call it; unique within the experiment.
        event: The type of the events that count.
        kind: What it is of a unit.
        direction: Which way is better.
        baseline: Control's rate or mean as it is expected to be; for the plan. None where nobody knows.
        deviation: The standard deviation of a mean or a ratio between units, likewise.
        denominator: The type of the events below a ratio; None for other kinds.
        margin: For a guardrail, by how much it may become worse, in the metric's own unit; 0 for not at all.
    """

    name: str
    event: str
    kind: MetricKind = field(default=MetricKind.RATE, kw_only=True)
    direction: Direction = field(default=Direction.INCREASE, kw_only=True)
    baseline: float | None = field(default=None, kw_only=True)
    deviation: float | None = field(default=None, kw_only=True)
    denominator: str | None = field(default=None, kw_only=True)
    margin: float = field(default=0.0, kw_only=True)


def _changes(changes: Iterable[Change]) -> tuple[Change, ...]:
    return tuple(changes)


@frozen
class Variant:
    """One arm.

    Attributes:
        variant_id: Its name; the label that subscribers are assigned.
        name: What people call it.
        weight: Its share of those who are exposed, in per cent; 0 takes nobody on.
        changes: What is different from the workflow, in the order in which it is applied; nothing for the control.
        levels: For a multivariate experiment, the level of each factor, by factor.
    """

    variant_id: str
    name: str
    weight: float = field(kw_only=True)
    changes: tuple[Change, ...] = field(default=(), kw_only=True, converter=_changes)
    levels: Mapping[str, str] = field(factory=dict[str, str], kw_only=True)


@frozen(kw_only=True)
class Audience:
    """Who takes part.

    Attributes:
        segments: Whoever is in at least one of these; all where there is none.
        exclude_segments: But nobody who is in one of these.
    """

    segments: tuple[str, ...] = ()
    exclude_segments: tuple[str, ...] = ()


@frozen
class Layer:
    """A slot of a layer: experiments with disjoint slots of one layer never have a subscriber in common.

    Layers are independent of each other, and a slot that no experiment has is a holdout from all of its layer.

    Attributes:
        layer_id: Which layer.
        start: Where the slot begins, in per cent, from 0.
        end: Where it ends, up to 100.
    """

    layer_id: str
    start: float = field(kw_only=True)
    end: float = field(kw_only=True)

    def overlaps(self, other: Layer) -> bool:
        """Whether somebody may be in both."""
        return self.layer_id != other.layer_id or (self.start < other.end and other.start < self.end)


@frozen
class FixedSample:
    """Decide once, when the planned sample is there; before that nothing is said about who wins."""


@frozen(kw_only=True)
class GroupSequential:
    """Decide at planned looks, with boundaries that keep the error of all looks together.

    Attributes:
        looks: How many, equally spaced in the sample.
        method: ``obrien_fleming_type``, which is strict early on, or ``pocock_type``, which is as strict at every look.
    """

    looks: int = 5
    method: str = "obrien_fleming_type"


@frozen
class AlwaysValid:
    """Decide at any time: the interval holds at all moments together, and is wider for that."""


DecisionRule: TypeAlias = FixedSample | GroupSequential | AlwaysValid
"""When an experiment may be decided; chosen before it starts."""
