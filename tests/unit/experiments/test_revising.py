"""What is asked, and how it is decided, stays as it was at the start."""

import pytest
from attrs import evolve

from flowkit import DocumentError
from flowkit.experiments.model import AlwaysValid, Metric
from flowkit.experiments.revising import revised
from tests.support.experiments import subject_test


def test_weights_may_change_and_the_exposure_may_grow():
    running = evolve(subject_test(), exposure=20.0)
    edited = evolve(running.reweighted({"control": 20, "variant_a": 80}), exposure=50.0, name="Another name")
    assert revised(running, edited) is edited


@pytest.mark.parametrize(
    ("edit", "path"),
    [
        ({"primary": Metric("clicks", "email_click")}, "/primaryMetric"),
        ({"rule": AlwaysValid()}, "/rule"),
        ({"confidence": 0.8}, "/confidenceLevel"),
        ({"exposure": 10.0}, "/exposurePercent"),
        ({"minimum_sample": 5}, "/minimumSampleSize"),
    ],
)
def test_the_question_and_the_rule_are_frozen(edit, path):
    running = evolve(subject_test(), exposure=20.0)
    with pytest.raises(DocumentError) as caught:
        revised(running, evolve(running, **edit))
    assert [(one.code, one.path) for one in caught.value.problems] == [("frozen", path)]
