"""Assignment: frozen, uniform, independent between experiments, and moving as few as can be."""

from collections import Counter
from itertools import islice

import numpy as np
import pytest
from attrs import evolve
from scipy.stats import chi2_contingency, chisquare

from flowkit.experiments.assignment import Standing, arm_of, enrol, exclusions, held_out
from flowkit.experiments.model import Layer
from tests.support.experiments import subject_test

UNITS = [f"subscriber_{number}" for number in range(20_000)]


def arms(experiment, units=UNITS):
    return [arm_of(experiment, unit) for unit in units]


def test_assignments_are_frozen():
    experiment = subject_test("golden", weights=(50, 25, 25))
    units = ["ada", "ben", "cem", "1", "2", "3", "jürgen", "李雷"]
    assert [arm_of(experiment, unit) for unit in units] == GOLDEN["arms"]
    layered = evolve(experiment, layer=Layer("onboarding", start=20, end=70), exposure=60.0)
    assert [str(enrol(layered, unit).standing) for unit in units] == GOLDEN["standings"]


@pytest.mark.slow
@pytest.mark.parametrize("form", ["{}", "subscriber_{}"])
def test_a_million_sequential_ids_are_spread_by_the_weights(form):
    experiment = subject_test("uniform", weights=(50, 25, 20, 5))
    counts = Counter(arm_of(experiment, form.format(number)) for number in range(1_000_000))
    expected = [weight * 10_000 for _, weight in experiment.weights]
    assert chisquare([counts[label] for label, _ in experiment.weights], expected).pvalue > 0.001
    # Neighbours too: the arm of one says nothing about the next.
    if form == "{}":
        drawn = [arm_of(experiment, str(number)) for number in range(200_000)]
        pairs = Counter(zip(drawn, islice(drawn, 1, None), strict=False))
        labels = [label for label, _ in experiment.weights]
        assert chi2_contingency([[pairs[one, other] for other in labels] for one in labels]).pvalue > 0.001


def test_experiments_are_independent():
    one, other = arms(subject_test("one")), arms(subject_test("other"))
    pairs = Counter(zip(one, other, strict=True))
    labels = ["control", "variant_a"]
    assert chi2_contingency([[pairs[a, b] for b in labels] for a in labels]).pvalue > 0.001
    assert abs(np.corrcoef([a == "control" for a in one], [b == "control" for b in other])[0, 1]) < 0.03


def test_a_reweighting_moves_no_more_than_it_must():
    before = arms(subject_test("moves", weights=(50, 50)))
    after = arms(subject_test("moves", weights=(40, 60)))
    moved = Counter((one, other) for one, other in zip(before, after, strict=True) if one != other)
    assert set(moved) == {("control", "variant_a")}
    assert abs(moved.total() / len(UNITS) - 0.1) < 0.01


def test_an_arm_that_comes_takes_over_and_moves_nobody_between_the_others():
    before = arms(subject_test("grows", weights=(50, 50)))
    after = arms(subject_test("grows", weights=(40, 40, 20)))
    moved = {(one, other) for one, other in zip(before, after, strict=True) if one != other}
    assert moved == {("control", "variant_b"), ("variant_a", "variant_b")}


def test_a_weight_of_nothing_takes_nobody_and_keeps_who_is_stored():
    closed = subject_test("closed", weights=(100, 0))
    assert set(arms(closed)) == {"control"}
    assert enrol(closed, "ada", stored="variant_a").arm == "variant_a"
    assert enrol(closed, "ada", stored="an arm that is gone").arm == "control"


def test_more_exposure_keeps_everybody_in_their_arm_and_adds_by_the_weights():
    few = evolve(subject_test("exposed"), exposure=10.0)
    many = evolve(few, exposure=40.0)
    first = {unit: drawn.arm for unit in UNITS if (drawn := enrol(few, unit)).arm}
    second = {unit: drawn.arm for unit in UNITS if (drawn := enrol(many, unit)).arm}
    assert first.items() <= second.items()
    assert abs(len(first) / len(UNITS) - 0.1) < 0.01
    assert abs(len(second) / len(UNITS) - 0.4) < 0.015
    # Exposure and arm are two lots: among the exposed the arms have their shares.
    assert chisquare(list(Counter(first.values()).values())).pvalue > 0.001


def test_slots_of_a_layer_have_nobody_in_common_and_the_rest_is_held_out():
    one = evolve(subject_test("one"), layer=Layer("onboarding", start=0, end=45))
    other = evolve(subject_test("other"), layer=Layer("onboarding", start=45, end=90))
    standings = [(enrol(one, unit).standing, enrol(other, unit).standing) for unit in UNITS]
    counts = Counter(standings)
    assert (Standing.ASSIGNED, Standing.ASSIGNED) not in counts
    held = counts[Standing.OTHER_SLOT, Standing.OTHER_SLOT] / len(UNITS)
    assert abs(held - 0.1) < 0.01
    assert list(exclusions([one, other])) == []
    assert held_out([one, other]) == {"onboarding": 10.0}


def test_slots_that_overlap_are_found():
    one = evolve(subject_test("one"), layer=Layer("onboarding", start=0, end=50))
    other = evolve(subject_test("other"), layer=Layer("onboarding", start=49, end=90))
    elsewhere = evolve(subject_test("third"), layer=Layer("other", start=0, end=90))
    assert list(exclusions([one, other, elsewhere])) == [("one", "other")]


GOLDEN = {
    "arms": ["variant_b", "variant_b", "control", "variant_a", "control", "control", "control", "control"],
    "standings": [
        "assigned",
        "not_exposed",
        "not_exposed",
        "not_exposed",
        "not_exposed",
        "other_slot",
        "assigned",
        "assigned",
    ],
}
