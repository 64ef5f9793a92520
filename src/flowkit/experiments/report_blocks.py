"""What a report says, block by block, whatever it is written in; every figure has its numbers in a table too."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from functools import partial
from typing import Final

from flowkit.experiments.findings import (
    Bound,
    Comparison,
    Findings,
    Outcome,
    Verdict,
)
from flowkit.experiments.model import AlwaysValid, DecisionRule, Experiment, FixedSample, GroupSequential, Metric
from flowkit.experiments.report_plots import draw_course, draw_intervals
from flowkit.experiments.wording import NOTHING, bound_text, p_text, percent, signed, signed_percent, value_text
from flowkit.workflows.pictures.pages import Block, Figure, Heading, Paragraph, Table

__all__ = ["blocks_of", "verdict_words"]


_RARE: Final = 0.001
_OUTCOMES: Final = {
    Outcome.KEEP_RUNNING: "Keep running: nothing may be concluded yet.",
    Outcome.NO_WINNER: "No winner: no treatment was shown to be better than control. That is not to say that there is "
    "no effect.",
    Outcome.BROKEN: "Broken: the arms have not the sizes that they should, so no number below means what it seems to "
    "mean.",
}
_REASONS: Final = {
    "sample_ratio_alarm": "the sample ratio is alarming",
    "no_units": "nobody has been exposed",
    "before_plan": "the planned sample is not there",
    "between_looks": "no planned look is due",
    "window_open": "units are exposed whose window is still open",
    "boundary_reached": "the boundary of a planned look was reached",
    "last_look": "this was the last look",
    "planned_sample": "the planned sample is there",
    "always_valid": "the rule is valid at every time",
    "guardrail_harmed": "a guardrail is harmed",
    "guardrail_open": "a guardrail is not shown to be safe yet",
    "reweighted": "weights changed on the way, and periods with other weights are pooled",
    "ended": "the experiment is over",
    "no_baseline": "the plan goes by a guess of control's value",
    "no_plan": "there is no plan but the smallest sample",
}


def verdict_words(experiment: Experiment, verdict: Verdict) -> str:
    """Say the verdict in a sentence or two, with its reasons."""
    said = _OUTCOMES.get(verdict.outcome, "")
    if verdict.outcome is Outcome.WINNER and verdict.winner is not None:
        said = f'Winner: "{experiment.variant(verdict.winner).name}" is better than control.'
    elif verdict.outcome is Outcome.BLOCKED:
        names = ", ".join(f'"{experiment.variant(name).name}"' for name in verdict.better)
        said = f"Blocked: {names} is better than control, and harms a guardrail."
    because = "; ".join(_REASONS.get(reason, reason) for reason in dict.fromkeys(verdict.reasons))
    return f"{said} Reasons: {because}." if because else said


def blocks_of(found: Findings) -> Iterator[Block]:
    """Give all of a report, in the order in which it should be read: the arms' sizes before any result."""
    experiment = found.experiment
    verdict = found.verdict
    yield Paragraph(verdict_words(experiment, verdict), loud=True)
    if verdict.peeked:
        yield Paragraph(
            "This is a look before the rule allows one: the numbers below describe what was seen so far, and none of "
            "them may be called significant."
        )
    if found.recommendations:
        yield Heading("What to do")
        rows = tuple((str(one.priority), one.message, one.action) for one in found.recommendations)
        yield Table("Recommendations", ("Priority", "Found", "Do"), rows)
    yield Heading("Did the assignment work?")
    yield from _sizes(found)
    yield Heading(f"Primary metric: {experiment.primary.name}")
    yield Paragraph(_rule_words(experiment.rule, experiment))
    yield Figure(partial(draw_intervals, found), f"{experiment.primary.name}: treatment less control")
    yield _comparisons(found, (experiment.primary,), found.primary, "Primary metric")
    if found.course:
        yield Heading("How it came about")
        yield Figure(
            partial(draw_course, found), "The effect so far, with the interval that holds at all instants together"
        )
        yield _course(found)
    if found.effects:
        yield Heading("Factors")
        yield _effects(found)
    if found.guards:
        yield Heading("Guardrails")
        yield _guards(found)
    if found.secondary:
        yield Heading("Secondary metrics")
        yield Paragraph("Adjusted by Benjamini and Hochberg, over all of them. They decide nothing.")
        yield _comparisons(found, experiment.secondary, found.secondary, "Secondary metrics")
    yield Heading("Plan")
    yield _plan(found)


def _sizes(found: Findings) -> Iterator[Block]:
    ratio, tally = found.ratio, found.tally
    words = {
        "ok": "The arms have the sizes that their weights give them",
        "warning": "Look into this: the arms' sizes are unlikely by chance alone",
        "alarm": "The arms have not the sizes that their weights give them: do not read the results",
        "not_tested": "The arms' sizes were not tested against their weights",
    }
    p = "" if ratio.p is None else f" (p {p_text(ratio.p) if ratio.p < 0.0001 else '= ' + p_text(ratio.p)})"  # noqa: PLR2004
    yield Paragraph(f"{words[ratio.verdict]}{p}.", loud=ratio.verdict == "alarm")
    rows = tuple(
        (
            _name(found, one.arm),
            percent(found.experiment.variant(one.arm).weight / 100),
            f"{one.exposed:,}",
            f"{ratio.expected.get(one.arm, 0.0):,.1f}",
            f"{one.units:,}",
        )
        for one in tally.arms
    )
    yield Table("Units by arm", ("Arm", "Weight", "Exposed", "Expected", "Analysed"), rows)
    notes: list[str] = []
    if tally.reassigned:
        notes.append(f"{tally.reassigned:,} units were seen in more than one arm and count for their first")
    if tally.unknown:
        notes.append(f"{tally.unknown:,} exposures were to arms that the experiment has not")
    if notes:
        yield Paragraph("; ".join(notes) + ".")


