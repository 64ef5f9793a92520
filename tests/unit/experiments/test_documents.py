"""Experiments as documents: the seed's names, everything that is wrong at once, and the way back."""

import json

import pytest

from flowkit import DocumentError
from flowkit.experiments.changes import (
    ChangeContent,
    ChangeCta,
    ChangeOrder,
    ChangeParameter,
    ChangePersonalization,
    ChangeRoute,
    ChangeSubject,
    ChangeTiming,
    ChangeWeights,
    ReplaceNode,
    SkipNode,
)
from flowkit.experiments.documents import dump_experiment, dumps_experiment, load_experiment
from flowkit.experiments.model import AlwaysValid, FixedSample, GroupSequential, Layer
from tests.support.experiments import corrected, printed, subject_test, welcome_series


def wrong(document, workflow=None):
    with pytest.raises(DocumentError) as caught:
        load_experiment(document, workflow)
    return [(one.code, one.path) for one in caught.value.problems]


def test_the_seeds_test_as_printed_is_refused_with_the_place_and_the_node_that_is_meant():
    with pytest.raises(DocumentError) as caught:
        load_experiment(printed(), welcome_series())
    first, second = caught.value.problems
    assert (first.code, first.path) == ("unknown_target", "/variants/variant_a/changes/0/targetNode")
    assert 'did you mean "start", called "Welcome Email"?' in first.message
    assert second.path == "/variants/variant_b/changes/0/targetNode"


def test_the_corrected_test_is_read_with_the_seeds_defaults():
    experiment = load_experiment(corrected(), welcome_series())
    assert experiment.experiment_id == "welcome_series_subject_line_test"
    assert [(one.variant_id, one.weight) for one in experiment.variants] == [
        ("control", 50),
        ("variant_a", 25),
        ("variant_b", 25),
    ]
    assert experiment.audience.exclude_segments == ("vip_customers",)
    assert experiment.start is not None
    assert experiment.start.isoformat() == "2025-08-27T00:00:00+00:00"
    assert (experiment.primary.event, experiment.primary.baseline) == ("email_open", 0.25)
    assert [one.event for one in experiment.secondary] == ["email_click", "conversion"]
    assert (experiment.minimum_sample, experiment.minimum_effect, experiment.alpha) == (1000, 0.15, 0.05)
    assert isinstance(experiment.rule, FixedSample)


def test_what_is_written_is_read_as_the_same():
    changes = {
        "email_subject": ("start", "Hello"),
        "email_content": ("start", "other_template"),
        "timing": ("wait_3_days", 36.5),
        "personalization": ("start", False),
        "cta": ("start", {"text": "Go", "url": "https://example.com"}),
        "sequence_order": ("start", ["send_welcome"]),
        "route": ("start", {"default": "wait_5_days"}),
        "skip_node": ("wait_3_days", "default"),
        "replace_node": (
            "send_tips_email",
            {
                "node_id": "send_tips_email",
                "name": "More tips",
                "actions": [
                    {"action_id": "t", "action_type": "send_email", "parameters": {"template_id": "more_tips"}}
                ],
                "next_nodes": {"default": "wait_5_days"},
            },
        ),
    }
    document = corrected(
        testId="everything",
        rule={"type": "group_sequential", "looks": 4},
        layer={"id": "onboarding", "from": 10, "to": 60},
        exposurePercent=40,
        attributionDays=7,
        guardrails=[{"name": "unsubscribe_rate", "direction": "decrease", "margin": 0.01}],
    )
    document["variants"]["variant_a"]["changes"] = [
        {"type": kind, "targetNode": node, "newValue": value} for kind, (node, value) in changes.items()
    ] + [{"type": "parameter", "targetNode": "start", "parameter": "topic", "newValue": "news"}]
    experiment = load_experiment(document, welcome_series())
    assert [type(one) for one in experiment.variant("variant_a").changes] == [
        ChangeSubject,
        ChangeContent,
        ChangeTiming,
        ChangePersonalization,
        ChangeCta,
        ChangeOrder,
        ChangeRoute,
        SkipNode,
        ReplaceNode,
        ChangeParameter,
    ]
    assert experiment.rule == GroupSequential(looks=4)
    assert experiment.layer == Layer("onboarding", start=10, end=60)
    assert load_experiment(dumps_experiment(experiment), welcome_series()) == experiment
    json.dumps(dump_experiment(experiment))


def test_weights_of_a_split_are_written_and_read():
    document = dump_experiment(subject_test())
    document["variants"]["variant_a"]["changes"] = [
        {"type": "split_weights", "targetNode": "fork", "newValue": {"a": 1, "b": 3}}
    ]
    [change] = load_experiment(document).variant("variant_a").changes
    assert change == ChangeWeights("fork", {"a": 1, "b": 3})


