"""What to do about what was found, with the reason and the numbers; the first four kinds are the seed's."""

from __future__ import annotations

from collections.abc import Iterator

from flowkit.experiments.findings import (
    Advice,
    Comparison,
    Findings,
    Guard,
    Outcome,
    Priority,
    Recommendation,
)
from flowkit.experiments.model import Direction
from flowkit.experiments.wording import percent, signed_percent

__all__ = ["recommend"]


def recommend(found: Findings) -> tuple[Recommendation, ...]:
    """Say what to do, the most important first."""
    return tuple(_all(found))


def _all(found: Findings) -> Iterator[Recommendation]:
    verdict = found.verdict
    if found.ratio.verdict in {"alarm", "warning"}:
        yield _ratio(found)
    if verdict.outcome is Outcome.BROKEN:
        return
    if verdict.outcome is Outcome.KEEP_RUNNING and verdict.remaining:
        yield _sample(found)
    if verdict.outcome is Outcome.WINNER:
        yield _winner(found)
    elif verdict.outcome is Outcome.NO_WINNER:
        yield Recommendation(
            Advice.NO_CLEAR_WINNER,
            Priority.MEDIUM,
            "No variant was shown to be better than control; that is not to say that there is no effect: "
            "the intervals say which effects the data leave possible",
            "Keep the control, or test a larger change with a larger sample",
            data={"reasons": list(verdict.reasons)},
        )
    for name in verdict.worse:
        yield Recommendation(
            Advice.TREATMENT_WORSE,
            Priority.HIGH,
            f'Variant "{found.experiment.variant(name).name}" is worse than control',
            "Set its weight to 0",
            data={"variant": name},
        )
    for guard in found.guards:
        if guard.state is Guard.HARMED:
            one = guard.comparison
            yield Recommendation(
                Advice.GUARDRAIL,
                Priority.HIGH,
                f'Variant "{found.experiment.variant(one.treatment).name}" makes {one.metric} worse by more than '
                f"its margin of {guard.margin:g}",
                "Do not implement it before that is understood",
                data={"variant": one.treatment, "metric": one.metric, "estimate": one.estimate},
            )
    yield from _secondary(found)


def _ratio(found: Findings) -> Recommendation:
    alarm = found.ratio.verdict == "alarm"
    p = found.ratio.p
    return Recommendation(
        Advice.SAMPLE_RATIO,
        Priority.HIGH if alarm else Priority.MEDIUM,
        f"The arms have not the sizes that their weights give them (p = {p:.2g})",
        "Do not read the results: look for units that are lost or counted twice in one arm"
        if alarm
        else "Look for units that are lost or counted twice in one arm before you trust the results",
        data={"p": p, "expected": dict(found.ratio.expected)},
    )


def _sample(found: Findings) -> Recommendation:
    verdict, total = found.verdict, found.plan.total
    days = "" if not verdict.days else f"; at the pace so far that takes {verdict.days} more days"
    return Recommendation(
        Advice.SAMPLE_SIZE,
        Priority.HIGH,
        f"The test needs more participants: {found.tally.units} of {total}{days}",
        "Let it run on; raise the exposure if it is to be faster. What the numbers seem to say now decides nothing",
        data={"current": found.tally.units, "required": total, "days": verdict.days},
    )


def _winner(found: Findings) -> Recommendation:
    verdict = found.verdict
    name = verdict.winner or ""
    one = next(each for each in found.primary if each.treatment == name)
    second = ""
    if verdict.runner_up is not None:
        rival = found.experiment.variant(verdict.runner_up).name
        told = verdict.runner_up_p is not None and verdict.runner_up_p < found.experiment.alpha
        second = f'; "{rival}" is better than control too, and the two can{"" if told else "not"} be told apart'
    return Recommendation(
        Advice.IMPLEMENT_WINNER,
        Priority.HIGH,
        f'Variant "{found.experiment.variant(name).name}" is better than control: {_lift(one)}{second}',
        "Publish the workflow with this variant",
        data={"variant": name, "lift": one.lift, "p": one.adjusted_p},
    )


def _secondary(found: Findings) -> Iterator[Recommendation]:
    directions = {one.name: one.direction for one in found.experiment.secondary}
    for one in found.secondary:
        if one.adjusted_p is None or one.adjusted_p >= found.experiment.alpha or one.estimate is None:
            continue
        rises = one.estimate > 0
        good = rises is (directions[one.metric] is Direction.INCREASE)
        yield Recommendation(
            Advice.SECONDARY_METRIC_IMPACT,
            Priority.LOW if good else Priority.MEDIUM,
            f'Variant "{found.experiment.variant(one.treatment).name}" '
            f"{'raises' if rises else 'lowers'} {one.metric}: {_lift(one)}",
            "A test of its own would decide it; here it is one of several that were looked at",
            data={"variant": one.treatment, "metric": one.metric, "lift": one.lift, "p": one.adjusted_p},
        )


def _lift(one: Comparison) -> str:
    if one.lift is None:
        return f"a difference of {one.estimate:.4g}" if one.estimate is not None else "no estimate"
    bound = one.lift_interval
    if bound is None or bound.low is None:
        return signed_percent(one.lift)
    high = "no end" if bound.high is None else signed_percent(bound.high)
    return f"{signed_percent(one.lift)} ({percent(bound.confidence)} interval {signed_percent(bound.low)} to {high})"
