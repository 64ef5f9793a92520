"""The seed's welcome series and its test, and small experiments on it."""

from __future__ import annotations

from copy import deepcopy
from pathlib import Path
from typing import Any

from attrs import evolve

from flowkit import Workflow, load_workflow
from flowkit.experiments.changes import ChangeSubject
from flowkit.experiments.model import Experiment, Metric, Variant

GOLDEN = Path(__file__).resolve().parents[1] / "golden"

# As the seed prints it: the node that it names is not in the workflow that it names.
PRINTED: dict[str, Any] = {
    "testName": "Welcome Series Subject Line Test",
    "workflowId": "welcome_series_v2",
    "testType": "a_b",
    "startDate": "2025-08-27",
    "endDate": "2025-09-27",
    "targetAudience": {"segments": ["new_subscribers"], "excludeSegments": ["vip_customers"]},
    "trafficSplit": {"control": 50, "variant_a": 25, "variant_b": 25},
    "variants": {
        "control": {"name": "Original Subject Line", "changes": []},
        "variant_a": {
            "name": "Personalized Subject Line",
            "changes": [
                {
                    "type": "email_subject",
                    "targetNode": "welcome_email",
                    "newValue": "Welcome {{firstName}}! Here's your personal guide",
                }
            ],
        },
        "variant_b": {
            "name": "Urgency Subject Line",
            "changes": [
                {
                    "type": "email_subject",
                    "targetNode": "welcome_email",
                    "newValue": "Your welcome bonus expires in 24 hours!",
                }
            ],
        },
    },
    "primaryMetric": {"name": "email_open_rate", "type": "rate", "baselineValue": 0.25},
    "secondaryMetrics": [{"name": "click_through_rate", "type": "rate"}, {"name": "conversion_rate", "type": "rate"}],
    "minimumDetectableEffect": 0.15,
    "confidenceLevel": 0.95,
}


def printed(**more: Any) -> dict[str, Any]:
    """The seed's document, with fields of one's own."""
    return {**deepcopy(PRINTED), **more}


def corrected(**more: Any) -> dict[str, Any]:
    """The same with the node that is meant."""
    document = printed(**more)
    for variant in ("variant_a", "variant_b"):
        document["variants"][variant]["changes"][0]["targetNode"] = "start"
    return document


def welcome_series() -> Workflow:
    return load_workflow((GOLDEN / "welcome_series.json").read_text(encoding="utf-8"))


def subject_test(experiment_id: str = "subject", *, weights: tuple[float, ...] = (50, 50), **more: Any) -> Experiment:
    """Control and treatments, each with a subject line of its own."""
    names = ["control", *(f"variant_{letter}" for letter in "abcdefgh"[: len(weights) - 1])]
    variants = [
        Variant(name, name, weight=weight, changes=[] if name == "control" else [ChangeSubject("start", name)])
        for name, weight in zip(names, weights, strict=True)
    ]
    given = Experiment(
        experiment_id=experiment_id,
        name=experiment_id,
        workflow_id="welcome_series_v2",
        variants=variants,
        primary=Metric("email_open_rate", "email_open", baseline=0.25),
        minimum_sample=0,
    )
    return evolve(given, **more)