def test_all_that_is_wrong_is_told_at_once():
    document = corrected(testTyp="a_b", trafficSplit={"control": 50, "variant_a": 25, "variant_c": 25})
    document["variants"]["variant_a"]["changes"][0]["type"] = "email_subjekt"
    del document["variants"]["variant_b"]["changes"]
    document["primaryMetric"] = {"name": "open_rat"}
    assert wrong(document) == [
        ("bad_enum", "/variants/variant_a/changes/0/type"),
        ("missing_field", "/variants/variant_b/changes"),
        ("missing_field", "/trafficSplit/variant_b"),
        ("unknown_variant", "/trafficSplit/variant_c"),
        ("unknown_metric", "/primaryMetric/event"),
        ("unknown_field", "/testTyp"),
    ]


@pytest.mark.parametrize(
    ("fields", "expected"),
    [
        ({"trafficSplit": {"control": 50, "variant_a": 25, "variant_b": 24}}, ("bad_weights", "/trafficSplit")),
        ({"confidenceLevel": 95}, ("out_of_range", "/confidenceLevel")),
        ({"minimumDetectableEffect": 0}, ("out_of_range", "/minimumDetectableEffect")),
        ({"control": "variant_a"}, ("control_changed", "/variants/variant_a/changes")),
        ({"control": "kontrol"}, ("unknown_variant", "/control")),
        ({"endDate": "2025-08-27"}, ("out_of_range", "/endDate")),
        ({"endDate": "2025-02-30"}, ("bad_date", "/endDate")),
        ({"testType": "sequential", "rule": {"type": "fixed"}}, ("conflicting_fields", "/rule")),
        ({"rule": {"type": "group_sequential", "method": "pokock"}}, ("bad_enum", "/rule/method")),
        ({"layer": {"id": "x", "from": 60, "to": 20}}, ("out_of_range", "/layer")),
        ({"exposurePercent": 0}, ("out_of_range", "/exposurePercent")),
        (
            {"primaryMetric": {"name": "open_rate", "baselineValue": 25}},
            ("out_of_range", "/primaryMetric/baselineValue"),
        ),
        ({"testType": "multivariate"}, ("missing_field", "/variants")),
    ],
)
def test_what_cannot_be_is_refused_with_its_place(fields, expected):
    assert wrong(corrected(**fields)) == [expected]


def test_weights_may_be_a_hundredth_off_and_zero_is_a_weight():
    split = {"control": 66.67, "variant_a": 33.33, "variant_b": 0}
    assert load_experiment(corrected(trafficSplit=split)).weights[2] == ("variant_b", 0)


def test_an_experiment_on_another_workflow_is_refused():
    assert wrong(corrected(workflowId="other"), welcome_series()) == [("wrong_workflow", "/workflowId")]


def test_a_sequential_test_has_a_rule_for_looks_without_asking():
    assert load_experiment(corrected(testType="sequential")).rule == GroupSequential()
    assert load_experiment(corrected(rule={"type": "always_valid"})).rule == AlwaysValid()


def test_a_multivariate_test_needs_every_combination_once():
    document = corrected(testType="multivariate", trafficSplit={"control": 50, "variant_a": 25, "variant_b": 25})
    for name, (tone, length) in {
        "control": ("plain", "long"),
        "variant_a": ("warm", "long"),
        "variant_b": ("warm", "short"),
    }.items():
        document["variants"][name]["levels"] = {"tone": tone, "length": length}
    assert wrong(document) == [("missing_variant", "/variants")]


MISFITS = [
    ({"type": "timing", "targetNode": "start", "newValue": 1}, "wrong_target", "targetNode"),
    ({"type": "email_subject", "targetNode": "wait_3_days", "newValue": "x"}, "wrong_target", "targetNode"),
    ({"type": "email_subject", "targetAction": "welcom", "newValue": "x"}, "unknown_target", "targetAction"),
    ({"type": "sequence_order", "newValue": ["a"]}, "bad_order", "newValue"),
    ({"type": "split_weights", "newValue": {"a": 1}}, "wrong_target", "targetNode"),
    ({"type": "route", "newValue": {"default": "wait_3_dys"}}, "unknown_target", "newValue/default"),
    ({"type": "skip_node", "targetNode": "check_engagement", "newValue": "engagd"}, "unknown_target", "newValue"),
    (
        {"type": "parameter", "parameter": "personalization", "newValue": "yes"},
        "wrong_type",
        "newValue/personalization",
    ),
    ({"type": "replace_node", "newValue": {"node_id": "start"}}, "missing_field", "newValue/name"),
]


@pytest.mark.parametrize(("change", "code", "path"), MISFITS)
def test_a_change_that_does_not_fit_is_refused_with_its_place(change, code, path):
    document = corrected()
    document["variants"]["variant_a"]["changes"] = [{"targetNode": "start", **change}]
    assert wrong(document, welcome_series())[0] == (code, f"/variants/variant_a/changes/0/{path}")


def test_a_variant_that_is_no_sound_workflow_is_refused():
    document = corrected()
    # Both waits of the way are skipped, and the way is led back: a loop without a pause.
    document["variants"]["variant_a"]["changes"] = [
        {"type": "route", "targetNode": "start", "newValue": {"default": "start"}}
    ]
    assert wrong(document, welcome_series()) == [("endless_loop", "/variants/variant_a/changes")]
