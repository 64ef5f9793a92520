"""How large, and how long: what a plan for a comparison says, never mixing an arm with the whole."""

from __future__ import annotations

import math
from typing import Final

import numpy as np
from attrs import field, frozen

from flowkit.stats.arithmetic import Number
from flowkit.stats.inputs import number
from flowkit.stats.results import CLEAR, SAME, SAME_REASONS, Reasons

__all__ = ["Plan", "duration", "plan"]

_ROUNDING: Final = 1e-9  # a size this near above a whole number, as a share, is that number


@frozen(kw_only=True)
class Plan:
    """How many units a comparison needs.

    Attributes:
        control: Units in control, unrounded.
        treatment: Units in each treatment, unrounded.
        control_units: The same, rounded up.
        treatment_units: The same, rounded up.
        total_units: Of control and all treatments, of the rounded sizes.
        treatments: How many treatments there are.
        ratio: Units of a treatment for each unit of control.
        alpha: The error of each comparison, after division by their number.
        power: The chance of finding the effect.
        method: By which formula.
        reasons: `unreachable` where no size is enough; the sizes are then infinite.
    """

    control: Number = field(eq=SAME)
    treatment: Number = field(eq=SAME)
    control_units: Number = field(eq=SAME)
    treatment_units: Number = field(eq=SAME)
    total_units: Number = field(eq=SAME)
    treatments: int
    ratio: float
    alpha: float
    power: float
    method: str
    reasons: Reasons = field(default=CLEAR, eq=SAME_REASONS)

    @property
    def allocation(self) -> tuple[float, ...]:
        """The share of all units that each arm gets, control first; they sum to 1."""
        whole = 1 + self.ratio * self.treatments
        return (1 / whole, *(self.ratio / whole for _ in range(self.treatments)))


def plan(
    control: Number,
    *,
    ratio: float,
    treatments: int,
    alpha: float,
    power: float,
    method: str,
    special: Reasons = CLEAR,
) -> Plan:
    """Make a plan of the size of control: the other sizes follow."""
    treatment = control * ratio
    control_units, treatment_units = _up(control), _up(treatment)
    return Plan(
        control=control,
        treatment=treatment,
        control_units=control_units,
        treatment_units=treatment_units,
        total_units=control_units + treatments * treatment_units,
        treatments=treatments,
        ratio=ratio,
        alpha=alpha,
        power=power,
        method=method,
        reasons=special,
    )


def _up(size: Number) -> Number:
    if isinstance(size, np.ndarray):
        return np.maximum(np.ceil(size * (1 - _ROUNDING)), 1.0)
    return float(max(math.ceil(size * (1 - _ROUNDING)), 1)) if math.isfinite(size) else size


def duration(total_units: Number, per_day: float, *, exposure: float = 1.0, whole_weeks: bool = False) -> Number:
    """Say in how many days a plan's units have come in.

    Args:
        total_units: Units of all arms together: `Plan.total_units`.
        per_day: Units that come in a day, over 0.
        exposure: The share of them that takes part, over 0 and at most 1.
        whole_weeks: Round up to whole weeks, so that each weekday counts alike.

    Returns:
        Days, rounded up.

    Raises:
        ValueError: A parameter is outside of its range.
    """
    a_day = number("per_day", per_day, above=0.0) * number("exposure", exposure, above=0.0)
    if exposure > 1:
        raise ValueError("exposure must be at most 1")
    unit = 7 if whole_weeks else 1
    return _up(total_units / (a_day * unit)) * unit
