"""What an analysis finds, as data: no number is NaN or infinite; where there is none it is None, with a reason."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from enum import StrEnum
from typing import Any

from attrs import field, frozen

from flowkit.experiments.model import Experiment
from flowkit.experiments.tallies import Tally

__all__ = [
    "Advice",
    "Bound",
    "Comparison",
    "CoursePoint",
    "FactorEffect",
    "Guard",
    "GuardFinding",
    "Look",
    "Outcome",
    "Priority",
    "Ratio",
    "Recommendation",
    "SamplePlan",
    "Verdict",
]


class Outcome(StrEnum):
    """What may be concluded."""

    KEEP_RUNNING = "keep_running"
    """Nothing yet, by the rule that was chosen before the start."""
    WINNER = "winner"
    """A treatment is better than control."""
    NO_WINNER = "no_winner"
    """The rule has had its say, and no treatment was shown to be better; that is not to say that there is no effect."""
    BLOCKED = "blocked"
    """A treatment is better, and harms a guardrail."""
    BROKEN = "broken"
    """The arms have not the sizes that they should: no number means what it seems to mean."""


class Guard(StrEnum):
    """What a guardrail says of a treatment."""

    SAFE = "safe"
    """It is not worse by as much as the margin."""
    OPEN = "open"
    """That cannot be told yet."""
    HARMED = "harmed"
    """It is worse by more than the margin."""


class Priority(StrEnum):
    """How much a recommendation matters."""

    HIGH = "high"
    MEDIUM = "medium"
    LOW = "low"


class Advice(StrEnum):
    """What is recommended; the first four are the seed's."""

    SAMPLE_SIZE = "sample_size"
    IMPLEMENT_WINNER = "implement_winner"
    NO_CLEAR_WINNER = "no_clear_winner"
    SECONDARY_METRIC_IMPACT = "secondary_metric_impact"
    SAMPLE_RATIO = "sample_ratio"
    GUARDRAIL = "guardrail"
    TREATMENT_WORSE = "treatment_worse"


@frozen
class Bound:
    """An interval; None is a side without an end.

    Attributes:
        low: The lower end.
        high: The upper end.
        confidence: What it covers.
    """

    low: float | None
    high: float | None
    confidence: float


@frozen(kw_only=True)
class Comparison:
    """One treatment against control, by one metric.

    Attributes:
        metric: Which metric.
        treatment: Which treatment.
        control_units: Units of control that are analysed.
        treatment_units: Units of the treatment.
        control_value: Control's rate, mean or ratio; None without units.
        treatment_value: The treatment's.
        estimate: Treatment less control, in the metric's unit.
        interval: Of the estimate, by itself; with the always-valid rule, one that holds at every time.
        lift: Treatment over control, less 1.
        lift_interval: Of the lift; None where there is none.
        p: The p-value of a difference of 0, not adjusted, in [0, 1].
        adjusted_p: The same, adjusted for the other comparisons of its family.
        log10_p: The decimal logarithm of `p`.
        statistic: Treatment less control in standard errors; None where there is none.
        method: By which test.
        chance: The chance, from 0 to 1, that the treatment is better than control, with a flat prior; rates only.
        reasons: Codes for what is special: those of `flowkit.stats.Reason`, and ``too_few_units``.
    """

    metric: str
    treatment: str
    control_units: int
    treatment_units: int
    control_value: float | None
    treatment_value: float | None
    estimate: float | None = None
    interval: Bound | None = None
    lift: float | None = None
    lift_interval: Bound | None = None
    p: float | None = None
    adjusted_p: float | None = None
    log10_p: float | None = None
    statistic: float | None = None
    method: str = ""
    chance: float | None = None
    reasons: tuple[str, ...] = ()


@frozen
class GuardFinding:
    """A guardrail and a treatment.

    Attributes:
        comparison: The numbers.
        state: What they say.
        margin: By how much it may become worse.
    """

    comparison: Comparison
    state: Guard
    margin: float


@frozen(kw_only=True)
class SamplePlan:
    """How many units an experiment needs; chosen before the start.

    Attributes:
        units: For each arm, the most units that the rule needs.
        total: All of them together, at least the experiment's minimum.
        control_value: Control's value that it goes by.
        effect: The difference that it is to find, in the metric's unit.
        inflation: How many times the fixed sample that is; 1 for a fixed sample.
        reasons: ``no_baseline`` where the value of control is a guess, ``no_plan`` where nothing could be planned and
            the minimum alone counts.
    """

    units: Mapping[str, int]
    total: int
    control_value: float | None
    effect: float | None
    inflation: float = 1.0
    reasons: tuple[str, ...] = ()


