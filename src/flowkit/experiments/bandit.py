"""Weights that follow the results, and a winner that takes over: as data, which a host publishes if it wants to.

Nothing here acts. `reallocated` gives an experiment with new weights and the next number; the host weaves and
publishes it, and from that commit on newcomers are assigned by it, while everybody else keeps their arm. `concluded`
gives the workflow of a winner; the host publishes it.
"""

from __future__ import annotations

from attrs import frozen

from flowkit.experiments.comparing import summary_of
from flowkit.experiments.compiling import compile_variants
from flowkit.experiments.findings import Findings, Outcome
from flowkit.experiments.model import Direction, Experiment, MetricKind
from flowkit.experiments.tallies import Tally
from flowkit.stats import beta_posterior, normal_posterior, standing, thompson_allocation
from flowkit.stats.posteriors import Beliefs
from flowkit.workflows.model import Workflow

__all__ = ["Allocation", "concluded", "reallocated"]


@frozen(kw_only=True)
class Allocation:
    """New weights, and what they are made from.

    Attributes:
        experiment: The experiment with the new weights and the next number of its allocation.
        best: For each arm the chance that it is the best, by its name; they sum to 1.
        expected_loss: For each arm what is lost in the mean by choosing it, in the metric's unit.
        regret: What the new weights lose in the mean against always taking the best arm, for each unit.
        floor: The least share of each arm, from 0 to 1: what is spent on learning.
    """

    experiment: Experiment
    best: dict[str, float]
    expected_loss: dict[str, float]
    regret: float
    floor: float


def reallocated(experiment: Experiment, tally: Tally, *, floor: float = 0.05) -> Allocation:
    """Share the traffic out as a Thompson sampler does in the mean, with a floor for every arm.

    Arms of weight 0 stay closed. All of it is integrated and nothing drawn: the same counts give the same weights.

    Args:
        experiment: The experiment.
        tally: What was counted.
        floor: The least share of each arm that is open, from 0 to 1 over their number.

    Raises:
        ValueError: The metric is a ratio, fewer than two arms are open, an arm has too few units for its mean, or the
            floor is out of range.
    """
    metric = experiment.primary
    open_arms = [one for one in experiment.variants if one.weight > 0]
    if metric.kind is MetricKind.RATIO:
        raise ValueError("weights cannot follow a ratio: take a rate or a mean")
    if len(open_arms) < 2:  # noqa: PLR2004 - one arm has nothing to share
        raise ValueError("at least two arms must have a weight over 0")
    sign = 1 if metric.direction is Direction.INCREASE else -1
    arms = [tally.arm(one.variant_id) for one in open_arms]
    if metric.kind is MetricKind.RATE:
        good = [arm.of(metric.name).total for arm in arms]
        hits = good if sign > 0 else [arm.units - hit for arm, hit in zip(arms, good, strict=True)]
        beliefs: Beliefs = beta_posterior(hits, [arm.units for arm in arms])
    else:
        summaries = [summary_of(metric, arm) for arm in arms]
        means = [sign * float(one.mean) for one in summaries]
        beliefs = normal_posterior(means, [float(one.variance) / float(one.n) for one in summaries])
    stand = standing(beliefs)
    shares = thompson_allocation(stand.best, floor=floor).tolist()
    names = [one.variant_id for one in open_arms]
    loss = stand.expected_loss.tolist()
    return Allocation(
        experiment=experiment.reweighted({name: 100 * share for name, share in zip(names, shares, strict=True)}),
        best=dict(zip(names, stand.best.tolist(), strict=True)),
        expected_loss=dict(zip(names, loss, strict=True)),
        regret=sum(share * lost for share, lost in zip(shares, loss, strict=True)),
        floor=floor,
    )


def concluded(found: Findings, workflow: Workflow) -> Workflow | None:
    """Give the workflow with the variant that won; None where none did.

    Args:
        found: What the analysis found.
        workflow: The workflow as it is without the experiment.

    Raises:
        DocumentError: The variant does not fit the workflow any more.
    """
    if found.verdict.outcome is not Outcome.WINNER or found.verdict.winner is None:
        return None
    return compile_variants(found.experiment, workflow).workflows[found.verdict.winner]
