"""Verdicts: what each rule lets one conclude, and what no rule does."""

from datetime import UTC, datetime, timedelta

import numpy as np
import pytest
from attrs import evolve
from scipy import stats

from flowkit.experiments.analysis import analyse
from flowkit.experiments.deciding import rule_on
from flowkit.experiments.findings import Advice, Guard, Outcome
from flowkit.experiments.model import (
    AlwaysValid,
    Direction,
    ExperimentKind,
    FixedSample,
    GroupSequential,
    Metric,
    MetricKind,
    Multiplicity,
    Variant,
)
from flowkit.experiments.planning import audience_shortfall, days_for, plan_of
from flowkit.experiments.tallies import ArmTotals, Sums, Tally
from tests.support.experiments import subject_test

NOW = datetime(2026, 3, 20, tzinfo=UTC)
OPENS = "email_open_rate"


def tally(*arms, metrics=None, exposed=None, **more):
    """Counts of the arms: (units, successes) each, of the primary metric."""
    names = ["control", "variant_a", "variant_b", "variant_c"]
    extra = metrics or {}
    return Tally(
        experiment_id="subject",
        at=NOW,
        first=NOW - timedelta(days=10),
        arms=tuple(
            ArmTotals(
                arm=name,
                exposed=units if exposed is None else exposed,
                units=units,
                sums={OPENS: Sums(hits, hits), **{key: values[index] for key, values in extra.items()}},
            )
            for index, (name, (units, hits)) in enumerate(zip(names, arms, strict=False))
        ),
        **more,
    )


def planned(**more):
    return subject_test(primary=Metric(OPENS, "email_open", baseline=0.25), minimum_effect=0.15, **more)


def test_the_plan_is_that_of_two_proportions():
    one, two = 0.25, 0.25 * 1.15
    a, b, middle = stats.norm.isf(0.025), stats.norm.isf(0.2), (one + two) / 2
    root = a * (2 * middle * (1 - middle)) ** 0.5 + b * (one * (1 - one) + two * (1 - two)) ** 0.5
    assert int(np.ceil((root / (two - one)) ** 2)) == 2_193
    plan = plan_of(planned())
    assert plan.units == {"control": 2_193, "variant_a": 2_193}
    assert (plan.total, plan.reasons) == (4_386, ())
    assert days_for(plan, 1_000) == 7


def test_the_plan_knows_weights_several_treatments_and_looks():
    uneven = plan_of(planned(weights=(50, 25, 25)))
    assert uneven.units["control"] == pytest.approx(2 * uneven.units["variant_a"], abs=2)
    assert uneven.total > plan_of(planned()).total
    looked = plan_of(planned(rule=GroupSequential(looks=5)))
    assert 1.01 < looked.inflation < 1.06
    assert looked.total > plan_of(planned()).total


def test_an_audience_that_is_too_small_is_told_beforehand():
    plan = plan_of(planned())
    assert audience_shortfall(plan, 4_386) is None
    assert audience_shortfall(plan, 4_385).data == {"audience": 4_385, "required": 4_386}


def test_what_cannot_be_planned_counts_by_the_minimum():
    plan = plan_of(subject_test(primary=Metric("revenue", "purchase", kind=MetricKind.MEAN), minimum_sample=500))
    assert (plan.total, plan.reasons) == (500, ("no_baseline", "no_plan"))


def test_a_difference_before_the_planned_sample_is_no_winner():
    found = analyse(planned(), tally((400, 100), (400, 160)))
    assert found.primary[0].p < 0.0001
    assert found.verdict.outcome is Outcome.KEEP_RUNNING
    assert found.verdict.peeked
    assert (found.verdict.remaining, found.verdict.days) == (3_586, 45)
    assert [one.type for one in found.recommendations] == [Advice.SAMPLE_SIZE]


def test_a_difference_at_the_planned_sample_is_a_winner():
    found = analyse(planned(), tally((2_193, 548), (2_193, 650)))
    assert (found.verdict.outcome, found.verdict.winner) == (Outcome.WINNER, "variant_a")
    [one] = found.primary
    assert one.p == pytest.approx(stats.chi2_contingency([[548, 1_645], [650, 1_543]], correction=False).pvalue)
    assert one.lift == pytest.approx(650 / 548 - 1)
    assert found.recommendations[0].type is Advice.IMPLEMENT_WINNER
    assert found.verdict.power == pytest.approx(0.8, abs=0.005)


