"""Weights that follow the results, and winners that take over: as data."""

import pytest
from attrs import evolve

from flowkit.experiments.analysis import analyse
from flowkit.experiments.bandit import concluded, reallocated
from flowkit.experiments.changes import ChangeSubject
from flowkit.experiments.model import Direction, Metric, MetricKind
from flowkit.experiments.weaving import weave
from flowkit.stats import beta_posterior, standing
from flowkit.workflows.model import SendEmail
from tests.support.experiments import subject_test, welcome_series
from tests.unit.experiments.test_analysis import OPENS, planned, tally


def test_weights_follow_the_chance_to_be_best_and_keep_the_floor():
    experiment = planned(weights=(34, 33, 33))
    made = reallocated(experiment, tally((500, 100), (500, 130), (500, 90)), floor=0.1)
    best = standing(beta_posterior([100, 130, 90], [500, 500, 500])).best
    assert list(made.best.values()) == pytest.approx(best)
    weights = dict(made.experiment.weights)
    assert weights == pytest.approx({name: 10 + 70 * chance for name, chance in zip(weights, best, strict=True)})
    assert sum(weights.values()) == pytest.approx(100)
    assert made.regret == pytest.approx(sum(weights[name] / 100 * made.expected_loss[name] for name in weights))
    assert made.experiment.allocation == 1


def test_a_metric_that_is_to_fall_turns_the_order():
    rising = reallocated(planned(), tally((500, 100), (500, 130)))
    falling = evolve(planned(), primary=Metric(OPENS, "x", direction=Direction.DECREASE))
    turned = reallocated(falling, tally((500, 100), (500, 130)))
    assert turned.best["control"] == pytest.approx(rising.best["variant_a"])


def test_an_arm_of_weight_0_stays_closed():
    made = reallocated(planned(weights=(50, 50, 0)), tally((500, 100), (500, 130), (500, 400)))
    assert dict(made.experiment.weights)["variant_b"] == 0


def test_a_ratio_has_no_allocation():
    ratio = Metric("r", "a", kind=MetricKind.RATIO, denominator="b")
    with pytest.raises(ValueError, match="ratio"):
        reallocated(subject_test(primary=ratio), tally((500, 100), (500, 130)))


def test_an_allocation_is_numbered_in_the_workflow_that_carries_it():
    made = reallocated(planned(), tally((500, 100), (500, 130)))
    [action] = weave(welcome_series(), [made.experiment]).nodes["start@subject"].actions
    assert action.do.parameters == {"allocation": 1}


def test_the_winner_is_a_workflow_to_publish_and_no_winner_is_none():
    won = analyse(planned(), tally((2_193, 548), (2_193, 650)))
    workflow = concluded(won, welcome_series())
    [action] = workflow.nodes["start"].actions
    assert isinstance(action.do, SendEmail)
    assert action.do.subject == won.experiment.variant("variant_a").changes[0].subject
    assert isinstance(won.experiment.variant("variant_a").changes[0], ChangeSubject)
    assert concluded(analyse(planned(), tally((400, 100), (400, 160))), welcome_series()) is None