@frozen(kw_only=True)
class Ratio:
    """Whether the arms have the sizes that they should.

    Attributes:
        verdict: ``ok``, ``warning``, ``alarm``, or ``not_tested``.
        p: The p-value; None where it was not tested.
        expected: The units that each arm should have had, by arm.
        reasons: ``reweighted`` where units were assigned by different weights, so that there is no one share to test
            against; else those of the test.
    """

    verdict: str
    p: float | None
    expected: Mapping[str, float]
    reasons: tuple[str, ...] = ()


@frozen(kw_only=True)
class Look:
    """A look at which something was, or could have been, decided; to be kept and handed to the next analysis.

    Attributes:
        at: When.
        time: The share of the planned sample, in (0, 1].
        bound: What a statistic must reach at a planned look; for the other rules, what p must be under.
        statistics: By treatment.
        crossed: The treatments that have reached it, at this look or an earlier one.
    """

    at: datetime
    time: float
    bound: float
    statistics: Mapping[str, float]
    crossed: tuple[str, ...] = ()


@frozen(kw_only=True)
class Verdict:
    """What may be concluded, and why.

    Attributes:
        outcome: What.
        winner: The treatment that is best among those that are better than control; None for none.
        better: All treatments that are.
        worse: Those that are worse than control by the same rule.
        runner_up: Of several that are better, the second one; None for none.
        runner_up_p: The p-value of their difference, not adjusted: whether the best can be told from the second.
        peeked: Whether this was a look that the rule does not allow to conclude anything from.
        remaining: Units that are missing to the plan; 0 for none.
        days: After how many more days they will be there, at the pace so far; None where there is no pace.
        power: The chance that an effect of the minimum size is found with the units so far; None where nobody knows.
        reasons: Codes: ``sample_ratio_alarm``, ``no_units``, ``before_plan``, ``between_looks``, ``window_open``,
            ``boundary_reached``, ``last_look``, ``planned_sample``, ``always_valid``, ``guardrail_harmed``,
            ``guardrail_open``, ``reweighted``, ``ended``, ``no_baseline``, ``no_plan``.
    """

    outcome: Outcome
    winner: str | None = None
    better: tuple[str, ...] = ()
    worse: tuple[str, ...] = ()
    runner_up: str | None = None
    runner_up_p: float | None = None
    peeked: bool = False
    remaining: int = 0
    days: int | None = None
    power: float | None = None
    reasons: tuple[str, ...] = ()


@frozen
class Recommendation:
    """What to do.

    Attributes:
        type: Which kind of advice.
        priority: How much it matters.
        message: What was found.
        action: What to do.
        data: The numbers in it, by name.
    """

    type: Advice
    priority: Priority
    message: str
    action: str
    data: Mapping[str, Any] = field(factory=dict[str, Any], kw_only=True)


@frozen(kw_only=True)
class FactorEffect:
    """A main effect of a multivariate experiment, or an interaction.

    Attributes:
        factors: The factor, or those that interact, each with the level that is compared with the control's.
        estimate: In the metric's unit.
        interval: Of the estimate.
        p: The p-value, not adjusted.
        adjusted_p: By Holm, over all effects.
        reasons: As in `Comparison`.
    """

    factors: Mapping[str, str]
    estimate: float | None
    interval: Bound | None
    p: float | None
    adjusted_p: float | None
    reasons: tuple[str, ...] = ()


@frozen(kw_only=True)
class CoursePoint:
    """The effect of a treatment as it was at one instant.

    Attributes:
        at: When.
        treatment: Of which treatment.
        units: Of control and treatment together.
        estimate: Treatment less control.
        sequence: The interval that holds at all instants together; None where there is no plan to choose it by.
        naive_p: What a test that is looked at once would say: for comparison, and for nothing else.
    """

    at: datetime
    treatment: str
    units: int
    estimate: float | None
    sequence: Bound | None
    naive_p: float | None


@frozen(kw_only=True)
class Findings:
    """All that an analysis finds.

    Attributes:
        experiment: The experiment.
        tally: What was counted.
        plan: What was needed.
        ratio: Whether the assignment worked: to be read first.
        primary: The treatments by the metric that decides.
        secondary: The treatments by the other metrics, adjusted over all of them (Benjamini and Hochberg).
        guards: The guardrails.
        verdict: What may be concluded.
        recommendations: What to do.
        effects: Of a multivariate experiment.
        looks: The looks before, and this one where it is one: what they decided stays decided.
        course: How the effect came about.
    """

    experiment: Experiment
    tally: Tally
    plan: SamplePlan
    ratio: Ratio
    primary: tuple[Comparison, ...]
    secondary: tuple[Comparison, ...]
    guards: tuple[GuardFinding, ...]
    verdict: Verdict
    recommendations: tuple[Recommendation, ...]
    effects: tuple[FactorEffect, ...] = ()
    looks: tuple[Look, ...] = ()
    course: tuple[CoursePoint, ...] = ()