def test_what_was_decided_at_the_planned_sample_is_not_decided_again():
    first = analyse(planned(), tally((2_193, 548), (2_193, 560)))
    assert first.verdict.outcome is Outcome.NO_WINNER
    later = analyse(planned(), tally((4_000, 1_000), (4_000, 1_150)), looks=first.looks)
    assert later.primary[0].p < 0.05
    assert later.verdict.outcome is Outcome.NO_WINNER


@pytest.mark.parametrize("rule", [FixedSample(), GroupSequential(looks=2), AlwaysValid()])
def test_what_was_better_when_it_was_decided_is_not_called_worse_by_what_comes_later(rule):
    experiment = planned(rule=rule)
    first = analyse(experiment, tally((3_000, 750), (3_000, 1_000)))
    assert (first.verdict.outcome, first.verdict.better, first.verdict.worse) == ("winner", ("variant_a",), ())
    later = analyse(experiment, tally((9_000, 2_400), (9_000, 2_390)), looks=first.looks)
    assert (later.verdict.outcome, later.verdict.better, later.verdict.worse) == ("winner", ("variant_a",), ())


def test_no_winner_is_said_not_to_be_no_effect():
    found = analyse(planned(), tally((2_193, 548), (2_193, 560)))
    [advice] = found.recommendations
    assert advice.type is Advice.NO_CLEAR_WINNER
    assert "not to say that there is no effect" in advice.message


def test_units_whose_window_is_open_are_waited_for():
    found = analyse(planned(), tally((2_000, 500), (2_000, 600), exposed=2_200))
    assert found.verdict.outcome is Outcome.KEEP_RUNNING
    assert "window_open" in found.verdict.reasons


def test_a_control_that_is_better_never_wins():
    found = analyse(planned(), tally((2_193, 650), (2_193, 548)))
    assert (found.verdict.outcome, found.verdict.winner) == (Outcome.NO_WINNER, None)
    assert found.verdict.worse == ("variant_a",)
    assert Advice.TREATMENT_WORSE in [one.type for one in found.recommendations]


def test_a_metric_that_is_to_fall():
    primary = Metric(OPENS, "unsubscribe", baseline=0.25, direction=Direction.DECREASE)
    experiment = subject_test(primary=primary, minimum_effect=0.15)
    plan = plan_of(experiment)
    assert plan.effect == pytest.approx(-0.0375)
    found = analyse(experiment, tally((2_193, 650), (2_193, 548)))
    assert found.verdict.winner == "variant_a"
    assert found.primary[0].chance > 0.99


def test_arms_of_the_wrong_sizes_are_told_before_anything_else():
    found = analyse(planned(), tally((2_193, 548), (2_600, 800)))
    assert found.ratio.verdict == "alarm"
    assert found.verdict.outcome is Outcome.BROKEN
    assert [one.type for one in found.recommendations] == [Advice.SAMPLE_RATIO]


def test_weights_that_changed_leave_nothing_to_test_the_sizes_against():
    found = analyse(planned(), tally((2_193, 548), (3_000, 800), reweighted=True))
    assert (found.ratio.verdict, found.ratio.reasons) == ("not_tested", ("reweighted",))
    assert "reweighted" in found.verdict.reasons


def test_of_several_winners_the_best_is_named_and_whether_it_can_be_told_from_the_second():
    experiment = planned(weights=(34, 33, 33))
    found = analyse(experiment, tally((4_080, 1_000), (3_960, 1_150), (3_960, 1_200)))
    assert found.verdict.better == ("variant_b", "variant_a")
    assert (found.verdict.winner, found.verdict.runner_up) == ("variant_b", "variant_a")
    expected = stats.chi2_contingency([[1_150, 2_810], [1_200, 2_760]], correction=False).pvalue
    assert found.verdict.runner_up_p == pytest.approx(expected)
    assert "cannot be told apart" in found.recommendations[0].message