def _comparisons(found: Findings, metrics: Sequence[Metric], several: Sequence[Comparison], caption: str) -> Table:
    by_name = {metric.name: metric for metric in metrics}
    named = len(metrics) > 1
    head = ("Treatment", *(("Metric",) if named else ()), "Control", "Treatment value", "Difference", "Lift")
    rows: list[tuple[str, ...]] = []
    for one in several:
        metric = by_name[one.metric]
        rows.append(
            (
                _name(found, one.treatment),
                *((one.metric,) if named else ()),
                value_text(metric, one.control_value),
                value_text(metric, one.treatment_value),
                _with(signed(metric, one.estimate), bound_text(metric, one.interval)),
                _with(signed_percent(one.lift), _lifts(one.lift_interval)),
                p_text(one.p),
                p_text(one.adjusted_p),
                _chance(one.chance),
                ", ".join([one.method, *one.reasons]).strip(", ") or NOTHING,
            )
        )
    head = (*head, "p", "Adjusted p", "Chance to be better", "Method")
    level = several[0].interval.confidence if several and several[0].interval is not None else None
    return Table(f"{caption}{'' if level is None else f', {percent(level, 2)} intervals'}", head, tuple(rows))


def _chance(value: float | None) -> str:
    """Write a chance; what rounds to 0 or to 1 is neither."""
    if value is not None and not _RARE <= value <= 1 - _RARE:
        return f"< {percent(_RARE)}" if value < _RARE else f"> {percent(1 - _RARE)}"
    return percent(value)


def _with(value: str, bound: str) -> str:
    return value if bound == NOTHING else f"{value} ({bound})"


def _lifts(bound: Bound | None) -> str:
    if bound is None:
        return NOTHING
    return " to ".join("no end" if end is None else signed_percent(end) for end in (bound.low, bound.high))


def _course(found: Findings) -> Table:
    metric = found.experiment.primary
    rows = tuple(
        (
            f"{point.at:%Y-%m-%d %H:%M}",
            _name(found, point.treatment),
            f"{point.units:,}",
            signed(metric, point.estimate),
            bound_text(metric, point.sequence),
            p_text(point.naive_p),
        )
        for point in found.course
    )
    head = ("As of", "Treatment", "Units", "Difference", "Interval at all times", "p if looked at once")
    return Table("How the effect came about", head, rows)


def _effects(found: Findings) -> Table:
    metric = found.experiment.primary
    rows = tuple(
        (
            " × ".join(f"{factor}: {level}" for factor, level in one.factors.items()),
            signed(metric, one.estimate),
            bound_text(metric, one.interval),
            p_text(one.p),
            p_text(one.adjusted_p),
        )
        for one in found.effects
    )
    return Table("Main effects and interactions", ("Effect", "Difference", "Interval", "p", "Adjusted p"), rows)


def _guards(found: Findings) -> Table:
    by_name = {metric.name: metric for metric in found.experiment.guardrails}
    rows = tuple(
        (
            _name(found, one.comparison.treatment),
            one.comparison.metric,
            str(one.state),
            signed(by_name[one.comparison.metric], one.comparison.estimate),
            bound_text(by_name[one.comparison.metric], one.comparison.interval),
            signed(by_name[one.comparison.metric], one.margin),
        )
        for one in found.guards
    )
    head = ("Treatment", "Guardrail", "State", "Difference", "Interval", "Margin")
    return Table("Guardrails, one-sided", head, rows)


def _plan(found: Findings) -> Table:
    experiment, plan, verdict = found.experiment, found.plan, found.verdict
    rows = [
        ("Planned sample", f"{plan.total:,}"),
        ("Analysed so far", f"{found.tally.units:,}"),
        ("Still missing", f"{verdict.remaining:,}"),
        ("Days to go at this pace", NOTHING if verdict.days is None else str(verdict.days)),
        ("Smallest effect to be found", f"{percent(experiment.minimum_effect)} of control"),
        ("Power for it with the units so far", percent(verdict.power)),
        ("Error", percent(experiment.alpha)),
        ("Control's value in the plan", value_text(experiment.primary, plan.control_value)),
        ("Window after the first exposure", f"{experiment.window}"),
        ("Looks taken", str(len(found.looks))),
    ]
    return Table("Plan", ("What", "Value"), tuple(rows))


def _rule_words(rule: DecisionRule, experiment: Experiment) -> str:
    adjusted = (
        f" Several treatments share the error ({experiment.multiplicity})." if len(experiment.treatments) > 1 else ""
    )
    match rule:
        case FixedSample():
            return f"Decided once, at the planned sample.{adjusted}"
        case GroupSequential(looks=looks, method=method):
            return f"Decided at {looks} planned looks, with boundaries by {method}.{adjusted}"
        case AlwaysValid():
            return f"Decided at any time: intervals and p-values hold at all times together.{adjusted}"


def _name(found: Findings, arm: str) -> str:
    name = found.experiment.variant(arm).name
    return arm if name == arm else f"{name} ({arm})"