def test_several_treatments_share_the_error():
    experiment = planned(weights=(25, 25, 25, 25))
    counts = tally((3_000, 750), (3_000, 820), (3_000, 760), (3_000, 755))
    found = analyse(experiment, counts)
    assert found.primary[0].p < 0.05 < found.primary[0].adjusted_p
    assert found.verdict.outcome is Outcome.NO_WINNER
    dunnett = analyse(evolve(experiment, multiplicity=Multiplicity.DUNNETT), counts).primary[0].adjusted_p
    assert found.primary[0].p < dunnett < found.primary[0].adjusted_p


@pytest.mark.parametrize(
    ("unsubscribed", "state", "outcome"),
    [
        ((44, 45), Guard.SAFE, Outcome.WINNER),
        ((44, 60), Guard.OPEN, Outcome.WINNER),
        ((44, 130), Guard.HARMED, Outcome.BLOCKED),
    ],
)
def test_a_winner_that_harms_a_guardrail_is_held_up(unsubscribed, state, outcome):
    guard = Metric("unsubscribed", "unsubscribe", direction=Direction.DECREASE, margin=0.01)
    sums = {"unsubscribed": [Sums(one, one) for one in unsubscribed]}
    found = analyse(planned(guardrails=[guard]), tally((2_193, 548), (2_193, 650), metrics=sums))
    assert [one.state for one in found.guards] == [state]
    assert found.verdict.outcome is outcome
    assert ("guardrail_open" in found.verdict.reasons) is (state is Guard.OPEN)


def test_secondary_metrics_are_adjusted_over_all_of_them():
    secondary = [Metric("clicked", "email_click"), Metric("bought", "purchase")]
    sums = {"clicked": [Sums(200, 200), Sums(300, 300)], "bought": [Sums(50, 50), Sums(51, 51)]}
    found = analyse(planned(secondary=secondary), tally((2_193, 548), (2_193, 560), metrics=sums))
    raw = [one.p for one in found.secondary]
    assert [one.adjusted_p for one in found.secondary] == pytest.approx(stats.false_discovery_control(raw))
    assert [one.data["metric"] for one in found.recommendations if one.type is Advice.SECONDARY_METRIC_IMPACT] == [
        "clicked"
    ]


def test_nothing_is_nan_where_there_is_nothing():
    empty = analyse(planned(), tally((0, 0), (0, 0)))
    assert (empty.verdict.outcome, empty.verdict.reasons) == (Outcome.KEEP_RUNNING, ("no_units",))
    assert empty.primary[0].reasons == ("too_few_units",)
    assert empty.primary[0].estimate is None
    zero = analyse(planned(), tally((2_500, 0), (2_500, 9)))
    assert (zero.primary[0].lift, zero.primary[0].lift_interval.high) == (None, None)
    assert {"control_zero", "unbounded"} <= set(zero.primary[0].reasons)
    same = analyse(planned(), tally((2_500, 0), (2_500, 0)))
    assert (same.primary[0].p, same.verdict.outcome) == (1.0, Outcome.NO_WINNER)


def test_means_are_compared_by_welch():
    rng = np.random.default_rng(7)
    one, two = rng.gamma(2, 10, 900), rng.gamma(2, 11, 1_000)
    metric = Metric("revenue", "purchase", kind=MetricKind.MEAN, baseline=20, deviation=14)
    arms = tuple(
        ArmTotals(arm=name, exposed=950, units=len(values), sums={"revenue": Sums(values.sum(), (values**2).sum())})
        for name, values in (("control", one), ("variant_a", two))
    )
    found = analyse(subject_test(primary=metric), Tally(experiment_id="subject", at=NOW, arms=arms))
    expected = stats.ttest_ind(two, one, equal_var=False)
    assert found.primary[0].p == pytest.approx(expected.pvalue)
    assert found.primary[0].statistic == pytest.approx(expected.statistic)
    low, high = expected.confidence_interval()
    assert (found.primary[0].interval.low, found.primary[0].interval.high) == pytest.approx((low, high))


def test_planned_looks_decide_at_their_boundary_and_between_them_nothing_does():
    experiment = planned(rule=GroupSequential(looks=4))
    total = plan_of(experiment).total
    quarter = total // 8 + 1
    first = analyse(experiment, tally((quarter, quarter // 4), (quarter, quarter // 4 + 30)))
    assert (first.verdict.outcome, len(first.looks)) == (Outcome.KEEP_RUNNING, 1)
    assert first.looks[0].bound > 4  # O'Brien and Fleming: strict early on
    between = analyse(experiment, tally((quarter + 50, quarter // 4), (quarter + 50, quarter // 2)), looks=first.looks)
    assert between.verdict.peeked
    assert between.verdict.reasons[0] == "between_looks"
    assert between.looks == first.looks
    half = 2 * quarter
    second = analyse(experiment, tally((half, half // 4), (half, half // 4 + 90)), looks=first.looks)
    assert second.verdict.outcome is Outcome.WINNER
    again = analyse(experiment, tally((half + 99, half // 4), (half + 99, half // 4)), looks=second.looks)
    assert again.looks == second.looks
    assert again.verdict.reasons[0] == "boundary_reached"


def test_the_always_valid_rule_decides_when_its_interval_leaves_zero():
    experiment = planned(rule=AlwaysValid())
    weak = analyse(experiment, tally((2_000, 500), (2_000, 560)))
    assert weak.primary[0].p > 0.05 > stats.chi2_contingency([[500, 1_500], [560, 1_440]], correction=False).pvalue
    assert (weak.verdict.outcome, weak.verdict.peeked) == (Outcome.KEEP_RUNNING, False)
    assert weak.primary[0].interval.low < 0
    strong = analyse(experiment, tally((2_000, 500), (2_000, 620)))
    assert strong.verdict.outcome is Outcome.WINNER
    assert strong.primary[0].interval.low > 0
    # What was told apart once stays so, whatever the numbers do after that.
    later = analyse(experiment, tally((2_600, 690), (2_600, 740)), looks=strong.looks)
    assert later.primary[0].p > 0.05
    assert later.verdict.winner == "variant_a"


def test_an_end_without_a_decision_is_no_winner():
    experiment = planned(end=NOW - timedelta(days=14))
    found = analyse(experiment, tally((400, 100), (400, 160)))
    assert found.verdict.outcome is Outcome.NO_WINNER
    assert "ended" in found.verdict.reasons


def test_factors_are_estimated_over_all_variants():
    cells = {"control": ("plain", "long"), "variant_a": ("warm", "long"), "variant_b": ("plain", "short")}
    cells["variant_c"] = ("warm", "short")
    variants = [
        Variant(name, name, weight=25, levels={"tone": tone, "length": length})
        for name, (tone, length) in cells.items()
    ]
    experiment = planned(variants=variants, kind=ExperimentKind.MULTIVARIATE)
    found = analyse(experiment, tally((3_000, 600), (3_000, 720), (3_000, 630), (3_000, 780)))
    tone, length, both = found.effects
    assert tone.factors == {"tone": "warm"}
    assert tone.estimate == pytest.approx(((720 - 600) + (780 - 630)) / 2 / 3_000)
    assert length.estimate == pytest.approx(((630 - 600) + (780 - 720)) / 2 / 3_000)
    assert both.estimate == pytest.approx(((780 - 630) - (720 - 600)) / 3_000)
    assert tone.adjusted_p < 0.001 < both.adjusted_p


@pytest.mark.slow
@pytest.mark.parametrize("rule", ["fixed", "group_sequential", "always_valid"])
def test_a_look_every_day_keeps_the_error_of_the_rule_and_not_that_of_the_naive_test(rule):
    rules = {"fixed": {}, "group_sequential": {"rule": GroupSequential()}, "always_valid": {"rule": AlwaysValid()}}
    experiment = planned(**rules[rule])
    plan = plan_of(experiment)
    daily, days, worlds = plan.total // 20 + 1, 20, 250
    rng = np.random.default_rng(20_260_320)
    false, naive = 0, 0
    for _ in range(worlds):
        hits = np.cumsum(rng.binomial(daily // 2, 0.25, size=(days, 2)), axis=0)
        looks, won, fooled = (), False, False
        for number, (one, two) in enumerate(hits, start=1):
            units = number * (daily // 2)
            ruling = rule_on(experiment, tally((units, int(one)), (units, int(two))), plan, looks)
            looks = ruling.looks
            won = won or (ruling.decides and bool(ruling.crossed))
            fooled = fooled or abs(ruling.comparisons[0].statistic) > 1.96
        false += won
        naive += fooled
    assert stats.binomtest(false, worlds, 0.05, alternative="greater").pvalue > 0.001
    assert naive / worlds > 0.15
